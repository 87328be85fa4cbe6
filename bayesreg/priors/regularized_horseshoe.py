"""RegularizedHorseshoe: a horseshoe whose largest effects meet a Student-t slab."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bayesreg.language.arguments import Array, one_positive
from bayesreg.language.misnamed import explained
from bayesreg.priors.base import Mixing, Scale, ScaleMixture, settle


@explained
@dataclass(frozen=True, repr=False)
class RegularizedHorseshoe(ScaleMixture):
    r"""Regularised horseshoe, β = loc + z·√(c²s²t/(c² + s²t)), √t half-Cauchy(1).

    c² ~ InverseGamma(slab_df/2, slab_df·slab_scale²/2), one per block, so that effects far beyond s
    are Student-t(slab_df, slab_scale): the horseshoe's tails would leave weakly identified ones
    undefined. The slab is in the prior's unit, as `scale` is, and does not move with `scale`. Near
    0 the density is the horseshoe's, with its logarithmic pole, so there is no penalty and **no MAP
    exists**. A priori s says where effects become negligible, slab_scale how large those that are
    not may be.

    Parameters
    ----------
    scale : float, sequence of float, or HyperPrior, default HalfCauchy(1.0)
        The global scale τ, in `unit`: a number, one per column, or a distribution when unknown.
    slab_scale : float, default 2.0
        Scale of the slab, in `unit`: 2 is two noise sds per unit of the column in unit "sigma".
    slab_df : float, default 4.0
        Degrees of freedom of the slab: its tail is β^(−slab_df−1).
    loc : float, default 0
        Where the pole is, in the unit of the coefficient.
    unit : {"y", "sigma"}, optional
        What `scale` and `slab_scale` are measured in; unsaid, "y" for numbers and "sigma" for a
        hyperprior.
    relative : sequence of float, optional
        Known factors, one per column, on scale and slab.
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
    Piironen & Vehtari (2017), "Sparsity information and regularization in the horseshoe and other
    shrinkage priors", EJS 11(2), §2.3, https://doi.org/10.1214/17-EJS1337SI.

    Examples
    --------
    >>> from bayesreg.priors import Horseshoe
    >>> wide = RegularizedHorseshoe(1.0, slab_scale=1e8).log_density(1.0, 1.0)
    >>> bool(abs(wide - Horseshoe(1.0).log_density(1.0, 1.0)) < 1e-6)
    True
    """

    scale: Scale | None = None
    slab_scale: float = 2.0
    slab_df: float = 4.0
    loc: float = 0.0
    unit: str | None = field(default=None, kw_only=True)
    relative: Any = field(default=None, kw_only=True)
    expected_nonzero: float | None = field(default=None, kw_only=True)
    groups: Any = field(default="factors", kw_only=True)

    def moments(self, of_scale: float) -> float:
        """Below slab_df: the slab bounds b, whatever the scale is."""
        return self.slab_df

    def __post_init__(self) -> None:
        settle(self)
        for name in ("slab_scale", "slab_df"):
            value = one_positive(getattr(self, name), f"RegularizedHorseshoe: {name}")
            object.__setattr__(self, name, value)

    @property
    def coupled(self) -> bool:
        """Always: the coefficients of a block share their slab's c."""
        return True

    @property
    def why_no_map(self) -> str:
        """The pole."""
        return (
            "its density is unbounded at 0, where the slab changes nothing, so the posterior "
            "density is infinite wherever a coefficient is 0"
        )

    def log_density(self, b: ArrayLike, scale: ArrayLike) -> Array:
        """Log marginal density of one coefficient, b and `scale` in the prior's unit."""
        u, s = np.broadcast_arrays(np.abs(np.asarray(b, dtype=float) - self.loc), scale)
        flat = log_slab_mixture(u.ravel(), s.ravel(), self.slab_scale, self.slab_df)
        return flat.reshape(u.shape)

    @property
    def mixing(self) -> Mixing:
        """√t half-Cauchy(1), under the slab."""
        return Mixing("slab", (self.slab_scale, self.slab_df))

    def sample_sds(self, rng: np.random.Generator, scale: Array, sizes: NDArray[np.intp]) -> Array:
        """cs√t/√(c² + s²t), one c for all groups of a draw."""
        root = np.tan(0.5 * math.pi * rng.random((len(scale), len(sizes))))
        c = self.slab_scale / np.sqrt(rng.chisquare(self.slab_df, (len(scale), 1)) / self.slab_df)
        return np.asarray(_bounded(np.asarray(scale)[:, None] * root, c))

    def sd_node(self, name: str, scale: Any, sizes: NDArray[np.intp]) -> Any:
        """The same from ``pm.HalfCauchy`` and ``pm.InverseGamma``, both sampled as logarithms."""
        import pymc as pm

        local = pm.HalfCauchy(f"{name}_local", beta=1.0, size=len(sizes))
        half = 0.5 * self.slab_df
        slab = pm.InverseGamma(f"{name}_slab", alpha=half, beta=half * self.slab_scale**2)
        loose = scale * local
        return loose / pm.math.sqrt(1.0 + loose**2 / slab)


