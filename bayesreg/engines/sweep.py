r"""The steps of one iteration of the blocked Gibbs sampler; see :mod:`bayesreg.engines.gibbs`."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from bayesreg.engines.conditional import Conditional, Data
from bayesreg.engines.quadrature import integrate
from bayesreg.engines.slice import slice_sample
from bayesreg.priors import HyperPrior, ScaleMixture

Array = NDArray[np.float64]

_WIDTH = 2.5  # of a slice on a log scale: 2–3 with shrinkage only
_BOUND = 300.0  # |log scale| beyond which nothing is looked for


@dataclass(frozen=True, eq=False)
class Part:
    """A block as the sampler uses it; `index` is its place among the unknown scales."""

    prior: ScaleMixture
    columns: slice | NDArray[np.intp]
    relative: Array
    absolute: bool
    log_scale: float
    hyper: HyperPrior | None
    index: int


@dataclass(frozen=True, eq=False)
class Setup:
    """What every iteration needs."""

    data: Data
    blocks: tuple[Part, ...]
    unknown: tuple[Part, ...]
    nu: float
    sigma: float | None
    sigma_prior: HyperPrior | None
    conjugate: tuple[float, float] | None  # (a, b) where σ² integrates out with b
    crowded: bool  # p ≥ ν/2: scales are drawn with b integrated out
    integrated: Callable[[float], float] | None  # log ∫ σ^(−ν) e^(−S/2σ²) p(σ) dσ of S
    absolute: bool  # some block's scale is in the unit of y
    start: tuple[float, float]  # type-II log scale ÷ σ, and log σ
    information: Array  # G_jj


@dataclass(frozen=True, eq=False)
class State:
    """Where a chain is; b and log_scale of unknown blocks, t the local variances."""

    b: Array
    log_sigma: float
    log_scale: Array
    t: Array


def iterate(setup: Setup, state: State, rng: np.random.Generator) -> State:
    """One iteration; see the module."""
    log_scale, t, log_sigma = state.log_scale, state.t, state.log_sigma
    if setup.crowded:
        for block in setup.unknown:
            log_scale = _block_scale(setup, block, log_scale, t, log_sigma, rng)
    log_sigma, conditional = _draw_sigma(setup, log_scale, t, log_sigma, rng)
    b = conditional.draw(math.exp(log_sigma), rng)
    log_scale, t = log_scale.copy(), t.copy()
    for block in setup.unknown:
        _interweave(setup, block, b, log_scale, log_sigma, rng)
        _collapsed_scale(block, b, log_scale, log_sigma, rng)
    for block in setup.blocks:
        ratio = b[block.columns] / (
            block.relative * math.exp(_log_unit(block, log_scale, log_sigma))
        )
        t[block.columns] = block.prior.draw_local(np.square(ratio), rng)
    return State(b, log_sigma, log_scale, t)


def _log_unit(block: Part, log_scale: Array, log_sigma: float) -> float:
    """Log of a block's scale in the unit of b."""
    own = block.log_scale if block.hyper is None else float(log_scale[block.index])
    return own if block.absolute else own + log_sigma


def sds(setup: Setup, log_scale: Array, t: Array, log_sigma: float) -> Array:
    """Prior sds of b ÷ σ, given the local variances."""
    sd = np.sqrt(t)
    for block in setup.blocks:
        sd[block.columns] *= block.relative * math.exp(
            _log_unit(block, log_scale, log_sigma) - log_sigma
        )
    return sd


def _draw_sigma(
    setup: Setup, log_scale: Array, t: Array, log_sigma: float, rng: np.random.Generator
) -> tuple[float, Conditional]:
    """log σ with b integrated out, and the conditional of b at it."""
    prior, nu = setup.sigma_prior, setup.nu
    if prior is not None and setup.absolute:
        found: dict[float, Conditional] = {}

        def collapsed(x: float) -> float:
            found[x] = one = setup.data.given(sds(setup, log_scale, t, x))
            body = -nu * x - 0.5 * one.s * math.exp(-2.0 * x) - one.half_log_det
            return body + prior.log_density_of_log(x)

        width = 2.0 if setup.crowded else min(max(10.0 / math.sqrt(2.0 * nu), 0.1), 2.0)
        log_sigma = slice_sample(_bounded(collapsed), log_sigma, width, rng)
        return log_sigma, found[log_sigma]
    conditional = setup.data.given(sds(setup, log_scale, t, log_sigma))
    if prior is None:
        return log_sigma, conditional
    if setup.conjugate is not None:
        a, b = setup.conjugate
        square = (b + 0.5 * conditional.s) / rng.standard_gamma(a + 0.5 * nu)
        return 0.5 * math.log(square), conditional

    def given(x: float) -> float:
        return -nu * x - 0.5 * conditional.s * math.exp(-2.0 * x) + prior.log_density_of_log(x)

    return slice_sample(_bounded(given), log_sigma, 2.0, rng), conditional


