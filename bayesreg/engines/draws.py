"""Draws: what an engine gives back, and the rows that they are read against."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.data.sampled import SAMPLE
from bayesreg.language.arguments import Array
from bayesreg.language.errors import NotSupported

if TYPE_CHECKING:
    from bayesreg.data.design import Design
    from bayesreg.likelihoods import Likelihood
    from bayesreg.model.problem import Problem

Rows = NDArray[np.intp]
# The mean ESS, which sets the length of a tail, is taken over at most this many unknowns.
UNKNOWNS = 64
LOG_L = "log_likelihood"  # the statistic of draws whose rows are not at hand
RATIO = "log_ratio"  # log ρ of what was drawn, in its order: what it would count for; ρ of mean 1
APPROXIMATE = "laplace"  # the engine whose draws are not weighed by it
WEIGHT = "log_weight"  # the statistic of what was proposed, from which the evidence is read


@dataclass(frozen=True, eq=False)
class Draws:
    """Posterior draws per unit of the original columns.

    Attributes
    ----------
    beta : ndarray (chain, draw, P)
        Coefficients of all P columns.
    intercept : ndarray (chain, draw)
        β₀ at x = 0 of the original columns; zeros without an intercept.
    sigma : ndarray (chain, draw)
        σ: the noise sd or scale, constant where known; 1 under a likelihood that has none.
    scale : ndarray (chain, draw, B)
        The B unknown scales, each in its declared unit.
    scale_labels : tuple of str
        Their blocks.
    kappa : ndarray (chain, draw, p) or None
        Shrinkage factors 1/(1 + G_jj v_j/σ²) of the proper columns, v_j the prior variance of b_j
        given the local scales.
    stats : dict of ndarray (chain, draw)
        Sampler statistics, under ArviZ's names.
    engine : str
        Which engine drew.
    seed : int
        What to pass to have the same draws again.
    warmup : int
        Iterations discarded from each chain.
    independent : bool
        Whether the draws are independent rather than a Markov chain.
    complete : bool
        False where the run was interrupted.
    wall : float
        Seconds taken.
    problem : Problem
        What was sampled.
    thin : int
        Every thin-th iteration was kept.
    own : dict of ndarray (chain, draw)
        The likelihood's unknowns beside σ, by name: ``shape``, ``df``.
    """

    beta: Array
    intercept: Array
    sigma: Array
    scale: Array
    scale_labels: tuple[str, ...]
    kappa: Array | None
    stats: dict[str, Array]
    engine: str
    seed: int
    warmup: int
    independent: bool
    complete: bool
    wall: float
    problem: Problem
    thin: int = 1
    own: dict[str, Array] = field(default_factory=dict)

    def __repr__(self) -> str:
        chains, draws = self.sigma.shape
        stopped = "" if self.complete else ", interrupted"
        return (
            f"Draws by {self.engine}: {chains} chains × {draws} draws of {len(self.unknowns)} "
            f"unknowns, seed {self.seed}, {self.wall:.2g} s{stopped}\n"
            "  .beta (chain, draw, column), .intercept, .sigma, .scale, .kappa, .unknowns, .stats"
        )

    @property
    def approximate(self) -> bool:
        """Whether the engine draws from what is near the posterior, and not from it."""
        return self.engine == APPROXIMATE

    @property
    def by(self) -> str:
        """The engine as a reader must know it."""
        return f"{self.engine}, a normal approximation" if self.approximate else self.engine

    @property
    def theta(self) -> dict[str, Array]:
        """The likelihood's own unknowns by name (chain, draw), known or not."""
        return theta_of(self.problem.likelihood, self.sigma, self.own)

    @property
    def unknowns(self) -> dict[str, Unknown]:
        """Every unknown by name: ``beta[bmi]``, ``intercept``, ``sigma``, ``scale``.

        The one place that says what they are: checks, summaries, agreement and figures read it.
        Several scales are ``scale[block]``.
        """
        problem, count = self.problem, len(self.scale_labels)
        found = {
            f"beta[{name}]": Unknown(self.beta[..., j]) for j, name in enumerate(problem.features)
        }
        if problem.intercept:
            found["intercept"] = Unknown(self.intercept)
        theta = self.theta
        for name in problem.unknown:
            found[name] = Unknown(theta[name], positive=True)
        for k, label in enumerate(self.scale_labels):
            name = "scale" if count == 1 else f"scale[{label}]"
            found[name] = Unknown(self.scale[..., k], positive=True)
        return found

    @property
    def log_evidence(self) -> tuple[float, float]:
        """Log p(y), everything integrated out, and its Monte Carlo standard error.

        With flat measures dβ₀ and dβ_Flat per unit of the original columns, and every constant of
        the likelihood, as log C(m, y) and −log y!: comparable between models of the same rows with
        the same Flat columns. It is the log of the mean of importance weights (Geweke 1989,
        Econometrica 57(6)).

        Raises
        ------
        NotSupported
            If the draws are not of engine "independent", which has weights.

        Examples
        --------
        >>> import numpy as np, bayesreg as br
        >>> X = np.linspace(-1.0, 1.0, 40)[:, None]
        >>> problem = br.Model(br.Normal(1.0), br.Bernoulli()).condition(X, np.arange(40) % 3 > 0)
        >>> value, error = br.sample(problem, engine="independent", seed=1).draws.log_evidence
        >>> round(value, 1), error < 0.01
        (-26.8, True)
        """
        if WEIGHT not in self.stats:
            raise NotSupported(
                f"engine {self.engine!r} keeps no weights that would say the evidence; where it "
                "serves, sample(problem, engine='independent') does"
            )
        log_w = self.stats[WEIGHT]
        top = float(log_w.max())
        w = np.exp(log_w - top)
        mean = float(w.mean())
        return top + math.log(mean), float(w.std() / (mean * math.sqrt(w.size)))

    @property
    def known(self) -> dict[str, float]:
        """What of the likelihood's own unknowns, and of β₀, is a given number."""
        return ({} if self.problem.intercept else {"intercept": 0.0}) | self.problem.known


