r"""The joint mode of (β, log σ) for a given scale, by its profile in log σ.

With everything but t = log σ optimised out by a certified convex solve, the profile

    h(t) = J(β̂_t)/σ² + (ν + p_σ) t − log p_σ(e^t) − t,      p_σ columns scaled by σ,

is one-dimensional; by the envelope theorem its slope needs β̂_t only. For a σ-scaled Laplace prior
h is unimodal (Park & Casella 2008, §4); in unit "y" it can have two minima, so a grid comes first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from bayesreg.model import Problem

Array = NDArray[np.float64]
Solve = Callable[["Problem", Array | None], Array]
GRID = 41


def joint_mode(problem: Problem, solve: Solve) -> float:
    """σ at the mode of (β, log σ), the scale(s) given.

    Parameters
    ----------
    problem : Problem
        Every scale known, σ unknown.
    solve : callable
        ``solve(problem, start) -> b``, the penalised optimum for known σ.

    Returns
    -------
    float
        σ̂ > 0 of the best minimum found.
    """
    from scipy.optimize import brentq

    top = 0.5 * np.log(problem.yy / max(problem.nu, 1.0))
    grid = np.linspace(top - 7.0, top + 2.5, GRID)
    warm: Array | None = None
    points = []
    for t in grid[::-1]:  # from large σ, where b is near 0, downwards
        warm = solve(problem.at(sigma=float(np.exp(t))), warm)
        points.append(_profile(problem, float(t), warm))
    values, slopes = np.array(points)[::-1].T

    def slope(t: float) -> float:
        return _profile(problem, t, solve(problem.at(sigma=float(np.exp(t))), None))[1]

    roots = [
        float(brentq(slope, grid[i], grid[i + 1], xtol=1e-13, rtol=1e-14))
        for i in range(GRID - 1)
        if slopes[i] < 0 <= slopes[i + 1]
    ]
    if not roots:
        return float(np.exp(grid[np.argmin(values)]))
    best = min(
        roots,
        key=lambda t: _profile(problem, t, solve(problem.at(sigma=float(np.exp(t))), None))[0],
    )
    return float(np.exp(best))


def _profile(problem: Problem, t: float, b: Array) -> tuple[float, float]:
    """h(t) and its slope at the optimum b of σ = e^t."""
    sigma = float(np.exp(t))
    fixed = problem.at(sigma=sigma)
    rss = residual_sum(problem, b)
    l1, l2 = fixed.l1, fixed.l2
    assert l1 is not None
    assert l2 is not None
    first, second = l1 * np.abs(b) / sigma**2, 0.5 * l2 * b * b / sigma**2
    scaled = np.zeros(problem.p, dtype=bool)
    for block in problem.blocks:
        scaled[block.columns] = block.prior.unit == "sigma"
    count = problem.nu + scaled.sum()
    value = 0.5 * rss / sigma**2 + first.sum() + second.sum() + count * t
    slope = -rss / sigma**2 - first[scaled].sum() - 2.0 * second[scaled].sum() + count
    prior = problem.sigma_prior
    assert prior is not None
    step = 1e-5
    up, down = (float(prior.log_density(np.exp(t + d))) + t + d for d in (step, -step))
    middle = float(prior.log_density(sigma)) + t
    return value - middle, slope - (up - down) / (2 * step)


def residual_sum(problem: Problem, b: Array) -> float:
    """‖ỹ − X̃b‖² without cancellation: from the root's rows, or about the least-squares point."""
    if problem.root is not None:
        r = problem.root[:, -1] - problem.root[:, :-1] @ b
        return float(r @ r)
    if problem.p == 0:
        return problem.yy
    step = b - np.linalg.solve(problem.gram, problem.xy)
    return float(problem.rss0 + step @ problem.gram @ step)
