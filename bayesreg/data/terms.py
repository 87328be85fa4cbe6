"""Terms: what was written as one predictor, and which columns and levels it became."""

from __future__ import annotations

from typing import NamedTuple

Level = str | int | float | bool | None


class Factor(NamedTuple):
    """A factor inside a term: its levels, and how they became columns.

    Attributes
    ----------
    name : str
        The column's name, or the text of the formula, such as ``"C(sex)"``.
    levels : tuple
        Every level, in its order, those included that have no column of their own.
    coding : str
        ``"indicator"`` (one column per level), ``"treatment"`` (all but the reference), ``"sum"``,
        ``"helmert"``, ``"poly"``, … as written.
    reference : level or None
        The level left out under treatment coding; under ``"indicator"`` the one that the formula
        names all the same.
    variable : str
        The one column of the data that it is of; empty where it is of none or several.
    """

    name: str
    levels: tuple[Level, ...]
    coding: str
    reference: Level = None
    variable: str = ""


class Term(NamedTuple):
    """What the user wrote as one predictor, and the columns that it became.

    Attributes
    ----------
    name : str
        ``"bmi"``, or the text of a formula term such as ``"C(sex)"``.
    columns : tuple of int
        Positions in ``Design.X``.
    coding : str or None
        ``"indicator"`` (one column per level), ``"treatment"`` (a reference level left out), the
        contrast's name, or None for numbers.
    reference : str or None
        The level left out under treatment coding.
    factors : tuple of Factor
        Those that the term multiplies; none where it is made of numbers.
    levels : tuple of tuple
        Of each column, the level of each factor that it stands for; None where the column is not
        about one level of that factor, as under polynomial coding.
    numbers : tuple of str
        What else the term multiplies, as written: ``("x",)`` of ``x:C(g)``.
    codes : tuple of tuple
        Of each column, its value at every level of each factor; None where that is 1 at the level
        which the column stands for and 0 elsewhere. Empty where it is so everywhere.

    Examples
    --------
    >>> region = Factor("region", ("north", "south"), "indicator")
    >>> term = Term("region", (0, 1), "indicator", None, (region,), (("north",), ("south",)))
    >>> [dict(zip([f.name for f in term.factors], one)) for one in term.levels]
    [{'region': 'north'}, {'region': 'south'}]
    """

    name: str
    columns: tuple[int, ...]
    coding: str | None = None
    reference: str | None = None
    factors: tuple[Factor, ...] = ()
    levels: tuple[tuple[Level, ...], ...] = ()
    numbers: tuple[str, ...] = ()
    codes: tuple[tuple[tuple[float, ...] | None, ...], ...] = ()


def of_factor(name: str, levels: tuple[Level, ...], first: int, *, reference: Level = None) -> Term:
    """The term of one factor from column `first` on: indicators, or all levels but a reference."""
    coding = "indicator" if reference is None else "treatment"
    shown = tuple(level for level in levels if reference is None or level != reference)
    return Term(
        name,
        tuple(range(first, first + len(shown))),
        coding,
        None if reference is None else str(reference),
        (Factor(name, levels, coding, reference, name),),
        tuple((level,) for level in shown),
    )
