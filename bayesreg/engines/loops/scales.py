r"""Compiled: draws of the scales, and the prior sds that they make.

A scale is drawn with the local variances integrated out, given b; or given them, with b integrated
out and, where all scales are in its unit, with σ integrated out or carried along.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.engines.loops.arrays import (
    CONSTANT,
    EXPONENTIAL,
    INVERSE_GAMMA,
    SLAB,
    SMALL,
    STABLE,
    STEPS,
    TABLE_LOW,
    TABLE_STEP,
    WIDTH,
)
from bayesreg.engines.loops.linear import core_of, factor, penalised_sum
from bayesreg.engines.loops.slices import interpolate, log_hyper, slice_exponentials
from bayesreg.engines.loops.triangle import log_diagonal
from bayesreg.language.arguments import Array
from bayesreg.language.compiled import compiled

Records = NDArray[Any]


@compiled
def prior_sds(
    blocks: Records, groups: Records, relative: Array, log_sigma: float, sd: Array
) -> None:
    """Prior sds of b ÷ σ, given the local variances."""
    for k in range(len(blocks)):
        one = blocks[k]
        shift = log_sigma if one.absolute == 1 else 0.0
        scale = math.exp(one.log_scale - shift)
        for g in range(one.group_start, one.group_stop):
            own = scale * math.sqrt(groups[g].t)
            if one.law == SLAB:
                own /= math.hypot(1.0, own * math.exp(shift - 0.5 * one.log_slab))
            for j in range(groups[g].start, groups[g].stop):
                sd[j] = own * relative[j]


@compiled
def squares_of(one: Any, groups: Records, relative: Array, b: Array) -> Array:
    """‖b/relative‖² of each group of a block."""
    squares = np.empty(one.group_stop - one.group_start)
    for g in range(one.group_start, one.group_stop):
        total = 0.0
        for j in range(groups[g].start, groups[g].stop):
            u = b[j] / relative[j]
            total += u * u
        squares[g - one.group_start] = total
    return squares


@compiled
def collapsed_scale(
    one: Any,
    groups: Records,
    tables: Array,
    squares: Array,
    shift: float,
    rng: np.random.Generator,
) -> None:
    """log s | b, σ with local variances integrated out; `squares` are ‖b/relative‖² by group."""
    columns = float(one.stop - one.start)
    hyper = (one.code, one.hyper_first, one.hyper_second, one.hyper_third, -shift)
    x = one.log_scale + shift
    power = one.first if one.law == STABLE else 1.0
    linear, quadratic = 0.0, 0.0
    for i in range(len(squares)):
        root = math.sqrt(squares[i])
        linear += root if power == 1.0 else root**power
        quadratic += squares[i]
    if one.law == EXPONENTIAL:
        terms = (-columns, -one.first * linear, -1.0, -0.5 * one.second * quadratic, -2.0)
    elif one.law == CONSTANT:
        terms = (-columns, -0.5 * quadratic, -2.0, 0.0, 0.0)
    elif one.law == STABLE:
        terms = (-columns, -linear, -one.first, 0.0, 0.0)
    else:
        one.log_scale = _summed_scale(one, groups, tables, squares, x, shift, rng) - shift
        return
    one.log_scale = slice_exponentials(terms, hyper, x, WIDTH, rng) - shift


@compiled
def _summed_scale(
    one: Any,
    groups: Records,
    tables: Array,
    squares: Array,
    x: float,
    shift: float,
    rng: np.random.Generator,
) -> float:
    """The same for laws whose density of each group's ‖u‖ is no power or exponential of it."""
    columns = float(one.stop - one.start)
    student = one.law == INVERSE_GAMMA
    lengths = np.empty(len(squares))
    for i in range(len(squares)):
        lengths[i] = squares[i] / one.first if student else 0.5 * math.log(max(squares[i], SMALL))
    low = x - WIDTH * rng.random()
    high, trial, level = low + WIDTH, x, math.inf
    for step in range(STEPS):
        value = log_hyper(
            one.code, one.hyper_first, one.hyper_second, one.hyper_third, trial - shift
        )
        value -= columns * trial
        inverse = math.exp(-2.0 * trial)
        for i in range(len(squares)):
            g = groups[one.group_start + i]
            if student:
                value -= 0.5 * (one.first + g.stop - g.start) * math.log1p(lengths[i] * inverse)
            else:
                table = tables[g.table]
                value += interpolate(table, TABLE_LOW, TABLE_STEP, lengths[i] - trial)
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
def needs_slice(k: int, blocks: Records, facts: Any) -> bool:
    """Whether the scale of block k is drawn with b integrated out; σ comes after the last block."""
    if k == len(blocks):
        return bool(facts.absolute == 1 and facts.crowded == 1 and facts.known == 0)
    return bool(blocks[k].unknown >= 0 and (facts.crowded == 1 or blocks[k].law == SLAB))


