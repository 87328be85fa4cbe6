r"""J with penalties of any shape, on columns of norm one: value, stationarity and curvature.

J/‖y‖² = ½‖y − Xu‖² + ΣP_j(u_j). Where P is not λ₁|u| + ½λ₂u², J may have several local minima. It
has one where it is convex on a set that holds all that is better: with P″_j ≥ κ_j for |u_j| ≤ R_j,
P_j(R_j) = J(u) − min ½‖y − Xv‖², that is where M = X'X + diag(κ) is positive definite, and then
J(u) − min J ≤ ½r'M⁻¹r for a residual r of stationarity.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from bayesreg.language.arguments import Array
from bayesreg.language.errors import NotSupported
from bayesreg.model.unit_data import EPS, HUGE, Index, UnitData
from bayesreg.priors import Majorised
from bayesreg.solvers.curvature import Cholesky

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem

TINY = 1e-290  # a coefficient at 0 stands for all that are smaller
LIMIT = 1e100  # of λ₁ on unit columns: far below it a coefficient is 0
NARROW = 1e-152  # of scale ÷ σ: below it penalties leave the range of float64
LARGEST = 4000  # columns of a dense matrix


@dataclass(frozen=True, eq=False)
class Part:
    """The kept columns under one prior, with σ and effective scales in the unit of u."""

    prior: Majorised
    index: Index
    sigma: float
    scale: Array


@dataclass(frozen=True, eq=False)
class Curvature:
    """The least eigenvalue of a Hessian on some columns, and its direction."""

    value: float
    direction: Array
    face: Index


@dataclass(frozen=True, eq=False)
class Objective:
    """J/‖y‖² of a problem whose hyperparameters are known.

    Attributes
    ----------
    unit : UnitData
        Columns and y of norm one.
    parts : tuple of Part
        Penalties by block.
    floor : float
        min ½‖y − Xv‖², what no coefficient reduces.
    """

    unit: UnitData
    parts: tuple[Part, ...]
    floor: float

    @classmethod
    def of(cls, problem: Problem) -> Objective:
        """Scale a problem's data and penalties; NotSupported where a prior has no penalty."""
        unit = problem.quadratic.unit
        place = np.full(unit.size, -1)
        place[unit.kept] = np.arange(len(unit.kept))
        sigma = 1.0 if problem.sigma is None else problem.sigma  # `known` says it is not needed
        if not problem.penalty.known:
            raise NotSupported(
                "the penalty depends on an unknown here: fix it with problem.at(sigma=, scale=), "
                "or let fit_map(problem) choose it"
            )
        if not all(block.separable for block in problem.blocks):
            raise NotSupported("groups of columns have one penalty each: use group_descent")
        parts = []
        for block in problem.blocks:
            kept = place[block.columns] >= 0
            index = place[block.columns][kept]
            assert isinstance(block.prior, Majorised)
            scale = problem.effective_scale(block, sigma)[kept] * (unit.norms[index] / unit.y_norm)
            if np.any(scale < NARROW * sigma / unit.y_norm):
                raise NotSupported(
                    f"the scale of {block.label!r} is so small that the penalty leaves the range "
                    f"of float64 ({float(np.min(scale)):.1g} of what y allows); use a larger one"
                )
            parts.append(Part(block.prior, index, sigma / unit.y_norm, scale))
        return cls(unit, tuple(parts), 0.0 if unit.wide else _least(problem) / unit.y_norm**2)

    @property
    def exact(self) -> bool:
        """Whether every penalty is λ₁|u| + ½λ₂u²."""
        return all(part.prior.exact for part in self.parts)

    @property
    def size(self) -> int:
        """Number of columns kept."""
        return len(self.unit.kept)

    def cost(self, u: Array) -> Array:
        """P_j(u_j)."""
        return self._each(lambda part, v: part.prior.cost(v, part.sigma, part.scale), u)

    def slope(self, u: Array) -> Array:
        """P′_j(|u_j|)."""
        return self._each(lambda part, v: part.prior.slope(v, part.sigma, part.scale), u)

    def bend(self, u: Array) -> Array:
        """P″_j(|u_j|)."""
        return self._each(lambda part, v: part.prior.bend(v, part.sigma, part.scale), u)

    def least_bend(self, radius: Array) -> Array:
        """The least P″_j within a radius."""
        return self._each(lambda p, r: p.prior.least_bend(r, p.sigma, p.scale), radius)

    def majoriser(self, u: Array) -> tuple[Array, Array]:
        """λ₁ and λ₂ of the majoriser at u, bounded so that no infinity enters the arithmetic."""
        first, second = np.zeros(self.size), np.zeros(self.size)
        with np.errstate(all="ignore"):
            for part in self.parts:
                l1, l2 = part.prior.majoriser(u[part.index], part.sigma, part.scale)
                first[part.index], second[part.index] = l1, l2
        return np.minimum(first, LIMIT), np.minimum(second, HUGE)

    @cached_property
    def kink(self) -> Array:
        """P′_j at 0 from the right: positive on a kink, ∞ on a cusp."""
        return self.slope(np.zeros(self.size))

    @cached_property
    def convex(self) -> NDArray[np.bool_]:
        """Which P_j are convex everywhere."""
        return self.least_bend(np.full(self.size, np.inf)) >= 0.0

    @cached_property
    def _pull(self) -> Array:
        """How large a gradient leaves a coefficient at 0, as far as float64 can tell."""
        return np.maximum(self.kink, self.slope(np.full(self.size, TINY)))

    def penalty(self, u: Array) -> float:
        """ΣP_j(u_j)."""
        return float(np.sum(self.cost(u)))

    def value(self, u: Array) -> float:
        """J/‖y‖²."""
        return 0.5 * self.unit.residual_square(u) + self.penalty(u)

    def force(self, u: Array) -> Array:
        """The gradient of ΣP_j, on columns along which it is smooth."""
        return np.copysign(self.slope(u), u)  # a penalty never falls as |u| grows

    def hessian(self, u: Array, columns: Index) -> Array:
        """X'X + diag(P″) on columns along which J is smooth."""
        return self.unit.block(columns) + np.diag(self.bend(u)[columns])

    def residual(self, u: Array) -> Array:
        """What keeps u from stationarity: minus the smallest subgradient of J/‖y‖²."""
        g = self.unit.fine_gradient(u, np.zeros_like(u))
        still = np.sign(g) * np.maximum(np.abs(g) - self._pull, 0.0)
        moving = np.where(u != 0.0, u, 1.0)
        return np.where(u != 0.0, g - np.sign(u) * self.slope(moving), still)

    def face(self, u: Array) -> Index:
        """The columns along which J is smooth at u: those not at rest on a kink or cusp."""
        return np.flatnonzero(((u != 0.0) | (self.kink == 0.0)) & (self.bend(u) < HUGE))

    def floor_of_bend(self, u: Array) -> Array:
        """κ: the least P″_j over all coefficients that could belong to a lower J than u has."""
        room = max(self.value(u) - self.floor, 0.0) * (1.0 + 1e-9) + 1e-13 * self.value(u)
        return self.least_bend(self._radius(room, np.abs(u)))

    def inverse(self, bend: Array, right: Array) -> Array | None:
        """(X'X + diag(bend))⁻¹ right, or None where that matrix is not positive definite."""
        if not np.all(np.isfinite(bend)):
            return None
        return solve_positive(self.unit, np.arange(self.size), bend, right)

    def least_curvature(self, u: Array) -> Curvature | None:
        """The least eigenvalue of the Hessian on the face of u; None where all are positive."""
        face = self.face(u)
        bend = self.bend(u)[face]
        if solve_positive(self.unit, face, bend, np.zeros(len(face))) is not None:
            return None
        few = face[bend <= 1e-3] if len(face) > LARGEST else face
        if len(few) > LARGEST or not len(few):
            return None
        values, vectors = eigh(self.hessian(u, few), subset_by_index=[0, 0])
        return Curvature(float(values[0]), vectors[:, 0], few)

    def terms(self, u: Array) -> float:
        """Bound of the terms that cancel in the residual, whose rounding is its floor."""
        moving = u != 0.0
        bent = np.abs(self.bend(u)[moving] * u[moving])
        return 1.0 + float(np.sum(np.abs(u)) + np.max(bent, initial=0.0))

    def _radius(self, room: float, least: Array) -> Array:
        """The smallest R_j (to 1 %) with P_j(R_j) ≥ room, by bisection in log R; at least |u|."""
        low, high = np.full(self.size, -690.0), np.full(self.size, 690.0)
        for _ in range(18):
            middle = 0.5 * (low + high)
            enough = self.cost(np.exp(middle)) >= room
            low, high = np.where(enough, low, middle), np.where(enough, middle, high)
        return np.maximum(np.exp(high), least)

    def _each(self, method: object, u: Array) -> Array:
        """One number per kept column, block by block."""
        out = np.zeros(self.size)
        with np.errstate(all="ignore"):  # beyond the range of float64 a penalty is 0 or ∞
            for part in self.parts:
                out[part.index] = method(part, u[part.index])  # type: ignore[operator]
        return out


