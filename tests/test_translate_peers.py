"""The libraries themselves: fitted at what the translator gives, they satisfy our optimality.

Each row translates one of our penalties, fits there by the library, and puts its coefficients into
the conditions of Karush, Kuhn and Tucker of *our* J. A λ that is off by n, by 2 or by sd(y) must
not satisfy them.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import bayesreg as br

N, P = 60, 4
RNG = np.random.default_rng(31)
X = RNG.normal(size=(N, P)) * [0.5, 1.5, 3.0, 1.0] + [0.0, 2.0, -1.0, 0.5]
ETA = (X - X.mean(0)) @ [0.9, -0.5, 0.2, 0.0] + 0.3
Y = {
    "Gaussian": 7.0 + 3.0 * ETA + 2.0 * RNG.normal(size=N),
    "Bernoulli": (RNG.uniform(size=N) < 1 / (1 + np.exp(-ETA))).astype(float),
    "Poisson": RNG.poisson(np.exp(ETA)).astype(float),
}
Y["NegativeBinomial"] = Y["Poisson"]
W = RNG.integers(1, 4, size=N).astype(float)
SIGMA, SHAPE = 2.0, 3.0
LIKELIHOODS = {
    "Gaussian": br.Gaussian(SIGMA),
    "Bernoulli": br.Bernoulli(),
    "Poisson": br.Poisson(),
    "NegativeBinomial": br.NegativeBinomial(shape=SHAPE),
}
PRIORS = {
    "ridge": br.Normal(0.5),
    "lasso": br.Laplace(0.2),
    "elastic net": br.ElasticNet(0.3, mix=0.5),
}


def pull(name, y, eta):
    """−∂/∂η of φ·(−log p(y | η))."""
    mean = np.exp(eta)
    return {
        "Gaussian": y - eta,
        "Bernoulli": y - 1 / (1 + np.exp(-eta)),
        "Poisson": y - mean,
        "NegativeBinomial": SHAPE * (y - mean) / (SHAPE + mean),
    }[name]


def residual(name, beta, level, l1, l2, *, scale, weights, intercept):
    """How far (β₀, β) is from the optimum of J, in units of the largest slope at β = 0."""
    y, b = Y[name], beta * scale
    columns = X / scale
    inside = columns.T @ (weights * pull(name, y, level + X @ beta)) - l2 * b
    off = np.where(b == 0, np.maximum(np.abs(inside) - l1, 0.0), np.abs(inside - l1 * np.sign(b)))
    centre = np.average(y, weights=weights)
    whole = np.abs((columns - columns.mean(0)).T @ (weights * (y - centre))).max()
    free = np.abs(weights @ pull(name, y, level + X @ beta)) if intercept else 0.0
    return max(off.max(), free) / whole


# --- the libraries -------------------------------------------------------------------------------


def sklearn(kind, **tight):
    """A class of scikit-learn's linear models, with tolerances at which it is exact."""

    def fit(given, x, y, w):
        from sklearn import linear_model

        made = getattr(linear_model, kind)(**given, **tight)
        made.fit(x, y) if w is None else made.fit(x, y, sample_weight=w)
        return np.ravel(made.coef_), float(np.ravel(made.intercept_)[0])

    return fit


def statsmodels(kind):
    """A model of statsmodels with a constant, which is spared as `needs` says."""

    def fit(given, x, y, w):
        import statsmodels.api as sm

        given = dict(given)
        more = {"weights": w} if kind == "WLS" else {}
        if kind == "GLM":
            family = getattr(sm.families, given.pop("family"))
            more |= {"family": family(alpha=1 / SHAPE) if "Neg" in family.__name__ else family()}
            more |= {} if w is None else {"freq_weights": w}
        spared = np.r_[0.0, np.full(x.shape[1], given.pop("alpha"))]
        # Its coordinate descent leaves at 0 what was there once: centred, it is not sent there.
        mean = x.mean(axis=0)
        model = getattr(sm, kind)(y, np.column_stack([np.ones(len(y)), x - mean]), **more)
        tight = (
            {"method": "l1", "acc": 1e-15, "maxiter": 5000, "disp": 0, "trim_mode": "off"}
            if kind in ("Logit", "Poisson")
            else {"maxiter": 5000, "cnvrg_tol": 1e-13, "zero_tol": 1e-11}
        )
        found = model.fit_regularized(alpha=spared, **given, **tight).params
        beta = np.where(np.abs(found[1:]) < 1e-12, 0.0, found[1:])
        return beta, found[0] - mean @ beta

    return fit


