r"""The point about which engines expand a likelihood that is not one quadratic.

The mode of (γ, b) under b_j ~ N(0, v_j), γ = (β₀ at the mean, Flat columns), with each unknown
scale at its type-II estimate in the Laplace approximation (MacKay 1992, Neural Computation 4(3)),

    s² ← (Σ b̂² + tr (H + V⁻¹)⁻¹_bb)/p,

and the likelihood's own unknowns at their mode beside it. It must be type-II: about the mode under
a scale that is far off, a quadratic says little of the likelihood where the posterior is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.linalg import cho_factor, cho_solve, solve_triangular

from bayesreg.engines.starts import profile
from bayesreg.language.arguments import Array
from bayesreg.model.loss import Loss

if TYPE_CHECKING:
    from bayesreg.likelihoods.base import Theta
    from bayesreg.model.problem import Problem

ROUNDS = 20  # of scales and own unknowns; their estimates only say where to expand
STEPS = 40  # of Newton's method in a round
CLOSE = 1e-5  # of a step in η, and of a change of a logarithm, that ends them
SPAN = np.log([1e-2, 1e4])  # of a shape or df that is looked for, and of σ ÷ sd(y)
STEEPEST = 1e4  # of a weight beside the median, where a loss has kinks
FARTHEST = 2.0  # of log σ below that of the constant fit
STEP = 1e-3  # of a difference in the logarithm of an own unknown
LEAST_BEND = 0.25  # curvature in such a logarithm: what has less is taken to have an sd of 2
EASE = 1e-6  # of a curvature, for what has no prior where columns are more than rows
SMALLEST = 1e-8  # of a curvature, beside the largest in units of the diagonal


@dataclass(frozen=True, eq=False)
class Reference:
    """Where a likelihood is expanded, and its second-order expansion there.

    Attributes
    ----------
    problem : Problem
        With the likelihood's own unknowns at `own`.
    names : tuple of str
        The unknown ones.
    at : ndarray (k + p + q,)
        γ, b and the logarithms of the q unknown ones.
    sd : ndarray (p,)
        Prior sds of b there.
    slope, bend : ndarray (m,), (m, m)
        −∂ and −∂² of log L and the log prior of the own unknowns' logarithms; `bend` is positive
        semidefinite.
    """

    problem: Problem
    names: tuple[str, ...]
    at: Array
    sd: Array
    slope: Array
    bend: Array

    @property
    def free(self) -> int:
        """How many columns are not penalised, the intercept among them."""
        return int(self.problem.loss.free.shape[1])

    @cached_property
    def precision(self) -> Array:
        """Of γ, b and the logarithms, b under its normal prior."""
        made, place = self.bend.copy(), self.free + np.arange(len(self.sd))
        made[place, place] += self.sd**-2.0
        return made

    @cached_property
    def information(self) -> Array:
        """Curvature of −log L along each b (p,), γ at its best: what κ is measured by."""
        k, p = self.free, len(self.sd)
        along, bend = self.bend[:k, k : k + p], self.bend[:k, :k]
        fitted = np.linalg.lstsq(bend, along, rcond=None)[0] if k else along
        own = np.diagonal(self.bend)[k : k + p] - np.einsum("ij,ij->j", along, fitted)
        return np.asarray(np.maximum(own, 0.0))


def reference(problem: Problem) -> Reference:
    """Iterate until scales and own unknowns settle."""
    search = _Search(problem)
    for _ in range(ROUNDS):
        before = np.concatenate([search.log_scale, list(search.log_own.values())])
        search.newton()
        search.scales()
        search.own_unknowns()
        after = np.concatenate([search.log_scale, list(search.log_own.values())])
        if np.all(np.abs(after - before) < 1e-2):
            break
    search.newton()
    return search.found()


class _Search:
    """Where it is: γ and b, the log scale of each block, the log of each unknown of its own."""

    def __init__(self, problem: Problem) -> None:
        self.problem, self.rough = problem, rough_own(problem)
        self.log_own = dict(self.rough)
        self.df = 0.0  # tr H(H + V⁻¹)⁻¹
        self.settle()
        rows = self.settled.at_zero.quadratic.rows
        ratio, _ = profile(rows, 1.0)
        # The touching quadratic is that of φ·(−log L); its σ is √φ.
        self.log_scale = np.full(len(problem.blocks), ratio + 0.5 * np.log(self.phi))
        self.x = np.hstack([self.loss.free, self.loss.proper])
        self.fixed = self.loss.given(np.zeros(problem.p))
        start = self.loss.start
        self.u = np.concatenate([start.free, np.zeros(problem.p)])

    def settle(self) -> None:
        """The loss with the own unknowns where they are."""
        own: dict[str, Any] = {name: float(np.exp(x)) for name, x in self.log_own.items()}
        self.settled = self.problem.at(**own) if own else self.problem
        self.loss: Loss = self.settled.loss
        self.phi = float(self.loss.likelihood.dispersion(self.loss.theta))

    @property
    def sd(self) -> Array:
        """Prior sds of b: known scales where the law of b given them is normal."""
        sigma, out = self.settled.sigma or 1.0, np.empty(self.problem.p)
        for block, log_scale in zip(self.problem.blocks, self.log_scale, strict=True):
            if block.scale is not None and block.prior.conjugate:
                out[block.columns] = self.problem.effective_scale(block, sigma, block.scale)
            else:
                out[block.columns] = np.exp(log_scale) * block.relative
        return np.maximum(out, 1e-100)

    def eta(self, u: Array) -> Array:
        return np.asarray(self.fixed + self.x @ u)

    def value(self, u: Array) -> float:
        """−log L and −log prior of b."""
        loss, b = self.loss, u[len(u) - self.problem.p :]
        density = loss.likelihood.log_density(loss.y, self.eta(u), loss.theta)
        return float(0.5 * np.square(b / self.sd).sum() - loss.weights @ density)

    def newton(self) -> None:
        """The mode of (γ, b) at these scales."""
        k, sd = len(self.u) - self.problem.p, self.sd
        ridge = np.concatenate([np.zeros(k), sd**-2.0])
        here = self.value(self.u)
        for _ in range(STEPS):
            eta, loss = self.eta(self.u), self.loss
            slope, bend = loss.likelihood.derivatives(loss.y, eta, loss.theta)
            if np.any(bend <= 0.0):
                bend, _ = loss.likelihood.expand(loss.y, eta, loss.theta)
                bend = np.minimum(bend, STEEPEST * np.median(bend))
            g = self.x.T @ (loss.weights * slope) / self.phi + ridge * self.u
            omega = loss.weights * np.maximum(bend, 0.0) / self.phi
            step = -_System(self.x, omega, ridge).solve(g)
            moved = float(np.max(np.abs(self.x @ step), initial=0.0))
            for halving in range(30):
                trial = self.u + 0.5**halving * step
                there = self.value(trial)
                if there <= here + 1e-10 * (1.0 + abs(here)):
                    break
            else:
                return
            self.u, here = trial, there
            if moved < CLOSE:
                return

    def own_unknowns(self) -> None:
        """Each of its own unknowns at the mode beside η, one after another."""
        from scipy.optimize import minimize_scalar

        eta = self.eta(self.u)
        for name in self.log_own:
            prior = self.problem.unknown[name]

            def cost(x: float, name: str = name, prior: Any = prior) -> float:
                theta = {**self.loss.theta, name: float(np.exp(x))}
                phi = float(self.loss.likelihood.dispersion(theta))
                # ½ log|H + V⁻¹|, of which H is in units of 1/φ: what b̂ took of the rows.
                fit = _own_cost(self.loss, eta, theta) - 0.5 * self.df * np.log(phi)
                return float(fit - prior.log_density_of_log(x))

            low, high = self.log_own[name] + np.array([-2.0, 2.0])
            if name == "sigma":  # columns that interpolate would take all of it
                low = max(low, self.rough["sigma"] - FARTHEST)
                high = max(high, low + 1.0)
            with np.errstate(invalid="ignore"):  # a law that ends has costs of ∞
                found = minimize_scalar(cost, bounds=(low, high), method="bounded")
            if np.isfinite(found.fun):
                self.log_own[name] = float(found.x)
                self.settle()

    def scales(self) -> None:
        """Type-II: what b̂ and its covariance say of the scale of each block."""
        k, sd = len(self.u) - self.problem.p, self.sd
        omega = self.loss.weights * _curvature(self.loss, self.eta(self.u)) / self.phi
        ridge = np.concatenate([np.zeros(k), sd**-2.0])
        spread = _System(self.x, omega, ridge).variances[k:]
        second = np.square(self.u[k:]) + spread
        self.df = len(self.u) - float(np.sum(spread / np.square(sd)))
        for i, block in enumerate(self.problem.blocks):
            share = second[block.columns] / np.square(block.relative)
            self.log_scale[i] = 0.5 * np.log(max(float(np.mean(share)), 1e-200))

    def bend_of_rows(self) -> Array:
        """X'hX, with rows that bend the other way left straight."""
        loss, eta = self.loss, self.eta(self.u)
        omega = _curvature(loss, eta)
        return np.asarray((self.x.T * (loss.weights * omega / self.phi)) @ self.x)

    def found(self) -> Reference:
        """The expansion, in the own unknowns' logarithms too."""
        names, k = tuple(self.log_own), len(self.u)
        log_own = np.array([self.log_own[name] for name in names])
        slope, bend = np.zeros(k + len(names)), np.zeros((k + len(names),) * 2)
        bend[:k, :k] = self.bend_of_rows()
        slope[:k] = self._slope(log_own)
        if not self.loss.likelihood.smooth:  # rows that are met exactly have any slope: the mode's
            slope[: k - self.problem.p] = 0.0
            slope[k - self.problem.p : k] = -self.u[k - self.problem.p :] / np.square(self.sd)
        for i in range(len(names)):
            up, down = log_own.copy(), log_own.copy()
            up[i] += STEP
            down[i] -= STEP
            bend[:k, k + i] = (self._slope(up) - self._slope(down)) / (2.0 * STEP)
            bend[k + i, :k] = bend[:k, k + i]
            slope[k + i] = (self._cost(up) - self._cost(down)) / (2.0 * STEP)
            for j in range(i + 1):
                bend[k + i, k + j] = bend[k + j, k + i] = self._second(log_own, i, j)
            bend[k + i, k + i] = max(bend[k + i, k + i], LEAST_BEND)
        at = np.concatenate([self.u, log_own])
        made = _semidefinite(bend) if names else bend
        return Reference(self.settled, names, at, self.sd, slope, made)

    def _theta(self, log_own: Array) -> dict[str, float]:
        return {n: float(np.exp(x)) for n, x in zip(self.log_own, log_own, strict=True)}

    def _slope(self, log_own: Array) -> Array:
        """−∂ log L/∂(γ, b)."""
        loss = self.loss
        theta = {**loss.theta, **self._theta(log_own)}
        slope, _ = loss.likelihood.derivatives(loss.y, self.eta(self.u), theta)
        phi = float(loss.likelihood.dispersion(theta))
        return np.asarray(self.x.T @ (loss.weights * slope) / phi)

    def _cost(self, log_own: Array) -> float:
        total = _own_cost(self.loss, self.eta(self.u), self._theta(log_own))
        for name, x in zip(self.log_own, log_own, strict=True):
            total -= float(self.problem.unknown[name].log_density_of_log(x))
        return total

    def _second(self, log_own: Array, i: int, j: int) -> float:
        """A second difference, wide enough that rounding of sums over rows is nothing."""
        wide, total = 0.03, 0.0
        for a in (1.0, -1.0):
            for b in (1.0, -1.0):
                moved = log_own.copy()
                moved[i] += a * wide
                moved[j] += b * wide
                total += a * b * self._cost(moved)
        return total / (4.0 * wide * wide)


