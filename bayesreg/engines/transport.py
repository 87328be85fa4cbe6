r"""A map from coordinates about standard normal to (γ, w), which follows one unknown scale.

Under b = s·Dz, z ~ N(0, I), with D known, η = o + Gγ + e^r Fw as in
:mod:`bayesreg.engines.row_space`, r = log s above an origin. Where rows are separated w is all but
normal at a small s, and held by walls that are 1/s wide at a large one: given w, r hardly moves. On
nodes of r half a unit apart expectation propagation (:mod:`bayesreg.engines.propagation`) says the
mean m and the covariance LL' of (γ, w) given r, L lower triangular; and

    (γ, w) = m + L·T(v),    T_j(v) = a_j + b_j v ± c_j S(±v),    S(v) = log(1 + e^(κ(v + δ)))/κ

gives each coordinate the skewness that its row has beside its site: from b = 1, c = 0, which is
normal, to about half-normal. m, L and a, b, c are interpolated linearly between nodes. L stays
triangular and all slopes positive, so that the map is one to one at every r, with
log |∂(γ, w)/∂v| = Σ log L_jj + Σ log T_j'(v_j).

v is moved by trajectories at r held, whose steps a pilot settled node by node; r by slices at v
held, with the volume of the map (a change of variables, so that both leave the posterior as it is,
however good the map is).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.linalg import solve_triangular

from bayesreg.engines.laplace_tangent import RATE
from bayesreg.engines.propagation import Matched, matched
from bayesreg.engines.row_space import CALLS, Factored, Prepared, Span, together
from bayesreg.engines.strands.slices import Hyper, log_hyper, shrink
from bayesreg.language.arguments import Array

if TYPE_CHECKING:
    from bayesreg.engines.laplace_tangent import Chains
    from bayesreg.engines.strands.iteration import Steps

SPACING = 0.5  # of nodes, in log s
DEEP, MOST = 7.0, 24  # nats below the highest node, and nodes on a side, where they end
KAPPA, DELTA = 1.3, 0.35  # of S: its slope is near that of a half-normal's quantiles
LEAST_SLOPE = 0.02  # of T, beside its largest
LONGEST = 8  # steps of a trajectory
FEWEST, TIMES, PER_SD = 2, 8, 4.0  # trajectories of an iteration, and for each sd of log s
WIDE = 8.0  # interval of a slice of log s
WANTED, FIRST, LARGEST = 0.8, 0.5, 1.5  # share accepted; step at first, and at most
PILOT, SPEED = 96, 0.7  # trajectories that settle the steps, and how fast
TURNS = 100  # of Newton's method on T, which takes a few


@dataclass(frozen=True, eq=False)
class Transport:
    """The map on nodes.

    Attributes
    ----------
    made : Factored
        F and Q at the origin.
    spread : ndarray (n, m)
        (G F).
    fixed : ndarray (n,)
        η at γ = `at`, w = 0.
    at : ndarray (k,)
        What γ is counted from.
    origin : float
        log s at r = 0.
    nodes : ndarray (K,)
        r; of one node, where no scale is unknown.
    centre, lower, curve, side : ndarray (K, m), (K, m, m), (K, 3, m), (m,)
        m, L, and a, b, c, ±.
    log_step : ndarray (K,)
        Of trajectories.
    times : int
        Trajectories of an iteration, each with a slice of r.
    """

    made: Factored
    spread: Array
    fixed: Array
    at: Array
    origin: float
    nodes: Array
    centre: Array
    lower: Array
    curve: Array
    side: Array
    log_step: Array
    times: int

    def between(self, r: Array) -> tuple[Any, Any, Array]:
        """The nodes on both sides, and the weight of the second; the last one's beyond the ends."""
        last = len(self.nodes) - 1
        place = np.fmin(np.fmax((r - self.nodes[0]) / SPACING, 0.0), last)
        low = np.minimum(place.astype(np.intp), max(last - 1, 0))
        return low, np.minimum(low + 1, last), place - low

    def mixed(self, name: str, r: Array) -> Array:
        """`centre`, `lower`, `curve` or `log_step` at r (R,)."""
        kept = getattr(self, name)
        low, high, share = self.between(r)
        share = share.reshape(-1, *(1,) * (kept.ndim - 1))
        found = kept[low]
        found += share * (kept[high] - found)
        return np.asarray(found)

    def placed(self, v: Array, r: Array) -> tuple[Array, Array]:
        """(γ, w) of v (R, m) at r (R,), and the log volume there."""
        curve = self.mixed("curve", r)
        t, slope, _ = curved(curve, self.side, v)
        where = self.mixed("centre", r)
        for i, (low, high, share) in enumerate(zip(*self.between(r), strict=True)):
            where[i] += (1.0 - share) * (self.lower[low] @ t[i]) + share * (self.lower[high] @ t[i])
        return where, self.log_det(r) + np.log(slope).sum(axis=1)

    def log_det(self, r: Array) -> Array:
        """Σ log L_jj."""
        low, high, share = self.between(r)
        one, other = self._diagonal[low], self._diagonal[high]
        return np.asarray(np.log(one + share[:, None] * (other - one)).sum(axis=1))

    @cached_property
    def _diagonal(self) -> Array:
        return np.diagonal(self.lower, axis1=1, axis2=2).copy()

    def back(self, where: Array, r: Array) -> Array:
        """v of (γ, w)."""
        pairs = zip(self.mixed("lower", r), where - self.mixed("centre", r), strict=True)
        t = np.array([solve_triangular(low, x, lower=True, check_finite=False) for low, x in pairs])
        return uncurved(self.mixed("curve", r), self.side, t)

    def eta(self, where: Array, r: Array) -> Array:
        """η (R, n)."""
        k = len(self.at)
        scaled = np.hstack([where[:, :k], np.exp(r)[:, None] * where[:, k:]])
        return np.asarray(self.fixed + scaled @ self.spread.T)


