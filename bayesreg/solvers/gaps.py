r"""How much lower J can be: bounds for λ₁|u| + ½λ₂u² on columns and y of norm one.

The gap of a dual point is of first order in the rounding of g, which on ill-conditioned columns
hides much. There the face is judged: where J is smooth, at b and as far as its minimum, that is
½d'A⁻¹d below, d the rest of g; no more can be gained by the other columns than what their |g_j|
exceeds λ₁ⱼ by, times the most that J allows |b_j| to be. That is of second order, and needs a root
of the rows: cross-products that lost digits would not show it.
"""

from __future__ import annotations

import math

import numpy as np

from bayesreg.language.arguments import Array
from bayesreg.model.unit_data import UnitData
from bayesreg.solvers import curvature


def dual(unit: UnitData, l1: Array, l2: Array, u: Array, g: Array, floor: float) -> float:
    """Gap at a scaled residual; dual feasibility is judged up to the rounding of g."""
    smooth, kinked = np.flatnonzero(l1 == 0.0), l1 > 0.0
    decrement, rest = 0.0, g
    if len(smooth) and np.any(g[smooth]):
        step, decrement = curvature.newton(unit, smooth, l2[smooth], g[smooth], u[smooth])
        if np.any(kinked):
            move = np.zeros_like(u)
            move[smooth] = step
            u = u + move
            rest = g + unit.gradient(move, l2) - unit.xy
    if not np.any(kinked):
        return abs(decrement)
    rest, v, weight = rest[kinked], u[kinked], l1[kinked]
    rr = unit.residual_square(u) + float(np.sum(l2 * u * u))  # on the augmented rows
    allowed = float(np.min((weight + floor) / np.maximum(np.abs(rest), weight + floor)))
    s = min(1.0 + float(v @ rest) / rr, allowed) if rr > 0.0 else allowed
    s = max(s, -allowed)
    linear = float(np.sum(weight * np.abs(v) - s * v * rest))
    return abs(decrement) + 0.5 * (1.0 - s) ** 2 * rr + abs(linear)


def of_face(unit: UnitData, l1: Array, l2: Array, u: Array, g: Array, value: float) -> float:
    """What can be gained on the face of u and beside it; ∞ where its minimum has other signs."""
    within = (u != 0.0) | (l1 == 0.0)
    face, beside = np.flatnonzero(within), np.flatnonzero(~within)
    if not len(face):
        return math.inf
    rest = g[face] - l1[face] * np.sign(u[face])
    step, decrement = curvature.newton(unit, face, l2[face], rest, u[face])
    if np.any((l1[face] > 0.0) & (np.sign(u[face] + step) != np.sign(u[face]))):
        return math.inf
    excess = np.abs(g[beside]) + math.sqrt(2.0 * decrement) - l1[beside]
    return decrement + float(np.sum(np.maximum(excess, 0.0) * value / l1[beside]))


def hidden(unit: UnitData, floor: Array | float, least: Array | float) -> Array | float:
    """What products alone, rounded to `floor`, can hide of J with λ₂ no less than `least`.

    ½d'(X'X + Λ₂)⁻¹d for an error d in X'(y − Xu): next to nothing on columns that are far from
    collinear, and on others what a root of the rows would have shown.
    """
    if unit.X is not None or not len(unit.kept):
        return 0.0
    return np.asarray(floor) ** 2 * np.sum(1.0 / np.add.outer(least, unit.eigenvalues), axis=-1)
