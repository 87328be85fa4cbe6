r"""Newton's method where rows are read in passes: b and γ travel; value, slope, curvature return.

It starts from the optimum of a sample of the rows, weighted to count as many as all, so that a few
quadratics are left: each pass brings the one that touches −log L where the last one was minimised
(penalty and all, by the solvers of least squares), and what certifies that point.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadData
from bayesreg.model.from_sample import begin
from bayesreg.model.in_passes import EPS, InPasses, Met
from bayesreg.model.touching import touched
from bayesreg.solvers.base import Solution, lams_at
from bayesreg.solvers.pass_certificate import ROUNDING, judge_met, value_at

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem

Inner = Callable[["Problem", Array], Array]
Solve = Callable[["Problem"], Solution]

MOST, SOON = 40, 12  # passes: a bound, not a tolerance; and after which endless growth is seen
SURE = 1e-9  # posterior sds: how far the next step may lead from where it ends
GROWN = 15.0  # log-odds or log-counts per sd: γ this far out is on its way to ∞


def solve(problem: Problem, inner: Inner, in_memory: Solve, start: Array | None) -> Solution:
    """Minimise J in passes.

    Parameters
    ----------
    problem : Problem
        With a stream in place of a design, and the penalty known.
    inner : callable
        From the problem that touches at b, and b, to its optimum.
    in_memory : callable
        What minimises J on rows that are at hand.
    start : ndarray (p,), optional
        Near the optimum; unsaid, the optimum of a sample.

    Raises
    ------
    BadData
        If Flat coefficients grow without end, as where the columns separate y.
    """
    loss = problem.in_passes
    if loss.met:
        return Solution(loss.met[-1].b, "newton", 0, "found by the passes before")
    assert problem.stream is not None
    begun = problem.stream.read.passes
    met, wider = loss.latest(), 1.0
    if met is None:
        b, free = begin(problem, lambda small: in_memory(small).b)
        met = loss.look(b if start is None else np.asarray(start, dtype=float), free)
    for count in range(1, MOST):
        new = _next(problem, loss, met, inner, wider)
        wider *= 8.0 if np.isinf(judge_met(problem, new).gap or 0.0) else 1.0
        done = _settled(problem, met, new)
        met = new
        if count >= SOON and not done and (names := _endless(problem, met)):
            _refuse_endless(problem, count, names)
        if done or not np.all(np.isfinite(met.at)):
            break
    loss.keep(met)
    count = problem.stream.read.passes - begun
    return Solution(met.b, "newton", count, f"{count} passes")


def _next(problem: Problem, loss: InPasses, met: Met, inner: Inner, wider: float) -> Met:
    """A pass at the optimum of the quadratic that touches, or nearer where J rises on the way."""
    touching = touched(problem, loss.moments(met))
    b = inner(touching, met.b)
    beta, intercept = touching.coordinates.restore(b)
    whole = np.concatenate([[float(intercept) + problem.x_mean @ beta], problem.x_sd * beta])
    free, before = whole[loss.places], value_at(problem, met)
    room = ROUNDING * (met.sums.hidden + abs(before))
    share = 1.0
    while True:
        new = loss.look(
            met.b + share * (b - met.b) if share < 1.0 else b,
            met.free + share * (free - met.free) if share < 1.0 else free,
            met,
            wider * _rounded(problem, met),
        )
        after = value_at(problem, new)
        if after <= before + room or share < 1e-6:
            return new
        share *= 0.25


def _rounded(problem: Problem, met: Met) -> float:
    """How much of a λ₁ the rounding of a sum over rows is, at most."""
    lams = lams_at(problem, met.b)
    if lams is None or not np.any(lams[0]):
        return 0.0
    bound, terms = lams[0] > 0.0, met.sums.terms[1 + problem.proper]
    return 2.0 * EPS * max(2.0, float(np.max(terms[bound] / lams[0][bound])))


def _settled(problem: Problem, met: Met, new: Met) -> bool:
    """Whether a certificate holds, and the next step would lead nowhere."""
    found = judge_met(problem, new)
    if found.gap is not None and not found.gap <= found.gap_limit:
        return False
    if not found.kkt <= found.kkt_limit:
        return False
    # Newton's error is squared by a step: what the last one moved, in posterior sds, is a bound.
    moved = new.at - met.at
    root = np.sqrt(max(float(moved @ new.sums.curve @ moved), 0.0))
    sds = np.sqrt(np.maximum(np.diagonal(new.sums.curve), 1e-300))
    left = found.kkt / float(np.max(sds))
    return bool(left <= SURE or root <= SURE or found.kkt <= found.floor)


def _endless(problem: Problem, met: Met) -> list[str]:
    """The Flat columns whose coefficients are so far out that they are on their way to ∞."""
    flat, first = problem.flat, int(problem.intercept)
    sd = problem.column_sd[flat] / problem.x_sd[flat]
    far = ~(np.abs(met.free[first:]) * sd <= GROWN)
    return [repr(problem.features[j]) for j in flat[far]]


def _refuse_endless(problem: Problem, passes: int, names: list[str]) -> None:
    """Raise where γ has not come to rest and is far out: the rows give it no end."""
    raise BadData(
        f"in {passes} passes the coefficients under Flat() did not come to rest: those of "
        f"{', '.join(names)} grow without end, as where columns separate "
        f"{problem.likelihood.apart or 'y'}, and then no posterior exists; give them proper priors "
        "such as Normal(2.5)"
    )
