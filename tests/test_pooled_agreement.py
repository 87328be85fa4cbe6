"""Engines that share no sampling code agree on average, not only at worst: pooled mean z²."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import bayesreg as br
from bayesreg.diagnostics import agreement
from tests.cases import CASES
from tests.test_model import condition

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::bayesreg.language.errors.BayesregWarning"),
]

# Models that two of our engines serve: a closed form or quadrature, and the Markov chain.
MODELS = [
    ("direct", br.Model()),
    ("direct", br.Model(br.Normal(br.HalfNormal(2.0), unit="y"), br.Gaussian(br.HalfCauchy(2.0)))),
    ("direct", br.Model(br.Normal(0.7), br.Gaussian())),
    ("exact", br.Model(br.Normal(0.6), br.Gaussian(1.4))),
    ("exact", br.Model(br.Normal(0.5, 0.3, unit="sigma"), br.Gaussian())),
    ("exact", br.Model({"c1": br.Flat(), ...: br.Normal(0.5, unit="sigma")})),
]
TALL = [c for c in CASES if c.name in {"tall", "no intercept", "weighted", "correlated"}]


@pytest.fixture(scope="module")
def runs():
    """Draws of every model on every case, by the engine that shares no code, and by the chain."""
    found = []
    for k, case in enumerate(TALL):
        for name, model in MODELS:
            problem = condition(case, model)
            one = br.sample(problem, engine=name, seed=10 + k)
            chain = br.sample(problem, engine="gibbs", seed=50 + k)
            found.append((one.draws, chain.draws))
    return found


def test_mean_z2_is_one_on_average(runs):
    """Between 0.7 and 1.35 over all models × data, and every pair agrees."""
    found = [agreement(one, chain) for one, chain in runs]

    assert all(verdict.ok for verdict in found), [verdict.why for verdict in found]
    assert 0.7 < np.mean([verdict.mean_z2 for verdict in found]) < 1.35


def test_a_small_bias_is_caught(runs):
    """Negative control: every coefficient off by a twentieth of its sd leaves the band."""

    def biased(draws):
        return dataclasses.replace(draws, beta=draws.beta + 0.05 * draws.beta.std((0, 1)))

    found = [agreement(one, biased(chain)) for one, chain in runs]
    assert np.mean([verdict.mean_z2 for verdict in found]) > 1.35
