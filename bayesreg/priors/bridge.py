"""Bridge: exp(−|u|^q), between best subsets (q → 0), the lasso (q = 1) and ridge (q = 2)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

from bayesreg.language.arguments import Array, one_positive
from bayesreg.language.errors import BadArgument
from bayesreg.language.misnamed import explained
from bayesreg.priors.base import Majorised, Mixing, Scale, ScaleMixture, settle


@explained
@dataclass(frozen=True, repr=False)
class Bridge(Majorised, ScaleMixture):
    r"""Bridge prior, p(β) = q/(2sΓ(1/q))·exp(−|u|^q) with u = (β − loc)/s, 0 < q < 2.

    With noise sd σ the penalty is σ²|u|^q. q = 1 is Laplace(s), and q = 2 would be a normal with sd
    s/√2. Tails are exp(−|u|^q), between polynomial and exponential for q < 1; the density is finite
    at 0, with a cusp for q < 1, a kink at q = 1, and smooth enough for one derivative beyond. So a
    MAP exists. For q ≥ 1 it is convex (exact zeros at q = 1 only); for q < 1 it has exact zeros,
    but **every coefficient at 0 is a local optimum whatever the data**, so that only stationarity
    can be certified.

    Parameters
    ----------
    q : float, default 0.5
        The power, above 0 and below 2.
    scale : float, sequence of float, or HyperPrior, default HalfCauchy(1.0)
        s, in `unit` (the sd is s√(Γ(3/q)/Γ(1/q))): a number, one per column, or a distribution
        when it is unknown.
    loc : float, default 0
        Where the cusp is, in the unit of the penalised coefficient.
    unit : {"y", "sigma"}, optional
        What `scale` is measured in; unsaid, "y" for numbers and "sigma" for a hyperprior.
    relative : sequence of float, optional
        Known factors, one per column, on a common scale.
    expected_nonzero : float, optional
        Instead of `scale`: m gives HalfCauchy(m/((p − m)√N)) in units of σ, settled when the model
        meets data (Piironen & Vehtari 2017, eq. 3.12; stated for standardised columns).
    groups : None, "factors", list of lists of names, or mapping, default None
        Which columns share a local scale: none, those of one categorical term, or those named;
        their joint density is then ∝ exp(−‖u‖^q).

    Raises
    ------
    BadArgument
        If an argument is not of these forms.

    References
    ----------
    Frank & Friedman (1993), "A statistical view of some chemometrics regression tools",
    Technometrics 35(2), §6; Polson, Scott & Windle (2014), "The Bayesian bridge", JRSS B 76(4),
    https://doi.org/10.1111/rssb.12042.

    Examples
    --------
    >>> float(Bridge(1.0, 2.0).log_density(3.0, 2.0).round(4))  # Laplace: −|b|/s − log 2s
    -2.8863
    """

    q: float = 0.5
    scale: Scale | None = None
    loc: float = 0.0
    unit: str | None = field(default=None, kw_only=True)
    relative: Any = field(default=None, kw_only=True)
    expected_nonzero: float | None = field(default=None, kw_only=True)
    groups: Any = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        q = one_positive(self.q, "Bridge: q")
        if not q < 2.0:
            raise BadArgument(
                f"Bridge: q must be one number above 0 and below 2, not {self.q!r}; "
                "q = 2 is Normal(scale/√2)"
            )
        object.__setattr__(self, "q", q)
        settle(self)

    def log_density(self, b: ArrayLike, scale: ArrayLike) -> Array:
        """Log density at effective scale `scale`."""
        u = np.abs(np.asarray(b, dtype=float) - self.loc) / scale
        return np.asarray(self._constant - np.log(scale) - u**self.q)

    def sample(
        self, rng: np.random.Generator, size: int | tuple[int, ...], scale: ArrayLike
    ) -> Array:
        """±s·g^(1/q), g ~ Gamma(1/q)."""
        g = np.asarray(rng.standard_gamma(1.0 / self.q, size)) ** (1.0 / self.q)
        return np.asarray(self.loc + np.asarray(scale) * np.where(rng.random(size) < 0.5, -g, g))

    def node(self, name: str, scale: Any, dims: str | None) -> Any:
        """A ``pm.CustomDist`` with this density, drawn as `sample` does."""
        import pymc as pm
        import pytensor.tensor as pt

        def logp(value: Any, loc: Any, s: Any) -> Any:
            return self._constant - pt.log(s) - pt.abs((value - loc) / s) ** self.q

        def dist(loc: Any, s: Any, size: Any) -> Any:
            full = 0.0 * (loc + s)
            g = pm.Gamma.dist(alpha=full + 1.0 / self.q, beta=1.0, size=size)
            sign = 2.0 * pm.Bernoulli.dist(p=full + 0.5, size=size) - 1.0
            return loc + s * sign * g ** (1.0 / self.q)

        return pm.CustomDist(
            name, self.loc, scale, logp=logp, dist=dist, dims=dims, class_name="Bridge"
        )

    @property
    def mixing(self) -> Mixing:
        """1/(2t) is a positive stable variable of index q/2 with its density tilted by x^(−½)."""
        return Mixing("stable", (self.q,))

    def sample_sds(self, rng: np.random.Generator, scale: Array, sizes: NDArray[np.intp]) -> Array:
        """s√t, 1/(2t) a positive stable variable of index q/2 tilted by x^(−m/2)."""
        shape = (len(scale), len(sizes))
        log_x = tilted_stable(0.5 * self.q, np.broadcast_to(0.5 * np.asarray(sizes), shape), rng)
        root = np.exp(np.clip(-0.5 * (log_x + math.log(2.0)), -300.0, 300.0))
        return np.asarray(np.asarray(scale)[:, None] * root)

    def sd_node(self, name: str, scale: Any, sizes: NDArray[np.intp]) -> Any:
        """s√t with the stable variable as (A(U)/E)^((1−a)/a), a = q/2, on an angle and a gamma."""
        import pymc as pm
        import pytensor.tensor as pt

        a, m = 0.5 * self.q, np.asarray(sizes, dtype=float)
        power = 0.5 * m * (1.0 - a) / a

        def log_a(u: Any) -> Any:
            part = a * pt.log(pt.sin(a * u)) + (1.0 - a) * pt.log(pt.sin((1.0 - a) * u))
            return (part - pt.log(pt.sin(u))) / (1.0 - a)

        def random(k: Array, rng: Any = None, size: Any = None) -> Array:
            shape = np.shape(k) if size is None else size
            return tilted_angle(a, np.broadcast_to(k, shape).ravel(), rng).reshape(shape)

        angle = pm.CustomDist(
            f"{name}_angle",
            power,
            logp=lambda u, k: -k * log_a(u),
            random=random,
            support_point=lambda _rv, _size, k: pt.ones_like(k),
            transform=pm.distributions.transforms.Interval(0.0, math.pi),
            class_name="TiltedAngle",
        )
        e = pm.Gamma(f"{name}_local", alpha=1.0 + power, beta=1.0)
        log_x = ((1.0 - a) / a) * (log_a(angle) - pt.log(e))
        return scale * pt.exp(-0.5 * (log_x + math.log(2.0)))

    @property
    def exact(self) -> bool:
        """At q = 1, the lasso."""
        return self.q == 1.0

    def words(self, term: str) -> str:
        """σ²·Σ|b/s|^q."""
        return f"σ²·Σ|{term}/{self.scale_in_words}|^q with q = {self.q:g}"

    def cost(self, u: ArrayLike, sigma: float, scale: ArrayLike) -> Array:
        """σ²|u/s|^q."""
        return np.asarray(sigma * sigma * (np.abs(u) / scale) ** self.q)

    def slope(self, u: ArrayLike, sigma: float, scale: ArrayLike) -> Array:
        """qσ²|u/s|^(q−1)/s."""
        with np.errstate(divide="ignore"):
            v = (np.abs(u) / scale) ** (self.q - 1.0)
        return np.asarray(self.q * sigma * (sigma / np.asarray(scale)) * v)

    def bend(self, u: ArrayLike, sigma: float, scale: ArrayLike) -> Array:
        """q(q − 1)σ²|u/s|^(q−2)/s²."""
        if self.q == 1.0:
            return np.zeros(np.broadcast(u, scale).shape)
        slope = self.slope(u, sigma, scale)
        with np.errstate(divide="ignore", invalid="ignore"):
            bend = (self.q - 1.0) * slope / np.abs(u)
        bend = np.where(np.isinf(u), 0.0, bend)
        return np.where(np.asarray(u) == 0.0, np.copysign(np.inf, self.q - 1.0), bend)

    def least_bend(self, radius: ArrayLike, sigma: float, scale: ArrayLike) -> Array:
        """P″ at the radius for q ≥ 1, where it falls; −∞ for q < 1, under the cusp."""
        if self.q < 1.0:
            return np.full(np.broadcast(radius, scale).shape, -np.inf)
        return self.bend(radius, sigma, scale)

    def majoriser(
        self, u: ArrayLike, sigma: float, scale: ArrayLike
    ) -> tuple[Array | float, Array | float]:
        """λ₁ = P′ for q ≤ 1, concave in |u|; λ₂ = P′/|u| for q > 1, concave in u²."""
        slope = self.slope(u, sigma, scale)
        if self.q <= 1.0:
            return slope, 0.0
        with np.errstate(divide="ignore", invalid="ignore"):
            weight = slope / np.abs(u)
        return 0.0, np.where(np.asarray(u) == 0.0, np.inf, weight)

    @property
    def _constant(self) -> float:
        """log(q/(2Γ(1/q)))."""
        return math.log(0.5 * self.q) - float(gammaln(1.0 / self.q))


def tilted_stable(index: float, tilt: Array, rng: np.random.Generator) -> Array:
    r"""Draw log x, x > 0 of density ∝ x^(−tilt)·g(x), g the positive stable density of `index` a.

    g has Laplace transform exp(−tᵃ). With A(u) = [sinᵃ(au)·sin¹⁻ᵃ((1−a)u)/sin u]^(1/(1−a)) on
    (0, π) and E exponential, (A(U)/E)^((1−a)/a) is stable for uniform U (Kanter 1975); tilting
    makes E gamma with shape 1 + k and gives U the density ∝ A^(−k), k = tilt·(1−a)/a, which is
    largest at 0 and is drawn by rejection.

    Parameters
    ----------
    index : float
        a, above 0 and below 1.
    tilt : ndarray
        Non-negative; any shape.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray
        log x, of the shape of `tilt`.

    References
    ----------
    Kanter (1975), "Stable densities under change of scale and total variation inequalities", Annals
    of Probability 3(4); Devroye (2009), "Random variate generation for exponentially and
    polynomially tilted stable distributions", ACM TOMACS 19(4), §3.
    """
    k = np.ravel(tilt) * (1.0 - index) / index
    angle = tilted_angle(index, k, rng)
    e = rng.standard_gamma(1.0 + k)
    log_x = ((1.0 - index) / index) * (log_zolotarev(index, angle) - np.log(e))
    return log_x.reshape(np.shape(tilt))


def tilted_angle(index: float, k: Array, rng: np.random.Generator) -> Array:
    """Draw angles of density ∝ A(u)^(−k) on (0, π), one for each of k (n,), by rejection."""
    angle = np.full(k.shape, np.nan)
    todo = np.arange(k.size)
    # −log(sin x/x) = Σ cᵢx²ⁱ with cᵢ > 0 and c₁ = 1/6, so log A(u) − log A(0) ≥ ½au² term by term:
    # A^(−k) lies below a half-normal of variance 1/(ka), or below a constant where that is wide.
    sd = 1.0 / np.sqrt(np.maximum(k * index, 1e-300))
    lowest = log_zolotarev(index, np.zeros(1))
    while todo.size:
        flat = sd[todo] > math.pi
        normal = np.abs(rng.standard_normal(todo.size)) * sd[todo]
        u = np.where(flat, math.pi * rng.random(todo.size), normal)
        inside = u < math.pi
        rise = log_zolotarev(index, np.where(inside, u, 1.0)) - lowest
        bound = np.where(flat, 0.0, 0.5 * np.square(u / sd[todo]))
        keep = inside & (np.log(rng.random(todo.size)) <= bound - k[todo] * rise)
        angle[todo[keep]] = u[keep]
        todo = todo[~keep]
    return angle


def log_zolotarev(index: float, u: Array) -> Array:
    """log A(u) on [0, π), by its logarithms divided by u so that u = 0 is its limit."""
    rest = 1.0 - index
    low = index * (math.log(index) + _log_sinc(index * u))
    high = rest * (math.log(rest) + _log_sinc(rest * u))
    return np.asarray((low + high - _log_sinc(u)) / rest)


def _log_sinc(x: Array) -> Array:
    """log(sin x/x) for 0 ≤ x < π."""
    return np.asarray(np.log(np.sinc(x / math.pi)))
