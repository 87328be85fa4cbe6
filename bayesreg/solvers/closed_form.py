"""Ridge in closed form: (X'X + Λ₂) b = X'y, by Cholesky or QR, in p-space or in n-space.

The same equations, with c − λ₁s in place of c, give the minimiser over a face of fixed signs, which
is how coordinate descent polishes a lasso.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import qr, solve_triangular, svd

from bayesreg.language.arguments import Array
from bayesreg.language.errors import NotSupported
from bayesreg.model.pseudo_data import independent_rows
from bayesreg.model.unit_data import EPS, Extended, Index, Map, UnitData, extended_product
from bayesreg.solvers.base import Solution, refine
from bayesreg.solvers.curvature import VAGUE, WEAK, Cholesky
from bayesreg.solvers.row_space import RowSpace

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem

# In n-space the matrix is XΛ₂⁻¹X' + I: beyond this ratio of penalties it is dominated by the least
# penalised columns, and the augmented rows in p-space keep the accuracy instead.
MAX_SPREAD = 1e8
ALIKE = 2.0  # ratio of scales of columns up to which the rank of one is that of the other
MAX_RATIO = 1e3  # of column norms, for an eigendecomposition to serve them all


def solve(problem: Problem, *, start: Array | None = None) -> Solution:
    r"""Minimise ½‖y − Xb‖² + ½Σλ₂ⱼbⱼ² exactly.

    .. math:: b = (X'X + \Lambda_2)^{-1} X'y = \Lambda_2^{-1} X'(X \Lambda_2^{-1} X' + I)^{-1} y

    By Cholesky of the first matrix (p × p), by QR of [X; √Λ₂] where the problem keeps a root, or by
    Cholesky of the second matrix (n × n) where p > n; followed by iterative refinement with a
    residual in extended precision.

    Parameters
    ----------
    problem : Problem
        With λ known and no λ₁.
    start : ndarray, optional
        Not used: the solution is direct.

    Returns
    -------
    Solution

    Raises
    ------
    NotSupported
        If the penalty has an ℓ₁ part, or depends on an unknown.

    References
    ----------
    Hoerl & Kennard (1970), Technometrics 12(1), eq. 2.1; Saunders, Gammerman & Vovk (1998),
    "Ridge regression learning algorithm in dual variables", ICML, §2; Björck (1996), "Numerical
    Methods for Least Squares Problems", §2.9 (refinement), §6.6 (corrected seminormal equations).

    Examples
    --------
    >>> import bayesreg as br
    >>> from bayesreg.solvers import closed_form
    >>> model = br.Model(prior=br.Normal(1.0), likelihood=br.Gaussian(sigma=1.0))
    >>> problem = model.condition([[1.0], [-1.0]], [3.0, -1.0])
    >>> closed_form.solve(problem).b
    array([1.33333333])
    """
    del start
    unit = problem.quadratic.unit
    l1, l2 = unit.penalty(problem.l1, problem.l2)
    if np.any(l1):
        raise NotSupported(
            "the penalty has an ℓ₁ part, which has no closed form; use coordinate_descent"
        )
    everything = np.arange(len(unit.kept))
    u = minimise_face(unit, everything, np.zeros(len(everything)), l2)
    space = "n-space" if _in_n_space(unit, l2) else "p-space"
    message = f"direct solution in {space}, refined in extended precision"
    return Solution(unit.restore(u), "closed_form", 1, message)


def path(problem: Problem, lams: Array, weights: Array | None = None) -> tuple[Array, Array]:
    r"""Ridge at many λ from one eigendecomposition: λ₂ⱼ = λ·wⱼ.

    .. math:: b(\lambda) = W^{-1/2} V (D + \lambda I)^{-1} V' W^{-1/2} X'y, \qquad
              \mathrm{df}(\lambda) = \sum_i d_i / (d_i + \lambda)

    Where the columns, so weighted, differ more than a thousandfold in norm, an eigendecomposition
    would lose the small ones, and each λ is solved by itself.

    Parameters
    ----------
    problem : Problem
        Its data are used and its own λ is not.
    lams : ndarray (L,)
        Positive, in any order.
    weights : ndarray (p,), optional
        w, ones by default; 1/relative² for scales in known proportions.

    Returns
    -------
    b : ndarray (L, p)
        Rows in the order of `lams`.
    df : ndarray (L,)
        Effective degrees of freedom.

    References
    ----------
    Hastie & Tibshirani (2004), "Efficient quadratic regularization for expression arrays",
    Biostatistics 5(3), §2.

    Examples
    --------
    >>> import numpy as np
    >>> import bayesreg as br
    >>> from bayesreg.solvers import closed_form
    >>> problem = br.Model(br.Normal(1.0), br.Gaussian(1.0)).condition([[1.0], [-1.0]], [3.0, -1.0])
    >>> closed_form.path(problem, np.array([1.0, 2.0]))
    (array([[1.33333333],
           [1.        ]]), array([0.66666667, 0.5       ]))
    """
    unit = problem.quadratic.unit
    lams = np.asarray(lams, dtype=float)
    w = np.ones(unit.size) if weights is None else np.asarray(weights, dtype=float)
    w = w[unit.kept] / np.square(unit.norms)
    if len(w) and float(np.max(w)) > MAX_RATIO**2 * float(np.min(w)):
        everything, none = np.arange(len(w)), np.zeros(len(w))
        u = np.array([minimise_face(unit, everything, none, lam * w) for lam in lams])
        df = np.array([_df(unit, lam * w) for lam in lams])
    else:
        d, basis, z = _eigenbasis(unit, 1.0 / np.sqrt(w))
        u = (z / (d + lams[:, None])) @ basis.T / np.sqrt(w)
        df = np.sum(d / (d + lams[:, None]), axis=1)
    return np.array([unit.restore(row) for row in u]).reshape(len(lams), unit.size), df


def _eigenbasis(unit: UnitData, scale: Array) -> tuple[Array, Array, Array]:
    """d, V and V'c of the columns times `scale`, without directions that no row reaches."""
    if unit.X is not None and unit.y is not None:
        X, y = unit.X, unit.y
        left, s, right = svd(X * scale, full_matrices=False, check_finite=False)
        if len(s) and s[-1] <= WEAK * s[0]:
            if np.max(scale) <= ALIKE * np.min(scale):
                kept = s > unit.rounding * s[0]
                left, s, right = left[:, kept], s[kept], right[kept]
            elif few := independent_rows(X, y, unit.rounding):
                X, y = few
                left, s, right = svd(X * scale, full_matrices=False, check_finite=False)
        return s * s, right.T, s * (left.T @ y)
    d, basis = np.linalg.eigh(unit.gram * scale * scale[:, None])
    if len(d) and d[0] <= WEAK**2 * d[-1]:
        d, basis = d[(kept := d > unit.rounding**2 * d[-1])], basis[:, kept]
    return np.maximum(d, 0.0), basis, basis.T @ (unit.xy * scale)


