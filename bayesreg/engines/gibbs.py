r"""Blocked Gibbs sampling for scale mixtures of normals, b_j = s·√t_j·z_j.

One iteration, each step exact for its conditional and in this order (compiled in `blocked`):

1. *σ, b | t, s* with b integrated out of σ's draw: one Cholesky factorisation. Where p reaches
   ν/2, or no collapsed density is known, the scale is drawn first with b and σ integrated out, or
   with σ carried along where its prior is not conjugate (`scales`).
2. *interweaving*: (b, s) → (r·b, r·s) with z and t held (Yu & Meng 2011, JCGS 20(3)).
3. *sweeps* over (t_j, b_j) | the other b, for half-Cauchy local scales and many columns.
4. *s | b, σ* with the local scales t integrated out.
5. *t | b, s, σ* at once after 4, as a partially collapsed sampler requires (van Dyk & Park 2008,
   JASA 103). The state is recorded here, where (b, σ, s, t) is a joint draw.

References: Park & Casella (2008), JASA 103; Johndrow, Orenstein & Bhattacharya (2020), "Scalable
approximate MCMC algorithms for the horseshoe prior", JMLR 21(73); Rajaratnam et al. (2019),
arXiv:1509.03697, on why σ is drawn with b integrated out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.engines.chains import Output
from bayesreg.engines.kernel import Markov
from bayesreg.engines.loops import tables
from bayesreg.engines.loops.arrays import BLOCK, FACTS, GROUP
from bayesreg.engines.loops.blocked import run
from bayesreg.engines.loops.local_laws import LAWS
from bayesreg.engines.starts import profile
from bayesreg.language.arguments import Array
from bayesreg.model.pseudo_data import PseudoData
from bayesreg.priors import HyperPrior, ScaleMixture

if TYPE_CHECKING:
    from bayesreg.model.blocks import Block
    from bayesreg.model.problem import Problem

Records = NDArray[Any]
_MANY = 60  # columns from which a scan over them pays: it costs more than it gains at 50
NAME = "gibbs"


def supports(problem: Problem) -> str | None:
    """None where the engine applies, else the reason in words.

    Parameters
    ----------
    problem : Problem
        Needs scale mixtures of normals: every prior here but Flat, or a mapping of them.
    """
    for block in problem.blocks:
        if not isinstance(block.prior, ScaleMixture):
            return (
                f"it needs scale mixtures of normals, and {type(block.prior).__name__} on "
                f"{block.label!r} is none"
            )
    if problem.p == 0:
        return "it needs a column with a proper prior"
    return None


@dataclass(frozen=True, eq=False)
class Setup:
    """What every iteration needs; `order` is where each sampled column stands in the problem."""

    data: tuple[Array, Array, Array, Array, Array]  # X', y, gram, X'y, G_jj
    fixed: tuple[Array, tuple[Array, Array]]  # relative factors and tables
    blocks: Records
    groups: Records
    facts: Records
    order: NDArray[np.intp]
    hypers: tuple[HyperPrior | None, ...]
    sigma_prior: HyperPrior | None
    start: tuple[float, float]  # type-II log scale ÷ σ, and log σ

    @property
    def size(self) -> int:
        """Rows of the matrix that is factored."""
        p, m = self.data[0].shape
        return int(min(m, p))

    @property
    def elaborate(self) -> bool:
        """Whether more is needed than the plain steps."""
        more, facts = [LAWS[name] for name in ("slab", "dirichlet", "tabulated")], self.facts[0]
        return bool(np.isin(self.blocks["law"], more).any() or facts["crowded"] or facts["sweeps"])


@dataclass(frozen=True, eq=False)
class State:
    """A chain's state, and the memory that its iterations share; changed in place."""

    work: tuple[Array, Array, Array, Array, Array]  # b, prior sds, factor, core, w
    rest: Array | None  # memory for what only some problems need
    blocks: Records
    groups: Records
    facts: Records


