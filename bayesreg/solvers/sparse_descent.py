r"""Lasso and elastic net on sparse columns that are never centred, divided or multiplied out.

Coordinate descent on a working set that holds the columns nearest to the dual ball,

    (λ₁ⱼ − |x̃_j'r̃|) / ‖x̃_j‖ smallest                        (Massias, Gramfort & Salmon 2018, ICML)

r̃ the residual, and on the face of the signs that settle conjugate gradients in place of ever more
epochs. In γ_j, what multiplies a column as it is, J keeps its form with λ₁ⱼ·x_sd_j and λ₂ⱼ·x_sd_j²,
so that no column is divided by its sd. Each round starts from a fresh residual over all columns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bayesreg.data.projected_columns import ProjectedColumns
from bayesreg.language.arguments import Array
from bayesreg.model.unit_data import EPS
from bayesreg.solvers.base import Solution, distance, known_penalty
from bayesreg.solvers.conjugate_gradients import conjugate

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem

Index = NDArray[np.intp]
FIRST = 100  # columns of the first working set
ROUNDS = 100  # of working sets: a bound
GOAL = 2e-11  # of max|x̃_j'ỹ|, where a certificate asks for 1e-10
LOOSE = 0.03  # of the worst violation, to which a working set is solved
EPOCHS = 60  # between two steps on a face
TURNS = 200  # of epochs and faces in a round: a bound
STEPS = 500  # of conjugate gradients on a face


def solve(problem: Problem, *, start: Array | None = None) -> Solution:
    """Minimise ½‖ỹ − X̃b‖² + Σλ₁ⱼ|bⱼ| + ½Σλ₂ⱼbⱼ² on sparse columns.

    Parameters
    ----------
    problem : Problem
        Its X sparse and wide, with λ known.
    start : ndarray (p,), optional
        Zero by default; from a near optimum much less is to be done.

    Returns
    -------
    Solution
        `iterations` counts epochs; coefficients at zero are exactly zero.

    Raises
    ------
    NotSupported
        If λ depends on an unknown.

    References
    ----------
    Massias, Gramfort & Salmon (2018), "Celer: a fast solver for the lasso with dual extrapolation",
    ICML; Friedman, Hastie & Tibshirani (2010), JSS 33(1).
    """
    quadratic = problem.quadratic
    l1, l2 = known_penalty(problem)
    assert quadratic.columns is not None
    first = np.zeros(problem.p) if start is None else np.asarray(start, dtype=float)
    size = quadratic.divisor
    gamma, epochs, rounds = minimise(
        quadratic.columns, l1 * size, l2 * np.square(size), first / size
    )
    how = f"{epochs} epochs on {rounds} working set(s), a residual over all columns after each"
    return Solution(gamma * size, "coordinate_descent", epochs, how)


def minimise(
    columns: ProjectedColumns, l1: Array, l2: Array, start: Array
) -> tuple[Array, int, int]:
    """Minimiser in units of the columns as they are, number of epochs, and of working sets."""
    live = columns.squares > 0.0
    norms = np.sqrt(np.where(live, columns.squares, 1.0))
    l1, l2 = (np.ascontiguousarray(np.broadcast_to(one, live.shape)) for one in (l1, l2))
    gamma, total = np.where(live, start, 0.0), 0
    goal = GOAL * float(np.max(np.abs(columns.transposed(columns.y)) / norms, initial=0.0))
    room, before, polished = FIRST, np.inf, False
    for rounds in range(1, ROUNDS + 1):
        r = columns.residual(gamma)
        g = columns.transposed(r) - l2 * gamma
        away = np.where(live, distance(g, l1, gamma) / norms, 0.0)
        worst, busy = float(np.max(away, initial=0.0)), (gamma != 0.0) | (l1 == 0.0)
        floor = 2.0 * EPS * float(np.linalg.norm(r) + norms @ np.abs(gamma))
        if worst <= max(goal, floor) or (rounds > 3 and worst >= before and worst <= 4.0 * floor):
            if polished:
                return gamma, total, rounds
            polished = True
            _on_face(columns, l1, l2, np.flatnonzero(live & busy), gamma)
            continue
        before, polished = worst, False
        work, room = _nearest(live, busy, (l1 - np.abs(g)) / norms, room)
        total += _settle(columns, l1, l2, work, gamma, r, max(0.5 * goal, LOOSE * worst))
    return gamma, total, ROUNDS


def _nearest(
    live: NDArray[np.bool_], busy: NDArray[np.bool_], ball: Array, room: int
) -> tuple[Index, int]:
    """Busy columns, and as many again of those nearest to the dual ball."""
    count = int(np.count_nonzero(busy & live))
    room = max(room, 2 * count)
    ranked = np.where(busy, -np.inf, np.where(live, ball, np.inf))
    chosen = np.arange(len(ranked))
    if room < len(ranked):
        chosen = np.argpartition(ranked, room)[:room]
    return np.sort(chosen[live[chosen]]), room


def _settle(
    columns: ProjectedColumns,
    l1: Array,
    l2: Array,
    work: Index,
    gamma: Array,
    r: Array,
    tolerance: float,
) -> int:
    """Solve on a working set, in place: epochs, and steps on a face whose signs have settled."""
    from bayesreg.solvers.sparse_epochs import descend  # numba, which no dense X waits for

    matrix, total = columns.matrix, 0
    s = np.zeros(len(columns.along))
    penalties = (columns.squares, l1, l2, work, gamma)
    parts = (matrix.indptr, matrix.indices, matrix.data, columns.along, *penalties)
    for _ in range(TURNS):
        signs = np.sign(gamma[work])
        done = descend(*parts, r, s, tolerance, EPOCHS)
        total += done
        if done < EPOCHS:
            break
        if np.array_equal(signs, np.sign(gamma[work])):
            _on_face(columns, l1, l2, work[(gamma[work] != 0.0) | (l1[work] == 0.0)], gamma)
            r[:] = columns.residual(gamma)
            s[:] = 0.0
    return total


def _on_face(columns: ProjectedColumns, l1: Array, l2: Array, face: Index, gamma: Array) -> None:
    """To the minimiser on a face, in place, or on the way to it until a first sign changes."""
    part, old = columns.take(face), gamma[face]
    shift = l1[face] * np.sign(old)
    g = part.transposed(part.residual(old)) - l2[face] * old - shift
    change, _ = conjugate(
        lambda v: part.transposed(part.times(v)) + l2[face] * v,
        g,
        part.squares + l2[face],
        STEPS,
    )
    new = old + change
    wrong = (l1[face] > 0.0) & (np.sign(new) != np.sign(old))
    if np.any(wrong):
        ratio = np.where(wrong, old / np.where(wrong, old - new, 1.0), np.inf)
        first = int(np.argmin(ratio))
        new = old + ratio[first] * (new - old)
        new[first] = 0.0
    gamma[face] = new
