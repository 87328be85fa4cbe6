"""Files read into columns by Arrow: what does not fit is refused with its line and its cell."""

from __future__ import annotations

import csv
import io
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from bayesreg.language.arguments import did_you_mean
from bayesreg.language.errors import BadArgument, BadData

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

PARQUET = (".parquet", ".pq")
SEPARATORS = (",", ";", "\t", "|")
BLOCK = 1 << 24  # bytes that Arrow splits at once; no row may be longer
_MAGIC = {
    b"PK\x03\x04": "a zip archive or a spreadsheet; save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "a spreadsheet of Excel; save the sheet as CSV",
    b"\x1f\x8b": "compressed with gzip; decompress it first",
    b"PAR1": "a parquet file; give it the ending .parquet",
    b"\xff\xfe": "encoded in UTF-16; save it as UTF-8",
    b"\xfe\xff": "encoded in UTF-16; save it as UTF-8",
}


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
        The different texts, in order of appearance.
    """

    name: str
    kind: str
    values: NDArray[Any]
    levels: tuple[str, ...] = ()

    @cached_property
    def missing(self) -> NDArray[np.intp]:
        """Rows without a value."""
        return np.flatnonzero(self.values < 0 if self.levels else np.isnan(self.values))

    @property
    def odd(self) -> tuple[int, str]:
        """Row and text of the first cell that is no number; of the first cell if all are."""
        texts = np.array([number(level) is None for level in self.levels])
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

    def place(self, row: int) -> str:
        """Where a row stands, as an editor shows it if the file has lines."""
        return f"row {row} (from 0)" if self.line_of is None else f"line {self.line_of(row)}"

    def listed(self) -> str:
        """The first names, and how many there are."""
        more = f", ... ({len(self.columns)} in all)" if len(self.columns) > 10 else ""
        return ", ".join(map(repr, islice(self.columns, 10))) + more


def read(
    data: str, sep: str | None = None, expected: frozenset[str] = frozenset()
) -> tuple[Table, str | None]:
    """Read a data set by its name, or a file by its path, with the separator that ``--sep`` gives.

    Also returned is the response, where the data set has one of its own. `expected` are column
    names that the user gave.
    """
    path = Path(data)
    names = () if _is_file_name(path, data) else _dataset_names()
    if data in names:
        if sep is not None:
            raise BadArgument(f"--sep is for CSV files; {data} comes with bayesreg")
        return _dataset(data)
    if not path.exists():
        listed = f" (data sets: {', '.join(names)})" if names else ""
        what = "file or data set" if names else "file"
        raise BadArgument(f"there is no {what} {data!r}{did_you_mean(data, names)}{listed}")
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
    series = {**found.X, found.y.name: found.y}
    columns = {str(n): Column(str(n), "number", s.to_numpy(float)) for n, s in series.items()}
    return Table(name, columns, len(found.y)), str(found.y.name)


def separator(text: str | None, path: Path) -> str:
    r"""The separator asked for, ``tab`` and ``\t`` included; by default what the ending says."""
    if text is None:
        return "\t" if path.suffix.lower() in {".tsv", ".tab"} else ","
    sep = {"tab": "\t", "\\t": "\t"}.get(text, text)
    if len(sep) != 1 or sep in '"\r\n':
        raise BadArgument(f"--sep must be one character such as ';', or 'tab', not {text!r}")
    return sep


def read_csv(path: Path, sep: str = ",", header: frozenset[str] = frozenset()) -> Table:
    """Read a CSV file with a header line, in UTF-8, or anything that can be read once like one.

    Where the user expects names of `header`, a first line of numbers is a header after all.
    """
    import pyarrow as pa
    import pyarrow.csv as arrow

    text = _Text.of(path, sep)
    rows = text.rows()
    line, row = next(rows, (0, []))
    names = _header(path, row, sep, header)
    if not any(cells for _, cells in rows):
        raise BadData(f"{path.name} has a header and no rows below it")
    try:
        with text.open() as file:
            table = arrow.read_csv(
                file,
                # The header is read already, and a row may be longer than Arrow's usual block.
                arrow.ReadOptions(column_names=names, skip_rows=line, block_size=BLOCK),
                arrow.ParseOptions(delimiter=sep, newlines_in_values=True),
                # Types are found below: Arrow would read 0x1F as 31, and 10:30 as 10:30:00.
                arrow.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.string()),
                    null_values=MISSING,
                    strings_can_be_null=True,
                ),
            )
    except pa.ArrowInvalid as error:
        text.refuse_uneven(names)
        raise BadData(f"{path.name} cannot be read as CSV: {_first_line(error)}") from None
    if text.quotes() % 2:  # Arrow lets a quotation end with the file
        text.refuse_uneven(names)
    cells, count = dict(zip(names, table.columns, strict=True)), table.num_rows
    del table  # so that the text of each column goes as soon as its numbers are there
    columns = {name: _cells(name, cells.pop(name), MISSING) for name in names}
    return Table(path.name, columns, count, text.line_of)


@dataclass(frozen=True)
class _Text:
    """A CSV file that can be opened again, to say on which line it is wrong."""

    path: Path
    sep: str
    pipe: bytes | None  # what is read once is kept

    @classmethod
    def of(cls, path: Path, sep: str) -> _Text:
        """The file at `path`, unless it is no text."""
        text = cls(path, sep, None if path.is_file() else path.read_bytes())
        with text.open() as file:
            head = file.read(4096)
        if not head:
            raise BadData(f"{path.name} is empty")
        for magic, what in _MAGIC.items():
            if head.startswith(magic):
                raise BadData(f"{path.name} is {what}")
        if b"\x00" in head:
            raise BadData(f"{path.name} is not text; a CSV or parquet file is needed")
        return text

    def open(self) -> IO[bytes]:
        """The content from its beginning."""
        return self.path.open("rb") if self.pipe is None else io.BytesIO(self.pipe)

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """The lines on which rows end, and their cells; a blank line is an empty row."""
        with self.open() as file:
            text = io.TextIOWrapper(file, "utf-8-sig", errors="surrogateescape", newline="")
            reader = csv.reader(text, delimiter=self.sep, strict=True)
            try:
                for row in reader:
                    if bad := re.search("[\udc80-\udcff]", "".join(row)):
                        raise BadData(
                            f"{self.path.name} is not UTF-8 (byte 0x{ord(bad[0]) - 0xDC00:02x} on "
                            f"line {reader.line_num}); save it as UTF-8, for example with iconv -f "
                            "latin1 -t utf-8"
                        )
                    yield reader.line_num, row
            except csv.Error as error:
                raise BadData(
                    f"{self.path.name}, line {reader.line_num}: {error}; is a quotation mark left "
                    "open, or not doubled inside quotes?"
                ) from None

    def line_of(self, row: int) -> int:
        """The line of a row below the header; blank lines are no rows."""
        lines = (line for line, cells in self.rows() if cells)
        return next(islice(lines, row + 1, None))

    def quotes(self) -> int:
        """How many quotation marks there are."""
        with self.open() as file:
            return sum(block.count(b'"') for block in iter(partial(file.read, BLOCK), b""))

    def refuse_uneven(self, names: list[str]) -> None:
        """Raise at the first row that is longer or shorter than the header, or cannot be read."""
        for line, row in self.rows():
            if row and len(row) != len(names):
                advice = "; every line must have one field per column"
                if len(row) > len(names) and self.sep == ",":
                    advice += (
                        ": text with commas needs quotes, with no blank before them, and numbers "
                        "with decimal commas need another separator (--sep)"
                    )
                raise BadData(
                    f"{self.path.name}, line {line} has {len(row)} fields and the header has "
                    f"{len(names)}{advice}"
                )


def _header(path: Path, row: list[str], sep: str, expected: frozenset[str]) -> list[str]:
    """The column names: unique, not numbers, and more than one."""
    names = [_unquoted(cell.strip()) for cell in row]
    if not any(names):
        raise BadData(f"{path.name} has no header: its first line must name the columns")
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
    _refuse_twice(path, names)
    return names


def _said(sep: str) -> str:
    return {"\t": "tabs", " ": "blanks"}.get(sep, repr(sep))


def _refuse_twice(path: Path, names: list[str]) -> None:
    first: dict[str, int] = {}
    for position, name in enumerate(names, 1):
        if first.setdefault(name, position) != position:
            raise BadData(
                f"{path.name} has two columns named {name!r} (columns {first[name]} and "
                f"{position}); rename one"
            )


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0] or type(error).__name__


def read_parquet(path: Path) -> Table:
    """Read a parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with path.open("rb") as file:
        try:
            table = pq.read_table(file)
        except (pa.ArrowException, OSError) as error:
            raise BadData(f"{path.name} cannot be read as parquet: {_first_line(error)}") from None
    _refuse_twice(path, table.column_names)
    if table.num_rows == 0:
        raise BadData(f"{path.name} has no rows")
    columns = {name: _typed(name, table[name]) for name in table.column_names}
    return Table(path.name, columns, table.num_rows)


