"""What Gibbs iterations need of a problem: its data, and records of blocks, groups and facts."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.engines.loops import tables
from bayesreg.engines.loops.arrays import BLOCK, FACTS, GROUP, LAWS
from bayesreg.engines.reference import Reference, reference
from bayesreg.engines.starts import profile
from bayesreg.engines.strands.own import OwnUnknowns
from bayesreg.language.arguments import Array
from bayesreg.model.pseudo_data import PseudoData
from bayesreg.priors import HyperPrior, ScaleMixture

if TYPE_CHECKING:
    from bayesreg.model.blocks import Block
    from bayesreg.model.problem import Problem

Records = NDArray[Any]
_MANY = 60  # columns from which a scan over them pays: it costs more than it gains at 50


@dataclass(frozen=True, eq=False)
class Setup:
    """What every iteration needs; `order` is where each sampled column stands in the problem."""

    data: tuple[Array, Array, Array, Array, Array]  # X', y, gram, X'y, G_jj
    fixed: tuple[Array, tuple[Array, Array]]  # relative factors and tables
    blocks: Records
    groups: Records
    facts: Records
    order: NDArray[np.intp]
    hypers: tuple[HyperPrior | None, ...]
    sigma_prior: HyperPrior | None
    start: tuple[float, float]  # type-II log scale ÷ σ, and log σ

    @property
    def size(self) -> int:
        """Rows of the matrix that is factored."""
        p, m = self.data[0].shape
        return int(min(m, p))

    @property
    def elaborate(self) -> bool:
        """Whether more is needed than the plain steps."""
        more, facts = [LAWS[name] for name in ("slab", "dirichlet", "tabulated")], self.facts[0]
        return bool(np.isin(self.blocks["law"], more).any() or facts["crowded"] or facts["sweeps"])


@dataclass(frozen=True, eq=False)
class Augmented:
    """What every iteration needs under a likelihood that is normal given latent weights ω."""

    problem: Problem
    at: Reference
    given: Setup  # of the quadratic at b = 0: all but its data serve those of any ω
    own: OwnUnknowns


def prepare(problem: Problem) -> Setup | Augmented:
    """What every iteration needs; under latent weights, beside what changes with them."""
    if problem.exact:
        return given(problem)
    at = reference(problem)
    return Augmented(problem, at, beside(problem, at), OwnUnknowns.at(problem, at))


def beside(problem: Problem, at: Reference) -> Setup:
    """What iterations need of priors and σ, under a likelihood that is not one quadratic."""
    touching = at.problem.at_zero
    own = {"sigma": problem.own.get("sigma", 1.0)}
    # Scales in units of σ are the problem's own: the quadratic's σ is √φ, at the reference point.
    setup = given(dataclasses.replace(touching, own=own, blocks=problem.blocks))
    # Of the rows that there are, not of their weights in the quadratic.
    nu = float(np.sum(at.problem.loss.weights)) - at.free
    setup.facts["nu"], setup.facts["crowded"] = nu, 2 * problem.p >= nu
    return setup


def given(problem: Problem) -> Setup:
    """Compress the data, put columns in the order of their blocks, and find where to start."""
    pseudo = problem.quadratic.rows
    none = np.zeros(0, dtype=np.intp)
    order = np.concatenate([none, *(block.columns[_grouped(block)] for block in problem.blocks)])
    same = np.array_equal(order, np.arange(problem.p))
    xt = np.ascontiguousarray((pseudo.x if same else pseudo.x[:, order]).T)
    y = np.ascontiguousarray(pseudo.y)
    narrow = xt.shape[1] >= xt.shape[0]
    blocks, groups, known = _records(problem.blocks)
    facts = _facts(problem, pseudo, blocks, narrow=narrow)
    relative = [block.relative[_grouped(block)] for block in problem.blocks]
    return Setup(
        data=(
            xt,
            y,
            xt @ xt.T if narrow else np.empty((0, 0)),
            xt @ y if narrow else np.empty(0),
            np.einsum("ij,ij->i", xt, xt),
        ),
        fixed=(np.concatenate([np.zeros(0), *relative]), known),
        blocks=blocks,
        groups=groups,
        facts=facts,
        order=order,
        hypers=tuple(block.hyper for block in problem.blocks),
        sigma_prior=problem.sigma_prior,
        start=profile(pseudo, problem.sigma),
    )


def _grouped(block: Block) -> NDArray[np.intp]:
    """The columns of a block with each group's beside each other."""
    return np.argsort(block.group, kind="stable")


def _records(blocks: tuple[Block, ...]) -> tuple[Records, Records, tuple[Array, Array]]:
    """Blocks, groups, and the tables of their collapsed densities and of their laws."""
    records, sizes = np.zeros(len(blocks), BLOCK), [block.sizes for block in blocks]
    place, densities = tables.collapsed(blocks)
    records["table"], laws = tables.laws(blocks)
    groups = np.zeros(len(place), GROUP)
    groups["stop"] = np.cumsum(np.concatenate([np.zeros(0, dtype=np.int64), *sizes]))
    groups["start"][1:] = groups["stop"][:-1]
    groups["table"], groups["t"] = place, 1.0
    unknown = column = group = 0
    for one, block, size in zip(records, blocks, sizes, strict=True):
        prior = block.prior
        assert isinstance(prior, ScaleMixture)
        one["law"] = LAWS[prior.mixing.law]
        one["first"], one["second"] = (*prior.mixing.parameters, 0.0, 0.0)[:2]
        one["code"], *numbers = tables.hyper(block.hyper)
        one["hyper_first"], one["hyper_second"], one["hyper_third"] = numbers
        one["unknown"] = unknown if block.scale is None else -1
        one["absolute"] = prior.unit == "y"
        one["start"], one["stop"] = column, column + len(block.columns)
        one["group_start"], one["group_stop"] = group, group + len(size)
        one["log_scale"] = math.log(block.scale or 1.0)
        if prior.mixing.law == "slab":
            one["log_slab"] = 2.0 * math.log(one["first"])
        if prior.mixing.law == "dirichlet":
            groups["t"][group : group + len(size)] = 1.0 / len(size)
        unknown += block.scale is None
        column, group = one["stop"], one["group_stop"]
    return records, groups, (densities, laws)


def _facts(problem: Problem, pseudo: PseudoData, blocks: Records, *, narrow: bool) -> Records:
    """What is said of the whole."""
    facts, prior = np.zeros(1, FACTS), problem.sigma_prior
    crowded, absolute = 2 * problem.p >= problem.nu, bool(blocks["absolute"].any())
    conjugate = None if prior is None else prior.inverse_gamma
    facts["nu"], facts["rss"], facts["yy"] = pseudo.nu, pseudo.rss, pseudo.y @ pseudo.y
    facts["known"], facts["conjugate"] = prior is None, conjugate is not None
    facts["shape"], facts["rate"] = conjugate or (0.0, 0.0)
    facts["code"], facts["first"], facts["second"], facts["third"] = tables.hyper(prior)
    facts["crowded"], facts["absolute"] = crowded, absolute
    slab = bool(np.any(blocks["law"] == LAWS["slab"]))
    many = problem.p >= _MANY and bool(np.any(blocks["law"] == LAWS["half_cauchy"]))
    facts["sweeps"] = int(many or slab) * (1 if narrow else 2)
    return facts
