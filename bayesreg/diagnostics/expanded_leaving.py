r"""Rows left out of a posterior that is taken to be normal, log p(y | η) expanded at η's mean.

With η = m + d, d ~ N(0, v), and log p(y | η) ≈ ℓ + ud − ½hd²,

.. math:: \log E\,p^a = a\ell + \frac{a^2u^2v}{2(1 + ahv)} - \tfrac12\log(1 + ahv)

is log p(y_i | y) at a = 1, and as log E p^(1−c) − log E p^(−c) it is log p(y_i | y_-i), c copies of
the row left out. Any approximation serves the difference estimator; with n rows and p columns v is
of the order of p/n, and this one is off by v².
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.data.sampled import hash64
from bayesreg.engines.draws import Draws, Sample, at_hand, rows_of
from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadData
from bayesreg.likelihoods import Likelihood

if TYPE_CHECKING:
    from bayesreg.data.design import Design
    from bayesreg.data.stores.parts import Part

MOST = 0.9  # of copies·hv, of which 1 leaves nothing to η without the row
EXACT = 2.0**-53  # of a hash, as a number between 0 and 1


@dataclass(frozen=True, eq=False)
class Expanded:
    """Rows as such a posterior has them, with and without `copies` of each.

    Attributes
    ----------
    y, eta, spread, copies : ndarray (m,)
        y, the mean and variance of η, and how much of the row is left out.
    theta : mapping
        The likelihood's own unknowns at their means, and facts of the rows.
    rows : Part or Design
        Where they are from.
    """

    likelihood: Likelihood
    y: Array
    eta: Array
    spread: Array
    copies: Array
    theta: dict[str, Any]
    rows: Any

    @cached_property
    def _bent(self) -> tuple[Array, Array, Array]:
        """ℓ, u and h."""
        density = self.likelihood.log_density(self.y, self.eta, self.theta)
        slope, bend = self.likelihood.derivatives(self.y, self.eta, self.theta)
        return density, -slope, np.minimum(bend, MOST / (self.copies * self.spread))

    def _log_mean(self, a: Array | float) -> Array:
        """Log E p^a."""
        density, u, h = self._bent
        stretch = 1.0 + a * h * self.spread
        pulled = 0.5 * np.square(a * u) * self.spread / stretch
        return np.asarray(a * density + pulled - 0.5 * np.log(stretch))

    @property
    def elpd(self) -> Array:
        """Log p(y_i | y_-i) (m,)."""
        return np.asarray(self._log_mean(1.0 - self.copies) - self._log_mean(-self.copies))

    @property
    def lppd(self) -> Array:
        """Log p(y_i | y) (m,)."""
        return self._log_mean(1.0)

    @cached_property
    def eta_without(self) -> Array:
        """The mean of η given the other rows."""
        _, u, h = self._bent
        shift = self.copies * u * self.spread / (1.0 - self.copies * h * self.spread)
        return np.asarray(self.eta - shift)

    @property
    def residual(self) -> Array:
        """y_i − E(y_i | y) (m,), at the mean of η."""
        return np.asarray(self.y - self.likelihood.mean(self.eta, self.theta))

    @property
    def error(self) -> Array:
        """y_i − E(y_i | y_-i) (m,), at the mean of η without it."""
        return np.asarray(self.y - self.likelihood.mean(self.eta_without, self.theta))

    def predicted(self) -> tuple[Array, Array]:
        """The error in sds of y given the others, and P(Y_i ≤ y_i | y_-i), (m,) each.

        Of a whole number that is a random point of the step there, by a hash of the row's number.
        """
        eta, theta, likelihood = self.eta_without, self.theta, self.likelihood
        width = np.sqrt(np.maximum(likelihood.width(eta, theta), np.finfo(float).tiny))
        below = likelihood.cdf(self.y, eta, theta)
        if likelihood.discrete:
            step = below - likelihood.cdf(self.y - 1.0, eta, theta)
            within = (hash64(self.rows.rows, self.rows.run) >> np.uint64(11)) * EXACT
            below = below - within * step
        return self.error / width, np.clip(below, 0.0, 1.0)

    def refuse_undefined(self, named: Callable[[int], str]) -> None:
        """Raise BadData, with the name of the row, where its density is no number."""
        bad = np.flatnonzero(~np.isfinite(self.elpd))
        if len(bad):
            raise BadData(
                f"the density of {named(int(bad[0]))} is zero or undefined at the posterior's mean "
                "(an extreme outlier); see post.checks and the rows"
            )


@dataclass(frozen=True, eq=False)
class ExpandedLeaving:
    """A posterior taken to be normal, as any row is left out of it.

    Attributes
    ----------
    x_mean, centre, factor : ndarray (P,), (1 + P,), (1 + P, 1 + P)
        Where columns are measured from, the mean of (β₀ + x̄'β, β), and a root of its covariance.
    fitted : tuple of float
        Mean and sd of what is expected of y.
    """

    likelihood: Likelihood
    theta: dict[str, float]
    x_mean: Array
    centre: Array
    factor: Array
    fitted: tuple[float, float]

    def of(self, rows: Part | Design) -> Expanded:
        """Some rows: one copy of each left out, all of it where its weight is below 1."""
        z = np.column_stack([np.ones(len(rows.y)), rows.X - self.x_mean])
        offset, weights = rows.known.offset, rows.weights
        eta = z @ self.centre + (0.0 if offset is None else offset)
        wide = z @ self.factor
        spread = np.maximum(np.einsum("ij,ij->i", wide, wide), np.finfo(float).tiny)
        copies = np.ones(len(eta)) if weights is None else np.minimum(weights, 1.0)
        theta = self.theta | rows.known.facts(-1)
        return Expanded(self.likelihood, rows.y, eta, spread, copies, theta, rows)

    def expected(self, rows: Part, error: Array) -> Array:
        """E(y_i | y_-i) (m,) of errors."""
        return np.asarray(rows.y - error)


def expanded_leaving(draws: Draws, sample: Sample) -> ExpandedLeaving:
    """As if the posterior of β₀ + x'β were normal; rows at hand say where expectations lie."""
    x_mean = draws.problem.x_mean
    joint = np.column_stack([sample.intercept + sample.beta @ x_mean, sample.beta])
    centre = joint.mean(axis=0)
    factor = np.linalg.qr(joint - centre, mode="r").T / np.sqrt(len(joint) - 1.0)
    theta = {name: float(values.mean()) for name, values in sample.theta.items()}
    found = ExpandedLeaving(sample.likelihood, theta, x_mean, centre, factor, (0.0, 1.0))
    rows = found.of(rows_of(at_hand(draws.problem)))
    expected = sample.likelihood.mean(rows.eta, rows.theta)
    return replace(found, fitted=(float(expected.mean()), float(expected.std())))
