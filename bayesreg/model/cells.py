"""Cells: terms as functions of the levels of their factors, and the numbers that they multiply.

Terms with the same numbers in them add up to one function of the levels: a family. ``x``, ``x:g``
and ``x:h`` are one, with the numbers x; all terms of factors alone are another, with none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bayesreg.language.arguments import Array
from bayesreg.model.readings import codes

if TYPE_CHECKING:
    from bayesreg.data.terms import Term

# Of a column's weight, below which it is rounding.
ROUNDING = 1e-12


class Cell(NamedTuple):
    """A column as the product of a number (the k-th that the term's numbers make) and codes."""

    column: int
    part: int
    codes: dict[str, Array]


@dataclass(frozen=True, eq=False)
class Family:
    """The terms with the same numbers in them: they add up to one function of the levels."""

    numbers: tuple[str, ...]
    terms: tuple[Term, ...]
    cells: tuple[Cell, ...]

    @classmethod
    def of(cls, numbers: tuple[str, ...], terms: Sequence[Term]) -> Family:
        """Every column of the terms with its codes."""
        cells = []
        for term in terms:
            seen: dict[tuple[bytes, ...], int] = {}
            for j, column in enumerate(term.columns):
                found = codes(term, j)
                key = tuple(code.tobytes() for code in found.values())
                cells.append(Cell(column, seen.get(key, 0), found))
                seen[key] = seen.get(key, 0) + 1
        return cls(numbers, tuple(terms), tuple(cells))

    @property
    def groups(self) -> list[tuple[int, ...]]:
        """Columns of terms that share a factor; the numbers alone belong to all that have them."""
        sets: list[tuple[set[str], set[int]]] = []
        alone = [j for term in self.terms if not term.factors for j in term.columns]
        for term in self.terms:
            names, columns = {f.name for f in term.factors}, {*term.columns, *alone}
            if not names:
                continue
            for one in [one for one in sets if one[0] & names or alone]:
                sets.remove(one)
                names, columns = names | one[0], columns | one[1]
            sets.append((names, columns))
        return [tuple(sorted(columns)) for _, columns in sets]

    @property
    def parts(self) -> int:
        """How many numbers the terms' numbers make: poly(x, 2) makes two."""
        return 1 + max((cell.part for cell in self.cells), default=0)

    def weights(
        self, subset: Sequence[str], vectors: Mapping[str, Array], part: int
    ) -> dict[int, float]:
        """Weights of the columns: `vectors` are contrasts of the subset, anchors of the rest."""
        out: dict[int, float] = {}
        for cell in self.cells:
            if cell.part == part and set(subset) <= set(cell.codes):
                weight = np.prod([vectors[name] @ code for name, code in cell.codes.items()])
                if abs(weight) > ROUNDING:
                    out[cell.column] = float(weight)
        return out

    def unit(self, part: int) -> tuple[tuple[int, float], ...]:
        """Columns whose weighted sum is the part-th number; none where there are no numbers."""
        if not self.numbers:
            return ()
        cells = [cell for cell in self.cells if cell.part == part]
        alone = [cell.column for cell in cells if not cell.codes]
        if alone:
            return ((alone[0], 1.0),)
        widest = max((tuple(cell.codes) for cell in cells), key=len)
        cells = [cell for cell in cells if tuple(cell.codes) == widest]
        grid = np.column_stack([_outer(list(cell.codes.values())) for cell in cells])
        if np.all(grid.sum(axis=1) == 1.0):
            weights = np.ones(len(cells))
        else:
            weights = np.linalg.lstsq(grid, np.ones(len(grid)))[0]
        return tuple((c.column, float(w)) for c, w in zip(cells, weights, strict=True))


def _outer(vectors: Sequence[Array]) -> Array:
    """Their products over all combinations of levels."""
    out = np.ones(1)
    for vector in vectors:
        out = np.multiply.outer(out, vector).ravel()
    return out


def families_of(terms: Sequence[Term]) -> dict[tuple[str, ...], Family]:
    """The families of some terms, by their numbers."""
    grouped: dict[tuple[str, ...], list[Term]] = {}
    for term in terms:
        grouped.setdefault(numbers_of(term), []).append(term)
    return {numbers: Family.of(numbers, members) for numbers, members in grouped.items()}


def numbers_of(term: Term) -> tuple[str, ...]:
    """What of a term is no factor, in one order."""
    return tuple(sorted(term.numbers)) if term.factors or term.numbers else (term.name,)
