"""Likelihoods on one response: which can be compared, and what the difference says of the data."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bayesreg as br
from bayesreg.data.design import Design
from bayesreg.report import composed
from bayesreg.report.latex import fragment
from bayesreg.report.markdown import markdown_text
from bayesreg.report.records import json_text
from bayesreg.verbs.bounded import condition_bounded
from bayesreg.verbs.verdict import sentences
from tests.approximate import approximate, counts, entries, measured
from tests.cases import LIKELIHOODS
from tests.test_plots import texts
from tests.test_report import Checker

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
    monkeypatch.setattr(import_module("bayesreg.verbs.compare"), "sample", approximate)


@pytest.mark.parametrize("df, expected", [(3.0, True), (np.inf, False)])
def test_outliers_are_told_by_prediction(df: float, expected: bool) -> None:
    """Student-t noise is clearly ahead where the noise has its tails, and only there."""
    said = _verdict({k: NOISE[k] for k in ("gauss", "t")}, *measured(400, df=df))
    clear = "Student-t noise predicts better than Gaussian noise by" in said
    assert clear == expected
    assert ("outliers" in said) == expected
    assert ("nats, which is not clear" in said) != expected


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


def test_formulas_and_arguments_say_the_same_of_an_offset() -> None:
    """offset(log t) in a formula is exposure=t beside it, and cbind has the trials."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(80, 2)), columns=["a", "b"]).assign(g=list("uv") * 40)
    frame["t"] = rng.uniform(1.0, 3.0, 80)
    frame["y"] = rng.poisson(frame.t * np.exp(0.3 * frame.a))
    how: dict[str, Any] = {"data": frame, "likelihood": br.Poisson(), "seed": 1, "draws": 100}
    terms, prior = "y ~ a + b + C(g)", {"mine": br.Horseshoe(0.5)}
    one = br.compare(prior, formula=f"{terms} + offset(log(t))", **how)
    two = br.compare(prior, formula=terms, exposure="t", **how)
    np.testing.assert_allclose(one.data.offset, np.log(frame.t))
    assert one["mine"].post.beta.equals(two["mine"].post.beta)
    with pytest.raises(br.NotSupported, match="takes no trials="):
        br.compare(prior, formula=terms, trials="t", **how)
    frame = frame.assign(won=np.minimum(frame.y, 5), lost=6 - np.minimum(frame.y, 5))
    how |= {"data": frame, "likelihood": br.Binomial()}
    assert np.all(br.compare(prior, formula="cbind(won, lost) ~ a", **how).data.trials == 6)


