r"""Newton's method on kept moments: a path of optima under likelihoods with |f‴| ≤ f″.

One λ after the other from the optimum before: the lasso about a point is solved exactly on the
moments that were kept (:mod:`bayesreg.solvers.kept_curvature`), by faces, until what the predicted
point of the dual leaves open is small; moments are made anew once curvatures have drifted from
those that were kept. With |f‴| ≤ f″ a step that moves η by δ < 1 needs no search, and a longer one
is damped to log(1 + δ)/δ of itself (Bach 2010, "Self-concordant analysis for logistic regression",
Electronic Journal of Statistics 4, §2).

Several λ's are solved on columns that the strong rule lets expect (Tibshirani, R., et al. 2012,
JRSS B 74(2), §4), and then brought to rounding together: slopes and moves of all of them are
products of matrices, in which all columns are watched. What those find wrong is solved again.
Few rows and columns are left to :mod:`bayesreg.solvers.newton_in_step`, which keeps nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import qr

from bayesreg.language.arguments import Array
from bayesreg.model.loss import Loss
from bayesreg.model.unit_data import EPS, Index, UnitData
from bayesreg.solvers import coordinate_descent, newton_cg, newton_in_step
from bayesreg.solvers.continuation import settle
from bayesreg.solvers.faces import Face
from bayesreg.solvers.kept_curvature import Columns, Curvature
from bayesreg.solvers.polishing import Polishing, Reached

STEPS = 60  # at one λ: a bound, not a tolerance
AHEAD = 10  # λ's for which columns are watched, and which are polished together; half if p > n
DRIFT = 0.07  # of the curvatures, beyond which moments are made anew
ENOUGH = 1e-7  # of half the null deviance: what the first steps may leave open
AT_ONCE = 1e-10  # the same where all λ's go in step
SURE = 1e-13  # the same where that was not enough to tell which columns are active
UNIT_ROUNDING = 1e-8  # of singular values of products
DEAR = 1e7  # n·p² from which degrees of freedom of ridge are counted when they are asked for
LADDER = 2.0  # by which factor λ falls on the way to the first that is asked for


@dataclass(frozen=True, eq=False)
class Optima:
    """What a descent reached.

    Attributes
    ----------
    b : ndarray (L, p)
    free : ndarray (L, k)
        γ beside them.
    df : ndarray (L,)
        tr H_AA(H_AA + Λ₂)⁻¹ of the active columns, H the curvature at the optimum, the free columns
        projected out; NaN where λ₂ > 0 and only a rough answer was asked for, and where it costs
        more than the optimum (:func:`ridge_degrees`).
    reached : ndarray of bool (L,)
        Whether all slopes came to rest; whether that is the optimum, a certificate says.
    steps : int
        Lassos about a point that were solved.
    """

    b: Array
    free: Array
    df: Array
    reached: NDArray[np.bool_]
    steps: int


def minimise(
    loss: Loss, l1: Array, l2: Array, start: Array | None = None, *, fine: bool = True
) -> Optima:
    """Optima of L(b) + Σλ₁|b| + ½Σλ₂b² under penalties (L, p), in the order given.

    Parameters
    ----------
    loss : Loss
        Of a likelihood that is `self_concordant`.
    l1, l2 : ndarray (L, p)
        From large to small is fastest; per column one of them is positive.
    start : ndarray (p,) or (L, k + p), optional
        b near the first optimum, or (γ, b) near each; those of the loss's origin by default.
    fine : bool, default True
        Whether to go on to rounding; else to 1e-7 of half the null deviance.
    """
    n, p = loss.proper.shape
    if p > n and not np.any(l1):
        return _in_row_space(loss, l2, fine=fine)
    if newton_cg.serves(len(l1), p) and not np.any(l1) and _one_ray(l2):
        return _by_gradients(loss, l2, fine=fine)
    if newton_in_step.serves(loss, len(l1)):
        return _in_step(loss, l1, l2, start, fine=fine)
    if start is not None and start.ndim == 2:
        start = start[0, loss.free.shape[1] :]
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        return _Descent(loss, l1, l2, start).run(fine=fine)


def _in_step(loss: Loss, l1: Array, l2: Array, start: Array | None, *, fine: bool) -> Optima:
    """All λ's at once, where little arithmetic is to be done."""
    if start is not None and start.ndim == 1:
        at = loss.at(start, near=loss.origin)
        start = np.concatenate([at.free, at.b])
    enough = None if fine else AT_ONCE * loss.null_gap  # one more round is cheap
    found = newton_in_step.minimise(loss, l1, l2, start, enough=enough)
    k = loss.free.shape[1]
    return Optima(found.x[:, k:], found.x[:, :k], found.df, found.rested, found.rounds)


