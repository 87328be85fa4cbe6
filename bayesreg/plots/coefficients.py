"""Figures of coefficients: forest, posterior of one prior, optimum."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.language.text import labels, shortened
from bayesreg.plots.canvas import (
    INK,
    MUTED,
    PAPER,
    Mark,
    axes,
    dress,
    legend,
    marks,
    need_columns,
    stripes,
)
from bayesreg.priors.base import in_brief

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame


MOST = 30  # rows that one page holds and one reader reads
MARKS = 150  # of all priors in these rows


@dataclass(frozen=True, eq=False)
class Row:
    """One prior's column of numbers, all in the same order of features."""

    map: NDArray[np.float64]
    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def plot_forest(comparison: Any, ax: Axes | None = None, *, level: float = 0.95) -> Axes:
    """Posterior mean, interval and MAP of every coefficient, one mark per prior.

    Parameters
    ----------
    comparison : Comparison
        Result of ``br.compare``.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure of pyplot's.
    level : float, default 0.95
        Level of the equal-tailed intervals.

    Returns
    -------
    matplotlib.axes.Axes
        Effects per standard deviation of the column, the largest 30 by posterior mean.
    """
    names, sd = effects_of(comparison)
    need_columns(names)
    frame = comparison.coefficients(level)
    unit = per_sd(problem_of(comparison), effects=True)
    return _forest(standardised(frame, names, sd), names, kind(frame), unit, ax)


def plot_posterior(post: Any, ax: Axes | None = None, *, level: float = 0.95) -> Axes:
    """Posterior mean and interval of every coefficient of one posterior.

    Parameters
    ----------
    post : Posterior
        Result of ``br.sample``.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure of pyplot's.
    level : float, default 0.95
        Level of the equal-tailed intervals.

    Returns
    -------
    matplotlib.axes.Axes
        Effects per standard deviation of the column, the largest 30 by posterior mean.
    """
    effects, table = post.problem.effects, post.effects(level=level)
    rows = {in_brief(post.problem.prior): _row(table, effects.sd)}
    return _forest(rows, effects.names, kind(table), per_sd(post.problem, effects=True), ax)


def plot_map(fit: Any, ax: Axes | None = None) -> Axes:
    """Coefficients of the penalised optimum; hollow where the optimum is exactly zero.

    Parameters
    ----------
    fit : MapFit
        Result of ``br.fit_map``.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure of pyplot's.

    Returns
    -------
    matplotlib.axes.Axes
        Effects per standard deviation of the column, the largest 30.
    """
    effects, beta = fit.problem.effects, fit.beta.to_numpy(float)
    need_columns(effects.names)
    values = np.where(effects.zero(beta), 0.0, effects.of(beta) * effects.sd)
    order, note = largest(np.abs(values))
    ax = axes(ax, 7.2, 1.1 + 0.28 * len(order))
    where = np.arange(len(order))[::-1]
    shown, zero = values[order], values[order] == 0
    mark = marks([""])[""]
    ax.hlines(where, 0.0, shown, color=mark.colour, linewidth=1.4)
    for hollow in (False, True):
        face = PAPER if hollow else mark.colour
        ax.plot(
            shown[zero == hollow], where[zero == hollow], "o", color=mark.colour, mfc=face, ms=5.5
        )
    name_rows(ax, [effects.names[j] for j in order], where)
    ax.axvline(0.0, color=MUTED, linewidth=0.8, zorder=0)
    what = "coefficients" if effects.plain else "effects"
    zeros = f"{int(np.sum(values == 0))} of {len(values)} {what} are exactly zero (hollow)"
    dress(ax, x=lines(per_sd(fit.problem, effects=True), zeros, note), rules="x")
    return ax


def standardised(
    table: DataFrame, features: Sequence[str], sd: NDArray[np.float64]
) -> dict[str, Row]:
    """The coefficient table as one `Row` per prior, per standard deviation of the column."""
    names = list(dict.fromkeys(table.index.get_level_values(0)))
    return {name: _row(table.loc[name].reindex(features), sd) for name in names}


def size(rows: dict[str, Row]) -> NDArray[np.float64]:
    """Size of each effect: its largest |posterior mean| under any prior."""
    if not rows:  # a table without columns names no prior
        return np.zeros(0)
    return np.asarray(np.max([np.abs(row.mean) for row in rows.values()], axis=0))


def kind(table: DataFrame) -> str:
    """Kind and level of the table's intervals, read from its column names: ``eti95``."""
    return next(str(c) for c in table.columns if str(c).endswith("_lb")).removesuffix("_lb")


def _row(table: DataFrame, sd: NDArray[np.float64]) -> Row:
    """One prior's part of the table; a column that it lacks is NaN."""
    interval = kind(table)

    def column(name: str) -> NDArray[np.float64]:
        if name not in table.columns:
            return np.full(len(table), np.nan)
        return np.asarray(table[name].to_numpy(dtype=float, na_value=np.nan))

    return Row(
        map=column("map") * sd,
        mean=column("mean") * sd,
        low=column(f"{interval}_lb") * sd,
        high=column(f"{interval}_ub") * sd,
    )


