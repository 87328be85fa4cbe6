"""Exact draws of local scales: the mixing distributions of scale mixtures of normals."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
TINY = float(np.finfo(float).tiny)


def reciprocal_inverse_gaussian(root: Array, shape: float, rng: np.random.Generator) -> Array:
    r"""Draw t = 1/w with w ~ inverse Gaussian of mean √shape/root and shape `shape`.

    The method of Michael, Schucany & Haas (1976, The American Statistician 30(2)) with its roots
    written so that nothing cancels or overflows as `root` → 0, where w has an infinite mean.

    Parameters
    ----------
    root : ndarray
        √shape/mean, non-negative; any shape.
    shape : float
        Shape parameter, positive.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray
        t, of the shape of `root`; always positive and finite.
    """
    r = np.asarray(root, dtype=float) / math.sqrt(shape)  # 1/mean
    h = (0.5 / shape) * np.square(rng.standard_normal(r.shape))
    # The larger root of the quadratic in t is 1/w for the smaller w; its partner is r²/that.
    t = np.maximum(r + h + np.sqrt(h * (h + 2.0 * r)), TINY)
    keep = rng.random(r.shape) * (t + r) <= t
    return np.maximum(np.where(keep, t, r * (r / t)), TINY)


def half_cauchy_local(x: Array, rng: np.random.Generator) -> Array:
    r"""Draw t = 1/η with η of density ∝ e^(−xη)/(1 + η) on η > 0: a horseshoe's local variance.

    With w = 1 + η the density is e^(−xw)/w on w > 1. For x ≥ 1 a shifted exponential, for x < 1 a
    two-piece envelope (reciprocal on (1, 1/x), exponential beyond); both are accepted with
    probability at least 0.59 whatever x is, so the draw is exact and never slow.

    Parameters
    ----------
    x : ndarray
        β²/(2s²), non-negative; any shape. Values below 1e-300 are drawn at 1e-300, where the
        density of log η is flat over 690 units.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray
        t, of the shape of `x`, in [1e-300, 1e300].
    """
    flat = np.maximum(np.asarray(x, dtype=float), 1e-300).ravel()
    eta = _try_eta(flat, rng)
    todo = np.flatnonzero(np.isnan(eta))
    while todo.size:
        eta[todo] = _try_eta(flat[todo], rng)
        todo = todo[np.isnan(eta[todo])]
    return (1.0 / np.clip(eta, 1e-300, 1e300)).reshape(np.shape(x))


def _try_eta(x: Array, rng: np.random.Generator) -> Array:
    """The first accepted of six proposals per element; NaN where all are refused (below 0.5 %)."""
    e = x[:, None]
    log_inverse = np.maximum(-np.log(e), 0.0)
    # Masses of the two envelope pieces; only the exponential one when x >= 1.
    body, tail = np.exp(-e) * log_inverse, np.exp(-np.maximum(e, 1.0))
    choose, place, test = rng.random((3, x.size, 6))
    low = choose * (body + tail) < body
    start = np.maximum(1.0 / e, 1.0)
    # η itself, not w: expm1 keeps its relative accuracy where w is close to 1.
    h = np.where(low, np.expm1(place * log_inverse), start - 1.0 - np.log1p(-place) / e)
    accepted = test < np.where(low, np.exp(-e * h), start / (1.0 + h))
    first = accepted.argmax(axis=1)
    rows = np.arange(x.size)
    return np.where(accepted[rows, first], h[rows, first], np.nan)
