"""Laws of the compiled parts of engine gibbs, each against NumPy, quadrature or a density."""

from __future__ import annotations

import dataclasses
import math
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

import bayesreg as br
from bayesreg.engines import mixture
from bayesreg.engines.loops import linear, tables, triangle
from bayesreg.engines.loops.arrays import TABLE_LOW, TABLE_STEP
from bayesreg.engines.loops.blocked import _scale_and_locals
from bayesreg.engines.loops.coupled import draw_coupled
from bayesreg.engines.loops.local_laws import LAWS, draw_local
from bayesreg.engines.loops.scans import scan
from bayesreg.engines.loops.slices import interpolate, log_hyper, slice_exponentials
from bayesreg.model.blocks import Block
from bayesreg.priors import ScaleMixture
from bayesreg.priors.r2d2 import log_beta_mixture
from tests.reference_gibbs import LOCAL
from tests.test_engines import z_mean

Array = NDArray[np.float64]
NONE = (7, 0.0, 0.0, 0.0)  # no hyperprior


def block(prior: Any, sizes: tuple[int, ...], relative: Array | None = None) -> Block:
    """Columns in groups of these sizes, as a problem would hold them."""
    p, mixture = sum(sizes), isinstance(prior, ScaleMixture)
    assert mixture
    scale = None if prior.hyper is not None else float(np.ravel(prior.scale)[0])
    group = np.repeat(np.arange(len(sizes)), sizes)
    factors = np.ones(p) if relative is None else relative
    return Block("block", prior, np.arange(p), factors, scale, prior.hyper, group)


# --- slices and hyperpriors -------------------------------------------------------------------

HYPERPRIORS = [
    br.HalfCauchy(2.0),
    br.HalfStudentT(3.0, 0.5),
    br.HalfNormal(2.0),
    br.Exponential(3.0),
    br.Uniform(0.5, 2.0),
    br.InverseGammaSquared(2.0, 3.0),
    br.BetaPrimeSquared(1.6, 0.7),
    br.BetaPrimeSquared(0.5, 1.2, 2.5),
    br.Gamma(2.0, 0.7),
    br.HalfNormalInverseRoot(0.8),
    br.priors.Power(1.0),
    br.priors.Power(0.0),
]


@pytest.mark.parametrize("prior", HYPERPRIORS, ids=repr)
def test_density_of_log_is_density_times_jacobian(prior: Any) -> None:
    log_x = np.array([-40.0, -2.0, -0.6, 0.1, 0.6, 1.5, 30.0])
    expected = prior.log_density(np.exp(log_x)) + log_x
    found = [prior.log_density_of_log(float(u)) for u in log_x]
    assert np.allclose(found, expected, rtol=1e-12, atol=1e-12)
    compiled = np.array([log_hyper(*tables.hyper(prior), u) for u in log_x])
    inside = np.isfinite(expected)
    assert np.array_equal(inside, np.isfinite(compiled))
    assert np.ptp(compiled[inside] - expected[inside]) < 1e-9 * np.abs(expected[inside]).max()
    # Neither overflows where a sampler may look, and beyond there is nothing.
    for u in (-300.0, 300.0):
        assert not math.isnan(prior.log_density_of_log(u))
        assert not math.isnan(log_hyper(*tables.hyper(prior), u))
    assert log_hyper(*tables.hyper(prior), 301.0) == -math.inf


@pytest.mark.parametrize("width", [2.5, 10.0, 40.0])
def test_slice_leaves_its_density_invariant(width: float) -> None:
    law = stats.gumbel_r()
    x = np.empty((1, 20_000))
    rng, at = np.random.default_rng(1), 0.0
    for i in range(x.shape[1]):  # −v − e^(−v)
        at = slice_exponentials((-1.0, -1.0, -1.0, 0.0, 0.0), (*NONE, 0.0), at, width, rng)
        x[0, i] = at
    for q in (0.05, 0.5, 0.95):
        assert abs(z_mean((x < law.ppf(q)).astype(float), q)) < 4.5
    # Negative control: a law that lies 0.15 higher.
    assert abs(z_mean((x < law.ppf(0.5) + 0.15).astype(float), 0.5)) > 4.5


