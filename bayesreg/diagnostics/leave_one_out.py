"""Leave-one-out predictive density, streamed over blocks of rows: never draws × rows in memory."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.diagnostics.elpd import Pointwise, elpd_data
from bayesreg.diagnostics.exact_loo import exact_pointwise
from bayesreg.diagnostics.run import array_stats
from bayesreg.errors import BadData, NotSupported

if TYPE_CHECKING:
    from bayesreg.data.design import Design
    from bayesreg.engines.base import Draws
    from bayesreg.model import Problem

Array = NDArray[np.float64]

# Numbers in one block of rows × draws: 2 MiB, so that a block stays in the cache.
BLOCK = 2**18
# Draws are thinned, not below LEAST_DRAWS, until rows × draws is at most this.
EVALUATIONS = 1e9
LEAST_DRAWS = 1000
# PSIS takes about a millisecond a row. Beyond ALL_ROWS it is run on SAMPLED_ROWS rows chosen at
# random, and the difference to the log predictive density of every row is scaled up.
ALL_ROWS = 10_000
SAMPLED_ROWS = 4_000
# The same rows for every model, so that differences between models do not see the sampling.
ROW_SEED = 315


@dataclass(frozen=True, eq=False)
class _Sample:
    """The draws that LOO uses, flat: (S, P), (S,), (S,)."""

    beta: Array
    intercept: Array
    sigma: Array
    r_eff: float


def loo(draws: Draws) -> Any:
    r"""Expected log predictive density of a new row, by leaving out each row once.

    .. math:: \mathrm{elpd} = \sum_i w_i \log p(y_i \mid y_{-i})

    By Pareto-smoothed importance sampling (ArviZ), with log-likelihoods formed in blocks of rows.
    In closed form for engine ``exact``, where p(y_i | y_-i) is a normal or Student t of the
    leave-one-out residual e_i/(1 − h_i); its Pareto k̂ are 0, and its note says "exact". Above
    10 000 rows PSIS is run on 4 000 of them and the total estimated by the difference estimator;
    above 1e9 rows × draws the draws are thinned to no fewer than 1 000. The note says so.

    A row of frequency w stands for w rows: *one* copy (all of it, if w < 1) is left out, and its
    pointwise value is w·log p(y_i | y_-i), so that weights and repeated rows give the same sum.

    Parameters
    ----------
    draws : Draws
        From any engine, conditioned on rows.

    Returns
    -------
    arviz_stats ELPDDataLOO or ELPDDataLOOSubsample
        As ``az.loo`` returns; ``az.compare`` accepts it. ``elpd_i`` carries y and the weights as
        coordinates, and a note of what was done in ``elpd_i.attrs["note"]``.

    Raises
    ------
    NotSupported
        If the problem was conditioned on Moments, which have no rows.
    BadData
        If the draws are not finite, or without some row there is no posterior.

    Warns
    -----
    BayesregWarning
        If Pareto k̂ is above min(1 − 1/log10 S, 0.7) for some rows.

    References
    ----------
    Vehtari, Gelman & Gabry (2017), "Practical Bayesian model evaluation using leave-one-out
    cross-validation and WAIC", Statistics and Computing 27(5),
    https://doi.org/10.1007/s11222-016-9696-4; Vehtari, Simpson, Gelman, Yao & Gabry (2024), "Pareto
    smoothed importance sampling", JMLR 25(72), https://jmlr.org/papers/v25/19-556.html; Magnusson,
    Vehtari, Jonasson & Andersen (2020), "Leave-one-out cross-validation for Bayesian model
    comparison in large data", AISTATS, https://proceedings.mlr.press/v108/magnusson20a.html.

    Examples
    --------
    >>> import bayesreg as br
    >>> data = br.load_dataset("diabetes")
    >>> post = br.sample(br.Model().condition(data.X, data.y, standardize=True), seed=1)
    >>> result = loo(post.draws)
    >>> round(result.elpd / 10) * 10
    -2400
    """
    design = rows_of(draws.problem)
    if draws.engine == "exact":
        values = exact_pointwise(draws.problem, design)
        return elpd_data(values, draws.problem)
    if not (np.all(np.isfinite(draws.beta)) and np.all(np.isfinite(draws.sigma))):
        raise BadData("LOO needs finite draws, and some are not; see post.checks.why")
    thinned, kept = _thin(draws, len(design.y))
    rows = _rows(len(design.y))
    values = _psis(design, thinned, rows)
    total = draws.sigma.size
    notes = []
    if kept < total:
        notes.append(f"from {kept} of {total} draws")
    if rows is not None:
        notes.append(f"PSIS on {len(rows)} of {len(design.y)} rows, difference estimator")
    return elpd_data(values, draws.problem, draws=kept, note="; ".join(["PSIS", *notes]))


def log_likelihood_blocks(draws: Draws, rows: int | None = None) -> Iterator[Array]:
    """Log-likelihood of successive blocks of rows, (chain, draw, block), one copy of each row.

    Parameters
    ----------
    draws : Draws
        Conditioned on rows.
    rows : int, optional
        Rows per block; as many as 2 MiB hold unless given.

    Raises
    ------
    NotSupported
        If there are no rows.
    """
    design = rows_of(draws.problem)
    sample = _flat(draws, 1, 1.0)
    for _, block in _blocks(design, sample, None, rows):
        yield np.moveaxis(block.reshape(len(block), *draws.sigma.shape), 0, -1)


def rows_of(problem: Problem) -> Design:
    """The rows of the problem, or the reason why there are none."""
    if problem.design is None:
        raise NotSupported(
            "LOO needs rows, and the problem was conditioned on Moments, which keep none; "
            "condition on X and y (rows are streamed, so n = 10⁶ fits in memory)"
        )
    return problem.design


def _rows(n: int) -> NDArray[np.intp] | None:
    """The rows on which PSIS is run, sorted; None for all."""
    if n <= ALL_ROWS:
        return None
    chosen = np.random.default_rng(ROW_SEED).choice(n, SAMPLED_ROWS, replace=False)
    return np.sort(chosen)


def _thin(draws: Draws, n: int) -> tuple[_Sample, int]:
    """Every k-th draw of each chain, with its relative efficiency, and how many draws are left."""
    chains, length = draws.sigma.shape
    budget = max(EVALUATIONS / n, LEAST_DRAWS)
    step = max(1, math.ceil(chains * length / budget))
    kept = chains * len(range(0, length, step))
    return _flat(draws, step, _relative_efficiency(draws, step)), kept


def _flat(draws: Draws, step: int, r_eff: float) -> _Sample:
    beta = draws.beta[:, ::step]
    return _Sample(
        beta=beta.reshape(-1, beta.shape[-1]),
        intercept=draws.intercept[:, ::step].reshape(-1),
        sigma=draws.sigma[:, ::step].reshape(-1),
        r_eff=r_eff,
    )


def _relative_efficiency(draws: Draws, step: int) -> float:
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
    values = np.concatenate(unknowns)
    ess = array_stats().ess(values, method="mean")
    return float(np.mean(ess) / values[0].size)


def _blocks(
    design: Design, sample: _Sample, rows: NDArray[np.intp] | None, size: int | None = None
) -> Iterator[tuple[slice, Array]]:
    """Positions and log p(y_i | draw), (rows, draws), for successive blocks of the rows."""
    n = len(design.y) if rows is None else len(rows)
    size = size or max(1, BLOCK // max(1, len(sample.sigma)))
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


def _psis(design: Design, sample: _Sample, rows: NDArray[np.intp] | None) -> Pointwise:
    """PSIS on the rows asked for, and the log predictive density of all rows if those are some."""
    from scipy.special import logsumexp

    n = len(design.y)
    m = n if rows is None else len(rows)
    weights = np.ones(n) if design.weights is None else design.weights
    copies = np.minimum(weights if rows is None else weights[rows], 1.0)
    elpd, lppd, khat = np.empty(m), np.empty(m), np.empty(m)
    log_size = math.log(len(sample.sigma))
    stats = array_stats()
    for part, block in _blocks(design, sample, rows):
        _refuse_zero_density(block, part, rows)
        log_ratios, khat[part] = stats.psislw(block * copies[part, None], r_eff=sample.r_eff)
        elpd[part] = logsumexp(log_ratios + block, axis=1)
        lppd[part] = logsumexp(block, axis=1) - log_size
    approximate = None
    if rows is not None:
        approximate = np.empty(n)
        for part, block in _blocks(design, sample, None):
            top = block.max(axis=1, keepdims=True)
            np.exp(np.subtract(block, top, out=block), out=block)
            approximate[part] = top[:, 0] + np.log(block.mean(axis=1))
    return Pointwise(elpd, lppd, khat, weights, rows, approximate)


def _refuse_zero_density(block: Array, part: slice, rows: NDArray[np.intp] | None) -> None:
    """A log-likelihood of −∞ or NaN at a row makes the sum meaningless."""
    if np.isfinite(block.sum()):
        return
    bad = np.flatnonzero(~np.isfinite(block).all(axis=1))
    row = part.start + int(bad[0])
    raise BadData(
        f"the density of row {row if rows is None else int(rows[row])} is zero or undefined under "
        "some draws (an extreme outlier, or σ near 0); see post.checks and the residuals"
    )
