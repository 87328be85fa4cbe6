"""A response of labels: any two kinds of thing, read as they are and coded as 0 and 1."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.data.columns import as_narwhals, is_missing, plain_array
from bayesreg.data.variables import refuse_lookalikes
from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadData


def read_labels(y: Any, what: str, counts: NDArray[np.bool_] | None = None) -> list[Any]:
    """The entries of a vector, series or one-column frame as Python values, none of them missing.

    Rows that do not count, of weight 0, are given the label of the first that does.

    Raises
    ------
    BadData
        If y is not one column, or a value is missing; the message names the row. If two labels
        look alike.
    """
    native = None if isinstance(y, np.ndarray | list | tuple) else as_narwhals(y)
    if native is None:
        values = _plain(y, what)
        found = [v.item() if isinstance(v, np.generic) else v for v in values.tolist()]
    else:
        found = _column(native, what).to_list()
    if counts is not None and len(counts) == len(found) and np.any(counts):
        some = found[int(np.argmax(counts))]
        found = [value if own else some for value, own in zip(found, counts, strict=True)]
    try:  # of labels there are few, of rows perhaps many
        missing = any(is_missing(value) for value in dict.fromkeys(found))
    except TypeError:  # a Decimal that stands for no value has no place in a dictionary
        missing = True
    for row, value in enumerate(found) if missing else ():
        if is_missing(value):
            raise BadData(f"{what} is missing in row {row}; drop that row, or find its value")
    refuse_lookalikes(dict.fromkeys(found), what)
    return found


def declared_order(y: Any) -> tuple[Any, ...] | None:
    """All labels, lowest first, where the type of y declares their order; None where it does not.

    It does if y is an ordered categorical of pandas', an Enum of Polars', or an ordered dictionary
    of Arrow's. Categories without an order stand in that in which they were met.

    Examples
    --------
    >>> import pandas as pd
    >>> declared_order(pd.Categorical(["low", "high"], ["low", "high"], ordered=True))
    ('low', 'high')
    >>> declared_order(pd.Series(["low", "high"], dtype="category")) is None
    True
    """
    native = None if isinstance(y, np.ndarray | list | tuple) else as_narwhals(y)
    column = y if native is None else _column(native, "y").to_native()
    kind: Any = getattr(column, "type", None) or getattr(column, "dtype", None)
    if hasattr(kind, "value_type"):  # Arrow's, a part of which may lack some of the labels
        if not kind.ordered:
            return None
        column = column.unify_dictionaries().chunk(0) if column.num_chunks else column
        return tuple(column.dictionary.to_pylist()) if hasattr(column, "dictionary") else None
    found = getattr(kind, "categories", None)
    ordered = getattr(kind, "ordered", type(kind).__name__ == "Enum")
    return None if found is None or not ordered else tuple(getattr(found, "to_list", list)())


def numbered(
    labels: Sequence[Any], order: Sequence[Any] | None = None
) -> tuple[Array, tuple[Any, ...]]:
    """Each label as its place among the different ones: in their order, else sorted if they can be.

    Examples
    --------
    >>> numbered(["b", "a", "b"])
    (array([1., 0., 1.]), ('a', 'b'))
    >>> numbered(["b", "a", "b"], order=("c", "b", "a"))
    (array([0., 1., 0.]), ('b', 'a'))
    """
    kinds = list(dict.fromkeys(labels))
    with suppress(TypeError):  # of different types: in order of appearance
        kinds.sort(key=None if order is None else list(order).index)
    place = {label: float(k) for k, label in enumerate(kinds)}
    return np.array([place[label] for label in labels]), tuple(place)


def in_place_of(y: Any, values: Array) -> Any:
    """Numbers in the container that y came in, so that its name and its index stay."""
    native = None if isinstance(y, np.ndarray | list | tuple) else as_narwhals(y)
    if native is None:
        return values
    import narwhals.stable.v2 as nw

    column = _column(native, "y")
    new = nw.new_series(column.name or "", values, backend=nw.get_native_namespace(column))
    index = nw.maybe_get_index(column)
    return (new if index is None else nw.maybe_set_index(new, index=index)).to_native()


def _plain(y: Any, what: str) -> NDArray[Any]:
    values = plain_array(y, what) if not isinstance(y, list | tuple) else _of_list(y)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        raise BadData(f"{what} has shape {values.shape}; a response of labels is one column")
    return values


def _of_list(y: Any) -> NDArray[Any]:
    """A list as objects, so that ``[1, "a"]`` does not become text."""
    if any(isinstance(v, list | tuple | np.ndarray) for v in y):
        return np.asarray(y)
    values = np.empty(len(y), dtype=object)
    values[:] = y
    return values


def _column(native: Any, what: str) -> Any:
    """The only column of a frame, or the series itself."""
    if type(native).__name__ == "Series":
        return native
    if type(native).__name__ != "DataFrame" or native.shape[1] != 1:
        raise BadData(f"{what} must be one column of labels, not a frame of several")
    return native[native.columns[0]]
