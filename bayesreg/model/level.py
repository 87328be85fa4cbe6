"""The level of the rows: what an intercept takes up of them, put aside so that little is left.

y of 10⁹ that varies by 1, or an offset that does, leaves η few digits for what varies. Beside an
intercept a number that all rows share is none of the problem's: it is subtracted before anything
is solved, and added to the intercept afterwards. A measurement's law is one of y − η, so that its
offset is subtracted too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bayesreg.language.arguments import Array
from bayesreg.likelihoods.base import Likelihood, Measured

if TYPE_CHECKING:
    from bayesreg.data.design import Design


class Level(NamedTuple):
    """y (n,) and the offset (n,) of rows about a level, which the intercept has back."""

    y: Array
    offset: Array | None
    level: float


def about_level(design: Design, likelihood: Likelihood, *, intercept: bool) -> Level:
    """Rows about the middle of the offset and, where y is measured, of y: both are rows' own.

    Examples
    --------
    >>> import bayesreg as br
    >>> from bayesreg.data.design import Design
    >>> rows = Design.of([[0.0], [1.0], [2.0]], [2e9, 2e9 + 1, 2e9 + 3], offset=[1e9] * 3)
    >>> y, offset, level = about_level(rows, br.LaplaceNoise(), intercept=True)
    >>> y.tolist(), offset, level
    ([-1.0, 0.0, 2.0], None, 1000000001.0)
    """
    y, offset, level = design.y, design.known.offset, 0.0
    if offset is not None and intercept:
        middle = _middle(offset)
        offset, level = offset - middle, -middle
        offset = offset if np.any(offset) else None
    if not isinstance(likelihood, Measured):
        return Level(y, offset, level)
    if intercept:
        middle = _middle(y)
        y, level = y - middle, level + middle
    return Level(y if offset is None else y - offset, None, level)


def _middle(values: Array) -> float:
    """One of the values in the middle, so that equal ones leave exactly 0."""
    return float(np.partition(values, len(values) // 2)[len(values) // 2])
