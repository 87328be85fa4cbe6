"""How a benchmark is measured: alternating runs, medians, ratios, and the limit beside them.

A row states one problem; each contender solves it and is judged by our certificate or by an exact
reference, never by its own word. Absolute seconds differ between machines and days; the ratios
within a run are what counts.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Contender:
    """One way of solving a row's problem."""

    name: str
    run: Callable[[], object]
    accuracy: Callable[[object], str] = lambda _: ""
    repeats: int = 7


@dataclass(frozen=True)
class Row:
    """One problem, ours first; `limit` is what the hardware allows."""

    problem: str
    contenders: tuple[Contender, ...]
    limit: Callable[[], object] | None = None
    limit_name: str = ""


@dataclass
class Measured:
    """Median seconds and accuracy of one contender."""

    problem: str
    name: str
    seconds: float
    accuracy: str
    ratio: float = field(default=float("nan"))


def measure(row: Row) -> list[Measured]:
    """Run all contenders in turn, so that drift of the machine hits all alike."""
    times: dict[str, list[float]] = {c.name: [] for c in row.contenders}
    results: dict[str, object] = {}
    extra = [] if row.limit is None else [Contender(f"limit: {row.limit_name}", row.limit)]
    everyone = [*row.contenders, *extra]
    times |= {c.name: [] for c in extra}
    for c in everyone:  # one run to warm caches and compile
        if c.repeats > 1:
            c.run()
    for k in range(max(c.repeats for c in everyone)):
        for c in everyone:
            if k < c.repeats:
                start = time.perf_counter()
                results[c.name] = c.run()
                times[c.name].append(time.perf_counter() - start)
    ours = statistics.median(times[row.contenders[0].name])
    return [
        Measured(
            row.problem,
            c.name,
            (seconds := statistics.median(times[c.name])),
            c.accuracy(results[c.name]),
            seconds / ours,
        )
        for c in everyone
    ]


def report(rows: Iterable[Row]) -> None:
    """Measure and print every row as a table."""
    print(f"{'problem':34s} {'who':34s} {'median s':>10s} {'÷ ours':>8s}  accuracy")
    for row in rows:
        for m in measure(row):
            print(
                f"{m.problem:34s} {m.name:34s} {m.seconds:10.5f} {m.ratio:8.2f}  {m.accuracy}",
                flush=True,
            )


def columns(n: int, p: int, rho: float = 0.5, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """AR(ρ) columns and a y with a tenth of them at work."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p))
    for j in range(1, p):
        X[:, j] = rho * X[:, j - 1] + np.sqrt(1 - rho**2) * X[:, j]
    beta = np.where(rng.random(p) < 0.1, rng.standard_normal(p), 0.0)
    return X, 3.0 + X @ beta + rng.standard_normal(n)
