r"""The compiled iteration of engine gibbs; see that module for the order of its steps and sources.

One Cholesky factorisation gives σ and b (`linear`); every other step is an inner product or a slice
of one number (`slices`). Local variances are drawn exactly, law by law (`local_laws`).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.engines.loops.arrays import CONSTANT, DIRICHLET, SLAB, SMALL, TABULATED, WIDTH
from bayesreg.engines.loops.coupled import draw_coupled
from bayesreg.engines.loops.linear import (
    core_of,
    draw_columns,
    draw_rows,
    factor,
    fit_of_block,
    penalised_sum,
    residuals_of,
)
from bayesreg.engines.loops.local_laws import draw_local
from bayesreg.engines.loops.scales import (
    collapsed_scale,
    needs_slice,
    prior_sds,
    slice_without_b,
    squares_of,
)
from bayesreg.engines.loops.scans import scan
from bayesreg.engines.loops.slices import slice_exponentials
from bayesreg.engines.loops.tabulated import draw_tabulated
from bayesreg.engines.loops.triangle import inner
from bayesreg.language.arguments import Array
from bayesreg.language.compiled import compiled

Records = NDArray[Any]


@compiled
def run(
    data: tuple[Array, Array, Array, Array, Array],
    fixed: tuple[Array, tuple[Array, Array]],
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
    fixed : relative factors (p,); tables of collapsed densities, and of laws of local variances.
    work : b, prior sds ÷ σ, the factor, its core, and w; b is the state of the chain.
    out : b, σ, scale, κ.
    rest : memory for scans, or None where every problem takes the plain steps only: what is then
        never reached is not compiled either.
    """
    squares, relative, (b, sd) = data[4], fixed[0], work[:2]
    out_b, out_sigma, out_scale, out_kappa = out
    for i in range(len(out_sigma)):
        s = -1.0  # S, where the factor is already that of the present scales
        if rest is not None:
            for k in range(len(blocks) + 1):
                if needs_slice(k, blocks, facts):
                    s = slice_without_b(k, data, relative, work, blocks, groups, facts, rng)
        _sigma_and_b(data, relative, work, blocks, groups, facts, s, rng)
        _interweave(data, b, blocks, facts.log_sigma, rng)
        if rest is not None:
            for _ in range(facts.sweeps):
                scan(data, relative, b, rest, blocks, groups, facts.log_sigma, rng)
        _scales_and_locals(b, fixed, blocks, groups, facts.log_sigma, rest, rng)
        prior_sds(blocks, groups, relative, facts.log_sigma, sd)
        out_sigma[i] = math.exp(facts.log_sigma)
        for j in range(len(order)):
            out_b[i, order[j]] = b[j]
            out_kappa[i, order[j]] = 1.0 / (1.0 + squares[j] * sd[j] * sd[j])
        for k in range(len(blocks)):
            if blocks[k].unknown >= 0:
                out_scale[i, blocks[k].unknown] = math.exp(blocks[k].log_scale)


@compiled
def _sigma_and_b(
    data: tuple[Array, Array, Array, Array, Array],
    relative: Array,
    work: tuple[Array, Array, Array, Array, Array],
    blocks: Records,
    groups: Records,
    facts: Any,
    s: float,
    rng: np.random.Generator,
) -> None:
    """σ, with b integrated out unless a scale is in the unit of y, and b; S is −1 if not known."""
    xt, y, gram, xy, _ = data
    b, sd, a, core, w = work
    if s < 0.0:
        prior_sds(blocks, groups, relative, facts.log_sigma, sd)
        core_of(xt, gram, sd, core)
        factor(xt, gram, sd, core, 1.0, a)
        s = penalised_sum(xt, y, xy, (facts.yy, facts.rss), sd, a, w)
    if facts.known == 0 and facts.absolute == 0:
        _sigma(facts, facts.nu, s, rng)
    noise = math.exp(facts.log_sigma)
    if len(gram) > 0:
        draw_columns(sd, a, w, noise, b, rng)
    else:
        draw_rows(xt, y, sd, a, noise, b, rng)
    if facts.known == 0 and facts.absolute == 1 and facts.crowded == 0:
        total, count = _in_units_of_sigma(blocks, sd, b)
        residuals = residuals_of(xt, y, b)
        total += facts.rss + inner(residuals, residuals)
        _sigma(facts, facts.nu + count, total, rng)


@compiled
def _interweave(
    data: tuple[Array, Array, Array, Array, Array],
    b: Array,
    blocks: Records,
    log_sigma: float,
    rng: np.random.Generator,
) -> None:
    """(b, s) → (rb, rs), block by block, with z and t held."""
    xt, y, gram, xy, _ = data
    precision = math.exp(-2.0 * log_sigma)
    for k in range(len(blocks)):
        one = blocks[k]
        if one.unknown < 0 or one.law == SLAB:
            continue
        own, cross = fit_of_block(xt, y, gram, xy, b, one.start, one.stop)
        terms = (0.0, precision * cross, 1.0, -0.5 * precision * own, 2.0)
        hyper = (one.code, one.hyper_first, one.hyper_second, one.hyper_third, one.log_scale)
        log_r = slice_exponentials(terms, hyper, 0.0, WIDTH, rng)
        one.log_scale += log_r
        for j in range(one.start, one.stop):
            b[j] *= math.exp(log_r)


@compiled
def _sigma(facts: Any, count: float, s: float, rng: np.random.Generator) -> None:
    """σ from σ^(−count) e^(−S/2σ²) p(σ)."""
    if facts.conjugate == 1:
        square = (facts.rate + 0.5 * s) / rng.standard_gamma(facts.shape + 0.5 * count)
        facts.log_sigma = 0.5 * math.log(max(square, SMALL))
        return
    terms = (-count, -0.5 * s, -2.0, 0.0, 0.0)
    hyper = (facts.code, facts.first, facts.second, facts.third, 0.0)
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
def _scales_and_locals(
    b: Array,
    fixed: tuple[Array, tuple[Array, Array]],
    blocks: Records,
    groups: Records,
    log_sigma: float,
    rest: Array | None,
    rng: np.random.Generator,
) -> None:
    """Block by block s | b, σ with the local variances integrated out, then t | b, s, σ."""
    relative, tables = fixed
    for k in range(len(blocks)):
        one = blocks[k]
        shift = 0.0 if one.absolute == 1 else log_sigma
        squares = squares_of(one, groups, relative, b)
        if one.law == SLAB or one.law == DIRICHLET:
            if rest is not None:
                draw_coupled(one, groups, squares, shift, rng)
            continue
        _scale_and_locals(one, groups, tables, squares, shift, rest, rng)


@compiled
def _scale_and_locals(
    one: Any,
    groups: Records,
    tables: tuple[Array, Array],
    squares: Array,
    shift: float,
    rest: Array | None,
    rng: np.random.Generator,
) -> None:
    """The two draws for one block; `squares` are ‖b/relative‖² by group."""
    densities, laws = tables
    if one.unknown >= 0:
        collapsed_scale(one, groups, densities, squares, shift, rng)
    if one.law == CONSTANT:
        return
    inverse = math.exp(-2.0 * (one.log_scale + shift))
    for g in range(one.group_start, one.group_stop):
        m = float(groups[g].stop - groups[g].start)
        x = squares[g - one.group_start] * inverse
        if one.law != TABULATED:
            groups[g].t = draw_local(one.law, one.first, one.second, x, m, rng)
        elif rest is not None:
            groups[g].t = draw_tabulated(laws[one.table], x, m, rng)
