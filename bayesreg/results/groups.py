"""The groups of ArviZ that hold draws × rows: log likelihood, replicates, prior predictive.

ArviZ counts every row once. Rows of whole frequencies are therefore written out, as often as they
count, in every group by row, so that ``az.loo``, ``az.compare``, ``az.psense_summary``,
``az.loo_pit`` and predictive checks see the data that the posterior saw. Other weights are refused.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from bayesreg.data.known import Points
from bayesreg.diagnostics import log_likelihood_blocks, to_tree
from bayesreg.engines.draws import Draws, Rows
from bayesreg.engines.prior import prior_draws
from bayesreg.language.errors import NotSupported
from bayesreg.model.problem import Problem
from bayesreg.results.predictive import points_of, refuse_large, replicate


class Wanted(NamedTuple):
    """Which groups are asked for."""

    log_likelihood: bool
    posterior_predictive: bool
    prior: bool


def extend_tree(draws: Draws, wanted: Wanted, *, seed: int | None, memory: float) -> Any:
    """The DataTree with the groups asked for, after a check of memory."""
    points, groups = points_of(draws.problem), sum(wanted)
    if not groups:
        return to_tree(draws)
    at = written_out(draws.problem)
    refuse_large(draws.sigma.size, len(at), groups, memory)
    import xarray as xr

    tree = to_tree(draws, at)
    chains, length = draws.sigma.shape
    coords = {"chain": np.arange(chains), "draw": np.arange(length)}
    coords["obs_id"] = tree["observed_data"]["y"].coords["obs_id"].to_numpy()
    dims = ("chain", "draw", "obs_id")
    if wanted.log_likelihood:
        values = np.concatenate(list(log_likelihood_blocks(draws)), axis=-1)
        values = values if len(at) == values.shape[-1] else values[..., at]
        tree["log_likelihood"] = xr.DataTree(xr.Dataset({"y": (dims, values)}, coords))
    if wanted.posterior_predictive:
        values = replicate(draws, points.take(at), seed, memory)
        tree["posterior_predictive"] = xr.DataTree(xr.Dataset({"y": (dims, values)}, coords))
    if wanted.prior:
        _add_prior(tree, draws, points.take(at), coords, seed)
    return tree


def written_out(problem: Problem) -> Rows:
    """Positions of the rows, each as often as it counts.

    Raises
    ------
    NotSupported
        If some weight is no whole number.
    """
    assert problem.design is not None
    weights = problem.design.frequencies
    times = np.rint(weights)
    if not np.array_equal(times, weights):
        row = int(np.flatnonzero(times != weights)[0])
        raise NotSupported(
            f"ArviZ counts every row once, and row {row} counts {weights[row]:g} times: rows of "
            "whole frequencies are written out for it, and no part of a row can be; use "
            "post.loo(), br.compare, post.r2() and post.rmse(), which know weights, or post.tree, "
            "which has no group by row and draw"
        )
    return np.repeat(np.arange(len(weights)), times.astype(np.intp))


def _add_prior(
    tree: Any, draws: Draws, points: Points, coords: dict[str, Any], seed: int | None
) -> None:
    """Groups `prior` and `prior_predictive`, labelled with what they were conditioned on."""
    import xarray as xr

    shape = draws.sigma.shape
    values, label = prior_draws(draws.problem, draws.sigma.size, seed)
    rng = np.random.default_rng(None if seed is None else [seed, 1])
    own = {name: values[name] for name in draws.theta}
    at = points.under(values["beta"], values["intercept"], own, axis=-1)
    y = draws.problem.likelihood.sample(rng, *at)
    dims = ("chain", "draw")
    keep: dict[str, Any] = {
        "beta": ((*dims, "feature"), values["beta"].reshape(draws.beta.shape)),
        "intercept": (dims, values["intercept"].reshape(shape)),
    }
    keep |= {name: (dims, values[name].reshape(shape)) for name in draws.theta}
    scale = values.get("scale")
    if scale is not None and scale.shape[1] == 1:
        keep["scale"] = (dims, scale.reshape(shape))
    elif scale is not None:
        keep["scale"] = ((*dims, "block"), scale.reshape(*shape, -1))
    names = {**{k: coords[k] for k in dims}, "feature": list(draws.problem.features)}
    if "scale" in keep and keep["scale"][0][-1] == "block":
        names["block"] = list(draws.scale_labels)
    tree["prior"] = xr.DataTree(xr.Dataset(keep, names, attrs={"label": label}))
    data = xr.Dataset({"y": ((*dims, "obs_id"), y.reshape(*shape, len(points)))}, coords)
    tree["prior_predictive"] = xr.DataTree(data.assign_attrs(label=label))
