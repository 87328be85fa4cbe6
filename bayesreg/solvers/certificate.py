r"""The certificate of a penalised optimum: a duality gap and a stationarity residual.

Computed from the problem and b alone; nothing here knows which solver ran. With
g = X̃'(ỹ − X̃b) − Λ₂b, the descent direction of the smooth part of J:

* KKT residual: max_j of |g_j − λ₁ⱼ sign(b_j)| where b_j ≠ 0, and of (|g_j| − λ₁ⱼ)₊ where b_j = 0;
* gap: J(b) − J(b*) ≤ gap. Columns without λ₁ contribute ½g_N'A_NN⁻¹g_N, A = X̃'X̃ + Λ₂, which moves
  b_N to its optimum; what is left is a lasso on the augmented rows [X̃; √Λ₂], whose residual scaled
  by some s until |s g_j| ≤ λ₁ⱼ is a dual point, with gap ½(1 − s)²‖r‖² + Σ(λ₁ⱼ|b_j| − s b_j g_j).

Where rounding hides too much of that gap, :mod:`bayesreg.solvers.gaps` has one of second order.

A penalty of another shape has the gap of :mod:`bayesreg.solvers.objective` where J is convex on all
that could be lower; elsewhere b is certified as a local optimum only, and the certificate says so.
Under a likelihood that is not one quadratic, slope and gap are those of its loss, in nats
(:mod:`bayesreg.model.loss`).
"""

from __future__ import annotations

import html
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from bayesreg.language.arguments import Array
from bayesreg.model.unit_data import EPS, Index, UnitData
from bayesreg.solvers import (
    curvature,
    deviation_certificate,
    gaps,
    irls,
    loss_gaps,
    pass_certificate,
    sparse_certificate,
)
from bayesreg.solvers.base import distance, known_penalty, lams_at, terms
from bayesreg.solvers.groups import Groups, members_of
from bayesreg.solvers.objective import Objective, penalty_value

if TYPE_CHECKING:
    from bayesreg.model.loss import Point
    from bayesreg.model.problem import Problem

GAP_TOLERANCE = 1e-9  # of ½‖ỹ‖²
KKT_TOLERANCE = 1e-10  # of max|X̃'ỹ|
ROUNDING = 8.0 * EPS
SHARE = 1e-6  # of J, up to which a gap may be rounding
LEAST = 1e-20  # of ‖ỹ‖², below which a gap is the rounding of ỹ itself


@dataclass(frozen=True)
class Certificate:
    """How far from the optimum a coefficient vector can be at most.

    Attributes
    ----------
    gap : float or None
        Upper bound of J(b) − min J, in the unit of J (that of y²); None where J is not convex.
    gap_limit : float
        1e-9·½‖ỹ‖², or 1e-6 of the least that J can be, where that is smaller. No smaller than what
        storing b costs, ½(2εΣ|u_j|)²‖ỹ‖² on columns and y of norm one, that in turn being at most
        1e-20·‖ỹ‖²; and where the gap is one of first order, than kkt floor × Σ|b|, at most 1e-6·J.
    kkt : float
        Largest distance of 0 from the subdifferential of J, on unit-sd columns (unit of y × N).
    kkt_limit : float
        1e-10·max|X̃'ỹ| on unit-sd columns, or the rounding floor 8ε(max|g terms|) where larger:
        with columns and y of norm one the terms of g are at most 1 + Σ|u_j| + max λ₂ⱼ|u_j|, and
        storing b rounds each of them to half an ulp, so that no b in double precision does better.
    phi : float or None
        φ, where known: J/φ is in nats.
    ok : bool
        Whether both are within their limits; without a gap, whether b is a local optimum.
    why : str
        The verdict in words.
    unique : bool or None
        Whether the minimiser is the only one; None where that was not decided.
    seen : int or None
        How many distinct optima the search met from its starts; None where one start is enough.

    References
    ----------
    Boyd & Vandenberghe (2004), "Convex Optimization", §5.5; Kim, Koh, Lustig, Boyd & Gorinevsky
    (2007), "An interior-point method for large-scale ℓ₁-regularized least squares", IEEE J. Sel.
    Top. Signal Process. 1(4), §III (the scaled residual); Tibshirani, R. J. (2013), "The lasso
    problem and uniqueness", Electron. J. Stat. 7, §2.3.
    """

    gap: float | None
    gap_limit: float
    kkt: float
    kkt_limit: float
    phi: float | None
    ok: bool
    why: str
    unique: bool | None = None
    seen: int | None = None

    @property
    def nats(self) -> float | None:
        """gap/φ: given σ and scale, no b has a log density higher by more; None without either."""
        return None if self.phi is None or self.gap is None else self.gap / self.phi

    def __str__(self) -> str:
        """One line."""
        holds = "is local" if self.ok and self.gap is None else "holds" if self.ok else "FAILS"
        return f"certificate {holds}: {self.why}"

    def _repr_html_(self) -> str:
        """One line, escaped."""
        return f"<span>{html.escape(str(self))}</span>"


