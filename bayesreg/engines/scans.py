"""Compiled: one pass over the columns that redraws each (t_j, b_j) given the other b.

For half-Cauchy local scales. With b_j integrated out, v² = at/(1 + at), a = s²G_jj, has density
∝ e^(mv²)/(a + (1 − a)v²) in v on (0, 1), m = r²/(2σ²G_jj), r the inner product of column j with
what the other columns leave of y; beside a slab, log t is sliced instead. It pays where columns are
many: pairs that hold each other through b move at the cost of 2p² operations.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.engines.compiled import compiled
from bayesreg.engines.linear import residuals_of
from bayesreg.engines.local_laws import HALF_CAUCHY, LARGE, SLAB, SMALL
from bayesreg.engines.slices import STEPS, TAILS, softplus
from bayesreg.engines.triangle import inner, subtract

Array = NDArray[np.float64]
Records = NDArray[Any]


@compiled
def scan(
    data: tuple[Array, Array, Array, Array, Array],
    relative: Array,
    b: Array,
    rest: Array,
    blocks: Records,
    groups: Records,
    log_sigma: float,
    rng: np.random.Generator,
) -> None:
    """Update b and t in place; `rest` is memory for X'(y − Xb), or for y − Xb in row space."""
    xt, y, gram, xy, squares = data
    narrow, noise = len(gram) > 0, math.exp(log_sigma)
    if narrow:
        for i in range(len(rest)):
            rest[i] = xy[i] - inner(gram[i], b)
    else:
        rest = residuals_of(xt, y, b)
    for k in range(len(blocks)):
        one = blocks[k]
        if one.law != HALF_CAUCHY and one.law != SLAB:
            continue
        scale = math.exp(one.log_scale - (log_sigma if one.absolute == 1 else 0.0))
        ratio = math.exp(2.0 * one.log_scale - one.log_slab)  # s²/c²
        for g in range(one.group_start, one.group_stop):
            j = groups[g].start
            square = squares[j]
            if groups[g].stop - j != 1 or not square > 0.0:
                continue
            here = rest[j] if narrow else inner(xt[j], rest)
            before = b[j]
            r = here + square * before
            a = (scale * relative[j]) ** 2 * square
            m = 0.5 * r * r / (square * noise * noise)
            if one.law == SLAB:
                groups[g].t = _slice_local(m, a, ratio, groups[g].t, rng)
                variance = a * groups[g].t / (1.0 + ratio * groups[g].t)
                v = math.sqrt(variance / (1.0 + variance))
            else:
                v = _slice_share(m, a, math.sqrt(a * groups[g].t / (1.0 + a * groups[g].t)), rng)
                share = v * v
                groups[g].t = min(max(share / (max(1.0 - share, 1e-16) * a), SMALL), LARGE)
            b[j] = v * v * r / square + noise * v / math.sqrt(square) * rng.standard_normal()
            subtract(rest, b[j] - before, gram[j] if narrow else xt[j])


@compiled
def _slice_share(m: float, a: float, v: float, rng: np.random.Generator) -> float:
    """Slice v on (0, 1), shrinking from the whole interval."""
    level = m * v * v - math.log(a + (1.0 - a) * v * v) + math.log(1.0 - rng.random())
    low, high = 0.0, 1.0
    for _ in range(STEPS):
        trial = low + (high - low) * rng.random()
        if m * trial * trial - math.log(a + (1.0 - a) * trial * trial) > level:
            return trial
        if trial < v:
            low = trial
        else:
            high = trial
    return v


@compiled
def _slice_local(m: float, a: float, ratio: float, t: float, rng: np.random.Generator) -> float:
    """Slice log t with b_j integrated out, its prior variance being at/(1 + ratio·t) ÷ G_jj."""
    here = math.log(t)
    low = here - TAILS * rng.random()
    high, trial, level = low + TAILS, here, math.inf
    for step in range(STEPS):
        local = math.exp(trial)
        variance = a * local / (1.0 + ratio * local)
        value = 0.5 * trial - softplus(trial) - 0.5 * math.log1p(variance)
        value += m * variance / (1.0 + variance)
        if abs(trial) > 690.0:
            value = -math.inf
        if step == 0:
            level = value + math.log(1.0 - rng.random())
        elif value > level:
            return local
        elif trial < here:
            low = trial
        else:
            high = trial
        trial = low + (high - low) * rng.random()
    return t
