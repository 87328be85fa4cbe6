r"""Predictive densities of rows, all but scales and local scales integrated out: β, β₀ and σ.

For scale mixtures of normals a draw of the prior variances makes the model conjugate but for σ. At
σ, y_i is normal about u_i'b̂ with variance σ²(1 + h_i), where :math:`b̂ = P^{-1}X̃'ỹ`,
:math:`h_i = u_i'P^{-1}u_i` (plus the leverage on what was projected out) and :math:`P = G + σ²
\mathrm{diag}(1/v)`. With shrinkage factors κ_j = 1/(1 + G_jj v_j/σ²) and R the correlation matrix
of G,

.. math:: P^{-1} = r\,(\mathrm{diag}\,κ + c R c)^{-1} r,\quad c_j^2 = 1 - κ_j,\; r_j = c_j/√G_{jj}

which overflows nowhere, and what integrating β leaves of the likelihood is

.. math:: L(σ) = σ^{-ν} e^{-S/2σ^2}\,|\mathrm{diag}\,κ + c R c|^{-1/2}\,\prod κ_j^{1/2},
    \quad S = ỹ'ỹ - ỹ'X̃ P^{-1} X̃'ỹ

σ is integrated out too: where all scales are in its unit and its prior is conjugate, κ and S do not
depend on it and y_i is Student t; else by a sum over nodes of log σ, which for such smooth peaks is
exact to rounding at half an sd apart (Trefethen & Weideman 2014, SIAM Review 56(3)). A mean of
normal densities over draws of σ would have no tail beyond the largest of them, and the predictive
density of a gross outlier is all tail. What is left to importance sampling, scales and local
scales, varies far less than p(y_i | β, σ): Vehtari, Mononen, Tolvanen, Sivula & Winther (2016),
"Bayesian leave-one-out cross-validation approximations for Gaussian latent variable models", JMLR
17(103), §3.5, https://jmlr.org/papers/v17/14-540.html.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import gammaln

from bayesreg.engines.draws import Rows, Sample
from bayesreg.gaussian.exact_loo import log_normal, log_t
from bayesreg.gaussian.projected_rows import projected
from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadData

if TYPE_CHECKING:
    from bayesreg.data.design import Design
    from bayesreg.engines.draws import Draws
    from bayesreg.model.problem import Problem

# Floating-point operations that one call may take: a few seconds.
BUDGET = 4e10
# Numbers in one array of factorisations: 4 MiB.
CELLS = 2**19
# 1 − leverage on Flat columns, below which a row identifies one of them alone.
ALONE = 1e-12
# Nodes of log σ: as far apart as this share of an sd of a peak, where any density is within DROP
# nats of its maximum; about USUAL of them; looked for with LOOKS of the draws, no further than
# e^FURTHEST from them.
APART, DROP, USUAL, LOOKS, FURTHEST = 0.5, 34.0, 60, 8, 128.0
# Of the largest number of some rows: what combinations of others may miss, by rounding.
SPANNED = 1e-12


@dataclass(frozen=True, eq=False)
class _Nodes:
    """Values of σ, (K,) or one per draw (S, 1), and log weights (K,): the prior of log σ there."""

    sigma: Array
    log_weight: Array


@dataclass(frozen=True, eq=False)
class _Standing:
    """What the rows say given prior variances and σ: all (draws, nodes, …), broadcasting.

    u'b̂ and u'P⁻¹u of rows (…, m), S and log|I + DGD| (…, 1).
    """

    fitted: Array
    leverage: Array
    s: Array
    log_det: Array


def affordable(
    draws: Draws, problem: Problem, rows: int, least: int, most: int, budget: float = BUDGET
) -> Sample | None:
    """From `least` to about `most` draws, as the budget allows; None beyond it, or without κ."""
    if draws.kappa is None and problem.p:
        return None
    if problem.sigma is None and problem.nu <= 1.0:
        return None
    cost = _cost(problem, rows)
    count = USUAL if _moves(problem) else 1
    if budget / (cost * count) < least:
        count = 1  # given the draws of σ then
        if budget / cost < least:
            return None
    return Sample.of(draws, min(float(most), max(budget / (cost * count) / 2, least)))


def leaving_out(
    problem: Problem, design: Design, sample: Sample, rows: Rows, copies: Array
) -> tuple[Array, Array, Array, Array]:
    """Of rows left out, given each draw of the prior variances, four arrays (rows, S).

    Log p(y_i | y_-i, v), log importance ratios of v, log p(y_i | y, v), and y_i − E(y_i | y_-i, v).
    The ratio is 1/p(y_i^c | y_-i, v) for the c copies that are left out; a normal density to the
    power c is a normal of variance σ²/c times a constant.
    """
    u, y, flat = projected(problem.coordinates, design.X[rows], design.target[rows])
    out = np.empty((4, len(rows), sample.size))
    alone = np.flatnonzero(copies * flat > 1.0 - ALONE)
    if len(alone):
        raise BadData(
            f"without row {int(rows[alone[0]])} a Flat coefficient is not identified, so its "
            "leave-one-out density does not exist; give that column a proper prior"
        )
    conjugate = _conjugate(problem)
    nodes = _nodes(problem, sample, (u, y, flat), copies)
    for part, found in _standing(problem, sample, u, nodes.sigma):
        h = found.leverage + flat
        left = np.maximum(1.0 - copies * h, np.finfo(float).eps)
        e = y - found.fitted
        if conjugate is not None:
            got = _by_t(problem, conjugate, found.s, e, h, left, copies)
        else:
            got = _by_nodes(problem, nodes, part, found, e, h, left, copies)
        for array, values in zip(out, got, strict=True):
            array[:, part] = values.T
    density, ratio, inside, error = out
    if not np.all(np.isfinite(ratio)):
        row = int(rows[np.flatnonzero(~np.isfinite(ratio).all(axis=1))[0]])
        raise BadData(
            f"without row {row} σ has no posterior (too few rows); use a proper prior for σ, or a "
            "known σ"
        )
    return density, ratio, inside, error


def predicting(problem: Problem, design: Design, sample: Sample, rows: Rows) -> Array | None:
    """Log p(y_i | training rows, v) (rows, S), of rows that `problem` was not fitted to.

    None where v is not known because a column does not vary in the training rows.
    """
    u, y, flat = projected(problem.coordinates, design.X[rows], design.target[rows])
    dead = problem.quadratic.norms == 0
    if np.any(u[:, dead]):
        return None
    out = np.empty((len(rows), sample.size))
    conjugate = _conjugate(problem)
    nodes = _nodes(problem, sample, (u, y, flat), None)
    for part, found in _standing(problem, sample, u, nodes.sigma):
        e, spread = y - found.fitted, 1.0 + found.leverage + flat
        if conjugate is not None:
            shape, rate = conjugate[0] + 0.5 * problem.nu, conjugate[1] + 0.5 * found.s
            values = log_t(e, shape, rate * spread)[:, 0]
        else:
            sigma = _at(nodes, part)
            weight = _evidence(problem, nodes, found, sigma)
            normal = log_normal(e, sigma * np.sqrt(spread))
            values = _log_sum(weight + normal) - _log_sum(weight)
        out[:, part] = values.T
    return out


def _conjugate(problem: Problem) -> tuple[float, float] | None:
    """(shape, rate) of σ² where σ is unknown and integrates in closed form."""
    if problem.sigma is not None or _moves(problem):
        return None
    assert problem.sigma_prior is not None
    return problem.sigma_prior.inverse_gamma


def _moves(problem: Problem) -> bool:
    """Whether κ depends on an unknown σ."""
    return problem.sigma is None and any(b.prior.unit == "y" for b in problem.blocks)


def _cost(problem: Problem, rows: int) -> float:
    """Floating-point operations of one solution, by the smaller of the two products."""
    p = float(problem.p)
    if problem.least_squares.wide:
        assert problem.root is not None
        m = float(len(problem.root))
        return 2.0 * m * p * (m + rows) + 2.0 * m**3 + 2.0 * m * m * rows  # at the most
    return 2.0 * p**3 + 2.0 * p * p * rows + 20.0 * (rows + 1.0)


def _by_t(
    problem: Problem,
    prior: tuple[float, float],
    s: Array,
    e: Array,
    h: Array,
    left: Array,
    copies: Array,
) -> tuple[Array, Array, Array, Array]:
    """Density, ratio, density with the row and error (draws, m), σ² inverse gamma given the rest.

    Student t of Gelman et al. (2013), §14.2; c copies take c/2 from the shape and c·e²/2(1 − ch)
    from the rate.
    """
    shape, rate = prior[0] + 0.5 * problem.nu, prior[1] + 0.5 * s
    fewer = np.where(shape > 0.5 * copies, shape - 0.5 * copies, np.nan)
    less = np.maximum(rate - 0.5 * copies * e * e / left, np.finfo(float).eps * rate)
    error = e / left
    density = log_t(error, fewer, less * (1.0 + h / left))
    with_row = gammaln(shape) - shape * np.log(rate)
    without = gammaln(fewer) - fewer * np.log(less)
    ratio = without - with_row - 0.5 * np.log(left) + 0.5 * copies * math.log(2.0 * math.pi)
    inside = log_t(e, shape, rate * (1.0 + h))
    return density[:, 0], ratio[:, 0], inside[:, 0], error[:, 0]


def _by_nodes(
    problem: Problem,
    nodes: _Nodes,
    part: slice,
    found: _Standing,
    e: Array,
    h: Array,
    left: Array,
    copies: Array,
) -> tuple[Array, Array, Array, Array]:
    """The same by a sum over values of σ: one, where it is known."""
    sigma = _at(nodes, part)
    weight = _evidence(problem, nodes, found, sigma)
    error = e / left
    taken = _log_copies(error, sigma, h, left, copies)
    without = weight - taken
    whole, rest = _log_sum(weight), _log_sum(without)
    density = _log_sum(without + log_normal(error, sigma * np.sqrt(1.0 + h / left))) - rest
    inside = _log_sum(weight + log_normal(e, sigma * np.sqrt(1.0 + h))) - whole
    mean = np.sum(np.exp(without - rest[:, None]) * error, axis=1)
    return density, rest - whole, inside, mean


def _log_copies(error: Array, sigma: Array, h: Array, left: Array, copies: Array) -> Array:
    """Log p(y^c | the rest, σ, v) of the copies that are left out."""
    power = 0.5 * (1.0 - copies) * np.log(2.0 * math.pi * sigma**2) - 0.5 * np.log(copies)
    return np.asarray(power + log_normal(error, sigma * np.sqrt(1.0 / copies + h / left)))


def _evidence(problem: Problem, nodes: _Nodes, found: _Standing, sigma: Array) -> Array:
    """Log of L(σ) times the prior of log σ, (draws, nodes, 1); 0 where there is one node."""
    if len(nodes.log_weight) == 1:
        return np.zeros((1, 1, 1))
    log = -problem.nu * np.log(sigma) - 0.5 * found.s / sigma**2 - 0.5 * found.log_det
    return np.asarray(log + nodes.log_weight[:, None])


def _at(nodes: _Nodes, part: slice) -> Array:
    """σ as (draws, nodes, 1)."""
    sigma = nodes.sigma
    return sigma[None, :, None] if sigma.ndim == 1 else sigma[part][:, :, None]


def _log_sum(values: Array) -> Array:
    """Log Σ exp over nodes, (draws, nodes, m) to (draws, m)."""
    if values.shape[1] == 1:
        return values[:, 0]
    top = values.max(axis=1, keepdims=True)
    return np.asarray(top[:, 0] + np.log(np.exp(values - top).sum(axis=1)))


def _nodes(
    problem: Problem, sample: Sample, given: tuple[Array, Array, Array], copies: Array | None
) -> _Nodes:
    """Where σ is summed over: its known value; else wherever a density of log σ is seen.

    With every row and without each of them, by a look at a few draws. Without seconds for that, at
    the draws of σ themselves.
    """
    if problem.sigma is not None or _conjugate(problem) is not None:
        return _Nodes(np.array([problem.sigma or 1.0]), np.zeros(1))
    assert problem.sigma_prior is not None
    if _moves(problem) and _cost(problem, len(given[0])) * USUAL * sample.size > 2.0 * BUDGET:
        return _Nodes(sample.sigma[:, None], np.zeros(1))
    step = APART / math.sqrt(2.0 * max(problem.nu, 1.0))
    low, high = math.log(float(sample.sigma.min())), math.log(float(sample.sigma.max()))
    pick = np.linspace(0, sample.size - 1, min(LOOKS, sample.size)).astype(int)
    few, reach = sample.at(pick), 1.0
    below = above = True
    while (below or above) and reach < FURTHEST:
        # Without a gross outlier σ is far below every draw of it.
        low, high, reach = low - reach * below, high + reach * above, 2.0 * reach
        log_sigma = np.linspace(low, high, 2 + int((high - low) / step))
        seen = _seen(problem, few, given, copies, _weighted(problem, log_sigma))
        below, above = bool(seen[0]), bool(seen[-1])
    kept = np.flatnonzero(seen)
    first, last = max(0, kept[0] - 2), min(len(log_sigma), kept[-1] + 3)
    return _weighted(problem, log_sigma[first:last])


def _seen(
    problem: Problem,
    few: Sample,
    given: tuple[Array, Array, Array],
    copies: Array | None,
    wide: _Nodes,
) -> Array:
    """At which nodes (K,) some density is within DROP of its maximum, with each row and without."""
    u, y, flat = given
    seen = np.zeros(len(wide.sigma), dtype=bool)
    for part, found in _standing(problem, few, u, wide.sigma):
        sigma = _at(wide, part)
        density = [_evidence(problem, wide, found, sigma)]
        h, e = found.leverage + flat, y - found.fitted
        if copies is None:
            density.append(density[0] + log_normal(e, sigma * np.sqrt(1.0 + h)))
        else:
            left = np.maximum(1.0 - copies * h, np.finfo(float).eps)
            density.append(density[0] - _log_copies(e / left, sigma, h, left, copies))
        for one in density:
            seen |= np.any(one > one.max(axis=1, keepdims=True) - DROP, axis=(0, 2))
    return seen


def _weighted(problem: Problem, log_sigma: Array) -> _Nodes:
    """Nodes with the prior density of log σ as weights; what the prior excludes has none."""
    assert problem.sigma_prior is not None
    prior = problem.sigma_prior.log_density_of_log
    weight = np.array([prior(float(x)) for x in log_sigma])
    return _Nodes(np.exp(log_sigma), np.where(np.isfinite(weight), weight, -1e300))


def _standing(
    problem: Problem, sample: Sample, u: Array, sigma: Array
) -> Iterator[tuple[slice, _Standing]]:
    """Which draws, and what stands there at each node, in blocks that fit in the cache."""
    base, moving = _at_unit_sigma(problem, sample)
    per_draw = sigma.ndim == 2
    alike = bool(np.all(base == base[:1])) and not per_draw
    if alike:
        base = base[:1]
    nodes = sigma.shape[-1] if np.any(moving) else 1
    side = (
        len(problem.root) if problem.least_squares.wide and problem.root is not None else problem.p
    )
    step = max(1, CELLS // max(1, nodes * (problem.p + 1) * (side + len(u))))
    step = min(step, max(1, CELLS // (sigma.shape[-1] * len(u))))
    rows = _Rows.of(problem, u)
    for start in range(0, len(base), step):
        part = slice(start, min(start + step, len(base)))
        kappa = base[part][:, None, :]
        if np.any(moving):
            at = (sigma[part] if per_draw else sigma[None])[:, :, None]
            kappa = np.where(moving, kappa / (kappa + (1.0 - kappa) / at**2), kappa)
        shape = kappa.shape[:2]
        found = _solve(problem, kappa.reshape(shape[0] * shape[1], problem.p), rows)
        yield (slice(None) if alike else part), _Standing(*(v.reshape(*shape, -1) for v in found))


def _at_unit_sigma(problem: Problem, sample: Sample) -> tuple[Array, Array]:
    """κ of each draw, at σ = 1 for prior variances that do not depend on σ; and which these are.

    What is the same in every draw, to rounding, is made the same.
    """
    moving = np.zeros(problem.p, dtype=bool)
    kappa = np.zeros((sample.size, 0)) if sample.kappa is None else sample.kappa
    if problem.sigma is None:
        for block in problem.blocks:
            moving[block.columns] = block.prior.unit == "y"
    if np.any(moving):
        square = np.square(sample.sigma)[:, None]
        kappa = np.where(moving, kappa / (kappa + (1.0 - kappa) * square), kappa)
    if np.all(np.abs(kappa - kappa[:1]) <= 1e-12 * kappa[:1]):
        kappa = np.broadcast_to(kappa[:1], kappa.shape)
    return kappa, moving


@dataclass(frozen=True, eq=False)
class _Rows:
    """Rows (m, p) of columns of norm one, and how they are made of those of the root.

    ``made`` is C (m, rows of the root) with v = CA where the rows are in the span of A's, as those
    that were fitted are; None elsewhere.
    """

    v: Array
    inverse: Array
    made: Array | None = None

    @classmethod
    def of(cls, problem: Problem, u: Array) -> _Rows:
        """From rows in the coordinates of b."""
        norms = problem.quadratic.norms
        inverse = np.divide(1.0, norms, out=np.zeros_like(norms), where=norms > 0)
        v = u * inverse
        if not problem.least_squares.wide or problem.root is None or not u.size:
            return cls(v, inverse)
        a = problem.root[:, :-1] * inverse
        c = np.linalg.lstsq(a.T, v.T)[0].T
        spanned = np.abs(v - c @ a).max() <= SPANNED * np.abs(v).max()
        return cls(v, inverse, c if spanned else None)


def _solve(problem: Problem, kappa: Array, rows: _Rows) -> tuple[Array, Array, Array, Array]:
    """u'b̂, u'P⁻¹u (T, m), S and log|I + DGD| (T, 1) at κ (T, p)."""
    solve = _in_row_space if problem.least_squares.wide else _in_column_space
    fitted, leverage, s, log_det = solve(problem, kappa, rows)
    # Rounding of ỹ'ỹ − ỹ'X̃b̂ must not take more than least squares does.
    s = np.maximum(s, max(problem.quadratic.rss0, np.finfo(float).eps * problem.yy))
    return fitted, leverage, s[:, None], log_det[:, None]


def _in_column_space(
    problem: Problem, kappa: Array, rows: _Rows
) -> tuple[Array, Array, Array, Array]:
    """From diag κ + cRc, for draws of κ (T, p) and rows v of unit columns."""
    v, inverse = rows.v, rows.inverse
    c = np.sqrt(1.0 - kappa)
    matrix = c[:, :, None] * (problem.gram * inverse * inverse[:, None]) * c[:, None, :]
    diagonal = np.arange(problem.p)
    matrix[:, diagonal, diagonal] = 1.0
    inner = np.linalg.inv(matrix)
    right = c * (problem.xy * inverse)
    solved = np.einsum("tij,tj->ti", inner, right)
    inner *= c[:, :, None]
    inner *= c[:, None, :]
    leverage = np.einsum("tmj,mj->tm", v @ inner, v)
    s = problem.yy - np.sum(right * solved, axis=1)
    log_det = np.linalg.slogdet(matrix)[1] - np.log(kappa).sum(axis=1)
    return (c * solved) @ v.T, leverage, s, log_det


def _in_row_space(problem: Problem, kappa: Array, rows: _Rows) -> tuple[Array, Array, Array, Array]:
    """The same for p > n, from I + K, K = A diag(v/σ²) A', A the root of the cross-products.

    What costs is one product of a matrix with its own transpose: of A, where the rows are made of
    those of A; else of A above the rows.
    """
    assert problem.root is not None
    a, y = problem.root[:, :-1] * rows.inverse, problem.root[:, -1]
    t, m = (1.0 - kappa) / np.maximum(kappa, np.finfo(float).tiny), len(a)
    c = rows.made
    scaled = (a if c is not None else np.vstack([a, rows.v])) * np.sqrt(t)[:, None, :]
    products = scaled @ scaled.transpose(0, 2, 1)
    matrix = products[:, :m, :m] + np.eye(m)
    inner = np.linalg.inv(matrix)
    solved = inner @ y
    if c is not None:  # K(I + K)⁻¹ = I − (I + K)⁻¹
        fitted = (y - solved) @ c.T
        leverage = np.sum(np.square(c), axis=1) - np.sum((c @ inner) * c, axis=2)
    else:
        along = products[:, m:, :m]
        fitted = np.einsum("tma,ta->tm", along, solved)
        own = np.diagonal(products, axis1=1, axis2=2)[:, m:]
        leverage = own - np.sum((along @ inner) * along, axis=2)
    return fitted, np.maximum(leverage, 0.0), solved @ y, np.linalg.slogdet(matrix)[1]
