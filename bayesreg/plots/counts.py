"""Figures of counts: the rootogram, bars over replicates, and randomised quantile residuals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.language.arguments import Array
from bayesreg.language.errors import NotSupported
from bayesreg.language.text import shortened
from bayesreg.plots.canvas import INK, MUTED, Mark, axes, dress, legend, marks
from bayesreg.plots.paths import plain_tick
from bayesreg.plots.shares import thinned, weights_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

POINTS = 2000  # rows that are drawn
DRAWS = 200  # over which probabilities are averaged, and replicates
BINS = 40  # of counts; more are put together
FARTHEST = 8.0  # of a normal quantile: beyond it probabilities round to 0 and 1


@dataclass(frozen=True, eq=False)
class _Frequencies:
    """How many rows have a count in each bin: observed, expected, and in replicates.

    Attributes
    ----------
    edges : ndarray of int (B + 1,)
        Bin b holds the counts edges[b], …, edges[b + 1] − 1.
    observed, expected : ndarray (B,)
    low, high : ndarray (B,)
        What 95 % of replicated data sets keep to, bin by bin.
    """

    edges: Array
    observed: Array
    expected: Array
    low: Array
    high: Array

    @classmethod
    def of(cls, post: Any, rows: NDArray[np.intp], y: Array, seed: int) -> _Frequencies:
        """Of some rows: probabilities by the likelihood's distribution function, averaged."""
        weights = weights_of(post, rows)
        (replicated,) = post.posterior_predictive(seed=seed, draws=DRAWS, rows=rows)
        top = max(float(y.max()), float(np.quantile(replicated, 0.999)))
        width = max(1.0, np.ceil((top + 1.0) / BINS))
        edges = np.arange(0.0, top + 1.0 + width, width)
        counts = [np.histogram(one, edges, weights=weights)[0] for one in replicated]
        low, high = np.quantile(counts, [0.025, 0.975], axis=0)
        observed = np.histogram(y, edges, weights=weights)[0]
        return cls(edges, observed, _expected(post, rows, edges, weights), low, high)

    @property
    def centres(self) -> Array:
        """Where the bins are drawn."""
        return 0.5 * (self.edges[:-1] + self.edges[1:] - 1.0)

    @property
    def width(self) -> float:
        """Of one bin."""
        return float(self.edges[1] - self.edges[0])


def plot_rootogram(
    post: Any, ax: Axes | None = None, *, seed: int = 0, mark: Mark | None = None
) -> Axes:
    """Roots of the numbers of rows by count, observed ones hanging from expected ones.

    A bar whose foot is off the zero line by more than the interval there is a count of which there
    are too many (below) or too few (above): Tukey's hanging rootogram, as Kleiber & Zeileis (2016),
    "Visualizing count data regressions using rootograms", The American Statistician 70(3).

    Parameters
    ----------
    post : Posterior
        Of counts, on rows.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure of pyplot's.
    seed : int, default 0
        Of the replicates.
    mark : Mark, optional
        Colour of the prior.

    Returns
    -------
    matplotlib.axes.Axes
        At most 2 000 rows, evenly spaced. Lines about 0: 95 % of 200 replicated data sets.

    Raises
    ------
    NotSupported
        If the response is no count, or the posterior has no rows.
    """
    rows, y = count_rows(post)
    found = _Frequencies.of(post, rows, y, seed)
    ax, colour = axes(ax, 6.4, 3.4), (mark or marks([""])[""]).colour
    top, size = np.sqrt(found.expected), np.sqrt(found.observed)
    at, width = found.centres, 0.86 * found.width
    bars = ax.bar(at, size, width, bottom=top - size, color=colour, alpha=0.4, linewidth=0)
    (line,) = ax.plot(at, top, color=INK, marker="o", ms=2.8, linewidth=1.2, zorder=4)
    ends = (top - np.sqrt(found.high), top - np.sqrt(found.low))
    band = ax.vlines(at, *ends, color=INK, linewidth=1.2, zorder=3)
    ax.axhline(0.0, color=MUTED, linewidth=0.9, zorder=2)
    name = shortened(post.problem.design.y_name)
    dress(ax, x=f"{name}{thinned(post, len(y))}", y="√ rows", rules="y")
    legend(ax, [bars, line, band], ["observed", "expected", "replicated, 95 %"])
    return ax


