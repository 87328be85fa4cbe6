r"""Engine tangent: independence Metropolis about the second-order expansion of log L, in NumPy.

Given the prior sds D = diag(√v) of b, with u = (γ, b) and log L ≈ c'u − ½u'Hu about the reference
point (:mod:`bayesreg.engines.reference`), one iteration is

1. *u | D, θ*: u′ ~ N(A⁻¹c, A⁻¹), A = H + diag(0, 1/v), accepted with probability
   min(1, ρ(u′)/ρ(u)), ρ = L·exp(−c'u + ½u'Hu) (Tierney 1994, Annals of Statistics 22(4), §2.3.3);
   where such proposals are refused often, elliptical slice sampling of ρ against the same normal
   (Murray, Adams & MacKay 2010, AISTATS; Nishihara, Murray & Adams 2014, JMLR 15);
2. *θ | u*: the likelihood's own unknowns by proposals like what the pilot saw of them, and by
   slices in every eighth iteration;
3. *scales and local variances* as in engine gibbs, each scale with its local variances integrated
   out; then each scale along with its coefficients.

The prior enters only through D, so whatever is a scale mixture of normals is served. ρ may be
unbounded: now and then H and c are taken smaller, which proposes wider, with a ratio of its own.
Under a likelihood that is one quadratic ρ is constant, and u is drawn exactly.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.engines.chains import Output, one_blas_thread
from bayesreg.engines.kernel import Needs, SideBySide
from bayesreg.engines.loops.arrays import SLAB, WIDTH
from bayesreg.engines.mixture import Setup, beside
from bayesreg.engines.reference import Reference, reference
from bayesreg.engines.strands.iteration import Block, State, Steps
from bayesreg.engines.strands.linear import backward, forward
from bayesreg.engines.strands.own import OwnUnknowns
from bayesreg.engines.strands.slices import log_hyper, shrink
from bayesreg.language.arguments import Array
from bayesreg.likelihoods import Likelihood
from bayesreg.priors import ScaleMixture

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem

NAME = "tangent"
WIDER = 0.6  # of H and c in every tenth iteration
TENTH = 10
EIGHTH = 8  # iterations, of which one slices θ
FEW = 0.6  # share of proposals accepted below which ellipses are sliced in turn with them
POOR = 0.4  # below which this engine is not the one to ask
MOST = 0.7  # above which log L is near enough a quadratic
RESTS = 1, 4, 16  # iterations that a scale rests from moving with b: below FEW, MOST, and above
PILOT_ROWS, PILOT_STEPS = 16, 48  # of which the second half is counted
TURNS = 60  # of an angle's interval: far more than halving needs
SMALLEST, LARGEST = 1e-120, 1e120  # prior sds are held between
CALL = 2.5e-6  # seconds of a call on a short array
ROW = 9e-9  # of a row's log density, and of its η for each column a tenth
RATE = 4e9  # operations a second


def unfit(problem: Problem) -> str | None:
    """What types cannot say, of this engine and of hmc."""
    if not problem.p and not len(problem.flat) and not problem.intercept:
        return "it needs a column or an intercept"
    if problem.design is None:
        return f"it needs rows, and {problem.rowless}"
    return None


def _unfit(problem: Problem) -> str | None:
    if problem.n <= problem.p and not problem.exact:
        return "it proposes about the mode, which needs more rows than columns"
    return unfit(problem)


supports = Needs((Likelihood,), (ScaleMixture,), _unfit)


@dataclass(frozen=True, eq=False)
class Expanded:
    """What every iteration needs; columns of u are γ, then b in the order of `given`.

    Attributes
    ----------
    at : Reference
    given : Setup
        Blocks, groups and laws.
    x, fixed : ndarray (m, n), (n,)
        η = fixed + u'x.
    h, c : ndarray (m, m), (m,)
        log L ≈ c'u − ½u'Hu.
    share : float
        Of proposals that a pilot accepted.
    rest : int
        Iterations from one move of scales along with their coefficients to the next.
    """

    problem: Problem
    at: Reference
    given: Setup
    x: Array
    fixed: Array
    h: Array
    c: Array
    own: OwnUnknowns
    log_likelihood: Callable[[Array, Any], Array]
    share: float = 1.0
    rest: int = 1


@dataclass(eq=False)
class Chains:
    """Where R chains are, in place: scales and b, γ (R, k), θ's logs (R, q), η (R, n), log L."""

    given: State
    free: Array
    own: Array
    eta: Array
    value: Array
    steps: int = 0
    taken: float = 0.0  # share that the last proposals had accepted

    def take(self, taken: Any, u: Array, eta: Array, value: Array) -> None:
        """Move the chains that accepted; the memory of `eta` is kept."""
        k = self.free.shape[1]
        eta[~taken] = self.eta[~taken]
        self.eta = eta
        self.value[taken] = value[taken]
        self.free[taken], self.given.b[taken] = u[taken, :k], u[taken, k:]


