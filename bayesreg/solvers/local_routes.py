r"""A local optimum under penalties of any shape by two routes of `scipy.optimize`.

J has several optima, and which one a descent reaches is a matter of its start: both routes start
1 % away from the optimum they check. They move the coefficients along which J is smooth there;
those at rest on a kink or cusp, or on the infinite curvature of |b|^q at 0, stay.

* `lbfgsb`, first order: L-BFGS-B on J, restarted on J(u + d) − J(u), whose penalty part is the
  integral of P′ by Gauss's rule once d is small, so that no digits cancel.
* `hybrid`, second order: Powell's hybrid method on ∇J = 0 with its Jacobian.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize, root

from bayesreg.language.arguments import Array
from bayesreg.model.quadratic import Index
from bayesreg.solvers.base import Solution
from bayesreg.solvers.objective import Objective

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem

AWAY = 0.01
ROUNDS = 10
STIFF = 1e8  # a coefficient whose penalty bends this much more than the data does not move
NODES, WEIGHTS = np.polynomial.legendre.leggauss(5)
LBFGS = {"maxcor": 30, "ftol": 0.0, "gtol": 1e-10, "maxiter": 2000, "maxfun": 4000}


def lbfgsb(problem: Problem, *, start: Array) -> Solution:
    """Minimise J by L-BFGS-B from near `start`, restarted until that changes nothing.

    Parameters
    ----------
    problem : Problem
        With σ and scales known.
    start : ndarray (p,)
        The optimum to be checked.

    Returns
    -------
    Solution

    References
    ----------
    Byrd, Lu, Nocedal & Zhu (1995), SIAM J. Sci. Comput. 16(5).
    """
    objective, u, face = _prepare(problem, start)
    total = 0
    for k in range(ROUNDS):
        if not len(face):
            break
        change, steps = _lbfgs_round(objective, u, face, exact=k == 0)
        total += steps
        u[face] += change
        if float(np.max(np.abs(change))) <= 1e-13 * float(np.max(np.abs(u))):
            break
    message = f"L-BFGS-B on {len(face)} coefficients, {total} iterations"
    return Solution(objective.unit.restore(u), "lbfgsb", total, message)


def hybrid(problem: Problem, *, start: Array) -> Solution:
    """Solve ∇J = 0 by Powell's hybrid method from near `start`.

    Parameters
    ----------
    problem : Problem
        With σ and scales known.
    start : ndarray (p,)
        The optimum to be checked.

    Returns
    -------
    Solution

    References
    ----------
    Powell (1970), "A hybrid method for nonlinear equations", in Rabinowitz (ed.), Numerical Methods
    for Nonlinear Algebraic Equations, ch. 6; Moré, Garbow & Hillstrom (1980), User Guide for
    MINPACK-1.
    """
    objective, u, face = _prepare(problem, start)
    if not len(face):
        return Solution(objective.unit.restore(u), "hybrid", 0, "no coefficient to move")
    unit, whole = objective.unit, u.copy()
    gram = unit.block(face)
    size = 1.0 / np.sqrt(1.0 + np.maximum(objective.bend(u)[face], 0.0))

    def at(x: Array) -> Array:
        whole[face] = u[face] + size * x
        return whole

    def slope(x: Array) -> Array:
        v = at(x)
        g = unit.gradient(v, np.zeros_like(v))[face]
        return np.asarray(size * (np.sign(v[face]) * objective.slope(v)[face] - g))

    def jacobian(x: Array) -> Array:
        hessian = gram + np.diag(objective.bend(at(x))[face])
        return np.asarray(size[:, None] * hessian * size)

    found = root(slope, np.zeros(len(face)), jac=jacobian, method="hybr", tol=1e-14)
    solved = at(found.x)
    message = f"Powell's hybrid method on {len(face)} coefficients"
    return Solution(unit.restore(solved), "hybrid", int(found.nfev), message)


def _prepare(problem: Problem, start: Array) -> tuple[Objective, Array, Index]:
    """The objective, the coefficients that stay as they are beside others 1 % away, and those."""
    objective = Objective.of(problem)
    u = objective.unit.reduce(start)
    face = objective.face(u)
    face = face[objective.bend(u)[face] < STIFF]
    signs = np.where(np.arange(len(face)) % 2 == 0, 1.0, -1.0)
    u = u.copy()
    u[face] *= 1.0 + AWAY * signs
    return objective, u, face


def _lbfgs_round(objective: Objective, u: Array, face: Index, *, exact: bool) -> tuple[Array, int]:
    """One run on d, scaled to unit curvature and a gradient of order one; the change of u."""
    zero = np.zeros_like(u)
    bend = np.maximum(objective.bend(u)[face], 0.0)
    r = objective.residual(u)[face]
    g = objective.unit.fine_gradient(u, zero)[face]
    size = 1.0 / np.sqrt(1.0 + bend)
    top = float(np.max(np.abs(r) * size))
    if top == 0.0:
        return np.zeros(len(face)), 0
    gram, cost = objective.unit.block(face), objective.cost(u)[face]

    def value(z: Array) -> tuple[float, Array]:
        d = size * top * z
        image = gram @ d
        moved = u.copy()
        moved[face] += d
        slope = np.sign(moved[face]) * objective.slope(moved)[face]
        if exact:
            rise = float(np.sum(objective.cost(moved)[face] - cost))
        else:
            rise = _rise(objective, u, face, d)
        total = (float(d @ (0.5 * image - g)) + rise) / top**2
        return total, size * (image - g + slope) / top

    found = minimize(value, np.zeros(len(face)), jac=True, method="L-BFGS-B", options=LBFGS)
    return size * top * found.x, int(found.nit)


def _rise(objective: Objective, u: Array, face: Index, d: Array) -> float:
    """ΣP(u + d) − P(u) as the integral of P′ along d."""
    total = 0.0
    for node, weight in zip(NODES, WEIGHTS, strict=True):
        moved = u.copy()
        moved[face] += 0.5 * (1.0 + node) * d
        slope = np.sign(moved[face]) * objective.slope(moved)[face]
        total += 0.5 * float(weight) * float(slope @ d)
    return total
