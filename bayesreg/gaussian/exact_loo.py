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
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from bayesreg.engines.draws import Sample
from bayesreg.gaussian import exact
from bayesreg.gaussian.projected_rows import projected
from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadData, NotSupported

if TYPE_CHECKING:
    from bayesreg.data.design import Design
    from bayesreg.data.stores.parts import Part
    from bayesreg.engines.draws import Draws
    from bayesreg.model.coordinates import Coordinates
    from bayesreg.model.problem import Problem

BLOCK = 2**20  # numbers in one block of projected rows: 8 MiB


def exact_pointwise(problem: Problem, design: Design) -> tuple[Array, Array]:
    """Log p(y_i | y_-i) and log p(y_i | y) of every row, without draws."""
    refuse_inexact(problem)
    w = design.frequencies
    residual, leverage, penalised = _residuals(problem, design, precision_of(problem), w)
    left_out = LeftOut(residual, leverage, np.minimum(w, 1.0), noise_of(problem, penalised))
    left_out.refuse_undefined(lambda i: f"row {i}")
    return left_out.elpd, left_out.lppd


def precision_of(problem: Problem) -> Array:
    """Λ (p,), which in unit "sigma" does not depend on σ."""
    known = problem.given(sigma=problem.sigma or 1.0)
    return np.broadcast_to(np.asarray(known.l2, dtype=float), (problem.p,))


def exact_leaving(draws: Draws) -> Leaving:
    """What leaving out any row of a conjugate posterior takes, from moments alone."""
    problem = draws.problem
    refuse_inexact(problem)
    solved = Solved.of(problem, precision_of(problem))
    rss = float(problem.quadratic.residual_square(solved.b))
    return Leaving(solved.rows, noise_of(problem, rss + solved.prior))


def refuse_inexact(problem: Problem) -> None:
    """Raise where the posterior is none in closed form."""
    reason = exact.supports(problem)
    if reason is not None:
        raise NotSupported(f"{reason}; sample with another engine for PSIS-LOO")


def noise_of(problem: Problem, penalised: float) -> float | tuple[float, float]:
    """σ where known, else (shape, rate) of its inverse gamma, from Σwe² + b̂'Λb̂."""
    if problem.sigma is not None:
        return problem.sigma
    assert problem.sigma_prior is not None
    prior = problem.sigma_prior.inverse_gamma
    assert prior is not None
    return prior[0] + 0.5 * problem.nu, prior[1] + 0.5 * penalised


