"""Figure of the scales of priors, as the λ that each of them is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.language.errors import BadArgument
from bayesreg.language.text import shortened
from bayesreg.plots.canvas import INK, Mark, axes_grid, dress, footer, marks
from bayesreg.plots.densities import curve_of
from bayesreg.plots.paths import plain_tick

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_scale(lam: Mapping[str, Any], ax: Any = None) -> NDArray[np.object_]:
    """Posterior density of each λ, or of the scale where no λ exists; the MAP's is marked.

    Parameters
    ----------
    lam : mapping of str to LamPosterior
        ``post.lam`` by prior, or ``post.lam.beside(fit)`` with the λ that a MAP used.
    ax : array of matplotlib.axes.Axes, optional
        One per λ or scale; by default those of a new figure of pyplot's.

    Returns
    -------
    ndarray of matplotlib.axes.Axes
        One panel per λ or scale that is not known, on a logarithmic axis.

    Raises
    ------
    BadArgument
        If every λ and scale is known.
    """
    found = [(name, one, q) for name, one in lam.items() for q in one.quantities]
    shown = [(name, one, q) for name, one, q in found if not q.known]
    if not shown:
        raise BadArgument("every λ and scale is known here, so there is no posterior to draw")
    panels = axes_grid(ax, len(shown), 4, (7.8 / min(4, max(2, len(shown))), 1.7))
    styles = marks(lam)
    several = len(lam) > 1
    for one, (name, posterior, q) in zip(panels, shown, strict=True):
        used = posterior.optimum.get(q.name)
        _log_density(one, q, styles[name], used)
        title = f"{shortened(name, 18)}: {q.name}" if several else shortened(q.name, 24)
        dress(one, title=title, x=posterior.formulae[q.name])
        one.tick_params(labelsize=7.5)
    if any(posterior.optimum for _, posterior, _ in shown):
        footer(panels, "logarithmic axes; dashed: the λ of the MAP")
    return panels


def _log_density(ax: Axes, q: Any, mark: Mark, used: float | None) -> None:
    """The density of log λ over λ, with three ticks, and the MAP's λ."""
    x, density = curve_of(np.log(q.draws))
    at = np.exp(x)
    ax.set_xscale("log")
    ax.plot(at, density, color=mark.colour, linewidth=1.4, linestyle=mark.dash)
    ax.fill_between(at, density, color=mark.colour, alpha=0.12, linewidth=0)
    shown = at[density > 0.004 * density.max()]
    low, high = float(shown[0]), float(shown[-1])
    if used is not None and used > 0:
        ax.axvline(used, color=INK, linewidth=1.0, linestyle=(0, (4, 3)))
        low, high = min(low, used), max(high, used)
    ax.set_xlim(low / 1.05, high * 1.05)
    ax.set_ylim(bottom=0.0)
    ax.minorticks_off()
    ax.set_xticks(_ticks(low, high))
    ax.xaxis.set_major_formatter(plain_tick)
    ax.set_yticks([])


def _ticks(low: float, high: float) -> list[float]:
    """Two to four numbers within the range, round where there are such."""
    decades = np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    for steps in ((1.0, 2.0, 5.0), (1.0, 3.0), (1.0,)):
        ticks = [float(f"{m * 10.0**d:.3g}") for d in decades for m in steps]
        inside = [tick for tick in ticks if low <= tick <= high]
        if 2 <= len(inside) <= 4:
            return inside
        if len(inside) < 2:
            ends = np.exp(np.log(low) + np.array([0.15, 0.85]) * np.log(high / low))
            return [float(f"{end:.3g}") for end in ends]
    return inside[:: -(-len(inside) // 4)]
