"""Table: columns of a kind, rows of raw values, and how a value is said in words."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.language.arguments import interval_names
from bayesreg.language.text import shown

if TYPE_CHECKING:
    from pandas import DataFrame

MINUS = "−"
KINDS = (
    "name", "prior", "text", "code", "number", "estimate", "small", "decimal", "probability",
    "share", "ratio", "integer", "flag", "answer", "zero", "sign", "why",
)  # fmt: skip
Rows = Iterable[tuple[Any, ...]]
# Anything between the two is said in words.
_FLAGS = {True: "held", False: "FAILED"}
_ANSWERS = {True: "yes", False: "NO", None: "not judged"}
TEXTS = ("name", "prior", "text", "code", "why")


@dataclass(frozen=True)
class Column:
    """What a column of a table holds.

    Attributes
    ----------
    key : str
        Its name in CSV and JSON.
    title : str
        Its heading.
    kind : str
        One of `KINDS`: decides how its values are written, never what they are.
    """

    key: str
    title: str
    kind: str = "number"

    @property
    def textual(self) -> bool:
        """Whether the column holds words rather than numbers."""
        return self.kind in TEXTS


def columns(said: str, level: float | None = None) -> tuple[Column, ...]:
    """Columns from their heads, as ``"key kind title | key kind title"``.

    ``interval kind`` stands for the two bounds of an interval of probability `level`.

    Examples
    --------
    >>> [c.key for c in columns("sd small spread of it | interval small", 0.9)]
    ['sd', 'eti90_lb', 'eti90_ub']
    """
    made = []
    for head in said.split(" | "):
        key, kind, title = (*head.split(" ", 2), "")[:3]
        if key == "interval" and level is not None:
            low, high = interval_names(level)
            made.append(Column(low, f"{low.removesuffix('_lb')} from", kind))
            made.append(Column(high, "to", kind))
        else:
            made.append(Column(key, title, kind))
    return tuple(made)


PRIOR = Column("prior", "prior", "prior")


@dataclass(frozen=True, eq=False)
class Table:
    """One table of a report, with the values as they were computed.

    Attributes
    ----------
    key : str
        Its name: of the file on export, and in JSON.
    title : str
        What it shows.
    columns : tuple of Column
        Left to right.
    rows : tuple of tuple
        Raw values: text, float, int, bool or None.
    note : str
        How to read it.
    decimals : tuple of int
        For each row, the decimals of its estimates; empty for four significant digits.
    group : int
        So many consecutive rows share the first cell.
    first : int
        So many rows are shown at once, the others folded; 0 shows all.
    folded : bool
        Whether the whole table is folded.
    layout : {"table", "cards", "answers"}
        As a table, as one card per row, or as questions with their answers.
    """

    key: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]
    note: str = ""
    decimals: tuple[int, ...] = ()
    group: int = 1
    first: int = 0
    folded: bool = False
    layout: str = "table"

    def text(self, row: int, column: int) -> str:
        """The value of a cell in words, shortened nowhere and escaped nowhere."""
        digits = self.decimals[row] if self.decimals else None
        return spoken(self.rows[row][column], self.columns[column].kind, digits)

    def records(self) -> list[dict[str, Any]]:
        """The rows as dictionaries by column key."""
        keys = [column.key for column in self.columns]
        return [dict(zip(keys, row, strict=True)) for row in self.rows]


def by_prior(
    key: str,
    title: str,
    said: str,
    note: str = "",
    *,
    no_sigma: Mapping[str, Any] | None = None,
    **options: Any,
) -> Callable[[Callable[..., Rows]], Callable[..., Table]]:
    """Make what gives the rows of one entry give the table of a comparison, by prior.

    A `level` is handed on to the rows and to the columns (see :func:`columns`); estimates are
    written with the decimals that the column `sd` asks for. `no_sigma` is what differs where the
    likelihood has no σ: fields of the table, heads by key (`heads`), a column too many (`less`).
    """

    def of_comparison(rows: Callable[..., Rows]) -> Callable[..., Table]:
        @wraps(rows)
        def table(comparison: Any, **level: float) -> Table:
            entries = comparison.entries.items()
            cells = tuple((name, *row) for name, entry in entries for row in rows(entry, **level))
            head = (PRIOR, *columns(said, **level))
            digits: dict[str, Any] = {}
            if any(column.kind == "estimate" for column in head):
                at = [column.key for column in head].index("sd")
                digits["decimals"] = tuple(decimals_for([row[at]]) for row in cells)
            made = Table(key, title, head, cells, note, **digits, **options)
            likelihood = next(iter(comparison.entries.values())).problem.likelihood
            return made if likelihood.has_sigma else _changed(made, **(no_sigma or {}))

        return table

    return of_comparison


def _changed(
    table: Table, *, heads: Mapping[str, str] | None = None, less: str = "", **fields: Any
) -> Table:
    """The table with other fields, other heads of columns, and without a column."""
    heads = heads or {}
    head = tuple(replace(c, title=heads.get(c.key, c.title)) for c in table.columns)
    return without(replace(table, columns=head, **fields), less)


def from_frame(
    frame: DataFrame, key: str, title: str, known: Sequence[Column], **options: Any
) -> Table:
    """A table from a data frame: known columns in this order, then the others as numbers or text.

    A known column that the frame lacks is left out.
    """
    chosen = [column for column in known if column.key in frame.columns]
    taken = {column.key for column in chosen}
    rest = [
        Column(
            str(c), str(c).replace("_", " "), "number" if frame[c].dtype.kind in "fiu" else "text"
        )
        for c in frame.columns
        if c not in taken
    ]
    columns = tuple(chosen + rest)
    data = [frame[column.key].tolist() for column in columns]
    return Table(key, title, columns, tuple(zip(*data, strict=True)), **options)


def without(table: Table, key: str) -> Table:
    """The table without one of its columns."""
    kept = [j for j, column in enumerate(table.columns) if column.key != key]
    rows = tuple(tuple(row[j] for j in kept) for row in table.rows)
    return replace(table, columns=tuple(table.columns[j] for j in kept), rows=rows)


def plain(value: Any) -> Any:
    """Python's own number, truth value or None (NaN), for any writer."""
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and math.isnan(value) else value


