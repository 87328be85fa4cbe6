"""Prediction from draws: means and sds in two passes over columns, and replicates."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np

from bayesreg.data.known import Points
from bayesreg.engines.draws import Draws, pooled
from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadArgument, NotSupported
from bayesreg.model.problem import Problem
from bayesreg.results.map_fit import KINDS

# Rows are taken in blocks of this many, so that no second copy of X is ever made.
ROWS = 16384
CELLS = 2**20  # numbers in one array of rows × draws
MEMORY = 4e9  # bytes that arrays of draws × rows may take unless more is allowed


def predicted(draws: Draws, points: Points, kind: str, *, return_std: bool) -> Any:
    """E(y | draws) of new rows, or of η = β₀ + x'β with kind "linear"; and its sd on request."""
    if kind not in KINDS:
        raise BadArgument(f"kind must be one of {', '.join(KINDS)}, not {kind!r}")
    if kind == "linear" or draws.problem.likelihood.link == "identity":
        return _of_eta(draws, points, noise=kind == "mean", return_std=return_std)
    beta = pooled(draws.beta)
    intercept, likelihood = draws.intercept.reshape(-1), draws.problem.likelihood
    own = {name: value.reshape(-1) for name, value in draws.theta.items()}
    mean, variance = np.empty(len(points)), np.empty(len(points))
    size = max(1, CELLS // len(beta))
    for start in range(0, len(points), size):
        part = slice(start, start + size)
        eta, theta = points.take(part).under(beta, intercept, own)
        centre = likelihood.mean(eta, theta)
        mean[part] = centre.mean(axis=1)
        variance[part] = likelihood.variance(eta, theta).mean(axis=1) + centre.var(axis=1)
    return (mean, np.sqrt(variance)) if return_std else mean


def _of_eta(draws: Draws, points: Points, *, noise: bool, return_std: bool) -> Any:
    """Mean of η and, on request, √(E Var(y | η) + Var η), the first of them only with `noise`."""
    beta, rows = pooled(draws.beta), points.x
    intercept = draws.intercept.reshape(-1)
    centre = beta.mean(axis=0)
    mean = points.known.added_to(rows @ centre + intercept.mean(), -1)
    if not return_std:
        return mean
    # Var(β₀ + x'β) = ‖F'(1, x)‖² with F a root of the draws' covariance.
    joint = np.column_stack([intercept, beta])
    joint -= joint.mean(axis=0)
    own = float(np.mean(draws.problem.likelihood.variance(0.0, draws.theta))) if noise else 0.0
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


def replicate(
    draws: Draws, points: Points | None, seed: int | None, memory: float = MEMORY
) -> Array:
    """Replicated y (chain, draw, rows), noise included, for every draw.

    A block of draws at a time, in their order, so that blocks do not change the noise.
    """
    rows = points_of(draws.problem) if points is None else points
    refuse_large(draws.intercept.size, len(rows), 1, memory)
    rng, beta, intercept = np.random.default_rng(seed), pooled(draws.beta), pooled(draws.intercept)
    theta = {name: pooled(value) for name, value in draws.theta.items()}
    out = np.empty((len(beta), len(rows)))
    size = max(1, CELLS // max(1, len(rows)))
    for start in range(0, len(beta), size):
        part = slice(start, start + size)
        own = {name: value[part] for name, value in theta.items()}
        out[part] = draws.problem.likelihood.sample(
            rng, *rows.under(beta[part], intercept[part], own, axis=-1)
        )
    return out.reshape(*draws.intercept.shape, len(rows))


def refuse_large(draws: int, rows: int, arrays: int, memory: float) -> None:
    """BadArgument where arrays of draws × rows would not fit; the one check of their size."""
    need = 8.0 * draws * rows * arrays
    if need > memory:
        raise BadArgument(
            f"{draws} draws × {rows} rows{f' × {arrays} groups' if arrays > 1 else ''} need "
            f"{need / 1e9:.1f} GB, above memory={memory:.3g} bytes ({memory / 1e9:.1f} GB); take "
            "fewer draws (draws=), rows in blocks, or what needs no such array: post.predict, "
            "post.loo() and post.r2() stream"
        )


def points_of(problem: Problem) -> Points:
    """The fit's own rows, or why there are none."""
    if problem.design is None:
        raise NotSupported(f"this needs rows, and {problem.rowless}; condition on X and y")
    return problem.design.points
