"""NUTS where few columns leave their common scale unknown: it must enter the funnel."""

from __future__ import annotations

import numpy as np
import pytest

import bayesreg as br
from bayesreg.engines import nuts


def few(prior, p=2):
    rng = np.random.default_rng(11)
    X = rng.standard_normal((15, p))
    y = X @ np.linspace(1.5, -0.5, p) + rng.standard_normal(15)
    return br.Model(prior).condition(X, y)


@pytest.mark.parametrize(
    "prior",
    [
        br.Normal(),
        br.Laplace(),
        br.ElasticNet(),
        br.StudentT(4.0),
        br.Laplace(br.HalfCauchy(1.0), unit="y"),
    ],
    ids=str,
)
def test_few_columns_have_their_coefficients_integrated_out(prior):
    assert "sd" in nuts.graph(few(prior)).names
    # Negative control: with a known scale, or many columns, they are sampled themselves.
    known = type(prior)(scale=1.0) if not isinstance(prior, br.StudentT) else br.StudentT(4.0, 1.0)
    for problem in (few(known), few(prior, 6)):
        assert "sd" not in nuts.graph(problem).names


@pytest.mark.slow
def test_nuts_enters_the_funnel_as_often_as_gibbs():
    problem = few(br.Laplace())
    near = {}
    for engine, draws in (("gibbs", 20_000), ("nuts", 5_000)):
        post = br.sample(problem, engine=engine, seed=1, draws=draws)
        assert post.checks.ok
        near[engine] = np.mean(np.abs(post.draws.beta) < 0.05, axis=(0, 1))
    assert post.checks.divergences == 0
    error = np.sqrt(near["gibbs"] / 5_000)  # a quarter of the draws is effective, at the least
    assert np.all(np.abs(near["nuts"] - near["gibbs"]) < 5 * error)
    # Negative control: half as often would be seen.
    assert np.any(0.5 * near["gibbs"] > 5 * error)
