"""Frames and arrays of Dask, partition by partition; `partitioned` says how they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.data.columns import default_names
from bayesreg.data.stores.base import BATCH, Source
from bayesreg.data.stores.partitioned import Partitioned, Parts
from bayesreg.data.typed_files import first_line
from bayesreg.language.errors import BadData, NotSupported

if TYPE_CHECKING:
    import pyarrow as pa

LEAST = 2026  # the oldest release that is tested
CHUNK = 2**27  # bytes of an array that are worth a task, which holds them all: as Dask advises


class DaskFrame(Partitioned):
    """A Dask DataFrame, of which y and what is beside may be columns or Series of their own."""

    def __init__(self, frame: Any) -> None:
        """Nothing is computed: neither rows nor values are known."""
        _refuse_old()
        self.frame = frame
        self.label = "a Dask DataFrame"
        self.schema = _schema(frame)

    def joined(self, beside: Mapping[str, Any]) -> tuple[Source, dict[str, Any]]:
        """With Series, or arrays of the same partitions, as further columns."""
        import dask.dataframe as dd

        said, series, ordered = dict(beside), {}, []
        for what, one in beside.items():
            if _kind(one) in ("Series", "Array"):
                labelled = _kind(one) == "Series"
                column = one if labelled else _as_series(one, what)
                said[what] = name = str(what if column.name is None else column.name)
                series[name] = column
                ordered += [] if labelled else [name]
        if not series:
            return self, said
        for name, one in series.items():
            if one.npartitions != self.frame.npartitions:
                raise BadData(
                    f"{name} has {one.npartitions} partitions and X has {self.frame.npartitions}; "
                    "make it a column of the frame and give its name"
                )
        _refuse_taken(self.names, list(series))
        whole = dd.map_partitions(
            _assigned,
            self.frame,
            *series.values(),
            names=tuple(series),
            ordered=tuple(ordered),
            meta=self.frame._meta.assign(**{name: one._meta for name, one in series.items()}),
            align_dataframes=False,
        )
        return DaskFrame(whole), said

    def levels(self) -> Mapping[str, Sequence[Any]]:
        """Those of categories that the frame knows; of others its partitions know their own."""
        return {
            str(name): tuple(kind.categories)
            for name, kind in self.frame.dtypes.items()
            if kind == "category" and self.frame[name].cat.known
        }

    def parts(self, columns: Sequence[str]) -> Parts:
        """As the frame's optimiser makes them of these columns, which may be fewer, larger ones."""
        named = {str(name): name for name in self.frame.columns}
        chosen = self.frame[[named[name] for name in columns]]
        frames = chosen.to_delayed(optimize_graph=True)
        ones = [1] * len(frames)  # their sizes are not known, nor is it free to bring them together
        return Parts(ones, 1, lambda some: frames[some.start : some.stop], _opened_frame)


def _assigned(frame: Any, *series: Any, names: Sequence[str], ordered: Sequence[str]) -> Any:
    """A partition with further columns, which must have its rows: by label, or in their order."""
    columns = {}
    for name, one in zip(names, series, strict=True):
        if len(one) != len(frame) or not (name in ordered or one.index.equals(frame.index)):
            raise BadData(
                f"a partition of {name} has {len(one)} rows and that of X {len(frame)}, or other "
                "labels in its index; make it a column of the frame and give its name"
            )
        columns[name] = one.to_numpy() if name in ordered else one
    return frame.assign(**columns)


