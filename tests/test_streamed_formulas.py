"""A formula on rows that are read in passes is the formula on these rows in memory."""

from __future__ import annotations

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

import bayesreg as br
from bayesreg.cli import main
from bayesreg.data import arrival, cell_moments

N = 2_000
MODEL = br.Model(br.Normal(1.0))


def rows() -> pa.Table:
    rng = np.random.default_rng(1)
    g = np.sort(rng.choice(list("dabc"), N))  # so that the first rows have no other level
    return pa.table(
        {
            "x": rng.normal(3.0, 1.0, N),
            "z": rng.uniform(1.0, 2.0, N),
            "g": g,
            "h": pa.array(rng.choice(["u", "v"], N)).dictionary_encode(),
            "d": rng.integers(0, 4, N),
            "f": rng.random(N) < 0.5,
            "y": rng.normal(5.0, 1.0, N),
            "w": rng.integers(0, 3, N),
        }
    )


@pytest.fixture(scope="module")
def table():
    return rows()


@pytest.fixture(scope="module")
def folder(table, tmp_path_factory):
    path = tmp_path_factory.mktemp("rows")
    for k in range(2):
        pq.write_table(table.slice(k * 1000, 1000), path / f"{k}.parquet", row_group_size=300)
    return path


SOURCES = {
    "folder": lambda table, folder: folder,
    "dataset": lambda table, folder: ds.dataset(folder),
    "duckdb": lambda table, folder: duckdb.connect().read_parquet(str(folder / "*.parquet")),
    "polars": lambda table, folder: pl.scan_parquet(folder / "*.parquet"),
    "frames": lambda table, folder: [table.slice(k, 700).to_pandas() for k in (0, 700, 1400)],
}
FORMULAS = (
    "y ~ x + g",
    "y ~ x + C(g) + x:C(g) + C(h)*d",
    "log(y**2 + 1) ~ scale(log(z), ddof=0) + center(x):C(g) + C(d) + f + offset(z)",
    "y ~ bs(x, knots=[2, 3], lower_bound=-9, upper_bound=19) + C(g, Treatment('b')) + scale(d) - 1",
)


def both(formula, table, source, monkeypatch, prior=None, *, cells=False, **how):
    """The problem in memory, and the one whose rows are read in passes."""
    model = MODEL if prior is None else br.Model(prior)
    how["standardize"] = True
    memory = model.condition_formula(formula, table, **how)
    monkeypatch.setattr(arrival, "SMALL", 100)
    if not cells:
        monkeypatch.setattr(cell_moments, "plan", lambda *_: None)
    streamed = model.condition_formula(formula, source, **how)
    assert streamed.stream is not None
    return memory, streamed


def apart(one, other):
    """The largest difference of two cross-products, each on its own scale; and of means."""
    sd = np.sqrt(np.diagonal(other.cross))
    sd = np.where(sd > 0.0, sd, 1.0)
    cross = np.abs((one.cross - other.cross) / sd / sd[:, None]).max()
    means = np.abs(one.x_mean - other.x_mean) / (np.abs(other.x_mean) + other.x_sd + 1e-300)
    return max(cross, means.max(), abs(one.y_mean / other.y_mean - 1.0))


CASES = (
    (0, "polars", "w"), (1, "folder", "w"), (1, "duckdb", None), (2, "dataset", "w"),
    (3, "frames", "w"),
)  # fmt: skip


@pytest.mark.parametrize("formula, kind, weights", CASES)
def test_a_streamed_formula_is_that_of_memory(formula, kind, weights, table, folder, monkeypatch):
    source = SOURCES[kind](table, folder)
    memory, streamed = both(FORMULAS[formula], table, source, monkeypatch, weights=weights)
    assert streamed.features == memory.features
    assert streamed.stream.terms == memory.design.terms
    assert streamed.stream.y_name == memory.design.y_name
    assert streamed.intercept == memory.intercept
    assert apart(streamed.moments, memory.moments) < 2e-15
    new = table.slice(0, 5)
    np.testing.assert_allclose(
        streamed.stream.encode(new), memory.design.encode(new), rtol=1e-13, atol=1e-15
    )


