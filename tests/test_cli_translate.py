"""`bayesreg translate`: the verb's answer, with and without data."""

from __future__ import annotations

import json

import pytest

import bayesreg as br
from tests.test_cli import run


def test_it_prints_what_the_verb_prints():
    """n alone is enough for a lasso; booleans and words are read as R writes them."""
    result = run("translate", "sklearn.Lasso", "alpha=0.1", "--to", "glmnet", "--n", "100")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.rstrip() == repr(br.translate("sklearn.Lasso", "glmnet", alpha=0.1, n=100))
    result = run(
        "translate", "glmnet", "lambda=0.5", "standardize=FALSE", "family=binomial",
        "--to", "sklearn.LogisticRegression", "--n", "20", "--json",
    )  # fmt: skip
    content = json.loads(result.stdout)
    assert content["arguments"] == {"C": 0.1, "l1_ratio": 1.0, "solver": "saga"}
    assert content["needs"] is None
    assert content["source_objective"].startswith("glmnet(lambda=0.5, family='binomial', standa")


def test_the_data_say_what_is_missing(tmp_path):
    """A file with its response and weights, and a data set of ours."""
    frame = br.load_dataset("diabetes").X.head(30).round(2)
    frame["y"], frame["w"] = range(30), [1, 2, 1] * 10
    path = tmp_path / "patients.csv"
    frame.to_csv(path, index=False)
    said = ("translate", "sklearn.Ridge", "alpha=10", "--to", "glmnet", "--json")
    result = run(*said, "--data", str(path), "--target", "y", "--weights", "w", "--quiet")
    assert result.exit_code == 0, result.stderr
    expected = br.translate("sklearn.Ridge", "glmnet", alpha=10, y=frame.y, weights=frame.w)
    assert json.loads(result.stdout)["arguments"] == pytest.approx(expected)
    result = run(*said, "--data", "diabetes")
    assert json.loads(result.stdout)["arguments"]["lambda"] == pytest.approx(1.7422114)


@pytest.mark.parametrize(
    "line, code, message",
    [
        ("sklearn.Ridge --to glmnet", 2, "say --sd-y, or give --data"),
        ("sklearn.Lasso --to glmnet", 2, "say --n, or give --data"),
        ("sklearn.Ridge --to brms.normal", 2, "say --sigma, or give --data"),
        ("sklearn.Ridge --to brms.normal --sigma half_normal(3)", 2, "--sigma must be a number"),
        ("sklearn.Ridge 3 --to glmnet", 2, "written as alpha=0.1"),
        ("sklearn.Ridge alpa=3 --to glmnet", 2, "did you mean 'alpha'"),
        ("sklearn.Ridge alpha=3 alpha=4 --to glmnet", 2, "alpha= is said twice"),
        ("sklearn.Ridge alpha=3 n=9 --to glmnet", 2, "n= is no argument of a library; say --n"),
        ("sklearn.Ridge data=9 --to glmnet", 2, "say --data and --target"),
        ("glmnet lambda=1 standardize=maybe --to sklearn.Lasso --n 9", 2, "True or False"),
        ("sklearn.Redge --to glmnet", 2, "did you mean 'sklearn.Ridge'"),
        ("sklearn.Ridge --to matlab.ridge --n 9", 1, "say --standardize"),
    ],
)
def test_what_is_missing_is_said_in_options(line, code, message):
    result = run("translate", *line.split())
    assert (result.exit_code, result.stdout) == (code, "")
    assert message in result.stderr
