"""Moments in one and two passes, against what the hardware allows and the ways there were before.

The limit is the bare symmetric product of the rows, y among them, in pieces that the cache holds.
The plain way is to put columns together into rows, centre them, and multiply; for the second pass,
a QR of piece after piece.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

import bayesreg as br
from bayesreg.data.blocks import Block
from bayesreg.data.chunks import chunk_rows
from bayesreg.data.conditioning import conditioning
from bayesreg.data.passes import Loop
from bayesreg.data.whitening import whitened_root
from tests.benchmarks.harness import Contender, Row, columns

SHAPES = {5: 4_000_000, 20: 1_000_000, 100: 200_000, 400: 25_000}  # rows of so many columns
BLOCK = 2**16
REPEATS = 3


def rows() -> Iterator[Row]:
    """Sources of each shape, float64 and float32; then the second pass."""
    for p, n in SHAPES.items():
        for dtype in (np.float64, np.float32):
            yield _first(p, n, dtype)
    for p, n in ((20, 200_000), (100, 50_000)):
        yield _second(p, n)


def _first(p: int, n: int, dtype: type) -> Row:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, p), dtype=np.float32).astype(dtype) + dtype(3)
    y = X[:, 0] + rng.standard_normal(n, dtype=np.float32).astype(dtype)
    pieces = [slice(i, i + BLOCK) for i in range(0, n, BLOCK)]
    table = [tuple(np.ascontiguousarray(X[k, j]) for j in range(p)) for k in pieces]
    blocks = [(X[k], y[k]) for k in pieces]
    names = [f"x{j + 1}" for j in range(p)]
    by_column = [Block(c, y[k], None, k.start) for c, k in zip(table, pieces, strict=True)]
    size = chunk_rows(p + 1)
    z = np.ascontiguousarray(rng.standard_normal((p + 1, size)))

    def plain() -> np.ndarray:
        total = np.zeros((p + 1, p + 1))
        shift = np.array([column[:size].mean() for column in table[0]], dtype=np.float64)
        for c, k in zip(table, pieces, strict=True):
            whole = np.column_stack(c)
            for i in range(0, len(whole), size):
                part = whole[i : i + size] - shift
                v = np.asarray(y[k][i : i + size], dtype=np.float64)
                total[:p, :p] += part.T @ part
                total[p, :p] += v @ part
        return total

    return Row(
        f"moments, {n:.0e} × {p} {np.dtype(dtype)}",
        (
            Contender(
                "columns as they lie",
                lambda: br.Moments.summed(lambda part: part(by_column), names),
                repeats=REPEATS,
            ),
            Contender("from_blocks", lambda: br.Moments.from_blocks(blocks), repeats=REPEATS),
            Contender("of, in memory", lambda: br.Moments.of(X, y), repeats=REPEATS),
            Contender("plain: columns put together", plain, repeats=REPEATS),
        ),
        limit=lambda: [z @ z.T for _ in range(n // size)],
        limit_name="bare products",
    )


def _second(p: int, n: int) -> Row:
    """Of rows whose condition number is 1e8: the root alone."""
    X, y = columns(n, p)
    X[:, -1] = X[:, 0] + 1e-8 * X[:, -1]
    loop = Loop([(X, y)], [])
    found = br.Moments.of(X, y)
    mean = np.append(found.x_mean, found.y_mean)
    assert found.gram is not None
    assert found.low is not None
    gram, low = found.gram, found.low
    size = 2**16 // (p + 1)

    def qr() -> np.ndarray:
        root = np.empty((0, p + 1))
        for i in range(0, n, size):
            z = np.column_stack([X[i : i + size], y[i : i + size]]) - mean - low
            root = np.linalg.qr(np.concatenate([root, z]), mode="r")
        return root

    def residual(root: object) -> str:
        return f"residual {np.abs(np.asarray(root)[-1, -1]):.12g}"

    condition = conditioning(gram, exact=True)[0]
    return Row(
        f"second pass, {n:.0e} × {p}, {condition:.0e}",
        (
            Contender(
                "whitened rows",
                lambda: whitened_root(loop, mean, low, gram, n),
                residual,
                repeats=REPEATS,
            ),
            Contender("QR piece by piece", qr, residual, repeats=REPEATS),
        ),
    )
