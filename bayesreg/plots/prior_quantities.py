"""Figure of what priors expect before the data: R², how many effects, how large the largest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.plots.canvas import axes_grid, dress, figure_legend, inside, marks
from bayesreg.plots.paths import plain_tick


def plot_expected(
    expected: Mapping[str, Any], delta: float = 0.1, ax: Any = None
) -> NDArray[np.object_]:
    """Distribution functions of R², the number of effects and the largest effect, by prior.

    Parameters
    ----------
    expected : mapping of str to Expected
        Draws from each prior.
    delta : float, default 0.1
        Beyond how many sds of the noise an effect is counted.
    ax : array of matplotlib.axes.Axes, optional
        Three; by default those of a new figure of pyplot's.

    Returns
    -------
    ndarray of matplotlib.axes.Axes
        A distribution function is compared by eye where densities with poles cannot be.
    """
    panels = axes_grid(ax, 3, 3, (2.6, 2.7))
    styles = marks(expected)
    share = np.linspace(0.0, 1.0, 401)[1:-1]
    lines: list[Any] = []
    for name, one in expected.items():
        mark = styles[name]
        how: dict[str, Any] = {"color": mark.colour, "linestyle": mark.dash, "linewidth": 1.5}
        (line,) = panels[0].plot(np.quantile(one.r2, share), share, **how)
        count = one.above(delta)
        p = one.effects.shape[1]
        below = np.array([np.mean(count <= k) for k in range(p + 1)])
        panels[1].step(np.arange(p + 1), below, where="post", **how)
        panels[2].plot(np.quantile(one.largest, share), share, **how)
        lines.append(line)
    dress(panels[0], x="R²", y="prior probability of at most", rules="y")
    dress(panels[1], x=f"effects beyond {delta:g} sd of the noise", rules="y")
    dress(panels[2], x="largest effect, in sds of the noise", rules="y")
    panels[0].set_xlim(0.0, 1.0)
    panels[2].set_xscale("log")
    panels[2].minorticks_off()
    panels[2].xaxis.set_major_formatter(plain_tick)
    _within(panels[2], [one.largest for one in expected.values()])
    for panel in panels:
        panel.set_ylim(0.0, 1.02)
    if ax is None:
        figure_legend(panels[0].figure, lines, list(expected))
    else:
        inside(panels[0], lines, list(expected), "upper left")
    return panels


def _within(panel: Any, draws: list[Any]) -> None:
    """The middle 98 % of all priors, and at most six decades below the largest of them."""
    high = max(float(np.quantile(one, 0.99)) for one in draws)
    low = min(float(np.quantile(one, 0.01)) for one in draws)
    panel.set_xlim(max(low, 1e-6 * high), high)
