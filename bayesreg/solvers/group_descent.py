r"""The group lasso: block coordinate descent, each block exactly, then Newton on what is not zero.

In v_g = D_g u_g the minimiser over one group, r being its gradient with the group left out, is zero
where ‖r‖ ≤ λ, and otherwise (H + λ/θ)⁻¹r with θ = ‖v‖, the root of the secular equation

    Σ_i (q_i / (δ_i θ + λ))² = 1,        H = QΔQ',  q = Q'r.

One over the root of that sum is concave in θ, so that Newton's method on it climbs to the root from
θ = 0 (as in trust-region subproblems: Moré & Sorensen 1983, SIAM J. Sci. Stat. Comput. 4(3)).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bayesreg.language.arguments import Array
from bayesreg.model.unit_data import EPS, Index
from bayesreg.solvers.base import Solution, working_set
from bayesreg.solvers.groups import Groups

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem

EPOCHS = 5  # between two Newton steps
MAX_ROUNDS = 1000  # of working sets, and of epochs and Newton in each: a bound, not a tolerance
MAX_SWEEPS = 50  # epochs in all, before one group at a time enters
FIRST_WORKING_SET = 50  # groups
ROUNDING = 8.0 * EPS


def solve(problem: Problem, *, start: Array | None = None) -> Solution:
    r"""Minimise J = ½‖y − Xb‖² + Σ_g λ‖b_g‖₂ + ½Σλ₂ⱼb_j², one group at a time.

    Parameters
    ----------
    problem : Problem
        With λ known; penalties by column may stand beside those by group.
    start : ndarray (p,), optional
        Where to start, in the coordinates of the penalty; zero by default.

    Returns
    -------
    Solution
        `iterations` counts epochs; groups at zero are exactly zero.

    Raises
    ------
    NotSupported
        If the penalty depends on an unknown, or is not of this form.

    References
    ----------
    Yuan & Lin (2006), "Model selection and estimation in regression with grouped variables", JRSS B
    68(1), §2; Qin, Scheinberg & Goldfarb (2013), "Efficient block-coordinate descent algorithms for
    the group lasso", Math. Program. Comput. 5, §2 (groups that are not orthonormal).

    Examples
    --------
    >>> import pandas as pd
    >>> import bayesreg as br
    >>> from bayesreg.solvers import group_descent
    >>> model = br.Model(br.Laplace(0.1, groups=[["a", "b"]]), br.Gaussian(sigma=1.0))
    >>> X = pd.DataFrame({"a": [1.0, -1.0, 0.0], "b": [1.0, 1.0, -2.0]})
    >>> problem = model.condition(X, [9.0, -3.0, -3.0])
    >>> group_descent.solve(problem).b.round(6)
    array([1.768005, 1.112418])
    """
    groups = Groups.of(problem)
    first = np.zeros(len(groups.shape)) if start is None else groups.unit.reduce(start)
    u, epochs = minimise(groups, first)
    how = f"{epochs} epochs over groups, Newton steps on those that are not zero"
    return Solution(groups.unit.restore(u), "group_descent", epochs, how)


def path(problem: Problem, l1: Array, l2: Array) -> tuple[Array, Array]:
    """Minimisers under many penalties, from the largest down, each started from the one before.

    Parameters
    ----------
    problem : Problem
        Its data and groups are used and its own λ is not.
    l1, l2 : ndarray (L, p)
        λ₁ and λ₂ per proper column, in Σ_g‖(λ₁b)_g‖₂ + ½Σλ₂b².

    Returns
    -------
    b : ndarray (L, p)
        Rows in the order given.
    df : ndarray (L,)
        Effective degrees of freedom.
    """
    unit = problem.quadratic.unit
    u, b, df = np.zeros(len(unit.kept)), np.zeros(l1.shape), np.zeros(len(l1))
    for k in np.argsort(-np.max(l1, axis=1, initial=0.0), kind="stable"):
        groups = Groups.under(problem, l1[k], l2[k])
        u, _ = minimise(groups, u)
        b[k], df[k] = unit.restore(u), groups.df(u)
    return b, df


def largest_lam(problem: Problem) -> float:
    """λ_max: the largest ‖(X̃'ỹ·relative)_g‖ of any group, from which on all are zero."""
    largest = 0.0
    for block in problem.blocks:
        pulls = np.square(problem.pull[block.columns] * block.relative)
        largest = max(largest, float(np.max(np.bincount(block.group, pulls), initial=0.0)))
    return float(np.sqrt(largest))


def minimise(groups: Groups, start: Array) -> tuple[Array, int]:
    """Minimiser on unit-norm columns, and how many epochs it took.

    Epochs find most of the support at once, but with dependent columns they can go on undoing each
    other's work: after `MAX_SWEEPS` of them only the worst violator enters a settled face, which
    ends because J falls.
    """
    if not len(start):
        return start, 0
    u, total = newton(groups, start), 0  # from the optimum at another λ this is often all
    for _ in range(MAX_ROUNDS):
        g = groups.unit.fine_gradient(u, groups.l2)
        rest = float(np.max(np.abs(groups.residual(u, g)), initial=0.0))
        if rest <= ROUNDING * groups.terms(u):
            break
        busy = (groups.norms(u) > 0.0) | (groups.level == 0.0)
        slack = ROUNDING * groups.terms(u)
        excess = groups.pulls(g) - groups.level - slack / groups.least
        if total < MAX_SWEEPS:
            work = working_set(busy, excess, FIRST_WORKING_SET)
        else:
            worst = int(np.argmax(np.where(busy, -np.inf, excess)))
            work = np.array([worst] if not busy[worst] and excess[worst] > 0.0 else [], dtype=int)
        if not len(work):
            break
        within = _Within.of(groups, work, u, g)
        total += within.descend()
        u = u.copy()
        u[within.columns] = within.u
        u = newton(groups, u)
    return u, total


def newton(groups: Groups, u: Array) -> Array:
    """Newton steps on groups that are not zero, down to the rounding of an exact gradient.

    A group that would turn round becomes zero if J falls so, with the others where the whole step
    leads or where the first of them turns; else the step is shortened.
    """
    value = groups.value(u)
    for _ in range(MAX_ROUNDS):
        columns = groups.active(u)
        rest = _rest(groups, u, columns)
        size = float(np.linalg.norm(rest))
        if size <= 0.1 * EPS * groups.terms(u):
            break
        change = np.zeros_like(u)
        change[columns] = groups.step(u, columns, rest)
        for new in groups.trials(u, change):
            after = groups.value(new)
            held = len(groups.active(new)) == len(columns)
            if after < value - 1e-12 * abs(value) or (
                held and float(np.linalg.norm(_rest(groups, new, columns))) < 0.5 * size
            ):
                u, value = new, after
                break
        else:
            break
    return u


def _rest(groups: Groups, u: Array, columns: Index) -> Array:
    """The residual of stationarity on some columns; near its rounding, of an exact gradient."""
    rest = groups.residual(u, groups.unit.gradient(u, groups.l2))[columns]
    if float(np.max(np.abs(rest), initial=0.0)) > 1e-9:
        return rest
    return groups.residual(u, groups.unit.fine_gradient(u, groups.l2))[columns]


@dataclass(eq=False)
class _Within:
    """A working set of groups in v = Du: Gram blocks, v, and the gradient kept up to date."""

    groups: Groups
    columns: Index
    parts: list[tuple[slice, float, Array, Array]]  # where, λ_g, eigenvalues and basis of H_gg
    H: Array
    v: Array
    g: Array

    @classmethod
    def of(cls, groups: Groups, work: Index, u: Array, g: Array) -> _Within:
        """The groups of a working set, their columns beside each other."""
        members = groups.members
        chosen = [members[k] for k in work]
        columns = np.concatenate(chosen)
        order = np.argsort(columns)
        back = np.argsort(order)
        scale = groups.shape[columns]
        H = groups.unit.block(columns[order])[np.ix_(back, back)]
        H = (H + np.diag(groups.l2[columns])) / scale / scale[:, None]
        parts: list[tuple[slice, float, Array, Array]] = []
        start = 0
        for k, one in zip(work, chosen, strict=True):
            at = slice(start, start + len(one))
            values, basis = np.linalg.eigh(H[at, at])
            parts.append((at, float(groups.level[k]), values, basis))
            start = at.stop
        return cls(groups, columns, parts, H, scale * u[columns], g[columns] / scale)

    @property
    def u(self) -> Array:
        """v in the coordinates of unit-norm columns."""
        return self.v / self.groups.shape[self.columns]

    def descend(self) -> int:
        """Up to `EPOCHS` epochs, fewer where nothing moves; how many."""
        for epoch in range(EPOCHS):
            if self.epoch() <= 1e-10 * float(np.max(np.abs(self.v), initial=0.0)):
                return epoch + 1
        return EPOCHS

    def epoch(self) -> float:
        """Every group in turn to its exact minimiser; the largest move."""
        largest = 0.0
        for at, level, values, basis in self.parts:
            old = self.v[at]
            block = self.H[at, at]
            new = block_minimiser(self.g[at] + block @ old, level, values, basis)
            change = new - old
            if np.any(change):
                self.v[at] = new
                self.g -= self.H[:, at] @ change
                largest = max(largest, float(np.max(np.abs(change))))
        return largest


def block_minimiser(right: Array, level: float, values: Array, basis: Array) -> Array:
    """argmin ½v'Hv − right'v + level·‖v‖ with H = basis·diag(values)·basis'."""
    if len(right) == 1:
        size = max(abs(float(right[0])) - level, 0.0)
        return np.sign(right) * size / values
    if float(np.linalg.norm(right)) <= level:
        return np.zeros_like(right)
    q, values = basis.T @ right, np.maximum(values, 0.0)
    if level == 0.0:
        return np.asarray(basis @ (q / values))
    theta = 0.0
    for _ in range(100):
        below = values * theta + level
        ratio = np.square(q / below)
        total = float(np.sum(ratio))
        slope = float(np.sum(ratio * values / below)) / total  # −½ d log(total)/dθ
        step = (np.sqrt(total) - 1.0) / slope if slope > 0.0 else 0.0
        theta += step
        if step <= 4.0 * EPS * theta:
            break
    return np.asarray(basis @ (q * theta / (values * theta + level)))
