r"""Engine hmc: u = (γ, b) given the prior sds by Hamiltonian Monte Carlo, where no tangent serves.

Scales, local variances and the likelihood's own unknowns are drawn as in engine tangent
(`laplace_tangent`); u is moved along gradients of the log posterior itself, in the coordinates z of
u = μ + A^(−T/2)z that the expansion about the reference point makes about standard normal
(Neal 2011, "MCMC using Hamiltonian dynamics", §5.3–5.4). Trajectories have 1 to 8 steps at random;
the step is settled before, by a pilot that is always the same, and fixed ever after.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.linalg.lapack import dtrtrs

from bayesreg.engines import laplace_tangent
from bayesreg.engines.kernel import Needs
from bayesreg.engines.laplace_tangent import Chains, Expanded, Normalised, Tangent
from bayesreg.engines.loops.arrays import SLAB, WIDTH
from bayesreg.engines.strands.iteration import Block, Steps
from bayesreg.engines.strands.slices import log_hyper, shrink
from bayesreg.language.arguments import Array
from bayesreg.likelihoods import Likelihood
from bayesreg.priors import ScaleMixture

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem

NAME = "hmc"
LONGEST = 8  # steps of a trajectory
WANTED = 0.8  # share of trajectories accepted
FIRST, MOST = 0.5, 1.5  # step in units of the normal: at first, and at most
RATE = 0.3  # at which the pilot moves log step


def _unfit(problem: Problem) -> str | None:
    """What types cannot say."""
    if not problem.likelihood.smooth:
        return f"it needs the gradient of log L, and that of {problem.likelihood!r} jumps"
    return laplace_tangent.supports(problem)


supports = Needs((Likelihood,), (ScaleMixture,), _unfit)


@dataclass(frozen=True, eq=False)
class Prepared(Expanded):
    """An expansion with the rows' log density, and the step that a pilot settled."""

    y: Array = dataclasses.field(default_factory=lambda: np.empty(0))
    weights: Array = dataclasses.field(default_factory=lambda: np.empty(0))
    facts: dict[str, Array] = dataclasses.field(default_factory=dict)
    step: float = FIRST


