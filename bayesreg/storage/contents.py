"""Problems and draws as arrays and JSON: data, model and numbers, from which they are rebuilt.

A problem is saved as its data and its model, and conditioned anew: the same rows give the same
moments. A formula is saved with what it learnt, so that new rows are given as they were at the fit.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.data.arrival import Held
from bayesreg.data.design import Design
from bayesreg.data.fields import (
    Arrays,
    Meta,
    below,
    checked,
    put_together,
    taken_apart,
    under,
    understood,
    whole,
)
from bayesreg.data.moments import Moments
from bayesreg.data.saved_moments import restored
from bayesreg.data.streamed import Streamed
from bayesreg.engines.draws import Draws
from bayesreg.language.arguments import integer, one_positive, positive
from bayesreg.language.errors import BadData, BayesregWarning
from bayesreg.model.blocks import Block
from bayesreg.model.model import Model
from bayesreg.model.problem import Problem
from bayesreg.priors.hyper import HyperPrior
from bayesreg.storage.designs import design_from_payload, design_to_payload
from bayesreg.storage.records import model_from_json, model_to_json, part_from_json, part_to_json
from bayesreg.storage.streams import stream_from_payload, stream_to_payload


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
    arrays, meta = source_to_payload(problem.held)
    return arrays, meta | question_to_json(problem)


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
    with understood("problem"):
        return question_from_json(meta, source_from_payload(arrays, meta))


def source_to_payload(source: Held) -> tuple[Arrays, Meta]:
    """The data alone: rows, or moments, and of a stream what its columns are."""
    meta: Meta = {"names": list(source.names)}
    if isinstance(source, Design):
        arrays, meta["design"] = design_to_payload(source)
        return arrays, meta
    if isinstance(source, Streamed):
        sample, meta["stream"] = stream_to_payload(source)
        source = source.moments
    else:
        sample = {}
    arrays, meta["moments"] = taken_apart(source, "names")
    return arrays | under("sample", sample), meta


def source_from_payload(arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any]) -> Held:
    """The data that :func:`source_to_payload` took apart; what they warn of was said before."""
    with understood("data"), warnings.catch_warnings():
        warnings.simplefilter("ignore", BayesregWarning)
        names = checked(meta["names"], "tuple[str, ...]", "names")
        if len(set(names)) < len(names):
            raise BadData("names: two columns have one name")
        if "design" in meta:
            return design_from_payload(arrays, meta["design"], names)
        moments: Moments = restored(Moments, {**meta["moments"], **arrays}, names)
        if "stream" not in meta:
            return moments
        return stream_from_payload(below(arrays, "sample"), meta["stream"], moments)


def question_to_json(problem: Problem) -> Meta:
    """What is asked of the data: model, coordinates, and what was fixed after conditioning."""
    return {
        "model": model_to_json(Model.of(problem)),
        "standardize": bool(problem.standardize),
        "intercept": bool(problem.intercept),
        "sigma": problem.sigma,
        "own": {name: value for name, value in problem.known.items() if name != "sigma"},
        "blocks": [_block_to_json(block) for block in problem.blocks],
    }


def question_from_json(meta: Mapping[str, Any], source: Held) -> Problem:
    """The model conditioned on data anew, and what was fixed afterwards fixed again."""
    with understood("problem"), warnings.catch_warnings():
        warnings.simplefilter("ignore", BayesregWarning)
        problem = model_from_json(meta["model"]).condition(
            source,
            standardize=checked(meta["standardize"], "bool", "standardize"),
            intercept=checked(meta["intercept"], "bool", "intercept"),
        )
        if "blocks" in meta:
            blocks = _blocks_from_json(meta["blocks"], problem)
            problem = dataclasses.replace(problem, blocks=blocks)
        else:  # a file of an earlier version, which has the scales alone
            scales = meta["scales"]
            if scales and all(s is not None for s in scales):
                problem = problem.at(scale=scales[0] if len(scales) == 1 else scales)
        own = checked(meta.get("own", {}), "dict", "own")
        return _at_sigma(problem.given(**own), meta["sigma"])


def _at_sigma(problem: Problem, sigma: Any) -> Problem:
    """σ as it was: known, by the model or fixed later, or unknown."""
    if sigma is None:
        if problem.sigma is not None:
            raise BadData("sigma: it is unknown here, and the model says what it is")
        return problem
    number = one_positive(sigma, "sigma")
    if not problem.likelihood.has_sigma and number != problem.sigma:
        raise BadData(f"sigma: {number:g}, under a likelihood that has none")
    return problem if number == problem.sigma else problem.given(sigma=number)


def _block_to_json(block: Block) -> Meta:
    """Columns, factors and groups where they are not those of a prior on all columns alike."""
    p = len(block.columns)
    said: Meta = {"scale": None if block.scale is None else float(block.scale)}
    said["hyper"] = None if block.hyper is None else part_to_json(block.hyper)
    if not np.array_equal(block.columns, np.arange(p)):
        said["columns"] = block.columns.tolist()
    if not np.array_equal(block.group, np.arange(p)):
        said["group"] = block.group.tolist()
    if not np.all(block.relative == 1.0):
        said["relative"] = block.relative.tolist()
    return said


def _blocks_from_json(record: Any, problem: Problem) -> tuple[Block, ...]:
    """The blocks of a problem, with the scales, hyperpriors, factors and groups that they had."""
    if not isinstance(record, list) or len(record) != len(problem.blocks):
        raise BadData("blocks: they are not those of the model")
    found = []
    for said, block in zip(record, problem.blocks, strict=True):
        p = len(block.columns)
        columns = whole(said.get("columns", range(p)), "columns")
        group = whole(said.get("group", range(p)), "group")
        relative = positive(said.get("relative", [1.0] * p) or [1.0], "relative")
        if sorted(columns) != sorted(block.columns.tolist()) or len(group) != p:
            raise BadData("columns: they are not those of the block")
        if set(group) != set(range(len(set(group)))):
            raise BadData("group: groups are not counted 0, 1, …")
        if p and np.shape(relative) != (p,):
            raise BadData("relative: there is not one for each column")
        scale, hyper = said["scale"], said["hyper"]
        if (scale is None) == (hyper is None):
            raise BadData("scale: it is either a number or has a hyperprior")
        settled = None if hyper is None else part_from_json(hyper)
        if settled is not None and not isinstance(settled, HyperPrior):
            raise BadData("hyper: it is no distribution of a scale")
        found.append(
            dataclasses.replace(
                block,
                prior=block.prior.among(np.bincount(group))[0] if p else block.prior,
                columns=np.asarray(columns, dtype=np.intp),
                group=np.asarray(group, dtype=np.intp),
                relative=np.asarray(relative if p else (), dtype=float),
                scale=None if scale is None else one_positive(scale, "scale"),
                hyper=settled,
            )
        )
    return tuple(found)


def draws_to_payload(draws: Draws) -> tuple[Arrays, Meta]:
    """Draws and their problem, as arrays and JSON.

    Parameters
    ----------
    draws : Draws
        From any engine.
    """
    arrays, problem = problem_to_payload(draws.problem)
    own, meta = run_to_payload(draws)
    return own | under("problem", arrays), {"problem": problem, "draws": meta}


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
    with understood("draws"):
        problem = problem_from_payload(below(arrays, "problem"), meta["problem"])
        return run_from_payload(arrays, meta["draws"], problem)


def run_to_payload(draws: Draws) -> tuple[Arrays, Meta]:
    """Draws without their problem."""
    arrays, meta = taken_apart(draws, "problem", "stats", "own")
    stats = {name: np.asarray(array) for name, array in draws.stats.items()}
    return arrays | under("stats", stats) | under("own", draws.own), meta


def run_from_payload(
    arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any], problem: Problem
) -> Draws:
    """Draws of a problem, their shapes and ranges checked."""
    with understood("draws"):
        apart = {name: below(arrays, name) for name in ("stats", "own")}
        draws: Draws = put_together(Draws, {**meta, **arrays}, **apart, problem=problem)
        _refuse_misshapen(draws)
        _refuse_out_of_range(draws)
    return draws


def refuse_overflow(problem: Problem, beta: NDArray[Any], name: str) -> None:
    """Raise where coefficients of this size (P,) give rows of the data no finite prediction."""
    design = problem.design
    largest = np.ones(len(beta)) if design is None else np.abs(design.X).max(axis=0)
    with np.errstate(over="ignore"):
        if not np.isfinite(np.abs(beta) @ largest):
            raise BadData(f"{name}: with such coefficients predictions are beyond float64")


def _refuse_misshapen(draws: Draws) -> None:
    """Raise where arrays of draws do not fit each other and their problem."""
    shape = draws.sigma.shape
    expected = {
        "beta": (*shape, len(draws.problem.features)),
        "intercept": shape,
        "scale": (*shape, len(draws.scale_labels)),
    }
    if draws.kappa is not None:
        expected["kappa"] = (*shape, draws.problem.p)
    if len(shape) != 2 or not draws.sigma.size:
        raise BadData(f"sigma: its shape is {shape}, not (chains, draws)")
    for name, wanted in expected.items():
        if getattr(draws, name).shape != wanted:
            raise BadData(f"{name}: it does not have the shape {wanted}")
    if set(draws.own) != set(draws.problem.own) - {"sigma"}:
        raise BadData("own: they are not the unknowns of the likelihood")
    for name, array in (draws.stats | draws.own).items():
        if array.shape != shape:
            raise BadData(f"{name}: it does not have the shape {shape}")
    if draws.scale_labels != draws.problem.unknown_scales:
        raise BadData("scale_labels: they are not the unknown scales of the model")


def _refuse_out_of_range(draws: Draws) -> None:
    """Raise where a draw, or what is said of the run, is no such thing."""
    signed = {"beta": draws.beta, "intercept": draws.intercept}
    above = {"sigma": draws.sigma, "scale": draws.scale, **draws.own}
    for name, values in (signed | above).items():
        low = 0.0 if name in above else -np.inf
        if values.dtype != float or not np.all((values > low) & (values < np.inf)):
            raise BadData(f"{name}: a draw is not finite, or not positive")
    refuse_overflow(draws.problem, np.abs(draws.beta).max(axis=(0, 1)), "beta")
    known, kappa = draws.problem.sigma, draws.kappa
    if known is not None and not np.allclose(draws.sigma, known, rtol=1e-9, atol=0.0):
        raise BadData(f"sigma: it is known to be {known:g}, and draws differ")
    if not draws.problem.intercept and np.any(draws.intercept):
        raise BadData("intercept: it is not 0 in a model that has none")
    if kappa is not None and not np.all(np.isnan(kappa) | ((kappa >= 0) & (kappa <= 1 + 1e-9))):
        raise BadData("kappa: a shrinkage factor is not between 0 and 1")
    least = {"seed": 0, "warmup": 0, "thin": 1}
    for name, low in least.items():
        integer(getattr(draws, name), name, low)
    if not 0.0 <= draws.wall < np.inf:
        raise BadData(f"wall: {draws.wall} seconds")
    if not draws.engine:
        raise BadData("engine: it has no name")
