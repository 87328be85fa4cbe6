"""NormalGamma: gamma local variances, from the Laplace to the product of two normals and below."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bayesreg.language.arguments import Array, one_positive
from bayesreg.language.misnamed import explained
from bayesreg.priors.base import Mixing, Scale, ScaleMixture, settle


@explained
@dataclass(frozen=True, repr=False)
class NormalGamma(ScaleMixture):
    r"""Normal-gamma prior, β = loc + s√t·z, t ~ Gamma(shape, rate ½).

    p(β) ∝ |u|^(shape−½) K_{shape−½}(|u|)/s with u = (β − loc)/s; the sd of β is s√(2·shape). Tails
    are exponential, as the Laplace's, which is shape = 1: large effects are shrunk by a constant.
    At 0 the density is finite for shape > ½, has a logarithmic pole at ½ and |u|^(2·shape−1) below,
    so that smaller shapes mean fewer effects. With a pole there is no penalty and **no MAP
    exists**; above ½ the marginal is no convex penalty that is solved here, except as
    ``Laplace`` at 1. A priori at the default shape u is the product of two independent standard
    normals: half of the effects are within 0.36 s, one in a hundred beyond 3.6 s.

    Parameters
    ----------
    shape : float, default 0.5
        The default is the largest with a pole at 0, the horseshoe's logarithmic one, and so the
        least sparse prior that still tells zeros from effects.
    scale : float, sequence of float, or HyperPrior, default HalfCauchy(1.0)
        s, in `unit`: a number, one per column, or a distribution when unknown.
    loc : float, default 0
        Where the pole is, in the unit of the coefficient.
    unit : {"y", "sigma"}, optional
        What `scale` is measured in; unsaid, "y" for numbers and "sigma" for a hyperprior.
    relative : sequence of float, optional
        Known factors, one per column, on a common scale.
    expected_nonzero : float, optional
        Instead of `scale`: m gives HalfCauchy(m/((p − m)√N)) in units of σ, settled when the model
        meets data (Piironen & Vehtari 2017, eq. 3.12; stated for standardised columns).
    groups : "factors", None, list of lists of names, or mapping, default "factors"
        Which columns share a local scale: those of one categorical term, none, or those named.

    Raises
    ------
    BadArgument
        If an argument is not of these forms.

    References
    ----------
    Griffin & Brown (2010), "Inference with normal-gamma prior distributions in regression
    problems", Bayesian Analysis 5(1), https://doi.org/10.1214/10-BA507.

    Examples
    --------
    >>> from bayesreg.priors import Laplace
    >>> other = Laplace(2.0).log_density(3.0, 2.0)
    >>> bool(abs(NormalGamma(1.0, 2.0).log_density(3.0, 2.0) - other) < 1e-14)
    True
    """

    shape: float = 0.5
    scale: Scale | None = None
    loc: float = 0.0
    unit: str | None = field(default=None, kw_only=True)
    relative: Any = field(default=None, kw_only=True)
    expected_nonzero: float | None = field(default=None, kw_only=True)
    groups: Any = field(default="factors", kw_only=True)

    def __post_init__(self) -> None:
        settle(self)
        object.__setattr__(self, "shape", one_positive(self.shape, "NormalGamma: shape"))

    @property
    def why_no_map(self) -> str:
        """The pole, or that nothing here certifies the optimum."""
        if self.shape <= 0.5:
            return (
                f"its density is unbounded at 0 for shape = {self.shape:g} (it is for every shape "
                "up to 0.5), so the posterior density is infinite wherever a coefficient is 0"
            )
        return (
            "its penalty, a Bessel function of |b|, has no solver here (shape = 1 is "
            "Laplace(scale), which has)"
        )

    def log_density(self, b: ArrayLike, scale: ArrayLike) -> Array:
        """Log density at effective scale `scale`; +inf at a pole."""
        u = np.abs(np.asarray(b, dtype=float) - self.loc) / np.asarray(scale)
        constant = (0.5 - self.shape) * math.log(2.0) - 0.5 * math.log(math.pi)
        body = log_power_bessel(self.shape - 0.5, u)
        return np.asarray(constant - math.lgamma(self.shape) + body - np.log(scale))

    def log_mixing(self, y: Array) -> Array:
        """t ~ Gamma(shape, rate ½)."""
        constant = self.shape * math.log(2.0) + math.lgamma(self.shape)
        with np.errstate(over="ignore"):
            return np.asarray(self.shape * y - 0.5 * np.exp(y) - constant)

    @property
    def mixing(self) -> Mixing:
        """t ~ Gamma(shape, rate ½)."""
        return Mixing("gamma", (self.shape,))

    def sample_sds(self, rng: np.random.Generator, scale: Array, sizes: NDArray[np.intp]) -> Array:
        """s√t, t ~ Gamma(shape, rate ½)."""
        t = 2.0 * rng.standard_gamma(self.shape, (len(scale), len(sizes)))
        return np.asarray(np.asarray(scale)[:, None] * np.sqrt(t))

    def sd_node(self, name: str, scale: Any, sizes: NDArray[np.intp]) -> Any:
        """s√t with t a ``pm.Gamma`` of rate ½, which PyMC samples as its logarithm."""
        import pymc as pm

        t = pm.Gamma(f"{name}_local", alpha=self.shape, beta=0.5, size=len(sizes))
        return scale * pm.math.sqrt(t)


def log_power_bessel(order: float, u: Array) -> Array:
    r"""log(u^order K_order(u)) for u ≥ 0 and any real order, without overflow.

    Where K itself overflows, its leading term ½Γ(|order|)(u/2)^(−|order|) is exact to rounding, and
    −log(u/2) − γ for order 0 (DLMF 10.30.2 and 10.30.3).
    """
    from scipy.special import kve

    u = np.asarray(u, dtype=float)
    size = abs(order)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        log_u = np.log(u)
        scaled = kve(order, u)
        plain = order * log_u + np.log(scaled) - u
        if order == 0.0:
            edge = np.log(-log_u + math.log(2.0) - np.euler_gamma)
        else:
            lead = math.lgamma(size) + (size - 1.0) * math.log(2.0)
            edge = np.where(order > 0, lead, lead - 2.0 * size * log_u)
        big = 0.5 * math.log(0.5 * math.pi) + (order - 0.5) * log_u - u  # K's own underflow
    low = np.isinf(scaled) | (u == 0.0)
    return np.asarray(np.where(low, edge, np.where(scaled > 0, plain, big)))
