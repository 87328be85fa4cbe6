"""Laws of engine gibbs as a whole: its draws are those of the posterior, for every prior."""

from __future__ import annotations

import dataclasses
import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline, RectBivariateSpline

import bayesreg as br
from bayesreg.engines import base, gibbs, mixture
from bayesreg.gaussian import direct, exact
from tests import reference_gibbs
from tests.cases import CASES, Case, others
from tests.test_engines import NO_DATA, condition, ess, small, z_mean
from tests.test_gaussian_engines import HALF, HYPER

Array = NDArray[np.float64]

H = br.HalfNormal(1.0)
FAMILIES: dict[str, Any] = {
    "normal": br.Normal(H),
    "laplace": br.Laplace(H),
    "elastic net": br.ElasticNet(H, mix=0.4),
    "student": br.StudentT(3.0, H),
    "cauchy": br.Cauchy(H),
    "bridge": br.Bridge(0.6, H),
    "bridge, q above 1": br.Bridge(1.5, H),
    "horseshoe": br.Horseshoe(H),
    "horseshoe plus": br.HorseshoePlus(H),
    "slab": br.RegularizedHorseshoe(H, slab_scale=1.5, slab_df=5.0),
    "gamma": br.NormalGamma(0.3, H),
    "gamma, shape above 1": br.NormalGamma(1.8, H),
    "r2d2": br.R2D2(0.4, 5.0),
}
FAMILIES |= {prior.family: prior for prior in others(FAMILIES.values(), scale=H, unit=None)}


def compiled(problem: br.Problem, **how: Any) -> base.Draws:
    """Draws of the compiled form; the one in NumPy is compared with it in `test_strands`."""
    return base.run(gibbs, problem, compiled=True, **how)


def change(name: str, **changes: Any) -> Any:
    """The prior of this family with other fields; R2D2 has neither scale nor unit."""
    prior = FAMILIES[name]
    if name == "r2d2":
        changes = {k: v for k, v in changes.items() if k not in {"scale", "unit"}}
    return dataclasses.replace(prior, **changes)


# --- no data ----------------------------------------------------------------------------------


SHARED = {n for n in FAMILIES if "groups" in {f.name for f in dataclasses.fields(FAMILIES[n])}}
BARE = [
    pytest.param(name, unit, groups, id=f"{name}-{unit}-{'grouped' if groups else 'alone'}")
    for name in FAMILIES
    for unit in (["sigma"] if name == "r2d2" else ["sigma", "y"])
    for groups in ([None, [["c0", "c1"]]] if name in SHARED else [None])
]


@pytest.mark.parametrize("name, unit, groups", BARE)
def test_without_data_gibbs_returns_the_prior(name: str, unit: str, groups: Any) -> None:
    prior = change(name, unit=unit, **({"groups": groups} if name in SHARED else {}))
    sigma, rng, size = br.HalfNormal(2.0), np.random.default_rng(1), 40_000
    problem = condition(prior, NO_DATA, sigma)
    run = compiled(problem, draws=1500, chains=2, tune=50, seed=5)
    block = problem.blocks[0]
    sigmas, scales = sigma.sample(rng, size), block.hyper.sample(rng, size)
    sds = block.prior.sample_sds(rng, scales, block.sizes)[:, block.group] * block.relative
    b = sds * rng.standard_normal(sds.shape)
    if block.prior.unit == "sigma":
        b = b * sigmas[:, None]
    truth = {
        "sigma": (run.sigma, sigmas),
        "scale": (run.scale[..., 0], scales),
        "b": (run.beta[..., 0], b[:, 0]),
        "product": (np.log(np.abs(run.beta).prod(-1)), np.log(np.abs(b).prod(-1))),
    }
    worst, control = 0.0, 0.0
    for draws, reference in truth.values():
        for q in (0.1, 0.25, 0.5, 0.75, 0.9):
            at = np.quantile(reference, q)
            worst = max(worst, abs(z_mean((draws < at).astype(float), q)))
            control = max(control, abs(z_mean((draws * 1.3 < at).astype(float), q)))
    assert worst < 4.7  # twenty quantiles for fifty problems
    assert control > 4.7


# --- one column: quadrature over b, σ and the scale --------------------------------------------