def bars(post: Any, rows: NDArray[np.intp], y: Array, ax: Axes, seed: int, mark: Mark) -> Axes:
    """How many rows have each count, over the numbers that replicated data sets have."""
    found = _Frequencies.of(post, rows, y, seed)
    at, width = found.centres, 0.86 * found.width
    seen = ax.bar(at, found.observed, width, color=mark.colour, alpha=0.4, linewidth=0)
    band = ax.vlines(at, found.low, found.high, color=INK, linewidth=1.3, zorder=3)
    (dots,) = ax.plot(at, found.expected, "o", color=INK, ms=3.2, zorder=4)
    ax.set_ylim(bottom=0.0)
    name = shortened(post.problem.design.y_name)
    dress(ax, x=f"{name}{thinned(post, len(y))}", y="rows", rules="y")
    legend(ax, [seen, dots, band], ["observed", "expected", "replicated, 95 %"])
    return ax


def quantile_residuals(
    post: Any, rows: NDArray[np.intp], y: Array, ax: Axes, seed: int, mark: Mark
) -> Axes:
    """Normal quantiles of P(Y ≤ y), y anywhere on its step, against fitted means or shares."""
    from matplotlib.ticker import NullFormatter

    residual, fitted = _quantiles(post, rows, y, seed)
    shares = post.problem.likelihood.takes_trials
    if not shares and fitted.min() > 0.0 and fitted.max() > 30.0 * fitted.min():
        ax.set_xscale("log")
        ax.xaxis.set_major_formatter(plain_tick)
        ax.xaxis.set_minor_formatter(NullFormatter())
    for level in (-2.0, 2.0):
        ax.axhline(level, color=MUTED, linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)
    ax.axhline(0.0, color=MUTED, linewidth=0.8, zorder=0)
    ax.plot(fitted, residual, "o", color=mark.colour, ms=3.2, alpha=0.5, mew=0)
    what = "fitted probability" if shares else "fitted count"
    dress(ax, x=f"{what}{thinned(post, len(y))}", y="quantile residual", rules="y")
    return ax


def count_rows(post: Any) -> tuple[NDArray[np.intp], Array]:
    """At most `POINTS` rows, evenly spaced, and their counts."""
    design = post.problem.design
    if design is None or not post.problem.likelihood.counts:
        raise NotSupported(
            "a rootogram is of counts on rows, under br.Poisson(), br.NegativeBinomial() or "
            'br.Binomial(); post.plot("ppc") draws any response'
        )
    pick = np.linspace(0, len(design.y) - 1, min(POINTS, len(design.y))).astype(int)
    return pick, np.asarray(design.y[pick], dtype=float)


def _quantiles(post: Any, rows: NDArray[np.intp], y: Array, seed: int) -> tuple[Array, Array]:
    """Residuals, the same for one seed, and fitted means, or shares of trials.

    Dunn & Smyth (1996), Journal of Computational and Graphical Statistics 5(3), of the predictive
    distribution in place of a fitted one.
    """
    from scipy.special import ndtri

    likelihood, at = post.problem.likelihood, _thinned(post, rows)
    above = likelihood.cdf(y[:, None], *at).mean(axis=1)
    below = likelihood.cdf(y[:, None] - 1.0, *at).mean(axis=1)
    within = np.random.default_rng(seed).random(len(y))
    trials = post.problem.design.trials
    fitted = likelihood.mean(*at).mean(axis=1)
    fitted = fitted if trials is None else fitted / trials[rows]
    found = np.clip(ndtri(below + within * (above - below)), -FARTHEST, FARTHEST)
    return np.asarray(found), np.asarray(fitted)


def _expected(post: Any, rows: NDArray[np.intp], edges: Array, weights: Array) -> Array:
    """Σ w_i P(Y_i in the bin), averaged over draws."""
    at, likelihood = _thinned(post, rows), post.problem.likelihood
    return np.diff([weights @ likelihood.cdf(edge - 1.0, *at).mean(axis=1) for edge in edges])


def _thinned(post: Any, rows: NDArray[np.intp]) -> tuple[Array, dict[str, Array]]:
    """η and θ of some rows under at most `DRAWS` draws, evenly spaced."""
    draws = post.draws
    beta = draws.beta.reshape(draws.intercept.size, -1)
    pick = np.linspace(0, len(beta) - 1, min(DRAWS, len(beta))).astype(int)
    theta = {name: values.reshape(-1)[pick] for name, values in draws.theta.items()}
    points = post.problem.design.points.take(rows)
    found: tuple[Array, dict[str, Array]] = points.under(
        beta[pick], draws.intercept.ravel()[pick], theta
    )
    return found
