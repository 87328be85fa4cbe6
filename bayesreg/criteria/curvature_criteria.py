r"""What the curvature at the optima of a path says: leave-one-out, and Laplace's evidence.

With M = [F, Z_A] the free columns and those that are not zero, u and h the first and second
derivatives of −log p(y_i | η_i) in η, and H = M'whM + Λ₂,

    η_i without the row = η_i + a_i u_i/(1 − a_i h_i),  a_i = m_i'H⁻¹m_i        (to first order)
    log p(y | λ) ≈ log L(b̂) + log p(b̂ | λ) + ½(p + k)·log 2π − ½ log |H|        (for Normal priors)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import solve_triangular

from bayesreg.language.arguments import Array
from bayesreg.solvers.damped_newton import row_space

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem


@dataclass(frozen=True, eq=False)
class CurvatureCriteria:
    """Criteria of each optimum; arrays (L,) in the order of the λ's.

    Attributes
    ----------
    loo : ndarray (L,)
        Mean of −2 log p(y_i | the other rows), a row that counts w times being one of w that is
        left out; a row of trials is left out as a whole. NaN where a row determines itself. For the
        lasso it jumps where columns enter.
    log_evidence : ndarray (L,) or None
        By Laplace's approximation, β₀ and Flat coefficients integrated over too; None unless all
        columns have a Normal prior.
    """

    loo: Array
    log_evidence: Array | None


def curvature_criteria(problem: Problem, l1: Array, l2: Array, b: Array) -> CurvatureCriteria:
    """Criteria of the optima b (L, p) under penalties (L, p), of a likelihood with a curvature.

    Parameters
    ----------
    problem : Problem
        On rows, one penalised prior.
    l1, l2, b : ndarray (L, p)

    References
    ----------
    Rad & Maleki (2020), "A scalable estimate of the out-of-sample prediction error via approximate
    leave-one-out cross-validation", JRSS B 82(4), https://doi.org/10.1111/rssb.12374; Tierney &
    Kadane (1986), "Accurate approximations for posterior moments and marginal densities", JASA
    81(393).

    Examples
    --------
    >>> import numpy as np
    >>> import bayesreg as br
    >>> X, y = np.linspace(-1.0, 1.0, 20)[:, None], [0, 1] * 3 + [0, 0, 1, 1] + [1, 0] + [1] * 8
    >>> path = br.path(br.Model(br.Normal(), br.Bernoulli()).condition(X, y), [0.1, 1.0, 10.0])
    >>> found = curvature_criteria(path.problem, *path.ray.penalties(path.lam), path.b)
    >>> found.loo.round(2), found.log_evidence.round(2)
    (array([1.12, 1.13, 1.27]), array([-10.3 , -10.75, -11.73]))
    """
    loss = problem.loss
    ridge = not np.any(l1)
    if ridge and b.shape[1] > len(loss.y):
        loss, basis, size = row_space(loss, l2)
        b, l2 = (b * size) @ basis, np.min(l2, axis=1, keepdims=True) * np.ones(basis.shape[1])
    eta, _, h = loss.settled(b)
    slope, bend = loss.likelihood.derivatives(loss.y, eta, loss.theta)
    loo, evidence = np.full(len(b), np.nan), np.full(len(b), np.nan)
    k = loss.free.shape[1]
    for i, one in enumerate(b):
        active = np.flatnonzero(one) if not ridge else np.arange(len(one))
        rows = np.hstack([loss.free, loss.proper[:, active]])
        system = rows.T @ (h[i][:, None] * rows)
        system.flat[:: len(system) + 1] += np.concatenate([np.zeros(k), l2[i, active]])
        unit = 1.0 / np.sqrt(np.maximum(system.diagonal(), np.finfo(float).tiny))
        try:
            factor = np.linalg.cholesky(system * unit * unit[:, None])
        except np.linalg.LinAlgError:
            continue  # active columns are collinear
        turned = solve_triangular(factor, (rows * unit).T, lower=True, check_finite=False)
        a = np.einsum("ij,ij->j", turned, turned)
        left = 1.0 - a * bend[i]
        with np.errstate(divide="ignore", invalid="ignore"):
            moved = np.where(left > 0.0, eta[i] + a * slope[i] / left, np.nan)
        density = loss.likelihood.log_density(loss.y, moved, loss.theta)
        loo[i] = -2.0 * np.average(density, weights=loss.weights)
        if ridge:
            at = loss.likelihood.log_density(loss.y, eta[i], loss.theta) @ loss.weights
            half = np.sum(np.log(np.diagonal(factor))) - np.sum(np.log(unit))
            prior = 0.5 * np.sum(np.log(l2[i]) - l2[i] * one * one)
            evidence[i] = at + prior + 0.5 * k * np.log(2.0 * np.pi) - half
    return CurvatureCriteria(loo, evidence if ridge else None)
