"""Packages of R, and the Python port of glmnet by its authors."""

from __future__ import annotations

from dataclasses import replace

from bayesreg.conventions.convention import Convention

R_BOOLEANS = ("FALSE", "TRUE")
_MIX = "lambda·[alpha·‖β‖₁ + ½(1 − alpha)·‖β‖²]"
_LIKELIHOOD = "−log L"
# Without an intercept, sd(y) is √(Σwy²/N).
_FAST = Convention(
    name="glmnet",
    objective="‖y − β₀ − Xβ‖²/(2N) + lambda·[alpha·‖β‖₁ + ½(1 − alpha)·‖β‖²/sd(y)]",
    lam1="n * lambda * alpha",
    lam2="(1 - alpha) * lambda * n / scale_y",
    gives={
        "lambda": "(lam1 + lam2 * scale_y) / n",
        "alpha": "lam1 / (lam1 + lam2 * scale_y)",
    },
    defaults={"alpha": 1.0},
    likelihoods={"Gaussian": {"family": "gaussian"}},
    columns="sd",
    raw={"standardize": False},
    without={"intercept": False},
    call="glmnet(x, y, {arguments})",
    booleans=R_BOOLEANS,
    checked="source",
    source="https://glmnet.stanford.edu/articles/glmnet.html",
)
_SLOW = replace(
    _FAST,
    objective=f"{_LIKELIHOOD}/N + {_MIX}",
    lam2="(1 - alpha) * lambda * n",
    gives={"lambda": "lam / n", "alpha": "share"},
    likelihoods={"Bernoulli": {"family": "binomial"}, "Poisson": {"family": "poisson"}},
)
_NAMES = ("lambda", "lambda_values")


def _starred(one: Convention, name: str, likelihoods: dict[str, dict[str, str]]) -> Convention:
    """The same in the words of the authors' Python package, whose λ's are a list."""
    gives = {"lambda_values": one.gives["lambda"], "alpha": one.gives["alpha"]}
    return replace(
        one,
        name=f"glmstar.{name}",
        objective=one.objective.replace(*_NAMES),
        lam1=one.lam1.replace(*_NAMES),
        lam2=one.lam2.replace(*_NAMES),
        gives=gives,
        listed=("lambda_values",),
        likelihoods=likelihoods,
        without={"fit_intercept": False},
        call="{name}({arguments})",
        booleans=("False", "True"),
        source="https://glmnet.stanford.edu/",
    )


_RIDGE = Convention(
    name="MASS.lm.ridge",
    objective="‖y − β₀ − Xβ‖² + lambda·‖β‖²",
    lam2="lambda",
    gives={"lambda": "lam2"},
    columns="sd",
    without={},
    call="lm.ridge(y ~ ., data, {arguments})",
    checked="source",
    source="https://stat.ethz.ch/R-manual/R-devel/library/MASS/html/lm.ridge.html",
)
R = [
    _FAST,
    _SLOW,
    replace(_SLOW, likelihoods={"Gaussian": {"family": "gaussian()"}}),
    _starred(_FAST, "GaussNet", {"Gaussian": {}}),
    _starred(_SLOW, "LogNet", {"Bernoulli": {}}),
    _starred(_SLOW, "FishNet", {"Poisson": {}}),
    _RIDGE,
    Convention(
        name="R.bayesreg.ridge",
        objective="‖y − β₀ − Xβ‖²/(2σ²) + ‖β‖²/(2σ²·tau²)",
        lam2="1 / tau**2",
        columns="norm",
        one_way="it draws tau; it cannot be set",
        without=None,
        checked="source",
        source="https://arxiv.org/abs/1611.06649",
    ),
    Convention(
        name="R.bayesreg.lasso",
        objective="‖y − β₀ − Xβ‖²/(2σ²) + √2·‖β‖₁/(σ·tau)",
        lam1="sqrt(2) * sigma / tau",
        columns="norm",
        one_way="it draws tau; it cannot be set",
        without=None,
        checked="source",
        source="https://arxiv.org/abs/1611.06649",
    ),
    Convention(
        name="monomvn.blasso",
        objective="‖y − β₀ − Xβ‖²/(2σ²) + √lambda2·‖β‖₁/σ",
        lam1="sqrt(lambda2) * sigma",
        gives={"lambda2": "(lam1 / sigma)**2"},
        columns="norm",
        raw={"normalize": False},
        sets={"rd": False, "RJ": False},
        without={"icept": False},
        call="blasso(X, y, {arguments})",
        booleans=R_BOOLEANS,
        checked="unverified",
        source="https://doi.org/10.1214/10-BA602",
    ),
]
