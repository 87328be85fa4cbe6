r"""The evidence along λ of any λ₁|b| + ½λ₂b² by Monte Carlo, σ profiled out where it is unknown.

Given σ and λ the posterior of b is an exponential family in three numbers of b, so that draws of b
at one (σ, λ) need only be remembered as T = (‖ỹ − X̃b‖², Σ|b_j|/r_j, Σb_j²/r_j²), r_j the relative
scales. With natural parameters η and log-normaliser K,

    log p(y, b | σ, λ) = η(σ, λ)'T − K(σ, λ) + constant,   η = −(1, 2λ₁, λ₂)/2σ²
    ∇ℓ = η′ET − K′,        −∇²ℓ = K″ − η″ET − η′ cov(T) η′ᵀ        (Fisher; Louis 1982, JRSS B 44)

and the evidence is the integral of its slope along log λ (path sampling: Gelman & Meng 1998,
"Simulating normalizing constants", Statistical Science 13(2), §4), an error at each point of which
is a known combination of the errors of the slopes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.criteria.looks import Look, draws_at
from bayesreg.language.arguments import Array
from bayesreg.language.errors import NotSupported
from bayesreg.model.pseudo_data import PseudoData

if TYPE_CHECKING:
    from scipy.interpolate import CubicSpline

    from bayesreg.model.problem import Problem

DRAWS = 4_000  # at each λ
SPACING = 0.5  # of the λ's, in log λ
DEPTH = 14.0  # nats below the maximum at which nobody looks any more
REACH = 12.0  # in log λ, to each side of the start
LONG = 0.15  # a step in log σ after which σ is profiled anew
DIFFERENCE = 1e-3  # of derivatives of η and K, which are smooth and exact to 1e-12
NEAR_NOTHING = 0.05  # nats by which the evidence still exceeds the limit of no effects


@dataclass(frozen=True, eq=False)
class EvidenceCurve:
    """log p(y | λ), σ at its best for each λ where unknown, less its maximum.

    Attributes
    ----------
    lams : ndarray (L,)
        Where draws were made, increasing.
    lam, log_error : float
        Where the maximum is, and the standard error of its logarithm; ∞ and NaN where the evidence
        rises up to the limit λ → ∞, in which there are no effects.
    sigma : float
        σ̂ at the maximum, or its known value.
    engine : str
        Which engines drew.
    """

    lams: Array
    lam: float
    log_error: float
    sigma: float
    engine: str
    slopes: CubicSpline
    weights: CubicSpline
    noise: Array

    @property
    def value(self) -> Array:
        """In nats, 0 at the maximum (L,)."""
        return self.at(self.lams)[0]

    @property
    def error(self) -> Array:
        """Monte Carlo standard error of each difference from the maximum (L,)."""
        return self.at(self.lams)[1]

    def at(self, lams: Array) -> tuple[Array, Array]:
        """Value and standard error at other λ's; NaN outside the range."""
        t, (low, high) = np.log(lams), np.log(self.lams[[0, -1]])
        t = np.where((t >= low) & (t <= high), t, np.nan)
        top = np.log(self.lam) if np.isfinite(self.lam) else high
        value = self.slopes(t) - self.slopes(top)
        combination = self.weights(t) - self.weights(top)
        return np.asarray(value), np.sqrt(np.square(combination) @ self.noise)


@dataclass(frozen=True, eq=False)
class _Point:
    """ℓ about one λ: the slope of its profile over σ with its variance, and where σ is best."""

    t: float
    log_sigma: float
    slope: float
    noise: float
    engine: str


