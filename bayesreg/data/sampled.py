"""A sample by hash: rows that are chosen by what they are called, and by nothing else.

Whatever blocks the rows come in, in whatever order, read twice or on several machines, the same
ones are the sample. It is a simple random one of the rows that count, so a row of weight w is as
likely to be in it as any other, and stands in it with its weight.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.language.arguments import Array

if TYPE_CHECKING:
    from bayesreg.data.stores.parts import Part

SAMPLE = 10_000  # rows, unless another number is asked for
CACHED = 2**15  # rows that are hashed at once
Hashes = NDArray[np.uint64]
Ints = NDArray[np.intp]


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
        In increasing order, until they are `sorted` by row.
    runs, rows : ndarray of int (k,)
        Which they are.
    values : ndarray (k, ·)
        Predictors, y, and what is `beside`, as columns.
    beside : tuple of str
        Which of weights, offset and trials there are.
    """

    most: int
    seen: int
    hashes: Hashes
    runs: Ints
    rows: Ints
    values: Array
    beside: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)

    def __add__(self, other: Sampled) -> Sampled:
        """The smallest of both."""
        return self.smallest([self, other])

    @classmethod
    def smallest(cls, several: Sequence[Sampled]) -> Sampled:
        """The smallest of all; runs and rows decide between equal hashes."""
        some = [one for one in several if len(one)]
        seen = sum(one.seen for one in several)
        if not some:
            return replace(several[0], seen=seen)
        all_of_them = cls(
            several[0].most,
            seen,
            np.concatenate([one.hashes for one in some]),
            np.concatenate([one.runs for one in some]),
            np.concatenate([one.rows for one in some]),
            np.concatenate([one.values for one in some]),
            some[0].beside,
        )
        return all_of_them._in(
            np.lexsort((all_of_them.rows, all_of_them.runs, all_of_them.hashes))[: several[0].most]
        )

    def first(self, most: int) -> Sampled:
        """As if no more than so many had been asked for."""
        return replace(self._in(np.argsort(self.hashes)[:most]), most=most)

    def sorted(self) -> Sampled:
        """The same in the order in which the rows are read."""
        return self._in(np.lexsort((self.rows, self.runs)))

    def _in(self, order: NDArray[np.intp]) -> Sampled:
        return replace(
            self, hashes=self.hashes[order], runs=self.runs[order], rows=self.rows[order],
            values=self.values[order],
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
        """The smallest of all."""
        chosen = Choosing(self.most)
        for part in parts:
            chosen.see(part)
        return chosen.sampled


class Choosing:
    """The smallest of the parts seen so far: of a long run few rows are copied, and seldom sorted.

    A row is kept if its hash is below a bound, which falls when as many are kept as are wanted.
    """

    def __init__(self, most: int) -> None:
        none = np.zeros(0, dtype=np.intp)
        self.most = most
        self._held = Sampled(most, 0, none.astype(np.uint64), none, none, np.zeros((0, 0)))
        self._kept: list[Sampled] = []
        self._count = 0
        self._bound = np.uint64(2**64 - 1)

    def see(self, part: Part) -> None:
        """Take from a part what may be among the smallest."""
        for at in range(0, len(part), CACHED):
            some = part.taken(slice(at, at + CACHED))
            hashes = hash64(some.rows, some.run)
            kept = np.flatnonzero(hashes <= self._bound)
            self._kept.append(_chosen(self.most, some, hashes, kept))
            self._count += len(kept)
            if self._count > self.most:
                self._settle()

    @property
    def sampled(self) -> Sampled:
        """The smallest of all."""
        self._settle()
        return self._held

    def _settle(self) -> None:
        self._held, self._kept = Sampled.smallest([self._held, *self._kept]), []
        self._count = 0
        if len(self._held) == self.most:
            self._bound = self._held.hashes[-1]


def _chosen(most: int, part: Part, hashes: Hashes, kept: Ints) -> Sampled:
    """Some rows of a part."""
    known = {"weights": part.weights, "offset": part.known.offset, "trials": part.known.trials}
    beside = {name: one for name, one in known.items() if one is not None}
    columns = (*part.columns, part.y, *beside.values())
    values = np.array([column[kept] for column in columns]).T
    runs = np.full(len(kept), part.run)
    rows = part.rows[kept]
    return Sampled(most, len(part), hashes[kept], runs, rows, values, tuple(beside))


@dataclass(frozen=True)
class OnTheWay[T]:
    """A map: what another one makes of a run, and its sample, which the same reading gives."""

    of_run: Callable[[Iterator[Part]], T | None]
    most: int

    def __call__(self, parts: Iterator[Part]) -> WithSample[T]:
        """Both, of one run of parts."""
        chosen = Choosing(self.most)

        def seen() -> Iterator[Part]:
            for part in parts:
                chosen.see(part)
                yield part

        return WithSample(self.of_run(seen()), chosen.sampled)


@dataclass(frozen=True, eq=False)
class WithSample[T]:
    """What was made of rows, None of none, and their sample."""

    value: T | None
    sampled: Sampled

    def __add__(self, other: WithSample[T]) -> WithSample[T]:
        """Those of both sets of rows."""
        one, two = self.value, other.value
        both: Any = one if two is None else two if one is None else one + two  # type: ignore[operator]
        return WithSample(both, self.sampled + other.sampled)
