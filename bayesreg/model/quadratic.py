"""The one quadratic that solvers minimise and engines draw from: ½‖y − Xb‖² after projection.

A Gaussian likelihood is one for ever; another likelihood is touched by one at a point, or is one
given latent weights. Beside it, each computed once: `unit`, on which solvers work, and `rows`, on
which engines do.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import qr, solve_triangular

from bayesreg.language.arguments import Array
from bayesreg.language.errors import NotSupported
from bayesreg.language.text import outline
from bayesreg.model.coordinates import Coordinates, by_both, by_columns, project_cross, project_root
from bayesreg.model.pseudo_data import PseudoData, independent_rows

if TYPE_CHECKING:
    from bayesreg.data.moments import Moments
    from bayesreg.model.blocks import Block

Index = NDArray[np.intp]
Map = Callable[[Array], Array]
Extended = NDArray[np.longdouble]
HUGE = 1e300
EPS = float(np.finfo(float).eps)


@dataclass(frozen=True, eq=False)
class Quadratic:
    """Projected cross-products, or a root of them, in the coordinates b_j = x_sd_j·β_j − loc_j.

    Attributes
    ----------
    coordinates : Coordinates
        What b is, and the way back to original units.
    nu : float
        Degrees of freedom left after projection.
    xy, yy : ndarray (p,), float
        X̃'ỹ and ỹ'ỹ.
    root : ndarray (m, p + 1) or None
        A with A'A the projected cross-products, y last; kept where conditioning or p ≥ n asks it.
    cross : ndarray (p + 1, p + 1) or None
        The projected cross-products, where no root is kept.
    """

    coordinates: Coordinates
    nu: float
    xy: Array
    yy: float
    root: Array | None
    cross: Array | None

    def __repr__(self) -> str:
        return outline(self)

    @classmethod
    def of(
        cls, moments: Moments, flat: Index, x_sd: Array, loc: Array, *, intercept: bool
    ) -> Quadratic:
        """Project the columns `flat` (and the mean, with an intercept) out of `moments`.

        Parameters
        ----------
        moments : Moments
            About the mean or about zero. For a weighted least squares problem, those of the working
            response under the working weights.
        flat : ndarray of int
            Unpenalised columns.
        x_sd : ndarray (P,)
            Divisors of the columns: their sds when standardising, else ones.
        loc : ndarray (p,)
            Prior locations of the proper columns, shifted out.
        intercept : bool
            Whether there is one.

        Raises
        ------
        BadData
            If the flat columns are collinear, so that they are not identified.
        """
        centred = moments if intercept else moments.about_zero()
        proper = np.setdiff1d(np.arange(centred.p), flat)
        order = np.concatenate([flat, proper, [centred.p]]).astype(np.intp)
        divisor = np.concatenate([x_sd, [1.0]])[order]
        names = tuple(centred.names[j] for j in flat)
        if centred.root is not None:
            whole = by_columns(centred.root, order, divisor)
            root, cross, on_flat, flat_root = project_root(whole, len(flat), loc, names)
        else:
            whole = by_both(centred.cross, order, divisor)
            root, cross, on_flat, flat_root = project_cross(whole, len(flat), loc, names)
        if root is None:
            assert cross is not None
            xy, yy = cross[:-1, -1].copy(), float(cross[-1, -1])
        else:
            xy, yy = root[:, :-1].T @ root[:, -1], float(root[:, -1] @ root[:, -1])
        coordinates = Coordinates(
            n=centred.n, intercept=intercept, proper=proper, flat=np.asarray(flat, dtype=np.intp),
            names=names, x_mean=centred.x_mean, y_mean=centred.y_mean, x_sd=x_sd, loc=loc,
            flat_y=on_flat[:, -1], flat_x=on_flat[:, :-1], flat_root=flat_root,
        )  # fmt: skip
        return cls(coordinates, centred.n - float(intercept) - len(flat), xy, yy, root, cross)

    @property
    def p(self) -> int:
        """Number of proper columns."""
        return self.coordinates.p

    @property
    def n(self) -> float:
        """Sum of weights."""
        return self.coordinates.n

    @cached_property
    def gram(self) -> Array:
        """X̃'X̃ (p, p); formed from the root where only that is kept."""
        if self.cross is not None:
            return np.asarray(self.cross[:-1, :-1])
        assert self.root is not None
        x = self.root[:, :-1]
        return np.asarray(x.T @ x)

    def block(self, index: Index) -> Array:
        """X̃'X̃ of some columns (k, k), without forming the Gram matrix where a root is kept."""
        if self.root is None:
            return np.asarray(self.gram[np.ix_(index, index)])
        x = self.root[:, index]
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
    def rounding(self) -> float:
        """Singular values of unit columns that may be rounding, relative to the largest.

        Of the arithmetic, and of the data: a column is stored to ε of its size about 0, and what is
        left of it about its mean is smaller.
        """
        own, kept = self.coordinates, np.flatnonzero(self.norms)
        columns = own.proper[kept]
        size = np.abs(own.x_mean[columns]) / own.x_sd[columns] * math.sqrt(self.n)
        return EPS * (self.p + float(np.max(size / self.norms[kept], initial=0.0)))

    @cached_property
    def unit(self) -> UnitData:
        """The same on columns and y of norm one, as solvers see it."""
        return UnitData.of(self)

    @cached_property
    def rows(self) -> PseudoData:
        """The same in pseudo-rows, as engines see it."""
        if self.p == 0:
            return PseudoData(np.zeros((0, 0)), np.zeros(0), self.yy, self.nu)
        if self.root is not None:
            return PseudoData.of_root(self.root, self.nu, self.rounding)
        return PseudoData.of_products(self.gram, self.xy, self.rss0, self.nu)

    @cached_property
    def log_measure(self) -> float:
        r"""log of the factor left by integrating out β₀ and β_Flat with flat measures.

        (2π)^(−ν/2) · N^(−1/2) · det(X_F'X_F)^(−1/2), per original unit of the Flat columns.
        """
        constant = -0.5 * self.nu * math.log(2.0 * math.pi)
        if self.coordinates.intercept:
            constant -= 0.5 * math.log(self.n)
        if len(self.coordinates.flat):
            constant -= 0.5 * self.coordinates.flat_log_det
        return constant

    def residual_square(self, b: Array) -> Any:
        """‖ỹ − X̃b‖² at b (p,), or at each of L coefficients (L, p): a sum of squares."""
        return self.rows.residual_square(b)

    def residual_sd(self, b: Array, df: float, *, least: float = 0.0) -> float:
        """σ̂ with σ̂² = RSS/(ν − df) at b (p,), RSS no smaller than `least` of ỹ'ỹ."""
        rss = max(self.residual_square(b), least * self.yy)
        return math.sqrt(rss / max(self.nu - df, 1.0))

    def gradient(self, b: Array) -> Array:
        """X̃'(X̃b − ỹ) (p,), the gradient of ½‖ỹ − X̃b‖²."""
        if self.root is not None:
            return self.root[:, :-1].T @ (self.root[:, :-1] @ b - self.root[:, -1])
        return np.asarray(self.gram @ b - self.xy)

    @property
    def rank(self) -> int:
        """Numerical rank of the projected proper columns."""
        return self._residual[0]

    @property
    def rss0(self) -> float:
        """Least-squares residual sum of squares of ỹ on the proper columns."""
        return self._residual[1]

    @cached_property
    def _residual(self) -> tuple[int, float]:
        """Rank of X̃ and the residual sum of squares of ỹ on it, by pivoted QR of unit columns."""
        if self.p == 0:
            return 0, self.yy
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


