"""Laws of engine independent: the posterior that others draw, and the evidence of quadrature."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.interpolate import CubicSpline

import bayesreg as br
from bayesreg.diagnostics import agreement
from bayesreg.engines import base, given_scale, importance, log_posterior
from bayesreg.gaussian import direct
from bayesreg.language.errors import NotSupported
from bayesreg.verbs.fit import default_engine
from tests.test_tangent import HALF, PRIORS, problem_of, run

pytestmark = pytest.mark.filterwarnings("ignore::bayesreg.language.errors.BayesregWarning")

FLAT = {"x1": br.Flat(), ...: br.Normal(HALF)}


@pytest.mark.parametrize(
    "name, prior",
    [
        ("Bernoulli", PRIORS["Normal"]),
        ("Binomial", FLAT),
        ("Poisson", br.Normal(0.5, 0.3)),
        ("Poisson", {"x1": br.Normal(0.3), ...: br.Normal(HALF)}),
    ],
    ids=repr,
)
def test_it_meets_tangent(name, prior):
    problem = problem_of(name, prior)
    assert default_engine(problem)[0] == "independent"
    verdict = agreement(run("independent", problem), run("tangent", problem, seed=2))
    assert verdict.ok, verdict.why
    assert 0.2 < verdict.mean_z2 < 2.5


def test_it_meets_trajectories_under_a_given_shape():
    problem = problem_of("NegativeBinomial", PRIORS["Normal"], br.NegativeBinomial(2.0), n=60)
    verdict = agreement(run("independent", problem), run("hmc", problem, seed=2))
    assert verdict.ok, verdict.why


@pytest.mark.parametrize(
    "prior",
    [
        br.Normal(HALF, unit="y"),
        br.Normal(br.HalfCauchy(1.0)),
        br.Normal(br.Uniform(0.0, 0.4), unit="y"),
        FLAT,
    ],
    ids=repr,
)
def test_under_a_quadratic_the_evidence_is_that_of_quadrature(prior):
    """In columns of unequal units: flat measures are per original unit."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((80, 3)) * [1.0, 5.0, 0.2] + 1.0
    y = X @ [0.4, -0.1, 0.5] + rng.standard_normal(80)
    problem = br.Model(prior, br.Gaussian(1.2)).condition(X, y, standardize=True)
    draws, wanted = run("independent", problem), direct.moments(problem)
    value, error = draws.log_evidence
    assert error < 0.005
    assert abs(value - wanted.log_evidence) < 4.0 * error
    beta = draws.beta.reshape(-1, 3)
    assert np.all(
        np.abs(beta.mean(axis=0) - wanted.mean) < 5.0 * wanted.sd / np.sqrt(len(beta) / 2)
    )


def _by_quadrature(problem, hyper):
    """log ∫ p(y | β₀, sz) φ(z) p(s) dβ₀ dz ds of one column, by sums over fine grids."""
    design, likelihood = problem.design, problem.likelihood
    b, level = np.linspace(-8.0, 8.0, 801), np.linspace(-8.0, 8.0, 401)
    x = (design.X[:, 0] - problem.x_mean[0]) / problem.x_sd[0]
    eta = design.known.added_to(level[:, None, None] + b[:, None] * x, -1)
    theta = problem.known | design.known.facts(-1)
    log_l = likelihood.log_density(design.y, eta, theta) @ design.frequencies
    top = log_l.max()
    given_b = CubicSpline(b, np.exp(log_l - top).sum(axis=0) * (level[1] - level[0]))
    log_s, z = np.linspace(-16.0, 2.0, 901), np.linspace(-8.0, 8.0, 401)
    prior = np.exp([hyper.log_density_of_log(v) for v in log_s]) * (log_s[1] - log_s[0])
    normal = np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi) * (z[1] - z[0])
    at = np.exp(log_s)[:, None] * z
    values = np.where(np.abs(at) < 8.0, given_b(np.clip(at, -8.0, 8.0)), 0.0)
    return top + np.log(prior @ values @ normal)


