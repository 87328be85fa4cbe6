"""The solver of a name, and what no solver serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadArgument, NotSupported
from bayesreg.priors import Majorised
from bayesreg.solvers import (
    closed_form,
    coordinate_descent,
    group_descent,
    homotopy,
    reweighting,
)

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem

SOLVERS = (
    "closed_form",
    "coordinate_descent",
    "group_descent",
    "homotopy",
    "lbfgsb",
    "newton",
    "reweighting",
)


def minimise(problem: Problem, name: str, seed: int) -> tuple[Array, int | None]:
    """What a solver reaches, and how many optima it saw where it looked for several.

    Parameters
    ----------
    problem : Problem
        With σ and scales known.
    name : str
        One of `SOLVERS`.
    seed : int
        Of the starts where J may have several optima.

    Raises
    ------
    BadArgument
        If there is no solver of this name.
    NotSupported
        If it does not minimise a penalty of this shape.
    """
    if name not in SOLVERS:
        raise BadArgument(f"solver must be one of {', '.join(SOLVERS)}, not {name!r}")
    if name == "group_descent":
        return group_descent.solve(problem).b, None
    if problem.penalty.in_groups:
        raise NotSupported(
            f"solver {name!r} minimises penalties by column, and some are on groups here; use "
            "solver='group_descent'"
        )
    if name == "reweighting":
        optima = reweighting.solve(problem, seed=seed)
        return optima.b, optima.seen
    if not problem.penalty.linear_quadratic:
        raise NotSupported(
            f"solver {name!r} minimises λ₁‖b‖₁ + ½λ₂‖b‖², and the penalty here is "
            f"{problem.penalty.kind}; use solver='reweighting'"
        )
    if name == "closed_form":
        return closed_form.solve(problem).b, None
    if name == "coordinate_descent":
        return coordinate_descent.solve(problem).b, None
    if name == "homotopy":
        return homotopy.solve(problem).b, None
    from bayesreg.solvers import scipy_routes as scipy_optimize

    route = {"lbfgsb": scipy_optimize.lbfgsb, "newton": scipy_optimize.newton}[name]
    return route(problem).b, None


def refuse_without_map(problem: Problem) -> None:
    """Raise NotSupported for priors without a mode, and for penalties on groups of columns."""
    why = problem.penalty.why_no_map
    if why is None:
        return
    named = next(b for b in problem.blocks if not (isinstance(b.prior, Majorised) and b.separable))
    cure = (
        "leave groups= out, or use Laplace(groups=)"
        if named.grouped
        else "Laplace or ElasticNet, which have exact zeros"
    )
    raise NotSupported(f"{type(named.prior).__name__} has {why}; use sample(problem), or {cure}")
