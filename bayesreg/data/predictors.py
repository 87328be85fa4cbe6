"""From the columns of a file to a Design: factors coded, missing rows left out only if asked.

Identifiers, dates and free text are not predictors: they are refused with advice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.data.cells import MISSING, Column, Table, in_order, number
from bayesreg.data.columns import EXACT
from bayesreg.data.known import refuse_named_twice, unusable
from bayesreg.data.labels import numbered, read_labels
from bayesreg.data.suitability import find, refuse_target, refuse_unusable, suspicion
from bayesreg.data.variables import BOOL, TEXT, Variable, refuse_lookalikes
from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadArgument, BadCell, BadData

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bayesreg.data.design import Design


SHOWN = 20  # levels that a note lists
_ABSENT = frozenset(MISSING)


@dataclass(frozen=True)
class Roles:
    """What each column is for, as the user said.

    Attributes
    ----------
    target : str or None
        Name of the response; None beside a formula.
    formula : str or None
    drop : tuple of str
        Columns to leave out.
    only : tuple of str
        The predictors beside a target, where they are not all other columns.
    drop_missing : bool
        Whether rows with missing cells are left out.
    groups : str or None
        A column that says which rows belong together, and is no predictor.
    labels : bool
        Whether the response may be labels: text, or true and false.
    weights : str or None
        A column of frequencies, and no predictor.
    offset, exposure, trials : str or None
        A column of what is known of rows, and no predictor: see :class:`bayesreg.data.known.Known`.
    """

    target: str | None
    formula: str | None = None
    drop: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    drop_missing: bool = False
    groups: str | None = None
    labels: bool = False
    weights: str | None = None
    offset: str | None = None
    exposure: str | None = None
    trials: str | None = None

    @property
    def known(self) -> dict[str, str]:
        """The columns of what is known of rows, by what it is."""
        said = {"offset": self.offset, "exposure": self.exposure, "trials": self.trials}
        return {what: name for what, name in said.items() if name is not None}

    @property
    def numbers(self) -> dict[str, str]:
        """The columns of numbers that are no predictors, by what they are."""
        return ({} if self.weights is None else {"weights": self.weights}) | self.known

    def beside(self, table: Table) -> tuple[str, ...]:
        """The columns that are no predictors, and not the response."""
        said = ({} if self.groups is None else {"groups": self.groups}) | self.numbers
        refuse_named_twice({f"--{option}": name for option, name in self.numbers.items()})
        found = [find(table, name, f"--{option}") for option, name in said.items()]
        return tuple(dict.fromkeys(found))


@dataclass(frozen=True, eq=False)
class Selection:
    """The columns and rows of a table that a fit will use."""

    table: Table
    roles: Roles
    predictors: tuple[str, ...]
    keep: NDArray[np.bool_]
    notes: tuple[str, ...]


def select(table: Table, roles: Roles) -> Selection:
    """Check the columns and rows that a fit will use, without converting any."""
    dropped = {find(table, name, "--drop") for name in roles.drop}
    beside = roles.beside(table)
    only = [find(table, name, "--columns") for name in roles.only] or table.columns
    left = tuple(name for name in table.columns if name not in dropped)
    if roles.formula is None:
        assert roles.target is not None
        target = find(table, roles.target, "--target")
        others: dict[str, set[str | None]] = {
            "drop": {*dropped},
            "columns": {*roles.only},
            "groups": {roles.groups},
        }
        for option, names in (others | {o: {name} for o, name in roles.numbers.items()}).items():
            if target in names:
                raise BadArgument(f"--{option}: {target!r} is the target")
        refuse_target(table, target, labels=roles.labels)
        predictors = tuple(n for n in left if n in only and n != target and n not in beside)
        if not predictors:
            raise BadData(f"{table.name} has no column left to predict {target!r} from")
        used = (*predictors, target, *beside)
    else:
        predictors = _variables(roles.formula, left)
        used = (*predictors, *beside)
    refuse_unusable(
        table, predictors, formula=roles.formula is not None, drop_missing=roles.drop_missing
    )
    refuse_no_numbers(table, roles.numbers)
    keep, notes = _complete(table, used, drop=roles.drop_missing)
    if roles.weights is not None:  # a row of weight 0 has no say in levels
        counts = keep & (table.columns[roles.weights].values != 0)
        keep = counts if counts.any() else keep
    refuse_unusable_known(table, roles.known, keep)
    said = [table.columns[name].note for name in used if table.columns[name].note]
    if roles.formula is None:
        said += [note for name in predictors if (note := suspicion(table.columns[name]))]
    return Selection(table, roles, predictors, keep, (*table.notes, *notes, *said))


def refuse_no_numbers(table: Table, numbers: Mapping[str, str]) -> None:
    """Raise where the column that an option names holds something else."""
    for option, name in numbers.items():
        if (kind := table.columns[name].kind) != "number":
            raise BadData(
                f"--{option}: column {name!r} of {table.name} holds {kind} cells, no numbers"
            )


def refuse_unusable_known(table: Table, known: Mapping[str, str], keep: NDArray[np.bool_]) -> None:
    """Raise where a row has an exposure of 0 or the like, naming column and line."""
    for what, name in known.items():
        values = table.columns[name].values
        found = unusable(values[keep], what)
        if found is not None:
            row, why = int(np.flatnonzero(keep)[found[0]]), found[1]
            raise BadData(
                f"--{what}: column {name!r} of {table.name} is {values[row]:g} on "
                f"{table.place(row)}, and {why}"
            )


def place(selection: Selection, row: int) -> str:
    """Where a row of the Design stands in the file."""
    return selection.table.place(int(np.flatnonzero(selection.keep)[row]))


def design(selection: Selection, *, reference: bool = False) -> Design:
    """The selected columns as a Design, whose `notes` say what became a factor or was left out.

    Factors get one indicator column per level; with `reference`, which Flat needs, treatment
    coding, their first level left out.
    """
    if selection.roles.formula is not None:
        try:
            return _from_formula(selection, reference=reference)
        except BadCell as error:
            raise error.at(place(selection, error.row)) from None
    from bayesreg.data.coded_columns import CodedColumns
    from bayesreg.data.design import Design
    from bayesreg.data.terms import Term, of_factor

    columns, keep, target = selection.table.columns, selection.keep, selection.roles.target
    assert target is not None
    blocks: list[Array] = []
    names: list[str] = []
    terms, notes = [], list(selection.notes)
    for name in selection.predictors:
        if columns[name].kind == "text":
            block, levels = _indicators(columns[name], keep, notes, reference=reference)
            term = of_factor(name, levels, len(names), reference=levels[0] if reference else None)
            names.extend(f"{name}[{level}]" for (level,) in term.levels)
        else:
            block, term = _numbers(columns[name], keep, notes), Term(name, (len(names),))
            names.append(name)
        terms.append(term)
        blocks.append(block)
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise BadData(f"a factor's level and another column are both called {twice!r}; rename one")
    X = np.vstack([block.T for block in blocks]).T  # column by column in memory
    X.flags.writeable = False  # so that it is used where it lies
    y, classes, order = _response(columns[target], selection, notes)
    return replace(
        Design.of(X, y, weights_of(selection), **known_of(selection)).knowing(
            selection.roles.known
        ),
        classes=classes,
        order=order,
        names=tuple(names),
        y_name=target,
        terms=tuple(terms),
        spec=CodedColumns(tuple(_remembered(columns[t.name]) for t in terms), tuple(terms)),
        named=True,
        notes=tuple(notes),
    )


def _remembered(column: Column) -> Variable:
    """The type of a column, for new rows to have."""
    if column.kind == "text":
        return Variable(column.name, TEXT)
    values = column.values[np.isfinite(column.values)]
    return (
        Variable(column.name, BOOL) if column.kind == "flag" else Variable.of(column.name, values)
    )


def groups_of(selection: Selection) -> NDArray[Any] | None:
    """Which rows of the Design belong together, one label per row; None unless a column says."""
    if selection.roles.groups is None:
        return None
    column = selection.table.columns[selection.roles.groups]
    labels = np.array(column.levels)[column.values] if column.levels else column.values
    labels, weights = np.asarray(labels[selection.keep]), weights_of(selection)
    return labels if weights is None else np.asarray(labels[weights > 0])


def weights_of(selection: Selection) -> Array | None:
    """How often each row counts; None unless a column says."""
    if selection.roles.weights is None:
        return None
    return np.asarray(selection.table.columns[selection.roles.weights].values[selection.keep])


def known_of(selection: Selection) -> dict[str, Array]:
    """The columns of what is known of rows, by what it is: `offset`, `exposure`, `trials`."""
    columns, keep = selection.table.columns, selection.keep
    return {what: columns[name].values[keep] for what, name in selection.roles.known.items()}


def missing_in(
    table: Table, names: Sequence[str]
) -> tuple[dict[str, NDArray[np.intp]], NDArray[np.bool_]]:
    """Rows with a missing cell by column, of those that have any; and the rows without one."""
    found = {name: table.columns[name].missing for name in names}
    found = {name: rows for name, rows in found.items() if len(rows)}
    keep = np.ones(table.rows, dtype=bool)
    for rows in found.values():
        keep[rows] = False
    return found, keep


def _complete(
    table: Table, used: Sequence[str], *, drop: bool
) -> tuple[NDArray[np.bool_], tuple[str, ...]]:
    """Which rows have every cell, and the note that counts the others, if they may be left out."""
    found, keep = missing_in(table, used)
    if not found:
        return keep, ()
    count = table.rows - int(keep.sum())
    if not drop:
        first = list(found.items())[:5]
        said = [f"column {n!r}: {len(r)}, first on {table.place(int(r[0]))}" for n, r in first]
        more = f", and {len(found) - 5} more columns" if len(found) > 5 else ""
        raise BadData(
            f"{table.name} has missing cells ({'; '.join(said)}{more}); fill them in, leave out "
            f"these {count} of {table.rows} rows with --missing drop, or leave out a column with "
            f"--drop{read_as_missing(table, found)}"
        )
    by_column = ", ".join(f"{name!r}: {len(rows)}" for name, rows in found.items())
    if count == table.rows:
        raise BadData(
            f"{table.name}: every row has a missing cell ({by_column}); leave out a column with "
            "--drop"
        )
    note = f"{count} of {table.rows} rows were left out for missing cells ({by_column})"
    return keep, (note + read_as_missing(table, found),)


def read_as_missing(table: Table, names: Iterable[str]) -> str:
    """Which texts were read as missing, where it was not empty cells alone."""
    counts: dict[str, int] = {}
    for name in names:
        for text, count in table.columns[name].absent.items():
            counts[text] = counts.get(text, 0) + count
    if not any(counts):
        return ""
    said = ", ".join(f"{text or 'empty'!r}: {count}" for text, count in counts.items())
    cure = "; if one of them is a level, say --na '' or --na LIST" if set(counts) <= _ABSENT else ""
    return f"; read as missing were {said}{cure}"


def _numbers(column: Column, keep: NDArray[np.bool_], notes: list[str]) -> Array:
    """A column of numbers (n,), with a note where it held truth values or too large integers."""
    values = column.values[keep]
    if column.kind == "flag":
        notes.append(f"column {column.name!r} holds true and false, read as 1 and 0")
    elif not column.note and np.abs(values).max() > EXACT and np.all(values == np.floor(values)):
        notes.append(
            f"column {column.name!r} has integers above 2^53, whose last digits are lost; is it an "
            "identifier? If so, run again with --drop"
        )
    return values


def _response(
    column: Column, selection: Selection, notes: list[str]
) -> tuple[Array, tuple[Any, ...] | None, tuple[Any, ...] | None]:
    """y, the labels that it stands for, and their order where the file declares one."""
    if not selection.roles.labels:
        return _numbers(column, selection.keep, notes), None, None
    order = column.levels if column.ordered else None
    labels = read_labels(_labels(column, selection.keep), column.name)
    return *numbered(labels, order), order


def _labels(column: Column, keep: NDArray[np.bool_]) -> list[Any]:
    """The cells of a response of labels as text, truth values or numbers, whole ones as int."""
    return list(variable_of(column, keep).tolist())


def _indicators(
    column: Column, keep: NDArray[np.bool_], notes: list[str], *, reference: bool
) -> tuple[Array, tuple[str, ...]]:
    """One column of 0 and 1 per level, the first left out if a reference is needed; all levels."""
    codes = column.values[keep]
    present = np.unique(codes)
    names, how = [column.levels[code] for code in present], "the order of the file"
    if column.origin != "declared":
        names = in_order(names)
        how = "order of size" if None not in map(number, names) else "alphabetical order"
    place = {level: code for code, level in enumerate(column.levels)}
    levels = [(name, place[name]) for name in names]
    if len(levels) < 2 and reference:
        raise BadData(
            f"column {column.name!r} holds one text only, {levels[0][0]!r}, in the rows that are "
            "left, which under Flat() cannot be told from the intercept; run again with --drop"
        )
    refuse_lookalikes(names, f"column {column.name!r}")
    kinds = {"declared": "holds categories and ", "codes": "holds codes and ", "asked": ""}
    more = ", ..." if len(names) > SHOWN else ""
    notes.append(
        f"column {column.name!r} {kinds.get(column.origin, 'is text and ')}was read as a factor of "
        f"{len(levels)} levels: {', '.join(names[:SHOWN])}{more}"
        f"{f' (reference: {names[0]})' if reference else ''} (in {how})"
    )
    shown = levels[1:] if reference else levels
    block = np.column_stack([(codes == code).astype(float) for _, code in shown])
    return block, tuple(level for level, _ in levels)


def _variables(formula: str, names: Sequence[str]) -> tuple[str, ...]:
    """Columns that a formula reads; none where it cannot be parsed, which is said later."""
    from bayesreg.data.grammar import parse

    try:
        parsed = parse(formula, names)
        needed = set(parsed.read(parsed.terms).values())
    except (BadArgument, SyntaxError):
        return ()
    return tuple(name for name in names if name in needed)


def _from_formula(selection: Selection, *, reference: bool) -> Design:
    """The Design of a formula on the rows that are kept."""
    import pandas as pd

    from bayesreg.data.formula import design_from_formula

    roles, columns = selection.roles, selection.table.columns
    left = [name for name in columns if name not in roles.drop]
    frame = pd.DataFrame({name: variable_of(columns[name], selection.keep) for name in left})
    flat = frozenset({"..."}) if reference else frozenset[str]()
    assert roles.formula is not None
    weights = weights_of(selection)
    known: dict[str, Any] = known_of(selection)
    found = design_from_formula(roles.formula, frame, weights, flat, labels=roles.labels, **known)
    notes = [*selection.notes, *found.notes]
    for term in found.terms:
        if term.coding is not None:
            names = ", ".join(found.names[j] for j in term.columns)
            base = f" (reference: {term.reference})" if term.reference else ""
            notes.append(f"term {term.name!r} is a factor: {names}{base}")
    return replace(found, notes=tuple(notes))


def variable_of(column: Column, keep: NDArray[np.bool_]) -> Any:
    """A variable of a formula: integers stay integers, so that levels read 1 and not 1.0."""
    values: NDArray[Any] = column.values[keep]
    if column.origin and column.levels:
        import pandas as pd

        if column.origin == "declared":
            levels = pd.Index(column.levels)
            return pd.Categorical.from_codes(values, levels, ordered=column.ordered)
        ordered = in_order(column.levels)
        place = np.array([*map(ordered.index, column.levels), -1])
        return pd.Categorical.from_codes(place[values], pd.Index(ordered))
    if column.levels:
        return np.array([*column.levels, None], dtype=object).take(values)
    if not np.isfinite(values).all():
        return values
    whole = np.all(np.abs(values) < EXACT) and np.all(values == np.floor(values))
    return values.astype(bool if column.kind == "flag" else np.int64 if whole else float)
