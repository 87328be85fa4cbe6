"""Scores, ratios and figures of counts and of yes/no: what they are, and that they tell."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.special import expit, xlogy
from scipy.stats import kstest
from sklearn.metrics import mean_poisson_deviance, roc_auc_score

import bayesreg as br
from bayesreg import plots
from bayesreg.plots.counts import _Frequencies, _quantiles, count_rows
from bayesreg.results.scores import auc, deviance
from tests.approximate import approximate, counts, measured


@pytest.fixture(scope="module")
def poisson() -> Any:
    X, y = counts(400)
    return approximate(br.Model(br.Normal(1.0), br.Poisson()).condition(X, y), seed=1)


@pytest.fixture(scope="module")
def overdispersed() -> Any:
    """Counts that vary more than the Poisson's that they were fitted by."""
    X, y = counts(400, shape=0.7)
    return approximate(br.Model(br.Normal(1.0), br.Poisson()).condition(X, y), seed=1)


@pytest.fixture(scope="module")
def successes() -> Any:
    rng = np.random.default_rng(4)
    X, trials = rng.normal(size=(300, 2)), rng.integers(2, 15, 300)
    y = rng.binomial(trials, expit(X[:, 0] - 0.3))
    model = br.Model(br.Normal(1.0), br.Binomial())
    return approximate(model.condition(X, y, trials=trials), seed=1)


def test_auc_is_the_area_and_its_error_is_delongs() -> None:
    """Against scikit-learn's area and against all pairs of a yes and a no, with ties."""
    rng = np.random.default_rng(0)
    yes = rng.random(80) < 0.4
    score = np.round(yes + rng.normal(size=80), 1)
    area, se = auc(score, yes, np.ones(80))
    np.testing.assert_allclose(area, roc_auc_score(yes, score), rtol=1e-12)
    won = np.subtract.outer(score[yes], score[~yes])
    pairs = (won > 0) + 0.5 * (won == 0)
    by_hand = (
        np.var(pairs.mean(1), ddof=1) / yes.sum() + np.var(pairs.mean(0), ddof=1) / (~yes).sum()
    )
    np.testing.assert_allclose(se, np.sqrt(by_hand), rtol=1e-12)
    w = rng.integers(1, 4, 80).astype(float)
    often = w.astype(int)
    np.testing.assert_allclose(
        auc(score, yes, w),
        auc(np.repeat(score, often), np.repeat(yes, often), np.ones(often.sum())),
    )
    assert np.isnan(auc(score, np.ones(80, dtype=bool), np.ones(80))).all()


def test_deviances_are_those_of_the_books() -> None:
    rng = np.random.default_rng(1)
    mean = rng.gamma(2.0, 2.0, 50)
    y, r = rng.poisson(mean).astype(float), 1.7
    found = deviance(br.Poisson(), y, mean, {})
    np.testing.assert_allclose(found.mean(), mean_poisson_deviance(y, mean), rtol=1e-10)
    found = deviance(br.NegativeBinomial(r), y, mean, {"shape": r})
    told = 2 * (xlogy(y, y / mean) - (y + r) * np.log((y + r) / (mean + r)))
    np.testing.assert_allclose(found, told, atol=1e-10)
    m, p = np.full(50, 9.0), expit(rng.normal(size=50))
    y = rng.binomial(9, p).astype(float)
    found = deviance(br.Binomial(), y, p, {"trials": m})
    told = 2 * (xlogy(y, y / (m * p)) + xlogy(m - y, (m - y) / (m - m * p)))
    np.testing.assert_allclose(found, told, atol=1e-10)


