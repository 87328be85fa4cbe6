"""The arguments with which other libraries minimise the same objective."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bayesreg.language.arguments import Array
from bayesreg.language.errors import NotSupported


class Conversion(dict[str, Any]):
    """Arguments for another library: a dict with its `objective` and what it `needs` first."""

    def __init__(self, arguments: dict[str, Any], objective: str, needs: str | None) -> None:
        dict.__init__(self, arguments)
        self.objective = objective
        self.needs = needs


def _uniform(penalty: Any, target: str, *, l1: bool, l2: bool) -> tuple[float, float]:
    """λ₁ and λ₂ as single numbers, or the reason why `target` cannot express them."""
    if penalty.flat:
        raise NotSupported(
            f"{target} penalises every column, and {penalty.flat[0]!r} is Flat here; "
            "project the flat columns out of y and X first"
        )
    if any(block.prior.loc for block in penalty.blocks):
        raise NotSupported(f"{target} shrinks towards 0 only: subtract X·loc from y and use loc=0")
    if penalty.shifted:
        raise NotSupported(
            f"{target} knows no offset: subtract it from y under Gaussian noise; counts with an "
            "exposure E are y/E with sample_weight=E, whose alpha is λ/Σ(w·E)"
        )
    if penalty.in_groups:
        raise NotSupported(f"{target} penalises single columns, and here norms of groups of them")
    values = penalty.l1, penalty.l2
    for symbol, value, allowed in zip(("λ₁", "λ₂"), values, (l1, l2), strict=True):
        if np.ndim(value):
            raise NotSupported(
                f"{target} has one {symbol} for all columns, and here it differs by column; divide "
                "each column by its relative scale first"
            )
        if value and not allowed:
            better = (
                "sklearn.ElasticNet"
                if all(np.any(v) for v in values)
                else ("sklearn.Lasso" if symbol == "λ₁" else "sklearn.Ridge")
            )
            cure = f": use {better}" if better in counterparts(penalty.likelihood) else ""
            raise NotSupported(f"{target} has no {symbol}, and here it is {value:.6g}{cure}")
    return float(values[0]), float(values[1])


def _ridge(penalty: Any) -> tuple[dict[str, Any], str]:
    _, l2 = _uniform(penalty, "sklearn.Ridge", l1=False, l2=True)
    return {"alpha": l2}, "‖y − β₀ − Xβ‖² + alpha·‖β‖²"


def _lasso(penalty: Any) -> tuple[dict[str, Any], str]:
    l1, _ = _uniform(penalty, "sklearn.Lasso", l1=True, l2=False)
    return {"alpha": l1 / penalty.n}, "‖y − β₀ − Xβ‖²/(2N) + alpha·‖β‖₁"


def _elastic_net(penalty: Any) -> tuple[dict[str, Any], str]:
    l1, l2 = _uniform(penalty, "sklearn.ElasticNet", l1=True, l2=True)
    total = l1 + l2
    arguments = {"alpha": total / penalty.n, "l1_ratio": l1 / total if total else 0.5}
    return arguments, ("‖y − β₀ − Xβ‖²/(2N) + alpha·l1_ratio·‖β‖₁ + ½·alpha·(1 − l1_ratio)·‖β‖²")


def _logistic(penalty: Any) -> tuple[dict[str, Any], str]:
    l1, l2 = _uniform(penalty, "sklearn.LogisticRegression", l1=True, l2=True)
    total = l1 + l2
    arguments = {
        "C": 1.0 / total if total else np.inf,
        "l1_ratio": l1 / total if total else 0.0,
        "solver": "saga" if l1 else "lbfgs",  # liblinear penalises the intercept
    }
    objective = "C·Σ[log(1 + exp η) − yη] + l1_ratio·‖β‖₁ + ½(1 − l1_ratio)·‖β‖², η = β₀ + Xβ"
    return arguments, objective


def _poisson(penalty: Any) -> tuple[dict[str, Any], str]:
    _, l2 = _uniform(penalty, "sklearn.PoissonRegressor", l1=False, l2=True)
    return {"alpha": l2 / penalty.n}, "Σ[exp η − yη]/N + ½·alpha·‖β‖², η = β₀ + Xβ"


# By library: the likelihood whose loss it minimises, and its arguments.
CONVERSIONS: dict[str, tuple[str, Callable[[Any], tuple[dict[str, Any], str]]]] = {
    "sklearn.Ridge": ("Gaussian", _ridge),
    "sklearn.Lasso": ("Gaussian", _lasso),
    "sklearn.ElasticNet": ("Gaussian", _elastic_net),
    "sklearn.LogisticRegression": ("Bernoulli", _logistic),
    "sklearn.PoissonRegressor": ("Poisson", _poisson),
}


def counterparts(likelihood: Any) -> tuple[str, ...]:
    """The classes of other libraries that minimise the loss of a likelihood.

    Examples
    --------
    >>> import bayesreg as br
    >>> counterparts(br.Bernoulli()), counterparts(br.LaplaceNoise())
    (('sklearn.LogisticRegression',), ())
    """
    own = type(likelihood).__name__
    return tuple(name for name, (loss, _) in CONVERSIONS.items() if loss == own)


def spoken_lam(likelihood: Any, *, ridge: bool) -> str | None:
    """What scikit-learn calls its λ under a likelihood: "alpha", "C", or None where it has none."""
    found = counterparts(likelihood)
    if not found or (found == ("sklearn.PoissonRegressor",) and not ridge):
        return None
    return "C" if found == ("sklearn.LogisticRegression",) else "alpha"


def lam_of_sklearn(likelihood: Any, l1: Array, l2: Array, n: float) -> Array:
    """scikit-learn's alpha or C that is as much as λ₁ and λ₂; NaN where it has no such estimator.

    Ridge sums over rows, as we do; the others divide the loss by N, but for LogisticRegression,
    which weighs it with C instead of the penalty.
    """
    ridge = not np.any(l1)
    name = spoken_lam(likelihood, ridge=ridge)
    if name is None:
        return np.full(np.shape(l2), np.nan)
    if name == "C":
        return np.asarray(1.0 / (l1 + l2))
    whole = "sklearn.Ridge" in counterparts(likelihood) and ridge
    return np.asarray((l1 + l2) / (1.0 if whole else n))
