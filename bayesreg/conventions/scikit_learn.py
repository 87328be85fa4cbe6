"""scikit-learn: some classes divide the loss by N, some do not, and one weighs the loss instead."""

from __future__ import annotations

from dataclasses import replace

from bayesreg.conventions.convention import UNBOUNDED, UNWEIGHTED, Convention

_PAGE = "https://scikit-learn.org/stable/modules/"
_LOGISTIC = "log(1 + exp η) − yη"
_MIX = "alpha·l1_ratio·‖β‖₁ + ½·alpha·(1 − l1_ratio)·‖β‖²"
_LASSO = Convention(
    name="sklearn.Lasso",
    objective="‖y − β₀ − Xβ‖²/(2N) + alpha·‖β‖₁",
    lam1="n * alpha",
    gives={"alpha": "lam1 / n"},
    defaults={"alpha": 1.0},
    only=UNBOUNDED,
    source=_PAGE + "linear_model.html#lasso",
)
_LOGIT = Convention(
    name="sklearn.LogisticRegression",
    objective=f"C·Σ[{_LOGISTIC}] + l1_ratio·‖β‖₁ + ½(1 − l1_ratio)·‖β‖², η = β₀ + Xβ",
    lam1="l1_ratio / C",
    lam2="(1 - l1_ratio) / C",
    gives={"C": "1 / lam", "l1_ratio": "share"},
    defaults={"C": 1.0, "l1_ratio": 0.0},
    likelihoods={"Bernoulli": {}},
    switches={"solver": ("saga", "lbfgs")},
    only={
        "solver": (
            ("lbfgs", "newton-cg", "newton-cholesky", "sag", "saga"),
            "liblinear penalises the intercept, which is no J with a free β₀",
        ),
        **UNWEIGHTED,
    },
    of_intercept=("solver",),
    source=_PAGE + "linear_model.html#logistic-regression",
)
# The words of releases before 1.8, which the others still take: read, and not written.
_OLD = "l1_ratio says it in the releases that do not deprecate penalty"
_POISSON = Convention(
    name="sklearn.PoissonRegressor",
    objective="Σ[exp η − yη]/N + ½·alpha·‖β‖², η = β₀ + Xβ",
    lam2="n * alpha",
    gives={"alpha": "lam2 / n"},
    defaults={"alpha": 1.0},
    likelihoods={"Poisson": {}},
    source=_PAGE + "linear_model.html#generalized-linear-models",
)
_DESCENT = Convention(
    name="sklearn.SGDRegressor",
    objective="‖y − β₀ − Xβ‖²/(2N) + ½·alpha·‖β‖²",
    lam2="n * alpha",
    gives={"alpha": "lam2 / n"},
    defaults={"alpha": 1e-4},
    likelihoods={"Gaussian": {"loss": "squared_error"}},
    when={"penalty": "l2"},
    limits="its steps end near the optimum, and not at it",
    checked="documentation",
    source=_PAGE + "sgd.html#mathematical-formulation",
)
_DESCENTS = [
    _DESCENT,
    replace(
        _DESCENT,
        objective="‖y − β₀ − Xβ‖²/(2N) + alpha·‖β‖₁",
        lam1="n * alpha",
        lam2="0",
        gives={"alpha": "lam1 / n"},
        when={"penalty": "l1"},
    ),
    replace(
        _DESCENT,
        objective=f"‖y − β₀ − Xβ‖²/(2N) + {_MIX}",
        lam1="n * alpha * l1_ratio",
        lam2="n * alpha * (1 - l1_ratio)",
        gives={"alpha": "lam / n", "l1_ratio": "share"},
        defaults={"alpha": 1e-4, "l1_ratio": 0.15},
        when={"penalty": "elasticnet"},
    ),
]

