"""Files read into columns: what does not fit is refused with its line and its cell."""

from __future__ import annotations

import csv
import io
import math
import os
import re
import secrets
import shutil
from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from bayesreg.language.arguments import did_you_mean
from bayesreg.language.errors import BadArgument, BadData

if TYPE_CHECKING:
    import pandas as pd

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

PARQUET = (".parquet", ".pq")

CHUNK = 10_000
SEPARATORS = (",", ";", "\t", "|")
_MAGIC = {
    b"PK\x03\x04": "a zip archive or a spreadsheet; save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "a spreadsheet of Excel; save the sheet as CSV",
    b"\x1f\x8b": "compressed with gzip; decompress it first",
    b"PAR1": "a parquet file; give it the ending .parquet",
    b"\xff\xfe": "encoded in UTF-16; save it as UTF-8",
    b"\xfe\xff": "encoded in UTF-16; save it as UTF-8",
}


def read_csv(path: Path, sep: str = ",", header: frozenset[str] = frozenset()) -> Table:
    """Read a CSV file with a header line, in UTF-8.

    Parameters
    ----------
    path : Path
        A file, or anything that can be read once from its beginning.
    sep : str, default ","
        One character.
    header : frozenset of str
        Names that the user expects: a first line of numbers among them is a header after all.

    Returns
    -------
    Table

    Raises
    ------
    BadData
        If the file is empty, not text, without a header or with lines of unequal length.
    """
    with path.open("rb") as file:
        _refuse_binary(path, file.peek(4096)[:4096])
        text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
        reader = csv.reader(text, delimiter=sep, skipinitialspace=True, strict=True)
        try:
            names = _header(path, next(reader, None), sep, header)
            return _body(path, reader, names, sep)
        except csv.Error as error:
            raise BadData(
                f"{path.name}, line {reader.line_num}: {error}; is a quotation mark left open, or "
                "not doubled inside quotes?"
            ) from None
        except UnicodeDecodeError as error:
            raise BadData(_undecodable(path, error)) from None


def separator(text: str | None, path: Path) -> str:
    r"""The separator asked for, ``tab`` and ``\t`` included; by default what the ending says."""
    if text is None:
        return "\t" if path.suffix.lower() in {".tsv", ".tab"} else ","
    sep = {"tab": "\t", "\\t": "\t"}.get(text, text)
    if len(sep) != 1 or sep in '"\r\n':
        raise BadArgument(f"--sep must be one character such as ';', or 'tab', not {text!r}")
    return sep


def _refuse_binary(path: Path, head: bytes) -> None:
    if not head:
        raise BadData(f"{path.name} is empty")
    for magic, what in _MAGIC.items():
        if head.startswith(magic):
            raise BadData(f"{path.name} is {what}")
    if b"\x00" in head:
        raise BadData(f"{path.name} is not text; a CSV or parquet file is needed")


def _header(path: Path, row: list[str] | None, sep: str, expected: frozenset[str]) -> list[str]:
    """The column names: unique, not numbers, and more than one."""
    if not row or not any(cell.strip() for cell in row):
        raise BadData(f"{path.name} has no header: its first line must name the columns")
    names = [cell.strip() for cell in row]
    if len(names) == 1:
        other = max(SEPARATORS, key=names[0].count)
        if other in names[0]:
            raise BadData(
                f"{path.name} seems to be separated by {_said(other)}, not by {_said(sep)}; run "
                f"again with --sep {'tab' if other == chr(9) else repr(other)}"
            )
    if all(number(name) is not None for name in names) and not expected & set(names):
        raise BadData(
            f"{path.name} begins with numbers ({', '.join(names[:3])}): its first line must name "
            "the columns; add a header"
        )
    first: dict[str, int] = {}
    for position, name in enumerate(names, 1):
        if name in first:
            raise BadData(
                f"{path.name} has two columns named {name!r} (columns {first[name]} and "
                f"{position}); rename one"
            )
        first[name] = position
    return names


