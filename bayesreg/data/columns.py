"""Arrays and data frames read into named float64 columns, or refused with advice.

Nothing is dropped, imputed, aligned or parsed silently. Text, dates, complex numbers and other
objects are errors that name the column; a cast that loses digits is a note. `notes` collects what
must be warned of.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadData

EXACT = 2**53  # up to here float64 represents every integer


@dataclass(frozen=True, eq=False)
class Columns:
    """Validated columns: values (n, p), their names and pandas index where they had any.

    Values are an array, or the rows of a sparse X, which are read as one.
    """

    values: Any
    names: tuple[str, ...] | None
    index: Any = None


def read_columns(data: object, what: str, notes: list[str]) -> Columns:
    """Read a two-dimensional array or an eager data frame."""
    if isinstance(data, np.ndarray | list | tuple):
        return Columns(_read_array(data, what, notes), None)
    native = as_narwhals(data)
    if native is None:
        return Columns(_read_array(data, what, notes), None)
    kind = type(native).__name__
    if kind == "LazyFrame":
        raise BadData(f"{what} is a lazy frame; call .collect() and pass the result")
    if kind == "Series":
        raise BadData(f"{what} is one column; pass a frame, for example frame[['{native.name}']]")
    return _read_frame(native, what, notes)


def read_vector(data: object, what: str, notes: list[str]) -> tuple[Array, str | None, Any]:
    """Read a response or weights (n,): values, name and pandas index, where it has them."""
    native = None if isinstance(data, np.ndarray | list | tuple) else as_narwhals(data)
    if native is None:
        values = plain_array(data, what)
        return _one_column(values, what, what, notes), None, None
    import narwhals.stable.v2 as nw

    index = nw.maybe_get_index(native)
    if type(native).__name__ == "Series":
        name = None if native.name in (None, "") else text_name(native.name)
        return _read_series(native, name or what, what, notes), name, index
    columns = _read_frame(native, what, notes)
    assert columns.names is not None
    values = _one_column(columns.values, what, what, notes)
    return values, columns.names[0], index


def _one_column(values: NDArray[Any], name: str, what: str, notes: list[str]) -> Array:
    if values.ndim == 2 and values.shape[1] == 1:
        notes.append(f"{what} has shape {values.shape}; it was read as one column of {len(values)}")
        values = values[:, 0]
    if values.ndim != 1:
        raise BadData(f"{what} has shape {values.shape}; it must be one column, of shape (n,)")
    return cast_column(values, name, what, notes)


def plain_array(data: object, what: str) -> NDArray[Any]:
    """`data` as a plain ndarray, refusing the containers whose meaning NumPy would lose."""
    _refuse_what_numpy_loses(data, what)
    if isinstance(data, np.ma.MaskedArray):
        masked = np.ma.getmaskarray(data)
        if masked.any():
            row = int(np.argwhere(masked)[0][0])
            raise BadData(
                f"{what} has {int(masked.sum())} masked values, first in row {row} (from 0); drop "
                "these rows or fill them in: nothing is dropped silently"
            )
        data = np.ma.getdata(data)
    if not isinstance(data, np.ndarray | Sequence) and np.ndim(data) == 0:  # type: ignore[arg-type]
        try:
            data = list(data)  # type: ignore[call-overload]
        except TypeError:
            raise BadData(
                f"{what} is a {type(data).__name__}; pass an array or a data frame"
            ) from None
    try:
        return np.asarray(data)
    except ValueError as error:
        raise BadData(f"{what} is not a rectangular array of numbers: {error}") from None


def _refuse_what_numpy_loses(data: object, what: str) -> None:
    if isinstance(data, str | bytes):
        raise BadData(
            f"{what} is text, {data[:40]!r}; read the file first (pandas.read_csv) and pass the "
            "frame or its column"
        )
    if isinstance(data, set | frozenset):
        raise BadData(f"{what} is a set, which has no order; pass a list or an array")
    if is_dask(data):
        raise BadData(
            f"{what} is a Dask {type(data).__name__}, and rows in memory are needed here; pass "
            f"{what}.compute()"
        )
    if type(data).__module__.startswith("scipy.sparse"):
        raise BadData(f"{what} is a sparse matrix; if it fits in memory, pass {what}.toarray()")
    if isinstance(data, np.matrix):
        raise BadData(f"{what} is a numpy matrix, whose products differ; pass np.asarray({what})")


def is_plain(values: object, ndim: int) -> bool:
    """A plain array of a dtype that every chunk converts exactly."""
    return (
        type(values) is np.ndarray
        and values.ndim == ndim
        and values.dtype.kind in "fiub"
        and (values.dtype == np.float64 or values.dtype.itemsize <= 4)
    )


def _read_array(data: object, what: str, notes: list[str]) -> Array:
    values = plain_array(data, what)
    if values.ndim == 1:
        raise BadData(
            f"{what} has one dimension, shape {values.shape}; use {what}.reshape(-1, 1) for one "
            f"column or {what}.reshape(1, -1) for one row"
        )
    if values.ndim != 2:
        raise BadData(f"{what} has {values.ndim} dimensions; it must be (rows, columns)")
    names = default_names(values.shape[1])
    if values.dtype.kind in "fiub":
        return cast_block(values, names, what, notes)
    out = np.empty(values.shape)
    for j, name in enumerate(names):
        out[:, j] = cast_column(values[:, j], name, what, notes)
    return out


def truth_columns(data: Any) -> frozenset[int]:
    """Positions of the columns of an array or frame that hold true and false."""
    native = None if isinstance(data, np.ndarray | list | tuple) else as_narwhals(data)
    if native is not None:
        kinds = [str(column.dtype) for column in native.iter_columns()]
        return frozenset(j for j, kind in enumerate(kinds) if kind == "Boolean")
    if getattr(getattr(data, "dtype", None), "kind", "") == "b" and np.ndim(data) == 2:
        return frozenset(range(data.shape[1]))
    return frozenset()


def is_dask(data: object) -> bool:
    """Whether it is a collection of Dask, or of a kind that was made from one."""
    return any(kind.__module__.startswith("dask.") for kind in type(data).__mro__)


def as_narwhals(data: object) -> Any:
    """The narwhals view of a data frame or series, or None for anything else."""
    import narwhals.stable.v2 as nw
    from narwhals.exceptions import DuplicateError

    if is_dask(data):  # of which narwhals is about to know nothing
        return None
    try:
        native = nw.from_native(_declared(data), pass_through=True, allow_series=True)
    except DuplicateError as error:
        raise BadData(f"column names must be unique; {_one_line(error)}; rename them") from None
    return native if type(native).__name__ in {"DataFrame", "LazyFrame", "Series"} else None


def _declared(data: Any) -> Any:
    """An Arrow table whose columns are categories where its pandas metadata say so.

    Parquet keeps categories of numbers as numbers, and what they are in the metadata only.
    """
    if type(data).__name__ != "Table" or not type(data).__module__.startswith("pyarrow"):
        return data
    for one in (data.schema.pandas_metadata or {}).get("columns", []):
        where = data.schema.get_all_field_indices(str(one.get("name")))
        if one.get("pandas_type") == "categorical" and len(where) == 1:
            column = data.column(where[0])
            if not hasattr(column.type, "value_type"):  # which a dictionary has
                field = str(one["name"])
                data = data.set_column(where[0], field, column.dictionary_encode())
    return data


def row_index(data: object) -> Any:
    """The pandas index of a frame or series, or None."""
    if data is None or isinstance(data, np.ndarray | list | tuple):
        return None
    import narwhals.stable.v2 as nw

    native = as_narwhals(data)
    return None if native is None else nw.maybe_get_index(native)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _read_frame(frame: Any, what: str, notes: list[str]) -> Columns:
    import narwhals.stable.v2 as nw

    rows, width = frame.shape
    try:
        series = list(frame.iter_columns())
    except Exception as error:  # noqa: BLE001 - each backend has its own for duplicates
        raise BadData(f"the columns of {what} cannot be read: {_one_line(error)}") from None
    names = tuple(text_name(s.name) for s in series)
    refuse_duplicates(names, what)
    out = np.empty((rows, width), order="F")
    for j, (name, column) in enumerate(zip(names, series, strict=True)):
        out[:, j] = _read_series(column, name, what, notes)
    return Columns(out, names, nw.maybe_get_index(frame))


def _read_series(series: Any, name: str, what: str, notes: list[str]) -> Array:
    kind = str(series.dtype)
    if kind.startswith(("Categorical", "Enum", "String")):
        raise BadData(text_advice(name, what, _first_text(series)))
    if series.implementation.is_pandas() and str(series.to_native().dtype).startswith("Sparse"):
        raise BadData(f"column {name!r} of {what} is sparse; pass it as .sparse.to_dense()")
    return cast_column(series.to_numpy(), name, what, notes)


def _first_text(series: Any) -> object:
    return next((v for v in series.to_list() if v is not None), "")


def text_name(name: object) -> str:
    """A column name as text; tuples (of a MultiIndex) print without NumPy's types."""
    if isinstance(name, tuple):
        plain = (v.item() if isinstance(v, np.generic) else v for v in name)
        return str(tuple(plain))
    return str(name)