SCIKIT_LEARN = [
    Convention(
        name="sklearn.Ridge",
        objective="‖y − β₀ − Xβ‖² + alpha·‖β‖²",
        lam2="alpha",
        gives={"alpha": "lam2"},
        defaults={"alpha": 1.0},
        only=UNBOUNDED,
        source=_PAGE + "linear_model.html#ridge-regression-and-classification",
    ),
    _LASSO,
    replace(_LASSO, name="sklearn.LassoLars"),
    Convention(
        name="sklearn.ElasticNet",
        objective=f"‖y − β₀ − Xβ‖²/(2N) + {_MIX}",
        lam1="n * alpha * l1_ratio",
        lam2="n * alpha * (1 - l1_ratio)",
        gives={"alpha": "lam / n", "l1_ratio": "share"},
        defaults={"alpha": 1.0, "l1_ratio": 0.5},
        only=UNBOUNDED,
        source=_PAGE + "linear_model.html#elastic-net",
    ),
    Convention(
        name="sklearn.BayesianRidge",
        objective="½·alpha_·‖y − β₀ − Xβ‖² + ½·lambda_·‖β‖²",
        lam2="lambda_ / alpha_",
        one_way="it estimates alpha_ and lambda_ itself; sklearn.Ridge takes a λ",
        source=_PAGE + "linear_model.html#bayesian-ridge-regression",
    ),
    Convention(
        name="sklearn.ARDRegression",
        objective="½·alpha_·‖y − β₀ − Xβ‖² + ½·Σ lambda_ⱼ·βⱼ²",
        lam2="lambda_ / alpha_",
        by_column=("lambda_",),
        one_way="it estimates alpha_ and lambda_ itself; sklearn.Ridge takes a λ",
        source=_PAGE + "linear_model.html#automatic-relevance-determination-ard",
    ),
    _LOGIT,
    replace(
        _LOGIT,
        objective=f"C·Σ[{_LOGISTIC}] + ‖β‖₁, η = β₀ + Xβ",
        lam1="1 / C",
        lam2="0",
        when={"penalty": "l1"},
        one_way=_OLD,
    ),
    replace(
        _LOGIT,
        objective=f"C·Σ[{_LOGISTIC}] + ½‖β‖², η = β₀ + Xβ",
        lam1="0",
        lam2="1 / C",
        when={"penalty": "l2"},
        one_way=_OLD,
    ),
    replace(_LOGIT, when={"penalty": "elasticnet"}, one_way=_OLD),
    _POISSON,
    replace(
        _POISSON,
        name="sklearn.TweedieRegressor",
        objective="Σ deviance/(2N) + ½·alpha·‖β‖², η = β₀ + Xβ",
        likelihoods={
            "Gaussian": {"power": 0, "link": "identity"},
            "Poisson": {"power": 1, "link": "log"},
        },
    ),
    Convention(
        name="sklearn.HuberRegressor",
        objective="Σ[σ + H(r/σ)·σ] + alpha·‖β‖², H(z) = z² up to epsilon, r = y − β₀ − Xβ",
        lam2="alpha * scale_",
        defaults={"alpha": 1e-4},
        limits="exact where no |r| is beyond epsilon·scale_; beyond, rows count for less",
        one_way="its scale_ is estimated beside β; alpha = λ₂/scale_ only once it is known",
        source=_PAGE + "linear_model.html#huber-regression",
    ),
    Convention(
        name="sklearn.QuantileRegressor",
        objective="Σ½|y − β₀ − Xβ|/N + alpha·‖β‖₁",
        lam1="2 * n * alpha",
        gives={"alpha": "lam1 / (2 * n)"},
        defaults={"alpha": 1.0},
        likelihoods={"LaplaceNoise": {}},
        only={
            "quantile": ((0.5,), "other quantiles have a loss that is none of a likelihood here")
        },
        source=_PAGE + "linear_model.html#quantile-regression",
    ),
    *_DESCENTS,
    *(
        replace(
            one,
            name="sklearn.SGDClassifier",
            objective=one.objective.replace("‖y − β₀ − Xβ‖²/(2N)", f"Σ[{_LOGISTIC}]/N")
            + ", η = β₀ + Xβ",
            likelihoods={"Bernoulli": {"loss": "log_loss"}},
            only=UNWEIGHTED,
            explicit=("loss",),
        )
        for one in _DESCENTS
    ),
]
