r"""The Gaussian that touches a posterior with an ℓ₁ part from above, and where it does.

With u = 1/σ and v = ub the objective whose minimum is the MAP is, at given scales and σ,

    ½‖R(v − ub̂)‖² + λΣr_j|v_j| + ½λ²Σq_j v_j²,   λ = 1/scale, or σ/scale in the unit of y

so that the slopes are s_j = (R'R(ub̂ − v) − λ²q v)_j/(λr_j) at the minimum: the sign of v_j, or a
number between −1 and 1 where v_j = 0 (Tibshirani 1996, JRSS B 58(1)).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import qr, solve_triangular

from bayesreg.engines.loops.arrays import HYPER
from bayesreg.engines.loops.tables import hyper
from bayesreg.engines.starts import profile
from bayesreg.language.arguments import Array
from bayesreg.model.pseudo_data import PseudoData
from bayesreg.model.unit_data import EPS
from bayesreg.priors import ScaleMixture
from bayesreg.solvers import coordinate_descent

if TYPE_CHECKING:
    from bayesreg.model.blocks import Block
    from bayesreg.model.problem import Problem
    from bayesreg.priors import HyperPrior

Index = NDArray[np.intp]


def rates(block: Block) -> tuple[float, float]:
    """ρ and q of −log p = ρ|u| + ½qu² + constant, u = b/scale."""
    assert isinstance(block.prior, ScaleMixture)
    mixing = block.prior.mixing
    return (mixing.parameters[0], mixing.parameters[1]) if mixing.parameters else (0.0, 1.0)


@dataclass(frozen=True, eq=False)
class Frame:
    """What does not depend on where the envelope touches.

    Attributes
    ----------
    blocks : tuple of Block
        Those whose prior is not wholly in G = R'R. A quadratic part whose size is a known multiple
        of σ² is in G, as prior rows beneath those of the data.
    order : ndarray of int (p,)
        Columns as they are ordered here: by block, and last those whose whole prior is in G.
    bounds : ndarray of int (K, 2)
        First column of each block and the one beyond its last.
    root : ndarray (p, p)
        R, upper triangular.
    target : ndarray (p,)
        Rb̂.
    rss : float
        S(b̂).
    linear, square : ndarray (p,)
        r and q.
    """

    blocks: tuple[Block, ...]
    order: Index
    bounds: NDArray[np.int64]
    root: Array
    target: Array
    rss: float
    linear: Array
    square: Array

    @classmethod
    def of(cls, problem: Problem, data: PseudoData) -> Frame:
        """Sort the columns and factor G by QR of the rows."""
        linear, square, sd = np.zeros(problem.p), np.zeros(problem.p), np.full(problem.p, np.inf)
        blocks: list[Block] = []
        last: list[Block] = []
        for block in problem.blocks:
            rho, q = rates(block)
            in_sigma = block.prior.unit == "sigma" or problem.sigma is not None
            if q > 0.0 and block.scale is not None and in_sigma:
                unit = 1.0 if block.prior.unit == "sigma" else problem.sigma
                assert unit is not None
                sd[block.columns] = block.scale * block.relative / (unit * math.sqrt(q))
                q = 0.0
            linear[block.columns] = rho / block.relative
            square[block.columns] = q / np.square(block.relative)
            (blocks if rho > 0.0 or q > 0.0 else last).append(block)
        order = np.concatenate([block.columns for block in (*blocks, *last)]).astype(np.intp)
        sizes = np.array([len(block.columns) for block in blocks], dtype=np.int64)
        bounds = np.column_stack([np.cumsum(sizes) - sizes, np.cumsum(sizes)])
        root, target, rss = _triangle(data, order, sd[order])
        return cls(tuple(blocks), order, bounds, root, target, rss, linear[order], square[order])

    @property
    def singular(self) -> bool:
        """Whether neither the data nor a prior in G determine some direction."""
        norms = np.linalg.norm(self.root, axis=0)
        return bool(np.any(np.diagonal(self.root) <= 64.0 * len(norms) * EPS * norms))

    @property
    def absolute(self) -> NDArray[np.bool_]:
        """Which blocks have their scale in the unit of y."""
        return np.array([block.prior.unit == "y" for block in self.blocks])

    def spread(self, values: Array) -> Array:
        """One value per block, as one per column; ones where the whole prior is in G."""
        out = np.ones(len(self.order))
        for value, (start, stop) in zip(values, self.bounds, strict=True):
            out[start:stop] = value
        return out


def _triangle(data: PseudoData, order: Index, sd: Array) -> tuple[Array, Array, float]:
    """R with a positive diagonal, Rb̂ and S(b̂), of the pseudo-rows and the rows of the prior."""
    p, finite = len(order), np.isfinite(sd)
    prior = np.zeros((int(finite.sum()), p + 1))
    prior[np.arange(len(prior)), np.flatnonzero(finite)] = 1.0 / sd[finite]
    rows = np.vstack([np.column_stack([data.x[:, order], data.y]), prior])
    r = np.zeros((p + 1, p + 1))
    found = np.asarray(qr(rows, mode="r", check_finite=False)[0])[: p + 1]
    r[: len(found)] = found
    sign = np.where(np.diagonal(r) < 0.0, -1.0, 1.0)[:p]
    return r[:p, :p] * sign[:, None], r[:p, p] * sign, data.rss + float(r[p, p]) ** 2


def reference(problem: Problem, frame: Frame, data: PseudoData) -> tuple[Array, float]:
    """Log scales and σ to begin with: type-II estimates under normal priors of equal variance."""
    size, log_sigma = profile(data, problem.sigma)
    sigma = math.exp(_within(problem.sigma_prior, log_sigma))
    log_scale = np.empty(len(frame.blocks))
    for k, block in enumerate(frame.blocks):
        if block.scale is not None:
            log_scale[k] = math.log(block.scale)
            continue
        rho, q = rates(block)
        guess = size + 0.5 * math.log(0.5 * rho * rho + q)
        guess += math.log(sigma) if block.prior.unit == "y" else 0.0
        log_scale[k] = _within(block.hyper, guess)
    return log_scale, sigma


def _within(prior: HyperPrior | None, log_x: float) -> float:
    """The value, or the prior's median where the prior excludes the value."""
    if prior is None or math.isfinite(prior.log_density_of_log(log_x)):
        return log_x
    return math.log(float(np.median(prior.sample(np.random.default_rng(1), 1001))))


