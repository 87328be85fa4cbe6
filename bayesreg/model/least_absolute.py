r"""Least absolute deviations: Σ c_i|t_i − a_i'x| + Σ_g‖(λ₁x)_g‖ + ½Σλ₂x², to the last digit.

A primal-dual interior point on s_i = √(r_i² + ε²), r = t − Ax, in which the pair (r, u), s_i u_i =
c_i r_i with |u_i| ≤ c_i, is made linear rather than r alone (Andersen, Christiansen, Conn & Overton
2000, "An efficient primal-dual interior-point method for minimizing a sum of Euclidean norms", SIAM
J. Sci. Comput. 22(1); a norm of several coordinates is only a longer r). As ε falls rows part into
those that are met exactly and those that are not; on these a linear system has the optimum itself,
with exact zeros, and a subgradient says that it is one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bayesreg.language.arguments import Array

STEPS = 150  # a bound, not a tolerance: 15 to 30 are usual
EPS = float(np.finfo(float).eps)
POLISHED = 1e-4  # of the size of a deviation, from which on a linear system is tried
DEGENERATE = 1e-10  # ε from which on a subgradient is worth a search
LEAST = 1e-14  # ε at which nothing more can be told apart
STORED = 64.0 * EPS  # of the terms of a deviation: below it is the rounding of x
AT_REST = 1e-12  # of its terms: a subgradient, that is 0

Mask = NDArray[np.bool_]
Index = NDArray[np.intp]
Map = Callable[[Array], Array]


@dataclass(frozen=True, eq=False)
class Deviations:
    """Σ c|t − Ax| + Σ_g‖(λ₁x)_g‖ + ½Σλ₂x².

    Attributes
    ----------
    rows : ndarray (m, q)
        A.
    target, cost : ndarray (m,)
        t, and c > 0.
    l1, l2 : ndarray (q,)
        λ₁ and λ₂, 0 where there is none.
    group : ndarray of int (q,)
        Which coordinates share a norm.
    """

    rows: Array
    target: Array
    cost: Array
    l1: Array
    l2: Array
    group: Index

    @classmethod
    def plain(cls, rows: Array, target: Array, cost: Array) -> Deviations:
        """Without a penalty."""
        none = np.zeros(rows.shape[1])
        return cls(rows, target, cost, none, none, np.arange(rows.shape[1]))

    @cached_property
    def sets(self) -> list[Index]:
        """The coordinates of each norm of more than one."""
        sizes = np.bincount(self.group)
        return [np.flatnonzero(self.group == g) for g in np.flatnonzero(sizes > 1)]

    def value(self, x: Array) -> float:
        """The sum at x (q,)."""
        norms = np.sqrt(np.bincount(self.group, np.square(self.l1 * x)))
        fit = self.cost @ np.abs(self.target - self.rows @ x)
        return float(fit + norms.sum() + 0.5 * (self.l2 @ np.square(x)))

    def at_rest(self, slope: Array) -> bool:
        """Whether a subgradient (q,) is 0 to rounding."""
        terms = self.cost @ np.abs(self.rows) + self.l1
        return bool(np.all(np.abs(slope) <= AT_REST * terms))

    def met(self, x: Array) -> Mask:
        """The rows (m,) whose deviation at x is nothing but rounding."""
        return self._small(self.target - self.rows @ x, x)

    def _small(self, r: Array, x: Array) -> Mask:
        terms = np.abs(self.target) + np.abs(self.rows) @ np.abs(x)
        return np.asarray(np.abs(r) <= STORED * terms)

    def slope(self, x: Array) -> Array:
        """The gradient (q,) of the penalty, of norms that are not 0."""
        e = self.l1 * x
        norms = np.sqrt(np.bincount(self.group, np.square(e)))[self.group]
        return np.asarray(self.l1 * e / np.where(norms > 0.0, norms, 1.0) + self.l2 * x)

    def bend(self, x: Array) -> Array:
        """The Hessian (q, q) of the penalty, of norms that are not 0."""
        out = np.diag(self.l2)
        for g in self.sets:
            e = self.l1[g] * x[g]
            norm = float(np.linalg.norm(e))
            if norm > 0.0:
                unit = e / norm
                part = (np.eye(len(g)) - np.outer(unit, unit)) / norm
                out[np.ix_(g, g)] += self.l1[g][:, None] * part * self.l1[g]
        return out


def minimise(problem: Deviations) -> tuple[Array, int]:
    """A minimiser (q,) and how many steps led there.

    Rows are met and coordinates are 0 exactly wherever the optimum has them so. Where it is not
    unique one is returned from which no other is reached by moving coordinates with a λ₁ that are
    not 0; coordinates without stay in the middle, as a median does.

    Examples
    --------
    >>> rows = np.column_stack([np.ones(5), [0.0, 1.0, 2.0, 3.0, 4.0]])
    >>> sums = Deviations.plain(rows, np.array([1.0, 2.0, 30.0, 4.0, 5.0]), np.ones(5))
    >>> minimise(sums)[0].round(12)
    array([1., 1.])
    """
    size = np.abs(problem.rows).T @ problem.cost / problem.cost.sum()
    live, out = size > 0.0, np.zeros(len(size))
    if not np.any(live):
        return out, 0
    unit = _unit(problem)
    with np.errstate(divide="ignore"):  # units where deviations are about 1; what λ₂ lets x be
        scale = np.minimum(unit / size[live], problem.cost.sum() * size[live] / problem.l2[live])
    one = Deviations(
        problem.rows[:, live] * (scale / unit),
        problem.target / unit,
        problem.cost,
        problem.l1[live] * (scale / unit),
        problem.l2[live] * scale * (scale / unit),
        np.unique(problem.group[live], return_inverse=True)[1],
    )
    x, steps = _Interior(one).run()
    out[live] = scale * _sparser(one, x)
    return out, steps


def _unit(problem: Deviations) -> float:
    """The size of a deviation: by medians, which no outlier moves."""
    middle = median(problem.target, problem.cost)
    rest = np.abs(problem.target - middle)
    return median(rest, problem.cost) or float(rest.mean()) or abs(middle) or 1.0


def median(values: Array, weights: Array) -> float:
    """The middle of all values that have half of the weight on either side."""
    order = np.argsort(values, kind="stable")
    below = np.cumsum(weights[order])
    half = 0.5 * below[-1]
    first = int(np.searchsorted(below, half * (1.0 - 1e-12)))
    last = min(int(np.searchsorted(below, half * (1.0 + 1e-12), side="right")), len(order) - 1)
    return float(0.5 * (values[order[first]] + values[order[last]]))


class _Interior:
    """Where the interior point is: x, ε, and the dual of rows and of norms."""

    def __init__(self, problem: Deviations) -> None:
        self.problem = problem
        m, q = problem.rows.shape
        self.x = np.zeros(q)
        level = np.flatnonzero((np.ptp(problem.rows, axis=0) == 0.0) & (problem.l1 == 0.0))
        if len(level) and not problem.l2[level[0]]:
            self.x[level[0]] = median(problem.target, problem.cost) / problem.rows[0, level[0]]
        self.epsilon, self.decrement = 1.0, np.inf
        self.u, self.v = np.zeros(m), np.zeros(q)
        self.floor = np.maximum.reduceat(  # so that ε is in units of x under every norm
            problem.l1[np.argsort(problem.group, kind="stable")],
            np.unique(np.sort(problem.group), return_index=True)[1],
        )

    def run(self) -> tuple[Array, int]:
        """Steps with ε falling; from where rows part on, each time the system that they leave."""
        best, least = self.x, np.inf
        for step in range(1, STEPS + 1):
            whole = self._step()
            if self.epsilon <= POLISHED:
                x, rest = self._polished()
                if self.problem.at_rest(rest):
                    return x, step
                value = self.problem.value(x)
                best, least = (x, value) if value < least else (best, least)
            if self.epsilon <= LEAST:
                break
            if whole and self.decrement <= self.epsilon * len(self.x) * self.problem.cost.mean():
                self.epsilon *= 0.1
        value = self.problem.value(self.x)
        return (self.x if value < least else best), step

    def _lengths(self, x: Array, r: Array) -> tuple[Array, Array]:
        """√(r² + ε²) of rows (m,), and of norms at their coordinates (q,)."""
        own = self.problem
        norms = np.bincount(own.group, np.square(own.l1 * x)) + np.square(self.epsilon * self.floor)
        return np.sqrt(np.square(r) + self.epsilon**2), np.sqrt(norms)[own.group]

    def _smooth(self, x: Array) -> float:
        """What is minimised at this ε."""
        own = self.problem
        s, t = self._lengths(x, own.target - own.rows @ x)
        norms = t[np.unique(own.group, return_index=True)[1]]
        return float(own.cost @ s + norms.sum() + 0.5 * (own.l2 @ np.square(x)))

    def _step(self) -> bool:
        """One step; whether it was taken whole."""
        own, x = self.problem, self.x
        r = own.target - own.rows @ x
        s, t = self._lengths(x, r)
        e, t = own.l1 * x, np.where(t > 0.0, t, 1.0)
        weight = np.maximum(own.cost / s - self.u * r / np.square(s), EPS * own.cost / s)
        matrix = own.rows.T @ (weight[:, None] * own.rows)
        self._add_norms(matrix, e, t)
        right = own.rows.T @ (own.cost * r / s) - own.l2 * x - own.l1 * e / t
        dx = _solved(matrix, right)
        self.decrement = float(right @ dx)
        du = -weight * (own.rows @ dx) + own.cost * r / s
        along = np.bincount(own.group, e * own.l1 * dx)[own.group]
        dv = own.l1 * dx / t - self.v * along / np.square(t) + e / t
        self.u = np.clip(du, -own.cost, own.cost)
        size = np.sqrt(np.bincount(own.group, np.square(dv)))[own.group]
        self.v = dv / np.maximum(size, 1.0)
        value = self._smooth(x)
        for k in range(30):
            self.x = x + 0.5**k * dx
            if self._smooth(self.x) <= value * (1.0 + 4.0 * EPS):
                return k == 0
        self.x = x
        return False

    def _add_norms(self, matrix: Array, e: Array, t: Array) -> None:
        """Add λ₂ and the curvature of norms, made symmetric; in place."""
        own = self.problem
        diagonal = np.square(own.l1) * (1.0 / t - self.v * e / np.square(t))
        matrix.flat[:: len(matrix) + 1] += own.l2 + np.maximum(diagonal, 0.0)
        for g in own.sets:
            outer = np.outer(self.v[g], e[g])
            part = 0.5 * (outer + outer.T) / t[g[0]] ** 2
            np.fill_diagonal(part, 0.0)
            matrix[np.ix_(g, g)] -= own.l1[g][:, None] * part * own.l1[g]

    def _polished(self) -> tuple[Array, Array]:
        """The optimum if rows and zeros are those that they seem, and what is left of a slope."""
        own = self.problem
        r = own.target - own.rows @ self.x
        met = 1.0 - np.abs(self.u) / own.cost > np.abs(r)
        norms = np.sqrt(np.bincount(own.group, np.square(self.x)))[own.group]
        size = np.sqrt(np.bincount(own.group, np.square(self.v)))[own.group]
        zero = (own.l1 > 0.0) & (1.0 - size > norms)
        x = on_face(own, self.x, met, zero)
        if not own.value(x) <= self._smooth(self.x) * (1.0 + 1e-12):  # which no optimum exceeds
            return self.x, np.full(len(x), np.inf)
        found = Subgradient.of(own, x, bounded=self.epsilon <= DEGENERATE)
        return x, found.rest


def on_face(
    problem: Deviations,
    x: Array,
    met: Mask,
    zero: Mask,
    slope: Map | None = None,
    bend: Map | None = None,
) -> Array:
    """The optimum near x among those that meet these rows and have these coordinates at 0.

    `slope` and `bend` are the penalty's gradient and Hessian, if it is not the problem's own.
    """
    slope, bend = slope or problem.slope, bend or problem.bend
    x = np.where(zero, 0.0, x)
    free = np.flatnonzero(~zero)
    fixed = problem.rows[np.ix_(met, free)]
    basis, null = _split(fixed)
    before = np.inf
    for count in range(50):
        r = problem.target - problem.rows @ x
        step = basis @ r[met]
        if null.shape[1]:
            pull = problem.rows[~met].T @ (problem.cost[~met] * np.sign(r[~met]))
            curved = bend(x)[np.ix_(free, free)]
            down = (pull - slope(x))[free] - curved @ step
            step = step + null @ _least(null.T @ curved @ null, null.T @ down)
        new = x.copy()
        new[free] += step
        moved = float(np.max(np.abs(step), initial=0.0))
        if not moved <= 2.0 * before:
            break
        slow = moved > 0.5 * before and count > 3  # nothing but rounding is left
        x, before = new, moved
        if slow or np.all(np.abs(step) <= 4.0 * EPS * np.abs(x[free])):
            break
    return x


def _sparser(problem: Deviations, x: Array) -> Array:
    """An optimum with as few coordinates off 0 as moves along which J stays the same lead to."""
    for _ in range(len(x)):
        moving = (x != 0.0) & (problem.l1 > 0.0)
        met, free = problem.met(x), np.flatnonzero((x != 0.0) | (problem.l1 == 0.0))
        seen = np.vstack([problem.rows[met], problem.bend(x)])[:, free]
        _, null = _split(seen)
        shift = np.zeros((len(x), null.shape[1]))
        shift[free] = null
        if not np.any(np.abs(shift[moving]) > 1e-9):
            return x
        downhill = shift.T @ (problem.l1 * np.sign(x))
        if not np.any(np.abs(downhill) > 1e-9):
            downhill = -np.sign(shift[moving][np.argmax(np.abs(shift[moving]).max(axis=1))])
        new = _until_first(problem, x, -shift @ downhill, met)
        if new is None or not problem.value(new) <= problem.value(x) * (1.0 + 16.0 * EPS):
            return x
        x = on_face(problem, new, problem.met(new), (new == 0.0) & (problem.l1 > 0.0))
    return x


def _until_first(problem: Deviations, x: Array, d: Array, met: Mask) -> Array | None:
    """x moved along d until a coordinate with a λ₁ is 0 or a row is met; None if none ever is."""
    r, fall = problem.target - problem.rows @ x, problem.rows @ d
    with np.errstate(divide="ignore", invalid="ignore"):
        to_zero = np.where(problem.l1 > 0.0, -x / d, np.inf)
        to_met = np.where(met, np.inf, r / fall)
    to_zero[~(to_zero > 0.0)] = np.inf
    to_met[~(to_met > 0.0)] = np.inf
    step = min(float(to_zero.min(initial=np.inf)), float(to_met.min(initial=np.inf)))
    if not np.isfinite(step):
        return None
    return np.where(to_zero <= step * (1.0 + 1e-9), 0.0, x + step * d)


@dataclass(frozen=True, eq=False)
class Subgradient:
    """What of 0 a subdifferential is nearest to.

    `u` (m,) is −c·sign(t − Ax), or between −c and c where a row is met: A'u + ∂penalty ∋ `rest`
    (q,), the subgradient nearest to 0. `strict` (m,) are rows from which either way costs more.
    """

    u: Array
    rest: Array
    strict: Mask

    @classmethod
    def of(
        cls,
        problem: Deviations,
        x: Array,
        *,
        bounded: bool = True,
        met: Mask | None = None,
        slope: Array | None = None,
        kink: Array | None = None,
    ) -> Subgradient:
        """The one nearest to 0 at x.

        Parameters
        ----------
        problem, x : Deviations, ndarray (q,)
        bounded : bool, default True
            Whether to search where rows that are met leave u undetermined; else one is tried.
        met : ndarray of bool (m,), optional
            Rows whose sign is free; unsaid, those with no more than rounding.
        slope, kink : ndarray (q,), optional
            The penalty's gradient where x_j is not 0, and how far it reaches either way where it
            is; unsaid, those of the problem's own.
        """
        met = problem.met(x) if met is None else met
        slope = problem.slope(x) if slope is None else slope
        kink = problem.l1 if kink is None else kink
        norms = np.bincount(problem.group, np.abs(x))[problem.group]
        at_zero = (norms == 0.0) & (kink > 0.0)
        sign = np.where(met, 0.0, -np.sign(problem.target - problem.rows @ x))
        fixed = problem.rows.T @ (problem.cost * sign) + np.where(at_zero, 0.0, slope)
        u = problem.cost * sign
        rows, cost = problem.rows[met], problem.cost[met]
        if len(rows):
            guess = _determined(rows[:, ~at_zero], -fixed[~at_zero])
            room = float(np.max(np.abs(guess) / cost, initial=0.0)) <= 1.0 + 1e-9
            rest = _beyond(problem, fixed + rows.T @ guess, kink, at_zero)
            if bounded and not (room and problem.at_rest(rest)):
                guess = _bounded(rows, cost, fixed, np.where(at_zero, kink, 0.0))
            u[met] = np.clip(guess, -cost, cost)
        rest = _beyond(problem, fixed + rows.T @ u[met], kink, at_zero)
        return cls(u, rest, met & (np.abs(u) < problem.cost * (1.0 - 1e-9)))


def _beyond(problem: Deviations, g: Array, kink: Array, at_zero: Mask) -> Array:
    """g, less what the kinks at 0 take of it: nothing of a norm's that is no longer than λ₁."""
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(at_zero, g / kink, 0.0)
    size = np.sqrt(np.bincount(problem.group, np.square(share)))[problem.group]
    left = np.where(size > 1.0, 1.0 - 1.0 / np.maximum(size, 1.0), 0.0)
    return np.where(at_zero, g * left, g)


