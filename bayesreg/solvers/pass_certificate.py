"""The certificate of an optimum whose rows are read in passes: of what these brought back."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bayesreg.language.arguments import Array
from bayesreg.model.in_passes import EPS, InPasses, Met
from bayesreg.model.touching import touched
from bayesreg.solvers import curvature, loss_gaps
from bayesreg.solvers.base import distance, lams_at
from bayesreg.solvers.groups import Groups, members_of
from bayesreg.solvers.objective import Objective, penalty_value

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem

NATS = 1e-9  # φ is 1 under every likelihood that is served
KKT = 1e-10  # of Σ|u||z|: what the slope of a column would be if all its rows pulled one way
ROUNDING = 8.0 * EPS
FEASIBLE = 1e-9  # of the terms of F'u⁺


class Judged(NamedTuple):
    """What was found, and the limits of it, on columns of sd one."""

    gap: float | None
    kkt: float
    floor: float
    unique: bool | None
    saddle: bool
    gap_limit: float
    kkt_limit: float


def judge(problem: Problem, b: Array) -> Judged:
    """Judge b where passes have been: stationarity, and a gap where J is convex.

    A b at which no pass was takes one, at the γ that the best so far has. Its gap is how far its J
    lies above the best, and the gap of that.
    """
    loss = problem.in_passes
    met = loss.found(b)
    if met is not None:
        return judge_met(problem, met)
    if not loss.met:
        return judge_met(problem, loss.look(b, np.zeros(len(loss.places))))
    best = loss.met[-1]
    found, least = judge_met(problem, loss.look(b, best.free)), judge_met(problem, best)
    if least.gap is None or found.gap is None:
        return found
    other = loss.look(b, best.free)
    above = value_at(problem, other) - value_at(problem, best)
    return found._replace(gap=max(above, 0.0) + least.gap)


def value_at(problem: Problem, met: Met) -> float:
    """J where a pass was."""
    return met.sums.value + float(penalty_value(problem, met.b))


def judge_met(problem: Problem, met: Met) -> Judged:
    """Judge where a pass was, of its own sums."""
    loss, sums = problem.in_passes, met.sums
    own = 1 + problem.proper
    sd = problem.column_sd[problem.proper] / problem.x_sd[problem.proper]
    sd = np.where(sd > 0.0, sd, np.inf)
    free = np.abs(sums.slope[loss.places])
    norms = np.sqrt(np.diagonal(sums.curve))
    reach = float(norms @ np.abs(met.at))
    floor = ROUNDING * float(
        np.max(((sums.terms + norms * reach)[own]) / sd, initial=0.0)
        + np.max(sums.terms[loss.places], initial=0.0)
    )
    touching = touched(problem, loss.moments(met))
    kkt, unique, saddle = _stationary(problem, touching, met, sd)
    kkt = max(kkt, float(np.max(free, initial=0.0)))
    gap_limit = max(NATS, ROUNDING * sums.hidden)
    pulls = np.concatenate([sums.terms[own] / sd, sums.terms[loss.places]])
    kkt_limit = max(KKT * float(np.max(pulls, initial=0.0)), floor)
    return Judged(_gap(problem, loss, met), kkt, floor, unique, saddle, gap_limit, kkt_limit)


def _stationary(
    problem: Problem, touching: Problem, met: Met, sd: Array
) -> tuple[float, bool | None, bool]:
    """The KKT residual of b, whether the optimum is the only one, and whether J falls from it."""
    g, lams = -met.sums.slope[1 + problem.proper], lams_at(problem, met.b)
    if lams is None:
        whole = Objective.of(touching)
        unit = whole.unit
        u = unit.reduce(met.b)
        rest = whole.residual(u) * unit.y_norm * unit.norms
        least = whole.least_curvature(u)
        falls = least is not None and least.value < -1e-9
        return float(np.max(np.abs(rest) / sd[unit.kept], initial=0.0)), None, falls
    l1, l2 = lams
    if problem.penalty.in_groups:
        groups = Groups.of(touching)
        unit = groups.unit
        own = (g - l2 * met.b)[unit.kept] / (unit.y_norm * unit.norms)
        rest = groups.residual(unit.reduce(met.b), own) * unit.y_norm * unit.norms
        kkt = float(np.max(np.abs(rest) / sd[unit.kept], initial=0.0))
        return kkt, groups.unique(own), False
    unit = touching.quadratic.unit
    first, second = unit.penalty(l1, l2)
    slope = unit.fine_gradient(unit.reduce(met.b), second)
    kkt = float(np.max(distance(g - l2 * met.b, l1, met.b) / sd, initial=0.0))
    return kkt, curvature.unique(unit, first, second, slope), False


def _gap(problem: Problem, loss: InPasses, met: Met) -> float | None:
    """The duality gap at the point of the dual that the quadratic of the pass before predicted.

    ∞ where there was none, or where rounding left that point outside the dual's domain.
    """
    lams, sums = lams_at(problem, met.b), met.sums
    if lams is None:
        return None
    l1, l2 = lams
    left = np.abs(sums.pull[loss.places])
    if not np.isfinite(sums.distance) or np.any(left > FEASIBLE * sums.pulls[loss.places]):
        return float("inf")
    pull = sums.pull[1 + problem.proper]
    sets = [one for block in problem.blocks for one in members_of(block)]
    sets = sets if problem.penalty.in_groups else []
    return sums.distance + loss_gaps.penalty_gap(met.b, pull, l1, l2, sets)
