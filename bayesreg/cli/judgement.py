"""Whether a column can be used as it is: identifiers, dates and free text are not predictors."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from itertools import pairwise

from bayesreg.cli.columns import Column, Table, number
from bayesreg.errors import BadArgument, BadData

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
    lower = {column.lower(): column for column in table.columns}
    near = get_close_matches(name.lower(), lower, n=1)
    hint = f"; did you mean {lower[near[0]]!r}?" if near else ""
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
