r"""A Gaussian likelihood in as many rows as it has directions.

Whatever n is, the likelihood of the projected problem is that of m ≤ p + 1 pseudo-rows:

    σ^(−ν) exp(−(rss + ‖y − X b‖²) / 2σ²),   X (m, p), y (m,)

Residuals are then sums of squares and never differences of large numbers (Golub & Van Loan 2013,
*Matrix Computations*, 4th ed., §5.3).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import qr, solve_triangular
from scipy.linalg.lapack import dpstrf

from bayesreg.language.arguments import Array
from bayesreg.language.errors import NotSupported

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem

Index = NDArray[np.intp]
Map = Callable[[Array], Array]
Extended = NDArray[np.longdouble]
HUGE = 1e300

EPS = float(np.finfo(float).eps)


@dataclass(frozen=True, eq=False)
class PseudoData:
    """Pseudo-rows that carry a problem's likelihood.

    Attributes
    ----------
    x : ndarray (m, p)
        Pseudo-rows of the proper columns, m ≤ p.
    y : ndarray (m,)
        Their responses.
    rss : float
        Sum of squares that no coefficient can reduce.
    nu : float
        Exponent ν of 1/σ.
    """

    x: Array
    y: Array
    rss: float
    nu: float

    @classmethod
    def of(cls, problem: Problem) -> PseudoData:
        """Compress a problem's root by QR, or factor its Gram matrix by pivoted Cholesky."""
        p = problem.p
        if p == 0:
            return cls(np.zeros((0, 0)), np.zeros(0), problem.yy, problem.nu)
        root = problem.root
        if root is None:
            x, y = _factor(problem.gram, problem.xy)
            return cls(x, y, problem.rss0, problem.nu)
        if root.shape[0] <= p:
            return cls(root[:, :p], root[:, p], 0.0, problem.nu)
        r = np.asarray(qr(root, mode="r", check_finite=False)[0])[: p + 1]
        rss = float(r[p, p]) ** 2 if len(r) > p else 0.0
        return cls(r[:p, :p], r[:p, p], rss, problem.nu)

    @property
    def norms(self) -> Array:
        """Euclidean norms of the columns, √G_jj."""
        return np.linalg.norm(self.x, axis=0)

    @property
    def empty(self) -> bool:
        """Whether the data say nothing: no degrees of freedom and no variation."""
        return self.nu <= 0 and self.rss == 0.0 and not np.any(self.y)


def log_measure(problem: Problem) -> float:
    r"""log of the factor left by integrating out β₀ and β_Flat with flat measures.

    (2π)^(−ν/2) · N^(−1/2) · det(X_F'X_F)^(−1/2), per original unit of the Flat columns.
    """
    constant = -0.5 * problem.nu * math.log(2.0 * math.pi)
    if problem.intercept:
        constant -= 0.5 * math.log(problem.n)
    if len(problem.flat):
        constant -= 0.5 * problem.projection.flat_log_det
    return constant


def _factor(gram: Array, xy: Array) -> tuple[Array, Array]:
    """X (r, p) and y (r,) with X'X = gram and X'y = xy, on unit-norm columns, r the rank."""
    norms = np.sqrt(np.maximum(np.diagonal(gram), 0.0))
    norms = np.where(norms > 0, norms, 1.0)
    c, pivots, rank, _ = dpstrf(gram / np.outer(norms, norms), tol=len(gram) * EPS * 8)
    upper = np.triu(c)[:rank]
    order = pivots - 1
    y = solve_triangular(upper[:, :rank], (xy / norms)[order[:rank]], trans="T", check_finite=False)
    x = np.empty((rank, len(gram)))
    x[:, order] = upper
    return x * norms, y


@dataclass(frozen=True, eq=False)
class UnitData:
    """The data of a problem with columns and y of norm one; zero columns left out.

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
        Unit-norm columns, where the problem keeps a root.
    y : ndarray (m,) or None
        Unit-norm y beside `X`.
    products : ndarray (q, q) or None
        Cross-products of unit-norm columns, where the problem keeps no root.
    xy : ndarray (q,)
        X'y, correlations with y.
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

    @property
    def wide(self) -> bool:
        """Whether there are more columns than rows, so that the p × p Gram is not to be formed."""
        return self.X is not None and self.X.shape[1] > self.X.shape[0]

    @cached_property
    def largest(self) -> float:
        """max|X'y|, beyond which λ₁ leaves nothing."""
        return float(np.max(np.abs(self.xy), initial=0.0))

    @cached_property
    def gram(self) -> Array:
        """X'X of the unit-norm columns, (q, q); formed from `X` when first asked for."""
        if self.products is not None:
            return self.products
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
        with np.errstate(over="ignore"):
            first = l1[self.kept] / self.norms / self.y_norm
            second = l2[self.kept] / self.norms / self.norms
        # Beyond HUGE a coefficient is 0 to every digit; the bound keeps ∞ out of the arithmetic.
        return np.minimum(first, HUGE), np.minimum(second, HUGE)

    def penalties(self, l1: Array, l2: Array) -> tuple[Array, Array]:
        """`penalty` of many λ's (L, p) at once."""
        with np.errstate(over="ignore"):
            first = l1[:, self.kept] / self.norms / self.y_norm
            second = l2[:, self.kept] / self.norms / self.norms
        return np.minimum(first, HUGE), np.minimum(second, HUGE)

    def restore(self, u: Array) -> Array:
        """The coefficients b (p,) of u (q,); columns left out get 0."""
        b = np.zeros(self.size)
        b[self.kept] = u * (self.y_norm / self.norms)
        return b

    def reduce(self, b: Array) -> Array:
        """u (q,) of coefficients b (p,): the inverse of `restore` on the kept columns."""
        return np.asarray(b, dtype=float)[self.kept] * (self.norms / self.y_norm)


def unit_data(problem: Problem) -> UnitData:
    """Scale a problem to unit norms; zero columns are left out, and keep b_j = 0.

    Parameters
    ----------
    problem : Problem
        A model conditioned on data.

    Returns
    -------
    UnitData
    """
    root = problem.root
    squares = (
        np.einsum("ij,ij->j", root[:, :-1], root[:, :-1])
        if root is not None
        else np.diagonal(problem.gram)
    )
    norms = np.sqrt(np.maximum(squares, 0.0))
    size = len(norms)
    kept = np.flatnonzero(norms)
    norms = norms[kept]
    whole = len(kept) == size
    y_norm = float(np.sqrt(max(problem.yy, 0.0)))
    y_norm, y_square = (y_norm, 1.0) if y_norm > 0.0 else (1.0, 0.0)
    if root is not None:
        X = (root[:, :-1] if whole else root[:, kept]) / norms
        y = root[:, -1] / y_norm
        return UnitData(size, kept, norms, y_norm, y_square, X, y, None, X.T @ y)
    gram = problem.gram if whole else problem.gram[np.ix_(kept, kept)]
    products = gram / norms / norms[:, None]
    xy = problem.xy[kept] / norms / y_norm
    return UnitData(size, kept, norms, y_norm, y_square, None, None, products, xy)


def extended_product(A: Array, x: Extended) -> Extended:
    """A @ x in extended precision, by blocks of rows so that no wide copy of A is made."""
    rows = max(1, (1 << 18) // max(1, A.shape[1]))
    out = np.empty(A.shape[0], dtype=np.longdouble)
    for i in range(0, A.shape[0], rows):
        out[i : i + rows] = A[i : i + rows] @ x
    return out
