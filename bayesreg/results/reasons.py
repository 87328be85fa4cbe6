"""Where the rules for λ differ and why: sentences computed from the numbers of a Choice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from bayesreg.language.text import listed, number
from bayesreg.solvers.path import one_block

ALIKE = 1.25  # ratio of λ's below which rules agree


def sentences(choice: Any) -> Iterator[str]:
    """One argument after another."""
    yield from _spread(choice)
    yield from _validation(choice)
    yield from _evidence(choice)
    yield from _weighed(choice)
    yield from _posterior(choice)
    yield from _information(choice)
    yield from _leaving_out(choice)
    yield from choice.notes
    yield from _translation(choice)
    if choice.left_out:
        said: dict[str, list[str]] = {}
        for name, reason in choice.left_out.items():
            said.setdefault(reason, []).append(name)
        parts = [f"{listed(names)} ({reason})" for reason, names in said.items()]
        yield "Not here: " + "; ".join(parts) + "."


def _spread(choice: Any) -> Iterator[str]:
    """How far apart the rules are, in λ and in scale."""
    none = [r.name for r in choice.rules.values() if np.isinf(r.lam)]
    if none:
        yield (
            f"{listed(none).capitalize()} rises up to the limit λ → ∞, where every effect is 0: "
            "the data prefer no effects at all."
        )
    top = float(np.max(choice.path.lam))
    ends = [r.name for r in choice.rules.values() if r.lam == top]
    if ends:
        yield (
            f"{listed(ends)} choose{'s' * (len(ends) == 1)} the largest λ looked at, "
            f"{number(top)}, where {choice.selected.df.min():.2g} degrees of freedom are left."
        )
    rules = sorted((r for r in choice.rules.values() if np.isfinite(r.lam)), key=lambda r: r.lam)
    if len(rules) < 2:
        return
    low, high = rules[0], rules[-1]
    kept = choice.table["nonzero"]
    some = kept[low.name] != kept[high.name]
    with_kept = [
        f", keeping {kept[r.name]} of {choice.source.p} columns" * int(some) for r in (low, high)
    ]
    if high.lam < ALIKE * low.lam:
        yield (
            f"All rules agree: λ between {number(low.lam)} ({low.name}) and {number(high.lam)} "
            f"({high.name}), within {100 * (high.lam / low.lam - 1):.0f} %."
        )
        return
    yield (
        f"The smallest λ is {number(low.lam)} ({low.name}{with_kept[0]}) and the largest "
        f"{number(high.lam)} ({high.name}{with_kept[1]}): a factor of "
        f"{number(high.lam / low.lam)}, which is a prior scale of {number(choice.scale(low.lam))} "
        f"or of {number(choice.scale(high.lam))}{_unit(choice)}."
    )


def _unit(choice: Any) -> str:
    prior = one_block(choice.source).prior
    return " σ" if prior.unit == "sigma" else " in the unit of the coefficients"


def _validation(choice: Any) -> Iterator[str]:
    """Which λ's cross-validation cannot tell from its minimum, by differences in the same folds."""
    found, single = choice.cross_validation, choice.rules.get("cv")
    if found is None or "cv" not in choice.curves:
        return
    alike = indistinct(found)
    if alike is None:
        return
    low, high = alike
    reach = (
        f"up to {number(high)}" if low == found.lams[0] else f"from {number(low)} to {number(high)}"
    )
    where = [
        r.name for r in choice.rules.values()
        if low <= r.lam <= high and r.name not in ("cv", "cv-1se")
    ]  # fmt: skip
    others = f"; {listed(where)} lie{'s' * (len(where) == 1)} there too" if where else ""
    yield (
        f"Cross-validation is smallest at λ = {number(found.lam)}, and these data do not tell λ "
        f"{reach} apart from it by prediction: over the same folds the errors differ by less than "
        f"two standard errors of their difference{others}."
    )
    yield from _one_standard_error(choice, found)
    repeated = choice.rules.get("repeated-cv")
    single = choice.rules.get("cv")
    if repeated is not None and single is not None:
        ratio = max(repeated.lam / single.lam, single.lam / repeated.lam)
        if ratio > ALIKE:
            yield (
                "Averaged over random partitions the minimum is at "
                f"{number(repeated.lam)} instead: which rows fall into which fold alone moves it "
                f"by a factor of {number(ratio)}."
            )


def _one_standard_error(choice: Any, found: Any) -> Iterator[str]:
    """What the λ of the one-standard-error rule costs, where the folds can see it."""
    rule = choice.rules.get("cv-1se")
    if rule is None:
        return
    k, best = (int(np.flatnonzero(found.lams == lam)[0]) for lam in (rule.lam, found.lam))
    cost, se = float(found.error[k] - found.error[best]), float(found.difference_se[k])
    if cost > 2.0 * se:
        unit = 100.0 / float(found.error[best])
        yield (
            f"The λ of cv-1se, {number(rule.lam)}, is within one standard error of the smallest "
            f"error itself, not of a difference: over the same folds it predicts worse by "
            f"{cost * unit:.1f} % ± {se * unit:.1f} %, which is what it pays for fewer or smaller "
            "effects."
        )


