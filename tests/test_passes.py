"""Likelihoods beyond the Gaussian on rows that are read in passes: what memory finds, they find."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import bayesreg as br
from bayesreg.cli import main
from bayesreg.data import arrival, different
from bayesreg.model import from_sample
from bayesreg.solvers.certificate import certify

N = 3_000
NAMES = ["x0", "x1", "x2", "x3"]
MIXED = {"x1": br.Flat(), ...: br.ElasticNet(scale=0.05, mix=0.5)}
GROUPS = br.Laplace(0.05, groups=[["x0", "x1"], ["x2", "x3"]])
CASES = {  # likelihood, what is beside y, and priors
    "bernoulli": (br.Bernoulli(), {}, (br.Normal(0.3), br.Laplace(0.05))),
    "binomial": (br.Binomial(), {"trials": "m"}, (MIXED, br.Cauchy(0.1))),
    "poisson": (br.Poisson(), {"exposure": "t"}, (br.Laplace(0.05), br.Flat())),
    "counts": (br.NegativeBinomial(shape=2.0), {"offset": "o"}, (br.Normal(0.3), GROUPS)),
}
SLOW = pytest.mark.slow
QUICK = [("bernoulli", 1), ("binomial", 0), ("poisson", 0), ("counts", 1)]
PAIRS = [
    pytest.param(name, k, marks=() if (name, k) in QUICK else SLOW)
    for name in CASES
    for k in (0, 1)
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The same rows by likelihood, in groups of two sizes: a name, then 700 or 1 100."""
    rng, path = np.random.default_rng(1), tmp_path_factory.mktemp("rows")
    x = rng.normal(size=(N, 4)) * [1.0, 2.0, 0.5, 3.0] + [0.0, 5.0, -2.0, 1.0]
    eta = 0.7 + x @ [0.3, -0.2, 0.5, 0.0]
    share, t, o = 1.0 / (1.0 + np.exp(-eta)), rng.uniform(0.5, 4.0, N), rng.normal(size=N)
    m = rng.integers(1, 6, N)
    own = {
        "bernoulli": {"y": np.where(rng.random(N) < share, "yes", "no")},
        "binomial": {"y": rng.binomial(m, share), "m": m},
        "poisson": {"y": rng.poisson(t * np.exp(eta)), "t": t},
        "counts": {"y": rng.poisson(np.exp(eta + o) * rng.gamma(2.0, 0.5, N)), "o": o},
    }
    base = dict(zip(NAMES, x.T, strict=True)) | {"w": rng.integers(0, 4, N)}
    for name, columns in own.items():
        for size in (700, 1_100):
            file = path / f"{name}-{size}.parquet"
            pq.write_table(pa.table(base | columns), file, row_group_size=size)
    return path


@pytest.fixture
def small(monkeypatch):
    """Nothing is small enough for memory, and the sample is far from all rows."""
    monkeypatch.setattr(arrival, "SMALL", 10)
    monkeypatch.setattr(different, "MOST", 5)
    monkeypatch.setattr(from_sample, "SAMPLE", 400)


def conditioned(folder, name, k=0, size=700, prior=None):
    likelihood, beside, priors = CASES[name]
    model = br.Model(priors[k] if prior is None else prior, likelihood)
    source = folder / f"{name}-{size}.parquet"
    return model.condition(source, "y", weights="w", standardize=True, **beside)


def in_sds(fit, other, problem):
    """The largest difference of two fits in posterior sds of the first, flat priors taken."""
    curve = np.diagonal(problem.in_passes.met[-1].sums.curve)
    apart = np.abs(fit.beta - other.beta).to_numpy() * problem.x_sd * np.sqrt(curve[1:])
    return max(float(apart.max()), abs(fit.intercept - other.intercept) * np.sqrt(curve[0]))


@pytest.mark.parametrize("name, k", PAIRS)
def test_the_optimum_is_that_of_memory_and_its_bits_are_those_of_any_blocks(
    name, k, folder, monkeypatch
):
    memory = conditioned(folder, name, k)
    assert memory.stream is None
    there = br.fit_map(memory)
    monkeypatch.setattr(arrival, "SMALL", 100)
    monkeypatch.setattr(different, "MOST", 100)
    monkeypatch.setattr(from_sample, "SAMPLE", 400)
    problem = conditioned(folder, name, k)
    fit, again = br.fit_map(problem), br.fit_map(conditioned(folder, name, k, 1_100))
    assert in_sds(fit, there, problem) < 1e-8
    assert np.array_equal(fit.beta, again.beta)
    assert fit.intercept == again.intercept
    assert fit.certificate.ok
    assert (fit.beta == 0.0).equals(there.beta == 0.0)
    assert problem.classes_ == memory.classes_
    # What a sample alone says is not it, and a certificate is not given to what lies beside.
    rows = br.Model(problem.prior, problem.likelihood).condition(
        problem.stream.sample(400), standardize=True
    )
    assert in_sds(fit, br.fit_map(rows), problem) > 0.1
    if problem.p:
        curve = problem.in_passes.met[-1].sums.curve
        sd = 1.0 / np.sqrt(np.diagonal(curve)[1 + problem.proper[0]])
        assert not certify(problem, fit.b + 1e-4 * sd * (np.arange(problem.p) == 0)).ok


