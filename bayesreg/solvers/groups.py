r"""J with norms of groups in it, on columns of norm one: value, stationarity and curvature.

J/‖y‖² = ½‖y − Xu‖² + ½Σλ₂ⱼu_j² + Σ_g λ_g‖D_g u_g‖₂, D diagonal with largest entry 1 per group:
a column under a penalty by column is a group of its own, and one without λ₁ has λ_g = 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bayesreg.language.arguments import Array
from bayesreg.language.errors import NotSupported
from bayesreg.model.unit_data import EPS, Index, UnitData
from bayesreg.solvers.base import terms
from bayesreg.solvers.curvature import Cholesky

if TYPE_CHECKING:
    from bayesreg.model.blocks import Block
    from bayesreg.model.problem import Problem


@dataclass(frozen=True, eq=False)
class Groups:
    """The data of a problem and the groups that its penalty takes norms of.

    Attributes
    ----------
    unit : UnitData
        Columns and y of norm one.
    index : ndarray of int (q,)
        The group of each kept column: 0, 1, …
    level : ndarray (G,)
        λ_g, in units of ‖y‖; 0 for a column without a kink.
    shape : ndarray (q,)
        D: how much each column counts in the norm of its group, 1 at most.
    l2 : ndarray (q,)
        λ₂ per column.
    """

    unit: UnitData
    index: Index
    level: Array
    shape: Array
    l2: Array

    @classmethod
    def of(cls, problem: Problem) -> Groups:
        """Groups and λ's of a problem, its own.

        Raises
        ------
        NotSupported
            If λ depends on an unknown, or a penalty is not λ₁ and λ₂ by column or by group.
        """
        if problem.penalty.why_no_map is not None:
            raise NotSupported(problem.penalty.why_no_map)
        wide = np.broadcast_to(problem.penalty.l1, (problem.p,))
        return cls.under(problem, wide, np.broadcast_to(problem.penalty.l2, (problem.p,)))

    @classmethod
    def under(cls, problem: Problem, l1: Array, l2: Array) -> Groups:
        """The groups of a problem under other λ₁ and λ₂ by column (p,): Σ_g‖(λ₁b)_g‖₂ + ½Σλ₂b²."""
        unit = problem.quadratic.unit
        group, count = np.empty(problem.p, dtype=np.intp), 0
        for block in problem.blocks:
            group[block.columns] = count + block.group
            count += len(block.sizes)
        first, second = unit.penalty(l1, l2)
        _, index = np.unique(group[unit.kept], return_inverse=True)
        level = np.zeros(int(np.max(index, initial=-1)) + 1)
        np.maximum.at(level, index, first)
        shape = np.where(first > 0.0, first / np.where(first > 0.0, level[index], 1.0), 1.0)
        return cls(unit, index, level, shape, second)

    @property
    def members(self) -> tuple[Index, ...]:
        """The columns of each group."""
        order = np.argsort(self.index, kind="stable")
        return tuple(np.split(order, np.cumsum(np.bincount(self.index))[:-1]))

    def norms(self, u: Array) -> Array:
        """‖D_g u_g‖ (G,)."""
        return np.sqrt(np.bincount(self.index, np.square(self.shape * u), len(self.level)))

    def pulls(self, g: Array) -> Array:
        """‖D_g⁻¹g_g‖ (G,): where u_g = 0, at most λ_g at the optimum."""
        return np.sqrt(np.bincount(self.index, np.square(g / self.shape), len(self.level)))

    def penalty(self, u: Array) -> float:
        """½Σλ₂ⱼu_j² + Σ_g λ_g‖D_g u_g‖."""
        return 0.5 * float(self.l2 @ np.square(u)) + float(self.level @ self.norms(u))

    def value(self, u: Array) -> float:
        """J/‖y‖²."""
        smooth = self.unit.residual_square(u) + float(self.l2 @ np.square(u))
        return 0.5 * smooth + float(self.level @ self.norms(u))

    def force(self, u: Array) -> Array:
        """The gradient of the penalty, on columns of groups that are not zero."""
        return (self.l2 + self._rate(u)[self.index] * np.square(self.shape)) * u

    def _rate(self, u: Array) -> Array:
        """λ_g/‖D_g u_g‖ (G,), 0 where a group is zero."""
        norm = self.norms(u)
        return np.where(norm > 0.0, self.level / np.where(norm > 0.0, norm, 1.0), 0.0)

    @property
    def least(self) -> Array:
        """The least entry of D in each group (G,), by which rounding of g grows in D⁻¹g."""
        out = np.ones(len(self.level))
        np.minimum.at(out, self.index, self.shape)
        return out

    def trials(self, u: Array, change: Array) -> Iterator[Array]:
        """Points along a step: all of it; with groups that turn round at zero; and ever less of it.

        A group turns where D_g u_g is at right angles to what it becomes.
        """
        square = np.square(self.shape)
        along = np.bincount(self.index, square * u * change, len(self.level))
        own = np.square(self.norms(u))
        turns = (own > 0.0) & (self.level > 0.0) & (along <= -own)
        longest = 1.0
        if np.any(turns):
            yield np.where(turns[self.index], 0.0, u + change)
            ratio = np.where(turns, own / np.where(turns, -along, 1.0), np.inf)
            first = int(np.argmin(ratio))
            longest = float(ratio[first])
            yield np.where(self.index == first, 0.0, u + longest * change)
        else:
            yield u + change
        for share in (0.9, 0.5, 0.25, 0.1, 0.01):
            yield u + share * longest * change

    def residual(self, u: Array, g: Array) -> Array:
        """What keeps u from stationarity, g being X'(y − Xu) − λ₂u.

        Minus a subgradient of J: the smallest where u_g ≠ 0 or D_g = I; else, at u_g = 0, what is
        left of g_g when it is scaled into the dual ball.
        """
        norm, pull = self.norms(u), self.pulls(g)
        rest = np.maximum(1.0 - self.level / np.where(pull > 0.0, pull, 1.0), 0.0)
        safe = np.where(norm > 0.0, norm, 1.0)
        moving = g - (self.level / safe)[self.index] * np.square(self.shape) * u
        return np.where((norm > 0.0)[self.index], moving, rest[self.index] * g)

    def terms(self, u: Array) -> float:
        """Bound of the terms that cancel in a gradient: columns and y have norm one."""
        return float(terms(u, self.l2))

    def active(self, u: Array) -> Index:
        """Columns of groups that are not zero, and those without a kink."""
        moving = (self.norms(u) > 0.0) | (self.level == 0.0)
        return np.flatnonzero(moving[self.index])

    def hessian(self, u: Array, columns: Index) -> Array:
        """X'X + Λ₂ + Σ_g λ_g ∇²‖D_g u_g‖ on columns of whole groups that are not zero."""
        H = self.unit.block(columns) + np.diag(self.l2[columns])
        norm, index = self.norms(u), self.index[columns]
        rate = self._rate(u)[index]
        square = np.square(self.shape[columns])
        H[np.diag_indices_from(H)] += rate * square
        unit = square * u[columns] / np.where(norm > 0.0, norm, 1.0)[index]
        same = index[:, None] == index
        return H - np.where(same, rate * unit * unit[:, None], 0.0)

    def step(self, u: Array, columns: Index, right: Array) -> Array:
        """Hessian⁻¹ right (k,) or (k, r) on some columns; with a ridge where it is singular."""
        return Cholesky.near(self.hessian(u, columns)).solve(right)

    def df(self, u: Array) -> float:
        """tr X_A(Hessian)⁻¹X_A': how far fitted values follow y.

        Vaiter, Deledalle, Peyré, Fadili & Dossal (2017), "The degrees of freedom of partly smooth
        regularizers", Annals of the Institute of Statistical Mathematics 69(4), thm. 2.
        """
        columns = self.active(u)
        if not len(columns):
            return 0.0
        gram = self.unit.block(columns)
        return float(np.trace(self.step(u, columns, gram)))

    def gap(self, u: Array, g: Array, floor: float) -> float:
        """Upper bound of J(u)/‖y‖² − min: of the dual point that the scaled residual is.

        As in :mod:`bayesreg.solvers.certificate`, with |ξ_g| ≤ λ_g for a norm of each group.
        """
        smooth, kinked = np.flatnonzero(self.level[self.index] == 0.0), self.level > 0.0
        decrement, rest = 0.0, g
        if len(smooth) and np.any(g[smooth]):
            move = np.zeros_like(u)
            H = self.unit.block(smooth) + np.diag(self.l2[smooth])
            move[smooth] = np.linalg.solve(H, g[smooth])
            decrement = 0.5 * float(g[smooth] @ move[smooth])
            u, rest = u + move, g + self.unit.gradient(move, self.l2) - self.unit.xy
        if not np.any(kinked):
            return abs(decrement)
        bound = self.level[kinked] + floor
        allowed = float(np.min(bound / np.maximum(self.pulls(rest)[kinked], bound)))
        rr = self.unit.residual_square(u) + float(self.l2 @ np.square(u))  # on augmented rows
        on = kinked[self.index]
        along = float(u[on] @ rest[on])
        s = min(1.0 + along / rr, allowed) if rr > 0.0 else allowed
        s = max(s, -allowed)
        linear = float(self.level @ self.norms(u)) - s * along
        return abs(decrement) + 0.5 * (1.0 - s) ** 2 * rr + abs(linear)

    def unique(self, g: Array) -> bool:
        """Whether no other u has the same J.

        All optima share ξ = D⁻¹g and have D_g u_g = τ_g ξ_g, τ_g ≥ 0, in groups with ‖ξ_g‖ = λ_g:
        there is one if the vectors X_g D_g⁻¹ξ_g of these groups are independent.
        """
        tied = np.flatnonzero(self.pulls(g) >= self.level * (1.0 - 1e-9))
        if not len(tied):
            return True
        chosen = [np.flatnonzero(self.index == k) for k in tied]
        directions = np.zeros((len(self.index), len(tied)))
        for k, columns in enumerate(chosen):
            along = g[columns] / np.square(self.shape[columns])
            directions[columns, k] = along if self.level[tied[k]] > 0.0 else 1.0
        columns = np.concatenate(chosen)
        H = self.unit.block(np.sort(columns)) + np.diag(self.l2[np.sort(columns)])
        part = directions[np.sort(columns)]
        A = part.T @ H @ part
        scale = 1.0 / np.sqrt(np.diagonal(A))
        return bool(np.linalg.eigvalsh(A * scale * scale[:, None])[0] > 8.0 * EPS * len(tied))


