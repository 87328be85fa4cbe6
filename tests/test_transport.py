"""Laws of the map that follows a scale: one to one, its volume, its slopes, and the posterior."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad

import bayesreg as br
from bayesreg.diagnostics import agreement
from bayesreg.engines import hmc, propagation, transport
from tests.test_row_space import plain, wide
from tests.test_tangent import PRIORS, run

pytestmark = pytest.mark.filterwarnings("ignore::bayesreg.language.errors.BayesregWarning")

N, P = 12, 20
HEAVY = br.Normal(br.HalfStudentT(3.0, 1.0), unit="y")


def half_t(z):
    """Of a standard normal: |t|, with three degrees of freedom."""
    return stats.t.isf(stats.norm.sf(np.abs(z)), 3.0)


def prepared(likelihood, prior=PRIORS["Normal"]):
    """A setup with its map, and points (v, r) between, on and beyond nodes."""
    setup, rng = hmc.KERNEL.prepare(wide(likelihood, prior)), np.random.default_rng(2)
    nodes = setup.map.nodes
    r = np.array([nodes[0] - 1.0, nodes[1], nodes[0] + 0.3 * np.ptp(nodes), nodes[-1] + 0.2])
    return setup, rng.standard_normal((4, N + 1)), r


def moves(setup, rows):
    theta = setup.own.theta(np.zeros((rows, len(setup.own.names))))
    return transport.Moves(setup, setup.map, theta, hmc.KERNEL.steps(setup).blocks[0].hyper)


@pytest.mark.parametrize("likelihood", [br.Bernoulli(), br.Poisson(), br.NegativeBinomial()])
def test_the_map_is_one_to_one_and_its_volume_is_that_of_its_slopes(likelihood):
    setup, v, r = prepared(likelihood)
    made, h = setup.map, 1e-5
    where, volume = made.placed(v, r)
    assert np.allclose(made.back(where, r), v, atol=1e-9)
    slopes = np.empty((len(r), N + 1, N + 1))
    for j in range(N + 1):
        step = h * np.eye(N + 1)[j]
        ahead, behind = made.placed(v + step, r)[0], made.placed(v - step, r)[0]
        slopes[:, :, j] = (ahead - behind) / (2.0 * h)
    assert np.allclose(np.triu(slopes, 1), 0.0, atol=1e-8)
    assert np.allclose(np.linalg.slogdet(slopes)[1], volume, atol=1e-6)
    assert np.all(made.curve[:, 1] > 0.0)


@pytest.mark.parametrize("likelihood", [br.Bernoulli(), br.Poisson(), br.NegativeBinomial()])
def test_slopes_are_those_of_the_density_that_slices_see(likelihood):
    setup, v, r = prepared(likelihood)
    own, h = moves(setup, len(r)), 1e-5
    value, slope = own.held(r)(v)
    seen = own.log_density(v, r, own.theta)
    other = 0.7 * v
    beside = own.log_density(other, r, own.theta)
    assert np.allclose(own.held(r)(other)[0] - value, seen - beside, atol=1e-8)
    for j in range(N + 1):
        step = h * np.eye(N + 1)[j]
        ahead, behind = own.held(r)(v + step)[0], own.held(r)(v - step)[0]
        rounding = 1e-5 + 1e-10 * np.abs(ahead)
        assert np.all(np.abs(slope[:, j] - (ahead - behind) / (2.0 * h)) < rounding)


def test_curves_have_the_skewness_asked_for():
    """Mean 0 and sd 1 under a normal v; a skewness that no curve has is the largest."""
    skewness = np.array([[0.0, 0.4, -0.8, 3.0]])
    curve, side = transport.skewed(skewness, 0)
    v = np.random.default_rng(0).standard_normal((400_000, 1)) * np.ones(4)
    t, _, _ = transport.curved(np.broadcast_to(curve, (len(v), 3, 4)), side, v)
    assert np.allclose(t.mean(axis=0), 0.0, atol=0.01)
    assert np.allclose(t.std(axis=0), 1.0, atol=0.01)
    assert np.allclose((t**3).mean(axis=0)[:3], skewness[0, :3], atol=0.03)


def test_propagation_is_exact_of_one_row():
    """Mean, variance and evidence of w under N(0, 1) and one yes/no outcome, by quadrature."""
    size = 3.0

    def fit(x):
        return -np.logaddexp(0.0, -x)

    def density(w):
        return np.exp(-0.5 * w * w + fit(size * w)) / np.sqrt(2.0 * np.pi)

    total, first, second = (quad(lambda w, k=k: w**k * density(w), -9, 9)[0] for k in range(3))
    start = np.array([0.1]), np.array([0.1])
    found = propagation.matched(fit, np.array([[size]]), 0, start)
    assert np.isclose(found.mean[0], first / total, atol=2e-3)
    variance = second / total - (first / total) ** 2
    assert np.isclose(found.lower[0, 0] ** 2, variance, rtol=1e-2)
    assert np.isclose(found.height, np.log(total), atol=2e-3)


# --- against ellipses under the prior, and a control ----------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("likelihood", [br.Bernoulli(), br.Poisson()])
def test_it_meets_ellipses_under_a_heavier_hyperprior(likelihood):
    problem = wide(likelihood, HEAVY)
    found = run("hmc", problem, draws=4000)
    verdict = agreement(found, plain(problem, "Normal", found, 400, scale=half_t))
    assert verdict.ok, verdict.why


@pytest.mark.slow
def test_a_volume_that_is_left_out_is_caught(monkeypatch):
    """Negative control: slices of a scale that forget how the map grows with it."""
    problem = wide(br.Bernoulli(), PRIORS["Normal"])
    right = run("hmc", problem)
    monkeypatch.setattr(transport.Transport, "log_det", lambda self, r: np.zeros(len(r)))
    verdict = agreement(run("hmc", problem, seed=2), right)
    assert verdict.max_z > verdict.limit


@pytest.mark.slow
def test_both_ends_of_a_scale_are_visited_where_rows_are_separated():
    """One chain is as good as another: a small scale, at which w is normal, and a large one."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 300))
    y = (rng.random(60) < 1.0 / (1.0 + np.exp(-X[:, :5] @ np.full(5, 0.4)))).astype(float)
    problem = br.Model(br.Normal(), br.Bernoulli()).condition(X, y, standardize=True)
    found = br.sample(problem, seed=1)
    assert found.draws.engine == "hmc"
    assert found.checks.ok, str(found.checks)
