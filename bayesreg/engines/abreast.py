"""Engine gibbs in NumPy: chains, and strands of each, side by side; also under latent weights.

Under a likelihood that is normal given latent weights ω, b is drawn with β₀ and the Flat columns
integrated out, and these given b and ω, so that the two draws are one of all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.engines import mixture
from bayesreg.engines.chains import Output
from bayesreg.engines.kernel import SideBySide
from bayesreg.engines.loops.arrays import (
    DIRICHLET,
    HALF_CAUCHY,
    INVERSE_GAMMA,
    SLAB,
)
from bayesreg.engines.mixture import Augmented, Setup
from bayesreg.engines.strands.iteration import State, Steps
from bayesreg.engines.strands.linear import Data
from bayesreg.language.arguments import Array

if TYPE_CHECKING:
    from bayesreg.likelihoods.base import Summed
    from bayesreg.model.loss import Loss
    from bayesreg.model.problem import Problem
    from bayesreg.priors import HyperPrior

_CALL = 1.5e-6  # seconds of a call on a short array
_SLICE = 1.5e-4  # of a slice of numbers side by side
_RATE = 4e9  # operations a second of matrix products and factorisations


class Abreast(SideBySide):
    """The iteration of `strands.iteration` on all chains at once."""

    @property
    def tune(self) -> int:
        """500, as compiled."""
        return 500

    def prepare(self, problem: Problem) -> Setup | Augmented:
        """What every iteration needs."""
        return mixture.prepare(problem)

    def seconds(self, setup: Setup | Augmented) -> tuple[float, float]:
        """Calls and slices, whatever the rows are; operations for each row."""
        if isinstance(setup, Augmented):
            n, p = setup.problem.loss.proper.shape
            overhead, each = self.seconds(setup.given)
            likelihood: Any = setup.problem.likelihood
            weights = n * likelihood.latent_seconds
            return overhead + 8e-4, each + weights + 2.0 * n * p * p / _RATE
        (p, m), facts, blocks = setup.data[0].shape, setup.facts[0], setup.blocks
        laws, unknown = blocks["law"], int(np.sum(blocks["unknown"] >= 0))
        without_b = unknown * int(facts["crowded"]) + int(np.sum(laws == SLAB))
        without_b += int(facts["crowded"] and facts["absolute"] and not facts["known"])
        scanned = int(facts["sweeps"]) * int(
            sum(b["stop"] - b["start"] for b in blocks if b["law"] in (HALF_CAUCHY, SLAB))
        )
        shares = int(
            sum(b["group_stop"] - b["group_start"] for b in blocks if b["law"] == DIRICHLET)
        )
        substitution = 3 * 2 * setup.size * 4.0 * _CALL
        calls = 60 * _CALL * (1 + len(blocks)) + substitution * (1 + 5 * without_b)
        slices = 2 * unknown + 2 * len(blocks) + scanned + shares
        forming = p * p if m >= p else 2 * m * m * p
        one = float(setup.size**3 / 3 + 3 * setup.size**2 + forming) / _RATE + 2e-6
        tables = 1e-7 * p * (7 if np.any(laws != INVERSE_GAMMA) else 3)
        return (
            calls + _SLICE * slices,
            (1 + 5 * without_b) * one + 16.0 * m * p / _RATE + tables + 2e-7 * (slices + p),
        )

    def start(self, setup: Any, rng: np.random.Generator, chains: int, strands: int) -> Any:
        """Type-II estimates, over-dispersed; prior draws where the data or the prior say so."""
        if isinstance(setup, Augmented):
            return _start(setup, self.start(setup.given, rng, chains, strands), rng, strands)
        (relative_scale, log_sigma), prior = setup.start, setup.sigma_prior
        log_sigmas, n = np.full(chains, log_sigma), chains * strands
        if prior is not None:
            log_sigmas += 0.1 * rng.standard_normal(chains)
            _within(prior, log_sigmas, rng)
        log_scale = np.tile(setup.blocks["log_scale"], (chains, 1))
        for k, (one, hyper) in enumerate(zip(setup.blocks, setup.hypers, strict=True)):
            if hyper is not None:
                trial = relative_scale + (log_sigmas if one["absolute"] else 0.0)
                log_scale[:, k] = trial + 0.5 * rng.standard_normal(chains)
                _within(hyper, log_scale[:, k], rng)
        return State(
            b=np.zeros((n, len(setup.order))),
            log_sigma=np.repeat(log_sigmas, strands),
            log_scale=np.repeat(log_scale, strands, axis=0),
            log_slab=np.tile(setup.blocks["log_slab"], (n, 1)),
            t=np.tile(setup.groups["t"], (n, 1)),
        )

    def advance(
        self, setup: Any, state: Any, rng: np.random.Generator, count: int
    ) -> tuple[Any, Output]:
        """Iterate and record b, σ, scale and κ; β and β₀ under latent weights."""
        if isinstance(setup, Augmented):
            return state, _latent(setup, state, rng, count)
        xt, y, gram, xy, squares = setup.data
        facts = setup.facts[0]
        yy, rss = np.array([facts["yy"]]), float(facts["rss"])
        if gram.size:
            gram, xy = gram[None], xy[None]
        else:
            gram, xy = np.empty((0, 0, 0)), np.empty((0, 0))
        data = Data(xt.T[None], y[None], gram, xy, squares[None], yy, rss)
        record, steps = _Record(setup, len(state.b), count), _steps(setup)
        for i in range(count):
            record.put(i, state, squares, steps.iterate(data, state, rng))
        return state, record.out


@dataclass(frozen=True, eq=False)
class Latent:
    """Chains under latent weights: the state given ω, logs of θ (n, q), and η (n, N)."""

    given: State
    own: Array
    eta: Array


class _Record:
    """What chains visit, (count, n, …), with columns in the problem's order."""

    def __init__(self, setup: Setup, n: int, count: int) -> None:
        self.order = setup.order
        self.unknown = np.flatnonzero(setup.blocks["unknown"] >= 0)
        p = len(self.order)
        self.out = {
            "b": np.empty((count, n, p)),
            "sigma": np.empty((count, n)),
            "scale": np.empty((count, n, len(self.unknown))),
            "kappa": np.empty((count, n, p)),
        }

    def put(self, i: int, state: State, squares: Array, sd: Array) -> None:
        """The i-th visit; `squares` are G_jj, and `sd` prior sds ÷ σ, or what they multiply to."""
        out = self.out
        with np.errstate(over="ignore"):
            out["b"][i][:, self.order] = state.b
            out["kappa"][i][:, self.order] = 1.0 / (1.0 + squares * np.square(sd))
            out["sigma"][i] = np.exp(state.log_sigma)
            out["scale"][i] = np.exp(state.log_scale[:, self.unknown])


