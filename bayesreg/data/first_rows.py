"""The first rows of a source that count and lack nothing, wherever they are read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bayesreg.data.seen import absent, mask
from bayesreg.data.stores.numeric import floats

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, eq=False)
class FirstRows:
    """Rows, or None, and among how many they were looked for."""

    table: pa.Table | None
    looked: int

    def __add__(self, other: FirstRows) -> FirstRows:
        """Those of a run, and of one that follows it."""
        import pyarrow as pa

        held = [one.table for one in (self, other) if one.table is not None]
        table = pa.concat_tables(held, promote_options="permissive") if held else None
        return FirstRows(table, self.looked + other.looked)


@dataclass(frozen=True)
class First:
    """A map of runs: at least their first `most` complete rows, if there are so many.

    Attributes
    ----------
    columns : tuple of str
        Which are read, and must not lack a value.
    weights : str
        The column of weights, or "": a row of weight 0 does not count.
    most, within : int
        How many are enough, and among how many they are looked for.
    """

    columns: tuple[str, ...]
    weights: str
    most: int
    within: int

    def __call__(self, run: Iterable[pa.RecordBatch]) -> FirstRows:
        """Of a run, of which no more is read than must be."""
        import pyarrow as pa

        held, rows, looked = [], 0, 0
        for batch in run:
            keep = ~np.any([absent(batch.column(name)) for name in self.columns], axis=0)
            if self.weights:
                keep &= floats(batch.column(self.weights), self.weights, "", []) != 0.0
            kept = batch.filter(mask(keep)).slice(0, self.most)
            held += [pa.Table.from_batches([kept])] if kept.num_rows else []
            rows, looked = rows + kept.num_rows, looked + batch.num_rows
            if rows >= self.most or looked >= self.within:
                break
        table = pa.concat_tables(held, promote_options="permissive") if held else None
        return FirstRows(table, looked)
