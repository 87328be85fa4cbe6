"""R² and RMSE of a posterior as quantities, and the routes by which its rows are left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from bayesreg import diagnostics
from bayesreg.diagnostics.accuracy import (
    bayesian_r2,
    bootstrap_r2,
    bootstrap_rmse,
    errors,
    r2_of_groups,
    rmse_of_groups,
)
from bayesreg.diagnostics.expanded_leaving import expanded_leaving
from bayesreg.diagnostics.pointwise import Routes
from bayesreg.diagnostics.streamed_loo import loo_of_stream
from bayesreg.engines.draws import Draws, at_hand, rows_of
from bayesreg.gaussian import integrated_loo
from bayesreg.gaussian.exact_loo import (
    exact_leaving,
    exact_pointwise,
    normal_leaving,
    normal_pointwise,
)
from bayesreg.language.arguments import Array, check_level
from bayesreg.language.errors import BadArgument
from bayesreg.model.problem import Problem
from bayesreg.results.quantity import Quantity

KINDS = ("in-sample", "loo")


def r2(draws: Draws, kind: str, level: float, rows: RowsLeftOut) -> Quantity:
    """The Bayesian R², or that of rows left out."""
    if _of_rows_left_out(kind):
        if in_passes(draws.problem):
            found = r2_of_groups(rows.passed().groups)
        else:
            found = bootstrap_r2(rows_of(draws.problem), rows.wrong())
        return Quantity("LOO-R²", found[None], level=check_level(level))
    if in_passes(draws.problem) and not draws.problem.exact:  # where moments do not say it
        draws = replace(draws, problem=at_hand(draws.problem))
    return Quantity("R²", bayesian_r2(draws), level=check_level(level))


def rmse(draws: Draws, kind: str, level: float, rows: RowsLeftOut) -> Quantity:
    """The root mean squared error of rows that were seen, or left out, likewise."""
    out = _of_rows_left_out(kind)
    if in_passes(draws.problem):
        found = rmse_of_groups(rows.passed().groups, left_out=out)
    elif out:
        found = bootstrap_rmse(rows_of(draws.problem), rows.wrong())
    else:
        found = bootstrap_rmse(*errors(draws, left_out=False))
    return Quantity("LOO-RMSE" if out else "RMSE", found[None], level=check_level(level))


class RowsLeftOut(NamedTuple):
    """Errors of rows in memory that are left out, and what a pass says of those that are not."""

    wrong: Callable[[], Array]
    passed: Callable[[], Any]


def loo(draws: Draws, method: str | None, folds: int) -> Any:
    """Leave-one-out densities of rows in memory, or of those that are read in passes."""
    problem = draws.problem
    if in_passes(problem):
        return loo_together([draws], method)[0]
    if problem.stream is not None:  # fewer rows than columns: all of them
        draws = replace(draws, problem=at_hand(problem))
    return diagnostics.loo(draws, method, folds=folds, routes=routes(problem))


def loo_together(runs: Sequence[Draws], method: str | None = None) -> list[Any]:
    """Of several posteriors of rows that are read in passes: one pass for all."""
    problem = runs[0].problem
    assert problem.stream is not None
    return loo_of_stream(runs, problem.stream, method, routes(problem))


def in_passes(problem: Problem) -> bool:
    """Whether its rows are left out in a pass over them."""
    passed = problem.design is None and problem.stream is not None
    return passed and not problem.least_squares.wide


def left_out(draws: Draws) -> Array:
    """y_i − E(y_i | y_-i) of every row, by the cheapest route that the likelihood allows."""
    return errors(draws, left_out=True, integrated=routes(draws.problem).integrated)[1]


def routes(problem: Problem) -> Routes:
    """What the likelihood allows leave-one-out beyond draws of it."""
    if not problem.exact:
        return Routes(near=expanded_leaving)
    if problem.least_squares.columns is not None:
        return Routes()
    return Routes(exact_pointwise, normal_pointwise, integrated_loo, exact_leaving, normal_leaving)


def _of_rows_left_out(kind: str) -> bool:
    if kind not in KINDS:
        raise BadArgument(f"kind must be one of {', '.join(KINDS)}, not {kind!r}")
    return kind == KINDS[1]
