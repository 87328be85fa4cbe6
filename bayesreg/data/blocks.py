"""Rows that come in blocks (X, y) or (X, y, weights): read, validated, and refused with advice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.data.columns import is_plain, refuse_nonfinite
from bayesreg.data.rows import Rows
from bayesreg.data.sparse import read_any
from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadData

LARGEST, SMALLEST = 1e150, 1e-150  # beyond these, products of two columns leave float64


@dataclass(frozen=True, eq=False)
class Block:
    """Validated rows of finite or missing numbers.

    Attributes
    ----------
    X : ndarray (m, p), or tuple of p ndarrays (m,)
        Of any real dtypes; columns as they lie in memory need not be put together.
    y : ndarray (m,)
    weights : ndarray (m,) or None
    start : int
        Number of the first row, as errors count them.
    kept : ndarray of int (m,) or None
        Positions of the rows among those read, where rows of weight zero were left out.
    """

    X: NDArray[Any] | tuple[NDArray[Any], ...]
    y: NDArray[Any]
    weights: Array | None = None
    start: int = 0
    kept: NDArray[np.intp] | None = None

    def __len__(self) -> int:
        return len(self.y)

    def put(self, rows: slice, shift: Array | None, out: Array) -> None:
        """Write columns (p + 1, k) less their shift, y last, cast on the way."""
        if isinstance(self.X, tuple):
            for column, row in zip(self.X, out[:-1], strict=True):
                row[...] = column[rows]
            if shift is not None:
                out[:-1] -= shift[:-1, None]
        elif shift is None:
            out[:-1] = self.X[rows].T
        else:
            np.subtract(self.X[rows].T, shift[:-1, None], out=out[:-1])
        out[-1] = self.y[rows]
        if shift is not None:
            out[-1] -= shift[-1]

    def numbers(self, rows: slice) -> NDArray[np.intp] | range:
        """The numbers of some rows."""
        if self.kept is None:
            return range(self.start + rows.start, self.start + rows.stop)
        return self.start + self.kept[rows]

    def taken(self, rows: Any) -> Block:
        """Some of the rows, in memory of their own."""
        X = self.X
        return Block(
            X=tuple(column[rows].copy() for column in X)
            if isinstance(X, tuple)
            else X[rows].copy(),
            y=self.y[rows].copy(),
            weights=None if self.weights is None else self.weights[rows].copy(),
            start=self.start,
            kept=self.kept if isinstance(rows, slice) else rows,
        )

    def column(self, j: int) -> NDArray[Any]:
        """One column of X (m,)."""
        return self.X[j] if isinstance(self.X, tuple) else self.X[:, j]

    def panel(self, columns: slice) -> NDArray[Any]:
        """Some columns of X (m, ·)."""
        if isinstance(self.X, tuple):
            return np.array(self.X[columns]).reshape(-1, len(self)).T
        return self.X[:, columns]

    def peaks(self) -> Array:
        """The largest magnitude in each column of X (p,); NaN where one is missing."""
        if isinstance(self.X, tuple):
            return np.array([np.abs(column.astype(np.float64)).max() for column in self.X])
        ends = [end(self.X, axis=0).astype(np.float64) for end in (np.max, np.min)]
        return np.asarray(np.maximum(ends[0], -ends[1]))


def read_blocks(
    blocks: Iterable[Any], notes: list[str], header: Header | None = None
) -> Iterator[tuple[Block, Header]]:
    """Validate each (X, y) or (X, y, weights); yields it with what its columns are called.

    Columns with names are put in the order of the first block that has them, or of `header`.
    """
    start = 0
    for item in blocks:
        if not isinstance(item, tuple | list) or len(item) not in (2, 3):
            raise BadData("each block must be a tuple (X, y) or (X, y, weights)")
        X, names, index = _read_columns(item[0], notes)
        y, y_name, labels = Rows(len(X), index, start=start).read(item[1], "y", notes)
        weights = labels.weights(item[2] if len(item) == 3 else None, notes)
        own = Header(X.shape[1], names, y_name)
        if header is None:
            header = own
        else:
            X, header = header.joined(X, own, start, notes)
        rows = len(X)
        block = Block(X, y, weights, start)
        del item, X, y, weights  # so that a block can be freed before the next is made
        yield block, header
        del block
        start += rows


@dataclass(frozen=True)
class Header:
    """What the blocks call their columns and y: names that a block has must be those of all."""

    width: int
    names: tuple[str, ...] | None
    y_name: str | None

    def joined(
        self, X: NDArray[Any], own: Header, start: int, notes: list[str]
    ) -> tuple[NDArray[Any], Header]:
        """The columns of a further block in this order, and what is known by then."""
        if self.y_name is not None and own.y_name is not None and self.y_name != own.y_name:
            raise BadData(
                f"y of the block from row {start} is called {own.y_name!r}, and {self.y_name!r} "
                "before; give it one name, or pass it as an array"
            )
        if own.width != self.width:
            raise BadData(
                f"the block from row {start} has {own.width} columns; those before have "
                f"{self.width}"
            )
        known = replace(self, names=self.names or own.names, y_name=self.y_name or own.y_name)
        if (self.names is None) != (own.names is None):
            note = (
                "some blocks have column names and some have none; these were taken in the order "
                f"of {listed(known.names or ())}"
            )
            notes.extend([note] if note not in notes else [])
        elif self.names != own.names:
            assert self.names is not None
            assert own.names is not None
            order = positions(self.names, own.names, f"the block from row {start}", "those before")
            X = X[:, order]
        return X, known


def positions(wanted: Sequence[str], given: Sequence[str], what: str, other: str) -> list[int]:
    """Where each wanted column stands among those given; BadData shows what only one side has."""
    have, want = set(given), set(wanted)
    missing = [name for name in wanted if name not in have]
    extra = [name for name in given if name not in want]
    if missing or extra:
        parts = [f"lacks {listed(missing)}"] if missing else []
        parts += [f"has {listed(extra)}, unknown to {other}"] if extra else []
        raise BadData(f"{what} {' and '.join(parts)}; pass the columns {listed(wanted)}")
    where = {name: j for j, name in enumerate(given)}
    return [where[name] for name in wanted]


def listed(names: Sequence[str]) -> str:
    """The first names, and how many there are."""
    shown = ", ".join(repr(name) for name in names[:10])
    return shown + (f", ... ({len(names)} in all)" if len(names) > 10 else "")


def _read_columns(data: Any, notes: list[str]) -> tuple[NDArray[Any], tuple[str, ...] | None, Any]:
    if is_plain(data, 2):
        return data, None, None
    columns = read_any(data, "X", notes)
    return np.asarray(columns.values), columns.names, columns.index


def positive_rows(block: Block) -> Block:
    """The block without its rows of weight zero."""
    w = block.weights
    if w is None or np.all(w > 0):
        return block
    return block.taken(np.flatnonzero(w > 0))


def refuse_extreme(values: Array, names: Sequence[str], numbers: NDArray[np.intp]) -> None:
    """Raise if a value is NaN, infinite, or so large that its square overflows.

    Values are rows (m, p + 1) of [X y] in increasing order of their numbers.
    """
    start = int(numbers[0])
    whole = np.zeros((int(numbers[-1]) - start + 1, len(names)))
    whole[numbers - start] = values
    refuse_nonfinite(whole[:, :-1], names[:-1], "X", start)
    refuse_nonfinite(whole[:, -1:], [names[-1]], names[-1], start)
    for j, name in enumerate(names):
        peak = float(np.abs(whole[:, j]).max())
        if peak > LARGEST:
            raise BadData(
                f"column {name!r} has values as large as {peak:.3g}, whose products overflow "
                "float64; rescale the column (divide it by a constant)"
            )


def refuse_tiny(peak: Array, names: Sequence[str]) -> None:
    """Raise if a column is not zero but so small that its squares underflow."""
    for j in map(int, np.flatnonzero((peak > 0) & (peak < SMALLEST))):
        raise BadData(
            f"column {names[j]!r} has no value larger than {peak[j]:.3g}, and products of such "
            "values underflow float64; rescale the column (multiply it by a constant)"
        )
