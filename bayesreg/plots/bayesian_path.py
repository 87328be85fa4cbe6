"""Figure of the Bayesian path: the MAP above, the posterior below, over the scale of the prior."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.language.arguments import Array
from bayesreg.language.text import shortened
from bayesreg.plots.canvas import COLOURS, INK, MUTED, PLAIN, axes_column, dress
from bayesreg.plots.coefficients import MOST, per_sd
from bayesreg.plots.paths import log_ticks, name_lines, scale_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes


TITLE = 95  # characters of a line above a panel
NAMED = 7  # coefficients in colour, with their names: more bands than this hide each other


def plot_bayesian_path(path: Any, ax: Any = None) -> NDArray[np.object_]:
    """Coefficients against the scale: the optimum above, posterior means and intervals below.

    Parameters
    ----------
    path : BayesianPath
        Result of ``br.bayesian_path``.
    ax : array of matplotlib.axes.Axes, optional
        Two, or one where the prior has no MAP; by default those of a new figure of pyplot's.

    Returns
    -------
    ndarray of matplotlib.axes.Axes
        The scale falls, and so λ rises, to the right; the posterior of the scale is shaded.
    """
    order = np.argsort(-path.scales, kind="stable")
    x = _along(path, path.scales[order])
    sd = np.asarray(path.problem.column_sd, dtype=float)
    mean, low, high = (np.asarray(part)[order] * sd for part in (path.mean, path.low, path.high))
    unit = per_sd(path.problem)
    what = f"posterior mean and eti{100 * path.level:.6g}, given the scale:"
    drawn = [(mean, f"{what}{' ' if len(what + unit) < TITLE else chr(10)}{unit}")]
    if path.optimum is not None:
        drawn.insert(0, (path.optimum[order] * sd, f"MAP: {unit}"))
    panels = axes_column(ax, 7.8, [2.8] * (len(drawn) - 1) + [3.4])
    rank = np.argsort(-np.max(np.abs(mean), axis=0), kind="stable")[:MOST]
    for one, (values, title) in zip(panels, drawn, strict=True):
        one.set_xscale("log")
        if len(x) > 1 and x[0] != x[-1]:
            one.set_xlim(x[0], x[-1])
        one.axhline(0.0, color=MUTED, linewidth=0.7, zorder=1)
        _shade(one, path)
        if values is mean:
            for k, j in enumerate(rank[:NAMED]):
                one.fill_between(
                    x, low[:, j], high[:, j], color=COLOURS[k], alpha=0.15, linewidth=0, zorder=2
                )
        _lines(one, x, values, rank)
        _reach(one, values, low if values is mean else values, high if values is mean else values)
        dress(one, title=title)
        one.yaxis.tick_right()
        one.tick_params(axis="y", length=0)
        one.tick_params(labelbottom=one is panels[-1])
        log_ticks(one.xaxis, min(one.get_xlim()), max(one.get_xlim()))
        names = [path.problem.features[j] for j in rank[:NAMED]]
        name_lines(one, values[0], names, rank[:NAMED], 0.06, COLOURS)
    panels[-1].set_xlabel(_below(path), fontsize=8.5, color=MUTED, labelpad=7, **PLAIN)
    if np.all(np.isfinite(path.lams)):
        scale_axis(panels[0], x, path.scales[order], _above(path))
    return panels


def _along(path: Any, scales: Any) -> Any:
    """Where scales stand on the axis: at their λ, where the prior has one."""
    if not np.all(np.isfinite(path.lams)):
        return np.asarray(scales, dtype=float)
    order = np.argsort(path.scales)
    s, lam = np.log(path.scales[order]), np.log(path.lams[order])
    slope = (lam[-1] - lam[0]) / (s[-1] - s[0]) if len(s) > 1 and s[-1] > s[0] else 0.0
    return np.exp(lam[0] + slope * (np.log(scales) - s[0]))  # λ is a power of the scale


def _lines(ax: Axes, x: Array, values: Array, rank: NDArray[np.intp]) -> None:
    """The largest coefficients in colour, the rest in grey."""
    for j in rank[NAMED:]:
        ax.plot(x, values[:, j], color=MUTED, linewidth=0.6, alpha=0.6, zorder=3)
    for k, j in enumerate(rank[:NAMED]):
        ax.plot(x, values[:, j], color=COLOURS[k], linewidth=1.6, zorder=4)


def _reach(ax: Axes, values: Array, low: Array, high: Array) -> None:
    """Heights that hold every line, and intervals as far as they do not flatten the lines."""
    top = max(float(np.max(np.abs(values), initial=0.0)), 1e-300)
    bottom = max(float(low.min()), -1.6 * top) if low.size else -top
    ax.set_ylim(1.06 * bottom, 1.06 * min(float(high.max(initial=top)), 1.6 * top))


def _shade(ax: Axes, path: Any) -> None:
    """The interval of the scale's posterior, and its median."""
    if path.posterior is None:
        return
    low, high = _along(path, np.array(path.posterior.interval(path.level)))
    ax.axvspan(min(low, high), max(low, high), color=MUTED, alpha=0.13, linewidth=0, zorder=0)
    median = float(_along(path, path.posterior.median))
    ax.axvline(median, color=INK, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)


def _above(path: Any) -> str:
    (block,) = path.problem.blocks
    unit = " in units of σ" if block.prior.unit == "sigma" else ""
    return f"scale of the {type(block.prior).__name__} prior{unit}"


def _below(path: Any) -> str:
    """The axis and the shade in words."""
    at = ""
    if path.problem.likelihood.has_sigma:
        at = f" at σ = {path.sigma:.4g} ({path.sigma_source})"
    if np.all(np.isfinite(path.lams)):
        text = f"λ{at}, logarithmic"
    else:
        text = f"{_above(path)}, falling to the right"
        text += "" if path.optimum is None or not at else f"; MAP{at}"
    lines = [text]
    if path.posterior is not None:
        lines.append(
            f"shade: eti{100 * path.level:.6g} of the scale's own posterior; dashed: its median"
        )
    if path.why_no_map is not None:
        lines.append(shortened(path.why_no_map, 110))
    left = path.mean.shape[1] - MOST
    if left > 0:
        lines.append(f"the {MOST} largest of {path.mean.shape[1]} coefficients")
    return "\n".join(lines)
