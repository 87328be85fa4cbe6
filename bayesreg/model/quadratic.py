"""The one quadratic that solvers minimise and engines draw from: ½‖y − Xb‖² after projection.

A Gaussian likelihood is one for ever; another likelihood is touched by one at a point, or is one
given latent weights. Beside it, each computed once: `unit`, on which solvers work, and `rows`, on
which engines do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import qr, solve_triangular

from bayesreg.data.projected_columns import ProjectedColumns, refuse_unformed
from bayesreg.language.arguments import Array
from bayesreg.language.text import outline
from bayesreg.model.coordinates import (
    Coordinates,
    by_both,
    by_columns,
    project_columns,
    project_cross,
    project_root,
)
from bayesreg.model.pseudo_data import PseudoData
from bayesreg.model.unit_data import EPS, Index, UnitData

if TYPE_CHECKING:
    from bayesreg.data.moments import Moments
    from bayesreg.model.blocks import Block


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
    columns : ProjectedColumns or None
        Those of a sparse X too wide for either, over nothing: x̃_j of one original unit.
    """

    coordinates: Coordinates
    nu: float
    xy: Array
    yy: float
    root: Array | None
    cross: Array | None
    columns: ProjectedColumns | None = None

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
        if centred.columns is not None:
            return cls._of_columns(centred, flat, x_sd, loc, intercept=intercept)
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

    @classmethod
    def _of_columns(
        cls, moments: Moments, flat: Index, x_sd: Array, loc: Array, *, intercept: bool
    ) -> Quadratic:
        """The same of sparse columns, which stay as they are, beside a ỹ less X̃·loc."""
        assert moments.columns is not None
        proper = np.setdiff1d(np.arange(moments.p), flat).astype(np.intp)
        names = tuple(moments.names[j] for j in flat)
        parts = project_columns(moments.columns, flat, proper, x_sd, loc, names)
        columns, on_flat, flat_root = parts
        coordinates = Coordinates(
            n=moments.n, intercept=intercept, proper=proper, flat=np.asarray(flat, dtype=np.intp),
            names=names, x_mean=moments.x_mean, y_mean=moments.y_mean, x_sd=x_sd, loc=loc,
            flat_y=on_flat[:, -1], flat_x=on_flat[:, :-1], flat_root=flat_root,
        )  # fmt: skip
        xy = columns.transposed(columns.y) / x_sd[proper]
        yy = float(columns.y @ columns.y)
        nu = moments.n - float(intercept) - len(flat)
        return cls(coordinates, nu, xy, yy, None, None, columns)

    @property
    def divisor(self) -> Array:
        """x_sd of the proper columns (p,): b_j is that times what multiplies a sparse column."""
        return np.asarray(self.coordinates.x_sd[self.coordinates.proper])

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
        if self.columns is not None:
            raise refuse_unformed("this", self.p)
        assert self.root is not None
        x = self.root[:, :-1]
        return np.asarray(x.T @ x)

    def block(self, index: Index) -> Array:
        """X̃'X̃ of some columns (k, k), without forming the Gram matrix where a root is kept."""
        if self.columns is not None:
            size = self.divisor[index]
            return np.asarray(self.columns.block(index) / size / size[:, None])
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
        if self.columns is not None:
            return np.asarray(np.sqrt(self.columns.squares) / self.divisor)
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
        known = self.root is not None or self.columns is not None
        gram = None if known else self.gram
        return UnitData.of(self.norms, self.xy, self.yy, self.rounding, root=self.root, gram=gram)

    @cached_property
    def rows(self) -> PseudoData:
        """The same in pseudo-rows, as engines see it."""
        if self.columns is not None:
            raise refuse_unformed("this", self.p)
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
        if self.columns is not None:
            some = np.atleast_2d(b / self.divisor)
            found = self.columns.quadratic(np.column_stack([-some, np.ones(len(some))]))
            return found if np.ndim(b) > 1 else float(found[0])
        return self.rows.residual_square(b)

    def residual_sd(self, b: Array, df: float, *, least: float = 0.0) -> float:
        """σ̂ with σ̂² = RSS/(ν − df) at b (p,), RSS no smaller than `least` of ỹ'ỹ."""
        rss = max(self.residual_square(b), least * self.yy)
        return math.sqrt(rss / max(self.nu - df, 1.0))

    def gradient(self, b: Array) -> Array:
        """X̃'(X̃b − ỹ) (p,), the gradient of ½‖ỹ − X̃b‖²."""
        if self.root is not None:
            return self.root[:, :-1].T @ (self.root[:, :-1] @ b - self.root[:, -1])
        if self.columns is not None:
            rest = self.columns.residual(b / self.divisor)
            return np.asarray(-self.columns.transposed(rest) / self.divisor)
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
        if self.columns is not None:
            raise refuse_unformed("the rank of X", self.p)
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
