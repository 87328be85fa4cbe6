"""How a formula's terms became columns: what is learnt at the fit, re-applied to new rows.

Asked of what formulaic has parsed and learnt; no name is taken apart.
"""

from __future__ import annotations

import ast
import itertools
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bayesreg.data.columns import refuse_duplicates, refuse_nonfinite
from bayesreg.data.frames import read_variables, refuse_unseen
from bayesreg.data.grammar import Parsed, plain, same
from bayesreg.data.terms import Factor, Level, Term
from bayesreg.data.variables import Variable, refuse_lookalikes
from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadArgument, BadData

if TYPE_CHECKING:
    import pandas as pd


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
    tokens : mapping of str to str
        The names that the parts read, and the column of the frame behind each.
    variables : mapping of str to Variable
        Those columns, of the type that they had at the fit.
    levels : mapping
        Categories seen at the fit, by column.
    offset : formulaic.ModelSpec or None
        What stands in ``offset(...)``, learnt like the other terms.
    beside : tuple of str
        Those of `variables` that nothing else reads.
    """

    formula: str
    parts: tuple[tuple[Any, list[int], list[int]], ...]
    names: tuple[str, ...]
    tokens: Mapping[str, str]
    variables: Mapping[str, Variable]
    levels: Mapping[str, Sequence[Any]]
    offset: Any = None
    beside: tuple[str, ...] = ()

    def values(self, data: pd.DataFrame) -> Array:
        """The columns (n, p) of a frame of the fit's variables, finite or not."""
        out = np.empty((len(data), len(self.names)))
        frame = renamed(data, self.tokens)
        for spec, source, target in self.parts:
            if source:
                out[:, target] = materialised(self.formula, spec, frame)[0][:, source]
        return out

    def shift(self, data: pd.DataFrame) -> Array | None:
        """The sum (n,) of the offsets in a frame of the fit's variables; None without one."""
        if self.offset is None:
            return None
        found, spec = materialised(self.formula, self.offset, renamed(data, self.tokens))
        if spec.factor_contrasts or found.shape[1] != len(spec.terms):
            raise BadData(f"formula {self.formula!r}: offset(...) holds one column of numbers")
        refuse_nonfinite(found, [f"offset({name})" for name in spec.column_names], "the frame")
        return np.asarray(found.sum(axis=1))

    def offset_of(self, new: object) -> Array | None:
        """The offset (n_new,) of new rows."""
        return None if self.offset is None else self.shift(self._read(new, []))

    def encode(self, new: object, notes: list[str]) -> Array:
        """The columns of new rows, coded as at the fit."""
        values = self.values(self._read(new, notes))
        refuse_nonfinite(values, self.names, "new X")
        return values

    def _read(self, new: object, notes: list[str]) -> pd.DataFrame:
        """The variables of new rows in the types of the fit."""
        data, _ = read_variables(new, self.variables, "new X", notes)
        data = data.assign(
            **{
                name: one.recoded(data[name].array, "new X", factor=name in self.levels)
                for name, one in self.variables.items()
            }
        )
        refuse_unseen(data, self.levels, "new X")
        return data


def renamed(data: pd.DataFrame, tokens: Mapping[str, str]) -> pd.DataFrame:
    """The columns of a frame under the names by which a formula reads them."""
    import pandas as pd

    return pd.DataFrame(
        {token: data[column] for token, column in tokens.items()}, index=data.index, copy=False
    )


def materialised(formula: str, spec: Any, data: pd.DataFrame) -> tuple[Array, Any]:
    """Evaluate a spec on a frame: values (n, columns) and the spec with what it learnt."""
    from formulaic.errors import DataMismatchWarning

    from bayesreg.data.contrasts import CONTEXT

    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("error", DataMismatchWarning)
            matrix = spec.get_model_matrix(data, context=CONTEXT)
    except DataMismatchWarning as warning:
        raise BadData(f"formula {formula!r}: {plain(warning)}") from None
    except Exception as error:  # noqa: BLE001 - whatever a function in the formula raises
        raise BadArgument(f"formula {formula!r} cannot be evaluated: {plain(error)}") from None
    return np.asarray(matrix, dtype=np.float64), matrix.model_spec


