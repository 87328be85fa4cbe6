"""Least squares on the columns that a penalty keeps: the refit, and its cross-validated error."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesreg.criteria.cross_validation import cross_validate
from bayesreg.language.arguments import Array
from bayesreg.model.problem import Problem
from bayesreg.solvers.path import Ray, solve_path


def refitted(problem: Problem, b: Array) -> Array:
    """Least squares (the shortest solution) on the non-zero columns of each of L optima (L, p)."""
    data, out = problem.quadratic.rows, np.zeros_like(b)
    for row, one in zip(out, b, strict=True):
        kept = np.flatnonzero(one)
        if len(kept):
            row[kept] = np.linalg.lstsq(data.x[:, kept], data.y, rcond=None)[0]
    return out


def refit_errors(ray: Ray, lam: float, folds: Any) -> tuple[float, float]:
    """Cross-validated errors of the refit and of the optimum, on the same folds."""

    def penalised(problem: Problem, lams: Array, sigma: float) -> tuple[Array, Any]:
        return solve_path(problem, lams, sigma, l1_ratio=ray.l1_ratio)

    def refit(problem: Problem, lams: Array, sigma: float) -> tuple[Array, Any]:
        b, df = penalised(problem, lams, sigma)
        return refitted(problem, b), df

    errors = [
        cross_validate(ray.problem, [lam], ray.sigma, folds=folds, solve=how).error[0]
        for how in (refit, penalised)
    ]
    return float(errors[0]), float(errors[1])
