r"""Compiled draws of local variances t given b, for every law of a scale mixture.

With u = b/s the columns of one group of m share t, and x = ‖u‖²:

    p(t | u) ∝ t^(−m/2) e^(−x/2t) p(t)

drawn exactly and independently of the present t, as the collapsed step before it requires. Laws
without a direct draw are log-concave in log t or in log 1/t, and drawn by one rejection sampler.
Tails and poles are met in logarithms: t stays within [1e-300, 1e300].
"""

from __future__ import annotations

import math

import numpy as np

from bayesreg.engines.loops.arrays import (
    EXPONENTIAL,
    GAMMA,
    HALF_CAUCHY,
    HALF_CAUCHY_PRODUCT,
    INVERSE_GAMMA,
    LARGE,
    LAWS,
    SMALL,
    STABLE,
)
from bayesreg.language.compiled import compiled

__all__ = ["LAWS", "draw_local"]


@compiled
def draw_local(
    law: int, first: float, second: float, x: float, m: float, rng: np.random.Generator
) -> float:
    """Draw t given x = ‖u‖² of a group of m columns; `first`, `second` are the law's numbers."""
    if not x < LARGE:  # where s underflows; a rejection sampler would not return
        x = LARGE
    if law == EXPONENTIAL:
        return _inverse_gaussian(math.sqrt(x), first, second, rng)
    if law == HALF_CAUCHY and m == 1.0:
        return _half_cauchy(0.5 * x, rng)
    if law == INVERSE_GAMMA:
        return _within((first + x) / (2.0 * rng.standard_gamma(0.5 * (first + m))))
    if law == STABLE:
        return _stable(x, first, rng)
    if law == GAMMA:
        return math.exp(_log_concave(law, first - 0.5 * m, 0.5 * max(x, SMALL), rng))
    if law in (HALF_CAUCHY, HALF_CAUCHY_PRODUCT):
        return math.exp(-_log_concave(law, 0.5 * (m + 1.0), 0.5 * max(x, SMALL), rng))
    return 1.0


@compiled
def _within(t: float) -> float:
    return min(max(t, SMALL), LARGE)


@compiled
def _inverse_gaussian(root: float, mix: float, rest: float, rng: np.random.Generator) -> float:
    """1/t = w + rest, w inverse Gaussian of mean mix/root and shape mix².

    Michael, Schucany & Haas (1976), The American Statistician 30(2), with its roots written so that
    nothing cancels or overflows as `root` → 0, where w has an infinite mean.
    """
    shape = mix * mix
    r = root / mix
    z = rng.standard_normal()
    h = 0.5 * z * z / shape
    t = max(r + h + math.sqrt(h * (h + 2.0 * r)), SMALL)
    if rng.random() * (t + r) > t:
        t = max(r * (r / t), SMALL)
    return t / (1.0 + rest * t)


@compiled
def _half_cauchy(e: float, rng: np.random.Generator) -> float:
    """1/t of density ∝ e^(−eη)/(1 + η) on η > 0.

    With w = 1 + η the density is e^(−ew)/w on w > 1: a shifted exponential where e ≥ 1, else a
    reciprocal on (1, 1/e) and an exponential beyond. Accepted with probability at least .59.
    """
    e = max(e, SMALL)
    if e >= 1.0:
        while True:
            eta = rng.standard_exponential() / e
            if rng.random() * (1.0 + eta) <= 1.0:
                return _within(1.0 / max(eta, SMALL))
    inverse, log_inverse = 1.0 / e, -math.log(e)
    body = math.exp(-e) * log_inverse
    while True:
        if rng.random() * (body + math.exp(-1.0)) < body:
            eta = math.expm1(rng.random() * log_inverse)
            accepted = rng.random() <= math.exp(-e * eta)
        else:
            eta = inverse - 1.0 + rng.standard_exponential() * inverse
            accepted = rng.random() * (1.0 + eta) <= inverse
        if accepted:
            return _within(1.0 / max(eta, SMALL))


@compiled
def _stable(x: float, q: float, rng: np.random.Generator) -> float:
    """t = 1/2w, w positive stable of index q/2 tilted by e^(−xw).

    Kanter's (1975) representation and the division of Hofert (2011, ACM TOMACS 22(1)): a sum of m
    pieces, each accepted with probability e^(−x^(q/2)/m). Beyond 1e4 pieces their sum is normal but
    for its third cumulant, and a shifted gamma with its first three is within 1e-5 of it.
    """
    a = 0.5 * q
    tilt = x**a
    if tilt > 1e4:
        rest = 2.0 - a
        shape = 4.0 * a * (1.0 - a) * tilt / (rest * rest)
        w = (a * a / rest) * x ** (a - 1.0) + 0.5 * rest / x * rng.standard_gamma(shape)
        return _within(0.5 / max(w, SMALL))
    pieces = max(1.0, math.floor(tilt + 0.5))
    size = pieces ** (-1.0 / a)
    total, k = 0.0, 0.0
    while k < pieces:
        angle = math.pi * rng.random()
        ratio = math.sin((1.0 - a) * angle) / rng.standard_exponential()
        w = math.sin(a * angle) / math.sin(angle) ** (1.0 / a) * ratio ** ((1.0 - a) / a)
        if rng.random() <= math.exp(-x * size * w):
            total += size * w
            k += 1.0
    return _within(0.5 / max(total, SMALL))


