r"""m·log(1 + e^η) − yη, the loss of successes among trials, and its dual.

With m = 1 it is Bernoulli's, with whole m the binomial's; with m = y + r and η − log r for η it is
that of the negative binomial of shape r, constants apart. What is asked for is m − y, what was
lost, and not m: beside y = 1e15 a sum keeps two digits of r = 3.3. McCullagh & Nelder (1989),
*Generalized Linear Models*, 2nd ed., §4.4 and §6.2.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln, xlog1py, xlogy

from bayesreg.language.arguments import Array

EVENTS = 1e9  # of which a sum of terms is no longer known to a millionth
NEAR = 5.0  # of η: a product of 64 factors 1 + e^η, and of the odd ones, is within float64
FOLDS = 6
CLOSE = 1e-4  # of a relative difference, below which a divergence is its series
LARGE = 100.0  # from which Stirling's series has every digit
FAR = 1e-300  # of P(1 − P), below which ratios of probabilities are no numbers


def loss(y: ArrayLike, lost: ArrayLike, eta: ArrayLike) -> Array:
    """y·log(1 + e^(−η)) + (m − y)·log(1 + e^η): nothing cancels, and 0 where all is certain."""
    y, lost, eta = np.asarray(y), np.asarray(lost), np.asarray(eta)
    won = np.where(y > 0.0, y * np.logaddexp(0.0, -eta), 0.0)
    return np.asarray(won + np.where(lost > 0.0, lost * np.logaddexp(0.0, eta), 0.0))


def summed(y: Array, m: Array) -> Callable[[Array], Array]:
    """Σ(yη − m·log(1 + e^η)) of η (S, n); where every m is 1, by one logarithm of many factors."""
    alone = bool(np.all(m == 1.0))

    def total(eta: Array) -> Array:
        found = eta @ y
        near = eta.max(initial=0.0) < NEAR
        if near:
            grown = np.exp(eta)
        else:  # log(1 + e^η) = max(η, 0) + log(1 + e^(−|η|))
            found -= np.maximum(eta, 0.0) @ m
            grown = np.abs(eta)
            np.negative(grown, out=grown)
            np.exp(grown, out=grown)
        grown += 1.0
        if alone:
            return np.asarray(found - log_of_product(grown))
        return np.asarray(found - np.log(grown, out=grown) @ m)

    return total


def log_of_product(factors: Array) -> Array:
    """Σ log of factors (S, n) between 1 and e^NEAR + 1, which are multiplied by twos in place."""
    width = factors.shape[1]
    for _ in range(FOLDS):
        if width < 2:
            break
        half, odd = divmod(width, 2)
        if odd:
            factors[:, 0] *= factors[:, width - 1]
        np.multiply(factors[:, :half], factors[:, half : 2 * half], out=factors[:, :half])
        width = half
    return np.asarray(np.log(factors[:, :width]).sum(axis=1))


def derivatives(y: ArrayLike, lost: ArrayLike, eta: ArrayLike) -> tuple[Array, Array]:
    """(m − y)P − y(1 − P) and mP(1 − P), P and 1 − P each computed by itself."""
    up, down = _shares(np.asarray(eta, dtype=float))
    y, lost = np.asarray(y), np.asarray(lost)
    return np.asarray(lost * up - y * down), np.asarray((y + lost) * up * down)


def _shares(eta: Array) -> tuple[Array, Array]:
    """P and 1 − P, each to all its digits, of one exponential."""
    small = np.exp(-np.abs(eta))
    large = 1.0 / (1.0 + small)
    small = small * large
    up = eta >= 0.0
    return np.where(up, large, small), np.where(up, small, large)


def fenchel_young(y: ArrayLike, lost: ArrayLike, eta: ArrayLike, u: ArrayLike) -> Array:
    """m·KL(s/m ‖ P), s = u + y the mean that u stands for, mP that of η; ∞ unless 0 ≤ s ≤ m."""
    y, lost, u, eta = np.asarray(y), np.asarray(lost), np.asarray(u), np.asarray(eta)
    m = y + lost
    up, down = _shares(np.asarray(eta, dtype=float))
    # s − mP as u − f′(η), in which no difference of nearly equal numbers is taken that was not so
    # before.
    moved = u - (lost * up - y * down)
    first, second = m * up, m * down
    spread = first * down
    near = (np.abs(moved) < CLOSE * spread) & (spread > FAR)
    series = _near(moved, spread, down - up)
    if np.all(near):  # and so s lies in (0, m)
        return series
    s, rest = y + u, lost - u
    inside = (s >= 0.0) & (rest >= 0.0)
    s, rest = np.where(inside, s, 0.0), np.where(inside, rest, 0.0)
    # log(s/mP) as log(1 + (s − mP)/mP), right however near or small they are; beyond |η| = 690,
    # where that leaves the range of float64, from log P itself.
    with np.errstate(all="ignore"):
        whole = xlog1py(s, moved / first) + xlog1py(rest, -moved / second)
    apart = xlogy(s, s / m) + xlogy(rest, rest / m)
    apart = apart + s * np.logaddexp(0.0, np.negative(eta)) + rest * np.logaddexp(0.0, eta)
    found = np.where(up * down < FAR, apart, np.where(near, series, whole))
    return np.where(inside, np.maximum(found, 0.0), np.inf)


def _near(moved: Array, spread: Array, skew: Array) -> Array:
    """The divergence as a series in s − mP, to third order; `spread` is mP(1 − P)."""
    with np.errstate(all="ignore"):
        share = moved / spread
        return np.asarray(0.5 * moved * share * (1.0 - share * skew / 3.0))


def above_powers(x: ArrayLike) -> Array:
    """Log x! − (x·log x − x), x ≥ 0: ½log 2πx and Stirling's series, in which nothing cancels.

    By it the log density of a large count is its log at the best mean less a divergence: Loader
    (2000), "Fast and accurate computation of binomial probabilities".
    """
    x = np.asarray(x, dtype=float)
    large = np.maximum(x, LARGE)
    inverse = 1.0 / np.square(large)
    series = (1.0 / 12.0 - inverse * (1.0 / 360.0 - inverse / 1260.0)) / large
    by_series = 0.5 * np.log(2.0 * np.pi * large) + series
    small = np.minimum(x, LARGE)
    direct = gammaln(small + 1.0) - xlogy(small, small) + small
    return np.asarray(np.where(x < LARGE, direct, by_series))
