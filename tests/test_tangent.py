"""Laws of engine tangent: exact under a quadratic, and the posterior that other engines draw."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

import bayesreg as br
from bayesreg.diagnostics import agreement
from bayesreg.engines import base, engine_named, hmc, laplace_tangent
from bayesreg.verbs.fit import default_engine
from tests.cases import LIKELIHOODS, Case, responding
from tests.test_model import condition
from tests.test_reference import UNKNOWN

pytestmark = pytest.mark.filterwarnings("ignore::bayesreg.language.errors.BayesregWarning")

HALF = br.HalfNormal(1.0)
PRIORS = {
    "Normal": br.Normal(HALF, unit="y"),
    "Laplace": br.Laplace(HALF, unit="y"),
    "StudentT": br.StudentT(3.0, HALF, unit="y"),
    "Horseshoe": br.Horseshoe(HALF, unit="y"),
}


def rows(name, n, p=3):
    """A case of a likelihood with offsets and frequencies, and its own unknowns unknown."""
    rng = np.random.default_rng(3)
    X = rng.standard_normal((n, p)) * np.linspace(1.0, 0.6, p) + 0.5
    offset = np.linspace(-0.4, 0.4, n)
    y = LIKELIHOODS[name].draw(rng, offset + X @ np.linspace(0.7, -0.3, p) - 0.2)
    return Case(name, X, y, weights=rng.integers(1, 3, n).astype(float)), offset


def problem_of(name, prior, likelihood=None, n=120):
    case, offset = rows(name, n)
    model = br.Model(prior, likelihood or UNKNOWN.get(name, LIKELIHOODS[name].likelihood))
    trials = np.full(len(offset), 7.0) if name == "Binomial" else None
    return model.condition(
        case.X, case.y, standardize=True, weights=case.weights, offset=offset, trials=trials
    )


def run(engine, problem, seed=1, draws=2000):
    engine = engine_named(engine) if isinstance(engine, str) else engine
    return base.run(engine, problem, draws=draws, chains=4, seed=seed)


def always(share):
    """The engine as if its pilot had accepted a share: both forms of its kernel."""

    class Kernel(laplace_tangent.Tangent):
        def prepare(self, problem):
            return dataclasses.replace(laplace_tangent.expanded(problem), share=share)

    return SimpleNamespace(NAME="tangent", KERNEL=Kernel(), supports=laplace_tangent.supports)


@pytest.mark.parametrize("prior", [br.Normal(0.7), br.Normal(0.4, 0.3, unit="sigma")], ids=repr)
def test_under_a_quadratic_every_proposal_is_accepted_and_draws_are_the_closed_form_s(prior):
    problem = problem_of("Gaussian", prior, br.Gaussian(1.3))
    assert laplace_tangent.acceptance(problem) == 1.0
    found = run("tangent", problem)
    verdict = agreement(found, run("exact", problem, seed=2))
    assert verdict.ok, verdict.why
    assert 0.3 < verdict.mean_z2 < 2.5


@pytest.mark.parametrize("share", [1.0, 0.1], ids=["proposals", "ellipses"])
@pytest.mark.slow
def test_both_forms_meet_latent_weights(share):
    """Under noise, whose latent weights are quick; σ is drawn by both."""
    problem = problem_of("StudentTNoise", br.Laplace(HALF), br.StudentTNoise(4.0), n=60)
    verdict = agreement(run(always(share), problem), run("gibbs", problem, seed=2))
    assert verdict.ok, verdict.why


@pytest.mark.parametrize("name", ["Poisson", "NegativeBinomial"])
@pytest.mark.slow
def test_gradients_lead_to_the_same_posterior(name):
    """Engine hmc, whose moves share no code with proposals."""
    problem = problem_of(name, PRIORS["Laplace"], n=60)
    verdict = agreement(run("hmc", problem), run("tangent", problem, seed=2))
    assert verdict.ok, verdict.why


def test_trajectories_under_another_density_are_caught(monkeypatch):
    """Negative control: trajectories accepted under another prior sd than drawn for."""
    problem = problem_of("Poisson", PRIORS["Normal"], n=60)
    right = run("tangent", problem)
    move = hmc.Hmc.move

    def wider(self, setup, normal, state, sd, rng):
        move(self, setup, normal, state, 3.0 * sd, rng)

    monkeypatch.setattr(hmc.Hmc, "move", wider)
    assert agreement(run("hmc", problem, seed=2), right).ok is False


def test_a_ratio_without_its_curvature_is_caught(monkeypatch):
    """Negative control: what the proposal took of log L is left in."""

    def linear(self, setup, u):
        return self.amount * (u @ setup.c)

    problem = problem_of("Poisson", br.Normal(0.7))  # a scale would move rightly
    right = run("tangent", problem)
    monkeypatch.setattr(laplace_tangent.Normalised, "log_density", linear)
    wrong = run("tangent", problem, seed=2)
    assert np.max(np.abs(wrong.beta.mean((0, 1)) - right.beta.mean((0, 1)))) > 0.1


@pytest.mark.parametrize("weights", [None, np.linspace(0.3, 2.0, 60)], ids=["rows", "weights"])
@pytest.mark.parametrize("name", LIKELIHOODS)
def test_sums_are_those_of_the_log_density_up_to_a_constant(name, weights):
    """Over η and θ alike, also where e^η leaves float64; a constant apart."""
    kind, rng = LIKELIHOODS[name], np.random.default_rng(1)
    y = kind.draw(rng, rng.normal(0.3, 1.0, 60))
    w = np.ones(60) if weights is None else weights
    facts = {k: np.full(60, v) for k, v in kind.theta.items() if k == "trials"}
    theta = {k: v * np.exp(rng.normal(0.0, 0.3, (5, 1))) for k, v in kind.theta.items()}
    theta = {k: v for k, v in theta.items() if k not in facts}
    eta = rng.normal(0.3, 1.5, (5, 60))
    eta[4, :3] = [-750.0, 720.0, 40.0]
    found = kind.likelihood.summed(y, w, facts)(eta, theta)
    wanted = kind.likelihood.log_density(y, eta, {**theta, **facts}) @ w
    np.testing.assert_allclose(found - found[0], wanted - wanted[0], rtol=1e-11, atol=1e-9)
    known = {k: float(v[0, 0]) for k, v in theta.items()}
    one = kind.likelihood.summed(y, w, facts)(eta[:1], known)
    np.testing.assert_allclose(one, found[:1], rtol=1e-11)
    many = kind.likelihood.summed(y, w, facts)(eta[:1], theta)
    tiled = kind.likelihood.summed(y, w, facts)(np.tile(eta[:1], (5, 1)), theta)
    np.testing.assert_allclose(np.broadcast_to(many, 5), tiled, rtol=1e-13)


@pytest.mark.parametrize("w", [0.4, 1.0, 3.0])
@pytest.mark.parametrize("name", ["StudentTNoise", "LaplaceNoise"])
def test_latent_weights_of_noise_have_the_moments_that_the_density_says(name, w):
    """With s = r²/2σ² and p(r)^w = ∫e^(−ωs)…, E ω and Var ω are derivatives of w·log p in s."""
    kind, size = LIKELIHOODS[name], 200_000
    sigma, rng = kind.theta["sigma"], np.random.default_rng(4)
    for r in (0.3, 2.0, 9.0):
        s, h = 0.5 * (r / sigma) ** 2, 1e-3 * (r / sigma) ** 2
        at = sigma * np.sqrt(2.0 * np.array([s - h, s, s + h]))
        log = w * kind.likelihood.log_density(at, 0.0, kind.theta)
        mean, variance = (log[0] - log[2]) / (2 * h), (log[0] - 2 * log[1] + log[2]) / h**2
        theta = {k: np.full(size, v) for k, v in kind.theta.items()}
        y, eta = np.full(size, r), np.zeros(size)
        omega, z = kind.likelihood.augment(rng, y, eta, theta, np.full(size, w))
        assert np.array_equal(z, y)
        error = np.sqrt(variance / size)
        assert abs(omega.mean() - mean) < 5.0 * error
        assert omega.var() == pytest.approx(variance, rel=0.08)
        # Negative control: another residual has another mean.
        assert abs(omega.mean() * 1.1 - mean) > 5.0 * error


def test_gradients_are_not_asked_of_what_has_kinks():
    assert "jumps" in hmc.supports(problem_of("LaplaceNoise", PRIORS["Normal"]))


@pytest.mark.parametrize("name", ["Poisson", "StudentTNoise"])
@pytest.mark.slow
def test_flat_columns_alone_are_drawn_by_both(name):
    """No prior but of the likelihood's own unknowns."""
    problem = problem_of(name, br.Flat(), n=60)
    verdict = agreement(run("tangent", problem), run("hmc", problem, seed=2))
    assert verdict.ok, verdict.why


