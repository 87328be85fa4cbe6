"""Laws of engine independent where σ, a df or a shape is unknown, kinks and second modes."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.stats import norm

import bayesreg as br
from bayesreg.diagnostics import agreement
from bayesreg.engines import given_scale, importance
from bayesreg.engines.draws import array_stats
from bayesreg.engines.log_posterior import Prior, Rows
from bayesreg.engines.modes import Mode
from bayesreg.gaussian import direct
from bayesreg.language.errors import NotSupported
from bayesreg.verbs.fit import default_engine
from tests.test_tangent import HALF, problem_of, rows, run

pytestmark = pytest.mark.filterwarnings("ignore::bayesreg.language.errors.BayesregWarning")

SIGMA, Y = br.Normal(HALF, unit="sigma"), br.Normal(HALF, unit="y")
SMALL_NOISE = br.LaplaceNoise(br.HalfNormal(0.4))
MIXED = {"x1": br.Normal(0.3, unit="sigma"), "x2": br.Flat(), ...: Y}
CASES = [
    ("StudentTNoise", br.StudentTNoise(), SIGMA),
    ("StudentTNoise", br.StudentTNoise(br.Uniform(1.0, 10.0)), MIXED),
    ("LaplaceNoise", br.LaplaceNoise(), SIGMA),
    ("LaplaceNoise", SMALL_NOISE, br.Normal(0.4, unit="sigma")),
    ("NegativeBinomial", br.NegativeBinomial(), br.Normal(HALF)),
]
BY_CASE = pytest.mark.parametrize("name, likelihood, prior", CASES, ids=repr)


@BY_CASE
def test_it_meets_tangent(name, likelihood, prior):
    problem = problem_of(name, prior, likelihood)
    assert default_engine(problem)[0] == "independent"
    found, other = run("independent", problem), run("tangent", problem, seed=2, draws=1000)
    assert set(found.unknowns) == set(other.unknowns)
    verdict = agreement(found, other)
    assert verdict.ok, verdict.why
    assert 0.2 < verdict.mean_z2 < 2.5


@pytest.mark.parametrize("engine", ["tangent", "gibbs"])
def test_a_known_scale_is_in_units_of_the_noise_s_own_sigma(engine):
    """Not of √φ, whose square the Laplace noise's σ is: the slope of the log posterior has mean 0.

    Σb²/v²σ² − p, of log σ, beside Σw|y − η|/σ − N and what the prior of log σ has.
    """
    case, offset = rows("LaplaceNoise", 60)
    model = br.Model(br.Normal(0.25, unit="sigma"), br.LaplaceNoise(br.HalfNormal(5.0)))
    problem = model.condition(case.X, 5.0 * case.y, standardize=True, offset=offset)
    draws, design = run(engine, problem), problem.design
    sigma, beta = draws.sigma.reshape(-1, 1), draws.beta.reshape(-1, 3)
    eta = design.known.added_to(beta @ design.X.T + draws.intercept.reshape(-1, 1), -1)
    deviance = np.abs(design.y - eta) @ design.frequencies / sigma[:, 0]
    law = 1.0 - np.square(sigma[:, 0] / 5.0)
    for scale, ok in ((0.25, True), (0.25 / np.sqrt(np.median(sigma)), False)):
        z2 = np.square(beta * problem.x_sd / (scale * sigma)).sum(axis=1)
        slope = deviance - design.frequencies.sum() + z2 - 3.0 + law
        ess = float(array_stats().ess(slope.reshape(4, -1), method="mean"))
        assert bool(abs(slope.mean()) < 5.0 * slope.std() / np.sqrt(ess)) is ok


@pytest.mark.parametrize("fault", ["own prior", "shift", "unit"])
def test_weights_of_another_prior_are_caught(monkeypatch, fault):
    """Negative controls: proposals are as they were, and weighed by what is not the model.

    The law of df is left out, e^r is taken for the scale in units of σ, or sds are halved.
    """
    case, offset = rows("StudentTNoise", 120)
    model = br.Model(SIGMA, br.StudentTNoise(br.Gamma(6.0, 1.5)))
    problem = model.condition(case.X, 5.0 * case.y, standardize=True, offset=offset)
    right, draw = run("independent", problem), given_scale.Proposal.draw

    def careless(self, size, rng):
        prior = self.prior
        change = {"own": (prior.own[0],) * 2, "shifted": False, "unit": 0.5 * prior.unit}
        key = {"own prior": "own", "shift": "shifted", "unit": "unit"}[fault]
        wrong = dataclasses.replace(prior, **{key: change[key]})
        u, r, log_w = draw(self, size, rng)
        for one, sign in ((wrong, 1.0), (prior, -1.0)):
            log_w = log_w + sign * (one.log_density(u, r) + one.log_hyper(one.log_scale(u, r)))
        return u, r, log_w

    monkeypatch.setattr(given_scale.Proposal, "draw", careless)
    assert agreement(run(importance.UNGATED, problem, seed=2), right).ok is False


@pytest.mark.parametrize("sigma", [None, br.HalfNormal(2.0)], ids=["flat in log σ", "half-normal"])
@pytest.mark.parametrize(
    "prior",
    [
        SIGMA,
        Y,
        br.Normal(0.4, unit="sigma"),
        br.Normal(br.Uniform(0.0, 0.4), unit="sigma"),
        {"x1": br.Flat(), ...: SIGMA},
    ],
    ids=repr,
)
def test_under_a_quadratic_the_evidence_is_that_of_quadrature(prior, sigma):
    """With σ beside the scale; a bound on a scale in its units moves with it."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((80, 3)) * [1.0, 5.0, 0.2] + 1.0
    y = X @ [0.4, -0.1, 0.5] + rng.standard_normal(80)
    problem = br.Model(prior, br.Gaussian(sigma)).condition(X, y, standardize=True)
    draws, wanted = run("independent", problem), direct.moments(problem)
    value, error = draws.log_evidence
    assert error < 0.011
    assert abs(value - wanted.log_evidence) < 4.0 * error
    z = (draws.beta.mean((0, 1)) - wanted.mean) / wanted.sd * np.sqrt(draws.sigma.size / 3)
    assert np.all(np.abs(z) < 5.0)


