"""Sums over rows: means and centred cross-products of chunks of cache size, merged pairwise.

Chan, Golub & LeVeque 1983, The American Statistician 37(3), doi:10.1080/00031305.1983.10483115; all
about the mean of the first chunk, so that a large offset costs no digits.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.data.blocks import (
    LARGEST,
    SMALLEST,
    Block,
    positive_rows,
    refuse_extreme,
    refuse_tiny,
)
from bayesreg.language.arguments import Array

EPS = float(np.finfo(float).eps)
CHUNK = 2**16  # numbers in a chunk: 512 KiB, a share of the second-level cache
LARGE = 2**21  # and where its p² sums cost as much as its rows: up to 16 MiB


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
class Sums:
    """Weight, rows, mean (p+1,) and centred cross-products (p+1, p+1), y last; 2^level chunks."""

    n: float
    rows: int
    mean: Array
    cross: Array
    level: int = 0

    def merged(self, other: Sums) -> Sums:
        """The sums of both sets of rows (Chan's rule)."""
        n = self.n + other.n
        delta = other.mean - self.mean
        cross = self.cross + other.cross
        cross += np.outer(delta * (self.n * other.n / n), delta)
        mean = self.mean + delta * (other.n / n)
        return Sums(n, self.rows + other.rows, mean, cross, max(self.level, other.level) + 1)


@dataclass(eq=False)
class Accumulator:
    """The first pass: rows come in by `add`; `sums` merges what has been seen.

    Rows are kept as they are until there are more than p + 1 of them, because fewer rows than
    columns are their own best summary; after that only sums are kept.
    """

    names: tuple[str, ...]
    copy: bool
    rows: int = 0
    shift: Array | None = None
    pending: list[Block] = field(default_factory=list)
    stack: list[Sums] = field(default_factory=list)

    def __post_init__(self) -> None:
        p = len(self.names) - 1
        self.size = max(CHUNK // max(p, 1), p + 1, min(LARGE // max(p, 1), 4 * (p + 1)))
        self.peak = np.zeros(p + 1)
        self.buffer = np.empty((0, p))

    def add(self, block: Block) -> None:
        """Take in the rows of a block, those of weight zero left out."""
        block = positive_rows(block)
        self.rows += len(block.X)
        if self.rows <= len(self.names):
            if self.copy:
                w = None if block.weights is None else block.weights.copy()
                block = Block(block.X.copy(), block.y.copy(), w, block.start)
            self.pending.append(block)
            return
        for held in [*self.pending, block]:
            self._add_chunks(held)
        self.pending.clear()

    def _add_chunks(self, block: Block) -> None:
        size = -(-len(block.X) // max(1, round(len(block.X) / self.size)))  # of equal chunks
        for i in range(0, len(block.X), size):
            rows = slice(i, i + size)
            w = None if block.weights is None else block.weights[rows]
            with np.errstate(all="ignore"):  # overflow and NaN are looked for in the sums
                sums = self._chunk(block.X[rows], block.y[rows], w, block.start + i)
            while self.stack and self.stack[-1].level == sums.level:
                sums = self.stack.pop().merged(sums)
            self.stack.append(sums)

    def _chunk(self, x: NDArray[Any], y: NDArray[Any], w: Array | None, start: int) -> Sums:
        """Sums of one chunk about the shift: one subtraction, one mean, one product."""
        p = x.shape[1]
        if len(self.buffer) < len(x):
            self.buffer = np.empty((len(x), p))
        z = self.buffer[: len(x)]
        ones = np.ones(len(x)) if w is None else w
        n = float(ones.sum())
        if self.shift is None:
            first = np.append(ones @ x, ones @ y) / n
            self.shift = np.where(np.abs(first) < LARGEST, first, 0.0)
        np.subtract(x, self.shift[:p], out=z)
        v = y - self.shift[p]
        mean = np.append(ones @ z, ones @ v) / n
        if w is not None:
            root = np.sqrt(w)
            z *= root[:, None]
            v *= root
        cross = np.empty((p + 1, p + 1))
        np.matmul(z.T, z, out=cross[:p, :p])
        cross[:p, p] = cross[p, :p] = v @ z
        cross[p, p] = v @ v
        squares = np.diagonal(cross)
        if not (np.isfinite(mean).all() and squares.max() < LARGEST**2 / 10):
            refuse_extreme(x, y, self.names, start)
        if squares.min() < SMALLEST**2 * 1e10:
            self._note_tiny(x, y, squares)
        else:
            self.peak[:] = np.inf
        cross -= (n * mean)[:, None] * mean
        return Sums(n, len(x), mean, cross)

    def _note_tiny(self, x: NDArray[Any], y: NDArray[Any], squares: Array) -> None:
        """Largest magnitude so far of the columns whose squares underflow; inf for the others."""
        p = x.shape[1]
        for j in range(p + 1):
            if squares[j] < SMALLEST**2 * 1e10:
                column = np.asarray(x[:, j] if j < p else y, dtype=np.float64)
                self.peak[j] = max(self.peak[j], float(np.abs(column).max()))
            else:
                self.peak[j] = np.inf

    def sums(self) -> tuple[Sums, Array]:
        """Everything merged, and the shift about which its mean is."""
        assert self.shift is not None
        total = self.stack[-1]
        for part in reversed(self.stack[:-1]):
            total = part.merged(total)
        refuse_tiny(self.peak, self.names)
        return total, self.shift
