"""Laws of the certificate: a valid bound, its limits, and what it must refuse."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

import bayesreg as br
from bayesreg.data.moments import Moments
from bayesreg.language.errors import NotSupported
from bayesreg.priors import Prior
from bayesreg.solvers import closed_form, coordinate_descent
from bayesreg.solvers.certificate import certify
from tests.cases import CASES
from tests.test_model import condition

pytestmark = pytest.mark.filterwarnings("ignore::bayesreg.language.errors.BayesregWarning")

SIGMA = 1.4
PENALTIES = [br.Normal(0.6), br.Laplace(0.4), br.ElasticNet(0.5, 0.6)]


def mixture(first, rest):
    """One prior on the first two columns, another on the rest."""
    return {"c0": first, "c1": first, ...: rest}


PRIORS = [
    *PENALTIES,
    mixture(br.Normal(0.8), br.Laplace(0.4)),
    mixture(br.Laplace(0.2), br.ElasticNet(0.5, 0.6)),
    mixture(br.Flat(), br.Laplace(0.4)),
]


def label(prior):
    """Short names for the table."""
    return prior.family if isinstance(prior, Prior) else "+".join(p.family for p in prior.values())


def objective(problem, b):
    """J up to the constant ½‖ỹ‖², from products; rounding about 1e-16·‖ỹ‖²."""
    smooth = 0.5 * b @ problem.gram @ b - b @ problem.xy + 0.5 * problem.l2 @ (b * b)
    return float(smooth + problem.l1 @ np.abs(b))


def solved(case, prior, sigma=SIGMA):
    """A problem and its optimum."""
    problem = condition(case, br.Model(prior, br.Gaussian(sigma)))
    solve = coordinate_descent.solve if np.any(problem.l1) else closed_form.solve
    return problem, solve(problem).b


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("prior", PRIORS, ids=label)
def test_one_coefficient_moved_by_a_little_is_refused(case, prior):
    """1e-4 of its conditional sd, the smallest that its posterior sd can be, either way."""
    problem, b = solved(case, prior)
    assert certify(problem, b).ok, certify(problem, b).why
    norms = problem.quadratic.norms
    for j in np.flatnonzero(norms):
        sd = SIGMA / np.sqrt(norms[j] ** 2 + problem.l2[j])
        for side in (-1e-4, 1e-4):
            moved = b.copy()
            moved[j] += side * sd
            assert not certify(problem, moved).ok


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("prior", PRIORS[:5], ids=label)
def test_gap_bounds_what_can_be_gained(case, prior):
    """J(b) − min J ≤ gap for any b; and for ridge they are equal."""
    problem, best = solved(case, prior)
    rng = np.random.default_rng(4)
    size = np.abs(best).max() + 1.0 / np.maximum(problem.quadratic.norms, 1e-300)
    noise = 1e-13 * problem.yy
    for spread in (1e-3, 0.1, 3.0):
        b = best + spread * size * rng.standard_normal(problem.p) * (problem.quadratic.norms > 0)
        gain = objective(problem, b) - objective(problem, best)
        gap = certify(problem, b).gap
        rounding = noise + 1e-13 * abs(objective(problem, b))
        assert gap >= gain - rounding
        if not np.any(problem.l1):
            assert gap == pytest.approx(gain, rel=1e-6, abs=rounding)


@pytest.mark.parametrize("case", CASES[:3] + CASES[6:7], ids=str)
def test_limits_are_those_of_the_design(case):
    """1e-9·½‖ỹ‖² and 1e-10·max|x̃'ỹ| on unit-sd columns, from rows."""
    problem, b = solved(case, PENALTIES[1])
    w = np.ones(len(case.y)) if case.weights is None else case.weights
    mean = (
        (lambda v: np.average(v, axis=0, weights=w)) if case.intercept else (lambda v: 0.0 * v[0])
    )
    X, y = case.X - mean(case.X), case.y - mean(case.y)
    X = X / np.sqrt(np.average(X * X, axis=0, weights=w))
    certificate = certify(problem, b)
    assert certificate.gap_limit == pytest.approx(0.5e-9 * np.sum(w * y * y), rel=1e-9)
    assert certificate.kkt_limit == pytest.approx(1e-10 * np.abs(X.T @ (w * y)).max(), rel=1e-9)
    assert certificate.gap <= certificate.gap_limit
    assert certificate.kkt <= certificate.kkt_limit


