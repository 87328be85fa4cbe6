"""Blocks (X, y) or (X, y, weights) that come again when iterated over, as named columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.data.blocks import read_blocks
from bayesreg.data.columns import default_names
from bayesreg.data.stores.base import Source
from bayesreg.language.errors import BadData

if TYPE_CHECKING:
    from bayesreg.data.blocks import Block, Header
    from bayesreg.data.stores.base import Batches


class Blocks(Source):
    """Rows that a program makes, block by block; a generator makes them once."""

    def __init__(self, blocks: Iterable[Any]) -> None:
        """Read the first block, which says what the columns are called."""
        import pyarrow as pa

        self.owner = blocks
        self.label = "blocks of rows"
        once = iter(blocks)
        self.repeatable = once is not blocks
        self.notes: list[str] = []
        self._reading = read_blocks(once, self.notes)
        first = next(self._reading, None)
        if first is None:
            spent = "; a generator makes its blocks once: make a new one" * (not self.repeatable)
            raise BadData(f"there are no blocks of rows{spent}")
        block, self.header = first
        self._first: tuple[Block, Header] | None = first
        self.own = {"y": self.header.y_name or "y"}
        self.own |= {} if block.weights is None else {"weights": "weights"}
        beside = list(self.own.values())
        self.X_names = self.header.names or default_names(self.header.width)
        taken = set(beside) & set(self.X_names)
        if taken:
            raise BadData(f"the blocks have a column {min(taken)!r} in X and beside it; rename one")
        self.schema = pa.schema([(name, pa.float64()) for name in (*self.X_names, *beside)])

    def batches(self, columns: Sequence[str]) -> Batches:
        """Each block as it is made."""
        import pyarrow as pa

        for block in self._blocks():
            if (block.weights is None) == ("weights" in self.own):
                has = "no weights" if block.weights is None else "weights"
                raise BadData(f"the block from row {block.start} has {has}, unlike the first")
            held = {name: block.column(j) for j, name in enumerate(self.X_names)}
            held[self.own["y"]] = block.y
            if block.weights is not None:
                held["weights"] = block.weights
            arrays = [pa.array(np.ascontiguousarray(held[name], dtype=float)) for name in columns]
            yield pa.RecordBatch.from_arrays(arrays, names=list(columns))

    def _blocks(self) -> Iterator[Block]:
        reading, first, self._first = self._reading, self._first, None
        if first is None:  # a later pass
            reading = read_blocks(self.owner, [], self.header)
        else:
            yield first[0]
        for block, _ in reading:
            yield block
