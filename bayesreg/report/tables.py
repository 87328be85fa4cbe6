"""The tables of a report: from a comparison's fields to rows of values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.language.arguments import interval_names
from bayesreg.language.errors import NotSupported
from bayesreg.plots.coefficients import columns_of, effects_of, problem_of, size, standardised
from bayesreg.report.table import (
    Rows,
    Table,
    by_prior,
    columns,
    decimals_for,
    from_frame,
    plain,
)
from bayesreg.report.trust import standing

if TYPE_CHECKING:
    from pandas import DataFrame


FEATURES = 30  # shown before the rest is folded
_TARGETS = {"ridge": "sklearn.Ridge", "lasso": "sklearn.Lasso", "elastic net": "sklearn.ElasticNet"}


def prediction(comparison: Any) -> Table:
    """How well each prior predicts rows that it has not seen."""
    frame = comparison.table.rename_axis("prior").reset_index()
    head = columns(
        "prior prior prior | elpd decimal elpd | elpd_diff decimal behind the best | "
        "dse decimal standard error | p_worse share P(worse) | "
        "p_eff decimal effective parameters | weight probability stacking weight | "
        "pseudo_bma probability pseudo-BMA+ weight | "
        "max_khat ratio largest k̂ | method text left out by"
    )
    # Columns that nothing fills, and the weights that the reader needs least, are not shown.
    alone = not frame["weight"].isna().any()
    empty = [key for key in ("p_worse", "weight") if len(frame) > 1 and frame[key].isna().all()]
    left_out = ["rank", *empty, *["pseudo_bma"] * alone]
    return from_frame(
        frame.drop(columns=left_out, errors="ignore"),
        "prediction",
        "Predictive comparison",
        head,
        note="elpd: expected log predictive density by leave-one-out cross-validation, in nats, "
        "higher is better. P(worse), a normal approximation, and stacking weights, which are not "
        "probabilities of the priors, are given only where the data can tell the priors apart. "
        "Largest k̂: above 0.7 the estimate is unreliable, 0 where it is exact. Left out by: PSIS "
        "is importance sampling, with refits where that fails.",
    )


@by_prior(
    "checks",
    "Checks",
    "certificate flag optimum certified | routes flag routes agree | "
    "draws flag draws converged | pymc flag PyMC agrees",
    "stationary, local: J is not convex, and the optimum is the best of those seen; nothing bounds "
    "how much lower another may be. not run: there is no MAP, or PyMC was not asked or gave no "
    "verdict.",
)
def held(entry: Any) -> Rows:
    """Which checks held, one row per prior."""
    fit, agreed = entry.fit, None if entry.agreement is None else entry.agreement.ok
    optimum: tuple[Any, Any] = (None, None)
    if fit is not None:
        optimum = (standing(fit.certificate), fit.correspondence.ok)
    yield tuple(plain(mark) for mark in (*optimum, entry.post.checks.ok, agreed))


@by_prior(
    "priors",
    "Priors and the penalties they are",
    "distribution code on each coefficient | noise code noise | kind text as a penalty | "
    "objective code the MAP minimises | sigma number σ | scale text scale | "
    "hyper text how they were chosen | elsewhere code in scikit-learn",
    no_sigma={"less": "sigma", "heads": {"noise": "likelihood"}},
    layout="cards",
)
def priors(entry: Any) -> Rows:
    """Each prior, the penalty that it is, and how unknowns were settled."""
    fit, model = entry.fit, entry.model
    penalty = entry.problem.penalty if fit is None else fit.penalty
    sigma = None
    if model.likelihood.has_sigma:
        sigma = float(np.median(entry.post.draws.sigma)) if fit is None else fit.sigma
    hyper = "posterior medians" if fit is None else fit.hyper
    said = (repr(model.prior), repr(model.likelihood), penalty.kind, penalty.objective)
    yield *said, sigma, _scale_in_words(entry), hyper, _elsewhere(penalty)


def coefficients(comparison: Any, level: float) -> Table:
    """Every coefficient under every prior, the largest effects first."""
    interval = interval_names(level)[0].removesuffix("_lb")
    factors = coding(comparison)
    alone = f"{factors} A sum of coefficients has no κ. " if factors else ""
    return by_feature(
        comparison,
        comparison.coefficients(level),
        "coefficients",
        "Coefficients, per unit of the original column"
        + (", and differences of levels" if factors else ""),
        "map estimate MAP | zero zero MAP zero? | mean estimate mean | sd estimate sd | "
        "interval estimate | p_positive sign P(sign) | kappa probability shrinkage κ",
        level,
        note=f"{alone}Sorted by |mean| × sd of the column. {interval}: equal-tailed interval that "
        f"holds {100 * level:.6g} % of the posterior. P(sign): of the likelier sign, which "
        "follows. κ: 0 left to the data, 1 left to the prior. A MAP of exactly 0 is no posterior "
        "probability: under these continuous priors P(β = 0) = 0.",
    )


def by_feature(
    comparison: Any,
    frame: DataFrame,
    key: str,
    title: str,
    said: str,
    level: float | None = None,
    sizes: Any = None,
    **options: Any,
) -> Table:
    """A frame by prior and effect as one group of rows per effect, the largest first.

    With `sizes` the frame is by column of the design, of these sizes. Estimates are written with
    the decimals that the column `sd` asks for, where there is one.
    """
    features, sd = effects_of(comparison) if sizes is None else columns_of(comparison)
    if sizes is None:
        sizes = size(standardised(comparison.coefficients(), features, sd))
    whose = "column" if problem_of(comparison).effects.plain else "effect"
    head = columns(f"feature name {whose} | prior prior prior | {said}", level)
    if not features:
        return Table(key, title, head, (), **options)
    parts = {name: frame.loc[name].reindex(features) for name in comparison.entries}
    cells = {n: [part[c.key].tolist() for c in head[2:]] for n, part in parts.items()}
    spreads = [part["sd"].tolist() for part in parts.values() if "sd" in part]
    rows, decimals = [], []
    for j in np.argsort(-sizes, kind="stable"):
        rows += [(features[j], n, *(plain(column[j]) for column in cells[n])) for n in parts]
        decimals += len(parts) * [decimals_for(spread[j] for spread in spreads)]
    options |= {"group": len(parts), "first": FEATURES * len(parts), "decimals": tuple(decimals)}
    return Table(key, title, head, tuple(rows), **options)


def coding(comparison: Any) -> str:
    """Against what the levels of factors are set, in a sentence; nothing without factors."""
    words = problem_of(comparison).effects.words
    return f"{words[0].upper()}{words[1:]}." if words else ""


@by_prior(
    "unknowns",
    "Intercept, noise and scales",
    "unknown name unknown | map estimate value at the MAP | mean estimate mean | "
    "sd estimate sd | interval estimate",
    "The intercept is at 0 of all numbers, factors as said. A known quantity has sd 0.",
    no_sigma={"title": "Intercept and scales"},
)
def unknowns(entry: Any, level: float) -> Rows:
    """Intercept, noise and scales: the MAP's value and the posterior."""
    draws, fit = entry.post.draws, entry.fit
    fixed = {} if fit is None else {b.label: b.scale for b in fit.problem.blocks}
    meanings = entry.model.likelihood.meanings
    found = []
    for own, values in draws.theta.items():
        said = f"{own}, {meanings[own]}" if own in meanings else own
        used_there = None if fit is None else float(fit.theta[own][0])
        found.append((said, used_there, values))
    if entry.problem.intercept:
        effects = entry.problem.effects
        name = f"intercept at {effects.anchor}" if effects.anchor else "intercept"
        used = None
        if fit is not None:
            used = float(effects.at_anchor(fit.intercept, fit.beta.to_numpy(float)))
        found.insert(0, (name, used, effects.at_anchor(draws.intercept, draws.beta)))
    for k, label in enumerate(draws.scale_labels):
        name = "scale" if len(draws.scale_labels) == 1 else f"scale of {label}"
        found.append((name, fixed.get(label), draws.scale[..., k]))
    for name, used, values in found:
        sd = float(np.std(values, ddof=1)) if values.size > 1 else 0.0
        ends = np.quantile(values, [(1 - level) / 2, (1 + level) / 2]).tolist()
        yield name, used, float(np.mean(values)), sd, *ends


