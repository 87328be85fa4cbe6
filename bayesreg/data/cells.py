"""Cells of a file as columns: numbers where all are, else flags, dates, or the levels of a factor.

What a number could not give back stays text: codes such as 007, where 7 would be another one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.language.errors import BadArgument

if TYPE_CHECKING:
    from numpy.typing import NDArray

# What pandas reads as missing, so that files written by it come back as they were.
MISSING = (
    "", "NA", "N/A", "n/a", "<NA>", "#N/A", "#N/A N/A", "#NA", "NaN", "nan", "-NaN", "-nan",
    "1.#QNAN", "-1.#QNAN", "1.#IND", "-1.#IND", "NULL", "null", "None",
)  # fmt: skip
_TRUTH = {"true": 1.0, "false": 0.0}
_TIME = r"\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?\s*([AaPp][Mm]|Z|[+-]\d{2}:?\d{2})?"
_MONTH = r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_DATE = re.compile(
    rf"((\d{{4}}[-/.]\d{{1,2}}[-/.]\d{{1,2}}|\d{{1,2}}[-/.]\d{{1,2}}[-/.](\d{{4}}|\d{{2}})"
    rf"|\d{{1,2}}[- ]{_MONTH}[- ,]+\d{{2,4}}|{_MONTH} \d{{1,2}},? \d{{4}})([T ]{_TIME})?"
    rf"|\d{{4}}-(0[1-9]|1[0-2])|{_TIME})",
    re.IGNORECASE,
)
# Numbers that another text than theirs stands for: 007, +3, 1e5, and more digits than float64 has.
_ODD = r"^[+-]?0\d|^\+|^\d+[eE]\d|\d{16}|\d\.\d{15}"
_BLANKS = " \u00a0\u2009\u202f"  # that group the digits of a number


@dataclass(frozen=True)
class Format:
    """How a text file writes its cells, as far as the user said.

    Attributes
    ----------
    decimal : str
        The decimal point.
    thousands : str or None
        What groups the digits of large numbers; ``"blank"`` for blanks of any width.
    missing : tuple of str or None
        What stands for no value, beside an empty cell; None for `MISSING`.
    encoding : str or None
        None for UTF-8.
    comment : str or None
        What begins a line that is to be left out.
    skip : int
        Lines before the header.
    factors, numbers : frozenset of str
        Columns that are factors, or numbers, whatever they look like.
    """

    decimal: str = "."
    thousands: str | None = None
    missing: tuple[str, ...] | None = None
    encoding: str | None = None
    comment: str | None = None
    skip: int = 0
    factors: frozenset[str] = field(default_factory=frozenset)
    numbers: frozenset[str] = field(default_factory=frozenset)

    def __post_init__(self) -> None:
        for option, sign in (("--decimal", self.decimal), ("--thousands", self.thousands)):
            if sign is not None and sign != "blank" and (len(sign) != 1 or sign.isalnum()):
                raise BadArgument(f"{option} must be one character such as ',', not {sign!r}")
        if self.decimal in self.grouping:
            raise BadArgument("--decimal and --thousands must differ")
        if self.comment == "":
            raise BadArgument("--comment must not be empty; give a character such as '#'")
        if both := self.factors & self.numbers:
            raise BadArgument(f"--factor and --number both name {min(both)!r}")

    @property
    def grouping(self) -> str:
        """The characters that may group digits."""
        if self.thousands is None:
            return ""
        same = {"blank": _BLANKS, " ": _BLANKS, "'": "'\u2019", "\u2019": "'\u2019"}
        return same.get(self.thousands, self.thousands)

    @property
    def absent(self) -> tuple[str, ...]:
        """The texts that stand for no value."""
        return MISSING if self.missing is None else ("", *self.missing)

    @cached_property
    def _grouped(self) -> re.Pattern[str]:
        group, point = re.escape(self.grouping), re.escape(self.decimal)
        return re.compile(rf"[+-]?\d{{1,3}}([{group}]\d{{3}})+({point}\d*)?")

    def number(self, cell: str) -> float | None:
        """The number that a cell holds, or None."""
        if self.thousands is not None and self._grouped.fullmatch(cell):
            cell = re.sub(f"[{re.escape(self.grouping)}]", "", cell)
        if self.decimal != ".":
            if "." in cell:
                return None
            cell = cell.replace(self.decimal, ".")
        return number(cell)


@dataclass(frozen=True, eq=False)
class Column:
    """One column as it was read.

    Attributes
    ----------
    name : str
    kind : {"number", "flag", "text", "date", "mixed", "empty", "other"}
        "flag" is true and false, "mixed" numbers among text, "other" what no table should hold.
    values : ndarray, shape (n,)
        Numbers, and 1 and 0 for flags, NaN where missing. Where there are levels, positions among
        them, -1 where missing.
    levels : tuple of str
        The different texts, in order of appearance, or in that which the file declares.
    origin : {"", "codes", "declared", "asked"}
        Why a text is a factor, or a number one, whatever it looks like: it holds codes, the file
        declares it, or the user said so.
    note : str
        What must be said if the column is used.
    absent : mapping
        How often each text was read as missing; an empty cell is the text "".
    words : tuple of str or None
        The levels that are no numbers as the file writes them; None as Python does.
    ordered : bool
        Whether the file declares an order of the levels, and not only which there are.
    """

    name: str
    kind: str
    values: NDArray[Any]
    levels: tuple[str, ...] = ()
    origin: str = ""
    note: str = ""
    absent: Mapping[str, int] = field(default_factory=dict)
    words: tuple[str, ...] | None = None
    ordered: bool = False

    @cached_property
    def missing(self) -> NDArray[np.intp]:
        """Rows without a value."""
        return np.flatnonzero(self.values < 0 if self.levels else np.isnan(self.values))

    @property
    def texts(self) -> tuple[str, ...]:
        """The levels that are no numbers."""
        if self.words is not None:
            return self.words
        return tuple(level for level in self.levels if number(level) is None)

    @property
    def odd(self) -> tuple[int, str]:
        """Row and text of the first cell that is no number; of the first cell if all are."""
        known = set(self.texts)
        texts = np.array([level in known for level in self.levels])
        sought = (texts if texts.any() else ~texts)[self.values] & (self.values >= 0)
        row = int(np.argmax(sought))
        return row, self.levels[self.values[row]]


@dataclass(frozen=True, eq=False)
class Table:
    """A file as it was read: columns of equal length, and how to find the line of a row."""

    name: str
    columns: Mapping[str, Column]
    rows: int
    line_of: Callable[[int], int] | None = None
    notes: tuple[str, ...] = ()

    def place(self, row: int) -> str:
        """Where a row stands, as an editor shows it if the file has lines."""
        return f"row {row} (from 0)" if self.line_of is None else f"line {self.line_of(row)}"

    def listed(self) -> str:
        """The first names, and how many there are."""
        more = f", ... ({len(self.columns)} in all)" if len(self.columns) > 10 else ""
        return ", ".join(map(repr, islice(self.columns, 10))) + more


def read_cells(name: str, raw: Any, form: Format, *, parse: bool = True) -> Column:
    """A column of texts: numbers if all of them are and `parse` says so, flags, dates or text."""
    import pyarrow.compute as pc

    cells = pc.utf8_trim_whitespace(raw)
    asked = "asked" if name in form.numbers | form.factors else ""
    if name in form.factors:
        return _levels(name, raw, form, origin="asked")
    if name in form.numbers:
        parse = True
    absent: Mapping[str, int] = {"": cells.null_count} if cells.null_count else {}
    values = _at_once(cells, form) if parse else None
    if values is None:
        cells, absent = _without_missing(cells, form)
        values = _at_once(cells, form) if parse else None
    if values is None:  # cell by cell, which reads more than Arrow does, such as +3
        found = _levels(name, raw, form, parse=parse, origin=asked)
        if found.kind != "number":
            return found if parse else _declared_text(found, cells)
        values, absent = found.values, found.absent
    values, absent = without_sentinels(values, absent, form)
    if np.isnan(values).all():
        return Column(name, "empty", values, absent=absent)
    note, codes = ("", False) if asked else _given_back(name, cells)
    if codes:
        return _levels(name, raw, form, origin="codes", note=note)
    return Column(name, "number", values, origin=asked, note=note, absent=absent)


def _without_missing(cells: Any, form: Format) -> tuple[Any, dict[str, int]]:
    """The cells without those that stand for no value, and how many of these there were."""
    import pyarrow as pa
    import pyarrow.compute as pc

    missing = pc.is_in(cells, pa.array(form.absent, pa.string()))
    absent = {"": cells.null_count} if cells.null_count else {}
    if not pc.any(missing).as_py():
        return cells, absent
    for text, count in zip(*_counted(cells.filter(missing)), strict=True):
        absent[text] = absent.get(text, 0) + count
    return pc.if_else(missing, pa.scalar(None, pa.string()), cells), absent


def _counted(cells: Any) -> tuple[list[str], list[int]]:
    found = cells.value_counts()
    return found.field("values").to_pylist(), found.field("counts").to_pylist()


def _at_once(cells: Any, form: Format) -> NDArray[Any] | None:
    """The numbers (n,) that all cells are to Arrow, or None."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if form.thousands is not None:
        return None
    if form.decimal != ".":
        if pc.any(pc.match_substring(cells, ".")).as_py():
            return None
        cells = pc.replace_substring(cells, form.decimal, ".")
    try:
        found = cells.cast(pa.float64())
    except pa.ArrowInvalid:
        return None
    if pc.any(pc.is_nan(found)).as_py():  # written so, where that does not mean missing
        return None
    return np.asarray(found.to_numpy())


