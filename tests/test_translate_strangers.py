"""What a stranger says to the translator: other names, other types, and what contradicts itself."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

import bayesreg as br
from bayesreg.conventions import named
from bayesreg.language.errors import BadArgument, BadData, NotSupported, UnknownArgument

Y10 = np.arange(10.0)


@pytest.mark.parametrize(
    "said, name",
    [
        ("Sklearn.lasso", "sklearn.Lasso"),
        ("sklearn.linear_model._coordinate_descent.Lasso", "sklearn.Lasso"),
        ("scikit-learn Lasso", "sklearn.Lasso"),
        (" sklearn.Lasso() ", "sklearn.Lasso"),
        ("glmnet::glmnet", "glmnet"),
        ("R::glmnet", "glmnet"),
        ("statsmodels OLS", "statsmodels.OLS.fit_regularized"),
        ("sm.Logit", "statsmodels.Logit.fit_regularized"),
        ("statsmodels.regression.linear_model.OLS.fit_regularized",
         "statsmodels.OLS.fit_regularized"),
        ("pyspark.ml.regression.LinearRegression", "spark.LinearRegression"),
        ("torch.SGD", "torch.optim.SGD"),
        ("MASS::lm.ridge", "MASS.lm.ridge"),
    ],
)  # fmt: skip
def test_a_library_is_known_by_the_names_that_it_goes_by(said, name):
    """Rooms, case, R's colons, abbreviations of imports; the class itself stands for its name."""
    assert named(said)[0].name == name


def test_a_class_stands_for_its_name():
    """On both sides of a conversion."""
    from sklearn.linear_model import ElasticNet, Lasso

    assert br.translate(Lasso, ElasticNet, alpha=0.1, n=9) == {"alpha": 0.1, "l1_ratio": 1.0}
    with pytest.raises(BadArgument, match=r"br\.explain\(estimator, X, y\)\.assumed"):
        br.translate(Lasso(), "glmnet", n=9)


@pytest.mark.parametrize(
    "name, reason",
    [
        ("sklearn.svm.LinearSVC", "hinge"),
        ("sklearn.linear_model.GammaRegressor", "Gamma"),
        ("sklearn.MultiTaskLasso", "several responses"),
        ("sklearn.RidgeClassifier", "y = −1 and 1"),
        ("sklearn.LassoCV", "say sklearn.Lasso with alpha= its alpha_"),
        ("glmnet::cv.glmnet", "lambda= its lambda.min"),
        ("xgboost.XGBRegressor", "reg_lambda"),
    ],
)
def test_what_has_another_objective_is_refused_by_name(name, reason):
    """Not as a name that is misspelt."""
    with pytest.raises(NotSupported, match=reason):
        br.translate(name, "glmnet", n=9)


@pytest.mark.parametrize("name", ["glum", "nothing", "sklearn.Laso", ""])
def test_an_unknown_name_lists_what_its_library_has(name):
    """And not sixty functions."""
    with pytest.raises(BadArgument, match="Known") as caught:
        named(name)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    "source, given, error, message",
    [
        ("sklearn.Lasso", {"alpha": np.True_}, BadArgument, "must be a number, not np.True_"),
        ("sklearn.Lasso", {"alpha": None}, BadArgument, "must be a number, not None"),
        ("sklearn.Lasso", {"alpha": [0.1, 0.2]}, BadArgument, "must be one number"),
        ("glmnet", {"lambda_": [0.1, 0.2]}, BadArgument, "convert one at a time"),
        ("pymc.Laplace", {"b": -2.0, "sigma": 1.0}, BadArgument, "must not be negative"),
        ("sklearn.BayesianRidge", {"alpha_": -1, "lambda_": -1}, BadArgument, "negative"),
        ("sklearn.Lasso", {"positive": True}, NotSupported, "held at 0 and above"),
        ("sklearn.Lasso", {"fit_intercept": "no"}, BadArgument, "fit_intercept must be True or"),
        ("sklearn.Lasso", {"fit_intercept": None}, BadArgument, "fit_intercept must be True or"),
        ("sklearn.Lasso", {"intercept": "no"}, BadArgument, "intercept must be True or False"),
        ("sklearn.Lasso", {"standardize": "yes"}, BadArgument, "standardize must be True or"),
        ("sklearn.Lasso", {"fit_intercept": False, "intercept": True}, BadArgument, "contradicts"),
        ("glmnet", {"lambda_": 1, "standardize": 1}, BadArgument, "standardize must be True or"),
        ("xgboost.gblinear", {"booster": "gbtree"}, NotSupported, "another objective"),
        ("xgboost.gblinear", {"intercept": False}, NotSupported, "always has an intercept"),
        ("abess.LinearRegression", {"fit_intercept": False}, NotSupported, "√.Σx²/N"),
        ("spark.LinearRegression", {"solver": "normal"}, NotSupported, "another objective"),
        ("bayesreg.Normal", {"scale": 1.0, "unit": "sigma"}, NotSupported, "in units of σ"),
        ("matlab.ridge", {"k": 1.0, "n": 1}, BadArgument, "N is 1"),
        ("statsmodels.GLM", {"alpha": 1.0, "L1_wt": 0.0}, NotSupported, "estimates the variance"),
        ("sklearn.Lasso", {"y": Y10}, BadArgument, "n=9 contradicts the data, where it is 10"),
        ("sklearn.Lasso", {"y": [], "n": None}, BadData, "0 rows"),
        ("sklearn.Lasso", {"y": 3.0, "n": None}, BadData, "one value per row"),
        ("sklearn.Lasso", {"y": np.c_[Y10, Y10], "n": None}, BadData, r"shape \(10, 2\)"),
        ("sklearn.Lasso", {"y": Y10, "weights": 0 * Y10, "n": None}, BadData, "all weights are"),
        ("sklearn.Lasso", {"y": Y10, "weights": -Y10, "n": None}, BadData, "not be negative"),
        ("sklearn.Lasso", {"y": Y10, "weights": ["a"] * 10, "n": None}, BadData, "be numbers"),
        ("sklearn.Lasso", {"X": "abc", "n": None}, BadData, "X must have rows"),
    ],
)  # fmt: skip
def test_a_bad_argument_is_named(source, given, error, message):
    """Texts are no switches, lists no numbers, and nothing contradicts the data unseen."""
    with pytest.raises(error, match=message):
        br.translate(source, "keras.regularizers.L1L2", **({"n": 9} | given))


