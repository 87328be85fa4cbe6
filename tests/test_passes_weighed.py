"""Any prior on rows that are read in passes: draws weighed by the rows, scales by the evidence."""

import dataclasses

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import bayesreg as br
from bayesreg.cli import main
from bayesreg.data import arrival, different
from bayesreg.data.stores.labels import yes_no
from bayesreg.data.stores.recognise import source_of
from bayesreg.diagnostics import loo as loo_in_memory
from bayesreg.diagnostics.expanded_leaving import expanded_leaving
from bayesreg.engines import weighed
from bayesreg.engines.draws import Sample
from bayesreg.engines.kernel import Request
from bayesreg.solvers.certificate import certify

SLOW = pytest.mark.slow


def written(path, n, seed, skewed=-1.5):
    """Few rows, on which log L is visibly no quadratic."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    eta = skewed + x @ [1.2, -0.4, 0.0]
    columns = {f"x{j}": x[:, j] for j in range(3)}
    columns["y"] = (rng.random(n) < 1.0 / (1.0 + np.exp(-eta))).astype(float)
    columns["count"] = rng.poisson(np.exp(eta)).astype(float)
    pq.write_table(pa.table(columns), path)
    return path


@pytest.fixture
def conditioned(tmp_path, monkeypatch):
    """The same model on the same rows in memory, and in passes."""

    def of(prior, likelihood="bernoulli", n=60, seed=3, y="y", skewed=-1.5, memory=True):
        path = written(tmp_path / "rows.parquet", n, seed, skewed)
        table = pq.read_table(path).to_pandas()
        model = br.Model(prior, likelihood)
        how = table[["x0", "x1", "x2"]], table[y]
        there = model.condition(*how, standardize=True) if memory else None
        monkeypatch.setattr(arrival, "SMALL", 10)
        monkeypatch.setattr(different, "MOST", 5)
        left = path.with_name("columns.parquet")
        pq.write_table(pq.read_table(path).select(["x0", "x1", "x2", y]), left)
        problem = model.condition(left, y, standardize=True)
        assert problem.stream is not None
        return there, problem

    return of


@pytest.mark.parametrize(
    "prior",
    [
        br.Normal(),
        pytest.param(br.Horseshoe(), marks=SLOW),
        pytest.param(br.Laplace(), marks=SLOW),
        pytest.param(br.R2D2(), marks=SLOW),
        pytest.param(br.StudentT(4), marks=SLOW),
        pytest.param({"x1": br.Flat(), ...: br.Laplace()}, marks=SLOW),
        pytest.param(br.Laplace(groups=[["x0", "x1"], ["x2"]]), marks=SLOW),
    ],
    ids=str,
)
def test_under_any_prior_draws_are_those_of_memory_and_without_weights_they_are_not(
    prior, conditioned, monkeypatch
):
    memory, problem = conditioned(prior, n=100, seed=4)
    there = br.sample(memory, seed=1, draws=2500)
    post = br.sample(problem, seed=2, draws=2500)
    assert post.engine == "streamed"
    assert "drawn again by weight: of the weights" in post.why_engine
    assert post.checks.ok
    assert br.agreement(post, there).ok
    monkeypatch.setattr(weighed, "resampled", lambda log_w, rng: np.arange(len(log_w)))
    assert not br.agreement(br.sample(problem, seed=2, draws=2500), there).ok


def test_draws_have_the_moments_that_quadrature_gives(tmp_path, monkeypatch):
    rng = np.random.default_rng(5)
    x = rng.normal(size=50)
    y = rng.poisson(np.exp(-0.5 + 0.8 * x)).astype(float)
    pq.write_table(pa.table({"x": x, "y": y}), tmp_path / "one.parquet")
    monkeypatch.setattr(arrival, "SMALL", 10)
    monkeypatch.setattr(different, "MOST", 5)
    model = br.Model(br.Normal(br.HalfNormal(1.0)), br.Poisson())
    post = br.sample(model.condition(tmp_path / "one.parquet", "y"), seed=1, draws=5000)
    level, slope, log_s = np.meshgrid(
        np.linspace(-2.5, 1.0, 121), np.linspace(-0.5, 2.0, 121), np.linspace(-6.0, 2.0, 61),
        indexing="ij",
    )  # fmt: skip
    eta = level[..., :1, None] + slope[..., :1, None] * x
    log_l = np.sum(y * eta - np.exp(eta), axis=-1)
    s = np.exp(log_s)
    log_p = log_l - 0.5 * (slope / s) ** 2 - 0.5 * s**2  # −log s of b, +log s of d log s
    w = np.exp(log_p - log_p.max())
    w /= w.sum()
    for values, draws in ((level, post.draws.intercept), (slope, post.draws.beta[..., 0])):
        mean = np.sum(w * values)
        sd = np.sqrt(np.sum(w * (values - mean) ** 2))
        error = sd / np.sqrt(np.min(post.checks.table["ess_bulk"]))
        assert abs(draws.mean() - mean) < 5.0 * error
        assert abs(draws.std() - sd) < 5.0 * error
    # As they were drawn, before weights, they are further off than that.
    problem, request = post.problem, Request(5000, 0, (1, 2, 3, 4), None, progress=False)
    plain = weighed.given(problem, weighed.centre(problem), request).intercept
    w, level = w.sum((1, 2)), level[:, 0, 0]
    mean = float(w @ level)
    sd = float(np.sqrt(w @ (level - mean) ** 2))
    assert abs(plain.mean() - mean) > 10.0 * sd / np.sqrt(plain.size)


def test_rows_too_few_for_weights_are_refused_and_named_approximate_when_asked(conditioned):
    _, problem = conditioned(br.Normal(), n=12, seed=3, memory=False)
    with pytest.raises(br.NotSupported, match=r"of the weights \d+% are effective.*laplace"):
        br.sample(problem, seed=1)
    post = br.sample(problem, seed=1, engine="laplace")
    assert "normal approximation, not exact" in post.why_engine
    assert "normal approximation" in repr(post)
    assert "Posterior by laplace, a normal approximation" in post.summary().title
    assert not post.checks.ok
    assert "not exact" in post.checks.why


def test_the_normal_approximation_is_about_the_optimum_and_runs_when_asked(conditioned):
    memory, problem = conditioned(br.Normal(0.5), n=200, skewed=0.0)
    fit = br.fit_map(problem)
    post = br.sample(problem, seed=1, engine="laplace", draws=5000)
    curve = problem.in_passes.met[-1].sums.curve + np.diag([0.0, 4.0, 4.0, 4.0])
    cov = np.linalg.inv(curve)[1:, 1:] / np.outer(problem.x_sd, problem.x_sd)
    draws = post.draws.beta.reshape(-1, 3)
    sd = np.sqrt(np.diagonal(cov))
    assert np.max(np.abs(draws.mean(0) - fit.beta) / sd) < 5.0 / np.sqrt(len(draws))
    np.testing.assert_allclose(draws.std(0), sd, rtol=5.0 / np.sqrt(2 * len(draws)))
    exact = br.sample(problem, seed=1, draws=5000)
    assert exact.engine == "streamed"
    assert np.max(np.abs(exact.draws.beta.mean((0, 1)) - fit.beta) / sd) > 5.0 / np.sqrt(len(draws))
    with pytest.raises(br.NotSupported, match="here an exact engine serves"):
        br.sample(memory, engine="laplace")


@pytest.mark.parametrize(
    "prior",
    [br.Normal(), br.Laplace(), pytest.param({"x1": br.Flat(), ...: br.Laplace()}, marks=SLOW)],
    ids=str,
)
def test_the_scale_of_maximal_evidence_is_that_of_memory(prior, conditioned):
    memory, problem = conditioned(prior, n=300)
    there, fit = br.fit_map(memory, hyper="evidence"), br.fit_map(problem)
    assert "maximal evidence of the quadratic that touches" in fit.hyper
    assert fit.certificate.ok
    one, two = (np.log(each.problem.blocks[0].scale) for each in (there, fit))
    assert abs(one - two) < (1e-4 if isinstance(prior, br.Normal) else 0.02)
    assert problem.stream.read.passes < 10
    if isinstance(prior, br.Normal):  # Laplace's evidence, of which this is the derivative but for
        # what the curvature changes with the scale: its maximum is near.
        def evidence(log_scale):
            at = br.fit_map(memory.at(scale=np.exp(log_scale)))
            eta = at.intercept + memory.design.X @ at.beta.to_numpy()
            log_l = memory.likelihood.log_density(memory.design.y, eta, {}).sum()
            touching = memory.touching(memory.loss.at(at.b))
            h = touching.gram + np.exp(-2 * log_scale) * np.eye(3)
            level = np.log(touching.moments.n)  # the curvature along the intercept
            fit = log_l - 0.5 * np.square(at.b * np.exp(-log_scale)).sum() - 3 * log_scale
            return fit - 0.5 * (np.linalg.slogdet(h)[1] + level)

        values = [evidence(two + step) for step in (-0.5, 0.0, 0.5)]
        assert values[1] == max(values)


def test_what_is_not_known_and_takes_many_passes_is_refused_with_the_way_out(conditioned):
    _, problem = conditioned(br.Laplace(), n=200)
    with pytest.raises(br.NotSupported, match=r"'cv' takes dozens.*hyper='evidence' takes a few"):
        br.fit_map(problem, hyper="cv")
    _, counts = conditioned(br.Normal(1.0), "negative_binomial", n=200, y="count")
    with pytest.raises(br.NotSupported, match=r"shape is unknown.*problem.at\(shape"):
        br.sample(counts)
    with pytest.raises(br.NotSupported, match=r"fit_map\(problem.at\(shape"):
        br.fit_map(counts)


def test_heavy_tails_are_served_where_a_sample_overlaps_and_refused_where_it_does_not(
    conditioned, tmp_path
):
    _, problem = conditioned(br.Cauchy(1.0), n=200)
    assert br.sample(problem, seed=1).checks.ok
    x = np.arange(60.0)
    pq.write_table(pa.table({"x": x, "y": (x > 30).astype(float)}), tmp_path / "apart.parquet")
    for prior in (br.Cauchy(1.0), br.Horseshoe()):
        apart = br.Model(prior, br.Bernoulli()).condition(tmp_path / "apart.parquet", "y")
        with pytest.raises(br.NotSupported, match=r"for rows to show.*separate"):
            br.sample(apart, seed=1)


def test_rows_are_left_out_as_in_memory_and_an_approximation_says_what_is_missing(conditioned):
    memory, problem = conditioned(br.Laplace(), n=300, skewed=0.0)
    post = br.sample(problem, seed=1)
    found = post.loo()
    there = loo_in_memory(dataclasses.replace(post.draws, problem=memory))
    assert found.elpd == pytest.approx(there.elpd, rel=1e-12)
    assert found.se == pytest.approx(there.se, rel=1e-12)
    assert found.p == pytest.approx(there.p, rel=1e-9)
    np.testing.assert_allclose(found.value, there.elpd_i.to_numpy(), rtol=1e-10)
    np.testing.assert_allclose(found.khat, there.pareto_k.to_numpy(), rtol=1e-6, atol=1e-6)
    # Of 300 rows the expansion is off by a few thousandths of a nat, the density at the mean by
    # much more: it knows nothing of the row's own pull.
    leaving = expanded_leaving(post.draws, Sample.of(post.draws))
    rows = leaving.of(memory.design)
    plain = memory.likelihood.log_density(rows.y, rows.eta, rows.theta)
    apart = np.abs(rows.elpd - found.value).max()
    assert apart < 0.01
    assert np.abs(plain - found.value).max() > 10.0 * apart
    assert post.rmse("loo").mean == pytest.approx(0.45, abs=0.1)
    one, two = (each.r2().mean for each in (post, br.sample(memory, seed=2)))
    assert one == pytest.approx(two, abs=0.02)


@pytest.mark.parametrize("y, likelihood", [("count", "poisson"), ("y", "bernoulli")])
def test_left_out_probabilities_are_even_where_the_model_holds_and_not_elsewhere(
    y, likelihood, conditioned
):
    _, problem = conditioned(br.Normal(), likelihood, n=2000, y=y, skewed=0.3, memory=False)
    loo = br.sample(problem, seed=1).loo()
    assert loo.pit.sum() == pytest.approx(2000.0)
    tenths = loo.pit.reshape(10, 10).sum(1)
    assert np.sum((tenths - 200.0) ** 2 / 200.0) < 30.0  # 9 degrees of freedom
    if y == "count":  # twice as many as there were: counts lie in pairs, and spread too far
        path = problem.stream.read.label
        table = pq.read_table(path).to_pandas().assign(count=lambda t: 2.0 * t["count"])
        pq.write_table(pa.Table.from_pandas(table, preserve_index=False), path)
        other = br.Model(br.Normal(), br.Poisson()).condition(path, "count", standardize=True)
        tenths = br.sample(other, seed=1).loo().pit.reshape(10, 10).sum(1)
        assert np.sum((tenths - 200.0) ** 2 / 200.0) > 60.0


def test_of_more_rows_a_sample_and_a_difference_give_the_total(conditioned, monkeypatch):
    _, problem = conditioned(br.Normal(0.5), n=4000, skewed=0.0, memory=False)
    whole = br.sample(problem, seed=1).loo()
    monkeypatch.setattr("bayesreg.engines.draws.SAMPLE", 500)
    some = br.sample(problem, seed=1).loo()
    assert whole.subsampling_se == 0.0
    assert 0.0 < some.subsampling_se < 0.1
    assert abs(some.elpd - whole.elpd) < 5.0 * (some.subsampling_se + some.mcse)
    assert "LOO from 500 of 4 000 rows" in some.counted


@SLOW
def test_a_comparison_needs_no_flags_and_verification_that_cannot_be_is_said(conditioned, tmp_path):
    _, problem = conditioned(br.Normal(), n=400, skewed=0.0, memory=False)
    path = problem.stream.read.label
    fits = br.compare(
        ["ridge", "lasso", "horseshoe"], path, "y", likelihood="bernoulli", seed=1, draws=400,
        verify=True, standardize=True,
    )  # fmt: skip
    assert list(fits.table.index)
    assert fits.verdict[-1].startswith("Not checked against PyMC's NUTS, which needs all rows")
    assert all(entry.post.engine == "streamed" for entry in fits.entries.values())
    assert all(fits[name].fit.certificate.ok for name in ("ridge", "lasso"))
    fits.report(tmp_path / "report.md")
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "400 rows, 1 file" in text
    assert "weighed elsewhere" in text
    fits.save(tmp_path / "fits.breg")
    assert str(br.load(tmp_path / "fits.breg")) == str(fits)


@pytest.mark.parametrize(
    "column, positive", [("text", None), ("text", "no"), ("whole", 1), ("flag", None)]
)
def test_labels_of_a_formula_are_learnt_as_in_memory(column, positive, tmp_path, monkeypatch):
    rng = np.random.default_rng(1)
    x, g = rng.normal(size=400), rng.choice(["a", "b", "c"], 400)
    yes = rng.random(400) < 1.0 / (1.0 + np.exp(-0.3 - 0.8 * x - 0.5 * (g == "b")))
    own = {"text": np.where(yes, "yes", "no"), "whole": np.where(yes, 2, 1), "flag": yes}
    path = tmp_path / "labels.parquet"
    pq.write_table(pa.table({"x": x, "g": g, **own}), path, row_group_size=90)
    model = br.Model(br.Normal(0.5), br.Bernoulli(positive=positive))
    memory = model.condition_formula(f"{column} ~ x + C(g)", path)
    monkeypatch.setattr(arrival, "SMALL", 10)
    monkeypatch.setattr(different, "MOST", 5)
    problem = model.condition_formula(f"{column} ~ x + C(g)", path)
    assert memory.stream is None
    assert problem.stream is not None
    assert problem.classes_ == memory.classes_
    there, fit = br.fit_map(memory), br.fit_map(problem)
    np.testing.assert_allclose(fit.beta, there.beta, rtol=1e-9)
    assert fit.intercept == pytest.approx(there.intercept, rel=1e-9)
    assert (fit.beta["x"] > 0.0) == (positive in (None, "yes", 2))
    fit.save(tmp_path / "fit.breg")
    assert br.load(tmp_path / "fit.breg").problem.classes_ == memory.classes_
    three = np.where(x > 1.0, "maybe", own["text"])
    pq.write_table(pa.table({"x": x, "g": g, "text": three}), path)
    with pytest.raises(br.BadData, match="y has 3 different values"):
        br.Model(br.Normal(0.5), br.Bernoulli()).condition_formula("text ~ x", path)


def test_levels_of_indicators_beside_an_intercept_are_served(tmp_path, monkeypatch):
    """Their columns add up to the intercept's: a curvature that is singular."""
    rng = np.random.default_rng(2)
    g = rng.choice(["a", "b", "c"], 300)
    y = (rng.random(300) < np.where(g == "b", 0.7, 0.4)).astype(float)
    path = tmp_path / "levels.parquet"
    pq.write_table(pa.table({"g": g, "y": y}), path)
    model = br.Model(br.Normal(), br.Bernoulli())
    there = br.sample(model.condition_formula("y ~ C(g)", path), seed=1)
    monkeypatch.setattr(arrival, "SMALL", 10)
    monkeypatch.setattr(different, "MOST", 2)
    post = br.sample(model.condition_formula("y ~ C(g)", path), seed=2)
    assert post.engine == "streamed"
    assert br.agreement(post, there).ok


