"""The path over the share of its largest norm."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.language.misnamed import explained
from bayesreg.language.text import labels
from bayesreg.plots.canvas import COLOURS, INK, MUTED, axes, beside, dress, marks
from bayesreg.plots.coefficients import MOST
from bayesreg.plots.paths import chosen_lam

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAMED = 8  # coefficients with a colour of their own and their name
GAP = 0.055  # of the height between two names


@explained
def plot_path_by_norm(path_by_norm: Any, ax: Axes | None = None) -> Axes:
    """Coefficients over ‖b‖ / max‖b‖, the largest coloured and named at their right ends.

    Parameters
    ----------
    path_by_norm : PathByNorm
        Result of ``br.demonstrate.path_by_norm``; its problem's own λ, where it has one, is marked.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure of pyplot's.

    Returns
    -------
    matplotlib.axes.Axes
        One line per column.
    """
    found = path_by_norm
    ax = axes(ax, 5.6, 3.8)
    order = np.argsort(-np.max(np.abs(found.effects), axis=0), kind="stable")[:MOST]
    coloured = order[:NAMED]
    for j in order[NAMED:][::-1]:
        ax.plot(found.share, found.effects[:, j], color=MUTED, linewidth=0.8, alpha=0.7, zorder=2)
    for j, mark in zip(coloured, marks(map(str, coloured)).values(), strict=True):
        ax.plot(
            found.share, found.effects[:, j], color=mark.colour, linestyle=mark.dash,
            linewidth=1.5, zorder=3,
        )  # fmt: skip
    ax.axhline(0.0, color=MUTED, linewidth=0.8, zorder=1)
    ax.set_xlim(0.0, 1.0)
    lam, note = chosen_lam(found.path), ""
    if lam is not None:
        ax.axvline(found.share_at(lam), color=INK, linewidth=1.0, dashes=(4, 3), zorder=1)
        note = f"\ndashed: λ = {lam:.4g}"
    elif len(found.effects[0]) > len(order):
        note = f"\nthe {len(order)} largest of {found.effects.shape[1]} coefficients"
    dress(ax, x=f"{found.norm} / max {found.norm}{note}", y="effect of one sd", rules="y")
    _name(ax, found, coloured)
    return ax


def _name(ax: Axes, found: Any, order: Any) -> None:
    """Names at the right ends, a gap apart, in the colours of their lines."""
    heights = found.effects[-1, order]
    low, high = ax.get_ylim()
    rank = np.argsort(heights, kind="stable")
    placed = heights[rank].astype(float)
    for k in range(1, len(placed)):
        placed[k] = max(placed[k], placed[k - 1] + GAP * (high - low))
    placed -= 0.5 * (placed[-1] - heights[rank[-1]] + placed[0] - heights[rank[0]])
    texts = labels([found.names[j] for j in order], 18)
    for k, y in zip(rank, placed, strict=True):
        beside(ax, 6.0, y, texts[k], colour=COLOURS[k], size=7.5)