@dataclasses.dataclass(frozen=True)
class Setting:
    """What is known of σ and the scale, in which unit, and on how many rows."""

    unit: str = "sigma"
    sigma: Any = None
    scale: Any = H
    n: int = 12
    scans: bool = False


SETTINGS = {
    "σ unknown": Setting(),
    "unit y": Setting(unit="y"),
    "σ known": Setting(unit="y", sigma=0.9),
    "σ known, few rows": Setting(sigma=0.9, n=3),
    "σ half-normal": Setting(sigma=br.HalfNormal(1.5)),
    "σ half-normal, few rows": Setting(sigma=br.HalfNormal(1.5), n=3),
    "σ inverse gamma, unit y, few rows": Setting("y", br.InverseGammaSquared(3.0, 2.0), n=3),
    "scale known": Setting(scale=0.5, sigma=br.Exponential(0.8)),
    "scans": Setting(scans=True),
}
SLOW = {"σ known", "σ half-normal", "scale known"}  # each a simpler case of another
ROWS = [
    (setting, name)
    for setting in SETTINGS
    for name in (FAMILIES if setting != "scans" else ["horseshoe"])
    if name != "r2d2" or (setting.startswith("σ") and "unit" not in setting)
]
PAIRS = [
    pytest.param(*row, id="-".join(row), marks=[pytest.mark.slow] * (row[0] in SLOW))
    for row in ROWS
]


def single(setting: str, name: str, relative: float = 1.3) -> br.Problem:
    """The problem of one column."""
    made = SETTINGS[setting]
    prior = change(name, unit=made.unit, scale=made.scale, relative=[relative])
    return condition(prior, small(21, n=made.n, p=1), made.sigma)


# Even and, for log |u| and log σ, of equal steps, so that log |b| = log |u| + log σ stays on it.
STEP = 0.025
LOG_U, LOG_SIGMA = np.arange(-42.0, 5.0, STEP), np.arange(-5.0, 3.0, STEP)
LOG_S = np.linspace(-16.0, 6.0, 401)


@cache
def densities(prior: Any, log_s: tuple[float, ...]) -> Array:
    """log p(u | s) over LOG_U by log s; that of a slab, which is dear, by a bicubic spline."""
    few = prior.family == "regularized_horseshoe" and len(log_s) > 1
    at, by = (LOG_U[::10], LOG_S[::8]) if few else (LOG_U, np.array(log_s))
    found = np.asarray(prior.log_density(np.exp(at)[:, None], np.exp(by)))
    return RectBivariateSpline(at, by, found)(LOG_U, log_s) if few else found


def quadrature(problem: br.Problem) -> dict[str, tuple[Array, Array]]:
    """Even logarithms and weights of |b| by its sign, σ and scale: sums that are exact for them."""
    block, prior = problem.blocks[0], problem.blocks[0].prior
    log_sigma = LOG_SIGMA if problem.sigma is None else np.log([problem.sigma])
    log_s = LOG_S if block.scale is None else np.log([block.scale])
    plain = dataclasses.replace(prior, relative=None, scale=None if block.scale is None else 1.0)
    log_prior = densities(plain, tuple(log_s)) + LOG_U[:, None]
    if block.hyper is not None:
        log_prior = log_prior + block.hyper.log_density(np.exp(log_s)) + log_s
    p = np.exp(log_prior - log_prior.max())
    unit = log_sigma if prior.unit == "sigma" else np.zeros(len(log_sigma))
    log_b = LOG_U[:, None] + unit + math.log(block.relative[0])
    sizes = np.stack([-np.exp(log_b), np.exp(log_b)])  # (sign, u, σ)
    rest = problem.yy - 2.0 * problem.xy[0] * sizes + problem.gram[0, 0] * sizes**2
    log_fit = -problem.nu * log_sigma - 0.5 * rest * np.exp(-2.0 * log_sigma)
    if problem.sigma_prior is not None:
        log_fit = log_fit + problem.sigma_prior.log_density(np.exp(log_sigma)) + log_sigma
    f = np.exp(log_fit - log_fit.max())
    place = np.rint((log_b - log_b[0, 0]) / STEP).astype(int)
    weight = [np.bincount(place.ravel(), (one * p.sum(1)[:, None]).ravel()) for one in f]
    line = log_b[0, 0] + STEP * np.arange(len(weight[0]))
    found = {"b": (line, np.stack(weight))}
    if len(log_sigma) > 1:
        found["log σ"] = log_sigma, p.sum(1) @ f.sum(0)
    if len(log_s) > 1:
        found["log scale"] = log_s, f.sum((0, 2)) @ p
    return found


