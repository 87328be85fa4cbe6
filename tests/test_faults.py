"""Bad input, row by row: what must happen, and the words that must say so.

Numbers are those of the project's list of faults; each row is one of them. Data faults are raised
by `condition`, so that nothing is fitted first.
"""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import bayesreg as br
from bayesreg.language.errors import BadArgument, BadData, BayesregWarning, NotSupported

pytestmark = pytest.mark.filterwarnings("ignore::bayesreg.language.errors.BayesregWarning")

RNG = np.random.default_rng(20)
X = RNG.standard_normal((30, 3)) + 1.0
Y = X @ [1.0, 0.0, -2.0] + 0.3 * RNG.standard_normal(30) + 5.0
FRAME = pd.DataFrame(X, columns=["a", "b", "c"])
MODEL = br.Model(br.Normal(1.0, unit="sigma"))
LASSO = br.Model(br.Laplace(0.5), br.Gaussian(0.3))


def spoiled(value, column="b", row=4):
    """The frame with one cell replaced."""
    out = FRAME.astype(object)
    out.loc[row, column] = value
    return out


def numeric(value, column="b", row=4):
    """The frame with one number replaced, dtype kept."""
    out = FRAME.copy()
    out.loc[row, column] = value
    return out


def y_with(value, row=4):
    """y with one number replaced."""
    out = Y.copy()
    out[row] = value
    return out


# number, X, y, keyword arguments, words of the error
DATA = [
    (1, numeric(np.nan), Y, {}, r"'b'.*row 4|'b'.*4"),
    (2, FRAME, y_with(np.nan), {}, "y"),
    (3, numeric(np.inf), Y, {}, "'b'.*infinite|infinite.*'b'"),
    (3, FRAME, y_with(-np.inf), {}, "infinite"),
    (4, spoiled(None), Y, {}, "'b'"),
    (4, spoiled(pd.NA), Y, {}, "'b'"),
    (5, FRAME.iloc[:0], Y[:0], {}, "rows"),
    (6, np.empty((30, 0)), Y, {"intercept": False}, "column"),
    (8, X[:, 0], Y, {}, "reshape|2-D|two-dimensional"),
    (9, X[None], Y, {}, "3|dimension"),
    (10, FRAME, np.column_stack([Y, Y]), {}, r"\(30, 2\)|one column"),
    (11, FRAME, Y[:-1], {}, "30.*29|29.*30"),
    (12, FRAME, pd.Series(Y, index=np.arange(1, 31)), {}, "index"),
    (13, FRAME.set_axis(["a", "b", "a"], axis=1), Y, {}, "'a'"),
    (14, FRAME.set_axis([1, "1", 2], axis=1), Y, {}, "'1'"),
    (15, spoiled("1.5").assign(b=[str(v) for v in X[:, 1]]), Y, {}, "'b'"),
    (16, FRAME.assign(b=["x", "y", "z"] * 10), Y, {}, "'b'"),
    (16, FRAME.assign(b=pd.Categorical(["x", "y", "z"] * 10)), Y, {}, "'b'"),
    (18, FRAME.assign(b=pd.date_range("2020-01-01", periods=30)), Y, {}, "'b'"),
    (18, FRAME.assign(b=pd.to_timedelta(np.arange(30), unit="D")), Y, {}, "'b'"),
    (19, X.astype(complex), Y, {}, "complex"),
    (19, FRAME, Y.astype(complex), {}, "complex"),
    (20, X, sparse.csr_array(Y[:, None]), {}, "sparse|toarray"),
    (26, np.ma.masked_array(X, mask=X > 2.5), Y, {}, "mask"),
    (27, np.asmatrix(X), Y, {}, "matrix"),
    (40, FRAME, Y, {"weights": np.r_[-1.0, np.ones(29)]}, "negative|weight"),
    (40, FRAME, Y, {"weights": np.r_[np.nan, np.ones(29)]}, "weight"),
    (40, FRAME, Y, {"weights": np.zeros(30)}, "weight"),
    (41, FRAME, np.full(30, 2.5), {}, "zero residual variance"),
    (58, FRAME, Y, {"prior": {"d": br.Normal(1.0), ...: br.Normal(1.0)}}, "'d'"),
    (59, X[:3], Y[:3], {"prior": br.Flat()}, "n <= p"),
]


@pytest.mark.parametrize(
    "number, columns, y, options, words",
    DATA,
    ids=[f"{row[0]}-{i}" for i, row in enumerate(DATA)],
)
def test_bad_data_is_an_error_that_names_it(number, columns, y, options, words):
    """Raised as a ValueError or TypeError of ours, with the column, row or argument in it."""
    options = dict(options)
    prior = options.pop("prior", None)
    model = MODEL if prior is None else br.Model(prior)
    with pytest.raises((BadData, BadArgument), match=f"(?s){words}"):
        model.condition(columns, y, **options)


