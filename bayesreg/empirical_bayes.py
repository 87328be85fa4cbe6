r"""The evidence of any prior with a density, maximised over σ and scale by Monte Carlo.

Monte Carlo EM (Wei & Tanner 1990; Park & Casella 2008, §3.1, for the lasso) solves E ∇c = 0 anew
in each round, c the complete-data log density: a step with its information −E ∇²c, slow where y
says little about b. Newton's step takes Louis's information instead (see `information`), and a
handful of rounds; EM's serves along directions where that is not positive.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bayesreg.information import GAIN, SMALL, Look, Search
from bayesreg.language.arguments import Array
from bayesreg.language.errors import NotSupported

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem

LARGEST = 512_000  # draws of a round
ROUNDS = 40


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
    if both and problem.projection.rank >= problem.nu:
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
        if search.first and look.theta[0] < math.log(search.null_sigma) - 20.0:
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
    sigma, _ = search.values(found.theta)
    place = {label: search.first + k for k, label in enumerate(search.problem.unknown_scales)}
    scale, error = np.zeros((2, len(problem.unknown_scales)))
    for k, label in enumerate(problem.unknown_scales):
        if label in place:
            scale[k], error[k] = math.exp(found.theta[place[label]]), found.error[place[label]]
    sigma_error = float(found.error[0]) if search.first else 0.0
    return MonteCarloEvidence(sigma, scale, sigma_error, error, gain, found.draws, found.engine)
