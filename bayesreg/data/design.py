"""Design: the data before any model, validated: named float64 columns, y, weights, terms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.data.columns import (
    default_names,
    refuse_nonfinite,
    truth_columns,
)
from bayesreg.data.frames import take_response
from bayesreg.data.known import NOTHING, Known, Points
from bayesreg.data.layout import Layout
from bayesreg.data.moments import Moments
from bayesreg.data.rows import Rows, check_total, check_weights, row_labels, storable
from bayesreg.data.sparse import (
    SparseRows,
    read_any,
    refuse_nonfinite_cells,
    some_rows,
)
from bayesreg.data.terms import Term
from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadArgument, BadData
from bayesreg.language.misnamed import explained_throughout
from bayesreg.language.text import few, shown
from bayesreg.language.warned import warn


@explained_throughout
@dataclass(frozen=True, eq=False)
class Design(Layout):
    """The data before any model: named columns, response and frequency weights, all validated.

    Attributes
    ----------
    X : ndarray (n, p)
        float64, read-only. An array that can be written to is copied; a read-only one (a memory
        map, say) is used where it lies. A sparse X stays so, as `SparseRows`, which are read as an
        array is.
    y : ndarray (n,)
    weights : ndarray (n,) or None
        Frequencies: row i counts w_i times. Rows of weight zero have been removed.
    names, y_name : tuple of str, str
    index : ndarray (n,) or None
        Row labels, where the data came with labels.
    terms : tuple of Term
    spec : object or None
        What re-applies a formula to new data; None without a formula.
    intercept : bool or None
        What the formula said of the intercept; None when nothing was said.
    named : bool
        Whether the columns came with names of their own.
    notes : tuple of str
        The warnings given when the data were read.
    classes : tuple or None
        Labels that the numbers of y stand for, y = 0 first; None where y is what it says.
    labelled : bool
        Whether the rows came with labels: `index`, or 0, 1, 2, ... where that is None.
    truths : tuple of str
        The columns that held true and false, and not numbers.
    frame : pandas.DataFrame or None
        The variables that a formula read, by row, as they came; None without one.
    offset, trials : ndarray (n,) or None
        A known part of η, and of how many trials y counts the successes.
    origin : str
        What was read to have the rows, in words; empty where they were in memory.
    beside : dict
        The columns that offset, exposure and trials were, by these words, for new rows to bring.
    order : tuple or None
        All labels of y, lowest first, where its type declared their order.
    sampled_of : int
        Of how many rows these are a sample; 0 where they are all.

    Examples
    --------
    >>> import numpy as np
    >>> from bayesreg.data.design import Design
    >>> design = Design.of([[1.0, 2.0], [3.0, 5.0], [4.0, 4.0]], [1.0, 2.0, 4.0])
    >>> design.names, design.n, design.p
    (('x1', 'x2'), 3, 2)
    >>> design.encode([[0.0, 1.0]])
    array([[0., 1.]])
    """

    X: Array
    y: Array
    weights: Array | None
    names: tuple[str, ...]
    y_name: str = "y"
    index: NDArray[Any] | None = None
    terms: tuple[Term, ...] = ()
    spec: Any = None
    intercept: bool | None = None
    named: bool = False
    notes: tuple[str, ...] = ()
    classes: tuple[Any, ...] | None = None
    labelled: bool = False
    truths: tuple[str, ...] = ()
    frame: Any = None
    offset: Array | None = None
    trials: Array | None = None
    origin: str = ""
    beside: dict[str, str] = field(default_factory=dict)
    order: tuple[Any, ...] | None = None
    sampled_of: int = 0

    def __repr__(self) -> str:
        counted = "" if self.weights is None else f" (N = Σw = {self.frequencies.sum():g})"
        labels = "" if self.classes is None else f", labels {few(map(str, self.classes))}"
        return (
            f"Design: {self.n} rows{counted}, {self.p} columns ({few(self.names)}), response "
            f"{shown(self.y_name)!r}{labels}\n  .X, .y, .weights, .names, .terms, .moments"
        )

    @classmethod
    def of(
        cls,
        X: object,
        y: object = None,
        weights: object = None,
        offset: object = None,
        exposure: object = None,
        trials: object = None,
    ) -> Design:
        """Read X (n, p), y (n,) and weights (n,) from arrays or data frames.

        Parameters
        ----------
        X : array (n, p), sparse matrix, data frame, mapping of columns, or Design
            Numbers and booleans. Text and categories need a formula or a coding of your own.
        y : array (n,), series or str
            The response, or the column of X that it is; required unless X is a Design.
        weights : array (n,) or series, optional
            Frequencies, at least 0; a row of weight 0 is removed.
        offset, exposure, trials : array (n,) or series, optional
            A known part of η, or what its log is; of how many trials y counts the successes.

        Returns
        -------
        Design

        Raises
        ------
        BadData
            Missing or infinite values, text, dates, wrong shapes, different lengths or indexes,
            bad weights; the message names the column and the first row.
        BadArgument
            If y is missing, or given beside a Design.
        """
        if isinstance(X, Design):
            if any(one is not None for one in (y, weights, offset, exposure, trials)):
                raise BadArgument("a Design has its own y and weights; pass it alone")
            return X
        if y is None:
            raise BadArgument("y is missing: pass X and y")
        notes: list[str] = []
        X, y = take_response(X, y)
        columns = read_any(X, "X", notes)
        names = columns.names or default_names(columns.values.shape[1])
        values = columns.values
        if columns.names is None:
            values = _kept(values, X)
        response, y_name, rows = Rows(len(values), columns.index).read(y, "y", notes)
        w = rows.weights(weights, notes)
        known = Known.read(rows, offset, exposure, trials, notes, w)
        if y_name in names and columns.names is not None:
            notes.append(
                f"X has a column named {y_name!r}, the name of y: is the response among its own "
                "predictors? Drop the column if so"
            )
        design = cls(
            X=values,
            y=np.asarray(response, dtype=np.float64),
            weights=w,
            names=names,
            y_name=y_name or "y",
            index=row_labels(rows),
            labelled=rows.labels is not None,
            terms=tuple(Term(name, (j,)) for j, name in enumerate(names)),
            named=columns.names is not None,
            truths=tuple(names[j] for j in sorted(truth_columns(X))),
            offset=known.offset,
            trials=known.trials,
        )
        return finished(design, notes)

    @property
    def n(self) -> int:
        """Number of rows kept."""
        return len(self.y)

    @property
    def p(self) -> int:
        """Number of columns."""
        return int(self.X.shape[1])

    @property
    def obs_id(self) -> NDArray[Any]:
        """The labels of the rows, 0 to n − 1 where they have none, as a coordinate."""
        return np.arange(self.n) if self.index is None else storable(np.asarray(self.index))

    @property
    def rows(self) -> Rows:
        """The rows that are kept and their labels, which every further argument must match."""
        labels = np.arange(self.n) if self.index is None else self.index
        return Rows(self.n, labels if self.labelled else None)

    @property
    def frequencies(self) -> Array:
        """How often each row counts (n,): the weights, or ones where none were given."""
        return np.ones(self.n) if self.weights is None else self.weights

    @property
    def known(self) -> Known:
        """What is known of each row beside its columns."""
        return NOTHING if self.offset is self.trials is None else Known(self.offset, self.trials)

    @property
    def shifted(self) -> bool:
        """Whether a part of η was known, so that new rows need theirs."""
        return self.offset is not None

    @property
    def points(self) -> Points:
        """The rows as points at which η is asked."""
        return Points(self.X, self.known)

    @property
    def target(self) -> Array:
        """y − offset: what β₀ + x'β is compared with where η is in the unit of y."""
        return self.y if self.offset is None else np.asarray(self.y - self.offset)

    @property
    def response(self) -> Any:
        """The response as it came: the labels where y stands for them, else y.

        Labels that had an order are pandas' Categorical.
        """
        if self.classes is None:
            return self.y
        labels = np.empty(len(self.classes), dtype=object)
        labels[:] = self.classes
        found = labels[self.y.astype(np.intp)]
        if self.order is None:
            return found
        import pandas as pd

        return pd.Categorical(found, pd.Index(self.order), ordered=True)

    @cached_property
    def moments(self) -> Moments:
        """All that a Gaussian likelihood needs; computed once."""
        y = self.target
        return Moments.of(self.X, y, self.weights, self.names, y_name=self.y_name, warn=False)

    def knowing(self, given: Mapping[str, Any]) -> Design:
        """With the names of columns among what was given as offset, exposure and trials.

        Only a text names a column: a series that was made of one often has its name still. Of an
        offset and an exposure both are known by name, or neither, for one is not the whole.
        """
        found: dict[str, str] = {}
        for words in (("offset", "exposure"), ("trials",)):
            said = {word: given[word] for word in words if given.get(word) is not None}
            if all(isinstance(name, str) for name in said.values()):
                found |= said
        return replace(self, beside=found)

    def take(self, rows: NDArray[np.intp]) -> Design:
        """The design of some of its rows."""
        known = self.known.take(rows)
        return replace(
            self,
            offset=known.offset,
            trials=known.trials,
            X=_read_only(some_rows(self.X, rows)),
            y=_read_only(self.y[rows]),
            weights=None if self.weights is None else _read_only(self.weights[rows]),
            index=None if self.index is None else self.index[rows],
            labelled=self.labelled and self.index is not None,
            frame=None if self.frame is None else self.frame.iloc[rows],
        )

    def numbers(self, column: int) -> Array:
        """The values of a column (n,) at the fit."""
        return np.asarray(self.X[:, column])


