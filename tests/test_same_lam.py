"""The MAP at the posterior's own λ: never below a draw, and the mean under a normal prior."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import bayesreg as br
from bayesreg.results import SameLam
from tests.cases import CASES, LIKELIHOODS, PRIORS, responding
from tests.test_model import condition

pytestmark = pytest.mark.filterwarnings("ignore::bayesreg.language.errors.BayesregWarning")

WITH_MAP = [name for name, (kind, _) in PRIORS.items() if kind != "mixture"]
SHORT = {"draws": 150, "chains": 2, "seed": 3}


def same_lam(case, prior, likelihood):
    problem = condition(case, br.Model(prior, likelihood))
    post = br.sample(problem, **SHORT)
    return SameLam(br.fit_map(problem, hyper=post), post)


def free(name, likelihood):
    """The prior with an unknown scale, in a unit that the likelihood has."""
    one = PRIORS[name][1][0]
    sigma = likelihood == "Gaussian"
    scale, unit = (br.HalfCauchy(0.8), "sigma") if sigma else (br.HalfStudentT(3, 1.0), "y")
    return dataclasses.replace(one, scale=scale, unit=unit)


def case_of(likelihood):
    return responding(likelihood)[0]


# σ unknown as well under Gaussian noise: two numbers are plugged in.
@pytest.mark.parametrize("name", WITH_MAP)
@pytest.mark.parametrize("likelihood", list(LIKELIHOODS))
def test_no_draw_has_a_higher_density_than_the_map_at_its_lam(name, likelihood):
    kind = br.Gaussian() if likelihood == "Gaussian" else LIKELIHOODS[likelihood].likelihood
    same = same_lam(case_of(likelihood), free(name, likelihood), kind)

    assert same.fit.certificate.ok
    assert same.margin > 0.0
    mean, sd = (getattr(same.post.draws.beta, f)(axis=(0, 1)) for f in ("mean", "std"))
    apart = np.abs(mean - same.fit.beta.to_numpy()) / sd
    assert same.farthest == pytest.approx(np.max(apart), rel=0.01)
    assert same.effect == same.distance.index[np.argmax(apart)]
    # The control: half of the MAP is below some draw.
    halved = dataclasses.replace(same.fit, b=0.5 * same.fit.b - 0.5 * np.abs(same.fit.b).max())
    assert dataclasses.replace(same, fit=halved).margin < 0.0


@pytest.mark.parametrize("name", WITH_MAP)
@pytest.mark.parametrize("likelihood", list(LIKELIHOODS))
def test_the_margin_is_that_of_the_densities(name, likelihood):
    """log p(y | β) + log p(β) by the definitions of likelihood and prior, without intercept."""
    case = dataclasses.replace(case_of(likelihood), intercept=False, standardize=False)
    kind = LIKELIHOODS[likelihood].likelihood
    prior = dataclasses.replace(PRIORS[name][1][0], unit="y")
    problem = condition(case, br.Model(prior, kind))
    same = same_lam(case, prior, kind)

    def log_p(beta):
        density = kind.log_density(case.y, beta @ case.X.T, LIKELIHOODS[likelihood].theta)
        return density.sum(-1) + prior.log_density(beta, prior.scale).sum(-1)

    assert problem.sigma == LIKELIHOODS[likelihood].theta.get("sigma", 1.0)
    expected = log_p(same.fit.beta.to_numpy()) - np.max(log_p(same.post.draws.beta))
    assert same.margin == pytest.approx(expected, rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("prior", [br.Normal(), br.Normal(1.7, 0.4)], ids=repr)
def test_the_mean_of_a_normal_posterior_is_the_map(case, prior):
    if prior.loc and "1e12" in case.name:
        pytest.skip("0.4 per unit of a column of sd 1e12 is 4e11 in y, whose last digit is 6e-5")
    same = same_lam(case, prior, br.Gaussian(1.5))

    assert same.exact < 1e-12
    # The control: one part in 10⁹ is seen.
    other = dataclasses.replace(same.fit, b=same.fit.b * (1 + 1e-9))
    assert dataclasses.replace(same, fit=other).exact > 1e-12


def test_a_comparison_has_the_row_and_the_sentence():
    case = CASES[0]
    priors = {"ridge": br.Normal(), "lasso": br.Laplace(), "horseshoe": br.Horseshoe()}
    fits = br.compare(priors, case.X, case.y, standardize=True, seed=1, draws=100)
    table = fits.at_same_lam()

    assert list(table.index) == ["ridge", "lasso"]
    assert fits["horseshoe"].same_lam is None
    assert table.loc["ridge", "exact"] < 1e-12
    assert np.isnan(table.loc["lasso", "exact"])
    assert (table["margin"] > 0).all()
    said = next(text for text in fits.verdict if "own λ" in text)
    for name, row in table.iterrows():
        assert f"{name} {row['farthest']:.2f}" in said
    assert "no draw has a higher density" in said
    shown = repr(fits["lasso"].same_lam) + fits["lasso"].same_lam._repr_html_()
    assert shown.count("posterior sd from the mean") == 2


def test_a_factor_is_compared_by_contrasts():
    """A level's own coefficient is hardly identified beside the intercept; a contrast is."""
    import pandas as pd

    rng = np.random.default_rng(4)
    group = np.array(["a", "b"] * 40)
    frame = pd.DataFrame({"y": 3.0 * (group == "b") + rng.standard_normal(80), "g": group})
    problem = br.Model(br.Laplace(), br.Gaussian()).condition_formula("y ~ g", frame)
    post = br.sample(problem, seed=1)
    same = SameLam(br.fit_map(problem, hyper=post), post)
    contrast = post.draws.beta[..., 1] - post.draws.beta[..., 0]
    optimum = same.fit.beta.iloc[1] - same.fit.beta.iloc[0]
    (row,) = same.summary().itertuples()
    assert row.Index == "g: b − a"
    assert row.sd == pytest.approx(contrast.std(ddof=1))
    assert row.distance == pytest.approx((contrast.mean() - optimum) / contrast.std(ddof=1))
