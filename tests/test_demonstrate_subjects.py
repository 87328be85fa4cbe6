"""What pictures are asked about: problems and their results, offsets, columns that say nothing."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

import bayesreg as br
from bayesreg.language.families import PICTURES

pytestmark = pytest.mark.filterwarnings("ignore::bayesreg.BayesregWarning")

OF_PROBLEMS = [
    name for name in PICTURES if name not in ("norms", "yes_no", "penalties", "shrinkage_functions")
]
LIGHT: dict[str, dict] = {
    "corners": {"draws": 50},
    "before_data": {"priors": ["normal"], "draws": 50},
    "weight_decay": {"steps": 20},
}
QUADRATIC = (
    "shrinkage_functions", "geometry", "corners", "conditioning", "bias_variance", "weight_decay",
    "units", "grouping",
)  # fmt: skip


def rows(n=40, seed=0):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(n, 3)), columns=["a", "b", "c"])
    return X, X @ [1.0, -2.0, 0.3] + rng.normal(size=n), rng


def conditioned(X, y, prior=None, noise=None, **options):
    model = br.Model(prior or br.Normal(1.0), noise or br.Gaussian(1.0))
    return model.condition(X, y, **{"standardize": True, **options})


def computed(name, data):
    return getattr(br.demonstrate, name)(data, **LIGHT.get(name, {}))


def numbers(record):
    """Every array of a record, by name."""
    found = {"summary": record.summary().to_numpy(float)}
    for key, value in vars(record).items():
        parts = value.items() if isinstance(value, dict) else [("", value)]
        found |= {
            f"{key}.{part}": one
            for part, one in parts
            if isinstance(one, np.ndarray) and one.dtype.kind == "f"
        }
    return found


def same(one, other):
    one, other = numbers(one), numbers(other)
    return all(np.allclose(one[k], other[k], 1e-7, 1e-9, equal_nan=True) for k in one)


@pytest.fixture(scope="module")
def problem():
    X, y, _ = rows()
    return conditioned(X, y)


@pytest.fixture(scope="module")
def results(problem):
    return br.fit_map(problem), br.sample(problem, draws=50, chains=2, seed=1)


@pytest.mark.parametrize("name", OF_PROBLEMS)
def test_a_fit_and_a_posterior_stand_for_their_problem(problem, results, name):
    fit, post = results
    if name == "fitted_line":
        with pytest.raises(br.BadArgument, match=r"fit\.problem"):
            computed(name, fit)
    else:
        assert computed(name, fit).says == computed(name, fit.problem).says
    if name in ("joint", "fitted_line"):  # a posterior has draws: these are about those
        assert same(computed(name, post), computed(name, post))
    else:
        assert computed(name, post).says == computed(name, problem).says


@pytest.mark.parametrize("name", [*OF_PROBLEMS, "yes_no", "page"])
def test_what_is_no_problem_is_refused_with_how_to_make_one(name):
    compute = getattr(br.demonstrate, name)
    with pytest.raises(br.BadArgument, match=r"problem, from|a problem, not"):
        compute(rows()[0])


@pytest.mark.parametrize("name", QUADRATIC)
def test_another_loss_is_refused_with_the_pictures_that_serve(name):
    X, y, rng = rows()
    for noise, target, serves in (
        ("bernoulli", y > 0.0, "yes_no, joint"),
        ("poisson", rng.poisson(2.0, len(y)), "joint"),
    ):
        with pytest.raises(br.NotSupported, match=f"demonstrate has {serves}") as refused:
            computed(name, conditioned(X, target, noise=noise))
        for word in re.findall(r"\w+", str(refused.value).rpartition("demonstrate has")[2]):
            assert word == "and" or word in PICTURES
    with pytest.raises(br.NotSupported, match=r"demonstrate\.geometry"):
        br.demonstrate.yes_no(conditioned(X, y))


@pytest.mark.parametrize("name", [name for name in OF_PROBLEMS if name != "fitted_line"])
def test_an_offset_is_taken_off_y(name):
    X, y, rng = rows()
    offset, weights = 3.0 * rng.normal(size=len(y)), rng.integers(0, 3, len(y))
    given = conditioned(X, y, offset=offset, weights=weights)
    found = computed(name, given)
    assert same(found, computed(name, conditioned(X, y - offset, weights=weights)))
    if name not in ("before_data", "conditioning"):  # of which y is no part, or a small one
        assert not same(found, computed(name, conditioned(X, y, weights=weights)))


def test_a_column_that_does_not_vary_has_no_effect_to_draw():
    X, y, _ = rows()
    wide, one = X.assign(flat=1.0), X[["a"]].assign(flat=1.0)
    wide, one = (br.sample(conditioned(X, y), draws=50, chains=2, seed=1) for X in (wide, one))
    found = br.demonstrate.joint(wide)
    assert "flat" not in found.pair
    assert found.count == 3
    with pytest.raises(br.BadData, match="'flat' does not vary"):
        br.demonstrate.joint(wide, ["a", "flat"])
    with pytest.raises(br.BadArgument, match="there is 1"):
        br.demonstrate.joint(one)


def test_weight_decay_converges_under_the_strongest_prior():
    X, y, _ = rows()
    found = br.demonstrate.weight_decay(conditioned(X, y, br.Normal(1e-3)), steps=200)
    assert 1.0 / found.problem.n * found.lam > 2.0 / 0.05  # at the rate asked it would not
    assert all(np.all(np.isfinite(steps)) for steps in found.steps.values())
    assert np.max(np.abs(found.steps["AdamW, weight decay"])) <= np.max(np.abs(found.box)) * 1.1


def test_columns_that_enter_late_are_followed_to_where_they_enter():
    X, y, _ = rows()
    late = conditioned(X.assign(a=1e-6 * X["a"]), y, standardize=False)
    found = br.demonstrate.grouping(late, "a")
    assert all(np.isfinite(share) for share in found.shares.values())
    assert found.says.count("%") == 5
    assert "nan" not in found.says + found.alt
    with pytest.raises(br.BadData, match="no column is correlated"):
        br.demonstrate.grouping(conditioned(X, np.ones(len(y))))


def test_a_record_is_its_picture_in_a_notebook_and_has_its_words():
    record = br.demonstrate.norms()
    with plt.rc_context():
        before, windows = dict(plt.rcParams), plt.get_fignums()
        png, metadata = record._repr_png_()
        assert dict(plt.rcParams) == before
        assert plt.get_fignums() == windows
    assert png.startswith(b"\x89PNG")
    assert metadata == {"alt": record.alt}


def test_the_second_column_of_a_pair_is_no_copy_of_the_first():
    X, y, _ = rows()
    X = X.assign(again=3.0 * X["b"] - 1.0)
    assert set(br.demonstrate.geometry(conditioned(X, y)).pair.names) == {"a", "b"}
    assert set(br.demonstrate.yes_no(conditioned(X, y > 0.0, noise="bernoulli")).names) == {
        "a",
        "b",
    }
    assert br.demonstrate.page(conditioned(X.assign(flat=1.0), y)).data["names"] == ["a", "b"]
    with pytest.raises(br.BadData, match="'b' and 'again' are nearly the same"):
        br.demonstrate.page(conditioned(X, y), ["b", "again"])
    with pytest.raises(br.BadArgument, match="'b' and 'again' are collinear"):
        br.demonstrate.geometry(conditioned(X, y), ["b", "again"])
    with pytest.raises(br.BadArgument, match="'b' and 'again' are collinear"):
        br.demonstrate.geometry(conditioned(X[["b", "again"]], y))


def test_priors_that_the_data_rule_out_are_left_out_of_those_unsaid():
    """Under separation a Cauchy prior with a hyperprior has no posterior; the picture goes on."""
    X, _, _ = rows()
    problem = conditioned(X, X["a"] > 0.0, noise="bernoulli")
    found = br.demonstrate.before_data(problem, draws=50)
    assert "Normal" in found.names
    assert "Cauchy" not in found.names
    assert any(note.startswith("Cauchy is left out: ") for note in found.notes)
    assert "allow no posterior: " in found.says
    with pytest.raises(br.BadData, match="Cauchy"):
        br.demonstrate.before_data(problem, ["cauchy"], draws=50)
