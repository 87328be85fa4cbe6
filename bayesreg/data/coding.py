"""How a formula's factors became columns: the coding, reference and level of each, as records.

Asked of what formulaic has parsed and learnt; no name is taken apart.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from bayesreg.data.terms import Factor, Level, Term


def written_out(factor: Any) -> bool:
    """Whether a formulaic factor is a call of ``C`` that says its contrasts."""
    if factor.eval_method.value != "python":
        return False
    call = ast.parse(factor.expr.replace("`", "'"), mode="eval").body
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name)):
        return False
    if call.func.id not in ("C", "hashed"):
        return False
    place = {"C": 1, "hashed": 2}[call.func.id]
    said = call.args[place : place + 1] + [k.value for k in call.keywords if k.arg == "contrasts"]
    return any(not (isinstance(one, ast.Constant) and one.value is None) for one in said)


def record(term: Any, spec: Any, columns: tuple[int, ...], width: Callable[[Any], int]) -> Term:
    """The term with the coding that its factors got, and the levels of each column.

    Parameters
    ----------
    term : formulaic term
    spec : formulaic ModelSpec
        As learnt from the data.
    columns : tuple of int
        Positions of its columns in the design.
    width : callable
        How many columns a factor of numbers makes.
    """
    states = {f.expr: state for f, state in spec.factor_contrasts.items()}
    factors = [f for f in term.factors if f.expr in states]
    if not factors:
        return Term(str(term), columns)
    structure = next(s for s in spec.structure if s.term == term)
    reduced = {f.factor.expr for one in structure.scoped_terms for f in one.factors if f.reduced}
    coded = tuple(
        _factor(f.expr, states[f.expr], reduced=f.expr in reduced, said=written_out(f))
        for f in factors
    )
    left_out = [f.reference for f in coded if f.name in reduced and f.reference is not None]
    coding = "indicator"
    if reduced:
        coding = " and ".join(sorted({f.coding for f in coded if f.name in reduced}))
    return Term(
        str(term),
        columns,
        coding,
        ":".join(map(str, left_out)) or None,
        coded,
        tuple(_levels(structure.scoped_terms, states, [f.expr for f in factors], width)),
    )


def _factor(expr: str, state: Any, *, reduced: bool, said: bool) -> Factor:
    levels = tuple(plain_level(level) for level in state.levels)
    if not reduced:
        return Factor(expr, levels, "indicator", _left_out(state) if said else None)
    coding = type(state.contrasts).__name__.removesuffix("Contrasts").lower()
    return Factor(expr, levels, coding, _left_out(state))


def _left_out(state: Any) -> Level:
    """The level that treatment coding leaves out; None under the other codings."""
    if not hasattr(state.contrasts, "base"):
        return None
    return plain_level(state.levels[state.contrasts._find_base_index(list(state.levels))])


def _levels(
    scoped: Any, states: Mapping[str, Any], among: list[str], width: Callable[[Any], int]
) -> Iterator[tuple[Level, ...]]:
    """The levels of each column, in the order in which formulaic multiplies: first factor first."""
    for part in scoped:
        fields = []
        for one in part.factors:
            expr = one.factor.expr
            if expr in states:
                fields.append([(expr, level) for level in _fields(states[expr], one.reduced)])
            else:
                fields.append([(expr, None)] * width(one.factor.factor))
        for product in itertools.product(*reversed(fields)):
            found = dict(product)
            yield tuple(found.get(expr) for expr in among)


def _fields(state: Any, reduced: bool) -> list[Level]:
    """What each column of a coded factor stands for: a level, or None."""
    levels = list(state.levels)
    names = state.contrasts.get_coding_column_names(levels, reduced_rank=reduced)
    if reduced and type(state.contrasts).__name__ in ("PolyContrasts", "CustomContrasts"):
        return [None] * len(names)
    return [plain_level(name) for name in names]


def plain_level(level: Any) -> Level:
    """A level as Python has it; what is neither text nor a number (dates, intervals), as text."""
    value = level.item() if isinstance(level, np.generic) else level
    return value if isinstance(value, str | int | float | bool) else str(level)