def distribution(line: Array, weights: Array) -> tuple[Array, Array]:
    """Points between those of a line, and the distribution function there by a cubic spline."""
    fine = np.linspace(line[0], line[-1], 20 * len(line))
    density = np.maximum(CubicSpline(line, weights)(fine), 0.0)
    cumulative = np.cumsum(density) - 0.5 * density
    return fine, cumulative / density.sum()


def scores(draws: Array, line: Array, weights: Array) -> list[float]:
    """z of mean, variance and 5/50/95 % against a density on an even line, of log |b| by sign."""
    if weights.ndim == 2:
        values = np.concatenate([-np.exp(line[::-1]), np.exp(line)])
        flat = np.concatenate([weights[0, ::-1], weights[1]])
        share = weights[0].sum() / weights.sum()
        (x, negative), (_, positive) = (distribution(line, w) for w in weights)
        at = np.concatenate([-np.exp(x[::-1]), np.exp(x)])
        below = np.concatenate([share * (1 - negative[::-1]), share + (1 - share) * positive])
    else:
        values, flat = line, weights
        at, below = distribution(line, weights)
    flat = flat / flat.sum()
    mean = float(flat @ values)
    z = [z_mean(draws, mean), z_mean((draws - mean) ** 2, float(flat @ (values - mean) ** 2))]
    limits = {q: np.interp(q, below, at) for q in (0.05, 0.5, 0.95)}
    return z + [z_mean((draws < limit).astype(float), q) for q, limit in limits.items()]


@contextmanager
def scans_from(columns: int) -> Iterator[None]:
    """Scan half-Cauchy local scales where there are so many columns."""
    kept = mixture._MANY
    try:
        mixture._MANY = columns
        yield
    finally:
        mixture._MANY = kept


@cache
def drawn(setting: str, name: str) -> dict[str, Array]:
    """The engine's draws of what is unknown, with a seed for each."""
    problem, seed = single(setting, name), zlib.crc32(f"{setting}, {name}".encode())
    with scans_from(1 if SETTINGS[setting].scans else mixture._MANY):
        run = compiled(problem, draws=4000, chains=4, tune=200, seed=seed)
    out = {"b": run.beta[..., 0]}
    if problem.unknown_sigma:
        out["log σ"] = np.log(run.sigma)
    if problem.unknown_scales:
        out["log scale"] = np.log(run.scale[..., 0])
    return out


@cache
def all_scores(setting: str, name: str, relative: float = 1.3) -> Array:
    """z of everything unknown, against a prior whose scale may be off."""
    found = quadrature(single(setting, name, relative))
    draws = drawn(setting, name)
    assert set(found) == set(draws)
    return np.array([z for key in found for z in scores(draws[key], *found[key])])


@pytest.mark.parametrize("setting, name", PAIRS)
def test_one_column_is_quadrature(setting: str, name: str) -> None:
    assert np.max(np.abs(all_scores(setting, name))) < 5.0


@pytest.mark.slow
@pytest.mark.parametrize("slow", [False, True])
def test_mean_z2_of_one_column_is_one_and_a_tenth_is_caught(slow: bool) -> None:
    some = [row for row in ROWS if (row[0] in SLOW) == slow]
    z2 = {row: np.square(all_scores(*row)).mean() for row in some}
    assert 0.7 < np.mean(list(z2.values())) < 1.35
    # Thirteen priors in one setting: a mean of 1 with sd 0.2.
    for setting in {row[0] for row in some} - {"scans"}:
        assert 0.3 < np.mean([z2[row] for row in some if row[0] == setting]) < 1.7, setting
    # Negative control: a prior whose scale is off by a tenth.
    off = [all_scores(*row, relative=1.43) for row in some[::4]]
    assert np.mean([np.square(z).mean() for z in off]) > 1.35
    assert np.mean([np.abs(z).max() > 5.0 for z in off]) > 0.4


# --- several columns: the clear reference --------------------------------------------------------


