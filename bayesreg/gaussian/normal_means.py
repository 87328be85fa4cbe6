r"""One coefficient and one estimate of it: everything about its posterior by quadrature.

For orthogonal columns b̂ ~ N(b, se²) says all that the data say of b, the "normal-means problem".
The posterior ∝ N(b̂; b, se²) p(b) is integrated over log |b − loc| below a thousandth of se, where
a prior may have a pole, and over |b − loc| above it, cell by cell with an 8-point Gauss–Legendre
rule; prior densities are even about loc.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.polynomial import Polynomial
from numpy.typing import NDArray
from scipy.optimize import brentq

from bayesreg.language.arguments import Array
from bayesreg.priors.base import Majorised, Prior

REACH = 6.0  # standard errors: beyond, every prior has done what it does
_LOW, _TAIL = 1e-3, 9.5  # e^(−9.5²/2) is below rounding
_FLOORS = 10.0 ** -np.arange(10.0, 100.0, 10.0)
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(8)
# ∫ from −1 of each of the 8 polynomials that are 1 at one node and 0 at the others, by powers.
_PARTIAL = np.stack(
    [
        Polynomial.fromroots(np.delete(_NODES, k)).integ(lbnd=-1.0).coef
        / np.prod(_NODES[k] - np.delete(_NODES, k))
        for k in range(8)
    ]
)


@dataclass(frozen=True, eq=False)
class NormalMeans:
    """b̂ ~ N(b, se²) beside a prior: posterior mean, median and mode as functions of b̂.

    Attributes
    ----------
    prior : Prior
        A proper one.
    scale : float
        In its declared unit.
    unit : float
        What that unit is: σ or 1.
    se : float
        Standard error of the estimate.
    reach : float
        The largest estimate that is asked about, in standard errors from loc.
    """

    prior: Prior
    scale: float
    unit: float = 1.0
    se: float = 1.0
    reach: float = REACH

    def log_density(self, size: Array) -> Array:
        """Log prior density of b = loc ± se·size, per unit of `size`."""
        b = self.prior.loc + self.se * size / self.unit
        density = self.prior.log_density(b, self.scale)
        return np.asarray(density + np.log(self.se / self.unit), dtype=float)

    @cached_property
    def _edges(self) -> Array:
        """Ends of the cells of |b − loc|, in standard errors."""
        near = _towards_zero(self.log_density, _LOW)
        # The data are smooth over one standard error; a prior may be as narrow as its scale.
        far = np.geomspace(_LOW, 0.1, 41)
        return np.concatenate([near, far[1:], np.arange(3.0, 20.0 * (self.reach + _TAIL)) / 20.0])

    @cached_property
    def _by_log(self) -> NDArray[np.bool_]:
        """Which cells are integrated over the logarithm."""
        return np.asarray(self._edges[1:] < 0.101)

    @cached_property
    def _rule(self) -> tuple[Array, Array]:
        """Nodes (C, 8) and the prior's mass at each, up to a constant."""
        size, weight = _in_cells(self._edges, self._by_log)
        log_mass = self.log_density(size.ravel()).reshape(size.shape) + np.log(weight)
        return size, np.exp(log_mass - np.max(log_mass))

    def _masses(self, estimate: Array) -> tuple[Array, Array]:
        """Posterior mass at the nodes above and below loc, (E, C, 8), up to one constant."""
        size, prior = self._rule
        at = np.asarray(estimate, dtype=float)[:, None, None]
        return np.exp(-0.5 * (at - size) ** 2) * prior, np.exp(-0.5 * (at + size) ** 2) * prior

    def mean(self, estimate: Array) -> Array:
        """E(b | b̂) − loc in standard errors; `estimate` is b̂ − loc in standard errors."""
        above, below = self._masses(estimate)
        first = np.sum((above - below) * self._rule[0], axis=(1, 2))
        return np.asarray(first / np.sum(above + below, axis=(1, 2)))

    def median(self, estimate: Array) -> Array:
        """The posterior median of b, less loc, in standard errors."""
        above, below = self._masses(np.abs(estimate))
        half, under = 0.5 * np.sum(above + below, axis=(1, 2)), np.sum(below, axis=(1, 2))
        missing = np.maximum(half - under, 0.0)
        up_to = np.cumsum(np.sum(above, axis=2), axis=1)
        cell = np.minimum(np.sum(up_to < missing[:, None], axis=1), up_to.shape[1] - 1)
        rows = np.arange(len(cell))
        before = np.where(cell > 0, up_to[rows, np.maximum(cell - 1, 0)], 0.0)
        share = _within(above[rows, cell], missing - before)
        ends = self._edges[cell], self._edges[cell + 1]
        middle = np.where(
            self._by_log[cell],
            ends[0] ** (1.0 - share) * ends[1] ** share,
            ends[0] * (1.0 - share) + ends[1] * share,
        )
        return np.asarray(np.sign(estimate) * middle)

    def mode(self, estimate: Array) -> Array | None:
        """argmin ½(b − b̂)² + se²·P(b), less loc, in standard errors; None where there is none.

        Exact where P is λ₁|b| + ½λ₂b². Else the best of 3 000 values, and from there to where the
        slope is 0.
        """
        prior, estimate = self.prior, np.asarray(estimate, dtype=float)
        if not isinstance(prior, Majorised):
            return None
        size = np.abs(estimate)
        if prior.exact:
            l1, l2 = prior.majoriser(1.0, 1.0, self.scale * self.unit)
            found = np.maximum(size - self.se * l1, 0.0) / (1.0 + self.se**2 * l2)
            return np.asarray(np.sign(estimate) * found)
        return np.asarray(np.sign(estimate) * self._best(prior, size))

    def _best(self, prior: Majorised, estimate: Array) -> Array:
        """The global minimum on a grid, and the root of the slope beside it."""
        how = 1.0, self.scale * self.unit
        tried = np.linspace(0.0, max(self.reach, float(np.max(estimate, initial=0.0))), 3001)
        cost = prior.cost(self.se * tried, *how)
        best = np.argmin(0.5 * np.square(estimate[:, None] - tried) + cost, axis=1)
        low, high = tried[np.maximum(best - 1, 0)], tried[np.minimum(best + 1, 3000)]

        def slope(v: Array) -> Array:
            return np.asarray(v - estimate + self.se * prior.slope(self.se * v, *how))

        between = (slope(low) < 0.0) & (slope(high) > 0.0)
        for _ in range(60):
            middle = 0.5 * (low + high)
            down = slope(middle) < 0.0
            low, high = np.where(down, middle, low), np.where(down, high, middle)
        return np.where(between, 0.5 * (low + high), tried[best])


