"""BetaPrimeSquared: the scale whose square is beta-prime, because R² is beta."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bayesreg.priors.hyper import Array, HyperPrior, check_positive, softplus

SMALLEST = 1e-150  # of a drawn scale: its square is still a number


@dataclass(frozen=True)
class BetaPrimeSquared(HyperPrior):
    r"""Beta prime for the square: x² ~ BetaPrime(a, b), so that x²/(1 + x²) ~ Beta(a, b).

    p(x) = 2x^(2a−1)(1 + x²)^(−a−b)/B(a, b) on x > 0. (½, ½) is HalfCauchy(1).

    Parameters
    ----------
    a : float
        The density behaves as x^(2a−1) near 0.
    b : float
        The tail is x^(−2b−1).

    Raises
    ------
    BadArgument
        If an argument is not positive and finite.

    References
    ----------
    Pérez, Pericchi & Ramírez (2017), "The scaled beta2 distribution as a robust prior for scales",
    Bayesian Analysis 12(3), https://doi.org/10.1214/16-BA1015.

    Examples
    --------
    >>> from bayesreg.priors import HalfCauchy
    >>> difference = BetaPrimeSquared(0.5, 0.5).log_density(1.7) - HalfCauchy(1.0).log_density(1.7)
    >>> bool(abs(difference) < 1e-14)
    True
    """

    a: float
    b: float

    def __post_init__(self) -> None:
        check_positive(self, "a", "b")

    @property
    def _log_constant(self) -> float:
        """log 2/B(a, b)."""
        return (
            math.log(2.0) + math.lgamma(self.a + self.b) - math.lgamma(self.a) - math.lgamma(self.b)
        )

    @property
    def law(self) -> tuple[str, tuple[float, ...]]:
        """As the compiled sampler knows it."""
        return "beta_prime_squared", (self.a, self.b)

    def log_density(self, x: ArrayLike) -> Array:
        """Log density at x."""
        x = np.asarray(x, dtype=float)
        with np.errstate(divide="ignore", invalid="ignore"):
            log_x = np.log(x)
            power = 0.0 if self.a == 0.5 else (2.0 * self.a - 1.0) * log_x
            body = power - (self.a + self.b) * np.logaddexp(0.0, 2.0 * log_x)
        return np.where(x >= 0, self._log_constant + body, -np.inf)

    def log_density_of_log(self, log_x: float) -> float:
        """Log density of log x."""
        body = 2.0 * self.a * log_x - (self.a + self.b) * softplus(2.0 * log_x)
        return self._log_constant + body

    def sample(self, rng: np.random.Generator, size: int | tuple[int, ...]) -> Array:
        """Independent draws: the root of a ratio of gammas."""
        top, bottom = rng.standard_gamma(self.a, size), rng.standard_gamma(self.b, size)
        with np.errstate(divide="ignore"):
            ratio = np.sqrt(np.maximum(top, SMALLEST**2)) / np.sqrt(bottom)
        return np.clip(ratio, SMALLEST, 1.0 / SMALLEST)

    def node(self, name: str) -> Any:
        """√(R²/(1 − R²)) with R² a ``pm.Beta``, which PyMC samples as its log odds."""
        import pymc as pm

        share = pm.Beta(f"{name}_r2", alpha=self.a, beta=self.b)
        return pm.Deterministic(name, pm.math.sqrt(share / (1.0 - share)))
