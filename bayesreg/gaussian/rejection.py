"""Exact draws of many numbers side by side by rejection, for the tilted engine."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.engines.strands.rejection import until_accepted
from bayesreg.language.arguments import Array

Random = np.random.Generator


def power_normal(rng: Random, k: Any, A: Any, B: Any) -> Array:
    """Draw u > 0 of density ∝ u^k e^(−½Au² − uB), k > 0, A > 0, one for each k, A and B.

    With u₀ the mode, d = u/u₀ − 1 and f = Au₀²/k, which is 1 where B = 0, one of

    - u² gamma of shape (Au₀² + 1)/2 and rate A/2, accepted with e^(−Bu₀(d − log(1 + d))) for B > 0;
    - u normal of precision A about u₀, accepted with e^(−k(d − log(1 + d))): f large;
    - u gamma of shape k + 1 and rate k/u₀, accepted with e^(−½Au₀²d²): f small;

    is accepted with probability √(2f/(1 + f)), √(f/(1 + f)) and 1/√(1 + f) on average.
    """
    B = np.asarray(B, dtype=float)
    k, A = (np.asarray(one, dtype=float) for one in (k, A))
    if k.ndim:
        k = np.broadcast_to(k, B.shape).ravel()
    shape, B, A = B.shape, B.ravel(), A.ravel()
    root = np.sqrt(B * B + 4.0 * A * k)
    mode = 2.0 * k / (B + root)
    if B.min(initial=0.0) < 0.0:
        mode = np.where(B > 0.0, mode, 0.5 * (root - B) / A)
    curve = A * mode * mode
    power, pull = (k if k.ndim else np.full(len(mode), k)), B * mode
    sound, small = np.isfinite(mode), curve <= 0.3 * k

    def root_of_gamma(rows: Any) -> tuple[Array, NDArray[np.bool_]]:
        square = rng.standard_gamma(0.5 * (curve[rows] + 1.0))
        d = np.sqrt(2.0 * square / curve[rows]) - 1.0
        return d, rng.standard_exponential(len(d)) >= pull[rows] * (d - np.log1p(d))

    def normal(rows: Any) -> tuple[Array, NDArray[np.bool_]]:
        d = rng.standard_normal(len(mode[rows])) / np.sqrt(curve[rows])
        bound = power[rows] * (d - np.log1p(np.maximum(d, -1.0)))
        return d, rng.standard_exponential(len(d)) >= bound

    def gamma(rows: Any) -> tuple[Array, NDArray[np.bool_]]:
        d = rng.standard_gamma(power[rows] + 1.0) / power[rows] - 1.0
        return d, rng.standard_exponential(len(d)) >= 0.5 * curve[rows] * d * d

    d = np.full(len(mode), np.nan)
    with np.errstate(divide="ignore"):
        until_accepted(root_of_gamma, sound & ~small & (B >= 0.0), d)
        until_accepted(normal, sound & ~small & (B < 0.0), d)
        until_accepted(gamma, sound & small, d)
    return np.asarray(mode * (1.0 + d)).reshape(shape)


def half_t_scale(rng: Random, count: float, total: Any, df: float, scale: float) -> Array:
    """Draw log scale given each Σr|v| = `total` of count ≥ 2 under a half-Student-t.

    μ = √df·`scale`/scale has density ∝ μ^(count + 2d − 2) e^(−Sμ)/(1 + μ²)^d, d = (df + 1)/2. With
    m near its mode and k = 2dm²/(1 + m²), μ^k/(1 + μ²)^d is largest at m: propose
    Gamma(count − 1 + 2d − k, S).
    """
    total = np.asarray(total, dtype=float)
    unit, d, free = math.sqrt(df) * scale, 0.5 * (df + 1.0), count - 1.0
    rate = total.ravel() / unit
    m = (free + d) / rate
    for _ in range(4):  # without the root the steps may overshoot for ever
        m = np.sqrt(m * (free + 2.0 * d / (1.0 + m * m)) / rate)
    sound = (m > 0.0) & (m < math.inf)  # a gamma of another shape would be looked for for ever
    k = 2.0 * d * m * m / (1.0 + m * m)
    top, shape = d * np.log1p(m * m) - k * np.log(m), free + 2.0 * d - k

    def trial(rows: Any) -> tuple[Array, NDArray[np.bool_]]:
        mu = rng.standard_gamma(shape[rows]) / rate[rows]
        log_mu = np.log(mu)
        fall = d * np.log1p(mu * mu) - k[rows] * log_mu - top[rows]
        return log_mu, rng.standard_exponential(len(mu)) >= fall

    log_mu = np.full(len(rate), np.nan)
    until_accepted(trial, sound, log_mu)
    return (math.log(unit) - log_mu).reshape(total.shape)
