"""Laplace: the prior that is the lasso."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bayesreg.language.arguments import Array, positive
from bayesreg.language.misnamed import explained
from bayesreg.priors.base import Mixing, Penalised, Scale, ScaleMixture, declared, settle


@explained
@dataclass(frozen=True, repr=False)
class Laplace(Penalised, ScaleMixture):
    r"""Laplace prior, −log p(β) = |β − loc|/s + log 2s: the lasso.

    With noise sd σ the penalty is λ₁|β − loc|, λ₁ = σ²/scale when ``unit="y"`` and σ/scale when
    ``unit="sigma"`` (Park & Casella, with their λ = 1/scale). Tails are exponential and the density
    is finite with a kink at 0, so the MAP has exact zeros while the posterior has none.

    Parameters
    ----------
    scale : float, sequence of float, or HyperPrior, default HalfCauchy(1.0)
        b of exp(−|β|/b)/(2b), in `unit` (the sd is b√2): a number, one per column, or a
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
        The density of a group of m columns is then ∝ s^(−m)e^(−‖u‖₂), u_j = b_j/(s·relative_j): the
        group lasso, λ₁Σ_g‖b_g‖₂ (Yuan & Lin 2006; Kyung et al. 2010, Bayesian Analysis 5(2)). No
        group weighs more for being large; with ``relative`` 1/√m on its m columns it does, by √m.

    Raises
    ------
    BadArgument
        If an argument is not of these forms.

    References
    ----------
    Tibshirani (1996), "Regression shrinkage and selection via the lasso", JRSS B 58(1); Park &
    Casella (2008), "The Bayesian lasso", JASA 103, eqs. 1–4, https://doi.org/10.1198/016214508000000337.

    Examples
    --------
    >>> Laplace(25.0).l1(sigma=54.0)
    116.64
    >>> Laplace.from_lam(116.64, sigma=54.0)
    Laplace(scale=25.0, unit='y')
    """

    scale: Scale | None = None
    loc: float = 0.0
    unit: str | None = field(default=None, kw_only=True)
    relative: Any = field(default=None, kw_only=True)
    expected_nonzero: float | None = field(default=None, kw_only=True)
    groups: Any = field(default=None, kw_only=True)

    by_group = True

    def __post_init__(self) -> None:
        settle(self)

    @classmethod
    def from_lam(cls, lam: float, *, sigma: float) -> Laplace:
        r"""The prior whose penalty is λ‖β‖₁ when the noise sd is `sigma`: scale = σ²/λ.

        Parameters
        ----------
        lam : float
            λ of J = ½RSS + λ‖β‖₁, positive: N times `alpha` of scikit-learn's Lasso.
        sigma : float
            Noise sd, in the unit of y.

        Raises
        ------
        BadArgument
            If an argument is not a positive number.

        Examples
        --------
        >>> Laplace.from_lam(2.0, sigma=1.0).scale
        0.5
        """
        sigma = float(np.asarray(positive(sigma, "sigma")))
        return cls(sigma * sigma / np.asarray(positive(lam, "lam")))

    @property
    def formulae(self) -> dict[str, str]:
        """λ₁ in words."""
        return {"λ₁": "σ²/scale" if self.unit == "y" else "σ/scale"}

    def l1(self, sigma: float, scale: ArrayLike | None = None) -> Any:
        """σ²/scale in "y", σ/scale in "sigma"."""
        return (sigma * sigma if self.unit == "y" else sigma) / declared(self, scale)

    def l2(self, sigma: float, scale: ArrayLike | None = None) -> Any:
        """Zero: the penalty is linear."""
        return 0.0 * declared(self, scale)

    def log_density(self, b: ArrayLike, scale: ArrayLike) -> Array:
        """Log density at effective scale `scale`."""
        u = np.abs(np.asarray(b, dtype=float) - self.loc) / scale
        return np.asarray(-u - np.log(scale) - math.log(2.0))

    def sample(
        self, rng: np.random.Generator, size: int | tuple[int, ...], scale: ArrayLike
    ) -> Array:
        """Independent draws at effective scale `scale`."""
        return np.asarray(self.loc + np.asarray(scale) * rng.laplace(size=size))

    @property
    def mixing(self) -> Mixing:
        """t is exponential with mean 2."""
        return Mixing("exponential", (1.0, 0.0))

    def sample_sds(self, rng: np.random.Generator, scale: Array, sizes: NDArray[np.intp]) -> Array:
        """s√t, t ~ Gamma((m + 1)/2, rate ½): exponential for m = 1 (Andrews & Mallows 1974)."""
        t = 2.0 * rng.standard_gamma(0.5 * (np.asarray(sizes) + 1.0), (len(scale), len(sizes)))
        return np.asarray(np.asarray(scale)[:, None] * np.sqrt(t))

    def sd_node(self, name: str, scale: Any, sizes: NDArray[np.intp]) -> Any:
        """s√t with t a ``pm.Gamma`` of rate ½."""
        import pymc as pm

        t = pm.Gamma(f"{name}_local", alpha=0.5 * (np.asarray(sizes) + 1.0), beta=0.5)
        return scale * pm.math.sqrt(t)

    def node(self, name: str, scale: Any, dims: str | None) -> Any:
        """``pm.Laplace``, whose b is the scale."""
        import pymc as pm

        return pm.Laplace(name, mu=self.loc, b=scale, dims=dims)
