"""Prediction from draws: means and sds in two passes over columns, and replicates."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np

from bayesreg.engines.draws import Draws, pooled
from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadArgument, NotSupported
from bayesreg.model.problem import Problem
from bayesreg.results.map_fit import KINDS

# Rows are taken in blocks of this many, so that no second copy of X is ever made.
ROWS = 16384
CELLS = 2**20  # numbers in one array of rows × draws
MEMORY = 4e9  # bytes that arrays of draws × rows may take unless more is allowed


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


def replicate(draws: Draws, rows: Array | None, seed: int | None, memory: float = MEMORY) -> Array:
    """Replicated y (chain, draw, rows), noise included, for every draw.

    A block of draws at a time, in their order, so that blocks do not change the noise.
    """
    rows = rows_in(draws.problem) if rows is None else rows
    refuse_large(draws.intercept.size, len(rows), 1, memory)
    rng, beta, intercept = np.random.default_rng(seed), pooled(draws.beta), pooled(draws.intercept)
    theta = {name: pooled(value)[:, None] for name, value in draws.theta.items()}
    out = np.empty((len(beta), len(rows)))
    size = max(1, CELLS // max(1, len(rows)))
    for start in range(0, len(beta), size):
        part = slice(start, start + size)
        eta = beta[part] @ rows.T + intercept[part, None]
        own = {name: value[part] for name, value in theta.items()}
        out[part] = draws.problem.likelihood.sample(rng, eta, own)
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


def rows_in(problem: Problem) -> Array:
    """X of the rows, or why there are none."""
    if problem.design is None:
        raise NotSupported(
            "this needs rows, and the problem was conditioned on Moments; condition on X and y"
        )
    return problem.design.X
