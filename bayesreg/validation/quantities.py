"""Test quantities: functions of the unknowns, and of the data, whose ranks are looked at.

Ranks of single unknowns cannot see an engine that ignores the data; the log likelihood can (Modrák
et al. 2023, "Simulation-based calibration checking for Bayesian computation: the choice of test
quantities shapes sensitivity", Bayesian Analysis, https://doi.org/10.1214/23-BA1404).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bayesreg.engines.draws import pooled, theta_of
from bayesreg.language.arguments import Array

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bayesreg.engines.draws import Draws
    from bayesreg.likelihoods import Likelihood
    from bayesreg.model.problem import Problem
    from bayesreg.priors import Prior


# Nodes of log |b|/s at which a log density is tabulated: some take 200 µs a value, and as a test
# quantity any function serves, if only it is the same for truth and draws.
_NODES = np.linspace(-40.0, 30.0, 1401)


@dataclass(frozen=True, eq=False)
class Unknowns:
    """Values of the unknowns, per unit of the original columns.

    Attributes
    ----------
    beta : ndarray (S, P)
    intercept, sigma : ndarray (S,)
    scale : ndarray (S, B)
    own : dict of ndarray (S,)
        The likelihood's unknowns beside σ, by name.
    """

    beta: Array
    intercept: Array
    sigma: Array
    scale: Array
    own: dict[str, Array] = field(default_factory=dict)

    def theta(self, likelihood: Likelihood) -> dict[str, Array]:
        """The likelihood's unknowns by name."""
        return theta_of(likelihood, self.sigma, self.own)

    @classmethod
    def of_draws(cls, draws: Draws) -> Unknowns:
        """All draws of a run, chain after chain."""
        return cls(
            pooled(draws.beta),
            draws.intercept.reshape(-1),
            draws.sigma.reshape(-1),
            draws.scale.reshape(draws.sigma.size, -1),
            {name: value.reshape(-1) for name, value in draws.own.items()},
        )

    @classmethod
    def of_prior(cls, found: Mapping[str, Array]) -> Unknowns:
        """Draws from the prior, by name."""
        size = len(found["sigma"])
        scale = found.get("scale", np.zeros((size, 0)))
        named = ("beta", "intercept", "sigma", "scale", "y")
        own = {name: value for name, value in found.items() if name not in named}
        return cls(found["beta"], found["intercept"], found["sigma"], scale, own)

    def row(self, k: int) -> Unknowns:
        """The k-th value alone."""
        one = slice(k, k + 1)
        own = {name: value[one] for name, value in self.own.items()}
        return Unknowns(self.beta[one], self.intercept[one], self.sigma[one], self.scale[one], own)

    @property
    def finite(self) -> bool:
        """Whether every value is a number."""
        parts = (self.beta, self.intercept, self.sigma, self.scale, *self.own.values())
        return all(bool(np.all(np.isfinite(part))) for part in parts)


def of_prior(problem: Problem, at: Unknowns) -> dict[str, Array]:
    """Quantities that do not look at y, each (S,): β's, ‖b‖, log σ, log scale, log prior density.

    Parameters
    ----------
    problem : Problem
        Whose prior is meant.
    at : Unknowns
        Where.
    """
    b = at.beta[:, problem.proper] * problem.x_sd[problem.proper]
    found = {f"beta[{problem.features[j]}]": at.beta[:, j] for j in _chosen(problem.proper)}
    loc = problem.coordinates.loc
    if problem.p:
        found["‖b‖"] = np.linalg.norm(b - loc, axis=1)
        # In units of the prior, where a wrong prior scale shows most; finite for every tail.
        found["b in scales"] = np.sum(np.log1p(np.square((b - loc) / _scales(problem, at))), axis=1)
    theta = at.theta(problem.likelihood)
    for name in problem.unknown:
        found[f"log {name}"] = np.log(theta[name])
    for k, label in enumerate(problem.unknown_scales):
        name = "log scale" if len(problem.unknown_scales) == 1 else f"log scale[{label}]"
        found[name] = np.log(at.scale[:, k])
    if problem.p and all(block.separable for block in problem.blocks):
        found["log prior"] = _log_prior(problem, at, b)
    elif problem.p:
        with np.errstate(divide="ignore"):
            found["mean log |b|"] = np.mean(np.log(np.abs(b - loc)), axis=1)
    return found


def of_posterior(problem: Problem, at: Unknowns) -> dict[str, Array]:
    """The same with those that look at the problem's y: intercept, Flat columns, log likelihood."""
    found = of_prior(problem, at)
    if problem.intercept:
        found["intercept"] = at.intercept
    for j in problem.flat[:1]:
        found[f"beta[{problem.features[j]}]"] = at.beta[:, j]
    design = problem.design
    assert design is not None
    eta, theta = design.points.under(at.beta, at.intercept, at.theta(problem.likelihood), axis=-1)
    density = problem.likelihood.log_density(design.y, eta, theta)
    found["log likelihood"] = density.sum(axis=1)
    return found


def _chosen(columns: NDArray[np.intp]) -> list[int]:
    """First, middle and last."""
    if not len(columns):
        return []
    return sorted({int(columns[0]), int(columns[len(columns) // 2]), int(columns[-1])})


def _scales(problem: Problem, at: Unknowns) -> Array:
    """Effective scale of each b, (S, p)."""
    found = np.empty((len(at.sigma), problem.p))
    unknown = iter(at.scale.T)
    for block in problem.blocks:
        scale = np.asarray(next(unknown))[:, None] if block.hyper is not None else None
        found[:, block.columns] = problem.effective_scale(block, at.sigma[:, None], scale)
    return found


def _log_prior(problem: Problem, at: Unknowns, b: Array) -> Array:
    """Log prior density of b, the scales and σ, each (S,)."""
    total = np.zeros(len(b))
    scales = _scales(problem, at)
    hyper = [block.hyper for block in problem.blocks if block.hyper is not None]
    for k, one in enumerate(hyper):
        total += one.log_density(at.scale[:, k])
    for block in problem.blocks:
        s = scales[:, block.columns]
        with np.errstate(divide="ignore"):
            log_u = np.log(np.abs(b[:, block.columns] - block.prior.loc) / s)
        total += np.sum(np.interp(log_u, _NODES, _tabulated(block.prior)) - np.log(s), axis=1)
    theta = at.theta(problem.likelihood)
    for name, own in problem.unknown.items():
        total += own.log_density(theta[name])
    return total


@lru_cache(maxsize=32)
def _tabulated(prior: Prior) -> Array:
    """Log density at scale 1 at the nodes: b/s has the same density for every s."""
    return prior.log_density(prior.loc + np.exp(_NODES), 1.0)
