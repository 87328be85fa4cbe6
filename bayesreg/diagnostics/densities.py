"""Log prior and log posterior density of draws, for ArviZ's `log_prior` and `lp`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bayesreg.language.arguments import Array

if TYPE_CHECKING:
    from bayesreg.engines.draws import Draws


def log_prior(draws: Draws) -> dict[str, Array]:
    """Log prior density of β (chain, draw, feature) in penalised coordinates, σ and scale.

    Flat parts contribute 0; p(σ²) ∝ 1/σ² contributes its density per dσ, as everywhere here. β is
    left out where its density given σ and scale is no product over columns (grouped columns, R2D2,
    the slab of a regularised horseshoe): there it is known only with the local scales.
    """
    problem = draws.problem
    b = draws.beta * problem.x_sd
    beta = np.zeros(draws.beta.shape)
    unknown = {label: k for k, label in enumerate(draws.scale_labels)}
    scales = np.zeros(draws.scale.shape)
    for block in problem.blocks:
        columns = problem.proper[block.columns]
        s = np.full(draws.sigma.shape, block.scale or 0.0)
        if block.hyper is not None:
            s = draws.scale[..., unknown[block.label]]
            scales[..., unknown[block.label]] = block.hyper.log_density(s)
        effective = s[..., None] * block.relative
        if block.prior.unit == "sigma":
            effective = effective * draws.sigma[..., None]
        if block.separable:
            beta[..., columns] = block.prior.log_density(b[..., columns], effective)
    out = {"beta": beta} if all(block.separable for block in problem.blocks) else {}
    if problem.sigma_prior is not None:
        out["sigma"] = np.asarray(problem.sigma_prior.log_density(draws.sigma))
    if draws.scale_labels:
        out["scale"] = scales if len(draws.scale_labels) > 1 else scales[..., 0]
    return out


def log_posterior(draws: Draws, prior: dict[str, Array]) -> Array:
    """Log likelihood plus log prior (chain, draw), from cross-products: rows are not read."""
    moments, n = draws.problem.moments, draws.problem.n
    full = np.concatenate([-draws.beta, np.ones((*draws.sigma.shape, 1))], axis=-1)
    if moments.root is not None:
        rss = np.square(full @ moments.root.T).sum(axis=-1)
    else:
        rss = np.einsum("cdi,cdi->cd", full @ moments.cross, full)
    rss = rss + n * np.square(moments.y_mean - draws.intercept - draws.beta @ moments.x_mean)
    likelihood = -0.5 * n * np.log(2 * np.pi * draws.sigma**2) - 0.5 * rss / draws.sigma**2
    total = sum(v.reshape(*draws.sigma.shape, -1).sum(axis=-1) for v in prior.values())
    return np.asarray(likelihood + total)
