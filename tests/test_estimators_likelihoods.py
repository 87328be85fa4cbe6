"""Estimators under other likelihoods: counts and heavy noise, with what is known beside rows."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone
from sklearn.linear_model import PoissonRegressor
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import bayesreg as br
from bayesreg.estimators import BayesRegressor, MapClassifier, MapRegressor
from bayesreg.language.errors import BadArgument, BadData, NotSupported, UnknownArgument
from tests.cases import LIKELIHOODS

pytestmark = pytest.mark.filterwarnings("ignore::bayesreg.language.errors.BayesregWarning")

REGRESSIONS = [name for name, kind in LIKELIHOODS.items() if not kind.likelihood.takes_labels]
CONVEX = [name for name in REGRESSIONS if LIKELIHOODS[name].convex]


@pytest.fixture(scope="module")
def rows():
    """Columns, their effects, and an exposure."""
    rng = np.random.default_rng(11)
    X = pd.DataFrame(rng.standard_normal((120, 3)), columns=["a", "b", "c"])
    return X, 0.3 + X.to_numpy() @ [0.6, -0.4, 0.0], rng.uniform(0.5, 3.0, 120)


def respond(name, eta, seed=12):
    """y and what must be said beside X."""
    y = LIKELIHOODS[name].draw(np.random.default_rng(seed), eta)
    trials = LIKELIHOODS[name].theta.get("trials")
    return y, {} if trials is None else {"trials": np.full(len(y), trials)}


# scikit-learn's checks make y of normal noise, or labels: what is no count is refused by us. These
# make none, or such as a count can be.
OF_ANY_RESPONSE = (
    "check_estimator_cloneable",
    "check_estimator_repr",
    "check_get_params_invariance",
    "check_set_params",
    "check_no_attributes_set_in_init",
    "check_do_not_raise_errors_in_init_or_set_param",
    "check_parameters_default_constructible",
    "check_estimator_tags_renamed",
    "check_valid_tag_types",
    "check_mixin_order",
    "check_estimators_unfitted",
    "check_estimators_overwrite_params",
    "check_dont_overwrite_attributes",
    "check_fit2d_1sample",
)


@parametrize_with_checks([MapRegressor(br.Normal(0.5), likelihood="poisson")])
def test_scikit_learn_checks_of_counts(estimator, check):
    """All that give y as a count; what they get for others is advice, which the next test asks."""
    name = getattr(check, "func", check).__name__
    failed = ""
    try:
        check(estimator)
    except (BadData, NotSupported, AssertionError) as error:  # which quotes ours where it is one
        failed = f"{error} {error.__cause__} {error.__context__}"
    assert not failed or (name not in OF_ANY_RESPONSE and "whole numbers from 0" in failed)


@pytest.mark.parametrize("name", CONVEX)
def test_the_shell_has_the_numbers_of_the_verbs(name, rows):
    X, eta, _ = rows
    y, beside = respond(name, eta)
    likelihood = LIKELIHOODS[name].likelihood
    shell = MapRegressor(br.Normal(0.7), likelihood=likelihood, standardize=True)
    shell.fit(X, y, **beside)
    problem = br.Model(br.Normal(0.7), likelihood).condition(X, y, standardize=True, **beside)
    fit = br.fit_map(problem)
    np.testing.assert_allclose(shell.coef_, fit.beta, rtol=1e-12)
    np.testing.assert_allclose(shell.predict(X, **beside), fit.predict(X, **beside), rtol=1e-12)
    assert shell.scale_ == 0.7
    for own, value in likelihood.unknowns.items():
        assert getattr(shell, f"{own}_") == value
    assert (shell.sigma_ is None) == (not likelihood.has_sigma)
    assert 0.1 < shell.score(X, y, **beside) < 1.0
    copied = pickle.loads(pickle.dumps(shell))
    np.testing.assert_array_equal(copied.predict(X, **beside), shell.predict(X, **beside))
    assert clone(shell).get_params()["likelihood"] == likelihood


def test_score_is_that_of_scikit_learn(rows):
    """D² of PoissonRegressor, weighted too; with an exposure the constant is one of rates."""
    X, eta, size = rows
    y = respond("Poisson", eta)[0]
    w = np.arange(len(y)) % 3 + 1
    mine = MapRegressor(br.Normal(0.7), likelihood="poisson").fit(X, y, sample_weight=w)
    alpha = 1 / 0.7**2 / w.sum()
    peer = PoissonRegressor(alpha=alpha, tol=1e-12, max_iter=10_000).fit(X, y, sample_weight=w)
    np.testing.assert_allclose(mine.coef_, peer.coef_, rtol=1e-6)
    assert mine.score(X, y, w) == pytest.approx(peer.score(X, y, w), rel=1e-9)
    y = np.random.default_rng(0).poisson(size * np.exp(eta))
    exposed = MapRegressor(br.Normal(0.7), likelihood="poisson").fit(X, y, exposure=size)
    alpha = 1 / 0.7**2 / size.sum()
    rates = PoissonRegressor(alpha=alpha, tol=1e-12, max_iter=10_000)
    rates.fit(X, y / size, sample_weight=size)
    expected = rates.score(X, y / size, sample_weight=size)
    assert exposed.score(X, y, exposure=size) == pytest.approx(expected, rel=1e-9)
    assert (
        MapRegressor(likelihood="poisson", scale=1.0).fit(X, y * 0 + 2).score(X, y * 0 + 2) == 1.0
    )


def test_noise_is_scored_by_r2(rows):
    X, eta, _ = rows
    y = respond("Gaussian", eta)[0]
    model = MapRegressor(br.Normal(0.7), likelihood=br.Gaussian(1.3)).fit(X, y)
    rest = np.sum((y - model.predict(X)) ** 2) / np.sum((y - y.mean()) ** 2)
    assert model.score(X, y) == pytest.approx(1 - rest, rel=1e-12)


def test_exposure_and_offset_are_needed_again(rows):
    """By value, by the name of a column, and as one another's log."""
    X, eta, size = rows
    y = np.random.default_rng(0).poisson(size * np.exp(eta))
    model = MapRegressor(br.Normal(0.7), likelihood="poisson").fit(X, y, exposure=size)
    named = clone(model).fit(X.assign(size=size), y, exposure="size")
    logged = clone(model).fit(X, y, offset=np.log(size))
    np.testing.assert_array_equal(model.coef_, named.coef_)
    np.testing.assert_allclose(model.coef_, logged.coef_, rtol=1e-12)
    assert named.feature_names_in_.tolist() == ["a", "b", "c"]
    once, twice = model.predict(X, exposure=size), model.predict(X, exposure=2 * size)
    np.testing.assert_allclose(twice, 2 * once, rtol=1e-12)
    np.testing.assert_array_equal(named.predict(X.assign(size=size), exposure="size"), once)
    with pytest.raises(BadArgument, match=r"fitted with an offset.*pass exposure="):
        model.predict(X)
    with pytest.raises(BadData, match="index"):
        model.fit(X, y, exposure=pd.Series(size, index=np.arange(1, len(size) + 1)))


