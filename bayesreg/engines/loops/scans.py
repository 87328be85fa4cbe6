"""Compiled: one pass over the columns that redraws each (t_j, b_j) given the other b.

For half-Cauchy local scales. With b_j integrated out, v² = at/(1 + at), a = s²G_jj, has density
∝ e^(mv²)/(a(1 − v²) + v²) in v on (0, 1), m = r²/(2σ²G_jj), r the inner product of column j with
what the other columns leave of y; beside a slab, log t is sliced instead. It pays where columns are
many: pairs that hold each other through b move at the cost of 2p² operations.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.engines.loops.arrays import HALF_CAUCHY, LARGE, SLAB, SMALL, STEPS, TAILS
from bayesreg.engines.loops.linear import residuals_of
from bayesreg.engines.loops.slices import softplus
from bayesreg.engines.loops.triangle import inner, subtract
from bayesreg.language.arguments import Array
from bayesreg.language.compiled import compiled

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
        shift = log_sigma if one.absolute == 1 else 0.0
        scale, slab = math.exp(one.log_scale - shift), math.exp(0.5 * one.log_slab - shift)
        for g in range(one.group_start, one.group_stop):
            j = groups[g].start
            square = squares[j]
            if groups[g].stop - j != 1 or not square > 0.0:
                continue
            here = rest[j] if narrow else inner(xt[j], rest)
            before = b[j]
            r = here + square * before
            a = min((scale * relative[j]) ** 2 * square, LARGE)
            m = 0.5 * r * r / (square * noise * noise)
            if one.law == SLAB:
                limit = min((slab * relative[j]) ** 2 * square, LARGE)
                groups[g].t = _slice_local(m, a, limit, groups[g].t, rng)
                v = 1.0 / math.sqrt(1.0 + 1.0 / limit + 1.0 / (a * groups[g].t))
            else:
                v = _slice_share(m, a, 1.0 / math.sqrt(1.0 + 1.0 / (a * groups[g].t)), rng)
                share = v * v
                groups[g].t = min(max(share / (max(1.0 - share, 1e-16) * a), SMALL), LARGE)
            b[j] = v * v * r / square + noise * v / math.sqrt(square) * rng.standard_normal()
            subtract(rest, b[j] - before, gram[j] if narrow else xt[j])


@compiled
def _slice_share(m: float, a: float, v: float, rng: np.random.Generator) -> float:
    """Slice v on (0, 1), shrinking from the whole interval."""
    level = m * v * v - math.log(a * (1.0 - v * v) + v * v) + math.log(1.0 - rng.random())
    low, high = 0.0, 1.0
    for _ in range(STEPS):
        trial = low + (high - low) * rng.random()
        share = trial * trial
        if m * share - math.log(a * (1.0 - share) + share) > level:
            return trial
        if trial < v:
            low = trial
        else:
            high = trial
    return v


@compiled
def _slice_local(m: float, a: float, limit: float, t: float, rng: np.random.Generator) -> float:
    """Slice log t with b_j integrated out, 1/(1/at + 1/limit) its prior variance times G_jj."""
    here = math.log(t)
    low = here - TAILS * rng.random()
    high, trial, level = low + TAILS, here, math.inf
    for step in range(STEPS):
        local = math.exp(trial)
        inverse = 1.0 / limit + 1.0 / (a * local)
        value = 0.5 * trial - softplus(trial) - 0.5 * math.log1p(1.0 / inverse)
        value += m / (1.0 + inverse)
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