def default_names(p: int) -> tuple[str, ...]:
    """x1, ..., xp: the names of columns that came without."""
    return tuple(f"x{j + 1}" for j in range(p))


def refuse_duplicates(names: Sequence[str], what: str) -> None:
    """Raise if two columns have the same name once names are text."""
    if len(set(names)) == len(names):
        return
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise BadData(
                f"{what} has two columns named {name!r} (names are compared as text); rename one"
            )
        seen.add(name)


def refuse_nonfinite(values: Array, names: Sequence[str], what: str, start: int = 0) -> None:
    """Raise naming each column with NaN or infinite values; rows are counted from `start`."""
    with np.errstate(all="ignore"):  # sums are finite unless a value is not, or they overflow
        if values.size == 0 or np.isfinite(values.sum()):
            return
    for bad, word in ((np.isnan, "missing (NaN)"), (np.isinf, "infinite")):
        found = []
        for j, name in enumerate(names):
            rows = np.flatnonzero(bad(values[:, j]))
            if len(rows):
                label = f"column {name!r}" if name != what else what
                found.append(f"{label}: {len(rows)}, first in row {start + int(rows[0])} (from 0)")
        if found:
            more = f" and {len(found) - 5} more columns" if len(found) > 5 else ""
            raise BadData(
                f"{what} has {word} values ({'; '.join(found[:5])}{more}); drop or impute these "
                "rows: nothing is dropped silently"
            )


