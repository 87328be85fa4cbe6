r"""Proposals for (u, log s): multivariate t's of u given the scale, about modes on a grid.

On nodes of log s half a unit apart the mode u_k of u | s_k, y is found, with the curvature
A_k = H_k + R/s_k² of −log p there, R diagonal. V'A_kV = I and V'RV = diag(r) give at every s, not
only on nodes, the normal that the expansion of log L at u_k says,

    A_s⁻¹ = V diag(1/(1 + (s⁻² − s_k⁻²)r)) V',      mean A_s⁻¹A_k u_k,

so that as s → 0 proposals shrink as the prior does. Where u has a shape or df, the log of it is
drawn first, with the density of Laplace's approximation along it, and the rest of u given it, about
modes on that path; both at the highest node, and moved to the others. log s has the density of
Laplace's approximation (Tierney & Kadane 1986, JASA 81), interpolated between nodes with its slopes
there, and a few per cent of Student's t over the whole line, whose tails are the heavier ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicHermiteSpline, CubicSpline
from scipy.linalg import solve_triangular
from scipy.special import gammaln

from bayesreg.engines.log_posterior import Prior, Rows, bounded
from bayesreg.engines.modes import Mode, rival
from bayesreg.engines.reference import Reference, reference
from bayesreg.language.arguments import Array

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem

Places = NDArray[np.intp]

SPACING = 0.5  # of nodes, in log s
DEEP, MOST = 7.0, 24  # nats below the highest node, and nodes on a side, where they end
SOME = 4.0  # nats below the highest node, at which there is a hundredth of the posterior
REACH = 5.0  # sds of log σ by which a bound on the scale moves with it
CELLS = 32  # of the density of log s between two nodes
WIDE, WIDE_DF = 0.03, 3.0  # share and degrees of freedom of what covers the whole line
PER_DF = 50.0  # rows a column for each degree of freedom, where that makes more
FEWER_DF, MORE_DF = 7.0, 15.0  # of proposals of u given s; the latter and one for each column
BLURS, EASE = 3, 1e-10  # rounds of blurring kinks; of a curvature that is to be inverted


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
        mode = Mode.find(rows, prior, log_s, near)
        lower, unit, at = mode.factor, mode.unit, mode.at
        ridge = np.zeros(len(at))
        place = prior.free + np.flatnonzero(prior.scaled)
        ridge[place] = np.square(unit[place] / prior.unit[prior.scaled]) * math.exp(-2.0 * log_s)
        half = solve_triangular(lower, np.diag(np.sqrt(ridge)), lower=True)
        share, q = np.linalg.eigh(half @ half.T)
        # Signs that do not hang on rounding, so that draws move as the posterior does.
        q *= np.where(q[np.abs(q).argmax(axis=0), np.arange(len(at))] < 0.0, -1.0, 1.0)
        height = mode.value + 0.5 * len(at) * math.log(2.0 * math.pi) - mode.half_log_det
        height -= prior.joined(mode.u, log_s)  # it joins them where log s is known
        return cls(
            log_s,
            at,
            unit[:, None] * solve_triangular(lower, q, lower=True, trans=1),
            np.clip(share, 0.0, 1.0),
            q.T @ (lower.T @ (at / unit)),
            mode.half_log_det,
            height,
            float(ridge @ np.square(at / unit)) - np.count_nonzero(prior.scaled) + share.sum(),
        )

    def draw(
        self, log_s: Array, df: float, path: Path | None, rng: np.random.Generator
    ) -> tuple[Array, Array]:
        """u (S, m) at scales near the node's, and the log density that it was drawn from."""
        precision = (1.0 - self.share) + self.share * np.exp(2.0 * (self.log_s - log_s))[:, None]
        centre = (self.place / precision) @ self.v.T
        m = len(self.at) - (path is not None)
        z = rng.standard_normal(precision.shape)
        z /= np.sqrt(rng.chisquare(df, len(log_s)) / df)[:, None]
        density = self.half_log_det + 0.5 * np.log(precision).sum(axis=1)
        if path is not None:  # what of z moves the path's coordinate is taken out of it
            along = self.v[path.which] / np.sqrt(precision)
            size = np.square(along).sum(axis=1)
            z -= along * (np.einsum("ij,ij->i", z, along) / size)[:, None]
            moves, own = path.draw(len(log_s), rng)
            centre += moves
            density += own + 0.5 * np.log(size)
        density += -0.5 * (df + m) * np.log1p(np.square(z).sum(axis=1) / df)
        density += gammaln(0.5 * (df + m)) - gammaln(0.5 * df) - 0.5 * m * math.log(df * math.pi)
        return centre + (z / np.sqrt(precision)) @ self.v.T, density


