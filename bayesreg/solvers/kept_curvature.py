r"""Moments that touch a loss at one point, kept for several steps of Newton's method.

With the rows M of what has no kink (intercept, Flat columns, ridge) and Z of what has one, u and h
the slopes and curvatures of the loss by row, and any positive h̄ in the place of h,

    H̃ = Z h̄ Z' − C'KC,   C = M h̄ Z',   K = (M h̄ M' + Λ_M)⁻¹,   ṽ = Z u − C'Km,   m = M u + Λ_M b_M

are all that the lasso about a point needs: min ṽ'd + ½d'H̃d + Σλ₁|b + d| + ½Σλ₂(b + d)². With its
solution d and δ = −K(m + Cd), the η of rows moves by Δη = Z'd + M'δ, and

    u⁺ = u + h̄Δη

is a feasible point of the dual at b + d (M u⁺ + Λ_M b_M⁺ = 0, and Z u⁺ = ṽ + H̃d lies within λ₁):
the gap is there Σw FY(η + Δη, u⁺/w), which is of fourth order in the step, as h̄ → h.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.linalg.lapack import dpotrf, dpotri

from bayesreg.language.arguments import Array
from bayesreg.model.unit_data import EPS, Index

LEAST = 1e-10  # of a row's curvature, relative to the largest
DEPENDENT = 64.0 * EPS  # of a column's square, below which M leaves nothing of it


@dataclass(frozen=True, eq=False)
class Columns:
    """The columns of a loss as rows of two arrays, and what of them is penalised without a kink.

    Attributes
    ----------
    kinked : ndarray (q, n)
        Z.
    smooth : ndarray (k, n)
        M: the free columns first.
    at, ridge : ndarray of int
        Where the rows of Z, and those of M beyond the free ones, are among the p proper columns.
    free : int
        How many rows of M are free.
    """

    kinked: Array
    smooth: Array
    at: Index
    ridge: Index
    free: int

    @classmethod
    def of(cls, proper: Array, free: Array, l1: Array) -> Columns:
        """Of Z and F by column, where some λ₁ (L, p) is positive or none is; zero columns stay out.

        Rows in one piece, since every step goes along them.
        """
        some = np.any(proper, axis=0)
        kink = np.any(l1 > 0.0, axis=0)
        at, ridge = np.flatnonzero(kink & some), np.flatnonzero(~kink & some)
        rows = proper.T
        kinked = rows if len(at) == len(rows) else rows[at]
        smooth = np.concatenate([free.T, rows[ridge]])
        return cls(np.ascontiguousarray(kinked), smooth, at, ridge, free.shape[1])

    def penalised(self, active: Index) -> Columns:
        """The active kinked columns and all of ridge, beside the free ones alone."""
        rows = np.concatenate([self.kinked[active], self.smooth[self.free :]])
        return Columns(rows, self.smooth[: self.free], active, self.ridge[:0], self.free)

    def all_slopes(self, u: Array) -> Array:
        """Z u and M u (q + k,)."""
        return np.concatenate([self.kinked @ u, self.smooth @ u])

    def sd(self, weights: Array) -> Array:
        """Root mean squares (q + k,)."""
        total = float(weights.sum())
        squares = [np.square(rows) @ weights for rows in (self.kinked, self.smooth)]
        return np.sqrt(np.concatenate(squares) / total)


class Curvature:
    """H̃, C and K at one h̄, on the kinked columns that are watched.

    Attributes
    ----------
    watched : ndarray of int (w,)
        Rows of Z.
    h : ndarray (n,)
        h̄.
    norms : ndarray (w,)
        Roots of the diagonal of H̃; 1 for a column that M leaves nothing of.
    gram : ndarray (w, w)
        H̃ on columns of norm one.
    """

    def __init__(self, columns: Columns, watched: Index, h: Array, l2: Array) -> None:
        self.watched = watched
        self.least = max(LEAST * float(np.max(h, initial=0.0)), np.finfo(float).tiny)
        self.h = np.maximum(h, self.least)
        self.total = float(np.sum(self.h))
        bent = columns.smooth * self.h
        self._base = bent @ columns.smooth.T
        self._settle(l2)
        part = columns.kinked if len(watched) == len(columns.kinked) else columns.kinked[watched]
        half = part * np.sqrt(self.h)
        gram = half @ half.T
        self.cross = bent @ part.T
        self.along = self.solved(self.cross)
        squares = gram.diagonal().copy()
        gram -= self.cross.T @ self.along
        left = gram.diagonal()
        dead = left <= DEPENDENT * squares
        self.norms = np.sqrt(np.where(dead, 1.0, left))
        gram /= self.norms
        gram /= self.norms[:, None]
        if dead.any():
            gram[dead], gram[:, dead] = 0.0, 0.0
        gram.flat[:: len(gram) + 1] = 1.0
        self.gram = gram

    def under(self, l2: Array) -> Curvature:
        """The same with another Λ_M, where no kinked column is watched."""
        new = copy(self)
        new._settle(l2)
        return new

    def _settle(self, l2: Array) -> None:
        """K, as the Cholesky factor of its inverse on a unit diagonal, where that has one."""
        system = self._base.copy()
        system.flat[:: len(l2) + 1] += l2
        self._size = 1.0 / np.sqrt(np.maximum(system.diagonal(), np.finfo(float).tiny))
        self._system = system * self._size * self._size[:, None]
        try:
            self._factor = cho_factor(self._system, lower=True, check_finite=False)
        except np.linalg.LinAlgError:
            self._factor = None

    def solved(self, right: Array) -> Array:
        """K times a vector (k,) or a matrix (k, w)."""
        if not len(right):
            return right
        size = self._size if right.ndim == 1 else self._size[:, None]
        if self._factor is None:
            return np.asarray(size * np.linalg.lstsq(self._system, size * right, rcond=None)[0])
        return np.asarray(size * cho_solve(self._factor, size * right, check_finite=False))

    def drift(self, h: Array) -> float:
        """How far h is from h̄: Σ|h − h̄|/Σh̄."""
        return float(np.abs(h - self.h).sum()) / self.total

    def degrees(self, l2: Array) -> float:
        """tr H̃(H̃ + Λ₂)⁻¹ for λ₂ (w,) > 0."""
        if not len(l2):
            return 0.0
        share = l2 / np.square(self.norms)
        system = self.gram + np.diag(share)
        size = 1.0 / np.sqrt(system.diagonal())
        factor, info = dpotrf(system * size * size[:, None], lower=1)
        if info:
            return float(np.trace(np.linalg.lstsq(system, self.gram, rcond=None)[0]))
        inverse, _ = dpotri(factor, lower=1)
        return len(l2) - float((share * np.square(size)) @ inverse.diagonal())
