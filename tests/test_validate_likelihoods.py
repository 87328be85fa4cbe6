"""Posteriors under every likelihood keep the law of parameters and data, and faults do not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import bayesreg as br
from bayesreg.engines import laplace_tangent
from bayesreg.engines.prior import prior_draws
from bayesreg.validation import calibration
from bayesreg.validation.bands import band
from bayesreg.validation.quantities import Unknowns, of_prior
from bayesreg.validation.trials import prepare
from bayesreg.verbs.validate import LEVEL

HALF, NOISE = br.HalfNormal(1.0), br.HalfNormal(1.5)
LIKELIHOODS: dict[str, Any] = {
    "Bernoulli": br.Bernoulli(),
    "Binomial": br.Binomial(),
    "Poisson": br.Poisson(),
    "NegativeBinomial": br.NegativeBinomial(),
    "StudentTNoise": br.StudentTNoise(sigma=NOISE),
    "LaplaceNoise": br.LaplaceNoise(sigma=NOISE),
}
PRIORS = {
    "Normal": br.Normal(HALF),
    "Laplace": br.Laplace(HALF),
    "Horseshoe": br.Horseshoe(br.HalfNormal(0.3)),
}
SIZE: dict[str, Any] = {"n": 24, "p": 3, "seed": 3, "progress": False}


def recovered(name: str, prior: Any, engine: str, **options: Any) -> br.Validation:
    """Without data: rows that count next to nothing."""
    return br.validate(
        br.Model(prior, LIKELIHOODS[name]), engine, checks=["recovery"], **(SIZE | options)
    )


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_without_data_draws_are_the_prior_s(name: str) -> None:
    """The likelihood's own unknowns among them; under the heaviest prior."""
    found = recovered(name, PRIORS["Horseshoe"], "tangent")
    assert found.ok, found.why
    seen = {one.quantity for one in found.findings}
    assert {f"log {own}" for own in LIKELIHOODS[name].unknowns} <= seen


@pytest.mark.parametrize("name", ["StudentTNoise", "LaplaceNoise"])
@pytest.mark.slow
def test_without_data_latent_weights_keep_the_prior(name: str) -> None:
    found = recovered(name, PRIORS["Laplace"], "gibbs")
    assert found.ok, found.why


def test_another_prior_of_an_unknown_is_caught() -> None:
    """Negative control: a shape from another law."""
    truth = br.Model(PRIORS["Laplace"], br.NegativeBinomial(br.Gamma(2.0, 0.1)))
    found = recovered("NegativeBinomial", PRIORS["Laplace"], "tangent", truth=truth)
    assert not found.ok
    assert "log shape" in found.why


def test_an_improper_law_of_an_unknown_is_refused_by_name() -> None:
    with pytest.raises(br.NotSupported, match=r"LaplaceNoise\(sigma="):
        br.validate(br.Model(br.Normal(1.0), br.LaplaceNoise()))


@pytest.mark.slow
def test_an_engine_is_chosen_for_what_the_prior_says_of_y() -> None:
    """Under heavy tails some counts are huge and some rows all 0; hmc serves these too."""
    options = SIZE | {"n": 10, "p": 8, "seed": 1, "checks": ["recovery"]}
    assert br.validate(br.Model(br.Normal(), br.Poisson()), **options).engine == "hmc"


@pytest.mark.slow
def test_chains_that_hardly_move_are_run_for_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    """And a finding says so where that does not help."""
    options = SIZE | {"n": 10, "p": 8, "simulations": 20, "draws": 20, "checks": ["calibration"]}
    model = br.Model(br.Normal(), br.Poisson())
    assert not any("effective" in one for one in br.validate(model, "hmc", **options).failures)
    monkeypatch.setattr(calibration, "_STRETCHES", (2, 2))
    found = br.validate(model, "hmc", **options)
    assert any("fewer than 20 effective" in one for one in found.failures)


# --- calibration (slow) ----------------------------------------------------------------------

# Under heavy tails and a log link effects of columns of sd 0.3, else counts leave float64.
NARROW = (
    0.3
    * np.random.default_rng(5).standard_normal((24, 3))
    @ np.array([[1.0, 0.5, 0.0], [0.0, 1.0, 0.4], [0.0, 0.0, 1.0]])
)
DRAWS = 30


def calibrated(model: br.Model, simulations: int, **more: Any) -> br.Validation:
    sizes = {"simulations": simulations, "draws": DRAWS, "checks": ["calibration"]}
    return br.validate(model, "tangent", **(SIZE | sizes | more))


@pytest.mark.slow
@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize("name", LIKELIHOODS)
def test_ranks_of_the_truth_are_uniform(name: str, prior: str) -> None:
    heavy = name in ("Poisson", "NegativeBinomial") and prior != "Normal"
    model = br.Model(PRIORS[prior], LIKELIHOODS[name])
    found = calibrated(model, 20, **({"design": NARROW} if heavy else {}))
    assert found.ok, found.why


def half(likelihood: Any) -> tuple[br.Model, br.Model]:
    """A prior scale that is half of the truth's; of 0.5 it is also the variance for the sd."""
    return br.Model(br.Normal(0.5), likelihood), br.Model(br.Normal(0.25), likelihood)


def jacobian(kind: Any, **known: float) -> tuple[br.Model, br.Model]:
    """An unknown whose law lacks the factor x that log x has; the data say little of it."""
    one, other = br.Gamma(2.0, 0.02), br.Gamma(1.0, 0.02)
    return br.Model(br.Normal(1.0), kind(one, **known)), br.Model(
        br.Normal(1.0), kind(other, **known)
    )


