"""Data and priors that break every symmetry: the tables that the laws are tested over."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """One data set, with what is special about it in its name."""

    name: str
    X: Array
    y: Array
    weights: Array | None = None
    standardize: bool = False
    intercept: bool = True

    @property
    def frame(self) -> pd.DataFrame:
        """The columns under names."""
        return pd.DataFrame(self.X, columns=[f"c{j}" for j in range(self.X.shape[1])])

    def __str__(self) -> str:
        return self.name


def _linear(seed: int, n: int, p: int, rho: float = 0.0) -> tuple[Array, Array]:
    """Columns with offsets and unequal sds, AR(ρ), and y with an offset."""
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((n, p))
    for j in range(1, p):
        z[:, j] = rho * z[:, j - 1] + np.sqrt(1 - rho**2) * z[:, j]
    beta = np.where(np.arange(p) % 3 == 0, rng.normal(0, 2, p), 0.0)
    y = 11.0 + z @ beta + 1.5 * rng.standard_normal(n)
    return z * rng.uniform(0.5, 2.0, p) + rng.normal(0, 3, p), y


def _cases() -> list[Case]:
    tall = _linear(1, 60, 5, 0.4)
    wide = _linear(2, 15, 40)
    correlated = _linear(3, 80, 8, 0.97)
    twin = _linear(4, 50, 4)
    twins = (np.column_stack([twin[0], twin[0][:, 1], np.zeros(50)]), twin[1])
    weighted = _linear(5, 40, 3)
    w = np.random.default_rng(6).integers(0, 4, 40).astype(float)
    mixed = _linear(7, 70, 6, 0.3)
    scales = 10.0 ** np.array([-12.0, -5, 0, 3, 8, 12])
    return [
        Case("tall", *tall),
        Case("tall standardised", *tall, standardize=True),
        Case("no intercept", *tall, intercept=False),
        Case("wide", *wide, standardize=True),
        Case("correlated", *correlated, standardize=True),
        Case("twins and zeros", *twins, standardize=True),
        Case("weighted", *weighted, weights=w, standardize=True),
        Case("scales 1e-12 to 1e12", mixed[0] * scales, mixed[1]),
    ]


CASES = _cases()
