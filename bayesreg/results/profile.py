"""Profile: what a prior does to an estimate, whatever the estimate is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bayesreg.engines.factors import curvature_of
from bayesreg.language.arguments import Array
from bayesreg.language.text import outline
from bayesreg.priors.base import Majorised, Penalised, Prior

REACH = 6.0  # standard errors: beyond, every prior has done what it does


@dataclass(frozen=True, eq=False)
class Profile:
    r"""Posterior mean and MAP of one coefficient against its least-squares estimate.

    For orthogonal columns b̂ ~ N(b, se²) says all that the data say of b, se = σ/√G_jj, and

        E(b | b̂) = ∫ b N(b̂; b, se²) p(b) db / ∫ N(b̂; b, se²) p(b) db,

    which is b̂ less what the prior takes. A normal prior takes a fixed share, a Laplace prior a
    fixed amount of a large b̂, and a prior with heavy tails hardly anything of it.

    Attributes
    ----------
    label : str
        The block of columns, empty where there is one.
    estimate : ndarray (K,)
        b̂ − loc in standard errors.
    mean : ndarray (K,)
        E(b | b̂) − loc in standard errors.
    map : ndarray (K,) or None
        The same of the penalised optimum; None where there is none.
    estimator : str
        What the estimate is: least squares, or maximum likelihood, whose error is taken to be
        normal with the curvature of the loss at the posterior mean.

    References
    ----------
    Efron (2011), "Tweedie's formula and selection bias", JASA 106,
    https://doi.org/10.1198/jasa.2011.tm11181; Carvalho, Polson & Scott (2010), Biometrika 97(2).
    """

    label: str
    estimate: Array
    mean: Array
    map: Array | None
    estimator: str = "least-squares"

    def __repr__(self) -> str:
        return outline(self)


def profiles(entry: Any) -> tuple[Profile, ...]:
    """The profile of each block, at the MAP's σ and scale, or else the posterior medians.

    G_jj is that of the median column of the block: all are alike where columns are standardised.

    Parameters
    ----------
    entry : Entry
        One prior of a comparison.
    """
    problem = entry.problem if entry.fit is None else entry.fit.problem
    sigma = float(np.median(entry.post.draws.sigma)) if entry.fit is None else entry.fit.sigma
    estimator = "least-squares" if problem.exact else "maximum-likelihood"
    quadratic = curvature_of(entry.post.draws)
    found = []
    for block, (scale, unit) in zip(problem.blocks, entry.scales, strict=True):
        norms = quadratic.norms[block.columns]
        if not np.any(norms > 0):
            continue
        se = sigma / float(np.median(norms[norms > 0]))
        label = block.label if len(problem.blocks) > 1 else ""
        estimate = np.linspace(0.0, REACH, 61)
        mean = posterior_mean(block.prior, scale, unit, se, estimate)
        optimum = None
        if isinstance(block.prior, Majorised):
            optimum = mode(block.prior, scale, unit, se, sigma, estimate)
        found.append(Profile(label, estimate, mean, optimum, estimator))
    return tuple(found)


def mode(
    prior: Majorised, scale: float, unit: float, se: float, sigma: float, estimate: Array
) -> Array:
    """argmin ½(b − b̂)²/se² + P(b)/σ², less loc, in standard errors: exact, or the best of 3 000."""
    if isinstance(prior, Penalised):
        found = prior.prox(prior.loc + se * estimate, (se / sigma) ** 2, sigma, scale)
        return np.asarray((found - prior.loc) / se)
    tried = np.linspace(0.0, REACH, 3001)
    cost = prior.cost(se * tried, sigma, scale * unit) / sigma**2
    best = np.argmin(0.5 * np.square(estimate[:, None] - tried) + cost, axis=1)
    return np.asarray(tried[best])


def posterior_mean(prior: Prior, scale: float, unit: float, se: float, estimate: Array) -> Array:
    """E(b | b̂) − loc in standard errors, by the trapezoidal rule in log |b − loc|.

    A pole at 0 that can be integrated is no pole in the logarithm, and prior densities are even.
    """
    low, middle, high = np.log(1e-120), np.log(1e-6), np.log(REACH + 9.0)
    t = np.concatenate([np.linspace(low, middle, 1000)[:-1], np.linspace(middle, high, 900)])
    size = np.exp(t)
    log_density = prior.log_density(prior.loc + se * size / unit, scale) + t
    weight = np.exp(log_density - np.max(log_density)) * np.gradient(t)
    above = np.exp(-0.5 * np.square(estimate[:, None] - size)) * weight
    below = np.exp(-0.5 * np.square(estimate[:, None] + size)) * weight
    return np.asarray((above - below) @ size / np.sum(above + below, axis=1))