def test_scores_of_yes_and_no_are_of_rows_left_out() -> None:
    rng = np.random.default_rng(2)
    X = rng.normal(size=(200, 3))
    y = rng.random(200) < expit(1.5 * X[:, 0])
    problem = br.Model(br.Normal(1.0), br.Bernoulli()).condition(X, y)
    post = approximate(problem, seed=1)
    found, p = post.scores(), problem.design.y - post.left_out
    np.testing.assert_allclose(
        found.loc["Brier score", "value"], np.mean((problem.design.y - p) ** 2)
    )
    np.testing.assert_allclose(found.loc["AUC", "value"], roc_auc_score(y, p))
    np.testing.assert_allclose(found.loc["log score", "value"], post.loo().elpd / 200)
    assert found.loc["AUC", "value"] > 0.7 > 0.3 > found.loc["Brier score", "value"]
    noise = br.Model(br.Normal(1.0), br.Bernoulli()).condition(X[:, 1:], y)
    nothing = approximate(noise, seed=1).scores()
    assert nothing.loc["Brier score", "value"] > found.loc["Brier score", "value"]
    assert abs(nothing.loc["AUC", "value"] - 0.5) < 4 * nothing.loc["AUC", "se"]


def test_the_deviance_of_counts_sees_the_exposure_and_the_weights() -> None:
    """The mean alone is one rate; a row of weight 2 is two rows."""
    X, y = counts(150)
    time, w = np.linspace(0.5, 2.0, 150), np.tile([1.0, 2.0], 75)
    model = br.Model(br.Normal(1.0), br.Poisson())
    problem = model.condition(X, y, exposure=time, weights=w)
    found = approximate(problem, seed=1).scores()
    null = deviance(br.Poisson(), y, time * (w @ y) / (w @ time), {})
    np.testing.assert_allclose(found.loc["deviance", "alone"], w @ null / w.sum())
    share = 1.0 - found.loc["deviance", "value"] / found.loc["deviance", "alone"]
    np.testing.assert_allclose(found.loc["deviance explained", "value"], share)


def test_a_measurement_has_errors_and_no_deviance() -> None:
    X, y = measured(200)
    found = br.sample(br.Model(br.Normal(1.0)).condition(X, y), seed=1).scores()
    assert list(found.index) == ["log score", "RMSE", "MAE"]
    assert found.loc["RMSE", "value"] < found.loc["RMSE", "alone"]


@pytest.mark.parametrize(
    "likelihood, name",
    [(br.Poisson(), "rate_ratio"), (br.Bernoulli(), "odds_ratio"), (br.Gaussian(), None)],
)
def test_ratios_stand_beside_coefficients_under_their_name(
    likelihood: Any, name: str | None
) -> None:
    X, y = counts(200)
    problem = br.Model(br.Normal(1.0), likelihood).condition(
        X, y > 2 if likelihood.takes_labels else y
    )
    post = approximate(problem, seed=1)
    for table in (post.summary(level=0.9), post.effects(level=0.9)):
        ratios = [column for column in table.columns if "ratio" in column]
        if name is None:
            assert not ratios
            continue
        assert ratios == [name, f"{name}_eti90_lb", f"{name}_eti90_ub"]
        draws = np.exp(np.quantile(post.draws.beta[..., 0], [0.5, 0.05, 0.95]))
        np.testing.assert_allclose(table.loc["x1", ratios].to_numpy(float), draws, rtol=1e-12)
    if name is not None:
        assert np.isnan(post.summary().loc["intercept", name])
        fit = br.fit_map(problem)
        np.testing.assert_array_equal(fit.summary()[name], np.exp(fit.beta))
        np.testing.assert_array_equal(fit.effects()[name], np.exp(fit.beta))


def test_the_rootogram_counts_every_row(poisson: Any) -> None:
    """Observed and expected numbers add up to the rows, and the interval holds most of the bars."""
    found = _Frequencies.of(poisson, *count_rows(poisson), seed=0)
    assert found.observed.sum() == 400
    np.testing.assert_allclose(found.expected.sum(), 400, rtol=1e-3)
    within = (found.low <= found.observed) & (found.observed <= found.high)
    assert within.mean() > 0.85
    ax = plots.plot_rootogram(poisson)
    feet = np.array([bar.get_y() for bar in ax.patches])
    np.testing.assert_allclose(feet, np.sqrt(found.expected) - np.sqrt(found.observed), atol=1e-12)


