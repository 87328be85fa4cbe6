"""Regularisation paths: the optimum at many λ, and the prior scale that each λ means."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.errors import BadArgument, NotSupported
from bayesreg.priors import Majorised, Normal, Penalised
from bayesreg.solvers import closed_form, coordinate_descent

if TYPE_CHECKING:
    from bayesreg.model import Problem
    from bayesreg.penalty import Block

Array = NDArray[np.float64]


def one_block(problem: Problem) -> Block:
    """The single penalised block of a problem, or NotSupported."""
    if len(problem.blocks) != 1:
        raise NotSupported(
            f"a path moves one λ, and here {len(problem.blocks)} priors have their own; give all "
            "penalised columns one prior"
        )
    block = problem.blocks[0]
    if not isinstance(block.prior, Penalised):
        name = type(block.prior).__name__
        if isinstance(block.prior, Majorised):
            raise NotSupported(
                f"{name} has no λ, because its penalty is no multiple of one norm, and so no path; "
                "use fit_map at each scale, or Laplace or ElasticNet"
            )
        raise NotSupported(
            f"{name} has no MAP and no path: {block.prior.why_no_map}; use Laplace or ElasticNet"
        )
    if block.grouped:
        raise NotSupported(
            f"a path needs a penalty by column, and columns of {block.label!r} share a local scale"
        )
    return block


def default_lams(problem: Problem, n: int) -> Array:
    """`n` values evenly spaced in log λ, from no effects downwards.

    With a kink, from λ_max = max|x̃_j'ỹ|·r_j, where every coefficient is 0 (Friedman, Hastie &
    Tibshirani 2010, §2.5), over three decades (two where p ≥ ν); for ridge, where the effective
    degrees of freedom run from about p/1000 to nearly p.
    """
    block = one_block(problem)
    if isinstance(block.prior, Normal):
        spread = (problem.projection.norms * block.relative) ** 2
        top, low = float(spread.max()) * 1e3, float(spread.max()) * 1e-5
    else:
        size = np.abs(problem.xy[block.columns]) * block.relative
        top = float(size.max()) * (1.0 + 1e-12)
        low = top * (1e-2 if problem.p >= problem.nu else 1e-3)
    if not top > 0:
        top, low = 1.0, 1e-3  # X̃'ỹ = 0: every λ gives β = 0
    return np.geomspace(top, low, n)


def scale_for(problem: Problem, lam: float, sigma: float) -> float:
    """The scale, in the declared unit, whose λ (λ₂ for Normal, else λ₁) is `lam` at this σ."""
    prior = one_block(problem).prior
    assert isinstance(prior, Penalised)
    if isinstance(prior, Normal):
        return float(np.sqrt(prior.l2(sigma, 1.0) / lam))
    return float(prior.l1(sigma, 1.0) / lam)


def solve_path(problem: Problem, lams: Array, sigma: float) -> tuple[Array, Array]:
    """Optima b (L, p) and effective degrees of freedom (L,), in the order of `lams`.

    `sigma` matters for the elastic net alone, whose λ₂ is (1 − ρ)λ₁²/(ρσ)².
    """
    block = one_block(problem)
    if isinstance(block.prior, Normal):
        weights = np.empty(problem.p)
        weights[block.columns] = 1.0 / np.square(block.relative)
        return closed_form.path(problem, lams, weights)
    order = np.argsort(-lams, kind="stable")
    fixed = [at_lam(problem, lams[k], sigma) for k in order]
    pairs = [(one.l1, one.l2) for one in fixed]
    b = np.empty((len(lams), problem.p))
    b[order] = coordinate_descent.path(problem, pairs)  # type: ignore[arg-type]
    df = np.empty(len(lams))
    for k, one in zip(order, fixed, strict=True):
        df[k] = active_df(one, b[k])
    return b, df


def active_df(problem: Problem, b: Array) -> float:
    """Effective degrees of freedom at an optimum: tr X_A(X_A'X_A + Λ₂)⁻¹X_A' on the active columns.

    For the lasso this is the rank of the active columns (Zou, Hastie & Tibshirani 2007, Annals of
    Statistics 35(5), https://doi.org/10.1214/009053607000000127).
    """
    active = np.flatnonzero(b)
    if not len(active):
        return 0.0
    if problem.root is not None:
        x = problem.root[:, active]
        gram = x.T @ x
    else:
        gram = problem.gram[np.ix_(active, active)]
    l2 = problem.l2
    assert l2 is not None
    if not np.any(l2[active]):
        size = np.sqrt(np.diagonal(gram))
        return float(np.linalg.matrix_rank(gram / np.outer(size, size), hermitian=True))
    return float(np.trace(np.linalg.solve(gram + np.diag(l2[active]), gram)))


def at_lam(problem: Problem, lam: float, sigma: float) -> Problem:
    """The problem at the σ given and the scale that means λ there, whatever its own are."""
    scale = scale_for(problem, float(lam), sigma)
    fixed = dataclasses.replace(one_block(problem), scale=scale, hyper=None)
    return dataclasses.replace(problem, blocks=(fixed,), sigma=sigma, sigma_prior=None)


def check_count(n: Any) -> int:
    """How many λ's, as a positive integer."""
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
        raise BadArgument(f"n must be a positive integer, not {n!r}")
    return int(n)


def check_lams(lams: Any) -> Array:
    """λ's as a vector of positive finite numbers, in the order given."""
    try:
        grid = np.atleast_1d(np.asarray(lams, dtype=float))
    except (TypeError, ValueError) as error:
        raise BadArgument(f"lams must be positive numbers, not {lams!r}") from error
    if grid.ndim != 1 or not len(grid):
        raise BadArgument(f"lams must be a non-empty list of λ's, not of shape {grid.shape}")
    bad = np.flatnonzero(~(np.isfinite(grid) & (grid > 0)))
    if len(bad):
        raise BadArgument(
            f"lams[{bad[0]}] = {grid[bad[0]]}: λ must be positive and finite (λ = 0 is Flat())"
        )
    return grid
