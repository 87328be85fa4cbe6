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
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bayesreg.engines.chains import Output
from bayesreg.engines.conditional import Conditional, Data
from bayesreg.engines.kernel import Markov
from bayesreg.engines.pseudodata import PseudoData
from bayesreg.engines.slice import slice_sample
from bayesreg.engines.spectrum import profile
from bayesreg.priors import HyperPrior, ScaleMixture

if TYPE_CHECKING:
    from bayesreg.model import Problem

Array = NDArray[np.float64]
NAME = "gibbs"

_WIDTH = 2.5  # of a slice on a log scale (ALGORITHMS: 2–3, shrinkage only)
_BOUND = 300.0  # |log scale| beyond which nothing is looked for


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


@dataclass(frozen=True, eq=False)
class _Block:
    """A block as the sampler uses it; `index` is its place among the unknown scales."""

    prior: ScaleMixture
    columns: slice | NDArray[np.intp]
    relative: Array
    absolute: bool
    log_scale: float
    hyper: HyperPrior | None
    index: int


@dataclass(frozen=True, eq=False)
class Setup:
    """What every iteration needs."""

    data: Data
    blocks: tuple[_Block, ...]
    unknown: tuple[_Block, ...]
    nu: float
    sigma: float | None
    sigma_prior: HyperPrior | None
    conjugate: tuple[float, float] | None  # (a, b) where σ² integrates out with b
    crowded: bool  # p ≥ ν/2: scales are drawn with b integrated out
    absolute: bool  # some block's scale is in the unit of y
    start: tuple[float, float]  # type-II log scale ÷ σ, and log σ
    information: Array  # G_jj


