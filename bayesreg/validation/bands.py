r"""Simultaneous bands for the ECDF of a uniform sample, and the p-value that belongs to them.

At points z_i the count of values ≤ z_i is binomial. The band of level γ holds the counts whose two
tails both exceed γ; along z the counts are a Markov chain, so that the probability of staying
inside is a product of binomial transitions, computed exactly (Säilynoja, Bürkner & Vehtari 2022,
"Graphical test for discrete uniformity and its applications in goodness-of-fit evaluation and
multiple sample comparison", Statistics and Computing 32, algorithm 1,
https://doi.org/10.1007/s11222-022-10090-6).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, bdtrc, gammaln, xlog1py, xlogy

from bayesreg.language.arguments import Array

POINTS = 100  # at most: between two of them the ECDF has no room to leave a band unseen


def pvalue(u: Array) -> float:
    """Probability that a uniform sample strays as far from the diagonal, anywhere, as `u` does.

    Parameters
    ----------
    u : ndarray (S,)
        Values in [0, 1].

    Returns
    -------
    float
        Exact for independent uniform values; above about 1e-12.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> pvalue(rng.random(200)) > 0.05, pvalue(rng.random(200) ** 1.5) < 1e-4
    (True, True)
    """
    count = len(u)
    z = _points(count)
    hits = np.searchsorted(np.sort(u), z, side="right")
    level = float(np.min(np.minimum(*_tails(hits, count, z))))
    return float(min(max(1.0 - _inside(count, level), level), 1.0))


@lru_cache(maxsize=64)
def band(count: int, coverage: float) -> tuple[Array, Array, Array]:
    """Points z, and the lowest and highest ECDF there that a band of this coverage allows.

    Parameters
    ----------
    count : int
        Size of the sample.
    coverage : float
        Probability that the whole ECDF of a uniform sample stays inside, at least.

    Returns
    -------
    tuple of ndarray
        z, lower, upper, from 0 to 1 inclusive.
    """
    # Bonferroni's level is inside, the pointwise one outside; coverage falls as the level grows.
    low, high = (1.0 - coverage) / (2.0 * POINTS), 1.0 - coverage
    for _ in range(24):
        middle = float(np.sqrt(low * high))
        low, high = (middle, high) if _inside(count, middle) >= coverage else (low, middle)
    first, last = _limits(count, low)
    ends = np.array([0.0]), np.array([1.0])
    return (
        np.concatenate([ends[0], _points(count), ends[1]]),
        np.concatenate([ends[0], first / count, ends[1]]),
        np.concatenate([ends[0], last / count, ends[1]]),
    )


def _points(count: int) -> Array:
    """Evenly spaced points inside (0, 1)."""
    size = max(min(count, POINTS), 2)
    return np.arange(1, size) / size


def _tails(hits: NDArray[np.intp], count: int, z: Array) -> tuple[Array, Array]:
    """P(K ≤ k) and P(K ≥ k) of a binomial."""
    upper = np.where(hits > 0, bdtrc(np.maximum(hits - 1, 0), count, z), 1.0)
    return np.asarray(bdtr(hits, count, z)), np.asarray(upper)


def _limits(count: int, level: float) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Smallest and largest count at each point whose tails both exceed `level`."""
    z = _points(count)
    k = np.arange(count + 1)
    lower, upper = _tails(np.broadcast_to(k, (len(z), count + 1)), count, z[:, None])
    # A count whose tail equals the level is outside: what was observed counts as strayed.
    bound = level * (1.0 + 1e-9)
    first = np.argmax(lower > bound, axis=1)
    last = count - np.argmax((upper > bound)[:, ::-1], axis=1)
    return first, last


def _inside(count: int, level: float) -> float:
    """Probability that all counts of a uniform sample lie within the limits of `level`."""
    z = _points(count)
    first, last = _limits(count, level)
    if np.any(last < first):
        return 0.0
    log_factorial = gammaln(np.arange(count + 1) + 1.0)
    states, chance, before = np.array([0]), np.array([1.0]), 0.0
    for k in range(len(z)):
        share = (z[k] - before) / (1.0 - before)
        following = np.arange(first[k], last[k] + 1)
        more = following[:, None] - states
        left = count - states
        possible = (more >= 0) & (more <= left)
        more = np.where(possible, more, 0)
        log_p = (
            log_factorial[left] - log_factorial[more] - log_factorial[left - more]
            + xlogy(more, share) + xlog1py(left - more, -share)
        )  # fmt: skip
        chance = np.where(possible, np.exp(log_p), 0.0) @ chance
        states, before = following, z[k]
    return float(chance.sum())
