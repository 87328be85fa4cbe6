"""Posteriors without some rows: refitted from moments, for rows that importance sampling fails.

Engines work from moments, and those of the remaining rows are total − held out, so that a refit
costs a short run and no pass over the rows. The prior stays what it is: columns keep the divisors
that they had with all rows. Those depend on X alone, so that p(y_i | y_-i) is still the predictive
density of a model, the same that importance sampling and the closed forms estimate; a prior that
moved with the rows left out would be another for each of them.
"""

from __future__ import annotations

import dataclasses
import math
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bayesreg.data.moments import Moments
from bayesreg.diagnostics.pointwise import PLAIN, Integrated, Routes, blocks
from bayesreg.engines import base, engine_named
from bayesreg.engines.draws import Rows, Sample, rows_of
from bayesreg.engines.factors import with_factors
from bayesreg.engines.kernel import Independent
from bayesreg.engines.pareto import pareto_khat
from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadArgument, BadData, NotSupported
from bayesreg.model.propriety import refuse_improper
from bayesreg.model.quadratic import Quadratic

if TYPE_CHECKING:
    from bayesreg.data.design import Design
    from bayesreg.engines.draws import Draws
    from bayesreg.model.problem import Problem

# A short run: the log of a mean of 1 000 densities is known to a few hundredths of a nat, unless
# the row is far out; independent draws cost next to nothing.
CHAINS, LENGTH, INDEPENDENT = 2, 500, 2000
LEAST, MOST = 250, 1000  # draws for a fold, where each is a density given the scales
BATCHES = 10  # of each chain, for Monte Carlo errors
SETTLED = 0.1
CELLS = 2**20  # numbers in one array of rows × draws: 8 MiB
# Below this share of a column's sum of squares a difference of moments has lost digits.
CANCELLATION = 1e-4
# PyMC compiles every model anew, so one of ours draws from the same posterior where one serves.
SUBSTITUTES = ("exact", "direct", "gibbs", "tangent", "hmc")


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Rows predicted by a posterior that did not see them.

    Attributes
    ----------
    elpd, khat : ndarray (m,)
        log p(y_i | the others), and Pareto k̂ of the densities averaged: above 0.7 their mean does
        not settle, and mcse, about 1 at most, hides it. 0 where batches agree to SETTLED nats: then
        no tail matters.
    batches : ndarray (m, B)
        Means of the densities over successive batches of draws, in units of their mean.
    engine : str
        Which engine drew.
    """

    elpd: Array
    khat: Array
    batches: Array
    engine: str

    @property
    def mcse(self) -> Array:
        """Monte Carlo error of each elpd, from batch means."""
        count = self.batches.shape[1]
        return np.asarray(self.batches.std(axis=1, ddof=1) / math.sqrt(count))

    def error(self, weights: Array) -> float:
        """That of Σ weights·elpd: the rows share their draws, and errors add up."""
        sums = weights @ self.batches
        return float(sums.std(ddof=1) / math.sqrt(len(sums)))


def held_out(draws: Draws, rows: Rows, key: tuple[int, ...], routes: Routes = PLAIN) -> HeldOut:
    """Predict rows that are held out together.

    Parameters
    ----------
    draws : Draws
        Of the posterior given all rows: says model, engine and seed.
    rows : ndarray of int
        Of each, one copy is held out (all of it, where its weight is below 1).
    key : tuple of int
        Sets the noise of this refit apart from that of others.
    routes : Routes
        What the likelihood allows beyond draws.

    Raises
    ------
    BadData
        If without them there is no posterior.
    NotSupported
        If no engine serves.
    """
    short = _without(draws, rows, key)
    found = _densities(short, rows_of(draws.problem), rows, routes.integrated)
    return HeldOut(*found, short.engine)


def mean_without(draws: Draws, row: int) -> float:
    """E(y_i | y_-i) of a row, by the draws that :func:`held_out` has of it in leave-one-out.

    Raises
    ------
    BadData
        If without the row there is no posterior.
    NotSupported
        If no engine serves.
    """
    sample = Sample.of(_without(draws, np.array([row]), (1, row)), r_eff=1.0)
    eta, theta = sample.on_rows(rows_of(draws.problem), np.array([row]))
    return float(sample.likelihood.mean(eta, theta).mean())


def _without(draws: Draws, rows: Rows, key: tuple[int, ...]) -> Draws:
    """A short run on the other rows, its seed that of the draws and of a key."""
    train = without(draws.problem, rows)
    seed = np.random.SeedSequence([draws.seed, zlib.crc32(b"held out"), *key])
    return _short_run(draws, train, int(seed.generate_state(1, np.uint32)[0]))


def without(problem: Problem, rows: Rows) -> Problem:
    """The same model on the other rows, standardised as before; BadData if it has no posterior."""
    if rows_of(problem).sampled_of:
        raise NotSupported("the other rows are read in passes, and a refit takes them in memory")
    named = f"without row {int(rows[0])}" + (
        "" if len(rows) == 1 else f" and {len(rows) - 1} others"
    )
    try:
        if not problem.exact:
            return _on_other_rows(problem, rows)
        moments = _remaining(problem, rows)
        quadratic = Quadratic.of(
            moments,
            problem.flat,
            problem.x_sd,
            problem.coordinates.loc,
            intercept=problem.intercept,
        )
        train = dataclasses.replace(
            problem, design=None, moments=moments, least_squares=quadratic, warnings=()
        )
        refuse_improper(train)
    except (BadArgument, BadData) as error:
        raise BadData(
            f"{named} there is no posterior, so the density of what was left out does not exist: "
            f"{error}"
        ) from error
    return train


def _on_other_rows(problem: Problem, rows: Rows) -> Problem:
    """The rows that are left, one copy of each of `rows` taken out; coordinates stay."""
    design = rows_of(problem)
    weights = design.frequencies.copy()
    weights[rows] -= np.minimum(weights[rows], 1.0)
    keep = np.flatnonzero(weights > 0.0)
    left = design.take(keep)
    if design.weights is not None:
        left = dataclasses.replace(left, weights=weights[keep])
    train = dataclasses.replace(problem, design=left, warnings=())
    refuse_improper(train)
    return train


def _remaining(problem: Problem, rows: Rows) -> Moments:
    """Moments without one copy of each row: by difference, or from rows where that cancels."""
    design, total = rows_of(problem), problem.moments
    weights = design.frequencies
    copies = np.minimum(weights[rows], 1.0)
    whole = weights[rows] <= 1.0
    if total.root is None:
        taken = Moments.of(design.X[rows], design.target[rows], copies, design.names, warn=False)
        left = total - taken
        before, after = np.diagonal(total.cross), np.diagonal(left.cross)
        if np.all(after >= CANCELLATION * before):
            return dataclasses.replace(left, rows=total.rows - int(whole.sum()))
    weights = weights.copy()
    weights[rows] -= copies
    weights[rows[whole]] = 0.0
    keep = weights > 0
    if not keep.any():
        raise BadArgument("no row is left")
    w = None if design.weights is None else weights[keep]
    return Moments.of(design.X[keep], design.target[keep], w, design.names, warn=False)


def _short_run(draws: Draws, train: Problem, seed: int) -> Draws:
    """By the engine that drew, or the next of ours that draws from the same posterior."""
    first, last = ((), ("nuts",)) if draws.engine == "nuts" else ((draws.engine,), ())
    for name in dict.fromkeys((*first, *SUBSTITUTES, *last)):
        try:
            engine = engine_named(name)
            length = INDEPENDENT if isinstance(engine.KERNEL, Independent) else LENGTH
            return base.run(engine, train, draws=length, chains=CHAINS, seed=seed, progress=False)
        except (BadArgument, NotSupported):
            continue
    raise NotSupported(f"no engine refits draws of {draws.engine!r} without some of the rows")


def _densities(
    short: Draws, design: Design, rows: Rows, integrated: Integrated | None
) -> tuple[Array, Array, Array]:
    """Log mean predictive densities of `rows`, k̂, and relative means of batches."""
    elpd, khat, batches = np.empty(len(rows)), np.empty(len(rows)), []
    step = max(1, CELLS // short.sigma.size)
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        values = _log_density(short, design, rows[part], integrated)
        khat[part] = pareto_khat(values)
        top = values.max(axis=1, keepdims=True)
        density = np.exp(values - top)
        mean = density.mean(axis=1)
        with np.errstate(divide="ignore"):
            elpd[part] = top[:, 0] + np.log(mean)
        batches.append(_batch_means(density, len(short.sigma)) / mean[:, None])
    together = np.concatenate(batches)
    khat[together.std(axis=1, ddof=1) < SETTLED * math.sqrt(together.shape[1])] = 0.0
    if not np.all(np.isfinite(elpd)):
        row = int(rows[np.flatnonzero(~np.isfinite(elpd))[0]])
        raise BadData(
            f"the density of row {row} given the others is zero to rounding: an extreme outlier"
        )
    return elpd, khat, together


def _log_density(short: Draws, design: Design, rows: Rows, integrated: Integrated | None) -> Array:
    """(rows, draws): given the scales where affordable, else given β and σ."""
    size = short.sigma.size if len(rows) == 1 else MOST
    if integrated is not None:
        short = with_factors(short)
        sample = integrated.affordable(short, short.problem, len(rows), LEAST, size)
        if sample is not None:
            found = integrated.predicting(short.problem, design, sample, rows)
            if found is not None:
                return found
    plain = Sample.of(short, r_eff=1.0)
    return np.concatenate([block for _, block in blocks(design, plain, rows)])


def _batch_means(density: Array, chains: int) -> Array:
    """Means (rows, batches) over successive draws of each chain."""
    by_chain = density.reshape(len(density), chains, -1)
    length = by_chain.shape[2] // BATCHES
    cut = by_chain[:, :, : length * BATCHES].reshape(len(density), chains * BATCHES, length)
    return np.asarray(cut.mean(axis=2))
