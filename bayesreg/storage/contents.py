"""Problems and draws as arrays and JSON: data, model and numbers, from which they are rebuilt.

A problem is saved as its data and its model, and conditioned anew: the same rows give the same
moments. A formula is saved with what it learnt, so that new rows are given as they were at the fit.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.data.moments import Moments
from bayesreg.engines.draws import Draws
from bayesreg.language.errors import BadData, BayesregWarning
from bayesreg.model.model import Model
from bayesreg.model.problem import Problem
from bayesreg.storage.designs import design_from_payload, design_to_payload
from bayesreg.storage.fields import Arrays, Meta, checked, put_together, taken_apart
from bayesreg.storage.records import model_from_json, model_to_json


def problem_to_payload(problem: Problem) -> tuple[Arrays, Meta]:
    """Data and model of a problem, as arrays and JSON.

    Parameters
    ----------
    problem : Problem
        On rows or on Moments.

    Raises
    ------
    BadArgument
        If a prior is not a class of bayesreg.
    """
    # Scales of priors with a hyperprior: numbers where they were fixed afterwards.
    scales = [block.scale for block in problem.blocks if block.prior.hyper is not None]
    meta: Meta = {
        "model": model_to_json(Model.of(problem)),
        "standardize": bool(problem.standardize),
        "intercept": bool(problem.intercept),
        "sigma": problem.sigma,
        "scales": [None if s is None else float(s) for s in scales],
        "names": list(problem.features),
    }
    if problem.design is None:
        arrays, meta["moments"] = taken_apart(problem.moments, "names")
    else:
        arrays, meta["design"] = design_to_payload(problem.design)
    return arrays, meta


def problem_from_payload(arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any]) -> Problem:
    """Condition the saved model on the saved data again.

    Parameters
    ----------
    arrays, meta : mapping
        What :func:`problem_to_payload` returned.

    Raises
    ------
    BadData
        If something is missing or does not fit together.
    """
    model = model_from_json(meta.get("model"))
    try:
        names = checked(meta["names"], "tuple[str, ...]", "names")
        # What the data and the problem warn of was said when it was made, and is kept with it.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", BayesregWarning)
            if "design" in meta:
                source: Any = design_from_payload(arrays, meta["design"], names)
            else:
                source = _moments_from_payload(arrays, meta["moments"], names)
            problem = model.condition(
                source,
                standardize=checked(meta["standardize"], "bool", "standardize"),
                intercept=checked(meta["intercept"], "bool", "intercept"),
            )
        if problem.sigma is None and meta["sigma"] is not None:
            problem = problem.at(sigma=meta["sigma"])
        scales = meta["scales"]
        if scales and all(s is not None for s in scales):
            problem = problem.at(scale=scales[0] if len(scales) == 1 else scales)
    except BadData:
        raise
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise BadData(f"the saved problem is corrupt: {error}") from error
    return problem


def draws_to_payload(draws: Draws) -> tuple[Arrays, Meta]:
    """Draws and their problem, as arrays and JSON.

    Parameters
    ----------
    draws : Draws
        From any engine.
    """
    arrays, problem = problem_to_payload(draws.problem)
    own, meta = taken_apart(draws, "problem", "stats")
    own |= {f"problem.{name}": array for name, array in arrays.items()}
    own |= {f"stats.{name}": np.asarray(array) for name, array in draws.stats.items()}
    return own, {"problem": problem, "draws": meta}


def draws_from_payload(arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any]) -> Draws:
    """The draws that :func:`draws_to_payload` took apart.

    Parameters
    ----------
    arrays, meta : mapping
        What it returned.

    Raises
    ------
    BadData
        If something is missing or does not fit together.
    """
    try:
        draws: Draws = put_together(
            Draws,
            {**meta["draws"], **arrays},
            stats=_below(arrays, "stats."),
            problem=problem_from_payload(_below(arrays, "problem."), meta["problem"]),
        )
    except (LookupError, TypeError, AttributeError) as error:
        raise BadData(f"the saved draws are corrupt: {error} is missing or malformed") from error
    _refuse_misshapen(draws)
    return draws


def _below(arrays: Mapping[str, NDArray[Any]], prefix: str) -> Arrays:
    return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}


def _refuse_misshapen(draws: Draws) -> None:
    """Raise where arrays of draws do not fit each other, or are no draws at all."""
    shape = draws.sigma.shape
    expected = {
        "beta": (*shape, len(draws.problem.features)),
        "intercept": shape,
        "scale": (*shape, len(draws.scale_labels)),
    }
    if draws.kappa is not None:
        expected["kappa"] = (*shape, draws.problem.p)
    for name, wanted in expected.items():
        if len(shape) != 2 or getattr(draws, name).shape != wanted:
            raise BadData(f"the saved draws are corrupt: {name} does not have the shape {wanted}")
        if name != "kappa" and not np.isfinite(getattr(draws, name)).all():
            raise BadData(f"the saved draws are corrupt: {name} is not finite")
    for name, array in draws.stats.items():
        if array.shape != shape:
            raise BadData(f"the saved draws are corrupt: {name} does not have the shape {shape}")
    if not (np.all(draws.sigma > 0) and np.isfinite(draws.sigma).all() and np.all(draws.scale > 0)):
        raise BadData("the saved draws are corrupt: a σ or a scale is not positive")


def _moments_from_payload(
    arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any], names: tuple[str, ...]
) -> Moments:
    moments: Moments = put_together(Moments, {**meta, **arrays}, names=names)
    width = len(names) + 1
    parts = [a for a in (moments.gram, moments.root) if a is not None]
    if len(moments.x_mean) != width - 1 or not parts or any(a.shape[-1] != width for a in parts):
        raise BadData("the saved moments are corrupt: their shapes do not fit together")
    return moments
