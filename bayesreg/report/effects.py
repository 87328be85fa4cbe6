"""What each prior did, in words and tables: shrinkage, λ, and what is left that matters."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesreg.language.text import shortened
from bayesreg.plots.coefficients import kind
from bayesreg.report.table import PRIOR, Column, Table, plain
from bayesreg.report.tables import by_feature

READING = (
    "The shrinkage factor κ_j = 1/(1 + G_jj·v_j/σ²) compares the prior variance v_j of a "
    "coefficient with what its own column says of it: at 0 the data decide, at 1 the prior. m_eff "
    "= Σ(1 − κ_j) is the effective number of non-zero coefficients. Where σ or a scale is unknown, "
    "so are they, and what is shown is their posterior."
)


def words(comparison: Any) -> list[str]:
    """What κ, m_eff and λ are, and what is not available and why."""
    said = [READING]
    scales = [shortened(name, 40) for name, e in comparison.entries.items() if e.lam.notes]
    if scales:
        said.append(
            f"Under {', '.join(scales)} a prior is no penalty λ₁‖b‖₁ + ½λ₂‖b‖², so it has no λ; "
            "the posterior of its scale is shown instead."
        )
    for name, entry in comparison.entries.items():
        if not entry.post.shrinkage.known:
            said.append(f"{shortened(name, 40)}: no κ: {entry.post.shrinkage.source}.")
    return said


def effective(comparison: Any, level: float) -> Table:
    """How many coefficients each prior left, and which it shrank most and least."""
    rows, interval = [], ""
    for name, entry in comparison.entries.items():
        found = entry.post.shrinkage
        if not found.known or not len(found.proper):
            continue
        said = found.effective.summary(level)
        interval = next(key for key in said if key.endswith("_lb")).removesuffix("_lb")
        numbers = [said[key] for key in ("mean", "sd", f"{interval}_lb", f"{interval}_ub")]
        rows.append((name, len(found.proper), *numbers, *_extremes(entry)))
    columns = (
        PRIOR,
        Column("columns", "columns", "integer"),
        Column("mean", "m_eff", "ratio"),
        Column("sd", "sd", "ratio"),
        Column(f"{interval}_lb", f"{interval} from", "ratio"),
        Column(f"{interval}_ub", "to", "ratio"),
        Column("most", "most shrunk", "name"),
        Column("least", "least shrunk", "name"),
    )
    note = "Columns with a flat prior are not counted; – where all are shrunk alike."
    return Table(
        "effective", "Effective number of non-zero coefficients", columns, tuple(rows), note
    )


def kappa(comparison: Any, level: float) -> Table:
    """κ of every coefficient under every prior, with its interval."""
    frame = comparison.shrinkage(level)
    interval = kind(frame)
    columns = (
        Column("mean", "mean of κ", "probability"),
        Column("sd", "sd", "probability"),
        Column(f"{interval}_lb", f"{interval} from", "probability"),
        Column(f"{interval}_ub", "to", "probability"),
    )
    title = "Shrinkage factors of every coefficient"
    return by_feature(comparison, frame, "shrinkage", title, columns, folded=True)


def lam(comparison: Any, level: float) -> Table:
    """Each λ (or scale): the MAP's value, and where it lies in the posterior."""
    rows: list[tuple[Any, ...]] = []
    interval = kind(comparison.coefficients(level))
    keys = ("median", "mean", "sd", f"{interval}_lb", f"{interval}_ub")
    for name, entry in comparison.entries.items():
        frame = entry.lam.summary(level).reindex(columns=["formula", *keys, "map", "p_below"])
        chosen = entry.why_no_map if entry.fit is None else entry.fit.hyper
        for quantity, formula, *numbers in frame.itertuples(name=None):
            rows.append((name, quantity, formula, *map(plain, numbers), chosen))
    columns = (
        PRIOR,
        Column("quantity", "λ or scale", "text"),
        Column("formula", "is", "code"),
        Column("median", "median"),
        Column("mean", "mean"),
        Column("sd", "sd"),
        Column(f"{interval}_lb", f"{interval} from"),
        Column(f"{interval}_ub", "to"),
        Column("map", "at the MAP"),
        Column("p_below", "P(below the MAP's)", "share"),
        Column("hyper", "how the MAP's was chosen", "why"),
    )
    note = (
        "λ is that of J, draw by draw from σ and scale. P(below the MAP's): near 0 the posterior "
        "asks for a larger λ than the MAP used, near 1 for a smaller; – where nothing is unknown."
    )
    return Table("lam", "The posterior of λ", columns, tuple(rows), note)


def significance(comparison: Any) -> Table:
    """P(likelier sign) and P(|β| > ε) of every coefficient under every prior."""
    import pandas as pd

    found = {name: entry.significance for name, entry in comparison.entries.items()}
    parts = {
        name: pd.DataFrame(
            {"p_positive": one.p_positive, "p_larger": one.p_larger, "eps": one.eps},
            index=list(one.features),
        )
        for name, one in found.items()
    }
    columns = (
        Column("p_positive", "P(sign)", "sign"),
        Column("p_larger", "P(|sd(x)·β| > ε)", "share"),
        Column("eps", "ε"),
    )
    first = next(iter(found.values()))
    note = (
        f"ε = {first.words}: half of what Cohen calls a small effect, taken because the report "
        "knows no better; post.significance(eps) answers for the ε that matters to you."
    )
    frame = pd.concat(parts, names=["prior", "feature"])
    title = "Which effects matter, and of which sign"
    return by_feature(comparison, frame, "significance", title, columns, note=note, folded=True)


def _extremes(entry: Any) -> tuple[str | None, str | None]:
    """The columns of largest and smallest mean κ; None where all are alike."""
    mean = entry.post.shrinkage.mean.dropna()
    if np.ptp(mean.to_numpy()) < 0.005:
        return None, None
    return str(mean.idxmax()), str(mean.idxmin())
