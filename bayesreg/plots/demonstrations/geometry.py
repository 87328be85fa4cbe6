"""Contours of a loss and the regions that touch them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.language.misnamed import explained
from bayesreg.plots.canvas import COLOURS, INK, MUTED, PAPER, axes_grid, dress

TITLES = {
    "lasso": "lasso: ‖b‖₁ ≤ t",
    "ridge": "ridge: ½‖b‖² ≤ t",
    "elastic_net": "elastic net: ‖b‖₁ + ‖b‖²/2s ≤ t",
    "group": "group lasso: ‖b‖₂ ≤ t",
}


@explained
def plot_geometry(geometry: Any, ax: Any = None) -> NDArray[np.object_]:
    """Contours of the loss of two columns, and each penalty's region touching one of them.

    Parameters
    ----------
    geometry : Geometry
        Result of ``br.demonstrate.geometry``.
    ax : array of matplotlib.axes.Axes, optional
        One for each penalty; by default those of a new figure of pyplot's.

    Returns
    -------
    ndarray of matplotlib.axes.Axes
        Dot: the solution; arrow: −∇ of the loss; shaded: the normal cone; cross: least squares.
    """
    panels = axes_grid(ax, len(geometry.panels), 2, (3.3, 3.2))
    box, length = _box(geometry)
    for panel, one in zip(panels, geometry.panels, strict=True):
        for k, ellipse in enumerate(geometry.contours):
            bold = k == geometry.touched
            panel.plot(*ellipse.T, color=INK if bold else MUTED, linewidth=1.4 if bold else 0.7)
        colour = COLOURS[list(TITLES).index(one.kind)]
        panel.fill(*one.region.T, color=colour, alpha=0.22, linewidth=0)
        panel.plot(*one.region.T, color=colour, linewidth=1.6, label="region")
        _cone(panel, one, length)
        panel.plot(
            *geometry.pair.least_squares, "x", color=INK, ms=6, mew=1.4, label="least squares"
        )
        panel.plot(*one.point, "o", color=colour, mec=PAPER, ms=7, zorder=6, label="solution")
        for draw in (panel.axhline, panel.axvline):
            draw(0.0, color=MUTED, linewidth=0.6, zorder=0)
        panel.set_xlim(*box[:, 0])
        panel.set_ylim(*box[:, 1])
        panel.set_aspect("equal")
        panel.locator_params(nbins=5)
        x, y = geometry.pair.labels
        dress(panel, x=x, y=y, title=TITLES[one.kind])
    return panels


def _cone(panel: Any, one: Any, length: float) -> None:
    """The normal cone at the solution as a wedge, and the arrow of −∇ of the loss inside it."""
    ways = one.cone / np.linalg.norm(one.cone, axis=1, keepdims=True)
    if one.width > 0.0:
        arc = np.linspace(0.0, 1.0, 41)[:, None] * (ways[1] - ways[0]) + ways[0]
        arc = arc / np.linalg.norm(arc, axis=1, keepdims=True)
        wedge = np.concatenate([[one.point], one.point + length * arc])
        panel.fill(*wedge.T, color=COLOURS[4], alpha=0.30, linewidth=0, label="cone", zorder=3)
    else:
        ray = np.stack([one.point, one.point + length * ways[0]])
        panel.plot(*ray.T, color=COLOURS[4], linewidth=5, alpha=0.45, label="cone", zorder=3)
    tip = _tip(one, 0.8 * length)
    arrow = {"arrowstyle": "-|>", "color": INK, "linewidth": 1.3, "shrinkA": 0, "shrinkB": 0}
    panel.annotate("", tip, one.point, zorder=5, arrowprops=arrow, annotation_clip=False)


def _tip(one: Any, length: float) -> NDArray[np.float64]:
    """Where an arrow of this length along −∇ of the loss ends."""
    return np.asarray(one.point + length * one.pull / np.linalg.norm(one.pull))


def _box(geometry: Any) -> tuple[NDArray[np.float64], float]:
    """A square (2, 2) that holds regions, least squares and arrows: low, high; and their length."""
    points = [one.region for one in geometry.panels]
    points += [geometry.contours[0], geometry.pair.least_squares[None]]
    length = 0.4 * float(np.max(np.ptp(np.concatenate(points), axis=0)))
    points += [_tip(one, length)[None] for one in geometry.panels]
    every = np.concatenate(points)
    low, high = every.min(axis=0), every.max(axis=0)
    middle, half = 0.5 * (low + high), 0.53 * float(np.max(high - low))
    return np.stack([middle - half, middle + half]), length
