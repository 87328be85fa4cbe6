"""Formulas: ``y ~ x + C(g)`` read by formulaic into a Design whose terms record their coding.

A factor under a proper prior gets one indicator column per level, so that the prior treats all
levels alike; under `Flat` it gets treatment coding and its reference level is named, because a
column per level beside an intercept is not identified without a prior.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.data.coding import record, written_out
from bayesreg.data.columns import refuse_nonfinite
from bayesreg.data.design import Design, finished
from bayesreg.data.frames import (
    column_names,
    is_text,
    read_variables,
    refuse_number_text,
    refuse_unseen,
    variables,
)
from bayesreg.data.labels import numbered, read_labels
from bayesreg.data.rows import Rows, row_labels
from bayesreg.data.terms import Term
from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadArgument, BadData

if TYPE_CHECKING:
    import pandas as pd


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
        Frequencies.
    flat_terms : collection of str
        Terms without a prior, whose factors get treatment coding; ``"..."`` stands for every term
        except those listed as ``"!name"``. A contrast that is written out, such as
        ``C(g, contr.treatment("b"))``, is kept as written under any prior.
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
        If the formula cannot be parsed or evaluated.
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
    columns = column_names(frame, "the frame")
    left, right = _parsed(formula, columns)
    factors = [factor for term in (left, *right) for factor in term.factors]
    data, index = read_variables(frame, variables(factors, columns), "the frame", notes)
    refuse_number_text(data, sorted({factor.expr for factor in factors}), "the frame")
    y, classes = _labels(left, data) if labels else (None, None)
    if y is None:
        y = _response(formula, left, data)
    spec, terms = _coded(formula, right, data, flat_terms)
    rows = Rows(len(y), index, "the frame")
    w = rows.weights(weights, notes)
    design = Design(
        X=spec.evaluate(data, "X"),
        y=y,
        weights=w,
        names=spec.names,
        y_name=str(left),
        index=row_labels(rows),
        labelled=rows.labels is not None,
        terms=terms,
        spec=spec,
        intercept=any(term.degree == 0 for term in right),
        named=True,
        classes=classes,
    )
    return finished(design, notes)


@dataclass(frozen=True, eq=False)
class FormulaSpec:
    """The right-hand side of a formula with the levels and transformations learnt at the fit.

    Attributes
    ----------
    formula : str
    parts : tuple of (formulaic.ModelSpec, source columns, target columns)
        One for the indicator-coded terms, one for those of reduced rank.
    names : tuple of str
        All columns, in the order of the formula.
    variables : frozenset of str
        The columns of the frame that it reads.
    numbers : frozenset of str
        Those among them that held numbers.
    levels : mapping
        Categories seen at the fit, by variable.
    """

    formula: str
    parts: tuple[tuple[Any, list[int], list[int]], ...]
    names: tuple[str, ...]
    variables: frozenset[str]
    numbers: frozenset[str]
    levels: Mapping[str, Sequence[Any]]

    def evaluate(self, data: pd.DataFrame, what: str) -> Array:
        """The columns (n, p) of a checked frame; finite, or an error that names the column."""
        out = np.empty((len(data), len(self.names)))
        for spec, source, target in self.parts:
            if source:
                out[:, target] = _materialised(self.formula, spec, data)[0][:, source]
        refuse_nonfinite(out, self.names, what)
        return out

    def encode(self, new: object, notes: list[str]) -> Array:
        """The columns of new rows, coded as at the fit."""
        data, _ = read_variables(new, self.variables, "new X", notes)
        refuse_unseen(data, self.levels, sorted(self.numbers), "new X")
        return self.evaluate(data, "new X")


def _parsed(formula: str, names: Sequence[str]) -> tuple[Any, list[Any]]:
    """The response term and the terms of the right-hand side."""
    from formulaic import Formula, SimpleFormula
    from formulaic.errors import FormulaicError

    if not isinstance(formula, str):
        raise BadArgument(f"formula must be text such as 'y ~ x', not {type(formula).__name__}")
    try:
        parsed = Formula(formula, _context={"__formulaic_variables_available__": list(names)})
    except (FormulaicError, SyntaxError) as error:
        raise BadArgument(f"formula {formula!r} cannot be read: {_plain(error)}") from None
    if isinstance(parsed, SimpleFormula) or set(parsed._structure) != {"lhs", "rhs"}:
        raise BadArgument(f"formula {formula!r} has no response; write 'y ~ x'")
    if not isinstance(parsed.lhs, SimpleFormula) or len(parsed.lhs) != 1:
        raise BadArgument(f"formula {formula!r} must have one response on the left of ~")
    if not isinstance(parsed.rhs, SimpleFormula):
        raise BadArgument(f"formula {formula!r} has several parts; '|' has no meaning here")
    return parsed.lhs[0], list(parsed.rhs)


def _plain(error: BaseException) -> str:
    """A formulaic message without terminal colours, its mark written >>so<<."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).replace("⧛", ">>").replace("⧚", "<<")
    return " ".join(text.split())


