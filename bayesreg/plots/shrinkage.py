"""Figures of what each prior did: shrinkage, and what is left that matters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadArgument
from bayesreg.language.text import labels, shortened
from bayesreg.plots.canvas import (
    MUTED,
    PAPER,
    RULE,
    Mark,
    axes,
    axes_grid,
    beside,
    dress,
    figure_legend,
    legend,
    marks,
    need_columns,
    stripes,
)
from bayesreg.plots.coefficients import kind, largest, lines, name_rows, offsets_of
from bayesreg.plots.densities import curve_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_shrinkage(
    shrinkage: Mapping[str, Any], ax: Axes | None = None, *, level: float = 0.95
) -> Axes:
    """Shrinkage factor κ of the largest coefficients with its interval, one mark per prior.

    Parameters
    ----------
    shrinkage : mapping of str to Shrinkage
        ``post.shrinkage`` by prior.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure of pyplot's.
    level : float, default 0.95
        Level of the equal-tailed intervals.

    Returns
    -------
    matplotlib.axes.Axes
        0: left as least squares has it; 1: the prior decides. The order is that of the forest.

    Raises
    ------
    BadArgument
        If κ is not available under any prior.
    """
    known = _known(shrinkage)
    features = next(iter(shrinkage.values())).features
    order, note = _order([found.effect for found in shrinkage.values()], len(known))
    ax = axes(ax, 7.6, 1.2 + max(0.27, 0.12 + 0.07 * len(known)) * len(order))
    where = np.arange(len(order))[::-1].astype(float)
    stripes(ax, where)
    handles, interval = [], ""
    for name, offset in zip(known, offsets_of(len(known), 0.18), strict=True):
        mark, table = marks(shrinkage)[name], known[name].summary(level)
        interval = kind(table)
        values = table.to_numpy()[order]
        y = where - offset
        ax.hlines(y, values[:, 2], values[:, 3], color=mark.colour, linewidth=1.1, alpha=0.55)
        handles.append(_dots(ax, values[:, 0], y, mark))
    name_rows(ax, [features[j] for j in order], where)
    ax.set_xlim(-0.03, 1.03)
    ax.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0\nleft alone", "¼", "½", "¾", "1\nthe prior decides"])
    said = f"shrinkage factor κ; mark: posterior mean; line: {interval}"
    dress(ax, x=lines(said, note, _missing(shrinkage, known)), rules="x")
    if len(known) > 1:
        legend(ax, handles, labels(known))
    return ax


def plot_effective(
    shrinkage: Mapping[str, Any], ax: Axes | None = None, *, level: float = 0.95
) -> Axes:
    """Posterior of the effective number of non-zero coefficients, one row per prior.

    Parameters
    ----------
    shrinkage : mapping of str to Shrinkage
        ``post.shrinkage`` by prior.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure of pyplot's.
    level : float, default 0.95
        Level of the equal-tailed intervals.

    Returns
    -------
    matplotlib.axes.Axes
        Densities, each to its own height; mark: mean; line: interval.

    Raises
    ------
    BadArgument
        If κ is not available under any prior.
    """
    known = _known(shrinkage)
    count = max(found.directions for found in known.values())
    ax = axes(ax, 7.6, 1.15 + 0.46 * len(known))
    lowest = float(count)
    for row, (name, found) in zip(range(len(known))[::-1], known.items(), strict=True):
        mark, q = marks(shrinkage)[name], found.effective
        low, high = q.interval(level)
        x, density = curve_of(q.draws)
        inside = (x >= 0) & (x <= found.directions)
        if np.any(inside):
            curve = row + 0.78 * density[inside] / density[inside].max()
            ax.fill_between(x[inside], row, curve, color=mark.colour, alpha=0.16, linewidth=0)
            ax.plot(x[inside], curve, color=mark.colour, linestyle=mark.dash, linewidth=1.1)
        ax.hlines([row], low, high, color=mark.colour, linewidth=2.2)
        _dots(ax, np.array([q.mean]), np.array([float(row)]), mark)
        lowest = min(lowest, low, float(x[0]) if len(x) else low)
        beside(ax, 8.0, row, f"{q.mean:.1f}  [{low:.1f}, {high:.1f}]")
    name_rows(ax, list(known), np.arange(len(known))[::-1])
    ax.set_ylim(-0.35, len(known) - 0.05)
    ax.set_xlim(max(0.0, lowest - 0.03 * count), count + 0.02 * max(count - lowest, 1e-3 * count))
    ax.axvline(count, color=MUTED, linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)
    said = f"m_eff, the effective number of non-zero coefficients; dashed: all {count}"
    reading = f"mark: posterior mean; line: eti{100 * level:.6g}; densities to their own height"
    dress(ax, x=lines(said, reading, _missing(shrinkage, known)), rules="x")
    return ax


def plot_significance(significance: Mapping[str, Any], ax: Any = None) -> Any:
    """Probability of the likelier sign, and of |β| > ε, of the largest coefficients.

    Parameters
    ----------
    significance : mapping of str to Significance
        ``post.significance(eps)`` by prior, of one ε.
    ax : array of matplotlib.axes.Axes, optional
        Two axes; by default those of a new figure of pyplot's.

    Returns
    -------
    ndarray of matplotlib.axes.Axes
        Left: the likelier sign, hollow if it is minus. Right: |β| > ε.
    """
    first = next(iter(significance.values()))
    need_columns(first.features)
    order, note = _order([one.effect for one in significance.values()], len(significance))
    step = max(0.27, 0.12 + 0.06 * len(significance))
    panels = axes_grid(ax, 2, 2, (3.8, 1.3 + step * len(order)))
    where = np.arange(len(order))[::-1].astype(float)
    offsets = offsets_of(len(significance), 0.16)
    handles = []
    for name, offset in zip(significance, offsets, strict=True):
        one, mark = significance[name], marks(significance)[name]
        minus = one.p_positive[order] < 0.5
        y = where - offset
        _dots(panels[0], one.p_direction[order][~minus], y[~minus], mark)
        _dots(panels[0], one.p_direction[order][minus], y[minus], mark, hollow=True)
        handles.append(_dots(panels[1], one.p_larger[order], y, mark))
    for panel in panels:
        stripes(panel, where)
    name_rows(panels[0], [first.features[j] for j in order], where)
    panels[1].set_yticks([])
    panels[1].set_ylim(panels[0].get_ylim())
    panels[0].set_xlim(0.485, 1.015)
    panels[1].set_xlim(-0.03, 1.03)
    letter = "sd(x)·β" if first.standardized else "β"
    dress(panels[0], x=lines("P(likelier sign); hollow: minus", note), rules="x")
    dress(panels[1], x=f"P(|{letter}| > ε)\nε = {first.words}", rules="x")
    if ax is None and len(significance) > 1:
        figure_legend(panels[0].figure, handles, labels(significance))
    return panels


def plot_profile(profiles: Mapping[str, Sequence[Any]], ax: Any = None) -> Any:
    """What each prior takes from a least-squares estimate: posterior mean, and MAP where it exists.

    Parameters
    ----------
    profiles : mapping of str to sequence of Profile
        By prior, one for each block of columns.
    ax : array of matplotlib.axes.Axes, optional
        Two axes, or one where there is no MAP; by default those of a new figure of pyplot's.

    Returns
    -------
    ndarray of matplotlib.axes.Axes
        Least squares less posterior mean (left) and MAP (right), on orthogonal columns.

    Raises
    ------
    BadArgument
        If no column has a proper prior.
    """
    curves = [(name, one) for name, every in profiles.items() for one in every]
    if not curves:
        raise BadArgument("no column has a proper prior here, so nothing is shrunk")
    both = any(one.map is not None for _, one in curves)
    panels = axes_grid(ax, 1 + both, 2, (3.9, 3.0))
    styles, handles, names, top = marks(profiles), [], [], 0.0
    for name, one in curves:
        mark = styles[name]
        line: dict[str, Any] = {"color": mark.colour, "linestyle": mark.dash, "linewidth": 1.5}
        for panel, made in zip(panels, (one.mean, one.map), strict=False):
            if made is not None:
                (handle,) = panel.plot(one.estimate, one.estimate - made, **line)
                top = max(top, float(np.max(one.estimate - made)))
                handles += [handle] if panel is panels[0] else []
        names.append(f"{shortened(name, 20)}: {shortened(one.label, 20)}" if one.label else name)
    for panel, what in zip(panels, ("posterior mean", "MAP"), strict=False):
        panel.set_xlim(0.0, float(curves[0][1].estimate[-1]))
        panel.set_ylim(0.0, 1.06 * top)
        said = f"{curves[0][1].estimator} estimate, standard errors"
        dress(panel, x=said, y=f"taken by the {what}")
        panel.grid(True, color=RULE, linewidth=0.6)
    if ax is None:
        figure_legend(panels[0].figure, handles, labels(names))
    return panels


def _known(shrinkage: Mapping[str, Any]) -> dict[str, Any]:
    """Those with factors; BadArgument with the reason if there is none."""
    known = {name: one for name, one in shrinkage.items() if one.known and len(one.proper)}
    if not known:
        why = next(
            (one.source for one in shrinkage.values() if not one.known),
            "no coefficient has a prior to shrink it",
        )
        raise BadArgument(f"there are no shrinkage factors to draw: {why}")
    return known


def _missing(shrinkage: Mapping[str, Any], known: Mapping[str, Any]) -> str:
    """A note on priors whose κ is not available."""
    absent = [shortened(name, 24) for name in shrinkage if name not in known]
    return f"not available: {', '.join(absent)}" if absent else ""


def _order(effects: Sequence[Array], priors: int) -> tuple[NDArray[np.intp], str]:
    """Rows, the largest effect under any prior first, and a note on those left out."""
    return largest(np.max(np.abs(effects), axis=0), priors)


def _dots(ax: Axes, x: Array, y: Array, mark: Mark, *, hollow: bool = False) -> Any:
    """Marks of one prior; returns the handle for a legend."""
    style: dict[str, Any] = {"linestyle": "", "marker": mark.marker, "color": mark.colour}
    face: dict[str, Any] = {"mfc": PAPER, "mew": 1.1} if hollow else {"mec": PAPER, "mew": 0.5}
    (handle,) = ax.plot(x, y, ms=5.0, zorder=3, clip_on=False, **style, **face)
    return handle
