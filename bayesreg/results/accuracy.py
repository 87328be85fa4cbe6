"""R² and RMSE of a posterior as quantities, and the routes by which its rows are left out."""

from __future__ import annotations

from collections.abc import Callable

from bayesreg.diagnostics.accuracy import bayesian_r2, bootstrap_r2, bootstrap_rmse, errors
from bayesreg.diagnostics.pointwise import Routes
from bayesreg.engines.draws import Draws, rows_of
from bayesreg.gaussian import integrated_loo
from bayesreg.gaussian.exact_loo import exact_pointwise, normal_pointwise
from bayesreg.language.arguments import Array, check_level
from bayesreg.language.errors import BadArgument
from bayesreg.model.problem import Problem
from bayesreg.results.quantity import Quantity

KINDS = ("in-sample", "loo")


def r2(draws: Draws, kind: str, level: float, wrong: Callable[[], Array]) -> Quantity:
    """The Bayesian R², or that of rows left out, from the errors `wrong` that they have."""
    if _of_rows_left_out(kind):
        found = bootstrap_r2(rows_of(draws.problem), wrong())[None]
        return Quantity("LOO-R²", found, level=check_level(level))
    return Quantity("R²", bayesian_r2(draws), level=check_level(level))


def rmse(draws: Draws, kind: str, level: float, wrong: Callable[[], Array]) -> Quantity:
    """The root mean squared error of rows that were seen, or left out, likewise."""
    if _of_rows_left_out(kind):
        found = bootstrap_rmse(rows_of(draws.problem), wrong())[None]
        return Quantity("LOO-RMSE", found, level=check_level(level))
    found = bootstrap_rmse(*errors(draws, left_out=False))[None]
    return Quantity("RMSE", found, level=check_level(level))


def left_out(draws: Draws) -> Array:
    """y_i − E(y_i | y_-i) of every row, by the cheapest route that the likelihood allows."""
    return errors(draws, left_out=True, integrated=routes(draws.problem).integrated)[1]


def routes(problem: Problem) -> Routes:
    """What the likelihood allows leave-one-out beyond draws of it."""
    if not problem.exact or problem.least_squares.columns is not None:
        return Routes()
    return Routes(exact_pointwise, normal_pointwise, integrated_loo)


def _of_rows_left_out(kind: str) -> bool:
    if kind not in KINDS:
        raise BadArgument(f"kind must be one of {', '.join(KINDS)}, not {kind!r}")
    return kind == KINDS[1]
