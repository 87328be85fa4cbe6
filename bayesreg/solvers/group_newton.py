r"""Newton's method for penalties of groups: a path of optima under likelihoods with |f‴| ≤ f″.

One λ after the other from the optimum before, as :mod:`bayesreg.solvers.damped_newton` does it for
penalties by column: the group lasso about a point is solved exactly on moments that are kept until
curvatures have drifted, and a step that moves η by δ ≥ 1 is damped to log(1 + δ)/δ of itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bayesreg.language.arguments import Array
from bayesreg.model.loss import Loss
from bayesreg.model.unit_data import Index, UnitData
from bayesreg.solvers import group_descent
from bayesreg.solvers.damped_newton import DRIFT, ENOUGH, STEPS, UNIT_ROUNDING, Optima
from bayesreg.solvers.groups import Groups
from bayesreg.solvers.kept_curvature import Columns, Curvature
from bayesreg.solvers.polishing import FINE, STALLED

SMALL = 1e6  # n·p²: below it moments cost less than the steps that they save
HARDLY = 1e-6  # of the curvatures: what may drift there


def minimise(
    loss: Loss, l1: Array, l2: Array, members: Sequence[Index], *, fine: bool = True
) -> Optima:
    """Optima of L(b) + Σ_g‖(λ₁b)_g‖ + ½Σλ₂b² under penalties (L, p), in the order given.

    Parameters
    ----------
    loss : Loss
        Of a likelihood that is `self_concordant`.
    l1, l2 : ndarray (L, p)
        From large to small is fastest; λ₁ positive.
    members : sequence of ndarray of int
        The columns of every group, single ones included.
    fine : bool, default True
        Whether to go on to rounding; else to 1e-7 of half the null deviance.
    """
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        walk = _Walk(loss, members)
        b, free = np.zeros(l1.shape), np.zeros((len(l1), loss.free.shape[1]))
        df, reached = np.full(len(l1), np.nan), np.zeros(len(l1), dtype=bool)
        for k in range(len(l1)):
            reached[k] = walk.solve(l1[k], l2[k], fine=fine)
            b[k, walk.columns.at], free[k] = walk.b, walk.free
            df[k] = walk.degrees(l1[k], l2[k]) if fine and reached[k] else np.nan
    return Optima(b, free, df, reached, walk.steps)


class _Walk:
    """Where the descent is: b, γ, η, slopes and moments."""

    def __init__(self, loss: Loss, members: Sequence[Index]) -> None:
        self.loss = loss
        self.columns = columns = Columns.of(
            loss.proper, loss.free, np.ones((1, loss.proper.shape[1]))
        )
        group = np.empty(loss.proper.shape[1], dtype=np.intp)
        for k, one in enumerate(members):
            group[one] = k
        _, self.index = np.unique(group[columns.at], return_inverse=True)
        at = loss.origin
        self.b, self.free, self.eta = at.b[columns.at].copy(), at.free.copy(), at.eta.copy()
        self.sd = columns.sd(loss.weights)
        pull = columns.all_slopes(loss.residual(at)) / self.sd
        self.top = float(np.max(np.abs(pull), initial=0.0)) or float(loss.weights.sum())
        n, p = loss.proper.shape
        self.drift = HARDLY if n * p**2 <= SMALL else DRIFT
        self.steps = 0
        self._evaluate()
        self._renew()

    def _evaluate(self) -> None:
        self.u, self.h = self.loss.bends(self.eta)
        slopes = self.columns.all_slopes(self.u)
        self.v, self.rest = slopes[: len(self.b)], slopes[len(self.b) :]

    def _renew(self) -> None:
        none = np.zeros(self.columns.free)
        self.curvature = Curvature(self.columns, np.arange(len(self.b)), self.h, none)

    def solve(self, l1: Array, l2: Array, *, fine: bool) -> bool:
        """One λ, from where the last was found; whether it was reached."""
        before = np.inf
        for _ in range(STEPS):
            groups = self._about(l1[self.columns.at], l2[self.columns.at])
            left = self._left(groups)
            if left <= (STALLED if left > 0.3 * before else FINE) * self.top:
                return True
            before = min(before, left)
            self.steps += 1
            if self._step(groups) <= ENOUGH * self.loss.null_gap and not fine:
                return True
            if not np.isfinite(self.top + float(np.max(np.abs(self.eta), initial=0.0))):
                return False
        return False

    def _about(self, l1: Array, l2: Array) -> Groups:
        """The group lasso about the point, on columns of norm one."""
        curve, q = self.curvature, len(self.b)
        v = self.v - curve.along.T @ self.rest
        pull = curve.gram @ (self.b * curve.norms) - v / curve.norms
        scale = float(np.max(np.abs(pull), initial=0.0)) or 1.0
        unit = UnitData(
            q, np.arange(q), curve.norms, scale, 1.0, None, None, curve.gram, pull / scale,
            UNIT_ROUNDING,
        )  # fmt: skip
        first, second = unit.penalties(l1, l2)
        level = np.zeros(int(np.max(self.index, initial=-1)) + 1)
        np.maximum.at(level, self.index, first)
        return Groups(unit, self.index, level, first / level[self.index], second)

    def _left(self, groups: Groups) -> float:
        """The largest slope that is not at rest, on columns of sd one."""
        unit = groups.unit
        u = self.b * unit.norms / unit.y_norm
        rest = groups.residual(u, -self.v / (unit.norms * unit.y_norm) - groups.l2 * u)
        both = np.concatenate([rest * unit.norms * unit.y_norm, self.rest])
        return float(np.max(np.abs(both) / self.sd, initial=0.0))

    def _step(self, groups: Groups) -> float:
        """To the optimum about the point, or towards it; what that leaves open."""
        curve, unit = self.curvature, groups.unit
        size = unit.y_norm / unit.norms
        new, _ = group_descent.minimise(groups, self.b / size)
        d = new * size - self.b
        along = -curve.solved(self.rest + curve.cross @ d)
        move = d @ self.columns.kinked + along @ self.columns.smooth
        reach = float(np.max(np.abs(move), initial=0.0))
        t = 1.0 if reach < 1.0 else float(np.log1p(reach) / reach)
        predicted = self.u + t * curve.h * move
        self.b = new * size if t == 1.0 else self.b + t * d
        self.free, self.eta = self.free + t * along, self.eta + t * move
        self._evaluate()
        apart = np.square(self.u - predicted) / np.maximum(self.h, curve.least)
        if t < 1.0 or curve.drift(self.h) > self.drift:
            self._renew()
        return 0.5 * float(np.sum(apart)) if t == 1.0 else np.inf

    def degrees(self, l1: Array, l2: Array) -> float:
        """Effective degrees of freedom at the point, by the moments there."""
        if self.curvature.drift(self.h) > HARDLY:
            self._renew()
        groups = self._about(l1[self.columns.at], l2[self.columns.at])
        return groups.df(self.b * groups.unit.norms / groups.unit.y_norm)
