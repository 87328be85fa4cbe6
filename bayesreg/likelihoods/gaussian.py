"""Gaussian: y = β₀ + x'β + σε."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from bayesreg.language.arguments import Array
from bayesreg.language.misnamed import explained
from bayesreg.likelihoods.base import ConstantCurvature, Measured, Theta
from bayesreg.priors.flat import Flat
from bayesreg.priors.hyper import HyperPrior


@explained
@dataclass(frozen=True)
class Gaussian(Measured, ConstantCurvature):
    r"""Gaussian likelihood, y_i ~ N(β₀ + x_i'β, σ²), row i counted w_i times.

    Parameters
    ----------
    sigma : float, HyperPrior, Flat or None, default None
        Noise sd in the unit of y: a known number; None for p(σ²) ∝ 1/σ²; ``Flat()`` for p(σ) ∝ 1;
        or a distribution such as ``HalfNormal(s)``.

    Raises
    ------
    BadArgument
        If `sigma` is none of these.

    References
    ----------
    Gelman et al. (2013), *Bayesian Data Analysis*, 3rd ed., ch. 14.

    Examples
    --------
    >>> Gaussian(sigma=54.0).known
    54.0
    >>> Gaussian().sigma_prior
    p(σ²) ∝ 1/σ²
    """

    sigma: float | HyperPrior | Flat | None = None

    noun: ClassVar[str] = "Gaussian noise"
    seen: ClassVar[str] = "no heavier tails than a normal's are needed"
    wider: ClassVar[str] = "br.StudentTNoise() (--likelihood student_t)"
    phi: ClassVar[str] = "σ²"

    def __post_init__(self) -> None:
        self.settle_sigma()

    def words(self, eta: str) -> str:
        """½‖y − η‖²."""
        return f"½‖y − {eta.replace(' + ', ' − ')}‖²"

    def dispersion(self, theta: Theta) -> Any:
        """σ²."""
        return np.square(theta["sigma"])

    def log_density(self, y: ArrayLike, eta: ArrayLike, theta: Theta) -> Array:
        """−½(y − η)²/σ² − log σ − ½ log 2π."""
        sigma = np.asarray(theta["sigma"])
        z = np.asarray(np.subtract(eta, y) / (sigma * math.sqrt(2.0)))
        np.multiply(z, z, out=z)
        z += np.log(sigma) + 0.5 * math.log(2.0 * math.pi)
        return np.asarray(np.negative(z, out=z))

    def derivatives(self, y: ArrayLike, eta: ArrayLike, theta: Theta) -> tuple[Array, Array]:
        """η − y and 1: those of ½(y − η)²."""
        slope = np.subtract(eta, y)
        return slope, np.ones_like(slope)

    def fenchel_young(self, y: ArrayLike, eta: ArrayLike, u: ArrayLike, theta: Theta) -> Array:
        """½(η − y − u)²."""
        return np.asarray(0.5 * np.square(np.subtract(eta, y) - u))

    def first_guess(self, y: Array, weights: Array, theta: Theta) -> float:
        """ȳ."""
        return float(np.average(y, weights=weights))

    def unit_sd(self, y: Array, weights: Array, theta: Theta) -> float:
        """1: a prior's scale is in units of σ itself."""
        return 1.0

    def variance(self, eta: ArrayLike, theta: Theta) -> Array:
        """σ²."""
        return np.asarray(np.square(theta["sigma"]) + 0.0 * np.asarray(eta))

    def information(self, eta: ArrayLike, theta: Theta) -> Array:
        """1/σ²."""
        return np.asarray(1.0 / np.square(theta["sigma"]) + 0.0 * np.asarray(eta))

    def cdf(self, y: ArrayLike, eta: ArrayLike, theta: Theta) -> Array:
        """Φ((y − η)/σ)."""
        return np.asarray(ndtr(np.subtract(y, eta) / theta["sigma"]))

    def ppf(self, prob: ArrayLike, eta: ArrayLike, theta: Theta) -> Array:
        """η + σΦ⁻¹(prob)."""
        return np.asarray(eta + theta["sigma"] * ndtri(prob))

    def sample(self, rng: np.random.Generator, eta: Array, theta: Theta) -> Array:
        """η + σε."""
        return np.asarray(eta + theta["sigma"] * rng.standard_normal(np.shape(eta)))

    def law(self, eta: Any, theta: Theta) -> tuple[Any, dict[str, Any]]:
        """``pm.Normal``."""
        import pymc as pm

        return pm.Normal, {"mu": eta, "sigma": theta["sigma"]}

    def __repr__(self) -> str:
        """Show σ as it was declared."""
        return f"Gaussian(sigma={self.sigma!r})" if self.sigma is not None else "Gaussian()"
