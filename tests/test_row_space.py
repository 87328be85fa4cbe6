"""Laws of trajectories in row space: factors, slopes, and the posterior that other engines draw."""

from __future__ import annotations

import numpy as np
import pytest

import bayesreg as br
from bayesreg.diagnostics import agreement
from bayesreg.engines import base, hmc, row_space
from bayesreg.verbs.fit import default_engine
from tests.test_tangent import PRIORS, run

pytestmark = pytest.mark.filterwarnings("ignore::bayesreg.language.errors.BayesregWarning")

N, P = 12, 20


def wide(likelihood, prior, n=N, p=P):
    """A few rows with weights, an offset, and more columns than rows."""
    rng = np.random.default_rng(7)
    X = rng.standard_normal((n, p))
    eta = X[:, :3] @ [1.0, -0.8, 0.6] + 0.3
    draw = {br.Bernoulli: lambda: rng.random(n) < 1.0 / (1.0 + np.exp(-eta))}
    y = draw.get(type(likelihood), lambda: rng.poisson(np.exp(0.5 * eta)))().astype(float)
    offset, weights = np.linspace(-0.3, 0.3, n), np.tile([1.0, 2.0], n // 2)
    model = br.Model(prior, likelihood)
    return model.condition(X, y, standardize=True, offset=offset, weights=weights)


@pytest.mark.parametrize("repeated", [False, True])
def test_factors_make_the_columns_and_what_is_left_of_z_is_the_priors(repeated):
    """XD = FQ', Q'Q = I, and Q'z = w; also where rows repeat and F is singular."""
    rng = np.random.default_rng(1)
    x, sd = rng.standard_normal((30, 8)), np.exp(3.0 * rng.standard_normal((2, 30)))
    if repeated:
        x[:, 5] = x[:, 2]
    made = row_space.Factored.of(x, sd)
    whole = made.f @ made.q.swapaxes(1, 2)
    assert np.allclose(whole, x.T * sd[:, None], atol=1e-9 * np.abs(whole).max())
    assert np.allclose(made.q.swapaxes(1, 2) @ made.q, np.eye(8), atol=1e-8)
    w = rng.standard_normal((2, 8))
    assert np.allclose(made.within(made.filled(w, rng)), w, atol=1e-8)


@pytest.mark.parametrize("likelihood", [br.Bernoulli(), br.Poisson(), br.NegativeBinomial()])
def test_slopes_are_those_of_the_density(likelihood):
    """Along each whitened coordinate and the scale, against differences."""
    problem = wide(likelihood, PRIORS["Normal"])
    setup, rng = hmc.KERNEL.prepare(problem), np.random.default_rng(2)
    steps, state = hmc.KERNEL.steps(setup), hmc.KERNEL.start(setup, rng, 3, 1)
    white, metric = setup.frame[1], setup.metric
    unit, theta = np.full((3, N + 1), 0.7), setup.own.theta(state.own)
    path = row_space.Path(setup, white, unit, steps.blocks[0].hyper, metric, theta, 1)
    v, shift, h = rng.standard_normal((3, N + 1)), np.array([-0.4, 0.1, 0.5]), 1e-5
    _, along, slope = path.look(v, shift)
    for j in range(N + 1):
        step = h * np.eye(N + 1)[j]
        ahead, behind = path.look(v + step, shift)[0], path.look(v - step, shift)[0]
        assert np.allclose(along[:, j], (ahead - behind) / (2.0 * h), rtol=1e-5, atol=1e-5)
    ahead, behind = path.look(v, shift + h)[0], path.look(v, shift - h)[0]
    assert np.allclose(slope, (ahead - behind) / (2.0 * h), rtol=1e-5, atol=1e-5)


def test_workers_change_no_bit_and_the_default_is_this():
    problem = wide(br.Bernoulli(), PRIORS["Laplace"])
    assert default_engine(problem)[0] == "hmc"
    one, other = (
        base.run(hmc, problem, draws=20, tune=5, seed=3, workers=count) for count in (1, 2)
    )
    assert np.array_equal(one.beta, other.beta)
    assert np.array_equal(one.scale, other.scale)


# --- against engines that share no code for β: latent weights, and ellipses about the mode ----

PAIRS = [(br.Bernoulli(), "gibbs"), (br.Poisson(), "tangent")]


@pytest.mark.slow
@pytest.mark.parametrize("prior", ["Normal", "Laplace", "Horseshoe", "Known"])
@pytest.mark.parametrize("likelihood, other", PAIRS)
def test_it_meets_an_engine_that_shares_no_code_for_coefficients(likelihood, other, prior):
    problem = wide(likelihood, (PRIORS | {"Known": br.Normal(0.4)})[prior])
    draws = 8000 if prior == "Horseshoe" else 2000  # whose intercept has a long tail
    verdict = agreement(run("hmc", problem, draws=draws), run(other, problem, seed=2, draws=4000))
    assert verdict.ok, verdict.why


@pytest.mark.slow
def test_a_jacobian_that_is_left_out_is_caught(monkeypatch):
    """Negative control of the law above: γ held in units of s has a share of the density of s."""
    problem = wide(br.Bernoulli(), PRIORS["Normal"])
    of_priors = row_space.Path.log_prior
    monkeypatch.setattr(row_space.Path, "log_prior", lambda s, r: of_priors(s, r) - r)
    assert not agreement(run("hmc", problem), run("gibbs", problem, seed=2, draws=4000)).ok
