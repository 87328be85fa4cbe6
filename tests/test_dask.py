"""Dask as a source: whichever tasks read the rows, they are the same rows, each counted once."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import pairwise

import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import bayesreg as br
from bayesreg.data import arrival
from bayesreg.data.moments import Moments
from bayesreg.data.stores import bundles, source_of
from bayesreg.data.stores.bundles import ALL, Counted, bundled, mark, sum_once
from bayesreg.data.stores.elsewhere import Elsewhere
from bayesreg.data.stores.partitioned import Files
from bayesreg.data.stores.reader import Roles
from bayesreg.data.streamed import Streamed
from bayesreg.estimators import MapRegressor

N = 3_000
NAMES = ["area", 'the "inner" one', "a.b", "rooms"]


@pytest.fixture(scope="module")
def frame():
    """Columns of different sizes, one with a mean far from 0, and weights with zeros."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(N, 4)) * [1.0, 20.0, 0.01, 1.0] + [1e5, 0.0, 3.0, 0.0]
    made = pd.DataFrame(X, columns=NAMES)
    made["rooms"] = rng.integers(0, 9, N).astype(np.int16)
    made["price"] = made[NAMES] @ [1.0, -2.0, 50.0, 0.3] + rng.normal(size=N)
    return made.assign(w=rng.integers(0, 3, N))


@pytest.fixture(autouse=True)
def _in_this_thread():
    """Each task where the test runs, but where a cluster is started."""
    with dask.config.set(scheduler="synchronous"):
        yield


def held(moments):
    """Everything in moments as one vector, each product on its own scale."""
    sd = np.sqrt(np.diagonal(moments.cross))
    products = (moments.cross / sd[:, None] / sd).ravel()
    means = np.append(moments.x_mean, moments.y_mean)
    return np.concatenate([means, [moments.n], products, sd / np.sqrt(moments.n)])


def chunks(values, size):
    return da.from_array(np.asarray(values), chunks=size)


GIVEN = {
    "names": lambda f, d: (d, "price", "w"),
    "series": lambda f, d: (d[NAMES], d["price"], d["w"]),
    "arrays beside": lambda f, d: (d[NAMES], d["price"].values, d["w"].to_dask_array(lengths=True)),
    "arrays": lambda f, d: (chunks(f[NAMES], (700, 3)), chunks(f["price"], 450), chunks(f["w"], N)),
    "array and numpy": lambda f, d: (
        chunks(f[NAMES], 700),
        f["price"].to_numpy(),
        chunks(f["w"], 9),
    ),
    "unknown chunks": lambda f, d: (d[NAMES].values, d["price"].values, d["w"]),
}


@pytest.mark.parametrize("kind", GIVEN)
def test_moments_by_dask_are_those_of_memory(kind, frame):
    memory = Moments.of(frame[NAMES], frame["price"], frame["w"])

    moments = Moments.of(*GIVEN[kind](frame, dd.from_pandas(frame, npartitions=7)))

    assert moments.rows == memory.rows
    np.testing.assert_allclose(held(moments), held(memory), rtol=1e-14, atol=1e-15)
    if "array" not in kind and kind != "unknown chunks":
        assert (moments.names, moments.y_name) == (tuple(NAMES), "price")


def test_moments_by_dask_control(frame):
    d = dd.from_pandas(frame, npartitions=7)
    memory = Moments.of(frame[NAMES], frame["price"], frame["w"])
    less = Moments.of(d.partitions[:6], "price", "w")
    assert not np.allclose(held(less), held(memory), rtol=1e-6, atol=1e-6)


