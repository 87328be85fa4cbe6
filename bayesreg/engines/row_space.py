r"""Moves of engine hmc where columns are as many as rows: a trajectory in n dimensions, not in p.

Given the prior sds D of b = Dz, z ~ N(0, I), the likelihood sees Xb = Fw alone, where FF' = XD²X'
and w = F⁻¹XDz ~ N(0, I) has n coordinates; given w the rest of z has its prior,

    z | w = z₀ + DX'F⁻ᵀ(w − F⁻¹XDz₀),  z₀ ~ N(0, I)       (Hoffman & Ribak 1991, ApJ 380, L5).

Where D never changes but for a scale (γ, w) moves as in :mod:`bayesreg.engines.transport`. Else it
is moved along gradients of the log posterior in coordinates that make it about standard normal by
the curvature Ω of the rows that a pilot saw on average. Where one scale s serves all
columns, η = o + (s/ŝ)(Gγ + Fw), F that at ŝ, and two trajectories take turns: one at s held, with
Ω·(s/ŝ)^(−α) as the pilot saw it fall, after which log s is sliced along with η at (γ, w) held; and
one of (γ, w, log s) together, by Ω. The first is what moves where rows are separated and s is as
large as its prior lets it be, the second where rows say what s is.

X of centred columns has at most n − 1 dimensions, and fewer where rows repeat: F has a column for
each that X has, whatever D is (:class:`Span`). Where F is close to singular all the same, it comes
from a QR factorisation of DX', which squares nothing and has w = Q'z.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.linalg import qr, svd
from scipy.linalg.lapack import dtrtri, dtrtrs

from bayesreg.engines import laplace_tangent
from bayesreg.engines.laplace_tangent import Expanded
from bayesreg.engines.loops.arrays import CONSTANT, SLAB, WIDTH
from bayesreg.engines.strands.slices import Hyper, log_hyper, shrink
from bayesreg.language.arguments import Array

if TYPE_CHECKING:
    from bayesreg.engines.laplace_tangent import Chains
    from bayesreg.engines.strands.iteration import Steps

FIRST = 0.5  # step in units of the normal, before a pilot settles it
LONGEST = 24  # steps of a trajectory
NONE = 1e-12  # of the largest singular value: below it there is no dimension
CLOSE = 1e-5  # of a pivot beside the diagonal, below which a factor is found by QR
MOST_FALL = 1.5  # of a curvature as a scale grows
CALLS = 2e-4  # seconds of a step's calls on short arrays
SETTLED = 0.2  # of log s, between two pilots
STEP = 1e-4  # of a difference of a hyperprior's log density


@dataclass(frozen=True, eq=False)
class Metric:
    """By what (γ, w, log s) are measured: settled by a pilot, and fixed ever after.

    Attributes
    ----------
    omega : ndarray (n,)
        Curvature of −log L in η, row by row.
    log_scale : float
        ŝ: of the scale that moves with w.
    of_scale : float
        The sd of its logarithm given w.
    fall : float
        α.
    """

    omega: Array
    log_scale: float
    of_scale: float
    fall: float = 0.0

    def growth(self, shift: Array) -> Array:
        """Of s²Ω with log s above ŝ."""
        return np.exp((2.0 - self.fall) * shift)


def together(steps: Steps) -> bool:
    """Whether one unknown scale multiplies the prior sds of all columns."""
    blocks = steps.blocks
    return len(blocks) == 1 and blocks[0].unknown and blocks[0].law != SLAB


def shared(steps: Steps) -> bool:
    """Whether prior sds are the same at all times, but for a scale that moves with w."""
    fixed = all(one.law == CONSTANT and one.absolute for one in steps.blocks)
    return fixed and (together(steps) or not any(one.unknown for one in steps.blocks))


@dataclass(frozen=True, eq=False)
class Span:
    """X = VV'X on the dimensions that it has, whatever the prior sds of its columns.

    Attributes
    ----------
    x : ndarray (p, d)
        X'V, as F is sought from.
    basis : ndarray (n, d) or None
        V; None where X has as many dimensions as rows.
    """

    x: Array
    basis: Array | None = None

    @classmethod
    def of(cls, x: Array) -> Span:
        """Of X' (p, n), p ≥ n."""
        _, size, rows = svd(x, full_matrices=False, check_finite=False)
        kept = size > NONE * size[0]
        if np.all(kept) or not np.any(kept):
            return cls(x)
        basis = np.ascontiguousarray(rows[kept].T)
        return cls(np.ascontiguousarray(x @ basis), basis)


