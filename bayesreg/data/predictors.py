"""From the columns of a file to a Design: factors coded, missing rows left out only if asked.

Identifiers, dates and free text are not predictors: they are refused with advice.
"""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from bayesreg.data.files import Column, Table, number
from bayesreg.language.arguments import did_you_mean
from bayesreg.language.errors import BadArgument, BadData

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from bayesreg.data.design import Design
    from bayesreg.language.arguments import Array


FACTOR_LEVELS = 20
# A text that differs in nine rows of ten tells rows apart, not groups of them.
_UNIQUE = 0.9
_DECORATED = re.compile(r"[(+\-−]?\s*[$€£¥]?\s*[+\-−]?\d[\d\s.,'’_]*\s*[%$€£¥]?\)?")
_DECIMAL_COMMA = re.compile(r"[+\-−]?\s*(0,\d+|\d*,\d{1,2}|\d*,\d{4,})")
# "id", "customer_id", "customerId", "Unnamed: 0" or no name; not "humid" or "acid".
_KEY = re.compile(
    r"(.*(^|[\W_])|.*[a-z](?=I))(id|ids|ID|Id|uuid|guid|key|index|idx)|(?i:unnamed: ?\d+|)"
    r"|__index_level_\d+__",
)
_COUNTER = re.compile(
    r"(.*[\W_])?(row|rows|rownames?|nr|no|num|number|obs|case|#)\W*", re.IGNORECASE
)


@dataclass(frozen=True)
class Choice:
    """What the user said of the columns.

    Attributes
    ----------
    target : str or None
        Name of the response; None beside a formula.
    formula : str or None
    drop : tuple of str
        Columns to leave out.
    drop_missing : bool
        Whether rows with missing cells are left out.
    groups : str or None
        A column that says which rows belong together, and is no predictor.
    """

    target: str | None
    formula: str | None = None
    drop: tuple[str, ...] = ()
    drop_missing: bool = False
    groups: str | None = None


@dataclass(frozen=True, eq=False)
class Selection:
    """The columns and rows of a table that a fit will use."""

    table: Table
    choice: Choice
    predictors: tuple[str, ...]
    skipped: frozenset[int]
    notes: tuple[str, ...]


def select(table: Table, choice: Choice) -> Selection:
    """Check the columns that a fit will use, without converting any.

    Parameters
    ----------
    table : Table
    choice : Choice

    Returns
    -------
    Selection

    Raises
    ------
    BadData
        If a column cannot be used, or cells are missing and rows may not be dropped.
    BadArgument
        If a name is no column.
    """
    dropped = {find(table, name, "--drop") for name in choice.drop}
    beside = () if choice.groups is None else (find(table, choice.groups, "--groups"),)
    left = tuple(name for name in table.columns if name not in dropped)
    if choice.formula is None:
        assert choice.target is not None
        target = find(table, choice.target, "--target")
        if target in dropped:
            raise BadArgument(f"--drop: {target!r} is the target")
        if target in beside:
            raise BadArgument(f"--groups: {target!r} is the target")
        refuse_target(table, target)
        predictors = tuple(name for name in left if name != target and name not in beside)
        used = (*predictors, target)
        if not predictors:
            raise BadData(f"{table.name} has no column left to predict {target!r} from")
        refuse_unusable(table, predictors)
    else:
        used = predictors = _variables(choice.formula, left)
        refuse_unusable(table, used, formula=True)
    used = (*used, *beside)
    if not choice.drop_missing:
        refuse_missing(table, used)
    skipped, notes = _skipped(table, used)
    return Selection(table, choice, predictors, skipped, notes)


