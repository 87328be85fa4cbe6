r"""A smooth loss that is not convex: reweighted least squares, then Newton's method, many starts.

Student-t noise is a normal whose precision is not known: least squares with the weights ω(r) that
it is expected to have never raises J (EM; Lange, Little & Taylor 1989), and is slow near the end,
where Newton's method takes over on the coefficients that are not 0, with the curvature of J itself.
An optimum of one start may not be the lowest, so that there are several: least squares, least
absolute deviations, b = 0, fits of random rows as few as there are coefficients (which outliers
then escape), and from the best of these perturbations where the penalty is not convex either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from bayesreg.language.arguments import Array
from bayesreg.model.least_absolute import minimise
from bayesreg.model.loss import Point
from bayesreg.model.unit_data import EPS, Index
from bayesreg.solvers.base import Solution
from bayesreg.solvers.curvature import Cholesky
from bayesreg.solvers.interior_point import bend_of, deviations
from bayesreg.solvers.objective import penalty_slope, penalty_value
from bayesreg.solvers.several import Optima

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem

Inner = Callable[["Problem", Array], Array]

STEPS = 200  # reweightings from one start: a bound, not a tolerance
ELEMENTAL = 12  # fits of random rows
PERTURBED = 6
ESCAPES = 3  # from saddles
AT_REST = 8.0 * EPS  # of the terms of a slope
TOWARDS = (0.0, 0.3, 0.6, 1.0)  # from Newton's curvature to that of reweighted least squares
NEAR = 1e-8  # of them: where a search has arrived


def solve(problem: Problem, inner: Inner, *, start: Array | None = None, seed: int = 0) -> Solution:
    """Minimise J under a likelihood that is not convex: the lowest of the optima that are seen.

    Parameters
    ----------
    problem : Problem
        With the penalty known.
    inner : callable
        ``inner(touching, b)``: the optimum of the Gaussian problem that touches, from b.
    start : ndarray (p,), optional
        The one start, instead of several.
    seed : int, default 0
        Of the random starts.

    Returns
    -------
    Solution
        `seen` counts distinct optima.

    References
    ----------
    Lange, Little & Taylor (1989), JASA 84(408), §3; Rousseeuw & Leroy (1987), *Robust Regression
    and Outlier Detection*, ch. 5 (elemental fits).
    """
    found, total, tried = Optima(), 0, 0
    starts = _starts(problem, found, np.random.default_rng(seed))
    for first in [problem.loss.at(start)] if start is not None else starts:
        at, steps = descend(problem, inner, first)
        total, tried = total + steps, tried + 1
        if is_settled(problem, at):
            found.add(value_at(problem, at), at.b)
    if not found.seen:
        return Solution(at.b, "irls", total, f"{total} reweightings, none to an optimum", seen=0)
    b = found.best
    beside, least = problem.loss.at(b), found.found[0][0]  # beside that b another γ may be better
    if value_at(problem, beside) < least - 1e-9 * (problem.loss.phi + abs(least)):
        again, steps = descend(problem, inner, beside)
        b, total = again.b, total + steps
    how = f"{total} reweightings from {tried} starts"
    return Solution(b, "irls", total, how, seen=None if start is not None else found.seen)


def is_settled(problem: Problem, at: Point) -> bool:
    """Whether a point is near enough to stationary to be one of the optima."""
    slope, floor = _slope(problem, at)
    k, near = len(at.free), NEAR / AT_REST * floor
    free = np.all(np.abs(slope[:k]) <= near[:k])
    return bool(free and np.all(_held(problem, at.b, slope[k:], near[k:])))


def _held(problem: Problem, b: Array, slope: Array, floor: Array) -> Array:
    """Whether 0 is a subgradient in each column (p,), or of its group where that is 0 as one."""
    kinks = np.where(b != 0.0, 0.0, _kinks(problem))
    out = np.abs(slope) <= kinks + floor
    for block in problem.blocks if problem.penalty.in_groups else ():
        for g in range(len(block.sizes)):
            one = block.columns[block.group == g]
            if np.any(b[one]):
                out[one] = np.abs(slope[one]) <= floor[one]
            elif np.all(kinks[one] > 0.0):
                pull, room = (np.linalg.norm(v[one] / kinks[one]) for v in (slope, floor))
                out[one] = pull <= 1.0 + room
    return np.asarray(out)


def value_at(problem: Problem, at: Point) -> float:
    """J at a point."""
    return at.value + float(penalty_value(problem, at.b))


def least_curvature(problem: Problem, at: Point) -> tuple[float, Array, Index]:
    """The least eigenvalue of J's Hessian along γ and what of b can move, on unit columns.

    Returns
    -------
    value : float
        Relative to a row of curvature one everywhere, so that −1e-9 is rounding.
    direction : ndarray
        Its eigenvector on `face`.
    face : ndarray of int
        Positions in (γ, b).
    """
    face = _face(problem, at)
    if not len(face):
        return 1.0, np.zeros(0), face
    hessian, size = _hessian(problem, at, face)
    values, basis = np.linalg.eigh(hessian / size / size[:, None])
    return float(values[0]), basis[:, 0] / size, face


def _face(problem: Problem, at: Point) -> Index:
    """γ, and of b what is not 0 or has no kink there."""
    k = len(at.free)
    with np.errstate(all="ignore"):
        smooth = _kinks(problem) == 0.0
    return np.concatenate([np.arange(k), k + np.flatnonzero((at.b != 0.0) | smooth)])


def _kinks(problem: Problem) -> Array:
    """How far the penalty's subgradients at 0 reach (p,)."""
    if problem.penalty.in_groups or problem.penalty.linear_quadratic:
        return np.asarray(np.broadcast_to(problem.penalty.l1, (problem.p,)))
    with np.errstate(all="ignore"):
        return penalty_slope(problem, np.zeros(problem.p))