def peer(module, kind, **tight):
    """An estimator in scikit-learn's manner."""

    def fit(given, x, y, w):
        made = getattr(__import__(module, fromlist=[kind]), kind)(**given, **tight)
        made.fit(np.asfortranarray(x), y) if w is None else made.fit(x, y, sample_weight=w)
        return np.ravel(made.coef_), float(np.ravel(getattr(made, "intercept_", 0.0))[0])

    return fit


def glum(given, x, y, w):
    """Its negative binomial has θ = 1/shape."""
    from glum import GeneralizedLinearRegressor, NegativeBinomialDistribution

    given = dict(given)
    if given["family"] == "negative.binomial":
        given["family"] = NegativeBinomialDistribution(1 / SHAPE)
    made = GeneralizedLinearRegressor(**given, gradient_tol=1e-11, max_iter=5000)
    made.fit(x, y, sample_weight=w)
    return made.coef_, made.intercept_


def xgboost(given, x, y, w):
    """Coordinate descent in rounds, in single precision."""
    import json

    import xgboost

    data = xgboost.DMatrix(x, y, weight=w)
    given = {**given, "updater": "coord_descent", "eta": 1.0, "tolerance": 0.0, "nthread": 1}
    booster = xgboost.train({**given, "base_score": 0.5, "verbosity": 0}, data, 4000)
    weights = json.loads(booster.save_raw("json"))["learner"]["gradient_booster"]["model"][
        "weights"
    ]
    start = {"reg:squarederror": 0.5, "binary:logistic": 0.0, "count:poisson": np.log(0.5)}
    return np.array(weights[:-1]), weights[-1] + start[given["objective"]]


def fastridge(given, x, y, w):
    """One α on its grid is that α."""
    import fastridge

    made = fastridge.RidgeLOOCV(**(given | {"alphas": np.array(given["alphas"])})).fit(x, y)
    return made.coef_, float(made.intercept_)


def weight_decay(given, x, y, w):
    """What `weight_decay` does to gradients, in a plain loop: biases have a group of their own."""
    beta, level, mean = np.zeros(x.shape[1]), 0.0, x.mean(0)
    centred = x - mean  # the same model, better conditioned
    for _ in range(4000):
        error = level + centred @ beta - y
        beta = beta - 0.04 * (2 * centred.T @ error / len(y) + given["weight_decay"] * beta)
        level = level - 0.04 * 2 * error.mean()
    return beta, level - mean @ beta


