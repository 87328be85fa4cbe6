"""Which λ, by which rule: each against an independent computation, and the words about them."""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np
import pytest
from scipy.special import log_ndtr

import bayesreg as br
from bayesreg.criteria.evidence_by_draws import maximise_by_draws
from bayesreg.criteria.evidence_curve import evidence_curve
from bayesreg.gaussian.evidence import maximise_evidence
from bayesreg.results import reasons
from bayesreg.solvers.path import Ray

QUICK = ["evidence", "posterior", "cv", "cv-1se", "aic", "bic", "ebic"]


def small(prior, *, n=60, p=4, likelihood=None, seed=0, **options):
    """A problem of a few correlated columns, two of them with effects."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p)) + 0.5 * rng.normal(size=(n, 1))
    y = 3.0 + X @ np.resize([0.8, -0.5, 0.0, 0.0], p) + rng.normal(size=n)
    return br.Model(prior, likelihood or br.Gaussian()).condition(X, y, **options)


@pytest.fixture(scope="module")
def diabetes():
    data = br.load_dataset("diabetes")
    return br.Model(br.Laplace()).condition(data.X, data.y, standardize=True)


@pytest.fixture(scope="module")
def lasso(diabetes):
    return br.choose(diabetes, QUICK, seed=1)


def line(problem, l1_ratio=None):
    """The problem at each (σ, λ)."""
    return lambda sigma, lam: Ray.of(problem, sigma, l1_ratio).at(lam)


def log_evidence_of_one_column(y, x, lam):
    """log ∫ N(y | xb, 1) Laplace(b | 1/λ) db: two normal integrals, one on each side of 0."""
    best, sd = x @ y / (x @ x), 1 / np.sqrt(x @ x)
    sides = [s * lam * best + log_ndtr(-s * best / sd - lam * sd) for s in (1.0, -1.0)]
    return np.log(lam) + 0.5 * (lam * sd) ** 2 + np.logaddexp(*sides)


# One column, σ known: the answer is two normal tails.
def test_evidence_curve_is_the_integral(monkeypatch):
    monkeypatch.setattr("bayesreg.criteria.evidence_curve.DEPTH", 6.0)
    problem = small(br.Laplace(), p=1, likelihood=br.Gaussian(1.0))
    found = evidence_curve(problem, line(problem), (1.0, 1.0), seed=2)
    x, y = (v - v.mean() for v in (problem.design.X[:, 0], problem.design.y))
    exact = log_evidence_of_one_column(y, x, found.lams)
    top = log_evidence_of_one_column(y, x, found.lam)

    # 4 standard errors, and what a cubic spline of slopes half a unit apart may miss.
    np.testing.assert_array_less(np.abs(found.value - (exact - top)), 4 * found.error + 0.01)
    assert np.ptp(exact) > 3
    # The control: an error of 10 % in the prior's rate is seen.
    wrong = log_evidence_of_one_column(y, x, 1.1 * found.lams)
    assert np.any(np.abs(found.value - (wrong - top)) > 4 * found.error + 0.01)


@pytest.mark.parametrize(
    "prior, sigma",
    [(br.Normal(), None), (br.Normal(), 1.3), (br.Normal(0.5), None)],
    ids=["sigma unknown", "sigma known", "unit y"],
)
def test_evidence_curve_of_normal_is_closed(prior, sigma):
    problem = small(prior, likelihood=br.Gaussian(sigma))
    (block,) = problem.blocks
    free = dataclasses.replace(
        problem, blocks=(dataclasses.replace(block, scale=None, hyper=br.HalfCauchy()),)
    )
    found = evidence_curve(free, line(free), (1.0, 1.0), seed=3)
    best = maximise_evidence(free)
    unit = best.sigma if block.prior.unit == "y" else 1.0
    lam = (unit / best.scale) ** 2

    assert abs(np.log(found.lam / lam)) < 4 * found.log_error + 1e-3
    assert found.log_error < 0.05
    np.testing.assert_allclose(found.sigma, best.sigma, rtol=0.01)


def test_evidence_is_that_of_fit_map(diabetes, lasso):
    rule = lasso["evidence"]
    other = maximise_by_draws(diabetes, seed=5)
    lam = other.sigma / other.scale[0]

    error = np.hypot(rule.log_error, np.hypot(other.sigma_error, other.scale_error[0]))
    assert abs(np.log(rule.lam / lam)) < 4 * error
    assert 0 < rule.log_error < 0.01


def test_evidence_of_a_ray_joins_its_ends():
    problem = small(br.ElasticNet())
    laplace = small(br.Laplace())
    ends = [
        br.choose(problem, "evidence", l1_ratio=1.0, seed=1)["evidence"],
        br.choose(laplace, "evidence", seed=2)["evidence"],
    ]
    error = np.hypot(*(rule.log_error for rule in ends))

    assert abs(np.log(ends[0].lam / ends[1].lam)) < 4 * error


def test_posterior_is_that_of_sample(diabetes, lasso):
    draws = br.sample(diabetes, seed=1).lam["λ"]

    assert lasso["posterior"].lam == pytest.approx(draws.median, rel=1e-12)
    assert lasso.posterior.interval() == pytest.approx(draws.interval(), rel=1e-12)


def test_cross_validation_is_scikit_learns(diabetes, lasso):
    from sklearn.linear_model import Lasso
    from sklearn.model_selection import PredefinedSplit, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    cv, design = lasso.cross_validation, diabetes.design
    fold = np.empty(design.n, dtype=int)
    for k, rows in enumerate(cv.folds):
        fold[rows] = k
    lam = lasso["cv"].lam
    errors = []
    for k, rows in enumerate(cv.folds):
        model = make_pipeline(
            StandardScaler(), Lasso(alpha=lam / (design.n - len(rows)), tol=1e-10, max_iter=10**5)
        )
        only = PredefinedSplit(np.where(fold == k, 0, -1))
        score = cross_val_score(
            model, design.X, design.y, cv=only, scoring="neg_mean_squared_error"
        )
        errors.append(-score[0])

    assert np.mean(errors) == pytest.approx(cv.error.min(), rel=1e-6)
    assert lasso.table.loc["cv", "cv_error"] == pytest.approx(cv.error.min(), rel=1e-12)
    limit = cv.error.min() + cv.se[np.argmin(cv.error)]
    assert lasso["cv-1se"].lam == cv.lams[cv.error <= limit].max()


def test_information_criteria_by_hand(diabetes, lasso):
    design, n = diabetes.design, diabetes.n
    fitted = design.X @ lasso.path.beta.to_numpy().T + lasso.path.intercept.to_numpy()
    rss = np.sum((design.y[:, None] - fitted) ** 2, axis=0)
    kept = np.count_nonzero(lasso.path.b, axis=1)
    for name, price in (("aic", 2.0), ("bic", np.log(n))):
        best = np.argmin(n * np.log(rss / n) + price * kept)
        assert lasso[name].lam == lasso.path.lam[best]


def test_table_says_what_each_lambda_is(diabetes, lasso):
    table = lasso.table
    for name, rule in lasso.rules.items():
        fit = br.fit_map(lasso.problem(name))
        assert fit.penalty.lam == pytest.approx(rule.lam, rel=1e-12)
        assert table.loc[name, "nonzero"] == np.count_nonzero(fit.b)
        assert table.loc[name, "sklearn"] == pytest.approx(rule.lam / diabetes.n, rel=1e-12)
        assert table.loc[name, "scale"] == pytest.approx(lasso.sigma / rule.lam, rel=1e-12)
        np.testing.assert_allclose(lasso.optima[name], fit.b, atol=1e-6)


def test_model_has_the_scale_and_leaves_sigma():
    prior = {"b": br.Flat(), ...: br.Laplace(relative=[1.0, 2.0])}
    rng = np.random.default_rng(0)
    X = {name: rng.normal(size=50) for name in ("q", "b", "c")}
    import pandas as pd

    frame = pd.DataFrame(X)
    y = frame["q"].to_numpy() + rng.normal(size=50)
    problem = br.Model(prior).condition(frame, y)
    choice = br.choose(problem, ["cv", "bic"])
    model = choice.model("bic")

    assert model.likelihood == problem.likelihood
    assert isinstance(model.prior["b"], br.Flat)
    again = model.condition(frame, y)
    lam = again.at(sigma=choice.sigma).penalty.l1
    np.testing.assert_allclose(lam * [1.0, 2.0], choice["bic"].lam, rtol=1e-12)


def test_scale_per_column_is_a_known_pattern():
    plain, scaled = (
        br.choose(small(br.Laplace(scale, unit="sigma")), "bic")
        for scale in (1.0, [1.0, 1.0, 1.0, 1.0])
    )
    assert plain["bic"].lam == pytest.approx(scaled["bic"].lam, rel=1e-12)
    prior = scaled.model("bic").prior
    np.testing.assert_allclose(prior.scale, plain.model("bic").prior.scale, rtol=1e-12)


def test_ray_is_the_classical_elastic_net():
    problem = small(br.ElasticNet(), standardize=True)
    choice = br.choose(problem, ["cv", "bic"], l1_ratio=0.7, seed=1)
    for name in choice:
        fixed = choice.problem(name)
        lam = choice[name].lam
        assert fixed.penalty.l1 == pytest.approx(0.7 * lam, rel=1e-10)
        assert fixed.penalty.l2 == pytest.approx(0.3 * lam, rel=1e-10)
        again = choice.model(name).condition(problem.design, standardize=True)
        assert again.at(sigma=choice.sigma).penalty.l2 == pytest.approx(0.3 * lam, rel=1e-10)
    with pytest.raises(br.NotSupported, match="l1_ratio"):
        br.choose(problem, "posterior", l1_ratio=0.7)


def test_ridge_rules():
    problem = small(br.Normal(), standardize=True)
    choice = br.choose(problem)

    assert set(choice.rules) == {*QUICK, "repeated-cv", "gcv", "loo"} - {"ebic"}
    assert "ebic" in choice.left_out
    best = maximise_evidence(problem)
    assert choice["evidence"].lam == pytest.approx(best.scale**-2, rel=1e-12)
    assert choice.table.loc["evidence", "sklearn"] == pytest.approx(best.scale**-2, rel=1e-12)
    design = problem.design
    Z = (design.X - design.X.mean(0)) / design.X.std(0)
    hat = Z @ np.linalg.solve(Z.T @ Z + choice["loo"].lam * np.eye(4), Z.T) + 1 / design.n
    errors = (design.y - design.y.mean() - (hat - 1 / design.n) @ design.y) / (1 - np.diag(hat))
    assert np.mean(errors**2) == pytest.approx(choice.curves["loo"].value.min(), rel=1e-9)


def test_rules_that_do_not_apply_are_said():
    problem = small(br.Laplace(0.1), standardize=True)
    moments = br.Model(br.Laplace(0.1)).condition(problem.moments, standardize=True)
    choice = br.choose(moments, repeats=2)

    assert set(choice.rules) == {"evidence", "aic", "bic", "ebic"}
    assert "Moments" in choice.left_out["cv"]
    assert "hyperprior" in choice.left_out["posterior"]
    assert "Normal" in choice.left_out["gcv"]
    assert any("Moments" in sentence for sentence in choice.why)
    with pytest.raises(br.NotSupported, match="'cv' does not apply here"):
        br.choose(moments, "cv")
    with pytest.raises(br.NotSupported, match="does not apply"):
        choice["loo"]


def test_more_columns_than_rows():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(25, 40))
    y = X[:, 0] * 2 + rng.normal(size=25)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", br.BayesregWarning)
        problem = br.Model(br.Laplace()).condition(X, y)
    choice = br.choose(problem, ["cv", "cv-1se"], folds=5)
    assert np.isfinite(choice.sigma)
    for name in ("evidence", "aic"):
        with pytest.raises(br.NotSupported, match="σ"):
            br.choose(problem, name)
    known = br.Model(br.Laplace(), br.Gaussian(1.0)).condition(X, y)
    assert br.choose(known, "aic").rules["aic"].lam > 0


# Pure noise: with this seed the evidence has its supremum where there are no effects.
def test_no_effects_at_all():
    X, y = np.random.default_rng(3).normal(size=(80, 6)), np.random.default_rng(4).normal(size=80)
    choice = br.choose(br.Model(br.Normal()).condition(X, y), ["evidence", "bic"])

    assert np.isinf(choice["evidence"].lam)
    assert choice.table.loc["evidence", "nonzero"] == 0
    assert "no effects at all" in choice.why[0]
    with pytest.raises(br.NotSupported, match="no effects"):
        choice.model("evidence")
    choice.plot()


def test_relaxed_is_least_squares_on_the_columns_kept(diabetes, lasso):
    found = lasso.relaxed("cv-1se")
    kept = [diabetes.features.index(name) for name in found.kept]
    X, y = diabetes.design.X, diabetes.design.y
    A = np.column_stack([np.ones(len(y)), X[:, kept]])
    exact, rss = np.linalg.lstsq(A, y, rcond=None)[:2]

    np.testing.assert_allclose(found.beta.iloc[kept], exact[1:], rtol=1e-8)
    assert found.rss == pytest.approx(rss[0], rel=1e-10)
    assert found.rss < found.penalised_rss
    at = lasso.table.loc["cv-1se", "cv_error"]
    assert found.penalised_cv_error == pytest.approx(at, rel=1e-6)
    assert found.cv_error < found.penalised_cv_error  # its columns are good, its shrinkage is not
    with pytest.raises(br.NotSupported, match="keeps every column"):
        br.choose(small(br.Normal()), "gcv").relaxed("gcv")


def test_words_are_the_numbers(lasso):
    said = " ".join(lasso.why)
    lams = {name: rule.lam for name, rule in lasso.rules.items()}
    low, high = min(lams, key=lams.get), max(lams, key=lams.get)

    assert f"smallest λ is {reasons.number(lams[low])} ({low}" in said
    assert f"a factor of {reasons.number(lams[high] / lams[low])}" in said
    assert f"σ = {reasons.number(lasso.sigma)}" in said
    interval = lasso.posterior.interval()
    below = [name for name in lasso if lams[name] < interval[0]]
    above = [name for name in lasso if lams[name] > interval[1]]
    assert ("below that interval" in said) == bool(below)
    assert (f"{reasons.listed(above)} lie" in said) == bool(above)
    assert f"up to {reasons.number(reasons.indistinct(lasso.cross_validation)[1])} apart" in said


def test_what_folds_cannot_tell_apart_is_judged_by_differences_within_them(diabetes):
    """By hand, fold by fold; errors themselves vary more than their differences do."""
    lasso = br.choose(diabetes, ["cv", "cv-1se"], seed=0)
    found = lasso.cross_validation
    k, best = (int(np.flatnonzero(found.lams == lasso[name].lam)[0]) for name in ("cv-1se", "cv"))
    gaps = found.fold_error - found.fold_error[:, [best]]
    se = np.std(gaps, axis=0, ddof=1) / np.sqrt(len(gaps))
    np.testing.assert_allclose(found.difference_se, se, rtol=1e-12, atol=1e-12)
    assert found.difference_se[best] == 0.0
    low, high = reasons.indistinct(found)
    inside = (found.lams >= low) & (found.lams <= high)
    assert np.all((gaps.mean(0) <= 2 * se)[inside])
    assert high < lasso["cv-1se"].lam  # within one standard error of the error, told apart by folds
    cost, error = gaps.mean(0)[k], se[k]
    assert cost > 2 * error
    words = f"{100 * cost / found.error[best]:.1f} % ± {100 * error / found.error[best]:.1f} %"
    assert any(words in sentence for sentence in lasso.why)


@pytest.mark.parametrize("prior", [br.Normal(), br.Laplace()], ids=["ridge", "lasso"])
def test_a_choice_ends_with_a_rule_for_each_aim(prior):
    choice = br.choose(small(prior), ["cv", "bic", "evidence", "posterior"], folds=5)
    aims = ["predict", "explain"] + ["few"] * isinstance(prior, br.Laplace)

    assert list(choice.recommended) == aims
    assert choice.recommended["explain"] == "posterior"
    for aim, rule in choice.recommended.items():
        (said,) = (text for text in choice.advice if text.startswith(f"To {_word(aim)}"))
        assert reasons.number(choice[rule].lam) in said
    for shown in (repr(choice), choice._repr_html_()):
        assert shown.index("To predict") < shown.index("To explain") < shown.index("To find few")
    assert "lams=" not in " ".join(choice.advice)


def _word(aim):
    return "find few columns" if aim == "few" else aim


def test_same_seed_same_choice(diabetes, lasso):
    again, other = (br.choose(diabetes, ["evidence", "cv"], seed=s) for s in (1, 2))

    assert again.rules == {name: lasso[name] for name in again}
    assert again["evidence"] != other["evidence"]
    assert not np.array_equal(again.curves["cv"].value, other.curves["cv"].value)


def test_figure_has_a_row_per_rule_and_a_panel_per_argument(lasso):
    panels = lasso.plot()

    assert len(panels) == 5
    rows = [tick.get_text() for tick in panels[0].get_yticklabels()]
    assert len(rows) == len(lasso.rules)
    marks = [line.get_xdata()[0] for line in panels[0].lines if line.get_marker() == "o"]
    assert sorted(marks) == sorted(rule.lam for rule in lasso.rules.values())
    (above,) = panels[0].child_axes
    panels[0].figure.draw_without_rendering()
    low, high = panels[0].get_xlim()
    ends = [lasso.sigma / high, lasso.sigma / low]
    np.testing.assert_allclose(sorted(above.get_xlim()), ends, rtol=1e-6)
    partial = dataclasses.replace(lasso, left_out={"gcv": "for this reason"})
    assert "not here: gcv – for this reason" in partial.plot()[-1].get_xlabel()


def test_html_escapes():
    rng = np.random.default_rng(0)
    import pandas as pd

    frame = pd.DataFrame(rng.normal(size=(30, 2)), columns=["<b>", "c"])
    choice = br.choose(br.Model(br.Laplace()).condition(frame, rng.normal(size=30)), ["cv", "bic"])
    assert "<b>" not in choice._repr_html_()
    assert "cv" in repr(choice)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"by": "evidense"}, "did you mean 'evidence'"),
        ({"by": []}, "by is empty"),
        ({"by": "cv", "folds": 1}, "fold"),
        ({"repeats": 0}, "repeats must be an integer of at least 1"),
        ({"seed": -1}, "seed must be an integer of at least 0"),
        ({"lams": [1.0, -2.0]}, r"lams\[1\]"),
        ({"l1_ratio": 2.0}, "l1_ratio"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(br.BadArgument, match=message):
        br.choose(small(br.Laplace()), **arguments)


@pytest.mark.parametrize("prior", [br.Normal(), br.Laplace()], ids=["ridge", "lasso"])
def test_weights_are_repeated_rows(prior):
    rng = np.random.default_rng(2)
    X, w = rng.normal(size=(40, 3)), rng.integers(1, 4, size=40)
    y = X[:, 0] + rng.normal(size=40)
    by = ["aic", "bic"] + ["evidence", "gcv", "loo"] * isinstance(prior, br.Normal)
    weighted = br.Model(prior).condition(X, y, weights=w, standardize=True)
    repeated = br.Model(prior).condition(np.repeat(X, w, 0), np.repeat(y, w), standardize=True)
    one, two = br.choose(weighted, by), br.choose(repeated, by)

    np.testing.assert_allclose(one.table["lam"], two.table["lam"], rtol=1e-9)
    np.testing.assert_allclose(one.table["sklearn"], two.table["sklearn"], rtol=1e-9)


# The scale is a number in the unit of y, and σ is unknown: λ = σ²/scale needs an estimate of it.
def test_absolute_scale_with_unknown_sigma():
    problem = small(br.Laplace(1.0))
    choice = br.choose(problem, ["cv", "bic"], folds=5)
    rule = choice["bic"]

    assert choice.sigma_source == "√(RSS/(ν − df)) at the λ of cv"
    assert choice.scale(rule.lam) == pytest.approx(choice.sigma**2 / rule.lam, rel=1e-12)
    assert choice.model("bic").prior.unit == "y"
    assert br.fit_map(choice.problem("bic")).penalty.lam == pytest.approx(rule.lam, rel=1e-12)
