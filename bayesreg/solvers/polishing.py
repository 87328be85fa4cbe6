r"""Several λ's of a path brought to rounding together, all columns in view.

Each λ keeps the face on which it was found, and the moments that were kept there. A round has the
slopes of the loss at all of them, and the way that all go, as products of matrices; the step of
each is Newton's by its own moments, which have drifted a little from those at its optimum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from bayesreg.language.arguments import Array
from bayesreg.model.loss import Loss
from bayesreg.model.unit_data import Index
from bayesreg.solvers.base import distance
from bayesreg.solvers.kept_curvature import Columns, Curvature

FINE = 1e-12  # of λ_max: what may be left of a slope
STALLED = 3e-11  # of λ_max: what may be left where rounding lets it go no further
SLOW = 0.9  # of the slopes before: where more is left, rounding may be what is left
BESIDE = 0.1  # of λ_max for a slope that is λ₁ off
ROUNDS = 10
MEMORY = 4  # steps that the next one takes into account


@dataclass(eq=False)
class Reached:
    """One λ as the first steps left it: where η is, and how to go on from there.

    Attributes
    ----------
    k : int
        Which λ.
    b, smooth : ndarray (q,), (k,)
        Kinked coefficients, and those beside them.
    eta : ndarray (n,)
    curvature : Curvature
        The moments that were kept last.
    columns, inverse : ndarray (a,), (a, a)
        The face, and (H̃_AA + Λ₂)⁻¹ on it.
    ok : bool
        Whether the first steps came to an end.
    size : float
        The smallest of the largest slopes so far.
    history : list of (ndarray, ndarray)
        The last steps: those taken, and those of the kept moments.
    """

    k: int
    b: Array
    smooth: Array
    eta: Array
    curvature: Curvature
    columns: Index
    inverse: Array
    ok: bool
    size: float = np.inf
    history: list[tuple[Array, Array]] = field(default_factory=list)

    def accelerated(self, step: Array, sd: Array) -> Array:
        """The step that the last ones, combined, let expect to leave least.

        Moments drift most along few directions, which a few differences of steps make out: Walker &
        Ni (2011), "Anderson acceleration for fixed-point iterations", SIAM Journal on Numerical
        Analysis 49(4).
        """
        history = self.history
        taken = step
        if history:
            moves = np.array([move for move, _ in history]).T
            bends = np.diff([old for _, old in history] + [step], axis=0).T
            share, *_ = np.linalg.lstsq(sd[:, None] * bends, sd * step, rcond=None)
            taken = step - (moves + bends) @ share
        self.history = [*history[1 - MEMORY :], (taken, step)]
        return taken


class Polishing:
    """What the λ's of a path share: columns, penalties, and what is small.

    Attributes
    ----------
    missed : ndarray of bool (q,)
        Columns that were at zero and should not have been.
    """

    def __init__(self, loss: Loss, columns: Columns, lams: tuple[Array, Array, Array]) -> None:
        self.loss, self.columns = loss, columns
        self.l1, self.l2, self.ridge = lams
        self.sd = columns.sd(loss.weights)
        pull = columns.all_slopes(loss.residual(loss.origin)) / self.sd
        self.top = float(np.max(np.abs(pull), initial=0.0)) or float(loss.weights.sum())
        self.missed = np.zeros(len(columns.at), dtype=bool)

    def bring(self, block: Sequence[Reached], *, fine: bool) -> int:
        """Bring λ's to rounding; how many of the first ones are optima on all columns.

        Without `fine` one step is taken, which looks at all columns too.
        """
        wrong = {one.k for one in block if not one.ok}
        open_ = [one for one in block if one.ok]
        for left in range(ROUNDS if fine else 1, -1, -1):
            if open_:
                open_ = self._round(open_, wrong, left=left, fine=fine)
        return next((i for i, one in enumerate(block) if one.k in wrong), len(block))

    def _round(
        self, open_: list[Reached], wrong: set[int], *, left: int, fine: bool
    ) -> list[Reached]:
        """Judge all, and move those that are not at rest; these. `left` rounds are to come."""
        columns = self.columns
        u, _ = self.loss.bends(np.array([one.eta for one in open_]))
        v, rest = u @ columns.kinked.T, u @ columns.smooth.T
        moving, d, steps = [], np.zeros(v.shape), np.zeros(rest.shape)
        for i, one in enumerate(open_):
            rest[i] += self.ridge[one.k] * one.smooth
            size, beyond = self._judge(one, v[i], rest[i])
            rested = size <= (STALLED if size > SLOW * one.size else FINE) * self.top
            one.size = min(size, one.size)
            if beyond or (fine and not left and size > STALLED * self.top):
                wrong.add(one.k)
            elif left and not rested:
                d[i], steps[i] = self._newton(one, v[i], rest[i])
                if np.any((one.b + d[i]) * one.b < 0.0):
                    wrong.add(one.k)
                else:
                    moving.append(i)
        moves = d[moving] @ columns.kinked + steps[moving] @ columns.smooth
        for i, move in zip(moving, moves, strict=True):
            one = open_[i]
            one.b, one.smooth, one.eta = one.b + d[i], one.smooth + steps[i], one.eta + move
        return [open_[i] for i in moving]

    def _judge(self, one: Reached, v: Array, rest: Array) -> tuple[float, bool]:
        """The largest slope that is not at rest, and whether a column at zero should not be."""
        l1, l2 = self.l1[one.k], self.l2[one.k]
        q = len(v)
        zero = one.b == 0.0
        left = distance(-v - l2 * one.b, l1, one.b)
        # The gap scales u until no slope exceeds λ₁: beside it too what is left is to be small.
        shares = float(np.max(left[~zero] / l1[~zero], initial=0.0))
        left /= self.sd[:q]
        moving = max(float(np.max(left[~zero], initial=0.0)), BESIDE * shares * self.top)
        moving = max(moving, float(np.max(np.abs(rest) / self.sd[q:], initial=0.0)))
        beyond = zero & (left > max(10.0 * FINE * self.top, 10.0 * moving))
        self.missed |= beyond
        return moving, bool(beyond.any())

    def _newton(self, one: Reached, v: Array, rest: Array) -> tuple[Array, Array]:
        """The step over the face by the moments that were kept, and by what the last steps gave."""
        curve, at, k = one.curvature, one.columns, one.k
        place = np.searchsorted(curve.watched, at)
        pull = v[at] - curve.along[:, place].T @ rest
        pull += self.l1[k, at] * np.sign(one.b[at]) + self.l2[k, at] * one.b[at]
        along = -one.inverse @ pull
        step = np.concatenate([along, -curve.solved(rest + curve.cross[:, place] @ along)])
        step = one.accelerated(step, np.concatenate([self.sd[at], self.sd[len(v) :]]))
        d = np.zeros(len(v))
        d[at] = step[: len(at)]
        return d, step[len(at) :]