def finished(design: Design, notes: list[str]) -> Design:
    """Check the values, remove rows of weight zero, make the arrays read-only and give warnings."""
    X, y, w, index = design.X, design.y, design.weights, design.index
    if len(y) == 0:
        raise BadData("X has no rows")
    if w is not None:
        check_weights(w)
        check_total(float(w.sum()), len(w), notes)
        if not np.all(w > 0):
            keep = w > 0
            X, y, w = some_rows(X, keep), y[keep], w[keep]
            index = np.arange(len(keep))[keep] if index is None else index[keep]
            known = design.known.take(keep)
            design = replace(
                design,
                frame=None if design.frame is None else design.frame[keep],
                offset=known.offset,
                trials=known.trials,
            )
    refuse_nonfinite_cells(X, design.names, "X")
    refuse_nonfinite(y[:, None], ["y"], "y")
    design.known.check()
    _warn(notes)
    return replace(
        design,
        X=_read_only(X),
        y=_read_only(np.array(y)),
        weights=None if w is None else _read_only(np.array(w)),
        index=index,
        notes=tuple(notes),
    )


def _kept(values: Any, given: object) -> Any:
    """A copy of an array that its owner can still write to."""
    if isinstance(values, SparseRows) or not (values is given or values.base is not None):
        return values
    return values.copy(order="K") if values.flags.writeable else values


def _read_only(values: Any) -> Any:
    if isinstance(values, SparseRows):
        return values
    view = values.view()
    view.flags.writeable = False
    return view


def _warn(notes: Sequence[str]) -> None:
    for note in notes:
        warn(note)
