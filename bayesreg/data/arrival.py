"""What a door was given: a small source is read as a table, a large one becomes a stream."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bayesreg.data.columns import as_narwhals
from bayesreg.data.design import Design
from bayesreg.data.moments import Moments
from bayesreg.data.stores.base import Source
from bayesreg.data.stores.read import Read
from bayesreg.data.stores.reader import lacking
from bayesreg.data.stores.recognise import source_of, source_or_frames
from bayesreg.data.stores.stream import refuse_unknown_missing, roles_of
from bayesreg.data.streamed import Streamed
from bayesreg.language.errors import BadArgument, BadData, NotSupported

if TYPE_CHECKING:
    import pyarrow as pa

    from bayesreg.data.stores.base import Batches

# Rows × columns up to which a source is read into memory, 128 MiB of it: there every likelihood,
# engine and diagnosis is at hand. The same on every machine, so that the route is.
SMALL = 2**24


Held = Design | Moments | Streamed  # what a model can be conditioned on as it is


class Arrival(NamedTuple):
    """X, y and what is beside them by argument; and what was read to have them, in words."""

    X: Any
    y: Any
    beside: dict[str, Any]
    origin: str = ""


def arrive(X: Any, y: Any, beside: Mapping[str, Any], missing: str = "refuse") -> Arrival:
    """Turn a source into a table or a stream, and leave everything else as it is.

    Parameters
    ----------
    X, y : object
        As given to `Model.condition`; of a source y names a column, and so does what is beside,
        unless it is made of blocks (X, y, weights), which have their own.
    beside : mapping of str to object
        Weights, offset, exposure and trials.
    missing : {"refuse", "drop"}
        Whether a row in which a column that is used has no value is an error, or left out.

    Raises
    ------
    BadArgument
        If y or what is beside names no column of a source.
    BadData
        If a source has missing values that are not to be dropped, or cannot be read.
    """
    refuse_unknown_missing(missing)
    if isinstance(X, Held):
        return Arrival(X, y, dict(beside))
    named = isinstance(y, str)
    source = source_or_frames(X) if named else source_of(X, by_itself=y is None)
    if source is None:
        return _complete(X, y, beside) if missing == "drop" else Arrival(X, y, dict(beside))
    source, said = source.joined({"y": y, **beside})
    roles = roles_of(source, said.pop("y"), said)
    source.refuse_further()
    table, source = small(source)
    if table is None:
        return Arrival(Streamed.of(source, roles, missing), None, dict.fromkeys(beside))
    table, read = told(table, source, missing, source.names, roles.weights)
    return Arrival(table, roles.y, {key: vars(roles)[key] or None for key in beside}, read.counted)


def framed(frame: Any) -> Any:
    """A source as a table of all its columns; a frame as it is.

    Raises
    ------
    NotSupported
        If the source is too large to be read into memory.
    """
    source = source_of(frame)
    if source is None:
        return frame
    table, _ = small(source)
    if table is None:
        raise NotSupported(
            f"{source.label} has more rows than are read into memory, as scikit-learn's estimators "
            "need them; br.Model(prior).condition_formula(formula, source) reads them in passes"
        )
    return table


def small(source: Source, columns: Sequence[str] | None = None) -> tuple[pa.Table | None, Source]:
    """Some or all columns as a table, if at most `SMALL` numbers; and the source, whole yet.

    One that does not know its rows is read until it is known to be larger.
    """
    columns = source.names if columns is None else columns
    width = max(len(columns), 1)
    if not is_small(source, columns):
        return None, source
    if not source.names:
        raise BadData(f"{source.label} has no columns")
    run = source.batches(columns)
    held, rows = [], 0
    for batch in run:
        held.append(batch)
        rows += batch.num_rows
        if rows * width > SMALL:
            if not source.repeatable:
                return None, _Begun(source, held, run)
            run.close()
            return None, source
    return _table(source, held, columns), source


def is_small(source: Source, columns: Sequence[str] | None = None) -> bool:
    """Whether it may be: its rows can be had here, and by its own count there are not too many."""
    width = max(len(source.names if columns is None else columns), 1)
    return source.held and (source.rows is None or source.rows * width <= SMALL)


def _table(source: Source, batches: Sequence[Any], columns: Sequence[str]) -> pa.Table:
    import pyarrow as pa

    kept = [source.schema.field(name) for name in columns]
    empty = pa.schema(kept, source.schema.metadata).empty_table()
    tables = [pa.Table.from_batches([batch]) for batch in batches]
    try:
        whole = pa.concat_tables([empty, *tables], promote_options="permissive")
    except pa.ArrowException as error:
        raise BadData(f"the columns of {source.label} change their types: {error}") from None
    return whole.unify_dictionaries().replace_schema_metadata(source.schema.metadata)


class _Begun(Source):
    """A source that can be read once, and of which the first batches are read already."""

    def __init__(self, source: Source, held: list[Any], rest: Iterator[Any]) -> None:
        self.label, self.schema, self.repeatable = source.label, source.schema, False
        self._run = chain(held, rest)

    def batches(self, columns: Sequence[str]) -> Batches:
        """What was held, and the rest."""
        for batch in self._run:
            yield batch.select(columns)


def told(
    table: pa.Table, source: Source, missing: str, used: Sequence[str], weights: str
) -> tuple[pa.Table, Read]:
    """The table without rows that have no value in a column used, and what was read."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.types as of

    begun = time.perf_counter()
    read = Read(source.label, table.num_rows, source.files, 1)
    if source.rows is not None and source.rows != table.num_rows:
        raise BadData(
            f"{source.label} has {source.rows} rows by its own count, and {table.num_rows} came "
            "when it was read; it changed meanwhile, or its reader was ended early"
        )
    if not table.num_rows:
        once = "; what is read once has none left when it has been" * (not source.repeatable)
        raise BadData(f"{source.label}: there are no rows{once}")
    left = np.zeros(table.num_rows, dtype=bool)
    counting = np.ones(table.num_rows, dtype=bool)
    if weights and of.is_primitive(table[weights].type):  # else they are refused as what they are
        none = pc.equal(table[weights], pa.scalar(0, table[weights].type))
        counting = ~none.fill_null(False).to_numpy().astype(bool)
    for name in used:
        gone = pc.is_null(table[name], nan_is_null=True).to_numpy().astype(bool) & counting
        if table[name].type in (pa.float32(), pa.float64()):
            _refuse_infinite(table[name], name, counting, source)
        if not gone.any():
            continue
        if missing == "refuse":
            where = source.place(int(np.flatnonzero(gone)[0]))
            raise BadData(lacking(source.label, f"column {name!r}: {where}"))
        read.missing[name] = int(gone.sum())
        left |= gone
    read.dropped = int(left.sum())
    if read.dropped == table.num_rows:
        raise BadData(f"{source.label}: every row has a missing value")
    table = table.filter(pa.array(~left)) if read.dropped else table
    read.seconds = time.perf_counter() - begun
    return table, read


