"""Sources of rows: whichever way the rows come, they are the same rows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from decimal import Decimal

import duckdb
import fsspec
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

import bayesreg as br
from bayesreg.cli import main
from bayesreg.data import arrival, different
from bayesreg.data.moments import Moments
from bayesreg.data.stores import Source, arrow, parquet, source_of
from bayesreg.data.stores import duckdb as store_of_duckdb
from bayesreg.data.stores import polars as store_of_polars
from bayesreg.data.stores.blocks import Blocks
from bayesreg.data.stores.reader import Roles
from bayesreg.data.streamed import Streamed
from bayesreg.estimators import MapRegressor

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


SLOW = [pytest.param(size, marks=pytest.mark.slow) for size in (1, 7)]


@pytest.mark.parametrize("size", [*SLOW, 1_000, 65_536])
@pytest.mark.parametrize("kind", ["folder", "dataset", "duckdb", "polars", "reader"])
def test_the_bits_do_not_depend_on_what_brings_the_rows(kind, size, table, tmp_path, monkeypatch):
    """Nor on how many come at once: chunks are cut anew, and merged by one tree."""
    for module in (parquet, arrow, store_of_duckdb, store_of_polars):
        monkeypatch.setattr(module, "BATCH", size)
    if size > 7:  # three chunks
        table = pa.concat_tables([table] * 8).combine_chunks()
    pq.write_table(table.slice(0, 2000), tmp_path / "0.parquet", row_group_size=777)
    pq.write_table(table.slice(2000), tmp_path / "1.parquet")
    source = table.to_reader(size) if kind == "reader" else SOURCES[kind](table, tmp_path)
    found, memory = Moments.of(source, "price", "w"), Moments.of(table, "price", "w")
    np.testing.assert_array_equal(found.cross, memory.cross)
    np.testing.assert_array_equal(found.x_mean, memory.x_mean)
    assert (found.y_mean, found.n, found.names) == (memory.y_mean, memory.n, memory.names)


def test_the_bits_depend_on_the_order_control(table):
    """What a store that does not keep the order of its rows would give."""
    order = np.random.default_rng(0).permutation(N)
    other = Moments.of(table.take(order), "price", "w")
    assert not np.array_equal(other.cross, Moments.of(table, "price", "w").cross)


def test_moments_are_read_once_saved_and_added_to(folder, table, tmp_path):
    old = Moments.of(folder / "0.parquet", "price", "w")
    old.save(tmp_path / "sums.breg")
    new = Moments.of(str(folder / "[123].parquet"), "price", "w")
    total = Moments.load(tmp_path / "sums.breg") + new
    np.testing.assert_allclose(held(total), held(Moments.of(table, "price", "w")), rtol=1e-13)


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


def test_another_likelihood_needs_rows_that_repeat(table, folder, monkeypatch):
    monkeypatch.setattr(arrival, "SMALL", 1_000)
    monkeypatch.setattr(different, "MOST", 1_000)
    with pytest.raises(br.NotSupported, match=r"Laplace.*more than 1 000 different.*sample"):
        br.Model(br.Normal(1.0), br.LaplaceNoise()).condition(str(folder), "rooms")


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


class Counting(Source):
    """A store that says how many rows it has."""

    label = "a store"

    def __init__(self, table, rows, repeatable=True):
        self.table, self.rows, self.repeatable = table, rows, repeatable
        self.schema = table.schema

    def batches(self, columns):
        yield from self.table.select(columns).to_batches(max_chunksize=500)


def test_a_reader_that_ends_early_is_found_out(table):
    plain = table.drop_columns(["w"])
    assert Streamed.of(Counting(plain, N), Roles("price")).moments.rows == N
    with pytest.raises(br.BadData, match=r"3001 rows by its own count, and 3000 came"):
        _ = Streamed.of(Counting(plain, N + 1), Roles("price")).moments


def test_a_file_that_changes_between_passes_is_found_out(table, tmp_path):
    pq.write_table(table, tmp_path / "a.parquet")
    pq.write_table(table, tmp_path / "b.parquet")
    stream = Streamed.of(source_of(tmp_path), Roles("price"))
    assert stream.total(lambda part: len(part.y)) == 2 * N
    assert stream.total(lambda part: len(part.y)) == 2 * N
    assert stream.read.passes == 2
    pq.write_table(table.slice(1), tmp_path / "b.parquet")
    with pytest.raises(br.BadData, match=r"changed since it was opened: b\.parquet"):
        _ = stream.moments


def test_what_can_be_read_once_is_not_read_twice(table):
    stream = Streamed.of(source_of(table.to_reader()), Roles("price"))
    assert stream.moments.rows == N
    with pytest.raises(br.BadArgument, match="a RecordBatchReader can be read once"):
        next(stream.blocks())


def test_a_generator_too_large_for_memory_is_read_once(table, monkeypatch):
    """Its first blocks were looked at to learn how large it is."""
    monkeypatch.setattr(arrival, "SMALL", 5_000)
    model = br.Model(br.Normal(1.0))
    streamed = model.condition((block for block in blocks(table)), standardize=True)
    memory = model.condition(table, "price", weights="w", standardize=True)
    assert streamed.stream is not None
    np.testing.assert_allclose(held(streamed.moments), held(memory.moments), rtol=1e-14, atol=1e-14)


def test_ill_conditioned_columns_are_read_twice(tmp_path, monkeypatch):
    """And the optimum is that of memory where products alone would have lost its digits."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=2_000)
    frame = pa.table(
        {"a": x, "b": x + 1e-6 * rng.normal(size=2_000), "y": x + rng.normal(size=2_000)}
    )
    pq.write_table(frame, tmp_path / "a.parquet")
    memory = br.Model(br.Normal(1.0)).condition(frame, "y")
    monkeypatch.setattr(arrival, "SMALL", 100)
    problem = br.Model(br.Normal(1.0)).condition(tmp_path / "a.parquet", "y")
    assert problem.stream.read.passes == 2
    assert problem.moments.root is not None
    np.testing.assert_allclose(br.fit_map(problem).beta, br.fit_map(memory).beta, rtol=1e-9)


