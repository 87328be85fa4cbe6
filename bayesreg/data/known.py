"""What is known of rows beside their columns: a part of η, and how many trials y counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bayesreg.data.columns import refuse_nonfinite
from bayesreg.data.rows import Rows
from bayesreg.data.sparse import some_rows
from bayesreg.language.arguments import Array, is_number
from bayesreg.language.errors import BadCell, BadData


@dataclass(frozen=True, eq=False)
class Known:
    """What is known of rows beside their columns.

    Attributes
    ----------
    offset : ndarray (n,) or None
        A part of η with coefficient one; the log of an exposure where that was given.
    trials : ndarray (n,) or None
        Of how many trials y counts the successes.

    Examples
    --------
    >>> import numpy as np
    >>> known = Known(offset=np.array([0.5, 1.0]))
    >>> known.added_to(np.array([[1.0, 2.0]]), axis=-1)
    array([[1.5, 3. ]])
    """

    offset: Array | None = None
    trials: Array | None = None

    @classmethod
    def read(
        cls,
        rows: Rows,
        offset: object = None,
        exposure: object = None,
        trials: object = None,
        notes: list[str] | None = None,
        weights: Array | None = None,
    ) -> Known:
        """Arguments of a door, checked: finite offsets, exposures above 0, whole trials.

        What stands in rows of weight 0, which are left out, does not matter.

        Raises
        ------
        BadData
            Naming the argument and the first row.
        """
        said = [] if notes is None else notes
        counting = np.ones(rows.n, dtype=bool) if weights is None else weights > 0.0

        def numbers(values: object, what: str) -> Array:
            if np.ndim(values) == 0 and is_number(values):  # type: ignore[arg-type]
                raise BadData(
                    f"{what} is the number {values!r}; give one for each of {rows.n} rows"
                )
            found = np.asarray(rows.read(values, what, said).values, dtype=np.float64)
            found = np.where(counting, found, 1.0)
            refuse_nonfinite(found[:, None], [what], what, rows.start)
            return found

        shift = None if offset is None else numbers(offset, "offset")
        if exposure is not None:
            size = numbers(exposure, "exposure")
            _refuse(size, "exposure")
            shift = np.log(size) if shift is None else shift + np.log(size)
        count = None
        if trials is not None:
            count = numbers(trials, "trials")
            _refuse(count, "trials")
        return cls(shift, count)

    def check(self) -> None:
        """Raise BadData for what is no offset and no number of trials."""
        for values, what in ((self.offset, "offset"), (self.trials, "trials")):
            if values is not None:
                _refuse(values, what)

    def take(self, rows: Any) -> Known:
        """Of some of the rows."""
        return Known(
            None if self.offset is None else self.offset[rows],
            None if self.trials is None else self.trials[rows],
        )

    def added_to(self, eta: Array, axis: int) -> Array:
        """η = β₀ + x'β with the offset added, rows along `axis`, the first or the last."""
        return eta if self.offset is None else np.asarray(eta + _along(self.offset, axis))

    def facts(self, axis: int) -> dict[str, Array]:
        """What of θ is known row by row, by name, shaped to stand beside η."""
        return {} if self.trials is None else {"trials": _along(self.trials, axis)}


NOTHING = Known()


@dataclass(frozen=True, eq=False)
class Points:
    """Rows at which η = offset + β₀ + x'β is asked: columns (m, P), and what is known beside."""

    x: Array
    known: Known = NOTHING

    def __len__(self) -> int:
        return len(self.x)

    def take(self, rows: Any) -> Points:
        """Some of them."""
        return Points(some_rows(self.x, rows), self.known.take(rows))

    def under(
        self, beta: Array, intercept: Array, theta: Mapping[str, Array], axis: int = 0
    ) -> tuple[Array, dict[str, Array]]:
        """η and θ under S draws: (m, S), or (S, m) with `axis` −1, where θ has (S, 1)."""
        if axis == 0:
            return self.known.added_to(self.x @ beta.T + intercept, 0), {
                **theta,
                **self.known.facts(0),
            }
        eta = self.known.added_to(beta @ self.x.T + intercept[:, None], -1)
        return eta, {k: v[:, None] for k, v in theta.items()} | self.known.facts(-1)


def _along(values: Array, axis: int) -> Array:
    return values[:, None] if axis == 0 else values


def whole_trials(won: Array, lost: Array) -> Array:
    """Successes and failures added up, both whole numbers from 0 and not both 0.

    Examples
    --------
    >>> whole_trials(np.array([3.0, 0.0]), np.array([1.0, 2.0]))
    array([4., 2.])
    """
    for values, what in ((won, "successes"), (lost, "failures")):
        _refuse(values, what)
    count = np.asarray(won + lost)
    _refuse(count, "trials")
    return count


def unusable(values: Array, what: str) -> tuple[int, str] | None:
    """The first row whose value is none of its kind, and why; or None.

    Of kinds there are offset, exposure, trials, successes and failures.

    Examples
    --------
    >>> unusable(np.array([3.0, 0.0]), "exposure")
    (1, 'an exposure (time, area, people) is above 0')
    """
    if what == "exposure":
        bad, why = values <= 0.0, "an exposure (time, area, people) is above 0"
    elif what == "trials":
        bad = (values < 1.0) | (values != np.floor(values))
        why = "trials are whole numbers from 1; leave out rows of none"
    elif what == "offset":
        bad, why = ~np.isfinite(values), "an offset is a finite number"
    else:
        bad, why = (values < 0.0) | (values != np.floor(values)), f"{what} are whole numbers from 0"
    return (int(np.flatnonzero(bad)[0]), why) if np.any(bad) else None


def refuse_named_twice(asked: Mapping[str, Any]) -> None:
    """Raise BadData where two arguments by row name the same column.

    Examples
    --------
    >>> refuse_named_twice({"y": "claims", "exposure": "years"})
    """
    first: dict[str, str] = {}
    for what, value in asked.items():
        if isinstance(value, str) and first.setdefault(value, what) != what:
            raise BadData(
                f"{first[value]} and {what} both name the column {value!r}; one column "
                "has one meaning, so leave one of them out"
            )


def _refuse(values: Array, what: str) -> None:
    found = unusable(values, what)
    if found is not None:
        row, why = found
        raise BadCell(what, row, f"is {values[row]:g}, and {why}")
