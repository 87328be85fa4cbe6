"""Moments as passes over rows find them: blocks read here, a map and a sum, or a sparse X."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from bayesreg.data.blocks import Header
from bayesreg.data.passes import Gathered, Loop, Total, gather, names_of
from bayesreg.data.rows import Rows
from bayesreg.data.sparse import read_sparse
from bayesreg.data.sparse_moments import gather_sparse
from bayesreg.data.sums import FirstPass, unvarying, without
from bayesreg.language.warned import warn


def cleaned(moments: Any) -> Any:
    """Columns that vary no more than their mean's rounding made exactly constant."""
    if not moments.centred or moments.columns is not None:
        return moments
    dead = unvarying(moments._squares, moments._means, moments.n)
    gram = None if moments.gram is None else without(dead, moments.gram)
    root = moments.root
    if root is not None and root[:, dead].any():
        root = root.copy()
        root[:, dead] = 0.0
    return replace(moments, gram=gram, root=root)


def looped(
    cls: Any,
    blocks: Iterable[Any],
    names: Sequence[str] | None,
    y_name: str | None,
    *,
    copy: bool,
    aloud: bool,
) -> Any:
    """The moments of blocks that are read here, under the names that all of them have."""
    notes: list[str] = []
    loop = Loop(blocks, notes)
    found, said = loop.named(names, y_name)
    moments = formed(cls, loop, (*found, said), again=loop.repeatable, copy=copy, notes=notes)
    tell(notes if aloud else [])
    found, said = loop.named(names, y_name)
    return replace(moments, names=found, y_name=said)


def tell(notes: list[str]) -> None:
    """Warn of what was noted."""
    for note in notes:
        warn(note)


def formed(
    cls: Any, total: Total, names: tuple[str, ...], *, again: bool, copy: bool, notes: list[str]
) -> Any:
    """What the passes find as moments; names are those of the columns, y last."""
    return _found(cls, gather(total, FirstPass(names, copy), again=again, notes=notes), names)


def of_sparse(
    cls: Any,
    X: Any,
    y: Any,
    weights: Any,
    names: Sequence[str] | None,
    y_name: str | None,
    *,
    aloud: bool,
) -> Any:
    """The moments of a sparse X, which is read as a design reads it."""
    notes: list[str] = []
    columns = read_sparse(X, "X", notes)
    header = Header(columns.values.shape[1], columns.names, None)
    response, own, rows = Rows(len(columns.values), columns.index).read(y, "y", notes)
    said = (*names_of(names, header), y_name or own or "y")
    w = rows.weights(weights, notes)
    found = gather_sparse(columns.values, response, w, said, notes)
    tell(notes if aloud else [])
    return _found(cls, found, said)


def _found(cls: Any, found: Gathered, names: tuple[str, ...]) -> Any:
    """What was gathered as moments, columns that do not vary exactly constant."""
    return cleaned(
        cls(
            n=found.n,
            rows=found.rows,
            x_mean=found.mean[:-1],
            y_mean=float(found.mean[-1]),
            gram=found.gram,
            root=found.root,
            names=names[:-1],
            low=found.low,
            y_name=names[-1],
            columns=found.columns,
        )
    )
