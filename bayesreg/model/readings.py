"""Readings: against what the levels of a factor are set, and by which weightings of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bayesreg.language.arguments import Array, did_you_mean
from bayesreg.language.errors import BadArgument

if TYPE_CHECKING:
    from bayesreg.data.terms import Factor, Term

MEAN = "mean"
AGAINST_A_LEVEL = ("indicator", "treatment")


class Contrast(NamedTuple):
    """A weighting of a factor's levels that sums to zero, and its name."""

    name: str
    level: str | None
    reference: str | None
    vector: Array


@dataclass(frozen=True, eq=False)
class Reading:
    """How one factor is reported.

    Attributes
    ----------
    name, factor : str
        What readers call it, and its text in the formula.
    levels : tuple of str
    anchor : ndarray (levels,)
        The weighting, of sum one, at which other factors' effects are reported.
    contrasts : tuple of Contrast
    at, words : str
        The anchor, and what the contrasts are against, in words.
    """

    name: str
    factor: str
    levels: tuple[str, ...]
    anchor: Array
    contrasts: tuple[Contrast, ...]
    at: str
    words: str


def readings(terms: Iterable[Term], reference: Any) -> dict[str, Reading]:
    """The reading of every factor, by its text in the formula.

    Parameters
    ----------
    terms : iterable of Term
    reference : None, "mean" or mapping
        As in :meth:`Effects.read`.

    Raises
    ------
    BadArgument
        If `reference` names no factor, or no level of one.
    """
    terms = tuple(terms)
    factors = _factors(terms)
    names = _names(factors)
    asked = _asked(reference, factors, names)
    return {
        text: _reading(names[text], factor, asked.get(text), terms)
        for text, factor in factors.items()
    }


def codes(term: Term, column: int) -> dict[str, Array]:
    """What the `column`-th of a term is at every level of its factors, by factor."""
    found = {}
    for k, factor in enumerate(term.factors):
        said = term.codes[column][k] if term.codes else None
        if said is None:
            level = term.levels[column][k]
            found[factor.name] = np.array([float(one == level) for one in factor.levels])
        else:
            found[factor.name] = np.array(said, dtype=float)
    return found


def _factors(terms: Sequence[Term]) -> dict[str, Factor]:
    """Each factor once; with the reference and the coding that any of its terms gives it."""
    found: dict[str, Factor] = {}
    for factor in (factor for term in terms for factor in term.factors):
        known = found.get(factor.name, factor)
        said = factor if known.coding == "indicator" else known
        found[factor.name] = said
    return found


def _names(factors: Mapping[str, Factor]) -> dict[str, str]:
    """The variable that a factor is of, or its text where two factors are of one variable."""
    variables = [factor.variable or text for text, factor in factors.items()]
    return {
        text: variable if variables.count(variable) == 1 else text
        for text, variable in zip(factors, variables, strict=True)
    }


def _asked(
    reference: Any, factors: Mapping[str, Factor], names: Mapping[str, str]
) -> dict[str, str]:
    """What was asked of each factor: a level as text, or `MEAN`."""
    if reference is None:
        return {}
    if isinstance(reference, str) and reference == MEAN:
        return dict.fromkeys(factors, MEAN)
    if not isinstance(reference, Mapping):
        raise BadArgument(
            "reference is None, 'mean', or a mapping of factors to levels such as {'g': 'q'}, not "
            f"{reference!r}"
        )
    texts = {**{name: text for text, name in names.items()}, **{text: text for text in factors}}
    asked = {}
    for name, level in reference.items():
        if name not in texts:
            raise BadArgument(
                f"reference: {name!r} is no factor{did_you_mean(name, texts)} (factors: "
                f"{', '.join(map(repr, names.values())) or 'none'})"
            )
        known = [str(one) for one in factors[texts[name]].levels]
        if level != MEAN and str(level) not in known:
            raise BadArgument(
                f"reference: {str(level)!r} is no level of {name!r}"
                f"{did_you_mean(level, known)} (levels: {', '.join(known[:12])})"
            )
        asked[texts[name]] = MEAN if level == MEAN and MEAN not in known else str(level)
    return asked


def _reading(name: str, factor: Factor, asked: str | None, terms: Sequence[Term]) -> Reading:
    levels = tuple(str(level) for level in factor.levels)
    if asked is None and factor.coding == "sum":
        asked = MEAN
    if asked is None and factor.coding not in AGAINST_A_LEVEL:
        return _as_written(name, factor, levels, terms)
    eye = np.eye(len(levels))
    if asked == MEAN and MEAN not in levels:
        anchor = np.full(len(levels), 1.0 / len(levels))
        contrasts = [
            Contrast(f"{name}: {level} − mean", level, MEAN, eye[k] - anchor)
            for k, level in enumerate(levels)
        ]
        at, words = f"the mean of {name}", "against the mean of its levels"
    else:
        first = levels[0] if factor.reference is None else str(factor.reference)
        base = first if asked is None else asked
        anchor = eye[levels.index(base)]
        contrasts = [
            Contrast(f"{name}: {level} − {base}", level, base, eye[k] - anchor)
            for k, level in enumerate(levels)
            if level != base
        ]
        at, words = f"{name} = {base}", f"against {base}"
    return Reading(name, factor.name, levels, anchor, tuple(contrasts), at, words)


def _as_written(
    name: str, factor: Factor, levels: tuple[str, ...], terms: Sequence[Term]
) -> Reading:
    """Contrasts that were written out: the coefficients of the coding are what was asked for.

    With C (levels, K − 1) the coding, the rows of [1 C]⁻¹ are the anchor and the contrasts.
    """
    columns: list[Array] = []
    for term in terms:
        for j in range(len(term.columns)):
            code = codes(term, j).get(factor.name)
            if code is not None and not any(np.array_equal(code, one) for one in columns):
                columns.append(code)
    coded = [c for c in columns if np.ptp(c) != 0.0][: len(levels) - 1]
    inverse = np.linalg.pinv(np.column_stack([np.ones(len(levels)), *coded]))
    contrasts = [
        Contrast(f"{name}[{factor.coding} {k}]", None, None, row)
        for k, row in enumerate(inverse[1:], start=1)
    ]
    centred = np.allclose(inverse[0], 1.0 / len(levels), rtol=0, atol=1e-12)
    at = f"the {'mean' if centred else 'origin'} of {name}"
    return Reading(name, factor.name, levels, inverse[0], tuple(contrasts), at,
                   f"by {factor.coding} contrasts, as written")  # fmt: skip
