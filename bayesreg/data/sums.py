"""Sums over rows: means and centred cross-products, additive, chunk by chunk.

Chan, Golub & LeVeque 1983, The American Statistician 37(3), doi:10.1080/00031305.1983.10483115.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.data.blocks import LARGEST, SMALLEST, Block, positive_rows, refuse_extreme
from bayesreg.data.chunks import Chunk, Recut
from bayesreg.language.arguments import Array

EPS = float(np.finfo(float).eps)
SAFE = SMALLEST**2 * 1e10  # a sum of squares above it holds no product that underflowed


def two_sum(a: Array, b: Array) -> tuple[Array, Array]:
    """The rounded sum and what rounding lost (Knuth, The Art of Computer Programming 2, 4.2.2)."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


def unvarying(squares: Array, mean: Array, n: float) -> NDArray[np.bool_]:
    """Columns whose sd is no more than a few roundings of their mean: constant, for all we know."""
    return np.asarray(np.sqrt(np.maximum(squares, 0.0) / n) <= 8 * EPS * np.abs(mean))


def without(dead: NDArray[np.bool_], cross: Array) -> Array:
    """Cross-products in which the columns `dead` are exactly constant."""
    if cross[dead].any():
        cross = cross.copy()
        cross[dead], cross[:, dead] = 0.0, 0.0
    return cross


@dataclass(frozen=True, eq=False)
class Centred:
    """Weight, mean (p + 1,), what rounding took from it, and centred cross-products, y last.

    `peak` is the largest magnitude of a column whose squares underflow; inf for the others.
    """

    n: float
    mean: Array
    low: Array
    cross: Array
    peak: Array

    def __add__(self, other: Centred) -> Centred:
        """The sums of both sets of rows (Chan's rule); the means to twice the digits."""
        n = self.n + other.n
        delta = (other.mean - self.mean) + (other.low - self.low)
        mean, low = two_sum(self.mean, self.low + delta * (other.n / n))
        cross = self.cross + other.cross
        cross += np.outer(delta * (self.n * other.n / n), delta)
        return Centred(n, mean, low, cross, np.maximum(self.peak, other.peak))


@dataclass(frozen=True, eq=False)
class Sums:
    """What is kept of rows of [X y]: themselves if there are no more than p + 1, else sums.

    Fewer rows than columns are their own best summary. Parts of one data set may be summed anywhere
    and merged by ``+``; the merged means and products depend on where it was cut in their last
    digits only, and a part without rows changes nothing.

    Attributes
    ----------
    names : tuple of str
        The columns, y last.
    read, rows : int
        Rows, and those of positive weight among them.
    few : tuple of Block
        The latter, as long as there are no more than p + 1.
    total : Centred or None
        Their sums, when there are more.
    """

    names: tuple[str, ...]
    read: int = 0
    rows: int = 0
    few: tuple[Block, ...] = ()
    total: Centred | None = None

    @property
    def n(self) -> float:
        """Total weight."""
        if self.total is not None:
            return self.total.n
        return float(sum(len(b) if b.weights is None else b.weights.sum() for b in self.few))

    def __add__(self, other: Sums) -> Sums:
        """The sums of both sets of rows, of the same columns."""
        both = replace(self, read=self.read + other.read, rows=self.rows + other.rows)
        if not self.rows or not other.rows:
            held = self if self.rows else other
            return replace(both, few=held.few, total=held.total)
        if self.total is None and other.total is None:
            few = (*self.few, *other.few)
            if both.rows <= len(self.names):
                return replace(both, few=few)
            return replace(both, few=(), total=centred(few, self.names))
        return replace(both, few=(), total=self._centred() + other._centred())

    def _centred(self) -> Centred:
        return centred(self.few, self.names) if self.total is None else self.total


