"""Yes/no, before the data, fitted line, cross-validation, path by norm: read back as drawn."""

from __future__ import annotations

import dataclasses
from contextlib import nullcontext

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.special import expit
from scipy.stats import binom, norm
from sklearn.linear_model import Lasso, LogisticRegression

import bayesreg as br
from bayesreg.plots import canvas
from tests.report_standin import HOSTILE

DATA = br.load_dataset("diabetes")
Z = ((DATA.X - DATA.X.mean()) / DATA.X.std(ddof=0)).to_numpy()
MINE = ("yes_no", "before_data", "fitted_line", "cross_validation", "path_by_norm")


def asked(prior, rows=slice(None), **how):
    return br.Model(prior, **how).condition(DATA.X[rows], DATA.y[rows], standardize=True)


def grades(columns=None):
    data = br.load_dataset("endometrial")
    X = data.X if columns is None else data.X[columns]
    y = (data.y == "yes").to_numpy(float)
    with pytest.warns(br.BayesregWarning) if columns is None else nullcontext():
        problem = br.Model(br.Normal(1.0), "bernoulli").condition(X, data.y, standardize=True)
    return problem, ((X - X.mean()) / X.std(ddof=0)).to_numpy(), y


def test_bars_are_the_errors_of_folds_left_out():
    """Each fold's error by scikit-learn's Lasso on the other rows, standardised without it."""
    found = br.demonstrate.cross_validation(asked(br.Laplace()), lams=[30.0, 300.0, 3000.0])
    ax = br.plot_cross_validation(found)
    dots, _, (sticks,) = ax.containers[0].lines
    X, y = DATA.X.to_numpy(), DATA.y.to_numpy()

    def errors(lam):
        out = []
        for rows in found.choice.cross_validation.folds:
            left = np.setdiff1d(np.arange(len(y)), rows)
            mean, sd = X[left].mean(axis=0), X[left].std(axis=0)
            fit = Lasso(lam / len(left), tol=1e-6, max_iter=100_000)
            fit.fit((X[left] - mean) / sd, y[left])
            out.append(np.mean((y[rows] - fit.predict((X[rows] - mean) / sd)) ** 2))
        return np.array(out)

    for k, lam in enumerate(found.lams):
        each = errors(lam)
        se = each.std(ddof=1) / np.sqrt(len(each))
        low, high = sticks.get_segments()[k][:, 1]
        np.testing.assert_allclose(dots.get_ydata()[k], each.mean(), rtol=1e-4)
        np.testing.assert_allclose([low, high], each.mean() + se * np.array([-1, 1]), rtol=1e-3)
    assert abs(errors(2000.0).mean() / dots.get_ydata()[2] - 1) > 1e-2, "control: another λ"
    assert found.lam == found.lams[np.argmin(found.error)]


def test_a_choice_is_drawn_as_it_is():
    choice = br.choose(asked(br.Normal()), ["cv", "evidence"], n=12, folds=4)
    found = br.demonstrate.cross_validation(choice)

    assert found.splits == 4
    assert found.lam == choice["cv"].lam
    np.testing.assert_allclose(found.df, np.sort(choice.path.df)[::-1])
    with pytest.raises(br.BadArgument, match="was made by evidence"):
        br.demonstrate.cross_validation(br.choose(asked(br.Normal()), ["evidence"], n=4))
    with pytest.raises(br.BadArgument, match="has its λ's and folds"):
        br.demonstrate.cross_validation(choice, folds=3)


@pytest.mark.parametrize("prior", [br.Laplace(), br.Normal()], ids=["lasso", "ridge"])
def test_shares_are_of_the_norm_that_the_penalty_limits(prior):
    y = (DATA.y - DATA.y.mean()).to_numpy()
    free = np.linalg.lstsq(Z, y, rcond=None)[0]
    found = br.demonstrate.path_by_norm(asked(prior), n=40)
    lines = [line for line in br.plot_path_by_norm(found).get_lines() if len(line.get_xdata()) > 2]
    order = np.argsort(-np.max(np.abs(found.effects), axis=0), kind="stable")
    b = np.empty(found.effects.shape)
    b[:, np.r_[order[8:][::-1], order[:8]]] = np.transpose([line.get_ydata() for line in lines])
    which, other = (1, 2) if prior == br.Laplace() else (2, 1)
    share = lines[0].get_xdata()

    size = np.linalg.norm(b, which, axis=1) / np.linalg.norm(free, which)
    np.testing.assert_allclose(share, size, atol=1e-10)
    wrong = np.linalg.norm(b, other, axis=1) / np.linalg.norm(free, other)
    assert np.max(np.abs(share - wrong)) > 0.02, "control: the other norm"
    for k in (5, 20, 35):
        slope, lam = Z.T @ (y - Z @ b[k]), found.lams[k]
        live = b[k] != 0
        pull = lam * (np.sign(b[k]) if which == 1 else b[k])
        np.testing.assert_allclose(slope[live], pull[live], atol=1e-3 * np.max(np.abs(pull)))
        assert np.max(np.abs(slope[live] - 1.1 * pull[live])) > 1e-2 * np.max(np.abs(pull))
    assert share[0] == 0.0
    assert share[-1] == 1.0
    assert found.unpenalised


