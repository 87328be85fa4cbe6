r"""Predictive densities with β, β₀ and Flat columns integrated out, given σ and prior variances.

For scale mixtures of normals a draw of (σ, v_1, …, v_p) makes the model conjugate: y_i is normal
about u_i'b̂ with variance σ²(1 + h_i), where :math:`b̂ = P^{-1}X̃'ỹ`, :math:`h_i = u_i'P^{-1}u_i`
(plus the leverage on what was projected out) and :math:`P = G + σ² \mathrm{diag}(1/v)`. With the
shrinkage factors κ_j = 1/(1 + G_jj v_j/σ²) that engines record, R the correlation matrix of G,

.. math:: P^{-1} = r\,(\mathrm{diag}\,κ + c R c)^{-1} r,\quad c_j^2 = 1 - κ_j,\; r_j = c_j/√G_{jj}

which overflows nowhere. Averages of such densities vary far less than those of p(y_i | β, σ), and
their importance ratios have far lighter tails: Vehtari, Mononen, Tolvanen, Sivula & Winther (2016),
"Bayesian leave-one-out cross-validation approximations for Gaussian latent variable models", JMLR
17(103), §3.5, https://jmlr.org/papers/v17/14-540.html.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from bayesreg.engines.draws import Rows, Sample
from bayesreg.gaussian.exact_loo import log_normal
from bayesreg.gaussian.projected_rows import projected
from bayesreg.language.arguments import Array

if TYPE_CHECKING:
    from bayesreg.data.design import Design
    from bayesreg.engines.draws import Draws
    from bayesreg.model.problem import Problem

# Floating-point operations that one call may take: a few seconds.
BUDGET = 4e10
# Numbers in one array of factorisations: 4 MiB.
CELLS = 2**19


def affordable(draws: Draws, problem: Problem, rows: int, least: int, most: int) -> Sample | None:
    """From `least` to about `most` draws, as the budget allows; None beyond it, or without κ."""
    if draws.kappa is None or problem.p == 0:
        return None
    p = float(problem.p)
    if problem.wide:
        assert problem.root is not None
        m = float(len(problem.root))
        flops = 2.0 * m * p * (m + rows) + m**3 / 3
    else:
        flops = p**3 + 2.0 * p * p * (rows + 1)
    if BUDGET / flops < least:
        return None
    return Sample.of(draws, min(float(most), max(BUDGET / flops / 2, least)))


def leaving_out(
    problem: Problem, design: Design, sample: Sample, rows: Rows, copies: Array
) -> tuple[Array, Array]:
    """Log p(y_i | y_-i, σ, v) and log importance ratios of (σ, v), both (rows, S).

    The ratio is 1/p(y_i^c | y_-i, σ, v) for the c copies that are left out; a normal density to
    the power c is a normal of variance σ²/c times a constant.
    """
    u, y, flat = projected(problem.coordinates, design.X[rows], design.y[rows])
    density = np.empty((len(rows), sample.size))
    ratio = np.empty_like(density)
    for part, fitted, leverage in _standing(problem, sample, u):
        sigma, c = sample.sigma[part, None], copies
        h = leverage + flat
        left = np.maximum(1.0 - c * h, np.finfo(float).eps)
        error = (y - fitted) / left
        density[:, part] = log_normal(error, sigma * np.sqrt(1.0 + h / left)).T
        power = 0.5 * (1.0 - c) * np.log(2.0 * math.pi * sigma**2) - 0.5 * np.log(c)
        power = power + log_normal(error, sigma * np.sqrt(1.0 / c + h / left))
        ratio[:, part] = -power.T
    return density, ratio


def predicting(problem: Problem, design: Design, sample: Sample, rows: Rows) -> Array | None:
    """Log p(y_i | training rows, σ, v) (rows, S), of rows that `problem` was not fitted to.

    None where v is not known because a column does not vary in the training rows.
    """
    u, y, flat = projected(problem.coordinates, design.X[rows], design.y[rows])
    dead = problem.quadratic.norms == 0
    if np.any(u[:, dead]):
        return None
    out = np.empty((len(rows), sample.size))
    for part, fitted, leverage in _standing(problem, sample, u):
        sd = sample.sigma[part, None] * np.sqrt(1.0 + leverage + flat)
        out[:, part] = log_normal(y - fitted, sd).T
    return out


def _standing(problem: Problem, sample: Sample, u: Array) -> Iterator[tuple[slice, Array, Array]]:
    """Which draws, u'b̂ and u'P⁻¹u, both (draws, rows)."""
    assert sample.kappa is not None
    kappa = sample.kappa
    norms = problem.quadratic.norms
    inverse = np.divide(1.0, norms, out=np.zeros_like(norms), where=norms > 0)
    solve = _in_row_space if problem.wide else _in_column_space
    if np.all(kappa == kappa[0]):  # the scales are known
        (fitted, leverage) = solve(problem, kappa[:1], u * inverse, inverse)
        shape = (sample.size, len(u))
        yield slice(None), np.broadcast_to(fitted, shape), np.broadcast_to(leverage, shape)
        return
    side = len(problem.root) if problem.wide and problem.root is not None else problem.p
    step = max(1, CELLS // (problem.p * side + side * (len(u) + 1)))
    for start in range(0, sample.size, step):
        part = slice(start, min(start + step, sample.size))
        yield part, *solve(problem, kappa[part], u * inverse, inverse)


def _in_column_space(
    problem: Problem, kappa: Array, v: Array, inverse: Array
) -> tuple[Array, Array]:
    """From diag κ + cRc, for draws of κ (S, p) and rows v of unit columns."""
    c = np.sqrt(1.0 - kappa)
    matrix = c[:, :, None] * (problem.gram * inverse * inverse[:, None]) * c[:, None, :]
    diagonal = np.arange(problem.p)
    matrix[:, diagonal, diagonal] = 1.0
    right = np.concatenate([(c * problem.xy * inverse)[:, :, None], c[:, :, None] * v.T], axis=2)
    solved = np.linalg.solve(matrix, right)
    fitted = np.einsum("spm,sp->sm", right[:, :, 1:], solved[:, :, 0])
    return fitted, np.einsum("spm,spm->sm", right[:, :, 1:], solved[:, :, 1:])


def _in_row_space(problem: Problem, kappa: Array, v: Array, inverse: Array) -> tuple[Array, Array]:
    """The same for p > n, from I + A diag(v/σ²) A' with A the root of the cross-products."""
    assert problem.root is not None
    a, y = problem.root[:, :-1] * inverse, problem.root[:, -1]
    t = (1.0 - kappa) / np.maximum(kappa, np.finfo(float).tiny)
    at = a * t[:, None, :]
    along = at @ v.T
    matrix = at @ a.T + np.eye(len(a))
    right = np.concatenate([np.broadcast_to(y[:, None], (len(t), len(y), 1)), along], axis=2)
    solved = np.linalg.solve(matrix, right)
    fitted = np.einsum("sam,sa->sm", along, solved[:, :, 0])
    leverage = t @ np.square(v).T - np.einsum("sam,sam->sm", along, solved[:, :, 1:])
    return fitted, np.maximum(leverage, 0.0)
