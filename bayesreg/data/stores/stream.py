"""Stream: the rows of a source as validated numbers, pass after pass."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.data.blocks import Block
from bayesreg.data.columns import text_advice
from bayesreg.data.frames import refuse_no_column
from bayesreg.data.sampled import SAMPLE, OnTheWay, Sampled
from bayesreg.data.stores.base import More, Run, Source, counted
from bayesreg.data.stores.labels import label_counts
from bayesreg.data.stores.numeric import categories, floats
from bayesreg.data.stores.parts import Part
from bayesreg.data.stores.progress import bar
from bayesreg.data.stores.read import Read
from bayesreg.data.stores.reader import (
    Coder,
    Each,
    OfBlocks,
    Reader,
    Reading,
    Roles,
    Tally,
    lacking,
)
from bayesreg.data.stores.recognise import source_of, source_or_frames
from bayesreg.language.arguments import did_you_mean
from bayesreg.language.errors import BadArgument, BadData
from bayesreg.language.warned import warn

if TYPE_CHECKING:
    import pyarrow as pa

MISSING = ("refuse", "drop")


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
    coder : Coder or None
        What makes predictors and response of the columns that are read; None where they are these.
    labels : tuple or None
        What y is 0 and 1 for, where it holds labels.
    sampled : Sampled or None
        Rows of smallest hash, in order, which the first sum over all rows takes on its way.
    marks : dict of str to int
        As of a `Tally`, of every column of numbers that was read.
    """

    source: Source
    roles: Roles
    names: tuple[str, ...]
    missing: str = "refuse"
    read: Read = field(default_factory=lambda: Read(""))
    notes: list[str] = field(default_factory=list)
    binary: NDArray[np.bool_] = field(default_factory=lambda: np.ones(0, dtype=bool))
    coder: Coder | None = None
    labels: tuple[Any, Any] | None = None
    sampled: Sampled | None = None
    marks: dict[str, int] = field(default_factory=dict)
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
        source.refuse_further()
        names, taken = source.names, list(roles.said.values())
        refuse_no_column([*taken, *drop], names, source.label)
        twice = next((name for name in taken if taken.count(name) > 1), None)
        if twice is not None:
            raise BadArgument(f"column {twice!r} cannot have two roles: {roles.said}")
        predictors = tuple(name for name in names if name not in {*taken, *drop})
        return cls._opened(source, roles, predictors, missing, None)

    @classmethod
    def made(
        cls,
        source: Source,
        roles: Roles,
        coder: Coder,
        missing: str = "refuse",
        then: Mapping[str, Any] | None = None,
    ) -> Stream:
        """Predictors and response are what a coder makes; its columns alone are read.

        `then` is the fingerprint of the source when the coder began to learn of it.

        Raises
        ------
        BadData
            As for `of`.
        """
        found = cls._opened(source, roles, coder.names, missing, coder)
        if then is not None:
            found._then = then
            found._refuse_changed()
        return found

    @classmethod
    def _opened(
        cls, source: Source, roles: Roles, names: tuple[str, ...], missing: str, coder: Coder | None
    ) -> Stream:
        read = Read(source.label, files=source.files)
        binary = np.ones(len(names), dtype=bool)
        found = cls(source, roles, names, missing, read, binary=binary, coder=coder)
        found._refuse_unread()
        return found

    def otherwise[T](self, coder: Coder, of_run: Callable[[Iterator[Part]], T | None]) -> T:
        """Σ of_run over the rows as another coder makes them, without a sample on the way."""
        width = np.ones(len(coder.names), dtype=bool)
        other = replace(self, names=coder.names, coder=coder, binary=width)
        found: T = self._some(other._told(of_run))
        return found

    def _some[T](self, value: T | None) -> T:
        if value is None:
            raise BadData(f"{self.source.label}: all weights are zero, so no row is left")
        return value

    @property
    def reader(self) -> Reader:
        """How its batches become numbers."""
        how = self.missing, self.coder, self.labels
        return Reader(self.source.label, self.names, self.roles, *how)

    @property
    def columns(self) -> tuple[str, ...]:
        """What is read of the source: the predictors, then what has a role."""
        return self.reader.columns

    def total[T](self, part: Callable[[Part], T]) -> T:
        """Σ part(block) over all rows, by a fixed tree; one pass.

        Blocks of a run are of a size that the number of columns fixes, so that the sum has the same
        bits whatever brings the rows, and however many at once.

        Parameters
        ----------
        part : callable
            From rows to whatever has a ``+``. On a cluster it runs where the rows are, and more
            than once where a worker is lost: it pickles, and may change nothing outside.
        """
        return self.total_of_runs(Each(part))

    def total_of_runs[T](self, of_run: Callable[[Iterator[Part]], T | None]) -> T:
        """Σ of_run(blocks) over runs of blocks that follow one another, of which there may be one.

        For what must see more than a block: chunks that are cut anew, the smallest of all.

        Parameters
        ----------
        of_run : callable
            As `part` of `total`, from an iterator over blocks; a run may have none, and then it may
            give None.
        """
        if self.sampled is None:
            both = self._told(OnTheWay(of_run, SAMPLE))
            self.sampled, value = both.sampled.sorted(), both.value
        else:
            value = self._told(of_run)
        found: T = self._some(value)
        return found

    def _told(self, of_run: Callable[[Iterator[Part]], Any]) -> Any:
        """What one pass makes of the rows."""
        reading = Reading(self.reader, of_run, looking=not self.read.passes)
        with self._pass() as found:
            told = self.source.total(self.columns, reading, found.more)
            found.tally = told.tally
        return told.value

    def applied[T](self, run: Callable[[Iterable[Block]], T]) -> T:
        """What a map from runs of blocks to sums makes of all rows; one pass."""
        return self.total_of_runs(OfBlocks(run))

    def summed[M](self, moments: Callable[..., M], *, aloud: bool = True) -> M:
        """What `Moments.summed` makes of the rows, in as many passes as digits ask for."""
        how = {"repeatable": self.source.repeatable, "warn": aloud}
        found = moments(self.applied, self.names, self.roles.y, **how)
        for note in self.notes if aloud else ():
            warn(note)
        return found

    def blocks(self) -> Iterator[Part]:
        """The rows, validated, in order: a new pass."""
        with self._pass() as found, closing(self.source.batches(self.columns)) as batches:
            run = Run(counted(batches, found.more), self.source.place)
            yield from self.reader(run, found.tally)

    @contextmanager
    def _pass(self) -> Iterator[_Pass]:
        """One reading of all rows, told on a terminal; what it counted is compared at its end."""
        if self.read.passes and not self.source.repeatable:
            raise BadArgument(
                f"{self.source.label} can be read once, and this takes another pass; pass what can "
                "be read again: the files themselves, a dataset, or a list of blocks"
            )
        self._refuse_changed()
        begun, steps = time.perf_counter(), self.source.steps(self.columns)
        with bar(f"pass {self.read.passes + 1} over {self.source.label}", *steps) as more:
            found = _Pass(more)
            yield found
        self._refuse_changed()
        self._close(found.tally, time.perf_counter() - begun)

    def _close(self, tally: Tally, seconds: float) -> None:
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
        self._refuse_other_numbers(tally.marks)
        if tally.rows == tally.dropped:
            why = "every row has a missing value" if tally.rows else "there are no rows"
            raise BadData(f"{read.label}: {why}")
        read.rows, read.dropped, read.missing = tally.rows, tally.dropped, tally.missing
        read.passes += 1
        read.seconds += seconds
        read.workers = self.source.workers
        self.notes.extend(note for note in tally.notes if note not in self.notes)
        if tally.binary is not None:
            self.binary = tally.binary

    def _refuse_other_numbers(self, marks: Mapping[str, int]) -> None:
        """Raise where a column has other numbers than when it was read first."""
        for name, mark in marks.items():
            if self.marks.setdefault(name, mark) != mark:
                raise BadData(
                    f"{self.source.label}: column {name!r} has other numbers than when it was read "
                    "first, and sums of several passes would be of different rows; a sample or a "
                    "random number needs a seed, or write the rows to a file and pass that"
                )

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
        self.source.refuse_columns(self.columns)
        numbers = [
            one for one in self.columns if self.coder is None or one not in self.coder.levels
        ]
        for name in numbers:
            if self.coder is not None or name != self.roles.y:  # which may be labels
                self._refuse_no_number(name)
        nulls = {} if self.roles.weights else self.source.nulls(self.columns)
        if nulls and self.missing == "refuse":
            listed = "; ".join(f"column {name!r}: {where}" for name, where in nulls.items())
            raise BadData(lacking(self.source.label, listed))

    def refuse_labels(self) -> None:
        """Raise BadData, before a row is read, where y is no column of numbers."""
        if self.coder is None:
            self._refuse_no_number(self.roles.y)

    def _refuse_no_number(self, name: str) -> None:
        """Raise for a column that is none of numbers, by its type alone."""
        schema = self.source.schema
        if name in categories(schema):
            raise BadData(text_advice(name, self._what(name), name))
        floats(_empty(schema.field(name).type), name, self._what(name), [])

    def labelled(self, labels: tuple[Any, Any]) -> Stream:
        """The same rows, y 0 and 1 for these labels."""
        if self.coder is None:
            return replace(self, labels=labels, sampled=None)
        return replace(self, labels=labels, coder=self.coder.labelled(labels), sampled=None)

    @property
    def plain(self) -> Stream:
        """The same rows, y as it stands in the source; a formula keeps its labels in some order."""
        return replace(self, labels=None, sampled=None)

    def label_counts(self) -> dict[Any, float]:
        """Σw by label of y: a pass over y and the weights alone."""
        return label_counts(self.source, self.roles.y, self.roles.weights)

    def _what(self, name: str) -> str:
        return "y" if name == self.roles.y else self.source.label


@dataclass(eq=False)
class _Pass:
    """A pass that is under way."""

    more: More
    tally: Tally = field(default_factory=Tally)


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
    named = isinstance(y, str)
    source = source_or_frames(X) if named else source_of(X, by_itself=y is None)
    if source is None:
        return None
    source, said = source.joined({"y": y, **beside})
    return Stream.of(source, roles_of(source, said.pop("y"), said), missing)


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
    return named(source, said)


def named(source: Source, said: Mapping[str, Any]) -> Roles:
    """The columns that are y, weights and the like, by their names.

    Raises
    ------
    BadArgument, BadData
        If something is no name, or no name of a column.
    """
    for key, value in said.items():
        if value is not None and not isinstance(value, str):
            raise BadArgument(
                f"{key} must be the name of a column of {source.label}, whose rows are read as "
                f"they come, not a {type(value).__name__}"
            )
    roles = Roles(**{key: value for key, value in said.items() if value is not None})
    refuse_no_column(list(roles.said.values()), source.names, source.label)
    return roles
