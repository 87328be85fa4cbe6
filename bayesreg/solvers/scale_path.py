"""Optima along the scale of a prior whose penalty has no λ, such as Student-t or bridge.

Where J has several optima the one that is lowest may change from one scale to the next, and a sweep
that follows it down in scale stays in a valley that it should have left. So each scale has starts
of its own, sweeps go down and up in turn, each scale starting from its neighbour's optimum, and
single coefficients are moved or left out, until nothing lowers J anywhere. What is left is a local
optimum at each scale, certified as such.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadArgument, NotSupported
from bayesreg.model.blocks import only_block
from bayesreg.priors import Majorised
from bayesreg.solvers import reweighting
from bayesreg.solvers.objective import Objective

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem

SWEEPS = 10  # a bound: from the third on few scales change


def solve_scales(
    problem: Problem, scales: Array, sigma: float
) -> tuple[Array, NDArray[np.intp], tuple[Problem, ...]]:
    """The best optimum that is seen at each scale, warm-started from its neighbours.

    Parameters
    ----------
    problem : Problem
        One prior with a mode and a penalty by column; its own scale and σ are not used.
    scales : ndarray (L,)
        Positive, in the prior's declared unit, in any order.
    sigma : float
        Noise sd, in the unit of y.

    Returns
    -------
    b : ndarray (L, p)
        In the coordinates of the penalty, rows in the order given.
    seen : ndarray of int (L,)
        How many distinct optima were met at each scale, for `certify`; 1 where J has no other.
    problems : tuple of Problem
        The problem at each scale, whose J the row minimises.

    Raises
    ------
    NotSupported
        If the priors are several, have no MAP, or are on groups.
    BadArgument
        If a scale or `sigma` is not positive and finite.

    References
    ----------
    Mazumder, Friedman & Hastie (2011), "SparseNet: coordinate descent with nonconvex penalties",
    JASA 106(495), §2 (warm starts along a family of penalties).

    Examples
    --------
    >>> import numpy as np
    >>> import bayesreg as br
    >>> from bayesreg.solvers.scale_path import solve_scales
    >>> model = br.Model(br.Cauchy(unit="y"), br.Gaussian(sigma=1.0))
    >>> problem = model.condition([[1.0], [-1.0]], [4.0, -4.0])
    >>> b, seen, _ = solve_scales(problem, np.array([0.1, 10.0]), 1.0)
    >>> b.round(4).tolist(), seen.tolist()
    ([[3.7323], [3.9657]], [2, 1])
    """
    scales = np.atleast_1d(np.asarray(scales, dtype=float))
    for name, values in (("scales", scales), ("sigma", np.array([sigma], dtype=float))):
        if not np.all(np.isfinite(values) & (values > 0.0)):
            raise BadArgument(f"{name} must be positive and finite, not {values}")
    _refuse(problem)
    problems = tuple(problem.given(scale=scale, sigma=sigma) for scale in scales)
    order = np.argsort(-scales, kind="stable")
    rows = [_Row(Objective.of(problems[k])) for k in order]
    _sweep(rows)
    b, seen = np.zeros((len(scales), problem.p)), np.ones(len(scales), dtype=np.intp)
    for k, row in zip(order, rows, strict=True):
        b[k], seen[k] = row.objective.unit.restore(row.u), len(row.found)
    return b, seen, problems


def _sweep(rows: list[_Row]) -> None:
    """Own starts at each scale, then neighbours' optima and single moves while J falls."""
    for row in rows:
        row.start()
    for sweep in range(SWEEPS):
        before = [row.value for row in rows]
        line = rows if sweep % 2 == 0 else rows[::-1]
        for row, neighbour in zip(line[1:], line[:-1], strict=True):
            row.follow(neighbour)
        if sweep > 0:
            for row in rows:
                row.improve()
            pairs = zip(rows, before, strict=True)
            if not any(row.value < old * (1.0 - 1e-12) for row, old in pairs):
                break


class _Row:
    """One scale: its objective, and the optima that were met there, the best first."""

    def __init__(self, objective: Objective) -> None:
        self.objective = objective
        self.found: list[tuple[float, Array]] = []
        self.unique = True
        self.tried: Array | None = None

    @property
    def u(self) -> Array:
        """The best so far."""
        return self.found[0][1]

    @property
    def value(self) -> float:
        """J/‖y‖² there."""
        return self.found[0][0]

    def start(self) -> None:
        """From ridge, zero, lasso and least squares; from ridge alone where J has one optimum."""
        if not self.objective.size:
            self.found.append((0.0, np.zeros(0)))
            return
        for u in reweighting.starts(self.objective):
            reweighting.add(self.objective, self.found, reweighting.descend(self.objective, u))
            if len(self.found) == 1:
                self.unique = reweighting.is_unique(self.objective, self.u)
            if self.unique:
                return

    def improve(self) -> None:
        """Single moves from the best, once from each."""
        if not self.unique and self.tried is not self.u:
            reweighting.improve(self.objective, self.found)
            self.tried = self.u

    def follow(self, neighbour: _Row) -> None:
        """From a neighbour's optimum: the data, and so the unit columns, are the same."""
        if self.unique:
            return
        moved = reweighting.descend(self.objective, neighbour.u)
        reweighting.add(self.objective, self.found, moved)


def _refuse(problem: Problem) -> None:
    """A problem without a path over its scale."""
    block = only_block(problem.blocks, "a path moves one scale")
    if not isinstance(block.prior, Majorised) or not block.separable:
        why = problem.penalty.why_no_map or "groups have a path over λ: use path(problem)"
        raise NotSupported(f"{type(block.prior).__name__} has no path over its scale: {why}")
