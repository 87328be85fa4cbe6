"""The coordinates that solvers and engines see, and the way back to original units.

The flat measures on β₀ and β_Flat integrate out exactly: what is left of the likelihood is a
Gaussian in the projected columns with ν = N − 1 − #Flat degrees of freedom (Frisch & Waugh 1933,
Econometrica 1(4)). Solvers and engines see only this; `restore` and `restore_draws` put the rest
back.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from scipy.linalg.lapack import dgeqrf, dormqr

from bayesreg.data.projected_columns import ProjectedColumns
from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadData
from bayesreg.language.text import outline

EPS = float(np.finfo(float).eps)


@dataclass(frozen=True, eq=False)
class Coordinates:
    """b_j = x_sd_j·β_j − loc_j of the proper columns, all else projected out.

    Attributes
    ----------
    n : float
        Sum of weights.
    intercept : bool
        Whether the mean is projected out.
    proper, flat : ndarray of int
        Columns of X that carry a proper prior (p of them), and the unpenalised ones.
    names : tuple of str (F,)
        Names of the flat columns.
    x_mean, y_mean : ndarray (P,), float
        Weighted means; zeros without an intercept.
    x_sd : ndarray (P,)
        Divisors of the columns.
    loc : ndarray (p,)
        Prior locations of the proper columns, shifted out.
    flat_y, flat_x, flat_root : ndarray (F,), (F, p), (F, F)
        Regression of y and of the proper columns on the flat ones, and R with R'R = X_F'X_F.
    """

    n: float
    intercept: bool
    proper: NDArray[np.intp]
    flat: NDArray[np.intp]
    names: tuple[str, ...]
    x_mean: Array
    y_mean: float
    x_sd: Array
    loc: Array
    flat_y: Array
    flat_x: Array
    flat_root: Array

    def __repr__(self) -> str:
        return outline(self)

    @property
    def p(self) -> int:
        """Number of proper columns."""
        return len(self.proper)

    @cached_property
    def flat_log_det(self) -> float:
        """log det X_F'X_F per original unit (of the flat columns, projected off the intercept)."""
        diagonal = np.abs(np.diagonal(self.flat_root)) * self.x_sd[self.flat]
        return float(2.0 * np.sum(np.log(diagonal)))

    def restore(self, b: Array) -> tuple[Array, Array]:
        """β (…, P) per original unit, and β₀ (…) at x = 0, for b (…, p): conditional means."""
        b = np.asarray(b, dtype=float)
        beta = np.empty((*b.shape[:-1], len(self.x_sd)))
        beta[..., self.proper] = (b + self.loc) / self.x_sd[self.proper]
        beta[..., self.flat] = (self.flat_y - b @ self.flat_x.T) / self.x_sd[self.flat]
        if not self.intercept:
            return beta, np.zeros(b.shape[:-1])
        return beta, self.y_mean - beta @ self.x_mean

    def restore_free(self, b: Array, free: Array) -> tuple[Array, Array]:
        """β (…, P) and β₀ (…) for b (…, p) and γ (…, k): β₀ at the means, and Flat columns."""
        beta = np.empty((*np.shape(b)[:-1], len(self.x_sd)))
        first = int(self.intercept)
        beta[..., self.proper] = (b + self.loc) / self.x_sd[self.proper]
        beta[..., self.flat] = free[..., first:] / self.x_sd[self.flat]
        if not self.intercept:
            return beta, np.zeros(np.shape(b)[:-1])
        return beta, np.asarray(free[..., 0] - beta @ self.x_mean)

    def restore_draws(
        self, b: Array, sigma: Array, rng: np.random.Generator
    ) -> tuple[Array, Array]:
        """β (S, P) and β₀ (S,) for draws b (S, p), σ (S,): the projected parts drawn exactly."""
        beta, intercept = self.restore(b)
        if len(self.flat):
            z = rng.standard_normal((len(b), len(self.flat)))
            noise = sigma[:, None] * np.linalg.solve(self.flat_root, z.T).T / self.x_sd[self.flat]
            beta[:, self.flat] += noise
            intercept = intercept - noise @ self.x_mean[self.flat]
        if self.intercept:
            return beta, intercept + sigma / np.sqrt(self.n) * rng.standard_normal(len(b))
        return beta, np.zeros(len(b))


