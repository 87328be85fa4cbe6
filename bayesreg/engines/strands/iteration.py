r"""One iteration of engine gibbs, for many chains side by side; see that module for its steps.

The steps are those of `loops.blocked` and `loops.scales`, on arrays with a row for each chain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.engines.loops.arrays import (
    CONSTANT,
    DIRICHLET,
    EXPONENTIAL,
    HALF_CAUCHY,
    INVERSE_GAMMA,
    SLAB,
    SMALL,
    STABLE,
    TABLE_LOW,
    TABLE_STEP,
    TABULATED,
    WIDTH,
)
from bayesreg.engines.strands.coupled import draw_shares, draw_slab, scale_of_shares
from bayesreg.engines.strands.linear import Data, Factor, draw, factor, fit_of_block
from bayesreg.engines.strands.local_laws import draw_local
from bayesreg.engines.strands.scans import Scan
from bayesreg.engines.strands.slices import (
    Hyper,
    Terms,
    cubics,
    interpolate,
    log_hyper,
    shrink,
    slice_exponentials,
)
from bayesreg.language.arguments import Array

Random = np.random.Generator
Records = NDArray[Any]


@dataclass(eq=False)
class State:
    """Where n chains are, in place: b (n, p), log σ (n,), log s and log c² (n, K), t (n, G)."""

    b: Array
    log_sigma: Array
    log_scale: Array
    log_slab: Array
    t: Array

    def copy(self) -> State:
        """As it is now."""
        arrays = (self.b, self.log_sigma, self.log_scale, self.log_slab, self.t)
        return State(*(one.copy() for one in arrays))


def _hyper(record: Any, of: str = "") -> Hyper:
    """The code and the numbers of a hyperprior, whose fields begin with `of`."""
    first, second, third = (float(record[f"{of}{k}"]) for k in ("first", "second", "third"))
    return int(record["code"]), first, second, third


@dataclass(frozen=True, eq=False)
class Block:
    """What the records say of one block."""

    law: int
    numbers: tuple[float, float]
    unknown: bool
    absolute: bool
    hyper: Hyper
    columns: slice
    groups: slice
    table: int

    @classmethod
    def of(cls, one: Any) -> Block:
        """Read a record."""
        return cls(
            int(one["law"]),
            (float(one["first"]), float(one["second"])),
            bool(one["unknown"] >= 0),
            bool(one["absolute"]),
            _hyper(one, "hyper_"),
            slice(int(one["start"]), int(one["stop"])),
            slice(int(one["group_start"]), int(one["group_stop"])),
            int(one["table"]),
        )


class Steps:
    """The steps for one model: what its records say, and the arrays that follow from them."""

    def __init__(self, blocks: Records, groups: Records, facts: Any, fixed: Any) -> None:
        self.blocks, self.facts = [Block.of(one) for one in blocks], facts
        self.relative, (densities, self.laws) = fixed
        self.splines = [cubics(table) for table in densities]
        self.first = groups["start"].astype(np.intp)
        self.sizes = (groups["stop"] - groups["start"]).astype(float)
        self.table = groups["table"].astype(np.intp)
        self.group_of = np.repeat(np.arange(len(groups)), groups["stop"] - groups["start"])
        counts = [one.groups.stop - one.groups.start for one in self.blocks]
        self.block_of = np.repeat(np.arange(len(counts)), np.array(counts, dtype=np.intp))
        self.absolute = np.array([one.absolute for one in self.blocks], dtype=bool)
        counts_of = [one.columns.stop - one.columns.start for one in self.blocks]
        self.in_sigma = np.repeat(~self.absolute, np.array(counts_of, dtype=np.intp))
        self.slabs = [k for k, one in enumerate(self.blocks) if one.law == SLAB]

    def iterate(self, data: Data, state: State, rng: Random) -> Array:
        """Advance in place; the prior sds of b ÷ σ at the end."""
        with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
            made = None
            for k in range(len(self.blocks) + 1):
                if self._needs_slice(k):
                    made = self._slice_without_b(k, data, state, rng)
            self._sigma_and_b(data, state, made, rng)
            self._interweave(data, state, rng)
            for _ in range(int(self.facts["sweeps"])):
                self._scan(data, state, rng)
            for k, one in enumerate(self.blocks):
                self.scale_and_locals(k, one, state, rng)
            return self.prior_sds(state)

    def prior_sds(self, state: State) -> Array:
        """Prior sds of b ÷ σ, given the local variances."""
        return self._sds(state.log_scale, state.log_sigma, state.log_slab, state.t)

    def _sds(self, log_scale: Array, log_sigma: Array, log_slab: Array, t: Array) -> Array:
        scale = np.exp(log_scale - self.absolute * log_sigma[:, None])
        own = scale[:, self.block_of] * np.sqrt(t)
        for k in self.slabs:
            groups = self.blocks[k].groups
            shift = self.absolute[k] * log_sigma - 0.5 * log_slab[:, k]
            own[:, groups] /= np.hypot(1.0, own[:, groups] * np.exp(shift)[:, None])
        return np.asarray(own[:, self.group_of] * self.relative)

    # --- σ and b -----------------------------------------------------------------------------

    def _sigma_and_b(self, data: Data, state: State, made: Factor | None, rng: Random) -> None:
        """σ, with b integrated out unless a scale is in the unit of y, and b."""
        facts, sd = self.facts, self.prior_sds(state)
        made = factor(data, sd) if made is None else made
        if not (facts["known"] or facts["absolute"]):
            self._sigma(state, float(facts["nu"]), made.s, rng)
        state.b[:] = draw(data, sd, made, np.exp(state.log_sigma), rng)
        if not facts["known"] and facts["absolute"] and not facts["crowded"]:
            total, count = np.zeros(len(sd)), 0.0
            for one in self.blocks:
                if not one.absolute:
                    z = state.b[:, one.columns] / np.maximum(sd[:, one.columns], SMALL)
                    total += np.square(z).sum(axis=1)
                    count += z.shape[1]
            total += data.squares_left(state.b)
            self._sigma(state, float(facts["nu"]) + count, total, rng)

    def _sigma(self, state: State, count: float, s: Array, rng: Random) -> None:
        """σ from σ^(−count) e^(−S/2σ²) p(σ)."""
        facts = self.facts
        if facts["conjugate"]:
            gammas = rng.standard_gamma(facts["shape"] + 0.5 * count, len(s))
            square = (facts["rate"] + 0.5 * s) / gammas
            state.log_sigma[:] = 0.5 * np.log(np.maximum(square, SMALL))
            return
        terms = (-count, -0.5 * s, -2.0, 0.0, 0.0)
        state.log_sigma[:] = slice_exponentials(
            terms, self._hyper_of_sigma, 0.0, state.log_sigma, rng
        )

    @property
    def _hyper_of_sigma(self) -> Hyper:
        return _hyper(self.facts)

    def _interweave(self, data: Data, state: State, rng: Random) -> None:
        """(b, s) → (rb, rs), block by block, with z and t held."""
        precision = np.exp(-2.0 * state.log_sigma)
        for k, one in enumerate(self.blocks):
            if not one.unknown or one.law == SLAB:
                continue
            own, cross = fit_of_block(data, state.b, one.columns)
            terms = (0.0, precision * cross, 1.0, -0.5 * precision * own, 2.0)
            shift, here = state.log_scale[:, k].copy(), np.zeros(len(own))
            # How far the data fix r is the same all along the move.
            fixed = np.maximum(cross, 0.0) / np.sqrt(np.maximum(own, SMALL))
            width = WIDTH / np.maximum(1.0, 0.5 * fixed * np.exp(-state.log_sigma))
            log_r = slice_exponentials(terms, one.hyper, shift, here, rng, width)
            state.log_scale[:, k] += log_r
            state.b[:, one.columns] *= np.exp(log_r)[:, None]

    def _scan(self, data: Data, state: State, rng: Random) -> None:
        """Redraw (t_j, b_j) given the other b, for columns alone under half-Cauchy local scales."""
        scan = Scan(data, state.b, np.exp(state.log_sigma))
        for k, one in enumerate(self.blocks):
            if one.law not in (HALF_CAUCHY, SLAB):
                continue
            shift = one.absolute * state.log_sigma
            scale = np.exp(state.log_scale[:, k] - shift)
            slab = np.exp(0.5 * state.log_slab[:, k] - shift)
            for g in range(one.groups.start, one.groups.stop):
                j = int(self.first[g])
                if self.sizes[g] == 1.0:
                    size, wide = scale * self.relative[j], slab * self.relative[j]
                    scan.column(j, one.law, size, wide, state.t[:, g], rng)

    # --- scales and local variances ----------------------------------------------------------

    def scale_and_locals(self, k: int, one: Block, state: State, rng: Random) -> None:
        """s | b, σ with the local variances integrated out, then t | b, s, σ."""
        shift = state.log_sigma * (not one.absolute)
        u = np.square(state.b[:, one.columns] / self.relative[one.columns])
        first, sizes = self.first[one.groups] - one.columns.start, self.sizes[one.groups]
        squares = u if len(first) == u.shape[1] else np.add.reduceat(u, first, axis=1)
        log_scale = state.log_scale[:, k]
        if one.law == SLAB:
            own = (log_scale, state.log_slab[:, k], state.t[:, one.groups])
            unit = np.exp(-2.0 * shift)[:, None]
            found = draw_slab(own, one.numbers, squares * unit, sizes, rng)
            state.t[:, one.groups], state.log_slab[:, k] = found
            return
        if one.law == DIRICHLET:
            x = 0.5 * np.exp(-2.0 * (log_scale + shift))[:, None] * squares
            t = draw_shares(state.t[:, one.groups], x, one.numbers[0], sizes, rng)
            state.t[:, one.groups] = t
            if one.unknown:
                half_p, total = 0.5 * float(sizes.sum()), (x / t).sum(axis=1)
                log_scale[:] = scale_of_shares(half_p, total, one.hyper, log_scale.copy(), rng)
            return
        if one.unknown:
            log_scale[:] = self._collapsed_scale(one, squares, log_scale + shift, shift, rng)
        if one.law != CONSTANT:
            x = squares * np.exp(-2.0 * (log_scale + shift))[:, None]
            state.t[:, one.groups] = self._locals(one, x, sizes, rng)

    def scale_of_slab(self, k: int, state: State, rng: Random) -> None:
        """s | b, t and c² of a block with a slab: what is collapsed over b where b is not given."""
        one, sigma = self.blocks[k], np.exp(state.log_sigma)[:, None]
        b = state.b[:, one.columns] / sigma

        def log_density(trial: Array, rows: Any) -> Array:
            log_scale = state.log_scale[rows].copy()
            log_scale[:, k] = trial
            state_of = (state.log_sigma[rows], state.log_slab[rows], state.t[rows])
            sd = self._sds(log_scale, *state_of)[:, one.columns]
            fit = np.log(sd) + 0.5 * np.square(b[rows] / sd)
            return np.asarray(log_hyper(one.hyper, trial) - fit.sum(axis=1))

        here = state.log_scale[:, k].copy()
        state.log_scale[:, k] = shrink(log_density, here, WIDTH, rng)

    def _locals(self, one: Block, x: Array, sizes: Array, rng: Random) -> Array:
        """t given ‖u‖²; a law that is known by a table alone is drawn by compiled code."""
        if one.law != TABULATED:
            return draw_local(one.law, *one.numbers, x, sizes, rng)
        from bayesreg.engines.loops.tabulated import draw_by_table

        return np.asarray(draw_by_table(self.laws[one.table], x, sizes, rng))

    def _collapsed_scale(
        self, one: Block, squares: Array, x: Array, shift: Array, rng: Random
    ) -> Array:
        """log s | b, σ with local variances integrated out; `squares` are ‖b/relative‖²."""
        columns, (first, second) = float(one.columns.stop - one.columns.start), one.numbers
        terms: Terms
        if one.law == EXPONENTIAL:
            linear = np.sqrt(squares).sum(axis=1)
            terms = (-columns, -first * linear, -1.0, -0.5 * second * squares.sum(axis=1), -2.0)
        elif one.law == CONSTANT:
            terms = (-columns, -0.5 * squares.sum(axis=1), -2.0, 0.0, 0.0)
        elif one.law == STABLE:
            terms = (-columns, -(np.sqrt(squares) ** first).sum(axis=1), -first, 0.0, 0.0)
        else:
            return self._summed_scale(one, squares, x, shift, rng) - shift
        return slice_exponentials(terms, one.hyper, -shift, x, rng) - shift

    def _summed_scale(
        self, one: Block, squares: Array, x: Array, shift: Array, rng: Random
    ) -> Array:
        """The same for laws whose density of each group's ‖u‖ is no power or exponential of it."""
        columns, df = float(one.columns.stop - one.columns.start), one.numbers[0]
        power, tables = 0.5 * (df + self.sizes[one.groups]), self.table[one.groups]
        student = one.law == INVERSE_GAMMA
        lengths = squares / df if student else 0.5 * np.log(np.maximum(squares, SMALL))
        parts = [(self.splines[i], np.flatnonzero(tables == i)) for i in np.unique(tables)]

        def log_density(trial: Array, rows: Any) -> Array:
            value = log_hyper(one.hyper, trial - shift[rows]) - columns * trial
            if student:
                near = np.log1p(lengths[rows] * np.exp(-2.0 * trial)[:, None])
                return np.asarray(value - near @ power)
            at = lengths[rows] - trial[:, None]
            for spline, groups in parts:
                part = at if len(parts) == 1 else at[:, groups]
                value += interpolate(spline, TABLE_LOW, TABLE_STEP, part).sum(axis=1)
            return value

        return shrink(log_density, x, WIDTH, rng)

    # --- with b integrated out ---------------------------------------------------------------

    def _needs_slice(self, k: int) -> bool:
        """Whether the scale of block k is drawn with b integrated out; σ after the last block."""
        facts = self.facts
        if k == len(self.blocks):
            return bool(facts["absolute"] and facts["crowded"] and not facts["known"])
        one = self.blocks[k]
        return one.unknown and bool(facts["crowded"] or one.law == SLAB)

    def _slice_without_b(self, k: int, data: Data, state: State, rng: Random) -> Factor | None:
        """Slice log s of block k, or log σ after the last, given t and with b integrated out.

        Returns the factor at the new values, or None where it is not known. See `loops.scales` on
        what σ does meanwhile.
        """
        target = _WithoutB(self, k, data, state)
        here = target.here
        new = shrink(target.log_density, here, WIDTH, rng, dear=True)
        if np.any(new == here):  # one that found nothing else
            target.log_density(new, slice(None))
        target.store(new)
        return Factor(*target.made)


