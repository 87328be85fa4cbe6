"""Estimators on a formula: X is a data frame, and y may be one of its columns."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesreg.data.columns import as_narwhals
from bayesreg.data.design import Design
from bayesreg.data.formula import design_from_formula
from bayesreg.data.frames import as_frame, column_names
from bayesreg.data.grammar import parse, with_response
from bayesreg.language.errors import BadArgument
from bayesreg.model.model import flat_terms


def design_by_formula(
    formula: Any, X: Any, y: Any, sample_weight: Any, prior: Any, *, labels: bool, **known: Any
) -> Design:
    """The design of a formula on the frame X.

    Parameters
    ----------
    formula : str
        ``"y ~ x + C(g)"``, or without a response, ``"x + C(g)"``, where `y` is given.
    X : data frame (n, …)
    y : array (n,), optional
        The response; where the formula names one, the column that it reads.
    sample_weight : array (n,), optional
        Frequencies.
    prior : Prior or mapping
        Whose Flat terms leave a level out.
    labels : bool
        Whether the response may be a column of labels.
    known : arrays (n,)
        `offset`, `exposure` and `trials`, where they are not in the formula.

    Raises
    ------
    BadArgument
        If there is no response, or two that differ.
    """
    X = as_frame(X)
    names = column_names(X, "X")
    free = next(f"y{k or ''}" for k in range(len(names) + 1) if f"y{k or ''}" not in names)
    said = with_response(formula, free) if isinstance(formula, str) else formula
    if y is not None:
        parsed = parse(said, (*names, free))
        X = _with(X, names, set(parsed.read(parsed.response).values()), y, formula)
    elif said != formula:
        raise BadArgument(f"formula {formula!r} names no response: write 'y ~ …', or pass y")
    return design_from_formula(
        said,
        X,
        sample_weight,
        flat_terms(prior),
        labels=labels,
        **{k: v for k, v in known.items() if v is not None},
    )


def _with(X: Any, names: tuple[str, ...], read: set[str], y: Any, formula: str) -> Any:
    """X with y as the column that the formula calls its response."""
    if len(read) != 1:
        raise BadArgument(
            f"the response of formula {formula!r} reads {sorted(read)}, and y can be one column "
            "only; leave out y"
        )
    (name,) = read
    values = np.asarray(y)
    values = values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values
    native = as_narwhals(X)
    if name not in names:
        import narwhals.stable.v2 as nw

        backend = nw.get_native_namespace(native)
        column = nw.new_series(name, values.tolist(), backend=backend)
        index = nw.maybe_get_index(native)
        if index is not None:
            column = nw.maybe_set_index(column, index=index)
        return native.with_columns(column).to_native()
    if not np.array_equal(np.asarray(native[name].to_list(), dtype=object), values.astype(object)):
        raise BadArgument(
            f"y and the column {name!r} of X, the response of formula {formula!r}, differ; leave "
            "one of them out"
        )
    return X
