r"""Independent draws under Normal priors with unknown σ and scale: quadrature, no Markov chain.

In the eigenbasis the unknowns reduce to λ (and σ where it does not integrate out in closed form):

    p(λ | y) ∝ p(λ) Π(1 + d_i/λ)^(−½) ∫ σ^(−ν) e^(−S(λ)/2σ²) p(σ) dσ

The marginal of log λ is integrated to 1e-11 and inverted; σ follows from its inverse gamma, or
from a second quadrature; b is then Gaussian. Every draw is independent of every other. A bivariate
spline of σ's conditional quantiles is the only approximation (error about 1e-6 of an sd).

References: Zellner (1971), *An Introduction to Bayesian Inference in Econometrics*, ch. 3; Olver &
Townsend (2013), "Fast inverse transform sampling in one and two dimensions", arXiv:1307.1223.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RectBivariateSpline
from scipy.special import gammaln, polygamma, psi

from bayesreg.engines.base import Independent, Output
from bayesreg.engines.pseudodata import PseudoData, log_measure
from bayesreg.engines.quadrature import Density, integrate
from bayesreg.engines.spectrum import Spectrum, layout

if TYPE_CHECKING:
    from bayesreg.model import Problem
    from bayesreg.priors import HyperPrior

Array = NDArray[np.float64]
NAME = "direct"
_Z = 8.2  # quantile tables reach ±8.2 normal scores: probability 2e-16 lies beyond


def supports(problem: Problem) -> str | None:
    """None where the engine applies, else the reason in words.

    Parameters
    ----------
    problem : Problem
        Needs Normal priors with at most one unknown scale, and at least one unknown.
    """
    found = layout(problem)
    if isinstance(found, str):
        return f"engine 'direct' needs Normal priors with one common factor: {found}"
    if not problem.unknown_sigma and found.block is None:
        return "nothing is unknown but the coefficients: engine 'exact' has them in closed form"
    return None


@dataclass(frozen=True, eq=False)
class Marginal:
    """The joint posterior of log λ and σ, integrated.

    Attributes
    ----------
    spectrum : Spectrum
        The rotated problem.
    sigma : float or None
        σ where known.
    sigma_prior, scale_prior : HyperPrior or None
        Their priors; None where known.
    absolute : bool
        Whether λ is σ²/scale² (unit "y") rather than 1/scale².
    outer : Density
        Marginal of log λ, one row.
    """

    spectrum: Spectrum
    sigma: float | None
    sigma_prior: HyperPrior | None
    scale_prior: HyperPrior | None
    absolute: bool
    outer: Density

    @property
    def conjugate(self) -> tuple[float, float] | None:
        """(a, b) of σ² ~ IG where σ integrates out given λ."""
        if self.sigma_prior is None or self.absolute:
            return None
        return self.sigma_prior.inverse_gamma

    def rate(self, lam: Array) -> tuple[float, Array]:
        """Shape and rate of σ² | λ where it is inverse gamma."""
        assert self.conjugate is not None
        a, b = self.conjugate
        return a + 0.5 * self.spectrum.nu, b + 0.5 * self.spectrum.penalised_rss(lam)

    def scale(self, lam: Array, sigma: Array) -> Array:
        """The unknown scale in its declared unit."""
        return (sigma if self.absolute else 1.0) / np.sqrt(lam)

    def inner(self, t: Array) -> Density:
        """Density of log σ given each log λ in `t`, one row each."""
        log_s = np.log(self.spectrum.penalised_rss(np.exp(t)))
        return integrate(*_inner(self, t, log_s))


def marginal(problem: Problem) -> Marginal:
    """Integrate the unknowns of a problem that :func:`supports` accepts."""
    found = layout(problem)
    assert not isinstance(found, str)
    block = found.block
    spectrum = Spectrum.of(PseudoData.of(problem), found)
    absolute = block is None or (block.prior.unit == "y" and problem.unknown_sigma)
    hyper = None if block is None else block.hyper
    blank = Density(*[np.zeros((1, 1))] * 5)
    rough = Marginal(spectrum, problem.sigma, problem.sigma_prior, hyper, absolute, blank)
    if block is not None and block.prior.unit == "y" and problem.sigma is not None:
        # λ = σ²/scale² with σ a number: measure the scale in σ, as its prior does not.
        rough = Marginal(spectrum, problem.sigma, None, hyper, True, blank)
    top = math.log(spectrum.d.max()) if np.any(spectrum.d > 0) else 0.0
    outer = integrate(lambda t: _outer(rough, t), np.array([top - 30.0]), np.array([top + 30.0]))
    return Marginal(spectrum, rough.sigma, rough.sigma_prior, hyper, rough.absolute, outer)


def _outer(m: Marginal, t: Array) -> Array:
    """Log density of t = log λ (R, K), every normalising constant but the data's included."""
    lam = np.exp(t)
    spectrum, nu = m.spectrum, m.spectrum.nu
    base = spectrum.log_pinned - 0.5 * spectrum.log_det(lam)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        s = spectrum.penalised_rss(lam)
        if m.sigma is not None:
            size = m.scale(lam, np.asarray(m.sigma))
            return base - nu * math.log(m.sigma) - 0.5 * s / m.sigma**2 + _log_prior(m, size)
        assert m.sigma_prior is not None
        if m.scale_prior is None:  # λ = σ²
            body = -0.5 * nu * t - 0.5 * s / lam + m.sigma_prior.log_density(np.sqrt(lam))
            return base + body + 0.5 * t - math.log(2.0)
        if m.conjugate is not None:
            shape, rate = m.rate(lam)
            body = log_constant(m.sigma_prior) + gammaln(shape) - shape * np.log(rate)
            return base + body + _log_prior(m, m.scale(lam, np.ones(1)))
        total = integrate(*_inner(m, t.ravel(), np.log(s.ravel()))).log_total
        return base + total.reshape(t.shape)


