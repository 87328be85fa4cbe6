"""Moments of a formula with factors, by cells and by rows: ``scale cells``.

60 × 5 × 4 levels beside a number: 132 columns and 1 200 cells, read from one Parquet file. By rows
a part of the file is timed and the rest extrapolated, since each row costs the same.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from unittest import mock

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bayesreg.data import cell_moments
from bayesreg.data.stores.reader import Roles
from bayesreg.data.stores.recognise import source_of
from bayesreg.data.streamed import Streamed

FORMULA = "y ~ x + C(g) + x:C(g) + C(h)*d"
ROWS, DENSE = (10**5, 10**6, 2 * 10**6), 250_000


def written(folder: Path, rows: int) -> Path:
    """A file of so many rows."""
    rng = np.random.default_rng(0)
    d, x = rng.integers(0, 4, rows), rng.normal(3.0, 1.0, rows)
    g = np.array([f"g{k:02d}" for k in range(60)])[rng.integers(0, 60, rows)]
    h = np.array(list("abcde"))[rng.integers(0, 5, rows)]
    y = x + d + rng.normal(size=rows)
    path = folder / f"{rows}.parquet"
    pq.write_table(pa.table({"g": g, "h": h, "x": x, "d": d, "y": y}), path)
    return path


def seconds(path: Path) -> tuple[float, int]:
    """CPU seconds of the moments, and how many cells they came from."""
    stream = Streamed.of_formula(FORMULA, source_of(path), Roles(""))
    begun = time.process_time()
    _ = stream.moments
    return time.process_time() - begun, stream.read.cells or 0


def main(words: list[str]) -> None:
    """Print rows, CPU seconds of both, and their ratio."""
    del words
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with mock.patch.object(cell_moments, "plan", return_value=None):
            seconds(written(folder, 10_000))
            dense = seconds(written(folder, DENSE))[0] / DENSE
        for rows in ROWS:
            path = written(folder, rows)
            ours, count = min(seconds(path) for _ in range(2))
            print(
                f"{rows:>9,} rows, {count:,} cells: {ours:.3f} CPU s; by rows "
                f"{dense * rows:.2f} (of {DENSE:,} rows): {dense * rows / ours:.0f} ×"
            )