class _WithoutB:
    """The density of log s of a block, or of log σ, with b integrated out."""

    def __init__(self, steps: Steps, k: int, data: Data, state: State) -> None:
        self.steps, self.k, self.data, self.state = steps, k, data, state
        facts, blocks = steps.facts, steps.blocks
        self.of_sigma = k == len(blocks)
        self.alone = len(blocks) == 1 and not self.of_sigma and blocks[0].law != SLAB
        self.here = (state.log_sigma if self.of_sigma else state.log_scale[:, k]).copy()
        fixed = self.of_sigma or facts["known"] or facts["absolute"] or facts["conjugate"]
        self.carried, self.log_sigma = not fixed, state.log_sigma.copy()
        self.core: Array | None = None
        self.ratio = np.zeros(0)  # −log S where it began
        self.made: tuple[Array, Array, Array] = (np.zeros(0),) * 3

    def log_density(self, trial: Array, rows: Any) -> Array:
        """At a trial for some chains; the factor there is kept."""
        state, data = self.state, self.data.take(rows)
        log_sigma, log_scale = state.log_sigma[rows].copy(), state.log_scale[rows].copy()
        if self.of_sigma:
            log_sigma = trial
        else:
            log_scale[:, self.k] = trial
        sd = self.steps._sds(log_scale, log_sigma, state.log_slab[rows], state.t[rows])
        if self.alone and self.core is not None:
            made = factor(data, sd, self.core[rows], np.exp(2.0 * (trial - self.here[rows])))
        else:
            core = data.core(sd)
            self.core = core if self.alone else None
            made = factor(data, sd, core, np.ones(len(sd)))
        log_s = np.log(np.maximum(made.s, SMALL))
        if not len(self.ratio):
            self.ratio, self.made = -log_s, (made.lower, made.w, made.s)
        else:
            for kept, part in zip(self.made, (made.lower, made.w, made.s), strict=True):
                kept[rows] = part
        if self.carried:
            log_sigma = log_sigma + 0.5 * (self.ratio[rows] + log_s)
            self.log_sigma[rows] = log_sigma
        value = self._log_fit(made.s, log_sigma)
        value -= np.log(np.einsum("nii->ni", made.lower)).sum(axis=1)
        if not self.of_sigma:
            value += log_hyper(self.steps.blocks[self.k].hyper, trial)
        return value

    def _log_fit(self, s: Array, x: Array) -> Array:
        """log σ^(−ν) e^(−S/2σ²) p(σ)σ at log σ = x, or its integral where σ is integrated out."""
        facts, out = self.steps.facts, not self.of_sigma
        if out and (facts["known"] or facts["absolute"]):
            return np.asarray(-0.5 * s * np.exp(-2.0 * x))
        if out and facts["conjugate"]:
            power = facts["shape"] + 0.5 * facts["nu"]
            return np.asarray(-power * np.log(np.maximum(facts["rate"] + 0.5 * s, SMALL)))
        value = -facts["nu"] * x - 0.5 * s * np.exp(-2.0 * x)
        if facts["conjugate"]:
            rest = 2.0 * facts["shape"] * x + facts["rate"] * np.exp(-2.0 * x)
            return np.asarray(value - rest)
        return np.asarray(value + log_hyper(self.steps._hyper_of_sigma, x))

    def store(self, new: Array) -> None:
        """Put the new values, and what σ became with them, where the chains are."""
        if self.of_sigma:
            self.state.log_sigma[:] = new
        else:
            self.state.log_scale[:, self.k] = new
        if self.carried:
            self.state.log_sigma[:] = self.log_sigma
