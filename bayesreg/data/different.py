"""The different rows of a stream, each with how often it is there."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesreg.data.cell_formula import MOST, CellColumns
from bayesreg.data.formula_rows import FormulaRows
from bayesreg.data.grouped import Grouping, TooManyCells
from bayesreg.data.stores.read import grouped
from bayesreg.data.stores.stream import Stream
from bayesreg.language.errors import NotSupported

NUMBERS = 2**24  # rows × columns of a design that is made of them


def different_rows(stream: Stream, why: str) -> dict[str, Any]:
    """The different rows of a stream by what a design calls them, their frequencies its weights.

    Raises
    ------
    NotSupported
        If there are too many of them.
    """
    coder, roles = stream.coder, stream.roles
    most = min(MOST, NUMBERS // (len(stream.names) + 1))
    keys, shifted = stream.names, bool(roles.offset or roles.exposure)
    if isinstance(coder, FormulaRows):
        keys = tuple(coder.spec.variables)
        shifted |= coder.spec.offset is not None
    grouping = Grouping(len(keys), response=True, most=most)
    try:
        if isinstance(coder, FormulaRows):
            cells = stream.otherwise(CellColumns(coder, keys), grouping)
        else:
            cells = stream.total_of_runs(grouping)
    except TooManyCells:
        raise NotSupported(
            f"{why} needs all rows, or those that differ, in memory, and {stream.read.label} has "
            f"more than {grouped(most)} different ones; group columns with many values in the "
            "source (counts and exposures added up by cell are the same likelihood), use "
            "Gaussian(), which needs moments alone, or condition on a sample of the rows"
        ) from None
    stream.read.cells = len(cells)
    held = cells.keys[:, : len(keys)]
    y, *known = cells.keys[:, len(keys) :].T
    found: dict[str, Any] = {"X": np.ascontiguousarray(held), "y": y, "weights": cells.n}
    found["offset"] = known.pop(0) if shifted else None
    found["trials"] = known.pop(0) if known else None
    if isinstance(coder, FormulaRows):
        frame = coder.frame(dict(zip(keys, held.T, strict=True)), partly=True)
        found |= {"X": coder.spec.values(frame), "frame": frame[list(keys)]}
    return found
