"""The tables of a report: from a comparison's fields to rows of values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.language.errors import NotSupported
from bayesreg.plots.coefficients import columns_of, kind, size, standardised
from bayesreg.report.table import PRIOR, Column, Table, decimals_for, from_frame, plain

if TYPE_CHECKING:
    from pandas import DataFrame


FEATURES = 30  # shown before the rest is folded
_PREDICTION = (
    PRIOR,
    Column("elpd", "elpd", "decimal"),
    Column("elpd_diff", "behind the best", "decimal"),
    Column("dse", "standard error", "decimal"),
    Column("p_worse", "P(worse)", "probability"),
    Column("p_eff", "effective parameters", "decimal"),
    Column("weight", "stacking weight", "probability"),
    Column("max_khat", "largest k̂", "ratio"),
    Column("method", "left out by", "text"),
)
_TARGETS = {"ridge": "sklearn.Ridge", "lasso": "sklearn.Lasso", "elastic net": "sklearn.ElasticNet"}


def prediction(comparison: Any) -> Table:
    """How well each prior predicts rows that it has not seen."""
    frame = comparison.table.rename_axis("prior").reset_index()
    frame = frame.drop(columns=["rank"], errors="ignore")
    return from_frame(
        frame,
        "prediction",
        "Predictive comparison",
        _PREDICTION,
        note="elpd: expected log predictive density by leave-one-out cross-validation, in nats, "
        "higher is better. P(worse): normal approximation; differences below 4 nats are too small "
        "to matter. Largest k̂ below 0.7: the estimate is reliable; 0 where it is exact. Left out "
        "by: PSIS is importance sampling, with refits where that fails.",
    )


def held(comparison: Any) -> Table:
    """Which checks held, one row per prior."""
    rows = []
    for name, entry in comparison.entries.items():
        fit, agreement = entry.fit, entry.agreement
        rows.append(
            (
                name,
                None if fit is None else bool(fit.certificate.ok),
                None if fit is None else bool(fit.correspondence.ok),
                bool(entry.post.checks.ok),
                None if agreement is None or agreement.ok is None else bool(agreement.ok),
            )
        )
    columns = (
        PRIOR,
        Column("certificate", "optimum certified", "flag"),
        Column("routes", "routes agree", "flag"),
        Column("draws", "draws converged", "flag"),
        Column("pymc", "PyMC agrees", "flag"),
    )
    note = "not run: there is no MAP, or PyMC was not asked or gave no verdict."
    return Table("checks", "Checks", columns, tuple(rows), note)


def priors(comparison: Any) -> Table:
    """Each prior, the penalty that it is, and how unknowns were settled."""
    columns = (
        PRIOR,
        Column("distribution", "on each coefficient", "code"),
        Column("noise", "noise", "code"),
        Column("kind", "as a penalty", "text"),
        Column("objective", "the MAP minimises", "code"),
        Column("sigma", "σ", "number"),
        Column("scale", "scale", "text"),
        Column("hyper", "how they were chosen", "text"),
        Column("elsewhere", "in scikit-learn", "code"),
    )
    rows = tuple(_prior_row(name, entry) for name, entry in comparison.entries.items())
    return Table("priors", "Priors and the penalties they are", columns, rows, layout="cards")


def coefficients(comparison: Any, level: float) -> Table:
    """Every coefficient under every prior, the largest effects first."""
    frame = comparison.coefficients(level)
    interval = kind(frame)
    columns = (
        Column("map", "MAP", "estimate"),
        Column("zero", "MAP zero?", "zero"),
        Column("mean", "mean", "estimate"),
        Column("sd", "sd", "estimate"),
        Column(f"{interval}_lb", f"{interval} from", "estimate"),
        Column(f"{interval}_ub", "to", "estimate"),
        Column("p_positive", "P(sign)", "sign"),
        Column("kappa", "shrinkage κ", "probability"),
    )
    return by_feature(
        comparison,
        frame,
        "coefficients",
        "Coefficients, per unit of the original column",
        columns,
        note=f"Sorted by |mean| × sd of the column. {interval}: equal-tailed interval that holds "
        f"{100 * level:.6g} % of the posterior. P(sign): of the likelier sign, which follows. "
        "κ: 0 left to the data, 1 left to the prior. A MAP of exactly 0 is no posterior "
        "probability: under these continuous priors P(β = 0) = 0.",
    )


def by_feature(
    comparison: Any,
    frame: DataFrame,
    key: str,
    title: str,
    columns: tuple[Column, ...],
    **options: Any,
) -> Table:
    """A frame by prior and feature as one group of rows per feature, the largest effects first.

    Estimates are written with the decimals that the column `sd` asks for, where there is one.
    """
    features, sd = columns_of(comparison)
    effects = standardised(comparison.coefficients(), features, sd)
    order = np.argsort(-size(effects), kind="stable")
    names = list(comparison.entries)
    parts = {name: frame.loc[name].reindex(features) for name in names}
    values = {n: [parts[n][column.key].tolist() for column in columns] for n in names}
    spreads = {n: parts[n]["sd"].tolist() for n in names if "sd" in parts[n]}
    rows, decimals = [], []
    for j in order:
        digits = decimals_for(spread[j] for spread in spreads.values())
        for name in names:
            rows.append((features[j], name, *(plain(column[j]) for column in values[name])))
            decimals.append(digits)
    every = (Column("feature", "column", "name"), PRIOR, *columns)
    shown: dict[str, Any] = {"group": len(names), "first": FEATURES * len(names)}
    return Table(key, title, every, tuple(rows), decimals=tuple(decimals), **shown, **options)


def unknowns(comparison: Any, level: float) -> Table:
    """Intercept, noise and scales: the MAP's value and the posterior."""
    tails = [(1 - level) / 2, (1 + level) / 2]
    interval = kind(comparison.coefficients(level))
    rows, decimals = [], []
    for name, entry in comparison.entries.items():
        for label, used, draws in _unknowns(entry):
            low, high = np.quantile(draws, tails)
            spread = float(np.std(draws, ddof=1)) if draws.size > 1 else 0.0
            row = (name, label, used, float(np.mean(draws)), spread, float(low), float(high))
            rows.append(row)
            decimals.append(decimals_for([spread]))
    columns = (
        PRIOR,
        Column("unknown", "unknown", "name"),
        Column("map", "value at the MAP", "estimate"),
        Column("mean", "mean", "estimate"),
        Column("sd", "sd", "estimate"),
        Column(f"{interval}_lb", f"{interval} from", "estimate"),
        Column(f"{interval}_ub", "to", "estimate"),
    )
    note = "The intercept is at x = 0 of the original columns. A known quantity has sd 0."
    title = "Intercept, noise and scales"
    return Table("unknowns", title, columns, tuple(rows), note, tuple(decimals))


