r"""A joint mode of (β, log σ) under penalties of any shape: β and σ in turn, each downhill.

Minus the log density is F(b, t) = ½e^(−2t)‖ỹ − X̃b‖² + Σρ_j(b_j; t) + mt − log p(log σ = t), with
t = log σ, ρ_j = −log p(b_j) without its log scale, and m = ν + the columns in units of σ. It is not
convex, so the best of several starts is returned with how many modes they led to.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayesreg.language.arguments import Array
from bayesreg.language.errors import NotSupported
from bayesreg.model.problem import Problem
from bayesreg.priors import Majorised
from bayesreg.solvers import group_descent, reweighting

STEPS = 1000
DEEPEST = 25.0  # nats below log sd(y) where σ → 0 is meant


@dataclass(frozen=True, eq=False)
class JointOptimum:
    """A joint mode: σ, b, and how many distinct modes were seen."""

    sigma: float
    b: Array
    modes: int


def alternate(problem: Problem, seed: int) -> JointOptimum:
    """The lowest F that alternation reaches from several starts in σ.

    Parameters
    ----------
    problem : Problem
        Every scale known, σ unknown.
    seed : int
        Of the starts in b.

    Returns
    -------
    JointOptimum
        σ to about 1e-8, where F is flat to rounding.

    Raises
    ------
    NotSupported
        If F falls without bound as σ → 0.
    """
    energy = _Energy.of(problem)
    found: list[tuple[float, float, Array]] = []
    for start in energy.top - np.array([0.0, 0.7, 2.0]):
        value, t, b = _settle(energy, float(start), seed)
        if all(abs(t - other) > 1e-5 for _, other, _ in found):
            found.append((value, t, b))
    _, t, b = min(found, key=lambda mode: mode[0])
    return JointOptimum(float(np.exp(t)), b, len(found))


@dataclass(frozen=True, eq=False)
class _Energy:
    """F of a problem."""

    problem: Problem
    count: float
    top: float

    @classmethod
    def of(cls, problem: Problem) -> _Energy:
        scaled = sum(len(b.columns) for b in problem.blocks if b.prior.unit == "sigma")
        top = 0.5 * np.log(max(problem.yy, 1e-300) / max(problem.nu, 1.0))
        return cls(problem, problem.nu + scaled, float(top))

    def at(self, t: float) -> Problem:
        """The problem with σ = e^t."""
        return self.problem.at(sigma=float(np.exp(t)))

    def best(self, t: float, start: Array | None, seed: int) -> Array:
        """The lowest b that is found at σ = e^t."""
        fixed = self.at(t)
        if fixed.penalty.in_groups:
            return group_descent.solve(fixed, start=start).b
        return reweighting.solve(fixed, start=start, seed=seed).b

    def near(self, t: float, b: Array) -> Array:
        """The optimum at σ = e^t that is downhill from b."""
        fixed = self.at(t)
        if fixed.penalty.in_groups:  # convex
            return group_descent.solve(fixed, start=b).b
        return reweighting.local(fixed, b)

    def rss(self, b: Array) -> float:
        """‖ỹ − X̃b‖²."""
        return float(self.problem.quadratic.residual_square(b))

    def value(self, b: Array, rss: float, t: float) -> float:
        """F."""
        sigma, total = float(np.exp(t)), 0.0
        for block in self.problem.blocks:
            assert isinstance(block.prior, Majorised)
            scale, u = self.problem.effective_scale(block, sigma), b[block.columns]
            cost = block.prior.cost(u, sigma, scale)
            if block.grouped:  # λ₁ by column within one norm
                cost = np.sqrt(np.bincount(block.group, np.square(cost)))
            total += float(np.sum(cost))
        prior = self.problem.sigma_prior
        assert prior is not None
        fit = (0.5 * rss + total) / sigma**2
        return fit + self.count * t - float(prior.log_density_of_log(t))


def _settle(energy: _Energy, t: float, seed: int) -> tuple[float, float, Array]:
    """Alternate from the best b at σ = e^t until neither moves; again from the best b there."""
    t, b, value = _descend(energy, t, energy.best(t, None, seed))
    for _ in range(5):  # F falls in each, through a b in another valley
        t, b, after = _descend(energy, t, energy.best(t, b, seed))
        if not after < value - 1e-9 * abs(value):
            break
        value = after
    return value, t, b


def _descend(energy: _Energy, t: float, b: Array) -> tuple[float, Array, float]:
    """Steps in σ and in b, with Aitken's extrapolation of log σ where it lowers F."""
    steps: list[float] = []
    for _ in range(STEPS):
        new = _best_sigma(energy, b, t)
        if new < energy.top - DEEPEST:
            raise NotSupported(
                "the joint mode does not exist: the density of (β, log σ) is unbounded as σ → 0, "
                "because the columns interpolate y; give σ, or use hyper='cv'"
            )
        steps.append(new - t)
        if len(steps) > 1 and steps[-2] != 0.0:
            ratio = steps[-1] / steps[-2]
            if 0.0 < ratio < 0.999:
                new += steps[-1] * ratio / (1.0 - ratio)
                steps.clear()
        before, t = t, new
        b = energy.near(t, b)
        if abs(t - before) <= 1e-9:
            break
    return t, b, energy.value(b, energy.rss(b), t)


def _best_sigma(energy: _Energy, b: Array, t: float) -> float:
    """The minimum of F over log σ near t, by Brent's method, b held."""
    from scipy.optimize import minimize_scalar

    rss = energy.rss(b)
    middle = 0.5 * np.log(max(rss, 1e-300) / max(energy.count, 1.0))
    low, high = min(t, middle) - 1.0, max(t, middle) + 1.0
    found = minimize_scalar(
        lambda x: energy.value(b, rss, x),
        bounds=(low, high),
        method="bounded",
        options={"xatol": 1e-12},
    )
    return float(found.x)