def unlearnt(terms: Sequence[Any], *, full_rank: bool, **state: Any) -> Any:
    """A formulaic spec of these terms that has seen no data."""
    from formulaic import Formula, ModelSpec

    return ModelSpec.from_spec(
        Formula(list(terms), _ordering="none"),
        ensure_full_rank=full_rank,
        na_action="ignore",
        output="numpy",
        **state,
    )


def learnt(
    parsed: Parsed, data: pd.DataFrame, flat: Collection[str]
) -> tuple[FormulaSpec, tuple[Term, ...]]:
    """Learn the coding: indicators, but reduced rank for flat terms and written-out contrasts.

    What is of reduced rank leaves out what the whole formula spans already.
    """
    terms = [term for term in parsed.right if term.degree > 0]
    within = parsed.read(terms)
    tokens = {**within, **parsed.read(parsed.offsets)}
    frame = renamed(data, tokens)
    full = materialised(parsed.formula, unlearnt(terms, full_rank=False), frame)[1]
    written = {factor for factor in full.factor_contrasts if written_out(factor)}
    reduced = {
        term for term in terms
        if _is_flat(parsed.term_name(term), flat) or not written.isdisjoint(term.factors)
    }  # fmt: skip
    specs = [full, full]
    if reduced:
        specs[1] = materialised(parsed.formula, unlearnt(parsed.right, full_rank=True), frame)[1]
    places: tuple[tuple[list[int], list[int]], ...] = (([], []), ([], []))
    names: list[str] = []
    records: list[Term] = []
    for term in terms:
        k = int(term in reduced)
        where = specs[k].term_slices[term]
        here = tuple(range(len(names), len(names) + where.stop - where.start))
        places[k][0].extend(range(where.start, where.stop))
        places[k][1].extend(here)
        names.extend(parsed.shown(name) for name in specs[k].column_names[where])
        records.append(record(term, specs[k], here, parsed, _width(parsed.formula, full, frame)))
    refuse_duplicates(names, "the formula")
    spec = FormulaSpec(
        parsed.formula,
        tuple((one, *place) for one, place in zip(specs, places, strict=True)),
        tuple(names),
        tokens,
        {name: Variable.of(name, data[name].array) for name in tokens.values()},
        _levels_seen(full, parsed, data),
        _offset(parsed, frame),
        tuple(sorted(set(tokens.values()) - set(within.values()))),
    )
    return spec, tuple(records)


def _offset(parsed: Parsed, frame: pd.DataFrame) -> Any:
    """The learnt spec of what stands in ``offset(...)``."""
    if not parsed.offsets:
        return None
    return materialised(parsed.formula, unlearnt(parsed.offsets, full_rank=False), frame)[1]


def _width(formula: str, spec: Any, frame: pd.DataFrame) -> Callable[[Any], int]:
    """How many columns a factor of numbers makes, asked of one row."""
    state = {"transform_state": spec.transform_state, "encoder_state": spec.encoder_state}

    def width(factor: Any) -> int:
        alone = unlearnt([type(spec.terms[0])([factor])], full_rank=False, **state)
        return int(materialised(formula, alone, frame.iloc[:1])[0].shape[1])

    return width


def _is_flat(name: str, flat: Collection[str]) -> bool:
    named = any(same(name, key) for key in flat if not key.startswith("!"))
    others = any(same(name, key[1:]) for key in flat if key.startswith("!"))
    return named or ("..." in flat and not others)


def _levels_seen(spec: Any, parsed: Parsed, data: pd.DataFrame) -> dict[str, list[Any]]:
    """Categories by column, for the factors that are one column."""
    levels = {}
    for factor, state in spec.factor_contrasts.items():
        read = set(parsed.read([type(spec.terms[0])([factor])]).values())
        if len(read) == 1:
            (name,) = read
            refuse_lookalikes(state.levels, f"column {name!r}")
            if set(data[name].unique()) <= set(state.levels):
                levels[name] = list(state.levels)
    return levels


def written_out(factor: Any) -> bool:
    """Whether a formulaic factor is a call of ``C`` or ``hashed`` that says its contrasts."""
    if factor.eval_method.value != "python":
        return False
    call = ast.parse(factor.expr, mode="eval").body
    place = {"C": 1, "hashed": 2}
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name)):
        return False
    if call.func.id not in place:
        return False
    first = place[call.func.id]
    said = call.args[first : first + 1]
    said += [one.value for one in call.keywords if one.arg == "contrasts"]
    return any(not (isinstance(one, ast.Constant) and one.value is None) for one in said)


