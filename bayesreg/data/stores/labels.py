"""Labels of a response in a store: which there are, and the numbers that they stand for."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.data.stores.base import Run, Source
from bayesreg.language.errors import BadData

if TYPE_CHECKING:
    import pyarrow as pa

MOST = 1_000  # different labels that are told apart: a response of two has no more by far


def label_counts(source: Source, y: str, weights: str = "") -> dict[Any, float]:
    """Σw by label of column `y` in rows of positive weight; a missing one is no label.

    One pass over these columns alone.

    Raises
    ------
    BadData
        If there are more than 1 000 of them.
    """
    counting = _Counting(y, source.label)
    return source.total([y, weights] if weights else [y], counting).by_label


@dataclass(frozen=True)
class _Counting:
    """A map: a run of batches to Σw by label, of column `y` of what is called `label`."""

    y: str
    label: str

    def __call__(self, run: Run) -> _Counts:
        """Raise where there are more labels than a response has."""
        found = _Counts({})
        for batch in run:
            found = found + _Counts(_counted(batch))
            if len(found.by_label) > MOST:
                raise BadData(
                    f"y: column {self.y!r} of {self.label} has more than {MOST} different values, "
                    "and a yes/no outcome has two; recode it, or choose another likelihood"
                )
        return found


class _Counts:
    """Σw by label, of rows that may lie anywhere."""

    def __init__(self, by_label: dict[Any, float]) -> None:
        self.by_label = by_label

    def __add__(self, other: _Counts) -> _Counts:
        both = dict(self.by_label)
        for label, count in other.by_label.items():
            both[label] = both.get(label, 0.0) + count
        return _Counts(both)


def _counted(batch: pa.RecordBatch) -> dict[Any, float]:
    import pyarrow.compute as pc

    column = _plain(batch.column(0))
    if column.null_count == len(column):
        return {}
    codes = column.dictionary_encode()
    places = codes.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    weights = np.ones(len(places))
    if batch.num_columns > 1:
        weights = pc.fill_null(batch.column(1).cast("float64"), 0.0).to_numpy(zero_copy_only=False)
    gone = pc.is_null(column, nan_is_null=True).to_numpy(zero_copy_only=False)
    here = ~gone & (weights > 0.0)
    sums = np.bincount(places[here], weights[here], len(codes.dictionary)).tolist()
    found = zip(codes.dictionary.to_pylist(), sums, strict=True)
    return {label: count for label, count in found if count > 0.0}


def coded(column: pa.Array, labels: tuple[Any, Any]) -> pa.Array:
    """0 and 1 for the two labels, and null for what is missing.

    Raises
    ------
    BadData
        If there is another one, as where the source has changed.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    column = _plain(column)
    known = pa.array(list(labels)).cast(column.type)
    places = pc.index_in(column, value_set=known)
    gone = pc.is_null(column, nan_is_null=True)
    other = pc.and_(pc.is_null(places), pc.invert(gone))
    if pc.any(other).as_py():
        label = column.filter(other)[0].as_py()
        raise BadData(f"y has the label {label!r} beside {labels[0]!r} and {labels[1]!r}")
    return places.cast("float64")


def _plain(column: pa.Array) -> pa.Array:
    """The values themselves, of what Arrow may hold as codes."""
    import pyarrow.types as of

    return column.cast(column.type.value_type) if of.is_dictionary(column.type) else column


def yes_no(source: Source, y: str) -> str:
    """Why a column can only be yes and no: true and false, 0 and 1, or text of two kinds; or "".

    Its values are read until one shows that it is something else.
    """
    import pyarrow.types as of

    kind = source.schema.field(y).type
    if of.is_boolean(kind):
        return "true and false"
    if of.is_dictionary(kind):
        kind = kind.value_type
    text = any(one(kind) for one in (of.is_string, of.is_large_string, of.is_string_view))
    if not (text or of.is_integer(kind) or of.is_floating(kind)) or not source.held:
        return ""
    seen: set[Any] = set()
    with closing(source.batches([y])) as batches:
        for batch in batches:
            seen |= set(batch.column(0).unique().drop_null().to_pylist())
            if len(seen) > 2 or not (text or seen <= {0, 1}):
                return ""
    if len(seen) < 2:
        return ""
    return "text of two kinds" if text else "0 and 1 alone"
