r"""The compiled loop of the tilted engine: a Gaussian above the posterior, corrected exactly.

With u = 1/σ and v = ub the penalty is, block by block, λΣr_j|v_j| + ½λ²Σq_j v_j² where λ is
1/scale (÷ u where the scale is in the unit of y). It is convex, so for any slopes |s_j| ≤ 1 and
any point v⁰ it lies above its tangent λΣr_j s_j v_j + λ²Σq_j v⁰_j(v_j − ½v⁰_j). With that tangent
in its place the posterior is Gaussian in b given u, and in u of a form that is drawn exactly:

    v | u ~ N(ub̂ − G⁻¹τ, G⁻¹),   τ_j = λr_j s_j + λ²q_j v⁰_j,   G = R'R

What the tangent leaves out is a weight in (0, 1]: the Metropolis–Hastings ratio is bounded, and the
chain uniformly ergodic given the scales (Mengersen & Tweedie 1996, Ann. Statist. 24(1)).
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from bayesreg.engines.loops.slices import WIDTH, log_hyper, slice_exponentials
from bayesreg.gaussian.rejection import half_t_scale, power_normal
from bayesreg.language.arguments import Array
from bayesreg.language.compiled import compiled

Index = NDArray[np.int64]
Random = np.random.Generator
Envelope = tuple[Array, Array, Array, Array, Array, Array, Index]
Work = tuple[Array, ...]  # u, v, R(v − ub̂), sums by block, λ, R⁻ᵀτ; and a proposal's v and so on

# Rows of `columns` (6, p): b̂, Rb̂, s, v⁰, r and q.
CENTRE, TARGET, SLOPE, POINT, LINEAR, SQUARE = range(6)
# Columns of `blocks` (K, 10): b̂'τ per λ and per λ², Σq(v⁰)², how many columns, whether the scale is
# in the unit of y, unknown, and drawn from a gamma; code and numbers of its hyperprior.
PULL, PULL2, CONSTANT, COUNT, ABSOLUTE, UNKNOWN, GAMMA, CODE, FIRST, SECOND = range(10)
# `numbers` (9,): how σ is drawn (0: known, 1: with b, 2: given b), whether its prior is conjugate,
# S(b̂) + 2b of σ² ~ IG(a, b), exponents of u with b integrated out of the envelope and given b,
# proposals for each draw of the scales, code and numbers of a prior of σ that is not conjugate.
SIGMA, CONJUGATE, RSS, JOINT, GIVEN, TRIES, SIGMA_CODE, SIGMA_FIRST, SIGMA_SECOND = range(9)

_FIXED = 20.0  # (c²/a per column) beyond which interweaving gains nothing

# Steps that the loop calls in one place: calls with many arrays cost more than what they do.
inlined = njit(nogil=True, error_model="numpy", forceinline=True)


@compiled
def measure(columns: Array, bounds: Index, v: Array, part: Array) -> None:
    """Per block Σr|v|, Σrsv, Σqv² and Σqv⁰v, into `part` (K, 4)."""
    for k in range(len(bounds)):
        total = along = square = point = 0.0
        for j in range(bounds[k, 0], bounds[k, 1]):
            r = columns[LINEAR, j] * v[j]
            total += abs(r)
            along += columns[SLOPE, j] * r
            q = columns[SQUARE, j] * v[j]
            square += q * v[j]
            point += q * columns[POINT, j]
        part[k, 0], part[k, 1], part[k, 2], part[k, 3] = total, along, square, point


@compiled
def log_weight(blocks: Array, lam: Array, part: Array) -> float:
    """Log of target over envelope, at most 0."""
    value = 0.0
    for k in range(len(lam)):
        bend = part[k, 2] - 2.0 * part[k, 3] + blocks[k, CONSTANT]
        value -= lam[k] * (part[k, 0] - part[k, 1] + 0.5 * lam[k] * bend)
    return value


@compiled
def propose(
    rng: Random, columns: Array, inverse: Array, u: float, shift: Array, v: Array, rest: Array
) -> None:
    """Draw v from the envelope given u, and rest = R(v − ub̂); `shift` is R⁻ᵀτ."""
    p = len(v)
    for j in range(p):
        rest[j] = rng.standard_normal() - shift[j]
        v[j] = u * columns[CENTRE, j]
    for j in range(0, p - 3, 4):  # four columns of R⁻¹ at a time
        z0, z1, z2, z3 = rest[j], rest[j + 1], rest[j + 2], rest[j + 3]
        for i in range(j + 4):
            v[i] += (
                z0 * inverse[j, i]
                + z1 * inverse[j + 1, i]
                + z2 * inverse[j + 2, i]
                + z3 * inverse[j + 3, i]
            )
    for j in range(p - p % 4, p):
        for i in range(j + 1):
            v[i] += rest[j] * inverse[j, i]


@compiled
def tilted_mean(
    tilt: Array, blocks: Array, log_scale: Array, u: float, lam: Array, shift: Array
) -> float:
    """Set λ and R⁻ᵀτ; b̂'τ."""
    B = 0.0
    for j in range(len(shift)):
        shift[j] = 0.0
    for k in range(len(lam)):
        rate = math.exp(-log_scale[k])
        if blocks[k, ABSOLUTE] != 0.0:
            rate /= u
        lam[k] = rate
        B += rate * (blocks[k, PULL] + rate * blocks[k, PULL2])
        for j in range(len(shift)):
            shift[j] += rate * (tilt[k, 0, j] + rate * tilt[k, 1, j])
    return B