def _inner(
    m: Marginal, t: Array, log_s: Array
) -> tuple[Callable[[Array], Array], Array, Array]:
    """Log density of x = log σ given log λ, per row, and where to look for it."""
    prior, nu = m.sigma_prior, m.spectrum.nu
    assert prior is not None

    def log_density(x: Array) -> Array:
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            sigma = np.exp(x)
            body = (1.0 - nu) * x - 0.5 * np.exp(log_s[:, None] - 2.0 * x)
            size = (sigma if m.absolute else 1.0) * np.exp(-0.5 * t)[:, None]
            return np.asarray(body + prior.log_density(sigma) + _log_prior(m, size))

    centre = np.where(np.isfinite(log_s), 0.5 * (log_s - math.log(max(nu, 1.0))), 0.0)
    centre = np.clip(centre, -600.0, 600.0)
    return log_density, centre - 12.0, centre + 12.0


def _log_prior(m: Marginal, size: Array) -> Array:
    """log p(scale) with its Jacobian |d scale/d log λ| = scale/2."""
    assert m.scale_prior is not None
    return np.asarray(m.scale_prior.log_density(size) + np.log(0.5 * size))


def log_constant(prior: HyperPrior) -> float:
    """log C of p(σ) dσ = C v^(−a−1) e^(−b/v) dv, v = σ²; for p(σ²) ∝ 1/σ² the measure is dv/v."""
    assert prior.inverse_gamma is not None
    a, b = prior.inverse_gamma
    v = b / (a + 1.0) if b > 0 else 1.0
    x = math.sqrt(v)
    return float(prior.log_density(x)) - math.log(2.0 * x) + (a + 1.0) * math.log(v) + b / v


@dataclass(frozen=True, eq=False)
class _Setup:
    """A marginal with its quantile functions, ready to draw."""

    marginal: Marginal
    quantile: Callable[[Array], Array]
    sigma_table: RectBivariateSpline | None
    labels: int


class Direct(Independent):
    """Independent draws by inversion of the quadrature's distribution functions."""

    def prepare(self, problem: Problem) -> _Setup:
        """Integrate once, and tabulate the conditional quantiles of log σ where needed."""
        m = marginal(problem)
        quantile = m.outer.transport(0)
        table = None
        if m.sigma is None and m.scale_prior is not None and m.conjugate is None:
            z1, z2 = np.linspace(-_Z, _Z, 97), np.linspace(-_Z, _Z, 129)
            inner = m.inner(quantile(z1))
            rows = np.stack([inner.transport(k)(z2) for k in range(len(z1))])
            table = RectBivariateSpline(z1, z2, rows)
        return _Setup(m, quantile, table, len(problem.unknown_scales))

    def draw(self, setup: _Setup, rng: np.random.Generator, size: int) -> Output:
        """`size` independent draws of b, σ, scale and κ."""
        m = setup.marginal
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
            shape, rate = m.rate(lam)
            sigma = np.sqrt(rate / rng.standard_gamma(shape, size))
        scale = m.scale(lam, sigma)[:, None] if setup.labels else np.zeros((size, 0))
        b = m.spectrum.draw(lam, sigma, rng)
        return {"b": b, "sigma": sigma, "scale": scale, "kappa": _kappa(setup, lam)}


KERNEL = Direct()
