"""The likelihood's own unknowns, σ, shape or df, given η and b, for many chains side by side."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.engines.loops import tables
from bayesreg.engines.loops.arrays import STEPS, WIDTH
from bayesreg.engines.strands.slices import log_hyper
from bayesreg.language.arguments import Array
from bayesreg.priors import HyperPrior

if TYPE_CHECKING:
    from bayesreg.engines.reference import Reference
    from bayesreg.model.problem import Problem

SLICES = 4.0  # sds of a slice's interval: about two trials find a point in it


@dataclass(frozen=True, eq=False)
class OwnUnknowns:
    """Logs of the unknowns, columns of (R, q), and what their slices need.

    Attributes
    ----------
    names : tuple of str
    priors : tuple of HyperPrior
    known : dict of str to float
        The others.
    centre, width : ndarray (q,)
        The reference point, and how wide an interval of a slice is.
    growth : ndarray (q,)
        ∂ log(curvature of −log L in η)/∂ log of each.
    """

    names: tuple[str, ...]
    priors: tuple[HyperPrior, ...]
    known: dict[str, float]
    centre: Array
    width: Array
    growth: Array

    @classmethod
    def at(cls, problem: Problem, reference: Reference) -> OwnUnknowns:
        """About the reference point."""
        unknown, first = problem.unknown, len(reference.at) - len(problem.unknown)
        centre, bend = reference.at[first:], np.diagonal(reference.bend)[first:]
        return cls(
            names=tuple(unknown),
            priors=tuple(unknown.values()),
            known=problem.known,
            centre=centre,
            width=np.minimum(SLICES / np.sqrt(np.maximum(bend, 1e-8)), 2.0 * WIDTH),
            # The information is in units of 1/σ²; what else it depends on, it does slowly.
            growth=np.array([-2.0 if name == "sigma" else 0.0 for name in unknown]),
        )

    def start(self, rng: np.random.Generator, chains: int) -> Array:
        """Over-dispersed about the reference point, where the priors have a density."""
        noise = rng.standard_normal((chains, len(self.names)))
        found = self.centre + 0.4 * np.minimum(self.width, WIDTH) * noise
        for i, prior in enumerate(self.priors):
            for j, value in enumerate(found[:, i]):
                if not math.isfinite(prior.log_density_of_log(value)):
                    found[j, i] = math.log(float(prior.sample(rng, 1)[0]))
        return found

    def theta(self, own: Array) -> dict[str, Any]:
        """θ (R, 1) by name; what is known is a number."""
        made: dict[str, Any] = dict(self.known)
        for i, name in enumerate(self.names):
            made[name] = np.exp(own[:, i, None])
        return made

    def log_sigma(self, own: Array) -> Array:
        """log σ (R,), of 1 where there is none."""
        if "sigma" in self.names:
            return own[:, self.names.index("sigma")].copy()
        return np.full(len(own), math.log(self.known.get("sigma", 1.0)))

    def put_log_sigma(self, own: Array, log_sigma: Array) -> None:
        """log σ, drawn elsewhere, in place."""
        if "sigma" in self.names:
            own[:, self.names.index("sigma")] = log_sigma

    def recorded(self, own: Array) -> dict[str, Array]:
        """All but σ by name, of their logarithms (…, q)."""
        return {n: np.exp(own[..., i]) for i, n in enumerate(self.names) if n != "sigma"}

    def curvature(self, own: Array) -> Array:
        """How much of the curvature at the reference point there is at θ (R,)."""
        if not self.names:
            return np.ones(len(own))
        return np.asarray(np.exp(np.clip((own - self.centre) @ self.growth, -20.0, 20.0)))

    def draw(
        self,
        log_likelihood: Callable[[Array, Any], Array],
        eta: Array,
        own: Array,
        value: Array,
        along: tuple[int, Array],
        rng: np.random.Generator,
    ) -> None:
        """Slice each in turn, in place; log L (R,) follows.

        `along` is of the b whose prior is in units of σ: how many, and Σ(b ÷ prior sd)² (R,).
        """
        count, total = along
        for i, (name, prior) in enumerate(zip(self.names, self.priors, strict=True)):
            hyper, x = tables.hyper(prior), own[:, i].copy()
            scales = count if name == "sigma" else 0
            level = value + log_hyper(hyper, x) - rng.standard_exponential(len(x))
            if scales:
                level -= scales * x + 0.5 * total
            low = x - self.width[i] * rng.random(len(x))
            high, rows = low + self.width[i], np.arange(len(x))
            for _ in range(STEPS):
                trial, moved = low + (high - low) * rng.random(len(rows)), own[rows]
                moved[:, i] = trial
                fit = log_likelihood(eta if len(rows) == len(x) else eta[rows], self.theta(moved))
                height = fit + log_hyper(hyper, trial)
                if scales:
                    shrunk = 0.5 * total[rows] * np.exp(2.0 * (x[rows] - trial))
                    height -= scales * trial + shrunk
                inside = height > level[rows]
                at = rows[inside]
                own[at, i], value[at] = trial[inside], fit[inside]
                below = trial < x[rows]
                low, high = np.where(below, trial, low), np.where(below, high, trial)
                rows, low, high = rows[~inside], low[~inside], high[~inside]
                if not len(rows):
                    break
            if scales:
                total = total * np.exp(2.0 * (x - own[:, i]))
