"""Certificates of a whole path: the gradients at all λ's from one product of matrices.

The bounds are those of :mod:`bayesreg.solvers.certificate`, with a gradient in double precision in
place of one in extended precision; what rounding can have hidden there is added to the KKT
residual. A λ at which that is not enough is certified by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bayesreg.language.arguments import Array
from bayesreg.model.unit_data import EPS, Index, UnitData
from bayesreg.solvers import loss_gaps
from bayesreg.solvers.base import distance, terms
from bayesreg.solvers.certificate import (
    GAP_TOLERANCE,
    KKT_TOLERANCE,
    ROUNDING,
    Certificate,
    Judged,
    certify,
    conclude,
    concluded,
)
from bayesreg.solvers.gaps import hidden
from bayesreg.solvers.groups import group_distance

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem

NUMBERS = 2**22  # of rows times λ's that are judged at once


def certify_path(
    problem: Problem,
    l1: Array,
    l2: Array,
    b: Array,
    *,
    at: Callable[[int], Problem],
) -> tuple[Certificate, ...]:
    """Bound how far each row of b is from the minimum of its J.

    Parameters
    ----------
    problem : Problem
        Its data; not its own λ.
    l1, l2 : ndarray (L, p)
        Penalties per proper column.
    b : ndarray (L, p)
        Coefficients in the coordinates of the penalty.
    at : callable
        The problem with the k-th λ, for what needs a certificate of its own.

    Returns
    -------
    tuple of Certificate
        `unique` is None where it was not looked into: that is an eigenvalue problem per λ.
    """
    unit = problem.quadratic.unit
    b = np.asarray(b, dtype=float)
    out = np.ones(unit.size, dtype=bool)
    out[unit.kept] = False
    plain = np.all(np.isfinite(b), axis=1) & ~np.any(b[:, out], axis=1)
    u = np.where(plain[:, None], b[:, unit.kept], 0.0) * (unit.norms / unit.y_norm)
    first, second = unit.penalties(l1, l2)
    if not u.shape[1] or problem.penalty.in_groups:
        return tuple(certify(at(k), row) for k, row in enumerate(b))
    gaps, kkt, floor, values = _judge(unit, first, second, u)
    if problem.design is None:
        gaps = gaps + hidden(unit, floor, second.min(axis=1))
    only = np.all(second > 0.0, axis=1)
    sizes, found = np.abs(u).sum(axis=1).tolist(), []
    for k, size in enumerate(sizes):
        unique = True if only[k] else None
        judged = Judged(float(gaps[k]), float(kkt[k]), float(floor[k]), unique, float(values[k]))
        one = conclude(problem, unit, size, judged) if plain[k] else None
        found.append(one if one is not None and one.ok else certify(at(k), b[k]))
    return tuple(found)


def certify_loss_path(
    problem: Problem,
    l1: Array,
    l2: Array,
    b: Array,
    *,
    at: Callable[[int], Problem],
    free: Array | None = None,
    groups: Sequence[Index] = (),
) -> tuple[Certificate, ...]:
    """The same under a loss that is not one quadratic.

    Parameters
    ----------
    free : ndarray (L, k), optional
        γ from which to look for the best beside each b; what it is said to be changes no verdict.
    groups : sequence of ndarray of int
        The columns of each, where norms of groups are penalised.
    """
    loss, b = problem.loss, np.asarray(b, dtype=float)
    found: list[Certificate | None] = [None] * len(b)
    if problem.likelihood.self_concordant and b.shape[1] and np.all(np.isfinite(b)):
        limit = GAP_TOLERANCE * loss.null_gap
        sd = problem.column_sd[problem.proper] / problem.x_sd[problem.proper]
        live = sd > 0.0
        pull = np.abs(loss.slope(loss.origin))[live] / sd[live]
        most = KKT_TOLERANCE * float(np.max(pull, initial=0.0))
        size = max(1, NUMBERS // len(loss.y))
        for first in range(0, len(b), size):
            part = slice(first, first + size)
            start = None if free is None else free[part]
            lams = l1[part], l2[part]
            gaps, kkt = _judge_losses(problem, lams, b[part], start, sd, groups)
            for k, (gap, rest) in enumerate(zip(gaps, kkt, strict=True), first):
                if gap <= limit and rest <= most and not np.any(b[k][~live]):
                    only = True if np.all(l2[k] > 0.0) else None
                    judged = Judged(float(gap), float(rest), 0.0, only)
                    found[k] = concluded(problem, judged, limit, most)
    pairs = enumerate(zip(found, b, strict=True))
    return tuple(one or certify(at(k), row) for k, (one, row) in pairs)


def _judge_losses(
    problem: Problem,
    lams: tuple[Array, Array],
    b: Array,
    free: Array | None,
    sd: Array,
    groups: Sequence[Index],
) -> tuple[Array, Array]:
    """Gap and KKT residual of every row, in nats and on columns of sd one."""
    loss, (l1, l2) = problem.loss, lams
    eta, u, h = loss.settled(b, free)
    pull = -(u @ loss.proper) - l2 * b
    left = group_distance(pull, l1, b, groups) if groups else distance(pull, l1, b)
    kkt = np.where(sd > 0.0, left, 0.0) / np.where(sd > 0.0, sd, 1.0)
    return loss_gaps.gaps(loss, b, eta, (u, h), l1, l2, groups), np.max(kkt, axis=1, initial=0.0)


def _judge(unit: UnitData, l1: Array, l2: Array, u: Array) -> tuple[Array, Array, Array, Array]:
    """Gap, KKT residual, rounding floor and J of every row."""
    g, rr, count = _gradients(unit, u)
    size = np.abs(u).sum(axis=1)
    level = np.asarray(terms(u, l2))
    curved = np.sum(l2 * u * u, axis=1)
    value = 0.5 * (rr + curved) + np.sum(l1 * np.abs(u), axis=1)
    rr = rr + count * EPS * level**2 + curved
    g -= l2 * u
    floor, hidden = ROUNDING * level, count * EPS * level
    kkt = np.max(distance(g, l1, u), axis=1) + hidden
    steep = np.abs(g) + hidden[:, None]
    if not np.any(l1):
        with np.errstate(divide="ignore", invalid="ignore"):
            gaps = 0.5 * np.sum(steep**2 / l2, axis=1)
        return gaps, kkt, floor, value  # ½g'(G + Λ₂)⁻¹g is at most ½g'Λ₂⁻¹g
    bound = l1 + floor[:, None]
    allowed = np.min(np.divide(bound, np.maximum(steep, bound, out=steep), out=steep), axis=1)
    few = np.flatnonzero(u.any(axis=0))
    l1, u, g = l1[:, few], u[:, few], g[:, few]
    s = np.minimum(1.0 + np.einsum("ij,ij->i", u, g) / rr, allowed)
    s = np.maximum(s, -allowed)
    linear = np.sum(l1 * np.abs(u) - s[:, None] * u * g, axis=1)
    return 0.5 * (1.0 - s) ** 2 * rr + np.abs(linear) + hidden * size, kkt, floor, value


def _gradients(unit: UnitData, u: Array) -> tuple[Array, Array, int]:
    """X'(y − Xu) and ‖y − Xu‖² by rows, and how many terms their sums have."""
    support = np.flatnonzero(np.any(u, axis=0))
    few = 2 * len(support) <= u.shape[1]
    short = u[:, support] if few else u
    if unit.X is not None and unit.y is not None:
        residual = unit.y - short @ (unit.X[:, support] if few else unit.X).T
        count = len(support) + len(unit.y) + 2
        return residual @ unit.X, np.einsum("ij,ij->i", residual, residual), count
    g = unit.xy - short @ (unit.gram[support] if few else unit.gram)
    rr = unit.y_square - np.einsum("ij,ij->i", u, unit.xy + g)
    return g, np.maximum(rr, 0.0), len(support) + 2
