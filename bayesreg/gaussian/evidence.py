"""The evidence of Normal priors: its maximum, and its curve over λ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bayesreg.gaussian.spectrum import Spectrum, layout
from bayesreg.language.arguments import Array
from bayesreg.language.errors import NotSupported
from bayesreg.priors import Normal
from bayesreg.solvers.path import check_lams, one_block, penalised

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem

GRID = 101  # points in log λ that bracket every local maximum before it is refined
FARTHEST = 690.0  # log λ, whose exponential and its products with sums of squares are numbers


@dataclass(frozen=True)
class Evidence:
    """The hyperparameters of maximal evidence.

    Attributes
    ----------
    sigma : float
        σ̂, or its known value.
    scale : float or None
        The unknown scale in its declared unit; 0 at `at_zero`; None where it was given.
    log_evidence : float
        log p(y | σ̂, scale) up to a constant that does not depend on them.
    at_zero : bool
        Whether the supremum is at scale = 0.
    """

    sigma: float
    scale: float | None
    log_evidence: float
    at_zero: bool


def maximise_evidence(problem: Problem) -> Evidence:
    r"""Maximise p(y | σ, scale) under Normal priors, β₀, β and Flat columns integrated out.

    With eigenvalues d_i and one factor λ, S(λ) = ‖ỹ − Xb̂_λ‖² + λ‖b̂_λ‖² and t = log λ:

    .. math:: \ell = -\tfrac12 \sum \log(1 + d_i/\lambda) - \nu \log\sigma - S(\lambda)/2\sigma^2

    An unknown σ is profiled out (σ̂² = S/ν) unless a scale in the unit of y ties λ to it. Every sign
    change of dℓ/dt on a grid is refined by Brent's method, and the limit scale → 0 is compared.

    Parameters
    ----------
    problem : Problem
        Normal priors (and Flat), at most one unknown scale. Hyperpriors are ignored.

    Returns
    -------
    Evidence

    Raises
    ------
    NotSupported
        If the priors have no closed evidence.

    References
    ----------
    MacKay (1992), "Bayesian interpolation", Neural Computation 4(3), eqs. 2.11 and 4.10,
    https://doi.org/10.1162/neco.1992.4.3.415.

    Examples
    --------
    >>> import bayesreg as br
    >>> data = br.load_dataset("diabetes")
    >>> problem = br.Model().condition(data.X, data.y, standardize=True)
    >>> round(maximise_evidence(problem).sigma, 4)
    54.2142
    """
    columns = layout(problem)
    if isinstance(columns, str):
        raise NotSupported(f"no closed evidence: {columns}; use hyper='cv', or hyper=post")
    spectrum = Spectrum.of(problem.quadratic.rows, columns)
    if problem.sigma is None:
        _refuse_unknown_sigma(spectrum)
    if not len(columns.free):  # everything is in units of σ: only σ is left
        sigma = problem.sigma or float(np.sqrt(spectrum.rss / spectrum.nu))
        return Evidence(sigma, None, -spectrum.nu * np.log(sigma), at_zero=False)
    curve = _Curve(spectrum, problem.sigma, tied=columns.block is None)
    t, value, edge = _best(curve)
    limit = curve.at_zero()
    if columns.block is not None and limit >= value:
        return Evidence(curve.sigma_at(np.inf), 0.0, limit, at_zero=True)
    if edge and problem.sigma is None:
        raise NotSupported(
            "the evidence has no maximum: it grows without bound as σ → 0, because the columns can "
            "interpolate y; give σ, or use hyper='cv'"
        )
    lam = float(np.exp(t))
    sigma = curve.sigma_at(lam)
    if columns.block is None:
        return Evidence(sigma, None, value, at_zero=False)
    unit = sigma if columns.block.prior.unit == "y" else 1.0
    return Evidence(sigma, float(unit / np.sqrt(lam)), value, at_zero=False)


def _refuse_unknown_sigma(spectrum: Spectrum) -> None:
    """Raise where nothing is left from which σ could be told."""
    if spectrum.nu <= 0:
        raise NotSupported(
            "no row is left from which the evidence could tell σ (ν = 0: the intercept and Flat "
            "columns took them all); give σ"
        )
    if spectrum.rss + float(np.sum(np.square(spectrum.g))) == 0.0:
        raise NotSupported(
            "y does not vary about its intercept and Flat columns, so the evidence grows without "
            "bound as σ → 0; give σ"
        )


@dataclass(frozen=True, eq=False)
class _Curve:
    """ℓ as a function of t = log λ; `tied` where λ is σ² itself."""

    spectrum: Spectrum
    sigma: float | None
    tied: bool

    def value(self, t: Array) -> Array:
        """ℓ(t), with σ known, tied to λ or profiled out."""
        lam = np.exp(t)
        s = self.spectrum.penalised_rss(lam)
        base = self.spectrum.log_pinned - 0.5 * self.spectrum.log_det(lam)
        nu = self.spectrum.nu
        with np.errstate(divide="ignore"):
            if self.tied:
                return np.asarray(base - 0.5 * nu * t - 0.5 * s / lam)
            if self.sigma is not None:
                return np.asarray(base - nu * np.log(self.sigma) - 0.5 * s / self.sigma**2)
            return np.asarray(base - 0.5 * nu * np.log(s / nu) - 0.5 * nu)

    def slope(self, t: Array) -> Array:
        """dℓ/dt; γ = Σ d/(d + λ) is the effective number of coefficients."""
        lam = np.exp(t)
        share = self.spectrum.d / (self.spectrum.d + lam[..., None])
        gamma, ds = share.sum(-1), (share * (1.0 - share)) @ np.square(self.spectrum.g)
        s, nu = self.spectrum.penalised_rss(lam), self.spectrum.nu
        if self.tied:
            return np.asarray(0.5 * gamma - 0.5 * nu - 0.5 * (ds - s) / lam)
        scale = s / nu if self.sigma is None else self.sigma**2
        return np.asarray(0.5 * gamma - 0.5 * ds / scale)

    def at_zero(self) -> float:
        """The limit of ℓ as scale → 0, where β = 0."""
        s = self.spectrum.rss + float(np.sum(np.square(self.spectrum.g)))
        nu = self.spectrum.nu
        if self.sigma is not None:
            rest = -nu * np.log(self.sigma) - 0.5 * s / self.sigma**2
        else:
            rest = -0.5 * nu * np.log(s / nu) - 0.5 * nu
        return float(self.spectrum.log_pinned + rest)

    def sigma_at(self, lam: float) -> float:
        """σ̂ given λ."""
        if self.sigma is not None:
            return self.sigma
        if self.tied:
            return float(np.sqrt(lam))
        if np.isinf(lam):
            s = self.spectrum.rss + float(np.sum(np.square(self.spectrum.g)))
        else:
            s = float(self.spectrum.penalised_rss(np.array(lam)))
        return float(np.sqrt(s / self.spectrum.nu))


def _best(curve: _Curve) -> tuple[float, float, bool]:
    """The highest of all local maxima in t, refined to rounding; whether it is the left edge."""
    from scipy.optimize import brentq

    size = np.square(curve.spectrum.v) @ curve.spectrum.d  # squared norms of the columns
    size = np.log(size[size > 0.0]) if np.any(size > 0.0) else np.zeros(1)
    low, high = size.min() - 40.0, size.max() + 40.0
    if curve.tied:  # λ = σ² cannot exceed what all of ỹ leaves, nor undercut the residual
        s = curve.spectrum.rss + float(np.sum(np.square(curve.spectrum.g)))
        low, high = np.log(s / curve.spectrum.nu) - 60.0, np.log(s / curve.spectrum.nu) + 2.0
    low, high = np.clip([low, high], [max(0.0, size.max()) - FARTHEST] * 2, FARTHEST)
    grid = np.linspace(low, high, GRID + int(high - low))
    slopes = curve.slope(grid)
    found = [
        float(brentq(lambda t: float(curve.slope(np.array(t))), a, b, xtol=1e-13, rtol=1e-14))
        for a, b, up, down in zip(grid, grid[1:], slopes, slopes[1:], strict=False)
        if up > 0 >= down
    ]
    points = np.array([low, *found])
    values = curve.value(points)
    best = int(np.argmax(values))
    rounding = 1e-10 * (1.0 + abs(values[best]))  # ℓ may be flat towards the left edge
    return float(points[best]), float(values[best]), bool(values[0] >= values[best] - rounding)


def log_evidence(problem: Problem, lams: Array, sigma: float | None = None) -> Array:
    r"""log p(y | λ) of a Normal prior at each λ.

    .. math:: \ell(\lambda) = -\tfrac12 \sum_i \log(1 + d_i/\lambda) - \nu \log\sigma
              - S(\lambda)/2\sigma^2

    up to the constant of :class:`Evidence`. An unknown σ is profiled out: σ̂² = S(λ)/ν.

    Parameters
    ----------
    problem : Problem
        One Normal prior (and Flat); its own scale is ignored.
    lams : ndarray (L,)
        λ₂ of J, in any order.
    sigma : float, optional
        Instead of the problem's σ, or of profiling where that is unknown.

    Returns
    -------
    ndarray (L,)

    Raises
    ------
    NotSupported
        If the prior is not one Normal.

    References
    ----------
    MacKay (1992), "Bayesian interpolation", Neural Computation 4(3), eq. 4.10,
    https://doi.org/10.1162/neco.1992.4.3.415.

    Examples
    --------
    >>> import bayesreg as br
    >>> problem = br.Model(br.Normal()).condition([[1.0], [2.0], [4.0]], [1.0, 2.0, 2.0])
    >>> log_evidence(problem, [0.1, 10.0]).round(3)
    array([-1.014,  0.108])
    """
    spectrum = free_spectrum(problem)
    known = problem.sigma if sigma is None else sigma
    return _Curve(spectrum, known, tied=False).value(np.log(check_lams(lams)))


def free_spectrum(problem: Problem) -> Spectrum:
    """The eigenbasis of a problem with one Normal prior whose scale is taken as unknown."""
    need_normal(problem)
    columns = layout(problem.given(scale=Normal().hyper))
    assert not isinstance(columns, str)
    return Spectrum.of(problem.quadratic.rows, columns)


def need_normal(problem: Problem) -> None:
    """Refuse what is not one Normal prior: no other has these closed forms along λ."""
    prior = one_block(problem).prior
    if not prior.conjugate:
        raise NotSupported(
            f"{type(prior).__name__} has no closed leave-one-out, GCV or evidence; only one Normal "
            "prior has: use cross-validation or information criteria"
        )


def reference_sigma(problem: Problem) -> float:
    """The known σ; if unknown, 1 where λ alone fixes the penalty, else σ at the ridge evidence.

    Only the elastic net's ratio of λ₂ to λ₁² depends on σ.
    """
    if problem.sigma is not None:
        return problem.sigma
    if not penalised(problem).mixed:
        return 1.0
    return maximise_evidence(as_ridge(problem)).sigma


def as_ridge(problem: Problem) -> Problem:
    """The problem with one Normal prior in place of its own, the scale unknown."""
    return problem.given(prior=Normal(loc=one_block(problem).prior.loc))