def penalty_value(problem: Problem, b: Array) -> Any:
    """The penalty of b (p,), or of each of L coefficients (L, p); 0 at b = 0."""
    total, sigma, root = np.zeros(b.shape[:-1]), problem.sigma or 1.0, problem.penalty.root or 1.0
    for block in problem.blocks:
        assert isinstance(block.prior, Majorised)
        part = b[..., block.columns]
        scale = problem.effective_scale(block, sigma)
        if block.grouped:  # λ‖b_g‖ is what a single b of that length costs
            members = np.arange(len(block.sizes)) == block.group[:, None]
            part = np.sqrt(np.square(part / block.relative) @ members)
            scale = np.full(len(block.sizes), float(problem.effective_scale(block, sigma)[0]))
            scale /= float(block.relative[0])
        total = total + np.sum(block.prior.cost(part, root, scale), axis=-1)
    return total


def penalty_slope(problem: Problem, b: Array) -> Array:
    """The gradient of the penalty at b; at a coefficient of 0 its limit from the right."""
    out, sigma, root = np.zeros(len(b)), problem.sigma or 1.0, problem.penalty.root or 1.0
    for block in problem.blocks:
        assert isinstance(block.prior, Majorised)
        part, scale = b[block.columns], problem.effective_scale(block, sigma)
        if block.grouped:
            shaped = part / block.relative
            norm = np.sqrt(np.bincount(block.group, np.square(shaped)))[block.group]
            level = block.prior.slope(norm, root, scale / block.relative)
            direction = shaped / block.relative / np.where(norm > 0.0, norm, 1.0)
            out[block.columns] = level * direction
        else:
            sign = np.where(part < 0.0, -1.0, 1.0)
            out[block.columns] = sign * block.prior.slope(part, root, scale)
    return out


