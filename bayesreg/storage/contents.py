"""Problems and draws as arrays and JSON: data, model and numbers, from which they are rebuilt.

A problem is saved as its data and its model, and conditioned anew: the same rows give the same
moments. A formula is not saved, only the columns that it made; after loading, new rows are given in
those columns.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.data.design import Design, Term, finished
from bayesreg.data.moments import Moments
from bayesreg.engines.draws import Draws
from bayesreg.language.errors import BadData, BayesregWarning
from bayesreg.model.model import Model
from bayesreg.model.problem import Problem
from bayesreg.storage.records import model_from_json, model_to_json

Arrays = dict[str, NDArray[Any]]
Meta = dict[str, Any]
PLAIN = ("scale_labels", "engine", "seed", "warmup", "independent", "complete", "wall", "thin")


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
        arrays, meta["moments"] = _moments_to_payload(problem.moments)
    else:
        arrays, meta["design"] = _design_to_payload(problem.design)
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
        names = tuple(meta["names"])
        # What the data and the problem warn of was said when it was made, and is kept with it.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", BayesregWarning)
            if "design" in meta:
                source: Any = _design_from_payload(arrays, meta["design"], names)
            else:
                source = _moments_from_payload(arrays, meta["moments"], names)
            problem = model.condition(
                source, standardize=meta["standardize"], intercept=meta["intercept"]
            )
        if problem.sigma is None and meta["sigma"] is not None:
            problem = problem.at(sigma=meta["sigma"])
        scales = meta["scales"]
        if scales and all(s is not None for s in scales):
            problem = problem.at(scale=scales[0] if len(scales) == 1 else scales)
    except BadData:
        raise
    except (KeyError, TypeError, ValueError) as error:
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
    arrays = {f"problem.{name}": array for name, array in arrays.items()}
    for name in ("beta", "intercept", "sigma", "scale"):
        arrays[name] = getattr(draws, name)
    if draws.kappa is not None:
        arrays["kappa"] = draws.kappa
    arrays |= {f"stats.{name}": np.asarray(array) for name, array in draws.stats.items()}
    meta = {name: getattr(draws, name) for name in PLAIN}
    meta["scale_labels"] = list(draws.scale_labels)
    return arrays, {"problem": problem, "draws": meta}


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
        plain: Meta = {name: meta["draws"][name] for name in PLAIN}
        plain["scale_labels"] = tuple(plain["scale_labels"])
        problem = problem_from_payload(_below(arrays, "problem."), meta["problem"])
        draws = Draws(
            beta=arrays["beta"],
            intercept=arrays["intercept"],
            sigma=arrays["sigma"],
            scale=arrays["scale"],
            kappa=arrays.get("kappa"),
            stats=_below(arrays, "stats."),
            problem=problem,
            **plain,
        )
    except (KeyError, TypeError) as error:
        raise BadData(f"the saved draws are corrupt: {error} is missing or malformed") from error
    _refuse_misshapen(draws)
    return draws


def _below(arrays: Mapping[str, NDArray[Any]], prefix: str) -> Arrays:
    return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}


def _refuse_misshapen(draws: Draws) -> None:
    shape = draws.sigma.shape
    expected = {
        "beta": (*shape, len(draws.problem.features)),
        "intercept": shape,
        "scale": (*shape, len(draws.scale_labels)),
    }
    for name, wanted in expected.items():
        if len(shape) != 2 or getattr(draws, name).shape != wanted:
            raise BadData(f"the saved draws are corrupt: {name} does not have the shape {wanted}")


def _design_to_payload(design: Design) -> tuple[Arrays, Meta]:
    """Rows of a design; labels of rows that are not numbers go into the JSON as text."""
    arrays: Arrays = {"X": design.X, "y": design.y}
    meta: Meta = {
        "y_name": design.y_name,
        "terms": [dataclasses.asdict(term) for term in design.terms],
        "intercept": design.intercept,
        "named": design.named,
        "notes": list(design.notes),
    }
    if design.weights is not None:
        arrays["weights"] = design.weights
    if design.index is not None and design.index.dtype.kind in "iuf":
        arrays["index"] = design.index
    elif design.index is not None:
        meta["index"] = [str(label) for label in design.index]
    return arrays, meta


def _design_from_payload(
    arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any], names: tuple[str, ...]
) -> Design:
    """The design, its values checked as those of new data are."""
    X, y = arrays["X"], arrays["y"]
    if X.ndim != 2 or X.shape != (len(y), len(names)):
        raise BadData(f"the saved data are corrupt: X has the shape {X.shape}")
    index = arrays.get("index")
    if index is None and "index" in meta:
        index = np.array(meta["index"], dtype=object)
    terms = [Term(**{**term, "columns": tuple(term["columns"])}) for term in meta["terms"]]
    design = Design(
        X=X,
        y=y,
        weights=arrays.get("weights"),
        names=names,
        y_name=meta["y_name"],
        index=index,
        terms=tuple(terms),
        intercept=meta["intercept"],
        named=meta["named"],
    )
    return finished(design, list(meta["notes"]))


def _moments_to_payload(moments: Moments) -> tuple[Arrays, Meta]:
    arrays: Arrays = {"x_mean": moments.x_mean}
    for name in ("gram", "root", "low"):
        if getattr(moments, name) is not None:
            arrays[name] = getattr(moments, name)
    plain = {"n": float(moments.n), "rows": int(moments.rows), "y_mean": float(moments.y_mean)}
    return arrays, {**plain, "centred": bool(moments.centred)}


def _moments_from_payload(
    arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any], names: tuple[str, ...]
) -> Moments:
    moments = Moments(
        n=meta["n"],
        rows=meta["rows"],
        x_mean=arrays["x_mean"],
        y_mean=meta["y_mean"],
        gram=arrays.get("gram"),
        root=arrays.get("root"),
        names=names,
        low=arrays.get("low"),
        centred=meta["centred"],
    )
    width = len(names) + 1
    parts = [a for a in (moments.gram, moments.root) if a is not None]
    if len(moments.x_mean) != width - 1 or not parts or any(a.shape[-1] != width for a in parts):
        raise BadData("the saved moments are corrupt: their shapes do not fit together")
    return moments