def offsets_of(count: int, step: float) -> NDArray[np.float64]:
    """Where the priors stand beside each other within a row of height 1."""
    return np.asarray((np.arange(count) - 0.5 * (count - 1)) * min(step, 0.7 / count))


def problem_of(comparison: Any) -> Any:
    """The problem under the first prior: columns, rows and link are the same under every one."""
    return next(iter(comparison.entries.values())).problem


def columns_of(comparison: Any) -> tuple[list[str], NDArray[np.float64]]:
    """Names and standard deviations of the columns: the same for every prior."""
    problem = problem_of(comparison)
    return list(problem.features), np.asarray(problem.column_sd, dtype=float)


def effects_of(comparison: Any) -> tuple[list[str], NDArray[np.float64]]:
    """Names of the effects, and what makes each one per sd: the same for every prior."""
    effects = problem_of(comparison).effects
    return list(effects.names), np.asarray(effects.sd, dtype=float)


def largest(values: NDArray[np.float64], priors: int = 1) -> tuple[NDArray[np.intp], str]:
    """Order of the rows, largest first, as many as a page holds, and a note on those left out."""
    most = min(MOST, max(12, MARKS // priors))
    order = np.argsort(-np.nan_to_num(values), kind="stable")
    left = len(order) - most
    if left <= 0:
        return order, ""
    return order[:most], f"the {most} largest of {len(order)} coefficients; {left} smaller left out"


def _forest(
    rows: dict[str, Row], features: Sequence[str], interval: str, unit: str, ax: Axes | None
) -> Axes:
    """Draw the forest of any number of priors."""
    need_columns(features)
    order, note = largest(size(rows), len(rows))
    step = max(0.34, 0.12 + 0.1 * len(rows))
    ax = axes(ax, 7.6, 1.2 + step * len(order))
    where = np.arange(len(order))[::-1].astype(float)
    stripes(ax, where)
    ax.axvline(0.0, color=MUTED, linewidth=0.8, zorder=1)
    offsets = offsets_of(len(rows), 0.22)
    handles = [
        _intervals(ax, row, order, where - offset, mark)
        for (row, mark, offset) in zip(rows.values(), marks(rows).values(), offsets, strict=True)
    ]
    name_rows(ax, [features[j] for j in order], where)
    ax.set_ylim(-0.6, len(order) - 0.4)
    has_map = any(np.any(np.isfinite(row.map)) for row in rows.values())
    reading = f"line: {interval}; filled: posterior mean" + ("; hollow: MAP" if has_map else "")
    dress(ax, x=lines(unit, reading, note), rules="x")
    legend(ax, handles, labels(rows, 32 if len(rows) > 1 else 72))
    return ax


def _intervals(
    ax: Axes, row: Row, order: NDArray[np.intp], where: NDArray[np.float64], mark: Mark
) -> Any:
    """Interval, mean and MAP of one prior; returns the handle for the legend."""
    ax.hlines(where, row.low[order], row.high[order], color=mark.colour, linewidth=1.5, zorder=2)
    style: dict[str, Any] = {"linestyle": "", "marker": mark.marker, "color": mark.colour}
    (handle,) = ax.plot(row.mean[order], where, ms=4.8, mec=mark.colour, zorder=4, **style)
    ax.plot(row.map[order], where, ms=4.8, mfc=PAPER, mew=1.1, zorder=3, **style)
    return handle


def moved(problem: Any) -> str:
    """What effects change: the response by its name, or its log-odds."""
    layout = problem.layout
    if layout is None or problem.likelihood.link != "identity":
        return str(problem.likelihood.moved)
    return shortened(layout.y_name, 28)


def per_sd(problem: Any, *, effects: bool = False) -> str:
    """What a coefficient is, for an axis; with `effects`, what an effect is."""
    what = f"change in {moved(problem)} per standard deviation of"
    ratio = problem.likelihood.ratio
    doubled = "" if ratio is None else f"{math.log(2.0):.2f} doubles {ratio.of}"
    if not effects or problem.effects.plain:
        return f"{what} the column" + (f"; {doubled}" if doubled else "")
    return lines(f"{what} a number, or between levels of a factor", doubled)


def name_rows(ax: Axes, names: Sequence[str], where: NDArray[Any]) -> None:
    """Feature names along the y axis, as plain text."""
    ax.set_yticks(where, labels=labels(names, 28), parse_math=False, usetex=False)
    for text in ax.get_yticklabels():
        text.set_color(INK)
    if len(where):
        ax.set_ylim(-0.7, len(where) - 0.3)


def lines(*parts: str) -> str:
    """The parts that say something, one per line."""
    return "\n".join(part for part in parts if part)