@dataclass(frozen=True, eq=False)
class LeftOut:
    """Rows as a conjugate posterior has them, with and without `copies` of each.

    Attributes
    ----------
    residual, leverage : ndarray (m,)
    copies : ndarray (m,), or (1,) where that is the same of all
    noise : float or tuple of float
        σ, or (shape, rate) of IG for σ².
    sigma : float or None
        As of `Leaving`.
    """

    residual: Array
    leverage: Array
    copies: Array
    noise: float | tuple[float, float]
    sigma: float | None = None

    @property
    def elpd(self) -> Array:
        """Log p(y_i | y_-i) (m,)."""
        if self.sigma is None:
            return deletion_density(self.residual, self.leverage, self.copies, self.noise)
        with np.errstate(invalid="ignore", divide="ignore"):
            found = deletion_density(self.residual, self.leverage, self.copies, self.noise)
        plain = deletion_density(self.residual, self.leverage, self.copies, self.sigma)
        return np.where(np.isfinite(found), found, plain)

    @property
    def lppd(self) -> Array:
        """Log p(y_i | y) (m,)."""
        if isinstance(self.noise, tuple):
            return log_t(self.residual, self.noise[0], self.noise[1] * (1.0 + self.leverage))
        return log_normal(self.residual, self.noise * np.sqrt(1.0 + self.leverage))

    @property
    def error(self) -> Array:
        """y_i − E(y_i | y_-i) (m,)."""
        return np.asarray(self.residual / (1.0 - self.copies * self.leverage))

    def predicted(self) -> tuple[Array, Array]:
        """The error in units of the scale of p(y_i | y_-i), and P(Y_i ≤ y_i | y_-i), (m,) each."""
        from scipy.special import ndtr, stdtr

        error = self.error
        stretch = 1.0 + self.leverage / (1.0 - self.copies * self.leverage)
        if not isinstance(self.noise, tuple):
            z = error / (self.noise * np.sqrt(stretch))
            return z, ndtr(z)
        shape = self.noise[0] - 0.5 * self.copies
        rate = self.noise[1] - 0.5 * self.copies * self.residual * error
        if self.sigma is not None:  # of an approximation: as it was with the row, at worst
            shape, rate = (
                np.where((shape > 0) & (rate > 0), one, whole)
                for one, whole in zip((shape, rate), self.noise, strict=True)
            )
        z = error / np.sqrt(rate * stretch / shape)
        return z, stdtr(2.0 * shape, z)

    def refuse_undefined(self, named: Callable[[int], str]) -> None:
        """Raise BadData, with the name of the row, where there is no posterior without a row."""
        left = 1.0 - self.copies * self.leverage
        bad = np.flatnonzero(~(left > 1e-12))
        if len(bad):
            raise BadData(
                f"without {named(int(bad[0]))} a Flat coefficient is not identified, so its "
                "leave-one-out density does not exist; give that column a proper prior"
            )
        if not isinstance(self.noise, tuple):
            return
        shape, rate = self.noise
        scarce = shape - 0.5 * self.copies <= 0
        spent = rate - 0.5 * self.copies * self.residual**2 / left <= 0
        bad = np.flatnonzero(scarce | spent)
        if len(bad):
            raise BadData(
                f"without {named(int(bad[0]))} σ has no posterior (too few rows); use a proper "
                "prior for σ, or a known σ"
            )


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


@dataclass(frozen=True, eq=False)
class Leaving:
    """A posterior, exact or taken to be normal, as any row is left out of it.

    Attributes
    ----------
    rows : callable
        X (m, P) and y − offset (m,) to residuals and leverages.
    noise : float or tuple of float
        σ, or (shape, rate) of IG for σ².
    sigma : float or None
        Where the posterior is not of that form: what σ is where the other says nothing.
    """

    rows: Callable[[Array, Array], tuple[Array, Array]]
    noise: float | tuple[float, float]
    sigma: float | None = None
    fitted: ClassVar[None] = None  # where expectations lie, which moments say

    def of(self, rows: Part | Design) -> LeftOut:
        """Some rows, one copy of each left out."""
        return self(rows.X, rows.target, rows.weights)

    def expected(self, rows: Part, error: Array) -> Array:
        """E(y_i | y_-i) less the offset (m,) of errors."""
        return np.asarray(rows.target - error)

    def __call__(self, X: Array, target: Array, weights: Array | None) -> LeftOut:
        """One copy of each row left out, all of it where its weight is below 1."""
        copies = np.ones(1) if weights is None else np.minimum(weights, 1.0)
        residual, leverage = self.rows(X, target)
        if self.sigma is not None:
            leverage = np.minimum(leverage, 0.9 / copies)
        return LeftOut(residual, leverage, copies, self.noise, self.sigma)


def normal_leaving(draws: Draws, sample: Sample) -> Leaving:
    """As if the posterior of β₀ + x'β were normal and σ² inverse gamma.

    Any approximation serves the difference estimator; the closer, the smaller its error.
    """
    sigma2 = np.square(sample.sigma)
    noise, x_mean = float(sigma2.mean()), draws.problem.x_mean
    # The inverse gamma with the mean and variance of the draws of 1/σ².
    precision = 1.0 / sigma2
    shape = float(precision.mean() ** 2 / max(precision.var(), np.finfo(float).tiny))
    gamma = (shape, shape / float(precision.mean()))
    joint = np.column_stack([sample.intercept + sample.beta @ x_mean, sample.beta])
    centre = joint.mean(axis=0)
    factor = np.linalg.qr(joint - centre, mode="r").T / np.sqrt(len(joint) - 1.0)
    known = float(np.sqrt(noise))
    taken = Centred(x_mean, centre, factor, noise)
    return Leaving(taken.rows, known if draws.problem.sigma is not None else gamma, known)


