"""Laws of the engines: arguments, streams, workers, interruption, and exactness of what they draw."""

from __future__ import annotations

import os
import signal
import threading
import time
import types
import warnings
from typing import Any

import numpy as np
import pytest
from arviz_stats.base import array_stats
from numpy.typing import NDArray
from scipy import integrate, stats

import bayesreg as br
from bayesreg.engines import base, direct, exact, gibbs, nuts
from bayesreg.engines.chains import may_fork
from bayesreg.engines.conditional import Data, _columns, _rows
from bayesreg.engines.kernel import Independent, Markov
from bayesreg.engines.marginal import marginal
from bayesreg.engines.pseudodata import PseudoData
from bayesreg.engines.quadrature import integrate as line
from bayesreg.engines.slice import slice_sample
from bayesreg.engines.spectrum import _jacobi, _ordinary
from tests.cases import CASES, Case

Array = NDArray[np.float64]
IG = br.InverseGammaSquared
SIGMA = br.Normal(0.7, unit="sigma")


def condition(prior: Any, case: Case, sigma: Any = None, **more: Any) -> br.Problem:
    """A problem on a case, its warnings left to the tests of the model."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return br.Model(prior, br.Gaussian(sigma)).condition(
            case.X,
            case.y,
            standardize=case.standardize,
            intercept=case.intercept,
            weights=case.weights,
            **more,
        )


def small(seed: int = 0, n: int = 25, p: int = 3) -> Case:
    """A small case with offsets, unequal sds and correlation."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p)) @ np.diag(np.arange(1.0, p + 1)) + 0.4 * rng.standard_normal(
        (n, 1)
    )
    y = 3.0 + X @ np.linspace(1.0, -0.2, p) + 1.3 * rng.standard_normal(n)
    return Case(f"small {n} x {p}", X + 5.0, y)


TALL = CASES[0]
NO_DATA = Case("one row", np.array([[2.0, -1.0, 4.0]]), np.array([7.0]))


def ess(x: Array) -> float:
    """Effective draws in (chain, draw)."""
    return float(array_stats.ess(x, chain_axis=0, draw_axis=1, method="mean"))


def z_mean(x: Array, mean: float) -> float:
    """Error of a chain's mean in its own standard errors."""
    return float((x.mean() - mean) / x.std() * np.sqrt(ess(x)))


# --- arguments, seeds, streams ---------------------------------------------------------------


@pytest.mark.parametrize("bad", [0, -1, 2.0, True, "3", np.float64(4.0)], ids=repr)
@pytest.mark.parametrize("name", ["draws", "chains", "tune", "workers", "thin"])
def test_counts_are_positive_integers(name: str, bad: Any) -> None:
    with pytest.raises(br.BadArgument, match=name):
        base.run(exact, condition(SIGMA, TALL), seed=1, **{name: bad})


@pytest.mark.parametrize("bad", [-1, 1.5, True, "1"], ids=repr)
def test_seed_is_a_non_negative_integer(bad: Any) -> None:
    with pytest.raises(br.BadArgument, match="seed"):
        base.run(exact, condition(SIGMA, TALL), seed=bad)


ENGINES = [
    (exact, SIGMA, None),
    (direct, br.Normal(), None),
    (gibbs, br.Laplace(), None),
]


@pytest.mark.parametrize(("engine", "prior", "sigma"), ENGINES, ids=["exact", "direct", "gibbs"])
def test_seeds_chains_and_global_state(engine: Any, prior: Any, sigma: Any) -> None:
    problem = condition(prior, TALL, sigma)
    state = np.random.get_state()[1].copy()  # noqa: NPY002  (it must not be touched)
    filters = list(warnings.filters)
    runs = [base.run(engine, problem, draws=20, chains=2, seed=s) for s in (5, 5, 6)]
    free = [base.run(engine, problem, draws=20, chains=2) for _ in range(2)]
    again = base.run(engine, problem, draws=20, chains=2, seed=free[0].seed)

    assert np.array_equal(runs[0].beta, runs[1].beta)
    assert not np.any(runs[0].beta == runs[2].beta)
    assert not np.any(runs[0].beta[0] == runs[0].beta[1])
    # Neither does chain i + 1 of one seed repeat chain i of the next.
    assert not np.any(runs[0].beta[1] == runs[2].beta[0])
    assert free[0].seed != free[1].seed
    assert np.array_equal(free[0].beta, again.beta)
    assert np.array_equal(state, np.random.get_state()[1])  # noqa: NPY002
    assert warnings.filters == filters


@pytest.mark.parametrize(("engine", "prior", "sigma"), ENGINES, ids=["exact", "direct", "gibbs"])
def test_draws_have_their_shapes(engine: Any, prior: Any, sigma: Any) -> None:
    problem = condition({"c0": br.Flat(), ...: prior}, CASES[1], sigma)
    run = base.run(engine, _named(problem, CASES[1], prior, sigma), draws=30, chains=3, seed=1)

    unknown = len(run.scale_labels)
    assert run.beta.shape == (3, 30, 5)
    assert run.intercept.shape == run.sigma.shape == (3, 30)
    assert run.scale.shape == (3, 30, unknown)
    assert run.kappa is not None
    assert run.kappa.shape == (3, 30, 4)
    assert np.all((run.kappa > 0) & (run.kappa <= 1))
    assert run.complete
    assert run.wall > 0
    assert run.independent == (engine is not gibbs)
    assert (run.warmup == 0) == run.independent
