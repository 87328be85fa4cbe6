"""What a formula learns of rows that are read in passes: levels, means and sds, in one of them.

The coding itself is learnt as in memory, from a few rows in which every level occurs; what depends
on all of them is put in its place. What cannot be a sum over rows (quantiles for knots) is refused.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.data.coding import FormulaSpec, learnt, materialised, renamed, unlearnt
from bayesreg.data.first_rows import First
from bayesreg.data.formula import alone
from bayesreg.data.formula_rows import FormulaRows, Labelled, Made
from bayesreg.data.frames import read_variables, refuse_no_column, refuse_number_text
from bayesreg.data.grammar import Parsed
from bayesreg.data.rowwise import refuse_batchwise, refuse_weights
from bayesreg.data.seen import Look, Seen, Spread
from bayesreg.data.stores.base import Source
from bayesreg.data.stores.labels import label_counts
from bayesreg.data.stores.progress import bar
from bayesreg.data.stores.read import grouped
from bayesreg.data.stores.reader import Roles, lacking
from bayesreg.data.variables import CATEGORY, refuse_lookalikes, refuse_unsaid
from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadArgument, BadData

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from bayesreg.data.terms import Term

SAMPLE = 500  # rows from which the coding is learnt, beside one for every level
LOOKED = 1_000_000  # rows among which that many without a missing value must be
CENTRED = ("center", "scale", "standardize")


def learn(
    parsed: Parsed,
    source: Source,
    roles: Roles,
    missing: str,
    levels: Mapping[str, Sequence[Any]],
    flat: Collection[str],
    labels: bool = False,
) -> tuple[FormulaRows, tuple[Term, ...]]:
    """What makes the columns of a formula on a source, learnt from all of its rows.

    Parameters
    ----------
    parsed : Parsed
    source : Source
    roles : Roles
        Which columns are weights and the like; y is the formula's.
    missing : {"refuse", "drop"}
    levels : mapping of str to sequence
        Of columns whose levels are known, all of them in their order: these need no pass.
    flat : collection of str
        Terms without a prior.
    labels : bool, default False
        Whether the response, where it is a column and no expression, is one of labels.

    Raises
    ------
    BadArgument
        If something is to be learnt that is no sum over rows, or the source can be read once only.
    BadData
        If a column has more than 10 000 levels, or values are missing that are not to be dropped.
    """
    _refuse_once(source)
    label = _label(parsed) if labels else None
    levels = dict(levels)
    if label is not None:
        found = label_counts(source, label, roles.weights)
        levels[label] = [one for one in levels.get(label, found) if one in found]
    question = _Question(parsed, source, roles, missing, levels)
    sample = question.sample()
    seen = question.look()
    frame = question.frame(sample, seen)
    spec, terms = learnt(parsed, frame, flat)
    made_of = [] if label is not None else parsed.response
    response = tuple(_made(parsed, term, frame) for term in made_of)
    other = _altered(frame, question.counted)
    beside = [_made(parsed, term, other).spec for term in made_of]
    again = [*_specs(learnt(parsed, other, flat)[0]), *beside]
    for one, changed in zip([*_specs(spec), *(r.spec for r in response)], again, strict=True):
        _put(parsed.formula, one.transform_state, changed.transform_state, seen)
    rows = FormulaRows(
        spec,
        response if label is None else (Labelled(label),),
        question.kinds,
        {n: question.levels_of(n, seen) for n, k in question.kinds.items() if k == "text"},
        {n: np.array(sorted(seen.levels[n]), dtype=float) for n in question.counted},
        frozenset(question.said),
        int(seen.levels != {} or seen.totals != {}) + (label is not None),
    )
    for made in (rows.spec.values, lambda data: np.column_stack(list(rows.beside(data).values()))):
        names = spec.names if made == rows.spec.values else ["the response, or offset(...),"] * 3
        refuse_batchwise(parsed.formula, names, frame, made(frame), made)
    return rows, terms


def _label(parsed: Parsed) -> str | None:
    """The column that is the response; None where that is an expression, or counts."""
    factors = parsed.left.factors
    if parsed.lost is not None or len(factors) != 1 or factors[0].eval_method.value != "lookup":
        return None
    return str(parsed.sources.get(factors[0].expr, factors[0].expr))


def _refuse_once(source: Source) -> None:
    if not source.repeatable:
        raise BadArgument(
            f"{source.label} can be read once, and a formula must be learnt before it is applied; "
            "pass what can be read again: the files themselves, a dataset, or a table"
        )


def _specs(spec: FormulaSpec) -> list[Any]:
    """What formulaic has learnt."""
    return [part[0] for part in spec.parts] + ([] if spec.offset is None else [spec.offset])


def _made(parsed: Parsed, term: Any, frame: pd.DataFrame) -> Made:
    """A term of the response, of one column of numbers."""
    tokens = parsed.read([term])
    spec = materialised(parsed.formula, unlearnt([term], full_rank=False), renamed(frame, tokens))[
        1
    ]
    if spec.factor_contrasts or len(spec.column_names) != 1:
        raise BadData(
            f"the response {parsed.term_name(term)!r} is a factor or has several columns, not "
            "numbers; two labels in one column need a Bernoulli likelihood"
        )
    return Made(spec, tokens)


def _altered(frame: pd.DataFrame, counted: Collection[str]) -> pd.DataFrame:
    """Rows whose numbers lie elsewhere between the same bounds: what is learnt of them differs.

    Numbers that are levels stay levels, and are other ones more often.
    """
    found: dict[str, Any] = {}
    for name in map(str, frame):
        values = frame[name].array
        if getattr(values.dtype, "kind", "") not in "iuf":
            continue
        numbers = np.asarray(values, dtype=float)
        low, high, mean = numbers.min(), numbers.max(), numbers.mean()
        if name in counted:
            other = low if mean - low > high - mean else high
            new = np.where(np.arange(len(numbers)) < min(SAMPLE, len(numbers) // 2), other, values)
            found[name] = new.astype(np.asarray(values).dtype)
        else:
            middle = np.sort(numbers)[len(numbers) // 2]
            found[name] = 0.5 * (numbers + middle) if low < high else numbers + 1.0
    return frame.assign(**found)


def _put(formula: str, state: dict[str, Any], other: Mapping[str, Any], seen: Seen) -> None:
    """Means and sds of all rows in place of those of a few; what else was learnt is refused."""
    for key, one in state.items():
        inner = next((text for text, calls in seen.inner.items() if key in calls), None)
        if inner is not None:
            _centre(one, seen.totals[inner], *seen.inner[inner][key])
        elif not _same(one, other.get(key)):
            raise BadArgument(
                f"formula {formula!r}: {key} learns from all rows together what is no sum over "
                "them, and these are read in passes; give what it learns (of a spline knots and "
                "bounds: knots=[…], lower_bound=, upper_bound=), write x + I(x**2) for poly(x, 2), "
                "or make the column in the source"
            )


def _centre(state: dict[str, Any], total: Spread, mean: bool, sd: bool) -> None:
    """What `center` and `scale` remember: the mean, and the sd about what is subtracted."""
    if mean and state["center"] is not None:
        state["center"] = _shaped(total.mean, state["center"])
    if sd and state["scale"] is not None:
        about = 0.0 if state["center"] is None else state["center"]
        square = total.square + total.n * (total.mean - about) ** 2
        state["scale"] = _shaped(np.sqrt(square / (total.n - state["ddof"])), state["scale"])


def _shaped(values: Array, like: Any) -> Any:
    return values if np.ndim(like) else values[0]


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_same(one[k], other[k]) for k in one)
    if one is None or other is None:
        return one is other
    return np.shape(one) == np.shape(other) and bool(np.all(np.asarray(one) == np.asarray(other)))


class _Question:
    """Which columns a formula reads of a source, and what of them must be learnt."""

    def __init__(
        self,
        parsed: Parsed,
        source: Source,
        roles: Roles,
        missing: str,
        levels: dict[str, Sequence[Any]],
    ) -> None:
        self.parsed, self.source, self.missing = parsed, source, missing
        self.used = tuple(sorted(set(parsed.read(parsed.terms).values())))
        self.beside = tuple(name for key, name in roles.said.items() if key != "y")
        refuse_no_column([*self.used, *self.beside, *levels], source.names, source.label)
        self.weights = roles.weights
        self.said = {name: tuple(levels[name]) for name in levels if name in self.used}
        self.kinds = {name: self._kind(name) for name in self.used}
        inside = set(_inside(parsed, ("C", "hashed")))
        text = {name for name, kind in self.kinds.items() if kind == "text"}
        self.factors = tuple(n for n in self.used if n in text | inside and n not in self.said)
        self.counted = tuple(n for n in self.factors if self.kinds[n] in ("integer", "number"))
        self.inner = dict(self._inner())

    def _kind(self, name: str) -> str:
        import pyarrow.types as of

        kind = self.source.schema.field(name).type
        if of.is_dictionary(kind) or name in self.said:
            return "text"
        texts = (of.is_string, of.is_large_string, of.is_string_view)
        if any(one(kind) for one in texts):
            return "text"
        if of.is_boolean(kind):
            return "bool"
        return "integer" if of.is_integer(kind) else "number"

    def _inner(self) -> Iterator[tuple[str, tuple[Any, Mapping[str, tuple[bool, bool]]]]]:
        """What stands in calls of center and scale, and these calls as formulaic writes them."""
        found: dict[str, dict[str, tuple[bool, bool]]] = {}
        for call in _calls(self.parsed, CENTRED):
            within = call.args and any(_called(n) in CENTRED for n in ast.walk(call.args[0]))
            if within or not call.args:
                raise BadArgument(
                    f"formula {self.parsed.formula!r}: {ast.unparse(call)} learns from what is "
                    "learnt itself, and the rows are read in passes; make the column in the source"
                )
            found.setdefault(ast.unparse(call.args[0]), {})[ast.unparse(call)] = _learns(call)
        kind, factor = type(self.parsed.left), type(self.parsed.left.factors[0])
        for text, calls in found.items():
            method = "lookup" if text.isidentifier() else "python"
            yield text, (kind([factor(text, eval_method=method)]), calls)

    def sample(self) -> pa.Table:
        """The first rows that count and lack nothing."""
        columns = [*self.used, *(n for n in self.beside if n not in self.used)]
        first = First(tuple(columns), self.weights, SAMPLE, LOOKED)
        if self.source.held:
            with closing(self.source.batches(columns)) as run:
                found = first(run)
        else:
            found = self.source.total(columns, first)
        if found.table is None:
            looked = found.looked
            why = "there are no rows" if not looked else f"none of the first {looked} is complete"
            raise BadData(f"{self.source.label}: {why}")
        return found.table.slice(0, SAMPLE).select(list(self.used))

    def look(self) -> Seen:
        """One pass over what needs it; none where nothing does."""
        tokens = {text: self.parsed.read([term]) for text, (term, _) in self.inner.items()}
        needed = {*self.factors, *(n for one in tokens.values() for n in one.values())}
        calls = {text: calls for text, (_, calls) in self.inner.items()}
        if not needed:
            return Seen(inner=calls)
        if self.missing == "drop":
            needed |= {*self.used, *self.beside}
        columns = tuple(sorted(needed | ({self.weights} if self.weights else set())))
        inner = {text: (term, tokens[text]) for text, (term, _) in self.inner.items()}
        part = Look(self.parsed, self.factors, inner, calls, self.weights, self.kinds)
        with bar(f"levels and means of {self.source.label}", *self.source.steps(columns)) as more:
            seen: Seen = self.source.total(columns, part, more)
        lacks = {name: count for name, count in seen.missing.items() if count}
        if lacks and self.missing == "refuse":
            where = "; ".join(f"column {n!r}: {grouped(count)} rows" for n, count in lacks.items())
            raise BadData(lacking(self.source.label, where))
        if self.inner and not seen.whole:
            refuse_weights(self.parsed.formula, next(iter(self.inner)))
        return seen

    def levels_of(self, name: str, seen: Seen) -> tuple[Any, ...]:
        """Every level of a column, in order."""
        if name in self.said:
            return self.said[name]
        try:
            return tuple(sorted(seen.levels[name]))
        except TypeError:
            raise BadData(f"column {name!r} mixes kinds of levels; make them all text") from None

    def frame(self, sample: pa.Table, seen: Seen) -> pd.DataFrame:
        """The sample, and rows below it in which every level of every factor occurs."""
        import pandas as pd

        data, _ = read_variables(sample, self.used, self.source.label, [])
        refuse_number_text(data, set(alone(self.parsed)) - set(self.said), self.source.label)
        factors = {n: self.levels_of(n, seen) for n in (*self.factors, *self.said)}
        count = max(map(len, factors.values()), default=0)
        rows = data.iloc[np.arange(len(data) + count) % len(data)].reset_index(drop=True)
        for name, levels in factors.items():
            refuse_lookalikes(levels, f"column {name!r}")
            below = [levels[k % len(levels)] for k in range(count)]
            if name in self.said:
                refuse_unsaid(data[name], name, levels)
            if name in self.said or data[name].dtype.name == CATEGORY:
                values = [*data[name].tolist(), *below]
                rows[name] = pd.Categorical(values, categories=list(levels))
            else:
                more = pd.Series(below, dtype=data[name].dtype)
                rows[name] = pd.concat([data[name], more], ignore_index=True)
        return rows


def _calls(parsed: Parsed, names: Collection[str]) -> Iterator[ast.Call]:
    """Calls of these functions in a formula."""
    for term in parsed.terms:
        for factor in term.factors:
            if factor.eval_method.value == "python":
                for node in ast.walk(ast.parse(factor.expr, mode="eval")):
                    if _called(node) in names and isinstance(node, ast.Call):
                        yield node


def _learns(call: ast.Call) -> tuple[bool, bool]:
    """Whether a call of center, scale or standardize learns a mean and an sd, or is given them."""
    said = dict(zip(("center", "scale"), call.args[1:3], strict=False))
    said |= {"scale" if one.arg == "rescale" else str(one.arg): one.value for one in call.keywords}
    learns = [
        name not in said or (isinstance(said[name], ast.Constant) and said[name].value is True)  # type: ignore[attr-defined]
        for name in ("center", "scale")
    ]
    return learns[0], learns[1]


def _called(node: ast.AST) -> str:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id
    return ""


def _inside(parsed: Parsed, names: Collection[str]) -> Iterator[str]:
    """Columns that stand inside such calls."""
    for call in _calls(parsed, names):
        for node in ast.walk(call.args[0]) if call.args else ():
            if isinstance(node, ast.Name):
                yield parsed.sources.get(node.id, node.id)