def without_sentinels(
    values: NDArray[Any], absent: Mapping[str, int], form: Format
) -> tuple[NDArray[Any], Mapping[str, int]]:
    """Numbers that stand for no value, such as -999, however they are written."""
    if not form.missing:
        return values, absent
    counts, values = dict(absent), values.copy()
    for text in form.missing:
        found = values == form.number(text)
        if found.any():
            values[found] = np.nan
            counts[text] = counts.get(text, 0) + int(found.sum())
    return values, counts


def _levels(
    name: str, raw: Any, form: Format, *, parse: bool = False, origin: str = "", note: str = ""
) -> Column:
    """A column by its different texts."""
    codes, texts = coded(raw)
    count = np.bincount(codes[codes >= 0], minlength=len(texts))
    empty = int(np.sum(codes < 0))
    absent = {"": empty} if empty else {}
    index: dict[str, int] = {}
    spellings: dict[str, list[str]] = {}
    positions = []
    for text, times in zip(texts, count.tolist(), strict=True):
        plain = unquoted(text.strip())
        if plain in form.absent:
            absent[plain] = absent.get(plain, 0) + times
            positions.append(-1)
            continue
        spellings.setdefault(plain, []).append(text)
        positions.append(index.setdefault(plain, len(index)))
    codes, levels = np.array([*positions, -1])[codes], tuple(index)
    if not levels:
        return Column(name, "empty", np.full(len(codes), np.nan), absent=absent)
    if origin != "asked" or parse:
        numbers = [form.number(level) if parse else None for level in levels]
        truth = [_TRUTH.get(level.lower()) for level in levels]
        for kind, found in (("number", numbers), ("flag", truth if not origin else [None])):
            if None not in found:
                values = np.array([*found, np.nan], dtype=float)[codes]
                return Column(name, kind, values, absent=absent)
        if any(value is not None for value in numbers):
            words = tuple(one for one, x in zip(levels, numbers, strict=True) if x is None)
            return Column(name, "mixed", codes, levels, absent=absent, words=words)
    date = not origin and all(_DATE.fullmatch(level) for level in levels[:1000])
    twice = next((texts for texts in spellings.values() if len(texts) > 1), None)
    if twice is not None and not note:
        note = f"column {name!r}: {twice[0]!r} and {twice[1]!r} were read as one level"
    kind = "date" if date else "text"
    # As the file writes numbers, there is none among the levels.
    said = levels if parse else None
    return Column(name, kind, codes, levels, origin, note, absent, said)