def certify(problem: Problem, b: Array, *, seen: int | None = None) -> Certificate:
    r"""Bound how far b is from the minimum of J, whichever way b was found.

    Parameters
    ----------
    problem : Problem
        With λ known.
    b : ndarray (p,)
        Coefficients of the proper columns in the coordinates of the penalty.
    seen : int, optional
        How many distinct optima a search met, to be said where J is not convex.

    Returns
    -------
    Certificate
        With ``ok=False`` and the reason where b is not finite or not optimal; b never raises.

    Raises
    ------
    NotSupported
        If λ depends on an unknown.

    Examples
    --------
    >>> import numpy as np
    >>> import bayesreg as br
    >>> from bayesreg.solvers.certificate import certify
    >>> model = br.Model(prior=br.Laplace(1.0), likelihood=br.Gaussian(sigma=1.0))
    >>> problem = model.condition([[1.0], [-1.0]], [3.0, -1.0])
    >>> certify(problem, np.array([1.5])).ok, certify(problem, np.array([1.4])).ok
    (True, False)
    """
    b = np.asarray(b, dtype=float)
    if not problem.exact:
        return _certify_touching(problem, b, seen)
    objective = _objective(problem)
    unit = problem.quadratic.unit if objective is None else objective.unit
    fault = _fault(problem, unit.size, unit.kept, b)
    if fault:
        gap, kkt = _limits(problem, unit)
        return Certificate(math.inf, gap, math.inf, kkt, problem.penalty.phi, False, fault)
    u = unit.reduce(b)
    kept = problem.quadratic.columns is not None
    if objective is None and kept:
        judged = Judged(*sparse_certificate.judge(problem.quadratic, *known_penalty(problem), b))
    elif objective is None:
        judged = _judge(unit, *unit.penalty(problem.l1, problem.l2), u)
    elif isinstance(objective, Groups):
        judged = _judge_groups(objective, u)
    elif objective.exact:
        judged = _judge(unit, *objective.majoriser(u), u)
    else:
        judged = _judge_stationary(objective, u)
    if problem.design is None and judged.gap is not None and not kept:
        least = (
            0.0
            if problem.l2 is None
            else float(np.min(unit.penalty(problem.l1, problem.l2)[1], initial=np.inf))
        )
        judged = replace(judged, gap=judged.gap + float(gaps.hidden(unit, judged.floor, least)))
    return conclude(problem, unit, float(np.sum(np.abs(u))), judged, seen)


def _certify_touching(problem: Problem, b: Array, seen: int | None) -> Certificate:
    """Judge b under a loss that is not one quadratic: its own slope, its own dual.

    Units are those of J and columns of sd one. The slope is that of the quadratic that touches
    the loss at b; what is judged of curvature is judged on that quadratic.
    """
    sd = problem.column_sd[problem.proper] / problem.x_sd[problem.proper]
    if problem.stream is not None:
        return _certify_passes(problem, b, sd, seen)
    loss = problem.loss
    phi = problem.penalty.phi
    unit = 1.0 if phi is None else phi  # of J in a nat
    fault = _fault(problem, len(sd), np.flatnonzero(sd > 0.0), b)
    largest = float(np.max(_over(np.abs(loss.slope(loss.origin)), sd), initial=0.0))
    if fault:
        limits = GAP_TOLERANCE * unit, KKT_TOLERANCE * largest
        return Certificate(math.inf, limits[0], math.inf, limits[1], phi, False, fault)
    at = loss.at(b)
    floor = _floor(problem, at, sd)
    judged = _judge_touching(problem, at, sd, floor)
    reach = loss.origin.value - at.value - penalty_value(problem, at.b)
    gap_limit = max(GAP_TOLERANCE * max(unit, reach), loss.rounding(at))
    lams = lams_at(problem, at.b)
    by_column = lams is not None and not problem.penalty.in_groups and not loss.kinked
    if lams is not None and by_column and judged.gap is not None and judged.gap > gap_limit:
        judged = replace(judged, gap=min(judged.gap, loss_gaps.beside(loss, at, *lams)))
    return concluded(problem, judged, gap_limit, max(KKT_TOLERANCE * largest, floor), seen)


