"""Ridge in closed form: (X'X + Λ₂) b = X'y, by Cholesky or QR, in p-space or in n-space.

The same equations, with c − λ₁s in place of c, give the minimiser over a face of fixed signs, which
is how coordinate descent polishes a lasso.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import qr, solve_triangular
from scipy.linalg.lapack import dpotrf, dpotrs

from bayesreg.errors import NotSupported
from bayesreg.solvers.base import Array, Index, Solution, UnitData, unit_data

if TYPE_CHECKING:
    from bayesreg.model import Problem

EPS = float(np.finfo(float).eps)
Inverse = Callable[[Array], Array]  # g ↦ (X'X + Λ₂)⁻¹ g on the columns of a face

# In n-space the matrix is XΛ₂⁻¹X' + I: beyond this ratio of penalties it is dominated by the least
# penalised columns, and the augmented rows in p-space keep the accuracy instead.
MAX_SPREAD = 1e8


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
    unit = unit_data(problem)
    l1, l2 = unit.penalty(problem.l1, problem.l2)
    if np.any(l1):
        raise NotSupported(
            "the penalty has an ℓ₁ part, which has no closed form; use coordinate_descent"
        )
    everything = np.arange(len(unit.kept))
    u, steps = minimise_face(unit, everything, np.zeros(len(everything)), l2)
    route = "n-space" if _in_n_space(unit, l2) else "p-space"
    return Solution(
        unit.restore(u), "closed_form", steps, f"direct solution in {route}, {steps} refinement(s)"
    )


def minimise_face(unit: UnitData, face: Index, shift: Array, l2: Array) -> tuple[Array, int]:
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
    u : ndarray (q,)
    steps : int
        Refinement steps taken.
    """
    u = np.zeros(len(unit.kept))
    if not len(face):
        return u, 0
    u[face], inverse = _factor(unit, face, shift, l2)
    last = np.inf
    for step in range(8):
        change = inverse(unit.fine_gradient(u, l2)[face] - shift)
        size = float(np.max(np.abs(change), initial=0.0))
        if not size < 0.5 * last:  # no longer converging: the rest is rounding
            return u, step
        u[face] += change
        last = size
        if size <= EPS * float(np.max(np.abs(u))):
            return u, step + 1
    return u, 8


def _in_n_space(unit: UnitData, l2: Array) -> bool:
    """Whether the dual system is the smaller one, and as accurate."""
    return unit.wide and float(np.max(l2)) <= MAX_SPREAD * float(np.min(l2))


def _factor(unit: UnitData, face: Index, shift: Array, l2: Array) -> tuple[Array, Inverse]:
    """A first solution on a face, and the inverse to refine it with."""
    weights = l2[face]
    if len(face) == len(unit.kept) and _in_n_space(unit, l2):
        return _dual(unit, shift, weights)
    if unit.X is not None:
        return _augmented(unit, face, shift, weights)
    inverse = _cholesky(unit.block(face) + np.diag(weights))
    return inverse(unit.xy[face] - shift), inverse


def _cholesky(A: Array) -> Inverse:
    """Inverse of a positive definite matrix, scaled to unit diagonal first.

    A matrix that is singular to rounding gets a ridge of that size: refinement then converges to a
    solution of the system itself wherever that is consistent (iterated Tikhonov).
    """
    scale = 1.0 / np.sqrt(np.diagonal(A))
    scaled = A * scale * scale[:, None]
    factor, info = dpotrf(scaled, lower=1)
    ridge = 4.0 * EPS * len(A)
    while info:
        factor, info = dpotrf(scaled + ridge * np.eye(len(A)), lower=1)
        ridge *= 10.0
    return lambda g: scale * dpotrs(factor, scale * g, lower=1)[0]


def _augmented(unit: UnitData, face: Index, shift: Array, l2: Array) -> tuple[Array, Inverse]:
    """QR of the rows [X y; √Λ₂ 0], whose condition is the square root of the Gram's."""
    assert unit.X is not None and unit.y is not None
    k = len(face)
    scale = 1.0 / np.sqrt(1.0 + l2)
    top = np.column_stack([unit.X[:, face] * scale, unit.y])
    rows = np.vstack([top, np.column_stack([np.diag(np.sqrt(l2) * scale), np.zeros(k)])])
    (R,) = qr(rows, mode="r", overwrite_a=True, check_finite=False)
    R = R[: k + 1]
    pivots = np.abs(np.diagonal(R)[:k])
    if np.min(pivots) <= 4.0 * EPS * k:  # columns have norm 1: dependent, and no ridge to speak of
        inverse = _cholesky(unit.block(face) + np.diag(l2))
        return inverse(unit.xy[face] - shift), inverse
    R, projected = R[:k, :k], R[:k, k]

    def inverse(g: Array) -> Array:
        half = solve_triangular(R, scale * g, trans="T", check_finite=False)
        return scale * solve_triangular(R, half, check_finite=False)

    first = scale * solve_triangular(R, projected, check_finite=False)
    return first - inverse(shift), inverse


def _dual(unit: UnitData, shift: Array, l2: Array) -> tuple[Array, Inverse]:
    """Woodbury: (X'X + Λ)⁻¹ = Λ⁻¹ − Λ⁻¹X'(I + XΛ⁻¹X')⁻¹XΛ⁻¹, at n²p."""
    assert unit.X is not None
    X = unit.X
    rows = X / np.sqrt(l2)
    kernel = _cholesky(rows @ rows.T + np.eye(len(X)))

    def inverse(g: Array) -> Array:
        spread = g / l2
        return spread - (X.T @ kernel(X @ spread)) / l2

    if np.any(shift):
        return inverse(unit.xy - shift), inverse
    assert unit.y is not None
    return (X.T @ kernel(unit.y)) / l2, inverse
