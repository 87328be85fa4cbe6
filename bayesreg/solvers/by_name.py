"""The solvers by name: which likelihood and which penalty each one minimises, and who else does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bayesreg.data.projected_columns import refuse_unformed
from bayesreg.language.errors import BadArgument, NotSupported
from bayesreg.likelihoods import AbsoluteDeviation, ConstantCurvature, Likelihood
from bayesreg.priors import Majorised, Penalised
from bayesreg.solvers import (
    closed_form,
    conjugate_gradients,
    coordinate_descent,
    group_descent,
    homotopy,
    interior_point,
    newton,
    reweighting,
    scipy_routes,
)
from bayesreg.solvers.base import Solution

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem

# The shapes of a penalty, each holding those before it: λ₁|b| + ½λ₂b² by column; norms of groups
# of columns beside it; anything with a mode, by column.
BY_COLUMN, IN_GROUPS, MAJORISED = "λ₁‖b‖₁ + ½λ₂‖b‖²", "norms of groups", "penalties by column"


# The shapes of a loss.
QUADRATIC, CONVEX, KINKED = "one quadratic", "smooth convex losses", "absolute deviations"
BENT = "smooth losses that are not convex"


@dataclass(frozen=True)
class Solver:
    """What a solver needs, and how it is called with a problem and a seed."""

    name: str
    losses: tuple[str, ...]
    shapes: tuple[str, ...]
    run: Callable[[Problem, int], Solution]
    sparse: bool | None = False  # whether it works on columns of a wide sparse X; None: only there

    def supports(self, problem: Problem) -> str | None:
        """None where the solver applies, else what is missing, in words."""
        if loss_of(problem.likelihood) not in self.losses:
            return (
                f"it minimises {' and '.join(self.losses)}, and the loss of "
                f"{type(problem.likelihood).__name__}() is not of that kind"
            )
        unformed = problem.least_squares.columns is not None
        if unformed and self.sparse is False:
            return f"it needs X'X, and of {problem.p} sparse columns that is not formed"
        if not unformed and self.sparse is None:
            return "it serves a sparse X of more than 5 000 columns"
        if shape_of(problem) not in self.shapes:
            return (
                f"it minimises {' and '.join(self.shapes)}, and the penalty here is "
                f"{problem.penalty.kind}"
            )
        return None


def _reweighted(problem: Problem, seed: int) -> Solution:
    found = reweighting.solve(problem, seed=seed)
    how = f"reweighting from {found.starts} starts"
    return Solution(found.b, "reweighting", found.starts, how, seen=found.seen)


# The default of each shape before what checks it; of likelihoods, the special before the general.
SOLVERS = {
    solver.name: solver
    for solver in (
        Solver("closed_form", (QUADRATIC,), (BY_COLUMN,), lambda p, _: closed_form.solve(p)),
        Solver(
            "coordinate_descent",
            (QUADRATIC,),
            (BY_COLUMN,),
            lambda p, _: coordinate_descent.solve(p),
            sparse=True,
        ),
        Solver(
            "conjugate_gradients",
            (QUADRATIC,),
            (BY_COLUMN,),
            lambda p, _: conjugate_gradients.solve(p),
            sparse=None,
        ),
        Solver(
            "group_descent",
            (QUADRATIC,),
            (BY_COLUMN, IN_GROUPS),
            lambda p, _: group_descent.solve(p),
        ),
        Solver("reweighting", (QUADRATIC,), (BY_COLUMN, MAJORISED), _reweighted),
        Solver("homotopy", (QUADRATIC,), (BY_COLUMN,), lambda p, _: homotopy.solve(p)),
        Solver("lbfgsb", (QUADRATIC,), (BY_COLUMN,), lambda p, _: scipy_routes.lbfgsb(p)),
        Solver("newton_cg", (QUADRATIC,), (BY_COLUMN,), lambda p, _: scipy_routes.newton_cg(p)),
        Solver(
            "newton",
            (QUADRATIC, CONVEX),
            (BY_COLUMN, IN_GROUPS, MAJORISED),
            lambda p, seed: newton.solve(p, seed=seed),
        ),
        Solver(
            "irls",
            (BENT,),
            (BY_COLUMN, IN_GROUPS, MAJORISED),
            lambda p, seed: newton.solve(p, seed=seed),
        ),
        Solver(
            "interior_point",
            (KINKED,),
            (BY_COLUMN, IN_GROUPS, MAJORISED),
            lambda p, seed: interior_point.solve(p, seed=seed),
        ),
    )
}


def loss_of(likelihood: Likelihood) -> str:
    """The shape of a likelihood's loss, by what it can do."""
    if isinstance(likelihood, ConstantCurvature):
        return QUADRATIC
    if isinstance(likelihood, AbsoluteDeviation):
        return KINKED
    return CONVEX if likelihood.convex else BENT


def shape_of(problem: Problem) -> str:
    """The narrowest shape that the penalty has."""
    if problem.penalty.linear_quadratic:
        return BY_COLUMN
    return IN_GROUPS if problem.penalty.in_groups else MAJORISED


def default_solver(problem: Problem) -> str:
    """Closed form where there is no kink, coordinate descent where there is, else what serves."""
    if not problem.exact:
        special = {KINKED: "interior_point", BENT: "irls"}
        return special.get(loss_of(problem.likelihood), "newton")
    shape = shape_of(problem)
    if shape != BY_COLUMN and problem.least_squares.columns is not None:
        raise refuse_unformed(f"the optimum of {problem.penalty.kind}", problem.p)
    if shape != BY_COLUMN:
        return "group_descent" if shape == IN_GROUPS else "reweighting"
    kinked = any(isinstance(b.prior, Penalised) and b.prior.kinked for b in problem.blocks)
    if not kinked and problem.least_squares.columns is not None:
        return "conjugate_gradients"
    return "coordinate_descent" if kinked else "closed_form"


def need_solver(problem: Problem, name: str) -> None:
    """Refuse a solver that does not exist, or does not minimise this loss and this penalty.

    Raises
    ------
    BadArgument
        If there is no solver of this name.
    NotSupported
        If it does not serve; the message names one that does.
    """
    if name not in SOLVERS:
        raise BadArgument(f"solver must be one of {', '.join(SOLVERS)}, not {name!r}")
    reason = SOLVERS[name].supports(problem)
    if reason is not None:
        raise NotSupported(
            f"solver {name!r} cannot serve: {reason}; use solver={default_solver(problem)!r}"
        )


def minimise(problem: Problem, name: str, seed: int) -> Solution:
    """What a solver reaches.

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
    BadArgument, NotSupported
        As :func:`need_solver`.
    """
    need_solver(problem, name)
    return SOLVERS[name].run(problem, seed)


def refuse_without_map(problem: Problem) -> None:
    """Raise NotSupported for priors without a mode, and for group penalties but the group lasso."""
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
