"""Figure of whether a model describes its data: a panel for each question that a figure answers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.language.errors import NotSupported
from bayesreg.language.text import shortened
from bayesreg.plots.canvas import INK, MUTED, Mark, axes_grid, dress, marks

POINTS = 2000  # more dots than this are a blot
COLUMNS = 4  # strong columns that get a panel
BINS = 20
FARTHEST = 8.0  # scales of an error that are counted by a pass over rows
Values = NDArray[np.float64]


def plot_adequacy(found: Any, ax: Any = None, *, mark: Mark | None = None) -> NDArray[np.object_]:
    """Predicted against observed, spread, normal quantiles, LOO-PIT, residuals by strong column.

    Parameters
    ----------
    found : Adequacy
        ``post.adequacy``.
    ax : array of matplotlib.axes.Axes, optional
        Four and one per strong column, at most eight; by default those of a new figure.
    mark : Mark, optional
        Colour of the prior.

    Returns
    -------
    ndarray of matplotlib.axes.Axes
        At most 2 000 rows, evenly spaced. Lines are means of rows in order (tenths of them); the
        band about the PITs is what 95 % of uniform ones keep to, bin by bin.

    Raises
    ------
    NotSupported
        If nothing was judged, or y stands for one of two labels: see ``post.plot("ppc")``.
    """
    rows = found.residuals
    if rows is None or rows.labels:
        raise NotSupported("these panels are of a response that is a number, with rows to judge")
    columns = [j for j in rows.strong if np.ptp(rows.design.X[:, j]) > 0.0][:COLUMNS]
    panels = axes_grid(ax, 4 + len(columns), 4, (2.3, 2.1))
    colour = (mark or marks([""])[""]).colour
    pick = np.linspace(0, rows.design.n - 1, min(POINTS, rows.design.n)).astype(int)
    _predicted(panels[0], rows, pick, colour)
    _spread(panels[1], rows, pick, colour)
    _quantiles(panels[2], rows, colour)
    _uniform(panels[3], rows, colour)
    for panel, j in zip(panels[4:], columns, strict=True):
        x = rows.design.X[:, j]
        _scatter(panel, x, rows.standardized, pick, colour)
        panel.axhline(0.0, color=MUTED, linewidth=0.8, zorder=0)
        dress(panel, title=_unit(rows), x=shortened(rows.design.names[j], 22))
    return panels


def _predicted(panel: Any, rows: Any, pick: NDArray[np.intp], colour: str) -> None:
    y = rows.design.y
    panel.plot(rows.left_out[pick], y[pick], "o", color=colour, ms=2.4, alpha=0.4, mew=0)
    ends = [min(rows.left_out.min(), y.min()), max(rows.left_out.max(), y.max())]
    panel.plot(ends, ends, color=INK, linewidth=0.9)
    dress(panel, title=shortened(rows.design.y_name, 24), x="predicted, left out")


def _unit(rows: Any) -> str:
    """What residuals are measured in."""
    return "residual, in σ" if rows.normal else "quantile residual"


def _spread(panel: Any, rows: Any, pick: NDArray[np.intp], colour: str) -> None:
    _scatter(panel, rows.fitted, np.sqrt(np.abs(rows.standardized)), pick, colour)
    dress(panel, title="√|residual|", x="fitted")


def _quantiles(panel: Any, rows: Any, colour: str) -> None:
    own = rows.likelihood.has_sigma and not rows.normal
    r = np.sort(rows.scaled if own else rows.standardized)
    at = np.unique(np.linspace(0, len(r) - 1, min(POINTS, len(r))).astype(int))
    law = rows.quantile((at + 0.5) / len(r))
    panel.plot(law, r[at], "o", color=colour, ms=2.4, alpha=0.6, mew=0)
    panel.plot(law[[0, -1]], law[[0, -1]], color=INK, linewidth=0.9)
    which = f"quantile of {rows.likelihood.noun}" if own else "normal quantile"
    dress(panel, title="residual, in σ" if own else _unit(rows), x=which)


def _uniform(panel: Any, rows: Any, colour: str) -> None:
    from scipy.stats import binom

    n, bins = len(rows.pit), int(np.clip(len(rows.pit) // 10, 5, BINS))
    counts = np.histogram(rows.pit, bins, (0.0, 1.0))[0]
    low, high = (binom.ppf(q, n, 1.0 / bins) for q in (0.025, 0.975))
    panel.axhspan(low, high, color=MUTED, alpha=0.18, linewidth=0)
    panel.stairs(counts, np.linspace(0.0, 1.0, bins + 1), color=colour, linewidth=1.2)
    panel.set_ylim(bottom=0.0)
    panel.set_yticks([])
    dress(panel, title="rows", x="LOO-PIT")


def _scatter(panel: Any, x: Values, y: Values, pick: NDArray[np.intp], colour: str) -> None:
    """Points, and the mean of y over tenths of the rows in the order of x."""
    panel.plot(x[pick], y[pick], "o", color=colour, ms=2.4, alpha=0.4, mew=0)
    parts = [p for p in np.array_split(np.argsort(x, kind="stable"), 10) if len(p)]
    means = [(x[p].mean(), y[p].mean()) for p in parts]
    panel.plot(*np.transpose(means), color=INK, linewidth=1.1)


def plot_left_out(found: Any, ax: Any = None, *, mark: Mark | None = None) -> NDArray[np.object_]:
    """What a pass over all rows says: the LOO-PIT, and errors by predicted value.

    Parameters
    ----------
    found : StreamedLOO
        ``post.loo()`` of rows that are read in passes.
    ax : array of matplotlib.axes.Axes, optional
        Two; by default those of a new figure.
    mark : Mark, optional
        Colour of the prior.

    Returns
    -------
    ndarray of matplotlib.axes.Axes
        Of every row; what lies beyond the edges of the right panel is not drawn.
    """
    panels = axes_grid(ax, 2, 2, (3.9, 2.7))
    colour = (mark or marks([""])[""]).colour
    bins = len(found.pit)
    height = found.pit * bins / found.pit.sum()
    panels[0].stairs(height, np.linspace(0.0, 1.0, bins + 1), color=colour, fill=True, alpha=0.5)
    panels[0].axhline(1.0, color=MUTED, linewidth=0.8)
    panels[0].set_ylim(bottom=0.0)
    dress(panels[0], title="LOO-PIT", x="P(Y ≤ y), row left out")
    inner = found.seen[1:-1, 1:-1]
    down = np.linspace(-FARTHEST, FARTHEST, inner.shape[1] + 1)
    middle, rows = (down[1:] + down[:-1]) / 2.0, inner.sum(axis=1)
    shades = np.ma.masked_equal(np.log10(np.maximum(inner.T, 1e-300)), -300.0)
    panels[1].pcolormesh(found.edges, down, shades, cmap="Greys", rasterized=True)
    mean = np.divide(inner @ middle, rows, out=np.full(len(rows), np.nan), where=rows > 0.0)
    panels[1].plot((found.edges[1:] + found.edges[:-1]) / 2.0, mean, color=colour, linewidth=1.4)
    panels[1].axhline(0.0, color=MUTED, linewidth=0.8)
    dress(panels[1], title="rows (log scale)", x="predicted", y="error / its scale")
    return panels
