"""Laws of the point about which a likelihood is expanded: it is a mode, and its derivatives are."""

from __future__ import annotations

import numpy as np
import pytest

import bayesreg as br
from bayesreg.engines.reference import reference
from tests.cases import LIKELIHOODS, responding
from tests.test_model import condition

pytestmark = pytest.mark.filterwarnings("ignore::bayesreg.language.errors.BayesregWarning")

UNKNOWN = {
    "NegativeBinomial": br.NegativeBinomial(),
    "StudentTNoise": br.StudentTNoise(),
    "LaplaceNoise": br.LaplaceNoise(),
}
NAMES = [name for name in LIKELIHOODS if name != "Gaussian"]
SMOOTH = [name for name in NAMES if name != "LaplaceNoise"]


def problem_of(name, case="tall", prior=None):
    known = LIKELIHOODS[name].likelihood
    # More columns than rows leave an unknown σ nothing to be estimated from.
    likelihood = known if case == "wide" and known.has_sigma else UNKNOWN.get(name, known)
    data = next(c for c in responding(name) if c.name == case)
    return condition(data, br.Model(prior or br.Normal(br.HalfNormal(1.0), unit="y"), likelihood))


def log_posterior(problem, at, u):
    """Log L and the log priors of the own unknowns' logarithms, from the rows."""
    loss, k = at.problem.loss, len(u) - len(at.names)
    own = dict(zip(at.names, u[k:], strict=True))
    eta = loss.given(u[at.free : k]) + loss.free @ u[: at.free]
    theta = {**loss.theta, **{name: np.exp(x) for name, x in own.items()}}
    priors = sum(float(problem.unknown[name].log_density_of_log(x)) for name, x in own.items())
    return float(loss.weights @ loss.likelihood.log_density(loss.y, eta, theta)) + priors


@pytest.mark.parametrize("case", ["tall", "weighted", "no intercept"])
@pytest.mark.parametrize("name", SMOOTH)
def test_slopes_are_those_of_the_log_posterior_and_vanish_beside_the_prior(name, case):
    problem = problem_of(name, case)
    at = reference(problem)
    steps = 1e-5 * np.eye(len(at.at))
    slopes = [
        (log_posterior(problem, at, at.at - e) - log_posterior(problem, at, at.at + e)) / 2e-5
        for e in steps
    ]
    np.testing.assert_allclose(at.slope, slopes, rtol=1e-4, atol=1e-3)
    k = at.free
    ridge = np.concatenate([np.zeros(k), at.at[k : k + problem.p] / np.square(at.sd)])
    left = at.slope[: k + problem.p] + ridge
    assert np.max(np.abs(left) / np.sqrt(np.diagonal(at.bend)[: k + problem.p])) < 1e-2
    # Negative control: elsewhere they do not.
    away = np.array([log_posterior(problem, at, at.at + 0.3 * e / 1e-5) for e in steps])
    assert np.all(np.isfinite(away))
    assert np.max(np.abs(ridge)) > 10.0 * np.max(np.abs(left))


@pytest.mark.parametrize("name", [n for n in SMOOTH if LIKELIHOODS[n].convex])
def test_bends_are_second_differences(name):
    problem = problem_of(name)
    at, h = reference(problem), 1e-3
    size = at.free + problem.p
    for i in range(size):
        e = h * np.eye(len(at.at))[i]
        middle = log_posterior(problem, at, at.at)
        outer = log_posterior(problem, at, at.at + e) + log_posterior(problem, at, at.at - e)
        assert at.bend[i, i] == pytest.approx((2.0 * middle - outer) / h**2, rel=2e-3)


@pytest.mark.parametrize("case", ["tall", "wide", "twins and zeros", "unequal scales"])
@pytest.mark.parametrize("name", NAMES)
def test_it_is_a_normal_density_under_every_likelihood(name, case):
    at = reference(problem_of(name, case))
    assert np.all(np.isfinite(at.at))
    assert np.all(np.isfinite(at.bend))
    scale = 1.0 / np.sqrt(np.maximum(np.diagonal(at.bend), 1e-200))
    values = np.linalg.eigvalsh(at.bend * scale * scale[:, None])
    assert values[0] > -1e-9 * values[-1]
    assert np.all(at.information >= 0.0)