def design(selection: Selection, *, reference: bool = False) -> Design:
    """The selected columns as a Design.

    Parameters
    ----------
    selection : Selection
    reference : bool, default False
        Whether factors get treatment coding, their first level left out: what Flat needs. Otherwise
        one indicator column per level.

    Returns
    -------
    Design
        Its `notes` say which columns became factors and how many rows were left out.
    """
    if selection.choice.formula is not None:
        return _from_formula(selection, reference=reference)
    import numpy as np

    from bayesreg.data.design import Design, Term

    table, keep = selection.table, _kept(selection)
    blocks: list[Array] = []
    names: list[str] = []
    terms, notes = [], list(selection.notes)
    for name in selection.predictors:
        column = table.columns[name]
        if column.kind == "text":
            block, own, coding, base = _indicators(column, keep, notes, reference=reference)
        else:
            block, own, coding, base = _numbers(column, keep, notes), [name], None, None
        terms.append(Term(name, tuple(range(len(names), len(names) + len(own))), coding, base))
        blocks.append(block)
        names.extend(own)
    _refuse_collision(names)
    X = np.asfortranarray(np.column_stack(blocks))
    X.flags.writeable = False  # so that it is used where it lies
    assert selection.choice.target is not None
    y = _numbers(table.columns[selection.choice.target], keep, notes)[:, 0]
    return replace(
        Design.of(X, y),
        names=tuple(names),
        y_name=selection.choice.target,
        terms=tuple(terms),
        named=True,
        notes=tuple(notes),
    )


def groups_of(selection: Selection) -> NDArray[Any] | None:
    """Which rows of the Design belong together, one label per row; None unless a column says."""
    import numpy as np

    if selection.choice.groups is None:
        return None
    column = selection.table.columns[selection.choice.groups]
    labels: NDArray[Any] = np.frombuffer(column.values, dtype=float)
    if len(column.codes):
        numbers = labels if len(labels) else np.full(len(column.codes), np.nan)
        cells = zip(column.codes, numbers.tolist(), strict=True)
        labels = np.array([column.levels[code] if code >= 0 else str(x) for code, x in cells])
    return np.asarray(labels[_kept(selection)])


def _skipped(table: Table, used: Sequence[str]) -> tuple[frozenset[int], tuple[str, ...]]:
    """Rows to leave out for missing cells, and the note that counts them."""
    found = missing_cells(table, used)
    if not found:
        return frozenset(), ()
    rows = frozenset().union(*(column.missing for column in found.values()))
    by_column = ", ".join(f"{name!r}: {len(column.missing)}" for name, column in found.items())
    if len(rows) == table.rows:
        raise BadData(
            f"{table.name}: every row has a missing cell ({by_column}); leave out a column with "
            "--drop"
        )
    note = f"{len(rows)} of {table.rows} rows were left out for missing cells ({by_column})"
    return rows, (note,)


def _kept(selection: Selection) -> NDArray[np.bool_]:
    import numpy as np

    keep = np.ones(selection.table.rows, dtype=bool)
    keep[list(selection.skipped)] = False
    return keep


def _numbers(column: Column, keep: NDArray[np.bool_], notes: list[str]) -> Array:
    """A column of numbers (n, 1), with a note where it held truth values or too large integers."""
    import numpy as np

    values = np.frombuffer(column.values, dtype=float)[keep]
    if column.kind == "flag":
        notes.append(f"column {column.name!r} holds true and false, read as 1 and 0")
    elif np.abs(values).max() > 2.0**53 and np.all(values == np.floor(values)):
        notes.append(
            f"column {column.name!r} has integers above 2^53, whose last digits are lost; is it an "
            "identifier? If so, run again with --drop"
        )
    return np.asarray(values[:, None])


def _indicators(
    column: Column, keep: NDArray[np.bool_], notes: list[str], *, reference: bool
) -> tuple[Array, list[str], str, str | None]:
    """One column of 0 and 1 per level, the first left out if a reference is needed."""
    import numpy as np

    codes = np.frombuffer(column.codes, dtype=np.int64)[keep]
    present = set(np.unique(codes).tolist())
    levels = sorted((level, code) for code, level in enumerate(column.levels) if code in present)
    if len(levels) < 2:
        raise BadData(
            f"column {column.name!r} holds one text only, {levels[0][0]!r}, in the rows that are "
            "left; run again with --drop"
        )
    notes.append(
        f"column {column.name!r} is text and was read as a factor of {len(levels)} levels: "
        + ", ".join(level for level, _ in levels)
        + (f" (reference: {levels[0][0]})" if reference else "")
    )
    shown = levels[1:] if reference else levels
    block = np.column_stack([(codes == code).astype(float) for _, code in shown])
    names = [f"{column.name}[{level}]" for level, _ in shown]
    if reference:
        return block, names, "treatment", levels[0][0]
    return block, names, "indicator", None