@dataclass(frozen=True, eq=False)
class _Family:
    """The problem along λ: what its prior is at each (σ, λ), as η and K, and draws there."""

    problem: Problem
    fixed: Callable[[float, float], Problem]
    data: PseudoData
    seeds: list[int]

    def natural(self, log_sigma: float, t: float) -> Array:
        """η and K, (4,)."""
        sigma, lam = math.exp(log_sigma), math.exp(t)
        one = self.fixed(sigma, lam)
        assert one.l1 is not None
        assert one.l2 is not None
        first = float(one.l1[0] * self.problem.relative[0]) / sigma**2
        second = float(one.l2[0] * self.problem.relative[0] ** 2) / sigma**2
        cost = self.data.nu * log_sigma + self.problem.p * _log_normaliser(first, second)
        return np.array([-0.5 / sigma**2, -first, -0.5 * second, cost])

    def statistics(self, log_sigma: float, t: float, total: int) -> tuple[Array, str]:
        """T of draws of b at σ and λ, (chain, draw, 3), and the engine."""
        fixed = self.fixed(math.exp(log_sigma), math.exp(t))
        b, engine = draws_at(fixed, total, self.seeds.pop())
        u = np.abs(b) / self.problem.relative
        fit = self.data.residual_square(b)
        return np.stack([fit, u.sum(-1), np.square(u).sum(-1)], -1), engine

    def look(self, log_sigma: float, t: float, total: int = DRAWS) -> _Point:
        """The slope along t = log λ, an unknown σ profiled out; again if σ moved far."""
        for trial in range(6):
            found, engine = self.statistics(log_sigma, t, total)
            first, second = _derivatives(self.natural, log_sigma, t)
            bends = second[..., :3] @ found.mean(axis=(0, 1)) - second[..., 3]
            slopes = found @ first[:, :3].T - first[:, 3]
            here = Look.of(np.array([log_sigma, t]), slopes, bends, engine)
            if self.problem.sigma is not None:
                return _Point(t, log_sigma, here.slope[1], here.noise[1, 1], engine)
            curvature = max(here.information[0, 0], 0.1 * here.complete[0, 0])
            step = float(np.clip(here.slope[0] / curvature, -1.0, 1.0))
            if abs(step) <= LONG or trial == 5:
                break
            log_sigma += step
        along = np.array([-here.information[0, 1] / curvature, 1.0])
        slope, noise = float(along @ here.slope), float(along @ here.noise @ along)
        return _Point(t, log_sigma + step, slope, noise, engine)


def evidence_curve(
    problem: Problem,
    fixed: Callable[[float, float], Problem],
    start: tuple[float, float],
    *,
    seed: int = 0,
    ceiling: float = math.inf,
) -> EvidenceCurve:
    """Follow the evidence from a first guess to its maximum, and down on both sides of it.

    Parameters
    ----------
    problem : Problem
        One block; σ known or unknown.
    fixed : callable
        ``fixed(sigma, lam)``: the problem with σ and λ known.
    start : (float, float)
        σ and λ to begin at; a known σ stays as it is.
    seed : int, default 0
        Of the draws.
    ceiling : float
        A λ beyond which there are no effects to speak of: if the evidence still rises there, its
        supremum is at λ → ∞.

    Returns
    -------
    EvidenceCurve

    Raises
    ------
    NotSupported
        If no engine draws fast enough.
    """
    seeds = np.random.SeedSequence([seed, 0x0E71DE7C]).generate_state(1000).tolist()
    family = _Family(problem, fixed, problem.quadratic.rows, seeds)
    sigma = math.log(problem.sigma or start[0])
    points = _walk(family, sigma, math.log(start[1]), math.log(ceiling))
    return _integrated(family, points, math.log(ceiling))


def _walk(family: _Family, log_sigma: float, t: float, ceiling: float) -> list[_Point]:
    """Looks every SPACING of log λ, until the evidence is DEPTH below its maximum on each side."""
    points = [family.look(log_sigma, t)]
    for way in (1.0, -1.0):
        edge = points[-1] if way > 0 else points[0]
        depth, lowest = 0.0, 0.0
        while depth - lowest < DEPTH and abs(edge.t - t) < REACH and (way < 0 or edge.t < ceiling):
            after = family.look(edge.log_sigma, edge.t + way * SPACING)
            points.insert(len(points) if way > 0 else 0, after)
            # Depth below what has been highest on this side: it may first have to climb.
            depth -= 0.5 * SPACING * way * (edge.slope + after.slope)
            lowest = min(lowest, depth)
            edge = after
    return points


