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
Start = Callable[[np.random.Generator, int], Any]  # and how many chains
Advance = Callable[[Any, np.random.Generator, int], tuple[Any, Output]]

# Seconds of work below which a second thread costs more than it saves.
_WORTH_A_THREAD = 0.01
_LISTEN = 0.2  # seconds between looks for an interruption


@dataclass(frozen=True)
class Plan:
    """How long each chain is, in which blocks it advances, and what advances with it.

    Attributes
    ----------
    draws, tune, thin : int
        Draws kept of a chain, iterations before, and iterations for each that is kept.
    block : int
        Iterations of a block.
    strands : int
        Parts of a chain that advance side by side.
    together : int
        Chains that advance side by side, with one stream of random numbers.
    """

    draws: int
    tune: int
    thin: int
    block: int
    strands: int = 1
    together: int = 1

    def blocks(self) -> Iterator[tuple[bool, int]]:
        """(whether it is kept, iterations) of each block; kept ones are multiples of `thin`."""
        for done in range(0, self.tune, self.block):
            yield False, min(self.block, self.tune - done)
        block, draws = max(self.block // self.thin, 1), self.of_strand
        for done in range(0, draws, block):
            yield True, min(block, draws - done) * self.thin

    @property
    def of_strand(self) -> int:
        """Draws kept of each strand, the last one's perhaps too many."""
        return -(-self.draws // self.strands)

    @property
    def iterations(self) -> int:
        """Iterations of one strand."""
        return self.tune + self.of_strand * self.thin


@dataclass(frozen=True, eq=False)
class Collected:
    """What the chains kept: by chain, draws along the first axis.

    Attributes
    ----------
    kept : dict of int to dict of ndarray
        Per chain, arrays (draw, …) by name.
    complete : bool
        Whether nothing interrupted the run.
    warmup : int, optional
        Iterations discarded from each chain, where the sampler has settled that itself.
    """

    kept: dict[int, Output]
    complete: bool
    warmup: int | None = None

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
    """Run one chain per stream, in this thread or shared out among several.

    What `advance` gives is (iteration, row, …), a row for each strand of each chain in their order.
    """
    bundles = [
        range(len(streams))[k:][: plan.together] for k in range(0, len(streams), plan.together)
    ]
    wanted = workers if workers is not None else cores() if work > _WORTH_A_THREAD else 1
    count = min(wanted, len(bundles))
    lanes = [_Lane(start, advance, plan, streams, bundles[k::count]) for k in range(count)]
    stop, complete = threading.Event(), True
    with bar("sampling", plan.iterations * len(bundles), progress) as tick:
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
    """Some bundles of chains that advance in turns, one block each."""

    def __init__(
        self,
        start: Start,
        advance: Advance,
        plan: Plan,
        streams: Sequence[np.random.SeedSequence],
        bundles: Sequence[range],
    ) -> None:
        self.start, self.advance, self.plan, self.streams = start, advance, plan, streams
        self.kept: dict[range, Output] = {bundle: {} for bundle in bundles}
        self.done = dict.fromkeys(bundles, 0)  # draws kept of each strand

    def run(self, tick: Callable[[int], None], stopped: Callable[[], bool]) -> None:
        """Advance every chain to the end of the plan, or until `stopped`."""
        thin = self.plan.thin
        rngs = {bundle: np.random.default_rng(self.streams[bundle[0]]) for bundle in self.kept}
        states = {bundle: self.start(rng, len(bundle)) for bundle, rng in rngs.items()}
        for keep, count in self.plan.blocks():
            for bundle, rng in rngs.items():
                if stopped():
                    return
                states[bundle], out = self.advance(states[bundle], rng, count)
                if keep:
                    self._keep(bundle, {k: v[thin - 1 :: thin] for k, v in out.items()})
                tick(count)

    def _keep(self, bundle: range, block: Output) -> None:
        """Put (draw, row, …) where they belong in (row, draw, …)."""
        kept, done = self.kept[bundle], self.done[bundle]
        for name, value in block.items():
            if name not in kept:
                _, rows, *rest = value.shape
                kept[name] = np.empty((rows, self.plan.of_strand, *rest), value.dtype)
            kept[name][:, done : done + len(value)] = value.swapaxes(0, 1)
        self.done[bundle] = done + len(block["sigma"])

    def output(self) -> dict[int, Output]:
        """Per chain, its strands one after another; an empty dict before the first kept draw.

        Of those there are now: after a second interruption a thread may still be in its last block.
        """
        found: dict[int, Output] = {}
        for bundle, arrays in self.kept.items():
            strands, done = self.plan.strands, self.done[bundle]
            kept = dict(arrays) if done else {}
            for k, chain in enumerate(bundle):
                own = {n: v[k * strands : (k + 1) * strands, :done] for n, v in kept.items()}
                strung = {n: v.reshape(strands * done, *v.shape[2:]) for n, v in own.items()}
                found[chain] = {n: v[: self.plan.draws] for n, v in strung.items()}
        return found


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