def test_slice_with_a_hyperprior_and_two_exponentials() -> None:
    """exp(2x − 0.7e^x − 0.2e^(2x)) times the density of log s = x + 0.4 under Exponential(3)."""
    rng, at, x = np.random.default_rng(2), 0.0, np.empty((1, 20_000))
    terms, hyper = (2.0, -0.7, 1.0, -0.2, 2.0), (*tables.hyper(br.Exponential(3.0)), 0.4)
    for i in range(x.shape[1]):
        at = slice_exponentials(terms, hyper, at, 2.5, rng)
        x[0, i] = at
    grid = np.linspace(-12.0, 5.0, 20_001)
    shifted = np.array([br.Exponential(3.0).log_density_of_log(u + 0.4) for u in grid])
    log_p = 2.0 * grid - 0.7 * np.exp(grid) - 0.2 * np.exp(2.0 * grid)
    for q in (0.05, 0.5, 0.95):
        assert abs(z_mean((x < quantile(grid, log_p + shifted, q)).astype(float), q)) < 4.5
    assert abs(z_mean((x < quantile(grid, log_p, 0.5)).astype(float), 0.5)) > 4.5


def quantile(grid: Array, log_density: Array, q: float) -> float:
    """Quantile of a density on an even grid."""
    cumulative = np.cumsum(np.exp(log_density - log_density.max()))
    return float(np.interp(q * cumulative[-1], cumulative, grid + 0.5 * (grid[1] - grid[0])))


def test_slice_survives_nan_and_an_impossible_start() -> None:
    rng = np.random.default_rng(2)
    nan = (math.nan, 0.0, 1.0, 0.0, 1.0)
    assert slice_exponentials(nan, (*NONE, 0.0), 1.0, 2.5, rng) == 1.0
    flat, far = (0.0, 0.0, 1.0, 0.0, 1.0), tables.hyper(br.Uniform(100.0, 200.0))
    assert slice_exponentials(flat, (*far, 0.0), 0.0, 2.5, rng) == 0.0
    near = tables.hyper(br.Uniform(1.1, 200.0))
    assert slice_exponentials(flat, (*near, 0.0), 0.0, 2.5, rng) > math.log(1.1)


def test_interpolation_is_cubic_and_linear_beyond() -> None:
    at = np.linspace(-2.0, 3.0, 501)
    table = np.sin(at)
    inside = np.linspace(-1.9, 2.9, 999)
    found = [interpolate(table, -2.0, 0.01, x) for x in inside]
    assert np.max(np.abs(found - np.sin(inside))) < 1e-7
    ends = [interpolate(table, -2.0, 0.01, x) for x in (-7.0, 12.0)]
    slopes = [(table[1] - table[0]) / 0.01, (table[-1] - table[-2]) / 0.01]
    assert np.allclose(ends, [table[0] - 5.0 * slopes[0], table[-1] + 9.0 * slopes[1]], rtol=1e-9)


def turned(x: Array) -> Array:
    """X' by rows, as the kernels hold it."""
    return np.ascontiguousarray(x.T)


# --- Cholesky and triangles -------------------------------------------------------------------

SIZES = [1, 2, 3, 4, 5, 7, 8, 31, 127, 128, 129, 131, 257, 300]


def positive_definite(size: int, spread: float) -> Array:
    """I + H'H with columns of H graded over `spread` either way."""
    rng = np.random.default_rng(size)
    h = rng.standard_normal((size + 3, size)) * spread ** rng.uniform(-1, 1, size)
    return np.eye(size) + h.T @ h


