r"""Expectation propagation: a normal for (γ, w) given their scale, one site for every row.

With η = fixed + ζ, ζ = B(γ, w), γ flat and w ~ N(0, I), row i's likelihood is stood for by a site
exp(−½τᵢζᵢ² + νᵢζᵢ) such that, beside all other sites, the likelihood itself has the mean and the
variance of ζᵢ that its site has (Minka 2001, UAI; Rasmussen & Williams 2006, §3.6). Moments are
sums over a grid about each row's mean, so that any likelihood will do. Kuss & Rasmussen (2005,
JMLR 6) find it close where Laplace's approximation is far off: where rows are separated.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg.lapack import dtrtri

from bayesreg.language.arguments import Array

SWEEPS, DAMPED, CLOSE = 12, 0.8, 1e-2  # how many, how far each goes, and sds of ζ that end them
NARROW = 1e-2  # least precision of a cavity, beside that of its row
GRID = np.linspace(-7.0, 7.0, 141)[:, None]  # sds about a row's mean, where it is integrated
SAME = 1e-2  # of w's mean and sds beside the prior's, below which they are the same


@dataclass(frozen=True, eq=False)
class Matched:
    """(γ, w) at one r by expectation propagation: mean, LL', skewness, and the log evidence.

    τ, ν are those of sites exp(−½τζ² + νζ) in ζ = η − fixed.
    """

    mean: Array
    lower: Array
    sites: tuple[Array, Array]
    skewness: Array
    height: float

    def like_prior(self, k: int) -> bool:
        """Whether w has its prior."""
        own, mean = np.diagonal(self.lower)[k:], self.mean[k:]
        return bool(np.max(np.abs(own - 1.0)) < SAME and np.max(np.abs(mean)) < SAME)


def matched(
    fit: Callable[[Array], Array], spread: Array, k: int, sites: tuple[Array, Array]
) -> Matched:
    """Sweeps over all rows at once, from sites near these; `fit` is log L of ζ (J, n), by row."""
    tau, nu = sites
    for _ in range(SWEEPS):
        mean, lower, zeta, sd = _normal(spread, k, tau, nu)
        left = np.maximum(sd**-2.0 - tau, NARROW * sd**-2.0)
        moved = (zeta * sd**-2.0 - nu) / left  # the cavity's mean
        x, cell = zeta + sd * GRID, sd * (GRID[1] - GRID[0])
        value = fit(x) - 0.5 * left * np.square(x - moved)
        top = value.max(axis=0)
        first, second, _, total = _moments(value - top, x)
        new = np.maximum(1.0 / second - left, 1e-8 * sd**-2.0)
        new_nu = first * (new + left) - left * moved
        change = np.max(np.abs(first - zeta) / sd) + np.max(np.abs(new - tau) * sd**2)
        if not np.isfinite(change + new_nu.sum()):
            break
        tau, nu = tau + DAMPED * (new - tau), nu + DAMPED * (new_nu - nu)
        if change < CLOSE:
            break
    mean, lower, zeta, sd = _normal(spread, k, tau, nu)
    own = np.diagonal(spread[:, k:] @ lower[k:, k:])
    x = zeta + own * GRID
    beside = fit(x) + 0.5 * tau * x * x - nu * x - 0.5 * GRID * GRID
    _, _, skewness, _ = _moments(beside - beside.max(axis=0), np.broadcast_to(GRID, x.shape))
    # log of each row's share of the evidence, less that of its site under the same cavity.
    both = left + tau
    centre = (left * moved + nu) / both
    each = total * cell * np.sqrt(both / (2.0 * np.pi))
    rows = top + np.log(each) - 0.5 * (both * centre**2 - left * moved**2)
    height = np.log(np.diagonal(lower)).sum() + 0.5 * nu @ zeta + rows.sum()
    return Matched(mean, lower, (tau, nu), np.nan_to_num(skewness), float(height))


def _normal(spread: Array, k: int, tau: Array, nu: Array) -> tuple[Array, Array, Array, Array]:
    """Mean and L of (γ, w) under N(0, I) of w and all sites; mean and sds of ζ."""
    precision = (spread.T * tau) @ spread
    diagonal = np.einsum("ii->i", precision)
    diagonal[k:] += 1.0
    unit = 1.0 / np.sqrt(np.maximum(diagonal, 1e-200))
    precision *= unit * unit[:, None]
    diagonal += 1e-12
    # P = UU' with U upper triangular, so that P⁻¹ = LL' with L = U⁻ᵀ.
    upper = np.linalg.cholesky(precision[::-1, ::-1])[::-1, ::-1]
    lower = unit[:, None] * dtrtri(upper.T, lower=1)[0]
    along = spread @ lower
    mean = lower @ (nu @ along)
    return mean, lower, spread @ mean, np.sqrt(np.einsum("ij,ij->i", along, along))


def _moments(log_weight: Array, x: Array) -> tuple[Array, Array, Array, Array]:
    """Mean, variance, skewness and sum of weights, down the rows."""
    weight = np.exp(log_weight)
    total = weight.sum(axis=0)
    mean = (weight * x).sum(axis=0) / total
    centred = x - mean
    variance = (weight * np.square(centred)).sum(axis=0) / total
    third = (weight * centred**3).sum(axis=0) / total
    return mean, variance, third / variance**1.5, total
