r"""The PyMC models behind engine 'nuts', built so that NUTS sees unit scales.

* :func:`coefficients`: priors with a mode, no cusp and no groups. θ = (β₀ at the mean, Flat
  columns, b) is sampled directly, as θ = m + Kz with KK' the posterior covariance at type-II
  hyperparameters, so that z is about standard normal. On rows, where nothing is shared with what it
  checks; on pseudo-rows for large N.
* :func:`local_scales`: priors with a pole or a cusp, or whose columns share local scales, where the
  loss is one quadratic. The prior sds are sampled with b, and σ² where conjugate, integrated out;
  both are drawn afterwards.
* :func:`non_centred`: these priors under any likelihood, on rows: b = sd·z, z standard normal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.linalg import solve_triangular

from bayesreg.engines.reference import Reference, reference
from bayesreg.engines.starts import profile
from bayesreg.language.arguments import Array
from bayesreg.model.pseudo_data import PseudoData
from bayesreg.priors import ScaleMixture

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem

Trace = dict[str, Array]
Guess = tuple[list[float], dict[str, float]]


@dataclass(frozen=True, eq=False)
class Graph:
    """A model, what to record of it, where to start, and how to read its draws.

    Attributes
    ----------
    model : pymc.Model
        Unsampled.
    names : tuple of str
        Variables to record.
    start : dict
        Initial values of some free variables.
    target_accept : float
        Of NUTS' step-size adaptation.
    read : callable
        From one chain's recorded arrays (draw, …) and a generator to the arrays of an engine.
    """

    model: Any
    names: tuple[str, ...]
    start: dict[str, Any]
    target_accept: float
    read: Callable[[Trace, np.random.Generator], Trace]


@dataclass(frozen=True, eq=False)
class Unknowns:
    """θ and the scales as graph variables, with the names under which they are recorded."""

    sigma: Any
    scales: list[Any]  # one per block, known ones as numbers
    names: tuple[str, ...]
    others: dict[str, Any]  # of the likelihood, beside σ

    @staticmethod
    def declare(problem: Problem, *, with_sigma: bool = True) -> Unknowns:
        """Declare what is unknown in the open model."""
        sigma, names = problem.sigma, []
        if sigma is None and with_sigma:
            assert problem.sigma_prior is not None
            sigma = problem.sigma_prior.node("sigma")
            names.append("sigma")
        others: dict[str, Any] = {}
        for name, own in problem.own.items():
            if name == "sigma":
                continue
            others[name] = own if isinstance(own, float) else own.node(name)
            names += [] if isinstance(own, float) else [name]
        scales: list[Any] = []
        for k, block in enumerate(problem.blocks):
            if block.hyper is None:
                scales.append(block.scale)
                continue
            scales.append(block.hyper.node(f"scale_{k}"))
            names.append(f"scale_{k}")
        return Unknowns(sigma, scales, tuple(names), others)

    def theta(self, problem: Problem) -> dict[str, Any]:
        """The likelihood's own unknowns as graph variables, and what is known by row."""
        own = {"sigma": self.sigma} if "sigma" in problem.own else {}
        facts = {} if problem.design is None else problem.design.known.facts(-1)
        return own | self.others | facts


def coefficients(problem: Problem, *, on_rows: bool) -> Graph:
    """β sampled directly, on rows or on pseudo-rows."""
    import pymc as pm
    import pytensor.tensor as pt

    guess = _guess(problem)
    rows = _Rows.of(problem) if on_rows else _Rows.compressed(problem)
    if problem.exact:
        centre, factor = rows.whiten(_prior_precision(problem, *guess))
    else:
        centre, factor = _about(reference(problem))
    first = len(centre) - problem.p
    with pm.Model() as model:
        z = pm.Flat("z", shape=len(centre))
        unknown = Unknowns.declare(problem)
        b = centre[first:] + pt.dot(factor[first:], z)
        mean = rows.x @ centre + rows.shift + pt.dot(rows.x @ factor, z)
        if on_rows:
            problem.likelihood.node("y", rows.y, mean, unknown.theta(problem), rows.weights)
        else:
            distance = rows.rss + pt.sum(pt.sqr(rows.y - mean))
            pm.Potential("moments", -0.5 * distance / unknown.sigma**2)
            pm.Potential("rows", -rows.count * pt.log(unknown.sigma))
    parts = [_log_prior(problem, k, unknown, b) for k in range(len(problem.blocks))]
    with model:
        pm.Potential("prior", pt.sum(parts) if parts else pt.zeros(()))
    read = _reader(problem, centre, factor, on_rows)
    names = ("z", *unknown.names)
    return Graph(model, names, _start(problem, model, guess), 0.9, read)


