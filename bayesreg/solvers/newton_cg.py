r"""Ridge with many columns: Newton's method by conjugate gradients, several λ's in step.

    (Z̃'hZ̃ + λI)d = −g,   preconditioned by (Z̃'h̄Z̃ + λI)⁻¹ = V(Δ + λ)⁻¹V',

one eigendecomposition VΔV' of the curvature at another h̄ serving all λ's: eigenvalues of what is
left lie between the least and the largest of h/h̄ and 1, whatever the columns are. The free columns
are eliminated at h̄ exactly. A step is as exact as the slope is small (Dembo, Eisenstat & Steihaug
1982, "Inexact Newton methods", SIAM Journal on Numerical Analysis 19(2)), and damped as in
:mod:`bayesreg.solvers.damped_newton`. All products are of matrices with matrices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, eigh

from bayesreg.language.arguments import Array
from bayesreg.model.loss import Loss
from bayesreg.model.unit_data import Index
from bayesreg.solvers.kept_curvature import LEAST
from bayesreg.solvers.polishing import FINE, STALLED

COLUMNS = 50  # from which on a factorisation for each λ costs more,
LAMS = 8  # where a decomposition serves as many
TOGETHER = 10  # λ's in step
ROUNDS = 60
INNER = 60  # steps of conjugate gradients in one of Newton's
TIRED = 14  # of them, on average, beyond which the curvature is decomposed anew


@dataclass(eq=False)
class _Preconditioner:
    """The curvature at h̄, decomposed: of rows (F, Z) side by side, F eliminated."""

    columns: Array
    free: int
    h: Array

    def __post_init__(self) -> None:
        F, Z = self.columns[:, : self.free], self.columns[:, self.free :]
        root = np.sqrt(self.h)[:, None]
        half = Z * root
        gram = half.T @ half
        if self.free:
            bent = F * root
            self.factor = cho_factor(bent.T @ bent, lower=True)
            self.cross = bent.T @ half
            self.along = cho_solve(self.factor, self.cross)
            gram -= self.cross.T @ self.along
        self.values, self.basis = eigh(gram, overwrite_a=True, check_finite=False, driver="evd")
        self.values = np.maximum(self.values, 0.0)

    def __call__(self, right: Array, lams: Array) -> Array:
        """Rows (L, q) of the solution at the λ's (L,)."""
        k = self.free
        out = np.empty_like(right)
        rest = right[:, k:] - right[:, :k] @ self.along if k else right
        d = ((rest @ self.basis) / (self.values + lams[:, None])) @ self.basis.T
        out[:, k:] = d
        if k:
            out[:, :k] = cho_solve(self.factor, right[:, :k].T).T - d @ self.along.T
        return out


@dataclass(frozen=True, eq=False)
class Reached:
    """x (L, q) = (γ, b), whether slopes came to rest, and Newton steps in all."""

    x: Array
    rested: NDArray[np.bool_]
    steps: int


def serves(lams: int, columns: int) -> bool:
    """Whether a path of this size pays for a decomposition."""
    return lams >= LAMS and columns >= COLUMNS


def minimise(loss: Loss, lams: Array, *, enough: float | None) -> Reached:
    """Optima of L(b) + ½λ‖b‖² at λ's (L,), from large to small.

    Parameters
    ----------
    loss : Loss
        Of a likelihood that is `self_concordant`.
    lams : ndarray (L,)
    enough : float or None
        What may be left open, ½g'H⁻¹g; None goes on to rounding.
    """
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        return _Walk(loss, lams, enough).run()


