"""One column as float64: what converts exactly does, what does not is refused with advice.

Text, dates, complex numbers and other objects are errors that name the column; a cast that loses
digits is a note, which becomes a warning.
"""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.errors import BadData

Array = NDArray[np.float64]
EXACT = 2**53  # up to here float64 represents every integer


def cast_block(values: NDArray[Any], names: Sequence[str], what: str, notes: list[str]) -> Array:
    """Numeric or boolean values (n, p) as float64, with a note where the cast loses digits."""
    if values.dtype == np.float64:
        return np.asarray(values)
    out = np.asarray(values, dtype=np.float64)
    kind, size = values.dtype.kind, values.dtype.itemsize
    if kind in "iu" and size == 8 and values.size:
        lossy = np.flatnonzero((values.max(axis=0) > EXACT) | (values.min(axis=0) < -EXACT))
        if len(lossy):
            notes.append(
                f"column {names[lossy[0]]!r} of {what} has integers above 2^53, which float64 "
                "rounds; is it an identifier? If not, divide or shift it"
            )
    if kind == "f" and size > 8 and values.size:
        same = (out.astype(values.dtype) == values) | np.isnan(values)
        lossy = np.flatnonzero(~same.all(axis=0))
        if len(lossy):
            notes.append(
                f"column {names[lossy[0]]!r} of {what} is {values.dtype}; the cast to float64 "
                "rounded it"
            )
    return out


def cast_column(values: NDArray[Any], name: str, what: str, notes: list[str]) -> Array:
    """One column (n,) as float64, or an error that names it."""
    label = f"column {name!r} of {what}" if name != what else what
    kind = values.dtype.kind
    if kind in "fiub":
        return cast_block(values[:, None], [name], what, notes)[:, 0]
    if kind == "c":
        raise BadData(f"{label} is complex; pass its real part or its modulus")
    if kind in "mM":
        raise BadData(_date_advice(label))
    if kind in "UST":
        raise BadData(text_advice(name, what, values[0] if len(values) else ""))
    if kind == "O":
        return _cast_objects(values, name, label, what)
    raise BadData(f"{label} has dtype {values.dtype}; only numbers and booleans are accepted")


def _cast_objects(values: NDArray[Any], name: str, label: str, what: str) -> Array:
    """Python objects: numbers pass, missing cells become NaN (refused later), no others pass."""
    from decimal import Decimal

    out = np.empty(len(values))
    for i, value in enumerate(values):
        if value is None or type(value).__name__ in {"NAType", "NaTType"}:
            out[i] = np.nan
        elif isinstance(value, numbers.Real | Decimal | np.bool):
            out[i] = float(value)
        elif isinstance(value, numbers.Complex):
            raise BadData(f"{label} is complex; pass its real part or its modulus")
        elif isinstance(value, str | bytes):
            raise BadData(text_advice(name, what, value))
        elif type(value).__module__.split(".")[0] in {"datetime", "pandas"}:
            raise BadData(_date_advice(label))
        else:
            raise BadData(
                f"{label} holds a {type(value).__name__} in row {i} (from 0); "
                "only numbers and booleans are accepted"
            )
    return out


def _date_advice(label: str) -> str:
    return f"{label} holds dates or durations; pass a number, such as days since a stated date"


def text_advice(name: str, what: str, example: object) -> str:
    """What to do about a column of text, or of numbers written as text."""
    label = f"column {name!r} of {what}" if name != what else what
    text = example.decode(errors="replace") if isinstance(example, bytes) else str(example)
    try:
        float(text)
    except ValueError:
        return (
            f"{label} holds text or categories, for example {text[:40]!r}; code it yourself or use "
            f"a formula, model.condition_formula('y ~ C({name[:40]}) + ...', frame)"
        )
    return (
        f"{label} holds numbers as text or categories, for example {text[:40]!r}; nothing is "
        "parsed silently: convert the column (pandas.to_numeric) or use C(...) in a formula"
    )
