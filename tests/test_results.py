"""Laws of the results: what can be asked of a posterior, prediction, ArviZ, comparison."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import bayesreg as br
from bayesreg.engines.prior import prior_draws
from bayesreg.language.errors import BadArgument, NotSupported
from tests.cases import CASES
from tests.test_model import condition

pytestmark = pytest.mark.filterwarnings("ignore::bayesreg.language.errors.BayesregWarning")


@pytest.fixture(scope="module")
def post():
    """Ridge with σ and scale unknown, on tall data."""
    return br.sample(condition(CASES[0], br.Model()), draws=2000, seed=5)


@pytest.fixture(scope="module")
def conjugate():
    """A closed form and draws from it."""
    problem = condition(CASES[1], br.Model(br.Normal(0.6, unit="sigma")))
    return br.closed_form(problem), br.sample(problem, draws=20_000, seed=2)


def test_draws_are_the_closed_form(conjugate):
    """Means, sds and intervals of i.i.d. draws within 5 standard errors."""
    closed, post = conjugate
    size = post.draws.beta.shape[0] * post.draws.beta.shape[1]
    flat = post.draws.beta.reshape(size, -1)
    error = closed.sd / np.sqrt(size)
    assert np.all(np.abs(flat.mean(0) - closed.mean) < 5 * error)
    assert np.all(np.abs(flat.std(0) / closed.sd - 1) < 5 / np.sqrt(2 * size) * 1.2)
    bounds = post.summary(0.9).loc[list(post.problem.features), ["eti90_lb", "eti90_ub"]]
    width = closed.sd.to_numpy()[:, None] * 5 * 2.2 / np.sqrt(size)
    assert np.all(np.abs(bounds.to_numpy() - closed.interval(0.9).to_numpy()) < width)


def test_a_wrong_sd_would_be_caught(conjugate):
    """Negative control: two per cent is outside the band above."""
    _, post = conjugate
    size = post.draws.beta.shape[0] * post.draws.beta.shape[1]
    assert 5 / np.sqrt(2 * size) * 1.2 < 0.02


def test_predictive_sd_includes_noise(conjugate):
    """By the law of total variance from draws, and the t's own from the closed form."""
    closed, post = conjugate
    rows = CASES[1].frame.head(4)
    mean, sd = post.predict(rows, return_std=True)
    eta = post.draws.beta @ rows.to_numpy().T + post.draws.intercept[..., None]
    brute = np.sqrt((post.draws.sigma**2).mean() + eta.reshape(-1, 4).var(0, ddof=1))
    np.testing.assert_allclose(sd, brute, rtol=1e-9)
    np.testing.assert_allclose(mean, eta.mean((0, 1)), rtol=1e-9)
    exact_mean, exact_sd = closed.predict(rows, return_std=True)
    np.testing.assert_allclose(sd, exact_sd, rtol=0.02)
    np.testing.assert_allclose(mean, exact_mean, rtol=0.01)
    replicated = post.posterior_predictive(rows, seed=1)
    np.testing.assert_allclose(replicated.std((0, 1)), exact_sd, rtol=0.03)


def test_summary_names_kind_and_level(post):
    """Columns carry eti and the level; standardised effects are sd(x)·β."""
    table = post.summary(0.9)
    assert {"eti90_lb", "eti90_ub", "mean", "sd", "p_positive", "ess_bulk"} <= set(table.columns)
    assert ["intercept", *post.problem.features, "sigma", "scale"] == table.index.tolist()
    ratio = post.summary(standardized=True)["mean"] / post.summary()["mean"]
    np.testing.assert_allclose(ratio.loc["c0"], CASES[0].X[:, 0].std(), rtol=1e-12)


