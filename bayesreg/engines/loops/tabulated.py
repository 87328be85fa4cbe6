r"""Compiled: an exact draw of a local variance whose law is known by a table of its log density.

With y = log t, L its tabulated log density, m the columns of a group and x = ‖b_g/s‖²,

    log p(y | x) = L(y) − ½my − ½xe^(−y) + constant,

drawn independently of the present t, as the collapsed draw of the scale before it requires: a slice
from the present t would not do. On an interval L lies below its chord plus a slack found
beforehand, and with a chord in the place of L the density is log-concave, with its maximum known.
So every interval has a bound; one is taken in proportion, y in it uniformly, and refused where the
bound is above the density. An interval that refused is halved, so that bounds tighten where it
matters (Gilks & Wild 1992, "Adaptive rejection sampling", Applied Statistics 41(2), with intervals
for tangents: nothing need be log-concave).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.engines.loops.arrays import CELL as WIDTH
from bayesreg.engines.loops.arrays import LEVELS
from bayesreg.engines.loops.slices import interpolate
from bayesreg.language.arguments import Array
from bayesreg.language.compiled import compiled
from bayesreg.priors.mixing import LOW, NODES, STEP

Places = NDArray[np.int64]

CELLS = (NODES - 1) // WIDTH
SEEN = 45.0  # intervals that are lower by more are left out
MOST = 3000  # intervals at once, and refusals: then log t is known to a step, and is that


@compiled
def draw_tabulated(law: Array, x: float, m: float, rng: np.random.Generator) -> float:
    """Draw t given x = ‖u‖² of a group of m columns; `law` is a row of `tables.laws`."""
    if not x < math.exp(250.0):  # where s underflows
        x = math.exp(250.0)
    half, k = 0.5 * max(x, math.exp(-250.0)), 0.5 * m
    bounds, weights = np.empty(MOST), np.empty(MOST)
    levels, places = np.zeros(MOST, np.int64), np.empty(MOST, np.int64)
    count = _list(law, half, k, bounds, places)
    total, y = _weigh(bounds, levels, weights, count), 0.0
    for _ in range(MOST):
        i, u = 0, rng.random() * total
        while i < count - 1 and u >= weights[i]:
            u -= weights[i]
            i += 1
        y = LOW + STEP * (WIDTH >> levels[i]) * (places[i] + rng.random())
        value = interpolate(law[:NODES], LOW, STEP, y) - k * y - half * math.exp(-y)
        if math.log(1.0 - rng.random()) <= value - bounds[i]:
            break
        if levels[i] < LEVELS - 1 and count < MOST:
            levels[i] += 1
            places[i] *= 2
            levels[count], places[count] = levels[i], places[i] + 1
            for j in (i, count):
                bounds[j] = _bound(law, levels[j], places[j], half, k)
            count += 1
            total = _weigh(bounds, levels, weights, count)
    return math.exp(y)


@compiled
def draw_by_table(law: Array, x: Array, sizes: Array, rng: np.random.Generator) -> Array:
    """Draw t (N, G) given x (N, G) under a law known by its table, a row of `tables.laws`."""
    out = np.empty(x.shape)
    for i in range(x.shape[0]):
        for g in range(x.shape[1]):
            out[i, g] = draw_tabulated(law, x[i, g], sizes[g], rng)
    return out


@compiled
def _weigh(bounds: Array, levels: Places, weights: Array, count: int) -> float:
    """Width times bound, in proportion to which intervals are taken, and their sum."""
    top, total = bounds[0], 0.0
    for i in range(count):
        top = max(top, bounds[i])
    for i in range(count):
        weights[i] = math.exp(bounds[i] - top) / (1 << levels[i])
        total += weights[i]
    return total


@compiled
def _list(law: Array, half: float, k: float, bounds: Array, places: Places) -> int:
    """The widest intervals whose bound is not far below what the density reaches; how many."""
    fall, ratio = half * math.exp(-LOW), math.exp(-STEP * WIDTH)
    reached, count = -math.inf, 0
    every = np.empty(CELLS)
    for c in range(CELLS):
        after = fall * ratio
        every[c] = _above(law, 0, c, k, fall, after)
        reached = max(reached, law[c * WIDTH] - k * (LOW + STEP * WIDTH * c) - fall)
        fall = after
    for c in range(CELLS):
        if every[c] > reached - SEEN:
            bounds[count], places[count] = every[c], c
            count += 1
    return count


@compiled
def _bound(law: Array, level: int, place: int, half: float, k: float) -> Any:
    """The bound of an interval of this level."""
    width = STEP * (WIDTH >> level)
    y = LOW + width * place
    return _above(law, level, place, k, half * math.exp(-y), half * math.exp(-y - width))


@compiled
def _above(law: Array, level: int, place: int, k: float, fall: float, after: float) -> Any:
    """Chord plus slack at their maximum, ½xe^(−y) being `fall` and `after` at the ends."""
    steps = WIDTH >> level
    width, left = STEP * steps, place * steps
    low, high, y = law[left], law[left + steps], LOW + STEP * left
    slope = (high - low) / width - k  # of all but −½xe^(−y), which rises ever more slowly
    slack = law[NODES + CELLS * ((1 << level) - 1) + place]
    if slope + fall <= 0.0:
        return low - k * y - fall + slack
    if slope + after >= 0.0:
        return high - k * (y + width) - after + slack
    inside = math.log(-fall / slope)  # where ½xe^(−y) = −slope, counted from the left end
    return low - k * y + slope * inside + slope + slack
