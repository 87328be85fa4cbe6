"""What one pass over a source finds for a formula: levels, means, sds, and what is missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.data.coding import materialised, renamed, unlearnt
from bayesreg.data.grammar import Parsed
from bayesreg.data.stores.base import folded
from bayesreg.data.stores.numeric import floats
from bayesreg.data.stores.read import grouped
from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadData

if TYPE_CHECKING:
    import pyarrow as pa

LEVELS = 10_000  # of one column; a factor of more is none


@dataclass(frozen=True, eq=False)
class Spread:
    """Weight, mean (k,) and centred squares (k,) of columns; additive (Chan et al. 1983)."""

    n: float
    mean: Array
    square: Array

    def __add__(self, other: Spread) -> Spread:
        n = self.n + other.n
        if not self.n or not other.n:
            return self if self.n else other
        apart = other.mean - self.mean
        square = self.square + other.square + apart**2 * (self.n * other.n / n)
        return Spread(n, self.mean + apart * (other.n / n), square)


@dataclass(frozen=True, eq=False)
class Seen:
    """What a pass found: the levels of columns, spreads of expressions, and how many rows lack.

    `inner` has, of each expression, the calls that learn of it, and whether a mean and an sd.
    """

    levels: dict[str, frozenset[Any]] = field(default_factory=dict)
    totals: dict[str, Spread] = field(default_factory=dict)
    missing: dict[str, int] = field(default_factory=dict)
    whole: bool = True
    inner: Mapping[str, Mapping[str, tuple[bool, bool]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """As soon as there are too many levels, no more is read."""
        for name, found in self.levels.items():
            _refuse_many(name, len(found))

    def __add__(self, other: Seen) -> Seen:
        """What both have found."""
        levels = {name: self.levels[name] | other.levels[name] for name in self.levels}
        return Seen(
            levels,
            {key: self.totals[key] + other.totals[key] for key in self.totals},
            {n: self.missing.get(n, 0) + count for n, count in other.missing.items()}
            or self.missing,
            self.whole and other.whole,
            self.inner,
        )


def _refuse_many(name: str, count: int) -> None:
    if count > LEVELS:
        raise BadData(
            f"column {name!r} has more than {grouped(LEVELS)} levels; a factor of so many is coded "
            "in the source (rare levels made one), or left out if it numbers the rows"
        )


@dataclass(frozen=True, eq=False)
class Look:
    """A map: batches of columns to what is seen in them.

    Attributes
    ----------
    parsed : Parsed
    counted : tuple of str
        The columns whose levels are looked for.
    inner : mapping
        Expressions whose mean and sd are, as terms, and the columns behind their names.
    calls : mapping
        As `Seen.inner`.
    weights : str
    kinds : mapping of str to str
        Of the columns.
    """

    parsed: Parsed
    counted: tuple[str, ...]
    inner: Mapping[str, tuple[Any, Mapping[str, str]]]
    calls: Mapping[str, Mapping[str, tuple[bool, bool]]]
    weights: str
    kinds: Mapping[str, str]

    def __call__(self, run: Iterable[pa.RecordBatch]) -> Seen:
        """What is seen in all of them; rows of weight 0, and those that lack a value, are not."""
        parts = (self._of(batch) for batch in run if batch.num_rows)
        return folded(chain([self.zero], parts))

    @property
    def zero(self) -> Seen:
        """What is seen in no rows."""
        nothing = Spread(0.0, np.zeros(1), np.zeros(1))
        return Seen(
            {name: frozenset() for name in self.counted},
            dict.fromkeys(self.inner, nothing),
            inner=self.calls,
        )

    def _of(self, batch: pa.RecordBatch) -> Seen:
        import pyarrow.compute as pc

        counts = np.ones(batch.num_rows)
        if self.weights:
            counts = floats(batch.column(self.weights), self.weights, self.weights, [])
            counts = np.where(np.isnan(counts), 1.0, counts)
        gone = {n: absent(batch.column(n)) & (counts > 0.0) for n in batch.schema.names}
        complete = (counts > 0.0) & ~np.any(list(gone.values()), axis=0)
        kept = batch if complete.all() else batch.filter(mask(complete))
        return Seen(
            {n: frozenset(pc.unique(kept.column(n)).to_pylist()) for n in self.counted},
            {key: self._spread(key, kept, counts[complete]) for key in self.inner},
            {n: int(rows.sum()) for n, rows in gone.items()},
            bool(np.all(counts == np.floor(counts))),
            self.calls,
        )

    def _spread(self, key: str, batch: pa.RecordBatch, weights: Array) -> Spread:
        import pandas as pd

        term, tokens = self.inner[key]
        data = pd.DataFrame({n: self._numbers(batch, n) for n in set(tokens.values())})
        if not len(data):
            return Spread(0.0, np.zeros(1), np.zeros(1))
        fresh = unlearnt([term], full_rank=False)
        values = materialised(self.parsed.formula, fresh, renamed(data, tokens))[0]
        n = float(weights.sum())
        mean = weights @ values / n
        return Spread(n, mean, weights @ (values - mean) ** 2)

    def _numbers(self, batch: pa.RecordBatch, name: str) -> Array:
        values = floats(batch.column(name), name, "the source", [])
        return values.astype(np.int64) if self.kinds[name] == "integer" else values


def absent(column: pa.Array) -> Any:
    """Which rows (m,) of a column have no value."""
    import pyarrow.compute as pc

    found = pc.is_null(column, nan_is_null=True)
    return found.to_numpy(zero_copy_only=False).astype(bool)


def mask(keep: Any) -> Any:
    """Rows to keep, as Arrow filters by them."""
    import pyarrow as pa

    return pa.array(keep)
