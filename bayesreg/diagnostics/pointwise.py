"""Log-likelihoods of rows under draws, in blocks that stay in the cache: never draws × rows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bayesreg.diagnostics.run import array_stats
from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadData, NotSupported

if TYPE_CHECKING:
    from bayesreg.data.design import Design
    from bayesreg.engines.base import Draws
    from bayesreg.model.problem import Problem

Rows = NDArray[np.intp]

# Numbers in one block of rows × draws: 1 MiB, so that a block stays in the cache.
BLOCK = 2**17
# The mean ESS, which sets the length of a tail, is taken over at most this many unknowns.
UNKNOWNS = 64


@dataclass(frozen=True, eq=False)
class Sample:
    """Draws that are used, flat: (S, P), (S,), (S,), κ (S, p) where recorded, and ESS per draw."""

    beta: Array
    intercept: Array
    sigma: Array
    kappa: Array | None
    r_eff: float

    @classmethod
    def of(cls, draws: Draws, at_most: float = math.inf, *, r_eff: float | None = None) -> Sample:
        """All draws, or every k-th of each chain: the fewest that are at least `at_most`."""
        chains, length = draws.sigma.shape
        step = max(1, int(chains * length // max(at_most, 1.0)))
        beta, kappa = draws.beta[:, ::step], draws.kappa
        if kappa is not None:
            kappa = kappa[:, ::step].reshape(-1, kappa.shape[-1])
        return cls(
            beta=beta.reshape(-1, beta.shape[-1]),
            intercept=draws.intercept[:, ::step].reshape(-1),
            sigma=draws.sigma[:, ::step].reshape(-1),
            kappa=kappa,
            r_eff=relative_efficiency(draws, step) if r_eff is None else r_eff,
        )

    @property
    def size(self) -> int:
        """S."""
        return len(self.sigma)


def rows_of(problem: Problem) -> Design:
    """The rows of the problem, or the reason why there are none."""
    if problem.design is None:
        raise NotSupported(
            "LOO needs rows, and the problem was conditioned on Moments, which keep none; "
            "condition on X and y (rows are streamed, so n = 10⁶ fits in memory)"
        )
    return problem.design


def weights_of(design: Design) -> Array:
    """Frequencies (n,)."""
    return np.ones(len(design.y)) if design.weights is None else design.weights


def log_likelihood_blocks(draws: Draws, rows: int | None = None) -> Iterator[Array]:
    """Log-likelihood of successive blocks of rows, (chain, draw, block), one copy of each row.

    Parameters
    ----------
    draws : Draws
        Conditioned on rows.
    rows : int, optional
        Rows per block; as many as 1 MiB holds unless given.

    Raises
    ------
    NotSupported
        If there are no rows.
    """
    design = rows_of(draws.problem)
    for _, block in blocks(design, Sample.of(draws, r_eff=1.0), None, rows):
        yield np.moveaxis(block.reshape(len(block), *draws.sigma.shape), 0, -1)


def blocks(
    design: Design, sample: Sample, rows: Rows | None, size: int | None = None
) -> Iterator[tuple[slice, Array]]:
    """Positions and log p(y_i | draw), (rows, draws), for successive blocks of the rows."""
    n = len(design.y) if rows is None else len(rows)
    size = size or max(1, BLOCK // max(1, sample.size))
    # One product gives (x'β + β₀ − y)/(σ√2), whose square is the exponent.
    spread = 1.0 / (sample.sigma * math.sqrt(2.0))
    terms = np.vstack([sample.beta.T, sample.intercept, np.full_like(spread, -1.0)]) * spread
    constant = np.log(sample.sigma) + 0.5 * math.log(2.0 * math.pi)
    for start in range(0, n, size):
        part = slice(start, min(start + size, n))
        where = part if rows is None else rows[part]
        y = design.y[where]
        with np.errstate(over="ignore", invalid="ignore"):
            out = np.column_stack([design.X[where], np.ones(len(y)), y]) @ terms
            np.multiply(out, out, out=out)
            out += constant
            np.negative(out, out=out)
        yield part, out


def log_mean(design: Design, sample: Sample) -> Array:
    """Log p(y_i | y) of every row."""
    out = np.empty(len(design.y))
    for part, block in blocks(design, sample, None):
        refuse_zero_density(block, part, None)
        top = block.max(axis=1, keepdims=True)
        np.exp(np.subtract(block, top, out=block), out=block)
        out[part] = top[:, 0] + np.log(block.mean(axis=1))
    return out


def relative_efficiency(draws: Draws, step: int) -> float:
    """ESS of the mean over draws, averaged over unknowns as in ``az.loo``; 1 if independent."""
    chains, length = draws.sigma.shape
    if draws.independent or chains == 1 or length // step < 4:
        return 1.0
    unknowns = [np.moveaxis(draws.beta[:, ::step], -1, 0)]
    if draws.problem.intercept:
        unknowns.append(draws.intercept[None, :, ::step])
    if draws.problem.sigma is None:
        unknowns.append(draws.sigma[None, :, ::step])
    unknowns.append(np.moveaxis(draws.scale[:, ::step], -1, 0))
    count = sum(len(u) for u in unknowns)
    values = np.concatenate([u[:: -(-count // UNKNOWNS)] for u in unknowns])
    ess = array_stats().ess(values, method="mean")
    return float(np.mean(ess) / values[0].size)


def refuse_zero_density(block: Array, part: slice, rows: Rows | None) -> None:
    """A log-likelihood of −∞ or NaN at a row makes the sum meaningless."""
    if np.isfinite(block.sum()):
        return
    bad = np.flatnonzero(~np.isfinite(block).all(axis=1))
    row = part.start + int(bad[0])
    raise BadData(
        f"the density of row {row if rows is None else int(rows[row])} is zero or undefined under "
        "some draws (an extreme outlier, or σ near 0); see post.checks and the residuals"
    )