@compiled
def _log_kernel(law: int, k: float, h: float, y: float) -> tuple[float, float, float]:
    """A log density in y with its first two derivatives; concave, up to a constant.

    GAMMA, y = log t: ky − eʸ/2 − he⁻ʸ. Otherwise y = log 1/t: ky − heʸ − log(1 + eʸ) for
    HALF_CAUCHY and ky − heʸ + log(y/(eʸ − 1)) for HALF_CAUCHY_PRODUCT.
    """
    e = math.exp(y)
    if law == GAMMA:
        inverse = h / e
        return k * y - 0.5 * e - inverse, k - 0.5 * e + inverse, -0.5 * e - inverse
    if law == HALF_CAUCHY:
        share = 1.0 / (1.0 + math.exp(-y))
        softplus = max(y, 0.0) + math.log1p(math.exp(-abs(y)))
        return k * y - h * e - softplus, k - h * e - share, -h * e - share * (1.0 - share)
    if abs(y) < 1e-3:  # series of log(y/(eʸ − 1))
        value, slope, curve = -0.5 * y - y * y / 24.0, -0.5 - y / 12.0, -1.0 / 12.0
    else:
        below = -math.expm1(-abs(y))  # 1 − e^(−|y|)
        value = math.log(abs(y) / below) - max(y, 0.0)
        share = 1.0 / below if y > 0.0 else 1.0 - 1.0 / below
        slope = 1.0 / y - share
        curve = share * (share - 1.0) - 1.0 / (y * y)
    return k * y - h * e + value, k - h * e + slope, -h * e + curve


@compiled
def _log_concave(law: int, k: float, h: float, rng: np.random.Generator) -> float:
    """One exact draw of y: uniform at the mode, exponential tails along two tangents.

    Devroye (2014), "Random variate generation for the generalized inverse Gaussian distribution",
    Statistics and Computing 24(2), whose envelope serves every log-concave density.
    """
    mode = _mode(law, k, h)
    top, _, curve = _log_kernel(law, k, h, mode)
    step = 1.0 / math.sqrt(max(-curve, 1e-12))
    if step < 1e-6:  # differences of the density drown in rounding; its skewness is of this size
        return mode + step * rng.standard_normal()
    low, low_value, low_slope = _tangent(law, k, h, mode, top, -step)
    high, high_value, high_slope = _tangent(law, k, h, mode, top, step)
    left = low - low_value / low_slope  # where the tangents reach the mode's height
    right = high - high_value / high_slope
    middle, below, above = right - left, 1.0 / low_slope, -1.0 / high_slope
    while True:
        u = rng.random() * (middle + below + above)
        if u < middle:
            y, envelope = left + u, 0.0
        elif u < middle + below:
            envelope = -rng.standard_exponential()
            y = left + envelope / low_slope
        else:
            envelope = -rng.standard_exponential()
            y = right + envelope / high_slope
        value = _log_kernel(law, k, h, y)[0] - top
        if math.log(1.0 - rng.random()) <= value - envelope:
            return min(max(y, -690.0), 690.0)


@compiled
def _tangent(
    law: int, k: float, h: float, mode: float, top: float, step: float
) -> tuple[float, float, float]:
    """A point where the density has fallen by about e^(−1), its fall and slope there."""
    for _ in range(60):
        value, slope, _ = _log_kernel(law, k, h, mode + step)
        fall = value - top
        if fall < -3.0 or fall != fall:
            step *= 0.6
        elif fall > -0.5:
            step *= 1.7
        else:
            break
    return mode + step, fall, slope


@compiled
def _mode(law: int, k: float, h: float) -> float:
    """Where the density has its maximum, by Newton steps kept within a shrinking bracket."""
    if law == GAMMA:
        root = k + math.sqrt(k * k + 2.0 * h)
        return math.log(root) if k > 0.0 else math.log(2.0 * h / (root - 2.0 * k))
    # The slope is k − heʸ and at most 1 less: Newton's steps from above this root never wander.
    low, high = -700.0, 700.0
    y = math.log(k / h)
    for _ in range(200):
        _, slope, curve = _log_kernel(law, k, h, y)
        if slope > 0.0:
            low = y
        else:
            high = y
        if slope * slope < -1e-9 * curve:  # the envelope is then too low by a factor 1 − 5e-10
            break
        y -= slope / curve
        if not (low < y < high):
            y = 0.5 * (low + high)
    return y
