"""What takes the rows of a source again: each by one map and one sum."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

import bayesreg as br
from bayesreg.data.sampled import Sampling, hash64
from bayesreg.data.stores import Source
from bayesreg.data.stores.base import Run
from bayesreg.data.stores.reader import Roles
from bayesreg.data.streamed import Streamed

N = 3_000


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(11)
    X = rng.normal([100.0, 0.0, 0.0], 1.0, size=(N, 3))
    y = X @ [1.0, -0.5, 0.0] + rng.normal(size=N)
    w = rng.integers(0, 4, N)
    return pa.table({"a": X[:, 0], "b": X[:, 1], "c": X[:, 2], "y": y, "w": w})


class InBatches(Source):
    """A table that comes in batches of one size."""

    label = "a store"

    def __init__(self, table, size):
        self.table, self.size = table, size
        self.schema = table.schema

    def batches(self, columns):
        yield from self.table.select(columns).to_batches(max_chunksize=self.size)


class InRuns(InBatches):
    """And in runs, which are added up from the last to the first, one of them empty."""

    def total(self, columns, part, more):
        batches = list(self.batches(columns))
        runs = [Run(batches[:2], self.place), Run([], self.place), Run(batches[2:], self.place)]
        runs[2] = replace(runs[2], start=sum(len(batch) for batch in batches[:2]))
        found = [part(run) for run in runs]
        return found[2] + (found[1] + found[0])


def plain(table):
    return Streamed.of(InBatches(table.drop_columns(["w"]), 65_536), Roles("y"))


def test_a_sample_does_not_depend_on_how_rows_come(table):
    """Of any block size, and of runs added up backwards; its rows are rows, weights and all."""
    roles = Roles("y", "w")
    samples = [
        Streamed.of(kind(table, size), roles).sample(400)
        for kind, size in [(InBatches, 7), (InBatches, 65_536), (InBatches, 1_000), (InRuns, 500)]
    ]
    first = samples[0]
    assert first.origin == f"400 of 2 {np.sum(table['w'].to_numpy() > 0) - 2000} rows of a store"
    for other in samples[1:]:
        np.testing.assert_array_equal(other.X, first.X)
        np.testing.assert_array_equal(other.index, first.index)
    rows = table.take(first.index)
    np.testing.assert_array_equal(rows.select(["a", "b", "c"]).to_pandas(), first.X)
    np.testing.assert_array_equal(rows["y"], first.y)
    np.testing.assert_array_equal(rows["w"], first.weights)
    assert np.all(np.diff(first.index) > 0)


def test_a_sample_is_the_smallest_hashes_and_all_of_few(table):
    stream = plain(table)
    hashes = hash64(np.arange(N))
    np.testing.assert_array_equal(stream.sample(50).index, np.sort(np.argsort(hashes)[:50]))
    assert len(np.unique(hashes)) == N
    assert stream.sample(50) is stream.sample(50)
    assert stream.read.passes == 1
    np.testing.assert_array_equal(stream.sample(N + 1).y, table["y"])
    with pytest.raises(br.BadArgument, match="rows must be an integer of at least 1"):
        stream.sample(0)


def test_hashes_of_runs_differ_and_are_even():
    """Each bit is one as often as not, in each run; the control's are not."""
    rows = np.arange(20_000)

    def unevenness(hashes):
        bits = np.unpackbits(hashes.view(np.uint8)).reshape(-1, 64).mean(axis=0)
        return np.abs(bits - 0.5).max() * 2 * np.sqrt(len(hashes))

    assert unevenness(hash64(rows)) < 4.5
    assert unevenness(hash64(rows, 3)) < 4.5
    assert not np.intersect1d(hash64(rows), hash64(rows, 3)).size
    assert unevenness(rows.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15 * 2 % 2**64)) > 4.5


def test_a_sample_of_runs_names_both(table):
    """Rows that are counted within their partition; what none had changes nothing."""
    stream = plain(table)
    parts = list(stream.blocks())
    run = Sampling(5)(parts)
    assert not run.runs.any()
    assert len(run + Sampling(5).zero) == len(Sampling(5).zero + run) == 5
