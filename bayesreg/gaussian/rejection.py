"""Compiled exact draws of one number by rejection, for the tilted engine."""

from __future__ import annotations

import math

import numpy as np

from bayesreg.language.compiled import compiled

Random = np.random.Generator

# Refusals in a row that chance never brings: only what is not a number is refused so often.
_REFUSALS = 10_000


@compiled
def power_normal(rng: Random, k: float, A: float, B: float) -> float:
    """Draw u > 0 of density ∝ u^k e^(−½Au² − uB), k > 0, A > 0 by exact rejection.

    With u₀ the mode and f = Au₀²/k, a normal of precision A about u₀ is accepted with probability
    (u/u₀)^k e^(−k(u/u₀ − 1)), √(f/(1 + f)) on average; where f is small a gamma of rate k/u₀ with
    e^(−A(u − u₀)²/2), 1/√(1 + f) on average.
    """
    root = math.sqrt(B * B + 4.0 * A * k)
    mode = 2.0 * k / (B + root) if B > 0.0 else 0.5 * (root - B) / A
    if A * mode * mode > 0.3 * k:
        step = 1.0 / (mode * math.sqrt(A))
        for _ in range(_REFUSALS):
            d = step * rng.standard_normal()
            if d > -1.0 and rng.standard_exponential() >= k * (d - math.log1p(d)):
                return mode * (1.0 + d)
        return math.nan
    for _ in range(_REFUSALS):
        d = rng.standard_gamma(k + 1.0) / k - 1.0
        if rng.standard_exponential() >= 0.5 * A * mode * mode * d * d:
            return mode * (1.0 + d)
    return math.nan


@compiled
def half_t_scale(rng: Random, count: float, total: float, df: float, scale: float) -> float:
    """Draw log scale given Σr|v| = `total` of count ≥ 2 under a half-Student-t, by rejection.

    μ = √df·`scale`/scale has density ∝ μ^(count + 2d − 2) e^(−Sμ)/(1 + μ²)^d, d = (df + 1)/2. With
    m near its mode and k = 2dm²/(1 + m²), μ^k/(1 + μ²)^d is largest at m: propose
    Gamma(count − 1 + 2d − k, S).
    """
    unit, d, free = math.sqrt(df) * scale, 0.5 * (df + 1.0), count - 1.0
    rate = total / unit
    m = (free + d) / rate
    for _ in range(4):  # without the root the steps may overshoot for ever
        m = math.sqrt(m * (free + 2.0 * d / (1.0 + m * m)) / rate)
    k = 2.0 * d * m * m / (1.0 + m * m)
    top = d * math.log1p(m * m) - k * math.log(m)
    if not (m > 0.0 and m < math.inf):  # a gamma of such a shape would be looked for for ever
        return math.nan
    for _ in range(_REFUSALS):
        mu = rng.standard_gamma(free + 2.0 * d - k) / rate
        log_mu = math.log(mu)
        if rng.standard_exponential() >= d * math.log1p(mu * mu) - k * log_mu - top:
            return math.log(unit) - log_mu
    return math.nan
