r"""Engine streamed: independent proposals about the optimum, all of them scored in one pass.

The rows are read in passes, and the optimum, with the slope g and the curvature H of −log L there,
is what these have brought (:mod:`bayesreg.model.in_passes`). (γ, b) is proposed from a t with 30
degrees of freedom: about the optimum and with the curvature of the log posterior there under Normal
and flat priors, else with the mean and covariance of exp(−g'd − ½d'Hd)·prior, found by proposals
that are weighed and matched (Cappé et al. 2004, "Population Monte Carlo", JCGS 13(4)). Every
proposal of every chain is scored in the same pass, and chains accept it with probability
min(1, w′/w) (Tierney 1994, Annals of Statistics 22(4), §2.3.3), which is exact.

That is so where scales are known and priors are by column. Where they are not, the rows weigh draws
of a Gaussian problem: :mod:`bayesreg.engines.weighed`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

from bayesreg.engines import weighed
from bayesreg.engines.chains import Collected, Output
from bayesreg.engines.draws import LOG_L, RATIO, Draws
from bayesreg.engines.kernel import External, Needs, Request
from bayesreg.engines.weighed import LEAST, Share
from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadData, NotSupported
from bayesreg.likelihoods import Likelihood
from bayesreg.model.from_sample import sampled
from bayesreg.model.unbounded import heavy_tailed, refuse_separated
from bayesreg.priors import Majorised, ScaleMixture

if TYPE_CHECKING:
    from bayesreg.model.in_passes import InPasses, Met
    from bayesreg.model.problem import Problem

NAME = "streamed"
DF = 30.0  # of the proposals
Index = NDArray[np.intp]
TUNE = 16  # proposals, after which no start is remembered
MATCHED, ROUNDS = 20_000, 4  # proposals by which a normal prior's place is taken, and how often


def _unfit(problem: Problem) -> str | None:
    """What types cannot say."""
    if problem.stream is None or problem.exact:
        return "it scores rows that are read in passes, and here they are at hand or not needed"
    if problem.unknown:
        name = next(iter(problem.unknown))
        return (
            f"{name} is unknown, and it moves β alone; fix it with problem.at({name}=…), or in the "
            f"likelihood, {type(problem.likelihood).__name__}({name}=…), at the median of a "
            "posterior of model.condition(problem.stream.sample(…)) perhaps"
        )
    if not by_column(problem) and (reason := weighed.unfit(problem)) is not None:
        return reason
    if problem not in _FOUND:
        _FOUND[problem] = _unbounded(problem)
    return _FOUND[problem]


# What a sample of a problem's rows was found to say, for as long as there is the problem.
_FOUND: WeakKeyDictionary[Problem, str | None] = WeakKeyDictionary()


def _unbounded(problem: Problem) -> str | None:
    """Whether rows must show that a posterior exists, and a sample of them does not.

    Rows that overlap do so with others beside them, so that those of a sample are a proof.
    """
    k = len(problem.in_passes.places)
    heavy, flat = heavy_tailed(problem, k), not by_column(problem) and len(problem.flat)
    if not (heavy or flat) or problem.stream is None or not problem.stream.again:
        return None
    small = sampled(problem)
    try:
        if small is not None:
            refuse_separated(small)
            return None
        said = "every row of a sample is on one side"
    except BadData as error:
        said = f"in a sample of the rows {error}"
    cure = heavy[0].prior.cure(k) if heavy else "Give the Flat columns proper priors"
    return f"that a posterior exists is for rows to show, and {said}. {cure}"


def by_column(problem: Problem) -> bool:
    """Whether scales are known and priors say of each column what it costs."""
    penalties = all(isinstance(b.prior, Majorised) and b.separable for b in problem.blocks)
    return penalties and not problem.unknown_scales


supports = Needs((Likelihood,), (Majorised, ScaleMixture), _unfit)


def begins_at_optimum(problem: Problem) -> bool:
    """Whether it needs the optimum, and passes have not been there yet."""
    return by_column(problem) and not problem.in_passes.met


def said(draws: Draws) -> str:
    """How these draws came about, in words."""
    if RATIO not in draws.stats:
        share = float(np.mean(draws.stats["accepted"]))
        return (
            "independent proposals about the optimum, all scored in one pass: "
            f"{share:.0%} were accepted"
        )
    return (
        "draws given the quadratic that log L nearly is about the posterior's mean, all scored in "
        f"one pass and drawn again by weight: {Share.of(draws.stats[RATIO])}"
    )


@dataclass(frozen=True, eq=False)
class Proposal:
    """A t with `DF` degrees of freedom about (γ, b): mean (m,), and L with LL' its spread."""

    mean: Array
    root: Array

    def draw(self, rng: np.random.Generator, count: int) -> Array:
        """Proposals (count, m)."""
        z = rng.standard_normal((count, len(self.mean)))
        z *= np.sqrt(DF / rng.chisquare(DF, count))[:, None]
        return np.asarray(self.mean + z @ self.root.T)

    def log_density(self, x: Array) -> Array:
        """Of x (count, m), up to a constant."""
        z = solve_triangular(self.root, (x - self.mean).T, lower=True)
        size = np.einsum("ij,ij->j", z, z)
        return np.asarray(-0.5 * (DF + len(self.mean)) * np.log1p(size / DF))


