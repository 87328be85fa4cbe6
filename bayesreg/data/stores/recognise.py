"""The one door that tells a source from what is in memory; heavy packages are met only here."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from bayesreg.data.columns import as_narwhals
from bayesreg.data.stores.base import Source

# What is one by the module of its type: no package is imported that is not imported already.
EAGER = ("pandas", "numpy", "modin", "cudf")
KNOWN = (*EAGER, "dask", "duckdb", "polars", "pyarrow")


def source_of(data: Any, *, by_itself: bool = False) -> Source | None:
    """The source that `data` is, or None where its rows are in memory.

    Parameters
    ----------
    data : object
        A path, glob, folder or address of Parquet files, or a list of their paths; a DuckDB
        relation; a Polars LazyFrame; an Arrow dataset, scanner or reader, or another object with
        ``__arrow_c_stream__``; a Dask DataFrame or Array. Frames and tables have their rows in
        memory, and are none.
    by_itself : bool
        Whether nothing is given beside it, so that a list of blocks (X, y) can be meant.

    Raises
    ------
    BadArgument
        If a path leads nowhere, or to something else.
    NotSupported
        If a package is needed that is not installed, or is too old.
    """
    if isinstance(data, Source):
        return data
    if isinstance(data, str | os.PathLike):
        return _files(os.fspath(data))
    if isinstance(data, list | tuple) and data and all(map(_is_path, data)):
        return _files([os.fspath(one) for one in data])
    package, kind = _kind(data)
    if package == "duckdb" and kind == "DuckDBPyRelation":
        from bayesreg.data.stores.duckdb import DuckDB

        return DuckDB(data)
    if package == "polars":
        return _polars(data, kind)
    if package == "dask":
        from bayesreg.data.stores.dask import dask_source

        return dask_source(data)
    if package == "pyarrow":
        return _arrow(data, kind)
    if package not in EAGER and hasattr(data, "__arrow_c_stream__"):
        from bayesreg.data.stores.arrow import ArrowStream

        return ArrowStream(data)
    if by_itself and _are_blocks(data):
        from bayesreg.data.stores.blocks import Blocks

        return Blocks(data)
    return None


def source_or_frames(data: Any, *, by_itself: bool = False) -> Source | None:
    """The same where columns are named, so that frames which come one after another are one too."""
    found = source_of(data, by_itself=by_itself)
    if found is not None or by_itself or not _are_frames(data):
        return found
    from bayesreg.data.stores.frames import Frames

    return Frames(data)


def _kind(data: Any) -> tuple[str, str]:
    """The package and the name of its class, or of the class of a known package that it extends."""
    kinds = [(one.__module__.split(".")[0], one.__name__) for one in type(data).__mro__]
    return next((kind for kind in kinds if kind[0] in KNOWN), kinds[0])


def _are_blocks(data: Any) -> bool:
    """Whether it is a list of tuples (X, y), or another object that makes them when iterated."""
    if isinstance(data, list | tuple):
        first = data[0] if data else None
        return isinstance(first, tuple) and len(first) in (2, 3) and np.ndim(first[0]) == 2
    if isinstance(data, bytes | Mapping) or as_narwhals(data) is not None:
        return False
    return (
        isinstance(data, Iterable) and not hasattr(data, "__array__") and not hasattr(data, "shape")
    )


def _is_path(one: Any) -> bool:
    return isinstance(one, str | os.PathLike)


def _files(given: str | list[str]) -> Source:
    """Parquet files, on the cluster where a client of one is active."""
    from bayesreg.data.stores.partitioned import on_cluster
    from bayesreg.data.stores.paths import parquet_list, parquet_source

    found = parquet_source(given) if isinstance(given, str) else parquet_list(given)
    return on_cluster(found)


def _polars(data: Any, kind: str) -> Source | None:
    if kind != "LazyFrame":
        return None
    from bayesreg.data.stores.polars import Polars

    return Polars(data)


def _arrow(data: Any, kind: str) -> Source | None:
    from bayesreg.data.stores.arrow import ArrowDataset, ArrowStream

    if type(data).__module__.startswith("pyarrow._dataset") and hasattr(data, "count_rows"):
        return ArrowDataset(data)
    return ArrowStream(data) if kind == "RecordBatchReader" else None


def _are_frames(data: Any) -> bool:
    """Whether it is a list of data frames, or makes them each time that it is iterated over."""
    if isinstance(data, list | tuple):
        return bool(data) and type(as_narwhals(data[0])).__name__ == "DataFrame"
    if isinstance(data, str | bytes | Mapping) or as_narwhals(data) is not None:
        return False
    return hasattr(data, "__iter__") and not hasattr(data, "__array__")
