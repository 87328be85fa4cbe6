"""What solvers share: what they give back, and how a gradient is judged and a solution refined.

A solver works on `Quadratic.unit`, in u_j = ‖x_j‖·b_j/‖y‖, where columns and y have norm one.
J/‖y‖² keeps its form with λ₁ⱼ/(‖x_j‖‖y‖) and λ₂ⱼ/‖x_j‖² in place of λ₁ⱼ and λ₂ⱼ, so that no unit of
measurement of a column or of y, however extreme, reaches the arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bayesreg.language.arguments import Array
from bayesreg.model.unit_data import EPS, Extended, Index, Map
from bayesreg.priors import Majorised

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem


@dataclass(frozen=True, eq=False)
class Solution:
    """What a solver reached; whether that is the optimum, only a certificate can say.

    Attributes
    ----------
    b : ndarray (p,)
        Coefficients of the proper columns, in the coordinates of the penalty.
    solver : str
        Name of the solver.
    iterations : int
        Steps taken, in the unit that `message` names.
    message : str
        How it was reached, in words.
    seen : int or None
        How many distinct optima a search from several starts met; None where one is all.
    """

    b: Array
    solver: str
    iterations: int
    message: str
    seen: int | None = None


def known_penalty(problem: Problem) -> tuple[Array, Array]:
    """λ₁ and λ₂ (p,) of a problem, or NotSupported where they depend on an unknown."""
    problem.quadratic.unit.penalty(problem.l1, problem.l2)
    assert problem.l1 is not None
    assert problem.l2 is not None
    return np.broadcast_to(problem.l1, (problem.p,)), np.broadcast_to(problem.l2, (problem.p,))


def lams_at(problem: Problem, b: Array) -> tuple[Array, Array] | None:
    """λ₁ and λ₂ (p,) where they say all of the penalty, whatever families it comes from."""
    l1, l2 = np.zeros(problem.p), np.zeros(problem.p)
    for block in problem.blocks:
        prior, columns = block.prior, block.columns
        assert isinstance(prior, Majorised)
        if not prior.exact:
            return None
        scale = problem.effective_scale(block, problem.sigma or 1.0)
        l1[columns], l2[columns] = prior.majoriser(b[columns], problem.penalty.root or 1.0, scale)
    return l1, l2


def terms(u: Array, l2: Array) -> Array | float:
    """Bound of the terms that cancel in a gradient at u (…, q), whose rounding is its floor."""
    size = np.abs(u)
    return 1.0 + size.sum(axis=-1) + np.max(l2 * size, axis=-1, initial=0.0)


def distance(g: Array, l1: Array, u: Array) -> Array:
    """Distance of 0 from the subdifferential of J per coordinate, g being X'(y − Xu) − λ₂u."""
    moving = np.abs(g - l1 * np.sign(u))
    return np.where(u != 0.0, moving, np.maximum(np.abs(g) - l1, 0.0))


def working_set(busy: Array, excess: Array, first: int) -> Index:
    """Columns or groups to descend on: the busy ones, and as many again by how far they violate.

    There are `first` at least, and all of them where there are no more.
    """
    room = max(first, 2 * int(np.count_nonzero(busy)))
    if len(busy) <= room:
        return np.arange(len(busy))
    priority = np.where(busy, np.inf, excess)
    chosen = np.argpartition(-priority, room)[:room]
    return np.sort(chosen[priority[chosen] > 0.0])


def refine(
    start: Array, residual: Callable[[Extended], Array], solve: Map, *, patience: int = 0
) -> Extended:
    """Iterative refinement: add solve(residual(x)) to x as long as these changes shrink.

    Parameters
    ----------
    start : ndarray
        Where to begin; zero, or a first solution.
    residual, solve : callable
        Right side minus matrix times x, in extended precision; and an approximate inverse, which
        may give up with NaN.
    patience : int, default 0
        How often a change may be more than half of the smallest one so far.

    References
    ----------
    Wilkinson (1963), "Rounding Errors in Algebraic Processes", ch. 3; Björck (1996), "Numerical
    Methods for Least Squares Problems", §2.9.
    """
    x, smallest = start.astype(np.longdouble), float(np.max(np.abs(start), initial=0.0)) or np.inf
    for _ in range(50):
        change = solve(residual(x))
        size = float(np.max(np.abs(change), initial=0.0))
        patience -= not size <= 0.5 * smallest
        if patience < 0 or not size <= 2.0 * smallest:
            break
        x = x + change
        smallest = min(size, smallest)
        if size <= EPS * float(np.max(np.abs(x), initial=0.0)):
            break
    return x