def rows(n: int, p: int, **more: Any) -> Case:
    """Correlated columns with offsets and unequal sds, two of which matter."""
    rng = np.random.default_rng([n, p])
    X = rng.standard_normal((n, p)) * np.linspace(0.7, 1.6, p) + 0.5 * rng.standard_normal((n, 1))
    beta = np.concatenate([[1.0, -0.6], np.zeros(p - 2)])
    return Case(f"{n} x {p}", X + 1.0, 2.0 + X @ beta + 0.9 * rng.standard_normal(n), **more)


TALL, WIDE = rows(18, 4), rows(5, 7)
WEIGHTED = rows(16, 3, weights=np.arange(16) % 3 + 0.5, standardize=True)
PAIR = [["c0", "c1"]]
SIGMA = br.HalfNormal(1.5)
MIXED = {
    "c0": br.Horseshoe(H, unit="y"),
    "c1": br.Laplace(H),
    "c2": br.StudentT(4.0, 0.6),
    ...: br.NormalGamma(0.5, H, unit="y"),
}
COUPLED = {"c0": br.Normal(H), "c3": br.Bridge(0.7, H), ...: br.R2D2()}

# Prior, σ, data: three of them in every run of the tests, all of them among the slow ones.
QUICK: dict[str, tuple[Any, Any, Case]] = {
    "slab, wide": (br.RegularizedHorseshoe(H), SIGMA, WIDE),
    "r2d2, a group": (br.R2D2(groups=PAIR), None, TALL),
    "four blocks": (MIXED, SIGMA, rows(18, 5)),
}
TABLE: dict[str, tuple[Any, Any, Case]] = QUICK | {
    "laplace": (br.Laplace(H), None, TALL),
    "laplace, unit y, wide": (br.Laplace(H, unit="y"), SIGMA, WIDE),
    "laplace, weights, a group": (br.Laplace(H, groups=PAIR), None, WEIGHTED),
    "elastic net, factors": (
        br.ElasticNet(H, mix=0.4, relative=[0.5, 1.0, 2.0, 1.0]),
        0.8,
        TALL,
    ),
    "student, unit y": (br.StudentT(3.0, H, unit="y"), None, TALL),
    "student, wide, a group": (br.StudentT(5.0, H, groups=PAIR), SIGMA, WIDE),
    "cauchy": (br.Cauchy(H), br.InverseGammaSquared(3.0, 2.0), TALL),
    "bridge, wide": (br.Bridge(0.5, H), SIGMA, WIDE),
    "bridge, a group": (br.Bridge(1.5, H, unit="y", groups=PAIR), 0.8, TALL),
    "horseshoe, weights": (br.Horseshoe(H), None, WEIGHTED),
    "horseshoe, wide, unit y": (br.Horseshoe(H, unit="y"), SIGMA, WIDE),
    "horseshoe, a group": (br.Horseshoe(H, groups=PAIR), 0.8, TALL),
    "horseshoe, many columns": (br.Horseshoe(H), None, rows(50, 33)),
    "horseshoe, more columns than rows": (br.Horseshoe(0.3), 0.8, rows(20, 33)),
    "horseshoe plus": (br.HorseshoePlus(H), None, TALL),
    "horseshoe plus, wide, a group": (br.HorseshoePlus(H, groups=PAIR), SIGMA, WIDE),
    "slab, unit y": (br.RegularizedHorseshoe(H, unit="y"), None, TALL),
    "slab, a group": (
        br.RegularizedHorseshoe(0.4, 0.8, 3.0, unit="sigma", groups=PAIR),
        None,
        WEIGHTED,
    ),
    "gamma, unit y, wide": (br.NormalGamma(0.3, H, unit="y"), SIGMA, WIDE),
    "gamma, a group": (br.NormalGamma(0.8, H, groups=PAIR), None, TALL),
    "r2d2, wide": (br.R2D2(), SIGMA, WIDE),
    "r2d2 with others": (COUPLED, None, rows(18, 6)),
    "two slabs": (
        {"c0": br.RegularizedHorseshoe(H), ...: br.RegularizedHorseshoe(H, 1.0, 6.0)},
        None,
        TALL,
    ),
}


