"""Layout: what the columns of a fit are, without their rows; new rows are put in it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from bayesreg.data.blocks import listed, positions
from bayesreg.data.columns import truth_columns
from bayesreg.data.frames import as_frame
from bayesreg.data.sparse import read_any, refuse_nonfinite_cells, some_columns
from bayesreg.data.terms import Term
from bayesreg.data.variables import BOOL, NUMBER, refuse_other_kind
from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadData
from bayesreg.language.misnamed import explained_throughout
from bayesreg.language.warned import warn


@explained_throughout
class Layout:
    """What the columns of a fit are: a design has rows beside it, a stream has them elsewhere.

    Attributes
    ----------
    names, y_name : tuple of str, str
    terms : tuple of Term
    spec : object or None
        What re-applies a formula to new data; None without a formula.
    intercept : bool or None
        What the formula said of the intercept; None when nothing was said.
    named : bool
        Whether the columns came with names of their own.
    truths : tuple of str
        The columns that held true and false, and not numbers.
    origin : str
        What was read to have the rows, in words; empty where they were in memory.
    beside : dict
        The columns that offset, exposure and trials were, by these words, for new rows to bring.
    """

    names: tuple[str, ...]
    y_name: str
    terms: tuple[Term, ...]
    spec: Any
    intercept: bool | None
    named: bool
    truths: tuple[str, ...]
    origin: str
    beside: dict[str, str]

    @property
    def shifted(self) -> bool:
        """Whether a part of η was known, so that new rows need theirs."""
        raise NotImplementedError

    @property
    def by_formula(self) -> bool:
        """Whether a formula makes the columns."""
        return hasattr(self.spec, "offset_of")

    def numbers(self, column: int) -> Array:
        """Enough values of a column at the fit to tell whether it held 0 and 1 alone."""
        raise NotImplementedError

    def encode(self, new: object) -> Array:
        """New rows as a float64 array (n_new, p) in the columns of the fit.

        Parameters
        ----------
        new : array (n_new, p) or data frame
            Frames go by name, in any order, and a formula is applied anew with the levels and
            transformations of the fit; arrays go by position.

        Returns
        -------
        ndarray (n_new, p)

        Raises
        ------
        BadData
            Missing or unexpected columns, unseen categories, missing or infinite values.
        """
        notes: list[str] = []
        if self.spec is not None:
            values = self.spec.encode(new, notes)
        else:
            new = as_frame(new)
            values, truths = self._by_name_or_position(new, notes)
            self.refuse_other_kinds(values, truths)
        refuse_nonfinite_cells(values, self.names, "new X")
        for note in notes:
            warn(note)
        found: Array = values
        return found

    def offset_of(self, new: object) -> Array | None:
        """The offset (n_new,) that the formula makes of new rows; None where it says none."""
        made = getattr(self.spec, "offset_of", None)
        return None if made is None else made(new)

    def refuse_other_kinds(self, values: Array, truths: Collection[int]) -> None:
        """Raise where numbers have become true and false since the fit, or these numbers.

        Parameters
        ----------
        values : ndarray (n_new, p)
            New rows in the columns of the fit.
        truths : collection of int
            Which of them hold true and false.
        """
        kinds = (NUMBER, BOOL)
        names = set(self.truths)
        held_so = {j for j, name in enumerate(self.names) if name in names}
        for j in held_so ^ set(truths):
            now, held = kinds[j in truths], kinds[j in held_so]
            numbers = values[:, j] if held == BOOL else self.numbers(j)
            refuse_other_kind(self.names[j], now, held, numbers, "new X")

    def _by_name_or_position(self, new: object, notes: list[str]) -> tuple[Array, frozenset[int]]:
        """New rows in the columns of the fit, and which of these hold true and false."""
        columns, truths = read_any(new, "new X", notes), truth_columns(new)
        width = columns.values.shape[1]
        by_name = columns.names is not None and (
            self.named or set(columns.names) == set(self.names)
        )
        if by_name:
            assert columns.names is not None
            places = positions(self.names, columns.names, "new X", "the fit")
            found = frozenset(j for j, place in enumerate(places) if place in truths)
            return some_columns(columns.values, places), found
        if width != len(self.names):
            raise BadData(
                f"new X has {width} columns and the fit has {len(self.names)}: {listed(self.names)}"
            )
        if self.named and self.names:
            notes.append(
                "new X has no column names; its columns were taken in the order of the fit: "
                f"{listed(self.names)}"
            )
        elif columns.names is not None:
            notes.append("the fit had no column names; the columns of new X were taken in order")
        return columns.values, truths
