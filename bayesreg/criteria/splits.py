"""Splits of rows into training and test sets: K folds, a scikit-learn splitter, or given rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.data.rows import Rows
from bayesreg.language.arguments import Array, integer
from bayesreg.language.errors import BadArgument

if TYPE_CHECKING:
    from bayesreg.data.design import Design

Index = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Split:
    """Rows to fit, and rows to judge the fit on.

    `run` numbers the repeats: the splits of one run have every row in exactly one test set, and all
    others in training, if `partition`; else every split of the call is in one run.
    """

    train: Index
    test: Index
    run: int = 0
    partition: bool = False


def splits_of(
    design: Design,
    folds: Any,
    *,
    seed: int,
    groups: Any = None,
    repeats: Any = 1,
    strata: NDArray[Any] | None = None,
) -> tuple[Split, ...]:
    """Read `folds` as `cross_validate` describes it; every row number is checked.

    Rows of each of the `strata` (n,) are spread evenly over random folds, unless rows are grouped.

    Raises
    ------
    BadArgument
        If there are too few rows, folds or groups, or the given rows overlap or do not exist.
    """
    integer(repeats, "repeats")
    if isinstance(folds, int | np.integer) and not isinstance(folds, bool):
        rng = np.random.default_rng(seed)
        parts = _parts(design, int(folds), groups, strata if groups is None else None)
        tests = [test for _ in range(repeats) for test in parts(rng)]
        return _numbered(design.n, [Split(_others(design.n, test), test) for test in tests])
    if repeats != 1:
        raise BadArgument("repeats goes with a number of folds; use a repeated splitter instead")
    if hasattr(folds, "split") and callable(folds.split):
        labels = None if groups is None else design.rows.keys(groups)
        pairs: Iterable[tuple[Any, Any]] = folds.split(design.X, design.y, labels)
    elif groups is not None:
        raise BadArgument("groups goes with a number of folds or a splitter, not with given rows")
    else:
        pairs = _given(design, folds)
    try:
        found = [_checked(design.n, k, *pair) for k, pair in enumerate(pairs)]
    except (TypeError, ValueError) as error:
        if isinstance(error, BadArgument):
            raise
        raise BadArgument(f"folds cannot split these {design.n} rows: {error}") from error
    if not found:
        raise BadArgument("folds holds no split")
    return _numbered(design.n, found)


def _parts(design: Design, folds: int, groups: Any, strata: NDArray[Any] | None) -> Any:
    """A function of a generator that gives the test sets of one random partition.

    What goes together, a row with all its copies or a group of rows, counts by its frequencies:
    things of one size are dealt out at random, others the largest first to the lightest fold;
    in either way one stratum after the other.
    """
    labels = np.arange(design.n) if groups is None else _codes(design.rows, groups)
    size = np.bincount(labels, design.frequencies)
    count = min(folds, len(size))
    if count < 2:
        raise BadArgument(
            "cross-validation needs at least two folds and two "
            f"{'rows' if groups is None else 'groups'}"
        )

    def draw(rng: np.random.Generator) -> list[Index]:
        order = rng.permutation(len(size))
        if strata is not None:
            return _dealt(order, size, strata, count)
        fold, load = np.empty(len(size), dtype=np.intp), np.zeros(count)
        if np.all(size == size[0]):
            for k, part in enumerate(np.array_split(order, count)):
                fold[part] = k
        else:
            for group in order[np.argsort(-size[order], kind="stable")]:
                fold[group] = lightest = int(np.argmin(load))
                load[lightest] += size[group]
        return [np.flatnonzero(fold[labels] == k) for k in range(count)]

    return draw


def _dealt(order: Index, size: Array, strata: NDArray[Any], count: int) -> list[Index]:
    """Rows of each stratum, the heaviest first, to the fold that is lightest in it, then in all."""
    fold, load = np.empty(len(size), dtype=np.intp), np.zeros(count)
    for one in np.unique(strata):
        rows = order[strata[order] == one]
        own = np.zeros(count)
        for row in rows[np.argsort(-size[rows], kind="stable")]:
            fold[row] = lightest = int(np.lexsort((load, own))[0])
            own[lightest] += size[row]
            load[lightest] += size[row]
    return [np.flatnonzero(fold == k) for k in range(count)]


def _codes(rows: Rows, groups: Any) -> Index:
    """The groups numbered from 0 in the order in which they come, whatever they are called."""
    try:
        _, first, codes = np.unique(rows.keys(groups), return_index=True, return_inverse=True)
        return np.argsort(np.argsort(first))[codes].astype(np.intp)
    except TypeError as error:
        raise BadArgument(f"groups mixes labels that cannot be compared: {error}") from error


def _others(n: int, rows: Index) -> Index:
    """The rows that are not among `rows`."""
    kept = np.ones(n, dtype=bool)
    kept[rows] = False
    return np.flatnonzero(kept)


def _given(design: Design, folds: Any) -> Iterator[tuple[Any, Any]]:
    """(train, test) pairs as they are, and test sets with all other rows as training set."""
    for item in folds:
        pair = isinstance(item, tuple | list) and len(item) == 2
        if pair and all(np.ndim(part) == 1 for part in item):
            yield _by_number(design, item[0]), _by_number(design, item[1])
        else:
            test = _rows(design.n, _by_number(design, item), "a test set")
            yield _others(design.n, test), test


def _by_number(design: Design, rows: Any) -> Any:
    """The row numbers; labels of a pandas index, which are none, are refused."""
    if hasattr(rows, "get_indexer") and design.index is not None:
        raise BadArgument(
            "folds holds row labels (a pandas index), and rows are numbered from 0 here; pass "
            "X.index.get_indexer(labels)"
        )
    return rows


def _rows(n: int, rows: Any, what: str) -> Index:
    """Row numbers, each once."""
    index = np.asarray(rows)
    if index.ndim != 1 or not len(index):
        raise BadArgument(f"{what} must be a non-empty list of row numbers, not {rows!r}")
    if index.dtype.kind not in "iu":
        raise BadArgument(
            f"{what} must hold row numbers, not {index.dtype}; for a mask use np.flatnonzero(mask)"
        )
    bad = index[(index < 0) | (index >= n)]
    if len(bad):
        raise BadArgument(f"{what} names row {bad[0]}, and the rows are 0 to {n - 1}")
    if np.max(np.bincount(index.astype(np.intp))) > 1:
        raise BadArgument(f"{what} names a row twice; a row that counts twice has weight 2")
    return index.astype(np.intp)


def _checked(n: int, k: int, train: Any, test: Any) -> Split:
    """A split whose rows exist and do not overlap."""
    train, test = _rows(n, train, f"training set {k}"), _rows(n, test, f"test set {k}")
    trained = np.zeros(n, dtype=bool)
    trained[train] = True
    both = test[trained[test]]
    if len(both):
        raise BadArgument(f"split {k} has row {both[0]} in its training and its test set")
    return Split(train, test)


def _numbered(n: int, splits: list[Split]) -> tuple[Split, ...]:
    """The splits with their runs, if they are one complete partition after another."""
    out, seen, run = [], np.zeros(n, dtype=bool), 0
    for split in splits:
        if len(split.train) + len(split.test) != n or np.any(seen[split.test]):
            return tuple(splits)
        seen[split.test] = True
        out.append(Split(split.train, split.test, run, partition=True))
        if np.all(seen):
            seen[:], run = False, run + 1
    return tuple(splits) if np.any(seen) else tuple(out)