def test_a_formula_has_its_offset_inside_or_beside(rows):
    """By column, by argument, or in the formula, which then needs nothing at predict."""
    X, eta, size = rows
    y = np.random.default_rng(0).poisson(size * np.exp(eta))
    frame = X.assign(size=size, y=y)
    plain = MapRegressor(br.Normal(0.7), likelihood="poisson").fit(X, y, exposure=size)
    beside = MapRegressor(br.Normal(0.7), likelihood="poisson", formula="y ~ a + b + c")
    inside = clone(beside).set_params(formula="y ~ a + b + c + offset(log(size))").fit(frame)
    beside.fit(frame, exposure="size")
    for model in (beside, inside):
        np.testing.assert_allclose(model.coef_, plain.coef_, rtol=1e-9)
    expected = plain.predict(X, exposure=size)
    np.testing.assert_allclose(inside.predict(frame), expected, rtol=1e-9)
    np.testing.assert_allclose(beside.predict(frame, exposure="size"), expected, rtol=1e-9)
    np.testing.assert_allclose(beside.predict(frame, exposure=size), expected, rtol=1e-9)


def test_two_columns_are_successes_and_failures(rows):
    X, eta, _ = rows
    y, beside = respond("Binomial", eta)
    model = MapRegressor(br.Normal(0.7), likelihood="binomial")
    one, two = clone(model).fit(X, y, **beside), clone(model)
    both = np.column_stack([y, beside["trials"] - y])
    np.testing.assert_array_equal(one.coef_, two.fit(X, both).coef_)
    assert two.score(X, both) == one.score(X, y, **beside)
    np.testing.assert_allclose(one.predict(X, **beside), 7 * one.predict(X), rtol=1e-12)


def test_a_grid_sets_likelihood_scale_and_shape(rows):
    """Nested parameters reach both objects, and a likelihood is one value among several."""
    X, eta, _ = rows
    y = respond("NegativeBinomial", eta)[0]
    piped = make_pipeline(StandardScaler(), MapRegressor(br.Normal(1.0), likelihood="poisson"))
    grid = {
        "mapregressor__likelihood": ["poisson", br.NegativeBinomial(1.7)],
        "mapregressor__prior__scale": [1e-4, 0.5],
    }
    found = GridSearchCV(piped, grid, cv=3).fit(X, y)
    assert found.best_params_["mapregressor__prior__scale"] == 0.5
    model = MapRegressor(likelihood="negative_binomial")
    assert model.set_params(likelihood__shape=3.0).likelihood == br.NegativeBinomial(3.0)
    assert model.get_params()["likelihood__shape"] == 3.0
    assert model.set_params(likelihood="student_t", likelihood__df=5.0).likelihood.df == 5.0
    with pytest.raises(BadArgument, match="NegativeBinomial has no parameter 'alpha'"):
        MapRegressor(likelihood="negative_binomial").set_params(likelihood__alpha=1.0)


