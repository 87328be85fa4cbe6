"""Normal: the prior that is ridge."""

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
class Normal(Penalised, ScaleMixture):
    r"""Normal prior, −log p(β) = (β − loc)²/(2s²) + constant: ridge.

    With noise sd σ the penalty is ½λ₂(β − loc)², λ₂ = σ²/scale² when ``unit="y"`` and 1/scale² when
    ``unit="sigma"``. Tails are Gaussian, there is no pole at 0, and every coefficient is shrunk by
    the same rule, so nothing becomes exactly zero.

    Parameters
    ----------
    scale : float, sequence of float, or HyperPrior, default HalfCauchy(1.0)
        The sd, in `unit`: one number, one per column, or a distribution when it is unknown.
    loc : float, default 0
        Where the prior is centred, in the unit of the penalised coefficient.
    unit : {"y", "sigma"}, optional
        What `scale` is measured in; unsaid, "y" for numbers and "sigma" for a hyperprior.
    relative : sequence of float, optional
        Known factors, one per column, on a common scale.

    Raises
    ------
    BadArgument
        If `scale`, `loc`, `unit` or `relative` is not of these forms.

    References
    ----------
    Hoerl & Kennard (1970), "Ridge regression", Technometrics 12(1),
    https://doi.org/10.1080/00401706.1970.10488634; Lindley & Smith (1972), "Bayes estimates for the
    linear model", JRSS B 34(1).

    Examples
    --------
    >>> Normal(2.0).l2(sigma=1.0)
    0.25
    >>> Normal.from_lam(4.0)
    Normal(scale=0.5, unit='sigma')
    """

    scale: Scale | None = None
    loc: float = 0.0
    unit: str | None = field(default=None, kw_only=True)
    relative: Any = field(default=None, kw_only=True)

    conjugate = True

    def __post_init__(self) -> None:
        settle(self)

    @classmethod
    def from_lam(cls, lam: float) -> Normal:
        r"""The prior whose penalty is ½λ‖β‖² whatever σ is: scale = 1/√λ in units of σ.

        Parameters
        ----------
        lam : float
            λ of J = ½RSS + ½λ‖β‖², positive: `alpha` of scikit-learn's Ridge.

        Raises
        ------
        BadArgument
            If `lam` is not a positive number.

        Examples
        --------
        >>> Normal.from_lam(4.0).l2(sigma=3.0)
        4.0
        """
        return cls(1.0 / np.sqrt(positive(lam, "lam")), unit="sigma")

    @property
    def formulae(self) -> dict[str, str]:
        """λ₂ in words."""
        return {"λ₂": "σ²/scale²" if self.unit == "y" else "1/scale²"}

    def l1(self, sigma: float, scale: ArrayLike | None = None) -> Any:
        """Zero: the penalty has no kink."""
        return 0.0 * declared(self, scale)

    def l2(self, sigma: float, scale: ArrayLike | None = None) -> Any:
        """σ²/scale² in "y", 1/scale² in "sigma"."""
        ratio = (sigma if self.unit == "y" else 1.0) / declared(self, scale)
        return ratio * ratio

    def log_density(self, b: ArrayLike, scale: ArrayLike) -> Array:
        """Log density at effective scale `scale`."""
        u = (np.asarray(b, dtype=float) - self.loc) / np.asarray(scale)
        return np.asarray(-0.5 * u * u - np.log(scale) - 0.5 * math.log(2 * math.pi))

    def sample(
        self, rng: np.random.Generator, size: int | tuple[int, ...], scale: ArrayLike
    ) -> Array:
        """Independent draws at effective scale `scale`."""
        return np.asarray(self.loc + np.asarray(scale) * rng.standard_normal(size))

    @property
    def mixing(self) -> Mixing:
        """t = 1."""
        return Mixing("constant")

    def sample_sds(self, rng: np.random.Generator, scale: Array, sizes: NDArray[np.intp]) -> Array:
        """The scale itself."""
        return np.repeat(np.asarray(scale, dtype=float)[:, None], len(sizes), axis=1)

    def sd_node(self, name: str, scale: Any, sizes: NDArray[np.intp]) -> Any:
        """The scale itself, and no variable."""
        return scale * np.ones(len(sizes))

    def node(self, name: str, scale: Any, dims: str | None) -> Any:
        """``pm.Normal``."""
        import pymc as pm

        return pm.Normal(name, mu=self.loc, sigma=scale, dims=dims)
