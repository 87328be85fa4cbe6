"""Pareto-smoothed importance sampling for blocks of rows at once.

ArviZ's ``psislw`` takes rows one by one, a millisecond each. These are its formulae, on arrays
(rows, draws), with the same numbers to rounding: Vehtari, Simpson, Gelman, Yao & Gabry (2024),
"Pareto smoothed importance sampling", JMLR 25(72), https://jmlr.org/papers/v25/19-556.html. The
generalised Pareto fit is that of Zhang & Stephens (2009), "A new and efficient estimation method
for the generalized Pareto distribution", Technometrics 51(3),
https://doi.org/10.1198/tech.2009.08017, with the prior of the former, appendix C.
"""

from __future__ import annotations

import math

import numpy as np

from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadArgument

# Fewer draws than this leave no tail to fit.
LEAST = 30
# Factors multiplied before a logarithm is taken, and the largest that cannot overflow.
GROUP, LARGEST = 8, 1e37
# Numbers in one array of the fit: 2 MiB.
CELLS = 2**18
# Beyond this range of log densities a product of weight and density would underflow.
RANGE = 600.0


def tail_length(draws: int, r_eff: float) -> int:
    """Draws in the tail that is smoothed: min(S/5, 3√(S/r_eff)), eq. 8 with correlated draws."""
    if draws < LEAST:
        raise BadArgument(f"PSIS needs at least {LEAST} draws, and there are {draws}")
    return int(3.0 * math.sqrt(draws / r_eff) if draws * r_eff > 225 else draws / 5)


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
    smooth, khat = _smoothed(tail, threshold)
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


def pareto_khat(log_values: Array) -> Array:
    """Pareto k̂ (rows,) of the right tail of positive numbers, from their logs (rows, S)."""
    draws = log_values.shape[1]
    m = tail_length(draws, 1.0)
    values = np.exp(log_values - log_values.max(axis=1, keepdims=True))
    values.partition(draws - m - 1, axis=1)
    return _smoothed(np.sort(values[:, draws - m :], axis=1), values[:, draws - m - 1, None])[1]


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
    smooth, khat = _smoothed(np.exp(tail), np.exp(threshold))
    with np.errstate(divide="ignore"):
        changed = np.where(np.isinf(khat)[:, None], tail, np.log(smooth))
    np.put_along_axis(out, np.take_along_axis(where, order, axis=1), changed, axis=1)
    return out - _log_total(out)[:, None], khat


def _smoothed(tail: Array, threshold: Array) -> tuple[Array, Array]:
    """The tail (rows, m), largest 1, replaced by expected order statistics, and k̂.

    Without a fit the tail stays: k̂ is then 0 where its weights are all alike, which needs no
    smoothing, and infinite where one weight dwarfs the others.
    """
    k, sigma = fit_pareto(tail - threshold)
    fits = np.isfinite(k) & (sigma > 0)
    out = tail.copy()
    if fits.any():
        q = _quantiles(tail.shape[1], k[fits], sigma[fits]) + threshold[fits]
        out[fits] = np.minimum(q, 1.0)
    k[~fits] = np.where(tail[~fits, 0] >= 1.0, 0.0, np.inf)
    return out, k


def fit_pareto(x: Array) -> tuple[Array, Array]:
    """Shape k̂, shrunk to ½, and scale σ̂ of exceedances x (rows, m), sorted; NaN without a fit."""
    rows, m = x.shape
    count = 30 + int(math.sqrt(m))
    k, sigma = np.full(rows, np.nan), np.full(rows, np.nan)
    quartile = x[:, int(m / 4 + 0.5) - 1]
    fits = np.flatnonzero(quartile > x[:, 0])
    grid = (1.0 - np.sqrt(count / (np.arange(1, count + 1) - 0.5))) / 3.0
    step = max(1, CELLS // (count * m))
    with np.errstate(all="ignore"):
        for start in range(0, len(fits), step):
            some = fits[start : start + step]
            part = x[some]
            b = grid / quartile[some, None] + 1.0 / part[:, -1:]
            logs = _mean_log1p(-b, part)
            score = m * (np.log(-b / logs) - logs - 1.0)
            share = np.exp(score - score.max(axis=1, keepdims=True))
            share /= share.sum(axis=1, keepdims=True)
            share[share < 10 * np.finfo(float).eps] = 0.0
            share /= share.sum(axis=1, keepdims=True)
            best = np.sum(b * share, axis=1)
            shape = np.log1p(-best[:, None] * part).mean(axis=1)
            sigma[some] = -shape / best
            k[some] = (m * shape + 5.0) / (m + 10.0)
    return k, sigma


def _mean_log1p(b: Array, x: Array) -> Array:
    """Mean over x of log(1 + b·x), (rows, grid), by logarithms of products of GROUP factors."""
    rows, m = x.shape
    if np.max(np.abs(b).max(axis=1) * x[:, -1]) > LARGEST:
        return np.asarray(np.log1p(b[:, :, None] * x[:, None, :]).mean(axis=2))
    length = -(-m // GROUP)
    padded = np.zeros((rows, GROUP, length))
    padded.reshape(rows, -1)[:, :m] = x
    product = 1.0 + b[:, :, None] * padded[:, None, 0]
    factor = np.empty_like(product)
    for g in range(1, GROUP):
        np.multiply(b[:, :, None], padded[:, None, g], out=factor)
        factor += 1.0
        product *= factor
    return np.asarray(np.log(product, out=product).sum(axis=2) / m)


def _quantiles(m: int, k: Array, sigma: Array) -> Array:
    """Expected order statistics (rows, m) of the generalised Pareto above 0."""
    expected = -np.log1p(-np.arange(0.5, m) / m)
    flat = k[:, None] == 0
    shape = np.where(flat, 1.0, k[:, None])
    curve = np.where(flat, expected, np.expm1(shape * expected) / shape)
    return np.asarray(sigma[:, None] * curve)


def _log_total(values: Array) -> Array:
    top = values.max(axis=1)
    return np.asarray(top + np.log(np.exp(values - top[:, None]).sum(axis=1)))