@dataclass(frozen=True)
class FirstPass:
    """A map: blocks of rows to their `Sums`. Blocks are kept as they are only if not `copy`."""

    names: tuple[str, ...]
    copy: bool = True

    @property
    def zero(self) -> Sums:
        """The sums of no rows."""
        return Sums(self.names)

    def __call__(self, blocks: Iterable[Block]) -> Sums:
        """The sums of all rows that the blocks have."""
        source = _Counted(blocks)
        few: list[Block] = []
        rows = 0
        for block in source:
            rows += len(block)
            if rows > len(self.names):
                few.append(block)
                del block
                total = centred(_then(few, source), self.names)
                return Sums(self.names, source.read, source.rows, total=total)
            if len(block):
                few.append(block.taken(slice(None)) if self.copy else block)
        return Sums(self.names, source.read, rows, tuple(few))


class _Counted:
    """Blocks without their rows of weight zero, one at a time, and how many rows there were."""

    def __init__(self, blocks: Iterable[Block]) -> None:
        self.read = self.rows = 0
        self._rows = self._positive(blocks)

    def __iter__(self) -> Iterator[Block]:
        return self._rows

    def _positive(self, blocks: Iterable[Block]) -> Iterator[Block]:
        for block in blocks:
            self.read += len(block)
            kept = positive_rows(block)
            del block  # so that it can be freed before the next is made
            self.rows += len(kept)
            yield kept
            del kept


def _then(first: list[Block], rest: Iterable[Block]) -> Iterator[Block]:
    while first:
        yield first.pop(0)
    yield from rest


def merged[Part: Any](parts: Iterable[Part]) -> Part:
    """The sum of at least one part, as a binary counter adds: by a tree that their number fixes."""
    stack: list[tuple[int, Part]] = []
    for part in parts:
        level, total = 0, part
        while stack and stack[-1][0] == level:
            level, total = level + 1, stack.pop()[1] + total
        stack.append((level, total))
    total = stack.pop()[1]
    while stack:
        total = stack.pop()[1] + total
    return total


def centred(blocks: Iterable[Block], names: tuple[str, ...]) -> Centred:
    """Sums of rows of positive weight, by chunks.

    Each chunk is taken about the mean of the one before, the first about its own. What that costs
    beside its own mean is m(z̄ₖ − z̄ₖ₋₁)², which over all chunks of m rows is at most four times the
    sum of squares of the whole, wherever the rows begin and however they drift.
    """
    recut = Recut(len(names))

    def sums() -> Iterator[Centred]:
        for chunk in recut(blocks):
            part = _of_chunk(chunk, recut.shift, names)
            recut.shift = part.mean
            yield part

    return merged(sums())


def _of_chunk(chunk: Chunk, shift: Array | None, names: tuple[str, ...]) -> Centred:
    """Sums of a chunk, which is overwritten: one mean and one product, about the shift."""
    z, w = chunk.z, chunk.weights
    n = float(w.sum())
    with np.errstate(all="ignore"):  # overflow and NaN are looked for in the sums
        if shift is None:
            first = (z @ w) / n
            shift = np.where(np.abs(first) < LARGEST, first, 0.0)
            z -= shift[:, None]
        mean = (z @ w) / n
        if chunk.weighted:
            z *= np.sqrt(w)
        cross = z @ z.T
    squares = np.diagonal(cross)
    peak = np.full(len(z), np.inf)
    if not (np.isfinite(mean).all() and squares.max() < LARGEST**2 / 10):
        refuse_extreme(_rows(chunk, shift), names, np.concatenate(chunk.numbers))
    for j in map(int, np.flatnonzero(squares < SAFE)):
        peak[j] = np.abs(_rows(chunk, shift, slice(j, j + 1))).max()
    cross -= (n * mean)[:, None] * mean
    return Centred(n, *two_sum(shift, mean), cross, peak)


def _rows(chunk: Chunk, shift: Array, columns: slice = slice(None)) -> Array:
    """The rows that a chunk was, before they were shifted and weighted."""
    z = chunk.z[columns]
    return np.asarray(
        ((z / np.sqrt(chunk.weights) if chunk.weighted else z) + shift[columns, None]).T
    )
