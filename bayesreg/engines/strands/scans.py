"""One pass over the columns that redraws each (t_j, b_j) given the other b, in many chains at once.

The step is that of `loops.scans`, which has its density.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesreg.engines.loops.arrays import LARGE, SLAB, SMALL, TAILS
from bayesreg.engines.strands.linear import Data
from bayesreg.engines.strands.slices import shrink
from bayesreg.language.arguments import Array

Random = np.random.Generator


class Scan:
    """A pass that is under way: b, and what the other columns leave of each."""

    def __init__(self, data: Data, b: Array, noise: Array) -> None:
        self.data, self.b, self.noise = data, b, noise
        self.rest = data.xy - data.times(b) if data.narrow else data.y - data.fit(b)

    def column(self, j: int, law: int, size: Array, slab: Array, t: Array, rng: Random) -> None:
        """Redraw t and b of column j in place; `size` and `slab` are s·relative and c·relative."""
        square, before = self.data.squares[:, j], self.b[:, j].copy()
        if not np.all(square > 0.0):
            return
        along = self.data.gram[:, j] if self.data.narrow else self.data.x[:, :, j]
        here = self.rest[:, j] if self.data.narrow else np.sum(along * self.rest, axis=1)
        r = here + square * before
        a = np.minimum(np.square(size) * square, LARGE)
        m = 0.5 * r * r / (square * np.square(self.noise))
        if law == SLAB:
            limit = np.minimum(np.square(slab) * square, LARGE)
            t[:] = _slice_local(m, a, limit, t, rng)
            v = 1.0 / np.sqrt(1.0 + 1.0 / limit + 1.0 / (a * t))
        else:
            v = _slice_share(m, a, 1.0 / np.sqrt(1.0 + 1.0 / (a * t)), rng)
            share = np.square(v)
            t[:] = np.clip(share / (np.maximum(1.0 - share, 1e-16) * a), SMALL, LARGE)
        new = np.square(v) * r / square
        new += self.noise * v / np.sqrt(square) * rng.standard_normal(len(v))
        self.b[:, j] = new
        self.rest -= (new - before)[:, None] * along


def _slice_share(m: Array, a: Array, v: Array, rng: Random) -> Array:
    """Slice v on (0, 1), shrinking from the whole interval."""

    def log_density(trial: Array, rows: Any) -> Array:
        share, own = np.square(trial), a[rows]
        value = m[rows] * share - np.log(own * (1.0 - share) + share)
        return np.where((trial > 0.0) & (trial < 1.0), value, -np.inf)

    return shrink(log_density, v, 1.0, rng, low=np.zeros(len(v)))


def _slice_local(m: Array, a: Array, limit: Array, t: Array, rng: Random) -> Array:
    """Slice log t with b_j integrated out, 1/(1/at + 1/limit) its prior variance times G_jj."""

    def log_density(y: Array, rows: Any) -> Array:
        inverse = 1.0 / limit[rows] + 1.0 / (a[rows] * np.exp(y))
        value = 0.5 * y - np.logaddexp(0.0, y) - 0.5 * np.log1p(1.0 / inverse)
        return np.where(np.abs(y) > 690.0, -np.inf, value + m[rows] / (1.0 + inverse))

    with np.errstate(over="ignore", divide="ignore"):
        return np.exp(shrink(log_density, np.log(t), TAILS, rng))