@dataclass(frozen=True, eq=False, kw_only=True)
class Mapped(Prepared):
    """A setup with its map."""

    map: Transport


# --- T ------------------------------------------------------------------------------------------


def curved(curve: Array, side: Array, v: Array) -> tuple[Array, Array, Array]:
    """T (R, m), its slope, and the slope's, by coefficients (R, 3, m)."""
    a, b, c = curve.swapaxes(0, 1)
    x = KAPPA * (side * v + DELTA)
    small = np.exp(-np.abs(x))
    soft = np.maximum(x, 0.0) + np.log1p(small)
    rise = np.where(x > 0.0, 1.0, small) / (1.0 + small)
    value = a + b * v + (side / KAPPA) * c * soft
    return value, b + c * rise, (KAPPA * side) * c * rise * (1.0 - rise)


def uncurved(curve: Array, side: Array, t: Array) -> Array:
    """v of T = t by Newton's method: T is convex or concave, and is met from one side."""
    v = t.copy()
    for _ in range(TURNS):
        value, slope, _ = curved(curve, side, v)
        step = (value - t) / slope
        v -= step
        if not np.any(np.abs(step) > 1e-13 * (1.0 + np.abs(v))):
            break
    return v


@cache
def _family() -> tuple[Array, Array, Array, Array]:
    """Skewness, λ, mean and sd of λv + (1 − λ)S(v) under a normal v."""
    z = np.linspace(-9.0, 9.0, 1201)
    weight = np.exp(-0.5 * z * z)
    weight /= weight.sum()
    share = np.linspace(1.0, LEAST_SLOPE, 99)[:, None]
    t = share * z + (1.0 - share) * np.logaddexp(0.0, KAPPA * (z + DELTA)) / KAPPA
    mean = t @ weight
    centred = t - mean[:, None]
    sd = np.sqrt(np.square(centred) @ weight)
    return centred**3 @ weight / sd**3, share[:, 0], mean, sd


def skewed(skewness: Array, k: int) -> tuple[Array, Array]:
    """Coefficients (K, 3, k + n) of mean 0 and sd 1 with skewnesses (K, n), none of γ; the side.

    The side of a row is that of its largest; what is skewed the other way elsewhere is not, here.
    """
    side = np.where(skewness.max(axis=0) + skewness.min(axis=0) < 0.0, -1.0, 1.0)
    size = np.maximum(skewness * side, 0.0)
    size, side = np.pad(size, ((0, 0), (k, 0))), np.pad(side, (k, 0), constant_values=1.0)
    known, shares, means, sds = _family()
    share, mean, sd = (np.interp(size, known, one) for one in (shares, means, sds))
    return np.stack([-side * mean / sd, share / sd, (1.0 - share) / sd], axis=1), side


# --- nodes --------------------------------------------------------------------------------------


