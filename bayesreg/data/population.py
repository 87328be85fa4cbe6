"""Population: the rows at which a fit is asked, its variables as they came, and how these vary."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.data.coded_columns import CodedColumns
from bayesreg.data.coding import FormulaSpec
from bayesreg.data.columns import as_narwhals
from bayesreg.data.design import Design
from bayesreg.data.frames import read_variables, take_beside
from bayesreg.data.known import NOTHING, Known
from bayesreg.data.rows import Rows
from bayesreg.data.variables import BOOL, CATEGORY, NUMBER, TEXT
from bayesreg.language.arguments import Array, did_you_mean
from bayesreg.language.errors import BadArgument, BadData, NotSupported
from bayesreg.language.text import shortened

if TYPE_CHECKING:
    import pandas as pd

FEW = 10  # different numbers, which are then all looked at
POINTS = 50  # between the smallest and the largest of many
CELLS = 100_000  # of a grid: what takes longer than that was not meant


# Names of the variables, the levels of the factors, and the numbers that are 0 and 1.
_Known = tuple[tuple[str, ...], dict[str, tuple[Any, ...]], frozenset[str]]


@dataclass(frozen=True, eq=False)
class Population:
    """Rows of the variables that a fit was told of, each with how often it counts.

    Attributes
    ----------
    design : Design
        The fit's, which knows how its columns were made.
    frame : pandas.DataFrame (n, variables)
    weights : ndarray (n,)
        Frequencies.
    levels : dict of str to tuple
        Levels of the variables that are factors; what is not in it is a number.
    binary : frozenset of str
        Numbers that were only ever 0 and 1.
    source : object
        The frame that was given, for columns that no term reads.
    changed : tuple of str
        Variables that are not as they came.
    known : Known
        What is known of each row beside its variables; no offset is one of 0.
    """

    design: Design
    frame: pd.DataFrame
    weights: Array
    levels: Mapping[str, tuple[Any, ...]]
    binary: frozenset[str]
    source: Any = None
    changed: tuple[str, ...] = ()
    known: Known = NOTHING

    @classmethod
    def of(cls, design: Design | None, newdata: Any = None, weights: Any = None) -> Population:
        """The fit's own rows, those of `newdata`, or one row of typical values.

        Parameters
        ----------
        design : Design or None
        newdata : data frame, array or "mean", optional
            ``"mean"`` is one row: the mean of each number and the commonest level of each factor.
        weights : array (n,), series or name of a column of newdata, optional
            Frequencies; the fit's own for its own rows, else one each.

        Raises
        ------
        NotSupported
            If the fit has no rows, or does not have its variables any more.
        BadArgument, BadData
            If `newdata` or `weights` cannot be used.
        """
        if design is None:
            raise NotSupported(
                "this needs the columns as they came, and the fit holds no rows: it was made of "
                "Moments, or of rows read in passes; condition on X and y, or on a sample of them"
            )
        known, levels, binary = _variables(design)
        typical = isinstance(newdata, str) and newdata == "mean"
        if newdata is None or typical:
            if weights is not None:
                raise BadArgument("weights are those of newdata; the fit's own rows have theirs")
            frame = _own(design, known)
            own = cls(design, frame, design.frequencies, levels, binary, known=design.known)
            return own.typical() if typical else own
        if isinstance(newdata, str):
            raise BadArgument(f"newdata must be a data frame or 'mean', not {newdata!r}")
        rows, at = _beside(design, newdata)
        frame = _given(design, rows, known)
        found = cls(design, frame, np.ones(len(frame)), levels, binary, newdata, known=at)
        if weights is None:
            return found
        if isinstance(weights, str):
            weights = found.column(weights)
        w = Rows(len(frame), source="newdata").weights(weights, [])
        assert w is not None
        if not w.sum() > 0:
            raise BadData("all weights are zero, so no row is left")
        return replace(found, weights=w)

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of what can be varied."""
        return tuple(map(str, self.frame.columns))

    @property
    def predictors(self) -> tuple[str, ...]:
        """Those of them that have coefficients; what is in an offset alone has none."""
        beside = getattr(self.design.spec, "beside", ())
        return tuple(name for name in self.variables if name not in beside)

    def typical(self) -> Population:
        """One row: the mean of each number, the commonest level of each factor."""
        import pandas as pd

        row = {}
        for name in self.variables:
            values = self.frame[name].to_numpy()
            if name in self.levels:
                count = [self.weights[values == level].sum() for level in self.levels[name]]
                row[name] = repeated(self.levels[name][int(np.argmax(count))], 1)
            else:
                row[name] = np.array([np.average(values.astype(float), weights=self.weights)])
        frame = pd.DataFrame(row, index=range(1))
        offset = self.known.offset
        mean = None if offset is None else np.average(offset, weights=self.weights, keepdims=True)
        return replace(self, frame=frame, weights=np.ones(1), source=None, known=Known(offset=mean))

    def column(self, name: str) -> NDArray[Any]:
        """The values of a variable, or of another column of the frame that was given."""
        if name in self.frame:
            return np.asarray(self.frame[name].to_numpy())
        given: Any = None if self.source is None else as_narwhals(self.source)
        if name in list(getattr(given, "columns", [])):
            return np.asarray(given[name].to_numpy())
        self.check([name])
        raise AssertionError(name)

    def check(self, names: Iterable[Any], what: str = "by") -> None:
        """Refuse names of no variable, and rows where names are asked for."""
        if len(getattr(names, "shape", ())) > 1:
            raise BadArgument(
                f"{what} are names of variables, and here it is rows, a "
                f"{type(names).__name__}; rows to ask at are newdata="
            )
        for name in names:
            if name not in self.variables:
                hint = did_you_mean(name, self.variables)
                raise BadArgument(
                    f"{what}: {name!r} is no variable of the fit{hint} (it has "
                    f"{', '.join(self.variables) or 'none'})"
                )

    def at(self, fixed: Mapping[str, Any]) -> Population:
        """Every row with some variables at one value each."""
        n = len(self.frame)
        frame = self.frame.assign(**{k: repeated(v, n) for k, v in fixed.items()})
        return replace(self, frame=frame, changed=(*self.changed, *fixed))

    def moved(self, name: str, values: Any) -> Population:
        """Every row with a variable at these values, one per row."""
        frame = self.frame.assign(**{name: values})
        return replace(self, frame=frame, changed=(*self.changed, name))

    def combinations(self, at: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Each combination of the values in `at`; one without values where there is none."""
        lists = [list(_listed(values)) for values in at.values()]
        empty = [name for name, values in zip(at, lists, strict=True) if not values]
        if empty:
            raise BadArgument(f"at: {empty[0]!r} has no value")
        count = math.prod(map(len, lists))
        if count > CELLS:
            each = " × ".join(f"{len(v)} of {k!r}" for k, v in zip(at, lists, strict=True))
            raise BadArgument(
                f"{shortened(each, 200)} are {count:.4g} combinations, of at most {CELLS:,}; ask "
                "for fewer variables at once, or for fewer values of each in a mapping"
            )
        for one in itertools.product(*lists):
            yield dict(zip(at, one, strict=True))

    def seen(self, name: str) -> tuple[Array, Array]:
        """The values of a number at the fit and how often each counts; else those asked at."""
        known = not isinstance(self.design.spec, FormulaSpec) or self.design.frame is not None
        frame = _own(self.design, self.variables) if known else self.frame
        weights = self.design.frequencies if known else self.weights
        return frame[name].to_numpy().astype(float), weights

    def values(self, name: str) -> list[Any]:
        """The values of a variable at which a curve of it is drawn."""
        if name in self.levels:
            return list(self.levels[name])
        found = np.unique(self.seen(name)[0])
        few = len(found) <= FEW
        return list((found if few else np.linspace(found[0], found[-1], POINTS)).tolist())

    def X(self) -> Array:
        """The rows in the columns of the fit (n, p); with the offset (n, p + 1) where it has one.

        An offset is a column whose coefficient is one.
        """
        try:
            coded = self._coded()
            made = self.design.offset_of(self.frame)
            offset = self.known.offset if made is None else made
            return coded if offset is None else np.column_stack([coded, offset])
        except BadData as error:
            if not self.changed:
                raise
            names = ", ".join(map(repr, dict.fromkeys(self.changed)))
            raise BadData(f"with {names} changed: {error}") from None

    def _coded(self) -> Array:
        if self.design.spec is not None:
            return self.design.encode(self.frame)
        out = np.empty((len(self.frame), self.design.p))
        for j, name in enumerate(self.variables):
            out[:, j] = self.frame[name].to_numpy().astype(float)
        return out


def _beside(design: Design, newdata: Any) -> tuple[Any, Known]:
    """New rows, and the offset that the columns of the fit are there."""
    if design.offset is None or getattr(design.spec, "offset", None):
        return newdata, NOTHING
    given = dict.fromkeys(design.beside)
    left, found = take_beside(newdata, given, design.beside)
    shifts = {what: values for what, values in found.items() if what != "trials"}
    if not shifts or any(values is None for values in shifts.values()):
        named = " and ".join(repr(design.beside[what]) for what in shifts)
        cure = f"give newdata the column {named} of the fit" if named else "name a column for it"
        raise NotSupported(
            f"the fit had an offset beside its rows, and newdata has none; {cure}, or fit with the "
            "offset in a formula, y ~ x + offset(z), so that new rows bring theirs"
        )
    return (
        newdata if design.frame is not None else left,
        Known.read(Rows(len(next(iter(shifts.values()))), source="newdata"), **shifts),
    )


def _variables(design: Design) -> _Known:
    """What can be varied: of a formula, or of columns that stand for themselves."""
    spec, levels = design.spec, dict[str, tuple[Any, ...]]()
    if spec is None or isinstance(spec, CodedColumns):
        return _of_columns(design)
    if not isinstance(spec, FormulaSpec):
        raise _needs_the_formula()
    for name, variable in spec.variables.items():
        if variable.kind == BOOL:
            levels[name] = (False, True)
        elif variable.kind in (CATEGORY, TEXT) or name in spec.levels:
            levels[name] = tuple(spec.levels.get(name, variable.levels))
    numbers = [v for name, v in spec.variables.items() if v.kind == NUMBER and name not in levels]
    return tuple(spec.variables), levels, frozenset(v.name for v in numbers if v.levels)


def _of_columns(design: Design) -> _Known:
    """Columns of numbers, truth values and factors, of a design that had no formula."""
    if any(len(term.columns) != 1 and not term.factors for term in design.terms):
        raise _needs_the_formula()
    truths, levels, both = _truths(design), dict[str, tuple[Any, ...]](), set[str]()
    for term in design.terms:
        if term.factors:
            levels[term.name] = term.factors[0].levels
        elif term.name in truths:
            levels[term.name] = (False, True)
        elif np.isin(design.X[:, term.columns[0]], (0.0, 1.0)).all():
            both.add(term.name)
    return tuple(term.name for term in design.terms), levels, frozenset(both)


def _truths(design: Design) -> frozenset[str]:
    """Columns of a design without a formula that held true and false."""
    coded = design.spec.variables if isinstance(design.spec, CodedColumns) else ()
    return frozenset(design.truths) | {one.name for one in coded if one.kind == BOOL}


def _needs_the_formula() -> NotSupported:
    return NotSupported(
        "the fit has lost its formula, so that no variable of it can be varied; fit again with "
        "model.condition_formula(formula, frame)"
    )


def _own(design: Design, names: Sequence[str]) -> pd.DataFrame:
    """The rows of the fit in its variables."""
    import pandas as pd

    if isinstance(design.spec, FormulaSpec):
        if design.frame is None:
            raise NotSupported(
                "the fit has its columns but not the variables that they were made of; pass the "
                "data frame as newdata="
            )
        own: pd.DataFrame = design.frame
        return own
    columns: dict[str, Any] = {}
    for term in design.terms:
        if term.factors:
            found = design.X[:, list(term.columns)]
            shown = [level for (level,) in term.levels]
            rest = [level for level in term.factors[0].levels if level not in shown]
            every = np.array([*shown, *rest], dtype=object)
            chosen = np.where(found.any(axis=1), found.argmax(axis=1), len(shown))
            columns[term.name] = every[chosen]
        else:
            columns[term.name] = _typed(design, term.name, design.X[:, term.columns[0]])
    return pd.DataFrame(columns, index=range(design.n), copy=False)[list(names)]


def _typed(design: Design, name: str, values: Array) -> NDArray[Any]:
    """A column as it came: truth values, or numbers."""
    return values.astype(bool) if name in _truths(design) else values


def _given(design: Design, newdata: Any, names: Sequence[str]) -> pd.DataFrame:
    """The variables of new rows."""
    import pandas as pd

    if design.spec is None:
        X = design.encode(newdata)
        columns = {name: _typed(design, name, X[:, j]) for j, name in enumerate(names)}
        return pd.DataFrame(columns, index=range(len(X)), copy=False)
    found, _ = read_variables(newdata, names, "newdata", [])
    if len(found) == 0:
        raise BadData("newdata has no rows")
    return found[list(names)]


def _listed(values: Any) -> Iterable[Any]:
    """The values of one variable in `at`: one, or several."""
    alone = isinstance(values, str | bytes) or np.ndim(values) == 0
    return [values] if alone else list(values)


def repeated(value: Any, n: int) -> Any:
    """One value for n rows: text as an object, all else as NumPy has it."""
    return np.full(n, value, dtype=object if isinstance(value, str) else None)
