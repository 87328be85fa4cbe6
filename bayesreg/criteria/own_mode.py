r"""The joint mode of (β, log θ), θ what a likelihood has of its own that is unknown: σ, df, shape.

    F(t) = max_b [log p(y | η, θ) + log p(b | θ)] + log p(log θ = t),    t = log θ

with b at a certified optimum for each θ, so that ∂F/∂t is the derivative at fixed b: the envelope
theorem. F may have several modes: it is climbed from several θ, and refused where it rises without
bound because rows are met exactly.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from bayesreg.language.arguments import Array
from bayesreg.language.errors import NotSupported
from bayesreg.likelihoods.base import Summed
from bayesreg.model.loss import Point
from bayesreg.priors import Penalised
from bayesreg.solvers import newton
from bayesreg.solvers.objective import penalty_value

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem

Map = Callable[[Array], Array]

# Where to begin in log θ: σ by its size beside the deviations from a median, the others as such.
STARTS: Mapping[str, tuple[float, ...]] = {
    "sigma": (0.0, -0.7, -2.0),
    "df": (3.0, 1.5, 0.5),
    "shape": (1.0, 3.0, -1.0),
}
TURNS = 20  # of θ and b: a bound
FURTHEST = 12.0  # from a start that θ may go, in log θ
SAME = 1e-4  # in log θ: modes that are one
AT_REST = 1e-5  # nats per unit of log θ and row, from which on a mode has been found
CLIMBS = 60  # steps in one log θ: a bound
LONG = 2.0  # of one of them
NEAR = 0.05  # of a mode that is known, from which on a climb is one to it
CLOSE = 1e-10  # in log θ: a step after which nothing is left to gain
# Central differences of eighth order: multiples of the step, weights of a slope and of a bend.
WEIGHTS = (
    (1, 4 / 5, 8 / 5), (2, -1 / 5, -1 / 5), (3, 4 / 105, 8 / 315), (4, -1 / 280, -1 / 560),
)  # fmt: skip
STEP = 0.01


@dataclass(frozen=True, eq=False)
class OwnMode:
    """A mode of (β, log θ), the scale given.

    Attributes
    ----------
    theta : mapping
        What was unknown, by name.
    b : ndarray (p,)
        The penalised optimum there.
    slope : float
        Largest derivative of the log density in log θ, in nats.
    modes : int
        How many local maxima were seen.
    limit : str
        In words, what θ is at its limit; empty elsewhere.
    """

    theta: dict[str, float]
    b: Array
    slope: float
    modes: int
    limit: str = ""


def own_mode(problem: Problem, seed: int = 0) -> OwnMode:
    """The highest mode of (β, log θ) that several starts lead to, the scale(s) given.

    Parameters
    ----------
    problem : Problem
        Every scale known, something of the likelihood's own unknown.
    seed : int, default 0
        Of the starts in b where J has several optima.

    Raises
    ------
    NotSupported
        If the density rises without bound, as σ → 0 on rows that are met.

    References
    ----------
    Lange, Little & Taylor (1989), JASA 84(408), §3, on df by profile; Fernández & Steel (1999),
    "Multivariate Student-t regression models: pitfalls and inference", Biometrika 86(1), on the
    density that has no maximum.

    Examples
    --------
    >>> import bayesreg as br
    >>> X, y = [[0.0], [1.0], [2.0], [3.0], [4.0]], [0.1, 1.0, 2.3, 2.8, 9.0]
    >>> problem = br.Model(br.Normal(10.0), br.LaplaceNoise()).condition(X, y)
    >>> mode = own_mode(problem)
    >>> round(mode.theta["sigma"], 3), mode.slope < 1e-6
    (1.06, True)
    """
    limit = _at_limit(problem, seed)
    if limit is not None:
        return limit
    profile = _Profile.of(problem, seed)
    found: list[tuple[float, Array, Array]] = []
    for k in range(3):
        t = profile.climb(k, [other for _, other, _ in found])
        value, slopes, _, at = profile.look(t)
        if not np.all(np.abs(slopes) <= AT_REST * profile.rows):
            continue
        if all(np.max(np.abs(t - other)) > SAME for _, other, _ in found):
            found.append((value, t, at.b))
    if not found:
        raise NotSupported(
            f"the joint mode of {profile.said} was not reached: the density of it may rise without "
            "bound, as it does for σ → 0 where some coefficients meet enough rows exactly; give "
            f"{' and '.join(problem.unknown)}, or a proper prior of them, or use hyper=post with a "
            "posterior's medians"
        )
    _, t, b = max(found, key=lambda mode: mode[0])
    slope = float(np.max(np.abs(profile.look(t)[1])))
    return OwnMode(profile.theta(t), b, slope, len(found))


def null_theta(problem: Problem) -> dict[str, float]:
    """θ of the best fit without effects, b = 0."""
    profile = _Profile.of(problem, 0)
    theta = profile.theta(profile.start(0))
    for _ in range(TURNS):
        fixed = problem.at(**theta)
        theta = _given_eta(profile, fixed.loss.start)
    return theta


def theta_at(problem: Problem, fixed: Problem, theta: dict[str, float]) -> dict[str, float]:
    """θ and the optimum at the λ's of `fixed`, each the best given the other."""
    profile, b = _Profile.of(problem, 0), None
    for _ in range(TURNS):
        b = newton.solve(fixed, start=b).b
        new = _given_eta(profile, fixed.loss.at(b))
        moved = max(abs(math.log(new[name] / theta[name])) for name in new)
        theta = new
        if moved < SAME:
            break
        fixed = _at_same_lam(problem, fixed, theta)
    return theta


