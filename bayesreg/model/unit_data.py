"""A quadratic on columns and y of norm one: what solvers minimise and certificates judge."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bayesreg.data.projected_columns import refuse_unformed
from bayesreg.language.arguments import Array
from bayesreg.language.errors import NotSupported
from bayesreg.model.pseudo_data import independent_rows

Index = NDArray[np.intp]
Map = Callable[[Array], Array]
Extended = NDArray[np.longdouble]
HUGE = 1e300
EPS = float(np.finfo(float).eps)


@dataclass(frozen=True, eq=False)
class UnitData:
    """A quadratic with columns and y of norm one; zero columns left out, which keep b_j = 0.

    Attributes
    ----------
    size : int
        Number of proper columns p, those left out included.
    kept : ndarray of int (q,)
        Proper columns that are not zero.
    norms : ndarray (q,)
        Their Euclidean norms, after projection.
    y_norm : float
        Norm of the projected y; 1 where y is zero.
    y_square : float
        ‖y‖² after scaling: 1, or 0 where y is zero.
    X : ndarray (m, q) or None
        Unit-norm columns, where a root is kept.
    y : ndarray (m,) or None
        Unit-norm y beside `X`.
    products : ndarray (q, q) or None
        Cross-products of unit-norm columns, where no root is kept; None of both where sparse
        columns are too wide for them.
    xy : ndarray (q,)
        X'y, correlations with y.
    rounding : float
        Singular values no larger, relative to the largest, are those of dependent columns.
    """

    size: int
    kept: Index
    norms: Array
    y_norm: float
    y_square: float
    X: Array | None
    y: Array | None
    products: Array | None
    xy: Array
    rounding: float

    @classmethod
    def of(
        cls,
        norms: Array,
        xy: Array,
        yy: float,
        rounding: float,
        *,
        root: Array | None = None,
        gram: Array | None = None,
    ) -> UnitData:
        """Scale to unit norms what a quadratic has: a root [X y], or else X'X.

        Parameters
        ----------
        norms, xy, yy : ndarray (p,), ndarray (p,), float
            ‖x_j‖, X'y and y'y.
        rounding : float
            Singular values of unit columns that may be rounding, relative to the largest.
        root, gram : ndarray (m, p + 1), ndarray (p, p), optional
            One of them; neither of sparse columns that are too wide for both.
        """
        size, kept = len(norms), np.flatnonzero(norms)
        norms = norms[kept]
        whole = len(kept) == size
        y_norm = float(np.sqrt(max(yy, 0.0)))
        y_norm, y_square = (y_norm, 1.0) if y_norm > 0.0 else (1.0, 0.0)
        if root is not None:
            X = (root[:, :-1] if whole else root[:, kept]) / norms
            y = root[:, -1] / y_norm
            return cls(size, kept, norms, y_norm, y_square, X, y, None, X.T @ y, rounding)
        xy = xy[kept] / norms / y_norm
        if gram is None:
            return cls(size, kept, norms, y_norm, y_square, None, None, None, xy, rounding)
        gram = gram if whole else gram[np.ix_(kept, kept)]
        products = gram / norms / norms[:, None]
        rounding = math.sqrt(rounding)  # a product sees no more of a singular value
        return cls(size, kept, norms, y_norm, y_square, None, None, products, xy, rounding)

    @property
    def wide(self) -> bool:
        """Whether there are more columns than rows, so that the p × p Gram is not to be formed."""
        return self.X is not None and self.X.shape[1] > self.X.shape[0]

    @cached_property
    def independent(self) -> tuple[Array, Array]:
        """Rows (r, q) and responses (r,) that say what these do of u, r the rank; X and y if q."""
        if self.X is not None and self.y is not None:
            return independent_rows(self.X, self.y, self.rounding) or (self.X, self.y)
        values, basis = np.linalg.eigh(self.gram)
        kept = values > self.rounding**2 * values[-1:]
        s, basis = np.sqrt(values[kept]), basis[:, kept]
        return s[:, None] * basis.T, (self.xy @ basis) / s

    @property
    def dependent(self) -> bool:
        """Whether some columns are linear combinations of others, to rounding."""
        return self.wide or len(self.independent[0]) < len(self.kept)

    @cached_property
    def largest(self) -> float:
        """max|X'y|, beyond which λ₁ leaves nothing."""
        return float(np.max(np.abs(self.xy), initial=0.0))

    @cached_property
    def eigenvalues(self) -> Array:
        """Of X'X, none below its rounding."""
        values = np.linalg.eigvalsh(self.gram)
        return np.maximum(values, EPS * values[-1:])

    @cached_property
    def gram(self) -> Array:
        """X'X of the unit-norm columns, (q, q); formed from `X` when first asked for."""
        if self.products is not None:
            return self.products
        if self.X is None:
            raise refuse_unformed("this", self.size)
        assert self.X is not None
        return self.X.T @ self.X

    def block(self, index: Index) -> Array:
        """X'X of some columns; from `X` where the whole Gram is not to be formed."""
        if len(index) == len(self.kept):
            return self.gram
        if self.wide:
            assert self.X is not None
            part = self.X[:, index]
            return part.T @ part
        return self.gram[np.ix_(index, index)]

    def residual_square(self, u: Array) -> float:
        """‖y − Xu‖²."""
        if self.X is not None and self.y is not None:
            r = self.y - self.X @ u
            return float(r @ r)
        linear = 2.0 * float(self.xy @ u)
        return max(self.y_square - linear + float(u @ self.gram @ u), 0.0)

    def gradient(self, u: Array, l2: Array) -> Array:
        """X'(y − Xu) − λ₂u, minus the gradient of the smooth part of J/‖y‖²."""
        if self.X is not None and self.y is not None and self.wide:
            return self.X.T @ (self.y - self.X @ u) - l2 * u
        return self.xy - self.gram @ u - l2 * u

    def fine_gradient(self, u: Array | Extended, l2: Array) -> Array:
        """`gradient` in extended precision, rounded at the end; on rows where they are kept.

        What is left is the rounding of u itself, so that refinement reaches the solution of the
        stored problem. Where long double is double (some ARM systems) this is `gradient`.
        """
        fine = u.astype(np.longdouble)
        if self.X is not None and self.y is not None:
            residual = self.y - extended_product(self.X, fine)
            smooth = extended_product(self.X.T, residual)
        else:
            smooth = self.xy - extended_product(self.gram, fine)
        return np.asarray(smooth - l2 * fine, dtype=np.float64)

    def penalty(self, l1: Array | None, l2: Array | None) -> tuple[Array, Array]:
        """λ₁ and λ₂ of the kept columns in the coordinates of u."""
        if l1 is None or l2 is None:
            raise NotSupported(
                "λ depends on an unknown here: fix it with problem.at(sigma=, scale=), or let "
                "fit_map(problem, hyper='evidence') or hyper='cv' choose it"
            )
        return self.penalties(l1, l2)

    def penalties(self, l1: Array, l2: Array) -> tuple[Array, Array]:
        """`penalty` of λ's (…, p), one after the other or many at once."""
        return self._scaled(l1, self.y_norm), self._scaled(l2, self.norms)

    def _scaled(self, lam: Array, divisor: Array | float) -> Array:
        """λ of the kept columns over their norms and a divisor."""
        part = lam if len(self.kept) == self.size else lam[..., self.kept]
        with np.errstate(over="ignore"):
            out = np.asarray(part / self.norms)
            out /= divisor
        # Beyond HUGE a coefficient is 0 to every digit; the bound keeps ∞ out of the arithmetic.
        return np.minimum(out, HUGE, out=out)

    def restore(self, u: Array) -> Array:
        """The coefficients b (p,) of u (q,); columns left out get 0."""
        b = np.zeros(self.size)
        b[self.kept] = u * (self.y_norm / self.norms)
        return b

    def reduce(self, b: Array) -> Array:
        """u (q,) of coefficients b (p,): the inverse of `restore` on the kept columns."""
        return np.asarray(b, dtype=float)[self.kept] * (self.norms / self.y_norm)


def extended_product(A: Array, x: Extended) -> Extended:
    """A @ x in extended precision, by blocks of rows so that no wide copy of A is made."""
    rows = max(1, (1 << 18) // max(1, A.shape[1]))
    out = np.empty(A.shape[0], dtype=np.longdouble)
    for i in range(0, A.shape[0], rows):
        out[i : i + rows] = A[i : i + rows] @ x
    return out
