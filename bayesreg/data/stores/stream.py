"""Stream: the rows of a source as validated numbers, pass after pass."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.data.blocks import Block
from bayesreg.data.columns import text_advice
from bayesreg.data.frames import refuse_no_column
from bayesreg.data.known import NOTHING, Known, unusable
from bayesreg.data.stores.base import Source, folded
from bayesreg.data.stores.numeric import categories, floats
from bayesreg.data.stores.progress import bar
from bayesreg.data.stores.read import Read
from bayesreg.data.stores.recognise import source_of
from bayesreg.language.arguments import Array, did_you_mean
from bayesreg.language.errors import BadArgument, BadData
from bayesreg.language.warned import warn

if TYPE_CHECKING:
    import pyarrow as pa

MISSING = ("refuse", "drop")
Ints = NDArray[np.intp]
Held = dict[str, Array]  # columns by name


@dataclass(frozen=True, eq=False)
class Part:
    """Some rows of a stream.

    Attributes
    ----------
    columns : tuple of p ndarrays (m,)
        The predictors, each as it lies in memory.
    y : ndarray (m,)
    weights : ndarray (m,) or None
    rows : ndarray of int (m,)
        Their numbers among all rows of the source.
    known : Known
        What is known of the rows beside them.
    run : int
        Within which run of rows they are counted; 0 where over the whole source.
    """

    columns: tuple[Array, ...]
    y: Array
    weights: Array | None
    rows: Ints
    known: Known = NOTHING
    run: int = 0

    def __len__(self) -> int:
        return len(self.y)

    @cached_property
    def X(self) -> Array:
        """The predictors (m, p), put together when they are first asked for."""
        out = np.empty((len(self), len(self.columns)), order="F")
        for j, column in enumerate(self.columns):
            out[:, j] = column
        return out

    @property
    def block(self) -> Block:
        """The rows as `Moments` take them in: predictors and y − offset."""
        start = int(self.rows[0])
        all_of_them = self.rows[-1] - start + 1 == len(self)
        kept = None if all_of_them else self.rows - start
        return Block(self.columns, self.target, self.weights, start, kept)

    @property
    def target(self) -> Array:
        """y − offset."""
        offset = self.known.offset
        return self.y if offset is None else np.asarray(self.y - offset)


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


@dataclass(eq=False)
class Stream:
    """The rows of a source as numbers: predictors, response, and what else has a role.

    Attributes
    ----------
    source : Source
    roles : Roles
        Which columns are y, weights and the like.
    names : tuple of str
        The predictors.
    missing : {"refuse", "drop"}
        What happens to a row in which one of the columns used has no value.
    read : Read
        What the passes so far have read.
    notes : list of str
        What must be known of the rows read so far.
    binary : ndarray of bool (p,)
        Which predictors held 0 and 1 alone in the first pass.
    """

    source: Source
    roles: Roles
    names: tuple[str, ...]
    missing: str = "refuse"
    read: Read = field(default_factory=lambda: Read(""))
    notes: list[str] = field(default_factory=list)
    binary: NDArray[np.bool_] = field(default_factory=lambda: np.ones(0, dtype=bool))
    _then: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls, source: Source, roles: Roles, missing: str = "refuse", drop: tuple[str, ...] = ()
    ) -> Stream:
        """Every column that has no role is a predictor, but for those to `drop`.

        Nothing is read but what the store says of itself.

        Raises
        ------
        BadData
            If a column is named that there is not, is no column of numbers, or is known to have
            missing values that are not to be dropped.
        """
        names, taken = source.names, list(roles.said.values())
        refuse_no_column([*taken, *drop], names, source.label)
        twice = next((name for name in taken if taken.count(name) > 1), None)
        if twice is not None:
            raise BadArgument(f"column {twice!r} cannot have two roles: {roles.said}")
        predictors = tuple(name for name in names if name not in {*taken, *drop})
        made = cls(source, roles, predictors, missing, Read(source.label, files=source.files))
        made.binary = np.ones(len(predictors), dtype=bool)
        made._refuse_unread()
        return made

    @property
    def columns(self) -> tuple[str, ...]:
        """What is read of the source: the predictors, then what has a role."""
        return (*self.names, *self.roles.said.values())

    def total[T](self, part: Callable[[Part], T]) -> T:
        """Σ part(block) over all rows, by a fixed tree; one pass.

        Parameters
        ----------
        part : callable
            From rows to whatever has a ``+``. On a cluster it runs where the rows are, and more
            than once where a worker is lost: it may change nothing outside.
        """
        return self.total_of_runs(lambda parts: folded(map(part, parts)))

    def total_of_runs[T](self, of_run: Callable[[Iterable[Part]], T]) -> T:
        """Σ of_run(blocks) over runs of blocks that follow one another, of which there may be one.

        For what must see more than a block: chunks that are cut anew, the smallest of all.

        Parameters
        ----------
        of_run : callable
            As `part` of `total`, from an iterator over blocks; a run may have none.
        """
        with self._pass():
            return self.source.total(self.columns, lambda run: of_run(self._parts(run)))

    def applied[T](self, run: Callable[[Iterable[Block]], T]) -> T:
        """What a map from runs of blocks to sums makes of all rows; one pass."""
        return self.total_of_runs(lambda parts: run(part.block for part in parts))

    def summed[M](self, moments: Callable[..., M], *, aloud: bool = True) -> M:
        """What `Moments.summed` makes of the rows, in as many passes as digits ask for."""
        how = {"repeatable": self.source.repeatable, "warn": aloud}
        found = moments(self.applied, self.names, self.roles.y, **how)
        for note in self.notes if aloud else ():
            warn(note)
        return found

    def blocks(self) -> Iterator[Part]:
        """The rows, validated, in order: a new pass."""
        with self._pass(), closing(self.source.batches(self.columns)) as run:
            yield from self._parts(run)

    @contextmanager
    def _pass(self) -> Iterator[_Tally]:
        """One reading of all rows, told on a terminal; what it counted is compared at its end."""
        if self.read.passes and not self.source.repeatable:
            raise BadArgument(
                f"{self.source.label} can be read once, and this takes another pass; pass what can "
                "be read again: the files themselves, a dataset, or a list of blocks"
            )
        self._refuse_changed()
        begun, tally = time.perf_counter(), _Tally()
        with bar(f"pass {self.read.passes + 1} over {self.source.label}", self.source.rows) as more:
            tally.more = more
            self._tally = tally
            yield tally
        self._refuse_changed()
        self._close(tally, time.perf_counter() - begun)

    def _close(self, tally: _Tally, seconds: float) -> None:
        """Compare the rows of a pass with what the store says and with the pass before."""
        read, said = self.read, self.source.rows
        if said is not None and tally.rows != said:
            raise BadData(
                f"{read.label} has {said} rows by its own count, and {tally.rows} came when it was "
                "read; it changed meanwhile, or its reader was ended early"
            )
        if read.passes and (tally.rows, tally.dropped) != (read.rows, read.dropped):
            raise BadData(
                f"{read.label} gave {read.rows} rows when read first and {tally.rows} in pass "
                f"{read.passes + 1}, {read.dropped} and {tally.dropped} of them with missing values"
            )
        if tally.rows == tally.dropped:
            why = "every row has a missing value" if tally.rows else "there are no rows"
            raise BadData(f"{read.label}: {why}")
        read.rows, read.dropped, read.missing = tally.rows, tally.dropped, tally.missing
        read.passes += 1
        read.seconds += seconds

    def _refuse_changed(self) -> None:
        """Raise if a file of the source has another size or time than when it was opened."""
        then, now = self._then, self.source.fingerprint()
        changed = [name for name in then if now.get(name) != then[name]]
        if changed or then.keys() != now.keys():
            name = (changed or sorted(set(now) ^ set(then)))[0]
            raise BadData(f"{self.source.label} changed since it was opened: {name}; begin again")

    def _refuse_unread(self) -> None:
        """Raise for what the schema and the footers say, before a row is read."""
        self._then = self.source.fingerprint()
        for name in sorted(categories(self.source.schema) & set(self.columns)):
            raise BadData(text_advice(name, self._what(name), name))
        for name in self.columns:  # of no rows: the type alone
            floats(_empty(self.source.schema.field(name).type), name, self._what(name), [])
        nulls = {} if self.roles.weights else self.source.nulls(self.columns)
        if nulls and self.missing == "refuse":
            listed = "; ".join(f"column {name!r}: {where}" for name, where in nulls.items())
            raise BadData(lacking(self.source.label, listed))

    def _what(self, name: str) -> str:
        return "y" if name == self.roles.y else self.source.label

    def _parts(self, run: Iterable[pa.RecordBatch]) -> Iterator[Part]:
        """Batches as validated numbers, those without a row left out."""
        tally = self._tally
        for batch in run:
            if batch.num_rows:
                part = self._part(batch, tally)
                tally.rows += batch.num_rows
                tally.more(batch.num_rows)
                if len(part):
                    yield part

    def _part(self, batch: pa.RecordBatch, tally: _Tally) -> Part:
        notes: list[str] = []
        held = {
            name: floats(batch.column(j), name, self._what(name), notes)
            for j, name in enumerate(self.columns)
        }
        self.notes.extend(note for note in dict.fromkeys(notes) if note not in self.notes)
        rows = tally.rows + np.arange(batch.num_rows, dtype=np.intp)
        held, rows = self._counting(held, rows)
        held, rows = self._complete(held, rows, tally)
        columns = tuple(held[name] for name in self.names)
        if not self.read.passes:
            self._look_for_truths(columns)
        by = {key: held[name] for key, name in self.roles.said.items()}
        return Part(columns, by["y"], by.get("weights"), rows, self._known(by, rows))

    def _counting(self, held: Held, rows: Ints) -> tuple[Held, Ints]:
        """The rows of positive weight."""
        if not self.roles.weights:
            return held, rows
        w = held[self.roles.weights]
        if np.any(w < 0.0):
            k = int(np.flatnonzero(w < 0.0)[0])
            raise BadData(
                f"column {self.roles.weights!r} has the weight {w[k]:g} in "
                f"{self.source.place(int(rows[k]))}; weights are frequencies, of at least 0"
            )
        return (held, rows) if np.all(w) else _kept(held, rows, w != 0.0)

    def _complete(self, held: Held, rows: Ints, tally: _Tally) -> tuple[Held, Ints]:
        """The rows without a missing value; the first is refused, or all are counted."""
        with np.errstate(all="ignore"):  # a sum is finite unless a value is not, or it overflows
            odd = [name for name, values in held.items() if not np.isfinite(values.sum())]
        gone: dict[str, NDArray[np.bool_]] = {}
        for name in odd:
            beyond = np.flatnonzero(np.isinf(held[name]))
            if len(beyond):
                where = self.source.place(int(rows[beyond[0]]))
                raise BadData(f"column {name!r} is infinite in {where}; leave out or mend the row")
            lacks = np.isnan(held[name])
            gone |= {name: lacks} if lacks.any() else {}
        if not gone:
            return held, rows
        if self.missing == "refuse":
            first, name = min(
                (int(np.argmax(lacks)), n) for n, lacks in gone.items() if lacks.any()
            )
            where = f"column {name!r}: {self.source.place(int(rows[first]))}"
            raise BadData(lacking(self.source.label, where))
        for name, lacks in gone.items():
            tally.missing[name] = tally.missing.get(name, 0) + int(lacks.sum())
        left = np.any(list(gone.values()), axis=0)
        tally.dropped += int(left.sum())
        return _kept(held, rows, ~left)

    def _known(self, by: Mapping[str, Array], rows: Ints) -> Known:
        """Offset and trials, of values that are such."""
        for what in ("exposure", "trials"):
            bad = unusable(by[what], what) if what in by else None
            if bad is not None:
                k, why = bad
                where = self.source.place(int(rows[k]))
                raise BadData(f"{what} is {by[what][k]:g} in {where}, and {why}")
        shift = by.get("offset")
        if "exposure" in by:
            size = np.log(by["exposure"])
            shift = size if shift is None else shift + size
        return Known(shift, by.get("trials"))

    def _look_for_truths(self, columns: Sequence[Array]) -> None:
        """Which columns hold 0 and 1 alone, so far."""
        for j in np.flatnonzero(self.binary).tolist():
            x = columns[j]
            self.binary[j] = bool(np.all((x == 0.0) | (x == 1.0)))


@dataclass(eq=False)
class _Tally:
    """What a pass has counted so far."""

    rows: int = 0
    dropped: int = 0
    missing: dict[str, int] = field(default_factory=dict)
    more: Callable[[int], None] = lambda _: None


def _kept(held: Held, rows: Ints, keep: NDArray[np.bool_]) -> tuple[Held, Ints]:
    return {name: values[keep] for name, values in held.items()}, rows[keep]


def lacking(label: str, where: str) -> str:
    """What is missing where, and what to do."""
    return (
        f"{label} has missing values ({where}); mend these rows, or have them left out and counted "
        "(missing='drop', in the shell --missing drop): nothing is dropped silently"
    )


def _empty(kind: pa.DataType) -> pa.Array:
    import pyarrow as pa

    return pa.array([], kind)


def stream_of(X: Any, y: Any, beside: Mapping[str, Any], missing: str = "refuse") -> Stream | None:
    """The rows of a source and the roles of its columns; None where X is in memory.

    Raises
    ------
    BadArgument
        If y or what is beside names no column.
    """
    refuse_unknown_missing(missing)
    source = source_of(X, by_itself=y is None)
    return None if source is None else Stream.of(source, roles_of(source, y, beside), missing)


def refuse_unknown_missing(missing: str) -> None:
    """Raise where `missing` says neither of what may be done."""
    if missing not in MISSING:
        raise BadArgument(
            f"missing must be 'refuse' or 'drop', not {missing!r}{did_you_mean(missing, MISSING)}"
        )


def roles_of(source: Source, y: Any, beside: Mapping[str, Any]) -> Roles:
    """The columns that are y, weights and the like; blocks say themselves what theirs are.

    Raises
    ------
    BadArgument, BadData
        If y is missing, or something is no name, or no name of a column.
    """
    said = {"y": y, **beside}
    said = {k: source.own.get(k) if value is None else value for k, value in said.items()}
    if said["y"] is None:
        raise BadArgument(
            f"y is missing: which column of {source.label} is the response? It has "
            f"{', '.join(map(repr, source.names[:10]))}{', …' * (len(source.names) > 10)}"
        )
    for key, value in said.items():
        if value is not None and not isinstance(value, str):
            raise BadArgument(
                f"{key} must be the name of a column of {source.label}, whose rows are read as "
                f"they come, not a {type(value).__name__}"
            )
    roles = Roles(**{key: value for key, value in said.items() if value is not None})
    refuse_no_column(list(roles.said.values()), source.names, source.label)
    return roles
