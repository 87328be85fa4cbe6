"""Slice sampling of many numbers side by side, with the densities of hyperpriors.

The updates are those of `loops.slices`, whose head says why they are valid: an interval placed at
random about x only shrinks, and each number leaves the loop once it has a point in its slice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.engines.loops.arrays import BOUND, STEPS, WIDTH
from bayesreg.language.arguments import Array

Rows = NDArray[np.intp]
Density = Callable[[Array, Any], Array]  # of values, and of the rows that they belong to
Terms = tuple[Any, Any, float, Any, float]
Hyper = tuple[int, float, float]

ALL = slice(None)


def log_hyper(hyper: Hyper, log_x: Array) -> Array:
    """log p(x) + log x of a hyperprior by its code, up to a constant; 0 for none."""
    code, a, b = hyper
    with np.errstate(over="ignore", invalid="ignore"):
        if code == 0:  # df, scale
            value = log_x - 0.5 * (a + 1.0) * np.logaddexp(
                0.0, 2.0 * (log_x - np.log(b)) - np.log(a)
            )
        elif code == 1:  # scale
            value = log_x - 0.5 * np.exp(2.0 * (log_x - np.log(a)))
        elif code == 2:  # rate
            value = log_x - a * np.exp(log_x)
        elif code == 3:  # support
            x = np.exp(log_x)
            value = np.where((a <= x) & (x <= b), log_x, -np.inf)
        elif code == 4:  # shape and rate of the square's inverse gamma
            value = -2.0 * a * log_x - b * np.exp(-2.0 * log_x)
        elif code == 5:  # both shapes of the square's beta prime
            value = 2.0 * a * log_x - (a + b) * np.logaddexp(0.0, 2.0 * log_x)
        elif code == 6:  # p(x) ∝ x^(−a)
            value = (1.0 - a) * log_x
        else:
            value = np.zeros_like(log_x)
    return np.asarray(np.where(np.abs(log_x) > BOUND, -np.inf, value))


def interpolate(table: Array, low: float, step: float, x: Array) -> Array:
    """Cubic interpolation in values at low, low + step, …; linear beyond the ends."""
    last = table.shape[-1] - 2
    place = np.asarray((x - low) / step)
    k = np.clip(np.nan_to_num(place), 1, last - 1).astype(np.intp)
    u = place - k
    a, b, c, d = (table[k + i] for i in (-1, 0, 1, 2))
    value = b + 0.5 * u * (
        c - a + u * (2.0 * a - 5.0 * b + 4.0 * c - d + u * (3.0 * (b - c) + d - a))
    )
    if place.min() < 1.0 or not place.max() < last:
        before = table[0] + place * (table[1] - table[0])
        after = table[last + 1] + (place - last - 1.0) * (table[last + 1] - table[last])
        value = np.where(place < 1.0, before, np.where(place >= last, after, value))
    return np.asarray(value)


def shrink(log_density: Density, x: Array, width: Any, rng: np.random.Generator) -> Array:
    """Slice every number of x (n,) under a density of its own; one that finds no point stays."""
    top = log_density(x, ALL)
    level = np.where(np.isnan(top), -np.inf, top) + np.log1p(-rng.random(len(x)))
    low = x - width * rng.random(len(x))
    high, here, out, rows = low + width, x, x.copy(), np.arange(len(x))
    for _ in range(STEPS):
        trial = low + (high - low) * rng.random(len(rows))
        inside = log_density(trial, rows) > level
        out[rows[inside]] = trial[inside]
        rest = np.flatnonzero(~inside)
        if not len(rest):
            break
        rows, trial, here, level = rows[rest], trial[rest], here[rest], level[rest]
        below = trial < here
        low, high = np.where(below, trial, low[rest]), np.where(below, high[rest], trial)
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
        with np.errstate(over="ignore", invalid="ignore"):
            total = first * value + second * np.exp(k1 * value)
            if both:
                total += third * np.exp(k2 * value)
            return np.asarray(total + log_hyper(hyper, value + moved))

    return shrink(log_density, x, width, rng)
