"""Paths and choices of λ as they were saved, their ranges checked and every point certified."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bayesreg.criteria import CrossValidation
from bayesreg.data.arrival import Held
from bayesreg.data.design import Design
from bayesreg.language.arguments import Array, one_positive
from bayesreg.language.errors import BadData
from bayesreg.results.choice import Choice, Curve, Rule
from bayesreg.results.path import Path
from bayesreg.results.quantity import Quantity
from bayesreg.solvers.path import Ray, certificates_of, check_lams
from bayesreg.storage import below, checked, put_together, question_from_json, understood

Arrays = Mapping[str, Any]
Meta = Mapping[str, Any]


def path_of(source: Held, arrays: Arrays, meta: Meta) -> Path:
    """A path on data; its certificates are computed anew."""
    with understood("path"):
        problem = question_from_json(meta["problem"], source)
        share = checked(meta["l1_ratio"], "float | None", "l1_ratio")
        ray = Ray.of(problem, one_positive(meta["sigma"], "sigma"), share)
        lams = check_lams(checked(arrays["lam"], "Array", "lam"))
        b = checked(arrays["b"], "Array", "b")
        _refuse_other(b, "b", (len(lams), problem.p))
        for name in ("df", "scale"):
            _refuse_other(arrays[name], name, lams.shape, unknown=name == "scale")
        rest = {"ray": ray, "lam": lams, "certificates": certificates_of(ray, lams, b)}
        rest["counted"] = checked(arrays["df"], "Array", "df")
        found: Path = put_together(Path, {**meta, **arrays}, **rest)
        return found


def choice_of(source: Held, arrays: Arrays, meta: Meta) -> Choice:
    """What every rule selected."""
    with understood("choice"):
        along, selected = (
            path_of(source, below(arrays, name), meta[name]) for name in ("path", "selected")
        )
        rules = {rule.name: rule for rule in map(_rule, checked(meta["rules"], "list", "rules"))}
        finite = [rule.lam for rule in rules.values() if np.isfinite(rule.lam)]
        if len(rules) < len(meta["rules"]) or (finite and finite != selected.lam.tolist()):
            raise BadData("rules: they are not those of the optima that were selected")
        left_out = dict(meta["left_out"])
        if not all(isinstance(why, str) for why in left_out.values()):
            raise BadData("left_out: a reason is no text")
        one_positive(meta["sigma"], "sigma")
        crossed = None
        if "cross_validation" in meta:
            crossed = _crossed(below(arrays, "cross_validation"), meta["cross_validation"], source)
        found: Choice = put_together(
            Choice,
            meta,
            source=question_from_json(meta["source"], source),
            path=along,
            selected=selected,
            rules=rules,
            curves=_curves(arrays, checked(meta["curves"], "list", "curves"), rules),
            posterior=_posterior(below(arrays, "posterior"), meta),
            left_out=left_out,
            cross_validation=crossed,
        )
        return found


def _rule(said: Meta) -> Rule:
    rule: Rule = put_together(Rule, said)
    if not rule.lam > 0.0 or rule.log_error < 0.0:
        raise BadData(f"lam: that of rule {rule.name!r} is not positive, or its error negative")
    return rule


def _curves(arrays: Arrays, record: list[Any], rules: Mapping[str, Rule]) -> dict[str, Curve]:
    """The criteria along λ, each under the name of the first rule that reads it."""
    found = {}
    for k, said in enumerate(record):
        curve: Curve = put_together(Curve, {**said, **below(arrays, f"curve.{k}")})
        check_lams(curve.lams)
        for name in ("value", "error"):
            values = getattr(curve, name)
            if values is not None:
                _refuse_other(values, name, curve.lams.shape, unknown=True)
        if not set(curve.rules) & set(rules) or not np.isfinite(curve.value).any():
            raise BadData(f"curves: {curve.name!r} has no rule, or no value")
        found[curve.rules[0]] = curve
    if len(found) < len(record):
        raise BadData("curves: two of them are read by one rule first")
    return found


def _posterior(arrays: Arrays, meta: Meta) -> Quantity | None:
    """Draws of λ, where they were taken."""
    if "posterior" not in meta:
        return None
    found: Quantity = put_together(Quantity, {**meta["posterior"], **arrays})
    if found.draws.ndim != 2 or not np.isfinite(found.draws).all() or not found.draws.size:
        raise BadData("draws: those of λ are not (chains, draws) of finite numbers")
    return found


def _crossed(arrays: Arrays, said: Meta, source: Held) -> CrossValidation:
    """Errors by fold, and which rows were held out together."""
    parts = below(arrays, "folds")
    folds = tuple(parts[str(k)] for k in range(len(parts)))
    rows = source.n if isinstance(source, Design) else 0
    for fold in folds:
        if fold.ndim != 1 or fold.dtype.kind != "i" or np.any((fold < 0) | (fold >= rows)):
            raise BadData("folds: these are no rows")
    found: CrossValidation = put_together(CrossValidation, {**said, **arrays}, folds=folds)
    check_lams(found.lams)
    count = len(found.lams)
    for name in ("error", "se", "difference_se"):
        _refuse_other(getattr(found, name), name, (count,), unknown=True)
    _refuse_other(found.fold_error, "fold_error", (len(folds), count), unknown=True)
    _refuse_other(found.weights, "weights", (len(folds),))
    for name in ("lam", "lam_1se"):
        one_positive(getattr(found, name), name)
    return found


def _refuse_other(
    values: Array, name: str, shape: tuple[int, ...], *, unknown: bool = False
) -> None:
    """Raise where an array is not finite numbers of this shape; `unknown` allows NaN and ∞."""
    checked(values, "Array", name)
    if values.shape != shape:
        raise BadData(f"{name}: it has the shape {values.shape}, not {shape}")
    if not unknown and not np.isfinite(values).all():
        raise BadData(f"{name}: a value is not finite")
