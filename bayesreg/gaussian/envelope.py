r"""The iteration of the tilted engine, on many chains at once: a Gaussian above the posterior.

With u = 1/σ and v = ub the penalty is, block by block, λΣr_j|v_j| + ½λ²Σq_j v_j² where λ is
1/scale (÷ u where the scale is in the unit of y). It is convex, so for any slopes |s_j| ≤ 1 and
any point v⁰ it lies above its tangent λΣr_j s_j v_j + λ²Σq_j v⁰_j(v_j − ½v⁰_j). With that tangent
in its place the posterior is Gaussian in b given u, and in u of a form that is drawn exactly:

    v | u ~ N(ub̂ − G⁻¹τ, G⁻¹),   τ_j = λr_j s_j + λ²q_j v⁰_j,   G = R'R

What the tangent leaves out is a weight in (0, 1]: the Metropolis–Hastings ratio is bounded, and the
chain uniformly ergodic given the scales (Mengersen & Tweedie 1996, Ann. Statist. 24(1)).

Every array has a row for each chain, so that proposals are one matrix product: an iteration of a
hundred chains costs little more than one of a single chain.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayesreg.engines.loops.arrays import WIDTH
from bayesreg.engines.strands.slices import Hyper, log_hyper, slice_exponentials
from bayesreg.gaussian.rejection import half_t_scale, power_normal
from bayesreg.language.arguments import Array

Index = NDArray[np.int64]
Random = np.random.Generator
Envelope = tuple[Array, Array, Array, Array, Array, Array, Index]

# Rows of `columns` (6, p): b̂, Rb̂, s, v⁰, r and q.
CENTRE, TARGET, SLOPE, POINT, LINEAR, SQUARE = range(6)
# Columns of `blocks` (K, 11): b̂'τ per λ and per λ², Σq(v⁰)², how many columns, whether the scale is
# in the unit of y, unknown, and drawn from a gamma; code and numbers of its hyperprior.
PULL, PULL2, CONSTANT, COUNT, ABSOLUTE, UNKNOWN, GAMMA, CODE = range(8)
# `numbers` (10,): how σ is drawn (0: known, 1: with b, 2: given b), whether its prior is conjugate,
# S(b̂) + 2b of σ² ~ IG(a, b), exponents of u with b integrated out of the envelope and given b,
# proposals for each draw of the scales, code and numbers of a prior of σ that is not conjugate.
SIGMA, CONJUGATE, RSS, JOINT, GIVEN, TRIES, SIGMA_CODE = range(7)

_FIXED = 20.0  # (c²/a per column) beyond which interweaving gains nothing


@dataclass(eq=False)
class Chains:
    """Where n chains are, changed in place, and sums that follow from it.

    `log_scale` (n, K), `u` (n,), `v` (n, p), `rest` = R(v − ub̂) (n, p), and `part` (4, n, K): per
    block Σr|v|, Σrsv, Σqv² and Σqv⁰v.
    """

    log_scale: Array
    u: Array
    v: Array
    rest: Array
    part: Array


class Sampler:
    """The steps under one envelope.

    `envelope` = (numbers, columns, R⁻ᵀ, R', tilt, blocks, bounds): a column of R⁻¹ or R in each
    row, `tilt` (K, 2, p) R⁻ᵀτ per λ and per λ², `bounds` (K, 2) each block's first column and the
    one beyond its last.
    """

    def __init__(self, envelope: Envelope) -> None:
        self.numbers, self.columns, self.inverse, self.root, tilt, self.blocks, bounds = envelope
        self.tilt, self.tilt2 = np.ascontiguousarray(tilt[:, 0]), np.ascontiguousarray(tilt[:, 1])
        self.spans = [slice(int(start), int(stop)) for start, stop in bounds]
        self.absolute = self.blocks[:, ABSOLUTE] != 0.0
        member = np.zeros((self.columns.shape[1], len(bounds)))
        for k, span in enumerate(self.spans):
            member[span, k] = 1.0
        _, _, slope, point, linear, square = self.columns
        self.of_size, self.along = member * linear[:, None], member * (linear * slope)[:, None]
        self.of_square, self.of_point = member * square[:, None], member * (square * point)[:, None]
        self.bent = bool(np.any(square))

    def begin(self, log_scale: Array, u: Array, v: Array) -> Chains:
        """Chains at these values, which are copied."""
        rest = v @ self.root - u[:, None] * self.columns[TARGET]
        return Chains(log_scale.copy(), u.copy(), v.copy(), rest, self.measure(v))

    def iterate(self, chains: Chains, rng: Random, out: tuple[Array, Array, Array]) -> int:
        """Advance as often as `out` has places: b (N, n, p), σ (N, n) and log scales (N, n, K).

        Returns how many proposals were accepted.
        """
        b, sigma, scale = out
        accepted = 0
        for i in range(len(sigma)):
            accepted += self.draw_coefficients(chains, rng)
            if self.numbers[SIGMA] == 2.0:
                self.draw_precision(chains, rng)
            for k, block in enumerate(self.blocks):
                if block[UNKNOWN] != 0.0:
                    self.interweave(chains, k, rng)
                    self.draw_scale(chains, k, rng)
            np.divide(1.0, chains.u, out=sigma[i])
            np.multiply(chains.v, sigma[i, :, None], out=b[i])
            scale[i] = chains.log_scale
        return accepted

    def measure(self, v: Array) -> Array:
        """Per block Σr|v|, Σrsv, Σqv² and Σqv⁰v."""
        part = np.zeros((4, len(v), len(self.spans)))
        np.matmul(np.abs(v), self.of_size, out=part[0])
        np.matmul(v, self.along, out=part[1])
        if self.bent:
            part[2], part[3] = np.square(v) @ self.of_square, v @ self.of_point
        return part

    def log_weight(self, lam: Array, part: Array) -> Array:
        """Log of target over envelope, at most 0."""
        over = part[0] - part[1]
        if self.bent:
            over += 0.5 * lam * (part[2] - 2.0 * part[3] + self.blocks[:, CONSTANT])
        return np.asarray(-np.einsum("nk,nk->n", lam, over))

    def rates(self, chains: Chains) -> Array:
        """λ of each block (n, K)."""
        lam = np.exp(-chains.log_scale)
        if self.absolute.any():
            lam[:, self.absolute] /= chains.u[:, None]
        return lam

    def log_prior_of_sigma(self, u: Array) -> Array | float:
        """Log density of log σ where σ is drawn with b and its prior is not conjugate, else 0."""
        numbers = self.numbers
        if numbers[SIGMA] != 1.0 or numbers[CONJUGATE] != 0.0:
            return 0.0
        return log_hyper(_coded(numbers[SIGMA_CODE:]), -np.log(u))

    def draw_coefficients(self, chains: Chains, rng: Random) -> int:
        """Proposals of (b, u), or of b, given the scales; how many were accepted."""
        (n, p), tries, lam = chains.v.shape, int(self.numbers[TRIES]), self.rates(chains)
        shift = lam @ self.tilt
        if self.bent:
            shift += np.square(lam) @ self.tilt2
        u = np.repeat(chains.u, tries)
        if self.numbers[SIGMA] == 1.0:
            pull = lam @ self.blocks[:, PULL] + np.square(lam) @ self.blocks[:, PULL2]
            u = power_normal(rng, self.numbers[JOINT], self.numbers[RSS], np.repeat(pull, tries))
        rest = rng.standard_normal((n, tries, p))
        rest -= shift[:, None]
        rest = rest.reshape(n * tries, p)
        v = rest @ self.inverse
        v += np.multiply.outer(u, self.columns[CENTRE])
        part = self.measure(v)
        there = self.log_weight(np.repeat(lam, tries, axis=0), part) + self.log_prior_of_sigma(u)
        here = self.log_weight(lam, chains.part) + self.log_prior_of_sigma(chains.u)
        chosen, accepted = np.full(n, -1), 0
        least = rng.standard_exponential((n, tries))
        for k, value in enumerate(there.reshape(n, tries).T):
            take = least[:, k] >= here - value
            here = np.where(take, value, here)
            chosen[take] = k
            accepted += int(np.count_nonzero(take))
        moved = np.flatnonzero(chosen >= 0)
        taken = moved * tries + chosen[moved]
        chains.u[moved], chains.v[moved], chains.rest[moved] = u[taken], v[taken], rest[taken]
        chains.part[:, moved] = part[:, taken]
        return accepted

    def draw_precision(self, chains: Chains, rng: Random) -> None:
        """u given b; v = ub and what depends on it follow."""
        numbers, u, lam = self.numbers, chains.u, self.rates(chains)
        lam[:, self.absolute] = 0.0
        squares = np.einsum("np,np->n", chains.rest, chains.rest)
        squares += np.einsum("nk,nk->n", np.square(lam), chains.part[2])
        A = numbers[RSS] + squares / np.square(u)
        B = np.einsum("nk,nk->n", lam, chains.part[0]) / u
        if numbers[CONJUGATE] != 0.0:
            new = power_normal(rng, numbers[GIVEN], A, B)
        else:
            terms = (-numbers[GIVEN] - 1.0, -B, -1.0, -0.5 * A, -2.0)
            hyper = _coded(numbers[SIGMA_CODE:])
            new = np.exp(-slice_exponentials(terms, hyper, 0.0, -np.log(u), rng))
        r = (new / u)[:, None]
        chains.u[:] = new
        chains.v *= r
        chains.rest *= r
        _stretch(chains.part, r)

    def draw_scale(self, chains: Chains, k: int, rng: Random) -> None:
        """An unknown scale given b and σ."""
        block, part = self.blocks[k], chains.part
        unit = chains.u if self.absolute[k] else 1.0
        count, total = block[COUNT], part[0, :, k] / unit
        hyper = _coded(block[CODE:])
        if block[GAMMA] != 0.0 and np.all(total > 0.0):
            chains.log_scale[:, k] = half_t_scale(rng, count, total, *hyper[1:3])
        else:
            terms = (-count, -total, -1.0, -0.5 * part[2, :, k] / np.square(unit), -2.0)
            here = chains.log_scale[:, k]
            chains.log_scale[:, k] = slice_exponentials(terms, hyper, 0.0, here, rng)

    def interweave(self, chains: Chains, k: int, rng: Random) -> None:
        """Multiply a scale and its block of b by r, of density ∝ e^(−½ar² + cr) p(scale·r).

        c²/a is the same all along the move, so that what is done may depend on it: nothing, where
        the data fix r far better than b fixes the scale (Yu & Meng 2011, JCGS 20(3)).
        """
        block, span = self.blocks[k], self.spans[k]
        if len(self.spans) == 1:
            fit = chains.rest + chains.u[:, None] * self.columns[TARGET]
        else:
            fit = chains.v[:, span] @ self.root[span]
        own = np.einsum("np,np->n", fit, fit)
        cross = own - np.einsum("np,np->n", fit, chains.rest)
        fixed = np.where(cross > 0.0, cross, 0.0) / np.sqrt(np.maximum(own, 1e-300))
        rows = np.flatnonzero(~(np.square(fixed) > _FIXED * block[COUNT]))
        if not len(rows):
            return
        terms = (0.0, cross[rows], 1.0, -0.5 * own[rows], 2.0)
        hyper, width = _coded(block[CODE:]), np.maximum(1.0, 0.5 * fixed)
        shift, here = chains.log_scale[rows, k], np.zeros(len(rows))
        log_r = slice_exponentials(terms, hyper, shift, here, rng, WIDTH / width[rows])
        r = np.exp(log_r)[:, None]
        chains.log_scale[rows, k] += log_r
        chains.rest[rows] += (r - 1.0) * fit[rows]
        chains.v[rows, span] *= r
        part = chains.part[:, rows, k, None]
        _stretch(part, r)
        chains.part[:, rows, k] = part[..., 0]


def _stretch(part: Array, r: Array) -> None:
    """The sums of a block that is multiplied by r."""
    part *= r
    part[2] *= r


def _coded(row: Array) -> Hyper:
    """A hyperprior from the end of a row: its code, and its numbers."""
    code, first, second, third = row.tolist()
    return int(code), first, second, third
