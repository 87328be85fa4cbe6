"""What leaves a posterior: ArviZ's groups know frequencies, labels can be stored, sizes fit."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import warnings

import arviz_stats as azs
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayesreg as br
from bayesreg.language.errors import BadArgument, NotSupported
from tests.cases import CASES, responding

quiet = pytest.mark.filterwarnings(
    "ignore::bayesreg.language.errors.BayesregWarning",
    "ignore:Estimated shape parameter:UserWarning",
)
GROUPS = {"log_likelihood": True, "posterior_predictive": True, "prior": True}


def weighted(name):
    case = next(c for c in responding(name) if c.name == "weighted")
    likelihood = br.Gaussian() if name == "Gaussian" else br.Bernoulli()
    prior = br.Laplace(0.7, unit="y")
    return case, br.Model(prior, likelihood)


def both(name, **options):
    """The posterior of weighted rows, and the same draws read against the rows written out."""
    case, model = weighted(name)
    one = br.sample(model.condition(case.X, case.y, weights=case.weights), seed=1, **options)
    times = case.weights.astype(int)
    X, y = np.repeat(case.X, times, axis=0), np.repeat(case.y, times)
    two = dataclasses.replace(one.draws, problem=model.condition(X, y))
    return one, dataclasses.replace(one, draws=two)


@quiet
@pytest.mark.parametrize("name", ["Gaussian", "Bernoulli"])
def test_arviz_sees_a_row_as_often_as_it_counts(name):
    one, two = both(name, draws=250)
    a, b = one.to_arviz(**GROUPS, seed=2), two.to_arviz(**GROUPS, seed=2)
    for group in ("log_likelihood", "posterior_predictive", "prior_predictive", "observed_data"):
        np.testing.assert_allclose(a[group]["y"], b[group]["y"], rtol=1e-12, atol=1e-12)
    assert "weights" not in a["constant_data"]
    np.testing.assert_array_equal(
        one.problem.design.y[a["constant_data"]["row"]], a["observed_data"]["y"]
    )
    assert len(set(a["observed_data"]["obs_id"].to_numpy())) == int(one.problem.n)
    assert azs.loo(a).elpd == pytest.approx(azs.loo(b).elpd, rel=1e-12)
    assert azs.loo(a).elpd == pytest.approx(one.loo("psis").elpd, rel=1e-9)
    shown = [azs.psense_summary(t, var_names=["beta"], prior_var_names=["beta"]) for t in (a, b)]
    pd.testing.assert_frame_equal(*shown)
    # Negative control: rows that count once are other data.
    alone = xr.DataTree.from_dict({k: a[k].to_dataset() for k in a.children})
    first = np.unique(a["constant_data"]["row"], return_index=True)[1]
    values = a["log_likelihood"].to_dataset().isel(obs_id=first)
    alone["log_likelihood"] = xr.DataTree(values)
    assert abs(azs.loo(alone).elpd - azs.loo(a).elpd) > 10.0


@quiet
def test_unit_weights_are_no_weights():
    case, model = weighted("Gaussian")
    plain = br.sample(model.condition(case.X, case.y), seed=1, draws=100)
    ones = br.sample(
        model.condition(case.X, case.y, weights=np.ones(len(case.y))), seed=1, draws=100
    )
    a, b = plain.to_arviz(), ones.to_arviz()
    np.testing.assert_array_equal(a["observed_data"]["obs_id"], b["observed_data"]["obs_id"])
    np.testing.assert_allclose(a["log_likelihood"]["y"], b["log_likelihood"]["y"])


@quiet
@pytest.mark.parametrize("groups", [{}, {"log_likelihood": False, "prior": True}], ids=str)
def test_parts_of_a_row_are_refused_where_arviz_would_drop_them(groups):
    case, model = weighted("Gaussian")
    post = br.sample(model.condition(case.X, case.y, weights=case.weights + 0.5), seed=1, draws=100)
    with pytest.raises(NotSupported, match=r"row 0 counts .* post.loo\(\)"):
        post.to_arviz(**groups)
    assert "weights" in post.to_arviz(log_likelihood=False)["constant_data"]
    for again in (pickle.loads(pickle.dumps(post)), copy.deepcopy(post)):
        with pytest.raises(NotSupported, match="whole frequencies"):
            again.to_arviz()


LABELS = {
    "range": pd.RangeIndex(5, 65),
    "floats": pd.Index(np.linspace(0.5, 3.0, 60)),
    "booleans": pd.Index([True, False] * 30),
    "text": pd.Index([f"r{i} é" for i in range(60)]),
    "duplicates": pd.Index(["a", "b", "b"] * 20),
    "mixed": pd.Index([1, "b", None, (2, "x"), 2.5, pd.Timestamp("2020-01-01")] * 10),
    "multi": pd.MultiIndex.from_product([["a", "b"], range(30)]),
    "intervals": pd.interval_range(0, 60),
    "periods": pd.period_range("2020-01", periods=60, freq="M"),
    "dates": pd.date_range("2020-01-01", periods=60),
    "zoned dates": pd.date_range("2020-01-01", periods=60, tz="Europe/Paris"),
    "durations": pd.timedelta_range("1D", periods=60),
    "categories": pd.CategoricalIndex(["x", "y", "z"] * 20),
    "surrogates": pd.Index([f"\udc80{i}" for i in range(60)], dtype=object),
}


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_rows_of_any_label_are_written_and_read_back(labels, tmp_path):
    case = CASES[0]
    X = pd.DataFrame(case.X, columns=list("abcde"), index=labels)
    model = br.Model({"a": br.Flat(), ...: br.Normal()})
    post = br.sample(model.condition(X, pd.Series(case.y, index=labels)), seed=1, draws=30)
    for tree in (post.tree, post.to_arviz(**GROUPS, seed=1)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # units of dates, chosen by xarray
            tree.to_netcdf(tmp_path / "post.nc")
        with xr.open_datatree(tmp_path / "post.nc") as back:
            for group in tree.children:
                for name, values in tree[group].data_vars.items():
                    np.testing.assert_array_equal(back[group][name], values)
            shown, read = (t["observed_data"]["obs_id"].to_numpy() for t in (tree, back))
            np.testing.assert_array_equal(shown, read)
            assert back.attrs["engine"] == post.engine


def test_what_would_not_fit_is_refused_with_its_size():
    case = CASES[0]
    post = br.sample(br.Model(br.Normal(1.0)).condition(case.X, case.y), seed=1)
    many = np.broadcast_to(case.X[:1], (400_000, 5))
    with pytest.raises(BadArgument, match=r"4000 draws × 400000 rows need 12.8 GB"):
        post.posterior_predictive(many)
    with pytest.raises(BadArgument, match="rows in blocks"):
        post.to_arviz(memory=1e6)
    assert post.posterior_predictive(many[:1000], draws=5).shape == (1, 5, 1000)
    assert post.posterior_predictive(many[:100], memory=1e8).shape == (4, 1000, 100)


def test_replicates_do_not_depend_on_blocks(monkeypatch):
    case = CASES[0]
    post = br.sample(br.Model(br.Normal(1.0)).condition(case.X, case.y), seed=1, draws=50)
    whole = post.posterior_predictive(seed=3)
    monkeypatch.setattr("bayesreg.results.predictive.CELLS", 700)
    np.testing.assert_allclose(post.posterior_predictive(seed=3), whole, rtol=1e-12)
    assert np.abs(post.posterior_predictive(seed=4) - whole).max() > 1.0


NULLS = {
    "intercept alone": lambda m, f, y: m.condition_formula(f"{y} ~ 1", f),
    "weights": lambda m, f, y: m.condition_formula(
        f"{y} ~ 1", f, weights=np.arange(len(f)) % 3 + 1.0
    ),
    "Flat columns": lambda m, f, y: br.Model(br.Flat(), m.likelihood).condition(f[["x"]], f[y]),
    "Flat, no intercept": lambda m, f, y: br.Model(br.Flat(), m.likelihood).condition(
        f[["x"]], f[y], intercept=False
    ),
}
NOISE = {
    "Gaussian": (br.Gaussian(), "y"),
    "not conjugate": (br.Gaussian(br.HalfNormal(3.0)), "y"),
    "Bernoulli": (br.Bernoulli(), "b"),
    "heavy tails": (br.StudentTNoise(4.0), "y"),
}


@quiet
@pytest.mark.parametrize("likelihood, y", NOISE.values(), ids=NOISE)
@pytest.mark.parametrize("build", NULLS.values(), ids=NULLS)
def test_a_model_without_a_proper_column_answers_every_question(build, likelihood, y, tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=30)})
    frame["y"] = 1.0 + 0.5 * frame.x + rng.normal(size=30)
    frame["b"] = frame.y > 1.0
    problem = build(br.Model(likelihood=likelihood), frame, y)
    fit, post = br.fit_map(problem), br.sample(problem, seed=1, draws=60)
    new = frame[["x"]]
    assert np.all(np.isfinite(fit.predict(new)))
    tree = post.to_arviz(**GROUPS, seed=1)
    tree.to_netcdf(tmp_path / "null.nc")
    assert np.all(np.isfinite(tree["prior_predictive"]["y"]))
    summary = post.summary().drop(columns="rhat")
    of_columns = [name for name in summary if "ratio" in name]  # which the intercept has not
    assert summary.loc[summary.index != "intercept"].notna().all(axis=None)
    assert summary.drop(columns=of_columns).notna().all(axis=None)
    assert len(post.effects()) == len(problem.features)
    for answer in (post.r2(), post.r2("loo"), post.rmse(), post.rmse("loo")):
        assert np.all(np.isfinite(answer.draws))
    assert np.all(np.isfinite([post.loo().elpd, post.loo("psis").elpd]))
    assert np.all(np.isfinite(post.predict(new, level=0.9)))
    assert np.all(np.isfinite(post.posterior_predictive(new, seed=1)))
    for kind in ("trace", "rank", "ppc", "residuals"):
        post.plot(kind)
    for draw in (fit.plot, post.plot, lambda: post.plot("significance")):
        if len(problem.features):
            draw()
        else:
            with pytest.raises(BadArgument, match="no columns"):
                draw()
    plt.close("all")
    for result in (fit, post):
        result.save(tmp_path / "null.breg", overwrite=True)
        assert repr(br.load(tmp_path / "null.breg"))
        assert repr(result)
        assert result._repr_html_()


def test_one_draw_is_no_summary():
    case = CASES[0]
    problem = br.Model(br.Normal(1.0)).condition(case.X, case.y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        post = br.sample(problem, draws=1, chains=1, seed=1)
        for ask in (post.summary, post.effects):
            with pytest.raises(BadArgument, match="at least two draws"):
                ask()
        assert "single draw" in repr(post)
        assert "single draw" in post._repr_html_()
        two = br.sample(problem, draws=2, chains=1, seed=1).summary()
    assert two["sd"].notna().all()
    assert "R-hat" in two.attrs["checks"] or "independent" in two.attrs["checks"]
