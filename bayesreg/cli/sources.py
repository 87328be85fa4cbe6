"""DATA of the command line: a data set of the package, a CSV file or a parquet file."""

from __future__ import annotations

import os
from array import array
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from bayesreg.cli.columns import Column, Table
from bayesreg.cli.csv_file import read_csv, separator
from bayesreg.errors import BadArgument

if TYPE_CHECKING:
    import pandas as pd

PARQUET = (".parquet", ".pq")


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
        near = get_close_matches(data, names, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        listed = f" (data sets: {', '.join(names)})" if names else ""
        what = "file or data set" if names else "file"
        raise BadArgument(f"there is no {what} {data!r}{hint}{listed}")
    if path.is_dir():
        raise BadArgument(f"{data!r} is a folder; give the path of a CSV or parquet file")
    if path.suffix.lower() in PARQUET:
        if sep is not None:
            raise BadArgument(f"--sep is for CSV files; {data!r} is parquet")
        from bayesreg.cli.parquet_file import read_parquet

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
    columns = {str(label): _column(str(label), series) for label, series in found.X.items()}
    columns[target] = _column(target, found.y)
    return Table(name, columns, len(found.y)), target


def _column(name: str, series: pd.Series[float]) -> Column:
    values = array("d")
    values.frombytes(series.to_numpy(dtype=float).tobytes())
    return Column(name, "number", values, array("q"), (), array("q"))