def _curvature(loss: Loss, eta: Array) -> Array:
    """f″ by row where all bend upwards; else its mean beside the weights of `expand`, positive."""
    _, bend = loss.likelihood.derivatives(loss.y, eta, loss.theta)
    if np.all(bend >= 0.0) and np.any(bend > 0.0):
        return np.asarray(bend)
    if not np.any(bend):  # straight but for kinks: the information of a row
        unit = loss.likelihood.unit_sd(loss.y, loss.weights, loss.theta)
        sigma = float(loss.theta.get("sigma", 1.0))
        phi = float(loss.likelihood.dispersion(loss.theta))
        return np.full(len(eta), phi / (unit * sigma) ** 2)
    omega, _ = loss.likelihood.expand(loss.y, eta, loss.theta)
    # Rows that bend downwards do so where the others' weights are what the loss is made of.
    share = max(float(loss.weights @ bend), 0.1 * float(loss.weights @ omega))
    return np.asarray(omega * (share / float(loss.weights @ omega)))


def _own_cost(loss: Loss, eta: Array, own: Theta) -> float:
    theta: Mapping[str, Any] = {**loss.theta, **own}
    return -float(loss.weights @ loss.likelihood.log_density(loss.y, eta, theta))


class _System:
    """X'ΩX + diag(ridge), factored on the shorter side."""

    def __init__(self, x: Array, omega: Array, ridge: Array) -> None:
        n, m = x.shape
        self.wide = m > n
        root = x * np.sqrt(omega)[:, None]
        if self.wide:
            # What has no ridge is given one that only slows a step down.
            own = EASE * np.einsum("ij,ij->j", root, root)
            self.unit = np.maximum(ridge, np.maximum(own * (ridge == 0.0), 1e-200)) ** -0.5
            self.half = root * self.unit
            self.factor = cho_factor(np.eye(n) + self.half @ self.half.T, lower=True)
            return
        a = root.T @ root
        a[np.diag_indices_from(a)] += ridge
        self.unit = 1.0 / np.sqrt(np.maximum(np.diagonal(a), 1e-200))
        a *= self.unit * self.unit[:, None]
        a[np.diag_indices_from(a)] += 1e-12
        self.factor = cho_factor(a, lower=True)

    def solve(self, right: Array) -> Array:
        """A⁻¹r."""
        r = self.unit * right
        if self.wide:
            return np.asarray(self.unit * (r - self.half.T @ cho_solve(self.factor, self.half @ r)))
        return np.asarray(self.unit * cho_solve(self.factor, r))

    @property
    def variances(self) -> Array:
        """The diagonal of A⁻¹."""
        if self.wide:
            inner = solve_triangular(self.factor[0], self.half, lower=True)
            own = np.maximum(1.0 - np.einsum("ij,ij->j", inner, inner), 0.0)
        else:
            inner = solve_triangular(self.factor[0], np.eye(len(self.unit)), lower=True)
            own = np.einsum("ij,ij->j", inner, inner)
        return np.asarray(np.square(self.unit) * own)