def members_of(block: Block) -> tuple[Index, ...]:
    """The columns of every group of a block, single ones included."""
    return tuple(block.columns[block.group == g] for g in range(len(block.sizes)))


def group_distance(g: Array, l1: Array, b: Array, groups: Sequence[Index]) -> Array:
    """What keeps b (L, p) from stationarity under Σ‖(λ₁b)_g‖, as `Groups.residual` has it."""
    out = np.empty_like(g)
    with np.errstate(divide="ignore", invalid="ignore"):
        for one in groups:
            pull, shape, at = g[:, one], l1[:, one], b[:, one]
            norm = np.linalg.norm(shape * at, axis=1, keepdims=True)
            over = np.linalg.norm(np.where(pull == 0.0, 0.0, pull / shape), axis=1, keepdims=True)
            moving = pull - np.square(shape) * at / norm
            out[:, one] = np.where(norm > 0.0, moving, np.maximum(1.0 - 1.0 / over, 0.0) * pull)
    return out


def group_sums(problem: Problem, v: Array) -> Array:
    """Σ_g‖v_g‖₂ (L,) of v (L, p): Σ|v_j| where no columns are grouped."""
    total = np.zeros(len(v))
    for block in problem.blocks:
        part = v[:, block.columns]
        for g in range(len(block.sizes)) if block.grouped else ():
            total += np.linalg.norm(part[:, block.group == g], axis=1)
        if not block.grouped:
            total += np.sum(np.abs(part), axis=1)
    return total
