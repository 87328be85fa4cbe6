"""Laws of problems that are one: grouped rows, rates, offsets, limits; and of extreme ones."""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.special import gammaln

import bayesreg as br
from bayesreg.language.errors import BadData
from tests.cases import LIKELIHOODS

pytestmark = pytest.mark.filterwarnings("ignore::bayesreg.language.errors.BayesregWarning")

N, P = 50, 3
PRIORS = {
    "ridge": br.Normal(0.8, 0.2),
    "lasso": br.Laplace(0.4),
    "elastic net": br.ElasticNet(0.6, 0.4),
    "flat": br.Flat(),
    "part flat": {"c1": br.Flat(), ...: br.Laplace(0.5)},
}


CONVEX = list(LIKELIHOODS)


def columns(seed=0):
    """Unequal sds and means, correlated."""
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((N, P))
    z[:, 1] += 0.6 * z[:, 0]
    return pd.DataFrame(z * [1.0, 0.4, 2.0] + [0.5, -1.0, 3.0], columns=["c0", "c1", "c2"])


X = columns()
ETA = -0.6 + (X - X.mean()).to_numpy() @ [0.7, -0.5, 0.2]


def drawn(name, shift=0.0):
    """A response of this likelihood at the linear predictor of the table."""
    return LIKELIHOODS[name].draw(np.random.default_rng(11), ETA + shift)


def trials_of(name):
    return {"trials": np.full(N, 7.0)} if LIKELIHOODS[name].likelihood.takes_trials else {}


def value(problem, b):
    """−log L at b and its best flat part, constants included."""
    return problem.loss.at(b).value


# --- grouped rows and rates --------------------------------------------------------------------


@pytest.mark.parametrize("prior", PRIORS, ids=list(PRIORS))
def test_successes_among_trials_are_rows_of_yes_and_no(prior):
    """Counts, weighted rows and rows written out: one optimum, one loss but for log C(m, y)."""
    rng = np.random.default_rng(1)
    trials = rng.integers(1, 9, N).astype(float)
    y = rng.binomial(trials.astype(int), 1 / (1 + np.exp(-ETA))).astype(float)
    grouped = br.Model(PRIORS[prior], br.Binomial()).condition(X, y, trials=trials)
    yes_no = br.Model(PRIORS[prior], br.Bernoulli())
    both, outcome = pd.concat([X, X], ignore_index=True), np.repeat([1.0, 0.0], N)
    times = np.concatenate([y, trials - y])
    counted = yes_no.condition(both, outcome, weights=times)
    rows = np.repeat(np.arange(2 * N), times.astype(int))
    written = yes_no.condition(both.iloc[rows].reset_index(drop=True), outcome[rows])
    fits = [br.fit_map(one) for one in (grouped, counted, written)]
    for other in fits[1:]:
        np.testing.assert_allclose(other.b, fits[0].b, rtol=1e-9, atol=1e-10)
        assert other.intercept == pytest.approx(fits[0].intercept, rel=1e-9)
    constant = np.sum(gammaln(trials + 1) - gammaln(y + 1) - gammaln(trials - y + 1))
    for b in (fits[0].b, fits[0].b + 0.3):
        first, second, third = (value(one.problem, b) for one in fits)
        assert second == pytest.approx(first + constant, rel=1e-12)
        assert third == pytest.approx(second, rel=1e-12)
    assert not np.allclose(fits[1].beta, br.fit_map(yes_no.condition(X, y > 0.0)).beta)


