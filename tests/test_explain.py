"""What an estimator assumed is what its objective says, at its own coefficients."""

from __future__ import annotations

import json
import math
import subprocess
import sys

import celer
import glum
import numpy as np
import pytest
import skglm
import statsmodels.api as sm
from scipy.optimize import minimize
from sklearn.linear_model import (
    ARDRegression,
    BayesianRidge,
    ElasticNet,
    ElasticNetCV,
    HuberRegressor,
    Lars,
    Lasso,
    LassoCV,
    LassoLars,
    LassoLarsCV,
    LassoLarsIC,
    LinearRegression,
    LogisticRegression,
    LogisticRegressionCV,
    PoissonRegressor,
    QuantileRegressor,
    Ridge,
    RidgeCV,
    SGDClassifier,
    SGDRegressor,
    TweedieRegressor,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

import bayesreg as br
from bayesreg.conventions.estimators import ESTIMATORS
from bayesreg.language.errors import UnknownArgument
from tests.test_cli import run

RNG = np.random.default_rng(8)
N, P = 80, 4
X = RNG.normal(size=(N, P)) * [0.5, 1.0, 2.0, 3.0] + [0.0, 1.0, -2.0, 5.0]
ETA = (X - X.mean(0)) @ [1.0, -0.5, 0.2, 0.0]
Y = 3.0 + ETA + RNG.normal(size=N)
YES = (RNG.uniform(size=N) < 1 / (1 + np.exp(-ETA))).astype(int)
COUNT = RNG.poisson(np.exp(0.5 * ETA))
LABELS = np.where(YES == 1, "no", "yes")  # in sorted order "yes" is y = 1
TIGHT = {"tol": 1e-10, "max_iter": 20_000}
Z = StandardScaler().fit_transform(X)

# Each with the response that it is of, and λ₁ and λ₂ as its documentation has them.
FITTED = {
    "Ridge": (Ridge(2.0), Y, 0.0, 2.0),
    "Ridge without an intercept": (Ridge(2.0, fit_intercept=False), Y, 0.0, 2.0),
    "RidgeCV": (RidgeCV([7.0]), Y, 0.0, 7.0),
    "Lasso": (Lasso(0.05, **TIGHT), Y, 0.05 * N, 0.0),
    "LassoCV": (LassoCV(alphas=[0.05], **TIGHT), Y, 0.05 * N, 0.0),
    "LassoLars": (LassoLars(0.05), Y, 0.05 * N, 0.0),
    "ElasticNet": (ElasticNet(0.1, l1_ratio=0.4, **TIGHT), Y, 0.04 * N, 0.06 * N),
    "ElasticNetCV": (
        ElasticNetCV(l1_ratio=0.4, alphas=[0.1], **TIGHT),
        Y,
        0.04 * N,
        0.06 * N,
    ),
    "LogisticRegression": (LogisticRegression(C=0.5, **TIGHT), YES, 0.0, 2.0),
    "LogisticRegression of labels": (LogisticRegression(C=0.5, **TIGHT), LABELS, 0.0, 2.0),
    "LogisticRegressionCV": (
        LogisticRegressionCV(
            Cs=[0.5], l1_ratios=(0.0,), use_legacy_attributes=False, scoring="neg_log_loss", **TIGHT
        ),
        YES,
        0.0,
        2.0,
    ),
    "PoissonRegressor": (PoissonRegressor(alpha=0.1, **TIGHT), COUNT, 0.0, 0.1 * N),
    "TweedieRegressor": (TweedieRegressor(power=1, alpha=0.1, **TIGHT), COUNT, 0.0, 0.1 * N),
    "QuantileRegressor": (QuantileRegressor(alpha=0.02), Y, 0.04 * N, 0.0),
    "HuberRegressor": (HuberRegressor(epsilon=20.0, alpha=1.0, tol=1e-10), Y, 0.0, None),
    "celer.Lasso": (celer.Lasso(alpha=0.05, tol=1e-12), Y, 0.05 * N, 0.0),
    "celer.ElasticNet": (
        celer.ElasticNet(alpha=0.1, l1_ratio=0.4, tol=1e-12),
        Y,
        0.04 * N,
        0.06 * N,
    ),
    "celer.LogisticRegression": (
        celer.LogisticRegression(C=0.5, tol=1e-12, fit_intercept=False),
        YES,
        2.0,
        0.0,
    ),
    "skglm.Lasso": (skglm.Lasso(0.05, tol=1e-12), Y, 0.05 * N, 0.0),
    "skglm.SparseLogisticRegression": (
        skglm.SparseLogisticRegression(alpha=0.02, tol=1e-12),
        YES,
        0.02 * N,
        0.0,
    ),
    "glum": (
        glum.GeneralizedLinearRegressor(alpha=0.1, family="poisson", gradient_tol=1e-9),
        COUNT,
        0.0,
        0.1 * N,
    ),
}


@pytest.mark.filterwarnings("ignore:.*is faster on contiguous arrays")  # of skglm's loops
@pytest.mark.parametrize(
    "name",
    # skglm compiles for half a minute.
    [pytest.param(one, marks=pytest.mark.slow if "skglm" in one else ()) for one in FITTED],
)
def test_the_prior_is_that_of_its_objective_and_its_optimum_holds(name):
    estimator, y, l1, l2 = FITTED[name]
    fitted = estimator.fit(X, y)
    found = br.explain(fitted, X, y)
    l2 = fitted.scale_ if l2 is None else l2

    assert found.assumed.l1 == pytest.approx(l1)
    assert found.assumed.l2 == pytest.approx(l2)
    assert found.optimal, repr(found)
    assert found.intercept == ("free" if getattr(estimator, "fit_intercept", True) else "none")
    # The negative control: another λ, for which these coefficients are no optimum.
    other = found.problem.given(scale=[1.5 * (found.problem.blocks[0].scale or 1.0)])
    from bayesreg.solvers.certificate import certify

    if other.unknown_sigma and not other.exact:
        other = other.at(sigma=found.sigma)
    assert not certify(other, np.ravel(fitted.coef_)).ok


def test_intervals_are_two_lines_away():
    found = br.explain(Ridge(2.0).fit(X, Y), X, Y)
    post = br.sample(found.problem, seed=1, draws=500)

    assert post.summary().loc["x1", "mean"] == pytest.approx(
        Ridge(2.0).fit(X, Y).coef_[0], abs=0.05
    )
    assert repr(found.problem.prior) == repr(br.Normal.from_lam(2.0))


@pytest.mark.parametrize("scale", [True, False])
def test_a_scaler_before_it_is_another_prior(scale):
    fitted = make_pipeline(StandardScaler(with_std=scale), Ridge(30.0)).fit(X, Y)
    found = br.explain(fitted, X, Y)
    fit = br.fit_map(found.problem)
    effects = found.table["effect_95"]

    assert found.certificate.ok
    np.testing.assert_allclose(
        np.asarray(fit.standardized if scale else fit.beta), fitted[-1].coef_, atol=1e-9
    )
    assert (effects.max() < 1.05 * effects.min()) == scale
    with pytest.raises(br.BadData, match="fitted to other rows"):
        br.explain(make_pipeline(StandardScaler(), Ridge(3.0)).fit(X, Y), X[:50], Y[:50])


def test_weights_are_those_of_the_fit():
    weights = RNG.integers(1, 5, N).astype(float)
    for estimator, l1 in ((Ridge(2.0), 0.0), (Lasso(0.05, **TIGHT), 0.05 * weights.sum())):
        fitted = estimator.fit(X, Y, sample_weight=weights)
        found = br.explain(fitted, X, Y, sample_weight=weights)

        assert found.assumed.l1 == pytest.approx(l1)
        assert found.optimal
        assert not br.explain(fitted, X, Y).optimal  # without them it is none


def test_estimates_of_the_scale_itself_are_read():
    for estimator in (BayesianRidge(), ARDRegression()):
        fitted = estimator.fit(X, Y)
        found = br.explain(fitted, X, Y)

        assert found.sigma == pytest.approx(fitted.alpha_**-0.5)
        np.testing.assert_allclose(found.prior.scale, fitted.lambda_**-0.5)
        assert found.optimal


def test_no_penalty_is_no_prior():
    found = br.explain(LinearRegression().fit(X, Y), X, Y)

    assert found.prior == br.Flat()
    assert "as plausible as any other" in repr(found)
    np.testing.assert_allclose(br.fit_map(found.problem).beta, LinearRegression().fit(X, Y).coef_)
    with pytest.raises(br.NotSupported, match="no prior to draw"):
        found.plot()


def test_what_was_thought_before_the_data_is_what_the_prior_draws():
    found = br.explain(make_pipeline(StandardScaler(), Ridge(40.0)).fit(X, Y), X, Y)
    b = found.sigma / math.sqrt(40.0) * RNG.standard_normal((40_000, P))
    variance = np.var(b @ Z.T, axis=1)
    r2 = variance / (variance + found.sigma**2)

    assert found.expected.r2.mean() == pytest.approx(r2.mean(), rel=0.02)
    assert found.table["effect_95"].iloc[0] == pytest.approx(
        1.96 * found.sigma / math.sqrt(40.0), rel=0.02
    )
    beyond = np.count_nonzero(np.abs(b) > 0.1 * found.sigma, axis=1).mean()
    assert found.expected.above(0.1).mean() == pytest.approx(beyond, rel=0.02)
    assert found.expected.above(0.2).mean() != pytest.approx(beyond, rel=0.02)
    assert found.plot()[2].get_xlabel().startswith("largest effect")


def test_positive_is_a_folded_prior_and_no_problem():
    lasso = br.explain(Lasso(0.05, positive=True).fit(X, Y), X, Y)
    ridge = br.explain(Ridge(2.0, positive=True).fit(X, Y), X, Y)

    assert "Exponential" in repr(lasso)
    assert "half-Normal" in repr(ridge)
    with pytest.raises(br.NotSupported, match="held at 0 and above"):
        lasso.problem  # noqa: B018
    free = br.explain(Ridge(2.0).fit(X, Y), X, Y)
    assert np.median(ridge.expected.eta_sd) != pytest.approx(np.median(free.expected.eta_sd))


def test_a_penalised_intercept_is_said_and_refused():
    liblinear = br.explain(LogisticRegression(solver="liblinear").fit(X, YES), X, YES)
    decay = br.explain("torch.optim.SGD", X, Y, weight_decay=0.01)
    spared = br.explain("torch.optim.SGD", X, Y, weight_decay=0.01, intercept=True)

    for one in (liblinear, decay):
        assert one.intercept == "penalised"
        assert "PENALISED" in repr(one)
        with pytest.raises(br.NotSupported, match="penalise"):
            one.problem  # noqa: B018
    assert spared.intercept == "free"
    assert spared.problem.l2 == pytest.approx(0.01 * N / 2)


def test_results_of_statsmodels_bring_their_data():
    alpha = np.r_[0.0, np.full(P, 2.0)]
    logit = sm.Logit(YES, sm.add_constant(X)).fit_regularized(alpha=alpha, disp=0, acc=1e-12)
    found = br.explain(logit)
    everywhere = br.explain(sm.Logit(YES, sm.add_constant(X)).fit_regularized(alpha=2.0, disp=0))

    assert found.assumed.l1 == pytest.approx(2.0)
    assert (found.intercept, found.optimal) == ("free", True)
    assert everywhere.intercept == "penalised"
    ols = sm.OLS(Y, sm.add_constant(Z)).fit_regularized(alpha=alpha / N, cnvrg_tol=1e-12)
    with pytest.raises(br.BadArgument, match="keeps no alpha"):
        br.explain(ols)
    assert br.explain(ols, alpha=alpha / N, L1_wt=1.0).optimal
    assert not br.explain(ols, alpha=2 * alpha / N, L1_wt=1.0).optimal


def test_a_fit_that_stopped_on_the_way_is_found_out():
    early = SGDRegressor(alpha=0.01, max_iter=1, tol=None, random_state=0).fit(Z, Y)
    found = br.explain(early, Z, Y)

    assert found.optimal is False
    assert "NOT REACHED" in repr(found)
    best = minimize(
        lambda b: np.mean((Y - Y.mean() - Z @ b) ** 2) / 2 + 0.005 * b @ b, np.zeros(P), tol=1e-14
    ).x
    assert found.distance == pytest.approx(np.abs(best - early.coef_).max() / found.sigma, rel=1e-4)


def test_unfitted_ones_are_explained_where_their_argument_says_all():
    unfitted, fitted = Lasso(0.05, **TIGHT), Lasso(0.05, **TIGHT).fit(X, Y)

    assert br.explain(unfitted, X, Y).certificate is None
    assert br.explain(unfitted, X, Y).prior.scale == pytest.approx(
        br.explain(fitted, X, Y).prior.scale, rel=1e-4
    )
    assert br.explain(unfitted, X, Y, sigma=2.0).prior.scale == pytest.approx(4.0 / (0.05 * N))
    for chosen in (RidgeCV(), LassoCV(), LassoLarsCV(), LassoLarsIC(), BayesianRidge()):
        with pytest.raises(br.BadArgument, match="once it is fitted"):
            br.explain(chosen, X, Y)


@pytest.mark.parametrize(
    "fitted, y, said",
    [
        (Lars(), Y, "does not know sklearn.Lars"),
        (make_pipeline(PolynomialFeatures(), Ridge()), Y, "PolynomialFeatures"),
        (make_pipeline(StandardScaler(), Ridge(fit_intercept=False)), Y, "with_mean"),
        (LogisticRegression(class_weight="balanced"), YES, "class_weight"),
        (SGDClassifier(loss="hinge"), YES, "hinge"),
        (QuantileRegressor(quantile=0.9), Y, "quantiles"),
        (Ridge().fit(X, np.c_[Y, Y]), Y, "2 responses"),
        (celer.Lasso(0.1, weights=np.ones(P)), Y, "weights"),
        (object(), Y, "does not know builtins.object"),
    ],
)
def test_what_is_not_known_is_refused_by_name(fitted, y, said):
    with pytest.raises(br.NotSupported, match=said):
        br.explain(fitted, X, y)


def test_what_is_missing_is_named():
    with pytest.raises(br.BadArgument, match="X and y are missing"):
        br.explain(Ridge())
    with pytest.raises(br.BadData, match="4 coefficients"):
        br.explain(Ridge().fit(X, Y), X[:, :2], Y)
    with pytest.raises(br.BadArgument, match="settled by"):
        br.explain(Ridge(), X, Y, alpha=2.0)
    with pytest.raises(UnknownArgument, match="did you mean 'alpha'"):
        br.explain("sklearn.Ridge", X, Y, alpa=2.0)
    found = br.explain(HuberRegressor(epsilon=1.0).fit(X, Y), X, Y)
    with pytest.raises(br.NotSupported, match="StudentTNoise"):
        found.problem  # noqa: B018


def test_many_classes_are_known_and_none_is_imported():
    assert len(ESTIMATORS) >= 20
    code = (
        "import sys, bayesreg as br, bayesreg.verbs.explain\n"
        "assert not {'sklearn', 'celer', 'skglm', 'glum', 'statsmodels'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_shell_reads_a_call_and_never_runs_it(tmp_path):
    path = tmp_path / "d.csv"
    rows = np.c_[X, Y]
    np.savetxt(path, rows, delimiter=",", header="a,b,c,d,y", comments="", fmt="%.17g")
    asks = ["explain", "--data", str(path), "--target", "y", "--estimator"]
    done = run(*asks, "Lasso(alpha=0.05)", "--json")
    said = json.loads(done.stdout)
    own = br.explain(Lasso(0.05, **TIGHT), X, Y)

    assert done.exit_code == 0, done.stderr
    assert said["prior"].startswith("Laplace(scale=")
    assert said["r2"] == pytest.approx(own.expected.r2.mean(), rel=1e-3)
    assert [row["feature"] for row in said["columns"]] == ["a", "b", "c", "d"]
    scaled = run(*asks, "make_pipeline(StandardScaler(), Ridge(alpha=2))")
    assert "on sd(x)·β" in scaled.stdout
    for call, why in (
        ("__import__('os').system('true')", "must be such as"),
        ("Lasso(alpha=open('x'))", "are numbers"),
        ("Lasso", "must be such as"),
        ("LassoCV(cv=5)", "chooses its λ"),
        ("Laso(alpha=1)", "did you mean 'sklearn.Lasso'"),
    ):
        refused = run(*asks, call)
        assert refused.exit_code == 2
        assert why in refused.stderr
