r"""A Gaussian likelihood in as many rows as it has directions.

Whatever n is, the likelihood of the projected problem is that of m ≤ p + 1 pseudo-rows:

    σ^(−ν) exp(−(rss + ‖y − X b‖²) / 2σ²),   X (m, p), y (m,)

Residuals are then sums of squares and never differences of large numbers (Golub & Van Loan 2013,
*Matrix Computations*, 4th ed., §5.3).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import qr, solve_triangular
from scipy.linalg.lapack import dpstrf

from bayesreg.language.arguments import Array

if TYPE_CHECKING:
    from bayesreg.model import Problem

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