@pytest.mark.parametrize("spread", [1.0, 1e7, 1e60], ids=str)
@pytest.mark.parametrize("size", SIZES)
def test_cholesky_and_solves_are_numpys(size: int, spread: float) -> None:
    a = positive_definite(size, spread)
    u = np.triu(a) + np.tril(np.full_like(a, np.nan), -1)  # nothing below is read
    assert triangle.cholesky(u)
    u = np.triu(u)
    # Componentwise, as Demmel (1989) has it: |U'U − A|_ij below p·eps·√(a_ii a_jj).
    root = np.sqrt(np.diagonal(a))
    assert np.max(np.abs(u.T @ u - a) / np.outer(root, root)) < 4 * size * np.finfo(float).eps
    assert triangle.log_diagonal(u) == pytest.approx(np.log(np.diagonal(u)).sum(), rel=1e-12)
    right = np.random.default_rng(1).standard_normal(size)
    forward, back = right.copy(), right.copy()
    triangle.solve_transposed(u, forward)
    triangle.solve(u, back)
    # Backward stable row by row (Higham 2002, theorem 8.5).
    for rows, x in ((u.T, forward), (u, back)):
        bound = 4 * size * np.finfo(float).eps * (np.abs(rows) @ np.abs(x) + np.abs(right))
        assert np.all(np.abs(rows @ x - right) <= bound)
    assert triangle.inner(right, forward) == pytest.approx(right @ forward, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("size", [1, 3, 130, 260])
@pytest.mark.parametrize("bad", [-1.0, 0.0, math.nan, math.inf], ids=str)
def test_cholesky_says_what_is_not_positive_definite(size: int, bad: float) -> None:
    a = positive_definite(size, 1.0)
    a[size - 1, size - 1] = bad
    assert not triangle.cholesky(a)


@pytest.mark.parametrize("narrow", [True, False], ids=["columns", "rows"])
@pytest.mark.parametrize("spread", [1.0, 1e4, 1e100], ids=str)
@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (9, 4), (60, 40)], ids=str)
def test_givens_triangle_is_numpys(shape: tuple[int, int], spread: float, narrow: bool) -> None:
    rng = np.random.default_rng(3)
    x, sd = rng.standard_normal(shape), spread ** rng.uniform(-1, 1, shape[1])
    half = x * sd if narrow else (x * sd).T
    u = np.empty((half.shape[1],) * 2)
    triangle.triangle_of(turned(x), sd, narrow, u)
    r = np.linalg.qr(np.vstack([half, np.eye(half.shape[1])]), mode="r")
    expected = r * np.sign(np.diagonal(r))[:, None]
    # Column by column, to the size of the column.
    assert np.max(np.abs(u - expected) / np.linalg.norm(expected, axis=0)) < 1e-12


# --- b given its prior sds --------------------------------------------------------------------


class Given:
    """Conditional of b at prior sds ÷ σ, by the compiled column or row space."""

    def __init__(self, x: Array, y: Array, rss: float, sd: Array, narrow: bool) -> None:
        self.xt, self.y, self.sd, self.narrow = turned(x), y, sd, narrow
        gram, xy = (x.T @ x, x.T @ y) if narrow else (np.empty((0, 0)), np.empty(0))
        size = x.shape[1] if narrow else x.shape[0]
        core, self.u, self.w = np.empty((size, size)), np.empty((size, size)), np.empty(size)
        linear.core_of(self.xt, gram, sd, core)
        linear.factor(self.xt, gram, sd, core, 1.0, self.u)
        self.s = linear.penalised_sum(self.xt, y, xy, (y @ y, rss), sd, self.u, self.w)
        self.half_log_det = triangle.log_diagonal(self.u)

    def draw(self, sigma: float, rng: np.random.Generator) -> Array:
        """One draw of b."""
        b = np.empty(len(self.sd))
        if self.narrow:
            linear.draw_columns(self.sd, self.u, self.w, sigma, b, rng)
        else:
            linear.draw_rows(self.xt, self.y, self.sd, self.u, sigma, b, rng)
        return b


SPACES = pytest.mark.parametrize("narrow", [True, False], ids=["columns", "rows"])


@pytest.mark.parametrize("spread", [1.0, 1e9], ids=["even", "graded"])
@pytest.mark.parametrize("shape", [(1, 1), (4, 4), (4, 9), (150, 140), (9, 600)], ids=str)
def test_column_space_and_row_space_agree(shape: tuple[int, int], spread: float) -> None:
    rng = np.random.default_rng(7)
    x, y = rng.standard_normal(shape), rng.standard_normal(shape[0])
    sd = spread ** rng.uniform(-1, 1, shape[1])
    narrow, wide = Given(x, y, 0.7, sd, True), Given(x, y, 0.7, sd, False)
    expected = 0.5 * np.log1p(np.square(np.linalg.svd(x * sd)[1])).sum()
    assert narrow.half_log_det == pytest.approx(wide.half_log_det, rel=1e-9)
    assert wide.half_log_det == pytest.approx(expected, rel=1e-7)
    if spread == 1.0:
        inner = (x * sd) @ (x * sd).T + np.eye(shape[0])
        assert narrow.s == pytest.approx(wide.s, rel=1e-9)
        assert narrow.s == pytest.approx(0.7 + y @ np.linalg.solve(inner, y), rel=1e-9)


