"""Source: rows that arrive in batches of named columns, in order, again and again."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import closing
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from bayesreg.data.columns import refuse_duplicates
from bayesreg.language.errors import BadData

if TYPE_CHECKING:
    import pyarrow as pa

    Batches = Generator[pa.RecordBatch]  # which can be closed before its end

BATCH = 65_536  # rows asked of an engine at once; what it gives may be any number


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
    """

    label: str
    schema: pa.Schema
    rows: int | None = None
    files: int = 0
    repeatable: bool = True
    own: Mapping[str, str] = MappingProxyType({})

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

    def place(self, row: int) -> str:
        """Where a row, counted from 0 over the whole source, is found."""
        return f"row {row} (from 0)"

    def total[T](self, columns: Sequence[str], part: Callable[[Iterable[pa.RecordBatch]], T]) -> T:
        """The sum over the rows of what `part` makes of a run of batches.

        A store is one run. A cluster has one for each bundle of its partitions, and adds them up in
        a tree that does not depend on which is done first.
        """
        with closing(self.batches(columns)) as run:
            return part(run)


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
