"""Priors as densities, penalties and forces."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.language.misnamed import explained
from bayesreg.language.text import labels
from bayesreg.plots.canvas import axes_grid, dress, figure_legend, inside, marks
from bayesreg.plots.densities import draw_prior

CROWD = 6  # priors: of more the right half is drawn alone, at twice the size


@explained
def plot_penalties(penalties: Any, ax: Any = None) -> NDArray[np.object_]:
    """Each prior as a density, as a penalty, and as a force towards zero, on one axis each.

    Parameters
    ----------
    penalties : Penalties
        Result of ``br.demonstrate.penalties``.
    ax : array of matplotlib.axes.Axes, optional
        Three axes; by default those of a new figure of pyplot's.

    Returns
    -------
    ndarray of matplotlib.axes.Axes
        p(b), −log p(b) in nats, and −d log p/db; what leaves an axis at 0 has no bound there.
    """
    panels = axes_grid(ax, 3, 3, (3.1, 3.5))
    mirrored = len(penalties.priors) <= CROWD
    b = np.concatenate([-penalties.b[::-1], [np.nan], penalties.b]) if mirrored else penalties.b

    def both(values: NDArray[np.float64], sign: float) -> NDArray[np.float64]:
        return np.concatenate([sign * values[::-1], [np.nan], values]) if mirrored else values

    handles = []
    for k, mark in enumerate(marks(penalties.names).values()):
        log_density, force = both(penalties.log_density[k], 1.0), both(penalties.force[k], -1.0)
        handles.append(draw_prior(panels, b, log_density, -log_density, mark))
        panels[2].plot(b, force, color=mark.colour, linestyle=mark.dash, linewidth=1.6)
    _limits(panels, penalties, mirrored=mirrored)
    at = "b − loc" if any(one.prior.loc for one in penalties.priors) else "coefficient b"
    at = at if mirrored else f"{at}, alike on both sides of 0"
    dress(panels[0], x=at, y="p(b)", title="density", rules="y")
    dress(panels[1], x=at, y="−log p(b), nats", title="penalty", rules="y")
    dress(panels[2], x=at, y="−d log p(b)/db", title="force towards zero", rules="y")
    if ax is None:
        figure_legend(panels[0].figure, handles, labels(penalties.names))
    else:
        inside(panels[1], handles, penalties.names, "upper center")
    return panels


def _limits(panels: NDArray[np.object_], penalties: Any, *, mirrored: bool) -> None:
    """Poles are cut where the others have room: by what is found a tenth along the axis."""
    end, tenth = float(penalties.b[-1]), len(penalties.b) // 10
    density = np.exp(penalties.log_density)
    finite = density[:, 0][np.isfinite(penalties.at_zero)]
    tallest = max([*finite, 1.2 * float(np.nanmax(density[:, tenth]))])
    strongest = max(
        2.0 * float(np.median(penalties.force[:, tenth])),
        1.05 * float(np.max(np.where(np.isinf(penalties.at_zero), 0.0, penalties.force[:, -1]))),
    )
    panels[0].set_ylim(0.0, 1.1 * tallest)
    panels[2].set_ylim(-strongest * mirrored, strongest or 1.0)
    for panel in panels:
        panel.set_xlim(-end * mirrored, end)
