"""What each prior did, in words and tables: shrinkage, λ, and what is left that matters."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesreg.language.arguments import interval_names
from bayesreg.language.text import shortened
from bayesreg.plots.coefficients import effects_of, problem_of
from bayesreg.report.methods import formulae
from bayesreg.report.table import Rows, Table, by_prior, plain
from bayesreg.report.tables import by_feature, coding

READING = (
    "The shrinkage factor κ_j = {formula} compares the prior variance v_j of a "
    "coefficient with what its own column says of it: at 0 the data decide, at 1 the prior. m_eff "
    "= Σ(1 − κ_j) is the effective number of non-zero coefficients as if columns were orthogonal"
    "{factors}: with many rows it is near the number of columns whatever they do, and it is no "
    "measure of signal. {unknown}, so are they, and what is shown is their posterior."
)
BELOW = (
    "P(below the MAP's): near 0 the posterior asks for a larger λ than the MAP used, near 1 for a "
    "smaller; – where nothing is unknown."
)


def words(comparison: Any) -> list[str]:
    """What κ, m_eff and λ are, and what is not available and why."""
    unknown = "Where σ or a scale is unknown"
    if not problem_of(comparison).exact:
        unknown = "Where weights or a scale are unknown"
    together = ""
    if not problem_of(comparison).effects.plain:
        together = (
            ", where the columns of a factor count together (K levels have K − 1 differences)"
        )
    said = [READING.format(formula=formulae(comparison), unknown=unknown, factors=together)]
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


@by_prior(
    "effective",
    "Effective number of non-zero coefficients",
    "columns integer columns | mean ratio m_eff | sd ratio sd | interval ratio | "
    "df ratio effective df | most name most shrunk | least name least shrunk",
    "m_eff: as if columns were orthogonal; effective df: mean of Σ d/(d + λ) over the posterior, d "
    "the eigenvalues of X'X, known for a normal prior. Columns with a flat prior are not counted; "
    "most and least – where all are shrunk alike.",
)
def effective(entry: Any, level: float) -> Rows:
    """How many coefficients each prior left, and which it shrank most and least."""
    found = entry.post.shrinkage
    if found.known and len(found.proper):
        m = found.effective
        df = None if found.df is None else found.df.mean
        yield found.directions, m.mean, m.sd, *m.interval(level), df, *_extremes(entry)


def kappa(comparison: Any, level: float) -> Table:
    """κ of every coefficient under every prior, with its interval."""
    found = [entry.post.shrinkage.effect for entry in comparison.entries.values()]
    factors = (
        "The columns of a factor are its levels: κ says how far one is drawn to the others' mean."
    )
    return by_feature(
        comparison,
        comparison.shrinkage(level),
        "shrinkage",
        "Shrinkage factors of every coefficient",
        "mean probability mean of κ | sd probability sd | interval probability",
        level,
        sizes=np.max(np.abs(found), axis=0),
        note="" if problem_of(comparison).effects.plain else factors,
        folded=True,
    )


@by_prior(
    "lam",
    "The posterior of λ",
    "quantity text λ or scale | formula code is | median number median | mean number mean | "
    "sd number sd | interval number | map number at the MAP | "
    "p_below share P(below the MAP's) | hyper why how the MAP's was chosen",
    f"λ is that of J, draw by draw from σ and scale. {BELOW}",
    no_sigma={"note": f"λ is that of J, draw by draw from the scale. {BELOW}"},
)
def lam(entry: Any, level: float) -> Rows:
    """Each λ (or scale): the MAP's value, and where it lies in the posterior."""
    keys = ["formula", "median", "mean", "sd", *interval_names(level), "map", "p_below"]
    chosen = entry.why_no_map if entry.fit is None else entry.fit.hyper
    frame = entry.lam.summary(level).reindex(columns=keys)
    for quantity, formula, *numbers in frame.itertuples(name=None):
        yield quantity, formula, *map(plain, numbers), chosen


def significance(comparison: Any) -> Table:
    """P(likelier sign) and P(|β| > ε) of every coefficient under every prior."""
    import pandas as pd

    found = {name: entry.significance for name, entry in comparison.entries.items()}
    keys = ["p_positive", "p_larger", "eps"]
    parts = {
        name: pd.DataFrame({key: getattr(one, key) for key in keys}, index=list(one.features))
        for name, one in found.items()
    }
    first = next(iter(found.values()))
    link = problem_of(comparison).likelihood.link
    noise = ", π/√3 being the sd of logistic noise" if link == "logit" else ""
    cohen = ": what Cohen calls a small effect (r = 0.1)" if link in ("identity", "logit") else ""
    return by_feature(
        comparison,
        pd.concat(parts, names=["prior", "feature"]),
        "significance",
        "Which effects matter, and of which sign",
        "p_positive sign P(sign) | p_larger share P(|sd(x)·β| > ε) | eps number ε",
        note=f"ε = {first.words}{noise}{cohen}, taken because the report knows no better; "
        "post.significance(eps) answers for the ε that matters to you.",
        folded=True,
    )


def ratios(comparison: Any, level: float) -> Table | None:
    """What a unit and an sd of each column multiply the odds, or the count, by; None elsewhere."""
    import pandas as pd

    likelihood = problem_of(comparison).likelihood
    ratio = likelihood.ratio
    if ratio is None:
        return None
    features, sd = effects_of(comparison)
    effects = problem_of(comparison).effects
    keys = ["one", *interval_names(level), "by_sd"]
    parts = {}
    for name, entry in comparison.entries.items():
        beta = effects.of(entry.post.draws.beta).reshape(entry.post.draws.sigma.size, -1)
        tails = [0.5, (1.0 - level) / 2.0, (1.0 + level) / 2.0]
        middle, *ends = np.quantile(beta, tails, axis=0)
        with np.errstate(over="ignore"):
            found = np.exp([middle, *ends, sd * middle])
            spread = np.std(np.exp(beta), axis=0)  # not shown: it says how many decimals are
        parts[name] = pd.DataFrame(dict(zip(keys, found, strict=True)), index=features)
        parts[name]["sd"] = spread
        parts[name]["map"] = np.nan
        if entry.fit is not None:
            parts[name]["map"] = np.exp(effects.of(entry.fit.beta.to_numpy(float)))
    of = ratio.of
    if likelihood.classes_ is not None:
        of += f" of “{shortened(str(likelihood.classes_[1]), 40)}”"
    return by_feature(
        comparison,
        pd.concat(parts, names=["prior", "feature"]),
        ratio.key + "s",
        ratio.name.capitalize() + "s",
        "map estimate MAP | one estimate median | interval estimate | by_sd estimate median per sd",
        level,
        note=f"e^β: what one more unit of the column, or one more sd of it, multiplies {of} by, "
        f"the other columns held; 1: no effect. The median and the interval are those "
        f"of β, exponentiated. {coding(comparison)}".rstrip(),
    )


def _extremes(entry: Any) -> tuple[str | None, str | None]:
    """The columns of largest and smallest mean κ; None where all are alike."""
    mean = entry.post.shrinkage.mean.dropna()
    if np.ptp(mean.to_numpy()) < 0.005:
        return None, None
    return str(mean.idxmax()), str(mean.idxmin())