@inlined
def log_prior_of_sigma(numbers: Array, u: float) -> float:
    """Log density of log σ where σ is drawn with b and its prior is not conjugate, else 0."""
    if numbers[SIGMA] != 1.0 or numbers[CONJUGATE] != 0.0:
        return 0.0
    code = int(numbers[SIGMA_CODE])
    return log_hyper(code, numbers[SIGMA_FIRST], numbers[SIGMA_SECOND], -math.log(u))


@inlined
def draw_coefficients(rng: Random, envelope: Envelope, work: Work, log_scale: Array) -> int:
    """Proposals of (b, u), or of b, given the scales; how many were accepted."""
    numbers, columns, inverse, _, tilt, blocks, bounds = envelope
    state, v, rest, part, lam, shift, v_new, rest_new, part_new = work
    u, accepted = state[0], 0
    B = tilted_mean(tilt, blocks, log_scale, u, lam, shift)
    here, u_new = log_weight(blocks, lam, part) + log_prior_of_sigma(numbers, u), u
    for _ in range(int(numbers[TRIES])):
        if numbers[SIGMA] == 1.0:
            u_new = power_normal(rng, numbers[JOINT], numbers[RSS], B)
        propose(rng, columns, inverse, u_new, shift, v_new, rest_new)
        measure(columns, bounds, v_new, part_new)
        there = log_weight(blocks, lam, part_new) + log_prior_of_sigma(numbers, u_new)
        if rng.standard_exponential() >= here - there:
            here, u = there, u_new
            accepted += 1
            for j in range(len(v)):
                v[j] = v_new[j]
                rest[j] = rest_new[j]
            for k in range(len(lam)):
                for i in range(4):
                    part[k, i] = part_new[k, i]
    state[0] = u
    return accepted


@inlined
def stretch(v: Array, part: Array, bounds: Index, k: int, r: float) -> None:
    """Multiply block k of v by r."""
    part[k, 0] *= r
    part[k, 1] *= r
    part[k, 2] *= r * r
    part[k, 3] *= r
    for j in range(bounds[k, 0], bounds[k, 1]):
        v[j] *= r


@inlined
def draw_precision(rng: Random, envelope: Envelope, work: Work) -> None:
    """u given b; v = ub and what depends on it follow."""
    numbers, _, _, _, _, blocks, bounds = envelope
    state, v, rest, part, lam, _, _, _, _ = work
    u, A, B = state[0], 0.0, 0.0
    for j in range(len(rest)):
        A += rest[j] * rest[j]
    for k in range(len(lam)):
        if blocks[k, ABSOLUTE] == 0.0:
            A += lam[k] * lam[k] * part[k, 2]
            B += lam[k] * part[k, 0]
    A, B = numbers[RSS] + A / (u * u), B / u
    if numbers[CONJUGATE] != 0.0:
        state[0] = power_normal(rng, numbers[GIVEN], A, B)
    else:
        terms = (-numbers[GIVEN] - 1.0, -B, -1.0, -0.5 * A, -2.0)
        law = (int(numbers[SIGMA_CODE]), numbers[SIGMA_FIRST], numbers[SIGMA_SECOND], 0.0)
        state[0] = math.exp(-slice_exponentials(terms, law, -math.log(u), WIDTH, rng))
    r = state[0] / u
    for k in range(len(lam)):
        stretch(v, part, bounds, k, r)
    for j in range(len(v)):
        rest[j] *= r
        if j >= bounds[-1, 1]:  # columns whose whole prior is in G
            v[j] *= r


