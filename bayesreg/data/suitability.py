"""What a column of a file may be used for: identifiers, dates and free text are no predictors."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bayesreg.data.cells import Column, Table
from bayesreg.language.arguments import Array, did_you_mean
from bayesreg.language.errors import BadArgument, BadData

FACTOR_LEVELS = 20
# A text that differs in nine rows of ten tells rows apart, not groups of them.
_UNIQUE = 0.9
_DECORATED = re.compile(r"[(+\-−]?\s*[$€£¥]?\s*[+\-−]?\d[\d\s.,'’_]*\s*[%$€£¥]?\)?")
_GROUPS = ",.'’ \u00a0\u2009\u202f"
_GROUPED = re.compile(rf"[+\-−]?\d{{1,3}}([{_GROUPS}]\d{{3}})+([.,]\d+)?")
_DECIMAL_COMMA = re.compile(r"[+\-−]?\s*(0,\d+|\d*,\d{1,2}|\d*,\d{4,})")
# "id", "customer_id", "customerId", "Unnamed: 0" or no name; not "humid" or "acid".
_KEY = re.compile(
    r"(.*(^|[\W_])|.*[a-z](?=I))(id|ids|ID|Id|uuid|guid|key|index|idx)|(?i:unnamed: ?\d+|)"
    r"|__index_level_\d+__",
)
_COUNTER = re.compile(
    r"(.*[\W_])?(row|rows|rownames?|nr|no|num|number|obs|case|#)\W*"
    r"|x|x1|\W*\d+|v1|rownum(ber)?|row[\W_]?(id|index)|s(l|r)?[\W_]?no\W*|serial|seq|level_\d+"
    r"|unnamed: ?[\d.]+|index|obs(no|num)|case(no|num)|observation",
    re.IGNORECASE,
)
# So many different numbers 1, 2, 3, ... may be codes; with 0 among them they are rather counts.
_CODES = 6
# Fewer rows than these run 1, 2, 3 by chance.
_RUNNING = 10


def refuse_unusable(
    table: Table, predictors: Sequence[str], *, formula: bool = False, drop_missing: bool = True
) -> None:
    """Raise naming predictors that cannot be used as they are, with the ``--drop`` that it takes.

    Missing cells of the others are said in the same breath, unless their rows may be left out.

    What the columns of a formula mean is its business: only contradictions between cells count.
    """
    found: dict[str, Reason] = {}
    for name in predictors:
        column = table.columns[name]
        reason = _contradiction(column, table)
        if reason is None and not formula:
            reason = _meaning(column)
        if reason is not None:
            found[name] = reason
    if not found:
        return
    said = [f"column {name!r} {reason.text}" for name, reason in list(found.items())[:5]]
    more = f"; and {len(found) - 5} more columns" if len(found) > 5 else ""
    cures = [reason.cure or f"--drop {shlex.quote(name)}" for name, reason in found.items()]
    holes = {n: len(table.columns[n].missing) for n in predictors if n not in found}
    holes = {n: count for n, count in holes.items() if count and not drop_missing}
    if holes and not any("--missing" in cure for cure in cures):
        cures.append("--missing drop")
        counts = ", ".join(f"{n!r}: {count}" for n, count in list(holes.items())[:5])
        more += f"; and there are missing cells ({counts}), whose rows --missing drop leaves out"
    raise BadData(
        f"{table.name}: {'; '.join(said)}{more}; correct them, or run again with "
        f"{' '.join(dict.fromkeys(cures))}"
    )


def refuse_target(table: Table, name: str, *, labels: bool = False) -> None:
    """Raise if the response is not made of numbers, or of labels where these are read."""
    column = table.columns[name]
    found = _contradiction(column, table)
    reason = None if found is None else found.text
    if found is not None and found.cure:
        reason = f"{found.text}; correct them, or run again with {found.cure}"
    if reason is None and column.kind == "text" and not labels:
        reason = _no_quantity(column)
    if reason is None and column.kind == "flag" and not labels:
        reason = "holds true and false, and a linear regression needs a quantity; code it 0 and 1 "
        reason += "if that is meant, or run again with --likelihood bernoulli"
    if reason is not None:
        raise BadData(f"{table.name}: the target {name!r} {reason}")


def _no_quantity(column: Column) -> str:
    """What a response of text holds, and what it may be instead."""
    what = {"codes": "codes", "declared": "categories"}.get(column.origin, "text")
    first, count = _short(column.levels[0]), len(column.levels)
    if count == 2:
        second = _short(column.levels[1])
        cure = "for a yes/no outcome run again with --likelihood bernoulli"
        return f"holds {what}, such as {first} and {second}; {cure}"
    kinds = f"{count} kind{'s' * (count > 1)}"
    return f"holds {kinds} of {what}, such as {first}; a response is a quantity, or two labels"


def find(table: Table, name: str, option: str) -> str:
    """`name`, if it is a column; otherwise an error with the nearest."""
    if name in table.columns:
        return name
    raise BadArgument(
        f"{option}: {table.name} has no column {name!r}{did_you_mean(name, table.columns)} (it has "
        f"{table.listed()})"
    )


class Reason(NamedTuple):
    """Why a column cannot be used as it is, and the options that would change it, if any do."""

    text: str
    cure: str = ""


def _contradiction(column: Column, table: Table) -> Reason | None:
    """Why the cells of a column do not fit together, or None."""
    if column.kind == "empty":
        return Reason("has no value in any row")
    if column.kind == "other":
        return Reason(f"holds {column.levels[0]}, neither numbers nor text")
    if column.kind == "date":
        return Reason(
            f"holds dates or times, such as {_short(column.levels[0])}; turn them into numbers of "
            "days"
        )
    if column.kind == "mixed" or (column.kind == "text" and not column.origin):
        return _disguised(column, table)
    if column.levels:
        return None
    infinite = np.flatnonzero(np.isinf(column.values))
    if not len(infinite):
        return None
    return Reason(f"holds an infinite value on {table.place(int(infinite[0]))}")


def _disguised(column: Column, table: Table) -> Reason | None:
    """What hides numbers from a program: commas, units, quotes, or a few texts among them."""
    texts = column.texts
    if column.kind == "text" and not all(map(_DECORATED.fullmatch, texts)):
        return None
    row, cell = column.odd
    example = f"{_short(cell)} on {table.place(row)}"
    name = shlex.quote(column.name)
    if not texts:
        return Reason(
            f"holds numbers as text, such as {example}; store them as numbers, or run again with "
            f"--number {name} or --factor {name}"
        )
    if not all(map(_DECORATED.fullmatch, texts)):
        return _mixed(column, table)
    if any(map(_DECIMAL_COMMA.fullmatch, texts)):
        return Reason(f"holds numbers with decimal commas, such as {example}", "--decimal ','")
    said = f"holds numbers with separators or signs, such as {example}"
    if all(map(_GROUPED.fullmatch, texts)):
        sign = next(c for c in texts[0] if c in _GROUPS)
        spoken = "blank" if sign.isspace() else shlex.quote("'" if sign == "’" else sign)
        return Reason(said, f"--thousands {spoken if sign != ',' else repr(sign)}")
    if any("%" in text for text in texts):
        return Reason(f"{said}; write the number alone, 12.5 or 0.125 for 12.5%")
    return Reason(f"{said}; write the digits and a decimal point only")


def _mixed(column: Column, table: Table) -> Reason:
    """Texts among numbers, and what to do where a few of them seem to mean missing."""
    texts = column.texts
    places = [k for k, level in enumerate(column.levels) if level in set(texts)]
    cells = int(np.isin(column.values, places).sum())
    plain = all(re.fullmatch(r"[^,\s]{1,20}( [^,\s]{1,20})?", text) for text in texts)
    row, cell = column.odd
    said = f"holds numbers and text, such as {_short(cell)} on {table.place(row)}"
    if not plain or len(texts) > 3 or 2 * cells > len(column.values):
        return Reason(f"{said} (an empty cell means missing)")
    return Reason(
        f"{said} (if {'that' if len(texts) == 1 else 'they'}, in {cells} of {table.rows} rows, "
        "should mean missing, as an empty cell does, --na says so)",
        f"--na {shlex.quote(','.join(texts))} --missing drop",
    )


def _meaning(column: Column) -> Reason | None:
    """Why a column says nothing about y as it stands, or None."""
    if column.origin == "asked":
        return None
    name = shlex.quote(column.name)
    if column.kind == "number" and _identifies(column):
        values = column.values
        runs = f": it runs {values[0]:g}, {values[1]:g}, ..., {values[-1]:g}"
        return Reason(
            "looks like an identifier (a different number in every row)"
            f"{runs if np.all(np.diff(values) == 1) else ''} (--number {name} if it is a quantity)"
        )
    if column.kind != "text":
        return None
    present = len(column.values) - len(column.missing)
    count = len(np.unique(column.values[column.values >= 0]))
    if count > 1 and count >= _UNIQUE * present:
        return Reason(
            f"looks like an identifier ({count} different texts in {present} rows) (--factor "
            f"{name} if it is none)"
        )
    if count > FACTOR_LEVELS and column.origin != "declared":
        what = "codes" if column.origin == "codes" else "texts"
        return Reason(
            f"holds {count} different {what}, and at most {FACTOR_LEVELS} become a factor; group "
            f"the rare ones (or say --factor {name})"
        )
    return None


def _identifies(column: Column) -> bool:
    """Whether a column of numbers counts or labels rows: by its name, and no value twice."""
    key, counter = _KEY.fullmatch(column.name), _COUNTER.fullmatch(column.name)
    values = column.values
    if not (key or counter) or len(values) < 3 or not _whole(values):
        return False
    running = bool(np.all(np.diff(values) == 1))
    return running or (key is not None and len(np.unique(values)) == len(values))


def _whole(values: Array) -> bool:
    return bool(np.all(np.isfinite(values)) and np.all(values == np.floor(values)))


def suspicion(column: Column) -> str | None:
    """What to say of a column of numbers that may tell rows apart, or be codes of a factor."""
    values, name = column.values, shlex.quote(column.name)
    present = values[np.isfinite(values)] if column.kind == "number" else values[:0]
    kinds = np.unique(present)
    if not column.origin and 2 < len(kinds) <= _CODES and np.array_equal(kinds, _from_one(kinds)):
        return (
            f"column {column.name!r} holds {', '.join(f'{k:g}' for k in kinds)} alone, and is read "
            f"as a number: if these are codes, run again with --factor {name} (--number {name} "
            "keeps this note away)"
        )
    if column.origin or column.kind != "number" or len(values) < _RUNNING or not _whole(values):
        return None
    if values[0] in (0, 1) and np.all(np.diff(values) == 1):
        return (
            f"column {column.name!r} runs {values[0]:g}, {values[1]:g}, ..., {values[-1]:g}: if it "
            f"is the number of the row and no quantity, run again with --drop {name}"
        )
    if len(np.unique(values)) == len(values):
        return (
            f"column {column.name!r} has a different whole number in each of {len(values)} rows: "
            f"if it labels them and is no quantity, run again with --drop {name}"
        )
    return None


def _from_one(kinds: Array) -> Array:
    return np.arange(1.0, len(kinds) + 1.0)


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:39] + "…")
