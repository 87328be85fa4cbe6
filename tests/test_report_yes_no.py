"""What is shown of a yes/no response: log-odds and labels, and no noise sd, which it has not."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from scipy.stats import binomtest

import bayesreg as br
from bayesreg import plots
from bayesreg.data.known import Points
from bayesreg.report import latex, markdown, records
from bayesreg.report.document import Document
from tests.report_standin import HOSTILE, standin
from tests.test_plots import FIGURES, drawn, texts
from tests.test_report import Checker, document, page_of

LABELS = ("low", "high")
IN_LOG_ODDS = ("forest", "densities", "path", "map", "posterior")


@pytest.fixture(scope="module")
def comparison() -> Any:
    return standin(likelihood=br.Bernoulli(classes=LABELS))


@pytest.fixture(scope="module")
def shown(comparison: Any) -> Document:
    return document(comparison)


@pytest.fixture(scope="module")
def problem() -> Any:
    """The diabetes data, y above its median."""
    data = br.load_dataset("diabetes")
    y = np.where(data.y > data.y.median(), "high", "low")
    model = br.Model(br.Laplace(0.5), br.Bernoulli(positive="high"))
    return model.condition(data.X, y, standardize=True)


def test_no_noise_sd_is_shown(shown: Document) -> None:
    """Neither σ nor sd(y) is in any table, caption or sentence: a yes/no response has none."""
    written = (markdown.markdown_text(shown), records.json_text(shown), page_of(shown))
    for text in written:
        for word in ("σ", "\\u03c3", "sd(y)", "RSS", "alpha<"):
            assert word not in text


@pytest.mark.slow
def test_negative_control_a_gaussian_report_shows_its_noise_sd() -> None:
    text = markdown.markdown_text(document(standin()))
    assert "σ" in text
    assert "sd(y)" in text


def test_report_speaks_of_log_odds_and_labels(shown: Document) -> None:
    methods = next(s for s in shown.sections if s.key == "methods").paragraphs[0]
    assert "Bayesian logistic regressions of progression (high against low)" in methods
    assert "G the curvature of −log L at the mode under the likeliest scale" in methods
    assert dict(shown.facts)["y = 1 is"] == "high"
    captions = {figure.key: figure.caption for figure in shown.figures}
    assert "log-odds of “high”" in captions["forest"]
    assert "maximum-likelihood" in captions["profile"]
    objective = next(s for s in shown.sections if s.key == "priors").paragraphs[0]
    assert "Σ[log(1 + exp η) − yη]" in objective


def test_every_figure_is_described(shown: Document) -> None:
    alts = {figure.key: figure.alt for figure in shown.figures}
    assert all(alts.values())
    assert "Observed share against predicted probability" in alts["fit"]


def test_odds_ratios_are_exponentials(comparison: Any, shown: Document) -> None:
    """The median and the ends of the interval are those of β; a MAP of 0 is a ratio of 1."""
    table = {t.key: t for t in shown.tables}["odds_ratios"]
    sd = comparison.entries["lasso"].problem.column_sd
    for row in table.records():
        entry = comparison.entries[row["prior"]]
        j = entry.problem.features.index(row["feature"])
        beta = entry.post.draws.beta[..., j]
        low, middle, high = np.quantile(beta, [0.025, 0.5, 0.975])
        found = [row[k] for k in ("one", "eti95_lb", "eti95_ub", "by_sd")]
        np.testing.assert_allclose(found, np.exp([middle, low, high, sd[j] * middle]), rtol=1e-12)
        if entry.fit is not None:
            assert row["map"] == np.exp(entry.fit.beta.iloc[j])
        else:
            assert row["map"] is None
    assert "odds_ratios" not in {t.key for t in document(standin()).tables}


def test_tables_have_no_column_for_a_noise_sd(shown: Document) -> None:
    found = {t.key: t for t in shown.tables}
    assert "sigma" not in {c.key for c in found["priors"].columns}
    assert "nats" not in {c.key for c in found["certificates"].columns}
    assert {c.key: c.title for c in found["priors"].columns}["noise"] == "likelihood"
    assert {c.key: c.title for c in found["path"].columns}["sklearn"] == "scikit-learn's C"
    assert "LogisticRegression(" in str(found["priors"].rows)
    assert {row["unknown"] for row in found["unknowns"].records()} == {"intercept", "scale"}


@pytest.mark.parametrize(
    "names",
    [LABELS, *(pytest.param(HOSTILE[k : k + 2], marks=pytest.mark.slow) for k in (0, 2, 6))],
)
def test_labels_are_read_as_they_are(names: tuple[str, str]) -> None:
    """No label is read as markup, mathematics or a control, in pages, files and figures."""
    made = document(
        standin(likelihood=br.Bernoulli(classes=names), verified=False),
        sections=("priors", "coefficients", "forest", "fit", "methods"),
    )
    checked = Checker(page_of(made))
    assert checked.problems == []
    text = markdown.markdown_text(made)
    assert re.search(r"(?<!\\)<(script|img)", text) is None
    for one in made.tables:
        assert not any(c in latex.fragment(one) for c in "\x00\x1b")


@pytest.mark.parametrize("name", FIGURES)
def test_figures_are_in_log_odds(comparison: Any, name: str) -> None:
    draw, part = FIGURES[name]
    words = texts(drawn(draw(part(comparison))))
    assert "σ" not in words
    assert "change in y" not in words
    assert ("change in log-odds" in words) == (name in IN_LOG_ODDS)


def test_calibration_shows_shares_and_exact_intervals(comparison: Any) -> None:
    """Every row is in one bin; the intervals are Clopper & Pearson's."""
    post = comparison.entries["lasso"].post
    ax = plots.plot_ppc(post)
    x, share = _dots(ax)
    (lines,) = [c for c in ax.collections if len(c.get_segments()) == len(x)]
    y = post.problem.design.y
    p = expit(
        post.draws.beta.reshape(-1, len(post.problem.features)) @ post.problem.design.X.T
        + post.draws.intercept.reshape(-1, 1)
    ).mean(axis=0)
    edges = np.quantile(p, np.linspace(0, 1, len(x) + 1)[1:-1])
    which = np.searchsorted(edges, p, side="right")
    counts = np.bincount(which)
    assert counts.sum() == len(y)
    np.testing.assert_allclose(share, np.bincount(which, y) / counts, atol=0.1)
    for segment, one in zip(lines.get_segments(), share, strict=True):
        sizes = [n for n in set(counts.tolist()) if abs(n * one - round(n * one)) < 1e-9]
        intervals = [binomtest(round(n * one), n).proportion_ci() for n in sizes]
        assert any(np.allclose(segment[:, 1], [i.low, i.high], atol=1e-9) for i in intervals)
    words = texts(ax.figure)
    assert "high 1" in words
    assert "low 0" in words
    assert "predicted probability of “high”" in words


