r"""Separation: directions along which a likelihood of yes/no or counts never falls.

Along d ≠ 0 with s_i·x_i'd ≥ 0 for every row (s_i the way in which row i's loss stays bounded, and
x_i'd = 0 where s_i is 0, "in neither") the loss is bounded, so that flat coefficients have no
optimum and no posterior there. Albert & Anderson (1984), "On the existence of maximum likelihood
estimates in logistic regression models", Biometrika 71(1).

That there is none is proved by any u with X'u = 0 whose sign is −s_i in every row with s_i ≠ 0
(Stiemke's theorem), and the slopes at an optimum of Σ log(1 + e^(−s_i x_i'd)) are such a u: a few
steps of Newton's method on a part of the rows, for more rows only hold d more. What no proof
settles is a linear programme: Konis (2007), DPhil thesis, Oxford, §4.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from bayesreg.language.arguments import Array

MEANT = 1e-7  # of a direction of length one: below it a coefficient is the programme's rounding
STEPS = 25  # of Newton's method: where classes overlap a handful is enough
CLEAR = 0.1  # of a slope, that must be left when X'u = 0 is made exact
FEW = 2  # rows a column, up to which it is looked whether they are independent
ADDED = 2000  # rows that a programme is given at a time

Bools = NDArray[np.bool_]


def direction(columns: Array, side: Array) -> Array | None:
    """d of length one in sup norm with s_i·x_i'd ≥ 0, > 0 in some row; None where there is none.

    Parameters
    ----------
    columns : ndarray (n, k)
    side : ndarray (n,)
        s: ±1, or 0 where x_i'd must be 0.
    """
    n, k = columns.shape
    if not k or not np.any(side):
        return None
    for count in (4 * k + 500, 40 * k + 5000):
        part = _some(side, count)
        if len(part) <= k:
            break
        found = _by_newton(_scaled(columns[part]), side[part])
        if found is None:
            return None
        if len(part) == n:
            break
    size = _sizes(columns)
    d = _direction(columns / size, np.asarray(side, dtype=float))
    if d is None:
        return None
    return np.asarray(d / size / np.max(np.abs(d)))


def overlapping(columns: Array, side: Array, known: Array) -> Bools:
    """The rows (n,) that every direction of separation leaves where they are, at x_i'd = 0.

    Parameters
    ----------
    columns, side : ndarray (n, k), (n,)
    known : ndarray (k,)
        One of the directions.
    """
    x, s, row = _distinct(_scaled(columns), side)
    if _independent(x):
        return np.asarray((s == 0.0)[row])
    along = known * _sizes(columns)
    left = (s != 0.0) & (s * (x @ along) <= MEANT * np.max(np.abs(along)))
    while np.any(left):
        d = _programme(x, s, left)
        reach = s * (x @ d) if d is not None else np.zeros(len(s))
        if not np.any(reach[left] > MEANT):
            break
        left &= reach <= MEANT
    return np.asarray((left | (s == 0.0))[row])


def _sizes(columns: Array) -> Array:
    """The largest entry of each column: a unit must not decide what is zero."""
    size = np.max(np.abs(columns), axis=0)
    return np.where(size > 0.0, size, 1.0)


def _scaled(columns: Array) -> Array:
    return np.asarray(columns / _sizes(columns))


def _direction(x: Array, s: Array) -> Array | None:
    """By solving where rows are few, else by programmes."""
    if len(x) > FEW * x.shape[1]:
        return _growing(x, s)
    x, s, _ = _distinct(x, s)
    if not np.any(s):
        return None
    if _independent(x):
        d = np.linalg.lstsq(x, s, rcond=None)[0]
        return np.asarray(d / np.max(np.abs(d)))
    return _growing(x, s)


def _some(s: Array, count: int) -> NDArray[np.intp]:
    """About as many rows of each side, `count` in all; always the same ones."""
    if len(s) <= count:
        return np.arange(len(s))
    order = np.random.default_rng(0).permutation(len(s))
    kinds = [order[s[order] == side] for side in (-1.0, 0.0, 1.0)]
    kinds = [rows for rows in kinds if len(rows)]
    return np.sort(np.concatenate([rows[: 1 + count // len(kinds)] for rows in kinds]))


def _by_newton(x: Array, s: Array) -> Array | None:
    """None where that proves that there is no direction; else where the method went."""
    pure = s != 0.0
    d = np.zeros(x.shape[1])
    for _ in range(STEPS):
        eta = x @ d
        # −s_i·P(wrong) of a pure row; of a held one the slope at half a success.
        u = np.where(pure, -s * expit(-s * eta), expit(eta) - 0.5)
        h = expit(eta) * expit(-eta)
        system = x.T @ (h[:, None] * x)
        step = _solved(system, x.T @ u)
        move = x @ step
        fixed = u - h * move  # X'u = 0, to rounding
        if np.all(s * fixed <= -CLEAR * np.abs(u * s)):
            rest = h * (x @ _solved(system, x.T @ fixed))
            if np.all(np.abs(rest * s) <= CLEAR**2 * np.abs(fixed * s)):
                return None
        reach = float(np.max(np.abs(move), initial=0.0))
        d = d - step * (1.0 if reach <= 1.0 else np.log1p(reach) / reach)
        if np.all(pure) and np.all(s * (x @ d) > 0.0):
            break
    return d


def _solved(system: Array, right: Array) -> Array:
    scale = 1.0 / np.sqrt(np.maximum(np.diagonal(system), np.finfo(float).tiny))
    unit = system * scale * scale[:, None]
    return np.asarray(scale * np.linalg.lstsq(unit, scale * right, rcond=None)[0])


def _distinct(x: Array, side: Array) -> tuple[Array, Array, NDArray[np.intp]]:
    """Different rows, their sides, and which of them each row is; one of both sides is held."""
    rows, place = np.unique(x, axis=0, return_inverse=True)
    place = place.reshape(-1)
    low, high = np.full(len(rows), 2.0), np.full(len(rows), -2.0)
    np.minimum.at(low, place, side)
    np.maximum.at(high, place, side)
    return rows, np.where(low == high, low, 0.0), place


def _independent(x: Array) -> bool:
    """Whether no row is a combination of others, so that x_i'd may be anything."""
    n, k = x.shape
    return bool(n <= k and np.linalg.matrix_rank(x) == n)