def test_core_is_scaled_without_being_formed_again() -> None:
    rng = np.random.default_rng(8)
    x, sd = rng.standard_normal((6, 4)), rng.uniform(0.5, 2.0, 4)
    core, scaled, whole = (np.empty((4, 4)) for _ in range(3))
    xt, gram = turned(x), x.T @ x
    linear.core_of(xt, gram, sd, core)
    linear.factor(xt, gram, 3.0 * sd, core, 9.0, scaled)
    linear.core_of(xt, gram, 3.0 * sd, core)
    linear.factor(xt, gram, 3.0 * sd, core, 1.0, whole)
    assert np.allclose(np.triu(scaled), np.triu(whole), rtol=1e-13)


@SPACES
@pytest.mark.parametrize("size", [1e-200, 1e8, 1e30, 1e150], ids=str)
def test_conditional_is_finite_at_any_scale(narrow: bool, size: float) -> None:
    x = np.array([[1.0, 1.0, 2.0], [1.0, 1.0, -1.0]])  # collinear columns
    given = Given(x, np.array([1.0, 2.0]), 1.0, np.array([size, 1.0, size]), narrow)
    draw = given.draw(1.0, np.random.default_rng(1))
    assert np.isfinite(given.s)
    assert 1.0 <= given.s <= 6.0 + 1e-9
    assert np.isfinite(given.half_log_det)
    assert np.all(np.isfinite(draw))


@SPACES
@pytest.mark.parametrize("size", [1.0, 1e5, 1e12], ids=str)
def test_close_fits_keep_the_digits_of_their_sum(narrow: bool, size: float) -> None:
    """S of an exact fit is what the penalty leaves, far below y'y."""
    rng = np.random.default_rng(9)
    x, b, sd = rng.standard_normal((4, 4)), rng.standard_normal(4), np.full(4, size)
    given = Given(x, x @ b, 0.0, sd, narrow)
    # Exactly: S = y'(I + s²XX')⁻¹y = Σ c²/(1 + s²d²) from the singular values of X.
    left, d, _ = np.linalg.svd(x)
    expected = np.sum(np.square(left.T @ x @ b) / (1.0 + np.square(size * d)))
    assert given.s == pytest.approx(expected, rel=1e-6)


@SPACES
@pytest.mark.parametrize("shape", [(3, 3), (2, 3)], ids=str)
def test_conditional_draws_have_their_mean_and_covariance(
    narrow: bool, shape: tuple[int, int]
) -> None:
    rng = np.random.default_rng(11)
    x, y = rng.standard_normal(shape), rng.standard_normal(shape[0])
    sd, sigma, size = np.array([0.5, 2.0, 1.0]), 1.7, 20_000
    given = Given(x, y, 0.0, sd, narrow)
    b = np.stack([given.draw(sigma, rng) for _ in range(size)])
    inverse = np.linalg.inv(x.T @ x + np.diag(sd**-2))
    root = np.linalg.cholesky(inverse)
    white = np.linalg.solve(root, (b - inverse @ x.T @ y).T) / sigma
    assert np.max(np.abs(white.mean(axis=1))) < 4.5 / np.sqrt(size)
    assert np.max(np.abs(np.cov(white) - np.eye(3))) < 4.5 * np.sqrt(2 / size)
    # Negative control: a variance taken for an sd.
    assert np.max(np.abs(np.cov(white * sigma) - np.eye(3))) > 4.5 * np.sqrt(2 / size)


@pytest.mark.parametrize("span", [(0, 5), (1, 3)], ids=["all", "some"])
def test_fit_of_a_block_is_numpys(span: tuple[int, int]) -> None:
    rng = np.random.default_rng(12)
    x, y, b = rng.standard_normal((6, 5)), rng.standard_normal(6), rng.standard_normal(5)
    start, stop = span
    own = x[:, start:stop] @ b[start:stop]
    expected = own @ own, own @ (y - x @ b + own)
    for gram, xy in ((x.T @ x, x.T @ y), (np.empty((0, 0)), np.empty(0))):
        found = linear.fit_of_block(turned(x), y, gram, xy, b, start, stop)
        assert found == pytest.approx(expected)
    assert np.allclose(linear.residuals_of(turned(x), y, b), y - x @ b, rtol=1e-13)


# --- local variances --------------------------------------------------------------------------

