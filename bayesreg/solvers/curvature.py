"""The curvature X'X + Λ₂ of J on some columns: solving with it, and whether it is positive."""

from __future__ import annotations

import numpy as np
from scipy.linalg import eigh
from scipy.linalg.lapack import dposv

from bayesreg.language.arguments import Array
from bayesreg.model.quadratic import EPS, Index, UnitData


def solve(unit: UnitData, index: Index, l2: Array, g: Array) -> Array:
    """(X'X + Λ₂)⁻¹g on some columns, in n-space where they outnumber the rows."""
    if unit.X is not None and len(index) > unit.X.shape[0]:
        X, l2 = unit.X[:, index], np.maximum(l2, len(index) * EPS)  # as in `_invert`
        spread = g / l2
        rows = X / np.sqrt(l2)
        kernel = _invert(rows @ rows.T + np.eye(len(X)), X @ spread)
        return spread - (X.T @ kernel) / l2
    return _invert(unit.block(index) + np.diag(l2), g)


def _invert(A: Array, right: Array) -> Array:
    """A⁻¹ right for a positive definite A, by its eigenvalues where Cholesky finds it singular.

    Eigenvalues are then taken no smaller than their rounding error: along such a direction J is
    flat to working precision, and g there is nothing but rounding.
    """
    scale = 1.0 / np.sqrt(np.diagonal(A))
    scaled = A * scale * scale[:, None]
    _, x, info = dposv(scaled, scale * right, lower=1)
    if info == 0:
        return np.asarray(scale * x)
    values, basis = eigh(scaled)
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
