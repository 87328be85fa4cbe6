"""A model that penalises nothing, without columns or with Flat ones alone, through every verb.

`tests/test_exits.py` asks its fit and its posterior.
"""

from __future__ import annotations

import json

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import bayesreg as br
from bayesreg.cli import main
from bayesreg.estimators import (
    BayesClassifier,
    BayesRegressor,
    MapClassifier,
    MapRegressor,
    MapRegressorCV,
)
from bayesreg.language.errors import BadArgument, NotSupported

BERNOULLI = pytest.mark.slow  # without a proper column it is sampled by PyMC
NOISE = [
    pytest.param(br.Gaussian(), "y", id="Gaussian"),
    pytest.param(br.Gaussian(1.0), "y", id="known σ"),
    pytest.param(br.Bernoulli(), "b", id="Bernoulli", marks=BERNOULLI),
]
WITHOUT = {
    "no column": lambda noise, y: (f"{y} ~ 1", br.Model(likelihood=noise)),
    "only Flat": lambda noise, y: (f"{y} ~ x", br.Model(br.Flat(), noise)),
}


KINDS = ("forest", "densities", "significance", "priors", "agreement", "shrinkage", "effective",
         "scale", "profile")  # fmt: skip
ADVICE = ("there are no ", "no engine was checked", "every λ and scale is known", "no column has")


def refusal(fits: br.Comparison, kind: str) -> str | None:
    """Why a figure is not drawn, or None where it is."""
    try:
        fits.plot(kind)
    except BadArgument as error:
        return str(error)
    return None


@pytest.fixture(scope="module")
def frame():
    """30 rows of x, a number y that depends on it, and whether y is above 1."""
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"x": rng.normal(size=30)})
    rows["y"] = 1.0 + 0.5 * rows.x + rng.normal(size=30)
    rows["b"] = rows.y > 1.0
    return rows


@pytest.mark.parametrize("noise, y", NOISE)
@pytest.mark.parametrize("without", WITHOUT.values(), ids=WITHOUT)
def test_a_comparison_of_null_models_answers(frame, noise, y, without, tmp_path):
    formula, model = without(noise, y)
    fits = br.compare({"null": model}, formula=formula, data=frame, seed=1)
    columns = len(fits["null"].problem.features)
    assert fits.ok
    assert repr(fits)
    assert fits._repr_html_()
    numbers = fits.table.select_dtypes("number").drop(columns="p_worse")
    assert np.all(np.isfinite(numbers))
    for answer in (fits.predict(frame), fits.predict(frame, level=0.9).to_numpy()):
        assert np.all(np.isfinite(answer))
    assert "How well?" in str(fits.brief())
    assert repr(fits.adequacy)
    for table in (fits.effects(), fits.coefficients()):
        assert len(table) == columns
    assert len(fits.at_same_lam()) == 0
    refused = {kind: refusal(fits, kind) for kind in KINDS}
    drawn = {"priors"} | ({"forest", "densities", "significance"} if columns else set())
    assert {kind for kind, why in refused.items() if why is None} == drawn
    assert all(why.startswith(ADVICE) for why in refused.values() if why), refused
    plt.close("all")
    for ending in ("html", "md", "json"):
        text = fits.report(tmp_path / f"null.{ending}").read_text(encoding="utf-8")
        assert "intercept" in text
        assert "Which effects are clear?" in text or not columns
    keys = {section["key"] for section in json.loads(text)["sections"]}
    assert {"short", "coefficients", "verdict", "fit"} <= keys
    assert ("forest" in keys) == bool(columns)


@pytest.mark.parametrize("noise, y", NOISE[::2])
@pytest.mark.parametrize("without", WITHOUT.values(), ids=WITHOUT)
def test_what_moves_a_penalty_says_that_there_is_none(frame, noise, y, without):
    formula, model = without(noise, y)
    problem = model.condition_formula(formula, frame)
    prior = model.prior
    asked = {
        "path": lambda: br.path(problem),
        "path over scales": lambda: br.path(problem, n=5),
        "bayesian_path": lambda: br.bayesian_path(problem, seed=1),
        "choose": lambda: br.choose(problem),
        "choose by one rule": lambda: br.choose(problem, "bic"),
        "estimator": lambda: MapRegressorCV(prior=prior, formula=formula).fit(frame),
        "scale of an estimator": lambda: MapRegressor(
            prior=prior, scale="bic", formula=formula
        ).fit(frame),
    }
    for name, ask in asked.items():
        with pytest.raises(NotSupported, match="nothing is penalised") as error:
            ask()
        assert "0 priors" not in str(error.value), name


@pytest.mark.parametrize(
    "estimator, y",
    [(MapRegressor, "y"), (BayesRegressor, "y"), (MapClassifier, "b"),
     pytest.param(BayesClassifier, "b", marks=BERNOULLI)],
)  # fmt: skip
@pytest.mark.parametrize("formula", ["{} ~ 1", "{} ~ x"])
def test_estimators_of_null_models_predict(frame, estimator, y, formula):
    made = estimator(prior=br.Flat(), formula=formula.format(y)).fit(frame)
    found = made.predict(frame)
    assert found.shape == (30,)
    if formula.endswith("1"):
        assert len(set(found.tolist())) == 1
        if estimator is MapRegressor:
            assert found[0] == pytest.approx(frame[y].mean(), rel=1e-12)
    else:
        assert np.all(np.isfinite(made.coef_))


@pytest.mark.parametrize("verb", ["compare", "choose", "path"])
def test_the_shell_answers_or_says_so(frame, verb, tmp_path, monkeypatch):
    frame.to_csv(tmp_path / "t.csv", index=False)
    more = ["--no-verify", "--out", str(tmp_path / "r.html")] if verb == "compare" else []
    result = CliRunner().invoke(main, [verb, str(tmp_path / "t.csv"), "--formula", "y ~ 1", *more])
    assert "Traceback" not in result.output
    if verb == "compare":
        assert result.exit_code == 0, result.output
        assert "Intercept, noise and scales" in result.output
        assert "Coefficients" not in result.output
        assert (tmp_path / "r.html").stat().st_size > 10_000
    else:
        assert result.exit_code == 1
        assert "nothing is penalised" in result.output
        assert "problem" not in result.output
