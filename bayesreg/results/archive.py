"""Results saved to one checksummed file: optima, posteriors, comparisons."""

from __future__ import annotations

import dataclasses
from typing import Any

from numpy.typing import NDArray

from bayesreg import storage
from bayesreg.data.container import Target
from bayesreg.results.archived_elpd import elpd_to_payload
from bayesreg.storage import under

Arrays = dict[str, NDArray[Any]]
Meta = dict[str, Any]


def save_fit(fit: Any, path: Target, *, overwrite: bool) -> None:
    """Write model, data and optimum; its certificate is computed anew."""
    arrays, meta = storage.problem_to_payload(fit.problem)
    own, said = _optimum(fit)
    storage.save_payload(path, "map", arrays | own, meta | said, overwrite=overwrite)


def save_posterior(post: Any, path: Target, *, overwrite: bool) -> None:
    """Write model, data and draws."""
    arrays, meta = storage.draws_to_payload(post.draws)
    storage.save_payload(path, "posterior", arrays, meta | _about(post), overwrite=overwrite)


def save_comparison(fits: Any, path: Target, *, overwrite: bool) -> None:
    """Write the data once, and of each prior its model, optimum, draws and LOO values.

    What follows from them at once is computed anew: certificates, closed forms, the table.
    """
    first = next(iter(fits.entries.values())).problem
    data, source = storage.source_to_payload(first.held if fits.data is None else fits.data)
    arrays, entries = under("data", data), []
    for k, entry in enumerate(fits.entries.values()):
        own, said = _entry(entry)
        arrays |= under(f"entry.{k}", own)
        entries.append(said)
    meta = {
        "data": source,
        "entries": entries,
        "dataset": fits.dataset,
        "verdict": list(fits.verdict),
        "warnings": list(fits.warnings),
        "provenance": dict(fits.provenance),
        "timing": dict(fits.timing),
    }
    for name, written in {"path": _path, "choice": _choice}.items():
        if (found := getattr(fits, name)) is not None:
            own, meta[name] = written(found)
            arrays |= under(name, own)
    if (even := fits.footing) is not None:  # its draws are the same ones again
        names = ("quantity", "target", "delta")
        meta["footing"] = {name: getattr(even, name) for name in names}
    storage.save_payload(path, "comparison", arrays, meta, overwrite=overwrite)


def _entry(entry: Any) -> tuple[Arrays, Meta]:
    """All that was computed under one prior but the data."""
    arrays: Arrays = {}
    said: Meta = {
        "name": entry.name,
        "problem": storage.question_to_json(entry.problem),
        "why_no_map": entry.why_no_map,
        "closed": entry.closed is not None,
    }
    same = None if entry.same_lam is None else entry.same_lam.fit
    for name, fit in {"fit": entry.fit, "same_lam": same}.items():
        if fit is not None:
            own, about = _optimum(fit)
            arrays |= under(name, own)
            said[name] = storage.question_to_json(fit.problem) | about
    for name, post in {"post": entry.post, "nuts": entry.nuts}.items():
        if post is not None:
            own, draws = storage.run_to_payload(post.draws)
            arrays |= under(name, own)
            said[name] = {"draws": draws, **_about(post)}
    if entry.loo is not None:
        own, said["loo"] = elpd_to_payload(entry.loo)
        arrays |= under("loo", own)
    return arrays, said


def _path(path: Any) -> tuple[Arrays, Meta]:
    """A path: its ray, and the optima without their certificates."""
    arrays, meta = storage.taken_apart(path, "ray", "certificates", "counted")
    arrays["df"] = path.df
    ray = path.ray
    meta |= {"sigma": ray.sigma, "l1_ratio": ray.l1_ratio}
    return arrays, meta | {"problem": storage.question_to_json(ray.problem)}


def _choice(choice: Any) -> tuple[Arrays, Meta]:
    """What every rule selects, the criteria behind the rules, and both paths."""
    apart = ("source", "path", "selected", "rules", "curves", "posterior", "cross_validation")
    arrays, meta = storage.taken_apart(choice, *apart)
    meta["source"] = storage.question_to_json(choice.source)
    meta["rules"] = [dataclasses.asdict(rule) for rule in choice.rules.values()]
    meta["curves"] = []
    parts = {"path": _path(choice.path), "selected": _path(choice.selected)}
    for k, curve in enumerate(choice.curves.values()):
        own, said = storage.taken_apart(curve)
        arrays |= under(f"curve.{k}", own)
        meta["curves"].append(said)
    if choice.posterior is not None:
        parts["posterior"] = storage.taken_apart(choice.posterior)
    if choice.cross_validation is not None:
        own, said = storage.taken_apart(choice.cross_validation, "folds")
        folds = {str(k): fold for k, fold in enumerate(choice.cross_validation.folds)}
        parts["cross_validation"] = own | under("folds", folds), said
    for name, (own, said) in parts.items():
        arrays |= under(name, own)
        meta[name] = said
    return arrays, meta


def _optimum(fit: Any) -> tuple[Arrays, Meta]:
    said = {"estimate": fit.sigma, "solver": fit.solver, "hyper": fit.hyper}
    seen = fit.certificate.seen  # of a certificate all that the optimum does not say
    return {"b": fit.b}, said if seen is None else said | {"seen": int(seen)}


def _about(post: Any) -> Meta:
    return {"why_engine": post.why_engine, "warnings": list(post.warnings)}
