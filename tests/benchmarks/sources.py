"""One pass over rows, by what brings them: ``python -m tests.benchmarks scale sources [paper]``.

CPU seconds of the process (every thread of an engine counts), the best of three in turn, for the
moments of a Parquet file by every door, beside the rows in memory, the reader alone, the bare
products that no door can do without (dsyrk) and the peers that are installed. Columns have mean 1e6
and sd 1, and the error is that of the cross-products, max |ΔC_ij|/√(C_ii C_jj), against extended
precision; of a peer that gives coefficients, the worst in standard errors.

``paper`` prints what larger tables would take, from the constants that are measured here: nothing
of it was run.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import bayesreg as br
from bayesreg.data.chunks import chunk_rows
from bayesreg.engines.chains import one_blas_thread

Array = NDArray[np.float64]
Run = Callable[[], Any]

SHAPES = {5: 4_000_000, 20: 1_000_000, 100: 200_000}  # rows of so many columns
REPEATS = 3
GIB = 2.0**30
DISK, NETWORK = 3e9, 1e9  # bytes a second of one machine's disks, and of a worker's network
PAPER = ((1e9, 5), (1e9, 50), (1e9, 100), (1e9, 2_000), (1e12, 50))
CORES, WORKERS, OWN_CORES = 8, 100, 4
TASK = 4e-3  # seconds that a scheduler and its worker spend on a task


def main(words: list[str]) -> None:
    """Print the table of the doors, and what larger tables would take."""
    found = {}
    with one_blas_thread(), tempfile.TemporaryDirectory() as folder:
        for p, n in SHAPES.items():
            found[p] = _doors(n, p, Path(folder) / f"{p}.parquet")
    if "paper" in words or not words:
        _paper(found)


def _rows(n: int, p: int) -> tuple[Array, Array]:
    rng = np.random.default_rng(p)
    X = rng.standard_normal((n, p)) + 1e6
    return X, X[:, : min(p, 3)].sum(axis=1) + rng.standard_normal(n)


def _doors(n: int, p: int, path: Path) -> dict[str, float]:
    """Measure and print every door on one table; CPU seconds by name."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    X, y = _rows(n, p)
    names = [f"x{j + 1}" for j in range(p)]
    columns = [*(np.ascontiguousarray(X[:, j]) for j in range(p)), y]
    pq.write_table(pa.table(dict(zip([*names, "y"], columns, strict=True))), path)
    exact = _exact(X, y)
    runs: dict[str, tuple[Run, Callable[[Any], str]]] = {
        "rows in memory": (lambda: br.Moments.of(X, y), lambda m: _error(m.cross, exact)),
        **{name: (run, lambda m: _error(m.cross, exact)) for name, run in _sources(path)},
        **{name: (run, lambda _: "") for name, run in _limits(path, n, p)},
        **{name: (run, lambda b: _off(b, X, y)) for name, run in _peers(path, X, y, names)},
    }
    times = dict.fromkeys(runs, np.inf)
    results = {}
    for _ in range(REPEATS):
        for name, (run, _) in runs.items():
            start = time.process_time()
            results[name] = run()
            times[name] = min(times[name], time.process_time() - start)
    print(f"\n{n:.0e} × {p}{'':34s} {'CPU s':>8s} {'÷ memory':>9s}  error")
    for name, (_, accuracy) in runs.items():
        ratio = times[name] / times["rows in memory"]
        print(
            f"  {name:42s} {times[name]:8.3f} {ratio:9.2f}  {accuracy(results[name])}", flush=True
        )
    return times


def _sources(path: Path) -> Iterator[tuple[str, Run]]:
    """The moments through every door that is installed."""
    import pyarrow.dataset as ds

    yield "Parquet file", lambda: br.Moments.of(str(path), "y")
    yield "Arrow dataset", lambda: br.Moments.of(ds.dataset(path), "y")
    if find_spec("duckdb"):
        import duckdb

        yield "DuckDB relation", lambda: br.Moments.of(duckdb.read_parquet(str(path)), "y")
    if find_spec("polars"):
        import polars as pl

        yield "Polars LazyFrame", lambda: br.Moments.of(pl.scan_parquet(path), "y")


