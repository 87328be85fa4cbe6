"""Laws of separation: found where a flat part is unbounded, nowhere else, and what is refused."""

from __future__ import annotations

import dataclasses
import re
import time

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import brentq, linprog
from scipy.stats import norm

import bayesreg as br
from bayesreg.language.errors import BadData, PerfectFit
from bayesreg.model.met import order_at_zero
from bayesreg.model.separation import direction, overlapping
from bayesreg.priors import Power
from tests.cases import priors

pytestmark = pytest.mark.filterwarnings("ignore::bayesreg.language.errors.BayesregWarning")

N = 24


def columns(seed=0):
    """A column that splits the rows in two, one that does not, and y by the side of the first."""
    rng = np.random.default_rng(seed)
    apart = np.concatenate([rng.uniform(-3, -0.2, N // 2), rng.uniform(0.2, 3, N // 2)])
    y = (apart > 0.0).astype(float)
    return np.column_stack([apart, rng.standard_normal(N)]), y


def test_a_direction_separates_by_its_definition():
    """s·x'd ≥ 0 in every row and > 0 in some, for random data; none where rows overlap."""
    found = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        k = int(rng.integers(1, 5))
        x = rng.standard_normal((12, k)) * 10.0 ** rng.integers(-3, 4, k)
        side = np.where(rng.random(12) < 0.5, 1.0, -1.0)
        if seed % 2:
            side = np.where(x @ rng.standard_normal(k) > 0.0, 1.0, -1.0)
        d = direction(x, side)
        if d is None:
            assert seed % 2 == 0
            # No random direction does either.
            trials = rng.standard_normal((k, 4000)) / np.abs(x).max(0)[:, None]
            assert not np.any(np.all(side[:, None] * (x @ trials) >= 0.0, axis=0))
            continue
        found += 1
        reach = side * (x @ d) / np.abs(x * d).max()
        assert reach.min() >= -1e-9
        assert reach.max() > 1e-9
    assert 30 <= found < 60


def test_a_row_of_neither_class_must_stay_on_the_plane():
    """Side 0 holds x'd at 0: what a binomial row with both outcomes says."""
    x, side = np.array([[1.0, 1.0], [1.0, -1.0], [1.0, 0.0]]), np.array([1.0, -1.0, 0.0])
    d = direction(x, side)
    assert d is not None
    assert abs(d[0]) <= 1e-9 * abs(d[1])
    assert direction(np.array([[1.0, 1.0], [1.0, -1.0], [0.0, 1.0]]), side) is None


def test_quasi_separation_is_separation():
    """A tie on the plane; two rows equal but for their class end it."""
    x = np.column_stack([np.ones(4), [-1.0, 0.0, 0.0, 1.0]])
    assert direction(x, np.array([-1.0, -1.0, 1.0, 1.0])) is not None
    assert direction(x, np.array([-1.0, 1.0, 1.0, -1.0])) is None
    assert direction(np.ones((4, 1)), np.array([-1.0, 1.0, 1.0, -1.0])) is None
    assert direction(np.ones((4, 1)), np.ones(4)) is not None
    assert direction(np.zeros((4, 0)), np.ones(4)) is None


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
@pytest.mark.parametrize("standardize", [False, True], ids=["raw", "standardised"])
def test_a_flat_column_that_separates_is_refused_by_name(scale, standardize):
    X, y = columns()
    frame = pd.DataFrame({"dose": X[:, 0] * scale, "age": X[:, 1]})
    for prior in (br.Flat(), {"dose": br.Flat(), ...: br.Normal(1.0)}):
        with pytest.raises(BadData, match=r"'dose'.*separate.*Normal\(2.5\)"):
            br.Model(prior, br.Bernoulli()).condition(frame, y, standardize=standardize)
    # Under a proper prior it is welcome; and flat where one row overlaps.
    br.Model(br.Normal(2.5), br.Bernoulli()).condition(frame, y, standardize=standardize)
    mixed = y.copy()
    mixed[[0, -1]] = mixed[[-1, 0]]
    model = br.Model(br.Flat(), br.Bernoulli())
    fit = br.fit_map(model.condition(frame, mixed, standardize=standardize))
    assert fit.certificate.ok


def test_one_class_is_refused_unless_nothing_is_flat():
    X, _ = columns()
    for y in (np.zeros(N), np.ones(N)):
        with pytest.raises(BadData, match=r"one class.*intercept=False"):
            br.Model(br.Normal(1.0), br.Bernoulli()).condition(X, y)
        problem = br.Model(br.Normal(1.0), br.Bernoulli()).condition(X, y, intercept=False)
        assert br.fit_map(problem).certificate.ok


def test_weights_of_zero_are_no_rows():
    """A row that alone overlaps, or alone is of its class, counts for nothing at weight 0."""
    X, y = columns()
    y[0] = 1.0
    y[1 : N // 2] = 0.0
    w = np.ones(N)
    br.Model(br.Flat(), br.Bernoulli()).condition(X[:, :1], y, weights=w)
    w[0] = 0.0
    with pytest.raises(BadData, match="separate"):
        br.Model(br.Flat(), br.Bernoulli()).condition(X[:, :1], y, weights=w)


HEAVY = [
    br.Horseshoe(0.9),
    br.Horseshoe(),
    br.HorseshoePlus(0.5),
    br.Cauchy(0.8),
    br.StudentT(1.0, 0.7),
    br.DoublePareto(1.0, 0.9),
    br.Normal(br.HalfCauchy(1.0)),
    br.Laplace(br.HalfCauchy(0.2), unit="y"),
]
LIGHT = [
    br.Normal(),
    br.Laplace(),
    br.Normal(3.0),
    br.Laplace(0.4),
    br.ElasticNet(0.7, 0.5),
    br.StudentT(3.5, 1.3),
    br.RegularizedHorseshoe(),
    br.RegularizedHorseshoe(0.7, 2.0, 4.0),
    br.Normal(br.HalfNormal(2.0)),
    br.Laplace(br.HalfStudentT(3.0, 1.0)),
    br.NormalGamma(0.5, 0.9),
    br.Bridge(0.6, 1.1),
]


@pytest.mark.parametrize("prior", HEAVY, ids=repr)
def test_a_heavy_tail_is_refused_on_separated_data_alone(prior):
    """E‖b‖ must be finite beside a flat intercept; without one, or with overlap, nothing must."""
    X, y = columns()
    model = br.Model(prior, br.Bernoulli())
    # A heavy scale is cured by another scale, a heavy family by another family.
    own = type(prior).__name__ in {"Normal", "Laplace"}
    cure = r"HalfStudentT\(3\) or HalfNormal as scale" if own else r"Use Normal.*RegularizedHorse"
    with pytest.raises(BadData, match=rf"separate the classes.*{cure}"):
        model.condition(X, y)
    model.condition(X, y, intercept=False)
    y[[0, 1, -1, -2]] = 1 - y[[0, 1, -1, -2]]
    y[5:8], y[15:18] = 1.0, 0.0
    model.condition(X, y)


@pytest.mark.parametrize("prior", LIGHT, ids=repr)
def test_a_light_tail_is_accepted_on_separated_data(prior):
    X, y = columns()
    br.Model(prior, br.Bernoulli()).condition(X, y)


def test_more_flat_unknowns_need_more_moments():
    """HalfStudentT(3) serves up to two flat unknowns, not three."""
    X, y = columns()
    rng = np.random.default_rng(1)
    X = np.column_stack([X, rng.standard_normal((N, 3))])
    frame = pd.DataFrame(X, columns=list("abcde"))
    light = br.Normal(br.HalfStudentT(3.0))
    for flat, refused in ((["b"], False), (["b", "c"], True)):
        model = br.Model({**dict.fromkeys(flat, br.Flat()), ...: light}, br.Bernoulli())
        if refused:
            with pytest.raises(BadData, match="3 flat unknowns"):
                model.condition(frame, y)
        else:
            model.condition(frame, y)


def test_moments_of_every_prior_are_those_of_its_draws():
    """Where E|b| is said to be infinite, means of draws grow; where finite, they settle."""
    rng = np.random.default_rng(2)
    for prior in priors():
        if prior.unit == "sigma" or type(prior).__name__ == "R2D2":
            continue
        order = prior.moments(np.inf)
        draws = np.abs(prior.sample(rng, 400_000, np.asarray(1.0)))
        top = np.sort(draws)[-4000:]
        tail = 1.0 / np.mean(np.log(top / top[0]))  # Hill's estimate of the tail's order
        if order <= 1.0:
            assert tail < 1.4
        else:
            assert tail > min(order, 6.0) * 0.55


def test_the_improper_posterior_that_is_refused_diverges():
    """∫∫L dβ₀ p(β) dβ for two separated rows grows with the range under Cauchy, not under Normal.

    Integrating β₀ out leaves 2β/(1 − e^{−2β}) for x = ±1: a factor |β|.
    """
    ends = np.array([1e2, 1e4, 1e6])
    mass = {}
    for name, density in (
        ("Cauchy", lambda b: 1.0 / (1.0 + b * b)),
        ("Student-t 3", lambda b: (1.0 + b * b / 3.0) ** -2.0),
    ):
        totals = []
        for end in ends:
            t = np.linspace(0.0, np.log1p(end), 20_001)
            b = np.expm1(t)
            inner = np.where(b > 0, 2 * b / -np.expm1(-2 * np.maximum(b, 1e-12)), 1.0)
            totals.append(np.trapezoid(inner * density(b) * (1.0 + b), t))
        mass[name] = np.array(totals)
    assert np.all(np.diff(mass["Cauchy"]) > 5.0)
    assert np.all(np.diff(mass["Student-t 3"]) < 0.1)


# --- no direction, and which rows every direction leaves --------------------------------------


def strange(seed):
    """Few rows of small whole numbers, so that ties, repeated rows and all sides are common."""
    rng = np.random.default_rng(seed)
    n, k = int(rng.integers(3, 30)), int(rng.integers(1, 6))
    x = rng.integers(-2, 3, (n, k)).astype(float) if seed % 3 else rng.standard_normal((n, k))
    x[:, 0] = 1.0
    side = rng.choice([-1.0, 0.0, 1.0], n, p=[0.45, 0.1, 0.45])
    if seed % 2:
        away = np.sign(x @ rng.integers(-2, 3, k))
        side = np.where(away == 0.0, side, away)
    return x, np.where(side > 0.0, 0.0, side) if seed % 5 == 0 else side


def by_programme(x, side):
    """The largest total of steps s·x'd ≤ 1, which is 0 where there is no direction, and its rows.

    With d free and the steps bounded the optimum moves every row that some direction moves.
    """
    n, k = x.shape
    pull = side[:, None] * x
    free = side != 0.0
    steps = np.zeros((n, n))
    np.fill_diagonal(steps, 1.0)
    found = linprog(
        np.concatenate([np.zeros(k), -np.ones(n)]),
        A_ub=np.hstack([-pull, steps])[free],
        b_ub=np.zeros(int(free.sum())),
        A_eq=np.hstack([x, 0.0 * steps])[~free] if np.any(~free) else None,
        b_eq=np.zeros(int((~free).sum())) if np.any(~free) else None,
        bounds=[(None, None)] * k + [(0.0, float(one)) for one in free],
    )
    moved = found.x[k:] > 0.5
    return float(-found.fun), moved


def test_directions_and_overlaps_are_those_of_a_programme_of_its_own():
    separated = 0
    for seed in range(250):
        x, side = strange(seed)
        total, moved = by_programme(x, side)
        d = direction(x, side)
        assert (d is not None) == (total > 0.5), seed
        if d is None:
            continue
        separated += 1
        reach = np.where(side == 0.0, -np.abs(x @ d), side * (x @ d))
        assert reach.min() >= -1e-6 * np.abs(x * d).max()
        assert np.array_equal(~overlapping(x, side, d), moved), seed
    assert 60 < separated < 200


def test_many_rows_cost_little():
    """A part of the rows is proof enough; where none is, programmes see only what they fail."""
    rng = np.random.default_rng(1)
    x = rng.standard_normal((200_000, 20))
    x[:, 0] = 1.0
    y = rng.random(len(x)) < 0.3
    began = time.process_time()
    assert direction(x, np.where(y, 1.0, -1.0)) is None
    x[:, 1] = rng.random(len(x)) < 0.01
    d = direction(x, np.where(y | (x[:, 1] > 0.0), 1.0, -1.0))
    assert d is not None
    assert np.argmax(np.abs(d)) == 1
    assert time.process_time() - began < 20.0


def test_more_columns_than_rows_separate_but_for_rows_of_both_classes():
    rng = np.random.default_rng(2)
    x = np.column_stack([np.ones(40), rng.standard_normal((40, 80))])
    side = np.where(rng.random(40) < 0.5, 1.0, -1.0)
    x[7], side[7], side[3] = x[3], 1.0, -1.0
    d = direction(x, side)
    assert d is not None
    assert set(np.flatnonzero(overlapping(x, side, d))) == {3, 7}


# --- words -----------------------------------------------------------------------------------


def told(prior, likelihood, frame, y, **more):
    """What is said of a problem, refused or not."""
    try:
        return " ".join(br.Model(prior, likelihood).condition(frame, y, **more).warnings)
    except BadData as error:
        return str(error)


RNG = np.random.default_rng(3)
FRAME = pd.DataFrame(
    {
        "age": RNG.uniform(20, 60, 40),
        "dose": np.repeat([1.0, 2.0, 3.0, 4.0], 10),
        "flag": np.tile([0.0, 0.0, 0.0, 1.0], 10),
    }
)
COUNTS = 1.0 + RNG.poisson(3.0, 40)
COIN = np.where(RNG.random(40) < 0.5, "yes", "no")
OLD = np.where(FRAME.age > 41.0, "yes", "no")
OLDEST, YOUNGEST = FRAME.age[OLD == "no"].max(), FRAME.age[OLD == "yes"].min()
SAID = {
    "threshold": (br.Bernoulli(), OLD, {}, r"'age' > (4\d[.\d]*) separates the classes of y"),
    "tie": (
        br.Bernoulli(),
        np.where(FRAME.dose == 2.0, COIN, np.where(FRAME.dose > 2.0, "no", "yes")),
        {},
        "'dose' separates the classes of y, but for rows at 2",
    ),
    "level": (
        br.Bernoulli(),
        np.where(FRAME.flag > 0.0, "yes", COIN),
        {},
        "every row with 'flag' > 0 has y = 'yes'",
    ),
    "zeros above": (
        br.Poisson(),
        np.where(FRAME.flag > 0.0, 0.0, COUNTS),
        {},
        "'flag' separates zeros from the other counts: every row with 'flag' > 0 has y = 0",
    ),
    "zeros below": (
        br.NegativeBinomial(2.0),
        np.where(FRAME.flag > 0.0, COUNTS, 0.0),
        {},
        "every row with 'flag' < 1 has y = 0",
    ),
    "all or none": (
        br.Binomial(),
        np.where(OLD == "yes", 5.0, 0.0),
        {"trials": np.full(40, 5.0)},
        r"'age' > 4\d[.\d]* separates successes from failures",
    ),
    "none of some": (
        br.Binomial(),
        np.where(FRAME.flag > 0.0, 0.0, 2.0),
        {"trials": np.full(40, 5.0)},
        "every row with 'flag' > 0 has no success",
    ),
}


@pytest.mark.parametrize("name", SAID)
def test_the_column_and_its_rows_are_said(name):
    """Under Flat in the refusal, under a proper prior in a note, each with its cure."""
    likelihood, y, more, text = SAID[name]
    refused = told(br.Flat(), likelihood, FRAME, y, **more)
    assert re.search(rf"under Flat\(\).*{text}.*no posterior.*Normal\(2\.5\)", refused)
    noted = told(br.Normal(1.5), likelihood, FRAME, y, **more)
    assert re.search(rf"{text}.*Normal with scale 1\.5; the prior alone does", noted)
    if name == "threshold":
        assert OLDEST < float(re.search(text, refused)[1]) < YOUNGEST
    # One row on the other side, and nothing is said.
    mixed = np.array(y)
    if more or likelihood.counts:
        mixed[:] = np.clip(mixed, 1.0, 4.0)
    else:
        mixed[[0, 1, 2, 3, 20, 21, 38, 39]] = ["yes", "no"] * 4
    assert "separate" not in told(br.Normal(1.5), likelihood, FRAME, mixed, **more)


def test_a_level_of_a_factor_is_named():
    frame = FRAME.assign(g=np.tile(list("abcd"), 10), y=COUNTS)
    frame.loc[frame.g == "c", "y"] = 0.0
    with pytest.raises(BadData, match=r"every row of g = 'c' has y = 0.*proper prior"):
        br.Model(br.Flat(), br.Poisson()).condition_formula("y ~ age + C(g)", frame)
    problem = br.Model(br.Normal(1.0), br.Poisson()).condition_formula("y ~ age + C(g)", frame)
    assert "every row of g = 'c' has y = 0" in problem.warnings[0]


def test_columns_that_separate_together_are_listed():
    x = FRAME.assign(other=np.random.default_rng(9).uniform(20, 60, 40))
    y = x.age + x.other > 80.0
    assert re.search(
        "'age', 'other' separate the classes",
        told(br.Flat(), br.Bernoulli(), x[["age", "other"]], y),
    )
    assert "'age', 'other' together separate" in told(
        br.Normal(1.0), br.Bernoulli(), x[["age", "other"]], y
    )
    wide = np.random.default_rng(1).standard_normal((20, 30))
    said = told(br.Normal(1.0), br.Bernoulli(), wide, wide[:, 0] > 0.1)
    assert "'x1' > " in said
    said = told(br.Normal(1.0), br.Bernoulli(), wide, wide.sum(axis=1) > 0.1)
    assert "the columns together separate the classes" in said


def test_nothing_but_zeros():
    for likelihood in (br.Poisson(), br.NegativeBinomial(), br.NegativeBinomial(2.0)):
        for prior in (br.Normal(1.0), br.Flat()):
            said = told(prior, likelihood, FRAME, np.zeros(40))
            assert re.search("every row has y = 0, so the intercept is unbounded", said)
    said = told(br.Normal(1.0), br.Binomial(), FRAME, np.full(40, 3.0), trials=np.full(40, 3.0))
    assert "every row has successes only" in said
    fit = br.fit_map(
        br.Model(br.Normal(1.0), br.Poisson()).condition(FRAME, np.zeros(40), intercept=False)
    )
    assert fit.certificate.ok


def test_flat_columns_of_counts_need_rows_that_are_not_zero():
    """Zeros on both sides of 0 hold a column; zeros on one side do not, whatever else there is."""
    z = np.where(FRAME.flag > 0.0, np.tile([1.0, -1.0], 20), 0.0)
    z[:4] = 0.0
    z[[3, 7, 11]] = [0.0, 1.0, -1.0]
    y = np.where(z != 0.0, 0.0, COUNTS)
    assert told(br.Flat(), br.Poisson(), FRAME[["age"]].assign(z=z), y) == ""
    assert "separate" in told(br.Flat(), br.Poisson(), FRAME[["age"]].assign(z=np.abs(z)), y)


def test_an_offset_does_not_separate():
    """It moves no direction, however large."""
    y = np.where(FRAME.flag > 0.0, 0.0, COUNTS)
    for shift in (-1e3, 1e3):
        assert "separates" in told(br.Flat(), br.Poisson(), FRAME, y, offset=np.full(40, shift))


# --- which tails leave a posterior --------------------------------------------------------------

JOINT = (np.array([[-1.0, 0.3], [0.2, -1.1], [1.0, -0.2], [-0.3, 1.2]]), np.array([0, 0, 1, 1]))
ALONE = (np.array([[-1.0, 0.3], [-0.2, -1.1], [1.0, -0.2], [0.3, 1.2]]), np.array([0, 0, 1, 1]))
QUASI = (
    np.array([[0.0, 0.3], [0.0, -1.1], [0.0, -0.2], [0.0, 0.9], [1.0, 1.2]]),
    np.array([0, 1, 0, 1, 1]),
)


def inner(x, y, b):
    """∫ L dβ₀ for coefficients b (m, 2), on a grid about where the rows change sides."""
    eta = b @ x.T
    middle = 0.5 * (np.min(np.where(y, eta, np.inf), 1) + np.max(np.where(y, -np.inf, eta), 1))
    wide = np.linspace(-1.0, 1.0, 501)
    grid = -middle[:, None] + (40.0 + np.abs(eta).max(1))[:, None] * np.sign(wide) * wide**2
    sign = np.where(y, 1.0, -1.0)
    log = -np.logaddexp(0.0, -sign * (eta[:, None, :] + grid[:, :, None])).sum(-1)
    return np.trapezoid(np.exp(log), grid, axis=1)


def mass(x, y, log_density, start, end):
    """∫ over start < |b| < end of G(b)·p(b), in polar coordinates with angles finer at the axes."""
    near = np.concatenate([np.geomspace(1e-9, 1e-2, 40), np.linspace(1e-2, 0.25 * np.pi, 40)])
    turns = 0.5 * np.pi * np.arange(4)
    angle = np.sort(np.concatenate([turn + side * near for turn in turns for side in (-1.0, 1.0)]))
    radius = np.geomspace(start, end, 17)
    rings = []
    for r in radius:
        b = r * np.column_stack([np.cos(angle), np.sin(angle)])
        rings.append(np.trapezoid(inner(x, y, b) * np.exp(log_density(b)) * r * r, angle))
    return np.trapezoid(rings, np.log(radius))


def cauchys(b):
    """Independent ones, with a known scale."""
    return -np.log1p(b * b).sum(-1)


def shared(b):
    """Normal with one half-Cauchy scale: a density of |b| alone, ∫ s^-2 e^(-|b|²/2s²)/(1 + s²)."""
    log_s = np.linspace(-8.0, 25.0, 400)
    square = np.square(b).sum(-1)
    terms = -log_s - np.log1p(np.exp(2 * log_s)) - 0.5 * square[:, None] * np.exp(-2 * log_s)
    return np.log(np.trapezoid(np.exp(terms), log_s, axis=1))


STUDY = {
    "joint, each by itself": (JOINT, br.Cauchy(1.0), cauchys, True),
    "alone, each by itself": (ALONE, br.Cauchy(1.0), cauchys, False),
    "quasi, each by itself": (QUASI, br.Cauchy(1.0), cauchys, True),
    "joint, one scale": (JOINT, br.Normal(br.HalfCauchy(1.0)), shared, False),
    "alone, one scale": (ALONE, br.Normal(br.HalfCauchy(1.0)), shared, False),
    "quasi, one scale": (QUASI, br.Normal(br.HalfCauchy(1.0)), shared, True),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", STUDY)
def test_what_is_refused_diverges_and_what_is_accepted_does_not(name):
    """The mass of far-out b, three decades at a time: it grows for ever, or it falls.

    That a tail of order one leaves no posterior beside a flat intercept is true where the rows are
    separated completely and the tail is that of a common scale, or one column separates alone; an
    overlap of one row bounds the intercept, and with it all.
    """
    (x, y), prior, density, proper = STUDY[name]
    first, second, third = (mass(x, y, density, end / 1e2, end) for end in (1e2, 1e4, 1e6))
    assert first > 0.05
    if proper:
        assert second < 0.2 * first
        assert third < 0.2 * second + 1e-3
    else:
        assert third > 0.9 * second > 0.1
    model = br.Model(prior, br.Bernoulli())
    if proper:
        model.condition(x, y)
    else:
        with pytest.raises(BadData, match="has no posterior"):
            model.condition(x, y)


def test_heavy_tails_beside_an_overlap_or_a_joint_separation_have_a_note():
    for data, prior in ((JOINT, br.Cauchy(1.0)), (QUASI, br.Horseshoe()), (JOINT, br.Horseshoe())):
        problem = br.Model(prior, br.Bernoulli()).condition(*data)
        assert re.search("separate.*need not settle: read quantiles", problem.warnings[0])
    light = br.Model(br.Normal(1.0), br.Bernoulli()).condition(*JOINT)
    assert "quantiles" not in light.warnings[0]


# --- noise whose scale may be 0 -------------------------------------------------------------------


def linear(n=30):
    rng = np.random.default_rng(4)
    x = pd.DataFrame({"x": rng.normal(size=n), "z": rng.normal(size=n)})
    return x, 1.0 + 2.0 * x.x.to_numpy(), rng


SIGMA = br.Normal(1.0, unit="sigma")
NOISE = {
    "Student-t": br.StudentTNoise(4.0),
    "df unknown": br.StudentTNoise(),
    "Laplace": br.LaplaceNoise(),
    "half-normal": br.LaplaceNoise(br.HalfNormal(1.0)),
}


@pytest.mark.parametrize("name", NOISE)
def test_a_fit_that_meets_every_row_leaves_no_posterior(name):
    """Constant y, y on a plane of Flat or absolute columns, offsets; inverse gamma is the cure."""
    x, line, rng = linear()
    model = br.Model(SIGMA, NOISE[name])
    for y, prior, more in (
        (np.full(30, 2.0), SIGMA, {}),
        (np.zeros(30), SIGMA, {}),
        (x.x + 3.0, SIGMA, {"offset": x.x}),
        (line, br.Flat(), {}),
        (line, br.Normal(1.0), {}),
    ):
        with pytest.raises(PerfectFit, match=r"meets 30 of 30 rows.*InverseGammaSquared"):
            br.Model(prior, NOISE[name]).condition(x, y, **more)
        cured = dataclasses.replace(NOISE[name], sigma=br.InverseGammaSquared(2.0, 1.0))
        br.Model(prior, cured).condition(x, y, **more)
        br.Model(prior, dataclasses.replace(NOISE[name], sigma=1.0)).condition(x, y, **more)
    model.condition(x, line + rng.normal(size=30))
    assert br.Model(br.Flat(), NOISE[name]).condition(x, rng.normal(size=30)).p == 0


@pytest.mark.parametrize("tied, df, refused", [
    (14, 4.0, False), (24, 4.0, False), (25, 4.0, True), (29, 4.0, True),
    (14, 0.5, True), (8, 0.5, False), (16, 1.0, True), (15, 1.0, False),
])  # fmt: skip
def test_ties_are_a_perfect_fit_where_student_t_noise_says_so(tied, df, refused):
    """ν(n − K) > K − k with K equal values of y and k = 1 (p(σ²) ∝ 1/σ²)."""
    x, _, rng = linear()
    assert (df * (30 - tied) <= tied - 1) is refused
    y = rng.normal(size=30)
    y[:tied] = 3.0
    model = br.Model(SIGMA, br.StudentTNoise(df))
    if refused:
        with pytest.raises(PerfectFit, match=f"meets {tied} of 30 rows.*df a larger one"):
            model.condition(x, y)
        rows = np.repeat([0, *range(tied, 30)], [1] * (31 - tied))
        weights = np.concatenate([[tied], np.ones(30 - tied)])
        with pytest.raises(PerfectFit, match=f"meets {tied} of 30 rows"):
            model.condition(x.iloc[rows], y[rows], weights=weights)
    else:
        model.condition(x, y)


def test_a_majority_on_a_flat_plane_is_seen():
    x, y, rng = linear()
    y[:5] += rng.normal(size=5)
    with pytest.raises(PerfectFit, match="meets 25 of 30 rows"):
        br.Model(br.Flat(), br.StudentTNoise(4.0)).condition(x, y)
    br.Model(br.Flat(), br.LaplaceNoise()).condition(x, y)
    br.Model(br.Flat(), br.StudentTNoise(4.0)).condition(x, y + 0.1 * rng.normal(size=30))


@pytest.mark.parametrize("size", [0.0, 1e9])
def test_far_columns_do_not_hide_a_plane_that_most_rows_lie_on(size):
    """Leverage deceives least absolute deviations: rows off the plane, and a million times as far.

    As does a level so large that y is rounded to 1e-7; without ties nothing is refused.
    """
    rng = np.random.default_rng(1)
    x = rng.normal(size=(60, 4))
    y = x @ rng.normal(size=4) + 1.0
    y[54:] += 1e3 * rng.normal(size=6)
    x[54:] *= 1e6
    with pytest.raises(PerfectFit, match="meets 54 of 60 rows"):
        br.Model(br.Flat(), br.StudentTNoise(4.0)).condition(x, y + size)
    br.Model(br.Flat(), br.LaplaceNoise()).condition(x, y + size)
    br.Model(br.Flat(), br.StudentTNoise(4.0)).condition(x, y + size + 1e-3 * rng.normal(size=60))


def test_an_outlier_makes_no_ties_of_the_others():
    """What is rounding of a row is by its own size, not by that of a row of 1e15."""
    x, _, rng = linear()
    y = rng.normal(size=30)
    y[0] = 1e15
    for prior in (SIGMA, br.Flat(), br.Normal(1.0)):
        br.Model(prior, br.StudentTNoise(4.0)).condition(x, y)


def test_the_needle_at_zero_is_as_high_as_it_is_said_to_be():
    """∫ L dβ₀ ~ σ^(ν(n−K) − K + 1) for K ties, by quadrature at two small σ."""
    y = np.array([1.0, 1.0, 1.0, 1.0, 2.5, 4.0])
    for df in (1.5, 0.8):
        logs = []
        for sigma in (1e-4, 1e-5):
            grid = 1.0 + sigma * np.sinh(np.linspace(-12.0, 12.0, 20_001))
            theta = {"df": df, "sigma": sigma}
            log = br.StudentTNoise(df).log_density(y[:, None], grid, theta).sum(0)
            logs.append(np.log(np.trapezoid(np.exp(log - log.max()), grid)) + log.max())
        order = (logs[0] - logs[1]) / np.log(10.0)
        assert order == pytest.approx(df * 2 - 4 + 1, abs=0.01)


def test_a_proper_sigma_is_no_cure_unless_it_vanishes_at_zero():
    """∫ σ^(c − ν) dσ at 0 for constant y: c = 0 under a half-normal, as for every flat start."""
    x, line, _ = linear()
    for sigma in (br.HalfNormal(1.0), br.HalfCauchy(1.0), br.Exponential(1.0), None, br.Flat()):
        for y, prior in ((np.full(30, 2.0), SIGMA), (line, br.Normal(1.0))):
            with pytest.raises(PerfectFit, match=r"InverseGammaSquared\(2\.0, s\*\*2\)"):
                br.Model(prior, br.Gaussian(sigma)).condition(x, y)
    for sigma in (0.5, br.InverseGammaSquared(2.0, 1.0), br.Uniform(0.1, 3.0)):
        for y, prior in ((np.full(30, 2.0), SIGMA), (line, br.Normal(1.0))):
            br.Model(prior, br.Gaussian(sigma)).condition(x, y)
    # Columns that fill the space leave a half-normal's posterior: nothing is met beyond their rank.
    wide = np.random.default_rng(3).standard_normal((6, 9))
    br.Model(br.Normal(1.0), br.Gaussian(br.HalfNormal(1.0))).condition(wide, wide[:, 0])
    with pytest.raises(PerfectFit, match=r"Gaussian\(HalfNormal\(s\)\)"):
        br.Model(br.Normal(1.0), br.Gaussian()).condition(wide, wide[:, 0])


def test_orders_at_zero_are_those_of_the_densities():
    for prior, order in (
        (br.HalfNormal(2.0), 0.0), (br.Exponential(3.0), 0.0), (Power(1.0), -1.0),
        (Power(0.0), 0.0), (br.Gamma(2.5, 1.0), 1.5), (br.InverseGammaSquared(2.0, 1.0), np.inf),
        (br.Uniform(0.5, 2.0), np.inf), (br.BetaPrimeSquared(1.6, 0.7), 0.4),
    ):  # fmt: skip
        found = order_at_zero(prior)
        if isinstance(prior, br.BetaPrimeSquared):  # which of its two is the one at zero
            assert found in (pytest.approx(2 * 1.6 - 1), pytest.approx(2 * 0.7 - 1))
        else:
            assert found == order or (order == np.inf and found > 1e6)


# --- a shape that may be 0 ------------------------------------------------------------------------


SHAPES = {  # rows above 0 among five, the law of the shape, and whether a posterior exists
    "one event": (1, br.HalfNormal(1.0), False),
    "as many as flat unknowns": (2, br.HalfNormal(1.0), True),
    "exponential": (1, br.Exponential(1.0), False),
    "a pole at 0": (2, br.Gamma(0.5, 1.0), True),
    "zero at 0": (1, br.Gamma(2.0, 1.0), True),
    "unsaid": (1, None, True),
}


def counts_of(events):
    """Two columns (an intercept beside x) that every sign of x holds."""
    x = np.array([0.0, 0.0, 0.0, -1.0, 1.0])
    return x[:, None], np.array([3.0 * (k < events) for k in range(5)])


@pytest.mark.parametrize("name", SHAPES)
def test_few_events_and_a_shape_that_may_be_zero_leave_no_posterior(name):
    """c + m − k > −1, with m rows above 0, k flat unknowns and p(r) ~ r^c."""
    events, law, proper = SHAPES[name]
    X, y = counts_of(events)
    model = br.Model(br.Flat(), br.NegativeBinomial(law))
    if proper:
        model.condition(X, y)
    else:
        with pytest.raises(BadData, match=r"too few rows above 0: 1 of 5.*HalfNormalInverseRoot"):
            model.condition(X, y)
        br.Model(br.Flat(), br.NegativeBinomial()).condition(X, y)
        br.Model(br.Normal(1.0), br.NegativeBinomial(law)).condition(X, y)


@pytest.mark.parametrize("events", [1, 2, 3])
def test_flat_unknowns_grow_as_a_shape_falls_as_it_is_said(events):
    """∫ L dγ ~ r^(m − k) at two small shapes, by sums on a grid in rγ."""
    X, y = counts_of(events)
    logs = []
    for shape in (1e-3, 1e-4):
        v = np.linspace(-20.0, 20.0, 401)
        eta = (v[:, None, None] + v[:, None] * X[:, 0]) / shape
        density = br.NegativeBinomial(shape).log_density(y, eta, {"shape": shape}).sum(axis=-1)
        logs.append(np.log(np.exp(density).sum()) - 2.0 * np.log(shape))
    order = (logs[0] - logs[1]) / np.log(10.0)
    assert order == pytest.approx(events - 2, abs=0.05)


@pytest.mark.parametrize("prior, reach", [
    (br.Normal(2.5), 2.5 * 1.96), (br.Laplace(1.0), np.log(20.0)), (br.StudentT(3.0, 2.0), 6.365),
    (br.Normal(2.5, loc=1.0), 2.5 * 1.96), (br.Normal(br.HalfNormal(1.0)), None),
], ids=repr)  # fmt: skip
def test_how_far_the_prior_alone_lets_a_separating_effect_go_is_said(prior, reach):
    """Its central 95 %, the scale integrated out, per unit or sd, and as an odds ratio."""
    x = pd.DataFrame({"age": [-2.0, -1.0, 1.0, 2.0, 3.0, 4.0]})
    if reach is None:  # √(2/π)-mixed normals, by quadrature over the scale
        s = np.linspace(5e-4, 6.0, 12_000)
        mass = np.exp(-0.5 * s**2) / np.exp(-0.5 * s**2).sum()
        reach = brentq(lambda q: mass @ norm.sf(q / s) - 0.025, 0.1, 9.0)
    for standardize, per in ((False, "unit"), (True, "sd")):
        problem = br.Model(prior, br.Bernoulli()).condition(
            x, [0, 0, 1, 1, 1, 1], standardize=standardize
        )
        (note,) = problem.warnings
        found = re.search(rf"between (\S+) and (\S+) per {per} \(odds ratio (\S+) to (\S+)\)", note)
        low, high = float(found[1]), float(found[2])
        assert high - low == pytest.approx(2.0 * reach, rel=0.03)
        assert high + low == pytest.approx(2.0 * prior.loc, abs=0.11)
        assert float(found[4]) == pytest.approx(np.exp(high), rel=0.06)
    if not problem.unknown_scales:
        assert f"note: {note}" in repr(br.fit_map(problem))


def test_the_level_that_a_formula_leaves_out_is_named():
    """Its rows are those where the one column of the factor is 0; times a number they are not."""
    g, x = np.tile(["a", "b", "b", "b"], 10), np.linspace(-1.0, 2.0, 40)
    y = np.where(g == "a", 1, np.arange(40) // 2 % 2)
    frame = pd.DataFrame({"y": y, "g": g, "x": x})
    flat = br.Model(br.Flat(), br.Bernoulli())
    with pytest.raises(BadData, match=r"every row of g = 'a' has y = 1"):
        flat.condition_formula("y ~ g + x", frame)
    frame["y"] = np.where((g == "a") & (x > 0.0), 1, np.arange(40) // 2 % 2)
    frame["y"] = np.where((g == "a") & (x < 0.0), 0, frame["y"])
    with pytest.raises(BadData) as caught:
        flat.condition_formula("y ~ 1 + x:C(g)", frame)
    assert "of g = 'a'" not in str(caught.value)