@pytest.mark.parametrize("prior", [pytest.param(br.Normal(0.1), marks=SLOW), br.Laplace(0.05)])
def test_the_posterior_is_that_of_memory(prior, folder, monkeypatch):
    memory = br.sample(conditioned(folder, "poisson", prior=prior), seed=1)
    monkeypatch.setattr(arrival, "SMALL", 100)
    monkeypatch.setattr(different, "MOST", 100)
    problem = conditioned(folder, "poisson", prior=prior)
    post = br.sample(problem, seed=2)
    assert post.engine == "streamed"
    assert post.draws.stats["accepted"].mean() > 0.7
    assert br.agreement(post, memory).ok
    other = br.sample(conditioned(folder, "poisson", prior=type(prior)(0.02)), seed=3)
    assert not br.agreement(other, memory).ok
    lp = post.tree["sample_stats"]["log_likelihood"].to_numpy()
    design = conditioned_in_memory(folder, monkeypatch).design
    eta, _ = design.points.under(post.draws.beta[0, :3], post.draws.intercept[0, :3], {}, axis=-1)
    own = problem.likelihood.log_density(design.y, eta, {}) @ design.frequencies
    np.testing.assert_allclose(lp[0, :3], own, rtol=1e-11)


def conditioned_in_memory(folder, monkeypatch):
    monkeypatch.setattr(arrival, "SMALL", 2**24)
    return conditioned(folder, "poisson")


def test_few_rows_a_column_have_no_quadratic_and_are_refused(small, tmp_path):
    rng = np.random.default_rng(3)
    x = rng.normal(size=(60, 25))
    columns = {f"x{j}": x[:, j] for j in range(25)} | {"y": (rng.random(60) < 0.5).astype(float)}
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    problem = br.Model(br.Normal(3.0), br.Bernoulli()).condition(tmp_path / "a.parquet", "y")
    with pytest.raises(br.NotSupported, match=r"of proposals.*were accepted.*sample"):
        br.sample(problem, seed=1)


def test_what_is_no_response_is_named_with_file_and_row(small, folder, tmp_path):
    x = np.arange(50.0)

    def refused(y, likelihood, words, prior="normal(1)", **beside):
        columns = {"x": x, "y": y} | {k: np.ones(50) for k in beside.values()}
        pq.write_table(pa.table(columns), tmp_path / "b.parquet")
        with pytest.raises((br.BadData, br.NotSupported), match=words):
            br.fit_map(br.Model(prior, likelihood).condition(tmp_path / "b.parquet", "y", **beside))

    y = np.arange(50) % 3
    refused(np.where(x == 31, -2, y), "poisson", r"row 31.*b\.parquet.*is -2, which is no count")
    refused(np.where(x == 30, 0.5, y), "negative_binomial(shape=1)", r"row 30.*is 0\.5.*no count")
    refused(y, "binomial", r"row 2 .*trials", trials="m")
    refused(y, "binomial", "needs trials=")
    refused(y, "bernoulli", "y has 3 different values")
    refused(x, "student_t(df=4)", "needs all rows, or those that differ")
    refused(np.ones(50), "bernoulli", "every row has y = 1.*no posterior")
    refused(np.zeros(50), "poisson", "every row has .*no posterior")
    refused(x > 24.0, "bernoulli", "'x' grow without end.*separate", prior="flat")
    refused(np.where(x == 31, "a", "b"), "poisson", "y holds text.*Bernoulli")


