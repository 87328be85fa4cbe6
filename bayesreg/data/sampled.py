"""A sample by hash: rows that are chosen by what they are called, and by nothing else.

Whatever blocks the rows come in, in whatever order, read twice or on several machines, the same
ones are the sample. It is a simple random one of the rows that count, so a row of weight w is as
likely to be in it as any other, and stands in it with its weight.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.language.arguments import Array

if TYPE_CHECKING:
    from bayesreg.data.stores.reader import Part

SAMPLE = 10_000  # rows, unless another number is asked for
Hashes = NDArray[np.uint64]
Ints = NDArray[np.int64]


def hash64(rows: Ints, run: int = 0) -> Hashes:
    """Number `row` of the sequence that SplitMix64 gives for a run; of one run no two are equal.

    Steele, Lea & Flood (2014), "Fast splittable pseudorandom number generators", OOPSLA,
    https://doi.org/10.1145/2660193.2660195.

    Examples
    --------
    >>> [hex(one) for one in hash64(np.array([0, 1])).tolist()]
    ['0xe220a8397b1dcdaf', '0x6e789e6aa1b965f4']
    """
    z = rows.astype(np.uint64)
    z += np.uint64(1)
    z *= np.uint64(0x9E3779B97F4A7C15)
    if run:
        z += hash64(np.array([run]))
    z ^= z >> np.uint64(30)
    z *= np.uint64(0xBF58476D1CE4E5B9)
    z ^= z >> np.uint64(27)
    z *= np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return z


@dataclass(frozen=True, eq=False)
class Sampled:
    """The rows of smallest hash, as many as were asked for.

    Attributes
    ----------
    most, seen : int
        How many are wanted, and of how many rows these are chosen.
    hashes : ndarray of uint64 (k,)
        In increasing order.
    runs, rows : ndarray of int (k,)
        Which they are.
    values : ndarray (k, ·)
        What a `Part` has of them: predictors, y, weights, offset, trials, side by side.
    """

    most: int
    seen: int
    hashes: Hashes
    runs: Ints
    rows: Ints
    values: Array

    def __len__(self) -> int:
        return len(self.rows)

    def __add__(self, other: Sampled) -> Sampled:
        """The smallest of both."""
        seen = self.seen + other.seen
        if not len(self) or not len(other):
            return replace(self if len(self) else other, seen=seen)
        both = Sampled(
            self.most,
            seen,
            np.concatenate([self.hashes, other.hashes]),
            np.concatenate([self.runs, other.runs]),
            np.concatenate([self.rows, other.rows]),
            np.concatenate([self.values, other.values]),
        )
        return both._in(np.lexsort((both.rows, both.runs, both.hashes))[: self.most])

    def sorted(self) -> Sampled:
        """The same in the order in which the rows are read."""
        return self._in(np.lexsort((self.rows, self.runs)))

    def _in(self, order: NDArray[np.intp]) -> Sampled:
        return Sampled(
            self.most, self.seen, self.hashes[order], self.runs[order], self.rows[order],
            self.values[order],
        )  # fmt: skip

    @property
    def labels(self) -> NDArray[Any]:
        """What the rows are called: their numbers, and of several runs ``run:row``."""
        if not self.runs.any():
            return self.rows
        return np.array([f"{run}:{row}" for run, row in zip(self.runs, self.rows, strict=True)])


@dataclass(frozen=True)
class Sampling:
    """A map: a run of parts to its `most` rows of smallest hash."""

    most: int

    def __call__(self, parts: Iterable[Part]) -> Sampled:
        """Of a long run few rows are copied: only those below the largest hash that is held."""
        held = self.zero
        for part in parts:
            bound = held.hashes[-1] if len(held) == self.most else np.uint64(2**64 - 1)
            held += self._of_part(part, bound)
        return held

    @property
    def zero(self) -> Sampled:
        """Of no rows."""
        none = np.zeros(0, dtype=np.int64)
        return Sampled(self.most, 0, none.astype(np.uint64), none, none, np.zeros((0, 0)))

    def _of_part(self, part: Part, bound: np.uint64) -> Sampled:
        hashes = hash64(part.rows, part.run)
        kept = np.flatnonzero(hashes <= bound)
        if len(kept) > self.most:
            kept = kept[np.argpartition(hashes[kept], self.most - 1)[: self.most]]
        kept = kept[np.argsort(hashes[kept])]
        held = (*part.columns, part.y, part.weights, part.known.offset, part.known.trials)
        values = np.array([column[kept] for column in held if column is not None]).T
        runs = np.full(len(kept), part.run)
        return Sampled(self.most, len(part), hashes[kept], runs, part.rows[kept], values)
