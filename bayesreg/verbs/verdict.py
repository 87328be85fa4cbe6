"""A comparison's verdict in plain sentences: which predicts better, what shrank, what held."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.language.text import visible

if TYPE_CHECKING:
    import pandas as pd

    from bayesreg.results.comparison import Entry

# Below four nats of elpd the normal approximation of its error is unreliable and the difference of
# no practical weight (Sivula, Magnusson, Matamoros & Vehtari 2020, https://arxiv.org/abs/2008.10296).
SMALL = 4.0
# Beyond this the importance weights' variance is too large (Vehtari, Simpson, Gelman, Yao & Gabry
# 2024, JMLR 25(72), §3.2.4).
KHAT = 0.7


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
    out = [_prediction(table, where), *_unreliable(table)]
    out += [account(entry) for entry in entries.values()]
    out.append(_held(entries))
    out += _agreement(entries)
    return tuple(out)


def _prediction(table: pd.DataFrame, where: str) -> str:
    if not len(table):
        return f"On {where}: conditioned on moments, so there are no rows to predict one by one."
    best = str(table.index[0])
    lead = f"On {where}, judged by {_said(table)}"
    if len(table) == 1:
        return f"{lead}, the {best} prior scores {table['elpd'].iloc[0]:.1f}."
    parts = [_behind(str(name), row) for name, row in table.iloc[1:].iterrows()]
    clear = [p for p in parts if "clearly" in p]
    head = (
        f"{best} predicts best"
        if len(clear) == len(parts)
        else f"{best} scores highest, but the priors are not all distinguishable"
        if clear
        else f"the priors predict equally well for practical purposes ({best} is nominally first)"
    )
    return f"{lead}, {head}: " + "; ".join(parts) + "."


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


def _behind(name: str, row: Any) -> str:
    diff, se, worse = abs(row["elpd_diff"]), row["dse"], row["p_worse"]
    text = f"{name} is {diff:.1f} behind (standard error {se:.1f}, P(worse) {worse:.2f}"
    if diff < SMALL:
        return f"{text}: too small to matter)"
    return f"{text}: clearly worse)" if diff > 2 * se else f"{text}: not clear)"


def account(entry: Entry) -> str:
    """What one prior did: how much it shrank, and which coefficients its MAP sets to zero."""
    shrinkage, said = entry.post.shrinkage, ""
    if shrinkage.known and len(shrinkage.proper):
        low, high = shrinkage.effective.interval(0.95)
        said = (
            f"keeps {float(shrinkage.effective):.1f} of {len(shrinkage.proper)} coefficients' "
            f"worth of signal (eti95 {low:.1f} to {high:.1f})"
        )
        kappa = shrinkage.mean.to_numpy()[shrinkage.proper]
        names = [_short(entry.problem.features[j]) for j in shrinkage.proper]
        # A normal prior shrinks all standardised columns alike; then there is no most and least.
        if np.ptp(kappa) > 0.05:
            most, least = names[int(np.argmax(kappa))], names[int(np.argmin(kappa))]
            said += f", most shrunk {most}, least {least}"
    if entry.fit is None:
        return f"{entry.name} {said}; {entry.why_no_map}."
    zero = [_short(str(f)) for f, v in entry.fit.beta.items() if v == 0]
    optimum = (
        f"its MAP sets {len(zero)} of {len(entry.fit.beta)} coefficients exactly to zero"
        + (f" ({', '.join(zero[:6])}{'…' if len(zero) > 6 else ''})" if zero else "")
        if zero
        else "its MAP has no exact zeros"
    )
    return f"{entry.name} {said}; {optimum} ({entry.fit.hyper})."


def _held(entries: Mapping[str, Entry]) -> str:
    bad = [
        f"{e.name}: certificate: {e.fit.certificate.why}"
        for e in entries.values()
        if e.fit is not None and not e.fit.certificate.ok
    ]
    bad += [f"{e.name}: {e.post.checks.why}" for e in entries.values() if not e.post.checks.ok]
    if bad:
        return "NOT all checks held. " + "; ".join(bad) + "."
    fits = {e.name: e.fit for e in entries.values() if e.fit is not None}
    largest = max((f.certificate.nats for f in fits.values() if f.certificate.nats), default=None)
    local = [name for name, fit in fits.items() if fit.certificate.gap is None]
    parts = []
    if len(local) < len(fits):
        bound = (
            ""
            if largest is None
            else (f" (no β has a log posterior higher by more than {largest:.1g} nats)")
        )
        every = "every MAP" if not local else "every other MAP"
        parts.append(f"{every} is certified{bound}")
    if local:
        parts.insert(0, f"the MAP of {', '.join(local)} is a local optimum, the best of those seen")
    certified = "; ".join(parts) or "there was no MAP to certify"
    return f"All checks held: {certified}, and every posterior passed its convergence checks."


def _agreement(entries: Mapping[str, Entry]) -> list[str]:
    checked = [e for e in entries.values() if e.agreement is not None]
    if not checked:
        return []
    words = {True: "agrees", False: "DISAGREES", None: "gives no verdict"}
    parts = [
        f"{e.name} ({e.post.engine}) {words[e.agreement.ok]}: {e.agreement.why}"
        for e in checked
        if e.agreement is not None
    ]
    return ["Against PyMC's NUTS on the same posterior: " + "; ".join(parts) + "."]


def _short(name: str) -> str:
    text = visible(name)
    return text if len(text) <= 40 else text[:39] + "…"
