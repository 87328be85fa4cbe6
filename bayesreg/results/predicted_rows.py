"""Predictions of rows that are read in batches: written to a file as they come, in their order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.data.arrival import small
from bayesreg.data.frames import refuse_no_column
from bayesreg.data.new_rows import needed
from bayesreg.data.replacing import replacing
from bayesreg.data.stores.base import Source
from bayesreg.data.stores.read import grouped
from bayesreg.data.stores.reader import lacking
from bayesreg.data.stores.recognise import source_of
from bayesreg.language.errors import BadArgument, BadData, NotSupported
from bayesreg.report.target import check_target

if TYPE_CHECKING:
    import pyarrow as pa

    from bayesreg.model.problem import Problem

ROW = "row"  # the column that has the number of the row, unless another one is its key


@dataclass(frozen=True)
class PredictedRows:
    """A file of predictions.

    Attributes
    ----------
    path : Path
    rows : int
    columns : tuple of str
        The key of a row, then what was predicted of it.
    label : str
        Whose rows these are, in words.
    """

    path: Path
    rows: int
    columns: tuple[str, ...]
    label: str

    def __repr__(self) -> str:
        return (
            f"{self.path}: {grouped(self.rows)} rows of {self.label}, in their order, with columns "
            f"{', '.join(self.columns)}"
        )


@dataclass(frozen=True)
class Destination:
    """Where predictions go, checked before a row is read.

    Attributes
    ----------
    out : path or None
        A Parquet file.
    key : str or None
        The column of the source that names a row; its number from 0 if there is none.
    overwrite : bool
        Whether a file may be replaced.
    """

    out: Any = None
    key: str | None = None
    overwrite: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot be written, and what would say nothing."""
        if self.out is None and (self.key is not None or self.overwrite):
            raise BadArgument("key= and overwrite= are of the file that out= names; give that too")
        if self.out is not None:
            check_target(self.out, overwrite=self.overwrite, endings=(".parquet",))

    def of(
        self,
        problem: Problem,
        X: Any,
        beside: Mapping[str, Any],
        predict: Callable[[Any, Mapping[str, Any]], Any],
    ) -> Any:
        """What `predict` makes of X: of rows in memory or few, at once; else batch by batch.

        Parameters
        ----------
        problem : Problem
        X : object
            New rows, or a source of them.
        beside : mapping of str to object
            Offset, exposure and trials of these; of a source the names of columns.
        predict : callable
            X in memory, and what is beside, to means, or a tuple (means, sds), or a DataFrame.

        Raises
        ------
        NotSupported
            If a source is large and no file is named, or its rows are on other machines.
        BadData
            If a column is missing, or a value of it.
        """
        source = source_of(X) if self.out is not None else _small_source(X)
        if source is None and self.out is None:
            return predict(X, beside)
        source = _as_source(X) if source is None else source
        reading = _Reading.of(problem, source, beside, self.key)
        if self.out is not None:
            return reading.written(Path(self.out), predict)
        return predict(reading.at_once(), beside)


def at_once(problem: Problem, X: Any, beside: Mapping[str, Any]) -> Any:
    """The rows of a small source as a table of what a fit needs; rows in memory as they are.

    Raises
    ------
    NotSupported
        If the source is large.
    """
    source = _small_source(X)
    return X if source is None else _Reading.of(problem, source, beside, None).at_once()


