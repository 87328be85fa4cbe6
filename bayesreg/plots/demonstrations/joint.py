"""Two coefficients of a posterior with their mode, and what lies near 0."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.language.misnamed import explained
from bayesreg.language.text import labels, percent
from bayesreg.plots.canvas import COLOURS, MUTED, axes_grid, dress, legend
from bayesreg.plots.paths import log_ticks

POSTERIOR, MODE, SECOND = COLOURS[0], COLOURS[1], COLOURS[2]


@explained
def plot_joint(joint: Any, ax: Any = None) -> NDArray[np.object_]:
    """Joint density with mode, mean and credible region; P(|effect| < ε); how many are below ε.

    Parameters
    ----------
    joint : Joint
        Result of ``br.demonstrate.joint``.
    ax : array of matplotlib.axes.Axes, optional
        Three axes; by default those of a new figure of pyplot's.

    Returns
    -------
    ndarray of matplotlib.axes.Axes
        Where the prior has no mode, none is drawn.
    """
    panels = axes_grid(ax, 3, 3, (2.55, 3.1))
    names = labels(joint.pair, 16)
    _density(panels[0], joint, names)
    _near(panels[1], joint, names)
    _below(panels[2], joint)
    return panels


def _density(ax: Any, found: Any, names: list[str]) -> None:
    """Contours, the region shaded, and the two points."""
    top = float(found.density.max())
    ax.contourf(
        *found.grid, found.density, [found.threshold, max(top, 1.001 * found.threshold)],
        colors=[POSTERIOR], alpha=0.16,
    )  # fmt: skip
    levels = found.threshold + (top - found.threshold) * np.array([0.0, 0.3, 0.6, 0.85])
    ax.contour(*found.grid, found.density, levels, colors=[POSTERIOR], linewidths=[1.4, *[0.7] * 3])
    for draw in (ax.axhline, ax.axvline):
        draw(0.0, color=MUTED, linewidth=0.8, zorder=1)
    (mean,) = ax.plot(*found.mean, "D", color=POSTERIOR, ms=5.5, zorder=4)
    handles, texts = [mean], ["mean"]
    if found.mode is not None:
        (mode,) = ax.plot(*found.mode, "o", color=MODE, ms=6.5, markeredgecolor="white", zorder=5)
        handles, texts = [mean, mode], ["mean", "mode (MAP)"]
    legend(ax, handles, texts, ncols=2, columnspacing=0.9, handlelength=1.0)
    region = f"shaded: {percent(found.level)} region"
    dress(ax, x=f"{names[0]}, effect of one sd\n{region}", y=f"{names[1]}, effect of one sd")


def _near(ax: Any, found: Any, names: list[str]) -> None:
    """P(|effect| < ε) of the two."""
    handles = []
    for k, (colour, dash) in enumerate(((POSTERIOR, "-"), (SECOND, (0, (5, 1.5))))):
        (handle,) = ax.plot(
            found.epsilon, found.near[:, k], color=colour, linestyle=dash, linewidth=1.7
        )
        low, high = (found.near[:, k] + two * found.near_se[:, k] for two in (-2.0, 2.0))
        ax.fill_between(found.epsilon, low, high, color=colour, alpha=0.18, linewidth=0)
        handles.append(handle)
    ax.set_ylim(-0.03, 1.03)
    _sizes(ax, found)
    dress(ax, x="ε (logarithmic)", y="P(|effect| < ε)", rules="y")
    legend(ax, handles, names, ncols=1, handlelength=1.6)


def _below(ax: Any, found: Any) -> None:
    """How many of all coefficients are below ε, of draws and of the mode."""
    mean, low, high = found.below
    (draws,) = ax.plot(found.epsilon, mean, color=POSTERIOR, linewidth=1.7)
    ax.fill_between(found.epsilon, low, high, color=POSTERIOR, alpha=0.18, linewidth=0, step="mid")
    handles, texts = [draws], ["draws (band: 90 %)"]
    if found.below_mode is not None:
        (mode,) = ax.plot(
            found.epsilon, found.below_mode, color=MODE, linestyle=(0, (5, 1.5)), linewidth=1.7,
            drawstyle="steps-mid",
        )  # fmt: skip
        handles, texts = [draws, mode], [*texts, "mode"]
    _sizes(ax, found)
    ax.set_ylim(-0.03 * found.count, 1.03 * found.count)
    ax.yaxis.get_major_locator().set_params(integer=True)
    dress(ax, x="ε (logarithmic)", y="coefficients below ε", rules="y")
    legend(ax, handles, texts, ncols=1, handlelength=1.6)


def _sizes(ax: Any, found: Any) -> None:
    """A logarithmic axis of ε."""
    ax.set_xscale("log")
    ax.set_xlim(found.epsilon[0], found.epsilon[-1])
    log_ticks(ax.xaxis, float(found.epsilon[0]), float(found.epsilon[-1]))
