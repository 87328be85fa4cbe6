r"""Least absolute deviations with any penalty: the optimum under Laplace noise.

    J = Σ w_i|y_i − η_i| + penalty,    η = offset + Fγ + Z(b + loc)

With λ₁|b| + ½λ₂b² by column or norms of groups J is convex, and its minimum is known to the last
digit by :mod:`bayesreg.model.least_absolute`. Another penalty is touched by one of these again and
again, from several starts, with Newton steps on the rows that are met and the coefficients that are
not 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from bayesreg.language.arguments import Array
from bayesreg.model.least_absolute import Deviations, Mask, Subgradient, minimise, on_face
from bayesreg.model.unit_data import HUGE
from bayesreg.priors import Majorised
from bayesreg.solvers.base import Solution
from bayesreg.solvers.objective import penalty_slope, penalty_value
from bayesreg.solvers.several import Optima

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem

STEPS = 200  # of majorisation from one start: a bound, not a tolerance
PERTURBED = 6  # random starts
HELD = 1e12  # of the sum of costs: λ₁ that nothing moves against


def solve(problem: Problem, *, start: Array | None = None, seed: int = 0) -> Solution:
    r"""Minimise J under a likelihood of absolute deviations.

    Parameters
    ----------
    problem : Problem
        With the penalty known.
    start : ndarray (p,), optional
        One more start where the penalty is not convex; elsewhere none is needed.
    seed : int, default 0
        Of the random starts.

    Returns
    -------
    Solution
        Coefficients are 0, and rows met, exactly wherever they are so at the optimum.

    References
    ----------
    Andersen, Christiansen, Conn & Overton (2000), SIAM J. Sci. Comput. 22(1); Koenker (2005),
    *Quantile Regression*, ch. 6, on interior points for sums of absolute deviations.

    Examples
    --------
    >>> import bayesreg as br
    >>> from bayesreg.solvers import interior_point
    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [0.0, 1.0, 2.0, 30.0]
    >>> problem = br.Model(br.Laplace(1.0), br.LaplaceNoise(sigma=0.5)).condition(X, y)
    >>> interior_point.solve(problem).b.round(9)
    array([1.])
    """
    k = problem.loss.free.shape[1]
    if problem.penalty.linear_quadratic or problem.penalty.in_groups:
        l1, l2 = np.broadcast_to(problem.penalty.l1, problem.p), problem.penalty.l2
        x, steps = minimise(deviations(problem, l1, np.broadcast_to(l2, problem.p)))
        return Solution(x[k:], "interior_point", steps, f"{steps} steps of an interior point")
    found, total, tried = Optima(), 0, 0
    for first in _starts(problem, start, found, np.random.default_rng(seed)):
        x, steps = _descend(problem, first)
        total, tried = total + steps, tried + 1
        if is_stationary(problem, x):
            found.add(problem.loss.at(x[k:]).value + float(penalty_value(problem, x[k:])), x[k:])
    b = found.best if found.seen else x[k:]
    how = f"{total} interior points from {tried} starts"
    return Solution(b, "interior_point", total, how, seen=found.seen)


def deviations(problem: Problem, l1: Array, l2: Array) -> Deviations:
    """J in (γ, b) under λ₁ and λ₂ (p,), norms of groups where the prior has them."""
    loss, k = problem.loss, problem.loss.free.shape[1]
    group = np.arange(k + problem.p)
    if problem.penalty.in_groups:
        for number, block in enumerate(problem.blocks):
            first = k + problem.p * (1 + number)
            group[k + block.columns] = first + np.asarray(block.group)
    group = np.unique(group, return_inverse=True)[1]
    none = np.zeros(k)
    whole = np.concatenate([none, l1]), np.concatenate([none, l2])
    return Deviations(loss.columns, loss.target, loss.weights, *whole, group)


def subgradient(problem: Problem, x: Array, met: Mask | None = None) -> Subgradient:
    """The subgradient of J nearest to 0 at x = (γ, b), under any penalty."""
    slope, kink = _slopes(problem, x)
    none = np.zeros(problem.p)
    own = deviations(problem, none, none)
    return Subgradient.of(own, x, met=met, slope=slope, kink=kink)


def is_stationary(problem: Problem, x: Array) -> bool:
    """Whether 0 is a subgradient at x, to rounding."""
    none = np.zeros(problem.p)
    rest = subgradient(problem, x).rest
    return deviations(problem, none, none).at_rest(rest)


def degrees(problem: Problem, b: Array) -> float:
    """Effective degrees of freedom of b: rows that are met, less those that γ meets anyway.

    Li & Zhu (2008), "L1-norm quantile regression", JCGS 17(1), §4.
    """
    at, none = problem.loss.at(b), np.zeros(problem.p)
    own = deviations(problem, none, none)
    met = own.rows[own.met(np.concatenate([at.free, at.b]))]
    moving = np.concatenate([np.ones(len(at.free), dtype=bool), at.b != 0.0])
    rank = int(np.linalg.matrix_rank(met[:, moving])) if met.size else 0
    return float(max(rank - len(at.free), 0))


def bend_of(problem: Problem, b: Array) -> Array:
    """P″ (p,) at coefficients that are not 0, and at 0 without a kink; ∞ beyond float64."""
    out, root = np.zeros(problem.p), problem.penalty.root or 1.0
    for block in problem.blocks:
        assert isinstance(block.prior, Majorised)
        scale = problem.effective_scale(block, problem.sigma or 1.0)
        with np.errstate(all="ignore"):
            out[block.columns] = block.prior.bend(b[block.columns], root, scale)
    return np.nan_to_num(out, nan=0.0, posinf=HUGE, neginf=-HUGE)


def _slopes(problem: Problem, x: Array) -> tuple[Array, Array]:
    """The penalty's gradient at x, and how far its kinks reach where x is 0."""
    k, groups = problem.loss.free.shape[1], problem.penalty.in_groups
    with np.errstate(all="ignore"):
        slope = np.concatenate([np.zeros(k), penalty_slope(problem, x[k:])])
        zero = problem.penalty.l1 if groups else penalty_slope(problem, np.zeros(problem.p))
        kink = np.concatenate([np.zeros(k), np.broadcast_to(zero, problem.p)])
    return np.where(x != 0.0, slope, 0.0), kink


