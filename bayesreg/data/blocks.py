"""Rows read in blocks: float64 chunks of cache size, their means and centred cross-products.

A first pass merges chunks pairwise (Chan, Golub & LeVeque 1983, The American Statistician 37(3),
doi:10.1080/00031305.1983.10483115), all about the mean of the first chunk, so that a large offset
costs no digits. A second pass, where conditioning demands it, is a sequential QR of centred rows
(Demmel, Grigori, Hoemmen & Langou 2012, doi:10.1137/080731992).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.data.columns import read_columns, read_vector, refuse_nonfinite
from bayesreg.errors import BadData

Array = NDArray[np.float64]
CHUNK = 2**16  # numbers in a chunk: 512 KiB, a share of the second-level cache
LARGEST, SMALLEST = 1e150, 1e-150  # beyond these, products of two columns leave float64


@dataclass(frozen=True, eq=False)
class Block:
    """Validated rows: X (m, p) of any real dtype, y (m,), weights (m,) or None, first row number."""

    X: NDArray[Any]
    y: NDArray[Any]
    weights: Array | None
    start: int


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


def check_weights(weights: Array, notes: list[str], start: int = 0) -> None:
    """Refuse weights that cannot be frequencies; note a total that looks normalised."""
    refuse_nonfinite(weights[:, None], ["weights"], "weights", start)
    if np.any(weights < 0):
        row = int(np.flatnonzero(weights < 0)[0])
        raise BadData(
            f"weights must not be negative; weights[{start + row}] is {weights[row]:g} (weights "
            "are frequencies: row i counts weights[i] times)"
        )
    if start == 0:
        check_total(float(weights.sum()), len(weights), notes)


def check_total(total: float, rows: int, notes: list[str]) -> None:
    """Refuse a total weight of 0; note one below half the number of rows."""
    if rows and total == 0:
        raise BadData("all weights are zero, so no row is left")
    if total < rows / 2:
        notes.append(
            f"the weights add up to {total:.6g} over {rows} rows: these look normalised, but "
            "weights are frequencies, and their sum is the sample size; multiply them by n if each "
            "row should count once on average"
        )


def read_blocks(blocks: Iterable[Any], notes: list[str]) -> Iterator[tuple[Block, Any]]:
    """Validate each (X, y) or (X, y, weights); yields it with the column names, where it has any."""
    start, width = 0, None
    for item in blocks:
        if not isinstance(item, tuple | list) or len(item) not in (2, 3):
            raise BadData("each block must be a tuple (X, y) or (X, y, weights)")
        X, names = _read_X(item[0], notes)
        y = item[1]
        if not _plain(y, 1):
            y = read_vector(y, "y", notes)[0]
        if len(y) != len(X):
            raise BadData(f"X has {len(X)} rows and y has {len(y)}; they must have the same length")
        if width is not None and X.shape[1] != width:
            raise BadData(
                f"the block from row {start} has {X.shape[1]} columns; those before have {width}"
            )
        weights = None
        if len(item) == 3 and item[2] is not None:
            weights = read_vector(item[2], "weights", notes)[0]
            if len(weights) != len(X):
                raise BadData(f"X has {len(X)} rows and weights has {len(weights)}")
        width = X.shape[1]
        yield Block(X, y, weights, start), names
        start += len(X)


def _plain(values: object, ndim: int) -> bool:
    """A plain array of a dtype that every chunk converts exactly."""
    return (
        type(values) is np.ndarray
        and values.ndim == ndim
        and values.dtype.kind in "fiub"
        and (values.dtype == np.float64 or values.dtype.itemsize <= 4)
    )


def _read_X(data: Any, notes: list[str]) -> tuple[NDArray[Any], tuple[str, ...] | None]:
    if _plain(data, 2):
        return data, None
    columns = read_columns(data, "X", notes)
    return columns.values, columns.names


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
        self.size = max(CHUNK // max(p, 1), p + 1)
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
        for i in range(0, len(block.X), self.size):
            rows = slice(i, i + self.size)
            w = None if block.weights is None else block.weights[rows]
            with np.errstate(all="ignore"):  # overflow and NaN are looked for in the sums
                sums = self._chunk(block.X[rows], block.y[rows], w, block.start + i)
            while self.stack and self.stack[-1].level == sums.level:
                sums = self.stack.pop().merged(sums)
            self.stack.append(sums)

    def _chunk(self, x: NDArray[Any], y: NDArray[Any], w: Array | None, start: int) -> Sums:
        """Sums of one chunk about the shift: one conversion, one mean, one product."""
        p = x.shape[1]
        if len(self.buffer) < len(x):
            self.buffer = np.empty((len(x), p))
        z = self.buffer[: len(x)]
        np.copyto(z, x)
        v = y.astype(np.float64)
        ones = np.ones(len(x)) if w is None else w
        n = float(ones.sum())
        if self.shift is None:
            first = np.append(ones @ z, ones @ v) / n
            self.shift = np.where(np.isfinite(first), first, 0.0)
        z -= self.shift[:p]
        v -= self.shift[p]
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
        cross -= np.outer(n * mean, mean)
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


def positive_rows(block: Block) -> Block:
    """The block without its rows of weight zero."""
    w = block.weights
    if w is None or np.all(w > 0):
        return block
    keep = w > 0
    return Block(block.X[keep], block.y[keep], w[keep], block.start)


def refuse_extreme(x: NDArray[Any], y: NDArray[Any], names: Sequence[str], start: int) -> None:
    """Raise if a value is NaN, infinite, or so large that its square overflows."""
    values = np.column_stack([x, y]).astype(np.float64)
    refuse_nonfinite(values[:, :-1], names[:-1], "X", start)
    refuse_nonfinite(values[:, -1:], [names[-1]], names[-1], start)
    for j, name in enumerate(names):
        peak = float(np.abs(values[:, j]).max())
        if peak > LARGEST:
            raise BadData(
                f"column {name!r} has values as large as {peak:.3g}, whose products overflow "
                "float64; rescale the column (divide it by a constant)"
            )


def refuse_tiny(peak: Array, names: Sequence[str]) -> None:
    """Raise if a column is not zero but so small that its squares underflow."""
    for j in np.flatnonzero((peak > 0) & (peak < SMALLEST)):
        raise BadData(
            f"column {names[j]!r} has no value larger than {peak[j]:.3g}, and products of such "
            "values underflow float64; rescale the column (multiply it by a constant)"
        )


def centred_rows(block: Block, rows: slice, mean: Array, low: Array) -> Array:
    """√w·([X y] − mean − low) for some rows, the mean being the unrounded sum of its two parts."""
    x, y = block.X[rows], block.y[rows]
    z = np.empty((len(x), x.shape[1] + 1))
    z[:, :-1] = x
    z[:, -1] = y
    z -= mean
    z -= low
    if block.weights is not None:
        z *= np.sqrt(block.weights[rows])[:, None]
    return z


def triangular_root(blocks: Iterable[Block], mean: Array, low: Array) -> tuple[Array, int]:
    """R with R'R the centred cross-products, by QR of chunk after chunk; and the rows seen."""
    width = len(mean)
    size = max(CHUNK // width, 2 * width)
    root, seen = np.empty((0, width)), 0
    for block in map(positive_rows, blocks):
        for i in range(0, len(block.X), size):
            z = centred_rows(block, slice(i, i + size), mean, low)
            root = np.linalg.qr(np.concatenate([root, z]), mode="r")
            seen += len(z)
    return root, seen