def test_a_streamed_formula_control(table, folder, monkeypatch):
    """Rows learnt from without their weights are other rows."""
    memory = MODEL.condition_formula(FORMULAS[2], table, standardize=True)
    _, streamed = both(FORMULAS[2], table, folder, monkeypatch, weights="w")
    assert apart(streamed.moments, memory.moments) > 1e-6


@pytest.mark.filterwarnings("ignore:column .* is constant")
def test_levels_that_a_type_lists_are_kept_in_its_order(monkeypatch):
    """Those of an Enum, of DuckDB's ENUM, of pandas' categories, and those that are said."""
    rng = np.random.default_rng(2)
    order = ["c", "a", "z", "b"]
    values, y = rng.choice(["a", "b", "c"], 300), rng.normal(size=300)
    enum = pl.DataFrame({"g": pl.Series(values, dtype=pl.Enum(order)), "y": y})
    plain = pa.table({"g": values, "y": y})
    connection = duckdb.connect()
    connection.execute("CREATE TYPE letter AS ENUM ('c', 'a', 'z', 'b')")
    connection.register("plain", plain)
    sources = [
        enum.lazy(),
        connection.sql("SELECT g::letter AS g, y FROM plain"),
        [pd.DataFrame({"g": pd.Categorical(values, order), "y": y})],
    ]
    names = tuple(f"C(g)[{level}]" for level in order)
    for small in (2**24, 100):
        monkeypatch.setattr(arrival, "SMALL", small)
        for source in sources:
            assert MODEL.condition_formula("y ~ C(g)", source).features == names
        said = MODEL.condition_formula("y ~ C(g)", plain.to_pandas(), levels={"g": order})
        assert said.features == names
    streamed = MODEL.condition_formula("y ~ C(g)", [plain], levels={"g": order})
    assert streamed.features == names
    assert streamed.stream.read.learning == 0
    for source in (plain, [plain]):
        with pytest.raises(br.BadData, match=r"'g' has .* level .*said.*levels="):
            MODEL.condition_formula("y ~ C(g)", source, levels={"g": ["a", "c"]})


def test_rows_that_lack_what_is_used_are_refused_or_counted(table, tmp_path, monkeypatch):
    """A level that only an incomplete row has is none; a column that is not used may lack."""
    g, x, z = (table[name].to_pylist() for name in "gxz")
    g[5], x[7], x[9], g[7] = None, None, float("nan"), "only here"
    z[3] = None
    lacking = table.set_column(2, "g", pa.array(g)).set_column(0, "x", pa.array(x))
    lacking = lacking.set_column(1, "z", pa.array(z))
    pq.write_table(lacking, tmp_path / "a.parquet", write_statistics=False)
    given = tmp_path / "a.parquet"
    small = MODEL.condition_formula("y ~ x + C(g)", given, missing="drop")
    frame = MODEL.condition_formula("y ~ x + C(g)", lacking, missing="drop")
    monkeypatch.setattr(arrival, "SMALL", 100)
    with pytest.raises(br.BadData, match=r"column 'g'.*missing='drop'"):
        MODEL.condition_formula("y ~ x + C(g)", given)
    dropped = MODEL.condition_formula("y ~ x + C(g)", given, missing="drop")
    assert dropped.features == small.features == frame.features
    assert "only here" not in str(dropped.features)
    assert dropped.stream.read.missing == {"x": 2, "g": 1}
    for one in (dropped.stream.origin, small.design.origin, frame.design.origin):
        assert "3 rows left out (" in one
    np.testing.assert_array_equal(small.moments.cross, frame.moments.cross)
    assert apart(dropped.moments, small.moments) < 1e-13


