"""Distributions of a shape or of degrees of freedom: unknowns of a likelihood that have no unit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bayesreg.language.arguments import Array
from bayesreg.language.misnamed import explained
from bayesreg.priors.hyper import HyperPrior, check_positive


@explained
@dataclass(frozen=True)
class Gamma(HyperPrior):
    r"""Gamma, p(x) ∝ x^(shape−1) e^(−rate·x) on x > 0; the default for degrees of freedom.

    Parameters
    ----------
    shape, rate : float, default 2.0, 0.1
        Mean shape/rate, variance shape/rate².

    Raises
    ------
    BadArgument
        If one is not positive and finite.

    References
    ----------
    Juárez & Steel (2010), "Model-based clustering of non-Gaussian panel data based on skew-t
    distributions", JBES 28(1), https://doi.org/10.1198/jbes.2009.07145, §2.

    Examples
    --------
    >>> float(Gamma(2.0, 0.5).log_density(2.0).round(4))
    -1.6931
    """

    shape: float = 2.0
    rate: float = 0.1

    def __post_init__(self) -> None:
        check_positive(self, "shape", "rate")

    @property
    def law(self) -> tuple[str, tuple[float, ...]]:
        """As the compiled sampler knows it."""
        return "gamma", (self.shape, self.rate)

    def log_density(self, x: ArrayLike) -> Array:
        """Log density at x."""
        x = np.asarray(x, dtype=float)
        with np.errstate(divide="ignore", invalid="ignore"):
            body = self._constant + (self.shape - 1.0) * np.log(x) - self.rate * x
        return np.where(x > 0, body, -np.inf)

    def log_density_of_log(self, log_x: float) -> float:
        """Log density of log x."""
        if log_x > 700.0:
            return -math.inf
        return self._constant + self.shape * log_x - self.rate * math.exp(log_x)

    @property
    def _constant(self) -> float:
        return self.shape * math.log(self.rate) - math.lgamma(self.shape)

    def sample(self, rng: np.random.Generator, size: int | tuple[int, ...]) -> Array:
        """Independent draws."""
        return np.asarray(rng.gamma(self.shape, 1.0 / self.rate, size))

    def node(self, name: str) -> Any:
        """``pm.Gamma``."""
        import pymc as pm

        return pm.Gamma(name, alpha=self.shape, beta=self.rate)


@explained
@dataclass(frozen=True)
class HalfNormalInverseRoot(HyperPrior):
    r"""The law of x whose 1/√x is half-normal: the default for the shape of a negative binomial.

    .. math:: x^{-1/2} \sim N^+(0, \text{scale}^2), \quad
        p(x) \propto x^{-3/2} e^{-1/(2\,\text{scale}^2 x)}

    With overdispersion 1/x, Var(y) = μ + μ²/x, it is 1/√x that is 0 for a Poisson and that data
    know about; a law of x itself with much mass near 0 says that overdispersion is huge.

    Parameters
    ----------
    scale : float, default 1.0
        Of the half-normal.

    Raises
    ------
    BadArgument
        If `scale` is not positive and finite.

    References
    ----------
    Simpson, Rue, Riebler, Martins & Sørbye (2017), "Penalising model component complexity",
    Statistical Science 32(1), https://doi.org/10.1214/16-STS576, on priors that shrink to the
    simpler model on the scale of its distance.

    Examples
    --------
    >>> float(HalfNormalInverseRoot(1.0).log_density(2.0).round(4))
    -2.2087
    """

    scale: float = 1.0

    def __post_init__(self) -> None:
        check_positive(self, "scale")

    @property
    def moments(self) -> float:
        """½: the tail is x^(−3/2)."""
        return 0.5

    @property
    def law(self) -> tuple[str, tuple[float, ...]]:
        """As the compiled sampler knows it."""
        return "half_normal_inverse_root", (self.scale,)

    def log_density(self, x: ArrayLike) -> Array:
        """Log density at x."""
        x = np.asarray(x, dtype=float)
        safe = np.where(x > 0, x, 1.0)
        with np.errstate(over="ignore"):
            body = self._constant - 1.5 * np.log(safe) - 0.5 / safe / self.scale**2
        return np.where(x > 0, body, -np.inf)

    def log_density_of_log(self, log_x: float) -> float:
        """Log density of log x."""
        if log_x < -700.0:
            return -math.inf
        return self._constant - 0.5 * log_x - 0.5 * math.exp(-log_x) / self.scale**2

    @property
    def _constant(self) -> float:
        return -0.5 * math.log(2.0 * math.pi) - math.log(self.scale)

    def sample(self, rng: np.random.Generator, size: int | tuple[int, ...]) -> Array:
        """Independent draws."""
        return np.asarray((self.scale * rng.standard_normal(size)) ** -2.0)

    def node(self, name: str) -> Any:
        """A ``pm.CustomDist`` with this density, sampled as its logarithm."""
        import pymc as pm

        half = 0.5 / self.scale**2
        return self.variable(name, lambda x: self._constant - 1.5 * pm.math.log(x) - half / x)
