"""A sparse X is read as the same cells written out are, by every door, and never written out."""

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import bayesreg as br
from bayesreg.data import sparse_moments
from bayesreg.data.moments import Moments
from bayesreg.data.provenance import fingerprint
from bayesreg.data.sparse import SparseRows
from bayesreg.diagnostics.tree import log_posterior
from bayesreg.language.errors import BadData, NotSupported
from bayesreg.solvers.certificate import certify

pytestmark = pytest.mark.filterwarnings("ignore::bayesreg.language.errors.BayesregWarning")

PRIORS = {
    "lasso": br.Laplace(0.3),
    "ridge": br.Normal(0.5),
    "elastic net": br.ElasticNet(0.3),
    "flat and shifted": {"x7": br.Normal(0.3, loc=1.0), "x1": br.Flat(), ...: br.Laplace(1.0)},
}


@pytest.fixture
def wide(monkeypatch):
    """Four columns are as wide as 5 001, so that small tables are kept as columns."""
    monkeypatch.setattr(sparse_moments, "SUMMARY", 16)


@pytest.fixture(scope="module")
def table():
    """Rare columns, a steady one far from 0, an empty one, true and false, and a repeated one."""
    rng = np.random.default_rng(0)
    X = sparse.random_array((120, 10), density=0.2, rng=rng).toarray()
    X[:, 3] = 5.0 + 1e-3 * rng.standard_normal(120)
    X[:, 5] = 0.0
    X[:, 6] = rng.random(120) < 0.3
    X[:, 9] = X[:, 0]
    y = X @ rng.standard_normal(10) + rng.standard_normal(120) + 3.0
    return X, y, rng.integers(0, 4, 120)


def both(prior, table, sigma=1.0, weighted=False, **options):
    """The same problem on the cells written out, and on a sparse X."""
    X, y, w = table
    model = br.Model(prior, br.Gaussian(sigma))
    options |= {"weights": w} if weighted else {}
    return model.condition(X, y, **options), model.condition(sparse.csr_array(X), y, **options)


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
def test_moments_of_sparse_columns_are_those_of_their_cells(table, weighted, intercept):
    """To rounding, beside a steady column far from 0 and one that depends on another."""
    X, y, w = table
    w = w if weighted else None
    one, other = Moments.of(X, y, w), Moments.of(sparse.coo_array(X), y, w)
    if not intercept:
        one, other = one.about_zero(), other.about_zero()
    size = np.sqrt(np.diagonal(one.cross))
    apart = np.abs(one.cross - other.cross) / np.outer(size, size).clip(1e-300)

    assert apart.max() < 1e-13
    assert (one.root is None) == (other.root is None)
    np.testing.assert_allclose(other.root.T @ other.root, one.cross, atol=1e-12 * size.max() ** 2)


@pytest.mark.parametrize("prior", PRIORS, ids=str)
@pytest.mark.parametrize("kept", [False, True])
def test_the_optimum_is_that_of_the_cells(table, prior, kept, request):
    """β per sd to 1e-12, whether products are formed or columns kept; and no other is certified."""
    if kept:
        request.getfixturevalue("wide")
    for options in (
        {"standardize": True},
        {"standardize": True, "weighted": True},
        {"intercept": False},
    ):
        dense, rare = both(PRIORS[prior], table, **options)
        one, other = br.fit_map(dense), br.fit_map(rare)
        sd = np.where(dense.column_sd > 0, dense.column_sd, 1.0)

        assert (rare.quadratic.columns is not None) == kept
        # Of two equal columns a lasso may take either: what they do together is one thing.
        twins = [0, 9]
        b, c = one.beta.to_numpy() * sd, other.beta.to_numpy() * sd
        assert abs(b[twins].sum() - c[twins].sum()) < 1e-12
        assert np.delete(np.abs(b - c), twins).max() < 1e-12
        rows = sparse.csc_array(table[0])
        np.testing.assert_allclose(other.predict(rows), one.predict(table[0]), atol=1e-11)
        moved, j = other.b.copy(), int(np.argmax(np.abs(other.b)))
        moved[j] += 1e-4 / dense.quadratic.norms[j]
        assert other.certificate.ok
        assert not certify(rare, moved).ok


