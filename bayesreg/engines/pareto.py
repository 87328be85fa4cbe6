"""Generalised Pareto tails of positive numbers: their fit, and what stands for the largest.

Zhang & Stephens (2009), "A new and efficient estimation method for the generalized Pareto
distribution", Technometrics 51(3), https://doi.org/10.1198/tech.2009.08017, with the prior of
Vehtari, Simpson, Gelman, Yao & Gabry (2024), "Pareto smoothed importance sampling", JMLR 25(72),
appendix C. On arrays (rows, draws), with ArviZ's numbers to rounding.
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


def tail_length(draws: int, r_eff: float) -> int:
    """Draws in the tail that is smoothed: min(S/5, 3√(S/r_eff)), eq. 8 with correlated draws."""
    if draws < LEAST:
        raise BadArgument(f"PSIS needs at least {LEAST} draws, and there are {draws}")
    return int(3.0 * math.sqrt(draws / r_eff) if draws * r_eff > 225 else draws / 5)


def pareto_khat(log_values: Array) -> Array:
    """Pareto k̂ (rows,) of the right tail of positive numbers, from their logs (rows, S)."""
    draws = log_values.shape[1]
    m = tail_length(draws, 1.0)
    values = np.exp(log_values - log_values.max(axis=1, keepdims=True))
    values.partition(draws - m - 1, axis=1)
    return smoothed(np.sort(values[:, draws - m :], axis=1), values[:, draws - m - 1, None])[1]


def smoothed(tail: Array, threshold: Array) -> tuple[Array, Array]:
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
