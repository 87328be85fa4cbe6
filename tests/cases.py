"""Data and priors that break every symmetry: the tables that the laws are tested over."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

import bayesreg as br

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


@dataclass(frozen=True)
class Kind:
    """A likelihood whose own unknowns are known, how y is drawn for η, and whether J is convex."""

    likelihood: Any
    theta: dict[str, float]
    draw: Callable[[np.random.Generator, Array], Array]
    convex: bool


# Every likelihood, with σ and the like at a value that is not 1.
LIKELIHOODS: dict[str, Kind] = {
    "Gaussian": Kind(
        br.Gaussian(1.3),
        {"sigma": 1.3},
        lambda rng, eta: eta + 1.3 * rng.standard_normal(np.shape(eta)),
        True,
    ),
    "Bernoulli": Kind(
        br.Bernoulli(),
        {},
        lambda rng, eta: (rng.random(np.shape(eta)) < expit(eta)).astype(float),
        True,
    ),
    "Binomial": Kind(
        br.Binomial(),
        {"trials": 7.0},
        lambda rng, eta: rng.binomial(7, expit(eta)).astype(float),
        True,
    ),
    "Poisson": Kind(
        br.Poisson(),
        {},
        lambda rng, eta: rng.poisson(np.exp(eta)).astype(float),
        True,
    ),
    "NegativeBinomial": Kind(
        br.NegativeBinomial(1.7),
        {"shape": 1.7},
        lambda rng, eta: rng.poisson(np.exp(eta) * rng.gamma(1.7, 1 / 1.7, np.shape(eta))).astype(
            float
        ),
        True,
    ),
    "StudentTNoise": Kind(
        br.StudentTNoise(4.5, 1.3),
        {"sigma": 1.3, "df": 4.5},
        lambda rng, eta: eta + 1.3 * rng.standard_t(4.5, np.shape(eta)),
        False,
    ),
    "LaplaceNoise": Kind(
        br.LaplaceNoise(1.3),
        {"sigma": 1.3},
        lambda rng, eta: eta + rng.laplace(scale=1.3, size=np.shape(eta)),
        True,
    ),
}


def _predictors() -> list[tuple[Case, float]]:
    """Columns of every awkward sort, and the mean of η beside them."""
    by = {case.name: case for case in CASES}
    tall, twins = by["tall"], by["twins and zeros"]
    steps = 10.0 ** np.array([-3.0, -1, 0, 2, 4])
    offsets = np.array([1e3, -1e3, 0.0, 1e3, -1e3])
    few = dataclasses.replace(tall, name="few of one class", standardize=True)
    return [
        (tall, 0.3),
        (by["tall standardised"], -0.4),
        (by["no intercept"], 0.0),
        (by["weighted"], 0.5),
        (Case("unequal scales", tall.X * steps, tall.y), 0.2),
        (by["correlated"], 0.2),
        (twins, -0.2),
        (by["wide"], 0.1),
        (Case("offsets", tall.X + offsets, tall.y, standardize=True), 0.6),
        (few, -2.4),
    ]


def responding(name: str) -> list[Case]:
    """The cases with y drawn under a likelihood, for effects of about 1 in units of η."""
    out = []
    for k, (case, mean) in enumerate(_predictors()):
        z = case.X - case.X.mean(0)
        z = z / np.where(z.std(0) > 0.0, z.std(0), 1.0)
        effects = np.where(np.arange(z.shape[1]) % 3 == 0, 0.9, -0.3 * (z.shape[1] < 10))
        eta = mean + z @ effects / np.sqrt(max(1.0, z.shape[1] / 8.0))
        y = LIKELIHOODS[name].draw(np.random.default_rng([70, k]), eta)
        out.append(dataclasses.replace(case, y=y))
    return out


# Every prior with a scale: what it is, and instances at which its laws are tested. Asymmetric on
# purpose: no unit scale, no zero location, both units, parameters on both sides of where a formula
# changes. The first is the one that tests of engines, storage and validation take.
PRIORS: dict[str, tuple[str, list[Any]]] = {
    "Normal": ("penalised", [br.Normal(1.7, 0.4), br.Normal(0.3, -0.2, unit="sigma")]),
    "Laplace": ("penalised", [br.Laplace(2.3, 0.4), br.Laplace(0.6, unit="sigma")]),
    "ElasticNet": (
        "penalised",
        [
            br.ElasticNet(1.3, 0.3, 0.2),
            br.ElasticNet(0.7, 0.9, unit="sigma"),
            br.ElasticNet.from_scales(laplace=0.8, normal=1.9),
        ],
    ),
    "StudentT": ("majorised", [br.StudentT(3.5, 1.3, 0.2), br.StudentT(0.7, 0.6, unit="sigma")]),
    "Cauchy": ("majorised", [br.Cauchy(0.8, -0.1)]),
    "Bridge": (
        "majorised",
        [
            br.Bridge(0.6, 1.1, 0.2),
            br.Bridge(0.9, 1.4, unit="sigma"),
            br.Bridge(1.0, 0.8),
            br.Bridge(1.6, 1.3, 0.1),
        ],
    ),
    "DoublePareto": (
        "majorised",
        [br.DoublePareto(1.0, 0.9, 0.2), br.DoublePareto(3.5, 1.4, unit="sigma")],
    ),
    "Horseshoe": ("mixture", [br.Horseshoe(0.9, 0.1), br.Horseshoe(1.4, unit="sigma")]),
    "HorseshoePlus": ("mixture", [br.HorseshoePlus(0.9, 0.1)]),
    "RegularizedHorseshoe": (
        "mixture",
        [
            br.RegularizedHorseshoe(0.7, 0.8, 5.0, 0.1),
            br.RegularizedHorseshoe(0.05, 2.5, 1.5, unit="sigma"),
        ],
    ),
    "NormalGamma": (
        "mixture",
        [
            br.NormalGamma(0.5, 0.9, 0.2),
            br.NormalGamma(0.2, 1.4, unit="sigma"),
            br.NormalGamma(2.6, 0.7),
        ],
    ),
    "R2D2": (
        "mixture",
        [
            br.R2D2(0.4, 5.0, 0.5, 0.1, parts=3),
            br.R2D2(concentration=1.7, parts=12),
            br.R2D2(parts=1),
        ],
    ),
}


def priors(*kinds: str) -> list[Any]:
    """All instances of the priors of these kinds, or of every kind."""
    return [one for kind, row in PRIORS.values() if kind in kinds or not kinds for one in row]


def others(known: Iterable[Any], *kinds: str, **changes: Any) -> list[Any]:
    """The first instance of each prior that has none in `known`, about 0 and with other fields.

    A test's own table says what it must vary; what the table leaves out is tested all the same.
    """
    types = {type(one) for one in known}
    return [
        dataclasses.replace(row[0], loc=0.0, **changes)
        for kind, row in PRIORS.values()
        if type(row[0]) not in types and (kind in kinds or not kinds)
    ]
