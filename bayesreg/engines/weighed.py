r"""Draws of the posterior in which log L is a quadratic, weighed by what the rows say of each.

At a point c̄ that a pass was at, the rows have brought value, slope and curvature of −log L: with
the quadratic q of them in its place the posterior is that of a Gaussian problem, whatever the prior
and however many scales are unknown, and an engine of such problems draws from it. One more pass
scores every draw, and

.. math:: \rho(c) = L(c)\,e^{q(c)}

is what a draw counts for: importance weights of a Markov chain (Vihola, Helske & Franks 2020,
"Importance sampling type estimators based on approximate marginal Markov chain Monte Carlo",
Scandinavian Journal of Statistics 47(4), https://doi.org/10.1111/sjos.12492). Each chain is drawn
again by its weights, systematically and in its order, so that a draw that counts much is repeated
on the spot and every effective sample size sees it.

c̄ is about the posterior's mean: each pass brings the quadratic where the mean under the last one
was, until the mean moves no more. With n rows the ρ of draws about it differ by O(n^−½).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bayesreg.engines import base, engine_named, fastest_of_quadratics
from bayesreg.engines.chains import Collected, Output
from bayesreg.engines.draws import LOG_L, RATIO, Draws, pooled
from bayesreg.engines.kernel import Request
from bayesreg.engines.pareto import pareto_khat
from bayesreg.engines.reference import reference
from bayesreg.language.arguments import Array
from bayesreg.language.errors import NotSupported
from bayesreg.model.from_sample import begin
from bayesreg.model.touching import touched
from bayesreg.priors import Normal

if TYPE_CHECKING:
    from bayesreg.model.in_passes import Met
    from bayesreg.model.problem import Problem

LEAST, LARGEST_KHAT = 0.1, 0.7  # effective share of the weights, and k̂ of the largest
ROUNDS = 12  # quadratics, after which the mean does not settle
CLOSE = 0.3  # posterior sds: how far the mean may be from where log L was expanded
LOOKED = 250  # draws of each of four chains that say where the mean is


@dataclass(frozen=True)
class Share:
    """What weights come to: their effective share of the draws, and k̂ of the largest of them."""

    effective: float
    khat: float

    @classmethod
    def of(cls, log_ratio: Array) -> Share:
        """Of log ρ of all draws."""
        flat = log_ratio.reshape(-1)
        w = np.exp(flat - flat.max())
        khat = float(pareto_khat(flat[None])[0]) if len(flat) >= 100 else 0.0
        return cls(float(w.sum() ** 2 / (len(w) * np.sum(w * w))), khat)

    @property
    def ok(self) -> bool:
        """Whether they are even enough."""
        return self.effective >= LEAST and self.khat < LARGEST_KHAT

    def __str__(self) -> str:
        """In words."""
        return f"of the weights {self.effective:.0%} are effective, k̂ {self.khat:.2f}"


def unfit(problem: Problem) -> str | None:
    """What is missing for draws given a quadratic, in words; else None."""
    touching = touched(problem, problem.moments)
    if fastest_of_quadratics(touching) is not None:
        return None
    return engine_named("gibbs").supports(touching)


def centre(problem: Problem) -> Met:
    """Where the posterior's mean is, to a fraction of its sd, and what a pass brought back there.

    Raises
    ------
    NotSupported
        If it does not settle, as where columns separate y and the prior alone holds coefficients.
    """
    loss, met = problem.in_passes, near(problem)
    for _ in range(ROUNDS):
        request = Request(LOOKED, 0, (1, 2, 3, 4), None, progress=False)
        x = pooled(_points(problem, given(problem, met, request)))
        mean, sd = x.mean(axis=0), x.std(axis=0)
        if np.all(np.abs(mean - met.at) <= CLOSE * sd + 1e-12 * np.abs(mean)):
            loss.rest_at(met)
            return met
        if not np.all(np.isfinite(mean)):
            break
        b = mean[1 + problem.proper] - problem.coordinates.loc
        met = loss.look(b, mean[loss.places])
    raise NotSupported(
        f"the posterior's mean did not come to rest in {ROUNDS} passes, as where the columns "
        f"separate {problem.likelihood.apart or 'y'} and the prior alone bounds coefficients; give "
        "them a tighter prior, or ask for the posterior of problem.stream.sample(…)"
    )


def near(problem: Problem) -> Met:
    """A pass where a sample of the rows says, under a normal prior whatever the prior is."""
    plain = problem.given(prior=Normal()) if problem.blocks else problem
    return problem.in_passes.first(lambda: plain.in_passes.look(*begin(plain, _by_type_two)))


def _by_type_two(small: Problem) -> Array:
    """b (p,) of a sample, under normal priors whose scales are type-II estimates."""
    found = reference(small)
    return np.asarray(found.at[found.free : found.free + small.p])


def given(problem: Problem, met: Met, request: Request) -> Draws:
    """Draws in which log L is the quadratic that touches it where a pass was."""
    touching = touched(problem, problem.in_passes.moments(met))
    found = fastest_of_quadratics(touching)
    assert found is not None
    return base.run(
        engine_named(found[0]), touching, draws=request.draws, chains=request.chains,
        tune=request.tune or None, seed=request.seeds[0], progress=request.progress,
        workers=request.workers,
    )  # fmt: skip


def _points(problem: Problem, draws: Draws) -> Array:
    """c (chain, draw, 1 + P) of draws per unit of the original columns."""
    level = draws.intercept + draws.beta @ problem.x_mean
    return np.concatenate([level[..., None], draws.beta * problem.x_sd], axis=-1)


def scored(problem: Problem, met: Met, draws: Draws) -> tuple[Array, Array]:
    """Log L and log ρ (chain, draw), the mean of ρ 1: one pass over the rows."""
    loss, shape = problem.in_passes, draws.sigma.shape
    c = np.vstack([met.at, pooled(_points(problem, draws))])
    b = c[:, 1 + problem.proper] - problem.coordinates.loc
    found = loss.scores(b, c[:, loss.places])
    log_l, d = found[1:] - found[0] - met.sums.value, c[1:] - met.at
    quadratic = d @ met.sums.slope + 0.5 * np.einsum("ij,ij->i", d @ met.sums.curve, d)
    log_ratio = found[1:] - found[0] + quadratic
    log_ratio = np.where(np.isfinite(log_ratio), log_ratio, -np.inf)
    top = float(log_ratio.max())
    log_ratio -= top + np.log(np.mean(np.exp(log_ratio - top)))
    return log_l.reshape(shape), log_ratio.reshape(shape)


def weighed(problem: Problem, request: Request) -> Collected:
    """Draw, score and draw again by weights.

    Raises
    ------
    NotSupported
        If the weights are too unequal, or the mean does not come to rest.
    """
    met = centre(problem)
    draws = given(problem, met, request)
    log_l, log_ratio = scored(problem, met, draws)
    share = Share.of(log_ratio)
    if not share.ok:
        raise NotSupported(
            f"{share}, where it needs {LEAST:.0%} and a k̂ below {LARGEST_KHAT:g}: log L is no "
            "quadratic where the posterior is; engine='laplace' draws as if it were, or ask for "
            "the posterior of problem.stream.sample(…)"
        )
    kept = {}
    for chain, seed in enumerate(request.seeds):
        again = resampled(log_ratio[chain], np.random.default_rng(seed))
        kept[chain] = recorded(problem, draws, chain, again)
        kept[chain] |= {LOG_L: log_l[chain, again], RATIO: log_ratio[chain]}
    return Collected(kept, complete=draws.complete, warmup=draws.warmup)


def recorded(problem: Problem, draws: Draws, chain: int, places: NDArray[np.intp]) -> Output:
    """Some draws of a chain, as an engine hands them over."""
    out = {
        "beta": draws.beta[chain, places],
        "intercept": draws.intercept[chain, places],
        "sigma": np.full(len(places), problem.sigma),
        "scale": draws.scale[chain, places],
    }
    if draws.kappa is not None:
        out["kappa"] = draws.kappa[chain, places]
    return out


def resampled(log_w: Array, rng: np.random.Generator) -> NDArray[np.intp]:
    """Places (N,) of N draws of weights, in order and each ⌊Nw⌋ or ⌈Nw⌉ times.

    Systematic resampling: Kitagawa (1996), JCGS 5(1), appendix.
    """
    total = np.cumsum(np.exp(log_w - log_w.max()))
    at = (rng.random() + np.arange(len(total))) * (total[-1] / len(total))
    places: NDArray[np.intp] = np.searchsorted(total, at, side="right")
    return np.minimum(places, len(total) - 1)
