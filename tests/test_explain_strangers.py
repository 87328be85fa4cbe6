"""What a stranger brings to `explain`: links, families, searches, other columns."""

from __future__ import annotations

import glum
import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Lasso, LogisticRegressionCV, PoissonRegressor, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

import bayesreg as br
from bayesreg.cli.explanation import parse_call
from bayesreg.language.errors import BadArgument, BadData, NotSupported

RNG = np.random.default_rng(0)
N, P = 80, 4
X = RNG.normal(size=(N, P)) * [0.5, 1.0, 2.0, 3.0] + [0.0, 1.0, -2.0, 5.0]
ETA = (X - X.mean(0)) @ [1.0, -0.5, 0.2, 0.0]
Y = 3.0 + ETA + RNG.normal(size=N)
COUNT = RNG.poisson(np.exp(0.5 * ETA))
FRAME = pd.DataFrame(X, columns=list("abcd"))
NET = {"alpha": 0.1, "l1_ratio": 0.5, "gradient_tol": 1e-7}


@pytest.mark.parametrize("scaled", [False, True], ids=["raw", "sd"])
@pytest.mark.parametrize("means", [False, True], ids=["about 0", "about means"])
def test_an_intercept_that_is_not_the_best_is_no_optimum(scaled, means):
    """The certificate is of the coefficients; the intercept is judged beside it, by log L."""
    first = StandardScaler(with_mean=means, with_std=scaled)
    fitted = make_pipeline(first, Ridge(2.0)).fit(X, Y)
    found = br.explain(fitted, X, Y)
    assert found.optimal
    assert abs(found.level_lost) < 1e-8
    fitted[-1].intercept_ += 0.5
    moved = br.explain(fitted, X, Y)
    assert moved.certificate.ok
    assert not moved.optimal
    assert moved.level_lost == pytest.approx(0.5 * N * 0.25 / moved.sigma**2)
    assert "another intercept is better" in repr(moved)


def test_an_intercept_of_counts_is_judged_by_their_likelihood():
    """By log L of Poisson counts, written out here."""
    fitted = PoissonRegressor(alpha=0.1, tol=1e-10, max_iter=9999).fit(X, COUNT)
    assert br.explain(fitted, X, COUNT).optimal
    eta = fitted.predict(X)  # exp η
    fitted.intercept_ += 0.3
    lost = np.sum(COUNT * -0.3 + eta * (np.exp(0.3) - 1.0))
    assert br.explain(fitted, X, COUNT).level_lost == pytest.approx(lost, rel=1e-6)


@pytest.mark.parametrize(
    "family, theta",
    [
        ("negative.binomial", 1.0),
        ("negative.binomial (0.5)", 0.5),
        (glum.NegativeBinomialDistribution(0.5), 0.5),
    ],
    ids=["text", "text with θ", "object"],
)
def test_a_negative_binomial_has_the_shape_of_its_library(family, theta):
    """θ = 1/shape; at another shape the same coefficients are no optimum."""
    fitted = glum.GeneralizedLinearRegressor(family=family, **NET).fit(X, COUNT)
    found = br.explain(fitted, X, COUNT)
    assert found.assumed.likelihood.shape == 1.0 / theta
    assert found.optimal
    fitted.family = glum.NegativeBinomialDistribution(3.0 * theta)
    assert not br.explain(fitted, X, COUNT).optimal


@pytest.mark.filterwarnings("ignore")
def test_families_are_known_as_objects_and_links_are_read():
    """Another link is another loss: it is refused, in glum and in statsmodels."""
    fitted = glum.GeneralizedLinearRegressor(family=glum.PoissonDistribution(), **NET)
    assert br.explain(fitted.fit(X, COUNT), X, COUNT).optimal
    canonical = glum.GeneralizedLinearRegressor(family="normal", link="identity", **NET)
    assert br.explain(canonical.fit(X, Y), X, Y).optimal
    for link in ("log", glum.LogLink()):
        other = glum.GeneralizedLinearRegressor(family="normal", link=link, **NET)
        with pytest.raises(NotSupported, match="link"):
            br.explain(other, X, Y)
    design = sm.add_constant(X)
    family = sm.families.Gaussian(sm.families.links.Log())
    result = sm.GLM(np.exp(Y), design, family=family).fit_regularized(alpha=0.1, maxiter=1)
    with pytest.raises(NotSupported, match="GLM of Gaussian with link log"):
        br.explain(result, alpha=0.1)
    trials = np.column_stack([np.minimum(COUNT, 5), 5 - np.minimum(COUNT, 5)])
    result = sm.GLM(trials, design, family=sm.families.Binomial()).fit_regularized(maxiter=1)
    with pytest.raises(NotSupported, match="several trials"):
        br.explain(result, alpha=0.1)