@pytest.mark.usefixtures("wide")
@pytest.mark.parametrize("prior", [br.Laplace(), br.ElasticNet(), br.Normal()], ids=repr)
def test_a_path_of_kept_columns_is_that_of_the_cells(table, prior):
    """At every λ, certified; degrees of freedom too, where they are known."""
    dense, rare = both(prior, table, standardize=True)
    one = br.path(dense, n=8)
    other = br.path(rare, one.lam)

    np.testing.assert_allclose(other.b[:, 1:9], one.b[:, 1:9], atol=1e-12)
    assert all(found.ok for found in other.certificates)
    known = np.isfinite(other.df)
    np.testing.assert_allclose(other.df[known], one.df[known], atol=1e-9)
    assert known.all() != one.ray.smooth


def test_posterior_and_criteria_need_no_cells(table):
    """Means to 1e-12, the same λ by folds, and the same leave-one-out."""
    dense, rare = both(br.Normal(0.5), table, standardize=True)
    one, other = br.closed_form(dense), br.closed_form(rare)
    np.testing.assert_allclose(other.mean, one.mean, atol=1e-12)
    np.testing.assert_allclose(other.sd, one.sd, rtol=1e-10)

    dense, rare = both(br.Normal(), table, sigma=None, standardize=True)
    one, other = (br.sample(p, draws=50, chains=2, seed=1).loo().elpd for p in (dense, rare))
    assert other == pytest.approx(one, abs=0.2)

    dense, rare = both(br.Laplace(), table, sigma=None, standardize=True)
    assert br.fit_map(rare).scale == pytest.approx(br.fit_map(dense).scale, rel=1e-9)


@pytest.mark.usefixtures("wide")
def test_draws_of_kept_columns_are_those_of_the_closed_form(table):
    """Mean and sd of every coefficient, σ known and not; half the variance is told apart."""
    for prior, sigma in ((br.Normal(0.5), 1.0), (br.Normal(0.5, unit="sigma"), None)):
        dense, rare = both(prior, table, sigma=sigma, standardize=True)
        exact = br.closed_form(dense)
        post = br.sample(rare, draws=150, chains=2, seed=1)
        beta = post.draws.beta.reshape(-1, 10)
        z = (beta.mean(axis=0) - exact.mean) / exact.sd * np.sqrt(300)
        ratio = beta.std(axis=0) / exact.sd

        assert np.abs(z).max() < 4.0
        assert np.abs(ratio - 1.0).max() < 0.2
        assert np.abs(ratio / np.sqrt(2.0) - 1.0).max() > 0.2


@pytest.mark.usefixtures("wide")
def test_what_kept_columns_do_not_serve_says_what_does(table):
    """Poles, unknown scales, tables of sds and evidence: the reason, and the way out."""
    _, pole = both(br.Horseshoe(), table, standardize=True)
    _, loose = both(br.Normal(), table, sigma=None, standardize=True)
    _, given = both(br.Normal(0.5), table, standardize=True)
    for ask in (
        lambda: br.sample(pole),
        lambda: br.sample(loose),
        lambda: br.sample(given, engine="gibbs"),
        lambda: br.closed_form(given),
        lambda: br.fit_map(loose),
        lambda: br.fit_map(loose, hyper="evidence"),
        lambda: br.fit_map(given, solver="homotopy"),
    ):
        with pytest.raises(NotSupported, match=r"X'X|trace|sparse"):
            ask()


def test_likelihoods_that_go_by_rows_say_that_cells_are_written_out(table):
    """Yes/no outcomes on a sparse X are those on its cells; too many cells are refused."""
    X, y, _ = table
    model = br.Model(br.Laplace(2.0), br.Bernoulli())
    one, other = model.condition(X, y > 3), model.condition(sparse.csr_array(X), y > 3)
    np.testing.assert_allclose(br.fit_map(one).b, br.fit_map(other).b, atol=1e-12)
    assert "written out" in other.design.notes[-1]
    with pytest.raises(NotSupported, match="every cell"):
        model.condition(sparse.csr_array((120, 5_001)), y > 3)


FORMATS = ["csr", "csc", "coo", "lil", "dok", "bsr", "dia"]


