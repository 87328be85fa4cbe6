"""Part: some rows of a stream as numbers; parts can be cut anew, so that all have one size.

Where a part ends depends on the number of columns and on nothing else, so that what is summed part
by part has the same bits whatever brought the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bayesreg.data.blocks import Block
from bayesreg.data.chunks import chunk_rows
from bayesreg.data.known import NOTHING, Known
from bayesreg.language.arguments import Array

Ints = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Part:
    """Some rows of a stream.

    Attributes
    ----------
    columns : tuple of p ndarrays (m,)
        The predictors, each as it lies in memory.
    y : ndarray (m,)
    weights : ndarray (m,) or None
    rows : ndarray of int (m,)
        Their numbers among all rows of the source, or of the run.
    known : Known
        What is known of the rows beside them.
    run : int
        Within which run of rows they are counted; 0 where over the whole source.
    place : callable
        From a number of `rows` to where that row is found, in words.
    """

    columns: tuple[Array, ...]
    y: Array
    weights: Array | None
    rows: Ints
    known: Known = NOTHING
    run: int = 0
    place: Callable[[int], str] = "row {} (from 0)".format

    def __len__(self) -> int:
        return len(self.y)

    @cached_property
    def X(self) -> Array:
        """The predictors (m, p), put together when they are first asked for."""
        out = np.empty((len(self), len(self.columns)), order="F")
        for j, column in enumerate(self.columns):
            out[:, j] = column
        return out

    @property
    def block(self) -> Block:
        """The rows as `Moments` take them in: predictors and y − offset."""
        start = int(self.rows[0])
        all_of_them = self.rows[-1] - start + 1 == len(self)
        kept = None if all_of_them else self.rows - start
        return Block(self.columns, self.target, self.weights, start, kept)

    @property
    def target(self) -> Array:
        """y − offset."""
        offset = self.known.offset
        return self.y if offset is None else np.asarray(self.y - offset)

    def taken(self, some: slice) -> Part:
        """Some of its rows, where they lie."""
        return replace(
            self,
            columns=tuple(column[some] for column in self.columns),
            y=self.y[some],
            weights=None if self.weights is None else self.weights[some],
            rows=self.rows[some],
            known=self.known.take(some),
        )


def recut(parts: Iterable[Part]) -> Iterator[Part]:
    """The same rows in parts of one size, the last of a run shorter.

    Examples
    --------
    >>> one = Part((np.ones(9),), np.ones(9), None, np.arange(9))
    >>> [len(part) for part in recut([one, one])]
    [18]
    """
    held: list[Part] = []
    size = room = 0
    for part in parts:
        if held and part.run != held[0].run:
            yield _joined(held)
            held, room = [], size
        size = size or chunk_rows(len(part.columns) + 1)
        room, at = room or size, 0
        while at < len(part):
            some = part.taken(slice(at, at + room))
            held.append(some)
            at, room = at + len(some), room - len(some)
            if not room:
                yield _joined(held)
                held, room = [], size
        del part
    if held:
        yield _joined(held)


def _joined(parts: list[Part]) -> Part:
    """Parts one after another, as one."""
    if len(parts) == 1:
        return parts[0]

    def together(arrays: Iterable[Array | None]) -> Array | None:
        found = [one for one in arrays if one is not None]
        return np.concatenate(found) if found else None

    y, weights = together(one.y for one in parts), together(one.weights for one in parts)
    assert y is not None
    return Part(
        tuple(map(np.concatenate, zip(*(one.columns for one in parts), strict=True))),
        y,
        weights,
        np.concatenate([one.rows for one in parts]),
        Known(
            together(one.known.offset for one in parts), together(one.known.trials for one in parts)
        ),
        parts[0].run,
        parts[0].place,
    )
