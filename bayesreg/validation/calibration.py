r"""Simulation-based calibration: ranks of the truth among draws, over data sets of the model.

θ* ~ p(θ), y ~ p(y | θ*), draws of p(θ | y): the rank of f(θ*, y) among the draws' f(θ, y) is
uniform for every f if, and for enough f only if, the draws are of the posterior (Talts et al. 2018,
"Validating Bayesian inference algorithms with simulation-based calibration",
https://arxiv.org/abs/1804.06788; Modrák et al. 2023, https://doi.org/10.1214/23-BA1404).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.engines import base
from bayesreg.engines.draws import array_stats
from bayesreg.engines.kernel import Independent
from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadData, NotConverged, NotSupported
from bayesreg.validation.quantities import Unknowns, of_posterior

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem
    from bayesreg.validation.trials import Trial

FAULTS = (BadData, NotConverged, NotSupported, ArithmeticError, ValueError, np.linalg.LinAlgError)

# A Markov chain is run this many times longer than the draws that are ranked, and thinned evenly;
# where too few are effective, as on data that hardly say anything, once more and for longer.
_STRETCHES = 10, 80
# Fewer nearly independent draws than this make the rank itself noise, and ESS a guess.
ENOUGH = 20


@dataclass(frozen=True, eq=False)
class Calibration:
    """Ranks, one row per simulated data set.

    Attributes
    ----------
    ranks : dict of str to ndarray (S,)
        By quantity, in (0, 1): uniform if the engine is right.
    effective : ndarray (S,)
        Draws ranked, the fewest of all quantities.
    failures : tuple of str
        Data sets on which the engine failed, and how.
    """

    ranks: dict[str, Array]
    effective: Array
    failures: tuple[str, ...] = field(default=())


def calibrate(
    trial: Trial,
    engine: Any,
    *,
    simulations: int,
    draws: int,
    seed: int,
    tick: Callable[[int], None],
) -> Calibration:
    """Rank the truth in `simulations` data sets among `draws` nearly independent draws each."""
    truths = trial.truths(simulations, seed)
    rows: list[dict[str, float]] = []
    effective: list[int] = []
    failures: list[str] = []
    for k in range(simulations):
        rng = np.random.default_rng([seed, k])
        try:
            ranks, count = _one(trial, engine, truths.row(k), draws, rng)
            rows.append(ranks)
            effective.append(count)
        except FAULTS as error:
            failures.append(f"simulation {k}: {type(error).__name__}: {error}")
        tick(1)
    names = list(rows[0]) if rows else []
    columns = {name: np.array([row[name] for row in rows]) for name in names}
    return Calibration(columns, np.array(effective), tuple(failures))


def _one(
    trial: Trial, engine: Any, truth: Unknowns, draws: int, rng: np.random.Generator
) -> tuple[dict[str, float], int]:
    """Ranks in one data set, and the draws behind them."""
    problem = trial.given(trial.response(truth, rng))
    ranks, fewest = _ranked(problem, engine, truth, draws, _STRETCHES[0], rng)
    if fewest >= ENOUGH:
        return ranks, fewest
    return _ranked(problem, engine, truth, draws, _STRETCHES[1], rng)


def _ranked(
    problem: Problem,
    engine: Any,
    truth: Unknowns,
    draws: int,
    stretch: int,
    rng: np.random.Generator,
) -> tuple[dict[str, float], int]:
    """By one run, so many times as long."""
    independent = isinstance(engine.KERNEL, Independent)
    run = base.run(
        engine,
        problem,
        draws=draws if independent else stretch * draws,
        chains=1,
        seed=int(rng.integers(2**62)),
        progress=False,
        workers=1,
        thin=1,
        compiled=True,  # of hundreds of runs, each of them short
    )
    found = Unknowns.of_draws(run)
    if not found.finite:
        raise ArithmeticError("the engine returned draws that are not finite")
    values, true = of_posterior(problem, found), of_posterior(problem, truth)
    ranks, fewest = {}, draws
    for name, chain in values.items():
        kept = chain if independent else _thinned(chain, draws)
        fewest = min(fewest, len(kept))
        ranks[name] = _rank(kept, float(true[name][0]), rng)
    return ranks, fewest


def _thinned(chain: Array, most: int) -> Array:
    """As many evenly spaced draws as are effective."""
    ess = float(array_stats().ess(chain[None], chain_axis=0, draw_axis=1, method="mean"))
    count = int(np.clip(ess if np.isfinite(ess) else 1.0, 1, most))
    return np.asarray(chain[np.linspace(0, len(chain) - 1, count).round().astype(int)])


def _rank(draws: Array, truth: float, rng: np.random.Generator) -> float:
    """Rank of the truth as a number in (0, 1): exactly uniform for independent draws, ties too."""
    below, equal = np.sum(draws < truth), np.sum(draws == truth)
    return float((below + rng.random() * (equal + 1)) / (len(draws) + 1))
