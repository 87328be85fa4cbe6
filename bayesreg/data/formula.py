"""Formulas: ``y ~ x + C(g)`` read by formulaic into a Design whose terms record their coding.

A factor under a proper prior gets one indicator column per level, so that the prior treats all
levels alike; under `Flat` it gets treatment coding and its reference level is named, because a
column per level beside an intercept is not identified without a prior.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
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
    refuse_no_column,
    refuse_number_text,
    rows_of,
    take_response,
)
from bayesreg.data.grammar import Parsed, parse
from bayesreg.data.known import Known, refuse_named_twice, whole_trials
from bayesreg.data.labels import declared_order, numbered, read_labels
from bayesreg.data.rows import Rows, check_total, row_labels
from bayesreg.data.rowwise import counted, differing, refuse_batchwise, refuse_weights, unequal
from bayesreg.data.variables import refuse_unsaid
from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadArgument, BadData

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
    offset: object = None,
    exposure: object = None,
    trials: object = None,
    levels: Mapping[str, Sequence[Any]] | None = None,
) -> Design:
    """Read a Wilkinson–Rogers formula on a data frame into a Design.

    Parameters
    ----------
    formula : str
        ``"y ~ x + C(g)"``, with interactions (``:``, ``*``) and transformations (``log(x)``,
        ``poly(x, 2)``, ``bs(x, df=4)``); ``- 1`` leaves the intercept out; ``offset(z)`` is a part
        of η with coefficient one, several add up; ``cbind(won, lost) ~ x`` counts successes and
        failures. Functions in it are evaluated: a formula is code, so take none from a source whose
        code you would not run.
    frame : pandas, polars or pyarrow frame
    weights : array (n,), series or column of the frame, optional
        Frequencies. Levels, means and knots are learnt from rows that count so often; rows of
        weight 0 have no say in them.
    flat_terms : collection of str
        Terms without a prior, whose factors get treatment coding; ``"..."`` stands for every term
        except those listed as ``"!name"``. A contrast that is written out, such as
        ``C(g, Treatment("b"))``, ``C(g, Sum)`` or ``C(g, contr.helmert)``, is kept as written
        under any prior.
    labels : bool, default False
        Whether the response may be a column of labels, read into ``Design.classes``.
    offset, exposure, trials : array (n,), series or column of the frame, optional
        As in `Design.of`; an offset that is in the formula is made of new rows by itself.
    levels : mapping of str to sequence, optional
        Of columns, all levels in order, whether a row has them or not.

    Returns
    -------
    Design
        ``terms`` record each term's columns, coding and reference; ``intercept`` is False if the
        formula leaves it out, else True; ``spec`` re-applies the formula in `Design.encode`.

    Raises
    ------
    BadArgument
        If the formula cannot be parsed or evaluated; if a column of it is no function of its own
        row (``x - x.mean()``); if weights that are no whole numbers meet a term that learns; if
        there is an offset in the formula and one beside it.
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
    parsed = parse(formula, column_names(frame, "the frame"))
    beside = {"offset": offset, "exposure": exposure, "trials": trials}
    refuse_twice(parsed, beside)
    frame, w, index, labelled, known = _counting(frame, weights, beside, notes)
    data = _variables(parsed, frame, levels, notes)
    notes += own_response(parsed)
    spec, terms = _learnt(parsed, data, w, flat_terms)
    y, classes, order = _outcome(parsed, data, w, labels=labels)
    if parsed.offsets:
        known = replace(known, offset=_shift(spec, data))
    if parsed.lost is not None:
        known = replace(known, trials=whole_trials(y, _response(parsed, parsed.lost, data, w)))
    design = Design(
        X=_columns(spec, data),
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
        order=order,
        offset=known.offset,
        trials=known.trials,
    )
    return finished(design.knowing(beside), notes)


def _variables(
    parsed: Parsed, frame: object, levels: Mapping[str, Sequence[Any]] | None, notes: list[str]
) -> pd.DataFrame:
    """The variables, those with said levels as categories of these."""
    import pandas as pd

    data, _ = read_variables(frame, parsed.read(parsed.terms).values(), "the frame", notes)
    levels = levels or {}
    refuse_no_column(sorted(levels), list(map(str, data)), "the formula")
    for name, said in levels.items():
        refuse_unsaid(data[name], name, list(said))
    kept = {n: pd.Categorical(data[n], categories=list(said)) for n, said in levels.items()}
    data = data.assign(**kept)
    refuse_number_text(data, alone(parsed), "the frame")
    return data