# What the truth is drawn from, what is fitted, and data sets enough to see the difference.
FAULTS: dict[str, tuple[tuple[br.Model, br.Model], int]] = {
    "Bernoulli": (half(br.Bernoulli()), 40),
    "Binomial": (half(br.Binomial()), 40),
    "Poisson": (half(br.Poisson()), 40),
    "NegativeBinomial": (jacobian(br.NegativeBinomial), 80),
    "StudentTNoise": (jacobian(br.StudentTNoise, sigma=1.0), 80),
    "LaplaceNoise": (half(br.LaplaceNoise(sigma=1.0)), 40),
}
POOL, SETS, SUBSETS = 3000, 300, 200


def ideal_ranks(truth: br.Model, fitted: br.Model) -> dict[str, Any]:
    """Ranks of calibration without an engine: draws of the fitted prior, weighted by likelihood."""
    trial = prepare(fitted, truth, SIZE["n"], SIZE["p"], None, standardize=False, seed=SIZE["seed"])
    problem, rng = trial.problem, np.random.default_rng(7)
    pool = Unknowns.of_prior(prior_draws(problem, POOL, 1)[0])
    truths = trial.truths(SETS, 9)
    assert problem.design is not None
    points, likelihood = problem.design.points, problem.likelihood
    eta, theta = points.under(pool.beta, pool.intercept, pool.theta(likelihood), axis=-1)
    values, true, ranks = of_prior(problem, pool), of_prior(problem, truths), {}
    for k in range(SETS):
        log_w = likelihood.log_density(trial.response(truths.row(k), rng), eta, theta).sum(axis=1)
        w = np.exp(log_w - log_w.max())
        for name, value in values.items():
            share = min(float(w @ (value < true[name][k]) / w.sum()), 1.0)
            rank = (rng.binomial(DRAWS, share) + rng.random()) / (DRAWS + 1)
            ranks.setdefault(name, []).append(rank)
    return {name: np.array(one) for name, one in ranks.items()}


def share_caught(ranks: dict[str, Any], simulations: int) -> float:
    """Of subsets of the data sets, those whose ranks leave a band that Holm's correction allows."""
    z, lower, upper = band(simulations, 1.0 - LEVEL / (len(ranks) + 1))
    rng, caught = np.random.default_rng(1), 0
    for _ in range(SUBSETS):
        pick = rng.integers(0, SETS, simulations)
        ecdfs = (
            np.searchsorted(np.sort(u[pick]), z, "right") / simulations for u in ranks.values()
        )
        caught += any(bool(np.any((e < lower) | (e > upper))) for e in ecdfs)
    return caught / SUBSETS


@pytest.mark.slow
@pytest.mark.parametrize("name", FAULTS)
def test_the_sizes_have_the_power(name: str) -> None:
    """Negative control: the fitted model itself is hardly ever called wrong."""
    (truth, fitted), simulations = FAULTS[name]
    assert share_caught(ideal_ranks(truth, fitted), simulations) >= 0.99
    assert share_caught(ideal_ranks(fitted, fitted), simulations) <= 0.03


@pytest.mark.slow
@pytest.mark.parametrize("name", FAULTS)
def test_seeded_faults_are_caught(name: str) -> None:
    (truth, fitted), simulations = FAULTS[name]
    assert not calibrated(fitted, simulations, truth=truth).ok


# --- Geweke's joint test (slow) ---------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", LIKELIHOODS)
def test_joint_chains_keep_parameters_and_data(name: str) -> None:
    options = SIZE | {"draws": 20, "checks": ["joint"]}
    found = br.validate(br.Model(PRIORS["Normal"], LIKELIHOODS[name]), "tangent", **options)
    assert found.ok, found.why
    seen = {one.quantity for one in found.findings}
    assert {"log likelihood", *(f"log {own}" for own in LIKELIHOODS[name].unknowns)} <= seen


@pytest.mark.slow
def test_joint_chains_of_another_prior_are_caught() -> None:
    """Negative control: a quarter of the truth's scale."""
    options = SIZE | {"draws": 30, "checks": ["joint"]}
    truth = br.Model(br.Normal(1.0), br.Bernoulli())
    fitted = br.Model(br.Normal(0.25), br.Bernoulli())
    assert not br.validate(fitted, "tangent", truth=truth, **options).ok


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Poisson", "Binomial"])
def test_independent_proposals_keep_the_ranks(name: str) -> None:
    """However unequal the weights are; and another scale is caught."""
    model, other = (br.Model(br.Normal(h), LIKELIHOODS[name]) for h in (HALF, br.HalfNormal(1.8)))
    options = SIZE | {"simulations": 200, "draws": 60, "checks": ["calibration"]}
    found = br.validate(model, "independent", **options)
    assert found.ok, found.why
    assert not br.validate(model, "independent", truth=other, **options).ok


@pytest.mark.slow
def test_a_ratio_without_its_curvature_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: proposals accepted by the wrong ratio (1e-4 at 80 simulations)."""

    def linear(self: Any, setup: Any, u: Any) -> Any:
        return self.amount * (u @ setup.c)

    monkeypatch.setattr(laplace_tangent.Normalised, "log_density", linear)
    assert not calibrated(br.Model(PRIORS["Laplace"], br.Bernoulli()), 100, draws=100).ok
