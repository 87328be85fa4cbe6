r"""Ridge on columns that depend on one another, solved in the space of their rows.

Where X has rank r below the number of its columns, X'X + Λ₂ is Λ₂ alone along the directions that
no row reaches, and whatever rounding leaves of X'y there would be multiplied by 1/λ₂: without bound
under a vague prior. The minimiser has no part in them. With X = AB, A (m, r) of full rank,

    u = Λ₂^(−½) Q θ,   Q R = Λ₂^(−½) B' (economic),   (RR' + I) θ = Q'Λ₂^(−½) X'y,

which is the shortest of all least-squares solutions (in the norm of Λ₂) as Λ₂ → 0. As for every
least-squares problem whose rank is in question, that is decided by singular values (Golub & Van
Loan 2013, *Matrix Computations*, 4th ed., §5.5).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import qr, solve_triangular

from bayesreg.language.arguments import Array
from bayesreg.model.pseudo_data import independent_rows
from bayesreg.model.unit_data import Index, UnitData

SMALL = 1e-8  # share of a vector that may lie outside the row space by rounding
SPREAD = 1e8  # ratio of penalties beyond which the least penalised columns alone would decide


@dataclass(frozen=True, eq=False)
class RowSpace:
    """(X'X + Λ₂)⁻¹ on the row space of some columns.

    Attributes
    ----------
    root : ndarray (k,)
        √λ₂.
    rows : ndarray (r, k)
        B Λ₂^(−½), its rows in the order of the pivots.
    basis, triangle : ndarray (k, r), (r, r)
        Q and R.
    corner : ndarray (r, r)
        C with C'C = RR' + I.
    """

    root: Array
    rows: Array
    basis: Array
    triangle: Array
    corner: Array

    @classmethod
    def of(cls, unit: UnitData, index: Index, l2: Array) -> RowSpace | None:
        """Of the columns `index`; None where they are independent, or λ₂ (k,) not of one size.

        Large entries first and with pivots, so that reflections are accurate entry by entry where
        some columns are penalised more than others.
        """
        least = float(np.min(l2, initial=np.inf))
        if not 0.0 < least < np.inf or np.max(l2) > SPREAD * least or not unit.dependent:
            return None
        few = _rows(unit, index)
        if few is None or not len(few):
            return None
        root = np.sqrt(l2)
        rows = few / root
        order = np.argsort(-np.max(np.abs(rows), axis=0), kind="stable")
        q, r, pivots = qr(rows[:, order].T, mode="economic", pivoting=True, check_finite=False)
        basis = np.empty_like(q)
        basis[order] = q
        (corner,) = qr(np.vstack([r.T, np.eye(len(r))]), mode="r", check_finite=False)
        return cls(root, rows[pivots], basis, r, corner[: len(r)])

    def inverse(self, g: Array) -> Array:
        """(X'X + Λ₂)⁻¹g (k,) for the part of g that rows can reach."""
        half = solve_triangular(self.corner, self._along(g), trans="T", check_finite=False)
        along = solve_triangular(self.corner, half, check_finite=False)
        along = solve_triangular(self.triangle, along, check_finite=False)
        return np.asarray(along @ self.rows / self.root)

    def holds(self, shift: Array) -> bool:
        """Whether a linear term lies in the row space, as one of equal columns and signs does."""
        scaled = shift / self.root
        outside = scaled - self.basis @ (self.basis.T @ scaled)
        return float(np.linalg.norm(outside)) <= SMALL * float(np.linalg.norm(scaled))

    def decrement(self, g: Array, u: Array) -> float:
        """½g'(X'X + Λ₂)⁻¹g for g = X'r − Λ₂u − λ₁s: beyond the rows it is −Λ₂u."""
        half = solve_triangular(self.corner, self._along(g), trans="T", check_finite=False)
        scaled = self.root * u
        outside = scaled - self.basis @ (self.basis.T @ scaled)
        return 0.5 * float(half @ half) + 0.5 * float(outside @ outside)

    def _along(self, g: Array) -> Array:
        return np.asarray(self.basis.T @ (g / self.root))


def _rows(unit: UnitData, index: Index) -> Array | None:
    """Independent rows of some columns, or None where the columns are independent."""
    if len(index) == len(unit.kept):
        return unit.independent[0]
    if unit.X is not None and unit.y is not None:
        found = independent_rows(unit.X[:, index], unit.y, unit.rounding)
        return None if found is None else found[0]
    values, vectors = np.linalg.eigh(unit.block(index))
    kept = values > unit.rounding**2 * values[-1]
    return None if np.all(kept) else np.sqrt(values[kept])[:, None] * vectors[:, kept].T