class Tangent(SideBySide):
    """The sampler described at the head of this module."""

    @property
    def tune(self) -> int:
        """120: chains start where the expansion says, and proposals forget where they are."""
        return 120

    def prepare(self, problem: Problem) -> Expanded:
        """The reference point and the expansion there, and how often a pilot accepts."""
        return pilot(expanded(problem))

    def seconds(self, setup: Expanded) -> tuple[float, float]:
        """Calls, whatever the rows are; operations for each row."""
        m, n = setup.x.shape
        own = 1.3 * bool(setup.own.names)
        trials = 1.0 if setup.share >= FEW else 2.0
        calls = CALL * (60 + 6 * m + 25 * len(setup.given.blocks) + 10 * own + 20 * (trials - 1))
        each = n * (ROW + 0.2e-9 * m) * (trials + own) + (m**3 / 3 + 6 * m * m) / RATE
        return calls, each + 1e-7 * m

    def start(self, setup: Expanded, rng: np.random.Generator, chains: int, strands: int) -> Chains:
        """Draws of the normal approximation twice as wide, scales within about e^½ of type-II."""
        problem, at, one = setup.problem, setup.at, setup.given
        rows, k = chains * strands, at.free
        log_scale = np.tile(one.blocks["log_scale"], (chains, 1))
        log_sd = np.log(at.sd / problem.relative)
        for i, (block, hyper) in enumerate(zip(problem.blocks, one.hypers, strict=True)):
            if hyper is None:
                continue
            unit = math.log(at.problem.sigma or 1.0) if block.prior.unit == "sigma" else 0.0
            centre = float(np.mean(log_sd[block.columns])) - unit
            log_scale[:, i] = centre + 0.5 * rng.standard_normal(chains)
            for j, value in enumerate(log_scale[:, i]):
                if not math.isfinite(hyper.log_density_of_log(value)):
                    log_scale[j, i] = math.log(float(hyper.sample(rng, 1)[0]))
        own = setup.own.start(rng, chains)
        order = np.concatenate([np.arange(k), k + one.order])
        precision = at.precision[np.ix_(order, order)]
        scale = 1.0 / np.sqrt(np.diagonal(precision))
        lower = np.linalg.cholesky(precision * np.outer(scale, scale) + 1e-10 * np.eye(len(order)))
        noise = np.linalg.solve(lower.T, rng.standard_normal((len(order), chains))).T
        u = np.repeat(at.at[order] + 1.5 * scale * noise, strands, axis=0)
        own, log_scale = np.repeat(own, strands, axis=0), np.repeat(log_scale, strands, axis=0)
        state = State(
            b=np.ascontiguousarray(u[:, k:]),
            log_sigma=setup.own.log_sigma(own),
            log_scale=log_scale,
            log_slab=np.tile(one.blocks["log_slab"], (rows, 1)),
            t=np.tile(one.groups["t"], (rows, 1)),
        )
        eta = u @ setup.x + setup.fixed
        value = setup.log_likelihood(eta, setup.own.theta(own))
        return Chains(state, u[:, :k].copy(), own, eta, value)

    def advance(
        self, setup: Expanded, state: Chains, rng: np.random.Generator, count: int
    ) -> tuple[Any, Output]:
        """Iterate and record β, β₀, θ, scales and κ."""
        steps = self.steps(setup)
        record = _Record(setup, len(state.free), count)
        with np.errstate(all="ignore"):
            for i in range(count):
                self.iterate(setup, steps, state, rng)
                record.put(i, steps, state)
        out = record.out
        beta, intercept = setup.problem.restore_free(out.pop("b"), out.pop("free"))
        own = setup.own.recorded(out.pop("own"))
        return state, out | own | {"beta": beta, "intercept": intercept}

    def steps(self, setup: Expanded) -> Steps:
        """Of scales and local variances."""
        one = setup.given
        return Steps(one.blocks, one.groups, one.facts[0], one.fixed)

    def iterate(
        self, setup: Expanded, steps: Steps, state: Chains, rng: np.random.Generator
    ) -> None:
        """One iteration, in place."""
        one = state.given
        sd = steps.prior_sds(one) * np.exp(one.log_sigma)[:, None]
        self.move(setup, steps, state, sd, rng)
        state.steps += 1
        if setup.own.names:
            z = (one.b / np.clip(sd, SMALLEST, LARGEST))[:, steps.in_sigma]
            along = z.shape[1], np.einsum("ri,ri->r", z, z)
            sliced = setup.own.proposal is None or state.steps % EIGHTH == 0
            draw = setup.own.draw if sliced else setup.own.propose
            draw(setup.log_likelihood, state.eta, state.own, state.value, along, rng)
            one.log_sigma[:] = setup.own.log_sigma(state.own)
        for k, block in enumerate(steps.blocks):
            if block.unknown and block.law == SLAB:
                steps.scale_of_slab(k, one, rng)
            steps.scale_and_locals(k, block, one, rng)
        if state.steps % setup.rest == 0:
            self.stretch(setup, steps, state, rng)

    def stretch(self, setup: Any, steps: Steps, state: Chains, rng: np.random.Generator) -> None:
        """(b, s) → (rb, rs), b ÷ s held, block by block (Yu & Meng 2011, JCGS 20(3)).

        Given b a scale moves little where columns are many. Where the likelihood is flat far out,
        both are large there together, and proposals about the mode never find the way.
        """
        for k, block in enumerate(steps.blocks):
            if block.unknown and block.law != SLAB:
                _stretch(setup, block, state, k, rng)

    def move(
        self, setup: Any, steps: Steps, state: Chains, sd: Array, rng: np.random.Generator
    ) -> None:
        """Draw u | D, θ; ellipses in turn with proposals where these are refused often."""
        del steps
        wider = 1.0 if (state.steps + 1) % TENTH else WIDER
        normal = Normalised.of(setup, sd, wider * setup.own.curvature(state.own))
        if setup.share < FEW and state.steps % 2:
            _slice_ellipse(setup, normal, state, rng)
        else:
            _propose(setup, normal, state, rng)


