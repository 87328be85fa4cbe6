"""Figures of predictions, comparisons and slopes: a curve with its band, or a row for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.language.arguments import is_number
from bayesreg.language.text import labels
from bayesreg.plots.canvas import MUTED, axes, dress, legend, marks, stripes
from bayesreg.plots.coefficients import kind, lines, name_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST = 40  # rows, or curves
CURVES = 8


def plot_margins(margins: Any, ax: Axes | None = None) -> Axes:
    """Estimates with their intervals: over the first number that was set, or one row for each.

    Parameters
    ----------
    margins : Margins
        Result of ``br.predictions``, ``br.comparisons`` or ``br.slopes``.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        A curve with its band for each value of the other variables, at most 8 of them; or points
        with lines, at most 40.
    """
    table = margins.table
    over = next((name for name in margins.grid if _runs(table[name])), None)
    if over is None:
        return _points(margins, table, ax)
    return _curves(margins, table, over, ax)


def _runs(column: Any) -> bool:
    """Whether a variable runs through more than two numbers."""
    values = list(column)
    return len(set(values)) > 2 and all(map(is_number, values))


def _ends(table: Any) -> tuple[Any, Any] | None:
    """The bounds of the intervals, where there are any."""
    if "sd" not in table:
        return None
    interval = kind(table)
    return table[f"{interval}_lb"], table[f"{interval}_ub"]


def _naming(margins: Any) -> list[str]:
    """The columns that say what a row is and differ between rows."""
    found = [name for name, column in margins.labels.items() if len(set(column)) > 1]
    return found or list(margins.labels)


def _said(names: list[str], row: Any) -> str:
    """A row in words."""
    change = [str(row[name]) for name in ("term", "contrast") if name in row]
    there = [f"{n} = {_brief(row[n])}" for n in names if n not in ("term", "contrast")]
    return ", ".join([": ".join(change)] * bool(change) + there)


def _brief(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _curves(margins: Any, table: Any, over: str, ax: Axes | None) -> Axes:
    """One curve for each combination of the other variables."""
    ax = axes(ax, 6.4, 3.9)
    others = [name for name in _naming(margins) if name != over]
    texts = table.apply(lambda row: _said(others, row), axis=1).to_numpy() if others else None
    names = list(dict.fromkeys(texts)) if texts is not None else [""]
    handles, shown = [], names[:CURVES]
    for name, mark in marks(shown).items():
        part = table if texts is None else table[texts == name]
        x = part[over].to_numpy(float)
        order = np.argsort(x, kind="stable")
        ends = _ends(part)
        if ends is not None:
            low, high = (end.to_numpy(float)[order] for end in ends)
            ax.fill_between(x[order], low, high, color=mark.colour, alpha=0.14, linewidth=0)
        y = part["estimate"].to_numpy(float)[order]
        (handle,) = ax.plot(x[order], y, color=mark.colour, linestyle=mark.dash, linewidth=1.6)
        handles.append(handle)
    left = len(names) - len(shown)
    note = f"the first {len(shown)} of {len(names)} curves" if left else ""
    dress(ax, x=lines(over, _band(margins, "band"), note), y=_what(margins), rules="y")
    if len(shown) > 1:
        legend(ax, handles, labels(shown))
    return ax


def _points(margins: Any, table: Any, ax: Axes | None) -> Axes:
    """One row for each question."""
    names, left = _naming(margins), len(table) - MOST
    table = table.iloc[:MOST]
    ax = axes(ax, 6.8, 1.2 + 0.3 * len(table))
    where = np.arange(len(table))[::-1].astype(float)
    stripes(ax, where)
    mark, ends = marks([""])[""], _ends(table)
    if ends is not None:
        ax.hlines(where, *ends, color=mark.colour, linewidth=1.5, zorder=2)
    ax.plot(table["estimate"], where, "o", color=mark.colour, ms=5.0, zorder=3)
    if margins.what != "predictions":
        ax.axvline(float(margins.what == "ratios"), color=MUTED, linewidth=0.8, zorder=1)
    name_rows(ax, [_said(names, row) or margins.what for _, row in table.iterrows()], where)
    note = f"the first {MOST} rows; {left} more in the table" if left > 0 else ""
    dress(ax, x=lines(_what(margins), _band(margins, "line"), note), rules="x")
    return ax


def _what(margins: Any) -> str:
    """What the axis of the estimates shows."""
    before = {
        "predictions": "",
        "comparisons": "change in ",
        "ratios": "ratio of ",
        "slopes": "slope of ",
    }
    return f"{before[margins.what]}{margins.unit}"


def _band(margins: Any, drawn: str) -> str:
    """How the interval is drawn and of what kind it is."""
    return f"{drawn}: {kind(margins.table)}" if margins.sampled else "at the optimum: no interval"
