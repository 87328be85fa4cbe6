r"""A Gaussian likelihood in as many rows as it has directions.

Whatever n is, the likelihood of the projected problem is that of m ≤ p + 1 pseudo-rows:

    σ^(−ν) exp(−(rss + ‖y − X b‖²) / 2σ²),   X (m, p), y (m,)

Residuals are then sums of squares and never differences of large numbers (Golub & Van Loan 2013,
*Matrix Computations*, 4th ed., §5.3).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.linalg import qr, solve_triangular, svd
from scipy.linalg.lapack import dpstrf, dtrcon

from bayesreg.language.arguments import Array

EPS = float(np.finfo(float).eps)
SURE = 1e-9  # reciprocal condition number from which columns are independent beyond doubt


@dataclass(frozen=True, eq=False)
class PseudoData:
    """Pseudo-rows that carry the likelihood of a quadratic.

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
    def of_root(cls, root: Array, nu: float, rounding: float) -> PseudoData:
        """Compress a root [X, y] by QR; one with no more rows than columns is kept as it is.

        Where columns depend, to `rounding`, there are only as many rows as are independent.
        """
        p = root.shape[1] - 1
        if root.shape[0] <= p:
            return cls(root[:, :p], root[:, p], 0.0, nu)
        r = np.asarray(qr(root, mode="r", check_finite=False)[0])[: p + 1]
        rss = float(r[p, p]) ** 2 if len(r) > p else 0.0
        return cls(r[:p, :p], r[:p, p], rss, nu)._of_full_rank(rounding)

    def _of_full_rank(self, rounding: float) -> PseudoData:
        """As many rows as are independent, where a triangle of rows says that not all may be."""
        norms = np.where(self.norms > 0.0, self.norms, 1.0)
        unit = self.x / norms
        inverse, _ = dtrcon(unit)
        if inverse > SURE:
            return self
        few = independent_rows(unit, self.y, rounding)
        if few is None:
            return self
        outside = max(float(self.y @ self.y) - float(few[1] @ few[1]), 0.0)
        x, y = settled(*few)
        return PseudoData(x * norms, y, self.rss + outside, self.nu)

    @classmethod
    def of_products(cls, gram: Array, xy: Array, rss: float, nu: float) -> PseudoData:
        """Factor a Gram matrix by pivoted Cholesky on unit-norm columns, as many rows as rank."""
        norms = np.sqrt(np.maximum(np.diagonal(gram), 0.0))
        norms = np.where(norms > 0, norms, 1.0)
        c, pivots, rank, _ = dpstrf(gram / np.outer(norms, norms), tol=len(gram) * EPS * 8)
        upper = np.triu(c)[:rank]
        order = pivots - 1
        right = (xy / norms)[order[:rank]]
        y = solve_triangular(upper[:, :rank], right, trans="T", check_finite=False)
        x = np.empty((rank, len(gram)))
        x[:, order] = upper
        if rank < len(gram):
            x, y = settled(x, y)
        return cls(x * norms, y, rss, nu)

    @cached_property
    def independent(self) -> PseudoData:
        """The same in as many rows as are independent; itself where all are."""
        norms = np.where(self.norms > 0.0, self.norms, 1.0)
        few = independent_rows(self.x / norms, self.y, EPS * max(self.x.shape))
        if few is None or len(few[1]) == len(self.y):
            return self
        outside = max(float(self.y @ self.y) - float(few[1] @ few[1]), 0.0)
        return PseudoData(few[0] * norms, few[1], self.rss + outside, self.nu)

    @property
    def norms(self) -> Array:
        """Euclidean norms of the columns, √G_jj."""
        return np.linalg.norm(self.x, axis=0)

    @property
    def empty(self) -> bool:
        """Whether the data say nothing: no degrees of freedom and no variation."""
        return self.nu <= 0 and self.rss == 0.0 and not np.any(self.y)

    @cached_property
    def gram(self) -> Array:
        """X'X (p, p)."""
        return np.asarray(self.x.T @ self.x)

    @cached_property
    def xy(self) -> Array:
        """X'y (p,)."""
        return np.asarray(self.x.T @ self.y)

    def residual_square(self, b: Array) -> Any:
        """The residual sum of squares at b (p,), or at each of L coefficients (L, p)."""
        with np.errstate(over="ignore", invalid="ignore"):  # beyond all numbers it is ∞ or none
            if b.ndim == 1:
                r = self.y - self.x @ b
                return self.rss + float(r @ r)
            return self.rss + np.square(self.y - b @ self.x.T).sum(axis=-1)


def independent_rows(x: Array, y: Array, rounding: float) -> tuple[Array, Array] | None:
    """Rows (r, p) and responses (r,) that say all that x and y do of b, r the rank of x.

    None where the columns are independent. What is lost of y is what no coefficient reaches.

    Parameters
    ----------
    x : ndarray (m, p)
        Columns of norm one.
    y : ndarray (m,)
    rounding : float
        Singular values no larger, relative to the largest, are those of dependent columns.
    """
    m, p = x.shape
    if m < p:  # through the rows, so that no p × p matrix is made
        q, r = qr(x.T, mode="economic", check_finite=False)
        left, s, right = decomposed(r.T)
        right = right @ q.T
    else:
        left, s, right = decomposed(x)
    rank = int(np.sum(s > rounding * s[0])) if len(s) else 0
    if rank == p:
        return None
    return s[:rank, None] * right[:rank], left[:, :rank].T @ y


def settled(x: Array, y: Array) -> tuple[Array, Array]:
    """Rows (r, p) of rank r and responses, turned as no rotation of them changes.

    Which of their rotations a decomposition finds hangs on rounding where columns depend, and draws
    in the coordinates of rows would hang on it too. Here they are turned so that their products
    with r directions, drawn once for all, are a triangle with a positive diagonal.

    Examples
    --------
    >>> x, y = np.array([[1.0, 2.0, 3.0], [0.0, 1.0, 1.0]]), np.array([1.0, 2.0])
    >>> turn = np.array([[0.6, 0.8], [0.8, -0.6]])
    >>> one, other = settled(x, y), settled(turn @ x, turn @ y)
    >>> all(np.allclose(a, b) for a, b in zip(one, other, strict=True))
    True
    """
    rank, p = x.shape
    directions = np.random.default_rng(0).standard_normal((p, rank))
    q, r = qr(x @ directions, mode="economic", check_finite=False)
    q = q * np.where(np.diagonal(r) < 0.0, -1.0, 1.0)
    return q.T @ x, q.T @ y


def decomposed(a: Array) -> tuple[Array, Array, Array]:
    """U, s and V' by divide and conquer, or by QR iteration should that fail."""
    try:
        left, s, right = svd(a, full_matrices=False, check_finite=False)
    except np.linalg.LinAlgError:
        left, s, right = svd(a, full_matrices=False, check_finite=False, lapack_driver="gesvd")
    return left, s, right