def _bounded(sd: Array, c: Array) -> Array:
    """c·sd/√(c² + sd²) without overflow."""
    small, large = np.minimum(sd, c), np.maximum(sd, c)
    return np.asarray(small / np.sqrt(1.0 + np.square(small / large)))


def log_slab_mixture(b: Array, s: Array, slab_scale: float, slab_df: float) -> Array:
    r"""log ∬ N(b; 0, c²s²t/(c² + s²t)) p(t) p(c²) dt dc² for b ≥ 0 and s of one length.

    With η = 1/t and κ = 1/c² the precision is κ + η/s². κ's integral is a function of one number,
    :func:`_slab_table`; η's is by the trapezoidal rule in log η, where the integrand is analytic
    for |Im| < π/2 and steps of ¼ are exact to rounding (Trefethen & Weideman 2014, SIAM Review
    56(3), §5). +inf at b = 0.
    """
    half = 0.5 * slab_df
    with np.errstate(divide="ignore"):
        log_x = np.maximum(2.0 * np.log(b / s) - math.log(2.0), -650.0)
    log_rate = 2.0 * np.log(np.hypot(b, math.sqrt(slab_df) * slab_scale)) - math.log(2.0)
    # v = log xη: e^(−xη) ends the integrand on the right, √η on the left.
    v = np.arange(-76.0 + min(float(log_x.min(initial=0.0)), 0.0), math.log(750.0), 0.25)
    out = np.empty(len(b))
    for rows in np.array_split(np.arange(len(b)), 1 + len(b) * len(v) // 500_000):
        w = v - log_x[rows, None]
        inner = _slab_table(half, w + (log_rate - 2.0 * np.log(s))[rows, None])
        body = 0.5 * w - np.logaddexp(0.0, w) - np.exp(v) + inner
        top = body.max(axis=1)
        out[rows] = top + np.log(0.25 * np.exp(body - top[:, None]).sum(axis=1))
    prior = half * math.log(half * slab_scale * slab_scale) - math.lgamma(half)
    constant = prior - math.log(math.pi) - 0.5 * math.log(2.0 * math.pi)
    return np.where(b == 0.0, np.inf, out + constant - (half + 0.5) * log_rate)


def _slab_table(half: float, log_z: Array) -> Array:
    """log ∫ κ^(half−1) (κ + z)^½ e^(−κ) dκ: tabulated, and with its limits beyond ±80."""
    inside = np.clip(log_z, -80.0, 80.0)
    return np.asarray(_spline(half)(inside) + 0.5 * np.maximum(log_z - 80.0, 0.0))


@cache
def _spline(half: float) -> Any:
    """That function of log z at steps of 1/16, between which a cubic is exact to 1e-9."""
    from scipy.interpolate import CubicSpline

    log_z = np.arange(-80.0, 80.0 + 1 / 16, 1 / 16)
    width = min(0.25, 0.4 / math.sqrt(half))
    q = np.arange(-40.0 / half - 3.0, math.log(750.0 + 2.0 * half), width)
    weight = half * q - np.exp(q)
    body = weight + 0.5 * np.logaddexp(q, log_z[:, None])
    top = body.max(axis=1)
    return CubicSpline(log_z, top + np.log(width * np.exp(body - top[:, None]).sum(axis=1)))