def transport(setup: Prepared, hyper: Hyper | None, sd: Array, log_scale: float) -> Transport:
    """About the reference point, where the prior sds are `sd` (p,) at `log_scale`."""
    loss, k = setup.at.problem.loss, setup.at.free
    made = Factored.of(Span(setup.x[k:]), sd[None])
    spread = np.hstack([setup.x[:k].T, made.f[0]])
    at = setup.at.at[:k]
    fixed = setup.fixed + at @ setup.x[:k]
    order = np.concatenate([np.arange(k), k + setup.given.order])
    zeta = setup.at.at[order] @ setup.x + setup.fixed - fixed

    def fit(x: Array) -> Array:
        value = loss.likelihood.log_density(loss.y, fixed + x, loss.theta)
        return np.asarray(setup.weights * np.nan_to_num(value, nan=-np.inf))

    phi = float(loss.likelihood.dispersion(loss.theta))
    slope, bend = loss.likelihood.derivatives(loss.y, fixed + zeta, loss.theta)
    tau = setup.weights * np.maximum(bend, 1e-6) / phi
    sites = tau, tau * zeta - setup.weights * slope / phi
    nodes = dict(sorted(_walk(fit, spread, k, sites, hyper, log_scale)))
    curve, side = skewed(np.array([one.skewness for one in nodes.values()]), k)
    return Transport(
        made=made,
        spread=spread,
        fixed=fixed,
        at=at,
        origin=log_scale,
        nodes=np.array(list(nodes)),
        centre=np.array([one.mean for one in nodes.values()]),
        lower=np.array([one.lower for one in nodes.values()]),
        curve=curve,
        side=side,
        log_step=np.full(len(nodes), math.log(FIRST)),
        times=_times(np.array(list(nodes)), np.array([one.height for one in nodes.values()])),
    )


def _times(nodes: Array, heights: Array) -> int:
    """More where r has far to go: given v it moves about half a unit."""
    mass = np.exp(heights - heights.max())
    mass /= mass.sum()
    sd = math.sqrt(max(float(mass @ np.square(nodes - mass @ nodes)), 0.0))
    return int(min(max(math.ceil(PER_SD * sd), FEWEST), TIMES))


def _walk(
    fit: Callable[[Array], Array],
    spread: Array,
    k: int,
    sites: tuple[Array, Array],
    hyper: Hyper | None,
    log_scale: float,
) -> Iterator[tuple[float, Matched]]:
    """Nodes from r = 0 both ways: until little is left of the posterior, or w has its prior."""

    def node(r: float, sites: tuple[Array, Array]) -> Matched:
        grown = np.hstack([spread[:, :k], math.exp(r) * spread[:, k:]])
        found = matched(fit, grown, k, sites)
        if hyper is None:
            return found
        prior = float(log_hyper(hyper, np.array([log_scale + r]))[0])
        return replace(found, height=found.height + prior)

    start = node(0.0, sites)
    best = start.height
    yield 0.0, start
    for side in (1.0, -1.0) if hyper is not None else ():
        last = start
        for i in range(1, MOST + 1):
            last = node(side * SPACING * i, last.sites)
            yield side * SPACING * i, last
            best = max(best, last.height)
            if last.height < best - DEEP or (side < 0.0 and last.like_prior(k)):
                break


