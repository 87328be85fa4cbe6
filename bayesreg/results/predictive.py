"""Prediction from draws: means and sds in two passes over columns, replicates, prior predictive."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np

from bayesreg.diagnostics import log_likelihood_blocks, to_tree
from bayesreg.engines.draws import Draws, pooled
from bayesreg.engines.prior import prior_draws
from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadArgument, NotSupported
from bayesreg.model.problem import Problem
from bayesreg.results.map_fit import KINDS

# Rows are taken in blocks of this many, so that no second copy of X is ever made.
ROWS = 16384
CELLS = 2**20  # numbers in one array of rows × draws


def predicted(draws: Draws, rows: Array, kind: str, *, return_std: bool) -> Any:
    """E(y | draws) of new rows, or of η = β₀ + x'β with kind "linear"; and its sd on request."""
    if kind not in KINDS:
        raise BadArgument(f"kind must be one of {', '.join(KINDS)}, not {kind!r}")
    linear = draws.problem.likelihood.link == "identity"
    if kind == "linear" or linear:
        return _of_eta(draws, rows, noise=kind == "mean", return_std=return_std)
    beta = pooled(draws.beta)
    intercept, likelihood = draws.intercept.reshape(-1), draws.problem.likelihood
    theta = {name: value.reshape(-1) for name, value in draws.theta.items()}
    mean, variance = np.empty(len(rows)), np.empty(len(rows))
    size = max(1, CELLS // len(beta))
    for start in range(0, len(rows), size):
        part = slice(start, start + size)
        eta = rows[part] @ beta.T + intercept
        centre = likelihood.mean(eta, theta)
        mean[part] = centre.mean(axis=1)
        variance[part] = likelihood.variance(eta, theta).mean(axis=1) + centre.var(axis=1)
    return (mean, np.sqrt(variance)) if return_std else mean


def _of_eta(draws: Draws, rows: Array, *, noise: bool, return_std: bool) -> Any:
    """Mean of β₀ + x'β and, on request, √(E σ² + Var(β₀ + x'β)), without E σ² but for `noise`."""
    beta = pooled(draws.beta)
    intercept = draws.intercept.reshape(-1)
    centre = beta.mean(axis=0)
    mean = rows @ centre + intercept.mean()
    if not return_std:
        return mean
    # Var(β₀ + x'β) = ‖F'(1, x)‖² with F a root of the draws' covariance.
    joint = np.column_stack([intercept, beta])
    joint -= joint.mean(axis=0)
    own = float(np.mean(draws.sigma**2)) if noise else 0.0
    # About the column means, where intercept and slopes are nearly uncorrelated, nothing cancels.
    x_mean = draws.problem.x_mean
    joint[:, 0] += joint[:, 1:] @ x_mean
    factor = np.linalg.qr(joint, mode="r").T / np.sqrt(len(joint) - 1)
    variance = np.empty(len(rows))
    for start in range(0, len(rows), ROWS):
        block = rows[start : start + ROWS] - x_mean
        spread = block @ factor[1:] + factor[0]
        variance[start : start + ROWS] = np.einsum("ij,ij->i", spread, spread)
    return mean, np.sqrt(own + variance)


def thinned(draws: Draws, count: int) -> Draws:
    """At most `count` of the draws, evenly spaced over all chains, as one chain."""
    shape = draws.sigma.shape
    pick = np.linspace(0, draws.sigma.size - 1, min(count, draws.sigma.size)).astype(int)

    def kept(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: kept(one) for name, one in value.items()}
        if isinstance(value, np.ndarray) and value.shape[:2] == shape:
            return value.reshape(draws.sigma.size, *value.shape[2:])[pick][None]
        return value

    return replace(draws, **{f.name: kept(getattr(draws, f.name)) for f in fields(draws)})


def replicate(draws: Draws, rows: Array | None, seed: int | None) -> Array:
    """Replicated y (chain, draw, rows), noise included, for every draw."""
    rows = _rows(draws.problem) if rows is None else rows
    rng = np.random.default_rng(seed)
    eta = draws.beta @ rows.T + draws.intercept[..., None]
    theta = {name: value[..., None] for name, value in draws.theta.items()}
    return draws.problem.likelihood.sample(rng, eta, theta)


def extend_tree(
    draws: Draws,
    *,
    log_likelihood: bool,
    posterior_predictive: bool,
    prior: bool,
    seed: int | None,
    memory: float,
) -> Any:
    """The DataTree with the groups asked for, after a check of memory."""
    problem = draws.problem
    rows = _rows(problem)
    chains, length = draws.sigma.shape
    groups = int(log_likelihood) + int(posterior_predictive) + int(prior)
    need = 8.0 * chains * length * len(rows) * groups
    if need > memory:
        raise BadArgument(
            f"draws × rows × {groups} group(s) need {need / 1e9:.1f} GB, above memory="
            f"{memory / 1e9:.1f} GB; use post.loo(), which streams, or fewer draws"
        )
    import xarray as xr

    tree = to_tree(draws)
    coords = {"chain": np.arange(chains), "draw": np.arange(length)}
    coords["obs_id"] = tree["observed_data"]["y"].coords["obs_id"].to_numpy()
    dims = ("chain", "draw", "obs_id")
    if log_likelihood:
        values = np.concatenate(list(log_likelihood_blocks(draws)), axis=-1)
        tree["log_likelihood"] = xr.DataTree(xr.Dataset({"y": (dims, values)}, coords))
    if posterior_predictive:
        values = replicate(draws, None, seed)
        tree["posterior_predictive"] = xr.DataTree(xr.Dataset({"y": (dims, values)}, coords))
    if prior:
        _add_prior(tree, draws, rows, coords, seed)
    return tree


def _add_prior(
    tree: Any, draws: Draws, rows: Array, coords: dict[str, Any], seed: int | None
) -> None:
    """Groups `prior` and `prior_predictive`, labelled with what they were conditioned on."""
    import xarray as xr

    shape = draws.sigma.shape
    values, label = prior_draws(draws.problem, shape[0] * shape[1], seed)
    rng = np.random.default_rng(None if seed is None else [seed, 1])
    eta = values["beta"] @ rows.T + values["intercept"][:, None]
    theta = {name: values[name][:, None] for name in draws.theta}
    y = draws.problem.likelihood.sample(rng, eta, theta)
    dims = ("chain", "draw")
    keep: dict[str, Any] = {
        "beta": ((*dims, "feature"), values["beta"].reshape(*shape, -1)),
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
    data = xr.Dataset({"y": ((*dims, "obs_id"), y.reshape(*shape, -1))}, coords)
    tree["prior_predictive"] = xr.DataTree(data.assign_attrs(label=label))


def _rows(problem: Problem) -> Array:
    if problem.design is None:
        raise NotSupported(
            "this needs rows, and the problem was conditioned on Moments; condition on X and y"
        )
    return problem.design.X