EVENTS = {
    "c0 > 0": lambda d: d[..., 0] > 0,
    "c0>=c3": lambda d: d[..., 0] >= d[..., 3],
    "|c1| < 0.1": lambda d: np.abs(d[..., 1]) < 0.1,
    "abs(c1) <= 0.1": lambda d: np.abs(d[..., 1]) <= 0.1,
    "-1e-1 < c1": lambda d: d[..., 1] > -0.1,
}


@pytest.mark.parametrize("event", EVENTS)
def test_events(post, event):
    """The share of draws in which the event holds."""
    assert post.probability(event) == np.mean(EVENTS[event](post.draws.beta))


def test_events_with_operators_in_the_name():
    """A column called "a > b" is still a column."""
    frame = pd.DataFrame(CASES[0].X, columns=["a > b", "a", "b", "|a|", "1"])
    problem = br.Model().condition(frame, CASES[0].y)
    post = br.sample(problem, draws=100, seed=1)
    assert post.probability("a > b > 0") == np.mean(post.draws.beta[..., 0] > 0)


NAMES = ["0", "1", "a > b", "a", "b", "|a|", "`a`", "x y", "1.0", 'it\'s "q"']
READ = {  # one reading only
    "`1` > 0.0": lambda d: d[..., 1] > 0,
    "`1` > `0`": lambda d: d[..., 1] > d[..., 0],
    "1.00 < a": lambda d: d[..., 3] > 1,
    "a > b > 0.0": lambda d: d[..., 2] > 0,
    "`a > b` > b": lambda d: d[..., 2] > d[..., 4],
    "|`b`| >= 0.5": lambda d: np.abs(d[..., 4]) >= 0.5,
    "`|a|` > 0.0": lambda d: d[..., 5] > 0,
    "``a`` > 0.0": lambda d: d[..., 6] > 0,
    "x y > 0.0": lambda d: d[..., 7] > 0,
    "`1.0` <= +1.0": lambda d: d[..., 8] <= 1,
    'it\'s "q" > 0.0': lambda d: d[..., 9] > 0,
    "|x y| > |b|": lambda d: np.abs(d[..., 7]) > np.abs(d[..., 4]),
}
SEVERAL = {  # text of several readings, and one of them
    "1 > 0": "`1` > 0.0",
    "a > 1": "`a` > `1`",
    "a > b > 0": "`a > b` > `0`",
    "|a| > 2": "`|a|` > 2.0",
    "`a` > 2": "``a`` > 2.0",
    "1.0 < b": "`1.0` < `b`",
    "|`a`| >= 0.5": "|`a`| >= 0.5",
}


@pytest.fixture(scope="module")
def awkward():
    rng = np.random.default_rng(9)
    frame = pd.DataFrame(rng.standard_normal((60, len(NAMES))), columns=NAMES)
    y = frame.to_numpy() @ np.arange(len(NAMES)) / 4 + rng.standard_normal(60)
    return br.sample(br.Model(br.Normal(1.0)).condition(frame, y), draws=50, seed=1)


@pytest.mark.parametrize("event", READ)
def test_an_event_of_one_reading_is_that(awkward, event):
    assert awkward.probability(event) == np.mean(READ[event](awkward.draws.beta))


@pytest.mark.parametrize("event", SEVERAL)
def test_an_event_of_several_readings_names_them(awkward, event):
    with pytest.raises(BadArgument, match="can be read as") as error:
        awkward.probability(event)
    assert SEVERAL[event] in str(error.value)
    assert "backticks" in str(error.value)


@pytest.mark.parametrize("event", ["`a > 0", "1..0 > b", "nan > b", "`c` > 0.0", "| | > 0.0"])
def test_an_event_without_a_reading_is_refused(awkward, event):
    with pytest.raises(BadArgument):
        awkward.probability(event)


def test_contrasts_take_columns_by_their_names(awkward):
    """Numbers that are names, and quoted ones, as events have them; weights are numbers."""
    beta = awkward.draws.beta
    for weights in ({"1": 1, "x y": -1}, {1: 1, "`x y`": -1}):
        found = awkward.contrast(weights)
        np.testing.assert_array_equal(found.draws, beta[..., 1] - beta[..., 7])
    for wrong in ({"1": "2"}, {"1": True}, {"1": None}, {2: 1}):
        with pytest.raises(BadArgument):
            awkward.contrast(wrong)


