"""From the columns of a file to a Design: factors coded, missing rows left out only if asked.

Identifiers, dates and free text are not predictors: they are refused with advice.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.data.columns import EXACT
from bayesreg.data.files import Column, Table, number
from bayesreg.data.labels import numbered, read_labels
from bayesreg.data.variables import refuse_lookalikes
from bayesreg.language.arguments import Array, did_you_mean
from bayesreg.language.errors import BadArgument, BadData

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bayesreg.data.design import Design


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
class Roles:
    """What each column is for, as the user said.

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
    labels : bool
        Whether the response may be labels: text, or true and false.
    """

    target: str | None
    formula: str | None = None
    drop: tuple[str, ...] = ()
    drop_missing: bool = False
    groups: str | None = None
    labels: bool = False


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
    beside = () if roles.groups is None else (find(table, roles.groups, "--groups"),)
    left = tuple(name for name in table.columns if name not in dropped)
    if roles.formula is None:
        assert roles.target is not None
        target = find(table, roles.target, "--target")
        for option, names in (("--drop", dropped), ("--groups", beside)):
            if target in names:
                raise BadArgument(f"{option}: {target!r} is the target")
        refuse_target(table, target, labels=roles.labels)
        predictors = tuple(name for name in left if name != target and name not in beside)
        if not predictors:
            raise BadData(f"{table.name} has no column left to predict {target!r} from")
        used = (*predictors, target, *beside)
    else:
        predictors = _variables(roles.formula, left)
        used = (*predictors, *beside)
    refuse_unusable(table, predictors, formula=roles.formula is not None)
    keep, notes = _complete(table, used, drop=roles.drop_missing)
    return Selection(table, roles, predictors, keep, notes)


def design(selection: Selection, *, reference: bool = False) -> Design:
    """The selected columns as a Design, whose `notes` say what became a factor or was left out.

    Factors get one indicator column per level; with `reference`, which Flat needs, treatment
    coding, their first level left out.
    """
    if selection.roles.formula is not None:
        return _from_formula(selection, reference=reference)
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
    if selection.roles.labels:
        y, classes = numbered(read_labels(_labels(columns[target], keep), target))
    else:
        y, classes = _numbers(columns[target], keep, notes), None
    return replace(
        Design.of(X, y),
        classes=classes,
        names=tuple(names),
        y_name=target,
        terms=tuple(terms),
        named=True,
        notes=tuple(notes),
    )


def groups_of(selection: Selection) -> NDArray[Any] | None:
    """Which rows of the Design belong together, one label per row; None unless a column says."""
    if selection.roles.groups is None:
        return None
    column = selection.table.columns[selection.roles.groups]
    labels = np.array(column.levels)[column.values] if column.levels else column.values
    return np.asarray(labels[selection.keep])


def _complete(
    table: Table, used: Sequence[str], *, drop: bool
) -> tuple[NDArray[np.bool_], tuple[str, ...]]:
    """Which rows have every cell, and the note that counts the others, if they may be left out."""
    found = {name: table.columns[name].missing for name in used}
    found = {name: rows for name, rows in found.items() if len(rows)}
    keep = np.ones(table.rows, dtype=bool)
    for rows in found.values():
        keep[rows] = False
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
            "--drop"
        )
    by_column = ", ".join(f"{name!r}: {len(rows)}" for name, rows in found.items())
    if count == table.rows:
        raise BadData(
            f"{table.name}: every row has a missing cell ({by_column}); leave out a column with "
            "--drop"
        )
    note = f"{count} of {table.rows} rows were left out for missing cells ({by_column})"
    return keep, (note,)


def _numbers(column: Column, keep: NDArray[np.bool_], notes: list[str]) -> Array:
    """A column of numbers (n,), with a note where it held truth values or too large integers."""
    values = column.values[keep]
    if column.kind == "flag":
        notes.append(f"column {column.name!r} holds true and false, read as 1 and 0")
    elif np.abs(values).max() > EXACT and np.all(values == np.floor(values)):
        notes.append(
            f"column {column.name!r} has integers above 2^53, whose last digits are lost; is it an "
            "identifier? If so, run again with --drop"
        )
    return values


def _labels(column: Column, keep: NDArray[np.bool_]) -> list[Any]:
    """The cells of a response of labels as text, truth values or numbers, whole ones as int."""
    return list(_variable(column, keep).tolist())


def _indicators(
    column: Column, keep: NDArray[np.bool_], notes: list[str], *, reference: bool
) -> tuple[Array, tuple[str, ...]]:
    """One column of 0 and 1 per level, the first left out if a reference is needed; all levels."""
    codes = column.values[keep]
    levels = sorted((column.levels[code], code) for code in np.unique(codes))
    if len(levels) < 2:
        raise BadData(
            f"column {column.name!r} holds one text only, {levels[0][0]!r}, in the rows that are "
            "left; run again with --drop"
        )
    refuse_lookalikes((level for level, _ in levels), f"column {column.name!r}")
    notes.append(
        f"column {column.name!r} is text and was read as a factor of {len(levels)} levels: "
        + ", ".join(level for level, _ in levels)
        + (f" (reference: {levels[0][0]})" if reference else "")
    )
    shown = levels[1:] if reference else levels
    block = np.column_stack([(codes == code).astype(float) for _, code in shown])
    return block, tuple(level for level, _ in levels)


def _variables(formula: str, names: Sequence[str]) -> tuple[str, ...]:
    """Columns that a formula reads; none where it cannot be parsed, which is said later."""
    from bayesreg.data.grammar import parse

    try:
        parsed = parse(formula, names)
        needed = set(parsed.read([parsed.left, *parsed.right]).values())
    except (BadArgument, SyntaxError):
        return ()
    return tuple(name for name in names if name in needed)


def _from_formula(selection: Selection, *, reference: bool) -> Design:
    """The Design of a formula on the rows that are kept."""
    import pandas as pd

    from bayesreg.data.formula import design_from_formula

    roles, columns = selection.roles, selection.table.columns
    left = [name for name in columns if name not in roles.drop]
    frame = pd.DataFrame({name: _variable(columns[name], selection.keep) for name in left})
    flat = frozenset({"..."}) if reference else frozenset[str]()
    assert roles.formula is not None
    found = design_from_formula(roles.formula, frame, flat_terms=flat, labels=roles.labels)
    notes = [*selection.notes, *found.notes]
    for term in found.terms:
        if term.coding is not None:
            names = ", ".join(found.names[j] for j in term.columns)
            base = f" (reference: {term.reference})" if term.reference else ""
            notes.append(f"term {term.name!r} is a factor: {names}{base}")
    return replace(found, notes=tuple(notes))


def _variable(column: Column, keep: NDArray[np.bool_]) -> NDArray[Any]:
    """A variable of a formula: integers stay integers, so that levels read 1 and not 1.0."""
    values: NDArray[Any] = column.values[keep]
    if column.levels:
        return np.array([*column.levels, None], dtype=object).take(values)
    if not np.isfinite(values).all():
        return values
    whole = np.all(np.abs(values) < EXACT) and np.all(values == np.floor(values))
    return values.astype(bool if column.kind == "flag" else np.int64 if whole else float)


def refuse_unusable(table: Table, predictors: Iterable[str], *, formula: bool = False) -> None:
    """Raise naming predictors that cannot be used as they are, with the ``--drop`` that it takes.

    What the columns of a formula mean is its business: only contradictions between cells count.
    """
    found = {}
    for name in predictors:
        column = table.columns[name]
        reason = _contradiction(column, table)
        if reason is None and not formula:
            reason = _meaning(column)
        if reason is not None:
            found[name] = reason
    if not found:
        return
    said = [f"column {name!r} {reason}" for name, reason in list(found.items())[:5]]
    more = f"; and {len(found) - 5} more columns" if len(found) > 5 else ""
    drops = " ".join(f"--drop {shlex.quote(name)}" for name in found)
    raise BadData(f"{table.name}: {'; '.join(said)}{more}; correct them, or run again with {drops}")


def refuse_target(table: Table, name: str, *, labels: bool = False) -> None:
    """Raise if the response is not made of numbers, or of labels where these are read."""
    column = table.columns[name]
    reason = _contradiction(column, table)
    if reason is None and column.kind == "text" and not labels:
        reason = f"holds text, such as {_short(column.levels[0])}"
        if len(column.levels) == 2:
            reason += f" and {_short(column.levels[1])}; for a yes/no outcome run again with "
            reason += "--likelihood bernoulli"
    if reason is None and column.kind == "flag" and not labels:
        reason = "holds true and false, and a linear regression needs a quantity; code it 0 and 1 "
        reason += "if that is meant, or run again with --likelihood bernoulli"
    if reason is not None:
        raise BadData(f"{table.name}: the target {name!r} {reason}")


def find(table: Table, name: str, option: str) -> str:
    """`name`, if it is a column; otherwise an error with the nearest."""
    if name in table.columns:
        return name
    raise BadArgument(
        f"{option}: {table.name} has no column {name!r}{did_you_mean(name, table.columns)} (it has "
        f"{table.listed()})"
    )


def _contradiction(column: Column, table: Table) -> str | None:
    """Why the cells of a column do not fit together, or None."""
    if column.kind == "empty":
        return "has no value in any row"
    if column.kind == "other":
        return f"holds {column.levels[0]}, neither numbers nor text"
    if column.kind == "date":
        return (
            f"holds dates or times, such as {_short(column.levels[0])}; turn them into numbers of "
            "days"
        )
    if column.kind in {"mixed", "text"}:
        return _disguised(column, table)
    infinite = np.flatnonzero(np.isinf(column.values))
    return f"holds an infinite value on {table.place(int(infinite[0]))}" if len(infinite) else None


def _disguised(column: Column, table: Table) -> str | None:
    """What hides numbers from a program: commas, units, quotes, or a few texts among them."""
    texts = [level for level in column.levels if number(level) is None]
    if column.kind == "text" and not all(map(_DECORATED.fullmatch, texts)):
        return None
    row, cell = column.odd
    example = f"{_short(cell)} on {table.place(row)}"
    if not texts:
        return f"holds numbers as text, such as {example}; store them as numbers"
    if not all(map(_DECORATED.fullmatch, texts)):
        return f"holds numbers and text, such as {example} (an empty cell means missing)"
    if any(map(_DECIMAL_COMMA.fullmatch, texts)):
        return f"holds numbers with decimal commas, such as {example}; write them with a point"
    return (
        f"holds numbers with separators or signs, such as {example}; write the digits and a "
        "decimal point only"
    )


def _meaning(column: Column) -> str | None:
    """Why a column says nothing about y as it stands, or None."""
    if column.kind == "number" and _identifies(column):
        return "looks like an identifier (a different number in every row)"
    if column.kind != "text":
        return None
    count, present = len(column.levels), len(column.values) - len(column.missing)
    if count == 1:
        return f"holds the same text in every row, {_short(column.levels[0])}"
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
    values = column.values
    if not (key or counter) or len(values) < 3 or not np.all(values == np.floor(values)):
        return False
    running = bool(np.all(np.diff(values) == 1))
    return running or (key is not None and len(np.unique(values)) == len(values))


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:39] + "…")