def _stretch(
    setup: Expanded, block: Block, state: Chains, k: int, rng: np.random.Generator
) -> None:
    """A slice of log r."""
    one, first = state.given, state.free.shape[1]
    columns = slice(first + block.columns.start, first + block.columns.stop)
    part = one.b[:, block.columns] @ setup.x[columns]
    log_scale = one.log_scale[:, k].copy()

    def log_density(shift: Array, rows: Any) -> Array:
        eta = state.eta[rows] + np.expm1(shift)[:, None] * part[rows]
        fit = setup.log_likelihood(eta, setup.own.theta(state.own[rows]))
        return np.asarray(fit + log_hyper(block.hyper, log_scale[rows] + shift))

    shift = shrink(log_density, np.zeros(len(part)), WIDTH, rng, dear=True)
    one.log_scale[:, k] += shift
    one.b[:, block.columns] *= np.exp(shift)[:, None]
    state.eta = state.eta + np.expm1(shift)[:, None] * part
    state.value[:] = setup.log_likelihood(state.eta, setup.own.theta(state.own))


class _Record:
    """What chains visit, (count, R, …), columns in the problem's order."""

    def __init__(self, setup: Expanded, rows: int, count: int) -> None:
        p, one = len(setup.given.order), setup.given
        self.order, self.unknown = one.order, np.flatnonzero(one.blocks["unknown"] >= 0)
        self.information = setup.at.information[one.order]
        self.out = {
            "b": np.empty((count, rows, p)),
            "free": np.empty((count, rows, setup.at.free)),
            "own": np.empty((count, rows, len(setup.own.names))),
            "sigma": np.empty((count, rows)),
            "scale": np.empty((count, rows, len(self.unknown))),
            "kappa": np.empty((count, rows, p)),
        }

    def put(self, i: int, steps: Steps, state: Chains) -> None:
        """The i-th visit."""
        out, one = self.out, state.given
        sd = steps.prior_sds(one) * np.exp(one.log_sigma)[:, None]
        out["b"][i][:, self.order] = one.b
        out["kappa"][i][:, self.order] = 1.0 / (1.0 + self.information * np.square(sd))
        out["free"][i], out["own"][i] = state.free, state.own
        out["sigma"][i] = np.exp(one.log_sigma)
        out["scale"][i] = np.exp(one.log_scale[:, self.unknown])