@pytest.mark.parametrize(
    "event, words",
    [("c9 > 0", "c9"), ("c0", "name > number"), ("c0 = 1", "name > number"), (3, "text")],
)
def test_bad_events(post, event, words):
    """What did not parse is named."""
    with pytest.raises(BadArgument, match=words):
        post.probability(event)


def test_contrasts(post):
    """Linear in the draws, with the level in the repr."""
    contrast = post.contrast({"c0": 1, "c3": -2.0})
    values = post.draws.beta[..., 0] - 2 * post.draws.beta[..., 3]
    assert contrast.mean == pytest.approx(values.mean())
    assert contrast.interval(0.8) == pytest.approx(np.quantile(values, [0.1, 0.9]))
    assert contrast.p_positive == np.mean(values > 0)
    assert "+1·c0 -2·c3" in repr(contrast)
    assert "eti95" in repr(contrast)
    assert f"P(> 0) = {contrast.p_positive:.4g}" in repr(contrast)
    for bad, words in (({"x": 1}, "'x'"), ({"c0": np.nan}, "finite"), ({}, "mapping")):
        with pytest.raises(BadArgument, match=words):
            post.contrast(bad)


def test_arviz_reads_everything(post):
    """Groups for loo and predictive checks; the memory check comes first."""
    import arviz_stats as az

    tree = post.to_arviz(posterior_predictive=True, prior=True, seed=1)
    groups = {"log_likelihood", "posterior_predictive", "prior", "prior_predictive"}
    assert groups <= set(tree.children)
    assert "conditional prior predictive" in tree["prior_predictive"].attrs["label"]
    loo = az.loo(tree)
    assert loo.elpd == pytest.approx(post.loo("psis").elpd, abs=1e-3)
    with pytest.raises(BadArgument, match="loo"):
        post.to_arviz(memory=1e3)


def test_prior_draws_have_the_priors_quantiles():
    """With proper priors nothing is held, and the label is plain."""
    model = br.Model(br.Laplace(br.HalfNormal(0.7)), br.Gaussian(br.HalfNormal(2.0)))
    problem = condition(CASES[2], model)
    values, label = prior_draws(problem, 40_000, 3)
    assert label == "prior predictive"
    assert np.median(values["sigma"]) == pytest.approx(2.0 * 0.6745, rel=0.02)
    assert np.median(values["scale"]) == pytest.approx(0.7 * 0.6745, rel=0.02)
    ratio = np.abs(values["beta"]) / (values["scale"] * values["sigma"][:, None])
    assert np.median(ratio) == pytest.approx(np.log(2), rel=0.02)


def test_without_rows_there_is_no_loo():
    """From Moments: draws yes, leave-one-out no, and it says why."""
    problem = br.Model().condition(br.Moments.of(CASES[0].X, CASES[0].y))
    post = br.sample(problem, draws=50, seed=1)
    for ask in (post.loo, post.to_arviz, post.posterior_predictive):
        with pytest.raises(NotSupported, match=r"Moments|rows"):
            ask()


