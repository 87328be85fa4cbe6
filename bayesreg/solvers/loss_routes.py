r"""The optimum under any likelihood by two routes of `scipy.optimize`, from J's gradient alone.

* `lbfgsb`, first order: L-BFGS-B in (γ, b), with an ℓ₁ part on b = b⁺ − b⁻, b± ≥ 0; under other
  penalties on the coefficients that are not 0, from 1 % away.
* `hybrid`, second order: Powell's method on ∇J = 0 over those coefficients, from 1 % away.

Under absolute deviations, which have no gradient where rows are met:

* `highs`, for λ₁|b| alone: the linear programme, by HiGHS's simplex method;
* `hybrid`: Powell's method on the rows that are met and on ∇J = 0 along what these leave free.

J(x + d) − J(x) is the integral of ∇J along d by Gauss's rule, so that L-BFGS-B, restarted from
where it stopped, does not stall where J is flat to rounding. What these routes share with our own
solver is the likelihood's derivative and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import Bounds, linprog, minimize, root

from bayesreg.language.arguments import Array
from bayesreg.model.unit_data import Index
from bayesreg.solvers.base import Solution
from bayesreg.solvers.objective import penalty_slope

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem

AWAY = 0.01
ROUNDS = 20
ENOUGH = 1e-13  # relative change in a round
LBFGS = {"maxcor": 30, "ftol": 0.0, "gtol": 1e-10, "maxiter": 2000, "maxfun": 4000}
_GAUSS = np.polynomial.legendre.leggauss(8)
NODES, WEIGHTS = 0.5 * (_GAUSS[0] + 1.0), 0.5 * _GAUSS[1]
Map = Callable[[Array], Array]


@dataclass(frozen=True, eq=False)
class _Smooth:
    """∇J on x = (γ, b_A), the other coefficients at 0, on a scale where curvature is about 1."""

    problem: Problem
    face: Index
    scale: Array

    @classmethod
    def of(cls, problem: Problem, b: Array, face: Index) -> _Smooth:
        loss = problem.loss
        omega, _ = loss.working(loss.at(b))
        columns = np.hstack([loss.free, loss.proper[:, face]])
        curvature = omega @ np.square(columns)
        return cls(problem, face, 1.0 / np.sqrt(np.maximum(curvature, np.finfo(float).tiny)))

    def spread(self, x: Array) -> tuple[Array, Array]:
        """γ and b of x."""
        k = self.problem.loss.free.shape[1]
        b = np.zeros(self.problem.p)
        b[self.face] = x[k:]
        return x[:k], b

    def loss_slope(self, x: Array) -> Array:
        """The gradient of the loss."""
        loss = self.problem.loss
        free, b = self.spread(x)
        eta = loss.free @ free + loss.given(b)
        slope, _ = loss.likelihood.derivatives(loss.y, eta, loss.theta)
        u = loss.weights * slope
        return np.concatenate([loss.free.T @ u, loss.proper[:, self.face].T @ u])

    def slope(self, x: Array) -> Array:
        """The gradient of J, where no coefficient of the face is 0 beside a kink."""
        _, b = self.spread(x)
        out = self.loss_slope(x)
        out[len(out) - len(self.face) :] += penalty_slope(self.problem, b)[self.face]
        return out


def lbfgsb(problem: Problem, *, start: Array) -> Solution:
    """Minimise J by L-BFGS-B, restarted until that changes nothing.

    Parameters
    ----------
    problem : Problem
        With the penalty known.
    start : ndarray (p,)
        The optimum to be checked: used only where J may have several.

    References
    ----------
    Byrd, Lu, Nocedal & Zhu (1995), SIAM J. Sci. Comput. 16(5); Schmidt, Fung & Rosales (2007),
    ECML, §2.2 (the split).
    """
    if problem.penalty.linear_quadratic and problem.likelihood.convex:
        return _split(problem)
    smooth, x = _near(problem, start)
    unbounded = np.full(len(x), -np.inf)
    x, total = _restart(smooth.slope, x, smooth.scale, unbounded)
    return Solution(smooth.spread(x)[1], "lbfgsb", total, f"L-BFGS-B, {total} iterations")


def hybrid(problem: Problem, *, start: Array) -> Solution:
    """Solve ∇J = 0 by Powell's hybrid method from near `start`.

    References
    ----------
    Powell (1970), "A hybrid method for nonlinear equations", in Rabinowitz (ed.), Numerical Methods
    for Nonlinear Algebraic Equations, ch. 6.
    """
    smooth, x = _near(problem, start)
    if not len(x):
        return Solution(np.zeros(problem.p), "hybrid", 0, "no coefficient to move")
    found = root(
        lambda z: smooth.scale * smooth.slope(x + smooth.scale * z),
        np.zeros(len(x)),
        method="hybr",
        tol=1e-14,
    )
    b = smooth.spread(x + smooth.scale * found.x)[1]
    return Solution(b, "hybrid", int(found.nfev), "Powell's hybrid method")


def highs(problem: Problem) -> Solution:
    """Solve the linear programme min Σw(r⁺ + r⁻) + Σλ₁(b⁺ + b⁻), Fγ + Z(b⁺ − b⁻) + r⁺ − r⁻ = t.

    References
    ----------
    Huangfu & Hall (2018), "Parallelizing the dual revised simplex method", Mathematical Programming
    Computation 10, https://doi.org/10.1007/s12532-017-0130-5; Wagner (1959), JASA 54(285).
    """
    loss, k = problem.loss, problem.loss.free.shape[1]
    n, l1 = len(loss.y), np.broadcast_to(problem.penalty.l1, (problem.p,))
    size = np.abs(loss.proper).max(axis=0, initial=0.0)
    size = np.where(size > 0.0, size, 1.0)
    unit = float(np.ptp(loss.target)) or 1.0
    z, one = loss.proper / size, np.eye(n)
    cost = np.concatenate([np.zeros(k), l1 / size, l1 / size, loss.weights, loss.weights])
    found = linprog(
        cost / float(loss.weights.mean()),
        A_eq=np.hstack([loss.free, z, -z, one, -one]),
        b_eq=loss.target / unit,
        bounds=[(None, None)] * k + [(0.0, None)] * (2 * (problem.p + n)),
        method="highs-ds",
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )
    if found.x is None:
        return Solution(np.full(problem.p, np.nan), "highs", 0, found.message)
    b = unit * (found.x[k : k + problem.p] - found.x[k + problem.p : k + 2 * problem.p]) / size
    return Solution(b, "highs", int(found.nit), "a linear programme by the simplex method")


def hybrid_on_rows(problem: Problem, *, start: Array) -> Solution:
    """Solve r = 0 on the rows that `start` meets, and ∇J = 0 along the rest, from near it."""
    loss, k = problem.loss, problem.loss.free.shape[1]
    at = loss.at(start)
    own, x = loss.columns, np.concatenate([at.free, start])
    terms = np.abs(loss.target) + np.abs(own) @ np.abs(x)
    met = np.abs(loss.y - at.eta) <= 64.0 * np.finfo(float).eps * terms
    kinked = penalty_slope(problem, np.full(problem.p, np.finfo(float).tiny)) > 0.0
    face = np.concatenate([np.arange(k), k + np.flatnonzero((start != 0.0) | ~kinked)])
    rows = own[:, face]
    size = np.abs(rows).max(axis=0, initial=0.0)
    size = np.where(size > 0.0, size, 1.0)
    left, values, right = np.linalg.svd(rows[met] / size)
    rank = int(np.sum(values > 1e-12 * max(values, default=0.0)))
    basis, null = left[:, :rank], right[rank:].T
    sign = np.where(met, 0.0, np.sign(loss.y - at.eta))
    unit = float(np.average(np.abs(loss.y - at.eta), weights=loss.weights)) or 1.0

    def rest(z: Array) -> Array:
        new = np.zeros(len(x))
        new[face] = x[face] + unit * z / size
        pull = own.T @ (loss.weights * sign)
        pull[k:] -= np.where(new[k:] != 0.0, penalty_slope(problem, new[k:]), 0.0)
        off = basis.T @ (loss.target - own @ new)[met] / unit
        return np.concatenate([off, null.T @ (pull[face] / size) / float(loss.weights.sum())])

    away = AWAY * x[face] * size / unit * np.where(np.arange(len(face)) % 2 == 0, 1.0, -1.0)
    found = root(rest, away, method="hybr", tol=1e-14) if len(face) else None
    b = np.zeros(problem.p)
    if found is not None:
        b[face[k:] - k] = (x[face] + unit * found.x / size)[k:]
    return Solution(b, "hybrid", 0 if found is None else int(found.nfev), "Powell's hybrid method")


def _split(problem: Problem) -> Solution:
    """L-BFGS-B from β or b = 0 on (γ, b⁺, b⁻); columns without λ₁ are not split."""
    l1, l2 = (np.broadcast_to(v, (problem.p,)) for v in (problem.penalty.l1, problem.penalty.l2))
    k, split = problem.loss.free.shape[1], np.flatnonzero(l1 > 0.0)
    b = problem.loss.origin.b
    smooth = _Smooth.of(problem, b, np.arange(problem.p))
    at = problem.loss.at(b)
    first = np.concatenate([at.free, b, np.zeros(len(split))])
    first[k + split], first[k + problem.p :] = np.maximum(b[split], 0.0), np.maximum(-b[split], 0.0)
    low = np.full(len(first), -np.inf)
    low[k + split], low[k + problem.p :] = 0.0, 0.0

    def merged(x: Array) -> Array:
        out = x[: k + problem.p].copy()
        out[k + split] -= x[k + problem.p :]
        return out

    def slope(x: Array) -> Array:
        whole = merged(x)
        g = smooth.loss_slope(whole)
        g[k:] += l2 * whole[k:]
        return np.concatenate([g[:k], g[k:] + l1, (l1 - g[k:])[split]])

    scale = np.concatenate([smooth.scale, smooth.scale[k + split]])
    x, total = _restart(slope, first, scale, low)
    message = f"L-BFGS-B on b = b⁺ − b⁻ with bounds, {total} iterations"
    return Solution(merged(x)[k:], "lbfgsb", total, message)


def _near(problem: Problem, start: Array) -> tuple[_Smooth, Array]:
    """The coefficients that move, and where they start: 1 % away from the optimum."""
    kinked = penalty_slope(problem, np.full(problem.p, np.finfo(float).tiny)) > 0.0
    face = np.flatnonzero((start != 0.0) | ~kinked)
    smooth = _Smooth.of(problem, start, face)
    signs = np.where(np.arange(len(face)) % 2 == 0, 1.0, -1.0)
    at = problem.loss.at(start)
    # Far from 0 a location makes 1 % of b more than the data allow for; an sd is enough.
    far = np.minimum(AWAY * np.abs(start[face]), smooth.scale[len(at.free) :])
    return smooth, np.concatenate([at.free, start[face] + signs * np.copysign(far, start[face])])


def _restart(slope: Map, x: Array, scale: Array, low: Array) -> tuple[Array, int]:
    """Rounds of L-BFGS-B on d, in units where curvature and gradient are of order one."""
    total = 0
    for _ in range(ROUNDS):
        pull = scale * slope(x)
        held = (x <= low) & (pull >= 0.0)
        top = float(np.max(np.abs(np.where(held, 0.0, pull)), initial=0.0))
        if top == 0.0:
            break
        unit = scale * top

        def value(
            z: Array, x: Array = x, unit: Array = unit, top: float = top
        ) -> tuple[float, Array]:
            d = unit * z
            rise = sum(w * float(d @ slope(x + t * d)) for t, w in zip(NODES, WEIGHTS, strict=True))
            return rise / top**2, unit * slope(x + d) / top**2

        found = minimize(
            value,
            np.zeros(len(x)),
            jac=True,
            method="L-BFGS-B",
            bounds=Bounds((low - x) / unit, np.full(len(x), np.inf)),
            options=LBFGS,
        )
        total += int(found.nit)
        new = np.where(found.x <= (low - x) / unit, low, x + unit * found.x)
        change = float(np.max(np.abs(new - x) / scale))
        x = new
        if change <= ENOUGH * float(np.max(np.abs(x) / scale)):
            break
    return x, total