@pytest.mark.parametrize("shift, expected", [(0.0, True), (1.5, False)])
def test_calibration_tells_a_wrong_model(shift: float, expected: bool) -> None:
    """The diagonal is within the intervals where y follows the probabilities, and only there."""
    post = _known(3.0, shift)
    ax = plots.plot_ppc(post)
    x, _ = _dots(ax)
    (lines,) = [c for c in ax.collections if len(c.get_segments()) == len(x)]
    within = [s[0, 1] <= one <= s[1, 1] for s, one in zip(lines.get_segments(), x, strict=True)]
    assert (np.mean(within) >= 0.8) == expected


@pytest.mark.parametrize("shift, expected", [(0.0, True), (1.5, False)])
def test_binned_residuals_tell_a_wrong_model(shift: float, expected: bool) -> None:
    ax = plots.plot_residuals(_known(3.0, shift))
    ((x, residual),) = [line.get_data() for line in ax.lines if line.get_marker() == "o"]
    assert len(x) == int(np.sqrt(1000))
    n = 1000 / len(x)
    assert (np.mean(np.abs(residual) < 2 * np.sqrt(x * (1 - x) / n) + 0.02) >= 0.9) == expected


def test_frequency_weights_count_in_the_shares() -> None:
    """A row of weight 3 is three rows."""
    post = _known(1.0, 0.0, n=60)
    design = post.problem.design
    thrice = SimpleNamespace(**{**vars(design), "weights": np.full(60, 3.0)})
    heavy = SimpleNamespace(
        draws=post.draws,
        problem=SimpleNamespace(**{**vars(post.problem), "design": thrice}),
        left_out=post.left_out,
    )
    heavy.at_hand = heavy
    narrow, wide = (plots.plot_ppc(one) for one in (heavy, post))
    np.testing.assert_array_equal(_dots(narrow)[1], _dots(wide)[1])
    assert _length(narrow) < 0.8 * _length(wide)


