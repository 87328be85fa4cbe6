r"""Exact draws from the Pólya–Gamma distribution PG(b, z), b a whole number.

PG(1, z) is a quarter of a tilted Jacobi variable J*(1, z/2), drawn by rejection from an envelope
that is exponential beyond t = 0.64 and inverse Gaussian below, with an alternating series that
squeezes the ratio: Polson, Scott & Windle (2013), JASA 108(504), §4 and their supplement; the
series is that of Devroye (2009), Statistics & Probability Letters 79(21). PG(b, z) is a sum of b.

E ω = b/(2z)·tanh(z/2), and E e^(−tω) = [cosh(z/2)/cosh(√(z² + 2t)/2)]^b.
"""

from __future__ import annotations

import math

import numpy as np

from bayesreg.language.arguments import Array
from bayesreg.language.compiled import compiled

MEETING = 0.64  # where the two halves of the envelope meet: the best place for every z
FAR = 30.0  # of z/2, beyond which e^z Φ(−…) is 0 to every digit


def draw_polya_gamma(rng: np.random.Generator, b: Array, z: Array) -> Array:
    """One draw of PG(b_i, z_i) for each i; b whole and positive."""
    out = np.empty(len(z))
    _fill(rng, np.ascontiguousarray(b, dtype=float), np.ascontiguousarray(z, dtype=float), out)
    return out


@compiled
def _fill(rng: np.random.Generator, b: Array, z: Array, out: Array) -> None:
    for i in range(len(z)):
        half = 0.5 * abs(z[i])
        rate = 0.125 * math.pi**2 + 0.5 * half * half
        share = _share_beyond(half, rate)
        total = 0.0
        for _ in range(int(b[i])):
            total += _jacobi(rng, half, rate, share)
        out[i] = 0.25 * total


@compiled
def _share_beyond(z: float, rate: float) -> float:
    """The share of the envelope's mass that lies beyond MEETING."""
    beyond = math.pi / (2.0 * rate) * math.exp(-rate * MEETING)
    if beyond == 0.0:
        return 0.0
    root = math.sqrt(MEETING)
    below = 2.0 * math.exp(-z) * _normal_cdf((MEETING * z - 1.0) / root)
    if z < FAR:
        below += 2.0 * math.exp(z) * _normal_cdf(-(MEETING * z + 1.0) / root)
    return beyond / (beyond + below)


@compiled
def _normal_cdf(x: float) -> float:
    return 0.5 * float(math.erfc(-x / math.sqrt(2.0)))


@compiled
def _jacobi(rng: np.random.Generator, z: float, rate: float, share: float) -> float:
    """One draw of J*(1, z)."""
    while True:
        if rng.random() < share:
            x = MEETING + rng.standard_exponential() / rate
        else:
            x = _inverse_gaussian(rng, z)
        s = _term(0, x)
        y = rng.random() * s
        n = 0
        while True:
            n += 1
            if n % 2 == 1:
                s -= _term(n, x)
                if y <= s:
                    return x
            else:
                s += _term(n, x)
                if y > s:
                    break


@compiled
def _term(n: int, x: float) -> float:
    """The n-th term of the alternating series for the density at x."""
    k = n + 0.5
    if x > MEETING:
        return math.pi * k * math.exp(-0.5 * k * k * math.pi**2 * x)
    return float(math.pi * k * (2.0 / (math.pi * x)) ** 1.5 * math.exp(-2.0 * k * k / x))


@compiled
def _inverse_gaussian(rng: np.random.Generator, z: float) -> float:
    """An inverse Gaussian of mean 1/z and shape 1, below MEETING."""
    if z * MEETING < 1.0:
        while True:
            e = rng.standard_exponential()
            while e * e > 2.0 * rng.standard_exponential() / MEETING:
                e = rng.standard_exponential()
            x = MEETING / (1.0 + MEETING * e) ** 2
            if rng.random() <= math.exp(-0.5 * z * z * x):
                return x
    mean = 1.0 / z
    while True:
        y: float = rng.standard_normal() ** 2
        root = math.sqrt(4.0 * mean * y + mean * mean * y * y)
        x = mean + 0.5 * mean * (mean * y - root)
        if rng.random() > mean / (mean + x):
            x = mean * mean / x
        if 0.0 < x <= MEETING:
            return x