def test_compare_is_its_parts():
    """Each entry is what the verbs give; the table is ordered; the verdict names the data."""
    case = CASES[1]
    priors = {"ridge": br.Normal(), "flat": br.Flat(), "lasso": br.Laplace(), "hs": br.Horseshoe()}
    fits = br.compare(
        priors, case.frame, case.y, standardize=True, seed=1, draws=500, dataset="toy"
    )
    assert fits.names == ("ridge", "flat", "lasso", "hs")
    assert fits["hs"].fit is None
    assert "unbounded" in fits["hs"].why_no_map
    assert fits["ridge"].closed is not None
    assert fits["lasso"].fit.beta.equals(br.fit_map(fits["lasso"].problem).beta)
    assert set(fits.table.index) == set(fits.names)
    assert fits.table["elpd"].is_monotonic_decreasing
    assert "toy (60 rows, 5 columns, standardised)" in fits.verdict[0]
    coefficients = fits.coefficients(0.9)
    assert coefficients.index.names == ["prior", "feature"]
    assert {"map", "zero", "mean", "sd", "eti90_lb", "p_positive", "kappa"} <= set(coefficients)
    assert fits.path is not None
    assert fits.provenance["seed"] == 1
    again = br.compare(
        priors, case.frame, case.y, standardize=True, seed=1, draws=500, dataset="toy"
    )
    assert again.verdict == fits.verdict
    with pytest.raises(BadArgument, match="ridge"):
        fits["rigde"]


def test_compare_bounds_default_priors_where_they_would_interpolate():
    """p ≥ ν: expected_nonzero is applied to default priors only, and said."""
    case = CASES[3]
    fits = br.compare(
        {"hs": br.Horseshoe(), "mine": br.Laplace(br.HalfCauchy(0.5))},
        br.Moments.of(case.frame, case.y), standardize=True, seed=1, draws=100,
    )  # fmt: skip
    assert any("expected_nonzero=" in text for text in fits.warnings)
    assert fits["hs"].model.prior.expected_nonzero is not None
    assert fits["mine"].model.prior == br.Laplace(br.HalfCauchy(0.5))


@pytest.mark.parametrize(
    "priors", [{}, [3], {"a": "lazzo"}, {"a": 3}], ids=["empty", "list", "text", "number"]
)
def test_compare_refuses_what_is_no_prior(priors):
    """With the form that it wants."""
    with pytest.raises(BadArgument, match="prior"):
        br.compare(priors, CASES[0].X, CASES[0].y)


@pytest.mark.slow
def test_pymc_users_are_served(post):
    """An ordinary model, sampled by its owner, is accepted by `agreement`; ArviZ plots the tree."""
    import arviz as az
    import pymc as pm

    problem = post.problem
    with problem.to_pymc():
        tree = pm.sample(nuts_sampler="pymc", random_seed=3, cores=2, progressbar=False)
    verdict = br.agreement(post, tree)
    assert verdict.ok, verdict.why
    az.plot_forest(post.tree)


def test_columns_named_like_unknowns_are_kept_apart():
    """A column called sigma is not the noise."""
    frame = pd.DataFrame(CASES[0].X[:, :3], columns=["sigma", "scale", "intercept"])
    post = br.sample(br.Model().condition(frame, CASES[0].y), draws=100, seed=1)
    table = post.summary()
    assert table.index.is_unique
    assert len(table) == 6
    assert table.loc["beta[sigma]", "mean"] == pytest.approx(post.draws.beta[..., 0].mean())
    assert post.probability("sigma > 0") == 1.0
    assert post.probability("beta[sigma] > 0") == np.mean(post.draws.beta[..., 0] > 0)


def test_a_failed_leave_one_out_is_said(monkeypatch):
    """A row so far out that not even draws without it predict it makes the ranking provisional.

    Where densities are not known given the scales, which reach any row.
    """
    monkeypatch.setattr("bayesreg.gaussian.integrated_loo.affordable", lambda *_: None)
    case = CASES[0]
    X, y = case.X.copy(), case.y.copy()
    X[7], y[7] = X[7] + 60.0, y[7] - 400.0
    fits = br.compare({"ridge": br.Normal(), "lasso": br.Laplace()}, X, y, seed=1)
    assert fits.table["max_khat"].max() > 0.7
    assert any("provisional" in text for text in fits.verdict)
    calm = br.compare({"ridge": br.Normal()}, case.X, case.y, seed=1)
    assert not any("provisional" in text for text in calm.verdict)