def test_effects_that_matter_are_told_in_log_odds(problem: Any) -> None:
    """ε is a tenth of π/√3, the sd of logistic noise; other labels change signs alone."""
    post = br.sample(problem, seed=1, draws=200, chains=2)
    found = br.results.Significance.of_tenth(post.draws)
    np.testing.assert_allclose(found.eps, 0.1 * np.pi / np.sqrt(3.0))
    assert "a tenth of π/√3 per sd of the column" in found.words
    assert found["bmi"] > 0.95
    assert "σ" not in repr(post.shrinkage) + repr(post.lam) + repr(found)


def test_an_optimum_shows_odds_ratios_and_no_noise_sd(problem: Any) -> None:
    fit = br.fit_map(problem)
    assert "σ" not in repr(fit) + fit._repr_html_()
    assert "scale given; " in repr(fit)
    pd.testing.assert_series_equal(fit.summary()["odds_ratio"], np.exp(fit.beta), check_names=False)
    X = br.load_dataset("diabetes").X
    eta = fit.predict(X, kind="linear")
    np.testing.assert_allclose(eta, fit.intercept + X.to_numpy() @ fit.beta.to_numpy())
    np.testing.assert_allclose(fit.predict(X), expit(eta))
    with pytest.raises(br.BadArgument, match="kind must be one of mean, linear"):
        fit.predict(X, kind="odds")


@pytest.mark.parametrize("prior, share", [(br.Normal(1.0), 0.0), (br.Laplace(1.0), 1.0)])
def test_c_of_scikit_learn_has_the_same_optimum(prior: Any, share: float) -> None:
    """The column `sklearn` of a path is C of LogisticRegression."""
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(3)
    X = rng.standard_normal((80, 3))
    y = rng.random(80) < expit(X @ [1.0, -0.5, 0.0])
    path = br.path(br.Model(prior, br.Bernoulli()).condition(X, y), lams=[0.5, 5.0])
    for lam, row in path.summary().iterrows():
        solver = "saga" if share else "lbfgs"
        other = LogisticRegression(
            C=row["sklearn"], l1_ratio=share, solver=solver, tol=1e-10, max_iter=50_000
        ).fit(X, y)
        np.testing.assert_allclose(other.coef_[0], path.at(lam).beta, atol=2e-5)


def test_the_panel_of_a_choice_names_the_deviance(problem: Any) -> None:
    choice = br.choose(problem, ["cv", "aic"], n=20, folds=3)
    words = texts(np.ravel(choice.plot())[0].figure)
    assert "deviance above its smallest" in words
    assert "log-odds" in words
    assert not any(word in words + repr(choice) for word in ("σ", "squared error", "RSS"))


def _dots(ax: Any) -> tuple[Any, Any]:
    """The observed shares of a calibration plot."""
    ((x, y),) = [line.get_data() for line in ax.lines if line.get_marker() == "o"]
    return np.asarray(x), np.asarray(y)


def _length(ax: Any) -> float:
    """Mean length of the intervals."""
    x, _ = _dots(ax)
    (lines,) = [c for c in ax.collections if len(c.get_segments()) == len(x)]
    return float(np.mean([s[1, 1] - s[0, 1] for s in lines.get_segments()]))


def _known(slope: float, shift: float, n: int = 1000) -> Any:
    """A posterior that is one point, of rows whose log-odds are higher by `shift` than it says."""
    rng = np.random.default_rng(5)
    x = rng.uniform(-1, 1, (n, 1))
    y = 1.0 * (rng.random(n) < expit(slope * x[:, 0] + shift))
    design = SimpleNamespace(
        X=x, y=y, y_name="y", weights=None, trials=None, points=Points(x), sampled_of=0
    )
    problem = SimpleNamespace(
        design=design, likelihood=br.Bernoulli(classes=LABELS), classes_=LABELS
    )
    draws = SimpleNamespace(beta=np.full((1, 2, 1), slope), intercept=np.zeros((1, 2)), theta={})
    post = SimpleNamespace(draws=draws, problem=problem, left_out=y - expit(slope * x[:, 0]))
    post.at_hand = post  # its rows are in memory
    return post