def cast_block(values: NDArray[Any], names: Sequence[str], what: str, notes: list[str]) -> Array:
    """Numeric or boolean values (n, p) as float64, with a note where the cast loses digits."""
    if values.dtype == np.float64:
        return np.asarray(values)
    with np.errstate(over="ignore"):  # looked for below
        out = np.asarray(values, dtype=np.float64)
    kind, size = values.dtype.kind, values.dtype.itemsize
    if kind in "iu" and size == 8 and values.size:
        lossy = np.flatnonzero((values.max(axis=0) > EXACT) | (values.min(axis=0) < -EXACT))
        if len(lossy):
            notes.append(_rounded(_label(names[lossy[0]], what)))
    if kind == "f" and size > 8 and values.size:
        beyond = np.isinf(out) & np.isfinite(values)
        if beyond.any():
            row, j = map(int, np.argwhere(beyond)[0])
            raise BadData(_beyond(_label(names[j], what), row))
        same = (out.astype(values.dtype) == values) | np.isnan(values)
        lossy = np.flatnonzero(~same.all(axis=0))
        if len(lossy):
            notes.append(
                f"column {names[lossy[0]]!r} of {what} is {values.dtype}; the cast to float64 "
                "rounded it"
            )
    return out


def _label(name: str, what: str) -> str:
    return f"column {name!r} of {what}" if name != what else what


