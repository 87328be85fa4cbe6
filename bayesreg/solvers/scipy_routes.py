r"""The same optimum by two routes of `scipy.optimize`, with no algorithm of our own in them.

* `lbfgsb`, first order: L-BFGS-B on the smooth objective; with an ℓ₁ part on b = b⁺ − b⁻, b± ≥ 0.
* `newton_cg`, second order: Newton–CG for ridge; with an ℓ₁ part the dual, a least distance
  problem, by Lawson & Hanson's NNLS: an active-set method on orthogonal factors.

L-BFGS-B and Newton–CG stop where J is flat to rounding, at about √ε in b. So both are restarted
from where they stopped, on J(b + d) − J(b) as a function of d, on a scale where that is of order
one. What all solvers share is the scaling to unit norms and the gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import eigh
from scipy.optimize import Bounds, minimize, nnls

from bayesreg.language.arguments import Array
from bayesreg.model.unit_data import Map, UnitData
from bayesreg.solvers.base import Solution, distance
from bayesreg.solvers.closed_form import DualRidge

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem

ROUNDS = 10
ENOUGH = 1e-13  # relative change in a round
LBFGS = {"maxcor": 30, "ftol": 0.0, "gtol": 1e-9, "maxiter": 2000, "maxfun": 4000}
# (x, minus the gradient there) ↦ (x after a round, iterations)
Step = Callable[[Array, Array], tuple[Array, int]]


def lbfgsb(problem: Problem, *, start: Array | None = None) -> Solution:
    """Minimise J by L-BFGS-B, restarted until that changes nothing.

    Parameters
    ----------
    problem : Problem
        With λ known.
    start : ndarray (p,), optional
        Where to start; zero by default.

    Returns
    -------
    Solution
        Exact zeros where a bound is active.

    Raises
    ------
    NotSupported
        If λ depends on an unknown.

    References
    ----------
    Byrd, Lu, Nocedal & Zhu (1995), "A limited memory algorithm for bound constrained optimization",
    SIAM J. Sci. Comput. 16(5); Schmidt, Fung & Rosales (2007), ECML, §2.2 (the split).

    Examples
    --------
    >>> import bayesreg as br
    >>> from bayesreg.solvers import scipy_routes
    >>> model = br.Model(prior=br.Laplace(1.0), likelihood=br.Gaussian(sigma=1.0))
    >>> problem = model.condition([[1.0], [-1.0]], [3.0, -1.0])
    >>> scipy_routes.lbfgsb(problem).b.round(8)
    array([1.5])
    """
    unit = problem.quadratic.unit
    l1, l2 = unit.penalty(problem.l1, problem.l2)
    if np.any(l1):
        u = np.zeros(len(unit.kept)) if start is None else unit.reduce(start)
        u, how = _restart(
            u, lambda u: unit.fine_gradient(u, l2), lambda u, g: _split_step(unit, l1, l2, u, g)
        )
        form = "b = b⁺ − b⁻ with bounds"
    else:
        form, quadratic = "the smooth objective", _Quadratic.of(unit, l2, start)
        x, how = _restart(quadratic.start, quadratic.residual, quadratic.lbfgs_step)
        u = quadratic.primal(x)
    return Solution(unit.restore(u), "lbfgsb", how[0], f"L-BFGS-B on {form}, {how[1]}")


def newton_cg(problem: Problem, *, start: Array | None = None) -> Solution:
    r"""Minimise J by a second-order method.

    Without λ₁ by Newton–CG on Hessian–vector products. With it by the dual,

    .. math:: \min_\theta \tfrac12\|\theta - \bar y\|^2 \ \text{s.t.}\
              |\bar x_j'\theta| \le \lambda_{1j}, \quad
              \bar X = [X; \Lambda_2^{1/2}],\ \bar y = [y; 0],

    a least distance problem, whose multipliers, found by NNLS, are b⁺ and b⁻.

    Parameters
    ----------
    problem : Problem
        With λ known.
    start : ndarray (p,), optional
        Where to start Newton–CG; NNLS has no use for it.

    Returns
    -------
    Solution

    Raises
    ------
    NotSupported
        If λ depends on an unknown.

    References
    ----------
    Lawson & Hanson (1974), "Solving Least Squares Problems", ch. 23, algorithms NNLS and LDP;
    Osborne, Presnell & Turlach (2000), "On the LASSO and its dual", JCGS 9(2); Nocedal & Wright
    (2006), "Numerical Optimization", §7.1 (Newton–CG).

    Examples
    --------
    >>> import bayesreg as br
    >>> from bayesreg.solvers import scipy_routes
    >>> model = br.Model(prior=br.Laplace(1.0), likelihood=br.Gaussian(sigma=1.0))
    >>> problem = model.condition([[1.0], [-1.0]], [3.0, -1.0])
    >>> scipy_routes.newton_cg(problem).b.round(8)
    array([1.5])
    """
    unit = problem.quadratic.unit
    l1, l2 = unit.penalty(problem.l1, problem.l2)
    if np.any(l1):
        u, message = _least_distance(unit, l1, l2)
        return Solution(unit.restore(u), "newton_cg", 1, message)
    quadratic = _Quadratic.of(unit, l2, start)
    x, how = _restart(quadratic.start, quadratic.residual, quadratic.newton_step)
    return Solution(
        unit.restore(quadratic.primal(x)), "newton_cg", how[0], f"Newton–CG on J, {how[1]}"
    )


def _restart(x: Array, residual: Map, step: Step) -> tuple[Array, tuple[int, str]]:
    """Repeat `step` from the accurate gradient of where it arrived, until that moves nothing."""
    total = rounds = 0
    while rounds < ROUNDS:
        rounds += 1
        new, iterations = step(x, residual(x))
        total += iterations
        change = float(np.max(np.abs(new - x), initial=0.0))
        x = new
        if change <= ENOUGH * float(np.max(np.abs(x), initial=0.0)):
            break
    return x, (total, f"{total} iterations in {rounds} round(s)")


@dataclass(frozen=True, eq=False)
class _Quadratic:
    """Ridge as ½x'Hx − h'x: in p-space, or on the dual in n-space where p > n (x = a)."""

    start: Array
    diagonal: Array
    curvature: Map
    residual: Map
    primal: Map

    @classmethod
    def of(cls, unit: UnitData, l2: Array, start: Array | None) -> _Quadratic:
        """The space with fewer dimensions, where the penalties are of one size."""
        dual = DualRidge.serves(unit, l2)
        if dual is not None:
            matrix = dual.matrix()
            return cls(
                np.zeros(len(matrix)),
                np.diagonal(matrix),
                lambda a: matrix @ a,
                lambda a: dual.residual(a.astype(np.longdouble)),
                lambda a: np.asarray(dual.primal(a), dtype=np.float64),
            )
        return cls(
            np.zeros(len(l2)) if start is None else unit.reduce(start),
            1.0 + l2,
            lambda d: _curvature(unit, l2, d),
            lambda u: unit.fine_gradient(u, l2),
            lambda u: u,
        )

    def _scaled(self, g: Array) -> tuple[Array, Array, Map]:
        """Units in which the curvature has diagonal 1 and the gradient size 1."""
        scale = 1.0 / np.sqrt(self.diagonal)
        size = float(np.max(np.abs(g) * scale, initial=0.0)) or 1.0
        return scale * size, -g * scale / size, lambda d: scale * self.curvature(scale * d)

    def lbfgs_step(self, x: Array, g: Array) -> tuple[Array, int]:
        """One run of L-BFGS-B without bounds."""
        unit, slope, curvature = self._scaled(g)

        def value(d: Array) -> tuple[float, Array]:
            image = curvature(d)
            return float(d @ (slope + 0.5 * image)), slope + image

        found = minimize(value, np.zeros_like(x), jac=True, method="L-BFGS-B", options=LBFGS)
        return x + unit * found.x, int(found.nit)

    def newton_step(self, x: Array, g: Array) -> tuple[Array, int]:
        """One run of Newton–CG with Hessian–vector products."""
        unit, slope, curvature = self._scaled(g)
        found = minimize(
            lambda d: float(d @ (slope + 0.5 * curvature(d))),
            np.zeros_like(x),
            jac=lambda d: slope + curvature(d),
            hessp=lambda _, v: curvature(v),
            method="Newton-CG",
            options={"xtol": 1e-9, "maxiter": 100},
        )
        return x + unit * found.x, int(found.nit)


def _curvature(unit: UnitData, l2: Array, d: Array) -> Array:
    """(X'X + Λ₂)d."""
    if unit.wide and unit.X is not None:
        return unit.X.T @ (unit.X @ d) + l2 * d
    return unit.gram @ d + l2 * d


def _split_step(unit: UnitData, l1: Array, l2: Array, u: Array, g: Array) -> tuple[Array, int]:
    """One run of L-BFGS-B on d = d⁺ − d⁻, u± + d± ≥ 0; columns without λ₁ are not split."""
    scale = 1.0 / np.sqrt(1.0 + l2)
    size = float(np.max(distance(g, l1, u) * scale, initial=0.0))
    if size == 0.0:
        return u, 0
    split, q = np.flatnonzero(l1 > 0.0), len(u)
    slope, kink, factor = -g * scale / size, l1 * scale / size, scale * size

    def value(z: Array) -> tuple[float, Array]:
        d = z[:q].copy()
        d[split] -= z[q:]
        image = scale * _curvature(unit, l2, scale * d)
        gradient = slope + image
        total = d @ (slope + 0.5 * image) + kink[split] @ (z[split] + z[q:])
        return float(total), np.concatenate([gradient + kink, (kink - gradient)[split]])

    up, down = np.maximum(u, 0.0), np.maximum(-u, 0.0)[split]
    low = np.concatenate([np.where(l1 > 0.0, -up / factor, -np.inf), -down / factor[split]])
    found = minimize(
        value,
        np.zeros(len(low)),
        jac=True,
        method="L-BFGS-B",
        bounds=Bounds(low, np.full(len(low), np.inf)),
        options=LBFGS,
    )
    z, bound = found.x, found.x == low
    smooth = l1 == 0.0
    new = np.where(smooth, u + factor * z[:q], np.where(bound[:q], 0.0, up + factor * z[:q]))
    new[split] -= np.where(bound[q:], 0.0, down + factor[split] * z[q:])
    return new, int(found.nit)


def _least_distance(unit: UnitData, l1: Array, l2: Array) -> tuple[Array, str]:
    """The lasso by its dual: NNLS on [−X̄ X̄; (c − λ₁)' (−c − λ₁)'] against the last unit vector."""
    if unit.y_square == 0.0:
        return np.zeros_like(l1), "y is zero, and so is every coefficient"
    top, y = _rows(unit)
    ridge = np.flatnonzero(l2 > 0.0)
    bottom = np.zeros((len(ridge), len(l2)))
    bottom[np.arange(len(ridge)), ridge] = np.sqrt(l2[ridge])
    X = np.vstack([top, bottom])
    xy = top.T @ y
    last = np.concatenate([xy - l1, -xy - l1])
    matrix = np.vstack([np.hstack([-X, X]), last])
    target = np.zeros(len(matrix))
    target[-1] = 1.0
    try:
        w, _ = nnls(matrix, target, maxiter=50 * matrix.shape[1])
    except RuntimeError as error:  # left to the certificate to refuse
        return np.zeros_like(l1), f"NNLS on the dual failed: {error}"
    q = len(l1)
    u = (w[:q] - w[q:]) / (1.0 - float(last @ w))
    return u, "NNLS on the dual, a least distance problem"


def _rows(unit: UnitData) -> tuple[Array, Array]:
    """Rows with the cross-products of the unit-norm data: the root, or one by eigenvalues."""
    if unit.X is not None and unit.y is not None:
        return unit.X, unit.y
    whole = np.block([[unit.gram, unit.xy[:, None]], [unit.xy, unit.y_square]])
    values, basis = eigh(whole)
    rows = np.sqrt(np.maximum(values, 0.0))[:, None] * basis.T
    return rows[:, :-1], rows[:, -1]
