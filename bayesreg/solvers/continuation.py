r"""Active-set continuation: the lasso and the elastic net at many λ, each face from the one before.

At each λ the face of the previous one takes in the columns that the change of the gradient since
the λ before that lets expect; the optimum over the face is one product with its inverse, and the
gradient there says whether it is the optimum over all. A step along a face ends where a first
coefficient reaches zero, and after the first only columns with |g_j| > λ₁ⱼ enter: J falls at each
step, so that no face comes twice.

With more columns than rows only a working set is watched for several λ's ahead, chosen by the
strong rule, and the gradients of all other columns at all these λ's are one product of matrices.
"""

from __future__ import annotations

import numpy as np

from bayesreg.language.arguments import Array
from bayesreg.model.unit_data import EPS, Extended, UnitData
from bayesreg.solvers import coordinate_descent
from bayesreg.solvers.base import refine
from bayesreg.solvers.faces import Face

MOST_STEPS = 30  # along faces, per λ, and as many again as the face has columns
AHEAD = 8  # λ's for which a working set is chosen at once
ROOM = 2000  # numbers in the gradients of the λ's that are tried at once on one face
FEW = 20  # λ's: where more have room, they are tried on every face, not on those that held twice
SLACK = 8.0 * EPS


def solve(unit: UnitData, l1: Array, l2: Array, guide: Array | None = None) -> tuple[Array, Array]:
    """Minimisers (L, q) on unit-norm columns under penalties (L, q), from large to small.

    Parameters
    ----------
    unit : UnitData
    l1, l2 : ndarray (L, q)
        λ₁ⱼ > 0.
    guide : ndarray (L, q), optional
        Optima of a similar problem at the same λ: columns that enter there are tried here.

    Returns
    -------
    u : ndarray (L, q)
        Zeros are exact. A λ at which the continuation stops is left to coordinate descent.
    df : ndarray (L,)
        tr X_A(G_AA + Λ₂)⁻¹X_A', or NaN where coordinate descent was called.

    References
    ----------
    Osborne, Presnell & Turlach (2000), IMA Journal of Numerical Analysis 20(3), §3;
    Tibshirani, R., et al. (2012), "Strong rules for discarding predictors in lasso-type problems",
    JRSS B 74(2), eq. 11.
    """
    if not l1.shape[1]:
        return np.zeros(l1.shape), np.zeros(len(l1))
    trail = _Trail(unit, l1, l2, guide)
    (_watched if unit.wide else _follow)(trail)
    return trail.found, trail.df


class _Trail:
    """Where the continuation is: the face, and the gradients at the last two λ's."""

    def __init__(self, unit: UnitData, l1: Array, l2: Array, guide: Array | None) -> None:
        self.unit, self.l1, self.l2, self.guide = unit, l1, l2, guide
        self.found, self.df = np.zeros(l1.shape), np.full(len(l1), np.nan)
        self.face = Face(unit, l2[0])
        self.g, self.before = unit.xy, unit.xy
        self.fine = unit.X is not None and not unit.wide
        self.turns = np.zeros(len(l1), dtype=bool)  # where λ₂ is another than before
        self.turns[1:] = np.any(l2[1:] != l2[:-1], axis=1)

    def solve(self, k: int) -> None:
        """The k-th λ, by coordinate descent where faces do not lead there."""
        face = self.face
        ready = not self.turns[k] or face.factor(self.l2[k])
        g = None
        if ready:
            self._foresee(k)
            g = settle(face, self.l1[k])
        if g is not None:
            values = _refined(face, self.l1[k]) if self.fine else face.values
            self.found[k, face.columns] = values
            self.df[k] = face.df
        else:
            g = self._restart(k)
        self.before, self.g = self.g, g

    def stay(self, k: int, stop: int) -> int:
        """The λ's from k on whose optimum lies on the present face; how many."""
        face, l1 = self.face, self.l1[k:stop]
        columns, signs = face.columns, face.signs
        shift = l1[:, columns] * signs
        values = (self.unit.xy[columns] - shift) @ face.inverse
        g = face.gradients(values)
        slack = SLACK * (1.0 + np.abs(values).sum(axis=1, keepdims=True))
        good = (values * signs > 0.0).all(axis=1)
        good &= (np.abs(g[:, columns] - shift) <= slack).all(axis=1)
        good &= ((np.abs(g) <= l1 + slack) | face.within).all(axis=1)
        passed = len(good) if good.all() else int(np.argmin(good))
        if passed:
            self.found[k : k + passed, columns] = values[:passed]
            self.df[k : k + passed] = face.df
            face.values[:] = values[passed - 1]
            self.before = g[passed - 2] if passed > 1 else self.g
            self.g = g[passed - 1]
        return passed

    def _foresee(self, k: int) -> None:
        """Enter what the last two gradients, or the guide, let expect."""
        face, l1 = self.face, self.l1
        ahead, new = self.g, None
        if k > 1 and l1[k - 1, 0] != l1[k - 2, 0]:
            ratio = (l1[k, 0] - l1[k - 1, 0]) / (l1[k - 1, 0] - l1[k - 2, 0])
            ahead = self.g + ratio * (self.g - self.before)
            new = np.abs(ahead) > l1[k]
        if self.guide is not None:
            joins = self.guide[k] != 0.0
            if k:
                joins &= self.guide[k - 1] == 0.0
            ahead = np.where(joins, self.guide[k], ahead)
            new = joins if new is None else new | joins
        if new is not None:
            entering = (new & ~face.within).nonzero()[0]
            if face.watched is not None:
                entering = np.intersect1d(entering, face.watched, assume_unique=True)
            if len(entering):
                face.enter(entering, np.sign(ahead[entering]))

    def _restart(self, k: int) -> Array:
        """Solve by coordinate descent from the λ before, and put a new face at that optimum."""
        start = self.found[k - 1] if k else np.zeros(len(self.g))
        u, _, _ = coordinate_descent.minimise(self.unit, self.l1[k], self.l2[k], start)
        self.found[k] = u
        watched, self.face = self.face.watched, Face(self.unit, self.l2[k])
        support = np.flatnonzero(u)
        if watched is not None:
            self.face.watch(np.union1d(watched, support))
        self.face.enter(support, np.sign(u[support]))
        self.face.values[:] = u[self.face.columns]
        return self.unit.gradient(u, self.l2[k])