def columns_table(comparison: Any) -> Table:
    """The columns: mean, sd, and whether they are penalised."""
    problem = next(iter(comparison.entries.values())).problem
    features, sd = columns_of(comparison)
    proper = {int(j) for j in problem.proper}
    rows = tuple(
        (name, float(problem.x_mean[j]), float(sd[j]), "penalised" if j in proper else "flat")
        for j, name in enumerate(features)
    )
    columns = (
        Column("column", "column", "name"),
        Column("mean", "mean"),
        Column("sd", "sd (1/N)"),
        Column("role", "role", "text"),
    )
    return Table("columns", "The columns", columns, rows, folded=True)


def _prior_row(name: str, entry: Any) -> tuple[Any, ...]:
    """One card: the prior, its penalty, and scikit-learn's arguments where there are such."""
    fit = entry.fit
    penalty = entry.problem.penalty if fit is None else fit.penalty
    return (
        name,
        repr(entry.model.prior),
        repr(entry.model.likelihood),
        penalty.kind,
        penalty.objective,
        float(np.median(entry.post.draws.sigma)) if fit is None else fit.sigma,
        _scale_in_words(entry),
        "posterior medians" if fit is None else fit.hyper,
        _elsewhere(penalty),
    )


def _scale_in_words(entry: Any) -> str:
    """The scale of each block in its declared unit."""
    blocks = (entry.problem if entry.fit is None else entry.fit.problem).blocks
    draws = entry.post.draws
    medians = dict(
        zip(draws.scale_labels, np.median(draws.scale, axis=(0, 1)).tolist(), strict=True)
    )
    words = []
    for block in blocks:
        value = medians[block.label] if block.scale is None else block.scale
        unit = "σ" if block.prior.unit == "sigma" else "units of y per unit of b"
        spread = " × relative" if np.ptp(block.relative) > 0 else ""
        label = f"{block.label}: " if len(blocks) > 1 else ""
        words.append(f"{label}{value:.4g}{spread} {unit}")
    return "; ".join(words) or "none"


def _elsewhere(penalty: Any) -> str | None:
    """The same optimum in scikit-learn, or None."""
    target = _TARGETS.get(penalty.kind)
    if target is None:
        return None
    try:
        found = penalty.to(target)
    except NotSupported:
        return None
    arguments = ", ".join(f"{k}={v:.6g}" for k, v in found.items())
    needs = f" after {found.needs}" if found.needs else ""
    return f"{target.split('.')[1]}({arguments}){needs}"


def _unknowns(entry: Any) -> Iterator[tuple[str, float | None, Any]]:
    """Name, value at the MAP, and draws of the intercept, σ and the scales."""
    draws, fit = entry.post.draws, entry.fit
    fixed = {} if fit is None else {b.label: b.scale for b in fit.problem.blocks}
    if entry.problem.intercept:
        yield "intercept", None if fit is None else float(fit.intercept), draws.intercept
    yield "sigma", None if fit is None else fit.sigma, draws.sigma
    for k, label in enumerate(draws.scale_labels):
        name = "scale" if len(draws.scale_labels) == 1 else f"scale of {label}"
        yield name, fixed.get(label), draws.scale[..., k]
