"""Priors as text: at every door that takes a prior, the same as the object."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

import bayesreg as br
from bayesreg.cli.priorspec import parse_prior
from bayesreg.estimators import BayesClassifier, BayesRegressor, MapRegressor, MapRegressorCV
from bayesreg.language import families
from bayesreg.language.errors import BadArgument
from bayesreg.likelihoods.written import likelihood_of
from bayesreg.priors.written import prior_of

RNG = np.random.default_rng(11)
X = pd.DataFrame(RNG.standard_normal((40, 3)), columns=list("abc"))
Y = (2.0 * X["a"] + RNG.standard_normal(40)).rename("y")

WRITTEN = {
    "ridge": br.Normal(),
    "lasso": br.Laplace(),
    "Lasso ": br.Laplace(),
    "elastic_net": br.ElasticNet(),
    "elastic-net": br.ElasticNet(),
    "ElasticNet(mix=0.3)": br.ElasticNet(mix=0.3),
    "horseshoe": br.Horseshoe(),
    "horseshoe(half_cauchy(0.5))": br.Horseshoe(br.HalfCauchy(0.5)),
    "laplace(scale=2)": br.Laplace(2.0),
    "laplace(2, unit=sigma)": br.Laplace(2.0, unit="sigma"),
    "student_t(df=4, scale=half_normal(2))": br.StudentT(4, scale=br.HalfNormal(2)),
    "normal(scale=[1, 2, 3])": br.Normal([1, 2, 3]),
    "r2d2": br.R2D2(),
    "flat": br.Flat(),
}
DOORS = {
    "model": lambda prior: br.Model(prior).prior,
    "mapping": lambda prior: br.Model({"a": prior, ...: "ridge"}).prior["a"],
    "compare": lambda prior: compared({"one": prior})["one"].prior,
    "list": lambda prior: next(iter(compared([prior]).values())).prior,
    "regressor": lambda prior: MapRegressor(prior)._prior({}),
    "shell": lambda prior: parse_prior(prior) if isinstance(prior, str) else prior,
}


def compared(priors):
    from bayesreg.verbs.named_models import models_by_name

    return models_by_name(priors, br.Gaussian())


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("text", WRITTEN)
def test_a_text_is_the_prior_that_it_names(door, text):
    assert DOORS[door](text) == DOORS[door](WRITTEN[text])


@pytest.mark.parametrize("name", families.spoken(families.PRIORS))
def test_every_family_has_a_text(name):
    assert prior_of(name) == getattr(br, families.spoken(families.PRIORS)[name])()


WRONG = [
    ("lazzo", "did you mean 'lasso'"),
    ("laplace(scale=", "do not match"),
    ("laplace(sigma=2)", "it is called 'scale' here"),
    ("laplace(scael=2)", "did you mean 'scale'"),
    ("laplace(scale=-1)", "positive"),
    ("__import__('os').system('x')", "is no prior"),
    ("laplace(scale=open('x'))", "no hyperprior is called"),
    ("ridge, lasso", "compare takes several"),
    ("", "empty"),
]


@pytest.mark.parametrize("text, advice", WRONG)
@pytest.mark.parametrize("door", [d for d in DOORS if d != "shell"])
def test_a_text_that_names_none_is_refused(door, text, advice):
    with pytest.raises(br.BadArgument, match=advice.replace("(", r"\(")):
        DOORS[door](text)


def test_a_class_or_a_number_is_answered_with_both_ways_to_say_it():
    for value in (br.Laplace, 3.0, None):
        with pytest.raises(br.BadArgument, match=r"such as br\.\w+\(\), or its name as text"):
            br.Model(value)


def test_compare_reads_a_list_and_a_text_as_the_mapping():
    want = br.compare({"ridge": br.Normal(), "lasso": br.Laplace()}, X, Y, seed=1, draws=100)
    for priors in (["ridge", "lasso"], "ridge,lasso", ("ridge", " lasso")):
        got = br.compare(priors, X, Y, seed=1, draws=100)
        assert got.names == want.names
        pd.testing.assert_frame_equal(got.table, want.table)
    assert list(compared([br.Normal(), br.Laplace()])) == ["normal", "laplace"]
    assert compared([br.Model("ridge", br.Bernoulli())])["normal"].likelihood == br.Bernoulli()


@pytest.mark.parametrize("priors", [[], {}, "", [br.Normal(1.0), br.Normal(2.0)], [{"a": "ridge"}]])
def test_compare_refuses_what_has_no_names(priors):
    with pytest.raises(br.BadArgument):
        compared(priors)


def test_a_problem_takes_another_prior_as_text():
    problem = br.Model(br.Laplace(2.0)).condition(X, Y)
    given = problem.given(prior="normal(0.5)", sigma=1.0)
    assert given.penalty.kind == "ridge"
    assert given.prior == br.Normal(0.5)


@pytest.mark.parametrize("cls", [MapRegressor, BayesRegressor, MapRegressorCV, BayesClassifier])
def test_estimators_keep_the_text_and_use_the_prior(cls):
    size = {"draws": 20} if "draws" in cls().get_params() else {}
    y = Y > 0 if cls is BayesClassifier else Y
    by_text = cls("lasso", **size, random_state=1).fit(X, y)
    by_object = cls(br.Laplace(), **size, random_state=1).fit(X, y)

    np.testing.assert_array_equal(by_text.coef_, by_object.coef_)
    assert clone(by_text).prior == "lasso"
    assert by_text.get_params()["prior__unit"] == "sigma"
    assert by_text.set_params(prior__scale=2.0).prior == br.Laplace(2.0)


def test_a_grid_search_takes_texts():
    grid = {"prior": ["ridge", "lasso", "laplace(scale=2)"]}
    found = GridSearchCV(MapRegressor(), grid, cv=3, error_score="raise").fit(X, Y)
    assert found.best_params_["prior"] in grid["prior"]
    assert "nonsense" in repr(MapRegressor("nonsense"))


STATES = {
    "Generator": np.random.default_rng,
    "RandomState": np.random.RandomState,
    "integer": np.int64,
}


@pytest.mark.parametrize("state", STATES)
def test_every_random_state_seeds(state):
    a, b, c = (
        BayesRegressor(draws=20, random_state=STATES[state](s)).fit(X, Y).coef_ for s in (3, 3, 4)
    )
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, c)


@pytest.mark.parametrize("state", ["7", 1.5, {}])
def test_what_is_no_random_state_is_refused(state):
    with pytest.raises(br.BadArgument, match="random_state must be"):
        BayesRegressor(draws=20, random_state=state).fit(X, Y)


DIGITS = {
    "frame": X.astype(str),
    "one column": X.assign(b=[f"0{i}" for i in range(40)]),
    "array": X.to_numpy().astype(str),
    "bytes": X.to_numpy().astype("S"),
    "objects": X.astype(str).to_numpy(dtype=object),
    "list": X.astype(str).to_numpy().tolist(),
    "category": X.assign(b=pd.Categorical([f"0{i}" for i in range(40)])),
}


@pytest.mark.parametrize("kind", DIGITS)
@pytest.mark.parametrize("cls", [MapRegressor, BayesClassifier])
def test_text_is_no_number_to_an_estimator(kind, cls):
    y = Y > 0 if cls is BayesClassifier else Y
    said = "text or categories" if kind == "category" else "numbers as text"
    with pytest.raises(br.BadData, match=said):
        cls("ridge").fit(DIGITS[kind], y)
    if kind in ("frame", "one column", "category"):
        fitted = cls("ridge", **({} if cls is MapRegressor else {"draws": 20})).fit(X, y)
        with pytest.raises(br.BadData, match=said):
            fitted.predict(DIGITS[kind])


def test_numbers_as_objects_are_numbers():
    """The control: what holds numbers is taken, whatever its dtype; and y is read alike."""
    want = MapRegressor("ridge").fit(X, Y).coef_
    for same in (X.astype(object), X.to_numpy().tolist(), X.to_numpy(dtype=object)):
        np.testing.assert_allclose(MapRegressor("ridge").fit(same, Y).coef_, want)
    with pytest.raises(br.BadData, match="y holds numbers as text"):
        MapRegressor("ridge").fit(X, Y.astype(str))


@pytest.mark.parametrize("name", families.spoken(families.LIKELIHOODS))
def test_a_likelihood_is_written_as_a_prior_is(name):
    """By every name, in any case, and where a model takes one."""
    likelihood = getattr(br, families.spoken(families.LIKELIHOODS)[name])()
    assert likelihood_of(name) == likelihood_of(name.upper()) == likelihood
    assert likelihood_of(likelihood) is likelihood
    assert br.Model("ridge", name) == br.Model(br.Normal(), likelihood)


CALLED = {
    "student_t(df=4, sigma=half_normal(2))": br.StudentTNoise(4.0, br.HalfNormal(2.0)),
    "StudentTNoise(4)": br.StudentTNoise(4.0),
    "negative-binomial(shape=gamma(2, 0.1))": br.NegativeBinomial(br.Gamma(2.0, 0.1)),
    "gaussian(54)": br.Gaussian(54.0),
    "bernoulli(positive='yes')": br.Bernoulli("yes"),
}


@pytest.mark.parametrize("text", CALLED)
def test_arguments_of_a_likelihood_are_read(text):
    assert likelihood_of(text) == CALLED[text]


NO_LIKELIHOOD = [
    ("poison", "did you mean 'poisson'"),
    ("poisson, gaussian", "2 likelihoods"),
    ("poisson(mean=2)", "has no argument 'mean'"),
    ("bernoulli(classes=['a', 'b'])", "has no argument 'classes'"),
    ("student_t(df=laplace(2))", "no hyperprior is called 'laplace'"),
    ("negative_binomial(shape=flat())", "improper"),
    (br.Laplace(), r"br\.LaplaceNoise\(\)"),
    (br.Poisson, r"br\.Poisson\(\)"),
    (3, r"br\.Gaussian\(\)"),
]


@pytest.mark.parametrize("value, message", NO_LIKELIHOOD)
def test_what_is_no_likelihood_is_advice(value, message):
    with pytest.raises(BadArgument, match=message):
        br.Model(br.Normal(), value)