def _majoriser(problem: Problem, b: Array) -> tuple[Array, Array]:
    """λ₁ and λ₂ (p,) of what touches the penalty at b."""
    l1, l2 = np.zeros(problem.p), np.zeros(problem.p)
    root = problem.penalty.root or 1.0
    for block in problem.blocks:
        prior, at = block.prior, block.columns
        assert isinstance(prior, Majorised)
        scale = problem.effective_scale(block, problem.sigma or 1.0)
        with np.errstate(all="ignore"):
            l1[at], l2[at] = prior.majoriser(b[at], root, scale)
    return l1, l2


def _descend(problem: Problem, start: Array) -> tuple[Array, int]:
    """A local minimum x = (γ, b), and how many convex problems led there."""
    k = problem.loss.free.shape[1]
    b, x, steps = start, np.zeros(k + problem.p), 0
    while steps < STEPS:
        steps += 1
        new = _touched(problem, *_majoriser(problem, b))
        moved = float(np.max(np.abs(new - x), initial=0.0))
        x = _polished(problem, new)
        if is_stationary(problem, x) or moved <= 1e-13 * float(np.max(np.abs(x), initial=0.0)):
            break
        x, b = new, new[k:]
    return x, steps


def _touched(problem: Problem, l1: Array, l2: Array) -> Array:
    """The minimum x = (γ, b) under λ₁|b| + ½λ₂b²; coefficients that it holds at 0 are left out."""
    whole, k = deviations(problem, l1, l2), problem.loss.free.shape[1]
    limit = HELD * float(problem.loss.weights.sum())
    size = np.abs(problem.loss.proper).max(axis=0, initial=0.0)
    held = (l1 > limit * np.maximum(size, 1e-300)) | (l2 >= HUGE)
    kept = np.concatenate([np.arange(k), k + np.flatnonzero(~held)])
    part = Deviations(
        whole.rows[:, kept],
        whole.target,
        whole.cost,
        whole.l1[kept],
        whole.l2[kept],
        np.arange(len(kept)),
    )
    x = np.zeros(k + problem.p)
    x[kept], _ = minimise(part)
    return x


def _polished(problem: Problem, x: Array) -> Array:
    """x after Newton's method under the penalty itself, on the rows and zeros that x has."""
    k, none = problem.loss.free.shape[1], np.zeros(problem.p)
    own = deviations(problem, none, none)

    def slope(at: Array) -> Array:
        return np.concatenate([np.zeros(k), penalty_slope(problem, at[k:])])

    def bend(at: Array) -> Array:
        return np.diag(np.concatenate([np.zeros(k), bend_of(problem, at[k:])]))

    zero = (x == 0.0) & (np.arange(len(x)) >= k)
    new = on_face(own, x, own.met(x), zero, slope, bend)
    signs = np.array_equal(np.sign(new[k:]), np.sign(x[k:])) and np.all(np.isfinite(new))
    return new if signs else x


def _starts(
    problem: Problem, start: Array | None, found: Optima, rng: np.random.Generator
) -> Iterator[Array]:
    """What was asked for; no penalty but a trace of ridge; that at one scale; 0; perturbations."""
    k = problem.loss.free.shape[1]
    if start is not None:
        yield np.asarray(start, dtype=float)
    none = np.zeros(problem.p)
    curve = problem.loss.weights @ np.square(problem.loss.proper)
    yield _touched(problem, none, 1e-3 * curve / max(problem.loss.start.value, 1e-300))[k:]
    scale = np.ones(problem.p)
    for block in problem.blocks:
        scale[block.columns] = problem.effective_scale(block, problem.sigma or 1.0)
    yield _touched(problem, penalty_slope(problem, scale), none)[k:]
    yield none
    for _ in range(PERTURBED if found.seen else 0):
        yield found.perturbed(rng)
