"""Columns of a file before they are data: what each cell holds, counted and never guessed at twice.

Only the standard library is imported here, so that a file that cannot be used is refused at once.
"""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# What pandas reads as missing, so that files written by it come back as they were.
MISSING = frozenset({
    "", "NA", "N/A", "n/a", "<NA>", "#N/A", "#N/A N/A", "#NA", "NaN", "nan", "-NaN", "-nan",
    "1.#QNAN", "-1.#QNAN", "1.#IND", "-1.#IND", "NULL", "null", "None",
})  # fmt: skip
_TRUTH = {"true": 1.0, "false": 0.0}
_TIME = r"\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?\s*([AaPp][Mm]|Z|[+-]\d{2}:?\d{2})?"
_MONTH = r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_DATE = re.compile(
    rf"((\d{{4}}[-/.]\d{{1,2}}[-/.]\d{{1,2}}|\d{{1,2}}[-/.]\d{{1,2}}[-/.](\d{{4}}|\d{{2}})"
    rf"|\d{{1,2}}[- ]{_MONTH}[- ,]+\d{{2,4}}|{_MONTH} \d{{1,2}},? \d{{4}})([T ]{_TIME})?"
    rf"|\d{{4}}-(0[1-9]|1[0-2])|{_TIME})",
    re.IGNORECASE,
)


@dataclass(frozen=True, eq=False)
class Column:
    """One column as it was read.

    Attributes
    ----------
    name : str
    kind : {"number", "flag", "text", "date", "mixed", "empty", "other"}
        "flag" is true and false, "mixed" numbers among text, "other" what no table should hold.
    values : array of float
        Numbers, and 1 and 0 for flags; NaN elsewhere. Empty for text and dates.
    codes : array of int
        Positions in `levels`, -1 where there is none. Empty for numbers.
    levels : tuple of str
        The different texts, in order of appearance.
    missing : array of int
        Rows without a value.
    odd : tuple (row, text) or None
        The first cell that is no number.
    """

    name: str
    kind: str
    values: array[float]
    codes: array[int]
    levels: tuple[str, ...]
    missing: array[int]
    odd: tuple[int, str] | None = None


@dataclass(frozen=True, eq=False)
class Table:
    """A file as it was read: columns of equal length, and where each row stands in the file."""

    name: str
    columns: Mapping[str, Column]
    rows: int
    lines: array[int] | None = None

    def place(self, row: int) -> str:
        """Where a row stands, as an editor shows it if the file has lines."""
        return f"row {row} (from 0)" if self.lines is None else f"line {self.lines[row]}"


class Cells:
    """The cells of one column while they are read, from text."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.values = array("d")
        self.codes = array("q")
        self.missing = array("q")
        self.levels: dict[str, int] = {}
        self.odd: tuple[int, str] | None = None
        self.numbers = 0

    def extend(self, cells: Sequence[str]) -> None:
        """Add cells: all at once where they are numbers, one by one otherwise."""
        start = len(self.values)
        try:
            block = array("d", map(float, cells))
        except ValueError:
            block = None
        # float() reads 1_000 as a number, which no table means.
        if block is None or "_" in "".join(cells) or not math.isfinite(sum(block)):
            for row, cell in enumerate(cells, start):
                self._add(row, cell.strip())
            return
        self.values.extend(block)
        self.numbers += len(block)
        if self.levels:
            self.codes.extend([-1] * len(block))

    def _add(self, row: int, cell: str) -> None:
        value, code = math.nan, -1
        if cell in MISSING:
            self.missing.append(row)
        elif (found := number(cell)) is not None:
            value = found
            self.numbers += 1
        else:
            if not self.levels:
                self.odd = (row, cell)
                self.codes.extend([-1] * row)
            code = self.levels.setdefault(cell, len(self.levels))
        self.values.append(value)
        if self.levels:
            self.codes.append(code)

    def column(self) -> Column:
        """The column, once every cell is there."""
        none = array("q")
        levels = tuple(self.levels)
        if not levels:
            kind = "number" if self.numbers else "empty"
            return Column(self.name, kind, self.values, none, (), self.missing)
        if self.numbers:
            return Column(
                self.name, "mixed", self.values, self.codes, levels, self.missing, self.odd
            )
        return text_column(self.name, self.codes, levels, self.missing, self.odd)


def number(cell: str) -> float | None:
    """The number that a cell holds, or None."""
    if "_" in cell:
        return None
    try:
        value = float(cell)
    except ValueError:
        return None
    return None if math.isnan(value) else value


def text_column(
    name: str,
    codes: array[int],
    levels: tuple[str, ...],
    missing: array[int],
    odd: tuple[int, str] | None,
) -> Column:
    """A column of texts, which may be dates, or true and false."""
    truth = [_TRUTH.get(level.lower(), math.nan) for level in levels]
    if not any(map(math.isnan, truth)):
        values = array("d", (truth[code] if code >= 0 else math.nan for code in codes))
        return Column(name, "flag", values, array("q"), levels, missing, odd)
    kind = "date" if all(_DATE.fullmatch(level) for level in levels[:1000]) else "text"
    return Column(name, kind, array("d"), codes, levels, missing, odd)
