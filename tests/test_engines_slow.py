"""Slow laws of the engines: simulation-based calibration, and agreement with PyMC's NUTS."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

import bayesreg as br
from bayesreg.engines import base, gibbs, graphs, nuts
from bayesreg.gaussian import direct, exact, tilted
from tests.cases import others
from tests.test_engines import condition, ess, small

Array = NDArray[np.float64]
pytestmark = pytest.mark.slow

# --- simulation-based calibration (Talts et al. 2018; Modrák et al. 2023) ---------------------

P, KEPT = 3, 49
QUANTITIES = ("b0", "b2", "norm", "log sigma", "log scale", "log likelihood", "log prior")
Truth = Callable[[np.random.Generator], tuple[Array, float, float]]


def design(n: int) -> Array:
    rng = np.random.default_rng(99)
    return rng.standard_normal((n, P)) @ np.array([[1.0, 0.6, 0], [0, 1, 0.3], [0, 0, 2]]) + 1.0


def quantities(
    X: Array, y: Array, prior: Any, sigma_prior: Any, b: Array, sigma: Array, s: Array
) -> Array:
    """The seven quantities, (S, 7), for b (S, p), σ (S,), scale (S,)."""
    centred, response = X - X.mean(0), y - y.mean()
    rss = np.sum((response - b @ centred.T) ** 2, axis=1)
    fit = -(len(y) - 1) * np.log(sigma) - 0.5 * rss / sigma**2
    unit = sigma if prior.unit == "sigma" else 1.0
    density = prior.log_density(b, (s * unit)[:, None]).sum(1)
    if prior.hyper is not None:
        density = density + prior.hyper.log_density(s)
    if sigma_prior is not None:
        density = density + sigma_prior.log_density(sigma)
    size = np.linalg.norm(b, axis=1)
    return np.column_stack([b[:, 0], b[:, 2], size, np.log(sigma), np.log(s), fit, density])


def ranks(
    engine: Any,
    prior: Any,
    sigma_prior: Any,
    truth: Truth,
    count: int,
    *,
    n: int = 9,
    thin: int = 1,
) -> Array:
    """Ranks in (0, 1) of the truth among thinned draws, one row per simulated data set."""
    X = design(n)
    sigma = sigma_prior if isinstance(sigma_prior, br.priors.HyperPrior) else 1.0
    found = np.empty((count, len(QUANTITIES)))
    for k in range(count):
        rng = np.random.default_rng([7, k])
        b, noise, s = truth(rng)
        y = 3.0 + X @ b + noise * rng.standard_normal(n)
        with warnings.catch_warnings():  # collinear columns, where they outnumber the rows
            warnings.simplefilter("ignore", br.BayesregWarning)
            problem = br.Model(prior, br.Gaussian(sigma)).condition(X, y)
        run = base.run(engine, problem, draws=KEPT, chains=1, tune=40, thin=thin, seed=k, workers=1)
        scale = run.scale[0, :, 0] if problem.unknown_scales else np.full(KEPT, s)
        known = sigma_prior if problem.unknown_sigma else None
        drawn = quantities(X, y, prior, known, run.beta[0], run.sigma[0], scale)
        true = quantities(X, y, prior, known, b[None], np.array([noise]), np.array([s]))
        # A tie (a quantity that is known) is broken at random.
        below = np.sum(drawn < true, 0) + rng.random(len(QUANTITIES)) * np.sum(drawn == true, 0)
        found[k] = (below + rng.random(len(QUANTITIES))) / (KEPT + 1)
    return np.clip(found, 0.0, 1.0)


def smallest_p(r: Array) -> float:
    """Smallest of the Kolmogorov–Smirnov p-values, Bonferroni over the quantities."""
    return (
        float(min(stats.kstest(r[:, q], "uniform").pvalue for q in range(r.shape[1]))) * r.shape[1]
    )


def from_prior(prior: Any, sigma_prior: Any) -> Truth:
    """(b, σ, scale) from the priors themselves."""

    def draw(rng: np.random.Generator) -> tuple[Array, float, float]:
        sigma = 1.0 if sigma_prior is None else float(sigma_prior.sample(rng, 1)[0])
        s = prior.scale if prior.hyper is None else float(prior.hyper.sample(rng, 1)[0])
        return prior.sample(rng, P, s * (sigma if prior.unit == "sigma" else 1.0)), sigma, s

    return draw


HALF = br.HalfNormal(1.0)
CALIBRATED = {
    "direct": (direct, br.Normal(HALF), br.InverseGammaSquared(3.0, 2.0), 1000, 1),
    "direct, unit y": (direct, br.Normal(HALF, unit="y"), br.HalfNormal(1.5), 150, 1),
    "gibbs, normal": (gibbs, br.Normal(HALF), br.HalfNormal(1.5), 200, 4),
    "gibbs, laplace": (gibbs, br.Laplace(HALF), br.InverseGammaSquared(3.0, 2.0), 200, 4),
    "gibbs, laplace, unit y": (gibbs, br.Laplace(HALF, unit="y"), br.HalfNormal(1.5), 200, 4),
    "gibbs, elastic net": (gibbs, br.ElasticNet(HALF, mix=0.3), br.HalfNormal(1.5), 200, 4),
    "gibbs, horseshoe": (gibbs, br.Horseshoe(HALF), br.HalfNormal(1.5), 200, 6),
    "gibbs, horseshoe, unit y": (
        gibbs,
        br.Horseshoe(HALF, unit="y"),
        br.InverseGammaSquared(3.0, 2.0),
        200,
        6,
    ),
}


@pytest.mark.parametrize("name", CALIBRATED)
def test_ranks_of_the_truth_are_uniform(name: str) -> None:
    engine, prior, sigma_prior, count, thin = CALIBRATED[name]
    found = ranks(engine, prior, sigma_prior, from_prior(prior, sigma_prior), count, thin=thin)
    assert smallest_p(found) > 1e-3


def test_ranks_where_columns_outnumber_degrees_of_freedom() -> None:
    prior, sigma_prior = br.Laplace(HALF), br.HalfNormal(1.5)
    found = ranks(gibbs, prior, sigma_prior, from_prior(prior, sigma_prior), 200, n=3, thin=4)
    assert smallest_p(found) > 1e-3


def wide_scale(rng: np.random.Generator) -> tuple[Array, float, float]:
    """Scale 10 % above the sampler's 0.5."""
    return 0.55 * rng.standard_normal(P), 1.0, 0.5


