"""Bundles: partitions that one task reads, each of which is counted exactly once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.data.sampled import hash64
from bayesreg.data.stores.base import Run, Source, folded
from bayesreg.language.errors import BadData

if TYPE_CHECKING:
    import pyarrow as pa

TASKS = 10_000  # at most: each costs its scheduler 2 ms, and a worker as much
FAN = 8  # parts that one task adds up
ALL = 2**64


def bundled(sizes: Sequence[int], least: int, slots: int) -> list[range]:
    """Runs of partitions of about `least` bytes: no more than `TASKS`, but one for each slot.

    Parameters
    ----------
    sizes : sequence of int
        Bytes of each partition; where nobody knows, the same of all.
    least : int
    slots : int
        Tasks that can run at once.

    Examples
    --------
    >>> bundled([10] * 6, 20, 1)
    [range(0, 2), range(2, 4), range(4, 6)]
    >>> bundled([10, 0, 10], 1000, 2)
    [range(0, 1), range(1, 3)]
    """
    total = float(sum(sizes))
    each = max(min(float(least), total / slots), total / TASKS) or 1.0
    places = [int((end - size / 2) / each) for size, end in _ends(sizes)]
    starts = [0, *(k for k in range(1, len(places)) if places[k] != places[k - 1])]
    return [range(a, b) for a, b in zip(starts, [*starts[1:], len(places)], strict=True)]


def _ends(sizes: Sequence[int]) -> Iterator[tuple[int, int]]:
    end = 0
    for size in sizes:
        end += size
        yield size, end


def mark(partitions: range) -> int:
    """Σ hash64(number of a partition) mod 2⁶⁴: no other set of them has it, but for one in 2⁶⁴."""
    numbers = np.arange(partitions.start, partitions.stop, dtype=np.int64)
    return int(hash64(numbers).sum(dtype=np.uint64))


@dataclass(frozen=True)
class Bundle:
    """Partitions that follow one another.

    Attributes
    ----------
    partitions : range
        Their numbers.
    start, number : int
        As of a `Run`.
    """

    partitions: range
    start: int
    number: int


@dataclass(frozen=True)
class Counted[T]:
    """What was made of some partitions: of how many rows, and which they were, by their mark."""

    rows: int
    mark: int
    value: T

    def __add__(self, other: Counted[T] | Refused) -> Counted[T] | Refused:
        """Of both, if both are."""
        if isinstance(other, Refused):
            return other
        value: Any = self.value + other.value  # type: ignore[operator]
        return Counted(self.rows + other.rows, (self.mark + other.mark) % ALL, value)


@dataclass(frozen=True)
class Refused:
    """Why rows were refused: a value as others, so that the first in order is what is raised.

    Raised in a task it would be told in the log of every worker, with a traceback, and whichever
    was first in time would be raised.
    """

    error: Exception

    def __add__(self, other: Any) -> Refused:
        """What came before is what counts."""
        return self


@dataclass(frozen=True)
class Task[T]:
    """What is done with every bundle: it pickles, and gives the same whenever it is run.

    Attributes
    ----------
    part : callable
        From a run of batches to whatever has a ``+``.
    columns : tuple of str
    opened : callable
        From what a partition arrives as, and the columns, to batches.
    """

    part: Callable[[Run], T]
    columns: tuple[str, ...]
    opened: Callable[[Any, Sequence[str]], Iterator[pa.RecordBatch]]

    def __call__(self, bundle: Bundle, held: Sequence[Any]) -> Counted[T]:
        """Of the partitions of a bundle, as they arrive."""
        read = _Reading(self, bundle, held)
        value = self.part(Run(read, read.place, bundle.start, bundle.number))
        return Counted(read.rows, read.mark, value)


class _Reading:
    """The batches of a bundle, counted as they come, a partition when it has come to its end."""

    def __init__(self, task: Task[Any], bundle: Bundle, held: Sequence[Any]) -> None:
        self._task, self._bundle, self._held = task, bundle, held
        self._starts: list[int] = []
        self.rows = self.mark = 0

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        numbers = self._bundle.partitions
        each = len(numbers) // len(self._held)  # files are given as one source of them all
        for k, one in enumerate(self._held):
            self._starts.append(self.rows)
            for batch in self._task.opened(one, self._task.columns):
                yield batch
                self.rows += batch.num_rows
            self.mark = (self.mark + mark(numbers[k * each : (k + 1) * each])) % ALL

    def place(self, row: int) -> str:
        """The row of its partition, or of its file."""
        row -= self._bundle.start
        k = bisect_right(self._starts, row) - 1
        row -= self._starts[k]
        one = self._held[k]
        if isinstance(one, Source):
            return one.place(row)
        return f"row {row} (from 0) of partition {self._bundle.partitions[k]}"


def added[T](parts: Sequence[T]) -> T:
    """The sum of a few parts, in their order."""
    return folded(parts)


def sum_once[T](
    found: Counted[T] | Refused, bundles: Sequence[Bundle], rows: int | None, label: str
) -> T:
    """What was made of all partitions, if each of them was counted once.

    Raises
    ------
    BadData
        If one is missing or was counted twice, or there are other rows than the store says.
    """
    if isinstance(found, Refused):
        raise found.error
    wanted = sum(mark(bundle.partitions) for bundle in bundles) % ALL
    if found.mark != wanted:
        number = sum(len(bundle.partitions) for bundle in bundles)
        raise BadData(
            f"the sum over {label} is not of each of its {number} partitions once: one is missing, "
            "or was counted twice; nothing of it is used. Run it again, and should it happen again "
            "restart the cluster"
        )
    if rows is not None and found.rows != rows:
        raise BadData(
            f"{label} has {rows} rows by its own count, and {found.rows} came when it was read; it "
            "changed meanwhile"
        )
    return found.value
