"""Compiled: local variances that are coupled, by a common slab or by a sum of shares.

Here the scale is drawn given them, so they need not be drawn independently of where they are.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.engines.loops.arrays import SLAB, SMALL, STEPS, TAILS, WIDTH
from bayesreg.engines.loops.slices import slice_exponentials, softplus
from bayesreg.language.arguments import Array
from bayesreg.language.compiled import compiled

Records = NDArray[Any]


@compiled
def draw_coupled(
    one: Any, groups: Records, squares: Array, shift: float, rng: np.random.Generator
) -> None:
    """t and what couples them, given b; `squares` are ‖b/relative‖² by group."""
    if one.law == SLAB:
        _draw_slab(one, groups, squares, shift, rng)
    else:
        _draw_shares(one, groups, squares, shift, rng)


@compiled
def _draw_slab(
    one: Any, groups: Records, squares: Array, shift: float, rng: np.random.Generator
) -> None:
    """t | b, s, c, then c | b, s, t, of a regularised horseshoe: prior variance s²t/(1 + s²t/c²).

    Piironen & Vehtari (2017), EJS 11(2), eqs. 2.8–2.9.
    """
    log_s2, log_ratio = 2.0 * one.log_scale, 2.0 * one.log_scale - one.log_slab
    total, unit = 0.0, math.exp(-2.0 * shift)
    for g in range(one.group_start, one.group_stop):
        m = float(groups[g].stop - groups[g].start)
        square = squares[g - one.group_start] * unit
        total += square
        half = 0.5 * square * math.exp(-log_s2)
        y = _slice_eta(m, half, log_ratio, -math.log(groups[g].t), rng)
        groups[g].t = math.exp(-y)
    _draw_width(one, groups, total, log_s2, rng)


@compiled
def _slice_eta(
    m: float, half: float, log_ratio: float, x: float, rng: np.random.Generator
) -> float:
    """Slice y = log 1/t: the density of a half-Cauchy's, times (1 + s²t/c²)^(m/2)."""
    low = x - TAILS * rng.random()
    high, trial, level = low + TAILS, x, math.inf
    for step in range(STEPS):
        value = 0.5 * (m + 1.0) * trial - half * math.exp(trial) - softplus(trial)
        value += 0.5 * m * softplus(log_ratio - trial)
        if abs(trial) > 690.0:
            value = -math.inf
        if step == 0:
            level = value + math.log(1.0 - rng.random())
        elif value > level:
            return trial
        elif trial < x:
            low = trial
        else:
            high = trial
        trial = low + (high - low) * rng.random()
    return x


@compiled
def _draw_width(
    one: Any, groups: Records, total: float, log_s2: float, rng: np.random.Generator
) -> None:
    """Slice log c²: inverse gamma(df/2, df·width²/2), times the normal densities of b."""
    width, df, x = one.first, one.second, one.log_slab
    low = x - WIDTH * rng.random()
    high, trial, level = low + WIDTH, x, math.inf
    for step in range(STEPS):
        value = -0.5 * df * trial - 0.5 * (df * width * width + total) * math.exp(-trial)
        for g in range(one.group_start, one.group_stop):
            m = float(groups[g].stop - groups[g].start)
            value += 0.5 * m * softplus(log_s2 + math.log(groups[g].t) - trial)
        if step == 0:
            level = value + math.log(1.0 - rng.random())
        elif value > level:
            one.log_slab = trial
            return
        elif trial < x:
            low = trial
        else:
            high = trial
        trial = low + (high - low) * rng.random()


@compiled
def _draw_shares(
    one: Any, groups: Records, squares: Array, shift: float, rng: np.random.Generator
) -> None:
    """Shares φ of a block's variance, as gammas over their sum, then its scale given them.

    Zhang, Naughton, Bondell & Reich (2022), JASA 117, in a form that needs no special precision:
    each gamma is sliced given the others.
    """
    count, concentration = one.group_stop - one.group_start, one.first
    half_p = 0.5 * (one.stop - one.start)
    unit = 0.5 * math.exp(-2.0 * (one.log_scale + shift))
    # The sum of the gammas is free given their shares: drawn anew, so that it does not hold them.
    scale, total, weight = rng.standard_gamma(concentration * count), 0.0, 0.0
    for i in range(count):
        g = one.group_start + i
        squares[i] *= unit
        groups[g].t = max(groups[g].t * scale, SMALL)
        total += groups[g].t
        weight += squares[i] / groups[g].t
    for i in range(count):
        g = one.group_start + i
        gamma, x = groups[g].t, squares[i]
        others, rest = max(total - gamma, 0.0), max(weight - x / gamma, 0.0)
        k = concentration - 0.5 * (groups[g].stop - groups[g].start)
        gamma = _slice_gamma(k, half_p, others, rest, x, math.log(gamma), rng)
        groups[g].t, total, weight = gamma, others + gamma, rest + x / gamma
    sum_of_squares = 0.0
    for i in range(count):
        g = one.group_start + i
        groups[g].t = max(groups[g].t / total, SMALL)
        sum_of_squares += squares[i] / groups[g].t
    if one.unknown >= 0:
        terms = (-2.0 * half_p, -sum_of_squares, -2.0, 0.0, 0.0)
        hyper = (one.code, one.hyper_first, one.hyper_second, one.hyper_third, one.log_scale)
        one.log_scale += slice_exponentials(terms, hyper, 0.0, WIDTH, rng)


@compiled
def _slice_gamma(
    k: float,
    half_p: float,
    others: float,
    rest: float,
    x: float,
    here: float,
    rng: np.random.Generator,
) -> float:
    """Slice one gamma on its logarithm; the sum that divides all shares moves with it."""
    low = here - TAILS * rng.random()
    high, trial, level = low + TAILS, here, math.inf
    for step in range(STEPS):
        gamma = math.exp(trial)
        total = others + gamma
        value = k * trial - gamma + half_p * math.log(total) - total * (rest + x / gamma)
        if not abs(trial) < 690.0:
            value = -math.inf
        if step == 0:
            level = value + math.log(1.0 - rng.random())
        elif value > level:
            return gamma
        elif trial < here:
            low = trial
        else:
            high = trial
        trial = low + (high - low) * rng.random()
    return math.exp(here)
