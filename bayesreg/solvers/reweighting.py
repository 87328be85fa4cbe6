r"""Penalties that are not λ₁|u| + ½λ₂u²: minimise a majoriser that is, again and again.

Each step solves a ridge or lasso problem whose objective touches J at u and lies nowhere below, so
that J falls (Hunter & Lange 2004, "A tutorial on MM algorithms", The American Statistician 58(1)).
Newton steps on the smooth face finish to rounding; where its Hessian is indefinite the point is a
saddle and is left along the direction of least curvature. A stationary point is the minimum only
where J is convex; elsewhere the best of many starts is returned, with how many optima were seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from bayesreg.language.arguments import Array
from bayesreg.model.unit_data import EPS
from bayesreg.solvers import coordinate_descent
from bayesreg.solvers.closed_form import minimise_face
from bayesreg.solvers.objective import LIMIT, TINY, Objective, solve_positive

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem

STEPS = 2000  # of reweighting, from one start: a bound, not a tolerance
PERTURBED = 6  # random starts
DROPPED = 8  # largest coefficients that are left out in turn
SAME = 1e-6  # optima closer than this, relative to the largest coefficient, are one


@dataclass(frozen=True, eq=False)
class Optima:
    """The best local optimum, and what else was seen.

    Attributes
    ----------
    b : ndarray (p,)
        The best, in the coordinates of the penalty.
    seen : int
        How many distinct local optima the starts led to.
    starts : int
        From how many starts.
    unique : bool
        Whether J is convex on all that is as good, so that there is no other.
    """

    b: Array
    seen: int
    starts: int
    unique: bool


def solve(problem: Problem, *, start: Array | None = None, seed: int = 0) -> Optima:
    r"""Minimise ½‖ỹ − X̃b‖² + ΣP_j(b_j) from several starts.

    Parameters
    ----------
    problem : Problem
        With σ and scales known.
    start : ndarray (p,), optional
        A start beside those from ridge, lasso, least squares, 0, and perturbations of the best.
    seed : int, default 0
        Of the perturbations.

    Returns
    -------
    Optima

    Raises
    ------
    NotSupported
        If a scale or σ that the penalty needs is unknown.

    References
    ----------
    Lange, Little & Taylor (1989), JASA 84(408), §3 (Student-t as reweighted ridge); Candès et al.
    (2008), "Enhancing sparsity by reweighted ℓ₁ minimization", J. Fourier Anal. Appl. 14,
    §2.2, https://doi.org/10.1007/s00041-008-9045-x (q ≤ 1).

    Examples
    --------
    >>> import bayesreg as br
    >>> from bayesreg.solvers import reweighting
    >>> model = br.Model(br.Cauchy(0.1), br.Gaussian(sigma=1.0))
    >>> problem = model.condition([[1.0], [-1.0]], [4.0, -4.0])
    >>> optima = reweighting.solve(problem)
    >>> optima.b.round(4), optima.seen
    (array([3.7323]), 2)
    """
    objective = Objective.of(problem)
    if not objective.size:
        return Optima(np.zeros(objective.unit.size), 1, 1, unique=True)
    rng, count = np.random.default_rng(seed), 0
    found: list[tuple[float, Array]] = []
    queue: Iterator[Array] = starts(objective)
    if start is not None:
        queue = chain([objective.unit.reduce(start)], queue)
    for u in queue:
        count += 1
        add(objective, found, descend(objective, u))
        if count == 1 and is_unique(objective, found[0][1]):
            return Optima(objective.unit.restore(found[0][1]), 1, 1, unique=True)
    for _ in range(PERTURBED):
        count += 1
        add(objective, found, descend(objective, _perturbed(found, rng)))
    count += improve(objective, found)
    best = found[0][1]
    return Optima(objective.unit.restore(best), len(found), count, is_unique(objective, best))


def improve(objective: Objective, found: list[tuple[float, Array]]) -> int:
    """Single moves from the best optimum until none leads lower; how many were tried."""
    count, before = 0, np.inf
    while found[0][0] < before * (1.0 - 1e-9):  # J falls each time, so this ends
        before = found[0][0]
        for u in _moves(objective, found[0][1]):
            count += 1
            add(objective, found, descend(objective, u))
            if found[0][0] < before * (1.0 - 1e-9):
                break
    return count


def local(problem: Problem, start: Array | None) -> Array:
    """The local optimum that reweighting reaches from b = `start`, or from its first own start."""
    objective = Objective.of(problem)
    if not objective.size:
        return np.zeros(objective.unit.size)
    u = next(starts(objective)) if start is None else objective.unit.reduce(start)
    return objective.unit.restore(descend(objective, u))


def is_unique(objective: Objective, u: Array) -> bool:
    """Whether J is strictly convex wherever it is as low as at u."""
    return objective.inverse(objective.floor_of_bend(u), np.zeros(objective.size)) is not None


def starts(objective: Objective) -> Iterator[Array]:
    """Ridge, zero, lasso, single columns, and least squares where it is unique."""
    unit, size = objective.unit, objective.size
    whole, none = np.arange(size), np.zeros(size)
    scale = np.concatenate([part.scale for part in objective.parts])[
        np.argsort(np.concatenate([part.index for part in objective.parts]))
    ]
    slope = np.minimum(objective.slope(scale), LIMIT)
    with np.errstate(over="ignore", divide="ignore"):
        strong = np.minimum(slope / scale, LIMIT)
    yield minimise_face(unit, whole, none, strong)
    yield none
    top = float(np.max(np.abs(unit.xy)))
    for lam in (slope, *(np.full(size, top * f) for f in (0.3, 0.03))):
        yield coordinate_descent.minimise(unit, lam, none, none)[0]
    for j in np.argsort(-np.abs(unit.xy))[:3]:
        yield np.where(whole == j, unit.xy, 0.0)
    for f in (1e-1, 1e-3):
        yield minimise_face(unit, whole, none, np.full(size, f))
    if not unit.wide and objective.inverse(none, none) is not None:
        yield minimise_face(unit, whole, none, none)


def descend(objective: Objective, start: Array) -> Array:
    """A local minimum, by majorisation with Newton steps; J never rises by more than rounding."""
    u, value, escapes = start, objective.value(start), 0
    for _ in range(STEPS):
        new = _newton(objective, majorised(objective, u))
        change = float(np.max(np.abs(new - u), initial=0.0))
        after = objective.value(new)
        settled = change <= 4.0 * EPS * float(np.max(np.abs(new), initial=0.0))
        u, stalled, value = new, after >= value * (1.0 - EPS), min(value, after)
        if settled or (stalled and _at_rest(objective, u)):
            away = _escape(objective, u) if escapes < 5 else None
            if away is None:
                break
            u, value, escapes = away, objective.value(away), escapes + 1
    return u


def majorised(objective: Objective, u: Array) -> Array:
    """The minimiser of the majoriser at u, by the solvers for ridge and lasso."""
    l1, l2 = objective.majoriser(u)
    if np.any(l1):
        new = coordinate_descent.minimise(objective.unit, l1, l2, u)[0]
    else:
        new = minimise_face(objective.unit, np.arange(objective.size), np.zeros_like(u), l2)
    return np.where(np.abs(new) < TINY, 0.0, new)


def _newton(objective: Objective, u: Array) -> Array:
    """Newton steps on the face of u, as long as J falls or, at its rounding, the residual does."""
    value, r = objective.value(u), objective.residual(u)
    rest = float(np.max(np.abs(r), initial=0.0))
    for _ in range(50):
        new = _newton_step(objective, u, r)
        if new is None:
            break
        after, left = objective.value(new), objective.residual(new)
        size = float(np.max(np.abs(left), initial=0.0))
        rounding = 8.0 * EPS * max(value, EPS)
        if not (after < value - rounding or (after <= value + rounding and size < rest)):
            break
        u, value, r, rest = new, after, left, size
    return u


def _newton_step(objective: Objective, u: Array, r: Array) -> Array | None:
    """u after one step on its face, or None where the Hessian is indefinite or a sign changes.

    Where a convex penalty outbends the data the step is taken in P′ rather than in u, along the
    power law of the same elasticity: for |u|^q, 1 < q < 2, whose P″ is infinite at 0, that is exact
    where plain Newton overshoots.
    """
    convex, kink = objective.convex, objective.kink
    free = convex & (u == 0.0) & (r != 0.0) & (kink == 0.0)
    if np.any(free):
        u = np.where(free & (objective.bend(u) >= 1.0), np.copysign(TINY, r), u)
    face = objective.face(u)
    bend, slope = objective.bend(u)[face], objective.slope(u)[face]
    step = solve_positive(objective.unit, face, bend, r[face])
    if step is None:
        return None
    old = u[face]
    plain = old + step
    if np.any((kink[face] > 0.0) & (np.sign(plain) != np.sign(old))):
        return None
    new = u.copy()
    curved = convex[face] & (bend > 1.0) & (old != 0.0) & (slope > 0.0)
    with np.errstate(all="ignore"):
        target = 1.0 + np.sign(old) * bend * step / slope
        power = slope / (np.abs(old) * bend)
        bent = np.sign(target) * old * np.abs(target) ** power
    new[face] = np.where(curved & np.isfinite(bent), bent, plain)
    return new


def _at_rest(objective: Objective, u: Array) -> bool:
    """Whether the residual is at its rounding."""
    limit = 8.0 * EPS * objective.terms(u)
    return float(np.max(np.abs(objective.residual(u)), initial=0.0)) <= limit


def _escape(objective: Objective, u: Array) -> Array | None:
    """A lower point along the direction of negative curvature, or None at a minimum."""
    least = objective.least_curvature(u)
    if least is None or least.value >= -1e-9:
        return None
    value = objective.value(u)
    size = float(np.max(np.abs(u), initial=0.0))
    for length in size * np.array([1.0, 0.1, 1e-2, 1e-3, 1e-4]):
        for sign in (1.0, -1.0):
            new = u.copy()
            new[least.face] += sign * length * least.direction
            if objective.value(new) < value:
                return new
    return None


def _moves(objective: Objective, u: Array) -> Iterator[Array]:
    """The best single move, and u without each of its largest coefficients, others to take over."""
    moved = _one_move(objective, u)
    if moved is not None:
        yield moved
    for j in np.argsort(-np.abs(u))[:DROPPED]:
        if u[j] != 0.0:
            without = u.copy()
            without[j] = 0.0
            yield without


def _one_move(objective: Objective, u: Array) -> Array | None:
    """u with the one coefficient moved that lowers J most, or None where no single move does."""
    grid = np.concatenate([[0.0], np.geomspace(1e-4, 2.0, 60)])
    grid = np.concatenate([-grid[:0:-1], grid])
    g = objective.unit.gradient(u, np.zeros_like(u))
    best, move = 1e-9 * objective.value(u), None
    cost = objective.cost(u)
    for v in grid * max(float(np.max(np.abs(u))), float(np.max(np.abs(objective.unit.xy)))):
        d = v - u
        gain = np.nan_to_num(cost - objective.cost(np.full_like(u, v))) + d * g - 0.5 * d * d
        j = int(np.argmax(gain))
        if gain[j] > best:
            best, move = float(gain[j]), (j, v)
    if move is None:
        return None
    new = u.copy()
    new[move[0]] = move[1]
    return new


def _perturbed(found: list[tuple[float, Array]], rng: np.random.Generator) -> Array:
    """One of the optima with random signs, sizes and zeros."""
    u = found[int(rng.integers(len(found)))][1]
    size = float(np.max(np.abs(u))) or 1.0
    noise = size * rng.standard_normal(len(u)) * (rng.random(len(u)) < 0.5)
    return np.asarray(u * rng.choice([-1.0, 0.0, 1.0, 1.0], len(u)) + noise)


def add(objective: Objective, found: list[tuple[float, Array]], u: Array) -> None:
    """Keep an optimum if it is new; the lowest first."""
    norm = max(float(np.max(np.abs(u), initial=0.0)), 1e-300)
    value = objective.value(u)
    for k, (other, v) in enumerate(found):
        if float(np.max(np.abs(u - v))) <= SAME * max(norm, float(np.max(np.abs(v)))):
            if value < other:
                found[k] = (value, u)
            break
    else:
        found.append((value, u))
    found.sort(key=lambda pair: pair[0])
