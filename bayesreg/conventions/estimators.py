"""Which attributes of a fitted or unfitted estimator say its λ, by its library and class.

An estimator is known by names, so that no library is imported that its user has not imported. An
attribute that ends in an underscore is there once it was fitted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Reading:
    """How an estimator's λ is read.

    Attributes
    ----------
    record : str
        The function whose convention it follows; empty where it has no penalty.
    takes : mapping of str to str
        Arguments of that record, and the attributes that hold them.
    plain : mapping of str to tuple
        Attributes, and the values under which the objective is that of the record.
    spoils : mapping of str to (tuple, str)
        Attributes with values for which the prior can be said, and no Problem is the same: why.
    """

    record: str
    takes: Mapping[str, str] = field(default_factory=dict)
    plain: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    spoils: Mapping[str, tuple[tuple[Any, ...], str]] = field(default_factory=dict)


_ALPHA = {"alpha": "alpha"}
_NET = {"alpha": "alpha", "l1_ratio": "l1_ratio"}
_CHOSEN, _NET_CHOSEN = {"alpha": "alpha_"}, {"alpha": "alpha_", "l1_ratio": "l1_ratio_"}
_OLD = {"normalize": (False, "deprecated")}
_CLASSES = {"class_weight": (None,), "multi_class": ("auto", "ovr", "deprecated", "warn")}
_UNWEIGHTED = {"weights": (None,)}
_WHY = (
    "solver='liblinear' penalises the intercept like a coefficient (of a column of "
    "intercept_scaling), and no prior here does; fit with solver='lbfgs' or 'saga'"
)
_LIBLINEAR = {"solver": (("liblinear",), _WHY)}
_GLUM = {
    "P1": ("identity", None),
    "P2": ("identity", None),
    "scale_predictors": (False,),
    "lower_bounds": (None,),
    "upper_bounds": (None,),
}
ESTIMATORS: dict[str, Reading] = {
    "sklearn.LinearRegression": Reading(""),
    "sklearn.Ridge": Reading("sklearn.Ridge", _ALPHA, _OLD),
    "sklearn.RidgeCV": Reading("sklearn.Ridge", _CHOSEN, _OLD),
    "sklearn.Lasso": Reading("sklearn.Lasso", _ALPHA, _OLD),
    "sklearn.LassoCV": Reading("sklearn.Lasso", _CHOSEN, _OLD),
    "sklearn.LassoLars": Reading("sklearn.LassoLars", _ALPHA, _OLD),
    "sklearn.LassoLarsCV": Reading("sklearn.LassoLars", _CHOSEN, _OLD),
    "sklearn.LassoLarsIC": Reading("sklearn.LassoLars", _CHOSEN, _OLD),
    "sklearn.ElasticNet": Reading("sklearn.ElasticNet", _NET, _OLD),
    "sklearn.ElasticNetCV": Reading("sklearn.ElasticNet", _NET_CHOSEN, _OLD),
    "sklearn.BayesianRidge": Reading(
        "sklearn.BayesianRidge", {"alpha_": "alpha_", "lambda_": "lambda_"}, _OLD
    ),
    "sklearn.ARDRegression": Reading(
        "sklearn.ARDRegression", {"alpha_": "alpha_", "lambda_": "lambda_"}, _OLD
    ),
    "sklearn.LogisticRegression": Reading(
        "sklearn.LogisticRegression",
        {"C": "C", "l1_ratio": "l1_ratio", "penalty": "penalty"},
        _CLASSES,
        _LIBLINEAR,
    ),
    "sklearn.LogisticRegressionCV": Reading(
        "sklearn.LogisticRegression",
        {"C": "C_", "l1_ratio": "l1_ratio_", "penalty": "penalty"},
        _CLASSES,
        _LIBLINEAR,
    ),
    "sklearn.PoissonRegressor": Reading("sklearn.PoissonRegressor", _ALPHA),
    "sklearn.TweedieRegressor": Reading(
        "sklearn.TweedieRegressor", {"alpha": "alpha", "power": "power", "link": "link"}
    ),
    "sklearn.HuberRegressor": Reading(
        "sklearn.HuberRegressor", {"alpha": "alpha", "scale_": "scale_"}
    ),
    "sklearn.QuantileRegressor": Reading(
        "sklearn.QuantileRegressor", {"alpha": "alpha", "quantile": "quantile"}
    ),
    "sklearn.SGDRegressor": Reading(
        "sklearn.SGDRegressor", {**_NET, "penalty": "penalty", "loss": "loss"}
    ),
    "sklearn.SGDClassifier": Reading(
        "sklearn.SGDClassifier",
        {**_NET, "penalty": "penalty", "loss": "loss"},
        {"class_weight": (None,)},
    ),
    "celer.Lasso": Reading("celer.Lasso", _ALPHA, _UNWEIGHTED),
    "celer.LassoCV": Reading("celer.Lasso", _CHOSEN, _UNWEIGHTED),
    "celer.ElasticNet": Reading("celer.ElasticNet", _NET, _UNWEIGHTED),
    "celer.ElasticNetCV": Reading("celer.ElasticNet", _NET_CHOSEN, _UNWEIGHTED),
    "celer.LogisticRegression": Reading("celer.LogisticRegression", {"C": "C"}),
    "skglm.Lasso": Reading("skglm.Lasso", _ALPHA),
    "skglm.ElasticNet": Reading("skglm.ElasticNet", _NET),
    "skglm.SparseLogisticRegression": Reading("skglm.SparseLogisticRegression", _NET),
    "glum.GeneralizedLinearRegressor": Reading(
        "glum.GeneralizedLinearRegressor", {**_NET, "family": "family", "link": "link"}, _GLUM
    ),
    "glum.GeneralizedLinearRegressorCV": Reading(
        "glum.GeneralizedLinearRegressor",
        {**_NET_CHOSEN, "family": "family", "link": "link"},
        _GLUM,
    ),
}
# What tries several of an estimator, and keeps the best as an attribute.
SEARCHES = (
    "sklearn.GridSearchCV",
    "sklearn.RandomizedSearchCV",
    "sklearn.HalvingGridSearchCV",
    "sklearn.HalvingRandomSearchCV",
)
# Results of statsmodels keep no alpha: it is said beside them.
STATSMODELS = {
    "OLS": "statsmodels.OLS.fit_regularized",
    "WLS": "statsmodels.WLS.fit_regularized",
    "GLM": "statsmodels.GLM.fit_regularized",
    "Logit": "statsmodels.Logit.fit_regularized",
    "Poisson": "statsmodels.Poisson.fit_regularized",
}


def class_name(thing: Any) -> str:
    """Library and class of an object, without the rooms inside the library.

    Examples
    --------
    >>> class_name(ESTIMATORS["sklearn.Ridge"])
    'bayesreg.Reading'
    """
    kind = type(thing)
    return f"{kind.__module__.split('.', maxsplit=1)[0]}.{kind.__name__}"
