"""Where a warning points, and how often it is given."""

import inspect
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import bayesreg as br
from bayesreg.estimators import BayesClassifier, BayesRegressor, MapRegressor, MapRegressorCV

RNG = np.random.default_rng(5)
X = RNG.standard_normal((60, 3)) * [1.0, 100.0, 1000.0]
Y = X[:, 0] + RNG.standard_normal(60)
SMALL = np.full(60, 0.1)
DOORS = {
    "condition": lambda: br.Model().condition(X, Y),
    "formula": lambda: br.Model().condition_formula(
        "y ~ a + b", pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "y": Y})
    ),
    "design": lambda: br.Design.of(X, Y[:, None]),
    "moments": lambda: br.Moments.of(X, Y[:, None]),
    "weights": lambda: br.Design.of(X, Y, SMALL),
    "regressor": lambda: BayesRegressor(draws=50).fit(X, Y),
    "map": lambda: MapRegressor(br.Normal(1.0)).fit(X, Y),
    "path": lambda: MapRegressorCV(n=5).fit(X, Y),
    "classifier": lambda: BayesClassifier(draws=50).fit(X, Y > 0),
    "no residual": lambda: MapRegressor(br.Normal(1.0)).fit(X, np.zeros(60)),
    "pipeline": lambda: make_pipeline(FunctionTransformer(), MapRegressor(br.Normal(1.0))).fit(
        X, Y
    ),
}


def given(act):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        act()
    return [one for one in caught if issubclass(one.category, br.BayesregWarning)]


@pytest.mark.parametrize("door", DOORS)
def test_a_warning_points_at_the_line_of_the_user(door):
    found = given(DOORS[door])
    code = inspect.getsourcelines(DOORS[door])
    lines = range(code[1], code[1] + len(code[0]))

    assert found
    assert {one.filename for one in found} == {__file__}
    assert all(one.lineno in lines for one in found)


def test_a_search_says_once_what_each_of_its_fits_would():
    grid = {"prior__scale": [1.0, 2.0, 3.0]}

    found = given(lambda: GridSearchCV(MapRegressor(br.Normal(1.0)), grid, cv=3).fit(X, Y))

    assert len(found) == 1
    assert "standardize=True" in str(found[0].message)


def test_fits_outside_a_search_each_have_their_warning():
    """The control: a warning is not lost because it was given before."""

    def twice():
        for _ in range(2):
            MapRegressor(br.Normal(1.0)).fit(X, Y)

    assert len(given(twice)) == 2


def test_warnings_are_given_in_one_place():
    package = Path(br.__file__).parent
    found = [
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if "warnings.warn(" in path.read_text(encoding="utf-8")
    ]

    assert found == ["language/warned.py"]