def test_a_constant_column_takes_no_second_pass(table):
    """It has no correlations; what is said of the others is what is said without it."""
    plain = table.drop_columns(["w"])
    more = plain.append_column("one", pa.array(np.ones(N)))
    stream = Streamed.of(Counting(more, N), Roles("price"))
    without = Streamed.of(Counting(plain, N), Roles("price"))
    assert stream.moments.constant.tolist() == [False] * P + [True]
    assert stream.read.passes == 1
    model = br.Model(br.Laplace(1.0), br.Gaussian(1.0))
    with pytest.warns(br.BayesregWarning, match="'one' is constant"):
        fit = br.fit_map(model.condition(stream, standardize=True))
    assert fit.certificate.ok
    other = br.fit_map(model.condition(without, standardize=True))
    np.testing.assert_allclose(fit.beta.iloc[:P], other.beta, rtol=1e-9)


def test_integers_above_2_53_are_told_of(table):
    ids = pa.array(2**53 + 1 + 2 * np.arange(N))
    stream = Streamed.of(Counting(table.append_column("id", ids), N), Roles("price"))
    with pytest.warns(br.BayesregWarning, match=r"'id'.*integers above 2\^53"):
        assert stream.moments.rows == N
    assert len(stream.notes) == 1


def test_decimals_are_the_numbers_that_they_are(table):
    cents = np.random.default_rng(2).integers(-(10**7), 10**7, N)
    cents[:2] = 2**53 + 3, -(2**62)
    exact = pa.array([Decimal(int(c)).scaleb(-2) for c in cents])
    given = table.append_column("cost", exact)
    stream = Streamed.of(Counting(given, N), Roles("price"))
    plain = table.append_column("cost", pa.array([float(c) for c in exact.to_pylist()]))
    same = Streamed.of(Counting(plain, N), Roles("price"))
    np.testing.assert_array_equal(stream.moments.cross, same.moments.cross)


