r"""Blocked Gibbs sampling for scale mixtures of normals, b_j = s·√t_j·z_j.

One iteration, each step exact for its conditional and in this order (compiled in `loops.blocked`):

1. *σ, b | t, s* with b integrated out of σ's draw: one Cholesky factorisation. Where p reaches
   ν/2, or no collapsed density is known, the scale is drawn first with b and σ integrated out, or
   with σ carried along where its prior is not conjugate (`loops.scales`).
2. *interweaving*: (b, s) → (r·b, r·s) with z and t held (Yu & Meng 2011, JCGS 20(3)).
3. *sweeps* over (t_j, b_j) | the other b, for half-Cauchy local scales and many columns.
4. *s | b, σ* with the local scales t integrated out.
5. *t | b, s, σ* at once after 4, as a partially collapsed sampler requires (van Dyk & Park 2008,
   JASA 103). The state is recorded here, where (b, σ, s, t) is a joint draw.

Under a likelihood that is normal given latent weights ω, these are drawn first, given η; the steps
above then serve the quadratic that they make, and β₀ and Flat columns follow (`_advance_latent`).

References: Park & Casella (2008), JASA 103; Johndrow, Orenstein & Bhattacharya (2020), "Scalable
approximate MCMC algorithms for the horseshoe prior", JMLR 21(73); Rajaratnam et al. (2019),
arXiv:1509.03697, on why σ is drawn with b integrated out.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.engines.chains import Output
from bayesreg.engines.kernel import Markov, Needs
from bayesreg.engines.loops import tables
from bayesreg.engines.loops.arrays import BLOCK, FACTS, GROUP, LAWS
from bayesreg.engines.starts import profile
from bayesreg.language.arguments import Array
from bayesreg.likelihoods import ConstantCurvature, NormalMixture
from bayesreg.model.pseudo_data import PseudoData
from bayesreg.priors import HyperPrior, ScaleMixture

if TYPE_CHECKING:
    from bayesreg.model.blocks import Block
    from bayesreg.model.loss import Loss
    from bayesreg.model.problem import Problem

Records = NDArray[Any]
_MANY = 60  # columns from which a scan over them pays: it costs more than it gains at 50
NAME = "gibbs"


def _unfit(problem: Problem) -> str | None:
    """What types cannot say."""
    if problem.p == 0:
        return "it needs a column with a proper prior"
    if isinstance(problem.likelihood, NormalMixture):
        assert problem.design is not None
        return problem.likelihood.why_not_augmented(problem.design.weights)
    return None


supports = Needs((ConstantCurvature, NormalMixture), (ScaleMixture,), _unfit)


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


@dataclass(frozen=True, eq=False)
class Augmented:
    """What every iteration needs under a likelihood that is normal given latent weights ω."""

    problem: Problem
    given: Setup  # of the quadratic at b = 0: all but its data serve those of any ω


@dataclass(frozen=True, eq=False)
class Latent:
    """A chain under such a likelihood: the state given ω, and η (n,), of which ω is drawn."""

    given: State
    eta: Array


class Gibbs(Markov):
    """The sampler described at the head of this module."""

    @property
    def tune(self) -> int:
        """500: chains start at type-II estimates and forget their start in tens of iterations."""
        return 500

    def prepare(self, problem: Problem) -> Setup | Augmented:
        """What every iteration needs; under latent weights, beside what changes with them."""
        if problem.exact:
            return self._given(problem)
        return Augmented(problem, self._given(problem.at_zero))

    def _given(self, problem: Problem) -> Setup:
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

    def seconds(self, setup: Setup | Augmented) -> float:
        """A few microseconds, and the factorisations at a few GFLOP/s."""
        if isinstance(setup, Augmented):
            n, p = setup.problem.loss.proper.shape
            return float(4e-4 + 3e-7 * n + n * p * p / 4e9) + self.seconds(setup.given)
        p, m = setup.data[0].shape
        forming = p * p if m >= p else 2 * m * m * p
        factorisations = 1 + 4 * int(setup.facts["crowded"][0])
        return 3e-6 + float(factorisations * setup.size**3 / 3 + forming + 8 * m * p) / 4e9

    def start(self, setup: Setup | Augmented, rng: np.random.Generator) -> State | Latent:
        """Type-II estimates, over-dispersed; prior draws where the data or the prior say so."""
        if isinstance(setup, Augmented):
            loss, given = setup.problem.loss, setup.given
            width = 1.0 / np.sqrt(np.maximum(given.data[4], np.finfo(float).tiny))
            b = np.zeros(len(given.order))
            b[given.order] = np.minimum(width, 1.0) * rng.standard_normal(len(b))
            state = self.start(given, rng)
            assert isinstance(state, State)
            return Latent(state, loss.at(b).eta.copy())
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
        self, setup: Setup | Augmented, state: Any, rng: np.random.Generator, count: int
    ) -> tuple[Any, Output]:
        """Iterate and record b, σ, scale and κ."""
        from bayesreg.engines.loops.blocked import run

        if isinstance(setup, Augmented):
            return _advance_latent(setup, state, rng, count)
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


def _advance_latent(
    setup: Augmented, state: Latent, rng: np.random.Generator, count: int
) -> tuple[Latent, Output]:
    """ω | η, then (b, scales | ω) as under a Gaussian, then β₀ and Flat columns | b, ω.

    b is drawn with β₀ and the Flat columns integrated out, so that the two draws are one of all.
    """
    loss, given = setup.problem.loss, setup.given
    theta, blocks = loss.theta, []
    free = np.empty((count, loss.free.shape[1]))
    for i in range(count):
        likelihood: Any = loss.likelihood
        omega, z = likelihood.augment(rng, loss.y, state.eta, theta, loss.weights)
        projected = _Projected.of(loss, omega, z, wide=not len(given.data[2]))
        data, facts = projected.data(given.order), given.facts.copy()
        facts["yy"], facts["rss"] = data[1] @ data[1], 0.0
        one = dataclasses.replace(given, data=data, facts=facts)
        _, out = KERNEL.advance(one, state.given, rng, 1)
        free[i] = projected.draw_free(out["b"][0], rng)
        state.eta[:] = loss.free @ free[i] + loss.proper @ (out["b"][0] + loss.loc)
        blocks.append(out)
    found = {name: np.concatenate([one[name] for one in blocks]) for name in blocks[0]}
    beta, intercept = setup.problem.restore_free(found.pop("b"), free)
    return state, found | {"beta": beta, "intercept": intercept}


@dataclass(frozen=True, eq=False)
class _Projected:
    """½Σω(z − Fγ − Zb)² with γ projected out: products (n ≥ p) or rows (p > n) of b's part."""

    rows: Array | None  # √ω(Z − FB), p > n
    y: Array
    gram: Array
    xy: Array
    onto: tuple[Array, Array, Array]  # B, γ at b = 0, and the Cholesky factor of F'ωF

    @classmethod
    def of(cls, loss: Loss, omega: Array, z: Array, *, wide: bool) -> _Projected:
        z = z - loss.proper @ loss.loc if np.any(loss.loc) else z
        weighted = loss.free * omega[:, None]
        lower = np.linalg.cholesky(weighted.T @ loss.free)
        both = np.linalg.solve(lower, np.column_stack([weighted.T @ loss.proper, weighted.T @ z]))
        along = np.linalg.solve(lower.T, both)
        onto = (along[:, :-1], along[:, -1], lower)
        root = np.sqrt(omega)
        if wide:
            rows = root[:, None] * (loss.proper - loss.free @ onto[0])
            return cls(rows, root * (z - loss.free @ onto[1]), np.empty((0, 0)), np.empty(0), onto)
        scaled = root[:, None] * loss.proper
        gram = scaled.T @ scaled - both[:, :-1].T @ both[:, :-1]
        xy = scaled.T @ (root * z) - both[:, :-1].T @ both[:, -1]
        return cls(None, np.empty(0), gram, xy, onto)

    def data(self, order: NDArray[np.intp]) -> tuple[Array, Array, Array, Array, Array]:
        """X', y, gram, X'y and G_jj in the order of the sampler."""
        if self.rows is not None:
            xt = np.ascontiguousarray(self.rows.T[order])
            return xt, self.y, self.gram, self.xy, np.einsum("ij,ij->i", xt, xt)
        gram = np.ascontiguousarray(self.gram[np.ix_(order, order)])
        xy = np.ascontiguousarray(self.xy[order])
        compressed = PseudoData.of_products(gram, xy, 0.0, 0.0)
        xt = np.ascontiguousarray(compressed.x.T)
        return xt, np.ascontiguousarray(compressed.y), gram, xy, np.diagonal(gram).copy()

    def draw_free(self, b: Array, rng: np.random.Generator) -> Array:
        """γ | b, ω."""
        along, at_zero, lower = self.onto
        if not len(lower):
            return np.zeros(0)
        noise = np.linalg.solve(lower.T, rng.standard_normal(len(lower)))
        return np.asarray(at_zero - along @ b + noise)


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