def touch(
    problem: Problem, frame: Frame, log_scale: Array, sigma: float
) -> tuple[Array, tuple[Any, ...]]:
    """The MAP as v = b/σ, and the envelope that touches there."""
    unknown = [k for k, block in enumerate(frame.blocks) if block.scale is None]
    fixed = problem.at(sigma=sigma, scale=np.exp(log_scale[unknown]) if unknown else None)
    v = coordinate_descent.solve(fixed).b[frame.order] / sigma
    lam = frame.spread(np.exp(-log_scale) * np.where(frame.absolute, sigma, 1.0))
    gradient = frame.root.T @ (frame.target / sigma - frame.root @ v) - lam**2 * frame.square * v
    rate = np.where(frame.linear > 0.0, lam * frame.linear, np.inf)
    slope = np.where(v == 0.0, np.clip(gradient / rate, -1.0, 1.0), np.sign(v))
    return v, tangent(frame, slope, v)


def tangent(frame: Frame, slope: Array, point: Array) -> tuple[Any, ...]:
    """The envelope as its sampler reads it, without `numbers`, for any s in [−1, 1]^p."""
    centre = solve_triangular(frame.root, frame.target, check_finite=False)
    inverse = solve_triangular(frame.root, np.eye(len(centre)), check_finite=False).T
    parts = np.zeros((len(frame.blocks), 2, len(centre)))
    for part, (start, stop) in zip(parts, frame.bounds, strict=True):
        part[0, start:stop] = (frame.linear * slope)[start:stop]
        part[1, start:stop] = (frame.square * point)[start:stop]
    columns = np.stack([centre, frame.target, slope, point, frame.linear, frame.square])
    blocks = np.column_stack([parts @ centre, parts[:, 1] @ point, *_facts(frame)])
    arrays = (columns, inverse, frame.root.T, parts @ inverse.T, blocks)
    return (*(np.ascontiguousarray(a, dtype=np.float64) for a in arrays), frame.bounds)


def _facts(frame: Frame) -> list[Array]:
    """Per block: count, unit, whether unknown and drawn from a gamma, and its hyperprior."""
    rows = []
    for block, (start, stop), in_y in zip(frame.blocks, frame.bounds, frame.absolute, strict=True):
        code = hyper(block.hyper)
        gamma = code[0] == HYPER["half_student_t"] and stop - start > 1
        gamma = gamma and not np.any(frame.square[start:stop])
        rows.append([stop - start, in_y, block.scale is None, gamma, *code])
    return list(np.array(rows, dtype=np.float64).T)