KERNEL = Tangent()


def expanded(problem: Problem) -> Expanded:
    """What every iteration needs, but for the pilot."""
    at = reference(problem)
    loss, one, k = at.problem.loss, beside(problem, at), at.free
    order = np.concatenate([np.arange(k), k + one.order])
    h = np.ascontiguousarray(at.bend[np.ix_(order, order)])
    c = h @ at.at[order] - at.slope[order]
    x = np.ascontiguousarray(np.hstack([loss.free, loss.proper])[:, order].T)
    facts = {} if problem.design is None else problem.design.known.facts(-1)
    weights = np.broadcast_to(loss.weights, loss.y.shape)
    return Expanded(
        problem=problem,
        at=at,
        given=one,
        x=x,
        fixed=loss.given(np.zeros(problem.p)),
        h=h,
        c=c,
        own=OwnUnknowns.at(problem, at),
        log_likelihood=problem.likelihood.summed(loss.y, weights, facts),
    )


def acceptance(problem: Problem) -> float:
    """The share of proposals that are accepted: the same for a problem wherever it is asked."""
    with one_blas_thread():
        return pilot(expanded(problem)).share


def pilot(setup: Expanded) -> Expanded:
    """With what a short run, always the same one, accepts of proposals and sees of θ."""
    rng, kernel = np.random.default_rng(20100), Tangent()
    steps = kernel.steps(setup)
    state = kernel.start(setup, rng, PILOT_ROWS, 1)
    shares, seen = [], []
    with np.errstate(all="ignore"):
        for i in range(PILOT_STEPS):
            kernel.iterate(setup, steps, state, rng)
            if 2 * i >= PILOT_STEPS:
                seen.append(state.own.copy())
                shares += [state.taken] if state.steps % TENTH else []
    own = setup.own.fitted(np.concatenate(seen)) if setup.own.names else setup.own
    share = float(np.mean(shares))
    return replace(setup, share=share, own=own, rest=RESTS[(share >= FEW) + (share >= MOST)])