def local_scales(problem: Problem) -> Graph:
    """Scales and local scales sampled with b integrated out, and σ² where it is conjugate."""
    import pymc as pm
    import pytensor.tensor as pt
    from pytensor.tensor.linalg import cholesky
    from pytensor.tensor.linalg import solve_triangular as solve

    data = problem.quadratic.rows
    absolute = any(block.prior.unit == "y" for block in problem.blocks)
    prior = problem.sigma_prior
    gamma = None if prior is None or absolute else prior.inverse_gamma
    names = []
    with pm.Model() as model:
        unknown = Unknowns.declare(problem, with_sigma=gamma is None)
        sd = pt.zeros(problem.p)
        for k, block in enumerate(problem.blocks):
            assert isinstance(block.prior, ScaleMixture)
            unit = 1.0 / unknown.sigma if block.prior.unit == "y" else 1.0
            of_groups = block.prior.sd_node(f"local_{k}", unknown.scales[k], block.sizes)
            part = (of_groups * np.ones(len(block.sizes)))[block.group] * block.relative * unit
            sd = pt.set_subtensor(sd[block.columns], part)
        pm.Deterministic("sd", sd)
        rows = data.x * sd
        lower = cholesky(pt.eye(len(data.y)) + pt.dot(rows, rows.T))
        w = solve(lower, pt.as_tensor(data.y), lower=True)
        s = data.rss + pt.sum(pt.sqr(w))
        half_log_det = pt.sum(pt.log(pt.diagonal(lower)))
        if gamma is None:
            fit = -data.nu * pt.log(unknown.sigma) - 0.5 * s / unknown.sigma**2
        else:
            fit = -(gamma[0] + 0.5 * data.nu) * pt.log(gamma[1] + 0.5 * s)
        pm.Potential("marginal_likelihood", fit - half_log_det)
    names = ["sd", *unknown.names]
    start = _start(problem, model, _guess(problem))
    return Graph(model, tuple(names), start, 0.95, _local_reader(problem, data, gamma))


def non_centred(problem: Problem) -> Graph:
    """Local scales, z and γ = (β₀ at the mean, Flat columns) sampled, on rows."""
    import pymc as pm
    import pytensor.tensor as pt

    rows, about = _Rows.of(problem), reference(problem)
    loss, count = about.problem.loss, about.free
    lower = np.linalg.cholesky(about.bend[:count, :count])
    with pm.Model() as model:
        unknown = Unknowns.declare(problem)
        sd = pt.zeros(problem.p)
        for k, block in enumerate(problem.blocks):
            assert isinstance(block.prior, ScaleMixture)
            unit = unknown.sigma if block.prior.unit == "sigma" else 1.0
            of_groups = block.prior.sd_node(f"local_{k}", unknown.scales[k], block.sizes)
            part = (of_groups * np.ones(len(block.sizes)))[block.group] * block.relative * unit
            sd = pt.set_subtensor(sd[block.columns], part)
        b = pm.Deterministic("b", sd * pm.Normal("z", shape=problem.p))
        fixed = loss.given(np.zeros(problem.p))
        eta, names = pt.dot(loss.proper, b) + fixed, ("b", *unknown.names)
        if len(lower):
            at_mean = pm.Flat("free_z", shape=len(lower), initval=np.zeros(len(lower)))
            whitened = pt.dot(np.linalg.inv(lower).T, at_mean)
            free = pm.Deterministic("free", about.at[:count] + whitened)
            eta, names = eta + pt.dot(loss.free, free), (*names, "free")
        problem.likelihood.node("y", loss.y, eta, unknown.theta(problem), rows.weights)

    def read(trace: Trace, _rng: np.random.Generator) -> Trace:
        sigma, scale = _read_unknowns(problem, trace)
        none = np.zeros((len(trace["b"]), 0))
        beta, intercept = problem.restore_free(trace["b"], trace.get("free", none))
        named = {"sigma": sigma, "scale": scale, "beta": beta, "intercept": intercept}
        return named | _others(problem, trace)

    start = _start(problem, model, _guess(problem))
    return Graph(model, names, start, 0.98, read)