@dataclass(frozen=True, eq=False)
class Factored:
    """XD = FQ' for some chains, or one for all: F (1|R, n, d), Q (1|R, p, d)."""

    f: Array
    q: Array

    @classmethod
    def of(cls, span: Span, sd: Array) -> Factored:
        """Of what X spans and prior sds (R, p)."""
        p, d = span.x.shape
        f, q = np.empty((len(sd), d, d)), np.empty((len(sd), p, d))
        for i, own in enumerate(sd):
            f[i], q[i] = _factors(span.x * own[:, None])
        return cls(f if span.basis is None else span.basis @ f, q)

    def within(self, z: Array) -> Array:
        """w = Q'z."""
        return _times(self.q.swapaxes(1, 2), z)

    def filled(self, w: Array, rng: np.random.Generator) -> Array:
        """A draw of z | w."""
        z = rng.standard_normal((len(w), self.q.shape[1]))
        z += _times(self.q, w - self.within(z))
        return z


def _factors(half: Array) -> tuple[Array, Array]:
    """F and Q of half = DX' = QF'."""
    unit = np.sqrt(np.einsum("ij,ij->j", half, half))
    unit = np.where(unit > 0.0, unit, 1.0)
    scaled = half / unit
    try:
        lower = np.linalg.cholesky(scaled.T @ scaled)
        close = bool(np.diagonal(lower).min() < CLOSE)
    except np.linalg.LinAlgError:
        close = True
    if close:
        made, r = qr(half, mode="economic", check_finite=False)
        return r.T, made
    made = dtrtrs(lower, scaled.T, lower=1)[0].T
    return unit[:, None] * lower, made


@dataclass(frozen=True, eq=False)
class Whitened:
    """(γ, w) = T·v, by products with v (R, m).

    Attributes
    ----------
    along, own : ndarray (1|R, n, m), (1|R, m − k, m)
        (G F)·T, and the rows of T that make w.
    map, back : ndarray (1|R, m, m)
        T and its inverse.
    """

    along: Array
    own: Array
    map: Array
    back: Array

    @classmethod
    def of(cls, free: Array, f: Array, omega: Array) -> Whitened:
        """By the curvature Ω (1|R, n): F here is that at the metric's scale."""
        count, n, k = len(f), f.shape[1], free.shape[1]
        both = np.concatenate([np.broadcast_to(free, (count, n, k)), f], axis=2)
        half = both * np.sqrt(omega)[:, :, None]
        precision = half.swapaxes(1, 2) @ half
        diagonal = np.einsum("rii->ri", precision)
        diagonal[:, k:] += 1.0
        unit = 1.0 / np.sqrt(np.maximum(diagonal, 1e-200))
        precision *= unit[:, :, None] * unit[:, None, :]
        diagonal += 1e-12
        back = np.linalg.cholesky(precision).swapaxes(1, 2) / unit[:, None, :]
        inverse = np.stack([dtrtri(one)[0] for one in back])
        own = np.ascontiguousarray(inverse[:, k:])
        return cls(both @ inverse, own, inverse, back)


