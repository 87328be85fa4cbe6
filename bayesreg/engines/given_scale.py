r"""Proposals for (u, log s), u = (γ, b): multivariate t's given the scale, about modes on a grid.

On nodes of log s half a unit apart the mode u_k of u | s_k, y is found, with the curvature
A_k = H_k + R/s_k² of −log p there, R diagonal. V'A_kV = I and V'RV = diag(r) give at every s, not
only on nodes, the normal that the expansion of log L at u_k says,

    A_s⁻¹ = V diag(1/(1 + (s⁻² − s_k⁻²)r)) V',      mean A_s⁻¹A_k u_k,

so that as s → 0 proposals shrink as the prior does. log s has the density of Laplace's
approximation (Tierney & Kadane 1986, JASA 81), interpolated between nodes with its slopes there,
and a few per cent of Student's t over the whole line, whose tails are the heavier ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicHermiteSpline
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.special import gammaln

from bayesreg.engines.loops.tables import hyper as coded
from bayesreg.engines.reference import reference
from bayesreg.engines.strands.slices import Hyper, log_hyper
from bayesreg.language.arguments import Array
from bayesreg.likelihoods.base import Likelihood, Summed, Theta

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem

Places = NDArray[np.intp]

SPACING = 0.5  # of nodes, in log s
DEEP, MOST = 7.0, 24  # nats below the highest node, and nodes on a side, where they end
CELLS = 32  # of the density of log s between two nodes
WIDE, WIDE_DF = 0.03, 3.0  # share and degrees of freedom of what covers the whole line
FEWER_DF, MORE_DF = 7.0, 15.0  # of proposals of u given s; the latter and one for each column
STEPS, HALVINGS = 50, 30
SETTLED = 1e-3  # squared Newton decrement: half of it in nats is what a mode may be off
CELL_COUNT = 2**16  # numbers of a block of η: half a MiB, which stays in the cache
BATCH = 64  # points at once, at the least, where there are as many


@dataclass(frozen=True, eq=False)
class Part:
    """Some rows: η = fixed + u'x, x (m, rows)."""

    x: Array
    fixed: Array
    y: Array
    weights: Array
    facts: dict[str, Array]
    total: Summed


