"""Laws of how engines are run: arguments, streams, workers, thinning and interruption."""

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

import bayesreg as br
from bayesreg.engines import base, gibbs, nuts
from bayesreg.engines.kernel import Markov
from bayesreg.gaussian import direct, exact
from tests.cases import CASES, Case

Array = NDArray[np.float64]


def condition(prior: Any, case: Case, sigma: Any = None) -> br.Problem:
    """A problem on a case; its warnings belong to the tests of the model."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return br.Model(prior, br.Gaussian(sigma)).condition(
            case.frame,
            case.y,
            standardize=case.standardize,
            intercept=case.intercept,
            weights=case.weights,
        )


def small(seed: int = 0, n: int = 25, p: int = 3, **more: Any) -> Case:
    """A small case with offsets, unequal sds and correlation."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p)) * np.arange(1.0, p + 1) + 0.4 * rng.standard_normal((n, 1))
    y = 3.0 + X @ np.linspace(1.0, -0.2, p) + 1.3 * rng.standard_normal(n)
    return Case(f"small {n} x {p}", X + 5.0, y, **more)


TALL = CASES[0]
NO_DATA = Case("one row", np.array([[2.0, -1.0]]), np.array([7.0]))
SIGMA_UNIT = br.Normal(0.7, unit="sigma")


def ess(x: Array) -> float:
    """Effective draws in (chain, draw)."""
    return float(array_stats.ess(x, chain_axis=0, draw_axis=1, method="mean"))


def z_mean(x: Array, mean: float, size: float | None = None) -> float:
    """Error of a mean in its own standard errors."""
    return float((x.mean() - mean) / x.std() * np.sqrt(size or ess(x)))


# --- arguments, seeds, streams ---------------------------------------------------------------


@pytest.mark.parametrize("bad", [0, -1, 2.0, True, "3", np.float64(4.0)], ids=repr)
@pytest.mark.parametrize("name", ["draws", "chains", "tune", "workers", "thin"])
def test_counts_are_positive_integers(name: str, bad: Any) -> None:
    with pytest.raises(br.BadArgument, match=name):
        base.run(exact, condition(SIGMA_UNIT, TALL), **{"seed": 1, name: bad})


@pytest.mark.parametrize("bad", [-1, 1.5, True, "1"], ids=repr)
def test_seed_is_a_non_negative_integer(bad: Any) -> None:
    with pytest.raises(br.BadArgument, match="seed"):
        base.run(exact, condition(SIGMA_UNIT, TALL), seed=bad)


ENGINES = pytest.mark.parametrize(
    "engine, prior",
    [(exact, SIGMA_UNIT), (direct, br.Normal()), (gibbs, br.Laplace())],
    ids=["exact", "direct", "gibbs"],
)


@ENGINES
def test_seeds_chains_and_global_state(engine: Any, prior: Any) -> None:
    problem = condition(prior, TALL)
    state = np.random.get_state()[1].copy()  # noqa: NPY002  (it must not be touched)
    filters = list(warnings.filters)
    first, same, other = (base.run(engine, problem, draws=20, chains=2, seed=s) for s in (5, 5, 6))
    free = [base.run(engine, problem, draws=20, chains=2) for _ in range(2)]
    again = base.run(engine, problem, draws=20, chains=2, seed=free[0].seed)

    assert np.array_equal(first.beta, same.beta)
    assert not np.any(first.beta == other.beta)
    assert not np.any(first.beta[0] == first.beta[1])
    # Neither does chain i + 1 of one seed repeat chain i of the next.
    assert not np.any(first.beta[1] == other.beta[0])
    assert free[0].seed != free[1].seed
    assert np.array_equal(free[0].beta, again.beta)
    assert np.array_equal(state, np.random.get_state()[1])  # noqa: NPY002
    assert warnings.filters == filters