@dataclass(frozen=True, eq=False)
class Prepared(Expanded):
    """An expansion with the rows' log density, and the step that a pilot settled."""

    y: Array = dataclasses.field(default_factory=lambda: np.empty(0))
    weights: Array = dataclasses.field(default_factory=lambda: np.empty(0))
    facts: dict[str, Array] = dataclasses.field(default_factory=dict)
    sizes: tuple[float, float] = (FIRST, FIRST)  # with scales held, and with one that moves
    metric: Metric | None = None  # where it moves in as many dimensions as there are rows
    span: Span | None = None  # of the columns beside the free ones, there


def move(setup: Prepared, steps: Steps, state: Chains, sd: Array, rng: np.random.Generator) -> None:
    """One trajectory of every chain, of the same number of steps; then b given w."""
    metric, one, k = setup.metric, state.given, state.free.shape[1]
    assert metric is not None
    assert setup.span is not None
    alone, theta = together(steps), setup.own.theta(state.own)
    hyper = steps.blocks[0].hyper if alone else None
    shift = one.log_scale[:, 0] - metric.log_scale if alone else np.zeros(len(sd))
    z = np.where(sd > 0.0, one.b / np.where(sd > 0.0, sd, 1.0), 0.0)
    sd = sd * np.exp(-shift)[:, None]
    joint = turn(steps, state)
    made = Factored.of(setup.span, sd)
    omega = metric.omega[None] * (1.0 if joint else metric.growth(shift)[:, None])
    white = Whitened.of(setup.x[:k].T, made.f, omega)
    centre, grown = setup.at.at[:k], np.exp(shift)[:, None]
    at = np.hstack([(state.free - centre) / grown, made.within(z)])
    path = Path(setup, white, hyper, metric, theta, joint)
    v, shift, state.taken = path.run(_times(white.back, at), shift, rng)
    if alone and not joint:
        shift = path.stretched(v, shift, rng)
    at = _times(white.map, v)
    grown = np.exp(shift)[:, None]
    if alone:
        one.log_scale[:, 0] = metric.log_scale + shift
    one.b[:] = sd * made.filled(at[:, k:], rng) * grown
    state.free[:] = centre + at[:, :k] * grown
    state.eta = np.hstack([state.free, one.b]) @ setup.x + setup.fixed
    state.value[:] = setup.log_likelihood(state.eta, theta)


def turn(steps: Steps, state: Chains) -> int:
    """1 where it is the turn of a trajectory that moves a scale too."""
    return state.steps % 2 if together(steps) else 0


