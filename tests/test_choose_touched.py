"""Laws of choose, path and bayesian_path under likelihoods that are not one quadratic."""

from __future__ import annotations

import numpy as np
import pytest

import bayesreg as br
from bayesreg.criteria import information_criteria

pytestmark = pytest.mark.filterwarnings("ignore::bayesreg.language.errors.BayesregWarning")


def few_rows(likelihood, seed=4, n=24):
    """One column of which few rows say something: Laplace's approximation is off."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(n)
    y = (rng.random(n) < 1.0 / (1.0 + np.exp(-1.0 - 2.0 * x))).astype(float)
    return br.Model(br.Normal(), likelihood).condition(x[:, None], y)


def log_evidence(problem, lams):
    """Of (β₀, β), by a sum over a fine grid."""
    loss = problem.loss
    x = loss.proper[:, 0]
    b0, b = np.linspace(-14.0, 20.0, 500), np.linspace(-10.0, 25.0, 501)
    total = np.array([
        loss.likelihood.summed(loss.y, loss.weights, {})(one + b[:, None] * x, {}) for one in b0
    ])  # fmt: skip
    out = [
        np.logaddexp.reduce((total + 0.5 * np.log(lam) - 0.5 * lam * b * b).ravel()) for lam in lams
    ]
    return np.array(out)


def test_evidence_by_draws_is_the_integral_where_laplaces_is_not():
    """Differences along λ within Monte Carlo error, and the maximum; Laplace's are outside."""
    problem = few_rows(br.Bernoulli())
    choice = br.choose(problem, by=["evidence", "evidence-draws"], seed=3)
    curve, rule = choice.curves["evidence-draws"], choice["evidence-draws"]
    at = np.array([20, 70, 180, 220])
    truth = log_evidence(problem, curve.lams[[*at, 120]])
    found = -(curve.value[at] - curve.value[120])
    error = np.hypot(curve.error[at], curve.error[120])
    assert np.all(np.abs(found - (truth[:-1] - truth[-1])) <= 5.0 * error + 1e-6)
    fine = np.geomspace(rule.lam / 1.5, rule.lam * 1.5, 15)
    top = np.polyfit(np.log(fine), log_evidence(problem, fine), 4)
    roots = np.roots(np.polyder(top))
    best = roots[np.argmin(np.abs(roots - np.log(rule.lam)))].real
    assert abs(np.log(rule.lam) - best) <= 5.0 * rule.log_error + 1e-3
    laplace = choice.curves["evidence"]
    apart = [-(laplace.at(lam) - laplace.at(curve.lams[120])) for lam in curve.lams[at]]
    assert np.any(np.abs(np.array(apart) - (truth[:-1] - truth[-1])) > 5.0 * error + 1e-3)
    assert "by draws" in repr(choice)


def counts(prior):
    """Overdispersed counts whose shape nobody knows."""
    rng = np.random.default_rng(2)
    X = rng.standard_normal((80, 3))
    y = rng.poisson(np.exp(0.5 + X[:, 0]) * rng.gamma(2.0, 0.5, 80))
    return br.Model(prior, br.NegativeBinomial()).condition(X, y)


@pytest.mark.parametrize("prior", [br.Normal(), br.Laplace(0.5)], ids=["scale unknown", "known"])
def test_an_unknown_shape_is_that_of_fit_map_all_along(prior):
    """The path passes through fit_map's optimum, and says which shape it has."""
    problem = counts(prior)
    fit = br.fit_map(problem)
    shape = fit.problem.known["shape"]
    lam = float(np.max(fit.problem.penalty.lam))
    path = br.path(problem, [2.0 * lam, lam])
    np.testing.assert_allclose(path.beta.to_numpy()[1], fit.beta, rtol=1e-8, atol=1e-10)
    assert np.max(np.abs(path.beta.to_numpy()[0] - fit.beta)) > 1e-3
    assert f"shape = {shape:.6g}" in repr(path)
    assert "fit_map" in repr(path)
    assert f"shape = {shape:.6g}" in path.at(lam).hyper
    choice = br.choose(problem, by=["cv", "aic"])
    assert f"shape = {shape:.6g}" in repr(choice)
    known = br.choose(problem.at(shape=shape), by=["cv", "aic"])
    assert choice["cv"].lam == known["cv"].lam
    # A shape that was found from the data is a parameter.
    apart = choice.curves["aic"].value - known.curves["aic"].value
    np.testing.assert_allclose(apart, 1.0)
    given = problem.at(shape=shape)
    order = path.lam, path.b, path.df
    more = information_criteria(given, *order, 1).bic - information_criteria(given, *order).bic
    np.testing.assert_allclose(more, np.log(80.0))


@pytest.mark.slow
def test_a_bayesian_path_has_its_optima_at_posterior_medians():
    found = br.bayesian_path(counts(br.Normal()), scales=[0.5], seed=1)
    shape = float(found.own.removeprefix("shape = "))
    fit = br.fit_map(found.problem.given(scale=0.5, shape=shape))
    assert found.optimum is not None
    np.testing.assert_allclose(found.optimum[0], fit.beta, rtol=1e-4)
    assert found.own in repr(found)


def test_the_lam_of_a_scale_is_that_of_its_penalty_under_laplace_noise():
    """φ = σ and not σ²."""
    rng = np.random.default_rng(1)
    X = rng.standard_normal((40, 2))
    model = br.Model(br.Laplace(unit="y"), br.LaplaceNoise(0.7))
    problem = model.condition(X, X[:, 0] + rng.laplace(size=40))
    found = br.bayesian_path(problem, scales=[0.5], seed=1)
    fixed = problem.given(scale=0.5)
    assert found.lams[0] == pytest.approx(float(np.max(fixed.penalty.lam)))
    assert found.optimum is not None
    np.testing.assert_allclose(found.optimum[0], br.fit_map(fixed).beta, rtol=1e-6, atol=1e-9)