def columns_table(comparison: Any) -> Table:
    """The columns: mean, sd, and whether they are penalised."""
    problem = next(iter(comparison.entries.values())).problem
    features, sd = columns_of(comparison)
    role = np.where(np.isin(np.arange(len(sd)), problem.proper), "penalised", "flat")
    head = columns("column name column | mean number mean | sd number sd (1/N) | role text role")
    rows = zip(features, problem.x_mean.tolist(), sd.tolist(), role.tolist(), strict=True)
    return Table("columns", "The columns", head, tuple(rows), folded=True)


def _scale_in_words(entry: Any) -> str:
    """The scale of each block in its declared unit."""
    blocks = (entry.problem if entry.fit is None else entry.fit.problem).blocks
    draws, likelihood = entry.post.draws, entry.model.likelihood
    of_y = "units of y" if likelihood.link == "identity" else likelihood.in_units
    medians = dict(
        zip(draws.scale_labels, np.median(draws.scale, axis=(0, 1)).tolist(), strict=True)
    )
    words = []
    for block in blocks:
        value = medians[block.label] if block.scale is None else block.scale
        unit = "σ" if block.prior.unit == "sigma" else f"{of_y} per unit of b"
        spread = " × relative" if np.ptp(block.relative) > 0 else ""
        label = f"{block.label}: " if len(blocks) > 1 else ""
        words.append(f"{label}{value:.4g}{spread} {unit}")
    return "; ".join(words) or "none"


def _elsewhere(penalty: Any) -> str | None:
    """The same optimum in scikit-learn, or None."""
    target = _TARGETS.get(penalty.kind)
    if target is None:
        return None
    for name in (target, "sklearn.LogisticRegression", "sklearn.PoissonRegressor"):
        try:
            found = penalty.to(name)
        except NotSupported:
            continue
        arguments = ", ".join(
            f"{k}={v!r}" if isinstance(v, str) else f"{k}={v:.6g}" for k, v in found.items()
        )
        needs = f" after {found.needs}" if found.needs else ""
        return f"{name.split('.')[1]}({arguments}){needs}"
    return None