def test_without_one_unpenalised_optimum_the_largest_is_that_of_the_path():
    short = asked(br.Laplace(20.0), slice(0, 9), likelihood=br.Gaussian(54.0))
    wide = br.demonstrate.path_by_norm(short, n=20)
    assert not wide.unpenalised
    assert np.all(wide.lams > 0.0)
    group = asked(br.Laplace(20.0, groups=[["s1", "s2", "s3"]]))
    assert br.demonstrate.path_by_norm(group, n=10).norm == "Σ‖b_g‖₂"


def test_the_line_and_its_intervals_are_those_of_the_closed_form():
    sigma, scale, n = 54.0, 20.0, len(Z)
    problem = br.Model(br.Normal(scale), br.Gaussian(sigma)).condition(
        DATA.X, DATA.y, standardize=True
    )
    post = br.sample(problem, draws=2500, seed=1)
    found = br.demonstrate.fitted_line(post, "bp", level=0.9)
    ax = br.plot_fitted_line(found)
    j, k = list(DATA.X).index("bp"), (0, 30, 60)
    cover = np.linalg.inv(Z.T @ Z / sigma**2 + np.eye(10) / scale**2)
    mean = cover @ Z.T @ (DATA.y - DATA.y.mean()).to_numpy() / sigma**2
    z = (found.grid - DATA.X["bp"].mean()) / DATA.X["bp"].std(ddof=0)
    sd = np.sqrt(sigma**2 / n + z**2 * cover[j, j])

    lines = {len(line.get_xdata()): line for line in ax.get_lines()}
    band = ax.collections[0].get_paths()[0].vertices
    for at in k:
        x = found.grid[at]
        low, high = np.sort(band[np.isclose(band[:, 0], x), 1])[[0, -1]]
        exact = DATA.y.mean() + z[at] * mean[j] + norm.ppf([0.05, 0.95]) * sd[at]
        assert np.all(np.abs([low, high] - exact) < 0.12 * sd[at])  # 5 errors of a 5 % quantile
        assert high - low < 0.2 * norm.ppf(0.95) * 2 * sigma, "control: that of a new y"
        new = norm.ppf([0.05, 0.95]) * np.hypot(sd[at], sigma) + DATA.y.mean() + z[at] * mean[j]
        np.testing.assert_allclose(found.new[:, at], new, atol=0.3 * sd[at])
    fit = br.fit_map(problem)
    rest = DATA.y.to_numpy() - fit.predict(DATA.X)
    dots = lines[n].get_ydata()
    held = DATA.y.mean() + mean[j] * (lines[n].get_xdata() - DATA.X["bp"].mean()) / (
        DATA.X["bp"].std(ddof=0)
    )
    assert np.max(np.abs(dots - held - rest)) < 6.0
    assert np.max(np.abs(dots - DATA.y)) > 60.0, "control: y as it came"


def test_a_line_of_probabilities_and_one_beside_a_factor():
    problem, _, y = grades(["height"])
    found = br.demonstrate.fitted_line(problem)
    assert found.column == "height"
    assert found.new is None
    np.testing.assert_array_equal(found.y, y)
    assert np.all((found.low > 0) & (found.high < 1) & (found.low < found.mean))
    frame = br.load_dataset("ships").frame.assign(rate=lambda f: np.log1p(f["incidents"]))
    model = br.Model(br.Normal())
    ships = model.condition_formula("rate ~ type + log(service)", frame)
    post = br.sample(ships, seed=1)
    line = br.demonstrate.fitted_line(post)
    assert line.held == {"type": "A"}
    again = frame.assign(type="A", service=line.grid[20])
    assert line.mean[20] == pytest.approx(post.predict(again)[0])
    assert line.mean[20] != pytest.approx(post.predict(again.assign(type="B"))[0]), "control"
    with pytest.raises(br.BadArgument, match="a factor"):
        br.demonstrate.fitted_line(post, "type")


