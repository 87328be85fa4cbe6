"""FormulaRows: a formula applied to rows that come in batches, with what was learnt before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.data.coding import FormulaSpec, materialised, renamed
from bayesreg.data.known import whole_trials
from bayesreg.data.stores.numeric import floats
from bayesreg.data.variables import listed
from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadData

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


@dataclass(frozen=True, eq=False)
class Made:
    """What evaluates one term of the response: its spec, and the columns behind its names."""

    spec: Any
    tokens: Mapping[str, str]

    def values(self, formula: str, data: pd.DataFrame) -> Array:
        """The term (m,)."""
        return np.asarray(materialised(formula, self.spec, renamed(data, self.tokens))[0][:, 0])


@dataclass(frozen=True, eq=False)
class Labelled:
    """A response that is a column of labels: the place of each among them, 0 and 1 of two."""

    name: str

    def values(self, formula: str, data: pd.DataFrame) -> Array:
        """The places (m,)."""
        del formula
        return np.asarray(data[self.name].cat.codes, dtype=float)


@dataclass(frozen=True, eq=False)
class FormulaRows:
    """What makes predictors, response and offset of the columns that a formula reads.

    Attributes
    ----------
    spec : FormulaSpec
        Learnt from all rows.
    response : tuple of Made, or of one Labelled
        The response; or successes, and failures.
    kinds : mapping of str to str
        Of each column, ``"text"`` where it is read as places among its levels, else ``"integer"``,
        ``"bool"`` or ``"number"``.
    levels : mapping of str to tuple
        Those levels.
    known : mapping of str to ndarray
        Of numbers that are levels of a factor, every one.
    said : frozenset of str
        Columns whose levels were said and not read.
    passes : int
        Over all rows, that were made to learn this.
    """

    spec: FormulaSpec
    response: tuple[Made | Labelled, ...]
    kinds: Mapping[str, str]
    levels: Mapping[str, tuple[Any, ...]]
    known: Mapping[str, Array] = field(default_factory=dict)
    said: frozenset[str] = frozenset()
    passes: int = 0

    @property
    def labels(self) -> tuple[Any, ...] | None:
        """What the numbers of the response stand for, in their order; None where for themselves."""
        first = self.response[0]
        return self.levels[first.name] if isinstance(first, Labelled) else None

    def labelled(self, labels: tuple[Any, ...]) -> FormulaRows:
        """The same, the labels of the response in this order."""
        first = self.response[0]
        assert isinstance(first, Labelled)
        return replace(self, levels={**self.levels, first.name: labels})

    @property
    def names(self) -> tuple[str, ...]:
        """The predictors."""
        return self.spec.names

    @property
    def variables(self) -> tuple[str, ...]:
        """The columns that are read."""
        return tuple(self.kinds)

    @cached_property
    def _types(self) -> dict[str, Any]:
        import pandas as pd

        return {
            name: pd.CategoricalDtype(pd.Index(list(levels)))
            for name, levels in self.levels.items()
        }

    def numbers(self, column: pa.Array, name: str, what: str, notes: list[str]) -> Array:
        """A column as numbers; of text and categories, the place of each among the levels."""
        if name in self.levels:
            return places(column, self.levels[name])
        return floats(column, name, what, notes)

    def refuse_new(self, held: Mapping[str, Array], place: Callable[[int], str]) -> None:
        """Raise for a level that there was not before."""
        for name in [*self.levels, *self.known]:
            values = held[name]
            new = values < 0.0 if name in self.levels else ~np.isin(values, self.known[name])
            if new.any():
                where = place(int(np.argmax(new)))
                known = listed(self.levels.get(name, self.known.get(name, ())))
                raise BadData(
                    f"column {name!r} has a level in {where} that is none of those said, {known}; "
                    "add it to levels=, or leave out such rows"
                    if name in self.said
                    else f"column {name!r} has a level in {where} that no row had in the pass "
                    f"before, which saw {known}: the source changed; begin again"
                )

    def frame(self, held: Mapping[str, Array], *, partly: bool = False) -> pd.DataFrame:
        """The columns (m,) as a formula reads them, none of them missing; or some of them."""
        import pandas as pd

        names = [name for name in self.kinds if name in held or not partly]
        return pd.DataFrame({name: self._column(name, held[name]) for name in names})

    def _column(self, name: str, values: Array) -> Any:
        import pandas as pd

        if name in self.levels:
            return pd.Categorical.from_codes(values.astype(np.intp), dtype=self._types[name])
        whole = {"integer": np.int64, "bool": np.bool_}.get(self.kinds[name])
        return values if whole is None else values.astype(whole)

    def coded(
        self, held: Mapping[str, Array], place: Callable[[int], str]
    ) -> tuple[tuple[Array, ...], dict[str, Array]]:
        """Predictors, and y, offset and trials where the formula makes them."""
        self.refuse_new(held, place)
        data = self.frame(held)
        columns = np.ascontiguousarray(self.spec.values(data).T)
        return tuple(columns), self.beside(data)

    def beside(self, data: pd.DataFrame) -> dict[str, Array]:
        """The response, and offset and trials where the formula makes them."""
        formula = self.spec.formula
        y, *lost = (one.values(formula, data) for one in self.response)
        made = {"y": y}
        if lost:
            made["trials"] = whole_trials(y, lost[0])
        shift = self.spec.shift(data)
        if shift is not None:
            made["offset"] = shift
        return made


def places(column: pa.Array, levels: Sequence[Any]) -> Array:
    """The place of each value among the levels (m,), −1 where it is none, NaN where it is missing.

    Examples
    --------
    >>> import pyarrow as pa
    >>> places(pa.array(["b", None, "a", "c"]), ("a", "b"))
    array([ 1., nan,  0., -1.])
    """
    import pyarrow.types as of

    coded = column if of.is_dictionary(column.type) else column.dictionary_encode()
    place = {level: float(k) for k, level in enumerate(levels)}
    values = coded.dictionary.to_pylist()
    table = np.array([*(np.nan if one is None else place.get(one, -1.0) for one in values), np.nan])
    codes = coded.indices.fill_null(len(values)) if coded.null_count else coded.indices
    return np.asarray(table[codes.to_numpy(zero_copy_only=False)])
