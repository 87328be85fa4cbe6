"""The lines of a text file: found in its bytes, however these are packed and encoded."""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import IO, Any

from bayesreg.data.cells import Format
from bayesreg.language.errors import BadArgument, BadData

SEPARATORS = (",", ";", "\t", "|", " ")
BLOCK = 1 << 24  # bytes that are read at once
PROBED = 50  # lines from which a separator is found
_MAGIC = {
    b"\xd0\xcf\x11\xe0": "a spreadsheet of Excel; save the sheet as CSV",
    b"PAR1": "a parquet file; give it the ending .parquet",
    b"ARROW1": "a file of Arrow; give it the ending .feather",
    b"\xff\xfe": "encoded in UTF-16; save it as UTF-8, or run again with --encoding utf-16",
    b"\xfe\xff": "encoded in UTF-16; save it as UTF-8, or run again with --encoding utf-16",
}
_PACKED = {b"PK\x03\x04": "zip", b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\xfd7zXZ\x00": "xz"}


@dataclass(frozen=True)
class Lines:
    """A text file that can be read again, to say on which line it is wrong.

    Attributes
    ----------
    path : Path
    sep : str
    content : bytes or None
        The text in UTF-8 with lines ended by a newline, where the file itself is not so.
    """

    path: Path
    sep: str
    content: bytes | None = None

    @classmethod
    def of(cls, path: Path, form: Format, sep: str = ",") -> Lines:
        """The file at `path`, unpacked and decoded; left-out lines become blank ones."""
        with path.open("rb") as file:
            head = file.read(6)
            # What is read once, such as a pipe, is kept.
            content = None if path.is_file() else head + file.read()
        kind = next((k for magic, k in _PACKED.items() if head.startswith(magic)), None)
        if kind is not None:
            content = _unpacked(path, kind, path.read_bytes() if content is None else content)
        if form.encoding is not None:
            raw = path.read_bytes() if content is None else content
            content = _decoded(path, raw, form.encoding)
        lines = cls(path, sep, content)
        lines._refuse_binary()
        returns = lines._count(b"\r")
        if returns and returns > lines._count(b"\r\n"):
            lines = replace(lines, content=re.sub(rb"\r\n?", b"\n", lines._all()))
        if form.skip or form.comment is not None:
            lines = replace(lines, content=_blanked(lines._all(), form))
        return lines

    def open(self) -> IO[bytes]:
        """The content from its beginning."""
        return self.path.open("rb") if self.content is None else io.BytesIO(self.content)

    def _all(self) -> bytes:
        with self.open() as file:
            return file.read()

    def _count(self, sought: bytes) -> int:
        found, last = 0, b""
        with self.open() as file:
            for block in iter(partial(file.read, BLOCK), b""):
                found += block.count(sought) + (len(sought) > 1 and last + block[:1] == sought)
                last = block[-1:]
        return found

    def _refuse_binary(self) -> None:
        with self.open() as file:
            head = file.read(4096)
        if not head:
            raise BadData(f"{self.path.name} is empty")
        for magic, what in _MAGIC.items():
            if head.startswith(magic):
                raise BadData(f"{self.path.name} is {what}")
        if b"\x00" in head:
            raise BadData(
                f"{self.path.name} is not text; a CSV or parquet file is needed (or --encoding, "
                "such as utf-16-le)"
            )

    def quotes(self) -> int:
        """How many quotation marks there are."""
        return self._count(b'"')

    def rows(self, sep: str | None = None) -> Iterator[tuple[int, list[str]]]:
        """The lines on which rows end, and their cells; a blank line is an empty row."""
        with self.open() as file:
            text = io.TextIOWrapper(file, "utf-8-sig", errors="surrogateescape", newline="")
            sep = sep or self.sep
            reader = csv.reader(text, delimiter=sep, strict=True, skipinitialspace=sep == " ")
            try:
                for row in reader:
                    if bad := re.search("[\udc80-\udcff]", "".join(row)):
                        raise BadData(
                            f"{self.path.name} is not UTF-8 (byte 0x{ord(bad[0]) - 0xDC00:02x} on "
                            f"line {reader.line_num}); save it as UTF-8, or run again with "
                            "--encoding latin-1 (or cp1252, if Windows wrote it)"
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
        return next(itertools.islice(lines, row + 1, None))

    def sniffed(self) -> str:
        """The separator by which the first lines have equally many fields: the own, or another."""
        others = [sep for sep in SEPARATORS if sep != self.sep]
        return next((sep for sep in (self.sep, *others) if self._consistent(sep)), self.sep)

    def _consistent(self, sep: str) -> bool:
        try:
            found = (_without_ends(row, sep) for _, row in self.rows(sep) if row)
            rows = list(itertools.islice(found, PROBED))
        except BadData:
            return False
        widths = {len(row) for row in rows[1:]}
        # A header may lack the name of the first column, as R writes it.
        return (
            bool(rows)
            and len(rows[0]) > 1
            and (not widths or widths in ({len(rows[0])}, {len(rows[0]) + 1}))
        )

    def by_blanks(self) -> Lines:
        """The same file with commas for the blanks between its cells, however many these are."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        for _, row in self.rows(" "):
            cells = _without_ends(row, " ")
            out.write("\n") if not any(cells) else writer.writerow(cells)
        return replace(self, sep=",", content=out.getvalue().encode("utf-8"))

    def width_below(self) -> int | None:
        """Fields of the first rows below the header, if these agree."""
        rows = itertools.islice((row for _, row in self.rows() if row), 1, PROBED)
        widths = {len(row) for row in rows}
        return widths.pop() if len(widths) == 1 else None

    def first_cells(self) -> list[str]:
        """The first cell of every row below the header."""
        return [row[0].strip() for _, row in self.rows() if row][1:]

    def ends_empty(self) -> bool:
        """Whether the last field of every row below the header is empty."""
        return not any(row[-1].strip() for row in [row for _, row in self.rows() if row][1:])

    def refuse_uneven(self, names: Sequence[str]) -> None:
        """Raise at the first row that is longer or shorter than the header, or cannot be read."""
        for line, row in self.rows():
            if row and len(row) != len(names):
                raise BadData(
                    f"{self.path.name}, line {line} has {len(row)} fields and the header has "
                    f"{len(names)}; every line must have one field per column"
                    f"{self._longer(len(row) - len(names))}"
                )

    def _longer(self, more: int) -> str:
        if more == 1 and self.ends_empty():
            return f": all lines but the header end with {self.sep!r}; delete it, or add it there"
        if more > 0 and self.sep == ",":
            return (
                ": text with commas needs quotes, with no blank before them, and numbers with "
                "decimal commas need another separator (--sep), or quotes and --decimal ','"
            )
        return ""


def _without_ends(row: list[str], sep: str) -> list[str]:
    """The cells of a line without the empty ones that blanks at its ends make."""
    if sep != " ":
        return row
    start = 1 if row and not row[0] else 0
    stop = len(row) - 1 if len(row) > 1 and not row[-1] else len(row)
    return row[start:stop]


def _unpacked(path: Path, kind: str, packed: bytes) -> bytes:
    """The text in a compressed file, or in an archive of one file."""
    import bz2
    import gzip
    import lzma

    try:
        if kind == "zip":
            return _member(path, packed)
        opened: Any = {"gzip": gzip, "bz2": bz2, "xz": lzma}[kind]
        return bytes(opened.decompress(packed))
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
        if isinstance(error, BadData):
            raise
        raise BadData(
            f"{path.name} is compressed with {kind} and cannot be read ({error}); decompress it "
            "first"
        ) from None


def _member(path: Path, packed: bytes) -> bytes:
    """The only file in an archive."""
    sheet = f"{path.name} is a zip archive or a spreadsheet; save the sheet as CSV"
    try:
        archive = zipfile.ZipFile(io.BytesIO(packed))
    except zipfile.BadZipFile:
        raise BadData(sheet) from None
    with archive:
        names = [one.filename for one in archive.infolist() if not one.is_dir()]
        names = [name for name in names if not name.startswith("__MACOSX/")]
        if "[Content_Types].xml" in names or "mimetype" in names:
            raise BadData(sheet)
        if len(names) != 1:
            raise BadData(
                f"{path.name} is an archive of {len(names)} files; unpack it and name one of them"
            )
        try:
            return archive.read(names[0])
        except (zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
            raise BadData(f"{path.name} cannot be unpacked: {error}") from None


def _decoded(path: Path, raw: bytes, encoding: str) -> bytes:
    """The text in UTF-8."""
    try:
        codecs.lookup(encoding)
        text = raw.decode(encoding)
    except LookupError:
        raise BadArgument(
            f"--encoding: there is no encoding {encoding!r}; such as latin-1, cp1252 or utf-16"
        ) from None
    except (UnicodeError, ValueError) as error:
        raise BadData(f"{path.name} is not encoded in {encoding}: {error}") from None
    return text.removeprefix("\ufeff").encode("utf-8", "surrogatepass")


def _blanked(content: bytes, form: Format) -> bytes:
    """The content with blank lines for those before the header and for comments."""
    mark = (form.comment or "").encode()
    lines = content.split(b"\n")
    quoted = False
    for k, line in enumerate(lines):
        if k < form.skip or (mark and not quoted and line.lstrip().startswith(mark)):
            lines[k] = b""
        else:
            quoted ^= line.count(b'"') % 2 == 1
    return b"\n".join(lines)
