"""Log-likelihoods of rows under draws, in blocks that stay in the cache: never draws × rows."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from bayesreg.engines.draws import Rows, Sample, rows_of
from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadData

if TYPE_CHECKING:
    from bayesreg.data.design import Design
    from bayesreg.engines.draws import Draws
    from bayesreg.model.problem import Problem


# Numbers in one block of rows × draws: 1 MiB, so that a block stays in the cache.
BLOCK = 2**17


class Integrated(Protocol):
    """Densities of rows with β, β₀, Flat columns and σ integrated out of a draw of the scales."""

    def affordable(
        self,
        draws: Draws,
        problem: Problem,
        rows: int,
        least: int,
        most: int,
        budget: float = math.inf,
    ) -> Sample | None:
        """Draws as many as seconds allow; None where that is too few."""

    def leaving_out(
        self, problem: Problem, design: Design, sample: Sample, rows: Rows, copies: Array
    ) -> tuple[Array, Array, Array, Array]:
        """Four arrays (rows, draws).

        Log densities given the others, log ratios of their posteriors, log densities given all
        rows, and errors of the mean given the others.
        """

    def predicting(
        self, problem: Problem, design: Design, sample: Sample, rows: Rows
    ) -> Array | None:
        """Log densities (rows, draws) of rows that the draws have not seen."""


def log_density_at_means(draws: Draws, design: Design, sample: Sample) -> Array:
    """Log p(y_i | θ̄) of every row: the crudest approximation to elpd, and it serves anywhere."""
    del draws
    mean = dataclasses.replace(
        sample,
        beta=sample.beta.mean(axis=0, keepdims=True),
        intercept=sample.intercept.mean(keepdims=True),
        sigma=np.exp(np.log(sample.sigma).mean(keepdims=True)),
        own={k: np.exp(np.log(v).mean(keepdims=True)) for k, v in sample.own.items()},
    )
    return np.concatenate([block[:, 0] for _, block in blocks(design, mean, None)])


@dataclass(frozen=True)
class Routes:
    """What a likelihood allows leave-one-out beyond draws of it.

    Attributes
    ----------
    exact : callable or None
        (problem, design) → elpd and lppd of every row, for draws of engine ``exact``.
    normal : callable
        (draws, design, sample) → an approximation to elpd at every row.
    integrated : Integrated or None
        Densities given the scales alone.
    leaving, near : callable or None
        Of draws of engine ``exact``, and of draws and those of them that are used: what any block
        of rows is left out by, exactly and as if the posterior were normal.
    """

    exact: Callable[[Problem, Design], tuple[Array, Array]] | None = None
    normal: Callable[[Draws, Design, Sample], Array] = log_density_at_means
    integrated: Integrated | None = None
    leaving: Callable[[Draws], Any] | None = None
    near: Callable[[Draws, Sample], Any] | None = None


PLAIN = Routes()


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
    for start in range(0, n, size):
        part = slice(start, min(start + size, n))
        where = part if rows is None else rows[part]
        with np.errstate(over="ignore", invalid="ignore"):
            eta, theta = sample.on_rows(design, where)
            yield part, sample.likelihood.log_density(design.y[where, None], eta, theta)


def log_mean(design: Design, sample: Sample) -> Array:
    """Log p(y_i | y) of every row."""
    out = np.empty(len(design.y))
    for part, block in blocks(design, sample, None):
        refuse_zero_density(block, part, None)
        top = block.max(axis=1, keepdims=True)
        np.exp(np.subtract(block, top, out=block), out=block)
        out[part] = top[:, 0] + np.log(block.mean(axis=1))
    return out


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
