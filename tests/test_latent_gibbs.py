"""Laws of Gibbs sampling under latent weights: Pólya–Gamma draws, and posteriors by quadrature."""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np
import pytest
from arviz_stats.base import array_stats
from scipy import stats
from scipy.special import expit

import bayesreg as br
from bayesreg.diagnostics import agreement
from bayesreg.engines import base, gibbs
from bayesreg.likelihoods import polya_gamma
from bayesreg.likelihoods.polya_gamma import draw_polya_gamma
from tests.cases import Case, priors, responding
from tests.test_model import condition

pytestmark = pytest.mark.filterwarnings("ignore::bayesreg.language.errors.BayesregWarning")

# --- Pólya–Gamma -----------------------------------------------------------------------------

SIZE = 40_000


def moments(b, z):
    """E ω and Var ω of PG(b, z)."""
    if z == 0.0:
        return b / 4.0, b / 24.0
    mean = b / (2.0 * z) * np.tanh(0.5 * z)
    return mean, b / (4.0 * z**3) * (np.sinh(z) - z) / np.cosh(0.5 * z) ** 2


def laplace(b, z, t):
    """E e^(−tω)."""
    return (np.cosh(0.5 * z) / np.cosh(0.5 * np.sqrt(z * z + 2.0 * t))) ** b


def worst(omega, b, z):
    """The largest error of mean, second moment and Laplace transform, in standard errors."""
    mean, variance = moments(b, z)
    found = [(omega, mean), (np.square(omega), variance + mean**2)]
    found += [(np.exp(-t * omega), laplace(b, z, t)) for t in (0.5 / mean, 2.0 / mean, 8.0 / mean)]
    return max(abs(v.mean() - e) / (v.std() / np.sqrt(len(v))) for v, e in found)


@pytest.mark.parametrize("b", [1.0, 2.0, 7.0])
@pytest.mark.parametrize("z", [0.0, 0.3, -1.7, 3.2, 8.0, 40.0, 120.0])
def test_polya_gamma_moments_and_laplace_transform(b, z):
    """Within 4.7 standard errors: one false alarm in 1500 runs of all that is here."""
    rng = np.random.default_rng([int(b), int(10 * abs(z))])
    omega = draw_polya_gamma(rng, np.full(SIZE, b), np.full(SIZE, z))
    assert np.all(omega > 0.0)
    assert worst(omega, b, z) < 4.7


@pytest.mark.parametrize("b, z", [(1.0, 0.3), (1.0, 3.2), (3.0, 1.7)])
def test_another_polya_gamma_is_caught(b, z):
    """Negative controls: PG(b, z/2), and one a twentieth too large."""
    rng = np.random.default_rng(5)
    half = draw_polya_gamma(rng, np.full(SIZE, b), np.full(SIZE, 0.5 * z))
    right = draw_polya_gamma(rng, np.full(SIZE, b), np.full(SIZE, z))
    assert worst(1.05 * right, b, z) > 8.0
    assert worst(half, b, z) > 8.0 or abs(z) < 1.0


def test_each_row_has_its_own():
    """b and z by row, in the order given, and a seed says all."""
    b, z = np.repeat([1.0, 4.0], 20_000), np.tile([0.0, 6.0], 20_000)
    one, other = (draw_polya_gamma(np.random.default_rng(1), b, z) for _ in range(2))
    assert np.array_equal(one, other)
    for many in (1.0, 4.0):
        for tilt in (0.0, 6.0):
            part = one[(b == many) & (z == tilt)]
            assert worst(part, many, tilt) < 4.7


# --- posteriors by quadrature ----------------------------------------------------------------


