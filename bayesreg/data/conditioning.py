"""How far cross-products are from singular: whether they may be kept alone."""

from __future__ import annotations

import numpy as np

from bayesreg.language.arguments import Array

WORST_CONDITION = 1e4  # of the unit-diagonal gram of X: above it cross-products lose digits
SMALLEST_RESIDUAL = 1e-6  # 1 - R²: below it the residual sum of squares would cancel
SAFETY = 3.0  # by which an estimate of the condition number may be too low
ITERATIONS = 20  # of the power method, for a lower bound of it
SINGULAR = 1e10  # condition number above which products alone have no Cholesky factor to speak of


def loses_digits(cross: Array) -> bool:
    """Whether cross-products, y last, are too close to singular to be kept alone."""
    condition, residual = conditioning(cross)
    return condition > WORST_CONDITION or residual < SMALLEST_RESIDUAL


def conditioning(cross: Array, *, exact: bool = False) -> tuple[float, float]:
    """Condition number of X's correlations (inf if singular), and 1 − R² of y on X.

    Columns that do not vary have no correlations, and are left out. The number is good enough to be
    compared with the limit: far from it the 1-norm's, as estimated from the Cholesky factor; near
    it that of the 2-norm, which may be lower by a factor of p. With `exact` it is good enough to be
    told.
    """
    live = np.diagonal(cross) > 0.0
    live[-1] = True
    cross = cross if live.all() else cross[np.ix_(live, live)]
    scale = np.sqrt(np.diagonal(cross))
    if len(cross) == 1 or scale[-1] == 0:
        scale = np.where(scale > 0, scale, 1.0)
    unit = cross / scale
    unit /= scale[:, None]
    p = len(unit) - 1
    if p == 0:
        return 1.0, 1.0
    factor, residual = cholesky(unit), 0.0
    if factor is not None:
        residual = float(factor[p, p] ** 2)
        factor = factor[:p, :p]
    elif (factor := cholesky(unit[:p, :p])) is None:
        return np.inf, 0.0
    return _condition(unit[:p, :p], factor, exact=exact), residual if unit[p, p] else 1.0


def cholesky(unit: Array) -> Array | None:
    """L with LL' = unit, by the same library as the products: two pools of threads would wait."""
    try:
        return np.linalg.cholesky(unit)
    except np.linalg.LinAlgError:
        return None


def _condition(unit: Array, factor: Array, *, exact: bool) -> float:
    """The condition number of LL'; if not `exact`, as well as is needed to compare it.

    LAPACK's estimate in the 1-norm is seldom low by more than a factor of 3 (Higham 2002, "Accuracy
    and Stability of Numerical Algorithms", 2nd ed., §15.3), and a 2-norm exceeds no 1-norm.
    """
    condition = _one_norm(unit, factor)
    if not WORST_CONDITION / SAFETY < condition < 1e12:
        return condition
    least = 0.0 if exact else _least_condition(unit, factor)
    if not exact and not WORST_CONDITION / SAFETY < least <= WORST_CONDITION:
        return least
    values = np.linalg.eigvalsh(unit)
    return float(values[-1] / values[0]) if values[0] > 0.0 else np.inf


def condition_of_unit(cross: Array) -> float:
    """The condition number in the 1-norm, as estimated, of products of columns of norm one."""
    live = np.flatnonzero(np.diagonal(cross) > 0)
    scale = np.sqrt(np.diagonal(cross)[live])
    unit = cross[np.ix_(live, live)] / scale / scale[:, None]
    factor = cholesky(unit)
    return np.inf if factor is None else _one_norm(unit, factor)


def _one_norm(unit: Array, factor: Array) -> float:
    from scipy.linalg.lapack import dpocon

    if not len(unit):
        return 1.0
    norm = float(np.abs(unit).sum(axis=0).max())
    inverse, _ = dpocon(factor.T, norm, uplo="U")
    return 1.0 / inverse if inverse > 0.0 else np.inf


def _least_condition(unit: Array, factor: Array) -> float:
    """A lower bound of the 2-norm condition number of LL', by power and inverse iteration."""
    from scipy.linalg.lapack import dpotrs

    v = np.random.default_rng(0).standard_normal(len(unit))
    w = v.copy()
    for _ in range(ITERATIONS):
        v = unit @ (v / np.linalg.norm(v))
        w = dpotrs(factor.T, w / np.linalg.norm(w))[0]
    return float(np.linalg.norm(v) * np.linalg.norm(w))


def factored(cross: Array) -> Array | None:
    """R with R'R = C by Cholesky, no rows for columns of zeros; None where C is singular."""
    live = np.flatnonzero(np.diagonal(cross) > 0)  # what does not vary is zero in any root
    root = np.zeros((len(live), len(cross)))
    try:
        root[:, live] = np.linalg.cholesky(cross[np.ix_(live, live)]).T
    except np.linalg.LinAlgError:
        return None
    return root


def rooted(cross: Array) -> Array | None:
    """R with R'R = C of products that are all there is, where C is singular or nearly; else None.

    By the eigenvectors of its unit-diagonal form, without those that rounding alone has made.

    Examples
    --------
    >>> rows = np.array([[1.0, 1.0, 2.0], [-1.0, -1.0, 1.0]])
    >>> root = rooted(rows.T @ rows)
    >>> root.shape, bool(np.allclose(root.T @ root, rows.T @ rows))
    ((2, 3), True)
    """
    if conditioning(cross)[0] <= SINGULAR:
        return None
    live = np.flatnonzero(np.diagonal(cross) > 0)
    size = np.sqrt(np.diagonal(cross)[live])
    values, vectors = np.linalg.eigh(cross[np.ix_(live, live)] / size / size[:, None])
    told = values > 64.0 * len(live) * np.finfo(float).eps * values[-1]
    root = np.zeros((int(told.sum()), len(cross)))
    root[:, live] = np.sqrt(values[told])[:, None] * vectors[:, told].T * size
    return root