def _said(sep: str) -> str:
    return {"\t": "tabs", " ": "blanks"}.get(sep, repr(sep))


def _body(path: Path, reader: Iterator[list[str]], names: list[str], sep: str) -> Table:
    """The columns below the header; blank lines are no rows."""
    cells = [Cells(name) for name in names]
    lines = array("q")
    chunk: list[list[str]] = []
    for row in reader:
        if len(row) != len(names):
            if not row:
                continue
            raise BadData(_ragged(path, reader.line_num, row, names, sep))  # type: ignore[attr-defined]
        chunk.append(row)
        lines.append(reader.line_num)  # type: ignore[attr-defined]
        if len(chunk) == CHUNK:
            _take(cells, chunk)
    _take(cells, chunk)
    if not lines:
        raise BadData(f"{path.name} has a header and no rows below it")
    columns = {one.name: one.column() for one in cells}
    return Table(path.name, columns, len(lines), lines)


def _take(cells: list[Cells], chunk: list[list[str]]) -> None:
    """Move the rows of a chunk into the columns."""
    for one, values in zip(cells, zip(*chunk, strict=True), strict=False):
        one.extend(values)
    chunk.clear()


def _ragged(path: Path, line: int, row: list[str], names: list[str], sep: str) -> str:
    advice = "; every line must have one field per column"
    if len(row) > len(names) and sep == ",":
        advice += (
            ": text with commas needs quotes, and numbers with decimal commas need another "
            "separator (--sep)"
        )
    return f"{path.name}, line {line} has {len(row)} fields and the header has {len(names)}{advice}"


def _undecodable(path: Path, error: UnicodeDecodeError) -> str:
    """Which line is not UTF-8; read again, because a decoder works in blocks, not lines."""
    bad = error.object[error.start]
    where = ""
    if path.is_file():
        with path.open("rb") as file:
            where = _first_bad_line(file)
    return (
        f"{path.name} is not UTF-8 (byte 0x{bad:02x}{where}); save it as UTF-8, for example with "
        f"iconv -f latin1 -t utf-8"
    )


def _first_bad_line(file: IO[bytes]) -> str:
    for line, content in enumerate(file, 1):
        try:
            content.decode("utf-8")
        except UnicodeDecodeError:
            return f" on line {line}"
    return ""


