"""What leaves a posterior: ArviZ's groups know frequencies, labels can be stored, sizes fit."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import warnings

import arviz_stats as azs
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
