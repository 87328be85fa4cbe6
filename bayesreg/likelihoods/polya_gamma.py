r"""Exact draws from the Pólya–Gamma distribution PG(b, z), b a whole number, many side by side.

PG(1, z) is a quarter of a tilted Jacobi variable J*(1, z/2), drawn by rejection from an envelope
that is exponential beyond t = 0.64 and inverse Gaussian below, with an alternating series that
squeezes the ratio: Polson, Scott & Windle (2013), JASA 108(504), §4 and their supplement; the
series is that of Devroye (2009), Statistics & Probability Letters 79(21). PG(b, z) is a sum of b.

E ω = b/(2z)·tanh(z/2), and E e^(−tω) = [cosh(z/2)/cosh(√(z² + 2t)/2)]^b.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from bayesreg.language.arguments import Array

MEETING = 0.64  # where the two halves of the envelope meet: the best place for every z
FAR = 30.0  # of z/2, beyond which e^z Φ(−…) is 0 to every digit


def draw_polya_gamma(rng: np.random.Generator, b: Array, z: Array) -> Array:
    """One draw of PG(b_i, z_i) for each i; b whole and positive."""
    half = 0.5 * np.abs(np.asarray(z, dtype=float))
    counts = np.asarray(b).astype(np.intp)
    single = bool(np.all(counts == 1))
    share = _share_beyond(half)
    if single:
        return 0.25 * _jacobi(rng, half, share)
    parts = _jacobi(rng, np.repeat(half, counts), np.repeat(share, counts))
    return np.asarray(0.25 * np.add.reduceat(parts, np.cumsum(counts) - counts))


def _rate(z: Array) -> Array:
    """Of the exponential half of the envelope."""
    return 0.125 * math.pi**2 + 0.5 * z * z


def _share_beyond(z: Array) -> Array:
    """The share of the envelope's mass that lies beyond MEETING."""
    rate, root = _rate(z), math.sqrt(MEETING)
    beyond = math.pi / (2.0 * rate) * np.exp(-rate * MEETING)
    below = 2.0 * np.exp(-z) * ndtr((MEETING * z - 1.0) / root)
    near = np.minimum(z, FAR)
    rest = 2.0 * np.exp(near) * ndtr(-(MEETING * near + 1.0) / root)
    below += np.where(z < FAR, rest, 0.0)
    return np.where(beyond > 0.0, beyond / np.where(beyond > 0.0, beyond + below, 1.0), 0.0)


def _jacobi(rng: np.random.Generator, z: Array, share: Array) -> Array:
    """One draw of each J*(1, z)."""
    out, rows = np.empty(len(z)), np.arange(len(z))
    while len(rows):
        at = z[rows]
        x = MEETING + rng.standard_exponential(len(rows)) / _rate(at)
        below = np.flatnonzero(rng.random(len(rows)) >= share[rows])
        x[below] = _inverse_gaussian(rng, at[below])
        accepted = _squeezed(rng, x)
        out[rows[accepted]] = x[accepted]
        rows = rows[~accepted]
    return out


def _squeezed(rng: np.random.Generator, x: Array) -> NDArray[np.bool_]:
    """Whether each trial is accepted: partial sums close in on the density from both sides."""
    s = _term(0, x)
    y = rng.random(len(x)) * s
    accepted, rows, n = np.zeros(len(x), bool), np.arange(len(x)), 0
    while len(rows):
        n += 1
        s = s - _term(n, x) if n % 2 else s + _term(n, x)
        settled = y <= s if n % 2 else y > s
        accepted[rows[settled]] = n % 2 == 1
        open_ = ~settled
        rows, x, y, s = rows[open_], x[open_], y[open_], s[open_]
    return accepted


def _term(n: int, x: Array) -> Array:
    """The n-th term of the alternating series for the density at x."""
    k = n + 0.5
    far = x > MEETING
    power = np.where(far, -0.5 * k * k * math.pi**2 * x, -2.0 * k * k / x)
    front = np.where(far, 1.0, (2.0 / (math.pi * x)) ** 1.5)
    return np.asarray(math.pi * k * front * np.exp(power))


def _inverse_gaussian(rng: np.random.Generator, z: Array) -> Array:
    """An inverse Gaussian of mean 1/z and shape 1, below MEETING, for each z."""
    out, rows = np.empty(len(z)), np.arange(len(z))
    small = z * MEETING < 1.0
    while len(rows):
        at, low = z[rows], small[rows]
        e, other = rng.standard_exponential((2, len(rows)))
        near = MEETING / np.square(1.0 + MEETING * e)
        taken = np.square(e) <= 2.0 * other / MEETING
        taken &= rng.random(len(rows)) <= np.exp(-0.5 * at * at * near)
        if low.all():
            x, accepted = near, taken
        else:
            mean = 1.0 / np.maximum(at, 1.0)  # of those that are not small
            y = np.square(rng.standard_normal(len(rows)))
            far = mean + 0.5 * mean * (mean * y - np.sqrt(4.0 * mean * y + mean * mean * y * y))
            turned = rng.random(len(rows)) > mean / (mean + far)
            far = np.where(turned, mean * mean / far, far)
            x = np.where(low, near, far)
            accepted = np.where(low, taken, (far > 0.0) & (far <= MEETING))
        out[rows[accepted]] = x[accepted]
        rows = rows[~accepted]
    return out