def test_kkt_is_the_residual_on_unit_sd_columns():
    """By its definition, at a point that is not the optimum."""
    case = CASES[0]
    problem, best = solved(case, PENALTIES[2])
    b = np.where(best == 0.0, 0.0, 0.9 * best)
    X, y = case.X - case.X.mean(0), case.y - case.y.mean()
    g = X.T @ (y - X @ b) - problem.l2 * b
    residual = np.where(
        b != 0.0, np.abs(g - problem.l1 * np.sign(b)), np.maximum(np.abs(g) - problem.l1, 0.0)
    )
    assert certify(problem, b).kkt == pytest.approx(np.max(residual / X.std(0)), rel=1e-9)


@pytest.mark.parametrize("prior", PENALTIES, ids=label)
def test_moments_and_rows_give_one_certificate(prior):
    """The gap needs nothing but moments: products and a root agree."""
    rng = np.random.default_rng(5)
    X, y = rng.standard_normal((50, 6)) + 2.0, rng.standard_normal(50)
    products = br.Model(prior, br.Gaussian(SIGMA)).condition(Moments.of(X, y))
    z = np.column_stack([X - X.mean(0), y - y.mean()])
    rooted = dataclasses.replace(
        products, least_squares=dataclasses.replace(products.quadratic, root=z, cross=None)
    )
    assert products.root is None
    assert rooted.root is not None
    b = 0.5 * coordinate_descent.solve(products).b
    one, other = certify(products, b), certify(rooted, b)
    assert one.gap == pytest.approx(other.gap, rel=1e-10)
    assert one.kkt == pytest.approx(other.kkt, rel=1e-10)


@pytest.mark.parametrize("prior", PENALTIES[:2], ids=label)
def test_units_change_the_numbers_and_not_the_verdict(prior):
    """y in other units: gap squares, KKT scales; columns in other units: nothing."""
    case = CASES[0]
    cls = type(prior)
    problem, best = solved(case, prior)
    b = best * 0.999
    base = certify(problem, b)
    for factor in (1e-6, 1e6):
        y = pd.Series(case.y * factor)
        model = br.Model(cls(prior.scale * factor), br.Gaussian(SIGMA * factor))
        louder = certify(model.condition(case.frame, y), b * factor)
        assert louder.gap == pytest.approx(base.gap * factor**2, rel=1e-8)
        assert louder.kkt == pytest.approx(base.kkt * factor, rel=1e-8)
        assert louder.nats == pytest.approx(base.nats, rel=1e-8)
        model = br.Model(cls(prior.scale / factor), br.Gaussian(SIGMA))
        wider = certify(model.condition(case.frame * factor, case.y), b / factor)
        assert wider.gap == pytest.approx(base.gap, rel=1e-8)
        assert wider.kkt == pytest.approx(base.kkt, rel=1e-8)


def test_nats_bound_the_log_posterior():
    """gap/σ²; not known where σ is not."""
    problem, b = solved(CASES[0], br.Normal(0.6))
    worse = certify(problem, 0.9 * b)
    assert worse.nats == pytest.approx(worse.gap / SIGMA**2)
    free = br.Model(br.Normal.from_lam(2.0)).condition(CASES[0].frame, CASES[0].y)
    certificate = certify(free, closed_form.solve(free).b)
    assert certificate.ok
    assert certificate.nats is None
    assert "nats" not in certificate.why


BROKEN = [
    ("nan", lambda b: np.where(np.arange(len(b)) == 1, np.nan, b), "'c1' is nan"),
    ("inf", lambda b: np.where(np.arange(len(b)) == 2, np.inf, b), "'c2' is inf"),
    ("too long", lambda b: np.append(b, 0.0), "shape"),
    ("zero", lambda b: 0.0 * b, "duality gap"),
    ("huge", lambda b: 1e150 * b, "duality gap"),
]