def variance_for_sd(rng: np.random.Generator) -> tuple[Array, float, float]:
    """b with variance 0.5 where the sampler has sd 0.5."""
    return np.sqrt(0.5) * rng.standard_normal(P), 1.0, 0.5


def dropped_jacobian(rng: np.random.Generator) -> tuple[Array, float, float]:
    """log scale with the density that p(scale) has, its Jacobian forgotten: Rayleigh."""
    s = float(rng.rayleigh())
    sigma = float(br.InverseGammaSquared(3.0, 2.0).sample(rng, 1)[0])
    return s * sigma * rng.standard_normal(P), sigma, s


MUTATIONS = {
    "prior scale off by 10 %": (exact, br.Normal(0.5), None, wide_scale, 3000),
    "variance for sd": (exact, br.Normal(0.5), None, variance_for_sd, 500),
    "dropped Jacobian": (
        direct,
        br.Normal(HALF),
        br.InverseGammaSquared(3.0, 2.0),
        dropped_jacobian,
        400,
    ),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_seeded_mutation_is_caught(name: str) -> None:
    engine, prior, sigma_prior, truth, count = MUTATIONS[name]
    found = ranks(engine, prior, sigma_prior, truth, count, n=4)
    rng = np.random.default_rng(1)
    # Power by resampling the simulated data sets; the threshold is the false-alarm rate.
    caught = [smallest_p(found[rng.integers(0, count, count)]) < 1e-3 for _ in range(200)]
    assert np.mean(caught) >= 0.99


# --- PyMC ------------------------------------------------------------------------------------


def agree(first: base.Draws, second: base.Draws) -> None:
    """Means, sds and 5/50/95 % quantiles of β, log σ and log scale within 5 standard errors."""
    for name in ("beta", "intercept", "sigma", "scale"):
        a, b = getattr(first, name), getattr(second, name)
        if name in {"sigma", "scale"}:
            a, b = np.log(a), np.log(b)
        a, b = a.reshape(*a.shape[:2], -1), b.reshape(*b.shape[:2], -1)
        for j in range(a.shape[2]):
            _agree_one(a[..., j], b[..., j], f"{name}[{j}]")


def _agree_one(a: Array, b: Array, label: str) -> None:
    if np.ptp(a) == 0 and np.ptp(b) == 0:
        assert a.flat[0] == b.flat[0], label
        return
    pooled = np.concatenate([a.ravel(), b.ravel()])
    statistics = [lambda x: x, lambda x: (x - pooled.mean()) ** 2]
    statistics += [
        lambda x, q=q: (x < np.quantile(pooled, q)).astype(float) for q in (0.05, 0.5, 0.95)
    ]
    for k, f in enumerate(statistics):
        u, v = f(a), f(b)
        error = np.sqrt(u.var() / ess(u) + v.var() / ess(v))
        assert abs(u.mean() - v.mean()) < 5 * error, (label, k)


def test_nuts_on_a_conjugate_problem() -> None:
    problem = condition(br.Normal(1.0, unit="sigma"), small(1, n=30, p=2))
    filters, state = list(warnings.filters), np.random.get_state()[1].copy()  # noqa: NPY002
    run = base.run(nuts, problem, draws=500, chains=2, tune=500, seed=1)
    assert warnings.filters == filters
    assert np.array_equal(state, np.random.get_state()[1])  # noqa: NPY002
    assert run.stats["diverging"].sum() == 0
    assert {"diverging", "energy", "tree_depth", "reached_max_treedepth"} <= set(run.stats)
    assert run.warmup == 500
    agree(run, base.run(exact, problem, draws=5000, chains=2, seed=2))
    wrong = condition(br.Normal(0.15, unit="sigma"), small(1, n=30, p=2))
    with pytest.raises(AssertionError):
        agree(run, base.run(exact, wrong, draws=5000, chains=2, seed=2))


# One run of NUTS judges every engine that serves the prior: (engine, draws per chain).
JUDGED: dict[str, tuple[Any, list[tuple[Any, int]]]] = {
    "laplace": (br.Laplace(), [(gibbs, 4000), (tilted, 20_000)]),
    "elastic net": (br.ElasticNet(), [(tilted, 20_000)]),
    "horseshoe": (br.Horseshoe(), [(gibbs, 4000)]),
}
# Priors whose mixing law is known to Gibbs by its density alone.
JUDGED |= {
    prior.family: (type(prior)(), [(gibbs, 4000)])
    for prior in others([])
    if prior.mixing.law == "tabulated"
}


@pytest.mark.parametrize("name", JUDGED)
def test_engines_agree_with_nuts_on_diabetes(name: str) -> None:
    prior, engines = JUDGED[name]
    data = br.load_dataset("diabetes")
    problem = br.Model(prior).condition(data.X, data.y, standardize=True)
    run = base.run(nuts, problem, draws=1000, chains=4, seed=3)
    assert run.stats["diverging"].sum() == 0
    assert not run.stats["reached_max_treedepth"].any()
    for engine, draws in engines:
        agree(run, base.run(engine, problem, draws=draws, chains=4, seed=4))


def log_normal(y: Array, mean: Array, sigma: float) -> Array:
    return stats.norm.logpdf(y, mean, sigma)


def built_log_density(built: graphs.Graph) -> Callable[[dict[str, Any]], float]:
    """The model's log density in its declared variables, given by name."""
    compiled = built.model.compile_logp(jacobian=False)
    start = built.model.initial_point()

    def log_density(values: dict[str, Any]) -> float:
        point = dict(start)
        for name, value in values.items():
            key = f"{name}_log__" if f"{name}_log__" in point else name
            point[key] = np.asarray(np.log(value) if key != name else value, dtype=float)
        return float(compiled(point))

    return log_density


@pytest.mark.parametrize("on_rows", [True, False], ids=["rows", "pseudo-rows"])
def test_graph_of_coefficients_is_the_posterior(on_rows: bool) -> None:
    case = small(5, n=20, p=4, weights=np.arange(20) % 3 + 0.5, standardize=True)
    prior = {
        "c0": br.Flat(),
        "c1": br.Laplace(br.HalfNormal(1.0), loc=0.3),
        ...: br.ElasticNet(br.HalfCauchy(2.0), mix=0.4, unit="y"),
    }
    problem = condition(prior, case, br.HalfNormal(2.0))
    built = graphs.coefficients(problem, on_rows=on_rows)
    log_density = built_log_density(built)
    rng, w = np.random.default_rng(6), case.weights
    differences = []
    for _ in range(3):
        values: dict[str, Any] = {"z": rng.standard_normal(5 if on_rows else 3)}
        values |= dict(
            zip(("sigma", "scale_0", "scale_1"), np.exp(rng.normal(size=3)), strict=True)
        )
        sigma = float(values["sigma"])
        trace = {name: np.atleast_1d(v)[None] for name, v in values.items() if name == "z"}
        trace |= {name: np.atleast_1d(v) for name, v in values.items() if name != "z"}
        out = built.read(trace, rng)
        if on_rows:
            beta, intercept = out["beta"][0], out["intercept"][0]
            assert w is not None
            fit = w @ log_normal(case.y, intercept + case.X @ beta, sigma)
            b = (beta * problem.x_sd)[problem.proper]
        else:
            rest = out["b"][0]
            rss = problem.yy - 2 * problem.xy @ rest + rest @ problem.gram @ rest
            fit = -problem.nu * np.log(sigma) - 0.5 * rss / sigma**2
            b = rest + problem.coordinates.loc
        expected = fit + br.HalfNormal(2.0).log_density(sigma)
        for block, name in zip(problem.blocks, ("scale_0", "scale_1"), strict=True):
            s = problem.effective_scale(block, sigma, values[name])
            expected += block.prior.log_density(b[block.columns], s).sum()
            expected += block.hyper.log_density(values[name])
        differences.append(log_density(values) - expected)
    assert np.ptp(differences) < 1e-7


def test_graph_of_local_scales_is_the_marginal_posterior() -> None:
    case = small(6, n=20, p=4)
    prior = {
        "c0": br.Normal(br.HalfNormal(1.0)),
        "c1": br.ElasticNet(0.7, mix=0.4),
        ...: br.Horseshoe(br.HalfNormal(1.0), unit="y"),
    }
    problem = condition(prior, case, br.HalfNormal(2.0))
    log_density = built_log_density(graphs.local_scales(problem))
    rng = np.random.default_rng(8)
    differences = []
    for _ in range(3):
        sigma, s0, s2, t1, r0, r1 = np.exp(rng.normal(size=6))
        values = {"sigma": sigma, "scale_0": s0, "scale_2": s2}
        values |= {"local_1_laplace": np.array([t1]), "local_2_local": np.array([r0, r1])}
        t = np.array([1.0, t1 / (1 + 0.6 * t1), r0**2, r1**2])
        sd = np.array([s0 * sigma, 0.7, s2, s2]) * np.sqrt(t)
        # β integrated out of N(y | Xβ, σ²) N(β | 0, sd²): y ~ N(0, σ²I + X diag(sd²) X').
        data = problem.quadratic.rows
        covariance = sigma**2 * np.eye(4) + (data.x * sd**2) @ data.x.T
        expected = stats.multivariate_normal.logpdf(data.y, np.zeros(4), covariance)
        expected += -(data.nu - 4) * np.log(sigma) - 0.5 * data.rss / sigma**2
        for law, value in [(br.HalfNormal(2.0), sigma), (br.HalfNormal(1.0), s0)]:
            expected += law.log_density(value)
        expected += br.HalfNormal(1.0).log_density(s2)
        expected += stats.expon(scale=2 / 0.4**2).logpdf(t1) - 0.5 * np.log1p(0.6 * t1)
        expected += stats.halfcauchy.logpdf([r0, r1]).sum()
        differences.append(log_density(values) - expected)
    assert np.ptp(differences) < 1e-7
