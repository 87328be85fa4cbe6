"""Slice sampling of one number, by shrinkage of an interval of fixed width."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

# A slice of positive width is met long before: the interval halves, on average, at each refusal.
_STEPS = 200


def slice_sample(
    log_density: Callable[[float], float], x: float, width: float, rng: np.random.Generator
) -> float:
    """Update `x`, leaving exp(log_density) invariant (Neal 2003, Ann. Statist. 31(3), §4).

    The interval is placed at random about x and only shrinks: without stepping out, an
    over-dispersed start cannot make it run away. A density that is NaN or zero at x lets any point
    of positive density in; where there is none, x stays.
    """
    at_x = log_density(x)
    level = at_x + math.log1p(-rng.random()) if at_x > -math.inf else -math.inf
    low = x - width * rng.random()
    high = low + width
    for _ in range(_STEPS):
        trial = low + (high - low) * rng.random()
        if log_density(trial) > level:
            return trial
        if trial < x:
            low = trial
        else:
            high = trial
    return x
