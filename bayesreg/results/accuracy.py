"""R² and RMSE of a posterior as quantities, and the routes by which its rows are left out."""

from __future__ import annotations

from bayesreg.data.design import Design
from bayesreg.diagnostics.accuracy import bayesian_r2, bootstrap_r2, bootstrap_rmse, errors
from bayesreg.diagnostics.pointwise import Routes
from bayesreg.engines.draws import Draws
from bayesreg.gaussian import integrated_loo
from bayesreg.gaussian.exact_loo import exact_pointwise, normal_pointwise
from bayesreg.language.arguments import Array, check_level
from bayesreg.language.errors import BadArgument
from bayesreg.model.problem import Problem
from bayesreg.results.quantity import Quantity

KINDS = ("in-sample", "loo")


def r2(draws: Draws, kind: str, level: float) -> Quantity:
    """The Bayesian R², or that of rows left out."""
    if _left_out(kind):
        found = bootstrap_r2(*_errors(draws, left_out=True))[None]
        return Quantity("LOO-R²", found, level=check_level(level))
    return Quantity("R²", bayesian_r2(draws), level=check_level(level))


def rmse(draws: Draws, kind: str, level: float) -> Quantity:
    """The root mean squared error of rows that were seen, or left out."""
    left_out = _left_out(kind)
    found = bootstrap_rmse(*_errors(draws, left_out=left_out))[None]
    return Quantity("LOO-RMSE" if left_out else "RMSE", found, level=check_level(level))


def routes(problem: Problem) -> Routes:
    """What the likelihood allows leave-one-out beyond draws of it."""
    if not problem.exact:
        return Routes()
    return Routes(exact_pointwise, normal_pointwise, integrated_loo)


def _errors(draws: Draws, *, left_out: bool) -> tuple[Design, Array]:
    integrated = routes(draws.problem).integrated
    return errors(draws, left_out=left_out, integrated=integrated)


def _left_out(kind: str) -> bool:
    if kind not in KINDS:
        raise BadArgument(f"kind must be one of {', '.join(KINDS)}, not {kind!r}")
    return kind == KINDS[1]