def _follow(trail: _Trail) -> None:
    """One λ after the other, and several at once on a face that was not left; all in view."""
    count, q = trail.l1.shape
    straight = not (trail.fine or trail.turns.any())
    room = max(2, ROOM // q)
    k, ahead = 0, room
    while k < count:
        moves = trail.face.moves
        trail.solve(k)
        k += 1
        while straight and k < count and (trail.face.moves == moves or room > FEW):
            tried = min(ahead, count - k)
            passed = trail.stay(k, k + tried)
            k += passed
            ahead = min(2 * ahead, count) if passed == tried else room
            if passed < tried:
                break


def _watched(trail: _Trail) -> None:
    """Several λ's on a working set, then all columns at all of them; violators join the set."""
    unit, l1 = trail.unit, trail.l1
    assert unit.X is not None
    assert unit.y is not None
    k, missed = 0, np.zeros(l1.shape[1], dtype=bool)
    full, before = unit.xy, unit.xy
    level = max(1.0, float(np.max(np.abs(unit.xy) / l1[0]))) * l1[0]
    while k < len(l1):
        stop = min(k + AHEAD, len(l1))
        strong = np.abs(full) >= 1.25 * l1[stop - 1] - 0.25 * (l1[k - 1] if k else level)
        trail.face.watch(np.flatnonzero(strong | missed | trail.face.within))
        trail.g, trail.before = full, before
        for one in range(k, stop):
            trail.found[one] = 0.0
            trail.solve(one)
        u = trail.found[k:stop]
        support = np.flatnonzero(np.any(u, axis=0))
        gradients = (unit.y - u[:, support] @ unit.X[:, support].T) @ unit.X
        gradients -= trail.l2[k:stop] * u
        slack = SLACK * (1.0 + np.sum(np.abs(u), axis=1, keepdims=True))
        bad = (u == 0.0) & (np.abs(gradients) > l1[k:stop] + slack)
        bad[:, trail.face.watched] = False
        wrong = np.flatnonzero(np.any(bad, axis=1))
        good = int(wrong[0]) if len(wrong) else stop - k
        missed |= np.any(bad, axis=0)
        for g in gradients[:good][-2:]:
            before, full = full, g
        k += good


def settle(face: Face, l1: Array) -> Array | None:
    """Reach the optimum at one λ; the gradient there, or None where faces do not lead to it."""
    xy = face.unit.xy
    for _ in range(MOST_STEPS + face.size):
        columns, signs, values = face.columns, face.signs, face.values
        shift = l1[columns] * signs
        x = face.inverse @ (xy[columns] - shift)
        wrong = x * signs <= 0.0
        if wrong.any():
            ratio = np.ones(len(x))
            ratio[wrong] = values[wrong] / (values[wrong] - x[wrong] + (values[wrong] == 0.0))
            first = int(np.argmin(np.where(wrong, ratio, np.inf)))
            values += ratio[first] * (x - values)
            face.leave(first)
            continue
        slack = SLACK * (1.0 + float(np.abs(x).sum()))
        x, g = _corrected(face, x, shift, slack)
        if g is None:
            return None
        values[:] = x
        violates = np.abs(g) > l1 + slack
        violates[columns] = False
        new = violates.nonzero()[0]
        if not len(new):
            return g
        if len(new) > (most := max(32, face.size)):
            new = new[np.argpartition(l1[new] - np.abs(g[new]), most)[:most]]
        if not face.enter(new, np.sign(g[new])):
            return None
    return None


def _corrected(face: Face, x: Array, shift: Array, slack: float) -> tuple[Array, Array | None]:
    """Refine x until the gradient on its face is at rounding level; factor anew if need be."""
    for attempt in range(4):
        g = face.gradient(x)
        rest = g[face.columns] - shift
        size = float(np.abs(rest).max()) if len(rest) else 0.0
        if size <= slack:
            return x, g
        if attempt == 2 and not face.factor(face.l2):
            break
        x = x + face.inverse @ rest
    return x, (g if size <= 1e3 * slack else None)


def _refined(face: Face, l1: Array) -> Array:
    """The coefficients of a face, refined with a residual in extended precision on the root."""
    columns, shift = face.columns, l1[face.columns] * face.signs

    def residual(x: Extended) -> Array:
        whole = np.zeros(len(l1), dtype=np.longdouble)
        whole[columns] = x
        return face.unit.fine_gradient(whole, face.l2)[columns] - shift

    return np.asarray(refine(face.values, residual, lambda g: face.inverse @ g), dtype=np.float64)
