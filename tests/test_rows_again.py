"""What takes the rows of a source again: each by one map and one sum."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import bayesreg as br
from bayesreg.cli import main
from bayesreg.data import arrival
from bayesreg.data.sampled import Sampling, hash64
from bayesreg.data.stores import Source
from bayesreg.data.stores.base import Run
from bayesreg.data.stores.reader import Roles
from bayesreg.data.streamed import Streamed
from bayesreg.estimators import MapRegressor

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


def test_what_is_summed_has_the_same_bits_however_rows_come(table):
    """Sums of rounded numbers; blocks as they come would give others, as the control shows."""
    given = table.drop_columns(["w"])
    sizes = (1, 7, 65_536)

    def bits(total):
        return [total(Streamed.of(InBatches(given, size), Roles("y"))) for size in sizes]

    def part(block):
        return np.append(block.X.sum(axis=0), (block.y * block.rows).sum())

    by_total = bits(lambda stream: stream.total(part))
    for one in by_total[1:]:
        np.testing.assert_array_equal(one, by_total[0])
    by_block = bits(lambda stream: sum(map(part, stream.blocks())))
    np.testing.assert_allclose(by_block, by_total, rtol=1e-9)
    assert not np.array_equal(by_block[0], by_block[-1])


def test_the_first_pass_takes_a_sample_on_its_way(table):
    """Also of rows that can be read once: moments need a pass, and the sample none."""
    once = InBatches(table, 500)
    once.repeatable = False
    stream = Streamed.of(once, Roles("y", "w"))
    assert stream.moments.rows == np.sum(table["w"].to_numpy() > 0)
    design = stream.sample(100)
    assert stream.read.passes == 1
    np.testing.assert_array_equal(
        design.X, Streamed.of(InBatches(table, 7), Roles("y", "w")).sample(100).X
    )
    with pytest.raises(br.BadArgument, match="can be read once"):
        stream.total(len)


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
    none = Sampling(5)([])
    assert len(run + none) == len(none + run) == 5
    assert not len(none + none)


def conditioned(table, model, monkeypatch, weights=None):
    """In memory, and on rows that come in batches of 700."""
    given = table if weights else table.drop_columns(["w"])
    memory = model.condition(given, "y", weights=weights)
    with monkeypatch.context() as patch:
        patch.setattr(arrival, "SMALL", 1)
        streamed = model.condition(InBatches(given, 700), "y", weights=weights)
    assert streamed.design is None
    return memory, streamed


MODELS = {
    "known": br.Model(br.Normal(2.0), br.Gaussian(1.0)),
    "conjugate": br.Model(br.Normal(2.0, unit="sigma")),
    "flat": br.Model({"a": br.Flat(), ...: br.Normal(1.0, unit="sigma")}),
}


@pytest.mark.parametrize(
    "name, weights",
    [
        ("known", None),
        ("flat", "w"),
        pytest.param("conjugate", None, marks=pytest.mark.slow),
        pytest.param("conjugate", "w", marks=pytest.mark.slow),
        pytest.param("known", "w", marks=pytest.mark.slow),
        pytest.param("flat", None, marks=pytest.mark.slow),
    ],
)
def test_rows_left_out_in_a_pass_are_those_of_memory(name, weights, table, monkeypatch):
    memory, streamed = conditioned(table, MODELS[name], monkeypatch, weights)
    one, two = (br.sample(problem, seed=1, draws=200) for problem in (memory, streamed))
    loo, passed = one.loo(), two.loo()

    assert passed.elpd == pytest.approx(loo.elpd, rel=2e-15)
    assert passed.se == pytest.approx(loo.se, rel=1e-12)
    assert passed.p == pytest.approx(loo.p, rel=1e-9)
    assert streamed.stream.read.passes == 2
    design = memory.design
    order = np.argsort(loo.elpd_i.to_numpy() / design.frequencies)[:10]
    worst = order if design.index is None else design.index[order]
    assert list(passed.surprising.index) == [f"row {row} (from 0)" for row in worst]
    assert passed.pit.sum() == passed.seen.sum() == pytest.approx(memory.n)


@pytest.mark.slow
def test_r2_and_rmse_of_a_stream_are_those_of_memory(table, monkeypatch):
    """Means to the noise of the bootstrap, whose spread over groups of rows is that over rows."""
    both = conditioned(table, MODELS["conjugate"], monkeypatch, "w")
    one, two = (br.sample(problem, seed=1, draws=200) for problem in both)
    for mine, theirs in ((two.r2("loo"), one.r2("loo")), (two.rmse(), one.rmse())):
        assert abs(mine.mean - theirs.mean) < 0.1 * theirs.sd
        assert mine.sd == pytest.approx(theirs.sd, rel=0.1)


def test_bits_of_rows_left_out_do_not_depend_on_batches(table):
    """Nor on the order in which runs of rows are added up, to rounding."""
    found = []
    for source in (InBatches(table, 1), InBatches(table, 65_536), InRuns(table, 1_000)):
        problem = MODELS["conjugate"].condition(Streamed.of(source, Roles("y", "w")))
        found.append(br.sample(problem, seed=1, draws=50).loo())
    assert found[0].elpd == found[1].elpd
    assert found[2].elpd == pytest.approx(found[0].elpd, rel=1e-14)
    np.testing.assert_array_equal(found[0].pit, found[1].pit)


@pytest.mark.slow
def test_other_posteriors_are_left_out_on_a_sample(table, monkeypatch):
    """Within their errors of memory's; the control, without the difference, is not as close."""
    monkeypatch.setattr("bayesreg.engines.draws.SAMPLE", 300)
    memory, streamed = conditioned(table, br.Model(br.Laplace()), monkeypatch)
    loo, passed = (br.sample(one, seed=1).loo() for one in (memory, streamed))
    assert "300 of 3 000 rows" in passed.counted
    assert 0.0 < passed.subsampling_se < 1.0
    assert abs(passed.elpd - loo.elpd) < 4.0 * np.hypot(passed.subsampling_se, passed.mcse)
    assert abs(10.0 * passed.value.sum() - loo.elpd) > 10.0 * passed.subsampling_se
    with pytest.raises(br.NotSupported, match="folds takes rows in memory"):
        br.sample(streamed, seed=1, draws=100).loo("kfold")


