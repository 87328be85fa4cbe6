"""What every solver is given and gives back: the problem on columns of norm one, and a Solution.

A solver works on u_j = ‖x_j‖·b_j/‖y‖, where columns and y have norm one. J/‖y‖² keeps its form with
λ₁ⱼ/(‖x_j‖‖y‖) and λ₂ⱼ/‖x_j‖² in place of λ₁ⱼ and λ₂ⱼ, so that no unit of measurement of a column or
of y, however extreme, reaches the arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bayesreg.language.arguments import Array
from bayesreg.model.quadratic import EPS, Extended, Map, UnitData, extended_product


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
        return extended_product(self.X.T, a.astype(np.longdouble)) / self.weights

    def residual(self, a: Extended) -> Array:
        """y − (XW⁻¹X' + τI)a in extended precision."""
        rest = self.y - extended_product(self.X, self.primal(a)) - self.level * a
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
