"""What an estimator of another library says of its penalty, read without importing the library."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from bayesreg.conventions.estimators import ESTIMATORS, SEARCHES, STATSMODELS, class_name
from bayesreg.conventions.refused import REFUSED
from bayesreg.language.errors import BadArgument, NotSupported


@dataclass(frozen=True, eq=False)
class Met:
    """An estimator as it was met.

    Attributes
    ----------
    words : str
        How its user writes it.
    record : str
        The function whose convention it follows.
    arguments : dict
        Of that function, as far as they bear on the objective.
    intercept : bool or None
        Whether there is a β₀; None where its arguments say it.
    penalised : bool or None
        Whether the penalty touches β₀; None where that is as its function has it.
    standardize : bool
        Whether a StandardScaler stood before it.
    positive : bool
        Whether coefficients are held at 0 and above.
    coef : ndarray (p,) or None
        The coefficients that it reports, in its own coordinates.
    level : float or None
        The intercept that it reports, likewise.
    mean, sd : ndarray (p,) or None
        What the StandardScaler subtracted, and what it divided by.
    names : tuple of str or None
        The columns that it was fitted to, where it keeps their names.
    shape : float or None
        Of a negative binomial response, where it says one.
    sigma : float or None
        sd of the noise, where it says one.
    classes : tuple or None
        Labels of y = 0 and y = 1.
    held : dict
        X, y and weights, where it holds them.
    spoils : tuple of str
        Why no Problem is the same, where none is.
    """

    words: str
    record: str
    arguments: dict[str, Any]
    intercept: bool | None = True
    penalised: bool | None = None
    standardize: bool = False
    positive: bool = False
    coef: Any = None
    level: float | None = None
    mean: Any = None
    sd: Any = None
    names: tuple[str, ...] | None = None
    shape: float | None = None
    sigma: float | None = None
    classes: tuple[Any, ...] | None = None
    held: dict[str, Any] = field(default_factory=dict)
    spoils: tuple[str, ...] = ()


def met(fitted: Any, said: Mapping[str, Any]) -> Met:
    """An estimator, a pipeline, a result, or a function by name with arguments.

    Raises
    ------
    NotSupported
        If it is of a class that is not known, or has an objective that is another.
    BadArgument
        If it holds no λ before it was fitted, or none at all.

    Examples
    --------
    >>> met("keras.regularizers.L1L2", {"l2": 0.01}).arguments
    {'l2': 0.01}
    """
    if isinstance(fitted, str):
        given = ", ".join(f"{key}={value!r}" for key, value in said.items())
        own = dict(said)
        positive = bool(own.pop("positive", False))
        return Met(f"{fitted}({given})", fitted, own, intercept=None, positive=positive)
    if isinstance(fitted, type):
        raise BadArgument(
            f"{fitted.__name__} is a class: pass an estimator made of it, {fitted.__name__}(…), or "
            "its name with its arguments"
        )
    name = class_name(fitted)
    if name in SEARCHES:
        return met(_held(fitted, name, "best_estimator_"), said)
    if name == "sklearn.Pipeline":
        return _pipeline(fitted, said)
    if name.startswith("statsmodels."):
        return _statsmodels(fitted, said)
    if name not in ESTIMATORS:
        raise NotSupported(f"explain does not know {name}{_instead(name)}")
    if said:
        raise BadArgument(f"{next(iter(said))}= is settled by the {name} itself; leave it out")
    return _estimator(fitted, name)


def _instead(name: str) -> str:
    """Why a class is not known, or what is of its library."""
    if name in REFUSED:
        return f": {REFUSED[name]}"
    home = name.partition(".")[0]
    known = [*ESTIMATORS, "sklearn.Pipeline", *STATSMODELS.values()]
    homes = ", ".join(dict.fromkeys(one.partition(".")[0] for one in known))
    own = [one for one in known if one.partition(".")[0] == home]
    listed = f"of {home} it knows {', '.join(own)}" if own else f"it knows some of {homes}"
    return f"; {listed}, and any function of br.translate by its name and arguments"


def _estimator(fitted: Any, name: str) -> Met:
    reading = ESTIMATORS[name]
    for attribute, allowed in reading.plain.items():
        value = getattr(fitted, attribute, allowed[0])
        if not _among(value, allowed):
            raise NotSupported(
                f"{name}({attribute}={value!r}) minimises another objective than "
                f"{reading.record} does with {attribute}={allowed[0]!r}"
            )
    spoils = [
        why
        for attribute, (values, why) in reading.spoils.items()
        if _among(getattr(fitted, attribute, None), values)
    ]
    inside = bool(getattr(fitted, "fit_intercept", True))
    penalised = bool(spoils) and inside  # all of them are of the intercept
    arguments = _settled({k: _held(fitted, name, a) for k, a in reading.takes.items()})
    shape = None
    if name.startswith("glum."):
        arguments, shape = _of_glum(arguments)
    if np.any(getattr(fitted, "outliers_", False)):
        spoils.append(
            "some residuals are beyond epsilon·scale_, where Huber's loss is that of no likelihood "
            "here; br.StudentTNoise() is the nearest"
        )
    alpha = arguments.get("alpha_")
    names = getattr(fitted, "feature_names_in_", None)
    return Met(
        words=_written(fitted),
        record=reading.record or "sklearn.Ridge",
        arguments=arguments if reading.record else {"alpha": 0.0},
        intercept=inside,
        penalised=penalised,
        positive=bool(getattr(fitted, "positive", False)),
        coef=_coefficients(getattr(fitted, "coef_", None), name),
        level=_level(getattr(fitted, "intercept_", None)),
        names=None if names is None else tuple(map(str, names)),
        shape=shape,
        sigma=None if alpha is None else float(1.0 / np.sqrt(alpha)),
        classes=_labels(getattr(fitted, "classes_", None), name),
        spoils=tuple(spoils if inside else [one for one in spoils if "intercept" not in one]),
    )


def _among(value: Any, allowed: tuple[Any, ...]) -> bool:
    return any(value is one or (np.ndim(value) == 0 and value == one) for one in allowed)


def _held(fitted: Any, name: str, attribute: str) -> Any:
    if not hasattr(fitted, attribute) and attribute.endswith("_"):
        raise BadArgument(f"{name} has {attribute} once it is fitted, and this one is not: fit it")
    value: Any = getattr(fitted, attribute, None)
    if attribute in ("C_", "l1_ratio_"):  # of LogisticRegressionCV, one for each class
        value = np.ravel(value)[0]
    return value


def _of_glum(arguments: dict[str, Any]) -> tuple[dict[str, Any], float | None]:
    """Family and link by name, as texts and as objects; and the shape 1/θ."""
    family, link = arguments.get("family", "normal"), arguments.pop("link", None)
    theta = getattr(family, "theta", 1.0)
    if not isinstance(family, str):
        family = _FAMILIES.get(
            (type(family).__name__, getattr(family, "power", None)), repr(family)
        )
    said = re.fullmatch(r"negative\.binomial\s?\((.+)\)", family)
    if said:
        family, theta = "negative.binomial", float(said[1])
    family = "normal" if family == "gaussian" else family
    if link is not None and not isinstance(link, str):
        link = type(link).__name__.removesuffix("Link").lower()
    known = arguments | {"family": family}
    if link not in (None, _LINKS.get(family)):
        known["link"] = link
    return known, 1.0 / theta if family == "negative.binomial" else None


_FAMILIES = {
    ("NormalDistribution", None): "normal",
    ("NormalDistribution", 0): "normal",
    ("PoissonDistribution", None): "poisson",
    ("PoissonDistribution", 1): "poisson",
    ("TweedieDistribution", 0): "normal",
    ("TweedieDistribution", 1): "poisson",
    ("BinomialDistribution", None): "binomial",
    ("NegativeBinomialDistribution", None): "negative.binomial",
}
_LINKS = {
    "normal": "identity",
    "Gaussian": "identity",
    "binomial": "logit",
    "Binomial": "logit",
    "poisson": "log",
    "Poisson": "log",
    "negative.binomial": "log",
    "NegativeBinomial": "log",
}


def _level(intercept: Any) -> float | None:
    """One number, or None."""
    return None if intercept is None or np.size(intercept) != 1 else float(np.ravel(intercept)[0])


def _settled(arguments: dict[str, Any]) -> dict[str, Any]:
    """Without what is at its default, and without the share of a penalty that has one part."""
    found = {k: v for k, v in arguments.items() if v is not None and not _among(v, _UNSAID)}
    if isinstance(found.get("l1_ratio"), np.ndarray):
        found["l1_ratio"] = float(np.ravel(found["l1_ratio"])[0])
    if "penalty" in arguments and arguments["penalty"] is None:
        found.pop("l1_ratio", None)
        return found | ({"C": np.inf} if "C" in found else {"alpha": 0.0, "penalty": "l2"})
    if found.get("penalty") in ("l1", "l2"):
        found.pop("l1_ratio", None)
    return found


_UNSAID = ("deprecated", "auto")


def _written(fitted: Any) -> str:
    return " ".join(repr(fitted).split())


def _coefficients(coef: Any, name: str) -> Any:
    if coef is None:
        return None
    array = np.asarray(coef, dtype=float)
    if array.ndim == 2 and len(array) == 1:
        array = array[0]
    if array.ndim != 1:
        raise NotSupported(f"{name} was fitted to {len(array)} responses or classes; explain one")
    return array


def _labels(classes: Any, name: str) -> tuple[Any, ...] | None:
    if classes is None:
        return None
    if len(classes) != 2:
        raise NotSupported(f"{name} was fitted to {len(classes)} classes, and two are needed")
    return tuple(np.asarray(classes).tolist())


def _pipeline(fitted: Any, said: Mapping[str, Any]) -> Met:
    """A StandardScaler before an estimator; any other step is another design."""
    *before, (_, last) = _flat(fitted)
    for key, one in before:
        if class_name(one) != "sklearn.StandardScaler":
            raise NotSupported(
                f"step {key!r} is {class_name(one)}, and explain knows only a StandardScaler "
                "before an estimator: transform X by it, and explain the rest"
            )
    found = met(last, said)
    if not before:
        return found
    if len(before) > 1:
        raise NotSupported("two StandardScalers in a row: leave one out")
    scaler = before[0][1]
    if scaler.with_mean and not found.intercept:
        raise NotSupported(
            "StandardScaler(with_mean=True) before fit_intercept=False takes the means from X and "
            "not from y; say with_mean=False, or fit_intercept=True"
        )
    names = getattr(scaler, "feature_names_in_", None)
    return replace(
        found,
        words=_written(fitted),
        standardize=bool(scaler.with_std),
        mean=getattr(scaler, "mean_", None) if scaler.with_mean else None,
        sd=getattr(scaler, "scale_", None) if scaler.with_std else None,
        names=found.names if names is None else tuple(map(str, names)),
    )


def _flat(pipeline: Any) -> list[tuple[str, Any]]:
    """The steps, those of pipelines among them in their place."""
    steps: list[tuple[str, Any]] = []
    for key, one in pipeline.steps:
        inner = not isinstance(one, str | type) and class_name(one) == "sklearn.Pipeline"
        if inner:
            steps += _flat(one)
        elif one is not None and not isinstance(one, str):  # "passthrough"
            steps.append((key, one))
    if not steps:
        raise NotSupported("the Pipeline has no estimator at its end, and so no penalty")
    return steps


def _statsmodels(fitted: Any, said: Mapping[str, Any]) -> Met:
    """A result of fit_regularized, which keeps the data, and its alpha only for some."""
    model: Any = getattr(fitted, "model", None)
    kind = type(model).__name__
    if kind not in STATSMODELS or not hasattr(fitted, "params"):
        raise NotSupported(
            f"explain does not know {class_name(fitted)} of {kind}; of statsmodels it knows "
            f"results of {', '.join(STATSMODELS.values())}"
        )
    shape = _as_likelihoods_are(model, kind)
    arguments = _strength(fitted, said)
    exog: Any = np.asarray(model.exog, dtype=float)
    constant = np.ptp(exog, axis=0) == 0.0
    alpha = np.asarray(arguments["alpha"], dtype=float)
    spread = np.broadcast_to(alpha, len(constant)) if alpha.size in (1, len(constant)) else None
    if spread is None:
        raise BadArgument(f"alpha has {alpha.size} values, and there are {len(constant)} columns")
    rest = spread[~constant]
    arguments["alpha"] = float(rest[0]) if np.ptp(rest) == 0.0 else rest
    if kind == "GLM":
        arguments["family"] = type(model.family).__name__
    params = np.asarray(fitted.params, dtype=float)
    weights = getattr(model, "freq_weights" if kind == "GLM" else "weights", None)
    held = {"X": exog[:, ~constant], "y": np.asarray(model.endog, dtype=float)}
    return Met(
        words=f"statsmodels {kind}.fit_regularized",
        record=STATSMODELS[kind],
        arguments=arguments,
        intercept=bool(constant.any()),
        penalised=bool(np.any(spread[constant])),
        coef=params[~constant],
        level=float(exog[0, constant] @ params[constant]) if constant.any() else None,
        shape=shape,
        held=held | ({} if weights is None or np.ptp(weights) == 0.0 else {"weights": weights}),
    )


def _strength(fitted: Any, said: Mapping[str, Any]) -> dict[str, Any]:
    """alpha and L1_wt: what the result keeps, what is said, or 0 of a fit without a penalty."""
    whose = class_name(fitted)
    for key in said:
        if key not in ("alpha", "L1_wt"):
            raise BadArgument(f"a result of statsmodels takes alpha= and L1_wt=, not {key}=")
    own = getattr(fitted, "mle_settings", {}).get("alpha")
    if own is not None:
        return {"alpha": own} | dict(said)
    if "alpha" in said:
        return dict(said)
    if not whose.rpartition(".")[2].startswith(("Regularized", "L1")):
        return {"alpha": 0.0}  # of fit(), which has no penalty
    raise BadArgument(f"{whose} keeps no alpha: say alpha= (and L1_wt=) as they were at the fit")


def _as_likelihoods_are(model: Any, kind: str) -> float | None:
    """Refuse a model whose loss is none of ours; the shape of a negative binomial."""
    if np.any(getattr(model, "offset", 0.0)) or np.any(getattr(model, "exposure", 0.0)):
        raise NotSupported(f"{kind} with an offset or exposure: explain knows none")
    if kind != "GLM":
        return None
    family, link = type(model.family).__name__, type(model.family.link).__name__.lower()
    if _LINKS.get(family, link) != link:
        raise NotSupported(f"GLM of {family} with link {link}: here it is {_LINKS[family]}")
    if any(np.any(np.asarray(getattr(model, key, 1)) != 1) for key in ("var_weights", "n_trials")):
        raise NotSupported(
            "GLM with var_weights, or with successes among several trials: explain knows rows, and "
            "freq_weights of them"
        )
    return 1.0 / float(model.family.alpha) if family == "NegativeBinomial" else None