@compiled
def slice_without_b(
    k: int,
    data: tuple[Array, Array, Array, Array, Array],
    relative: Array,
    work: tuple[Array, Array, Array, Array, Array],
    blocks: Records,
    groups: Records,
    facts: Any,
    rng: np.random.Generator,
) -> float:
    """Slice log s of block k, or log σ after the last, given t and with b integrated out.

    Returns S where the factor in `work` is that of the new value, else −1.
    Where all scales are in units of σ, σ is integrated out too if its prior is conjugate. If not,
    σ/√S is held and σ moves with s: σ would have to be drawn anew, independently of where it is,
    had it been integrated out (van Dyk & Jiao 2015, JCGS 24(2)). With one block I + s²C has the
    same C at every trial, which then costs one factorisation.
    """
    xt, y, gram, xy, _ = data
    _, sd, a, core, w = work
    log_sigma, ratio = facts.log_sigma, 0.0  # and log S over what it was
    of_sigma = k == len(blocks)
    here = facts.log_sigma if of_sigma else blocks[k].log_scale
    alone = len(blocks) == 1 and not of_sigma and blocks[0].law != SLAB
    low = here - WIDTH * rng.random()
    high, trial, level = low + WIDTH, here, math.inf
    for step in range(STEPS):
        _put(trial, of_sigma, k, blocks, facts)
        prior_sds(blocks, groups, relative, facts.log_sigma, sd)
        if step == 0 or not alone:
            core_of(xt, gram, sd, core)
        factor(xt, gram, sd, core, math.exp(2.0 * (trial - here)) if alone else 1.0, a)
        s = penalised_sum(xt, y, xy, (facts.yy, facts.rss), sd, a, w)
        log_s = math.log(max(s, SMALL))
        ratio = -log_s if step == 0 else ratio
        if not (of_sigma or facts.known == 1 or facts.absolute == 1 or facts.conjugate == 1):
            facts.log_sigma = log_sigma + 0.5 * (ratio + log_s)
        value = _log_fit(of_sigma, s, facts) - log_diagonal(a)
        if not of_sigma:
            one = blocks[k]
            value += log_hyper(one.code, one.hyper_first, one.hyper_second, one.hyper_third, trial)
        if step == 0:
            level = value + math.log(1.0 - rng.random()) if value > -math.inf else -math.inf
        elif value > level:
            return s
        elif trial < here:
            low = trial
        else:
            high = trial
        trial = low + (high - low) * rng.random()
    facts.log_sigma = log_sigma
    _put(here, of_sigma, k, blocks, facts)
    return -1.0


@compiled
def _put(value: float, of_sigma: bool, k: int, blocks: Records, facts: Any) -> None:
    """Store what is sliced."""
    if of_sigma:
        facts.log_sigma = value
    else:
        blocks[k].log_scale = value


@compiled
def _log_fit(of_sigma: bool, s: float, facts: Any) -> Any:
    """log σ^(−ν) e^(−S/2σ²) p(σ)σ at the present σ, or its integral where σ is integrated out."""
    x, out = facts.log_sigma, not of_sigma
    if out and (facts.known == 1 or facts.absolute == 1):
        return -0.5 * s * math.exp(-2.0 * x)
    if out and facts.conjugate == 1:
        return -(facts.shape + 0.5 * facts.nu) * math.log(max(facts.rate + 0.5 * s, SMALL))
    value = -facts.nu * x - 0.5 * s * math.exp(-2.0 * x)
    if facts.conjugate == 1:
        return value - 2.0 * facts.shape * x - facts.rate * math.exp(-2.0 * x)
    return value + log_hyper(facts.code, facts.first, facts.second, facts.third, x)