def _hessian(problem: Problem, at: Point, face: Index, part: float = 0.0) -> tuple[Array, Array]:
    """J's Hessian on a face, in part that of reweighted least squares; the size of its columns."""
    loss, k = problem.loss, len(at.free)
    _, bend = loss.bends(at.eta)
    if part:
        bend = bend + part * (loss.working(at)[0] - bend)
    rows = loss.columns[:, face]
    size = np.sqrt(loss.weights @ np.square(rows))
    out = rows.T @ (bend[:, None] * rows)
    penalty = problem.penalty
    if penalty.in_groups or penalty.linear_quadratic:
        l1, l2 = (np.broadcast_to(v, problem.p) for v in (penalty.l1, penalty.l2))
        x = np.concatenate([np.zeros(k), at.b])
        out += deviations(problem, l1, l2).bend(x)[np.ix_(face, face)]
    else:
        out += np.diag(np.concatenate([np.zeros(k), bend_of(problem, at.b)])[face])
    return out, np.where(size > 0.0, size, 1.0)


def descend(problem: Problem, inner: Inner, at: Point, enough: float = 0.0) -> tuple[Point, int]:
    """A local minimum of J from a point, and how many reweightings led there.

    With `enough` above 0 one whose slopes are that small beside their terms will do.
    """
    search, value, escapes, steps = _Search(problem, enough), value_at(problem, at), 0, 0
    while steps < STEPS:
        steps += 1
        at, done = search.newton(at)
        if done:
            away = None if enough or escapes >= ESCAPES else _escape(problem, at)
            if away is None:
                break
            at, escapes = away, escapes + 1
        value = value_at(problem, at)
        new = problem.loss.touched(at, inner(problem.touching(at), at.b))
        after = value_at(problem, new)
        if not after <= value + 8.0 * EPS * abs(value) + problem.loss.room(at):
            break
        still = _still(at.b, new.b) and _still(at.free, new.free)
        at = new
        if still:
            break
    return at, steps


def _still(before: Array, after: Array) -> bool:
    """Whether nothing moved but by rounding."""
    moved = float(np.max(np.abs(after - before), initial=0.0))
    return moved <= 2.0 * EPS * float(np.max(np.abs(after), initial=0.0))


