"""The likelihood's own unknowns, σ, shape or df, given η and b, for many chains side by side."""

from __future__ import annotations

import dataclasses
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

SLICES = 6.0  # sds of a slice's interval: about two trials find a point in it
TAILS, WIDER = 6.0, 1.15  # degrees of freedom of proposals, and how much wider they are


@dataclass(frozen=True, eq=False)
class OwnUnknowns:
    """Logs of the unknowns, columns of (R, q), and what their slices need.

    Attributes
    ----------
    names : tuple of str
    priors : tuple of HyperPrior
    known : dict of str to float
        The others.
    centre : ndarray (q,)
        The reference point.
    directions, width : ndarray (q, q), (q,)
        Along which they are sliced, conjugate by the curvature there, and how wide.
    growth : ndarray (q,)
        ∂ log(curvature of −log L in η)/∂ log of each.
    proposal : (ndarray (q,), ndarray (q, q)) or None
        Mean and root of the covariance of what :meth:`propose` proposes.
    """

    names: tuple[str, ...]
    priors: tuple[HyperPrior, ...]
    known: dict[str, float]
    centre: Array
    directions: Array
    width: Array
    growth: Array
    proposal: tuple[Array, Array] | None = None

    @classmethod
    def at(cls, problem: Problem, reference: Reference) -> OwnUnknowns:
        """About the reference point."""
        unknown, first = problem.unknown, len(reference.at) - len(problem.unknown)
        values, vectors = np.linalg.eigh(reference.bend[first:, first:])
        return cls(
            names=tuple(unknown),
            priors=tuple(unknown.values()),
            known=problem.known,
            centre=reference.at[first:],
            directions=vectors.T,
            width=np.minimum(SLICES / np.sqrt(np.maximum(values, 1e-8)), 2.0 * WIDTH),
            # The information is in units of 1/σ²; what else it depends on, it does slowly.
            growth=np.array([-2.0 if name == "sigma" else 0.0 for name in unknown]),
        )

    def start(self, rng: np.random.Generator, chains: int) -> Array:
        """Over-dispersed about the reference point, where the priors have a density."""
        noise = rng.standard_normal((chains, len(self.names)))
        found = self.centre + 0.4 * np.minimum(self.width, WIDTH) * noise @ self.directions
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
        """Slice along each of `directions` in turn, in place; log L (R,) follows.

        `along` is of the b whose prior is in units of σ: how many, and Σ(b ÷ prior sd)² (R,).
        """
        prior = _Prior.of(self, own, along)
        for direction, width in zip(self.directions, self.width, strict=True):
            begin, everywhere = own.copy(), np.arange(len(own))
            level = value + prior.log_density(begin, everywhere)
            level -= rng.standard_exponential(len(own))
            low = -width * rng.random(len(own))
            high, rows = low + width, everywhere
            for _ in range(STEPS):
                move = low + (high - low) * rng.random(len(rows))
                moved = begin[rows] + move[:, None] * direction
                fit = log_likelihood(eta if len(rows) == len(eta) else eta[rows], self.theta(moved))
                inside = fit + prior.log_density(moved, rows) > level[rows]
                at = rows[inside]
                own[at], value[at] = moved[inside], fit[inside]
                low, high = np.where(move < 0.0, move, low), np.where(move < 0.0, high, move)
                rows, low, high = rows[~inside], low[~inside], high[~inside]
                if not len(rows):
                    break

    def propose(
        self,
        log_likelihood: Callable[[Array, Any], Array],
        eta: Array,
        own: Array,
        value: Array,
        along: tuple[int, Array],
        rng: np.random.Generator,
    ) -> None:
        """Metropolis, all at once, from one t law; otherwise as `draw`."""
        assert self.proposal is not None
        mean, root = self.proposal
        size, q = own.shape
        z = rng.standard_normal((size, q)) / np.sqrt(rng.chisquare(TAILS, size) / TAILS)[:, None]
        trial, everywhere = mean + z @ root.T, np.arange(size)
        was = np.linalg.solve(root, (own - mean).T).T
        fit = log_likelihood(eta, self.theta(trial))
        prior = _Prior.of(self, own, along)
        log_ratio = fit + prior.log_density(trial, everywhere) - _log_t(z)
        log_ratio -= value + prior.log_density(own, everywhere) - _log_t(was)
        taken = rng.standard_exponential(size) > -log_ratio
        own[taken], value[taken] = trial[taken], fit[taken]

    def fitted(self, seen: Array) -> OwnUnknowns:
        """With proposals like what was seen of the logarithms (S, q)."""
        covariance = np.atleast_2d(np.cov(seen.T)) + 1e-10 * np.eye(seen.shape[1])
        root = WIDER * np.linalg.cholesky(covariance)
        return dataclasses.replace(self, proposal=(seen.mean(axis=0), root))


@dataclass(frozen=True, eq=False)
class _Prior:
    """Log prior of the logarithms, and of the b whose prior is in units of σ."""

    hypers: tuple[Any, ...]
    place: int | None  # of σ, where some b are in its units
    count: int
    left: Array  # Σ(b ÷ prior sd)² at σ = 1

    @classmethod
    def of(cls, unknowns: OwnUnknowns, own: Array, along: tuple[int, Array]) -> _Prior:
        names = unknowns.names
        place = names.index("sigma") if "sigma" in names and along[0] else None
        left = along[1] * (1.0 if place is None else np.exp(2.0 * own[:, place]))
        return cls(tuple(tables.hyper(p) for p in unknowns.priors), place, along[0], left)

    def log_density(self, at: Array, rows: Any) -> Array:
        """Of some chains at values (S, q)."""
        found = np.zeros(len(at))
        for i, hyper in enumerate(self.hypers):
            found += log_hyper(hyper, at[:, i])
        if self.place is not None:
            log_sigma = at[:, self.place]
            found -= self.count * log_sigma + 0.5 * self.left[rows] * np.exp(-2.0 * log_sigma)
        return found


def _log_t(z: Array) -> Array:
    """Of standardised z (R, q), up to a constant."""
    q = z.shape[1]
    return np.asarray(-0.5 * (TAILS + q) * np.log1p(np.einsum("ri,ri->r", z, z) / TAILS))
