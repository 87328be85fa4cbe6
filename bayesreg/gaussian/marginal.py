r"""The joint posterior of a common scale and σ under Normal priors, by quadrature.

In the eigenbasis the unknowns reduce to λ (and σ where it does not integrate out in closed form):

    p(λ | y) ∝ p(λ) Π(1 + d_i/λ)^(−½) ∫ σ^(−ν) e^(−S(λ)/2σ²) p(σ) dσ

(Zellner 1971, *An Introduction to Bayesian Inference in Econometrics*, ch. 3.) log λ is the outer
variable; where the inner integral has no closed form, log σ given log λ is a second quadrature.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import gammaln

from bayesreg.gaussian.quadrature import Density, integrate
from bayesreg.gaussian.spectrum import Spectrum, layout
from bayesreg.language.arguments import Array
from bayesreg.language.errors import NotSupported

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem
    from bayesreg.priors import HyperPrior


@dataclass(frozen=True, eq=False)
class Target:
    """The joint posterior of log λ and σ, up to the integrations.

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
    """

    spectrum: Spectrum
    sigma: float | None
    sigma_prior: HyperPrior | None
    scale_prior: HyperPrior | None
    absolute: bool

    @property
    def conjugate(self) -> tuple[float, float] | None:
        """(a, b) of σ² ~ IG where σ integrates out given λ."""
        if self.sigma_prior is None or self.absolute:
            return None
        return self.sigma_prior.inverse_gamma

    @property
    def nested(self) -> bool:
        """Whether σ given λ needs a quadrature of its own."""
        return self.sigma is None and self.scale_prior is not None and self.conjugate is None

    def gamma(self, lam: Array) -> tuple[float, Array]:
        """Shape and rate of σ² | λ where it is inverse gamma."""
        assert self.conjugate is not None
        a, b = self.conjugate
        return a + 0.5 * self.spectrum.nu, b + 0.5 * self.spectrum.penalised_rss(lam)

    def scale(self, lam: Array, sigma: Array) -> Array:
        """The unknown scale in its declared unit."""
        return (sigma if self.absolute else 1.0) / np.sqrt(lam)

    def inner(self, t: Array, cells: int = 16) -> Density:
        """Density of log σ given each log λ in `t`, one row each."""
        with np.errstate(divide="ignore"):
            log_s = np.log(self.spectrum.penalised_rss(np.exp(t)))
        return _inner(self, t, log_s, cells)


def marginal(problem: Problem) -> tuple[Target, Density]:
    """The unknowns of a problem whose columns share one factor λ, and the density of log λ."""
    columns = layout(problem)
    assert not isinstance(columns, str)
    block = columns.block
    target = Target(
        spectrum=Spectrum.of(problem.quadratic.rows, columns),
        sigma=problem.sigma,
        sigma_prior=problem.sigma_prior,
        scale_prior=None if block is None else block.hyper,
        absolute=block is None or block.prior.unit == "y",
    )
    d = target.spectrum.d
    top = math.log(d.max()) if np.any(d > 0) else 0.0
    low, high = np.array([top - 30.0]), np.array([top + 30.0])
    # Hyperpriors with bounds make kinks in a nested density, which halving meets but slowly.
    rtol, most = (1e-10, 512) if target.nested else (1e-11, 2048)
    density = integrate(lambda t: _outer(target, t), low, high, rtol=rtol, most=most)
    if not np.isfinite(density.log_total[0]):
        raise NotSupported(
            "no value of the scale and of σ has a density that float64 can hold under data and "
            "priors; make the priors less extreme, or use engine='gibbs'"
        )
    return target, density


def _outer(m: Target, t: Array) -> Array:
    """Log density of t = log λ (R, K), every normalising constant but the data's included."""
    lam = np.exp(t)
    spectrum, nu = m.spectrum, m.spectrum.nu
    base = spectrum.log_pinned - 0.5 * spectrum.log_det(lam)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        s = spectrum.penalised_rss(lam)
        if m.sigma is not None:
            size = m.scale(lam, np.asarray(m.sigma))
            fit = -nu * math.log(m.sigma) - 0.5 * s / m.sigma**2
            return np.asarray(base + fit + _log_prior(m, size))
        assert m.sigma_prior is not None
        if m.scale_prior is None:  # λ = σ²
            body = -0.5 * nu * t - 0.5 * s / lam + m.sigma_prior.log_density(np.sqrt(lam))
            return np.asarray(base + body + 0.5 * t - math.log(2.0))
        if m.conjugate is not None:
            shape, rate = m.gamma(lam)
            body = log_constant(m.sigma_prior) + gammaln(shape) - shape * np.log(rate)
            return np.asarray(base + body + _log_prior(m, m.scale(lam, np.ones(1))))
        total = _inner(m, t.ravel(), np.log(s.ravel())).log_total.reshape(t.shape)
        # In units of σ the scale depends on λ alone, so its prior is a constant of the inner one.
        prior = 0.0 if m.absolute else _log_prior(m, m.scale(lam, np.ones(1)))
        return np.asarray(base + total + prior)


def _inner(m: Target, t: Array, log_s: Array, cells: int = 16) -> Density:
    """Integrate over x = log σ given each log λ in `t`, whose log S is `log_s`."""
    prior, nu = m.sigma_prior, m.spectrum.nu
    assert prior is not None

    def log_density(x: Array) -> Array:
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            sigma = np.exp(x)
            body = (1.0 - nu) * x - 0.5 * np.exp(log_s[:, None] - 2.0 * x)
            body = body + prior.log_density(sigma)
            if m.absolute:
                body = body + _log_prior(m, np.exp(x - 0.5 * t[:, None]))
        return np.asarray(body)

    known = np.isfinite(log_s) & (nu > 0)
    centre = np.where(known, 0.5 * (log_s - math.log(max(nu, 1.0))), 0.0)
    centre = np.clip(centre, -600.0, 600.0)
    half = 0.2 + 12.0 / math.sqrt(max(nu, 1.0))
    low, high = centre - half, centre + half
    return integrate(
        log_density, low, high, scan=65, cells=cells, most=256, rtol=1e-12, ends=cells > 16
    )


def _log_prior(m: Target, size: Array) -> Array:
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