def test_a_normal_prior_expects_what_its_law_says():
    """Effects in σ are N(0, s²): their number is binomial, their largest has a known law."""
    s, p, delta = 0.15, 10, 0.2
    prior = {"mine": br.Normal(s, unit="sigma")}
    found = br.demonstrate.before_data(asked(br.Normal()), prior, delta=delta)
    panels = br.plot_before_data(found)

    def middle(panel):
        return float(panel.get_lines()[0].get_xdata()[0])

    def largest(share, s=s):
        return s * norm.ppf(0.5 + 0.5 * share ** (1 / p))

    count = found.expected["mine"].above(delta)
    law = binom(p, 2 * norm.sf(delta / s))
    assert abs(count.mean() - law.mean()) < 4 * law.std() / np.sqrt(len(count))
    assert middle(panels[2]) == law.median()
    assert abs(middle(panels[1]) - largest(0.5)) < largest(0.53) - largest(0.5)
    assert abs(middle(panels[1]) - largest(0.5, 0.2)) > 0.03, "control: another scale"
    rng = np.random.default_rng(5)
    v = np.var(rng.normal(0, s, (4000, p)) @ Z.T, axis=1)
    low, high = np.quantile(v / (v + 1), [0.47, 0.53])
    assert low < middle(panels[0]) < high
    ends = panels[0].collections[1].get_segments()[0][:, 0]
    np.testing.assert_allclose(
        ends, np.quantile(found.expected["mine"].r2, [0.25, 0.75]), rtol=1e-9
    )


def test_with_more_columns_than_rows_the_prior_stays_along_what_no_row_sees():
    wide, sigma = br.load_dataset("diabetes64"), 54.0
    rows = slice(0, 30)
    columns = wide.X.iloc[rows, :40]
    z = ((columns - columns.mean()) / columns.std(ddof=0)).to_numpy()
    scale = sigma * np.sqrt(len(z) / np.sum(np.linalg.svd(z)[1] ** 2))
    model = br.Model(br.Normal(scale), br.Gaussian(sigma))
    problem = model.condition(columns, wide.y[rows], standardize=True)
    found = br.demonstrate.before_data(problem, br.R2D2(), draws=200)
    dots = br.plot_before_data(found)[3].get_lines()
    left = np.concatenate([dots[0].get_ydata(), dots[1].get_ydata()])

    assert found.rank == 29
    assert np.all(left[29:] == 1.0)
    draws = br.sample(problem, seed=1).tree["posterior"]["beta"].to_numpy().reshape(-1, 40)
    b = draws * columns.std(ddof=0).to_numpy()
    along = b @ np.linalg.svd(z)[2].T
    ratio = np.var(along, axis=0) / scale**2
    error = np.sqrt(2 / len(b))
    assert np.all(np.abs(ratio / left - 1) < 5 * error)
    assert abs(ratio[0] / left[20] - 1) > 5 * error, "control: another direction"
    with pytest.raises(br.BadData):
        br.Model(br.Flat()).condition(columns, wide.y[rows])


def losses(Z, y, b):
    """Σ[log(1 + e^η) − yη] at the best intercept."""

    def at(free):
        eta = free[0] + Z @ b
        return np.sum(np.logaddexp(0, eta) - y * eta), [np.sum(expit(eta) - y)]

    return minimize(at, [0.0], jac=True, method="BFGS", tol=1e-10).fun