@dataclass(frozen=True, eq=False)
class Path:
    """Trajectories of (v, r), r the logarithm of the scale above the metric's."""

    setup: Prepared
    white: Whitened
    hyper: Hyper | None
    metric: Metric
    theta: dict[str, Any]
    joint: int

    def run(self, v: Array, shift: Array, rng: np.random.Generator) -> tuple[Array, Array, float]:
        """Where it ends, or began, and the share accepted."""
        momentum, of_scale = rng.standard_normal(v.shape), rng.standard_normal(len(v))
        speed, size = self.metric.of_scale * self.joint, self.setup.sizes[self.joint]
        before, along, slope = self.look(v, shift)
        before = before + 0.5 * (np.square(momentum).sum(axis=1) + np.square(of_scale))
        x, r = v.copy(), shift.copy()
        for _ in range(int(rng.integers(1, LONGEST + 1))):
            momentum -= 0.5 * size * along
            of_scale -= 0.5 * size * speed * slope
            x += size * momentum
            r += size * speed * of_scale
            after, along, slope = self.look(x, r)
            momentum -= 0.5 * size * along
            of_scale -= 0.5 * size * speed * slope
        after = after + 0.5 * (np.square(momentum).sum(axis=1) + np.square(of_scale))
        share = np.exp(np.minimum(before - after, 0.0))
        share[~np.isfinite(share)] = 0.0
        taken = rng.random(len(v)) < share
        ends = np.where(taken[:, None], x, v), np.where(taken, r, shift)
        return *ends, float(np.mean(share))

    def look(self, v: Array, shift: Array) -> tuple[Array, Array, Array]:
        """−log posterior and its slopes along v and r."""
        setup, white, likelihood = self.setup, self.white, self.setup.problem.likelihood
        grown = np.exp(shift)[:, None]
        w, own = _times(white.own, v), grown * _times(white.along, v)
        eta = self.fixed + own
        first, _ = likelihood.derivatives(setup.y, eta, {**self.theta, **setup.facts})
        first = setup.weights * first / likelihood.dispersion(self.theta)
        along = _times(white.along.swapaxes(1, 2), grown * first)
        along += _times(white.own.swapaxes(1, 2), w)
        value = 0.5 * np.square(w).sum(axis=1) - setup.log_likelihood(eta, self.theta)
        value -= self.log_prior(shift)
        slope = np.einsum("ri,ri->r", first, own)
        if self.joint:
            ahead, behind = self.log_prior(shift + STEP), self.log_prior(shift - STEP)
            slope -= (ahead - behind) / (2.0 * STEP)
        return value, along, slope

    @property
    def fixed(self) -> Array:
        """η at w = 0."""
        k = self.setup.at.free
        return np.asarray(self.setup.fixed + self.setup.at.at[:k] @ self.setup.x[:k])

    def log_prior(self, shift: Array) -> Array:
        """Of r, with what γ, held in units of s, has of it."""
        if self.hyper is None:
            return np.zeros(len(shift))
        own = log_hyper(self.hyper, self.metric.log_scale + shift)
        return np.asarray(own + self.setup.at.free * shift)

    def stretched(self, v: Array, shift: Array, rng: np.random.Generator) -> Array:
        """A slice of r at v held."""
        own, fixed = _times(self.white.along, v), self.fixed
        theta = {k: np.broadcast_to(t, (len(v), 1)) for k, t in self.theta.items()}

        def log_density(trial: Array, rows: Any) -> Array:
            eta = np.exp(trial)[:, None] * own[rows] + fixed
            at = {name: value[rows] for name, value in theta.items()}
            return np.asarray(self.setup.log_likelihood(eta, at) + self.log_prior(trial))

        return shrink(log_density, shift, WIDTH, rng, dear=True)


def metric(setup: Prepared, own: Array, etas: Array, fitted: Array, log_scale: Array) -> Metric:
    """Of θ's logarithms (S, q), η and Xb (S, n), log s (S,) at points like the posterior's."""
    likelihood, theta = setup.problem.likelihood, setup.own.theta(own)
    _, bend = likelihood.derivatives(setup.y, etas, {**theta, **setup.facts})
    each = np.atleast_2d(bend / likelihood.dispersion(theta))
    each = setup.weights * np.maximum(np.nan_to_num(each), 0.0)
    omega, centred = each.mean(axis=0), log_scale - log_scale.mean()
    along, fall = np.median(np.einsum("si,si->s", np.square(fitted), each)), 0.0
    if np.ptp(log_scale) > 0.0:
        whole = np.log(np.maximum(each.sum(axis=1), 1e-200))
        fall = float(np.clip(-(centred @ whole) / (centred @ centred), 0.0, MOST_FALL))
    of_scale = float(1.0 / np.sqrt(1.0 + along))
    return Metric(omega, float(log_scale.mean()), of_scale, fall)


def seconds(setup: Prepared) -> tuple[float, float]:
    """Calls, whatever the rows are; the factors and a trajectory."""
    m, n = setup.x.shape
    steps = 0.5 * (1 + LONGEST)
    products = 2.0 * m * n * n + 6.0 * n**3 + steps * 8.0 * n * n + 8.0 * m * n
    return steps * CALLS, products / laplace_tangent.RATE + 3e-8 * n * steps


def near(one: Metric, other: Metric) -> bool:
    """Whether a pilot found the scale where the one before did."""
    return abs(one.log_scale - other.log_scale) < SETTLED


def _times(a: Array, v: Array) -> Array:
    """Av of every chain, by one product where all have the same A."""
    return v @ a[0].T if len(a) == 1 else np.asarray((a @ v[..., None])[..., 0])
