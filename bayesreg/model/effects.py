"""Effects: what a regression reports, as a linear map of its coefficients.

A column of numbers is reported as it is. A factor that has a column for every level is not: beside
an intercept (or beside the slope that it modifies) only differences of its levels are told apart by
the data, and a level's own coefficient has nearly its prior. So every factor is read against an
anchor a, a weighting of its levels that sums to one: the reference level, or the mean of all. With
B_U(l) what the term U adds in cell l, the effect of the factors S in cell l is

    f_S(l) = Σ_{U ⊇ S} ⊗_{g ∈ S} (δ_l − a) ⊗_{g ∈ U∖S} a · B_U,

the anchored decomposition of the sum of all terms with the same numbers in them (Kuo, Sloan,
Wasilkowski & Woźniakowski 2010, Mathematics of Computation 79(270), §2). It is what treatment
coding (a reference) or sum coding (the mean) would estimate, whatever coding was used for the fit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, product
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bayesreg.language.arguments import Array
from bayesreg.model.cells import ROUNDING, Family, families_of, numbers_of
from bayesreg.model.readings import Reading, readings

if TYPE_CHECKING:
    from bayesreg.data.layout import Layout
    from bayesreg.data.moments import Moments
    from bayesreg.data.terms import Term


class Effect(NamedTuple):
    """One reported number: a sum of coefficients and what it means.

    Attributes
    ----------
    name : str
        ``"bmi"``, ``"Student: Yes − No"``, ``"size × region: south − north"``.
    term : str
        What was written in the formula.
    level, reference : str or None
        Which level is set against which, where it is one factor's; ``"mean"`` for their mean.
    columns, weights : tuple
        The effect is Σ weights·β[columns].
    unit : tuple of (int, float)
        Columns whose weighted sum is the number that it is a slope of; empty for a contrast, which
        has no unit but that of y.
    """

    name: str
    term: str
    level: str | None
    reference: str | None
    columns: tuple[int, ...]
    weights: tuple[float, ...]
    unit: tuple[tuple[int, float], ...]


@dataclass(frozen=True, eq=False)
class Columns:
    """The P columns whose coefficients effects are made of.

    Attributes
    ----------
    names : tuple of str
    moments : Moments
        Whose sds are those of the columns.
    intercept : bool
        Whether there is one beside them.
    layout : Layout or None
        Where the terms are known.
    """

    names: tuple[str, ...]
    moments: Moments
    intercept: bool
    layout: Layout | None

    @property
    def terms(self) -> tuple[Term, ...]:
        """What was written, and the columns that it became."""
        return () if self.layout is None else self.layout.terms

    @property
    def sd(self) -> Array:
        """Weighted 1/N sds of the columns (P,)."""
        return self.moments.x_sd

    def sd_of(self, unit: Sequence[tuple[int, float]]) -> float:
        """The weighted 1/N sd of a sum of columns; 1 of none."""
        if len(unit) < 2:
            return abs(unit[0][1]) * float(self.sd[unit[0][0]]) if unit else 1.0
        contrast = np.zeros((1, len(self.names) + 1))
        for column, weight in unit:
            contrast[0, column] += weight
        return float(np.sqrt(max(self.moments.quadratic(contrast)[0], 0.0) / self.moments.n))


@dataclass(frozen=True, eq=False)
class Effects:
    r"""The reported effects of a problem: E sums of its P coefficients, and what each means.

    Attributes
    ----------
    columns : Columns
        Whose coefficients they are.
    rows : tuple of Effect
        In the order of the formula.
    intercept : Effect
        β₀ where every factor is at its anchor; β₀ itself without factors. Its `weights` are those
        of β, to be added to β₀.
    anchor : str
        Where `intercept` is, in words: ``"Student = No"``.
    coding : dict of str to str
        How each factor is read, by name: ``"against No"``, ``"against the mean of its levels"``.

    Examples
    --------
    >>> import pandas as pd, bayesreg as br
    >>> frame = pd.DataFrame({"y": [1.0, 2, 4, 3], "g": list("abab"), "x": [0.0, 1, 1, 3]})
    >>> problem = br.Model(br.Normal(1.0), br.Gaussian(1.0)).condition_formula("y ~ x + g", frame)
    >>> problem.features, problem.effects.names
    (('x', 'g[a]', 'g[b]'), ('x', 'g: b − a'))
    >>> problem.effects.of(np.array([0.5, 1.0, 3.0]))
    array([0.5, 2. ])
    """

    columns: Columns
    rows: tuple[Effect, ...]
    intercept: Effect
    anchor: str
    coding: Mapping[str, str]

    @classmethod
    def read(cls, columns: Columns, reference: Any = None) -> Effects:
        """The effects of the columns, their factors read against `reference`.

        Parameters
        ----------
        columns : Columns
        reference : None, "mean" or mapping, optional
            None: each factor as its coding says: against the level that the formula names, or
            against the first; the mean of its levels under sum coding; what else is written out as
            it is. A mapping gives some of the factors a level, or "mean".

        Raises
        ------
        BadArgument
            If a factor or level is unknown.
        """
        read = readings(columns.terms, reference)
        if not read:
            rows = map(_plain, range(len(columns.names)), columns.names)
            return cls(columns, tuple(rows), _AT_ZERO, "", {})
        found = list(_rows(columns, read))
        at = [row for row in found if not row.name]
        return cls(
            columns,
            tuple(_distinct([row for row in found if row.name])),
            at[0] if at else _AT_ZERO,
            ", ".join(one.at for one in read.values()),
            {one.name: one.words for one in read.values()},
        )

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the E effects."""
        return tuple(row.name for row in self.rows)

    @cached_property
    def plain(self) -> bool:
        """Whether every effect is a coefficient: there are no factors."""
        return not self.coding

    @cached_property
    def contrasts(self) -> NDArray[np.bool_]:
        """Which effects (E,) are differences between levels, not slopes of numbers."""
        return np.array([not row.unit for row in self.rows], dtype=bool)

    @cached_property
    def single(self) -> NDArray[np.intp]:
        """The column that an effect is the coefficient of (E,); −1 where it is a sum of several."""
        return np.array([_single(row) for row in self.rows], dtype=np.intp)

    @cached_property
    def sd(self) -> Array:
        """What turns an effect into one per standard deviation (E,): the sd of the number.

        A contrast between levels is whole as it is: its factor is 1.
        """
        if self.plain:
            return self.columns.sd
        return np.array([self.columns.sd_of(row.unit) for row in self.rows], dtype=float)

    @cached_property
    def weights(self) -> Array:
        """W (E, P) with Wβ the effects."""
        out = np.zeros((len(self.rows), len(self.columns.names)))
        for k, row in enumerate(self.rows):
            out[k, list(row.columns)] = row.weights
        return out

    def of(self, beta: Array) -> Array:
        """The effects (…, E) of coefficients (…, P): of draws, or of an optimum."""
        beta = np.asarray(beta, dtype=float)
        if self.plain:
            return beta
        if not self.rows:
            return np.empty((*beta.shape[:-1], 0))
        return np.stack([self.one(k, beta) for k in range(len(self.rows))], axis=-1)

    def one(self, k: int, beta: Array) -> Array:
        """The k-th effect (…) of coefficients (…, P)."""
        row = self.rows[k]
        if row.weights == (1.0,):
            return np.asarray(beta[..., row.columns[0]])
        return np.asarray(beta[..., list(row.columns)] @ np.array(row.weights))

    def zero(self, beta: Array) -> NDArray[np.bool_]:
        """Which effects (E,) of an optimum are zero: a coefficient exactly, a sum to rounding."""
        beta = np.asarray(beta, dtype=float)
        size = [np.abs(row.weights) @ np.abs(beta[list(row.columns)]) for row in self.rows]
        limit = np.where(self.single >= 0, 0.0, ROUNDING * np.array(size, dtype=float))
        return np.asarray(np.abs(self.of(beta)) <= limit)

    def at_anchor(self, intercept: Array, beta: Array) -> Array:
        """β₀ where every factor is at its anchor, of coefficients (…, P) and intercepts (…)."""
        if not self.intercept.columns:
            return intercept
        added = np.asarray(beta)[..., list(self.intercept.columns)]
        return np.asarray(intercept + added @ np.array(self.intercept.weights))

    def base(self, variable: str) -> str | None:
        """The level that a variable's factor is set against; None where that is no level."""
        for one in readings(self.columns.terms, None).values():
            references = {contrast.reference for contrast in one.contrasts}
            if one.name == variable and len(references) == 1:
                return references.pop()
        return None

    def between(self, factor: str, level: str, other: str) -> Effect | None:
        """The effect of one level of a factor against another; None if there are no such."""
        for one in readings(self.columns.terms, None).values():
            if factor in (one.name, one.factor) and {level, other} <= set(one.levels):
                found = Effects.read(self.columns, {one.name: other})
                same = (r for r in found.rows if r.level == level and r.reference == other)
                return next((r for r in same if r.name.startswith(f"{one.name}:")), None)
        return None

    @cached_property
    def groups(self) -> tuple[tuple[int, ...], ...]:
        """Columns that say one thing together: those of terms that share numbers and a factor."""
        if self.plain:
            return ()
        found = families_of(self.columns.terms).values()
        return tuple(group for family in found for group in family.groups)

    @property
    def note(self) -> str:
        """A line to stand above coefficients of levels; nothing without factors."""
        if self.plain:
            return ""
        return f"  levels are told apart by their differences only: see effects() ({self.words})\n"

    @property
    def words(self) -> str:
        """How the factors are read, in a sentence; nothing without factors."""
        if self.plain:
            return ""
        said = "; ".join(f"{name} {how}" for name, how in self.coding.items())
        return f"factors: {said}"