def _least(problem: Problem) -> float:
    """min ½‖ỹ − X̃b‖², or its bound 0 where the columns are too close to collinear for it."""
    try:
        return 0.5 * max(problem.quadratic.rss0, 0.0)
    except np.linalg.LinAlgError:
        return 0.0


def solve_positive(unit: UnitData, index: Index, diagonal: Array, right: Array) -> Array | None:
    r"""(X'X + D)⁻¹ right on some columns, or None where that matrix is not positive definite.

    Where the columns outnumber the rows, those with D > 0 are eliminated: with K = I + XₚDₚ⁻¹Xₚ'
    the rest (N) has the Schur complement Xₙ'K⁻¹Xₙ + Dₙ, and the matrix is positive definite exactly
    if that is.

    Parameters
    ----------
    unit : UnitData
        Columns of norm one.
    index : ndarray of int (k,)
        Which of them.
    diagonal, right : ndarray (k,)
        D and the right side.
    """
    if not len(index):
        return np.zeros(0)
    if unit.X is None or len(index) <= len(unit.X):
        return _cholesky(unit.block(index) + np.diag(diagonal), right)
    rich = diagonal > 1e-3
    rest = np.flatnonzero(~rich)
    if len(rest) > LARGEST:
        return None
    X, N = unit.X[:, index[rich]], unit.X[:, index[rest]]
    spread = X / diagonal[rich]
    a = spread @ right[rich]
    both = _cholesky(np.eye(len(X)) + spread @ X.T, np.column_stack([a, N]))
    if both is None:
        return None
    out = np.zeros(len(index))
    v = both[:, 0]
    if len(rest):
        schur = N.T @ both[:, 1:] + np.diag(diagonal[rest])
        part = _cholesky(0.5 * (schur + schur.T), right[rest] - N.T @ v)
        if part is None:
            return None
        out[rest] = part
        v = v + both[:, 1:] @ part
    out[rich] = (right[rich] - X.T @ v) / diagonal[rich]
    return out


def _cholesky(A: Array, right: Array) -> NDArray[np.float64] | None:
    """A⁻¹ right, or None where A is not positive definite by more than its rounding."""
    diagonal = np.diagonal(A)
    if not np.all(diagonal > 0.0):
        return None
    # Terms of the diagonal are of order 1 before D is added: their rounding, on the scaled matrix.
    rounding = 8.0 * EPS * len(A) * (1.0 + 1.0 / diagonal)
    if Cholesky.of(A, -rounding) is None:
        return None
    factor = Cholesky.of(A)
    return None if factor is None else factor.solve(right)