class Gibbs(Markov):
    """The sampler described at the head of this module."""

    @property
    def tune(self) -> int:
        """500: chains start at type-II estimates and forget their start in tens of iterations."""
        return 500

    def prepare(self, problem: Problem) -> Setup:
        """Compress the data, put columns in the order of their blocks, and find where to start."""
        pseudo = problem.quadratic.rows
        order = np.concatenate([block.columns[_grouped(block)] for block in problem.blocks])
        same = np.array_equal(order, np.arange(problem.p))
        xt = np.ascontiguousarray((pseudo.x if same else pseudo.x[:, order]).T)
        y = np.ascontiguousarray(pseudo.y)
        narrow = xt.shape[1] >= xt.shape[0]
        blocks, groups, known = _records(problem.blocks)
        facts = _facts(problem, pseudo, blocks, narrow=narrow)
        relative = [block.relative[_grouped(block)] for block in problem.blocks]
        return Setup(
            data=(
                xt,
                y,
                xt @ xt.T if narrow else np.empty((0, 0)),
                xt @ y if narrow else np.empty(0),
                np.einsum("ij,ij->i", xt, xt),
            ),
            fixed=(np.concatenate(relative), known),
            blocks=blocks,
            groups=groups,
            facts=facts,
            order=order,
            hypers=tuple(block.hyper for block in problem.blocks),
            sigma_prior=problem.sigma_prior,
            start=profile(pseudo, problem.sigma),
        )

    def seconds(self, setup: Setup) -> float:
        """A few microseconds, and the factorisations at a few GFLOP/s."""
        p, m = setup.data[0].shape
        forming = p * p if m >= p else 2 * m * m * p
        factorisations = 1 + 4 * int(setup.facts["crowded"][0])
        return 3e-6 + float(factorisations * setup.size**3 / 3 + forming + 8 * m * p) / 4e9

    def start(self, setup: Setup, rng: np.random.Generator) -> State:
        """Type-II estimates, over-dispersed; prior draws where the data or the prior say so."""
        relative_scale, log_sigma = setup.start
        blocks, facts, prior = setup.blocks.copy(), setup.facts.copy(), setup.sigma_prior
        if prior is not None:
            log_sigma += 0.1 * rng.standard_normal()
            if not math.isfinite(prior.log_density_of_log(log_sigma)):
                log_sigma = math.log(float(prior.sample(rng, 1)[0]))
        facts["log_sigma"] = log_sigma
        for one, hyper in zip(blocks, setup.hypers, strict=True):
            if hyper is None:
                continue
            trial = relative_scale + (log_sigma if one["absolute"] else 0.0)
            trial += 0.5 * rng.standard_normal()
            if not math.isfinite(hyper.log_density_of_log(trial)):
                trial = math.log(float(hyper.sample(rng, 1)[0]))
            one["log_scale"] = trial
        p, size = len(setup.order), setup.size
        square = (size, size)
        work = (
            np.zeros(p),
            np.empty(p),
            np.empty(square),
            np.empty(square),
            np.empty(size),
        )
        rest = np.empty(size) if setup.elaborate else None
        return State(work, rest, blocks, setup.groups.copy(), facts)

    def advance(
        self, setup: Setup, state: State, rng: np.random.Generator, count: int
    ) -> tuple[State, Output]:
        """Iterate and record b, σ, scale and κ."""
        p, unknown = len(setup.order), int(setup.blocks["unknown"].max()) + 1
        b, kappa = np.empty((count, p)), np.empty((count, p))
        sigma, scale = np.empty(count), np.empty((count, unknown))
        facts = setup.facts.copy()  # the data are the setup's, σ is the chain's
        facts["log_sigma"] = state.facts["log_sigma"]
        state.facts[:] = facts
        run(
            setup.data,
            setup.fixed,
            state.work,
            state.blocks,
            state.groups,
            state.facts[0],
            setup.order,
            (b, sigma, scale, kappa),
            state.rest,
            rng,
        )
        return state, {"b": b, "sigma": sigma, "scale": scale, "kappa": kappa}


def _grouped(block: Block) -> NDArray[np.intp]:
    """The columns of a block with each group's beside each other."""
    return np.argsort(block.group, kind="stable")


def _records(blocks: tuple[Block, ...]) -> tuple[Records, Records, tuple[Array, Array]]:
    """Blocks, groups, and the tables of their collapsed densities and of their laws."""
    records, sizes = np.zeros(len(blocks), BLOCK), [block.sizes for block in blocks]
    place, densities = tables.collapsed(blocks)
    records["table"], laws = tables.laws(blocks)
    groups = np.zeros(len(place), GROUP)
    groups["stop"] = np.cumsum(np.concatenate(sizes))
    groups["start"][1:] = groups["stop"][:-1]
    groups["table"], groups["t"] = place, 1.0
    unknown = column = group = 0
    for one, block, size in zip(records, blocks, sizes, strict=True):
        prior = block.prior
        assert isinstance(prior, ScaleMixture)
        one["law"] = LAWS[prior.mixing.law]
        one["first"], one["second"] = (*prior.mixing.parameters, 0.0, 0.0)[:2]
        one["code"], one["hyper_first"], one["hyper_second"] = tables.hyper(block.hyper)
        one["unknown"] = unknown if block.scale is None else -1
        one["absolute"] = prior.unit == "y"
        one["start"], one["stop"] = column, column + len(block.columns)
        one["group_start"], one["group_stop"] = group, group + len(size)
        one["log_scale"] = math.log(block.scale or 1.0)
        if prior.mixing.law == "slab":
            one["log_slab"] = 2.0 * math.log(one["first"])
        if prior.mixing.law == "dirichlet":
            groups["t"][group : group + len(size)] = 1.0 / len(size)
        unknown += block.scale is None
        column, group = one["stop"], one["group_stop"]
    return records, groups, (densities, laws)


def _facts(problem: Problem, pseudo: PseudoData, blocks: Records, *, narrow: bool) -> Records:
    """What is said of the whole."""
    facts, prior = np.zeros(1, FACTS), problem.sigma_prior
    crowded, absolute = 2 * problem.p >= problem.nu, bool(blocks["absolute"].any())
    conjugate = None if prior is None else prior.inverse_gamma
    facts["nu"], facts["rss"], facts["yy"] = pseudo.nu, pseudo.rss, pseudo.y @ pseudo.y
    facts["known"], facts["conjugate"] = prior is None, conjugate is not None
    facts["shape"], facts["rate"] = conjugate or (0.0, 0.0)
    facts["code"], facts["first"], facts["second"] = tables.hyper(prior)
    facts["crowded"], facts["absolute"] = crowded, absolute
    slab = bool(np.any(blocks["law"] == LAWS["slab"]))
    many = problem.p >= _MANY and bool(np.any(blocks["law"] == LAWS["half_cauchy"]))
    facts["sweeps"] = int(many or slab) * (1 if narrow else 2)
    return facts


KERNEL = Gibbs()