def _df(unit: UnitData, l2: Array) -> float:
    """tr X(X'X + Λ₂)⁻¹X'."""
    if unit.X is not None:
        s = np.linalg.svd(unit.X / np.sqrt(l2), compute_uv=False)
        return float(np.sum(s * s / (1.0 + s * s)))
    scale = 1.0 / np.sqrt(1.0 + l2)
    inner = (unit.gram + np.diag(l2)) * scale * scale[:, None]
    return float(np.trace(np.linalg.solve(inner, unit.gram * scale * scale[:, None])))


def minimise_face(unit: UnitData, face: Index, shift: Array, l2: Array) -> Array:
    """Minimise ½‖y − Xu‖² + ½Σλ₂u² + shift'u over the columns `face`, the others at zero.

    Parameters
    ----------
    unit : UnitData
        Unit-norm data of q columns.
    face : ndarray of int (k,)
        The columns that may differ from zero.
    shift : ndarray (k,)
        Linear term: 0 for ridge, λ₁ × sign for a face of the lasso.
    l2 : ndarray (q,)
        Quadratic penalty per column.

    Returns
    -------
    ndarray (q,)
    """
    u = np.zeros(len(unit.kept))
    if not len(face):
        return u
    if len(face) == len(unit.kept) and not np.any(shift) and _in_n_space(unit, l2):
        dual = DualRidge.of(unit, l2)
        if not dual.vague:
            kernel = Cholesky.near(dual.matrix()).solve
            return dual.solve(unit, l2, kernel, kernel(dual.y), patience=0)
    first, inverse = _factor(unit, face, shift, l2)

    def residual(x: Extended) -> Array:
        whole = np.zeros(len(u), dtype=np.longdouble)
        whole[face] = x
        return unit.fine_gradient(whole, l2)[face] - shift

    u[face] = refine(first, residual, inverse)
    return u


def _in_n_space(unit: UnitData, l2: Array) -> bool:
    """Whether the dual system is the smaller one, and as accurate."""
    return unit.wide and 0.0 < float(np.max(l2)) <= MAX_SPREAD * float(np.min(l2))