@pytest.mark.parametrize(
    "likelihood",
    [br.StudentTNoise(3.0, br.HalfNormal(1.0)), br.LaplaceNoise(br.HalfNormal(1.0))],
    ids=repr,
)
@pytest.mark.parametrize("unit", ["y", "sigma"])
def test_the_evidence_of_a_few_rows_is_that_of_quadrature(likelihood, unit):
    """log ∫ p(y | zs·σ, σ) φ(z) p(σ) dz dσ of one column without an intercept."""
    rng = np.random.default_rng(3)
    x = rng.standard_normal((9, 1))
    y = 0.7 * x[:, 0] + 0.6 * rng.standard_t(3.0, 9)
    model = br.Model(br.Normal(0.8, unit=unit), likelihood)
    problem = model.condition(x, y, intercept=False)
    value, error = run("independent", problem).log_evidence
    z, log_sigma = np.linspace(-9.0, 9.0, 901), np.linspace(-7.0, 3.0, 801)
    sigma = np.exp(log_sigma)[:, None]
    slope = 0.8 * z * (sigma if unit == "sigma" else 1.0) + 0.0 * sigma
    known = {"df": 3.0} if isinstance(likelihood, br.StudentTNoise) else {}
    theta = {"sigma": sigma[..., None], **known}
    log_l = likelihood.log_density(y, slope[..., None] * x[:, 0], theta).sum(axis=2)
    prior = [likelihood.sigma.log_density_of_log(v) for v in log_sigma]
    weights = np.exp(np.array(prior)[:, None] + norm.logpdf(z))
    cell = (z[1] - z[0]) * (log_sigma[1] - log_sigma[0])
    wanted = np.log(np.sum(np.exp(log_l) * weights) * cell)
    assert error < 0.01
    assert abs(value - wanted) < 4.0 * error


@pytest.mark.parametrize(
    "likelihood",
    [br.NegativeBinomial(), br.NegativeBinomial(br.Gamma(2.0, 0.5)), br.StudentTNoise(sigma=0.6)],
    ids=repr,
)
def test_the_evidence_with_a_shape_or_df_unknown_is_that_of_quadrature(likelihood):
    """log ∫ p(y | 0.8z, θ) φ(z) p(θ) dz dθ of one column without an intercept."""
    rng = np.random.default_rng(5)
    x = rng.standard_normal((14, 1))
    (name,) = likelihood.unknowns.keys() - {"sigma"}
    noise = 0.7 * x[:, 0] + 0.6 * rng.standard_t(3.0, 14)
    y = rng.negative_binomial(1, 0.4, 14) if name == "shape" else noise
    problem = br.Model(br.Normal(0.8), likelihood).condition(x, y, intercept=False)
    value, error = run("independent", problem).log_evidence
    z, logs = np.linspace(-7.0, 7.0, 501), np.linspace(-9.0, 23.0, 1601)
    theta = {name: np.exp(logs)[:, None]} | ({} if name == "shape" else {"sigma": 0.6})
    law = likelihood.unknowns[name]
    prior = np.array([law.log_density_of_log(v) for v in logs])
    log_l = np.zeros((len(logs), len(z)))
    for one, at in zip(np.asarray(y, dtype=float), x[:, 0], strict=True):
        log_l += likelihood.log_density(one, 0.8 * z * at, theta)
    cell = (z[1] - z[0]) * (logs[1] - logs[0])
    wanted = np.log(np.sum(np.exp(log_l + prior[:, None] + norm.logpdf(z))) * cell)
    assert error < 0.01
    assert abs(value - wanted) < 4.0 * error


