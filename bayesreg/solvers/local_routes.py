r"""A local optimum under penalties of any shape by two routes of `scipy.optimize`, from 1 % away.

J may have several optima, and which one a descent reaches is a matter of its start: both routes
start 1 % away from the optimum they check. They move the coefficients along which J is smooth
there; those at rest on a kink or cusp, on the infinite curvature of |b|^q at 0, or in a group that
is zero, stay: that they belong there is for the certificate to say.

* `lbfgsb`, first order: L-BFGS-B on J, restarted on J(u + d) − J(u), whose penalty part is the
  integral of its gradient by Gauss's rule once d is small, so that no digits cancel.
* `hybrid`, second order: Powell's hybrid method on ∇J = 0 with its Jacobian.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize, root

from bayesreg.language.arguments import Array
from bayesreg.model.unit_data import Index
from bayesreg.solvers.base import Solution
from bayesreg.solvers.groups import Groups
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
    for k in range(ROUNDS if len(face) else 0):
        change, steps = _round(objective, u, face, exact=k == 0)
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
    size, zero, whole = _size(objective, u, face), np.zeros_like(u), u.copy()

    def at(x: Array) -> Array:
        whole[face] = u[face] + size * x
        return whole

    def slope(x: Array) -> Array:
        v = at(x)
        return np.asarray(size * (objective.force(v) - objective.unit.gradient(v, zero))[face])

    def jacobian(x: Array) -> Array:
        return np.asarray(size[:, None] * objective.hessian(at(x), face) * size)

    found = root(slope, np.zeros(len(face)), jac=jacobian, method="hybr", tol=1e-14)
    solved = at(found.x)
    message = f"Powell's hybrid method on {len(face)} coefficients"
    return Solution(objective.unit.restore(solved), "hybrid", int(found.nfev), message)


def _prepare(problem: Problem, start: Array) -> tuple[Objective | Groups, Array, Index]:
    """The objective; the coefficients, those along which it is smooth 1 % away; and which."""
    objective: Objective | Groups
    if problem.penalty.in_groups:
        objective = Groups.of(problem)
        u = objective.unit.reduce(start)
        face = objective.active(u)
    else:
        objective = Objective.of(problem)
        u = objective.unit.reduce(start)
        face = objective.face(u)
        face = face[objective.bend(u)[face] < STIFF]
    u = u.copy()
    u[face] *= 1.0 + AWAY * np.where(np.arange(len(face)) % 2 == 0, 1.0, -1.0)
    return objective, u, face


def _size(objective: Objective | Groups, u: Array, face: Index) -> Array:
    """Units of the coefficients in which the curvature of J is one, or that of the data is."""
    return np.asarray(1.0 / np.sqrt(np.maximum(np.diagonal(objective.hessian(u, face)), 1.0)))


def _round(
    objective: Objective | Groups, u: Array, face: Index, *, exact: bool
) -> tuple[Array, int]:
    """One run on d, scaled to unit curvature and a gradient of order one; the change of u."""
    g = objective.unit.fine_gradient(u, np.zeros_like(u))[face]
    size = _size(objective, u, face)
    top = float(np.max(np.abs(g - objective.force(u)[face]) * size))
    if top == 0.0:
        return np.zeros(len(face)), 0
    gram, cost = objective.unit.block(face), objective.penalty(u)

    def moved(d: Array) -> Array:
        v = u.copy()
        v[face] += d
        return v

    def value(z: Array) -> tuple[float, Array]:
        d = size * top * z
        image = gram @ d
        if exact:
            rise = objective.penalty(moved(d)) - cost
        else:
            forces = (objective.force(moved(0.5 * (1.0 + node) * d))[face] for node in NODES)
            rise = sum(0.5 * w * float(f @ d) for w, f in zip(WEIGHTS, forces, strict=True))
        total = (float(d @ (0.5 * image - g)) + rise) / top**2
        return total, size * (image - g + objective.force(moved(d))[face]) / top

    found = minimize(value, np.zeros(len(face)), jac=True, method="L-BFGS-B", options=LBFGS)
    return size * top * found.x, int(found.nit)
