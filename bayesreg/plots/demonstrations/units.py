"""One column in other units, and what standardising multiplies each penalty by."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.language.misnamed import explained
from bayesreg.language.text import labels, shortened
from bayesreg.plots.canvas import COLOURS, MUTED, axes_grid, dress, legend
from bayesreg.plots.paths import log_ticks

MOST = 20  # columns


@explained
def plot_units(units: Any, ax: Any = None) -> NDArray[np.object_]:
    """The effect of one column against the factor of its unit; sds and variances by column.

    Parameters
    ----------
    units : Units
        Result of ``br.demonstrate.units``.
    ax : array of matplotlib.axes.Axes, optional
        Two axes; by default those of a new figure of pyplot's.

    Returns
    -------
    ndarray of matplotlib.axes.Axes
        Left one curve that is wrong and two lines that are right; right the factors on λ₁ and λ₂.
    """
    panels = axes_grid(ax, 2, 2, (3.7, 3.6))
    _effects(panels[0], units)
    _factors(panels[1], units)
    return panels


def _effects(ax: Any, found: Any) -> None:
    """Wrong, and right in two ways."""
    handles = []
    for values, colour, dash, width in (
        (found.raw, COLOURS[1], "-", 2.0),
        (found.converted, COLOURS[2], (0, (5, 1.5)), 1.6),
        (found.standardised, COLOURS[0], (0, (1.5, 1)), 2.0),
    ):
        (handle,) = ax.plot(found.factor, values, color=colour, linestyle=dash, linewidth=width)
        handles.append(handle)
    ax.axhline(0.0, color=MUTED, linewidth=0.8, zorder=1)
    ax.set_xscale("log")
    if found.factor[0] != found.factor[-1]:
        ax.set_xlim(found.factor[0], found.factor[-1])
    log_ticks(ax.xaxis, float(found.factor[0]), float(found.factor[-1]))
    names = ["as it is: wrong", "prior converted too", "standardised"]
    name = shortened(found.column, 24)
    dress(ax, x=f"{name}\nmultiplied by (logarithmic)", y="effect of one sd", rules="y")
    legend(ax, handles, names, ncols=1)


def _factors(ax: Any, found: Any) -> None:
    """s_j and s_j² by column, the largest first."""
    names = [found.problem.features[j] for j in found.problem.proper]
    order = np.argsort(-found.sd, kind="stable")
    order = order[found.sd[order] > 0]
    shown, where = order[:MOST], np.arange(min(len(order), MOST))[::-1].astype(float)
    sd = found.sd[shown]
    ax.hlines(where, np.minimum(sd, sd**2), np.maximum(sd, sd**2), color=MUTED, linewidth=0.8)
    (first,) = ax.plot(sd, where, "o", color=COLOURS[0], ms=5.0, zorder=3)
    (second,) = ax.plot(sd**2, where, "D", color=COLOURS[1], ms=4.6, zorder=3)
    ax.axvline(1.0, color=MUTED, linewidth=0.8, zorder=1)
    ax.set_xscale("log")
    log_ticks(ax.xaxis, *ax.get_xlim())
    texts = labels([names[j] for j in shown], 18)
    ax.set_yticks(where, texts, parse_math=False)
    left = len(order) - len(shown)
    note = f"the {len(shown)} largest of {len(order)}" if left else "one line per column"
    dress(ax, x=f"standardising multiplies λ by\n{note}", rules="x")
    legend(ax, [first, second], ["λ₁ by the sd", "λ₂ by its square"], ncols=1)
