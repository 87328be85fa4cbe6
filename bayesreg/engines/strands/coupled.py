"""Local variances that are coupled, by a common slab or by a sum of shares, side by side.

The steps are those of `loops.coupled`, which has their sources.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesreg.engines.loops.arrays import SMALL, TAILS, WIDTH
from bayesreg.engines.strands.slices import Hyper, shrink, slice_exponentials
from bayesreg.language.arguments import Array

Random = np.random.Generator


def draw_slab(
    state: tuple[Array, Array, Array],
    numbers: tuple[float, float],
    squares: Array,
    sizes: Array,
    rng: Random,
) -> tuple[Array, Array]:
    """t | b, s, c, then log c² | b, s, t, of a regularised horseshoe; `squares` are ‖u‖² (n, G).

    `state` is log s and log c² (n,), and t (n, G); `numbers` the slab's width and df.
    """
    (log_s, log_slab, t), (width, df) = state, numbers
    (n, groups), log_s2 = squares.shape, 2.0 * log_s
    m = np.tile(sizes, n)
    half = (0.5 * squares * np.exp(-log_s2)[:, None]).ravel()
    log_ratio = np.repeat(log_s2 - log_slab, groups)

    def of_eta(y: Array, rows: Any) -> Array:  # y = log 1/t
        own = m[rows]
        value = 0.5 * (own + 1.0) * y - half[rows] * np.exp(y) - np.logaddexp(0.0, y)
        value += 0.5 * own * np.logaddexp(0.0, log_ratio[rows] - y)
        return np.where(np.abs(y) > 690.0, -np.inf, value)

    total = squares.sum(axis=1)
    with np.errstate(over="ignore", invalid="ignore"):
        log_t = -shrink(of_eta, -np.log(t).ravel(), TAILS, rng).reshape(n, groups)
        at = log_s2[:, None] + log_t

        def of_width(x: Array, rows: Any) -> Array:  # x = log c²
            value = -0.5 * df * x - 0.5 * (df * width * width + total[rows]) * np.exp(-x)
            return np.asarray(value + 0.5 * np.logaddexp(0.0, at[rows] - x[:, None]) @ sizes)

        return np.exp(log_t), shrink(of_width, log_slab, WIDTH, rng)


def draw_shares(t: Array, x: Array, concentration: float, sizes: Array, rng: Random) -> Array:
    """Shares φ of a block's variance, as gammas over their sum, each sliced given the others.

    `x` is half of ‖b/s‖² by group (n, G).
    """
    n, count = t.shape
    half_p = 0.5 * float(sizes.sum())
    # The sum of the gammas is free given their shares: drawn anew, so that it does not hold them.
    gammas = np.maximum(t * rng.standard_gamma(concentration * count, n)[:, None], SMALL)
    total, weight = gammas.sum(axis=1), (x / gammas).sum(axis=1)
    for g in range(count):
        gamma, own = gammas[:, g], x[:, g]
        others, rest = np.maximum(total - gamma, 0.0), np.maximum(weight - own / gamma, 0.0)
        k = concentration - 0.5 * sizes[g]
        fixed = np.stack([others, rest, own])

        def of_gamma(y: Array, rows: Any, k: float = k, fixed: Array = fixed) -> Array:
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                others, rest, own = fixed[:, rows]
                gamma = np.exp(y)
                total = others + gamma
                value = k * y - gamma + half_p * np.log(total) - total * (rest + own / gamma)
                return np.where(np.abs(y) < 690.0, value, -np.inf)

        gammas[:, g] = np.exp(shrink(of_gamma, np.log(gamma), TAILS, rng))
        total, weight = others + gammas[:, g], rest + own / gammas[:, g]
    return np.asarray(np.maximum(gammas / total[:, None], SMALL))


def scale_of_shares(
    half_p: float, total: Array, hyper: Hyper, log_scale: Array, rng: Random
) -> Array:
    """log s given the shares; `total` is half of Σ‖b/s‖²/φ."""
    terms = (-2.0 * half_p, -total, -2.0, 0.0, 0.0)
    return log_scale + slice_exponentials(terms, hyper, log_scale, np.zeros(len(total)), rng)
