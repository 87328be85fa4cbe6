"""Brief: a comparison for a reader of one page, in sentences and in units."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bayesreg.diagnostics.judgement import clear
from bayesreg.engines.draws import rows_of
from bayesreg.language.arguments import Array, check_level, interval_names
from bayesreg.language.errors import BadData
from bayesreg.language.text import listed, number, percent, shortened
from bayesreg.results.entry import Entry, compared, leader

if TYPE_CHECKING:
    import pandas as pd

NAMED = 8  # effects that are told one by one
NO_VERDICT = "no verdict, "  # what says so begins with
DIFFERENT = 1.0  # posterior sds by which two priors' means of an effect differ


class Answer(NamedTuple):
    """What a reader asks, and what the comparison answers."""

    question: str
    answer: str


@dataclass(frozen=True, eq=False)
class Brief:
    """The answers of a comparison, before any of its terms.

    Attributes
    ----------
    answers : tuple of Answer
        Which prior predicts, how well, which effects are clear, whether the priors matter, which
        to use, whether the model fits, whether it was computed correctly.
    level : float
        Probability of the intervals.
    """

    answers: tuple[Answer, ...]
    level: float

    def __repr__(self) -> str:
        """A paragraph per question."""
        return "\n".join(f"{one.question} {one.answer}" for one in self.answers)

    def _repr_html_(self) -> str:
        """A definition list, escaped."""
        from html import escape

        said = (f"<dt>{escape(q)}</dt><dd>{escape(a)}</dd>" for q, a in self.answers)
        return f"<dl>{''.join(said)}</dl>"


def brief(comparison: Any, level: float = 0.95) -> Brief:
    """The answers of a comparison.

    Parameters
    ----------
    comparison : Comparison
    level : float, default 0.95
        Probability of the intervals.
    """
    check_level(level)
    best = leader(comparison.entries, comparison.table)
    noun = compared(comparison.entries)
    made = [(f"Which {noun} predicts best?", _predicts(comparison))]
    if best.problem.design is not None:
        made.append(("How well?", _worth(best, level)))
    made += [
        ("Which effects are clear?", _effects(best, level)),
        (f"Does the choice of {noun} matter?", _matters(comparison, best)),
        ("Which to use?", _use(comparison)),
        ("Does the model describe the data?", _describes(best)),
        ("Was it computed correctly?", _computed(comparison)),
    ]
    return Brief(tuple(Answer(q, a) for q, a in made if a), level)


def _clearly_behind(comparison: Any) -> dict[str, bool]:
    """Of each prior behind the first, whether it clearly is."""
    table = comparison.table
    rows = next(iter(comparison.entries.values())).problem.n
    found = {}
    for name, row in table.iloc[1:].iterrows():
        khat = float(np.fmax(row["max_khat"], table["max_khat"].iloc[0]))
        found[str(name)] = clear(float(row["elpd_diff"]), float(row["dse"]), rows, khat)
    return found


def _predicts(comparison: Any) -> str:
    table = comparison.table
    if len(table) < 2:
        return ""
    best, behind = shortened(str(table.index[0]), 40), _clearly_behind(comparison)
    worse = [shortened(name, 40) for name, certain in behind.items() if certain]
    alike = [shortened(name, 40) for name, certain in behind.items() if not certain]
    if not alike:
        return f"{best}, clearly."
    said = f"These data cannot tell {listed(sorted([best, *alike]))} apart"
    more = f"; {listed(worse)} predict{'s' * (len(worse) == 1)} clearly worse" if worse else ""
    return f"{said}{more}."


def _worth(best: Entry, level: float) -> str:
    """What a prediction is worth, in units, of rows left out."""
    likelihood = best.problem.likelihood
    if likelihood.takes_labels:
        return _worth_of_labels(best)
    if likelihood.discrete or not best.problem.exact:
        return _worth_of_rows(best)
    rmse = best.post.rmse("loo", level)
    text = (
        f"A new {_response(best)} is predicted to within about ±{number(2.0 * rmse.mean)} (two "
        f"root mean squared errors of rows left out)"
    )
    try:
        r2 = best.post.r2("loo", level)
    except BadData:
        return f"{text}."
    low, high = r2.interval()
    return (
        f"{text}; the columns explain {percent(max(r2.mean, 0.0))} of its variance (LOO-R² "
        f"{r2.mean:.2f}, {100 * level:.6g} % in {low:.2f} to {high:.2f})."
    )


def _worth_of_labels(best: Entry) -> str:
    """Shares on the likelier side, and the scores of probabilities."""
    design, wrong = rows_of(best.problem), best.post.left_out
    right = np.average(np.abs(wrong) < 0.5, weights=design.frequencies)
    share = np.average(design.y, weights=design.frequencies)
    guess = max(share, 1.0 - share)
    said = (
        f"Of rows left out {percent(right)} fall on the likelier side; always naming the "
        f"commoner class would be right for {percent(guess)}."
    )
    if best.scores is None:
        return said
    area, brier = best.scores["AUC"], best.scores["Brier score"]
    return (
        f"{said} AUC {area.value:.2f} (standard error {area.se:.2f}); Brier score "
        f"{brier.value:.3f}, where the share of all rows as everyone's probability has "
        f"{brier.alone:.3f} (lower is better)."
    )


def _worth_of_rows(best: Entry) -> str:
    """How far half of the rows left out are off, and nineteen of twenty; the deviance of counts."""
    design, wrong = rows_of(best.problem), np.abs(best.post.left_out)
    what = f"A new {'count of ' * best.problem.likelihood.counts}{_response(best)}"
    if design.trials is not None:
        what, wrong = f"A new share of {_response(best)}", wrong / design.trials
    half, most = (_quantile(wrong, design.frequencies, p) for p in (0.5, 0.95))
    said = (
        f"{what} is predicted to within ±{number(half)} for half of the rows left out, and to "
        f"within ±{number(most)} for nineteen of twenty"
    )
    if best.scores is None or not best.problem.likelihood.discrete:
        return f"{said}."
    found = {one.name: one for one in best.scores.rows}
    if "deviance explained" not in found:
        return f"{said}."
    one = found["deviance explained"]
    return (
        f"{said}; the columns explain {percent(max(one.value, 0.0))} of its deviance (standard "
        f"error {percent(one.se)})."
    )


def _quantile(values: Array, weights: Array, p: float) -> float:
    """The least value with that share of the weight at or below it."""
    order = np.argsort(values, kind="stable")
    below = np.cumsum(weights[order])
    return float(values[order[np.searchsorted(below, p * below[-1] * (1.0 - 1e-12))]])


def _response(best: Entry) -> str:
    layout = best.problem.layout
    return "response" if layout is None else shortened(layout.y_name, 40)


def _effects(best: Entry, level: float) -> str:
    """A clause for each effect whose sign is sure, the largest first."""
    frame = best.post.effects(level=level)
    if not len(frame):
        return ""
    sure = np.maximum(frame["p_positive"], 1.0 - frame["p_positive"])
    strong = best.post.effects(level=level, standardized=True)["mean"].abs()
    order = [
        name for name in strong.sort_values(ascending=False).index if sure[name] > _one_side(level)
    ]
    if not order:
        return f"None: every {100 * level:.6g} % interval holds 0."
    told = "; ".join(_told(best, frame, name, level) for name in order[:NAMED])
    more = f"; and {len(order) - NAMED} more" if len(order) > NAMED else ""
    rest = len(frame) - len(order)
    left = f" Of the other {rest} even the sign is open." if rest else ""
    return f"{told}{more} ({100 * level:.6g} % intervals, under {best.name}).{left}"


def _one_side(level: float) -> float:
    """Probability of one sign at which the equal-tailed interval excludes 0."""
    return (1.0 + level) / 2.0


def _told(best: Entry, frame: pd.DataFrame, name: str, level: float) -> str:
    """One effect in units: what goes with one more of a column, or with another level."""
    step, size = _step(best, frame, name)
    keys = ("mean", *interval_names(level))
    mean, low, high = (size * float(frame[key][name]) for key in keys)
    ratio = best.problem.likelihood.ratio
    if ratio is not None:
        sizes = [number(float(np.exp(v))) for v in (mean, low, high)]
        return f"{step} multiplies {ratio.of} by {sizes[0]} ({sizes[1]} to {sizes[2]})"
    sign = "+" if mean > 0 else "−"
    bounds = [number(v).replace("-", "−") for v in (low, high)]
    return f"{step}: {sign}{number(abs(mean))} ({bounds[0]} to {bounds[1]})"


def _step(best: Entry, frame: pd.DataFrame, name: str) -> tuple[str, float]:
    """What an effect is the effect of, and how many units that are."""
    said, design = shortened(str(name), 40), best.problem.design
    if frame.loc[name, "reference"] is not None:
        return said, 1.0
    if design is not None and name in design.names:
        values = np.unique(design.X[:, design.names.index(name)])
        if len(values) == 2:
            low, high = (f"{value:g}" for value in values)
            return f"{said} {high} rather than {low}", float(values[1] - values[0])
    return f"one more {said}", 1.0


def _matters(comparison: Any, best: Entry) -> str:
    """How far the priors' means of one effect are apart, in its posterior sds."""
    others = [e for e in comparison.entries.values() if e is not best]
    if not others:
        return ""
    frame = best.post.effects()
    if not len(frame):
        return ""
    means = {e.name: e.post.effects()["mean"].reindex(frame.index) for e in others}
    sd = frame["sd"].where(frame["sd"] > 0.0)
    gaps = {name: ((mean - frame["mean"]).abs() / sd) for name, mean in means.items()}
    worst = {name: float(gap.max()) for name, gap in gaps.items() if gap.notna().any()}
    if not worst:
        return ""
    if max(worst.values()) < DIFFERENT:
        return (
            "Hardly: no effect has means more than "
            f"{max(worst.values()):.1f} of its posterior sds apart."
        )
    name = max(worst, key=lambda one: worst[one])
    apart = gaps[name]
    moved = [shortened(str(k), 40) for k in apart.sort_values(ascending=False).index[:3]]
    first = apart.idxmax()
    return (
        f"For some effects: {listed(moved)} move most. "
        f"{shortened(str(first), 40)} is {number(float(frame['mean'][first]))} under "
        f"{best.name} and {number(float(means[name][first]))} under {name}."
    ).replace(" -", " −")


