"""Streamed: a design whose rows stay where they are, and come by in blocks, pass after pass."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.data.design import Design, finished
from bayesreg.data.layout import Layout
from bayesreg.data.moments import Moments
from bayesreg.data.sampled import SAMPLE, Sampled, Sampling
from bayesreg.data.stores.base import Source
from bayesreg.data.stores.gone import Gone
from bayesreg.data.stores.parts import Part
from bayesreg.data.stores.read import Read, grouped
from bayesreg.data.stores.reader import Roles
from bayesreg.data.stores.stream import Stream
from bayesreg.data.terms import Term
from bayesreg.language.arguments import Array, integer
from bayesreg.language.errors import NotSupported
from bayesreg.language.text import few, shown

if TYPE_CHECKING:
    import pyarrow as pa


LOOKED, DIFFERENT = 2**15, 0.9  # rows by which it is judged whether rows repeat, and that share


@dataclass(frozen=True)
class Seen:
    """What is known of a response in passes: sums that may be added.

    Attributes
    ----------
    n, y, trials : float
        Σw, Σwy and Σwm, m the trials of a row or 1.
    sides : frozenset of float
        Where −log p stays bounded, over all rows: as η → ∞ (+1) or −∞ (−1), or nowhere (0).
    """

    n: float
    y: float
    trials: float
    sides: frozenset[float]

    def __add__(self, other: Seen) -> Seen:
        sums = self.n + other.n, self.y + other.y, self.trials + other.trials
        return Seen(*sums, self.sides | other.sides)

    @property
    def as_row(self) -> tuple[Array, Array, dict[str, Array]]:
        """y, weights and what is known beside them of one row with the same sums."""
        mean, trials = self.y / self.n, self.trials / self.n
        return np.array([mean]), np.array([self.n]), {"trials": np.array([trials])}


# Of a stream: what y is like, the labels that are to be coded, and those that are said.
Look = tuple[Seen, tuple[Any, Any] | None, tuple[Any, ...] | None]


@dataclass(frozen=True, eq=False)
class Streamed(Layout):
    """Named columns and a response whose rows are read in passes, and are never all in memory.

    Attributes
    ----------
    stream : Stream
        The rows, and which columns they have.
    terms, spec, intercept, named, classes
        As of a `Design`.
    seen : Seen or None
        What is known of y, where a likelihood has looked at it.
    optima : dict
        What passes have brought back of optima, by where these are.
    latest : dict
        Where the last search over the rows ended, by what it was measured in.
    """

    stream: Stream
    terms: tuple[Term, ...]
    truths: tuple[str, ...] = ()
    spec: Any = None
    intercept: bool | None = None
    named: bool = True
    classes: tuple[Any, ...] | None = None
    seen: Seen | None = None
    optima: dict[bytes, Any] = field(default_factory=dict)
    latest: dict[bytes, Any] = field(default_factory=dict)
    _samples: dict[int, Design] = field(default_factory=dict)
    _grouped: list[Design] = field(default_factory=list)
    _read_as: dict[Any, Streamed] = field(default_factory=dict)
    _many: list[str] = field(default_factory=list)

    @classmethod
    def of(
        cls, source: Source, roles: Roles, missing: str = "refuse", drop: tuple[str, ...] = ()
    ) -> Streamed:
        """Every column that has no role is a predictor: see `Stream.of`."""
        stream = Stream.of(source, roles, missing, drop)
        terms = tuple(Term(name, (j,)) for j, name in enumerate(stream.names))
        return cls(stream, terms, tuple(n for n in stream.names if _is_truth(source.schema, n)))

    @classmethod
    def of_formula(
        cls,
        formula: str,
        source: Source,
        roles: Roles,
        missing: str = "refuse",
        levels: Mapping[str, Sequence[Any]] | None = None,
        flat_terms: Collection[str] = frozenset(),
        *,
        labels: bool = False,
    ) -> Streamed:
        """The columns of a formula, learnt in one pass over what needs it: see `learning.learn`.

        With `labels` a response that is a column is one of labels, which a pass over it learns.
        """
        from bayesreg.data.formula import own_response, refuse_twice
        from bayesreg.data.grammar import parse
        from bayesreg.data.learning import learn

        parsed = parse(formula, source.names)
        said = roles.said
        refuse_twice(parsed, {key: said.get(key) for key in ("offset", "exposure", "trials")})
        roles = replace(roles, y=parsed.term_name(parsed.left))
        then, begun = source.fingerprint(), time.perf_counter()
        rows, terms = learn(parsed, source, roles, missing, levels or {}, flat_terms, labels)
        intercept = any(term.degree == 0 for term in parsed.right)
        stream = Stream.made(source, roles, rows, missing, then)
        stream.notes.extend(own_response(parsed))
        stream.read.learning, stream.read.seconds = rows.passes, time.perf_counter() - begun
        return cls(stream, terms, spec=rows.spec, intercept=intercept)

    def __repr__(self) -> str:
        return (
            f"Streamed: {shown(self.read.label)}, {self.p} columns ({few(self.names)}), response "
            f"{shown(self.y_name)!r}\n  .moments, .blocks(), .total(), .read, .names, .terms"
        )

    @property
    def names(self) -> tuple[str, ...]:  # type: ignore[override]
        """The columns."""
        return self.stream.names

    @property
    def y_name(self) -> str:  # type: ignore[override]
        """What the response is called."""
        return self.stream.roles.y

    @property
    def p(self) -> int:
        """Number of columns."""
        return len(self.names)

    @property
    def shifted(self) -> bool:
        """Whether a part of η was known, so that new rows need theirs."""
        made = getattr(self.spec, "offset", None) is not None
        return made or bool(self.stream.roles.offset or self.stream.roles.exposure)

    @property
    def read(self) -> Read:
        """What the passes so far have read."""
        return self.stream.read

    @property
    def beside(self) -> dict[str, str]:  # type: ignore[override]
        """The columns of what is known of rows, by what it is."""
        words = ("offset", "exposure", "trials")
        said = self.stream.roles.said
        return {word: name for word, name in said.items() if word in words}

    @property
    def origin(self) -> str:  # type: ignore[override]
        """What has been read, in words."""
        return self.read.counted

    @property
    def apart(self) -> str:
        """Why the rows are not at hand, in words."""
        return f"those of {shown(self.read.label)} are read in passes, never all into memory"

    @property
    def again(self) -> bool:
        """Whether a pass over the rows is possible."""
        source = self.stream.source
        return (source.repeatable or not self.read.passes) and not isinstance(source, Gone)

    @property
    def has_sample(self) -> bool:
        """Whether a sample of them is at hand, or can be had."""
        return self.again or self.stream.sampled is not None

    @property
    def notes(self) -> tuple[str, ...]:
        """What must be known of the rows read so far."""
        return tuple(self.stream.notes)

    def place(self, row: int, run: int = 0) -> str:
        """Where a row is found: over the whole source, or where it is counted within its run."""
        return self.stream.source.place(row) if not run else f"row {row} (from 0) of run {run}"

    def numbers(self, column: int) -> Array:
        """0 and 1 where a column held nothing else in the first pass; else NaN."""
        return np.array([0.0, 1.0]) if self.stream.binary[column] else np.array([np.nan])

    @cached_property
    def moments(self) -> Moments:
        """All that a Gaussian likelihood needs: one pass, and a second where digits ask for it."""
        from bayesreg.data.cell_moments import by_cells

        found = by_cells(self.stream, self.terms)
        return self.stream.summed(Moments.summed) if found is None else found

    def read_as(self, key: Any, look: Callable[[Stream], Look]) -> Streamed:
        """The rows with y read as a likelihood does, looked at once for each `key`.

        Parameters
        ----------
        key : hashable
            What of a likelihood says how y is read.
        look : callable
            Σw and the like of a stream, and the two labels of its y if these are to be coded.
        """
        held = self._read_as.get(key)
        if held is None:
            plain = self.of_numbers
            seen, labels, classes = look(plain.stream)
            stream = plain.stream
            if labels is not None:
                stream = stream.labelled(labels)
            held = replace(plain, stream=stream, classes=classes, seen=seen, **_fresh())
            if labels is None and "moments" in plain.__dict__:
                held.__dict__["moments"] = plain.moments
            self._read_as[key] = held._read_as[key] = held
        return held

    @property
    def of_numbers(self) -> Streamed:
        """The same, y as it stands in the source."""
        if self.stream.labels is None:
            return self
        stream = self.stream.plain
        return replace(self, stream=stream, classes=None, seen=None, **_fresh())

    @property
    def gone(self) -> bool:
        """Whether its rows were read before a result was saved, and are elsewhere."""
        return isinstance(self.stream.source, Gone)

    def having(self, moments: Moments) -> Streamed:
        """The same, its moments known."""
        found = replace(self)
        found.__dict__["moments"] = moments
        return found

    def total[T](self, part: Callable[[Part], T]) -> T:
        """Σ part(block) over all rows: see `Stream.total`."""
        return self.stream.total(part)

    def total_of_runs[T](self, of_run: Callable[[Iterator[Part]], T | None]) -> T:
        """Σ of_run(blocks) over runs of blocks: see `Stream.total_of_runs`."""
        return self.stream.total_of_runs(of_run)

    def blocks(self) -> Iterator[Part]:
        """The rows, validated, in order: a new pass."""
        return self.stream.blocks()

    def sample(self, rows: int = SAMPLE) -> Design:
        """Some of the rows in memory; the first pass takes them on its way, and more take a pass.

        They are those of smallest hash of their numbers: the same whatever the blocks, their order,
        or how often a part is read again, and a simple random sample, in the order of the source. A
        row of weight w is one row and keeps its weight, so that a total is estimated by
        ``seen/rows · Σ w·value``.

        Parameters
        ----------
        rows : int, default 10 000
            How many; all, if there are no more, and no more than were kept of a source that cannot
            be read again.

        Returns
        -------
        Design
            Its labels are the numbers of the rows over the whole source.

        Raises
        ------
        BadArgument
            If `rows` is not positive, or the source can be read once and was.

        Examples
        --------
        >>> import pyarrow as pa
        >>> from bayesreg.data.stores.arrow import ArrowStream
        >>> table = pa.table({"x": [0.5 * k for k in range(1000)], "y": [1.0] * 1000})
        >>> stream = Streamed.of(ArrowStream(table), Roles("y"))
        >>> design = stream.sample(3)
        >>> design.index, design.X.ravel(), design.origin
        (array([...]), array([...]), '3 of 1 000 rows of a Table')
        """
        most = integer(rows, "rows")
        if most not in self._samples:
            held = self.stream.sampled
            enough = held is not None and (most <= held.most or len(held) < held.most)
            if held is not None and (enough or not self.again):
                found = held.first(most)
            else:
                found = self.total_of_runs(Sampling(most))
            self._samples[most] = self._in_memory(found.sorted())
        return self._samples[most]

    def grouped(self, why: str) -> Design:
        """The different rows in memory, each with how often it is there for its weight.

        Frequencies are what weights are, so that a likelihood of these rows is that of all of them
        to its last constant. One pass, once.

        Parameters
        ----------
        why : str
            Who needs them, for the error.

        Raises
        ------
        NotSupported
            If there are too many, as where a column has a value of its own in every row.
        """
        from bayesreg.data.different import different_rows

        if not self._grouped:
            rows = different_rows(self.stream, why)
            self._grouped.append(
                finished(self._design(**rows, origin=self.origin), list(self.notes))
            )
        return self._grouped[0]

    def _hardly_repeats(self) -> bool:
        """Whether nine in ten of the first rows differ, so that grouping all would be dear."""
        source = self.stream.source
        if not source.repeatable or (source.rows or LOOKED) < LOOKED:
            return False
        mix, seen, rows = np.random.default_rng(0).standard_normal(self.p + 1), [], 0
        blocks: Any = self.stream.blocks()
        with closing(blocks):  # ended early, it counts as no pass
            for part in blocks:
                seen.append(part.X @ mix[:-1] + mix[-1] * part.y)
                rows += len(part)
                if rows >= LOOKED:
                    return len(np.unique(np.concatenate(seen))) > DIFFERENT * rows
        return False

    def repeating(self, why: str) -> Design | None:
        """The different rows, as of `grouped`; None where there are too many of them."""
        if self._many or self._hardly_repeats():
            return None
        try:
            return self.grouped(why)
        except NotSupported as error:
            self._many.append(str(error))
            return None

    def _in_memory(self, found: Sampled) -> Design:
        """The rows of a sample as a design of the same columns."""
        p = self.p
        known: dict[str, Any] = dict(zip(found.beside, found.values.T[p + 1 :], strict=True))
        count = f"{grouped(len(found))} of {grouped(found.seen)} rows"
        return self._design(
            X=found.values[:, :p], y=found.values[:, p], weights=known.get("weights"),
            offset=known.get("offset"), trials=known.get("trials"), index=found.labels,
            labelled=True, origin=f"{count} of {self.read.label}",
            sampled_of=found.seen if len(found) < found.seen else 0,
        )  # fmt: skip

    def _design(self, **rows: Any) -> Design:
        """Rows in memory as a design of the same columns."""
        return Design(
            names=self.names, y_name=self.y_name, terms=self.terms, spec=self.spec,
            intercept=self.intercept, named=self.named, classes=self.classes, truths=self.truths,
            beside=self.beside, **rows,
        )  # fmt: skip


def _fresh() -> dict[str, Any]:
    """What is remembered of y, of another one: nothing."""
    return {"_samples": {}, "_read_as": {}, "_grouped": [], "optima": {}, "latest": {}}


def _is_truth(schema: pa.Schema, name: str) -> bool:
    import pyarrow.types as of

    return bool(of.is_boolean(schema.field(name).type))
