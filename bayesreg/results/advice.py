"""Which λ to take for which aim: the last word of a Choice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from bayesreg.language.text import number
from bayesreg.results.reasons import indistinct

# In the order of preference. To predict: what was averaged most, what is exact, what is one
# partition; the evidence judges the posterior rather than the optimum. For few columns: what pays
# for the choice among many, which AIC and the minimum of cross-validation do not and keep too many
# (Hastie, Tibshirani & Friedman 2009, §7.7 and §7.10; Chen & Chen 2008).
AIMS = {
    "predict": ("repeated-cv", "loo", "cv", "gcv", "evidence", "aic"),
    "explain": ("posterior", "evidence"),
    "few": ("ebic", "bic", "cv-1se"),
}


def recommended(choice: Any) -> dict[str, str]:
    """The rule to take for each aim; an aim that no rule here serves is left out."""
    found = {}
    for aim, order in AIMS.items():
        names = [name for name in order if name in choice.rules]
        if names and not (aim == "few" and choice.path.ray.smooth):
            found[aim] = names[0]
    return found


def sentences(choice: Any) -> Iterator[str]:
    """One aim after another."""
    rules = recommended(choice)
    if "predict" in rules:
        yield _to_predict(choice, rules["predict"])
    yield _to_explain(choice, rules.get("explain"))
    yield _few_columns(choice, rules.get("few"))


def _to_predict(choice: Any, name: str) -> str:
    rule, found = choice.rules[name], choice.cross_validation
    if np.isinf(rule.lam):
        return f"To predict: no columns at all ({name}): λ → ∞, the mean of y."
    alike = None if found is None else indistinct(found)
    near = ""
    if alike is not None and alike[0] < alike[1]:
        near = f"; from {number(alike[0])} to {number(alike[1])} the data see no difference"
    return f"To predict with one optimum: λ = {number(rule.lam)} ({name}){near}."


def _to_explain(choice: Any, name: str | None) -> str:
    said = (
        "To explain, with what is certain and what is not: the posterior, which integrates over λ, "
        "rather than an optimum, which has no standard errors"
    )
    if name is None or np.isinf(choice.rules[name].lam):
        return f"{said}."
    lam = number(choice.rules[name].lam)
    if name == "posterior":
        low, high = (number(end) for end in choice.posterior.interval())
        return f"{said}; its λ is about {lam}, between {low} and {high} with probability 0.95."
    return f"{said}; its λ is to be expected near that of the evidence, {lam}."


def _few_columns(choice: Any, name: str | None) -> str:
    if choice.path.ray.smooth:
        return "To find few columns: another prior, such as laplace: ridge keeps every column."
    if name is None:
        return "To find few columns: a rule that pays for the choice among them, such as ebic."
    rule, kept = choice.rules[name], int(choice.table.loc[name, "nonzero"])
    if not kept:
        return f"To find few columns: {name} keeps none: none stands out."
    return (
        f"To find few columns: λ = {number(rule.lam)} ({name}), which keeps {kept} of "
        f"{choice.source.p}; least squares on these alone undoes their shrinkage."
    )
