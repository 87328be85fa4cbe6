"""Source: rows that arrive in batches of named columns, in order, again and again."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from bayesreg.data.columns import refuse_duplicates
from bayesreg.language.errors import BadData

if TYPE_CHECKING:
    import pyarrow as pa

    Batches = Generator[pa.RecordBatch]  # which can be closed before its end

BATCH = 65_536  # rows asked of an engine at once; what it gives may be any number
More = Callable[[int], None]  # is told how much was read since


@dataclass(frozen=True)
class Run:
    """Some rows of a source, batch after batch.

    Attributes
    ----------
    batches : iterable of pyarrow.RecordBatch
    place : callable
        Where the row of a number is found, in words.
    start : int
        The number of its first row.
    number : int
        Which run it is, where nobody knows how many rows are in those before, so that rows are
        counted within it; 0 where they are counted over the whole source.
    """

    batches: Iterable[pa.RecordBatch]
    place: Callable[[int], str]
    start: int = 0
    number: int = 0

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        return iter(self.batches)


@dataclass(frozen=True)
class Unit:
    """What of a source can be read apart from the rest: its rows and bytes as the store says."""

    rows: int
    size: int


class Source(ABC):
    """Rows in batches of named columns; it knows nothing of models.

    Attributes
    ----------
    label : str
        What it is, in words: ``"sales/*.parquet"``.
    schema : pyarrow.Schema
    rows : int or None
        As many as the store itself says that there are (footers, ``count(*)``); None if it does
        not know.
    files : int
        In how many files they are; 0 where in none.
    repeatable : bool
        Whether they can be read a second time.
    own : mapping of str to str
        Columns whose role the rows themselves say, by role: y and weights of blocks.
    workers : int
        Processes that read them in the last pass; 0 where this one does.
    held : bool
        Whether batches can be had here, and not only what is made of them elsewhere.
    further : mapping of str to str
        Columns that some of its files have and the first has not, and which file has them.
    """

    label: str
    schema: pa.Schema
    rows: int | None = None
    files: int = 0
    repeatable: bool = True
    own: Mapping[str, str] = MappingProxyType({})
    workers: int = 0
    held: bool = True
    further: Mapping[str, str] = MappingProxyType({})

    @property
    def names(self) -> tuple[str, ...]:
        """The columns, in order; an index that pandas wrote beside them is none.

        Raises
        ------
        BadData
            If two have one name.
        """
        beside = (self.schema.pandas_metadata or {}).get("index_columns", [])
        names = tuple(name for name in self.schema.names if name not in beside)
        refuse_duplicates(names, self.label)
        return names

    @abstractmethod
    def batches(self, columns: Sequence[str]) -> Batches:
        """A new pass over these columns, rows in the order of the store, which never changes."""

    def fingerprint(self) -> Mapping[str, Any]:
        """What changes with the rows, by part of the store (size, time of a file); or nothing."""
        return {}

    def nulls(self, columns: Sequence[str]) -> Mapping[str, str]:
        """Columns known to hold nulls before a row is read, and where; there may be more."""
        return {}

    def refuse_columns(self, columns: Sequence[str]) -> None:  # noqa: B027 - most know of none
        """Raise BadData where the store says, before a row is read, that a column is none of one.

        As where its files have it in types that cannot be one.
        """

    def refuse_further(self) -> None:
        """Raise BadData where the files would have other columns if the first were another."""
        for name, where in self.further.items():
            raise BadData(
                f"{self.label}: {where} has a column {name!r}, which the first file has not, so "
                "that it is not clear which columns are predictors; name them in a formula, or "
                "choose them in a DuckDB relation or a Polars lazy frame"
            )

    def levels(self) -> Mapping[str, Sequence[Any]]:
        """The levels of columns whose type lists all of them in order; read of others."""
        return {}

    def place(self, row: int) -> str:
        """Where a row, counted from 0 over the whole source, is found."""
        return f"row {row} (from 0)"

    def steps(self, columns: Sequence[str]) -> tuple[int | None, str]:
        """How many there are of what a pass over these columns is told in, and what that is."""
        return self.rows, "rows"

    @property
    def units(self) -> Sequence[Unit]:
        """What can be read apart, in order; nothing where rows come in one run only."""
        return ()

    def taken(self, units: range) -> Source:
        """Some of the units as a source that pickles, to be read where it arrives."""
        raise NotImplementedError

    def joined(self, beside: Mapping[str, Any]) -> tuple[Source, dict[str, Any]]:
        """The source with y, weights and the like that are not its columns, yet are of its kind.

        Returns
        -------
        source : Source
        names : dict of str to object
            What is beside the rows, those that became columns by their names.
        """
        return self, dict(beside)

    def total[T](
        self, columns: Sequence[str], part: Callable[[Run], T], more: More = lambda _: None
    ) -> T:
        """The sum over the rows of what `part` makes of a run of them.

        A store is one run. A cluster has one for each bundle of its partitions, and adds them up in
        a tree that does not depend on which is done first; there `part` is pickled, and may run
        more than once where a worker is lost: it changes nothing outside, and what it makes has a
        ``+``, is pickled too, and may be of no rows.
        """
        with closing(self.batches(columns)) as batches:
            return part(Run(counted(batches, more), self.place))


def counted(batches: Iterable[pa.RecordBatch], more: More) -> Batches:
    """The batches, their rows told as they come."""
    for batch in batches:
        more(batch.num_rows)
        yield batch


def folded[T](parts: Iterable[T]) -> T:
    """Σ parts by a fixed tree, as a binary counter carries: rounding grows like their log number.

    Raises
    ------
    BadData
        If there is none.

    Examples
    --------
    >>> folded(["a", "b", "c"])
    'abc'
    """
    stack: list[tuple[int, Any]] = []
    for part in parts:
        level, total = 0, part
        while stack and stack[-1][0] == level:
            total = stack.pop()[1] + total
            level += 1
        stack.append((level, total))
    if not stack:
        raise BadData("there are no rows to add up")
    _, total = stack.pop()
    while stack:
        total = stack.pop()[1] + total
    return total
