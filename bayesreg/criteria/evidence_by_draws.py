"""The σ and scales of maximal evidence, climbed by looks from the maxima that ridge has."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from bayesreg.criteria.looks import BATCHES, CHAINS, LEAST, Look, draws_at
from bayesreg.engines.starts import maxima
from bayesreg.language.arguments import Array
from bayesreg.language.errors import NotSupported
from bayesreg.model.pseudo_data import PseudoData
from bayesreg.priors import Prior

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem

LARGEST = 512_000  # draws of a round
ROUNDS = 40
NUMBERS = 20_000_000  # coefficients held at once
SMALL = 4_000  # draws of a look that only finds the way
SMALL_EFFECT = 0.5  # prior sd of an effect, in its standard errors
GAIN = 0.02  # nats by which a maximum must exceed the limit scale → 0
WIDER = 1.2  # than the posterior: sd of the normal that importance sampling draws from
STEP = 0.05  # of differences in log scale: exact to 1e-6, far below Monte Carlo error


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
        return cls(problem, problem.quadratic.rows, streams)

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

    def at(self, theta: Array) -> Problem:
        """The problem with σ and scales fixed at θ."""
        scales = np.exp(theta[self.first :])
        return self.problem.at(
            sigma=math.exp(theta[0]) if self.first else None,
            scale=scales if len(scales) else None,
        )

    def draw(self, theta: Array, total: int) -> tuple[Array, str]:
        """b (chain, draw, p) at θ, and the engine that drew."""
        total = max(min(total, NUMBERS // max(self.problem.p, 1)), CHAINS * BATCHES)
        return draws_at(self.at(theta), total, next(self.seeds))

    def look(self, theta: Array, total: int) -> Look:
        """Draw at θ and average the derivatives of c."""
        b, engine = self.draw(theta, total)
        with np.errstate(over="ignore", invalid="ignore"):
            slopes, bends = self.derivatives(b, self.at(theta))
        if not (np.all(np.isfinite(slopes)) and np.all(np.isfinite(bends))):
            raise NotSupported(
                "draws of the coefficients leave the range of float64: columns and y are of "
                "too different sizes; use standardize=True, rescale them, or give σ and the scale"
            )
        return Look.of(theta, slopes, bends, engine)

    def derivatives(self, b: Array, fixed: Problem) -> tuple[Array, Array]:
        """∇c of every draw (…, d), and the mean of ∇²c (d, d)."""
        d = self.first + len(self.problem.unknown_scales)
        slopes, bends = np.zeros((*b.shape[:-1], d)), np.zeros((d, d))
        if self.first:
            fit = self.data.residual_square(b) / _sigma(fixed) ** 2
            slopes[..., 0] = fit - self.data.nu
            bends[0, 0] = -2.0 * float(fit.mean())
        place = self.first
        for block, known in zip(self.problem.blocks, fixed.blocks, strict=True):
            scale = fixed.effective_scale(known, fixed.sigma)
            slope, bend = _by_scale(block.prior, b[..., block.columns], scale)
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
        fixed = self.at(look.theta)
        found, k = [], self.first
        for block, known in zip(self.problem.blocks, fixed.blocks, strict=True):
            if block.scale is not None:
                continue
            sd = fixed.effective_scale(known, fixed.sigma) * self.data.norms[block.columns]
            small = np.max(sd) < SMALL_EFFECT * _sigma(fixed)
            flat = look.information[k, k] <= max(0.5, LEAST * look.complete[k, k])
            gain = 0.5 * (look.slope[k] - 2.0 * math.sqrt(look.noise[k, k]))
            if small and flat and gain <= GAIN:
                found.append(block.label)
            k += 1
        return tuple(found)

    def without(self, theta: Array, zero: tuple[str, ...]) -> tuple[Search, Array]:
        """The search that leaves some blocks at the scales they have, and the rest of θ."""
        pairs = zip(self.problem.blocks, self.at(theta).blocks, strict=True)
        blocks = tuple(known if block.label in zero else block for block, known in pairs)
        keep = [True] * self.first + [label not in zero for label in self.problem.unknown_scales]
        fewer = dataclasses.replace(self.problem, blocks=blocks)
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
        fixed, nu, yy, least = self.at(theta), self.data.nu, self.problem.yy, self.null_sigma
        sigma = _sigma(fixed)
        null = -nu * math.log(sigma / least) - 0.5 * yy * (sigma**-2 - least**-2)
        rng = np.random.default_rng(next(self.seeds))
        b = np.empty((SMALL, self.problem.p))
        for block in fixed.blocks:
            shape, scale = (SMALL, len(block.columns)), fixed.effective_scale(block, sigma)
            b[:, block.columns] = block.prior.sample(rng, shape, scale) - block.prior.loc
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
        for block in fixed.blocks:
            beta, scale = b[:, block.columns] + block.prior.loc, fixed.effective_scale(block, sigma)
            log_w += block.prior.log_density(beta, scale).sum(axis=1)
        mean, share = _log_mean(log_w)
        return mean + null if share > 0.05 or mean + null > 5.0 else math.nan

    def log_fit(self, b: Array, sigma: float) -> Array:
        """log p(y | b, σ) minus that of b = 0."""
        fit = b @ self.data.x.T
        return np.asarray((fit @ self.data.y - 0.5 * np.sum(np.square(fit), axis=1)) / sigma**2)


def _sigma(fixed: Problem) -> float:
    """The σ of a problem that knows it."""
    assert fixed.sigma is not None
    return fixed.sigma


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


@dataclass(frozen=True, eq=False)
class MonteCarloEvidence:
    """The hyperparameters of maximal evidence, with their Monte Carlo standard errors.

    Attributes
    ----------
    sigma : float
        σ̂, or its known value.
    scale : ndarray (B,)
        The B unknown scales, each in its declared unit; 0 where the maximum is at zero.
    sigma_error, scale_error : float, ndarray (B,)
        Standard errors of log σ̂ and of log scale; 0 where known or at zero.
    gain : float
        log p(y | σ̂, scale) minus its maximum over σ at scale = 0, or a lower estimate of that; NaN
        where it is not seen, or the scale of some prior is given.
    draws : int
        Draws of the rounds that the estimate averages.
    engine : str
        Which engine drew them.
    """

    sigma: float
    scale: Array
    sigma_error: float
    scale_error: Array
    gain: float
    draws: int
    engine: str

    @property
    def at_zero(self) -> bool:
        """Whether every unknown scale is 0."""
        return bool(len(self.scale)) and not np.any(self.scale)


def maximise_by_draws(
    problem: Problem, *, seed: int = 0, tolerance: float = 0.005
) -> MonteCarloEvidence:
    r"""Maximise p(y | σ, scale) over what is unknown, β₀, β and Flat columns integrated out.

    Hyperpriors are ignored. Rounds of draws at fixed (σ, scale), with steps of Newton's method
    from Fisher's and Louis's identities, grow until the standard error is below `tolerance`; the
    estimate averages the rounds near the maximum. They start at the maxima that a Normal prior of
    like spread has; the limit scale → 0, where β = 0, is compared. The same seed gives the same
    answer.

    Parameters
    ----------
    problem : Problem
        Priors whose coefficients are independent given the scale; what is known stays as it is.
    seed : int, default 0
        Of the draws.
    tolerance : float, default 0.005
        Standard error of log σ and log scale to be reached.

    Returns
    -------
    MonteCarloEvidence
        To plug in: ``problem.at(sigma=found.sigma, scale=found.scale)``.

    Raises
    ------
    NotSupported
        If the evidence has no maximum, or coefficients share local scales.

    References
    ----------
    Louis (1982), "Finding the observed information matrix when using the EM algorithm", JRSS B
    44(2); Wei & Tanner (1990), JASA 85, §2; Park & Casella (2008), JASA 103, §3.1; Casella (2001),
    "Empirical Bayes Gibbs sampling", Biostatistics 2(4), https://doi.org/10.1093/biostatistics/2.4.485.

    Examples
    --------
    >>> import bayesreg as br
    >>> data = br.load_dataset("diabetes")
    >>> problem = br.Model(br.Normal()).condition(data.X, data.y, standardize=True)
    >>> found = maximise_by_draws(problem, tolerance=0.02)
    >>> bool(abs(found.sigma / 54.2142 - 1.0) < 4 * found.sigma_error)
    True
    """
    _refuse(problem)
    search = Search.of(problem, seed)
    looks = [_climb(search, search.look(theta, SMALL)) for theta in search.starts]
    look, gain = looks[0], math.nan
    if problem.unknown_scales and all(block.scale is None for block in problem.blocks):
        gains = [search.gain(one.theta) for one in looks]
        best = int(np.nanargmax(gains)) if np.any(np.isfinite(gains)) else 0
        look, gain = looks[best], gains[best]
        if gain <= GAIN:
            zeros = np.zeros(len(problem.unknown_scales))
            return MonteCarloEvidence(
                search.null_sigma, zeros, 0.0, zeros, gain, look.draws, look.engine
            )
    while zero := search.faded(look):
        search, theta = search.without(look.theta, zero)
        if not len(theta):
            return _report(problem, search, gain, _Average(theta, theta, 0, look.engine))
        look = _climb(search, search.look(theta, SMALL))
    return _report(problem, search, gain, _settle(search, look, tolerance))


def _refuse(problem: Problem) -> None:
    """What has no evidence to be climbed."""
    for block in problem.blocks:
        if not block.separable:
            raise NotSupported(
                f"hyper='evidence': the coefficients of {block.label!r} share local scales, so "
                "their density given the scale is no product; use hyper=post, a posterior's medians"
            )
    both = problem.unknown_sigma and problem.unknown_scales
    if both and problem.quadratic.rank >= problem.nu:
        raise _unbounded()


def _unbounded() -> NotSupported:
    return NotSupported(
        "the evidence has no maximum: it grows without bound as σ → 0, because the columns can "
        "interpolate y; give σ, or use hyper='cv', or hyper=post with a posterior's medians"
    )


def _climb(search: Search, look: Look) -> Look:
    """Steps from small rounds until one is short; a scale may end at its floor."""
    for _ in range(ROUNDS):
        if float(np.max(np.abs(look.step))) <= 0.2 or search.faded(look):
            break
        look = search.look(look.theta + look.step, SMALL)
        if (
            search.first
            and look.theta[0] < math.log(search.null_sigma or np.finfo(float).tiny) - 20.0
        ):
            raise _unbounded()
    return look


@dataclass(frozen=True, eq=False)
class _Average:
    """θ̂ over rounds, with its standard errors."""

    theta: Array
    error: Array
    draws: int
    engine: str

    @classmethod
    def of(cls, looks: list[Look]) -> _Average:
        """One-step estimates weighted by their draws."""
        draws = np.array([look.draws for look in looks], dtype=float)
        share = draws / draws.sum()
        theta = share @ np.array([look.theta + look.step for look in looks])
        spread = np.square(share) @ np.array([np.diagonal(look.spread) for look in looks])
        return cls(np.asarray(theta), np.sqrt(spread), int(draws.sum()), looks[-1].engine)


def _settle(search: Search, look: Look, tolerance: float) -> _Average:
    """Rounds of growing size, averaged where steps are short, until the error is small."""
    kept: list[Look] = []
    total, near = SMALL, 0.4 * math.sqrt(tolerance)  # what Newton's step leaves is of order near²
    found = _Average.of([look])
    for _ in range(ROUNDS):
        look = search.look(look.theta + look.step, total)
        one = _Average.of([look])
        step = float(np.max(np.abs(look.step)))
        if step > max(near, 3.0 * one.error.max()):  # on its way
            kept = []
            continue
        kept += [look] * (step <= near)
        found = _Average.of(kept) if kept else one
        if (kept and found.error.max() <= tolerance) or look.draws < total or total >= LARGEST:
            break
        ratio = min(max(one.error.max() / tolerance, 1.5), 3.0)
        total = min(math.ceil(ratio**2 * total), LARGEST)
    if not np.all(np.isfinite(found.error)):
        raise NotSupported(
            "the evidence is too flat at its maximum for draws to find it: y says next to nothing "
            "about the scale; use hyper='cv', or hyper=post with a posterior's medians"
        )
    return found


def _report(problem: Problem, search: Search, gain: float, found: _Average) -> MonteCarloEvidence:
    """θ̂ as σ and scales, zeros where a scale was left out."""
    sigma = _sigma(search.at(found.theta))
    place = {label: search.first + k for k, label in enumerate(search.problem.unknown_scales)}
    scale, error = np.zeros((2, len(problem.unknown_scales)))
    for k, label in enumerate(problem.unknown_scales):
        if label in place:
            scale[k], error[k] = math.exp(found.theta[place[label]]), found.error[place[label]]
    sigma_error = float(found.error[0]) if search.first else 0.0
    return MonteCarloEvidence(sigma, scale, sigma_error, error, gain, found.draws, found.engine)