def _declared_text(found: Column, cells: Any) -> Column:
    """A column of a file that has types and says text: digits are codes if no number returns them.

    Other digits are left for the reader to declare.
    """
    note, codes = _given_back(found.name, cells)
    if found.kind == "text" and codes and all(number(level) is not None for level in found.levels):
        return Column(found.name, "text", found.values, found.levels, "codes", note, found.absent)
    return found


def _given_back(name: str, cells: Any) -> tuple[str, bool]:
    """What is lost if cells are read as numbers, and whether they are codes and no quantities.

    Codes are whole numbers with leading zeros and of one width, or of which two would be one.
    """
    import pyarrow.compute as pc

    odd = pc.fill_null(pc.match_substring_regex(cells, _ODD), fill_value=False)
    if not pc.any(odd).as_py():
        return "", False
    texts = [text for text in pc.unique(cells.filter(odd)).to_pylist() if _is_odd(text)]
    if not texts:
        return "", False
    whole = pc.fill_null(pc.match_substring_regex(cells, r"^\d+$"), fill_value=True)
    if pc.all(whole).as_py() and any(re.match(r"0\d", text) for text in texts):
        every = pc.unique(cells.drop_null()).to_pylist()
        if len(set(map(len, every))) == 1 or len(set(map(int, every))) < len(every):
            return (
                f"column {name!r} holds codes such as {texts[0]!r}, which a number would not give "
                f"back: it was read as text (--number {name} if they are quantities)"
            ), True
    if re.fullmatch(r"[+-]?\d{16,}", texts[0]):
        return (
            f"column {name!r} has integers above 2^53, whose last digits are lost; is it an "
            f"identifier? If so, run again with --drop {name}; if it holds codes, --factor {name}"
        ), False
    return (
        f"column {name!r}: {texts[0]!r} was read as the number {float(texts[0]):.17g} (--factor "
        f"{name} if these are codes)"
    ), False