def _certify_passes(problem: Problem, b: Array, sd: Array, seen: int | None) -> Certificate:
    """The same where the rows are read in passes: what these have brought back of b."""
    fault = _fault(problem, len(sd), np.flatnonzero(sd > 0.0), b)
    if fault:
        return Certificate(math.inf, 0.0, math.inf, 0.0, problem.penalty.phi, False, fault)
    found = pass_certificate.judge(problem, b)
    judged = Judged(found.gap, found.kkt, found.floor, found.unique, saddle=found.saddle)
    return concluded(problem, judged, found.gap_limit, found.kkt_limit, seen)


def concluded(
    problem: Problem, judged: Judged, gap_limit: float, kkt_limit: float, seen: int | None = None
) -> Certificate:
    """The certificate of what was found in reported units."""
    gap, kkt = judged.gap, judged.kkt
    ok = (gap is None or gap <= gap_limit) and kkt <= kkt_limit and not judged.saddle
    why = _words(problem, (gap, gap_limit, kkt, kkt_limit), judged, seen)
    phi = problem.penalty.phi
    return Certificate(gap, gap_limit, kkt, kkt_limit, phi, ok, why, judged.unique, seen)


def _judge_touching(problem: Problem, at: Point, sd: Array, floor: float) -> Judged:
    """Stationarity, and a gap where J is convex; else the curvature of the quadratic at b."""
    loss, penalty = problem.loss, problem.penalty
    if loss.kinked:
        sets = _members(problem) if penalty.in_groups else ()
        met = deviation_certificate.judge(problem, at, sd, lams_at(problem, at.b), sets)
        return Judged(met.gap, met.kkt, floor, met.unique, saddle=met.saddle)
    g = -loss.slope(at)
    judged = _judge_smooth(problem, at, sd, floor, g)
    if problem.likelihood.convex:
        return judged
    falls = irls.least_curvature(problem, at)[0] < -1e-9
    unique = False if judged.unique is False else None  # as far as can be seen from here
    return replace(judged, gap=None, unique=unique, saddle=judged.saddle or falls)


def _judge_smooth(problem: Problem, at: Point, sd: Array, floor: float, g: Array) -> Judged:
    """The same under a loss with a slope −g everywhere."""
    loss, penalty = problem.loss, problem.penalty
    touching = problem.touching(at)
    lams = lams_at(problem, at.b)
    if lams is None:
        quadratic = Objective.of(touching)
        unit = quadratic.unit
        u = unit.reduce(at.b)
        rest = quadratic.residual(u) * unit.y_norm * unit.norms
        kkt = float(np.max(_over(np.abs(rest), sd[unit.kept]), initial=0.0))
        least = quadratic.least_curvature(u)
        saddle = least is not None and least.value < -1e-9
        return Judged(None, kkt, floor, None, saddle=saddle and problem.likelihood.convex)
    l1, l2 = lams
    gap = None
    if problem.likelihood.convex:
        gap = loss_gaps.gap(loss, at, l1, l2, _members(problem) if penalty.in_groups else ())
    if not penalty.in_groups:
        kkt = float(np.max(_over(distance(g - l2 * at.b, l1, at.b), sd), initial=0.0))
        unit = touching.quadratic.unit
        first, second = unit.penalty(l1, l2)
        unique = curvature.unique(
            unit, first, second, unit.fine_gradient(unit.reduce(at.b), second)
        )
        return Judged(gap, kkt, floor, unique)
    groups = Groups.of(touching)
    unit, u = groups.unit, groups.unit.reduce(at.b)
    own = (g - l2 * at.b)[unit.kept] / (unit.y_norm * unit.norms)
    rest = groups.residual(u, own) * unit.y_norm * unit.norms
    kkt = float(np.max(_over(np.abs(rest), sd[unit.kept]), initial=0.0))
    return Judged(gap, kkt, floor, groups.unique(own))


