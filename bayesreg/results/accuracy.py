"""R² and RMSE of a posterior as quantities: which kind, and at which level they are shown."""

from __future__ import annotations

from bayesreg.diagnostics.accuracy import bayesian_r2, bootstrap_r2, bootstrap_rmse, errors
from bayesreg.engines.draws import Draws
from bayesreg.language.arguments import check_level
from bayesreg.language.errors import BadArgument
from bayesreg.results.quantity import Quantity

KINDS = ("in-sample", "loo")


def r2(draws: Draws, kind: str, level: float) -> Quantity:
    """The Bayesian R², or that of rows left out."""
    if _left_out(kind):
        found = bootstrap_r2(*errors(draws, left_out=True))[None]
        return Quantity("LOO-R²", found, level=check_level(level))
    return Quantity("R²", bayesian_r2(draws), level=check_level(level))


def rmse(draws: Draws, kind: str, level: float) -> Quantity:
    """The root mean squared error of rows that were seen, or left out."""
    left_out = _left_out(kind)
    found = bootstrap_rmse(*errors(draws, left_out=left_out))[None]
    return Quantity("LOO-RMSE" if left_out else "RMSE", found, level=check_level(level))


def _left_out(kind: str) -> bool:
    if kind not in KINDS:
        raise BadArgument(f"kind must be one of {', '.join(KINDS)}, not {kind!r}")
    return kind == KINDS[1]
