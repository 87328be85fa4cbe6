"""Distributions of a positive unknown: the noise sd σ, or the scale of a prior.

The same objects serve for both. ``inverse_gamma`` is what makes a prior for σ conjugate: (a, b)
with p(σ²) ∝ (σ²)^(−a−1) e^(−b/σ²), improper members included.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadArgument, NotSupported
from bayesreg.language.misnamed import explained


class HyperPrior(ABC):
    """A distribution on (0, ∞)."""

    @property
    def proper(self) -> bool:
        """Whether the density integrates to one."""
        return True

    @property
    def moments(self) -> float:
        """Below which order E x^k is finite."""
        return math.inf

    @property
    def inverse_gamma(self) -> tuple[float, float] | None:
        """(a, b) when the square is inverse gamma, p(x²) ∝ (x²)^(−a−1) e^(−b/x²); else None."""
        return None

    @property
    @abstractmethod
    def law(self) -> tuple[str, tuple[float, ...]]:
        """Name and numbers by which the compiled sampler knows the distribution."""

    @abstractmethod
    def log_density(self, x: ArrayLike) -> Array:
        """Log density at x; −inf outside the support."""

    @abstractmethod
    def log_density_of_log(self, log_x: float) -> float:
        """Log density of log x, log p(x) + log x, in plain floats for inner loops."""

    @abstractmethod
    def sample(self, rng: np.random.Generator, size: int | tuple[int, ...]) -> Array:
        """Independent draws; NotSupported for an improper member."""

    @abstractmethod
    def node(self, name: str) -> Any:
        """The free PyMC variable `name` inside an open model."""

    def variable(self, name: str, logp: Callable[[Any], Any]) -> Any:
        """The node of a law that PyMC has not: started at 1, and sampled as its logarithm."""
        import pymc as pm

        return pm.CustomDist(
            name,
            logp=logp,
            random=lambda rng=None, size=None: self.sample(rng, () if size is None else size),
            support_point=lambda rv, _size: pm.math.ones_like(rv),
            transform=pm.distributions.transforms.log,
            class_name=type(self).__name__,
        )


@explained
@dataclass(frozen=True)
class HalfStudentT(HyperPrior):
    r"""Half-Student-t, p(x) ∝ (1 + x²/(df·scale²))^(−(df+1)/2) on x > 0.

    Parameters
    ----------
    df : float
        Degrees of freedom; the tail is x^(−df−1).
    scale : float, default 1.0
        Scale, in the unit of the quantity.

    Raises
    ------
    BadArgument
        If an argument is not positive and finite.

    References
    ----------
    Gelman (2006), "Prior distributions for variance parameters in hierarchical models", Bayesian
    Analysis 1(3), https://doi.org/10.1214/06-BA117A.

    Examples
    --------
    >>> float(HalfStudentT(3.0, 2.0).log_density(0.0).round(4))
    -1.0009
    """

    df: float
    scale: float = 1.0

    @property
    def moments(self) -> float:
        """Below df."""
        return self.df

    def __post_init__(self) -> None:
        check_positive(self, "df", "scale")

    @property
    def law(self) -> tuple[str, tuple[float, ...]]:
        """As the compiled sampler knows it."""
        return "half_student_t", (self.df, self.scale)

    def log_density(self, x: ArrayLike) -> Array:
        """Log density at x."""
        x = np.asarray(x, dtype=float)
        constant = (
            math.log(2.0)
            + math.lgamma((self.df + 1) / 2)
            - math.lgamma(self.df / 2)
            - 0.5 * math.log(self.df * math.pi)
            - math.log(self.scale)
        )
        body = -0.5 * (self.df + 1) * _log1p_square(x / self.scale / math.sqrt(self.df))
        return np.where(x >= 0, constant + body, -np.inf)

    def log_density_of_log(self, log_x: float) -> float:
        """Log density of log x."""
        df = self.df
        constant = math.lgamma((df + 1) / 2) - math.lgamma(df / 2) - 0.5 * math.log(df * math.pi)
        u = log_x - math.log(self.scale)
        body = 0.5 * (df + 1) * softplus(2.0 * u - math.log(df))
        return math.log(2.0) + constant + u - body

    def sample(self, rng: np.random.Generator, size: int | tuple[int, ...]) -> Array:
        """Independent draws."""
        return np.abs(self.scale * rng.standard_t(self.df, size))

    def node(self, name: str) -> Any:
        """``pm.HalfStudentT``."""
        import pymc as pm

        return pm.HalfStudentT(name, nu=self.df, sigma=self.scale)


@explained
@dataclass(frozen=True)
class HalfCauchy(HyperPrior):
    r"""Half-Cauchy, p(x) = 2 / (π·scale·(1 + x²/scale²)) on x > 0; the default for a prior's scale.

    Parameters
    ----------
    scale : float, default 1.0
        Median, in the unit of the quantity.

    Raises
    ------
    BadArgument
        If `scale` is not positive and finite.

    References
    ----------
    Polson & Scott (2012), "On the half-Cauchy prior for a global scale parameter", Bayesian
    Analysis 7(4), https://doi.org/10.1214/12-BA730.

    Examples
    --------
    >>> float(HalfCauchy(1.0).log_density(0.0).round(4))
    -0.4516
    """

    scale: float = 1.0

    @property
    def moments(self) -> float:
        """Below 1."""
        return 1.0

    def __post_init__(self) -> None:
        check_positive(self, "scale")

    @property
    def law(self) -> tuple[str, tuple[float, ...]]:
        """As the compiled sampler knows it."""
        return "half_student_t", (1.0, self.scale)

    def log_density(self, x: ArrayLike) -> Array:
        """Log density at x."""
        x = np.asarray(x, dtype=float)
        body = math.log(2 / math.pi / self.scale) - _log1p_square(x / self.scale)
        return np.where(x >= 0, body, -np.inf)

    def log_density_of_log(self, log_x: float) -> float:
        """Log density of log x."""
        u = log_x - math.log(self.scale)
        return math.log(2.0 / math.pi) + u - softplus(2.0 * u)

    def sample(self, rng: np.random.Generator, size: int | tuple[int, ...]) -> Array:
        """Independent draws, by the inverse distribution function."""
        return np.asarray(self.scale * np.tan(0.5 * math.pi * rng.random(size)))

    def node(self, name: str) -> Any:
        """``pm.HalfCauchy``."""
        import pymc as pm

        return pm.HalfCauchy(name, beta=self.scale)


@explained
@dataclass(frozen=True)
class HalfNormal(HyperPrior):
    r"""Half-normal, p(x) ∝ exp(−x²/(2·scale²)) on x > 0.

    Parameters
    ----------
    scale : float, default 1.0
        The sd of the normal that is folded.

    Raises
    ------
    BadArgument
        If `scale` is not positive and finite.

    References
    ----------
    Gelman (2006), Bayesian Analysis 1(3), https://doi.org/10.1214/06-BA117A.

    Examples
    --------
    >>> float(HalfNormal(2.0).log_density(0.0).round(4))
    -0.9189
    """

    scale: float = 1.0

    def __post_init__(self) -> None:
        check_positive(self, "scale")

    @property
    def law(self) -> tuple[str, tuple[float, ...]]:
        """As the compiled sampler knows it."""
        return "half_normal", (self.scale,)

    def log_density(self, x: ArrayLike) -> Array:
        """Log density at x."""
        x = np.asarray(x, dtype=float)
        body = 0.5 * math.log(2 / math.pi) - math.log(self.scale) - 0.5 * (x / self.scale) ** 2
        return np.where(x >= 0, body, -np.inf)

    def log_density_of_log(self, log_x: float) -> float:
        """Log density of log x."""
        u = log_x - math.log(self.scale)
        return 0.5 * math.log(2.0 / math.pi) + u - 0.5 * _exp(2.0 * u)

    def sample(self, rng: np.random.Generator, size: int | tuple[int, ...]) -> Array:
        """Independent draws."""
        return np.abs(self.scale * rng.standard_normal(size))

    def node(self, name: str) -> Any:
        """``pm.HalfNormal``."""
        import pymc as pm

        return pm.HalfNormal(name, sigma=self.scale)


@explained
@dataclass(frozen=True)
class Exponential(HyperPrior):
    r"""Exponential, p(x) = rate·exp(−rate·x) on x > 0.

    Parameters
    ----------
    rate : float, default 1.0
        One over the mean.

    Raises
    ------
    BadArgument
        If `rate` is not positive and finite.

    References
    ----------
    Simpson et al. (2017), "Penalising model component complexity", Statistical Science 32(1),
    https://doi.org/10.1214/16-STS576.

    Examples
    --------
    >>> float(Exponential(2.0).log_density(1.0).round(4))
    -1.3069
    """

    rate: float = 1.0

    def __post_init__(self) -> None:
        check_positive(self, "rate")

    @property
    def law(self) -> tuple[str, tuple[float, ...]]:
        """As the compiled sampler knows it."""
        return "exponential", (self.rate,)

    def log_density(self, x: ArrayLike) -> Array:
        """Log density at x."""
        x = np.asarray(x, dtype=float)
        return np.where(x >= 0, math.log(self.rate) - self.rate * x, -np.inf)

    def log_density_of_log(self, log_x: float) -> float:
        """Log density of log x."""
        u = log_x + math.log(self.rate)
        return u - _exp(u)

    def sample(self, rng: np.random.Generator, size: int | tuple[int, ...]) -> Array:
        """Independent draws."""
        return np.asarray(rng.exponential(1.0 / self.rate, size))

    def node(self, name: str) -> Any:
        """``pm.Exponential``."""
        import pymc as pm

        return pm.Exponential(name, lam=self.rate)


@explained
@dataclass(frozen=True)
class Uniform(HyperPrior):
    r"""Uniform, p(x) = 1/(upper − lower) on lower < x < upper.

    Parameters
    ----------
    lower, upper : float
        Ends of the interval, 0 ≤ lower < upper.

    Raises
    ------
    BadArgument
        If the ends are not finite, negative or out of order.

    References
    ----------
    Gelman (2006), Bayesian Analysis 1(3), https://doi.org/10.1214/06-BA117A.

    Examples
    --------
    >>> float(Uniform(0.0, 2.0).log_density(1.0).round(4))
    -0.6931
    """

    lower: float
    upper: float

    def __post_init__(self) -> None:
        lower, upper = _finite(self, "lower"), _finite(self, "upper")
        if not 0 <= lower < upper:
            raise BadArgument(
                f"Uniform needs 0 <= lower < upper, not ({self.lower!r}, {self.upper!r})"
            )

    @property
    def law(self) -> tuple[str, tuple[float, ...]]:
        """As the compiled sampler knows it."""
        return "uniform", (self.lower, self.upper)

    def log_density(self, x: ArrayLike) -> Array:
        """Log density at x."""
        x = np.asarray(x, dtype=float)
        inside = (x >= self.lower) & (x <= self.upper)
        return np.where(inside, -math.log(self.upper - self.lower), -np.inf)

    def log_density_of_log(self, log_x: float) -> float:
        """Log density of log x."""
        if not self.lower <= _exp(log_x) <= self.upper:
            return -math.inf
        return log_x - math.log(self.upper - self.lower)

    def sample(self, rng: np.random.Generator, size: int | tuple[int, ...]) -> Array:
        """Independent draws."""
        return np.asarray(rng.uniform(self.lower, self.upper, size))

    def node(self, name: str) -> Any:
        """``pm.Uniform``."""
        import pymc as pm

        return pm.Uniform(name, self.lower, self.upper)


@explained
@dataclass(frozen=True)
class InverseGammaSquared(HyperPrior):
    r"""Inverse gamma for the square, p(x²) ∝ (x²)^(−shape−1) e^(−rate/x²): conjugate for σ.

    Parameters
    ----------
    shape, rate : float
        a and b of x² ~ IG(a, b); b has the unit of the square.

    Raises
    ------
    BadArgument
        If an argument is not positive and finite.

    References
    ----------
    Gelman et al. (2013), *Bayesian Data Analysis*, 3rd ed., §3.3 and §14.8.

    Examples
    --------
    >>> InverseGammaSquared(2.0, 3.0).inverse_gamma
    (2.0, 3.0)
    """

    shape: float
    rate: float

    @property
    def moments(self) -> float:
        """Below twice the shape."""
        return 2.0 * self.shape

    def __post_init__(self) -> None:
        check_positive(self, "shape", "rate")

    @property
    def inverse_gamma(self) -> tuple[float, float]:
        """(shape, rate)."""
        return (float(self.shape), float(self.rate))

    @property
    def law(self) -> tuple[str, tuple[float, ...]]:
        """As the compiled sampler knows it."""
        return "inverse_gamma_squared", (self.shape, self.rate)

    def log_density(self, x: ArrayLike) -> Array:
        """Log density of x itself: that of x² times the Jacobian 2x."""
        x = np.asarray(x, dtype=float)
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            body = -(2 * self.shape + 1) * np.log(x) - self.rate / x**2
        constant = math.log(2.0) + self.shape * math.log(self.rate) - math.lgamma(self.shape)
        return np.where(x > 0, constant + body, -np.inf)

    def log_density_of_log(self, log_x: float) -> float:
        """Log density of log x."""
        u = math.log(self.rate) - 2.0 * log_x
        return math.log(2.0) + self.shape * u - _exp(u) - math.lgamma(self.shape)

    def sample(self, rng: np.random.Generator, size: int | tuple[int, ...]) -> Array:
        """Independent draws."""
        return np.sqrt(self.rate / rng.gamma(self.shape, 1.0, size))

    def node(self, name: str) -> Any:
        """A ``pm.CustomDist`` with this density."""
        import pymc as pm

        constant = math.log(2.0) + self.shape * math.log(self.rate) - math.lgamma(self.shape)
        power = 2.0 * self.shape + 1.0
        return self.variable(
            name, lambda x: constant - power * pm.math.log(x) - self.rate / pm.math.sqr(x)
        )


@dataclass(frozen=True)
class Power(HyperPrior):
    r"""The improper p(x) ∝ x^(−exponent): 1 is p(σ²) ∝ 1/σ², 0 is flat in σ.

    Parameters
    ----------
    exponent : float, default 1.0
        1 gives Jeffreys' rule for a scale; 0 the flat prior.

    Raises
    ------
    BadArgument
        If `exponent` is not finite.

    References
    ----------
    Gelman et al. (2013), *Bayesian Data Analysis*, 3rd ed., §14.2.

    Examples
    --------
    >>> Power(1.0).inverse_gamma, Power(0.0).inverse_gamma
    ((0.0, 0.0), (-0.5, 0.0))
    """

    exponent: float = 1.0

    def __post_init__(self) -> None:
        _finite(self, "exponent")

    @property
    def proper(self) -> bool:
        """Never."""
        return False

    @property
    def inverse_gamma(self) -> tuple[float, float]:
        """((exponent − 1)/2, 0): p(x²) = p(x)/(2x)."""
        return ((self.exponent - 1.0) / 2.0, 0.0)

    @property
    def law(self) -> tuple[str, tuple[float, ...]]:
        """As the compiled sampler knows it."""
        return "power", (self.exponent,)

    def log_density(self, x: ArrayLike) -> Array:
        """−exponent·log x: the measure is dx²/x² for exponent 1, so p(x) = 2/x there."""
        x = np.asarray(x, dtype=float)
        constant = math.log(2.0) if self.exponent == 1.0 else 0.0
        with np.errstate(divide="ignore"):
            return np.where(x > 0, constant - self.exponent * np.log(x), -np.inf)

    def log_density_of_log(self, log_x: float) -> float:
        """Log density of log x."""
        return math.log(2.0) if self.exponent == 1.0 else (1.0 - self.exponent) * log_x

    def sample(self, rng: np.random.Generator, size: int | tuple[int, ...]) -> Array:
        """Refused: nothing can be drawn from an improper distribution."""
        raise NotSupported(
            f"{self!r} is improper, so nothing can be drawn from it; give a proper prior such as "
            "HalfNormal(s), or fix the value"
        )

    def node(self, name: str) -> Any:
        """A ``pm.CustomDist`` with this density, from which nothing can be drawn."""
        import pymc as pm

        constant = math.log(2.0) if self.exponent == 1.0 else 0.0
        return self.variable(name, lambda x: constant - self.exponent * pm.math.log(x))

    def __repr__(self) -> str:
        """The density in words."""
        named = {1.0: "p(σ²) ∝ 1/σ²", 0.0: "p(σ) ∝ 1"}
        return named.get(self.exponent, f"p(σ) ∝ σ^{-self.exponent:g}")


def _log1p_square(x: Array) -> Array:
    """log(1 + x²) without overflow for huge x."""
    big = np.abs(x) > 1e8
    safe = np.where(big, 1.0, x)
    with np.errstate(divide="ignore"):
        return np.where(big, 2.0 * np.log(np.abs(x)), np.log1p(safe * safe))


def _exp(x: float) -> float:
    """e^x, infinite where it overflows."""
    return math.exp(x) if x < 709.0 else math.inf


def softplus(x: float) -> float:
    """log(1 + e^x) without overflow."""
    return x + math.log1p(math.exp(-x)) if x > 0 else math.log1p(_exp(x))


def _finite(prior: HyperPrior, field: str) -> float:
    value = getattr(prior, field)
    if (
        isinstance(value, bool | str | bytes)
        or value is None
        or np.ndim(value)
        or isinstance(value, complex)
        or not math.isfinite(value)
    ):
        raise BadArgument(f"{type(prior).__name__}: {field} must be a finite number, not {value!r}")
    return float(value)


def check_positive(prior: HyperPrior, *fields: str) -> None:
    """Settle named fields as positive finite floats; anything else is a BadArgument."""
    for field in fields:
        object.__setattr__(prior, field, _finite(prior, field))
        if getattr(prior, field) <= 0:
            raise BadArgument(
                f"{type(prior).__name__}: {field} must be positive and finite, "
                f"not {getattr(prior, field)!r}"
            )
