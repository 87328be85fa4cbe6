"""The PyMC model of a Problem: its prior's and likelihood's nodes, composed on rows.

What a posterior's tree holds are free variables here, under the same names and coords: PyMC takes
from a trace only what is free, and draws anew whatever else is. How each is sampled is said by a
transform and never by another variable: σ and scales by their logarithms, β₀ at the means of the
columns, β as b, the coefficients of the penalty, or as z where b = loc + sd·z with a random sd.
Reference for the last: Papaspiliopoulos, Roberts & Sköld (2007), "A general framework for the
parametrization of hierarchical models", Statistical Science 22(1).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.language.arguments import Array
from bayesreg.language.errors import NotSupported
from bayesreg.priors import Majorised, ScaleMixture

FAR, TINY = 1e4, 1e-300  # sds of a column that its mean may be away from 0

if TYPE_CHECKING:
    import pymc

    from bayesreg.model.blocks import Block


def compose(problem: Any) -> pymc.Model:
    """Build the ``pm.Model``: beta, intercept, sigma and scale are free, ``mu`` is η by row.

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
            f"a PyMC model on rows needs rows, and {problem.rowless}; "
            "condition on X and y, or sample with an engine that works from Moments"
        )
    design = problem.design
    coords = {"feature": list(problem.features), "obs_id": design.obs_id}
    with pm.Model(coords=coords) as model:
        x = pm.Data("X", design.X, dims=("obs_id", "feature"))
        theta = {
            name: own if isinstance(own, float) else own.node(name)
            for name, own in problem.own.items()
        }
        sigma = theta.get("sigma", 1.0)
        beta = _beta(problem, sigma, _scales(problem, model))
        intercept = _intercept(problem, pt.dot(problem.x_mean, beta)) if problem.intercept else 0.0
        # Centring the rows at every gradient costs six times the product with them, and is worth
        # its cost only where a mean is so large that Xβ would lose digits which y needs.
        if np.all(np.abs(problem.x_mean) <= FAR * np.maximum(problem.column_sd, TINY)):
            eta = x @ beta + intercept
        else:
            eta = (x - problem.x_mean) @ beta + (intercept + pt.dot(problem.x_mean, beta))
        for name in ("offset", "trials"):
            if (values := getattr(design, name)) is not None:
                theta[name] = pm.Data(name, values, dims="obs_id")
        eta = pm.Deterministic("mu", eta + theta.pop("offset", 0.0), dims="obs_id")
        problem.likelihood.node("y", design.y, eta, theta, design.weights)
    return model


def _intercept(problem: Any, shift: Any) -> Any:
    """β₀ at x = 0, with a flat density; sampled as β₀ + `shift`, its value at the means."""
    import pymc as pm
    import pytensor.tensor as pt

    design = problem.design
    guess = problem.likelihood.first_guess(
        design.y, design.frequencies, problem.own | design.known.facts(-1)
    )
    return pm.CustomDist(
        "intercept",
        shift,
        logp=lambda value, _shift: pt.zeros_like(value),
        random=_improper("the intercept"),
        support_point=lambda _rv, _size, shift: guess - shift,
        transform=_affine("at_mean", lambda shift: (-shift, 1.0)),
        class_name="Flat",
    )


def _scales(problem: Any, model: pymc.Model) -> list[Any]:
    """The scale of each block: its number, or its part of the variable ``scale``."""
    hypers = [block.hyper for block in problem.blocks if block.hyper is not None]
    if not hypers:
        return [block.scale for block in problem.blocks]
    if len(hypers) == 1:
        unknown = [hypers[0].node("scale")]
    else:
        model.add_coord("block", list(problem.unknown_scales))
        joint = _side_by_side(hypers)
        unknown = [joint[k] for k in range(len(hypers))]
    left = iter(unknown)
    return [block.scale if block.hyper is None else next(left) for block in problem.blocks]


def _side_by_side(hypers: list[Any]) -> Any:
    """The scales of several blocks as one vector, each with its own density and transform."""
    import pymc as pm
    import pytensor.tensor as pt

    with pm.Model(model=None) as aside:
        nodes = [hyper.node(f"scale_{k}") for k, hyper in enumerate(hypers)]
    ways = [(aside.rvs_to_transforms[node], node.owner.inputs) for node in nodes]

    def each(method: str) -> Callable[..., Any]:
        def apply(value: Any, *_: Any) -> Any:
            parts = [getattr(way, method)(value[k], *rest) for k, (way, rest) in enumerate(ways)]
            return pt.stack(parts)

        return apply

    def random(rng: Any = None, size: Any = None) -> Array:
        (*lead, _) = (len(hypers),) if size is None else size
        return np.stack([hyper.sample(rng, tuple(lead)) for hyper in hypers], axis=-1)

    return pm.CustomDist(
        "scale",
        logp=lambda value: pt.stack([pm.logp(node, value[k]) for k, node in enumerate(nodes)]),
        random=random,
        support_point=lambda rv, _size: pt.ones_like(rv),
        transform=_transform("each", each("forward"), each("backward"), each("log_jac_det")),
        dims="block",
        class_name="Scales",
    )


