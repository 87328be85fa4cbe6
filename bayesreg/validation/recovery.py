"""Prior recovery: without data the posterior is the prior, and draws must be the prior's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import betainc

from bayesreg.engines import base
from bayesreg.engines.draws import array_stats
from bayesreg.language.arguments import Array
from bayesreg.validation.calibration import FAULTS
from bayesreg.validation.quantities import Unknowns, of_prior

if TYPE_CHECKING:
    from bayesreg.validation.trials import Trial

Effective = Callable[[Array, Array], float]

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
REFERENCE = 200_000  # draws straight from the prior
CHAINS = 4
_SHARE = 1e-9  # of the design's X'X, for engines that cannot run without any
_LIGHT = 1e-200  # of a row, so that no e^η that a prior reaches makes it count


def recover(trial: Trial, engine: Any, *, draws: int, seed: int) -> tuple[dict[str, Array], str]:
    """Draws (chain, draw) of each quantity without data, and what "without" had to mean."""
    if not trial.problem.exact:
        return _run(trial, engine, draws, seed, _LIGHT), f"rows that count {_LIGHT:g} times each"
    try:
        return _run(trial, engine, draws, seed, 0.0), "X'X = 0"
    except FAULTS:
        return _run(
            trial, engine, draws, seed, _SHARE
        ), f"X'X times {_SHARE:g}: the engine cannot run without any data"


def _run(trial: Trial, engine: Any, draws: int, seed: int, share: float) -> dict[str, Array]:
    """Quantities of one run."""
    problem = trial.without_data(share)
    run = base.run(engine, problem, draws=draws, chains=CHAINS, seed=seed, progress=False)
    found = Unknowns.of_draws(run)
    if not found.finite:
        raise ArithmeticError("the engine returned draws that are not finite")
    return {k: v.reshape(CHAINS, -1) for k, v in of_prior(problem, found).items()}


def reference(trial: Trial, seed: int) -> dict[str, Array]:
    """The same quantities (S,) of draws from the source's prior itself."""
    truths = trial.truths(REFERENCE, seed)
    return of_prior(trial.problem, truths)


def strays(
    found: Mapping[str, Array], prior: Mapping[str, Array], effective: Effective
) -> dict[str, tuple[float, str]]:
    r"""By quantity, the smallest p-value over five prior quantiles, and the quantile in words.

    Of m effective draws, a binomial number of m and q lies below the prior's q-quantile: indicators
    have every moment, whatever the tails, and m is that of the chain at this quantile.
    """
    told = {}
    for name, draws in found.items():
        worst = (np.inf, "")
        for q in LEVELS:
            below = (draws <= np.quantile(prior[name], q)).astype(float)
            share, count = float(below.mean()), effective(below, draws)
            words = f"{share:.3f} of draws below the prior's {q:g} quantile (ESS {count:.0f})"
            worst = min(worst, (_tail(share, q, 1.0 / (1.0 / count + 1.0 / REFERENCE)), words))
        told[name] = (min(len(LEVELS) * worst[0], 1.0), worst[1])
    return told


def effective(below: Array, draws: Array) -> float:
    """ESS of indicators (chain, draw); of the draws where no indicator differs."""
    stats = array_stats()
    constant = not 0.0 < below.mean() < 1.0  # ArviZ gives these full ESS
    values, method = (draws, "bulk") if constant else (below, "mean")
    ess = float(stats.ess(values, chain_axis=0, draw_axis=1, method=method))
    return min(ess, float(below.size))


def _tail(share: float, q: float, count: float) -> float:
    """Two-sided p-value of a binomial share; `count` need not be whole."""
    hits = share * count
    lower = betainc(count - hits, hits + 1.0, 1.0 - q) if share < 1.0 else 1.0
    upper = betainc(hits, count - hits + 1.0, q) if share > 0.0 else 1.0
    return float(min(2.0 * min(lower, upper), 1.0))
