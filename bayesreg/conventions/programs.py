"""MATLAB, Stata and Spark."""

from __future__ import annotations

from dataclasses import replace

from bayesreg.conventions.convention import Convention

_MATLAB = "https://www.mathworks.com/help/stats/"
_LASSO = Convention(
    name="matlab.lasso",
    objective="‖y − β₀ − Xβ‖²/(2N) + Lambda·[Alpha·‖β‖₁ + ½(1 − Alpha)·‖β‖²]",
    lam1="n * Lambda * Alpha",
    lam2="n * Lambda * (1 - Alpha)",
    gives={"Lambda": "lam / n", "Alpha": "share"},
    defaults={"Alpha": 1.0},
    columns="sd",
    raw={"Standardize": False},
    without={"Intercept": False},
    booleans=("false", "true"),
    checked="documentation",
    source=_MATLAB + "lasso.html",
)
_STATA = Convention(
    name="stata.elasticnet",
    objective="‖y − β₀ − Xβ‖²/(2N) + lambda·[alpha·‖β‖₁ + ½(1 − alpha)·‖β‖²]",
    lam1="n * lambda * alpha",
    lam2="n * lambda * (1 - alpha)",
    gives={"lambda": "lam / n", "alpha": "share"},
    defaults={"alpha": 1.0},
    columns="sd",
    without={},
    call="elasticnet linear y x1 x2 …, grid(…) at lambda = {lambda}, alphas({alpha})",
    checked="unverified",
    source="https://www.stata.com/manuals/lassoelasticnet.pdf",
)
_SPARK = Convention(
    name="spark.LinearRegression",
    objective="‖y − β₀ − Xβ‖²/(2N) + regParam·[elasticNetParam·‖β‖₁ + "
    "½(1 − elasticNetParam)·‖β‖²/sd(y)], sd's with divisor N − 1",
    lam1="n * regParam * elasticNetParam",
    lam2="(1 - elasticNetParam) * regParam * n / (sd_y * sqrt(n / (n - 1)))",
    gives={
        "regParam": "(lam1 + lam2 * sd_y * sqrt(n / (n - 1))) / n",
        "elasticNetParam": "lam1 / (lam1 + lam2 * sd_y * sqrt(n / (n - 1)))",
    },
    defaults={"regParam": 0.0, "elasticNetParam": 0.0},
    sets={"solver": "l-bfgs"},
    columns="sd1",
    raw={"standardization": False},
    without={"fitIntercept": False},
    limits='with solver="l-bfgs"; "normal" scales by sd\'s with divisor N',
    checked="source",
    source="https://spark.apache.org/docs/latest/ml-classification-regression.html",
)
PROGRAMS = [
    _LASSO,
    replace(
        _LASSO,
        name="matlab.lassoglm",
        objective="−log L/N + Lambda·[Alpha·‖β‖₁ + ½(1 − Alpha)·‖β‖²]",
        likelihoods={
            "Bernoulli": {"distr": "binomial"},
            "Poisson": {"distr": "poisson"},
        },
        without={},
        limits="if its loss is −log L/N; should it be Deviance/N, Lambda is twice as much",
        checked="unverified",
        source=_MATLAB + "lassoglm.html",
    ),
    Convention(
        name="matlab.ridge",
        objective="‖y − β₀ − Xβ‖² + k·‖β‖²",
        lam2="k",
        gives={"k": "lam2"},
        columns="sd1",
        without=None,
        call="ridge(y, X, {k}, 0)",
        limits="its default returns coefficients of scaled columns; ridge(y, X, k, 0) returns β",
        checked="documentation",
        source=_MATLAB + "ridge.html",
    ),
    _STATA,
    replace(
        _STATA,
        name="stata.lasso",
        objective="‖y − β₀ − Xβ‖²/(2N) + lambda·‖β‖₁",
        lam1="n * lambda",
        lam2="0",
        gives={"lambda": "lam1 / n"},
        defaults={},
        call="lasso linear y x1 x2 …, at lambda = {lambda}",
        source="https://www.stata.com/manuals/lassolasso.pdf",
    ),
    replace(
        _STATA,
        name="stata.lasso2",
        objective="‖y − β₀ − Xβ‖² + lambda·[alpha·‖β‖₁ + ½(1 − alpha)·‖β‖²]",
        lam1="lambda * alpha / 2",
        lam2="lambda * (1 - alpha) / 2",
        gives={"lambda": "2 * lam", "alpha": "share"},
        raw={"unitloadings": True},
        call="lasso2 y x1 x2 …, lambda({lambda}) alpha({alpha})",
        checked="documentation",
        source="https://statalasso.github.io/docs/lassopack/help/lasso2_help/",
    ),
    _SPARK,
    replace(
        _SPARK,
        name="spark.LogisticRegression",
        objective="−log L/N + regParam·[elasticNetParam·‖β‖₁ + ½(1 − elasticNetParam)·‖β‖²]",
        lam2="(1 - elasticNetParam) * regParam * n",
        gives={"regParam": "lam / n", "elasticNetParam": "share"},
        likelihoods={"Bernoulli": {}},
        sets={},
        limits="",
        checked="unverified",
    ),
]