@dataclass(frozen=True, eq=False)
class Rows:
    """The likelihood of (u) on rows, in blocks; its own unknowns are known."""

    likelihood: Likelihood
    theta: Theta
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
            own = np.ascontiguousarray(x[:, at])
            parts.append(Part(own, fixed[at], loss.y[at], weights[at], known, total))
        return cls(problem.likelihood, problem.known, tuple(parts))

    def log_likelihood(self, u: Array) -> Array:
        """Log L (S,) of points (S, m), up to a constant."""
        found = np.zeros(len(u))
        step = max(BATCH, CELL_COUNT // self.parts[0].x.shape[1])
        for start in range(0, len(u), step):
            at = slice(start, start + step)
            for part in self.parts:
                found[at] += part.total(u[at] @ part.x + part.fixed, self.theta)
        return found

    @cached_property
    def phi(self) -> float:
        """The dispersion."""
        return float(self.likelihood.dispersion(self.theta))

    def constant(self, u: Array) -> float:
        """What the sums leave out."""
        whole = 0.0
        for part in self.parts:
            eta, theta = u @ part.x + part.fixed, {**self.theta, **part.facts}
            whole += float(part.weights @ self.likelihood.log_density(part.y, eta, theta))
        return whole - float(self.log_likelihood(u[None])[0])

    def expand(self, u: Array) -> tuple[float, Array, Array]:
        """Log L, −∂ and −∂² of it at one point."""
        value, slope, bend = 0.0, np.zeros(len(u)), np.zeros((len(u),) * 2)
        for part in self.parts:
            eta = u @ part.x + part.fixed
            value += float(part.total(eta[None], self.theta)[0])
            theta = {**self.theta, **part.facts}
            first, second = self.likelihood.derivatives(part.y, eta, theta)
            slope += part.x @ (part.weights * first / self.phi)
            bend += (part.x * (part.weights * second / self.phi)) @ part.x.T
        return value, slope, bend


@dataclass(frozen=True, eq=False)
class Prior:
    """b ~ N(0, sd²), sd = `unit` known or × s where `scaled`; γ flat; s by its hyperprior."""

    free: int
    unit: Array  # (p,)
    scaled: Any  # (p,) bool
    hyper: tuple[Hyper, float] | None  # its code, and the constant left out

    @classmethod
    def of(cls, problem: Problem) -> Prior:
        """Of Normal priors, at most one scale unknown."""
        unit, scaled = np.ones(problem.p), np.zeros(problem.p, dtype=bool)
        law = None
        for block in problem.blocks:
            known = 1.0 if block.scale is None else block.scale
            unit[block.columns] = problem.effective_scale(block, problem.sigma, known)
            if block.hyper is not None and block.scale is None:
                scaled[block.columns] = True
                law = block.hyper
        return cls(int(problem.intercept) + len(problem.flat), unit, scaled, _settled(law))

    def ridge(self, log_s: float) -> Array:
        """1/sd² of u (m,), 0 of γ."""
        own = self.unit**-2.0 * np.where(self.scaled, math.exp(-2.0 * log_s), 1.0)
        return np.concatenate([np.zeros(self.free), own])

    def log_density(self, u: Array, log_s: Array) -> Array:
        """Log p(b | s) (S,), constants included."""
        z2 = np.square(u[:, self.free :] / self.unit)
        exponent = z2[:, ~self.scaled].sum(axis=1)
        exponent += z2[:, self.scaled].sum(axis=1) * np.exp(-2.0 * log_s)
        logs = np.log(self.unit).sum() + 0.5 * len(self.unit) * math.log(2.0 * math.pi)
        return np.asarray(-0.5 * exponent - logs - np.count_nonzero(self.scaled) * log_s)

    def log_hyper(self, log_s: Array) -> Array:
        """Log p(log s); 0 where no scale is unknown."""
        if self.hyper is None:
            return np.zeros(len(log_s))
        code, constant = self.hyper
        return np.asarray(log_hyper(code, log_s) + constant)


def _settled(law: Any) -> tuple[Hyper, float] | None:
    """A hyperprior's code, and what its short formula leaves out of the density of log s."""
    if law is None:
        return None
    code = coded(law)
    at = np.log(np.median(law.sample(np.random.default_rng(0), 99))) if law.proper else 0.0
    return code, float(law.log_density_of_log(float(at)) - log_hyper(code, np.array([at]))[0])


@dataclass(frozen=True, eq=False)
class Node:
    """u | s about its mode at one s, in coordinates w of u = Vw."""

    log_s: float
    at: Array  # u_k
    v: Array  # V (m, m)
    share: Array  # r/s_k² in [0, 1]: what of each coordinate's precision is the prior's
    place: Array  # V⁻¹u_k
    half_log_det: float  # ½ log|A_k|
    height: float  # Laplace's log of ∫ L·p(b | s) du
    rise: float  # its slope in log s, the curvature of log L held

    @classmethod
    def find(cls, rows: Rows, prior: Prior, log_s: float, near: Array) -> Node:
        """By Newton's method from a point near the mode."""
        ridge, u = prior.ridge(log_s), near
        for _ in range(STEPS):
            fit, slope, bend = rows.expand(u)
            own, g = 0.5 * float(ridge @ np.square(u)), slope + ridge * u
            bend[np.diag_indices_from(bend)] += ridge
            unit = 1.0 / np.sqrt(np.maximum(np.diagonal(bend), 1e-200))
            scaled = bend * unit * unit[:, None]
            scaled[np.diag_indices_from(scaled)] += 1e-13
            factor = cho_factor(scaled, lower=True)
            step = -unit * cho_solve(factor, unit * g)
            decrement = float(-g @ step)
            if not decrement > SETTLED:
                break
            for halving in range(HALVINGS):
                trial = u + 0.5**halving * step
                value = float(rows.log_likelihood(trial[None])[0])
                value -= 0.5 * float(ridge @ np.square(trial))
                if value >= fit - own:
                    break
            u = trial
        lower = np.tril(factor[0])
        of_prior = np.concatenate([np.zeros(prior.free), prior.scaled]) * ridge * np.square(unit)
        half = solve_triangular(lower, np.diag(np.sqrt(of_prior)), lower=True)
        share, q = np.linalg.eigh(half @ half.T)
        at = u + step
        log_prior = float(prior.log_density(u[None], np.array([log_s]))[0])
        half_log_det = float(np.log(np.diagonal(lower)).sum() - np.log(unit).sum())
        size = 0.5 * len(u) * math.log(2.0 * math.pi)
        return cls(
            log_s,
            at,
            unit[:, None] * solve_triangular(lower, q, lower=True, trans=1),
            np.clip(share, 0.0, 1.0),
            q.T @ (lower.T @ (at / unit)),
            half_log_det,
            fit + log_prior + 0.5 * decrement + size - half_log_det,
            float(of_prior @ np.square(at / unit)) - np.count_nonzero(prior.scaled) + share.sum(),
        )

    def draw(self, log_s: Array, df: float, rng: np.random.Generator) -> tuple[Array, Array]:
        """u (S, m) at scales near the node's, and the log density that it was drawn from."""
        m = len(self.at)
        precision = (1.0 - self.share) + self.share * np.exp(2.0 * (self.log_s - log_s))[:, None]
        z = rng.standard_normal((len(log_s), m))
        z /= np.sqrt(rng.chisquare(df, len(log_s)) / df)[:, None]
        u = (self.place / precision + z / np.sqrt(precision)) @ self.v.T
        density = -0.5 * (df + m) * np.log1p(np.square(z).sum(axis=1) / df)
        density += gammaln(0.5 * (df + m)) - gammaln(0.5 * df) - 0.5 * m * math.log(df * math.pi)
        return u, density + self.half_log_det + 0.5 * np.log(precision).sum(axis=1)


@dataclass(frozen=True, eq=False)
class Proposal:
    """What is drawn from, with its log weights.

    Attributes
    ----------
    edges, heights : ndarray (C + 1,), (C,)
        Cells of log s, and log of their density, which is constant in each.
    df : float
        Degrees of freedom of t.
    constant : float
        Of log weights, so that their mean is the evidence.
    information : ndarray (p,)
        Curvature of −log L along each b: what κ is measured by.
    """

    rows: Rows
    prior: Prior
    nodes: tuple[Node, ...]
    edges: Array
    heights: Array
    df: float
    constant: float
    information: Array

    @classmethod
    def of(cls, problem: Problem) -> Proposal:
        """About the reference point, as far as there is posterior."""
        at, rows, prior = reference(problem), Rows.of(problem), Prior.of(problem)
        own = at.sd[prior.scaled] / prior.unit[prior.scaled]
        first = float(np.log(own[0])) if len(own) else 0.0
        nodes = _walk(rows, prior, first, at.at)
        edges, heights = _cells(nodes, prior) if len(own) else (np.zeros(2), np.zeros(1))
        flat = float(np.log(problem.x_sd[problem.flat]).sum())
        constant = rows.constant(nodes[0].at) - flat
        df = MORE_DF + len(at.at)
        return cls(rows, prior, nodes, edges, heights, df, constant, at.information)

    def draw(self, size: int, rng: np.random.Generator) -> tuple[Array, Array, Array]:
        """u (S, m), log s (S,) and log weights: of the posterior ÷ what they were drawn from."""
        log_s, density = self._scales(size, rng)
        middles = np.array([0.5 * (a.log_s + b.log_s) for a, b in self._pairs])
        nearest = np.searchsorted(middles, log_s)
        u = np.empty((size, len(self.nodes[0].at)))
        for k, node in enumerate(self.nodes):
            at: Places = np.flatnonzero(nearest == k)
            u[at], own = node.draw(log_s[at], self.df, rng)
            density[at] += own
        target = self.rows.log_likelihood(u) + self.prior.log_density(u, log_s)
        return u, log_s, self.weighed(target + self.prior.log_hyper(log_s), density)

    def weighed(self, target: Array, density: Array) -> Array:
        """Log weights; what is no number weighs nothing."""
        found = target - density + self.constant
        return np.where(np.isfinite(found), found, -np.inf)

    @property
    def _pairs(self) -> list[tuple[Node, Node]]:
        return list(zip(self.nodes[:-1], self.nodes[1:], strict=True))

    def _scales(self, size: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """log s and its log density."""
        if self.prior.hyper is None:
            return np.zeros(size), np.zeros(size)
        mass = np.exp(self.heights) * np.diff(self.edges)
        cumulated = np.concatenate([[0.0], np.cumsum(mass)])
        log_s = np.interp(rng.random(size), cumulated / cumulated[-1], self.edges)
        centre, width = 0.5 * (self.edges[0] + self.edges[-1]), self.edges[-1] - self.edges[0]
        wide = rng.random(size) < WIDE
        log_s[wide] = centre + 0.5 * width * rng.standard_t(WIDE_DF, int(wide.sum()))
        z = (log_s - centre) / (0.5 * width)
        tails = -0.5 * (WIDE_DF + 1.0) * np.log1p(z * z / WIDE_DF) - math.log(0.5 * width)
        tails += gammaln(0.5 * (WIDE_DF + 1.0)) - gammaln(0.5 * WIDE_DF)
        tails -= 0.5 * math.log(WIDE_DF * math.pi)
        cell = np.searchsorted(self.edges, log_s, side="right") - 1
        inside = (cell >= 0) & (cell < len(self.heights))
        own = self.heights[np.clip(cell, 0, len(self.heights) - 1)] - math.log(cumulated[-1])
        own = np.where(inside, own + math.log1p(-WIDE), -np.inf)
        return log_s, np.logaddexp(own, tails + math.log(WIDE))


def _walk(rows: Rows, prior: Prior, first: float, near: Array) -> tuple[Node, ...]:
    """Nodes from the first on, both ways, until little is left of the posterior."""
    start = Node.find(rows, prior, first, near)
    if prior.hyper is None:
        return (start,)

    def height(node: Node) -> float:
        return node.height + float(prior.log_hyper(np.array([node.log_s]))[0])

    found, best = [start], height(start)
    for side in (1.0, -1.0):
        last = start
        for _ in range(MOST):
            last = Node.find(rows, prior, last.log_s + side * SPACING, last.at)
            found.append(last)
            here = height(last)
            best = max(best, here)
            if np.isfinite(best) and here < best - DEEP:
                break
    return tuple(sorted(found, key=lambda node: node.log_s))


def _cells(nodes: tuple[Node, ...], prior: Prior) -> tuple[Array, Array]:
    """Edges of cells from the first node to the last, and the log density in each."""
    at = np.array([node.log_s for node in nodes])
    edges = np.linspace(at[0], at[-1], CELLS * (len(at) - 1) + 1)
    middles = 0.5 * (edges[1:] + edges[:-1])
    values = [node.height for node in nodes], [node.rise for node in nodes]
    heights = CubicHermiteSpline(at, *values)(middles)
    ends = prior.log_hyper(edges)  # a cell where some have a hyperprior's density is no empty one
    heights = heights + np.maximum(prior.log_hyper(middles), np.maximum(ends[1:], ends[:-1]))
    return edges, np.asarray(heights - heights.max())
