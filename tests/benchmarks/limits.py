"""What the hardware allows for independent draws, and whether a draw's time depends on n."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache

import numpy as np
from threadpoolctl import threadpool_limits

from tests.benchmarks.problems import CHAINS, Data, draw, synthetic

FEW_ROWS = 10_000
FIRST = 1000  # draws of the runs that say how many make a run long enough


@cache
def rates() -> tuple[float, float]:
    """Flops and normals per second of as many threads as there are chains, BLAS with one each."""
    size, count = 768, 2_000_000
    squares = [np.random.default_rng(k).standard_normal((size, size)) for k in range(CHAINS)]
    streams = [np.random.default_rng(k) for k in range(CHAINS)]
    with threadpool_limits(1, "blas"):
        flops = _per_second(lambda k: squares[k] @ squares[k], 2.0 * size**3)
    return flops, _per_second(lambda k: streams[k].standard_normal(count), float(count))


def _per_second(work: Callable[[int], object], amount: float) -> float:
    """Amount of work per second over all threads, the best of several rounds."""
    seconds = []
    with ThreadPoolExecutor(CHAINS) as threads:
        for _ in range(7):
            begin = time.perf_counter()
            list(threads.map(work, range(CHAINS)))
            seconds.append(time.perf_counter() - begin)
    return CHAINS * amount / min(seconds)


def per_draw(n: int, p: int) -> float:
    """Seconds of an independent draw: 2p² flops, or 4np in the space of the rows, and p normals."""
    flops, normals = rates()
    return min(2.0 * p * p, 4.0 * n * p) / flops + p / normals


@dataclass(frozen=True)
class Scaling:
    """Seconds of the moments of n rows, and of a draw against that with few rows."""

    prior: str
    engine: str
    n: int
    moments: float
    draw: float
    draw_of_few: float

    @property
    def ratio(self) -> float:
        """Time of a draw over that with few rows: 1 where n does not matter."""
        return self.draw / self.draw_of_few

    def __str__(self) -> str:
        """One line."""
        return (
            f"# {self.n:.0e} rows, {self.prior}: moments {self.moments:.2f} s; {self.engine} "
            f"{1e6 * self.draw:.2f} µs per draw, {1e6 * self.draw_of_few:.2f} with {FEW_ROWS:.0e} "
            f"rows: ratio {self.ratio:.3f}"
        )


def scaling(data: Data, priors: list[str], *, quick: bool) -> list[Scaling]:
    """Medians of seven alternating runs of equal length with one seed, BLAS with one thread."""
    few = Data(data.name, FEW_ROWS, data.p, moments=True)
    found = []
    with threadpool_limits(1, "blas"):
        X, y = data.arrays()
        for prior in (prior for prior in data.priors if prior in priors):
            begin = time.perf_counter()
            problem = data.condition(prior, X, y)
            moments = time.perf_counter() - begin
            problems = (problem, few.condition(prior, *synthetic(few.n, few.p)))
            engine = draw(problem, None, 100, 1).engine
            seconds = _alternating(problems, engine, 0.05 if quick else 0.4)
            found.append(Scaling(prior, engine, data.n, moments, *seconds))
            print(found[-1], flush=True)
    return found


def _alternating(problems: tuple, engine: str, length: float) -> list[float]:
    """Seconds per draw of each problem, in runs of about `length` seconds after a first one."""
    seconds: list[list[float]] = [[] for _ in problems]
    draws = FIRST
    for repeat in range(8):
        for k, problem in enumerate(problems):
            begin = time.perf_counter()
            draw(problem, engine, draws, 1)
            seconds[k].append((time.perf_counter() - begin) / (CHAINS * draws))
        if not repeat:  # it warms caches, and does what is done once per problem
            draws = max(FIRST, int(length / (CHAINS * seconds[0].pop())))
            seconds[1].pop()
    return [statistics.median(one) for one in seconds]
