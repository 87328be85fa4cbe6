"""The regressions whose posteriors are timed: data, priors, and one way to draw with our engines.

σ and the prior's scale are unknown throughout, p(σ²) ∝ 1/σ² and scale ~ HalfCauchy(τ₀) in units of
σ, and columns are standardised. All of it can be made again from a name, so that another process
times the same problem.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import bayesreg as br
from bayesreg.engines import base, engine_named
from bayesreg.engines.draws import Draws
from bayesreg.verbs.fit import default_engine

Array = NDArray[np.float64]
CHAINS = 2
ACTIVE = 10  # coefficients that are not zero, where the data are synthetic


@dataclass(frozen=True)
class Data:
    """One data set and the priors under which it is regressed.

    Attributes
    ----------
    name : str
        As on the command line; that of our data set where `synthetic` is false.
    n, p : int
        Rows and columns.
    priors : tuple of str
        "laplace", "horseshoe".
    synthetic : bool
        Whether :func:`synthetic` makes it.
    moments : bool
        Whether our engines get ``Moments``, which take one pass over the rows.
    """

    name: str
    n: int
    p: int
    priors: tuple[str, ...] = ("laplace", "horseshoe")
    synthetic: bool = True
    moments: bool = False

    @property
    def label(self) -> str:
        """Name and size."""
        size = f"{self.n:,} × {self.p:,}".replace(",", " ")
        return size if self.synthetic else f"{self.name} ({size})"

    @property
    def wide(self) -> bool:
        """Whether there are more columns than rows."""
        return self.p > self.n

    @property
    def global_scale(self) -> float:
        """τ₀: 1, or for p > n that of 10 expected non-zeros (Piironen & Vehtari 2017, eq. 3.12)."""
        return ACTIVE / ((self.p - ACTIVE) * math.sqrt(self.n)) if self.wide else 1.0

    def arrays(self) -> tuple[Array, Array]:
        """X (n, p) and y (n,)."""
        if self.synthetic:
            return synthetic(self.n, self.p)
        loaded = br.load_dataset(self.name)
        return loaded.X.to_numpy(), loaded.y.to_numpy()

    def condition(self, prior: str, X: Array, y: Array) -> br.Problem:
        """Our problem, from arrays."""
        known = {
            "laplace": br.Laplace(),
            "horseshoe": br.Horseshoe(expected_nonzero=ACTIVE) if self.wide else br.Horseshoe(),
        }
        model = br.Model(known[prior], br.Gaussian())
        if self.moments:
            return model.condition(br.Moments.of(X, y), standardize=True)
        return model.condition(X, y, standardize=True)


DATA = {
    data.name: data
    for data in (
        Data("diabetes", 442, 10, synthetic=False),
        Data("diabetes64", 442, 64, synthetic=False),
        Data("20000x50", 20_000, 50),
        Data("100x1000", 100, 1000, priors=("horseshoe",)),
        Data("1e6x50", 1_000_000, 50, moments=True),
    )
}


def synthetic(
    n: int, p: int, *, active: int = ACTIVE, rho: float = 0.5, seed: int = 0
) -> tuple[Array, Array]:
    """AR(ρ) columns of unit variance; `active` coefficients from −2 to 2, the others 0; σ = 1."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p))
    for j in range(1, p):
        X[:, j] *= math.sqrt(1.0 - rho**2)
        X[:, j] += rho * X[:, j - 1]
    beta = np.zeros(p)
    beta[:: p // active][:active] = np.linspace(-2.0, 2.0, active)
    return X, 3.0 + X @ beta + rng.standard_normal(n)


def draw(
    problem: br.Problem, engine: str | None, draws: int, seed: int, tune: int | None = None
) -> Draws:
    """What ``br.sample`` runs, the choice of an engine included where none is named."""
    name = engine or default_engine(problem)[0]
    module = engine_named(name)
    return base.run(
        module, problem, draws=draws, chains=CHAINS, tune=tune, seed=seed, progress=False
    )
