"""Load: a saved result, as the verb that made it returned it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Any

import numpy as np

from bayesreg import storage
from bayesreg.data.arrival import Held
from bayesreg.data.design import Design
from bayesreg.data.fields import MALFORMED, below, checked, understood
from bayesreg.data.moments import Moments
from bayesreg.data.provenance import provenance
from bayesreg.data.saved_moments import restored
from bayesreg.diagnostics import agreement
from bayesreg.language.arguments import integer, one_positive
from bayesreg.language.errors import BadData
from bayesreg.language.misnamed import explained
from bayesreg.model.problem import Problem
from bayesreg.results.archived_elpd import elpd_from_payload
from bayesreg.results.comparison import Comparison
from bayesreg.results.entry import Entry
from bayesreg.results.equal_footing import EqualFooting
from bayesreg.results.map_fit import MapFit
from bayesreg.results.posterior import Posterior
from bayesreg.results.same_lam import SameLam
from bayesreg.solvers.certificate import certify
from bayesreg.verbs.calibrate import footing_again
from bayesreg.verbs.compare import in_closed_form, ranked
from bayesreg.verbs.loaded_choice import choice_of, path_of


@explained
def load(file: str | FilePath) -> Any:
    """Read a fit, posterior, comparison or moments that were saved, verifying the checksum.

    A formula comes back with the levels and transformations of the fit, so that it predicts from
    new rows of the original frame. What was stored comes back bit for bit; what follows from it
    (certificates, closed forms, the table) is computed anew by the code that made it.

    Parameters
    ----------
    file : str or Path
        Written by ``fit.save``, ``post.save``, ``fits.save`` or ``moments.save``.

    Returns
    -------
    MapFit, Posterior, Comparison or Moments

    Raises
    ------
    BadData
        If the file is truncated, altered, of a newer format, or holds something else.

    Examples
    --------
    >>> import bayesreg as br, tempfile
    >>> fit = br.fit_map(br.Model(br.Normal(1.0)).condition([[1.0], [2.0], [4.0]], [1.0, 3.0, 4.0]))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     fit.save(f"{folder}/fit.breg")
    ...     br.load(f"{folder}/fit.breg").beta.equals(fit.beta)
    True
    """
    payload = storage.load_payload(file)
    try:
        return _result(payload)
    except MALFORMED as error:
        said = f"{error} is missing" if isinstance(error, KeyError) else error
        raise BadData(f"this file does not hold a bayesreg result: {said}") from error


def _result(payload: storage.Payload) -> Any:
    arrays, meta = payload.arrays, payload.meta
    if payload.kind == "moments":
        return restored(Moments, {**meta, **arrays})
    if payload.kind == "map":
        return _optimum(storage.problem_from_payload(arrays, meta), arrays, meta)
    if payload.kind == "posterior":
        problem = storage.problem_from_payload(below(arrays, "problem"), meta["problem"])
        return _posterior(problem, arrays, meta)
    if payload.kind == "comparison":
        return _comparison(arrays, meta)
    raise BadData(f"it holds a {payload.kind!r}, which is not a fit or a posterior: unsupported")


def _optimum(problem: Problem, arrays: Mapping[str, Any], meta: Mapping[str, Any]) -> MapFit:
    """The optimum of a problem, certified anew."""
    with understood("fit"):
        b = checked(arrays["b"], "Array", "b")
        if b.shape != (problem.p,) or not np.isfinite(b).all():
            raise BadData("the saved fit is corrupt: b: its coefficients do not match its columns")
        solver, hyper = (checked(meta[name], "str", name) for name in ("solver", "hyper"))
        sigma = one_positive(meta["estimate"], "estimate (σ)")
        if problem.sigma is not None and not np.isclose(sigma, problem.sigma, rtol=1e-9, atol=0.0):
            raise BadData(f"the saved fit is corrupt: estimate: {sigma:g}, and σ is known to be "
                          f"{problem.sigma:g}")  # fmt: skip
        beta, intercept = problem.restore(b)
        storage.refuse_overflow(problem, beta, "b")
        if not np.isfinite(intercept):
            raise BadData("b: with such coefficients the intercept is beyond float64")
        seen = integer(meta["seen"], "seen", 0) if "seen" in meta else None
        return MapFit(problem, b, sigma, solver, hyper, certify(problem, b, seen=seen))


def _posterior(problem: Problem, arrays: Mapping[str, Any], meta: Mapping[str, Any]) -> Posterior:
    """Draws of a problem as the posterior that they were."""
    with understood("posterior"):
        why = checked(meta["why_engine"], "str", "why_engine")
        noted = checked(meta["warnings"], "tuple[str, ...]", "warnings")
        return Posterior(storage.run_from_payload(arrays, meta["draws"], problem), why, noted)


def _comparison(arrays: Mapping[str, Any], meta: Mapping[str, Any]) -> Comparison:
    """The data once, the entries on them, and what follows from these."""
    source = storage.source_from_payload(below(arrays, "data"), meta["data"])
    entries: dict[str, Entry] = {}
    for k, said in enumerate(checked(meta["entries"], "list", "entries")):
        entry = _entry(source, below(arrays, f"entry.{k}"), said)
        if entry.name in entries:
            raise BadData(f"name: two priors are called {entry.name!r}")
        entries[entry.name] = entry
    if not entries:
        raise BadData("entries: there is no prior")
    path = path_of(source, below(arrays, "path"), meta["path"]) if "path" in meta else None
    choice = (
        choice_of(source, below(arrays, "choice"), meta["choice"]) if "choice" in meta else None
    )
    return Comparison(
        entries=entries,
        table=ranked({k: e.loo for k, e in entries.items() if e.loo is not None}),
        data=source if isinstance(source, Design) else None,
        dataset=checked(meta["dataset"], "str", "dataset"),
        verdict=checked(meta["verdict"], "tuple[str, ...]", "verdict"),
        warnings=checked(meta["warnings"], "tuple[str, ...]", "warnings"),
        path=path,
        provenance=_provenance(meta["provenance"], source, entries),
        timing=_timing(meta["timing"]),
        choice=choice,
        footing=_footing(source, entries, meta["footing"]) if "footing" in meta else None,
    )


def _footing(source: Held, entries: Mapping[str, Entry], said: Any) -> EqualFooting:
    """On what the priors agreed, their draws anew."""
    with understood("footing"):
        quantity = checked(said["quantity"], "str", "quantity")
        target, delta = (one_positive(said[name], name) for name in ("target", "delta"))
        problems = {name: entry.problem for name, entry in entries.items()}
        return footing_again(problems, source, quantity, target, delta)


def _entry(source: Held, arrays: Mapping[str, Any], said: Mapping[str, Any]) -> Entry:
    """What was computed under one prior; closed form and agreement are computed anew."""
    problem = storage.question_from_json(said["problem"], source)
    fit, same = (_fit(name, source, arrays, said) for name in ("fit", "same_lam"))
    post = _posterior(problem, below(arrays, "post"), said["post"])
    nuts = _posterior(problem, below(arrays, "nuts"), said["nuts"]) if "nuts" in said else None
    why = checked(said["why_no_map"], "str | None", "why_no_map")
    if (fit is None) == (why is None):
        raise BadData("why_no_map: there is either an optimum, or a reason why there is none")
    closed = in_closed_form(fit) if fit and checked(said["closed"], "bool", "closed") else None
    loo = None
    if "loo" in said:
        loo = elpd_from_payload(below(arrays, "loo"), said["loo"], problem)
        post.knowing(loo)
    return Entry(
        name=checked(said["name"], "str", "name"),
        problem=problem,
        fit=fit,
        why_no_map=why,
        closed=closed,
        post=post,
        loo=loo,
        nuts=nuts,
        agreement=None if nuts is None else agreement(post, nuts),
        same_lam=None if same is None else SameLam(same, post),
    )


def _fit(
    name: str, source: Held, arrays: Mapping[str, Any], said: Mapping[str, Any]
) -> MapFit | None:
    if name not in said:
        return None
    problem = storage.question_from_json(said[name], source)
    return _optimum(problem, below(arrays, name), said[name])


def _provenance(record: Any, source: Held, entries: Mapping[str, Entry]) -> dict[str, Any]:
    """What was recorded, where it is true of these data."""
    found = dict(record)
    standardize = next(iter(entries.values())).problem.standardize
    true = provenance(source, integer(found["seed"], "seed", 0), standardize)
    for name, value in true.items():
        if name != "versions" and (type(found[name]), found[name]) != (type(value), value):
            raise BadData(f"{name}: it is {found[name]!r}, and {value!r} of these data")
    for name in ("draws", "chains"):
        integer(found[name], name, 1)
    texts = [*found["versions"], *found["versions"].values()]
    if not all(isinstance(one, str) for one in texts):
        raise BadData("versions: a version is no text")
    for name in set(found) - set(true):  # settings, of which there may be others
        if name not in ("draws", "chains") and not isinstance(found[name], str | None):
            raise BadData(f"{name}: it is no text")
    return found


def _timing(record: Any) -> dict[str, float]:
    """Seconds by what took them."""
    found = {name: checked(value, "float", f"timing of {name!r}") for name, value in record.items()}
    if not all(0.0 <= value < np.inf for value in found.values()):
        raise BadData("timing: seconds are finite, and not below 0")
    return found