def _integrated(family: _Family, points: list[_Point], ceiling: float) -> EvidenceCurve:
    """The curve, its maximum refined by a look of its own, and the errors."""
    from scipy.interpolate import CubicSpline

    points, top = _peaked(family, points, ceiling)
    t = np.array([p.t for p in points])
    slopes = CubicSpline(t, [p.slope for p in points])
    noise = np.array([p.noise for p in points])
    unit = CubicSpline(t, np.eye(len(points)))
    best = float(t[-1]) if top is None else top
    sigmas = CubicSpline(t, [p.log_sigma for p in points])
    error = math.sqrt(float(np.square(unit(best)) @ noise)) / -float(slopes(best, 1))
    return EvidenceCurve(
        lams=np.exp(t),
        lam=math.inf if top is None else math.exp(best),
        log_error=math.nan if top is None else error,
        sigma=family.problem.sigma or math.exp(float(sigmas(best))),
        engine=" and ".join(sorted({p.engine for p in points})),
        slopes=slopes.antiderivative(),
        weights=unit.antiderivative(),
        noise=noise,
    )


def _peaked(
    family: _Family, points: list[_Point], ceiling: float
) -> tuple[list[_Point], float | None]:
    """The looks with a longer one at the maximum, and log λ there; None where that is at λ → ∞."""
    from scipy.interpolate import CubicSpline

    for extra in (True, False):
        t = np.array([p.t for p in points])
        slopes = CubicSpline(t, [p.slope for p in points])
        area = slopes.antiderivative()
        roots = [float(r) for r in slopes.roots(extrapolate=False) if slopes(r, 1) < 0]
        highest = max([float(area(r)) for r in roots], default=-math.inf)
        at_end = points[-1].slope > 0 and points[-1].t >= ceiling
        if at_end and float(area(t[-1])) + NEAR_NOTHING >= highest:
            return points, None
        if not roots:
            break
        top = max(roots, key=lambda r: float(area(r)))
        if not extra:
            return points, top
        near = min(points, key=lambda p: abs(p.t - top))
        if abs(near.t - top) < 0.1 * SPACING:  # two looks too close make a spline swing
            points.remove(near)
        finest = family.look(near.log_sigma, top, 4 * DRAWS)
        points = sorted([*points, finest], key=lambda p: p.t)
    raise NotSupported(
        "the evidence has no maximum between the λ's looked at: y says next to nothing about λ; "
        "give the scale a hyperprior and read the posterior"
    )


def _log_normaliser(first: float, second: float) -> float:
    """log ∫ exp(−first·|u| − ½·second·u²) du."""
    from scipy.special import erfcx

    if second == 0.0:
        return math.log(2.0 / first)
    if first == 0.0:
        return 0.5 * math.log(2.0 * math.pi / second)
    ratio = first / math.sqrt(2.0 * second)
    if ratio > 1e6:  # erfcx(x) → 1/(x√π): the quadratic part is beyond all digits
        return math.log(2.0 / first)
    return 0.5 * math.log(2.0 * math.pi / second) + math.log(float(erfcx(ratio)))


def _derivatives(f: Callable[[float, float], Array], x: float, y: float) -> tuple[Any, Any]:
    """Gradient (2, k) and Hessian (2, 2, k) of f by central differences."""
    h = DIFFERENCE
    grid = np.array([[f(x + i * h, y + j * h) for j in (-1, 0, 1)] for i in (-1, 0, 1)])
    here = grid[1, 1]
    first = np.array([grid[2, 1] - grid[0, 1], grid[1, 2] - grid[1, 0]]) / (2.0 * h)
    xx = (grid[2, 1] - 2.0 * here + grid[0, 1]) / h**2
    yy = (grid[1, 2] - 2.0 * here + grid[1, 0]) / h**2
    xy = (grid[2, 2] - grid[2, 0] - grid[0, 2] + grid[0, 0]) / (4.0 * h * h)
    return first, np.array([[xx, xy], [xy, yy]])