def _is_odd(text: str) -> bool:
    """Whether a text is no usual way to write the number that it is."""
    if re.match(r"[+-]?0\d|\+|\d+[eE]\d", text):
        return number(text) is not None
    digits = re.sub(r"[eE].*|\D", "", text).lstrip("0")
    if number(text) is None or len(digits) < 16:
        return False
    if re.fullmatch(r"[+-]?\d+", text):
        return int(text) != int(float(text))
    return len(digits) > 17  # up to here a float64 may have been written out


def coded(cells: Any) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Positions among the different cells, -1 where missing, and these as text."""
    found = cells.dictionary_encode().combine_chunks()
    return found.indices.fill_null(-1).to_numpy(), tuple(map(str, found.dictionary.to_pylist()))


def unquoted(text: str) -> str:
    """Without the quotation marks that a blank before them has kept from being read."""
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text


def number(cell: str) -> float | None:
    """The number that a cell holds, or None; 1_000 is one to Python, and to no table."""
    try:
        value = float(cell)
    except ValueError:
        return None
    return None if "_" in cell or np.isnan(value) else value


def in_order(levels: Iterable[str]) -> list[str]:
    """Levels by size if all are numbers, else in alphabetical order."""
    found = list(levels)
    sizes = {level: number(level) for level in found}
    if None in sizes.values():
        return sorted(found)
    return sorted(found, key=lambda level: (sizes[level], level))