@dataclass(frozen=True, eq=False)
class _Rows:
    """Rows of a regression on θ; `rss` and `count` are what compression took out of them."""

    x: Array
    y: Array
    weights: Array | None
    rss: float
    count: float
    shift: Array | float = 0.0  # of η: what is known of it

    @classmethod
    def of(cls, problem: Problem) -> _Rows:
        """The rows as given: a column of ones, the Flat columns and the proper ones, centred."""
        design = problem.design
        assert design is not None
        z = (design.X - problem.x_mean) / problem.x_sd
        ones = np.ones((len(z), 1 if problem.intercept else 0))
        x = np.hstack([ones, z[:, problem.flat], z[:, problem.proper]])
        shift = 0.0 if design.offset is None else design.offset
        return cls(x, design.y, design.weights, 0.0, problem.n, shift)

    @classmethod
    def compressed(cls, problem: Problem) -> _Rows:
        """Pseudo-rows of the proper columns, put back where `loc` is not shifted out."""
        data = problem.quadratic.rows
        y = data.y + data.x @ problem.coordinates.loc
        return cls(data.x, y, None, data.rss, data.nu)

    def whiten(self, precision: tuple[Array, Array, float]) -> tuple[Array, Array]:
        """Mean and a square root of the covariance of θ, b under a normal prior."""
        centre, inverse, sigma = precision
        k, p = self.x.shape[1], len(centre)
        weighted = self.x if self.weights is None else self.x * self.weights[:, None]
        a = weighted.T @ self.x / sigma**2
        right = weighted.T @ (self.y - self.shift) / sigma**2
        place = np.arange(k - p, k)
        a[place, place] += inverse
        right[place] += inverse * centre
        scale = 1.0 / np.sqrt(np.diagonal(a))
        unit = a * np.outer(scale, scale) + 1e-12 * np.eye(k)
        lower = np.linalg.cholesky(unit)
        factor = scale[:, None] * solve_triangular(lower, np.eye(k), lower=True).T
        return factor @ (factor.T @ right), factor


def _guess(problem: Problem) -> Guess:
    """Type-II log scales, in the unit of b, and logs of the likelihood's unknowns, for a start."""
    if problem.exact:
        log_ratio, log_sigma = profile(problem.quadratic.rows, problem.sigma)
        return [log_ratio + log_sigma] * len(problem.blocks), {"sigma": log_sigma}
    about = reference(problem)
    scales = [float(np.log(about.sd[b.columns] / b.relative).mean()) for b in problem.blocks]
    return scales, dict(zip(about.names, about.at[len(about.at) - len(about.names) :], strict=True))


def _about(at: Reference) -> tuple[Array, Array]:
    """Mean and a square root of the covariance of θ by the expansion about a reference point."""
    size, k = at.free + len(at.sd), at.free
    centre = at.at[:size].copy()
    centre[: int(at.problem.intercept)] += at.problem.loss.level
    centre[k:] += at.problem.coordinates.loc
    a = at.precision[:size, :size]
    scale = 1.0 / np.sqrt(np.diagonal(a))
    lower = np.linalg.cholesky(a * np.outer(scale, scale) + 1e-12 * np.eye(size))
    return centre, scale[:, None] * solve_triangular(lower, np.eye(size), lower=True).T


def information(problem: Problem) -> Array:
    """(prior sd ÷ se)² of each b at the reference point: what the rows say beside the prior."""
    at = reference(problem)
    return np.asarray(at.information * np.square(at.sd))


def _prior_precision(
    problem: Problem, log_scales: list[float], log_own: dict[str, float]
) -> tuple[Array, Array, float]:
    """loc and 1/s² of each proper column at the type-II estimates, and σ there."""
    sigma, scale = float(np.exp(log_own["sigma"])), np.empty(problem.p)
    for block, log_scale in zip(problem.blocks, log_scales, strict=True):
        known = problem.effective_scale(block, sigma, block.scale or 1.0)
        unknown = float(np.exp(log_scale)) * block.relative
        scale[block.columns] = known if block.scale is not None else unknown
    return problem.coordinates.loc, scale**-2.0, sigma


