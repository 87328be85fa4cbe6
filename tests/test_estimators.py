"""The scikit-learn shells: its own checks, nested parameters, and the same numbers as the verbs."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from scipy.special import expit
from sklearn.base import clone
from sklearn.linear_model import ElasticNetCV, LassoCV, LogisticRegression
from sklearn.linear_model import Ridge as Peer
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import bayesreg as br
from bayesreg.estimators import (
    BayesClassifier,
    BayesRegressor,
    MapClassifier,
    MapRegressor,
    MapRegressorCV,
)
from bayesreg.language.errors import BadArgument

pytestmark = pytest.mark.filterwarnings("ignore::bayesreg.language.errors.BayesregWarning")

# Where a chain moves row by row, a row of weight 2 is one row: draws are those of two rows in
# distribution, not to the 1e-7 that these checks ask for.
MONTE_CARLO = {
    f"check_sample_weight_equivalence_on_{kind}_data": "draws differ within Monte Carlo error"
    for kind in ("dense", "sparse")
}


# Folds hold rows, so that a row that is repeated may be in two of them, and a weighted one is not.
FOLDS_OF_ROWS = {
    f"check_sample_weight_equivalence_on_{kind}_data": "rows repeated are not in the folds of one"
    for kind in ("dense", "sparse")
}


def expected(estimator):
    """No failure is expected of optima at a given scale, nor of independent draws."""
    if isinstance(estimator, BayesClassifier):
        return MONTE_CARLO
    folds = isinstance(estimator, MapClassifier) and estimator.prior is None
    return FOLDS_OF_ROWS if folds else {}


@parametrize_with_checks(
    [
        MapRegressor(),
        MapRegressor(prior=br.Laplace(0.5), sigma=1.0),
        MapRegressor(prior=br.ElasticNet(0.5, unit="sigma"), standardize=True),
        MapRegressor(br.Laplace(), sigma=1.0, scale="bic"),
        MapRegressorCV(n=20, cv=3, random_state=0),
        MapRegressorCV(br.Normal(), cv=3, rule="1se", standardize=True, random_state=0),
        BayesRegressor(draws=50, chains=2),
        MapClassifier(br.Laplace(2.0), standardize=True),
    ],
    expected_failed_checks=expected,
    xfail_strict=True,
)
def test_scikit_learn_checks(estimator, check):
    """All of scikit-learn's conventions."""
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks(
    [MapClassifier(), BayesClassifier(draws=50, chains=2)],
    expected_failed_checks=expected,
    xfail_strict=True,
)
def test_scikit_learn_checks_of_classifiers(estimator, check):
    """The same where every fit cross-validates."""
    check(estimator)


@pytest.fixture(scope="module")
def data():
    """Diabetes."""
    return br.load_dataset("diabetes")


def test_same_numbers_as_the_verbs(data):
    """The shell adds nothing."""
    prior = br.Laplace(25.0)
    shell = MapRegressor(prior, sigma=54.0, standardize=True).fit(data.X, data.y)
    problem = br.Model(prior, br.Gaussian(54.0)).condition(data.X, data.y, standardize=True)
    fit = br.fit_map(problem)
    np.testing.assert_array_equal(shell.coef_, fit.beta)
    np.testing.assert_allclose(shell.predict(data.X), fit.predict(data.X), rtol=1e-12)
    assert shell.sigma_ == 54.0
    assert shell.scale_ == 25.0
    assert shell.result_.certificate.ok


def test_grid_search_sets_the_scale(data):
    """prior__scale reaches the prior, from the default prior too."""
    grid = {"prior__scale": [0.5, 20.0]}
    search = GridSearchCV(MapRegressor(sigma=54.0, standardize=True), grid, cv=3)
    assert search.fit(data.X, data.y).best_params_ == {"prior__scale": 20.0}
    piped = make_pipeline(StandardScaler(), MapRegressor(br.Laplace(1.0), sigma=54.0))
    search = GridSearchCV(piped, {"mapregressor__prior__scale": [0.5, 20.0]}, cv=3)
    assert search.fit(data.X, data.y).best_params_["mapregressor__prior__scale"] == 20.0


