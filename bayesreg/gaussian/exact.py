r"""The closed form: Normal priors with known scales, σ known or conjugate.

With D the prior sds in units of σ, A = G + D⁻², m = A⁻¹X'y and S = rss + min‖y − Xb‖² + ‖D⁻¹b‖²:

    b | σ ~ N(m, σ²A⁻¹),   σ² ~ IG(a + ν/2, b + S/2),   b ~ t_{2a+ν}(m, (b + S/2)/(a + ν/2)·A⁻¹)

(Zellner 1971, *An Introduction to Bayesian Inference in Econometrics*, ch. 3.)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.linalg import solve_triangular
from scipy.special import gammaln, ndtri, stdtrit

from bayesreg.data.projected_columns import refuse_unformed
from bayesreg.engines.chains import Output
from bayesreg.engines.kernel import Independent, Needs
from bayesreg.gaussian.factor import Factor
from bayesreg.gaussian.marginal import log_constant
from bayesreg.gaussian.perturbed import Perturbed
from bayesreg.gaussian.spectrum import layout
from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadArgument, NotSupported
from bayesreg.likelihoods import ConstantCurvature
from bayesreg.priors import Prior

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem

NAME = "exact"


def _unfit(problem: Problem) -> str | None:
    """None where the posterior has a closed form, else the reason in words.

    Parameters
    ----------
    problem : Problem
        Needs Normal priors with known scales, and σ known; or unit="sigma" and a conjugate σ.
    """
    columns = layout(problem)
    if isinstance(columns, str):
        return columns
    if columns.block is not None:
        return f"the scale of {columns.block.label!r} is unknown"
    if problem.sigma is not None:
        return None
    if len(columns.free):
        return "σ is unknown and a scale is in the unit of y; use unit='sigma'"
    assert problem.sigma_prior is not None
    if problem.sigma_prior.inverse_gamma is None:
        return f"{problem.sigma_prior!r} on σ is not conjugate"
    return None


supports = Needs((ConstantCurvature,), (Prior,), _unfit, products=False)


@dataclass(frozen=True, eq=False)
class ExactPosterior:
    """The posterior in closed form, per unit of the original columns.

    Attributes
    ----------
    problem : Problem
        What was conditioned on.
    factor : Factor
        A⁻¹ in factored form.
    df : float
        Degrees of freedom of the t marginals; infinite (normal marginals) when σ is known.
    s2 : float
        Square of the noise scale in the marginals: σ², or rate/shape of its inverse gamma.
    shape, rate : float
        σ² ~ IG(shape, rate); NaN when σ is known.
    location : ndarray (P,)
        Centre of each marginal: the posterior median, and the mean where df > 1.
    scale : ndarray (P,)
        Scale of each t (or normal) marginal.
    intercept_location, intercept_scale : float
        The same for β₀; zeros without an intercept.
    log_evidence : float
        log ∫ p(y | β₀, β, σ) p(β | σ) p(σ), with flat measures dβ₀, dβ_Flat and dσ²/σ².
    """

    problem: Problem
    factor: Factor
    df: float
    s2: float
    shape: float
    rate: float
    location: Array
    scale: Array
    intercept_location: float
    intercept_scale: float
    log_evidence: float

    @property
    def mean(self) -> Array:
        """Posterior means (P,); NaN where df ≤ 1, since there is none."""
        return self.location if self.df > 1 else np.full_like(self.location, np.nan)

    @property
    def sd(self) -> Array:
        """Posterior sds (P,), not t scales; infinite where df ≤ 2, NaN where df ≤ 1."""
        return np.asarray(self.scale * self.inflation)

    @property
    def intercept(self) -> float:
        """Posterior mean of β₀ at x = 0 of the original columns."""
        return self.intercept_location if self.df > 1 else math.nan

    @property
    def intercept_sd(self) -> float:
        """Posterior sd of β₀; zero without an intercept."""
        return self.intercept_scale * self.inflation if self.problem.intercept else 0.0

    @property
    def sigma(self) -> float:
        """E σ: √rate Γ(shape − ½)/Γ(shape), infinite where shape ≤ ½; or the known σ."""
        if self.problem.sigma is not None:
            return self.problem.sigma
        if self.shape <= 0.5:
            return math.inf
        return math.sqrt(self.rate) * math.exp(gammaln(self.shape - 0.5) - gammaln(self.shape))

    @property
    def sigma_sd(self) -> float:
        """Posterior sd of σ; infinite where shape ≤ 1, zero when σ is known."""
        if self.problem.sigma is not None:
            return 0.0
        if self.shape <= 1.0:
            return math.inf
        return math.sqrt(max(self.rate / (self.shape - 1.0) - self.sigma**2, 0.0))

    @property
    def inflation(self) -> float:
        """sd ÷ scale of a t with df degrees of freedom."""
        if math.isinf(self.df):
            return 1.0
        if self.df > 2:
            return math.sqrt(self.df / (self.df - 2.0))
        return math.inf if self.df > 1 else math.nan

    def interval(self, level: float = 0.95) -> Array:
        """Equal-tailed intervals of the coefficients, (P, 2).

        Raises
        ------
        BadArgument
            If `level` is not strictly between 0 and 1.
        """
        half = self.half_width(level)
        return np.stack([self.location - half * self.scale, self.location + half * self.scale], 1)

    def intercept_interval(self, level: float = 0.95) -> tuple[float, float]:
        """Equal-tailed interval of β₀."""
        half = self.half_width(level) * self.intercept_scale
        return self.intercept_location - half, self.intercept_location + half

    def half_width(self, level: float) -> float:
        """Half the width of an equal-tailed interval, in units of the marginal's scale."""
        if isinstance(level, bool) or not isinstance(level, int | float | np.floating):
            raise BadArgument(f"level must be a number between 0 and 1, not {level!r}")
        if not 0 < level < 1:
            raise BadArgument(f"level must lie strictly between 0 and 1, not {level!r}; try 0.95")
        upper = 0.5 + 0.5 * float(level)
        return float(ndtri(upper) if math.isinf(self.df) else stdtrit(self.df, upper))

    def linear(self, weights: Array, intercept: Any = 0.0) -> tuple[Array, Array]:
        """Location and scale of Wβ + w₀β₀, each marginally t (or normal).

        Parameters
        ----------
        weights : ndarray (k, P)
            W, on the original columns.
        intercept : ndarray (k,) or float, default 0
            w₀.
        """
        weights = np.atleast_2d(np.asarray(weights, dtype=float))
        w0 = np.broadcast_to(np.asarray(intercept, dtype=float), len(weights))
        location = weights @ self.location + w0 * self.intercept_location
        rows, noise2 = _pull_back(self.problem, weights, w0)
        return location, math.sqrt(self.s2) * np.hypot(self.factor.spread(rows), np.sqrt(noise2))


