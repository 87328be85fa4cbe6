"""Horseshoe and horseshoe+: half-Cauchy local scales, or products of two; a pole at 0."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bayesreg.language.arguments import Array
from bayesreg.language.misnamed import explained
from bayesreg.priors.base import Mixing, Scale, ScaleMixture, settle
from bayesreg.priors.regularized_horseshoe import RegularizedHorseshoe

# Nodes of the tabulated density in log |u|: between them a cubic spline is exact to 1e-9.
_LOW, _HIGH, _STEP = -160.0, 60.0, 1 / 32


@explained
@dataclass(frozen=True, repr=False)
class Horseshoe(ScaleMixture):
    r"""Horseshoe prior, β = loc + s√t·z, √t half-Cauchy(1): p(β) ∝ eˣE₁(x)/s, x = (β−loc)²/2s².

    `scale` is the global τ. Tails are those of a Cauchy, so large effects are left alone; the
    density has a logarithmic pole at 0, so small ones are shrunk hard. Because of that pole the
    posterior density is unbounded on every hyperplane β_j = 0 and **no MAP exists**: use the
    posterior.

    Parameters
    ----------
    scale : float, sequence of float, or HyperPrior, default HalfCauchy(1.0)
        The global scale τ, in `unit`: a number, one per column, or a distribution when unknown.
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
    Carvalho, Polson & Scott (2010), "The horseshoe estimator for sparse signals", Biometrika 97(2),
    https://doi.org/10.1093/biomet/asq017; Piironen & Vehtari (2017), "Sparsity information and
    regularization in the horseshoe", EJS 11(2), https://doi.org/10.1214/17-EJS1337SI.

    Examples
    --------
    >>> float(Horseshoe(1.0).log_density(1.0, 1.0).round(4))
    -2.1439
    """

    scale: Scale | None = None
    loc: float = 0.0
    unit: str | None = field(default=None, kw_only=True)
    relative: Any = field(default=None, kw_only=True)
    expected_nonzero: float | None = field(default=None, kw_only=True)
    groups: Any = field(default="factors", kw_only=True)

    @property
    def lighter(self) -> RegularizedHorseshoe:
        """The horseshoe whose slab bounds its tail."""
        return RegularizedHorseshoe()

    def moments(self, of_scale: float) -> float:
        """Below 1: the local scales are half-Cauchy."""
        return min(1.0, of_scale)

    def __post_init__(self) -> None:
        settle(self)

    @property
    def why_no_map(self) -> str:
        """The pole."""
        return (
            "its density is unbounded at 0, so the posterior density is infinite wherever a "
            "coefficient is 0"
        )

    def log_density(self, b: ArrayLike, scale: ArrayLike) -> Array:
        """Log density at effective scale `scale`; +inf at the pole."""
        u = (np.asarray(b, dtype=float) - self.loc) / np.asarray(scale)
        constant = -0.5 * math.log(2.0) - 1.5 * math.log(math.pi)
        return np.asarray(constant - np.log(scale) + log_scaled_exp1(0.5 * u * u))

    def log_mixing(self, y: Array) -> Array:
        """√t = e^(y/2) has density (2/π)/(1 + t)."""
        return np.asarray(0.5 * y - np.logaddexp(0.0, y) - math.log(math.pi))

    @property
    def mixing(self) -> Mixing:
        """√t is half-Cauchy(1)."""
        return Mixing("half_cauchy")

    def sample_sds(self, rng: np.random.Generator, scale: Array, sizes: NDArray[np.intp]) -> Array:
        """s√t, √t half-Cauchy(1)."""
        root = np.tan(0.5 * math.pi * rng.random((len(scale), len(sizes))))
        return np.asarray(np.asarray(scale)[:, None] * root)

    def sd_node(self, name: str, scale: Any, sizes: NDArray[np.intp]) -> Any:
        """s√t with √t a ``pm.HalfCauchy``, which PyMC samples as its logarithm."""
        import pymc as pm

        return scale * pm.HalfCauchy(f"{name}_local", beta=1.0, size=len(sizes))

    def node(self, name: str, scale: Any, dims: str | None) -> Any:
        """Non-centred: z·√t·scale with √t ~ ``pm.HalfCauchy``."""
        import pymc as pm

        local = pm.HalfCauchy(f"{name}_local", beta=1.0, dims=dims)
        z = pm.Normal(f"{name}_z", dims=dims)
        return pm.Deterministic(name, self.loc + scale * local * z, dims=dims)


def log_scaled_exp1(x: ArrayLike) -> Array:
    r"""log(eˣE₁(x)) for x ≥ 0 without overflow; +inf at 0.

    Below 50 from scipy's E₁; beyond, by the continued fraction eˣE₁(x) = 1/(x+1−1/(x+3−4/(x+5−…)))
    (Abramowitz & Stegun 5.1.22), whose first eight terms are exact to rounding there.
    """
    from scipy.special import exp1

    x = np.asarray(x, dtype=float)
    small = np.minimum(x, 50.0)
    large = np.maximum(x, 50.0)
    fraction = large + 17.0
    for k in range(8, 0, -1):
        fraction = large + (2 * k - 1) - k * k / fraction
    with np.errstate(divide="ignore"):
        return np.asarray(np.where(x <= 50.0, small + np.log(exp1(small)), -np.log(fraction)))


@explained
@dataclass(frozen=True, repr=False)
class HorseshoePlus(ScaleMixture):
    r"""Horseshoe+ prior, β = loc + s√t·z, √t = λη, λ and η half-Cauchy(1).

    The local scale x = √t has density (4/π²) log(x)/(x² − 1), so v = log x has (2/π²)·v/sinh v.
    Tails are β^(−2) log β, heavier than a Cauchy's; the pole at 0 is log², sharper than the
    horseshoe's, so small effects are shrunk harder and large ones less. Because of that pole there
    is no penalty and **no MAP exists**: use the posterior. A priori most effects are near 0 and a
    few far beyond s: the median of |β − loc| is 0.56 s, its 90 % point 11 s.

    Parameters
    ----------
    scale : float, sequence of float, or HyperPrior, default HalfCauchy(1.0)
        The global scale τ, in `unit`: a number, one per column, or a distribution when unknown.
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
    Bhadra, Datta, Polson & Willard (2017), "The horseshoe+ estimator of ultra-sparse signals",
    Bayesian Analysis 12(4), https://doi.org/10.1214/16-BA1028.

    Examples
    --------
    >>> float(HorseshoePlus(1.0).log_density(1.0, 1.0).round(4))
    -2.4502
    """

    scale: Scale | None = None
    loc: float = 0.0
    unit: str | None = field(default=None, kw_only=True)
    relative: Any = field(default=None, kw_only=True)
    expected_nonzero: float | None = field(default=None, kw_only=True)
    groups: Any = field(default="factors", kw_only=True)

    @property
    def lighter(self) -> RegularizedHorseshoe:
        """The horseshoe whose slab bounds its tail."""
        return RegularizedHorseshoe()

    def moments(self, of_scale: float) -> float:
        """Below 1: the local scales are products of half-Cauchys."""
        return min(1.0, of_scale)

    def __post_init__(self) -> None:
        settle(self)

    @property
    def why_no_map(self) -> str:
        """The pole."""
        return (
            "its density is unbounded at 0 (as log² of the distance), so the posterior density is "
            "infinite wherever a coefficient is 0"
        )

    def log_density(self, b: ArrayLike, scale: ArrayLike) -> Array:
        """Log density at effective scale `scale`; +inf at the pole."""
        u = np.abs(np.asarray(b, dtype=float) - self.loc) / np.asarray(scale)
        with np.errstate(divide="ignore"):
            log_u = np.log(u)
        inside = np.clip(log_u, _LOW, _HIGH)
        # Beyond the table the tail is u^(−2) log u; below it the density grows by less than 1 %.
        far = np.maximum(log_u, _HIGH)
        tail = np.log(far / _HIGH) - 2.0 * (far - _HIGH)
        value = np.where(u == 0.0, np.inf, _table()(inside) + tail)
        return np.asarray(value - np.log(scale))

    def log_mixing(self, y: Array) -> Array:
        """√t = e^(y/2) has density (2/π²)·y/(t − 1)."""
        size = np.maximum(np.abs(y), 1e-6)
        body = 0.5 * y + np.log(size / -np.expm1(-size)) - np.maximum(y, 0.0)
        return np.asarray(body - 2.0 * math.log(math.pi))

    @property
    def mixing(self) -> Mixing:
        """√t is the product of two half-Cauchy(1)."""
        return Mixing("half_cauchy_product")

    def sample_sds(self, rng: np.random.Generator, scale: Array, sizes: NDArray[np.intp]) -> Array:
        """s√t, √t the product of two half-Cauchy(1)."""
        first, second = np.tan(0.5 * math.pi * rng.random((2, len(scale), len(sizes))))
        return np.asarray(np.asarray(scale)[:, None] * first * second)

    def sd_node(self, name: str, scale: Any, sizes: NDArray[np.intp]) -> Any:
        """s√t, √t the product of two ``pm.HalfCauchy``, which PyMC samples as their logarithms."""
        import pymc as pm

        local = pm.HalfCauchy(f"{name}_local", beta=1.0, size=len(sizes))
        return scale * local * pm.HalfCauchy(f"{name}_outer", beta=1.0, size=len(sizes))


def log_plus(u: Array) -> Array:
    r"""log ∫ N(u; 0, x²) p(x) dx for u > 0, by the trapezoidal rule in v = log x.

    p(v) = (2/π²) v/sinh v is analytic for |Im v| < π and the normal factor decays for |Im v| < π/4,
    so steps of 1/8 are exact to rounding (Trefethen & Weideman 2014, SIAM Review 56(3), §5).
    """
    u = np.asarray(u, dtype=float)
    low = math.floor(float(np.log(u.min())) - 3.7)  # where exp(−u²/2x²) has vanished
    v = np.arange(8 * low, 8 * (math.ceil(max(float(np.log(u.max())), 0.0)) + 24)) / 8.0 + 1 / 16
    size = np.abs(v)
    weight = np.log(size) - size - np.log(-np.expm1(-2.0 * size)) - v
    with np.errstate(over="ignore", under="ignore"):
        body = np.exp(weight - 0.5 * np.square(u[:, None] * np.exp(-v)))
    constant = math.log(4.0 / math.pi**2 / 8.0) - 0.5 * math.log(2.0 * math.pi)
    return np.asarray(constant + np.log(body.sum(axis=1)))


@cache
def _table() -> Any:
    """Log density of u at scale 1 as a cubic spline in log u."""
    from scipy.interpolate import CubicSpline

    log_u = np.arange(_LOW, _HIGH + _STEP, _STEP)
    parts = [log_plus(np.exp(part)) for part in np.array_split(log_u, 64)]
    return CubicSpline(log_u, np.concatenate(parts))
