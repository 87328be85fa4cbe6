r"""Newton's method for all λ's of a path in step, where rows and columns are few.

Every λ has its own curvature, h at its own η, in every round: what costs is then not arithmetic
but how often it is asked for, and one product of matrices serves all λ's. With the columns
A = [F Z], x = (γ, b) and u, h by row,

    g = A'u,   H = A'hA,   x ← argmin ½z'(H + Λ₂)z − (Hx − g)'z + Σλ₁|z|,

damped to log(1 + δ)/δ of itself where it moves η by δ ≥ 1 (as in
:mod:`bayesreg.solvers.damped_newton`). The lassos about these points are solved by faces, in step
too: a face is the present support and its signs, a step along it ends where a first coefficient
reaches zero, and at its optimum every column enters whose slope exceeds λ₁, so that J falls.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayesreg.language.arguments import Array
from bayesreg.model.loss import Loss
from bayesreg.model.unit_data import EPS, Index
from bayesreg.solvers.base import distance
from bayesreg.solvers.kept_curvature import LEAST
from bayesreg.solvers.polishing import BESIDE, FINE, STALLED

ROUNDS = 60  # of Newton's method: a bound, not a tolerance
FACES = 6  # per column, in one round
SLACK = 64.0 * EPS  # of the terms of a slope
WORK = 5e5  # (n + 8q)q²: beyond it arithmetic is what costs, and moments are better kept
ROWS = 1500  # beyond them exponentials cost as much, and a λ that starts from another has fewer

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Reached:
    """x (L, q) = (γ, b), degrees of freedom, whether slopes came to rest, and rounds in all."""

    x: Array
    df: Array
    rested: Mask
    rounds: int


def serves(loss: Loss, lams: int) -> bool:
    """Whether a path of this size is better solved in step than one λ after the other."""
    n, q = loss.columns.shape
    return lams > 1 and n <= ROWS and (n + 8 * q) * q**2 <= WORK


def minimise(
    loss: Loss, l1: Array, l2: Array, start: Array | None, *, enough: float | None
) -> Reached:
    """Optima of L(b) + Σλ₁|b| + ½Σλ₂b² under penalties (L, p), in any order.

    Parameters
    ----------
    loss : Loss
        Of a likelihood that is `self_concordant`.
    l1, l2 : ndarray (L, p)
    start : ndarray (L, q) or (q,), optional
        x near the optima; that of the loss's origin by default.
    enough : float or None
        What the predicted point of the dual may leave open; None goes on to rounding.
    """
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        return _InStep(loss, l1, l2, start, enough).run()


class _InStep:
    """Where every λ is, on columns of root mean square one."""

    def __init__(
        self, loss: Loss, l1: Array, l2: Array, start: Array | None, enough: float | None
    ) -> None:
        self.loss, self.enough = loss, enough
        sd = np.sqrt(loss.weights @ np.square(loss.columns) / loss.weights.sum())
        self.live_columns = sd > 0.0
        self.sd = np.where(self.live_columns, sd, 1.0)
        self.columns = loss.columns / self.sd
        q, k = len(sd), loss.free.shape[1]
        none = np.zeros((len(l1), k))
        self.l1 = np.hstack([none, l1]) / self.sd
        self.l2 = np.hstack([none, l2]) / np.square(self.sd)
        at = loss.origin
        x = np.concatenate([at.free, at.b]) if start is None else start
        self.x = np.array(np.broadcast_to(x * self.sd, self.l1.shape))
        self.x[:, ~self.live_columns] = 0.0
        self.upper = np.triu_indices(q)
        self.products = self.columns[:, self.upper[0]] * self.columns[:, self.upper[1]]
        pull = self.columns.T @ loss.residual(at)
        self.top = float(np.max(np.abs(pull), initial=0.0)) or float(loss.weights.sum())
        rank = np.linalg.matrix_rank(self.columns) if self.columns.size else 0
        self.dependent = int(rank) < int(np.count_nonzero(self.live_columns))
        self.known = loss.given(np.zeros(len(at.b)))
        self.u, self.h = (np.empty((len(l1), len(loss.y))) for _ in range(2))
        self._evaluate(np.arange(len(l1)))

    def run(self) -> Reached:
        """All λ's until they rest, each leaving when it does."""
        count = len(self.x)
        df, rested = np.full(count, np.nan), np.zeros(count, dtype=bool)
        size, live, rounds = np.full(count, np.inf), np.arange(count), 0
        self.open = np.full(count, np.inf)
        while len(live) and rounds < ROUNDS:
            rounds += 1
            u, h = self.u[live], self.h[live]
            slopes = u @ self.columns
            now = self._left(live, slopes)
            still = now > 0.3 * size[live]
            done = now <= np.where(still, STALLED, FINE) * self.top
            if self.enough is not None:
                done |= self.open[live] <= self.enough
            size[live] = np.minimum(size[live], now)
            hessian = self._hessians(h)
            df[live[done]] = self._degrees(live[done], hessian[done])
            rested[live[done]] = True
            going = np.flatnonzero(~done & np.isfinite(now))
            live = live[going]
            if not len(live):
                break
            held = self._step(live, u[going], h[going], slopes[going], hessian[going])
            live = live[held]
        return Reached(self.x / self.sd, df, rested, rounds * count)

    def _evaluate(self, live: Index) -> None:
        """u and h where these λ's are."""
        eta = self.known + self.x[live] @ self.columns.T
        self.u[live], self.h[live] = self.loss.bends(eta)

    def _left(self, live: Index, slopes: Array) -> Array:
        """The largest slope (L,) that is not at rest; beside λ₁ too it is to be small."""
        x, l1 = self.x[live], self.l1[live]
        left = distance(-slopes - self.l2[live] * x, l1, x)
        shares = np.where((x != 0.0) & (l1 > 0.0), left / l1, 0.0)
        beside = BESIDE * self.top * np.max(shares, axis=1, initial=0.0)
        return np.asarray(np.maximum(np.max(left, axis=1, initial=0.0), beside))

    def _hessians(self, h: Array) -> Array:
        """A'hA (L, q, q), columns of zeros with a one on the diagonal."""
        least = np.maximum(LEAST * np.max(h, axis=1, keepdims=True), np.finfo(float).tiny)
        flat = np.maximum(h, least) @ self.products
        q = self.columns.shape[1]
        out = np.empty((len(h), q, q))
        out[:, self.upper[0], self.upper[1]] = flat
        out[:, self.upper[1], self.upper[0]] = flat
        at = np.arange(q)
        out[:, at, at] = np.where(self.live_columns, out[:, at, at], 1.0)
        return out

    def _step(self, live: Index, u: Array, h: Array, slopes: Array, hessian: Array) -> Mask:
        """Each λ towards the optimum about its point; whether that was found."""
        x, l1 = self.x[live], self.l1[live]
        system = hessian.copy()
        at = np.arange(x.shape[1])
        system[:, at, at] += self.l2[live]
        right = np.einsum("lij,lj->li", hessian, x) - slopes
        new, ok = lassos(system, right, l1, x, singly=self.dependent)
        d = new - x
        move = d @ self.columns.T
        reach = np.max(np.abs(move), axis=1, initial=0.0)
        ok &= np.isfinite(reach)
        t = np.where(reach < 1.0, 1.0, np.log1p(reach) / np.where(reach > 0.0, reach, 1.0))
        whole = (t == 1.0)[:, None]
        self.x[live[ok]] = np.where(whole, new, x + t[:, None] * d)[ok]
        self._evaluate(live)
        if self.enough is not None:
            apart = self.u[live] - (u + h * move)
            apart = np.square(apart) / np.maximum(self.h[live], LEAST * np.max(h))
            self.open[live] = np.where(whole[:, 0], 0.5 * np.sum(apart, axis=1), np.inf)
        return ok

    def _degrees(self, live: Index, hessian: Array) -> Array:
        """tr H_AA(H_AA + Λ₂)⁻¹ of the active columns, the free ones projected out."""
        active, l2 = self.x[live] != 0.0, self.l2[live]
        active[:, : self.loss.free.shape[1]] = False
        number = np.count_nonzero(active, axis=1).astype(float)
        if not np.any(l2):
            return self._rank(active) if self.dependent else np.asarray(number)
        on = active | (np.arange(active.shape[1]) < self.loss.free.shape[1])
        at = np.arange(active.shape[1])
        hessian[:, at, at] += l2
        try:
            inverse = np.linalg.inv(_masked(hessian, on))
        except np.linalg.LinAlgError:
            return np.full(len(live), np.nan)
        return np.asarray(number - np.sum(np.where(active, l2 * inverse[:, at, at], 0.0), axis=1))

    def _rank(self, active: Mask) -> Array:
        """The rank (L,) of active columns, beyond that of the free ones."""
        k = self.loss.free.shape[1]
        gram = self.columns.T @ self.columns
        on = active | (np.arange(active.shape[1]) < k)
        parts = np.where(on[:, :, None] & on[:, None, :], gram, 0.0)
        free = np.linalg.matrix_rank(gram[:k, :k], hermitian=True) if k else 0
        return np.asarray(np.linalg.matrix_rank(parts, hermitian=True) - free, dtype=float)


