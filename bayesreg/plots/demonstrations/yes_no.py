"""The logistic loss of two columns, what touches it, and its minima along C."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.language.misnamed import explained
from bayesreg.language.text import shortened
from bayesreg.plots.canvas import COLOURS, INK, MUTED, PAPER, axes_grid, dress, legend
from bayesreg.plots.paths import log_ticks

# Of the contours beside the touched one: shares of how far the loss falls from b = 0 to its least.
DROPS = (0.2, 0.45, 0.7, 0.9)
APART = 0.08  # of the same: nearer to the touched one none is drawn
TITLES = {"L1": "L1: ‖b‖₁ ≤ t", "L2": "L2: ‖b‖² ≤ t"}


@explained
def plot_yes_no(yes_no: Any, ax: Any = None) -> NDArray[np.object_]:
    """Contours of the logistic loss with the regions of L1 and L2; coefficients along C = 1/λ.

    Parameters
    ----------
    yes_no : YesNo
        Result of ``br.demonstrate.yes_no``.
    ax : array of matplotlib.axes.Axes, optional
        Three axes; by default those of a new figure of pyplot's.

    Returns
    -------
    ndarray of matplotlib.axes.Axes
        Dot: the solution at C; line: its path; cross: without a prior, where there is an answer.
    """
    panels = axes_grid(ax, 3, 3, (2.9, 3.2))
    for k, kind in enumerate(TITLES):
        _touched(panels[k], yes_no, kind, COLOURS[k])
    _along(panels[2], yes_no)
    return panels


def _touched(panel: Any, found: Any, kind: str, colour: str) -> None:
    """Contours, one region and its path."""
    point, touched = found.points[kind], found.losses[kind]
    fall = found.null - float(np.min(found.loss))
    if fall > 0.0:
        others = np.array([found.null - share * fall for share in DROPS])
        others = np.sort(others[np.abs(others - touched) > APART * fall])
        panel.contour(*found.axes, found.loss, levels=others, colors=MUTED, linewidths=0.7)
        panel.contour(*found.axes, found.loss, levels=[touched], colors=INK, linewidths=1.4)
    turn = np.linspace(0.0, 2.0 * np.pi, 241)
    way = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    length = np.sum(np.abs(way), axis=1) if kind == "L1" else np.ones(len(turn))
    size = np.sum(np.abs(point)) if kind == "L1" else np.linalg.norm(point)
    region = way * (size / length)[:, None]
    panel.fill(*region.T, color=colour, alpha=0.22, linewidth=0)
    panel.plot(*region.T, color=colour, linewidth=1.5, label="region")
    panel.plot(*found.paths[kind].T, color=colour, linewidth=1.2, dashes=(3, 1.5), label="path")
    if found.unpenalised is not None:
        panel.plot(*found.unpenalised, "x", color=INK, ms=6, mew=1.4, label="no prior")
    panel.plot(*point, "o", color=colour, mec=PAPER, ms=7, zorder=6, label="solution")
    for draw in (panel.axhline, panel.axvline):
        draw(0.0, color=MUTED, linewidth=0.6, zorder=0)
    panel.set_xlim(*found.axes[0][[0, -1]])
    panel.set_ylim(*found.axes[1][[0, -1]])
    panel.set_aspect("equal")
    panel.locator_params(nbins=5)
    unit = ", per sd" if found.standardized else ""
    first, second = (f"b of {shortened(name, 18)}{unit}" for name in found.names)
    dress(panel, x=first, y=second, title=TITLES[kind])


def _along(panel: Any, found: Any) -> None:
    """Both coefficients under both penalties along C."""
    handles, names = [], []
    for j, name in enumerate(found.names):
        colour = COLOURS[2 + j]
        for kind, dash in zip(TITLES, ("-", (0, (4, 2))), strict=True):
            (line,) = panel.plot(
                found.Cs, found.paths[kind][:, j], color=colour, linestyle=dash, linewidth=1.6
            )
            handles.append(line)
            names.append(f"{shortened(name, 16)}, {kind}")
        if found.unpenalised is not None:
            panel.axhline(found.unpenalised[j], color=colour, linewidth=1.0, dashes=(1, 1.5))
    panel.axhline(0.0, color=MUTED, linewidth=0.6, zorder=0)
    panel.axvline(found.C, color=INK, linewidth=0.9, dashes=(4, 3), zorder=0)
    panel.set_xscale("log")
    panel.set_xlim(found.Cs[0], found.Cs[-1])
    log_ticks(panel.xaxis, float(found.Cs[0]), float(found.Cs[-1]))
    dress(panel, x="C = 1/λ (logarithmic)", y="coefficients", rules="y")
    legend(panel, handles, names, ncols=1, fontsize=7.5, labelspacing=0.2)
