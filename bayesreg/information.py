r"""Slope and information of the evidence at one σ and scale, from draws of the coefficients.

With θ = (log σ, log scale) and b drawn from p(b | y, θ), the derivatives of ℓ(θ) = log p(y | θ) are
moments of those of the complete-data density c(θ) = log p(y, b | θ) (Fisher's identity; Louis 1982,
JRSS B 44(2)):

    ∇ℓ = E ∇c,        −∇²ℓ = −E ∇²c − Var ∇c
    c(θ) = −ν log σ − ‖ỹ − X̃b‖²/2σ² + Σ log p(b_j | scale)
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from bayesreg.engines import base, engine_named
from bayesreg.engines.kernel import Independent
from bayesreg.engines.starts import maxima
from bayesreg.language.arguments import Array
from bayesreg.language.errors import NotSupported
from bayesreg.model.quadratic import PseudoData
from bayesreg.priors import Prior

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem

ENGINES = ("exact", "tilted", "gibbs")  # at fixed σ and scale; the first that serves
CHAINS, BATCHES, TUNE = 8, 4, 100
NUMBERS = 20_000_000  # coefficients held at once
SMALL = 4_000  # draws of a look that only finds the way
SMALL_EFFECT = 0.5  # prior sd of an effect, in its standard errors
GAIN = 0.02  # nats by which a maximum must exceed the limit scale → 0
REACH = 1.0  # largest step in θ
LEAST = 0.02  # of the complete data's information that y must hold for a step of Newton's
WIDER = 1.2  # than the posterior: sd of the normal that importance sampling draws from
FASTER = 0.1  # information assumed along other directions, where EM's step assumes 1
STEP = 0.05  # of differences in log scale: exact to 1e-6, far below Monte Carlo error


@dataclass(frozen=True, eq=False)
class Look:
    """ℓ about one θ, as draws there show it.

    `slope` is ∇ℓ with covariance `noise`; `information` is −∇²ℓ; `complete` is −E ∇²c.
    """

    theta: Array
    slope: Array
    noise: Array
    information: Array
    complete: Array
    draws: int
    engine: str

    @cached_property
    def _shares(self) -> tuple[Array, Array]:
        """Eigenvalues of `information` relative to `complete`, and T with T'(complete)T = 1."""
        inverse = np.linalg.inv(np.linalg.cholesky(self.complete))
        share, basis = np.linalg.eigh(inverse @ self.information @ inverse.T)
        return share, inverse.T @ basis

    @cached_property
    def step(self) -> Array:
        """To the maximum by Newton's method; lengthened EM along directions without information."""
        share, turn = self._shares
        step = turn @ ((turn.T @ self.slope) / np.where(share > LEAST, share, FASTER))
        return np.asarray(step * min(1.0, REACH / max(float(np.max(np.abs(step))), 1e-300)))

    @property
    def spread(self) -> Array:
        """Covariance of `theta + step`; infinite where there is too little information."""
        share, turn = self._shares
        if not share.min() > LEAST:
            return np.full_like(self.noise, np.inf)
        inverse = (turn / share) @ turn.T
        return np.asarray(inverse @ self.noise @ inverse)


