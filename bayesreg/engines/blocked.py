r"""The compiled iteration of engine gibbs; see that module for the order of its steps and sources.

One Cholesky factorisation gives σ and b (`linear`); every other step is an inner product or a slice
of one number (`slices`). Local variances are drawn exactly, law by law (`local_laws`).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.engines.arrays import TABLE_LOW, TABLE_STEP
from bayesreg.engines.compiled import compiled
from bayesreg.engines.coupled import draw_shares, draw_slab
from bayesreg.engines.linear import (
    core_of,
    draw_columns,
    draw_rows,
    factor,
    fit_of_block,
    penalised_sum,
    residuals_of,
)
from bayesreg.engines.local_laws import (
    CONSTANT,
    DIRICHLET,
    EXPONENTIAL,
    INVERSE_GAMMA,
    SLAB,
    SMALL,
    STABLE,
    draw_local,
)
from bayesreg.engines.scans import scan
from bayesreg.engines.slices import (
    STEPS,
    WIDTH,
    interpolate,
    log_hyper,
    slice_exponentials,
)
from bayesreg.engines.triangle import inner, log_diagonal

Array = NDArray[np.float64]
Records = NDArray[Any]


@compiled
def run(  # noqa: C901  (one loop: each further level would be compiled again)
    data: tuple[Array, Array, Array, Array, Array],
    fixed: tuple[Array, Array, Array],
    work: tuple[Array, Array, Array, Array, Array],
    blocks: Records,
    groups: Records,
    facts: Any,
    order: NDArray[np.intp],
    out: tuple[Array, Array, Array, Array],
    rest: Array | None,
    rng: np.random.Generator,
) -> None:
    """Iterate and record as often as `out` has rows, with columns in the problem's order.

    data : X' (p, m), y (m,), gram (p, p) or empty in row space, X'y likewise, G_jj (p,).
    fixed : relative factors (p,), tables of collapsed densities, table of σ integrated out.
    work : b, prior sds ÷ σ, the factor, its core, and w; b is the state of the chain.
    out : b, σ, scale, κ.
    rest : memory for scans, or None where every problem takes the plain steps only: what is then
        never reached is not compiled either.
    """
    xt, y, gram, xy, squares = data
    relative, tables, integrated = fixed
    b, sd, a, core, w = work
    out_b, out_sigma, out_scale, out_kappa = out
    sums = (facts.yy, facts.rss)
    narrow, absolute = len(gram) > 0, facts.absolute == 1
    for i in range(len(out_sigma)):
        fresh = False  # whether factor and S are those of the present scales
        if rest is not None:
            for k in range(len(blocks) + 1):
                if _needs_slice(k, blocks, facts):
                    s = _alone(k, data, relative, integrated, work, blocks, groups, facts, rng)
                    fresh = s >= 0.0
        if not fresh:
            prior_sds(blocks, groups, relative, facts.log_sigma, sd)
            core_of(xt, gram, sd, core)
            factor(xt, gram, sd, core, 1.0, a)
            s = penalised_sum(xt, y, xy, sums, sd, a, w)
        if facts.known == 0 and not absolute:
            _sigma(facts, facts.nu, s, rng)
        noise = math.exp(facts.log_sigma)
        if narrow:
            draw_columns(sd, a, w, noise, b, rng)
        else:
            draw_rows(xt, y, sd, a, noise, b, rng)
        if facts.known == 0 and absolute and facts.crowded == 0:
            total, count = _in_units_of_sigma(blocks, sd, b)
            residuals = residuals_of(xt, y, b)
            total += facts.rss + inner(residuals, residuals)
            _sigma(facts, facts.nu + count, total, rng)
        precision = math.exp(-2.0 * facts.log_sigma)
        for k in range(len(blocks)):
            one = blocks[k]
            if one.unknown >= 0 and one.law != SLAB:
                own, cross = fit_of_block(xt, y, gram, xy, b, one.start, one.stop)
                # (b, s) → (rb, rs) with z and t held.
                terms = (0.0, precision * cross, 1.0, -0.5 * precision * own, 2.0)
                hyper = (one.code, one.hyper_first, one.hyper_second, one.log_scale)
                log_r = slice_exponentials(terms, hyper, 0.0, WIDTH, rng)
                one.log_scale += log_r
                for j in range(one.start, one.stop):
                    b[j] *= math.exp(log_r)
        if rest is not None:
            for _ in range(facts.sweeps):
                scan(data, relative, b, rest, blocks, groups, facts.log_sigma, rng)
        for k in range(len(blocks)):
            one = blocks[k]
            shift = 0.0 if one.absolute == 1 else facts.log_sigma
            lengths = _squares(one, groups, relative, b)
            if rest is not None and one.law == SLAB:
                draw_slab(one, groups, lengths, shift, rng)
            elif rest is not None and one.law == DIRICHLET:
                draw_shares(one, groups, lengths, shift, rng)
            else:
                _scale_and_locals(one, groups, tables, lengths, shift, rng)
        prior_sds(blocks, groups, relative, facts.log_sigma, sd)
        out_sigma[i] = math.exp(facts.log_sigma)
        for j in range(len(order)):
            out_b[i, order[j]] = b[j]
            out_kappa[i, order[j]] = 1.0 / (1.0 + squares[j] * sd[j] * sd[j])
        for k in range(len(blocks)):
            if blocks[k].unknown >= 0:
                out_scale[i, blocks[k].unknown] = math.exp(blocks[k].log_scale)


@compiled
def _needs_slice(k: int, blocks: Records, facts: Any) -> bool:
    """Whether the scale of block k is drawn with b integrated out; σ comes after the last block."""
    if k == len(blocks):
        return bool(facts.absolute == 1 and facts.crowded == 1 and facts.known == 0)
    return bool(blocks[k].unknown >= 0 and (facts.crowded == 1 or blocks[k].law == SLAB))


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
                own /= math.sqrt(1.0 + own * own * math.exp(2.0 * shift - one.log_slab))
            for j in range(groups[g].start, groups[g].stop):
                sd[j] = own * relative[j]


@compiled
def _sigma(facts: Any, count: float, s: float, rng: np.random.Generator) -> None:
    """σ from σ^(−count) e^(−S/2σ²) p(σ)."""
    if facts.conjugate == 1:
        square = (facts.rate + 0.5 * s) / rng.standard_gamma(facts.shape + 0.5 * count)
        facts.log_sigma = 0.5 * math.log(max(square, SMALL))
        return
    terms = (-count, -0.5 * s, -2.0, 0.0, 0.0)
    hyper = (facts.code, facts.first, facts.second, 0.0)
    facts.log_sigma = slice_exponentials(terms, hyper, facts.log_sigma, WIDTH, rng)


@compiled
def _in_units_of_sigma(blocks: Records, sd: Array, b: Array) -> tuple[float, float]:
    """Σ(b_j/d_j)² and the number of columns whose prior is in units of σ."""
    total, count = 0.0, 0.0
    for k in range(len(blocks)):
        if blocks[k].absolute == 0:
            for j in range(blocks[k].start, blocks[k].stop):
                z = b[j] / max(sd[j], SMALL)
                total += z * z
                count += 1.0
    return total, count


@compiled
def _alone(
    k: int,
    data: tuple[Array, Array, Array, Array, Array],
    relative: Array,
    integrated: Array,
    work: tuple[Array, Array, Array, Array, Array],
    blocks: Records,
    groups: Records,
    facts: Any,
    rng: np.random.Generator,
) -> float:
    """Slice log s of block k, or log σ after the last, given t and with b integrated out.

    Returns S where the factor in `work` is that of the new value, else −1.

    Where all scales are in units of σ, σ is integrated out too. With one block I + s²C has the
    same C at every trial, which then costs one factorisation.
    """
    xt, y, gram, xy, _ = data
    _, sd, a, core, w = work
    of_sigma = k == len(blocks)
    here = facts.log_sigma if of_sigma else blocks[k].log_scale
    alone = len(blocks) == 1 and not of_sigma and blocks[0].law != SLAB
    low = here - WIDTH * rng.random()
    high, trial, level = low + WIDTH, here, math.inf
    for step in range(STEPS):
        if of_sigma:
            facts.log_sigma = trial
        else:
            blocks[k].log_scale = trial
        prior_sds(blocks, groups, relative, facts.log_sigma, sd)
        if step == 0 or not alone:
            core_of(xt, gram, sd, core)
        factor(xt, gram, sd, core, math.exp(2.0 * (trial - here)) if alone else 1.0, a)
        s = penalised_sum(xt, y, xy, (facts.yy, facts.rss), sd, a, w)
        value = _log_fit(of_sigma, s, integrated, facts) - log_diagonal(a)
        if not of_sigma:
            one = blocks[k]
            value += log_hyper(one.code, one.hyper_first, one.hyper_second, trial)
        if step == 0:
            level = value + math.log(1.0 - rng.random()) if value > -math.inf else -math.inf
        elif value > level:
            return s
        elif trial < here:
            low = trial
        else:
            high = trial
        trial = low + (high - low) * rng.random()
    if of_sigma:
        facts.log_sigma = here
    else:
        blocks[k].log_scale = here
    return -1.0


@compiled
def _log_fit(of_sigma: bool, s: float, integrated: Array, facts: Any) -> Any:
    """log of ∫ σ^(−ν) e^(−S/2σ²) p(σ) dσ, or its integrand at the present σ."""
    x = facts.log_sigma
    if of_sigma:
        value = -facts.nu * x - 0.5 * s * math.exp(-2.0 * x)
        if facts.conjugate == 1:
            return value - 2.0 * facts.shape * x - facts.rate * math.exp(-2.0 * x)
        return value + log_hyper(facts.code, facts.first, facts.second, x)
    if facts.known == 1 or facts.absolute == 1:
        return -0.5 * s * math.exp(-2.0 * x)
    if facts.conjugate == 1:
        return -(facts.shape + 0.5 * facts.nu) * math.log(max(facts.rate + 0.5 * s, SMALL))
    return interpolate(integrated, facts.low, facts.step, math.log(max(s, SMALL)))


@compiled
def _squares(one: Any, groups: Records, relative: Array, b: Array) -> Array:
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
def _scale_and_locals(
    one: Any, groups: Records, tables: Array, squares: Array, shift: float, rng: np.random.Generator
) -> None:
    """s | b, σ with the local variances integrated out, then t | b, s, σ."""
    if one.unknown >= 0:
        _collapsed_scale(one, groups, tables, squares, shift, rng)
    if one.law == CONSTANT:
        return
    inverse = math.exp(-2.0 * (one.log_scale + shift))
    for g in range(one.group_start, one.group_stop):
        m = float(groups[g].stop - groups[g].start)
        x = squares[g - one.group_start] * inverse
        groups[g].t = draw_local(one.law, one.first, one.second, x, m, rng)


@compiled
def _collapsed_scale(  # noqa: C901  (likewise)
    one: Any,
    groups: Records,
    tables: Array,
    squares: Array,
    shift: float,
    rng: np.random.Generator,
) -> None:
    """log s | b, σ: by its formula, or as a sum of densities of each group's ‖u‖."""
    columns = float(one.stop - one.start)
    hyper = (one.code, one.hyper_first, one.hyper_second, -shift)
    x = one.log_scale + shift
    if one.law == EXPONENTIAL or one.law == CONSTANT or one.law == STABLE:
        power = 0.5 * one.first if one.law == STABLE else 0.5
        linear, quadratic = 0.0, 0.0
        for i in range(len(squares)):
            linear += math.sqrt(squares[i]) if power == 0.5 else squares[i] ** power
            quadratic += squares[i]
        if one.law == EXPONENTIAL:
            terms = (-columns, -one.first * linear, -1.0, -0.5 * one.second * quadratic, -2.0)
        elif one.law == CONSTANT:
            terms = (-columns, -0.5 * quadratic, -2.0, 0.0, 0.0)
        else:
            terms = (-columns, -linear, -one.first, 0.0, 0.0)
        one.log_scale = slice_exponentials(terms, hyper, x, WIDTH, rng) - shift
        return
    student = one.law == INVERSE_GAMMA
    lengths = np.empty(len(squares))
    for i in range(len(squares)):
        lengths[i] = squares[i] / one.first if student else 0.5 * math.log(max(squares[i], SMALL))
    low = x - WIDTH * rng.random()
    high, trial, level = low + WIDTH, x, math.inf
    for step in range(STEPS):
        value = log_hyper(one.code, one.hyper_first, one.hyper_second, trial - shift)
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
            one.log_scale = trial - shift
            return
        elif trial < x:
            low = trial
        else:
            high = trial
        trial = low + (high - low) * rng.random()