def by_columns(root: Array, order: NDArray[np.intp], divisor: Array) -> Array:
    """The columns in this order over their divisors, each contiguous, as row space works on them.

    As they are, if that is how they are; else in parts, so that no second copy is held beside the
    one that is made.
    """
    if root.flags.f_contiguous and np.all(np.diff(order) == 1) and np.all(divisor == 1.0):
        return root
    whole = np.empty((len(root), len(order)), order="F")
    for part in np.array_split(np.arange(len(order)), 1 + len(order) // 512):
        whole[:, part] = root[:, order[part]] / divisor[part]
    return whole


def by_both(cross: Array, order: NDArray[np.intp], divisor: Array) -> Array:
    """Rows and columns in this order over their divisors; as they are, if these say nothing."""
    if len(order) == 1 or np.all(np.diff(order) == 1):
        return cross if np.all(divisor == 1.0) else cross / np.outer(divisor, divisor)
    return np.asarray(cross[np.ix_(order, order)] / np.outer(divisor, divisor))


_Parts = tuple[Array | None, Array | None, Array, Array]


def project_root(whole: Array, f: int, loc: Array, names: tuple[str, ...]) -> _Parts:
    """Project the first `f` columns out of a root [X_F, X, y] by reflections.

    Reflections, unlike what subtracts projections, keep the digits of small rows beside a large
    one, as of columns about 0 whose means are large. Rows of a wide root stay where they are.
    """
    rest = whole if f == 0 and not np.any(loc) else whole[:, f:].copy(order="F")
    if np.any(loc):
        rest[:, -1] -= rest[:, :-1] @ loc
    if f == 0:
        return rest, None, np.zeros((0, rest.shape[1])), np.zeros((0, 0))
    norms = np.linalg.norm(whole[:, :f], axis=0)
    _refuse_zero(norms, names)
    if len(whole) < f:
        _refuse_collinear(np.zeros(f), names)
    factors, tau, _, _ = dgeqrf(np.asfortranarray(whole[:, :f] / norms))
    _refuse_collinear(np.abs(np.diagonal(factors)), names)
    r = np.triu(factors[:f])
    turned = _reflected(factors, tau, rest, "T")
    coefficients = solve_triangular(r, turned[:f], check_finite=False) / norms[:, None]
    if len(whole) > whole.shape[1]:
        return np.asfortranarray(turned[f:]), None, coefficients, r * norms
    turned[:f] = 0.0
    return _reflected(factors, tau, turned, "N"), None, coefficients, r * norms


def _reflected(factors: Array, tau: Array, c: Array, trans: str) -> Array:
    """Q'c or Qc for the reflections of a QR; c is written over."""
    size = int(dormqr("L", trans, factors, tau, c, -1, overwrite_c=0)[1][0])
    product, _, info = dormqr("L", trans, factors, tau, c, size, overwrite_c=1)
    assert info == 0
    return np.asarray(product)


def project_cross(whole: Array, f: int, loc: Array, names: tuple[str, ...]) -> _Parts:
    """Project the first `f` columns out of cross-products [X_F, X, y] by a Schur complement."""
    if np.any(loc):
        p = len(whole) - f - 1
        shift = np.eye(len(whole))
        shift[f : f + p, -1] = -loc
        whole = shift.T @ whole @ shift
    if f == 0:
        return None, whole, np.zeros((0, len(whole))), np.zeros((0, 0))
    norms = np.sqrt(np.maximum(np.diagonal(whole)[:f], 0.0))
    _refuse_zero(norms, names)
    try:
        factor = np.linalg.cholesky(whole[:f, :f] / np.outer(norms, norms))
    except np.linalg.LinAlgError:
        factor = np.zeros((f, f))
    _refuse_collinear(np.abs(np.diagonal(factor)), names)
    along = np.linalg.solve(factor, whole[:f, f:] / norms[:, None])
    coefficients = np.linalg.solve(factor.T, along) / norms[:, None]
    return None, whole[f:, f:] - along.T @ along, coefficients, factor.T * norms


def project_columns(
    columns: ProjectedColumns,
    flat: NDArray[np.intp],
    proper: NDArray[np.intp],
    x_sd: Array,
    loc: Array,
    names: tuple[str, ...],
) -> tuple[ProjectedColumns, Array, Array]:
    """Project the columns `flat` out of sparse ones: what is left, coefficients, and R.

    Coefficients (F, p + 1) are those of the proper columns and y on the flat ones, all over their
    divisors, and R'R = X_F'X_F.
    """
    rest = columns.take(proper)
    if np.any(loc):
        rest = rest.moved(rest.residual(loc / x_sd[proper]))
    if not len(flat):
        return rest, np.zeros((0, len(proper) + 1)), np.zeros((0, 0))
    whole = columns.dense(flat) / x_sd[flat]
    norms = np.linalg.norm(whole, axis=0)
    _refuse_zero(norms, names)
    q, r = np.linalg.qr(whole / norms)
    _refuse_collinear(np.abs(np.diagonal(r)), names)
    along = np.column_stack([rest.transposed(q).T / x_sd[proper], q.T @ rest.y])
    coefficients = solve_triangular(r, along, check_finite=False) / norms[:, None]
    return rest.projected(q), coefficients, r * norms


def _refuse_zero(norms: Array, names: tuple[str, ...]) -> None:
    dead = [name for name, norm in zip(names, norms, strict=True) if not norm > 0]
    if dead:
        raise BadData(
            f"column {dead[0]!r} is constant, so under Flat() its coefficient cannot be told from "
            "the intercept; drop it or give it a proper prior"
        )


def _refuse_collinear(pivots: Array, names: tuple[str, ...]) -> None:
    dead = [n for n, d in zip(names, pivots, strict=True) if not d > len(names) * EPS * 8]
    if dead:
        listed = ", ".join(repr(n) for n in dead[:10])
        raise BadData(
            f"under Flat() these columns are linear combinations of the other flat ones (or there "
            f"are too few rows, n <= p): {listed}; drop them or give them a proper prior"
        )