@dataclass(frozen=True, eq=False)
class State:
    """Where a chain is; b and log_scale of unknown blocks, t the local variances."""

    b: Array
    log_sigma: float
    log_scale: Array
    t: Array


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
                _Block(
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
        prior = problem.sigma_prior
        return Setup(
            data=Data.of(data),
            blocks=tuple(blocks),
            unknown=tuple(block for block in blocks if block.hyper is not None),
            nu=problem.nu,
            sigma=problem.sigma,
            sigma_prior=prior,
            conjugate=None if prior is None or absolute else prior.inverse_gamma,
            crowded=2 * problem.p >= problem.nu,
            absolute=absolute,
            start=profile(data, problem.sigma),
            information=np.square(data.norms),
        )

    def seconds(self, setup: Setup) -> float:
        """About 200 µs of Python, and the factorisations at a few GFLOP/s."""
        m, p = setup.data.x.shape
        flops = p**3 / 3 + 4 * p**2 if setup.data.gram is not None else m * m * p + m**3 / 3
        factorisations = 1 + 5 * (setup.absolute + setup.crowded * len(setup.unknown))
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
        for i in range(count):
            state = _iterate(setup, state, rng)
            out["b"][i] = state.b
            out["sigma"][i] = math.exp(state.log_sigma)
            out["scale"][i] = np.exp(state.log_scale)
            sd[i] = _sds(setup, state.log_scale, state.t, state.log_sigma)
        with np.errstate(over="ignore"):
            out["kappa"] = 1.0 / (1.0 + setup.information * np.square(sd))
        return state, out


KERNEL = Gibbs()


def _iterate(setup: Setup, state: State, rng: np.random.Generator) -> State:
    """One iteration; see the module."""
    log_scale, t, log_sigma = state.log_scale, state.t, state.log_sigma
    if setup.crowded:
        for block in setup.unknown:
            log_scale = _block_scale(setup, block, log_scale, t, log_sigma, rng)
    log_sigma, conditional = _draw_sigma(setup, log_scale, t, log_sigma, rng)
    b = conditional.draw(math.exp(log_sigma), rng)
    log_scale, t = log_scale.copy(), t.copy()
    for block in setup.unknown:
        _interweave(setup, block, b, log_scale, log_sigma, rng)
        _collapsed_scale(block, b, log_scale, log_sigma, rng)
    for block in setup.blocks:
        ratio = b[block.columns] / (block.relative * math.exp(_log_unit(block, log_scale, log_sigma)))
        t[block.columns] = block.prior.draw_local(np.square(ratio), rng)
    return State(b, log_sigma, log_scale, t)


def _log_unit(block: _Block, log_scale: Array, log_sigma: float) -> float:
    """Log of a block's scale in the unit of b."""
    own = block.log_scale if block.hyper is None else float(log_scale[block.index])
    return own if block.absolute else own + log_sigma


def _sds(setup: Setup, log_scale: Array, t: Array, log_sigma: float) -> Array:
    """Prior sds of b ÷ σ, given the local variances."""
    sd = np.sqrt(t)
    for block in setup.blocks:
        sd[block.columns] *= block.relative * math.exp(
            _log_unit(block, log_scale, log_sigma) - log_sigma
        )
    return sd


def _draw_sigma(
    setup: Setup, log_scale: Array, t: Array, log_sigma: float, rng: np.random.Generator
) -> tuple[float, Conditional]:
    """log σ with b integrated out, and the conditional of b at it."""
    prior, nu = setup.sigma_prior, setup.nu
    if prior is not None and setup.absolute:
        found: dict[float, Conditional] = {}

        def collapsed(x: float) -> float:
            found[x] = one = setup.data.given(_sds(setup, log_scale, t, x))
            body = -nu * x - 0.5 * one.s * math.exp(-2.0 * x) - one.half_log_det
            return body + prior.log_density_of_log(x)

        width = 2.0 if setup.crowded else min(max(10.0 / math.sqrt(2.0 * nu), 0.1), 2.0)
        log_sigma = slice_sample(_bounded(collapsed), log_sigma, width, rng)
        return log_sigma, found[log_sigma]
    conditional = setup.data.given(_sds(setup, log_scale, t, log_sigma))
    if prior is None:
        return log_sigma, conditional
    if setup.conjugate is not None:
        a, b = setup.conjugate
        square = (b + 0.5 * conditional.s) / rng.standard_gamma(a + 0.5 * nu)
        return 0.5 * math.log(square), conditional

    def given(x: float) -> float:
        return -nu * x - 0.5 * conditional.s * math.exp(-2.0 * x) + prior.log_density_of_log(x)

    return slice_sample(_bounded(given), log_sigma, 2.0, rng), conditional


def _block_scale(
    setup: Setup,
    block: _Block,
    log_scale: Array,
    t: Array,
    log_sigma: float,
    rng: np.random.Generator,
) -> Array:
    """log s given t, with b integrated out, and σ too where that is conjugate."""
    trial = log_scale.copy()
    hyper = block.hyper
    assert hyper is not None

    def log_density(x: float) -> float:
        trial[block.index] = x
        one = setup.data.given(_sds(setup, trial, t, log_sigma))
        if setup.conjugate is not None:
            a, b = setup.conjugate
            body = -(a + 0.5 * setup.nu) * math.log(b + 0.5 * one.s)
        else:
            body = -0.5 * one.s * math.exp(-2.0 * log_sigma)
        return body - one.half_log_det + hyper.log_density_of_log(x)

    x = slice_sample(_bounded(log_density), float(log_scale[block.index]), _WIDTH, rng)
    trial[block.index] = x
    return trial


def _interweave(
    setup: Setup,
    block: _Block,
    b: Array,
    log_scale: Array,
    log_sigma: float,
    rng: np.random.Generator,
) -> None:
    """Scale a block's b and s together by r, in place."""
    x = setup.data.x
    fit = x @ b
    own = fit if b[block.columns].size == b.size else x[:, block.columns] @ b[block.columns]
    precision = math.exp(-2.0 * log_sigma)
    a = precision * float(own @ own)
    c = precision * float(own @ (setup.data.y - fit + own))
    hyper, before = block.hyper, float(log_scale[block.index])
    assert hyper is not None

    def log_density(log_r: float) -> float:
        r = math.exp(log_r)
        return (c - 0.5 * a * r) * r + hyper.log_density_of_log(before + log_r)

    log_r = slice_sample(_bounded(log_density), 0.0, _WIDTH, rng)
    b[block.columns] *= math.exp(log_r)
    log_scale[block.index] = before + log_r


def _collapsed_scale(
    block: _Block, b: Array, log_scale: Array, log_sigma: float, rng: np.random.Generator
) -> None:
    """Draw log s given b with the local scales integrated out, in place."""
    likelihood = block.prior.collapsed(np.abs(b[block.columns]) / block.relative)
    shift = 0.0 if block.absolute else log_sigma
    hyper = block.hyper
    assert hyper is not None

    def log_density(x: float) -> float:
        return likelihood(x + shift) + hyper.log_density_of_log(x)

    before = float(log_scale[block.index])
    log_scale[block.index] = slice_sample(_bounded(log_density), before, _WIDTH, rng)


def _bounded(log_density: Callable[[float], float]) -> Callable[[float], float]:
    """The density within |x| ≤ 300 and where it is a number; zero elsewhere."""

    def bounded(x: float) -> float:
        value = log_density(x) if abs(x) <= _BOUND else -math.inf
        return -math.inf if value != value else value

    return bounded
