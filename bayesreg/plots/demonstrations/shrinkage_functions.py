"""What priors make of an observed effect, and ridge of each singular direction."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.language.misnamed import explained
from bayesreg.language.text import labels
from bayesreg.plots.canvas import (
    COLOURS,
    MUTED,
    PAPER,
    RULE,
    axes_grid,
    dress,
    figure_legend,
    inside,
    marks,
)
from bayesreg.plots.paths import log_ticks


@explained
def plot_shrinkage_functions(functions: Any, ax: Any = None) -> NDArray[np.object_]:
    """Posterior mean, median and mode against the observed effect, one line per prior.

    Parameters
    ----------
    functions : ShrinkageFunctions
        Result of ``br.demonstrate.shrinkage_functions``.
    ax : array of matplotlib.axes.Axes, optional
        Three axes, four where there are singular directions; by default those of a new figure of
        pyplot's.

    Returns
    -------
    ndarray of matplotlib.axes.Axes
        In grey the effect itself; a mode is not drawn where there is none.
    """
    ridge = functions.directions
    panels = axes_grid(ax, 3 + (ridge is not None), 2 if ridge else 3, (3.3, 3.2))
    end, handles = float(functions.observed[-1]), list[Any]()
    for panel, what in zip(panels, ("mean", "median", "mode"), strict=False):
        panel.plot([0.0, end], [0.0, end], color=MUTED, linewidth=0.8, label="_effect")
        handles = []
        for mark, values in zip(
            marks(functions.names).values(), getattr(functions, what), strict=True
        ):
            line = {"color": mark.colour, "linestyle": mark.dash, "linewidth": 1.6}
            # A jump of the mode is no slope: the line is broken there.
            jumps = np.flatnonzero(np.diff(values) > 10.0 * end / len(values)) + 1
            x, y = (np.insert(one, jumps, np.nan) for one in (functions.observed, values))
            handles += panel.plot(x, y, **line)
        panel.set_xlim(0.0, end)
        panel.set_ylim(-0.02 * end, end)
        dress(panel, x="observed effect b̂, standard errors", title=f"posterior {what}")
        panel.grid(True, color=RULE, linewidth=0.6)
    if ridge is not None:
        _draw_directions(panels[3], ridge)
    if ax is None:
        figure_legend(panels[0].figure, handles, labels(functions.names))
    else:
        inside(panels[0], handles, functions.names, "upper left")
    return panels


def _draw_directions(panel: Any, ridge: Any) -> None:
    """The share kept, against the singular value."""
    low, high = float(np.min(ridge.singular)), float(np.max(ridge.singular))
    ends = min(low, ridge.lam**0.5) / 2.0, 2.0 * max(high, ridge.lam**0.5)
    d = np.geomspace(*ends, 200)
    panel.plot(d, d * d / (d * d + ridge.lam), color=COLOURS[0], linewidth=1.3, label="_curve")
    panel.plot(
        ridge.singular, ridge.factor, linestyle="", marker="o", ms=5.5, color=COLOURS[0], mec=PAPER
    )
    panel.axvline(ridge.lam**0.5, color=MUTED, linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)
    panel.set_xscale("log")
    panel.set_xlim(*ends)
    log_ticks(panel.xaxis, *ends)
    panel.set_ylim(0.0, 1.02)
    said = f"singular value d of X; dashed: √λ = {ridge.lam**0.5:.3g}"
    dress(panel, x=said, title="ridge keeps d²/(d² + λ)", rules="y")
