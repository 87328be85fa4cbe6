r"""Newton's method around the solvers of least squares: touch, solve, halve the step until J falls.

    b ← argmin ½‖ỹ_b − X̃_b b‖² + penalty,   the quadratic touching the loss at the b before,

so that coordinate descent, groups and reweighting serve every likelihood: the proximal Newton
method of Lee, Sun & Saunders (2014), SIAM J. Optim. 24(3), and of Friedman, Hastie & Tibshirani
(2010), JSS 33(1), §3. A loss that is one quadratic is touched once, by itself. Where a likelihood
bounds its third derivative by its second, moments are kept for several steps, and none needs a
search (:mod:`bayesreg.solvers.damped_newton`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from bayesreg.language.arguments import Array
from bayesreg.likelihoods import AbsoluteDeviation
from bayesreg.model.loss import Point
from bayesreg.model.unit_data import EPS
from bayesreg.solvers import (
    closed_form,
    coordinate_descent,
    damped_newton,
    group_descent,
    interior_point,
    irls,
    pass_newton,
    reweighting,
)
from bayesreg.solvers.base import Solution
from bayesreg.solvers.certificate import certify
from bayesreg.solvers.objective import penalty_value

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem

# From the problem that touches at b, and b, to its optimum.
Inner = Callable[["Problem", Array], Array]

STEPS = 100  # a bound, not a tolerance: a handful is usual
HALVINGS = 40
STALLS = 3  # steps that change J by no more than its rounding
PERTURBED = 6  # random starts where J is not convex
SAME = 1e-6  # optima closer than this, relative to the largest coefficient, are one


def solve(
    problem: Problem, *, start: Array | None = None, seed: int = 0, enough: float = 0.0
) -> Solution:
    """Minimise J under any likelihood; from several starts where the penalty is not convex.

    Parameters
    ----------
    problem : Problem
        With the penalty known.
    start : ndarray (p,), optional
        Where to start; by default b = 0, or β = 0 where the loss is lower.
    seed : int, default 0
        Of the random starts.
    enough : float, default 0
        Relative change of b below which to stop; 0 goes on to rounding, as a certificate asks.

    Returns
    -------
    Solution
        `iterations` counts quadratics; `seen` optima where J may have several.

    Examples
    --------
    >>> import bayesreg as br
    >>> from bayesreg.solvers import newton
    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [0, 1, 0, 1]
    >>> problem = br.Model(br.Laplace(2.0), br.Bernoulli()).condition(X, y)
    >>> newton.solve(problem).b.round(4)
    array([0.4115])
    """
    if isinstance(problem.likelihood, AbsoluteDeviation):
        return interior_point.solve(problem, start=start, seed=seed)
    inner = inner_of(problem)
    if not problem.likelihood.convex:
        return irls.solve(problem, inner, start=start, seed=seed)
    if problem.stream is not None and not problem.exact:
        return pass_newton.solve(problem, inner, lambda one: solve(one, seed=seed), start)
    first = np.zeros(problem.p) if start is None else np.asarray(start, dtype=float)
    if problem.exact:
        how = "one quadratic is the loss itself"
        if inner is reweighting.local and start is None:
            several = reweighting.solve(problem, seed=seed)
            return Solution(several.b, "newton", 1, how, seen=several.seen)
        return Solution(inner(problem, first), "newton", 1, how)
    if problem.likelihood.self_concordant and problem.penalty.linear_quadratic:
        return _damped(problem, inner, start, enough)
    first = problem.loss.origin.b if start is None else first
    if problem.penalty.linear_quadratic or problem.penalty.in_groups:
        b, count = descend(problem, inner, first, enough)
        return Solution(b, "newton", count, f"{count} quadratics that touch the loss")
    found: list[tuple[float, Array]] = []
    total, tried = 0, 0
    for trial in _starts(problem, first, found, np.random.default_rng(seed)):
        b, count = descend(problem, inner, trial)
        total, tried = total + count, tried + 1
        # Reweighting from 0 may stay there although J falls: only what is stationary is an optimum.
        if certify(problem, b).ok:
            _add(found, objective(problem, problem.loss.at(b)), b)
    how = f"{total} quadratics from {tried} starts"
    return Solution(found[0][1] if found else b, "newton", total, how, seen=len(found))


def _damped(problem: Problem, inner: Inner, start: Array | None, enough: float) -> Solution:
    """On kept moments, where no step needs a search; what rounding leaves, by touching."""
    l1, l2 = problem.l1, problem.l2
    assert l1 is not None
    assert l2 is not None
    found = damped_newton.minimise(
        problem.loss, l1[None], l2[None], start=start, fine=enough == 0.0
    )
    b, count = found.b[0], found.steps
    how = f"{count} lassos about a point, on kept moments"
    if not found.reached[0]:
        b, more = descend(problem, inner, b if np.all(np.isfinite(b)) else problem.loss.origin.b)
        count, how = count + more, f"{how}, and {more} quadratics that touch the loss"
    return Solution(b, "newton", count, how)


def descend(problem: Problem, inner: Inner, start: Array, enough: float = 0.0) -> tuple[Array, int]:
    """A local minimum of J from a start, and how many quadratics that took."""
    at = problem.loss.at(start)
    value, stalled = objective(problem, at), 0
    for step in range(1, STEPS + 1):
        target = inner(problem.touching(at), at.b)
        new, after = _towards(problem, at, value, target)
        if new is None:
            return at.b, step
        moved = float(np.max(np.abs(new.b - at.b), initial=0.0))
        stalled = stalled + 1 if after >= value - 4.0 * EPS * (1.0 + abs(value)) else 0
        at, value = new, min(value, after)
        size = float(np.max(np.abs(at.b), initial=0.0))
        if stalled >= STALLS or moved <= max(2.0 * EPS, enough) * size:
            return at.b, step
    return at.b, STEPS


def inner_of(problem: Problem) -> Inner:
    """The solver of the quadratics: closed form, coordinate or group descent, or reweighting."""
    if problem.penalty.in_groups and not problem.penalty.linear_quadratic:
        return lambda touching, b: group_descent.solve(touching, start=b).b
    if not problem.penalty.linear_quadratic:
        return reweighting.local
    if not np.any(problem.l1):
        return lambda touching, _: closed_form.solve(touching).b
    return lambda touching, b: coordinate_descent.solve(touching, start=b).b


def objective(problem: Problem, at: Point) -> float:
    """J at a point: φ·(−log L) + penalty."""
    return at.value + float(penalty_value(problem, at.b))


def _towards(
    problem: Problem, at: Point, value: float, target: Array
) -> tuple[Point | None, float]:
    """The first of the target and points half as far where J does not rise; None if none is."""
    room = 8.0 * EPS * (1.0 + abs(value))
    for k in range(HALVINGS):
        new = problem.loss.at(at.b + 0.5**k * (target - at.b) if k else target, near=at)
        after = objective(problem, new)
        if after <= value + (room if k == 0 else 0.0):
            return (new if np.any(new.b != at.b) else None), after
    return None, value


def _starts(
    problem: Problem, first: Array, found: list[tuple[float, Array]], rng: np.random.Generator
) -> Iterator[Array]:
    """What was asked for, the optimum of the quadratic at 0, 0, and perturbations of the best."""
    yield first
    yield reweighting.solve(problem.touching(problem.loss.start)).b
    yield np.zeros(problem.p)
    for _ in range(PERTURBED if found else 0):
        b = found[int(rng.integers(len(found)))][1]
        size = float(np.max(np.abs(b), initial=0.0)) or 1.0
        noise = size * rng.standard_normal(len(b)) * (rng.random(len(b)) < 0.5)
        yield b * rng.choice([-1.0, 0.0, 1.0, 1.0], len(b)) + noise


def _add(found: list[tuple[float, Array]], value: float, b: Array) -> None:
    """Keep an optimum if it is new; the lowest first."""
    norm = max(float(np.max(np.abs(b), initial=0.0)), 1e-300)
    for k, (other, known) in enumerate(found):
        if float(np.max(np.abs(b - known), initial=0.0)) <= SAME * norm:
            found[k] = min((other, known), (value, b), key=lambda pair: pair[0])
            break
    else:
        found.append((value, b))
    found.sort(key=lambda pair: pair[0])
