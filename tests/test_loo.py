"""Laws of LOO: exact = refitting = PSIS = K-fold of n, weights = repeats, ArviZ; refusals."""

from __future__ import annotations

import dataclasses
import math
import tracemalloc
from functools import partial

import numpy as np
import pytest
from scipy import stats

import bayesreg as br
from bayesreg.diagnostics import compare_elpd, log_likelihood_blocks, psis, refit, to_tree
from bayesreg.diagnostics.leave_one_out import loo as loo_by
from bayesreg.diagnostics.pointwise import Routes
from bayesreg.engines import base
from bayesreg.gaussian import direct, exact, integrated_loo
from bayesreg.gaussian.exact_loo import exact_pointwise, normal_pointwise
from bayesreg.gaussian.integrated_loo import affordable, leaving_out
from bayesreg.language.errors import BadArgument, BadData, BayesregWarning, NotSupported
from tests.cases import CASES, Case
from tests.synthetic_draws import problem, synthetic

quiet = pytest.mark.filterwarnings("ignore::bayesreg.language.errors.BayesregWarning")
MODELS = {
    "sigma known, unit y": br.Model(br.Normal(2.0, loc=0.3), br.Gaussian(1.5)),
    "sigma known, unit sigma": br.Model(br.Normal(0.7, unit="sigma"), br.Gaussian(1.5)),
    "1/sigma^2": br.Model(br.Normal(0.7, unit="sigma"), br.Gaussian()),
    "inverse gamma": br.Model(
        br.Normal(0.7, unit="sigma"), br.Gaussian(br.InverseGammaSquared(2.0, 3.0))
    ),
}


ROUTES = Routes(exact_pointwise, normal_pointwise, integrated_loo)
loo = partial(loo_by, routes=ROUTES)


def condition(case: Case, model: br.Model) -> br.Problem:
    return model.condition(
        case.X, case.y, standardize=case.standardize, intercept=case.intercept, weights=case.weights
    )


def run_exact(about, seed=1, draws=1000):
    return base.run(exact, about, seed=seed, draws=draws, progress=False)


def as_markov(draws):
    """The same draws under another name, so that LOO takes them as any engine's."""
    return dataclasses.replace(draws, engine="gibbs")


def refit_density(about, flat, row, copies):
    """log p(y_i | the others) by refitting without `copies` of a row: normal equations in full.

    Raw coordinates, columns divided by their sds for conditioning; Flat columns and intercept have
    precision 0.
    """
    design = about.design
    X, y = design.X, design.y
    w = np.ones(len(y)) if design.weights is None else design.weights.copy()
    w[row] -= copies
    sd = np.where(about.column_sd > 0, about.column_sd, 1.0)
    known = about if about.sigma is not None else about.at(sigma=1.0)
    precision, loc = np.zeros(len(sd)), np.zeros(len(sd))
    precision[about.proper] = known.l2 * (about.x_sd / sd)[about.proper] ** 2
    loc[about.proper] = about.coordinates.loc / (about.x_sd / sd)[about.proper]
    mean = np.average(X, axis=0, weights=w) if about.intercept else np.zeros(len(sd))
    Z = (X - mean) / sd
    y = y - Z @ loc
    if about.intercept:
        Z, precision = np.column_stack([np.ones(len(y)), Z]), np.append(0.0, precision)
    A = Z.T @ (w[:, None] * Z) + np.diag(precision)
    m = np.linalg.solve(A, Z.T @ (w * y))
    spread = 1.0 + Z[row] @ np.linalg.solve(A, Z[row])
    gap = y[row] - Z[row] @ m
    if about.sigma is not None:
        return stats.norm.logpdf(gap, scale=about.sigma * math.sqrt(spread))
    a, b = about.sigma_prior.inverse_gamma
    a += 0.5 * (w.sum() - about.intercept - flat)
    b += 0.5 * (w @ (y - Z @ m) ** 2 + m @ (precision * m))
    return stats.t.logpdf(gap, 2 * a, scale=math.sqrt(b / a * spread))


@quiet
@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_exact_loo_is_refitting(case, model):
    about = condition(case, model)
    result = loo(run_exact(about, draws=2))
    per_copy = result.elpd_i.to_numpy() / result.elpd_i.coords["weight"].to_numpy()

    # Shifting the prior's loc out of y loses digits where columns are large.
    rounding = np.finfo(float).eps * np.abs(about.design.X / about.x_sd).max() * 0.3
    for row in (0, 3, about.design.n - 1):
        expected = refit_density(about, 0, row, 1.0)
        assert per_copy[row] == pytest.approx(expected, rel=1e-7, abs=1e-7 + rounding)
    assert result.elpd_i.attrs["note"] == "exact"
    assert result.n_samples == 0
    assert not result.pareto_k.to_numpy().any()


@quiet
@pytest.mark.parametrize("likelihood", [br.Gaussian(1.5), br.Gaussian()], ids=["known", "unknown"])
def test_exact_loo_with_flat_columns_is_refitting(likelihood):
    case = CASES[1]
    prior = {"x2": br.Flat(), "x4": br.Flat(), ...: br.Normal(0.7, unit="sigma")}
    about = condition(case, br.Model(prior, likelihood))
    result = loo(run_exact(about, draws=2))

    for row in (0, 7):
        expected = refit_density(about, 2, row, 1.0)
        assert float(result.elpd_i[row]) == pytest.approx(expected, rel=1e-9)


@quiet
def test_exact_loo_with_no_proper_column_is_refitting():
    about = condition(CASES[0], br.Model(br.Flat(), br.Gaussian()))
    result = loo(run_exact(about, draws=2))

    assert float(result.elpd_i[2]) == pytest.approx(refit_density(about, 5, 2, 1.0), rel=1e-9)


