"""Sparse matrices read as columns, and rows that stay sparse until a part of them is asked for."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.data.columns import (
    EXACT,
    Columns,
    cast_column,
    default_names,
    read_columns,
    refuse_duplicates,
    refuse_nonfinite,
    text_name,
)
from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadData, NotSupported

if TYPE_CHECKING:
    from scipy import sparse

DENSE = 2**27  # cells (1 GiB) up to which a sparse X may be written out where every cell is needed


class SparseRows(np.lib.mixins.NDArrayOperatorsMixin):
    """A sparse X (n, p) that is read as an array is: what is asked of it comes dense.

    Rows ``X[part]`` and columns ``X[:, j]`` are written out, products with vectors and matrices
    are not; whatever needs all cells at once gets them up to `DENSE`, and is refused beyond.

    Attributes
    ----------
    columns : csc_array (n, p)
        float64, indices sorted, none twice, no zero stored.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.sparse import csc_array
    >>> X = SparseRows(csc_array([[1.0, 0.0], [0.0, 2.0], [0.0, 3.0]]))
    >>> X[1:], X[:, 0], X @ np.ones(2)
    (array([[0., 2.],
           [0., 3.]]), array([1., 0., 0.]), array([1., 2., 3.]))
    """

    ndim = 2
    dtype = np.dtype(np.float64)

    def __init__(self, columns: sparse.csc_array) -> None:
        columns.data.flags.writeable = False
        self.columns = columns

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        n, p = self.columns.shape
        return int(n), int(p)

    @property
    def size(self) -> int:
        """Number of cells, stored or not."""
        return self.shape[0] * self.shape[1]

    @property
    def density(self) -> float:
        """Share of the cells that are not zero."""
        return float(self.columns.nnz) / max(self.size, 1)

    @cached_property
    def by_row(self) -> sparse.csr_array:
        """The same by rows, made when rows are first asked for."""
        return self.columns.tocsr()

    @property
    def T(self) -> sparse.csr_array:
        """The transpose, sparse."""
        return self.columns.T

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        n, p = self.shape
        return f"SparseRows: {n} rows, {p} columns, {self.columns.nnz} cells not zero"

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        found = _written_out(self.columns)
        return found if dtype is None else found.astype(dtype, copy=False)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if ufunc is np.matmul and method == "__call__" and not options:
            one, other = inputs
            if isinstance(one, SparseRows):
                return np.asarray(self.columns @ np.asarray(other))
            return np.asarray((self.columns.T @ np.asarray(one).T).T)
        dense = [np.asarray(one) if isinstance(one, SparseRows) else one for one in inputs]
        return getattr(ufunc, method)(*dense, **options)

    def __getitem__(self, key: Any) -> Any:
        rows, columns = key if isinstance(key, tuple) else (key, slice(None))
        if isinstance(columns, int | np.integer):
            return self.columns[:, [int(columns)]].toarray()[:, 0][rows]
        if not (isinstance(columns, slice) and columns == slice(None)):
            return _written_out(self.columns[:, columns])[rows]
        if isinstance(rows, int | np.integer):
            return self.by_row[[int(rows)]].toarray()[0]
        return _written_out(self.by_row[rows])

    def some(self, rows: Any = None, columns: Any = None) -> SparseRows:
        """Some of the rows, or of the columns, still sparse."""
        found = self.columns if rows is None else self.by_row[rows].tocsc()
        return SparseRows(found if columns is None else found[:, columns])

    def mean(self, axis: int = 0) -> Array:
        """Means of the columns (p,)."""
        assert axis == 0
        return np.asarray(self.columns.sum(axis=0)).ravel() / max(len(self), 1)


def some_rows(X: Any, rows: Any) -> Any:
    """Some rows of an array, or of sparse rows, which stay so."""
    return X.some(rows) if isinstance(X, SparseRows) else X[rows]


def some_columns(X: Any, columns: Sequence[int]) -> Any:
    """Some columns of an array, or of sparse rows, which stay so."""
    return X.some(columns=columns) if isinstance(X, SparseRows) else X[:, columns]


def _written_out(matrix: Any) -> Array:
    """All cells, or NotSupported where they are too many."""
    n, p = matrix.shape
    if n * p > DENSE:
        raise NotSupported(
            f"this needs all {n} × {p} cells of a sparse X at once, {n * p * 8 / 2**30:.1f} GiB, "
            f"and at most {DENSE * 8 / 2**30:g} GiB are written out; take fewer rows or columns"
        )
    return np.asarray(matrix.toarray())


def is_sparse(data: Any) -> bool:
    """Whether this is a matrix or array of scipy.sparse, or a pandas frame with sparse columns."""
    return isinstance(data, SparseRows) or _of_scipy(data) or _sparse_frame(data)


def _of_scipy(data: Any) -> bool:
    """Without an import of what cannot be there if it never was imported."""
    scipy = sys.modules.get("scipy.sparse")
    return scipy is not None and bool(scipy.issparse(data))


def _sparse_frame(data: Any) -> bool:
    if type(data).__name__ != "DataFrame" or not type(data).__module__.startswith("pandas"):
        return False
    return any(str(kind).startswith("Sparse") for kind in data.dtypes)


def read_sparse(data: Any, what: str, notes: list[str]) -> Columns:
    """Sparse X as `SparseRows`: cells stored twice are added up, as scipy does.

    Parameters
    ----------
    data : sparse matrix or array (n, p) of any format, or pandas frame with sparse columns
        Frames keep their names and index; columns of a frame that are not sparse are made so.
    what : str
        What errors call it.
    notes : list of str
        What must be warned of is added.

    Raises
    ------
    BadData
        If a number is missing, infinite or complex, with its column and first row, or the indices
        lie outside the matrix.
    """
    if isinstance(data, SparseRows):
        return Columns(data, None)
    if not _of_scipy(data):
        return _read_frame(data, what, notes)
    if data.ndim != 2:
        raise BadData(f"{what} has {data.ndim} dimension(s); it must be (rows, columns)")
    _check_indices(data, what)
    names = default_names(data.shape[1])
    return Columns(SparseRows(_columns_of(data, names, what, notes)), None)


def _check_indices(data: Any, what: str) -> None:
    """Raise where an index points outside the matrix, which products would follow blindly."""
    try:
        if data.format in ("csr", "csc", "bsr"):
            data.check_format(full_check=True)
        elif data.format == "coo":
            for axis, size in enumerate(data.shape):
                place = data.coords[axis]
                if len(place) and not 0 <= place.min() <= place.max() < size:
                    raise ValueError(f"an index of axis {axis} is outside 0 to {size - 1}")
    except ValueError as error:
        raise BadData(f"{what} is a corrupt sparse matrix: {error}") from None


def _columns_of(data: Any, names: Sequence[str], what: str, notes: list[str]) -> sparse.csc_array:
    """Canonical float64 columns, a copy of what the caller may still change."""
    kind = data.dtype.kind
    if kind not in "fiub":
        cast_column(np.zeros(1, dtype=data.dtype), what, what, notes)  # which says what is wrong
        raise BadData(f"{what} has dtype {data.dtype}; only numbers and booleans are accepted")
    exact = kind == "b" or data.dtype == np.float64 or data.dtype.itemsize <= 4
    if not exact:
        _note_rounded(data.tocoo(), names, what, notes)
    from scipy import sparse

    # Truth values that are stored twice stay true; numbers are added up as numbers of full size.
    found = sparse.csc_array(data if kind == "b" else data.astype(np.float64), copy=True)
    found = found.astype(np.float64)
    found.sum_duplicates()
    _refuse_nonfinite(found, names, what)
    found.eliminate_zeros()
    return _indexed(found)


def _indexed(matrix: sparse.csc_array) -> sparse.csc_array:
    """The matrix with indices of 32 bits where they suffice, so that one compiled loop serves."""
    from scipy import sparse

    small = max(matrix.nnz, *matrix.shape) < 2**31
    index = np.int32 if small else np.int64
    parts = (matrix.data, matrix.indices.astype(index), matrix.indptr.astype(index))
    return sparse.csc_array(parts, shape=matrix.shape)


def _note_rounded(data: Any, names: Sequence[str], what: str, notes: list[str]) -> None:
    """What is said of the first number that float64 rounds or cannot hold, with its column."""
    values, column = data.data, data.coords[1]
    with np.errstate(over="ignore"):
        same = values.astype(np.float64).astype(values.dtype) == values
    if values.dtype.kind in "iu":
        same = (values <= EXACT) & (values >= -EXACT if values.dtype.kind == "i" else True)
    else:
        same |= np.isnan(values)
    if not np.all(same):
        first = int(np.flatnonzero(~same)[0])
        cast_column(values[[first]], names[int(column[first])], what, notes)


def _refuse_nonfinite(matrix: sparse.csc_array, names: Sequence[str], what: str) -> None:
    """Raise naming each column with NaN or infinite values, as for dense ones."""
    with np.errstate(all="ignore"):
        if np.isfinite(matrix.data.sum()):
            return
    for bad, word in ((np.isnan, "missing (NaN)"), (np.isinf, "infinite")):
        places = np.flatnonzero(bad(matrix.data))
        if not len(places):
            continue
        column = np.searchsorted(matrix.indptr, places, side="right") - 1
        each, first, count = np.unique(column, return_index=True, return_counts=True)
        found = [
            f"column {names[j]!r}: {k}, first in row {int(matrix.indices[places[i]])} (from 0)"
            for j, i, k in zip(each[:5], first, count, strict=False)
        ]
        more = f" and {len(each) - 5} more columns" if len(each) > 5 else ""
        raise BadData(
            f"{what} has {word} values ({'; '.join(found)}{more}); drop or impute these rows: "
            "nothing is dropped silently"
        )


def _read_frame(frame: Any, what: str, notes: list[str]) -> Columns:
    """A pandas frame, column by column; what fills a sparse column and is not 0 is written out."""
    from scipy import sparse

    names = tuple(text_name(name) for name in frame.columns)
    refuse_duplicates(names, what)
    parts: list[tuple[NDArray[Any], NDArray[Any]]] = []
    for j, name in enumerate(names):
        one = frame.iloc[:, j]
        if str(one.dtype).startswith("Sparse"):
            array = one.array
            fill = array.fill_value
            if fill == 0 and array.sp_values.dtype.kind in "fiub":
                values = cast_column(np.asarray(array.sp_values), name, what, notes)
                parts.append((np.asarray(array.sp_index.indices), values))
                continue
            one = one.sparse.to_dense()
        values = read_columns(one.to_frame(name), what, notes).values[:, 0]
        parts.append((np.flatnonzero(values != 0), values[values != 0]))
    indptr = np.concatenate([[0], np.cumsum([len(rows) for rows, _ in parts])])
    places = np.concatenate([rows for rows, _ in parts])
    stored = np.concatenate([values for _, values in parts])
    matrix = sparse.csc_array((stored, places, indptr), shape=frame.shape)
    matrix.sum_duplicates()
    _refuse_nonfinite(matrix, names, what)
    matrix.eliminate_zeros()
    return Columns(SparseRows(_indexed(matrix)), names, frame.index)


def read_any(data: Any, what: str, notes: list[str]) -> Columns:
    """Read columns, sparse or not: values that are `SparseRows` where they came sparse."""
    return read_sparse(data, what, notes) if is_sparse(data) else read_columns(data, what, notes)


def refuse_nonfinite_cells(X: Any, names: Sequence[str], what: str) -> None:
    """Raise naming each column with NaN or infinite values, of an array or of sparse rows."""
    if isinstance(X, SparseRows):
        _refuse_nonfinite(X.columns, names, what)
    else:
        refuse_nonfinite(X, names, what)
