r"""Loss: φ·(−log L) along the penalised coefficients b, at the best β₀ and Flat coefficients.

With Z the proper columns and F = [1, Flat columns], all centred and divided as the problem says,
η = Fγ + Z(b + loc), and

    L(b) = min_γ Σ w_i f(y_i, η_i),      ∂L/∂b = Z'u,  u_i = w_i f′(η_i),  F'u = 0 at the best γ.

A quadratic touches L at b: weighted least squares in the working response. A Gaussian likelihood
has one such quadratic for ever and needs no rows (`Problem.exact`); this is for all the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bayesreg.language.arguments import Array
from bayesreg.likelihoods.base import AbsoluteDeviation, Likelihood, Theta
from bayesreg.model.least_absolute import Deviations, Subgradient, median, minimise

STEPS = 200  # of Newton's method in γ: a bound, not a tolerance
HALVINGS = 60
EPS = float(np.finfo(float).eps)
Index = NDArray[np.intp]
NEGLIGIBLE = 1e-14  # of a row's curvature beside the largest: one row among 1e12 counts is not
RESTED = 1e-12  # of the terms of F'u: what may be left of them
NUMBERS = 2**22  # of rows times b's that are looked at at once
QUANTILES = 25  # starts of an intercept
BENT = 0.05  # of the bounding curvature: where a loss that is not convex is nearly quadratic
STALLED = 1e-10  # of γ: steps this small that shrink no more are rounding
AT_ONCE = 4  # steps in γ at many b's together
SHORT = 0.1  # of η: where Newton's method has begun to converge quadratically
SATURATED = 1e-200  # of the largest curvature: below it only slopes say where to go


@dataclass(frozen=True, eq=False)
class Point:
    """Where a loss is looked at: b (p,), γ (k,) the best beside it, η (n,), and the loss there."""

    b: Array
    free: Array
    eta: Array
    value: float


@dataclass(frozen=True, eq=False)
class Loss:
    """The loss of a likelihood on rows.

    Attributes
    ----------
    likelihood : Likelihood
    theta : mapping
        Its own unknowns, at known values.
    y, weights : ndarray (n,)
    proper, free : ndarray (n, p), (n, k)
        Z and F.
    loc : ndarray (p,)
        Prior locations, so that η = offset + Fγ + Z(b + loc).
    offset : ndarray (n,) or None
        What of η is known.
    level : float, default 0
        What β₀ has beside γ₀: y and the offset are about it (:mod:`bayesreg.model.level`).
    """

    likelihood: Likelihood
    theta: Theta
    y: Array
    weights: Array
    proper: Array
    free: Array
    loc: Array
    offset: Array | None = None
    level: float = 0.0

    @cached_property
    def phi(self) -> float:
        """φ: a nat of −log L, in the unit of the loss."""
        return float(self.likelihood.dispersion(self.theta))

    @property
    def kinked(self) -> bool:
        """Whether it is a sum of absolute deviations."""
        return isinstance(self.likelihood, AbsoluteDeviation)

    @cached_property
    def start(self) -> Point:
        """b = 0, the rest at its optimum: where λ_max is read."""
        return self.at(np.zeros(self.proper.shape[1]))

    @cached_property
    def origin(self) -> Point:
        """b = 0, or β = 0 if the loss is lower there: a location can put every row far out.

        What solvers begin with, and what is small is small beside.
        """
        if not np.any(self.loc):
            return self.start
        none = np.where(np.any(self.proper, axis=0), -self.loc, 0.0)
        return min(self.start, self.at(none), key=lambda point: point.value)

    def at(self, b: Array, near: Point | None = None) -> Point:
        """The point of b, γ found by Newton's method from that of a `near` point."""
        offset = self.given(b)
        k = self.free.shape[1]
        if self.kinked:
            return self._point(b, self._least_absolute(offset), offset)
        free = np.zeros(k) if near is None else near.free
        if near is None and k:
            free = self._first_free(offset) if self.likelihood.convex else self._lowest(offset)
        point, last = self._point(b, free, offset), np.inf
        for _ in range(STEPS if k else 0):
            step = self._free_step(point)
            near_by = self._near_by(step)
            new = self._beyond(point, step, offset) if near_by else self._along(point, step, offset)
            if new is None:
                break
            moved = float(np.max(np.abs(new.free - point.free)))
            point, size = new, max(np.sqrt(self.phi), float(np.max(np.abs(new.free))))
            if moved <= 4.0 * EPS * size or 0.5 * last <= moved <= STALLED * size:
                break
            last = moved
        return point

    def settled(self, b: Array, free: Array | None = None) -> tuple[Array, Array, Array]:
        """η, u and h (L, n) of b (L, p) with γ at its best beside them, found from γ (L, k).

        Newton's method along all of them at once; what that leaves is for :meth:`at`, one by one.
        """
        _, eta, bends, _ = self._settle(b, self._started(b, free))
        return eta, *bends

    def _started(self, b: Array, free: Array | None) -> Array:
        return np.tile(self.start.free, (len(b), 1)) if free is None else np.array(free)

    def _settle(
        self, b: Array, free: Array
    ) -> tuple[Array, Array, tuple[Array, Array], NDArray[np.bool_]]:
        """γ moved in place, η, u and h, and whether the slopes F'u were at rest before the last."""
        along = (b + self.loc) @ self.proper.T
        along = along if self.offset is None else along + self.offset
        eta = along + free @ self.free.T
        u, h = self.bends(eta)
        near = np.zeros(len(b), dtype=bool)
        for _ in range(AT_ONCE if self.free.shape[1] else 0):
            slopes = u @ self.free
            near = np.all(np.abs(slopes) <= RESTED * (np.abs(u) @ np.abs(self.free)), axis=1)
            if near.all():
                break
            step = np.zeros_like(free)
            for row in np.flatnonzero(~near):
                step[row] = -self.free_solved(h[row], slopes[row])
            free += step
            eta += step @ self.free.T
            u, h = self.bends(eta)
        return free, np.asarray(eta), (u, h), near

    def free_solved(self, h: Array, slope: Array) -> Array:
        """(F'hF)⁻¹ times a slope (k,)."""
        return solved(self.free.T @ (h[:, None] * self.free), slope)

    def best_free(self, b: Array, near: Array | None = None) -> Array:
        """γ (…, k) at its best beside each b (…, p), many at once, from `near` (…, k) ones."""
        k, shape = self.free.shape[1], b.shape[:-1]
        rows = np.asarray(b, dtype=float).reshape(-1, b.shape[-1]) if b.shape[-1] else None
        if not k or rows is None or len(rows) == 1 or not self.likelihood.convex or self.kinked:
            return self._one_by_one(b)
        free = self._started(rows, None if near is None else near.reshape(-1, k))
        size = max(1, NUMBERS // len(self.y))
        for first in range(0, len(rows), size):
            part = slice(first, first + size)
            with np.errstate(over="ignore", invalid="ignore"):
                _, _, (u, h), rested = self._settle(rows[part], free[part])
            slopes = u @ self.free
            for row, ok in enumerate(rested):
                free[first + row] -= self.free_solved(h[row], slopes[row]) if ok else 0.0
                if not ok:
                    free[first + row] = self.at(rows[first + row]).free
        return free.reshape(*shape, k)

    def _one_by_one(self, b: Array) -> Array:
        """:meth:`best_free`, each from that of the one before."""
        k, shape = self.free.shape[1], b.shape[:-1]
        rows = b.reshape(int(np.prod(shape)), b.shape[-1]) if k else ()
        found, near = [], None
        for one in rows:
            near = self.at(one, near)
            found.append(near.free)
        return np.array(found).reshape(*shape, k)

    def touched(self, at: Point, b: Array) -> Point:
        """The point of b and the γ that the quadratic touching at a point has as its best."""
        omega, z = self.working(at)
        given, root = self.given(b), np.sqrt(omega)
        system = root[:, None] * self.free
        size = np.sqrt(np.einsum("ij,ij->j", system, system))
        size = np.where(size > 0.0, size, 1.0)
        free = np.linalg.lstsq(system / size, root * (z - given), rcond=None)[0] / size
        return self._point(b, free, given)

    def beside(self, b: Array, free: Array) -> Point:
        """The point of b and this γ, best or not."""
        return self._point(b, free, self.given(b))

    def given(self, b: Array) -> Array:
        """η (n,) without γ: offset + Z(b + loc)."""
        along = self.proper @ (np.asarray(b, dtype=float) + self.loc)
        return along if self.offset is None else np.asarray(along + self.offset)

    def slope(self, at: Point) -> Array:
        """∂L/∂b (p,)."""
        return np.asarray(self.proper.T @ self.residual(at))

    def residual(self, at: Point) -> Array:
        """u (n,): w·f′(η), whose products with the columns are slopes."""
        if self.kinked:
            return self._subgradient(at)
        slope, _ = self.likelihood.derivatives(self.y, at.eta, self.theta)
        return np.asarray(self.weights * slope)

    def bends(self, eta: Array) -> tuple[Array, Array]:
        """u and h = w·f″(η) at any η (…, n)."""
        slope, bend = self.likelihood.derivatives(self.y, eta, self.theta)
        return np.asarray(self.weights * slope), np.asarray(self.weights * bend)

    @cached_property
    def null_gap(self) -> float:
        """Half the null deviance: what −log L can fall from the origin at most."""
        distance = self.likelihood.fenchel_young(
            self.y, self.origin.eta, np.zeros(len(self.y)), self.theta
        )
        return float(self.weights @ distance)

    def working(self, at: Point) -> tuple[Array, Array]:
        """Weights ω (n,) and response z (n,) of the least squares that touches the loss at a point.

        ½Σω(z − η)² has the slope of the loss there, and its curvature in every row whose curvature
        is not negligible beside that of others; such a row is given a little, so that no column
        looks constant because few rows are left that can still tell.
        """
        omega, z = self.likelihood.expand(self.y, at.eta, self.theta)
        if self.kinked:  # of a typical deviation, where one is too small to have a curvature
            rest = np.abs(self.y - at.eta)
            typical = median(rest, self.weights) or float(rest.mean()) or 1.0
            omega = 1.0 / np.maximum(rest, typical)
            z = at.eta - self.residual(at) / self.weights / omega
        enough = np.maximum(omega, NEGLIGIBLE * np.max(omega, initial=0.0))
        z = np.where(omega < enough, at.eta + omega / enough * (z - at.eta), z)
        return self.weights * enough, z

    def room(self, at: Point) -> float:
        """By how much a loss that does not rise may seem to, from one point to another beside it.

        Where no curvature bounds what is accepted so, η's own rounding at a large level counts.
        """
        own = 4.0 * EPS * (self.phi + abs(at.value))
        return own if self.likelihood.convex else own + self.rounding(at)

    def rounding(self, at: Point) -> float:
        """What storing b and summing rows can hide of the loss."""
        size = 1.0 + np.abs(at.eta) + (np.abs(self.y) if self.kinked else 0.0)
        terms = np.abs(self.residual(at)) * size
        return 8.0 * EPS * float(np.sum(terms))

    def _least_absolute(self, offset: Array) -> Array:
        """γ of least absolute deviations: a median, or as a solver has it."""
        k, target = self.free.shape[1], self.y - offset
        if k == 1 and np.all(self.free == 1.0):
            return np.array([median(target, self.weights)])
        return minimise(Deviations.plain(self.free, target, self.weights))[0]

    def _subgradient(self, at: Point) -> Array:
        """The u of absolute deviations with F'u = 0; what F leaves of it undetermined is 0."""
        whole = Deviations.plain(self.columns, self.target, self.weights)
        met = whole.met(np.concatenate([at.free, at.b]))
        part = Deviations.plain(self.free, self.y - self.given(at.b), self.weights)
        return Subgradient.of(part, at.free, met=met).u

    @cached_property
    def columns(self) -> Array:
        """[F Z] (n, k + p)."""
        return np.hstack([self.free, self.proper])

    @cached_property
    def target(self) -> Array:
        """y less what of η is known (n,), and less Z·loc."""
        return np.asarray(self.y - self.given(np.zeros(self.proper.shape[1])))

    def _lowest(self, offset: Array) -> Array:
        """γ at the lowest of several starts: a loss that is not convex may have many optima.

        Least absolute deviations, and with an intercept the quantiles of what is left of y.
        """
        first = self._least_absolute(offset)
        tried = [first]
        if np.all(self.free[:, 0] == 1.0):
            rest = self.y - offset - self.free @ first
            shift = np.arange(len(first)) == 0
            values = np.quantile(rest, np.linspace(0.02, 0.98, QUANTILES))
            tried += [first + np.where(shift, value, 0.0) for value in values]
        losses = [self._point(np.zeros(0), free, offset).value for free in tried]
        return tried[int(np.argmin(losses))]

    def _first_free(self, offset: Array) -> Array:
        """γ that makes the mean of η that of the best constant fit."""
        free = np.zeros(self.free.shape[1])
        if np.all(self.free[:, 0] == 1.0):
            guess = self.likelihood.first_guess(self.y, self.weights, self.theta)
            free[0] = guess - float(np.average(offset, weights=self.weights))
        return free

    def _point(self, b: Array, free: Array, offset: Array) -> Point:
        eta = offset + self.free @ free
        density = self.likelihood.log_density(self.y, eta, self.theta)
        value = -self.phi * float(self.weights @ density)
        return Point(np.asarray(b, dtype=float), free, eta, value)

    def _free_step(self, at: Point) -> Array:
        """Newton's step in γ, damped where it would move η by more than 1.

        As is enough for losses whose third derivative is at most their second (Bach 2010, "Self-
        concordant analysis for logistic regression", Electronic Journal of Statistics 4).
        """
        if not self.likelihood.convex:
            return self._reweighted_step(at)
        slope, bend = self.likelihood.derivatives(self.y, at.eta, self.theta)
        h, g = self.weights * bend, self.free.T @ (self.weights * slope)
        unit = float(np.max(h))  # so that no product leaves the range of float64
        flat = unit < SATURATED
        h, g = (self.weights, g) if flat else (np.maximum(h / unit, NEGLIGIBLE), g / unit)
        step = -solved(self.free.T @ (h[:, None] * self.free), g)
        reach = float(np.max(np.abs(self.free @ step)))
        if flat and reach > 0.0:
            return step * (2.0 / reach)
        return step if reach <= 1.0 else step * (np.log1p(reach) / reach)

    def _reweighted_step(self, at: Point) -> Array:
        """Newton's step where the curvature is a good part of the bounding quadratic's; else to it.

        A step to the minimum of a quadratic that lies nowhere below the loss never raises it.
        """
        u, h = self.bends(at.eta)
        omega, _ = self.working(at)
        above = self.free.T @ (omega[:, None] * self.free)
        system, slope = self.free.T @ (h[:, None] * self.free), self.free.T @ u
        try:
            np.linalg.cholesky(system - BENT * above)
        except np.linalg.LinAlgError:
            system = above
        return -solved(system, slope)

    def _near_by(self, step: Array) -> bool:
        """Whether a step in γ needs no search: with |f‴| ≤ f″ a short one leaves a tenth of itself.

        Values of the loss could not tell: those of large counts are sums of far larger terms.
        """
        reach = float(np.max(np.abs(self.free @ step), initial=0.0))
        return self.likelihood.self_concordant and reach <= SHORT

    def _beyond(self, at: Point, step: Array, offset: Array) -> Point | None:
        """The point a step away; None where rounding leaves it where it was."""
        new = self._point(at.b, at.free + step, offset)
        return new if np.any(new.free != at.free) else None

    def _along(self, at: Point, step: Array, offset: Array) -> Point | None:
        """The first of the step and its halves that does not raise the loss; None at rounding.

        A step that moves η by more than 1 is doubled as long as that lowers the loss: where every
        row is far from its own 0 no curvature says how far there is to go.
        """
        room = self.room(at)
        for k in range(HALVINGS):
            new = self._point(at.b, at.free + 0.5**k * step, offset)
            if new.value <= at.value + (room if k == 0 else 0.0):
                break
        else:
            return None
        while k == 0 and self.likelihood.convex and np.max(np.abs(new.eta - at.eta)) > 1.0:
            step = 2.0 * step
            further = self._point(at.b, at.free + step, offset)
            if not further.value < new.value:
                break
            new = further
        return new if np.any(new.free != at.free) else None


def solved(system: Array, right: Array) -> Array:
    """The solution of a small positive system; of least norm where it is singular."""
    if len(system) == 1:
        return np.asarray(right / max(float(system[0, 0]), np.finfo(float).tiny))
    scale = 1.0 / np.sqrt(np.maximum(np.diagonal(system), np.finfo(float).tiny))
    unit = system * scale * scale[:, None]
    return np.asarray(scale * np.linalg.lstsq(unit, scale * right, rcond=None)[0])
