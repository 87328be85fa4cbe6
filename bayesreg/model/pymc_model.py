"""The PyMC model of a Problem: its prior's and likelihood's nodes, composed on rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.language.errors import NotSupported
from bayesreg.priors import ScaleMixture

FAR, TINY = 1e4, 1e-300  # sds of a column that its mean may be away from 0

if TYPE_CHECKING:
    import pymc

    from bayesreg.model.blocks import Block


def compose(problem: Any) -> pymc.Model:
    """Build the ``pm.Model``: β₀ at the means, b per block; β, β₀ and ``mu`` are deterministic.

    ``mu`` is η = β₀ + x'β by row, there to be extended: ``pm.Potential``, another likelihood.

    Raises
    ------
    NotSupported
        If there are no rows, or PyMC is not installed.
    """
    try:
        import pymc as pm
        import pytensor.tensor as pt
    except ImportError as error:
        raise NotSupported("this needs PyMC: python -m pip install 'pymc>=6.3'") from error
    if problem.design is None:
        raise NotSupported(
            "a PyMC model on rows needs rows, and this problem was conditioned on Moments; "
            "condition on X and y, or sample with an engine that works from Moments"
        )
    design = problem.design
    index = np.arange(len(design.y)) if design.index is None else design.index
    coords: dict[str, Any] = {"feature": list(problem.features), "obs_id": list(index)}
    with pm.Model(coords=coords) as model:
        x = pm.Data("X", design.X, dims=("obs_id", "feature"))
        sigma = _sigma(problem)
        beta = _coefficients(problem, model, sigma)
        offset, centre = pt.dot(problem.x_mean, beta), 0.0
        if problem.intercept:
            guess = problem.likelihood.first_guess(design.y, design.frequencies)
            centre = pm.Flat("intercept_at_mean", initval=guess)
            pm.Deterministic("intercept", centre - offset)
        # Centring the rows at every gradient costs six times the product with them, and is worth
        # its cost only where a mean is so large that Xβ would lose digits which y needs.
        near = np.all(np.abs(problem.x_mean) <= FAR * np.maximum(problem.column_sd, TINY))
        eta = x @ beta + (centre - offset) if near else (x - problem.x_mean) @ beta + centre
        eta = pm.Deterministic("mu", eta, dims="obs_id")
        theta = {"sigma": sigma} if problem.likelihood.has_sigma else {}
        problem.likelihood.node("y", design.y, eta, theta, design.weights)
    return model


def _coefficients(problem: Any, model: pymc.Model, sigma: Any) -> Any:
    """β per unit of the original columns: b of every block and of the flat columns, unscaled."""
    import pymc as pm
    import pytensor.tensor as pt

    b, scales = pt.zeros(len(problem.features)), []
    for block in problem.blocks:
        scale, name = block.scale, _suffix("b", block.label, problem)
        if block.hyper is not None:
            scale = block.hyper.node(_suffix("scale", block.label, problem))
            scales.append(scale)
        columns = problem.proper[block.columns]
        model.add_coord(f"{name}_feature", [problem.features[j] for j in columns])
        b = pt.set_subtensor(b[columns], _block(problem, block, name, sigma, scale))
    if len(scales) > 1:
        model.add_coord("block", list(problem.unknown_scales))
        pm.Deterministic("scale", pt.stack(scales), dims="block")
    if len(problem.flat):
        model.add_coord("flat_feature", [problem.features[j] for j in problem.flat])
        b = pt.set_subtensor(b[problem.flat], pm.Flat("b_flat", dims="flat_feature"))
    return pm.Deterministic("beta", b / problem.x_sd, dims="feature")


def _block(problem: Any, block: Block, name: str, sigma: Any, scale: Any) -> Any:
    """The prior's own node, or loc + sd·z where columns share what their sds are made of."""
    import pymc as pm

    dims = f"{name}_feature"
    prior = block.prior
    if block.separable:
        effective = problem.effective_scale(block, sigma, scale) * np.ones(len(block.columns))
        return prior.node(name, effective, dims)
    assert isinstance(prior, ScaleMixture)
    sd = (prior.sd_node(name, scale, block.sizes) * np.ones(len(block.sizes)))[block.group]
    size = sd * block.relative * (sigma if prior.unit == "sigma" else 1.0)
    return pm.Deterministic(name, prior.loc + size * pm.Normal(f"{name}_z", dims=dims), dims=dims)


def _suffix(name: str, label: str, problem: Any) -> str:
    """`name`, or name_label where several blocks would share it."""
    several = len(problem.blocks) > 1 if name == "b" else len(problem.unknown_scales) > 1
    return f"{name}_{label}" if several else name


def _sigma(problem: Any) -> Any:
    """σ: its number, or its prior's node."""
    if problem.sigma is not None:
        return problem.sigma
    assert problem.sigma_prior is not None
    return problem.sigma_prior.node("sigma")