def test_what_would_take_many_passes_or_all_rows_says_so(small, folder):
    problem = conditioned(folder, "poisson", prior=br.Normal(0.3))
    for many in (br.bayesian_path, lambda one: br.choose(one, "cv-1se")):
        with pytest.raises(
            br.NotSupported, match=r"takes passes over the 3000 rows.*'bic'.*sample"
        ):
            many(problem)
    with pytest.raises(br.NotSupported, match="use engine='streamed'"):
        br.sample(problem, engine="nuts")
    unknown = conditioned(folder, "poisson", prior=br.Normal())
    with pytest.raises(br.NotSupported, match=r"hyper='evidence' takes a few"):
        br.fit_map(unknown, hyper="cv")
    reader = pq.ParquetFile(folder / "poisson-700.parquet").iter_batches()
    schema = pq.read_schema(folder / "poisson-700.parquet")
    once = pa.RecordBatchReader.from_batches(schema, reader)
    with pytest.raises(br.NotSupported, match=r"can be read once.*several passes"):
        br.Model(br.Normal(1.0), br.Poisson()).condition(once, "y")


@pytest.mark.parametrize("name, k", [pytest.param("binomial", 1, marks=SLOW), ("poisson", 0)])
def test_information_criteria_take_the_passes_of_a_path(name, k, small, folder, monkeypatch):
    """λ and every value as in memory, N being trials where there are such."""
    prior = br.Laplace() if k == 0 else br.Normal()
    problem = conditioned(folder, name, prior=prior)
    choice = br.choose(problem, lams=[1.0, 30.0, 300.0])
    assert set(choice.left_out) >= {"cv", "evidence", "posterior", "loo"}
    monkeypatch.setattr(arrival, "SMALL", 2**24)
    memory = br.choose(
        conditioned(folder, name, prior=prior), [*choice.rules], lams=choice.path.lam
    )
    assert set(choice.rules) == {"aic", "bic", *(["ebic"] if k == 0 else [])}
    for rule, curve in memory.curves.items():
        np.testing.assert_allclose(choice.curves[rule].value, curve.value, rtol=1e-9)
        assert choice.rules[rule].lam == pytest.approx(memory.rules[rule].lam)


def test_an_unknown_shape_is_had_of_a_sample_as_the_refusal_says(small, folder):
    model = br.Model(br.Normal(0.3), br.NegativeBinomial())
    how = {"weights": "w", "offset": "o", "standardize": True}
    problem = model.condition(folder / "counts-700.parquet", "y", **how)
    words = r"problem\.at\(shape=…\).*model\.condition\(problem\.stream\.sample\(…\)"
    for refused in (br.fit_map, br.path, br.choose, lambda one: br.sample(one, seed=1)):
        with pytest.raises(br.NotSupported, match=words):
            refused(problem)
    small_one = br.fit_map(model.condition(problem.stream.sample(400), standardize=True))
    shape = small_one.problem.known["shape"]
    assert 1.0 < shape < 4.0  # as rows were made with 2
    assert br.fit_map(problem.at(shape=shape)).certificate.ok


@SLOW
def test_a_comparison_in_passes_is_told_saved_and_predicts(small, folder, tmp_path, capsys):
    source, models = folder / "bernoulli-700.parquet", {"a": br.Normal(0.1), "b": br.Laplace(0.1)}
    how = {"likelihood": br.Bernoulli(), "weights": "w", "standardize": True, "seed": 1}
    fits = br.compare(models, source, "y", draws=300, **how)
    assert "3 000 rows, 1 file" in repr(fits)
    assert all(entry.fit.correspondence.ok for entry in fits.entries.values())
    assert "no draw has a higher density than its MAP" in repr(fits)
    fits.report(tmp_path / "report.md")
    assert "y = 1 is: yes" in (tmp_path / "report.md").read_text(encoding="utf-8")
    fit = fits["b"].fit
    for name, one in {"fit": fit, "post": fits["b"].post}.items():
        one.save(tmp_path / f"{name}.breg")
    loaded = br.load(tmp_path / "fit.breg")
    assert loaded.certificate == fit.certificate
    assert np.array_equal(loaded.beta, fit.beta)
    assert loaded.intercept == fit.intercept
    new = pq.read_table(source).select(NAMES).slice(0, 3).to_pandas()
    np.testing.assert_array_equal(loaded.predict(new), fit.predict(new))
    np.testing.assert_array_equal(
        br.load(tmp_path / "post.breg").predict(new), fits["b"].post.predict(new)
    )
    command = f"compare {folder}/bernoulli-7*.parquet --target y --weights w --likelihood bernoulli"
    options = ["--priors", "normal(0.1)", "--seed", "1", "--draws", "300", "--no-verify"]
    main([*command.split(), *options, "--json"], standalone_mode=False)
    said = json.loads(capsys.readouterr().out)
    assert "normal(0.1)" in json.dumps(said)