def _beta(columns, y, model=LASSO, **options):
    return br.fit_map(model.condition(columns, y, **options)).beta.to_numpy()


REFERENCE = _beta(X, Y)
SAME = {
    "17 bool": (np.column_stack([X[:, :2], X[:, 2] > 1]), np.column_stack([X[:, :2], X[:, 2] > 1])),
    "21 int8": ((X * 20).astype(np.int8), (X * 20).astype(np.int8).astype(float)),
    "21 uint8": ((np.abs(X) * 20).astype(np.uint8), (np.abs(X) * 20).astype(np.uint8) * 1.0),
    "23 float32": (X.astype(np.float32), X.astype(np.float32).astype(float)),
    "23 float16": (X.astype(np.float16), X.astype(np.float16).astype(float)),
    "25 fortran": (np.asfortranarray(X), X),
    "25 strides": (X[:, ::-1][:, ::-1], X),
    "25 lists": (X.tolist(), X),
    "28 generator": ((row for row in X), X),
    "28 subclass": (type("Frame", (pd.DataFrame,), {})(X, columns=list("abc")), X),
}


@pytest.mark.parametrize("name", SAME)
def test_storage_does_not_matter(name):
    """Fault 17–28: the same numbers give the same answer to 1e-12, and X is not modified."""
    given, plain = SAME[name]
    if name == "28 generator":  # used up by being read
        np.testing.assert_allclose(_beta(given, Y), REFERENCE, rtol=1e-12)
        return
    before = np.array(given, copy=True)
    np.testing.assert_allclose(_beta(given, Y), _beta(np.asarray(plain, float), Y), rtol=1e-12)
    np.testing.assert_array_equal(np.array(given), before)


def test_bool_frame_column_is_zero_one():
    """Fault 17 in a frame."""
    frame = FRAME.assign(c=X[:, 2] > 1)
    np.testing.assert_allclose(_beta(frame, Y), _beta(frame.astype(float), Y), rtol=1e-12)


def test_memory_map_is_read_only_and_fine(tmp_path):
    """Fault 25: a read-only memory map is used as it lies."""
    np.save(tmp_path / "x.npy", X)
    np.testing.assert_allclose(_beta(np.load(tmp_path / "x.npy", mmap_mode="r"), Y), REFERENCE)


WARNED = [
    (10, lambda: MODEL.condition(X, Y[:, None]), "ravel|shape"),
    (22, lambda: MODEL.condition(2**53 + np.arange(30)[:, None], Y), "float64 rounds"),
    (29, lambda: MODEL.condition(FRAME.assign(b=3.0), Y), "'b' is constant"),
    (30, lambda: MODEL.condition(FRAME.assign(b=0.0), Y), "'b'"),
    (31, lambda: MODEL.condition(FRAME.assign(b=FRAME["a"]), Y), "linear combination"),
    (32, lambda: MODEL.condition(FRAME.assign(b=FRAME["a"] + 1e-12 * X[:, 1]), Y), "condition num"),
    (22, lambda: LASSO.condition(X, 2**52 + np.arange(30) % 9), "y .* lies between 450359962737"),
    (22, lambda: LASSO.condition(np.c_[X, 2**52 + np.arange(30) % 9], Y), "'x4' lies between 450"),
    (40, lambda: MODEL.condition(X, Y, weights=np.full(30, 1 / 30 * 2)), "normalised"),
]  # fmt: skip


@pytest.mark.filterwarnings("always::bayesreg.language.errors.BayesregWarning")
@pytest.mark.parametrize(
    "number, run, words", WARNED, ids=[f"{w[0]}-{i}" for i, w in enumerate(WARNED)]
)
def test_warned(number, run, words):
    """Warned of with our class; what the result needs is also stored in it."""
    with pytest.warns(BayesregWarning, match=words):
        problem = run()
    if number in (29, 30, 31, 32):
        assert problem.warnings


def test_flat_on_a_constant_or_collinear_column_is_an_error():
    """Fault 29 and 31 under Flat: named, and refused."""
    flat = br.Model({"b": br.Flat(), ...: br.Normal(1.0)})
    with pytest.raises(BadData, match="'b' is constant"):
        flat.condition(FRAME.assign(b=3.0), Y)
    with pytest.raises(BadData, match="linear combination"):
        br.Model(br.Flat()).condition(FRAME.assign(b=FRAME["a"] * 2), Y)


