"""Optimisers of a ridge loss: how far from the MAP, and how far apart."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.language.misnamed import explained
from bayesreg.plots.canvas import axes_column, dress, legend, marks

FLOOR = 1e-17  # below rounding error: what is exactly 0 leaves the axis here


@explained
def plot_weight_decay(weight_decay: Any, ax: Any = None) -> NDArray[np.object_]:
    """Distance from the MAP by step, and the distance between λb in the slope and weight decay.

    Parameters
    ----------
    weight_decay : WeightDecay
        Result of ``br.demonstrate.weight_decay``.
    ax : array of matplotlib.axes.Axes, optional
        Two axes; by default those of a new figure of pyplot's, one under the other.

    Returns
    -------
    ndarray of matplotlib.axes.Axes
        Both axes logarithmic; an exact 0 has no place there, and its line ends at the lower edge.
    """
    panels = axes_column(ax, 6.4, (2.9, 2.7))
    ways = marks(weight_decay.parted)
    # One of each pair that are the same line, and both of Adam's.
    above = {
        "gradient descent, both ways": ("gradient descent, λb in the slope", "gradient descent"),
        "SGD, both ways": ("SGD, λb in the slope", "SGD"),
        "Adam, λb in the slope": ("Adam, λb in the slope", "Adam"),
        "AdamW, weight decay": ("AdamW, weight decay", "AdamW"),
    }
    styles = ways | {"AdamW": marks("abcd")["d"]}
    _lines(panels[0], {k: (weight_decay.distance[run], styles[s]) for k, (run, s) in above.items()})
    _lines(panels[1], {k: (v, styles[k]) for k, v in weight_decay.parted.items()})
    dress(panels[0], y="‖b − MAP‖ / ‖MAP‖", rules="y")
    dress(panels[1], x="step (logarithmic)", y="two ways apart / ‖MAP‖", rules="y")
    return panels


def _lines(ax: Any, curves: dict[str, Any]) -> None:
    """One line each, both axes logarithmic."""
    handles = []
    for distance, mark in curves.values():
        steps = np.arange(1, len(distance))
        (handle,) = ax.plot(
            steps, distance[1:], color=mark.colour, linestyle=mark.dash, linewidth=1.6
        )
        handles.append(handle)
    ax.set_xscale("log")
    ax.set_yscale("log", nonpositive="clip")
    ax.set_ylim(FLOOR, 10.0)
    ax.set_yticks([1e-16, 1e-12, 1e-8, 1e-4, 1.0], ["1e−16", "1e−12", "1e−8", "1e−4", "1"])
    ax.set_xlim(1, max(len(distance) - 1, 2))
    ticks = [10**k for k in range(9) if 10**k < len(distance)]
    ax.set_xticks(ticks, [f"{one:g}" for one in ticks])
    ax.minorticks_off()
    many = 2 if len(curves) > 3 else 3
    legend(ax, handles, list(curves), ncols=many if ax.get_figure().get_figwidth() > 5.0 else 1)
