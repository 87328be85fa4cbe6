"""Shrinkage factors of a run: those that the engine kept, or those that follow from its draws."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Iterator

import numpy as np

from bayesreg.data.moments import Moments
from bayesreg.engines.draws import Draws, mean_b, rows_of
from bayesreg.language.arguments import Array
from bayesreg.model.blocks import Block
from bayesreg.model.quadratic import Quadratic
from bayesreg.priors.base import ScaleMixture


def with_factors(draws: Draws) -> Draws:
    """The same draws with κ, drawn here if it was not kept; as they are if it does not follow."""
    if draws.kappa is not None or not draws.problem.p:
        return draws
    return dataclasses.replace(draws, kappa=shrinkage_factors(draws)[0])


def shrinkage_factors(draws: Draws) -> tuple[Array | None, str]:
    """κ (chain, draw, p) of the proper columns and how it was had; None with the reason if not.

    Parameters
    ----------
    draws : Draws
        Any engine's. Local variances that are drawn here come from a stream of the run's own seed.
    """
    if draws.kappa is not None:
        return draws.kappa, "kept by the engine"
    problem = draws.problem
    rng = np.random.default_rng([draws.seed, zlib.crc32(b"local variances")])
    ratio = np.empty((*draws.sigma.shape, problem.p))
    drawn = False
    for block, scale in scales_of(draws):
        sd = problem.effective_scale(block, draws.sigma[..., None], scale[..., None])
        t = _local(draws, block, sd, rng)
        if t is None:
            return None, (
                f"engine {draws.engine!r} draws the coefficients of "
                f"{type(block.prior).__name__} without their local scales, and these do not follow "
                "from the coefficients alone; sample(problem, engine='gibbs') keeps κ"
            )
        ratio[..., block.columns] = np.square(sd / draws.sigma[..., None]) * t
        drawn |= t.size > 1
    norms = curvature_of(draws).norms
    kappa = 1.0 / (1.0 + np.square(norms) * ratio)
    said = "from σ and scale" if problem.likelihood.has_sigma else "from the scale"
    said = "local variances drawn given coefficients and scale" if drawn else said
    return kappa, said


def curvature_of(draws: Draws) -> Quadratic:
    """The quadratic whose G defines κ: the loss's own, or what stands for it at posterior means.

    Where the likelihood has no σ, that which touches the loss at the mean of b, its own unknowns at
    their medians. Under noise that is not Gaussian the curvature of single rows says nothing (that
    of |y − η| is 0 or ∞, and a t's may be negative): there the information of a row stands for it,
    which is the same for all, in units of 1/σ².
    """
    problem = draws.problem
    if problem.exact:
        return problem.quadratic
    own = {name: float(np.median(values)) for name, values in draws.theta.items()}
    known = problem.at(**{k: v for k, v in own.items() if k in problem.unknown})
    if not problem.likelihood.has_sigma:
        return known.quadratic_at(mean_b(draws))
    design, coordinates = rows_of(problem), problem.coordinates
    information = problem.likelihood.information(np.zeros(design.n), {**own, "sigma": 1.0})
    weights = design.frequencies * information
    moments = Moments.of(design.X, design.target, weights, problem.features, warn=False)
    return Quadratic.of(
        moments, problem.flat, problem.x_sd, coordinates.loc, intercept=problem.intercept
    )


def _local(draws: Draws, block: Block, sd: Array, rng: np.random.Generator) -> Array | None:
    """t (chain, draw, columns of the block) given the coefficients; None where they do not tell."""
    prior = block.prior
    if not isinstance(prior, ScaleMixture):
        return None
    if prior.mixing.law == "constant":
        return np.ones(1)
    from bayesreg.engines.loops.local_variances import ALONE, local_variances

    if prior.mixing.law not in ALONE:
        return None
    with np.errstate(over="ignore", divide="ignore"):  # the draws of t know what is out of range
        size = np.square(coefficients(draws, block) / sd)
    x = np.zeros((*draws.sigma.shape, len(block.sizes)))
    for j, group in enumerate(block.group):
        x[..., group] += size[..., j]
    return local_variances(prior, x, block.sizes, rng)[..., block.group]


def scales_of(draws: Draws) -> Iterator[tuple[Block, Array]]:
    """Each block with the draws (chain, draw) of its scale; a known one is constant."""
    at = {label: k for k, label in enumerate(draws.scale_labels)}
    for block in draws.problem.blocks:
        if block.scale is None:
            yield block, draws.scale[..., at[block.label]]
        else:
            yield block, np.full(draws.sigma.shape, block.scale)


def coefficients(draws: Draws, block: Block) -> Array:
    """b_j − loc_j (chain, draw, columns of the block), in the coordinates of the prior."""
    problem = draws.problem
    columns = problem.proper[block.columns]
    b = draws.beta[..., columns] * problem.x_sd[columns]
    return np.asarray(b - problem.coordinates.loc[block.columns])