def _opened_frame(frame: Any, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    frame = frame.set_axis(list(columns), axis=1)
    try:
        table = pa.Table.from_pandas(frame, preserve_index=False, nthreads=1)
    except pa.ArrowException as error:
        raise BadData(f"a Dask DataFrame: {first_line(error)}") from None
    yield from table.to_batches(BATCH)


def _schema(frame: Any) -> pa.Schema:
    """Its columns' types; of Python objects nothing is known before they are read."""
    import pandas as pd
    import pyarrow as pa

    names = [str(name) for name in frame.columns]
    empty = [pd.Series([], dtype=kind) for kind in frame.dtypes]
    columns = pd.concat(empty, axis=1) if empty else pd.DataFrame()
    return pa.Schema.from_pandas(columns.set_axis(names, axis=1), preserve_index=False)


class DaskArray(Partitioned):
    """A Dask Array of predictors, with arrays beside it, chunk by chunk of rows."""

    def __init__(self, X: Any, beside: Mapping[str, Any] | None = None) -> None:
        """Its columns are x1, …, xp, each block of rows having all of them."""
        import pyarrow as pa

        _refuse_old()
        if X.ndim != 2:
            raise BadData(f"X has {X.ndim} dimensions; it must be (rows, columns)")
        self.X = X.rechunk({1: -1})
        self.beside = dict(beside or {})
        self.label = "a Dask Array"
        names = default_names(X.shape[1])
        _refuse_taken(names, list(self.beside))
        kinds = [X.dtype] * X.shape[1] + [one.dtype for one in self.beside.values()]
        fields = zip([*names, *self.beside], kinds, strict=True)
        self.schema = pa.schema([(name, _arrow_type(kind, name)) for name, kind in fields])
        known = X.shape[0] == X.shape[0]
        self.rows = int(X.shape[0]) if known else None

    def joined(self, beside: Mapping[str, Any]) -> tuple[Source, dict[str, Any]]:
        """With arrays or Series, in chunks of the same rows."""
        said, arrays = dict(beside), dict(self.beside)
        for what, one in beside.items():
            here = isinstance(one, np.ndarray) and self.rows is not None
            if here or _kind(one) in ("Series", "Array"):
                said[what] = what
                arrays[what] = self._in_chunks(_as_array(one, what), what)
        return DaskArray(self.X, arrays), said

    def _in_chunks(self, one: Any, what: str) -> Any:
        """In X's chunks of rows."""
        theirs = one.shape[0]
        if self.rows is not None and theirs == theirs:
            if theirs != self.rows:
                raise BadData(f"{what} has {theirs} rows and X has {self.rows}")
            return one.rechunk({0: self.X.chunks[0]})
        if one.numblocks[0] != self.X.numblocks[0]:
            raise BadData(
                f"{what} has {one.numblocks[0]} chunks of rows and X has {self.X.numblocks[0]}, of "
                "sizes that are not known; call .compute_chunk_sizes() on both"
            )
        return one

    def parts(self, columns: Sequence[str]) -> Parts:
        """Chunks of rows, the arrays beside X with them."""
        import dask

        names = tuple(self.schema.names)
        arrays = dask.optimize(self.X, *self.beside.values())
        blocks = [array.to_delayed(optimize_graph=False).ravel() for array in arrays]
        held = [list(some) for some in zip(*blocks, strict=True)]
        rows = None if self.rows is None else [int(one) for one in self.X.chunks[0]]
        width = sum(one.dtype.itemsize for one in arrays[1:])
        width += self.X.dtype.itemsize * self.X.shape[1]
        sizes = [1] * len(held) if rows is None else [one * width for one in rows]
        return Parts(
            sizes,
            1 if rows is None else CHUNK,
            lambda some: [[names, *one] for one in held[some.start : some.stop]],
            _opened_arrays,
            rows,
        )


def _opened_arrays(held: Sequence[Any], columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    names, X, *beside = held
    if not isinstance(X, np.ndarray):
        raise BadData(f"the chunks of a Dask Array are {type(X).__name__}; only arrays are read")
    by = dict(zip(names[X.shape[1] :], beside, strict=True))
    for name, one in by.items():
        if len(one) != len(X):
            raise BadData(f"a chunk of {name} has {len(one)} rows and that of X {len(X)}")
    places = {name: j for j, name in enumerate(names[: X.shape[1]])}
    for k in range(0, len(X), BATCH):
        rows = slice(k, k + BATCH)
        chosen = [by[name][rows] if name in by else X[rows, places[name]] for name in columns]
        arrays = [pa.array(np.ascontiguousarray(one)) for one in chosen]
        yield pa.RecordBatch.from_arrays(arrays, names=list(columns))


def _arrow_type(kind: Any, name: str) -> pa.DataType:
    import pyarrow as pa

    if kind.kind not in "fiub" or kind.itemsize > 8:
        raise BadData(
            f"column {name!r} of a Dask Array has dtype {kind}; only numbers and booleans are read"
        )
    return pa.from_numpy_dtype(kind)


def dask_source(data: Any) -> Source:
    """The source that a Dask DataFrame or Array is.

    Raises
    ------
    BadData
        If it is another collection of Dask.
    """
    kinds: dict[str, Callable[[Any], Source]] = {"DataFrame": DaskFrame, "Array": DaskArray}
    kind = _kind(data)
    if kind not in kinds:
        raise BadData(
            f"X is a Dask {kind}; pass a Dask DataFrame or Array, or rows in memory, X.compute()"
        )
    return kinds[kind](data)


def _kind(one: Any) -> str:
    """What a collection of Dask is, or extends; nothing of what is none."""
    kinds = [kind.__name__ for kind in type(one).__mro__ if kind.__module__.startswith("dask.")]
    return kinds[0] if kinds else ""


def _as_series(array: Any, what: str) -> Any:
    import dask.dataframe as dd

    return dd.from_dask_array(_as_array(array, what), columns=what)


def _as_array(one: Any, what: str) -> Any:
    """A Series, or an array of one dimension here or of Dask, as the latter."""
    import dask.array as da

    array = one.to_dask_array() if _kind(one) == "Series" else da.asarray(one)
    if array.ndim != 1:
        raise BadData(f"{what} has {array.ndim} dimensions; pass one column, as {what}[:, 0]")
    return array


def _refuse_taken(names: Sequence[str], beside: Sequence[str]) -> None:
    taken = [name for name in beside if name in names]
    if taken:
        raise BadData(
            f"X has a column {taken[0]!r}, and there is one of this name beside it: give the name "
            f"({taken[0]!r}) if it is the same, or rename one"
        )


def _refuse_old() -> None:
    import dask

    if int(dask.__version__.split(".")[0]) < LEAST:
        raise NotSupported(
            f"Dask {dask.__version__} is too old; install a later one with pip install "
            "'bayesreg[dask]'"
        )
