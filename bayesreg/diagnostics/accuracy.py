r"""How well a model predicts its own rows: R² and root mean squared errors, seen and left out.

With μ_i = E(y_i | η_i, θ) and frequencies w_i, N = Σw, a draw of the posterior explains

.. math:: R^2 = \frac{V(μ)}{V(μ) + \bar v},\quad V(μ) = \frac{Σ w_i (μ_i - \bar μ)^2}{N - 1},
    \quad \bar v = \frac{Σ w_i \mathrm{Var}(y_i \mid η_i, θ)}{N}

with v̄ = σ² under Gaussian noise and the mean of P(1 − P) for a yes/no response: Gelman, Goodrich,
Gabry & Vehtari (2019), "R-squared for Bayesian regression models", The American Statistician 73(3),
https://doi.org/10.1080/00031305.2018.1549100, eq. 3. Uncertainty about rows that are yet to come is
that of the Bayesian bootstrap (Rubin 1981, Annals of Statistics 9(1)): Dirichlet weights of the
rows, here with parameters w_i, so that a row of frequency 3 is three rows.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import numpy as np

from bayesreg.diagnostics import psis
from bayesreg.diagnostics.elpd import good_khat
from bayesreg.diagnostics.leave_one_out import ALL_ROWS, CELLS, CHEAP, EVALUATIONS, REFITS
from bayesreg.diagnostics.pointwise import BLOCK, Integrated
from bayesreg.diagnostics.refit import mean_without
from bayesreg.engines.draws import Rows, Sample, pooled, rows_of
from bayesreg.engines.factors import with_factors
from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadData, NotSupported

if TYPE_CHECKING:
    from bayesreg.data.design import Design
    from bayesreg.engines.draws import Draws

REPLICATES = 4000  # of the bootstrap, as in ``az.loo_r2``
SEED = 317  # the same rows for every model, so that differences do not see the choice
LEAST_DRAWS, MOST_DRAWS = 500, 2200  # a mean's Monte Carlo error is far below the error of a row


def bayesian_r2(draws: Draws) -> Array:
    """R² of every draw (chain, draw); from moments alone under Gaussian noise."""
    problem = draws.problem
    if not problem.n > 1.0:
        raise BadData(f"R² needs rows that vary, and their weights add up to {problem.n:g}")
    if problem.exact:
        moments = problem.moments
        contrasts = np.column_stack([pooled(draws.beta), np.zeros(draws.sigma.size)])
        fitted = moments.quadratic(contrasts).reshape(draws.sigma.shape) / (problem.n - 1.0)
        noise = np.square(draws.sigma)
    else:
        fitted, noise = _variances(draws)
    return np.asarray(fitted / (fitted + noise))


def _variances(draws: Draws) -> tuple[Array, Array]:
    """V(μ) and v̄ of every draw, in one pass over blocks of rows, merged about their means."""
    design, sample = rows_of(draws.problem), Sample.of(draws, r_eff=1.0)
    likelihood = sample.likelihood
    weights, step = design.frequencies, max(1, BLOCK // sample.size)
    total, centre = 0.0, np.zeros(sample.size)
    spread, noise = np.zeros(sample.size), np.zeros(sample.size)
    for start in range(0, design.n, step):
        part = slice(start, start + step)
        w = weights[part]
        eta, theta = sample.on_rows(design, part)
        mean = likelihood.mean(eta, theta)
        noise += w @ likelihood.variance(eta, theta)
        size, own = float(w.sum()), w @ mean / w.sum()
        gap, total = own - centre, total + size
        centre += gap * size / total
        spread += w @ np.square(mean - own) + gap * gap * size * (total - size) / total
    shape = draws.sigma.shape
    return (spread / (total - 1.0)).reshape(shape), (noise / total).reshape(shape)


def errors(
    draws: Draws, *, left_out: bool, integrated: Integrated | None = None
) -> tuple[Design, Array]:
    """The rows, and y_i − E(y_i | y), or y_i − E(y_i | y_-i) with `left_out`.

    By importance sampling, of scales alone where `integrated` can, as leave-one-out itself; a row
    at which that fails is predicted by a posterior without it, up to as many as leave-one-out
    refits.
    """
    design = rows_of(draws.problem)
    if left_out and integrated is not None:
        known, rows = with_factors(draws), np.arange(design.n)
        sample = integrated.affordable(
            known, draws.problem, design.n, LEAST_DRAWS, MOST_DRAWS, CHEAP
        )
        if sample is not None:
            return design, _given_scales(draws, design, sample, rows, integrated)
    at_most = EVALUATIONS / design.n if left_out or not draws.problem.exact else np.inf
    sample = Sample.of(draws, max(at_most, LEAST_DRAWS), r_eff=None if left_out else 1.0)
    if not left_out and draws.problem.exact:
        return design, design.target - design.X @ sample.beta.mean(axis=0) - sample.intercept.mean()
    copies, out = np.minimum(design.frequencies, 1.0), np.empty(design.n)
    khat = np.zeros(design.n)
    step = max(1, BLOCK // sample.size)
    for start in range(0, design.n, step):
        part = slice(start, start + step)
        y = design.y[part]
        eta, theta = sample.on_rows(design, part)
        mean = sample.likelihood.mean(eta, theta)
        if left_out:
            density = sample.likelihood.log_density(y[:, None], eta, theta)
            log_weight, khat[part] = psis.log_weights(-copies[part, None] * density, sample.r_eff)
            out[part] = y - np.sum(np.exp(log_weight) * mean, axis=1)
        else:
            out[part] = y - mean.mean(axis=1)
    failed = np.flatnonzero(khat > good_khat(sample.size))
    for row in failed if len(failed) <= REFITS else ():
        with contextlib.suppress(NotSupported):  # as leave-one-out, which says so
            out[row] = design.y[row] - mean_without(draws, int(row))
    return design, out


def _given_scales(
    draws: Draws, design: Design, sample: Sample, rows: Rows, integrated: Integrated
) -> Array:
    """Errors without each row, all but scales integrated out."""
    out, step = np.empty(len(rows)), max(1, CELLS // sample.size)
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        copies = np.minimum(design.frequencies[part], 1.0)
        _, ratio, _, error = integrated.leaving_out(
            draws.problem, design, sample, rows[part], copies
        )
        log_weight, _ = psis.log_weights(ratio, sample.r_eff)
        out[part] = np.sum(np.exp(log_weight) * error, axis=1)
    return out


def bootstrap_r2(design: Design, error: Array) -> Array:
    """1 − V(error)/V(y), (REPLICATES,), as ``az.loo_r2`` but for its limits at ±1."""
    y = design.y - np.average(design.y, weights=design.frequencies)
    if not np.ptp(y) > 0.0:
        raise BadData("R² compares with the spread of y, and y is constant")
    return _r2(_bootstrap(np.stack([y, y * y, error, error * error]), design.frequencies))


def bootstrap_rmse(design: Design, error: Array) -> Array:
    """√(mean of error²), (REPLICATES,)."""
    return np.asarray(np.sqrt(_bootstrap(np.square(error)[None], design.frequencies)[0]))


def r2_of_groups(groups: Array) -> Array:
    """The first of the two from sums over random groups of rows: see ``one_pass.Passed``."""
    if not groups[3].sum() > 0.0:
        raise BadData("R² compares with the spread of y, and y is constant")
    return _r2(_of_groups(groups[[2, 3, 4, 5]], *groups[:2]))


def rmse_of_groups(groups: Array, *, left_out: bool) -> Array:
    """The second, of rows left out or of rows seen, likewise."""
    return np.asarray(np.sqrt(_of_groups(groups[[5 if left_out else 7]], *groups[:2])[0]))


def _r2(means: Array) -> Array:
    """From means of y, y², e and e², y about its mean."""
    return np.asarray(1.0 - (means[3] - means[2] ** 2) / (means[1] - means[0] ** 2))


def _bootstrap(values: Array, weights: Array) -> Array:
    """Means (k, REPLICATES) of values (k, n) under Dirichlet(w) weights of the rows.

    More rows than ALL_ROWS are first averaged in REPLICATES random groups: a mean keeps its mean
    and its variance, 1/n of that of a row, whichever rows are grouped.
    """
    n = len(weights)
    if n <= ALL_ROWS:
        return _resampled(values, weights, np.random.default_rng(SEED))
    rng = np.random.default_rng(SEED)
    group = rng.permutation(np.arange(n) % REPLICATES)
    sums = np.stack([np.bincount(group, weights * v) for v in values])
    return _of_groups(sums, np.bincount(group, weights), np.bincount(group, weights * weights), rng)


def _of_groups(
    sums: Array, size: Array, squares: Array, rng: np.random.Generator | None = None
) -> Array:
    """The same from Σwv (k, G), Σw and Σw² (G,) of random groups."""
    full = size > 0.0
    sums, size, squares = sums[:, full], size[full], squares[full]
    total = float(size.sum())
    # Var of a mean of groups about the whole's, in units of that of one row; the bootstrap
    # divides it by one more than the sum of its parameters, and 1/(N + 1) is wanted.
    between = float(np.sum(squares / size)) / total
    weights = size * ((total + 1.0) * between - 1.0) / total
    return _resampled(sums / size, weights, rng or np.random.default_rng(SEED))


def _resampled(values: Array, weights: Array, rng: np.random.Generator) -> Array:
    shares, out = np.zeros(REPLICATES), np.zeros((len(values), REPLICATES))
    step = max(1, BLOCK // REPLICATES)
    for start in range(0, len(weights), step):
        part = slice(start, start + step)
        share = rng.standard_gamma(weights[part, None], (len(weights[part]), REPLICATES))
        shares += share.sum(axis=0)
        out += values[:, part] @ share
    return out / shares
