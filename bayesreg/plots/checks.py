"""Figures that question a result: agreement of engines, replicated data, residuals, chains."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.language.errors import BadArgument, NotSupported
from bayesreg.language.text import labels, shortened
from bayesreg.plots.canvas import COLOURS, INK, MUTED, Mark, axes, axes_grid, dress, legend, marks
from bayesreg.plots.counts import bars, quantile_residuals
from bayesreg.plots.densities import curve_of
from bayesreg.plots.shares import binned_residuals, calibration, thinned

if TYPE_CHECKING:
    from matplotlib.axes import Axes


REPLICATES = 40
POINTS = 2000  # more dots than this are a blot


def plot_agreement(comparison: Any, ax: Any = None) -> NDArray[np.object_]:
    """Differences of two engines in units of their Monte Carlo error, against N(0, 1).

    Parameters
    ----------
    comparison : Comparison
        Result of ``br.compare(…, verify=True)``.
    ax : array of matplotlib.axes.Axes, optional
        One per verified prior; by default those of a new figure of pyplot's.

    Returns
    -------
    ndarray of matplotlib.axes.Axes
        One histogram of z per prior; dashed: the limit that a correct engine keeps to.

    Raises
    ------
    BadArgument
        If no posterior was verified.
    """
    found = {k: e.agreement for k, e in comparison.entries.items() if e.agreement is not None}
    if not found:
        raise BadArgument("no engine was checked against PyMC here: use compare(…, verify=True)")
    panels = axes_grid(ax, len(found), 3, (2.6, 2.1))
    styles = marks(comparison.entries)
    grid = np.linspace(-5.0, 5.0, 201)
    for one, (name, agreement) in zip(panels, found.items(), strict=True):
        z = agreement.table["z"].to_numpy(float)
        z = z[np.isfinite(z)]
        reach = max(4.5, 1.1 * float(np.max(np.abs(z), initial=0.0)))
        bins = np.linspace(-reach, reach, 28)
        one.hist(z, bins=bins, density=True, color=styles[name].colour, alpha=0.45, linewidth=0)
        one.plot(grid, np.exp(-0.5 * grid**2) / np.sqrt(2 * np.pi), color=INK, linewidth=1.0)
        for side in (-agreement.limit, agreement.limit):
            one.axvline(side, color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)))
        one.set_yticks([])
        dress(one, title=f"{shortened(name, 24)}: {len(z)} statistics", x="z")
    return panels


def plot_ppc(post: Any, ax: Axes | None = None, *, seed: int = 0, mark: Mark | None = None) -> Axes:
    """Density of the observed y over those of 40 replicated data sets, noise included.

    Counts have bars in place of a density, over those of 200 replicates. For a yes/no response and
    for successes among trials it is `plot_shares`.

    Parameters
    ----------
    post : Posterior
        Result of ``br.sample`` on rows.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure of pyplot's.
    seed : int, default 0
        Of the replicates' noise.
    mark : Mark, optional
        Colour of the prior.

    Returns
    -------
    matplotlib.axes.Axes
        At most 2 000 rows, evenly spaced, of 40 draws, evenly spaced.

    Raises
    ------
    NotSupported
        If the posterior has no rows.
    """
    post = post.at_hand
    rows, y = _rows(post)
    likelihood = post.problem.likelihood
    if likelihood.takes_labels or likelihood.takes_trials:
        return calibration(post, rows, y, axes(ax, 6.4, 3.4), mark or marks([""])[""])
    if likelihood.counts:
        return bars(post, rows, y, axes(ax, 6.4, 3.4), seed, mark or marks([""])[""])
    (replicated,) = post.posterior_predictive(seed=seed, draws=REPLICATES, rows=rows)
    ax = axes(ax, 6.4, 3.4)
    colour = (mark or marks([""])[""]).colour
    handle: Any = None
    for one in replicated:
        (handle,) = ax.plot(*curve_of(one), color=colour, linewidth=0.7, alpha=0.35)
    (observed,) = ax.plot(*curve_of(y), color=INK, linewidth=1.8)
    ax.set_yticks([])
    ax.set_ylim(bottom=0.0)
    dress(ax, x=f"{shortened(post.problem.design.y_name)}{thinned(post, len(y))}")
    legend(ax, [observed, handle], ["observed", f"replicated ({len(replicated)})"])
    return ax


def plot_shares(post: Any, ax: Axes | None = None, *, mark: Mark | None = None) -> Axes:
    """Observed shares against predicted probabilities, in bins of rows of like probability.

    Each row is predicted from the others (leave-one-out), and the intervals are the exact 95 %
    binomial ones (Clopper & Pearson 1934); bars count rows of no at the foot and of yes at the top.

    Parameters
    ----------
    post : Posterior
        Of a yes/no response, or of successes among trials, on rows.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure of pyplot's.
    mark : Mark, optional
        Colour of the prior.

    Returns
    -------
    matplotlib.axes.Axes
        At most 2 000 rows, evenly spaced; the axis says so.

    Raises
    ------
    NotSupported
        If the response has no probabilities of this kind, or the posterior has no rows.
    """
    post = post.at_hand
    rows, y = _rows(post)
    likelihood = post.problem.likelihood
    if not (likelihood.takes_labels or likelihood.takes_trials):
        raise NotSupported(
            "a calibration plot is of yes/no, or of successes among trials: br.Bernoulli(), "
            'br.Binomial(); post.plot("ppc") draws any response'
        )
    return calibration(post, rows, y, axes(ax, 6.4, 3.4), mark or marks([""])[""])


def plot_residuals(
    post: Any, ax: Axes | None = None, *, seed: int = 0, mark: Mark | None = None
) -> Axes:
    """Residuals against fitted values, both at the posterior mean.

    Of counts, and of successes, the normal quantiles of P(Y ≤ y) with y anywhere on its step, which
    are normal under the model (Dunn & Smyth 1996, Journal of Computational and Graphical Statistics
    5(3)): within ±2 for nineteen of twenty rows, everywhere.

    A yes/no response has two residuals at each fitted value, so for it they are the means of bins
    of rows with like predicted probabilities (Gelman & Hill 2007, *Data Analysis Using Regression
    and Multilevel/Hierarchical Models*, §5.6), over a band of two standard errors.

    Parameters
    ----------
    post : Posterior
        Result of ``br.sample`` on rows.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure of pyplot's.
    seed : int, default 0
        Of the places on the steps.
    mark : Mark, optional
        Colour of the prior.

    Returns
    -------
    matplotlib.axes.Axes
        At most 2 000 rows, evenly spaced; the axis says so.

    Raises
    ------
    NotSupported
        If the posterior has no rows.
    """
    post = post.at_hand
    rows, y = _rows(post)
    if post.problem.likelihood.takes_labels:
        return binned_residuals(post, rows, y, axes(ax, 6.4, 3.4), mark or marks([""])[""])
    if post.problem.likelihood.counts:
        return quantile_residuals(post, rows, y, axes(ax, 6.4, 3.4), seed, mark or marks([""])[""])
    ax, points = axes(ax, 6.4, 3.4), post.problem.design.points.take(rows)
    beta, intercept = np.mean(post.draws.beta, axis=(0, 1)), np.mean(post.draws.intercept)
    centre = {name: np.atleast_1d(np.mean(own)) for name, own in post.draws.theta.items()}
    at = points.under(beta[None], np.atleast_1d(intercept), centre)
    fitted = post.problem.likelihood.mean(*at)[:, 0]
    colour = (mark or marks([""])[""]).colour
    ax.plot(fitted, y - fitted, "o", color=colour, ms=3.2, alpha=0.5, mew=0)
    ax.axhline(0.0, color=MUTED, linewidth=0.8, zorder=0)
    dress(ax, x=f"fitted value{thinned(post, len(y))}", y="residual", rules="y")
    return ax


def plot_trace(post: Any, ax: Any = None) -> NDArray[np.object_]:
    """Draws in order, one line per chain: σ and its like, scales, the three largest coefficients.

    Parameters
    ----------
    post : Posterior
        Result of ``br.sample``.
    ax : array of matplotlib.axes.Axes, optional
        One per unknown; by default those of a new figure of pyplot's.

    Returns
    -------
    ndarray of matplotlib.axes.Axes
    """
    unknowns = dict(_unknowns(post))
    panels = axes_grid(ax, len(unknowns), 1, (7.2, 1.2))
    for one, (name, values) in zip(panels, unknowns.items(), strict=True):
        for chain, colour in zip(values, cycle(COLOURS)):
            one.plot(chain, color=colour, linewidth=0.5, alpha=0.7)
        dress(one, title=shortened(name))
    return panels


def plot_rank(post: Any, ax: Any = None) -> NDArray[np.object_]:
    """Histogram of the ranks of each chain's draws among all: flat where the chains mix.

    Parameters
    ----------
    post : Posterior
        Result of ``br.sample``.
    ax : array of matplotlib.axes.Axes, optional
        One per unknown; by default those of a new figure of pyplot's.

    Returns
    -------
    ndarray of matplotlib.axes.Axes
        Vehtari et al. (2021), *Bayesian Analysis* 16(2), figure 4.
    """
    unknowns = dict(_unknowns(post))
    panels = axes_grid(ax, len(unknowns), 3, (2.5, 1.5))
    for one, (name, values) in zip(panels, unknowns.items(), strict=True):
        rank = np.argsort(np.argsort(values.ravel(), kind="stable"), kind="stable")
        edges = np.linspace(0, values.size, 21)
        for chain, colour in zip(rank.reshape(values.shape), cycle(COLOURS)):
            counts = np.histogram(chain, edges)[0]
            one.stairs(counts, edges, color=colour, linewidth=1.0, baseline=None)
        one.axhline(values.shape[1] / 20, color=MUTED, linewidth=0.8, linestyle=(0, (4, 3)))
        one.set_ylim(bottom=0.0)
        one.set_yticks([])
        dress(one, title=shortened(name, 24))
    return panels


def _unknowns(post: Any) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """The likelihood's own unknowns and the scales, then the three largest coefficients."""
    draws, problem = post.draws, post.problem
    for name, values in draws.theta.items():
        if np.ptp(values) > 0:
            yield name, values
    names = labels(draws.scale_labels)
    for k, label in enumerate(names):
        yield ("scale" if len(names) == 1 else f"scale of {label}"), draws.scale[..., k]
    size = np.abs(np.mean(draws.beta, axis=(0, 1))) * np.asarray(problem.column_sd)
    for j in np.argsort(-size, kind="stable")[:3]:
        yield str(problem.features[j]), draws.beta[..., j]


def _rows(post: Any) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """At most `POINTS` rows, evenly spaced, and their y."""
    design = post.problem.design
    if design is None:
        raise NotSupported(f"this figure needs rows, and {post.problem.rowless}")
    pick = np.linspace(0, len(design.y) - 1, min(POINTS, len(design.y))).astype(int)
    return pick, np.asarray(design.y[pick], dtype=float)