def effective(log_w: Array) -> float:
    """(Σw)²/SΣw²: the share of S weights that is effective."""
    if not np.isfinite(log_w.max()):
        return 0.0
    w = np.exp(log_w - log_w.max())
    return float(w.sum() ** 2 / (len(w) * np.sum(w * w)))


@dataclass(frozen=True, eq=False)
class Grid:
    """A density of one number: constant in cells, and a share of Student's t over the whole line.

    Attributes
    ----------
    edges, heights : ndarray (C + 1,), (C,)
        Cells, and log of the density in each, up to a constant.
    """

    edges: Array
    heights: Array

    @property
    def middles(self) -> Array:
        """Of cells."""
        return 0.5 * (self.edges[1:] + self.edges[:-1])

    def draw(self, size: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """Numbers (S,) and their log density."""
        mass = np.exp(self.heights) * np.diff(self.edges)
        cumulated = np.concatenate([[0.0], np.cumsum(mass)])
        x = np.interp(rng.random(size), cumulated / cumulated[-1], self.edges)
        centre, width = 0.5 * (self.edges[0] + self.edges[-1]), self.edges[-1] - self.edges[0]
        wide = rng.random(size) < WIDE
        x[wide] = centre + 0.5 * width * rng.standard_t(WIDE_DF, int(wide.sum()))
        z = (x - centre) / (0.5 * width)
        tails = -0.5 * (WIDE_DF + 1.0) * np.log1p(z * z / WIDE_DF) - math.log(0.5 * width)
        tails += gammaln(0.5 * (WIDE_DF + 1.0)) - gammaln(0.5 * WIDE_DF)
        tails -= 0.5 * math.log(WIDE_DF * math.pi)
        cell = np.searchsorted(self.edges, x, side="right") - 1
        inside = (cell >= 0) & (cell < len(self.heights))
        own = self.heights[np.clip(cell, 0, len(self.heights) - 1)] - math.log(cumulated[-1])
        own = np.where(inside, own + math.log1p(-WIDE), -np.inf)
        return x, np.logaddexp(own, tails + math.log(WIDE))


@dataclass(frozen=True, eq=False)
class Path:
    """The mode of u as one coordinate moves by δ, and the density of δ: at all scales alike.

    A shape or df is far from normal beside the rest, and what it leaves to σ bends with it.
    """

    which: int
    grid: Grid
    at: Array  # δ (K,) of nodes
    moves: Array  # of u there (K, m)

    @classmethod
    def find(cls, rows: Rows, prior: Prior, node: Node) -> Path:
        """Modes beside values an sd apart, as far as there is posterior."""
        which = len(node.at) - 1
        sd = float(np.sqrt(np.square(node.v[which]).sum()))

        def mode(near: Array, move: float) -> Mode:
            start = near.copy()
            start[which] = node.at[which] + move
            return Mode.find(rows, prior, node.log_s, start, which)

        found = {0.0: mode(node.at, 0.0)}
        for side in (1.0, -1.0):
            last = found[0.0]
            for k in range(1, MOST):
                last = mode(last.at, side * k * sd)
                found[side * k * sd] = last
                if not last.height > max(one.height for one in found.values()) - DEEP:
                    break
        at = np.array(sorted(found))
        heights = np.array([found[x].height for x in at.tolist()])
        moves = np.array([found[x].at - node.at for x in at.tolist()])
        edges = np.linspace(at[0], at[-1], CELLS * (len(at) - 1) + 1)
        grid = Grid(edges, np.zeros(len(edges) - 1))
        values = CubicSpline(at, heights - heights.max())(grid.middles)
        return cls(which, Grid(edges, values), at, moves)

    def draw(self, size: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """Moves (S, m) and the log density of their δ."""
        delta, density = self.grid.draw(size, rng)
        moves = CubicSpline(self.at, self.moves)(np.clip(delta, self.at[0], self.at[-1]))
        moves[:, self.which] = delta
        return moves, density


@dataclass(frozen=True, eq=False)
class Proposal:
    """What is drawn from, with its log weights.

    Attributes
    ----------
    scales : Grid or None
        Of log s, where it is unknown.
    path : Path or None
        Of the last of a, where there is one beside log σ.
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
    scales: Grid | None
    path: Path | None
    df: float
    constant: float
    information: Array

    @classmethod
    def of(cls, problem: Problem) -> Proposal:
        """About the reference point, as far as there is posterior."""
        at, rows, prior = reference(problem), Rows.of(problem), Prior.of(problem)
        own = at.sd[prior.scaled] / prior.unit[prior.scaled]
        first = float(np.log(own[0])) if len(own) else 0.0
        near = at.at
        if not problem.likelihood.smooth:
            rows, near = _blurred(rows, prior, first, at)
        nodes = _walk(rows, prior, first, near)
        scales = _cells(nodes, prior) if len(own) else None
        path = None
        if rows.names and rows.names[-1] != "sigma":
            middle = max(nodes, key=lambda node: _height(node, prior))
            path = Path.find(rows, prior, middle)
        flat = float(np.log(problem.x_sd[problem.flat]).sum())
        constant = rows.constant(nodes[0].at) - flat
        # With ever more rows a column the posterior is ever nearer to a normal.
        df = max(MORE_DF + len(at.at), problem.n / (PER_DF * max(len(at.at), 1)))
        if "sigma" in rows.names:  # beside an unknown σ, γ has tails like those of t with n − m
            df = max(1.0, min(df, problem.n - len(at.at)))
        return cls(rows, prior, nodes, scales, path, df, constant, at.information)

    def draw(self, size: int, rng: np.random.Generator) -> tuple[Array, Array, Array]:
        """u (S, m), log s (S,) and log weights: of the posterior ÷ what they were drawn from."""
        log_s, density = self._scales(size, rng)
        middles = np.array([0.5 * (a.log_s + b.log_s) for a, b in self._pairs])
        nearest = np.searchsorted(middles, log_s)
        u = np.empty((size, len(self.nodes[0].at)))
        for k, node in enumerate(self.nodes):
            at: Places = np.flatnonzero(nearest == k)
            u[at], own = node.draw(log_s[at], self.df, self.path, rng)
            density[at] += own
        return u, log_s, self.weighed(u, log_s, density)

    def weighed(self, u: Array, log_s: Array, density: Array) -> Array:
        """Log weights; what is no number weighs nothing."""
        target = self.rows.log_likelihood(u) + self.prior.log_density(u, log_s)
        target += self.prior.log_hyper(self.prior.log_scale(u, log_s))
        found = target - density + self.constant
        return np.where(np.isfinite(found), found, -np.inf)

    def thinnest(self, size: int, rng: np.random.Generator) -> tuple[float, float]:
        """The least share of proposals that is effective at a node of some mass, and its scale."""
        top, found = _height(self.middle, self.prior), [(1.0, math.exp(self.middle.log_s))]
        for node in self.nodes:
            if _height(node, self.prior) < top - SOME:
                continue
            log_s = np.full(size, node.log_s)
            u, density = node.draw(log_s, self.df, self.path, rng)
            found.append((effective(self.weighed(u, log_s, density)), math.exp(node.log_s)))
        return min(found)

    @property
    def middle(self) -> Node:
        """Of the nodes, that with most of the posterior."""
        return max(self.nodes, key=lambda node: _height(node, self.prior))

    @property
    def rival(self) -> float:
        """Log of the mass about another mode ÷ that about this one, at the scale of the middle."""
        return rival(self.rows, self.prior, self.middle.log_s, self.middle.at)

    @property
    def _pairs(self) -> list[tuple[Node, Node]]:
        return list(zip(self.nodes[:-1], self.nodes[1:], strict=True))

    def _scales(self, size: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """log s and its log density."""
        if self.scales is None:
            return np.zeros(size), np.zeros(size)
        return self.scales.draw(size, rng)


def _blurred(rows: Rows, prior: Prior, log_s: float, at: Reference) -> tuple[Rows, Array]:
    """Kinks blurred by what η varies where the posterior is, and the mode that there is then."""
    m, near = rows.m, at.at
    spread = np.linalg.inv(at.precision + EASE * np.diag(np.diagonal(at.precision)))
    for _ in range(BLURS):
        rows = rows.blurred(spread[:m, :m])
        mode = Mode.find(rows, prior, log_s, near)
        near, spread = mode.at, mode.spread
    return rows, near


def _walk(rows: Rows, prior: Prior, first: float, near: Array) -> tuple[Node, ...]:
    """Nodes from the first on, both ways, until little is left of the posterior."""
    start = Node.find(rows, prior, first, near)
    if prior.hyper is None:
        return (start,)
    found, best = [start], _height(start, prior)
    for side in (1.0, -1.0):
        last = start
        for _ in range(MOST):
            last = Node.find(rows, prior, last.log_s + side * SPACING, last.at)
            found.append(last)
            here = _height(last, prior)
            best = max(best, here)
            if np.isfinite(best) and here < best - DEEP:
                break
    return tuple(sorted(found, key=lambda node: node.log_s))


def _height(node: Node, prior: Prior) -> float:
    """With the hyperprior in it."""
    log_scale = prior.log_scale(node.at[None], np.array([node.log_s]))
    return node.height + float(prior.log_hyper(log_scale)[0])


def _cells(nodes: tuple[Node, ...], prior: Prior) -> Grid:
    """The density of log s from the first node to the last."""
    at = np.array([node.log_s for node in nodes])
    edges = np.linspace(at[0], at[-1], CELLS * (len(at) - 1) + 1)
    values = [node.height for node in nodes], [node.rise for node in nodes]
    heights = CubicHermiteSpline(at, *values)(0.5 * (edges[1:] + edges[:-1]))
    shift = prior.log_scale(np.array([node.at for node in nodes]), at) - at  # −log σ, or none
    heights = heights + _hyper_in(edges, edges + np.interp(edges, at, shift), nodes, prior)
    return Grid(edges, np.asarray(heights - heights.max()))


def _hyper_in(edges: Array, log_scale: Array, nodes: tuple[Node, ...], prior: Prior) -> Array:
    """Log of the hyperprior in each cell: no cell where some of u have its density is empty."""
    reach = np.zeros(len(edges))
    if prior.shifted and prior.hyper is not None and bounded(prior.hyper):
        which = len(prior.unit) + prior.free + prior.sigma
        sds = [float(np.sqrt(np.square(node.v[which]).sum())) for node in nodes]
        reach += REACH * max(sds)
    middles = 0.5 * (log_scale[1:] + log_scale[:-1])
    found = prior.log_hyper(middles)
    for away in (-reach, reach):
        ends = prior.log_hyper(log_scale + away)
        found = np.maximum(found, np.maximum(ends[1:], ends[:-1]))
    return found
