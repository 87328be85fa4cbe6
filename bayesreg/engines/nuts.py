"""PyMC's NUTS: the reference with which every other engine must agree.

The sampler is named explicitly, so that an installed nutpie does not change the draws. See
:mod:`bayesreg.engines.graphs` for the models. Reference: Hoffman & Gelman (2014), "The No-U-Turn
sampler", JMLR 15.
"""

from __future__ import annotations

import importlib.util
import multiprocessing
import sys
import threading
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.engines.chains import Collected, Output, cores
from bayesreg.engines.graphs import (
    Graph,
    coefficients,
    information,
    local_scales,
    non_centred,
)
from bayesreg.engines.kernel import External, Needs, Request
from bayesreg.likelihoods import Likelihood
from bayesreg.priors import Majorised, Prior, ScaleMixture

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem

NAME = "nuts"
ROWS = 5000  # up to here on rows, so that it shares no arithmetic with what it checks
STRONG = 10.0  # (prior sd ÷ se of b)² above which b itself is sampled
FEW = 3  # columns, which say so little of their common scale that it may be anything near 0

# PyMC's statistics that are kept, under ArviZ's names.
_STATS = {
    "diverging": "diverging",
    "energy": "energy",
    "tree_depth": "tree_depth",
    "n_steps": "n_steps",
    "acceptance_rate": "acceptance_rate",
    "step_size": "step_size",
    "reached_max_treedepth": "reached_max_treedepth",
}


def _unfit(problem: Problem) -> str | None:
    """What types cannot say: priors with modes, or scale mixtures of normals."""
    if importlib.util.find_spec("pymc") is None:
        return "it needs PyMC: python -m pip install 'pymc>=6.3'"
    if problem.design is None and not problem.exact:
        return f"it needs all rows, and {problem.rowless}"
    if problem.p == 0 and problem.design is None:
        return f"it needs rows or a column with a proper prior, and {problem.rowless}"
    if _smooth(problem):
        return None
    odd = [b.prior for b in problem.blocks if not isinstance(b.prior, ScaleMixture)]
    if odd:
        return f"{type(odd[0]).__name__} beside a prior with a pole has no local scales to sample"
    return None


supports = Needs((Likelihood,), (Prior,), _unfit)


def _smooth(problem: Problem) -> bool:
    """Whether every coefficient has a density of its own without a pole or a cusp."""
    return all(
        block.separable
        and isinstance(block.prior, Majorised)
        and bool(np.all(np.isfinite(block.prior.slope(0.0, 1.0, 1.0))))
        for block in problem.blocks
    )


def _funnel(problem: Problem) -> bool:
    """Whether rows say so little of b that its unknown scale makes a funnel of (b, log scale).

    Betancourt & Girolami (2015), "Hamiltonian Monte Carlo for hierarchical models", §3: centred
    where data are strong, non-centred where they are weak. Under Gaussian noise it is the few
    columns whose common scale may be anything near 0 that the centred form reaches too rarely; b is
    integrated out there instead, and nothing is left of the funnel.
    """
    mixtures = all(isinstance(block.prior, ScaleMixture) for block in problem.blocks)
    if not problem.unknown_scales or not mixtures:
        return False
    if problem.exact:
        return len(problem.proper) <= FEW
    told = information(problem)
    return bool(np.median(told[told > 0.0]) < STRONG) if np.any(told > 0.0) else True


def graph(problem: Problem) -> Graph:
    """The model that NUTS samples for this problem."""
    if _smooth(problem) and not _funnel(problem):
        few = problem.design is not None and len(problem.design.y) <= ROWS
        return coefficients(problem, on_rows=few or problem.p == 0 or not problem.exact)
    return local_scales(problem) if problem.exact else non_centred(problem)


class Nuts(External):
    """PyMC's own NUTS in PyMC's own processes."""

    @property
    def tune(self) -> int:
        """1000, PyMC's default."""
        return 1000

    def sample(self, problem: Problem, request: Request) -> Collected:
        """Build, sample, and read the draws back."""
        built = graph(problem)
        trace = _run(built, request)
        kept: dict[int, Output] = {}
        for chain in trace.posterior.chain.values:
            one = {name: _values(trace.posterior, name, chain) for name in built.names}
            rng = np.random.default_rng([request.seeds[int(chain)], 1])
            out = built.read(one, rng)
            for name, known in _STATS.items():
                if name in trace.sample_stats:
                    out[known] = _values(trace.sample_stats, name, chain)
            kept[int(chain)] = out
        shortest = min(len(out["sigma"]) for out in kept.values())
        return Collected(kept, len(kept) == request.chains and shortest == request.draws)


KERNEL = Nuts()


def _values(dataset: Any, name: str, chain: int) -> Any:
    return np.asarray(dataset[name].sel(chain=chain).values)


def _run(built: Graph, request: Request) -> Any:
    """Call ``pm.sample`` and leave warning filters and random state as they were."""
    import pymc as pm

    show = request.progress and sys.stderr is not None and sys.stderr.isatty()
    with warnings.catch_warnings(), built.model:
        # Forking beside BLAS's idle threads; and PyMC's remarks on runs too short to diagnose.
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", FutureWarning)
        try:
            return pm.sample(
                request.draws,
                tune=request.tune,
                chains=request.chains,
                cores=_cores(request),
                random_seed=np.random.default_rng(list(request.seeds)),
                nuts_sampler="pymc",
                nuts={"target_accept": built.target_accept},
                initvals=built.start,
                var_names=list(built.names),
                progressbar=show,
                quiet=not show,
                compute_convergence_checks=False,
            )
        except ValueError as error:
            # What PyMC says of an interruption during tuning.
            if "Not enough samples" in str(error):
                raise KeyboardInterrupt from error
            raise


def _cores(request: Request) -> int:
    """Two processes where forking is safe, or as many as asked for."""
    wanted = request.workers if request.workers is not None else min(2, cores())
    return min(wanted, request.chains) if may_fork() else 1


def may_fork() -> bool:
    """Whether forking is safe: Linux, and no other thread that could hold a lock."""
    return (
        sys.platform == "linux"
        and threading.current_thread() is threading.main_thread()
        and threading.active_count() == 1
        and not multiprocessing.current_process().daemon
    )