@dataclass(frozen=True, eq=False)
class Centred:
    """The mean and a root of the covariance of (β₀ + x̄'β, β), and σ²."""

    x_mean: Array
    centre: Array
    factor: Array
    noise: float

    def rows(self, X: Array, target: Array) -> tuple[Array, Array]:
        """Residuals, and the variance of β₀ + x'β over σ² (m,)."""
        z = np.column_stack([np.ones(len(target)), X - self.x_mean])
        spread = z @ self.factor
        return target - z @ self.centre, np.einsum("ij,ij->i", spread, spread) / self.noise


def normal_pointwise(draws: Draws, design: Design, sample: Sample) -> Array:
    """Log p(y_i | y_-i) of every row by `normal_leaving`."""
    leaving, w = normal_leaving(draws, sample), design.frequencies
    out = np.empty(len(design.target))
    step = max(1, 2**18 // (design.p + 1))
    for start in range(0, len(out), step):
        part = slice(start, start + step)
        out[part] = leaving(design.X[part], design.target[part], w[part]).elpd
    return out


@dataclass(frozen=True, eq=False)
class Solved:
    """P = X̃'X̃ + Λ factored, and b̂ = P⁻¹X̃'ỹ: what rows need to know of all rows.

    Attributes
    ----------
    coordinates : Coordinates
    b : ndarray (p,)
    scale : ndarray (p,)
        Of the columns, 1/√P_jj.
    factor : ndarray (p, p)
        The lower Cholesky factor of scale·P·scale.
    prior : float
        b̂'Λb̂.
    """

    coordinates: Coordinates
    b: Array
    scale: Array
    factor: Array
    prior: float

    @classmethod
    def of(cls, problem: Problem, l2: Array) -> Solved:
        """From the products of the columns."""
        from scipy.linalg import cho_factor, cho_solve

        scale = 1.0 / np.sqrt(np.maximum(np.diagonal(problem.gram) + l2, np.finfo(float).tiny))
        precision = (problem.gram * scale).T * scale + np.diag(l2 * scale**2)
        factor = cho_factor(precision, lower=True)
        b = scale * cho_solve(factor, scale * problem.xy)
        return cls(problem.coordinates, b, scale, factor[0], float(b @ (l2 * b)))

    def rows(self, X: Array, target: Array) -> tuple[Array, Array]:
        """Residuals and leverages (m,) of rows X (m, P)."""
        from scipy.linalg import solve_triangular

        u, y, flat = projected(self.coordinates, X, target)
        root = solve_triangular(self.factor, (u * self.scale).T, lower=True)
        return y - u @ self.b, flat + np.einsum("ij,ij->j", root, root)


def _residuals(problem: Problem, design: Design, l2: Array, w: Array) -> tuple[Array, Array, float]:
    """Residuals at the posterior mean, leverages, and Σwe² + b̂'Λb̂."""
    if problem.p > len(design.target):
        return _in_row_space(problem, design, l2, w)
    solved = Solved.of(problem, l2)
    n = len(design.target)
    residual, leverage = np.empty(n), np.empty(n)
    step = max(1, BLOCK // max(1, len(problem.features)))
    for start in range(0, n, step):
        part = slice(start, start + step)
        residual[part], leverage[part] = solved.rows(design.X[part], design.target[part])
    return residual, leverage, float(w @ residual**2) + solved.prior


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
