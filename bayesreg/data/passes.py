"""Passes over row blocks: a first for sums, a second for a QR where conditioning demands it.

The second is a sequential QR of centred rows (Demmel, Grigori, Hoemmen & Langou 2012, SIAM J. Sci.
Comput. 34(1), doi:10.1137/080731992).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bayesreg.data.blocks import (
    LARGEST,
    Block,
    Header,
    listed,
    positive_rows,
    read_blocks,
    refuse_extreme,
    refuse_tiny,
)
from bayesreg.data.columns import default_names, refuse_duplicates
from bayesreg.data.rows import check_total
from bayesreg.data.sums import CHUNK, Accumulator, two_sum, unvarying, without
from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadArgument, BadData

WORST_CONDITION = 1e4  # of the unit-diagonal gram of X: above it the second pass is made
SAFETY = 3.0  # by which an estimate of it may be too low
ITERATIONS = 20  # of the power method, for a lower bound of it
PANEL = 64  # columns that are centred at once
SMALLEST_RESIDUAL = 1e-6  # 1 - R²: below it the residual sum of squares would cancel


@dataclass(frozen=True, eq=False)
class Gathered:
    """What the passes found: the fields of `Moments`."""

    n: float
    rows: int
    mean: Array
    low: Array
    gram: Array | None
    root: Array | None
    names: tuple[str, ...]
    y_name: str


def gather(
    blocks: Iterable[Any],
    names: Sequence[str] | None,
    y_name: str | None,
    *,
    copy: bool,
    again: Iterable[Any] | None,
    notes: list[str],
) -> Gathered:
    """Means, cross-products or root of the rows; `again` yields them a second time, or is None."""
    accumulator, header, total, seen = None, None, 0.0, 0
    for block, header in read_blocks(blocks, notes):
        if accumulator is None:
            said = (*_names(names, header), y_name or header.y_name or "y")
            accumulator = Accumulator(said, copy)
        seen += len(block.X)
        total += len(block.X) if block.weights is None else float(block.weights.sum())
        accumulator.add(block)
        del block  # so that it can be freed before the next is made
    if accumulator is None or header is None or seen == 0:
        raise BadData("X has no rows")
    check_total(total, seen, notes)
    names, y_name = _names(names, header), y_name or header.y_name or "y"
    if accumulator.pending:
        n, mean, low, root = _wide(accumulator.pending, accumulator.names)
        return Gathered(n, len(root), mean, low, None, root, names, y_name)
    sums, shift = accumulator.sums()
    mean, low = two_sum(shift, sums.mean)
    found: Array | None = None
    cross = without(unvarying(np.diagonal(sums.cross), mean, sums.n), sums.cross)
    condition, residual = conditioning(cross)
    if condition > WORST_CONDITION or residual < SMALLEST_RESIDUAL:
        if again is not None:
            found = _second_pass(again, header, mean, low, sums.rows)
        elif np.diagonal(cross).all():
            notes.append(_one_shot(*conditioning(cross, exact=True)))
    return Gathered(sums.n, sums.rows, mean, low, cross, found, names, y_name)


def _names(names: Sequence[str] | None, header: Header) -> tuple[str, ...]:
    """The names asked for, those of the columns, or x1, ..., xp."""
    if names is None:
        found = header.names or default_names(header.width)
        refuse_duplicates(found, "X")
        return found
    found = tuple(map(str, names))
    if len(found) != header.width:
        raise BadArgument(f"names has {len(found)} entries and X has {header.width} columns")
    refuse_duplicates(found, "X")
    if header.names is not None and found != header.names and set(found) == set(header.names):
        raise BadArgument(
            f"names= gives the columns {listed(header.names)} the names of each other; leave it "
            "out, or put the columns in that order"
        )
    return found


def _one_shot(condition: float, residual: float) -> str:
    what = (
        f"the columns are nearly collinear (condition number {condition:.2g} of their correlations)"
        if condition > WORST_CONDITION
        else f"y is nearly a linear function of the columns (1 - R² = {residual:.2g})"
    )
    return (
        f"{what}, so cross-products lose digits, and a generator cannot be read a second time; "
        "pass a list of blocks, or an object that can be iterated over again"
    )


def _wide(blocks: list[Block], names: Sequence[str]) -> tuple[float, Array, Array, Array]:
    """Weight, mean, its rounding and the rows √w·(z − mean), of fewer rows than columns.

    Column after column in memory, as row space works on them; made by panels, so that no second
    copy is held.
    """
    p = len(names) - 1
    _refuse_sizes(blocks, names)
    w = np.concatenate([np.ones(len(b.X)) if b.weights is None else b.weights for b in blocks])
    n, root = float(w.sum()), np.empty((len(w), p + 1), order="F")
    mean, low = np.empty(p + 1), np.empty(p + 1)
    for j in range(0, p + 1, PANEL):
        part = slice(j, j + PANEL)
        z = np.concatenate([b.X[:, part] for b in blocks], dtype=np.float64)
        if j + PANEL > p:
            z = np.column_stack([z, np.concatenate([b.y for b in blocks])])
        mean[part] = (w @ z) / n
        z -= mean[part]
        low[part] = (w @ z) / n  # the mean of the centred rows is what rounding left in them
        root[:, part] = z - low[part]
    mean, low = two_sum(mean, low)
    if np.any(w != 1):
        root *= np.sqrt(w)[:, None]
    return n, mean, low, root


def _refuse_sizes(blocks: list[Block], names: Sequence[str]) -> None:
    """Raise if a value is missing, or too large or too small for products."""
    largest = np.zeros(len(names))
    for block in blocks:
        if not len(block.X):
            continue
        top, bottom = (
            np.append(end(block.X, axis=0), end(block.y)).astype(np.float64)
            for end in (np.max, np.min)
        )
        peak = np.maximum(top, -bottom)
        if not np.all(peak <= LARGEST):
            refuse_extreme(block.X, block.y, names, block.start)
        np.maximum(largest, peak, out=largest)
    refuse_tiny(largest, names)


def conditioning(cross: Array, *, exact: bool = False) -> tuple[float, float]:
    """Condition number of X's correlations (inf if singular), and 1 − R² of y on X.

    The number is good enough to be compared with the limit: far from it the 1-norm's, as estimated
    from the Cholesky factor; near it that of the 2-norm, which may be lower by a factor of p. With
    `exact` it is good enough to be told.
    """
    scale = np.sqrt(np.diagonal(cross))
    if not scale[:-1].all():
        return np.inf, 0.0
    if len(cross) == 1 or scale[-1] == 0:
        scale = np.where(scale > 0, scale, 1.0)
    unit = cross / scale
    unit /= scale[:, None]
    p = len(unit) - 1
    if p == 0:
        return 1.0, 1.0
    factor, residual = _cholesky(unit), 0.0
    if factor is not None:
        residual = float(factor[p, p] ** 2)
        factor = factor[:p, :p]
    elif (factor := _cholesky(unit[:p, :p])) is None:
        return np.inf, 0.0
    return _condition(unit[:p, :p], factor, exact=exact), residual if unit[p, p] else 1.0


def _cholesky(unit: Array) -> Array | None:
    """L with LL' = unit, by the same library as the products: two pools of threads would wait."""
    try:
        return np.linalg.cholesky(unit)
    except np.linalg.LinAlgError:
        return None