def _start(problem: Problem, model: Any, guess: Guess) -> dict[str, Any]:
    """Type-II values of the likelihood's unknowns and the scales, where they are free."""
    log_scales, log_own = guess
    targets = {name: (prior, log_own[name]) for name, prior in problem.unknown.items()}
    log_sigma = log_own.get("sigma", float(np.log(problem.sigma or 1.0)))
    for k, block in enumerate(problem.blocks):
        if block.hyper is not None:
            unit = 0.0 if block.prior.unit == "y" else log_sigma
            targets[f"scale_{k}"] = (block.hyper, log_scales[k] - unit)
    free = {variable.name for variable in model.free_RVs}
    start: dict[str, Any] = {}
    for name, (prior, value) in targets.items():
        if name in free and np.isfinite(prior.log_density_of_log(value)):
            start[name] = np.exp(value)
    return start


def _log_prior(problem: Problem, k: int, unknown: Unknowns, b: Any) -> Any:
    """Log density of a block's b, from its prior's own PyMC node in a model that is thrown away."""
    import pymc as pm
    import pytensor.tensor as pt

    block = problem.blocks[k]
    effective = problem.effective_scale(block, unknown.sigma, unknown.scales[k])
    with pm.Model():
        node = block.prior.node("b", effective * np.ones(len(block.columns)), None)
    return pt.sum(pm.logp(node, b[block.columns]))


def _read_unknowns(problem: Problem, trace: Trace) -> tuple[Array, Array]:
    """σ (S,) and the unknown scales (S, B) of one chain."""
    unknown = [k for k, block in enumerate(problem.blocks) if block.hyper is not None]
    size = len(next(iter(trace.values())))
    scale = np.empty((size, len(unknown)))
    for column, k in enumerate(unknown):
        scale[:, column] = trace[f"scale_{k}"]
    sigma = trace["sigma"] if "sigma" in trace else np.full(size, problem.sigma or np.nan)
    return sigma, scale


def _others(problem: Problem, trace: Trace) -> Trace:
    """The likelihood's unknowns beside σ, of one chain."""
    return {name: trace[name] for name in problem.unknown if name != "sigma"}


def _reader(
    problem: Problem, centre: Array, factor: Array, on_rows: bool
) -> Callable[[Trace, np.random.Generator], Trace]:
    """Turn z into β and β₀ (rows), or into b (pseudo-rows)."""

    def read(trace: Trace, _rng: np.random.Generator) -> Trace:
        theta = centre + trace["z"] @ factor.T
        sigma, scale = _read_unknowns(problem, trace)
        out = {"sigma": sigma, "scale": scale, **_others(problem, trace)}
        first = theta.shape[1] - problem.p
        if not on_rows:
            return out | {"b": theta[:, first:] - problem.coordinates.loc}
        beta = np.empty((len(theta), len(problem.features)))
        beta[:, problem.proper] = theta[:, first:]
        beta[:, problem.flat] = theta[:, first - len(problem.flat) : first]
        beta /= problem.x_sd
        intercept = np.zeros(len(theta))
        if problem.intercept:
            intercept = theta[:, 0] - beta @ problem.x_mean
        return out | {"beta": beta, "intercept": intercept}

    return read


def _local_reader(
    problem: Problem, data: PseudoData, gamma: tuple[float, float] | None
) -> Callable[[Trace, np.random.Generator], Trace]:
    """Draw σ² and b from their exact conditionals given the prior sds."""
    from bayesreg.engines.conditional import given as conditional

    information = np.square(data.norms)

    def read(trace: Trace, rng: np.random.Generator) -> Trace:
        sigma, scale = _read_unknowns(problem, trace)
        b = np.empty(trace["sd"].shape)
        for i, sd in enumerate(trace["sd"]):
            given = conditional(data, sd)
            if gamma is not None:
                shape, rate = gamma[0] + 0.5 * data.nu, gamma[1] + 0.5 * given.s
                sigma[i] = np.sqrt(rate / rng.standard_gamma(shape))
            b[i] = given.draw(float(sigma[i]), rng)
        kappa = 1.0 / (1.0 + information * np.square(trace["sd"]))
        return {"b": b, "sigma": sigma, "scale": scale, "kappa": kappa}

    return read
