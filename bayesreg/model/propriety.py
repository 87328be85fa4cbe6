"""Whether the posterior exists, and what must be warned of.

The conditions are those of a Gaussian likelihood with flat measures on β₀ and β_Flat: the marginal
of σ (or of the scale) is integrable at 0 and at ∞, or the model is refused before anything runs.
Those of yes/no outcomes and counts are in :mod:`bayesreg.model.unbounded`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dpocon

from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadData, PerfectFit
from bayesreg.model.met import order_at_zero, refuse_met
from bayesreg.model.streamed_response import refuse_unbounded
from bayesreg.model.unbounded import refuse_separated, separation
from bayesreg.priors import HalfCauchy, HyperPrior

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem

# A residual below this share of ‖ỹ‖ is rounding: a fit through QR leaves about 1e-15.
ROUNDING = 1e-13
ALONG = 1e-12  # below which 1 − |cosine| of two columns is rounding


def refuse_improper(problem: Problem) -> None:
    """Raise BadData where the posterior does not exist.

    Raises
    ------
    BadData
        With the reason and the cure.
    """
    constant = problem.moments.constant
    for j in problem.flat:
        if problem.intercept and constant[j]:
            raise BadData(
                f"column {problem.features[j]!r} is constant, so under Flat() its coefficient "
                "cannot be told from the intercept; drop it or give it a proper prior"
            )
    if not problem.exact:
        _refuse_endless(problem)
        if not problem.likelihood.has_sigma:
            return
    _refuse_few_rows(problem)
    prior = problem.sigma_prior
    if prior is None:
        return
    if not problem.exact:
        refuse_met(problem)
    # Where nothing is left of y, σ^(order − ν) is to be integrable at 0; of b with a fixed prior in
    # the unit of y what is integrated out gives back one power of σ for each direction of X.
    order, left = order_at_zero(prior), problem.nu
    unformed = problem.least_squares.columns is not None  # where nothing draws an unknown σ
    if _fixed(problem) and not unformed:
        left -= problem.least_squares.rank
    if left >= order + 1.0:
        _refuse_no_variation(problem)
    if problem.p and not unformed:
        _refuse_inside(problem, prior, order)


def _refuse_endless(problem: Problem) -> None:
    """What the rows leave unbounded; where they are read in passes, solvers look for the rest."""
    if problem.stream is None:
        refuse_separated(problem)
    elif problem.intercept:
        refuse_unbounded(problem.stream, problem.likelihood)


def _refuse_inside(problem: Problem, prior: HyperPrior, order: float) -> None:
    """Where y lies in the span of the columns, σ or an unknown scale may have no end."""
    inside = problem.least_squares.rss0 <= ROUNDING**2 * problem.least_squares.yy
    if not inside:
        return
    spare = problem.nu - problem.least_squares.rank
    if spare >= order + 1.0 and any(block.prior.unit == "y" for block in problem.blocks):
        raise PerfectFit(
            "zero residual variance: y lies in the span of X (p >= n - 1, or a noiseless y), so "
            f"under {prior!r} the posterior does not exist for a prior in unit 'y'; "
            f"use unit='sigma', or a proper prior for σ such as {_bounded(problem)}"
        )
    if not prior.proper and problem.unknown_scales and spare > 0:
        raise PerfectFit(
            "zero residual variance: y lies in the span of X and X does not fill the row space, so "
            f"under {prior!r} the posterior of the scale does not exist; fix the scale, or give σ "
            f"a proper prior such as {_bounded(problem)}"
        )


def _fixed(problem: Problem) -> bool:
    """Whether the prior of b is in the unit of y, its scales known."""
    return bool(problem.p) and all(
        block.prior.unit == "y" and block.scale is not None for block in problem.blocks
    )


def _bounded(problem: Problem, *, varies: bool = True) -> str:
    """The likelihood with a prior of σ that leaves a posterior: one that is 0 at 0, if need be."""
    filled = problem.p and problem.least_squares.rank >= problem.nu
    filled = filled and (varies or _fixed(problem))
    law = "HalfNormal(s)" if filled else "InverseGammaSquared(2.0, s**2)"
    return f"{type(problem.likelihood).__name__}(sigma={law})".replace(
        "Gaussian(sigma=", "Gaussian("
    )


def _refuse_few_rows(problem: Problem) -> None:
    """ν ≥ 1 for an improper σ, ν ≥ 0 otherwise."""
    improper = problem.sigma_prior is not None and not problem.sigma_prior.proper
    flat = len(problem.flat)
    what = f"{'an intercept' if problem.intercept else 'no intercept'} and {flat} Flat column(s)"
    if problem.nu < 0 or (improper and problem.nu <= 0):
        cure = "give the columns proper priors" if flat else "add rows"
        if problem.n < problem.moments.rows:
            cure = f"N is the sum of the weights, which count {problem.moments.rows} rows and look "
            cure += "normalised: multiply them by the number of rows"
        sigma = ", or give σ a value or a proper prior" if improper and problem.nu >= 0 else ""
        raise BadData(
            f"too few rows: N = {problem.n:g} with {what} leaves ν = {problem.nu:g} degrees of "
            f"freedom (n <= p); {cure}{sigma}"
        )
    exponent = problem.sigma_prior.inverse_gamma if improper and problem.sigma_prior else None
    if exponent is not None and problem.nu + 2 * exponent[0] <= 0:
        raise BadData(
            f"too few rows: ν = {problem.nu:g} does not make {problem.sigma_prior!r} proper; "
            "give σ a value or a proper prior"
        )


def _refuse_no_variation(problem: Problem) -> None:
    """A projected y that is zero leaves σ with nothing to be estimated from.

    Where all columns are flat, their least-squares fit needs no σ, so a perfect one is refused only
    by the verbs that return a posterior.
    """
    moments = problem.moments
    centred = moments.n * moments.y_sd**2
    total = centred + problem.n * moments.y_mean**2
    about = centred if problem.intercept else total
    left = about if problem.p == 0 else problem.least_squares.yy
    if left <= ROUNDING**2 * (about if problem.p else total) or left == 0.0:
        lost = _lost(problem, moments.p) if problem.intercept and moments.y_sd == 0 else None
        raise PerfectFit(
            f"zero residual variance: {lost}"
            if lost
            else "zero residual variance: y does not vary about its intercept and Flat columns, so "
            f"under {problem.sigma_prior!r} no posterior exists; fix σ or give it a prior that "
            f"vanishes at 0, such as {_bounded(problem, varies=False)}"
        )


def concerns(problem: Problem) -> Iterator[str]:
    """What a reader must know although the posterior exists, one sentence each."""
    names, moments = problem.features, problem.moments
    constant = moments.constant & problem.intercept
    zero = (moments.x_sd == 0) & (moments.x_mean == 0)
    for j in problem.proper[(constant | zero)[problem.proper]]:
        if constant[j]:
            yield _lost(problem, j) or (
                f"column {names[j]!r} is constant: the data say nothing about its coefficient, "
                "the prior alone decides it"
            )
        else:
            yield f"column {names[j]!r} is all zero: its posterior is its prior"
    if moments.y_sd == 0 and problem.intercept and (lost := _lost(problem, moments.p)):
        yield lost
    if problem.stream is None:  # else passes would have to look for it
        yield from separation(problem)
    yield from _spread(problem)
    yield from _expected(problem)
    yield from _collinearity(problem)
    if problem.exact:
        yield from _without_variance(problem)
    if interpolates(problem):
        yield (
            f"p = {problem.p} columns reach ν = {problem.nu:g}: under {problem.sigma_prior!r} and "
            "a hyperprior in units of σ the posterior is proper but interpolates y (σ far too "
            "small). Two cures: expected_nonzero=m on the prior (a larger precision= for R2D2), or "
            "a proper prior for σ such as Gaussian(HalfNormal(s))"
        )


def interpolates(problem: Problem) -> bool:
    """Whether the posterior is proper and yet σ far too small, for the columns span y."""
    if not problem.exact or problem.quadratic.columns is not None:
        return False
    improper = problem.sigma_prior is not None and not problem.sigma_prior.proper
    return bool(improper and problem.quadratic.rank >= problem.nu and _free_sigma_scale(problem))


def _lost(problem: Problem, j: int) -> str | None:
    """What to do where the values of a column differ, y last, by less than their size can show."""
    design = problem.design
    if design is None:
        return None
    values, what = design.target, f"y ({design.y_name!r})"
    if j < design.p:
        values, what = design.X[:, j], f"column {design.names[j]!r}"
    low, high = float(values.min()), float(values.max())
    if low == high:
        return None
    return (
        f"{what} lies between {low:.17g} and {high:.17g}, and a spread so small against its size "
        "is taken for rounding, as if the column were constant; subtract a number near its mean"
    )


def _free_sigma_scale(problem: Problem) -> bool:
    """Whether some block has an unknown scale in units of σ that no `expected_nonzero` bounds."""
    return any(
        block.scale is None
        and block.prior.unit == "sigma"
        and block.prior.expected_nonzero is None
        and not (isinstance(block.hyper, HalfCauchy) and block.hyper.scale <= 0.1)
        for block in problem.blocks
    )


def _spread(problem: Problem) -> Iterator[str]:
    """Raw columns of very different size under one shared scale."""
    if problem.standardize:
        return
    for block in problem.blocks:
        sd = problem.column_sd[problem.proper[block.columns]] * block.relative
        sd = sd[sd > 0]
        if len(sd) > 1 and np.ptp(block.relative) == 0 and sd.max() > 10 * sd.min():
            yield (
                f"the columns under {type(block.prior).__name__} have sds from {sd.min():.3g} to "
                f"{sd.max():.3g} and share one scale, so the prior is far tighter on some effects "
                "than on others; use standardize=True or relative=[...]"
            )


def _expected(problem: Problem) -> Iterator[str]:
    """A number of effects is a scale only where the columns have sd 1."""
    if problem.standardize:
        return
    for block in problem.blocks:
        if block.prior.expected_nonzero is None:
            continue
        sd = problem.column_sd[problem.proper[block.columns]]
        sd = sd[sd > 0]
        if len(sd) and (sd.min() < 0.5 or sd.max() > 2.0):
            yield (
                f"{type(block.prior).__name__}(expected_nonzero={block.prior.expected_nonzero:g}) "
                f"counts effects per sd of a column, and the columns have sds from {sd.min():.3g} "
                f"to {sd.max():.3g}: the scale it gives is too wide for large columns and too "
                "tight for small ones; use standardize=True"
            )


def _without_variance(problem: Problem) -> Iterator[str]:
    """Coefficients that only the prior bounds, by a tail too heavy for a variance.

    Given the scale s the evidence falls as s^−r, r the directions that the data tell apart: E s^k
    is finite below k = a + r, where a is that of its hyperprior. In a direction of which the data
    say nothing the coefficient has the tail of s, or of the prior given s where that is heavier.
    Levels of a factor are read as contrasts, which the data tell apart.
    """
    norms = problem.quadratic.norms
    unformed = problem.least_squares.columns is not None  # where scales are known
    if len(problem.blocks) != 1 or unformed or (problem.root is None and np.all(norms > 0)):
        return
    (block,) = problem.blocks
    known = np.flatnonzero(norms > 0)
    of_scale = np.inf if block.hyper is None else block.hyper.moments
    if len(known) and np.all(np.abs(_cosines(problem, known[:2000])) > 1.0 - ALONG):
        silent = list(known) if len(known) > 1 else []
        of_scale += 1.0
    else:
        silent, of_scale = [], of_scale + 2.0 * bool(len(known))
    levels = _indicators(problem)
    silent = [j for j in silent if of_scale <= 2.0 and problem.proper[j] not in levels]
    if block.prior.moments(of_scale) <= 2.0:
        silent += list(np.flatnonzero(norms == 0))
    if silent:
        names = [repr(problem.features[problem.proper[j]]) for j in silent[:6]]
        yield (
            f"the posterior of {', '.join(names)}{'…' if len(silent) > 6 else ''} has no variance, "
            "because the data leave a direction to the prior and its tail is too heavy: an sd of "
            "draws does not settle as they grow; read quantiles, or take a lighter hyperprior such "
            "as HalfNormal(1.0)"
        )


def _cosines(problem: Problem, known: NDArray[np.intp]) -> Array:
    """Of the angles between the first of some columns and each of them."""
    norms = problem.quadratic.norms[known]
    if problem.root is None:
        return np.asarray(problem.gram[known[0], known] / (norms[0] * norms))
    unit = problem.root[:, :-1][:, known] / norms
    return np.asarray(unit[:, 0] @ unit)


def _indicators(problem: Problem) -> list[int]:
    """Columns with one indicator per level, collinear by design: a proper prior identifies them."""
    terms = () if problem.layout is None else problem.layout.terms
    return [j for term in terms if term.coding == "indicator" for j in term.columns]


def _collinearity(problem: Problem) -> Iterator[str]:
    """Exact or near collinearity of the proper columns, with the condition number."""
    if not problem.exact or problem.root is None:
        return
    if problem.least_squares.wide or problem.p < 2 or problem.p > 2000:
        return
    keep = problem.quadratic.norms > 0
    keep &= ~np.isin(problem.proper, _indicators(problem))
    if keep.sum() < 2:
        return
    unit = problem.root[:, :-1][:, keep] / problem.quadratic.norms[keep]
    if _surely_apart(unit):
        return
    values = np.linalg.svd(unit, compute_uv=False)
    if values[-1] <= values[0] * 1e-14:
        yield (
            "some columns are exact linear combinations of others: the prior decides how the "
            "effect is shared (ridge splits it equally; a lasso solution may not be unique)"
        )
    elif values[-1] < 1e-10 * values[0]:
        yield (
            f"the columns are nearly collinear (condition number {values[0] / values[-1]:.2g}): "
            "single coefficients are decided by the prior rather than by the data"
        )


def _surely_apart(unit: Array) -> bool:
    """Whether an estimate alone says that the condition number of unit columns is below 1e10.

    LAPACK's, of X'X in the 1-norm from its triangular factor: no less than the square of the number
    asked for, but for a factor of about 3 by which an estimate may be low.
    """
    p = unit.shape[1]
    if len(unit) < p:
        return False
    triangular = not np.tril(unit, -1).any()
    factor = unit[:p] if triangular else np.linalg.qr(unit, mode="r")
    inverse, _ = dpocon(factor, float(p), uplo="U")  # no column sum of X'X exceeds p
    return float(inverse) > 10.0 * 1e-20