def _limits(path: Path, n: int, p: int) -> Iterator[tuple[str, Run]]:
    """What no door can do without: the reader's own work, and the products."""
    import pyarrow.parquet as pq

    def read() -> int:
        file = pq.ParquetFile(path, pre_buffer=False)
        return sum(
            len(column.to_numpy(zero_copy_only=False))
            for batch in file.iter_batches()
            for column in batch.columns
        )

    size = chunk_rows(p + 1)
    z = np.random.default_rng(0).standard_normal((p + 1, size))
    yield "the reader alone", read
    yield "dsyrk alone", lambda: [z @ z.T for _ in range(n // size)]


def _peers(path: Path, X: Array, y: Array, names: list[str]) -> Iterator[tuple[str, Run]]:
    """Libraries that give coefficients of such rows."""
    from sklearn.linear_model import LinearRegression

    yield "scikit-learn LinearRegression, in memory", lambda: LinearRegression().fit(X, y).coef_
    if not find_spec("duckreg") or X.shape[1] > 5:  # it groups by all columns
        return
    import duckdb
    from duckreg import DuckRegression

    base = str(path.with_suffix(".db"))
    with duckdb.connect(base) as connection:
        connection.execute(f"create table rows as select * from read_parquet('{path}')")

    def grouped() -> Array:
        model = DuckRegression(
            base, "rows", f"y ~ {' + '.join(names)}", cluster_col="", seed=0, n_bootstraps=0
        )
        model.fit()
        return np.asarray(model.point_estimate).ravel()[1:]

    yield "duckreg", grouped


def _exact(X: Array, y: Array) -> Array:
    """Centred cross-products (p + 1, p + 1) in extended precision."""
    total, size = np.zeros((X.shape[1] + 1,) * 2, dtype=np.longdouble), 20_000
    mean = np.append(X.mean(axis=0, dtype=np.longdouble), y.mean(dtype=np.longdouble))
    for i in range(0, len(y), size):
        z = np.column_stack([X[i : i + size], y[i : i + size]]).astype(np.longdouble) - mean
        total += z.T @ z
    return np.asarray(total)


def _error(cross: Array, exact: Array) -> str:
    scale = np.sqrt(np.diagonal(exact))
    return f"{float(np.max(np.abs(cross - exact) / np.outer(scale, scale))):.0e}"


def _off(beta: Array, X: Array, y: Array) -> str:
    """How far the worst coefficient lies from least squares, in its standard error."""
    fit = br.closed_form(br.Model(br.Flat()).condition(X, y))
    return f"{float(np.max(np.abs(beta - fit.mean.to_numpy()) / fit.sd.to_numpy())):.0e} se"


def _paper(found: dict[int, dict[str, float]]) -> None:
    """Tables that were not run: bytes by what brings them, products by what they cost here."""
    rate = {p: SHAPES[p] * (p + 1) ** 2 / found[p]["rows in memory"] for p in SHAPES}
    read = {p: SHAPES[p] * (p + 1) * 8 / found[p]["the reader alone"] for p in SHAPES}
    print(
        f"\nOn paper, from the constants above. One machine: {CORES} cores, {DISK / 1e9:g} GB/s; "
        f"{WORKERS} workers: {OWN_CORES} cores and {NETWORK / 1e9:g} GB/s each."
    )
    for n, p in PAPER:
        near = min(SHAPES, key=lambda q: abs(np.log(q / p)))
        size, work = n * (p + 1) * 8, n * (p + 1) ** 2 / rate[near] + n * (p + 1) * 8 / read[near]
        most = 4.0 * WORKERS if p > 1_000 else 1e4  # sums of many columns are themselves large
        tasks = max(min(size / GIB, most), 1.0)
        one = max(size / DISK, work / CORES)
        many = max(size / WORKERS / NETWORK, work / WORKERS / OWN_CORES, TASK * tasks)
        moved = tasks * ((p + 1) ** 2 + 3 * p) * 8
        print(
            f"  {n:.0e} × {p:<5d} {size / 1e12:8.2f} TB   one machine {_time(one):>8s}   "
            f"{WORKERS} workers {_time(many):>8s}   sums moved {moved / 1e9:.3g} GB"
        )


def _time(seconds: float) -> str:
    for unit, size in (("d", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"