@ENGINES
def test_draws_have_their_shapes(engine: Any, prior: Any) -> None:
    problem = condition({"c0": br.Flat(), ...: prior}, CASES[1])
    run = base.run(engine, problem, draws=30, chains=3, seed=1)

    assert run.beta.shape == (3, 30, 5)
    assert run.intercept.shape == run.sigma.shape == (3, 30)
    assert run.scale.shape == (3, 30, len(problem.unknown_scales))
    assert run.scale_labels == problem.unknown_scales
    assert run.kappa is not None
    assert run.kappa.shape == (3, 30, 4)
    assert np.all((run.kappa > 0) & (run.kappa <= 1))
    assert run.complete
    assert run.wall > 0
    assert run.independent == (engine is not gibbs)
    assert run.warmup == (500 if engine is gibbs else 0)


def test_thinning_keeps_every_third_iteration() -> None:
    problem = condition(br.Laplace(), TALL)
    every = base.run(gibbs, problem, draws=300, chains=1, tune=7, seed=3, thin=1)
    third = base.run(gibbs, problem, draws=100, chains=1, tune=7, seed=3, thin=3)
    assert third.thin == 3
    assert np.array_equal(third.sigma, every.sigma[:, 2::3])


@pytest.mark.parametrize(
    "engine, prior, sigma, words",
    [
        (exact, br.Normal(), None, "scale of 'normal' is unknown"),
        (exact, br.Normal(1.0), None, "unit='sigma'"),
        (exact, br.Normal(1.0, unit="sigma"), br.HalfNormal(1.0), "conjugate"),
        (exact, br.Laplace(1.0), 1.0, "Laplace on 'laplace' is not a Normal"),
        (direct, br.Normal(1.0), 1.0, "engine 'exact'"),
        (direct, br.Horseshoe(), None, "Horseshoe on 'horseshoe'"),
        (direct, {"c0": br.Normal(), ...: br.Normal()}, None, "2 scales are unknown"),
        (
            direct,
            {"c0": br.Normal(2.0), ...: br.Normal()},
            None,
            "that of 'c0' is in the unit of y",
        ),
        (gibbs, br.Flat(), None, "proper prior"),
    ],
    ids=str,
)
def test_what_is_not_supported_is_said(engine: Any, prior: Any, sigma: Any, words: str) -> None:
    with pytest.raises(br.NotSupported, match=engine.NAME) as caught:
        base.run(engine, condition(prior, TALL, sigma), seed=1)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "prior",
    [br.Normal(), br.Laplace(), br.Horseshoe(), br.Flat(), {"c1": br.Laplace(), ...: br.Normal()}],
    ids=["normal", "laplace", "horseshoe", "flat", "mapping"],
)
def test_nuts_serves_every_prior(prior: Any) -> None:
    assert nuts.supports(condition(prior, TALL)) is None


def test_nuts_on_moments_needs_a_proper_column() -> None:
    moments = condition(SIGMA_UNIT, TALL).moments
    assert "needs rows" in str(nuts.supports(br.Model(br.Flat()).condition(moments)))
    assert nuts.supports(br.Model(SIGMA_UNIT).condition(moments)) is None


def test_two_engines_with_one_seed_share_no_noise() -> None:
    problem = condition(SIGMA_UNIT, TALL)
    one, two = (
        base.run(engine, problem, draws=2000, chains=1, seed=3) for engine in (exact, direct)
    )
    assert abs(np.corrcoef(one.sigma[0], two.sigma[0])[0, 1]) < 4.5 / np.sqrt(2000)
    assert abs(np.corrcoef(one.intercept[0], two.intercept[0])[0, 1]) < 4.5 / np.sqrt(2000)


# --- workers, interruption, threads ----------------------------------------------------------


def test_same_draws_from_one_or_two_workers() -> None:
    problem = condition({"c0": br.Flat(), ...: br.Horseshoe()}, TALL)
    one, two = (base.run(gibbs, problem, draws=120, chains=3, seed=9, workers=w) for w in (1, 2))
    assert np.array_equal(one.beta, two.beta)
    assert np.array_equal(one.scale, two.scale)
    assert one.kappa is not None
    assert two.kappa is not None
    assert np.array_equal(one.kappa, two.kappa)


