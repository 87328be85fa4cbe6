"""Ratios: coefficients of log-odds and log-counts as what they multiply, with their intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bayesreg.diagnostics.run import short_name
from bayesreg.language.arguments import Array, interval_names
from bayesreg.likelihoods.base import Ratio
from bayesreg.model.problem import Problem

if TYPE_CHECKING:
    import pandas as pd


def of_draws(ratio: Ratio, draws: Array, level: float) -> dict[str, Array]:
    """e^median and the ends of the interval, exponentiated, of draws (S, k), by column.

    An equal-tailed interval of e^β is that of β, exponentiated; a mean of e^β would be that of its
    largest draws.
    """
    middle, *ends = np.quantile(draws, [0.5, 0.5 * (1 - level), 0.5 * (1 + level)], axis=0)
    names = [ratio.key, *(f"{ratio.key}_{end}" for end in interval_names(level))]
    with np.errstate(over="ignore"):
        return dict(zip(names, np.exp([middle, *ends]), strict=True))


def beside(
    table: pd.DataFrame, ratio: Ratio | None, draws: dict[str, Array], level: float
) -> pd.DataFrame:
    """A table by unknown with the ratios of those that have `draws`, NaN for the others."""
    import pandas as pd

    if ratio is None or not draws:
        return table
    flat = np.stack([values.reshape(-1) for values in draws.values()], axis=1)
    found = pd.DataFrame(of_draws(ratio, flat, level), index=list(draws))
    return table.join(found)


def with_ratios(
    table: pd.DataFrame, problem: Problem, unknowns: dict[str, Array], level: float
) -> pd.DataFrame:
    """A summary of unknowns, by name, with the ratios of its coefficients."""
    names = [short_name(f"beta[{name}]") for name in problem.features]
    return beside(table, problem.likelihood.ratio, {k: unknowns[k] for k in names}, level)