def test_negative_control_the_rootogram_tells_overdispersion(overdispersed: Any) -> None:
    found = _Frequencies.of(overdispersed, *count_rows(overdispersed), seed=0)
    assert found.observed[0] > found.high[0]
    assert np.any(found.observed[1:4] < found.low[1:4])


def test_huge_counts_are_put_together_in_bins() -> None:
    X, y = counts(100)
    problem = br.Model(br.Normal(1.0), br.NegativeBinomial()).condition(X, 1e6 * y)
    post = approximate(problem, seed=1)
    found = _Frequencies.of(post, *count_rows(post), seed=0)
    assert len(found.observed) <= 41
    assert found.observed.sum() == 100
    assert post.plot("ppc").get_ylim()[0] == 0.0


def test_quantile_residuals_are_normal_under_the_model_only(
    poisson: Any, overdispersed: Any
) -> None:
    for post, right in ((poisson, True), (overdispersed, False)):
        residual, fitted = _quantiles(post, *count_rows(post), seed=3)
        again, _ = _quantiles(post, *count_rows(post), seed=3)
        np.testing.assert_array_equal(residual, again)
        assert (kstest(residual, "norm").pvalue > 1e-3) == right
        assert np.all(fitted > 0.0)


def test_successes_have_calibration_and_residuals_by_share(successes: Any) -> None:
    ax = successes.plot("calibration")
    ((x, share),) = [line.get_data() for line in ax.lines if line.get_marker() == "o"]
    (intervals,) = [c for c in ax.collections if len(c.get_segments()) == len(x)]
    within = [s[0, 1] <= one <= s[1, 1] for s, one in zip(intervals.get_segments(), x, strict=True)]
    assert np.mean(within) >= 0.8
    assert np.max(np.abs(share - x)) < 0.1
    _, fitted = _quantiles(successes, *count_rows(successes), seed=0)
    assert 0.0 < fitted.min() < fitted.max() < 1.0
    assert "fitted probability" in successes.plot("residuals").get_xlabel()


def test_figures_of_counts_are_refused_elsewhere() -> None:
    X, y = measured(60)
    post = br.sample(br.Model(br.Normal(1.0)).condition(X, y), seed=1, draws=100)
    for kind in ("rootogram", "calibration"):
        with pytest.raises(br.NotSupported, match=r"post.plot\(.ppc.\) draws any response"):
            post.plot(kind)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_row_that_importance_sampling_fails_is_predicted_without_it():
    """A count of 60 far out among 25: brute force, and a mean by importance sampling as control."""
    rng = np.random.default_rng(2)
    X = rng.normal(size=(25, 2))
    y = rng.poisson(np.exp(0.5 + 0.5 * X[:, 0])).astype(float)
    X[0], y[0] = (4.0, 3.0), 60.0
    model, rest = br.Model(br.Normal(2.0), br.Poisson()), slice(1, None)
    post = br.sample(model.condition(X, y), seed=1)
    assert list(np.flatnonzero(np.asarray(post.loo().pareto_k) > 0.7)) == [0]
    alone = br.sample(model.condition(X[rest], y[rest]), seed=5, draws=2000).draws
    mean = np.exp(alone.intercept + alone.beta @ X[0])
    error = 3.0 * mean.std() / np.sqrt(1000)  # of a short run, and room
    assert post.left_out[0] == pytest.approx(y[0] - mean.mean(), abs=2.0 * error)
    inside = np.exp(post.draws.intercept + post.draws.beta @ X[0])
    weight = np.exp(inside - y[0] * np.log(inside))
    sampled = np.sum(weight / weight.sum() * inside)
    assert abs(y[0] - sampled - post.left_out[0]) > 10.0 * error
