"""Reader: how batches become validated numbers, wherever they are read; it changes nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bayesreg.data.blocks import Block
from bayesreg.data.known import Known, unusable
from bayesreg.data.stores.base import Run, folded
from bayesreg.data.stores.labels import coded
from bayesreg.data.stores.numeric import floats
from bayesreg.data.stores.parts import Ints, Part, recut
from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadData

if TYPE_CHECKING:
    import pyarrow as pa

Held = dict[str, Array]  # columns by name
Place = Callable[[int], str]


@dataclass(frozen=True)
class Roles:
    """The columns that are no predictors, by name; "" where there is none."""

    y: str
    weights: str = ""
    offset: str = ""
    exposure: str = ""
    trials: str = ""

    @property
    def said(self) -> dict[str, str]:
        """What is what: argument to column."""
        return {key: name for key, name in vars(self).items() if name}


class Coder(Protocol):
    """What makes predictors and response of other columns, row by row, as a formula does."""

    @property
    def names(self) -> tuple[str, ...]:
        """The predictors that it makes."""

    @property
    def variables(self) -> tuple[str, ...]:
        """The columns that it reads."""

    @property
    def levels(self) -> Mapping[str, Sequence[Any]]:
        """Those of them that are read as places among these levels."""

    @property
    def labels(self) -> tuple[Any, ...] | None:
        """What the numbers of the response stand for, in order; None where for themselves."""

    def labelled(self, labels: tuple[Any, ...]) -> Coder:
        """The same, these labels in this order."""

    def numbers(self, column: pa.Array, name: str, what: str, notes: list[str]) -> Array:
        """A column of a batch (m,) as float64, NaN where it has no value."""

    def coded(
        self, held: Held, place: Callable[[int], str]
    ) -> tuple[tuple[Array, ...], dict[str, Array]]:
        """Predictors, and by role what else it makes of its columns: y, offset, trials.

        `place` says where a row (from 0, of these) is found.
        """


@dataclass(eq=False)
class Tally:
    """What has been counted of rows as they came; it adds up over their parts.

    Attributes
    ----------
    rows, dropped : int
        Rows, and those left out among them because a value is missing.
    missing : dict of str to int
        In how many of them by column.
    notes : list of str
        What must be known of them.
    binary : ndarray of bool (p,) or None
        Which predictors held 0 and 1 alone; None where nobody asks.
    marks : dict of str to int
        By column of numbers the sum of their bits mod 2⁶⁴, which tells whether they are the same
        when they are read again.
    """

    rows: int = 0
    dropped: int = 0
    missing: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    binary: NDArray[np.bool_] | None = None
    marks: dict[str, int] = field(default_factory=dict)

    def __add__(self, other: Tally) -> Tally:
        """That of both sets of rows."""
        names = dict.fromkeys([*self.missing, *other.missing])
        both = None
        if self.binary is not None and other.binary is not None:
            both = self.binary & other.binary
        return Tally(
            self.rows + other.rows,
            self.dropped + other.dropped,
            {name: self.missing.get(name, 0) + other.missing.get(name, 0) for name in names},
            list(dict.fromkeys([*self.notes, *other.notes])),
            both,
            _added_marks(self.marks, other.marks),
        )

    def mark(self, held: Held) -> None:
        """Add these rows to the marks of their columns."""
        bits = {name: int(x.view(np.int64).sum()) for name, x in held.items()}
        self.marks = _added_marks(self.marks, bits)

    def look_for_truths(self, columns: Sequence[Array]) -> None:
        """Which columns hold 0 and 1 alone, so far."""
        if self.binary is None:
            return
        for j in np.flatnonzero(self.binary).tolist():
            x = columns[j]
            self.binary[j] = bool(np.all((x == 0.0) | (x == 1.0)))


@dataclass(frozen=True)
class Reader:
    """How batches become numbers: of any run of rows, here or elsewhere.

    Attributes
    ----------
    label : str
        What the rows are of, for errors.
    names : tuple of str
        The predictors.
    roles : Roles
    missing : {"refuse", "drop"}
    coder : Coder or None
        What makes predictors and response of the columns that are read; None where they are these.
    labels : tuple or None
        What y is 0 and 1 for, where it holds labels.
    """

    label: str
    names: tuple[str, ...]
    roles: Roles
    missing: str = "refuse"
    coder: Coder | None = None
    labels: tuple[Any, Any] | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """What is read: the predictors or what makes them, then what has a role."""
        made = self.names if self.coder is None else self.coder.variables
        return tuple(dict.fromkeys([*made, *self._beside.values()]))

    @property
    def _beside(self) -> dict[str, str]:
        """The roles that are columns of the source: a coder makes its response."""
        said = self.roles.said
        return said if self.coder is None else {k: v for k, v in said.items() if k != "y"}

    def __call__(self, run: Run, tally: Tally) -> Iterator[Part]:
        """The rows of a run, validated and counted, batches without a row left out."""
        for batch in run:
            if batch.num_rows:
                part = self._part(batch, tally, run)
                tally.rows += batch.num_rows
                if len(part):
                    yield part

    def _what(self, name: str) -> str:
        return "y" if name == self.roles.y else self.label

    def _part(self, batch: pa.RecordBatch, tally: Tally, run: Run) -> Part:
        notes: list[str] = []
        numbers = floats if self.coder is None else self.coder.numbers
        held = {
            name: numbers(self._coded(name, batch.column(j)), name, self._what(name), notes)
            for j, name in enumerate(self.columns)
        }
        tally.notes = list(dict.fromkeys([*tally.notes, *notes]))
        tally.mark({name: x for name, x in held.items() if self._plain(name)})
        place = run.place
        rows = run.start + tally.rows + np.arange(batch.num_rows, dtype=np.intp)
        held, rows = self._counting(held, rows, place)
        held, rows = self._complete(held, rows, tally, place)
        columns, by = self._made(held, rows, place)
        tally.look_for_truths(columns)
        known = self._known(by, rows, place)
        return Part(columns, by["y"], by.get("weights"), rows, known, run.number, place)

    def _plain(self, name: str) -> bool:
        """Whether a column is read as the numbers that it has, whoever reads it."""
        if self.coder is not None:
            return name not in self.coder.levels
        return name != self.roles.y or self.labels is None

    def _coded(self, name: str, column: pa.Array) -> pa.Array:
        """The column, labels of y as the 0 and 1 that they stand for."""
        plain = name != self.roles.y or self.labels is None or self.coder is not None
        return column if plain or self.labels is None else coded(column, self.labels)

    def _made(
        self, held: Held, rows: Ints, place: Place
    ) -> tuple[tuple[Array, ...], dict[str, Array]]:
        """Predictors, and what else there is by role, all finite."""
        by = {key: held[name] for key, name in self._beside.items()}
        if self.coder is None:
            return tuple(held[name] for name in self.names), by

        def where(k: int) -> str:
            return place(int(rows[k]))

        columns, made = self.coder.coded(held, where)
        said = {"y": self.roles.y}
        named = list(zip(self.names, columns, strict=True))
        for name, x in [*named, *((said.get(key, key), x) for key, x in made.items())]:
            if not np.isfinite(x).all():
                k = int(np.argmin(np.isfinite(x)))
                raise BadData(
                    f"{name!r} is {x[k]:g} in {where(k)}: the formula makes no number of what "
                    "stands there; mend or leave out the row"
                )
        return columns, by | made

    def _counting(self, held: Held, rows: Ints, place: Place) -> tuple[Held, Ints]:
        """The rows of positive weight."""
        if not self.roles.weights:
            return held, rows
        w = held[self.roles.weights]
        if np.any(w < 0.0):
            k = int(np.flatnonzero(w < 0.0)[0])
            raise BadData(
                f"column {self.roles.weights!r} has the weight {w[k]:g} in "
                f"{place(int(rows[k]))}; weights are frequencies, of at least 0"
            )
        return (held, rows) if np.all(w) else _kept(held, rows, w != 0.0)

    def _complete(self, held: Held, rows: Ints, tally: Tally, place: Place) -> tuple[Held, Ints]:
        """The rows without a missing value; the first is refused, or all are counted."""
        with np.errstate(all="ignore"):  # a sum is finite unless a value is not, or it overflows
            odd = [name for name, values in held.items() if not np.isfinite(values.sum())]
        gone: dict[str, NDArray[np.bool_]] = {}
        for name in odd:
            beyond = np.flatnonzero(np.isinf(held[name]))
            if len(beyond):
                where = place(int(rows[beyond[0]]))
                raise BadData(f"column {name!r} is infinite in {where}; leave out or mend the row")
            lacks = np.isnan(held[name])
            gone |= {name: lacks} if lacks.any() else {}
        if not gone:
            return held, rows
        if self.missing == "refuse":
            first, name = min(
                (int(np.argmax(lacks)), n) for n, lacks in gone.items() if lacks.any()
            )
            where = f"column {name!r}: {place(int(rows[first]))}"
            raise BadData(lacking(self.label, where))
        for name, lacks in gone.items():
            tally.missing[name] = tally.missing.get(name, 0) + int(lacks.sum())
        left = np.any(list(gone.values()), axis=0)
        tally.dropped += int(left.sum())
        return _kept(held, rows, ~left)

    def _known(self, by: Mapping[str, Array], rows: Ints, place: Place) -> Known:
        """Offset and trials, of values that are such."""
        for what in ("exposure", "trials"):
            bad = unusable(by[what], what) if what in by else None
            if bad is not None:
                k, why = bad
                where = place(int(rows[k]))
                raise BadData(f"{what} is {by[what][k]:g} in {where}, and {why}")
        shift = by.get("offset")
        if "exposure" in by:
            size = np.log(by["exposure"])
            shift = size if shift is None else shift + size
        return Known(shift, by.get("trials"))


@dataclass(frozen=True)
class Told[T]:
    """What was counted of some rows, and what was made of them; None of no rows."""

    tally: Tally
    value: T | None

    def __add__(self, other: Told[T]) -> Told[T]:
        """Those of both sets of rows."""
        one, two = self.value, other.value
        both: Any = one if two is None else two if one is None else one + two  # type: ignore[operator]
        return Told(self.tally + other.tally, both)


@dataclass(frozen=True)
class Each[T]:
    """A map of runs by one of blocks of one size: the sum over those of a run, by a fixed tree."""

    part: Callable[[Part], T]

    def __call__(self, blocks: Iterator[Part]) -> T | None:
        """Of the blocks of a run, or None where there is none."""
        first = next(blocks, None)
        return None if first is None else folded(map(self.part, recut(chain([first], blocks))))


@dataclass(frozen=True)
class OfBlocks[T]:
    """A map of runs by one that takes rows in as `Moments` do."""

    part: Callable[[Iterable[Block]], T]

    def __call__(self, rows: Iterator[Part]) -> T:
        """Of the blocks of a run, of which there may be none."""
        return self.part(part.block for part in rows)


@dataclass(frozen=True)
class Reading[T]:
    """A map of runs: what `part` makes of the rows of one, and what was counted of them.

    It pickles where `part` does, changes nothing, and gives the same whenever it is called.
    """

    reader: Reader
    part: Callable[[Iterator[Part]], T | None]
    looking: bool = False

    def __call__(self, run: Run) -> Told[T]:
        """Of a run of batches."""
        width = len(self.reader.names)
        tally = Tally(binary=np.ones(width, dtype=bool) if self.looking else None)
        return Told(tally, self.part(self.reader(run, tally)))


def _added_marks(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    names = dict.fromkeys([*one, *other])
    return {name: (one.get(name, 0) + other.get(name, 0)) % 2**64 for name in names}


def _kept(held: Held, rows: Ints, keep: NDArray[np.bool_]) -> tuple[Held, Ints]:
    return {name: values[keep] for name, values in held.items()}, rows[keep]


def lacking(label: str, where: str) -> str:
    """What is missing where, and what to do."""
    return (
        f"{label} has missing values ({where}); mend these rows, or have them left out and counted "
        "(missing='drop', in the shell --missing drop): nothing is dropped silently"
    )
