"""Generalised double Pareto: Pareto tails on both sides of a kink, and so exact zeros."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bayesreg.language.arguments import Array, one_positive
from bayesreg.language.misnamed import explained
from bayesreg.priors.base import Majorised, Scale, ScaleMixture, settle


@explained
@dataclass(frozen=True, repr=False)
class DoublePareto(Majorised, ScaleMixture):
    r"""Generalised double Pareto prior, p(β) = (1 + |u|/shape)^(−1−shape)/2s with u = (β − loc)/s.

    With noise sd σ the penalty is (1 + shape)σ²·log(1 + |u|/shape): at 0 the lasso's with the same
    s, up to 1 + 1/shape, and logarithmic far out, where it lets a large effect alone. Tails are
    polynomial (no mean for shape ≤ 1, infinite variance for shape ≤ 2); as shape grows it becomes
    Laplace(s). The density is finite at 0 with a kink, so a MAP exists, has exact zeros, and **may
    be one of several local optima**: the penalty is concave on both sides of 0.

    Parameters
    ----------
    shape : float, default 1
        Pareto's α: the tails are |β|^(−1−shape). The default has those of a Cauchy density, as the
        horseshoe does, and is that of Armagan, Dunson & Lee.
    scale : float, sequence of float, or HyperPrior, default HalfCauchy(1.0)
        s, in `unit`, their ξ: the density at `loc` is 1/2s. A number, one per column, or a
        distribution when it is unknown.
    loc : float, default 0
        Where the kink is, in the unit of the penalised coefficient.
    unit : {"y", "sigma"}, optional
        What `scale` is measured in; unsaid, "y" for numbers and "sigma" for a hyperprior.
    relative : sequence of float, optional
        Known factors, one per column, on a common scale.
    expected_nonzero : float, optional
        Instead of `scale`: m gives HalfCauchy(m/((p − m)√N)) in units of σ, settled when the model
        meets data (Piironen & Vehtari 2017, eq. 3.12; stated for standardised columns).
    groups : None, "factors", list of lists of names, or mapping, default None
        Which columns share a local scale: none, those of one categorical term, or those named.

    Raises
    ------
    BadArgument
        If an argument is not of these forms.

    References
    ----------
    Armagan, Dunson & Lee (2013), "Generalized double Pareto shrinkage", Statistica Sinica 23(1),
    eq. 1 and Proposition 1, https://arxiv.org/abs/1104.0861.

    Examples
    --------
    >>> float(DoublePareto(1.0, 2.0).log_density(2.0, 2.0).round(4))  # −2 log 2 − log 4
    -2.7726
    """

    shape: float = 1.0
    scale: Scale | None = None
    loc: float = 0.0
    unit: str | None = field(default=None, kw_only=True)
    relative: Any = field(default=None, kw_only=True)
    expected_nonzero: float | None = field(default=None, kw_only=True)
    groups: Any = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", one_positive(self.shape, "DoublePareto: shape"))
        settle(self)

    def moments(self, of_scale: float) -> float:
        """Below shape."""
        return min(self.shape, of_scale)

    def log_density(self, b: ArrayLike, scale: ArrayLike) -> Array:
        """Log density at effective scale `scale`."""
        u = np.abs(np.asarray(b, dtype=float) - self.loc) / np.asarray(scale)
        return np.asarray(-np.log(scale) - math.log(2.0) - self._fall(u))

    def node(self, name: str, scale: Any, dims: str | None) -> Any:
        """A ``pm.CustomDist`` with this density; |u| = shape·(e^(E/shape) − 1), E exponential."""
        import pymc as pm
        import pytensor.tensor as pt

        def logp(value: Any, loc: Any, s: Any) -> Any:
            fall = (1.0 + self.shape) * pt.log1p(pt.abs((value - loc) / s) / self.shape)
            return -pt.log(s) - math.log(2.0) - fall

        def dist(loc: Any, s: Any, size: Any) -> Any:
            full = 0.0 * (loc + s)
            e = pm.Exponential.dist(lam=full + 1.0, size=size)
            sign = 2.0 * pm.Bernoulli.dist(p=full + 0.5, size=size) - 1.0
            return loc + s * sign * self.shape * pt.expm1(e / self.shape)

        return pm.CustomDist(
            name, self.loc, scale, logp=logp, dist=dist, dims=dims, class_name="DoublePareto"
        )

    def log_mixing(self, y: Array) -> Array:
        r"""t is exponential of rate λ²/2 with λ ~ Gamma(shape, rate shape), λ integrated out.

        With a = shape the integrand in w = log λ is e^((a+2)w − A − ½B), A = aλ, B = tλ², which
        has its maximum where A + B = a + 2. In δ = w − w₀ the trapezium rule is exact to rounding
        (Trefethen & Weideman 2014, SIAM Review 56(3), §5). In closed form
        p(t) = ½aᵃ(a + 1)a·t^(−1−a/2)·e^(z²/4)·D₋₍ₐ₊₂₎(z), z = a/√t, D the parabolic cylinder
        function (DLMF 12.5.1).
        """
        a, t = self.shape, np.exp(y)
        mode = 2.0 * (a + 2.0) / (a + np.sqrt(a * a + 4.0 * t * (a + 2.0)))
        first, second = a * mode, t * mode * mode
        step, total = 1.0 / (6.0 * math.sqrt(a + 2.0)), np.zeros(np.shape(y))
        for k in range(-270, 90):
            d = k * step
            total += np.exp(
                (a + 2.0) * d - first * math.expm1(d) - 0.5 * second * math.expm1(2.0 * d)
            )
        constant = a * math.log(a) - math.lgamma(a) + math.log(0.5 * step)
        top = (a + 2.0) * np.log(mode) - first - 0.5 * second
        return np.asarray(y + constant + top + np.log(total))

    def words(self, term: str) -> str:
        """(1 + shape)σ²·Σ log(1 + |b|/(shape·s))."""
        relative = f"|{term}|/(shape·{self.scale_in_words})"
        return f"(1 + shape)σ²·Σ log(1 + {relative}) with shape = {self.shape:g}"

    def cost(self, u: ArrayLike, sigma: float, scale: ArrayLike) -> Array:
        """(1 + shape)σ² log(1 + |u|/(shape·s))."""
        return np.asarray(sigma * sigma * self._fall(np.abs(u) / np.asarray(scale)))

    def slope(self, u: ArrayLike, sigma: float, scale: ArrayLike) -> Array:
        """(1 + shape)σ²/(shape·s + |u|)."""
        s, v = np.asarray(scale), np.abs(u) / np.asarray(scale)
        return np.asarray((1.0 + self.shape) * sigma * (sigma / s) / (self.shape + v))

    def bend(self, u: ArrayLike, sigma: float, scale: ArrayLike) -> Array:
        """−(1 + shape)σ²/(shape·s + |u|)²."""
        s, v = np.asarray(scale), np.abs(u) / np.asarray(scale)
        with np.errstate(over="ignore"):
            return np.asarray(-(1.0 + self.shape) * np.square(sigma / s / (self.shape + v)))

    def least_bend(self, radius: ArrayLike, sigma: float, scale: ArrayLike) -> Array:
        """P″ at 0, from where it rises."""
        return self.bend(0.0 * np.minimum(radius, 1.0), sigma, scale)

    def majoriser(
        self, u: ArrayLike, sigma: float, scale: ArrayLike
    ) -> tuple[Array | float, Array | float]:
        """λ₁ = P′: concave in |u|."""
        return self.slope(u, sigma, scale), 0.0

    def _fall(self, u: Array) -> Array:
        """(1 + shape)·log(1 + u/shape)."""
        return np.asarray((1.0 + self.shape) * np.log1p(u / self.shape))
