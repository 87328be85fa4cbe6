"""A CSV file read into columns: every line counted, what does not fit refused with its line."""

from __future__ import annotations

import csv
import io
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from bayesreg.cli.columns import Cells, Table, number
from bayesreg.errors import BadArgument, BadData

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
