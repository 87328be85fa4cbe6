"""Elsewhere: rows that only a map reaches, in Spark, in Ray, in processes of one's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain
from typing import TYPE_CHECKING, Any

from bayesreg.data.stores.base import More, Run, Source, folded
from bayesreg.language.errors import BadArgument, BadData, NotSupported
from bayesreg.language.misnamed import explained_throughout

if TYPE_CHECKING:
    import pyarrow as pa

    from bayesreg.data.stores.base import Batches


@explained_throughout
class Elsewhere(Source):
    """Rows that stay where they are, and are reached by one map.

    Parameters
    ----------
    mapped : callable
        Is given a function, and applies it to every run of rows where these are: a partition, a
        file, a block. It returns what the function gave, of each run once, in an order that is the
        same every time. The function takes the rows as Arrow record batches, any number of them, as
        an Arrow table, or as a pandas frame. It pickles, and so does what it gives, which is small.
        It is called once for each pass.
    schema : pyarrow.Schema
        The columns.
    rows : int, optional
        How many there are; if another number comes, that is an error. Without it a run that was
        lost, or counted twice, is not noticed.
    label : str, optional
        What results call them.

    Raises
    ------
    BadArgument
        If `schema` is no Arrow schema.

    Notes
    -----
    Spark, whose executors have bayesreg installed::

        def mapped(part):
            def run(batches):
                yield pa.record_batch({"m": [pickle.dumps(part(batches))]})
            return [pickle.loads(row.m) for row in df.mapInArrow(run, "m binary").collect()]

        source = br.Elsewhere(mapped, df.limit(0).toArrow().schema, rows=df.count())
        fits = br.compare(["ridge", "horseshoe"], source, "price", weights="w")

    and Ray, whose blocks come in order if ``DataContext``'s ``preserve_order`` says so::

        def mapped(part):
            def run(table):
                return pa.table({"m": [pickle.dumps(part(table))]})
            made = ds.map_batches(run, batch_format="pyarrow", batch_size=None)
            return [pickle.loads(row["m"]) for row in made.take_all()]

    Examples
    --------
    >>> import pyarrow as pa
    >>> import bayesreg as br
    >>> shards = [pa.table({"x": [1.0, 2.0, 4.0], "y": [1.0, 3.0, 2.0]}),
    ...           pa.table({"x": [3.0, 6.0], "y": [5.0, 7.0]})]
    >>> source = br.Elsewhere(lambda part: [part(shard) for shard in shards], shards[0].schema)
    >>> br.Moments.of(source, "y").x_mean
    array([3.2])
    """

    held = False

    def __init__(
        self,
        mapped: Callable[[Callable[[Any], Any]], Iterable[Any]],
        schema: pa.Schema,
        *,
        rows: int | None = None,
        label: str = "rows elsewhere",
    ) -> None:
        import pyarrow as pa

        if not isinstance(schema, pa.Schema):
            raise BadArgument(f"schema must be a pyarrow.Schema, not a {type(schema).__name__}")
        self.mapped, self.schema, self.rows, self.label = mapped, schema, rows, label

    def batches(self, columns: Sequence[str]) -> Batches:
        """None.

        Raises
        ------
        NotSupported
            Always.
        """
        yield from ()
        raise NotSupported(
            f"{self.label} are reached by a map alone, and this needs the rows themselves; bring "
            "some of them here, as a frame"
        )

    def steps(self, columns: Sequence[str]) -> tuple[int | None, str]:
        """Runs, of which nobody knows the number."""
        return None, "runs"

    def total[T](
        self, columns: Sequence[str], part: Callable[[Run], T], more: More = lambda _: None
    ) -> T:
        """What was made of each run, added up here."""
        found: T = folded(_told(self.mapped(_Outward(part, tuple(columns))), more))
        return found


def _told[T](parts: Iterable[T], more: More) -> Iterator[T]:
    for part in parts:
        more(1)
        yield part


@dataclass(frozen=True)
class _Outward[T]:
    """The function that is sent to the rows."""

    part: Callable[[Run], T]
    columns: tuple[str, ...]

    def __call__(self, rows: Any) -> T:
        """Of a run."""
        batches = (batch.select(self.columns) for batch in _batches(rows))
        first = next(batches, None)
        if first is None:
            return self.part(Run((), _place))
        return self.part(Run(chain([first], batches), _place, number=_number(first)))


def _batches(rows: Any) -> Iterator[pa.RecordBatch]:
    """Record batches, one, a table or a frame, as record batches."""
    import pyarrow as pa

    if isinstance(rows, pa.RecordBatch):
        yield rows
    elif isinstance(rows, pa.Table):
        yield from rows.to_batches()
    elif type(rows).__module__.startswith("pandas"):
        yield from pa.Table.from_pandas(rows, preserve_index=False).to_batches()
    elif isinstance(rows, Iterable) and not isinstance(rows, dict | str):
        for one in rows:
            yield from _batches(one)
    else:
        raise BadData(
            f"a run of rows is a {type(rows).__name__}; give Arrow record batches, a table or a "
            "pandas frame"
        )


def _number(batch: pa.RecordBatch) -> int:
    """A number for a run that nobody has counted: by its first values, so the same every time."""
    digest = blake2b(digest_size=6)
    for column in batch.columns:
        digest.update(repr(column[:8].to_pylist()).encode())
    return int.from_bytes(digest.digest()) + 1


def _place(row: int) -> str:
    return f"row {row} (from 0) of a run"