@dataclass(frozen=True, eq=False)
class Search:
    """What every look shares: the problem, its pseudo-rows, a stream of seeds."""

    problem: Problem
    data: PseudoData
    seeds: Iterator[int]

    @classmethod
    def of(cls, problem: Problem, seed: int) -> Search:
        """Compress the data, and seed a stream for each look."""
        streams = (
            int(np.random.SeedSequence([seed, k]).generate_state(1)[0]) for k in itertools.count()
        )
        return cls(problem, PseudoData.of(problem), streams)

    @property
    def first(self) -> int:
        """Position of the first scale in θ."""
        return int(self.problem.unknown_sigma)

    @property
    def starts(self) -> list[Array]:
        """Where ridge has maxima, its sd matched to the quartiles of each prior, the best first."""
        out = []
        for relative, log_sigma in maxima(self.data, self.problem.sigma):
            theta = [log_sigma] * self.first
            for block in self.problem.blocks:
                if block.scale is None:
                    some = block.prior.sample(np.random.default_rng(0), 999, 1.0) - block.prior.loc
                    ratio = 0.6745 / float(np.median(np.abs(some)) * np.median(block.relative))
                    size = log_sigma if block.prior.unit == "y" else 0.0
                    theta.append(relative + size + math.log(ratio))
            out.append(np.array(theta))
        return out if self.problem.unknown_scales else out[:1]

    def values(self, theta: Array) -> tuple[float, list[float]]:
        """σ, and the scale of every block."""
        sigma = self.problem.sigma or math.exp(theta[0])
        unknown = iter(theta[self.first :])
        return sigma, [
            math.exp(next(unknown)) if b.scale is None else b.scale for b in self.problem.blocks
        ]

    def draw(self, theta: Array, total: int) -> tuple[Array, str]:
        """b (chain, draw, p) at θ, and the engine that drew."""
        fixed = self.problem.at(
            sigma=math.exp(theta[0]) if self.first else None,
            scale=list(np.exp(theta[self.first :])) if len(theta) > self.first else None,
        )
        total = max(min(total, NUMBERS // max(self.problem.p, 1)), CHAINS * BATCHES)
        return draws_at(fixed, total, next(self.seeds))

    def look(self, theta: Array, total: int) -> Look:
        """Draw at θ and average the derivatives of c."""
        b, engine = self.draw(theta, total)
        slopes, bends = self.derivatives(b, *self.values(theta))
        flat = slopes.reshape(-1, len(theta))
        means = slopes.reshape(CHAINS * BATCHES, -1, len(theta)).mean(axis=1)
        noise = np.atleast_2d(np.cov(means.T)) / len(means)
        information = -bends - np.atleast_2d(np.cov(flat.T))
        return Look(theta, flat.mean(axis=0), noise, information, -bends, len(flat), engine)

    def derivatives(self, b: Array, sigma: float, scales: list[float]) -> tuple[Array, Array]:
        """∇c of every draw (…, d), and the mean of ∇²c (d, d)."""
        d, r = self.first + len(self.problem.unknown_scales), self.data.y - b @ self.data.x.T
        slopes, bends = np.zeros((*b.shape[:-1], d)), np.zeros((d, d))
        if self.first:
            fit = (self.data.rss + np.einsum("...i,...i->...", r, r)) / sigma**2
            slopes[..., 0] = fit - self.data.nu
            bends[0, 0] = -2.0 * float(fit.mean())
        place = self.first
        for block, scale in zip(self.problem.blocks, scales, strict=True):
            effective = self.problem.effective_scale(block, sigma, scale)
            slope, bend = _by_scale(block.prior, b[..., block.columns], effective)
            where = [0] * (self.first and block.prior.unit == "sigma")
            if block.scale is None:
                where.append(place)
                place += 1
            slopes[..., where] += slope[..., None]
            bends[np.ix_(where, where)] += float(bend.mean())
        return slopes, bends

    def faded(self, look: Look) -> tuple[str, ...]:
        """Labels of the blocks whose unknown scale has its maximum at zero, as far as draws tell.

        While effects are small against their standard errors, ℓ − ℓ(scale = 0) goes with scale²,
        so that half of the slope in log scale is what this scale gains over zero.
        """
        sigma, scales = self.values(look.theta)
        found, k = [], self.first
        for block, scale in zip(self.problem.blocks, scales, strict=True):
            if block.scale is not None:
                continue
            sd = self.problem.effective_scale(block, sigma, scale) * self.data.norms[block.columns]
            small = np.max(sd) < SMALL_EFFECT * sigma
            flat = look.information[k, k] <= max(0.5, LEAST * look.complete[k, k])
            gain = 0.5 * (look.slope[k] - 2.0 * math.sqrt(look.noise[k, k]))
            if small and flat and gain <= GAIN:
                found.append(block.label)
            k += 1
        return tuple(found)

    def without(self, theta: Array, zero: tuple[str, ...]) -> tuple[Search, Array]:
        """The search that leaves some blocks at the scales they have, and the rest of θ."""
        _, scales = self.values(theta)
        blocks, keep = [], [True] * self.first
        for block, scale in zip(self.problem.blocks, scales, strict=True):
            held = block.label in zero
            keep += [not held] * (block.scale is None)
            blocks.append(dataclasses.replace(block, scale=scale, hyper=None) if held else block)
        fewer = dataclasses.replace(self.problem, blocks=tuple(blocks))
        return dataclasses.replace(self, problem=fewer), theta[keep]

    @property
    def null_sigma(self) -> float:
        """σ̂ where every coefficient is 0."""
        return self.problem.sigma or math.sqrt(self.problem.yy / self.data.nu)

    def gain(self, theta: Array) -> float:
        """ℓ(θ) minus the maximum of ℓ where every coefficient is 0; NaN where that is not seen.

        By importance sampling from the prior where that is near the posterior, else from a normal
        with the posterior's moments; a mean of such weights is rarely far above what it estimates.
        """
        sigma, scales = self.values(theta)
        nu, yy, least = self.data.nu, self.problem.yy, self.null_sigma
        null = -nu * math.log(sigma / least) - 0.5 * yy * (sigma**-2 - least**-2)
        rng = np.random.default_rng(next(self.seeds))
        b = np.empty((SMALL, self.problem.p))
        for block, scale in zip(self.problem.blocks, scales, strict=True):
            effective = self.problem.effective_scale(block, sigma, scale)
            shape = SMALL, len(block.columns)
            b[:, block.columns] = block.prior.sample(rng, shape, effective) - block.prior.loc
        mean, share = _log_mean(self.log_fit(b, sigma))
        if share > 0.2:
            return mean + null
        if self.problem.p > SMALL // 10:
            return math.nan
        drawn = self.draw(theta, SMALL)[0].reshape(-1, self.problem.p)
        centre, half = drawn.mean(axis=0), np.linalg.cholesky(np.atleast_2d(np.cov(drawn.T)))
        z = rng.standard_normal((SMALL, len(centre)))
        b = centre + WIDER * z @ half.T
        log_w = self.log_fit(b, sigma) + 0.5 * np.sum(np.square(z), axis=1)
        log_w += np.log(WIDER * np.sqrt(2.0 * np.pi) * np.diagonal(half)).sum()
        for block, scale in zip(self.problem.blocks, scales, strict=True):
            effective = self.problem.effective_scale(block, sigma, scale)
            log_w += block.prior.log_density(b[:, block.columns] + block.prior.loc, effective).sum(
                1
            )
        mean, share = _log_mean(log_w)
        return mean + null if share > 0.05 or mean + null > 5.0 else math.nan

    def log_fit(self, b: Array, sigma: float) -> Array:
        """log p(y | b, σ) minus that of b = 0."""
        fit = b @ self.data.x.T
        return np.asarray((fit @ self.data.y - 0.5 * np.sum(np.square(fit), axis=1)) / sigma**2)


def draws_at(fixed: Problem, total: int, seed: int) -> tuple[Array, str]:
    """At least `total` draws of b (chain, draw, p) with nothing else unknown; and the engine."""
    engine = _engine_at(fixed)
    drawn = base.run(
        engine,
        fixed,
        draws=BATCHES * -(-total // (CHAINS * BATCHES)),
        chains=CHAINS,
        tune=None if isinstance(engine.KERNEL, Independent) else TUNE,
        seed=seed,
        progress=False,
    )
    b = drawn.beta[..., fixed.proper] * fixed.x_sd[fixed.proper] - fixed.projection.loc
    return np.asarray(b), drawn.engine


def _engine_at(problem: Problem) -> Any:
    """The first engine that serves."""
    for name in ENGINES:
        engine = engine_named(name)
        if engine.supports(problem) is None:
            return engine
    raise NotSupported(
        "hyper='evidence': no engine draws fast enough from this posterior; use hyper='cv', or "
        "hyper=post with a posterior's medians"
    )


def _log_mean(log_w: Array) -> tuple[float, float]:
    """log of the mean weight, and the share of draws that effectively count."""
    top = float(log_w.max())
    w = np.exp(log_w - top)
    return top + math.log(float(w.mean())), float(w.sum() ** 2 / len(w) / np.sum(w * w))


def _by_scale(prior: Prior, b: Array, scale: ArrayLike) -> tuple[Array, Array]:
    """Σ_j ∂ log p(b_j | s)/∂ log s of each draw, and the second derivative, by differences."""
    far, near, here, after, beyond = (
        prior.log_density(b + prior.loc, np.asarray(scale) * math.exp(k * STEP)).sum(axis=-1)
        for k in (-2, -1, 0, 1, 2)
    )
    slope = (far - 8.0 * near + 8.0 * after - beyond) / (12.0 * STEP)
    bend = (16.0 * (near + after) - 30.0 * here - far - beyond) / (12.0 * STEP**2)
    return np.asarray(slope), np.asarray(bend)
