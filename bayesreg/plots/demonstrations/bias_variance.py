"""Bias, variance and error along λ, and the errors on rows fitted and rows left out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.language.misnamed import explained
from bayesreg.plots.canvas import COLOURS, INK, MUTED, PLAIN, axes_grid, dress, legend
from bayesreg.plots.paths import log_ticks

BIAS, VARIANCE = COLOURS[0], COLOURS[1]


@explained
def plot_bias_variance(bias_variance: Any, ax: Any = None) -> NDArray[np.object_]:
    """Squared bias, variance and their sum along λ; beside them the errors on the real y.

    Parameters
    ----------
    bias_variance : BiasVariance
        Result of ``br.demonstrate.bias_variance``.
    ax : array of matplotlib.axes.Axes, optional
        Two axes; by default those of a new figure of pyplot's.

    Returns
    -------
    ndarray of matplotlib.axes.Axes
        Bands: two Monte Carlo standard errors left, one standard error right; points: the least.
    """
    panels = axes_grid(ax, 2, 2, (3.6, 3.5))
    _parts(panels[0], bias_variance)
    _errors(panels[1], bias_variance)
    lams = bias_variance.lams
    for panel in panels:
        panel.set_xscale("log")
        if lams[0] != lams[-1]:
            panel.set_xlim(lams[0], lams[-1])
        log_ticks(panel.xaxis, float(lams[0]), float(lams[-1]))
    return panels


def _parts(ax: Any, found: Any) -> None:
    """The decomposition, and least squares dotted."""
    handles = []
    for part, colour, dash, width in (
        ("bias2", BIAS, (0, (5, 1.5)), 1.5),
        ("variance", VARIANCE, (0, (1.5, 1)), 1.8),
        ("error", INK, "-", 1.8),
    ):
        y, se = getattr(found, part), getattr(found, f"{part}_se")
        (handle,) = ax.plot(found.lams, y, color=colour, linestyle=dash, linewidth=width)
        handles.append(handle)
        if np.any(se > 0):
            ax.fill_between(found.lams, y - 2 * se, y + 2 * se, color=colour, alpha=0.18, lw=0)
    handles.append(ax.axhline(found.least_squares, color=MUTED, linewidth=0.9, linestyle="-."))
    k = found.best
    ax.plot(found.lams[k], found.error[k], "o", color=INK, ms=5.5, zorder=5)
    ax.set_ylim(0.0, max(1.6 * found.least_squares, 1.3 * float(found.error[k])))
    how = f"{found.replications} simulated y's" if found.replications else "exact"
    dress(ax, x=f"λ (logarithmic); {how}", y="over σ², per row", rules="y")
    names = ["bias²", "variance", "error, their sum", "least squares"]
    legend(ax, handles, names, ncols=2)


def _errors(ax: Any, found: Any) -> None:
    """Errors on the rows that were fitted and on rows that were left out."""
    (seen,) = ax.plot(
        found.lams, found.training, color=BIAS, linestyle=(0, (5, 1.5)), linewidth=1.5
    )
    (left,) = ax.plot(found.lams, found.held_out, color=VARIANCE, linewidth=1.8)
    low, high = found.held_out - found.held_out_se, found.held_out + found.held_out_se
    ax.fill_between(found.lams, low, high, color=VARIANCE, alpha=0.18, linewidth=0)
    k = int(np.argmin(found.held_out))
    ax.plot(found.lams[k], found.held_out[k], "o", color=VARIANCE, ms=5.5, zorder=5)
    for x, ha, text in ((0.02, "left", "← follows noise"), (0.98, "right", "misses effects →")):
        ax.text(
            x, 0.03, text, transform=ax.transAxes, ha=ha, fontsize=8, color=MUTED, **PLAIN
        )  # fmt: skip
    ax.margins(y=0.12)
    dress(ax, x="λ (logarithmic); the real y", y="mean squared error over σ²", rules="y")
    legend(ax, [seen, left], ["rows fitted", "rows left out (10 folds)"], ncols=1)