LOCALS = [
    ("exponential", 1.0, 0.0),
    ("exponential", 0.4, 0.6),
    ("exponential", 0.97, 0.03),
    ("inverse_gamma", 3.0),
    ("inverse_gamma", 0.7),
    ("half_cauchy",),
    ("half_cauchy_product",),
    ("gamma", 0.2),
    ("gamma", 2.6),
    ("stable", 0.5),
    ("stable", 1.0),
    ("stable", 1.6),
]
X2 = [1e-12, 1e-5, 0.04, 1.0, 1.9, 30.0, 1e4, 1e8]


@cache
def stable_density(q: float) -> tuple[Array, Array]:
    """Log density of log w on a grid, found once."""
    log_w = np.linspace(-20.0, 60.0, 16_001)
    return log_w, LOCAL["stable"](-log_w - math.log(2.0), 0.0, q)


def log_conditional(law: str, numbers: tuple[float, ...], x: float, m: int, y: Array) -> Array:
    """Log density of y = log t given x = ‖u‖² of m columns."""
    if law == "stable":  # whatever m is
        log_w, value = stable_density(*numbers)
        known = np.interp(-y - math.log(2.0), log_w, value, left=-np.inf, right=-np.inf)
    else:
        known = LOCAL[law](y, m, *numbers) - 0.5 * m * y
    return np.nan_to_num(known - 0.5 * x * np.exp(-y), nan=-np.inf)


def conditional(law: str, numbers: tuple[float, ...], x: float, m: int) -> tuple[Array, Array]:
    """log t on a grid that holds all but e^−45, and its distribution function there."""
    low, high = -600.0, 600.0
    for _ in range(4):
        y = np.linspace(low, high, 6001)
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            value = log_conditional(law, numbers, x, m, y)
        kept = y[value > value.max() - 45.0]
        low, high = kept[0] - (y[1] - y[0]), kept[-1] + (y[1] - y[0])
    weight = np.exp(value - value.max())
    cumulative = np.concatenate([[0.0], np.cumsum(0.5 * (weight[1:] + weight[:-1]))])
    return y, cumulative / cumulative[-1]


def distance(law: str, numbers: tuple[float, ...], x: float, m: int, wrong: float = 1.0) -> float:
    """p-value of 3000 draws under their conditional distribution, at x·wrong."""
    first, second = (*numbers, 0.0, 0.0)[:2]
    rng = np.random.default_rng(4)
    t = np.array([draw_local(LAWS[law], first, second, x, float(m), rng) for _ in range(3000)])
    y, cumulative = conditional(law, numbers, x * wrong, m)
    return float(stats.kstest(np.interp(np.log(t), y, cumulative), "uniform").pvalue)


@pytest.mark.parametrize("m", [1, 3])
@pytest.mark.parametrize("law", LOCALS, ids=str)
def test_local_variances_have_their_law(law: tuple[Any, ...], m: int) -> None:
    """Smallest of the p-values over x = ‖b/s‖², of eight: 1e-5 is a false alarm in 1e-4."""
    name, *numbers = law
    wide = [x for x in X2 if name != "stable" or x ** (0.5 * numbers[0]) < 2e3]
    assert min(distance(name, tuple(numbers), x, m) for x in wide) > 1e-5


@pytest.mark.parametrize("law", LOCALS, ids=str)
def test_a_local_law_at_another_length_is_caught(law: tuple[Any, ...]) -> None:
    """Negative control: u half as large again, where the data say something about t."""
    name, *numbers = law
    assert distance(name, tuple(numbers), 30.0, 3, wrong=2.25) < 1e-5


@pytest.mark.parametrize("law", LOCALS, ids=str)
@pytest.mark.parametrize("x", [0.0, 1e-320, 1e300, math.inf, math.nan], ids=str)
def test_local_variances_are_positive_and_finite(law: tuple[Any, ...], x: float) -> None:
    name, *numbers = law
    first, second = (*numbers, 0.0, 0.0)[:2]
    rng = np.random.default_rng(5)
    for m in (1.0, 2.0, 40.0):
        t = np.array([draw_local(LAWS[name], first, second, x, m, rng) for _ in range(20)])
        assert np.all((t > 0.0) & np.isfinite(t)), (x, m)


@pytest.mark.parametrize("q", [0.5, 1.0, 1.6])
def test_positive_stable_density_has_its_transform(q: float) -> None:
    """E e^(−xw) = e^(−x^(q/2)): the reference for the law of a bridge is what it says."""
    log_w, value = stable_density(q)
    for x in (0.3, 1.0, 7.0):
        body = np.exp(value - x * np.exp(log_w))
        assert np.trapezoid(body, log_w) == pytest.approx(math.exp(-(x ** (0.5 * q))), rel=1e-5)


