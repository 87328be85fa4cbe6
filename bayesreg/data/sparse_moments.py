"""Moments of sparse columns: from products of what is stored, or the columns themselves if wide."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from bayesreg.data.blocks import LARGEST, refuse_extreme, refuse_tiny
from bayesreg.data.conditioning import loses_digits
from bayesreg.data.passes import Gathered, Loop, gather
from bayesreg.data.projected_columns import ProjectedColumns
from bayesreg.data.rows import check_total
from bayesreg.data.sparse import SparseRows
from bayesreg.data.sums import EPS, FirstPass, two_sum
from bayesreg.data.whitening import whitened_root
from bayesreg.language.arguments import Array

WIDEST = 5_000  # columns whose products are formed
SUMMARY = (WIDEST + 1) ** 2  # numbers that a summary of the rows may hold: 200 MB
BLOCK = 2**21  # cells written out at once in a second pass
GRADED = 1e-8  # of a squared unit column: a pivot below it leaves the columns that are independent
VECTORS = 64  # combinations of columns looked at together


def gather_sparse(
    X: SparseRows,
    y: Array,
    weights: Array | None,
    names: tuple[str, ...],
    notes: list[str],
) -> Gathered:
    """Means and products of sparse columns beside y; see `Moments`.

    Fewer rows than columns are their own best summary, written out as those of a dense X are; wider
    columns than `WIDEST` stay what they are. Where products lose digits, a root is had as for a
    dense X, unless the columns that depend on others do so exactly, as all indicators of a factor
    beside an intercept do: then from the Cholesky factor of the others.
    """
    y = np.asarray(y, dtype=np.float64)
    if weights is not None and not np.all(weights > 0):
        keep = weights > 0
        X, y, weights = X.some(keep), y[keep], weights[keep]
    n, p = X.shape
    total = float(n if weights is None else weights.sum())
    check_total(total, n, notes)
    if n <= p + 1 and n * (p + 1) <= SUMMARY:
        loop = Loop([(np.asarray(X), y, weights)], [])
        return gather(loop, FirstPass(names, False), again=True, notes=[])
    _refuse_sizes(X, y, names)
    columns = ProjectedColumns.centred(X, y, weights)
    mean, low = two_sum(columns.mean, columns.low)
    if (p + 1) ** 2 > SUMMARY:
        return Gathered(total, n, mean, low, None, None, columns)
    cross = columns.cross
    root = None
    if loses_digits(cross):
        root = _of_independent(columns)
        if root is None:
            root = whitened_root(Loop(_Blocks(X, y, weights), []), mean, low, cross, n)
    return Gathered(total, n, mean, low, cross, root)


class _Blocks:
    """Rows written out block by block, as often as they are asked for."""

    def __init__(self, X: SparseRows, y: Array, weights: Array | None) -> None:
        self.X, self.y, self.weights = X, y, weights

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        size = max(1, BLOCK // max(1, self.X.shape[1]))
        for i in range(0, len(self.y), size):
            part = slice(i, i + size)
            w = None if self.weights is None else self.weights[part]
            yield self.X[part], self.y[part], w


def _refuse_sizes(X: SparseRows, y: Array, names: tuple[str, ...]) -> None:
    """Raise if a value is missing, or too large or too small for products."""
    matrix = X.columns
    size = np.abs(matrix.data)
    largest = np.zeros(len(names))
    full = np.flatnonzero(np.diff(matrix.indptr))
    if len(full):
        largest[full] = np.maximum.reduceat(size, np.asarray(matrix.indptr)[full])
    largest[-1] = np.abs(y).max() if np.all(np.isfinite(y)) else np.inf
    if not np.all(largest <= LARGEST):
        j = int(np.flatnonzero(~(largest <= LARGEST))[0])
        both = np.column_stack([X[:, j] if j < X.shape[1] else np.zeros(len(y)), y])
        refuse_extreme(both, (names[min(j, X.shape[1] - 1)], names[-1]), np.arange(len(y)))
    refuse_tiny(largest, names)


def _of_independent(columns: ProjectedColumns) -> Array | None:
    """A root from the Cholesky factor of independent columns, where the others depend exactly.

    None where no column is without a pivot, where those that have one are ill-conditioned, y is
    nearly a combination of them, or a combination that is to be zero is not zero on the rows.
    """
    from scipy.linalg import solve_triangular
    from scipy.linalg.lapack import dpstrf

    p, cross = columns.p, columns.cross
    size = np.sqrt(np.diagonal(cross))
    live = np.flatnonzero(size[:-1])
    if not len(live) or size[-1] == 0.0:
        return None
    unit = cross[np.ix_(live, live)] / np.outer(size[live], size[live])
    _, pivots, rank, _ = dpstrf(unit, tol=GRADED)
    kept, others = live[np.sort(pivots[:rank] - 1)], live[np.sort(pivots[rank:] - 1)]
    if len(kept) == p:
        return None
    both = np.append(kept, p)
    if loses_digits(cross[np.ix_(both, both)]):
        return None
    # Products of unit columns, so that no unit of measurement reaches the arithmetic.
    part = cross[np.ix_(both, both)] / np.outer(size[both], size[both])
    factor = np.linalg.cholesky(part).T
    root = np.zeros((p + 1, p + 1))  # with rows of 0: fewer would be taken for all that there are
    root[: len(both), both] = factor * size[both]
    if len(others):
        right = cross[np.ix_(kept, others)] / np.outer(size[kept], size[others])
        along = solve_triangular(factor[:-1, :-1], right, trans="T", check_finite=False)
        weights = solve_triangular(factor[:-1, :-1], along, check_finite=False)
        if not _vanish(columns, kept, others, size, weights):
            return None
        root[: len(both) - 1, others] = along * size[others]
    return root


def _vanish(
    columns: ProjectedColumns, kept: Array, others: Array, size: Array, weights: Array
) -> bool:
    """Whether x̃_j − Σ weights·x̃_k is zero on the rows, to rounding, for each of the others."""
    drawn = np.linalg.norm(columns.along, axis=0)[kept] / size[kept]
    for start in range(0, len(others), VECTORS):
        part = slice(start, start + VECTORS)
        v = np.zeros((columns.p, len(others[part])))
        v[kept] = -weights[:, part] / size[kept][:, None]
        v[others[part], np.arange(v.shape[1])] = 1.0 / size[others[part]]
        rest = np.linalg.norm(columns.times(v), axis=0)
        terms = 1.0 + (1.0 + drawn) @ np.abs(weights[:, part])
        if not np.all(rest <= 32.0 * EPS * terms * np.sqrt(len(kept))):
            return False
    return True