@inlined
def draw_scale(rng: Random, blocks: Array, k: int, log_scale: Array, u: float, part: Array) -> None:
    """An unknown scale given b and σ."""
    unit = u if blocks[k, ABSOLUTE] != 0.0 else 1.0
    count, total = blocks[k, COUNT], part[k, 0] / unit
    if blocks[k, GAMMA] != 0.0 and total > 0.0:
        log_scale[k] = half_t_scale(rng, count, total, blocks[k, FIRST], blocks[k, SECOND])
    else:
        terms = (-count, -total, -1.0, -0.5 * part[k, 2] / (unit * unit), -2.0)
        law = (int(blocks[k, CODE]), blocks[k, FIRST], blocks[k, SECOND], 0.0)
        log_scale[k] = slice_exponentials(terms, law, log_scale[k], WIDTH, rng)


@inlined
def interweave(rng: Random, envelope: Envelope, work: Work, k: int, log_scale: Array) -> None:
    """Multiply a scale and its block of b by r, of density ∝ e^(−½ar² + cr) p(scale·r).

    c²/a is the same all along the move, so that what is done may depend on it: nothing, where the
    data fix r far better than b fixes the scale (Yu & Meng 2011, JCGS 20(3)).
    """
    _, columns, _, root, _, blocks, bounds = envelope
    state, v, rest, part, _, fit, _, _, _ = work
    own = cross = 0.0
    for j in range(len(v)):
        fit[j] = rest[j] + state[0] * columns[TARGET, j] if len(bounds) == 1 else 0.0
    if len(bounds) > 1:
        for j in range(bounds[k, 0], bounds[k, 1]):
            for i in range(j + 1):
                fit[i] += root[j, i] * v[j]
    for j in range(len(v)):
        own += fit[j] * fit[j]
        cross += fit[j] * (fit[j] - rest[j])
    fixed = cross / math.sqrt(own) if cross > 0.0 else 0.0
    if fixed * fixed > _FIXED * blocks[k, COUNT]:
        return
    terms = (0.0, cross, 1.0, -0.5 * own, 2.0)
    law = (int(blocks[k, CODE]), blocks[k, FIRST], blocks[k, SECOND], log_scale[k])
    log_r = slice_exponentials(terms, law, 0.0, WIDTH / max(1.0, 0.5 * fixed), rng)
    log_scale[k] += log_r
    r = math.exp(log_r)
    for j in range(len(v)):
        rest[j] += (r - 1.0) * fit[j]
    stretch(v, part, bounds, k, r)


@compiled
def iterate(
    rng: Random,
    envelope: Envelope,
    log_scale: Array,
    state: Array,
    v: Array,
    out: tuple[Array, Array, Array],
) -> int:
    """Move log scales (K,), `state` = (u,) and v (p,), recording b, σ and log scales in `out`.

    `envelope` = (numbers, columns, R⁻ᵀ, R', tilt, blocks, bounds): a column of R⁻¹ or R in each
    row, `tilt` (K, 2, p) R⁻ᵀτ per λ and per λ², `bounds` (K, 2) each block's first column and the
    one beyond its last. Returns how many proposals were accepted.
    """
    _, columns, _, root, _, blocks, bounds = envelope
    b, sigma, scale = out
    p, K, accepted = len(v), len(log_scale), 0
    rest, part, lam = np.empty(p), np.empty((K, 4)), np.empty(K)
    new = (np.empty(p), np.empty(p), np.empty(p), np.empty((K, 4)))
    work = (state, v, rest, part, lam, new[0], new[1], new[2], new[3])
    for j in range(p):
        rest[j] = -state[0] * columns[TARGET, j]
        for i in range(j + 1):
            rest[i] += root[j, i] * v[j]
    measure(columns, bounds, v, part)
    for n in range(len(sigma)):
        accepted += draw_coefficients(rng, envelope, work, log_scale)
        if envelope[0][SIGMA] == 2.0:
            draw_precision(rng, envelope, work)
        for k in range(K):
            if blocks[k, UNKNOWN] != 0.0:
                interweave(rng, envelope, work, k, log_scale)
                draw_scale(rng, blocks, k, log_scale, state[0], part)
        sigma[n] = 1.0 / state[0]
        for j in range(p):
            b[n, j] = v[j] * sigma[n]
        for k in range(K):
            scale[n, k] = log_scale[k]
    return accepted
