r"""Local variances t given b, for every law with a draw of its own, in many groups side by side.

The draws are those of `loops.local_laws`, whose head has their densities and sources.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.engines.loops.arrays import (
    EXPONENTIAL,
    GAMMA,
    HALF_CAUCHY,
    HALF_CAUCHY_PRODUCT,
    INVERSE_GAMMA,
    LARGE,
    SMALL,
    STABLE,
)
from bayesreg.engines.strands.rejection import until_accepted
from bayesreg.language.arguments import Array

Random = np.random.Generator
Truths = NDArray[np.bool_]


def draw_local(law: int, first: float, second: float, x: Array, m: Array, rng: Random) -> Array:
    """Draw t given x = ‖u‖² of groups of m columns; `first`, `second` are the law's numbers."""
    x = np.where(x < LARGE, x, LARGE)  # where s underflows; a rejection sampler would not return
    m = np.broadcast_to(m, x.shape)
    if law == EXPONENTIAL:
        return _inverse_gaussian(np.sqrt(x), first, second, rng)
    if law == INVERSE_GAMMA:
        return _within((first + x) / (2.0 * rng.standard_gamma(0.5 * (first + m))))
    flat, out = x.ravel(), np.empty(x.size)
    if law == STABLE:
        out = _stable(flat, first, rng)
    elif law == GAMMA:
        out = np.exp(_log_concave(law, first - 0.5 * m.ravel(), 0.5 * np.maximum(flat, SMALL), rng))
    else:
        direct = (m.ravel() == 1.0) & (law == HALF_CAUCHY)
        out[direct] = _half_cauchy(0.5 * flat[direct], rng)
        k, h = 0.5 * (m.ravel()[~direct] + 1.0), 0.5 * np.maximum(flat[~direct], SMALL)
        if len(k):
            out[~direct] = np.exp(-_log_concave(law, k, h, rng))
    return out.reshape(x.shape)


def _within(t: Array) -> Array:
    return np.clip(t, SMALL, LARGE)


def _inverse_gaussian(root: Array, mix: float, rest: float, rng: Random) -> Array:
    """1/t = w + rest, w inverse Gaussian of mean mix/root and shape mix²."""
    shape, r = mix * mix, root / mix
    h = 0.5 * np.square(rng.standard_normal(root.shape)) / shape
    t = np.maximum(r + h + np.sqrt(h * (h + 2.0 * r)), SMALL)
    other = rng.random(root.shape) * (t + r) > t
    t = np.where(other, np.maximum(r * (r / t), SMALL), t)
    return np.asarray(t / (1.0 + rest * t))


def _half_cauchy(e: Array, rng: Random) -> Array:
    """1/t of density ∝ e^(−eη)/(1 + η) on η > 0."""
    e = np.maximum(e, SMALL)
    inverse, log_inverse = 1.0 / e, -np.log(e)
    body = np.exp(-e) * log_inverse
    tail = body / (body + math.exp(-1.0))  # chance of the reciprocal, where e < 1

    def beyond(rows: Any) -> tuple[Array, Truths]:
        eta = rng.standard_exponential(len(e[rows])) * inverse[rows]
        return eta, rng.random(len(eta)) * (1.0 + eta) <= 1.0

    def halves(rows: Any) -> tuple[Array, Truths]:
        own = inverse[rows]
        within = rng.random(len(own)) < tail[rows]
        near = np.expm1(rng.random(len(own)) * log_inverse[rows])
        far = own - 1.0 + rng.standard_exponential(len(own)) * own
        eta, u = np.where(within, near, far), rng.random(len(own))
        accepted = np.where(within, u <= np.exp(-e[rows] * eta), u * (1.0 + eta) <= own)
        return eta, accepted

    eta = np.empty(len(e))
    until_accepted(beyond, e >= 1.0, eta)
    until_accepted(halves, e < 1.0, eta)
    return _within(1.0 / np.maximum(eta, SMALL))


def _stable(x: Array, q: float, rng: Random) -> Array:
    """t = 1/2w, w positive stable of index q/2 tilted by e^(−xw), in pieces that are few."""
    a = 0.5 * q
    tilt, w = np.power(x, a), np.empty(len(x))
    long = tilt > 1e4
    rest = 2.0 - a
    shape = 4.0 * a * (1.0 - a) * tilt[long] / (rest * rest)
    w[long] = (a * a / rest) * x[long] ** (a - 1.0)
    w[long] += 0.5 * rest / x[long] * rng.standard_gamma(shape)
    pieces = np.maximum(1.0, np.floor(tilt[~long] + 0.5)).astype(np.intp)
    size = np.repeat(pieces.astype(float) ** (-1.0 / a), pieces)
    fall = np.repeat(x[~long], pieces) * size

    def trial(rows: Any) -> tuple[Array, Truths]:
        own = fall[rows]
        angle = math.pi * rng.random(len(own))
        ratio = np.sin((1.0 - a) * angle) / rng.standard_exponential(len(own))
        one = np.sin(a * angle) / np.sin(angle) ** (1.0 / a) * ratio ** ((1.0 - a) / a)
        return one, rng.random(len(own)) <= np.exp(-own * one)

    part = np.empty(len(size))
    until_accepted(trial, np.ones(len(size), bool), part)
    if len(pieces):
        w[~long] = np.add.reduceat(size * part, np.cumsum(pieces) - pieces)
    return _within(0.5 / np.maximum(w, SMALL))


