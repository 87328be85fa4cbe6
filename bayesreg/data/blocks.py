"""Rows that come in blocks (X, y) or (X, y, weights): read, validated, and refused with advice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.data.columns import read_columns, read_vector, refuse_nonfinite
from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadData

LARGEST, SMALLEST = 1e150, 1e-150  # beyond these, products of two columns leave float64


@dataclass(frozen=True, eq=False)
class Block:
    """Validated rows: X (m, p), y (m,) of any real dtype, weights (m,), number of the first row."""

    X: NDArray[Any]
    y: NDArray[Any]
    weights: Array | None
    start: int


def check_weights(weights: Array, start: int = 0) -> None:
    """Refuse weights that cannot be frequencies; rows are counted from `start`."""
    refuse_nonfinite(weights[:, None], ["weights"], "weights", start)
    if np.any(weights < 0):
        row = int(np.flatnonzero(weights < 0)[0])
        raise BadData(
            f"weights must not be negative; weights[{start + row}] is {weights[row]:g} (weights "
            "are frequencies: row i counts weights[i] times)"
        )


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
    """Validate each (X, y) or (X, y, weights); yields it with its column names, if it has any."""
    start, width = 0, None
    for item in blocks:
        if not isinstance(item, tuple | list) or len(item) not in (2, 3):
            raise BadData("each block must be a tuple (X, y) or (X, y, weights)")
        X, names = _read_columns(item[0], notes)
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
            check_weights(weights, start)
        width = X.shape[1]
        rows = len(X)
        block = Block(X, y, weights, start)
        del item, X, y, weights  # so that a block can be freed before the next is made
        yield block, names
        del block
        start += rows


def _plain(values: object, ndim: int) -> bool:
    """A plain array of a dtype that every chunk converts exactly."""
    return (
        type(values) is np.ndarray
        and values.ndim == ndim
        and values.dtype.kind in "fiub"
        and (values.dtype == np.float64 or values.dtype.itemsize <= 4)
    )


def _read_columns(data: Any, notes: list[str]) -> tuple[NDArray[Any], tuple[str, ...] | None]:
    if _plain(data, 2):
        return data, None
    columns = read_columns(data, "X", notes)
    return columns.values, columns.names


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
    for j in map(int, np.flatnonzero((peak > 0) & (peak < SMALLEST))):
        raise BadData(
            f"column {names[j]!r} has no value larger than {peak[j]:.3g}, and products of such "
            "values underflow float64; rescale the column (multiply it by a constant)"
        )
