"""Paths of columns that are alike, under four penalties."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.language.misnamed import explained
from bayesreg.language.text import labels
from bayesreg.plots.canvas import MUTED, RULE, axes_grid, dress, figure_legend, legend, marks
from bayesreg.plots.paths import log_ticks


@explained
def plot_grouping(grouping: Any, ax: Any = None) -> NDArray[np.object_]:
    """Coefficients over λ under lasso, ridge, elastic net and group lasso, the like ones coloured.

    Parameters
    ----------
    grouping : Grouping
        Result of ``br.demonstrate.grouping``.
    ax : array of matplotlib.axes.Axes, optional
        Four axes; by default those of a new figure of pyplot's.

    Returns
    -------
    ndarray of matplotlib.axes.Axes
        One panel for each penalty; other columns grey.
    """
    panels = axes_grid(ax, 4, 2, (3.6, 2.5))
    places, handles = grouping.places, []
    styles = list(marks(grouping.members).values())
    for panel, (kind, effects) in zip(panels, grouping.effects.items(), strict=True):
        lams = grouping.lams[kind]
        rest = [j for j in range(effects.shape[1]) if j not in places]
        for j in rest:
            panel.plot(lams, effects[:, j], color=RULE, linewidth=0.9, zorder=1)
        handles = [
            panel.plot(
                lams, effects[:, j], color=mark.colour, linestyle=mark.dash, linewidth=1.7, zorder=3
            )[0]
            for j, mark in zip(places, styles, strict=True)
        ]
        panel.axhline(0.0, color=MUTED, linewidth=0.8, zorder=2)
        panel.set_xscale("log")
        panel.set_xlim(lams[0], lams[-1])
        log_ticks(panel.xaxis, float(lams[0]), float(lams[-1]))
        dress(panel, x="λ₂" if kind == "ridge" else "λ₁", title=_titled(grouping, kind), rules="y")
    for panel in panels[::2]:
        panel.set_ylabel("effect of one sd")
    texts = labels(grouping.members, 24)
    if ax is None:
        figure_legend(panels[0].figure, handles, texts)
    else:
        legend(panels[1], handles, texts, loc="best", bbox_to_anchor=None, ncols=1)
    return panels


def _titled(grouping: Any, kind: str) -> str:
    """The penalty, and what of it is fixed."""
    return f"{kind}, λ₂ = {grouping.l2:.3g}" if kind == "elastic net" else kind