@pytest.mark.slow
def test_streamed_fits_are_ranked_as_in_memory(table, monkeypatch, tmp_path):
    priors = {"wide": br.Normal(2.0, unit="sigma"), "tight": br.Normal(0.003, unit="sigma")}
    given = table.drop_columns(["w"])
    memory = br.compare(priors, given, "y", seed=1, draws=50)
    monkeypatch.setattr(arrival, "SMALL", 1)
    streamed = br.compare(priors, InBatches(given, 700), "y", seed=1, draws=50)
    numbers = ["elpd", "elpd_diff", "dse", "p_eff", "weight", "pseudo_bma"]
    np.testing.assert_allclose(
        streamed.table[numbers], memory.table[numbers], rtol=1e-6, atol=1e-12
    )
    assert list(streamed.table.index) == list(memory.table.index) == ["wide", "tight"]
    assert streamed["wide"].scores["RMSE"].value == pytest.approx(
        memory["wide"].scores["RMSE"].value, rel=1e-9
    )
    text = streamed.report(tmp_path / "report.md", sections=["methods", "fit"]).read_text("utf-8")
    assert "each of 3 000 rows left out in one pass" in " ".join(text.split())
    assert streamed["wide"].loo.places[0] in text
    streamed.save(tmp_path / "fits.breg")
    loaded = br.load(tmp_path / "fits.breg")
    np.testing.assert_array_equal(loaded.table[numbers], streamed.table[numbers])
    assert loaded["wide"].post.r2("loo").mean == streamed["wide"].post.r2("loo").mean
    with pytest.raises(br.BadArgument, match="not with rows in memory"):
        br.diagnostics.compare_elpd({"a": memory["wide"].loo, "b": streamed["wide"].loo})
    arviz = pytest.importorskip("arviz_stats")
    with pytest.raises(ValueError, match="pointwise"):
        arviz.compare({"a": streamed["wide"].loo, "b": streamed["tight"].loo})


