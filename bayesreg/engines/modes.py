r"""Modes of u = (γ, b, a) given the scale, by Newton's method, and how many there are.

Where −log L is not convex, as under Student-t noise, a step's curvature may not be positive; it is
then that of the quadratics that touch each row from above (Lange, Little & Taylor 1989, JASA
84(408), §3). Whether there is another mode is asked of other starts: least squares, and fits of as
many random rows as there are columns (Rousseeuw & Leroy 1987, *Robust Regression and Outlier
Detection*, ch. 5).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from bayesreg.engines.log_posterior import Prior, Rows
from bayesreg.language.arguments import Array

STEPS, HALVINGS = 50, 30
SETTLED = 1e-3  # squared Newton decrement: half of it in nats is what a mode may be off
ELEMENTAL = 10  # fits of random rows
APART = 0.5  # squared distance, in units of the curvature, of modes that are two
SPREAD = 1.4826  # sd of a normal ÷ its median deviation


@dataclass(frozen=True, eq=False)
class Mode:
    """Where Newton's method ended at one s: a last step from `u`, not looked at again.

    Attributes
    ----------
    u, at : ndarray (m,)
        The last point looked at, and where the next step leads.
    value : float
        Log L and the log prior at `u`, and half of `decrement`: about what it is at `at`.
    factor : ndarray (m, m)
        Lower, of the curvature times `unit` on both sides.
    unit : ndarray (m,)
    """

    u: Array
    at: Array
    value: float
    decrement: float
    factor: Array
    unit: Array

    @classmethod
    def find(
        cls, rows: Rows, prior: Prior, log_s: float, near: Array, held: int | None = None
    ) -> Mode:
        """From a point near it, by steps that are halved until the posterior does not fall.

        A coordinate that is `held` stays where it is; the factor's entry of it is then 1.
        """
        u = near
        for _ in range(STEPS):
            mode = cls.step(rows, prior, log_s, u, held)
            if not mode.decrement > SETTLED:
                break
            here, move = mode.value - 0.5 * mode.decrement, mode.at - u
            for halving in range(HALVINGS):
                trial = u + 0.5**halving * move
                if rows.value(trial) + prior.value(trial, log_s) >= here:
                    break
            u = trial
        return mode

    @classmethod
    def step(
        cls, rows: Rows, prior: Prior, log_s: float, u: Array, held: int | None = None
    ) -> Mode:
        """One step from a point; by a curvature that is positive, if need be another one."""
        fit, slope, bend = rows.expand(u)
        of_prior = prior.expand(u, log_s)
        g = slope + of_prior[0]
        if held is not None:
            g[held] = 0.0
        found = _factored(bend + of_prior[1], held)
        if found is None:
            own = np.diag(np.diagonal(of_prior[1]))
            found = _factored(rows.majorised(u, bend) + own, held)
        if found is None:  # no number came back
            found = np.eye(len(u)), np.ones(len(u))
        lower, unit = found
        move = -unit * cho_solve((lower, True), unit * g)
        decrement = float(-g @ move)
        value = fit + prior.value(u, log_s) + 0.5 * decrement
        return cls(u, u + move, value, decrement, lower, unit)

    @property
    def half_log_det(self) -> float:
        """½ log of the curvature's determinant."""
        return float(np.log(np.diagonal(self.factor)).sum() - np.log(self.unit).sum())

    @property
    def height(self) -> float:
        """Laplace's log of the integral about it, but for a constant of m."""
        return self.value - self.half_log_det

    @property
    def spread(self) -> Array:
        """The inverse of the curvature."""
        inner = cho_solve((self.factor, True), np.eye(len(self.u)))
        return np.asarray(inner * self.unit * self.unit[:, None])

    def distance(self, other: Array) -> float:
        """Squared, in units of the curvature."""
        return float(np.square(self.factor.T @ ((other - self.at) / self.unit)).sum())


def _factored(bend: Array, held: int | None) -> tuple[Array, Array] | None:
    """The lower factor of a curvature in units of its diagonal, and those; None if not positive."""
    if held is not None:
        bend[held] = bend[:, held] = 0.0
        bend[held, held] = 1.0
    diagonal = np.diagonal(bend)
    if not np.all(np.isfinite(bend)) or np.any(diagonal < 0.0):
        return None
    unit = 1.0 / np.sqrt(np.maximum(diagonal, 1e-200))
    scaled = bend * unit * unit[:, None]
    scaled[np.diag_indices_from(scaled)] += 1e-13
    try:
        return np.tril(cho_factor(scaled, lower=True)[0]), unit
    except LinAlgError:
        return None


def rival(rows: Rows, prior: Prior, log_s: float, mode: Array) -> float:
    """Log of the largest mass about another mode ÷ that about this one; −∞ where none is seen."""
    main, most = Mode.find(rows, prior, log_s, mode), -math.inf
    for start in _starts(rows, prior, log_s, main.at):
        other = Mode.find(rows, prior, log_s, start)
        if main.distance(other.at) > APART:
            most = max(most, other.height - main.height)
    return most


def _starts(rows: Rows, prior: Prior, log_s: float, mode: Array) -> Iterator[Array]:
    """Least squares, b = 0, and elemental fits, each with σ by its median deviation."""
    x = np.hstack([part.x for part in rows.parts]).T
    y = np.concatenate([part.y - part.fixed for part in rows.parts])
    ridge = prior.sds(mode[None], np.array([log_s]))[0] ** -2.0
    theta = rows.theta(mode[None])
    small = float(np.min(ridge, initial=1.0)) * float(np.squeeze(theta["sigma"])) ** 2
    gram = x.T @ x + small * np.eye(rows.m)
    rng = np.random.default_rng(20180)
    level = np.zeros(rows.m)
    level[: prior.free] = np.linalg.lstsq(x[:, : prior.free], y, rcond=None)[0]
    fits = [np.linalg.solve(gram, x.T @ y), level]
    for _ in range(ELEMENTAL):
        some = rng.choice(len(y), rows.m, replace=False)
        fits.append(np.linalg.lstsq(x[some], y[some], rcond=1e-6)[0])
    for fit in fits:
        start = mode.copy()
        start[: rows.m] = fit
        if "sigma" in rows.names:
            deviation = SPREAD * float(np.median(np.abs(y - x @ fit)))
            start[rows.m + rows.names.index("sigma")] = math.log(max(deviation, 1e-300))
        yield start