@quiet
@pytest.mark.parametrize("engine", ["exact", "gibbs"])
@pytest.mark.parametrize("model", [MODELS["sigma known, unit y"], MODELS["1/sigma^2"]], ids=str)
def test_weights_are_repeats(model, engine):
    """One of w copies is left out: the same sum and standard error as for repeated rows."""
    case = next(c for c in CASES if c.weights is not None)
    w = case.weights.astype(int)
    weighted = run_exact(condition(case, model))
    repeated = dataclasses.replace(
        weighted,
        problem=condition(
            Case("r", np.repeat(case.X, w, 0), np.repeat(case.y, w), standardize=True), model
        ),
    )
    a, b = (loo(dataclasses.replace(d, engine=engine)) for d in (weighted, repeated))

    assert a.elpd == pytest.approx(b.elpd, rel=1e-10)
    assert a.se == pytest.approx(b.se, rel=1e-9)
    assert a.p == pytest.approx(b.p, rel=1e-8)
    assert len(a.elpd_i) == np.sum(w > 0)
    np.testing.assert_allclose(a.elpd_i, a.elpd_i.weight * _per_copy(b, w), rtol=1e-8)


def _per_copy(result, w):
    """First copy of each row."""
    first = np.cumsum(w[w > 0]) - w[w > 0]
    return result.elpd_i.to_numpy()[first]


@quiet
@pytest.mark.parametrize("engine", ["exact", "gibbs"])
def test_a_fractional_weight_leaves_the_whole_row_out(engine):
    """Weight .5: .5 copies are left out, so that nothing of the row stays; weight 2.5: one copy."""
    case = CASES[0]
    w = np.ones(len(case.y))
    w[0], w[1] = 0.5, 2.5
    about = condition(dataclasses.replace(case, weights=w), MODELS["sigma known, unit y"])
    draws = dataclasses.replace(run_exact(about, draws=5000), engine=engine)
    result = loo(draws)
    tolerance = 1e-9 if engine == "exact" else 0.01

    assert float(result.elpd_i[0]) / 0.5 == pytest.approx(
        refit_density(about, 0, 0, 0.5), rel=tolerance
    )
    assert float(result.elpd_i[1]) / 2.5 == pytest.approx(
        refit_density(about, 0, 1, 1.0), rel=tolerance
    )


@quiet
@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_psis_meets_the_closed_form(model):
    """Draws from the conjugate posterior: elpd within Monte Carlo error of the exact one.

    Its error is about √(Σ Var(weights)/S) ≈ √(p/S)/√2 nats for p = 6 effective parameters.
    """
    draws = run_exact(condition(CASES[0], model), draws=2000)
    a, b = loo(draws), loo(as_markov(draws), "psis")

    assert b.elpd == pytest.approx(a.elpd, abs=0.15)
    assert b.p == pytest.approx(a.p, abs=0.15)
    assert b.elpd_i.attrs["note"].startswith("PSIS")
    assert b.n_samples == 8000
    # Negative control: the in-sample density is not within that error.
    assert abs((b.elpd + b.p) - a.elpd) > 1.0


@quiet
@pytest.mark.filterwarnings("ignore:Estimated shape parameter:UserWarning")
def test_streaming_equals_arviz_on_the_full_matrix(monkeypatch):
    import arviz_stats as azs
    import xarray as xr

    draws = as_markov(run_exact(condition(CASES[0], MODELS["1/sigma^2"])))
    draws = dataclasses.replace(draws, independent=False)
    tree = to_tree(draws)
    matrix = np.concatenate(list(log_likelihood_blocks(draws, rows=7)), axis=-1)
    dims = ("chain", "draw", "obs_id")
    tree["log_likelihood"] = xr.DataTree(xr.Dataset({"y": (dims, matrix)}))
    theirs = azs.loo(tree, pointwise=True)
    monkeypatch.setattr("bayesreg.diagnostics.pointwise.BLOCK", 5 * draws.sigma.size)
    ours = loo(draws, "psis")

    assert matrix.shape == (4, 1000, 60)
    assert matrix[1, 2, 3] == pytest.approx(
        stats.norm.logpdf(
            draws.problem.design.y[3],
            draws.intercept[1, 2] + draws.problem.design.X[3] @ draws.beta[1, 2],
            draws.sigma[1, 2],
        ),
        rel=1e-12,
    )
    np.testing.assert_allclose(ours.elpd_i, theirs.elpd_i, rtol=1e-10)
    np.testing.assert_allclose(ours.pareto_k, theirs.pareto_k, rtol=1e-7, atol=1e-9)
    assert (ours.elpd, ours.se, ours.p) == pytest.approx(
        (theirs.elpd, theirs.se, theirs.p), rel=1e-10
    )
    assert ours.good_k == theirs.good_k
    assert ours.n_data_points == theirs.n_data_points


RATIOS = {
    "normal": lambda rng: rng.normal(size=(40, 4000)),
    "bounded": lambda rng: -0.5 * rng.normal(size=(40, 4000)) ** 2,
    "heavy": lambda rng: 3.0 * rng.normal(size=(40, 2000)),
    "very heavy": lambda rng: 20.0 * rng.normal(size=(20, 1000)),
    "beyond exp": lambda rng: 200.0 * rng.normal(size=(20, 1000)),
    "nearly constant": lambda rng: 1e-6 * rng.normal(size=(20, 1000)),
    "few draws": lambda rng: rng.normal(size=(40, 100)),
    "least": lambda rng: rng.normal(size=(40, 30)),
}


