r"""Engine hmc: u = (γ, b) given the prior sds by Hamiltonian Monte Carlo, where no tangent serves.

Scales, local variances and the likelihood's own unknowns are drawn as in engine tangent
(`laplace_tangent`); u is moved along gradients of the log posterior itself, in the coordinates z of
u = μ + A^(−T/2)z that the expansion about the reference point makes about standard normal
(Neal 2011, "MCMC using Hamiltonian dynamics", §5.3–5.4). Trajectories have 1 to 8 steps at random;
the step is settled before, by a pilot that is always the same, and fixed ever after. With columns
as many as rows they are those of :mod:`bayesreg.engines.row_space`.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.linalg.lapack import dtrtrs

from bayesreg.engines import laplace_tangent, row_space, transport
from bayesreg.engines.kernel import Needs
from bayesreg.engines.laplace_tangent import Chains, Normalised, Tangent
from bayesreg.engines.row_space import Prepared
from bayesreg.engines.strands.iteration import State, Steps
from bayesreg.language.arguments import Array
from bayesreg.likelihoods import Likelihood
from bayesreg.priors import ScaleMixture

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem

NAME = "hmc"
LONGEST = 8  # steps of a trajectory
WANTED = 0.8  # share of trajectories accepted
MOST = 1.5  # step in units of the normal, at most
ROUNDS = 8  # of the pilot, where it looks for a scale that rows hardly say
RATE = 0.3  # at which the pilot moves log step


def _unfit(problem: Problem) -> str | None:
    """What types cannot say."""
    if not problem.likelihood.smooth:
        return f"it needs the gradient of log L, and that of {problem.likelihood!r} jumps"
    return laplace_tangent.unfit(problem)


supports = Needs((Likelihood,), (ScaleMixture,), _unfit)


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
        if problem.p < len(loss.y):
            return self.pilot(setup, None)[0]
        k, own = base.at.free, base.at.at[len(base.at.at) - len(base.own.names) :]
        fitted = base.at.at[None, k : k + problem.p] @ loss.proper.T
        eta = fitted + loss.free @ base.at.at[:k] + setup.fixed
        log_scale = np.log(base.at.sd / problem.relative).mean()
        if self.steps(setup).in_sigma.any():
            log_scale -= float(base.own.log_sigma(own[None])[0])
        steps = self.steps(setup)
        if row_space.shared(steps):
            return self._mapped(setup, steps, log_scale)
        first = row_space.metric(setup, own[None], eta, fitted, np.array([log_scale]))
        span = row_space.Span.of(setup.x[setup.at.free :])
        setup, state = dataclasses.replace(setup, metric=first, span=span), None
        for _ in range(ROUNDS):
            was = setup.metric
            setup, state = self.pilot(setup, state)
            assert was is not None
            assert setup.metric is not None
            if was is not first and row_space.near(was, setup.metric):
                break
        return setup

    def _mapped(self, setup: Prepared, steps: Steps, log_scale: float) -> Prepared:
        """With a map that follows the scale, where prior sds are the same but for it."""
        one, at = setup.given, setup.at
        alone, own = row_space.together(steps), at.at[len(at.at) - len(setup.own.names) :]
        scales = one.blocks["log_scale"][None].copy()
        if alone:
            scales[:] = log_scale
        slab, t = one.blocks["log_slab"][None], one.groups["t"][None]
        sd = steps.prior_sds(State(np.zeros((1, len(one.order))), np.zeros(1), scales, slab, t))[0]
        hyper = steps.blocks[0].hyper if alone else None
        made = transport.transport(setup, hyper, sd, log_scale if alone else 0.0)
        fields = {f.name: getattr(setup, f.name) for f in dataclasses.fields(setup)}
        setup = transport.Mapped(**fields, map=transport.settled(setup, made, own))
        return self.pilot(setup, None)[0] if setup.own.names else setup

    def pilot(self, setup: Prepared, state: Chains | None) -> tuple[Prepared, Chains]:
        """Towards the share of trajectories wanted, by stochastic approximation."""
        rng = np.random.default_rng(20110)
        steps = self.steps(setup)
        state = state or self.start(setup, rng, laplace_tangent.PILOT_ROWS, 1)
        log_steps, seen = np.log(setup.sizes), []
        with np.errstate(all="ignore"):
            for i in range(laplace_tangent.PILOT_STEPS):
                trial = np.minimum(np.exp(log_steps), MOST)
                at = dataclasses.replace(setup, sizes=(float(trial[0]), float(trial[1])))
                turn = row_space.turn(steps, state) if setup.metric is not None else 0
                self.iterate(at, steps, state, rng)
                log_steps[turn] += RATE * (state.taken - WANTED) / np.sqrt(1.0 + i / 8.0)
                if 2 * i >= laplace_tangent.PILOT_STEPS:
                    seen.append((state.own.copy(), state.eta.copy(), state.given.copy()))
        logs = np.concatenate([own for own, _, _ in seen])
        own = setup.own.fitted(logs) if setup.own.names else setup.own
        trial = np.minimum(np.exp(log_steps), MOST)
        made = dataclasses.replace(setup, sizes=(float(trial[0]), float(trial[1])), own=own)
        if made.metric is None:
            return made, state
        etas = np.concatenate([eta for _, eta, _ in seen])
        fitted = np.concatenate([one.b for _, _, one in seen]) @ setup.x[state.free.shape[1] :]
        scales = np.concatenate([one.log_scale[:, 0] for _, _, one in seen])
        metric = row_space.metric(made, logs, etas, fitted, scales)
        return dataclasses.replace(made, metric=metric), state

    def seconds(self, setup: Any) -> tuple[float, float]:
        """Gradients and solutions by triangles, of which there are as many as steps."""
        if isinstance(setup, transport.Mapped):
            return transport.seconds(setup)
        if setup.metric is not None:
            return row_space.seconds(setup)
        m, n = setup.x.shape
        moves = 0.5 * (1 + LONGEST)
        calls, _ = super().seconds(setup)
        products = (m**3 / 3 + moves * (4.0 * m * n + 2.0 * m * m)) / laplace_tangent.RATE
        return calls + moves * 3e-5, moves * (3e-8 * n + 1e-5) + products

    def move(
        self, setup: Any, steps: Steps, state: Chains, sd: Array, rng: np.random.Generator
    ) -> None:
        """One trajectory of every chain, of the same number of steps."""
        if isinstance(setup, transport.Mapped):
            transport.move(setup, steps, state, sd, rng)
            return
        if setup.metric is not None:
            row_space.move(setup, steps, state, sd, rng)
            return
        normal = Normalised.of(setup, sd, setup.own.curvature(state.own))
        k = state.free.shape[1]
        here = np.hstack([state.free, state.given.b])
        theta, size = setup.own.theta(state.own), setup.sizes[0]
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

    def stretch(self, setup: Any, steps: Steps, state: Chains, rng: np.random.Generator) -> None:
        """As of tangent; in row space the scale moves with what it multiplies already."""
        moved = setup.metric is not None or isinstance(setup, transport.Mapped)
        if not moved or not row_space.together(steps):
            super().stretch(setup, steps, state, rng)


KERNEL = Hmc()


def _each(lower: Array, right: Array, *, transposed: bool) -> Array:
    """L⁻¹r or L⁻ᵀr of every chain."""
    pairs = zip(lower, right, strict=True)
    return np.stack([dtrtrs(a, r, lower=1, trans=int(transposed))[0] for a, r in pairs])
