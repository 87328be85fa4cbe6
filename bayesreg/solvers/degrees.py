"""Effective degrees of freedom at an optimum: how far fitted values follow y."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg.lapack import dpotrf, dpotri

from bayesreg.language.arguments import Array
from bayesreg.model.loss import Point
from bayesreg.model.unit_data import UnitData
from bayesreg.solvers.curvature import Cholesky
from bayesreg.solvers.groups import Groups

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem


def df_at(problem: Problem, at: Point) -> float:
    """Effective degrees of freedom of the quadratic that touches the loss at a point."""
    return df_of(problem, problem.touching(at), at.b)


def df_of(problem: Problem, touching: Problem, b: Array) -> float:
    """The same, of that quadratic and an optimum b (p,)."""
    unit = touching.quadratic.unit
    if problem.penalty.in_groups:
        return Groups.of(touching).df(unit.reduce(b))
    l2 = np.broadcast_to(problem.penalty.l2, (problem.p,))
    return active_df(unit, unit.penalty(np.zeros(problem.p), l2)[1], unit.reduce(b))


def active_df(unit: UnitData, l2: Array, u: Array) -> float:
    """Effective degrees of freedom at an optimum: tr X_A(X_A'X_A + Λ₂)⁻¹X_A' on the active columns.

    For the lasso this is the rank of the active columns (Zou, Hastie & Tibshirani 2007, Annals of
    Statistics 35(5), https://doi.org/10.1214/009053607000000127).
    """
    active = np.flatnonzero(u)
    if not len(active):
        return 0.0
    gram, penalty = unit.block(active), l2[active]
    factor, info = dpotrf(gram + np.diag(penalty), lower=1)
    depends = info or float(np.min(np.diagonal(factor))) ** 2 <= 1e-10
    if not np.any(penalty):
        return float(np.linalg.matrix_rank(gram, hermitian=True)) if depends else len(active)
    if depends:
        return float(np.trace(Cholesky.near(gram + np.diag(penalty)).solve(gram)))
    inverse, _ = dpotri(factor, lower=1)
    return len(active) - float(penalty @ np.diagonal(inverse))