ABESS = {"support_size": P, "primary_model_fit_max_iter": 500, "primary_model_fit_epsilon": 1e-15}
TIGHT = {"tol": 1e-14, "max_iter": 100_000}
SAGA = {"tol": 1e-12, "max_iter": 100_000, "random_state": 0}
ROWS = [
    # target, likelihood, penalty, fit, and what of standardised and weighted there is
    ("sklearn.Ridge", "Gaussian", "ridge", sklearn("Ridge"), "sw"),
    ("sklearn.Lasso", "Gaussian", "lasso", sklearn("Lasso", **TIGHT), "sw"),
    ("sklearn.LassoLars", "Gaussian", "lasso", sklearn("LassoLars"), "s"),
    ("sklearn.ElasticNet", "Gaussian", "elastic net", sklearn("ElasticNet", **TIGHT), "sw"),
    ("sklearn.LogisticRegression", "Bernoulli", "ridge",
     sklearn("LogisticRegression", tol=1e-10, max_iter=10_000), "sw"),
    ("sklearn.LogisticRegression", "Bernoulli", "lasso",
     sklearn("LogisticRegression", **SAGA), "s"),
    ("sklearn.PoissonRegressor", "Poisson", "ridge",
     sklearn("PoissonRegressor", tol=1e-12, solver="newton-cholesky"), "sw"),
    ("sklearn.TweedieRegressor", "Poisson", "ridge",
     sklearn("TweedieRegressor", tol=1e-12, solver="newton-cholesky"), "w"),
    ("sklearn.TweedieRegressor", "Gaussian", "ridge",
     sklearn("TweedieRegressor", tol=1e-12, solver="newton-cholesky"), ""),
    ("statsmodels.OLS.fit_regularized", "Gaussian", "ridge", statsmodels("OLS"), ""),
    ("statsmodels.OLS.fit_regularized", "Gaussian", "elastic net", statsmodels("OLS"), "s"),
    ("statsmodels.WLS.fit_regularized", "Gaussian", "lasso", statsmodels("WLS"), "W"),
    ("statsmodels.GLM.fit_regularized", "Gaussian", "lasso", statsmodels("GLM"), ""),
    ("statsmodels.GLM.fit_regularized", "Bernoulli", "lasso", statsmodels("GLM"), ""),
    ("statsmodels.GLM.fit_regularized", "Poisson", "elastic net", statsmodels("GLM"), ""),
    ("statsmodels.GLM.fit_regularized", "NegativeBinomial", "lasso", statsmodels("GLM"), ""),
    ("statsmodels.Logit.fit_regularized", "Bernoulli", "lasso", statsmodels("Logit"), ""),
    ("statsmodels.Poisson.fit_regularized", "Poisson", "lasso", statsmodels("Poisson"), ""),
    ("celer.Lasso", "Gaussian", "lasso", peer("celer", "Lasso", **TIGHT), "s"),
    ("celer.ElasticNet", "Gaussian", "elastic net", peer("celer", "ElasticNet", **TIGHT), "s"),
    ("celer.LogisticRegression", "Bernoulli", "lasso",
     peer("celer", "LogisticRegression", tol=1e-12, max_iter=1000), "0"),
    ("skglm.Lasso", "Gaussian", "lasso", peer("skglm", "Lasso", tol=1e-12), "s"),
    ("skglm.ElasticNet", "Gaussian", "elastic net", peer("skglm", "ElasticNet", tol=1e-12), "s"),
    ("skglm.SparseLogisticRegression", "Bernoulli", "elastic net",
     peer("skglm", "SparseLogisticRegression", tol=1e-12), "s"),
    ("glum.GeneralizedLinearRegressor", "Gaussian", "ridge", glum, "w"),
    ("glum.GeneralizedLinearRegressor", "Bernoulli", "lasso", glum, "s"),
    ("glum.GeneralizedLinearRegressor", "Poisson", "elastic net", glum, "w"),
    ("glum.GeneralizedLinearRegressor", "NegativeBinomial", "elastic net", glum, ""),
    ("pybiglasso.BiglassoClassifier", "Bernoulli", "elastic net",
     peer("pybiglasso.sklearn", "BiglassoClassifier", tol=1e-14, max_iter=100_000), "S"),
    ("xgboost.gblinear", "Gaussian", "elastic net", xgboost, "w"),
    ("xgboost.gblinear", "Bernoulli", "ridge", xgboost, ""),
    ("abess.LinearRegression", "Gaussian", "ridge",
     peer("abess", "LinearRegression", support_size=P), "S"),
    ("abess.LogisticRegression", "Bernoulli", "ridge",
     peer("abess", "LogisticRegression", **ABESS), "S"),
    ("abess.PoissonRegression", "Poisson", "ridge",
     peer("abess", "PoissonRegression", **ABESS, approximate_Newton=True), "S"),
    ("fastridge.RidgeLOOCV", "Gaussian", "ridge", fastridge, "s"),
    ("torch.optim.SGD", "Gaussian", "ridge", weight_decay, ""),
]  # fmt: skip


def forms():
    """As they are, standardised (s; S for always) and weighted (w; W); 0 is without intercept."""
    for place, (target, name, kind, fit, how) in enumerate(ROWS):
        forms = [(False, False)] if not set(how) & set("SW") else []
        forms += [(True, False)] if "s" in how.lower() else []
        forms += [(False, True)] if "w" in how.lower() else []
        for standardize, weighted in forms:
            tag = "sd" * standardize + "w" * weighted or "raw"
            row = (target, name, kind, fit, standardize, weighted, "0" not in how)
            # skglm compiles its loops anew in every process, which takes twenty seconds.
            marks = [pytest.mark.slow] if target.startswith("skglm") else []
            yield pytest.param(*row, id=f"{place}-{target}-{name}-{kind}-{tag}", marks=marks)