def compared(
    name: str, chains: int, draws: int, kept: Any = None, seed: int = 1
) -> tuple[Array, Array]:
    """z of mean, sd and 5/50/95 % of β, β₀, log σ and log scale; and the engine's draws."""
    prior, sigma, case = TABLE[name]
    problem = condition(prior, case, sigma)
    known = reference_gibbs.chain(
        problem if kept is None else condition(kept, case, sigma),
        case,
        chains=chains,
        tune=150,
        draws=draws,
        seed=seed,
    )
    with scans_from(30):
        run = compiled(problem, draws=10_000, chains=4, tune=300, seed=seed)
    found = [run.beta, run.intercept[..., None], np.log(run.sigma)[..., None], np.log(run.scale)]
    one, two = np.concatenate(found, -1), np.concatenate(list(known.values()), -1)
    assert one.shape[-1] == two.shape[-1]
    unknown = np.ptp(one, axis=(0, 1)) > 0.0
    return np.array([differences(one[..., j], two[..., j]) for j in np.flatnonzero(unknown)])


def differences(one: Array, two: Array) -> list[float]:
    """z of five statistics; the reference's error is that of its chains' means."""
    both = np.concatenate([one.ravel(), two.ravel()])
    centre = both.mean()
    out = [difference(one, two), difference(np.square(one - centre), np.square(two - centre))]
    at = np.quantile(both, [0.05, 0.5, 0.95])
    return out + [difference((one < q).astype(float), (two < q).astype(float)) for q in at]


def difference(u: Array, v: Array) -> float:
    """z of the means of an engine's run and of a set of independent chains."""
    error = math.hypot(u.std() / math.sqrt(ess(u)), v.mean(1).std(ddof=1) / math.sqrt(len(v)))
    return float((u.mean() - v.mean()) / error)


@pytest.mark.parametrize("name", QUICK)
def test_several_columns_are_the_reference(name: str) -> None:
    assert np.max(np.abs(compared(name, chains=40, draws=100))) < 5.0


@pytest.mark.slow
def test_every_prior_is_the_reference() -> None:
    found = {name: compared(name, chains=64, draws=400, seed=3) for name in TABLE}
    worst = {name: float(np.max(np.abs(z))) for name, z in found.items()}
    assert max(worst.values()) < 5.0, worst
    assert 0.7 < np.mean([np.square(z).mean() for z in found.values()]) < 1.35


@pytest.mark.slow
def test_a_reference_whose_scale_is_off_by_a_tenth_is_another() -> None:
    off = br.Laplace(H, relative=[1.1] * 4)
    assert np.max(np.abs(compared("laplace", chains=128, draws=800, kept=off))) > 5.0


# --- against the other engines -----------------------------------------------------------------


@pytest.mark.parametrize("name", HYPER)
def test_gibbs_is_direct_for_normal_priors(name: str) -> None:
    prior, sigma = HYPER[name]
    problem = condition({"c0": br.Flat(), ...: prior}, small(10, n=18, p=4), sigma)
    found = direct.moments(problem)
    run = compiled(problem, draws=1500, chains=2, tune=100, seed=7)
    pairs = [(run.beta[..., j], found.mean[j], found.sd[j]) for j in range(4)]
    if problem.unknown_sigma:
        pairs.append((np.log(run.sigma), *found.log_sigma))
    if problem.unknown_scales:
        pairs.append((np.log(run.scale[..., 0]), *found.log_scale))
    z = [z_mean(x, mean) for x, mean, _ in pairs]
    z += [z_mean((x - mean) ** 2, sd**2) for x, mean, sd in pairs]
    assert np.max(np.abs(z)) < 4.7


def test_gibbs_where_columns_outnumber_rows() -> None:
    problem = condition(br.Normal(HALF), CASES[3], br.HalfNormal(3.0))
    assert problem.p > problem.nu
    found = direct.moments(problem)
    run = compiled(problem, draws=2000, chains=2, tune=150, seed=8)
    z = [z_mean(run.beta[..., j], found.mean[j]) for j in range(0, 40, 4)]
    z += [z_mean(np.log(run.sigma), found.log_sigma[0])]
    z += [z_mean(np.log(run.scale[..., 0]), found.log_scale[0])]
    assert np.max(np.abs(z)) < 4.5