def posterior(problem: Problem) -> ExactPosterior:
    """The closed form of a problem's posterior.

    Parameters
    ----------
    problem : Problem
        One that :func:`supports` accepts.

    Returns
    -------
    ExactPosterior

    Raises
    ------
    NotSupported
        If there is no closed form; the message says what serves instead.

    References
    ----------
    Zellner (1971), ch. 3; O'Hagan & Forster (2004), *Kendall's Advanced Theory of Statistics* 2B,
    §11.

    Examples
    --------
    >>> import bayesreg as br
    >>> from bayesreg.gaussian import exact
    >>> data = br.load_dataset("diabetes")
    >>> problem = br.Model(br.Normal(0.1, unit="sigma")).condition(
    ...     data.X, data.y, standardize=True
    ... )
    >>> found = exact.posterior(problem)
    >>> found.df, round(found.log_evidence, 3)
    (441.0, -2417.689)
    """
    if problem.least_squares.columns is not None:
        raise refuse_unformed("a table of posterior sds", problem.p)
    reason = supports(problem)
    if reason is not None:
        raise NotSupported(f"no closed form: {reason}; use sample(problem), which draws instead")
    factor = _factor(problem)
    known = problem.sigma
    if known is not None:
        df, s2, shape, rate = math.inf, known * known, math.nan, math.nan
        evidence = -problem.nu * math.log(known) - 0.5 * factor.s / s2
    else:
        prior = problem.sigma_prior
        assert prior is not None
        assert prior.inverse_gamma is not None
        a, b = prior.inverse_gamma
        shape, rate = a + 0.5 * problem.nu, b + 0.5 * factor.s
        df, s2 = 2.0 * shape, rate / shape
        evidence = log_constant(prior) + float(gammaln(shape))
        evidence -= shape * math.log(rate)
    location, intercept = problem.restore(factor.mean)
    scale, intercept_scale = _scales(problem, factor)
    return ExactPosterior(
        problem=problem,
        factor=factor,
        df=df,
        s2=s2,
        shape=shape,
        rate=rate,
        location=location,
        scale=math.sqrt(s2) * scale,
        intercept_location=float(intercept),
        intercept_scale=math.sqrt(s2) * intercept_scale if problem.intercept else 0.0,
        log_evidence=evidence - factor.half_log_det + problem.quadratic.log_measure,
    )


