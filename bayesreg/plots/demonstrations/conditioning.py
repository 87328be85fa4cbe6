"""Condition number, variance inflation and two coefficients, as two columns become the same."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.language.misnamed import explained
from bayesreg.language.text import labels
from bayesreg.plots.canvas import MUTED, axes_column, dress, figure_legend, legend
from bayesreg.plots.paths import log_ticks

# From light to dark, so that the order is seen in grey too; each with its own width.
SHADES = ("#56b4e9", "#0072b2", "#7a4a1e", "#20242a")


@explained
def plot_conditioning(conditioning: Any, ax: Any = None) -> NDArray[np.object_]:
    """Condition number, variance inflation and coefficients along λ, one line per correlation.

    Parameters
    ----------
    conditioning : Conditioning
        Result of ``br.demonstrate.conditioning``.
    ax : array of matplotlib.axes.Axes, optional
        Three axes; by default those of a new figure of pyplot's, one under another.

    Returns
    -------
    ndarray of matplotlib.axes.Axes
        Darker the nearer the two columns are; solid the first, dashed the second.
    """
    panels = axes_column(ax, 6.4, (2.0, 2.0, 2.3))
    found, handles = conditioning, []
    for k, colour in enumerate(SHADES):
        line: dict[str, Any] = {"color": colour, "linewidth": 1.2 + 0.35 * k, "zorder": 6 - k}
        (handle,) = panels[0].plot(found.lams, found.number[k], **line)
        handles.append(handle)
        for j, dash in enumerate(("-", (0, (4, 2)))):
            panels[1].plot(found.lams, found.inflation[k, :, j], linestyle=dash, **line)
            panels[2].plot(found.lams, found.coefficient[k, :, j], linestyle=dash, **line)
    first, second = labels(found.pair, 24)
    panels[1].axhline(1.0, color=MUTED, linewidth=0.8, zorder=1)
    panels[2].axhline(0.0, color=MUTED, linewidth=0.8, zorder=1)
    dress(panels[0], title="condition number of X'X + λI", rules="y")
    dress(panels[1], title="variance inflation", rules="y")
    which = f"λ (logarithmic); solid {first},\ndashed {second}"
    dress(panels[2], x=which, title="coefficients, as the penalty sees them", rules="y")
    for panel in panels:
        panel.set_xscale("log")
        panel.set_xlim(found.lams[0], found.lams[-1])
        log_ticks(panel.xaxis, float(found.lams[0]), float(found.lams[-1]))
    for panel in panels[:2]:
        panel.set_yscale("log")
        log_ticks(panel.yaxis, *panel.get_ylim())
    texts = [f"r = {_close(r)}" for r in found.correlation]
    texts[0] += " (data)"
    if ax is None:
        figure_legend(panels[0].figure, handles, texts)
    else:
        legend(panels[0], handles, texts, loc="upper right", bbox_to_anchor=None, ncols=1)
    return panels


def _close(r: float) -> str:
    """A correlation with the digits by which it differs from ±1."""
    left = 1.0 - abs(r)
    decimals = 0 if left < 1e-12 else min(max(1 - math.floor(math.log10(left)), 3), 12)
    return f"{r:.{decimals}f}".replace("-", "−")
