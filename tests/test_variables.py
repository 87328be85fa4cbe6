"""Laws of variables: their type is the fit's, each row is its own, weights are repetitions."""

from __future__ import annotations

import unicodedata
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import bayesreg as br
from bayesreg.data.formula import design_from_formula
from bayesreg.data.rowwise import refuse_batchwise
from bayesreg.estimators import MapRegressor
from bayesreg.language.errors import BadArgument, BadData, BayesregWarning

RNG = np.random.default_rng(31)
N = 48
X = RNG.uniform(1, 9, N)
FRAME = pd.DataFrame(
    {
        "y": X + RNG.standard_normal(N),
        "x": X,
        "k": RNG.permutation([1, 2, 10] * 16),
        "zero_one": RNG.permutation([0, 1] * 24),
        "flag": RNG.permutation([False, True] * 24),
        "text": RNG.permutation(list("abc") * 16),
        "rooms": pd.Categorical(RNG.permutation([1, 2, 10] * 16)),
        "grade": pd.Categorical(RNG.permutation(list("qp") * 24), categories=["q", "p"]),
        "truth": pd.Categorical(RNG.permutation([False, True] * 24)),
        "band": pd.cut(X, [0, 3, 6, 9]),
    }
)
# formula, new values -> the same values in the type of the fit
BY_VALUE = {
    "numbers for categories": ("rooms", [1, 2, 10], pd.Categorical([1, 2, 10])),
    "floats for categories": ("rooms", [1.0, 10.0], pd.Categorical([1, 10], categories=[1, 2, 10])),
    "categories in another order": ("rooms", pd.Categorical([10, 1], categories=[10, 1]), [10, 1]),
    "text for categories": ("grade", ["p", "q"], pd.Categorical(["p", "q"])),
    "categories for text": ("text", pd.Categorical(["c", "a"]), ["c", "a"]),
    "bools for categories": ("truth", [True, False], pd.Categorical([True, False])),
    "0 and 1 for bools": ("flag", [1, 0], [True, False]),
    "categories for bools": ("flag", pd.Categorical([True, False]), [True, False]),
    "0 and 1 for a factor of bools": ("C(flag)", [1.0, 0.0], [True, False]),
    "bools for 0 and 1": ("zero_one", [True, False], [1, 0]),
    "bools for a factor of 0 and 1": ("C(zero_one)", [True, False], [1, 0]),
    "floats for a factor of integers": ("C(k)", [10.0, 1.0], [10, 1]),
    "categories for a factor of integers": ("C(k)", pd.Categorical([10, 1]), [10, 1]),
    "intervals": ("band", pd.cut([1.0, 8.0], [0, 3, 6, 9]), pd.cut([2.0, 7.0], [0, 3, 6, 9])),
}


def column(term):
    return term.removeprefix("C(").removesuffix(")")


@pytest.mark.parametrize("term, new, same", BY_VALUE.values(), ids=BY_VALUE)
def test_another_type_is_coded_by_value(term, new, same):
    design = design_from_formula(f"y ~ {term}", FRAME)
    name = column(term)
    coded = design.encode(pd.DataFrame({name: new}))
    assert np.array_equal(coded, design.encode(pd.DataFrame({name: same})))
    for row, value in enumerate(same):  # and both are the coding of the fit
        assert np.array_equal(coded[row], design.X[np.flatnonzero(FRAME[name] == value)[0]])


OTHERWISE = {
    "text of numbers for categories": ("rooms", ["1", "2"], "category '1' in row 0.*1, 2, 10; '1'"),
    "unknown number": ("rooms", [1, 3], "category '3' in row 1"),
    "text for numbers": ("x", ["1.5"], "holds text, and held numbers at the fit"),
    "text for a factor of numbers": ("C(k)", ["1"], "holds text, and held numbers at the fit"),
    "categories for numbers": (
        "x",
        pd.Categorical([1, 2]),
        r"holds categories \(1, 2\), and held n",
    ),
    "bools for numbers": ("x", [True, False], "holds true and false, and held numbers"),
    "numbers for text": ("text", [1, 2], "holds numbers, and held text at the fit"),
    "bools for text": ("text", [True], "holds true and false, and held text"),
    "2 for bools": ("flag", [0, 2], "holds numbers, and held true and false at the fit"),
    "text for bools": ("flag", ["True"], "holds text, and held true and false"),
    "text for categories of bools": ("truth", ["True"], "category 'True' .*; 'True' is str"),
}