_AT_ZERO = Effect("", "1", None, None, (), (), ())


def _plain(column: int, name: str) -> Effect:
    return Effect(name, name, None, None, (column,), (1.0,), ((column, 1.0),))


def _distinct(rows: list[Effect]) -> Iterator[Effect]:
    """The rows, with their term where a column of the data happens to have an effect's name."""
    count = Counter(row.name for row in rows)
    for row in rows:
        alike = count[row.name] > 1 and row.weights != (1.0,)
        yield row._replace(name=f"{row.name} ({row.term})") if alike else row


def _single(row: Effect) -> int:
    return row.columns[0] if row.weights == (1.0,) else -1


def _rows(columns: Columns, read: Mapping[str, Reading]) -> Iterator[Effect]:
    """Every effect in the order of the terms; the intercept at the anchors without a name."""
    families = families_of(columns.terms)
    done: set[tuple[tuple[str, ...], frozenset[str]]] = set()
    for term in columns.terms:
        family = families[numbers_of(term)]
        if not any(one.factors for one in family.terms):
            yield from (_plain(j, columns.names[j]) for j in term.columns)
            continue
        factors = [factor.name for factor in term.factors]
        for size in range(len(factors) + 1):
            for subset in combinations(factors, size):
                key = (family.numbers, frozenset(subset))
                if key not in done:
                    done.add(key)
                    after = _after(families, family, subset, read)
                    yield from _of(columns, family, term, subset, read, after)