@pytest.mark.filterwarnings("ignore")
def test_a_result_without_a_penalty_is_flat():
    """fit() of statsmodels, and not fit_regularized()."""
    assert br.explain(sm.OLS(Y, sm.add_constant(X)).fit()).prior == br.Flat()
    with pytest.raises(BadArgument, match="not alpa="):
        br.explain(sm.OLS(Y, sm.add_constant(X)).fit_regularized(maxiter=1), alpa=0.1)


def test_a_search_is_its_best_estimator():
    """And pipelines in pipelines are one."""
    grid = {"ridge__alpha": [1.0, 2.0]}
    search = GridSearchCV(make_pipeline(StandardScaler(), Ridge()), grid)
    with pytest.raises(BadArgument, match="best_estimator_ once it is fitted"):
        br.explain(search, X, Y)
    search.fit(X, Y)
    found = br.explain(search, X, Y)
    assert found.assumed.l2 == search.best_params_["ridge__alpha"]
    assert found.optimal
    nested = make_pipeline(make_pipeline(StandardScaler()), make_pipeline(Ridge(2.0)))
    assert br.explain(nested.fit(X, Y), X, Y).optimal
    with pytest.raises(NotSupported, match="no estimator at its end"):
        br.explain(make_pipeline("passthrough"), X, Y)


def test_the_columns_are_those_of_the_fit():
    """In their order, by name, where both have names; also behind a scaler."""
    for fitted in (Lasso(0.1), make_pipeline(StandardScaler(), Lasso(0.1))):
        fitted.fit(FRAME, Y)
        assert br.explain(fitted, FRAME, Y).assumed.l1 == pytest.approx(0.1 * N)
        with pytest.raises(BadData, match="fitted to the columns a, b, c, d, in this order"):
            br.explain(fitted, FRAME[list("dcba")], Y)


@pytest.mark.parametrize(
    "thing, message",
    [
        (Ridge, "Ridge is a class"),
        (SVR(), "SVR: its ε-insensitive loss"),
        (RandomForestRegressor(), "of sklearn it knows"),
        (MultiOutputRegressor(Ridge()), "of sklearn it knows"),
        (3, "it knows some of sklearn, celer"),
        (make_pipeline(StandardScaler()), "does not know sklearn.StandardScaler"),
    ],
    ids=str,
)
def test_what_is_not_known_is_refused_with_a_reason(thing, message):
    """A class is never misspelt: no other is guessed."""
    with pytest.raises((BadArgument, NotSupported), match=message) as caught:
        br.explain(thing, X, Y)
    assert "did you mean" not in str(caught.value)


def test_several_responses_and_bad_weights_are_refused():
    """Before anything is fitted."""
    with pytest.raises(BadData, match=r"y has shape \(80, 2\)"):
        br.explain(Ridge(), X, np.c_[Y, Y])
    with pytest.raises(BadData, match="all weights are zero"):
        br.explain(Ridge(), X, Y, sample_weight=np.zeros(N))
    with pytest.raises(BadArgument, match="intercept must be True or False"):
        br.explain("sklearn.Ridge", X, Y, alpha=1.0, intercept="no")


@pytest.mark.filterwarnings("ignore")
def test_a_chosen_share_that_is_not_said_is_that_of_a_ridge():
    """LogisticRegressionCV keeps l1_ratio_ = [None] where it chose none."""
    yes = (ETA > 0.3).astype(int)
    fitted = LogisticRegressionCV(Cs=[0.1], cv=3).fit(X, yes)
    found = br.explain(fitted, X, yes)
    assert (found.assumed.l1, found.assumed.l2) == (0.0, pytest.approx(10.0))


def test_an_argument_of_a_function_by_name_is_heard():
    """fit_intercept=False of a name is that of the estimator."""
    by_name = br.explain("sklearn.Ridge", X, Y, alpha=2.0, fit_intercept=False)
    fitted = br.explain(Ridge(2.0, fit_intercept=False).fit(X, Y), X, Y)
    assert by_name.intercept == fitted.intercept == "none"
    assert by_name.sigma == pytest.approx(fitted.sigma)
    assert br.explain("sklearn.Ridge", X, Y, alpha=2.0).intercept == "free"


@pytest.mark.parametrize(
    "call, why",
    [
        ("Lasso(alpha=0.1, alpha=0.2)", "said twice"),
        ("Lasso(alpha=0.1)()", "must be such as"),
        ("Lasso(alpha=0.1, X=3)", "say --data"),
        ("Lasso(alpha=0.1, delta=3)", "none of its arguments"),
        ("Lasso(**{'alpha': 1})", "name the arguments"),
        ("LinearRegression()", "its prior is br.Flat()"),
        ("GammaRegressor(alpha=1)", "no likelihood here is Gamma"),
        (
            "make_pipeline(StandardScaler(), make_pipeline(StandardScaler(), Ridge()))",
            "two StandardScalers",
        ),
    ],
)
def test_a_malformed_call_at_the_shell_is_named(call, why):
    """Read as literals, never evaluated."""
    with pytest.raises((BadArgument, NotSupported), match="--estimator") as caught:
        parse_call(call)
    assert why in str(caught.value)
