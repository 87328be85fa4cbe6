"""Gaussian: y = β₀ + x'β + σε."""

from __future__ import annotations

from dataclasses import dataclass

from bayesreg.language.arguments import positive
from bayesreg.language.errors import BadArgument
from bayesreg.priors.flat import Flat
from bayesreg.priors.hyper import HyperPrior, Power


@dataclass(frozen=True)
class Gaussian:
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

    def __post_init__(self) -> None:
        if self.sigma is None or isinstance(self.sigma, HyperPrior | Flat):
            return
        sigma = positive(self.sigma, "Gaussian: sigma")
        if not isinstance(sigma, float):
            raise BadArgument("Gaussian: sigma must be one number; rows share one noise sd")
        object.__setattr__(self, "sigma", sigma)

    @property
    def known(self) -> float | None:
        """σ where it is given as a number."""
        return self.sigma if isinstance(self.sigma, float) else None

    @property
    def sigma_prior(self) -> HyperPrior | None:
        """The prior of an unknown σ; None when it is known."""
        if isinstance(self.sigma, Flat):
            return Power(0.0)
        if isinstance(self.sigma, HyperPrior):
            return self.sigma
        return Power(1.0) if self.sigma is None else None

    def __repr__(self) -> str:
        """Show σ as it was declared."""
        return f"Gaussian(sigma={self.sigma!r})" if self.sigma is not None else "Gaussian()"