@pytest.mark.parametrize("term, new, words", OTHERWISE.values(), ids=OTHERWISE)
def test_another_type_is_refused_with_what_it_was_and_is(term, new, words):
    design = design_from_formula(f"y ~ {term}", FRAME)
    with pytest.raises(BadData, match=words):
        design.encode(pd.DataFrame({column(term): new}))


@pytest.mark.parametrize("make", [pl.DataFrame, pa.table], ids=["polars", "arrow"])
def test_categories_are_coded_by_value_from_other_frames(make):
    design = design_from_formula("y ~ rooms + grade", FRAME)
    new = {"rooms": [10, 1], "grade": ["p", "q"]}
    assert np.array_equal(design.encode(make(new)), design.encode(pd.DataFrame(new)))


PLAIN = {
    "bools": ("flag", [True, False], [1.0, 0.0], None),
    "0 and 1 for bools": ("flag", [1, 0], [1.0, 0.0], None),
    "bools for 0 and 1": ("zero_one", [True, False], [1.0, 0.0], None),
    "2 for bools": ("flag", [2, 0], None, "holds numbers, and held true and false at the fit"),
    "bools for numbers": ("x", [True, False], None, "holds true and false, and held numbers"),
    "text": ("x", ["a", "b"], None, "'x' of .*X holds text"),
    "categories": ("x", pd.Categorical([1, 2]), None, "'x' of .*X holds .*categories"),
}


@pytest.mark.parametrize("name, new, coded, words", PLAIN.values(), ids=PLAIN)
@pytest.mark.parametrize("door", ["condition", "estimator", "saved"])
def test_plain_columns_keep_their_type(door, name, new, coded, words, tmp_path):
    columns = FRAME[["k", name]]
    fit = br.fit_map(br.Model(br.Normal(1.0)).condition(columns, FRAME["y"]))
    if door == "estimator":
        fit = MapRegressor(br.Normal(1.0)).fit(columns, FRAME["y"])
    elif door == "saved":
        fit.save(tmp_path / "fit.breg")
        fit = br.load(tmp_path / "fit.breg")
    frame = pd.DataFrame({name: new, "k": [1, 2]})[["k", name]]
    if words is not None:
        with pytest.raises(BadData, match=words):
            fit.predict(frame)
    else:
        same = frame.astype({name: float}).assign(**{name: np.array(coded)})
        same = same.astype({name: columns[name].dtype})
        assert np.array_equal(fit.predict(frame), fit.predict(same))


BATCHWISE = [
    "I(x - x.mean())", "I(x / x.std())", "x - np.mean(x)", "np.cumsum(x)", "np.sort(x)",
    "x.rank()", "x.cumsum()", "I(x / x.max())", "I(x - x.min())", "I(x - x.median())",
    "I(flag - flag.mean())", "x.clip(upper=x.quantile(0.9))", "x[::-1]", "C(x > x.mean())",
    "text.map(text.value_counts())", "C(k):I(x - x.mean())", "np.where(x > np.median(x), 1, 0)",
    "np.gradient(x)", "np.roll(x, 1)", "I((x - x.mean()) ** 2)", "log(x / np.sum(x))",
    "x.duplicated()", "np.random.normal(x)",
]  # fmt: skip


@pytest.mark.parametrize("term", BATCHWISE)
def test_what_takes_all_rows_together_is_refused(term):
    written = f"{{{term}}}" if " - " in term and "(" not in term[:2] else term
    with pytest.raises(BadArgument, match=r"computed from all rows together.*center"):
        design_from_formula(f"y ~ text + {written}", FRAME)