@pytest.mark.parametrize(
    "formula, words",
    [
        ("y ~ poly(x, 2)", r"poly\(x, 2\) learns from all rows.*I\(x\*\*2\)"),
        ("y ~ bs(x, df=5)", r"bs\(x, df=5\) learns.*knots.*bounds"),
        ("y ~ bs(x, knots=[3])", r"learns.*bounds"),
        ("y ~ cr(x, df=4)", r"learns.*knots"),
        ("y ~ x + lag(x)", r"lag\(x\).*computed from all rows together"),
        ("y ~ I(x - x.mean())", "computed from all rows together"),
        ("y ~ center(scale(x))", "learns from what is learnt itself"),
        ("log(y) ~ x + nothing", "did you mean|no column"),
    ],
)
def test_what_is_no_sum_over_rows_is_refused(formula, words, table, monkeypatch):
    monkeypatch.setattr(arrival, "SMALL", 100)
    with pytest.raises((br.BadArgument, br.BadData), match=words):
        MODEL.condition_formula(formula, [table])


def test_levels_without_end_and_levels_that_come_later_are_refused(table, monkeypatch):
    monkeypatch.setattr(arrival, "SMALL", 100)
    ids = pa.table({"id": np.arange(12_000).astype(str), "y": np.arange(12_000.0)})
    with pytest.raises(br.BadData, match="'id' has more than 10 000 levels"):
        MODEL.condition_formula("y ~ C(id)", [ids])

    for name, new in (("g", "e"), ("d", 9)):

        class Changing:
            """Blocks of which a row is another when they are read for the fifth time."""

            times = 0

            def __iter__(self, name=name, new=new):
                self.times += 1
                frame = table.to_pandas()
                if self.times > 4:  # the schema, the size, the sample, the levels
                    frame.loc[1500, name] = new
                return iter([frame])

        with pytest.raises(br.BadData, match=f"'{name}' has a level in row 1500 .*changed"):
            MODEL.condition_formula(f"y ~ C({name})", Changing(), standardize=True)
    with pytest.raises(br.BadArgument, match="can be read once, and a formula must be learnt"):
        MODEL.condition_formula("y ~ x", table.to_reader())


def test_what_is_no_number_is_told_with_its_row(table, monkeypatch):
    monkeypatch.setattr(arrival, "SMALL", 100)
    x = np.abs(table["x"].to_numpy())
    x[1700] = -1.0
    with pytest.raises(br.BadData, match=r"'log\(x\)' is nan in row 1700"):
        MODEL.condition_formula("y ~ log(x)", [table.set_column(0, "x", pa.array(x))])


def test_a_streamed_formula_goes_through_every_door(table, folder, tmp_path, monkeypatch, capsys):
    """Flat terms, predictions, a saved comparison, the shell."""
    prior = {"C(g)": br.Flat(), ...: br.Normal(1.0)}
    formula = "y ~ C(g) + x:C(h) + center(z)"
    memory, streamed = both(formula, table, folder, monkeypatch, prior, cells=True)
    assert streamed.features == memory.features
    assert "C(g)[a]" not in streamed.features
    fit, same = br.fit_map(streamed), br.fit_map(memory)
    np.testing.assert_allclose(fit.predict(table), same.predict(table), rtol=1e-9)
    assert "2 files, 2 passes" in streamed.stream.origin

    models = {"flat": prior, "ridge": br.Normal(1.0)}
    fits = br.compare(models, formula=formula, data=str(folder), seed=1, draws=50)
    fits.save(tmp_path / "fits.breg")
    loaded = br.load(tmp_path / "fits.breg")["flat"]
    np.testing.assert_allclose(loaded.fit.predict(table), fits["flat"].fit.predict(table))
    assert loaded.problem.stream.read.words == fits["flat"].problem.stream.read.words

    argv = ["compare", f"{folder}/*.parquet", "--formula", "y ~ x + C(g)", "--priors", "normal(1)"]
    argv += ["--sigma", "1", "--no-verify", "--seed", "1", "--draws", "50"]
    main(argv, standalone_mode=False)
    assert "2 000 rows in 4 cells, 2 files" in capsys.readouterr().out
