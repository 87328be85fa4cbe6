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

Under a likelihood that is normal given latent weights ω, its own unknowns are drawn given η with ω
integrated out, then ω; the steps above then serve the quadratic that it makes, σ once more among
them, and β₀ and Flat columns follow (`abreast`).

The iteration exists twice: compiled, and in NumPy with many chains side by side (`abreast`), which
serves what is over before the other would be compiled.

References: Park & Casella (2008), JASA 103; Johndrow, Orenstein & Bhattacharya (2020), "Scalable
approximate MCMC algorithms for the horseshoe prior", JMLR 21(73); Rajaratnam et al. (2019),
arXiv:1509.03697, on why σ is drawn with b integrated out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.engines import mixture
from bayesreg.engines.abreast import Abreast
from bayesreg.engines.chains import Output
from bayesreg.engines.kernel import Markov, Needs, SideBySide
from bayesreg.engines.mixture import Augmented, Records, Setup
from bayesreg.language.arguments import Array
from bayesreg.likelihoods import ConstantCurvature, NormalMixture
from bayesreg.priors import ScaleMixture

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem

NAME = "gibbs"


def _unfit(problem: Problem) -> str | None:
    """What types cannot say."""
    if problem.p == 0:
        return "it needs a column with a proper prior"
    if isinstance(problem.likelihood, NormalMixture):
        assert problem.design is not None
        facts = problem.design.known.facts(-1)
        return problem.likelihood.why_not_augmented(problem.design.weights, facts)
    return None


supports = Needs((ConstantCurvature, NormalMixture), (ScaleMixture,), _unfit)


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

    compiling = 30.0

    @property
    def tune(self) -> int:
        """500: chains start at type-II estimates and forget their start in tens of iterations."""
        return 500

    def prepare(self, problem: Problem) -> Setup | Augmented:
        """What every iteration needs."""
        return mixture.prepare(problem)

    def ready(self, setup: Setup) -> None:
        """Compile, or load what was compiled before, by no iterations at all."""
        self.advance(
            setup, self.start(setup, np.random.default_rng(0)), np.random.default_rng(0), 0
        )

    def twin(self, setup: Any) -> SideBySide:
        """The same iteration in NumPy."""
        del setup
        return TWIN

    def seconds(self, setup: Setup | Augmented) -> float:
        """Microseconds, and the factorisations at a few GFLOP/s; ∞ where NumPy alone serves."""
        if isinstance(setup, Augmented):
            return math.inf
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
        self, setup: Setup, state: Any, rng: np.random.Generator, count: int
    ) -> tuple[Any, Output]:
        """Iterate and record b, σ, scale and κ."""
        from bayesreg.engines.loops.blocked import run

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


TWIN, KERNEL = Abreast(), Gibbs()
