r"""The evidence along λ where a loss is not one quadratic: Laplace's, and what that misses.

    log p(y | λ) = log p_L(y | λ) + log E_q w(λ),    w = p(y, β | λ)/q(β) / p_L(y | λ)

At some λ's about the maximum of Laplace's approximation p_L the mean weight of independent draws
says what it misses there, with its Monte Carlo error. That moves slowly with λ, and is carried to
all others by a parabola in log λ.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bayesreg.engines import base, importance
from bayesreg.language.arguments import Array
from bayesreg.language.errors import NotSupported

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem

NODES, DRAWS, CHAINS = 7, 500, 4  # λ's at which there are draws, and how many
DEPTH = 4.0  # nats of Laplace's evidence below its maximum, as far as the nodes go
REACH = 3.0  # of log λ, where it is flat
FINE = 241  # λ's at which the curve is shown


@dataclass(frozen=True, eq=False)
class WeighedEvidence:
    """Log p(y | λ) at λ's (L,) and its Monte Carlo error; its maximum, and the error of log λ."""

    lams: Array
    value: Array
    error: Array
    lam: float
    log_error: float


def weighed_evidence(
    at: Callable[[float], Problem], lams: Array, laplace: Array, seed: int
) -> WeighedEvidence:
    """The evidence about the maximum of Laplace's.

    Parameters
    ----------
    at : callable
        The problem at a λ: Normal priors, nothing unknown but β.
    lams, laplace : ndarray (L,)
        Increasing λ's, and log p_L(y | λ) there.
    seed : int
        Of the draws.

    Raises
    ------
    NotSupported
        If weights are too unequal at some λ, or the maximum is not between those looked at.

    References
    ----------
    Tierney & Kadane (1986), JASA 81(393), on p_L; Geweke (1989), "Bayesian inference in econometric
    models using Monte Carlo integration", Econometrica 57(6), on the mean weight and its error.
    """
    from scipy.interpolate import CubicSpline

    curve = CubicSpline(np.log(lams), laplace)
    t = _nodes(np.log(lams), laplace)
    seeds = np.random.SeedSequence([seed, 0x3E16]).generate_state(len(t)).tolist()
    found = [_at(at(float(np.exp(one))), int(which)) for one, which in zip(t, seeds, strict=True)]
    missed = np.array([value for value, _ in found]) - curve(t)
    error = np.maximum([se for _, se in found], 1e-9)
    middle = float(np.mean(t))
    powers = np.vander(t - middle, 3, increasing=True)
    cover = np.linalg.inv(powers.T @ (powers / np.square(error)[:, None]))
    shape = cover @ (powers.T @ (missed / np.square(error)))
    apart = (missed - powers @ shape) / error  # where no parabola is as near as the draws say
    cover = cover * max(1.0, float(apart @ apart) / (len(t) - powers.shape[1]))
    fine = np.linspace(t[0], t[-1], FINE)
    basis = np.vander(fine - middle, 3, increasing=True)
    value = curve(fine) + basis @ shape
    k = int(np.argmax(value))
    if not 0 < k < FINE - 1:
        raise NotSupported("no maximum between the λ's at which there are draws")
    slope = np.array([0.0, 1.0, 2.0 * (fine[k] - middle)])
    bend = float(curve(fine[k], 2)) + 2.0 * shape[2]
    log_error = float(np.sqrt(slope @ cover @ slope)) / max(-bend, 1e-300)
    from_top = basis - basis[k]
    noise = np.sqrt(np.maximum(np.einsum("li,ij,lj->l", from_top, cover, from_top), 0.0))
    return WeighedEvidence(np.exp(fine), value, noise, float(np.exp(fine[k])), log_error)


def _nodes(t: Array, laplace: Array) -> Array:
    """log λ's about the maximum, as far as Laplace's evidence is within `DEPTH` of it."""
    k = int(np.nanargmax(laplace))
    near = np.flatnonzero((laplace >= laplace[k] - DEPTH) & (np.abs(t - t[k]) <= REACH))
    if k in (0, len(t) - 1):
        raise NotSupported(
            "Laplace's evidence has its maximum at the end of the path, where no λ's lie about it"
        )
    low, high = min(near[0], k - 1), max(near[-1], k + 1)
    return np.linspace(t[low], t[high], NODES)


def _at(problem: Problem, seed: int) -> tuple[float, float]:
    """Log p(y | λ) and its error at one λ."""
    reason = importance.supports(problem)
    if reason is not None:
        raise NotSupported(f"its draws are those of engine independent, and {reason}")
    draws = base.run(importance, problem, draws=DRAWS, chains=CHAINS, seed=seed, progress=False)
    return draws.log_evidence
