r"""Log L and the log priors of points u = (γ, b, a), many at once, and their expansion at one.

γ are the columns without a prior, b those with a normal one, and a the logarithms of the
likelihood's own unknowns θ, as far as these are unknown. What b_j's prior has for an sd is
`unit`_j × e^r × σ, each factor where it applies; r is the log of the unknown scale, or, where that
is in units of an unknown σ, of their product: b given r is then the same for every σ, and the
hyperprior, of r − log σ, is one more factor of the prior of log σ.

A log density with kinks is expanded with each row's η blurred by N(0, h²), h about the sd that η
has under the posterior: the mode and curvature are then those of the normal that is nearest to it,
by Kullback & Leibler's divergence (Opper & Archambeau 2009, "The variational Gaussian approximation
revisited", Neural Computation 21(3), eqs. 7–8). Values of points are never blurred.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.engines.loops.arrays import HYPER
from bayesreg.engines.loops.tables import hyper as coded
from bayesreg.engines.strands.slices import Hyper, log_hyper
from bayesreg.language.arguments import Array
from bayesreg.likelihoods.base import AbsoluteDeviation, Likelihood, Summed, Theta

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem

CELL_COUNT = 2**16  # numbers of a block of η: half a MiB, which stays in the cache
BATCH = 64  # points at once, at the least, where there are as many
STEP = 5e-3  # of differences in the logarithm of an own unknown
LEAST_BEND = 0.25  # curvature in such a logarithm, where a Newton step's own is not positive


@dataclass(frozen=True, eq=False)
class Part:
    """Some rows: η = fixed + u'x, x (m, rows); `blur` is h (rows,), where there are kinks."""

    x: Array
    fixed: Array
    y: Array
    weights: Array
    facts: dict[str, Array]
    total: Summed
    shifted: bool
    blur: Array | None = None


