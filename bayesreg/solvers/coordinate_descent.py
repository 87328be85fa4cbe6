"""Coordinate descent on the Gram matrix, for ridge, lasso, elastic net and mixtures of them.

With an ℓ₁ part: epochs over a working set that grows by the worst violators, each followed by a
Newton step on the face of the current signs, which ends with exact zeros and a gradient at rounding
level. Without one (ridge) such a Newton step would *be* the closed form, which this solver is there
to check; there one epoch forward and one backward precondition conjugate gradients instead.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg.blas import dtrsv
from scipy.linalg.lapack import dposv

from bayesreg.language.arguments import Array
from bayesreg.model.unit_data import EPS, UnitData
from bayesreg.solvers import sparse_descent
from bayesreg.solvers.base import Solution, distance, refine, terms, working_set
from bayesreg.solvers.closed_form import DualRidge, minimise_face

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem

EPOCHS = 5  # between two Newton steps
MAX_SWEEPS = 50  # epochs in all, before one column at a time enters
MAX_SYMMETRIC_EPOCHS = 20_000  # for ridge; reached where the condition number is beyond 1e9
MAX_ROUNDS = 100  # of working sets, and of Newton steps in each but for 4 a column: a bound
FINE = 1e3  # times its rounding, from which a gradient is not at rest
FIRST_WORKING_SET = 100  # columns
TINY = 1e-300


def solve(problem: Problem, *, start: Array | None = None) -> Solution:
    r"""Minimise J = ½‖y − Xb‖² + Σλ₁ⱼ|bⱼ| + ½Σλ₂ⱼbⱼ², one coordinate at a time.

    .. math:: b_j \leftarrow S(x_j'r + \|x_j\|^2 b_j,\ \lambda_{1j}) / (\|x_j\|^2 + \lambda_{2j}),
              \qquad S(z, t) = \mathrm{sign}(z)\,(|z| - t)_+

    Parameters
    ----------
    problem : Problem
        With λ known.
    start : ndarray (p,), optional
        Where to start, in the coordinates of the penalty; zero by default.

    Returns
    -------
    Solution
        `iterations` counts epochs; coefficients at zero are exactly zero.

    Raises
    ------
    NotSupported
        If the penalty depends on an unknown.

    References
    ----------
    Friedman, Hastie & Tibshirani (2010), "Regularization paths for generalized linear models via
    coordinate descent", J. Stat. Softw. 33(1), §2.2, https://doi.org/10.18637/jss.v033.i01;
    Lee, Battle, Raina & Ng (2006), "Efficient sparse coding algorithms", NIPS, alg. 1 (signs);
    Björck & Elfving (1979), "Accelerated projection methods for computing pseudoinverse solutions
    of systems of linear equations", BIT 19 (epochs as a preconditioner).

    Examples
    --------
    >>> import bayesreg as br
    >>> from bayesreg.solvers import coordinate_descent
    >>> model = br.Model(prior=br.Laplace(1.0), likelihood=br.Gaussian(sigma=1.0))
    >>> problem = model.condition([[1.0, 1.0], [-1.0, 1.0], [0.0, -2.0]], [3.0, -1.0, 0.0])
    >>> coordinate_descent.solve(problem).b
    array([1.5       , 0.16666667])
    """
    if problem.quadratic.columns is not None:
        return sparse_descent.solve(problem, start=start)
    unit = problem.quadratic.unit
    l1, l2 = unit.penalty(problem.l1, problem.l2)
    first = np.zeros(len(unit.kept)) if start is None else unit.reduce(start)
    u, epochs, message = minimise(unit, l1, l2, first)
    return Solution(unit.restore(u), "coordinate_descent", epochs, message)


def path(problem: Problem, penalties: Iterable[tuple[Array, Array]]) -> Array:
    """Minimisers under a sequence of penalties, each started from the one before.

    Parameters
    ----------
    problem : Problem
        Its data are used and its own λ is not.
    penalties : iterable of (ndarray (p,), ndarray (p,))
        λ₁ and λ₂ per proper column; from large to small is fastest.

    Returns
    -------
    ndarray (L, p)
        Rows in the order given.
    """
    unit = problem.quadratic.unit
    u, rows = np.zeros(len(unit.kept)), []
    for l1, l2 in penalties:
        u, _, _ = minimise(unit, *unit.penalty(l1, l2), u)
        rows.append(unit.restore(u))
    return np.array(rows).reshape(len(rows), unit.size)


def minimise(unit: UnitData, l1: Array, l2: Array, start: Array) -> tuple[Array, int, str]:
    """Minimiser on unit-norm columns, number of epochs, and a message."""
    if not len(start):
        return start, 0, "no column to move"
    if not np.any(l1):
        return _ridge(unit, l2, start)
    return _sparse(unit, l1, l2, start)


def _ridge(unit: UnitData, l2: Array, start: Array) -> tuple[Array, int, str]:
    """Conjugate descent, restarted at the accurate gradient until that no longer helps.

    In p-space; in n-space, on the dual, where columns outnumber independent rows and the penalties
    are of one size.
    """
    epochs = 0

    def solve(g: Array) -> Array:
        nonlocal epochs
        change, count = _conjugate(matrix, g)
        epochs += count
        return change if epochs < MAX_SYMMETRIC_EPOCHS else np.full_like(g, np.nan)

    dual = DualRidge.serves(unit, l2)
    if dual is not None:
        matrix, space = dual.matrix(), "n-space"
        u = dual.solve(unit, l2, solve, np.zeros(len(dual.y)), patience=3)
    else:
        matrix, space = unit.gram + np.diag(l2), "p-space"
        fine = refine(start, lambda x: unit.fine_gradient(x, l2), solve, patience=3)
        u = np.asarray(fine, dtype=np.float64)
    return u, epochs, f"{epochs} symmetric epochs with conjugate directions in {space}"


def _conjugate(A: Array, g: Array) -> tuple[Array, int]:
    """Solve Ax = g by conjugate gradients on symmetric epochs of coordinate descent from zero.

    An epoch forward is a solve with the lower triangle of A, one backward a solve with the upper:
    together the preconditioner (L + D)D⁻¹(L + D)'.
    """
    lower, diagonal = np.asfortranarray(np.tril(A)), np.diagonal(A)

    def epochs(r: Array) -> Array:
        forward = diagonal * dtrsv(lower, r, lower=1)
        return np.asarray(dtrsv(lower, forward, lower=1, trans=1))

    x, r = np.zeros_like(g), g.copy()
    z = epochs(r)
    direction, rho = z, float(r @ z)
    target = EPS**2 * rho
    for k in range(20 * len(g) + 20):
        image = A @ direction
        curvature = float(direction @ image)
        if not (rho > target and curvature > 0.0):
            return x, k
        step = rho / curvature
        x += step * direction
        r -= step * image
        z = epochs(r)
        rho, old = float(r @ z), rho
        direction = z + (rho / old) * direction
    return x, k + 1


def _sparse(unit: UnitData, l1: Array, l2: Array, start: Array) -> tuple[Array, int, str]:
    """Grow a working set by the worst violators until no idle column violates its condition."""
    u, total, rounds = start.copy(), 0, 0
    while rounds < MAX_ROUNDS:
        rounds += 1
        g = unit.gradient(u, l2)
        busy = (u != 0.0) | (l1 == 0.0)
        excess = np.abs(g) - l1 - _slack(u, l2)
        if rounds > 1 and not np.any(excess[~busy] > 0.0):
            face = np.flatnonzero(busy)
            polished = minimise_face(unit, face, (l1 * np.sign(u))[face], l2)
            held = (np.sign(polished) == np.sign(u)) | (l1 == 0.0)
            if np.all(held):
                u = polished
                break
            u[~held] = 0.0  # a coefficient at rounding level: its column may come back
            continue
        work = working_set(busy, excess, FIRST_WORKING_SET)
        if not len(work):
            break
        H = unit.block(work)
        if l2.any():
            H = H + np.diag(l2[work])
        u[work], epochs = _descend(H, g[work] + H @ u[work], l1[work], u[work], _slack(u, l2))
        total += epochs
    how = f"{total} epochs, {rounds} working set(s), Newton step on the final support"
    rest = float(np.max(distance(unit.gradient(u, l2), l1, u)))
    if rest <= FINE * _slack(u, l2) and rounds < MAX_ROUNDS:
        return u, total, how
    u, steps = _by_faces(unit, l1, l2, u)
    return u, total, f"{total} epochs, then {steps} faces one after the other, by QR"


def _by_faces(unit: UnitData, l1: Array, l2: Array, start: Array) -> tuple[Array, int]:
    """An active-set method on rows, for columns so nearly collinear that products mislead.

    The optimum over a face, or the way to it until a first sign changes; where signs hold the
    worst violator enters. J falls at each step, so that no face comes twice (Osborne, Presnell &
    Turlach 2000, IMA Journal of Numerical Analysis 20(3), §3).
    """
    u, signs = start.copy(), np.sign(start)
    most = MAX_ROUNDS + 4 * len(u)
    for step in range(most):
        face = np.flatnonzero((signs != 0.0) | (l1 == 0.0))
        new = minimise_face(unit, face, (l1 * signs)[face], l2)
        wrong = (l1 > 0.0) & (signs != 0.0) & (np.sign(new) != signs)
        if np.any(wrong):
            ratio = np.where(wrong, np.abs(u) / np.maximum(np.abs(u - new), TINY), np.inf)
            first = int(np.argmin(ratio))
            u = u + min(float(ratio[first]), 1.0) * (new - u)
            u[first] = signs[first] = 0.0
            continue
        u = new
        g = unit.fine_gradient(u, l2)
        excess = np.where((signs == 0.0) & (l1 > 0.0), np.abs(g) - l1, 0.0)
        worst = int(np.argmax(excess))
        if excess[worst] <= _slack(u, l2):
            return u, step + 1
        signs[worst] = np.sign(g[worst])
    return u, most


def _slack(u: Array, l2: Array) -> float:
    """Rounding level of the gradient: a zero coordinate that violates by less stays at zero."""
    return 8.0 * EPS * float(terms(u, l2))


def _descend(H: Array, c: Array, l1: Array, u: Array, slack: float) -> tuple[Array, int]:
    """Minimise ½u'Hu − c'u + Σλ₁|u|: epochs, and Newton steps on the face of u in between.

    Epochs find most of the support at once, but with dependent columns they can go on undoing each
    other's work. After `MAX_SWEEPS` of them only the worst violator enters a settled face: an
    active-set method, which ends because J falls and there are finitely many faces.
    """
    u, total = u.copy(), 0
    for _ in range(MAX_ROUNDS + 4 * len(u)):
        if not _newton(H, c, l1, u):
            if total < MAX_SWEEPS:
                total += _epochs(H, c - H @ u, l1, u, slack)
            continue
        g = c - H @ u
        excess = np.where(u == 0.0, np.abs(g) - l1, 0.0)
        worst = int(np.argmax(excess))
        if excess[worst] <= slack:
            break
        if total < MAX_SWEEPS:
            total += _epochs(H, g, l1, u, slack)
        else:
            u[worst] = np.sign(g[worst]) * excess[worst] / H[worst, worst]
    return u, total


def _newton(H: Array, c: Array, l1: Array, u: Array) -> bool:
    """Step, in place, to the minimiser over the face of u; False if a sign would change there.

    Then to that minimiser with the offending coefficients at zero if J falls, and otherwise along
    the way to it until the first of them is zero, where J falls because it is quadratic.
    """
    face = np.flatnonzero((u != 0.0) | (l1 == 0.0))
    if not len(face):
        return True
    A, old, weight = H[np.ix_(face, face)], u[face], l1[face]
    shift = weight * np.sign(old)
    new = _solve(A, c[face] - shift)
    wrong = (weight > 0.0) & (np.sign(new) != np.sign(old))
    if not np.any(wrong):
        u[face] = new
        return True
    clipped = np.where(wrong, 0.0, new)
    move = clipped - old
    g = c[face] - A @ old
    rise = move @ (0.5 * (A @ move) - g) + weight @ (np.abs(clipped) - np.abs(old))
    if rise < 0.0:
        u[face] = clipped
        return False
    ratio = np.where(wrong, old / np.where(wrong, old - new, 1.0), np.inf)
    first = int(np.argmin(ratio))
    old = old + ratio[first] * (new - old)
    old[first] = 0.0
    u[face] = old
    return False


def _solve(A: Array, right: Array) -> Array:
    """Solution of a positive definite system, or of the nearest one where A is singular."""
    _, x, info = dposv(A, right, lower=1)
    ridge = 4.0 * EPS * float(np.trace(A))
    while info:
        _, x, info = dposv(A + ridge * np.eye(len(A)), right, lower=1)
        ridge *= 10.0
    return np.asarray(x)


def _epochs(H: Array, g: Array, l1: Array, u: Array, slack: float) -> int:
    """Epochs of descent in place over columns not at rest, g = c − Hu kept up to date; how many.

    Plain Python: compiled, this loop saves less than importing numba costs, up to 5 000 columns.
    """
    diagonal, weights = np.diagonal(H).tolist(), l1.tolist()
    for epoch in range(EPOCHS):
        active = np.flatnonzero((u != 0.0) | (np.abs(g) > l1 + slack))
        moved = False
        for j in active.tolist():
            old = float(u[j])
            z = float(g[j]) + diagonal[j] * old
            size = abs(z) - weights[j]
            enters = size > (slack if old == 0.0 else 0.0)
            new = math.copysign(size, z) / diagonal[j] if enters else 0.0
            if new != old:
                g -= (new - old) * H[j]
                u[j] = new
                moved = True
        if not moved:
            return epoch
    return EPOCHS
