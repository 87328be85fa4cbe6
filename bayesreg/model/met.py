r"""Rows that one fit meets exactly: where noise of unknown scale leaves no posterior at σ = 0.

Let a fit meet K of N rows, in which the columns that it may use have rank R. As σ → 0 it is met
within σ^R of its own volume, each row that it meets has a density of order 1/σ and each other row
one of order σ^a (a = ν under Student-t noise, ∞ under lighter tails), so that under p(σ) ~ σ^c

    ∫ σ^(a(N − K) + R − K + c) dσ < ∞ at 0   only if   a(N − K) > K − R − c − 1.

Fernández & Steel (1999), "Multivariate Student-t regression models: pitfalls and inference",
Biometrika 86(1), https://doi.org/10.1093/biomet/86.1.153, for rounded y. Which fit meets most rows
is a hard question where there are several columns; here the commonest y beside an intercept, which
is the answer there, else the fit of least absolute deviations, which meets a majority that can be.
Columns with a prior in units of σ are of no use to a fit as σ → 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bayesreg.language.arguments import Array
from bayesreg.language.errors import PerfectFit

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem
    from bayesreg.priors import HyperPrior

Rows = NDArray[np.intp]

STEPS = 60  # of reweighted least squares towards least absolute deviations
MET = 1e-11  # of the size of y: a residual below it is rounding
ENOUGH = 2000  # rows, among which a fit that matters is seen
TINY = 1e-100  # where the order of a density of σ at 0 is read


def refuse_met(problem: Problem) -> None:
    """Raise PerfectFit where a fit that meets many rows exactly leaves σ nothing to be.

    Raises
    ------
    PerfectFit
        With how many rows, and the cure.
    """
    prior, loss = problem.sigma_prior, problem.loss
    if prior is None or not loss.weights.sum():
        return
    absolute = [block.columns for block in problem.blocks if block.prior.unit == "y"]
    used = np.concatenate(absolute) if absolute else np.zeros(0, dtype=np.intp)
    columns = np.hstack([loss.free, loss.proper[:, used]])
    offset = np.zeros(1) if loss.offset is None else loss.offset
    size = float(np.max(np.abs(loss.y)) + np.max(np.abs(offset)))
    rows = met(columns, loss.y - offset, loss.weights, MET * size)
    count, total = float(loss.weights[rows].sum()), float(loss.weights.sum())
    rank = int(np.linalg.matrix_rank(columns[rows])) if columns.shape[1] and len(rows) else 0
    rest = total - count
    others = 0.0 if rest <= 0.0 else problem.likelihood.order(problem.own) * rest
    if others > count - rank - order_at_zero(prior) - 1.0:
        return
    name = type(problem.likelihood).__name__
    raise PerfectFit(
        f"zero residual scale: one fit meets {count:g} of {total:g} rows exactly, so that {name}() "
        f"has no posterior under {prior!r}, for it is unbounded as σ goes to 0; give σ a value, or "
        f"a prior that vanishes there such as {name}(sigma=InverseGammaSquared(2.0, 1.0))"
        f"{', or df a larger one' if np.isfinite(others) and others else ''}"
    )


def order_at_zero(prior: HyperPrior) -> float:
    """c, where the density of σ is of order σ^c at 0: −1 for 1/σ, 0 for a half-normal."""
    with np.errstate(all="ignore"):
        high, low = (float(prior.log_density(x)) for x in (TINY, 0.1 * TINY))
    order = (high - low) / np.log(10.0)
    return float(round(order, 6)) if np.isfinite(order) else np.inf


def met(columns: Array, y: Array, weights: Array, rounding: float) -> Rows:
    """The rows that one fit meets to `rounding`: as many as a fit was found for."""
    n, k = columns.shape
    if k == 0:
        return np.flatnonzero(np.abs(y) <= rounding)
    if k == 1 and np.all(columns == 1.0):
        order = np.argsort(y, kind="stable")
        place = np.empty(n, dtype=np.intp)
        place[order] = np.cumsum(np.diff(y[order], prepend=y[order[0]]) > rounding)
        return np.flatnonzero(place == np.argmax(np.bincount(place, weights)))
    if k >= n:
        return np.arange(n if np.linalg.matrix_rank(columns) == n else 0)
    part = np.random.default_rng(0).permutation(n)[: ENOUGH + 10 * k]
    fit = _least_absolute(columns[part], y[part], weights[part], rounding)
    near = np.flatnonzero(np.abs(y - columns @ fit) <= 1e5 * rounding)
    if len(near):
        fit = np.linalg.lstsq(columns[near], y[near], rcond=None)[0]
    return np.flatnonzero(np.abs(y - columns @ fit) <= rounding)


def _least_absolute(columns: Array, y: Array, weights: Array, least: float) -> Array:
    """The fit (k,) of least absolute deviations by reweighting: near enough to see who is met."""
    fit, omega = np.zeros(columns.shape[1]), weights
    least = max(least, float(np.finfo(float).tiny))
    for _ in range(STEPS):
        root = np.sqrt(omega / np.max(omega))
        fit = np.linalg.lstsq(root[:, None] * columns, root * y, rcond=None)[0]
        omega = weights / np.maximum(np.abs(y - columns @ fit), least)
    return np.asarray(fit)
