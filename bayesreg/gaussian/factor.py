r"""A⁻¹ = (G + D⁻²)⁻¹ in factored form, from a QR of pseudo-rows and prior rows.

A is never formed: a QR of [X; D⁻¹], or of [DX'; I] in row space when p exceeds the rows, keeps
the condition number unsquared (Björck 1996, *Numerical Methods for Least Squares Problems*, §2.7).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import qr, solve_triangular

from bayesreg.language.arguments import Array
from bayesreg.model.pseudo_data import PseudoData

VAGUE = 1e-3  # least pivot over the largest, below which it matters whether rows depend


@dataclass(frozen=True, eq=False)
class Factor:
    """A⁻¹ in factored form, with what it says of the data.

    Attributes
    ----------
    mean : ndarray (p,)
        m, the posterior mean of b.
    s : float
        S, the penalised residual sum of squares at m.
    half_log_det : float
        ½ log det(I + DGD).
    sd : ndarray (p,)
        D.
    x : ndarray (m, p)
        Pseudo-rows.
    root : ndarray
        R (p, p) with R'R = A; in row space R (m, m) with R'R = I/g² + XD²X'/g², g = max D.
    wide : bool
        Which of the two `root` is.
    """

    mean: Array
    s: float
    half_log_det: float
    sd: Array
    x: Array
    root: Array
    wide: bool

    @classmethod
    def of(cls, data: PseudoData, sd: Array) -> Factor:
        """Factor by QR, in column space or row space, whichever is smaller."""
        m, p = data.x.shape
        if m < p:
            return cls._rows(data, sd)
        stacked = np.zeros((m + p, p + 1))
        stacked[:m, :p], stacked[:m, p] = data.x, data.y
        stacked[m:, :p] = np.diag(1.0 / sd)
        r = np.asarray(qr(stacked, mode="r", check_finite=False)[0])
        mean = solve_triangular(r[:p, :p], r[:p, p], check_finite=False)
        s = data.rss + (float(r[p, p]) ** 2 if m else 0.0)
        log_det = float(np.sum(np.log(np.abs(np.diagonal(r[:p, :p])) * sd)))
        return cls(mean, s, log_det, sd, data.x, r[:p, :p], wide=False)

    @classmethod
    def _rows(cls, data: PseudoData, sd: Array) -> Factor:
        """The same through M = I + XD²X', with D measured in its largest entry g."""
        m = len(data.y)
        g = float(sd.max())
        scaled = data.x * (sd / g)
        stacked = np.vstack([scaled.T, np.eye(m) / g])
        r = np.asarray(qr(stacked, mode="r", check_finite=False)[0])[:m]
        pivots = np.abs(np.diagonal(r))
        if m and pivots.min() <= VAGUE * pivots.max() and (few := data.independent) is not data:
            return cls._rows(few, sd)  # else what depends is rounding over 1/g, without bound
        w = solve_triangular(r, data.y, trans="T", check_finite=False)
        mean = (sd / g) * (scaled.T @ solve_triangular(r, w, check_finite=False))
        log_det = float(np.sum(np.log(np.abs(np.diagonal(r)) * g)))
        return cls(mean, data.rss + float(w @ w) / g**2, log_det, sd, data.x, r, wide=True)

    def spread(self, rows: Array) -> Array:
        """√diag(T A⁻¹ T') for T (k, p)."""
        if not self.wide:
            half = solve_triangular(self.root, rows.T, trans="T", check_finite=False)
            return np.asarray(np.linalg.norm(half, axis=0))
        g = self.sd.max()
        prior = rows * self.sd
        along = (prior @ (self.x * (self.sd / g)).T).T
        half = solve_triangular(self.root, along, trans="T", check_finite=False)
        variance = np.sum(prior * prior, axis=1) - np.sum(half * half, axis=0)
        return np.sqrt(np.maximum(variance, 0.0))

    @cached_property
    def spreads(self) -> Array:
        """√diag A⁻¹ (p,)."""
        if not self.wide:
            inverse = solve_triangular(self.root, np.eye(len(self.root)), check_finite=False)
            return np.asarray(np.linalg.norm(inverse, axis=1))
        g = self.sd.max()
        half = solve_triangular(self.root, self.x * (self.sd / g), trans="T", check_finite=False)
        rest = 1.0 - np.sum(half * half, axis=0)
        if np.any(rest < 1e-7):  # the difference has lost half its digits: factor A itself
            r = np.asarray(qr(np.vstack([self.x, np.diag(1.0 / self.sd)]), mode="r")[0])
            square = r[: len(self.sd)]
            inverse = solve_triangular(square, np.eye(len(square)), check_finite=False)
            return np.asarray(np.linalg.norm(inverse, axis=1))
        return np.asarray(self.sd * np.sqrt(rest))

    def noise(self, rng: np.random.Generator, size: int) -> Array:
        """Draws of N(0, A⁻¹), (size, p); in row space by Bhattacharya et al. (2016), Biometrika."""
        if not self.wide:
            z = rng.standard_normal((len(self.root), size))
            # The factor with a positive diagonal is unique, so that draws move with the data as A
            # does; the signs of a QR are chance.
            z *= np.sign(np.diagonal(self.root))[:, None]
            return np.asarray(solve_triangular(self.root, z, check_finite=False).T)
        g = self.sd.max()
        scaled = self.x * (self.sd / g)
        u = rng.standard_normal((size, len(self.sd)))
        v = (u @ scaled.T + rng.standard_normal((size, len(self.x))) / g).T
        w = solve_triangular(self.root, v, trans="T", check_finite=False)
        w = solve_triangular(self.root, w, check_finite=False)
        return np.asarray(self.sd * (u - w.T @ scaled))
