"""Epochs of coordinate descent on sparse columns: the inner loop, compiled."""

from __future__ import annotations

import math
from typing import Any

from bayesreg.language.arguments import Array
from bayesreg.language.compiled import compiled

AGAIN = 10  # epochs over the columns that move, between two over all of the working set


@compiled
def descend(
    indptr: Any,
    indices: Any,
    data: Array,
    along: Array,
    squares: Array,
    l1: Array,
    l2: Array,
    work: Any,
    gamma: Array,
    r: Array,
    s: Array,
    tolerance: float,
    most: int,
) -> int:
    """Epochs over the columns `work`, in place; how many, each over all of them or what moves.

    Parameters
    ----------
    indptr, indices, data : ndarray
        Sparse columns a_j; x̃_j = a_j − U·along_j.
    along, squares : ndarray (k, p), (p,)
        U'a_j and ‖x̃_j‖².
    l1, l2 : ndarray (p,)
        Penalties.
    work : ndarray of int
    gamma, r, s : ndarray (p,), (n,), (k,)
        Coefficients, and ỹ − X̃γ = r + U·s, brought up to date with each.
    tolerance : float
        Largest distance from stationarity, on columns of norm one, at which to stop.
    most : int
        Epochs at most.
    """
    moving = work.copy()
    total = 0
    while total < most:
        worst = _epoch(indptr, indices, data, along, squares, l1, l2, work, gamma, r, s)
        total += 1
        if worst <= tolerance:
            break
        count = 0
        for j in work:
            if gamma[j] != 0.0:
                moving[count] = j
                count += 1
        part = moving[:count]
        enough = max(tolerance, 0.1 * worst)
        for _ in range(AGAIN):
            rest = _epoch(indptr, indices, data, along, squares, l1, l2, part, gamma, r, s)
            total += 1
            if rest <= enough:
                break
    return total


@compiled
def _epoch(
    indptr: Any,
    indices: Any,
    data: Array,
    along: Array,
    squares: Array,
    l1: Array,
    l2: Array,
    work: Any,
    gamma: Array,
    r: Array,
    s: Array,
) -> float:
    """One epoch over `work`; the largest distance from stationarity that it met."""
    worst = 0.0
    for j in work:
        first, last, old, weight = indptr[j], indptr[j + 1], gamma[j], l1[j]
        pull = 0.0
        for i in range(first, last):
            pull += data[i] * r[indices[i]]
        for k in range(len(s)):
            pull += along[k, j] * s[k]
        slope = pull - l2[j] * old
        away = max(abs(slope) - weight, 0.0) if old == 0.0 else abs(abs(slope) - weight)
        if slope * old < 0.0:
            away = abs(slope) + weight
        worst = max(worst, away / math.sqrt(squares[j]))
        z = pull + squares[j] * old
        new = math.copysign(max(abs(z) - weight, 0.0), z) / (squares[j] + l2[j])
        change = new - old
        if change != 0.0:
            gamma[j] = new
            for i in range(first, last):
                r[indices[i]] -= change * data[i]
            for k in range(len(s)):
                s[k] += change * along[k, j]
    return worst
