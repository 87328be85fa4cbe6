"""Partitioned: a source whose partitions are read by tasks of Dask, on a cluster or here.

Each pass is one map and one sum. Every bundle of partitions is a pure task: it gives what `part`
makes of its rows, how many these are, and which partitions they were. A tree of tasks, eight to
each, adds them up in an order that is fixed beforehand. A task that is run again, because its
worker was lost, gives the same: no state is kept on a worker, and nothing is added to there.

The tasks run on the client that is active; without one, on the scheduler that Dask is set to. A
cluster of two processes on this machine, and one elsewhere::

    from dask.distributed import Client, LocalCluster
    client = Client(LocalCluster(n_workers=2, threads_per_worker=1))
    client = Client("tcp://scheduler.example:8786")         # started by `dask scheduler` there, and
                                                            # `dask worker tcp://…` on each machine

    problem = model.condition("sales/*.parquet", "price", weights="w", standardize=True)
    problem = model.condition(dask.dataframe.read_csv("sales/*.csv"), "price")
    problem = model.condition(X, y)                         # Dask Arrays, or a frame and its column

bayesreg must be installed on the workers, in the same version; files given by a path are read by
the tasks themselves, so that every worker must find them there. What a pass has read is said with
the workers: "812 files, 2 passes, 4 workers". The same plan (partitions, and the number of tasks
that the cluster can run at once) gives the same bits whatever happens to its workers.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from bayesreg.data.stores.base import More, Run, Source
from bayesreg.data.stores.bundles import (
    FAN,
    Bundle,
    Counted,
    Refused,
    Task,
    added,
    bundled,
    sum_once,
)
from bayesreg.language.errors import BadArgument, BadData, NotSupported

if TYPE_CHECKING:
    import pyarrow as pa

    from bayesreg.data.stores.base import Batches

FILES = 2**30  # bytes that are worth a task, which holds no more than a few pages of them at a time


@dataclass(frozen=True)
class Parts:
    """A source as the partitions that tasks read.

    Attributes
    ----------
    sizes : sequence of int
        Bytes of each, or the same of all where nobody knows.
    least : int
        Bytes that are worth a task.
    held : callable
        What a task gets of a range of partitions: delayed frames and arrays, or sources.
    opened : callable
        From what arrives of a partition, and the columns, to batches.
    rows : sequence of int or None
        Of each, where the store says it.
    """

    sizes: Sequence[int]
    least: int
    held: Callable[[range], list[Any]]
    opened: Callable[[Any, Sequence[str]], Iterator[pa.RecordBatch]]
    rows: Sequence[int] | None = None


@dataclass(frozen=True)
class Plan:
    """Which partitions each task reads: settled once, so that every pass has the same bits."""

    parts: Parts
    bundles: tuple[Bundle, ...]

    @classmethod
    def of(cls, parts: Parts) -> Plan:
        """For as many tasks at once as there can be now."""
        ranges = bundled(parts.sizes, parts.least, _slots())
        if parts.rows is None:
            made = (Bundle(one, 0, k + 1) for k, one in enumerate(ranges))
        else:
            ends = [0, *accumulate(parts.rows)]
            made = (Bundle(one, ends[one.start], 0) for one in ranges)
        return cls(parts, tuple(made))


class Partitioned(Source):
    """A source whose partitions are read by tasks of Dask; a kind says what its partitions are."""

    _plans: dict[tuple[str, ...], Plan]

    def parts(self, columns: Sequence[str]) -> Parts:
        """What there is to read of these columns."""
        raise NotImplementedError

    def steps(self, columns: Sequence[str]) -> tuple[int | None, str]:
        """Tasks."""
        return len(self._plan(columns).bundles), "tasks"

    def _plan(self, columns: Sequence[str]) -> Plan:
        self._plans = getattr(self, "_plans", {})
        found = self._plans.get(tuple(columns))
        if found is None:
            found = self._plans[tuple(columns)] = Plan.of(self.parts(columns))
        return found

    def batches(self, columns: Sequence[str]) -> Batches:
        """Computed bundle after bundle, and brought here."""
        import dask

        plan = self._plan(columns)
        for bundle in plan.bundles:
            for one in dask.compute(*plan.parts.held(bundle.partitions)):
                yield from plan.parts.opened(one, columns)

    def total[T](
        self, columns: Sequence[str], part: Callable[[Run], T], more: More = lambda _: None
    ) -> T:
        """One task for each bundle, and a tree of sums."""
        from dask import delayed

        plan = self._plan(columns)
        task = Task(part, tuple(columns), plan.parts.opened)
        shared = delayed(task, pure=True, traverse=False)  # once in the graph, however large
        read = delayed(_read, pure=True)
        here = _this_process()
        tasks = [
            read(shared, bundle, plan.parts.held(bundle.partitions), here)
            for bundle in plan.bundles
        ]
        client = active_client()
        self.workers = 0 if client is None else len(client.nthreads())
        found: Counted[T] | Refused = _computed(_tree(tasks), tasks, client, more)
        return sum_once(found, plan.bundles, self.rows, self.label)


def _tree(parts: list[Any]) -> Any:
    """Their sum, which tasks form from the bottom up."""
    from dask import delayed

    add = delayed(added, pure=True)
    while len(parts) > 1:
        parts = [add(parts[k : k + FAN]) for k in range(0, len(parts), FAN)]
    return parts[0]


def _read(task: Task[Any], bundle: Bundle, held: Sequence[Any], home: tuple[str, int]) -> Any:
    """What a task does, on a worker or here."""
    if home != _this_process():
        _one_thread()
    try:
        return task(bundle, held)
    except (BadArgument, BadData, NotSupported) as error:
        return Refused(error.with_traceback(None))


@cache
def _one_thread() -> None:
    """Let a worker multiply with one thread, for good: each of its tasks has one already."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(1, "blas")


