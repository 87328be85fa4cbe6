"""What a saved file may say of moments: shapes and ranges, refused by field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bayesreg.data.blocks import LARGEST
from bayesreg.data.fields import put_together, understood
from bayesreg.language.arguments import Array, integer, one_positive
from bayesreg.language.errors import BadData

ROUNDED = 1e-6  # more than any route of forming products differs from another


def restored(cls: Any, parts: Mapping[str, Any], names: tuple[str, ...] | None = None) -> Any:
    """Moments of their saved fields; `names` where these are kept elsewhere.

    Raises
    ------
    BadData
        If a field is missing, or is of a shape or size that no rows have.
    """
    with understood("moments"):
        moments = put_together(cls, parts, **({} if names is None else {"names": names}))
        if len(set(moments.names)) < len(moments.names):
            raise BadData("names: two columns have one name")
        integer(moments.rows, "rows", 1)
        one_positive(moments.n, "n")
        if not abs(moments.y_mean) <= LARGEST:
            raise BadData("y_mean: it is not finite, or its square overflows")
        _refuse_misshapen(moments)
        _refuse_impossible(moments)
    return moments


def _refuse_misshapen(moments: Any) -> None:
    """Raise where arrays do not have one entry per column, or one is no number."""
    width = len(moments.names) + 1
    wanted = {"x_mean": (width - 1,), "gram": (width, width), "low": (width,)}
    for name in ("x_mean", "gram", "root", "low"):
        values = getattr(moments, name)
        if values is None:
            continue
        fits = values.ndim == 2 and values.shape[1] == width  # of a root, with any rows
        if not (fits if name == "root" else values.shape == wanted[name]):
            raise BadData(f"{name}: it has the shape {values.shape} for {width - 1} columns")
        if not np.isfinite(values).all():
            raise BadData(f"{name}: a value is not finite")
    if moments.gram is None and moments.root is None:
        raise BadData("gram and root are missing")


def _refuse_impossible(moments: Any) -> None:
    """Raise where sizes are not those of sums over rows."""
    if np.any(np.abs(moments.x_mean) > LARGEST):
        raise BadData("x_mean: the square of a mean overflows")
    if not moments.centred and (moments.x_mean.any() or moments.y_mean):
        raise BadData("x_mean: moments about zero have means of 0")
    most = 4.0 * LARGEST * np.sqrt(moments.n)
    if moments.root is not None and np.any(np.abs(moments.root) > most):
        raise BadData("root: the square of an entry overflows")
    if moments.gram is None:
        return
    gram: Array = moments.gram
    diagonal = np.diagonal(gram)
    size = np.sqrt(np.maximum(diagonal, 0.0))
    if np.any(diagonal < 0) or np.any(size > most) or not np.array_equal(gram, gram.T):
        raise BadData("gram: these are no cross-products")
    if np.any(np.abs(gram) > (1.0 + ROUNDED) * size * size[:, None]):
        raise BadData("gram: a cross-product is larger than its two columns allow")
    if moments.root is not None:
        norm = np.sqrt(np.einsum("ij,ij->j", moments.root, moments.root))
        if np.any(np.abs(norm - size) > ROUNDED * size):
            raise BadData("root: its products are not the gram")