def test_units_survive_a_change_of_scale():
    """A declared unit stays; an implied one follows the new scale."""
    declared = MapRegressor(br.Normal(1.0, unit="sigma"))
    assert declared.set_params(prior__scale=2.0).prior.unit == "sigma"
    assert MapRegressor(br.Normal()).set_params(prior__scale=2.0).prior.unit == "y"
    assert MapRegressor().set_params(prior__scale=2.0).prior == br.Normal(2.0)
    with pytest.raises(BadArgument, match="width"):
        MapRegressor().set_params(prior__width=2.0)


def test_reordered_columns_raise(data):
    """scikit-learn's rule, which differs from prediction by name."""
    model = MapRegressor(standardize=True).fit(data.X, data.y)
    with pytest.raises(ValueError, match="order"):
        model.predict(data.X[data.X.columns[::-1]])


def test_predictive_sd(data):
    """Noise included."""
    model = BayesRegressor(standardize=True, random_state=0).fit(data.X, data.y)
    mean, sd = model.predict(data.X.head(), return_std=True)
    np.testing.assert_allclose(mean, model.predict(data.X.head()), rtol=1e-9)
    assert np.all(sd > model.sigma_ * 0.99)


FOLDS = KFold(5, shuffle=True, random_state=3)


@pytest.fixture(scope="module")
def scaled(data):
    """Diabetes with columns of unit sd, as an array."""
    return StandardScaler().fit_transform(data.X), data.y.to_numpy()


@pytest.mark.parametrize("l1_ratio", [None, 0.5])
def test_cv_is_lasso_cv(scaled, l1_ratio):
    """Per row, the same folds: LassoCV's and ElasticNetCV's λ, errors and coefficients.

    The peers iterate to a duality gap of 1e-10·‖y‖²: coefficients agree to its square root.
    """
    X, y = scaled
    mine = MapRegressorCV(n=30, cv=FOLDS, per_row=True, l1_ratio=l1_ratio).fit(X, y)
    given = {"alphas": mine.lams_ / len(y), "cv": FOLDS, "tol": 1e-10, "max_iter": 10**6}
    peer = LassoCV(**given) if l1_ratio is None else ElasticNetCV(l1_ratio=l1_ratio, **given)
    peer.fit(X, y)

    np.testing.assert_allclose(mine.cv_error_, peer.mse_path_.mean(axis=1), rtol=1e-6)
    assert mine.lam_ / len(y) == pytest.approx(peer.alpha_, rel=1e-12)
    np.testing.assert_allclose(mine.coef_, peer.coef_, rtol=1e-4, atol=1e-4)
    assert all(c.ok for c in mine.path_.certificates)
    assert mine.result_.certificate.ok


def test_cv_by_training_set_differs(scaled):
    """The control: with the same prior in every training set, the errors are not LassoCV's."""
    X, y = scaled
    mine = MapRegressorCV(n=30, cv=FOLDS).fit(X, y)
    peer = LassoCV(alphas=mine.lams_ / len(y), cv=FOLDS, tol=1e-10, max_iter=10**6).fit(X, y)

    assert np.max(np.abs(mine.cv_error_ / peer.mse_path_.mean(axis=1) - 1)) > 1e-4


def test_cv_of_ridge_in_a_pipeline(data):
    """standardize=True scales each training set anew, as a StandardScaler in a pipeline does."""
    lams = [1.0, 10.0, 100.0, 1000.0]
    mine = MapRegressorCV(br.Normal(), lams=lams, cv=FOLDS, standardize=True).fit(data.X, data.y)
    for k, lam in enumerate(lams):
        pipe = make_pipeline(StandardScaler(), Peer(alpha=lam))
        errors = -cross_val_score(pipe, data.X, data.y, cv=FOLDS, scoring="neg_mean_squared_error")
        np.testing.assert_allclose(mine.fold_error_[:, k], errors, rtol=1e-9)
    assert mine.lam_ == lams[int(np.argmin(mine.cv_error_))]


def test_cv_one_standard_error_and_the_prior_that_it_is(data):
    """The sparser rule; λ = σ/scale for a Laplace prior in units of σ."""
    least = MapRegressorCV(standardize=True, random_state=0).fit(data.X, data.y)
    sparse = MapRegressorCV(standardize=True, rule="1se", random_state=0).fit(data.X, data.y)
    limit = least.cv_error_.min() + least.cv_se_[np.argmin(least.cv_error_)]

    assert sparse.lam_ == least.lams_[least.cv_error_ <= limit].max() > least.lam_
    assert (sparse.coef_ == 0).sum() > (least.coef_ == 0).sum()
    for one in (least, sparse):
        assert one.lam_ == pytest.approx(one.sigma_ / one.scale_)
        prior = br.Laplace(one.scale_, unit="sigma")
        again = MapRegressor(prior, sigma=one.sigma_, standardize=True).fit(data.X, data.y)
        np.testing.assert_allclose(one.coef_, again.coef_, rtol=1e-9, atol=1e-9)
    with pytest.raises(BadArgument, match="rule must be 'min' or '1se'"):
        MapRegressorCV(rule="max").fit(data.X, data.y)


