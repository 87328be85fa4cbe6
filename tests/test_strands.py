"""Laws of the forms of engine gibbs: NumPy's chains are the compiled ones, and which is taken."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import bayesreg as br
from bayesreg.engines import base, gibbs, mixture
from bayesreg.engines.chains import Plan
from bayesreg.engines.kernel import Markov, SideBySide
from bayesreg.engines.layout import form_of
from bayesreg.engines.loops.arrays import LAWS
from bayesreg.engines.strands import local_laws
from bayesreg.engines.strands.slices import shrink
from tests.test_engines import condition, ess
from tests.test_gibbs import COUPLED, MIXED, PAIR, SIGMA, TALL, WEIGHTED, WIDE, H, rows

Array = NDArray[np.float64]

# Prior, σ, data: every law, unit, space and step; three in every run of the tests.
QUICK: dict[str, tuple[Any, Any, Any]] = {
    "four blocks": (MIXED, SIGMA, rows(18, 5)),
    "r2d2 with others": (COUPLED, None, rows(18, 6)),
}
TABLE = QUICK | {
    "slab, wide": (br.RegularizedHorseshoe(H), SIGMA, WIDE),
    "normal, unit y": (br.Normal(H, unit="y"), None, TALL),
    "laplace, weights, a group": (br.Laplace(H, groups=PAIR), None, WEIGHTED),
    "elastic net, wide": (br.ElasticNet(H, mix=0.4), br.InverseGammaSquared(3.0, 2.0), WIDE),
    "student, unit y, wide": (br.StudentT(3.0, H, unit="y"), SIGMA, WIDE),
    "bridge": (br.Bridge(0.7, H), 0.8, TALL),
    "horseshoe, scans": (br.Horseshoe(H), None, rows(50, 33)),
    "horseshoe, more columns than rows": (br.Horseshoe(0.3), 0.8, rows(20, 33)),
    "horseshoe plus, a group": (br.HorseshoePlus(H, groups=PAIR), None, TALL),
    "gamma, unit y, wide": (br.NormalGamma(0.3, H, unit="y"), SIGMA, WIDE),
}


def unknowns(run: base.Draws) -> Array:
    """Every unknown (chain, draw, k), positive ones by their logarithms; and κ."""
    assert run.kappa is not None
    parts = [run.beta, run.intercept[..., None], np.log(run.sigma)[..., None], np.log(run.scale)]
    found = np.concatenate([*parts, run.kappa], axis=-1)
    return found[..., np.ptp(found, axis=(0, 1)) > 0.0]


def apart(one: Array, two: Array) -> Array:
    """z of means and of 5, 50 and 95 % points of every unknown between two runs."""
    z = []
    for x, y in zip(np.moveaxis(one, -1, 0), np.moveaxis(two, -1, 0), strict=True):
        forms = [(x, y)]
        cuts = np.quantile(np.concatenate([x.ravel(), y.ravel()]), [0.05, 0.5, 0.95])
        forms += [((x < q) * 1.0, (y < q) * 1.0) for q in cuts]
        for a, b in forms:
            error = math.sqrt(a.var() / ess(a) + b.var() / ess(b))
            z.append(float(a.mean() - b.mean()) / error)
    return np.array(z)


def compared(name: str, draws: int, off: float = 0.0) -> Array:
    """z between the two forms, the second with log σ and scales moved where they start."""
    prior, sigma, case = TABLE[name]
    problem = condition(prior, case, sigma)
    one = base.run(gibbs, problem, draws=draws, chains=4, tune=150, seed=3, compiled=True)
    wrong = problem if not off else condition(prior, replace(case, y=case.y * (1 + off)), sigma)
    two = base.run(gibbs, wrong, draws=draws, chains=4, tune=150, seed=4, compiled=False)
    return apart(unknowns(one), unknowns(two))


@pytest.mark.slow
@pytest.mark.parametrize("name", QUICK)
def test_chains_in_numpy_are_the_compiled_ones(name: str) -> None:
    assert np.max(np.abs(compared(name, 1500))) < 5.0


@pytest.mark.slow
def test_every_law_in_numpy_is_the_compiled_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mixture, "_MANY", 30)
    z = {name: compared(name, 2000) for name in TABLE}
    worst = {name: float(np.max(np.abs(one))) for name, one in z.items()}
    assert max(worst.values()) < 5.0, worst
    assert 0.7 < np.mean([np.square(one).mean() for one in z.values()]) < 1.35


def test_data_that_are_another_by_a_tenth_are_told_apart() -> None:
    assert np.max(np.abs(compared("four blocks", 1500, off=0.1))) > 5.0


# --- which form, and how it is laid out ----------------------------------------------------------


def form(problem: br.Problem, draws: int, compiled: bool | None = None) -> tuple[Any, Plan]:
    """The form taken for four chains, and its plan."""
    setup = gibbs.KERNEL.prepare(problem)
    kernel, plan, _ = form_of(gibbs.KERNEL, setup, Plan(draws, 500, 0, 1), 4, compiled)
    return kernel, plan


def test_short_runs_are_numpys_and_long_ones_compiled() -> None:
    problem = condition(br.Horseshoe(), TALL)
    assert isinstance(form(problem, 1000)[0], SideBySide)
    assert isinstance(form(problem, 3_000_000)[0], Markov)
    assert isinstance(form(problem, 1000, compiled=True)[0], Markov)
    assert isinstance(form(problem, 3_000_000, compiled=False)[0], SideBySide)


def test_under_latent_weights_numpy_serves_always() -> None:
    X, y = np.arange(12.0).reshape(6, 2), np.array([0, 1, 1, 0, 1, 0])
    problem = br.Model(br.Normal(1.0), br.Bernoulli()).condition(X, y)
    for draws in (10, 3_000_000):
        assert isinstance(form(problem, draws)[0], SideBySide)


def test_strands_make_chains_of_the_length_asked_for() -> None:
    problem = condition(br.Laplace(), TALL)
    for draws in (1, 7, 997, 5000):
        plan = form(problem, draws)[1]
        assert plan.of_strand * plan.strands >= draws > (plan.of_strand - 1) * plan.strands
        run = base.run(gibbs, problem, draws=draws, chains=2, tune=5, seed=1, compiled=False)
        assert run.beta.shape == (2, draws, problem.p)
        assert run.kappa is not None
        assert np.isfinite(run.kappa).all()
    assert form(problem, 5000)[1].strands > 1


def test_a_start_that_is_not_forgotten_sets_chains_apart() -> None:
    """Strands of one chain begin at one point: that their chain is told from others is seen."""
    problem = condition(br.Laplace(), TALL)
    state = gibbs.TWIN.start(gibbs.TWIN.prepare(problem), np.random.default_rng(1), 3, 4)
    scale = state.log_scale.reshape(3, 4)
    assert np.all(scale == scale[:, :1])
    assert len(np.unique(scale)) == 3


# --- numbers side by side --------------------------------------------------------------------


@pytest.mark.parametrize("dear", [False, True])
def test_each_number_is_sliced_under_its_own_density(dear: bool) -> None:
    rng = np.random.default_rng(2)
    mean, sd = np.repeat([0.0, 5.0, -3.0], 4000), np.repeat([1.0, 0.1, 2.0], 4000)

    def log_density(x: Array, rows: Any) -> Array:
        return -0.5 * np.square((x - mean[rows]) / sd[rows])

    x = mean + sd * rng.standard_normal(len(mean))
    for _ in range(12):
        x = shrink(log_density, x, 2.5, rng, dear=dear)
    z = ((x - mean) / sd).reshape(3, -1)
    assert np.all(np.abs(z.mean(1)) < 4.5 / np.sqrt(4000))
    assert np.all(np.abs(z.var(1) - 1.0) < 4.5 * np.sqrt(2.0 / 4000))
    assert np.abs((x / sd).reshape(3, -1).mean(1)).max() > 1.0


@pytest.mark.parametrize("law", ["exponential", "inverse_gamma", "half_cauchy", "stable", "gamma"])
@pytest.mark.parametrize("x", [0.0, 1e-320, 1e300, math.inf, math.nan], ids=str)
def test_local_variances_side_by_side_are_positive_and_finite(law: str, x: float) -> None:
    numbers = {"exponential": (1.0, 0.0), "inverse_gamma": (3.0, 0.0), "half_cauchy": (0.0, 0.0)}
    first, second = numbers.get(law, (0.7, 0.0))
    values, sizes = np.full((50, 3), x), np.array([1.0, 2.0, 1.0])
    with np.errstate(all="ignore"):
        t = local_laws.draw_local(LAWS[law], first, second, values, sizes, np.random.default_rng(1))
    assert np.all((t > 0.0) & np.isfinite(t))