def _this_process() -> tuple[str, int]:
    return socket.gethostname(), os.getpid()


def active_client() -> Any:
    """The client of `distributed` that Dask uses now, or None.

    Raises
    ------
    NotSupported
        If it is asynchronous.
    """
    if "distributed" not in sys.modules:
        return None
    from distributed import default_client

    try:
        client = default_client()
    except ValueError:  # there is none
        return None
    if client.asynchronous:
        raise NotSupported("the active Dask client is asynchronous; pass Client(address) instead")
    return client


def _slots() -> int:
    """Tasks that can run at once."""
    client = active_client()
    if client is not None:
        return max(1, int(sum(client.nthreads().values())))
    from dask.system import CPU_COUNT

    return int(CPU_COUNT)


def _computed(whole: Any, tasks: list[Any], client: Any, more: More) -> Any:
    """The result of a graph, its tasks told as they finish."""
    if client is None:
        return _computed_here(whole, {task.key for task in tasks}, more)
    from distributed import as_completed

    *parts, total = client.compute([*tasks, whole])
    finished = as_completed(parts)
    del parts  # so that a part is let go once it is added up
    for _ in finished:
        more(1)
    return total.result()


def _computed_here(whole: Any, keys: set[str], more: More) -> Any:
    """The same by the scheduler that Dask is set to, in the threads of this process if none is."""
    from dask.callbacks import Callback
    from threadpoolctl import threadpool_limits

    def told(key: Any, *_: object) -> None:
        more(int(key in keys))

    with threadpool_limits(1, "blas"), Callback(posttask=told):
        return whole.compute()


class Files(Partitioned):
    """Files of a source that can be read apart: each task opens its own."""

    def __init__(self, files: Source) -> None:
        """Of the same columns."""
        self.files_of = files
        self.label, self.schema = files.label, files.schema
        self.rows, self.files, self.further = files.rows, files.files, files.further

    def fingerprint(self) -> Mapping[str, Any]:
        """That of the files."""
        return self.files_of.fingerprint()

    def nulls(self, columns: Sequence[str]) -> Mapping[str, str]:
        """As the files say."""
        return self.files_of.nulls(columns)

    def refuse_columns(self, columns: Sequence[str]) -> None:
        """As the files do."""
        self.files_of.refuse_columns(columns)

    def levels(self) -> Mapping[str, Sequence[Any]]:
        """As the files say."""
        return self.files_of.levels()

    def place(self, row: int) -> str:
        """The row of its file."""
        return self.files_of.place(row)

    def batches(self, columns: Sequence[str]) -> Batches:
        """Read here."""
        return self.files_of.batches(columns)

    def parts(self, columns: Sequence[str]) -> Parts:
        """Row groups."""
        units = self.files_of.units
        return Parts(
            [unit.size for unit in units],
            FILES,
            lambda some: [self.files_of.taken(some)],
            _opened_files,
            [unit.rows for unit in units],
        )


def _opened_files(source: Source, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    with closing(source.batches(columns)) as batches:
        yield from batches


def on_cluster(source: Source) -> Source:
    """The source on the active client, where there is one and the source can be read apart."""
    return source if active_client() is None or not source.units else Files(source)