@dataclass(frozen=True, eq=False)
class _Search:
    """Newton's method on faces of one problem."""

    problem: Problem
    enough: float

    @cached_property
    def kinks(self) -> Array:
        """How far the penalty's subgradients at 0 reach (p,)."""
        return _kinks(self.problem)

    def newton(self, at: Point) -> tuple[Point, bool]:
        """Newton steps on the face as long as they lead down; and whether that is an optimum."""
        for _ in range(30):
            k, face = len(at.free), _face(self.problem, at)
            slope, floor = _slope(self.problem, at, self.enough)
            rest = np.abs(slope) <= floor
            if np.all(rest[face]):
                return at, bool(np.all(_held(self.problem, at.b, slope[k:], floor[k:])))
            new = self._step(at, face, slope)
            if new is None:
                return at, False
            at = new
        return at, False

    def _step(self, at: Point, face: Index, slope: Array) -> Point | None:
        """The first step on a face that leads down: Newton's, or one nearer to reweighting's."""
        for part in TOWARDS:
            hessian, _ = _hessian(self.problem, at, face, part)
            factor = Cholesky.of(hessian) if np.all(np.diagonal(hessian) > 0.0) else None
            if factor is None:
                continue
            new = _moved(self.problem, at, face, -factor.solve(slope[face]))
            if np.any((np.sign(new.b) != np.sign(at.b)) & (self.kinks > 0.0)):
                return None
            if self._better(at, new, face, slope):
                return new
        return None

    def _better(self, at: Point, new: Point, face: Index, slope: Array) -> bool:
        """Whether J fell; or, by rounding the same, its slope did."""
        value, after = value_at(self.problem, at), value_at(self.problem, new)
        room = 8.0 * EPS * abs(value) + self.problem.loss.room(at)
        if after < value - room:
            return True
        better = _slope(self.problem, new)[0]
        small = np.max(np.abs(better[face])) < np.max(np.abs(slope[face]))
        return bool(after <= value + room and small)


def _slope(problem: Problem, at: Point, enough: float = 0.0) -> tuple[Array, Array]:
    """J's gradient in (γ, b), kinks at 0 apart, and the rounding of each entry, or what will do."""
    loss, k = problem.loss, len(at.free)
    u, bend = loss.bends(at.eta)
    rows = loss.columns
    slope = rows.T @ u
    with np.errstate(all="ignore"):
        own = np.where(at.b != 0.0, penalty_slope(problem, at.b), 0.0)
    slope[k:] += own
    if enough:
        return slope, enough * (np.abs(rows).T @ np.abs(u))
    x = np.concatenate([at.free, at.b])
    terms = np.abs(rows).T @ (
        np.abs(u) + np.abs(bend) * (np.abs(loss.y) + np.abs(rows) @ np.abs(x))
    )
    terms[k:] += np.abs(own)
    return slope, AT_REST * terms


def _moved(problem: Problem, at: Point, face: Index, step: Array) -> Point:
    """A point of the loss that is a step on a face away, γ as the step has it."""
    loss, k = problem.loss, len(at.free)
    x = np.concatenate([at.free, at.b])
    x[face] += step
    return loss.beside(x[k:], x[:k])


def _escape(problem: Problem, at: Point) -> Point | None:
    """A lower point along a direction of negative curvature, or None."""
    least, direction, face = least_curvature(problem, at)
    if least >= -1e-9:
        return None
    x = np.concatenate([at.free, at.b])[face]
    size, value = float(np.max(np.abs(x), initial=0.0)) or 1.0, value_at(problem, at)
    unit = direction / max(float(np.max(np.abs(direction), initial=0.0)), 1e-300)
    for length in size * np.array([1.0, 0.1, 1e-2, 1e-3, 1e-4]):
        for sign in (1.0, -1.0):
            new = _moved(problem, at, face, sign * length * unit)
            if value_at(problem, new) < value:
                return new
    return None


def _starts(problem: Problem, found: Optima, rng: np.random.Generator) -> Iterator[Point]:
    """b = 0, least squares, least absolute deviations, elemental fits, and perturbations."""
    loss, k = problem.loss, problem.loss.free.shape[1]
    yield loss.origin
    rows, root = loss.columns, np.sqrt(loss.weights)
    trace = 1e-6 * np.sqrt(loss.weights @ np.square(rows))
    trace[:k] = 0.0
    wide = np.vstack([root[:, None] * rows, np.diag(trace)])
    right = np.concatenate([root * loss.target, np.zeros(len(trace))])
    yield _beside(problem, np.linalg.lstsq(wide, right, rcond=None)[0])
    none = np.zeros(problem.p)
    yield _beside(problem, minimise(deviations(problem, none, np.square(trace[k:])))[0])
    q = min(rows.shape[1], max(1, len(loss.y) // 2))
    for _ in range(ELEMENTAL):
        some = rng.choice(len(loss.y), q, replace=False)
        yield _beside(problem, np.linalg.lstsq(rows[some], loss.target[some], rcond=1e-6)[0])
    convex = problem.penalty.linear_quadratic or problem.penalty.in_groups
    for _ in range(0 if convex else PERTURBED):
        yield loss.at(found.perturbed(rng))


def _beside(problem: Problem, x: Array) -> Point:
    """The point of x = (γ, b)."""
    k = problem.loss.free.shape[1]
    return problem.loss.beside(x[k:], x[:k])
