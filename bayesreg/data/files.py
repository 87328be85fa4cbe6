"""Files read into columns by Arrow: what does not fit is refused with its line and its cell."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bayesreg.data.cells import (
    MISSING,
    Column,
    Format,
    Table,
    number,
    read_cells,
    unquoted,
)
from bayesreg.data.lines import BLOCK, SEPARATORS, Lines
from bayesreg.data.typed_files import (
    first_line,
    read_feather,
    read_parquet,
    read_spss,
    read_stata,
    refuse_twice,
    table_of,
)
from bayesreg.language.arguments import did_you_mean
from bayesreg.language.errors import BadArgument, BadData, NotSupported
from bayesreg.language.text import few

if TYPE_CHECKING:
    from bayesreg.data.datasets import Dataset
    from bayesreg.data.stores import Source

__all__ = ["MISSING", "Format", "number", "read", "read_csv", "read_parquet"]

TYPED = {
    ".parquet": read_parquet,
    ".pq": read_parquet,
    ".feather": read_feather,
    ".arrow": read_feather,
    ".dta": read_stata,
    ".sav": read_spss,
    ".zsav": read_spss,
}
PLAIN = Format()


def read(
    data: str,
    sep: str | None = None,
    expected: frozenset[str] = frozenset(),
    form: Format = PLAIN,
) -> tuple[Table, Dataset | None]:
    """Read a data set by its name, or a file by its path, with the separator that ``--sep`` gives.

    Also returned is the data set, where it is one that comes with the package. `expected` are
    column names that the user gave.
    """
    path = Path(data)
    names = () if _is_file_name(path, data) else _dataset_names()
    if data in names:
        _refuse_options(sep, form, f"{data} comes with bayesreg")
        return _dataset(data, form)
    if (source := source_at(data)) is not None:
        _refuse_options(sep, form, f"{data!r} has types of its own")
        return _from_source(source, form), None
    if not path.exists():
        listed = f" (data sets: {', '.join(names)})" if names else ""
        what = "file or data set" if names else "file"
        raise BadArgument(f"there is no {what} {data!r}{did_you_mean(data, names)}{listed}")
    if typed := TYPED.get(path.suffix.lower()):
        _refuse_options(sep, form, f"{data!r} has types of its own")
        table = typed(path, form)
    else:
        table = read_csv(path, separator(sep, path), expected, form, sniff=sep is None)
    for option, wanted in (("--factor", form.factors), ("--number", form.numbers)):
        for name in sorted(wanted - table.columns.keys()):
            raise BadArgument(
                f"{option}: {table.name} has no column {name!r}"
                f"{did_you_mean(name, table.columns)} (it has {table.listed()})"
            )
    return table, None


def source_at(data: str) -> Source | None:
    """The files that a glob, a folder or an address stands for; None of one file, or of a name."""
    data = os.fspath(data)
    path = Path(data)
    if not ("://" in data or path.is_dir() or (set("*?[") & set(data) and not path.exists())):
        return None
    from bayesreg.data.stores.paths import parquet_source

    return parquet_source(data)


def large_source(data: str) -> Source | None:
    """What cannot be read into memory: by its footers, before a row is read."""
    source = source_at(data)
    if source is None and Path(data).suffix.lower() in (".parquet", ".pq") and Path(data).exists():
        from bayesreg.data.stores.paths import parquet_source

        with suppress(BadData):  # which is said when it is read
            source = parquet_source(data)
    if source is None:
        return None
    from bayesreg.data.arrival import is_small

    return None if is_small(source) else source


def _from_source(source: Source, form: Format) -> Table:
    from bayesreg.data.arrival import small

    table, _ = small(source)
    if table is None:
        raise NotSupported(
            f"{source.label} has more rows than are read into memory here; pass some of its files"
        )
    found = table_of(Path(source.label), table, form)
    others = [f"{name!r} ({where})" for name, where in source.further.items()]
    if not others:
        return found
    said = f"the first file has no column {few(others)}, which is read of none"
    return replace(found, notes=(*found.notes, said))


def _refuse_options(sep: str | None, form: Format, why: str) -> None:
    """Raise where a file that is no text is given options of text files."""
    if sep is not None:
        raise BadArgument(f"--sep is for CSV files; {why}")
    for name in ("decimal", "thousands", "encoding", "comment", "skip"):
        if getattr(form, name) != getattr(PLAIN, name):
            raise BadArgument(f"--{name} is for CSV files; {why}")


def _is_file_name(path: Path, data: str) -> bool:
    """Whether `data` can only be a file; then the data sets need not be loaded to find out."""
    return bool(path.suffix) or os.sep in data or (os.altsep or os.sep) in data


def _dataset_names() -> tuple[str, ...]:
    from bayesreg.data.datasets import dataset_names

    return dataset_names()


def _dataset(name: str, form: Format) -> tuple[Table, Dataset]:
    import pyarrow as pa

    from bayesreg.data.datasets import load_dataset

    found = load_dataset(name)
    columns = {}
    for n, series in found.frame.items():
        key, numbers = str(n), series.dtype.kind == "f"
        if numbers and key not in form.factors:
            columns[key] = Column(key, "number", series.to_numpy(float))
        else:
            texts = [f"{v:g}" if numbers else v for v in series]
            columns[key] = read_cells(key, pa.chunked_array([texts]), form)
    return Table(name, columns, len(found.y)), found


def separator(text: str | None, path: Path) -> str:
    r"""The separator asked for, ``tab`` and ``\t`` included; by default what the ending says."""
    if text is None:
        return "\t" if {".tsv", ".tab"} & {suffix.lower() for suffix in path.suffixes} else ","
    sep = {"tab": "\t", "\\t": "\t", "blank": " "}.get(text, text)
    if len(sep) != 1 or sep in '"\r\n':
        raise BadArgument(f"--sep must be one character such as ';', or 'tab', not {text!r}")
    return sep


def read_csv(
    path: Path,
    sep: str = ",",
    header: frozenset[str] = frozenset(),
    form: Format = PLAIN,
    *,
    sniff: bool = False,
) -> Table:
    """Read a CSV file with a header line, in UTF-8, or anything that can be read once like one.

    Where the user expects names of `header`, a first line of numbers is a header after all. With
    `sniff` a separator by which the lines have equally many fields takes the place of `sep`.
    """
    lines, notes = Lines.of(path, form, sep), list[str]()
    if sniff and (found := lines.sniffed()) != sep:
        notes.append(
            f"{path.name} is read as separated by {_said(found)}, not by {_said(sep)} (--sep says "
            "otherwise)"
        )
        lines = replace(lines, sep=found)
    if lines.sep == " ":
        lines = lines.by_blanks()
    rows = lines.rows()
    line, row = next(rows, (0, []))
    blank = not any(cell.strip() for cell in row)
    line, row = next(((k, cells) for k, cells in rows if cells), (0, [])) if blank else (line, row)
    names = _header(path, row, lines.sep, header, below_blank=blank)
    if not any(cells for _, cells in rows):
        raise BadData(f"{path.name} has a header and no rows below it")
    names, named = _row_names(path, lines, names)
    refuse_twice(path, names)
    cells = _cells(path, lines, names, line)
    columns, count = {}, len(cells[names[0]])
    for name in names:  # so that the text of each column goes as soon as its numbers are there
        columns[name] = read_cells(name, cells.pop(name), form)
    if named:
        del columns[names[0]]
    return Table(path.name, columns, count, lines.line_of, (*notes, *named))


def _cells(path: Path, lines: Lines, names: list[str], header: int) -> dict[str, Any]:
    """The text of every cell by column; empty cells are null."""
    import pyarrow as pa
    import pyarrow.csv as arrow

    try:
        with lines.open() as file:
            table = arrow.read_csv(
                file,
                # The header is read already, and a row may be longer than Arrow's usual block.
                arrow.ReadOptions(column_names=names, skip_rows=header, block_size=BLOCK),
                arrow.ParseOptions(delimiter=lines.sep, newlines_in_values=True),
                # Types are found below: Arrow would read 0x1F as 31, and 10:30 as 10:30:00.
                arrow.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.string()),
                    null_values=[""],
                    strings_can_be_null=True,
                ),
            )
    except pa.ArrowInvalid as error:
        lines.refuse_uneven(names)
        raise BadData(f"{path.name} cannot be read as CSV: {first_line(error)}") from None
    if lines.quotes() % 2:  # Arrow lets a quotation end with the file
        lines.refuse_uneven(names)
    return dict(zip(names, table.columns, strict=True))


def _header(
    path: Path, row: list[str], sep: str, expected: frozenset[str], *, below_blank: bool
) -> list[str]:
    """The column names: not numbers, and more than one."""
    names = [unquoted(cell.strip()) for cell in row]
    numeric = all(number(name) is not None for name in names) and not expected & set(names)
    if not any(names) or (below_blank and numeric):
        raise BadData(f"{path.name} has no header: its first line must name the columns")
    if len(names) == 1:
        other = max(SEPARATORS[:-1], key=names[0].count)
        if other in names[0]:
            raise BadData(
                f"{path.name} seems to be separated by {_said(other)}, not by {_said(sep)}; run "
                f"again with --sep {'tab' if other == chr(9) else repr(other)}"
            )
    if numeric:
        raise BadData(
            f"{path.name} begins with numbers ({', '.join(names[:3])}): its first line must name "
            "the columns; add a header"
        )
    return names


def _row_names(path: Path, lines: Lines, names: list[str]) -> tuple[list[str], tuple[str, ...]]:
    """The names, and one for row names where the header lacks it, as R writes tables."""
    if lines.width_below() != len(names) + 1 or "" in names:
        return names, ()
    first = lines.first_cells()
    counted = any(first == [str(k + start) for k in range(len(first))] for start in (0, 1))
    texts = all(number(cell) is None for cell in first)
    if len(set(first)) < len(first) or not (counted or texts):
        return names, ()
    note = (
        f"the header of {path.name} names one column fewer than the lines have: the first column, "
        "with another value in every row, was read as row names and left out"
    )
    return ["", *names], (note,)


def _said(sep: str) -> str:
    return {"\t": "tabs", " ": "blanks"}.get(sep, repr(sep))