def indistinct(found: Any) -> tuple[float, float] | None:
    """The λ's about the minimum whose error is less than two paired standard errors above it.

    Parameters
    ----------
    found : CrossValidation

    Returns
    -------
    (float, float) or None
        Smallest and largest; None where there is no standard error.
    """
    excess = found.error - np.min(found.error)
    if not np.all(np.isfinite(found.difference_se)):
        return None
    inside = excess <= 2.0 * found.difference_se
    low = high = int(np.flatnonzero(found.lams == found.lam)[0])
    while low > 0 and inside[low - 1]:
        low -= 1
    while high < len(inside) - 1 and inside[high + 1]:
        high += 1
    return float(found.lams[low]), float(found.lams[high])


def _evidence(choice: Any) -> Iterator[str]:
    """Evidence against cross-validation, by each other's numbers."""
    rule, curve = choice.rules.get("evidence"), choice.curves.get("evidence")
    if rule is None or curve is None or np.isinf(rule.lam):
        return
    other = next((choice.rules[n] for n in ("cv", "repeated-cv", "loo") if n in choice.rules), None)
    if other is None:
        return
    ratio = rule.lam / other.lam
    if max(ratio, 1 / ratio) < ALIKE:
        yield (
            f"The evidence, which asks how probable y is with β averaged over the prior, and "
            f"{other.name}, which asks how the optimum predicts, agree within a factor of "
            f"{number(max(ratio, 1 / ratio))}."
        )
        return
    drop = curve.at(other.lam) - float(np.nanmin(curve.value))
    below = f"{drop:.1f} nats" if np.isfinite(drop) else f"over {np.nanmax(curve.excess):.0f} nats"
    more = "larger" if ratio > 1 else "smaller"
    said = (
        f"The λ of the evidence is a factor of {number(max(ratio, 1 / ratio))} {more} than that of "
        f"{other.name}. The evidence asks how probable y is with β averaged over the prior, "
        f"{other.name} how well the optimum alone predicts: at the λ of {other.name} the evidence "
        f"is {below} below its maximum"
    )
    error = choice.curves[other.name]
    loss = error.at(rule.lam) / float(np.nanmin(error.value)) - 1.0
    if np.isfinite(loss):
        said += (
            f", and at the λ of the evidence the optimum's error is {100 * loss:.1f} % above the "
            "smallest"
        )
    yield said + "."


def _weighed(choice: Any) -> Iterator[str]:
    """Laplace's approximation beside the evidence itself."""
    laplace, draws = choice.rules.get("evidence"), choice.rules.get("evidence-draws")
    if laplace is None or draws is None:
        return
    ratio = max(laplace.lam / draws.lam, draws.lam / laplace.lam)
    spacing = float(np.exp(np.max(np.diff(np.log(np.sort(choice.path.lam))), initial=0.0)))
    near = "as near as the λ's of the path lie" if ratio <= spacing else f"a factor of {ratio:.2f}"
    yield (
        f"Laplace's approximation of the evidence has its maximum {near} from that of the evidence "
        f"by draws, λ = {number(draws.lam)} ± {100.0 * draws.log_error:.1g} % (Monte Carlo)."
    )


def _posterior(choice: Any) -> Iterator[str]:
    """Where the rules lie in the posterior of λ."""
    q = choice.posterior
    if q is None:
        return
    low, high = q.interval()
    yield (
        f"Under the hyperprior {one_block(choice.source).hyper!r} on the scale, λ is between "
        f"{number(low)} and {number(high)} with probability 0.95."
    )
    lams = {r.name: r.lam for r in choice.rules.values() if np.isfinite(r.lam)}
    below = [name for name, lam in lams.items() if lam < low]
    above = [name for name, lam in lams.items() if lam > high]
    for side, names in (("below", below), ("above", above)):
        if names:
            verb = "lies" if len(names) == 1 else "lie"
            yield f"{listed(names)} {verb} {side} that interval."


def _information(choice: Any) -> Iterator[str]:
    """What a degree of freedom costs under each criterion."""
    names = [n for n in ("aic", "bic", "ebic") if n in choice.rules]
    if len(names) < 2:
        return
    df, kept = choice.table["df"], choice.table["nonzero"]
    prices = {"aic": "1 nat", "bic": f"½ log N = {0.5 * np.log(choice.source.n):.1f}"}
    selects = not choice.path.ray.smooth
    parts = [
        f"{n.upper()} pays {prices[n]} for each and keeps "
        + (f"{kept[n]} columns" if selects else f"{df[n]:.1f}")
        + (f" ({df[n]:.1f})" if selects and abs(df[n] - kept[n]) > 0.05 else "")
        if n != "ebic"
        else f"EBIC pays log C(p, min(kept, p/2)) on top and keeps {kept[n]}"
        for n in names
    ]
    yield "Degrees of freedom have their price: " + "; ".join(parts) + "."


def _leaving_out(choice: Any) -> Iterator[str]:
    """GCV beside exact leave-one-out."""
    if not {"gcv", "loo"} <= set(choice.rules):
        return
    gcv, loo = choice.rules["gcv"].lam, choice.rules["loo"].lam
    if max(gcv / loo, loo / gcv) > ALIKE:
        yield (
            f"GCV takes every row to have the same leverage, and leave-one-out does not: their "
            f"minima are at {number(gcv)} and {number(loo)}."
        )


def _translation(choice: Any) -> Iterator[str]:
    """Which σ ties λ to the scale."""
    if choice.needs_sigma:
        yield (
            f"λ and the scale of the prior are tied by σ: here σ = {number(choice.sigma)}, "
            f"{choice.sigma_source}."
        )
