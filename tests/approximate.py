"""Posteriors by a normal approximation at the mode: draws under any likelihood, without an engine.

For the laws of what is told of a posterior (scores, figures, findings, reports), which hold for any
draws. β, β₀ and the logs of σ, shape and df are normal about the mode given the scale, with the
inverse of the expected information as covariance.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import minimize

import bayesreg as br
from bayesreg.engines.draws import Draws
from bayesreg.results.posterior import Posterior

SCALE = 1.0  # of a prior whose scale is unknown


def approximate(
    problem: Any,
    *,
    draws: int = 500,
    chains: int = 2,
    seed: int | None = None,
    engine: str | None = None,
) -> Posterior:
    """As ``br.sample``, by a normal approximation given the scale; by an engine where one is quick.

    Under Gaussian noise ``br.sample`` takes milliseconds, and leaves rows out exactly.
    """
    if problem.exact:
        return br.sample(problem, draws=draws, chains=chains, seed=seed)
    rng = np.random.default_rng(seed)
    where, root = _normal(problem)
    z = where + rng.standard_normal((chains, draws, len(where))) @ root.T
    p = len(problem.features)
    own = {name: np.exp(z[..., p + 1 + k]) for k, name in enumerate(problem.unknown)}
    fixed = {name: np.full((chains, draws), value) for name, value in problem.known.items()}
    own |= fixed
    scales = problem.unknown_scales
    intercept = z[..., p] - z[..., :p] @ problem.moments.x_mean
    made = Draws(
        beta=z[..., :p],
        intercept=intercept if problem.intercept else np.zeros((chains, draws)),
        sigma=own.pop("sigma", np.ones((chains, draws))),
        scale=SCALE * np.exp(0.2 * rng.standard_normal((chains, draws, len(scales)))),
        scale_labels=scales,
        kappa=None,
        stats={},
        engine=engine or "nuts",
        seed=seed or 0,
        warmup=0,
        independent=True,
        complete=True,
        wall=0.1,
        problem=problem,
        own=own,
    )
    return Posterior(made, "made by hand", problem.warnings)


def _normal(problem: Any) -> tuple[Any, Any]:
    """The mode of (β, β₀ at the mean of the columns, logs of unknowns), and a root of its law."""
    design, likelihood = problem.design, problem.likelihood
    names, p = list(problem.unknown), len(problem.features)
    centre, sd = problem.moments.x_mean, np.where(problem.column_sd > 0, problem.column_sd, 1.0)

    def loss(v: Any) -> float:
        beta, level = v[:p] / sd, v[p] * problem.intercept
        theta = {name: np.exp([v[p + 1 + k]]) for k, name in enumerate(names)}
        theta |= {name: np.array([value]) for name, value in problem.known.items()}
        at = design.points.under(beta[None], np.array([level - centre @ beta]), theta)
        total = design.frequencies @ likelihood.log_density(design.y[:, None], *at)[:, 0]
        total -= 0.5 * np.sum(np.square(v[:p] / np.where(problem.column_sd > 0, 3.0, 1.0)))
        return float(-total + 0.5 * np.sum(np.square(v[p + 1 :] / 3.0)))

    start = np.zeros(p + 1 + len(names))
    theta = problem.known | design.known.facts(-1)
    start[p] = likelihood.first_guess(design.target, design.frequencies, theta)
    found = minimize(loss, start, method="L-BFGS-B", options={"maxiter": 500})
    point = minimize(loss, found.x, method="Powell", options={"xtol": 1e-6, "ftol": 1e-12}).x
    wide = np.column_stack([(design.X - centre) / sd, np.ones(design.n)])
    theta = {name: np.exp([point[p + 1 + k]]) for k, name in enumerate(names)}
    theta |= {name: np.array([value]) for name, value in problem.known.items()}
    beta = point[None, :p] / sd
    at = design.points.under(beta, np.array([point[p] - centre @ beta[0]]), theta)
    weight = design.frequencies * np.broadcast_to(likelihood.information(*at), (design.n, 1))[:, 0]
    bend = np.zeros((len(point), len(point)))
    bend[: p + 1, : p + 1] = wide.T @ (weight[:, None] * wide) + np.eye(p + 1) / 9.0
    for k in range(p + 1, len(point)):
        step = 1e-2 * np.eye(len(point))[k]
        bend[k, k] = max((loss(point + step) + loss(point - step) - 2 * loss(point)) / 1e-4, 1.0)
    root = np.linalg.inv(np.linalg.cholesky(bend)).T
    scale = np.concatenate([sd, np.ones(1 + len(names))])
    return point / scale, root / scale[:, None]


def entries(models: dict[str, Any], X: Any, y: Any, **beside: Any) -> dict[str, Any]:
    """An Entry without a MAP for each model, with its leave-one-out densities."""
    from bayesreg.results.entry import Entry

    standardize = beside.pop("standardize", True)
    out = {}
    for k, (name, model) in enumerate(models.items()):
        problem = model.condition(X, y, standardize=standardize, **beside)
        post = approximate(problem, seed=k + 1)
        loo = post.loo(None if problem.exact else "psis")
        out[name] = Entry(name, problem, None, "not asked for", None, post, loo)
    return out


def counts(n: int = 200, *, shape: float | None = None, seed: int = 0) -> tuple[Any, Any]:
    """Three columns, and Poisson counts of two of them, or negative binomial ones of a shape."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    mean = np.exp(0.8 + X @ [0.5, -0.3, 0.0])
    if shape is not None:
        mean = mean * rng.gamma(shape, 1.0 / shape, n)
    return X, rng.poisson(mean).astype(float)


def measured(n: int = 200, *, df: float = np.inf, seed: int = 0) -> tuple[Any, Any]:
    """Three columns, and measurements with normal or Student-t noise of scale 1."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    noise = rng.standard_normal(n) if np.isinf(df) else rng.standard_t(df, n)
    return X, 3.0 + X @ [1.0, -0.5, 0.0] + noise


__all__ = ["approximate", "br", "counts", "entries", "measured"]
