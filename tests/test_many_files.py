"""Files as they are found: whose types, columns and folders differ; right, or refused by name."""

import time

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

import bayesreg as br
from bayesreg.data import arrival
from bayesreg.data.stores import source_of
from bayesreg.data.stores.bundles import Refused, added
from bayesreg.data.stores.paths import parquet_source
from bayesreg.language.errors import BadData

N = 60
MODEL = br.Model(br.Normal(1.0), br.Gaussian(1.0))
BOTH = pytest.mark.parametrize("most", [2**24, 10], ids=["memory", "stream"])


def columns(seed=0, **others):
    rng = np.random.default_rng(seed)
    x, z = rng.normal(size=N), rng.integers(0, 3, N)
    return {"x": x, "z": z, "y": 1.0 + 2.0 * x - z + rng.normal(size=N), **others}


def written(folder, *tables):
    """Each as a file of its own, in the folders that its name has."""
    for k, one in enumerate(tables):
        name, held = one if isinstance(one, tuple) else (f"{k}.parquet", one)
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(held), folder / name)
    return folder


def as_text(z):
    return [str(value) for value in z]


def beta(problem):
    return br.fit_map(problem).beta.to_dict()


@BOTH
def test_types_that_one_type_holds_are_that_type(most, tmp_path, monkeypatch):
    """Integers and floats; text and categories; a column that a file has no value of."""
    monkeypatch.setattr(arrival, "SMALL", most)
    one, two = columns(0), columns(1)
    half = two | {"z": two["z"] + 0.5, "x": two["x"].astype("f4")}
    mixed = dict(reversed(half.items()))  # in another order as well
    whole = {name: np.concatenate([one[name], mixed[name].astype(float)]) for name in one}
    right = beta(MODEL.condition(pa.table(whole), "y"))
    found = beta(MODEL.condition(written(tmp_path / "a", one, mixed), "y"))
    assert found == pytest.approx(right, rel=1e-12)

    coded = two | {"z": pa.array(as_text(two["z"])).dictionary_encode()}
    texts = one | {"z": as_text(one["z"])}
    both = {k: np.concatenate([one[k], two[k]]) for k in one}
    right = MODEL.condition_formula("y ~ x + C(z)", pa.table(both | {"z": as_text(both["z"])}))
    for k, some in enumerate([(texts, coded), (coded, texts)]):
        problem = MODEL.condition_formula("y ~ x + C(z)", written(tmp_path / f"b{k}", *some))
        assert beta(problem) == pytest.approx(beta(right), rel=1e-9)


CASES = {  # two files, and what is said of them
    "text": ({"z": as_text}, r"column 'z' is int64 in 0\.parquet and string in 1\.parquet"),
    "codes": (
        {"z": lambda z: pa.array(as_text(z)).dictionary_encode()},
        r"'z' is int64 in 0\.parquet and dictionary.* in 1\.parquet",
    ),
    "truth": ({"z": lambda z: z > 1}, r"'z' is int64 in 0\.parquet and bool in 1\.parquet"),
    "none": ({"z": None}, r"'z' is in 0\.parquet and not in 1\.parquet"),
    "more": ({"q": lambda _: np.ones(N)}, r"1\.parquet has a column 'q', which the first.*formula"),
}


@BOTH
@pytest.mark.parametrize("case", CASES)
def test_files_that_differ_are_named_with_the_column(case, most, tmp_path, monkeypatch):
    """Either way round, unless a formula has no use for the column."""
    monkeypatch.setattr(arrival, "SMALL", most)
    changes, words = CASES[case]
    one, two = columns(0), columns(1)
    for name, change in changes.items():
        two = {k: v for k, v in two.items() if k != name}
        two |= {} if change is None else {name: change(one["z"])}
    folder = written(tmp_path, one, two)
    with pytest.raises(br.BadData, match=words):
        MODEL.condition(folder, "y")
    whole = {k: np.concatenate([one[k], two[k]]) for k in ("x", "y")}
    right = beta(MODEL.condition_formula("y ~ x", pa.table(whole)))
    assert beta(MODEL.condition_formula("y ~ x", folder)) == pytest.approx(right, rel=1e-9)
    with pytest.raises(
        br.BadData, match=r"1\.parquet and .*0\.parquet|and not in 0|0\.parquet has"
    ):
        MODEL.condition([folder / "1.parquet", folder / "0.parquet"], "y")


def test_nothing_is_read_before_files_that_differ_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(arrival, "SMALL", 10)
    folder = written(tmp_path, columns(), columns() | {"z": as_text(columns()["z"])})
    monkeypatch.setattr(pq.ParquetFile, "iter_batches", lambda *_, **__: pytest.fail("read"))
    with pytest.raises(br.BadData, match="the files differ"):
        MODEL.condition(folder, "y")