@pytest.mark.parametrize("left", ["I(y - y.mean())", "np.cumsum(y)", "I(y / y.std())"])
def test_a_response_is_made_row_by_row_too(left):
    with pytest.raises(BadArgument, match="computed from all rows together"):
        design_from_formula(f"{left} ~ x", FRAME)


ROWWISE = [
    "center(x)", "scale(x)", "standardize(x)", "poly(x, 3)", "bs(x, df=5)", "cr(x, df=4)",
    "cc(x, df=4)", "log(x)", "I(x ** 2)", "np.sin(x):text", "text.str.upper()", "C(x > 4)",
    "hashed(text, levels=5)", "np.where(x > 3, x, 3)", "C(k, Poly):scale(x)", "x.clip(2, 5)",
]  # fmt: skip


@pytest.mark.parametrize("term", ROWWISE)
def test_a_row_alone_is_the_row_in_its_batch(term):
    design = design_from_formula(f"y ~ {term}", FRAME)
    for row in (0, 17, N - 1):
        alone = design.encode(FRAME.iloc[row : row + 1])
        assert np.allclose(alone, design.X[row], rtol=1e-12, atol=1e-12)


def test_the_batch_is_found_on_any_rows():
    """Even where only one row in a thousand shows it; and a constant is nothing to refuse."""
    frame = pd.DataFrame({"x": np.r_[np.zeros(999), 1.0], "y": np.arange(1000.0)})
    with pytest.raises(BadArgument, match="all rows together"):
        design_from_formula("y ~ I(x + x.max())", frame)
    values = frame[["x"]].to_numpy()
    refuse_batchwise("y ~ x", ["x"], frame, values, lambda rows: rows[["x"]].to_numpy())


LEARNING = ["scale(x)", "center(x)", "poly(x, 2)", "bs(x, df=5)", "cr(x, df=5)", "scale(x):text"]


@pytest.mark.parametrize("term", [*LEARNING, "C(k)", "text"])
def test_what_a_weight_of_zero_removes_has_no_say(term):
    frame = FRAME.astype({"rooms": int})
    frame.loc[7, ["x", "y", "k", "text"]] = [500.0, -99.0, 77, "other"]
    weights = np.ones(N)
    weights[7] = 0
    design = design_from_formula(f"y ~ {term}", frame, weights)
    without = design_from_formula(f"y ~ {term}", frame.drop(index=7))
    assert design.names == without.names
    assert np.array_equal(design.X, without.X)
    assert design.index.tolist() == without.index.tolist()
    new = FRAME.iloc[:5]
    assert np.array_equal(design.encode(new), without.encode(new))


@pytest.mark.filterwarnings("ignore:some columns are exact linear combinations")
@pytest.mark.parametrize("term", LEARNING)
def test_whole_weights_are_repeated_rows(term):
    weights = RNG.integers(1, 5, N)
    design = design_from_formula(f"scale(y) ~ {term}", FRAME, weights)
    rows = np.repeat(np.arange(N), weights)
    again = design_from_formula(f"scale(y) ~ {term}", FRAME.iloc[rows])
    assert np.allclose(design.X[rows], again.X, rtol=1e-10, atol=1e-10)
    assert np.allclose(design.y[rows], again.y, rtol=1e-10, atol=1e-10)
    model = br.Model(br.Normal(1.0), br.Gaussian(1.0))
    one, other = (br.fit_map(model.condition(d)).b for d in (design, again))
    assert np.allclose(one, other, rtol=1e-10, atol=1e-10)


def test_other_weights_beside_a_term_that_learns_are_refused():
    weights = RNG.uniform(0.5, 2, N)
    for formula in ("y ~ scale(x)", "y ~ text + bs(x, df=5)", "scale(y) ~ x"):
        with pytest.raises(BadArgument, match=r"learnt from the rows.*no whole numbers"):
            design_from_formula(formula, FRAME, weights)
    known = "y ~ text + C(k) + log(x) + bs(x, knots=[4], lower_bound=0, upper_bound=10)"
    assert design_from_formula(known, FRAME, weights).n == N


SYNTAX = ["contract", "contr", "scale", "log", "C", "np", "Treatment"]