def test_long_sums_of_stable_pieces_have_their_first_cumulants() -> None:
    """Beyond 1e4 pieces: mean, variance and third cumulant of w, a·x^(a−1) and so on."""
    a, rng = 0.8, np.random.default_rng(6)
    for x in (0.9 * 1e4 ** (1 / a), 1.1 * 1e4 ** (1 / a)):  # on either side
        w = np.array([0.5 / draw_local(LAWS["stable"], 1.6, 0.0, x, 1.0, rng) for _ in range(400)])
        mean, variance = a * x ** (a - 1.0), a * (1.0 - a) * x ** (a - 2.0)
        assert abs(w.mean() - mean) < 4.5 * math.sqrt(variance / len(w))
        assert abs(w.var() / variance - 1.0) < 4.5 * math.sqrt(2.0 / len(w))


# --- densities with local variances integrated out ---------------------------------------------

TABULATED = [br.Horseshoe(), br.HorseshoePlus(), br.NormalGamma(0.2), br.NormalGamma(1.7)]


@pytest.mark.parametrize("prior", TABULATED, ids=repr)
def test_tabulated_densities_are_those_of_the_priors(prior: Any) -> None:
    place, rows = tables.collapsed((block(prior, (1, 1)),))
    log_u = np.linspace(-50.0, 3.0 if prior.family == "normal_gamma" else 35.0, 997)
    found = [interpolate(rows[place[0]], TABLE_LOW, TABLE_STEP, u) for u in log_u]
    expected = prior.log_density(np.exp(log_u), 1.0)
    assert np.ptp(found - expected) < 1e-6


@pytest.mark.parametrize("m", [2, 3, 7])
@pytest.mark.parametrize("prior", TABULATED, ids=repr)
def test_tabulated_densities_of_groups_are_their_integrals(prior: Any, m: int) -> None:
    place, rows = tables.collapsed((block(prior, (1, m)),))
    y = np.linspace(-250.0, 250.0, 40_001)
    log_p = LOCAL[prior.mixing.law](y, m, *prior.mixing.parameters) - 0.5 * m * y
    log_u = np.linspace(-40.0, 4.0, 23)
    found = [interpolate(rows[place[1]], TABLE_LOW, TABLE_STEP, u) for u in log_u]
    expected = []
    for u in log_u:
        with np.errstate(over="ignore"):
            body = log_p - 0.5 * np.exp(2.0 * u - y)
        expected.append(body.max() + math.log(np.exp(body - body.max()).sum()))
    assert np.ptp(np.array(found) - expected) < 1e-6
    assert place[0] != place[1]


COLLAPSED = [
    br.Normal(),
    br.Laplace(),
    br.ElasticNet(mix=0.4),
    br.StudentT(3.0),
    br.Cauchy(),
    br.Bridge(0.5),
    br.Bridge(1.6),
    *TABULATED,
]


class Step:
    """The update of a block's scale and local variances given b, as the sampler calls it."""

    def __init__(self, prior: Any, sizes: tuple[int, ...], shift: float = 0.0) -> None:
        blocks, self.groups, self.tables = mixture._records((block(prior, sizes),))
        self.one, self.shift, self.law = blocks[0], shift, prior.mixing.law

    def __call__(self, squares: Array, rng: np.random.Generator) -> float:
        one, copy = self.one, squares.copy()
        if self.law in {"slab", "dirichlet"}:
            draw_coupled(one, self.groups, copy, self.shift, rng)
        else:
            _scale_and_locals(one, self.groups, self.tables, copy, self.shift, np.empty(1), rng)
        return float(one["log_scale"])


@pytest.mark.parametrize("prior", COLLAPSED, ids=repr)
def test_scale_given_coefficients_is_drawn_with_local_variances_out(prior: Any) -> None:
    """Against p(s)·Πp(b_j | s) on a grid; scale in units of σ, log σ = 0.3."""
    prior = dataclasses.replace(prior, scale=br.HalfNormal(1.3), unit="sigma")
    b, shift = np.array([0.02, -0.6, 1.1]), 0.3
    rng, step, x = np.random.default_rng(6), Step(prior, (1, 1, 1), shift), np.empty((1, 6000))
    for i in range(x.shape[1]):
        x[0, i] = step(np.square(b), rng)
    grid = np.linspace(-9.0, 3.0, 4001)
    log_p = prior.log_density(b, np.exp(grid + shift)[:, None]).sum(1)
    log_p += br.HalfNormal(1.3).log_density(np.exp(grid)) + grid
    for q in (0.05, 0.25, 0.5, 0.75, 0.95):
        assert abs(z_mean((x < quantile(grid, log_p, q)).astype(float), q)) < 4.5
    # Negative control: a fifth more.
    off = quantile(grid, log_p, 0.5) + 0.2
    assert abs(z_mean((x < off).astype(float), 0.5)) > 4.5