def test_contours_touch_the_minima_that_scikit_learn_finds():
    problem, z, y = grades(["pulsatility", "height"])
    C = 0.3
    found = br.demonstrate.yes_no(problem, C=C)
    panels = br.plot_yes_no(found)

    for panel, kind, penalty in zip(panels, ("L1", "L2"), (1, 0), strict=False):
        peer = LogisticRegression(
            l1_ratio=penalty, C=C, solver="saga", tol=1e-9, max_iter=100_000
        ).fit(z, y)
        lines = {line.get_label(): line.get_xydata() for line in panel.get_lines()}
        np.testing.assert_allclose(lines["solution"][0], peer.coef_[0], atol=1e-5)
        exact = losses(z, y, lines["solution"][0])
        assert found.losses[kind] == pytest.approx(exact, rel=1e-8)
        touched = panel.collections[-1].get_paths()[0].vertices
        fall = found.null - exact
        for vertex in touched[:: max(1, len(touched) // 12)]:
            assert abs(losses(z, y, vertex) - exact) < 0.01 * fall
        other = panel.collections[-2].get_paths()[0].vertices
        assert abs(losses(z, y, other[0]) - exact) > 0.05 * fall, "control: another contour"
        size = np.linalg.norm(lines["solution"][0], 2 - penalty)
        np.testing.assert_allclose(np.linalg.norm(lines["region"], 2 - penalty, axis=1), size)
    dotted = [line.get_ydata()[0] for line in panels[2].get_lines() if len(line.get_xdata()) == 2]
    assert set(found.unpenalised) <= set(dotted)
    np.testing.assert_allclose(found.paths["L2"][-1], found.unpenalised, rtol=1e-2)


def test_separation_has_no_answer_without_a_prior():
    """Along the direction of separation the loss falls for ever; a penalty ends it, at ~ log C."""
    problem, z, y = grades()
    found = br.demonstrate.yes_no(problem, ["neovascularisation", "height"])
    z = z[:, [list(problem.features).index(name) for name in found.names]]

    assert found.separating == ("neovascularisation",)
    assert found.unpenalised is None
    far = [losses(z, y, np.array([b, found.points["L2"][1]])) for b in (2.0, 5.0, 10.0)]
    assert far[0] > far[1] > far[2]
    end = found.paths["L2"][:, 0]
    growth = np.diff(end[[20, 40, 59]]) / np.diff(np.log(found.Cs[[20, 40, 59]]))
    assert np.all(growth > 0.2)
    other = found.paths["L2"][:, 1]
    assert abs(other[59] - other[40]) < 0.05, "control: a column that does not separate"
    assert "separates" in found.says
    assert "x" not in {line.get_marker() for line in br.plot_yes_no(found)[0].get_lines()}


@pytest.mark.slow
def test_hostile_names_and_a_single_column_are_drawn():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.standard_normal((60, len(HOSTILE))), columns=list(HOSTILE))
    y = (X.iloc[:, 1] + rng.standard_normal(60)).to_numpy()
    model = br.Model(br.Normal(1.0), br.Gaussian(1.0))
    yes = br.Model(br.Normal(1.0), "bernoulli").condition(X.iloc[:, :4], y > 0)
    many, one = model.condition(X, y), model.condition(X.iloc[:, :1], y)
    for name in MINE:
        how = {"draws": 20} if name == "before_data" else {}
        for problem in [yes] if name == "yes_no" else [many, one]:
            found = getattr(br.demonstrate, name)(problem, **how)
            with canvas.style():
                figure = np.ravel(np.asarray(found.plot(), dtype=object))[0].figure
                canvas.settle(figure)
                drawn = canvas.svg(figure)
            assert "mathdefault" not in drawn
            assert len(found.summary())
            for words in (drawn, found.says, found.alt):
                assert not any(c in words for c in "\x00\x1b\u202e"), name


def test_what_means_nothing_is_refused():
    problem, (yes, *_) = asked(br.Normal()), grades(["pulsatility", "height"])
    rowless = br.Model(br.Normal()).condition(br.Moments.of(DATA.X, DATA.y), standardize=True)
    for name, data, how, error, message in (
        ("yes_no", problem, {}, br.NotSupported, "two labels"),
        ("yes_no", yes, {"C": 0.0}, br.BadArgument, "C"),
        ("yes_no", yes, {"columns": ["height", "weight"]}, br.BadArgument, "weight"),
        ("before_data", yes, {"draws": 1}, br.BadArgument, "draws"),
        ("before_data", problem, {"delta": -1.0}, br.BadArgument, "delta"),
        ("before_data", problem, {"priors": "lassoo"}, br.BadArgument, "lasso"),
        ("fitted_line", problem, {"column": "weight"}, br.BadArgument, "weight"),
        ("fitted_line", br.fit_map(problem), {}, br.BadArgument, "no interval"),
        ("fitted_line", rowless, {}, br.NotSupported, "no rows"),
        ("cross_validation", rowless, {}, br.NotSupported, "rows"),
        ("path_by_norm", asked(br.Horseshoe()), {}, br.NotSupported, "Horseshoe"),
    ):
        with pytest.raises(error, match=message):
            getattr(br.demonstrate, name)(data, **how)
    counts = br.load_dataset("ships")
    poisson = br.Model(br.Normal(1.0), "poisson").condition(
        counts.X[["built"]].eq("1960-64").astype(float), counts.y, exposure=counts.exposure
    )
    with pytest.raises(br.NotSupported, match="predictions"):
        br.demonstrate.fitted_line(poisson)
    bmi = DATA.X[["bmi"]]
    shifted = br.Model(br.Normal()).condition(bmi, DATA.y, offset=bmi["bmi"].to_numpy())
    with pytest.raises(br.NotSupported, match="offsets"):
        br.demonstrate.fitted_line(shifted)
    assert dataclasses.is_dataclass(br.demonstrate.path_by_norm(rowless, n=5))
