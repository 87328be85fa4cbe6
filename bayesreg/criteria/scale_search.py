"""The scale and σ of a penalty that has no λ, by cross-validation over the prior's scale."""

from __future__ import annotations

import dataclasses

import numpy as np

from bayesreg.criteria import cross_validate
from bayesreg.language.arguments import Array
from bayesreg.language.errors import NotSupported
from bayesreg.model.blocks import assign
from bayesreg.model.problem import Problem
from bayesreg.priors import Laplace
from bayesreg.solvers import reweighting
from bayesreg.solvers.objective import Objective, solve_positive
from bayesreg.solvers.path import default_lams, solve_path

GRID = np.geomspace(1e3, 1e-4, 22)  # scales in multiples of a coefficient's least-squares error


def scale_by_cv(problem: Problem, seed: int) -> tuple[Problem, float, str]:
    r"""Choose the one unknown scale by 10-fold cross-validation; σ̂² = RSS/(N − 1 − df) at it.

    During the search an unknown σ is that of the lasso with cross-validated λ, which is consistent
    whether or not p < n (Reid, Tibshirani & Friedman 2016, "A study of error variance estimation in
    lasso regression", Statistica Sinica 26). The optima of a fold are those that reweighting
    reaches from the optimum at the next larger scale, beginning where J is close to ridge.

    Parameters
    ----------
    problem : Problem
        On rows, with one unknown scale.
    seed : int
        Of the folds.

    Returns
    -------
    Problem, float, str
        With σ and scale fixed; σ; and how, in words.

    Raises
    ------
    NotSupported
        If no scale is unknown, or several are, or there are no rows.
    """
    if len(problem.unknown_scales) != 1:
        raise NotSupported(
            f"hyper='cv' chooses one scale, and here {len(problem.unknown_scales)} are unknown; "
            "use hyper='joint' where scales are given, or hyper=post with a posterior's medians"
        )
    if problem.design is None:
        raise NotSupported(f"hyper='cv' needs rows, and {problem.rowless}; fix scale and σ")
    guess = problem.sigma or _sigma_of_lasso(problem, seed)
    scales = GRID * _reference(problem, guess)
    best = cross_validate(problem, scales, guess, seed=seed, solve=_follow).lam
    known = problem.given(scale=best, sigma=guess)
    b = reweighting.solve(known, seed=seed).b
    sigma = problem.sigma or known.quadratic.residual_sd(b, effective_df(known, b), least=1e-12)
    return (
        problem.at(sigma=sigma if problem.sigma is None else None, scale=best),
        sigma,
        "scale by 10-fold cross-validation (minimum), σ̂² = RSS/(N − 1 − df)",
    )


def _follow(problem: Problem, scales: Array, sigma: float) -> tuple[Array, None]:
    """Local optima b (L, p) at each scale, from the largest down, each from the one before."""
    rows = np.zeros((len(scales), problem.p))
    b: Array | None = None
    for k in np.argsort(-scales, kind="stable"):
        one = problem.given(scale=float(scales[k]), sigma=sigma)
        b = reweighting.local(one, b)
        rows[k] = b
    return rows, None


def effective_df(problem: Problem, b: Array) -> float:
    """tr (H⁻¹X̃'X̃) on the face of b, H the Hessian of J: how far fitted values follow y."""
    objective = Objective.of(problem)
    u = objective.unit.reduce(b)
    face = objective.face(u)
    gram = objective.unit.block(face)
    columns = [solve_positive(objective.unit, face, objective.bend(u)[face], one) for one in gram]
    return float(sum(c[j] for j, c in enumerate(columns) if c is not None))


def _reference(problem: Problem, sigma: float) -> float:
    """The scale, in its declared unit, that equals a coefficient's least-squares error."""
    (block,) = (block for block in problem.blocks if block.scale is None)
    norms = problem.quadratic.norms[block.columns] * block.relative
    typical = float(np.median(norms[norms > 0.0])) if np.any(norms > 0.0) else 1.0
    return (1.0 if block.prior.unit == "sigma" else sigma) / typical


def _sigma_of_lasso(problem: Problem, seed: int) -> float:
    """σ̂ of the lasso with λ by cross-validation, all columns under one Laplace prior."""
    names = [problem.features[j] for j in problem.proper]
    _, blocks = assign(Laplace(), names, (), problem.n)
    one = dataclasses.replace(problem, blocks=blocks)
    best = cross_validate(one, default_lams(one, 50), 1.0, seed=seed).lam
    b, df = solve_path(one, np.array([best]), 1.0)
    return problem.quadratic.residual_sd(b[0], float(df[0]), least=1e-12)
