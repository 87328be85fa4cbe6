"""Arrow columns as float64: what a column of numbers in memory is, and what it is refused as."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.data.columns import EXACT, cast_column, text_advice
from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadData

if TYPE_CHECKING:
    import pyarrow as pa


def floats(column: pa.Array, name: str, what: str, notes: list[str]) -> Array:
    """One column (m,) as float64, NaN where it is null, or BadData that names it.

    The conversions are those of a frame in memory: integers above 2⁵³ and long doubles are noted,
    text, categories and dates refused.
    """
    if len(column) and column.null_count == len(column):
        return np.full(len(column), np.nan)
    held = column.drop_null() if column.null_count else column
    values = cast_column(_plain(held, name, what), name, what, notes)
    if not column.null_count:
        return values
    out = np.full(len(column), np.nan)
    out[column.is_valid().to_numpy(zero_copy_only=False)] = values
    return out


def _plain(column: pa.Array, name: str, what: str) -> Any:
    import pyarrow.types as of

    kind = column.type
    if of.is_dictionary(kind) or _is_text(kind):
        raise BadData(text_advice(name, what, column[0].as_py() if len(column) else None))
    if of.is_decimal(kind):
        return _decimals(column)
    if of.is_null(kind):
        return np.empty(0)
    if of.is_temporal(kind):  # an empty array of dates is refused as dates are
        return np.empty(0, "M8[s]")
    if not (of.is_integer(kind) or of.is_floating(kind) or of.is_boolean(kind)):
        where = name if name == what else f"column {name!r} of {what}"
        raise BadData(f"{where} has type {kind}; only numbers and booleans are accepted")
    return column.to_numpy(zero_copy_only=False)


def _decimals(column: pa.Array) -> Array:
    """The nearest float64 of each decimal, which Arrow's own cast may miss by a last digit.

    A quotient of two numbers that float64 holds is rounded once: digits up to 2⁵³, over a power of
    ten up to 10²². What has more is converted one by one.
    """
    import pyarrow as pa

    scale = column.type.scale
    if column.type.bit_width > 128 or not 0 <= scale <= 22:
        return np.array([float(value) for value in column.to_pylist()])
    wide = column.cast(pa.decimal128(38, scale))
    low, high = np.frombuffer(wide.buffers()[1], "<i8").reshape(-1, 2)[wide.offset :][: len(wide)].T
    out = np.asarray(low / 10.0**scale)
    for row in np.flatnonzero((high != low >> 63) | (low > EXACT) | (low < -EXACT)).tolist():
        out[row] = float(column[row].as_py())
    return out


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow.types as of

    texts = (of.is_string, of.is_large_string, of.is_string_view)
    return any(is_text(kind) for is_text in texts)


def categories(schema: pa.Schema) -> frozenset[str]:
    """Columns that pandas wrote as categories; Arrow may have them as plain numbers."""
    columns = (schema.pandas_metadata or {}).get("columns", [])
    found = {one.get("name") for one in columns if one.get("pandas_type") == "categorical"}
    return frozenset(str(name) for name in found if name is not None)
