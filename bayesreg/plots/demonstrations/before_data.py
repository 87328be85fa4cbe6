"""What priors expect before the data, and what data can say."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.language.misnamed import explained
from bayesreg.language.text import labels
from bayesreg.plots.canvas import COLOURS, INK, MUTED, axes_grid, dress, stripes
from bayesreg.plots.paths import log_ticks


@explained
def plot_before_data(before_data: Any, ax: Any = None) -> NDArray[np.object_]:
    """R², largest effect and number of effects under each prior; what of a prior y leaves.

    Parameters
    ----------
    before_data : BeforeData
        Result of ``br.demonstrate.before_data``.
    ax : array of matplotlib.axes.Axes, optional
        Four axes; by default those of a new figure of pyplot's.

    Returns
    -------
    ndarray of matplotlib.axes.Axes
        Dot: median; thick line: the central 50 %; thin: 90 %.
    """
    found = before_data
    panels = axes_grid(ax, 4, 2, (3.7, 1.3 + 0.16 * max(len(found.names), 6)))
    where = np.arange(len(found.names))[::-1].astype(float)
    texts = labels(found.names, 22)
    for k, (words, quantiles) in enumerate(found.quantiles.items()):
        panel = panels[k]
        stripes(panel, where)
        panel.hlines(where, quantiles[:, 0], quantiles[:, 4], color=MUTED, linewidth=1.0, zorder=2)
        panel.hlines(
            where, quantiles[:, 1], quantiles[:, 3], color=COLOURS[0], linewidth=3.2, zorder=3
        )
        panel.plot(quantiles[:, 2], where, "o", color=INK, ms=4.0, zorder=4)
        panel.set_yticks(where, texts if k != 1 or ax is not None else [], parse_math=False)
        panel.set_ylim(-0.6, len(where) - 0.4)
        dress(panel, x=words.replace(", in", ",\nin"), rules="x")
    panels[0].set_xlim(-0.02, 1.02)
    panels[1].set_xscale("log")
    log_ticks(panels[1].xaxis, *panels[1].get_xlim())
    panels[2].set_xlim(-0.02 * len(found.left), 1.02 * len(found.left))
    _left(panels[3], found)
    return panels


def _left(panel: Any, found: Any) -> None:
    """The share of a normal prior's variance that y leaves, by direction."""
    at, p = np.arange(1.0, len(found.left) + 1.0), len(found.left)
    seen = at <= found.rank
    panel.plot(at[seen], found.left[seen], "o", color=COLOURS[0], ms=3.6)
    if found.rank < p:
        panel.plot(at[~seen], found.left[~seen], "s", color=COLOURS[1], ms=3.6)
        panel.axvline(found.rank + 0.5, color=MUTED, linewidth=0.9, dashes=(4, 3))
    panel.set_ylim(-0.04, 1.06)
    panel.set_xlim(0.0, p + 1.0)
    panel.xaxis.get_major_locator().set_params(integer=True)
    x = f"direction of X, strongest first\nX has rank {found.rank} of {p}"
    dress(panel, x=x, y="prior variance that y leaves", rules="y")