# --- moves --------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Moves:
    """Of (v, r) under one setup and θ (R, 1)."""

    setup: Prepared
    map: Transport
    theta: dict[str, Any]
    hyper: Hyper | None

    def run(self, v: Array, r: Array, rng: np.random.Generator) -> tuple[Array, Array]:
        """A trajectory of v at r held, and each chain's chance to be accepted."""
        look = self.held(r)
        size = np.exp(self.map.mixed("log_step", r))[:, None]
        momentum = rng.standard_normal(v.shape)
        before, slope = look(v)
        before = before + 0.5 * np.square(momentum).sum(axis=1)
        x, after = v.copy(), before
        for _ in range(int(rng.integers(1, LONGEST + 1))):
            momentum -= 0.5 * size * slope
            x += size * momentum
            after, slope = look(x)
            momentum -= 0.5 * size * slope
        after = after + 0.5 * np.square(momentum).sum(axis=1)
        share = np.exp(np.minimum(before - after, 0.0))
        share[~np.isfinite(share)] = 0.0
        taken = rng.random(len(v)) < share
        return np.where(taken[:, None], x, v), share

    def held(self, r: Array) -> Callable[[Array], tuple[Array, Array]]:
        """−log density of v at r, up to a constant, and its slope."""
        setup, made, k = self.setup, self.map, len(self.map.at)
        likelihood, theta = setup.problem.likelihood, {**self.theta, **setup.facts}
        lower, centre, curve = (made.mixed(name, r) for name in ("lower", "centre", "curve"))
        grown = np.exp(r)[:, None]
        upper = lower.swapaxes(1, 2)

        def look(v: Array) -> tuple[Array, Array]:
            t, steep, bend = curved(curve, made.side, v)
            where = centre + (lower @ t[..., None])[..., 0]
            w, eta = where[:, k:], made.eta(where, r)
            first, _ = likelihood.derivatives(setup.y, eta, theta)
            first = setup.weights * first / likelihood.dispersion(self.theta)
            along = first @ made.spread
            along[:, k:] = grown * along[:, k:] + w
            value = 0.5 * np.square(w).sum(axis=1) - setup.log_likelihood(eta, self.theta)
            slope = (upper @ along[..., None])[..., 0] * steep - bend / steep
            return value - np.log(steep).sum(axis=1), slope

        return look

    def slid(self, v: Array, r: Array, rng: np.random.Generator) -> Array:
        """A slice of r at v held."""
        assert self.hyper is not None
        theta = {name: np.broadcast_to(x, (len(v), 1)) for name, x in self.theta.items()}

        def log_density(trial: Array, rows: Any) -> Array:
            own = {name: x[rows] for name, x in theta.items()}
            return self.log_density(v[rows], trial, own)

        return shrink(log_density, r, WIDE, rng, dear=True)

    def log_density(self, v: Array, r: Array, theta: Any) -> Array:
        """Of (v, r)."""
        made, k = self.map, len(self.map.at)
        where, volume = made.placed(v, r)
        value = self.setup.log_likelihood(made.eta(where, r), theta) + volume
        value -= 0.5 * np.square(where[:, k:]).sum(axis=1)
        if self.hyper is not None:
            value += log_hyper(self.hyper, made.origin + r)
        return np.asarray(value)


def settled(setup: Prepared, made: Transport, own: Array) -> Transport:
    """With the step at each node that gives the share wanted, by stochastic approximation."""
    rng, r = np.random.default_rng(20112), made.nodes
    theta = setup.own.theta(np.repeat(own[None], len(r), axis=0))
    v = rng.standard_normal(made.centre.shape)
    with np.errstate(all="ignore"):
        for i in range(PILOT):
            v, share = Moves(setup, made, theta, None).run(v, r, rng)
            step = made.log_step + SPEED * (share - WANTED) / math.sqrt(1.0 + i / 8.0)
            made = replace(made, log_step=np.minimum(step, math.log(LARGEST)))
    return made


def seconds(setup: Mapped) -> tuple[float, float]:
    """Calls, whatever the rows are; products of trajectories and slices, and b given w."""
    m, n = setup.x.shape
    times = setup.map.times
    looks = times * (0.5 * (1 + LONGEST) + 4.0)
    return looks * CALLS, (times * 20.0 + looks * 8.0) * n * n / RATE + 8.0 * m * n / RATE


def move(setup: Mapped, steps: Steps, state: Chains, sd: Array, rng: np.random.Generator) -> None:
    """Trajectories of v and slices of r, in turn; then b given w."""
    made, one, alone = setup.map, state.given, together(steps)
    k, r = len(made.at), np.zeros(len(sd))
    if alone:
        r = one.log_scale[:, 0] - made.origin
    z = np.where(sd > 0.0, one.b / np.where(sd > 0.0, sd, 1.0), 0.0)
    sd = sd * np.exp(-r)[:, None]
    theta = setup.own.theta(state.own)
    moves = Moves(setup, made, theta, steps.blocks[0].hyper if alone else None)
    v = made.back(np.hstack([state.free - made.at, made.made.within(z)]), r)
    for _ in range(made.times):
        v, share = moves.run(v, r, rng)
        state.taken = float(np.mean(share))
        if alone:
            r = moves.slid(v, r, rng)
    where, _ = made.placed(v, r)
    if alone:
        one.log_scale[:, 0] = made.origin + r
    one.b[:] = sd * made.made.filled(where[:, k:], rng) * np.exp(r)[:, None]
    state.free[:] = made.at + where[:, :k]
    state.eta = np.hstack([state.free, one.b]) @ setup.x + setup.fixed
    state.value[:] = setup.log_likelihood(state.eta, theta)
