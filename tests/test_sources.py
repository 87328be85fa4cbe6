"""Sources of rows: whichever way the rows come, they are the same rows."""

from __future__ import annotations

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

import bayesreg as br
from bayesreg.data import arrival
from bayesreg.data.moments import Moments
from bayesreg.data.stores import source_of
from bayesreg.data.stores.blocks import Blocks
from bayesreg.data.streamed import Roles, Streamed

N, P = 3_000, 4
NAMES = ("area", 'the "inner" one', "a.b", "rooms")


def rows() -> pa.Table:
    """Columns of different kinds and sizes, one with a mean far from 0, and weights with zeros."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(N, P)) * [1.0, 20.0, 0.01, 1.0] + [1e5, 0.0, 3.0, 0.0]
    X[:, 3] = rng.integers(0, 9, N)
    y = X @ [1.0, -2.0, 50.0, 0.3] + rng.normal(size=N)
    columns = {name: X[:, j] for j, name in enumerate(NAMES)}
    columns["rooms"] = X[:, 3].astype(np.int16)
    return pa.table({**columns, "price": y, "w": rng.integers(0, 3, N)})


@pytest.fixture(scope="module")
def table():
    return rows()


@pytest.fixture(scope="module")
def folder(table, tmp_path_factory):
    """Four files, one of no rows, of row groups that do not fit the batches."""
    path = tmp_path_factory.mktemp("sales")
    for k, (start, length) in enumerate([(0, 1000), (1000, 0), (1000, 1500), (2500, 500)]):
        pq.write_table(table.slice(start, length), path / f"{k}.parquet", row_group_size=333)
    return path


class Offered:
    """Another library's rows, as an Arrow stream."""

    def __init__(self, table):
        self.table = table

    def __arrow_c_stream__(self, requested_schema=None):
        return self.table.__arrow_c_stream__(requested_schema)


def blocks(table, size=700):
    """The rows as a list of blocks, y and weights beside."""
    frame = table.to_pandas()
    parts = [frame.iloc[k : k + size] for k in range(0, len(frame), size)]
    return [(part[list(NAMES)], part["price"], part["w"]) for part in parts]


SOURCES = {
    "file": lambda table, folder: str(folder / "0.parquet"),
    "glob": lambda table, folder: str(folder / "*.parquet"),
    "folder": lambda table, folder: folder,
    "dataset": lambda table, folder: ds.dataset(folder),
    "duckdb": lambda table, folder: duckdb.connect().read_parquet(str(folder / "*.parquet")),
    "polars": lambda table, folder: pl.scan_parquet(folder / "*.parquet"),
    "reader": lambda table, folder: table.to_reader(max_chunksize=64),
    "stream": lambda table, folder: Offered(table),
}


def held(moments):
    """Everything in moments as one vector, each product on its own scale."""
    sd = np.sqrt(np.diagonal(moments.cross))
    parts = [
        moments.x_mean,
        [moments.y_mean, moments.n],
        (moments.cross / sd[:, None] / sd).ravel(),
    ]
    return np.concatenate([*parts, sd / np.sqrt(moments.n)])


@pytest.mark.parametrize("weights", ["", "w"])
@pytest.mark.parametrize("kind", SOURCES)
def test_moments_of_a_source_are_those_of_memory(kind, weights, table, folder):
    given = table.slice(0, 1000) if kind == "file" else table
    w = given["w"].to_numpy() if weights else None
    beside = given.select(NAMES if weights else [*NAMES, "w"])
    memory = Moments.of(beside, given["price"].to_numpy(), w)

    stream = Streamed.of(source_of(SOURCES[kind](table, folder)), Roles("price", weights))

    assert stream.moments.names == memory.names
    assert stream.moments.rows == memory.rows
    np.testing.assert_allclose(held(stream.moments), held(memory), rtol=1e-14, atol=1e-14)
    assert stream.read.rows == given.num_rows
    assert stream.read.passes == 1


