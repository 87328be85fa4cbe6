"""R2D2: a beta prior on R², shared among the coefficients by a Dirichlet; s² is beta prime."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bayesreg.language.arguments import Array, one_positive
from bayesreg.language.errors import BadArgument
from bayesreg.language.misnamed import explained
from bayesreg.priors.base import Mixing, ScaleMixture, settle
from bayesreg.priors.hyper import HyperPrior, check_positive, softplus
from bayesreg.priors.settled import Unsaid

SMALLEST = 1e-150  # of a drawn scale: its square is still a number


@explained
@dataclass(frozen=True, repr=False)
class R2D2(ScaleMixture):
    r"""R2D2 prior, β_j = loc + σs√φ_j·z_j, φ ~ Dirichlet(concentration, …), s² = R²/(1 − R²).

    R² ~ Beta(mean·precision, (1 − mean)·precision) is the share of the variance of y that the
    columns explain, *a priori* and on average over β: with standardised columns Var(x'β | s, φ) =
    σ²s². So the prior says what is usually known, how well the model will fit, and not how large a
    coefficient is; s² is then beta prime with the same two numbers. φ divides that variance: with
    concentration below 1 a few columns get most of it. A group of m columns gets one φ and each of
    its columns the mth part. The marginal of one β_j has tails β^(−2b−1), b = (1 − mean)·precision,
    with s integrated out, and a pole at 0 for concentration ≤ ½: **no MAP exists** there, and above
    the φ's couple the coefficients, so that it is no penalty either.

    **Under a likelihood without a σ** (yes/no, successes of trials, counts) a pseudo-σ̃ stands for
    it, β_j = loc + s√φ_j·z_j with s² = σ̃²R²/(1 − R²): R² is the share that the columns have in η's
    variance and σ̃² together. σ̃² is the inverse of a row's information about η, which is what y's
    own variance is worth on the scale of η, at the best constant fit: 1/(μ(1 − μ)) of one trial,
    over the mean number of trials of several; 1/μ of counts, 1/μ + 1/shape of negative binomial
    ones. To first order about that fit R² is the share of Var(y) that E(y | x) has.

    Parameters
    ----------
    mean : float, default 0.5
        Prior mean of R², in (0, 1).
    precision : float, default 2.0
        How sure that is; mean 0.5 and precision 2 make R² uniform.
    concentration : float, default 0.5
        Of the Dirichlet: smaller is sparser; ½ is the largest that has a pole at 0.
    loc : float, default 0
        What the coefficients are shrunk to.
    scale : never given
        It follows from `mean` and `precision`, in units of σ: BetaPrimeSquared. Where there is no
        σ it is in units of η, as BetaPrimeSquared(…, scale=σ̃).
    unit : {"sigma"}, optional
        R² is a statement about multiples of σ, so nothing else can be said.
    relative : sequence of float, optional
        Known factors, one per column; the meaning of R² is then that of the scaled columns.
    groups : "factors", None, list of lists of names, or mapping, default "factors"
        Which columns share a φ: those of one categorical term, none, or those named.
    parts : int, optional
        Among how many columns or groups φ divides the variance; settled when the model meets data.
    pseudo_sigma : float, optional
        σ̃, under a likelihood without a σ; unsaid, that of the best constant fit, settled when the
        model meets data: such a prior knows how often y is 1, or how large counts are, and no more.

    Raises
    ------
    BadArgument
        If `scale` is given, or an argument is not of these forms.

    References
    ----------
    Zhang, Naughton, Bondell & Reich (2022), "Bayesian regression using a prior on the model fit:
    the R2-D2 shrinkage prior", JASA 117(538), https://doi.org/10.1080/01621459.2020.1825449, with
    normal coefficients given φ as in Aguilar & Bürkner (2023), "Intuitive joint priors for Bayesian
    linear multilevel models", EJS 17(1), https://doi.org/10.1214/23-EJS2136. Without a σ:
    Yanchenko, Bondell & Reich (2024), "The R2D2 prior for generalized linear mixed models", The
    American Statistician, https://doi.org/10.1080/00031305.2024.2352010, whose R² this is to first
    order; for σ̃ Piironen & Vehtari (2017), EJS 11(2), §3, https://doi.org/10.1214/17-EJS1337SI.

    Examples
    --------
    >>> R2D2(mean=0.4, precision=5).scale
    BetaPrimeSquared(a=2.0, b=3.0, scale=1.0)
    >>> import bayesreg as br
    >>> problem = br.Model(R2D2(), br.Bernoulli()).condition([[0.0], [1], [2], [5]], [0, 1, 0, 1])
    >>> problem.blocks[0].hyper
    BetaPrimeSquared(a=1.0, b=1.0, scale=2.0)
    """

    mean: float = 0.5
    precision: float = 2.0
    concentration: float = 0.5
    loc: float = 0.0
    scale: Any = field(default=None, kw_only=True, repr=False)
    unit: str | None = field(default=None, kw_only=True)
    relative: Any = field(default=None, kw_only=True)
    groups: Any = field(default="factors", kw_only=True)
    parts: int | None = field(default=None, kw_only=True)
    pseudo_sigma: float | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        for name in ("mean", "precision", "concentration"):
            object.__setattr__(self, name, one_positive(getattr(self, name), f"R2D2: {name}"))
        if not self.mean < 1.0:
            raise BadArgument(
                f"R2D2: mean is the prior mean of R², strictly between 0 and 1, not {self.mean!r}"
            )
        if self.pseudo_sigma is not None:
            sd = one_positive(self.pseudo_sigma, "R2D2: pseudo_sigma")
            object.__setattr__(self, "pseudo_sigma", sd)
        shapes = self.mean * self.precision, (1.0 - self.mean) * self.precision
        implied = BetaPrimeSquared(*shapes, 1.0 if self.pseudo_sigma is None else self.pseudo_sigma)
        object.__setattr__(implied, "follows", True)
        if not (self.scale in (None, implied) or getattr(self.scale, "follows", False)):
            raise BadArgument(
                "R2D2 takes no scale: scale² = R²/(1 − R²) follows from the prior of R²; say how "
                "well the columns will explain y with mean= and precision= instead"
            )
        if self.unit not in (None, "sigma") and not isinstance(self.unit, Unsaid):
            raise BadArgument(
                "R2D2: unit is always 'sigma', because R² compares the effects with the noise, not "
                f"{self.unit!r}"
            )
        object.__setattr__(self, "scale", implied)
        settle(self)

    def among(self, sizes: NDArray[np.intp]) -> tuple[R2D2, Array]:
        """The variance is divided among the groups, and each group's part among its columns."""
        return dataclasses.replace(self, parts=len(sizes)), np.asarray(sizes, dtype=float) ** -0.5

    def beside_noise(self, sd: float) -> R2D2:
        """R² is that of η beside noise of this sd, unless another was said."""
        return self if self.pseudo_sigma is not None else dataclasses.replace(self, pseudo_sigma=sd)

    @property
    def implied(self) -> dict[str, Any]:
        """The scale, whatever was said of R²."""
        return {"scale": self.scale}

    def cure(self, k: int) -> str:
        """An R² that is farther from 1: the tail of s is s^(−2b−1)."""
        return f"Give it a precision above {k / (2.0 * (1.0 - self.mean)):g}"

    @property
    def remark(self) -> str:
        """What σ̃ is, where it stands for σ."""
        if self.pseudo_sigma is None:
            return ""
        return f"R² = scale²/(scale² + σ̃²) with σ̃ = {self.pseudo_sigma:.4g} in place of σ"

    @property
    def coupled(self) -> bool:
        """Always: the φ's add up to one."""
        return True

    @property
    def why_no_map(self) -> str:
        """The pole, and that it is no sum over coefficients."""
        if self.concentration <= 0.5:
            return (
                f"its density is unbounded at 0 for concentration = {self.concentration:g} (it is "
                "for every one up to 0.5), so the posterior density is infinite wherever a "
                "coefficient is 0"
            )
        return "its φ's add up to one and so couple the coefficients: it is no sum of penalties"

    def log_density(self, b: ArrayLike, scale: ArrayLike) -> Array:
        """Log marginal density of one coefficient, φ_j ~ Beta(concentration, the others')."""
        u = np.abs(np.asarray(b, dtype=float) - self.loc) / np.asarray(scale)
        rest = (self._parts() - 1) * self.concentration
        return np.asarray(log_beta_mixture(u, self.concentration, rest) - np.log(scale))

    def _parts(self) -> int:
        if self.parts is None:
            raise BadArgument(
                "R2D2: the marginal of one coefficient depends on among how many the variance is "
                "divided; use the prior of problem.blocks, or give parts="
            )
        return self.parts

    def sample(
        self, rng: np.random.Generator, size: int | tuple[int, ...], scale: ArrayLike
    ) -> Array:
        """Draws from the marginal of one coefficient, each with a φ of its own."""
        rest = (self._parts() - 1) * self.concentration
        share = rng.beta(self.concentration, rest, size) if rest else np.ones(size)
        sd = np.asarray(scale) * np.sqrt(share)
        return np.asarray(self.loc + sd * rng.standard_normal(size))

    @property
    def mixing(self) -> Mixing:
        """t = φ ~ Dirichlet over the groups of the block."""
        return Mixing("dirichlet", (self.concentration,))

    def sample_sds(self, rng: np.random.Generator, scale: Array, sizes: NDArray[np.intp]) -> Array:
        """s√φ."""
        share = rng.dirichlet(np.full(len(sizes), self.concentration), len(scale))
        return np.asarray(np.asarray(scale)[:, None] * np.sqrt(share))

    def sd_node(self, name: str, scale: Any, sizes: NDArray[np.intp]) -> Any:
        """s√φ with φ a ``pm.Dirichlet``."""
        import pymc as pm

        if len(sizes) == 1:
            return scale * np.ones(1)
        share = pm.Dirichlet(f"{name}_share", a=np.full(len(sizes), self.concentration))
        return scale * pm.math.sqrt(share)


def log_beta_mixture(u: Array, first: float, rest: float) -> Array:
    r"""log ∫ N(u; 0, φ) Beta(φ; first, rest) dφ; the normal itself for rest = 0, where φ = 1.

    With φ = 1/(1 + e^w) the integrand is e^{−½u²(1+e^w)} e^{rest·w}(1 + e^w)^{½−first−rest},
    analytic for |Im w| < π/2, so the trapezoidal rule converges geometrically (Trefethen & Weideman
    2014, SIAM Review 56(3), §5). +inf at 0 where first ≤ ½.
    """
    u = np.abs(np.asarray(u, dtype=float))
    normal = -0.5 * u * u - 0.5 * math.log(2.0 * math.pi)
    if rest == 0.0:
        return np.asarray(normal)
    flat = np.maximum(u.ravel(), 1e-150)
    half = 0.5 * flat * flat
    # The factor e^(rest·w) ends the integrand on the left, e^(−½u²e^w) on the right.
    low = -40.0 / rest - np.log(np.maximum(half, 1.0)) - (2.0 if rest > 1 else 0.0)
    high = np.log(750.0 + rest) - np.log(half)
    if first > 0.5:
        high = np.minimum(high, 40.0 / (first - 0.5) + math.log1p(rest))
    width = min(0.2, 0.5 / math.sqrt(rest))
    out = np.empty(len(flat))
    for i, x in enumerate(half):
        count = math.ceil((high[i] - low[i]) / width) + 1
        w = low[i] + width * np.arange(count)
        body = rest * w + (0.5 - first - rest) * np.logaddexp(0.0, w) - x * np.exp(w)
        top = float(body.max())
        out[i] = top + math.log(float(np.exp(body - top).sum()) * width)
    constant = math.lgamma(first + rest) - math.lgamma(first) - math.lgamma(rest)
    value = normal + constant + out.reshape(u.shape)
    return np.asarray(np.where((u == 0.0) & (first <= 0.5), np.inf, value))


@explained
@dataclass(frozen=True)
class BetaPrimeSquared(HyperPrior):
    r"""Beta prime for the square: (x/c)² ~ BetaPrime(a, b), so that x²/(c² + x²) ~ Beta(a, b).

    p(x) = 2u^(2a−1)(1 + u²)^(−a−b)/cB(a, b), u = x/c, on x > 0. (½, ½, c) is HalfCauchy(c).

    Parameters
    ----------
    a : float
        The density behaves as x^(2a−1) near 0.
    b : float
        The tail is x^(−2b−1).
    scale : float, default 1.0
        The c above, in the unit of x.

    Raises
    ------
    BadArgument
        If an argument is not positive and finite.

    References
    ----------
    Pérez, Pericchi & Ramírez (2017), "The scaled beta2 distribution as a robust prior for scales",
    Bayesian Analysis 12(3), https://doi.org/10.1214/16-BA1015.

    Examples
    --------
    >>> from bayesreg.priors import HalfCauchy
    >>> difference = BetaPrimeSquared(0.5, 0.5).log_density(1.7) - HalfCauchy(1.0).log_density(1.7)
    >>> bool(abs(difference) < 1e-14)
    True
    """

    a: float
    b: float
    scale: float = 1.0

    follows = False  # from the prior of an R²: of a copy with another R² it is another

    @property
    def moments(self) -> float:
        """Below twice the second shape."""
        return 2.0 * self.b

    def __post_init__(self) -> None:
        check_positive(self, "a", "b", "scale")

    @property
    def _log_constant(self) -> float:
        """log 2/B(a, b)."""
        return (
            math.log(2.0) + math.lgamma(self.a + self.b) - math.lgamma(self.a) - math.lgamma(self.b)
        )

    @property
    def law(self) -> tuple[str, tuple[float, ...]]:
        """As the compiled sampler knows it."""
        return "beta_prime_squared", (self.a, self.b, self.scale)

    def log_density(self, x: ArrayLike) -> Array:
        """Log density at x."""
        x = np.asarray(x, dtype=float)
        with np.errstate(divide="ignore", invalid="ignore"):
            log_u = np.log(x / self.scale)
            power = 0.0 if self.a == 0.5 else (2.0 * self.a - 1.0) * log_u
            body = power - (self.a + self.b) * np.logaddexp(0.0, 2.0 * log_u)
        return np.where(x >= 0, self._log_constant - math.log(self.scale) + body, -np.inf)

    def log_density_of_log(self, log_x: float) -> float:
        """Log density of log x."""
        log_u = log_x - math.log(self.scale)
        return self._log_constant + 2.0 * self.a * log_u - (self.a + self.b) * softplus(2.0 * log_u)

    def sample(self, rng: np.random.Generator, size: int | tuple[int, ...]) -> Array:
        """Independent draws: the root of a ratio of gammas."""
        top, bottom = rng.standard_gamma(self.a, size), rng.standard_gamma(self.b, size)
        with np.errstate(divide="ignore"):
            ratio = np.sqrt(np.maximum(top, SMALLEST**2)) / np.sqrt(bottom)
        return self.scale * np.clip(ratio, SMALLEST, 1.0 / SMALLEST)

    def node(self, name: str) -> Any:
        """A ``pm.CustomDist`` with this density."""
        import pytensor.tensor as pt

        def logp(x: Any) -> Any:
            log_u = pt.log(x) - math.log(self.scale)
            fall = (self.a + self.b) * pt.softplus(2.0 * log_u)
            return self._log_constant - math.log(self.scale) + (2.0 * self.a - 1.0) * log_u - fall

        return self.variable(name, logp)