def row_space(loss: Loss, l2: Array) -> tuple[Loss, Array, Array]:
    """Ridge with more columns than rows on the space of its rows: b = Λ^(−½)Qa, of one λ in a.

    The penalties (L, p) of a path are multiples of one another, so that one factorisation serves
    all. The loss in a, Q (p, n), and Λ^½ (p,) over its least.
    """
    size = np.sqrt(l2[0] / np.min(l2[0]))
    # Large rows first and with pivots, so that reflections are accurate row by row (Cox & Higham
    # 1998, "Stability of Householder QR factorization for weighted least squares problems").
    columns = loss.proper.T / size[:, None]
    order = np.argsort(-np.max(np.abs(columns), axis=1), kind="stable")
    basis, corner = np.empty_like(columns), np.empty((columns.shape[1],) * 2)
    basis[order], triangle, pivots = qr(columns[order], mode="economic", pivoting=True)
    corner[:, pivots] = triangle
    known = loss.proper @ loss.loc
    inner = replace(
        loss,
        proper=np.ascontiguousarray(corner.T),
        loc=np.zeros(len(corner)),
        offset=known if loss.offset is None else loss.offset + known,
    )
    return inner, basis, size


def _in_row_space(loss: Loss, l2: Array, *, fine: bool) -> Optima:
    inner, basis, size = row_space(loss, l2)
    lam = np.min(l2, axis=1, keepdims=True) * np.ones(basis.shape[1])
    found = minimise(inner, np.zeros_like(lam), lam, fine=fine)
    return replace(found, b=found.b @ basis.T / size)


def _one_ray(l2: Array) -> bool:
    """Whether the penalties of all λ's are multiples of one another."""
    shares = l2 / np.max(l2, axis=1, keepdims=True)
    return bool(np.all(l2 > 0.0) and np.max(np.abs(shares - shares[0])) <= 4.0 * EPS)


def _by_gradients(loss: Loss, l2: Array, *, fine: bool) -> Optima:
    """Ridge along one ray, with as many columns as make factorisations dear."""
    size = np.sqrt(l2[0] / np.min(l2[0]))
    inner = replace(loss, proper=loss.proper / size, loc=loss.loc * size)
    lams, k = np.min(l2, axis=1), loss.free.shape[1]
    found = newton_cg.minimise(inner, lams, enough=None if fine else ENOUGH * loss.null_gap)
    free, b, df = found.x[:, :k], found.x[:, k:] / size, np.full(len(lams), np.nan)
    return Optima(b, free, df, found.rested, found.steps)


def ridge_degrees(loss: Loss, l2: Array, b: Array) -> Array:
    """tr H(H + Λ₂)⁻¹ (L,) of ridge along one ray at optima (L, p): a factorisation for each."""
    if l2.shape[1] > len(loss.y):
        rows, _, _ = row_space(loss, l2)
    else:
        size = np.sqrt(l2[0] / np.min(l2[0]))
        rows = replace(loss, proper=loss.proper / size)
    columns = Columns.of(rows.proper, rows.free, np.zeros((1, rows.proper.shape[1])))
    free, none, df = loss.best_free(b), np.zeros(0, dtype=np.intp), np.empty(len(b))
    for k, lam in enumerate(np.min(l2, axis=1)):
        _, h = loss.bends(loss.beside(b[k], free[k]).eta)
        df[k] = _degrees(columns, none, h, np.full(len(columns.ridge), lam))
    return df