def _growing(x: Array, s: Array) -> Array | None:
    """A direction by programmes on more and more rows: those that the last one fails."""
    part = _some(s, 20 * x.shape[1] + 500)
    if np.linalg.matrix_rank(x[part]) < x.shape[1]:
        part = np.arange(len(s))
    while True:
        d = _programme(x[part], s[part], s[part] != 0.0)
        if d is None:
            return None
        reach = x @ d
        fails = np.where(s == 0.0, np.abs(reach), -s * reach)
        fails[part] = 0.0
        worst = np.argsort(-fails, kind="stable")[:ADDED]
        worst = worst[fails[worst] > MEANT]
        if not len(worst):
            return d if np.any(s * reach > MEANT) else None
        part = np.union1d(part, worst)


def _programme(x: Array, s: Array, wanted: Bools) -> Array | None:
    """d in the unit box that moves the wanted rows most; None if it moves none."""
    from scipy.optimize import linprog

    pure, held = s != 0.0, s == 0.0
    pull = x[pure] * s[pure, None]
    answer = linprog(
        -(x[wanted] * s[wanted, None]).sum(axis=0) / max(int(wanted.sum()), 1),
        A_ub=-pull if len(pull) else None,
        b_ub=np.zeros(len(pull)) if len(pull) else None,
        A_eq=x[held] if np.any(held) else None,
        b_eq=np.zeros(int(held.sum())) if np.any(held) else None,
        bounds=(-1.0, 1.0),
        method="highs",
    )
    if answer.x is None:
        return None
    d = np.where(np.abs(answer.x) < MEANT, 0.0, answer.x)
    reach = pull @ d
    apart = np.any(s[wanted] * (x[wanted] @ d) > MEANT) and np.all(reach >= -MEANT)
    return d if apart else None
