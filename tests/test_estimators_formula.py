"""Laws of estimators on a formula: the same answer as the verbs, within scikit-learn's rules."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import bayesreg as br
from bayesreg.data.formula import design_from_formula
from bayesreg.estimators import (
    BayesClassifier,
    BayesRegressor,
    MapClassifier,
    MapRegressor,
    MapRegressorCV,
)
from bayesreg.language.errors import BadArgument, BadData

RNG = np.random.default_rng(17)
N = 60
X = RNG.uniform(1, 9, N)
FRAME = pd.DataFrame(
    {
        "x": X,
        "g": RNG.permutation(list("abc") * 20),
        "rooms": pd.Categorical(RNG.permutation([1, 2, 10] * 20)),
        "y": X + RNG.standard_normal(N),
    },
    index=[f"r{i}" for i in range(N)],
)
FRAME["label"] = np.where(FRAME["y"] + RNG.standard_normal(N) > 5, "yes", "no")
RIGHT = "scale(x) + C(g) + C(rooms)"
NEW = FRAME.drop(columns=["y", "label"])
WAYS = {
    "response in X": (f"y ~ {RIGHT}", FRAME, None),
    "response beside X": (f"y ~ {RIGHT}", NEW, FRAME["y"]),
    "both, equal": (f"y ~ {RIGHT}", FRAME, FRAME["y"]),
    "no response": (RIGHT, NEW, FRAME["y"]),
    "tilde only": (f"~ {RIGHT}", NEW, FRAME["y"].to_numpy()),
    "polars": (f"y ~ {RIGHT}", pl.from_pandas(FRAME), None),
    "polars, beside": (RIGHT, pl.from_pandas(NEW), FRAME["y"].to_numpy()),
    "dict": (f"y ~ {RIGHT}", {name: FRAME[name] for name in FRAME}, None),
}


@pytest.mark.parametrize("formula, X, y", WAYS.values(), ids=WAYS)
def test_an_estimator_is_the_fit_of_the_formula(formula, X, y):
    problem = br.Model(br.Laplace(0.5)).condition_formula(f"y ~ {RIGHT}", FRAME)
    model = MapRegressor(br.Laplace(0.5), formula=formula).fit(X, y)
    fit = br.fit_map(problem)
    assert np.allclose(model.coef_, fit.beta, rtol=1e-12, atol=1e-12)
    assert np.allclose(model.predict(NEW), fit.predict(NEW), rtol=1e-12)
    assert np.allclose(pickle.loads(pickle.dumps(model)).predict(NEW), model.predict(NEW))
    assert model.feature_names_in_.tolist() == ["g", "rooms", "x"]
    assert model.n_features_in_ == 3


def test_every_estimator_takes_a_formula():
    cv = MapRegressorCV(formula=RIGHT, n=5, cv=3).fit(NEW, FRAME["y"])
    bayes = BayesRegressor(formula=RIGHT, draws=100, random_state=1).fit(NEW, FRAME["y"])
    for model in (cv, bayes):
        assert np.corrcoef(model.predict(NEW), FRAME["y"])[0, 1] > 0.8
        assert isinstance(model.predict(NEW, level=0.9), pd.DataFrame)
    for X, y, formula in ((FRAME, None, f"label ~ {RIGHT}"), (NEW, FRAME["label"], RIGHT)):
        for positive in (None, "no"):
            model = MapClassifier(br.Normal(1.0), formula=formula, positive=positive).fit(X, y)
            assert model.classes_.tolist() == ["no", "yes"]
            assert model.score(NEW, FRAME["label"]) > 0.7
    assert "formula" in BayesClassifier(formula=RIGHT).get_params()


def test_scikit_learn_selects_over_formulas():
    model = MapRegressor(br.Normal(1.0))
    grid = GridSearchCV(model, {"formula": ["C(g)", "x"]}, cv=2)
    found = grid.fit(NEW, FRAME["y"])
    assert found.best_params_["formula"] == "x"
    assert cross_val_score(clone(model).set_params(formula="x"), NEW, FRAME["y"], cv=2).min() > 0.3
    pipe = make_pipeline(FunctionTransformer(), MapRegressor(br.Normal(1.0), formula="x + g"))
    assert pipe.fit(NEW, FRAME["y"]).predict(NEW.iloc[:2]).shape == (2,)


def test_weights_and_flat_terms_are_those_of_the_formula():
    weights = RNG.integers(0, 3, N)
    prior = {"C(g)": br.Flat(), ...: br.Normal(1.0)}
    model = MapRegressor(prior, formula=f"y ~ {RIGHT}").fit(FRAME, sample_weight=weights)
    rows = np.repeat(np.arange(N), weights)
    again = MapRegressor(prior, formula=f"y ~ {RIGHT}").fit(FRAME.iloc[rows])
    assert np.allclose(model.coef_, again.coef_, rtol=1e-9)
    assert model.result_.problem.features[1:3] == ("C(g)[T.b]", "C(g)[T.c]")
    without = MapRegressor(br.Normal(1.0), formula="y ~ x - 1").fit(FRAME)
    assert without.intercept_ == 0.0


REFUSED = {
    "an array": (RIGHT, NEW[["x"]].to_numpy(), FRAME["y"], BadData, "needs a data frame"),
    "no response": (RIGHT, NEW, None, BadArgument, "names no response"),
    "two responses": ("y ~ x", FRAME, FRAME["y"] + 1, BadArgument, "'y' of X.* differ"),
    "several columns": ("y + x ~ g", FRAME, None, BadArgument, "one response"),
    "of two columns": ("I(y / x) ~ g", FRAME, FRAME["y"], BadArgument, "can be one column only"),
    "other labels": (RIGHT, NEW, FRAME["y"].sample(frac=1, random_state=1), BadData, "aligned"),
}


@pytest.mark.parametrize("formula, X, y, kind, words", REFUSED.values(), ids=REFUSED)
def test_what_is_no_response_is_refused(formula, X, y, kind, words):
    with pytest.raises(kind, match=words):
        MapRegressor(br.Normal(1.0), formula=formula).fit(X, y)


def test_new_rows_are_checked_as_by_the_formula():
    model = MapRegressor(br.Normal(1.0), formula=RIGHT).fit(NEW, FRAME["y"])
    with pytest.raises(BadData, match="'g' of new X has category 'z'"):
        model.predict(NEW.assign(g="z"))
    plain = NEW.assign(rooms=NEW["rooms"].astype(int))
    assert np.array_equal(model.predict(plain), model.predict(NEW))
    design = design_from_formula(f"y ~ {RIGHT}", FRAME)
    assert np.array_equal(model.result_.problem.design.X, design.X)


def test_categories_without_a_formula_are_no_quantity():
    with pytest.raises(BadData, match="column 'rooms' of X holds"):
        MapRegressor(br.Normal(1.0)).fit(FRAME[["x", "rooms"]], FRAME["y"])