class _Walk:
    """Down the λ's, some of them in step."""

    def __init__(self, loss: Loss, lams: Array, enough: float | None) -> None:
        self.loss, self.lams, self.enough = loss, lams, enough
        self.columns, self.free = loss.columns, loss.free.shape[1]
        sd = np.sqrt(loss.weights @ np.square(self.columns) / loss.weights.sum())
        self.sd = np.where(sd > 0.0, sd, 1.0)
        at = loss.origin
        self.first = np.concatenate([at.free, at.b])
        self.known = loss.given(np.zeros(len(at.b)))
        pull = self.columns.T @ loss.residual(at) / self.sd
        self.top = float(np.max(np.abs(pull), initial=0.0)) or float(loss.weights.sum())
        _, h = loss.bends(at.eta)
        self.preconditioner = self._decomposed(h)
        self.steps = 0

    def _decomposed(self, h: Array) -> _Preconditioner:
        least = max(LEAST * float(np.max(h)), np.finfo(float).tiny)
        return _Preconditioner(self.columns, self.free, np.maximum(h, least))

    def run(self) -> Reached:
        """All λ's, each block from the last of the block before and its slope in log λ."""
        count = len(self.lams)
        x = np.tile(self.first, (count, 1))
        rested = np.zeros(count, dtype=bool)
        for first in range(0, count, TOGETHER):
            block = np.arange(first, min(first + TOGETHER, count))
            if first > 1:
                x[block] = self._foreseen(x, first, block)
            self._block(x, block, rested)
        return Reached(x, rested, self.steps)

    def _foreseen(self, x: Array, first: int, block: Index) -> Array:
        """Along the last two optima, in log λ, no further than they are apart."""
        turn = np.log(self.lams[first - 1] / self.lams[first - 2])
        ahead = np.log(self.lams[block] / self.lams[first - 1])
        share = np.clip(ahead / turn if turn else 0.0 * ahead, 0.0, 2.0)[:, None]
        return np.asarray(x[first - 1] + share * (x[first - 1] - x[first - 2]))

    def _block(self, x: Array, block: Index, rested: NDArray[np.bool_]) -> None:
        """Newton's method on some λ's until they rest."""
        live, size = block, np.full(len(x), np.inf)
        for _ in range(ROUNDS):
            u, h = self.loss.bends(self.known + x[live] @ self.columns.T)
            slope = u @ self.columns
            slope[:, self.free :] += self.lams[live, None] * x[live, self.free :]
            left = np.max(np.abs(slope) / self.sd, axis=1, initial=0.0)
            done = left <= np.where(left > 0.3 * size[live], STALLED, FINE) * self.top
            size[live] = np.minimum(size[live], left)
            if self.enough is not None:
                done |= self._open(slope, live) <= self.enough
            rested[live[done]] = True
            going = ~done & np.isfinite(left)
            live, h, slope = live[going], h[going], slope[going]
            if not len(live):
                return
            self.steps += len(live)
            exact = np.clip(left[going] / self.top, 1e-6, 0.1)
            d, move, tired = self._conjugate(h, slope, self.lams[live], exact)
            reach = np.max(np.abs(move), axis=1, initial=0.0)
            t = np.where(reach < 1.0, 1.0, np.log1p(reach) / np.where(reach > 0.0, reach, 1.0))
            x[live] += t[:, None] * d
            if tired:
                self.preconditioner = self._decomposed(h[len(h) // 2])

    def _open(self, slope: Array, live: Index) -> Array:
        """½g'H⁻¹g (L,), by the curvature that was decomposed."""
        along = self.preconditioner(slope, self.lams[live])
        return np.asarray(0.5 * np.einsum("ij,ij->i", slope, along))

    def _conjugate(
        self, h: Array, slope: Array, lams: Array, exact: Array
    ) -> tuple[Array, Array, bool]:
        """Steps d (L, q), their η (L, n), and whether that took long.

        Each λ to `exact` (L,) of its slope in the norm of the preconditioner.
        """
        A, k = self.columns, self.free
        r = -slope
        z = self.preconditioner(r, lams)
        d, move = np.zeros_like(r), np.zeros_like(h)
        p, rho = z, np.einsum("ij,ij->i", r, z)
        until = np.square(exact) * rho
        for count in range(INNER):
            eta = p @ A.T
            Hp = (h * eta) @ A
            Hp[:, k:] += lams[:, None] * p[:, k:]
            bend = np.einsum("ij,ij->i", p, Hp)
            step = np.where((rho > until) & (bend > 0.0), rho / bend, 0.0)[:, None]
            d, move, r = d + step * p, move + step * eta, r - step * Hp
            z = self.preconditioner(r, lams)
            new = np.einsum("ij,ij->i", r, z)
            if np.all(new <= until):
                return d, move, count >= TIRED
            p = z + np.where(rho > 0.0, new / rho, 0.0)[:, None] * p
            rho = new
        return d, move, True