class Walk(Markov):
    """A stand-in kernel that calls `event` with the number of blocks that a chain has done."""

    def __init__(self, event: Any) -> None:
        self.event = event

    @property
    def tune(self) -> int:
        return 100

    def prepare(self, problem: Any) -> Any:
        return problem

    def seconds(self, setup: Any) -> float:
        return 0.001  # blocks of 50

    def start(self, setup: Any, rng: Any) -> int:
        return 0

    def advance(self, setup: Any, state: int, rng: Any, count: int) -> Any:
        self.event(state)
        b = rng.standard_normal((count, setup.p))
        out = {"b": b, "sigma": np.exp(b[:, 0]), "scale": np.zeros((count, 0))}
        return state + 1, out


def stand_in(event: Any) -> Any:
    """An engine around :class:`Walk`; blocks of 50 iterations, so tuning is blocks 0 and 1."""
    return types.SimpleNamespace(NAME="walk", KERNEL=Walk(event), supports=lambda problem: None)


def interrupt_at(block: int, calls: int = 1) -> Any:
    """Raise KeyboardInterrupt the `calls`-th time that a chain starts this block."""
    seen: list[int] = []

    def event(state: int) -> None:
        seen.extend([state] * (state == block))
        if len(seen) == calls:
            raise KeyboardInterrupt

    return event


def test_interrupted_while_drawing_keeps_equal_chains() -> None:
    problem = condition(SIGMA_UNIT, TALL)
    engine = stand_in(interrupt_at(block=4, calls=2))  # the first chain is one block ahead
    with pytest.warns(br.BayesregWarning, match="interrupted: 100 of 500 draws kept in each of 3"):
        run = base.run(engine, problem, draws=500, chains=3, seed=1, workers=1)
    whole = base.run(stand_in(lambda s: None), problem, draws=500, chains=3, seed=1, workers=1)
    assert not run.complete
    assert run.beta.shape == (3, 100, 5)
    assert np.array_equal(run.sigma, whole.sigma[:, :100])


def test_interrupted_while_tuning_is_an_interrupt() -> None:
    with pytest.raises(KeyboardInterrupt):
        base.run(stand_in(interrupt_at(block=1)), condition(SIGMA_UNIT, TALL), seed=1, workers=1)


class Endless(Walk):
    """Sends Ctrl-C once both chains have kept draws; then draws on until the run is stopped."""

    def __init__(self) -> None:
        super().__init__(lambda state: None)
        self.both = threading.Barrier(2, action=lambda: os.kill(os.getpid(), signal.SIGINT))

    def advance(self, setup: Any, state: int, rng: Any, count: int) -> Any:
        if state == 4:
            self.both.wait()
        if state > 4:
            time.sleep(1e-3)  # lets the main thread hear it
        return super().advance(setup, state, rng, count)


def test_ctrl_c_reaches_the_workers() -> None:
    problem = condition(SIGMA_UNIT, TALL)
    engine = stand_in(lambda state: None)
    engine.KERNEL = Endless()
    # A shell's background jobs are started deaf to Ctrl-C.
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.warns(br.BayesregWarning, match="interrupted"):
            run = base.run(engine, problem, draws=10**6, chains=2, seed=1, workers=2)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, usual)
    assert not run.complete
    assert 0 < run.sigma.shape[1] < 10**6


def test_an_error_in_a_worker_is_raised_here() -> None:
    def event(state: int) -> None:
        if state == 2:
            raise FloatingPointError("in a worker")

    with pytest.raises(FloatingPointError, match="in a worker"):
        base.run(stand_in(event), condition(SIGMA_UNIT, TALL), chains=2, seed=1, workers=2)


def test_two_threads_draw_what_one_does() -> None:
    problem = condition(br.Laplace(), TALL)
    alone = base.run(gibbs, problem, draws=60, chains=2, tune=20, seed=4)
    found: dict[int, Any] = {}

    def work(k: int) -> None:
        found[k] = base.run(gibbs, problem, draws=60, chains=2, tune=20, seed=4, workers=2)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert np.array_equal(found[0].beta, alone.beta)
    assert np.array_equal(found[1].beta, alone.beta)
