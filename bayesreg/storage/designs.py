"""Designs as arrays and JSON: rows with their labels, terms with their levels, and the formula."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array

from bayesreg.data.coded_columns import CodedColumns
from bayesreg.data.coding import FormulaSpec
from bayesreg.data.design import Design, finished
from bayesreg.data.fields import Arrays, Meta, checked, put_together, taken_apart
from bayesreg.data.sparse import SparseRows, read_sparse
from bayesreg.data.terms import Factor, Level, Term
from bayesreg.language.errors import BadData
from bayesreg.language.warned import warn
from bayesreg.storage.formulas import (
    LostFormula,
    formula_from_json,
    formula_to_json,
    variable_from_json,
    variable_to_json,
)
from bayesreg.storage.frames import frame_from_payload, frame_to_payload
from bayesreg.storage.values import Unsayable, from_json, to_json


def design_to_payload(design: Design) -> tuple[Arrays, Meta]:
    """Rows, labels, terms and formula of a design; what cannot be kept is warned of."""
    apart = ("X", "names", "terms", "spec", "index", "classes", "order", "frame")
    arrays, meta = taken_apart(design, *apart)
    arrays |= _stored(design.X)
    meta["terms"] = [term._asdict() for term in design.terms]
    for name, labels in (("classes", design.classes), ("order", design.order)):
        if labels is not None:
            meta[name] = [to_json(label) for label in labels]
    if design.index is not None:
        _keep_labels(design.index, arrays, meta)
    if isinstance(design.spec, FormulaSpec):
        columns, kept = kept_formula(design.spec, design.names, design.frame)
        arrays, meta = {**arrays, **columns}, {**meta, **kept}
    elif isinstance(design.spec, CodedColumns):
        meta["columns"] = [variable_to_json(one) for one in design.spec.variables]
    elif isinstance(design.spec, LostFormula):
        meta["lost"] = design.spec.why
    return arrays, meta


def design_from_payload(
    arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any], names: tuple[str, ...]
) -> Design:
    """The design, its values checked as those of new data are."""
    y = arrays["y"]
    X = _cells(arrays, (len(y), len(names)))
    if X.ndim != 2 or X.shape != (len(y), len(names)):
        raise BadData(f"the saved data are corrupt: X has the shape {X.shape}")
    for name in ("offset", "trials", "weights"):
        if name in arrays and arrays[name].shape != (len(y),):
            raise BadData(f"the saved data are corrupt: {name} has the shape {arrays[name].shape}")
    terms = tuple(term_from_json(term, len(names)) for term in meta["terms"])
    design: Design = put_together(
        Design,
        {**meta, **arrays},
        X=X,
        names=names,
        terms=terms,
        spec=_spec(meta, names, terms),
        frame=frame_from_payload(arrays, meta["variables"], len(y))
        if "variables" in meta
        else None,
        index=_labels(arrays, meta, len(y)),
        classes=_said(meta, "classes"),
        order=_said(meta, "order"),
    )
    design = finished(design, list(meta["notes"]))
    why = meta.get("lost")
    if why is None and design.spec is None and any(term.coding is not None for term in terms):
        why = (
            "this result was saved without what made its columns; pass new X with the columns "
            f"{_some(design.names)}, or fit again"
        )
    return design if why is None else dataclasses.replace(design, spec=LostFormula(design, why))


def _said(meta: Mapping[str, Any], name: str) -> tuple[Any, ...] | None:
    """Labels of y, if it has some."""
    return None if name not in meta else tuple(map(from_json, meta[name]))


def _stored(X: Any) -> Arrays:
    """All cells, or of a sparse X those that are not zero and where they are."""
    if not isinstance(X, SparseRows):
        return {"X": X}
    own = X.columns
    return {"X_data": own.data, "X_indices": own.indices, "X_indptr": own.indptr}


def _cells(arrays: Mapping[str, NDArray[Any]], shape: tuple[int, int]) -> Any:
    """What :func:`_stored` has kept, its indices checked as those of a new sparse X are."""
    if "X" in arrays:
        return checked(arrays["X"], "Array", "X")
    parts = tuple(arrays[f"X_{name}"] for name in ("data", "indices", "indptr"))
    return read_sparse(csc_array(parts, shape=shape), "the saved X", []).values


def _spec(
    meta: Mapping[str, Any], names: tuple[str, ...], terms: tuple[Term, ...]
) -> FormulaSpec | CodedColumns | None:
    """What codes new rows: a formula, or the columns of a file."""
    if "formula" in meta:
        return formula_from_json(meta["formula"], names)
    if "columns" not in meta:
        return None
    variables = tuple(map(variable_from_json, meta["columns"]))
    placed = sorted(j for term in terms for j in term.columns)
    if placed != list(range(len(names))) or [v.name for v in variables] != [t.name for t in terms]:
        raise BadData("the saved columns are corrupt: they are not those of the terms")
    if any(len(t.factors) > 1 or (len(t.columns) > 1 and not t.factors) for t in terms):
        raise BadData("the saved columns are corrupt: a term is not of one column")
    return CodedColumns(variables, terms)


def kept_formula(
    spec: FormulaSpec, names: tuple[str, ...], frame: Any = None
) -> tuple[Arrays, Meta]:
    """A formula and the variables that it read; why it is lost, which is warned of, if it is."""
    arrays: Arrays = {}
    try:
        meta: Meta = {"formula": formula_to_json(spec)}
        if frame is not None:
            arrays, meta["variables"] = frame_to_payload(frame)
    except Unsayable as error:
        why = (
            f"the formula {spec.formula!r} could not be saved, for {error} is nothing that a file "
            f"may hold; pass new X with the columns that it made, {_some(names)}"
        )
        warn(why)
        return {}, {"lost": why}
    return arrays, meta


def _some(names: tuple[str, ...]) -> str:
    shown = ", ".join(map(repr, names[:5]))
    return shown + (", …" if len(names) > 5 else "")


def _keep_labels(index: NDArray[Any], arrays: Arrays, meta: Meta) -> None:
    """Row labels: numbers and times as arrays, others as JSON, and as text what has no form."""
    if index.dtype.kind in "iufb":
        arrays["index"] = index
    elif index.dtype.kind in "mM":
        arrays["index"], meta["index_dtype"] = index.view(np.int64), index.dtype.str
    else:
        try:
            meta["labels"] = [to_json(label) for label in index]
        except Unsayable as error:
            meta["labels"] = [str(label) for label in index]
            warn(f"row labels of type {error} are saved as text, and are text when loaded")


def _labels(
    arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any], n: int
) -> NDArray[Any] | None:
    """Row labels as they were; files of earlier versions have text under another name."""
    index = arrays.get("index")
    if index is not None and "index_dtype" in meta:
        dtype = np.dtype(meta["index_dtype"])
        if dtype.kind not in "mM" or index.dtype != np.int64:
            raise BadData(f"the saved row labels are corrupt: {meta['index_dtype']!r}")
        index = index.view(dtype)
    elif index is None and ("labels" in meta or "index" in meta):
        found = meta["labels"] if "labels" in meta else meta["index"]
        index = np.empty(len(found), dtype=object)
        for row, label in enumerate(found):
            index[row] = from_json(label)
    if index is not None and index.shape != (n,):
        raise BadData(f"the saved row labels are corrupt: {index.shape} of them for {n} rows")
    return index


def term_from_json(saved: Mapping[str, Any], width: int) -> Term:
    """A term, every part of it checked; files of earlier versions have no levels."""
    term = Term(
        saved["name"],
        tuple(saved["columns"]),
        saved["coding"],
        saved["reference"],
        tuple(
            Factor(name, tuple(levels), coding, *more)
            for name, levels, coding, *more in saved.get("factors", ())
        ),
        tuple(tuple(one) for one in saved.get("levels", ())),
        tuple(saved.get("numbers", ())),
        tuple(
            tuple(None if code is None else tuple(code) for code in column)
            for column in saved.get("codes", ())
        ),
    )
    texts = (term.name, term.coding or "", term.reference or "", *term.numbers)
    texts += tuple(text for one in term.factors for text in (one.name, one.coding, one.variable))
    places = all(type(j) is int and 0 <= j < width for j in term.columns)
    if not places or not all(isinstance(text, str) for text in texts):
        raise BadData(f"the saved term {term.name!r} is corrupt")
    if len(set(term.columns)) < len(term.columns):
        raise BadData(f"columns: the saved term {term.name!r} has one twice")
    _refuse_levels(term)
    return term


def _refuse_levels(term: Term) -> None:
    """Raise where levels and codes are not those of the factors, column by column."""
    for factor in term.factors:
        known = [*factor.levels, factor.reference]
        if not factor.levels or not all(isinstance(level, Level) for level in known):
            raise BadData(f"factors: levels of {factor.name!r} are no text and no numbers")
        if len(set(factor.levels)) < len(factor.levels):
            raise BadData(f"factors: two levels of {factor.name!r} are equal")
    count, p = len(term.factors), len(term.columns)
    for name, each in (("levels", term.levels), ("codes", term.codes)):
        needed = bool(count) if name == "levels" else bool(each)  # of each column and factor
        if any(len(one) != count for one in each) or (needed and len(each) != p):
            raise BadData(f"{name}: those of the saved term {term.name!r} are corrupt")
    stands = [pair for column in term.levels for pair in zip(column, term.factors, strict=True)]
    if any(level is not None and level not in factor.levels for level, factor in stands):
        raise BadData(f"levels: a column of {term.name!r} stands for none of its factor's")
    codes = [pair for column in term.codes for pair in zip(column, term.factors, strict=True)]
    if not all(code is None or _is_code(code, factor) for code, factor in codes):
        raise BadData(f"codes: those of the saved term {term.name!r} are corrupt")


def _is_code(code: tuple[float, ...], factor: Factor) -> bool:
    """Whether these are numbers, one for each level."""
    numbers = all(type(one) in (int, float) and np.isfinite(one) for one in code)
    return numbers and len(code) == len(factor.levels)