def cast_column(values: NDArray[Any], name: str, what: str, notes: list[str]) -> Array:
    """One column (n,) as float64, or an error that names it."""
    label = _label(name, what)
    kind = values.dtype.kind
    if kind in "fiub":
        return cast_block(values[:, None], [name], what, notes)[:, 0]
    if kind == "c":
        raise BadData(f"{label} is complex; pass its real part or its modulus")
    if kind in "mM":
        raise BadData(_date_advice(label))
    if kind in "UST":
        raise BadData(text_advice(name, what, values[0] if len(values) else None))
    if kind == "O":
        return _cast_objects(values, name, label, what, notes)
    raise BadData(f"{label} has dtype {values.dtype}; only numbers and booleans are accepted")


def _cast_objects(
    values: NDArray[Any], name: str, label: str, what: str, notes: list[str]
) -> Array:
    """Python objects: numbers pass, missing cells become NaN (refused later), no others pass."""
    from decimal import Decimal

    out = np.empty(len(values))
    for i, value in enumerate(values):
        if is_missing(value):
            out[i] = np.nan
        elif isinstance(value, numbers.Real | Decimal | np.bool):
            out[i] = _float(value, label, i)
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
        if isinstance(value, int) and abs(value) > EXACT and int(out[i]) != value:
            note = _rounded(label)
            notes.extend([note] if note not in notes else [])
    return out


def is_missing(value: Any) -> bool:
    """Whether a Python object stands for no value; some of these cannot be compared, or cast."""
    from decimal import Decimal

    if isinstance(value, Decimal):
        return value.is_nan()  # a signalling one too
    return (
        value is None
        or type(value).__name__ in {"NAType", "NaTType"}
        or (isinstance(value, float | np.floating) and math.isnan(value))
    )


def _float(value: Any, label: str, row: int) -> float:
    """A number as float64; what is too large is refused."""
    try:
        with np.errstate(over="ignore"):
            found = float(value)
    except OverflowError:
        raise BadData(_beyond(label, row)) from None
    except (TypeError, ValueError) as error:
        raise BadData(
            f"{label} holds a {type(value).__name__} in row {row} (from 0) that is no number: "
            f"{error}"
        ) from None
    if math.isinf(found) and value not in (math.inf, -math.inf):
        raise BadData(_beyond(label, row))
    return found


def _beyond(label: str, row: int) -> str:
    return (
        f"{label} holds a number in row {row} (from 0) that is too large for float64; rescale the "
        "column (divide it by a constant)"
    )


def _rounded(label: str) -> str:
    return (
        f"{label} has integers above 2^53, which float64 rounds; is it an identifier? If not, "
        "divide or shift it"
    )


def _date_advice(label: str) -> str:
    return f"{label} holds dates or durations; pass a number, such as days since a stated date"


def text_advice(name: str, what: str, example: object) -> str:
    """What to do about a column of text, or of numbers written as text."""
    label = _label(name, what)
    text = example.decode(errors="replace") if isinstance(example, bytes) else str(example)
    such = "" if example is None else f", for example {text[:40]!r}"
    try:
        float(text)
    except ValueError:
        if what == "y":
            return (
                f"{label} holds text or categories{such}, and this likelihood needs "
                "numbers; an outcome of two labels is br.Bernoulli()"
            )
        if name == what:
            return f"{label} holds text or categories{such}; it needs numbers"
        return (
            f"{label} holds text or categories{such}; code it yourself or use a "
            f"formula, model.condition_formula('y ~ C({name[:40]}) + ...', frame)"
        )
    return (
        f"{label} holds numbers as text or categories{such}; nothing is "
        "parsed silently: convert the column (pandas.to_numeric)"
        f"{'' if name == what else ' or use C(...) in a formula'}"
    )
