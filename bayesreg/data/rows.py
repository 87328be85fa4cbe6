"""Arguments with one value per row (y, weights, groups): read alike by every door.

A pandas index says which row a value belongs to. Rows are matched by position, and never aligned:
where both sides have labels these must be equal, or the argument is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bayesreg.data.columns import (
    as_narwhals,
    is_missing,
    is_plain,
    plain_array,
    read_vector,
    refuse_nonfinite,
)
from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadArgument, BadData


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of X, which every further argument must match.

    Attributes
    ----------
    n : int
    labels : pandas index, array (n,) or None
        Their labels; those of the first argument that has any where X has none.
    source : str
        What has these rows and labels, as errors call it.
    start : int
        Number of the first row, where the rows are a block of more.
    """

    n: int
    labels: Any = None
    source: str = "X"
    start: int = 0

    def read(self, values: object, what: str, notes: list[str]) -> PerRow:
        """One finite or missing number per row, as float64; text and dates are refused."""
        if is_plain(values, 1):
            return PerRow(values, None, self.matched(len(values), None, what))  # type: ignore[arg-type]
        found, name, index = read_vector(values, what, notes)
        return PerRow(found, name, self.matched(len(found), index, what))

    def weights(self, values: object, notes: list[str]) -> Array | None:
        """Frequencies: finite numbers of at least 0, or None where there are none."""
        if values is None:
            return None
        found = np.asarray(self.read(values, "weights", notes).values, dtype=np.float64)
        check_weights(found, self.start)
        return found

    def keys(self, values: object, what: str = "groups") -> NDArray[Any]:
        """One label per row, of any kind that can be compared; none of them missing."""
        native = None if isinstance(values, np.ndarray | list | tuple) else as_narwhals(values)
        index = None
        if native is None:
            keys = plain_array(values, what)
        else:
            import narwhals.stable.v2 as nw

            index = nw.maybe_get_index(native)
            keys = np.asarray(native.to_numpy())
        if keys.ndim == 2 and keys.shape[1] == 1:
            keys = keys[:, 0]
        if keys.shape != (self.n,):
            raise BadArgument(
                f"{what} has shape {keys.shape} and there are {self.n} rows (rows of weight 0 are "
                "removed); give one label per row"
            )
        self.matched(len(keys), index, what)
        missing = np.array([is_missing(key) for key in keys.tolist()])
        if np.any(missing):
            raise BadArgument(f"{what} has no label in row {int(np.flatnonzero(missing)[0])}")
        return keys

    def matched(self, m: int, labels: Any, what: str) -> Rows:
        """These rows, labelled by `what` if nothing was before; BadData if the two do not match."""
        if m != self.n:
            raise BadData(
                f"{self.source} has {self.n} rows and {what} has {m}; they must have the same "
                "length"
            )
        if labels is None:
            return self
        if self.labels is None:
            return replace(self, labels=labels, source=what)
        if not _equal(self.labels, labels):
            raise BadData(
                f"{self.source} and {what} have different pandas indexes; rows are never aligned "
                f"silently: reorder one (reindex), or pass {what}.to_numpy() if the rows already "
                "correspond"
            )
        return self


class PerRow(NamedTuple):
    """What an argument holds: its values (n,), its own name, and the rows with their labels."""

    values: Any
    name: str | None
    rows: Rows


def check_weights(weights: Array, start: int = 0) -> None:
    """Refuse weights that cannot be frequencies; rows are counted from `start`."""
    refuse_nonfinite(weights[:, None], ["weights"], "weights", start)
    if np.any(weights < 0):
        row = int(np.flatnonzero(weights < 0)[0])
        raise BadData(
            f"weights must not be negative; weights[{start + row}] is {weights[row]:g} (weights "
            "are frequencies: row i counts weights[i] times)"
        )


def check_total(total: float, rows: int, notes: list[str]) -> None:
    """Refuse a total weight of 0; note one below half the number of rows."""
    if rows and total == 0:
        raise BadData("all weights are zero, so no row is left")
    if not np.isfinite(total):
        raise BadData("the weights add up to more than float64 holds; weights are frequencies")
    if total < rows / 2:
        notes.append(
            f"the weights add up to {total:.6g} over {rows} rows: these look normalised, but "
            "weights are frequencies, and their sum is the sample size; multiply them by n if each "
            "row should count once on average"
        )


def counting(weights: Any) -> NDArray[np.bool_] | None:
    """Which rows have another weight than 0, by weights that are still to be checked."""
    if weights is None:
        return None
    try:
        values = np.asarray(weights, dtype=float)
    except (TypeError, ValueError):
        return None  # which is refused where they are read
    return np.asarray(values.reshape(-1) != 0.0)


def storable(labels: NDArray[Any]) -> NDArray[Any]:
    """Row labels as a coordinate that every file format holds.

    Numbers, truth values, and dates without a time zone as they are; whatever else as text, the
    parts of a compound label joined by ", ".
    """
    if labels.ndim == 1 and labels.dtype.kind in "biufMm":
        return labels
    return np.array([as_text(label) for label in labels], dtype=np.str_)


def as_text(label: Any) -> str:
    """One label as text that UTF-8 can hold."""
    if isinstance(label, tuple | np.ndarray):
        return ", ".join(as_text(part) for part in label)
    return str(label).encode("utf-8", "backslashreplace").decode("utf-8")


def row_labels(rows: Rows) -> NDArray[Any] | None:
    """The labels as an array; None for the default 0, 1, 2, ..."""
    labels = rows.labels
    plain = type(labels).__name__ == "RangeIndex" and labels.start == 0 and labels.step == 1
    return None if labels is None or plain else np.asarray(labels)


def _equal(one: Any, other: Any) -> bool:
    """Whether two sets of labels are equal, in order; a design keeps its own as an array.

    Of one that was saved they may be text.
    """
    if not isinstance(one, np.ndarray):
        return bool(one.equals(other))
    kept, given = one.tolist(), np.asarray(other).tolist()
    return kept == given or list(map(str, kept)) == list(map(str, given))
