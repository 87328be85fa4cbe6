"""Leave-one-out predictive densities in closed form, for the conjugate posteriors.

With prior precision Λ/σ² and rows u_i (intercept and Flat columns projected out), the posterior
mean is b̂ = P⁻¹X̃'ỹ, P = X̃'X̃ + Λ, and the leverage of a row is h_i = u_i'P⁻¹u_i plus its leverage on
what was projected out. Leaving out c copies of row i divides its residual and its leverage by
1 − c·h_i (Sherman & Morrison 1950), whence y_i | y_-i is normal, or Student t when σ² is inverse
gamma: Gelman et al. (2013), *Bayesian Data Analysis*, 3rd ed., §14.2 and §14.8; the deletion
formulae are those of Cook & Weisberg (1982), *Residuals and Influence in Regression*, §2.2.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.engines.draws import Sample
from bayesreg.gaussian import exact
from bayesreg.gaussian.projected_rows import projected
from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadData, NotSupported

if TYPE_CHECKING:
    from bayesreg.data.design import Design
    from bayesreg.engines.draws import Draws
    from bayesreg.model.problem import Problem

BLOCK = 2**20  # numbers in one block of projected rows: 8 MiB


def exact_pointwise(problem: Problem, design: Design) -> tuple[Array, Array]:
    """Log p(y_i | y_-i) and log p(y_i | y) of every row, without draws."""
    reason = exact.supports(problem)
    if reason is not None:
        raise NotSupported(f"{reason}; sample with another engine for PSIS-LOO")
    known = problem.given(sigma=problem.sigma or 1.0)  # in unit "sigma" Λ does not depend on it
    l2 = np.broadcast_to(np.asarray(known.l2, dtype=float), (problem.p,))
    w = design.frequencies
    residual, leverage, penalised = _residuals(problem, design, l2, w)
    c = np.minimum(w, 1.0)
    left = 1.0 - c * leverage
    bad = np.flatnonzero(~(left > 1e-12))
    if len(bad):
        raise BadData(
            f"without row {int(bad[0])} a Flat coefficient is not identified, so its leave-one-out "
            "density does not exist; give that column a proper prior"
        )
    if problem.sigma is not None:
        elpd = deletion_density(residual, leverage, c, problem.sigma)
        lppd = log_normal(residual, problem.sigma * np.sqrt(1.0 + leverage))
    else:
        assert problem.sigma_prior is not None
        prior = problem.sigma_prior.inverse_gamma
        assert prior is not None
        shape = prior[0] + 0.5 * problem.nu
        rate = prior[1] + 0.5 * penalised
        bad = np.flatnonzero(~((shape - 0.5 * c > 0) & (rate - 0.5 * c * residual**2 / left > 0)))
        if len(bad):
            raise BadData(
                f"without row {int(bad[0])} σ has no posterior (too few rows); use a proper prior "
                "for σ, or a known σ"
            )
        elpd = deletion_density(residual, leverage, c, (shape, rate))
        lppd = log_t(residual, shape, rate * (1.0 + leverage))
    return elpd, lppd


def deletion_density(
    residual: Array, leverage: Array, copies: Array, noise: float | tuple[float, float]
) -> Array:
    """Log p(y_i | y_-i) without `copies` of each row; noise: σ, or (shape, rate) of IG for σ²."""
    left = 1.0 - copies * leverage
    error, stretch = residual / left, 1.0 + leverage / left
    if not isinstance(noise, tuple):
        return log_normal(error, noise * np.sqrt(stretch))
    shape, rate = noise
    return log_t(error, shape - 0.5 * copies, (rate - 0.5 * copies * residual * error) * stretch)


def normal_pointwise(draws: Draws, design: Design, sample: Sample) -> Array:
    """Log p(y_i | y_-i) of every row if the posterior of β₀ + x'β were normal and σ² inverse gamma.

    Any approximation serves the difference estimator; the closer, the smaller its error.
    """
    weights, sigma2 = design.frequencies, np.square(sample.sigma)
    noise, x_mean = float(sigma2.mean()), draws.problem.x_mean
    # The inverse gamma with the mean and variance of the draws of 1/σ².
    precision = 1.0 / sigma2
    shape = float(precision.mean() ** 2 / max(precision.var(), np.finfo(float).tiny))
    gamma = (shape, shape / float(precision.mean()))
    joint = np.column_stack([sample.intercept + sample.beta @ x_mean, sample.beta])
    centre = joint.mean(axis=0)
    factor = np.linalg.qr(joint - centre, mode="r").T / np.sqrt(len(joint) - 1.0)
    out = np.empty(len(design.target))
    step = max(1, 2**18 // len(factor))
    for start in range(0, len(out), step):
        part = slice(start, start + step)
        z = np.column_stack([np.ones(len(out[part])), design.X[part] - x_mean])
        spread = z @ factor
        copies = np.minimum(weights[part], 1.0)
        leverage = np.minimum(np.einsum("ij,ij->i", spread, spread) / noise, 0.9 / copies)
        error = design.target[part] - z @ centre
        out[part] = deletion_density(error, leverage, copies, float(np.sqrt(noise)))
        if draws.problem.sigma is None:
            with np.errstate(invalid="ignore", divide="ignore"):
                t = deletion_density(error, leverage, copies, gamma)
            out[part] = np.where(np.isfinite(t), t, out[part])
    return out


def _residuals(problem: Problem, design: Design, l2: Array, w: Array) -> tuple[Array, Array, float]:
    """Residuals at the posterior mean, leverages, and Σwe² + b̂'Λb̂."""
    if problem.p > len(design.target):
        return _in_row_space(problem, design, l2, w)
    from scipy.linalg import cho_factor, cho_solve, solve_triangular

    scale = 1.0 / np.sqrt(np.maximum(np.diagonal(problem.gram) + l2, np.finfo(float).tiny))
    precision = (problem.gram * scale).T * scale + np.diag(l2 * scale**2)
    factor = cho_factor(precision, lower=True)
    b = scale * cho_solve(factor, scale * problem.xy)
    n = len(design.target)
    residual, leverage = np.empty(n), np.empty(n)
    step = max(1, BLOCK // max(1, len(problem.features)))
    for start in range(0, n, step):
        part = slice(start, start + step)
        u, y, flat = projected(problem.coordinates, design.X[part], design.target[part])
        residual[part] = y - u @ b
        root = solve_triangular(factor[0], (u * scale).T, lower=True)
        leverage[part] = flat + np.einsum("ij,ij->j", root, root)
    return residual, leverage, float(w @ residual**2 + b @ (l2 * b))


def _in_row_space(
    problem: Problem, design: Design, l2: Array, w: Array
) -> tuple[Array, Array, float]:
    """The same for p > n, from M = I + √W·UΛ⁻¹U'·√W: √w·e = M⁻¹√w·y and 1 − w·h = diag M⁻¹."""
    from scipy.linalg import cho_factor, cho_solve

    u, y, flat = projected(problem.coordinates, design.X, design.target)
    root = np.sqrt(w)
    scaled = (u / np.sqrt(l2)) * root[:, None]
    factor = cho_factor(np.eye(len(y)) + scaled @ scaled.T, lower=True)
    inverse = cho_solve(factor, np.eye(len(y)))
    weighted = cho_solve(factor, root * y)
    leverage = flat + (1.0 - np.diagonal(inverse)) / w
    # Σwe² + b̂'Λb̂ = ỹ'√W M⁻¹ √Wỹ, whose terms are all positive.
    return weighted / root, leverage, float((root * y) @ weighted)


def log_normal(x: Array, sd: Any) -> Array:
    """Log density of N(0, sd²) at x."""
    return np.asarray(-0.5 * (x / sd) ** 2 - np.log(sd) - 0.5 * math.log(2.0 * math.pi))


def log_t(x: Array, shape: Any, rate: Any) -> Array:
    """Log density at x of √(σ²·k)·z with σ² ~ IG(shape, rate/k): Student t with 2·shape df."""
    from scipy.special import gammaln

    constant = gammaln(shape + 0.5) - gammaln(shape) - 0.5 * np.log(2.0 * math.pi * rate)
    return np.asarray(constant - (shape + 0.5) * np.log1p(x**2 / (2.0 * rate)))