def _factor(unit: UnitData, face: Index, shift: Array, l2: Array) -> tuple[Array, Map]:
    """A first solution on a face, and the inverse of X'X + Λ₂ there to refine it with."""
    if unit.X is None:
        block = unit.block(face) + np.diag(l2[face])
        found = Cholesky.of(block)
        if found is None or found.pivot <= WEAK:
            return _dependent(unit, face, shift, l2[face])
        return found.solve(unit.xy[face] - shift), found.solve
    if len(face) > len(unit.X) and _in_n_space(unit, l2[face]):
        return _dependent(unit, face, shift, l2[face])
    return _augmented(unit, face, shift, l2[face])


def _dependent(unit: UnitData, face: Index, shift: Array, l2: Array) -> tuple[Array, Map]:
    """In the row space of columns that depend; else, and without λ₂, as near as Cholesky comes."""
    space = RowSpace.of(unit, face, l2)
    if space is not None and space.holds(shift):
        return space.inverse(unit.xy[face] - shift), space.inverse
    flat = Cholesky.near(unit.block(face) + np.diag(l2)).solve
    return flat(unit.xy[face] - shift), flat


def _augmented(unit: UnitData, face: Index, shift: Array, l2: Array) -> tuple[Array, Map]:
    """QR of the rows [X y; √Λ₂ 0], whose condition is the square root of the Gram's."""
    assert unit.X is not None
    assert unit.y is not None
    k = len(face)
    scale = 1.0 / np.sqrt(1.0 + l2)
    top = np.column_stack([unit.X[:, face] * scale, unit.y])
    rows = np.vstack([top, np.column_stack([np.diag(np.sqrt(l2) * scale), np.zeros(k)])])
    (R,) = qr(rows, mode="r", overwrite_a=True, check_finite=False)
    R = R[: k + 1]
    least = float(np.min(np.abs(np.diagonal(R)[:k])))
    if least <= WEAK and (space := RowSpace.of(unit, face, l2)) is not None and space.holds(shift):
        return space.inverse(unit.xy[face] - shift), space.inverse
    if least <= 4.0 * EPS * k:  # columns have norm 1: dependent, and no ridge to speak of
        flat = Cholesky.near(unit.block(face) + np.diag(l2)).solve
        return flat(unit.xy[face] - shift), flat
    R, projected = R[:k, :k], R[:k, k]

    def inverse(g: Array) -> Array:
        half = solve_triangular(R, scale * g, trans="T", check_finite=False)
        return np.asarray(scale * solve_triangular(R, half, check_finite=False))

    first = scale * solve_triangular(R, projected, check_finite=False)
    return first - inverse(shift), inverse


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
    def of(cls, unit: UnitData, l2: Array, *, independent: bool = False) -> DualRidge:
        """The dual with every λ₂ positive, on the rows as they are or on independent ones."""
        level = float(np.max(l2))
        X, y = unit.independent if independent else (unit.X, unit.y)
        assert X is not None
        assert y is not None
        return cls(X, y, l2 / level, level)

    @classmethod
    def serves(cls, unit: UnitData, l2: Array) -> DualRidge | None:
        """The dual where columns outnumber independent rows and penalties are of one size."""
        if not len(l2) or not 0.0 < float(np.max(l2)) <= 1e6 * float(np.min(l2)):
            return None
        if unit.wide:
            dual = cls.of(unit, l2)
            return cls.of(unit, l2, independent=True) if dual.vague else dual
        rare = float(np.max(l2)) < WEAK**2 and unit.dependent
        return cls.of(unit, l2, independent=True) if rare else None

    @property
    def vague(self) -> bool:
        """Whether λ₂ is so small that rows which depend would cost digits."""
        return self.level <= VAGUE * float(np.sum(1.0 / self.weights))

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
        τ is so small that the difference is all rounding. Beyond the rows, where rows that depend
        have left rounding in X'(y − Xu), nothing is to come back.
        """
        a = refine(first, self.residual, kernel, patience=patience)
        u = np.asarray(self.primal(a), dtype=np.float64)

        def inverse(g: Array) -> Array:
            part = g / self.weights
            return (part - (self.X.T @ kernel(self.X @ part)) / self.weights) / self.level

        total = float(np.sum(1.0 / self.weights))
        if self.X is not unit.X or self.level < 1e3 * EPS * total:
            return u
        fine = refine(u, lambda x: unit.fine_gradient(x, l2), inverse, patience=patience)
        return np.asarray(fine, dtype=np.float64)
