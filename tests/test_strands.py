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
from tests.test_engines import condition, ess
from tests.test_gibbs import COUPLED, MIXED, PAIR, SIGMA, TALL, WEIGHTED, WIDE, H, rows

Array = NDArray[np.float64]

# Prior, σ, data: every law, unit, space and step; three in every run of the tests.
QUICK: dict[str, tuple[Any, Any, Any]] = {
    "four blocks": (MIXED, SIGMA, rows(18, 5)),
    "slab, wide": (br.RegularizedHorseshoe(H), SIGMA, WIDE),
    "r2d2 with others": (COUPLED, None, rows(18, 6)),
}
TABLE = QUICK | {
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


@pytest.mark.parametrize("name", QUICK)
def test_chains_in_numpy_are_the_compiled_ones(name: str) -> None:
    assert np.max(np.abs(compared(name, 1500))) < 5.0


@pytest.mark.slow
def test_every_law_in_numpy_is_the_compiled_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mixture, "_MANY", 30)
    z = {name: compared(name, 4000) for name in TABLE}
    worst = {name: float(np.max(np.abs(one))) for name, one in z.items()}
    assert max(worst.values()) < 5.0, worst
    assert 0.7 < np.mean([np.square(one).mean() for one in z.values()]) < 1.35


def test_data_that_are_another_by_a_tenth_are_told_apart() -> None:
    assert np.max(np.abs(compared("four blocks", 1500, off=0.1))) > 5.0