@pytest.mark.parametrize("r_eff", [1.0, 0.3])
@pytest.mark.parametrize("ratios", RATIOS.values(), ids=RATIOS)
def test_smoothing_all_rows_at_once_is_arviz_row_by_row(ratios, r_eff):
    """Both routes, the one that looks at the tail alone and the general one."""
    from arviz_stats.base import array_stats
    from scipy.special import logsumexp

    ratio = ratios(np.random.default_rng(0))
    theirs, khat = array_stats.psislw(-ratio, r_eff=r_eff)
    elpd = logsumexp(theirs - ratio, axis=1)
    lppd = logsumexp(-ratio, axis=1) - math.log(ratio.shape[1])
    ours, _ = psis.log_weights(ratio, r_eff)

    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)
    for found in (psis.leave_one(-ratio, r_eff), psis.left_out(ratio, -ratio, r_eff)):
        np.testing.assert_allclose(found[0], elpd, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(found[1], lppd, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(found[2], khat, rtol=1e-8, atol=1e-9)
    # Negative control: without smoothing, heavy tails give another answer.
    raw = ratio - logsumexp(ratio, axis=1, keepdims=True)
    if np.min(khat) > 1.0:
        assert np.max(np.abs(raw - theirs)) > 1e-3


def test_a_tail_without_a_fit_is_safe_or_hopeless():
    """Equal weights need no smoothing; one weight that dwarfs all others is the worst case."""
    equal = np.zeros((1, 1000))
    lonely = np.zeros((1, 1000))
    lonely[0, 7] = 5000.0

    assert psis.log_weights(equal, 1.0)[1] == [0.0]
    assert psis.log_weights(lonely, 1.0)[1] == [np.inf]
    assert psis.leave_one(-lonely, 1.0)[0] == pytest.approx([math.log(1000) - 5000.0])
    with pytest.raises(BadArgument, match="at least 30 draws"):
        psis.log_weights(equal[:, :29], 1.0)


def held(draws, row, **fields):
    """One row predicted by a refit without it."""
    return refit.held_out(dataclasses.replace(draws, **fields), np.array([row]), (1, row), ROUTES)


@quiet
@pytest.mark.parametrize("given_scales", [True, False], ids=["given scales", "given beta"])
@pytest.mark.parametrize("case", [CASES[0], CASES[1], CASES[3], CASES[6]], ids=str)
@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_refitting_without_a_row_is_exact(case, model, given_scales, monkeypatch):
    """Within 5 Monte Carlo errors (which are themselves known to a third), for single rows.

    Without integrating β out, 4 000 draws are left; a density that few of them reach is skipped.
    """
    if not given_scales:
        monkeypatch.setattr(integrated_loo, "affordable", lambda *_: None)
    draws = run_exact(condition(case, model), draws=2)
    expected = loo(draws)
    per_copy = expected.elpd_i.to_numpy() / expected.elpd_i.coords["weight"].to_numpy()
    inside = per_copy + expected.p_loo_i.to_numpy() / expected.elpd_i.coords["weight"].to_numpy()
    rows = np.argsort(inside - per_copy)[-4:]
    found = [held(draws, int(row)) for row in rows]
    z, control = [], []
    for row, one in zip(rows, found, strict=True):
        if one.khat[0] < 0.5:
            error = float(one.mcse[0]) + 1e-9
            z.append((one.elpd[0] - per_copy[row]) / error)
            control.append((one.elpd[0] - inside[row]) / error)

    assert len(z) >= (4 if given_scales else 1) or case.name == "wide"
    assert all(abs(value) < 5 for value in z)
    # Negative control: the density with the row in the fit is told apart.
    assert not z or max(abs(value) for value in control) > 5


@quiet
@pytest.mark.parametrize(
    "case, name",
    [
        (CASES[3], "sigma known, unit y"),
        (CASES[3], "1/sigma^2"),
        (CASES[6], "sigma known, unit y"),
        (CASES[1], "1/sigma^2"),
    ],
    ids=str,
)
def test_a_fold_for_each_row_is_exact_leave_one_out(case, name):
    draws = run_exact(condition(case, MODELS[name]), draws=100)
    exactly, n = loo(draws), len(case.y if case.weights is None else case.weights.nonzero()[0])
    found = loo(draws, "kfold", folds=n)

    assert found.kind == "loo_kfold"
    assert found.n_folds == n
    assert found.elpd_i.attrs["method"] == f"{n}-fold"
    assert set(found.elpd_i.coords["method"].to_numpy()) == {"kfold"}
    # Given σ nothing is left to chance; else n errors of about sd(log p given σ)/√4000 each.
    tolerance = 1e-6 if name == "sigma known, unit y" else 0.02
    np.testing.assert_allclose(found.elpd_i, exactly.elpd_i, atol=5 * tolerance, rtol=1e-6)
    assert found.elpd == pytest.approx(exactly.elpd, abs=tolerance * math.sqrt(n))
    # Negative control: half of the rows predicted from the other half.
    halves = loo(draws, "kfold", folds=2)
    assert np.abs(halves.elpd_i - exactly.elpd_i).max() > 0.2


@quiet
@pytest.mark.parametrize("case", [CASES[0], CASES[3], CASES[6]], ids=str)
@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_with_beta_and_sigma_integrated_out_nothing_is_left_to_chance(case, model):
    """The scale is known, so that every draw says the same."""
    about = condition(case, model)
    draws = run_exact(about, draws=1000)
    sample = affordable(draws, about, about.design.n, 1000, 4000)
    rows = np.arange(about.design.n)
    copies = np.ones(len(rows))
    density, ratio, inside, error = leaving_out(about, about.design, sample, rows, copies)
    found, _, khat, _ = psis.left_out(ratio, density, 1.0)
    exactly = loo(draws)
    per_copy = exactly.elpd_i.to_numpy() / exactly.elpd_i.coords["weight"].to_numpy()
    weight = exactly.elpd_i.coords["weight"].to_numpy()
    seen = per_copy + exactly.p_loo_i.to_numpy() / weight

    assert khat.max() < 0.7
    np.testing.assert_allclose(found, per_copy, rtol=1e-8)
    np.testing.assert_allclose(psis.log_mean(inside), seen, rtol=1e-8)
    np.testing.assert_allclose(np.ptp(error, axis=1), 0.0, atol=1e-9)
    # Negative control: conditioning on β leaves the tails that make plain PSIS fail here.
    assert loo(draws, "psis").pareto_k.to_numpy().max() > khat.max() + 0.1


@quiet
def test_integrating_beta_out_leaves_what_a_fractional_weight_leaves():
    case = CASES[0]
    w = np.ones(len(case.y))
    w[0] = 0.3
    about = condition(dataclasses.replace(case, weights=w), MODELS["1/sigma^2"])
    draws = run_exact(about, draws=1000)
    sample = affordable(draws, about, 1, 1000, 4000)
    density, ratio, _, _ = leaving_out(about, about.design, sample, np.array([0]), np.array([0.3]))

    assert psis.left_out(ratio, density, 1.0)[0][0] == pytest.approx(
        refit_density(about, 0, 0, 0.3), rel=1e-8
    )


@quiet
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_moments_without_a_row_are_those_of_the_others(case, intercept):
    """By difference or from rows, one copy of it: the same projected problem to rounding."""
    model = br.Model(br.Normal(1.0), br.Gaussian(1.0))
    about = condition(dataclasses.replace(case, intercept=intercept), model)
    rows = np.array([2, 5])
    train = refit.without(about, rows)
    w = np.ones(about.design.n) if about.design.weights is None else about.design.weights.copy()
    w[rows] -= 1.0
    keep = w > 0
    anew = type(about.moments).of(about.design.X[keep], about.design.y[keep], w[keep], warn=False)
    direct_one = about.on(anew)
    norms = np.where(direct_one.column_sd > 0, direct_one.column_sd, 1.0)

    assert train.n == pytest.approx(direct_one.n)
    assert train.moments.rows == direct_one.moments.rows
    np.testing.assert_array_equal(train.x_sd, about.x_sd)
    np.testing.assert_allclose(train.column_sd / norms, direct_one.column_sd / norms, rtol=1e-9)
    np.testing.assert_allclose(train.yy, direct_one.yy, rtol=1e-9)
    scale = np.linalg.norm(direct_one.xy * direct_one.x_sd) + 1e-300
    np.testing.assert_allclose(
        train.xy * train.x_sd / scale, direct_one.xy * direct_one.x_sd / scale, atol=1e-8
    )


def test_removing_an_outlier_loses_no_digits():
    """y = 1e12 at one row: a difference of moments would leave rounding errors of 1e8."""
    case = CASES[0]
    y = np.append(case.y[:-1], 1e12)
    about = condition(dataclasses.replace(case, y=y), br.Model(br.Normal(1.0)))
    train = refit.without(about, np.array([59]))
    clean = condition(Case("rest", case.X[:59], case.y[:59]), br.Model(br.Normal(1.0)))

    assert train.yy == pytest.approx(clean.yy, rel=1e-12)
    # Negative control: the difference itself.
    one = type(about.moments).of(case.X[59:], y[59:], warn=False)
    assert abs((about.moments - one).cross[-1, -1] / clean.yy - 1) > 1e-3


def outlying(size=25.0, rows=(0,)):
    """Rows of high leverage far from the fit, under a weak prior: PSIS fails there."""
    case = CASES[0]
    X, y = case.X.copy(), case.y.copy()
    for row in rows:
        X[row, 1] += size
        y[row] += size
    return dataclasses.replace(case, X=X, y=y)


def as_direct(draws):
    """The same draws as if from an engine that does not serve here: `exact` refits in its place."""
    return dataclasses.replace(draws, engine="direct", seed=5)


def spread_without(row, about):
    """Var p/(E p)² of p(y_i | η_i) under the posterior without row i, σ known: η_i is normal."""
    X, y, sigma = about.design.X, about.design.y, about.sigma
    rest = br.Model(about.prior, about.likelihood).condition(
        np.delete(X, row, axis=0), np.delete(y, row)
    )
    centre, sd = (float(one[0]) for one in exact.posterior(rest).linear(X[row], 1.0))
    mean = stats.norm.pdf(y[row], centre, np.hypot(sigma, sd))
    square = stats.norm.pdf(y[row], centre, np.hypot(sigma / np.sqrt(2.0), sd))
    return square / (2.0 * sigma * np.sqrt(np.pi)) / mean**2 - 1.0


MENDED = {"integrated": True, "refit": False}


@pytest.mark.parametrize("method, kappa", MENDED.items(), ids=MENDED)
def test_rows_that_importance_sampling_fails_are_mended(method, kappa, monkeypatch):
    """By β integrated out where κ is known, else by a refit; never in silence."""
    about = condition(outlying(), br.Model(br.Normal(2.0, unit="sigma"), br.Gaussian(6.0)))
    draws = as_direct(run_exact(about))
    exactly = loo(dataclasses.replace(draws, engine="exact"))
    monkeypatch.setattr("bayesreg.diagnostics.leave_one_out.CHEAP", 0.0)
    if not kappa:
        monkeypatch.setattr(integrated_loo, "affordable", lambda *_: None)
    found = loo(draws)
    with pytest.warns(BayesregWarning, match="above 0.70"):
        failed = loo(draws, "psis")
    bad = failed.pareto_k.to_numpy() > failed.good_k

    assert bad[0]
    assert bad.sum() <= 3
    assert set(found.elpd_i.coords["method"].to_numpy()[bad]) == {method}
    assert set(found.elpd_i.coords["method"].to_numpy()[~bad]) == {"psis"}
    assert found.warning is False
    assert found.pareto_k.to_numpy().max() <= found.good_k
    assert found.elpd == pytest.approx(exactly.elpd, abs=0.2)
    within = 1e-6 if kappa else 5.0 * np.sqrt(spread_without(0, about) / 4000)  # draws of a refit
    assert np.abs((found.elpd_i - exactly.elpd_i).to_numpy()[bad]).max() < within
    assert abs(failed.elpd - exactly.elpd) > 0.3
    assert f"{bad.sum()} " in found.elpd_i.attrs["method"]
    assert "k̂ above 0.70" in found.elpd_i.attrs["note"]


@quiet
def test_the_same_draws_give_the_same_numbers(monkeypatch):
    monkeypatch.setattr(integrated_loo, "affordable", lambda *_: None)
    about = condition(outlying(10.0), br.Model(br.Normal(2.0, unit="sigma")))
    draws = dataclasses.replace(as_direct(run_exact(about)), kappa=None)
    first, second = loo(draws), loo(draws)

    anew = first.elpd_i.coords["method"].to_numpy() == "refit"
    assert np.any(anew)
    np.testing.assert_array_equal(first.elpd_i, second.elpd_i)
    other = loo(dataclasses.replace(draws, seed=6))
    assert np.all((first.elpd_i != other.elpd_i).to_numpy()[anew])
    np.testing.assert_array_equal(first.elpd_i[~anew], other.elpd_i[~anew])


def test_a_row_that_no_draw_predicts_is_said():
    """600 sd away under σ unknown: its density hangs on single draws, with or without it."""
    about = condition(
        dataclasses.replace(outlying(600.0), standardize=True), br.Model(br.Normal(2.0))
    )
    draws = base.run(direct, about, seed=1, progress=False)
    with pytest.warns(BayesregWarning, match="even without the row in the fit"):
        result = loo_by(draws)

    assert result.warning is True
    assert result.pareto_k.to_numpy()[0] > 0.7
    # With σ integrated out a Student t reaches any row.
    assert loo(draws).warning is False


@pytest.fixture
def no_refits(monkeypatch):
    """K-fold as soon as importance sampling fails at one row."""
    monkeypatch.setattr("bayesreg.diagnostics.leave_one_out.REFITS", 0)
    monkeypatch.setattr("bayesreg.gaussian.integrated_loo.affordable", lambda *_: None)


def test_many_failures_end_in_k_fold_for_every_row(no_refits):
    import arviz_stats as azs

    about = condition(outlying(), br.Model(br.Normal(2.0, unit="sigma"), br.Gaussian(6.0)))
    draws = as_direct(run_exact(about))
    found, exactly = loo(draws), loo(dataclasses.replace(draws, engine="exact"))

    assert found.kind == "loo_kfold"
    assert found.n_folds == 10
    assert "k̂ above" in found.elpd_i.attrs["note"]
    assert "10-fold by exact" in found.elpd_i.attrs["note"]
    assert np.isfinite(found.elpd_i.to_numpy()).all()
    # Six rows less teach a little less: about p/(K − 1) nats, and never more than the data.
    assert exactly.elpd - 5.0 < found.elpd < exactly.elpd + 0.5
    assert azs.compare({"a": found, "b": found})["elpd"].iloc[0] == pytest.approx(found.elpd, abs=1)
    with pytest.raises(BadArgument, match="single rows and 10 folds"):
        compare_elpd({"exact": exactly, "folds": found})
    with pytest.raises(BadArgument, match="10 folds and 5 folds"):
        compare_elpd({"ten": found, "five": loo(draws, "kfold", folds=5)})


def test_a_comparison_uses_folds_for_all_priors_or_none(no_refits):
    case = outlying()
    priors = {
        "sure": br.Model(br.Normal(2.0, unit="sigma"), br.Gaussian(6.0)),
        "scaled": br.Model(br.Normal(unit="sigma"), br.Gaussian(6.0)),
    }
    with pytest.warns(BayesregWarning, match="on the same folds"):
        fits = br.compare(priors, case.X, case.y, seed=1)

    assert {e.loo.kind for e in fits.entries.values()} == {"loo_kfold"}
    assert list(fits.table["method"]) == ["10-fold", "10-fold"]
    assert "10-fold cross-validation" in fits.verdict[0]
    assert any("on the same folds" in text and "scaled" in text for text in fits.warnings)


def test_a_comparison_says_how_each_prior_was_left_out():
    case = CASES[0]
    priors = {"sure": br.Normal(2.0, unit="sigma"), "scaled": br.Normal()}
    case = Case("more", np.tile(case.X, (3, 1)), np.tile(case.y, 3))
    fits = br.compare(priors, case.X, case.y, seed=1)

    assert fits.table["method"].to_dict() == {"sure": "exact", "scaled": "PSIS"}
    assert "exact under sure" in fits.verdict[0]
    assert "PSIS under scaled" in fits.verdict[0]


@quiet
def test_more_columns_than_rows_is_bounded_and_right():
    """p = 60, n = 30, every k̂ bad: 20 refits at most, or 10 folds; here β integrated out serves."""
    rng = np.random.default_rng(8)
    X = rng.normal(size=(30, 60))
    y = X[:, :3] @ [2.0, -1.0, 1.0] + rng.normal(size=30)
    about = br.Model(br.Normal(0.5, unit="sigma"), br.Gaussian(1.0)).condition(X, y)
    draws = as_direct(run_exact(about))
    exactly = loo(dataclasses.replace(draws, engine="exact"))
    found = loo(draws)
    plain = loo(draws, "psis")

    assert (plain.pareto_k.to_numpy() > 0.7).sum() > 20
    assert abs(plain.elpd - exactly.elpd) > 2.0
    assert found.elpd == pytest.approx(exactly.elpd, abs=0.3)
    folds = loo(draws, "kfold")
    assert folds.n_folds == 10
    assert exactly.elpd - 10.0 < folds.elpd < exactly.elpd + 1.0


@quiet
def test_folds_are_never_more_than_rows():
    case = Case("small", CASES[0].X[:7, :2], CASES[0].y[:7])
    draws = run_exact(condition(case, MODELS["inverse gamma"]), draws=100)
    found, exactly = loo(draws, "kfold"), loo(draws)

    assert found.n_folds == 7
    np.testing.assert_allclose(found.elpd_i, exactly.elpd_i, atol=0.1)


@quiet
def test_duplicated_rows_are_left_out_one_at_a_time():
    """A refit without one of two copies keeps the other, as does a weight of 2."""
    case = CASES[0]
    twice = Case("twice", np.repeat(case.X, 2, 0), np.repeat(case.y, 2))
    weighted = dataclasses.replace(case, weights=np.full(60, 2.0))
    model = MODELS["sigma known, unit y"]
    a = held(run_exact(condition(twice, model), draws=2), 6)
    b = held(run_exact(condition(weighted, model), draws=2), 3)

    assert a.elpd[0] == pytest.approx(b.elpd[0], rel=1e-9)
    assert a.elpd[0] > held(run_exact(condition(case, model), draws=2), 3).elpd[0]


@quiet
@pytest.mark.parametrize("standardize", [True, False])
def test_a_column_constant_without_the_row_keeps_its_prior(standardize):
    """One row has the level: without it the coefficient has its prior, in the unit that it had."""
    case = CASES[0]
    X = np.column_stack([case.X, np.arange(60) == 4])
    model = br.Model(br.Normal(0.7), br.Gaussian(1.5))
    about = condition(Case("level", X, case.y, standardize=standardize), model)
    draws = run_exact(about, draws=2)
    found = held(draws, 4)

    assert refit.without(about, np.array([4])).moments.constant[-1]
    expected = refit_density(about, 0, 4, 1.0)
    assert found.elpd[0] == pytest.approx(expected, abs=5 * float(found.mcse[0]) + 1e-9)
    assert loo(draws).elpd_i.to_numpy()[4] == pytest.approx(expected, rel=1e-9)


def test_rows_without_which_there_is_no_posterior_are_named():
    X = np.column_stack([[1.0, 0, 0, 0, 0], [0.3, -1.0, 2.0, 0.7, 1.0]])
    model = br.Model({"x1": br.Flat(), ...: br.Normal(1.0)}, br.Gaussian(1.0))
    draws = run_exact(model.condition(X, np.arange(5.0)), draws=2)
    with pytest.raises(BadData, match=r"without row 0 there is no posterior.*'x1' is constant"):
        held(draws, 0)
    pair = br.Model(br.Normal(1.0, unit="sigma")).condition(X[:2, 1:], np.arange(2.0))
    with pytest.raises(BadData, match="without row 1 there is no posterior"):
        held(run_exact(pair, draws=2), 1)


@quiet
def test_without_an_engine_importance_sampling_is_kept_and_said(monkeypatch):
    monkeypatch.setattr(refit, "SUBSTITUTES", ())
    about = condition(outlying(), br.Model(br.Normal(2.0, unit="sigma"), br.Gaussian(6.0)))
    draws = dataclasses.replace(run_exact(about), engine="elsewhere", kappa=None)
    result = loo_by(draws)

    assert result.warning is True
    assert "no engine refits draws of 'elsewhere'" in result.elpd_i.attrs["note"]


@pytest.mark.parametrize("arguments", [{"method": "waic"}, {"folds": 1}], ids=str)
def test_arguments_that_mean_nothing_are_refused(arguments):
    draws = run_exact(condition(CASES[0], MODELS["1/sigma^2"]), draws=10)
    with pytest.raises(BadArgument, match="must be"):
        loo(draws, **arguments)


def log_density_of(draws, case):
    """log p(y_i | θ) of all rows and draws, (n, S)."""
    mean = draws.intercept[..., None] + draws.beta @ case.X.T
    density = stats.norm.logpdf(case.y, mean, draws.sigma[..., None])
    return density.reshape(-1, density.shape[-1]).T


def batch_error(log_density, predicted=None, batches=16):
    """Monte Carlo standard error of each row's PSIS estimate, from batches of draws."""
    predicted = log_density if predicted is None else predicted
    parts = np.array_split(np.arange(log_density.shape[1]), batches)
    found = [psis.left_out(-log_density[:, k], predicted[:, k], 1.0)[0] for k in parts]
    return np.std(found, axis=0, ddof=1) / np.sqrt(batches)


@quiet
@pytest.mark.slow
@pytest.mark.parametrize("prior", [br.Laplace(), br.Horseshoe()], ids=str)
def test_gibbs_draws_agree_by_all_three_routes(prior):
    """PSIS, β integrated out and refits of the same posterior, at rows where all are sound."""
    case = CASES[0]
    about = condition(case, br.Model(prior))
    draws = br.sample(about, engine="gibbs", seed=1, draws=4000).draws
    plain = loo(draws, "psis")
    rows = np.arange(60)
    sample = affordable(draws, about, 60, 1000, 16_000)
    density, ratio, _, _ = leaving_out(about, about.design, sample, rows, np.ones(60))
    integrated, _, khat, _ = psis.left_out(ratio, density, sample.r_eff)
    worst = np.argsort(-plain.p_loo_i.to_numpy())[:4]

    sound = plain.pareto_k.to_numpy() < 0.4
    assert khat.max() < plain.pareto_k.to_numpy().max()
    error = np.hypot(
        batch_error(log_density_of(draws, case)), batch_error(-ratio, np.asarray(density))
    )
    gap = np.abs(integrated - plain.elpd_i.to_numpy())[sound]
    assert np.all(gap < 6.0 * error[sound] + 0.005)
    # Negative control: the density of the row with the row in the fit.
    assert np.any(np.abs(integrated - plain.elpd_i - plain.p_loo_i)[sound] > 6 * error[sound])
    for row in worst:
        one = held(draws, int(row))
        assert one.elpd[0] == pytest.approx(integrated[row], abs=5 * float(one.mcse[0]) + 0.05)
    # Negative control: with the row in the fit.
    assert np.abs(plain.p_loo_i.to_numpy()[worst]).min() > 0.2


def test_an_outlier_is_reported():
    case = CASES[0]
    y = case.y.copy()
    y[0] += 60.0
    about = condition(dataclasses.replace(case, y=y), MODELS["sigma known, unit y"])
    with pytest.warns(BayesregWarning, match=r"Pareto k-hat is above 0.70 at \d of 60 rows"):
        result = loo(as_markov(run_exact(about)), "psis")

    assert result.warning is True
    assert "kfold" in result.elpd_i.attrs["note"]


@pytest.fixture
def few_rows(monkeypatch):
    """A sample of 400 rows above 1000, so that the tests are fast."""
    monkeypatch.setattr("bayesreg.diagnostics.leave_one_out.ALL_ROWS", 1000)
    monkeypatch.setattr("bayesreg.diagnostics.leave_one_out.SAMPLED_ROWS", 400)


def tall(n=3_000):
    rng = np.random.default_rng(3)
    X = rng.normal(size=(n, 3))
    y = X @ [1.0, 0.2, 0.0] + rng.normal(size=n)
    return br.Model(br.Normal(1.0, unit="sigma")).condition(X, y)


def test_many_rows_are_estimated_from_a_sample(few_rows):
    draws = run_exact(tall())
    a, b = loo(draws), loo(as_markov(draws))

    assert "PSIS on 400 of 3000 rows" in b.elpd_i.attrs["note"]
    assert b.subsample_size == 400
    assert np.isfinite(b.elpd_i.to_numpy()).sum() == 400
    assert b.elpd == pytest.approx(a.elpd, abs=4 * b.subsampling_se + 0.2)
    assert b.se == pytest.approx(a.se, rel=0.02)
    assert b.p == pytest.approx(a.p, rel=0.3)
    assert b.subsampling_se < 1.0


@quiet
def test_draws_are_thinned_when_there_is_too_much_to_do(monkeypatch):
    monkeypatch.setattr("bayesreg.diagnostics.leave_one_out.EVALUATIONS", 60 * 2000)
    monkeypatch.setattr("bayesreg.diagnostics.leave_one_out.LEAST_DRAWS", 1000)
    draws = as_markov(run_exact(condition(CASES[0], MODELS["1/sigma^2"])))
    result = loo(draws, "psis")

    assert result.n_samples == 2000
    assert "from 2000 of 4000 draws" in result.elpd_i.attrs["note"]


def test_memory_is_bounded_whatever_the_number_of_rows(few_rows):
    """100 000 rows × 1000 draws are 800 MB; LOO takes a few blocks of 2 MiB and some vectors."""
    about = tall(100_000)
    draws = as_markov(run_exact(about, draws=250))
    tracemalloc.start()
    loo(draws)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 40e6


REFUSED = {
    "moments": (
        lambda: synthetic(br.Model(br.Laplace()).condition(problem().moments)),
        NotSupported,
        "conditioned on Moments",
    ),
    "nan": (
        lambda: dataclasses.replace(synthetic(), sigma=np.full((4, 1000), np.nan)),
        BadData,
        "needs finite draws",
    ),
    "not conjugate": (
        lambda: dataclasses.replace(synthetic(), engine="exact"),
        NotSupported,
        "PSIS-LOO",
    ),
    "zero density": (
        lambda: dataclasses.replace(synthetic(), sigma=np.full((4, 1000), 1e-200)),
        BadData,
        "density of row 0 is zero",
    ),
}


@pytest.mark.parametrize("draws, error, message", REFUSED.values(), ids=REFUSED)
def test_what_has_no_loo_is_refused(draws, error, message):
    with pytest.raises(error, match=message):
        loo_by(draws(), routes=Routes(exact_pointwise, normal_pointwise))


@quiet
def test_no_posterior_without_the_row_is_refused():
    X = np.column_stack([[1.0, 0, 0, 0, 0], [0.3, -1.0, 2.0, 0.7, 1.0]])
    about = br.Model({"x1": br.Flat(), ...: br.Normal(1.0)}, br.Gaussian(1.0)).condition(
        X, np.arange(5.0)
    )
    with pytest.raises(BadData, match="without row 0 a Flat coefficient is not identified"):
        loo(run_exact(about, draws=2))


def three_models(case=CASES[0], engine="exact"):
    out = {}
    for name, scale in (("wide", 2.0), ("tight", 0.02), ("middle", 0.3)):
        model = br.Model(br.Normal(scale, unit="sigma"))
        draws = run_exact(condition(case, model))
        out[name] = loo(dataclasses.replace(draws, engine=engine))
    return out


@quiet
@pytest.mark.parametrize("engine", ["exact", "gibbs"])
def test_comparison_equals_az_compare(engine):
    import arviz_stats as azs

    models = three_models(engine=engine)
    ours, theirs = compare_elpd(models), azs.compare(models, round_to="none")

    assert list(ours.columns) == [
        "rank", "elpd", "elpd_diff", "dse", "p_worse", "p_eff", "weight", "pseudo_bma", "max_khat",
        "method",
    ]  # fmt: skip
    assert ours.index.name == "prior"
    assert list(ours.index) == list(theirs.index)
    for mine, his in (*[(c, c) for c in ("rank", "elpd", "elpd_diff", "dse")], ("p_eff", "p")):
        np.testing.assert_allclose(ours[mine], theirs[his].astype(float), rtol=1e-9, atol=1e-9)
    assert (theirs["diag_diff"].iloc[1:] == "N < 100").all()  # so P(worse) means nothing
    assert ours["p_worse"].isna().all()
    said = ours["weight"].notna()
    np.testing.assert_allclose(
        ours["weight"][said], theirs["weight"][said].astype(float), atol=1e-4
    )
    bootstrap = azs.compare(models, method="BB-pseudo-BMA", round_to="none")["weight"]
    np.testing.assert_allclose(
        ours["pseudo_bma"], bootstrap.astype(float), atol=4 * 0.5 / 1000**0.5
    )
    assert ours["pseudo_bma"].sum() == pytest.approx(1.0)


@quiet
def test_comparison_of_weighted_rows_is_that_of_repeated_rows():
    case = next(c for c in CASES if c.weights is not None)
    w = case.weights.astype(int)
    repeated = Case("r", np.repeat(case.X, w, 0), np.repeat(case.y, w), standardize=True)
    a, b = compare_elpd(three_models(case)), compare_elpd(three_models(repeated))

    assert list(a.index) == list(b.index)
    numbers = [one.drop(columns=["method", "pseudo_bma"]).to_numpy() for one in (a, b)]
    np.testing.assert_allclose(*numbers, rtol=1e-6, atol=1e-6)
    # A thousand bootstraps each, of rows and of their copies.
    np.testing.assert_allclose(a["pseudo_bma"], b["pseudo_bma"], atol=4 * 0.5 * (2 / 1000) ** 0.5)


@quiet
def test_fractional_weights_are_compared():
    case = CASES[0]
    w = np.random.default_rng(0).uniform(0.3, 2.0, len(case.y))
    table = compare_elpd(three_models(dataclasses.replace(case, weights=w)))

    assert table["pseudo_bma"].sum() == pytest.approx(1.0)
    assert np.isfinite(table["dse"]).all()


def test_comparison_of_samples_of_rows_equals_az_compare(few_rows):
    import arviz_stats as azs

    about = tall()
    narrow = br.Model(br.Normal(0.01, unit="sigma")).condition(about.design)
    models = {k: loo(as_markov(run_exact(p))) for k, p in (("a", about), ("b", narrow))}
    ours, theirs = compare_elpd(models), azs.compare(models, round_to="none")

    assert list(ours.index) == list(theirs.index)
    assert ours["elpd_diff"].iloc[1] == pytest.approx(theirs["elpd_diff"].iloc[1], rel=1e-9)
    expected = math.hypot(theirs["dse"].iloc[1], theirs["subsampling_dse"].iloc[1])
    assert ours["dse"].iloc[1] == pytest.approx(expected, rel=1e-6)
    assert ours["weight"].iloc[0] > 0.9
    mixed = compare_elpd({"a": loo(run_exact(about)), "b": models["b"]})
    assert mixed["elpd_diff"].iloc[1] == pytest.approx(ours["elpd_diff"].iloc[1], abs=0.5)


def test_one_model_has_all_the_weight():
    table = compare_elpd({"only": loo(run_exact(condition(CASES[0], MODELS["1/sigma^2"])))})

    assert table["weight"].tolist() == [1.0]
    assert table["elpd_diff"].tolist() == [0.0]
    assert math.isnan(table["p_worse"].iloc[0])


def test_an_extreme_outlier_does_not_break_stacking():
    case = dataclasses.replace(CASES[0], y=np.append(CASES[0].y[:-1], 1e4))
    models = {
        name: loo(run_exact(condition(case, br.Model(br.Normal(s), br.Gaussian(1.5)))))
        for name, s in (("a", 1.0), ("b", 0.1))
    }

    assert compare_elpd(models)["weight"].sum() == pytest.approx(1.0)


def reversed_rows():
    case = CASES[0]
    return dataclasses.replace(case, X=case.X[::-1], y=case.y[::-1])


DIFFERENT = {
    "y": (dataclasses.replace(CASES[0], y=np.log(np.abs(CASES[0].y))), "different y"),
    "order of rows": (reversed_rows(), "different y"),
    "rows": (Case("fewer", CASES[0].X[1:], CASES[0].y[1:]), "60 and 59 rows"),
    "weights": (dataclasses.replace(CASES[0], weights=np.full(60, 2.0)), "different weights"),
}


@pytest.mark.parametrize("case, message", DIFFERENT.values(), ids=DIFFERENT)
def test_different_data_are_not_compared(case, message):
    a, b = (loo(run_exact(condition(c, MODELS["1/sigma^2"]), draws=2)) for c in (CASES[0], case))
    with pytest.raises(BadArgument, match=message):
        compare_elpd({"a": a, "b": b})


def test_totals_without_pointwise_values_are_not_compared():
    a = loo(run_exact(condition(CASES[0], MODELS["1/sigma^2"]), draws=2))
    with pytest.raises(BadArgument, match="no pointwise values"):
        compare_elpd({"a": a, "b": dataclasses.replace(a, elpd_i=None)})
