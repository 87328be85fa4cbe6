"""Other libraries of Python: penalised regression, boosting, distributed fits and networks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bayesreg.conventions.convention import UNBOUNDED, Convention

_LOGISTIC = "log(1 + exp η) − yη"
_LIKELIHOOD = "−log L"
_SPARED = "alpha as a vector with 0 for the constant, np.r_[0, np.full(p, alpha)]"
_NET: dict[str, Any] = {
    "lam1": "n * alpha * l1_ratio",
    "lam2": "n * alpha * (1 - l1_ratio)",
    "gives": {"alpha": "lam / n", "l1_ratio": "share"},
}
_MIX = "alpha·l1_ratio·‖β‖₁ + ½·alpha·(1 − l1_ratio)·‖β‖²"

_OLS = Convention(
    name="statsmodels.OLS.fit_regularized",
    objective="‖y − β₀ − Xβ‖²/(2N) + alpha·L1_wt·‖β‖₁ + ½·alpha·(1 − L1_wt)·‖β‖²",
    lam1="n * alpha * L1_wt",
    lam2="n * alpha * (1 - L1_wt)",
    gives={"alpha": "lam / n", "L1_wt": "share"},
    defaults={"L1_wt": 1.0},
    by_column=("alpha",),
    intercept="penalised",
    spare=_SPARED,
    without={},
    limits="with centred columns: its coordinate descent leaves at 0 what was there once",
    source="https://www.statsmodels.org/stable/generated/"
    "statsmodels.regression.linear_model.OLS.fit_regularized.html",
)
_LOGIT = Convention(
    name="statsmodels.Logit.fit_regularized",
    objective=f"Σ[{_LOGISTIC}] + alpha·‖β‖₁, η = β₀ + Xβ",
    lam1="alpha",
    gives={"alpha": "lam1"},
    likelihoods={"Bernoulli": {}},
    by_column=("alpha",),
    intercept="penalised",
    spare=_SPARED,
    without={},
    source="https://www.statsmodels.org/stable/generated/"
    "statsmodels.discrete.discrete_model.Logit.fit_regularized.html",
)
_GLM = replace(
    _OLS,
    name="statsmodels.GLM.fit_regularized",
    objective=f"{_LIKELIHOOD}/rows + alpha·L1_wt·‖β‖₁ + ½·alpha·(1 − L1_wt)·‖β‖²",
    lam1="rows * alpha * L1_wt",
    lam2="rows * alpha * (1 - L1_wt)",
    gives={"alpha": "lam / rows", "L1_wt": "share"},
    likelihoods={
        "Bernoulli": {"family": "Binomial"},
        "Poisson": {"family": "Poisson"},
        "NegativeBinomial": {"family": "NegativeBinomial"},
    },
    limits=f"{_OLS.limits}; freq_weights count in log L, and not in rows",
    source="https://www.statsmodels.org/stable/generated/"
    "statsmodels.genmod.generalized_linear_model.GLM.fit_regularized.html",
)
_GAUSSIAN = replace(
    _GLM,
    likelihoods={"Gaussian": {"family": "Gaussian"}},
    never_ridge="at L1_wt=0 it estimates the variance of the noise beside β, and minimises another "
    "objective; statsmodels.OLS.fit_regularized has this one",
)
STATSMODELS = [
    _OLS,
    replace(_OLS, name="statsmodels.WLS.fit_regularized"),
    _GAUSSIAN,
    _GLM,
    _LOGIT,
    replace(
        _LOGIT,
        name="statsmodels.Poisson.fit_regularized",
        objective="Σ[exp η − yη] + alpha·‖β‖₁, η = β₀ + Xβ",
        likelihoods={"Poisson": {}},
    ),
]

_CELER = Convention(
    name="celer.Lasso",
    objective="‖y − β₀ − Xβ‖²/(2N) + alpha·‖β‖₁",
    lam1="n * alpha",
    gives={"alpha": "lam1 / n"},
    defaults={"alpha": 1.0},
    only=UNBOUNDED,
    source="https://mathurinm.github.io/celer/api.html",
)
_SKGLM = "https://contrib.scikit-learn.org/skglm/api.html"
_NET_DEFAULTS = {"alpha": 1.0, "l1_ratio": 0.5}
SPARSE = [
    _CELER,
    replace(
        _CELER,
        name="celer.ElasticNet",
        objective=f"‖y − β₀ − Xβ‖²/(2N) + {_MIX}",
        defaults=_NET_DEFAULTS,
        never_ridge="its l1_ratio must be above 0; sklearn.Ridge and skglm.ElasticNet have a ridge",
        **_NET,
    ),
    Convention(
        name="celer.LogisticRegression",
        objective=f"Σ[{_LOGISTIC}] + ‖β‖₁/C, η = Xβ",
        lam1="1 / C",
        gives={"C": "1 / lam1"},
        defaults={"C": 1.0},
        likelihoods={"Bernoulli": {}},
        intercept="none",
        without={},
        source="https://mathurinm.github.io/celer/api.html",
    ),
    replace(_CELER, name="skglm.Lasso", source=_SKGLM),
    replace(
        _CELER,
        name="skglm.ElasticNet",
        objective=f"‖y − β₀ − Xβ‖²/(2N) + {_MIX}",
        defaults=_NET_DEFAULTS,
        source=_SKGLM,
        **_NET,
    ),
    Convention(
        name="skglm.SparseLogisticRegression",
        objective=f"Σ[{_LOGISTIC}]/N + {_MIX}, η = β₀ + Xβ",
        defaults={"alpha": 1.0, "l1_ratio": 1.0},
        likelihoods={"Bernoulli": {}},
        source=_SKGLM,
        **_NET,
    ),
    Convention(
        name="glum.GeneralizedLinearRegressor",
        objective=f"deviance/(2N) + {_MIX}",
        defaults={"alpha": 0.0, "l1_ratio": 0.0},
        likelihoods={
            "Gaussian": {"family": "normal"},
            "Bernoulli": {"family": "binomial"},
            "Poisson": {"family": "poisson"},
            "NegativeBinomial": {"family": "negative.binomial"},
        },
        only={
            "link": (("auto",), "the likelihoods here have the link of link='auto'"),
            "scale_predictors": ((False,), "it scales the columns first; say standardize=True"),
        },
        source="https://glum.readthedocs.io/en/latest/glm.html",
        **_NET,
    ),
    Convention(
        name="pybiglasso.BiglassoClassifier",
        objective=f"Σ[{_LOGISTIC}]/N + {_MIX}, η = β₀ + Xβ",
        defaults={"alpha": 1e-3, "l1_ratio": 1.0},
        likelihoods={"Bernoulli": {}},
        columns="sd",
        without=None,
        never_ridge="its l1_ratio must be above 0; sklearn.LogisticRegression has a ridge",
        source="https://github.com/mmacpherson/pybiglasso",
        **_NET,
    ),
    Convention(
        name="adelie.grpnet",
        objective=f"{_LIKELIHOOD}/N + lmda_path·[alpha·‖β‖₁ + ½(1 − alpha)·‖β‖²]",
        lam1="n * lmda_path * alpha",
        lam2="n * lmda_path * (1 - alpha)",
        gives={"lmda_path": "lam / n", "alpha": "share"},
        defaults={"alpha": 1.0},
        likelihoods={
            "Gaussian": {"glm": "gaussian"},
            "Bernoulli": {"glm": "binomial"},
            "Poisson": {"glm": "poisson"},
        },
        listed=("lmda_path",),
        without={"intercept": False},
        checked="documentation",
        source="https://jamesyang007.github.io/adelie/",
    ),
]

_BOOST = "https://xgboost.readthedocs.io/en/stable/parameter.html"
_DASK = "https://github.com/dask/dask-glm"


def _only(lam: str, formula: str) -> dict[str, Any]:
    return {lam: formula}


def _dask(name: str, likelihood: str, loss: str, twice: str = "") -> list[Convention]:
    """The four of one loss, which is −log L or `twice` that: in both libraries, ridge and lasso.

    Columns are brought to mean 0 and sd 1 unless the solver is told otherwise, which dask-glm's
    classes do not. A column of ones is added, and penalised with the others. dask-ml's C is
    1/lamduh.
    """
    rows = []
    for kind, lam, norms in (("l2", "lam2", "½(β₀² + ‖β‖²)"), ("l1", "lam1", "(|β₀| + ‖β‖₁)")):
        glm = Convention(
            name=f"dask_glm.{name}",
            objective=f"{loss} + lamduh·{norms}",
            gives={"lamduh": f"{twice}{lam}"},
            defaults={"lamduh": 1.0},
            likelihoods={likelihood: {}},
            when={"regularizer": kind},
            intercept="penalised",
            columns="sd",
            limits="of its solvers newton and gradient_descent leave the penalty out",
            checked="source",
            source=_DASK,
            **_only(lam, "lamduh / 2" if twice else "lamduh"),
        )
        ml = replace(
            glm,
            name=f"dask_ml.{name}",
            objective=f"{loss} + {norms}/C",
            gives={"C": f"1 / ({twice}{lam})"},
            defaults={"C": 1.0},
            when={"penalty": kind},
            raw={"solver_kwargs": {"normalize": False}},
            source="https://ml.dask.org/modules/api.html",
            **_only(lam, f"1 / ({twice}C)"),
        )
        rows += [glm, ml]
    return rows


_ABESS = Convention(
    name="abess.LinearRegression",
    objective="½‖y − β₀ − Xβ‖² + ½·alpha·‖β‖² over support_size columns",
    lam2="alpha",
    gives={"alpha": "lam2"},
    defaults={"alpha": 0.0},
    columns="sd",
    without=None,
    only={
        "fit_intercept": (
            (True,),
            "without an intercept it scales columns by √(Σx²/N), and J by their sd",
        )
    },
    limits="at support_size = p; with fewer columns it is best subset selection",
    source="https://abess.readthedocs.io/en/latest/Python-package/index.html",
)
_DESCENT = Convention(
    name="torch.optim.SGD",
    objective="loss + ½·weight_decay·‖β‖², loss = MSELoss() = ‖y − β₀ − Xβ‖²/N",
    lam2="n * weight_decay / 2",
    gives={"weight_decay": "2 * lam2 / n"},
    defaults={"weight_decay": 0.0},
    intercept="penalised",
    spare='biases in a parameter group of their own, {"params": biases, "weight_decay": 0}',
    without={"bias": False},
    limits="for a linear layer trained to its optimum",
    checked="documentation",
    source="https://docs.pytorch.org/docs/stable/generated/torch.optim.SGD.html",
)
_MEANS = replace(
    _DESCENT,
    objective="loss + ½·weight_decay·‖β‖², loss = BCEWithLogitsLoss(), PoissonNLLLoss()",
    lam2="n * weight_decay",
    gives={"weight_decay": "lam2 / n"},
    likelihoods={
        "Bernoulli": {"loss": "BCEWithLogitsLoss"},
        "Poisson": {"loss": "PoissonNLLLoss"},
    },
)
_KERAS = Convention(
    name="keras.regularizers.L1L2",
    objective="loss + l1·‖β‖₁ + l2·‖β‖², loss = mean_squared_error = ‖y − β₀ − Xβ‖²/N",
    lam1="n * l1 / 2",
    lam2="n * l2",
    gives={"l1": "2 * lam1 / n", "l2": "lam2 / n"},
    defaults={"l1": 0.0, "l2": 0.0},
    without={"use_bias": False},
    limits="as kernel_regularizer of a linear layer trained to its optimum",
    checked="source",
    source="https://keras.io/api/layers/regularizers/",
)
ELSEWHERE_IN_PYTHON = [
    Convention(
        name="xgboost.gblinear",
        objective="[−log L + N·(½·lambda·‖β‖² + alpha·‖β‖₁)]/N, −log L = ½‖y − β₀ − Xβ‖² for "
        "squared error",
        lam1="n * alpha",
        lam2="n * lambda",
        gives={"lambda": "lam2 / n", "alpha": "lam1 / n"},
        defaults={"lambda": 0.0, "alpha": 0.0},
        likelihoods={
            "Gaussian": {"objective": "reg:squarederror"},
            "Bernoulli": {"objective": "binary:logistic"},
            "Poisson": {"objective": "count:poisson"},
        },
        sets={"booster": "gblinear"},
        without=None,
        limits="after enough rounds: boosting stops on its way to the optimum",
        call="xgboost.train({{{arguments}}}, data, rounds)",
        source=_BOOST,
    ),
    *_dask("LinearRegression", "Gaussian", "‖y − β₀ − Xβ‖²", twice="2 * "),
    *_dask("LogisticRegression", "Bernoulli", f"Σ[{_LOGISTIC}], η = β₀ + Xβ,"),
    *_dask("PoissonRegression", "Poisson", "Σ[exp η − yη], η = β₀ + Xβ,"),
    _ABESS,
    *(
        replace(
            _ABESS,
            name=f"abess.{name}",
            objective=f"Σ[{loss}] + alpha·‖β‖² over support_size columns, η = β₀ + Xβ",
            lam2="2 * alpha",
            gives={"alpha": "lam2 / 2"},
            likelihoods={likelihood: {}},
        )
        for name, loss, likelihood in (
            ("LogisticRegression", _LOGISTIC, "Bernoulli"),
            ("PoissonRegression", "exp η − yη", "Poisson"),
        )
    ),
    Convention(
        name="fastridge.RidgeLOOCV",
        objective="‖y − β₀ − Xβ‖² + alphas·‖β‖²",
        lam2="alphas",
        gives={"alphas": "lam2"},
        listed=("alphas",),
        columns="sd",
        raw={"normalize": False},
        source="https://github.com/marioboley/fastridge",
    ),
    Convention(
        name="fastridge.RidgeEM",
        objective="‖y − β₀ − Xβ‖² + alpha_·‖β‖²",
        lam2="alpha_",
        columns="sd",
        raw={"normalize": False},
        one_way="it estimates alpha_ itself; fastridge.RidgeLOOCV takes it as alphas=[…]",
        source="https://github.com/marioboley/fastridge",
    ),
    _DESCENT,
    _MEANS,
    *(replace(one, name="torch.optim.Adam") for one in (_DESCENT, _MEANS)),
    _KERAS,
    replace(
        _KERAS,
        objective="loss + l1·‖β‖₁ + l2·‖β‖², loss = binary_crossentropy or poisson, −log L/N",
        lam1="n * l1",
        lam2="2 * n * l2",
        gives={"l1": "lam1 / n", "l2": "lam2 / (2 * n)"},
        likelihoods={
            "Bernoulli": {"loss": "binary_crossentropy"},
            "Poisson": {"loss": "poisson"},
        },
    ),
]
