"""Which column has which prior, whether the posterior exists, and what must be warned of.

The conditions are those of a Gaussian likelihood with flat measures on β₀ and β_Flat: the marginal
of σ (or of the scale) is integrable at 0 and at ∞, or the model is refused before anything runs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.errors import BadArgument, BadData, PerfectFit
from bayesreg.penalty import Block
from bayesreg.priors import Flat, HalfCauchy, Prior
from bayesreg.priors.base import positive

if TYPE_CHECKING:
    from bayesreg.data.design import Term
    from bayesreg.model import Problem

# A residual below this share of ‖ỹ‖ is rounding: a fit through QR leaves about 1e-15.
ROUNDING = 1e-13


def assign(
    prior: Prior | Mapping[Any, Prior],
    names: Sequence[str],
    terms: Sequence[Term],
    n: float,
) -> tuple[NDArray[np.intp], tuple[Block, ...]]:
    """Positions of the Flat columns, and one Block per proper prior.

    Raises
    ------
    BadArgument
        If a key names no column or term, two keys share a column, a column has no prior, or the
        length of `scale` or `relative` is not the number of columns.
    """
    groups = _groups(prior, names, terms)
    flat = sorted(j for _, one, columns in groups if isinstance(one, Flat) for j in columns)
    position = {j: k for k, j in enumerate(j for j in range(len(names)) if j not in set(flat))}
    blocks = tuple(
        _block(label, one, [position[j] for j in columns], n)
        for label, one, columns in groups
        if not isinstance(one, Flat) and columns
    )
    return np.asarray(flat, dtype=np.intp), blocks


def _groups(
    prior: Prior | Mapping[Any, Prior], names: Sequence[str], terms: Sequence[Term]
) -> list[tuple[str, Prior, list[int]]]:
    """(label, prior, columns) per key; ``...`` takes what is left."""
    if isinstance(prior, Prior):
        return [(prior.family, prior, list(range(len(names))))]
    known = {name: [j] for j, name in enumerate(names)}
    known |= {term.name: list(term.columns) for term in terms}
    taken: dict[int, str] = {}
    groups: list[tuple[str, Prior, list[int]]] = []
    for key, one in prior.items():
        if key is ...:
            continue
        if key not in known:
            near = get_close_matches(str(key), known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise BadArgument(f"a prior is given for {key!r}, which is no column or term{hint}")
        for j in known[key]:
            if j in taken:
                raise BadArgument(
                    f"column {names[j]!r} gets two priors, from {taken[j]!r} and {key!r}"
                )
            taken[j] = str(key)
        groups.append((str(key), one, known[key]))
    rest = [j for j in range(len(names)) if j not in taken]
    if ... in prior:
        groups.append(("rest", prior[...], rest))
    elif rest:
        raise BadArgument(
            f"column {names[rest[0]]!r} has no prior ({len(rest)} such); "
            "add `...: prior` to the mapping for the rest"
        )
    return groups


def _block(label: str, prior: Prior, columns: list[int], n: float) -> Block:
    """One block, with a scale per column turned into relative factors on scale 1."""
    prior = _settle_expected(prior, len(columns), n)
    given = prior.scale if isinstance(prior.scale, tuple) else prior.relative
    if given is not None and len(given) != len(columns):
        name = "scale" if isinstance(prior.scale, tuple) else "relative"
        raise BadArgument(
            f"{type(prior).__name__}: {name} has {len(given)} values, and there are "
            f"{len(columns)} columns"
        )
    fixed = 1.0 if isinstance(prior.scale, tuple) else prior.scale
    return Block(
        label=label,
        prior=prior,
        columns=np.asarray(columns, dtype=np.intp),
        relative=np.ones(len(columns)) if given is None else np.asarray(given, dtype=float),
        scale=None if prior.hyper is not None else float(fixed),
        hyper=prior.hyper,
        group=np.arange(len(columns)),
    )


def _settle_expected(prior: Prior, p: int, n: float) -> Prior:
    """``expected_nonzero=m`` is HalfCauchy(m/((p − m)√N)) (Piironen & Vehtari 2017, eq. 3.12)."""
    m = getattr(prior, "expected_nonzero", None)
    if m is None:
        return prior
    m = np.asarray(positive(m, f"{type(prior).__name__}: expected_nonzero"))
    if m.ndim or not m < p:
        raise BadArgument(
            f"{type(prior).__name__}: expected_nonzero must be below the number of columns {p}, "
            f"not {m}"
        )
    scale = HalfCauchy(float(m / (p - m) / np.sqrt(n)))
    return dataclasses.replace(prior, scale=scale, unit="sigma")  # type: ignore[type-var]


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
    _refuse_few_rows(problem)
    prior = problem.sigma_prior
    if prior is None or prior.proper:
        return
    _refuse_no_variation(problem)
    if problem.p == 0:
        return
    inside = problem.rss0 <= ROUNDING**2 * problem.yy
    if not inside:
        return
    if any(block.prior.unit == "y" for block in problem.blocks):
        raise PerfectFit(
            "zero residual variance: y lies in the span of X (p >= n - 1, or a noiseless y), so "
            f"under {prior!r} the posterior does not exist for a prior in unit 'y'; "
            "use unit='sigma', or a proper prior for σ such as Gaussian(HalfNormal(s))"
        )
    if problem.unknown_scales and problem.projection.rank < problem.nu:
        raise PerfectFit(
            "zero residual variance: y lies in the span of X and X does not fill the row space, so "
            f"under {prior!r} the posterior of the scale does not exist; fix the scale, or give σ "
            "a proper prior such as Gaussian(HalfNormal(s))"
        )


def _refuse_few_rows(problem: Problem) -> None:
    """ν ≥ 1 for an improper σ, ν ≥ 0 otherwise."""
    improper = problem.sigma_prior is not None and not problem.sigma_prior.proper
    flat = len(problem.flat)
    what = f"{'an intercept' if problem.intercept else 'no intercept'} and {flat} Flat column(s)"
    if problem.nu < 0 or (improper and problem.nu <= 0):
        cure = "give the columns proper priors" if flat else "add rows"
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
    """A projected y that is zero leaves an improper σ with nothing to be estimated from.

    Where all columns are flat, their least-squares fit needs no σ, so a perfect one is refused only
    by the verbs that return a posterior.
    """
    moments = problem.moments
    centred = float(moments.cross[-1, -1])
    total = centred + problem.n * moments.y_mean**2
    about = centred if problem.intercept else total
    left = about if problem.p == 0 else problem.yy
    if left <= ROUNDING**2 * (about if problem.p else total) or left == 0.0:
        raise PerfectFit(
            "zero residual variance: y does not vary about its intercept and Flat columns, so "
            f"under {problem.sigma_prior!r} no posterior exists; fix σ or give it a proper prior "
            "such as Gaussian(HalfNormal(s))"
        )


def concerns(problem: Problem) -> Iterator[str]:
    """What a reader must know although the posterior exists, one sentence each."""
    names, constant = problem.features, problem.moments.constant
    for j in problem.proper:
        if constant[j] and problem.intercept:
            yield (
                f"column {names[j]!r} is constant: the data say nothing about its coefficient, "
                "the prior alone decides it"
            )
        elif problem.moments.x_sd[j] == 0 and problem.moments.x_mean[j] == 0:
            yield f"column {names[j]!r} is all zero: its posterior is its prior"
    yield from _spread(problem)
    yield from _collinearity(problem)
    improper = problem.sigma_prior is not None and not problem.sigma_prior.proper
    if improper and problem.projection.rank >= problem.nu and _free_sigma_scale(problem):
        yield (
            f"p = {problem.p} columns reach ν = {problem.nu:g}: under {problem.sigma_prior!r} and "
            "a hyperprior in units of σ the posterior is proper but interpolates y (σ far too "
            "small). Two cures: expected_nonzero=m on the prior, or a proper prior for σ such as "
            "Gaussian(HalfNormal(s))"
        )


def _free_sigma_scale(problem: Problem) -> bool:
    """Whether some block has an unknown scale in units of σ that no `expected_nonzero` bounds."""
    return any(
        block.scale is None
        and block.prior.unit == "sigma"
        and getattr(block.prior, "expected_nonzero", None) is None
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


def _collinearity(problem: Problem) -> Iterator[str]:
    """Exact or near collinearity of the proper columns, with the condition number."""
    if problem.root is None or problem.wide or problem.p < 2 or problem.p > 2000:
        return
    keep = problem.projection.norms > 0
    if problem.design is not None:
        # One indicator per level is collinear by design: a proper prior is what identifies it.
        coded = [j for t in problem.design.terms if t.coding == "indicator" for j in t.columns]
        keep &= ~np.isin(problem.proper, coded)
    if keep.sum() < 2:
        return
    unit = problem.root[:, :-1][:, keep] / problem.projection.norms[keep]
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