def _refuse_collision(names: Sequence[str]) -> None:
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise BadData(f"a factor's level and another column are both called {twice!r}; rename one")


def _variables(formula: str, names: Sequence[str]) -> tuple[str, ...]:
    """Columns that a formula reads; none where it cannot be parsed, which is said later."""
    from formulaic import Formula
    from formulaic.errors import FormulaicError

    try:
        parsed = Formula(formula, _context={"__formulaic_variables_available__": list(names)})
        needed = {str(name) for name in parsed.required_variables}
    except (FormulaicError, SyntaxError, ValueError):
        return ()
    return tuple(name for name in names if name in needed)


def _from_formula(selection: Selection, *, reference: bool) -> Design:
    """The Design of a formula on the rows that are kept."""
    import pandas as pd

    from bayesreg.data.formula import design_from_formula

    keep, choice = _kept(selection), selection.choice
    left = [n for n in selection.table.columns if n not in choice.drop]
    frame = pd.DataFrame({n: _variable(selection.table.columns[n], keep) for n in left})
    flat = frozenset({"..."}) if reference else frozenset[str]()
    assert choice.formula is not None
    found = design_from_formula(choice.formula, frame, flat_terms=flat)
    notes = [*selection.notes, *found.notes]
    for term in found.terms:
        if term.coding is not None:
            names = ", ".join(found.names[j] for j in term.columns)
            base = f" (reference: {term.reference})" if term.reference else ""
            notes.append(f"term {term.name!r} is a factor: {names}{base}")
    return replace(found, notes=tuple(notes))


def _variable(column: Column, keep: NDArray[np.bool_]) -> Any:
    """A variable of a formula: integers stay integers, so that levels read 1 and not 1.0."""
    import numpy as np

    if column.kind in {"text", "date"} and len(column.codes):
        codes = np.frombuffer(column.codes, dtype=np.int64)[keep]
        return np.array([*column.levels, None], dtype=object)[codes]
    if column.kind not in {"number", "flag", "mixed"}:
        return np.full(int(keep.sum()), np.nan)
    values = np.frombuffer(column.values, dtype=float)[keep]
    if column.kind == "flag" and np.all(np.isfinite(values)):
        return values.astype(bool)
    whole = np.all(np.isfinite(values)) and np.all(np.abs(values) < 2.0**53)
    return values.astype(np.int64) if whole and np.all(values == np.floor(values)) else values


def refuse_unusable(table: Table, predictors: Iterable[str], *, formula: bool = False) -> None:
    """Raise naming every predictor that cannot be used as it is, with the ``--drop`` it takes.

    Parameters
    ----------
    table : Table
        As it was read.
    predictors : iterable of str
        Columns that would be used.
    formula : bool, default False
        Whether a formula names them: then what they mean is its business, and only columns whose
        cells contradict each other are refused.

    Raises
    ------
    BadData
        For the first five; the others are counted.
    """
    found = {}
    for name in predictors:
        column = table.columns[name]
        reason = _contradiction(column, table)
        if reason is None and not formula:
            reason = _meaning(column, table)
        if reason is not None:
            found[name] = reason
    if not found:
        return
    said = [f"column {name!r} {reason}" for name, reason in list(found.items())[:5]]
    more = f"; and {len(found) - 5} more columns" if len(found) > 5 else ""
    drops = " ".join(f"--drop {shlex.quote(name)}" for name in found)
    raise BadData(f"{table.name}: {'; '.join(said)}{more}; correct them, or run again with {drops}")


def refuse_target(table: Table, name: str) -> None:
    """Raise if the response is not made of numbers."""
    column = table.columns[name]
    reason = _contradiction(column, table)
    if reason is None and column.kind == "text":
        reason = f"holds text, such as {_quoted(column)}"
    if reason is None and column.kind == "flag":
        reason = "holds true and false, and a linear regression needs a quantity; code it 0 and 1 "
        reason += "if that is meant"
    if reason is not None:
        raise BadData(f"{table.name}: the target {name!r} {reason}")


