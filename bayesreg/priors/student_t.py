"""Student-t and Cauchy: polynomial tails, and penalties that are not convex."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

from bayesreg.language.arguments import Array, one_positive
from bayesreg.language.misnamed import explained
from bayesreg.priors.base import Majorised, Mixing, Scale, ScaleMixture, settle


class Student(Majorised, ScaleMixture):
    """What t priors share, Student-t and Cauchy: everything but how df is known, and words."""

    df: float

    def moments(self, of_scale: float) -> float:
        """Below df."""
        return min(self.df, of_scale)

    def log_density(self, b: ArrayLike, scale: ArrayLike) -> Array:
        """Log density at effective scale `scale`."""
        df, u = self.df, np.asarray(b, dtype=float) - self.loc
        constant = gammaln(0.5 * (df + 1.0)) - gammaln(0.5 * df) - 0.5 * np.log(df * np.pi)
        fall = (df + 1.0) * _half_log(df, u / np.asarray(scale))
        return np.asarray(constant - np.log(scale) - fall)

    def log_mixing(self, y: Array) -> Array:
        """t ~ IG(df/2, df/2)."""
        half = 0.5 * self.df
        with np.errstate(over="ignore"):
            body = -half * (y + np.exp(-y))
        return np.asarray(body + half * np.log(half) - gammaln(half))

    @property
    def mixing(self) -> Mixing:
        """t ~ IG(df/2, df/2)."""
        return Mixing("inverse_gamma", (self.df,))

    def sample_sds(self, rng: np.random.Generator, scale: Array, sizes: NDArray[np.intp]) -> Array:
        """s√t, 1/t ~ Gamma(df/2, rate df/2) whatever the sizes."""
        w = rng.standard_gamma(0.5 * self.df, (len(scale), len(sizes))) / (0.5 * self.df)
        # A gamma of tiny shape underflows to 0, where the sd would be infinite.
        return np.asarray(np.asarray(scale)[:, None] / np.sqrt(np.maximum(w, 1e-300)))

    def sd_node(self, name: str, scale: Any, sizes: NDArray[np.intp]) -> Any:
        """s√t with 1/t a ``pm.Gamma``, which PyMC samples as its logarithm."""
        import pymc as pm

        w = pm.Gamma(f"{name}_local", alpha=0.5 * self.df, beta=0.5 * self.df, size=len(sizes))
        return scale / pm.math.sqrt(w)

    def cost(self, u: ArrayLike, sigma: float, scale: ArrayLike) -> Array:
        """½(df + 1)σ² log(1 + u²/(df·s²))."""
        fall = _half_log(self.df, np.asarray(u) / np.asarray(scale))
        return np.asarray((self.df + 1.0) * sigma * sigma * fall)

    def slope(self, u: ArrayLike, sigma: float, scale: ArrayLike) -> Array:
        """(df + 1)σ²|u|/(df·s² + u²)."""
        return np.abs(u) * self._ridge(u, sigma, scale)

    def bend(self, u: ArrayLike, sigma: float, scale: ArrayLike) -> Array:
        """(df + 1)σ²(df·s² − u²)/(df·s² + u²)²."""
        with np.errstate(over="ignore"):
            share = 1.0 / (1.0 + np.square(np.asarray(u) / scale) / self.df)
        # With v = u/s, (df − v²)/(df + v²) = 2·share − 1.
        return np.asarray((2.0 * share - 1.0) * self._ridge(u, sigma, scale))

    def least_bend(self, radius: ArrayLike, sigma: float, scale: ArrayLike) -> Array:
        """P″ at the radius, or at s√(3df), where it is least: −(df + 1)σ²/(8·df·s²)."""
        turn = np.sqrt(3.0 * self.df) * np.asarray(scale)
        return self.bend(np.minimum(radius, turn), sigma, scale)

    def majoriser(
        self, u: ArrayLike, sigma: float, scale: ArrayLike
    ) -> tuple[Array | float, Array | float]:
        """Ridge weights (df + 1)σ²/(df·s² + u²): log is concave in u²."""
        return 0.0, self._ridge(u, sigma, scale)

    def _ridge(self, u: ArrayLike, sigma: float, scale: ArrayLike) -> Array:
        """P′(u)/u = (df + 1)σ²/(df·s² + u²)."""
        v, s = np.asarray(u) / scale, np.asarray(scale)
        with np.errstate(over="ignore"):
            return np.asarray((self.df + 1.0) * (sigma / s) ** 2 / (self.df + v * v))


@explained
@dataclass(frozen=True, repr=False)
class StudentT(Student):
    r"""Student-t prior, p(β) ∝ (1 + u²/df)^(−(df+1)/2)/s with u = (β − loc)/s.

    With noise sd σ the penalty is ½(df + 1)σ²·log(1 + u²/df): quadratic near 0, as for ridge with
    λ = (df + 1)σ²/(df·s²), and logarithmic far out, where it lets a large effect alone. Tails are
    polynomial (infinite variance for df ≤ 2, no mean for df ≤ 1), and the density is smooth and
    finite at 0, so a MAP exists, has no exact zeros, and **may be one of several local optima**:
    the penalty is concave beyond s√df. It is the only one where X'X outweighs that concavity,
    which is (df + 1)σ²/(8·df·s²) at most.

    Parameters
    ----------
    df : float, default 3
        Degrees of freedom, positive: 1 is Cauchy, large is Normal.
    scale : float, sequence of float, or HyperPrior, default HalfCauchy(1.0)
        s, in `unit` (the sd is s√(df/(df − 2)) for df > 2): a number, one per column, or a
        distribution when it is unknown.
    loc : float, default 0
        Centre, in the unit of the penalised coefficient.
    unit : {"y", "sigma"}, optional
        What `scale` is measured in; unsaid, "y" for numbers and "sigma" for a hyperprior.
    relative : sequence of float, optional
        Known factors, one per column, on a common scale.
    expected_nonzero : float, optional
        Instead of `scale`: m gives HalfCauchy(m/((p − m)√N)) in units of σ, settled when the model
        meets data (Piironen & Vehtari 2017, eq. 3.12; stated for standardised columns).
    groups : None, "factors", list of lists of names, or mapping, default None
        Which columns share a local scale: none, those of one categorical term, or those named;
        their prior is then a multivariate t.

    Raises
    ------
    BadArgument
        If an argument is not of these forms.

    References
    ----------
    West (1984), "Outlier models and prior distributions in Bayesian linear regression", JRSS B
    46(3); Lange, Little & Taylor (1989), "Robust statistical modeling using the t distribution",
    JASA 84(408), §3, https://doi.org/10.1080/01621459.1989.10478852.

    Examples
    --------
    >>> float(StudentT(3, 2.0).log_density(0.0, 2.0).round(4))
    -1.6940
    >>> StudentT(4, 2.0)
    StudentT(df=4.0, scale=2.0, unit='y')
    """

    df: float = 3.0
    scale: Scale | None = None
    loc: float = 0.0
    unit: str | None = field(default=None, kw_only=True)
    relative: Any = field(default=None, kw_only=True)
    expected_nonzero: float | None = field(default=None, kw_only=True)
    groups: Any = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "df", one_positive(self.df, "StudentT: df"))
        settle(self)

    def sample(
        self, rng: np.random.Generator, size: int | tuple[int, ...], scale: ArrayLike
    ) -> Array:
        """Independent draws at effective scale `scale`."""
        return np.asarray(self.loc + np.asarray(scale) * rng.standard_t(self.df, size))

    def node(self, name: str, scale: Any, dims: str | None) -> Any:
        """``pm.StudentT``."""
        import pymc as pm

        return pm.StudentT(name, nu=self.df, mu=self.loc, sigma=scale, dims=dims)

    def words(self, term: str) -> str:
        """½(df + 1)σ²·Σ log(1 + b²/(df·s²))."""
        square = f"{self.scale_in_words}²"
        return f"½(df + 1)σ²·Σ log(1 + {term}²/(df·{square})) with df = {self.df:g}"


@explained
@dataclass(frozen=True, repr=False)
class Cauchy(Student):
    r"""Cauchy prior, p(β) = 1/(πs(1 + u²)) with u = (β − loc)/s.

    With noise sd σ the penalty is σ²·log(1 + u²): quadratic near 0, as for ridge with λ = 2σ²/s²,
    and logarithmic far out. Tails fall as u⁻², so there is neither variance nor mean; the density
    is smooth and finite at 0, so a MAP exists, has no exact zeros, and **may be one of several
    local optima**. It is the only one where X'X outweighs the penalty's concavity, which is
    σ²/(4s²) at most.

    Parameters
    ----------
    scale : float, sequence of float, or HyperPrior, default HalfCauchy(1.0)
        s, half the interquartile range, in `unit`: a number, one per column, or a distribution
        when it is unknown.
    loc : float, default 0
        Centre, in the unit of the penalised coefficient.
    unit : {"y", "sigma"}, optional
        What `scale` is measured in; unsaid, "y" for numbers and "sigma" for a hyperprior.
    relative : sequence of float, optional
        Known factors, one per column, on a common scale.
    expected_nonzero : float, optional
        Instead of `scale`: m gives HalfCauchy(m/((p − m)√N)) in units of σ, settled when the model
        meets data (Piironen & Vehtari 2017, eq. 3.12; stated for standardised columns).
    groups : None, "factors", list of lists of names, or mapping, default None
        Which columns share a local scale: none, those of one categorical term, or those named;
        their prior is then a multivariate Cauchy.

    Raises
    ------
    BadArgument
        If an argument is not of these forms.

    References
    ----------
    Gelman, Jakulin, Pittau & Su (2008), "A weakly informative default prior distribution for
    logistic and other regression models", Annals of Applied Statistics 2(4),
    https://doi.org/10.1214/08-AOAS191.

    Examples
    --------
    >>> float(Cauchy(2.5).log_density(0.0, 2.5).round(4))
    -2.061
    """

    scale: Scale | None = None
    loc: float = 0.0
    unit: str | None = field(default=None, kw_only=True)
    relative: Any = field(default=None, kw_only=True)
    expected_nonzero: float | None = field(default=None, kw_only=True)
    groups: Any = field(default=None, kw_only=True)

    df = 1.0  # no field: it is no argument

    def __post_init__(self) -> None:
        settle(self)

    def sample(
        self, rng: np.random.Generator, size: int | tuple[int, ...], scale: ArrayLike
    ) -> Array:
        """Independent draws at effective scale `scale`."""
        return np.asarray(self.loc + np.asarray(scale) * rng.standard_cauchy(size))

    def node(self, name: str, scale: Any, dims: str | None) -> Any:
        """``pm.Cauchy``, whose beta is the scale."""
        import pymc as pm

        return pm.Cauchy(name, alpha=self.loc, beta=scale, dims=dims)

    def words(self, term: str) -> str:
        """σ²·Σ log(1 + b²/s²)."""
        return f"σ²·Σ log(1 + {term}²/{self.scale_in_words}²)"


def _half_log(df: float, v: Any) -> Array:
    """½ log(1 + v²/df): to rounding near 0, and without overflow far out."""
    r = np.abs(v) / np.sqrt(df)
    near = np.minimum(r, 1e8)
    return np.asarray(np.where(r <= 1e8, 0.5 * np.log1p(near * near), np.log(np.maximum(r, 1.0))))
