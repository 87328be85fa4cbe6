"""Laws of values given one per row: every door matches rows by label, and columns by name."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest

import bayesreg as br
from bayesreg.data.design import Design
from bayesreg.data.moments import Moments
from bayesreg.estimators import BayesRegressor, MapClassifier, MapRegressor, MapRegressorCV
from bayesreg.language.errors import BadArgument, BadData, BayesregWarning

RNG = np.random.default_rng(7)
N = 24
LABELS = {
    "numbers": pd.RangeIndex(N),
    "text": pd.Index([f"r{k}" for k in range(N)]),
    "dates": pd.date_range("2024-01-01", periods=N, tz="Europe/Berlin"),
    "pairs": pd.MultiIndex.from_product([range(N // 2), ["a", "b"]]),
}
ORDER = RNG.permutation(N)


def rows(labels):
    """X, y, weights and groups with these labels."""
    X = pd.DataFrame(RNG.standard_normal((N, 3)), columns=list("abc"), index=labels)
    y = X @ [1.0, 2.0, 3.0] + 0.1 * RNG.standard_normal(N)
    ones = pd.Series(np.ones(N), index=labels)
    return X, y.rename("r"), ones, pd.Series(np.arange(N) // 4, index=labels)


def model():
    return br.Model(br.Laplace(1.0), br.Gaussian(1.0))


def near(y):
    """Two classes that no line tells apart."""
    return y.abs() < y.abs().median()


def formula(X, y, w=None):
    return model().condition_formula("r ~ a + b", X.assign(r=np.asarray(y)), weights=w)


DOORS = {
    # What takes one value per row, called with one of them in another order than X.
    "Design y": lambda X, y, w, g, mix: Design.of(X, mix(y)),
    "Design weights": lambda X, y, w, g, mix: Design.of(X, y, mix(w)),
    "Design weights beside an array": lambda X, y, w, g, mix: Design.of(X.to_numpy(), y, mix(w)),
    "condition": lambda X, y, w, g, mix: model().condition(X, mix(y)),
    "condition weights": lambda X, y, w, g, mix: model().condition(X, y, weights=mix(w)),
    "formula weights": lambda X, y, w, g, mix: formula(X, y, mix(w)),
    "compare": lambda X, y, w, g, mix: br.compare(
        {"one": br.Normal(1.0)}, X, mix(y), likelihood=br.Gaussian(1.0), seed=1, draws=20
    ),
    "compare by formula": lambda X, y, w, g, mix: br.compare(
        {"one": br.Normal(1.0)},
        formula="r ~ a + b",
        data=X.assign(r=y),
        weights=mix(w),
        seed=1,
        likelihood=br.Gaussian(1.0),
        draws=20,
    ),
    "regressor by formula": lambda X, y, w, g, mix: MapRegressor(
        br.Normal(1.0), sigma=1.0, formula="r ~ a + b"
    ).fit(X, mix(y)),
    "Moments y": lambda X, y, w, g, mix: Moments.of(X, mix(y)),
    "Moments weights": lambda X, y, w, g, mix: Moments.of(X, y, mix(w)),
    "blocks y": lambda X, y, w, g, mix: Moments.from_blocks([(X, mix(y))]),
    "blocks weights": lambda X, y, w, g, mix: Moments.from_blocks([(X, y, mix(w))]),
    "choose groups": lambda X, y, w, g, mix: br.choose(
        model().condition(X, y), ["cv"], lams=[1.0, 2.0], groups=mix(g), folds=3
    ),
    "regressor y": lambda X, y, w, g, mix: MapRegressor(sigma=1.0).fit(X, mix(y)),
    "regressor weights": lambda X, y, w, g, mix: MapRegressor(sigma=1.0).fit(X, y, mix(w)),
    "classifier y": lambda X, y, w, g, mix: MapClassifier(br.Normal(1.0)).fit(X, mix(near(y))),
    "classifier weights": lambda X, y, w, g, mix: MapClassifier(br.Normal(1.0)).fit(
        X, near(y), mix(w)
    ),
    "regressor groups": lambda X, y, w, g, mix: MapRegressorCV(lams=[1.0, 2.0], cv=3).fit(
        X, y, groups=mix(g)
    ),
}


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
def test_other_row_labels_are_refused_and_equal_ones_are_not(door):
    """The control is the same call with the labels in the order of X."""
    for labels in LABELS.values():
        X, y, w, g = rows(labels)
        with pytest.raises(BadData, match="different pandas indexes; rows are never aligned"):
            door(X, y, w, g, lambda values: values.iloc[ORDER])
        door(X, y, w, g, lambda values: values)


def test_labels_survive_rows_of_weight_zero():
    for labels in LABELS.values():
        X, y, w, g = rows(labels)
        w.iloc[[2, 5]] = 0.0
        problem, kept = model().condition(X, y, weights=w), np.asarray(w > 0)
        g = g[kept]
        br.choose(problem, ["cv"], lams=[1.0, 2.0], groups=g, folds=3)
        with pytest.raises(BadData, match="X and groups have different"):
            br.choose(problem, ["cv"], lams=[1.0, 2.0], groups=g[::-1], folds=3)


@pytest.mark.parametrize("door", ["Design weights", "Moments weights", "blocks weights"])
@pytest.mark.parametrize(
    "spoiled, words",
    [
        (lambda w: w[:-1], f"X has {N} rows and weights has {N - 1}"),
        (lambda w: w.where(w.index != w.index[3]), "weights has missing"),
        (lambda w: w * -1, "must not be negative; weights"),
        (lambda w: w.astype(str), "numbers as text"),
        (lambda w: w * np.inf, "infinite"),
        (lambda w: w * 0, "all weights are zero"),
    ],
    ids=["short", "missing", "negative", "text", "infinite", "zero"],
)
def test_bad_weights_are_refused_alike(door, spoiled, words):
    X, y, w, g = rows(LABELS["numbers"])
    with pytest.raises(BadData, match=words):
        DOORS[door](X, y, w, g, spoiled)


def test_groups_are_one_label_per_row():
    X, y, _, g = rows(LABELS["numbers"])
    problem = model().condition(X, y)
    for wrong, words in [
        (g[:-1], "shape"),
        (g.astype(object).where(g != 2), "no label in row 8"),
        (pd.Series(["a", 1] * 12), "mixes labels"),
        (g.to_frame().assign(b=1), "shape"),
    ]:
        with pytest.raises((BadArgument, BadData), match=words):
            br.choose(problem, ["cv"], lams=[1.0], groups=wrong)
    expected = br.choose(problem, ["cv"], lams=[1.0, 5.0], groups=g.to_numpy(), folds=3).table
    for same in (g, pl.Series(g.to_numpy()), g.tolist(), g.to_frame(), g.map("g{}".format)):
        found = br.choose(problem, ["cv"], lams=[1.0, 5.0], groups=same, folds=3).table
        pd.testing.assert_frame_equal(found, expected)


# Columns by name ------------------------------------------------------------------------------


def blocks(X, y, change):
    return [(X[:10], y[:10]), change(X[10:], y[10:])]


def same(first, second):
    np.testing.assert_allclose(first.cross, second.cross, rtol=1e-12, atol=1e-10)
    np.testing.assert_allclose(first.x_mean, second.x_mean, rtol=1e-12)
    assert first.names == second.names


@pytest.mark.parametrize("kind", [lambda x: x, pl.from_pandas], ids=["pandas", "polars"])
def test_blocks_and_sums_go_by_name(kind):
    X, y, *_ = rows(LABELS["numbers"])
    whole = Moments.of(X, y)
    both = blocks(X, y, lambda x, v: (x[["c", "a", "b"]], v))
    read = [(kind(x.reset_index(drop=True)), v.to_numpy()) for x, v in both]
    same(Moments.from_blocks(read), whole)
    same(Moments.from_blocks(iter(read)), whole)
    first, second = (Moments.of(*one) for one in read)
    same(first + second, whole)
    same((first + second) - second, first)


def test_the_second_pass_goes_by_name():
    """Nearly collinear columns are read twice, and kept as a root."""
    X, y, *_ = rows(LABELS["numbers"])
    X["b"] = X["a"] + 1e-7 * X["b"]
    whole = Moments.of(X, y)
    read = Moments.from_blocks(blocks(X, y, lambda x, v: (x[["c", "a", "b"]], v)))
    assert whole.root is not None
    assert read.root is not None
    same(read, whole)
    same(Moments.of(X[["b", "c", "a"]][:12], y[:12]) + Moments.of(X[12:], y[12:]), Moments.of(
        X[["b", "c", "a"]], y
    ))  # fmt: skip


OTHER_NAMES = {
    "another name": (lambda x, v: (x.rename(columns={"a": "z"}), v), "lacks 'a' and has 'z'"),
    "one more": (lambda x, v: (x.assign(d=1.0), v), "4 columns; those before have 3"),
    "another y": (lambda x, v: (x, v.rename("s")), "called 's', and 'r' before"),
}


@pytest.mark.parametrize("change, words", OTHER_NAMES.values(), ids=OTHER_NAMES)
def test_other_names_are_refused(change, words):
    X, y, *_ = rows(LABELS["numbers"])
    with pytest.raises(BadData, match=words):
        Moments.from_blocks(blocks(X, y, change))
    with pytest.raises(BadArgument, match=r"differ|is called"):
        Moments.of(X[:10], y[:10]) + Moments.of(*change(X[10:], y[10:]))


def test_arrays_go_by_position_and_a_mixture_says_so():
    X, y, *_ = rows(LABELS["numbers"])
    whole = Moments.of(X, y)
    plain = Moments.from_blocks(blocks(X.to_numpy(), y.to_numpy(), lambda x, v: (x, v)))
    np.testing.assert_allclose(plain.cross, whole.cross, rtol=1e-12)
    with pytest.warns(BayesregWarning, match="in the order of 'a', 'b', 'c'"):
        same(Moments.from_blocks(blocks(X, y, lambda x, v: (x.to_numpy(), v))), whole)


def test_names_that_swap_columns_are_refused():
    X, y, *_ = rows(LABELS["numbers"])
    with pytest.raises(BadArgument, match="the names of each other"):
        Moments.of(X, y, names=["c", "a", "b"])
    assert Moments.of(X, y, names=["u", "v", "w"]).names == ("u", "v", "w")


# Warnings -------------------------------------------------------------------------------------


@pytest.mark.parametrize("weight", [0.1, 1 / N])
def test_small_weights_are_mentioned_by_estimators(weight):
    X, y, *_ = rows(LABELS["numbers"])
    for estimator, response in [
        (MapRegressor(br.Normal(1.0), sigma=1.0), y),
        (BayesRegressor(br.Normal(1.0), sigma=1.0, draws=20, random_state=1), y),
        (MapClassifier(br.Normal(1.0)), near(y)),
    ]:
        with pytest.warns(BayesregWarning, match="look normalised"):
            estimator.fit(X, response, sample_weight=np.full(N, weight))
        estimator.fit(X, response, sample_weight=np.ones(N))  # in silence


def test_too_few_rows_by_weight_says_what_n_is():
    X, y, *_ = rows(LABELS["numbers"])
    with (
        pytest.warns(BayesregWarning, match="look normalised"),
        pytest.raises(BadData, match=r"N is the sum of the weights.*multiply them"),
    ):
        br.Model().condition(X, y, weights=np.full(N, 1 / N))


def test_a_comparison_says_and_keeps_what_the_data_warn_of():
    X, y, *_ = rows(LABELS["numbers"])
    with pytest.warns(BayesregWarning) as caught:
        fits = br.compare(
            {"one": br.Normal(1.0)}, X.assign(a=1e3 * X["a"]), y, seed=1, draws=20,
            likelihood=br.Gaussian(1.0), weights=np.full(N, 0.1),
        )  # fmt: skip
    assert len(fits.warnings) == 2
    assert {str(w.message) for w in caught} == set(fits.warnings)


def test_folds_of_labels_are_refused():
    """Row numbers they would be taken for; where labels are row numbers they are both."""
    shuffled = pd.Index(ORDER)
    X, y, *_ = rows(shuffled)
    problem = model().condition(X, y)
    for folds in ([X.index[:8], X.index[8:]], [(X.index[8:], X.index[:8])]):
        with pytest.raises(BadArgument, match=r"X\.index\.get_indexer"):
            br.choose(problem, ["cv"], lams=[1.0], folds=folds)
        numbers = [
            tuple(X.index.get_indexer(part) for part in one)
            if isinstance(one, tuple)
            else X.index.get_indexer(one)
            for one in folds
        ]
        br.choose(problem, ["cv"], lams=[1.0], folds=numbers)
    X, y, *_ = rows(LABELS["numbers"])
    br.choose(model().condition(X, y), ["cv"], lams=[1.0], folds=[X.index[:8], X.index[8:]])
