"""Moments of training and test sets, each row read once per partition.

The moments of a training set are summed from those of the other folds and never got by taking its
fold from the whole: a difference loses what the fold alone has much of (a column that is all but
constant elsewhere, an outlier), a sum loses nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import reduce
from itertools import groupby
from operator import add
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bayesreg.criteria.splits import Split
from bayesreg.data.moments import Moments
from bayesreg.data.sparse import is_sparse, some_rows
from bayesreg.data.sums import two_sum, unvarying, without

if TYPE_CHECKING:
    from bayesreg.data.design import Design
    from bayesreg.model.problem import Problem

Index = NDArray[np.intp]
ENOUGH = 2.0  # training rows per column from which products keep their digits if those of all do


@dataclass(frozen=True, eq=False)
class Fold:
    """Moments of one split: what is fitted, and what judges it."""

    train: Moments
    test: Moments


def folds_of(problem: Problem, splits: tuple[Split, ...]) -> Iterator[Fold]:
    """The folds of a problem on rows, in the order of the splits.

    By sums over the other folds for each complete partition; from the rows of each training set
    where there is none, or rows are few beside columns.
    """
    for _, run in groupby(splits, key=lambda split: split.run):
        yield from _run(problem, tuple(run))


def _run(problem: Problem, splits: tuple[Split, ...]) -> Iterator[Fold]:
    """The folds of one run."""
    design, whole = problem.design, problem.moments
    assert design is not None
    fewest = min(len(split.train) for split in splits)
    if whole.columns is not None or not splits[0].partition or fewest < ENOUGH * (design.p + 1):
        for split in splits:
            yield Fold(_from_rows(design, split.train), _summary(design, split.test, rooted=True))
        return
    rooted = whole.root is not None  # ill-conditioned: roots are summed, by QR
    tests = [_summary(design, split.test, rooted=rooted) for split in splits]
    parts = tests if rooted else [replace(one, gram=one.cross, root=None) for one in tests]
    for train, test in zip(_all_but_one(parts, None), tests, strict=True):
        yield Fold(train, test)


def _all_but_one(parts: list[Moments], outside: Moments | None) -> Iterator[Moments]:
    """The sum of all parts but each in turn, and `outside`: by halves, in K log₂K additions."""
    if len(parts) == 1:
        assert outside is not None
        yield outside
        return
    left, right = parts[: len(parts) // 2], parts[len(parts) // 2 :]
    more = [] if outside is None else [outside]
    yield from _all_but_one(left, reduce(add, right + more))
    yield from _all_but_one(right, reduce(add, left + more))


def _from_rows(design: Design, rows: Index) -> Moments:
    """Moments of a training set, with a root where its own conditioning asks for one."""
    w = None if design.weights is None else design.weights[rows]
    return Moments.of(some_rows(design.X, rows), design.target[rows], w, design.names, warn=False)


def _summary(design: Design, rows: Index, *, rooted: bool) -> Moments:
    """Moments of a fold: its centred rows if these are few, else products or a root of them."""
    if is_sparse(design.X):
        return _from_rows(design, rows)
    z = np.empty((len(rows), design.p + 1))
    np.take(design.X, rows, axis=0, out=z[:, :-1])
    np.take(design.target, rows, out=z[:, -1])
    w = np.ones(len(rows)) if design.weights is None else design.weights[rows]
    n = float(w.sum())
    mean = (w @ z) / n
    z -= mean
    low = (w @ z) / n  # the mean of the centred rows is what rounding left in them
    if design.weights is not None:
        z *= np.sqrt(w)[:, None]
    gram, root = None, None
    if len(z) > z.shape[1] and not rooted:
        gram = z.T @ z
        gram -= n * np.outer(low, low)
        gram = without(unvarying(np.diagonal(gram), mean + low, n), gram)
    else:
        z -= np.sqrt(w)[:, None] * low
        z[:, unvarying(np.einsum("ij,ij->j", z, z), mean + low, n)] = 0.0
        root = z if len(z) <= z.shape[1] else np.linalg.qr(z, mode="r")
    mean, low = two_sum(mean, low)
    return Moments(n, len(rows), mean[:-1], float(mean[-1]), gram, root, design.names, low)
