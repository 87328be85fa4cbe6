"""A lasso path under way: the piece below a knot, the step to the next one, and how it is checked.

The rule, and why it also serves ties, is in :mod:`bayesreg.solvers.homotopy`.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bayesreg.language.arguments import Array
from bayesreg.language.errors import NotConverged
from bayesreg.model.unit_data import EPS, Extended, Index, Map, UnitData
from bayesreg.solvers.base import distance, refine, terms
from bayesreg.solvers.closed_form import minimise_face
from bayesreg.solvers.curvature import Cholesky

MOVES = 8  # corrections of one knot: two suffice unless others lie within its rounding
SAME = 1e-12  # of λ: knots closer than this are one
ROUNDING = 8.0 * EPS


@dataclass(frozen=True, eq=False)
class Piece:
    """A linear piece of the path: the columns that move along it, and what solves H there."""

    columns: Index
    unit: UnitData
    l2: Array
    inverse: Map | None

    @classmethod
    def of(cls, unit: UnitData, columns: Index, l2: Array) -> Piece:
        """Cholesky where that is accurate enough to be refined; else QR each time, slower."""
        block = unit.block(columns)
        X = None if unit.X is None else unit.X[:, columns]
        part = UnitData(
            len(columns), np.arange(len(columns)), np.ones(len(columns)), 1.0, unit.y_square,
            X, unit.y, None if X is not None else block, unit.xy[columns], unit.rounding,
        )  # fmt: skip
        factor = Cholesky.of(block + np.diag(l2[columns]))
        fine = factor is not None and factor.pivot > 1e-5
        return cls(columns, part, l2[columns], factor.solve if factor and fine else None)

    def optimum(self, shift: Array) -> Array:
        """Minimiser of ½‖y − Xu‖² + ½Σλ₂u² + shift'u over these columns, to its last digits."""
        if not len(self.columns):
            return np.zeros(0)
        inverse = self.inverse
        if inverse is None:
            return minimise_face(self.unit, np.arange(len(self.columns)), shift, self.l2)

        def residual(x: Extended) -> Array:
            return self.unit.fine_gradient(x, self.l2) - shift

        fine = refine(inverse(self.unit.xy - shift), residual, inverse)
        return np.asarray(fine, dtype=np.float64)

    def solve(self, right: Array) -> Array:
        """H⁻¹ right, to working precision."""
        return self.optimum(self.unit.xy - right)


@dataclass(frozen=True, eq=False)
class Point:
    """The optimum at one λ, exact to rounding."""

    t: float
    u: Array
    g: Array  # X'(y − Xu) − λ₂u
    kkt: float
    active: int = 0
    hit: Index = field(default_factory=lambda: np.zeros(0, dtype=np.intp))