@dataclass(frozen=True, eq=False)
class Place:
    """The optimum and what is known of the posterior about it: slope (m,), curvature (m, m)."""

    problem: Problem
    at: Array
    slope: Array
    curve: Array

    @classmethod
    def of(cls, problem: Problem) -> Place:
        """Where the last pass was."""
        loss, met = problem.in_passes, _met(problem)
        order = np.concatenate([loss.places, 1 + problem.proper])
        at = np.concatenate([met.free, met.b])
        return cls(problem, at, met.sums.slope[order], met.sums.curve[np.ix_(order, order)])

    @property
    def free(self) -> int:
        """k: how many of (γ, b) are γ."""
        return len(self.at) - self.problem.p

    def log_likelihood(self, x: Array) -> Array:
        """Of x (count, m), constants included: one pass."""
        whole = np.vstack([self.at, x])
        found = self.problem.in_passes.scores(whole[:, self.free :], whole[:, : self.free])
        return np.asarray(found[1:] - found[0] - _met(self.problem).sums.value)

    def log_prior(self, x: Array) -> Array:
        """Of x (count, m), up to a constant."""
        problem, total = self.problem, np.zeros(len(x))
        for block in problem.blocks:
            assert isinstance(block.prior, Majorised)
            scale = problem.effective_scale(block, problem.sigma)
            total -= block.prior.cost(x[:, self.free + block.columns], 1.0, scale).sum(axis=1)
        return total

    def proposal(self) -> Proposal:
        """About the mode where the prior is normal; else matched to the quadratic and the prior."""
        problem, width = self.problem, np.zeros(len(self.at))
        for block in problem.blocks:
            scale = problem.effective_scale(block, problem.sigma)
            width[self.free + block.columns] = 1.0 / np.square(scale)
        found = Proposal(self.at, _root(self.curve + np.diag(width)))
        if all(block.prior.conjugate for block in problem.blocks):
            return found
        rng = np.random.default_rng(20180)
        for _ in range(ROUNDS):
            x = found.draw(rng, MATCHED)
            d = x - self.at
            quadratic = d @ self.slope + 0.5 * np.einsum("ij,ij->i", d @ self.curve, d)
            log_w = self.log_prior(x) - quadratic - found.log_density(x)
            w = np.exp(log_w - log_w.max())
            w /= w.sum()
            mean = w @ x
            spread = (x - mean).T @ (w[:, None] * (x - mean))
            found = Proposal(mean, np.linalg.cholesky(spread))
        return found


def _met(problem: Problem) -> Met:
    """Where the optimum is."""
    loss: InPasses = problem.in_passes
    if not loss.met:
        raise NotSupported("the optimum of these rows is not known yet; fit_map(problem) finds it")
    return loss.met[-1]


