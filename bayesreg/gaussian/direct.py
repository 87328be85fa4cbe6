r"""Independent draws under Normal priors with unknown σ and scale: quadrature, no Markov chain.

The marginal of log λ is integrated to 1e-11 and its distribution function inverted; σ follows from
its inverse gamma, or from a second quadrature; b is then Gaussian. Every draw is independent of
every other. The one approximation is that of quantile functions by cubic splines (to 1e-5 of an
sd). :func:`moments` has the same posterior without any draws.

References: Olver & Townsend (2013), "Fast inverse transform sampling in one and two dimensions",
arXiv:1307.1223; Zellner (1971), *An Introduction to Bayesian Inference in Econometrics*, ch. 3.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.interpolate import RectBivariateSpline
from scipy.linalg import solve_triangular
from scipy.special import polygamma, psi

from bayesreg.engines.chains import Output
from bayesreg.engines.kernel import Independent, Needs
from bayesreg.gaussian.marginal import Target, marginal
from bayesreg.gaussian.spectrum import Spectrum, layout
from bayesreg.language.arguments import Array
from bayesreg.language.errors import NotSupported
from bayesreg.likelihoods import ConstantCurvature
from bayesreg.priors import Prior

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem

NAME = "direct"
_Z = 8.2  # tables reach ±8.2 normal scores: probability 2e-16 lies beyond


def _unfit(problem: Problem) -> str | None:
    """None where the engine applies, else the reason in words.

    Parameters
    ----------
    problem : Problem
        Needs Normal priors with at most one unknown scale, and at least one unknown.
    """
    found = layout(problem)
    if isinstance(found, str):
        return f"it needs Normal priors with one common factor, and here {found}"
    if not problem.unknown_sigma and found.block is None:
        return "nothing is unknown but the coefficients: engine 'exact' has them in closed form"
    return None


supports = Needs((ConstantCurvature,), (Prior,), _unfit)


@dataclass(frozen=True, eq=False)
class Setup:
    """The unknowns with their quantile functions, ready to draw."""

    target: Target
    quantile: Callable[[Array], Array]
    sigma_table: RectBivariateSpline | None
    scales: int
    information: Array  # G_jj


class Direct(Independent):
    """Independent draws by inversion of the quadrature's distribution functions."""

    def prepare(self, problem: Problem) -> Setup:
        """Integrate once, and tabulate the conditional quantiles of log σ where needed."""
        m, outer = marginal(problem)
        quantile = outer.transport(0)
        table = None
        if m.nested:
            z1, z2 = np.linspace(-_Z, _Z, 97), np.linspace(-_Z, _Z, 129)
            inner = m.inner(quantile(z1), cells=64)
            rows = np.stack([inner.transport(k)(z2) for k in range(len(z1))])
            table = RectBivariateSpline(z1, z2, rows)
        information = np.square(problem.quadratic.rows.norms)
        return Setup(m, quantile, table, len(problem.unknown_scales), information)

    def draw(self, setup: Setup, rng: np.random.Generator, size: int) -> Output:
        """`size` independent draws of b, σ, scale and κ."""
        m = setup.target
        z = rng.standard_normal(size)
        lam = np.exp(setup.quantile(z))
        if m.sigma is not None:
            sigma = np.full(size, m.sigma)
        elif m.scale_prior is None:
            sigma = np.sqrt(lam)
        elif setup.sigma_table is not None:
            z2 = np.clip(rng.standard_normal(size), -_Z, _Z)
            sigma = np.exp(setup.sigma_table.ev(np.clip(z, -_Z, _Z), z2))
        else:
            shape, rate = m.gamma(lam)
            sigma = np.sqrt(rate / rng.standard_gamma(shape, size))
        scale = m.scale(lam, sigma)[:, None] if setup.scales else np.zeros((size, 0))
        kappa = 1.0 / (1.0 + m.spectrum.ratios(lam) * setup.information)
        b = m.spectrum.draw(lam, sigma, rng)
        return {"b": b, "sigma": sigma, "scale": scale, "kappa": kappa}


KERNEL = Direct()


@dataclass(frozen=True, eq=False)
class QuadratureMoments:
    """Means and sds by quadrature alone, per unit of the original columns.

    Attributes
    ----------
    mean, sd : ndarray (P,)
        Of the coefficients; an sd is infinite where E σ² is.
    intercept, intercept_sd : float
        Of β₀.
    log_sigma, log_scale : tuple of float
        (mean, sd) of log σ and of log scale; (nan, 0) for what is not unknown.
    log_evidence : float
        log ∫ p(y | …) over everything, with flat measures dβ₀, dβ_Flat and dσ²/σ².
    """

    mean: Array
    sd: Array
    intercept: float
    intercept_sd: float
    log_sigma: tuple[float, float]
    log_scale: tuple[float, float]
    log_evidence: float