def _typed(name: str, cells: Any) -> Column:
    """One Arrow column by its type; unlike in CSV, a text of digits was meant as text."""
    import pyarrow as pa
    import pyarrow.types as of

    if of.is_dictionary(cells.type):
        cells = cells.cast(cells.type.value_type)
    kind = cells.type
    if cells.null_count == len(cells):
        return Column(name, "empty", np.full(len(cells), np.nan))
    if of.is_string(kind) or of.is_large_string(kind) or of.is_string_view(kind):
        return _cells(name, cells.cast(pa.string()), ("",), parse=False)
    if of.is_temporal(kind):
        return Column(name, "date", *_coded(cells))
    if of.is_boolean(kind):
        return _floats(name, "flag", cells)
    if of.is_integer(kind) or of.is_floating(kind) or of.is_decimal(kind):
        return _floats(name, "number", cells)
    return Column(name, "other", np.full(len(cells), -1), (str(kind),))


def _cells(name: str, cells: Any, missing: tuple[str, ...], *, parse: bool = True) -> Column:
    """A column of texts: numbers if all of them are and `parse` says so, flags, dates or text."""
    import pyarrow as pa
    import pyarrow.compute as pc

    cells = pc.utf8_trim_whitespace(cells)
    if parse:
        try:
            return _floats(name, "number", cells.cast(pa.float64()))
        except pa.ArrowInvalid:
            pass  # cell by cell below, which reads more than Arrow does, such as +3
    codes, texts = _coded(cells)
    index: dict[str, int] = {}
    plain = (_unquoted(text) for text in texts)
    positions = [-1 if text in missing else index.setdefault(text, len(index)) for text in plain]
    codes, levels = np.array([*positions, -1])[codes], tuple(index)
    if not levels:
        return Column(name, "empty", np.full(len(codes), np.nan))
    numbers = [number(level) if parse else None for level in levels]
    truth = [_TRUTH.get(level.lower()) for level in levels]
    for kind, found in (("number", numbers), ("flag", truth)):
        if None not in found:
            return Column(name, kind, np.array([*found, np.nan], dtype=float)[codes])
    if any(value is not None for value in numbers):
        return Column(name, "mixed", codes, levels)
    is_date = all(_DATE.fullmatch(level) for level in levels[:1000])
    return Column(name, "date" if is_date else "text", codes, levels)


def _floats(name: str, kind: str, cells: Any) -> Column:
    """Arrow's numbers or truth values as a column; NaN is missing as null is."""
    import pyarrow as pa

    # pyarrow refuses to round a large integer unless told; here the reader is told of it.
    values = cells.cast(pa.float64(), safe=False).to_numpy()
    return Column(name, "empty" if np.isnan(values).all() else kind, values)


def _coded(cells: Any) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Positions among the different cells, -1 where missing, and these as text."""
    coded = cells.dictionary_encode().combine_chunks()
    return coded.indices.fill_null(-1).to_numpy(), tuple(map(str, coded.dictionary.to_pylist()))


def _unquoted(text: str) -> str:
    """Without the quotation marks that a blank before them has kept from being read."""
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text


def number(cell: str) -> float | None:
    """The number that a cell holds, or None; 1_000 is one to Python, and to no table."""
    try:
        value = float(cell)
    except ValueError:
        return None
    return None if "_" in cell or np.isnan(value) else value


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
