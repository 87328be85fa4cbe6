"""Laws of LOO: exact = refitting, PSIS = exact, weights = repeats, streaming = ArviZ; refusals."""

from __future__ import annotations

import dataclasses
import math
import tracemalloc

import numpy as np
import pytest
from scipy import stats

import bayesreg as br
from bayesreg.diagnostics import compare_elpd, log_likelihood_blocks, loo, to_tree
from bayesreg.engines import base, exact
from bayesreg.errors import BadArgument, BadData, BayesregWarning, NotSupported
from tests.cases import CASES, Case
from tests.synthetic_draws import problem, synthetic

quiet = pytest.mark.filterwarnings("ignore::bayesreg.errors.BayesregWarning")
MODELS = {
    "sigma known, unit y": br.Model(br.Normal(2.0, loc=0.3), br.Gaussian(1.5)),
    "sigma known, unit sigma": br.Model(br.Normal(0.7, unit="sigma"), br.Gaussian(1.5)),
    "1/sigma^2": br.Model(br.Normal(0.7, unit="sigma"), br.Gaussian()),
    "inverse gamma": br.Model(
        br.Normal(0.7, unit="sigma"), br.Gaussian(br.InverseGammaSquared(2.0, 3.0))
    ),
}


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
    loc[about.proper] = about.projection.loc / (about.x_sd / sd)[about.proper]
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
    a, b = loo(draws), loo(as_markov(draws))

    assert b.elpd == pytest.approx(a.elpd, abs=0.15)
    assert b.p == pytest.approx(a.p, abs=0.15)
    assert b.elpd_i.attrs["note"].startswith("PSIS")
    assert b.n_samples == 8000
    # Negative control: the in-sample density is not within that error.
    assert abs((b.elpd + b.p) - a.elpd) > 1.0


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
    monkeypatch.setattr("bayesreg.diagnostics.leave_one_out.BLOCK", 5 * draws.sigma.size)
    ours = loo(draws)

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


def test_an_outlier_is_reported():
    case = CASES[0]
    y = case.y.copy()
    y[0] += 60.0
    about = condition(dataclasses.replace(case, y=y), MODELS["sigma known, unit y"])
    with pytest.warns(BayesregWarning, match=r"Pareto k-hat is above 0.70 at \d of 60 rows"):
        result = loo(as_markov(run_exact(about)))

    assert result.warning is True
    assert "K-fold" in result.elpd_i.attrs["note"]


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


def test_draws_are_thinned_when_there_is_too_much_to_do(monkeypatch):
    monkeypatch.setattr("bayesreg.diagnostics.leave_one_out.EVALUATIONS", 60 * 2000)
    draws = as_markov(run_exact(condition(CASES[0], MODELS["1/sigma^2"])))
    result = loo(draws)

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
        loo(draws())


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
        "rank", "elpd", "elpd_diff", "dse", "p_worse", "p_eff", "weight", "max_khat"
    ]  # fmt: skip
    assert ours.index.name == "prior"
    assert list(ours.index) == list(theirs.index)
    for mine, his in (*[(c, c) for c in ("rank", "elpd", "elpd_diff", "dse")], ("p_eff", "p")):
        np.testing.assert_allclose(ours[mine], theirs[his].astype(float), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(ours["p_worse"], theirs["p_worse"].astype(float), atol=1e-9)
    np.testing.assert_allclose(ours["weight"], theirs["weight"].astype(float), atol=1e-4)
    assert ours["weight"].sum() == pytest.approx(1.0)


@quiet
def test_comparison_of_weighted_rows_is_that_of_repeated_rows():
    case = next(c for c in CASES if c.weights is not None)
    w = case.weights.astype(int)
    repeated = Case("r", np.repeat(case.X, w, 0), np.repeat(case.y, w), standardize=True)
    a, b = compare_elpd(three_models(case)), compare_elpd(three_models(repeated))

    assert list(a.index) == list(b.index)
    np.testing.assert_allclose(a.to_numpy(), b.to_numpy(), rtol=1e-6, atol=1e-6)


@quiet
def test_fractional_weights_are_compared():
    case = CASES[0]
    w = np.random.default_rng(0).uniform(0.3, 2.0, len(case.y))
    table = compare_elpd(three_models(dataclasses.replace(case, weights=w)))

    assert table["weight"].sum() == pytest.approx(1.0)
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