def _factor(problem: Problem) -> Factor:
    """Factor with every prior sd in units of σ."""
    return Factor.of(problem.quadratic.rows, prior_sd(problem))


def prior_sd(problem: Problem) -> Array:
    """Prior sds (p,) in units of σ."""
    columns = layout(problem)
    assert not isinstance(columns, str)
    sd = np.ones(problem.p)
    sd[columns.pinned] = columns.pinned_sd
    return sd


def _scales(problem: Problem, factor: Factor) -> tuple[Array, float]:
    """Scales ÷ σ of the coefficients (P,) and of the intercept."""
    scale = np.empty(len(problem.features))
    scale[problem.proper] = factor.spreads / problem.x_sd[problem.proper]
    rows = np.zeros((len(problem.flat) + 1, len(problem.features)))
    rows[np.arange(len(problem.flat)), problem.flat] = 1.0
    w0 = np.zeros(len(rows))
    w0[-1] = 1.0
    back, noise2 = _pull_back(problem, rows, w0)
    some = np.hypot(factor.spread(back), np.sqrt(noise2))
    scale[problem.flat] = some[:-1]
    return scale, float(some[-1])


def _pull_back(problem: Problem, weights: Array, w0: Array) -> tuple[Array, Array]:
    """Wβ + w₀β₀ as T b + noise: T (k, p), and the variance ÷ σ² that β₀ and β_Flat add."""
    coordinates = problem.coordinates
    weights = weights - w0[:, None] * problem.x_mean if problem.intercept else weights
    noise2 = np.square(w0) / problem.n if problem.intercept else np.zeros(len(w0))
    rows = weights[:, problem.proper] / problem.x_sd[problem.proper]
    if len(problem.flat):
        on_flat = weights[:, problem.flat] / problem.x_sd[problem.flat]
        rows = rows - on_flat @ coordinates.flat_x
        half = solve_triangular(coordinates.flat_root, on_flat.T, trans="T")
        noise2 = noise2 + np.sum(half * half, axis=0)
    return rows, noise2


class Exact(Independent):
    """Independent draws of the closed form."""

    def prepare(self, problem: Problem) -> ExactPosterior | Perturbed:
        """Compute the closed form once; of a wide sparse X the mode alone."""
        if problem.least_squares.columns is None:
            return posterior(problem)
        return Perturbed.of(problem, prior_sd(problem))

    def draw(self, setup: Any, rng: np.random.Generator, size: int) -> Output:
        """`size` independent draws of b and σ."""
        if isinstance(setup, Perturbed):
            return setup.draw(rng, size)
        factor = setup.factor
        sigma = np.full(size, math.sqrt(setup.s2))
        if setup.problem.sigma is None:
            sigma = np.sqrt(setup.rate / rng.standard_gamma(setup.shape, size))
        b = factor.mean + sigma[:, None] * factor.noise(rng, size)
        ratio = np.square(np.linalg.norm(factor.x, axis=0) * factor.sd)
        kappa = np.broadcast_to(1.0 / (1.0 + ratio), (size, len(ratio))).copy()
        return {"b": b, "sigma": sigma, "scale": np.zeros((size, 0)), "kappa": kappa}


KERNEL = Exact()