def _degrees(columns: Columns, active: Index, h: Array, l2: Array) -> float:
    """tr H(H + Λ₂)⁻¹ of the active kinked columns and all of ridge, the free ones projected out."""
    part = columns.penalised(active)
    curve = Curvature(part, np.arange(len(part.kinked)), h, np.zeros(part.free))
    return curve.degrees(l2)


class _Descent:
    """Where the descent is: b, what has no kink beside it, η, slopes, moments and the face."""

    face: Face
    unit: UnitData
    unit_l1: Array
    unit_l2: Array

    def __init__(self, loss: Loss, l1: Array, l2: Array, start: Array | None) -> None:
        self.loss = loss
        self.columns = columns = Columns.of(loss.proper, loss.free, l1)
        self.l1, self.l2 = l1[:, columns.at], l2[:, columns.at]
        self.ridge = np.zeros((len(l1), len(columns.smooth)))
        self.ridge[:, columns.free :] = l2[:, columns.ridge]
        at = loss.origin if start is None else loss.at(start, near=loss.origin)
        self.b, self.eta = at.b[columns.at].copy(), at.eta
        self.smooth = np.concatenate([at.free, at.b[columns.ridge]])
        self.polishing = Polishing(loss, columns, (self.l1, self.l2, self.ridge))
        self.enough = ENOUGH
        self.steps = 0
        self._place, self._held = np.full(len(columns.at), -1), 0
        self._rows = np.empty((min(16, len(columns.at)), len(loss.y)))
        self._evaluate()
        self.full = columns.kinked @ self.u

    def run(self, *, fine: bool) -> Optima:
        """All λ's, a block at a time; what a block finds wrong begins the next."""
        columns, count = self.columns, len(self.l1)
        b = np.zeros((count, self.loss.proper.shape[1]))
        free, reached = np.zeros((count, columns.free)), np.zeros(count, dtype=bool)
        df = np.full(count, np.nan)
        self._descend_to_first()
        ahead = AHEAD if len(columns.at) <= len(self.eta) else AHEAD // 2
        k, again = 0, False
        while k < count:
            self.enough = SURE if again else ENOUGH
            block = list(self._block(k, k + 1 if again else min(k + ahead, count)))
            good = self.polishing.bring(block, fine=fine)
            kept = block[: max(good, int(again))]
            for i, one in enumerate(kept):
                b[one.k, columns.at] = one.b
                b[one.k, columns.ridge] = one.smooth[columns.free :]
                free[one.k], reached[one.k] = one.smooth[: columns.free], i < good
                df[one.k] = self._degrees(one, fine=fine)
            self._resume(block[good - 1] if good else None)
            again = not kept
            k += len(kept)
        return Optima(b, free, df, reached, self.steps)

    def _degrees(self, one: Reached, *, fine: bool) -> float:
        """Effective degrees of freedom at one λ."""
        lasso = not (self.l2[one.k].any() or len(self.columns.ridge))
        if lasso:
            return float(len(one.columns))
        n, p = self.loss.proper.shape
        dear = (
            not len(self.columns.at)
            and n * p**2 > DEAR
            and _one_ray(self.ridge[:, self.columns.free :])
        )
        if dear or not fine:
            return np.nan
        _, h = self.loss.bends(one.eta)
        free = self.columns.free
        lams = np.concatenate([self.l2[one.k, one.b != 0.0], self.ridge[one.k, free:]])
        return _degrees(self.columns, np.flatnonzero(one.b), h, lams)

    # --- where η moves -----------------------------------------------------------------------

    def _moved(self, at: Index, d: Array) -> Array:
        """Z'd (n,) for d along the columns `at`, on rows side by side of all that were active."""
        kinked = self.columns.kinked
        if 2 * self._held >= len(kinked):
            whole = np.zeros(len(kinked))
            whole[at] = d
            return np.asarray(whole @ kinked)
        new = at[self._place[at] < 0]
        if len(new):
            stop = self._held + len(new)
            if stop > len(self._rows):
                rows = np.empty((min(max(stop, 2 * len(self._rows)), len(kinked)), len(self.eta)))
                rows[: self._held] = self._rows[: self._held]
                self._rows = rows
            self._rows[self._held : stop] = kinked[new]
            self._place[new] = np.arange(self._held, stop)
            self._held = stop
        short = np.zeros(self._held)
        short[self._place[at]] = d
        return np.asarray(short @ self._rows[: self._held])

    def _evaluate(self) -> None:
        """u and h at η."""
        self.u, self.h = self.loss.bends(self.eta)

    # --- one λ after the other ----------------------------------------------------------------

    def _descend_to_first(self) -> None:
        """Go down a ladder of larger λ's to the first that is asked for, where it is far below."""
        if not self.l1.size:
            return
        far = float(np.max(np.abs(self.full) / self.l1[0]))
        rungs = int(np.log(max(far, 1.0)) / np.log(LADDER))
        held = self.l1, self.l2, self.ridge
        ones = np.ones((rungs + 1, 1))
        factors = LADDER ** np.arange(rungs, -1, -1.0)[:, None]
        self.l1, self.l2, self.ridge = factors * held[0][0], ones * held[1][0], ones * held[2][0]
        for k in range(rungs):
            list(self._block(k, k + 1))
            self.full = self.columns.kinked @ self.u
        self.l1, self.l2, self.ridge = held

    def _block(self, k: int, stop: int) -> Iterator[Reached]:
        """Some λ's on the columns that the strong rule lets expect until the last of them."""
        size = np.abs(self.full)
        far = max(1.0, float(np.max(size / self.l1[k], initial=0.0)))
        before = far * self.l1[k] if k == 0 else self.l1[k - 1]
        strong = size >= 1.25 * self.l1[stop - 1] - 0.25 * before
        self.watched = np.flatnonzero(strong | self.polishing.missed | (self.b != 0.0))
        self._renew(k)
        for one in range(k, stop):
            ok = self._solve(one)
            face, norms = self.face, self.curvature.norms
            size = 1.0 / norms[face.columns]
            inverse = face.inverse * size * size[:, None]
            here = self.b.copy(), self.smooth, self.eta, self.curvature
            yield Reached(one, *here, self.watched[face.columns], inverse, ok)
            if not ok:
                return

    def _resume(self, one: Reached | None) -> None:
        """Stand where a polished λ is; without one, where the last block began."""
        if one is not None:
            self.safe = one.b, one.smooth, one.eta
        elif not hasattr(self, "safe"):
            at = self.loss.origin
            smooth = np.concatenate([at.free, at.b[self.columns.ridge]])
            self.safe = at.b[self.columns.at], smooth, at.eta
        self.b, self.smooth, self.eta = self.safe[0].copy(), *self.safe[1:]
        self._evaluate()
        self.full = self.columns.kinked @ self.u

    def _renew(self, k: int) -> None:
        """Moments at η, and the face of b on them."""
        curve = Curvature(self.columns, self.watched, self.h, self.ridge[k])
        self.curvature, self.fresh, self.moments_of = curve, True, k
        self._adopt(k)
        b = self.b[self.watched]
        pull = curve.gram @ (b * curve.norms) - self.v / curve.norms
        self.scale = float(np.max(np.abs(pull), initial=0.0)) or 1.0
        index, xy = np.arange(len(b)), np.zeros(len(b))
        self.unit = UnitData(
            len(b), index, curve.norms, self.scale, 1.0, None, None, curve.gram, xy, UNIT_ROUNDING
        )
        self._penalise(k)
        self._stand(b * curve.norms / self.scale)

    def _adopt(self, k: int) -> None:
        """The slopes at η, M u + Λ_M b_M and what is left of Z u."""
        kinked = self.columns.kinked
        whole = len(self.watched) == len(kinked)
        v = (kinked if whole else kinked[self.watched]) @ self.u
        self.rest = self.columns.smooth @ self.u + self.ridge[k] * self.smooth
        self.v = v - self.curvature.along.T @ self.rest

    def _stand(self, u: Array) -> None:
        """A new face, of the columns of u that are not zero."""
        self.face, self.on_face = Face(self.unit, self.unit_l2), u
        support = np.flatnonzero(u)
        self.face.enter(support, np.sign(u[support]))
        self.face.values[:] = u[self.face.columns]

    def _penalise(self, k: int) -> None:
        lams = self.l1[k, self.watched], self.l2[k, self.watched]
        self.unit_l1, self.unit_l2 = self.unit.penalties(*lams)

    def _turn_to(self, k: int) -> None:
        """The penalties of a λ on the moments of the one before."""
        moved = self.ridge[k] - self.ridge[self.moments_of]
        if np.any(moved):
            if len(self.watched):
                self._renew(k)
                return
            self.curvature = self.curvature.under(self.ridge[k])
            self.rest = self.rest + moved * self.smooth
        self.moments_of = k
        old = self.unit_l2
        self._penalise(k)
        if np.any(old != self.unit_l2) and not self.face.factor(self.unit_l2):
            self._stand(self.on_face)

    def _solve(self, k: int) -> bool:
        """One λ until what the predicted dual point leaves open is small."""
        self._turn_to(k)
        for _ in range(STEPS):
            self.steps += 1
            new, turned = self._lasso()
            d = (new - self.on_face) * (self.scale / self.curvature.norms)
            at = np.flatnonzero(d)
            step = -self.curvature.solved(self.rest + self.curvature.cross @ d)
            move = step @ self.columns.smooth
            if len(at):
                move += self._moved(self.watched[at], d[at])
            reach = float(np.max(np.abs(move), initial=0.0))
            if not np.isfinite(reach):
                return False
            if reach >= 1.0 and not self.fresh:
                self._evaluate()
                self._renew(k)
                continue
            if self._go(k, (new, turned, d, step, move), reach):
                return True
        return False

    def _go(self, k: int, to: tuple[Array, ...], reach: float) -> bool:
        """Take a step, damped where it moves η far; whether what it leaves open is small."""
        new, turned, d, step, move = to
        t = 1.0 if reach < 1.0 else float(np.log1p(reach) / reach)
        self.b[self.watched] += t * d
        if t == 1.0:
            self.b[self.watched[new == 0.0]] = 0.0
        self.smooth, self.eta = self.smooth + t * step, self.eta + t * move
        predicted = self.u + t * self.curvature.h * move
        self._evaluate()
        done = t == 1.0 and self._open(predicted) <= self.enough * self.loss.null_gap
        self.fresh = False
        if t < 1.0 or self.curvature.drift(self.h) > DRIFT:
            self._renew(k)
        elif done:  # the next λ starts from the point that was predicted
            self.u, self.rest, self.on_face = predicted, np.zeros_like(self.rest), new
            self.v = self.v + turned * (self.scale * self.curvature.norms)
        else:
            self._adopt(k)
            self.on_face = new
        return done

    def _lasso(self) -> tuple[Array, Array]:
        """The optimum about the point, and the moments' product with the way to it."""
        face, unit, old = self.face, self.unit, self.on_face
        unit.xy[:] = unit.gram @ old - self.v / (self.curvature.norms * self.scale)
        if not len(old):
            return old, old
        new = np.zeros(len(old))
        if settle(face, self.unit_l1) is None:
            new, _, _ = coordinate_descent.minimise(unit, self.unit_l1, self.unit_l2, old)
            self._stand(new)
            self.on_face = old
        else:
            new[face.columns] = face.values
        return new, unit.gram @ (new - old)

    def _open(self, predicted: Array) -> float:
        """½Σ(u − u⁺)²/h, what the gap at the predicted dual point is to leading order."""
        apart = self.u - predicted
        return 0.5 * float(np.sum(np.square(apart) / np.maximum(self.h, self.curvature.least)))
