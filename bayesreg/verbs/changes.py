"""Changes: from which value of a variable to which, and what its slope is in the columns."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bayesreg.data.population import Population, repeated
from bayesreg.language.arguments import Array, did_you_mean, is_number
from bayesreg.language.errors import BadArgument
from bayesreg.model.effects import Effects

DIFFERENCE, RATIO = "difference", "ratio"
KINDS_OF_COMPARISON = (DIFFERENCE, RATIO)
STEP = 1e-5  # of the sd: near the cube root of the rounding unit, where both errors are least
LINEAR = 1e-10  # of a slope's size: what differs by less differs by rounding


@dataclass(frozen=True, eq=False)
class Change:
    """One variable from one value to another.

    Attributes
    ----------
    variable : str
    low, high : value
        From and to; what is added to the row's own value where `relative`.
    relative : bool
    said : str
        A step in words; empty where the ends speak for themselves.
    """

    variable: str
    low: Any
    high: Any
    relative: bool = False
    said: str = ""

    def label(self, comparison: str) -> str:
        """What is compared, in symbols."""
        if self.said:
            return self.said
        sign = "/" if comparison == RATIO else "−"
        return f"{_shown(self.high)} {sign} {_shown(self.low)}"

    def ends(self, there: Population) -> tuple[Any, Any]:
        """The values (n,) of the variable after and before the change."""
        n = len(there.frame)
        if not self.relative:
            return repeated(self.high, n), repeated(self.low, n)
        own = there.frame[self.variable].to_numpy().astype(float)
        return own + self.high, own + self.low


def changes_of(population: Population, variables: Any, effects: Effects) -> Iterator[Change]:
    """Every change that was asked for; of every variable unless some are named.

    Raises
    ------
    BadArgument
        If a variable or level is unknown, or a change is none that there is.
    """
    if variables is None:
        variables = population.predictors
    if isinstance(variables, str):
        variables = [variables]
    population.check(variables, "variables")
    asked = variables if isinstance(variables, Mapping) else dict.fromkeys(variables)
    for name, how in asked.items():
        if name in population.levels:
            yield from _of_factor(population, name, how, effects)
        else:
            yield _of_number(population, name, how)


def _of_factor(population: Population, name: str, how: Any, effects: Effects) -> Iterator[Change]:
    levels = list(population.levels[name])
    if how is None or how == "reference":
        base = next((one for one in levels if str(one) == effects.base(name)), levels[0])
        pairs: Any = [(base, level) for level in levels if level != base]
    elif isinstance(how, str) and how in ("pairwise", "sequential"):
        pairs = itertools.combinations(levels, 2)
        pairs = pairs if how == "pairwise" else itertools.pairwise(levels)
    elif isinstance(how, list | tuple) and len(how) == 2:
        wrong = [level for level in how if level not in levels]
        if wrong:
            raise BadArgument(
                f"variables: {wrong[0]!r} is no level of {name!r}"
                f"{did_you_mean(wrong[0], map(str, levels))} (levels: "
                f"{', '.join(map(str, levels[:12]))})"
            )
        pairs = [tuple(how)]
    else:
        raise BadArgument(
            f"variables: the factor {name!r} is changed by 'reference', 'pairwise', 'sequential' "
            f"or (from, to), not {how!r}"
        )
    for low, high in pairs:
        yield Change(name, low, high)


def _of_number(population: Population, name: str, how: Any) -> Change:
    values, weights = population.seen(name)
    if how is None:
        if name in population.binary:
            return Change(name, 0, 1)
        how = 1
    if is_number(how) and np.isfinite(how) and how != 0:
        return Change(
            name, 0.0, float(how), relative=True, said=f"{float(how):+g}".replace("-", "−")
        )
    if isinstance(how, list | tuple) and len(how) == 2 and all(map(is_number, how)):
        return Change(name, float(how[0]), float(how[1]))
    if how == "sd":
        sd = _sd(values, weights)
        return Change(name, -sd / 2, sd / 2, relative=True, said="(x + sd/2) − (x − sd/2)")
    if how == "iqr":
        low, high = np.quantile(values, [0.25, 0.75])
        return Change(name, float(low), float(high), said="Q3 − Q1")
    if how == "minmax":
        return Change(name, float(values.min()), float(values.max()), said="max − min")
    raise BadArgument(
        f"variables: the number {name!r} is changed by a step, (from, to), 'sd', 'iqr' or "
        f"'minmax', not {how!r}"
    )


def slope_of(there: Population, name: str, eps: float | None) -> Array:
    """∂x/∂v (n, p) of the columns of each row in one number: exact, or a central difference.

    Exact for the columns that are linear in v: on the way from the row's value to the further end
    of the data, where every transformation has a value, their slope is the same.
    """
    if eps is not None and not (is_number(eps) and np.isfinite(eps) and eps > 0):
        raise BadArgument(f"eps must be a positive number, not {eps!r}")
    own = there.frame[name].to_numpy().astype(float)
    values, weights = there.seen(name)
    h = STEP * (_sd(values, weights) or 1.0) if eps is None else float(eps)
    up, down = (there.moved(name, own + step).X() for step in (h, -h))
    central = (up - down) / (2.0 * h)
    if eps is not None:
        return central
    low, high = float(values.min()), float(values.max())
    way = np.where(own - low > high - own, low - own, high - own)
    way[way == 0.0] = 1.0
    start = there.moved(name, own).X()
    secants = [
        (there.moved(name, own + share * way).X() - start) / (share * way)[:, None]
        for share in (1.0, 0.5, 0.3)
    ]
    size = np.max(np.abs(secants), axis=(0, 1), initial=0.0)
    size += np.max(np.abs(start), axis=0, initial=0.0) / np.min(np.abs(way), initial=np.inf)
    straight = np.ptp(secants, axis=0).max(axis=0, initial=0.0) <= LINEAR * size
    return np.where(straight, secants[0], central)


def _sd(values: Array, weights: Array) -> float:
    mean = np.average(values, weights=weights)
    return float(np.sqrt(np.average(np.square(values - mean), weights=weights)))


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
