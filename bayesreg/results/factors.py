r"""Shrinkage factors κ per draw: those that the engine kept, or those that follow from its draws.

κ_j = 1/(1 + G_jj v_j/σ²) needs the prior variance v_j = s²·relative_j²·t_j of each coefficient. An
engine that draws the coefficients alone keeps no t_j, but t | b, s does not depend on the data: a
draw from that law beside each (b, s, σ) is a draw of the joint posterior, so that κ is as exact as
the draws are.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import numpy as np

from bayesreg.engines.draws import Draws
from bayesreg.language.arguments import Array
from bayesreg.model.blocks import Block
from bayesreg.priors.base import ScaleMixture


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
    kappa = 1.0 / (1.0 + np.square(problem.projection.norms) * ratio)
    said = "local variances drawn given coefficients and scale" if drawn else "from σ and scale"
    return kappa, said


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
    size = np.square(coefficients(draws, block) / sd)
    x = np.zeros((*draws.sigma.shape, len(block.sizes)))
    for j, group in enumerate(block.group):
        x[..., group] += size[..., j]
    return local_variances(prior.mixing, x, block.sizes, rng)[..., block.group]


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
    return np.asarray(b - problem.projection.loc[block.columns])
