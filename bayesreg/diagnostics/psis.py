"""Pareto-smoothed importance sampling for blocks of rows at once.

ArviZ's ``psislw`` takes rows one by one, a millisecond each. These are its formulae, on arrays
(rows, draws), with the same numbers to rounding: Vehtari, Simpson, Gelman, Yao & Gabry (2024),
"Pareto smoothed importance sampling", JMLR 25(72), https://jmlr.org/papers/v25/19-556.html. The fit
of tails is in :mod:`bayesreg.engines.pareto`.
"""

from __future__ import annotations

import math

import numpy as np

from bayesreg.engines.pareto import smoothed, tail_length
from bayesreg.language.arguments import Array

# Beyond this range of log densities a product of weight and density would underflow.
RANGE = 600.0

Found = tuple[Array, Array, Array, Array]


def leave_one(log_density: Array, r_eff: float) -> Found:
    r"""Log p(y_i | y_-i), log p(y_i | y), Pareto k̂ and influence of draws, one copy of each row.

    Ratios are 1/p(y_i | θ), so that ratio × density is 1 outside the smoothed tail and only the
    tail needs looking at: :math:`p(y_i \mid y_{-i}) = \sum_s w_s p_s / \sum_s w_s`. The influence
    (rows, S) is what each draw adds to log p(y_i | y_-i): a sum of it over draws has the Monte
    Carlo error of the logarithm. That of the smoothed tail is taken from the raw ratios.

    Parameters
    ----------
    log_density : ndarray (rows, S)
        log p(y_i | θ_s). Overwritten.
    r_eff : float
        ESS per draw.
    """
    draws = log_density.shape[1]
    m = tail_length(draws, r_eff)
    low = log_density.min(axis=1)
    if np.any(log_density.max(axis=1) - low > RANGE):
        return left_out(-log_density, log_density, r_eff)
    w = np.exp(np.subtract(low[:, None], log_density, out=log_density), out=log_density)
    # w is exp(low)/density; its mean reciprocal is the mean density.
    lppd = low + np.log(np.reciprocal(w).sum(axis=1) / draws)
    influence = 1.0 / draws - w / w.sum(axis=1, keepdims=True)
    w.partition(draws - m - 1, axis=1)
    threshold = w[:, draws - m - 1, None]
    tail = np.sort(w[:, draws - m :], axis=1)
    smooth, khat = smoothed(tail, threshold)
    total = w[:, : draws - m].sum(axis=1) + smooth.sum(axis=1)
    elpd = low + np.log((draws - m + (smooth / tail).sum(axis=1)) / total)
    return elpd, lppd, khat, influence


def left_out(log_ratio: Array, log_density: Array, r_eff: float) -> Found:
    """Log of the weighted mean of densities and of their plain mean, k̂ and influence, per row.

    Parameters
    ----------
    log_ratio : ndarray (rows, S)
        Log importance ratios, of any form.
    log_density : ndarray (rows, S)
        What is averaged.
    r_eff : float
        ESS per draw.
    """
    log_weight, khat = log_weights(log_ratio, r_eff)
    weighted = log_weight + log_density
    elpd = _log_total(weighted)
    influence = np.exp(weighted - elpd[:, None]) - np.exp(log_weight)
    return elpd, log_mean(log_density), khat, influence


def log_mean(log_values: Array) -> Array:
    """Log of the mean over draws of exp(values), (rows,)."""
    return np.asarray(_log_total(log_values) - math.log(log_values.shape[1]))


def largest_weight(log_ratio: Array) -> Array:
    """The largest ratio in units of their mean, (rows,)."""
    return np.asarray(np.exp(log_ratio.max(axis=1) - log_mean(log_ratio)))


def batch_sums(influence: Array, chains: int, batches: int) -> Array:
    """Sums over `batches` successive stretches of each chain of influences (S,), which add to 0."""
    length = influence.size // chains // batches
    if length == 0:
        return influence
    cut = influence.reshape(chains, -1)[:, : length * batches]
    return np.asarray(cut.reshape(chains * batches, length).sum(axis=1))


def log_weights(log_ratio: Array, r_eff: float) -> tuple[Array, Array]:
    """Logs of smoothed weights (rows, S) that sum to 1, and Pareto k̂ (rows,)."""
    draws = log_ratio.shape[1]
    m = tail_length(draws, r_eff)
    out = log_ratio - log_ratio.max(axis=1, keepdims=True)
    # The value before the tail is the threshold over which exceedances are counted.
    places = np.argpartition(out, draws - m - 1, axis=1)
    threshold = np.take_along_axis(out, places[:, draws - m - 1, None], axis=1)
    where = places[:, draws - m :]
    tail = np.take_along_axis(out, where, axis=1)
    order = np.argsort(tail, axis=1)
    tail = np.take_along_axis(tail, order, axis=1)
    smooth, khat = smoothed(np.exp(tail), np.exp(threshold))
    with np.errstate(divide="ignore"):
        changed = np.where(np.isinf(khat)[:, None], tail, np.log(smooth))
    np.put_along_axis(out, np.take_along_axis(where, order, axis=1), changed, axis=1)
    return out - _log_total(out)[:, None], khat


def _log_total(values: Array) -> Array:
    top = values.max(axis=1)
    return np.asarray(top + np.log(np.exp(values - top[:, None]).sum(axis=1)))
