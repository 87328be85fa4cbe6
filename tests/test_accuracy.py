"""Laws of R² and RMSE: ArviZ's numbers, frequencies are repeats, leaving out is refitting."""

from __future__ import annotations

import dataclasses
from functools import partial

import arviz_stats
import numpy as np
import pytest
import xarray as xr

import bayesreg as br
from bayesreg.diagnostics import accuracy
from bayesreg.gaussian import integrated_loo
from bayesreg.language.errors import BadArgument, BadData, NotSupported
from tests.cases import CASES, responding

errors = partial(accuracy.errors, integrated=integrated_loo)


def conditioned(case, likelihood=None, prior=None):
    model = br.Model(prior or br.Normal(0.8, unit="y"), likelihood or br.Gaussian())
    return model.condition(
        case.X, case.y, standardize=case.standardize, intercept=case.intercept, weights=case.weights
    )


def repeated(case):
    """The rows of a weighted case written out."""
    times = case.weights.astype(int)
    return np.repeat(case.X, times, axis=0), np.repeat(case.y, times)


def with_means(post, X):
    """ArviZ's tree with E(y | draw) by row."""
    eta = post.draws.beta @ X.T + post.draws.intercept[..., None]
    mean = post.problem.likelihood.mean(eta, {})
    tree = post.to_arviz(posterior_predictive=True, seed=3)
    data = tree["posterior"].to_dataset().assign(mu=(("chain", "draw", "obs_id"), mean))
    tree["posterior"] = xr.DataTree(data)
    return tree


FULL = [c for c in CASES if c.name in ("tall", "tall standardised", "no intercept", "correlated")]


@pytest.mark.parametrize("case", FULL, ids=str)
def test_bayesian_r2_is_that_of_arviz(case):
    post = br.sample(conditioned(case), seed=1, draws=100)
    other = arviz_stats.bayesian_r2(
        with_means(post, case.X), pred_mean="mu", scale="sigma", summary=False
    )
    np.testing.assert_allclose(post.r2().draws.ravel(), other, rtol=1e-12)


@pytest.mark.parametrize("case", responding("Bernoulli")[:2], ids=str)
def test_bayesian_r2_of_a_yes_no_response_is_that_of_arviz(case):
    post = br.sample(conditioned(case, br.Bernoulli()), seed=1, draws=100)
    tree = with_means(post, case.X)
    other = arviz_stats.bayesian_r2(tree, pred_mean="mu", scale=None, summary=False)
    np.testing.assert_allclose(post.r2().draws.ravel(), other, rtol=1e-12)


@pytest.mark.parametrize("name", ["Gaussian", "Bernoulli"])
def test_frequencies_are_repeats(name):
    case = next(c for c in responding(name) if c.name == "weighted")
    likelihood = br.Gaussian(1.3) if name == "Gaussian" else br.Bernoulli()
    weighted = br.sample(conditioned(case, likelihood), seed=1, draws=200)
    model = br.Model(br.Normal(0.8, unit="y"), likelihood)
    X, y = repeated(case)
    plain = br.sample(model.condition(X, y, standardize=True), seed=1, draws=200)
    # The same draws, read against rows that count thrice and against three rows.
    plain = dataclasses.replace(
        plain, draws=dataclasses.replace(weighted.draws, problem=plain.problem)
    )
    np.testing.assert_allclose(weighted.r2().draws, plain.r2().draws, rtol=1e-10)
    for kind in ("in-sample", "loo"):
        one, two = weighted.rmse(kind), plain.rmse(kind)
        assert abs(one.mean - two.mean) < 5 * two.sd / np.sqrt(4000)
        assert one.sd == pytest.approx(two.sd, rel=0.1)
    # Negative control: rows that count once each are another sample.
    _, error = accuracy.errors(weighted.draws, left_out=True)
    once = np.sqrt(np.mean(error**2))
    assert abs(once - weighted.rmse("loo").mean) > 5 * weighted.rmse("loo").sd / np.sqrt(4000)


def test_loo_r2_is_that_of_arviz():
    case = FULL[0]
    post = br.sample(conditioned(case), seed=1)
    _, error = errors(post.draws, left_out=True)
    from arviz_stats.base import array_stats

    other = array_stats.loo_r2(case.y, case.y - error, n_simulations=4000)
    ours = post.r2("loo")
    assert abs(ours.mean - other.mean()) < 5 * ours.sd * np.sqrt(2 / 4000)
    assert ours.sd == pytest.approx(other.std(), rel=0.08)
    assert ours.mean < post.r2().mean


def test_errors_without_a_row_are_those_of_refits():
    case = next(c for c in CASES if c.name == "tall")
    model = br.Model(br.Normal(0.8, unit="y"), br.Gaussian(1.4))
    post = br.sample(model.condition(case.X, case.y), seed=1, draws=2000)
    _, error = errors(post.draws, left_out=True)
    for i in (0, 17, 59):
        others = np.arange(60) != i
        without = br.closed_form(model.condition(case.X[others], case.y[others]))
        expected = case.y[i] - without.intercept - case.X[i] @ without.mean
        assert error[i] == pytest.approx(expected, rel=1e-9)


def test_groups_of_rows_spread_as_rows_do(monkeypatch):
    rng = np.random.default_rng(5)
    error, weights = rng.standard_normal(6000), rng.integers(1, 4, 6000).astype(float)
    values = np.stack([error, error**2])
    plain = accuracy._bootstrap(values, weights)
    monkeypatch.setattr(accuracy, "ALL_ROWS", 100)
    grouped = accuracy._bootstrap(values, weights)
    np.testing.assert_allclose(grouped.std(axis=1), plain.std(axis=1), rtol=0.08)
    np.testing.assert_allclose(
        grouped.mean(axis=1), plain.mean(axis=1), atol=0.1 * plain.std(axis=1).min()
    )


def test_the_level_asked_for_is_the_level_shown():
    post = br.sample(conditioned(FULL[0]), seed=1, draws=100)
    shown = post.r2(level=0.8)
    assert "eti80" in repr(shown)
    for found, ends in ((shown.interval(), [0.1, 0.9]), (shown.interval(0.5), [0.25, 0.75])):
        assert found == pytest.approx(np.quantile(shown.draws, ends), rel=1e-12)


def test_a_model_of_nothing_explains_nothing():
    case = FULL[0]
    post = br.sample(br.Model().condition(np.empty((60, 0)), case.y), seed=1, draws=100)
    assert np.all(post.r2().draws == 0.0)
    assert -0.2 < post.r2("loo").mean <= 0.0


def test_what_has_no_r2_is_refused():
    case = FULL[0]
    post = br.sample(conditioned(case), seed=1, draws=100)
    for argument in ("LOO", "kfold", None):
        with pytest.raises(BadArgument, match="in-sample, loo"):
            post.r2(argument)
    with pytest.raises(BadArgument, match="level"):
        post.rmse(level=95)
    moments = br.Moments.of(case.X, case.y)
    known = br.sample(br.Model(br.Normal(1.0)).condition(moments), seed=1, draws=100)
    assert 0.0 < known.r2().mean < 1.0
    with pytest.raises(NotSupported, match="rows"):
        known.r2("loo")
    flat = br.Model(br.Normal(1.0), br.Gaussian(1.0)).condition(case.X, np.full(60, 2.0))
    with pytest.raises(BadData, match="constant"):
        br.sample(flat, seed=1, draws=100).r2("loo")
