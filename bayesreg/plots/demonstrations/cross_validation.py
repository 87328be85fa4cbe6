"""Cross-validated error along λ, with bars."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.language.misnamed import explained
from bayesreg.language.text import number
from bayesreg.plots.canvas import COLOURS, INK, MUTED, PAPER, PLAIN, axes, dress, legend
from bayesreg.plots.paths import log_ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TICKS = 5  # of the degrees of freedom, above


@explained
def plot_cross_validation(cross_validation: Any, ax: Axes | None = None) -> Axes:
    """Error of rows left out with one standard error each way, along λ.

    Parameters
    ----------
    cross_validation : ErrorCurve
        Result of ``br.demonstrate.cross_validation``.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure of pyplot's.

    Returns
    -------
    matplotlib.axes.Axes
        Solid line: the least error; dashed: the largest λ within one standard error of it.
    """
    found = cross_validation
    ax = axes(ax, 5.6, 3.6)
    ax.set_xscale("log")
    bars = ax.errorbar(
        found.lams, found.error, yerr=np.where(np.isfinite(found.se), found.se, 0.0), fmt="o",
        color=COLOURS[1], ecolor=MUTED, ms=3.6, elinewidth=0.9,
    )  # fmt: skip
    best = ax.axvline(found.lam, color=INK, linewidth=1.0, zorder=1)
    handles, names = [bars, best], ["error ± 1 se", f"least: λ = {number(found.lam)}"]
    at = found.at(found.lam)
    if np.isfinite(found.se[at]):
        handles.append(ax.axvline(found.lam_1se, color=INK, linewidth=1.0, dashes=(4, 3), zorder=1))
        names.append(f"1 se rule: λ = {number(found.lam_1se)}")
        ax.axhline(
            found.error[at] + found.se[at], color=COLOURS[1], linewidth=0.8, dashes=(2, 2), zorder=1
        )
    low, high = float(found.lams[0]), float(found.lams[-1])
    edge = (high / low) ** 0.02 if high > low else 1.1
    ax.set_xlim(low / edge, high * edge)
    log_ticks(ax.xaxis, low, high)
    dress(ax, x="λ (logarithmic)", y=f"{found.unit},\n{found.splits} splits", rules="y")
    _degrees(ax, found)
    clear = {"frameon": True, "facecolor": PAPER, "edgecolor": "none", "framealpha": 0.9}
    legend(ax, handles, names, loc="best", bbox_to_anchor=None, ncols=1, fontsize=7.5, **clear)
    return ax


def _degrees(ax: Axes, found: Any) -> None:
    """Effective degrees of freedom at some of the λ's, above."""
    shown = np.unique(np.linspace(0, len(found.lams) - 1, TICKS).round().astype(int))
    shown = shown[np.isfinite(found.df[shown])]
    top = ax.secondary_xaxis("top")
    top.set_ticks(
        found.lams[shown], labels=[f"{round(found.df[k], 1):g}" for k in shown], minor=False
    )
    top.set_ticks([], minor=True)
    top.set_xlabel("effective degrees of freedom", fontsize=8.5, color=MUTED, labelpad=5, **PLAIN)
    top.tick_params(length=0, labelsize=8, labelcolor=MUTED)
    top.spines["top"].set_visible(False)
