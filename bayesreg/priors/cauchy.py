"""Cauchy: the Student-t prior with one degree of freedom."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bayesreg.priors import student_t
from bayesreg.priors.base import Array, Majorised, Mixing, Scale, ScaleMixture, settle


@dataclass(frozen=True, repr=False)
class Cauchy(Majorised, ScaleMixture):
    r"""Cauchy prior, p(β) = 1/(πs(1 + u²)) with u = (β − loc)/s.

    With noise sd σ the penalty is σ²·log(1 + u²): quadratic near 0, as for ridge with λ = 2σ²/s²,
    and logarithmic far out. Tails fall as u⁻², so there is neither variance nor mean; the density
    is smooth and finite at 0, so a MAP exists, has no exact zeros, and **may be one of several
    local optima**. It is the only one where X'X outweighs the penalty's concavity, which is
    σ²/(4s²) at most.

    Parameters
    ----------
    scale : float, sequence of float, or HyperPrior, default HalfCauchy(1.0)
        s, half the interquartile range, in `unit`: a number, one per column, or a distribution
        when it is unknown.
    loc : float, default 0
        Centre, in the unit of the penalised coefficient.
    unit : {"y", "sigma"}, optional
        What `scale` is measured in; unsaid, "y" for numbers and "sigma" for a hyperprior.
    relative : sequence of float, optional
        Known factors, one per column, on a common scale.
    expected_nonzero : float, optional
        Instead of `scale`: m gives HalfCauchy(m/((p − m)√N)) in units of σ, settled when the model
        meets data (Piironen & Vehtari 2017, eq. 3.12; stated for standardised columns).
    groups : None, "factors", list of lists of names, or mapping, default None
        Which columns share a local scale: none, those of one categorical term, or those named;
        their prior is then a multivariate Cauchy.

    Raises
    ------
    BadArgument
        If an argument is not of these forms.

    References
    ----------
    Gelman, Jakulin, Pittau & Su (2008), "A weakly informative default prior distribution for
    logistic and other regression models", Annals of Applied Statistics 2(4),
    https://doi.org/10.1214/08-AOAS191.

    Examples
    --------
    >>> float(Cauchy(2.5).log_density(0.0, 2.5).round(4))
    -2.061
    """

    scale: Scale | None = None
    loc: float = 0.0
    unit: str | None = field(default=None, kw_only=True)
    relative: Any = field(default=None, kw_only=True)
    expected_nonzero: float | None = field(default=None, kw_only=True)
    groups: Any = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        settle(self)

    def log_density(self, b: ArrayLike, scale: ArrayLike) -> Array:
        """Log density at effective scale `scale`."""
        return student_t.log_density(1.0, np.asarray(b, dtype=float) - self.loc, scale)

    def sample(
        self, rng: np.random.Generator, size: int | tuple[int, ...], scale: ArrayLike
    ) -> Array:
        """Independent draws at effective scale `scale`."""
        return np.asarray(self.loc + np.asarray(scale) * rng.standard_cauchy(size))

    def node(self, name: str, scale: Any, dims: str | None) -> Any:
        """``pm.Cauchy``, whose beta is the scale."""
        import pymc as pm

        return pm.Cauchy(name, alpha=self.loc, beta=scale, dims=dims)

    @property
    def mixing(self) -> Mixing:
        """t ~ IG(½, ½)."""
        return Mixing("inverse_gamma", (1.0,))

    def sample_sds(self, rng: np.random.Generator, scale: Array, sizes: NDArray[np.intp]) -> Array:
        """s√t, 1/t chi-squared with one degree of freedom, whatever the sizes."""
        return student_t.sample_sds(1.0, rng, scale, sizes)

    def sd_node(self, name: str, scale: Any, sizes: NDArray[np.intp]) -> Any:
        """s√t with 1/t a ``pm.Gamma``."""
        return student_t.sd_node(1.0, name, scale, sizes)

    def words(self, term: str) -> str:
        """σ²·Σ log(1 + b²/s²)."""
        s = "scale" if self.unit == "y" else "(σ·scale)"
        return f"σ²·Σ log(1 + {term}²/{s}²)"

    def cost(self, u: ArrayLike, sigma: float, scale: ArrayLike) -> Array:
        """σ² log(1 + u²/s²)."""
        return student_t.cost(1.0, u, sigma, scale)

    def slope(self, u: ArrayLike, sigma: float, scale: ArrayLike) -> Array:
        """2σ²|u|/(s² + u²)."""
        return np.abs(u) * student_t.ridge(1.0, u, sigma, scale)

    def bend(self, u: ArrayLike, sigma: float, scale: ArrayLike) -> Array:
        """2σ²(s² − u²)/(s² + u²)²."""
        return student_t.bend(1.0, u, sigma, scale)

    def least_bend(self, radius: ArrayLike, sigma: float, scale: ArrayLike) -> Array:
        """P″ at the radius, or at s√3, where it is least: −σ²/(4s²)."""
        return student_t.least_bend(1.0, radius, sigma, scale)

    def majoriser(
        self, u: ArrayLike, sigma: float, scale: ArrayLike
    ) -> tuple[Array | float, Array | float]:
        """Ridge weights 2σ²/(s² + u²): log is concave in u²."""
        return 0.0, student_t.ridge(1.0, u, sigma, scale)