def _materialised(formula: str, spec: Any, data: pd.DataFrame) -> tuple[Array, Any]:
    """Evaluate a spec on a frame: values (n, columns) and the spec with what it learnt."""
    from formulaic.errors import DataMismatchWarning

    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("error", DataMismatchWarning)
            matrix = spec.get_model_matrix(data, context={})
    except DataMismatchWarning as warning:
        raise BadData(f"formula {formula!r}: {_plain(warning)}") from None
    except Exception as error:  # noqa: BLE001 - whatever a function in the formula raises
        raise BadArgument(f"formula {formula!r} cannot be evaluated: {_plain(error)}") from None
    return np.asarray(matrix, dtype=np.float64), matrix.model_spec


def _spec(terms: Sequence[Any], *, full_rank: bool) -> Any:
    from formulaic import Formula, ModelSpec

    return ModelSpec.from_spec(
        Formula(list(terms), _ordering="none"),
        ensure_full_rank=full_rank,
        na_action="ignore",
        output="numpy",
    )


def _labels(term: Any, data: pd.DataFrame) -> tuple[Array | None, tuple[Any, ...] | None]:
    """A response that is one column of labels, numbered; nothing where it is an expression."""
    if len(term.factors) != 1 or term.factors[0].eval_method.value != "lookup":
        return None, None
    return numbered(read_labels(data[term.factors[0].expr], "y"))


def _response(formula: str, term: Any, data: pd.DataFrame) -> Array:
    values, spec = _materialised(formula, _spec([term], full_rank=False), data)
    if spec.factor_contrasts or values.shape[1] != 1:
        raise BadData(
            f"the response {str(term)!r} is a factor or has several columns, not numbers; two "
            "labels in one column need a Bernoulli likelihood"
        )
    refuse_nonfinite(values, [str(term)], "y")
    return values[:, 0]


def _coded(
    formula: str, right: Sequence[Any], data: pd.DataFrame, flat: Collection[str]
) -> tuple[FormulaSpec, tuple[Term, ...]]:
    """Learn the coding: indicators, but reduced rank for flat terms and written-out contrasts."""
    terms = [term for term in right if term.degree > 0]
    _, everything = _materialised(formula, _spec(right, full_rank=False), data)
    written = {f.expr for f in everything.factor_contrasts if written_out(f)}
    reduced = {
        term for term in terms
        if _is_flat(str(term), flat) or any(f.expr in written for f in term.factors)
    }  # fmt: skip
    constant = [term for term in right if term.degree == 0]

    def width(factor: Any) -> int:
        alone = _spec([type(terms[0])([factor])], full_rank=False)
        return _materialised(formula, alone, data)[0].shape[1]

    groups = [
        (_spec([t for t in terms if t not in reduced], full_rank=False), False),
        (_spec([*constant, *(t for t in terms if t in reduced)], full_rank=True), True),
    ]
    learnt = [(_materialised(formula, spec, data)[1], is_reduced) for spec, is_reduced in groups]
    names: list[str] = []
    records: list[Term] = []
    places: tuple[tuple[list[int], list[int]], ...] = (([], []), ([], []))
    for term in terms:
        k = int(term in reduced)
        where = learnt[k][0].term_slices[term]
        here = range(len(names), len(names) + where.stop - where.start)
        places[k][0].extend(range(where.start, where.stop))
        places[k][1].extend(here)
        names.extend(learnt[k][0].column_names[where])
        records.append(record(term, learnt[k][0], tuple(here), width))
    parts = tuple((spec, *place) for (spec, _), place in zip(learnt, places, strict=True))
    columns = list(data.columns)
    used = {factor.expr: variables([factor], columns) for t in right for factor in t.factors}
    levels = _levels(everything, used, data)
    read = frozenset(name for found in used.values() for name in found)
    numbers = frozenset(
        name for name in read if not is_text(data[name]) and data[name].dtype.name != "category"
    )
    return FormulaSpec(formula, parts, tuple(names), read, numbers, levels), tuple(records)


def _is_flat(name: str, flat: Collection[str]) -> bool:
    return name in flat or ("..." in flat and f"!{name}" not in flat)


def _levels(spec: Any, used: Mapping[str, set[str]], data: pd.DataFrame) -> dict[str, list[Any]]:
    """Categories by variable, for the factors that are one variable."""
    levels = {}
    for factor, state in spec.factor_contrasts.items():
        if len(used[factor.expr]) == 1:
            (name,) = used[factor.expr]
            if set(data[name].unique()) <= set(state.levels):
                levels[name] = list(state.levels)
    return levels