def test_cv_keeps_groups_together(scaled):
    """Labels at fit: every group is in one fold, as GroupKFold makes them."""
    X, y = scaled
    groups = np.arange(len(y)) % 6
    mine = MapRegressorCV(n=10, cv=GroupKFold(6)).fit(X, y, groups=groups)
    splits = list(GroupKFold(6).split(X, y, groups))
    other = MapRegressorCV(n=10, cv=splits).fit(X, y)
    alone = MapRegressorCV(n=10, cv=6).fit(X, y)

    np.testing.assert_array_equal(mine.fold_error_, other.fold_error_)
    assert not np.allclose(np.sort(mine.cv_error_), np.sort(alone.cv_error_), rtol=1e-6)


def test_scale_is_a_number_or_a_rule(data):
    """A number is the prior's scale; a rule is the one of `choose`; not both ways at once."""
    by_number = MapRegressor(br.Laplace(), sigma=54.0, standardize=True, scale=25.0)
    named = MapRegressor(br.Laplace(25.0), sigma=54.0, standardize=True)
    np.testing.assert_array_equal(
        by_number.fit(data.X, data.y).coef_, named.fit(data.X, data.y).coef_
    )
    problem = br.Model(br.Laplace()).condition(data.X, data.y, standardize=True)
    for rule in ("cv", "cv-1se", "bic"):
        model = MapRegressor(br.Laplace(), standardize=True, scale=rule, random_state=4)
        fixed = br.choose(problem, by=[rule], seed=4).problem(rule)
        np.testing.assert_array_equal(
            model.fit(data.X, data.y).coef_, br.fit_map(fixed).beta.to_numpy()
        )
    search = GridSearchCV(MapRegressor(standardize=True), {"scale": [0.001, "evidence"]}, cv=3)
    assert search.fit(data.X, data.y).best_params_ == {"scale": "evidence"}
    with pytest.raises(BadArgument, match="leave out one"):
        MapRegressor(scale="cv", hyper="evidence").fit(data.X, data.y)
    with pytest.raises(BadArgument, match="no rule 'cv1se'; did you mean"):
        MapRegressor(scale="cv1se").fit(data.X, data.y)
    with pytest.raises(BadArgument, match="single prior"):
        MapRegressor({...: br.Laplace()}, scale=1.0).fit(data.X, data.y)


@pytest.fixture(scope="module")
def labelled(data):
    """Diabetes with a yes/no outcome."""
    return data.X, np.where(data.y > 150, "worse", "better")


def test_classifier_has_the_numbers_of_the_verbs(labelled):
    """The shell adds nothing; its columns are in sorted order whatever is positive."""
    X, y = labelled
    problem = br.Model(br.Laplace(0.2), br.Bernoulli()).condition(X, list(y), standardize=True)
    fit = br.fit_map(problem)
    shell = MapClassifier(br.Laplace(0.2), standardize=True).fit(X, y)
    other = MapClassifier(br.Laplace(0.2), standardize=True, positive="better").fit(X, y)
    np.testing.assert_array_equal(shell.coef_, fit.beta.to_numpy()[None, :])
    assert shell.intercept_.shape == (1,)
    assert shell.classes_.tolist() == other.classes_.tolist() == ["better", "worse"]
    assert shell.result_.classes_ == ("better", "worse")
    assert other.result_.classes_ == ("worse", "better")
    np.testing.assert_allclose(shell.predict_proba(X), other.predict_proba(X), atol=1e-7)
    np.testing.assert_allclose(np.exp(shell.predict_log_proba(X)), shell.predict_proba(X))
    assert np.array_equal(shell.predict(X) == "worse", shell.decision_function(X) > 0)
    assert shell.score(X, y) == np.mean(shell.predict(X) == y) > 0.7
    assert shell.feature_names_in_.tolist() == list(X.columns)


