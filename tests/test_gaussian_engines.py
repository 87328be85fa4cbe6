"""Laws of the engines for Gaussian priors, exact and direct, and of what they are built on."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import integrate, stats

import bayesreg as br
from bayesreg.engines import base, gibbs
from bayesreg.engines.conditional import _columns, _rows
from bayesreg.engines.starts import _jacobi, _ordinary
from bayesreg.gaussian import direct, exact
from bayesreg.gaussian.quadrature import integrate as integrate_lines
from bayesreg.model.pseudo_data import PseudoData
from tests.cases import CASES, Case
from tests.test_engines import SIGMA_UNIT, condition, small, z_mean

Array = NDArray[np.float64]
IG = br.InverseGammaSquared

# --- quadrature ------------------------------------------------------------------------------

LINES = {
    "normal, narrow": (stats.norm(3.0, 1e-3), -5.0, 5.0),
    "far from where it is looked for": (stats.norm(300.0, 1.0), -1.0, 1.0),
    "logistic": (stats.logistic(0.0, 2.0), -3.0, 3.0),
    "skew": (stats.gumbel_r(1.0, 3.0), -30.0, 30.0),
    "cut off": (stats.uniform(0.3, 0.4), -30.0, 30.0),
    "cut off and sloping": (stats.truncexpon(2.0, loc=-1.0), -30.0, 30.0),
}


@pytest.mark.parametrize("name", LINES)
def test_integral_and_quantiles_of_known_densities(name: str) -> None:
    law, low, high = LINES[name]
    density = integrate_lines(lambda x: law.logpdf(x) + 2.5, np.array([low]), np.array([high]))
    z = np.linspace(-6, 6, 41)
    expected = np.where(z < 0, law.ppf(stats.norm.cdf(z)), law.isf(stats.norm.sf(z)))
    assert density.log_total[0] == pytest.approx(2.5, abs=1e-9)
    assert density.mean(density.nodes)[0] == pytest.approx(law.mean(), abs=1e-9 * law.std())
    # An error of 3e-5 sd would show in the mean of 1e9 draws.
    assert np.max(np.abs(density.transport(0)(z) - expected)) < 3e-5 * law.std()


def test_rows_without_mass_and_densities_without_end() -> None:
    law = stats.norm(0.0, 1.0)
    void = np.array([[0.0], [-np.inf]])
    ends = np.array([-3.0, -3.0])
    two = integrate_lines(lambda x: law.logpdf(x) + void, ends, -ends)
    assert two.log_total[0] == pytest.approx(0.0, abs=1e-9)
    assert two.log_total[1] == -np.inf
    with pytest.raises(br.NotSupported, match="does not fall off"):
        integrate_lines(lambda x: -0.01 * np.abs(x), np.array([-1.0]), np.array([1.0]))


# --- linear algebra --------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES, ids=str)
def test_pseudo_rows_carry_the_likelihood(case: Case) -> None:
    problem = condition(SIGMA_UNIT, case)
    data = problem.quadratic.rows
    norms = np.where(data.norms > 0, data.norms, 1.0)
    size = max(problem.yy, 1e-300)
    products = data.x.T @ data.x - problem.gram
    assert len(data.y) <= max(problem.p, 1)
    assert np.max(np.abs(products / np.outer(norms, norms))) < 1e-12
    assert np.max(np.abs((data.x.T @ data.y - problem.xy) / norms)) < 1e-12 * np.sqrt(size)
    assert data.rss + data.y @ data.y == pytest.approx(problem.yy, rel=1e-11)


@pytest.mark.parametrize("spread", [1.0, 1e9], ids=["even", "graded"])
@pytest.mark.parametrize("shape", [(4, 4), (4, 9)], ids=["square", "wide"])
def test_column_space_and_row_space_agree(shape: tuple[int, int], spread: float) -> None:
    rng = np.random.default_rng(7)
    x, y = rng.standard_normal(shape), rng.standard_normal(shape[0])
    sd = spread ** rng.uniform(-1, 1, shape[1])
    data = PseudoData(x, y, 0.7, 1.0)
    narrow, wide = _columns(data, sd), _rows(data, sd)
    inner = (x * sd) @ (x * sd).T + np.eye(shape[0])
    assert narrow.half_log_det == pytest.approx(wide.half_log_det, rel=1e-9)
    assert wide.half_log_det == pytest.approx(np.linalg.slogdet(inner)[1] / 2, rel=1e-6)
    if spread == 1.0:
        assert narrow.s == pytest.approx(wide.s, rel=1e-10)
        assert narrow.s == pytest.approx(0.7 + y @ np.linalg.solve(inner, y), rel=1e-10)
        assert np.allclose(narrow.mean, wide.mean, rtol=1e-9)


@pytest.mark.parametrize("build", [_columns, _rows], ids=["columns", "rows"])
@pytest.mark.parametrize("size", [1e-200, 1e8, 1e30, 1e150], ids=str)
def test_conditional_is_finite_at_any_scale(build: Any, size: float) -> None:
    x = np.array([[1.0, 1.0, 2.0], [1.0, 1.0, -1.0]])  # collinear columns
    data = PseudoData(x, np.array([1.0, 2.0]), 1.0, 1.0)
    given = build(data, np.array([size, 1.0, size]))
    draw = given.draw(1.0, np.random.default_rng(1))
    assert np.isfinite(given.s)
    assert np.isfinite(given.half_log_det)
    assert np.all(np.isfinite(given.mean))
    assert np.all(np.isfinite(draw))


@pytest.mark.parametrize("build", [_columns, _rows], ids=["columns", "rows"])
def test_conditional_draws_have_their_mean_and_covariance(build: Any) -> None:
    rng = np.random.default_rng(11)
    x, y = rng.standard_normal((3, 3)), rng.standard_normal(3)
    sd, sigma, size = np.array([0.5, 2.0, 1.0]), 1.7, 20_000
    given = build(PseudoData(x, y, 0.0, 1.0), sd)
    b = np.stack([given.draw(sigma, rng) for _ in range(size)])
    inverse = np.linalg.inv(x.T @ x + np.diag(sd**-2))
    root = np.linalg.cholesky(inverse)
    white = np.linalg.solve(root, (b - inverse @ x.T @ y).T) / sigma
    assert np.max(np.abs(white.mean(axis=1))) < 4.5 / np.sqrt(size)
    assert np.max(np.abs(np.cov(white) - np.eye(3))) < 4.5 * np.sqrt(2 / size)
    # Negative control: a variance taken for an sd.
    assert np.max(np.abs(np.cov(white * sigma) - np.eye(3))) > 4.5 * np.sqrt(2 / size)


def test_jacobi_keeps_the_digits_of_graded_columns() -> None:
    rng = np.random.default_rng(5)
    a = rng.standard_normal((6, 4)) * 10.0 ** np.array([0.0, -6, -12, 3])
    u, s, v = _jacobi(a)
    # The smallest singular value from the inverse of a column-scaled QR, accurate to rounding.
    r = np.linalg.qr(a / np.linalg.norm(a, axis=0))[1]
    inverse = np.linalg.inv(r) / np.linalg.norm(a, axis=0)[:, None]
    assert s.min() == pytest.approx(1 / np.linalg.norm(inverse, 2), rel=1e-9)
    assert np.allclose(u * s @ v.T, a, rtol=1e-9, atol=0)
    # Negative control: the ordinary decomposition has lost them.
    assert abs(_ordinary(a)[1].min() / s.min() - 1) > 1e-9


# --- exact -----------------------------------------------------------------------------------

CONJUGATE = {
    "σ known": (br.Normal(0.8), 1.3),
    "σ known, unit sigma": (br.Normal(0.8, unit="sigma"), 1.3),
    "p(σ²) ∝ 1/σ²": (br.Normal(0.8, unit="sigma"), None),
    "p(σ) ∝ 1": (br.Normal(0.8, unit="sigma"), br.Flat()),
    "inverse gamma": (br.Normal([0.5, 1.0, 2.0], unit="sigma"), IG(2.0, 3.0)),
    "flat column": ({"c1": br.Flat(), ...: br.Normal(0.8, loc=0.5, unit="sigma")}, None),
    "two scales": ({"c1": br.Normal(0.1), ...: br.Normal(2.0, unit="sigma")}, 1.3),
    "all flat": (br.Flat(), None),
}


def textbook(problem: br.Problem, case: Case) -> tuple[Array, Array, float, float]:
    """Mean, scale matrix ÷ s², S of (β₀, β) by dense normal equations on the rows."""
    ones = np.ones((len(case.y), 1)) if case.intercept else np.zeros((len(case.y), 0))
    x = np.hstack([ones, case.X])
    k = ones.shape[1]
    w = np.ones(len(case.y)) if case.weights is None else case.weights
    precision, pull = np.zeros((x.shape[1],) * 2), np.zeros(x.shape[1])
    for block in problem.blocks:
        at = problem.proper[block.columns]
        sd = problem.effective_scale(block, problem.sigma or 1.0) / (problem.sigma or 1.0)
        per_unit = (problem.x_sd[at] / sd) ** 2
        precision[at + k, at + k] = per_unit
        pull[at + k] = per_unit * block.prior.loc / problem.x_sd[at]
    a = x.T @ (w[:, None] * x) + precision
    mean = np.linalg.solve(a, x.T @ (w * case.y) + pull)
    away = mean.copy()
    for block in problem.blocks:
        at = problem.proper[block.columns]
        away[at + k] -= block.prior.loc / problem.x_sd[at]
    s = float(w @ (case.y - x @ mean) ** 2 + away @ precision @ away)
    return mean, np.linalg.inv(a), s, w.sum()


@pytest.mark.parametrize("standardize", [False, True], ids=["raw", "standardised"])
@pytest.mark.parametrize("name", CONJUGATE)
def test_exact_is_the_textbook_formula(name: str, standardize: bool) -> None:
    case = small(3, weights=np.arange(25) % 3 + 0.5, standardize=standardize)
    prior, sigma = CONJUGATE[name]
    problem = condition(prior, case, sigma)
    found = exact.posterior(problem)
    mean, inverse, s, n = textbook(problem, case)
    if isinstance(sigma, float):
        df, s2 = math.inf, sigma**2
    else:
        a, b = {None: (0.0, 0.0)}.get(sigma) or problem.sigma_prior.inverse_gamma  # type: ignore[union-attr]
        df = 2 * a + n - 1 - len(problem.flat)
        s2 = (b + s / 2) / (df / 2)
    scale = np.sqrt(s2 * np.diagonal(inverse))
    law = stats.norm() if math.isinf(df) else stats.t(df)

    assert found.df == pytest.approx(df)
    assert np.allclose(found.mean, mean[1:], rtol=1e-9)
    assert found.intercept == pytest.approx(mean[0], rel=1e-9)
    assert np.allclose(found.scale, scale[1:], rtol=1e-9)
    assert found.intercept_scale == pytest.approx(scale[0], rel=1e-9)
    assert np.allclose(found.sd, scale[1:] * law.std(), rtol=1e-9)
    low, high = found.interval(0.9).T
    assert np.allclose(low, mean[1:] - law.ppf(0.95) * scale[1:], rtol=1e-8, atol=1e-12)
    assert np.allclose(high, mean[1:] + law.ppf(0.95) * scale[1:], rtol=1e-8, atol=1e-12)
    rows = np.array([[1.0, 2.0, -1.0], [0.0, 3.0, 1.0]])
    whole = np.hstack([np.array([[1.0], [0.5]]), rows])
    location, spread = found.linear(rows, np.array([1.0, 0.5]))
    assert np.allclose(location, whole @ mean, rtol=1e-9)
    assert np.allclose(spread, np.sqrt(s2 * np.diagonal(whole @ inverse @ whole.T)), rtol=1e-9)


@pytest.mark.parametrize("flat", [False, True], ids=["proper", "one flat"])
def test_exact_in_row_space_is_the_textbook_formula(flat: bool) -> None:
    case = Case("wide", CASES[3].X, CASES[3].y)
    rest = br.Normal(0.5, unit="sigma")
    problem = condition({"c3": br.Flat(), ...: rest} if flat else rest, case)
    found = exact.posterior(problem)
    mean, inverse, s, n = textbook(problem, case)
    df = n - 1 - flat
    assert found.factor.wide
    assert np.allclose(found.mean, mean[1:], rtol=1e-8)
    assert np.allclose(found.scale, np.sqrt(s / df * np.diagonal(inverse))[1:], rtol=1e-8)
    assert found.intercept_scale == pytest.approx(np.sqrt(s / df * inverse[0, 0]), rel=1e-8)


def brute_force_evidence(name: str, case: Case) -> float:
    """log evidence of a problem with two unknowns, by adaptive quadrature over both."""
    x, y, n = case.X[:, 0], case.y, len(case.y)
    xx, xy, yy, sx, sy = x @ x, x @ y, y @ y, x.sum(), y.sum()
    half_log = 0.5 * math.log(2 * math.pi)

    def log_likelihood(shift: float, slope: float, sigma: float) -> float:
        rss = yy - 2 * (shift * sy + slope * xy - shift * slope * sx)
        rss += n * shift**2 + slope**2 * xx
        return -n * (math.log(sigma) + half_log) - 0.5 * rss / sigma**2

    def log_normal(slope: float, sd: float) -> float:
        return -0.5 * (slope / sd) ** 2 - math.log(sd) - half_log

    def over_both(slope: float, shift: float) -> float:
        prior = log_normal(slope, 0.8) if name == "known" else 0.0
        return math.exp(log_likelihood(shift, slope, 1.1) + prior)

    def over_sigma(ratio: float, log_sigma: float) -> float:
        sigma = math.exp(log_sigma)
        slope = ratio * sigma
        prior = {"jeffreys": math.log(2 / sigma), "flat sigma": 0.0}.get(name)  # dσ²/σ², dσ
        if prior is None:
            prior = float(IG(2.0, 3.0).log_density(sigma))
        fit = log_likelihood(0.0, slope, sigma) + log_normal(slope, 0.8 * sigma)
        return math.exp(fit + prior + 2 * log_sigma)

    if name in {"known", "flat"}:
        return math.log(integrate.dblquad(over_both, -9, 9, -6, 8, epsabs=1e-14)[0])
    return math.log(integrate.dblquad(over_sigma, -2.5, 9, -20, 25, epsabs=1e-14)[0])


EVIDENCE = {
    "known": (br.Normal(0.8), 1.1, True),
    "flat": (br.Flat(), 1.1, True),
    "jeffreys": (br.Normal(0.8, unit="sigma"), None, False),
    "flat sigma": (br.Normal(0.8, unit="sigma"), br.Flat(), False),
    "ig": (br.Normal(0.8, unit="sigma"), IG(2.0, 3.0), False),
}


@pytest.mark.parametrize("name", EVIDENCE)
def test_evidence_is_the_integral_over_everything(name: str) -> None:
    prior, sigma, intercept = EVIDENCE[name]
    x = np.array([[0.3], [1.9], [-0.7], [0.4], [1.1]])
    case = Case(name, x, np.array([0.1, 2.0, -1.2, 1.4, 0.2]), intercept=intercept)
    found = exact.posterior(condition(prior, case, sigma)).log_evidence
    assert found == pytest.approx(brute_force_evidence(name, case), abs=1e-6)


def test_evidence_of_flat_columns_is_per_original_unit() -> None:
    prior = {"c0": br.Flat(), ...: br.Normal(0.8, unit="sigma")}
    raw, wide = small(2), small(2)
    wide = Case("wider", raw.X * [1000.0, 1, 1], raw.y)
    first, second = (exact.posterior(condition(prior, c)).log_evidence for c in (raw, wide))
    # β₀ in thousandths: dβ shrinks a thousandfold.
    assert first - second == pytest.approx(math.log(1000.0), abs=1e-9)


@pytest.mark.parametrize(
    "n, df, mean, sd",
    [(2, 1, math.nan, math.nan), (3, 2, None, math.inf), (4, 3, None, None)],
    ids=["df 1", "df 2", "df 3"],
)
def test_moments_that_do_not_exist_are_not_given(n: int, df: float, mean: Any, sd: Any) -> None:
    case = Case(
        "few rows", np.array([[0.0], [1.0], [3.0], [4.0]])[:n], np.array([0, 2, 1, 5.0])[:n]
    )
    found = exact.posterior(condition(SIGMA_UNIT, case))
    assert found.df == df
    assert np.isnan(found.mean[0]) if mean is not None else np.isfinite(found.mean[0])
    assert np.isfinite(found.interval(0.5)).all()
    if sd is None:
        assert np.isfinite(found.sd[0])
    else:
        assert np.array_equal(found.sd, [sd], equal_nan=True)


def test_prior_scales_without_end_neither_overflow_nor_lie() -> None:
    case = small(1)
    least = exact.posterior(condition(br.Flat(), case))
    vague = exact.posterior(condition(br.Normal(1e300), case, 1.3))
    tight = exact.posterior(condition(br.Normal(1e-300), case, 1.3))
    assert np.allclose(vague.mean, least.mean, rtol=1e-9)
    assert np.all(np.abs(tight.mean) < 1e-290)
    assert np.allclose(tight.sd, 1e-300, rtol=1e-6)
    assert np.isfinite(tight.log_evidence)


@pytest.mark.parametrize("bad", [0, 1, 1.5, 95, -0.1, True, "0.95", math.nan], ids=repr)
def test_level_lies_between_zero_and_one(bad: Any) -> None:
    with pytest.raises(br.BadArgument, match="level"):
        exact.posterior(condition(SIGMA_UNIT, small())).interval(bad)


# --- direct ----------------------------------------------------------------------------------

HALF = br.HalfNormal(1.5)
HYPER = {
    "default": (br.Normal(), None),
    "σ known": (br.Normal(), 1.2),
    "σ known, unit y": (br.Normal(HALF, unit="y"), 1.2),
    "σ half-normal": (br.Normal(br.Exponential(1.0)), br.HalfNormal(2.0)),
    "unit y": (br.Normal(HALF, unit="y"), br.HalfCauchy(1.0)),
    "unit y, p(σ²) ∝ 1/σ²": (br.Normal(HALF, unit="y"), None),
    "scale given, unit y": (br.Normal(0.9), None),
    "uniform scale": (br.Normal(br.Uniform(0.2, 1.0)), IG(2.0, 2.0)),
    "both uniform, unit y": (
        br.Normal(br.Uniform(0.2, 1.0), unit="y"),
        br.Uniform(0.5, 3.0),
    ),
}


def grid(problem: br.Problem) -> dict[str, tuple[float, float]]:
    """Means and sds of b₀, log σ and log scale of a p = 1 problem on a three-dimensional grid."""
    block = problem.blocks[0]
    log_sigma = [0.0] if problem.sigma else np.linspace(-1.6, 1.6, 241)
    log_scale = np.linspace(-9.0, 9.0, 721) if block.scale is None else [0.0]
    u, v = np.meshgrid(log_sigma, log_scale, indexing="ij")
    sigma = np.exp(u) if problem.sigma is None else np.full_like(u, problem.sigma)
    scale = np.exp(v) if block.scale is None else np.full_like(v, block.scale)
    g, c, q = problem.gram[0, 0], problem.xy[0], problem.yy
    s = scale * (sigma if block.prior.unit == "sigma" else 1.0)
    precision = g / sigma**2 + 1 / s**2
    mean, variance = c / sigma**2 / precision, 1 / precision
    log_p = -problem.nu * np.log(sigma) - 0.5 * q / sigma**2 + 0.5 * mean**2 * precision
    log_p += 0.5 * np.log(variance) - np.log(s)
    if problem.sigma_prior is not None:
        log_p += problem.sigma_prior.log_density(sigma) + u
    if block.hyper is not None:
        log_p += block.hyper.log_density(scale) + v
    w = np.exp(log_p - log_p.max())
    w /= w.sum()

    def pool(m: Array, var: Any = 0.0) -> tuple[float, float]:
        centre = float((w * m).sum())
        return centre, float(np.sqrt((w * (var + (m - centre) ** 2)).sum()))

    return {"b": pool(mean, variance), "log σ": pool(u), "log scale": pool(v)}


@pytest.mark.parametrize("name", [n for n in HYPER if "uniform" not in n])
def test_quadrature_moments_against_a_grid(name: str) -> None:
    prior, sigma = HYPER[name]
    problem = condition(prior, small(8, n=30, p=1), sigma)
    found, expected = direct.moments(problem), grid(problem)
    assert found.mean[0] == pytest.approx(expected["b"][0], rel=1e-6)
    assert found.sd[0] == pytest.approx(expected["b"][1], rel=1e-5)
    if problem.unknown_sigma:
        assert found.log_sigma == pytest.approx(expected["log σ"], rel=1e-5)
    if problem.unknown_scales:
        # The tail of a half-Cauchy reaches beyond the grid by e^-9.
        assert found.log_scale == pytest.approx(expected["log scale"], rel=5e-3)


@pytest.mark.parametrize("name", HYPER)
def test_direct_draws_have_the_quadrature_moments(name: str) -> None:
    prior, sigma = HYPER[name]
    problem = condition({"c0": br.Flat(), ...: prior}, small(9, n=20, p=4), sigma)
    found = direct.moments(problem)
    run = base.run(direct, problem, draws=10_000, chains=2, seed=2)
    size = run.sigma.size

    def worst(mean: Array, sd: Array) -> float:
        z = np.abs(run.beta.mean((0, 1)) - mean) / sd * np.sqrt(size)
        kurtosis = stats.kurtosis(run.beta.reshape(size, -1), fisher=False)
        ratio = np.abs(run.beta.var((0, 1)) / sd**2 - 1) * np.sqrt(size / (kurtosis - 1))
        return float(max(z.max(), ratio.max()))

    assert worst(found.mean, found.sd) < 4.5
    assert abs(run.intercept.mean() - found.intercept) < 4.5 * found.intercept_sd / np.sqrt(size)
    unknown = [(run.sigma, found.log_sigma)] if problem.unknown_sigma else []
    if problem.unknown_scales:
        unknown.append((run.scale[..., 0], found.log_scale))
    for draws, (mean, sd) in unknown:
        assert abs(z_mean(np.log(draws), mean, size)) < 4.5
        assert abs(np.log(draws).std() / sd - 1) < 4.5 * np.sqrt(2 / size) * 2
    # Negative control: sds 10 % off.
    assert worst(found.mean, 1.1 * found.sd) > 4.5


def test_scales_that_are_pinned_to_sigma_and_one_that_is_not() -> None:
    case = small(4, n=22, p=4)
    rest = br.Normal(0.5, unit="sigma")
    problem = condition({"c1": br.Normal(), "c2": rest, ...: rest}, case)
    pinned = problem.at(scale=0.8)
    both = direct.moments(
        condition({"c1": br.Normal(0.8, unit="sigma"), ...: br.Normal(0.5, unit="sigma")}, case)
    )
    closed = exact.posterior(pinned)
    assert np.allclose(both.mean, closed.mean, rtol=1e-10)
    assert np.allclose(both.sd, closed.sd, rtol=1e-10)
    found, chain = direct.moments(problem), base.run(gibbs, problem, draws=1500, chains=2, seed=1)
    iid = base.run(direct, problem, draws=20_000, chains=2, seed=1)
    for j in range(4):
        assert abs(z_mean(iid.beta[..., j], found.mean[j])) < 4.5
        assert abs(z_mean(chain.beta[..., j], found.mean[j])) < 4.5


@pytest.mark.parametrize("name", ["σ known", "p(σ²) ∝ 1/σ²", "inverse gamma", "flat column"])
def test_evidence_of_direct_integrates_that_of_exact(name: str) -> None:
    prior, sigma = CONJUGATE[name]
    case = small(6)
    if name == "flat column":
        free: Any = {"c1": br.Flat(), ...: br.Normal(br.HalfNormal(1.0), loc=0.5)}
    else:
        relative = [0.5, 1.0, 2.0] if name == "inverse gamma" else None
        free = br.Normal(br.HalfNormal(1.0), unit=prior.unit, relative=relative)
    problem = condition(free, case, sigma)
    s = np.exp(np.linspace(-12, 3, 151))
    log_z = np.array([exact.posterior(problem.at(scale=float(v))).log_evidence for v in s])
    total = integrate.simpson(np.exp(log_z + br.HalfNormal(1.0).log_density(s)) * s, np.log(s))
    assert direct.moments(problem).log_evidence == pytest.approx(math.log(total), abs=1e-5)


def test_direct_where_columns_outnumber_rows() -> None:
    problem = condition(br.Normal(HALF), CASES[3], br.HalfNormal(3.0))
    found = direct.moments(problem)
    run = base.run(direct, problem, draws=10_000, chains=2, seed=3)
    z = np.abs(run.beta.mean((0, 1)) - found.mean) / found.sd * np.sqrt(20_000)
    assert z.max() < 4.5
    assert np.max(np.abs(run.beta.std((0, 1)) / found.sd - 1)) < 0.06
