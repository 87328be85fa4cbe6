r"""The joint mode of (β, log σ) for given scales.

Where every scale is in units of σ, φ = b/σ and ρ = 1/σ make the log density concave:

    F(φ, ρ) = m log ρ − ½‖ρy − Xφ‖² − Σλ₁ⱼ|φ_j| − ½Σλ₂ⱼφ_j² + log p(log σ),   m = ν + p

(Park & Casella 2008, §4, show that it has one mode; Städler, Bühlmann & van de Geer 2010, TEST 19,
the concavity). With φ optimised out by a certified convex solve, what is left has the derivative
m/ρ − k(ρ) + …, k(ρ) = y'(ρy − Xφ̂), and k is piecewise linear: a secant in k with the other terms
kept exact is at the mode, to rounding, once two points lie on one piece. Any feasible point of
Fenchel's dual bounds how much higher F can be anywhere.

In the unit of y the density can have two modes: its profile is searched on a grid of log σ.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bayesreg.language.arguments import Array
from bayesreg.language.errors import NotSupported

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem

EPS = float(np.finfo(float).eps)
Solve = Callable[["Problem", Array | None], Array]
STEP = 0.25  # of the grid in log σ
ROUNDING = 1e-13  # a residual below this share of ‖ỹ‖ is rounding
DEEPEST = 30.0  # nats below log ‖ỹ‖ that log σ can then reach
# Central differences of eighth order: exact to rounding for a function as smooth as a log density.
WEIGHTS = ((1, 4 / 5), (2, -1 / 5), (3, 4 / 105), (4, -1 / 280))


@dataclass(frozen=True, eq=False)
class JointMode:
    """A mode of (β, log σ), the scales given.

    Attributes
    ----------
    sigma : float
        σ̂.
    b : ndarray (p,)
        The penalised optimum there.
    slope : float
        Derivative of the log density in log σ along its profile, in nats; 0 up to rounding, unless
        σ̂ is at an end of its prior's support.
    gap : float
        No (β, σ) has a log density higher by more; NaN where it is not concave.
    modes : int
        How many local maxima were seen.
    """

    sigma: float
    b: Array
    slope: float
    gap: float
    modes: int


def joint_mode(problem: Problem, solve: Solve) -> JointMode:
    """The mode of (β, log σ), the scale(s) given.

    Parameters
    ----------
    problem : Problem
        Convex penalties, every scale known, σ unknown.
    solve : callable
        ``solve(problem, start) -> b``, the penalised optimum for known σ.

    Returns
    -------
    JointMode

    Raises
    ------
    NotSupported
        If the density is unbounded as σ → 0, because columns in the unit of y interpolate it.

    References
    ----------
    Park & Casella (2008), "The Bayesian lasso", JASA 103, §4 and appendix A; Boyd & Vandenberghe
    (2004), "Convex Optimization", §5.5.

    Examples
    --------
    >>> import bayesreg as br
    >>> from bayesreg.solvers import coordinate_descent
    >>> data = br.load_dataset("diabetes")
    >>> prior = br.Laplace(0.2, unit="sigma")
    >>> problem = br.Model(prior).condition(data.X, data.y, standardize=True)
    >>> mode = joint_mode(problem, lambda one, b: coordinate_descent.solve(one, start=b).b)
    >>> round(mode.sigma, 3), mode.gap < 1e-9
    (53.643, True)
    """
    curve = _Curve.of(problem, solve)
    if np.all(curve.scaled):
        points = [_climb(curve)]
        gap = _dual_gap(curve, points[0])
    else:
        points, gap = _every_mode(curve), math.nan
    best = max(points, key=lambda point: point.value)
    return JointMode(math.exp(best.t), best.b, -curve.slope(best), gap, len(points))


@dataclass(frozen=True, eq=False)
class _Point:
    """The profile at t = log σ: the optimum b, its log density, and −∂/∂t of the quadratic part."""

    t: float
    b: Array
    value: float
    pull: float


@dataclass(frozen=True, eq=False)
class _Curve:
    """The log density of (β, log σ) along its profile in t = log σ.

    `x` and `y` are pseudo-rows, with the residual that no coefficient reduces as the last; `scaled`
    marks columns whose scale is in units of σ; `count` is m; `low`, `high` is the support of t.
    """

    problem: Problem
    solve: Solve
    x: Array
    y: Array
    scaled: NDArray[np.bool_]
    count: float
    low: float
    high: float

    @classmethod
    def of(cls, problem: Problem, solve: Solve) -> _Curve:
        """Compress the data, and find the support of σ."""
        data = problem.quadratic.rows
        scaled = np.zeros(problem.p, dtype=bool)
        for block in problem.blocks:
            scaled[block.columns] = block.prior.unit == "sigma"
        rest = data.rss if data.rss > ROUNDING**2 * problem.yy else 0.0
        x, y = np.vstack([data.x, np.zeros(problem.p)]), np.append(data.y, math.sqrt(rest))
        count = problem.nu + int(scaled.sum())
        return cls(problem, solve, x, y, scaled, count, *_support(problem))

    @property
    def top(self) -> float:
        """log σ if ỹ were all noise, within the support."""
        size = 0.5 * math.log(max(float(self.y @ self.y), 1e-300) / self.count)
        return min(max(size, self.low), self.high)

    def at(self, t: float, start: Array | None) -> _Point:
        """Optimise β out at log σ = t."""
        sigma = math.exp(t)
        fixed = self.problem.at(sigma=sigma)
        b = self.solve(fixed, start)
        r = (self.y - self.x @ b) / sigma
        fit, l1, l2 = float(r @ r), fixed.l1, fixed.l2
        assert l1 is not None
        assert l2 is not None
        first, second = (l1 / sigma) * (np.abs(b) / sigma), l2 * np.square(b / sigma)
        value = -0.5 * fit - float(first.sum()) - 0.5 * float(second.sum()) - self.count * t
        pull = fit + float(first[self.scaled].sum() + second[self.scaled].sum())
        return _Point(t, b, value + self.log_prior(t), pull)

    def log_prior(self, t: float) -> float:
        """log p(log σ)."""
        prior = self.problem.sigma_prior
        assert prior is not None
        return prior.log_density_of_log(t)

    def push(self, t: float) -> float:
        """m − d log p(log σ)/d log σ, from points inside the support."""
        step = min(0.01, (self.high - self.low) / 20.0)
        middle = min(max(t, self.low + 5.0 * step), self.high - 5.0 * step)
        total = sum(
            w * (self.log_prior(middle + k * step) - self.log_prior(middle - k * step))
            for k, w in WEIGHTS
        )
        return self.count - total / step

    def slope(self, point: _Point) -> float:
        """Minus the derivative of the profile in t: negative where σ should grow."""
        return self.push(point.t) - point.pull

    def balance(self, constant: float, linear: float) -> float:
        """t where push(t) = (constant + linear·ρ)ρ, ρ = e^(−t); the nearer end where none is."""
        from scipy.optimize import brentq

        def rest(t: float) -> float:
            rho = math.exp(-t)
            return self.push(t) - (constant + linear * rho) * rho

        low = high = self.top
        step = 0.5
        while rest(low) > 0.0 and low > max(self.low, self.top - 300.0):
            low, step = max(low - step, self.low), 2.0 * step
        step = 0.5
        while rest(high) < 0.0 and high < min(self.high, self.top + 300.0):
            high, step = min(high + step, self.high), 2.0 * step
        if rest(low) >= 0.0:
            return low
        return high if rest(high) <= 0.0 else float(brentq(rest, low, high, xtol=1e-15))


def _climb(curve: _Curve) -> _Point:
    """The mode, by a secant in k that is kept within what its signs have bracketed."""
    low, high = -math.inf, math.inf
    old = curve.at(curve.top, None)
    new, limit = old, 64.0 * EPS * curve.count
    constant, linear = 0.0, old.pull * math.exp(2.0 * old.t)  # k ∝ ρ to begin with
    for _ in range(100):
        slope = curve.slope(new)
        if abs(slope) <= limit:
            break
        low, high = (new.t, high) if slope < 0.0 else (low, new.t)
        if new is not old:
            rho, before = math.exp(-new.t), math.exp(-old.t)
            linear = max((new.pull / rho - old.pull / before) / (rho - before), 0.0)
            constant = new.pull / rho - linear * rho
        t = curve.balance(constant, linear)
        if not low < t < high and math.isfinite(high - low):
            t = 0.5 * (low + high)
        if t == new.t or high - low <= 4.0 * EPS * max(1.0, abs(new.t)):
            break
        old, new = new, curve.at(t, new.b)
    return new


def _dual_gap(curve: _Curve, point: _Point) -> float:
    r"""Upper bound of max F − F at a point, by Fenchel's dual at its scaled residual θ.

    −max F ≥ −½‖θ‖² − Σ(|x_j'θ| − λ₁ⱼ)₊²/2λ₂ⱼ + min_ρ(ρθ'y − m log ρ − log p(log σ)) for all θ with
    |x_j'θ| ≤ λ₁ⱼ wherever λ₂ⱼ = 0; the last term is convex in ρ for every prior of σ here.
    """
    sigma = math.exp(point.t)
    fixed = curve.problem.at(sigma=sigma)
    assert fixed.l1 is not None
    assert fixed.l2 is not None
    l1, l2 = fixed.l1 / sigma, fixed.l2
    theta = (curve.y - curve.x @ point.b) / sigma
    g = np.abs(curve.x.T @ theta)
    tight = (l2 == 0.0) & (g > l1)
    share = float(np.min(l1[tight] / g[tight], initial=1.0))
    theta, g = share * theta, share * g
    soft = np.maximum(g - l1, 0.0)
    curved = l2 > 0.0
    along = float(theta @ curve.y)
    t = curve.balance(along, 0.0)
    bound = along * math.exp(-t) + curve.count * t - curve.log_prior(t)
    bound -= 0.5 * float(theta @ theta + np.sum(np.square(soft[curved]) / l2[curved]))
    rounding = EPS * (abs(point.value) + abs(bound))
    return max(-point.value - bound, 0.0) + rounding


def _every_mode(curve: _Curve) -> list[_Point]:
    """All local maxima between points of a grid in log σ, each refined by Brent's method."""
    from scipy.optimize import brentq

    grid = np.arange(curve.top + 2.5, curve.top - DEEPEST, -STEP)
    points: list[_Point] = []
    for t in np.unique(np.clip(grid, curve.low, curve.high))[::-1].tolist():
        points.append(curve.at(t, points[-1].b if points else None))
        if curve.y[-1] > 2.0 * math.exp(t) * math.sqrt(curve.count + 25.0):
            break  # what no coefficient reduces is by far too much for this σ
    slopes = [curve.slope(point) for point in points]
    if slopes[-1] > 0.0 and not math.isfinite(curve.low):
        raise NotSupported(
            "the joint mode does not exist: the density of (β, log σ) is unbounded as σ → 0, "
            "because columns whose scale is in the unit of y interpolate it; use unit='sigma', or "
            "give σ"
        )

    def refined(left: _Point, right: _Point) -> _Point:
        def slope(t: float) -> float:
            return curve.slope(curve.at(t, right.b))

        t = float(brentq(slope, left.t, right.t, xtol=1e-14, rtol=1e-14))
        return curve.at(t, right.b)

    pairs = range(len(points) - 1)  # points run from large σ to small
    found = [refined(points[i + 1], points[i]) for i in pairs if slopes[i + 1] < 0.0 <= slopes[i]]
    found += [points[0]] * (slopes[0] < 0.0) + [points[-1]] * (slopes[-1] > 0.0)
    return found


def _support(problem: Problem) -> tuple[float, float]:
    """Where p(log σ) is positive: all of the line, or an interval found by bisection."""
    prior = problem.sigma_prior
    assert prior is not None
    ends = []
    for limit in (-100.0, 100.0):
        end, far = math.copysign(math.inf, limit), limit
        if not math.isfinite(prior.log_density_of_log(far)):
            end = math.log(float(prior.sample(np.random.default_rng(0), 1)[0]))
            for _ in range(200):
                middle = 0.5 * (end + far)
                held = math.isfinite(prior.log_density_of_log(middle))
                end, far = (middle, far) if held else (end, middle)
        ends.append(end)
    return ends[0], ends[1]
