"""Laws of separation: found where a flat part is unbounded, nowhere else, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import bayesreg as br
from bayesreg.language.errors import BadData
from bayesreg.model.separation import direction
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
