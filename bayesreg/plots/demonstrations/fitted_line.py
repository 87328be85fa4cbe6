"""A fitted line with its intervals, among the rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bayesreg.language.misnamed import explained
from bayesreg.language.text import percent, shortened
from bayesreg.plots.canvas import COLOURS, MUTED, axes, dress, legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@explained
def plot_fitted_line(fitted_line: Any, ax: Axes | None = None) -> Axes:
    """E(y) over one variable with its band, the interval of a new y dashed, rows as dots.

    Parameters
    ----------
    fitted_line : FittedLine
        Result of ``br.demonstrate.fitted_line``.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure of pyplot's.

    Returns
    -------
    matplotlib.axes.Axes
    """
    found = fitted_line
    ax = axes(ax, 5.4, 3.8)
    (dots,) = ax.plot(found.x, found.y, "o", color=MUTED, ms=2.6, alpha=0.45, mew=0, zorder=1)
    band = ax.fill_between(
        found.grid, found.low, found.high, color=COLOURS[0], alpha=0.28, linewidth=0, zorder=2
    )
    (line,) = ax.plot(found.grid, found.mean, color=COLOURS[0], linewidth=1.8, zorder=4)
    level = percent(found.level)
    handles, names = [line, band], ["expected", f"its {level}"]
    if found.new is not None:
        for end in found.new:
            (dashed,) = ax.plot(
                found.grid, end, color=COLOURS[1], linewidth=1.1, dashes=(5, 2), zorder=3
            )
        handles.append(dashed)
        names.append(f"{level} of new rows")
    handles.append(dots)
    names.append("rows" if found.new is None or not found.held else "rows, others held")
    held = "\nall other variables held" if found.held else ""
    x = f"{shortened(found.column, 32)}{held}"
    dress(ax, x=x, y=shortened(found.response, 32), rules="y")
    legend(ax, handles, names, ncols=2, columnspacing=1.1, handlelength=1.5, fontsize=8)
    return ax
