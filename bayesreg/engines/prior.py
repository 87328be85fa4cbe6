"""Draws from the prior: what the model expects before it sees y."""

from __future__ import annotations

import numpy as np

from bayesreg.language.arguments import Array
from bayesreg.model.problem import Problem


def prior_draws(problem: Problem, size: int, seed: int | None) -> tuple[dict[str, Array], str]:
    """Draws of σ, scale, β, β₀ and y from the prior, and the label that says what was conditioned.

    Improper parts are held at stated values: σ at the sd of the projected y, β₀ and Flat
    coefficients at their least-squares values given the rest.
    """
    rng = np.random.default_rng(seed)
    centre = "β₀ so that the mean prediction is ȳ" if problem.exact else "β₀ at its best given b"
    theta, held = _own(problem, size, rng)
    sigma = theta.pop("sigma")
    b = np.zeros((size, problem.p))
    scales = []
    for block in problem.blocks:
        scale = np.full(size, block.scale) if block.hyper is None else block.hyper.sample(rng, size)
        if block.hyper is not None:
            scales.append(scale)
        b[:, block.columns] = block.sample(rng, scale, sigma)
    if problem.intercept:
        held.append(centre)
    if len(problem.flat):
        held.append("Flat coefficients at least squares given the rest")
    if not problem.exact and problem.unknown:  # what is best beside b depends on θ: at its median
        values = theta | {"sigma": sigma}
        settled = {name: float(np.median(values[name])) for name in problem.unknown}
        problem = problem.at(**settled)
    beta, intercept = problem.restore(b)
    out = {"beta": beta, "intercept": intercept, "sigma": sigma, **theta}
    if scales:
        out["scale"] = np.column_stack(scales)
    label = "prior predictive" if not held else "conditional prior predictive"
    return out, label + (f": {'; '.join(held)}" if held else "")


def _own(
    problem: Problem, size: int, rng: np.random.Generator
) -> tuple[dict[str, Array], list[str]]:
    """Draws of θ by name, σ = 1 where there is none, and what of it is held."""
    theta, held = {"sigma": np.ones(size)}, list[str]()
    for name, own in problem.own.items():
        if isinstance(own, float):
            theta[name] = np.full(size, own)
        elif own.proper:
            theta[name] = own.sample(rng, size)
        else:  # of σ alone: a likelihood refuses any other law that is none
            value = float(np.sqrt(problem.least_squares.yy / max(problem.nu, 1.0)))
            theta[name] = np.full(size, value)
            held.append(f"σ = {value:.4g} (sd of y)")
    return theta, held