def _semidefinite(bend: Array) -> Array:
    """The nearest such matrix in units of its diagonal, no direction quite flat that is not."""
    diagonal = np.diagonal(bend)
    scale = np.where(diagonal > 0.0, 1.0 / np.sqrt(np.where(diagonal > 0.0, diagonal, 1.0)), 0.0)
    values, vectors = np.linalg.eigh(bend * scale * scale[:, None])
    if values.size == 0 or values[0] >= 0.0:
        return bend
    back = np.where(scale > 0.0, 1.0 / np.where(scale > 0.0, scale, 1.0), 0.0)
    made = (vectors * np.maximum(values, SMALLEST * values[-1])) @ vectors.T
    return np.asarray(made * back * back[:, None])


def rough_own(problem: Problem) -> dict[str, float]:
    """Logs of the likelihood's unknowns, at their mode beside the best constant η.

    One after another, thrice over; what has no finite mode ends where it is looked for no more.
    """
    from scipy.optimize import minimize_scalar

    if not problem.unknown:
        return {}
    loss, likelihood = problem.loss, problem.likelihood
    y, weights = loss.y, loss.weights
    spread = float(np.log(max(problem.moments.y_sd, 1e-300)))
    centre = {n: spread if n == "sigma" else np.log(4.0) for n in problem.unknown}
    theta = dict(loss.theta)
    theta |= {name: float(np.exp(x)) for name, x in centre.items()}
    shift = 0.0 if loss.offset is None else loss.offset
    for _ in range(3):
        level = likelihood.first_guess(y - 0.0, weights, theta) - np.mean(shift)
        eta = np.zeros(len(y)) + shift + (level if problem.intercept else 0.0)
        for name, prior in problem.unknown.items():

            def cost(x: float, name: str = name, prior: Any = prior, eta: Array = eta) -> float:
                here = theta | {name: float(np.exp(x))}
                fit = float(weights @ likelihood.log_density(y, eta, here))
                return -fit - float(prior.log_density_of_log(x))

            low, high = centre[name] + SPAN
            with np.errstate(invalid="ignore"):  # a law that ends has costs of ∞
                found = minimize_scalar(cost, bounds=(low, high), method="bounded")
            if np.isfinite(found.fun):
                theta[name] = float(np.exp(found.x))
    return {name: float(np.log(theta[name])) for name in problem.unknown}