def test_classifier_is_logistic_regression(labelled):
    """Normal(s) is an L2 penalty with C = s²; its peer stops at a gradient of 1e-8."""
    X, y = labelled
    Z = StandardScaler().fit_transform(X)
    mine = MapClassifier(br.Normal(0.5)).fit(Z, y)
    peer = LogisticRegression(C=0.25, tol=1e-8, max_iter=10**4).fit(Z, y)
    np.testing.assert_allclose(mine.coef_, peer.coef_, atol=1e-6)
    np.testing.assert_allclose(mine.predict_proba(Z), peer.predict_proba(Z), atol=1e-6)
    # The control: another scale is another classifier.
    assert np.abs(MapClassifier(br.Normal(1.0)).fit(Z, y).coef_ - peer.coef_).max() > 1e-3


def test_classifier_counts_rows_by_their_weights(labelled):
    """A frequency of two is a row twice."""
    X, y = labelled
    twice = np.arange(len(y)) % 2 + 1
    mine = MapClassifier(br.Normal(0.5), standardize=True).fit(X, y, sample_weight=twice)
    rows = np.repeat(np.arange(len(y)), twice)
    again = MapClassifier(br.Normal(0.5), standardize=True).fit(X.iloc[rows], y[rows])
    np.testing.assert_allclose(mine.coef_, again.coef_, rtol=1e-7, atol=1e-9)


def test_classifier_in_a_grid_search_cloned_and_pickled(labelled):
    """Nested parameters; a default prior stays one through clone and pickle."""
    X, y = labelled
    search = GridSearchCV(MapClassifier(standardize=True), {"prior__scale": [1e-4, 0.5]}, cv=3)
    assert search.fit(X, y).best_params_ == {"prior__scale": 0.5}
    copied = clone(MapClassifier(br.Laplace(), positive="better"))
    assert copied.get_params()["positive"] == "better"
    settled = br.Model(copied.prior, br.Bernoulli()).prior
    assert settled == br.Model(br.Laplace(), br.Bernoulli()).prior
    assert settled.hyper == br.HalfStudentT(3.0)
    fitted = MapClassifier(br.Normal(0.5)).fit(X, y)
    loaded = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(loaded.predict_proba(X), fitted.predict_proba(X))


@pytest.mark.slow
def test_classifier_chooses_its_scale_by_folds(labelled):
    """A rule of `choose`, a number, or hyper, but not two of them."""
    X, y = labelled
    problem = br.Model(br.Laplace(), br.Bernoulli()).condition(X, list(y), standardize=True)
    fixed = br.choose(problem, by=["cv-1se"], seed=4).problem("cv-1se")
    model = MapClassifier(br.Laplace(), standardize=True, scale="cv-1se", random_state=4)
    np.testing.assert_array_equal(model.fit(X, y).coef_[0], br.fit_map(fixed).beta.to_numpy())
    with pytest.raises(BadArgument, match="leave out one"):
        MapClassifier(scale=1.0, hyper="cv").fit(X, y)


def test_bayes_classifier_averages_probabilities(labelled):
    """The mean of P over draws, which is nearer ½ than P at the mean of the draws."""
    X, y = labelled
    model = BayesClassifier(br.Normal(0.5), standardize=True, draws=200, random_state=0).fit(X, y)
    beta = model.result_.draws.beta.reshape(-1, X.shape[1])
    eta = X.to_numpy() @ beta.T + model.result_.draws.intercept.reshape(-1)
    mean = expit(eta).mean(axis=1)
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], mean, rtol=1e-9)
    at_mean = expit(X.to_numpy() @ model.coef_[0] + model.intercept_[0])
    assert np.abs(at_mean - mean).max() > 1e-4
    assert model.result_.problem.classes_ == ("better", "worse")


@pytest.mark.parametrize(
    "y, message",
    [
        (["a", "b", "c"] * 4, "Only binary classification is supported.*OneVsRestClassifier"),
        (["a"] * 12, "one class only, 'a'"),
        ([0.5, 1.5, 2.5] * 4, "Unknown label type"),
    ],
)
def test_classifier_refuses_with_advice(y, message):
    """Two labels, no more and no less."""
    X = np.random.default_rng(0).normal(size=(12, 2))
    with pytest.raises(ValueError, match=message):
        MapClassifier(br.Normal(1.0)).fit(X, y)
    with pytest.raises(BadArgument, match="positive='c' is no label of y"):
        MapClassifier(br.Normal(1.0), positive="c").fit(X, ["a", "b"] * 6)
