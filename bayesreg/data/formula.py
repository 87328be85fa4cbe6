"""Formulas: ``y ~ x + C(g)`` read by formulaic into a Design whose terms record their coding.

A factor under a proper prior gets one indicator column per level, so that the prior treats all
levels alike; under `Flat` it gets treatment coding and its reference level is named, because a
column per level beside an intercept is not identified without a prior.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.data.coding import FormulaSpec, learnt, materialised, renamed, unlearnt
from bayesreg.data.columns import refuse_nonfinite
from bayesreg.data.design import Design, finished
from bayesreg.data.frames import (
    as_frame,
    column_names,
    labels_of_rows,
    read_variables,
    refuse_number_text,
    rows_of,
)
from bayesreg.data.grammar import Parsed, parse
from bayesreg.data.labels import numbered, read_labels
from bayesreg.data.rows import Rows, check_total, row_labels
from bayesreg.data.rowwise import counted, differing, refuse_batchwise, refuse_weights, unequal
from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadData

if TYPE_CHECKING:
    import pandas as pd

    from bayesreg.data.terms import Term


def design_from_formula(
    formula: str,
    frame: object,
    weights: object = None,
    flat_terms: Collection[str] = frozenset(),
    *,
    labels: bool = False,
) -> Design:
    """Read a Wilkinson–Rogers formula on a data frame into a Design.

    Parameters
    ----------
    formula : str
        ``"y ~ x + C(g)"``, with interactions (``:``, ``*``) and transformations (``log(x)``,
        ``poly(x, 2)``, ``bs(x, df=4)``); ``- 1`` leaves the intercept out. Functions in it are
        evaluated: a formula is code, so take none from a source whose code you would not run.
    frame : pandas, polars or pyarrow frame
    weights : array (n,) or series, optional
        Frequencies. Levels, means and knots are learnt from rows that count so often; rows of
        weight 0 have no say in them.
    flat_terms : collection of str
        Terms without a prior, whose factors get treatment coding; ``"..."`` stands for every term
        except those listed as ``"!name"``. A contrast that is written out, such as
        ``C(g, Treatment("b"))``, ``C(g, Sum)`` or ``C(g, contr.helmert)``, is kept as written
        under any prior.
    labels : bool, default False
        Whether the response may be a column of labels, read into ``Design.classes``.

    Returns
    -------
    Design
        ``terms`` record each term's columns, coding and reference; ``intercept`` is False if the
        formula leaves it out, else True; ``spec`` re-applies the formula in `Design.encode`.

    Raises
    ------
    BadArgument
        If the formula cannot be parsed or evaluated; if a column of it is no function of its own
        row (``x - x.mean()``); if weights that are no whole numbers meet a term that learns.
    BadData
        Unknown columns (with the nearest name), missing cells, text where numbers are needed.

    Notes
    -----
    Wilkinson & Rogers 1973, Applied Statistics 22(3), doi:10.2307/2346786; the dialect is that of
    formulaic, https://matthewwardrop.github.io/formulaic/.

    Examples
    --------
    >>> import pandas as pd
    >>> from bayesreg.data.formula import design_from_formula
    >>> frame = pd.DataFrame({"y": [1.0, 2, 4], "x": [1.0, 2, 3], "g": ["a", "b", "a"]})
    >>> design_from_formula("y ~ x + C(g)", frame).names
    ('x', 'C(g)[a]', 'C(g)[b]')
    >>> design_from_formula("y ~ x + C(g)", frame, flat_terms={"C(g)"}).terms[1].levels
    (('b',),)
    """
    notes: list[str] = []
    frame = as_frame(frame)
    columns = column_names(frame, "the frame")
    parsed = parse(formula, columns)
    read = parsed.read([parsed.left, *parsed.right])
    frame, w, index, labelled = _counting(frame, weights, notes)
    data, _ = read_variables(frame, read.values(), "the frame", notes)
    if len(data) == 0:
        raise BadData("the frame has no rows")
    refuse_number_text(data, _alone(parsed), "the frame")
    notes += _own_response(parsed)
    spec, terms = _learnt(parsed, data, w, flat_terms)
    y, classes = _labels(parsed, data) if labels else (None, None)
    if y is None:
        y = _response(parsed, data, w)
    X = spec.values(data)
    refuse_nonfinite(X, spec.names, "X")
    refuse_batchwise(formula, spec.names, data, X, spec.values)
    design = Design(
        X=X,
        y=y,
        weights=w,
        names=spec.names,
        y_name=parsed.term_name(parsed.left),
        index=index,
        labelled=labelled,
        frame=data[list(spec.variables)],
        terms=terms,
        spec=spec,
        intercept=any(term.degree == 0 for term in parsed.right),
        named=True,
        classes=classes,
    )
    return finished(design, notes)


def _counting(
    frame: object, weights: object, notes: list[str]
) -> tuple[object, Array | None, Any, bool]:
    """The rows of a frame that count, how often, their labels, and whether it had any."""
    rows = Rows(rows_of(frame), labels_of_rows(frame), "the frame")
    w, labels = rows.weights(weights, notes), row_labels(rows)
    if w is not None and not np.all(w > 0):
        check_total(float(w.sum()), rows.n, [])
        keep = w > 0
        labels = np.arange(rows.n)[keep] if labels is None else labels[keep]
        frame, w = rows_of(frame, keep), w[keep]
    return frame, w, labels, rows.labels is not None


def _alone(parsed: Parsed) -> list[str]:
    """The columns that stand on their own in a formula."""
    terms = (parsed.left, *parsed.right)
    factors = {factor for term in terms for factor in term.factors}
    names = {factor.expr for factor in factors if factor.eval_method.value == "lookup"}
    return sorted(parsed.sources.get(name, name) for name in names)


def _own_response(parsed: Parsed) -> list[str]:
    """What must be warned of where a predictor is made of the response."""
    response = set(parsed.read([parsed.left]).values())
    for term in parsed.right:
        both = sorted(response & set(parsed.read([term]).values()))
        if both:
            said = (
                f"the term {parsed.term_name(term)!r} of the formula reads {both[0]!r}, and so "
                "does its response: is the response among its own predictors? Drop the term if so"
            )
            return [said]
    return []


def _learnt(
    parsed: Parsed, data: pd.DataFrame, weights: Array | None, flat: Collection[str]
) -> tuple[FormulaSpec, tuple[Term, ...]]:
    """The spec learnt from rows that count as their weights say."""
    sample = counted(data, weights)
    if sample is not None:
        return learnt(parsed, sample, flat)
    spec, terms = learnt(parsed, data, flat)
    other, _ = learnt(parsed, unequal(data), flat)
    changed = differing(spec.values(data), other.values(data))
    if len(changed):
        refuse_weights(parsed.formula, spec.names[changed[0]])
    return spec, terms


def _labels(parsed: Parsed, data: pd.DataFrame) -> tuple[Array | None, tuple[Any, ...] | None]:
    """A response that is one column of labels, numbered; nothing where it is an expression."""
    factors = parsed.left.factors
    if len(factors) != 1 or factors[0].eval_method.value != "lookup":
        return None, None
    name = parsed.sources.get(factors[0].expr, factors[0].expr)
    return numbered(read_labels(data[name], "y"))


def _response(parsed: Parsed, data: pd.DataFrame, weights: Array | None) -> Array:
    """The response as numbers, each a function of its own row."""
    name, tokens = parsed.term_name(parsed.left), parsed.read([parsed.left])

    def learnt_from(rows: pd.DataFrame) -> Any:
        return materialised(
            parsed.formula, unlearnt([parsed.left], full_rank=False), renamed(rows, tokens)
        )[1]

    sample = counted(data, weights)
    spec = learnt_from(data if sample is None else sample)
    if spec.factor_contrasts or len(spec.column_names) != 1:
        raise BadData(
            f"the response {name!r} is a factor or has several columns, not numbers; two labels in "
            "one column need a Bernoulli likelihood"
        )

    def evaluate(rows: pd.DataFrame, spec: Any = spec) -> Array:
        return materialised(parsed.formula, spec, renamed(rows, tokens))[0]

    values = evaluate(data)
    if sample is None and len(differing(values, evaluate(data, learnt_from(unequal(data))))):
        refuse_weights(parsed.formula, name)
    refuse_nonfinite(values, [name], "y")
    refuse_batchwise(parsed.formula, [name], data, values, evaluate)
    return values[:, 0]