def _root(precision: Array) -> Array:
    """L with LL' the inverse of a precision."""
    scale = 1.0 / np.sqrt(np.diagonal(precision))
    factor = np.linalg.cholesky(np.linalg.inv(precision * scale * scale[:, None]))
    return np.asarray(scale[:, None] * factor)


class Scored(External):
    """The sampler described at the head of this module."""

    @property
    def tune(self) -> int:
        """16: proposals forget the start at a rate that is bounded."""
        return TUNE

    def sample(self, problem: Problem, request: Request) -> Collected:
        """Propose for all chains, score in one pass, and accept one after another.

        Raises
        ------
        NotSupported
            If fewer than a tenth of the proposals are accepted, or weights are as uneven.
        """
        if not by_column(problem):
            return weighed.weighed(problem, request)
        place = Place.of(problem)
        law, count = place.proposal(), 1 + request.tune + request.draws
        rngs = [np.random.default_rng(seed) for seed in request.seeds]
        x = np.concatenate([law.draw(rng, count) for rng in rngs])
        log_l = place.log_likelihood(x)
        log_w = log_l + place.log_prior(x) - law.log_density(x)
        log_w -= log_w.max()
        kept, accepted = {}, []
        for chain, rng in enumerate(rngs):
            own = slice(chain * count, (chain + 1) * count)
            visited, moved = _visited(log_w[own], -rng.standard_exponential(count))
            last = slice(1 + request.tune, None)
            kept[chain] = self._recorded(place, x[own][visited[last]])
            kept[chain]["accepted"] = moved[last].astype(float)
            kept[chain][LOG_L] = log_l[own][visited[last]]
            accepted.append(moved[1:])
        share = float(np.mean(accepted))
        if share < LEAST:
            raise NotSupported(
                f"of proposals about the optimum {share:.0%} were accepted, where it needs "
                f"{LEAST:.0%}: with so many columns log L is no quadratic where the posterior is; "
                "engine='laplace' draws as if it were, or ask for the posterior of "
                "problem.stream.sample(…)"
            )
        return Collected(kept, complete=True)

    def _recorded(self, place: Place, x: Array) -> Output:
        """β and β₀ per unit of the original columns, and what is known beside."""
        problem = place.problem
        beta, intercept = problem.restore_free(x[:, place.free :], x[:, : place.free])
        out = {
            "beta": beta,
            "intercept": np.broadcast_to(intercept, len(x)).copy(),
            "sigma": np.full(len(x), problem.sigma),
            "scale": np.zeros((len(x), 0)),
        }
        if all(block.prior.conjugate for block in problem.blocks):
            kappa = np.broadcast_to(_shrunk(place), (len(x), problem.p))
            out["kappa"] = np.array(kappa)
        return out


KERNEL = Scored()


def _shrunk(place: Place) -> Array:
    """κ (p,): 1/(1 + H_jj·sd²) under Normal priors, γ projected out of H."""
    k, curve, problem = place.free, place.curve, place.problem
    along = curve[k:, :k] @ np.linalg.pinv(curve[:k, :k]) @ curve[:k, k:] if k else 0.0
    told, out = np.diagonal(curve[k:, k:] - along), np.ones(problem.p)
    for block in problem.blocks:
        scale = problem.effective_scale(block, problem.sigma)
        out[block.columns] = 1.0 / (1.0 + told[block.columns] * np.square(scale))
    return out


def _visited(log_w: Array, log_u: Array) -> tuple[Index, NDArray[np.bool_]]:
    """Of each step, which proposal the chain is at, and whether it moved there then."""
    at, here = 0, log_w[0]
    places, moved = np.zeros(len(log_w), dtype=np.intp), np.zeros(len(log_w), dtype=bool)
    for i, (there, bound) in enumerate(zip(log_w.tolist(), log_u.tolist(), strict=True)):
        if i and (there - here > bound or here == -np.inf):
            at, here, moved[i] = i, there, True
        places[i] = at
    return places, moved
