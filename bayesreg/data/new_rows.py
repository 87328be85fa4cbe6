"""New rows of a file, as the fit that is to predict them knows its variables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.data.cells import Table
from bayesreg.data.predictors import (
    missing_in,
    read_as_missing,
    refuse_no_numbers,
    refuse_unusable_known,
    variable_of,
)
from bayesreg.data.variables import CATEGORY, NUMBER, TEXT, Variable
from bayesreg.language.arguments import did_you_mean
from bayesreg.language.errors import BadData

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from bayesreg.data.layout import Layout

Reader = Callable[[frozenset[str], frozenset[str]], Table]


def needed(design: Layout | None, names: tuple[str, ...]) -> tuple[Variable, ...]:
    """The variables that a fit reads of new rows: those of its formula or file, or its columns."""
    known: Any = getattr(design.spec, "variables", ()) if design is not None else ()
    found = tuple(known.values()) if isinstance(known, dict) else tuple(known)
    return found if known else tuple(Variable(name, NUMBER) for name in names)


def new_rows(
    read: Reader,
    variables: tuple[Variable, ...],
    known: Mapping[str, str],
    *,
    named: bool,
    drop_missing: bool = False,
) -> tuple[pd.DataFrame, NDArray[np.intp], tuple[str, ...]]:
    """The variables in the rows of a table, which rows these are, and what must be said.

    Parameters
    ----------
    read : callable
        The table, given which columns to read as factors and which as numbers whatever they look
        like; it is read again where a column was a factor at the fit and looks like numbers here.
    variables : tuple of Variable
        What the fit knows, and the columns of `known`.
    known : mapping of str to str
        The column that holds `offset`, `exposure` or `trials`, by what it is.
    named : bool
        Whether the fit knew them by name; else a table of as many columns serves, in order.
    drop_missing : bool, default False
        Whether rows with missing cells are left out.

    Raises
    ------
    BadData
        If a column is missing, or a cell of one that is needed; if a column of `known` holds what
        is none, such as an exposure of 0.
    """
    import pandas as pd

    nothing = frozenset[str]()
    table = read(nothing, nothing)
    names = [one.name for one in variables]
    if not named and not set(names) <= set(table.columns):
        if len(table.columns) != len(names):
            raise BadData(
                f"{table.name} has {len(table.columns)} columns, and the fit, which knows no "
                f"names, has {len(names)}; give these alone, in their order"
            )
        names = list(table.columns)
    _refuse_unknown(table, names)
    kinds = {name: table.columns[name].kind for name in names}
    pairs = list(zip(names, variables, strict=True))
    texts = {n for n, one in pairs if _is_text(one) and kinds[n] in ("number", "flag")}
    codes = {n for n, one in pairs if one.kind == NUMBER and table.columns[n].origin == "codes"}
    if texts or codes:
        table = read(frozenset(texts), frozenset(codes))
    refuse_no_numbers(table, known)
    _refuse_strange(table, pairs)
    keep, notes = _complete(table, names, drop=drop_missing)
    refuse_unusable_known(table, known, keep)
    columns = {name: variable_of(table.columns[name], keep) for name in names}
    return pd.DataFrame(columns), np.flatnonzero(keep), (*table.notes, *notes)


def _is_text(variable: Variable) -> bool:
    """Whether the fit knew texts: of categories, where every level is one."""
    if variable.kind == CATEGORY:
        return all(isinstance(level, str) for level in variable.levels)
    return variable.kind == TEXT


def _refuse_unknown(table: Table, names: list[str]) -> None:
    """Raise where the fit has columns that the table lacks, with the nearest name."""
    missing = [name for name in names if name not in table.columns]
    if missing:
        shown = ", ".join(map(repr, missing[:10])) + (", …" if len(missing) > 10 else "")
        raise BadData(
            f"{table.name} has no column {shown}{did_you_mean(missing[0], table.columns)}; the fit "
            f"needs {', '.join(map(repr, names[:10]))}{', …' if len(names) > 10 else ''}, and the "
            f"file has {table.listed()}"
        )


def _refuse_strange(table: Table, pairs: list[tuple[str, Variable]]) -> None:
    """Raise where cells are neither numbers, truth values nor text, or numbers are hidden."""
    for name, variable in pairs:
        column = table.columns[name]
        if column.kind in ("date", "other"):
            raise BadData(
                f"column {name!r} of {table.name} holds {column.levels[0]!r}, and held "
                f"{variable.words} at the fit; convert it to what it was"
            )
        if variable.kind == NUMBER and column.kind in ("mixed", "text"):
            row, cell = column.odd
            raise BadData(
                f"column {name!r} of {table.name} held {variable.words} at the fit, and here has "
                f"{cell!r} on {table.place(row)}; correct it, or say how its numbers are written: "
                "--decimal, --thousands, --na"
            )


def _complete(
    table: Table, names: list[str], *, drop: bool
) -> tuple[NDArray[np.bool_], tuple[str, ...]]:
    """Which rows have every cell that is needed, and how many have not."""
    found, keep = missing_in(table, names)
    if not found:
        return keep, ()
    first = [
        f"column {name!r}: {len(rows)}, first on {table.place(int(rows[0]))}"
        for name, rows in list(found.items())[:5]
    ]
    said, why = "; ".join(first), read_as_missing(table, found)
    count = table.rows - int(keep.sum())
    if not drop or count == table.rows:
        cure = "" if count == table.rows else ", or leave out these rows with --missing drop"
        raise BadData(
            f"{table.name} has missing cells in {count} of {table.rows} rows ({said}); fill them "
            f"in{cure}{why}"
        )
    return keep, (f"{count} of {table.rows} rows are not predicted: missing cells ({said}){why}",)
