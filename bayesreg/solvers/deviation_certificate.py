r"""What certifies an optimum of absolute deviations: a dual point found at b, not by its solver.

u_i = −w_i sign(y_i − η_i) where a row is not met, and any number from −w_i to w_i where it is. Of
these the u nearest to F'u = 0 and −Z'u ∈ ∂penalty is sought: what is left is the distance of 0
from the subdifferential of J, and u bounds J(b) − min J by Fenchel's inequality. Rows that are
nearly met may take part in the bound, which then allows for b that was found to fewer digits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bayesreg.language.arguments import Array
from bayesreg.model.least_absolute import Deviations, Mask, Subgradient
from bayesreg.model.unit_data import Index
from bayesreg.solvers import loss_gaps
from bayesreg.solvers.interior_point import bend_of, deviations, subgradient
from bayesreg.solvers.objective import penalty_slope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bayesreg.model.loss import Point
    from bayesreg.model.problem import Problem

NEARLY = (1e-9, 1e-7, 1e-5)  # of a typical deviation
STRICT = 1.0 - 1e-9


@dataclass(frozen=True)
class Verdict:
    """The gap, where J is convex; the KKT residual; whether b is alone; whether J falls from it."""

    gap: float | None
    kkt: float
    unique: bool | None
    saddle: bool


def judge(
    problem: Problem,
    at: Point,
    sd: Array,
    lams: tuple[Array, Array] | None,
    groups: Sequence[Index],
) -> Verdict:
    """Judge b at a point of the loss, on columns of these sds.

    Parameters
    ----------
    problem : Problem
        Under a likelihood of absolute deviations.
    at : Point
    sd : ndarray (p,)
        Of the columns; 0 where one is zero.
    lams : pair of ndarray (p,), or None
        λ₁ and λ₂ where they are the penalty.
    groups : sequence of ndarray of int
        The columns of each norm, or none where λ₁ is by column.
    """
    x, k = np.concatenate([at.free, at.b]), len(at.free)
    own = deviations(problem, *(lams or (np.zeros(problem.p),) * 2))
    met = own.met(x)
    found = subgradient(problem, x, met)
    kkt = float(np.max(np.abs(found.rest[k:]) / np.where(sd > 0.0, sd, np.inf), initial=0.0))
    if not own.at_rest(np.where(np.arange(len(x)) < k, found.rest, 0.0)):
        kkt = np.inf  # γ is not at its best beside this b
    if lams is None:
        return Verdict(None, kkt, None, _falls(problem, own, x, met))
    gap = _gap(problem, at, lams, groups, found)
    return Verdict(gap, kkt, _unique(own, x, found, met), saddle=False)


def terms_of(problem: Problem, at: Point, sd: Array) -> float:
    """The terms of a slope on columns of sd one, whose rounding is its floor."""
    loss = problem.loss
    terms = loss.weights @ np.abs(loss.proper)
    with np.errstate(all="ignore"):
        terms = terms + np.where(at.b != 0.0, np.abs(penalty_slope(problem, at.b)), 0.0)
    return float(np.max(np.where(sd > 0.0, terms / np.where(sd > 0.0, sd, 1.0), 0.0), initial=0.0))


def _gap(
    problem: Problem,
    at: Point,
    lams: tuple[Array, Array],
    groups: Sequence[Index],
    found: Subgradient,
) -> float:
    """The least bound of those by rows that are met, and by rows that nearly are."""
    loss, x = problem.loss, np.concatenate([at.free, at.b])
    best = loss_gaps.gap(loss, at, *lams, groups, u=_free(problem, found.u))
    rest = np.abs(loss.y - at.eta)
    typical = float(np.average(rest, weights=loss.weights))
    for share in NEARLY:
        if best <= 1e-10 * typical * float(loss.weights.sum()):
            break
        near = subgradient(problem, x, rest <= share * typical)
        best = min(best, loss_gaps.gap(loss, at, *lams, groups, u=_free(problem, near.u)))
    if groups or best <= 1e-10 * typical * float(loss.weights.sum()):
        return best
    return min(best, loss_gaps.beside(loss, at, *lams, u=_free(problem, found.u)))


def _free(problem: Problem, u: Array) -> Array:
    """The nearest u to one with F'u = 0 to rounding, moved where there is room on both sides."""
    loss = problem.loss
    for _ in range(2):
        room = np.minimum(loss.weights - np.abs(u), np.abs(u) + loss.weights)
        room = np.where(room > 1e-9 * loss.weights, room, 0.0)
        system = loss.free.T @ (room[:, None] * loss.free)
        move = room * (loss.free @ np.linalg.lstsq(system, loss.free.T @ u, rcond=None)[0])
        u = np.clip(u - move, -loss.weights, loss.weights)
    return u


def _unique(own: Deviations, x: Array, found: Subgradient, met: Mask) -> bool | None:
    """Whether no direction leaves J as it is; None where rows without room leave that open."""
    pull = np.abs(own.rows.T @ found.u)
    moving = (own.l1 == 0.0) | (x != 0.0)
    open_ = moving | (pull >= own.l1 * STRICT)
    if _rank(own, found.strict, open_) == int(open_.sum()):
        return True
    return None if _rank(own, met, moving) == int(moving.sum()) else False


def _rank(own: Deviations, rows: Mask, columns: Mask) -> int:
    """Of rows that are met and of λ₂, on some columns of size one."""
    part = np.vstack([own.rows[rows], np.diag(np.sqrt(own.l2))])[:, columns]
    size = np.abs(own.rows).max(axis=0, initial=0.0)[columns]
    part = part / np.where(size > 0.0, size, 1.0)
    part[:, size == 0.0] = 0.0
    return int(np.linalg.matrix_rank(part)) + int(np.sum(size == 0.0)) if part.size else 0


def _falls(problem: Problem, own: Deviations, x: Array, met: Mask) -> bool:
    """Whether J falls along a direction that leaves rows met and zeros zero: a saddle."""
    k = len(x) - problem.p
    moving = np.flatnonzero((np.arange(len(x)) < k) | (x != 0.0))
    rows = own.rows[np.ix_(met, moving)]
    size = np.linalg.norm(own.rows[:, moving], axis=0)
    size = np.where(size > 0.0, size, 1.0)
    _, values, basis = np.linalg.svd(rows / size)
    rank = int(np.sum(values > 1e-12 * max(values, default=0.0)))
    null = basis[rank:].T / size[:, None]
    bend = np.concatenate([np.zeros(k), bend_of(problem, x[k:])])[moving]
    if not null.shape[1]:
        return False
    least = float(np.linalg.eigvalsh(null.T @ (bend[:, None] * null))[0])
    return least < -1e-9 * float(problem.loss.weights.mean())
