r"""Blocked Gibbs sampling for scale mixtures of normals, b_j = s·√t_j·z_j.

One iteration, each step exact for its conditional and in this order:

1. *σ, b | t, s* with b integrated out of σ's draw: one Cholesky factorisation (`conditional`).
   Where p reaches ν/2 the scale is drawn first, from its density with b and σ integrated out.
2. *interweaving*: (b, s) → (r·b, r·s) with z and t held (Yu & Meng 2011, JCGS 20(3)).
3. *s | b, σ* with the local scales t integrated out.
4. *t | b, s, σ* at once after 3, as a partially collapsed sampler requires (van Dyk & Park 2008,
   JASA 103). The state is recorded here, where (b, σ, s, t) is a joint draw.

References: Park & Casella (2008), JASA 103; Johndrow, Orenstein & Bhattacharya (2020), "Scalable
approximate MCMC algorithms for the horseshoe prior", JMLR 21(73); Rajaratnam et al. (2019),
arXiv:1509.03697, on why σ is drawn with b integrated out.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bayesreg.engines.chains import Output
from bayesreg.engines.conditional import Data
from bayesreg.engines.kernel import Markov
from bayesreg.engines.pseudodata import PseudoData
from bayesreg.engines.spectrum import profile
from bayesreg.engines.sweep import Part, Setup, State, integrated, iterate, sds
from bayesreg.priors import ScaleMixture

if TYPE_CHECKING:
    from bayesreg.model import Problem

Array = NDArray[np.float64]
NAME = "gibbs"


def supports(problem: Problem) -> str | None:
    """None where the engine applies, else the reason in words.

    Parameters
    ----------
    problem : Problem
        Needs scale mixtures of normals: Normal, Laplace, ElasticNet, Horseshoe, or a mapping.
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


class Gibbs(Markov):
    """The sampler described at the head of this module."""

    @property
    def tune(self) -> int:
        """500: chains start at type-II estimates and forget their start in tens of iterations."""
        return 500

    def prepare(self, problem: Problem) -> Setup:
        """Compress the data and estimate where to start."""
        data = PseudoData.of(problem)
        blocks, unknown = [], 0
        for block in problem.blocks:
            prior = block.prior
            assert isinstance(prior, ScaleMixture)
            whole = len(block.columns) == problem.p
            blocks.append(
                Part(
                    prior,
                    slice(None) if whole else block.columns,
                    block.relative if np.ptp(block.relative) else block.relative[:1],
                    prior.unit == "y",
                    0.0 if block.scale is None else math.log(block.scale),
                    block.hyper,
                    unknown,
                )
            )
            unknown += block.scale is None
        absolute = any(block.absolute for block in blocks)
        crowded, total, sigma_prior = 2 * problem.p >= problem.nu, None, problem.sigma_prior
        if crowded and unknown and sigma_prior is not None and not absolute:
            total = integrated(sigma_prior, problem.nu, data.rss + float(data.y @ data.y))
        return Setup(
            data=Data.of(data),
            blocks=tuple(blocks),
            unknown=tuple(block for block in blocks if block.hyper is not None),
            nu=problem.nu,
            sigma=problem.sigma,
            sigma_prior=sigma_prior,
            conjugate=None if sigma_prior is None or absolute else sigma_prior.inverse_gamma,
            crowded=crowded,
            integrated=total,
            absolute=absolute,
            start=profile(data, problem.sigma),
            information=np.square(data.norms),
        )

    def seconds(self, setup: Setup) -> float:
        """About 200 µs of Python, and the factorisations at a few GFLOP/s."""
        m, p = setup.data.x.shape
        narrow = setup.data.gram is not None
        flops = float(p**3 / 3 + 4 * p**2 if narrow else m * m * p + m**3 / 3)
        factorisations = 1 + 5 * (int(setup.absolute) + int(setup.crowded) * len(setup.unknown))
        return 2e-4 + factorisations * (3e-5 + flops / 4e9)

    def start(self, setup: Setup, rng: np.random.Generator) -> State:
        """Type-II estimates, over-dispersed; prior draws where the data or the prior say so."""
        relative_scale, log_sigma = setup.start
        log_sigma += 0.1 * rng.standard_normal()
        prior = setup.sigma_prior
        if setup.sigma is not None:
            log_sigma = math.log(setup.sigma)
        elif prior is not None and not math.isfinite(prior.log_density_of_log(log_sigma)):
            log_sigma = math.log(float(prior.sample(rng, 1)[0]))
        log_scale = np.empty(len(setup.unknown))
        for block in setup.unknown:
            assert block.hyper is not None
            trial = relative_scale + (log_sigma if block.absolute else 0.0)
            trial += 0.5 * rng.standard_normal()
            if not math.isfinite(block.hyper.log_density_of_log(trial)):
                trial = math.log(float(block.hyper.sample(rng, 1)[0]))
            log_scale[block.index] = trial
        p = setup.data.x.shape[1]
        return State(np.zeros(p), log_sigma, log_scale, np.ones(p))

    def advance(
        self, setup: Setup, state: State, rng: np.random.Generator, count: int
    ) -> tuple[State, Output]:
        """Iterate and record b, σ, scale and κ."""
        p = len(state.t)
        out = {
            "b": np.empty((count, p)),
            "sigma": np.empty(count),
            "scale": np.empty((count, len(setup.unknown))),
        }
        sd = np.empty((count, p))
        # What overflows is met by a QR that squares nothing (`conditional`), or is no density.
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            for i in range(count):
                state = iterate(setup, state, rng)
                out["b"][i] = state.b
                out["sigma"][i] = math.exp(state.log_sigma)
                out["scale"][i] = np.exp(state.log_scale)
                sd[i] = sds(setup, state.log_scale, state.t, state.log_sigma)
            out["kappa"] = 1.0 / (1.0 + setup.information * np.square(sd))
        return state, out


KERNEL = Gibbs()