@dataclass(eq=False)
class Trace:
    """A path under way on unit-norm columns."""

    unit: UnitData
    w: Array
    l2: Array
    knots: list[Point]

    @property
    def t(self) -> float:
        """λ where the path now is."""
        return self.knots[-1].t

    @classmethod
    def start(cls, unit: UnitData, w: Array, l2: Array) -> Trace:
        """At λ_max, where columns without a kink are all that moves."""
        trace = cls(unit, w, l2, [])
        free, kinked = np.flatnonzero(w == 0.0), w > 0.0
        u = np.zeros(len(w))
        if len(free):
            u = minimise_face(unit, free, np.zeros(len(free)), l2)
        g = unit.fine_gradient(u, l2)
        slack = ROUNDING * trace.terms(u)
        pull = np.where(kinked & (np.abs(g) > slack), np.abs(g), 0.0)
        top = float(np.max(pull / np.where(kinked, w, 1.0), initial=0.0))
        trace.knots.append(trace.point(top, u, len(free)))
        return trace

    def terms(self, u: Array) -> float:
        """Bound of the terms that cancel in a gradient, whose rounding is its floor."""
        return float(terms(u, self.l2))

    def point(self, t: float, u: Array, active: int, hit: Index | None = None) -> Point:
        """Judge u at λ = t."""
        g, bound = self.unit.fine_gradient(u, self.l2), t * self.w
        largest = float(np.max(np.abs(self.unit.xy), initial=0.0))
        limit = max(1e-10 * largest, ROUNDING * self.terms(u))
        kkt = float(np.max(distance(g, bound, u), initial=0.0)) / limit
        return Point(t, u, g, kkt, active, np.zeros(0, dtype=np.intp) if hit is None else hit)

    def advance(self, lowest: float) -> None:
        """On to the next knot, or to `lowest`."""
        here = self.knots[-1]
        tied = self._tied(here)
        for _ in range(len(self.w) + 10):
            face, d = self._direction(here, tied)
            here = dataclasses.replace(here, active=len(face.columns))
            step = Step.of(self, here, face, d, tied)
            first = step.times(here, step.d, step.h)
            near = np.flatnonzero(first <= SAME * here.t)
            if not len(near):
                break
            tied = np.union1d(tied, near)  # another knot within rounding of this one
        else:
            raise NotConverged(f"the path does not leave its knot at λ = {here.t:.6g}", None)
        self.knots[-1] = here
        following = step.arrive(max(here.t - float(np.min(first, initial=np.inf)), lowest), lowest)
        if not following.kkt <= 1.0:
            raise NotConverged(
                f"the knot at λ = {following.t:.6g} misses its stationarity conditions by "
                f"{following.kkt:.1g} of their limit; use coordinate_descent",
                None,
            )
        self.knots.append(following)

    def _tied(self, here: Point) -> Index:
        """Columns at zero whose gradient is at its bound, and those that just left."""
        slack = SAME * here.t * self.w + ROUNDING * self.terms(here.u)
        bound = np.abs(here.g) >= here.t * self.w - slack
        bound[here.hit] = True
        return np.flatnonzero(bound & (self.w > 0.0) & (here.u == 0.0))

    def _direction(self, here: Point, tied: Index) -> tuple[Piece, Array]:
        """The face below a knot and d on it: Lawson & Hanson's NNLS, its support free.

        A tied column enters by how far it would otherwise break its bound, the first in order
        among equals, unless it depends on those that move.
        """
        pull = self.w * np.sign(np.where(here.u != 0.0, here.u, here.g))
        inside = (here.u != 0.0) | (self.w == 0.0)
        barred, d = np.zeros(len(inside), dtype=bool), np.zeros(len(inside))
        face = self._face(inside)
        d[face.columns] = face.solve(pull[face.columns])
        for _ in range(4 * len(tied) + 4):
            waiting = tied[~(inside | barred)[tied]]
            w = self.w[waiting]
            excess = 1.0 - np.sign(pull[waiting]) * self.times(d)[waiting] / w
            noise = 64.0 * EPS * float(np.sum(np.abs(d))) / w
            if not np.any(excess > 1e-10 + noise):
                break
            most = float(np.max(excess))
            j = int(waiting[np.flatnonzero(excess >= most - 1e-10 * abs(most))[0]])
            if self._depends(j, face):
                barred[j] = True
            else:
                inside[j] = True
                face, d = self._settle(pull, inside, barred, d, (here.u == 0.0) & (self.w > 0.0))
        return face, d

    def _settle(
        self,
        pull: Array,
        inside: NDArray[np.bool_],
        barred: NDArray[np.bool_],
        d: Array,
        bound: NDArray[np.bool_],
    ) -> tuple[Piece, Array]:
        """d on the columns inside, without those `bound` at zero whose d turns against their sign.

        Those whose d is zero to rounding are barred: they would enter and leave for ever.
        """
        while True:
            face, new = self._face(inside), np.zeros(len(d))
            new[face.columns] = face.solve(pull[face.columns])
            still = 1e-13 * float(np.max(np.abs(new)))
            wrong = np.flatnonzero(bound & inside & (new * pull <= still * self.w))
            if not len(wrong):
                return face, new
            share = (d / np.where(new != d, d - new, 1.0))[wrong]
            out = wrong[share <= np.min(share)]
            d = d + float(np.min(share)) * (new - d)
            barred[out] |= np.abs(new[out]) <= still
            inside[out], d[out] = False, 0.0

    def _face(self, inside: NDArray[np.bool_]) -> Piece:
        return Piece.of(self.unit, np.flatnonzero(inside), self.l2)

    def _depends(self, j: int, face: Piece) -> bool:
        """Whether column j lies in the span of a face, to rounding."""
        if not len(face.columns):
            return False
        unit_of_j = np.zeros(len(self.w))
        unit_of_j[j] = 1.0
        column = self.times(unit_of_j)
        left = column[j] - float(column[face.columns] @ face.solve(column[face.columns]))
        return bool(left <= 64.0 * EPS * len(self.w))

    def times(self, d: Array) -> Array:
        """Hd."""
        if self.unit.wide:
            assert self.unit.X is not None
            return self.unit.X.T @ (self.unit.X @ d) + self.l2 * d
        return self.unit.gram @ d + self.l2 * d


