"""A formula by cells: which of its columns the rows of a cell share, and what varies within.

A column of a formula is a product of factors. Those that read what a cell has in common are one
number there; the product of the others, an atom, varies: so a column is its code in the cell times
one atom, or the code alone. What a cell must remember of its rows are mean and scatter of atoms.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.data.coding import materialised, renamed, unlearnt
from bayesreg.data.formula_rows import FormulaRows, Labelled, Made
from bayesreg.data.grammar import Parsed, parse
from bayesreg.data.grouped import Grouped, TooManyCells
from bayesreg.data.stores.base import Source
from bayesreg.data.terms import Term
from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadData

if TYPE_CHECKING:
    import pandas as pd

LOOKED = 1_000_000  # rows by which it is decided, the first: the same on every machine
FEW = 64  # values up to which a number may be what the rows of a cell share
MOST = 1_000_000  # cells
EACH = 8  # rows in a cell on average, below which cells spare no work
ATOMS = 12  # above, products of rows cost less
DONORS = 1_000  # rows among which one is looked for at which an atom is large


@dataclass(frozen=True, eq=False)
class CellColumns:
    """A coder whose columns are the keys of cells, then atoms.

    Attributes
    ----------
    rows : FormulaRows
    keys : tuple of str
        The columns that the rows of a cell share.
    atoms : tuple of Made
        What varies within: terms of one column.
    response : bool
        Whether the formula's response is made.
    """

    rows: FormulaRows
    keys: tuple[str, ...]
    atoms: tuple[Made, ...] = ()
    response: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        """Of keys and atoms."""
        return (*self.keys, *(f"atom {k}" for k in range(len(self.atoms))))

    @property
    def variables(self) -> tuple[str, ...]:
        """The columns that are read."""
        return self.rows.variables

    @property
    def levels(self) -> Mapping[str, tuple[Any, ...]]:
        """Those of them that are read as places among these levels."""
        return self.rows.levels

    def numbers(self, column: Any, name: str, what: str, notes: list[str]) -> Array:
        """A column as numbers."""
        return self.rows.numbers(column, name, what, notes)

    def coded(
        self, held: Mapping[str, Array], place: Callable[[int], str]
    ) -> tuple[tuple[Array, ...], dict[str, Array]]:
        """Keys and atoms, and the response."""
        self.rows.refuse_new(held, place)
        made = [*self.atoms, *self.rows.response]
        plain = [self._plain(one) for one in made]
        if self.rows.spec.offset is None and len(self.rows.response) == 1 and all(plain):
            *atoms, y = (held[name] for name in plain)
            return (*(held[name] for name in self.keys), *atoms), {"y": y}
        data = self.rows.frame(held)
        formula = self.rows.spec.formula
        atoms = [one.values(formula, data) for one in self.atoms]
        return (*(held[name] for name in self.keys), *atoms), self.rows.beside(data)

    @property
    def labels(self) -> tuple[Any, ...] | None:
        """What the numbers of the response stand for."""
        return self.rows.labels

    def labelled(self, labels: tuple[Any, ...]) -> CellColumns:
        """The same, these labels in this order."""
        return replace(self, rows=self.rows.labelled(labels))

    def _plain(self, made: Made | Labelled) -> str:
        """The column of numbers that a term is; or nothing, where it is more."""
        if isinstance(made, Labelled):
            return made.name
        (term,) = made.spec.terms
        if len(term.factors) != 1 or term.factors[0].eval_method.value != "lookup":
            return ""
        (name,) = made.tokens.values()
        return name if self.rows.kinds[name] in ("number", "integer") else ""


@dataclass(frozen=True, eq=False)
class Plan:
    """How a formula is made of cells.

    Attributes
    ----------
    columns : CellColumns
    atom : ndarray of int (p,)
        The atom of each column of the formula; −1 where it has none.
    donors : tuple of mapping
        Of each atom, values of the columns that are no keys at which it is large.
    """

    columns: CellColumns
    atom: Array
    donors: tuple[Mapping[str, float], ...]

    def codes(self, keys: Array) -> Array:
        """The code (C, p) of each column in cells of these keys (C, k).

        The formula is evaluated at the keys and the values of a donor, and divided by its atom.

        Raises
        ------
        BadData
            If the formula makes no number of a key.
        """
        rows, spec = self.columns.rows, self.columns.rows.spec
        out = np.empty((len(keys), len(spec.names)))
        for k, donor in enumerate(self.donors or ({},)):
            held = dict.fromkeys(rows.kinds, np.zeros(len(keys)))  # what is read for y alone
            held |= dict(zip(self.columns.keys, keys.T, strict=True))
            held |= {name: np.full(len(keys), value) for name, value in donor.items()}
            data = rows.frame(held)
            values = spec.values(data)
            here = self.atom == k
            if k == 0:
                out[:, self.atom < 0] = values[:, self.atom < 0]
            if here.any():
                size = self.columns.atoms[k].values(spec.formula, data)
                out[:, here] = values[:, here] / size[:, None]
        if not np.isfinite(out).all():
            cell, j = (int(one[0]) for one in np.nonzero(~np.isfinite(out)))
            where = dict(zip(self.columns.keys, keys[cell].tolist(), strict=True))
            raise BadData(f"the formula makes no number of {spec.names[j]!r} where {where}")
        return out

    def binary(self, keys: Array) -> NDArray[np.bool_]:
        """Which columns (p,) hold 0 and 1 alone in cells of these keys."""
        found = self.atom < 0
        for start in range(0, len(keys), 4096):
            codes = self.codes(keys[start : start + 4096])
            found &= ((codes == 0.0) | (codes == 1.0)).all(axis=0)
        return found


def plan(rows: FormulaRows, terms: Sequence[Term], source: Source) -> Plan | None:
    """By which cells a formula is made, or None where rows are better.

    It is decided by the first million rows: numbers of few values become keys where there are
    several rows in a cell all the same.
    """
    parsed = parse(rows.spec.formula, source.names)
    right = [term for term in parsed.right if term.degree > 0]
    used = {name for one in right for name in parsed.read([one]).values()}
    fixed = [n for n in rows.kinds if n in used and (n in rows.levels or n in rows.known)]
    fixed += [n for n, kind in rows.kinds.items() if n in used and kind == "bool"]
    free = [n for n in rows.kinds if n in used and n not in fixed]
    if not used:
        return None
    first = _look(rows, [*fixed, *free], source, DONORS)
    if not all(map(len, first.values())):
        return None
    few = [n for n in free if _has_few(first[n])]
    looked = _look(rows, [*fixed, *few], source, LOOKED)
    few = [n for n in few if _has_few(looked[n])]
    found = None
    for keys in ([*fixed, *few], fixed):
        if keys and _are_few([looked[n] for n in keys]):
            found = _planned(rows, parsed, right, terms, keys, first)
        if found is not None:
            break
    return found


def _has_few(values: Array) -> bool:
    import pandas as pd

    return len(pd.unique(values)) <= FEW


def _are_few(keys: Sequence[Array]) -> bool:
    """Whether rows with these keys are in few cells."""
    try:
        cells = Grouped.of(keys, None, [], MOST)
    except TooManyCells:
        return False
    return len(cells) * EACH <= cells.rows


def _look(rows: FormulaRows, names: Sequence[str], source: Source, most: int) -> dict[str, Array]:
    """The first rows as numbers, those left out that lack one or have a level that is none."""
    held: list[list[Array]] = [[np.empty(0)] * len(names)]
    count = 0
    if not names:
        return {}
    with closing(source.batches(names)) as run:
        for batch in run:
            parts = [rows.numbers(batch.column(j), n, n, []) for j, n in enumerate(names)]
            parts = [part[: most - count] for part in parts]
            keep = np.ones(len(parts[0]), dtype=bool)
            for name, part in zip(names, parts, strict=True):
                keep &= part >= 0.0 if name in rows.levels else np.isfinite(part)
            held.append([part if keep.all() else part[keep] for part in parts])
            count += batch.num_rows
            if count >= most:
                break
    return {n: np.concatenate([part[k] for part in held]) for k, n in enumerate(names)}


def _planned(
    rows: FormulaRows,
    parsed: Parsed,
    right: Sequence[Any],
    terms: Sequence[Term],
    keys: Sequence[str],
    looked: Mapping[str, Array],
) -> Plan | None:
    """The plan with these keys, or None where a term is more than a code times an atom."""
    spec = rows.spec.parts[0][0]
    coded = {factor.expr for factor in spec.factor_contrasts}
    atom = np.full(len(rows.spec.names), -1)
    seen: dict[tuple[str, ...], int] = {}
    atoms: list[Made] = []
    some = rows.frame({name: column[:1] for name, column in looked.items()}, partly=True)
    for term, made in zip(right, terms, strict=True):
        free = [f for f in term.factors if not set(_read(parsed, term, [f]).values()) <= set(keys)]
        if not free:
            continue
        shared = set(_read(parsed, term, free).values()) & set(keys)
        if shared or any(f.expr in coded for f in free):
            return None
        name = tuple(sorted(f.expr for f in free))
        if name not in seen:
            seen[name] = len(atoms)
            atoms.append(_atom(parsed, type(term)(free), spec, some))
        atom[list(made.columns)] = seen[name]
    columns = CellColumns(rows, tuple(keys), tuple(atoms))
    free_names = [n for n in looked if n not in keys]
    donors = tuple(_donor(rows, one, free_names, looked) for one in atoms)
    wide = any(len(one.spec.column_names) != 1 for one in atoms)
    if wide or len(atoms) > ATOMS or not all(donors[k] for k in range(len(atoms))):
        return None
    return Plan(columns, atom, donors)


def _read(parsed: Parsed, term: Any, factors: Sequence[Any]) -> dict[str, str]:
    return parsed.read([type(term)(list(factors))])


def _atom(parsed: Parsed, term: Any, spec: Any, some: pd.DataFrame) -> Made:
    """A product of factors of numbers, with what was learnt of them."""
    state = {"transform_state": spec.transform_state, "encoder_state": spec.encoder_state}
    tokens = parsed.read([term])
    made = unlearnt([term], full_rank=False, **state)
    return Made(materialised(parsed.formula, made, renamed(some, tokens))[1], tokens)


def _donor(
    rows: FormulaRows, atom: Made, names: Sequence[str], looked: Mapping[str, Array]
) -> dict[str, float]:
    """Values of a row at which an atom is large, so that a code is what is left of it."""
    held = {name: looked[name] for name in names}
    values = np.abs(atom.values(rows.spec.formula, rows.frame(held, partly=True)))
    values = np.where(np.isfinite(values), values, 0.0)
    k = int(np.argmax(values))
    return {name: float(column[k]) for name, column in held.items()} if values[k] > 0.0 else {}
