r"""Columns of a sparse matrix less their projection on a few directions, never written out.

With A = diag(√w)·X and U (n, k) orthonormal, √w/√N for the mean, a column is x̃_j = a_j − U·c_j with
c_j = U'a_j, so that

    X̃b = Ab − U(Cb),   X̃'r = A'r − C'(U'r),   ‖x̃_j‖² = ‖a_j‖² − ‖c_j‖²,   X̃'X̃ = A'A − C'C.

The last two cancel where ‖c_j‖² is large beside ‖x̃_j‖². About the mean that is a column of which
more than a share κ/(1 + κ) of cells is filled, κ = ‖c_j‖²/‖x̃_j‖² (by Cauchy and Schwarz), so it
costs nothing to keep it as x̃_j itself, every cell, with c_j = 0. The squares about the mean are
summed over what is stored and what is not, both sums of squares.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.data.sparse import SparseRows
from bayesreg.data.sums import EPS, unvarying
from bayesreg.language.arguments import Array
from bayesreg.language.errors import NotSupported

if TYPE_CHECKING:
    from scipy import sparse

Index = NDArray[np.intp]
MOST = 4.0  # ‖c_j‖²/‖x̃_j‖² beyond which a column is kept as it is when projected
PART = 2**21  # cells of rows that are written out at once: 16 MiB
FILLED = 0.15  # share of cells not zero beyond which products of dense rows cost less


@dataclass(frozen=True, eq=False)
class ProjectedColumns:
    """X̃ and ỹ in the form of this module's formulae.

    Attributes
    ----------
    rows : SparseRows (n, P)
        X as it is, about zero, for what is to be projected anew.
    target, weights : ndarray (n,), ndarray (n,) or None
        y as it is, and the frequencies.
    matrix : csc_array (n, p)
        A, of which some columns are x̃_j.
    basis, along : ndarray (n, k), (k, p)
        U and C.
    y : ndarray (n,)
        ỹ.
    squares : ndarray (p,)
        ‖x̃_j‖².
    mean, low : ndarray (P + 1,)
        Weighted means, y last, and what rounding took from them; zeros where nothing is centred.
    """

    rows: SparseRows
    target: Array
    weights: Array | None
    matrix: sparse.csc_array
    basis: Array
    along: Array
    y: Array
    squares: Array
    mean: Array
    low: Array

    @classmethod
    def centred(cls, rows: SparseRows, y: Array, weights: Array | None) -> ProjectedColumns:
        """About the weighted means."""
        whole = cls.about_zero(rows, y, weights)
        n = len(y)
        root = np.ones(n) if weights is None else np.sqrt(weights)
        total = float(root @ root)
        mean, low, squares = _about_mean(rows.columns, weights, total)
        y_mean = float(root @ whole.y) / total
        rest = y - y_mean
        y_low = float((root * root) @ rest) / total
        rest = root * (rest - y_low)
        if unvarying(np.array([rest @ rest]), np.array([y_mean]), total)[0]:
            rest = np.zeros(n)
        along = np.sqrt(total) * (mean + low)[None]
        squares[unvarying(squares, mean, total)] = 0.0
        found = replace(
            whole,
            basis=(root / np.sqrt(total))[:, None],
            along=along,
            y=rest,
            squares=squares,
            mean=np.append(mean, y_mean),
            low=np.append(low, y_low),
        )
        return found._steady(exact=True)

    @classmethod
    def about_zero(cls, rows: SparseRows, y: Array, weights: Array | None) -> ProjectedColumns:
        """Projected on nothing: the columns and y as they are, times √w."""
        from scipy import sparse

        p, matrix, target = rows.shape[1], rows.columns, np.asarray(y, dtype=np.float64)
        if weights is not None:
            data = matrix.data * np.sqrt(weights)[matrix.indices]
            matrix = sparse.csc_array((data, matrix.indices, matrix.indptr), shape=matrix.shape)
            target = np.sqrt(weights) * target
        squares = _sums(np.square(matrix.data), matrix.indptr)
        none, zero = np.zeros((len(y), 0)), np.zeros(p + 1)
        return cls(
            rows, np.asarray(y), weights, matrix, none, np.zeros((0, p)), target, squares, zero,
            zero,
        )  # fmt: skip

    @property
    def p(self) -> int:
        """Number of columns."""
        return int(self.matrix.shape[1])

    @cached_property
    def transpose(self) -> Any:
        """A', the same numbers by row."""
        return self.matrix.T

    @property
    def n(self) -> float:
        """Sum of the weights."""
        return float(len(self.y) if self.weights is None else self.weights.sum())

    def times(self, b: Array) -> Array:
        """X̃b (n, …) for b (p, …)."""
        return np.asarray(self.matrix @ b - self.basis @ (self.along @ b))

    def transposed(self, r: Array) -> Array:
        """X̃'r (p, …) for r (n, …)."""
        return np.asarray(self.transpose @ r - self.along.T @ (self.basis.T @ r))

    def residual(self, b: Array) -> Array:
        """ỹ − X̃b (n,)."""
        return np.asarray(self.y - self.times(b))

    def quadratic(self, contrasts: Array) -> Array:
        """‖X̃v + ỹv_y‖² (L,) for contrasts v (L, p + 1), y last; some of them at a time."""
        size = max(1, PART // max(1, len(self.y)))
        parts = []
        for i in range(0, len(contrasts), size):
            some = contrasts[i : i + size]
            z = self.times(some[:, :-1].T) + np.outer(self.y, some[:, -1])
            parts.append(np.einsum("il,il->l", z, z))
        return np.concatenate(parts) if parts else np.zeros(0)

    def dense(self, columns: Index) -> Array:
        """X̃ of some columns (n, k), every cell."""
        own = np.asarray(self.matrix[:, columns].toarray())
        return np.asarray(own - self.basis @ self.along[:, columns])

    def block(self, columns: Index) -> Array:
        """X̃'X̃ of some columns (k, k)."""
        part = self.matrix[:, columns]
        along = self.along[:, columns]
        found = np.asarray((part.T @ part).toarray()) - along.T @ along
        np.fill_diagonal(found, self.squares[columns])
        return found

    def take(self, columns: Index) -> ProjectedColumns:
        """Some of the columns."""
        return replace(
            self,
            matrix=self.matrix[:, columns],
            along=self.along[:, columns],
            squares=self.squares[columns],
        )

    def moved(self, y: Array) -> ProjectedColumns:
        """The same columns beside another ỹ."""
        return replace(self, y=y)

    def projected(self, directions: Array) -> ProjectedColumns:
        """On more directions (n, f), orthonormal and orthogonal to those before."""
        more = np.asarray(self.matrix.T @ directions).T
        y = self.y - directions @ (directions.T @ self.y)
        y -= directions @ (directions.T @ y)
        live = self.squares > 0.0
        squares = np.where(live, np.maximum(self.squares - np.square(more).sum(axis=0), 0.0), 0.0)
        found = replace(
            self,
            basis=np.hstack([self.basis, directions]),
            along=np.vstack([self.along, more]),
            y=y,
            squares=squares,
        )
        return found._steady(exact=False)

    @cached_property
    def cross(self) -> Array:
        """The products [X̃ ỹ]'[X̃ ỹ] (p + 1, p + 1)."""
        p = self.p
        out = np.empty((p + 1, p + 1))
        out[:p, p] = out[p, :p] = self.transposed(self.y)
        out[p, p] = self.y @ self.y
        if self.matrix.nnz > FILLED * p * len(self.y):
            out[:p, :p] = self._products_of_rows()
        else:
            out[:p, :p] = (self.matrix.T @ self.matrix).toarray()
            out[:p, :p] -= self.along.T @ self.along
        dead = np.flatnonzero(self.squares == 0.0)
        out[dead], out[:, dead] = 0.0, 0.0
        np.fill_diagonal(out[:p, :p], self.squares)
        return out

    def _products_of_rows(self) -> Array:
        """X̃'X̃ from blocks of rows that are written out."""
        p, size = self.p, max(1, PART // self.p)
        by_row, out = self.matrix.tocsr(), np.zeros((p, p))
        for i in range(0, len(self.y), size):
            z = by_row[i : i + size].toarray() - self.basis[i : i + size] @ self.along
            out += z.T @ z
        return out

    def _steady(self, *, exact: bool) -> ProjectedColumns:
        """With columns that cancel kept as x̃_j; those that are zero have nothing stored."""
        drawn = np.square(self.along).sum(axis=0)
        dead = self.squares == 0.0
        lost = np.flatnonzero(dead | (drawn > MOST * self.squares))
        if not len(lost):
            return self
        along, squares = self.along.copy(), self.squares.copy()
        along[:, lost] = 0.0
        kept: list[Any] = []
        for j in lost:
            if dead[j]:
                kept.append((np.empty(0, dtype=np.intp), np.empty(0)))
                continue
            own = self.dense(np.array([j]))[:, 0]
            for _ in range(2):  # what rounding left along U
                own -= self.basis @ (self.basis.T @ own)
            square = float(own @ own)
            if not exact and square <= (8.0 * EPS) ** 2 * float(drawn[j]):
                own, square = own[:0], 0.0
            squares[j] = square
            kept.append((np.arange(len(own)), own))
        return replace(
            self, matrix=_replaced(self.matrix, lost, kept), along=along, squares=squares
        )


def refuse_unformed(what: str, p: int) -> NotSupported:
    """The error where something needs X'X of a sparse X that is too wide for it."""
    return NotSupported(
        f"{what} needs X'X, and of {p} sparse columns it is not formed; served here are the "
        "optimum and path of Laplace, ElasticNet and Normal priors by column (fit_map, path), and "
        "sample() under Normal priors with σ and scale known. For the rest keep columns, up to "
        "5 000 (those of the lasso's support, say), or pool rare ones"
    )


def _sums(values: Array, indptr: Any) -> Array:
    """Sums of what is stored of each column, in pairs, so that long columns lose no digits."""
    out = np.zeros(len(indptr) - 1)
    full = np.flatnonzero(np.diff(indptr))
    if len(full):
        out[full] = np.add.reduceat(values, np.asarray(indptr)[full])
    return out


def _about_mean(
    matrix: sparse.csc_array, weights: Array | None, total: float
) -> tuple[Array, Array, Array]:
    """Weighted means, what rounding took from them, and sums of squares about both."""
    data, indptr = matrix.data, matrix.indptr
    w = np.ones(len(data)) if weights is None else weights[matrix.indices]
    column = np.repeat(np.arange(matrix.shape[1]), np.diff(indptr))
    mean = _sums(w * data, indptr) / total
    beside = np.maximum(total - _sums(w, indptr), 0.0)  # weight of the rows that store nothing
    beside[np.diff(indptr) == matrix.shape[0]] = 0.0
    rest = data - mean[column]
    low = (_sums(w * rest, indptr) - beside * mean) / total
    rest -= low[column]
    squares = _sums(w * rest * rest, indptr) + beside * np.square(mean + low)
    return mean, low, squares


def _replaced(matrix: sparse.csc_array, columns: Index, new: list[Any]) -> sparse.csc_array:
    """The matrix with some columns exchanged for others, each as rows and values."""
    from scipy import sparse

    others = dict(zip(columns.tolist(), new, strict=True))
    indices, data, counts = [], [], []
    start = 0
    for j in [*columns.tolist(), matrix.shape[1]]:
        part = slice(matrix.indptr[start], matrix.indptr[j])
        indices.append(matrix.indices[part])
        data.append(matrix.data[part])
        counts.append(np.diff(matrix.indptr[start : j + 1]))
        if j in others:
            rows, values = others[j]
            indices.append(rows.astype(matrix.indices.dtype))
            data.append(values)
            counts.append([len(rows)])
        start = j + 1
    indptr = np.concatenate([[0], np.cumsum(np.concatenate(counts))]).astype(matrix.indptr.dtype)
    parts = (np.concatenate(data), np.concatenate(indices), indptr)
    return sparse.csc_array(parts, shape=matrix.shape)
