"""Likelihoods on one response: which can be compared, and what the difference says of the data."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

import bayesreg as br
from bayesreg.verbs.verdict import sentences
from tests.approximate import approximate, counts, entries, measured
from tests.cases import LIKELIHOODS

NOISE = {"gauss": br.Gaussian(), "t": br.StudentTNoise(), "laplace": br.LaplaceNoise()}
COUNTS = {"poisson": br.Poisson(), "nb": br.NegativeBinomial()}


def _models(likelihoods: dict[str, Any], prior: Any = None) -> dict[str, Any]:
    return {name: br.Model(prior or br.Normal(1.0), one) for name, one in likelihoods.items()}


def _verdict(likelihoods: dict[str, Any], X: Any, y: Any) -> str:
    found = entries(_models(likelihoods), X, y)
    table = br.diagnostics.compare_elpd({name: e.loo for name, e in found.items()})
    return next(s for s in sentences(found, table, "the data") if "±" in s)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """``compare`` with posteriors by a normal approximation."""
    monkeypatch.setattr(sys.modules["bayesreg.verbs.compare"], "sample", approximate)


@pytest.mark.parametrize("df, expected", [(3.0, True), (np.inf, False)])
def test_outliers_are_told_by_prediction(df: float, expected: bool) -> None:
    """Student-t noise is clearly ahead where the noise has its tails, and only there."""
    said = _verdict({k: NOISE[k] for k in ("gauss", "t")}, *measured(400, df=df))
    clear = "Student-t noise predicts better than Gaussian noise by" in said
    assert clear == expected
    assert ("outliers" in said) == expected
    assert ("is not clearly ahead of" in said) != expected


@pytest.mark.parametrize("shape, expected", [(2.0, True), (None, False)])
def test_overdispersion_is_told_by_prediction(shape: float | None, expected: bool) -> None:
    said = _verdict(COUNTS, *counts(500, shape=shape))
    assert ("the counts vary more than a Poisson's" in said) == expected


@pytest.mark.parametrize(
    "pair, why",
    [
        ((br.Gaussian(), br.Poisson()), "a probability and Gaussian noise a density"),
        ((br.Bernoulli(), br.StudentTNoise()), "a probability and Student-t noise a density"),
        ((br.Poisson(), br.Binomial()), "not of one kind"),
        ((br.Bernoulli(), br.Poisson()), "not of one kind"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_the_reason(pair: Any, why: str) -> None:
    X, y = counts(40)
    for first, second in (pair, pair[::-1]):
        models = {"a": br.Model(br.Normal(1.0), first), "b": br.Model(br.Normal(1.0), second)}
        with pytest.raises(br.NotSupported, match=why):
            br.compare(models, X, y)


def test_labels_that_mean_another_event_are_refused() -> None:
    X, y = counts(40)
    two = {
        "yes": br.Model(br.Normal(1.0), br.Bernoulli("yes")),
        "no": br.Model(br.Normal(1.0), br.Bernoulli("no")),
    }
    with pytest.raises(br.NotSupported, match="same positive="):
        br.compare(two, X, np.where(y > 2, "yes", "no"))


def test_densities_are_not_ranked_among_probabilities() -> None:
    X, y = counts(300)
    found = entries(_models({"gauss": br.Gaussian(), "poisson": br.Poisson()}), X, y)
    with pytest.raises(br.BadArgument, match="a density is per unit of y"):
        br.diagnostics.compare_elpd({name: e.loo for name, e in found.items()})


@pytest.mark.usefixtures("quick")
def test_offset_exposure_and_trials_go_through_compare() -> None:
    """What compare conditions on is what a model conditions on by itself."""
    X, y = counts(300)
    time, extra = np.linspace(0.5, 2.0, 300), np.linspace(-0.1, 0.1, 300)
    prior = {"mine": br.Horseshoe(0.5)}
    fits = br.compare(prior, X, y, likelihood=br.Poisson(), exposure=time, offset=extra, seed=1)
    np.testing.assert_allclose(fits.data.offset, np.log(time) + extra)
    plain = br.compare(prior, X, y, likelihood=br.Poisson(), seed=1)
    assert fits.provenance["data_sha256"] != plain.provenance["data_sha256"]
    pair = np.column_stack([np.minimum(y, 9), 9 - np.minimum(y, 9)])
    fits = br.compare(prior, X, pair, likelihood=br.Binomial(), seed=1)
    assert np.all(fits.data.trials == 9)
    with pytest.raises(br.NotSupported, match="takes no exposure="):
        br.compare(prior, X, y, exposure=time)


@pytest.mark.usefixtures("quick")
def test_a_list_of_models_is_named_by_what_differs() -> None:
    X, y = measured(300)
    both = [
        br.Model(br.Horseshoe(1.0), one) for one in (br.Gaussian(1.0), br.StudentTNoise(4.0, 1.0))
    ]
    fits = br.compare(both, X, y, seed=1)
    assert fits.names == ("horseshoe, Gaussian noise", "horseshoe, Student-t noise")
    assert fits.brief().answers[0].question == "Which model predicts best?"
    assert "Gaussian noise predicts better than Student-t noise by" in fits.verdict[1]


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_information_is_the_variance_of_the_score(name: str) -> None:
    """E(∂ log p/∂η)² over draws of y, and the width of residuals is finite."""
    kind = LIKELIHOODS[name]
    eta, rng = np.full(200_000, 0.4), np.random.default_rng(3)
    theta = {k: np.array(v) for k, v in kind.theta.items()}
    y = kind.draw(rng, eta)
    slope, _ = kind.likelihood.derivatives(y, eta, theta)
    square = np.square(slope / kind.likelihood.dispersion(theta))
    error = square.std() / np.sqrt(len(square))
    told = float(np.ravel(kind.likelihood.information(eta[:1], theta))[0])
    assert abs(square.mean() - told) < 5 * error + 1e-12
    assert np.isfinite(kind.likelihood.width(eta, theta | {"df": np.array(1.5)})).all()
