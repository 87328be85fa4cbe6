"""Parquet files by path, glob or folder: read one after another, in the order of their names."""

from __future__ import annotations

import glob
import os
import socket
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from itertools import accumulate, groupby
from operator import itemgetter
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from bayesreg.data.stores.base import BATCH, Source, Unit
from bayesreg.data.typed_files import first_line
from bayesreg.language.errors import BadArgument, BadData, NotSupported

if TYPE_CHECKING:
    from bayesreg.data.stores.base import Batches

ENDINGS = (".parquet", ".pq")
WILD = frozenset("*?[")


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

    def __init__(self, label: str, paths: Sequence[str], remote: Any = None) -> None:
        """Read the footers of the files; `remote` is the fsspec file system that has them."""
        self.label = label
        self.paths = tuple(paths)
        self.remote = remote
        self.files = len(self.paths)
        self.footers = tuple(map(self._footer, self.paths))
        self.schema = self.footers[0].schema
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
        paths = [self.paths[k] for k in files]
        made.paths = tuple(paths if self.remote else map(os.path.abspath, paths))
        made.footers, made.files = tuple(self.footers[k] for k in files), len(files)
        made._read_only(some)
        return made

    def batches(self, columns: Sequence[str]) -> Batches:
        """File after file; of each no more than a few of its pages at a time are held."""
        import pyarrow as pa

        for path, footer, some in zip(self.paths, self.footers, self.some, strict=True):
            self._refuse_other_columns(path, footer, columns)
            how = {"row_groups": list(some.groups)} if some.groups else {}
            try:
                with self._opened(path) as file:
                    for batch in file.iter_batches(BATCH, columns=list(columns), **how):
                        yield batch.select(columns)  # in this order: a file may have another
            except FileNotFoundError:
                raise BadData(
                    f"{path} is not to be found on {socket.gethostname()}; it was when it was "
                    "counted. The workers of a cluster read the files themselves, and need them at "
                    "the same path"
                ) from None
            except (pa.ArrowException, OSError) as error:
                raise BadData(
                    f"{self._name(path)} cannot be read to its end: {first_line(error)}; is it "
                    "still being written?"
                ) from None

    def fingerprint(self) -> Mapping[str, Any]:
        """Size and time of change of every file."""
        return {self._name(path): self._state(path) for path in self.paths}

    def nulls(self, columns: Sequence[str]) -> Mapping[str, str]:
        """Columns whose footers count nulls, and in how many rows of which file first."""
        found: dict[str, str] = {}
        for path, footer in zip(self.paths, self.footers, strict=True):
            for name in columns:
                if footer.nulls.get(name, 0) and name not in found:
                    found[name] = f"{footer.nulls[name]} in {self._name(path)}"
        return found

    def place(self, row: int) -> str:
        """The row of its file."""
        k = min(bisect_right(self.ends, row), self.files - 1)
        row += self.some[k].start - (self.ends[k - 1] if k else 0)
        return f"row {row} (from 0) of {self._name(self.paths[k])}"

    def _name(self, path: str) -> str:
        return PurePosixPath(path).name if self.remote is not None else Path(path).name

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

    def _footer(self, path: str) -> Footer:
        import pyarrow as pa

        try:
            with self._opened(path) as file:
                said = file.metadata
                groups = [said.row_group(k) for k in range(said.num_row_groups)]
                units = tuple(Unit(one.num_rows, one.total_byte_size) for one in groups)
                return Footer(said.num_rows, file.schema_arrow, _nulls(said), units)
        except (pa.ArrowException, OSError) as error:
            raise BadData(
                f"{self._name(path)} cannot be read as Parquet: {first_line(error)}"
            ) from None

    def _refuse_other_columns(self, path: str, footer: Footer, columns: Sequence[str]) -> None:
        missing = [name for name in columns if name not in footer.schema.names]
        if missing:
            raise BadData(
                f"{self._name(path)} has no column {missing[0]!r}, which "
                f"{self._name(self.paths[0])} has; give files of the same columns"
            )


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


def parquet_source(text: str) -> Source:
    """The files that a path, a glob, a folder or an address stands for.

    Raises
    ------
    BadArgument
        If there is none, or it is no Parquet file.
    NotSupported
        If an address needs a package that is not installed.
    """
    if "://" in text:
        return _elsewhere(text)
    path = Path(text)
    if path.is_dir():
        return _folder(text, path)
    if path.exists():
        found = [text]
    elif WILD & set(text):
        found = sorted(glob.glob(text, recursive=True))  # noqa: PTH207 - absolute ones too
        found = [one for one in found if not Path(one).is_dir()]
        if not found:
            raise BadArgument(f"no file is called {text!r}")
    else:
        raise BadArgument(f"there is no file or folder {text!r}")
    other = next((one for one in found if not one.lower().endswith(ENDINGS)), None)
    if other is not None:
        raise BadArgument(
            f"{other!r} is read as Parquet and does not end in .parquet; of a CSV file pass "
            "pandas.read_csv(path), or where it does not fit in memory duckdb.read_csv(path)"
        )
    return Parquet(text, found)


def _folder(text: str, path: Path) -> Source:
    """All Parquet files below a folder, in folders called ``key=value`` with such a column."""
    below = sorted(one for end in ENDINGS for one in path.rglob(f"*{end}"))
    parts = [one.relative_to(path).parts for one in below]
    kept = [
        str(one)
        for one, names in zip(below, parts, strict=True)
        if not any(name.startswith((".", "_")) for name in names)
    ]
    if not kept:
        raise BadArgument(f"{text!r} is a folder without Parquet files (ending in .parquet or .pq)")
    if any("=" in name for names in parts for name in names[:-1]):
        import pyarrow.dataset as ds

        from bayesreg.data.stores.arrow import ArrowDataset

        found = ds.dataset(str(path.absolute()), format="parquet", partitioning="hive")
        return ArrowDataset(found, text, plain=True)
    return Parquet(text, kept)


def _elsewhere(text: str) -> Source:
    """The files that an address such as ``s3://bucket/sales/*.parquet`` stands for."""
    try:
        from fsspec.core import url_to_fs
    except ModuleNotFoundError:
        raise NotSupported(
            f"{text!r}: addresses need fsspec; install it with pip install 'bayesreg[remote]'"
        ) from None
    try:
        remote, path = url_to_fs(text)
    except ImportError as error:  # which names the package that this kind of address needs
        raise NotSupported(f"{text!r}: {error}") from None
    if WILD & set(path):
        found = sorted(remote.glob(path))
    elif remote.isdir(path):
        found = sorted(one for one in remote.find(path) if one.lower().endswith(ENDINGS))
    else:
        found = [path] if remote.exists(path) else []
    if not found:
        raise BadArgument(f"there is no file {text!r}")
    return Parquet(text, found, remote)
