"""Figures of yes/no, or of successes, against predicted probabilities, in bins of like rows.

Each probability is that of a row given the others, so that a model that follows its rows too
closely is seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.data.stores.read import grouped
from bayesreg.language.arguments import Array
from bayesreg.language.text import shortened
from bayesreg.plots.canvas import INK, MUTED, PLAIN, RULE, Mark, dress, legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BINS = 10  # of calibration; more rows than 1 000 do not ask for more
CELLS = 30  # of the bars that count rows
TALL = 0.16  # of the height of the figure, for the longest bar


@dataclass(frozen=True, eq=False)
class _Bins:
    """Rows in bins of like predicted probability, about as many in each."""

    predicted: Array
    observed: Array
    counts: Array
    spread: Array

    @classmethod
    def of(cls, p: Array, y: Array, weights: Array, count: int) -> _Bins:
        """The means of p and y, the sum of weights, and √(mean of p(1 − p)) of each bin."""
        edges = np.unique(np.quantile(p, np.linspace(0.0, 1.0, count + 1)[1:-1]))
        which = np.searchsorted(edges, p, side="right")
        rows = [which == k for k in np.unique(which)]

        def mean(values: Array) -> Array:
            return np.array([np.average(values[one], weights=weights[one]) for one in rows])

        counts = np.array([weights[one].sum() for one in rows])
        return cls(mean(p), mean(y), counts, np.sqrt(mean(p * (1.0 - p))))

    @property
    def interval(self) -> tuple[Array, Array]:
        """Exact 95 % interval of each share: Clopper & Pearson (1934), Biometrika 26(4)."""
        from scipy.special import betaincinv

        yes, no = self.counts * self.observed, self.counts * (1.0 - self.observed)
        with np.errstate(invalid="ignore"):
            low = np.where(yes > 0.0, betaincinv(yes, no + 1.0, 0.025), 0.0)
            high = np.where(no > 0.0, betaincinv(yes + 1.0, no, 0.975), 1.0)
        return low, high


def calibration(post: Any, rows: NDArray[np.intp], y: Array, ax: Axes, mark: Mark) -> Axes:
    """Observed share against predicted probability in bins; bars count rows of no and of yes."""
    (p, trials), weights = chances(post, rows), weights_of(post, rows)
    bins = _Bins.of(p, y / trials, weights * trials, max(2, min(BINS, len(y) // 20)))
    _count_rows(ax, p, (weights * (trials - y), weights * y), mark)
    (line,) = ax.plot([0, 1], [0, 1], color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
    ax.vlines(bins.predicted, *bins.interval, color=INK, linewidth=1.3, zorder=3)
    (dots,) = ax.plot(bins.predicted, bins.observed, "o", color=INK, ms=4.5, zorder=4)
    ax.set_xlim(-0.03, 1.03)
    ax.set_ylim(-0.03, 1.03)
    ends = ["0", "0.5", "1"]
    if post.problem.classes_ is not None:
        low, high = (shortened(str(label), 14) for label in post.problem.classes_)
        ends = [f"{low} 0", "0.5", f"{high} 1"]
    ax.set_yticks([0, 0.5, 1], ends, **PLAIN)
    dress(ax, x=_axis(post, len(y)), y="observed share")
    legend(ax, [dots, line], ["observed, 95 % interval", "as predicted"])
    return ax


def binned_residuals(post: Any, rows: NDArray[np.intp], y: Array, ax: Axes, mark: Mark) -> Axes:
    """Mean of y − P in bins of like P, over a band of two standard errors."""
    p, _ = chances(post, rows)
    bins = _Bins.of(p, y, weights_of(post, rows), max(2, int(np.sqrt(len(y)))))
    band = 2.0 * bins.spread / np.sqrt(bins.counts)
    ax.fill_between(bins.predicted, -band, band, color=RULE, alpha=0.6, linewidth=0, zorder=0)
    ax.axhline(0.0, color=MUTED, linewidth=0.8, zorder=1)
    ax.plot(bins.predicted, bins.observed - bins.predicted, "o", color=mark.colour, ms=4.0)
    ax.set_xlim(-0.03, 1.03)
    dress(ax, x=_axis(post, len(y)), y="mean residual of a bin", rules="y")
    return ax


def thinned(post: Any, rows: int) -> str:
    """How many rows are drawn, where these are not all."""
    design = post.problem.design
    if design is not None and design.sampled_of:
        return f" (from {grouped(rows)} of {grouped(design.sampled_of)} rows)"
    total = rows if design is None else len(design.y)
    return "" if total == rows else f" ({rows} of {total} rows, evenly spaced)"


def _axis(post: Any, rows: int) -> str:
    """What is predicted, and how many rows are drawn."""
    classes = post.problem.classes_
    of = "success" if classes is None else f"“{shortened(str(classes[1]), 24)}”"
    return f"predicted probability of {of}, row left out{thinned(post, rows)}"


def _count_rows(ax: Axes, p: Array, sides: tuple[Array, Array], mark: Mark) -> None:
    """How the probabilities of no and of yes spread: bars at the foot, and from the top."""
    edges = np.linspace(0.0, 1.0, CELLS + 1)
    counts = [np.histogram(p, edges, weights=one)[0] for one in sides]
    tallest = max(float(np.max(one)) for one in counts) or 1.0
    for foot, way, one in zip((-0.03, 1.03), (1.0, -1.0), counts, strict=True):
        heights = way * TALL * one / tallest
        ax.bar(
            edges[:-1], heights, 1.0 / CELLS, bottom=foot, align="edge", color=mark.colour,
            alpha=0.3, linewidth=0, zorder=0,
        )  # fmt: skip


def chances(post: Any, rows: NDArray[np.intp]) -> tuple[Array, Array]:
    """P of each row given the others, and of how many trials y counts the successes."""
    design = post.problem.design
    trials = np.ones(len(rows)) if design.trials is None else design.trials[rows]
    return np.clip((design.y[rows] - post.left_out[rows]) / trials, 0.0, 1.0), trials


def weights_of(post: Any, rows: NDArray[np.intp]) -> Array:
    """How often each row counts."""
    weights = post.problem.design.weights
    return np.ones(len(rows)) if weights is None else np.asarray(weights, dtype=float)[rows]
