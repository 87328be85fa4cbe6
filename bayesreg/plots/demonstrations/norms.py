"""Unit balls and the densities whose contours they are."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.language.misnamed import explained
from bayesreg.plots.canvas import MUTED, axes_grid, dress, figure_legend, inside, marks


@explained
def plot_norms(norms: Any, ax: Any = None) -> NDArray[np.object_]:
    """Unit balls of ‖·‖_p in the plane, and beside them the densities ∝ exp(−|b|^p).

    Parameters
    ----------
    norms : Norms
        Result of ``br.demonstrate.norms``.
    ax : array of matplotlib.axes.Axes, optional
        Two axes; by default those of a new figure of pyplot's.

    Returns
    -------
    ndarray of matplotlib.axes.Axes
        Left the balls, right the densities; thin lines where p makes no norm.
    """
    panels = axes_grid(ax, 2, 2, (3.3, 3.2))
    names = [_named(p, norm) for p, norm in zip(norms.p, norms.is_norm, strict=True)]
    styles, handles = marks(names), []
    for k, name in enumerate(names):
        mark = styles[name]
        line: dict[str, Any] = {"color": mark.colour, "linestyle": mark.dash}
        line["linewidth"] = 1.8 if norms.is_norm[k] else 1.1
        (handle,) = panels[0].plot(*norms.outlines[k].T, label=name, **line)
        handles.append(handle)
        panels[1].plot(norms.b, norms.densities[k], label=name, **line)
    panels[0].set_aspect("equal")
    panels[0].set_xlim(-1.15, 1.15)
    panels[0].set_ylim(-1.15, 1.15)
    panels[0].set_xticks([-1, 0, 1])
    panels[0].set_yticks([-1, 0, 1])
    for draw in (panels[0].axhline, panels[0].axvline):
        draw(0.0, color=MUTED, linewidth=0.6, zorder=0)
    panels[1].set_xlim(float(norms.b[0]), float(norms.b[-1]))
    panels[1].set_ylim(0.0, None)
    dress(panels[0], x="b₁", y="b₂", title="unit balls, ‖b‖_p = 1")
    dress(panels[1], x="coefficient b", y="p(b)", title="densities ∝ exp(−|b|^p)", rules="y")
    if ax is None:
        figure_legend(panels[0].figure, handles, names)
    else:
        inside(panels[1], handles, names, "upper right")
    return panels


def _named(p: float, norm: bool) -> str:
    said = "p = ∞" if math.isinf(p) else f"p = {p:g}"
    return said if norm else f"{said}, no norm"
