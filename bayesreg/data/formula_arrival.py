"""What a formula was given: a frame or small source becomes a Design, a large source a stream."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bayesreg.data.arrival import complete, small, told
from bayesreg.data.design import Design
from bayesreg.data.frames import as_frame, column_names, refuse_no_column
from bayesreg.data.known import refuse_named_twice
from bayesreg.data.stores.recognise import source_or_frames
from bayesreg.data.stores.stream import named, refuse_unknown_missing
from bayesreg.data.streamed import Streamed
from bayesreg.language.errors import BadArgument

Levels = Mapping[str, Sequence[Any]]


def by_formula(
    formula: str,
    frame: Any,
    beside: Mapping[str, Any],
    *,
    flat_terms: Collection[str] = frozenset(),
    labels: bool = False,
    missing: str = "refuse",
    levels: Levels | None = None,
) -> Design | Streamed:
    """The columns of a formula on a frame or a source.

    Parameters
    ----------
    formula : str
    frame : data frame, source, or frames that can be iterated over again
    beside : mapping of str to object
        Weights, offset, exposure and trials: of a source, names of columns.
    flat_terms : collection of str
        Terms without a prior.
    labels : bool
        Whether the response may be labels.
    missing : {"refuse", "drop"}
        Whether a row that lacks a value in a column used is an error, or left out.
    levels : mapping of str to sequence, optional
        All levels of columns, in order.

    Raises
    ------
    BadArgument, BadData
        As `formula.design_from_formula` and `learning.learn` do.
    """
    refuse_unknown_missing(missing)
    levels = {} if levels is None else dict(levels)
    how: dict[str, Any] = {"flat_terms": flat_terms, "labels": labels}
    source = source_or_frames(frame)
    if source is None:
        return _in_memory(formula, as_frame(frame), beside, missing, levels, how)
    refuse_named_twice(beside)
    roles = named(source, {"y": "", **beside})
    used = _used(formula, source.names, source.label, beside)
    levels = {**source.levels(), **levels}
    table, source = small(source, used)
    if table is None:
        return Streamed.of_formula(
            formula, source, roles, missing, levels, flat_terms, labels=labels
        )
    table, read = told(table, source, missing, used, roles.weights)
    design = _design(formula, table, beside, {k: v for k, v in levels.items() if k in used}, how)
    return replace(design, origin=read.counted)


def _in_memory(
    formula: str,
    frame: Any,
    beside: Mapping[str, Any],
    missing: str,
    levels: Levels,
    how: dict[str, Any],
) -> Design:
    if missing == "refuse":
        return _design(formula, frame, beside, levels, how)
    other = next((k for k, v in beside.items() if v is not None and not isinstance(v, str)), None)
    if other is not None:
        raise BadArgument(
            f"missing='drop' needs {other} to be the name of a column, so that both lose the same "
            "rows; put it in the frame"
        )
    used = _used(formula, column_names(frame, "the frame"), "the frame", beside)
    kept, read = complete(frame, used)
    design = _design(formula, kept, beside, levels, how)
    return replace(design, origin=read.counted) if read.dropped else design


def _design(
    formula: str, frame: Any, beside: Mapping[str, Any], levels: Levels, how: dict[str, Any]
) -> Design:
    from bayesreg.data.formula import design_from_formula

    return design_from_formula(formula, frame, **beside, levels=levels, **how)


def _used(
    formula: str, names: Sequence[str], label: str, beside: Mapping[str, Any]
) -> tuple[str, ...]:
    """The columns that a formula reads, and those named beside it."""
    from bayesreg.data.grammar import parse

    parsed = parse(formula, names)
    found = [*parsed.read(parsed.terms).values()]
    found += [value for value in beside.values() if isinstance(value, str)]
    refuse_no_column(found, names, label)
    return tuple(dict.fromkeys(found))