def _determined(rows: Array, right: Array) -> Array:
    """The u of least norm with rows'u = right, corrected once for what rounding leaves."""
    size = np.abs(rows).max(axis=0, initial=0.0)
    unit = (rows / np.where(size > 0.0, size, 1.0)).T
    inverse = np.linalg.pinv(unit, rcond=16.0 * EPS * max(rows.shape, default=1))
    right = right / np.where(size > 0.0, size, 1.0)
    u = inverse @ right
    return np.asarray(u + inverse @ (right - unit @ u))


def _bounded(rows: Array, cost: Array, fixed: Array, kink: Array) -> Array:
    """u within ±cost for which rows'u is nearest to −fixed, but for ±kink."""
    from scipy.optimize import lsq_linear

    bound = np.isfinite(kink)
    rows, fixed, kink = rows[:, bound], fixed[bound], kink[bound]
    open_ = np.flatnonzero(kink > 0.0)
    spare = np.zeros((len(fixed), len(open_)))
    spare[open_, np.arange(len(open_))] = kink[open_]
    size = np.maximum(np.abs(rows).max(axis=0, initial=0.0), kink)
    size = np.where(size > 0.0, size, 1.0)
    wide = np.hstack([rows.T * cost, spare]) / size[:, None]
    found = lsq_linear(wide, -fixed / size, bounds=(-1.0, 1.0), method="bvls", tol=1e-15)
    return np.asarray(cost * found.x[: len(cost)])