@dataclass(frozen=True, eq=False)
class Rows:
    """The likelihood of u on rows, in blocks."""

    likelihood: Likelihood
    known: Theta
    names: tuple[str, ...]  # of what a are the logarithms of
    parts: tuple[Part, ...]

    @classmethod
    def of(cls, problem: Problem) -> Rows:
        """Columns are those of γ, then b."""
        loss = problem.loss
        assert problem.design is not None
        x = np.hstack([loss.free, loss.proper]).T
        fixed = loss.given(np.zeros(problem.p))
        facts, size = problem.design.known.facts(-1), CELL_COUNT // BATCH
        weights = np.broadcast_to(loss.weights, loss.y.shape)
        parts = []
        for start in range(0, len(loss.y), size):
            at = slice(start, start + size)
            known = {name: value[at] for name, value in facts.items()}
            total = problem.likelihood.summed(loss.y[at], weights[at], known)
            own, shifted = np.ascontiguousarray(x[:, at]), bool(np.any(fixed[at]))
            parts.append(Part(own, fixed[at], loss.y[at], weights[at], known, total, shifted))
        return cls(problem.likelihood, problem.known, tuple(problem.unknown), tuple(parts))

    @property
    def m(self) -> int:
        """How many columns γ and b have together."""
        return len(self.parts[0].x)

    def theta(self, u: Array) -> dict[str, Any]:
        """θ of points (S, m + q): numbers, or (S, 1)."""
        unknown = {name: np.exp(u[:, self.m + i, None]) for i, name in enumerate(self.names)}
        return {**self.known, **unknown}

    def log_likelihood(self, u: Array) -> Array:
        """Log L (S,) of points (S, m + q), up to a constant."""
        found = np.zeros(len(u))
        step = max(BATCH, CELL_COUNT // self.parts[0].x.shape[1])
        for start in range(0, len(u), step):
            at = slice(start, start + step)
            theta, along = self.theta(u[at]), u[at, : self.m]
            for part in self.parts:
                eta = along @ part.x
                if part.shifted:
                    eta += part.fixed
                found[at] += part.total(eta, theta)
        return found

    def constant(self, u: Array) -> float:
        """What the sums leave out."""
        whole, theta = 0.0, {name: float(np.squeeze(v)) for name, v in self.theta(u[None]).items()}
        for part in self.parts:
            eta = u[: self.m] @ part.x + part.fixed
            density = self.likelihood.log_density(part.y, eta, {**theta, **part.facts})
            whole += float(part.weights @ density)
        return whole - float(self.log_likelihood(u[None])[0])

    def blurred(self, spread: Array) -> Rows:
        """With h of a covariance of (γ, b); itself where log L has no kinks."""
        if not isinstance(self.likelihood, AbsoluteDeviation):
            return self
        root = np.linalg.cholesky(spread)
        parts = tuple(
            replace(part, blur=np.sqrt(np.square(root.T @ part.x).sum(axis=0)))
            for part in self.parts
        )
        return replace(self, parts=parts)

    def value(self, u: Array) -> float:
        """Log L of one point, as it is expanded: kinks are blurred."""
        if self.parts[0].blur is None:
            return float(self.log_likelihood(u[None])[0])
        theta, along = self.theta(u[None]), u[: self.m]
        whole = (self._totals(part, along @ part.x + part.fixed, theta) for part in self.parts)
        return float(sum(one[0] for one in whole))

    def expand(self, u: Array) -> tuple[float, Array, Array]:
        """Log L, −∂ and −∂² of it at one point; what concerns a by central differences."""
        m, moves = self.m, _moves(len(self.names))
        slope, bend = np.zeros(len(u)), np.zeros((len(u),) * 2)
        values, theta = np.zeros(len(moves)), self.theta(u[None])
        around = np.tile(u, (len(moves), 1))
        around[:, m:] += moves
        stencil = self.theta(around)
        sides = [self.theta(one[None]) for one in around[1 : 1 + 2 * len(self.names)]]
        for part in self.parts:
            eta = u[:m] @ part.x + part.fixed
            values += self._totals(part, eta, stencil)
            first, second = self._derivatives(part, eta, theta)
            slope[:m] += part.x @ first
            bend[:m, :m] += (part.x * second) @ part.x.T
            for i in range(len(self.names)):
                pair = sides[2 * i : 2 * i + 2]
                up, down = (self._derivatives(part, eta, one)[0] for one in pair)
                bend[:m, m + i] += part.x @ ((up - down) / (2.0 * STEP))
        bend[m:, :m] = bend[:m, m:].T
        slope[m:], bend[m:, m:] = _differences(values, len(self.names))
        return float(values[0]), slope, bend

    def majorised(self, u: Array, bend: Array) -> Array:
        """A curvature like `bend` that is positive: of what touches each row, and of each a."""
        made, theta = np.zeros_like(bend), self.theta(u[None])
        for part in self.parts:
            eta, known = u[: self.m] @ part.x + part.fixed, self._by_row(part, theta)
            omega, _ = self.likelihood.expand(part.y, eta, known)
            weights = part.weights * omega / self.likelihood.dispersion(known)
            made[: self.m, : self.m] += (part.x * weights) @ part.x.T
        own = np.arange(self.m, len(u))
        made[own, own] = np.maximum(bend[own, own], LEAST_BEND)
        return made

    def _by_row(self, part: Part, theta: Theta) -> dict[str, Any]:
        """θ as numbers, of one point, with what is known by row."""
        return {name: float(np.squeeze(one)) for name, one in theta.items()} | part.facts

    def _derivatives(self, part: Part, eta: Array, theta: Theta) -> tuple[Array, Array]:
        """−∂ and −∂² of w·log p in η by row."""
        known = self._by_row(part, theta)
        if part.blur is None:
            first, second = self.likelihood.derivatives(part.y, eta, known)
        else:
            assert isinstance(self.likelihood, AbsoluteDeviation)
            _, first, second = self.likelihood.blurred(part.y, eta, part.blur)
        weights = part.weights / self.likelihood.dispersion(known)
        return weights * first, weights * second

    def _totals(self, part: Part, eta: Array, theta: Theta) -> Array:
        """Log L (S,) of one η under several θ."""
        if part.blur is None:
            return part.total(eta[None], theta)
        assert isinstance(self.likelihood, AbsoluteDeviation)
        size, _, _ = self.likelihood.blurred(part.y, eta, part.blur)
        phi = np.ravel(self.likelihood.dispersion(theta))
        return np.asarray(part.total(part.y[None], theta) - float(part.weights @ size) / phi)


def _moves(q: int) -> Array:
    """Where differences are taken: 0, each axis up and down, each pair of axes up and down."""
    axes = STEP * np.eye(q)
    found = [np.zeros(q)]
    for i in range(q):
        found += [axes[i], -axes[i]]
    for i in range(q):
        for j in range(i):
            found += [axes[i] + axes[j], -axes[i] - axes[j]]
    return np.array(found)


def _differences(values: Array, q: int) -> tuple[Array, Array]:
    """−∂ and −∂² of values at `_moves`."""
    up, down = values[1 : 1 + 2 * q : 2], values[2 : 2 + 2 * q : 2]
    bend = np.diag((2.0 * values[0] - up - down) / STEP**2)
    place = 1 + 2 * q
    for i in range(q):
        for j in range(i):
            both = values[place] + values[place + 1] + 2.0 * values[0]
            mixed = both - up[i] - up[j] - down[i] - down[j]
            bend[i, j] = bend[j, i] = -0.5 * mixed / STEP**2
            place += 2
    return (down - up) / (2.0 * STEP), bend


@dataclass(frozen=True, eq=False)
class Prior:
    """b_j ~ N(0, sd_j²), sd_j = `unit`_j × e^r where `scaled` × σ where `in_sigma`; γ flat.

    Attributes
    ----------
    free : int
        How many γ there are.
    unit, scaled, in_sigma : ndarray (p,)
    hyper : (code, constant) or None
        Of the unknown scale, e^r; with `shifted`, of e^r/σ.
    own : tuple of (code, constant)
        Of each of θ that a are the logarithms of.
    sigma : int
        Which of a is log σ, where that matters; else −1.
    """

    free: int
    unit: Array
    scaled: Any
    in_sigma: Any
    hyper: tuple[Hyper, float] | None
    own: tuple[tuple[Hyper, float], ...]
    sigma: int
    shifted: bool

    @classmethod
    def of(cls, problem: Problem) -> Prior:
        """Of Normal priors, at most one scale unknown."""
        unit, law, shifted = np.ones(problem.p), None, False
        scaled, in_sigma = np.zeros(problem.p, dtype=bool), np.zeros(problem.p, dtype=bool)
        names = list(problem.unknown)
        for block in problem.blocks:
            known = 1.0 if block.scale is None else block.scale
            unit[block.columns] = problem.effective_scale(block, problem.sigma or 1.0, known)
            by_sigma = block.prior.unit == "sigma" and "sigma" in names
            if block.hyper is not None and block.scale is None:
                scaled[block.columns] = True
                law, shifted = _settled(block.hyper), by_sigma
            else:
                in_sigma[block.columns] = by_sigma
        own = tuple(_settled(problem.unknown[name]) for name in names)
        free = int(problem.intercept) + len(problem.flat)
        place = names.index("sigma") if "sigma" in names else -1
        return cls(free, unit, scaled, in_sigma, law, own, place, shifted)

    def columns(self, u: Array) -> tuple[Array, Array]:
        """b and a of points (…, m + q)."""
        end = self.free + len(self.unit)
        return u[..., self.free : end], u[..., end:]

    def log_sigma(self, u: Array) -> Array:
        """log σ (…,) of points, where it is unknown."""
        return np.asarray(self.columns(u)[1][..., self.sigma])

    def log_scale(self, u: Array, r: Array) -> Array:
        """Log of the unknown scale."""
        return r - self.log_sigma(u) if self.shifted else r

    def sds(self, u: Array, r: Array) -> Array:
        """Of b (S, p)."""
        sd = self.unit * np.where(self.scaled, np.exp(r)[:, None], 1.0)
        if self.in_sigma.any():
            sd = sd * np.where(self.in_sigma, np.exp(self.log_sigma(u))[:, None], 1.0)
        return np.asarray(sd)

    def log_density(self, u: Array, r: Array) -> Array:
        """Log p(b | r, θ) + log p(a) (S,), constants included."""
        found, (_, a) = self.of_b(u, r), self.columns(u)
        for i, (code, constant) in enumerate(self.own):
            found += log_hyper(code, a[:, i]) + constant
        return found

    def of_b(self, u: Array, r: Array) -> Array:
        """Log p(b | r, θ) (S,)."""
        b, a = self.columns(u)
        z2 = np.square(b / self.unit)
        known = ~(self.scaled | self.in_sigma)
        found = -0.5 * z2[:, known].sum(axis=1) - np.log(self.unit).sum()
        found -= 0.5 * len(self.unit) * math.log(2.0 * math.pi)
        for some, log_sd in ((self.scaled, r), (self.in_sigma, self._log_sd(a))):
            if some.any():
                found -= 0.5 * z2[:, some].sum(axis=1) * np.exp(-2.0 * log_sd)
                found -= np.count_nonzero(some) * log_sd
        return np.asarray(found)

    def _log_sd(self, a: Array) -> Array:
        return a[:, self.sigma] if self.in_sigma.any() else np.zeros(len(a))

    def log_hyper(self, log_scale: Array) -> Array:
        """Log p(log s); 0 where no scale is unknown."""
        if self.hyper is None:
            return np.zeros(len(log_scale))
        code, constant = self.hyper
        return np.asarray(log_hyper(code, log_scale) + constant)

    def value(self, u: Array, r: float) -> float:
        """Log of all that u has of a prior, as it is expanded; log σ has the hyperprior too."""
        _, a = self.columns(u)
        found = float(self.of_b(u[None], np.array([r]))[0])
        return found + sum(float(self._of_own(i, a[i], r)) for i in range(len(a)))

    def joined(self, u: Array, r: float) -> float:
        """What of `value` is the hyperprior's."""
        if not self.shifted or self.hyper is None:
            return 0.0
        return float(_without_ends(self.hyper, r - self.log_sigma(u)))

    def _of_own(self, i: int, a: Any, r: float) -> Any:
        """What of `value` is of one of a."""
        found = _without_ends(self.own[i], a)
        if self.shifted and i == self.sigma and self.hyper is not None:
            found = found + _without_ends(self.hyper, r - a)
        return found

    def expand(self, u: Array, r: float) -> tuple[Array, Array]:
        """−∂ and −∂² of `value`."""
        b, a = self.columns(u)
        slope, bend = np.zeros(len(u)), np.zeros((len(u),) * 2)
        place = self.free + np.arange(len(b))
        ridge = self.sds(u[None], np.array([r]))[0] ** -2.0
        slope[place], bend[place, place] = ridge * b, ridge
        for i in range(len(a)):
            k = self.free + len(b) + i
            slope[k], bend[k, k] = self._along(a, r, i)
        if self.in_sigma.any():
            k = self.free + len(b) + self.sigma
            pull = np.where(self.in_sigma, ridge * b, 0.0)
            slope[k] += float(np.count_nonzero(self.in_sigma) - pull @ b)
            bend[k, k] += 2.0 * float(pull @ b)
            bend[k, place] -= 2.0 * pull
            bend[place, k] -= 2.0 * pull
        return slope, bend

    def _along(self, a: Array, r: float, i: int) -> tuple[float, float]:
        """−∂ and −∂² of `value` in one of a, as far as b is not in it."""
        values = self._of_own(i, a[i] + STEP * np.array([0.0, 1.0, -1.0]), r)
        slope, bend = _differences(values, 1)
        return float(slope[0]), float(bend[0, 0])


def _without_ends(law: tuple[Hyper, float], log_x: Any) -> Any:
    """A law's log density of the log; one that is even between ends goes on as it is there."""
    return (log_x if bounded(law) else log_hyper(law[0], log_x)) + law[1]


def bounded(law: tuple[Hyper, float]) -> bool:
    """Whether a law ends where its density is not 0."""
    return law[0][0] == HYPER["uniform"]


def _settled(law: Any) -> tuple[Hyper, float]:
    """A hyperprior's code, and what its short formula leaves out of the density of the log."""
    code = coded(law)
    at = np.log(np.median(law.sample(np.random.default_rng(0), 99))) if law.proper else 0.0
    return code, float(law.log_density_of_log(float(at)) - log_hyper(code, np.array([at]))[0])