def test_the_choice_is_of_the_problem_alone_and_says_why():
    """Tangent where proposals are accepted, gradients where there are few rows a column."""
    problem = problem_of("Bernoulli", PRIORS["Laplace"])
    assert default_engine(problem) == default_engine(problem)
    name, why = default_engine(problem)
    assert name == "tangent"
    assert "pilot accepted" in why
    assert default_engine(problem_of("LaplaceNoise", PRIORS["Normal"]))[0] == "independent"
    few = responding("Poisson")
    steep = condition(
        next(c for c in few if c.name == "wide"), br.Model(br.Normal(0.8), br.Poisson())
    )
    assert default_engine(steep)[0] == "hmc"
    wide = condition(
        next(c for c in responding("Bernoulli") if c.name == "wide"),
        br.Model(br.Normal(0.8), br.Bernoulli()),
    )
    assert default_engine(wide)[0] == "hmc"


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_a_seed_says_all_and_unknowns_are_drawn(name):
    problem = problem_of(name, PRIORS["Horseshoe"])
    one, other = (base.run(laplace_tangent, problem, draws=40, chains=2, seed=5) for _ in "ab")
    assert np.array_equal(one.beta, other.beta)
    for draws in one.unknowns.values():
        assert np.isfinite(draws.values).all()
        assert draws.values.std() > 0.0
    assert np.all((one.kappa > 0.0) & (one.kappa < 1.0))


