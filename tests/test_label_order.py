"""Labels of a yes/no response: the order that their type declares rules, by every door."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import bayesreg as br
from bayesreg.estimators import MapClassifier
from bayesreg.language.errors import BayesregWarning
from tests.test_cli import run

X = np.random.default_rng(5).normal(size=20)
LABELS = ["low" if value < 0.3 and k % 4 else "high" for k, value in enumerate(X)]
LEVELS = ["low", "middle", "high"]
ORDERED = pd.Categorical(LABELS, LEVELS, ordered=True)
FRAME = pd.DataFrame({"x": X, "y": ORDERED})
# Categories without an order stand as they were met, or by a user's list; labels are sorted then.
UNORDERED = pd.Categorical(LABELS, LEVELS)
MODEL = br.Model(br.Normal(1.0), br.Bernoulli())
RISES, FALLS = ("low", "high"), ("high", "low")

VECTORS = {
    "series": (pd.Series(ORDERED), RISES),
    "categorical": (ORDERED, RISES),
    "enum": (pl.Series(LABELS, dtype=pl.Enum(LEVELS)), RISES),
    "arrow": (pa.Table.from_pandas(FRAME).column("y"), RISES),
    "one column": (FRAME[["y"]], RISES),
    "unordered": (pd.Series(UNORDERED), FALLS),
    "text": (pd.Series(LABELS), FALLS),
    "list": (LABELS, FALLS),
    "categorical of polars": (pl.Series(LABELS, dtype=pl.Categorical()), FALLS),
}
FRAMES = {
    "pandas": (FRAME, RISES),
    "polars": (pl.DataFrame({"x": X, "y": VECTORS["enum"][0]}), RISES),
    "arrow": (pa.Table.from_pandas(FRAME), RISES),
    "unordered": (FRAME.assign(y=UNORDERED), FALLS),
}


def coded(problem, classes):
    """Whether y is 1 for the second label, and the slope that of it."""
    wanted = np.array(LABELS) == classes[1]
    np.testing.assert_array_equal(problem.design.y, wanted)
    return problem.classes_ == classes


@pytest.mark.parametrize("name", VECTORS)
def test_the_order_of_a_vector(name):
    y, classes = VECTORS[name]
    problem = MODEL.condition(X[:, None], y)
    assert coded(problem, classes)
    assert coded(MODEL.condition(problem.design), classes)


@pytest.mark.parametrize("name", FRAMES)
def test_the_order_of_a_column(name):
    frame, classes = FRAMES[name]
    assert coded(MODEL.condition(frame, "y"), classes)
    assert coded(MODEL.condition_formula("y ~ x", frame), classes)


def test_an_asked_label_rules_and_does_not_change_the_order(tmp_path):
    asked = br.Model(br.Normal(1.0), br.Bernoulli(positive="low"))
    problem = asked.condition(X[:, None], ORDERED)
    assert coded(problem, FALLS)
    br.fit_map(problem).save(tmp_path / "fit.breg")
    for design in (problem.design, br.load(tmp_path / "fit.breg").problem.design):
        assert coded(MODEL.condition(design), RISES)


FILES = {
    "parquet": FRAME.to_parquet,
    "enum.parquet": FRAMES["polars"][0].write_parquet,
    "dta": lambda path: FRAME.to_stata(path, write_index=False),
}


@pytest.mark.parametrize("name", FILES)
def test_the_order_of_a_file(name, tmp_path):
    path = tmp_path / f"levels.{name}"
    FILES[name](path)
    if name != "dta":
        assert coded(MODEL.condition(str(path), "y"), RISES)
    for asked in (["--target", "y"], ["--formula", "y ~ x"]):
        answer = run("path", path, *asked, "--likelihood", "bernoulli", "--n", "2")
        assert "is read as 1 for 'high' and 0 for 'low'" in answer.stderr, answer.output


def test_classes_of_a_classifier_are_sorted_and_that_is_said():
    for y, data, formula in ((pd.Series(ORDERED), X[:, None], None), (None, FRAME, "y ~ x")):
        model = MapClassifier(br.Normal(1.0), formula=formula)
        with pytest.warns(BayesregWarning, match="y declares 'low' < 'high', so that result_ is"):
            model.fit(data, y)
        assert model.classes_.tolist() == ["high", "low"]
        assert model.result_.classes_ == RISES
        assert model.coef_[0, 0] == -model.result_.beta.iloc[0] < 0.0
        assert model.predict(data)[np.argmax(X)] == "high"


@pytest.mark.filterwarnings("error::bayesreg.language.errors.BayesregWarning")
def test_nothing_is_said_where_orders_agree_or_a_label_is_asked():
    MapClassifier(br.Normal(1.0)).fit(X[:, None], LABELS)
    MapClassifier(br.Normal(1.0), positive="high").fit(X[:, None], pd.Series(ORDERED))


@pytest.mark.parametrize(
    "asked, words",
    [
        (["--target", "y", "--likelihood", "poisson"], "y on line 6 is -2, which"),
        (["--formula", "y ~ x", "--likelihood", "poisson"], "y on line 6 is -2, which"),
        (["--formula", "cbind(y, z) ~ x", "--likelihood", "binomial"], "successes on line 6 is -2"),
    ],
)
def test_a_count_that_is_none_is_named_by_its_line(asked, words, tmp_path):
    """Though a row above it, without x, is left out."""
    frame = pd.DataFrame({"x": X, "y": 1, "z": 2}).astype({"y": int})
    frame.loc[4, "y"], frame.loc[1, "x"] = -2, np.nan
    frame.to_csv(tmp_path / "counts.csv", index=False)
    answer = run("path", tmp_path / "counts.csv", *asked, "--missing", "drop")
    assert answer.exit_code == 1
    assert words in answer.stderr
