"""Whether a formula's columns are made row by row, and what in them is learnt from the rows.

A row alone must be the row in its batch, or a prediction depends on what it is asked beside. And
what is learnt (a mean, knots, a basis) must count each row as often as its weight says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadArgument, BadData

if TYPE_CHECKING:
    import pandas as pd

Evaluate = Callable[["pd.DataFrame"], Array]

# Functions of one row repeat themselves to rounding, whatever stands in the rows beside.
SAME = 1e-9
PART = 500
LARGEST = 20_000_000


def refuse_batchwise(
    formula: str, names: Sequence[str], data: pd.DataFrame, values: Array, evaluate: Evaluate
) -> None:
    """Raise if a column changes with the rows that are evaluated beside a row.

    Parameters
    ----------
    formula : str
    names : sequence of str
        Of the columns of `values`.
    data : DataFrame
        The rows of the fit.
    values : ndarray (n, columns)
        What the learnt formula makes of them.
    evaluate : callable
        The learnt formula.

    Raises
    ------
    BadArgument
        Naming the column, and the transformations that remember what they learnt.
    """
    for rows in _parts(data):
        try:
            found = evaluate(data.iloc[rows])
        except (BadArgument, BadData) as error:
            raise BadArgument(f"{_advice(formula, 'It')} (on some of its rows: {error})") from None
        changed = differing(found, values[rows])
        if len(changed):
            raise BadArgument(_advice(formula, repr(names[changed[0]])))


def differing(one: Array, other: Array) -> NDArray[np.intp]:
    """The columns that two evaluations of the same rows do not share."""
    size = np.max(np.abs(other), axis=0, initial=0.0, where=np.isfinite(other))
    with np.errstate(invalid="ignore"):
        same = np.abs(one - other) <= SAME * size
    same |= (one == other) | (np.isnan(one) & np.isnan(other))
    return np.flatnonzero(~same.all(axis=0))


def _advice(formula: str, name: str) -> str:
    return (
        f"formula {formula!r}: {name} is computed from all rows together (as a mean, a maximum, a "
        "rank, or a cumulative sum are), so that a new row alone would be coded otherwise than in "
        "its batch; use a function that remembers what it learnt at the fit (center(x), scale(x), "
        "poly(x, 2), bs(x, df=4), cr(x, df=4)), or make the column before and keep its constants"
    )


def _parts(data: pd.DataFrame) -> Iterator[NDArray[np.intp]]:
    """Rows to try: a shuffled half, some of it twice; extremes; and single rows."""
    order = np.random.default_rng(0).permutation(len(data))
    half = order[: max(1, min(len(data) // 2, PART))]
    yield np.concatenate([half, half[: 1 + len(half) // 3]])
    numbers = [data[name].to_numpy() for name in data if data[name].dtype.kind in "fiu"]
    ranked = [np.argsort(values, kind="stable") for values in numbers[:3]]
    alone = [rows[place] for rows in ranked for place in (0, len(rows) // 2, -1)]
    if numbers:
        ends = [pick(values) for values in numbers for pick in (np.argmin, np.argmax)]
        yield np.array(sorted(set(map(int, ends)), reverse=True), dtype=np.intp)
    for row in dict.fromkeys([*map(int, alone), int(order[-1])]):
        yield np.array([row], dtype=np.intp)


def counted(data: pd.DataFrame, weights: Array | None) -> pd.DataFrame | None:
    """The rows written out as often as they count; None where weights are no whole numbers."""
    if weights is None or np.all(weights == 1):
        return data
    if np.any(weights != np.floor(weights)) or weights.sum() > max(LARGEST, len(data)):
        return None
    return data.iloc[np.repeat(np.arange(len(data)), weights.astype(np.intp))]


def unequal(data: pd.DataFrame) -> pd.DataFrame:
    """The rows with every other one twice: what is learnt from them differs, if anything is."""
    return data.iloc[np.repeat(np.arange(len(data)), 1 + np.arange(len(data)) % 2)]


def refuse_weights(formula: str, name: str) -> None:
    """Raise for a column that is learnt from rows whose weights it cannot take."""
    raise BadArgument(
        f"formula {formula!r}: {name!r} is learnt from the rows, and the function that learns it "
        "cannot take weights that are no whole numbers; make the column before, with the weights "
        "that you mean, or give what it learns: scale(x, center=…, scale=…), bs(x, knots=[…])"
    )
