"""Chains in turn or in worker processes: blocks, warm-up, thinning, progress and interruption.

Chains advance in turns of one block, so that an interruption leaves all about equally long. Worker
processes are forks that share the chains out; what a chain draws depends on its stream alone.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Output = dict[str, Array]
Start = Callable[[np.random.Generator], Any]
Advance = Callable[[Any, np.random.Generator, int], tuple[Any, Output]]

# Seconds of work below which starting processes costs more than it saves.
_WORTH_FORKING = 0.6


@dataclass(frozen=True)
class Plan:
    """How long each chain is, and in which blocks it advances."""

    draws: int
    tune: int
    thin: int
    block: int

    def blocks(self) -> Iterator[tuple[bool, int]]:
        """(whether it is kept, iterations) of each block; kept ones are multiples of `thin`."""
        for done in range(0, self.tune, self.block):
            yield False, min(self.block, self.tune - done)
        block = max(self.block // self.thin, 1)
        for done in range(0, self.draws, block):
            yield True, min(block, self.draws - done) * self.thin

    @property
    def iterations(self) -> int:
        """Iterations of one chain."""
        return self.tune + self.draws * self.thin


@dataclass(frozen=True, eq=False)
class Collected:
    """What the chains kept: by chain, draws along the first axis.

    Attributes
    ----------
    kept : dict of int to dict of ndarray
        Per chain, arrays (draw, …) by name.
    complete : bool
        Whether nothing interrupted the run.
    dead : dict of int to int
        Exit codes of the worker processes that died, by chain.
    """

    kept: dict[int, Output]
    complete: bool
    dead: dict[int, int] = field(default_factory=dict)

    @property
    def shortest(self) -> int:
        """Draws that every chain has; 0 if none has any."""
        return min((len(out["sigma"]) if out else 0 for out in self.kept.values()), default=0)

    @property
    def why_dead(self) -> str:
        """Which chains were lost, and what to do."""
        chains = ", ".join(str(c) for c in sorted(self.dead))
        code = next(iter(self.dead.values()))
        how = f"killed by signal {-code}" if code < 0 else f"exit code {code}"
        return (
            f"the worker process of chain(s) {chains} died ({how}), often for want of memory; "
            f"the {len(self.kept)} other chain(s) are in .result. Run again with workers=1, or "
            "with fewer draws"
        )

    def stacked(self) -> Output:
        """Arrays (chain, draw, …), every chain cut to the length of the shortest."""
        chains = [self.kept[c] for c in sorted(self.kept)]
        n = self.shortest
        return {name: np.stack([out[name][:n] for out in chains]) for name in chains[0]}

    def every(self, thin: int) -> Collected:
        """Every thin-th draw."""
        kept = {c: {k: v[thin - 1 :: thin] for k, v in out.items()} for c, out in self.kept.items()}
        return replace(self, kept=kept)


def collect(
    start: Start,
    advance: Advance,
    streams: Sequence[np.random.SeedSequence],
    plan: Plan,
    *,
    workers: int | None,
    work: float,
    progress: bool,
) -> Collected:
    """Run one chain per stream, in this process or in forks of it."""
    lane = _Lane(start, advance, plan, dict(enumerate(streams)))
    processes = _processes(workers, len(streams), work)
    if processes > 1:
        return _parallel(lane, processes, progress)
    complete = True
    with _bar(plan.iterations * len(streams), progress) as tick:
        try:
            lane.run(tick, _never)
        except KeyboardInterrupt:
            complete = False
    return Collected(lane.output(), complete)


class _Lane:
    """Some chains that advance in turns, one block each."""

    def __init__(
        self,
        start: Start,
        advance: Advance,
        plan: Plan,
        streams: dict[int, np.random.SeedSequence],
    ) -> None:
        self.start, self.advance, self.plan, self.streams = start, advance, plan, streams
        self.kept: dict[int, list[Output]] = {chain: [] for chain in streams}

    def part(self, chains: Sequence[int]) -> _Lane:
        """A lane with some of the chains."""
        streams = {chain: self.streams[chain] for chain in chains}
        return _Lane(self.start, self.advance, self.plan, streams)

    def run(self, tick: Callable[[int], None], stopped: Callable[[], bool]) -> None:
        """Advance every chain to the end of the plan, or until `stopped`."""
        thin = self.plan.thin
        rngs = {chain: np.random.default_rng(s) for chain, s in self.streams.items()}
        states = {chain: self.start(rng) for chain, rng in rngs.items()}
        for keep, count in self.plan.blocks():
            for chain, rng in rngs.items():
                if stopped():
                    return
                states[chain], out = self.advance(states[chain], rng, count)
                if keep:
                    self.kept[chain].append({k: v[thin - 1 :: thin] for k, v in out.items()})
                tick(count)

    def output(self) -> dict[int, Output]:
        """Per chain, its blocks joined; an empty dict before the first kept draw."""
        return {chain: _joined(blocks) for chain, blocks in self.kept.items()}


def _joined(blocks: list[Output]) -> Output:
    return {k: np.concatenate([b[k] for b in blocks]) for k in blocks[0]} if blocks else {}


def _never() -> bool:
    return False


def _ignore(_: int) -> None:
    """Progress that nobody sees."""


def _processes(workers: int | None, chains: int, work: float) -> int:
    """How many processes to use: forking must be safe, and by default must pay."""
    wanted = workers if workers is not None else cores() if work > _WORTH_FORKING else 1
    return min(wanted, chains) if may_fork() else 1


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def may_fork() -> bool:
    """Whether forking is safe: Linux, and no other thread that could hold a lock."""
    return (
        sys.platform == "linux"
        and threading.current_thread() is threading.main_thread()
        and threading.active_count() == 1
        and not multiprocessing.current_process().daemon
    )


def _parallel(lane: _Lane, processes: int, progress: bool) -> Collected:
    """Share the chains among forks, and gather what they send."""
    context = multiprocessing.get_context("fork")
    stop = context.Event()
    chains = list(lane.streams)
    shares = [chains[k::processes] for k in range(processes)]
    running: dict[Connection, tuple[Any, list[int]]] = {}
    with _interrupts(stop.set):
        for share in shares:
            ours, theirs = context.Pipe(duplex=False)
            process = context.Process(
                target=_work, args=(lane.part(share), theirs, stop.is_set), daemon=True
            )
            with warnings.catch_warnings():
                # Python warns of forking beside BLAS's idle threads; OpenBLAS re-creates them.
                warnings.simplefilter("ignore", DeprecationWarning)
                process.start()
            theirs.close()
            running[ours] = (process, share)
        try:
            with _bar(lane.plan.iterations * len(chains), progress) as tick:
                kept, dead = _gather(running, tick)
        finally:
            for process, _ in running.values():
                process.terminate()
    found = Collected(kept, complete=True, dead=dead)
    return replace(found, complete=not stop.is_set() or found.shortest == lane.plan.draws)


def _gather(
    running: dict[Connection, tuple[Any, list[int]]], tick: Callable[[int], None]
) -> tuple[dict[int, Output], dict[int, int]]:
    """Receive until every worker is done or dead; a worker's exception is raised here."""
    kept: dict[int, Output] = {}
    dead: dict[int, int] = {}
    while running:
        for ready in wait(list(running)):
            assert isinstance(ready, Connection)
            process, share = running[ready]
            try:
                kind, value = ready.recv()
            except EOFError:
                process.join()
                dead |= dict.fromkeys(share, process.exitcode)
                del running[ready]
                continue
            if kind == "tick":
                tick(value)
                continue
            if kind == "error":
                raise value
            kept |= value
            process.join()
            del running[ready]
    return kept, dead


def _work(lane: _Lane, pipe: Connection, stopped: Callable[[], bool]) -> None:
    """The body of a worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides, and says so by `stopped`
    try:
        lane.run(lambda n: pipe.send(("tick", n)), stopped)
        pipe.send(("done", lane.output()))
    except BaseException as error:  # noqa: BLE001  (raised again in the parent)
        pipe.send(("error", error))
    finally:
        pipe.close()


@contextmanager
def _interrupts(stop: Callable[[], None]) -> Iterator[None]:
    """The first Ctrl-C asks the workers to stop; a second one raises KeyboardInterrupt."""
    seen: list[int] = []

    def handler(number: int, _frame: Any) -> None:
        if seen:
            raise KeyboardInterrupt
        seen.append(number)
        stop()

    before = signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Limit BLAS to one thread, so that draws do not depend on how many there are."""
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        yield
        return
    with threadpool_limits(limits=1, user_api="blas"):
        yield


@contextmanager
def _bar(total: int, show: bool) -> Iterator[Callable[[int], None]]:
    """A progress bar on stderr, if that is a terminal."""
    if not (show and sys.stderr is not None and sys.stderr.isatty()):
        yield _ignore
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("sampling", total=total)
        yield lambda n: bar.advance(task, n)