@pytest.mark.parametrize(
    "likelihood", [br.Binomial(), br.Poisson(), br.NegativeBinomial(2.0)], ids=repr
)
def test_the_evidence_of_one_column_is_that_of_quadrature(likelihood):
    """Every constant of the likelihood in it, with frequencies, offsets and trials."""
    rng = np.random.default_rng(2)
    x, offset = rng.standard_normal((12, 1)) * 3.0, np.linspace(-0.5, 0.5, 12)
    y, weights = rng.binomial(7, 0.3, 12), rng.integers(1, 3, 12)
    more = {"trials": np.full(12, 7)} if isinstance(likelihood, br.Binomial) else {}
    problem = br.Model(br.Normal(HALF), likelihood).condition(
        x, y, standardize=True, weights=weights, offset=offset, **more
    )
    value, error = run("independent", problem).log_evidence
    wanted = _by_quadrature(problem, HALF)
    assert error < 0.01
    assert abs(value - wanted) < 4.0 * error


def test_weights_without_the_density_of_what_was_proposed_are_caught(monkeypatch):
    """Negative control: t's density given the scale is left out."""
    problem = problem_of("Poisson", PRIORS["Normal"])
    right, draw = run("tangent", problem), given_scale.Node.draw

    def careless(self, log_s, df, path, rng):
        u, density = draw(self, log_s, df, path, rng)
        return u, np.full_like(density, self.half_log_det)

    monkeypatch.setattr(given_scale.Node, "draw", careless)
    wrong = run("independent", problem_of("Poisson", PRIORS["Normal"]), seed=2)
    assert agreement(wrong, right).ok is False


def test_scales_weighed_by_another_density_are_caught(monkeypatch):
    """Negative control: a scale is said to have been proposed evenly."""
    problem = problem_of("Bernoulli", PRIORS["Normal"])
    right, scales = run("tangent", problem), given_scale.Grid.draw

    def careless(self, size, rng):
        log_s, density = scales(self, size, rng)
        return log_s, np.full_like(density, density.mean())

    monkeypatch.setattr(given_scale.Grid, "draw", careless)
    wrong = run("independent", problem_of("Bernoulli", PRIORS["Normal"]), seed=2)
    assert agreement(wrong, right).ok is False


def test_uneven_weights_are_refused_in_words():
    """Few rows a column: log L is no quadratic where the posterior is."""
    rng = np.random.default_rng(1)
    X = rng.standard_normal((120, 25))
    y = rng.random(120) < 1.0 / (1.0 + np.exp(-4.0 * X[:, 0]))
    problem = br.Model(br.Normal(HALF), br.Bernoulli()).condition(X, y, standardize=True)
    with pytest.raises(NotSupported, match=r"\d+% are effective, k̂ \S+, where it needs 20%"):
        br.sample(problem, engine="independent")
    assert default_engine(problem)[0] != "independent"
    for other, why in (
        (problem_of("Poisson", PRIORS["Laplace"]), "Laplace is none"),
        (problem_of("Poisson", {"x1": br.Normal(), ...: br.Normal()}), "more than one scale"),
    ):
        assert why in importance.supports(other)


def test_scales_at_which_proposals_are_thin_are_looked_for():
    """Columns nearly separate the classes: where these are large too log L is no quadratic.

    Over all scales weights are even enough, for at most of them they are.
    """
    rng = np.random.default_rng(2)
    X = rng.standard_normal((24, 6))
    eta = X @ rng.normal(0.0, 0.8, 6) + 0.3
    y = rng.random(24) < 1.0 / (1.0 + np.exp(-eta))
    hyper = br.HalfStudentT(3.0, 1.0)
    problem = br.Model(br.Normal(hyper), br.Bernoulli()).condition(X, y)
    proposal, pilot = importance.piloted(problem)
    assert pilot.share > importance.LEAST_SHARE
    assert pilot.khat < importance.LARGEST_KHAT
    assert pilot.where > np.exp(proposal.middle.log_s)
    with pytest.raises(NotSupported, match=r"given a scale of \S+ \d+% are effective"):
        br.sample(problem, engine="independent")
    assert default_engine(problem)[0] != "independent"


