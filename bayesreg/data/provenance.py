"""Where a result comes from: versions, seed and a hash of the data."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from bayesreg.data.design import Design
from bayesreg.data.moments import Moments
from bayesreg.data.sparse import DENSE, SparseRows
from bayesreg.data.streamed import Streamed
from bayesreg.language.versions import versions

BLOCK = 2**21  # cells of a sparse X that are written out at once
PACKAGES = ("bayesreg", "numpy", "scipy", "pymc", "pytensor", "arviz", "matplotlib", "pandas")


def provenance(
    source: Design | Moments | Streamed, seed: int, standardize: bool, **settings: Any
) -> dict[str, Any]:
    """Versions, seed, settings, and a hash of the data: what a result can be had again from."""
    moments = source if isinstance(source, Moments) else source.moments
    origin = "" if isinstance(source, Moments) else source.origin
    return {
        "versions": {"python": sys.version.split()[0], **versions(PACKAGES)},
        "seed": seed,
        "rows": moments.rows,
        "sum_of_weights": moments.n,
        "columns": moments.p,
        "standardize": standardize,
        **({"read": origin} if origin else {}),
        **settings,
        "data_sha256": fingerprint(source),
    }


def fingerprint(source: Design | Moments | Streamed) -> str:
    """SHA-256 of names and numbers: the same data give the same text on every machine."""
    digest = hashlib.sha256()
    arrays: list[Any]
    if isinstance(source, Design):
        arrays = [source.X, source.y, source.weights, source.offset, source.trials]
    else:
        held = source if isinstance(source, Moments) else source.moments
        products = held.root if held.gram is None else held.gram
        arrays = [held.x_mean, products, np.array([held.n, held.y_mean])]
    names = source.names
    digest.update("\x1f".join(names).encode("utf-8", "surrogatepass"))
    for array in arrays:
        for part in () if array is None else _parts(array):
            digest.update(np.ascontiguousarray(part, dtype="<f8").tobytes())
    return digest.hexdigest()


def _parts(array: Any) -> Iterator[Any]:
    """An array; the cells of a sparse X row by row, or of one too large what it stores."""
    if not isinstance(array, SparseRows):
        yield array
    elif array.size > DENSE:
        yield from (array.columns.data, array.columns.indices, array.columns.indptr)
    else:
        size = max(1, BLOCK // max(1, array.shape[1]))
        yield from (array[i : i + size] for i in range(0, len(array), size))
