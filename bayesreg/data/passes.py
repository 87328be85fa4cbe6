"""Passes over row blocks: a first for sums, a second for a root where conditioning demands it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bayesreg.data.blocks import (
    LARGEST,
    Block,
    Header,
    listed,
    read_blocks,
    refuse_extreme,
    refuse_tiny,
)
from bayesreg.data.columns import default_names, refuse_duplicates
from bayesreg.data.conditioning import WORST_CONDITION, conditioning, loses_digits
from bayesreg.data.projected_columns import ProjectedColumns
from bayesreg.data.rows import check_total
from bayesreg.data.sums import FirstPass, two_sum, unvarying, without
from bayesreg.data.whitening import whitened_root
from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadArgument, BadData

PANEL = 64  # columns that are centred at once
Total = Callable[[Any], Any]  # applies a map (blocks → a sum) to all rows, and adds what it gives


@dataclass(frozen=True, eq=False)
class Gathered:
    """What the passes found: the fields of `Moments` that are numbers."""

    n: float
    rows: int
    mean: Array
    low: Array
    gram: Array | None
    root: Array | None
    columns: ProjectedColumns | None = None  # of a sparse X too wide for products


class Loop:
    """Blocks that are read in this process: `names` are known at once, those of all at the end.

    Calling it with a map applies that to all rows; a second time only if the blocks can be iterated
    over again.
    """

    def __init__(self, blocks: Iterable[Any], notes: list[str]) -> None:
        first = iter(blocks)
        self.repeatable = first is not blocks
        self._blocks, self._first = blocks, read_blocks(first, notes)
        self._read = False
        opened = next(self._first, None)
        if opened is None:
            raise BadData("X has no rows")
        block, self.header = opened
        self._opened: list[Block] = [block]

    def __call__(self, part: Any) -> Any:
        """The sum that a map makes of all rows."""
        reader = read_blocks(self._blocks, [], self.header) if self._read else self._first
        self._read = True
        return part(self._rows(reader))

    def _rows(self, reader: Iterator[tuple[Block, Header]]) -> Iterator[Block]:
        while self._opened:
            yield self._opened.pop()
        for block, self.header in reader:
            yield block
            del block  # so that it can be freed before the next is made

    def named(self, names: Sequence[str] | None, y_name: str | None) -> tuple[tuple[str, ...], str]:
        """What the columns and y are called, by what is known of them."""
        return names_of(names, self.header), y_name or self.header.y_name or "y"


def gather(total: Total, first: FirstPass, *, again: bool, notes: list[str]) -> Gathered:
    """Means, cross-products or root of the rows; `again` if they can be read a second time."""
    sums = total(first)
    if sums.read == 0:
        raise BadData("X has no rows")
    check_total(sums.n, sums.read, notes)
    if sums.total is None:
        n, mean, low, root = _wide(sums.few, first.names)
        return Gathered(n, len(root), mean, low, None, root)
    n, mean, low = sums.total.n, sums.total.mean, sums.total.low
    refuse_tiny(sums.total.peak, first.names)
    found: Array | None = None
    cross = without(unvarying(np.diagonal(sums.total.cross), mean, n), sums.total.cross)
    if loses_digits(cross):
        if again:
            found = whitened_root(total, mean, low, cross, sums.rows)
        elif np.diagonal(cross).all():
            notes.append(_one_shot(*conditioning(cross, exact=True)))
    return Gathered(n, sums.rows, mean, low, cross, found)


def names_of(names: Sequence[str] | None, header: Header) -> tuple[str, ...]:
    """The names asked for, those of the columns, or x1, ..., xp."""
    if names is None:
        found = header.names or default_names(header.width)
        refuse_duplicates(found, "X")
        return found
    found = tuple(map(str, names))
    if len(found) != header.width:
        raise BadArgument(f"names has {len(found)} entries and X has {header.width} columns")
    refuse_duplicates(found, "X")
    if header.names is not None and found != header.names and set(found) == set(header.names):
        raise BadArgument(
            f"names= gives the columns {listed(header.names)} the names of each other; leave it "
            "out, or put the columns in that order"
        )
    return found


def _one_shot(condition: float, residual: float) -> str:
    what = (
        f"the columns are nearly collinear (condition number {condition:.2g} of their correlations)"
        if condition > WORST_CONDITION
        else f"y is nearly a linear function of the columns (1 - R² = {residual:.2g})"
    )
    return (
        f"{what}, so cross-products lose digits, and a generator cannot be read a second time; "
        "pass a list of blocks, or an object that can be iterated over again"
    )


def _wide(blocks: Sequence[Block], names: Sequence[str]) -> tuple[float, Array, Array, Array]:
    """Weight, mean, its rounding and the rows √w·(z − mean), of fewer rows than columns.

    Column after column in memory, as row space works on them; made by panels, so that no second
    copy is held.
    """
    p = len(names) - 1
    _refuse_sizes(blocks, names)
    w = np.concatenate([np.ones(len(b)) if b.weights is None else b.weights for b in blocks])
    n, root = float(w.sum()), np.empty((len(w), p + 1), order="F")
    mean, low = np.empty(p + 1), np.empty(p + 1)
    for j in range(0, p + 1, PANEL):
        part, at = slice(j, j + PANEL), 0
        z = np.empty_like(root[:, part])  # in one order, so that sums are the same to the last bit
        for b in blocks:
            rows = z[at : at + len(b)]
            rows[:, : max(0, p - j)] = b.panel(part)
            if j + PANEL > p:
                rows[:, -1] = b.y
            at += len(b)
        mean[part] = (w @ z) / n
        z -= mean[part]
        low[part] = (w @ z) / n  # the mean of the centred rows is what rounding left in them
        root[:, part] = z - low[part]
    mean, low = two_sum(mean, low)
    if np.any(w != 1):
        root *= np.sqrt(w)[:, None]
    return n, mean, low, root


def _refuse_sizes(blocks: Sequence[Block], names: Sequence[str]) -> None:
    """Raise if a value is missing, or too large or too small for products."""
    largest = np.zeros(len(names))
    for block in blocks:
        peak = np.append(block.peaks(), np.abs(block.y.astype(np.float64)).max())
        if not np.all(peak <= LARGEST):
            rows = slice(0, len(block))
            values = np.empty((len(names), len(block)))
            block.put(rows, None, values)
            refuse_extreme(values.T, names, np.asarray(block.numbers(rows)))
        np.maximum(largest, peak, out=largest)
    refuse_tiny(largest, names)