@pytest.mark.filterwarnings("ignore::scipy.sparse.SparseEfficiencyWarning")
@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_is_read(table, kind):
    """Arrays and matrices alike, and what the caller changes later changes nothing."""
    X, y, _ = table
    for own in (sparse.coo_array(X).asformat(kind), sparse.coo_matrix(X).asformat(kind)):
        design = br.Model().condition(own, y).design
        np.testing.assert_array_equal(np.asarray(design.X), X)
        if hasattr(own, "data") and kind in ("csr", "csc"):
            own.data[:] = 7.0
            np.testing.assert_array_equal(np.asarray(design.X), X)


def test_cells_stored_twice_are_added_up_and_zeros_dropped():
    """As scipy does, in full precision; indices of 64 bits, small integers and truth values too."""
    rows, columns = np.array([0, 0, 1, 2, 3, 4]), np.array([0, 0, 1, 0, 1, 1])
    for values, first in (
        (np.array([100, 100, 1, 2, 0, 5], dtype=np.int8), 200.0),
        (np.array([True, True, True, True, False, True]), 1.0),
        (np.array([0.5, 0.25, 1, 2, 0, 5], dtype=np.float32), 0.75),
    ):
        own = sparse.coo_array((values, (rows.astype(np.int64), columns.astype(np.int64))))
        X = br.Model().condition(own, np.arange(5.0) ** 2).design.X
        assert X[0, 0] == first
        assert X.columns.nnz == 4


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e200])
@pytest.mark.parametrize("kept", [False, True])
def test_bad_numbers_are_named_by_column_and_row(table, value, kept, request):
    """As in a dense X, for new rows too."""
    if kept:
        request.getfixturevalue("wide")
    X, y, _ = table
    bad = sparse.lil_array(X)
    bad[7, 4] = value
    with pytest.raises(BadData, match="'x5'"):
        br.Model().condition(sparse.csr_array(bad), y)
    if not np.isfinite(value):
        fit = br.fit_map(
            br.Model(br.Laplace(1.0), br.Gaussian(1.0)).condition(sparse.csr_array(X), y)
        )
        with pytest.raises(BadData, match=r"'x5'.*row 7"):
            fit.predict(sparse.csr_array(bad))


def test_bad_matrices_are_refused(table):
    """No rows, indices outside, complex numbers, other widths, a sparse y."""
    X, y, _ = table
    own = sparse.csc_array(X)
    corrupt = own.copy()
    corrupt.indices[3] = 500
    model = br.Model(br.Laplace(1.0), br.Gaussian(1.0))
    for bad, response, words in (
        (sparse.csr_array((0, 4)), [], "no rows"),
        (corrupt, y, "corrupt"),
        (own.astype(complex), y, "complex"),
        (own, y[:50], "120 rows"),
        (own, sparse.csc_array(y[:, None]), "sparse"),
    ):
        with pytest.raises(BadData, match=words):
            model.condition(bad, response)
    with pytest.raises(BadData, match="columns"):
        br.fit_map(model.condition(own, y)).predict(sparse.csc_array(X[:, :4]))
    nothing = model.condition(sparse.csr_array((120, 0)), y)
    assert br.fit_map(nothing).intercept == pytest.approx(y.mean())


def test_a_pandas_frame_with_sparse_columns_keeps_its_names(table):
    """Some columns sparse, one of them filled with 1, others not; the response by name."""
    X, y, _ = table
    frame = pd.DataFrame(X, columns=list("abcdefghij"))
    frame["a"] = pd.arrays.SparseArray(X[:, 0], fill_value=0.0)
    frame["d"] = pd.arrays.SparseArray(X[:, 3], fill_value=1.0)
    problem = br.Model(br.Normal(0.5), br.Gaussian(1.0)).condition(frame.assign(price=y), "price")

    assert isinstance(problem.design.X, SparseRows)
    assert problem.features == tuple("abcdefghij")
    np.testing.assert_array_equal(np.asarray(problem.design.X), X)
    fit = br.fit_map(problem)
    np.testing.assert_allclose(fit.predict(frame[list("jihgfedcba")]), fit.predict(frame))
    frame["c"] = pd.arrays.SparseArray(np.full(120, np.nan))
    with pytest.raises(BadData, match="'c'"):
        fit.predict(frame)