def test_what_a_response_can_only_be_is_found_of_its_values(tmp_path):
    rng = np.random.default_rng(3)
    x = rng.normal(size=300)
    yes = rng.random(300) < 1.0 / (1.0 + np.exp(-x))
    columns = {"x": x, "text": np.where(yes, "yes", "no"), "flag": yes, "zero": yes.astype(int)}
    columns["three"] = columns["zero"] + 2 * (np.arange(300) == 299)
    columns["words"] = np.where(np.arange(300) == 299, "maybe", columns["text"])
    path = tmp_path / "large.parquet"
    pq.write_table(pa.table(columns), path, row_group_size=70)
    kinds = {"text": "text of two kinds", "flag": "true and false", "zero": "0 and 1 alone"}
    found = {name: yes_no(source_of(path), name) for name in columns}
    assert found == dict.fromkeys(columns, "") | kinds


@SLOW
def test_the_shell_needs_no_flags_for_a_large_file_of_labels(tmp_path, monkeypatch, capsys):
    rng = np.random.default_rng(3)
    x, path = rng.normal(size=300), tmp_path / "large.parquet"
    yes = rng.random(300) < 1.0 / (1.0 + np.exp(-x))
    monkeypatch.setattr(arrival, "SMALL", 10)
    monkeypatch.setattr(different, "MOST", 5)
    pq.write_table(pa.table({"x": x, "y": np.where(yes, "yes", "no")}), path)
    how = ["--priors", "normal(0.5)", "--seed", "1", "--draws", "200", "--json"]
    main(["compare", str(path), "--target", "y", *how], standalone_mode=False)
    out, said = capsys.readouterr()
    assert "the response 'y' is text of two kinds: its likelihood is bernoulli" in said
    assert "Not checked against PyMC's NUTS, which needs all rows" in said
    assert "Bernoulli" in out