def lassos(
    system: Array, right: Array, l1: Array, start: Array, *, singly: bool = False
) -> tuple[Array, Mask]:
    """Optima (L, q) of ½z'Sz − r'z + Σλ₁|z|, each from a start; whether they were found.

    Parameters
    ----------
    system : ndarray (L, q, q)
        Positive definite on the columns that come to be active.
    right, l1, start : ndarray (L, q)
        Columns with λ₁ = 0 are always active.
    singly : bool, default False
        Whether columns enter one by one, the steepest first: one that depends on those that have
        entered then has a slope of λ₁ and stays out, as the levels of a factor do.

    Examples
    --------
    >>> S, r = np.array([[[2.0, 1.0], [1.0, 2.0]]]), np.array([[3.0, 0.5]])
    >>> lassos(S, r, np.ones((1, 2)), np.zeros((1, 2)))
    (array([[1., 0.]]), array([ True]))
    """
    z, count = start.copy(), len(start)
    on, sign = (z != 0.0) | (l1 == 0.0), np.where(l1 == 0.0, 0.0, np.sign(z))
    found, live = np.zeros(count, dtype=bool), np.arange(count)
    terms = SLACK * (np.abs(right) + l1 + np.einsum("lij,lj->li", np.abs(system), np.abs(start)))
    for _ in range(FACES * start.shape[1] + 10):
        S, r, l, one, s = system[live], right[live], l1[live], on[live], sign[live]  # noqa: E741
        target, whole = _solved(_masked(S, one), np.where(one, r - l * s, 0.0))
        if not whole.all():  # a face without a lowest point: that λ leaves, the others go on
            live = live[whole]
            S, r, l, one, s, target = (x[whole] for x in (S, r, l, one, s, target))  # noqa: E741
            if not len(live):
                break
        here = z[live]
        turned = (target * s < 0.0) | ((s != 0.0) & (target == 0.0))
        whole = ~turned.any(axis=1)
        apart = np.where(turned & (here != target), np.abs(here - target), 1.0)
        ratio = np.where(turned, np.abs(here) / apart, np.inf)
        first, length = np.argmin(ratio, axis=1), np.minimum(np.min(ratio, axis=1), 1.0)
        here = np.where(whole[:, None], target, here + length[:, None] * (target - here))
        short = np.flatnonzero(~whole)
        here[short, first[short]] = 0.0
        on[live[short], first[short]], sign[live[short], first[short]] = False, 0.0
        z[live] = here
        slope = r - np.einsum("lij,lj->li", S, here)
        enters = whole[:, None] & ~one & (np.abs(slope) > l + terms[live])
        if singly:
            excess = np.where(enters, np.abs(slope) - l, -1.0)
            enters &= np.arange(len(one[0])) == np.argmax(excess, axis=1)[:, None]
        on[live] |= enters
        sign[live] = np.where(enters, np.sign(slope), sign[live])
        done = whole & ~enters.any(axis=1)
        found[live[done]] = True
        live = live[~done]
        if not len(live):
            break
    return z, found


def _solved(system: Array, right: Array) -> tuple[Array, Mask]:
    """Solutions (L, q) of systems (L, q, q), and which of them have one."""
    try:
        return np.linalg.solve(system, right[..., None])[..., 0], np.ones(len(right), dtype=bool)
    except np.linalg.LinAlgError:
        pass
    out, found = np.zeros_like(right), np.ones(len(right), dtype=bool)
    for k, (one, other) in enumerate(zip(system, right, strict=True)):
        try:
            out[k] = np.linalg.solve(one, other)
        except np.linalg.LinAlgError:
            found[k] = False
    return out, found


def _masked(system: Array, on: Mask) -> Array:
    """A system on some of its columns, a one on the diagonal of the others."""
    out = np.where(on[:, :, None] & on[:, None, :], system, 0.0)
    at = np.arange(on.shape[1])
    out[:, at, at] = np.where(on, out[:, at, at], 1.0)
    return out