def _solved(matrix: Array, right: Array) -> Array:
    """The solution of a positive system; with a ridge of its rounding where it is singular."""
    from scipy.linalg.lapack import dposv

    scale = 1.0 / np.sqrt(np.maximum(np.diagonal(matrix), np.finfo(float).tiny))
    unit = matrix * scale * scale[:, None]
    ridge = 0.0
    while True:
        _, x, info = dposv(unit + ridge * np.eye(len(unit)), scale * right)
        if not info:
            return np.asarray(scale * x)
        ridge = max(10.0 * ridge, 4.0 * EPS * len(unit))


def _split(rows: Array) -> tuple[Array, Array]:
    """The pseudo-inverse (q, m) of some rows, and a basis (q, d) of what they do not see."""
    if not len(rows):
        return np.zeros((rows.shape[1], 0)), np.eye(rows.shape[1])
    left, values, right = np.linalg.svd(rows)
    rank = int(np.sum(values > max(rows.shape) * EPS * 16.0 * values[0])) if len(values) else 0
    return (right[:rank].T / values[:rank]) @ left[:, :rank].T, right[rank:].T


def _least(matrix: Array, right: Array) -> Array:
    """The solution of least norm, where a direction without curvature is not moved along."""
    values, basis = np.linalg.eigh(matrix)
    kept = (values > len(matrix) * EPS * 16.0 * values[-1]) & (values > 0.0)
    return np.asarray(basis[:, kept] @ ((basis[:, kept].T @ right) / values[kept]))