def test_duplicate_columns_share_under_ridge():
    """Fault 31: an equal split."""
    beta = _beta(np.column_stack([X, X[:, 0]]), Y, br.Model(br.Normal(1.0), br.Gaussian(0.3)))
    assert beta[0] == pytest.approx(beta[3], rel=1e-9)


@pytest.mark.parametrize(
    "shift, scale, tolerance", [(1e9, 1.0, 1e-6), (1e8, 1e-6, 1e-1), (-3e7, 1e3, 1e-8)]
)
def test_offsets_do_not_matter(shift, scale, tolerance):
    """Fault 33, 34: a large mean costs only the digits that storing it cost."""
    stored = X * scale + shift
    exact = stored - shift  # what the storage kept
    model = br.Model(br.Normal(0.7), br.Gaussian(0.3))
    far = _beta(stored, Y, model, standardize=True) * scale
    near = _beta(exact, Y, model, standardize=True) * scale
    np.testing.assert_allclose(far, near, rtol=tolerance)


@pytest.mark.parametrize("factor", [1e200, 1e-200])
def test_extreme_units_are_a_clear_error(factor):
    """Fault 35: never NaN, never a silent zero."""
    for columns, y in ((X * factor, Y), (X, Y * factor)):
        with pytest.raises(BadData, match=r"rescale|divide|unit"):
            MODEL.condition(columns, y, standardize=True)


def test_mixed_scales_are_certified():
    """Fault 36: 1e-12 to 1e12 in one X."""
    columns = X * [1e-12, 1.0, 1e12]
    for prior in (br.Normal(1.0), br.Laplace(1.0), br.ElasticNet(1.0)):
        assert br.fit_map(br.Model(prior, br.Gaussian(0.3)).condition(columns, Y)).certificate.ok


def test_more_columns_than_rows():
    """Fault 37: n = 20, p = 2000; certified."""
    wide = RNG.standard_normal((20, 2000))
    y = wide[:, 0] * 3 + RNG.standard_normal(20)
    for prior in (br.Normal(0.1), br.Laplace(0.1)):
        problem = br.Model(prior, br.Gaussian(1.0)).condition(wide, y, standardize=True)
        assert br.fit_map(problem).certificate.ok


def test_one_repeated_row_has_rank_zero_about_its_mean():
    """Fault 39: columns are constant then, and said to be."""
    with pytest.warns(BayesregWarning, match="constant"):
        problem = MODEL.condition(np.repeat(X[:1], 9, axis=0), Y[:9])
    assert np.all(br.fit_map(problem).beta == 0)


def test_weights_are_frequencies():
    """Fault 40: integer weights are repetitions and zero rows are gone, to 1e-10."""
    w = RNG.integers(0, 4, 30).astype(float)
    again = np.repeat(np.arange(30), w.astype(int))
    np.testing.assert_allclose(_beta(X, Y, weights=w), _beta(X[again], Y[again]), rtol=1e-10)


def test_one_row_needs_a_known_or_proper_sigma():
    """Fault 7."""
    with pytest.raises(BadData, match="too few rows"):
        MODEL.condition(X[:1], Y[:1])
    for sigma in (0.5, br.HalfNormal(1.0)):
        fit = br.fit_map(br.Model(br.Normal(1.0), br.Gaussian(sigma)).condition(X[:1], Y[:1]))
        assert np.all(fit.beta == 0)


def test_a_perfect_fit_needs_another_sigma():
    """Fault 42: noiseless y, refused with the cure."""
    with pytest.raises(BadData, match="zero residual variance"):
        br.Model(br.Normal(1.0)).condition(X, X @ [1.0, 2.0, 3.0])
    with pytest.raises(BadData, match="zero residual variance"):
        br.closed_form(br.Model(br.Flat()).condition(X, X @ [1.0, 2.0, 3.0]))


def test_no_columns_is_an_intercept_only_fit():
    """Fault 6."""
    fit = br.fit_map(MODEL.condition(np.empty((30, 0)), Y))
    assert fit.intercept == pytest.approx(Y.mean())


PROBLEM = LASSO.condition(FRAME, Y)


BAD_COUNTS = [0, -1, 2.5, True, "10"]
COUNTS = [(name, bad) for name in ("draws", "chains", "tune") for bad in BAD_COUNTS]
COUNTS += [("draws", None), ("chains", None)]  # for `tune`, None is the default


@pytest.mark.parametrize("name, bad", COUNTS)
def test_counts_must_be_positive_integers(name, bad):
    """Fault 62."""
    with pytest.raises(BadArgument, match=name):
        br.sample(PROBLEM, **{name: bad})


