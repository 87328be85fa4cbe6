"""Student-t and Laplace noise: measurements with outliers, which a normal would follow."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaln, stdtr, stdtrit

from bayesreg.language.arguments import Array, one_positive
from bayesreg.language.errors import BadArgument
from bayesreg.language.misnamed import explained
from bayesreg.likelihoods.base import (
    AbsoluteDeviation,
    Measured,
    NormalMixture,
    Summed,
    Theta,
    improper,
)
from bayesreg.priors.flat import Flat
from bayesreg.priors.hyper import HyperPrior
from bayesreg.priors.shapes import Gamma

CLOSEST = 1e-300  # a residual, below which a row's weight is held
FARTHEST = 1e140  # a mean of latent weights, beyond which they have their limiting law


class Noise(Measured, NormalMixture):
    """Noise that is a mixture of normals; `sigma` is its scale, which is not its sd."""

    latent_seconds: ClassVar[float] = 8e-8


@explained
@dataclass(frozen=True)
class StudentTNoise(Noise):
    r"""Student-t noise, y_i = η_i + σ·t_i with `df` degrees of freedom: outliers count for little.

    .. math:: -\sigma^2 \log p(y \mid \eta) = \tfrac{\nu + 1}{2}\,\sigma^2
        \log\Big(1 + \frac{(y - \eta)^2}{\nu\sigma^2}\Big) + \text{constant}

    σ is the scale of the noise and not its sd, which is σ√(ν/(ν − 2)) for ν > 2; a prior in
    ``unit="sigma"`` is in units of this σ. φ = σ², so that λ₁ = σ²/scale and λ₂ = σ²/scale² as
    under a Gaussian, which it tends to as ν → ∞. The loss is not convex: an optimum is certified as
    a local one, and how many were seen is said.

    Parameters
    ----------
    df : float, HyperPrior or None, default None
        ν: a known number; None for ν ~ Gamma(2, 0.1); or a proper distribution.
    sigma : float, HyperPrior, Flat or None, default None
        As of `Gaussian`: unsaid, p(σ²) ∝ 1/σ².

    Raises
    ------
    BadArgument
        If an argument is none of these.

    References
    ----------
    Lange, Little & Taylor (1989), "Robust statistical modeling using the t distribution", JASA
    84(408), https://doi.org/10.1080/01621459.1989.10478852; Juárez & Steel (2010), JBES 28(1).

    Examples
    --------
    >>> import bayesreg as br
    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [0.0, 1.0, 2.0, 30.0]
    >>> model = br.Model(br.Normal(10.0), br.StudentTNoise(df=2.0, sigma=0.1))
    >>> br.fit_map(model.condition(X, y)).beta.round(2).to_dict()
    {'x1': 1.0}
    """

    df: float | HyperPrior | None = None
    sigma: float | HyperPrior | Flat | None = None

    convex: ClassVar[bool] = False
    noun: ClassVar[str] = "Student-t noise"
    seen: ClassVar[str] = "there are outliers, which a normal would follow"
    phi: ClassVar[str] = "σ²"
    meanings: ClassVar[Mapping[str, str]] = {
        "sigma": "noise scale, not sd",
        "df": "no variance below 2",
    }

    def __post_init__(self) -> None:
        self.settle_sigma()
        if improper(self.df):
            raise BadArgument(
                f"StudentTNoise: df={self.df!r} is improper, and as df grows the likelihood tends "
                "to a Gaussian's, which is not 0: there is no posterior; use a proper law such as "
                "Gamma(2, 0.1)"
            )
        if self.df is not None and not isinstance(self.df, HyperPrior):
            object.__setattr__(self, "df", one_positive(self.df, "StudentTNoise: df"))

    @property
    def unknowns(self) -> dict[str, float | HyperPrior]:
        """σ and ν."""
        return super().unknowns | {"df": Gamma(2.0, 0.1) if self.df is None else self.df}

    def words(self, eta: str) -> str:
        """½(ν + 1)σ²·Σ log(1 + (y − η)²/νσ²)."""
        return "½(ν + 1)σ²·Σ log(1 + (y − η)²/νσ²)"

    def dispersion(self, theta: Theta) -> Any:
        """σ²."""
        return np.square(theta["sigma"])

    def log_density(self, y: ArrayLike, eta: ArrayLike, theta: Theta) -> Array:
        """−½(ν + 1)·log(1 + z²/ν) − log(σ√ν·B(½, ν/2)), z = (y − η)/σ."""
        df, sigma = np.asarray(theta["df"]), np.asarray(theta["sigma"])
        z = np.subtract(y, eta) / sigma
        constant = np.log(sigma) + 0.5 * np.log(df) + betaln(0.5, 0.5 * df)
        return np.asarray(-0.5 * (df + 1.0) * _log1p_square(z / np.sqrt(df)) - constant)

    def summed(self, y: Array, weights: Array, facts: Theta) -> Summed:
        """By one logarithm a row."""
        n = float(weights.sum())

        def total(eta: Array, theta: Theta) -> Array:
            df, sigma = np.atleast_2d(theta["df"]), np.atleast_2d(theta["sigma"])
            square = (eta - y) * (1.0 / (sigma * np.sqrt(df)))
            np.square(square, out=square)
            square += 1.0
            np.log(square, out=square)
            constant = np.log(sigma) + 0.5 * np.log(df) + betaln(0.5, 0.5 * df)
            return np.asarray(-0.5 * (df[:, 0] + 1.0) * (square @ weights) - n * constant[:, 0])

        return total

    def derivatives(self, y: ArrayLike, eta: ArrayLike, theta: Theta) -> tuple[Array, Array]:
        """−ω(y − η) and ω(νσ² − (y − η)²)/(νσ² + (y − η)²), ω as in `expand`."""
        rest = np.subtract(y, eta)
        omega, room = self._weights(rest, theta)
        with np.errstate(over="ignore"):
            bend = omega * (2.0 * room - 1.0)
        return np.asarray(-omega * rest), np.asarray(bend)

    def expand(self, y: ArrayLike, eta: ArrayLike, theta: Theta) -> tuple[Array, Array]:
        """ω = (ν + 1)σ²/(νσ² + (y − η)²) and y: a quadratic that lies nowhere below the loss.

        Lange, Little & Taylor (1989), §3: a step to its minimum never raises J.
        """
        omega, _ = self._weights(np.subtract(y, eta), theta)
        return omega, np.asarray(np.asarray(y) + 0.0 * omega)

    def augment(
        self, rng: np.random.Generator, y: Array, eta: Array, theta: Theta, weights: Array
    ) -> tuple[Array, Array]:
        """ω ~ Gamma(½w(ν + 1), rate ½(ν + (y − η)²/σ²)) and y, for any w > 0.

        (1 + r²/νσ²)^(−½w(ν + 1)) is the integral of e^(−½ωr²/σ²) against a gamma law of ω.
        """
        df = np.asarray(theta["df"])
        with np.errstate(over="ignore"):
            rate = 0.5 * (df + np.square(np.subtract(y, eta) / theta["sigma"]))
        omega = rng.standard_gamma(0.5 * weights * (df + 1.0)) / rate
        return np.maximum(omega, CLOSEST), y

    @staticmethod
    def _weights(rest: Array, theta: Theta) -> tuple[Array, Array]:
        """ω, and νσ²/(νσ² + r²)."""
        df, sigma = np.asarray(theta["df"]), np.asarray(theta["sigma"])
        with np.errstate(over="ignore"):
            room = 1.0 / (1.0 + np.square(rest / (sigma * np.sqrt(df))))
        room = np.maximum(room, CLOSEST)
        return (df + 1.0) / df * room, room

    def fenchel_young(self, y: ArrayLike, eta: ArrayLike, u: ArrayLike, theta: Theta) -> Array:
        """∞: a loss that is not convex has no dual that bounds it."""
        return np.full(np.broadcast_shapes(np.shape(y), np.shape(eta), np.shape(u)), np.inf)

    def first_guess(self, y: Array, weights: Array, theta: Theta) -> float:
        """The weighted median."""
        return _median(y, weights)

    def order(self, theta: Theta) -> float:
        """ν; where it is unknown, what it exceeds with probability 0.999."""
        df = theta["df"]
        if isinstance(df, HyperPrior):
            df = np.quantile(df.sample(np.random.default_rng(0), 20_000), 1e-3)
        return float(df)

    def unit_sd(self, y: Array, weights: Array, theta: Theta) -> float:
        """√((ν + 3)/(ν + 1)), in units of σ; 1 where ν is unknown."""
        df = theta.get("df")
        return math.sqrt((df + 3.0) / (df + 1.0)) if isinstance(df, float) else 1.0

    def variance(self, eta: ArrayLike, theta: Theta) -> Array:
        """σ²ν/(ν − 2); ∞ for ν ≤ 2."""
        df = np.asarray(theta["df"], dtype=float)
        safe = np.where(df > 2.0, df - 2.0, 1.0)
        factor = np.where(df > 2.0, df / safe, np.inf)
        return np.asarray(np.square(theta["sigma"]) * factor + 0.0 * np.asarray(eta))

    def information(self, eta: ArrayLike, theta: Theta) -> Array:
        """(ν + 1)/(ν + 3)σ²."""
        df = np.asarray(theta["df"], dtype=float)
        return np.asarray(
            (df + 1.0) / (df + 3.0) / np.square(theta["sigma"]) + 0.0 * np.asarray(eta)
        )

    def width(self, eta: ArrayLike, theta: Theta) -> Array:
        """σ², which is finite for every ν."""
        return np.asarray(np.square(theta["sigma"]) + 0.0 * np.asarray(eta))

    def cdf(self, y: ArrayLike, eta: ArrayLike, theta: Theta) -> Array:
        """That of t at (y − η)/σ."""
        return np.asarray(stdtr(theta["df"], np.subtract(y, eta) / theta["sigma"]))

    def ppf(self, prob: ArrayLike, eta: ArrayLike, theta: Theta) -> Array:
        """η + σ times the quantile of t."""
        return np.asarray(eta + theta["sigma"] * stdtrit(theta["df"], prob))

    def sample(self, rng: np.random.Generator, eta: Array, theta: Theta) -> Array:
        """η + σt."""
        df = np.broadcast_to(theta["df"], np.shape(eta))
        return np.asarray(eta + theta["sigma"] * rng.standard_t(df))

    def law(self, eta: Any, theta: Theta) -> tuple[Any, dict[str, Any]]:
        """``pm.StudentT``."""
        import pymc as pm

        return pm.StudentT, {"nu": theta["df"], "mu": eta, "sigma": theta["sigma"]}


@explained
@dataclass(frozen=True)
class LaplaceNoise(Noise, AbsoluteDeviation):
    r"""Laplace noise, p(y | η) = e^(−|y − η|/σ)/2σ: the MAP is least absolute deviations.

    .. math:: -\sigma \log p(y \mid \eta) = |y - \eta| + \text{constant}

    σ is the scale of the noise; its sd is σ√2, and a prior in ``unit="sigma"`` is in units of this
    σ. φ = σ, so that J = Σ|y − η| + penalty with λ₁ = σ/scale and λ₂ = σ/scale².

    Parameters
    ----------
    sigma : float, HyperPrior, Flat or None, default None
        As of `Gaussian`: unsaid, p(σ²) ∝ 1/σ².

    Raises
    ------
    BadArgument
        If `sigma` is none of these.

    References
    ----------
    Koenker (2005), *Quantile Regression*, ch. 1, on the median; Park & Casella (2008), JASA 103, on
    the mixture of normals that it is.

    Examples
    --------
    >>> import bayesreg as br
    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [0.0, 1.0, 2.0, 30.0]
    >>> model = br.Model(br.Normal(10.0), br.LaplaceNoise(sigma=0.1))
    >>> br.fit_map(model.condition(X, y)).beta.round(2).to_dict()
    {'x1': 1.0}
    """

    sigma: float | HyperPrior | Flat | None = None

    noun: ClassVar[str] = "Laplace noise"
    seen: ClassVar[str] = "most rows lie near their mean, and some far off"
    wider: ClassVar[str] = "br.StudentTNoise() (--likelihood student_t)"
    phi: ClassVar[str] = "σ"
    smooth: ClassVar[bool] = False
    meanings: ClassVar[Mapping[str, str]] = {"sigma": "noise scale, not sd"}

    def __post_init__(self) -> None:
        self.settle_sigma()

    def words(self, eta: str) -> str:
        """Σ|y − η|."""
        return f"‖y − {eta.replace(' + ', ' − ')}‖₁"

    def dispersion(self, theta: Theta) -> Any:
        """σ."""
        return np.asarray(theta["sigma"])

    def log_density(self, y: ArrayLike, eta: ArrayLike, theta: Theta) -> Array:
        """−|y − η|/σ − log 2σ."""
        sigma = np.asarray(theta["sigma"])
        return np.asarray(-np.abs(np.subtract(y, eta)) / sigma - np.log(2.0 * sigma))

    def summed(self, y: Array, weights: Array, facts: Theta) -> Summed:
        """−Σw|y − η|/σ − Σw·log 2σ."""
        n, even = float(weights.sum()), bool(np.all(weights == 1.0))

        def total(eta: Array, theta: Theta) -> Array:
            sigma = np.atleast_2d(theta["sigma"])[:, 0]
            rest = eta - y
            np.abs(rest, out=rest)
            size = rest.sum(axis=1) if even else rest @ weights
            return np.asarray(-size / sigma - n * np.log(2.0 * sigma))

        return total

    def derivatives(self, y: ArrayLike, eta: ArrayLike, theta: Theta) -> tuple[Array, Array]:
        """−sign(y − η) and 0."""
        slope = np.asarray(np.sign(np.subtract(eta, y)))
        return slope, np.zeros_like(slope)

    def expand(self, y: ArrayLike, eta: ArrayLike, theta: Theta) -> tuple[Array, Array]:
        """1/|y − η| and y: a quadratic that lies nowhere below the loss."""
        omega = 1.0 / np.maximum(np.abs(np.subtract(y, eta)), CLOSEST)
        return omega, np.asarray(np.asarray(y) + 0.0 * omega)

    def augment(
        self, rng: np.random.Generator, y: Array, eta: Array, theta: Theta, weights: Array
    ) -> tuple[Array, Array]:
        """ω inverse Gaussian of mean wσ/|y − η| and shape w², and y, for any w > 0.

        e^(−w|r|/σ) is the integral of e^(−½ωr²/σ²) against w·ω^(−3/2)·e^(−w²/2ω)/√(2π): West
        (1987), Biometrika 74(3), and Park & Casella (2008), §2, for w = 1.
        """
        rest = np.maximum(np.abs(np.subtract(y, eta)), CLOSEST)
        omega = np.square(weights) * _inverse_gaussian(rng, theta["sigma"] / (weights * rest))
        return np.maximum(omega, CLOSEST), y

    def fenchel_young(self, y: ArrayLike, eta: ArrayLike, u: ArrayLike, theta: Theta) -> Array:
        """|y − η| + u(y − η) for |u| ≤ 1, else ∞."""
        rest = np.subtract(y, eta)
        found = np.maximum(np.abs(rest) + np.asarray(u) * rest, 0.0)
        return np.asarray(np.where(np.abs(u) <= 1.0, found, np.inf))

    def first_guess(self, y: Array, weights: Array, theta: Theta) -> float:
        """The weighted median."""
        return _median(y, weights)

    def unit_sd(self, y: Array, weights: Array, theta: Theta) -> float:
        """1, in units of σ."""
        return 1.0

    def variance(self, eta: ArrayLike, theta: Theta) -> Array:
        """2σ²."""
        return np.asarray(2.0 * np.square(theta["sigma"]) + 0.0 * np.asarray(eta))

    def information(self, eta: ArrayLike, theta: Theta) -> Array:
        """1/σ²."""
        return np.asarray(1.0 / np.square(theta["sigma"]) + 0.0 * np.asarray(eta))

    def cdf(self, y: ArrayLike, eta: ArrayLike, theta: Theta) -> Array:
        """½e^z below η, 1 − ½e^(−z) above, z = (y − η)/σ."""
        z = np.subtract(y, eta) / theta["sigma"]
        tail = 0.5 * np.exp(-np.abs(z))
        return np.asarray(np.where(z < 0.0, tail, 1.0 - tail))

    def ppf(self, prob: ArrayLike, eta: ArrayLike, theta: Theta) -> Array:
        """The inverse of `cdf`."""
        prob = np.asarray(prob, dtype=float)
        with np.errstate(divide="ignore"):
            z = np.where(prob < 0.5, np.log(2.0 * prob), -np.log(2.0 * (1.0 - prob)))
        return np.asarray(eta + theta["sigma"] * z)

    def sample(self, rng: np.random.Generator, eta: Array, theta: Theta) -> Array:
        """η + σ times a standard Laplace."""
        return np.asarray(eta + theta["sigma"] * rng.laplace(size=np.shape(eta)))

    def law(self, eta: Any, theta: Theta) -> tuple[Any, dict[str, Any]]:
        """``pm.Laplace``."""
        import pymc as pm

        return pm.Laplace, {"mu": eta, "b": theta["sigma"]}


def _inverse_gaussian(rng: np.random.Generator, mean: Array) -> Array:
    """One draw of shape 1 for each: Michael, Schucany & Haas (1976), The American Statistician 30.

    The smaller root of their quadratic is a quotient in which nothing cancels; its limit as the
    mean grows is 1/χ².
    """
    square = np.square(rng.standard_normal(len(mean)))
    half = 0.5 * np.minimum(mean, FARTHEST) * square
    low = np.minimum(mean, FARTHEST) / (1.0 + half + np.sqrt(half * (2.0 + half)))
    turned = rng.random(len(mean)) * (1.0 + low / mean) > 1.0
    with np.errstate(over="ignore"):
        return np.where(turned, np.minimum(mean * (mean / low), 1.0 / CLOSEST), low)


def _median(y: Array, weights: Array) -> float:
    """The least y with at least half of the weight at or below it."""
    order = np.argsort(y, kind="stable")
    below = np.cumsum(weights[order])
    return float(y[order[np.searchsorted(below, 0.5 * below[-1])]])


def _log1p_square(x: Array) -> Array:
    """log(1 + x²), also where x² leaves float64."""
    big = np.abs(x) > 1e8
    safe = np.where(big, 1.0, x)
    with np.errstate(divide="ignore"):
        return np.where(big, 2.0 * np.log(np.where(big, np.abs(x), 1.0)), np.log1p(safe * safe))