@pytest.mark.parametrize("prior", PRIORS, ids=list(PRIORS))
def test_counts_of_an_exposure_are_rates_that_count_by_it(prior):
    """Σ[E·e^η − y(η + log E)] is ΣE[e^η − (y/E)η] but for a constant: one slope, one flat part."""
    exposure = np.random.default_rng(2).uniform(0.2, 6.0, N)
    y = drawn("Poisson", np.log(exposure))
    problem = br.Model(PRIORS[prior], br.Poisson()).condition(X, y, exposure=exposure)
    fit = br.fit_map(problem)
    loss = problem.loss
    rates = dataclasses.replace(loss, y=y / exposure, weights=exposure, offset=None, level=0.0)
    for b in (fit.b, fit.b + 0.2):
        one, other = loss.at(b), rates.at(b)
        shared = np.append(loss.level, np.zeros(len(one.free) - 1))
        level = one.free + shared
        np.testing.assert_allclose(level, other.free, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(loss.slope(one), rates.slope(other), rtol=1e-8, atol=1e-9)
    flat = dataclasses.replace(rates, weights=np.ones(N))
    assert not np.allclose(flat.at(fit.b).free, loss.at(fit.b).free, rtol=1e-3)


# --- offsets -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CONVEX)
def test_an_offset_is_a_column_whose_coefficient_is_one(name):
    """Held there by a prior: same optimum, intercept, loss and predictions."""
    offset = np.random.default_rng(3).normal(0.4, 0.8, N)
    y = drawn(name, offset)
    more = trials_of(name)
    likelihood = LIKELIHOODS[name].likelihood
    model = br.Model(br.Normal(0.8), likelihood)
    fit = br.fit_map(model.condition(X, y, offset=offset, **more))
    held = br.Model({"o": br.Normal(1e-7, 1.0), ...: br.Normal(0.8)}, likelihood)
    wider = X.assign(o=offset)
    other = br.fit_map(held.condition(wider, y, **more))
    assert other.beta["o"] == pytest.approx(1.0, abs=1e-7)
    np.testing.assert_allclose(fit.beta, other.beta[["c0", "c1", "c2"]], rtol=2e-5, atol=1e-7)
    assert fit.intercept == pytest.approx(other.intercept, rel=2e-5)
    new = X.head(5)
    np.testing.assert_allclose(
        fit.predict(new, offset=offset[:5]), other.predict(wider.head(5)), rtol=1e-5
    )
    without = br.fit_map(model.condition(X, y, **more))
    assert not np.allclose(without.beta, fit.beta, rtol=1e-2)


@pytest.mark.parametrize("name", CONVEX)
def test_an_offset_and_a_flat_intercept_shift_each_other(name):
    """The same number in every row goes into the intercept, and nowhere else."""
    y, more = drawn(name), trials_of(name)
    model = br.Model(br.Normal(0.8), LIKELIHOODS[name].likelihood)
    plain = br.fit_map(model.condition(X, y, **more))
    moved = br.fit_map(model.condition(X, y, offset=np.full(N, 1.7), **more))
    np.testing.assert_allclose(moved.b, plain.b, rtol=1e-6, atol=1e-8)
    assert moved.intercept == pytest.approx(plain.intercept - 1.7, rel=1e-6)


def test_under_gaussian_noise_an_offset_is_subtracted_everywhere():
    """Optimum, closed form, path, exact draws, leave-one-out and predictions, against y − o."""
    offset = np.random.default_rng(5).normal(2.0, 3.0, N)
    y = drawn("Gaussian", offset)
    for prior, sigma in ((br.Normal(0.8), 1.3), (br.Normal(0.8, unit="sigma"), None)):
        model = br.Model(prior, br.Gaussian(sigma))
        one = model.condition(X, y, offset=offset)
        other = model.condition(X, y - offset)
        np.testing.assert_allclose(br.closed_form(one).mean, br.closed_form(other).mean, rtol=1e-12)
        assert br.closed_form(one).log_evidence == pytest.approx(br.closed_form(other).log_evidence)
        if sigma is not None:
            np.testing.assert_allclose(br.fit_map(one).b, br.fit_map(other).b, rtol=1e-12)
        np.testing.assert_allclose(
            br.path(one, [0.5, 5.0]).b, br.path(other, [0.5, 5.0]).b, rtol=1e-12
        )
        first, second = (br.sample(p, seed=1, draws=200) for p in (one, other))
        assert first.engine == second.engine
        np.testing.assert_allclose(first.draws.beta, second.draws.beta, rtol=1e-10)
        np.testing.assert_allclose(first.loo().elpd, second.loo().elpd, rtol=1e-9)
        new = X.head(4)
        np.testing.assert_allclose(
            first.predict(new, offset=offset[:4]), second.predict(new) + offset[:4], rtol=1e-10
        )
        closed = br.closed_form(one).predict(new, offset=offset[:4])
        np.testing.assert_allclose(
            closed, br.closed_form(other).predict(new) + offset[:4], rtol=1e-10
        )


def test_an_offset_that_is_no_logarithm_is_refused():
    """People and areas as they are would multiply the mean by e to the thousands."""
    people = np.random.default_rng(6).uniform(1e3, 1e5, N)
    for name in ("Bernoulli", "Binomial", "Poisson", "NegativeBinomial"):
        model = br.Model(br.Normal(0.8), LIKELIHOODS[name].likelihood)
        cure = "exposure=" if LIKELIHOODS[name].likelihood.takes_exposure else "log-odds"
        with pytest.raises(BadData, match=f"offset lies between.*{cure}"):
            model.condition(X, drawn(name), offset=people, **trials_of(name))
    br.Model(br.Normal(0.8)).condition(X, drawn("Gaussian"), offset=people)


# --- limits --------------------------------------------------------------------------------------


@pytest.mark.parametrize("prior", PRIORS, ids=list(PRIORS))
def test_a_negative_binomial_of_large_shape_is_poisson(prior):
    """Optimum and loss come nearer as 1/shape."""
    y = drawn("Poisson", 1.0)
    poisson = br.fit_map(br.Model(PRIORS[prior], br.Poisson()).condition(X, y))
    far = []
    for shape in (1e2, 1e4, 1e6, 1e12):
        problem = br.Model(PRIORS[prior], br.NegativeBinomial(shape)).condition(X, y)
        fit = br.fit_map(problem)
        far.append(float(np.max(np.abs(fit.b - poisson.b), initial=0.0)))
        loss = value(problem, poisson.b) - value(poisson.problem, poisson.b)
        assert abs(loss) < 3e3 / shape + 1e-9
    assert far[-1] <= 1e-9
    if len(poisson.b):
        assert 20.0 < far[0] / far[1] < 500.0
        assert far[0] > 1e-6


def test_student_t_noise_of_large_df_is_gaussian():
    y = drawn("Gaussian")
    for prior in (br.Normal(0.8, 0.2), br.Laplace(0.4)):
        gaussian = br.fit_map(br.Model(prior, br.Gaussian(1.3)).condition(X, y))
        far = []
        for df in (1e2, 1e4, 1e8):
            fit = br.fit_map(br.Model(prior, br.StudentTNoise(df, 1.3)).condition(X, y))
            far.append(float(np.max(np.abs(fit.b - gaussian.b))))
        assert far[2] < 1e-6
        assert far[0] > 20.0 * far[1]


# --- extremes ------------------------------------------------------------------------------------

RNG = np.random.default_rng(7)
TWICE = np.column_stack([X["c0"], X["c0"], X["c2"]])


def extremes(name):
    """(columns, y, further arguments) at the edges of what a likelihood can be given."""
    kind = LIKELIHOODS[name]
    more = trials_of(name)
    y = drawn(name)
    yield "duplicate columns", TWICE, y, more
    yield "one column", X[["c0"]], y, more
    weights = np.where(np.arange(N) < 25, 0.0, 1.0)
    yield "weights of 0", X, y, {**more, "weights": weights}
    for shift in (-1e3, 1e3) if kind.convex else ():
        yield f"offset {shift:g}", X, y, {**more, "offset": np.full(N, shift)}
    mixed = np.where(np.arange(N) % 2, 1e3, -1e3)
    yield "offsets of both signs", X, y, {**more, "offset": mixed}
    yield "two rows", X.head(2), np.array([0.0, 1.0]), {k: v[:2] for k, v in more.items()}
    few = {k: v[:1] for k, v in more.items()}
    yield "one row", X.head(1), y[:1], few
    yield "all zeros", X, np.zeros(N), more
    yield "constant", X, np.ones(N), more
    if kind.likelihood.counts:
        huge = np.round(1e12 * (1.0 + 0.1 * RNG.random(N)))
        yield "huge", X, huge, {"trials": 2.0 * huge} if more else {}
        wild = np.where(np.arange(N) % 7 == 0, 1e12, y)
        yield "one in seven huge", X, wild, {"trials": np.maximum(wild, 7.0)} if more else {}
    elif kind.likelihood.has_sigma and name != "LaplaceNoise":
        yield "outlier", X, np.where(np.arange(N) == 3, 1e15, y), more


# What is no reason to refuse.
ANSWERED = {"duplicate columns", "one column", "weights of 0", "huge", "offset 1000", "outlier"}
PROBLEMS = [
    pytest.param(name, *row, prior, id=f"{name} {row[0]} {label}")
    for name in CONVEX
    for row in extremes(name)
    for label, prior in (("ridge", br.Normal(0.8)), ("lasso", br.Laplace(0.4)))
]


@pytest.mark.parametrize("name, what, x, y, more, prior", PROBLEMS)
def test_the_edges_are_certified_or_answered_with_advice(name, what, x, y, more, prior):
    """Finite and certified, or an error with words; never a warning of arithmetic."""
    model, answered = br.Model(prior, LIKELIHOODS[name].likelihood), what in ANSWERED
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", br.BayesregWarning)
        try:
            problem = model.condition(x, y, **more)
        except BadData as error:
            if answered or len(str(error)) < 40:
                raise
            return
        fit = br.fit_map(problem)
    assert fit.certificate.ok
    assert np.isfinite(fit.b).all()
    assert np.isfinite(fit.intercept)
    offset = {"offset": more["offset"][:3]} if "offset" in more else {}
    assert np.isfinite(fit.predict(x[:3], **offset)).all()
