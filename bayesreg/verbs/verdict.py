"""A comparison's verdict in plain sentences: which predicts better, what shrank, what held."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.diagnostics import compare_elpd
from bayesreg.diagnostics.judgement import KHAT, SMALL, clear, doubt
from bayesreg.language.text import listed, visible
from bayesreg.results.entry import compared, leader

if TYPE_CHECKING:
    import pandas as pd

    from bayesreg.results.entry import Entry
    from bayesreg.results.map_fit import MapFit

AHEAD = 0.05  # of κ, by which a column is the most or the least shrunk


def sentences(entries: Mapping[str, Entry], table: pd.DataFrame, where: str) -> tuple[str, ...]:
    """Verdict on `entries`, the predictive comparison first.

    Parameters
    ----------
    entries : mapping of str to Entry
        By prior name.
    table : DataFrame
        As of ``compare_elpd``; empty without rows.
    where : str
        The data in words.
    """
    rows = next(iter(entries.values())).problem.n
    first, *unsaid = prediction(table, where, rows, compared(entries))
    out = [first, *_across(entries, table), *_unreliable(table), *unsaid]
    out += [account(entry) for entry in entries.values()]
    out += _at_same_lam(entries)
    out.append(_held(entries, table))
    out += _describes(entries, table)
    return tuple(out)


def _across(entries: Mapping[str, Entry], table: pd.DataFrame) -> Iterator[str]:
    """What the best model of each likelihood says of the response, where likelihoods differ."""
    best: dict[str, Entry] = {}
    for name in table.index:
        best.setdefault(entries[str(name)].problem.likelihood.noun, entries[str(name)])
    if len(best) < 2:
        return
    (noun, first), *others = best.items()
    rows, seen = first.problem.n, first.problem.likelihood.seen
    ahead: dict[bool, list[str]] = {True: [], False: []}
    for other, entry in others:
        row = compare_elpd({first.name: first.loo, entry.name: entry.loo}).iloc[1]
        size, se = abs(float(row["elpd_diff"])), float(row["dse"])
        khat = max(_largest_khat(table, first), _largest_khat(table, entry))
        why = f" with Pareto k̂ above {KHAT}" * (khat > KHAT)
        said = f"{other} by {size:.1f} ± {se:.1f} nats{why}"
        ahead[clear(size, se, rows, khat)].append(said)
    if ahead[True]:
        yield f"{_capital(noun)} predicts better than {listed(ahead[True])}: {seen}."
    if ahead[False]:
        yield f"{_capital(noun)} is ahead of {listed(ahead[False])}, which is not clear."


def _largest_khat(table: pd.DataFrame, entry: Entry) -> float:
    return float(np.fmax(table["max_khat"].loc[entry.name], 0.0))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def prediction(table: pd.DataFrame, where: str, rows: float, noun: str = "prior") -> Iterator[str]:
    """Which prior predicts better, as far as so many rows can tell, and what was left unsaid.

    Parameters
    ----------
    table, where
        As of `sentences`.
    rows : float
        How many, a row of weight w counted w times.
    noun : str
        What is compared: priors, or models.
    """
    if not len(table):
        yield f"On {where}: no rows are held, so none is predicted from the others."
        return
    best = str(table.index[0])
    lead = f"On {where}, judged by {_said(table)}"
    if len(table) == 1:
        yield f"{lead}, the {best} {noun} scores {table['elpd'].iloc[0]:.1f}."
        return
    others = [_Behind.of(table, k, rows) for k in range(1, len(table))]
    alike = sorted([best, *(one.name for one in others if not one.clear)])
    head = f"{best} predicts best"
    if len(alike) > 1:
        whom = f"the {noun}s" if len(alike) == len(table) else listed(alike)
        head = f"{whom} cannot be told apart with these data"
    yield f"{lead}, {head}: {'; '.join(_differences(best, others, rows))}."
    yield from _left_unsaid(table, others, noun)


def _differences(best: str, others: list[_Behind], rows: float) -> Iterator[str]:
    """Which differences are too small, which are not clear, which are."""
    small = [one.name for one in others if one.small]
    if small:
        whom = "all" if len(small) == len(others) else listed(sorted([best, *small]))
        yield (
            f"{whom} are within {SMALL:.0f} nats of each other, too little to judge with "
            f"{rows:.6g} rows"
        )
    yield from (one.words for one in others if not one.small)


def _left_unsaid(table: pd.DataFrame, others: list[_Behind], noun: str) -> Iterator[str]:
    """Why a P(worse) or a stacking weight is not given."""
    doubts = list(dict.fromkeys(one.doubt for one in others if one.doubt))
    if doubts:
        yield (
            "P(worse) is left out where its normal approximation means nothing "
            f"({', '.join(doubts)}; Sivula et al. 2025)."
        )
    missing = table["weight"].isna()
    if not missing.any():
        return
    whom = f"the {noun}s" if missing.all() else listed(sorted(map(str, table.index[missing])))
    if all(one.small for one in others if not one.clear):
        yield (
            f"To mix their predictions, {whom} are tied: any weights will do, so no stacking "
            "weights are given; those of pseudo-BMA+ are, which stay even where nothing decides."
        )
    else:
        yield (
            f"To mix their predictions, no stacking weights of {whom} are given, which would be "
            "sure of what is not clear; those of pseudo-BMA+ are, which allow for the error."
        )


@dataclass(frozen=True)
class _Behind:
    """How far one prior is behind the best, and what may be said of it."""

    name: str
    words: str
    doubt: str
    clear: bool
    small: bool

    @classmethod
    def of(cls, table: pd.DataFrame, k: int, rows: float) -> _Behind:
        """Judge row k of the table."""
        row, name, best = table.iloc[k], str(table.index[k]), str(table.index[0])
        size, se, p = abs(float(row["elpd_diff"])), float(row["dse"]), float(row["p_worse"])
        khat = float(np.fmax(row["max_khat"], table["max_khat"].iloc[0]))
        certain = clear(size, se, rows, khat)
        chance = "" if np.isnan(p) else ", P(worse) > 0.99" if p > 0.995 else f", P(worse) {p:.2f}"
        behind = "behind" if certain else f"behind {best}"
        said = "clearly worse" if certain else "not clear"
        words = f"{name} is {size:.1f} {behind} (standard error {se:.1f}{chance}: {said})"
        return cls(name, words, doubt(size, rows, khat), certain, size < SMALL)


def _said(table: pd.DataFrame) -> str:
    """What was left out, and by which method under which prior."""
    names = {
        str(method): ", ".join(_short(str(n)) for n in table.index[table["method"] == method])
        for method in table["method"]
    }
    folds = [method for method in names if method.endswith("-fold")]
    if folds:
        return f"{' and '.join(folds)} cross-validation (elpd; higher is better)"
    how = "; ".join(
        method if len(names) == 1 else f"{method} under {who}" for method, who in names.items()
    )
    return f"leave-one-out prediction (elpd, higher is better; {how})"


def _unreliable(table: pd.DataFrame) -> list[str]:
    """Whether the density of some row is the mean of too few draws (Vehtari et al. 2024)."""
    bad: list[Any] = list(table.index[table["max_khat"] > KHAT]) if len(table) else []
    if not bad:
        return []
    worst = float(table["max_khat"].max())
    names = ", ".join(_short(str(name)) for name in bad)
    text = (
        f"That ranking is provisional: for {names} the density of single rows could not be "
        f"computed reliably (largest Pareto k̂ {worst:.2f}, above {KHAT}), because they lie too far "
        "from what the other rows predict; look at those rows before relying on it."
    )
    return [text]


def account(entry: Entry) -> str:
    """What one prior did: how much it shrank, and which coefficients its MAP sets to zero."""
    said = [*_shrunk(entry), entry.why_no_map if entry.fit is None else _optimum(entry.fit)]
    return f"{entry.name}: {'; '.join(text for text in said if text)}."


def _shrunk(entry: Entry) -> Iterator[str]:
    """m_eff, degrees of freedom where they are known, and the most and least shrunk columns."""
    shrinkage = entry.post.shrinkage
    if not shrinkage.known or not len(shrinkage.proper):
        return
    low, high = shrinkage.effective.interval(0.95)
    yield (
        f"m_eff = {float(shrinkage.effective):.1f} of {shrinkage.directions} (as if columns were "
        f"orthogonal; eti95 {low:.1f} to {high:.1f})"
    )
    if shrinkage.df is not None:
        yield f"{float(shrinkage.df):.1f} effective degrees of freedom"
    kappa = shrinkage.mean.to_numpy()[shrinkage.proper]
    order = np.argsort(-kappa)
    names = [_short(entry.problem.features[j]) for j in shrinkage.proper[order]]
    # Named where it leads: a normal prior shrinks all standardised columns alike, and between
    # columns that are nearly alike the draws decide.
    ahead = -np.diff(kappa[order]) > AHEAD
    if ahead[:1].any():
        yield f"most shrunk {names[0]}"
    if ahead[-1:].any() and len(names) > 2:
        yield f"least shrunk {names[-1]}"


def _optimum(fit: MapFit) -> str:
    """Exact zeros of a MAP, and how its hyperparameters were chosen."""
    effects = fit.problem.effects
    is_zero = effects.zero(fit.beta.to_numpy(float))
    zero = [_short(name) for name, one in zip(effects.names, is_zero, strict=True) if one]
    what = "coefficients" if effects.plain else "effects"
    if not zero:
        return f"its MAP has no exact zeros ({fit.hyper})"
    return (
        f"its MAP sets {len(zero)} of {len(is_zero)} {what} exactly to zero "
        f"({', '.join(zero[:6])}{'…' if len(zero) > 6 else ''}) ({fit.hyper})"
    )


def _at_same_lam(entries: Mapping[str, Entry]) -> Iterator[str]:
    """How far MAP and posterior mean are apart at one λ, and whether a draw is higher."""
    found = {name: e.same_lam for name, e in entries.items() if e.same_lam is not None}
    apart = [f"{n} {one.farthest:.2f}" for n, one in found.items() if np.isfinite(one.farthest)]
    if not apart:
        return
    higher = [name for name, one in found.items() if one.margin < 0.0]
    text = (
        f"At the posterior's own λ, {_given(entries)} at the median, the MAP is off the posterior "
        f"mean by at most so many posterior sds: {', '.join(apart)}; "
    )
    text += (
        f"NOT the highest: draws of {listed(higher)} have a higher density than its MAP"
        if higher
        else "no draw has a higher density than its MAP"
    )
    exact = [one.exact for one in found.values() if one.exact is not None]
    if exact:
        text += (
            f"; given σ and scale the mean of a normal posterior is the MAP, to {max(exact):.0e}"
        )
    yield f"{text}."


def _describes(entries: Mapping[str, Entry], table: pd.DataFrame) -> Iterator[str]:
    """What the data say against the model itself, under the prior that predicts best."""
    best = leader(entries, table)
    found = best.adequacy
    if found is None:
        return
    if found.ok:
        yield f"Of the model itself {found.why}."
        return
    said = "; ".join(f"{one.seen} ({one.advice})" for one in found.failures)
    under = f" under {best.name}" if len(entries) > 1 else ""
    yield f"The model does not describe the data{under}: {said}."


def _held(entries: Mapping[str, Entry], table: pd.DataFrame) -> str:
    bad = [
        f"{e.name}: certificate: {e.fit.certificate.why}"
        for e in entries.values()
        if e.fit is not None and not e.fit.certificate.ok
    ]
    bad += [f"{e.name}: {e.post.checks.why}" for e in entries.values() if not e.post.checks.ok]
    if bad:
        return "NOT all checks held. " + "; ".join(bad) + "."
    judged = leader(entries, table).adequacy
    lead = "All checks held" if judged is None or judged.ok else "Computed correctly"
    fits = {e.name: e.fit for e in entries.values() if e.fit is not None}
    largest = max((f.certificate.nats for f in fits.values() if f.certificate.nats), default=None)
    local = [name for name, fit in fits.items() if fit.certificate.gap is None]
    parts = []
    if len(local) < len(fits):
        bound = (
            ""
            if largest is None
            else f" (given {_given(entries)}, no β has a log posterior higher by more than "
            f"{largest:.1g} nats)"
        )
        every = "every MAP" if not local else "every other MAP"
        parts.append(f"{every} is certified{bound}")
    if local:
        parts.insert(0, f"the MAP of {', '.join(local)} is a local optimum, the best of those seen")
    certified = "; ".join(parts) or "there was no MAP to certify"
    return f"{lead}: {certified}, and every posterior passed its convergence checks."


def _given(entries: Mapping[str, Entry]) -> str:
    """What a certificate holds fixed: over σ and scale as well, a density may have no maximum."""
    own = dict.fromkeys(k for e in entries.values() for k in e.problem.likelihood.unknowns)
    said = [{"sigma": "σ"}.get(name, name) for name in own]
    return listed([*said, "scale"]) if said else "the scale"


def against_nuts(entries: Mapping[str, Entry]) -> str:
    """Whether each posterior agrees with PyMC's, which has sampled them all."""
    words = {True: "agrees", False: "DISAGREES", None: "gives no verdict"}
    parts = [
        f"{e.name} ({e.post.draws.by}) {words[e.agreement.ok]}: {e.agreement.why}".replace(
            ": no verdict", ""
        )
        for e in entries.values()
        if e.agreement is not None
    ]
    return "Against PyMC's NUTS on the same posterior: " + "; ".join(parts) + "."


def _short(name: str) -> str:
    text = visible(name)
    return text if len(text) <= 40 else text[:39] + "…"
