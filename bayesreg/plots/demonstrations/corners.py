"""Where the minima of random losses lie, and how often a penalty makes a zero of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.language.misnamed import explained
from bayesreg.language.text import shortened
from bayesreg.plots.canvas import COLOURS, MUTED, PAPER, axes_grid, dress, legend

KINDS = (  # of a minimum, by which coefficients L1 puts at 0
    ("both zero", COLOURS[7], "X"),
    ("second zero", COLOURS[1], "s"),
    ("first zero", COLOURS[4], "D"),
    ("none zero", COLOURS[5], "o"),
)


@explained
def plot_corners(corners: Any, ax: Any = None) -> NDArray[np.object_]:
    """Minima of random losses by what L1 makes of them, and the shares of zeros under L1 and L2.

    Parameters
    ----------
    corners : Corners
        Result of ``br.demonstrate.corners``.
    ax : array of matplotlib.axes.Axes, optional
        Two axes; by default those of a new figure of pyplot's.

    Returns
    -------
    ndarray of matplotlib.axes.Axes
        Left the minima; right the shares with two Monte Carlo errors, curves: probabilities.
    """
    panels = axes_grid(ax, 2, 2, (3.5, 3.6))
    _draw_minima(panels[0], corners)
    _draw_shares(panels[1], corners)
    return panels


def _draw_minima(panel: Any, corners: Any) -> None:
    """The cloud, each minimum by what L1 makes of it."""
    first, second = corners.zeros.T
    which = (first & second, ~first & second, first & ~second, ~first & ~second)
    handles, texts = [], []
    for (text, colour, marker), here in zip(KINDS, which, strict=True):
        if np.any(here):
            style: dict[str, Any] = {"color": colour, "marker": marker, "ms": 3.2, "mew": 0.0}
            handles += panel.plot(*corners.minima[here].T, linestyle="", alpha=0.8, **style)
            texts.append(text)
    for draw in (panel.axhline, panel.axvline):
        draw(0.0, color=MUTED, linewidth=0.6, zorder=0)
    x, y = (f"minimum, b of {shortened(name, 16)}" for name in corners.names)
    dress(panel, x=x, y=y)
    legend(panel, handles, texts, ncols=2)


def _draw_shares(panel: Any, corners: Any) -> None:
    """Shares with their errors, and the exact curves."""
    near = f"|b| ≤ {corners.near:g} se"
    rows = (
        ("L1, exactly 0", corners.zero_l1, corners.exact_zero_l1, COLOURS[1], "s", False),
        (f"L1, {near}", corners.near_l1, None, COLOURS[1], "o", True),
        ("L2, exactly 0", corners.zero_l2, None, COLOURS[0], "D", False),
        (f"L2, {near}", corners.near_l2, corners.exact_near_l2, COLOURS[0], "o", True),
    )
    handles = []
    for text, share, exact, colour, marker, hollow in rows:
        face = PAPER if hollow else colour
        bars = panel.errorbar(
            corners.place, share, yerr=2.0 * corners.error(share), linestyle="", color=colour,
            marker=marker, ms=4.5, mfc=face, elinewidth=1.0, label=text,
        )  # fmt: skip
        handles.append(bars)
        if exact is not None:
            panel.plot(corners.place, exact, color=colour, linewidth=1.1, zorder=0, label="exact")
    panel.set_ylim(-0.03, 1.03)
    said = f"minima about …, standard errors; λ = {corners.lam:.4g}"
    dress(panel, x=said, y=f"share with b of {shortened(corners.names[1], 16)} there", rules="y")
    legend(panel, handles, [row[0] for row in rows], ncols=2)