@pytest.mark.parametrize("name", SYNTAX)
def test_the_name_of_a_column_is_no_syntax(name):
    frame = FRAME.assign(plan=FRAME["text"])
    design = design_from_formula("y ~ scale(x) + log(x) + plan", frame)
    renamed = frame.rename(columns={"plan": name})
    same = design_from_formula(f"y ~ scale(x) + log(x) + {name}", renamed)
    assert same.names == tuple(one.replace("plan", name) for one in design.names)
    assert np.array_equal(same.X, design.X)
    assert [term.coding for term in same.terms] == [term.coding for term in design.terms]
    inside = design_from_formula(f"y ~ scale(x) + C({name})", renamed)
    assert np.array_equal(inside.encode(renamed)[:, -3:], design.X[:, -3:])


LITERALS = ["0", "1", "-1", "1.5", "True", "None", "lambda", "a:b", "size (m²)", "price €", "ﬁ",
            "o'clock", 'say "hi"', "a b", "+", "g[a]", "_x", "C(g)"]  # fmt: skip


@pytest.mark.parametrize("name", LITERALS)
def test_a_quoted_name_is_a_column_whatever_it_is(name):
    frame = FRAME[["y", "x"]].assign(**{name: FRAME["x"] ** 2})
    design = design_from_formula(f"y ~ x + `{name}` + log(`{name}`)", frame)
    assert design.names == ("x", name, f"log(`{name}`)") or name == "_x"
    assert np.array_equal(design.X[:, 1], frame[name])
    assert np.allclose(design.X[:, 2], np.log(frame[name]))
    assert np.array_equal(design.encode(frame[[name, "x"]]), design.X)
    assert design.intercept


CONTRASTS = {
    "Treatment('b')": ("treatment", "b", "treatment('b')"),
    "Treatment(reference='b')": ("treatment", "b", "treatment('b')"),
    "Treatment(1)": ("treatment", "b", "treatment('b')"),
    "Treatment": ("treatment", "a", "treatment"),
    "Treatment()": ("treatment", "a", "treatment()"),
    "contr.treatment": ("treatment", "a", "treatment('a')"),
    "contr.SAS": ("sas", "c", "treatment('c')"),
    "Sum": ("sum", None, "sum"),
    "Sum()": ("sum", None, "sum"),
    "Helmert": ("helmert", None, "helmert"),
    "Poly": ("poly", None, "poly"),
    "Diff": ("diff", None, "diff"),
}


UNDER = [(one, br.Normal(1.0)) for one in CONTRASTS] + [("Treatment('b')", br.Flat())]


@pytest.mark.parametrize("spelling, prior", UNDER)
def test_a_written_contrast_is_kept_under_any_prior(spelling, prior):
    coding, reference, other = CONTRASTS[spelling]
    model = br.Model(prior, br.Gaussian(1.0))
    term = f"C(text, {spelling})"
    design = model.condition_formula(f"y ~ x * {term}", FRAME).design
    same = model.condition_formula(f"y ~ x * C(text, contr.{other})", FRAME).design
    assert design.X.shape == (N, 5)
    assert np.array_equal(design.X, same.X)
    assert [(t.coding, t.reference) for t in design.terms[1:]] == [(coding, reference)] * 2
    assert [f.reference for f in design.terms[1].factors] == [reference]
    ones = np.ones((N, 1))
    assert np.linalg.matrix_rank(np.hstack([ones, design.X])) == 6
    treated = design_from_formula("y ~ x * text", FRAME, flat_terms={"..."}).X
    assert np.linalg.matrix_rank(np.hstack([ones, design.X, treated])) == 6


def test_a_reference_that_is_no_level_is_refused():
    with pytest.raises(BadArgument, match="'z' is no level; the levels are 'a', 'b', 'c'"):
        design_from_formula("y ~ C(text, Treatment('z'))", FRAME)