@pytest.mark.usefixtures("wide")
def test_kept_columns_are_equivariant_and_weights_are_repetitions(table):
    """Units of columns and y, order of columns, and rows written out as often as they count."""
    X, y, w = table
    X = np.delete(X, 9, axis=1)
    model = br.Model(br.Laplace(0.3, unit="sigma"), br.Gaussian(1.0))
    base = br.fit_map(model.condition(sparse.csc_array(X), y, standardize=True)).beta.to_numpy()
    size, order = 10.0 ** np.arange(-4, 5), np.random.default_rng(1).permutation(9)
    scaled = model.condition(sparse.csc_array(X * size), y + 7.0, standardize=True)
    np.testing.assert_allclose(br.fit_map(scaled).beta * size, base, rtol=1e-9, atol=1e-12)
    turned = model.condition(sparse.csc_array(X[:, order]), y, standardize=True)
    np.testing.assert_allclose(br.fit_map(turned).beta, base[order], rtol=1e-9, atol=1e-12)

    counted = model.condition(sparse.csc_array(X), y, standardize=True, weights=w)
    written = model.condition(
        sparse.csc_array(np.repeat(X, w, 0)), np.repeat(y, w), standardize=True
    )
    np.testing.assert_allclose(br.fit_map(counted).beta, br.fit_map(written).beta, rtol=1e-9)


def test_one_hot_columns_are_coded_within_a_pipeline():
    """OneHotEncoder hands over a sparse X: fit, predict and a grid search as with dense columns."""
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    from bayesreg.estimators import MapRegressor

    rng = np.random.default_rng(0)
    X = rng.integers(0, 12, (150, 2)).astype(str)
    y = rng.standard_normal(12)[X[:, 0].astype(int)] + 0.1 * rng.standard_normal(150)
    found = []
    for spelled in (True, False):
        coder = OneHotEncoder(sparse_output=spelled, handle_unknown="ignore")
        model = make_pipeline(coder, MapRegressor(br.Normal(0.5), sigma=0.1))
        grid = {"mapregressor__prior__scale": [0.1, 1.0]}
        found.append(GridSearchCV(model, grid, cv=3).fit(X, y).predict(X[:5]))
    np.testing.assert_allclose(*found, atol=1e-10)


def test_sparse_rows_are_read_as_an_array_is(table):
    """What is asked of them is what is asked of their cells."""
    X, some = table[0], np.array([3, 1, 7])
    rows = SparseRows(sparse.csc_array(X))
    for ask in (
        lambda z: z[some],
        lambda z: z[2:5],
        lambda z: z[:, 3],
        lambda z: z[:, some],
        lambda z: z[some, 3],
        lambda z: z[X[:, 0] > 0],
        lambda z: z - z.mean(axis=0),
        lambda z: np.abs(z).max(axis=0),
        lambda z: z @ np.arange(10.0),
        lambda z: np.ones((2, 120)) @ z,
        lambda z: np.ones(10) @ z.T,
        len,
    ):
        np.testing.assert_allclose(ask(rows), ask(X), atol=1e-13)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        huge = SparseRows(sparse.csc_array((2**20, 2**10)))
    with pytest.raises(NotSupported, match="GiB"):
        np.asarray(huge)


@pytest.mark.parametrize("kept", [False, True])
def test_a_fit_on_a_sparse_x_is_saved_as_it_is(table, kept, request, tmp_path):
    """Only what is not zero is written; the same data have the same hash; log p(y) by draw too."""
    if kept:
        request.getfixturevalue("wide")
    dense, rare = both(br.Normal(0.5), table, standardize=True)
    fit = br.fit_map(rare)
    fit.save(tmp_path / "fit.breg")
    back = br.load(tmp_path / "fit.breg")

    assert isinstance(back.problem.design.X, SparseRows)
    np.testing.assert_array_equal(back.b, fit.b)
    np.testing.assert_array_equal(back.predict(table[0]), fit.predict(table[0]))
    assert fingerprint(rare.design) == fingerprint(dense.design)
    draws = br.sample(rare, draws=5, chains=1, seed=1).draws
    same = replace(draws, problem=dense)
    np.testing.assert_allclose(log_posterior(draws, {}), log_posterior(same, {}), rtol=1e-11)