@dataclass(frozen=True, eq=False)
class Step:
    """From one knot to the next: u + τd and g − τh as λ falls by τ."""

    trace: Trace
    here: Point
    face: Piece
    signs: Array  # of u on the face; 0 elsewhere and where there is no kink
    barred: Array  # sign that a column tied at `here` cannot reach again; 0 if none
    d: Array
    h: Array

    @classmethod
    def of(cls, trace: Trace, here: Point, face: Piece, d: Array, tied: Index) -> Step:
        """The step below a knot, given the face there and the columns tied at it."""
        signs, barred = np.zeros(len(d)), np.zeros(len(d))
        signs[face.columns] = np.sign(np.where(here.u != 0.0, here.u, here.g))[face.columns]
        signs[trace.w == 0.0] = 0.0
        barred[tied] = np.sign(here.g[tied])
        return cls(trace, here, face, signs, barred, d, trace.times(d))

    def times(self, at: Point, d: Array, h: Array) -> Array:
        """τ after which each column enters or leaves, counted from a point of this step.

        Negative where the point is already beyond; ∞ where nothing happens.
        """
        w, out = self.trace.w, np.full(len(d), np.inf)
        inside = np.zeros(len(d), dtype=bool)
        inside[self.face.columns] = True
        noise = 64.0 * EPS * float(np.sum(np.abs(d)))
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            for sign in (1.0, -1.0):
                closing = w - sign * h
                may = ~inside & (self.barred != sign) & (closing > 1e-10 * w + noise)
                out = np.where(may, np.minimum(out, (at.t * w - sign * at.g) / closing), out)
            leaves = (self.signs * d < 0.0) & (self.here.u != 0.0)
            return np.where(leaves, np.minimum(out, -at.u / d), out)

    def arrive(self, t: float, lowest: float) -> Point:
        """The next knot, by a first guess t of it, corrected by the exact points it leads to."""
        here = self.here
        for _ in range(MOVES):
            at = self._at(t, self.face)
            d, h = self.d, self.h
            if here.t - t > 1e-4 * here.t:
                d, h = (at.u - here.u) / (here.t - t), (here.g - at.g) / (here.t - t)
            times = self.times(at, d, h)
            moved = max(t - float(np.min(times, initial=np.inf)), lowest)
            if t * self._weight(times) <= ROUNDING * self.trace.terms(at.u):
                moved = lowest  # below the rounding of the gradient there are no knots to be told
            if abs(moved - t) <= SAME * t:
                break
            t = min(moved, here.t)
        hit = np.flatnonzero(np.abs(times) <= 4.0 * SAME * t)
        stay = ~np.isin(self.face.columns, hit)
        if np.all(stay):
            return dataclasses.replace(at, hit=hit)
        left = Piece.of(self.trace.unit, self.face.columns[stay], self.trace.l2)
        return dataclasses.replace(self._at(t, left), hit=hit)

    def _weight(self, times: Array) -> float:
        """w of the column whose turn is next."""
        return float(self.trace.w[int(np.argmin(times))])

    def _at(self, t: float, face: Piece) -> Point:
        """The optimum at λ = t on a face with the signs of this step."""
        u = np.zeros(len(self.d))
        u[face.columns] = face.optimum(t * (self.trace.w * self.signs)[face.columns])
        return self.trace.point(t, u, len(face.columns))
