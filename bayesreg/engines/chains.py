"""Chains in turn or in threads: blocks, warm-up, thinning, progress and interruption.

Chains advance in turns of one block, so that an interruption leaves all about equally long. Kernels
run outside the interpreter's lock, so threads share the chains out and nothing is copied between
processes; what a chain draws depends on its stream alone.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from bayesreg.language.arguments import Array

Output = dict[str, Array]
Start = Callable[[np.random.Generator], Any]
Advance = Callable[[Any, np.random.Generator, int], tuple[Any, Output]]

# Seconds of work below which a second thread costs more than it saves.
_WORTH_A_THREAD = 0.01
_LISTEN = 0.2  # seconds between looks for an interruption


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
    """

    kept: dict[int, Output]
    complete: bool

    @property
    def shortest(self) -> int:
        """Draws that every chain has; 0 if none has any."""
        return min((len(out["sigma"]) if out else 0 for out in self.kept.values()), default=0)

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
    """Run one chain per stream, in this thread or shared out among several."""
    wanted = workers if workers is not None else cores() if work > _WORTH_A_THREAD else 1
    count = min(wanted, len(streams))
    chains = dict(enumerate(streams))
    shares = [{c: s for c, s in chains.items() if c % count == k} for k in range(count)]
    lanes = [_Lane(start, advance, plan, share) for share in shares]
    stop, complete = threading.Event(), True
    with bar("sampling", plan.iterations * len(streams), progress) as tick:
        try:
            if count == 1:
                lanes[0].run(tick, stop.is_set)
            else:
                _together(lanes, tick, stop)
        except KeyboardInterrupt:
            complete = False
    kept: dict[int, Output] = {}
    for lane in lanes:
        kept |= lane.output()
    return Collected(kept, complete)


def _together(lanes: list[_Lane], tick: Callable[[int], None], stop: threading.Event) -> None:
    """Run lanes in threads; an interruption, or an error in one, stops all after their block.

    None draws before all threads are known to the pool: an interruption while they are made would
    else leave one that nobody waits for.
    """
    ready = threading.Event()

    def work(lane: _Lane) -> None:
        ready.wait()
        lane.run(tick, stop.is_set)

    with ThreadPoolExecutor(len(lanes), thread_name_prefix="chain") as pool:
        try:
            running: set[Future[None]] = {pool.submit(work, lane) for lane in lanes}
            ready.set()
            while running:
                done, running = wait(running, timeout=_LISTEN)
                for future in done:
                    future.result()
        finally:
            stop.set()
            ready.set()


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
        """Per chain, its blocks joined; an empty dict before the first kept draw.

        Of those there are now: after a second interruption a thread may still be in its last block.
        """
        return {chain: _joined(list(blocks)) for chain, blocks in self.kept.items()}


def _joined(blocks: list[Output]) -> Output:
    return {k: np.concatenate([b[k] for b in blocks]) for k in blocks[0]} if blocks else {}


def _ignore(_: int) -> None:
    """Progress that nobody sees."""


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Limit BLAS to one thread, so that draws do not depend on how many there are."""
    controller = _libraries()
    if controller is None:
        yield
        return
    with controller.limit(limits=1, user_api="blas"):
        yield


@cache
def _libraries() -> Any:
    """The BLAS libraries of this process, searched for once; None without threadpoolctl."""
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return None
    return ThreadpoolController()


@contextmanager
def bar(doing: str, total: int, show: bool) -> Iterator[Callable[[int], None]]:
    """A progress bar on stderr, if that is a terminal."""
    if not (show and sys.stderr is not None and sys.stderr.isatty()):
        yield _ignore
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(doing, total=total)
        yield lambda n: shown.advance(task, n)