def _members(problem: Problem) -> list[Index]:
    """The columns of every group, single ones included."""
    return [one for block in problem.blocks for one in members_of(block)]


def _floor(problem: Problem, at: Point, sd: Array) -> float:
    """What rounding hides of a slope on columns of sd one: its own terms, and half an ulp of b."""
    loss = problem.loss
    if loss.kinked:
        return ROUNDING * deviation_certificate.terms_of(problem, at, sd)
    u = np.abs(loss.residual(at))
    omega, _ = loss.working(at)
    norms = np.sqrt(omega @ np.square(loss.proper))
    if problem.likelihood.link == "identity":  # y − η has the rounding of both
        u = u + omega * (np.abs(loss.y) + np.abs(at.eta))
    terms = u @ np.abs(loss.proper) + norms * float(norms @ np.abs(at.b + loss.loc))
    return ROUNDING * float(np.max(_over(terms, sd), initial=0.0))


def _over(values: Array, sd: Array) -> Array:
    """values/sd, 0 where a column is zero and says nothing."""
    return np.where(sd > 0.0, values / np.where(sd > 0.0, sd, 1.0), 0.0)


@dataclass(frozen=True)
class Judged:
    """What was found on unit columns: J by ‖y‖², gradients by ‖y‖."""

    gap: float | None
    kkt: float
    floor: float
    unique: bool | None
    value: float = 0.0  # J
    only: bool = False  # by curvature, where J as a whole may not be convex
    saddle: bool = False


def conclude(
    problem: Problem, unit: UnitData, size: float, judged: Judged, seen: int | None = None
) -> Certificate:
    """The certificate in reported units, of coefficients with Σ|u| = `size`."""
    value, slope = _units(problem, unit)
    first, second = _limits(problem, unit)
    gap = None if judged.gap is None else judged.gap * value
    gap_limit = first if gap is None else _allowed(unit, size, judged) * value
    kkt = judged.kkt * slope
    kkt_limit = max(second, judged.floor * slope) if size or second else second
    ok = (gap is None or gap <= gap_limit) and kkt <= kkt_limit and not judged.saddle
    why = _words(problem, (gap, gap_limit, kkt, kkt_limit), judged, seen)
    phi = problem.penalty.phi
    return Certificate(gap, gap_limit, kkt, kkt_limit, phi, ok, why, judged.unique, seen)


def _units(problem: Problem, unit: UnitData) -> tuple[float, float]:
    """From units of the arithmetic to those reported: J by ‖y‖², X̃'ỹ on unit-sd columns."""
    return unit.y_norm**2, unit.y_norm * math.sqrt(problem.n)


def _limits(problem: Problem, unit: UnitData) -> tuple[float, float]:
    """Tolerances of the gap and of the KKT residual, in reported units."""
    value, slope = _units(problem, unit)
    return 0.5 * GAP_TOLERANCE * unit.y_square * value, KKT_TOLERANCE * unit.largest * slope


def _allowed(unit: UnitData, size: float, judged: Judged) -> float:
    """Limit of the gap of coefficients with Σ|u| = `size`; what grows with them is bounded by J."""
    assert judged.gap is not None
    share = SHARE * max(judged.value - judged.gap, 0.0)
    stored = min(0.5 * (2.0 * EPS * (1.0 + size)) ** 2, LEAST)
    usual = 0.5 * GAP_TOLERANCE * unit.y_square
    return max(min(usual, max(share, stored)), min(judged.floor * size, share))


def _judge(unit: UnitData, l1: Array, l2: Array, u: Array) -> Judged:
    """Judge u under λ₁|u| + ½λ₂u²."""
    g = unit.fine_gradient(u, l2)
    floor = ROUNDING * float(terms(u, l2))
    kkt = float(np.max(distance(g, l1, u), initial=0.0))
    value = 0.5 * unit.residual_square(u) + float(l1 @ np.abs(u) + 0.5 * (l2 @ (u * u)))
    gap = min(gaps.dual(unit, l1, l2, u, g, floor), value)  # no J is below 0
    unique = curvature.unique(unit, l1, l2, g)
    found = Judged(gap, kkt, floor, unique, value)
    if np.any(l1) and not gap <= _allowed(unit, float(np.abs(u).sum()), found):
        found = replace(found, gap=min(gap, gaps.of_face(unit, l1, l2, u, g, value)))
    return found