@dataclass(frozen=True, eq=False)
class Normalised:
    """N(μ, A⁻¹) for each chain, A = aH + diag(0, 1/v): the pseudo-posterior."""

    mean: Array  # (R, m)
    lower: Array  # the factor of A in units of its diagonal
    unit: Array  # 1 ÷ √ of that diagonal
    amount: Array  # a (R,)

    @classmethod
    def of(cls, setup: Expanded, sd: Array, amount: Array) -> Normalised:
        """Under prior sds (R, p) and shares a of the curvature (R,)."""
        p = sd.shape[1]
        a = amount[:, None, None] * setup.h
        diagonal = np.einsum("rii->ri", a)
        diagonal[:, len(setup.h) - p :] += np.clip(sd, SMALLEST, LARGEST) ** -2.0
        unit = 1.0 / np.sqrt(diagonal)
        a *= unit[:, :, None]
        a *= unit[:, None, :]
        diagonal += 1e-13
        lower = np.linalg.cholesky(a)
        mean = unit * backward(lower, forward(lower, unit * amount[:, None] * setup.c))
        return cls(mean, lower, unit, amount)

    def noise(self, rng: np.random.Generator) -> Array:
        """A draw about 0."""
        return np.asarray(self.unit * backward(self.lower, rng.standard_normal(self.mean.shape)))

    def log_density(self, setup: Expanded, u: Array) -> Array:
        """c'u − ½u'Hu, times a: what of the likelihood the normal has in it."""
        inside = u @ setup.c - 0.5 * np.einsum("ri,ri->r", u @ setup.h, u)
        return np.asarray(self.amount * inside)


def _propose(setup: Expanded, normal: Normalised, state: Chains, rng: np.random.Generator) -> None:
    """Metropolis: from the pseudo-posterior, whatever the present point is."""
    here = np.hstack([state.free, state.given.b])
    trial = normal.mean + normal.noise(rng)
    eta = trial @ setup.x
    eta += setup.fixed
    value = setup.log_likelihood(eta, setup.own.theta(state.own))
    log_ratio = value - normal.log_density(setup, trial)
    log_ratio -= state.value - normal.log_density(setup, here)
    taken = rng.standard_exponential(len(here)) > -log_ratio
    state.taken = float(np.mean(taken))
    state.take(taken, trial, eta, value)


def _slice_ellipse(
    setup: Expanded, normal: Normalised, state: Chains, rng: np.random.Generator
) -> None:
    """Slice the ellipse through the present point and a draw of the pseudo-posterior.

    ρ is the likelihood of that slice sampler; η along the ellipse is a combination of three.
    """
    k = state.free.shape[1]
    here = np.hstack([state.free, state.given.b])
    from_mean, noise = here - normal.mean, normal.noise(rng)
    eta_mean = normal.mean @ setup.x + setup.fixed
    eta_from, eta_noise = state.eta - eta_mean, noise @ setup.x
    level = state.value - normal.log_density(setup, here)
    level -= rng.standard_exponential(len(here))
    high = 2.0 * math.pi * rng.random(len(here))
    low, angle = high - 2.0 * math.pi, high.copy()
    rows = np.arange(len(here))
    for _ in range(TURNS):
        cos, sin = np.cos(angle[rows])[:, None], np.sin(angle[rows])[:, None]
        u = normal.mean[rows] + cos * from_mean[rows] + sin * noise[rows]
        eta = eta_mean[rows] + cos * eta_from[rows] + sin * eta_noise[rows]
        value = setup.log_likelihood(eta, setup.own.theta(state.own[rows]))
        part = replace(normal, amount=normal.amount[rows])
        inside = value - part.log_density(setup, u) > level[rows]
        at = rows[inside]
        state.free[at], state.given.b[at] = u[inside, :k], u[inside, k:]
        state.eta[at], state.value[at] = eta[inside], value[inside]
        rows = rows[~inside]
        if not len(rows):
            return
        left = angle[rows] < 0.0
        low[rows] = np.where(left, angle[rows], low[rows])
        high[rows] = np.where(left, high[rows], angle[rows])
        angle[rows] = low[rows] + (high[rows] - low[rows]) * rng.random(len(rows))