def test_partitions_may_be_empty_and_passes_many(frame):
    """Nearly collinear columns take a second pass, by the same map; memory's optimum is found."""
    near = frame.assign(close=frame["area"] + 1e-6 * np.arange(N) % 7, k=np.arange(N))
    d = dd.from_pandas(near, npartitions=9)
    stream = Streamed.of(source_of(d[d["k"] > N // 2]), Roles("price", "w"), drop=("k",))
    memory = Moments.of(near[near["k"] > N // 2].drop(columns="k"), "price", "w")
    assert stream.read.passes == 0
    assert (stream.moments.root is None) == (memory.root is None) is False
    assert stream.read.passes > 1
    np.testing.assert_allclose(held(stream.moments), held(memory), rtol=1e-10, atol=1e-10)


def test_the_doors_take_what_dask_has(frame, monkeypatch):
    """Small frames are read; larger ones stay, and optimum, path and comparison are memory's."""
    d = dd.from_pandas(frame, npartitions=5)
    model = br.Model({"area": br.Flat(), ...: br.Normal(1.0)}, br.Gaussian(1.0))
    how = {"weights": "w", "standardize": True}
    memory = model.condition(frame, "price", **how)
    small = model.condition(d, "price", **how)
    assert small.stream is None
    assert small.design.origin == "a Dask DataFrame: 3 000 rows, 1 pass"
    np.testing.assert_array_equal(small.design.X, memory.design.X)

    monkeypatch.setattr(arrival, "SMALL", 1_000)
    problem = model.condition(d, "price", **how)
    assert problem.design is None
    fit, same = br.fit_map(problem), br.fit_map(memory)
    np.testing.assert_allclose(fit.beta, same.beta, rtol=1e-9)
    np.testing.assert_allclose(br.path(problem, n=5).beta, br.path(memory, n=5).beta, rtol=1e-8)
    arrays = chunks(frame[NAMES], 500), chunks(frame["price"], 700)
    streamed = br.Model(br.Normal(1.0)).condition(*arrays, standardize=True)
    assert streamed.features == ("x1", "x2", "x3", "x4")
    assert streamed.stream.read.rows == N


def test_formulas_are_learnt_and_coded_where_the_rows_are(frame, monkeypatch):
    """Of partitions, one of them empty, and of rows elsewhere; categories keep their order."""
    monkeypatch.setattr(arrival, "SMALL", 1_000)
    text = np.random.default_rng(4).choice(["a", "b", "c"], N)
    given = frame.assign(g=text, h=pd.Categorical(text == "c", [True, False]))
    formula = "price ~ C(g) + C(h) + center(area):C(g)"
    model = br.Model(br.Normal(1.0), br.Gaussian(1.0))
    memory = model.condition_formula(formula, given, standardize=True)
    d = dd.from_pandas(given, npartitions=4)
    empty = d.partitions[1][d.partitions[1]["area"] < 0.0]
    runs = [
        pa.Table.from_pandas(given[k : k + 900], preserve_index=False) for k in range(0, N, 900)
    ]
    elsewhere = br.Elsewhere(lambda part: [part(run) for run in [*runs, []]], runs[0].schema)
    for source in (dd.concat([d.partitions[:2], empty, d.partitions[2:]]), elsewhere):
        problem = model.condition_formula(formula, source, standardize=True)
        if source is not elsewhere:  # whose categories declare no order
            assert problem.features == memory.features
        np.testing.assert_allclose(problem.moments.cross.trace(), memory.moments.cross.trace())
        beta, same = br.fit_map(problem).beta, br.fit_map(memory).beta
        np.testing.assert_allclose(beta[list(same.index)], same, rtol=1e-8)


BAD = {
    "text": (lambda d: (d.assign(t="a"), "price"), br.BadData, "'t'.*text"),
    "no column": (lambda d: (d, "prize"), br.BadData, "did you mean 'price'"),
    "y missing": (lambda d: (d, None), br.BadArgument, "y is missing.*'area'"),
    "twice": (lambda d: (d, d["price"]), br.BadData, r"give the name \('price'\)"),
    "partitions": (
        lambda d: (d[NAMES], d["price"].repartition(npartitions=2)),
        br.BadData,
        "price has 2 partitions and X has 5",
    ),
    "rows": (
        lambda d: (d[NAMES], d["price"][d["w"] > 0]),
        br.BadData,
        "a partition of price has .* rows and that of X 600",
    ),
    "array rows": (
        lambda d: (da.ones((30, 2), chunks=10), da.ones(29, chunks=10)),
        br.BadData,
        "y has 29 rows and X has 30",
    ),
    "wide y": (
        lambda d: (da.ones((30, 2), chunks=10), da.ones((30, 1), chunks=10)),
        br.BadData,
        r"y has 2 dimensions; pass one column, as y\[:, 0\]",
    ),
    "a column": (lambda d: (d["area"], d["price"]), br.BadData, r"X is a Dask Series.*compute"),
    "other rows": (lambda d: (dask.delayed([1]), [1.0]), br.BadData, "X is a Dask Delayed"),
    "y here": (lambda d: (d, [1.0]), br.BadArgument, "y must be the name of a column of a Dask D"),
    "complex": (
        lambda d: (da.ones((30, 2), chunks=10, dtype=complex), da.ones(30, chunks=10)),
        br.BadData,
        "'x1' of a Dask Array has dtype complex128",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_dask_cannot_give_is_refused(case, frame):
    given, error, words = BAD[case]
    with pytest.raises(error, match=words):
        br.Model(br.Normal(1.0)).condition(*given(dd.from_pandas(frame, npartitions=5)))


def test_a_bad_value_is_named_with_its_partition(frame):
    values = frame.copy()
    values.loc[1300, "a.b"] = np.nan
    d = dd.from_pandas(values, npartitions=5)
    with pytest.raises(br.BadData, match=r"'a\.b': row 100 \(from 0\) of partition 2"):
        Moments.of(d, "price", "w")
    stream = Streamed.of(source_of(d), Roles("price", "w"), "drop")
    assert stream.moments.rows == int((frame["w"].drop(1300) > 0).sum())
    assert stream.read.missing == {"a.b": 1}
    array = chunks(values[NAMES], 600)
    with pytest.raises(br.BadData, match=r"'x3': row 100 \(from 0\) of partition 2"):
        Moments.of(array, chunks(values["price"], 600))


def test_a_frame_of_dask_is_no_array_of_numbers(frame):
    model = br.Model(br.Normal(1.0), br.Gaussian(1.0))
    fit = br.fit_map(model.condition(frame[NAMES], frame["price"], standardize=True))
    with pytest.raises(br.BadData, match=r"new X is a Dask DataFrame.*\.compute\(\)"):
        fit.predict(dd.from_pandas(frame[NAMES], npartitions=2))
    estimator = MapRegressor(br.Normal(1.0), sigma=1.0, standardize=True)
    estimator.fit(frame[NAMES], frame["price"])
    with pytest.raises(br.BadData, match=r"new X is a collection of Dask.*\.compute\(\)"):
        estimator.predict(dd.from_pandas(frame[NAMES[::-1]], npartitions=2))


def test_an_old_dask_is_named_with_its_install_line(frame, monkeypatch):
    d = dd.from_pandas(frame, npartitions=2)
    monkeypatch.setattr(dask, "__version__", "2024.2.1")
    with pytest.raises(br.NotSupported, match=r"Dask 2024.2.1.*pip install 'bayesreg\[dask\]'"):
        source_of(d)


@pytest.mark.parametrize("sizes", [[1] * 25_003, [5, 0, 0, 7, 10**9, 1], [0, 0], [10**8] * 100])
@pytest.mark.parametrize("slots", [1, 3, 64])
def test_bundles_are_few_and_hold_every_partition_once(sizes, slots):
    made = bundled(sizes, 2**30, slots)
    assert [k for one in made for k in one] == list(range(len(sizes)))
    assert all(len(one) for one in made)
    assert len(made) <= bundles.TASKS
    if len(set(sizes)) == 1 and sizes[0]:
        assert len(made) >= min(slots, len(sizes))


def test_each_partition_is_counted_exactly_once():
    """One twice and one lost, of equal length: rows agree, and it is found out all the same."""
    plan = [bundles.Bundle(range(k, k + 1), k * 10, 0) for k in range(4)]
    parts = [Counted(10, mark(one.partitions), 1.0) for one in plan]
    assert sum_once(bundles.added(parts), plan, 40, "a store") == 4.0
    for wrong in ([0, 0, 2, 3], [0, 1, 2], [0, 1, 2, 3, 3], [1, 1, 1, 1]):
        with pytest.raises(br.BadData, match="not of each of its 4 partitions once"):
            sum_once(bundles.added([parts[k] for k in wrong]), plan, None, "a store")
    with pytest.raises(br.BadData, match="41 rows by its own count, and 40 came"):
        sum_once(bundles.added(parts), plan, 41, "a store")
    assert mark(range(5)) == sum(mark(range(k, k + 1)) for k in range(5)) % ALL


def test_a_map_that_leaves_rows_unread_is_found_out(frame):
    """The mark of a partition is set when it has come to its end."""
    source = source_of(dd.from_pandas(frame, npartitions=4))
    with pytest.raises(br.BadData, match="not of each of its 4 partitions once"):
        source.total(["area"], lambda run: next(iter(run)).num_rows)
    assert source.total(["area"], lambda run: sum(len(batch) for batch in run)) == N


@pytest.mark.parametrize("folders", ["{}", "w={}"])
def test_files_are_read_by_tasks_by_row_groups(folders, frame, tmp_path):
    """Of any bundles: every row once, by its own number, of the file that has it."""
    frame = frame.assign(w=np.repeat([1, 2, 0], N // 3))
    table = pa.Table.from_pandas(frame, preserve_index=False)
    for k, (start, rows) in enumerate([(0, 1000), (1000, 0), (1000, 1000), (2000, 1000)]):
        path = tmp_path / folders.format(frame["w"][start])
        path.mkdir(exist_ok=True)
        part = table.slice(start, rows)
        part = part.drop_columns(["w"]) if "=" in folders else part
        pq.write_table(part, path / f"{k}.parquet", row_group_size=300)
    whole = source_of(tmp_path)
    table = pa.Table.from_batches(whole.batches(["price", "w"]))
    assert sum(unit.rows for unit in whole.units) == N
    for units in (range(1, 2), range(3, 6), range(len(whole.units))):
        some = pickle.loads(pickle.dumps(whole.taken(units)))
        before = sum(unit.rows for unit in whole.units[: units.start])
        found = pa.Table.from_batches(some.batches(["price", "w"]))
        assert found.equals(table.slice(before, some.rows))
        assert some.place(0) == whole.place(before)
        assert some.place(some.rows - 1) == whole.place(before + some.rows - 1)

    stream = Streamed.of(Files(whole), Roles("price", "w"))
    memory = Moments.of(frame[NAMES], frame["price"], frame["w"])
    np.testing.assert_allclose(held(stream.moments), held(memory), rtol=1e-14, atol=1e-15)
    assert stream.read.words.startswith(f"{tmp_path}: 3 000 rows, 4 files, 1 pass")
    same = Streamed.of(whole, Roles("price", "w")).sample(50)
    np.testing.assert_array_equal(stream.sample(50).X, same.X)


def shards(frame, part, k):
    """What a process makes of a shard: as Spark and Ray have it, in bytes."""
    shard = pa.Table.from_pandas(frame.iloc[k * 800 : (k + 1) * 800], preserve_index=False)
    batches = [shard, iter(shard.to_batches(100)), shard.to_pandas(), []][k]
    return pickle.dumps(part(batches))


@pytest.mark.parametrize("apart", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_rows_elsewhere_are_reached_by_a_map(apart, frame, monkeypatch):
    """Processes of a pool stand for executors."""

    def mapped(part):
        run = partial(shards, frame[:2400], part)
        if not apart:
            return map(pickle.loads, map(run, range(4)))
        with ProcessPoolExecutor(2) as pool:
            return [pickle.loads(one) for one in pool.map(run, range(4))]

    schema = pa.Schema.from_pandas(frame, preserve_index=False)
    source = br.Elsewhere(mapped, schema, rows=2400)
    model = br.Model(br.Normal(1.0), br.Gaussian(1.0))
    problem = model.condition(source, "price", weights="w", standardize=True)
    memory = Moments.of(frame[NAMES][:2400], frame["price"][:2400], frame["w"][:2400])
    np.testing.assert_allclose(held(problem.moments), held(memory), rtol=1e-14, atol=1e-15)
    assert problem.stream.read.rows == 2400
    assert len(set(problem.stream.sample(500).index.tolist())) == 500
    with pytest.raises(br.NotSupported, match="reached by a map alone"):
        next(problem.stream.blocks())
    with pytest.raises(br.BadData, match="2401 rows by its own count, and 2400 came"):
        Moments.of(Elsewhere(mapped, schema, rows=2401), "price", "w")
    with pytest.raises(br.BadArgument, match=r"schema must be a pyarrow\.Schema, not a list"):
        br.Elsewhere(mapped, [])


def slowly(frame, log, number):
    """A partition, by a task that says that it runs, and in which process."""
    with log.open("a") as file:
        file.write(f"{number} {os.getpid()}\n")
    time.sleep(0.15)
    return frame


def runs(log):
    return [tuple(map(int, line.split())) for line in log.read_text().splitlines()]


def killed_after(log, started):
    """End the process of a worker, for good, when so many tasks have started."""
    while not log.exists() or len(runs(log)) < started:
        time.sleep(0.02)
    os.kill(runs(log)[-1][1], signal.SIGKILL)


@pytest.fixture
def cluster(tmp_path):
    """Two processes of this machine, with one thread each."""
    from distributed import Client, LocalCluster

    how = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with (
        dask.config.set({"scheduler": None, "distributed.comm.timeouts.connect": "30s"}),
        LocalCluster(**how, local_directory=str(tmp_path / "workers")) as made,
        Client(made) as client,
    ):
        yield client


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_worker_that_is_killed_changes_no_bit(cluster, frame, tmp_path, monkeypatch):
    """Its tasks run again elsewhere, more than there are partitions; each counts once.

    Two passes, the second of whitened rows; then everything that the doors have, and files.
    """
    near = frame.assign(close=frame["area"] + 1e-6 * np.arange(N) % 7)
    cuts = np.linspace(0, N, 21).astype(int).tolist()

    def partitions(log):
        parts = [
            dask.delayed(slowly)(near.iloc[a:b], log, k) for k, (a, b) in enumerate(pairwise(cuts))
        ]
        return dd.from_delayed(parts, meta=near.iloc[:0], verify_meta=False)

    calm, disturbed = tmp_path / "calm", tmp_path / "disturbed"
    first = Streamed.of(source_of(partitions(calm)), Roles("price", "w"))
    memory = Moments.of(near[[*NAMES, "close"]], near["price"], near["w"])
    assert (first.moments.root is None) == (memory.root is None) is False
    assert len(runs(calm)) == 20 * first.read.passes > 20
    assert first.read.workers == 2
    assert "2 passes, 2 workers" in first.read.words
    np.testing.assert_allclose(held(first.moments)[:6], held(memory)[:6], rtol=1e-15)
    assert not np.array_equal(first.moments.gram, memory.gram)  # which another plan changes

    second = Streamed.of(source_of(partitions(disturbed)), Roles("price", "w"))
    killer = threading.Thread(target=killed_after, args=(disturbed, 7))
    killer.start()
    moments = second.moments
    killer.join()
    assert len(runs(disturbed)) > 20 * second.read.passes
    for name in ("gram", "root", "x_mean", "low"):
        np.testing.assert_array_equal(getattr(moments, name), getattr(first.moments, name))
    assert (moments.n, moments.rows, moments.y_mean) == (memory.n, memory.rows, memory.y_mean)

    monkeypatch.setattr(arrival, "SMALL", 1_000)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    d = dd.from_pandas(frame, npartitions=5)
    how = {"weights": "w", "standardize": True}
    fits = br.compare([br.Normal(1.0)], d, "price", **how, seed=1, draws=50, verify=False)
    same = br.compare([br.Normal(1.0)], frame, "price", **how, seed=1, draws=50, verify=False)
    one, other = fits["normal"], same["normal"]
    np.testing.assert_allclose(one.post.beta.mean(), other.post.beta.mean(), rtol=1e-9)
    assert "a Dask DataFrame: 3 000 rows, 2 passes, 2 workers" in repr(fits)

    table = pa.Table.from_pandas(frame, preserve_index=False)
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=300)
    pq.write_table(table.slice(0, 0), tmp_path / "b.parquet")
    problem = br.Model(br.Normal(1.0)).condition(tmp_path / "*.parquet", "price", **how)
    assert ": 3 000 rows, 2 files, 1 pass, 2 workers" in problem.stream.read.words
    memory = Moments.of(frame[NAMES], frame["price"], frame["w"])
    np.testing.assert_allclose(held(problem.moments), held(memory), rtol=1e-15, atol=1e-15)
