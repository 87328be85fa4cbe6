"""Moments of 10⁷ × 20 float32 rows in blocks, against conversion plus the bare float64 product."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

import bayesreg as br
from tests.benchmarks.harness import Contender, Row

BLOCKS, ROWS, P = 20, 500_000, 20


def rows() -> Iterator[Row]:
    """One pass over the rows, and nothing after it."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((ROWS, P)).astype(np.float32) + np.float32(3)
    y = (X @ rng.standard_normal(P)).astype(np.float32) + rng.standard_normal(ROWS).astype(
        np.float32
    )

    def bare() -> np.ndarray:
        total = np.zeros((P + 1, P + 1))
        for _ in range(BLOCKS):
            Z = np.column_stack([X, y]).astype(np.float64)
            total += Z.T @ Z
        return total

    yield Row(
        f"moments, {BLOCKS * ROWS:.0e} × {P} float32",
        (
            Contender(
                "Moments.from_blocks",
                lambda: br.Moments.from_blocks([(X, y)] * BLOCKS),
                repeats=3,
            ),
        ),
        limit=bare,
        limit_name="conversion and float64 product",
    )