def _refuse_infinite(column: Any, name: str, counting: Any, source: Source) -> None:
    """Raise BadData for the first infinite value of a row that counts, with its place."""
    import pyarrow.compute as pc

    beyond = pc.is_inf(column).fill_null(False).to_numpy().astype(bool) & counting
    if beyond.any():
        where = source.place(int(np.argmax(beyond)))
        raise BadData(f"column {name!r} is infinite in {where}; leave out or mend the row")


def _complete(X: Any, y: Any, beside: Mapping[str, Any]) -> Arrival:
    """The rows of a frame in memory that lack nothing; y and the like are columns of it."""
    native = as_narwhals(X)
    others = {"y": y, **beside}
    other = next((k for k, v in others.items() if v is not None and not isinstance(v, str)), None)
    if type(native).__name__ != "DataFrame" or other is not None:
        raise BadArgument(
            "missing='drop' is for a data frame or a source whose columns are named, y and weights "
            "among them: pass condition(frame, 'price', weights='w', missing='drop'), or drop the "
            "rows of your arrays yourself"
        )
    kept, read = complete(X, [str(name) for name in native.columns])
    return Arrival(kept, y, dict(beside), read.counted if read.dropped else "")


def complete(frame: Any, used: Sequence[str]) -> tuple[Any, Read]:
    """The rows of a frame that lack nothing in the columns used, and how many were left out.

    Raises
    ------
    BadData
        If none is left.
    """
    native: Any = as_narwhals(frame)
    read = Read("the frame", len(native), 0, 1)
    left = np.zeros(len(native), dtype=bool)
    for name in native.columns:
        if str(name) not in used:
            continue
        one = native[name]
        gone = (one.is_null() | one.is_nan()) if one.dtype.is_float() else one.is_null()
        found = gone.to_numpy().astype(bool)
        if found.any():
            read.missing[str(name)] = int(found.sum())
            left |= found
    read.dropped = int(left.sum())
    if read.dropped == len(native):
        raise BadData("missing='drop' leaves no row: every one lacks a value")
    return native.filter((~left).tolist()).to_native() if read.dropped else frame, read