def _steps(setup: Setup) -> Steps:
    return Steps(setup.blocks, setup.groups, setup.facts[0], setup.fixed)


def _within(prior: HyperPrior, log_x: Array, rng: np.random.Generator) -> None:
    """Draw anew, in place, what the prior gives no density to."""
    for i, value in enumerate(log_x):
        if not math.isfinite(prior.log_density_of_log(value)):
            log_x[i] = math.log(float(prior.sample(rng, 1)[0]))


# --- latent weights ------------------------------------------------------------------------------


def _start(setup: Augmented, state: State, rng: np.random.Generator, strands: int) -> Latent:
    """b about the reference point by its sds, and θ about it."""
    at, loss = setup.at, setup.at.problem.loss
    chains, k, p = len(state.b) // strands, at.free, len(setup.given.order)
    spread = 1.0 / np.sqrt(at.information + np.square(1.0 / at.sd))
    b = at.at[k : k + p] + spread * rng.standard_normal((chains, p))
    eta = b @ loss.proper.T + loss.free @ at.at[:k] + loss.given(np.zeros(p))
    own = np.repeat(setup.own.start(rng, chains), strands, axis=0)
    state.log_sigma[:] = setup.own.log_sigma(own)
    state.b[:] = np.repeat(b[:, setup.given.order], strands, axis=0)
    return Latent(state, own, np.repeat(eta, strands, axis=0))


