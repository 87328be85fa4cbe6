r"""Geweke's joint test: y | θ and one step of the engine's chain θ | y, in turn, keep p(θ, y).

Under a quadratic the data are their sufficient statistics: with R'R = X'X, responses Rβ + σε of R
and a residual sum of squares σ²χ², so that a step costs the same for any n. Chains are short and
many. Each starts with y from the model and the engine's warm-up on it, which gives a draw of
p(θ, y) already: under heavy tails one long chain would stay among large coefficients, or small
ones, nearly for ever.

Under other likelihoods y is drawn on rows, and what a chain holds of one y is of no use for
another: there a step is a short run of the engine, warm-up and all, whose last draw is the next θ.

Geweke (2004), "Getting it right: joint distribution tests of posterior simulators", JASA 99(467),
https://doi.org/10.1198/016214504000001132.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.engines import base
from bayesreg.language.arguments import Array
from bayesreg.validation.quantities import Unknowns, of_posterior, of_prior

if TYPE_CHECKING:
    from bayesreg.validation.trials import Trial


LENGTH = 20  # steps of a chain: faults of a kernel add up, and the tails need no crossing
MISFIT = "misfit"
STEPS, RUN = 4, 10  # of a chain on rows, each the last of so many draws
LIKELIHOOD, LIKELY = "log likelihood", 50_000  # draws of it


def alternate(trial: Trial, engine: Any, *, chains: int, seed: int) -> dict[str, Array]:
    """Quantities (chain, step) of θ along the joint chains, and the misfit ‖y − Xβ‖²/σ²."""
    streams = np.random.SeedSequence(seed).spawn(chains)
    truths = trial.truths(chains, seed)
    P, B = truths.beta.shape[1], truths.scale.shape[1]
    beta, scale = np.empty((chains, LENGTH, P)), np.empty((chains, LENGTH, B))
    sigma, size = np.empty((chains, LENGTH)), np.empty((chains, LENGTH))
    for c, stream in enumerate(streams):
        steps = _chain(trial, engine.KERNEL, truths.row(c), np.random.default_rng(stream))
        for k, (at, misfit) in enumerate(steps):
            beta[c, k], scale[c, k] = at.beta[0], at.scale[0]
            sigma[c, k], size[c, k] = at.sigma[0], misfit
    zero = np.zeros(chains * LENGTH)
    flat = Unknowns(beta.reshape(len(zero), P), zero, sigma.ravel(), scale.reshape(len(zero), B))
    found = {**of_prior(trial.problem, flat), MISFIT: size}
    return {name: value.reshape(chains, LENGTH) for name, value in found.items()}


def alternate_runs(trial: Trial, engine: Any, *, chains: int, seed: int) -> dict[str, Array]:
    """Quantities (chain, step) of θ along joint chains on rows, and log p(y | θ)."""
    truths, found = trial.truths(chains, seed), list[dict[str, Array]]()
    for c in range(chains):
        rng, at = np.random.default_rng([seed, c]), truths.row(c)
        for _ in range(STEPS):
            given = trial.given(trial.response(at, rng))
            run = base.run(
                engine,
                given,
                draws=RUN,
                chains=1,
                seed=int(rng.integers(2**62)),
                progress=False,
                workers=1,
                thin=1,
                compiled=True,  # of hundreds of runs, each of them short
            )
            at = Unknowns.of_draws(run).row(RUN - 1)
            if not at.finite:
                raise ArithmeticError("the engine returned draws that are not finite")
            found.append(of_posterior(given, at))
    return {k: np.array([one[k][0] for one in found]).reshape(chains, STEPS) for k in found[0]}


def log_likelihood(trial: Trial, size: int, seed: int) -> Array:
    """Draws (size,) of log p(y | θ), y and θ from the model."""
    rng, truths = np.random.default_rng(seed), trial.truths(size, seed)
    design, likelihood = trial.source.design, trial.source.likelihood
    assert design is not None
    eta, theta = design.points.under(
        truths.beta, truths.intercept, truths.theta(likelihood), axis=-1
    )
    y = likelihood.sample(rng, eta, theta)
    return np.asarray(likelihood.log_density(y, eta, theta).sum(axis=1))


def misfit(trial: Trial, size: int, seed: int) -> Array:
    """The misfit's law under p(θ, y): χ² with n − 1 degrees of freedom, whatever the prior."""
    return np.random.default_rng(seed).chisquare(len(trial.X) - 1, size)


def effective(below: Array, draws: Array) -> float:
    """How many independent indicators (chain, step) are worth, chains being independent."""
    chains, length = below.shape
    ranks = np.argsort(np.argsort(draws, axis=None), axis=None).reshape(draws.shape)
    share = max(_within(below), _within(ranks.astype(float)), 0.0)
    return float(chains * length / (1.0 + (length - 1) * share))


def _within(values: Array) -> float:
    """Correlation of the steps of one chain; 1 where nothing varies."""
    total, length = float(values.var()), values.shape[1]
    if not total > 0.0:
        return 1.0
    return float((values.mean(axis=1).var() * length / total - 1.0) / (length - 1))


def _chain(
    trial: Trial, kernel: Any, at: Unknowns, rng: np.random.Generator
) -> Iterator[tuple[Unknowns, float]]:
    """θ and the misfit at each step of one joint chain."""
    root, flat = trial.root, trial.problem.flat
    degrees = len(trial.X) - 1 - len(root)
    state = None
    for _ in range(LENGTH):
        # Under flat priors θ and y may be moved together; else they would wander for ever.
        at.beta[:, flat] = 0.0
        y = root @ at.beta[0] + at.sigma[0] * rng.standard_normal(len(root))
        rest = at.sigma[0] * np.sqrt(rng.chisquare(degrees)) if degrees > 0 else 0.0
        given = trial.given_root(y, float(rest))
        setup = kernel.prepare(given)
        if state is None:
            state = kernel.advance(setup, kernel.start(setup, rng), rng, kernel.tune)[0]
        state, out = kernel.advance(setup, state, rng, 1)
        beta, intercept = given.coordinates.restore_draws(out["b"], out["sigma"], rng)
        at = Unknowns(beta, intercept, out["sigma"], out["scale"])
        size = (np.sum((y - root @ beta[0]) ** 2) + rest**2) / at.sigma[0] ** 2
        yield at, float(size)