def rows(n, p, seed, weights=None, **more):
    """A small case with unequal columns and both classes."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p)) * np.linspace(1.0, 0.5, p) + 0.4
    eta = X @ np.linspace(1.2, -0.8, p) - 0.3
    y = (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(float)
    y[:2] = [0.0, 1.0][:n]
    return Case(f"{n} x {p}", X, y, weights=weights, **more)


W = np.random.default_rng(9).integers(1, 5, 14).astype(float)

# Case and prior: two unknowns each, (β₀, β), (β₁, β₂) or (β, scale).
POSTERIORS = {
    "intercept": (rows(18, 1, 1), br.Normal(1.3, 0.2)),
    "intercept, weights, standardised": (rows(14, 1, 2, W, standardize=True), br.Laplace(0.8)),
    "two columns": (rows(16, 2, 3, intercept=False), br.Laplace(0.7, 0.1)),
    "two columns, elastic net": (rows(16, 2, 3, intercept=False), br.ElasticNet(1.0, 0.4)),
    "two columns, t": (rows(16, 2, 4, intercept=False), br.StudentT(3.0, 0.8)),
    "more columns than rows": (rows(1, 2, 4, intercept=False), br.Normal(0.9, 0.3)),
    "two columns, bridge": (rows(16, 2, 5, intercept=False), br.Bridge(1.4, 0.9)),
    "unknown scale": (rows(16, 1, 6, intercept=False), br.Normal(br.HalfNormal(1.5), unit="y")),
    "lasso's scale": (rows(20, 1, 7, intercept=False), br.Laplace(br.HalfNormal(0.7), unit="y")),
    "weights": (rows(14, 2, 8, W, intercept=False), br.Normal(0.8)),
}
FAST = {"intercept, weights, standardised", "lasso's scale"}


def by_quadrature(problem):
    """Axes and normalised weights of two unknowns on a grid, from the densities on rows."""
    case, prior = problem.design, problem.blocks[0]
    w = np.ones(case.n) if case.weights is None else case.weights
    free = [np.linspace(-9.0, 9.0, 721)] * 2
    if prior.scale is None:  # b in units of the scale, and its log: b alone has no fit grid
        free = [np.linspace(-20.0, 20.0, 1601), np.linspace(-13.0, 2.3, 401)]
    first, second = np.meshgrid(*free, indexing="ij")
    scale = np.exp(second) if prior.scale is None else prior.scale
    if prior.scale is None:
        first = first * scale
    z = (case.X - problem.x_mean) / problem.x_sd
    b = [first, second] if len(problem.features) == 2 else [first]
    eta = [second] if problem.intercept else [0.0 * second]
    log = np.zeros_like(first)
    for k in range(case.n):
        at = eta[0] + sum(z[k, j] * one for j, one in enumerate(b))
        log += w[k] * np.where(case.y[k] > 0.5, -np.logaddexp(0, -at), -np.logaddexp(0, at))
    for one in b:
        log += prior.prior.log_density(one, scale)
    if prior.scale is None:
        log += second + np.array([float(prior.hyper.log_density_of_log(t)) for t in free[1]])
    mass = np.exp(log - log.max())
    mass /= mass.sum()
    edge = max(mass[0].sum(), mass[-1].sum(), mass[:, 0].sum(), mass[:, -1].sum())
    assert edge < 1e-5
    return first, second, mass


def errors(problem, draws):
    """z of means, second moments and probabilities of both unknowns."""
    first, second, mass = by_quadrature(problem)
    b = (draws.beta * problem.x_sd)[..., 0]
    if len(problem.features) == 2:
        other = (draws.beta * problem.x_sd)[..., 1]
    elif problem.intercept:
        other = draws.intercept + (draws.beta * problem.x_mean).sum(-1)
    else:
        other = np.log(draws.scale[..., 0])
    found = []
    for x, grid in ((b, first), (other, second), (b * other, first * second)):
        for f in (np.asarray, np.square, np.abs):
            values, exact = f(x), float(np.sum(f(grid) * mass))
            size = float(array_stats.ess(values, chain_axis=0, draw_axis=1, method="mean"))
            found.append((values.mean() - exact) / (values.std() / np.sqrt(size)))
    return np.array(found)


def drawn(problem, seed=3, draws=1500):
    """Draws of the engine."""
    return base.run(gibbs, problem, draws=draws, chains=2, tune=200, seed=seed)


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[] if n in FAST else pytest.mark.slow) for n in POSTERIORS]
)
def test_the_posterior_is_that_of_quadrature(name):
    case, prior = POSTERIORS[name]
    problem = condition(case, br.Model(prior, br.Bernoulli()))
    assert np.max(np.abs(errors(problem, drawn(problem)))) < 5.0


@pytest.mark.parametrize("factor", [0.5, pytest.param(1.25, marks=pytest.mark.slow)])
def test_wrong_latent_weights_are_caught(monkeypatch, factor):
    """Negative control: ω halved, and ω a quarter too large."""
    case, prior = POSTERIORS["intercept"]
    problem = condition(case, br.Model(prior, br.Bernoulli()))
    right = draw_polya_gamma
    monkeypatch.setattr(
        polya_gamma, "draw_polya_gamma", lambda rng, b, z: factor * right(rng, b, z)
    )
    assert np.max(np.abs(errors(problem, drawn(problem)))) > 6.0


# --- frequencies, Flat columns, other engines --------------------------------------------------


def apart(one, other):
    """The largest z of means and second moments of β and β₀ in two runs."""
    found = []
    for left, right in zip(
        *(((*np.moveaxis(d.beta, -1, 0), d.intercept)) for d in (one, other)), strict=True
    ):
        for f in (np.asarray, np.square):
            a, b = f(left), f(right)
            size = [
                float(array_stats.ess(v, chain_axis=0, draw_axis=1, method="mean")) for v in (a, b)
            ]
            error = np.sqrt(a.var() / size[0] + b.var() / size[1])
            found.append(abs(a.mean() - b.mean()) / error)
    return max(found)


def test_frequencies_are_rows_written_out():
    """Two runs agree within Monte Carlo error; without the frequencies they do not."""
    case = rows(14, 2, 2, W)
    again = np.repeat(np.arange(14), W.astype(int))
    written = dataclasses.replace(case, X=case.X[again], y=case.y[again], weights=None)
    model = br.Model(br.Normal(1.0), br.Bernoulli())
    one, other, none = (
        drawn(condition(c, model), seed=k, draws=800)
        for k, c in enumerate((case, written, dataclasses.replace(case, weights=None)))
    )
    assert apart(one, other) < 5.0
    assert apart(one, none) > 7.0


def test_a_frequency_that_is_no_whole_number_is_refused_with_another_engine():
    case = rows(14, 2, 2, W + 0.5)
    problem = condition(case, br.Model(br.Normal(1.0), br.Bernoulli()))
    with pytest.raises(br.NotSupported, match="whole frequencies only; use engine='independent'"):
        br.sample(problem, engine="gibbs", draws=10)


def test_labels_swapped_change_every_sign():
    """The same seed, y and 1 − y: the posterior of −β."""
    case = rows(18, 2, 1)
    swapped = dataclasses.replace(case, y=1.0 - case.y)
    model = br.Model(br.Laplace(0.8), br.Bernoulli())
    one, other = (
        drawn(condition(c, model), seed=k, draws=800) for k, c in enumerate((case, swapped))
    )
    turned = dataclasses.replace(other, beta=-other.beta, intercept=-other.intercept)
    assert apart(one, turned) < 5.0
    assert apart(one, other) > 7.0


@pytest.mark.parametrize("which", ["twins and zeros", "offsets", "wide"])
def test_awkward_columns_are_sampled(which):
    """Finite draws; and a zero column has its prior."""
    case = next(c for c in responding("Bernoulli") if c.name == which)
    problem = condition(case, br.Model(br.Normal(0.9), br.Bernoulli()))
    draws = drawn(problem, draws=500)
    assert np.isfinite(draws.beta).all()
    assert np.isfinite(draws.intercept).all()
    if which == "twins and zeros":
        zero = draws.beta[..., -1].ravel()
        assert np.ptp(case.X[:, -1]) == 0.0
        assert stats.kstest(zero / 0.9, "norm").pvalue > 1e-4
        assert stats.kstest(zero / 1.2, "norm").pvalue < 1e-4


MIXTURES = [one for one in priors() if one.unit != "sigma"]


@pytest.mark.slow
@pytest.mark.parametrize("prior", MIXTURES, ids=repr)
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_gibbs_and_nuts_agree(prior):
    case = next(c for c in responding("Bernoulli") if c.name == "tall standardised")
    problem = condition(case, br.Model(prior, br.Bernoulli()))
    if br.engines.gibbs.supports(problem) is not None:
        pytest.skip("not a scale mixture")
    one = br.sample(problem, engine="gibbs", seed=1)
    other = br.sample(problem, engine="nuts", seed=2)
    verdict = agreement(one.draws, other.draws)
    assert verdict.ok is not False, verdict
    biased = dataclasses.replace(one.draws, beta=one.draws.beta + 0.25 * one.draws.beta.std((0, 1)))
    # A pole can cost NUTS a divergence, and then there is no verdict, of wrong draws either.
    assert agreement(biased, other.draws).ok is (None if verdict.ok is None else False)


@pytest.mark.slow
def test_flat_columns_are_those_of_nuts():
    case = next(c for c in responding("Bernoulli") if c.name == "weighted")
    problem = condition(case, br.Model({"c1": br.Flat(), ...: br.Normal(0.7, 0.2)}, br.Bernoulli()))
    one, other = (br.sample(problem, engine=e, seed=4) for e in ("gibbs", "nuts"))
    verdict = agreement(one.draws, other.draws)
    assert verdict.ok is not False, verdict


# --- simulation-based calibration --------------------------------------------------------------

DRAWS, TRIALS = 63, 240


def ranks(prior, p, seed, factor=1.0):
    """Ranks of prior draws among thinned posterior draws: each β and the log likelihood."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((12, p))
    y = np.zeros(12)
    y[:6] = 1.0
    model = br.Model(prior, br.Bernoulli())
    out = []
    for trial in range(TRIALS):
        scale = prior.scale if prior.hyper is None else float(prior.hyper.sample(rng, 1)[0])
        truth = prior.sample(rng, p, np.asarray(scale))
        y = (rng.random(12) < expit(X @ truth)).astype(float)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            problem = model.condition(X, y, intercept=False)
        found = base.run(gibbs, problem, draws=DRAWS * 6, chains=1, tune=150, seed=trial)
        beta = found.beta[0, ::6]
        fit = lambda b, y=y: -np.logaddexp(0.0, (1 - 2 * y) * (X @ b.T).T).sum(-1)  # noqa: E731
        below = [*np.sum(beta < truth, axis=0), np.sum(fit(beta) < fit(truth))]
        if prior.hyper is not None:
            below.append(np.sum(found.scale[0, ::6, 0] < scale))
        out.append(below)
    return np.array(out)


def least_p(found):
    """The least p-value of χ² over eight bins, by unknown."""
    bins = [np.bincount(column * 8 // (DRAWS + 1), minlength=8) for column in found.T]
    return min(stats.chisquare(one).pvalue for one in bins)


@pytest.mark.slow
@pytest.mark.parametrize(
    "prior",
    [br.Normal(1.2), br.Laplace(br.HalfNormal(1.0), unit="y"), br.Horseshoe(0.8)],
    ids=repr,
)
def test_ranks_of_the_truth_are_uniform(prior):
    assert least_p(ranks(prior, 2, 5)) > 1e-4


@pytest.mark.slow
def test_ranks_show_wrong_latent_weights(monkeypatch):
    """Negative control."""
    right = draw_polya_gamma
    monkeypatch.setattr(polya_gamma, "draw_polya_gamma", lambda rng, b, z: 0.5 * right(rng, b, z))
    assert least_p(ranks(br.Normal(1.2), 2, 5)) < 1e-4
