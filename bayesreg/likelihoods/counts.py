"""Poisson and negative binomial: counts, with a log mean that is linear in the columns."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betainc, betaln, expit, gammaincinv, gammaln, ndtri, pdtr

from bayesreg.language.arguments import Array, one_positive
from bayesreg.language.errors import BadArgument
from bayesreg.language.misnamed import explained
from bayesreg.likelihoods import logistic
from bayesreg.likelihoods.base import Likelihood, Summed, Theta, improper, refuse_rows
from bayesreg.likelihoods.logistic import EVENTS, above_powers
from bayesreg.priors.hyper import HyperPrior
from bayesreg.priors.shapes import HalfNormalInverseRoot

EDGE = 600.0  # η beyond which the loss goes on as a line, so that it and its sums stay finite
LARGEST = 709.0  # η beyond which a mean is held, for float64 ends
NEAR = 1e-3  # of (s − μ)/μ, below which a divergence is its series
MANY = 1e7  # a count beyond which the terms of a log density are large and their sum is not
TERMS = 20.0  # logarithms that take as long as a log Γ
NEARLY_POISSON = 1e4  # a shape from which 1 + e^η/r is so near 1 that its digits are counted
SMOOTH = 1e15  # a mean beyond which a count is normal to every digit that float64 has


class Counts(Likelihood):
    """What counts with a log link share."""

    self_concordant: ClassVar[bool] = True
    link: ClassVar[str] = "log"
    takes_exposure: ClassVar[bool] = True
    counts: ClassVar[bool] = True
    in_units: ClassVar[str] = "log-counts"
    apart: ClassVar[str] = "zeros from the other counts"

    def check(self, y: Array, facts: Theta, rows: Any = None) -> None:
        """Whole numbers from 0.

        Raises
        ------
        BadData
            Naming the first row that is otherwise.
        """
        del facts
        kind = f", which is no count, and {type(self).__name__}() needs whole numbers from 0"
        cure = " (a rate is a count with exposure=; a measurement is Gaussian())"
        refuse_rows(y, (y < 0.0) | (y != np.floor(y)), kind + cure, rows)

    def recession(self, y: Array, theta: Theta) -> Array:
        """η → −∞ where y = 0."""
        return np.where(y == 0.0, -1.0, 0.0)

    def bounded(self, side: float) -> str:
        """Zero."""
        del side
        return "y = 0"

    def first_guess(self, y: Array, weights: Array, theta: Theta) -> float:
        """Log ȳ; of Σwy + ½ where every count is 0."""
        return math.log(max(float(weights @ y), 0.5) / float(weights.sum()))

    def mean(self, eta: ArrayLike, theta: Theta) -> Array:
        """e^η."""
        return _exp(eta, LARGEST)

    def mean_slope(self, eta: ArrayLike, theta: Theta) -> Array:
        """e^η."""
        return self.mean(eta, theta)


@explained
@dataclass(frozen=True)
class Poisson(Counts):
    r"""Poisson likelihood with the log link: y_i ~ Poisson(μ_i), log μ_i = log E_i + β₀ + x_i'β.

    .. math:: -\log p(y \mid \eta) = e^{\eta} - y\eta + \log y!

    E, the ``exposure=`` at ``condition``, is time, area or people; φ = 1, λ₁ = 1/scale and
    λ₂ = 1/scale², and a prior's scale is in logs of the mean.

    References
    ----------
    McCullagh & Nelder (1989), *Generalized Linear Models*, 2nd ed., ch. 6.

    Examples
    --------
    >>> import bayesreg as br
    >>> X, claims = [[0.0], [1.0], [2.0], [3.0]], [2, 3, 9, 11]
    >>> problem = br.Model(br.Normal(1.0), br.Poisson()).condition(X, claims)
    >>> br.fit_map(problem).beta.round(3).to_dict()
    {'x1': 0.553}
    """

    noun: ClassVar[str] = "Poisson"
    seen: ClassVar[str] = "the counts vary no more than a Poisson's"
    wider: ClassVar[str] = "br.NegativeBinomial() (--likelihood negative_binomial)"

    @property
    def unknowns(self) -> dict[str, float | HyperPrior]:
        """None: the mean says all."""
        return {}

    def words(self, eta: str) -> str:
        """Σ[e^η − yη]."""
        return "Σ[exp η − yη]"

    def log_density(self, y: ArrayLike, eta: ArrayLike, theta: Theta) -> Array:
        """yη − e^η − log y!; linear in η beyond `EDGE`, where e^η leaves float64."""
        y, eta = np.asarray(y), np.asarray(eta)
        if np.max(y, initial=0.0) > MANY:  # from its largest value, which is of the size of log y
            return np.asarray(-above_powers(y) - self.fenchel_young(y, eta, 0.0, theta))
        beyond = 1.0 + np.maximum(eta - EDGE, 0.0)
        return np.asarray(y * eta - _exp(eta) * beyond - gammaln(y + 1.0))

    def summed(self, y: Array, weights: Array, facts: Theta) -> Summed:
        """Without log y!; of many events beside the best mean of each row, so that digits last."""
        events, none = weights * y, weights * (y == 0.0)
        even, many = bool(np.all(weights == 1.0)), float(np.sum(events)) > EVENTS
        log_y = np.log(np.maximum(y, 1.0))
        peak = float(events @ (log_y - 1.0)) if many else 0.0

        def total(eta: Array, _theta: Theta) -> Array:
            if eta.max(initial=0.0) > EDGE:
                mean = _exp(eta) * (1.0 + np.maximum(eta - EDGE, 0.0))
            elif many:
                apart = eta - log_y
                return np.asarray((apart - np.expm1(apart)) @ events - np.exp(eta) @ none)
            else:
                mean = np.exp(eta)
            return np.asarray(eta @ events - (mean.sum(axis=1) if even else mean @ weights) - peak)

        return total

    def derivatives(self, y: ArrayLike, eta: ArrayLike, theta: Theta) -> tuple[Array, Array]:
        """e^η − y and e^η."""
        mean = _exp(eta)
        return np.asarray(mean - np.asarray(y)), mean

    def fenchel_young(self, y: ArrayLike, eta: ArrayLike, u: ArrayLike, theta: Theta) -> Array:
        """s·log(s/μ) − s + μ, s = u + y the mean that u stands for; ∞ for s < 0.

        Beyond `EDGE`, where the loss is a line, s is at most μ there and (μ − s)(η − `EDGE`) more.
        """
        y, u, eta = np.asarray(y), np.asarray(u), np.asarray(eta)
        mean, s, beyond = _exp(eta), u + y, np.maximum(eta - EDGE, 0.0)
        with np.errstate(all="ignore"):
            # (s − μ)/μ with s − μ as u − f′(η).
            d = (u - (mean - y)) / mean
            log_ratio = np.log(s) - np.minimum(eta, EDGE)
            apart = np.where(s > 0.0, s * log_ratio, 0.0) - s + mean
            near = mean * ((1.0 + d) * np.log1p(d) - d)
            series = mean * d * d * (0.5 - d / 6.0 + d * d / 12.0 - d**3 / 20.0)
            found = np.where(np.abs(d) < NEAR, series, np.where(np.abs(d) < 0.5, near, apart))
            found = np.maximum(found, 0.0) + np.where(beyond > 0.0, (mean - s) * beyond, 0.0)
        inside = (s >= 0.0) & ((beyond == 0.0) | (s <= mean))
        return np.where(inside, found, np.inf)

    def unit_sd(self, y: Array, weights: Array, theta: Theta) -> float:
        """1/√ȳ."""
        return math.sqrt(float(weights.sum()) / max(float(weights @ y), 0.5))

    def variance(self, eta: ArrayLike, theta: Theta) -> Array:
        """e^η."""
        return _exp(eta, LARGEST)

    def cdf(self, y: ArrayLike, eta: ArrayLike, theta: Theta) -> Array:
        """The regularised upper incomplete gamma function, Q(k + 1, μ), k = ⌊y⌋."""
        k = np.floor(y)
        return np.where(k < 0.0, 0.0, pdtr(np.maximum(k, 0.0), _exp(eta, LARGEST)))

    def ppf(self, prob: ArrayLike, eta: ArrayLike, theta: Theta) -> Array:
        """The least k with P(Y ≤ k) ≥ prob."""
        from scipy.stats import poisson

        mean = _exp(eta, LARGEST)
        big = mean > SMOOTH
        large = np.round(mean + np.sqrt(mean) * ndtri(prob))
        return np.asarray(np.where(big, large, poisson.ppf(prob, np.where(big, 1.0, mean))))

    def sample(self, rng: np.random.Generator, eta: Array, theta: Theta) -> Array:
        """A count."""
        return _poisson(rng, _exp(eta, LARGEST))

    def law(self, eta: Any, theta: Theta) -> tuple[Any, dict[str, Any]]:
        """``pm.Poisson``."""
        import pymc as pm

        return pm.Poisson, {"mu": pm.math.exp(eta)}


@explained
@dataclass(frozen=True)
class NegativeBinomial(Counts):
    r"""Negative binomial likelihood with the log link: mean μ, variance μ + μ²/shape (NB2).

    .. math:: p(y \mid \mu, r) = \frac{\Gamma(y + r)}{\Gamma(r)\,y!}
        \Big(\frac{r}{r + \mu}\Big)^r \Big(\frac{\mu}{r + \mu}\Big)^y, \quad
        \log\mu_i = \log E_i + \beta_0 + x_i'\beta

    A Poisson whose mean varies by a gamma factor of mean 1 and variance 1/r. As r → ∞ it is
    Poisson's; other libraries say α = 1/r, or θ for r. λ's and scales are those of `Poisson`.

    Parameters
    ----------
    shape : float, HyperPrior or None, default None
        r: a known number; None for 1/√r ~ HalfNormal(1); or a proper distribution of r.

    Raises
    ------
    BadArgument
        If `shape` is none of these, or improper: the likelihood tends to Poisson's as r → ∞, so
        that an improper law of r leaves no posterior.

    References
    ----------
    Lawless (1987), "Negative binomial and mixed Poisson regression", Canadian Journal of Statistics
    15(3), https://doi.org/10.2307/3314912; Hilbe (2011), *Negative Binomial Regression*, 2nd ed.

    Examples
    --------
    >>> import bayesreg as br
    >>> X, visits = [[0.0], [1.0], [2.0], [3.0]], [0, 7, 3, 22]
    >>> problem = br.Model(br.Normal(1.0), br.NegativeBinomial(shape=2.0)).condition(X, visits)
    >>> br.fit_map(problem).beta.round(3).to_dict()
    {'x1': 0.822}
    """

    shape: float | HyperPrior | None = None

    noun: ClassVar[str] = "negative binomial"
    seen: ClassVar[str] = "the counts vary more than a Poisson's"
    meanings: ClassVar[Mapping[str, str]] = {"shape": "variance is μ + μ²/shape"}
    limits: ClassVar[Mapping[str, tuple[float, str]]] = {
        "shape": (1e10, "no overdispersion, so that the fit is Poisson's")
    }

    def __post_init__(self) -> None:
        if improper(self.shape):
            raise BadArgument(
                f"NegativeBinomial: shape={self.shape!r} is improper, and as the shape grows the "
                "likelihood tends to Poisson's, which is not 0: there is no posterior; use a "
                "proper law such as HalfNormalInverseRoot(1.0) or Gamma(2, 0.1)"
            )
        if self.shape is not None and not isinstance(self.shape, HyperPrior):
            known = one_positive(self.shape, "NegativeBinomial: shape")
            object.__setattr__(self, "shape", known)

    @property
    def unknowns(self) -> dict[str, float | HyperPrior]:
        """The shape r."""
        return {"shape": HalfNormalInverseRoot(1.0) if self.shape is None else self.shape}

    def orders(self, y: Array, weights: Array) -> dict[str, float]:
        """Rows above 0: p(y) → r·e^(−rη)/y for y > 0, and e^(−(rη)₊) for y = 0, as r → 0."""
        return {"shape": float(weights[y > 0.0].sum())}

    def rises(self, y: Array, eta: Array, weights: Array) -> bool:
        """Whether ½Σw[(y − μ)² − y], the slope in 1/shape at 0, is not above 0 (Lawless 1987)."""
        mean = np.exp(eta)
        return bool(weights @ (np.square(y - mean) - y) <= 0.0)

    def words(self, eta: str) -> str:
        """Σ[(y + r)·log(r + e^η) − yη]."""
        return "Σ[(y + r)·log(r + exp η) − yη]"

    def log_density(self, y: ArrayLike, eta: ArrayLike, theta: Theta) -> Array:
        """log Γ(y + r)/(Γ(r)y!) + r·log(1 − q) + y·log q, q = μ/(μ + r)."""
        y, r = np.asarray(y), np.asarray(theta["shape"])
        if np.max(y, initial=0.0) > MANY:
            top = np.log(r / (r + y)) + above_powers(y + r) - above_powers(r) - above_powers(y)
            return np.asarray(top - self.fenchel_young(y, eta, 0.0, theta))
        most = float(np.max(y, initial=0.0))
        if r.ndim == 0 and most < y.size:  # Γ's once for each count that there may be
            ways = _ways(np.arange(most + 1.0), r)[y.astype(np.intp)]
        else:
            ways = _ways(y, r)
        return np.asarray(ways - logistic.loss(y, r, np.subtract(eta, np.log(r))))

    def summed(self, y: Array, weights: Array, facts: Theta) -> Summed:
        """Γ's by sums over whole numbers; log(1 + e^η/r) has no e^(−η) to lose, but 1 is near.

        log Γ(y + r)/(Γ(r)r^y) = Σ log(1 + k/r) over 0 < k < y.
        """
        if np.max(y, initial=0.0) > MANY:
            return super().summed(y, weights, facts)
        events, ways = weights * y, _ways_summed(y, weights)

        def total(eta: Array, theta: Theta) -> Array:
            r = np.atleast_2d(theta["shape"])
            if eta.max(initial=0.0) > EDGE:
                grown = np.logaddexp(0.0, eta - np.log(r))
            else:
                grown = np.exp(eta) / r
                if r.max() > NEARLY_POISSON:
                    np.log1p(grown, out=grown)
                else:
                    grown += 1.0
                    np.log(grown, out=grown)
            shared = grown @ events + r[:, 0] * (grown @ weights)
            return np.asarray(ways(r) + eta @ events - shared)

        return total

    def derivatives(self, y: ArrayLike, eta: ArrayLike, theta: Theta) -> tuple[Array, Array]:
        """(y + r)q − y and (y + r)q(1 − q)."""
        r = np.asarray(theta["shape"])
        return logistic.derivatives(y, r, np.subtract(eta, np.log(r)))

    def fenchel_young(self, y: ArrayLike, eta: ArrayLike, u: ArrayLike, theta: Theta) -> Array:
        """(y + r)·KL(s/(y + r) ‖ q), s = u + y."""
        r = np.asarray(theta["shape"])
        return logistic.fenchel_young(y, r, np.subtract(eta, np.log(r)), u)

    def unit_sd(self, y: Array, weights: Array, theta: Theta) -> float:
        """√(1/ȳ + 1/r), r by moments, ȳ²/(s² − ȳ), where it is unknown."""
        n = float(weights.sum())
        mean = max(float(weights @ y), 0.5) / n
        r = theta.get("shape")
        if not isinstance(r, float):
            spread = float(weights @ np.square(y - mean)) / n
            r = mean * mean / (spread - mean) if spread > mean else math.inf
        return math.sqrt(1.0 / mean + 1.0 / r)

    def variance(self, eta: ArrayLike, theta: Theta) -> Array:
        """μ + μ²/r."""
        log = np.log(np.asarray(theta["shape"]))
        return _exp(np.logaddexp(eta, 2.0 * np.asarray(eta) - log), LARGEST)

    def information(self, eta: ArrayLike, theta: Theta) -> Array:
        """μr/(μ + r)."""
        r = np.asarray(theta["shape"])
        return np.asarray(_exp(eta) * (r / (r + _exp(eta))))

    def cdf(self, y: ArrayLike, eta: ArrayLike, theta: Theta) -> Array:
        """I_{1−q}(r, k + 1), k = ⌊y⌋."""
        k, r = np.floor(y), np.asarray(theta["shape"])
        found = betainc(r, np.maximum(k, 0.0) + 1.0, expit(np.log(r) - np.asarray(eta)))
        return np.where(k < 0.0, 0.0, found)

    def ppf(self, prob: ArrayLike, eta: ArrayLike, theta: Theta) -> Array:
        """The least k with P(Y ≤ k) ≥ prob."""
        from scipy.stats import nbinom

        r, mean = np.asarray(theta["shape"]), _exp(eta, LARGEST)
        big = mean > SMOOTH  # where all that varies is the mean itself
        share = expit(np.log(r) - np.where(big, 0.0, eta))
        with np.errstate(over="ignore"):
            large = mean * (gammaincinv(r, prob) / r)
        return np.asarray(np.where(big, np.round(large), nbinom.ppf(prob, r, share)))

    def sample(self, rng: np.random.Generator, eta: Array, theta: Theta) -> Array:
        """A Poisson count of a gamma mean."""
        r = np.broadcast_to(theta["shape"], np.shape(eta))
        with np.errstate(over="ignore"):
            return _poisson(rng, _exp(eta, LARGEST) * (rng.standard_gamma(r) / r))

    def law(self, eta: Any, theta: Theta) -> tuple[Any, dict[str, Any]]:
        """``pm.NegativeBinomial``."""
        import pymc as pm

        return pm.NegativeBinomial, {"mu": pm.math.exp(eta), "alpha": theta["shape"]}


def _ways_summed(y: Array, weights: Array) -> Callable[[Array], Array]:
    """Σ w log Γ(y + r)/(Γ(r)r^y) (S,) of r (S, 1), up to a constant."""
    values, place = np.unique(y, return_inverse=True)
    times = np.bincount(place, weights)
    if values[-1] > TERMS * len(values):  # few counts, far apart
        return lambda r: np.asarray(_rising(values, r) @ times)
    k = np.arange(1.0, values[-1])
    above = np.append(np.cumsum(times[::-1])[::-1], 0.0)[np.searchsorted(values, k, "right")]
    return lambda r: np.asarray(np.log1p(k / r) @ above)


def _ways(y: Array, r: Array) -> Array:
    """log Γ(y + r)/(Γ(r)y!), in which no Γ is large beside the whole."""
    return np.asarray(-betaln(r, y + 1.0) - np.log(r + y))


def _rising(y: Array, r: Array) -> Array:
    """log Γ(y + r)/(Γ(r)r^y), in which y·log r is on neither side."""
    grown = np.log1p(y / r)
    return np.asarray(above_powers(y + r) - above_powers(r) + (y + r) * grown - y - grown)


def _exp(eta: ArrayLike, most: float = EDGE) -> Array:
    return np.asarray(np.exp(np.minimum(eta, most)))


def _poisson(rng: np.random.Generator, mean: Array) -> Array:
    """Poisson counts; normal ones about means at which float64 does not tell them apart."""
    mean = np.minimum(mean, np.finfo(float).max / 4.0)
    big = mean > SMOOTH
    if not np.any(big):
        return np.asarray(rng.poisson(mean), dtype=float)
    small = np.asarray(rng.poisson(np.where(big, 0.0, mean)), dtype=float)
    large = np.round(mean + np.sqrt(mean) * rng.standard_normal(np.shape(mean)))
    return np.where(big, large, small)
