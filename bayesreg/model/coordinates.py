"""y and the penalised columns with the intercept and the unpenalised columns projected out.

The flat measures on β₀ and β_Flat integrate out exactly: what is left of the likelihood is a
Gaussian in the projected columns with ν = N − 1 − #Flat degrees of freedom (Frisch & Waugh 1933,
Econometrica 1(4)). Solvers and engines see only this; `restore` and `restore_draws` put the rest
back.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadData

if TYPE_CHECKING:
    from bayesreg.data.moments import Moments

EPS = float(np.finfo(float).eps)


@dataclass(frozen=True, eq=False)
class Projection:
    """Projected cross-products, or a root of them, in the coordinates b_j = x_sd_j·β_j − loc_j.

    Attributes
    ----------
    n, nu : float
        Sum of weights, and the degrees of freedom left after projection.
    proper, flat : ndarray of int
        Columns of X that carry a proper prior (p of them), and the unpenalised ones.
    xy, yy : ndarray (p,), float
        X̃'ỹ and ỹ'ỹ.
    root : ndarray (m, p + 1) or None
        A with A'A the projected cross-products, y last; kept where conditioning or p ≥ n asks it.
    flat_y, flat_x, flat_root : ndarray (F,), (F, p), (F, F)
        Regression of y and of the proper columns on the flat ones, and R with R'R = X_F'X_F.
    """

    n: float
    nu: float
    intercept: bool
    proper: NDArray[np.intp]
    flat: NDArray[np.intp]
    x_mean: Array
    y_mean: float
    x_sd: Array
    loc: Array
    xy: Array
    yy: float
    root: Array | None
    cross: Array | None
    flat_y: Array
    flat_x: Array
    flat_root: Array

    @classmethod
    def of(
        cls,
        moments: Moments,
        flat: NDArray[np.intp],
        x_sd: Array,
        loc: Array,
        *,
        intercept: bool,
    ) -> Projection:
        """Project the columns `flat` (and the mean, with an intercept) out of `moments`.

        Parameters
        ----------
        moments : Moments
            About the mean with an intercept, about zero without.
        flat : ndarray of int
            Unpenalised columns.
        x_sd : ndarray (P,)
            Divisors of the columns: their sds when standardising, else ones.
        loc : ndarray (p,)
            Prior locations of the proper columns, shifted out.

        Raises
        ------
        BadData
            If the flat columns are collinear, so that they are not identified.
        """
        centred = moments if intercept else moments.about_zero()
        proper = np.setdiff1d(np.arange(centred.p), flat)
        order = np.concatenate([flat, proper, [centred.p]]).astype(np.intp)
        divisor = np.concatenate([x_sd, [1.0]])[order]
        names = [centred.names[j] for j in flat]
        if centred.root is not None:
            whole = _by_columns(centred.root, order, divisor)
            parts = _project_root(whole, len(flat), loc, names)
        else:
            whole = centred.cross[np.ix_(order, order)] / np.outer(divisor, divisor)
            parts = _project_cross(whole, len(flat), loc, names)
        root, cross, coefficients, flat_root = parts
        if root is None:
            assert cross is not None
            xy, yy = cross[:-1, -1].copy(), float(cross[-1, -1])
        else:
            xy, yy = root[:, :-1].T @ root[:, -1], float(root[:, -1] @ root[:, -1])
        return cls(
            n=centred.n,
            nu=centred.n - float(intercept) - len(flat),
            intercept=intercept,
            proper=proper,
            flat=np.asarray(flat, dtype=np.intp),
            x_mean=centred.x_mean,
            y_mean=centred.y_mean,
            x_sd=x_sd,
            loc=loc,
            xy=xy,
            yy=yy,
            root=root,
            cross=cross,
            flat_y=coefficients[:, -1],
            flat_x=coefficients[:, :-1],
            flat_root=flat_root,
        )

    @property
    def p(self) -> int:
        """Number of proper columns."""
        return len(self.proper)

    @cached_property
    def gram(self) -> Array:
        """X̃'X̃ (p, p); formed from the root where only that is kept."""
        if self.cross is not None:
            return np.asarray(self.cross[:-1, :-1])
        assert self.root is not None
        x = self.root[:, :-1]
        return np.asarray(x.T @ x)

    @property
    def wide(self) -> bool:
        """More columns than rows of the root: work in row space."""
        return self.root is not None and self.p > self.root.shape[0]

    @cached_property
    def norms(self) -> Array:
        """‖x̃_j‖ (p,), without forming the Gram matrix."""
        if self.root is not None:
            x = self.root[:, :-1]
            return np.asarray(np.sqrt(np.einsum("ij,ij->j", x, x)))
        return np.sqrt(np.maximum(np.diagonal(self.gram), 0.0))

    @cached_property
    def _residual(self) -> tuple[int, float]:
        """Rank of X̃ and the residual sum of squares of ỹ on it, by pivoted QR of unit columns."""
        if self.p == 0:
            return 0, self.yy
        from scipy.linalg import qr, solve_triangular

        live = np.flatnonzero(self.norms > 0)
        if not len(live) or self.yy == 0.0:
            return len(live), self.yy
        if self.root is None:
            assert self.cross is not None
            keep = np.append(live, self.p)
            size = np.append(self.norms[live], np.sqrt(self.yy))
            unit = self.cross[np.ix_(keep, keep)] / np.outer(size, size)
            # Of the columns alone: y less X·loc may be in their span to rounding.
            factor = np.linalg.cholesky(unit[:-1, :-1])
            fitted = solve_triangular(factor, unit[:-1, -1], lower=True)
            return len(live), max(1.0 - float(fitted @ fitted), 0.0) * self.yy
        if self.wide and (found := self._residual_of_rows(live)) is not None:
            return found
        x, y = self.root[:, live] / self.norms[live], self.root[:, -1]
        q, r, _ = qr(x, mode="economic", pivoting=True)
        pivots = np.abs(np.diagonal(r))
        rank = int(np.sum(pivots > max(x.shape) * EPS * 8)) if pivots[0] > 0 else 0
        q = q[:, :rank]
        rest = y - q @ (q.T @ y)
        rest -= q @ (q.T @ rest)
        return rank, float(rest @ rest)

    def _residual_of_rows(self, live: NDArray[np.intp]) -> tuple[int, float] | None:
        """The same from XX', unless some direction is too weak for a product to judge."""
        assert self.root is not None
        rows = np.zeros((len(self.root), len(self.root)))
        for part in np.array_split(live, 1 + len(live) // 512):
            unit = self.root[:, part] / self.norms[part]
            rows += unit @ unit.T
        values, vectors = np.linalg.eigh(rows)
        strong, weak = values > 1e-8 * values[-1], values < 1e-13 * values[-1]
        if not np.all(strong | weak):
            return None
        rest = vectors[:, weak].T @ self.root[:, -1]
        return int(strong.sum()), float(rest @ rest)

    @property
    def rank(self) -> int:
        """Numerical rank of the projected proper columns."""
        return self._residual[0]

    @property
    def rss0(self) -> float:
        """Least-squares residual sum of squares of ỹ on the proper columns."""
        return self._residual[1]

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
        intercept = self.y_mean - beta @ self.x_mean
        return beta, intercept if self.intercept else np.zeros(b.shape[:-1])

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


def _by_columns(root: Array, order: NDArray[np.intp], divisor: Array) -> Array:
    """The columns in this order over their divisors, each contiguous, as row space works on them.

    In parts, so that no second copy is held beside the one that is made.
    """
    whole = np.empty((len(root), len(order)), order="F")
    for part in np.array_split(np.arange(len(order)), 1 + len(order) // 512):
        whole[:, part] = root[:, order[part]] / divisor[part]
    return whole


_Parts = tuple[Array | None, Array | None, Array, Array]


def _project_root(whole: Array, f: int, loc: Array, names: list[str]) -> _Parts:
    """Project the first `f` columns out of a root [X_F, X, y] by QR, applied twice."""
    rest = whole if f == 0 else whole[:, f:].copy(order="F")
    if np.any(loc):
        rest[:, -1] -= rest[:, :-1] @ loc
    if f == 0:
        return rest, None, np.zeros((0, rest.shape[1])), np.zeros((0, 0))
    norms = np.linalg.norm(whole[:, :f], axis=0)
    _refuse_zero(norms, names)
    q, r = np.linalg.qr(whole[:, :f] / norms)
    _refuse_collinear(np.abs(np.diagonal(r)) if len(r) == f else np.zeros(f), names)
    along = q.T @ rest
    rest -= q @ along
    again = q.T @ rest
    rest -= q @ again
    coefficients = np.linalg.solve(r, along + again) / norms[:, None]
    return rest, None, coefficients, r * norms


def _project_cross(whole: Array, f: int, loc: Array, names: list[str]) -> _Parts:
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


def _refuse_zero(norms: Array, names: list[str]) -> None:
    dead = [name for name, norm in zip(names, norms, strict=True) if not norm > 0]
    if dead:
        raise BadData(
            f"column {dead[0]!r} is constant, so under Flat() its coefficient cannot be told from "
            "the intercept; drop it or give it a proper prior"
        )


def _refuse_collinear(pivots: Array, names: list[str]) -> None:
    dead = [n for n, d in zip(names, pivots, strict=True) if not d > len(names) * EPS * 8]
    if dead:
        listed = ", ".join(repr(n) for n in dead[:10])
        raise BadData(
            f"under Flat() these columns are linear combinations of the other flat ones (or there "
            f"are too few rows, n <= p): {listed}; drop them or give them a proper prior"
        )