@BY_CASE
def test_expansions_are_those_of_the_values(name, likelihood, prior):
    """Slopes and curvatures of rows and priors, by differences of what they are of."""
    problem = problem_of(name, prior, likelihood, n=40)
    part, own = Rows.of(problem), Prior.of(problem)
    k, q = part.m, len(part.names)
    part = part.blurred(0.04 * np.eye(k))
    rng = np.random.default_rng(1)
    u, r, h = np.append(0.3 * rng.standard_normal(k), np.log(np.full(q, 1.7))), 0.2, 1e-4
    for value, expand in (
        (part.value, lambda v: part.expand(v)[1:]),
        (lambda v: own.value(v, r), lambda v: own.expand(v, r)),
    ):
        slope, bend = expand(u)
        for j, step in enumerate(h * np.eye(k + q)):
            rise = (value(u + step) - value(u - step)) / (2.0 * h)
            assert -slope[j] == pytest.approx(rise, rel=1e-4, abs=1e-3)
            turn = (expand(u + step)[0] - expand(u - step)[0]) / (2.0 * h)
            np.testing.assert_allclose(bend[:, j], turn, rtol=1e-3, atol=2e-3)


def test_a_blurred_kink_is_its_mean():
    """Beside quadrature over the normal that it is blurred by."""
    law, z = br.LaplaceNoise(1.0), np.linspace(-9.0, 9.0, 20_001)
    weights = np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi) * (z[1] - z[0])
    y, eta, sd = np.array([0.0, 1.0, -2.0]), np.array([0.1, 0.4, 3.0]), np.array([0.2, 1.0, 0.5])
    value, slope, bend = law.blurred(y, eta, sd)
    at = eta[:, None] + sd[:, None] * z
    np.testing.assert_allclose(value, np.abs(at - y[:, None]) @ weights, atol=1e-6)
    np.testing.assert_allclose(slope, np.sign(at - y[:, None]) @ weights, atol=1e-3)
    up, down = (law.blurred(y, eta + side * 1e-4, sd)[1] for side in (1.0, -1.0))
    np.testing.assert_allclose(bend, (up - down) / 2e-4, rtol=1e-5, atol=1e-9)


def two_lines(share, sigma):
    """Rows of which some lie about another line."""
    rng = np.random.default_rng(1)
    X = rng.standard_normal((60, 2))
    y = X @ [1.0, -0.5] + 0.3 * rng.standard_t(5, 60)
    other = rng.permutation(60)[: int(60 * share)]
    y[other] = X[other] @ [-2.0, 2.0] + 0.3 * rng.standard_normal(len(other))
    return br.Model(br.Normal(HALF, unit="y"), br.StudentTNoise(1.0, sigma)).condition(X, y)


def test_a_second_mode_is_seen_and_refused_in_words():
    """Proposals about one would never find the other; a line of few rows carries no mass."""
    problem = two_lines(0.5, 0.2)
    with pytest.raises(NotSupported, match=r"another has e\^\S+ times its mass"):
        br.sample(problem, engine="independent")
    assert default_engine(problem)[0] != "independent"
    assert importance.supports(two_lines(0.1, None)) is None


def test_modes_are_found_where_the_curvature_is_not_positive():
    """From a fit that is far off, by quadratics that touch; the gradient there is none."""
    problem = two_lines(0.1, None)
    proposal = importance.piloted(problem)[0]
    node = proposal.middle
    far = node.at + np.array([0.0, 6.0, -4.0, 1.5])
    assert np.linalg.eigvalsh(proposal.rows.expand(far)[2])[0] < 0.0
    found = Mode.find(proposal.rows, proposal.prior, node.log_s, far)
    assert found.distance(node.at) < 0.01


@pytest.mark.parametrize("shape", [0.7, 30.0, 1e5, 1e12, 1e19])
@pytest.mark.parametrize("most", [6, 4000], ids=["low", "high"])
def test_sums_of_counts_keep_their_digits_up_to_poisson_s(shape, most):
    """Beside log densities, in extended precision where these lose theirs."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, most, 40).astype(float)
    eta = np.log(0.5 * most) + 0.3 * rng.standard_normal((3, 40))
    w = rng.integers(1, 3, 40).astype(float)
    found = br.NegativeBinomial().summed(y, w, {})(eta, {"shape": np.full((3, 1), shape)})
    r, far = np.longdouble(shape), eta.astype(np.longdouble)
    terms = y * far - (y + r) * np.log1p(np.exp(far) / r)
    rising = [np.log1p(np.arange(1.0, v, dtype=np.longdouble) / r).sum() for v in y]
    wanted = ((terms + np.array(rising)) @ w).astype(float)
    np.testing.assert_allclose(np.diff(found), np.diff(wanted), rtol=1e-9, atol=1e-7)


@pytest.mark.slow
@pytest.mark.parametrize("likelihood", [br.StudentTNoise(4.0), br.LaplaceNoise()], ids=repr)
def test_independent_proposals_keep_the_ranks(likelihood):
    """However unequal the weights are; and another scale is caught."""
    law = dataclasses.replace(likelihood, sigma=br.HalfNormal(1.0))
    model, other = (br.Model(br.Normal(h, unit="sigma"), law) for h in (HALF, br.HalfNormal(1.8)))
    options = {"n": 40, "p": 2, "seed": 3, "progress": False, "checks": ["calibration"]}
    options |= {"simulations": 70, "draws": 60}
    found = br.validate(model, "independent", **options)
    assert found.ok, found.why
    assert not br.validate(model, "independent", truth=other, **options).ok
