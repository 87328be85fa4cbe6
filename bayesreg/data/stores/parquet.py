"""Parquet files, read one after another; :mod:`bayesreg.data.stores.paths` says which."""

from __future__ import annotations

import os
import socket
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from itertools import accumulate, groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from bayesreg.data.stores.agreed import Agreed
from bayesreg.data.stores.base import BATCH, Source, Unit
from bayesreg.data.typed_files import first_line
from bayesreg.language.errors import BadData

if TYPE_CHECKING:
    import pyarrow as pa

    from bayesreg.data.stores.base import Batches


@dataclass(frozen=True)
class Place:
    """Where a file is, what errors call it, and the values that its folders give to its rows."""

    path: str
    called: str
    values: Mapping[str, pa.Scalar] = field(default_factory=dict)


@dataclass(frozen=True)
class Footer:
    """What a file says of itself before it is read: rows, nulls by column, and its row groups."""

    rows: int
    schema: Any
    nulls: Mapping[str, int]
    groups: tuple[Unit, ...]


@dataclass(frozen=True)
class Some:
    """Which row groups are read of a file, and how many rows are before them."""

    groups: tuple[int, ...]
    start: int
    rows: int


class Parquet(Source):
    """Parquet files, here or on another machine."""

    def __init__(self, label: str, places: Sequence[Place], remote: Any = None) -> None:
        """Read the footers of the files; `remote` is the fsspec file system that has them."""
        self.label = label
        self.places = tuple(places)
        self.remote = remote
        self.files = len(self.places)
        self.footers = tuple(map(self._footer, self.places))
        called = [place.called for place in self.places]
        self.agreed = Agreed.of([footer.schema for footer in self.footers], called)
        self.schema = self.agreed.schema
        self.further = self.agreed.further
        self._read_only([Some((), 0, footer.rows) for footer in self.footers])

    def _read_only(self, some: Sequence[Some]) -> None:
        """Of each file these row groups; all, where none is named."""
        self.some = tuple(some)
        self.ends = tuple(accumulate(one.rows for one in some))
        self.rows = self.ends[-1]

    @property
    def units(self) -> Sequence[Unit]:
        """Row groups, file after file."""
        return [unit for footer in self.footers for unit in footer.groups]

    def taken(self, units: range) -> Source:
        """These row groups, by paths that do not depend on where a process was started."""
        made, some = copy(self), []
        where = [(k, g) for k, one in enumerate(self.footers) for g in range(len(one.groups))]
        found = groupby(where[units.start : units.stop], itemgetter(0))
        files = {k: tuple(g for _, g in groups) for k, groups in found}
        for k, groups in files.items():
            rows = [unit.rows for unit in self.footers[k].groups]
            before, inside = sum(rows[: groups[0]]), sum(rows[groups[0] : groups[-1] + 1])
            some.append(Some(groups, before, inside))
        made.places = tuple(self._absolute(self.places[k]) for k in files)
        made.footers, made.files = tuple(self.footers[k] for k in files), len(files)
        made._read_only(some)
        return made

    def refuse_columns(self, columns: Sequence[str]) -> None:
        """Raise for what the files do not agree on."""
        self.agreed.refuse(columns, self.label)

    def batches(self, columns: Sequence[str]) -> Batches:
        """File after file; of each no more than a few of its pages at a time are held."""
        import pyarrow as pa

        self.refuse_columns(columns)
        for place, some in zip(self.places, self.some, strict=True):
            own = [name for name in columns if name not in place.values]
            how = {"row_groups": list(some.groups)} if some.groups else {}
            try:
                with self._opened(place.path) as file:
                    for batch in file.iter_batches(BATCH, columns=own, **how):
                        yield self._whole(batch, place, columns)
            except FileNotFoundError:
                raise BadData(
                    f"{place.path} is not to be found on {socket.gethostname()}; it was when "
                    "it was counted. The workers of a cluster read the files themselves, and need "
                    "them at the same path"
                ) from None
            except (pa.ArrowException, OSError) as error:
                raise BadData(
                    f"{place.called} cannot be read to its end: {first_line(error)}; is it "
                    "still being written?"
                ) from None

    def _whole(self, batch: pa.RecordBatch, place: Place, columns: Sequence[str]) -> pa.RecordBatch:
        """A batch with these columns in this order, those of its folders among them."""
        import pyarrow as pa

        if not place.values and not self.agreed.plain.intersection(columns):
            return batch.select(columns)  # in this order: a file may have another
        arrays = []
        for name in columns:
            if name in place.values:
                arrays.append(pa.repeat(place.values[name], batch.num_rows))
            else:
                plain = name in self.agreed.plain
                one = batch.column(name)
                arrays.append(one.cast(self.schema.field(name).type) if plain else one)
        return pa.RecordBatch.from_arrays(arrays, names=list(columns))

    def _absolute(self, place: Place) -> Place:
        path = place.path if self.remote else os.path.abspath(place.path)  # noqa: PTH100
        return replace(place, path=path)

    def fingerprint(self) -> Mapping[str, Any]:
        """Size and time of change of every file."""
        return {place.called: self._state(place.path) for place in self.places}

    def nulls(self, columns: Sequence[str]) -> Mapping[str, str]:
        """Columns whose footers count nulls, and in how many rows of which file first."""
        found: dict[str, str] = {}
        for place, footer in zip(self.places, self.footers, strict=True):
            for name in columns:
                if footer.nulls.get(name, 0) and name not in found:
                    found[name] = f"{footer.nulls[name]} in {place.called}"
        return found

    def place(self, row: int) -> str:
        """The row of its file."""
        k = min(bisect_right(self.ends, row), self.files - 1)
        row += self.some[k].start - (self.ends[k - 1] if k else 0)
        return f"row {row} (from 0) of {self.places[k].called}"

    def _state(self, path: str) -> Any:
        if self.remote is not None:
            return self.remote.ukey(path)
        try:
            found = os.stat(path)  # noqa: PTH116 - of many files, no object each
        except OSError:
            return None
        return found.st_size, found.st_mtime_ns

    def _opened(self, path: str) -> Any:
        import pyarrow.parquet as pq

        if self.remote is None:
            return pq.ParquetFile(path, pre_buffer=False)  # which would hold a whole row group
        from pyarrow.fs import FSSpecHandler, PyFileSystem

        there = PyFileSystem(FSSpecHandler(self.remote))
        return pq.ParquetFile(path, pre_buffer=False, filesystem=there)

    def _footer(self, place: Place) -> Footer:
        import pyarrow as pa

        try:
            with self._opened(place.path) as file:
                said = file.metadata
                groups = [said.row_group(k) for k in range(said.num_row_groups)]
                units = tuple(Unit(one.num_rows, one.total_byte_size) for one in groups)
                footer = Footer(said.num_rows, file.schema_arrow, _nulls(said), units)
        except (pa.ArrowException, OSError) as error:
            raise BadData(
                f"{place.called} cannot be read as Parquet: {first_line(error)}"
            ) from None
        return _with_values(footer, place)


def _with_values(footer: Footer, place: Place) -> Footer:
    """The same with the columns that folders give."""
    schema, nulls = footer.schema, dict(footer.nulls)
    for name, value in place.values.items():
        if name in schema.names:
            raise BadData(
                f"{place.called} has a column {name!r}, and a folder gives its rows one of that "
                "name; rename either, or say which counts: duckdb.read_parquet(…, "
                "hive_partitioning=False)"
            )
        schema = schema.append(_field(name, value))
        if not value.is_valid and footer.rows:
            nulls[name] = footer.rows
    return replace(footer, schema=schema, nulls=nulls)


def _field(name: str, value: pa.Scalar) -> pa.Field:
    import pyarrow as pa

    return pa.field(name, value.type)


def _nulls(metadata: Any) -> dict[str, int]:
    """How many nulls each column has by the statistics of its row groups, where these say it."""
    found: dict[str, int] = {}
    for k in range(metadata.num_row_groups):
        group = metadata.row_group(k)
        for j in range(group.num_columns):
            chunk = group.column(j)
            said = chunk.statistics
            if said is not None and said.has_null_count and said.null_count:
                found[chunk.path_in_schema] = found.get(chunk.path_in_schema, 0) + said.null_count
    return found