def find(table: Table, name: str, option: str) -> str:
    """`name`, if it is a column; otherwise an error with the nearest."""
    if name in table.columns:
        return name
    hint = did_you_mean(name, table.columns)
    listed = ", ".join(repr(column) for column in list(table.columns)[:10])
    more = f", ... ({len(table.columns)} in all)" if len(table.columns) > 10 else ""
    raise BadArgument(
        f"{option}: {table.name} has no column {name!r}{hint} (it has {listed}{more})"
    )


def missing_cells(table: Table, names: Iterable[str]) -> Mapping[str, Column]:
    """The columns among `names` with missing cells."""
    return {name: table.columns[name] for name in names if len(table.columns[name].missing)}


def refuse_missing(table: Table, names: Iterable[str]) -> None:
    """Raise if cells are missing, naming columns, counts and first rows."""
    found = missing_cells(table, names)
    if not found:
        return
    said = [
        f"column {name!r}: {len(column.missing)}, first on {table.place(column.missing[0])}"
        for name, column in list(found.items())[:5]
    ]
    more = f", and {len(found) - 5} more columns" if len(found) > 5 else ""
    rows = len(set().union(*(column.missing for column in found.values())))
    raise BadData(
        f"{table.name} has missing cells ({'; '.join(said)}{more}); fill them in, leave out these "
        f"{rows} of {table.rows} rows with --missing drop, or leave out a column with --drop"
    )


def _contradiction(column: Column, table: Table) -> str | None:
    """Why the cells of a column do not fit together, or None."""
    if column.kind == "empty":
        return "has no value in any row"
    if column.kind == "other":
        return f"holds {column.levels[0]}, neither numbers nor text"
    if column.kind == "date":
        return f"holds dates or times, such as {_quoted(column)}; turn them into numbers of days"
    if column.kind in {"mixed", "text"} and column.odd is not None:
        row, cell = column.odd
        if all(_DECORATED.fullmatch(level) for level in column.levels):
            return _decorated(column, f"{_short(cell)} on {table.place(row)}")
        if column.kind == "mixed":
            return (
                f"holds numbers and text, such as {_short(cell)} on {table.place(row)} (an empty "
                "cell means missing)"
            )
    if column.kind == "number":
        for row, value in enumerate(column.values):
            if math.isinf(value):
                return f"holds an infinite value on {table.place(row)}"
    return None


def _decorated(column: Column, example: str) -> str:
    """Numbers that a program cannot read: with commas, units or as text."""
    if all(number(level) is not None for level in column.levels):
        return f"holds numbers as text, such as {example}; store them as numbers"
    if any(_DECIMAL_COMMA.fullmatch(level) for level in column.levels):
        return f"holds numbers with decimal commas, such as {example}; write them with a point"
    return (
        f"holds numbers with separators or signs, such as {example}; write the digits and a "
        "decimal point only"
    )


def _meaning(column: Column, table: Table) -> str | None:
    """Why a column says nothing about y as it stands, or None."""
    present = table.rows - len(column.missing)
    if column.kind == "number" and _identifies(column):
        return "looks like an identifier (a different number in every row)"
    if column.kind != "text":
        return None
    count = len(column.levels)
    if count == 1:
        return f"holds the same text in every row, {_quoted(column)}"
    if count >= _UNIQUE * present:
        return f"looks like an identifier ({count} different texts in {present} rows)"
    if count > FACTOR_LEVELS:
        return (
            f"holds {count} different texts, and at most {FACTOR_LEVELS} become a factor; group "
            "the rare ones"
        )
    return None


def _identifies(column: Column) -> bool:
    """Whether a column of numbers counts or labels rows: by its name, and no value twice."""
    key, counter = _KEY.fullmatch(column.name), _COUNTER.fullmatch(column.name)
    if not (key or counter) or len(column.missing) or len(column.values) < 3:
        return False
    values = column.values
    if not all(value.is_integer() for value in values):
        return False
    running = all(b - a == 1 for a, b in pairwise(values))
    return running or (key is not None and len(set(values)) == len(values))


def _quoted(column: Column) -> str:
    return _short(column.levels[0])


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:39] + "…")