def test_default_priors_are_bounded_where_classes_are_separated() -> None:
    """The cure is applied to a default, and said; a prior that was asked for is refused."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 2))
    design = Design.of(X, 1.0 * (X[:, 0] > 0.1))
    how = {"standardize": True, "intercept": True}
    problem, notes = condition_bounded(br.Model(br.Horseshoe(), br.Bernoulli()), design, **how)
    assert isinstance(problem.prior, br.RegularizedHorseshoe)
    assert "Horseshoe() was replaced by RegularizedHorseshoe(scale=HalfStudentT(" in notes[0]
    asked = br.Model(br.Horseshoe(br.HalfCauchy(2.0)), br.Bernoulli())
    with pytest.raises(br.BadData, match="separate the classes"):
        condition_bounded(asked, design, **how)
    joined, notes = condition_bounded(br.Model(br.Normal(), br.Bernoulli()), design, **how)
    assert joined.prior == br.Model(br.Normal(), br.Bernoulli()).prior
    assert not any("replaced" in note for note in notes)


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
def test_a_comparison_across_likelihoods_is_saved_and_comes_back(tmp_path: Any) -> None:
    """Likelihoods, offsets and own unknowns by model; the table and the verdict are the same."""
    X, y = counts(200, shape=1.0)
    models = _models(COUNTS, br.Horseshoe(1.0))
    fits = br.compare(models, X, y, exposure=np.linspace(1.0, 2.0, 200), seed=1)
    fits.save(tmp_path / "fits.breg")
    again = br.load(tmp_path / "fits.breg")
    pd.testing.assert_frame_equal(again.table, fits.table)
    assert again.verdict == fits.verdict
    assert repr(again.brief()) == repr(fits.brief())
    for name in fits:
        assert again[name].problem.likelihood == models[name].likelihood
        pd.testing.assert_frame_equal(again[name].post.scores(), fits[name].post.scores())
        assert again[name].loo.elpd_i.attrs["measure"] == "probability"
    assert "negative binomial" in fits._repr_html_().lower()
    shape = again["nb"].post.draws.own["shape"]
    np.testing.assert_array_equal(shape, fits["nb"].post.draws.own["shape"])


@pytest.mark.usefixtures("quick")
@pytest.mark.slow
def test_a_report_across_likelihoods_names_each_with_its_own_unknowns() -> None:
    """Losses, φ, priors of σ, df and shape, and the offset; and no σ in a report of counts."""
    X, y = measured(200, df=3.0)
    fits = br.compare(_models(NOISE, br.Horseshoe(1.0)), X, y, seed=1, dataset="pressures")
    shown = composed(fits, sections=["coefficients", "verdict", "priors", "methods"])
    text = "\n".join(one for section in shown.sections for one in section.paragraphs)
    text += json_text(shown)
    assert shown.title == "pressures under 3 models"
    for said in (
        "normal noise (σ unknown, p(σ²) ∝ 1/σ²)",
        "Student-t noise (σ unknown, p(σ²) ∝ 1/σ²; df ~ Gamma(",
        "½(ν + 1)σ²·Σ log(1 + (y − η)²/νσ²) under Student-t noise",
        "J/σ² or J/σ is the negative log posterior",
        "Models were compared by",
        "noise scale, not sd",
    ):
        assert said in text
    X, y = counts(200)
    models = _models(COUNTS, br.Horseshoe(1.0))
    fits = br.compare(models, X, y, exposure=np.full(200, 2.0), seed=1)
    sections = ["coefficients", "forest", "fit", "verdict", "priors", "methods"]
    shown = composed(fits, sections=sections)
    text = "\n".join(one for section in shown.sections for one in section.paragraphs)
    for said in ("Poisson or negative binomial (shape ~ ", "log link", "offset + β₀"):
        assert said in text
    text += markdown_text(shown)
    for absent in ("σ", "sd(y)", "RSS", "log-odds"):
        assert absent not in text
    tables = {table.key: table for table in shown.tables}
    assert {row["score"] for row in tables["scores"].records()} >= {"log score", "deviance"}
    assert "shape, variance is μ + μ²/shape" in {r["unknown"] for r in tables["unknowns"].records()}
    figures = {figure.key: figure for figure in shown.figures}
    assert "rootogram" in figures["fit"].caption
    assert "0.69 doubles the expected count" in texts(figures["forest"].drawn)
    for table in shown.tables:
        assert fragment(table).isascii()


@pytest.mark.slow
def test_the_shipped_counts_are_compared_from_formula_to_report(tmp_path: Any) -> None:
    """Real engines: Poisson and negative binomial with an exposure, the page, and the file."""
    ships = br.load_dataset("ships")
    models = {
        "poisson": br.Model(br.Normal(1.0), br.Poisson()),
        "nb": br.Model(br.Horseshoe(), br.NegativeBinomial()),
    }
    terms = "incidents ~ type + C(built) + C(operated)"
    fits = br.compare(models, formula=terms, data=ships.frame, exposure="service", seed=1)
    assert fits.ok
    assert "is ahead of negative binomial" in " ".join(fits.verdict)
    assert "multiplies the expected count by" in repr(fits.brief())
    page = fits.report(tmp_path / "ships.html").read_text(encoding="utf-8")
    assert Checker(page).problems == []
    assert "Rate ratios" in page
    fits.save(tmp_path / "ships.breg")
    again = br.load(tmp_path / "ships.breg")
    assert again.verdict == fits.verdict
    new = ships.frame.head(3)
    one, two = (each.predict(new, level=0.9, exposure=new["service"]) for each in (fits, again))
    pd.testing.assert_frame_equal(one, two)
