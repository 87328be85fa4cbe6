"""The variables of a formula: found in its factors, taken from a data frame, checked by cell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.data.columns import (
    as_narwhals,
    cast_column,
    read_columns,
    refuse_duplicates,
    refuse_nonfinite,
    text_advice,
    text_name,
)
from bayesreg.data.known import whole_trials
from bayesreg.data.labels import declared_order, in_place_of
from bayesreg.data.sparse import is_sparse
from bayesreg.data.variables import is_text, unseen_level
from bayesreg.language.arguments import did_you_mean
from bayesreg.language.errors import BadData

if TYPE_CHECKING:
    import pandas as pd


def column_names(frame: object, what: str) -> tuple[str, ...]:
    """The column names of a data frame, or an error if it is not one."""
    return tuple(text_name(name) for name in _eager(frame, what).columns)


def as_frame(data: Any) -> Any:
    """A mapping of columns, or an array with named fields, as a data frame; else what it is."""
    if type(data).__name__ == "Dataset" and type(data).__module__.startswith("xarray"):
        raise BadData("X is an xarray Dataset; pass a data frame, X.to_dataframe()")
    fields = getattr(getattr(data, "dtype", None), "names", None)
    if is_sparse(data):  # one of whose formats is a mapping of cells
        return data
    if isinstance(data, Mapping) or (fields and np.ndim(data) == 1):
        import pandas as pd

        try:
            return pd.DataFrame(data)
        except ValueError as error:
            raise BadData(f"a mapping must hold columns of one length: {error}") from None
    return data


def take_response(X: Any, y: Any, what: str = "y") -> tuple[Any, Any]:
    """X and y, or another argument by row, which may name a column of X that then leaves X.

    Raises
    ------
    BadData
        If X has no column of that name, or no names.

    Examples
    --------
    >>> import pandas as pd
    >>> X, y = take_response({"x": [1.0, 2.0], "price": [3.0, 4.0]}, "price")
    >>> list(X.columns), y.tolist()
    (['x'], [3.0, 4.0])
    """
    X = as_frame(X)
    if not isinstance(y, str):
        return X, y
    native = as_narwhals(X)
    if type(native).__name__ != "DataFrame":
        raise BadData(
            f"{what} is the text {y!r}, which may name a column of a data frame; X is a "
            f"{type(X).__name__}"
        )
    name = next((one for one in native.columns if text_name(one) == y), None)
    if name is None:
        refuse_no_column([y], [text_name(one) for one in native.columns], "X")
    return native.drop(name).to_native(), native[name].to_native()


def take_beside(X: Any, given: Mapping[str, Any], columns: Mapping[str, str]) -> tuple[Any, Any]:
    """New rows, and what is known beside them: as given, else the columns that the fit had it from.

    An offset or exposure that is given speaks for both, for either may have the other in it.

    Examples
    --------
    >>> import pandas as pd
    >>> new = pd.DataFrame({"x": [1.0, 2.0], "years": [3.0, 4.0]})
    >>> X, beside = take_beside(new, {"exposure": None}, {"exposure": "years"})
    >>> list(X.columns), beside["exposure"].tolist()
    (['x'], [3.0, 4.0])
    """
    X, found = as_frame(X), dict(given)
    names = [text_name(one) for one in getattr(as_narwhals(X), "columns", ())] if columns else []
    shifts = {what: name for what, name in columns.items() if what != "trials"}
    if any(given.get(what) is not None for what in ("offset", "exposure")):
        columns = {what: name for what, name in columns.items() if what not in shifts}
    elif (lost := set(shifts.values()) - set(names)) and lost < set(shifts.values()):
        refuse_no_column(sorted(lost), names, "new X, which has a part of the fit's offset,")
    found |= {
        what: name for what, name in columns.items() if name in names and given.get(what) is None
    }
    for what, value in found.items():
        X, found[what] = take_response(X, value, what)
    return X, found


def two_columns(y: Any) -> tuple[Any, Any]:
    """Successes, and successes with failures, of a y of these two columns; else y and None.

    Raises
    ------
    BadData
        If they hold text, or what is missing.

    Examples
    --------
    >>> two_columns(np.array([[3.0, 1.0], [0.0, 2.0]]))
    (array([3., 0.]), array([4., 2.]))
    """
    data = as_frame(y)
    native = None if isinstance(data, np.ndarray | list | tuple) else as_narwhals(data)
    shape = np.shape(data) if native is None else native.shape
    if len(shape) != 2 or shape[1] != 2:
        return y, None
    columns = read_columns(data, "y", [])
    refuse_nonfinite(columns.values, columns.names or ("successes", "failures"), "y")
    won, lost = columns.values.T
    named = won if native is None else in_place_of(native[native.columns[0]].to_native(), won)
    return named, whole_trials(won, lost)


def index_of(X: Any) -> Any:
    """The pandas index of a frame that has one; None of whatever else."""
    import narwhals.stable.v2 as nw

    native: Any = None if isinstance(X, np.ndarray | list | tuple) else as_narwhals(X)
    return nw.maybe_get_index(native) if type(native).__name__ == "DataFrame" else None


def labels_of_rows(frame: object) -> Any:
    """The pandas index of a frame, where it has one."""
    import narwhals.stable.v2 as nw

    return nw.maybe_get_index(_eager(frame, "the frame"))


def rows_of(frame: object, keep: NDArray[np.bool_] | None = None) -> Any:
    """The number of rows of a frame, or some of its rows."""
    native = _eager(frame, "the frame")
    return len(native) if keep is None else native.filter(keep.tolist()).to_native()


def _eager(frame: object, what: str) -> Any:
    native = as_narwhals(frame)
    kind = type(native).__name__
    if kind == "LazyFrame":
        raise BadData(f"{what} is a lazy frame; call .collect() and pass the result")
    if kind != "DataFrame":
        raise BadData(
            f"a formula needs a data frame with named columns; {what} is a {type(frame).__name__}"
        )
    return native


def read_variables(
    frame: object, needed: Iterable[str], what: str, notes: list[str]
) -> tuple[pd.DataFrame, Any]:
    """The columns `needed` as a pandas frame without missing cells, and the pandas index if any.

    Text and categories stay as they are; numbers become int, bool or float64 columns.
    """
    import narwhals.stable.v2 as nw
    import pandas as pd

    frame = as_frame(frame)
    native = _eager(frame, what)
    names = column_names(frame, what)
    refuse_duplicates(names, what)
    needed = sorted(needed)
    refuse_no_column(needed, names, what)
    series = dict(zip(names, native.iter_columns(), strict=True))
    _refuse_missing({name: series[name] for name in needed}, what)
    index = nw.maybe_get_index(native)
    data = {name: _variable(series[name], name, what, notes) for name in needed}
    return pd.DataFrame(data, index=range(len(native)), copy=False), index


def refuse_no_column(needed: Sequence[str], names: Sequence[str], what: str) -> None:
    """Raise where a column is named that is not there."""
    missing = [name for name in needed if name not in set(names)]
    if not missing:
        return
    hint = did_you_mean(missing[0], names)
    listed = ", ".join(repr(name) for name in missing[:10])
    shown = ", ".join(repr(name) for name in names[:10]) + (", ..." if len(names) > 10 else "")
    raise BadData(f"{what} has no column {listed}{hint} (it has {shown})")


def _refuse_missing(series: Mapping[str, Any], what: str) -> None:
    found = []
    for name, one in series.items():
        empty = one.is_null()
        if one.dtype.is_float():
            empty = empty | one.is_nan()
        rows = np.flatnonzero(empty.to_numpy())
        if len(rows):
            found.append(f"column {name!r}: {len(rows)}, first in row {int(rows[0])} (from 0)")
    if found:
        raise BadData(
            f"{what} has missing (NaN) values ({'; '.join(found[:5])}); drop or impute these rows: "
            "nothing is dropped silently"
        )


def _variable(series: Any, name: str, what: str, notes: list[str]) -> Any:
    """One variable for formulaic: text and categories untouched, numbers as plain arrays."""
    kind = str(series.dtype)
    if kind.startswith(("Categorical", "Enum")):
        found, order = series.to_pandas().astype("category").array, declared_order(series)
        return found if order is None else found.set_categories(order, ordered=True)
    values = series.to_numpy()
    if kind.startswith("String") or (values.dtype == object and is_text(values)):
        return np.asarray(series.to_list(), dtype=object)
    numbers = cast_column(values, name, what, notes)
    return values if values.dtype.kind in "iub" else numbers


def refuse_number_text(frame: pd.DataFrame, names: Iterable[str], what: str) -> None:
    """Raise where a variable that stands on its own in a formula holds numbers written as text."""
    for name in names:
        if name in frame and frame[name].dtype.name != "category" and is_text(frame[name]):
            advice = text_advice(name, what, frame[name].iloc[0])
            if "numbers as text" in advice:
                raise BadData(advice)


def refuse_unseen(frame: pd.DataFrame, levels: Mapping[str, Sequence[Any]], what: str) -> None:
    """Raise where a factor has a category that the fit never saw."""
    for name, known in levels.items():
        unseen = ~frame[name].isin(list(known)).to_numpy()
        if unseen.any():
            row = int(np.flatnonzero(unseen)[0])
            raise BadData(unseen_level(name, what, row, frame[name].iloc[row], known))
