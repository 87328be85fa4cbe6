"""Engine laplace: draws as if log L were its quadratic at the MAP; an approximation, by name.

Under Normal priors of known scale that is N(MAP, H⁻¹), H the curvature of J (Tierney & Kadane 1986,
JASA 81(393)). Other priors stay what they are, and unknown scales are drawn: log L alone is taken
to be quadratic, at the MAP where scales are known and priors are by column, else at the posterior's
mean. One pass scores all draws (:mod:`bayesreg.engines.weighed`), and how even the weights are that
would make them exact says how far off they are; they are not applied. It runs when asked for alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bayesreg.engines import in_passes
from bayesreg.engines.chains import Collected
from bayesreg.engines.draws import APPROXIMATE, LOG_L, RATIO, Draws
from bayesreg.engines.kernel import External, Needs, Request
from bayesreg.engines.weighed import Share, centre, given, recorded, scored
from bayesreg.likelihoods import Likelihood
from bayesreg.priors import Majorised, ScaleMixture

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem

NAME = APPROXIMATE


def _unfit(problem: Problem) -> str | None:
    """What types cannot say."""
    if problem.stream is None or problem.exact:
        return "it approximates where rows are read in passes, and here an exact engine serves"
    return in_passes.supports(problem)


supports = Needs((Likelihood,), (Majorised, ScaleMixture), _unfit)


class Approximate(External):
    """The sampler described at the head of this module."""

    @property
    def tune(self) -> int:
        """0: the engine of the quadratic warms up as it needs."""
        return 0

    def sample(self, problem: Problem, request: Request) -> Collected:
        """Draw given the quadratic, and score."""
        met = problem.in_passes.met[-1] if in_passes.by_column(problem) else centre(problem)
        draws = given(problem, met, request)
        log_l, log_ratio = scored(problem, met, draws)
        every, kept = np.arange(request.draws), {}
        for chain in range(request.chains):
            kept[chain] = recorded(problem, draws, chain, every)
            kept[chain] |= {LOG_L: log_l[chain], RATIO: log_ratio[chain]}
        return Collected(kept, complete=draws.complete, warmup=draws.warmup)


KERNEL = Approximate()


def said(draws: Draws) -> str:
    """How these draws came about, in words."""
    return (
        "asked for: a normal approximation, not exact; log L is its quadratic at the MAP, and "
        f"{Share.of(draws.stats[RATIO])} that would mend it"
    )
