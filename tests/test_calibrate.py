"""Priors of different families agree on what was asked, by draws that `calibrate` never saw."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest

import bayesreg as br
from bayesreg.engines.prior_quantities import Ground, expected
from bayesreg.priors.rescaled import rescaled, times
from tests.test_cli import run

FAMILIES = {
    "ridge": br.Normal(1.0),
    "lasso": br.Laplace(1.0),
    "horseshoe": br.Horseshoe(),
    "slab": br.RegularizedHorseshoe(0.1, slab_scale=50.0),
    "r2d2": br.R2D2(),
}
WITHIN = 0.01  # of the quantity


def _measured(model, held, seed, **how):
    """Draws of R², sd of η and effects, from Xβ itself, by the prior as these data settle it."""
    problem = model.condition(held, **how)
    rng = np.random.default_rng(seed)
    sigma = problem.sigma or 1.0
    X = (problem.design.X - problem.x_mean) / problem.x_sd
    noise = sigma
    if not model.likelihood.has_sigma:
        share = (problem.design.y.sum() + 0.5) / (problem.design.n + 1.0)
        noise = 1.0 / math.sqrt(share * (1.0 - share))
    size = 40_000
    (block,) = problem.blocks
    # Scales by their quantiles, which is what makes 40 000 draws enough under Cauchy tails.
    many = 50 * size
    scale = (
        np.full(size, block.scale)
        if block.hyper is None
        else (rng.permutation(np.sort(block.hyper.sample(rng, many))[25::50]))
    )
    b = block.sample(rng, scale, np.full(size, sigma))
    variance = np.concatenate([np.var(part @ X.T, axis=1) for part in np.array_split(b, 40)])
    effects = np.abs(b) * problem.column_sd[problem.proper] / problem.x_sd[problem.proper] / noise
    return variance / (variance + noise**2), np.sqrt(variance), effects


@pytest.fixture(scope="module")
def diabetes():
    """Ten columns of many rows."""
    data = br.load_dataset("diabetes")
    return br.Design.of(data.X, data.y)


@pytest.fixture(scope="module")
def wide():
    """More columns than rows, correlated."""
    rng = np.random.default_rng(5)
    X = rng.standard_normal((30, 60)) + rng.standard_normal((30, 1))
    return br.Design.of(X, X[:, 0] + rng.standard_normal(30))


@pytest.mark.parametrize("name", FAMILIES)
def test_they_agree_on_r2_on_diabetes(diabetes, name):
    even = br.calibrate({name: FAMILIES[name]}, diabetes, r2=0.4, standardize=True)
    r2, _, _ = _measured(even[name], diabetes, 1, standardize=True)
    before = br.Model(FAMILIES[name]), diabetes, 1

    assert r2.mean() == pytest.approx(0.4, rel=WITHIN)
    assert np.mean(_measured(*before, standardize=True)[0]) != pytest.approx(0.4, rel=WITHIN)


@pytest.mark.parametrize("name", ["ridge", "lasso", "horseshoe"])
@pytest.mark.filterwarnings("ignore:p = 60 columns")
def test_they_agree_on_the_number_of_effects_where_there_are_more_columns_than_rows(wide, name):
    even = br.calibrate({name: FAMILIES[name]}, wide, expected_nonzero=6, delta=0.2)
    *_, effects = _measured(even[name], wide, 2)
    number = np.count_nonzero(effects > 0.2, axis=1).mean()

    assert number == pytest.approx(6.0, rel=WITHIN)
    other = np.count_nonzero(effects > 0.22, axis=1).mean()  # another δ is another number
    assert other != pytest.approx(6.0, rel=WITHIN)


@pytest.mark.parametrize("name", ["ridge", "lasso", "r2d2"])
def test_they_agree_on_the_sd_of_the_log_odds(name):
    data = br.load_dataset("endometrial")
    design = br.Design.of(data.X, np.asarray(data.y == "yes", dtype=float))
    even = br.calibrate(
        {name: FAMILIES[name]}, design, sd=1.5, likelihood="bernoulli", standardize=True
    )
    with pytest.warns(br.BayesregWarning, match="separates"):
        r2, sd, _ = _measured(even[name], design, 3, standardize=True)

    assert np.median(sd) == pytest.approx(1.5, rel=WITHIN)
    assert even.reached[name] == pytest.approx(1.5, rel=1e-3)
    assert even.table.loc[name, "R2"] == pytest.approx(r2.mean(), rel=WITHIN)


def test_a_ridge_of_known_scale_has_the_sd_that_algebra_says(diabetes):
    """Var(η) has mean τ²·tr(X̃'X̃)/N, and hence R² of one column is a function of τ alone."""
    one = br.Design.of(diabetes.X[:, [2]], diabetes.y)
    even = br.calibrate([br.Normal(3.0)], one, sd=2.0, standardize=True)
    quartile = 0.6744897501960817  # of |N(0, 1)|

    (model,) = even.values()
    assert model.prior.scale == pytest.approx(2.0 / quartile, rel=WITHIN)
    assert model.prior.unit == "sigma"


def test_match_takes_the_sd_of_the_ridge(diabetes):
    problem = br.Model(br.Normal(20.0), br.Gaussian(54.0)).condition(diabetes, standardize=True)
    even = br.calibrate({"ridge": br.Normal(1.0), "lasso": br.Laplace(1.0)}, problem, match="ridge")
    lasso = _measured(even["lasso"], diabetes, 4, standardize=True)[1]
    ridge = _measured(br.Model.of(problem), diabetes, 5, standardize=True)[1]

    assert even["ridge"].prior.scale == pytest.approx(20.0, rel=1e-3)
    assert even["ridge"].prior.unit == "y"
    assert np.median(lasso) == pytest.approx(np.median(ridge), rel=WITHIN)


def test_what_remains_different_is_in_the_table(diabetes):
    even = br.calibrate(["ridge", "horseshoe"], diabetes, r2=0.5, standardize=True)
    ridge, horseshoe = even.table.loc["ridge"], even.table.loc["horseshoe"]

    assert horseshoe["near_zero"] > 2 * ridge["near_zero"]
    assert horseshoe["largest_95"] > 2 * ridge["largest_95"]
    assert horseshoe["tail"] > 2 * ridge["tail"]
    assert "mean R² of 0.5" in repr(even)
    assert "<table" in even._repr_html_()
    panels = even.plot()
    assert panels[0].get_xlabel() == "R²"
    # The curve of R² is its distribution function: half of the draws lie below its median.
    line = panels[0].get_lines()[0]
    median = np.interp(0.5, line.get_ydata(), line.get_xdata())
    assert np.mean(even.expected["ridge"].r2 < median) == pytest.approx(0.5, abs=0.005)


def test_every_law_of_a_scale_is_that_of_a_multiple():
    laws = [
        br.HalfCauchy(2.0),
        br.HalfNormal(2.0),
        br.HalfStudentT(3.0, 2.0),
        br.Exponential(2.0),
        br.Uniform(0.5, 2.0),
        br.InverseGammaSquared(3.0, 2.0),
    ]
    for law in laws:
        x = np.array([0.6, 0.9, 1.3])
        there = times(law, 3.0).log_density(3.0 * x) + math.log(3.0)
        np.testing.assert_allclose(there, law.log_density(x), atol=1e-12)
        assert not np.allclose(law.log_density(3.0 * x) + math.log(3.0), law.log_density(x))


def test_a_mapping_of_columns_moves_as_one_and_flat_stays(diabetes):
    prior = {"sex": br.Flat(), "bmi": br.Normal(2.0), ...: br.Laplace(1.0)}
    even = br.calibrate({"mine": prior}, diabetes, r2=0.3, standardize=True)
    found = even["mine"].prior

    assert found["sex"] == br.Flat()
    assert found["bmi"].scale == pytest.approx(2.0 * found[...].scale)


def test_expected_nonzero_of_a_prior_is_the_scale_that_moves(diabetes):
    guess = br.Horseshoe(expected_nonzero=3)
    even = br.calibrate({"horseshoe": guess}, diabetes, r2=0.5, standardize=True)

    assert isinstance(even["horseshoe"].prior.scale, br.HalfCauchy)
    assert rescaled(guess, 2.0, hyper=br.HalfCauchy(0.1)).scale == br.HalfCauchy(0.2)


@pytest.mark.parametrize(
    "how, said",
    [
        ({}, "exactly one"),
        ({"r2": 0.5, "sd": 1.0}, "exactly one"),
        ({"r2": 1.0}, "between 0 and 1"),
        ({"r2": -0.1}, "positive"),
        ({"expected_nonzero": 10}, "out of reach"),
        ({"match": "lasso"}, "match must be"),
        ({"r2": 0.5, "delta": 0}, "delta"),
    ],
)
def test_what_cannot_be_is_refused(diabetes, how, said):
    with pytest.raises(br.BadArgument, match=said):
        br.calibrate({"ridge": br.Normal(1.0)}, diabetes, **how)


def test_a_slab_bounds_what_can_be_reached(diabetes):
    tight = br.RegularizedHorseshoe(0.1, slab_scale=0.1)
    with pytest.raises(br.BadArgument, match=r"out of reach of 'slab'.*between"):
        br.calibrate({"slab": tight}, diabetes, r2=0.9, standardize=True)


def test_others_are_refused_by_name(diabetes):
    with pytest.raises(br.NotSupported, match="not centred at 0"):
        br.calibrate({"ridge": br.Normal(1.0, loc=2.0)}, diabetes, r2=0.5)
    with pytest.raises(br.NotSupported, match="proper prior"):
        br.calibrate({"none": br.Flat()}, diabetes, r2=0.5)
    with pytest.raises(br.BadArgument, match="y is missing"):
        br.calibrate(["ridge"], diabetes.X, r2=0.5, likelihood="poisson")
    with pytest.raises(br.BadArgument, match="needs a ridge"):
        br.calibrate(["lasso"], diabetes, match="ridge")
    with pytest.raises(br.BadArgument, match="σ is unknown"):
        br.calibrate({"ridge": br.Normal(2.0)}, diabetes, match="ridge")


def test_a_comparison_uses_it_and_says_so(diabetes):
    fits = br.compare(
        ["ridge", "lasso"], diabetes, standardize=True, seed=1, draws=100, calibrate="r2=0.3"
    )
    ground, blocks = Ground.of(
        fits["lasso"].problem.prior, br.Gaussian(), diabetes, standardize=True, intercept=True
    )

    assert "all priors have a mean R² of 0.3" in fits.verdict[-1]
    assert fits.footing.table["R2"].round(3).tolist() == [0.3, 0.3]
    assert expected(ground, blocks, 40_000, 9).r2.mean() == pytest.approx(0.3, rel=2 * WITHIN)
    assert dataclasses.replace(fits, footing=None).verdict == fits.verdict
    with pytest.raises(br.BadArgument, match="calibrate must be such as"):
        br.compare(["ridge"], diabetes, calibrate="half")


@pytest.mark.slow
def test_the_shell_has_it():
    done = run(
        *("compare", "diabetes", "--priors", "ridge", "--draws", "20", "--no-verify", "--json"),
        *("--calibrate", "sd=1"),
    )

    assert done.exit_code == 0, done.stderr
    assert "a median of 1 for the sd of η" in json.dumps(
        json.loads(done.stdout), ensure_ascii=False
    )


def test_arguments_of_calibrate_that_are_none():
    """A text is no switch, and columns are asked for."""
    with pytest.raises(br.BadArgument, match="standardize must be True or False"):
        br.calibrate(["ridge"], np.eye(3), r2=0.5, standardize="yes")
    with pytest.raises(br.BadArgument, match="X is missing"):
        br.calibrate(["ridge"], None, r2=0.5)
