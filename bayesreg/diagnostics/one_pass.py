"""Leave-one-out in one pass over rows that are never all in memory: one map and one sum.

Each block of rows gives its sums: log densities and their spread, histograms of P(Y ≤ y) and of
errors by fitted values, the rows that were least expected, and squared errors by random group, from
which a bootstrap over rows is had. What is added up has a size that rows do not change.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.data.sampled import hash64
from bayesreg.language.arguments import Array

if TYPE_CHECKING:
    from bayesreg.data.stores.parts import Part
    from bayesreg.engines.draws import Draws

BINS = 100  # of P(Y ≤ y)
ACROSS, REACH = 60, 6.0  # bins of fitted values, and how many of their sds on either side
DOWN, FARTHEST = 64, 8.0  # bins of errors, and how many of their scales on either side
GROUPS = 4000  # of rows at random, as many as a bootstrap has replicates
SUMS = ("w", "w·w", "w·y", "w·y²", "w·e", "w·e²", "w·r", "w·r²")  # of each group
WORST = 10  # rows that were least expected


@dataclass(frozen=True, eq=False)
class Worst:
    """The rows of smallest log density, first the smallest.

    Attributes
    ----------
    elpd, y, fitted, error : ndarray (k,)
        Log p(y_i | y_-i), y, E(y_i | y_-i), and y less that in units of its scale.
    rows, runs : ndarray of int (k,)
    """

    elpd: Array
    y: Array
    fitted: Array
    error: Array
    rows: NDArray[np.intp]
    runs: NDArray[np.intp]

    def __add__(self, other: Worst) -> Worst:
        """The smallest of both."""
        both = Worst(*(np.concatenate(pair) for pair in zip(self, other, strict=True)))
        return both.first()

    def __iter__(self) -> Any:
        return iter(vars(self).values())

    def first(self) -> Worst:
        """The first few."""
        order = np.lexsort((self.rows, self.runs, self.elpd))[:WORST]
        return Worst(*(values[order] for values in self))


@dataclass(frozen=True, eq=False)
class Passed:
    """What one pass says of rows left out.

    Attributes
    ----------
    rows : int
    size, elpd, spread, lppd : float
        Σw, Σw·v, Σw(v − v̄)² with v = log p(y_i | y_-i), and Σw·log p(y_i | y).
    pit : ndarray (BINS,)
        Weights of rows by P(Y_i ≤ y_i | y_-i), from 0 to 1.
    seen : ndarray (ACROSS + 2, DOWN + 2)
        Weights of rows by fitted value and error in units of its scale, what is beyond outermost.
    groups : ndarray (8, GROUPS)
        Σw, Σw², Σw(y − ȳ), Σw(y − ȳ)², Σwe, Σwe², Σwr and Σwr², e = y_i − E(y_i | y_-i) and
        r = y_i − E(y_i | y), by random group of rows.
    worst : Worst
    edges : ndarray (ACROSS + 1,)
        Between which fitted values are counted.
    """

    rows: int
    size: float
    elpd: float
    spread: float
    lppd: float
    pit: Array
    seen: Array
    groups: Array
    worst: Worst
    edges: Array

    def __add__(self, other: Passed) -> Passed:
        """Those of both sets of rows; spreads as Chan, Golub & LeVeque (1983) merge them."""
        size = self.size + other.size
        gap = other.elpd / other.size - self.elpd / self.size
        return Passed(
            self.rows + other.rows,
            size,
            self.elpd + other.elpd,
            self.spread + other.spread + gap * gap * (self.size * other.size / size),
            self.lppd + other.lppd,
            self.pit + other.pit,
            self.seen + other.seen,
            self.groups + other.groups,
            self.worst + other.worst,
            self.edges,
        )


@dataclass(frozen=True, eq=False)
class LeavingOut:
    """A map: a block of rows to what it says of each row when that is left out.

    Attributes
    ----------
    leaving : object
        Whose `of` leaves rows out: see ``gaussian.exact_loo.Leaving`` and `ExpandedLeaving`.
    y_mean : float
        About which y is squared.
    fitted : tuple of float
        Mean and sd of fitted values less offset, which say where their bins are.
    """

    leaving: Any
    y_mean: float
    fitted: tuple[float, float]

    @classmethod
    def of(cls, draws: Draws, leaving: Any) -> LeavingOut:
        """Of a posterior; the bins are about its mean."""
        if leaving.fitted is not None:
            return cls(leaving, draws.problem.moments.y_mean, leaving.fitted)
        moments, beta = draws.problem.moments, draws.beta.mean(axis=(0, 1))
        square = float(moments.quadratic(np.append(beta, 0.0)[None])[0])
        mean = float(draws.intercept.mean() + moments.x_mean @ beta)
        sd = float(np.sqrt(max(square, 0.0) / moments.n))
        return cls(leaving, moments.y_mean, (mean, sd))

    @property
    def edges(self) -> Array:
        """Where the bins of fitted values begin and end (ACROSS + 1,)."""
        mean, sd = self.fitted
        return mean + (sd or 1.0) * np.linspace(-REACH, REACH, ACROSS + 1)

    def __call__(self, part: Part) -> Passed:
        """Of one block."""
        w = part.weights
        found = self.leaving.of(part)
        found.refuse_undefined(lambda i: f"row {part.rows[i]}")
        w = np.ones(len(part)) if w is None else w
        value, error = found.elpd, found.error
        z, below = found.predicted()
        size, total = float(w.sum()), float(w @ value)
        return Passed(
            len(part),
            size,
            total,
            float(w @ np.square(value - total / size)),
            float(w @ found.lppd),
            np.bincount(np.minimum((below * BINS).astype(np.intp), BINS - 1), w, BINS),
            self._seen(self.leaving.expected(part, error), z, w),
            self._grouped(part, error, found.residual, w),
            self._worst(part, value, error, z),
            self.edges,
        )

    def _seen(self, fitted: Array, z: Array, w: Array) -> Array:
        across = np.searchsorted(self.edges, fitted, side="right")
        down = np.clip(np.floor((z + FARTHEST) * (DOWN / (2 * FARTHEST))), -1, DOWN) + 1
        at = across * (DOWN + 2) + down.astype(np.intp)
        return np.bincount(at, w, (ACROSS + 2) * (DOWN + 2)).reshape(ACROSS + 2, DOWN + 2)

    def _grouped(self, part: Part, e: Array, r: Array, w: Array) -> Array:
        group = (hash64(part.rows, part.run) % np.uint64(GROUPS)).astype(np.intp)
        y = part.y - self.y_mean
        values = (w, w * w, w * y, w * y * y, w * e, w * e * e, w * r, w * r * r)
        return np.stack([np.bincount(group, one, GROUPS) for one in values])

    def _worst(self, part: Part, value: Array, error: Array, z: Array) -> Worst:
        first = np.arange(len(value))
        if len(value) > WORST:
            bound = np.partition(value, WORST - 1)[WORST - 1]
            first = np.flatnonzero(value <= bound)
        runs = np.full(len(first), part.run)
        y = part.y[first]
        return Worst(value[first], y, y - error[first], z[first], part.rows[first], runs).first()


@dataclass(frozen=True, eq=False)
class Together:
    """A map: a block of rows to what it says under each of several posteriors, read once."""

    maps: tuple[LeavingOut, ...]

    def __call__(self, part: Part) -> Each:
        """Of one block."""
        return Each(tuple(one(part) for one in self.maps))


@dataclass(frozen=True, eq=False)
class Each:
    """What passes say under several posteriors."""

    passed: tuple[Passed, ...]

    def __add__(self, other: Each) -> Each:
        """Those of both sets of rows."""
        return Each(tuple(one + two for one, two in zip(self.passed, other.passed, strict=True)))
