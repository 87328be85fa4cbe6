"""Laws of the optimum under every likelihood and penalty: J, its routes, unknowns beside it."""

from __future__ import annotations

import numpy as np
import pytest

import bayesreg as br
from bayesreg.solvers.objective import penalty_slope, penalty_value
from tests.cases import LIKELIHOODS, priors, responding
from tests.test_model import condition

pytestmark = pytest.mark.filterwarnings("ignore::bayesreg.language.errors.BayesregWarning")

NOISES = ["StudentTNoise", "LaplaceNoise"]


def of(name, which="tall"):
    """One case of a likelihood."""
    return next(case for case in responding(name) if case.name == which)


def log_posterior(problem, b):
    """log p(y | η, θ) + log p(b) without what b does not change, by its definition."""
    loss = problem.loss
    at = loss.at(b)
    total = loss.weights @ loss.likelihood.log_density(loss.y, at.eta, loss.theta)
    for block in problem.blocks:
        scale = problem.effective_scale(block, problem.sigma)
        part = b[block.columns] + block.prior.loc
        total += np.sum(block.prior.log_density(part, scale))
    return total


# --- J ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [n for n in LIKELIHOODS if n != "Gaussian"])
@pytest.mark.parametrize("prior", priors("penalised", "majorised"), ids=repr)
def test_the_objective_over_phi_is_minus_the_log_posterior(name, prior):
    """Between any two b, in either unit; and the slope of the penalty is that of its value."""
    likelihood = LIKELIHOODS[name].likelihood
    if prior.unit == "sigma" and not likelihood.has_sigma:
        pytest.skip("no σ to be the unit")
    problem = condition(of(name, "weighted"), br.Model(prior, likelihood))
    first, second = np.random.default_rng(8).standard_normal((2, problem.p))
    phi = problem.penalty.phi
    found, wanted, other = [], [], []
    for b in (first, second):
        loss, cost = problem.loss.at(b).value, float(penalty_value(problem, b))
        found.append((loss + cost) / phi)
        other.append(loss / phi + 1.01 * cost / phi)
        wanted.append(-log_posterior(problem, b))
    assert found[1] - found[0] == pytest.approx(wanted[1] - wanted[0], rel=1e-9)
    assert other[1] - other[0] != pytest.approx(wanted[1] - wanted[0], rel=1e-6)
    step, size = 1e-6 * np.eye(problem.p), 2e-6
    slopes = (penalty_value(problem, first + step) - penalty_value(problem, first - step)) / size
    np.testing.assert_allclose(penalty_slope(problem, first), slopes, rtol=1e-5)
    if problem.penalty.linear_quadratic:
        cost = problem.l1 @ np.abs(first) + 0.5 * problem.l2 @ np.square(first)
        assert penalty_value(problem, first) == pytest.approx(cost, rel=1e-12)


@pytest.mark.parametrize(
    "prior, words, value",
    [
        (br.Laplace(0.5), "σ/scale", 1.3 / 0.5),
        (br.Laplace(0.5, unit="sigma"), "1/scale", 1.0 / 0.5),
        (br.Normal(0.5), "σ/scale²", 1.3 / 0.25),
        (br.Normal(0.5, unit="sigma"), "1/(σ·scale²)", 1.0 / 1.3 / 0.25),
    ],
    ids=repr,
)
def test_the_lam_of_laplace_noise_is_in_sigma_and_not_its_square(prior, words, value):
    problem = condition(of("LaplaceNoise"), br.Model(prior, br.LaplaceNoise(1.3)))
    assert problem.penalty.lam == pytest.approx(value, rel=1e-12)
    assert f"λ = {words}" in problem.penalty.objective
    assert "‖y − β₀ − Xβ‖₁" in problem.penalty.objective
    unknown = condition(of("LaplaceNoise"), br.Model(prior, br.LaplaceNoise()))
    assert unknown.penalty.known is ("σ" not in words)
    assert "φ = 1" not in problem.penalty.objective


def test_the_scale_of_a_lam_gives_that_lam_back():
    """Under φ = σ and φ = σ², in both units, for every shape."""
    from bayesreg.solvers.path import Ray

    for name in NOISES:
        for prior in priors("penalised"):
            problem = condition(of(name), br.Model(prior, LIKELIHOODS[name].likelihood))
            ray = Ray.of(problem, problem.sigma)
            l1, l2 = ray.penalties(np.array([2.5]))
            at = ray.at(2.5)
            np.testing.assert_allclose(at.l1, l1[0], rtol=1e-12)
            np.testing.assert_allclose(at.l2, l2[0], rtol=1e-12)
            half = Ray.of(problem, problem.sigma, 0.3).at(2.5)
            np.testing.assert_allclose(half.l1, 0.75, rtol=1e-12)
            np.testing.assert_allclose(half.l2, 1.75, rtol=1e-12)