@pytest.mark.parametrize("level", [0, 1, 1.5, 95, "0.9", True])
def test_levels(level):
    """Fault 64."""
    closed = br.closed_form(br.Model(br.Normal(1.0), br.Gaussian(0.3)).condition(FRAME, Y))
    with pytest.raises(BadArgument, match="level"):
        closed.interval(level)


PREDICT = [
    (66, FRAME[["a", "b"]], "'c'"),
    (66, FRAME.assign(d=1.0), "'d'"),
    (66, FRAME.rename(columns={"c": "C"}), "'c'|'C'"),
    (68, numeric(np.nan), "'b'"),
    (68, X[:, :2], "3|columns"),
]


@pytest.mark.parametrize(
    "number, rows, words", PREDICT, ids=[f"{p[0]}-{i}" for i, p in enumerate(PREDICT)]
)
def test_prediction_checks_its_columns(number, rows, words):
    """Fault 66, 68."""
    with pytest.raises((BadData, BadArgument), match=f"(?s){words}"):
        br.fit_map(PROBLEM).predict(rows)


def test_prediction_by_name_by_row_and_of_nothing():
    """Fault 66 (reordered by name), 69, 70."""
    fit = br.fit_map(PROBLEM)
    np.testing.assert_allclose(fit.predict(FRAME[["c", "a", "b"]]), fit.predict(FRAME), rtol=1e-12)
    assert fit.predict(FRAME.iloc[:0]).shape == (0,)
    alone = [fit.predict(FRAME.iloc[[i]])[0] for i in range(5)]
    np.testing.assert_allclose(alone, fit.predict(FRAME)[:5], rtol=1e-12)


def test_unseen_category_is_named():
    """Fault 67: and fewer categories than at fit keep the coding."""
    frame = FRAME.assign(g=["x", "y", "z"] * 10, y=Y)
    fit = br.fit_map(LASSO.condition_formula("y ~ a + C(g)", frame))
    with pytest.raises(BadData, match="w"):
        fit.predict(frame.assign(g="w"))
    part = frame[frame["g"] == "x"]
    np.testing.assert_allclose(fit.predict(part), fit.predict(frame)[::3], rtol=1e-12)


def test_seeds():
    """Fault 76, 77: the same seed the same draws; chains and neighbouring seeds all differ."""
    problem = br.Model().condition(FRAME, Y)
    one, two = (br.sample(problem, seed=s, draws=50) for s in (3, 3))
    np.testing.assert_array_equal(one.draws.beta, two.draws.beta)
    other = br.sample(problem, seed=4, draws=50)
    streams = [*one.draws.beta[..., 0], *other.draws.beta[..., 0]]
    assert len({tuple(s) for s in streams}) == len(streams)
    free = br.sample(problem, draws=50)
    again = br.sample(problem, draws=50, seed=free.draws.seed)
    np.testing.assert_array_equal(free.draws.beta, again.draws.beta)


def test_global_state_is_left_alone():
    """Fault 78: numpy's global generator and the warning filters."""
    np.random.seed(1)  # noqa: NPY002
    before, filters = np.random.get_state()[1].copy(), list(warnings.filters)  # noqa: NPY002
    br.sample(br.Model(br.Laplace()).condition(FRAME, Y), draws=30, tune=30, seed=1)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    assert list(warnings.filters) == filters


def test_one_chain_has_no_r_hat_and_says_so():
    """Fault 63."""
    post = br.sample(br.Model(br.Laplace()).condition(FRAME, Y), chains=1, draws=200, seed=1)
    assert "not available" in post.checks.why


def test_results_survive_pickle_and_deepcopy():
    """Fault 91: draws equal."""
    post = br.sample(br.Model().condition(FRAME, Y), draws=20, seed=1)
    for clone in (pickle.loads(pickle.dumps(post)), copy.deepcopy(post)):
        np.testing.assert_array_equal(clone.draws.beta, post.draws.beta)
    fit = pickle.loads(pickle.dumps(br.fit_map(PROBLEM)))
    assert fit.beta.equals(br.fit_map(PROBLEM).beta)