def _at_same_lam(problem: Problem, fixed: Problem, theta: dict[str, float]) -> Problem:
    """The problem at another θ, with the λ's of a fixed one."""
    before, after = fixed.penalty.root or 1.0, problem.at(**theta).penalty.root or 1.0
    scales = []
    for block, asked in zip(fixed.blocks, problem.blocks, strict=True):
        if asked.scale is not None:
            continue
        assert block.scale is not None
        power = 2.0 if isinstance(block.prior, Penalised) and block.prior.kinked else 1.0
        one = block.scale * (after / before) ** power
        unit = (problem.at(**theta).sigma or 1.0) / (fixed.sigma or 1.0)
        scales.append(one / unit if block.prior.unit == "sigma" else one)
    return problem.at(**theta, scale=scales)


def _given_eta(profile: _Profile, at: Point) -> dict[str, float]:
    """θ at the maximum of log p(y | η, θ) + log p(log θ), η held."""
    from scipy.optimize import minimize

    def minus(t: Array) -> tuple[float, Array]:
        value, slope, _ = profile.bends(lambda s: profile.fit(at, s), t)
        return -value, -slope

    limits, loss = profile.problem.likelihood.limits, profile.problem.loss
    for name in set(profile.names) & set(limits):
        if len(profile.names) == 1 and loss.likelihood.rises(loss.y, at.eta, loss.weights):
            return {name: limits[name][0]}
    start = profile.start(0)
    bounds = list(zip(*profile.between(start), strict=True))
    return profile.theta(minimize(minus, start, jac=True, method="L-BFGS-B", bounds=bounds).x)