@pytest.mark.slow
def test_what_is_looked_at_is_a_sample(table, monkeypatch):
    """Findings, figures and replicates: of rows in memory, and the axis says of how many."""
    monkeypatch.setattr("bayesreg.engines.draws.SAMPLE", 400)
    _, streamed = conditioned(table, MODELS["conjugate"], monkeypatch)
    post = br.sample(streamed, seed=1, draws=200)
    assert post.adequacy.residuals.design.n == 400
    assert "(from 400 of 3 000 rows)" in post.plot_ppc().get_xlabel()
    assert "(from 400 of 3 000 rows)" in post.plot("residuals").get_xlabel()
    assert streamed.design is None


def test_predictions_are_written_as_rows_are_read(table, tmp_path, monkeypatch, capsys):
    """Through both results and the shell: those of memory, in order, by number or by key."""
    problem = br.Model(br.Normal(2.0)).condition(table.drop_columns(["w"]), "y")
    fit, post = br.fit_map(problem), br.sample(problem, seed=1, draws=50)
    new = table.select(["c", "w", "b", "a"])
    for k in range(2):
        pq.write_table(new.slice(k * 1_700, 1_700), tmp_path / f"{k}.parquet", row_group_size=300)
    source, out = str(tmp_path / "[01].parquet"), tmp_path / "pred.parquet"
    columns = new.select(["a", "b", "c"])

    found = fit.predict(source, out=out)
    assert (found.rows, found.columns) == (N, ("row", "mean"))
    written = pq.read_table(out)
    np.testing.assert_array_equal(written["row"], np.arange(N))
    np.testing.assert_allclose(written["mean"], fit.predict(columns), rtol=1e-13)
    np.testing.assert_allclose(fit.predict(source), fit.predict(columns), rtol=1e-13)
    with pytest.raises(br.BadArgument, match="overwrite"):
        fit.predict(source, out=out)

    post.predict(source, True, level=0.9, out=out, key="w", overwrite=True)
    told = post.predict(columns, True, level=0.9)
    written = pq.read_table(out).to_pandas()
    assert list(written) == ["w", *told.columns]
    np.testing.assert_array_equal(written["w"], new["w"])
    np.testing.assert_allclose(written[told.columns], told, rtol=1e-9)

    fit.save(tmp_path / "fit.breg")
    command = ["predict", str(tmp_path / "fit.breg"), source, "--out", str(out), "--overwrite"]
    main(command, standalone_mode=False)
    assert f"{N // 1000} 000 rows of" in capsys.readouterr().out
    np.testing.assert_allclose(pq.read_table(out)["mean"], fit.predict(columns), rtol=1e-13)

    monkeypatch.setattr(arrival, "SMALL", 1)
    with pytest.raises(br.NotSupported, match=r"out='predictions\.parquet'"):
        fit.predict(source)


def test_a_file_of_predictions_is_whole_or_not_at_all(table, tmp_path):
    """A value that is missing in the last batch leaves the file that was there as it was."""
    problem = br.Model(br.Normal(2.0)).condition(table.drop_columns(["w"]), "y")
    fit, out = br.fit_map(problem), tmp_path / "pred.parquet"
    fit.predict(InBatches(table, 700), out=out)
    before = out.read_bytes()
    gone = table["b"].to_pylist()
    gone[-5] = None
    lacking = table.set_column(1, "b", pa.array(gone))
    with pytest.raises(br.BadData, match=rf"'b'.*row {N - 5} "):
        fit.predict(InBatches(lacking, 700), out=out, overwrite=True)
    assert out.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["pred.parquet"]
    with pytest.raises(br.BadData, match="'c'"):
        fit.predict(InBatches(table.drop_columns(["c"]), 700), out=out, overwrite=True)
    with pytest.raises(br.BadArgument, match="out="):
        fit.predict(table, key="w")


def test_estimators_predict_a_small_source(table, tmp_path):
    model = MapRegressor(br.Normal(2.0), sigma=1.0)
    model.fit(table.select(["a", "b", "c"]).to_pandas(), table["y"].to_numpy())
    pq.write_table(table, tmp_path / "new.parquet")
    expected = model.predict(table.select(["a", "b", "c"]).to_pandas())
    source = str(tmp_path / "new.parquet")
    np.testing.assert_allclose(model.predict(source), expected, rtol=1e-13)
    np.testing.assert_allclose(model.predict(source, level=0.9)["mean"], expected, rtol=1e-13)