def test_moments_of_a_source_control(table, folder):
    memory = Moments.of(table.select([*NAMES, "w"]), table["price"].to_numpy())
    short = Streamed.of(source_of(str(folder / "[023].parquet")), Roles("price", "")).moments
    other = Streamed.of(source_of(str(folder / "[01].parquet")), Roles("price", "")).moments
    np.testing.assert_allclose(held(short), held(memory), rtol=1e-14, atol=1e-14)
    assert not np.allclose(held(other), held(memory), rtol=1e-6, atol=1e-6)


def test_blocks_are_a_source(table):
    stream = Streamed.of(Blocks(blocks(table)), Roles("price", "weights"))
    memory = Moments.of(table.select(NAMES), table["price"].to_numpy(), table["w"].to_numpy())
    np.testing.assert_allclose(held(stream.moments), held(memory), rtol=1e-14, atol=1e-14)


def test_a_large_source_is_streamed_and_keeps_its_names(table, folder, monkeypatch):
    """MAP, draws, predictions and priors by name are those of the rows in memory."""
    model = br.Model({"area": br.Flat(), ...: br.Normal(1.0)}, br.Gaussian(1.0))
    memory = model.condition(table, "price", weights="w", standardize=True)
    assert memory.stream is None

    monkeypatch.setattr(arrival, "SMALL", 1_000)
    problem = model.condition(str(folder), "price", weights="w", standardize=True)

    assert problem.design is None
    assert problem.features == NAMES
    fit, same = br.fit_map(problem), br.fit_map(memory)
    np.testing.assert_allclose(fit.beta, same.beta, rtol=1e-9)
    new = table.select(["rooms", "a.b", 'the "inner" one', "area"]).slice(0, 3)
    np.testing.assert_allclose(fit.predict(new), same.predict(new), rtol=1e-9)
    assert "4 files" in problem.stream.read.words


def test_a_small_source_is_read_into_memory(table, folder):
    problem = br.Model(br.Normal(1.0)).condition(
        str(folder), "price", weights="w", standardize=True
    )
    memory = br.Model(br.Normal(1.0)).condition(table, "price", weights="w", standardize=True)
    np.testing.assert_array_equal(problem.design.X, memory.design.X)
    assert problem.stream is None
    assert "3 000 rows, 4 files" in problem.design.origin


def test_another_likelihood_is_refused_before_a_row_is_read(table, folder, monkeypatch):
    monkeypatch.setattr(arrival, "SMALL", 1_000)
    monkeypatch.setattr(Streamed, "blocks", lambda self: pytest.fail("read"))
    with pytest.raises(br.NotSupported, match=r"Poisson.*sample"):
        br.Model(br.Normal(1.0), br.Poisson()).condition(str(folder), "rooms")


def test_where_a_null_is_is_said(table, tmp_path):
    """In the last row group of the second file, found by its footer and by reading."""
    values = table["area"].to_pylist()
    values[-2] = None
    lacking = table.set_column(0, "area", pa.array(values))
    pq.write_table(lacking.slice(0, 2000), tmp_path / "a.parquet")
    pq.write_table(lacking.slice(2000), tmp_path / "b.parquet", row_group_size=100)
    with pytest.raises(br.BadData, match=r"'area'.*1 in b\.parquet.*missing='drop'"):
        Streamed.of(source_of(tmp_path), Roles("price"))

    pq.write_table(lacking.slice(2000), tmp_path / "b.parquet", write_statistics=False)
    stream = Streamed.of(source_of(tmp_path), Roles("price"))
    with pytest.raises(br.BadData, match=r"'area'.*row 998 \(from 0\) of b\.parquet"):
        _ = stream.moments

    dropped = Streamed.of(source_of(tmp_path), Roles("price"), "drop")
    assert dropped.moments.rows == N - 1
    assert dropped.read.missing == {"area": 1}
    assert dropped.read.words.endswith("1 row left out (area missing)")
