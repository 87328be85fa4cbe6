"""Likelihoods × priors whose posterior by PyMC is stored, and every engine that serves them.

Means, variances and 5, 50 and 95 % points within 5 Monte Carlo errors, and z² about 1 on average.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

import bayesreg as br
from bayesreg.engines import ENGINES, base, engine_named
from tests import reference_pymc
from tests.cases import LIKELIHOODS
from tests.reference_pymc import digest, problem_of, strays

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::bayesreg.language.errors.BayesregWarning"),
]

STORED = reference_pymc.stored()
LIMIT = 5.0
COUNTS = ("Poisson", "NegativeBinomial")


@cache
def drawn(name, engine):
    """Draws of one of our engines, some thousands of them effective."""
    return base.run(engine_named(engine), problem_of(name), draws=1200, chains=4, seed=6)


@cache
def found(name):
    """By engine that serves, z of every unknown's five statistics."""
    problem, stored, out = problem_of(name), STORED[name]["unknowns"], {}
    for engine in ENGINES:
        if engine == "nuts" or engine_named(engine).supports(problem) is not None:
            continue
        out[engine] = beside(stored, drawn(name, engine))
    return out


def beside(stored, draws, shift=0.0):
    """z (unknown, statistic); draws moved by a share of their sd, of their logs if positive."""
    rows = []
    for key, unknown in draws.unknowns.items():
        values = np.log(unknown.values) if unknown.positive else unknown.values
        known = stored[f"log {key}" if unknown.positive else key]
        rows.append(strays(known, values + shift * values.std()))
    assert len(rows) == len(stored)
    return np.array(rows)


@pytest.mark.parametrize("name", STORED)
def test_every_engine_that_serves_has_pymc_s_posterior(name):
    """Of the very rows for which it was stored, by a run of PyMC's that had no divergence."""
    assert STORED[name]["digest"] == digest(name.split(maxsplit=1)[0])
    assert reference_pymc.fit_to_keep(STORED[name])
    for engine, z in found(name).items():
        assert np.max(np.abs(z)) < LIMIT, (engine, z.round(1).tolist())


def test_z_is_neither_too_large_nor_too_small_on_average():
    """Pooled by engine too, of those with enough problems for that."""
    pooled = {}
    for name in STORED:
        for engine, z in found(name).items():
            pooled.setdefault(engine, []).append(np.mean(z**2))
    assert 0.7 < np.mean(np.concatenate([np.array(z) for z in pooled.values()])) < 1.35


def test_an_error_of_a_twentieth_of_an_sd_is_caught():
    """Negative control: the average of z² tells it, though few single z do."""
    errors = [
        np.mean(beside(STORED[name]["unknowns"], drawn(name, engine), 0.06) ** 2)
        for name in STORED
        for engine in found(name)
    ]
    assert np.mean(errors) > 1.35


@pytest.mark.parametrize("name", ["Poisson Horseshoe", "Bernoulli R2D2"])
def test_another_prior_is_caught(name):
    """Negative control: the horseshoe of a scale half as large, an R² that is lower on average."""
    other = {"Horseshoe": br.Horseshoe(br.HalfNormal(0.4)), "R2D2": br.R2D2(0.25, 4.0)}
    problem = problem_of(name).given(prior=other[name.split()[1]])
    draws = base.run(engine_named("tangent"), problem, draws=1200, chains=4, seed=6)
    assert np.max(np.abs(beside(STORED[name]["unknowns"], draws))) > LIMIT


def test_what_is_stored():
    """Counts under every prior, and every likelihood without or with a σ of its own under R2D2."""
    counts = {f"{one} {prior}" for one in COUNTS for prior in reference_pymc.PRIORS}
    assert counts | {f"{one} R2D2" for one in LIKELIHOODS if one != "Gaussian"} <= {*STORED}
