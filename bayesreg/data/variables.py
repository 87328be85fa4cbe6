"""The type of a variable, remembered at the fit: numbers, truth values, text, or categories.

New data of another type are taken by value where each value is one that the fit knew, and refused
otherwise, with what the column was and is. Nothing is coded as something else.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bayesreg.language.errors import BadData

NUMBER, BOOL, TEXT, CATEGORY = "number", "bool", "text", "category"


@dataclass(frozen=True)
class Variable:
    """A column of the data as the fit saw it.

    Attributes
    ----------
    name : str
    kind : {"number", "bool", "text", "category"}
    levels : tuple
        Of categories, every one in its order; of numbers that are only ever 0 and 1, these.

    Examples
    --------
    >>> import pandas as pd
    >>> rooms = Variable.of("rooms", pd.Categorical([2, 1, 10]))
    >>> rooms.recoded([10, 1], "new X").tolist()
    [10, 1]
    """

    name: str
    kind: str
    levels: tuple[Any, ...] = ()

    @classmethod
    def of(cls, name: str, values: Any) -> Variable:
        """The type of a column: a pandas Categorical, or an array of numbers, bools or text."""
        kind = kind_of(values)
        if kind == CATEGORY:
            return cls(name, kind, tuple(values.categories.tolist()))
        if kind == NUMBER and len(values) and np.isin(values, (0, 1)).all():
            return cls(name, kind, (0, 1))
        return cls(name, kind)

    @property
    def words(self) -> str:
        """What the column held, in words."""
        return said(self.kind, self.levels)

    def recoded(self, values: Any, what: str, *, factor: bool = False) -> Any:
        """New values in the type of the fit; `factor` where its numbers were taken as levels.

        Raises
        ------
        BadData
            If they are of another type and not all of them values that the fit knew.
        """
        kind = kind_of(values)
        if self.kind == CATEGORY:
            return self._categories(values, what)
        if len(values) == 0:
            return np.empty(0, {BOOL: bool, TEXT: object}.get(self.kind, float))
        if kind == self.kind:
            return values
        inner = kind_of(np.asarray(values.categories)) if kind == CATEGORY else kind
        if kind == CATEGORY and inner == self.kind and (factor or self.kind != NUMBER):
            return np.asarray(values, dtype={BOOL: bool, TEXT: object}.get(self.kind))
        flags = {kind, self.kind} == {NUMBER, BOOL} and (self.kind == BOOL or self.levels)
        if flags and np.isin(values, (0, 1)).all():
            return np.asarray(values, dtype=bool if self.kind == BOOL else np.int64)
        levels = tuple(values.categories.tolist()) if kind == CATEGORY else ()
        raise BadData(
            f"column {self.name!r} of {what} holds {said(kind, levels)}, and held {self.words} at "
            "the fit; convert it to what it was"
        )

    def _categories(self, values: Any, what: str) -> Any:
        import pandas as pd

        place = {level: k for k, level in enumerate(self.levels)}
        if len(place) < len(self.levels):  # 1 and True, say
            raise BadData(f"column {self.name!r}: two of its categories are equal; rename one")
        codes, distinct = pd.factorize(np.asarray(values, dtype=object))
        found = np.array([place.get(_python(value), -1) for value in distinct] or [0], dtype=int)
        unseen = np.flatnonzero(found[codes] < 0) if len(codes) else codes
        if len(unseen):
            raise BadData(
                unseen_level(self.name, what, int(unseen[0]), values[int(unseen[0])], self.levels)
            )
        return pd.Categorical.from_codes(found[codes].tolist(), categories=pd.Index(self.levels))


def refuse_other_kind(name: str, now: str, held: str, values: Any, what: str) -> None:
    """Raise where numbers have become true and false, or back, and are not all of them 0 and 1.

    Parameters
    ----------
    name : str
    now, held : {"number", "bool"}
        The kind of the new column, and of the one at the fit.
    values : ndarray
        Of whichever of the two holds numbers.
    what : str
        What the new column is of.
    """
    if now != held and not np.isin(values, (0, 1)).all():
        raise BadData(
            f"column {name!r} of {what} holds {said(now)}, and held {said(held)} at the fit; "
            "convert it to what it was"
        )


def kind_of(values: Any) -> str:
    """The kind of a column."""
    if type(values).__name__ == "Categorical":
        return CATEGORY
    values = np.asarray(values)
    if values.dtype.kind == "b":
        return BOOL
    if values.dtype.kind in "UT" or (values.dtype == object and is_text(values)):
        return TEXT
    return NUMBER


def is_text(values: Any) -> bool:
    """Whether a column holds text throughout."""
    return len(values) > 0 and all(isinstance(value, str) for value in values)


def said(kind: str, levels: Sequence[Any] = ()) -> str:
    """A kind of column in words."""
    if kind == CATEGORY:
        return f"categories ({listed(levels)})"
    return {NUMBER: "numbers", BOOL: "true and false", TEXT: "text"}[kind]


def listed(levels: Iterable[Any]) -> str:
    """The first ten levels."""
    found = [repr(_python(level)) for level in levels]
    return ", ".join(found[:10]) + (f", … ({len(found)} in all)" if len(found) > 10 else "")


def unseen_level(name: str, what: str, row: int, value: Any, known: Sequence[Any]) -> str:
    """What to do about a category that the fit never saw."""
    alike = [level for level in known if isinstance(level, str) and _form(level) == _form(value)]
    hint = "; the two differ in their Unicode form only: .str.normalize('NFC')" if alike else ""
    if any(str(level) == str(value) for level in known):  # '1' and 1
        hint = f"; {_python(value)!r} is {type(_python(value)).__name__}: convert the column"
    return (
        f"column {name!r} of {what} has category {str(value)!r} in row {row} (from 0), which the "
        f"fit never saw; it saw {listed(known)}{hint}. Drop such rows, give them a category that "
        "it saw, or fit again with rows of this one"
    )


def refuse_unsaid(values: Any, name: str, levels: Sequence[Any]) -> None:
    """Raise where a column has a level that was not said to be one."""
    odd = np.flatnonzero(~values.isin(levels).to_numpy())
    if len(odd):
        raise BadData(
            f"column {name!r} has the level {values.iloc[odd[0]]!r} in row {odd[0]} (from 0), and "
            f"its levels were said to be {listed(levels)}; add it to levels=, or leave out the row"
        )


def refuse_lookalikes(levels: Iterable[Any], label: str) -> None:
    """Raise if two levels look the same and differ in their Unicode form, as é and e + ´ do."""
    seen: dict[str, str] = {}
    for level in levels:
        if isinstance(level, str) and seen.setdefault(_form(level), level) != level:
            raise BadData(
                f"{label} has two levels that look alike, {level!r}, written with different code "
                "points (Unicode NFC and NFD); make them one with .str.normalize('NFC')"
            )


def _form(level: Any) -> str:
    return unicodedata.normalize("NFC", str(level))


def _python(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