class Hmc(Tangent):
    """The sampler described at the head of this module."""

    @property
    def tune(self) -> int:
        """200."""
        return 200

    def prepare(self, problem: Problem) -> Prepared:
        """The expansion, the step, and what a pilot sees of the likelihood's unknowns."""
        base = laplace_tangent.expanded(problem)
        loss = base.at.problem.loss
        facts = {} if problem.design is None else problem.design.known.facts(-1)
        fields = {f.name: getattr(base, f.name) for f in dataclasses.fields(base)}
        weights = np.broadcast_to(loss.weights, loss.y.shape)
        setup = Prepared(**fields, y=loss.y, weights=weights, facts=facts)
        return self.pilot(setup)

    def pilot(self, setup: Prepared) -> Prepared:
        """Towards the share of trajectories wanted, by stochastic approximation."""
        rng = np.random.default_rng(20110)
        steps, state = self.steps(setup), self.start(setup, rng, laplace_tangent.PILOT_ROWS, 1)
        log_step, seen = np.log(FIRST), []
        with np.errstate(all="ignore"):
            for i in range(laplace_tangent.PILOT_STEPS):
                at = dataclasses.replace(setup, step=float(min(np.exp(log_step), MOST)))
                self.iterate(at, steps, state, rng)
                log_step += RATE * (state.taken - WANTED) / np.sqrt(1.0 + i / 8.0)
                if 2 * i >= laplace_tangent.PILOT_STEPS:
                    seen.append(state.own.copy())
        own = setup.own.fitted(np.concatenate(seen)) if setup.own.names else setup.own
        return dataclasses.replace(setup, step=float(min(np.exp(log_step), MOST)), own=own)

    def seconds(self, setup: Any) -> tuple[float, float]:
        """Gradients and solutions by triangles, of which there are as many as steps."""
        m, n = setup.x.shape
        moves = 0.5 * (1 + LONGEST)
        calls, _ = super().seconds(setup)
        products = (m**3 / 3 + moves * (4.0 * m * n + 2.0 * m * m)) / laplace_tangent.RATE
        return calls + moves * 3e-5, moves * (3e-8 * n + 1e-5) + products

    def move(
        self, setup: Any, normal: Normalised, state: Chains, sd: Array, rng: np.random.Generator
    ) -> None:
        """One trajectory of every chain, of the same number of steps."""
        k = state.free.shape[1]
        here = np.hstack([state.free, state.given.b])
        theta, size = setup.own.theta(state.own), setup.step
        precision = np.zeros_like(here)
        held = np.clip(sd, laplace_tangent.SMALLEST, laplace_tangent.LARGEST)
        precision[:, k:] = held**-2.0

        def slope(u: Array, eta: Array) -> Array:
            first, _ = setup.problem.likelihood.derivatives(setup.y, eta, {**theta, **setup.facts})
            phi = setup.problem.likelihood.dispersion(theta)
            along = (setup.weights * first / phi) @ setup.x.T + precision * u
            return _each(normal.lower, normal.unit * along, transposed=False)

        def height(u: Array, value: Array) -> Array:
            return np.asarray(0.5 * np.einsum("ri,ri->r", precision * u, u) - value)

        momentum = rng.standard_normal(here.shape)
        before = height(here, state.value) + 0.5 * np.square(momentum).sum(axis=1)
        u, eta = here.copy(), state.eta
        momentum -= 0.5 * size * slope(u, eta)
        count = int(rng.integers(1, LONGEST + 1))
        for i in range(count):
            u += size * normal.unit * _each(normal.lower, momentum, transposed=True)
            eta = u @ setup.x + setup.fixed
            momentum -= (size if i + 1 < count else 0.5 * size) * slope(u, eta)
        value = setup.log_likelihood(eta, theta)
        after = height(u, value) + 0.5 * np.square(momentum).sum(axis=1)
        share = np.exp(np.minimum(before - after, 0.0))
        taken = rng.random(len(here)) < share
        state.taken = float(np.mean(np.where(np.isfinite(share), share, 0.0)))
        state.take(taken, u, eta, value)

    def iterate(self, setup: Any, steps: Steps, state: Chains, rng: np.random.Generator) -> None:
        """As of tangent, and (b, s) → (rb, rs) with b ÷ s held, block by block.

        Where columns are many a scale moves little given b: Yu & Meng (2011), JCGS 20(3).
        """
        super().iterate(setup, steps, state, rng)
        for k, block in enumerate(steps.blocks):
            if block.unknown and block.law != SLAB:
                _stretch(setup, block, state, k, rng)


def _stretch(
    setup: Prepared, block: Block, state: Chains, k: int, rng: np.random.Generator
) -> None:
    """A slice of log r."""
    one, first = state.given, state.free.shape[1]
    columns = slice(first + block.columns.start, first + block.columns.stop)
    part = one.b[:, block.columns] @ setup.x[columns]
    log_scale = one.log_scale[:, k].copy()

    def log_density(shift: Array, rows: Any) -> Array:
        eta = state.eta[rows] + np.expm1(shift)[:, None] * part[rows]
        fit = setup.log_likelihood(eta, setup.own.theta(state.own[rows]))
        return np.asarray(fit + log_hyper(block.hyper, log_scale[rows] + shift))

    shift = shrink(log_density, np.zeros(len(part)), WIDTH, rng, dear=True)
    one.log_scale[:, k] += shift
    one.b[:, block.columns] *= np.exp(shift)[:, None]
    state.eta = state.eta + np.expm1(shift)[:, None] * part
    state.value[:] = setup.log_likelihood(state.eta, setup.own.theta(state.own))


KERNEL = Hmc()


def _each(lower: Array, right: Array, *, transposed: bool) -> Array:
    """L⁻¹r or L⁻ᵀr of every chain."""
    pairs = zip(lower, right, strict=True)
    return np.stack([dtrtrs(a, r, lower=1, trans=int(transposed))[0] for a, r in pairs])