def moments(problem: Problem) -> QuadratureMoments:
    """Posterior means and sds without draws, as a check of those that have them.

    Parameters
    ----------
    problem : Problem
        One that :func:`supports` accepts.

    Raises
    ------
    NotSupported
        If it does not.

    References
    ----------
    Zellner (1971), ch. 3; MacKay (1992), "Bayesian interpolation", Neural Computation 4(3).

    Examples
    --------
    >>> import bayesreg as br
    >>> from bayesreg.gaussian import direct
    >>> data = br.load_dataset("diabetes")
    >>> problem = br.Model(br.Normal()).condition(data.X, data.y, standardize=True)
    >>> found = direct.moments(problem)
    >>> round(float(found.mean[2]), 4), round(found.log_evidence, 3)
    (5.5419, -2407.924)
    """
    reason = supports(problem)
    if reason is not None:
        raise NotSupported(f"no quadrature: {reason}")
    m, outer = marginal(problem)
    lam, weight = np.exp(outer.nodes[0]), outer.weights[0]
    keep = weight > 1e-25
    lam, weight = lam[keep], weight[keep] / weight[keep].sum()
    s2, log_sigma, log_scale = _inner_moments(m, lam)
    mean, covariance = _coefficients(m.spectrum, lam, weight, s2)
    beta, intercept = problem.restore(mean)
    sd, intercept_sd = _restored_sd(problem, covariance, float(weight @ s2))
    return QuadratureMoments(
        mean=beta,
        sd=sd,
        intercept=float(intercept),
        intercept_sd=intercept_sd,
        log_sigma=_pooled(weight, *log_sigma) if problem.unknown_sigma else (math.nan, 0.0),
        log_scale=_pooled(weight, *log_scale) if m.scale_prior is not None else (math.nan, 0.0),
        log_evidence=float(outer.log_total[0]) + problem.quadratic.log_measure,
    )


_Pair = tuple[Array, Array]


def _inner_moments(m: Target, lam: Array) -> tuple[Array, _Pair, _Pair]:
    """Given each λ: E σ², and (mean, variance) of log σ and of log scale."""
    zero = np.zeros(len(lam))
    if m.sigma is not None:
        s2, log_sigma = np.full(len(lam), m.sigma**2), (zero + math.log(m.sigma), zero)
    elif m.scale_prior is None:
        s2, log_sigma = lam, (0.5 * np.log(lam), zero)
    elif m.nested:
        inner = m.inner(np.log(lam))
        x = inner.nodes
        mean = inner.mean(x)
        s2 = inner.mean(np.exp(2.0 * x))
        log_sigma = (mean, inner.mean((x - mean[:, None]) ** 2))
    else:
        shape, rate = m.gamma(lam)
        s2 = rate / (shape - 1.0) if shape > 1 else np.full(len(lam), np.inf)
        mean = 0.5 * (np.log(rate) - psi(shape))
        log_sigma = (mean, zero + 0.25 * float(polygamma(1, shape)))
    share = 1.0 if m.absolute else 0.0
    log_scale = (share * log_sigma[0] - 0.5 * np.log(lam), share * log_sigma[1])
    return s2, log_sigma, log_scale


def _pooled(weight: Array, mean: Array, variance: Array) -> tuple[float, float]:
    """Mean and sd of a mixture."""
    centre = float(weight @ mean)
    return centre, math.sqrt(float(weight @ (variance + np.square(mean - centre))))


def _coefficients(spectrum: Spectrum, lam: Array, weight: Array, s2: Array) -> tuple[Array, Array]:
    """Mean (p,) and covariance (p, p) of b, the mixture over λ carried out."""
    columns = spectrum.layout
    theta = spectrum.theta(lam)
    mean = weight @ theta
    spread = (theta - mean) * np.sqrt(weight)[:, None]
    inside = spread.T @ spread + np.diag((weight * s2) @ (1.0 / (spectrum.d + lam[:, None])))
    v = columns.free_sd[:, None] * spectrum.v
    free = v @ inside @ v.T
    if spectrum.missing:
        silent = np.eye(len(v)) - spectrum.v @ spectrum.v.T
        prior = float(weight @ (s2 / lam)) * np.outer(columns.free_sd, columns.free_sd)
        free = free + prior * silent
    b_free = v @ mean
    p = len(columns.free) + len(columns.pinned)
    b, to_b = np.zeros(p), np.zeros((p, len(columns.free)))
    to_b[columns.free, np.arange(len(columns.free))] = 1.0
    b[columns.free] = b_free
    if not len(columns.pinned):
        return b, to_b @ free @ to_b.T
    root = spectrum.head_root
    b[columns.pinned] = solve_triangular(root, spectrum.head_y - spectrum.head_x @ b_free)
    to_b[columns.pinned] = -solve_triangular(root, spectrum.head_x)
    covariance = to_b @ free @ to_b.T
    inverse = solve_triangular(root, np.eye(len(root)))
    covariance[np.ix_(columns.pinned, columns.pinned)] += float(weight @ s2) * inverse @ inverse.T
    return b, covariance


def _restored_sd(problem: Problem, covariance: Array, s2: float) -> tuple[Array, float]:
    """sds of the coefficients (P,) and the intercept from the covariance of b and E σ²."""
    coordinates, features = problem.coordinates, len(problem.features)
    to_beta = np.zeros((features, problem.p))
    to_beta[problem.proper, np.arange(problem.p)] = 1.0 / problem.x_sd[problem.proper]
    noise = np.zeros((features, features))
    if len(problem.flat):
        sd = problem.x_sd[problem.flat]
        to_beta[problem.flat] = -coordinates.flat_x / sd[:, None]
        inverse = solve_triangular(coordinates.flat_root, np.eye(len(sd))) / sd[:, None]
        noise[np.ix_(problem.flat, problem.flat)] = s2 * inverse @ inverse.T
    whole = to_beta @ covariance @ to_beta.T + noise
    sds = np.sqrt(np.diagonal(whole))
    if not problem.intercept:
        return sds, 0.0
    return sds, math.sqrt(float(problem.x_mean @ whole @ problem.x_mean) + s2 / problem.n)
