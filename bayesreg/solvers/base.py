"""What every solver is given and gives back: the problem on columns of norm one, and a Solution.

A solver works on u_j = ‖x_j‖·b_j/‖y‖, where columns and y have norm one. J/‖y‖² keeps its form with
λ₁ⱼ/(‖x_j‖‖y‖) and λ₂ⱼ/‖x_j‖² in place of λ₁ⱼ and λ₂ⱼ, so that no unit of measurement of a column or
of y, however extreme, reaches the arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bayesreg.language.arguments import Array
from bayesreg.language.errors import NotSupported

if TYPE_CHECKING:
    from bayesreg.model import Problem

Index = NDArray[np.intp]
Map = Callable[[Array], Array]
Extended = NDArray[np.longdouble]
EPS = float(np.finfo(float).eps)
HUGE = 1e300


@dataclass(frozen=True, eq=False)
class Solution:
    """What a solver reached; whether that is the optimum, only a certificate can say.

    Attributes
    ----------
    b : ndarray (p,)
        Coefficients of the proper columns, in the coordinates of the penalty.
    solver : str
        Name of the solver.
    iterations : int
        Steps taken, in the unit that `message` names.
    message : str
        How it was reached, in words.
    """

    b: Array
    solver: str
    iterations: int
    message: str


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
            residual = self.y - _product(self.X, fine)
            smooth = _product(self.X.T, residual)
        else:
            smooth = self.xy - _product(self.gram, fine)
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


@dataclass(frozen=True, eq=False)
class DualRidge:
    """Ridge in n-space: u = W⁻¹X'a with (XW⁻¹X' + τI)a = y, where Λ₂ = τW and max w = 1.

    Saunders, Gammerman & Vovk (1998), "Ridge regression learning algorithm in dual variables",
    ICML, §2.
    """

    X: Array
    y: Array
    weights: Array
    level: float

    @classmethod
    def of(cls, unit: UnitData, l2: Array) -> DualRidge:
        """The dual of a wide problem with every λ₂ positive."""
        assert unit.X is not None
        assert unit.y is not None
        level = float(np.max(l2))
        return cls(unit.X, unit.y, l2 / level, level)

    def matrix(self) -> Array:
        """XW⁻¹X' + τI (m, m)."""
        return (self.X / self.weights) @ self.X.T + self.level * np.eye(len(self.X))

    def primal(self, a: Array | Extended) -> Extended:
        """W⁻¹X'a."""
        return _product(self.X.T, a.astype(np.longdouble)) / self.weights

    def residual(self, a: Extended) -> Array:
        """y − (XW⁻¹X' + τI)a in extended precision."""
        rest = self.y - _product(self.X, self.primal(a)) - self.level * a
        return np.asarray(rest, dtype=np.float64)

    def solve(self, unit: UnitData, l2: Array, kernel: Map, first: Array, patience: int) -> Array:
        """u, from an approximate inverse of `matrix()` and a first a, refined in both spaces.

        In n-space a = (y − Xu)/τ is large where y is not in the span of X, and X'a then loses
        digits; in p-space they come back by Woodbury's (X'X + Λ₂)⁻¹ = (I − W⁻¹X'K⁻¹X)W⁻¹/τ, unless
        τ is so small that the difference is all rounding.
        """
        a = refine(first, self.residual, kernel, patience=patience)
        u = np.asarray(self.primal(a), dtype=np.float64)

        def inverse(g: Array) -> Array:
            part = g / self.weights
            return (part - (self.X.T @ kernel(self.X @ part)) / self.weights) / self.level

        if self.level < 1e3 * EPS * float(np.sum(1.0 / self.weights)):
            return u
        fine = refine(u, lambda x: unit.fine_gradient(x, l2), inverse, patience=patience)
        return np.asarray(fine, dtype=np.float64)


def refine(
    start: Array, residual: Callable[[Extended], Array], solve: Map, *, patience: int = 0
) -> Extended:
    """Iterative refinement: add solve(residual(x)) to x as long as these changes shrink.

    Parameters
    ----------
    start : ndarray
        Where to begin; zero, or a first solution.
    residual, solve : callable
        Right side minus matrix times x, in extended precision; and an approximate inverse, which
        may give up with NaN.
    patience : int, default 0
        How often a change may be more than half of the smallest one so far.

    References
    ----------
    Wilkinson (1963), "Rounding Errors in Algebraic Processes", ch. 3; Björck (1996), "Numerical
    Methods for Least Squares Problems", §2.9.
    """
    x, smallest = start.astype(np.longdouble), float(np.max(np.abs(start), initial=0.0)) or np.inf
    for _ in range(50):
        change = solve(residual(x))
        size = float(np.max(np.abs(change), initial=0.0))
        patience -= not size <= 0.5 * smallest
        if patience < 0 or not size <= 2.0 * smallest:
            break
        x = x + change
        smallest = min(size, smallest)
        if size <= EPS * float(np.max(np.abs(x), initial=0.0)):
            break
    return x


def _product(A: Array, x: Extended) -> Extended:
    """A @ x in extended precision, by blocks of rows so that no wide copy of A is made."""
    rows = max(1, (1 << 18) // max(1, A.shape[1]))
    out = np.empty(A.shape[0], dtype=np.longdouble)
    for i in range(0, A.shape[0], rows):
        out[i : i + rows] = A[i : i + rows] @ x
    return out
