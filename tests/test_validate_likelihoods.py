"""Posteriors under every likelihood keep the law of parameters and data, and faults do not."""

from __future__ import annotations

from typing import Any

import pytest

import bayesreg as br
from bayesreg.engines import laplace_tangent
from bayesreg.validation import calibration

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

# Among heavy tails a log link makes counts beyond float64; a slab holds them.
CALIBRATED = {
    "Bernoulli": ("tangent", PRIORS["Horseshoe"]),
    "Binomial": ("tangent", PRIORS["Laplace"]),
    "Poisson": ("tangent", PRIORS["Laplace"]),
    "NegativeBinomial": ("tangent", PRIORS["Normal"]),
    "StudentTNoise": ("tangent", PRIORS["Normal"]),
    "LaplaceNoise": ("tangent", PRIORS["Laplace"]),
}


def calibrated(name: str) -> br.Validation:
    engine, prior = CALIBRATED[name]
    options = SIZE | {"simulations": 40, "draws": 100, "checks": ["calibration"]}
    return br.validate(br.Model(prior, LIKELIHOODS[name]), engine, **options)


@pytest.mark.slow
@pytest.mark.parametrize("name", CALIBRATED)
def test_ranks_of_the_truth_are_uniform(name: str) -> None:
    found = calibrated(name)
    assert found.ok, found.why


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
    """Negative control: proposals accepted by the wrong ratio."""

    def linear(self: Any, setup: Any, u: Any) -> Any:
        return self.amount * (u @ setup.c)

    monkeypatch.setattr(laplace_tangent.Normalised, "log_density", linear)
    assert not calibrated("Binomial").ok