def _log_kernel(law: int, k: Array, h: Array, y: Array) -> tuple[Array, Array, Array]:
    """A log density in y with its first two derivatives; see `loops.local_laws`."""
    e = np.exp(y)
    if law == GAMMA:
        inverse = h / e
        return k * y - 0.5 * e - inverse, k - 0.5 * e + inverse, -0.5 * e - inverse
    if law == HALF_CAUCHY:
        share = 1.0 / (1.0 + np.exp(-y))
        softplus = np.logaddexp(0.0, y)
        return k * y - h * e - softplus, k - h * e - share, -h * e - share * (1.0 - share)
    assert law == HALF_CAUCHY_PRODUCT
    near, safe = np.abs(y) < 1e-3, np.where(np.abs(y) < 1e-3, 1.0, y)
    below = -np.expm1(-np.abs(safe))  # 1 − e^(−|y|)
    share = np.where(safe > 0.0, 1.0 / below, 1.0 - 1.0 / below)
    value = np.log(np.abs(safe) / below) - np.maximum(safe, 0.0)
    value = np.where(near, -0.5 * y - y * y / 24.0, value)  # series of log(y/(eʸ − 1))
    slope = np.where(near, -0.5 - y / 12.0, 1.0 / safe - share)
    curve = np.where(near, -1.0 / 12.0, share * (share - 1.0) - 1.0 / (safe * safe))
    return k * y - h * e + value, k - h * e + slope, -h * e + curve


def _log_concave(law: int, k: Array, h: Array, rng: Random) -> Array:
    """One exact draw of each y: uniform at the mode, exponential tails along two tangents."""
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        mode = _mode(law, k, h)
        top, _, curve = _log_kernel(law, k, h, mode)
        step = 1.0 / np.sqrt(np.maximum(-curve, 1e-12))
        low, low_value, low_slope = _tangent(law, k, h, mode, top, -step)
        high, high_value, high_slope = _tangent(law, k, h, mode, top, step)
        left, right = low - low_value / low_slope, high - high_value / high_slope
        middle, below, above = right - left, 1.0 / low_slope, -1.0 / high_slope

        def trial(rows: Any) -> tuple[Array, Truths]:
            a, b, c = middle[rows], below[rows], above[rows]
            u, envelope = rng.random(len(a)) * (a + b + c), -rng.standard_exponential(len(a))
            before = left[rows] + envelope / low_slope[rows]
            after = right[rows] + envelope / high_slope[rows]
            y = np.where(u < a, left[rows] + u, np.where(u < a + b, before, after))
            value = _log_kernel(law, k[rows], h[rows], y)[0] - top[rows]
            return y, np.log1p(-rng.random(len(a))) <= value - np.where(u < a, 0.0, envelope)

        y = mode + step * rng.standard_normal(len(mode))
        until_accepted(trial, step >= 1e-6, y)  # below, differences drown in rounding
    return np.clip(y, -690.0, 690.0)


def _tangent(
    law: int, k: Array, h: Array, mode: Array, top: Array, step: Array
) -> tuple[Array, Array, Array]:
    """Points where the density has fallen by about e^(−1), its fall and slope there."""
    step = step.copy()
    for _ in range(60):
        value, slope, _ = _log_kernel(law, k, h, mode + step)
        fall = value - top
        far, near = (fall < -3.0) | np.isnan(fall), fall > -0.5
        if not (far.any() or near.any()):
            break
        step *= np.where(far, 0.6, np.where(near, 1.7, 1.0))
    return mode + step, fall, slope


def _mode(law: int, k: Array, h: Array) -> Array:
    """Where the density has its maximum, by Newton steps kept within a shrinking bracket."""
    if law == GAMMA:
        root = k + np.sqrt(k * k + 2.0 * h)
        return np.where(k > 0.0, np.log(root), np.log(2.0 * h / (root - 2.0 * k)))
    low, high, y = np.full(len(k), -700.0), np.full(len(k), 700.0), np.log(k / h)
    for _ in range(200):
        _, slope, curve = _log_kernel(law, k, h, y)
        low, high = np.where(slope > 0.0, y, low), np.where(slope > 0.0, high, y)
        busy = ~(slope * slope < -1e-9 * curve)
        if not busy.any():
            break
        trial = y - slope / curve
        trial = np.where((low < trial) & (trial < high), trial, 0.5 * (low + high))
        y = np.where(busy, trial, y)
    return y