def one_dimension(prior: Any, g: float, c: float, s: float, sigma: float) -> tuple[float, float]:
    """Mean and sd of b under exp(−(gb² − 2cb)/2σ²)·p(b | s), on a fine grid of ±log |b|."""
    log_b = np.linspace(-80.0, math.log(abs(c) / g + 12 * sigma / math.sqrt(g)), 40_001)
    b = np.concatenate([-np.exp(log_b), np.exp(log_b)])
    log_p = -0.5 * g * (b - c / g) ** 2 / sigma**2 + prior.log_density(b, s)
    w = np.exp(log_p - log_p.max()) * np.abs(b)
    w /= w.sum()
    mean = float(w @ b)
    return mean, float(np.sqrt(w @ (b - mean) ** 2))


def test_flat_and_located_columns_beside_others() -> None:
    rng = np.random.default_rng(13)
    x = np.linalg.qr(np.column_stack([np.ones(40), rng.standard_normal((40, 3))]))[0][:, 1:] * 6
    y = x @ [0.8, -0.5, 0.3] + rng.standard_normal(40)
    laplace, horseshoe = br.Laplace(0.5, 0.2, unit="sigma"), br.Horseshoe(0.4, -0.3)
    mapping = {"c0": laplace, "c2": br.Flat(), ...: horseshoe}
    problem = condition(mapping, Case("orthogonal", x, y), 1.1)
    run = compiled(problem, draws=1500, chains=2, tune=50, seed=9)
    for j, prior, s in [(0, laplace, 0.55), (1, horseshoe, 0.4)]:
        away = dataclasses.replace(prior, loc=0.0)
        c = problem.xy[j]  # of y less the fit at loc
        mean, _ = one_dimension(away, problem.gram[j, j], c, s, 1.1)
        assert abs(z_mean(run.beta[..., j] - prior.loc, mean)) < 4.5
        assert abs(z_mean(run.beta[..., j], mean)) > 4.5
    flat = (x[:, 2] - x[:, 2].mean()) @ y / np.sum((x[:, 2] - x[:, 2].mean()) ** 2)
    assert abs(z_mean(run.beta[..., 2], flat)) < 4.5


# --- units and extremes ------------------------------------------------------------------------


@pytest.mark.parametrize("name", FAMILIES)
def test_gibbs_changes_unit_with_y(name: str) -> None:
    case = small(14, n=30)
    problem = condition(FAMILIES[name], case)
    run = compiled(problem, draws=50, chains=1, seed=1)
    other = Case("thousandfold", case.X, case.y * 1024.0)
    scaled = compiled(condition(FAMILIES[name], other), draws=50, chains=1, seed=1)
    assert np.allclose(scaled.beta, 1024.0 * run.beta, rtol=1e-6)
    assert np.allclose(scaled.scale, run.scale, rtol=1e-6)


@pytest.mark.parametrize("size", [1e-200, 1e-140, 1e140, 1e300], ids=str)
@pytest.mark.parametrize("name", [n for n in FAMILIES if n != "r2d2"])
def test_gibbs_at_scales_without_end(name: str, size: float) -> None:
    """The prior's own scale decides, or least squares; a slab decides for itself."""
    case, prior = small(1), change(name, scale=size, unit="y")
    if name == "slab":
        prior = dataclasses.replace(prior, slab_scale=max(size, 1e6) if size > 1 else 1.0)
    run = compiled(condition(prior, case), draws=200, chains=2, seed=1)
    least = exact.posterior(condition(br.Flat(), case))
    expected = np.zeros(3) if size < 1 else least.mean
    error = run.beta.std((0, 1)) * np.sqrt(2 / 400) + 1e-60
    assert np.all(np.isfinite(run.beta))
    assert np.all(np.abs(run.beta.mean((0, 1)) - expected) < 6 * error)


@pytest.mark.parametrize("name", FAMILIES)
def test_gibbs_on_every_case(name: str) -> None:
    for case in CASES:
        run = compiled(
            condition(FAMILIES[name], case, br.HalfNormal(5.0)),
            draws=20,
            chains=1,
            tune=5,
            seed=1,
        )
        assert np.all(np.isfinite(run.beta)), case.name
        assert np.all(np.isfinite(run.scale)), case.name
        assert np.all(run.sigma > 0), case.name
        assert run.kappa is not None
        assert np.all((run.kappa >= 0) & (run.kappa <= 1)), case.name
