"""A parquet file read into columns; what a table should not hold is marked, not converted."""

from __future__ import annotations

import math
from array import array
from pathlib import Path
from typing import Any

from bayesreg.cli.columns import Column, Table, text_column
from bayesreg.errors import BadData


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