def _of(
    columns: Columns,
    family: Family,
    term: Term,
    subset: tuple[str, ...],
    read: Mapping[str, Reading],
    after: str,
) -> Iterator[Effect]:
    """The effects of one set of factors on the numbers of a family."""
    anchors = {name: one.anchor for name, one in read.items()}
    for part in range(family.parts):
        lead = _lead(columns, family, part)
        unit = family.unit(part)
        for chosen in product(*(read[name].contrasts for name in subset)):
            vectors = {**anchors, **{n: c.vector for n, c in zip(subset, chosen, strict=True)}}
            found = family.weights(subset, vectors, part)
            at_zero = not lead and not subset
            name = " × ".join([lead] * bool(lead) + [c.name for c in chosen]) + after
            if at_zero:
                name = "" if columns.intercept else f"level{after}"
            one = chosen[0] if len(chosen) == 1 else None
            yield Effect(
                name,
                term.name,
                one and one.level,
                one and one.reference,
                tuple(found),
                tuple(found.values()),
                unit,
            )


def _lead(columns: Columns, family: Family, part: int) -> str:
    """What the numbers of a family are called; nothing where there are none."""
    if not family.numbers:
        return ""
    alone = [cell.column for cell in family.cells if cell.part == part and not cell.codes]
    if alone:
        return columns.names[alone[0]]
    return ":".join(family.numbers) + (f"[{part + 1}]" if family.parts > 1 else "")


def _after(
    families: Mapping[tuple[str, ...], Family],
    family: Family,
    subset: tuple[str, ...],
    read: Mapping[str, Reading],
) -> str:
    """Where an effect that interacts with others is taken: `` at x = 0, g = p``."""
    others: list[str] = []
    numbers: list[str] = []
    for one in families.values():
        if not set(family.numbers) <= set(one.numbers):
            continue
        for term in one.terms:
            inside = [factor.name for factor in term.factors]
            if not set(subset) <= set(inside):
                continue
            if one is family:
                others += [name for name in inside if name not in subset]
            elif subset and (one.numbers != family.numbers):
                numbers += [name for name in one.numbers if name not in family.numbers]
    said = [f"{name} = 0" for name in dict.fromkeys(numbers)]
    said += [read[name].at for name in dict.fromkeys(others)]
    return f" at {', '.join(said)}" if said else ""
