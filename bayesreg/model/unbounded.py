r"""What separation leaves unbounded: refused, or said in words with the rows and the column.

Beside k flat unknowns γ, columns F, let b have a proper prior, columns Z, and let C be the cone of
all directions (γ, b) along which −log L stays bounded. −log L grows like the distance from C, so
that G(b) = ∫ L dγ is of the order of the volume of the slice of C at b. With E the rows that every
direction of C leaves at 0,

    G(b) = O(1 + ‖b‖^m),  m = k − rank F_E,   and   ∫ G(s·u) p(u) du ~ s^(dim C − p)

for a bounded density of u = b/s that is positive throughout. So there is a posterior if E‖b‖^m is
finite, always where the rows that overlap identify the flat unknowns (m = 0), as one such row does
for an intercept; and there is none if the scale s has no moment of order dim C − p, which is k
where every row is separated (E empty). Where coefficients have heavy tails each by itself, with
moments below a ≥ k, they are far out one at a time: beside an intercept there is no posterior if
one column separates all rows, and there is one otherwise.

An unknown θ of the likelihood may take the flat unknowns with it. As the shape r of a negative
binomial falls, η may grow like 1/r: in v = rη a row above 0 has r·e^(−v)/y where v > 0 and nothing
below, a row of 0 has e^(−v₊), so that with m rows above 0

    ∫ L dγ ~ r^(m − k) ∫ Π₊ e^(−v_i)·1(v_i > 0) Π₀ e^(−(v_i)₊) dv,

the integral finite where no direction is one of recession, as was asked before, and under heavy
tails of b no more than G above, for ‖rb‖ ≤ ‖b‖. With p(r) ~ r^c at 0 there is a posterior if and
only if c + m − k > −1: under a density that is positive at 0, if m ≥ k.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadData, Separated
from bayesreg.model.met import order_at_zero
from bayesreg.model.separation import direction, overlapping

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem

HEAVY = (
    "; its tail is so heavy that a mean or an sd of draws need not settle: read quantiles, or take "
    "RegularizedHorseshoe, Normal or Laplace"
)
FARTHEST = 300.0  # beyond which e^β is no number to be read
NAMED = 4  # columns that are named; more separate together


def refuse_separated(problem: Problem) -> None:
    """Raise BadData where the rows leave β₀, Flat columns or a heavy-tailed prior unbounded.

    Raises
    ------
    BadData
        With the direction, the rows and the cure.
    """
    loss = problem.loss
    free = loss.free
    if not free.shape[1]:
        return
    side = problem.likelihood.recession(loss.y, loss.theta)
    found = direction(free, side)
    if found is not None:
        raise BadData(_why_flat(problem, side, found))
    rank = int(np.linalg.matrix_rank(free))
    if rank < free.shape[1]:
        names = ", ".join(repr(problem.features[j]) for j in problem.flat)
        raise BadData(
            f"under Flat() the coefficients of {names} cannot be told apart"
            f"{', nor from the intercept' if problem.intercept else ''}: the columns are of rank "
            f"{rank} and not {free.shape[1]}; drop one, or give one a proper prior"
        )
    _refuse_vanishing(problem)
    _refuse_heavy(problem, side)


def _refuse_vanishing(problem: Problem) -> None:
    """Refuse an unknown of the likelihood that takes the flat ones with it as it goes to 0."""
    loss, k = problem.loss, problem.loss.free.shape[1]
    for name, order in problem.likelihood.orders(loss.y, loss.weights).items():
        prior = problem.unknown.get(name)
        if prior is None or order_at_zero(prior) + order - k > -1.0:
            continue
        kind = type(problem.likelihood).__name__
        raise BadData(
            f"too few rows above 0: {order:g} of {loss.weights.sum():g}, beside {k} flat unknowns "
            f"(the intercept and Flat columns). {kind}() then has no posterior under {prior!r}, "
            f"for as {name} goes to 0 the flat unknowns grow without end; give {name} a value or "
            f"a law that vanishes at 0, {kind}({name}=HalfNormalInverseRoot(1.0)), or give the "
            "columns proper priors such as Normal(2.5)"
        )


def heavy_tailed(problem: Problem, k: int) -> list[Any]:
    """The blocks whose tail leaves it to the rows whether there is a posterior beside k flat."""
    return [block for block in problem.blocks if _moments(block) <= k]


def separation(problem: Problem) -> Iterator[str]:
    """What must be said of effects that a proper prior alone bounds."""
    if problem.exact or not problem.p:
        return
    loss = problem.loss
    side = problem.likelihood.recession(loss.y, loss.theta)
    if not np.any(side):
        return
    first = loss.free.shape[1]
    split = next(iter(_splits(problem, problem.proper, side)), None)
    if split is None:
        found = direction(np.hstack([loss.free, loss.proper]), side)
        if found is None:
            return
        moving = problem.proper[np.abs(found[first:]) > 0.0]
        who = ", ".join(repr(problem.features[j]) for j in moving)
        who = (
            f"{who} together separate" if len(moving) <= NAMED else "the columns together separate"
        )
        said, whose = f"{who} {problem.likelihood.apart}", "these effects"
        bound = _prior_bound(problem, moving, "them")
    else:
        said = _said(problem, split)
        block = next(b for b in problem.blocks if split.column in problem.proper[b.columns])
        whose = f"its effect, {type(block.prior).__name__} with {_hyper(block)}"
        bound = _prior_bound(problem, np.array([split.column]), "it")
    heavy = any(_moments(block) <= 2.0 for block in problem.blocks)
    yield (
        f"{said}: the data give no upper bound to the size of {whose}; the prior alone does, which "
        f"{bound}; another scale gives another size"
        f"{HEAVY if heavy else ''}"
    )


def _prior_bound(problem: Problem, columns: NDArray[np.intp], whom: str) -> str:
    """The central 95 % of the prior of some columns (positions among all), of the widest."""
    reaches = []
    for block in problem.blocks:
        places = np.flatnonzero(np.isin(problem.proper[block.columns], columns))
        if len(places):
            reach, place = block.farthest(places)
            reaches.append((reach, float(problem.coordinates.loc[block.columns[place]])))
    reach, loc = max(reaches)
    low, high, ratio = loc - reach, loc + reach, problem.likelihood.ratio
    times = ""
    if ratio is not None and high < FARTHEST:
        times = f" ({ratio.name} {np.exp(low):.2g} to {np.exp(high):.2g})"
    per = "sd" if problem.standardize else "unit"
    return f"has {whom} between {low:.2g} and {high:.2g} per {per}{times} with probability 0.95"


def _refuse_heavy(problem: Problem, side: Array) -> None:
    """Refuse priors whose tail leaves no posterior where columns separate, or no proof of one."""
    loss = problem.loss
    k = loss.free.shape[1]
    heavy = heavy_tailed(problem, k)
    if not heavy:
        return
    together = np.concatenate([block.columns for block in heavy])
    alone = k <= min(map(_moments, heavy))  # one block, or one column, is far out at a time
    for columns in [block.columns for block in heavy] if alone else [together]:
        cone = np.hstack([loss.free, loss.proper[:, columns]])
        found = direction(cone, side)
        if found is None:
            continue
        rows = overlapping(cone, side, found)
        most = k - _rank(loss.free[rows])
        dimension = cone.shape[1] - _rank(cone[rows]) - len(columns)
        for block in heavy:
            if _moments(block) > most or not np.all(np.isin(block.columns, columns)):
                continue
            none = _of_scale(block) <= dimension or _by_itself(problem, block, side)
            if none or not (alone and _one_intercept(problem)):
                raise Separated(_why_heavy(problem, block, none=none))


def _one_intercept(problem: Problem) -> bool:
    """Whether the intercept is all that is flat, for which single columns say everything."""
    return problem.intercept and not len(problem.flat)


def _by_itself(problem: Problem, block: Any, side: Array) -> bool:
    """Whether coefficients are heavy each by itself, and one column separates every row."""
    if block.prior.moments(np.inf) > problem.loss.free.shape[1] or not problem.intercept:
        return False
    if np.any(side == 0.0):
        return False
    x = problem.loss.proper[:, block.columns]
    up, down = x[side > 0.0], x[side < 0.0]
    return bool(np.any((up.min(0) > down.max(0)) | (up.max(0) < down.min(0))))


def _rank(rows: Array) -> int:
    return int(np.linalg.matrix_rank(rows)) if len(rows) else 0


def _why_heavy(problem: Problem, block: Any, *, none: bool) -> str:
    likelihood, k = problem.likelihood, problem.loss.free.shape[1]
    tail = f"its tail is too heavy (moments below {_moments(block):g} only)"
    if none:
        verdict = "then has no posterior under"
    else:
        verdict, tail = "then need not have a posterior under", f"for all that is known {tail}"
    return (
        f"the columns separate {likelihood.apart}, and beside {k} flat unknown"
        f"{'s' if k > 1 else ''} {type(likelihood).__name__}() {verdict} "
        f"{type(block.prior).__name__} with {_hyper(block)}: {tail}. {block.prior.cure(k)}"
    )


# --- in words --------------------------------------------------------------------------------


class _Split(NamedTuple):
    """A column (position among all) that separates by itself, rising or falling to side +1.

    `low` and `high` are the ends, in the column's unit, between which or at which it does.
    """

    column: int
    rising: bool
    low: float
    high: float
    moved: tuple[float, ...]  # the sides that have rows beyond


def _splits(problem: Problem, columns: Any, side: Array) -> Iterator[_Split]:
    """Columns that separate beside the intercept alone; strict ones first."""
    design = problem.design
    if design is None or not len(columns):
        return
    x = design.X[:, columns]
    found = []
    for sign in (1.0, -1.0):
        low, high = _ends(sign * x, side, intercept=problem.intercept)
        for j in np.flatnonzero(low <= high):
            z = sign * x[:, j]
            beyond = ((side > 0.0) & (z > low[j])) | ((side < 0.0) & (z < high[j]))
            moved = tuple(float(s) for s in np.unique(side[beyond]))
            if moved:
                least, most = sorted((float(sign * low[j]), float(sign * high[j])))
                found.append(_Split(int(columns[j]), sign > 0.0, least, most, moved))
    yield from sorted(found, key=lambda one: (one.low == one.high, one.column))


def _ends(z: Array, side: Array, *, intercept: bool) -> tuple[Array, Array]:
    """Between which values of each column of z the rows of side −1 end and those of +1 begin."""
    p = z.shape[1]
    low = np.max(z[side < 0.0], axis=0, initial=-np.inf)
    high = np.min(z[side > 0.0], axis=0, initial=np.inf)
    held = z[side == 0.0] if np.any(side == 0.0) else np.zeros((0, p))
    if not intercept:
        held = np.vstack([held, np.zeros((1, p))])
    if len(held):
        fixed = np.all(held == held[0], axis=0) & (low <= held[0]) & (held[0] <= high)
        return np.where(fixed, held[0], np.inf), np.where(fixed, held[0], -np.inf)
    return low, high


def _said(problem: Problem, split: _Split) -> str:
    """The column, the threshold and the rows of a split."""
    likelihood, name = problem.likelihood, repr(problem.features[split.column])
    if len(split.moved) == 2:
        if split.low < split.high:
            return f"{name} > {_between(split.low, split.high)} separates {likelihood.apart}"
        return f"{name} separates {likelihood.apart}, but for rows at {split.low:g}"
    (side,) = split.moved
    above = split.rising == (side > 0.0)
    bound = split.low if above else split.high
    marked = bound == (0.0 if above else 1.0)
    level = _level(problem, split.column, inside=above) if marked else None
    where = f"with {name} {'>' if above else '<'} {bound:g}" if level is None else f"of {level}"
    return f"{name} separates {likelihood.apart}: every row {where} has {likelihood.bounded(side)}"


def _between(low: float, high: float) -> str:
    """A number between two others, in as few digits as that takes."""
    middle = low + 0.5 * (high - low)
    texts = (f"{middle:.{digits}g}" for digits in range(2, 18))
    return next((text for text in texts if low <= float(text) < high), f"{low!r}")


def _level(problem: Problem, column: int, *, inside: bool) -> str | None:
    """The level of a factor whose rows a column of zeros and ones marks, or the one that it leaves.

    None where it leaves several, or is one of them times a number.
    """
    terms = () if problem.layout is None else problem.layout.terms
    for term in terms:
        if column not in term.columns or len(term.factors) != 1 or term.codes or term.numbers:
            continue
        factor, level = term.factors[0], term.levels[term.columns.index(column)][0]
        others = [one for one in factor.levels if one != level]
        if level is not None and (inside or len(others) == 1):
            return f"{factor.variable or factor.name} = {(level if inside else others[0])!r}"
    return None


def _why_flat(problem: Problem, side: Array, d: Array) -> str:
    """What is unbounded, and what to do."""
    likelihood, first = problem.likelihood, int(problem.intercept)
    moving = problem.flat[d[first:] != 0.0]
    if problem.intercept and np.all(side == side[0]):
        one = "y has one class: " if likelihood.takes_labels else ""
        return (
            f"{one}every row has {likelihood.bounded(float(side[0]))}, so the intercept is "
            "unbounded and there is no posterior; add rows of the other kind, or use "
            "intercept=False"
        )
    split = next(iter(_splits(problem, problem.flat, side)), None)
    if split is not None:
        said, whose = (
            _said(problem, split),
            f"the coefficient of {problem.features[split.column]!r}",
        )
        return (
            f"under Flat() {said}, so {whose} is unbounded and there is no posterior; give it a "
            "proper prior such as Normal(2.5)"
        )
    names = ", ".join(repr(problem.features[j]) for j in moving)
    return (
        f"under Flat() {names} separate{'' if len(moving) > 1 else 's'} {likelihood.apart} "
        "perfectly, so the coefficients are unbounded and there is no posterior; give these "
        "columns a proper prior such as Normal(2.5)"
    )


def _moments(block: Any) -> float:
    """Up to which order a block's coefficients have moments, its scale integrated out."""
    return float(block.prior.moments(_of_scale(block)))


def _of_scale(block: Any) -> float:
    """Up to which order its scale has moments: all where it is known."""
    return float(np.inf if block.hyper is None else block.hyper.moments)


def _hyper(block: Any) -> str:
    return f"scale {block.scale:g}" if block.hyper is None else repr(block.hyper)