def mass_within(prior: Prior, scale: float, size: float) -> float:
    """P(|b − loc| ≤ size) under the prior at an effective scale."""

    def log_density(share: Array) -> Array:
        return np.asarray(prior.log_density(prior.loc + size * share, scale))

    edges = _towards_zero(log_density, 1.0)
    nodes, weights = _in_cells(edges, np.ones(len(edges) - 1, dtype=bool))
    return float(2.0 * size * np.sum(np.exp(log_density(nodes.ravel())) * weights.ravel()))


def _towards_zero(log_density: Callable[[Array], Array], end: float) -> Array:
    """Edges of cells of two nats from `end` to where nothing is left, under a pole too."""
    left = np.log(_FLOORS) + log_density(_FLOORS) > math.log(1e-17)
    floor = _FLOORS[min(int(np.sum(left)), len(_FLOORS) - 1)]
    return np.geomspace(floor, end, 1 + math.ceil(0.5 * math.log(end / floor)))


@lru_cache(maxsize=256)
def scale_of_median(prior: Prior, size: float) -> float:
    """The effective scale at which half of the prior's probability lies within `size` of loc."""

    def excess(log_scale: float) -> float:
        return mass_within(prior, float(np.exp(log_scale)), size) - 0.5

    return float(np.exp(brentq(excess, np.log(size) - 12.0, np.log(size) + 12.0, xtol=1e-10)))


def _in_cells(edges: Array, by_log: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Nodes and weights (C, 8) of the composite rule, over the logarithm where that is asked."""
    low = np.where(by_log, np.log(edges[:-1]), edges[:-1])[:, None]
    high = np.where(by_log, np.log(edges[1:]), edges[1:])[:, None]
    half = 0.5 * (high - low)
    at = low + half * (_NODES + 1.0)
    nodes = np.where(by_log[:, None], np.exp(at), at)
    return nodes, half * _WEIGHTS * np.where(by_log[:, None], nodes, 1.0)


def _within(masses: Array, wanted: Array) -> Array:
    """The share of a cell by which its mass reaches what is wanted, by the polynomial of degree 7.

    `masses` (E, 8) are those at the nodes: density in the cell's own variable times weight.
    """
    partial = (masses / _WEIGHTS) @ _PARTIAL
    low, high = np.full(len(wanted), -1.0), np.ones(len(wanted))
    powers = np.arange(partial.shape[1])
    for _ in range(60):
        middle = 0.5 * (low + high)
        short = np.sum(partial * middle[:, None] ** powers, axis=1) < wanted
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    return np.asarray(0.25 * (low + high) + 0.5)
