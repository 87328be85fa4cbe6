"""The variables of a formula: found in its factors, taken from a data frame, checked by cell."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.data.columns import (
    as_narwhals,
    cast_column,
    refuse_duplicates,
    text_advice,
    text_name,
)
from bayesreg.language.arguments import did_you_mean
from bayesreg.language.errors import BadArgument, BadData

if TYPE_CHECKING:
    import pandas as pd


def variables(factors: Iterable[Any], columns: Sequence[str]) -> set[str]:
    """Names that formula factors take from the frame; an unknown function is an error."""
    from formulaic.transforms import TRANSFORMS

    found: set[str] = set()
    for factor in factors:
        if factor.eval_method.value == "lookup":
            found.add(factor.expr)
        elif factor.eval_method.value == "python":
            names, called = _names_in(factor.expr)
            for name in called - set(TRANSFORMS):
                hint = did_you_mean(name, TRANSFORMS)
                raise BadArgument(
                    f"the formula calls {name!r}, which is no function known to formulaic{hint}"
                )
            found |= {name for name in names if name in columns or name not in TRANSFORMS}
    return found


def _names_in(expression: str) -> tuple[set[str], set[str]]:
    """Names used as values and names called, in a Python expression with `quoted` columns."""
    quoted = re.findall(r"`([^`]*)`", expression)
    holder = {f"_quoted_{k}_": name for k, name in enumerate(quoted)}
    for alias, name in holder.items():
        expression = expression.replace(f"`{name}`", alias)
    tree = ast.parse(expression, mode="eval")
    called = {id(node.func): node.func for node in ast.walk(tree) if isinstance(node, ast.Call)}
    roots: dict[int, str] = {}
    for function in called.values():
        root = function
        while isinstance(root, ast.Attribute):
            root = root.value
        if isinstance(root, ast.Name) and (root is function or root.id == "contr"):
            roots[id(root)] = root.id
    names = {
        holder.get(node.id, node.id)
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and id(node) not in roots
    }
    return names, set(roots.values())


def column_names(frame: object, what: str) -> tuple[str, ...]:
    """The column names of a data frame, or an error if it is not one."""
    return tuple(text_name(name) for name in _eager(frame, what).columns)


def _eager(frame: object, what: str) -> Any:
    native = as_narwhals(frame)
    kind = type(native).__name__
    if kind == "LazyFrame":
        raise BadData(f"{what} is a lazy frame; call .collect() and pass the result")
    if kind != "DataFrame":
        raise BadData(
            f"a formula needs a data frame with named columns; {what} is a {type(frame).__name__}"
        )
    return native


def read_variables(
    frame: object, needed: Iterable[str], what: str, notes: list[str]
) -> tuple[pd.DataFrame, Any]:
    """The columns `needed` as a pandas frame without missing cells, and the pandas index if any.

    Text and categories stay as they are; numbers become int, bool or float64 columns.
    """
    import narwhals.stable.v2 as nw
    import pandas as pd

    native = _eager(frame, what)
    names = column_names(frame, what)
    refuse_duplicates(names, what)
    needed = sorted(needed)
    _refuse_unknown(needed, names, what)
    series = dict(zip(names, native.iter_columns(), strict=True))
    _refuse_missing({name: series[name] for name in needed}, what)
    index = nw.maybe_get_index(native)
    data = {name: _variable(series[name], name, what, notes) for name in needed}
    return pd.DataFrame(data, index=range(len(native)), copy=False), index


def _refuse_unknown(needed: Sequence[str], names: Sequence[str], what: str) -> None:
    missing = [name for name in needed if name not in set(names)]
    if not missing:
        return
    hint = did_you_mean(missing[0], names)
    listed = ", ".join(repr(name) for name in missing[:10])
    shown = ", ".join(repr(name) for name in names[:10]) + (", ..." if len(names) > 10 else "")
    raise BadData(f"{what} has no column {listed}{hint} (it has {shown})")


def _refuse_missing(series: Mapping[str, Any], what: str) -> None:
    found = []
    for name, one in series.items():
        empty = one.is_null()
        if one.dtype.is_float():
            empty = empty | one.is_nan()
        rows = np.flatnonzero(empty.to_numpy())
        if len(rows):
            found.append(f"column {name!r}: {len(rows)}, first in row {int(rows[0])} (from 0)")
    if found:
        raise BadData(
            f"{what} has missing (NaN) values ({'; '.join(found[:5])}); drop or impute these rows: "
            "nothing is dropped silently"
        )


def _variable(series: Any, name: str, what: str, notes: list[str]) -> Any:
    """One variable for formulaic: text and categories untouched, numbers as plain arrays."""
    kind = str(series.dtype)
    if kind.startswith(("Categorical", "Enum")):
        return series.to_pandas().astype("category").array
    values = series.to_numpy()
    if kind.startswith("String") or (values.dtype == object and is_text(values)):
        return np.asarray(series.to_list(), dtype=object)
    numbers = cast_column(values, name, what, notes)
    return values if values.dtype.kind in "iub" else numbers


def is_text(values: Any) -> bool:
    """Whether a column holds text throughout."""
    return len(values) > 0 and all(isinstance(value, str) for value in values)


def refuse_number_text(frame: pd.DataFrame, names: Iterable[str], what: str) -> None:
    """Raise where a variable that stands on its own in a formula holds numbers written as text."""
    for name in names:
        if name in frame and frame[name].dtype.name != "category" and is_text(frame[name]):
            advice = text_advice(name, what, frame[name].iloc[0])
            if "numbers as text" in advice:
                raise BadData(advice)


def refuse_unseen(
    frame: pd.DataFrame, levels: Mapping[str, Sequence[Any]], numbers: Iterable[str], what: str
) -> None:
    """Raise where a factor has a category that the fit never saw, or a number has become text."""
    for name in numbers:
        if frame[name].dtype.name == "category" or is_text(frame[name]):
            raise BadData(f"column {name!r} of {what} holds text, and held numbers at the fit")
    for name, known in levels.items():
        unseen = ~frame[name].isin(list(known)).to_numpy()
        if unseen.any():
            row = int(np.flatnonzero(unseen)[0])
            shown = ", ".join(repr(level) for level in list(known)[:10])
            raise BadData(
                f"column {name!r} of {what} has category {str(frame[name].iloc[row])!r} in row "
                f"{row} (from 0), which the fit never saw; it saw {shown}"
            )
