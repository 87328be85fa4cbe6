"""ElasticNet: the product of a Laplace and a normal, as one scale family."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bayesreg.language.arguments import Array, positive
from bayesreg.language.errors import BadArgument
from bayesreg.language.misnamed import explained
from bayesreg.priors.base import Mixing, Penalised, Scale, ScaleMixture, declared, settle


@explained
@dataclass(frozen=True, repr=False)
class ElasticNet(Penalised, ScaleMixture):
    r"""Elastic-net prior, −log p(β) = ρ|u| + ½(1 − ρ)u² + constant with u = (β − loc)/s.

    With noise sd σ: λ₁ = ρσ²/scale and λ₂ = (1 − ρ)σ²/scale² when ``unit="y"``; λ₁ = ρσ/scale and
    λ₂ = (1 − ρ)/scale² when ``unit="sigma"``. ρ is the mix of this scale family and no other
    library's l1_ratio. Tails are Gaussian, with a kink at 0: the MAP has exact zeros.

    Parameters
    ----------
    scale : float, sequence of float, or HyperPrior, default HalfCauchy(1.0)
        s, in `unit`: a number, one per column, or a distribution when it is unknown.
    mix : float, default 0.5
        ρ in (0, 1): 1 would be Laplace(s), 0 Normal(s).
    loc : float, default 0
        Where the kink is, in the unit of the penalised coefficient.
    unit : {"y", "sigma"}, optional
        What `scale` is measured in; unsaid, "y" for numbers and "sigma" for a hyperprior.
    relative : sequence of float, optional
        Known factors, one per column, on a common scale.

    Raises
    ------
    BadArgument
        If an argument is not of these forms.

    References
    ----------
    Zou & Hastie (2005), "Regularization and variable selection via the elastic net", JRSS B 67(2);
    Li & Lin (2010), "The Bayesian elastic net", Bayesian Analysis 5(1), https://doi.org/10.1214/10-BA506.

    Examples
    --------
    >>> prior = ElasticNet.from_scales(laplace=2.0, normal=3.0)
    >>> round(prior.l1(sigma=1.0), 12), round(prior.l2(sigma=1.0), 12)
    (0.5, 0.111111111111)
    """

    scale: Scale | None = None
    mix: float = 0.5
    loc: float = 0.0
    unit: str | None = field(default=None, kw_only=True)
    relative: Any = field(default=None, kw_only=True)
    # 1 − ρ is kept beside ρ, so that λ₂ keeps its digits when ρ is close to 1.
    rest: float | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        settle(self)
        mix = np.asarray(positive(self.mix, "ElasticNet: mix"))
        rest: Any = self.rest
        # One that does not belong to this ρ is what a copy with another ρ brought along.
        if rest is None or mix.ndim or not math.isclose(mix + rest, 1.0, rel_tol=1e-12):
            rest = 1.0 - mix
        if mix.ndim or not rest > 0.0:
            raise BadArgument(
                f"ElasticNet: mix must lie strictly between 0 and 1, not {self.mix!r}; "
                "use Laplace for 1 and Normal for 0"
            )
        object.__setattr__(self, "mix", float(mix))
        object.__setattr__(self, "rest", float(rest))

    @classmethod
    def from_scales(cls, *, laplace: float, normal: float, unit: str | None = None) -> ElasticNet:
        r"""The product of Laplace(b) and Normal(τ): s = 2/(1/b + √(1/b² + 4/τ²)), ρ = s/b.

        Parameters
        ----------
        laplace, normal : float
            b and τ, positive, in `unit`.
        unit : {"y", "sigma"}, optional
            What both are measured in; "y" unless said.

        Raises
        ------
        BadArgument
            If a scale is not a positive number.

        Examples
        --------
        >>> ElasticNet.from_scales(laplace=1.0, normal=1.0).scale.__round__(6)
        0.618034
        """
        b = float(np.asarray(positive(laplace, "laplace")))
        tau = float(np.asarray(positive(normal, "normal")))
        s = 2.0 / (1.0 / b + math.hypot(1.0 / b, 2.0 / tau))
        return cls(s, s / b, unit=unit, rest=(s / tau) ** 2)

    @property
    def implied(self) -> dict[str, Any]:
        """1 − ρ, unless both weights were given and have digits of their own."""
        return {"rest": 1.0 - self.mix}

    @property
    def formulae(self) -> dict[str, str]:
        """λ₁ and λ₂ in words."""
        if self.unit == "y":
            return {"λ₁": "ρσ²/scale", "λ₂": "(1 − ρ)σ²/scale²"}
        return {"λ₁": "ρσ/scale", "λ₂": "(1 − ρ)/scale²"}

    def l1(self, sigma: float, scale: ArrayLike | None = None) -> Any:
        """ρσ²/scale in "y", ρσ/scale in "sigma"."""
        return self.mix * (sigma * sigma if self.unit == "y" else sigma) / declared(self, scale)

    def l2(self, sigma: float, scale: ArrayLike | None = None) -> Any:
        """(1 − ρ)σ²/scale² in "y", (1 − ρ)/scale² in "sigma"."""
        ratio = (sigma if self.unit == "y" else 1.0) / declared(self, scale)
        return self._rest * ratio * ratio

    @property
    def _rest(self) -> float:
        """1 − ρ."""
        assert self.rest is not None
        return self.rest

    @property
    def _log_constant(self) -> float:
        """Log of ∫ exp(−ρ|u| − ½(1 − ρ)u²) du, by the scaled complementary error function."""
        from scipy.special import erfcx

        root = math.sqrt(self._rest)
        return float(
            np.log(2.0 * erfcx(self.mix / (math.sqrt(2.0) * root)) * math.sqrt(math.pi / 2) / root)
        )

    def log_density(self, b: ArrayLike, scale: ArrayLike) -> Array:
        """Log density at effective scale `scale`."""
        u = np.abs(np.asarray(b, dtype=float) - self.loc) / scale
        body = -self.mix * u - 0.5 * self._rest * u * u
        return np.asarray(body - np.log(scale) - self._log_constant)

    def sample(
        self, rng: np.random.Generator, size: int | tuple[int, ...], scale: ArrayLike
    ) -> Array:
        """Independent draws: a folded, truncated normal with a random sign."""
        from scipy.special import ndtr, ndtri

        # |u| is N(−ρ/(1−ρ), 1/(1−ρ)) beyond 0; inverting the upper tail keeps small tails accurate.
        root = math.sqrt(self._rest)
        tail = ndtr(-self.mix / root)
        size_of_u = (-ndtri(rng.random(size) * tail) - self.mix / root) / root
        sign = np.where(rng.random(size) < 0.5, -1.0, 1.0)
        return np.asarray(self.loc + np.asarray(scale) * sign * np.maximum(size_of_u, 0.0))

    @property
    def mixing(self) -> Mixing:
        """1/t = 1/t₁ + 1 − ρ with t₁ the local variance of a Laplace of rate ρ."""
        return Mixing("exponential", (self.mix, self._rest))

    def sample_sds(self, rng: np.random.Generator, scale: Array, sizes: NDArray[np.intp]) -> Array:
        """s√t, t = t₁/(1 + (1 − ρ)t₁), t₁ of density ∝ e^(−ρ²t₁/2)(1 + (1 − ρ)t₁)^(−½)."""
        t = _laplace_part(rng, (len(scale), len(sizes)), self.mix, self._rest)
        return np.asarray(np.asarray(scale)[:, None] * np.sqrt(t / (1.0 + self._rest * t)))

    def sd_node(self, name: str, scale: Any, sizes: NDArray[np.intp]) -> Any:
        """The same, with t₁ a ``pm.Exponential`` and the last factor a potential."""
        import pymc as pm

        t = pm.Exponential(f"{name}_laplace", lam=0.5 * self.mix**2, size=len(sizes))
        pm.Potential(f"{name}_normal", -0.5 * pm.math.log1p(self._rest * t).sum())
        return scale * pm.math.sqrt(t / (1.0 + self._rest * t))

    def node(self, name: str, scale: Any, dims: str | None) -> Any:
        """``pm.CustomDist`` with this density."""
        import pymc as pm
        import pytensor.tensor as pt

        mix, rest, constant, loc = self.mix, self._rest, self._log_constant, self.loc

        def logp(value: Any, scale: Any) -> Any:
            u = pt.abs(value - loc) / scale
            return -mix * u - 0.5 * rest * u * u - pt.log(scale) - constant

        def random(scale: Any, rng: np.random.Generator, size: Any = None) -> Array:
            return self.sample(rng, np.shape(scale) if size is None else size, scale)

        return pm.CustomDist(name, scale, logp=logp, random=random, dims=dims)


def _laplace_part(
    rng: np.random.Generator, shape: tuple[int, int], mix: float, rest: float
) -> Array:
    """Draw t₁ by inversion or rejection: √(1 + rest·t₁) is normal of sd √rest/mix, beyond 1."""
    from scipy.special import ndtr, ndtri

    edge = mix / math.sqrt(rest)
    if edge < 2.0:
        z = -ndtri(rng.random(shape) * ndtr(-edge)) / edge
        return np.asarray(np.maximum(z * z - 1.0, 0.0) / rest)
    t, todo = np.empty(shape), np.ones(shape, dtype=bool)
    while todo.any():
        t[todo] = rng.exponential(2.0 / mix**2, np.count_nonzero(todo))
        todo[todo] = rng.random(np.count_nonzero(todo)) > 1.0 / np.sqrt(1.0 + rest * t[todo])
    return t