@BOTH
def test_folders_by_value_give_their_column_however_they_are_named(most, tmp_path, monkeypatch):
    """By folder, by glob, by list and by address; a predictor, or a factor."""
    monkeypatch.setattr(arrival, "SMALL", most)
    parts = [("g=a b/yr=2020/p.parquet", columns(0)), ("g=%C3%BC/yr=2021/p.parquet", columns(1))]
    folder = written(tmp_path, *parts)
    whole = {k: np.concatenate([parts[0][1][k], parts[1][1][k]]) for k in columns()}
    whole |= {"g": ["a b"] * N + ["ü"] * N, "yr": np.repeat([2020, 2021], N)}
    formula = "y ~ x + yr + C(g)"
    right = beta(MODEL.condition_formula(formula, pa.table(whole)))
    given = [
        folder, str(folder / "**/*.parquet"), str(folder / "*/*/p.parquet"),
        sorted(folder.rglob("*.parquet")), f"file://{folder}", f"file://{folder}/*/*/*.parquet",
    ]  # fmt: skip
    for source in given:
        found = beta(MODEL.condition_formula(formula, source))
        assert found == pytest.approx(right, rel=1e-9), source
    inside = parquet_source(str(folder / "g=a b" / "*" / "*.parquet"))
    assert inside.names == ("x", "z", "y", "yr")
    assert source_of(folder).place(N + 3) == "row 3 (from 0) of g=a b/yr=2020/p.parquet"


def test_values_of_folders_are_integers_codes_or_missing(tmp_path, monkeypatch):
    """007 is a code; a folder without a value lacks it in every row."""
    names = ["k=007/p", "k=12/p"], ["k=7/p", "k=__HIVE_DEFAULT_PARTITION__/p"]
    for one, kind in zip(names, (pa.string(), pa.int64()), strict=True):
        folder = tmp_path / one[0][2]
        folder = written(folder, *((f"{name}.parquet", columns()) for name in one))
        assert source_of(folder).schema.field("k").type == kind
    for most in (2**24, 10):
        monkeypatch.setattr(arrival, "SMALL", most)
        with pytest.raises(br.BadData, match=r"'k': .*k=__HIVE_DEFAULT_PARTITION__/p\.parquet"):
            MODEL.condition(folder, "y")
        with pytest.warns(br.BayesregWarning, match="'k' is constant"):
            problem = MODEL.condition(folder, "y", missing="drop")
        assert problem.moments.rows == N


def test_what_is_beside_files_by_value_is_no_row(tmp_path):
    folder = written(tmp_path, ("k=1/a.parquet", columns()), ("k=1/.b.parquet", columns()))
    (folder / "note.txt").write_text("no rows")
    (folder / "k=1" / "_SUCCESS").write_text("")
    assert source_of(folder).rows == N
    written(folder, ("k=2/a.parquet", columns(k=np.ones(N))))
    with pytest.raises(br.BadData, match=r"k=2/a\.parquet has a column 'k', and a folder"):
        source_of(folder)
    (folder / "k=2" / "a.parquet").write_text("no")
    with pytest.raises(br.BadData, match=r"k=2/a\.parquet cannot be read as Parquet"):
        source_of(folder)


def test_a_file_that_changes_is_found_though_others_are_called_so(tmp_path, monkeypatch):
    monkeypatch.setattr(arrival, "SMALL", 10)
    folder = written(tmp_path, ("a/0.parquet", columns(0)), ("b/0.parquet", columns(1)))
    problem = MODEL.condition(folder, "y")
    time.sleep(0.01)
    written(folder, ("a/0.parquet", columns(2, more=np.zeros(N))))
    with pytest.raises(br.BadData, match=r"changed since it was opened: a/0\.parquet"):
        next(problem.stream.blocks())


def test_paths_that_lead_nowhere_say_what_would(tmp_path):
    written(tmp_path, ("k=1/a.parquet", columns()))
    for given, words in {
        str(tmp_path / "*"): r"no file is called.*folders are.*/\*/\*\.parquet'",
        (str(tmp_path), str(tmp_path)): "is a folder; pass one folder alone",
        (str(tmp_path / "none.parquet"),): "there is no file",
    }.items():
        with pytest.raises(br.BadArgument, match=words):
            MODEL.condition(given if isinstance(given, str) else list(given), "y")


def frames():
    for k in (0, 1):
        yield pa.table(columns(k)).to_pandas()


@BOTH
def test_frames_one_after_another_are_a_source_by_name(most, monkeypatch):
    monkeypatch.setattr(arrival, "SMALL", most)
    whole = pa.concat_tables(pa.Table.from_pandas(one, preserve_index=False) for one in frames())
    right = beta(MODEL.condition(whole, "y"))
    assert beta(MODEL.condition(list(frames()), "y")) == pytest.approx(right, rel=1e-12)
    once = frames()
    assert beta(MODEL.condition(once, "y")) == pytest.approx(right, rel=1e-12)
    with pytest.raises(br.BadData, match="makes its frames once"):
        MODEL.condition(once, "y")
    reader = whole.to_reader()
    MODEL.condition(reader, "y").moments  # noqa: B018 - which reads it
    with pytest.raises(br.BadData, match="no rows"):
        MODEL.condition(reader, "y").moments  # noqa: B018


