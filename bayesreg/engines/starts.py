"""Where chains start: type-II estimates of scale and σ, the modes of a ridge posterior."""

from __future__ import annotations

import numpy as np
from scipy.linalg.lapack import dgejsv

from bayesreg.language.arguments import Array
from bayesreg.model.pseudo_data import EPS, PseudoData, decomposed

# Above this ratio of column norms an ordinary SVD loses the small columns (Drmač & Veselić 2008).
_GRADED = 1e3
LEAST = 1e-300  # of a sum of squares whose logarithm is taken
_ENOUGH = 400  # pseudo-rows for a rough estimate of two numbers


def _rotate(a: Array, y: Array) -> tuple[Array, Array, Array, float]:
    """d, g, V of a = U diag(√d) V' with g = U'y, and the part of ‖y‖² outside U."""
    if min(a.shape) == 0:
        return np.zeros(0), np.zeros(0), np.zeros((a.shape[1], 0)), float(y @ y)
    norms = np.linalg.norm(a, axis=0)
    norms = norms[norms > 0]
    graded = len(norms) and norms.max() > _GRADED * norms.min() and a.shape[1] <= 512
    u, s, v = _jacobi(a) if graded else _ordinary(a)
    g = u.T @ y
    rest = y - u @ g
    rest -= u @ (u.T @ rest)
    outside = float(rest @ rest) if a.shape[0] > len(s) else 0.0
    dead = s <= EPS * max(a.shape) * s[0]
    if not graded and np.any(dead):  # rows that depend: what they say of y no coefficient reaches
        outside += float(g[dead] @ g[dead])
        s, g = np.where(dead, 0.0, s), np.where(dead, 0.0, g)
    return np.square(s), g, v, outside


def _ordinary(a: Array) -> tuple[Array, Array, Array]:
    """U, s, V to the rounding of the largest singular value."""
    u, s, vt = decomposed(a)
    return u, s, vt.T


def _jacobi(a: Array) -> tuple[Array, Array, Array]:
    """U, s, V with each singular value to high relative accuracy (LAPACK dgejsv, joba 'F')."""
    tall = a.shape[0] >= a.shape[1]
    sva, u, v, work, _, info = dgejsv(a if tall else a.T, joba=2, jobu=0, jobv=0, jobr=0)
    if info != 0:
        return _ordinary(a)
    s = sva * (work[0] / work[1])
    return (u[:, : len(s)], s, v) if tall else (v, s, u[:, : len(s)])


def profile(data: PseudoData, sigma: float | None) -> tuple[float, float]:
    """Rough type-II estimates of log(scale ÷ σ) and log σ under one Normal prior, for a start.

    Maximises −½Σ log(1 + d_i s²) − (ν/2) log S(s), or −S/2σ², over a grid of log s with a
    half-Cauchy(1) penalty that keeps s finite (MacKay 1992, Neural Computation 4(3)).
    """
    data = _sketch(data)
    d, g, outside = _rough_spectrum(data)
    log_s = np.linspace(-14.0, 6.0, 161)
    share = 1.0 / (1.0 + d * np.exp(2.0 * log_s)[:, None])
    s = data.rss + outside + share @ np.square(g)
    if not np.all(s > 0) or data.nu <= 0:
        return 0.0, 0.0 if sigma is None else float(np.log(sigma))
    fit = 0.5 * data.nu * np.log(s) if sigma is None else 0.5 * s / sigma**2
    target = 0.5 * np.sum(np.log(share), axis=1) - fit + log_s - np.log1p(np.exp(2.0 * log_s))
    best = int(np.argmax(target))
    size = 0.5 * np.log(s[best] / data.nu) if sigma is None else np.log(sigma)
    return float(log_s[best]), float(size)


def _rough_spectrum(data: PseudoData) -> tuple[Array, Array, float]:
    """d, g and the rest of ‖y‖² as `_rotate` gives them, from XX' where rows are fewer."""
    if data.x.shape[0] >= data.x.shape[1]:
        d, g, _, outside = _rotate(data.x, data.y)
        return d, g, outside
    d, u = np.linalg.eigh(data.x @ data.x.T)
    return np.maximum(d, 0.0), u.T @ data.y, 0.0


def _sketch(data: PseudoData) -> PseudoData:
    """As many random combinations of the pseudo-rows as a rough estimate needs."""
    m = len(data.y)
    if m <= _ENOUGH:
        return data
    mix = np.random.default_rng(0).standard_normal((_ENOUGH, m)) / np.sqrt(m)
    share = _ENOUGH / m
    return PseudoData(mix @ data.x, mix @ data.y, share * data.rss, share * data.nu)


def maxima(data: PseudoData, sigma: float | None) -> list[tuple[float, float]]:
    """Rough log(scale ÷ σ) and log σ where a Normal prior's evidence has maxima, and at `profile`.

    The latter leans away from scale → 0, where a prior with heavier tails may not have its maximum.
    """
    d, g, _, outside = _rotate(data.x, data.y)
    known = profile(data, sigma)
    if not np.any(d > 0.0):
        return [known]
    low, high = (-0.5 * float(np.log(x)) for x in (d.max(), d[d > 0.0].min()))
    log_s = np.linspace(low - 2.0, min(high, low + 60.0) + 8.0, 801)
    share = 1.0 / (1.0 + d * np.exp(2.0 * log_s)[:, None])
    rest = np.maximum(data.rss + outside + share @ np.square(g), LEAST)
    fit = 0.5 * data.nu * np.log(rest) if sigma is None else 0.5 * rest / sigma**2
    curve = 0.5 * np.sum(np.log(share), axis=1) - fit
    inner = 1 + np.flatnonzero((curve[1:-1] > curve[:-2]) & (curve[1:-1] >= curve[2:]))
    size = 0.5 * np.log(rest / data.nu) if sigma is None else np.full(801, np.log(sigma))
    found = [(float(log_s[k]), float(size[k])) for k in inner[np.argsort(-curve[inner])][:3]]
    return found + [known] * all(abs(known[0] - one[0]) > 1.0 for one in found)
