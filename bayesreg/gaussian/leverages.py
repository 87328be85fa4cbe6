r"""Residuals and leverages of ridge at every λ from one rotation of the data.

With X̃ diag(r) = U diag(√d) V', r the relative scales and A = X̃ diag(r) V, at every λ

    b = diag(r) V (c/(d + λ)),   c = V' diag(r) X̃'ỹ
    h_i = h_i,flat + Σ_k A_ik²/(d_k + λ)                     (leverage of one copy of row i)
    y_i − ŷ_(−i) = e_i/(1 − h_i)                             (Allen 1974)

so that all λ together cost little more than A itself, because d/(d + λ) is smooth in λ. Where rows
are not more than columns the eigenvectors of X̃ diag(r²) X̃' are U itself, and 1 − h_i is a sum of
positive terms.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import qr

from bayesreg.gaussian.evidence import free_spectrum
from bayesreg.gaussian.projected_rows import flat_leverage, projected
from bayesreg.language.arguments import Array

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem

EPS = float(np.finfo(float).eps)
BLOCK = 2**18  # numbers in a block of rows: 2 MiB
MAX_RATIO = 1e3  # of column norms: beyond it products lose the small columns
SINGULAR = 1e-12  # 1 − leverage on what is not penalised, below which a row identifies it alone


@dataclass(frozen=True, eq=False)
class Rotation:
    """A ridge problem in its eigenbasis.

    Attributes
    ----------
    problem : Problem
        On rows.
    d, c : ndarray (k,)
        Positive eigenvalues, and V' diag(r) X̃'ỹ.
    basis : ndarray (p, k) or None
        diag(r) V; None in row space.
    rows : _RowSpace or None
        U and what goes with it, in row space.
    """

    problem: Problem
    d: Array
    c: Array
    basis: Array | None
    rows: _RowSpace | None = None

    @classmethod
    def of(cls, problem: Problem, relative: Array) -> Rotation:
        """By eigh of the smaller product; by SVD where a root is kept, or columns differ widely."""
        size = problem.quadratic.norms * relative
        size = size[size > 0.0]
        graded = len(size) > 0 and float(size.max()) > MAX_RATIO * float(size.min())
        design = problem.design
        assert design is not None
        if design.n <= problem.p + 1 + len(problem.flat) and not graded:
            rows = _RowSpace.of(problem, relative)
            return cls(problem, rows.d, np.sqrt(rows.d) * rows.g, None, rows)
        if problem.root is not None or graded:
            spectrum = free_spectrum(problem)
            kept = spectrum.d > 0.0
            basis = (relative[:, None] * spectrum.v)[:, kept]
            d = spectrum.d[kept]
            return cls(problem, d, np.sqrt(d) * spectrum.g[kept], basis)
        d, v = np.linalg.eigh(problem.gram * relative * relative[:, None])
        kept = d > len(d) * EPS * d[-1]
        basis = relative[:, None] * v[:, kept]
        return cls(problem, d[kept], basis.T @ problem.xy, basis)

    def errors(self, lams: Array, copies: Array) -> Iterator[tuple[Array, Array]]:
        """Residuals and leave-out errors (m, L) of block after block of rows.

        Parameters
        ----------
        lams : ndarray (L,)
        copies : ndarray (n,)
            How many copies of each row are left out: up to its weight.

        Yields
        ------
        residual, error : ndarray (m, L)
            e_i, and e_i/(1 − copies·h_i), the error of the fit without them; NaN where that fit
            does not exist, because the row alone identifies a Flat coefficient or the intercept.
        """
        if self.rows is not None:
            yield self.rows.errors(lams, copies)
            return
        assert self.basis is not None
        design = self.problem.design
        assert design is not None
        basis = self.basis / np.sqrt(self.d)
        shares, blend = _compressed(self.d[:, None] / (self.d[:, None] + lams))
        slopes = (self.c / np.sqrt(self.d))[:, None] * shares
        step = max(1, BLOCK // max(1, self.problem.p))
        for start in range(0, design.n, step):
            part = slice(start, start + step)
            x, y, flat = projected(self.problem.coordinates, design.X[part], design.target[part])
            u = x @ basis
            residual = y[:, None] - (u @ slopes) @ blend
            leverage = (np.square(u, out=u) @ shares) @ blend
            leverage += flat[:, None]
            leverage *= copies[part, None]
            yield residual, _left_out(residual, 1.0 - leverage, copies[part] * flat)


@dataclass(frozen=True, eq=False)
class _RowSpace:
    """U of the rows times √w, where they are not more than the columns.

    Attributes
    ----------
    d, g : ndarray (k,)
        Positive eigenvalues, and U'√w·ỹ.
    u : ndarray (n, k)
    rest, bare : ndarray (n,)
        √w·ỹ − Ug, and 1 − wh of least squares: what no coefficient reaches.
    weights, flat : ndarray (n,)
        w, and the leverage on intercept and Flat columns.
    """

    d: Array
    g: Array
    u: Array
    rest: Array
    bare: Array
    weights: Array
    flat: Array

    @classmethod
    def of(cls, problem: Problem, relative: Array) -> _RowSpace:
        """By eigh of the products of rows."""
        design = problem.design
        assert design is not None
        w = design.frequencies
        if problem.root is not None and problem.moments.gram is None and problem.intercept:
            x, y = problem.root[:, :-1], problem.root[:, -1]  # the rows themselves, times √w
            flat = flat_leverage(problem.coordinates, design.X)
        else:
            x, y, flat = projected(problem.coordinates, design.X, design.target)
            x, y = x * np.sqrt(w)[:, None], y * np.sqrt(w)
        if np.any(relative != 1.0):
            x = x * relative
        d, u = np.linalg.eigh(x @ x.T)
        kept = d > len(d) * EPS * max(float(d[-1]), 0.0)
        d, u = d[kept], u[:, kept]
        g = u.T @ y
        if len(d) == design.n - problem.intercept - len(problem.flat):
            rest, bare = np.zeros(design.n), np.zeros(design.n)  # they interpolate
        else:
            rest = y - u @ g
            bare = np.maximum(1.0 - w * flat - np.square(u).sum(axis=1), 0.0)
        return cls(d, g, u, rest, bare, w, flat)

    def errors(self, lams: Array, copies: Array) -> tuple[Array, Array]:
        """As `Rotation.errors`, all rows at once."""
        kept = lams / (self.d[:, None] + lams)
        residual = self.rest[:, None] + self.u @ (self.g[:, None] * kept)
        residual /= np.sqrt(self.weights)[:, None]
        free = self.bare[:, None] + np.square(self.u) @ kept  # 1 − wh
        share = (copies / self.weights)[:, None]
        return residual, _left_out(residual, (1.0 - share) + share * free, copies * self.flat)


def _compressed(shares: Array) -> tuple[Array, Array]:
    """Factors (k, r) and (r, L) of d/(d + λ), to rounding: smooth in log λ, so that r ≈ 25 serves.

    What is left out is below 1e-15 of the largest share, and a leverage is an average of shares.
    """
    if min(shares.shape) == 0:
        return shares, np.eye(shares.shape[1])
    q, r, order = qr(shares, mode="economic", pivoting=True, check_finite=False)
    rank = int(np.sum(np.abs(np.diagonal(r)) > 1e-16 * np.abs(r[0, 0])))
    blend = np.empty((rank, shares.shape[1]))
    blend[:, order] = r[:rank]
    return np.asarray(q[:, :rank]), blend


def _left_out(residual: Array, free: Array, flat: Array) -> Array:
    """e/(1 − ch), NaN where the unpenalised part alone takes the whole row."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where((1.0 - flat > SINGULAR)[:, None], residual / free, np.nan)