@pytest.mark.parametrize("prior", [br.Laplace(), br.StudentT(3.0), br.Horseshoe(), br.Bridge(0.7)])
def test_local_variances_are_drawn_at_the_new_scale(prior: Any) -> None:
    """With b from its prior, (s, t) of a group of 3 and of one keep their prior: a Gibbs cycle."""
    prior = dataclasses.replace(prior, scale=br.HalfNormal(1.3), unit="y")
    step, rng, sizes = Step(prior, (3, 1)), np.random.default_rng(7), np.array([3.0, 1.0])
    kept = np.empty((8000, 3))
    for i in range(len(kept)):
        s, t = math.exp(step.one["log_scale"]), step.groups["t"]
        squares = s * s * t * rng.chisquare(sizes)
        kept[i] = step(squares, rng), *np.log(step.groups["t"])
    scale = br.HalfNormal(1.3).sample(rng, 100_000)
    sds = prior.sample_sds(rng, scale, sizes.astype(np.intp)) / scale[:, None]
    truth = np.column_stack([np.log(scale), 2.0 * np.log(sds)])
    for found, expected in zip(kept.T, truth.T, strict=True):
        for q in (0.1, 0.5, 0.9):
            inside = (found < np.quantile(expected, q)).astype(float)[None]
            assert abs(z_mean(inside, q)) < 4.5
    off = (kept[:, 2] + 0.5 < np.quantile(truth[:, 2], 0.5)).astype(float)[None]
    assert abs(z_mean(off, 0.5)) > 4.5


# --- coupled local variances, and the scan -----------------------------------------------------


@pytest.mark.parametrize(
    "prior",
    [br.RegularizedHorseshoe(0.6, slab_scale=1.4, slab_df=5.0, unit="y"), br.R2D2(0.4, 5.0, 0.8)],
    ids=["slab", "shares"],
)
@pytest.mark.parametrize("sizes", [(1, 1), (3, 1, 1)], ids=str)
def test_coupled_local_variances_keep_their_prior(prior: Any, sizes: tuple[int, ...]) -> None:
    """b drawn anew from its prior at the present state in every cycle: sds of groups, and s."""
    step, rng, m = Step(prior, sizes, 0.3), np.random.default_rng(8), np.array(sizes)
    unit, kept = math.exp(step.shift), []
    for _ in range(12_000):
        s2 = math.exp(2.0 * step.one["log_scale"])
        variance = s2 * step.groups["t"]
        if step.law == "slab":
            variance = variance / (1.0 + variance * math.exp(-step.one["log_slab"]))
        kept.append([*(0.5 * np.log(variance)), step.one["log_scale"]])
        step(unit**2 * variance * rng.chisquare(m), rng)
    found = np.array(kept).T[:, None, :]
    fixed = step.one["unknown"] < 0
    scale = np.full(100_000, prior.scale) if fixed else prior.hyper.sample(rng, 100_000)
    truth = np.column_stack([np.log(prior.sample_sds(rng, scale, m)), np.log(scale)]).T
    rows = range(len(sizes) if fixed else len(sizes) + 1)
    for k in rows:
        for q in (0.1, 0.5, 0.9):
            inside = (found[k] < np.quantile(truth[k], q)).astype(float)
            assert abs(z_mean(inside, q)) < 4.5, (k, q)
    off = (found[0] + 0.5 < np.quantile(truth[0], 0.5)).astype(float)
    assert abs(z_mean(off, 0.5)) > 4.5


