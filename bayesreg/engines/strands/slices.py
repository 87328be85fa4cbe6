"""Slice sampling of many numbers side by side, with the densities of hyperpriors.

The updates are those of `loops.slices`, whose head says why they are valid: an interval placed at
random about x only shrinks, and each number keeps the first point of its slice.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.engines.loops.arrays import BOUND, STEPS, WIDTH
from bayesreg.language.arguments import Array

Rows = NDArray[np.intp]
Density = Callable[[Array, Any], Array]  # of values, and of the rows that they belong to
Terms = tuple[Any, Any, float, Any, float]
Hyper = tuple[int, float, float, float]

ALL = slice(None)


def log_hyper(hyper: Hyper, log_x: Array) -> Array:
    """log p(x) + log x of a hyperprior by its code, up to a constant; 0 for none."""
    code, a, b, c = hyper
    if code == 0:  # df, scale
        rise = np.logaddexp(0.0, 2.0 * log_x - (2.0 * math.log(b) + math.log(a)))
        value = log_x - 0.5 * (a + 1.0) * rise
    elif code == 1:  # scale
        value = log_x - 0.5 * np.exp(2.0 * (log_x - math.log(a)))
    elif code == 2:  # rate
        value = log_x - a * np.exp(log_x)
    elif code == 3:  # support
        x = np.exp(log_x)
        value = np.where((a <= x) & (x <= b), log_x, -np.inf)
    elif code == 4:  # shape and rate of the square's inverse gamma
        value = -2.0 * a * log_x - b * np.exp(-2.0 * log_x)
    elif code == 5:  # both shapes of the square's beta prime, scale
        value = 2.0 * a * log_x - (a + b) * np.logaddexp(0.0, 2.0 * (log_x - math.log(c)))
    elif code == 8:  # shape, rate
        value = a * log_x - b * np.exp(log_x)
    elif code == 9:  # scale of the half-normal 1/√x
        value = -0.5 * log_x - 0.5 * np.exp(-log_x) / (a * a)
    else:  # p(x) ∝ x^(−a), or none
        value = (1.0 - a if code == 6 else 0.0) * log_x
    return np.asarray(np.where(np.abs(log_x) > BOUND, -np.inf, value))


def cubics(table: Array) -> Array:
    """Coefficients (4, N) of Catmull & Rom's spline between the nodes of a table (N,)."""
    found = np.zeros((4, len(table)))
    a, b, c, d = table[:-3], table[1:-2], table[2:-1], table[3:]
    found[0] = table
    found[1, 1:-2] = 0.5 * (c - a)
    found[2, 1:-2] = 0.5 * (2.0 * a - 5.0 * b + 4.0 * c - d)
    found[3, 1:-2] = 0.5 * (3.0 * (b - c) + d - a)
    return found


def interpolate(spline: Array, low: float, step: float, x: Array) -> Array:
    """Cubic interpolation in values at low, low + step, …; linear beyond the ends."""
    table, last = spline[0], spline.shape[1] - 2
    place = (x - low) / step
    k = np.fmin(np.fmax(place, 1.0), last - 1.0).astype(np.intp)
    u = place - k
    c0, c1, c2, c3 = spline.take(k, axis=1)
    value = c0 + u * (c1 + u * (c2 + u * c3))
    if place.min() < 1.0 or not place.max() < last:
        before = table[0] + place * (table[1] - table[0])
        after = table[last + 1] + (place - last - 1.0) * (table[last + 1] - table[last])
        value = np.where(place < 1.0, before, np.where(place >= last, after, value))
    return np.asarray(value)


def shrink(
    log_density: Density,
    x: Array,
    width: Any,
    rng: np.random.Generator,
    low: Array | None = None,
    dear: bool = False,
) -> Array:
    """Slice every number of x (n,) under a density of its own; one that finds no point stays.

    The interval of each begins at `low`, or at random. Those that are done are left out of the
    arrays once they are half of them; at once where a density is `dear`.
    """
    top = log_density(x, ALL)
    level = np.where(np.isnan(top), -np.inf, top) - rng.standard_exponential(len(x))
    low = x - width * rng.random(len(x)) if low is None else low
    high, here, out = low + width, x, x.copy()
    rows, open_ = np.arange(len(x)), np.ones(len(x), bool)
    at: Any = ALL
    for _ in range(STEPS):
        trial = low + (high - low) * rng.random(len(rows))
        inside = log_density(trial, at) > level
        found = inside & open_
        out[rows[found]] = trial[found]
        open_ &= ~inside
        left = int(np.count_nonzero(open_))
        if not left:
            break
        below = trial < here
        low, high = np.where(below, trial, low), np.where(below, high, trial)
        if dear or 2 * left <= len(rows):
            rows, low, high = rows[open_], low[open_], high[open_]
            here, level = here[open_], level[open_]
            at, open_ = rows, np.ones(left, bool)
    return out


def slice_exponentials(
    terms: Terms, hyper: Hyper, shift: Any, x: Array, rng: np.random.Generator, width: Any = WIDTH
) -> Array:
    """Update x under exp(c₀x + c₁e^(k₁x) + c₂e^(k₂x)) times a hyperprior of log scale x + shift."""
    c0, c1, k1, c2, k2 = terms
    fixed = np.empty((4, len(x)))
    fixed[0], fixed[1], fixed[2], fixed[3] = c0, c1, c2, shift
    both = bool(np.any(fixed[2]))

    def log_density(value: Array, rows: Any) -> Array:
        first, second, third, moved = fixed[:, rows]
        total = first * value + second * np.exp(k1 * value)
        if both:
            total += third * np.exp(k2 * value)
        return np.asarray(total + log_hyper(hyper, value + moved))

    with np.errstate(over="ignore", invalid="ignore"):
        return shrink(log_density, x, width, rng)
