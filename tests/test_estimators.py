"""The scikit-learn shells: its own checks, nested parameters, and the same numbers as the verbs."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import bayesreg as br
from bayesreg.errors import BadArgument
from bayesreg.estimators import BayesRegressor, MapRegressor

pytestmark = pytest.mark.filterwarnings("ignore::bayesreg.errors.BayesregWarning")

# Draws are continuous in the data but for the signs of eigenvectors, so two data sets that differ
# in rounding give other draws: equal in distribution, not to the 1e-7 that these checks ask for.
MONTE_CARLO = {
    "check_sample_weight_equivalence_on_dense_data": "draws differ within Monte Carlo error",
}


def expected(estimator):
    """No failure is expected of MapRegressor."""
    return {} if isinstance(estimator, MapRegressor) else MONTE_CARLO


@parametrize_with_checks(
    [
        MapRegressor(),
        MapRegressor(prior=br.Laplace(0.5), sigma=1.0),
        MapRegressor(prior=br.ElasticNet(0.5, unit="sigma"), standardize=True),
        BayesRegressor(draws=50, chains=2),
    ],
    expected_failed_checks=expected,
    xfail_strict=True,
)
def test_scikit_learn_checks(estimator, check):
    """All of scikit-learn's conventions."""
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