def decimals_for(spreads: Iterable[float]) -> int:
    """Decimals that show the smallest of these sds to two significant digits."""
    known = [s for s in spreads if math.isfinite(s) and s > 0]
    return max(0, 1 - math.floor(math.log10(min(known)))) if known else 3


def spoken(value: Any, kind: str, decimals: int | None = None) -> str:
    """A value in words: text with nothing hidden, numbers with the digits that mean something.

    Parameters
    ----------
    value : object
        Text, number, truth value or None.
    kind : str
        One of `KINDS`.
    decimals : int, optional
        For estimates.

    Returns
    -------
    str
        ``–`` for what does not exist.

    Examples
    --------
    >>> spoken(-1234.5678, "estimate", 1), spoken(0.99984, "probability"), spoken(None, "flag")
    ('−1234.6', '> 0.999', 'not run')
    """
    if kind == "flag":
        return value if isinstance(value, str) else _FLAGS.get(value, "not run")
    if kind == "answer":
        return _ANSWERS[value]
    if kind == "zero":
        return {True: "0", False: "≠ 0"}.get(value, "–")
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if kind in TEXTS or not isinstance(value, numbers.Real):
        return shown(str(value))
    return _number(float(value), kind, decimals).replace("-", MINUS)


def _number(x: float, kind: str, decimals: int | None) -> str:
    """A number by kind, with a plain hyphen."""
    if math.isinf(x):
        return "∞" if x > 0 else "-∞"
    if kind == "integer":
        return f"{x:.0f}"
    if kind == "probability":
        return _probability(x)
    if kind == "share":
        return _probability(min(max(x, 0.0001), 0.9999))
    if kind == "sign":
        # All of some thousand draws on one side show that P > 0.999, not that it is 1.
        return f"{_probability(min(max(x, 1 - x), 0.9999))} ({'+' if x >= 0.5 else '-'})"
    if kind in ("decimal", "ratio"):
        return _zero_signless(f"{x:.1f}" if kind == "decimal" else f"{x:.2f}")
    if kind == "small":
        return f"{x:.1e}" if x else "0"
    if kind == "estimate" and decimals is not None and decimals <= 6 and abs(x) < 1e7:
        return "0" if x == 0 else _zero_signless(f"{x:.{decimals}f}")
    return f"{x:.4g}"


def _probability(x: float) -> str:
    """Three decimals, and never 0 or 1 unless it is."""
    if 0 < x < 0.001:
        return "< 0.001"
    return "> 0.999" if 0.999 < x < 1 else f"{x:.3f}"


def _zero_signless(text: str) -> str:
    """No minus before zeros."""
    return text.lstrip("-") if not text.strip("-0.") else text
