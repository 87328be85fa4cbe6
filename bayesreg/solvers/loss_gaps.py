r"""The duality gap of a loss that is not one quadratic, at one point and at many.

    gap = Σ w_i FY(η_i, u_i/w_i) + Σ_g [P_g(b_g) + P_g*(−v_g) + b_g'v_g],  v = Z'u

bounds J(b) − min J for J = L + Σ_g P_g, P_g = ‖(λ₁b)_g‖ + ½Σ_g λ₂b², at any u with F'u = 0 in the
domain of the conjugate of L. By Fenchel's inequality each of these terms is at least 0, and nothing
cancels. Boyd & Vandenberghe (2004), "Convex Optimization", §5.7; Ndiaye et al. (2017), "Gap safe
screening rules for sparsity enforcing penalties", JMLR 18(128), §3.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bayesreg.language.arguments import Array
from bayesreg.model.loss import EPS, Index, Loss, Point, solved

FEASIBLE = 1e-9  # of the terms of F'u: what may be left of them
HIDDEN = 8.0 * EPS  # of the terms of Z'u: what their rounding may be
LEAST = 1e-9  # of the largest curvature or room, below which a row gives nothing


def gap(
    loss: Loss,
    at: Point,
    l1: Array,
    l2: Array,
    groups: Sequence[Index] = (),
    *,
    u: Array | None = None,
) -> float:
    """Bound of J(b) − min J from a feasible point of the dual.

    The residual u is made feasible: F'u = 0, then scaled until no group's ‖(Z'u/λ₁)_g‖ exceeds 1
    where λ₂ is 0. f's conjugate is finite on an interval around 0, so scaling never leaves it. A u
    that is given with F'u = 0 serves as it is.
    """
    if u is None:
        u = _feasible(loss, loss.residual(at), at)
    left = np.abs(loss.free.T @ u)
    _, h = loss.bends(at.eta)
    terms = FEASIBLE * np.abs(u) + 4.0 * EPS * h * (1.0 + np.abs(at.eta))  # η's own rounding
    if np.any(left > np.abs(loss.free.T) @ terms):
        return float("inf")  # γ is not at its best, so u bounds nothing
    return float(_bounds(loss, at.b[None], at.eta[None], u[None], l1[None], l2[None], groups)[0])


def gaps(
    loss: Loss,
    b: Array,
    eta: Array,
    bends: tuple[Array, Array],
    l1: Array,
    l2: Array,
    groups: Sequence[Index] = (),
) -> Array:
    """:func:`gap` of coefficients (L, p) under penalties (L, p), all at once."""
    u, h = bends
    left = u @ loss.free
    for row, (bend, slope) in enumerate(zip(h, left, strict=True)):
        u[row] -= bend * (loss.free @ loss.free_solved(bend, slope))
    open_ = np.abs(u @ loss.free) > FEASIBLE * (np.abs(u) @ np.abs(loss.free))
    total = _bounds(loss, b, eta, u, l1, l2, groups)
    return np.where(open_.any(axis=1), np.inf, total)


def penalty_gap(b: Array, v: Array, l1: Array, l2: Array, groups: Sequence[Index]) -> float:
    """The terms of the gap that the penalty has, at v = Z'u; ∞ where λ₂ is 0 and v too large."""
    one = b[None], v[None], l1[None], l2[None]
    if float(_largest_pulls(*one[1:], groups)[0]) > 1.0:
        return float("inf")
    if not groups:
        return float(np.sum(_penalty_gaps(*one)))
    return float(sum(_group_gaps(*(part[:, g] for part in one))[0] for g in groups))


def _bounds(
    loss: Loss, b: Array, eta: Array, u: Array, l1: Array, l2: Array, groups: Sequence[Index]
) -> Array:
    """The gap (L,) at u (L, n) with F'u = 0, scaled first."""
    v = u @ loss.proper
    pull = _largest_pulls(v, l1, l2, groups)[:, None]
    u, v = u / pull, v / pull
    with np.errstate(invalid="ignore"):
        distance = loss.likelihood.fenchel_young(loss.y, eta, u / loss.weights, loss.theta)
    total = distance @ loss.weights
    if not groups:
        return np.asarray(total + np.sum(_penalty_gaps(b, v, l1, l2), axis=1))
    return total + sum(_group_gaps(b[:, g], v[:, g], l1[:, g], l2[:, g]) for g in groups)


def beside(loss: Loss, at: Point, l1: Array, l2: Array, u: Array | None = None) -> float:
    """The bound of J(b) − min J from the point of the dual beside u that b's penalty has.

    u − DM(M'DM)⁻¹m, M = [F Z] and D what a row can give, its curvature or, where it has none, its
    room, has the products 0 and −(λ₁ sign b + λ₂b), and of columns at 0 at most λ₁. Where a penalty
    is small beside the terms of Z'u float64 does not hold the feasible u to the digits of λ₁; it
    holds how far that is from u, and by how much it costs more: ½m'(M'DM)⁻¹m. That is of second
    order in what b is off, so that neither that nor the rounding of b is in the bound; ∞ far from
    the optimum, where there is no such point.

    Parameters
    ----------
    loss : Loss
    at : Point
        Of b, γ at its best.
    l1, l2 : ndarray (p,)
    u : ndarray (n,), optional
        The loss's residual unless given.
    """
    u = loss.residual(at) if u is None else u
    v, active = loss.proper.T @ u, at.b != 0.0
    wanted = np.where(active, -(l1 * np.sign(at.b) + l2 * at.b), np.clip(v, -l1, l1))
    moved = np.flatnonzero(active | (v != wanted))
    rows = np.hstack([loss.free, loss.proper[:, moved]])
    target = np.concatenate([np.zeros(loss.free.shape[1]), wanted[moved]])
    room = loss.weights - np.abs(u) if loss.kinked else loss.bends(at.eta)[1]
    given = np.where(room > LEAST * np.max(room, initial=0.0), room, 0.0)
    system = rows.T @ (given[:, None] * rows)
    size = np.sqrt(np.diagonal(system))
    size = np.where(size > 0.0, size, 1.0)
    system = system / size / size[:, None]
    for _ in range(2):
        asked = (rows.T @ u - target) / size
        share = np.linalg.lstsq(system, asked, rcond=None)[0]
        u = u - given * (rows @ (share / size))
    after = loss.proper.T @ u
    hidden = HIDDEN * (np.abs(loss.proper.T) @ np.abs(u))
    left = np.abs(after - np.where(active, wanted, np.clip(after, -l1, l1)))
    of_free = np.abs(loss.free.T @ u) - HIDDEN * (np.abs(loss.free.T) @ np.abs(u))
    if np.any(left > hidden) or np.any(of_free > 0.0):
        return float("inf")  # no row can give it
    with np.errstate(invalid="ignore"):
        distance = loss.likelihood.fenchel_young(loss.y, at.eta, u / loss.weights, loss.theta)
    return float(distance @ loss.weights + abs(float(asked @ share)))


def _feasible(loss: Loss, u: Array, at: Point) -> Array:
    """The nearest u with F'u = 0: for γ a last correction, being at its best."""
    if not loss.free.shape[1]:
        return u
    _, h = loss.bends(at.eta)
    with np.errstate(over="ignore", invalid="ignore"):
        system = loss.free.T @ (h[:, None] * loss.free)
    if not np.all(np.isfinite(system)):
        return u  # so far out that nothing can be said of u
    for _ in range(2):
        u = u - h * (loss.free @ solved(system, loss.free.T @ u))
    return u


def _largest_pulls(v: Array, l1: Array, l2: Array, groups: Sequence[Index]) -> Array:
    """The largest ‖(v/λ₁)_g‖ (L,) of columns, or of groups, without λ₂; 1 if all are smaller."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if not groups:
            pull = np.where((l2 > 0.0) | (v == 0.0), 0.0, np.abs(v) / l1)
            return np.asarray(np.max(pull, axis=1, initial=1.0))
        size = np.where(v == 0.0, 0.0, v / l1)
        out = np.ones(len(v))
        for g in groups:
            held = np.all(l2[:, g] > 0.0, axis=1)
            out = np.maximum(out, np.where(held, 0.0, np.linalg.norm(size[:, g], axis=1)))
        return out


def _penalty_gaps(b: Array, v: Array, l1: Array, l2: Array) -> Array:
    """Penalty + its conjugate at −v + bv by column; 0 at the optimum."""
    over = np.maximum(np.abs(v) - l1, 0.0)
    # ½λ₂b² + (|v| − λ₁)₊²/2λ₂ ± over·b is a square; the rest is λ₁|b| ± min(|v|, λ₁)b.
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # ∞ is a bound too
        square = np.where(l2 > 0.0, 0.5 * np.square(l2 * b + np.copysign(over, v)) / l2, 0.0)
    rest = l1 * np.abs(b) + np.copysign(np.minimum(np.abs(v), l1), v) * b
    return np.asarray(square + np.maximum(rest, 0.0))


def _group_gaps(b: Array, v: Array, l1: Array, l2: Array) -> Array:
    """The same (L,) of one group (L, m), its norm penalised.

    The conjugate at −v is the least Σ(v − ξ)²/2λ₂ over ‖(ξ/λ₁)_g‖ ≤ 1: at most that at tv, t ≤ 1
    as large as may be, and equal to it where λ₁ and λ₂ are the same in a group.
    """
    if b.shape[1] == 1:
        return np.asarray(_penalty_gaps(b, v, l1, l2)[:, 0])
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        size = np.linalg.norm(np.where(v == 0.0, 0.0, v / l1), axis=1)
        within = (1.0 / np.maximum(size, 1.0))[:, None]
        square = np.where(l2 > 0.0, 0.5 * np.square(l2 * b + (1.0 - within) * v) / l2, 0.0)
    rest = np.linalg.norm(l1 * b, axis=1) + np.sum(b * within * v, axis=1)
    return np.asarray(np.sum(square, axis=1) + np.maximum(rest, 0.0))
