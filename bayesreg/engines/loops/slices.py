"""Compiled slice sampling of one number, with the densities of hyperpriors.

Every update leaves its density invariant (Neal 2003, "Slice sampling", Ann. Statist. 31(3), §4).
The interval is placed at random about x and only shrinks: without stepping out, an over-dispersed
start cannot make it run away. A density that is NaN or zero at x lets any point of positive density
in; where none is found, x stays.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bayesreg.engines.loops.arrays import BOUND, STEPS
from bayesreg.language.arguments import Array
from bayesreg.language.compiled import compiled


@compiled
def softplus(x: float) -> float:
    """log(1 + eˣ)."""
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


@compiled
def log_hyper(code: int, a: float, b: float, c: float, log_x: float) -> float:
    """log p(x) + log x of a hyperprior by its code, up to a constant; 0 for none."""
    if abs(log_x) > BOUND:
        return -math.inf
    if code == 0:  # df, scale
        return log_x - 0.5 * (a + 1.0) * softplus(2.0 * (log_x - math.log(b)) - math.log(a))
    if code == 1:  # scale
        return log_x - 0.5 * math.exp(2.0 * (log_x - math.log(a)))
    if code == 2:  # rate
        return log_x - a * math.exp(log_x)
    if code == 3:  # support
        return log_x if a <= math.exp(log_x) <= b else -math.inf
    if code == 4:  # shape and rate of the square's inverse gamma
        return -2.0 * a * log_x - b * math.exp(-2.0 * log_x)
    if code == 5:  # both shapes of the square's beta prime, scale
        return 2.0 * a * log_x - (a + b) * softplus(2.0 * (log_x - math.log(c)))
    if code == 8:  # shape, rate
        return a * log_x - b * math.exp(log_x)
    if code == 9:  # scale of the half-normal 1/√x
        return -0.5 * log_x - 0.5 * math.exp(-log_x) / (a * a)
    return (1.0 - a) * log_x if code == 6 else 0.0  # p(x) ∝ x^(−a)


@compiled
def interpolate(table: Array, low: float, step: float, x: float) -> Any:
    """Cubic interpolation in values at low, low + step, …; linear beyond the ends.

    Catmull & Rom's spline: its error is of third order in the step, 1e-9 where these tables are.
    """
    last = len(table) - 2
    place = (x - low) / step
    if place < 1.0:
        return table[0] + place * (table[1] - table[0])
    if place >= last:
        return table[last + 1] + (place - last - 1.0) * (table[last + 1] - table[last])
    k = int(place)
    u = place - k
    a, b, c, d = table[k - 1], table[k], table[k + 1], table[k + 2]
    cubic = 3.0 * (b - c) + d - a
    return b + 0.5 * u * (c - a + u * (2.0 * a - 5.0 * b + 4.0 * c - d + u * cubic))


@compiled
def slice_exponentials(
    terms: tuple[float, float, float, float, float],
    hyper: tuple[int, float, float, float, float],
    x: float,
    width: float,
    rng: np.random.Generator,
) -> float:
    """Update x under exp(c₀x + c₁e^(k₁x) + c₂e^(k₂x)) times a hyperprior of log scale x + shift."""
    top = _exponentials(terms, hyper, x)
    level = top + math.log(1.0 - rng.random()) if top > -math.inf else -math.inf
    low = x - width * rng.random()
    high = low + width
    for _ in range(STEPS):
        trial = low + (high - low) * rng.random()
        if _exponentials(terms, hyper, trial) > level:
            return trial
        if trial < x:
            low = trial
        else:
            high = trial
    return x


@compiled
def _exponentials(
    terms: tuple[float, float, float, float, float],
    hyper: tuple[int, float, float, float, float],
    x: float,
) -> float:
    c0, c1, k1, c2, k2 = terms
    code, first, second, third, shift = hyper
    value = c0 * x + c1 * math.exp(k1 * x)
    if c2 != 0.0:
        value += c2 * math.exp(k2 * x)
    return value + log_hyper(code, first, second, third, x + shift)
