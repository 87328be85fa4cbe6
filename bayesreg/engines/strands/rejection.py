"""Rejection samplers for many numbers side by side: each leaves when a trial of its is accepted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.language.arguments import Array

Trial = Callable[[Any], tuple[Array, NDArray[np.bool_]]]  # of rows: values, and which are accepted

# Refusals in a row that chance never brings: only what is not a number is refused so often.
REFUSALS = 10_000


def until_accepted(trial: Trial, which: NDArray[np.bool_], out: Array) -> None:
    """Fill some of `out`, each with the first of its trials that is accepted."""
    rows = np.flatnonzero(which)
    if not len(rows):
        return
    at: Any = slice(None) if len(rows) == len(out) else rows
    for _ in range(REFUSALS):
        value, accepted = trial(at)
        out[rows[accepted]] = value[accepted]
        rows = at = rows[~accepted]
        if not len(rows):
            return