def test_nothing_is_compiled_and_workers_change_nothing():
    """In a process of its own: neither compiler is even imported."""
    code = (
        "import sys, numpy as np, bayesreg as br;"
        "from bayesreg.engines import base, laplace_tangent as engine;"
        "X = np.random.default_rng(0).standard_normal((200, 8));"
        "y = (X[:, 0] + np.random.default_rng(1).standard_normal(200) > 0) * 1.0;"
        "problem = br.Model(br.Laplace(), br.Bernoulli()).condition(X, y, standardize=True);"
        "assert br.sample(problem, seed=1).engine == 'tangent';"
        "assert not {'numba', 'pymc'} & set(sys.modules);"
        "one, two = (base.run(engine, problem, draws=30, seed=1, workers=w) for w in (1, 2));"
        "assert np.array_equal(one.beta, two.beta)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# --- what is far out -------------------------------------------------------------------------

RNG = np.random.default_rng(0)
COLUMNS = RNG.standard_normal((30, 3))
ETA = COLUMNS @ [0.5, -0.3, 0.2]
COUNTS = RNG.poisson(np.exp(ETA)).astype(float)
OUTLIER = np.append(ETA[:-1] + RNG.standard_normal(29), 1e8)
EXTREMES = {
    "three rows": (br.Poisson(), [[0.0], [1.0], [2.0]], [0.0, 1.0, 0.0], {}),
    "huge counts": (br.Poisson(), COLUMNS, np.round(1e12 * np.exp(ETA)), {}),
    "offsets of 1000": (br.Poisson(), COLUMNS, COUNTS, {"offset": np.full(30, 1e3)}),
    "rows of no weight": (br.Poisson(), COLUMNS, COUNTS, {"weights": np.arange(30) % 3.0}),
    "columns twice": (br.NegativeBinomial(), np.hstack([COLUMNS, COLUMNS]), COUNTS, {}),
    "no overdispersion": (br.NegativeBinomial(), COLUMNS, np.full(30, 5.0), {}),
    "columns of all sizes": (br.Poisson(), COLUMNS * [1e-6, 1.0, 1e6], COUNTS, {}),
    "an outlier": (br.LaplaceNoise(), COLUMNS, OUTLIER, {}),
    "more columns than rows": (br.Poisson(), RNG.standard_normal((30, 40)), COUNTS, {}),
}


@pytest.mark.parametrize("name", EXTREMES)
def test_whatever_is_far_out_is_drawn(name):
    likelihood, X, y, more = EXTREMES[name]
    problem = br.Model(br.Normal(HALF), likelihood).condition(X, y, **more)
    found = run(default_engine(problem)[0], problem, draws=150)
    for one in found.unknowns.values():
        assert np.isfinite(one.values).all()
        assert one.values.std() > 0.0


@pytest.mark.slow
def test_an_outlier_of_a_hundred_million_leaves_the_other_rows_alone():
    """Under Student-t noise, by two engines of which neither proposes about the mode."""
    problem = br.Model(br.Normal(HALF), br.StudentTNoise()).condition(COLUMNS, OUTLIER)
    one = run("hmc", problem)
    verdict = agreement(one, run("gibbs", problem, seed=2))
    assert verdict.ok, verdict.why
    assert np.all(np.abs(one.beta.mean((0, 1)) - [0.5, -0.3, 0.2]) < 0.8)


# --- every likelihood × prior, two engines that share no code for β --------------------------

PAIRS = [(n, p) for n in ("Bernoulli", "StudentTNoise", "LaplaceNoise") for p in PRIORS]


@pytest.fixture(scope="module")
def pairs():
    """Tangent, and latent weights."""
    found = {}
    for k, (name, prior) in enumerate(PAIRS):
        problem = problem_of(name, PRIORS[prior], n=80)
        found[name, prior] = (
            run("tangent", problem, 10 + k, 1500),
            run("gibbs", problem, 40 + k, 1500),
        )
    return found


@pytest.mark.slow
def test_tangent_and_latent_weights_agree(pairs):
    verdicts = {key: agreement(*both) for key, both in pairs.items()}
    assert all(v.ok for v in verdicts.values()), [v.why for v in verdicts.values()]
    assert 0.7 < np.mean([v.mean_z2 for v in verdicts.values()]) < 1.35


@pytest.mark.slow
def test_an_error_of_a_twentieth_of_an_sd_is_caught(pairs):
    """Negative control of the law above."""

    def biased(draws):
        return dataclasses.replace(draws, beta=draws.beta + 0.05 * draws.beta.std((0, 1)))

    found = [agreement(one, biased(other)).mean_z2 for one, other in pairs.values()]
    assert np.mean(found) > 1.35


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize(
    "name, engine",
    [("NegativeBinomial", "tangent"), ("StudentTNoise", "tangent"), ("LaplaceNoise", "gibbs")],
)
def test_nuts_agrees_where_the_likelihood_has_unknowns(name, engine):
    problem = problem_of(name, br.Normal(HALF))
    by_nuts = br.sample(problem, engine="nuts", draws=2000, chains=2, seed=3).draws
    verdict = agreement(run(engine, problem), by_nuts)
    assert verdict.ok, verdict.why