@dataclass(frozen=True, eq=False)
class Unknown:
    """Draws (chain, draw) of one number, and whether it is positive, so judged by its logarithm."""

    values: Array
    positive: bool = False


@dataclass(frozen=True, eq=False)
class Sample:
    """Draws that are used, flat: (S, P), (S,), (S,), κ (S, p) where known, ESS per draw, chains."""

    likelihood: Likelihood
    beta: Array
    intercept: Array
    sigma: Array
    kappa: Array | None
    r_eff: float
    chains: int = 1
    own: dict[str, Array] = field(default_factory=dict)

    @classmethod
    def of(cls, draws: Draws, at_most: float = math.inf, *, r_eff: float | None = None) -> Sample:
        """All draws, or every k-th of each chain: the fewest that are at least `at_most`."""
        chains, length = draws.sigma.shape
        step = max(1, int(chains * length // max(at_most, 1.0)))
        beta, kappa = draws.beta[:, ::step], draws.kappa
        if kappa is not None:
            kappa = pooled(kappa[:, ::step])
        return cls(
            likelihood=draws.problem.likelihood,
            beta=pooled(beta),
            intercept=draws.intercept[:, ::step].reshape(-1),
            sigma=draws.sigma[:, ::step].reshape(-1),
            kappa=kappa,
            r_eff=relative_efficiency(draws, step) if r_eff is None else r_eff,
            chains=chains,
            own={name: one[:, ::step].reshape(-1) for name, one in draws.own.items()},
        )

    def at(self, places: Rows) -> Sample:
        """Some of the draws."""
        return replace(
            self,
            beta=self.beta[places],
            intercept=self.intercept[places],
            sigma=self.sigma[places],
            kappa=None if self.kappa is None else self.kappa[places],
            own={name: one[places] for name, one in self.own.items()},
        )

    @property
    def theta(self) -> dict[str, Array]:
        """The likelihood's own unknowns by name, (S,)."""
        return theta_of(self.likelihood, self.sigma, self.own)

    def on_rows(self, design: Design, where: Any) -> tuple[Array, dict[str, Array]]:
        """η (rows, S) of some rows under every draw, and θ beside it."""
        return design.points.take(where).under(self.beta, self.intercept, self.theta)

    @property
    def size(self) -> int:
        """S."""
        return len(self.sigma)


def theta_of(likelihood: Likelihood, sigma: Array, own: Mapping[str, Array]) -> dict[str, Array]:
    """θ by name, of σ and what else there is."""
    return {name: sigma if name == "sigma" else own[name] for name in likelihood.unknowns}


def pooled(values: Array) -> Array:
    """All chains end to end: (chain, draw, …) as (chain·draw, …), also where there is no column."""
    return values.reshape(values.shape[0] * values.shape[1], *values.shape[2:])


def mean_b(draws: Draws) -> Array:
    """The posterior mean of b (p,), in the coordinates of the penalty."""
    problem = draws.problem
    mean = draws.beta.mean(axis=(0, 1))[problem.proper]
    return np.asarray(mean * problem.x_sd[problem.proper] - problem.coordinates.loc)


def rows_of(problem: Problem) -> Design:
    """The rows of the problem, or the reason why there are none."""
    if problem.design is None:
        raise NotSupported(
            f"LOO needs rows, and {problem.rowless}; condition on X and y, or a sample of them"
        )
    return problem.design


def at_hand(problem: Problem) -> Problem:
    """The problem; of rows that are read in passes with a sample of them as its design.

    What is summed over all rows stays. Rows that are fewer than columns are there in full: their
    moments hold as many numbers.
    """
    if problem.design is not None or problem.stream is None:
        return problem
    rows = max(SAMPLE, problem.moments.rows if problem.least_squares.wide else 0)
    return replace(problem, design=problem.stream.sample(rows))


def relative_efficiency(draws: Draws, step: int) -> float:
    """ESS of the mean over draws, averaged over unknowns as in ``az.loo``; 1 if independent."""
    chains, length = draws.sigma.shape
    if draws.independent or chains == 1 or length // step < 4:
        return 1.0
    unknowns = [one.values[:, ::step] for one in draws.unknowns.values()]
    values = np.stack(unknowns[:: -(-len(unknowns) // UNKNOWNS)])
    ess = array_stats().ess(values, method="mean")
    return float(np.mean(ess) / values[0].size)


def array_stats() -> Any:
    """ArviZ's diagnostics on plain arrays.

    ``arviz_stats.base`` is the part of ArviZ that needs neither plots nor converters; importing
    ``arviz`` itself takes half as long again.
    """
    from arviz_stats import base

    statistics: Any = base
    return statistics.array_stats
