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
from scipy.linalg import qr, solve_triangular
from scipy.linalg.lapack import dpstrf

from bayesreg.language.arguments import Array

EPS = float(np.finfo(float).eps)


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
    def of_root(cls, root: Array, nu: float) -> PseudoData:
        """Compress a root [X, y] by QR; one with no more rows than columns is kept as it is."""
        p = root.shape[1] - 1
        if root.shape[0] <= p:
            return cls(root[:, :p], root[:, p], 0.0, nu)
        r = np.asarray(qr(root, mode="r", check_finite=False)[0])[: p + 1]
        rss = float(r[p, p]) ** 2 if len(r) > p else 0.0
        return cls(r[:p, :p], r[:p, p], rss, nu)

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
        return cls(x * norms, y, rss, nu)

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
        if b.ndim == 1:
            r = self.y - self.x @ b
            return self.rss + float(r @ r)
        return self.rss + np.square(self.y - b @ self.x.T).sum(axis=-1)
