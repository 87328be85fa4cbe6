r"""The certificate of an optimum on sparse columns, from a fresh residual over all of them.

With r̃ = ỹ − X̃γ, v = s·X̃'r̃ for some 0 ≤ s ≤ 1, h_j(γ) = ℓ₁|γ| + ½ℓ₂γ² and its conjugate h_j*(v),
which is (|v| − ℓ₁)₊²/2ℓ₂, or without ℓ₂ is 0 up to |v| = ℓ₁ and infinite beyond, Fenchel's dual at
s·r̃ leaves

    J(γ) − min J ≤ ½(1 − s)²‖r̃‖² + Σ(h_j(γ_j) + h_j*(v_j) − γ_j v_j),

every term of which is at least 0, so that none cancels. Under ridge the sum is ½Σg_j²/ℓ₂ⱼ.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bayesreg.language.arguments import Array
from bayesreg.model.quadratic import Quadratic
from bayesreg.model.unit_data import EPS
from bayesreg.solvers.base import distance

ROUNDING = 8.0 * EPS


class Judgement(NamedTuple):
    """Gap and J by ‖ỹ‖², distances on columns and y of norm one, and what rounding hides there."""

    gap: float
    kkt: float
    floor: float
    unique: bool | None
    value: float


def judge(quadratic: Quadratic, l1: Array, l2: Array, b: Array) -> Judgement:
    """Bound how far b is from the minimum of J with penalties λ₁ and λ₂ (p,)."""
    columns, size = quadratic.columns, quadratic.divisor
    assert columns is not None
    live = columns.squares > 0.0
    first, second, gamma = l1 * size, l2 * np.square(size), b / size
    norms = np.sqrt(np.where(live, columns.squares, 1.0))
    r = columns.residual(gamma)
    pull = columns.transposed(r)
    y_norm = float(np.sqrt(quadratic.yy)) or 1.0
    g = pull - second * gamma
    kkt = float(np.max(np.where(live, distance(g, first, gamma) / norms, 0.0), initial=0.0))
    u = norms * np.abs(gamma) / y_norm
    steep = float(np.max(second / np.square(norms) * u, initial=0.0))
    floor = ROUNDING * (1.0 + float(u.sum()) + steep)
    penalty = first * np.abs(gamma) + 0.5 * second * np.square(gamma)
    value = 0.5 * float(r @ r) + float(penalty.sum())
    slack = first + floor * norms * y_norm  # a pull is known to its rounding
    gap = min(
        _gap(s, r, pull, gamma, penalty, (first, second, slack))
        for s in {1.0, _shrunk(pull, second, slack)}
    )
    square = y_norm * y_norm
    unique = bool(np.all(l2 > 0.0)) or None  # without λ₂ that is not looked into
    return Judgement(min(gap, value) / square, kkt / y_norm, floor, unique, value / square)


def _shrunk(pull: Array, second: Array, slack: Array) -> float:
    """The largest s ≤ 1 at which no column without λ₂ is pulled beyond λ₁."""
    bare = second == 0.0
    size, most = np.abs(pull[bare]), slack[bare]
    return float(np.min(most / np.maximum(np.maximum(size, most), 1e-300), initial=1.0))


def _gap(
    s: float, r: Array, pull: Array, gamma: Array, penalty: Array, lams: tuple[Array, ...]
) -> float:
    """The bound at one s; infinite where that is not feasible."""
    first, second, slack = lams
    v, bare = s * pull, second == 0.0
    beyond = np.maximum(np.abs(v) - np.where(bare, slack, first), 0.0)
    if np.any(beyond[bare] > 4.0 * EPS * slack[bare]):
        return np.inf
    conjugate = np.square(np.where(bare, 0.0, beyond)) / np.where(bare, 1.0, 2.0 * second)
    terms = np.where(bare, np.abs(penalty - gamma * v), _square(first, second, gamma, v, conjugate))
    return 0.5 * (1.0 - s) ** 2 * float(r @ r) + float(terms.sum())


def _square(first: Array, second: Array, gamma: Array, v: Array, conjugate: Array) -> Array:
    """h + h* − γv where λ₂ > 0: a square where γ ≠ 0 and |v| > λ₁, written so that none cancels."""
    over = np.where(second > 0.0, 2.0 * second, 1.0)
    with np.errstate(over="ignore", invalid="ignore"):
        same = np.square(v - first * np.sign(gamma) - second * gamma) / over
    inside = (first > 0.0) & ((np.abs(v) <= first) | (np.sign(v) != np.sign(gamma)))
    plain = first * np.abs(gamma) + 0.5 * second * np.square(gamma) + conjugate - gamma * v
    return np.where(gamma == 0.0, conjugate, np.where(inside, np.abs(plain), same))
