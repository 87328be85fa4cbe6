r"""b given its prior sds, and the likelihood with b integrated out: one Cholesky factorisation.

With D = diag(prior sd of b_j ÷ σ), in column space (p ≤ rows) or row space (p > rows):

    I + DGD = LL',  w = L⁻¹DX'y,  b = DL⁻ᵀ(w + σε)                  (Rue 2001, JRSS B 63(2))
    I + XD²X' = LL',  b by Bhattacharya, Chakraborty & Mallick (2016), Biometrika 103(4)

Neither forms D⁻¹, so a local scale that underflows to 0 is harmless. Where D is so large that the
identity is lost, the same L comes from a QR of [XD; I] or [DX'; I], which squares nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import qr
from scipy.linalg.lapack import dpotrf, dtrtrs

from bayesreg.language.arguments import Array
from bayesreg.model.pseudo_data import PseudoData

# Largest entry of XD²X' beside which the identity still keeps four digits.
_LOST = 1e12


@dataclass(frozen=True, eq=False)
class Conditional:
    """b | σ, D, and what integrating b out leaves.

    Attributes
    ----------
    s : float
        S: the likelihood is σ^(−ν) exp(−S/2σ²) e^(−half_log_det).
    half_log_det : float
        ½ log det(I + DGD).
    mean : ndarray (p,)
        E(b | σ, D).
    """

    s: float
    half_log_det: float
    mean: Array
    sd: Array
    lower: Array
    rows: Array | None  # XD in row space

    def draw(self, sigma: float, rng: np.random.Generator) -> Array:
        """One draw of b given σ."""
        z = rng.standard_normal(len(self.sd))
        if self.rows is None:
            return self.mean + sigma * self.sd * _solve(self.lower, z, 1)
        v = self.rows @ z + rng.standard_normal(len(self.lower))
        w = _solve(self.lower, _solve(self.lower, v, 0), 1)
        return self.mean + sigma * self.sd * (z - w @ self.rows)


def given(data: PseudoData, sd: Array) -> Conditional:
    """The conditional at prior sds `sd` (÷ σ); in row space where there are fewer rows."""
    return _rows(data, sd) if len(data.y) < len(sd) else _columns(data, sd)


def _columns(data: PseudoData, sd: Array) -> Conditional:
    """The conditional in column space."""
    inner = data.gram * sd
    inner *= sd[:, None]
    inner.ravel()[:: len(sd) + 1] += 1.0
    lower, info = dpotrf(inner.T, lower=1, clean=0, overwrite_a=1)
    diagonal = lower.diagonal()
    if info != 0 or not np.isfinite(diagonal.sum()):
        lower = _triangle(data.x * sd)
        diagonal = np.abs(lower.diagonal())
    w = _solve(lower, sd * data.xy, 0)
    z = _solve(lower, w, 1)
    mean = sd * z
    rest = data.y - data.x @ mean
    # Sums of squares throughout: y'y − w'w would lose every digit of a close fit.
    s = data.rss + rest.dot(rest) + z.dot(z)
    return Conditional(float(s), float(np.log(diagonal).sum()), mean, sd, lower, None)


def _rows(data: PseudoData, sd: Array) -> Conditional:
    """The conditional in row space."""
    rows = data.x * sd
    inner = rows @ rows.T
    inner.ravel()[:: len(inner) + 1] += 1.0
    largest = inner.diagonal().max()
    lower, info = dpotrf(inner.T, lower=1, clean=0, overwrite_a=1)
    if info != 0 or not largest < _LOST:
        lower = _triangle(rows.T)
    w = _solve(lower, data.y, 0)
    mean = sd * (_solve(lower, w, 1) @ rows)
    half_log_det = float(np.log(np.abs(lower.diagonal())).sum())
    return Conditional(data.rss + float(w.dot(w)), half_log_det, mean, sd, lower, rows)


def _triangle(half: Array) -> Array:
    """L with LL' = I + H'H by QR of [H; I]."""
    k = half.shape[1]
    r = np.asarray(qr(np.vstack([half, np.eye(k)]), mode="r", check_finite=False)[0])[:k]
    return np.asfortranarray(r.T)


def _solve(lower: Array, right: Array, trans: int) -> Array:
    """L⁻¹r or L⁻ᵀr."""
    return np.asarray(dtrtrs(lower, right, lower=1, trans=trans)[0])
