r"""The joint mode of (β, log θ), θ what a likelihood has of its own that is unknown: σ, df, shape.

    F(t) = max_b [log p(y | η, θ) + log p(b | θ)] + log p(log θ = t),    t = log θ

with b at a certified optimum for each θ, so that ∂F/∂t is the derivative at fixed b: the envelope
theorem. F may have several modes: it is climbed from several θ, and refused where it rises without
bound because rows are met exactly.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bayesreg.language.arguments import Array
from bayesreg.language.errors import NotSupported
from bayesreg.model.loss import Point
from bayesreg.priors import Penalised
from bayesreg.solvers import newton
from bayesreg.solvers.objective import penalty_value

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem

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
# Central differences of eighth order.
WEIGHTS = ((1, 4 / 5), (2, -1 / 5), (3, 4 / 105), (4, -1 / 280))
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
        t = profile.climb(k)
        value, slopes, at = profile.at(t)
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
    slope = float(np.max(np.abs(profile.at(t)[1])))
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
        return -profile.fit(at, t), -profile.slope_of(lambda s: profile.fit(at, s), t)

    limits, loss = profile.problem.likelihood.limits, profile.problem.loss
    for name in set(profile.names) & set(limits):
        if len(profile.names) == 1 and loss.likelihood.rises(loss.y, at.eta, loss.weights):
            return {name: limits[name][0]}
    start = profile.start(0)
    bounds = [(v - FURTHEST, v + FURTHEST) for v in start]
    return profile.theta(minimize(minus, start, jac=True, method="L-BFGS-B", bounds=bounds).x)


@dataclass(frozen=True, eq=False)
class _Profile:
    """F along t = log θ; `spread` is the size of a deviation, `scaled` counts columns by σ."""

    problem: Problem
    names: tuple[str, ...]
    spread: float
    scaled: int
    seed: int
    known: dict[bytes, tuple[float, Array, Point]]

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

    def at(self, t: Array) -> tuple[float, Array, Point]:
        """F, its gradient and the point of the loss at t."""
        key = np.asarray(t, dtype=float).tobytes()
        if key not in self.known:
            fixed = self.problem.at(**self.theta(t))
            near = min(
                self.known.items(),
                key=lambda item: float(np.max(np.abs(np.frombuffer(item[0]) - t))),
                default=None,
            )
            start = None if near is None else near[1][2].b
            at = fixed.loss.at(newton.solve(fixed, start=start, seed=self.seed).b)
            slope = self.slope_of(lambda s: self.value(at, s), t)
            self.known[key] = (self.value(at, t), slope, at)
        return self.known[key]

    def fit(self, at: Point, t: Array) -> float:
        """log p(y | η, θ) + log p(log θ), η held."""
        loss = self.problem.loss
        theta = {**loss.theta, **self.theta(t)}
        total = float(loss.weights @ loss.likelihood.log_density(loss.y, at.eta, theta))
        priors = zip(self.problem.unknown.values(), t, strict=True)
        return total + sum(prior.log_density_of_log(float(v)) for prior, v in priors)

    def value(self, at: Point, t: Array) -> float:
        """The same with log p(b | θ), b held."""
        fixed = self.problem.at(**self.theta(t))
        phi = fixed.penalty.phi or 1.0
        log_sigma = math.log(fixed.sigma or 1.0)
        return self.fit(at, t) - float(penalty_value(fixed, at.b)) / phi - self.scaled * log_sigma

    def slope_of(self, value: object, t: Array) -> Array:
        """The gradient in t of a smooth function of it."""
        out = np.zeros(len(t))
        for j, unit in enumerate(np.eye(len(t)) * STEP):
            out[j] = sum(w * (value(t + k * unit) - value(t - k * unit)) for k, w in WEIGHTS)  # type: ignore[operator]
        return out / STEP

    def climb(self, k: int) -> Array:
        """A mode from the k-th start: L-BFGS-B, then the root of the gradient."""
        from scipy.optimize import minimize, root

        start = self.start(k)
        bounds = [(v - FURTHEST, v + FURTHEST) for v in start]

        def minus(t: Array) -> tuple[float, Array]:
            value, slope, _ = self.at(t)
            return -value, -slope

        t = minimize(
            minus, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"gtol": 1e-7}
        ).x
        if np.all(np.abs(t - start) < FURTHEST):
            closer = root(lambda s: self.at(s)[1], t, method="hybr", tol=1e-12).x
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
