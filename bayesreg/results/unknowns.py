"""The unknowns of a run by the names that readers use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from bayesreg.diagnostics.run import short_name
from bayesreg.engines.draws import Draws
from bayesreg.language.arguments import Array, check_level, interval_names

if TYPE_CHECKING:
    import pandas as pd


def unknowns_of(draws: Draws, *, standardized: bool = False) -> dict[str, Array]:
    """Draws (chain, draw) of every unknown by name, in the order of the summary."""
    problem, out = draws.problem, {}
    if problem.intercept:
        out["intercept"] = draws.intercept
    factor = problem.column_sd if standardized else np.ones(draws.beta.shape[-1])
    for j, name in enumerate(problem.features):
        out[short_name(f"beta[{name}]")] = draws.beta[..., j] * factor[j]
    if problem.unknown_sigma:
        out["sigma"] = draws.sigma
    for k, label in enumerate(draws.scale_labels):
        out["scale" if len(draws.scale_labels) == 1 else f"scale[{label}]"] = draws.scale[..., k]
    return out


def summarise(values: Mapping[str, Array], level: float) -> pd.DataFrame:
    """Mean, sd, equal-tailed interval and P(> 0) of each, one row per name."""
    import pandas as pd

    tails = [(1 - check_level(level)) / 2, (1 + level) / 2]
    flat = {name: v.reshape(-1) for name, v in values.items()}
    table = pd.DataFrame(
        {
            "mean": {k: v.mean() for k, v in flat.items()},
            "sd": {k: v.std(ddof=1) for k, v in flat.items()},
        }
    )
    table[list(interval_names(level))] = np.array([np.quantile(v, tails) for v in flat.values()])
    table["p_positive"] = [np.mean(v > 0) for v in flat.values()]
    return table