@pytest.mark.parametrize("spoil, said", [row[1:] for row in BROKEN], ids=[r[0] for r in BROKEN])
@pytest.mark.parametrize("prior", PENALTIES, ids=label)
def test_what_is_no_optimum_is_refused_in_words(prior, spoil, said):
    """Never an exception: the reason is in `why`."""
    problem, b = solved(CASES[0], prior)
    certificate = certify(problem, spoil(b))
    assert certificate.ok is False
    assert said in certificate.why
    assert str(certificate).startswith("certificate FAILS: ")


def test_a_zero_column_must_have_a_zero_coefficient():
    """Whatever it is multiplied by, it costs a penalty and gains nothing."""
    case = next(c for c in CASES if "twins" in c.name)
    problem, b = solved(case, br.Normal(0.6))
    dead = np.flatnonzero(problem.quadratic.norms == 0)
    assert len(dead) == 1
    b[dead] = 1e-8
    assert f"'{case.frame.columns[dead[0]]}'" in certify(problem, b).why
    assert not certify(problem, b).ok


@pytest.mark.parametrize("prior", PENALTIES, ids=label)
def test_silent_y(prior):
    """y = 0: zero is the optimum to the last bit, and anything else is refused."""
    problem = br.Model(prior, br.Gaussian(SIGMA)).condition(CASES[0].frame, np.zeros(60))
    assert certify(problem, np.zeros(5)).ok
    assert not certify(problem, np.full(5, 1e-9)).ok


def test_orthogonal_y_is_certified_at_zero():
    """X'y is rounding: the floor is the limit, and 0 is the optimum."""
    q, _ = np.linalg.qr(np.random.default_rng(1).standard_normal((40, 5)))
    X, y = q[:, :4] - q[:, :4].mean(0), q[:, 4]
    y = (
        y
        - np.column_stack([np.ones(40), X])
        @ np.linalg.lstsq(np.column_stack([np.ones(40), X]), y, rcond=None)[0]
    )
    problem = br.Model(br.Normal(1.0), br.Gaussian(1.0)).condition(X, y)
    assert certify(problem, closed_form.solve(problem).b).ok
    assert certify(problem, np.zeros(4)).ok
    assert not certify(problem, np.full(4, 1e-6)).ok


def test_uniqueness_is_said():
    """Twins under the lasso share a coefficient in many ways; under ridge in one."""
    X = np.random.default_rng(2).standard_normal((30, 3))
    X[:, 1] = X[:, 0]
    y = X @ [1.0, 1.0, 0.5] + 0.1 * np.random.default_rng(3).standard_normal(30)
    lasso = br.Model(br.Laplace(1.0), br.Gaussian(0.3)).condition(X, y)
    b = coordinate_descent.solve(lasso).b
    for share in (0.0, 0.3, 1.0):
        split = np.array([share * b[:2].sum(), (1.0 - share) * b[:2].sum(), b[2]])
        certificate = certify(lasso, split)
        assert certificate.ok
        assert certificate.unique is False
        assert "not unique" in certificate.why
    ridge = br.Model(br.Normal(1.0), br.Gaussian(0.3)).condition(X, y)
    assert certify(ridge, closed_form.solve(ridge).b).unique is True


def test_column_names_are_escaped():
    """A name is hostile input."""
    frame = pd.DataFrame({"<script>": [1.0, 2.0, 4.0]})
    problem = br.Model(br.Normal(1.0), br.Gaussian(1.0)).condition(frame, [1.0, 3.0, 2.0])
    certificate = certify(problem, np.array([np.nan]))
    assert "<script>" in str(certificate)
    assert "<script>" not in certificate._repr_html_()
    assert "\n" not in certificate._repr_html_()


def test_unknown_penalty_is_refused():
    """There is no J to certify while λ depends on an unknown."""
    problem = br.Model(br.Laplace()).condition(CASES[0].frame, CASES[0].y)
    with pytest.raises(NotSupported, match=r"problem\.at"):
        certify(problem, np.zeros(5))
