r"""The optimum under any likelihood by two routes of `scipy.optimize`, from J's gradient alone.

* `lbfgsb`, first order: L-BFGS-B in (γ, b), with an ℓ₁ part on b = b⁺ − b⁻, b± ≥ 0; under other
  penalties on the coefficients that are not 0, from 1 % away.
* `hybrid`, second order: Powell's method on ∇J = 0 over those coefficients, from 1 % away.

J(x + d) − J(x) is the integral of ∇J along d by Gauss's rule, so that L-BFGS-B, restarted from
where it stopped, does not stall where J is flat to rounding. What these routes share with our own
solver is the likelihood's derivative and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import Bounds, minimize, root

from bayesreg.language.arguments import Array
from bayesreg.model.quadratic import Index
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
        The optimum to be checked: only under penalties that are not λ₁|b| + ½λ₂b² is it used.

    References
    ----------
    Byrd, Lu, Nocedal & Zhu (1995), SIAM J. Sci. Comput. 16(5); Schmidt, Fung & Rosales (2007),
    ECML, §2.2 (the split).
    """
    if problem.penalty.linear_quadratic:
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
