"""Grouped: rows by the cell that they are in, with the moments of a few numbers in each.

Where some columns have few values together, cells are few however many rows there are, and all that
a formula makes of these columns is the same within a cell. Sums are centred by cell and chunk and
merged by Chan's rule (Chan, Golub & LeVeque 1983, doi:10.1080/00031305.1983.10483115), so that they
are as exact as those of rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bayesreg.data.stores.base import folded
from bayesreg.language.arguments import Array
from bayesreg.language.errors import NotSupported

if TYPE_CHECKING:
    from bayesreg.data.stores.parts import Part

CHUNK = 65_536  # rows that are summed at once, however they come: the same bits in any batches
NARROW = 2**18  # cells that may be, up to which they are numbered without a table of hashes
Ints = NDArray[np.intp]


class TooManyCells(NotSupported):
    """Rows are in more cells than it is worth to remember."""


def _refuse_many(count: int, most: int) -> None:
    if count > most:
        raise TooManyCells(f"the rows are in more than {most} cells")


@dataclass(frozen=True, eq=False)
class Grouped:
    """Cells of rows.

    Attributes
    ----------
    keys : ndarray (C, k)
        What the rows of a cell have in common.
    rows : int
    n : ndarray (C,)
        Their total weight.
    mean : ndarray (C, m)
        Of the numbers that vary within a cell.
    scatter : ndarray (C, m, m)
        Centred squares and products of these.
    most : int
        Cells beyond which it is given up.

    Examples
    --------
    >>> g, x = np.array([1.0, 0.0, 1.0]), np.array([2.0, 5.0, 4.0])
    >>> cells = Grouped.of([g], None, [x], most=10)
    >>> cells.keys.ravel(), cells.n, cells.mean.ravel(), cells.scatter.ravel()
    (array([0., 1.]), array([1., 2.]), array([5., 3.]), array([0., 2.]))
    """

    keys: Array
    rows: int
    n: Array
    mean: Array
    scatter: Array
    most: int

    @classmethod
    def of(
        cls, keys: Sequence[Array], weights: Array | None, atoms: Sequence[Array], most: int
    ) -> Grouped:
        """The cells of some rows: keys and atoms are columns (r,).

        Raises
        ------
        TooManyCells
            If there are more than `most`, and so for the sum of two.
        """
        place, first = _numbered(keys)
        size, rows = len(first), len(place)
        _refuse_many(size, most)
        n = np.bincount(place, weights, size).astype(float)
        mean = np.empty((size, len(atoms)))
        scatter = np.zeros((size, len(atoms), len(atoms)))
        apart = []
        for a, values in enumerate(atoms):
            weighted = values if weights is None else values * weights
            mean[:, a] = np.bincount(place, weighted, size) / n
            apart.append(values - mean[place, a])
        for a, one in enumerate(apart):
            left = one if weights is None else one * weights
            for b in range(a + 1):
                found = np.bincount(place, left * apart[b], size)
                scatter[:, a, b] = scatter[:, b, a] = found
        held = np.empty((size, len(keys)))
        for j, column in enumerate(keys):
            held[:, j] = column[first]
        return cls(held, rows, n, mean, scatter, most)

    def __len__(self) -> int:
        return len(self.n)

    def __add__(self, other: Grouped) -> Grouped:
        """The cells of both sets of rows."""
        m = self.mean.shape[1]
        keys = np.concatenate([self.keys, other.keys])
        place, first = _numbered(list(keys.T))
        _refuse_many(len(first), self.most)
        n, mean = np.concatenate([self.n, other.n]), np.concatenate([self.mean, other.mean])
        total = np.bincount(place, n, len(first))
        about = mean[first]
        for a in range(m):
            about[:, a] += np.bincount(place, n * (mean[:, a] - mean[first[place], a])) / total
        apart = mean - about[place]
        parts = np.concatenate([self.scatter, other.scatter])
        scatter = np.empty((len(first), m, m))
        for a in range(m):
            for b in range(m):
                found = parts[:, a, b] + n * apart[:, a] * apart[:, b]
                scatter[:, a, b] = np.bincount(place, found, len(first))
        return Grouped(keys[first], self.rows + other.rows, total, about, scatter, self.most)


def _numbered(keys: Sequence[Array]) -> tuple[Ints, Ints]:
    """The cell of each row (r,), cells in the order of their keys, and a row of each (C,)."""
    place = np.zeros(len(keys[0]) if keys else 0, dtype=np.intp)
    size = 1
    for column in keys:
        own, values = _places(column)
        place = place * len(values) + own
        size *= max(len(values), 1)
        if size > NARROW:
            place, size = _packed(place, size)
    place, size = _packed(place, size)
    first = np.empty(size, dtype=np.intp)
    first[place[::-1]] = np.arange(len(place) - 1, -1, -1)
    return place, first


def _places(column: Array) -> tuple[Ints, Array]:
    """The place of each value among the different ones, which are sorted."""
    import pandas as pd

    low, high = column.min(initial=0.0), column.max(initial=0.0)
    if low >= 0.0 and high < NARROW and len(column) > high:
        whole = column.astype(np.intp)
        if np.array_equal(whole, column):  # as places among levels are
            return whole, np.arange(int(high) + 1.0)
    codes, values = pd.factorize(column, sort=True)
    return codes.astype(np.intp, copy=False), np.asarray(values)


def _packed(place: Ints, size: int) -> tuple[Ints, int]:
    """Numbers below `size` as places among those that there are, in their order."""
    import pandas as pd

    if size <= NARROW:
        there = np.bincount(place, minlength=size) > 0
        return (np.cumsum(there) - 1)[place], int(there.sum())
    codes, values = pd.factorize(place, sort=True)
    return codes.astype(np.intp, copy=False), len(values)


@dataclass(frozen=True)
class Grouping:
    """A map: runs of rows to their cells, the first `keys` of their columns being what counts.

    Attributes
    ----------
    keys : int
    response : bool
        Whether y and what is known of rows are keys too; else y − offset is the last of the atoms,
        after the other columns.
    most : int
    """

    keys: int
    response: bool
    most: int

    def __call__(self, parts: Iterable[Part]) -> Grouped | None:
        """The cells of a run of rows, cut anew to chunks of one size."""
        chunks = _recut(map(self._columns, parts))
        first = next(chunks, None)
        return None if first is None else folded(map(self._of, chain([first], chunks)))

    def _columns(self, part: Part) -> list[Array]:
        weights = [np.ones(len(part)) if part.weights is None else part.weights]
        if not self.response:
            return [*part.columns, part.target, *weights]
        known = (part.known.offset, part.known.trials)
        return [*part.columns, part.y, *(one for one in known if one is not None), *weights]

    def _of(self, columns: list[Array]) -> Grouped:
        *held, weights = columns
        keys = len(held) if self.response else self.keys
        even = None if np.all(weights == 1.0) else weights
        return Grouped.of(held[:keys], even, held[keys:], self.most)


def _recut(parts: Iterable[list[Array]]) -> Iterator[list[Array]]:
    """Columns (CHUNK,), and what is left."""
    held: list[list[Array]] = []
    rows = 0
    for part in parts:
        at, size = 0, len(part[0])
        while rows + size - at >= CHUNK:
            step = CHUNK - rows
            held.append([column[at : at + step] for column in part])
            yield [np.concatenate(one) for one in zip(*held, strict=True)]
            held, rows, at = [], 0, at + step
        if at < size:
            held.append([column[at:] for column in part])
            rows += size - at
    if held:
        yield [np.concatenate(one) for one in zip(*held, strict=True)]
