"""Mixture: the predictive distribution of new rows, an average over draws, and its quantiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.data.known import Points
from bayesreg.engines.draws import Draws, pooled
from bayesreg.language.arguments import Array, check_level, interval_names
from bayesreg.likelihoods import Likelihood

if TYPE_CHECKING:
    import pandas as pd

CELLS = 2**20  # numbers in one array of rows × draws
CLOSE = 1e-13  # to the probability asked for
_Etas = list[tuple[Array, Mapping[str, Array]]]  # η and θ of every component
STEPS = 100  # of Newton's method: bisection alone would need about fifty


@dataclass(frozen=True, eq=False)
class Component:
    """Draws under one prior, and the weight of all of them together.

    Attributes
    ----------
    likelihood : Likelihood
        How y varies about η.
    beta, intercept : ndarray (S, P), (S,)
        Coefficients and intercept, per unit of the original columns.
    theta : dict of str to ndarray (S,)
        The likelihood's own unknowns.
    weight : float
        Of the component: each draw counts weight/S.
    """

    likelihood: Likelihood
    beta: Array
    intercept: Array
    theta: dict[str, Array]
    weight: float = 1.0

    @classmethod
    def of(cls, draws: Draws, weight: float = 1.0) -> Component:
        """All chains together."""
        theta = {name: pooled(value) for name, value in draws.theta.items()}
        beta, intercept = pooled(draws.beta), pooled(draws.intercept)
        return cls(draws.problem.likelihood, beta, intercept, theta, weight)


@dataclass(frozen=True, eq=False)
class Mixture:
    r"""p(y | x) = Σ_k w_k · 1/S_k · Σ_s p(y | η_ks, θ_ks), with η = β₀ + x'β.

    Attributes
    ----------
    components : tuple of Component
        One for each posterior that is averaged.
    """

    components: tuple[Component, ...]

    @classmethod
    def of(cls, draws: Sequence[Draws], weights: Sequence[float] = (1.0,)) -> Mixture:
        """Posteriors and their weights; those of weight 0 have no say."""
        pairs = zip(draws, weights, strict=True)
        return cls(tuple(Component.of(one, float(w)) for one, w in pairs if w > 0.0))

    def mean(self, points: Points) -> Array:
        """E(y | x) (m,)."""
        return self._blockwise(points, lambda at: self._average(self._each("mean", at)))

    def interval(self, points: Points, level: float, kind: str) -> Array:
        """Equal-tailed bounds (2, m): of a new y, of η with `kind` "linear".

        Where y has two labels, they are those of its probability: a new y is one or the other.
        """
        tail = (1.0 - check_level(level)) / 2.0
        probs = np.array([tail, 1.0 - tail])
        if kind == "linear":
            return self._blockwise(
                points, lambda at: self._quantiles([eta for eta, _ in at], probs)
            )
        likelihood = self.components[0].likelihood
        single = likelihood.takes_trials and points.known.trials is None
        if likelihood.takes_labels or single:
            return self._blockwise(
                points, lambda at: self._quantiles(self._each("mean", at), probs)
            )
        find = self._search if likelihood.counts else self._invert
        return self._blockwise(points, lambda at: np.stack([find(at, p) for p in probs]))

    def _blockwise(self, points: Points, work: Any) -> Array:
        """What `work` makes of η and θ (rows, draws), a block of rows at a time."""
        size = max(1, CELLS // sum(len(c.beta) for c in self.components))
        starts = range(0, max(len(points), 1), size)
        parts = [work(self._at(points.take(slice(i, i + size)))) for i in starts]
        return np.concatenate(parts, axis=-1)

    def _at(self, points: Points) -> list[tuple[Array, Mapping[str, Array]]]:
        return [points.under(c.beta, c.intercept, c.theta) for c in self.components]

    def _each(self, what: str, at: _Etas, *before: Any) -> list[Array]:
        """One method of every component's likelihood at its η."""
        return [
            getattr(c.likelihood, what)(*before, eta, theta)
            for c, (eta, theta) in zip(self.components, at, strict=True)
        ]

    def _average(self, values: list[Array]) -> Array:
        total = sum(c.weight for c in self.components)
        sums = (c.weight * v.mean(axis=-1) for c, v in zip(self.components, values, strict=True))
        return np.asarray(sum(sums) / total)

    def _quantiles(self, values: list[Array], probs: Array) -> Array:
        """Quantiles over draws (2, m), each draw weighted as its component says."""
        if len(self.components) == 1:
            return np.quantile(values[0], probs, axis=-1)
        pairs = zip(self.components, values, strict=True)
        weights = np.concatenate([np.full(v.shape, c.weight / v.shape[-1]) for c, v in pairs], -1)
        joined = np.concatenate(values, axis=-1)
        return np.quantile(joined, probs, axis=-1, weights=weights, method="inverted_cdf")

    def _search(self, at: _Etas, prob: float) -> Array:
        """The least whole y (m,) with P(Y ≤ y) ≥ prob, by bisection between the components'."""
        each = self._each("ppf", at, prob)
        low = np.min([e.min(axis=-1) for e in each], axis=0) - 1.0
        high = np.max([e.max(axis=-1) for e in each], axis=0)
        while np.any(high - low > np.maximum(1.0, np.spacing(high))):
            middle = np.floor(0.5 * (low + high))
            enough = self._average(self._each("cdf", at, middle[:, None])) >= prob
            low, high = np.where(enough, low, middle), np.where(enough, middle, high)
        return np.asarray(high, dtype=float)

    def _invert(self, eta: _Etas, prob: float) -> Array:
        """The y (m,) with P(Y ≤ y) = prob: Newton's steps, kept inside a bracket that shrinks.

        A quantile of a mixture lies between the least and the largest of its components'.
        """
        each = self._each("ppf", eta, prob)
        low = np.min([e.min(axis=-1) for e in each], axis=0)
        high = np.max([e.max(axis=-1) for e in each], axis=0)
        y = self._average(each)
        for _ in range(STEPS):
            at = y[:, None]
            short = self._average(self._each("cdf", eta, at)) - prob
            low, high = np.where(short < 0.0, y, low), np.where(short > 0.0, y, high)
            slope = self._average([np.exp(d) for d in self._each("log_density", eta, at)])
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                step = y - short / slope
            inside = (step >= low) & (step <= high)
            new = np.where(inside, step, 0.5 * (low + high))
            done = (np.abs(short) <= CLOSE) | (np.abs(new - y) <= 2 * np.spacing(np.abs(y)))
            y = np.where(np.abs(short) <= CLOSE, y, new)
            if np.all(done):
                break
        return y


def beside(
    found: Any, draws: Draws, X: Any, points: Points, level: float, kind: str
) -> pd.DataFrame:
    """Means, or means and sds, with the bounds of an interval beside them."""
    mean, sd = found if isinstance(found, tuple) else (found, None)
    return table(X, level, mean, Mixture.of([draws]).interval(points, level, kind), sd)


def table(
    X: Any, level: float, mean: Array, bounds: Array, sd: Array | None = None
) -> pd.DataFrame:
    """Predictions as a table: mean, sd where asked, and bounds; rows labelled as those of X."""
    import pandas as pd

    index = X.index if isinstance(X, pd.DataFrame) else None
    columns = {"mean": mean} | ({} if sd is None else {"sd": sd})
    columns |= dict(zip(interval_names(level), bounds, strict=True))
    return pd.DataFrame(columns, index=index)