@BOTH
def test_no_rows_are_told_of_their_source(most, tmp_path, monkeypatch):
    monkeypatch.setattr(arrival, "SMALL", most)
    lazy = pl.LazyFrame(columns())
    for given, label in [
        (lazy.filter(pl.col("x") > 99.0), "a Polars LazyFrame"),
        (duckdb.from_arrow(pa.table(columns())).filter("x > 99"), "a DuckDB relation"),
        (ds.dataset(pa.table(columns())).filter(ds.field("x") > 99.0), "an Arrow dataset"),
        (written(tmp_path, pa.table(columns()).slice(0, 0)), str(tmp_path)),
    ]:
        with pytest.raises(br.BadData, match=f"{label}: there are no rows"):
            MODEL.condition(given, "y").moments  # noqa: B018
    gone = lazy.with_columns(q=pl.lit(None, pl.Float64))
    with pytest.raises(br.BadData, match="every row has a missing value"):
        MODEL.condition(gone, "y", missing="drop").moments  # noqa: B018


def test_what_engines_cannot_give_is_said_in_their_words(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("x,y\n1,2\n2,3\noops,4\n")
    bad = duckdb.read_csv(str(path), dtype={"x": "DOUBLE", "y": "DOUBLE"})
    with pytest.raises(br.BadData, match=r'Line: 4.*oops.*column "x"') as told:
        MODEL.condition(bad, "y")
    assert "con.cursor()" not in str(told.value)  # which would not help
    connection = duckdb.connect()
    relation = connection.sql("select 1.0 as x, 2.0 as y")
    connection.close()
    with pytest.raises(br.BadData, match=r"relation cannot be read.*closed"):
        MODEL.condition(relation, "y")
    wide = pl.LazyFrame(columns()).with_columns(pl.col("z").cast(pl.Int128))
    with pytest.raises(br.BadData, match=r"'z'.*Int128.*cast it"):
        MODEL.condition(wide, "y")
    texts = pa.table(columns(w=["a"] * N))
    for given in (written(tmp_path, texts), texts):
        with pytest.raises(br.BadData, match="holds text or categories"):
            MODEL.condition(given, "y", weights="w")


def test_what_a_task_refuses_is_carried_home_the_first_in_order_first():
    """No traceback in the log of a worker, and the same error whichever task is done first."""

    def refused(k):
        return Refused(BadData(f"row {k}"))

    assert str(added([refused(1), refused(0)]).error) == "row 1"

    import dask.dataframe as dd

    frame = pa.table(columns()).to_pandas()
    frame.loc[[13, 50], "x"] = np.inf
    d = dd.from_pandas(frame, npartitions=6)
    with pytest.raises(br.BadData, match=r"'x' is infinite in row 3 \(from 0\) of partition 1"):
        br.Moments.of(d, "y")


def test_rows_that_are_others_in_each_pass_are_found_out(monkeypatch):
    """A sample without a seed, and a random column; with a seed they are the same."""
    monkeypatch.setattr(arrival, "SMALL", 10)
    connection = duckdb.connect()
    connection.register("rows", pa.table(columns()))
    for query, words in [
        ("select x, y from rows using sample 20 rows", "has other numbers"),
        ("select x, random() as r, y from rows", "'r' has other numbers"),
    ]:
        problem = MODEL.condition(connection.sql(query), "y")
        with pytest.raises(br.BadData, match=words):
            [list(problem.stream.blocks()) for _ in range(3)]
    same = "select x, y from rows using sample reservoir(20 rows) repeatable (1)"
    problem = MODEL.condition(connection.sql(same), "y")
    assert [sum(map(len, problem.stream.blocks())) for _ in range(3)] == [20, 20, 20]


@BOTH
def test_a_number_that_is_none_is_named_with_its_file(most, tmp_path, monkeypatch):
    """Unless its row has the weight 0."""
    monkeypatch.setattr(arrival, "SMALL", most)
    bad = columns(1, w=np.ones(N))
    bad["x"][7] = np.inf
    folder = written(tmp_path, columns(0, w=np.ones(N)), bad)
    with pytest.raises(br.BadData, match=r"'x' is infinite in row 7 \(from 0\) of 1\.parquet"):
        MODEL.condition(folder, "y", weights="w").moments  # noqa: B018
    bad["w"][7] = 0.0
    problem = MODEL.condition(written(tmp_path, columns(0, w=np.ones(N)), bad), "y", weights="w")
    assert problem.n == 2 * N - 1


def test_moments_of_many_files_add_up_by_sum(tmp_path):
    written(tmp_path, columns(0), dict(reversed(columns(1).items())))
    parts = [br.Moments.of(one, "y") for one in sorted(tmp_path.iterdir())]
    whole = br.Moments.of(tmp_path, "y")
    assert sum(parts).names == whole.names
    np.testing.assert_allclose(sum(parts).cross, whole.cross, rtol=1e-12, atol=1e-10)
    with pytest.raises(br.BadArgument, match="only Moments can be added"):
        sum(parts, 1.0)
