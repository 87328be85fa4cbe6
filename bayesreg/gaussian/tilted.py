r"""A Gaussian envelope at the lasso's MAP, corrected exactly: Laplace and elastic-net priors.

For any s ∈ [−1, 1]^p, |b_j| ≥ s_j b_j, so that the posterior lies below a Gaussian density, that of
the likelihood tilted by exp(−λs'b/σ). With s the subgradient at the lasso's MAP that Gaussian has
its mode at the MAP, and

    w = exp(−(λ/σ) Σ(|b_j| − s_j b_j)) ∈ (0, 1]

is what an independent proposal from it is accepted by (Hastings 1970, Biometrika 57(1)). The factor
of the Gaussian never changes: an iteration costs p² where a Gibbs sampler's costs p³/3. One has

1. a few proposals of (b, σ) given the scales; of b alone, then σ | b, where a scale is in the unit
   of y and σ is unknown;
2. interweaving, (b, scale) → (r·b, r·scale) with b/scale held, where the data are weak;
3. scale | b, σ, by exact rejection or a slice.

Many chains, or strands of one, advance side by side: every step is one on arrays with a row for
each of them (`envelope`). How well it goes is known before anything is drawn, from a pilot with a
seed of its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from bayesreg.engines.chains import Output
from bayesreg.engines.kernel import Needs, SideBySide
from bayesreg.engines.loops.tables import hyper
from bayesreg.gaussian.envelope import TRIES, Sampler
from bayesreg.gaussian.tangent import Frame, reference, touch
from bayesreg.language.arguments import Array
from bayesreg.language.errors import NotSupported
from bayesreg.likelihoods import ConstantCurvature
from bayesreg.model.unit_data import EPS
from bayesreg.priors import Prior, ScaleMixture

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem
    from bayesreg.priors import HyperPrior

Index = NDArray[np.intp]
NAME = "tilted"

_PILOT, _ABREAST = 4000, 50  # proposals, by chains side by side
_FEW = 0.02  # share accepted at first, below which the pilot is not finished
_REPLACED = 0.8  # chance that an iteration replaces (b, σ), for which it makes up to four proposals


def _slow(problem: Problem) -> str | None:
    """Why no envelope serves, or too few of its proposals are accepted: a pilot judges once."""
    found = _enveloped(problem)
    if found is not None:
        return found
    examined = _examined(problem)
    assert not isinstance(examined, str)
    least = least_acceptance(problem.p)
    if examined.acceptance < least:
        return (
            f"its Gaussian envelope is too wide here: {examined.acceptance:.1%} of a pilot's "
            f"proposals were accepted, and below {least:.0%} engine 'gibbs' is faster"
        )
    return None


def _enveloped(problem: Problem) -> str | None:
    """What types cannot say of where the engine is exact, be it slow."""
    found = _unfit(problem) or _examined(problem)
    return found if isinstance(found, str) else None


supports = Needs((ConstantCurvature,), (Prior,), _slow)


@dataclass(frozen=True, eq=False)
class State:
    """Where n chains are: log scales (n, K), u = 1/σ (n,), and v = ub (n, p)."""

    log_scale: Array
    u: Array
    v: Array


@dataclass(frozen=True, eq=False)
class Setup:
    """What every iteration needs.

    Attributes
    ----------
    envelope : tuple of ndarray
        As `envelope.Sampler` reads it.
    order : ndarray of int (p,)
        Columns as the envelope orders them.
    start : State
        Where the envelope touches, as one row.
    sigma : float or None
        σ where known.
    hypers : tuple of HyperPrior or None
        Those of the scales, None where known.
    sigma_prior : HyperPrior or None
        That of σ.
    acceptance : float
        Share of the pilot's proposals that were accepted.
    """

    envelope: tuple[Any, ...]
    order: Index
    start: State
    sigma: float | None
    hypers: tuple[HyperPrior | None, ...]
    sigma_prior: HyperPrior | None
    acceptance: float = math.nan

    @property
    def unknown(self) -> NDArray[np.bool_]:
        """Which of the K scales are unknown."""
        return np.array([hyper is not None for hyper in self.hypers])


class Tilted(SideBySide):
    """The sampler described at the head of this module."""

    @property
    def tune(self) -> int:
        """100: given the scales every proposal may replace the start."""
        return 100

    def prepare(self, problem: Problem) -> Setup:
        """What the pilot settled, be it fast or slow.

        Raises
        ------
        NotSupported
            If there is no envelope.
        """
        found = _examined(problem)
        if isinstance(found, str):
            raise NotSupported(f"engine {NAME!r} cannot serve: {found}")
        return found

    def seconds(self, setup: Setup) -> tuple[float, float]:
        """Calls; for each row the scales, and per proposal p normals and p² products."""
        p, scales = len(setup.order), int(setup.unknown.sum())
        each = float(setup.envelope[0][TRIES]) * (1e-7 + 1.5e-8 * p + 1e-10 * p * p)
        return 1e-4 + 1.5e-4 * scales, 1.5e-7 * (1 + scales) + each

    def start(self, setup: Setup, rng: np.random.Generator, chains: int, strands: int) -> State:
        """About the MAP, over-dispersed."""
        at, inverse = setup.start, setup.envelope[2]
        noise = rng.standard_normal((chains, at.log_scale.shape[1]))
        log_scale = at.log_scale + 0.5 * setup.unknown * noise
        for k, law in enumerate(setup.hypers):
            if law is not None:
                _within(law, log_scale[:, k], rng)
        log_sigma = np.repeat(-np.log(at.u), chains)
        if setup.sigma_prior is not None:
            log_sigma += 0.1 * rng.standard_normal(chains)
            _within(setup.sigma_prior, log_sigma, rng)
        v = at.v + 1.5 * (rng.standard_normal((chains, at.v.shape[1])) @ inverse)
        found = (np.repeat(one, strands, axis=0) for one in (log_scale, np.exp(-log_sigma), v))
        return State(*found)

    def advance(
        self, setup: Setup, state: State, rng: np.random.Generator, count: int
    ) -> tuple[State, Output]:
        """Iterate and record b, σ and the unknown scales."""
        state, out, _ = _iterate(setup, state, rng, count)
        return state, out


KERNEL = Tilted()


class UNGATED:
    """The same engine wherever it is exact, be it slow, as validation must know it."""

    NAME, KERNEL = NAME, KERNEL

    supports = staticmethod(Needs((ConstantCurvature,), (Prior,), _enveloped))


def _iterate(
    setup: Setup, state: State, rng: np.random.Generator, count: int
) -> tuple[State, Output, float]:
    """`count` iterations of copies; also the share of proposals accepted."""
    (n, p), K = state.v.shape, state.log_scale.shape[1]
    b, sigma, scale = np.empty((count, n, p)), np.empty((count, n)), np.empty((count, n, K))
    sampler = Sampler(setup.envelope)
    chains = sampler.begin(state.log_scale, state.u, state.v)
    accepted = sampler.iterate(chains, rng, (b, sigma, scale))
    if setup.sigma is not None:
        sigma[:] = setup.sigma  # not 1/(1/σ), which may differ in the last digit
    if np.any(np.diff(setup.order) != 1):
        b = b[..., np.argsort(setup.order)]
    out = {"b": b, "sigma": sigma, "scale": np.exp(scale[..., setup.unknown])}
    share = accepted / (n * count * float(setup.envelope[0][TRIES]))
    return State(chains.log_scale, chains.u, chains.v), out, share


def _within(prior: HyperPrior, log_x: Array, rng: np.random.Generator) -> None:
    """Draw anew, in place, what the prior gives no density to."""
    for i, value in enumerate(log_x):
        if not math.isfinite(prior.log_density_of_log(value)):
            log_x[i] = math.log(float(prior.sample(rng, 1)[0]))


def least_acceptance(p: int) -> float:
    """Share of proposals accepted below which a Gibbs sampler is faster, by measurement.

    It costs twice as much an iteration with 10 columns, ten times with 50 and thirty with 100.
    """
    return min(max(7.0 / p, 0.1), 0.25)


def _unfit(problem: Problem) -> str | None:
    """Why the engine cannot serve, as far as that is known without looking at the data."""
    kinked = False
    for block in problem.blocks:
        prior, name = block.prior, f"{type(block.prior).__name__} on {block.label!r}"
        if not isinstance(prior, ScaleMixture) or prior.mixing.law not in {
            "exponential",
            "constant",
        }:
            return f"it needs Laplace or elastic-net priors, and {name} is neither"
        if np.any(block.sizes > 1):
            return f"it needs columns that are independent given the scale, and {name} has groups"
        kinked = kinked or prior.mixing.law == "exponential"
    if not kinked:
        return "it needs a Laplace or elastic-net prior; engine 'direct' serves Normal ones"
    if problem.p >= problem.nu:
        return (
            f"it needs fewer columns than degrees of freedom, and there are {problem.p} and "
            f"{problem.nu:g}"
        )
    return None


_EXAMINED: WeakKeyDictionary[Problem, Setup | str] = WeakKeyDictionary()


def _examined(problem: Problem) -> Setup | str:
    """The envelope of a problem, or why there is none; found once."""
    found = _EXAMINED.get(problem)
    if found is None:
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused
            found = _EXAMINED[problem] = _unfit(problem) or _examine(problem)
    return found


def _examine(problem: Problem) -> Setup | str:
    """Build the envelope, move it to where a pilot's first part went, and judge it by the rest."""
    data = problem.quadratic.rows
    frame = Frame.of(problem, data)
    if frame.singular:
        return "its columns are collinear, so that no Gaussian density lies above the posterior"
    numbers = _numbers(problem, frame)
    if problem.unknown_sigma and not (numbers[2] > EPS * problem.yy and numbers[3] > 0.0):
        return "the data leave nothing to estimate σ from once all columns are fitted"
    log_scale, sigma = reference(problem, frame, data)
    rng = np.random.default_rng(20080521)  # its own: the verdict is the problem's alone
    for part in (0.25, 0.75):
        v, arrays = touch(problem, frame, log_scale, sigma)
        setup = Setup(
            envelope=(numbers, *arrays),
            order=frame.order,
            start=State(log_scale[None], np.array([1.0 / sigma]), v[None]),
            sigma=problem.sigma,
            hypers=tuple(block.hyper for block in frame.blocks),
            sigma_prior=problem.sigma_prior,
        )
        if not all(np.all(np.isfinite(a)) for a in arrays):
            return "its numbers are too large or too small to be multiplied in float64"
        count = int(part * _PILOT / numbers[TRIES]) // _ABREAST
        noise = rng.standard_normal((_ABREAST, len(v))) @ setup.envelope[2]
        rows = State(
            np.repeat(setup.start.log_scale, _ABREAST, axis=0),
            np.repeat(setup.start.u, _ABREAST),
            v + noise,
        )
        _, out, share = _iterate(setup, rows, rng, count)
        if share < _FEW:
            break
        late = slice(count // 2, None)
        sigma = math.exp(float(np.mean(np.log(out["sigma"][late]))))
        log_scale = log_scale.copy()
        log_scale[setup.unknown] = np.mean(np.log(out["scale"][late]), axis=(0, 1))
    failed = min(max(1.0 - share, 1e-9), 0.7)  # beyond, four proposals are too few whatever it is
    numbers = numbers.copy()
    numbers[TRIES] = min(math.ceil(math.log(1.0 - _REPLACED) / math.log(failed)), 4)
    return replace(setup, envelope=(numbers, *setup.envelope[1:]), acceptance=share)


def _numbers(problem: Problem, frame: Frame) -> Array:
    """What the loop must know of σ, and two proposals for each draw of the scales."""
    prior = problem.sigma_prior
    pair = (0.0, 0.0) if prior is None else prior.inverse_gamma
    a, b = (0.0, 0.0) if pair is None else pair
    in_y = float(frame.absolute @ np.diff(frame.bounds)[:, 0])
    how = 0.0 if prior is None else 2.0 if in_y else 1.0
    joint = problem.nu + 2.0 * a - 1.0
    law = hyper(prior if pair is None else None)
    given = joint + problem.p - in_y
    return np.array([how, pair is not None, frame.rss + 2.0 * b, joint, given, 2.0, *law])
