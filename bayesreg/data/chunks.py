"""Rows re-cut: whatever blocks they come in, they are summed in chunks of one size.

Where a chunk ends depends on the number of columns and on nothing else, so that sums are the same
to the last bit whatever the source and the size of its blocks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayesreg.data.blocks import Block
from bayesreg.language.arguments import Array

CHUNK = 2**18  # numbers in a chunk: 2 MiB, what the caches of one core hold
FEWEST = 2**11  # and rows where p² sums cost as much as they: four to a column, or as many as this


def chunk_rows(width: int) -> int:
    """Rows of a chunk: an odd multiple of 8, lest columns meet in the same lines of the cache."""
    rows = max(CHUNK // width, min(4 * width, FEWEST))
    return rows // 16 * 16 + 8


@dataclass(frozen=True, eq=False)
class Chunk:
    """Rows of [X y] less a shift, as columns in memory: z (p + 1, k), weights (k,) or ones."""

    z: Array
    weights: Array
    weighted: bool
    numbers: list[NDArray[np.intp] | range]  # of the rows, as errors count them


class Recut:
    """A buffer (p + 1, m) that blocks run through; what is subtracted may change between chunks."""

    def __init__(self, width: int, shift: Array | None = None) -> None:
        self.shift = shift
        self.size = chunk_rows(width)
        self.z = np.empty((width, self.size))
        self.weights = np.empty(self.size)

    def __call__(self, blocks: Iterable[Block]) -> Iterator[Chunk]:
        """Chunk after chunk, the last one shorter; a chunk is good until the next is asked for."""
        at, weighted = 0, False
        numbers: list[NDArray[np.intp] | range] = []
        for block in blocks:
            i = 0
            while i < len(block):
                k = min(self.size - at, len(block) - i)
                rows = slice(i, i + k)
                block.put(rows, self.shift, self.z[:, at : at + k])
                self.weights[at : at + k] = 1.0 if block.weights is None else block.weights[rows]
                weighted |= block.weights is not None
                numbers.append(block.numbers(rows))
                at, i = at + k, i + k
                if at == self.size:
                    yield Chunk(self.z, self.weights, weighted, numbers)
                    at, numbers, weighted = 0, [], False
            del block
        if at:
            yield Chunk(self.z[:, :at], self.weights[:at], weighted, numbers)
