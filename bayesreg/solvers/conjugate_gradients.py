r"""Ridge on sparse columns by conjugate gradients, whose products never form X'X.

    A d = g,   A = X̃'X̃ + Λ₂,   preconditioned by diag(A),   restarted at the true residual

until the gradient of J is at rest. A is no smaller than Λ₂, so J(b) − min J ≤ ½Σg_j²/λ₂ⱼ.
Hestenes & Stiefel (1952), "Methods of conjugate gradients for solving linear systems", J. Research
NBS 49(6).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bayesreg.data.projected_columns import ProjectedColumns
from bayesreg.language.arguments import Array
from bayesreg.model.unit_data import EPS, Map
from bayesreg.solvers.base import Solution, known_penalty

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem

STEPS = 5_000  # in all restarts: a bound, not a tolerance
RESTARTS = 12
ACCURACY = 1e-13  # of a restart, relative to the gradient that it began with


def solve(problem: Problem, *, start: Array | None = None) -> Solution:
    """Minimise ½‖ỹ − X̃b‖² + ½Σλ₂ⱼbⱼ² on sparse columns.

    Parameters
    ----------
    problem : Problem
        Its X sparse and wide, with λ known.
    start : ndarray (p,), optional
        Zero by default.

    Raises
    ------
    NotSupported
        If λ depends on an unknown.
    """
    quadratic = problem.quadratic
    _, l2 = known_penalty(problem)
    assert quadratic.columns is not None
    first = np.zeros(problem.p) if start is None else np.asarray(start, dtype=float)
    size = quadratic.divisor
    gamma, steps = ridge(quadratic.columns, l2 * np.square(size), first / size)
    return Solution(
        gamma * size, "conjugate_gradients", steps, f"{steps} products with X̃ and its transpose"
    )


def ridge(columns: ProjectedColumns, l2: Array, start: Array) -> tuple[Array, int]:
    """The minimiser of ½‖ỹ − X̃γ‖² + ½Σl2ⱼγⱼ² and how many steps it took."""
    return normal_equations(columns, l2, columns.y, np.zeros(len(l2)), start)


def normal_equations(
    columns: ProjectedColumns,
    l2: Array,
    y: Array,
    shift: Array,
    start: Array,
    enough: float = 16.0 * EPS,
) -> tuple[Array, int]:
    """The solution γ of (X̃'X̃ + diag(l2))γ = X̃'y + shift, and how many steps it took.

    Until the gradient, on columns of norm one, is `enough` of that at 0, or at rounding.
    """
    diagonal = columns.squares + l2
    diagonal = np.where(diagonal > 0.0, diagonal, 1.0)
    norms = np.sqrt(np.where(columns.squares > 0.0, columns.squares, 1.0))
    gamma, total, before = start.copy(), 0, np.inf
    scale = float(np.max(np.abs(columns.transposed(y) + shift) / norms, initial=0.0))
    for _ in range(RESTARTS):
        g = columns.transposed(y - columns.times(gamma)) + shift - l2 * gamma
        size = float(np.max(np.abs(g) / norms, initial=0.0))
        if size <= enough * scale or not size < 0.5 * before or total >= STEPS:
            break
        before = size
        change, steps = conjugate(
            lambda v: columns.transposed(columns.times(v)) + l2 * v, g, diagonal, STEPS - total
        )
        gamma, total = gamma + change, total + steps
    return gamma, total


def conjugate(product: Map, right: Array, diagonal: Array, most: int) -> tuple[Array, int]:
    """x with Ax = right by conjugate gradients from zero, and how many steps it took."""
    x, r = np.zeros_like(right), right.copy()
    z = r / diagonal
    direction, rho = z, float(r @ z)
    target = ACCURACY**2 * rho
    for step in range(most):
        image = product(direction)
        curvature = float(direction @ image)
        if not (rho > target and curvature > 0.0):
            return x, step
        length = rho / curvature
        x += length * direction
        r -= length * image
        z = r / diagonal
        rho, old = float(r @ z), rho
        direction = z + (rho / old) * direction
    return x, most