def _condition(unit: Array, factor: Array, *, exact: bool) -> float:
    """The condition number of LL'; if not `exact`, as well as is needed to compare it.

    LAPACK's estimate in the 1-norm is seldom low by more than a factor of 3 (Higham 2002, "Accuracy
    and Stability of Numerical Algorithms", 2nd ed., §15.3), and a 2-norm exceeds no 1-norm.
    """
    from scipy.linalg.lapack import dpocon

    norm = float(np.abs(unit).sum(axis=0).max())
    inverse, _ = dpocon(factor.T, norm, uplo="U")
    condition = 1.0 / inverse if inverse > 0.0 else np.inf
    if not WORST_CONDITION / SAFETY < condition < 1e12:
        return condition
    least = 0.0 if exact else _least_condition(unit, factor)
    if not exact and not WORST_CONDITION / SAFETY < least <= WORST_CONDITION:
        return least
    values = np.linalg.eigvalsh(unit)
    return float(values[-1] / values[0]) if values[0] > 0.0 else np.inf


def _least_condition(unit: Array, factor: Array) -> float:
    """A lower bound of the 2-norm condition number of LL', by power and inverse iteration."""
    from scipy.linalg.lapack import dpotrs

    v = np.random.default_rng(0).standard_normal(len(unit))
    w = v.copy()
    for _ in range(ITERATIONS):
        v = unit @ (v / np.linalg.norm(v))
        w = dpotrs(factor.T, w / np.linalg.norm(w))[0]
    return float(np.linalg.norm(v) * np.linalg.norm(w))


def _second_pass(
    blocks: Iterable[Any], header: Header, mean: Array, low: Array, rows: int
) -> Array:
    """R with R'R the centred cross-products, by QR of chunk after chunk."""
    width = len(mean)
    size = max(CHUNK // width, 2 * width)
    root, seen = np.empty((0, width)), 0
    for read, _ in read_blocks(blocks, [], header):
        block = positive_rows(read)
        for i in range(0, len(block.X), size):
            z = _centred(block, slice(i, i + size), mean, low)
            root = np.linalg.qr(np.concatenate([root, z]), mode="r")
        seen += len(block.X)
    if seen != rows:
        raise BadData(f"the blocks gave {rows} rows when read first and {seen} the second time")
    return root


def _centred(block: Block, rows: slice, mean: Array, low: Array) -> Array:
    """√w·([X y] − mean − low): the mean is the unrounded sum of its two parts."""
    x = block.X[rows]
    z = np.empty((len(x), len(mean)))
    z[:, :-1], z[:, -1] = x, block.y[rows]
    z -= mean
    z -= low
    if block.weights is not None:
        z *= np.sqrt(block.weights[rows])[:, None]
    return z
