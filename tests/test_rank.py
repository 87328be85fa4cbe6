"""Laws of columns that depend, exactly or nearly: one answer, and a certificate that sees moves."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.linalg import hilbert

import bayesreg as br
from bayesreg.data.moments import Moments
from bayesreg.solvers.certificate import certify

pytestmark = pytest.mark.filterwarnings("ignore::bayesreg.language.errors.BayesregWarning")

SCALES = [1e6, 1e8, 1e10, 1e12]


def dependent():
    """Columns of which one is a combination of others, each a way in which that comes about."""
    rng = np.random.default_rng(20)
    X = rng.normal(size=(25, 3))
    y = X @ [1.0, -2.0, 0.5] + rng.normal(size=25)
    level = np.eye(3)[rng.integers(0, 3, 25)]
    size = 170.0 + 10.0 * X
    wide = rng.normal(size=(24, 40))
    return {
        "a copy": (np.column_stack([X, X[:, 0]]), y),
        "a copy, negative": (np.column_stack([X, -X[:, 0]]), y),
        "a sum": (np.column_stack([X, X[:, 0] + X[:, 1]]), y),
        "other units": (np.column_stack([size, 2.54 * size[:, 0]]), y),
        "every level of a factor": (np.column_stack([level, X[:, 0]]), y),
        "more columns than rows": (wide, y[:24]),
        "and rows that repeat": (np.repeat(wide[:12], 2, axis=0), y[:24]),
    }


@pytest.mark.parametrize("intercept", [True, False], ids=["intercept", "origin"])
@pytest.mark.parametrize("name", list(dependent()))
def test_a_vague_ridge_is_the_shortest_least_squares(name, intercept):
    """By fit_map, closed form and path, whatever the scale; and other solvers meet there."""
    X, y = dependent()[name]
    centre = (lambda v: v - v.mean(0)) if intercept else (lambda v: v)
    want = np.linalg.lstsq(centre(X), centre(y), rcond=1e-12)[0]
    size = np.max(np.abs(want))
    for scale in SCALES:
        problem = br.Model(br.Normal(scale), br.Gaussian(1.0)).condition(X, y, intercept=intercept)
        fit = br.fit_map(problem)
        route = br.path(problem, [scale**-2.0])
        for found in (fit.b, np.asarray(br.closed_form(problem).mean), route.b[0]):
            assert np.max(np.abs(found - want)) < 1e-9 * size
        assert fit.certificate.ok
        assert route.certificates[0].ok
    assert fit.correspondence.ok, fit.correspondence.why


def test_equal_columns_share_under_unknown_sigma():
    """By `direct`, σ integrated out: their sum is the one coefficient without the copy."""
    X, y = dependent()["a copy"]
    problem = br.Model(br.Normal(1e9, unit="y")).condition(X, y)
    post = br.sample(problem, draws=4000, chains=2, seed=1, engine="direct")
    both = (post.draws.beta[..., 0] + post.draws.beta[..., 3]).ravel()
    three = br.Model(br.Normal(1e9, unit="y")).condition(X[:, :3], y)
    one = br.sample(three, draws=4000, chains=2, seed=2, engine="direct").draws.beta[..., 0].ravel()
    assert abs(both.mean() - one.mean()) < 5.0 * one.std() / np.sqrt(4000)
    assert both.std() == pytest.approx(one.std(), rel=0.1)


@pytest.mark.parametrize("mix", [0.01, 0.5, 0.9])
def test_equal_columns_share_under_an_elastic_net(mix):
    """λ₂ alone decides the split: equal, however small it is."""
    X, y = dependent()["a copy"]
    for scale in (1.0, 1e3, 1e5):
        problem = br.Model(br.ElasticNet(scale, mix), br.Gaussian(1.0)).condition(X, y)
        fit = br.fit_map(problem)
        assert fit.b[0] == pytest.approx(fit.b[3], rel=1e-6)


def test_a_column_that_is_nearly_another_is_itself():
    """1e-9 apart is information, which a vague prior lets the data use: no projection hides it."""
    X, y = dependent()["a copy"]
    rng = np.random.default_rng(1)
    X[:, 3] += 1e-9 * rng.normal(size=25)
    problem = br.Model(br.Normal(1e15), br.Gaussian(1.0)).condition(X, y)
    fine = X.astype(np.longdouble)
    other = np.column_stack([fine[:, :3], (fine[:, 3] - fine[:, 0]) * 1e9]).astype(float)
    want = np.linalg.lstsq(other - other.mean(0), y - y.mean(), rcond=None)[0]
    assert br.fit_map(problem).b[3] == pytest.approx(want[3] * 1e9, rel=1e-5)


def ill_conditioned(kind, seed=0):
    """X and y with a condition number of 2e9 or 1e14, made in several ways."""
    rng = np.random.default_rng(seed)
    if kind == "hilbert":
        return hilbert(12)[:, :8], rng.standard_normal(12)
    A = rng.standard_normal((20, 6))
    if kind == "graded":
        U, W = np.linalg.qr(A)[0], np.linalg.qr(rng.standard_normal((6, 6)))[0]
        return U * np.logspace(0, -14, 6) @ W.T, rng.standard_normal(20)
    X = A[:, :1] + np.array([1e-14, 1e-10, 1e-8, 1e-6, 1e-3, 1.0]) * A
    return X, X @ rng.standard_normal(6) + 0.1 * rng.standard_normal(20)


@pytest.mark.parametrize("prior", [br.Normal, br.Laplace, br.ElasticNet], ids=lambda c: c.__name__)
@pytest.mark.parametrize("standardize", [True, False], ids=["standardised", "raw"])
@pytest.mark.parametrize("kind", ["hilbert", "graded"])
def test_a_move_along_a_weak_direction_is_refused(kind, standardize, prior):
    """By nats that matter, 50 to 1e-3; the optimum itself is within 1e-6 of J."""
    X, y = ill_conditioned(kind)
    model = br.Model(prior(1e8 * y.std()), br.Gaussian(1.0))
    problem = model.condition(X, y, standardize=standardize)
    fit = br.fit_map(problem)
    assert fit.certificate.gap_limit < 1e-5 * problem.yy
    _, s, V = np.linalg.svd(problem.root[:, :-1])
    for k in (-1, -2, 0):
        for nats in (50.0, 1.0, 1e-3):
            moved = fit.b + V[k] * np.sqrt(2.0 * nats) / s[k]
            judged = certify(problem, moved)
            assert not judged.ok
            assert judged.gap > 0.5 * nats
            assert judged.gap_limit < 1e-5 * problem.yy


@pytest.mark.parametrize("prior", [br.Normal, br.Laplace, br.ElasticNet], ids=lambda c: c.__name__)
@pytest.mark.parametrize("kind, seed", [("graded", 0), ("graded", 12), ("alike", 3)])
def test_a_path_ends_on_columns_that_are_all_but_one(kind, seed, prior):
    """Within a bounded number of steps, every λ certified."""
    X, y = ill_conditioned(kind, seed)
    problem = br.Model(prior(1.0), br.Gaussian(1.0)).condition(X, y)
    lams = np.max(np.abs(problem.xy)) * np.logspace(2, -12, 10)
    path = br.path(problem, lams)
    assert all(one.ok for one in path.certificates)
    objective = [
        0.5 * problem.quadratic.residual_square(b) + problem.given(scale=s).l1 @ np.abs(b)
        for b, s in zip(path.b, path.scale, strict=True)
    ]
    assert np.all(np.diff(objective) <= 1e-9 * problem.yy)  # J falls with λ


def test_moments_say_how_far_they_see():
    """Products that lost a root lost digits, and the gap has what they may hide."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 3))
    X[:, 2] = X[:, 0] + 1e-6 * X[:, 2]
    y = rng.normal(size=40)
    model = br.Model(br.Normal(1e6), br.Gaussian(1.0))
    whole = Moments.of(X, y)
    bare = dataclasses.replace(whole, root=None)
    assert br.fit_map(model.condition(whole)).certificate.ok
    judged = certify(model.condition(bare), br.fit_map(model.condition(X, y)).b)
    exact = certify(model.condition(X, y), br.fit_map(model.condition(X, y)).b)
    assert judged.gap > 1e6 * exact.gap
    assert judged.gap > 1e-12
