"""The curvature X'X + Λ₂ of J on some columns: solving with it, and whether it is positive."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh, qr, solve_triangular
from scipy.linalg.lapack import dpotrf, dpotrs

from bayesreg.language.arguments import Array
from bayesreg.model.unit_data import EPS, Index, UnitData
from bayesreg.solvers.row_space import RowSpace

WEAK = 1e-2  # pivot of columns of norm one, below which it matters whether they depend
VAGUE = 1e-6  # λ₂ below which products of rows would square too large a condition number


def solve(unit: UnitData, index: Index, l2: Array, g: Array) -> Array:
    """(X'X + Λ₂)⁻¹g on some columns, in n-space where they outnumber the rows."""
    if unit.X is not None and len(index) > unit.X.shape[0]:
        X, l2 = unit.X[:, index], np.maximum(l2, len(index) * EPS)  # as in `_invert`
        spread = g / l2
        rows = X / np.sqrt(l2)
        kernel = _invert(rows @ rows.T + np.eye(len(X)), X @ spread)
        return spread - (X.T @ kernel) / l2
    return _invert(unit.block(index) + np.diag(l2), g)


def newton(unit: UnitData, index: Index, l2: Array, g: Array, u: Array) -> tuple[Array, float]:
    """H⁻¹g and the decrement ½g'H⁻¹g, H = X'X + Λ₂ on some columns, g the descent there at u.

    By QR of [X; √Λ₂] where rows are kept, so that the condition number is not squared and a move
    along a weak direction is seen for what it costs; in the row space of columns that depend.
    """
    few = unit.X is not None and len(index) <= len(unit.X)
    if few or (unit.wide and 0.0 < np.min(l2) <= VAGUE):
        corner = _corner(unit, index, l2) if few else None
        weak = corner is None or np.min(np.abs(np.diagonal(corner))) <= WEAK
        space = RowSpace.of(unit, index, l2) if weak else None
        if space is not None:
            return space.inverse(g), space.decrement(g, u)
        if corner is not None and np.min(np.abs(np.diagonal(corner))) > 4.0 * EPS * len(g):
            scale = 1.0 / np.sqrt(1.0 + l2)
            half = solve_triangular(corner, scale * g, trans="T", check_finite=False)
            step = scale * solve_triangular(corner, half, check_finite=False)
            return step, 0.5 * float(half @ half)
    step = solve(unit, index, l2, g)
    return step, 0.5 * abs(float(g @ step))


def _corner(unit: UnitData, index: Index, l2: Array) -> Array:
    """R of [X; √Λ₂] on some columns, these scaled to norm one."""
    assert unit.X is not None
    scale = 1.0 / np.sqrt(1.0 + l2)
    rows = np.vstack([unit.X[:, index] * scale, np.diag(np.sqrt(l2) * scale)])
    return np.asarray(qr(rows, mode="r", overwrite_a=True, check_finite=False)[0])[: len(index)]


@dataclass(frozen=True, eq=False)
class Cholesky:
    """LL' = DAD of a positive definite A, D = `scale` giving it a unit diagonal."""

    scale: Array
    lower: Array

    @classmethod
    def of(cls, A: Array, ridge: Array | float = 0.0) -> Cholesky | None:
        """The factor of DAD + ridge, or None where that is not positive definite."""
        scale = 1.0 / np.sqrt(np.diagonal(A))
        scaled = A * scale * scale[:, None]
        scaled.flat[:: len(A) + 1] += ridge
        lower, info = dpotrf(scaled, lower=1)
        return None if info else cls(scale, lower)

    @classmethod
    def near(cls, A: Array) -> Cholesky:
        """The factor of A, or where that is singular to rounding, with a ridge of that size.

        Refinement then converges to a solution of the system itself wherever that is consistent
        (iterated Tikhonov).
        """
        found, ridge = cls.of(A), 4.0 * EPS * len(A)
        while found is None:
            found, ridge = cls.of(A, ridge), 10.0 * ridge
        return found

    @property
    def pivot(self) -> float:
        """The least diagonal entry of L, 1 at most."""
        return float(np.min(np.diagonal(self.lower), initial=1.0))

    def solve(self, right: Array) -> Array:
        """A⁻¹ right, (k,) or (k, r)."""
        half, _ = dpotrs(self.lower, (right.T * self.scale).T, lower=1)
        return np.asarray((half.T * self.scale).T)


def _invert(A: Array, right: Array) -> Array:
    """A⁻¹ right for a positive definite A, by its eigenvalues where Cholesky finds it singular.

    Eigenvalues are then taken no smaller than their rounding error: along such a direction J is
    flat to working precision, and g there is nothing but rounding.
    """
    factor = Cholesky.of(A)
    if factor is not None:
        return factor.solve(right)
    scale = 1.0 / np.sqrt(np.diagonal(A))
    values, basis = eigh(A * scale * scale[:, None])
    values = np.maximum(values, len(A) * EPS * values[-1])
    return np.asarray(scale * (basis @ ((basis.T @ (scale * right)) / values)))


def unique(unit: UnitData, l1: Array, l2: Array, g: Array) -> bool | None:
    """Whether the columns with |g_j| = λ₁ⱼ are independent, so that b is the only minimiser."""
    if not len(l1) or np.all(l2 > 0.0):
        return True
    tied = np.flatnonzero(np.abs(g) >= l1 * (1.0 - 1e-9))
    if len(tied) > 2000:
        return None
    if not len(tied):
        return True
    A = unit.block(tied) + np.diag(l2[tied])
    scale = 1.0 / np.sqrt(np.diagonal(A))
    smallest = float(np.linalg.eigvalsh(A * scale * scale[:, None])[0])
    return smallest > 8.0 * EPS * len(tied)