def test_a_seed_says_all_whatever_workers_there_are():
    problem = problem_of("Bernoulli", PRIORS["Normal"])
    one, two = (base.run(importance, problem, draws=300, seed=5, workers=w) for w in (1, 2))
    assert np.array_equal(one.beta, two.beta)
    assert one.log_evidence == two.log_evidence
    assert np.all((one.kappa > 0.0) & (one.kappa < 1.0))


def test_rows_in_blocks_are_rows_at_once(monkeypatch):
    """Sums, slopes and curvatures do not depend on where rows are cut."""
    problem = problem_of("Binomial", PRIORS["Normal"])
    u = np.array([[0.1, 0.3, -0.2, 0.4], [0.2, -0.1, 0.6, 0.0]])
    whole = log_posterior.Rows.of(problem)
    monkeypatch.setattr(log_posterior, "CELL_COUNT", 7 * log_posterior.BATCH)
    cut = log_posterior.Rows.of(problem)
    assert (len(whole.parts), len(cut.parts)) == (1, 18)
    np.testing.assert_allclose(cut.log_likelihood(u), whole.log_likelihood(u), rtol=1e-13)
    assert cut.constant(u[0]) == pytest.approx(whole.constant(u[0]))
    for one, other in zip(cut.expand(u[1]), whole.expand(u[1]), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)
    h, slope = 1e-5, whole.expand(u[0])[1]
    for j in range(4):
        up, down = (u[0] + side * h * np.eye(4)[j] for side in (1, -1))
        rise = whole.log_likelihood(np.stack([up, down]))
        assert slope[j] == pytest.approx((rise[1] - rise[0]) / (2 * h), rel=1e-6, abs=1e-6)


def test_other_engines_say_no_evidence():
    with pytest.raises(NotSupported, match="engine='independent'"):
        _ = run("tangent", problem_of("Poisson", PRIORS["Normal"]), draws=10).log_evidence


# --- huge counts -----------------------------------------------------------------------------


@pytest.mark.parametrize("weights", [None, np.linspace(0.5, 2.0, 30)], ids=["rows", "weights"])
def test_sums_of_huge_counts_keep_their_digits(weights):
    """Beside extended precision; plain sums of 10¹⁶ would be off by nats."""
    rng = np.random.default_rng(1)
    level = rng.normal(0.0, 0.5, 30) + np.log(1e14)
    y = np.append(rng.poisson(np.exp(level[:-1])), 0.0)
    eta = level + 1e-7 * rng.standard_normal((4, 30))
    eta[:, -1] = -1.0
    w = np.ones(30) if weights is None else weights
    found = br.Poisson().summed(y, w, {})(eta, {})
    far = eta.astype(np.longdouble)
    wanted = ((y * far - np.exp(far)) * w).sum(axis=1)
    np.testing.assert_allclose(np.diff(found), np.diff(wanted).astype(float), atol=0.03)
    plain = ((y * eta - np.exp(eta)) * w).sum(axis=1)
    assert np.max(np.abs(np.diff(plain) - np.diff(wanted).astype(float))) > 0.5


@pytest.mark.parametrize("size", [1e12, 1e14])
def test_huge_counts_have_a_checked_posterior(size):
    """Whose sd is that of the information in them, 1/√Σμ of the level."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((30, 3))
    mean = size * np.exp(X @ [0.5, -0.3, 0.2])
    problem = br.Model(br.Normal(), br.Poisson()).condition(X, rng.poisson(mean))
    post = br.sample(problem, seed=1)
    assert post.engine == "independent"
    assert post.checks.ok, post.checks.why
    columns = np.column_stack([np.ones(30), X])
    sd = np.sqrt(np.diagonal(np.linalg.inv((columns.T * mean) @ columns)))
    draws = post.draws
    np.testing.assert_allclose(draws.beta.std(axis=(0, 1)), sd[1:], rtol=0.08)
    assert np.all(np.abs(draws.beta.mean(axis=(0, 1)) - [0.5, -0.3, 0.2]) < 5.0 * sd[1:])
    value, error = draws.log_evidence
    assert np.isfinite(value)
    assert error < 0.01