@dataclass(frozen=True, eq=False)
class UnitData:
    """A quadratic with columns and y of norm one; zero columns left out, which keep b_j = 0.

    Attributes
    ----------
    size : int
        Number of proper columns p, those left out included.
    kept : ndarray of int (q,)
        Proper columns that are not zero.
    norms : ndarray (q,)
        Their Euclidean norms, after projection.
    y_norm : float
        Norm of the projected y; 1 where y is zero.
    y_square : float
        ‖y‖² after scaling: 1, or 0 where y is zero.
    X : ndarray (m, q) or None
        Unit-norm columns, where a root is kept.
    y : ndarray (m,) or None
        Unit-norm y beside `X`.
    products : ndarray (q, q) or None
        Cross-products of unit-norm columns, where no root is kept.
    xy : ndarray (q,)
        X'y, correlations with y.
    rounding : float
        Singular values no larger, relative to the largest, are those of dependent columns.
    """

    size: int
    kept: Index
    norms: Array
    y_norm: float
    y_square: float
    X: Array | None
    y: Array | None
    products: Array | None
    xy: Array
    rounding: float

    @classmethod
    def of(cls, quadratic: Quadratic) -> UnitData:
        """Scale to unit norms."""
        norms, size, root = quadratic.norms, quadratic.p, quadratic.root
        kept = np.flatnonzero(norms)
        norms = norms[kept]
        whole = len(kept) == size
        y_norm = float(np.sqrt(max(quadratic.yy, 0.0)))
        y_norm, y_square = (y_norm, 1.0) if y_norm > 0.0 else (1.0, 0.0)
        if root is not None:
            X = (root[:, :-1] if whole else root[:, kept]) / norms
            y = root[:, -1] / y_norm
            return cls(size, kept, norms, y_norm, y_square, X, y, None, X.T @ y, quadratic.rounding)
        gram = quadratic.gram if whole else quadratic.gram[np.ix_(kept, kept)]
        products = gram / norms / norms[:, None]
        xy = quadratic.xy[kept] / norms / y_norm
        rounding = math.sqrt(quadratic.rounding)  # a product sees no more of a singular value
        return cls(size, kept, norms, y_norm, y_square, None, None, products, xy, rounding)

    @property
    def wide(self) -> bool:
        """Whether there are more columns than rows, so that the p × p Gram is not to be formed."""
        return self.X is not None and self.X.shape[1] > self.X.shape[0]

    @cached_property
    def independent(self) -> tuple[Array, Array]:
        """Rows (r, q) and responses (r,) that say what these do of u, r the rank; X and y if q."""
        if self.X is not None and self.y is not None:
            return independent_rows(self.X, self.y, self.rounding) or (self.X, self.y)
        values, basis = np.linalg.eigh(self.gram)
        kept = values > self.rounding**2 * values[-1:]
        s, basis = np.sqrt(values[kept]), basis[:, kept]
        return s[:, None] * basis.T, (self.xy @ basis) / s

    @property
    def dependent(self) -> bool:
        """Whether some columns are linear combinations of others, to rounding."""
        return self.wide or len(self.independent[0]) < len(self.kept)

    @cached_property
    def largest(self) -> float:
        """max|X'y|, beyond which λ₁ leaves nothing."""
        return float(np.max(np.abs(self.xy), initial=0.0))

    @cached_property
    def eigenvalues(self) -> Array:
        """Of X'X, none below its rounding."""
        values = np.linalg.eigvalsh(self.gram)
        return np.maximum(values, EPS * values[-1:])

    @cached_property
    def gram(self) -> Array:
        """X'X of the unit-norm columns, (q, q); formed from `X` when first asked for."""
        if self.products is not None:
            return self.products
        assert self.X is not None
        return self.X.T @ self.X

    def block(self, index: Index) -> Array:
        """X'X of some columns; from `X` where the whole Gram is not to be formed."""
        if len(index) == len(self.kept):
            return self.gram
        if self.wide:
            assert self.X is not None
            part = self.X[:, index]
            return part.T @ part
        return self.gram[np.ix_(index, index)]

    def residual_square(self, u: Array) -> float:
        """‖y − Xu‖²."""
        if self.X is not None and self.y is not None:
            r = self.y - self.X @ u
            return float(r @ r)
        linear = 2.0 * float(self.xy @ u)
        return max(self.y_square - linear + float(u @ self.gram @ u), 0.0)

    def gradient(self, u: Array, l2: Array) -> Array:
        """X'(y − Xu) − λ₂u, minus the gradient of the smooth part of J/‖y‖²."""
        if self.X is not None and self.y is not None and self.wide:
            return self.X.T @ (self.y - self.X @ u) - l2 * u
        return self.xy - self.gram @ u - l2 * u

    def fine_gradient(self, u: Array | Extended, l2: Array) -> Array:
        """`gradient` in extended precision, rounded at the end; on rows where they are kept.

        What is left is the rounding of u itself, so that refinement reaches the solution of the
        stored problem. Where long double is double (some ARM systems) this is `gradient`.
        """
        fine = u.astype(np.longdouble)
        if self.X is not None and self.y is not None:
            residual = self.y - extended_product(self.X, fine)
            smooth = extended_product(self.X.T, residual)
        else:
            smooth = self.xy - extended_product(self.gram, fine)
        return np.asarray(smooth - l2 * fine, dtype=np.float64)

    def penalty(self, l1: Array | None, l2: Array | None) -> tuple[Array, Array]:
        """λ₁ and λ₂ of the kept columns in the coordinates of u."""
        if l1 is None or l2 is None:
            raise NotSupported(
                "λ depends on an unknown here: fix it with problem.at(sigma=, scale=), or let "
                "fit_map(problem, hyper='evidence') or hyper='cv' choose it"
            )
        return self.penalties(l1, l2)

    def penalties(self, l1: Array, l2: Array) -> tuple[Array, Array]:
        """`penalty` of λ's (…, p), one after the other or many at once."""
        return self._scaled(l1, self.y_norm), self._scaled(l2, self.norms)

    def _scaled(self, lam: Array, divisor: Array | float) -> Array:
        """λ of the kept columns over their norms and a divisor."""
        part = lam if len(self.kept) == self.size else lam[..., self.kept]
        with np.errstate(over="ignore"):
            out = np.asarray(part / self.norms)
            out /= divisor
        # Beyond HUGE a coefficient is 0 to every digit; the bound keeps ∞ out of the arithmetic.
        return np.minimum(out, HUGE, out=out)

    def restore(self, u: Array) -> Array:
        """The coefficients b (p,) of u (q,); columns left out get 0."""
        b = np.zeros(self.size)
        b[self.kept] = u * (self.y_norm / self.norms)
        return b

    def reduce(self, b: Array) -> Array:
        """u (q,) of coefficients b (p,): the inverse of `restore` on the kept columns."""
        return np.asarray(b, dtype=float)[self.kept] * (self.norms / self.y_norm)


def extended_product(A: Array, x: Extended) -> Extended:
    """A @ x in extended precision, by blocks of rows so that no wide copy of A is made."""
    rows = max(1, (1 << 18) // max(1, A.shape[1]))
    out = np.empty(A.shape[0], dtype=np.longdouble)
    for i in range(0, A.shape[0], rows):
        out[i : i + rows] = A[i : i + rows] @ x
    return out


def project(
    moments: Moments,
    flat: NDArray[np.intp],
    blocks: tuple[Block, ...],
    *,
    standardize: bool,
    intercept: bool,
) -> Quadratic:
    """The data with columns divided by their sds, and what is flat projected out."""
    sd = np.where(moments.constant, 0.0, moments.x_sd)
    x_sd = np.where(sd > 0, sd, 1.0) if standardize else np.ones(moments.p)
    loc = np.zeros(moments.p - len(flat))
    for block in blocks:
        loc[block.columns] = block.prior.loc
    return Quadratic.of(moments, flat, x_sd, loc, intercept=intercept)
