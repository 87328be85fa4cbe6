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
    check_total,
    positive_rows,
    read_blocks,
    refuse_extreme,
    refuse_tiny,
)
from bayesreg.data.columns import default_names, refuse_duplicates
from bayesreg.data.sums import CHUNK, Accumulator, two_sum, unvarying, without
from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadArgument, BadData

WORST_CONDITION = 1e4  # of the unit-diagonal gram of X: above it the second pass is made
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


def gather(
    blocks: Iterable[Any],
    names: Sequence[str] | None,
    y_name: str,
    *,
    copy: bool,
    again: Iterable[Any] | None,
    notes: list[str],
) -> Gathered:
    """Means, cross-products or root of the rows; `again` yields them a second time, or is None."""
    accumulator, total, seen = None, 0.0, 0
    for block, own in read_blocks(blocks, notes):
        if accumulator is None:
            accumulator = Accumulator((*_names(names, own, block.X.shape[1]), y_name), copy)
        seen += len(block.X)
        total += len(block.X) if block.weights is None else float(block.weights.sum())
        accumulator.add(block)
        del block  # so that it can be freed before the next is made
    if accumulator is None or seen == 0:
        raise BadData("X has no rows")
    check_total(total, seen, notes)
    names = accumulator.names[:-1]
    if accumulator.pending:
        n, mean, low, root = _wide(accumulator.pending, accumulator.names)
        return Gathered(n, len(root), mean, low, None, root, names)
    sums, shift = accumulator.sums()
    mean, low = two_sum(shift, sums.mean)
    found: Array | None = None
    cross = without(unvarying(np.diagonal(sums.cross), mean, sums.n), sums.cross)
    condition, residual = conditioning(cross)
    if condition > WORST_CONDITION or residual < SMALLEST_RESIDUAL:
        if again is not None:
            found = _second_pass(again, mean, low, sums.rows)
        elif np.diagonal(cross).all():
            notes.append(_one_shot(condition, residual))
    return Gathered(sums.n, sums.rows, mean, low, cross, found, names)


def _names(names: Sequence[str] | None, own: tuple[str, ...] | None, width: int) -> tuple[str, ...]:
    names = tuple(map(str, names)) if names is not None else own or default_names(width)
    if len(names) != width:
        raise BadArgument(f"names has {len(names)} entries and X has {width} columns")
    refuse_duplicates(names, "X")
    return names


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
    """Weight, mean, its rounding and the rows √w·(z − mean), of fewer rows than columns."""
    p, rows = len(names) - 1, sum(len(b.X) for b in blocks)
    z, w, at = np.empty((rows, p + 1)), np.ones(rows), 0
    for block in blocks:
        here = slice(at, at + len(block.X))
        z[here, :p], z[here, p] = block.X, block.y
        if block.weights is not None:
            w[here] = block.weights
        at += len(block.X)
        if len(block.X):
            top, bottom = z[here].max(axis=0), z[here].min(axis=0)
            peak = np.maximum(top, -bottom)
            if not np.all(peak <= LARGEST):
                refuse_extreme(block.X, block.y, names, block.start)
    refuse_tiny(np.maximum(z.max(axis=0), -z.min(axis=0)), names)
    n = float(w.sum())
    mean = (w @ z) / n
    z -= mean
    low = (w @ z) / n  # the mean of the centred rows is what rounding left in them
    z -= low
    mean, low = two_sum(mean, low)
    if np.any(w != 1):
        z *= np.sqrt(w)[:, None]
    return n, mean, low, z


def conditioning(cross: Array) -> tuple[float, float]:
    """Condition number of X's correlations (inf if singular), and 1 − R² of y on X."""
    from scipy.linalg import eigvalsh
    from scipy.linalg.lapack import dpocon, dpotrf

    scale = np.sqrt(np.diagonal(cross))
    if not scale[:-1].all():
        return np.inf, 0.0
    if len(cross) == 1 or scale[-1] == 0:
        scale = np.where(scale > 0, scale, 1.0)
    unit = cross / scale / scale[:, None]
    p = len(unit) - 1
    if p == 0:
        return 1.0, 1.0
    factor, failed = dpotrf(unit, lower=1)
    if 0 < failed <= p:
        return np.inf, 0.0
    norm = float(np.abs(unit[:p, :p]).sum(axis=0).max())
    inverse, _ = dpocon(factor[:p, :p], norm, uplo="L")
    condition = 1 / inverse if inverse > 0 else np.inf
    if WORST_CONDITION < condition < 1e12 and p <= 500:  # the 1-norm exceeds the 2-norm by up to p
        values = eigvalsh(unit[:p, :p])
        condition = float(values[-1] / values[0]) if values[0] > 0 else np.inf
    residual = 0.0 if failed else float(factor[p, p] ** 2)
    return condition, residual if unit[p, p] else 1.0


def _second_pass(blocks: Iterable[Any], mean: Array, low: Array, rows: int) -> Array:
    """R with R'R the centred cross-products, by QR of chunk after chunk."""
    width = len(mean)
    size = max(CHUNK // width, 2 * width)
    root, seen = np.empty((0, width)), 0
    for read, _ in read_blocks(blocks, []):
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