def _beta(problem: Any, sigma: Any, scales: list[Any]) -> Any:
    """β per unit of the original columns, as one variable over all of them."""
    import pymc as pm
    import pytensor.tensor as pt

    count = len(problem.features)
    if count == 0:
        return pm.Deterministic("beta", pt.zeros(0), dims="feature")
    spread, loc, normal = pt.ones(count), np.zeros(count), np.zeros(count, dtype=bool)
    for block, scale in zip(problem.blocks, scales, strict=True):
        columns = problem.proper[block.columns]
        loc[columns], normal[columns] = block.prior.loc, not _has_density(block)
        size = _spread(problem, block, sigma, scale) * np.ones(len(columns))
        spread = pt.set_subtensor(spread[columns], size)
    start, shift = loc / problem.x_sd, loc * normal / problem.x_sd

    def by(spread: Any) -> tuple[Any, Any]:
        return shift, (pt.switch(normal, spread, 1.0) if normal.any() else 1.0) / problem.x_sd

    return pm.CustomDist(
        "beta",
        spread,
        logp=lambda value, spread: _log_prior(problem, value, spread),
        random=_drawn(problem),
        support_point=lambda _rv, _size, spread: start + pt.zeros_like(spread),
        transform=_affine("penalised", by),
        dims="feature",
        class_name="Coefficients",
    )


def _has_density(block: Block) -> bool:
    """Whether the prior of each b given the scale is its own PyMC node, and so a density."""
    return block.separable and isinstance(block.prior, Majorised)


def _spread(problem: Any, block: Block, sigma: Any, scale: Any) -> Any:
    """What the density of a block's b is told: effective scales, or the random sds of normals."""
    if _has_density(block):
        return problem.effective_scale(block, sigma, scale)
    prior = block.prior
    assert isinstance(prior, ScaleMixture)
    several = len(problem.blocks) > 1
    name = f"b_{block.label}" if several else "b"
    sd = (prior.sd_node(name, scale, block.sizes) * np.ones(len(block.sizes)))[block.group]
    return sd * block.relative * (sigma if prior.unit == "sigma" else 1.0)


def _log_prior(problem: Any, value: Any, spread: Any) -> Any:
    """Log density of each β: that of b = x_sd·β from the prior's own node, per unit of β."""
    import pymc as pm
    import pytensor.tensor as pt

    b, out = value * problem.x_sd, pt.zeros_like(value)
    for block in problem.blocks:
        columns = problem.proper[block.columns]
        with pm.Model(model=None):
            node = pm.Normal("b", block.prior.loc, spread[columns])
            if _has_density(block):
                node = block.prior.node("b_j", spread[columns], None)
        density = pm.logp(node, b[columns]) + np.log(problem.x_sd[columns])
        out = pt.set_subtensor(out[columns], density)
    return out


def _drawn(problem: Any) -> Callable[..., Array]:
    """β from the prior, by the prior's own draws."""

    def random(spread: Array, rng: Any = None, size: Any = None) -> Array:
        if len(problem.flat):
            _improper(f"column {problem.features[problem.flat[0]]!r}")()
        spread = np.broadcast_to(spread, np.shape(spread) if size is None else tuple(size))
        b = np.empty(spread.shape)
        for block in problem.blocks:
            columns = problem.proper[block.columns]
            sd = spread[..., columns]
            if _has_density(block):
                b[..., columns] = block.prior.sample(rng, sd.shape, sd)
            else:
                b[..., columns] = block.prior.loc + sd * rng.standard_normal(sd.shape)
        return np.asarray(b / problem.x_sd)

    return random


def _improper(what: str) -> Callable[..., Array]:
    """In place of draws from a flat prior."""

    def random(*_: Any, **__: Any) -> Array:
        raise NotSupported(
            f"the prior of {what} is flat, so nothing can be drawn from it; "
            "post.to_arviz(prior=True) has prior draws with what is flat held fixed"
        )

    return random


def _affine(name: str, by: Callable[..., tuple[Any, Any]]) -> Any:
    """The transform of value = shift + unit·u to u; `by` makes shift and unit of the parameter."""
    import pytensor.tensor as pt

    def forward(value: Any, _rng: Any, _size: Any, parameter: Any) -> Any:
        shift, unit = by(parameter)
        return (value - shift) / unit

    def backward(u: Any, _rng: Any, _size: Any, parameter: Any) -> Any:
        shift, unit = by(parameter)
        return shift + unit * u

    def log_jac_det(u: Any, _rng: Any, _size: Any, parameter: Any) -> Any:
        return pt.log(by(parameter)[1]) + pt.zeros_like(u)

    return _transform(name, forward, backward, log_jac_det)


def _transform(
    name: str,
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    log_jac_det: Callable[..., Any],
) -> Any:
    """PyMC's record of a change of variable, elementwise."""
    from pymc.logprob.transforms import Transform

    methods = {"forward": forward, "backward": backward, "log_jac_det": log_jac_det}
    as_methods = {key: staticmethod(function) for key, function in methods.items()}
    return type("Change", (Transform,), {"name": name, "ndim_supp": 0, **as_methods})()