@dataclass(frozen=True)
class _Reading:
    """The columns of a source that a fit needs, batch by batch."""

    source: Source
    columns: tuple[str, ...]
    beside: Mapping[str, Any]
    key: str | None

    @classmethod
    def of(
        cls, problem: Problem, source: Source, beside: Mapping[str, Any], key: str | None
    ) -> _Reading:
        """Those of the fit by name, and what is beside them."""
        layout = problem.layout
        other = next((k for k, v in beside.items() if v is not None and type(v) is not str), None)
        if other is not None:
            raise BadArgument(f"{other} must be the name of a column of {source.label}")
        names = [one.name for one in needed(layout, problem.features)]
        said = [name for name in beside.values() if name is not None]
        known = [] if layout is None else list(layout.beside.values())
        known = [name for name in known if name in source.names]
        refuse_no_column(
            [*names, *said, *([] if key is None else [key])], source.names, source.label
        )
        return cls(source, tuple(dict.fromkeys([*names, *said, *known])), beside, key)

    def at_once(self) -> Any:
        """All rows as a table."""
        table, source = small(self.source)
        if table is None:
            raise NotSupported(
                f"{source.label} has more rows than are predicted at once in memory; write them to "
                "a file, fit.predict(source, out='predictions.parquet')"
            )
        self.refuse_missing(table, 0)
        return table.select(list(self.columns))

    def written(
        self, path: Path, predict: Callable[[Any, Mapping[str, Any]], Any]
    ) -> PredictedRows:
        """A file of all rows, whole or not at all."""
        import pyarrow.parquet as pq

        if not self.source.held:
            raise NotSupported(
                f"the rows of {self.source.label} are on other machines; predict them there, "
                "frame.map_partitions(fit.predict), or write them to Parquet and pass its path"
            )
        rows, writer = 0, None
        names: tuple[str, ...] = ()
        with replacing(path) as file:
            try:
                for part in self._predicted(predict):
                    writer = writer or pq.ParquetWriter(file, part.schema)
                    writer.write_table(part)
                    rows, names = rows + part.num_rows, tuple(part.column_names)
            finally:
                if writer is not None:
                    writer.close()
            self._refuse_short(rows)
        return PredictedRows(path, rows, names, self.source.label)

    def _predicted(self, predict: Callable[[Any, Mapping[str, Any]], Any]) -> Iterator[pa.Table]:
        """Key and predictions of each batch."""
        import pyarrow as pa

        wanted = dict.fromkeys([*self.columns, *([] if self.key is None else [self.key])])
        start = 0
        for batch in self.source.batches(tuple(wanted)):
            if not batch.num_rows:
                continue
            table = pa.Table.from_batches([batch])
            self.refuse_missing(table, start)
            try:
                found = _columns(predict(table.select(list(self.columns)), self.beside))
            except BadData as error:
                end = start + batch.num_rows
                raise BadData(f"{self.source.label}, rows {start} to {end}: {error}") from None
            rows = np.arange(start, start + batch.num_rows)
            key = {ROW: pa.array(rows)} if self.key is None else {self.key: table[self.key]}
            twice = set(key) & set(found)
            if twice:
                raise BadArgument(f"key={min(twice)!r} is what a prediction is called; rename it")
            yield pa.table(key | found)
            start += batch.num_rows

    def refuse_missing(self, table: pa.Table, start: int) -> None:
        """Raise BadData for the first value that there is not, with its row."""
        import pyarrow.compute as pc

        for name in self.columns:
            gone = pc.is_null(table[name], nan_is_null=True).to_numpy()
            if gone.any():
                place = self.source.place(start + int(np.argmax(gone)))
                raise BadData(f"{lacking(self.source.label, f'column {name!r}: {place}')}")

    def _refuse_short(self, rows: int) -> None:
        said = self.source.rows
        if said is not None and said != rows:
            raise BadData(
                f"{self.source.label} has {said} rows by its own count, and {rows} came when it "
                "was read; it changed meanwhile, or its reader was ended early"
            )
        if not rows:
            raise BadData(f"{self.source.label}: there are no rows")


def _small_source(X: Any) -> Source | None:
    """The source that X is; collections of Dask are brought together by whoever has them."""
    return None if type(X).__module__.startswith("dask") else source_of(X)


def _as_source(X: Any) -> Source:
    """Rows in memory, whose columns have names."""
    from bayesreg.data.columns import as_narwhals
    from bayesreg.data.stores.arrow import ArrowStream

    frame = as_narwhals(X)
    if not hasattr(frame, "to_arrow"):
        raise BadArgument(
            "out= is for a frame or a source, whose columns have names; of an array predict(X) "
            "gives all"
        )
    return ArrowStream(frame.to_arrow())


def _columns(found: Any) -> dict[str, Any]:
    """Predictions by name: means, sds, bounds."""
    if hasattr(found, "columns"):
        return {str(name): found[name].to_numpy() for name in found.columns}
    if isinstance(found, tuple):
        return dict(zip(("mean", "sd"), found, strict=True))
    return {"mean": np.asarray(found)}
