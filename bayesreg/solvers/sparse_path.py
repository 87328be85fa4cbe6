"""Paths on sparse columns: each λ from the optimum of the one above it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg.lapack import dpotrf, dpotri

from bayesreg.data.projected_columns import ProjectedColumns, refuse_unformed
from bayesreg.language.arguments import Array
from bayesreg.solvers import conjugate_gradients, sparse_descent

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem

MOST = 5_000  # active columns whose products are formed, for the degrees of freedom


def path(problem: Problem, lams: Array, l1: Array, l2: Array) -> tuple[Array, Array]:
    """Optima b (L, p) and effective degrees of freedom (L,), in the order of `lams`.

    Parameters
    ----------
    problem : Problem
        Its X sparse and wide.
    lams : ndarray (L,)
    l1, l2 : ndarray (L, p)
        Penalties at each of them.

    Returns
    -------
    ndarray, ndarray
        Degrees of freedom are NaN under ridge, and where more than 5 000 columns are active under
        an elastic net: they are a trace of what is not formed.

    Raises
    ------
    NotSupported
        If the penalty is not one by column.
    """
    if not problem.penalty.linear_quadratic:
        raise refuse_unformed(f"the path of {problem.penalty.kind}", problem.p)
    quadratic, size = problem.quadratic, problem.quadratic.divisor
    columns = quadratic.columns
    assert columns is not None
    b, df = np.zeros((len(lams), problem.p)), np.full(len(lams), np.nan)
    gamma = np.zeros(problem.p)
    for k in np.argsort(-lams, kind="stable"):
        first, second = l1[k] * size, l2[k] * np.square(size)
        if np.any(first):
            gamma, _, _ = sparse_descent.minimise(columns, first, second, gamma)
            df[k] = _degrees(columns, second, gamma)
        else:
            gamma, _ = conjugate_gradients.ridge(columns, second, gamma)
        b[k] = gamma * size
    return b, df


def _degrees(columns: ProjectedColumns, l2: Array, gamma: Array) -> float:
    """tr X_A(X_A'X_A + Λ₂)⁻¹X_A' on the active columns A; their number, or rank, without Λ₂."""
    active = np.flatnonzero(gamma)
    penalty = l2[active]
    if not len(active):
        return 0.0
    if len(active) > MOST:
        return np.nan if np.any(penalty) else float(len(active))
    gram = columns.block(active)
    size = np.sqrt(np.diagonal(gram))
    gram, penalty = gram / size / size[:, None], penalty / np.square(size)
    factor, info = dpotrf(gram + np.diag(penalty), lower=1)
    depends = info or float(np.min(np.diagonal(factor))) ** 2 <= 1e-10
    if not np.any(penalty):
        return float(np.linalg.matrix_rank(gram, hermitian=True)) if depends else len(active)
    if depends:
        return float(np.trace(np.linalg.lstsq(gram + np.diag(penalty), gram)[0]))
    inverse, _ = dpotri(factor, lower=1)
    return len(active) - float(penalty @ np.diagonal(inverse))
