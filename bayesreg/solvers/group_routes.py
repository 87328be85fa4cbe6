r"""The optimum of a group lasso by two routes of `scipy.optimize`, from 1 % away.

They move the groups that are not zero, along which J is smooth; that the others belong at zero is
for the certificate to say.

* `lbfgsb`, first order: L-BFGS-B on J(u + d) − J(u) as a function of d, restarted. No digits cancel
  in ‖v + d‖ − ‖v‖ = (2v'd + d'd)/(‖v + d‖ + ‖v‖).
* `hybrid`, second order: Powell's hybrid method on ∇J = 0 with its Jacobian.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize, root

from bayesreg.language.arguments import Array
from bayesreg.model.quadratic import Index
from bayesreg.solvers.base import Solution
from bayesreg.solvers.groups import Groups
from bayesreg.solvers.local_routes import AWAY, LBFGS, ROUNDS

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem


def lbfgsb(problem: Problem, *, start: Array) -> Solution:
    """Minimise J by L-BFGS-B from near `start`, restarted until that changes nothing.

    Parameters
    ----------
    problem : Problem
        A group lasso with λ known.
    start : ndarray (p,)
        The optimum to be checked.

    Returns
    -------
    Solution

    References
    ----------
    Byrd, Lu, Nocedal & Zhu (1995), SIAM J. Sci. Comput. 16(5).
    """
    groups, u, columns = _prepare(problem, start)
    total = 0
    for _ in range(ROUNDS):
        change, steps = _round(groups, u, columns)
        total += steps
        u[columns] += change
        if float(np.max(np.abs(change), initial=0.0)) <= 1e-13 * float(np.max(np.abs(u))):
            break
    message = f"L-BFGS-B on {len(columns)} coefficients, {total} iterations"
    return Solution(groups.unit.restore(u), "lbfgsb", total, message)


def hybrid(problem: Problem, *, start: Array) -> Solution:
    """Solve ∇J = 0 by Powell's hybrid method from near `start`.

    Parameters
    ----------
    problem : Problem
        A group lasso with λ known.
    start : ndarray (p,)
        The optimum to be checked.

    Returns
    -------
    Solution

    References
    ----------
    Powell (1970), "A hybrid method for nonlinear equations", in Rabinowitz (ed.), Numerical Methods
    for Nonlinear Algebraic Equations, ch. 6.
    """
    groups, u, columns = _prepare(problem, start)
    if not len(columns):
        return Solution(groups.unit.restore(u), "hybrid", 0, "no coefficient to move")
    size = 1.0 / np.sqrt(np.diagonal(groups.hessian(u, columns)))

    def at(x: Array) -> Array:
        v = u.copy()
        v[columns] += size * x
        return v

    def slope(x: Array) -> Array:
        v = at(x)
        return np.asarray(-size * groups.residual(v, groups.unit.gradient(v, groups.l2))[columns])

    def jacobian(x: Array) -> Array:
        return np.asarray(size[:, None] * groups.hessian(at(x), columns) * size)

    found = root(slope, np.zeros(len(columns)), jac=jacobian, method="hybr", tol=1e-14)
    message = f"Powell's hybrid method on {len(columns)} coefficients"
    return Solution(groups.unit.restore(at(found.x)), "hybrid", int(found.nfev), message)


def _prepare(problem: Problem, start: Array) -> tuple[Groups, Array, Index]:
    """The groups, u with what is not zero 1 % away, and the columns that move."""
    groups = Groups.of(problem)
    u = groups.unit.reduce(start)
    columns = groups.active(u)
    u[columns] *= 1.0 + AWAY * np.where(np.arange(len(columns)) % 2 == 0, 1.0, -1.0)
    return groups, u, columns


def _round(groups: Groups, u: Array, columns: Index) -> tuple[Array, int]:
    """One run on d, scaled to unit curvature and a gradient of order one; the change of u."""
    g = groups.unit.fine_gradient(u, groups.l2)
    size = 1.0 / np.sqrt(np.diagonal(groups.hessian(u, columns)))
    top = float(np.max(np.abs(groups.residual(u, g)[columns]) * size, initial=0.0))
    if top == 0.0:
        return np.zeros(len(columns)), 0
    H = groups.unit.block(columns) + np.diag(groups.l2[columns])
    norm = groups.norms(u)

    def value(z: Array) -> tuple[float, Array]:
        d = np.zeros_like(u)
        d[columns] = size * top * z
        image, new = H @ d[columns], groups.norms(u + d)
        inner = np.square(groups.shape) * d * (2.0 * u + d)
        safe = np.where(new + norm > 0.0, new + norm, 1.0)
        rise = np.bincount(groups.index, inner, len(norm)) / safe
        total = d[columns] @ (0.5 * image - g[columns]) + groups.level @ rise
        slope = -groups.residual(u + d, g)[columns] + image
        return float(total) / top**2, size * slope / top

    found = minimize(value, np.zeros(len(columns)), jac=True, method="L-BFGS-B", options=LBFGS)
    return size * top * found.x, int(found.nit)