@pytest.mark.parametrize(
    "column, words",
    [
        (pa.array(["a", "b"] * (N // 2)), r"'new'.*text or categories.*formula"),
        (pa.array(["a", "b"] * (N // 2)).dictionary_encode(), r"'new'.*text or categories"),
        (pa.array([b"a"] * N), r"'new'.*type binary"),
        (pa.array(np.arange(N), pa.timestamp("s")), r"'new'.*dates"),
        (pa.array([[1.0]] * N), r"'new'.*type list"),
    ],
)
def test_what_is_no_number_is_refused_before_a_row_is_read(column, words, table, monkeypatch):
    monkeypatch.setattr(Counting, "batches", lambda self, columns: pytest.fail("read"))
    with pytest.raises(br.BadData, match=words):
        Streamed.of(Counting(table.append_column("new", column), N), Roles("price"))


def test_values_that_are_none_are_refused_with_their_row(table):
    x = table["area"].to_numpy().copy()
    x[1234] = np.inf
    infinite = table.set_column(0, "area", pa.array(x))
    with pytest.raises(br.BadData, match=r"'area' is infinite in row 1234"):
        _ = Streamed.of(Counting(infinite, N), Roles("price")).moments
    w = table["w"].to_numpy().copy()
    w[700] = -1
    negative = table.set_column(5, "w", pa.array(w))
    with pytest.raises(br.BadData, match=r"'w' has the weight -1 in row 700"):
        _ = Streamed.of(Counting(negative, N), Roles("price", "w")).moments


def test_a_row_of_weight_zero_may_lack_values(table):
    w, x = table["w"].to_numpy(), table["area"].to_numpy().copy()
    x[w == 0] = np.nan
    given = table.set_column(0, "area", pa.array(x))
    stream = Streamed.of(Counting(given, N), Roles("price", "w"))
    assert stream.moments.rows == int((w > 0).sum())


def test_an_offset_is_taken_from_y(table):
    problem = br.Model(br.Normal(1.0)).condition(table, "price", offset="w", standardize=True)
    stream = Streamed.of(Counting(table, N), Roles("price", offset="w"))
    np.testing.assert_allclose(held(stream.moments), held(problem.moments), rtol=1e-14, atol=1e-14)
    assert stream.shifted


def test_folders_by_value_have_that_column(table, tmp_path):
    for year in (2023, 2024):
        (tmp_path / f"year={year}").mkdir()
        pq.write_table(table, tmp_path / f"year={year}" / "a.parquet")
    source = source_of(tmp_path)
    assert source.names[-1] == "year"
    moments = Streamed.of(source, Roles("price")).moments
    assert moments.x_mean[-1] == 2023.5
    assert moments.rows == 2 * N


def test_addresses_are_read(table):
    memory = fsspec.filesystem("memory")
    for k in range(2):
        with memory.open(f"/bucket/{k}.parquet", "wb") as file:
            pq.write_table(table.slice(k * 1500, 1500), file)
    stream = Streamed.of(source_of("memory://bucket/*.parquet"), Roles("price"))
    whole = Moments.of(table.drop_columns(["price"]), table["price"].to_numpy())
    np.testing.assert_allclose(held(stream.moments), held(whole), rtol=1e-14, atol=1e-14)


def test_a_missing_package_is_named_with_its_install_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(br.NotSupported, match=r"pip install 'bayesreg\[remote\]'"):
        source_of("s3://bucket/a.parquet")
    monkeypatch.delattr(pl.LazyFrame, "collect_batches")
    with pytest.raises(br.NotSupported, match=r"pip install 'bayesreg\[polars\]'"):
        source_of(pl.LazyFrame({"x": [1.0]}))
    monkeypatch.setattr(duckdb, "__version__", "1.4.2")
    with pytest.raises(br.NotSupported, match=r"pip install 'bayesreg\[duckdb\]'"):
        source_of(duckdb.sql("select 1.0 as x"))


def test_the_order_of_a_relation_must_be_kept():
    connection = duckdb.connect()
    connection.execute("SET preserve_insertion_order = false")
    with pytest.raises(br.BadArgument, match="preserve_insertion_order = true"):
        source_of(connection.sql("select 1.0 as x"))


def test_dictionaries_that_differ_by_row_group_are_one_factor(tmp_path):
    parts = [(["b", "a"], [1.0, 2.0]), (["c", "b"], [4.0, 1.5]), (["a", "c"], [2.5, 4.5])]
    for k, (g, y) in enumerate(parts):
        part = pa.table({"g": pa.array(g).dictionary_encode(), "y": y})
        pq.write_table(part, tmp_path / f"{k}.parquet")
    problem = br.Model(br.Normal(1.0)).condition_formula("y ~ C(g)", tmp_path)
    assert problem.features == ("C(g)[a]", "C(g)[b]", "C(g)[c]")
    np.testing.assert_allclose(problem.design.X.sum(axis=0), [2.0, 2.0, 2.0])


DOORS = {
    "file": lambda table: None,
    "frame": lambda table: table,
    "pandas": lambda table: table.to_pandas(),
}


@pytest.mark.parametrize("door", DOORS)
def test_rows_left_out_are_counted_by_column(door, table, tmp_path):
    values = table["rooms"].to_pylist()
    values[3] = values[4] = None
    lacking = table.set_column(3, "rooms", pa.array(values, pa.float64()))
    pq.write_table(lacking, tmp_path / "a.parquet")
    given = tmp_path / "a.parquet" if door == "file" else DOORS[door](lacking)
    model = br.Model(br.Normal(1.0))
    with pytest.raises(br.BadData, match="'rooms'"):
        model.condition(given, "price", weights="w", standardize=True)
    problem = model.condition(given, "price", weights="w", standardize=True, missing="drop")
    w = np.delete(table["w"].to_numpy(), [3, 4])
    assert problem.n == w.sum()
    assert "rows left out (rooms missing)" in problem.design.origin
    with pytest.raises(br.BadArgument, match="did you mean 'drop'"):
        model.condition(given, "price", missing="dropp")


@pytest.mark.parametrize(
    "given, y, error, words",
    [
        ("{}/0.parquet", None, br.BadArgument, "y is missing.*'area'"),
        ("{}/0.parquet", "prize", br.BadData, "did you mean 'price'"),
        ("{}/0.parquet", [1.0], br.BadArgument, "y must be the name of a column"),
        ("{}/none*.parquet", "price", br.BadArgument, "no file is called"),
        ("{}/none.parquet", "price", br.BadArgument, "there is no file or folder"),
        (__file__, "price", br.BadArgument, "read as Parquet.*read_csv"),
    ],
)
def test_a_source_that_is_none_is_refused_with_advice(given, y, error, words, folder):
    with pytest.raises(error, match=words):
        br.Model(br.Normal(1.0)).condition(given.format(folder), y)


def test_a_comparison_on_a_stream_is_saved_and_says_what_was_read(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(arrival, "SMALL", 1_000)
    models = {"wide": br.Normal(5.0), "tight": br.Normal(0.5)}
    fits = br.compare(models, folder, "price", weights="w", standardize=True, seed=1, draws=50)
    first = fits["wide"].problem.stream
    assert fits["tight"].problem.stream is first
    assert first.read.passes == 2  # moments, and the rows of all priors left out
    assert "3 000 rows, 4 files, 2 passes" in repr(fits)
    assert "4 files" in fits["wide"].post.summary().facts["read"]
    fits.report(tmp_path / "report.md", sections=["provenance"])
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "3 000 rows, 4 files, 2 passes" in text

    fits.save(tmp_path / "fits.breg")
    loaded = br.load(tmp_path / "fits.breg")
    stream = loaded["wide"].problem.stream
    assert stream.read.words == first.read.words
    assert stream.terms == first.terms
    new = pa.table({name: [1.0, 2.0] for name in reversed(NAMES)})
    np.testing.assert_array_equal(loaded["wide"].fit.predict(new), fits["wide"].fit.predict(new))
    with pytest.raises(br.NotSupported, match="condition on the source again"):
        next(stream.blocks())


def test_estimators_and_the_shell_read_a_source(folder, table, tmp_path, monkeypatch, capsys):
    memory = MapRegressor(br.Normal(1.0), sigma=1.0, standardize=True)
    memory.fit(table.select(NAMES).to_pandas(), table["price"].to_numpy(), table["w"].to_numpy())
    monkeypatch.setattr(arrival, "SMALL", 1_000)
    streamed = MapRegressor(br.Normal(1.0), sigma=1.0, standardize=True)
    streamed.fit(str(folder), "price", sample_weight="w")
    np.testing.assert_allclose(streamed.coef_, memory.coef_, rtol=1e-9)
    new = table.select(NAMES).slice(0, 3).to_pandas()
    np.testing.assert_allclose(streamed.predict(new), memory.predict(new), rtol=1e-12)

    command = f"compare {folder}/*.parquet --target price --weights w --priors normal(1) --sigma 1"
    main([*command.split(), "--no-verify", "--seed", "1", "--draws", "50"], standalone_mode=False)
    assert "3 000 rows, 4 files, 2 passes" in capsys.readouterr().out

    saved, new = str(tmp_path / "fit.breg"), str(tmp_path / "new.parquet")
    br.fit_map(streamed.result_.problem).save(saved)
    pq.write_table(table.select(NAMES).slice(0, 3), new)
    main(["predict", saved, new, "--json"], standalone_mode=False)
    means = [row["mean"] for row in json.loads(capsys.readouterr().out)["rows"]]
    np.testing.assert_allclose(means, memory.predict(table.select(NAMES).slice(0, 3).to_pandas()))


def test_a_pass_is_told_on_a_terminal_and_is_silent_elsewhere(folder, capsys, monkeypatch):
    stream = Streamed.of(source_of(folder), Roles("price"))
    stream.total(lambda part: len(part.y))
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    stream.total(lambda part: len(part.y))
    assert "pass 2 over" in capsys.readouterr().err


# What a hundred million rows take in memory; how long is for the benchmarks. Linux counts in
# ru_maxrss what the process that started this one had; VmHWM is of this program alone.
MEASURED = """
import sys
from pathlib import Path
from bayesreg.data.stores import source_of
from bayesreg.data.stores.reader import Roles
from bayesreg.data.streamed import Streamed

m = Streamed.of(source_of(sys.argv[1]), Roles("y")).moments
told = Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]
print(m.rows, int(told) / 2**20)
print(*m.x_mean, m.y_mean)
print(*m.cross.ravel())
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak of one program is told by Linux")
def test_a_hundred_million_rows_take_one_pass_in_less_than_a_gigabyte(tmp_path):
    """A file of one block, again and again about another mean: its moments are known exactly."""
    size, copies, width = 1_000_000, 100, 6
    rng = np.random.default_rng(5)
    block = rng.normal(size=(width, size))
    block -= block.mean(axis=1, keepdims=True)
    shift = rng.normal(size=(copies, width))
    schema = pa.schema([(name, pa.float64()) for name in ("a", "b", "c", "d", "e", "y")])
    how = {"compression": "none", "use_dictionary": False}
    with pq.ParquetWriter(tmp_path / "rows.parquet", schema, **how) as file:
        for means in shift:
            arrays = [pa.array(x + mean) for x, mean in zip(block, means, strict=True)]
            file.write_table(pa.table(arrays, schema=schema), row_group_size=500_000)

    command = [sys.executable, "-c", MEASURED, str(tmp_path / "rows.parquet")]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    (tmp_path / "rows.parquet").unlink()  # five gigabytes, which pytest would keep
    first, means, cross = (np.array(line.split(), float) for line in done.stdout.splitlines())

    rows, gigabytes = first
    assert rows == size * copies
    assert gigabytes < 1.0
    drift = shift - shift.mean(axis=0)
    whole = copies * block @ block.T + size * drift.T @ drift
    sd = np.sqrt(np.diagonal(whole))
    np.testing.assert_allclose(means, shift.mean(axis=0), atol=1e-13)
    np.testing.assert_allclose(
        cross.reshape(width, width) / sd / sd[:, None], whole / sd / sd[:, None], atol=1e-12
    )