@pytest.mark.parametrize(
    "formula", ["y ~ x + y", "y ~ x:y", "log(y + 9) ~ y", "y ~ log(y + 9)", "y ~ bs(y, df=4)"]
)
def test_the_response_among_its_predictors_is_said(formula):
    with pytest.warns(BayesregWarning, match="response among its own predictors"):
        design_from_formula(formula, FRAME)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        design_from_formula("log(y + 9) ~ x", FRAME)


NFC, NFD = "é", unicodedata.normalize("NFD", "é")


def test_levels_that_look_alike_are_refused():
    frame = FRAME.assign(text=np.where(FRAME["x"] > 5, NFC, NFD))
    with pytest.raises(BadData, match="two levels that look alike"):
        design_from_formula("y ~ text", frame)
    with pytest.raises(BadData, match="two levels that look alike"):
        br.Model(br.Normal(1.0), br.Bernoulli()).condition_formula("text ~ x", frame)
    design = design_from_formula("y ~ text", frame.replace(NFD, "e"))
    with pytest.raises(BadData, match="Unicode form only"):
        design.encode(pd.DataFrame({"text": [NFD]}))


KEYS = {"x:C(text)": ["C(text):x", "x : C( text )"], "poly(x, 2)": ["poly(x,2)", "poly( x , 2)"]}


@pytest.mark.parametrize("term, key", [(t, k) for t, keys in KEYS.items() for k in keys])
def test_a_term_may_be_written_in_another_way(term, key):
    formula = "y ~ x:C(text) + poly(x, 2)"
    for prior in (br.Normal(0.5), br.Flat()):
        one, other = (
            br.Model({name: prior, ...: br.Normal(2.0)}).condition_formula(formula, FRAME)
            for name in (term, key)
        )
        assert one.features == other.features
        assert [b.columns.tolist() for b in one.blocks] == [
            b.columns.tolist() for b in other.blocks
        ]
    with pytest.raises(BadArgument, match="is no column or term"):
        br.Model({"C(text):k": br.Flat(), ...: br.Normal()}).condition_formula(formula, FRAME)


CONTAINERS = {
    "pandas": lambda f: f,
    "polars": pl.from_pandas,
    "arrow": pa.Table.from_pandas,
    "dict": lambda f: {name: f[name].to_numpy() for name in f},
    "structured": lambda f: f.to_records(index=False),
}


@pytest.mark.parametrize("make", CONTAINERS.values(), ids=CONTAINERS)
def test_y_may_name_a_column_which_leaves_X(make):
    frame = FRAME[["x", "k", "y", "flag"]]
    model = br.Model(br.Normal(1.0))
    named = model.condition(make(frame), "y")
    given = model.condition(frame.drop(columns="y"), frame["y"])
    assert named.features == given.features == ("x", "k", "flag")
    assert named.design.y_name == "y"
    assert np.array_equal(named.design.X, given.design.X)
    assert np.array_equal(named.design.encode(make(frame.drop(columns="y"))), given.design.X)
    formula = br.Model(br.Normal(1.0)).condition_formula("y ~ x + k + flag", make(frame))
    assert np.array_equal(formula.design.X, given.design.X)


def test_a_name_that_is_no_column_is_refused():
    with pytest.raises(BadData, match="X has no column 'yy'; did you mean 'y'"):
        br.Model().condition(FRAME[["x", "y"]], "yy")
    with pytest.raises(BadData, match="may name a column of a data frame"):
        br.Model().condition(FRAME[["x", "k"]].to_numpy(), "y")


def test_compare_takes_a_formula():
    priors = {"flat": br.Flat()}
    fits = br.compare(priors, formula="y ~ x + C(text) - 1", data=FRAME, seed=1, draws=50)
    design = design_from_formula("y ~ x + C(text) - 1", FRAME, flat_terms={"..."})
    assert all(entry.problem.features == design.names for entry in fits.entries.values())
    assert fits["flat"].fit.predict(FRAME).shape == (N,)
    assert not fits["flat"].problem.intercept
    for wrong in ({"X": FRAME}, {"data": None}, {"y": FRAME["y"]}):
        with pytest.raises(BadArgument, match="go together"):
            br.compare(priors, **({"formula": "y ~ x", "data": FRAME} | wrong))
