r"""Rows that one fit meets exactly: where noise of unknown scale leaves no posterior at σ = 0.

Let a fit meet K of N rows, in which the columns that it may use have rank R. As σ → 0 it is met
within σ^R of its own volume, each row that it meets has a density of order 1/σ and each other row
one of order σ^a (a = ν under Student-t noise, ∞ under lighter tails), so that under p(σ) ~ σ^c

    ∫ σ^(a(N − K) + R − K + c) dσ < ∞ at 0   only if   a(N − K) > K − R − c − 1.

Fernández & Steel (1999), "Multivariate Student-t regression models: pitfalls and inference",
Biometrika 86(1), https://doi.org/10.1093/biomet/86.1.153, for rounded y. Under Laplace noise only a
fit that meets all rows is of account, and least squares is that fit. Under Student-t noise which
fit meets most rows is a hard question where there are several columns: beside an intercept alone it
is the commonest y; else the best is taken of least absolute deviations, which a far column can
deceive, and of fits through as many random rows as there are columns. A share f of the rows on one
plane of R columns escapes all of these with probability (1 − f^R)^ELEMENTAL or so: 10⁻⁹⁰ at 4 and
10⁻⁷ at 14 columns for f = 0.8, the least that matters with 4 degrees of freedom; where columns are
many and degrees of freedom few, nothing is proved. Columns with a prior in units of σ are of no use
to a fit as σ → 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bayesreg.language.arguments import Array
from bayesreg.language.errors import PerfectFit
from bayesreg.model.unit_data import EPS

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem
    from bayesreg.priors import HyperPrior

Rows = NDArray[np.intp]

STEPS = 60  # of reweighted least squares towards least absolute deviations
MET = 1e-11  # of the size of y about its level: a residual below it is rounding
STORED = EPS  # of the size of y itself, of the offset, and of the terms of a fit
ENOUGH = 2000  # rows, among which a fit that matters is seen
ELEMENTAL = 400  # fits through random rows
COMPARED = 200  # rows, by which they are ranked
NEARLY = (1e1, 1e3, 1e5)  # of rounding: what a fit through a few rows leaves of one that is met
TINY = 1e-100  # where the order of a density of σ at 0 is read


def refuse_met(problem: Problem) -> None:
    """Raise PerfectFit where a fit that meets many rows exactly leaves σ nothing to be.

    Raises
    ------
    PerfectFit
        With how many rows, and the cure.
    """
    prior, loss = problem.sigma_prior, problem.loss
    if prior is None or not loss.weights.sum():
        return
    absolute = [block.columns for block in problem.blocks if block.prior.unit == "y"]
    used = np.concatenate(absolute) if absolute else np.zeros(0, dtype=np.intp)
    columns = np.hstack([loss.free, loss.proper[:, used]])
    design = problem._rows("noise")
    about, typical = np.abs(loss.y), 0.0
    if np.any(about):
        typical = float(np.median(about[about > 0.0]))
    rounding = MET * np.maximum(about, typical)
    if columns.shape[1] > 1 or design.offset is not None:  # equal y's alone stay equal
        stored = np.abs(design.y) + abs(loss.level)
        rounding += STORED * (stored if design.offset is None else stored + np.abs(design.offset))
    rows = met(columns, loss.y, loss.weights, rounding)
    count, total = float(loss.weights[rows].sum()), float(loss.weights.sum())
    rank = int(np.linalg.matrix_rank(columns[rows])) if columns.shape[1] and len(rows) else 0
    rest = total - count
    others = 0.0 if rest <= 0.0 else problem.likelihood.order(problem.own) * rest
    if others > count - rank - order_at_zero(prior) - 1.0:
        return
    name = type(problem.likelihood).__name__
    raise PerfectFit(
        f"zero residual scale: one fit meets {count:g} of {total:g} rows exactly, so that {name}() "
        f"has no posterior under {prior!r}, for it is unbounded as σ goes to 0; give σ a value, or "
        f"a prior that vanishes there such as {name}(sigma=InverseGammaSquared(2.0, 1.0))"
        f"{', or df a larger one' if np.isfinite(others) and others else ''}"
    )


def order_at_zero(prior: HyperPrior) -> float:
    """c, where the density of σ is of order σ^c at 0: −1 for 1/σ, 0 for a half-normal."""
    with np.errstate(all="ignore"):
        high, low = (float(prior.log_density(x)) for x in (TINY, 0.1 * TINY))
    order = (high - low) / np.log(10.0)
    return float(round(order, 6)) if np.isfinite(order) else np.inf


def met(columns: Array, y: Array, weights: Array, rounding: Array) -> Rows:
    """The rows that one fit meets to their `rounding` (n,): as many as a fit was found for."""
    n, k = columns.shape
    if k == 0:
        return np.flatnonzero(np.abs(y) <= rounding)
    if k == 1 and np.all(columns == 1.0):
        order = np.argsort(y, kind="stable")
        place = np.empty(n, dtype=np.intp)
        place[order] = np.cumsum(np.diff(y[order], prepend=y[order[0]]) > rounding[order])
        return np.flatnonzero(place == np.argmax(np.bincount(place, weights)))
    if k >= n:
        return np.arange(n if np.linalg.matrix_rank(columns) == n else 0)
    rng = np.random.default_rng(0)
    part = rng.permutation(n)[: ENOUGH + 10 * k]
    x, t, w, r = columns[part], y[part], weights[part], rounding[part]
    found = [_met_near(columns, y, _least_absolute(x, t, w, r), rounding, NEARLY[-1])]
    random, few = _through_rows(x, t, rng), slice(0, COMPARED + 2 * k)
    for share in NEARLY:
        best = _near_most(random, x[few], t[few], w[few], share * r[few])
        found.append(_met_near(columns, y, best, rounding, share))
    return max(found, key=lambda rows: float(weights[rows].sum()))


def _met_near(columns: Array, y: Array, fit: Array, rounding: Array, share: float) -> Rows:
    """The rows that a fit meets which is the least-squares fit of those that it nearly meets."""
    rounding = rounding + 64.0 * STORED * (np.abs(columns) @ np.abs(fit))
    near = np.flatnonzero(np.abs(y - columns @ fit) <= share * rounding)
    if len(near):
        fit = np.linalg.lstsq(columns[near], y[near], rcond=None)[0]
    return np.flatnonzero(np.abs(y - columns @ fit) <= rounding)


def _through_rows(columns: Array, y: Array, rng: np.random.Generator) -> Array:
    """Fits (ELEMENTAL, k) through k random rows each."""
    n, k = columns.shape
    chosen = np.argpartition(rng.random((ELEMENTAL, n)), k, axis=1)[:, :k]
    size = np.abs(columns).max(axis=0)
    size = np.where(size > 0.0, size, 1.0)
    return np.asarray(
        (np.linalg.pinv(columns[chosen] / size) @ y[chosen][..., None])[..., 0] / size
    )


def _near_most(fits: Array, columns: Array, y: Array, weights: Array, near: Array) -> Array:
    """Of some fits the one (k,) that is near most rows."""
    with np.errstate(over="ignore", invalid="ignore"):
        close = np.abs(y - fits @ columns.T) <= near
    return np.asarray(fits[np.argmax(close @ weights)])


def _least_absolute(columns: Array, y: Array, weights: Array, least: Array) -> Array:
    """The fit (k,) of least absolute deviations by reweighting: near enough to see who is met."""
    fit, omega = np.zeros(columns.shape[1]), weights
    least = np.maximum(least, np.finfo(float).tiny)
    for _ in range(STEPS):
        root = np.sqrt(omega / np.max(omega))
        fit = np.linalg.lstsq(root[:, None] * columns, root * y, rcond=None)[0]
        omega = weights / np.maximum(np.abs(y - columns @ fit), least)
    return np.asarray(fit)