def test_metadata_is_routed(rows):
    """The exposure of each fold goes to its fit and its score."""
    X, eta, size = rows
    y = np.random.default_rng(0).poisson(size * np.exp(eta))
    with sklearn.config_context(enable_metadata_routing=True):
        model = MapRegressor(br.Normal(0.7), likelihood="poisson")
        model = model.set_fit_request(exposure=True).set_score_request(exposure=True)
        found = cross_val_score(model, X, y, cv=3, params={"exposure": size})
    blind = cross_val_score(MapRegressor(br.Normal(0.7), likelihood="poisson"), X, y, cv=3)
    assert found.mean() > 0.2
    assert np.abs(found - blind).max() > 0.01


REFUSED = {
    "classes": ({"likelihood": "bernoulli"}, {}, "MapClassifier"),
    "no sigma": ({"likelihood": "poisson", "sigma": 1.0}, {}, "has no noise sd"),
    "twice": ({"likelihood": br.LaplaceNoise(1.0), "sigma": 2.0}, {}, "says sigma already"),
    "name": ({"likelihood": "poison"}, {}, "did you mean 'poisson'"),
    "prior": ({"likelihood": br.Laplace()}, {}, "br.LaplaceNoise()"),
    "exposure": ({}, {"exposure": np.ones(120)}, "takes no exposure="),
    "trials": ({"likelihood": "poisson"}, {"trials": np.ones(120)}, "takes no trials="),
    "no count": ({"likelihood": "poisson"}, {}, "whole numbers from 0"),
}


@pytest.mark.parametrize("made, fitted, message", REFUSED.values(), ids=REFUSED)
def test_what_means_nothing_is_advice(rows, made, fitted, message):
    X, eta, _ = rows
    y = eta if message.startswith("whole") else np.round(np.exp(eta))
    with pytest.raises((BadArgument, BadData, NotSupported), match=message):
        MapRegressor(**made).fit(X, y, **fitted)


@pytest.mark.parametrize("likelihood", [None, "gaussian", "laplace_noise", "student_t(df=4)"])
def test_sigma_belongs_to_every_noise(rows, likelihood):
    X, eta, _ = rows
    model = MapRegressor(br.Normal(0.7), 1.3, likelihood=likelihood)
    assert model._condition(X, eta, None, {}).sigma == 1.3
    assert model._condition(X, eta, None, {}).likelihood.sigma == 1.3


def test_a_class_weight_is_refused_with_what_to_do():
    with pytest.raises(UnknownArgument, match=r"no frequency.*log\(w₁/w₀\)"):
        MapClassifier(class_weight="balanced")


def test_a_classifier_takes_an_offset_of_log_odds(rows):
    """It is one of the positive label, whichever comes first among the sorted."""
    X, eta, _ = rows
    shift = np.random.default_rng(5).normal(size=len(X))
    y = np.where(np.random.default_rng(6).random(len(X)) < 1 / (1 + np.exp(-eta - shift)), "b", "a")
    fit = br.fit_map(br.Model(br.Normal(0.7), br.Bernoulli()).condition(X, y, offset=shift))
    model = MapClassifier(br.Normal(0.7)).fit(X, y, offset=shift)
    other = MapClassifier(br.Normal(0.7), positive="a").fit(X, y, offset=-shift)
    expected = fit.predict(X, offset=shift)
    np.testing.assert_allclose(model.predict_proba(X, shift)[:, 1], expected, rtol=1e-9)
    np.testing.assert_allclose(other.predict_proba(X, -shift)[:, 1], expected, rtol=1e-6)
    assert model.score(X, y, offset=shift) == np.mean((expected > 0.5) == (y == "b"))
    with pytest.raises(BadArgument, match="fitted with an offset"):
        model.predict(X)


@pytest.mark.slow
def test_a_posterior_of_counts_is_averaged(rows):
    """The mean of μ over the draws; the shape is the median of its own."""
    X, eta, size = rows
    y = np.random.default_rng(0).poisson(size * np.exp(eta))
    model = BayesRegressor(
        br.Normal(0.7), draws=200, chains=2, random_state=0, likelihood="poisson"
    )
    model.fit(X, y, exposure=size)
    draws = model.result_.draws
    eta = X.to_numpy() @ draws.beta.reshape(-1, 3).T + draws.intercept.reshape(-1)
    mean = (size[:, None] * np.exp(eta)).mean(axis=1)
    np.testing.assert_allclose(model.predict(X, exposure=size), mean, rtol=1e-9)
    _, sd = model.predict(X, return_std=True, exposure=size)
    assert np.all(sd > np.sqrt(mean))
    table = model.predict(X, level=0.9, exposure=size)
    assert np.mean(y <= table["eti90_ub"]) > 0.9
    assert 0.2 < model.score(X, y, exposure=size) < 1.0
    assert model.sigma_ is None


def test_a_missing_label_is_named_by_its_row():
    labels = np.array(["no", "yes", None, "no"], dtype=object)
    with pytest.raises(BadData, match="y is missing in row 2"):
        MapClassifier().fit(np.eye(4), labels)