@dataclass(frozen=True, eq=False)
class _Profile:
    """F along t = log θ; `spread` is the size of a deviation, `scaled` counts columns by σ."""

    problem: Problem
    names: tuple[str, ...]
    spread: float
    scaled: int
    seed: int
    known: dict[bytes, tuple[float, Array, Array, Point]]

    @classmethod
    def of(cls, problem: Problem, seed: int) -> _Profile:
        design = problem.design
        assert design is not None
        left = design.y - (0.0 if design.offset is None else design.offset)
        middle = float(np.median(left))
        spread = float(np.average(np.abs(left - middle), weights=design.weights)) or 1.0
        scaled = sum(len(b.columns) for b in problem.blocks if b.prior.unit == "sigma")
        return cls(problem, tuple(problem.unknown), spread, scaled, seed, {})

    @property
    def said(self) -> str:
        """(β, log σ, …)."""
        signs = {"sigma": "σ"}
        return f"({', '.join(['β', *(f'log {signs.get(n, n)}' for n in self.names)])})"

    @property
    def rows(self) -> float:
        """N."""
        return float(self.problem.n)

    def theta(self, t: Array) -> dict[str, float]:
        """θ by name."""
        return {name: math.exp(v) for name, v in zip(self.names, t, strict=True)}

    def start(self, k: int) -> Array:
        """The k-th place to climb from."""
        return np.array(
            [
                STARTS[name][k] + (math.log(self.spread) if name == "sigma" else 0.0)
                for name in self.names
            ]
        )

    def between(self, start: Array) -> tuple[Array, Array]:
        """How far log θ may go from a start; upwards to its limit, where it has one."""
        limits = self.problem.likelihood.limits
        top = [math.log(limits[n][0]) if n in limits else -math.inf for n in self.names]
        return start - FURTHEST, np.maximum(start + FURTHEST, top)

    def look(self, t: Array) -> tuple[float, Array, Array, Point]:
        """F, its gradient, the second derivatives at fixed b, and the point of the loss at t."""
        key = np.asarray(t, dtype=float).tobytes()
        if key not in self.known:
            fixed = self.problem.at(**self.theta(t))
            near = min(
                self.known.items(),
                key=lambda item: float(np.max(np.abs(np.frombuffer(item[0]) - t))),
                default=None,
            )
            start = None if near is None else near[1][3].b
            at = fixed.loss.at(newton.solve(fixed, start=start, seed=self.seed).b)
            self.known[key] = *self.bends(lambda s: self.value(at, s), t), at
        return self.known[key]

    @cached_property
    def summed(self) -> Summed:
        """Σ w log p of many θ at one η, up to a constant."""
        loss = self.problem.loss
        facts = {k: v for k, v in loss.theta.items() if k not in self.problem.own}
        return loss.likelihood.summed(loss.y, loss.weights, facts)

    def fit(self, at: Point, t: Array) -> Array:
        """log p(y | η, θ) + log p(log θ) (S,) of many t (S, k), η held."""
        theta = {k: np.full((1, 1), v) for k, v in self.problem.known.items()}
        theta |= {k: np.exp(t[:, [j]]) for j, k in enumerate(self.names)}
        laws = list(self.problem.unknown.values())
        prior = [
            sum(p.log_density_of_log(float(v)) for p, v in zip(laws, row, strict=True)) for row in t
        ]
        return np.asarray(self.summed(at.eta[None], theta) + prior)

    def value(self, at: Point, t: Array) -> Array:
        """The same with log p(b | θ), b held."""
        return self.fit(at, t) + [self._of_b(at.b, row) for row in t]

    def _of_b(self, b: Array, t: Array) -> float:
        """log p(b | θ) up to a constant: σ alone says anything of it."""
        if "sigma" not in self.names:
            return self._penalised(self.problem.at(**self.theta(self.start(0))), b)
        fixed = self.problem.at(**self.theta(t))
        return self._penalised(fixed, b) - self.scaled * math.log(fixed.sigma or 1.0)

    @staticmethod
    def _penalised(fixed: Problem, b: Array) -> float:
        return -float(penalty_value(fixed, b)) / (fixed.penalty.phi or 1.0)

    def bends(self, value: Map, t: Array) -> tuple[float, Array, Array]:
        """A smooth function of t, its slopes and second derivatives along each log θ (k,)."""
        k, far = len(t), np.array([j for j, _, _ in WEIGHTS])
        moves = STEP * np.concatenate([far, -far])
        every = np.concatenate([[np.zeros(k)], *(np.outer(moves, unit) for unit in np.eye(k))])
        found = value(t + every)
        up, down = found[1:].reshape(k, 2, len(far)).swapaxes(0, 1)
        first, second = (np.array(w) for w in list(zip(*WEIGHTS, strict=True))[1:])
        bend = (up + down - 2.0 * found[0]) @ second / STEP**2
        return float(found[0]), (up - down) @ first / STEP, bend

    def climb(self, k: int, known: Sequence[Array] = ()) -> Array:
        """A mode from the k-th start; one of those `known` where it leads to that."""
        if len(self.names) == 1:
            return self._climb_one(self.start(k), known)
        return self._climb_several(self.start(k))

    def _climb_one(self, t: Array, known: Sequence[Array]) -> Array:
        """Newton's method in log θ, the curvature by a secant, within where F is known to fall.

        At first the curvature is that at fixed b, which is never less than F's own: steps are too
        short and not too long.
        """
        start, low, high, before = t, -math.inf, math.inf, None
        for _ in range(CLIMBS):
            _, (slope,), (bend,), _ = self.look(t)
            low, high = (float(t[0]), high) if slope > 0.0 else (low, float(t[0]))
            if before is not None and t[0] != before[0]:
                secant = (slope - before[1]) / (t[0] - before[0])
                bend = secant if secant < 0.0 else bend
            step = -slope / bend if bend < 0.0 else math.copysign(LONG, slope)
            step = float(np.clip(step, -LONG, LONG))
            near = [one for one in known if abs(t[0] + step - one[0]) <= NEAR]
            if near:
                return near[0]
            if not low < t[0] + step < high:
                step = 0.5 * (low + high) - float(t[0])
            before = float(t[0]), slope
            t = np.clip(t + step, *self.between(start))
            if abs(step) <= CLOSE or t[0] == before[0]:
                break
        return t

    def _climb_several(self, start: Array) -> Array:
        """L-BFGS-B, then the root of the gradient."""
        from scipy.optimize import minimize, root

        low, high = self.between(start)
        bounds = list(zip(low, high, strict=True))

        def minus(t: Array) -> tuple[float, Array]:
            value, slope, _, _ = self.look(t)
            return -value, -slope

        t = minimize(
            minus, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"gtol": 1e-7}
        ).x
        if np.all((t > low) & (t < high)):
            closer = root(lambda s: self.look(s)[1], t, method="hybr", tol=1e-12).x
            if np.max(np.abs(closer - t)) < 0.1:
                t = closer
        return np.asarray(t)


def _at_limit(problem: Problem, seed: int) -> OwnMode | None:
    """The mode at θ → ∞, where the likelihood itself rises all the way there; else None."""
    for name, (value, words) in problem.likelihood.limits.items():
        if name not in problem.unknown or len(problem.unknown) > 1:
            continue
        fixed = problem.at(**{name: value})
        loss, b = fixed.loss, newton.solve(fixed, seed=seed).b
        eta = loss.at(b).eta
        if problem.likelihood.rises(loss.y, eta, loss.weights):
            return OwnMode({name: value}, b, 0.0, 1, f"∞, for which {value:g} stands: {words}")
    return None