def record(
    term: Any,
    spec: Any,
    columns: tuple[int, ...],
    parsed: Parsed,
    width: Callable[[Any], int],
) -> Term:
    """The term with the coding that its factors got, and the levels of each column.

    Parameters
    ----------
    term : formulaic term
    spec : formulaic ModelSpec
        As learnt from the data.
    columns : tuple of int
        Positions of its columns in the design.
    parsed : Parsed
        Which knows the names that the user gave.
    width : callable
        How many columns a factor of numbers makes.
    """
    states = {f.expr: state for f, state in spec.factor_contrasts.items()}
    factors = [f for f in term.factors if f.expr in states]
    numbers = tuple(parsed.shown(f.expr) for f in term.factors if f.expr not in states)
    if not factors:
        return Term(parsed.term_name(term), columns, numbers=numbers)
    structure = next(s for s in spec.structure if s.term == term)
    reduced = {f.factor.expr for one in structure.scoped_terms for f in one.factors if f.reduced}
    coded = tuple(
        _factor(
            parsed.shown(f.expr), states[f.expr], reduced=f.expr in reduced, said=written_out(f)
        )._replace(variable=_variable(parsed, term, f))
        for f in factors
    )
    left_out = [f.reference for f in coded if f.coding != "indicator" and f.reference is not None]
    coding = "indicator"
    if reduced:
        coding = " and ".join(sorted({f.coding for f in coded} - {"indicator"}))
    among = [f.expr for f in factors]
    fields = list(_columns(structure.scoped_terms, states, among, width))
    codes = tuple(tuple(one.code for one in column) for column in fields)
    return Term(
        parsed.term_name(term),
        columns,
        coding,
        ":".join(map(str, left_out)) or None,
        coded,
        tuple(tuple(one.level for one in column) for column in fields),
        numbers,
        codes if any(code is not None for column in codes for code in column) else (),
    )


def _variable(parsed: Parsed, term: Any, factor: Any) -> str:
    """The one column of the data that a factor is of, or nothing."""
    read = list(parsed.read([type(term)([factor])]).values())
    return read[0] if len(read) == 1 else ""


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


class _Field(NamedTuple):
    """What a column is of one factor: the level that it stands for, and its value at every level.

    The value is None where it is 1 at that level and 0 at all others.
    """

    level: Level
    code: tuple[float, ...] | None


def _columns(
    scoped: Any, states: Mapping[str, Any], among: list[str], width: Callable[[Any], int]
) -> Iterator[tuple[_Field, ...]]:
    """What each column is, in the order in which formulaic multiplies: first factor first."""
    absent = {expr: _Field(None, (1.0,) * len(list(states[expr].levels))) for expr in among}
    for part in scoped:
        fields = []
        for one in part.factors:
            expr = one.factor.expr
            if expr in states:
                fields.append([(expr, field) for field in _fields(states[expr], one.reduced)])
            else:
                fields.append([(expr, _Field(None, None))] * width(one.factor.factor))
        for product in itertools.product(*reversed(fields)):
            found = {**absent, **dict(product)}
            yield tuple(found[expr] for expr in among)


def _fields(state: Any, reduced: bool) -> list[_Field]:
    """What each column of a coded factor stands for, and its values at every level."""
    levels = list(state.levels)
    names = list(state.contrasts.get_coding_column_names(levels, reduced_rank=reduced))
    if not reduced or hasattr(state.contrasts, "base"):  # treatment coding by any name
        return [_Field(plain_level(name), None) for name in names]
    matrix = np.asarray(state.contrasts.get_coding_matrix(levels, reduced_rank=True), dtype=float)
    unnamed = type(state.contrasts).__name__ in ("PolyContrasts", "CustomContrasts")
    return [
        _Field(None if unnamed else plain_level(name), tuple(code))
        for name, code in zip(names, matrix.T.tolist(), strict=True)
    ]


def plain_level(level: Any) -> Level:
    """A level as Python has it; what is neither text nor a number (dates, intervals), as text."""
    value = level.item() if isinstance(level, np.generic) else level
    return value if isinstance(value, str | int | float | bool) else str(level)
