"""Figure of the regularisation path: coefficients against λ, the prior scale above."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.language.text import labels
from bayesreg.plots.canvas import INK, MUTED, PLAIN, Mark, axes, beside, dress, marks
from bayesreg.plots.coefficients import MOST, per_sd

if TYPE_CHECKING:
    from matplotlib.axes import Axes


NAMED = 12  # more direct labels than this overlap


def plot_path(path: Any, ax: Axes | None = None, *, mark: Mark | None = None) -> Axes:
    """Coefficients along λ: coloured if the λ of the problem keeps them, grey if it drops them.

    Parameters
    ----------
    path : Path
        Result of ``br.path``; its problem's own λ, where it has one, is marked.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure of pyplot's.
    mark : Mark, optional
        Colour of the prior.

    Returns
    -------
    matplotlib.axes.Axes
        λ on a logarithmic axis; λ = 0 has no place there and is left out.
    """
    ax = axes(ax, 7.6, 4.4)
    mark = mark or marks([""])[""]
    lam = np.asarray(path.lam, dtype=float)
    rank = np.argsort(lam)[np.count_nonzero(lam <= 0) :]
    lam, scale = lam[rank], np.asarray(path.scale, dtype=float)[rank]
    effects = path.standardized.to_numpy(float)[rank]
    features = list(path.standardized.columns)
    order = np.argsort(-np.max(np.abs(effects), axis=0), kind="stable")[:MOST]
    chosen = chosen_lam(path)
    kept = _kept(lam, effects, chosen)
    ax.set_xscale("log")
    for j in order[::-1]:
        colour, width = (mark.colour, 1.5) if kept[j] else (MUTED, 0.9)
        ax.plot(lam, effects[:, j], color=colour, linewidth=width, alpha=0.85, zorder=2 + kept[j])
    ax.axhline(0.0, color=MUTED, linewidth=0.8, zorder=1)
    if lam[0] != lam[-1]:
        ax.set_xlim(lam[0], lam[-1])
    _mark_lam(ax, chosen)
    dress(ax, x=_below(features, order, chosen), y=per_sd(path.problem), rules="y")
    log_ticks(ax.xaxis, float(lam[0]), float(lam[-1]))
    ax.yaxis.set_label_position("right")
    ax.tick_params(axis="y", labelleft=False, labelright=True)
    name_lines(ax, effects[0], [features[j] for j in order[:NAMED]], order[:NAMED])
    scale_axis(ax, lam, scale)
    return ax


def chosen_lam(path: Any) -> float | None:
    """The λ of the path's own problem, λ₁ before λ₂; None if it is unknown or not one number."""
    penalty = path.problem.penalty
    if not penalty.known:
        return None
    value = penalty.l1 if np.any(penalty.l1) else penalty.l2
    return float(value) if np.ndim(value) == 0 and value > 0 else None


def _kept(
    lam: NDArray[np.float64], effects: NDArray[np.float64], chosen: float | None
) -> NDArray[np.bool_]:
    """Which coefficients are not zero at the path's point nearest to the chosen λ."""
    if chosen is None:
        return np.ones(effects.shape[1], dtype=bool)
    return np.asarray(effects[np.argmin(np.abs(np.log(lam / chosen)))] != 0)


def _mark_lam(ax: Axes, chosen: float | None) -> None:
    """A vertical line at the chosen λ."""
    low, high = ax.get_xlim()
    if chosen is not None and low <= chosen <= high:
        ax.axvline(chosen, color=INK, linewidth=1.0, linestyle=(0, (4, 3)), zorder=5)


def name_lines(
    ax: Axes,
    ends: NDArray[np.float64],
    names: list[str],
    order: NDArray[np.intp],
    gap: float = 0.042,
    colours: Sequence[str] = (),
) -> None:
    """Names of the largest coefficients at the left ends of their lines, a `gap` apart."""
    heights = ends[order]
    low, high = ax.get_ylim()
    gap *= high - low
    rank = np.argsort(heights)
    placed = heights[rank].astype(float)
    for i in range(1, len(placed)):
        placed[i] = max(placed[i], placed[i - 1] + gap)
    if len(placed):  # the column of names stays centred on the lines
        placed -= 0.5 * ((placed[-1] - heights[rank[-1]]) + (placed[0] - heights[rank[0]]))
    texts = labels(names, 18)
    for i, y in zip(rank, placed, strict=True):
        colour = colours[i] if colours else INK
        beside(ax, -6.0, y, texts[i], colour=colour, ha="right", end=0.0)


def scale_axis(
    ax: Axes, lam: NDArray[np.float64], scale: NDArray[np.float64], title: str = ""
) -> None:
    """The prior scale above: log scale between λ's is linear in log λ, and beyond them too."""
    known = np.isfinite(scale) & (scale > 0)
    x, y = np.log(lam[known]), np.log(scale[known])
    if len(x) < 2 or not (np.all(np.diff(x) > 0) and np.all(np.diff(y) < 0)):
        return

    # matplotlib also asks for the ends of an unset axis: what exp cannot hold is held at its limit.
    def to_scale(value: Any) -> Any:
        return np.exp(np.clip(_extended(np.log(np.maximum(value, 1e-300)), x, y), -700, 700))

    def to_lam(value: Any) -> Any:
        at = np.log(np.maximum(value, 1e-300))
        return np.exp(np.clip(_extended(at, y[::-1], x[::-1]), -700, 700))

    top = ax.secondary_xaxis("top", functions=(to_scale, to_lam))
    said = title or "scale of the prior"
    top.set_xlabel(said, fontsize=8.5, color=MUTED, labelpad=6, **PLAIN)
    ends = to_scale(np.array(ax.get_xlim()))
    log_ticks(top.xaxis, float(ends.min()), float(ends.max()))
    top.tick_params(length=0, labelsize=8, labelcolor=MUTED)
    top.spines["top"].set_visible(False)


def _extended(at: Any, x: NDArray[np.float64], y: NDArray[np.float64]) -> Any:
    """Linear interpolation of increasing x, continued beyond both ends with their slopes."""
    low = y[0] + (at - x[0]) * (y[1] - y[0]) / (x[1] - x[0])
    high = y[-1] + (at - x[-1]) * (y[-1] - y[-2]) / (x[-1] - x[-2])
    return np.where(at < x[0], low, np.where(at > x[-1], high, np.interp(at, x, y)))


def log_ticks(axis: Any, low: float, high: float) -> None:
    """Plain numbers on a logarithmic axis: as many to a decade as leaves them apart."""
    from matplotlib.ticker import LogLocator, NullLocator

    decades = np.log10(high / low) if 0 < low < high else 1.0
    subs = (1.0, 2.0, 5.0) if decades < 2.5 else (1.0, 3.0) if decades < 4.5 else (1.0,)
    axis.set_major_locator(LogLocator(subs=subs, numticks=12))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(plain_tick)


def plain_tick(value: float, position: float) -> str:
    """A tick of a logarithmic axis without mathematics."""
    del position
    return f"{value:g}".replace("-", "−")


def _below(features: list[Any], order: NDArray[np.intp], chosen: float | None) -> str:
    """What the axis and its marks are, in words."""
    left = len(features) - len(order)
    parts = ["λ (logarithmic)"]
    if chosen is not None:
        parts.append(f"dashed: λ = {chosen:.4g}; grey: zero there")
    if left:
        parts.append(f"the {len(order)} largest of {len(features)} coefficients")
    return "\n".join(["; ".join(parts[:1]), "; ".join(parts[1:])]).strip()
