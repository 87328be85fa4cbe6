"""Tables of effects: what coefficients say of the columns and of the levels of factors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.diagnostics.run import summarise
from bayesreg.engines.draws import Draws, pooled
from bayesreg.language.arguments import Array, check_level, interval_names
from bayesreg.model.effects import Effects
from bayesreg.model.problem import Problem
from bayesreg.results import ratios

if TYPE_CHECKING:
    import pandas as pd

    from bayesreg.results.summary import Summary


def effects_of(problem: Problem, reference: Any = None) -> Effects:
    """The effects of a problem: those that it has already, unless another reference is asked."""
    return (
        problem.effects if reference is None else Effects.read(problem.effects.columns, reference)
    )


def of_draws(draws: Draws, reference: Any, level: float, *, standardized: bool) -> Summary:
    """Mean, sd, interval and P(> 0) of every effect, and what it is.

    Parameters
    ----------
    draws : Draws
    reference : None, "mean" or mapping
        As in :meth:`Effects.read`.
    level : float
        Probability of the equal-tailed interval.
    standardized : bool
        Effects of one sd of a number; those of levels are whole as they are.
    """
    check_level(level)
    effects = effects_of(draws.problem, reference)
    values = effects.of(draws.beta) * (effects.sd if standardized else 1.0)
    columns = {str(k): values[..., k] for k in range(len(effects.rows))}
    table = ratios.beside(summarise(columns, level), draws.problem.likelihood.ratio, columns, level)
    return described(table, effects, standardized=standardized)


def of_optimum(problem: Problem, beta: Array, reference: Any, *, standardized: bool) -> Summary:
    """Every effect of an optimum, whether it is zero, and what it is."""
    import pandas as pd

    effects = effects_of(problem, reference)
    values = effects.of(beta)
    factor = effects.sd if standardized else 1.0
    zero = effects.zero(beta)
    table = pd.DataFrame({"estimate": np.where(zero, 0.0, values * factor), "zero": zero})
    ratio = problem.likelihood.ratio
    if ratio is not None:
        table[ratio.key] = np.exp(table["estimate"])
    return described(table, effects, standardized=standardized)


def coefficients(entry: Any, level: float, *, raw: bool) -> pd.DataFrame:
    """The rows of one prior in `Comparison.coefficients`: of effects, or of columns as they are."""
    import pandas as pd

    effects, features = entry.problem.effects, list(entry.problem.features)
    raw = raw or effects.plain
    low, high = interval_names(level)
    beta = entry.post.draws.beta
    flat = pooled(beta if raw else effects.of(beta))
    tails = np.quantile(flat, [(1 - level) / 2, (1 + level) / 2], axis=0)
    optimum: Array = np.full(flat.shape[1], np.nan)
    zero: Any = [None] * flat.shape[1]
    if entry.fit is not None:
        found = entry.fit.beta.to_numpy()
        zero = found == 0 if raw else effects.zero(found)
        optimum = found if raw else np.where(zero, 0.0, effects.of(found))
    kappa = entry.post.shrinkage.mean.to_numpy()
    if not raw:
        kappa = np.where(effects.single >= 0, kappa[effects.single], np.nan)
    return pd.DataFrame(
        {
            "map": optimum,
            "zero": zero,
            "mean": flat.mean(axis=0),
            "sd": flat.std(axis=0, ddof=1),
            low: tails[0],
            high: tails[1],
            "p_positive": (flat > 0).mean(axis=0),
            "kappa": kappa,
        },
        index=features if raw else list(effects.names),
    )


def beside(of_draws: pd.DataFrame, of_optimum: pd.DataFrame | None) -> pd.DataFrame:
    """The draws' table with the MAP and whether it is zero in front; NaN and None without a MAP."""
    found = of_optimum
    of_draws.insert(0, "map", np.nan if found is None else found["estimate"])
    of_draws.insert(1, "zero", None if found is None else found["zero"])
    return of_draws


def described(table: pd.DataFrame, effects: Effects, *, standardized: bool) -> Summary:
    """The table by the names of the effects, with their terms, levels and references."""
    from bayesreg.results.summary import Summary

    table.index = list(effects.names)
    for key in ("term", "level", "reference"):
        table[key] = [getattr(row, key) for row in effects.rows]
    table.attrs["coding"] = effects.words
    facts = {"of numbers": f"per {'sd' if standardized else 'unit'} of the number"}
    facts |= {"of levels": "; ".join(f"{name} {how}" for name, how in effects.coding.items())}
    return Summary.of(table, "Effects", facts, ())