def _block_scale(
    setup: Setup,
    block: Part,
    log_scale: Array,
    t: Array,
    log_sigma: float,
    rng: np.random.Generator,
) -> Array:
    """log s given t, with b integrated out, and σ too where all scales are in its unit."""
    trial = log_scale.copy()
    hyper = block.hyper
    assert hyper is not None

    def log_density(x: float) -> float:
        trial[block.index] = x
        one = setup.data.given(sds(setup, trial, t, log_sigma))
        if setup.integrated is not None:
            body = setup.integrated(one.s)
        else:
            body = -0.5 * one.s * math.exp(-2.0 * log_sigma)
        return body - one.half_log_det + hyper.log_density_of_log(x)

    x = slice_sample(_bounded(log_density), float(log_scale[block.index]), _WIDTH, rng)
    trial[block.index] = x
    return trial


def _interweave(
    setup: Setup,
    block: Part,
    b: Array,
    log_scale: Array,
    log_sigma: float,
    rng: np.random.Generator,
) -> None:
    """Scale a block's b and s together by r, in place."""
    x = setup.data.x
    fit = x @ b
    own = fit if b[block.columns].size == b.size else x[:, block.columns] @ b[block.columns]
    precision = math.exp(-2.0 * log_sigma)
    a = precision * float(own @ own)
    c = precision * float(own @ (setup.data.y - fit + own))
    hyper, before = block.hyper, float(log_scale[block.index])
    assert hyper is not None

    def log_density(log_r: float) -> float:
        r = math.exp(log_r)
        return (c - 0.5 * a * r) * r + hyper.log_density_of_log(before + log_r)

    log_r = slice_sample(_bounded(log_density), 0.0, _WIDTH, rng)
    b[block.columns] *= math.exp(log_r)
    log_scale[block.index] = before + log_r


def _collapsed_scale(
    block: Part, b: Array, log_scale: Array, log_sigma: float, rng: np.random.Generator
) -> None:
    """Draw log s given b with the local scales integrated out, in place."""
    likelihood = block.prior.collapsed(np.abs(b[block.columns]) / block.relative)
    shift = 0.0 if block.absolute else log_sigma
    hyper = block.hyper
    assert hyper is not None

    def log_density(x: float) -> float:
        return likelihood(x + shift) + hyper.log_density_of_log(x)

    before = float(log_scale[block.index])
    log_scale[block.index] = slice_sample(_bounded(log_density), before, _WIDTH, rng)


def _bounded(log_density: Callable[[float], float]) -> Callable[[float], float]:
    """The density within |x| ≤ 300 and where it is a number; zero elsewhere."""

    def bounded(x: float) -> float:
        value = log_density(x) if abs(x) <= _BOUND else -math.inf
        return -math.inf if value != value else value

    return bounded


def _zero(_: float) -> float:
    """No data, no S."""
    return 0.0


def integrated(prior: HyperPrior, nu: float, top: float) -> Callable[[float], float]:
    """log ∫ σ^(−ν) e^(−S/2σ²) p(σ) dσ as a function of S ≤ `top`, up to a constant.

    In closed form where p(σ) is conjugate, else a spline in log S through quadratures.
    """
    if prior.inverse_gamma is not None:
        a, b = prior.inverse_gamma
        return lambda s: -(a + 0.5 * nu) * math.log(max(b + 0.5 * s, 5e-324))
    if not top > 0:
        return _zero
    log_s = math.log(top) + np.linspace(-70.0, 0.1, 1403)

    def log_density(x: Array) -> Array:
        with np.errstate(over="ignore", divide="ignore"):
            fit = (1.0 - nu) * x - 0.5 * np.exp(log_s[:, None] - 2.0 * x)
            return np.asarray(fit + prior.log_density(np.exp(x)))

    centre = 0.5 * (log_s - math.log(max(nu, 1.0)))
    total = integrate(
        log_density, centre - 2.0, centre + 2.0, scan=65, cells=16, ends=False
    ).log_total
    curve = CubicSpline(log_s, total)
    low = float(log_s[0])
    return lambda s: float(curve(max(math.log(max(s, 5e-324)), low)))