def _use(comparison: Any) -> str:
    """A recommendation by aim."""
    names = [str(name) for name in comparison.table.index] or list(comparison.entries)
    if len(names) < 2:
        return ""
    behind = _clearly_behind(comparison)
    good = [names[0], *(name for name in names[1:] if not behind.get(name, False))]
    sparse = [
        n for n in good if (f := comparison.entries[n].fit) is not None and (f.b == 0.0).any()
    ]
    if len(good) == 1:
        said = f"{good[0]}"
    else:
        said = (
            f"Any of {listed(sorted(good))}: the one whose {compared(comparison.entries)} you can "
            "defend, as these data do not decide between them"
        )
    if sparse:
        said += f"; to name few columns, the optimum of {sparse[0]}, which has exact zeros"
    return f"{said}."


def _describes(best: Entry) -> str:
    found = best.adequacy
    if found is None:
        return ""
    if not found.ok:
        worst = found.failures[0]
        advice = f": {worst.advice}" if worst.advice else ""
        more = len(found.failures) - 1
        others = f" {more} more finding{'s' * (more > 1)} below." if more else ""
        return f"No: {worst.seen}{advice}.{others}"
    return f"{found.why[:1].upper()}{found.why[1:]}."


def _computed(comparison: Any) -> str:
    entries = list(comparison.entries.values())
    parts = list(_doubts(entries))
    if parts:
        return f"NOT all checks passed: {'; '.join(parts)}."
    said = "Yes: every optimum is certified and every posterior passed its checks"
    local = [e.name for e in entries if e.fit is not None and e.fit.certificate.gap is None]
    if local:
        said = (
            f"Yes, as far as can be known: the optimum of {listed(local)} is the best of those seen"
        )
    asked = [e for e in entries if e.agreement is not None]
    if asked and len(asked) == len(entries):
        found = [e.name for e in asked if e.agreement.ok]
        of = f" under {listed(found)}" * (len(found) < len(asked))
        said += f", and PyMC found the same{of}" * bool(found)
    for e in asked:
        if e.agreement.ok is None:
            said += (
                f". PyMC gives no verdict on {e.name}, {e.agreement.why.removeprefix(NO_VERDICT)}"
            )
    return f"{said}."


def _doubts(entries: Any) -> Iterator[str]:
    """What failed; that a second engine gives no verdict is no failure of the first."""
    for e in entries:
        if e.fit is not None and not e.fit.certificate.ok:
            yield f"{e.name}: {e.fit.certificate.why}"
        if not e.post.checks.ok:
            yield f"{e.name}: {e.post.checks.why}"
        if e.agreement is not None and e.agreement.ok is False:
            yield f"{e.name} against PyMC: {e.agreement.why}"
