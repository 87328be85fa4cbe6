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

from bayesreg.data.design import Design, finished
from bayesreg.data.moments import Moments
from bayesreg.data.terms import Factor, Term
from bayesreg.engines.draws import Draws
from bayesreg.language.errors import BadData, BayesregWarning
from bayesreg.model.model import Model
from bayesreg.model.problem import Problem
from bayesreg.storage.records import model_from_json, model_to_json

Arrays = dict[str, NDArray[Any]]
Meta = dict[str, Any]


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
        arrays, meta["moments"] = _taken_apart(problem.moments, "names")
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
    own, meta = _taken_apart(draws, "problem", "stats")
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
        draws: Draws = _put_together(
            Draws,
            {**meta["draws"], **arrays},
            scale_labels=tuple(meta["draws"]["scale_labels"]),
            stats=_below(arrays, "stats."),
            problem=problem_from_payload(_below(arrays, "problem."), meta["problem"]),
        )
    except (KeyError, TypeError) as error:
        raise BadData(f"the saved draws are corrupt: {error} is missing or malformed") from error
    _refuse_misshapen(draws)
    return draws


def _taken_apart(record: Any, *without: str) -> tuple[Arrays, Meta]:
    """The fields of a record, arrays apart from what JSON can hold; what is None is in neither."""
    names = [field.name for field in dataclasses.fields(record) if field.name not in without]
    values = {n: getattr(record, n) for n in names if getattr(record, n) is not None}
    arrays = {name: v for name, v in values.items() if isinstance(v, np.ndarray)}
    rest = {name: v for name, v in values.items() if name not in arrays}
    return arrays, {n: v.item() if isinstance(v, np.generic) else v for n, v in rest.items()}


def _put_together(cls: Any, parts: Mapping[str, Any], **rebuilt: Any) -> Any:
    """A record of its saved fields and of those rebuilt; one that may be None need not be saved."""
    for field in dataclasses.fields(cls):
        if field.name in rebuilt:
            continue
        if field.name in parts:
            rebuilt[field.name] = parts[field.name]
        elif field.default is dataclasses.MISSING:
            if "None" not in str(field.type):
                raise KeyError(field.name)
            rebuilt[field.name] = None
    return cls(**rebuilt)


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
    arrays, meta = _taken_apart(design, "names", "terms", "spec", "index")
    meta["terms"] = [term._asdict() for term in design.terms]
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
    terms = [_term(term) for term in meta["terms"]]
    classes = None if "classes" not in meta else tuple(meta["classes"])
    design = _put_together(
        Design,
        {**meta, **arrays},
        names=names,
        terms=tuple(terms),
        spec=None,
        index=index,
        classes=classes,
    )
    return finished(design, list(meta["notes"]))


def _term(saved: Mapping[str, Any]) -> Term:
    """A term; files of earlier versions have no levels."""
    factors = tuple(
        Factor(name, tuple(levels), coding, *more)
        for name, levels, coding, *more in saved.get("factors", ())
    )
    levels = tuple(tuple(one) for one in saved.get("levels", ()))
    columns = tuple(saved["columns"])
    codes = tuple(
        tuple(None if code is None else tuple(code) for code in column)
        for column in saved.get("codes", ())
    )
    return Term(
        saved["name"],
        columns,
        saved["coding"],
        saved["reference"],
        factors,
        levels,
        tuple(saved.get("numbers", ())),
        codes,
    )


def _moments_from_payload(
    arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any], names: tuple[str, ...]
) -> Moments:
    moments: Moments = _put_together(Moments, {**meta, **arrays}, names=names)
    width = len(names) + 1
    parts = [a for a in (moments.gram, moments.root) if a is not None]
    if len(moments.x_mean) != width - 1 or not parts or any(a.shape[-1] != width for a in parts):
        raise BadData("the saved moments are corrupt: their shapes do not fit together")
    return moments
