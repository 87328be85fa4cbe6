"""Formulas as JSON: terms, levels and what transformations learnt, from which new rows are coded.

A formula is code, and a stranger's file is not to be run: what is read back may use operators,
formulaic's transformations, NumPy's functions of one row, and little else. A formula that uses
more is not kept, which `save` says.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bayesreg.data.coding import FormulaSpec, unlearnt
from bayesreg.data.layout import Layout
from bayesreg.data.variables import BOOL, CATEGORY, NUMBER, TEXT, Variable
from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadData
from bayesreg.storage.values import Unsayable, from_json, to_json

METHODS = ("lookup", "python", "literal")
KINDS = (NUMBER, BOOL, TEXT, CATEGORY)
ROWWISE = ("where", "clip", "isin", "round", "pi", "e", "inf")
METHODS_OF_COLUMNS = ("abs", "between", "clip", "isin", "round")
_GRAMMAR = (
    ast.Expression, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.operator, ast.unaryop,
    ast.boolop, ast.cmpop, ast.Constant, ast.Name, ast.Load, ast.Call, ast.keyword, ast.Tuple,
    ast.List, ast.Dict, ast.Attribute,
)  # fmt: skip


@dataclass(frozen=True)
class LostFormula:
    """In place of a formula that was not saved: new rows must have the columns that it made.

    Attributes
    ----------
    plain : Layout
        The saved one, by its columns.
    why : str
        Why there is no formula, and what to do.
    """

    plain: Layout
    why: str

    def encode(self, new: object, notes: list[str]) -> Array:
        """New rows in the columns of the design; BadData, saying why, if they are not in these."""
        try:
            return self.plain.encode(new)
        except BadData as error:
            raise BadData(f"{self.why} ({error})") from None


def formula_to_json(spec: FormulaSpec) -> dict[str, Any]:
    """The formula with all that it learnt.

    Raises
    ------
    Unsayable
        If something in it has no form in JSON, or may not be run from a file.
    """
    specs = [one for one, _, _ in spec.parts] + ([] if spec.offset is None else [spec.offset])
    for factor in (factor for one in specs for factor in one.factors):
        if factor.eval_method.value == "python":
            _refuse_more_than_grammar(factor.expr)
    record = {} if spec.offset is None else {"offset": _part(spec.offset, [], [])}
    return {
        **record,
        "beside": list(spec.beside),
        "formula": spec.formula,
        "names": list(spec.names),
        "tokens": dict(spec.tokens),
        "variables": [variable_to_json(one) for one in spec.variables.values()],
        "levels": [[name, to_json(list(levels))] for name, levels in spec.levels.items()],
        "parts": [_part(*part) for part in spec.parts],
    }


def formula_from_json(record: Any, names: Sequence[str]) -> FormulaSpec:
    """The formula that :func:`formula_to_json` wrote; BadData if it has another form."""
    try:
        variables = [variable_from_json(one) for one in record["variables"]]
        tokens = {_text(token): _text(column) for token, column in record["tokens"].items()}
        spec = FormulaSpec(
            _text(record["formula"]),
            tuple(_rebuilt(part) for part in record["parts"]),
            tuple(map(_text, record["names"])),
            tokens,
            {one.name: one for one in variables},
            {_text(name): _levels(levels) for name, levels in record["levels"]},
            _rebuilt(record["offset"])[0] if "offset" in record else None,
            tuple(map(_text, record.get("beside", ()))),
        )
        placed = sorted(j for _, _, target in spec.parts for j in target)
        known = set(spec.variables) == set(tokens.values()) and set(spec.levels) <= set(
            tokens.values()
        )
        known &= set(spec.beside) <= set(spec.variables)
        if spec.beside and spec.offset is None:
            raise ValueError("it has variables of an offset and no offset")
        if spec.names != tuple(names) or placed != list(range(len(names))) or not known:
            raise ValueError("its columns are not those of the data")
    except BadData:
        raise
    except (
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        IndexError,
        SyntaxError,
        Unsayable,
    ) as error:
        raise BadData(f"the saved formula is corrupt: {error}") from None
    return spec


def variable_to_json(variable: Variable) -> list[Any]:
    """Name, kind and levels of a variable."""
    return [variable.name, variable.kind, to_json(list(variable.levels))]


def variable_from_json(record: Any) -> Variable:
    """The variable that :func:`variable_to_json` wrote; ValueError if it has another form."""
    name, kind, levels = record
    if kind not in KINDS:
        raise ValueError(f"a variable is of kind {kind!r}")
    return Variable(_text(name), kind, tuple(_levels(levels)))


def _part(spec: Any, source: list[int], target: list[int]) -> dict[str, Any]:
    coded = {
        expr: [kind.value, to_json(state.get("categories"))]
        for expr, (kind, state) in spec.encoder_state.items()
    }
    return {
        "full_rank": bool(spec.ensure_full_rank),
        "source": list(source),
        "target": list(target),
        "terms": [
            {
                "factors": [[f.expr, f.eval_method.value] for f in row.term.factors],
                "columns": list(row.columns),
                "scoped": [
                    [[[f.factor.expr, bool(f.reduced)] for f in one.factors], float(one.scale)]
                    for one in row.scoped_terms
                ],
            }
            for row in spec.structure
        ],
        "learnt": to_json(spec.transform_state),
        "coded": coded,
    }


def _rebuilt(part: Mapping[str, Any]) -> tuple[Any, list[int], list[int]]:
    """A learnt spec of formulaic, with which columns it gives and where they belong."""
    from formulaic.materializers.base import EncodedTermStructure
    from formulaic.parser.types import Factor, Term

    terms, structure = [], []
    for row in part["terms"]:
        factors = [_factor(Factor, *pair) for pair in row["factors"]]
        by_name = {factor.expr: factor for factor in factors}
        terms.append(Term(factors))
        scoped = [_scoped(by_name, *one) for one in row["scoped"]]
        structure.append(EncodedTermStructure(terms[-1], scoped, list(map(_text, row["columns"]))))
    width = sum(len(row.columns) for row in structure)
    source, target = ([_place(j) for j in part[key]] for key in ("source", "target"))
    if len(source) != len(target) or any(j >= width for j in source):
        raise ValueError("columns are missing")
    spec = unlearnt(
        terms,
        full_rank=bool(part["full_rank"]),
        structure=structure,
        transform_state=_mapping(from_json(part["learnt"])),
        encoder_state={
            _text(expr): (
                Factor.Kind(kind),
                {} if found is None else {"categories": from_json(found)},
            )
            for expr, (kind, found) in part["coded"].items()
        },
    )
    return spec, source, target


def _factor(cls: Any, expr: Any, method: Any) -> Any:
    if method not in METHODS:
        raise ValueError(f"a factor is read by {method!r}")
    if method == "python":
        _refuse_more_than_grammar(_text(expr))
    return cls(_text(expr), eval_method=method)


def _scoped(by_name: Mapping[str, Any], pairs: Any, scale: Any) -> Any:
    from formulaic.materializers.types import (
        EvaluatedFactor,
        FactorValues,
        ScopedFactor,
        ScopedTerm,
    )

    return ScopedTerm(
        [
            ScopedFactor(EvaluatedFactor(by_name[name], FactorValues(None)), reduced=bool(reduced))
            for name, reduced in pairs
        ],
        scale=float(scale),
    )


def _refuse_more_than_grammar(expression: str) -> None:
    """Raise Unsayable where an expression calls what a file may not have called."""
    from formulaic.transforms import TRANSFORMS

    tree = ast.parse(expression, mode="eval")
    functions = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        allowed = isinstance(node, _GRAMMAR)
        if isinstance(node, ast.Attribute):
            allowed = _is_allowed(node)
        elif isinstance(node, ast.Call):
            allowed = isinstance(node.func, ast.Name | ast.Attribute)
        elif isinstance(node, ast.Name) and id(node) in functions:
            allowed = node.id in set(TRANSFORMS) - {"np", "contr"}
        if not allowed:
            raise Unsayable(f"{ast.unparse(node)!r} in {expression!r}")


def _is_allowed(node: ast.Attribute) -> bool:
    """``np.`` functions of one row, ``contr.`` contrasts, and a few methods of a column."""
    base, name = node.value, node.attr
    if name.startswith("_"):
        return False
    if isinstance(base, ast.Name) and base.id == "np":
        return name in ROWWISE or isinstance(getattr(np, name, None), np.ufunc)
    if isinstance(base, ast.Name) and base.id == "contr":
        return True
    if isinstance(base, ast.Attribute) and base.attr == "str":
        return True
    return isinstance(base, ast.Name) and name in (*METHODS_OF_COLUMNS, "str")


def _levels(record: Any) -> list[Any]:
    """Levels: what can be looked up, whole numbers within 64 bits."""
    levels = list(from_json(record))
    if len(set(levels)) < len(levels):  # TypeError where one cannot be looked up
        raise ValueError("two levels are equal")
    if any(isinstance(level, int) and abs(level) >= 2**63 for level in levels):
        raise ValueError("a level is beyond 64 bits")
    return levels


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _place(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{value!r} is no position")
    return value


def _mapping(value: Any) -> dict[Any, Any]:
    if not isinstance(value, dict):
        raise TypeError("what was learnt is no mapping")
    return value