def test_save_and_load_round_trip(tmp_path):
    """Fault 87, 90: what is saved comes back; a flipped bit and an existing file are errors."""
    post = br.sample(br.Model().condition(FRAME, Y), draws=20, seed=1)
    file = tmp_path / "post.bayesreg"
    post.save(file)
    back = br.load(file)
    np.testing.assert_array_equal(back.draws.beta, post.draws.beta)
    np.testing.assert_allclose(back.predict(FRAME), post.predict(FRAME), rtol=1e-12)
    with pytest.raises(BadArgument, match="overwrite"):
        post.save(file)
    fit = br.fit_map(PROBLEM)
    fit.save(tmp_path / "fit.bayesreg")
    assert br.load(tmp_path / "fit.bayesreg").beta.equals(fit.beta)
    raw = bytearray(file.read_bytes())
    raw[len(raw) // 2] ^= 1
    file.write_bytes(bytes(raw))
    with pytest.raises(BadData, match="corrupt"):
        br.load(file)


HOSTILE = [
    "<script>alert(1)</script>",
    '"><img onerror=x>',
    "{{x}}",
    "$a_b\\c$",
    "x" * 10_000,
    "=1+2",
]


def test_hostile_names_plot_and_print():
    """Fault 92, 93: nothing raises, and nothing comes out unescaped."""
    frame = pd.DataFrame(RNG.standard_normal((40, 6)), columns=HOSTILE)
    problem = br.Model(br.Normal(1.0), br.Gaussian(1.0)).condition(frame, RNG.standard_normal(40))
    fit, post = br.fit_map(problem), br.sample(problem, draws=50, seed=1)
    for text in (fit._repr_html_(), post._repr_html_()):
        assert "<script>" not in text
        assert "<img" not in text
    fit.plot().figure.canvas.draw()
    post.plot().figure.canvas.draw()
    br.path(problem, n=5).plot().figure.canvas.draw()


def test_plots_leave_matplotlib_alone():
    """Fault 96: backend and rcParams unchanged."""
    import matplotlib as mpl

    before, backend = dict(mpl.rcParams), mpl.get_backend()
    br.fit_map(PROBLEM).plot()
    assert mpl.get_backend() == backend
    assert dict(mpl.rcParams) == before


PROGRAM = """
import numpy as np
import bayesreg as br
data = br.load_dataset("diabetes")
problem = br.Model(br.Laplace(25.0), br.Gaussian(54.0)).condition(data.X, data.y, standardize=True)
print(repr(br.fit_map(problem).beta.tolist()))
print(repr(br.sample(problem, draws=20, tune=20, seed=1).draws.beta.sum()))
"""


@pytest.mark.slow
def test_environment_does_not_matter():
    """Fault 98: hash seed, time zone, -O and -W error leave the numbers alone."""

    def run(*flags, **env):
        out = subprocess.run(
            [sys.executable, *flags, "-c", PROGRAM],
            env={**os.environ, **env}, capture_output=True, text=True, check=True,
        )  # fmt: skip
        return out.stdout

    plain = run()
    assert run("-O", PYTHONHASHSEED="7", TZ="Asia/Tokyo") == plain
    assert run("-W", "error::UserWarning") == plain


def test_without_pymc_everything_else_works():
    """Fault 99: import and other engines work; the engine's error says what to install."""
    program = (
        "import sys; sys.modules['pymc'] = None\n"
        "import bayesreg as br\n"
        "d = br.load_dataset('diabetes')\n"
        "p = br.Model().condition(d.X, d.y, standardize=True)\n"
        "br.sample(p, draws=10)\n"
        "try:\n    br.sample(p, engine='nuts')\n"
        "except br.NotSupported as e:\n    print(e)\n"
    )
    out = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "pymc" in out.stdout
    assert "install" in out.stdout


def test_comparisons_need_the_same_rows():
    """Fault 100."""
    import arviz_stats as az

    from bayesreg.diagnostics import compare_elpd

    one = br.sample(br.Model().condition(FRAME, Y), draws=200, seed=1)
    two = br.sample(br.Model().condition(FRAME, Y * 2), draws=200, seed=1)
    with pytest.raises((BadArgument, BadData, NotSupported), match=r"y|rows|data"):
        compare_elpd({"one": one.loo(), "two": two.loo()})
    three = br.sample(br.Model(br.Laplace()).condition(FRAME, Y), draws=500, seed=1)
    assert len(az.compare({"one": one.loo(), "three": three.loo()})) == 2


def test_estimator_before_fit():
    """Fault 65."""
    from sklearn.exceptions import NotFittedError

    from bayesreg.estimators import MapRegressor

    with pytest.raises(NotFittedError):
        MapRegressor().predict(X)


def test_no_public_message_holds_a_machine_path():
    """What is shipped names no path of the machine that it was written on."""
    root = Path(br.__file__).parent
    home = str(Path.home())
    for file in root.rglob("*.py"):
        assert f"{home}/" not in file.read_text(encoding="utf-8"), file