def _columns(spec: FormulaSpec, data: pd.DataFrame) -> Array:
    """The columns (n, p) of the rows of the fit, each a function of its own row."""
    X = spec.values(data)
    refuse_nonfinite(X, spec.names, "X")
    refuse_batchwise(spec.formula, spec.names, data, X, spec.values)
    return X


def refuse_twice(parsed: Parsed, beside: Mapping[str, object]) -> None:
    """An offset, or a number of trials, is in the formula or beside it."""
    for inside, names in ((parsed.offsets, ("offset", "exposure")), (parsed.lost, ("trials",))):
        given = [name for name in names if beside[name] is not None]
        if inside and given:
            cure = "add log(exposure) to it" if given == ["exposure"] else f"leave {given[0]}= out"
            raise BadArgument(
                f"formula {parsed.formula!r} says it already, and {given[0]}= was passed; {cure}"
            )


def _counting(
    frame: object, weights: object, beside: Mapping[str, object], notes: list[str]
) -> tuple[object, Array | None, Any, bool, Known]:
    """The rows that count, how often, their labels, whether there were any, and what is known."""
    rows = Rows(rows_of(frame), labels_of_rows(frame), "the frame")
    if rows.n == 0:
        raise BadData("the frame has no rows")
    refuse_named_twice({"weights": weights, **beside})
    given = {name: _column(frame, value, name) for name, value in beside.items()}
    w = rows.weights(_column(frame, weights, "weights"), notes)
    labels = row_labels(rows)
    known = Known.read(rows, **given, notes=notes, weights=w)
    if w is not None and not np.all(w > 0):
        check_total(float(w.sum()), rows.n, [])
        keep = w > 0
        labels = np.arange(rows.n)[keep] if labels is None else labels[keep]
        frame, w, known = rows_of(frame, keep), w[keep], known.take(keep)
    return frame, w, labels, rows.labels is not None, known


def _column(frame: object, values: object, what: str) -> Any:
    """An argument by row, or the column of the frame that it names."""
    return take_response(frame, values, what)[1] if isinstance(values, str) else values


def _shift(spec: FormulaSpec, data: pd.DataFrame) -> Array:
    """The offset of the rows of the fit, each a function of its own row."""

    def evaluate(rows: pd.DataFrame) -> Array:
        found = spec.shift(rows)
        assert found is not None
        return found[:, None]

    values = evaluate(data)
    refuse_batchwise(spec.formula, ["offset(...)"], data, values, evaluate)
    return values[:, 0]


def alone(parsed: Parsed) -> list[str]:
    """The columns that stand on their own in a formula."""
    factors = {factor for term in parsed.terms for factor in term.factors}
    names = {factor.expr for factor in factors if factor.eval_method.value == "lookup"}
    return sorted(parsed.sources.get(name, name) for name in names)


def own_response(parsed: Parsed) -> list[str]:
    """What must be warned of where a predictor is made of the response."""
    response = set(parsed.read(parsed.response).values())
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
    if parsed.offsets and len(differing(_shift(spec, data), _shift(other, data))):
        refuse_weights(parsed.formula, "offset(...)")
    return spec, terms


# y, the labels that its numbers stand for, and their order if it was declared.
type Outcome = tuple[Array, tuple[Any, ...] | None, tuple[Any, ...] | None]


def _outcome(parsed: Parsed, data: pd.DataFrame, weights: Array | None, *, labels: bool) -> Outcome:
    """The response as numbers, and the labels that these stand for, where it may have some."""
    found = _labels(parsed, data) if labels else None
    return (_response(parsed, parsed.left, data, weights), None, None) if found is None else found


def _labels(parsed: Parsed, data: pd.DataFrame) -> Outcome | None:
    """A response that is one column of labels, numbered; nothing where it is an expression."""
    factors = parsed.left.factors
    if parsed.lost is not None or len(factors) != 1 or factors[0].eval_method.value != "lookup":
        return None
    values = data[parsed.sources.get(factors[0].expr, factors[0].expr)]
    order = declared_order(values)
    return *numbered(read_labels(values, "y"), order), order


def _response(parsed: Parsed, term: Any, data: pd.DataFrame, weights: Array | None) -> Array:
    """The response as numbers, each a function of its own row."""
    name, tokens = parsed.term_name(term), parsed.read([term])

    def learnt_from(rows: pd.DataFrame) -> Any:
        return materialised(
            parsed.formula, unlearnt([term], full_rank=False), renamed(rows, tokens)
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
