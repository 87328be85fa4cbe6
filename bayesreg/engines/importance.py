r"""Engine independent: proposals that do not depend on where the chain is, weighed exactly.

Under Normal priors with at most one unknown scale s, (u, log s) is proposed as
:mod:`bayesreg.engines.given_scale` says, u = (γ, b, log θ) with what the likelihood does not know
of its own: σ, a df, a shape. A proposal has the log weight log p(y, u, log s) − log q(u, log s),
and a chain accepts it with probability min(1, w′/w) (Tierney 1994, Annals of Statistics 22(4),
§2.3.3). Tails of q are the heavier ones, so the chain is uniformly ergodic; proposals are evaluated
many at once, by products of matrices.

The mean of w is the evidence p(y), which `Draws.log_evidence` reads of the weights that a run
keeps. Where these are too unequal, as a pilot that is always the same says, the engine refuses; and
where −log L is not convex and Newton's method from other starts finds another mode of some mass.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from bayesreg.engines.chains import Output, one_blas_thread
from bayesreg.engines.draws import WEIGHT
from bayesreg.engines.given_scale import FEWER_DF, MORE_DF, Proposal, effective
from bayesreg.engines.kernel import Markov, Needs
from bayesreg.engines.laplace_tangent import RATE, ROW
from bayesreg.engines.log_posterior import BATCH
from bayesreg.engines.pareto import pareto_khat
from bayesreg.language.arguments import Array
from bayesreg.likelihoods import Likelihood
from bayesreg.likelihoods.base import AbsoluteDeviation, Measured
from bayesreg.priors import ScaleMixture

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem

NAME = "independent"
LEAST_SHARE, LARGEST_KHAT = 0.2, 0.7
RIVAL = -10.0  # log of the mass about another mode, which no proposal would find
# Of proposals given the scale: where few are effective at scales that the posterior reaches, they
# would miss what is there, however even the weights of most are.
EVEN = 0.6  # a share of all, above which that is not looked for
PILOT = 512
FEWEST = 4  # rows a column, below which nobody need look: log L is no quadratic
DRAW = 2e-6  # seconds of a draw, whatever the rows are


@dataclass(frozen=True)
class Pilot:
    """What a short run says of the weights, and other starts of other modes.

    Attributes
    ----------
    share, khat : float
        Of draws, how many are effective; Pareto k̂ of the largest weights.
    rival : float
        Log of the mass about another mode ÷ that about the one proposed about.
    thin, where : float
        The least share at a scale of some mass, looked for where `share` is not large, and that
        scale.
    """

    share: float
    khat: float
    rival: float = -math.inf
    thin: float = 1.0
    where: float = 1.0

    @property
    def ok(self) -> bool:
        """Whether the weights are even enough, and there is one mode."""
        even = self.share > LEAST_SHARE and self.khat < LARGEST_KHAT
        return even and self.rival < RIVAL and self.thin > LEAST_SHARE

    @property
    def why(self) -> str:
        """In words."""
        return f"of proposals given the scale {self.share:.0%} are effective, k̂ {self.khat:.2f}"

    @property
    def why_not(self) -> str:
        """What is missing."""
        if self.rival >= RIVAL:
            return (
                f"it proposes about one mode, and another has e^{self.rival:.1f} times its mass "
                f"where e^{RIVAL:g} would be too much"
            )
        if self.share > LEAST_SHARE and self.khat < LARGEST_KHAT:
            return (
                f"of proposals given a scale of {self.where:.2g} {self.thin:.0%} are effective, "
                f"where it needs {LEAST_SHARE:.0%}: the posterior there would be missed"
            )
        return f"{self.why}, where it needs {LEAST_SHARE:.0%} and a k̂ below {LARGEST_KHAT:g}"


# What a problem was found to need, for as long as there is the problem: it is asked of more than
# once. Nothing that is kept here holds the problem itself.
_FOUND: WeakKeyDictionary[Problem, tuple[Proposal, Pilot]] = WeakKeyDictionary()


def piloted(problem: Problem) -> tuple[Proposal, Pilot]:
    """The proposal, and what a pilot says of it: the same wherever it is asked."""
    if problem not in _FOUND:
        with one_blas_thread(), np.errstate(all="ignore"):
            first = Proposal.of(problem)
            found = _pilot(first)
            for df in (first.df, MORE_DF + len(first.middle.at), FEWER_DF):
                if found[1].ok and found[1].share >= EVEN:
                    break
                if df < found[0].df:
                    found = max(found, _pilot(replace(first, df=df)), key=_better)
            if found[1].ok and not problem.likelihood.convex:
                found = found[0], replace(found[1], rival=found[0].rival)
        _FOUND[problem] = found
    return _FOUND[problem]


def _better(found: tuple[Proposal, Pilot]) -> tuple[bool, float]:
    """Whether a proposal will do, then how even its weights are."""
    return found[1].ok, found[1].share


def _pilot(proposal: Proposal) -> tuple[Proposal, Pilot]:
    """The weights of a few."""
    rng = np.random.default_rng(20180)
    log_w = proposal.draw(PILOT, rng)[2]
    if not np.isfinite(log_w.max()):
        return proposal, Pilot(0.0, math.inf)
    found = Pilot(effective(log_w), float(pareto_khat(log_w[None])[0]))
    if found.ok and found.share < EVEN and proposal.scales is not None:
        thin, where = proposal.thinnest(PILOT, rng)
        found = replace(found, thin=thin, where=where)
    return proposal, found


def _unfit(problem: Problem) -> str | None:
    """What types cannot say."""
    law = problem.likelihood
    if not (law.smooth or isinstance(law, AbsoluteDeviation)):
        return f"it expands log densities, and that of {law!r} has kinks of no known kind"
    if not (law.convex or isinstance(law, Measured)):
        return f"it looks for modes from fits of y, which is no measurement under {law!r}"
    for block in problem.blocks:
        if not block.prior.conjugate:
            return f"it needs Normal priors, and {type(block.prior).__name__} is none"
    if len(problem.unknown_scales) > 1:
        return "more than one scale is unknown"
    if not problem.p and not len(problem.flat) and not problem.intercept:
        return "it needs a column or an intercept"
    if problem.design is None:
        return f"it needs rows, and {problem.rowless}"
    return None


def _uneven(problem: Problem) -> str | None:
    """What is missing, and whether weights are too unequal."""
    reason = _unfit(problem)
    if reason is not None:
        return reason
    if FEWEST * (problem.p + len(problem.flat)) > problem.n:
        return f"it proposes about modes, which needs {FEWEST} rows a column"
    pilot = piloted(problem)[1]
    return None if pilot.ok else pilot.why_not


supports = Needs((Likelihood,), (ScaleMixture,), _uneven)


@dataclass(frozen=True, eq=False)
class Setup:
    """A problem with its proposal."""

    problem: Problem
    proposal: Proposal


@dataclass(frozen=True, eq=False)
class State:
    """Where a chain is, and its log weight there."""

    u: Array
    log_s: float
    log_weight: float


class Independence(Markov):
    """The sampler described at the head of this module."""

    least = BATCH

    @property
    def tune(self) -> int:
        """64: whatever the start is, proposals forget it at a rate that is bounded."""
        return BATCH

    def prepare(self, problem: Problem) -> Setup:
        """Modes on a grid of scales."""
        return Setup(problem, piloted(problem)[0])

    def seconds(self, setup: Setup) -> float:
        """Of a proposal: rows, and products by triangles."""
        rows = setup.proposal.rows
        n = sum(len(part.y) for part in rows.parts)
        m = len(rows.parts[0].x)
        return n * (ROW + 0.2e-9 * m) + 4.0 * m * m / RATE + DRAW

    def start(self, setup: Setup, rng: np.random.Generator) -> State:
        """A proposal: the widest of laws that are near the posterior."""
        with np.errstate(all="ignore"):
            u, log_s, log_w = setup.proposal.draw(1, rng)
        return State(u[0], float(log_s[0]), float(log_w[0]))

    def advance(
        self, setup: Setup, state: State, rng: np.random.Generator, count: int
    ) -> tuple[State, Output]:
        """Propose all at once, then accept one after another."""
        with np.errstate(all="ignore"):
            u, log_s, log_w = setup.proposal.draw(count, rng)
        at = _visited(state.log_weight, log_w, -rng.standard_exponential(count))
        seen = np.vstack([state.u, u])[at]
        scales = np.concatenate([[state.log_s], log_s])[at]
        weights = np.concatenate([[state.log_weight], log_w])
        last = State(seen[-1], float(scales[-1]), float(weights[at[-1]]))
        return last, self._recorded(setup, seen, scales) | {WEIGHT: log_w}

    def _recorded(self, setup: Setup, u: Array, log_s: Array) -> Output:
        """β, β₀, θ, scale and κ, per unit of the original columns."""
        problem, prior = setup.problem, setup.proposal.prior
        b, _ = prior.columns(u)
        beta, intercept = problem.restore_free(b, u[:, : prior.free])
        theta = setup.proposal.rows.theta(u)
        scale = np.exp(prior.log_scale(u, log_s))
        sigma = theta.pop("sigma", problem.sigma)
        unknown = len(problem.unknown_scales)
        return {
            "beta": beta,
            "intercept": intercept,
            "sigma": np.array(np.broadcast_to(np.ravel(sigma), len(u))),
            "scale": np.repeat(scale[:, None], unknown, axis=1),
            "kappa": 1.0 / (1.0 + setup.proposal.information * np.square(prior.sds(u, log_s))),
        } | {name: theta[name][:, 0] for name in setup.proposal.rows.names if name != "sigma"}


KERNEL = Independence()


class UNGATED:
    """The same engine however unequal its weights are, as validation must know it."""

    NAME, KERNEL = NAME, KERNEL

    supports = staticmethod(Needs((Likelihood,), (ScaleMixture,), _unfit))


def _visited(here: float, log_w: Array, log_u: Array) -> Any:
    """Of the state before (0) and proposals (from 1), which one the chain is at."""
    at, found = 0, []
    for i, (there, bound) in enumerate(zip(log_w.tolist(), log_u.tolist(), strict=True)):
        if there - here > bound or here == -math.inf:
            at, here = i + 1, there
        found.append(at)
    return np.array(found, dtype=np.intp)