def _judge_stationary(objective: Objective, u: Array) -> Judged:
    """Judge u under penalties of other shapes: ½r'M⁻¹r where J is convex, else curvature alone."""
    r = objective.residual(u)
    floor, kkt = ROUNDING * objective.terms(u), float(np.max(np.abs(r), initial=0.0))
    step = objective.inverse(objective.floor_of_bend(u), r)
    if step is not None:
        gap = 0.5 * abs(float(r @ step))
        return Judged(gap, kkt, floor, True, objective.value(u), only=True)
    least = objective.least_curvature(u)
    saddle = least is not None and least.value < -1e-9
    return Judged(None, kkt, floor, None, saddle=saddle)


def _judge_groups(groups: Groups, u: Array) -> Judged:
    """Judge u under norms of groups; distances are Euclidean within a group."""
    g = groups.unit.fine_gradient(u, groups.l2)
    floor = ROUNDING * groups.terms(u)
    squares = np.square(groups.residual(u, g))
    kkt = math.sqrt(float(np.max(np.bincount(groups.index, squares), initial=0.0)))
    return Judged(groups.gap(u, g, floor), kkt, floor, groups.unique(g), groups.value(u))


def _objective(problem: Problem) -> Objective | Groups | None:
    """J on unit columns, unless it is λ₁|b| + ½λ₂b² by column, which needs no more than λ's."""
    if problem.penalty.linear_quadratic:
        return None
    return Groups.of(problem) if problem.penalty.in_groups else Objective.of(problem)


def _fault(problem: Problem, size: int, kept: Index, b: Array) -> str:
    """Why b cannot be judged at all, or an empty string; columns but `kept` are zero."""
    if b.shape != (size,):
        return f"b has shape {b.shape}, and there are {size} penalised columns"
    bad = np.flatnonzero(~np.isfinite(b))
    if len(bad):
        return f"the coefficient of {_name(problem, bad[0])} is {b[bad[0]]}"
    held = b.copy()
    held[kept] = 0.0
    bad = np.flatnonzero(held)
    if len(bad):
        return (
            f"the coefficient of {_name(problem, bad[0])} is {b[bad[0]]:.3g}, and its optimum 0, "
            "because the column is zero"
        )
    return ""


def _name(problem: Problem, j: int) -> str:
    return repr(problem.features[int(problem.proper[j])])


def _words(
    problem: Problem,
    numbers: tuple[float | None, float, float, float],
    judged: Judged,
    seen: int | None,
) -> str:
    """The verdict: what can be gained at most, and what is missing where it does not hold."""
    gap, gap_limit, kkt, kkt_limit = numbers
    if gap is None:
        bound = "stationary" if kkt <= kkt_limit and not judged.saddle else "not a local optimum"
        bound += "" if seen is None else f"; {seen} distinct optim{'um' if seen == 1 else 'a'} seen"
        bound += "; J is not convex, so nothing bounds how much lower another may be"
    elif not gap <= gap_limit:
        bound = f"the duality gap {gap:.1e} exceeds its limit {gap_limit:.1e}"
    elif problem.penalty.phi is not None:
        # Over σ and scale too a density may have no maximum: under Laplace it rises as scale → 0.
        given = "σ and scale" if problem.likelihood.has_sigma else "the scale"
        nats = gap / problem.penalty.phi
        bound = f"given {given}, no b has a log posterior higher by more than {nats:.1e} nats"
    else:
        bound = f"no b has a J lower by more than {gap:.1e}"
    relation = "is within" if kkt <= kkt_limit else "exceeds"
    parts = [bound, f"the KKT residual {kkt:.1e} {relation} its limit {kkt_limit:.1e}"]
    if judged.saddle:
        parts.append("a saddle: J falls along some direction")
    if judged.only:
        parts.append("the only optimum: J is strictly convex wherever it is as low")
    if judged.unique is False:
        flat = not problem.exact and problem.loss.kinked
        why = "J is as low along a line of them" if flat else "active columns are collinear"
        parts.append(f"the minimiser is not unique, because {why}")
    return "; ".join(parts)
