"""Laws of formulas: columns and coding as recorded, re-applied to new rows, refused with advice."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import bayesreg as br
from bayesreg.data.design import Design
from bayesreg.data.formula import design_from_formula
from bayesreg.language.errors import BadArgument, BadData, BayesregWarning

RNG = np.random.default_rng(8)
N = 40
FRAME = pd.DataFrame(
    {
        "y": RNG.standard_normal(N) + 3,
        "x": RNG.uniform(1, 9, N),
        "odd name": RNG.standard_normal(N),
        "g": RNG.permutation(list("abca") * 10),
        "h": RNG.permutation(["u", "v"] * 20),
        "k": RNG.permutation([1, 2, 3, 10] * 10),
        "cat": pd.Categorical(RNG.permutation(list("pq") * 20), categories=["q", "p"]),
        "b": RNG.permutation([True, False] * 20),
    }
)

# formula, flat terms -> column names; then (coding, reference) of each term
CODINGS = {
    "numbers": ("y ~ x + `odd name`", (), ["x", "odd name"], [(None, None)] * 2),
    "text": (
        "y ~ x + g", (), ["x", "g[a]", "g[b]", "g[c]"],
        [(None, None), ("indicator", None)],
    ),
    "C()": ("y ~ C(g)", (), ["C(g)[a]", "C(g)[b]", "C(g)[c]"], [("indicator", None)]),
    "two factors": (
        "y ~ g + h", (), ["g[a]", "g[b]", "g[c]", "h[u]", "h[v]"],
        [("indicator", None)] * 2,
    ),
    "integers as levels": (
        "y ~ C(k)", (), ["C(k)[1]", "C(k)[2]", "C(k)[3]", "C(k)[10]"], [("indicator", None)],
    ),
    "category, in its order": ("y ~ cat", {"cat"}, ["cat[T.p]"], [("treatment", "q")]),
    "bool": ("y ~ b", (), ["b"], [(None, None)]),
    "flat factor": ("y ~ C(g)", {"C(g)"}, ["C(g)[T.b]", "C(g)[T.c]"], [("treatment", "a")]),
    "one of two flat": (
        "y ~ g + x + h", {"h"}, ["g[a]", "g[b]", "g[c]", "x", "h[T.v]"],
        [("indicator", None), (None, None), ("treatment", "u")],
    ),
    "all flat": (
        "y ~ g + h", {"..."}, ["g[T.b]", "g[T.c]", "h[T.v]"],
        [("treatment", "a"), ("treatment", "u")],
    ),
    "all but one flat": (
        "y ~ g + h", {"...", "!g"}, ["g[a]", "g[b]", "g[c]", "h[T.v]"],
        [("indicator", None), ("treatment", "u")],
    ),
    "flat without an intercept": (
        "y ~ 0 + g", {"g"}, ["g[a]", "g[b]", "g[c]"], [("indicator", None)],
    ),
    "reference named": (
        "y ~ C(g, contr.treatment('b'))", {"..."},
        ["C(g, contr.treatment('b'))[T.a]", "C(g, contr.treatment('b'))[T.c]"],
        [("treatment", "b")],
    ),
    "contrast written out": (
        "y ~ C(g, contr.sum)", (), ["C(g, contr.sum)[S.a]", "C(g, contr.sum)[S.b]"],
        [("sum", None)],
    ),
    "interaction": (
        "y ~ x*h", (), ["x", "h[u]", "h[v]", "x:h[u]", "x:h[v]"],
        [(None, None), ("indicator", None), ("indicator", None)],
    ),
    "flat interaction": (
        "y ~ g*h", {"..."}, ["g[T.b]", "g[T.c]", "h[T.v]", "g[T.b]:h[T.v]", "g[T.c]:h[T.v]"],
        [("treatment", "a"), ("treatment", "u"), ("treatment", "a:u")],
    ),
    "all columns": (
        "y ~ . - g - h - k - cat", (), ["x", "odd name", "b"], [(None, None)] * 3,
    ),
    "transformations": (
        "y ~ log(x) + I(x**2) + poly(x, 2)", (),
        ["log(x)", "I(x ** 2)", "poly(x, 2)[1]", "poly(x, 2)[2]"], [(None, None)] * 3,
    ),
    "intercept only": ("y ~ 1", (), [], []),
}  # fmt: skip


@pytest.mark.parametrize("formula, flat, names, codings", CODINGS.values(), ids=CODINGS)
def test_columns_and_coding_are_recorded(formula, flat, names, codings):
    design = design_from_formula(formula, FRAME, flat_terms=flat)
    assert list(design.names) == names
    assert [(term.coding, term.reference) for term in design.terms] == codings
    assert [j for term in design.terms for j in term.columns] == list(range(len(names)))
    assert design.X.shape == (N, len(names))
    assert design.y_name == "y"
    assert design.named


@pytest.mark.parametrize("formula, flat, names, codings", CODINGS.values(), ids=CODINGS)
def test_new_rows_are_coded_as_at_the_fit(formula, flat, names, codings):
    design = design_from_formula(formula, FRAME, flat_terms=flat)
    new = FRAME.drop(columns="y") if "." not in formula else FRAME
    assert np.allclose(design.encode(new), design.X, rtol=1e-13, atol=1e-13)
    few = [5, 17, 2]  # the levels, means and knots are those of the fit, not of three rows
    assert np.allclose(design.encode(new.iloc[few]), design.X[few], rtol=1e-13, atol=1e-13)
    assert np.allclose(design.encode(new.iloc[3:4]), design.X[3:4], rtol=1e-13, atol=1e-13)
    assert design.encode(new.iloc[:0]).shape == (0, len(names))
    assert np.array_equal(design.encode(new[new.columns[::-1]]), design.encode(new))


LEVELS = {
    "a factor": ("y ~ g", (), [("a",), ("b",), ("c",)]),
    "numbers": ("y ~ C(k)", (), [(1,), (2,), (3,), (10,)]),
    "treatment": ("y ~ g", {"g"}, [("b",), ("c",)]),
    "reference": ("y ~ C(g, contr.treatment('b'))", (), [("a",), ("c",)]),
    "slopes": ("y ~ x:g", (), [("a",), ("b",), ("c",)]),
    "two": ("y ~ g:h", (), [(g, h) for h in "uv" for g in "abc"]),
    "two, one left out": ("y ~ g:h", {"..."}, [(None, "v"), *((g, h) for h in "uv" for g in "bc")]),
    "by two columns": ("y ~ poly(x, 2):g", (), [(g,) for g in "abc" for _ in range(2)]),
    "polynomial": ("y ~ C(g, contr.poly)", (), [(None,), (None,)]),
}  # fmt: skip


@pytest.mark.parametrize("formula, flat, levels", LEVELS.values(), ids=LEVELS)
def test_each_column_of_a_factor_knows_its_levels(formula, flat, levels):
    """Against the data: a column is not zero on the rows of its levels, and only there."""
    design = design_from_formula(formula, FRAME, flat_terms=flat)
    (term,) = design.terms
    assert list(term.levels) == levels
    assert {f.name: f.levels for f in term.factors}.items() <= {
        ("g", ("a", "b", "c")), ("h", ("u", "v")), ("C(k)", (1, 2, 3, 10)),
        ("C(g, contr.treatment('b'))", ("a", "b", "c")), ("C(g, contr.poly)", ("a", "b", "c")),
    }  # fmt: skip
    for j, found in zip(term.columns, term.levels, strict=True):
        here = np.ones(N, dtype=bool)
        for factor, level in zip(term.factors, found, strict=True):
            column = FRAME[factor.name.removeprefix("C(")[:1]]
            here &= True if level is None else column == level
        if found != (None,):
            assert np.array_equal(design.X[:, j] != 0, here)


def test_coding_refitted_to_few_rows_would_differ():
    """The control of the law above: fitting anew to three rows gives other columns."""
    design = design_from_formula("y ~ poly(x, 2)", FRAME)
    anew = design_from_formula("y ~ poly(x, 2)", FRAME.iloc[[5, 17, 2]])
    assert not np.allclose(anew.X, design.X[[5, 17, 2]], atol=1e-3)


def test_indicators_are_zeros_and_ones_by_level():
    design = design_from_formula("y ~ C(g)", FRAME)
    expected = np.column_stack([FRAME["g"] == level for level in "abc"]).astype(float)
    assert np.array_equal(design.X, expected)
    assert np.array_equal(design.X.sum(axis=1), np.ones(N))


def test_treatment_coding_spans_the_same_columns_with_the_intercept():
    one = np.ones((N, 1))
    full = np.hstack([one, design_from_formula("y ~ g*h + x", FRAME).X])
    flat = np.hstack([one, design_from_formula("y ~ g*h + x", FRAME, flat_terms={"..."}).X])
    assert np.linalg.matrix_rank(flat) == flat.shape[1]
    assert np.linalg.matrix_rank(full) == flat.shape[1] < full.shape[1]
    assert np.linalg.matrix_rank(np.hstack([full, flat])) == flat.shape[1]


@pytest.mark.parametrize(
    "formula, intercept",
    [("y ~ x", True), ("y ~ 1 + x", True), ("y ~ x - 1", False), ("y ~ 0 + x", False)],
)
def test_the_intercept_is_said(formula, intercept):
    design = design_from_formula(formula, FRAME)
    assert design.intercept is intercept
    assert design.names == ("x",)


@pytest.mark.parametrize("make", [pl.from_pandas, pa.Table.from_pandas], ids=["polars", "pyarrow"])
def test_other_frames_give_the_same_design(make):
    formula, columns = "y ~ center(x)*g + C(k) + b", ["y", "x", "g", "k", "b"]
    frame = make(FRAME[columns])
    design, reference = design_from_formula(formula, frame), design_from_formula(formula, FRAME)
    assert design.names == reference.names
    assert np.allclose(design.X, reference.X, rtol=1e-13, atol=1e-13)
    assert np.allclose(design.encode(frame), design.X, rtol=1e-13, atol=1e-13)


def test_the_response_may_be_transformed_and_rows_weighted_and_labelled():
    frame = FRAME.set_axis([f"r{i}" for i in range(N)], axis=0)
    weights = np.ones(N)
    weights[2] = 0
    design = design_from_formula("np.exp(y) ~ x", frame, weights)
    assert design.y_name == "np.exp(y)"
    assert np.allclose(design.y, np.exp(np.delete(FRAME["y"].to_numpy(), 2)))
    assert design.n == N - 1
    assert "r2" not in design.index
    with pytest.raises(BadData, match="different pandas indexes"):
        design_from_formula("y ~ x", frame, pd.Series(weights))
    with pytest.warns(BayesregWarning, match="normalised"):
        design_from_formula("y ~ x", frame, weights / N)


def test_a_formula_of_numbers_is_the_plain_design():
    design = design_from_formula("y ~ x + k", FRAME)
    plain = Design.of(FRAME[["x", "k"]], FRAME["y"])
    assert np.array_equal(design.X, plain.X)
    assert np.array_equal(design.moments.cross, plain.moments.cross)


def changed(**columns):
    return FRAME.assign(**columns)


def cell(column, row, value):
    out = FRAME.astype({column: object})
    out.loc[row, column] = value
    return out


TEXT = pd.array(["1.5", "2"] * 20, dtype="str")
DATES = pd.date_range("2020-01-01", periods=N)
REFUSED = {
    "unknown column": ("y ~ xx", FRAME, BadData, "no column 'xx'; did you mean 'x'"),
    "unknown by case": ("y ~ X", FRAME, BadData, "no column 'X'; did you mean 'x'"),
    "unknown inside": ("y ~ log(xx)", FRAME, BadData, "no column 'xx'"),
    "unknown inside poly": ("y ~ poly(xx, 2)", FRAME, BadData, "no column 'xx'"),
    "unknown response": ("z ~ x", FRAME, BadData, "no column 'z'"),
    "unknown function": ("y ~ cneter(x)", FRAME, BadArgument, "'cneter'.*did you mean 'center'"),
    "no operator": ("y ~ x +", FRAME, BadArgument, "cannot be read"),
    "bracket": ("y ~ (x", FRAME, BadArgument, "cannot be read"),
    "groups": ("y ~ (x | g)", FRAME, BadArgument, "cannot be read"),
    "parts": ("y ~ x | g", FRAME, BadArgument, "several parts"),
    "no response": ("x + g", FRAME, BadArgument, "has no response"),
    "no response, tilde": ("~ x", FRAME, BadArgument, "has no response"),
    "empty": ("", FRAME, BadArgument, "has no response"),
    "two responses": ("y + x ~ g", FRAME, BadArgument, "one response"),
    "not text": (3, FRAME, BadArgument, "must be text"),
    "factor response": ("g ~ x", FRAME, BadData, "'g' is a factor"),
    "an array": ("y ~ x", FRAME.to_numpy(), BadData, "needs a data frame"),
    "a lazy frame": ("y ~ x", pl.from_pandas(FRAME).lazy(), BadData, "collect"),
    "NaN": ("y ~ x", cell("x", 3, np.nan), BadData, "'x': 1, first in row 3"),
    "None in a factor": ("y ~ g", cell("g", 3, None), BadData, "'g': 1, first in row 3"),
    "NaN in y": ("y ~ x", cell("y", 3, np.nan), BadData, "'y': 1, first in row 3"),
    "NaN made": ("y ~ log(x - 5)", FRAME, BadData, r"'log\(x - 5\)': \d+, first in row"),
    "inf": ("y ~ x", changed(x=np.inf), BadData, "infinite.*'x': 40, first in row 0"),
    "inf in y": ("y ~ x", changed(y=np.inf), BadData, "y has infinite"),
    "numbers as text": ("y ~ t", changed(t=TEXT), BadData, "'t'.*numbers as text.*'1.5'"),
    "y as text": ("t ~ x", changed(t=TEXT), BadData, "'t'.*numbers as text.*'1.5'"),
    "dates": ("y ~ t", changed(t=DATES), BadData, "'t' of the frame holds dates"),
    "complex": ("y ~ t", changed(t=1j), BadData, "'t' of the frame is complex"),
    "no rows": ("y ~ x", FRAME[:0], BadData, "no rows"),
    "fails": ("y ~ bs(x, df=1)", FRAME, BadArgument, "cannot be evaluated"),
}


@pytest.mark.parametrize("formula, frame, kind, words", REFUSED.values(), ids=REFUSED)
def test_bad_formulas_and_frames_are_refused(formula, frame, kind, words):
    with pytest.raises(kind, match=words) as caught:
        design_from_formula(formula, frame)
    assert not set("\n\x1b") & set(str(caught.value))


def test_numbers_as_text_may_be_levels():
    design = design_from_formula("y ~ C(t)", changed(t=TEXT))
    assert design.names == ("C(t)[1.5]", "C(t)[2]")


FIT = design_from_formula("y ~ x + C(g) + h + bs(x, df=4) + C(k)", FRAME, flat_terms={"h"})
NOT_NEW = {
    "unseen category": (cell("g", 6, "z"), "'g' of new X has category 'z' in row 6.*'a', 'b', 'c'"),
    "unseen flat category": (cell("h", 6, "z"), "'h' of new X has category 'z' in row 6"),
    "unseen integer": (changed(k=4), "'k' of new X has category '4' in row 0.*1, 2, 3, 10"),
    "levels as text": (changed(k="1"), "'k' of new X holds text, and held numbers"),
    "text for numbers": (changed(x="a"), "'x' of new X holds text, and held numbers"),
    "missing column": (FRAME.drop(columns="g"), "new X has no column 'g'"),
    "renamed column": (FRAME.rename(columns={"g": "G"}), "no column 'g'; did you mean 'G'"),
    "NaN": (cell("x", 2, np.nan), "new X has missing .*'x': 1, first in row 2"),
    "None": (cell("g", 2, None), "new X has missing .*'g': 1, first in row 2"),
    "inf": (cell("x", 2, np.inf), "infinite|beyond"),
    "beyond the knots": (changed(x=100.0), "beyond upper"),
    "an array": (FRAME.to_numpy(), "needs a data frame"),
}


@pytest.mark.parametrize("new, words", NOT_NEW.values(), ids=NOT_NEW)
def test_new_rows_that_do_not_match_are_refused(new, words):
    with pytest.raises((BadData, BadArgument), match=words):
        FIT.encode(new)


def test_fewer_categories_than_at_the_fit_keep_the_coding():
    only = FRAME[FRAME["g"] == "b"]
    assert np.array_equal(FIT.encode(only), FIT.X[(FRAME["g"] == "b").to_numpy()])


def test_columns_beside_the_formula_may_hold_anything():
    frame = changed(t=DATES, missing=np.nan)
    assert design_from_formula("y ~ x", frame).n == N


def test_the_callers_variables_are_not_read():
    z = RNG.standard_normal(N)
    assert len(z) == N
    with pytest.raises(BadData, match="no column 'z'"):
        design_from_formula("y ~ z", FRAME)


def test_filters_of_warnings_are_left_as_they_were():
    before = list(warnings.filters)
    FIT.encode(FRAME)
    assert warnings.filters == before


LABELS = FRAME.assign(
    passed=np.where(FRAME["x"] > 5, "yes", "no"),
    grade=pd.Categorical(np.where(FRAME["x"] > 5, "u", "v"), categories=["v", "u", "w"]),
    one_two=np.where(FRAME["x"] > 5, 2, 1),
)


@pytest.mark.parametrize(
    "make", [pd.DataFrame, pl.from_pandas, pa.Table.from_pandas], ids=["pandas", "polars", "arrow"]
)
@pytest.mark.parametrize(
    "response, classes",
    [("passed", ("no", "yes")), ("b", (False, True)), ("grade", ("u", "v")), ("one_two", (1, 2))],
)
def test_a_response_of_two_labels_is_read_by_its_likelihood(make, response, classes):
    """In every frame; conditioned on again it is the same; and the other label may be the one."""
    model = br.Model(br.Normal(1.0), br.Bernoulli())
    problem = model.condition_formula(f"{response} ~ C(g) + h", make(LABELS))
    assert problem.classes_ == classes
    assert problem.design.y.tolist() == (LABELS[response] == classes[1]).astype(float).tolist()
    for again in (br.Model.of(problem), model):
        same = again.condition(problem.design)
        assert same.classes_ == classes
        assert np.array_equal(same.design.y, problem.design.y)
    other = br.Model(br.Normal(1.0), br.Bernoulli(positive=classes[0])).condition(problem.design)
    assert other.classes_ == classes[::-1]
    assert np.array_equal(other.design.y, 1.0 - problem.design.y)


@pytest.mark.parametrize("response", ["{passed == 'yes'}", "I(one_two > 1)"])
def test_a_response_may_be_a_condition(response):
    problem = br.Model(br.Normal(1.0), br.Bernoulli()).condition_formula(f"{response} ~ h", LABELS)
    assert problem.design.y.tolist() == (LABELS["passed"] == "yes").astype(float).tolist()


def test_labels_under_the_wrong_likelihood_are_refused_with_advice():
    bernoulli = br.Model(br.Normal(1.0), br.Bernoulli())
    with pytest.raises(BadData, match="two labels in one column need a Bernoulli"):
        br.Model().condition_formula("passed ~ x", LABELS)
    with pytest.raises(BadData, match="3 different values"):
        bernoulli.condition_formula("g ~ x", LABELS)
    with pytest.raises(BadData, match=r"'passed' holds labels.*needs numbers"):
        br.Model().condition(bernoulli.condition_formula("passed ~ h", LABELS).design)
    numbers = bernoulli.condition_formula("one_two ~ h", LABELS).design
    assert br.Model().condition(numbers).design.y.tolist() == LABELS["one_two"].tolist()