def _latent(setup: Augmented, state: Latent, rng: np.random.Generator, count: int) -> Output:
    """θ | η, ω | θ, η, then (σ, b, scales | ω) as under a Gaussian, then β₀ and Flat columns."""
    loss, given, own = setup.at.problem.loss, setup.given, setup.own
    n, rows = state.eta.shape
    proper, p = loss.proper[:, given.order], len(given.order)
    fixed = loss.given(np.zeros(p))  # of η: what neither b nor γ moves
    weights = np.broadcast_to(loss.weights, loss.y.shape)
    facts = {} if setup.problem.design is None else setup.problem.design.known.facts(-1)
    summed = loss.likelihood.summed(loss.y, weights, facts)
    y, weights = np.tile(loss.y, n), np.tile(weights, n)
    by_row = {name: np.tile(value, n) for name, value in facts.items()}
    record, steps = _Record(given, n, count), _steps(given)
    free, thetas = np.empty((count, n, loss.free.shape[1])), np.empty((count, *state.own.shape))
    likelihood: Any = loss.likelihood
    for i in range(count):
        if own.names:
            _draw_own(setup, steps, summed, state, rng)
        theta = {k: np.repeat(v, rows * n // np.size(v)) for k, v in own.theta(state.own).items()}
        theta |= by_row
        omega, z = likelihood.augment(rng, y, state.eta.ravel(), theta, weights)
        made = _Projected.of(
            loss,
            proper,
            omega.reshape(n, rows),
            z.reshape(n, rows) - fixed,
            wide=not given.data[2].size,
        )
        sd = steps.iterate(made.data, state.given, rng)
        sigma = np.exp(state.given.log_sigma)
        own.put_log_sigma(state.own, state.given.log_sigma)
        record.put(i, state.given, setup.at.information[given.order], sd * sigma[:, None])
        free[i], thetas[i] = made.draw_free(state.given.b, sigma, rng), state.own
        state.eta[:] = free[i] @ loss.free.T + state.given.b @ proper.T + fixed
    out = record.out
    beta, intercept = setup.problem.restore_free(out.pop("b"), free)
    return out | own.recorded(thetas) | {"beta": beta, "intercept": intercept}


def _draw_own(
    setup: Augmented, steps: Steps, summed: Summed, state: Latent, rng: np.random.Generator
) -> None:
    """θ | η, b, with ω integrated out."""
    with np.errstate(all="ignore"):
        z = (state.given.b / steps.prior_sds(state.given))[:, steps.in_sigma]
        z *= np.exp(-state.given.log_sigma)[:, None]
        along = z.shape[1], np.einsum("ri,ri->r", z, z)
        value = summed(state.eta, setup.own.theta(state.own))
        setup.own.draw(summed, state.eta, state.own, value, along, rng)
    state.given.log_sigma[:] = setup.own.log_sigma(state.own)


@dataclass(frozen=True, eq=False)
class _Projected:
    """½Σω(z − Fγ − Zb)² with γ projected out, and γ | b: the chains' own data for b."""

    data: Data
    along: Array  # (n, f, p): what of Zb the columns of F fit
    at_zero: Array  # (n, f): γ at b = 0
    lower: Array  # the Cholesky factor of F'ωF

    @classmethod
    def of(cls, loss: Loss, proper: Array, omega: Array, z: Array, *, wide: bool) -> _Projected:
        """Weights ω (n, N) and responses z (n, N); by products (N ≥ p) or by rows (p > N)."""
        weighted = loss.free.T * omega[:, None, :]  # (n, f, N)
        lower = np.linalg.cholesky(weighted @ loss.free)
        right = np.concatenate([weighted @ proper, weighted @ z[..., None]], axis=2)
        both = np.linalg.solve(lower, right)
        fitted = np.linalg.solve(lower.swapaxes(1, 2), both)
        along, at_zero = fitted[..., :-1], fitted[..., -1]
        nothing, empty = np.empty((0, 0, 0)), np.empty((0, 0))
        if wide:
            root = np.sqrt(omega)
            x = root[..., None] * (proper - loss.free @ along)
            y = root * (z - at_zero @ loss.free.T)
            yy = np.einsum("ni,ni->n", y, y)
            squares = np.einsum("nij,nij->nj", x, x)
            return cls(Data(x, y, nothing, empty, squares, yy, 0.0), along, at_zero, lower)
        scaled = proper.T * omega[:, None, :]
        inner = both[..., :-1].swapaxes(1, 2)
        gram = scaled @ proper - inner @ both[..., :-1]
        xy = (scaled @ z[..., None] - inner @ both[..., -1:])[..., 0]
        yy = np.einsum("ni,ni,ni->n", omega, z, z) - np.square(both[..., -1]).sum(axis=1)
        squares = np.einsum("nii->ni", gram).copy()
        return cls(Data(nothing, xy, gram, xy, squares, yy, 0.0), along, at_zero, lower)

    def draw_free(self, b: Array, sigma: Array, rng: np.random.Generator) -> Array:
        """γ | b, σ, ω."""
        noise = sigma[:, None, None] * rng.standard_normal((*self.at_zero.shape, 1))
        spread = np.linalg.solve(self.lower.swapaxes(1, 2), noise)[..., 0]
        return np.asarray(self.at_zero - (self.along @ b[..., None])[..., 0] + spread)