@contextmanager
def replacing(target: Path) -> Iterator[IO[bytes]]:
    """A temporary file in the same folder, renamed on success and removed on failure."""
    temporary = target.with_name(f".bayesreg-{secrets.token_hex(8)}.tmp")
    try:
        file = temporary.open("x+b")
    except OSError as error:
        raise BadArgument(f"{str(target)!r} cannot be written: {error.strerror}") from error
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, temporary)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def read_parquet(path: Path) -> Table:
    """Read a parquet file.

    Parameters
    ----------
    path : Path
        One file.

    Returns
    -------
    Table

    Raises
    ------
    BadData
        If it is no parquet file, has no rows, or two columns of one name.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with path.open("rb") as file:
        try:
            table = pq.read_table(file)
        except (pa.ArrowException, OSError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise BadData(f"{path.name} cannot be read as parquet: {reason}") from None
    for name in table.column_names:
        if table.column_names.count(name) > 1:
            raise BadData(f"{path.name} has two columns named {name!r}; rename one")
    if table.num_rows == 0:
        raise BadData(f"{path.name} has no rows")
    columns = {
        name: _column(name, one)
        for name, one in zip(table.column_names, table.columns, strict=True)
    }
    return Table(path.name, columns, table.num_rows)


def _column(name: str, chunked: Any) -> Column:
    """One Arrow column by its type."""
    import pyarrow as pa
    import pyarrow.types as of

    kind = chunked.type
    if of.is_dictionary(kind):
        chunked = chunked.cast(kind.value_type)
        kind = chunked.type
    none = array("q")
    missing = array("q", (i for i, empty in enumerate(chunked.is_null().to_pylist()) if empty))
    if of.is_null(kind) or len(missing) == len(chunked):
        return Column(name, "empty", array("d"), none, (), missing)
    if of.is_string(kind) or of.is_large_string(kind) or of.is_string_view(kind):
        return _text(name, chunked)
    if of.is_temporal(kind):
        return Column(name, "date", array("d"), none, (str(_first(chunked)),), missing)
    if of.is_boolean(kind) or of.is_integer(kind) or of.is_floating(kind) or of.is_decimal(kind):
        # pyarrow refuses to round a large integer unless told; here the reader is told of it.
        values = chunked.cast(pa.float64(), safe=False).to_numpy()
        numbers = array("d")
        numbers.frombytes(values.astype("f8").tobytes())
        if of.is_floating(kind):
            missing = array("q", (i for i, x in enumerate(numbers) if math.isnan(x)))
        is_flag = of.is_boolean(kind)
        return Column(name, "flag" if is_flag else "number", numbers, none, (), missing)
    return Column(name, "other", array("d"), none, (str(kind),), missing)


def _text(name: str, chunked: Any) -> Column:
    """A column of strings; unlike in CSV, a text of digits was meant as text."""
    levels: dict[str, int] = {}
    codes, missing = array("q"), array("q")
    odd = None
    for row, cell in enumerate(chunked.to_pylist()):
        if cell is None or not cell.strip():
            missing.append(row)
            codes.append(-1)
            continue
        odd = odd or (row, cell)
        codes.append(levels.setdefault(cell.strip(), len(levels)))
    if not levels:
        return Column(name, "empty", array("d"), array("q"), (), missing)
    return text_column(name, codes, tuple(levels), missing, odd)


def _first(chunked: Any) -> Any:
    return next(value for value in chunked.to_pylist() if value is not None)


def read(
    data: str, sep: str | None = None, expected: frozenset[str] = frozenset()
) -> tuple[Table, str | None]:
    """Read DATA.

    Parameters
    ----------
    data : str
        Name of a data set, or path of a file.
    sep : str, optional
        As ``--sep``.
    expected : frozenset of str
        Column names that the user gave.

    Returns
    -------
    Table, str or None
        The columns, and the response where the data set has one of its own.

    Raises
    ------
    BadArgument
        If there is no such data set or file, or `sep` means nothing here.
    BadData
        If the file cannot be used.
    """
    path = Path(data)
    names = () if _is_file_name(path, data) else _dataset_names()
    if data in names:
        if sep is not None:
            raise BadArgument(f"--sep is for CSV files; {data} comes with bayesreg")
        return _dataset(data)
    if not path.exists():
        hint = did_you_mean(data, names)
        listed = f" (data sets: {', '.join(names)})" if names else ""
        what = "file or data set" if names else "file"
        raise BadArgument(f"there is no {what} {data!r}{hint}{listed}")
    if path.is_dir():
        raise BadArgument(f"{data!r} is a folder; give the path of a CSV or parquet file")
    if path.suffix.lower() in PARQUET:
        if sep is not None:
            raise BadArgument(f"--sep is for CSV files; {data!r} is parquet")

        return read_parquet(path), None
    return read_csv(path, separator(sep, path), expected), None


def _is_file_name(path: Path, data: str) -> bool:
    """Whether `data` can only be a file; then the data sets need not be loaded to find out."""
    return bool(path.suffix) or os.sep in data or (os.altsep or os.sep) in data


def _dataset_names() -> tuple[str, ...]:
    from bayesreg.data.datasets import dataset_names

    return dataset_names()


def _dataset(name: str) -> tuple[Table, str]:
    from bayesreg.data.datasets import load_dataset

    found = load_dataset(name)
    target = str(found.y.name)
    columns = {str(label): _data_column(str(label), series) for label, series in found.X.items()}
    columns[target] = _data_column(target, found.y)
    return Table(name, columns, len(found.y)), target


def _data_column(name: str, series: pd.Series[float]) -> Column:
    values = array("d")
    values.frombytes(series.to_numpy(dtype=float).tobytes())
    return Column(name, "number", values, array("q"), (), array("q"))


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