def test_shares_of_two_groups_are_those_of_quadrature() -> None:
    """P(φ | b, s) over φ in (0, 1), by the marginal density of b as its constant."""
    prior, b = br.R2D2(0.4, 5.0, 0.5), np.array([1.1, 0.2])
    step, rng, kept = Step(prior, (1, 1)), np.random.default_rng(9), np.empty((1, 20_000))
    step.one["unknown"] = -1
    step.one["log_scale"] = math.log(0.9)
    for i in range(kept.shape[1]):
        step(np.square(b), rng)
        kept[0, i] = math.log(step.groups["t"][0] / step.groups["t"][1])
    w = np.linspace(-40.0, 40.0, 8001)  # log odds of the first share
    first, second = -np.logaddexp(0.0, -w), -np.logaddexp(0.0, w)
    log_p = 0.5 * first + 0.5 * second - 0.5 * (first + second)  # Dirichlet(½, ½), and 1/√φ
    log_p -= 0.5 * (b[0] ** 2 * np.exp(-first) + b[1] ** 2 * np.exp(-second)) / 0.9**2
    for q in (0.05, 0.5, 0.95):
        assert abs(z_mean((kept < quantile(w, log_p, q)).astype(float), q)) < 4.5
    assert abs(z_mean((kept < quantile(w, log_p, 0.5) + 0.3).astype(float), 0.5)) > 4.5
    assert np.isfinite(log_beta_mixture(np.array([1.0]), 0.5, 0.5)).all()


def scanned(x: Array, y: Array, s: float, sigma: float, narrow: bool, count: int) -> Array:
    """b (count, p) and log t of repeated scans at a known scale in units of σ."""
    p = x.shape[1]
    relative = np.linspace(1.0, 1.5, p)
    blocks, groups, _ = mixture._records((block(br.Horseshoe(s), (1,) * p),))
    blocks["absolute"] = 0
    gram, xy = (x.T @ x, x.T @ y) if narrow else (np.empty((0, 0)), np.empty(0))
    data = (turned(x), y, gram, xy, np.einsum("ij,ij->j", x, x))
    b, rest, kept = np.zeros(p), np.empty(p if narrow else len(y)), np.empty((count, 2 * p))
    rng = np.random.default_rng(10)
    for i in range(count):
        scan(data, relative, b, rest, blocks, groups, math.log(sigma), rng)
        kept[i] = *b, *np.log(groups["t"])
    return kept


@SPACES
def test_scan_leaves_the_posterior_invariant(narrow: bool) -> None:
    """Two columns of which a row knows the sum: b on a grid of ±log |b|."""
    x, y, s, sigma = np.array([[1.6, 1.0], [0.3, -0.5]]), np.array([2.0, 0.4]), 0.7, 0.8
    kept = scanned(x, y, s, sigma, narrow, 20_000)[None]
    size = np.linspace(-32.0, 3.0, 500)
    b = np.concatenate([-np.exp(size), np.exp(size)])
    one, two = np.meshgrid(b, b, indexing="ij")
    fit = (y[0] - x[0, 0] * one - x[0, 1] * two) ** 2 + (y[1] - x[1, 0] * one - x[1, 1] * two) ** 2
    log_p = -0.5 * fit / sigma**2 + np.log(np.abs(one)) + np.log(np.abs(two))
    for j, relative in enumerate((1.0, 1.5)):
        log_p += br.Horseshoe(s * sigma * relative).log_density((one, two)[j], s * sigma * relative)
    weight = np.exp(log_p - log_p.max())
    for j in range(2):
        marginal = weight.sum(1 - j) / weight.sum()
        mean = marginal @ b
        assert abs(z_mean(kept[..., j], mean)) < 4.5
        assert abs(z_mean((kept[..., j] - mean) ** 2, marginal @ (b - mean) ** 2)) < 4.5
        # log t | b integrates to E(log t), by the conditional of a Horseshoe's local variance.
        assert abs(z_mean(kept[..., j], mean + 0.1)) > 4.5


@SPACES
@pytest.mark.parametrize("s", [1e-150, 1e-8, 1e12, 1e140], ids=str)
def test_scan_survives_any_scale(s: float, narrow: bool) -> None:
    x, y = np.array([[1.6, 1.0], [0.3, 0.0]]), np.array([2.0, 0.4])
    assert np.isfinite(scanned(x, y, s, 0.8, narrow, 200)).all()


def test_others_compile_functions_that_have_no_module() -> None:
    """What hears of every compilation of the process disturbs none: PyTensor's have no module."""
    import numba

    made: dict[str, Any] = {"__name__": None}
    exec("def double(x):\n    return 2 * x\n", made)
    assert made["double"].__module__ is None
    assert numba.njit(made["double"])(3) == 6