@pytest.mark.parametrize(
    "prior",
    [
        br.Laplace(),
        pytest.param(br.Normal(), marks=SLOW),
        pytest.param(br.Laplace(groups=[["x0", "x1"], ["x2"]]), marks=SLOW),
    ],
    ids=str,
)
def test_a_path_is_that_of_memory_each_point_certified_in_a_few_passes(prior, conditioned):
    memory, problem = conditioned(prior, n=400)
    there, found = br.path(memory, n=8), br.path(problem, n=8)
    np.testing.assert_allclose(found.lam, there.lam, rtol=1e-12)
    np.testing.assert_allclose(found.beta, there.beta, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(found.intercept, there.intercept, rtol=1e-7)
    np.testing.assert_allclose(found.objective, there.objective, rtol=1e-12)
    np.testing.assert_allclose(found.df, there.df, rtol=1e-6, atol=1e-6)
    assert all(one.ok for one in found.certificates)
    assert problem.stream.read.passes <= 4 + 3 * 8
    at = found.at(float(found.lam[4]))
    np.testing.assert_allclose(at.beta, there.at(float(there.lam[4])).beta, rtol=1e-7)
    # A point beside the optimum has no certificate.
    one = found.ray.at(float(found.lam[4]))
    assert not certify(one, found.b[4] + 1e-3).ok


def test_a_seed_gives_the_same_draws_whatever_was_asked_of_the_rows_before(conditioned):
    _, problem = conditioned(br.Normal(), n=200, memory=False)
    first = br.sample(problem, seed=1, draws=100)
    other = br.Model(br.Laplace(0.05), br.Bernoulli()).condition(problem.stream, standardize=True)
    br.fit_map(problem)
    br.fit_map(other)
    again = br.Model(br.Normal(), br.Bernoulli()).condition(problem.stream, standardize=True)
    post = br.sample(again, seed=1, draws=100)
    np.testing.assert_array_equal(post.draws.beta, first.draws.beta)
    assert not np.array_equal(br.sample(again, seed=2, draws=100).draws.beta, first.draws.beta)