@pytest.mark.parametrize("target, name, kind, fit, standardize, weighted, intercept", list(forms()))
def test_the_library_finds_our_optimum(target, name, kind, fit, standardize, weighted, intercept):
    """KKT residuals of J below 1e-6 at its coefficients; λ off by 2, n or sd(y) is far from it."""
    y, w = Y[name], W if weighted else None
    model = br.Model(PRIORS[kind], LIKELIHOODS[name])
    problem = model.condition(X, y, weights=w, standardize=standardize, intercept=intercept)
    arguments = br.translate(problem, target)
    scaled = "StandardScaler" in (arguments.needs or "")
    mean, sd = X.mean(0), X.std(0)
    x = (X - mean) / sd if scaled else X
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of other libraries, on their own tolerances
        beta, level = fit(dict(arguments), x, y, w)
    if scaled:
        beta = beta / sd
        level -= mean @ beta
    penalty = problem.penalty
    given = {
        "scale": sd if standardize else np.ones(P),
        "weights": np.ones(N) if w is None else w,
        "intercept": intercept,
    }
    assert residual(name, beta, level, penalty.l1, penalty.l2, **given) < 1e-6
    for off in (2.0, 0.5, N, 1 / N, np.std(Y["Gaussian"])):
        assert residual(name, beta, level, off * penalty.l1, off * penalty.l2, **given) > 1e-4


def test_what_is_estimated_is_read_off_the_fit():
    """BayesianRidge, ARDRegression, HuberRegressor and RidgeEM: λ from attributes after the fit."""
    import fastridge
    from sklearn.linear_model import ARDRegression, BayesianRidge, HuberRegressor

    long = {"tol": 1e-12, "max_iter": 5000}
    y, plain = Y["Gaussian"], {"weights": np.ones(N), "intercept": True}
    rows = [
        (BayesianRidge(**long), "sklearn.BayesianRidge", ("alpha_", "lambda_"), 0),
        (ARDRegression(**long), "sklearn.ARDRegression", ("alpha_", "lambda_"), 0),
        (HuberRegressor(epsilon=50.0, alpha=4.0, tol=1e-10, max_iter=9999),
         "sklearn.HuberRegressor", ("alpha", "scale_"), 0),
        (fastridge.RidgeEM(), "fastridge.RidgeEM", ("alpha_",), 1),
    ]  # fmt: skip
    for made, name, words, standardize in rows:
        made.fit(X, y)
        read = br.Penalty.from_(name, y=y, **{word: getattr(made, word) for word in words})
        assert read.standardize == bool(standardize)
        scale = X.std(0) if standardize else np.ones(P)
        for factor, good in ((1.0, True), (2.0, False), (N, False)):
            l2 = factor * np.asarray(read.l2)
            off = residual("Gaussian", made.coef_, made.intercept_, 0.0, l2, scale=scale, **plain)
            assert (off < 1e-6) == good, (name, factor, off)


def test_the_median_regression_is_ours():
    """Where the loss has kinks J itself is compared: it is never higher than at our optimum."""
    from sklearn.linear_model import QuantileRegressor

    y = Y["Gaussian"]
    model = br.Model(br.Laplace(0.2), br.LaplaceNoise(SIGMA))
    problem = model.condition(X, y)
    arguments = br.translate(problem, "sklearn.QuantileRegressor")
    ours = br.fit_map(problem)

    def objective(beta, level):
        return np.abs(y - level - X @ beta).sum() + problem.penalty.l1 * np.abs(beta).sum()

    best = objective(ours.beta.to_numpy(), ours.intercept)
    theirs = QuantileRegressor(**arguments, solver="highs").fit(X, y)
    assert objective(theirs.coef_, theirs.intercept_) == pytest.approx(best, rel=1e-6)
    for factor in (2.0, 0.5, N):
        wrong = QuantileRegressor(alpha=factor * arguments["alpha"], solver="highs").fit(X, y)
        assert objective(wrong.coef_, wrong.intercept_) > best * (1 + 1e-4)