def test_numbers_of_every_kind_are_numbers():
    """Fractions, decimals, numpy's scalars and one in a list."""
    for alpha in (Fraction(1, 4), Decimal("0.25"), np.float32(0.25), np.array(0.25), [0.25]):
        assert br.translate("sklearn.Lasso", "celer.Lasso", alpha=alpha, n=9) == {"alpha": 0.25}


def test_a_constant_response_has_nothing_to_scale_by():
    """glmnet's ridge is in units of sd(y); its lasso is not."""
    y = np.full(10, 0.1)
    with pytest.raises(BadArgument, match="y is constant"):
        br.translate("sklearn.Ridge", "glmnet", y=y)
    assert br.translate("sklearn.Lasso", "glmnet", alpha=1.0, y=y)["lambda"] == 1.0


def test_facts_that_are_no_facts():
    """`to` knows the facts that `translate` does, and no others."""
    read = br.Penalty.from_("sklearn.Ridge", alpha=3.0, n=9)
    with pytest.raises(UnknownArgument, match="did you mean 'sd_y'"):
        read.to("glmnet", sdy=1.0)
    with pytest.raises(BadArgument, match="n=10 contradicts"):
        read.to("sklearn.PoissonRegressor", n=10)


def test_liblinear_without_an_intercept_penalises_none():
    """It is the intercept that it penalises."""
    given = {"C": 0.5, "solver": "liblinear"}
    found = br.Penalty.from_("sklearn.LogisticRegression", **given, fit_intercept=False)
    assert found.l2 == 2.0
    with pytest.raises(NotSupported, match="penalises the intercept"):
        br.Penalty.from_("sklearn.LogisticRegression", **given)


def test_frequency_weights_of_a_glm_do_not_count_as_rows():
    """statsmodels divides log L by the rows there are: its alpha is λ over them, and not over Σw.

    The gradient of J is nought there, and is not at λ/Σw.
    """
    import statsmodels.api as sm

    rng = np.random.default_rng(5)
    X = rng.normal(size=(50, 2))
    X -= X.mean(axis=0)
    y = rng.poisson(np.exp(0.5 * X[:, 0] + 1.0)).astype(float)
    w = rng.integers(1, 4, size=50).astype(float)
    model = br.Model(br.ElasticNet(0.1, mix=0.5), br.Poisson())
    problem = model.condition(X, y, weights=w)
    given = br.translate(problem, "statsmodels.GLM")
    assert given == problem.penalty.to("statsmodels.GLM")
    penalty, design = problem.penalty, np.column_stack([np.ones(50), X])
    for factor, right in ((1.0, True), (50 / w.sum(), False)):
        found = sm.GLM(y, design, family=sm.families.Poisson(), freq_weights=w).fit_regularized(
            alpha=np.r_[0.0, np.full(2, factor * given["alpha"])],
            L1_wt=given["L1_wt"], maxiter=5000, cnvrg_tol=1e-13,
        )  # fmt: skip
        b = found.params[1:]
        slope = X.T @ (w * (y - np.exp(design @ found.params))) - penalty.l2 * b
        off = np.where(b == 0, np.maximum(np.abs(slope) - penalty.l1, 0.0),
                       np.abs(slope - penalty.l1 * np.sign(b)))  # fmt: skip
        assert (off.max() < 1e-5 * penalty.l1) == right, (factor, off)
