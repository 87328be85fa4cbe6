"""Whether a model describes its data: each misfit is found, and a model that fits is left alone."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kstest

import bayesreg as br
from bayesreg.diagnostics.residuals import Residuals
from bayesreg.diagnostics.sensitivity import sensitivity
from tests.approximate import approximate, measured
from tests.approximate import counts as made_counts

Generator = np.random.Generator
Data = tuple[pd.DataFrame, Any]


def columns(rng: Generator, n: int, p: int = 4) -> pd.DataFrame:
    return pd.DataFrame(rng.normal(size=(n, p)), columns=list("abcdefgh")[:p])


def posterior(X: Any, y: Any, prior: Any = None, likelihood: Any = None, **more: Any) -> Any:
    model = br.Model(prior or br.Normal(), likelihood or br.Gaussian())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", br.BayesregWarning)
        problem = model.condition(X, y, standardize=True, **more)
    return br.sample(problem, seed=1, draws=300, chains=2)


def straight(rng: Generator, n: int = 300) -> Data:
    X = columns(rng, n)
    return X, 10.0 + X @ [1.0, -1.0, 0.5, 0.0] + rng.normal(size=n)


def parabola(rng: Generator) -> Data:
    X, y = straight(rng)
    return X, y + 0.5 * X["a"] ** 2


def logged(rng: Generator) -> Data:
    X, y = straight(rng)
    wage = np.exp(4.0 + 0.3 * (y - 10.0))
    return X.assign(logwage=np.log(wage)), wage


def total(rng: Generator) -> Data:
    parts = columns(rng, 200) ** 2
    return parts, parts.sum(axis=1) + 1e-6 * rng.normal(size=200)


def funnel(rng: Generator) -> Data:
    X, _ = straight(rng, 400)
    eta = X.to_numpy() @ [1.0, -1.0, 0.5, 0.0]
    return X, 10.0 + eta + np.exp(0.6 * eta) * rng.normal(size=400)


def skewed(rng: Generator) -> Data:
    X, _ = straight(rng, 400)
    return X, X @ [1.0, -1.0, 0.5, 0.0] + rng.exponential(size=400) * 2.0


def heavy(rng: Generator) -> Data:
    X, _ = straight(rng, 400)
    return X, X @ [1.0, -1.0, 0.5, 0.0] + rng.standard_t(2.2, size=400)


def outlier(rng: Generator) -> Data:
    X, y = straight(rng)
    y = y.to_numpy().copy()
    y[17] += 12.0
    return X, pd.Series(y)


def counts(rng: Generator) -> Data:
    X = columns(rng, 400)
    return X, rng.poisson(np.exp(1.0 + X["a"] + 0.3 * X["b"]))


def two_values(rng: Generator) -> Data:
    X, y = straight(rng)
    return X, 1.0 * (y > 10.0)


MISFITS: dict[str, tuple[Callable[[Generator], Data], str]] = {
    "curved": (parabola, "curvature"),
    "another form of the response": (logged, "give-away"),
    "parts of a total": (total, "give-away"),
    "funnel": (funnel, "spread"),
    "skewed noise": (skewed, "shape"),
    "heavy tails": (heavy, "shape"),
    "one row far out": (outlier, "rows"),
    "counts": (counts, "response"),
    "two values": (two_values, "response"),
}


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("name", MISFITS)
def test_a_misfit_is_found_and_the_verdict_says_so(name: str, seed: int) -> None:
    make, key = MISFITS[name]
    found = posterior(*make(np.random.default_rng([seed, 5]))).adequacy
    assert not found.ok
    assert key in [one.key for one in found.failures]
    for one in found.failures:
        assert one.seen
        assert one.advice
    assert found.table.loc[key, "ok"] is np.False_ or found.table.loc[key, "ok"] is False


def test_a_model_that_fits_is_left_alone() -> None:
    """Of 60 data sets made by the model itself at most three are suspected: ten tests at 1e-3."""
    suspected = []
    for seed in range(60):
        rng = np.random.default_rng([seed, 6])
        n, p = (30, 60, 120, 400)[seed % 4], (1, 4, 8)[seed % 3]
        X = columns(rng, n, p) ** (1 + seed % 2)  # half of them with columns of long tails
        y = 5.0 + X @ rng.normal(size=p) + rng.normal(size=n)
        suspected += [(seed, one.key) for one in posterior(X, y).adequacy.failures]
    assert len({seed for seed, _ in suspected}) <= 3, suspected


def test_shrinkage_is_not_taken_for_curvature() -> None:
    """A prior that keeps effects near 0 leaves slopes in the residuals, and these are straight."""
    X, y = straight(np.random.default_rng(3))
    found = posterior(X, y, br.Normal(0.01)).adequacy
    assert found.table.loc["curvature", "ok"]


def test_a_curved_log_odds_is_found_and_a_straight_one_is_not() -> None:
    rng = np.random.default_rng(4)
    X = columns(rng, 600)
    good = rng.random(600) < 1.0 / (1.0 + np.exp(-X["a"] + X["b"]))
    bent = rng.random(600) < 1.0 / (1.0 + np.exp(1.5 - 1.5 * X["a"] ** 2))
    assert posterior(X, good, br.Normal(1.0), br.Bernoulli()).adequacy.ok
    found = posterior(X, bent, br.Normal(1.0), br.Bernoulli()).adequacy
    assert [one.key for one in found.failures][:1] == ["curvature"]


def test_rows_that_count_twice_are_two_rows() -> None:
    X, y = straight(np.random.default_rng(5), 80)
    w = np.arange(80) % 3
    whole = posterior(X, y, weights=w)
    written = posterior(X.loc[X.index.repeat(w)], np.repeat(np.asarray(y), w))
    one, two = (Residuals.of(post.draws) for post in (whole, written))
    assert one.design.n == two.design.n == w.sum()
    assert one.design.weights is None
    for test in ("curvature", "spread", "tails", "calibration"):
        a, b = (np.asarray([getattr(r, test)()][0], dtype=object).ravel() for r in (one, two))
        keep = [k for k, v in enumerate(a) if not isinstance(v, str)]
        assert np.allclose(a[keep].astype(float), b[keep].astype(float), rtol=1e-6)


def test_a_named_row_has_its_label() -> None:
    X, y = outlier(np.random.default_rng(6))
    X.index = y.index = pd.Index([f"unit {i}" for i in range(len(y))])
    found = posterior(X, y).adequacy.table.loc["rows", "seen"]
    assert "row unit 17" in found


def test_many_rows_are_judged_by_some() -> None:
    rng = np.random.default_rng(7)
    X = columns(rng, 30_000, 2)
    found = Residuals.of(posterior(X, X["a"] + X["a"] ** 2 + rng.normal(size=30_000)).draws)
    assert found.design.n == 20_000
    assert max(found.curvature(), key=lambda one: one.share).term in ("a²", "the fitted values²")


@pytest.mark.parametrize("n, p", [(1, 1), (2, 1), (5, 0), (12, 20)])
def test_few_rows_are_not_judged(n: int, p: int) -> None:
    rng = np.random.default_rng(8)
    X = columns(rng, n, 8).iloc[:, :1] if p == 1 else pd.DataFrame(rng.normal(size=(n, p)))
    post = posterior(X, rng.normal(size=n), br.Normal(1.0), br.Gaussian(br.HalfNormal(1.0)))
    assert all(one.ok is not False for one in post.adequacy.findings)
    assert repr(post.adequacy)
    assert "<table" in post.adequacy._repr_html_()


def test_sensitivity_is_that_of_arviz() -> None:
    from arviz_base import from_dict
    from arviz_stats import psense

    X, y = straight(np.random.default_rng(9), 40)
    post = posterior(X, y, br.Normal(0.4))
    found = sensitivity(post.draws)
    tree = post.to_arviz()
    groups = {"posterior": {"beta": post.draws.beta}}
    groups["log_prior"] = {"beta": tree["log_prior"]["beta"].to_numpy()}
    groups["log_likelihood"] = {"y": tree["log_likelihood"]["y"].to_numpy()}
    for group in ("prior", "likelihood"):
        wanted = psense(from_dict(groups), group=group)["beta"].to_numpy()
        assert found is not None
        assert np.allclose(found[group].loc[list("abcd")], wanted, rtol=1e-6)


def test_a_tight_prior_is_noticed_and_a_wide_one_is_not() -> None:
    X, y = straight(np.random.default_rng(10), 60)
    tight = posterior(X, y, br.Normal(0.3)).adequacy.table.loc["prior"]
    wide = posterior(X, y, br.Normal(100.0)).adequacy.table.loc["prior"]
    assert tight["ok"] is None
    assert "power-scaling the prior moves" in tight["seen"]
    assert wide["ok"] is not None
    assert wide["ok"]


def test_the_verdict_never_says_that_all_held_of_a_model_that_misfits() -> None:
    X, y = logged(np.random.default_rng(11))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", br.BayesregWarning)  # of rows that nothing predicts
        fits = br.compare({"ridge": br.Normal()}, X, y, standardize=True, seed=1)
    said = " ".join(fits.verdict)
    assert fits.ok
    assert not fits.adequacy.ok
    assert "All checks held" not in said
    assert "The model does not describe the data: logwage" in said
    X, y = straight(np.random.default_rng(12))
    fits = br.compare({"ridge": br.Normal()}, X, y, standardize=True, seed=1)
    assert "All checks held" in " ".join(fits.verdict)


def test_moments_have_no_rows_to_judge_by() -> None:
    X, y = straight(np.random.default_rng(13))
    fits = br.compare({"ridge": br.Normal()}, br.Moments.of(X, y), seed=1, draws=200)
    assert fits.adequacy is None
    with pytest.raises(br.NotSupported, match="rows"):
        fits["ridge"].post.adequacy  # noqa: B018


TAILS = {
    "outliers": (measured, {"df": 2.0}, br.Gaussian(), br.StudentTNoise(), "shape"),
    "far outliers": (measured, {"df": 1.5}, br.LaplaceNoise(), br.StudentTNoise(), "shape"),
    "overdispersed": (
        made_counts,
        {"shape": 1.0},
        br.Poisson(),
        br.NegativeBinomial(),
        "dispersion",
    ),
    "zeros": (made_counts, {"shape": 0.5}, br.Poisson(), br.NegativeBinomial(), "zeros"),
}


@pytest.mark.parametrize("name", TAILS)
def test_rows_that_vary_more_name_the_likelihood_under_which_they_do_not(name: str) -> None:
    """Found under the narrow likelihood, with the wider one as advice; under that nothing is."""
    make, how, narrow, wide, key = TAILS[name]
    X, y = make(400, **how)
    first, second = (
        approximate(br.Model(br.Normal(1.0), one).condition(X, y), seed=1).adequacy
        for one in (narrow, wide)
    )
    found = next(one for one in first.failures if one.key == key)
    assert f"br.{type(wide).__name__}()" in found.advice
    assert second.ok, second


@pytest.mark.parametrize("spread, expected", [(None, True), (1.0, False)])
def test_successes_that_vary_between_rows_are_overdispersed(
    spread: float | None, expected: bool
) -> None:
    rng = np.random.default_rng(2)
    X, trials = rng.normal(size=(300, 2)), rng.integers(3, 20, 300)
    chance = 1.0 / (1.0 + np.exp(-X[:, 0]))
    if spread is not None:
        chance = rng.beta(spread * chance, spread * (1.0 - chance))
    y = rng.binomial(trials, chance)
    problem = br.Model(br.Normal(1.0), br.Binomial()).condition(X, y, trials=trials)
    found = approximate(problem, seed=1).adequacy
    assert ("dispersion" not in [one.key for one in found.failures]) == expected
    assert found.ok == expected, found


def test_counts_that_vary_less_are_underdispersed() -> None:
    X, y = made_counts(400)
    mean = np.exp(0.8 + X @ [0.5, -0.3, 0.0])
    problem = br.Model(br.Normal(1.0), br.Poisson()).condition(X, np.round(mean + 0.3 * (y - mean)))
    (found,) = (o for o in approximate(problem, seed=1).adequacy.failures if o.key == "dispersion")
    assert "underdispersed" in found.seen


def test_noise_without_a_variance_is_judged_by_its_scale() -> None:
    """Residuals are finite where ν ≤ 2, and quantile residuals are normal under the right law."""
    X, y = measured(400, df=1.0)
    problem = br.Model(br.Normal(1.0), br.StudentTNoise(df=1.0)).condition(X, y)
    post = approximate(problem, seed=1)
    found = Residuals.of(post.draws)
    assert np.isinf(problem.likelihood.variance(0.0, found.theta))
    assert np.isfinite(found.scaled).all()
    assert abs(np.std(found.standardized) - 1.0) < 0.1
    assert post.adequacy.ok


def test_quantile_residuals_of_counts_are_normal_and_the_same_again() -> None:
    X, y = made_counts(2000)
    post = approximate(br.Model(br.Normal(1.0), br.Poisson()).condition(X, y), seed=1)
    one, two = (Residuals.of(post.draws).standardized for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert kstest(one, "norm").pvalue > 1e-3
    raw = (y - Residuals.of(post.draws).fitted) / np.sqrt(Residuals.of(post.draws).width)
    assert kstest(raw, "norm").pvalue < 1e-3
