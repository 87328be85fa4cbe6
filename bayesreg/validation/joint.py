r"""Geweke's joint test: y | θ and one step of the engine's chain θ | y, in turn, keep p(θ, y).

The data are their sufficient statistics: with R'R = X'X, responses Rβ + σε of R and a residual sum
of squares σ²χ², so that a step costs the same for any n (Geweke 2004, "Getting it right: joint
distribution tests of posterior simulators", JASA 99(467), https://doi.org/10.1198/016214504000001132).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.validation.quantities import Unknowns, of_prior

if TYPE_CHECKING:
    from bayesreg.validation.trials import Trial

Array = NDArray[np.float64]

CHAINS = 4
_WARM_UP = 0.1  # of the steps: chains start where the engine likes, not at the prior
MISFIT = "misfit"


def alternate(trial: Trial, engine: Any, *, steps: int, seed: int) -> dict[str, Array]:
    """Quantities (chain, step) of θ along the joint chains, and the misfit ‖y − Xβ‖²/σ²."""
    streams = np.random.SeedSequence(seed).spawn(CHAINS)
    found = [_chain(trial, engine, steps, np.random.default_rng(s)) for s in streams]
    return {name: np.stack([one[name] for one in found]) for name in found[0]}


def misfit(trial: Trial, size: int, seed: int) -> Array:
    """The misfit's law under p(θ, y): χ² with n − 1 degrees of freedom, whatever the prior."""
    return np.random.default_rng(seed).chisquare(len(trial.X) - 1, size)


def _chain(trial: Trial, engine: Any, steps: int, rng: np.random.Generator) -> dict[str, Array]:
    """One joint chain."""
    kernel, problem, root = engine.KERNEL, trial.problem, trial.root
    degrees = len(trial.X) - 1 - len(root)
    at, state = trial.truths(1, int(rng.integers(2**62))), None
    warm = int(_WARM_UP * steps)
    beta = np.empty((steps, at.beta.shape[1]))
    sigma, scale, size = np.empty(steps), np.empty((steps, at.scale.shape[1])), np.empty(steps)
    for k in range(-warm, steps):
        y = root @ at.beta[0] + at.sigma[0] * rng.standard_normal(len(root))
        rest = at.sigma[0] * np.sqrt(rng.chisquare(degrees)) if degrees > 0 else 0.0
        given = trial.given_root(y, float(rest))
        setup = kernel.prepare(given)
        if state is None:
            state = kernel.start(setup, rng)
        state, out = kernel.advance(setup, state, rng, 1)
        at = _restored(given, out, rng)
        if k >= 0:
            beta[k], sigma[k], scale[k] = at.beta[0], at.sigma[0], at.scale[0]
            size[k] = (np.sum((y - root @ at.beta[0]) ** 2) + rest**2) / at.sigma[0] ** 2
        # Under flat priors θ and y may be moved together: without this they would wander for ever.
        at.beta[:, problem.flat] = 0.0
    values = of_prior(problem, Unknowns(beta, np.zeros(steps), sigma, scale))
    return {**values, MISFIT: size}


def _restored(problem: Any, out: dict[str, Array], rng: np.random.Generator) -> Unknowns:
    """θ in original units after one step; β_Flat is drawn as `restore_draws` does."""
    beta, intercept = problem.restore_draws(out["b"], out["sigma"], rng)
    return Unknowns(beta, intercept, out["sigma"], out["scale"])
