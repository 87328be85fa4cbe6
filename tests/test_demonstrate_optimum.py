"""Laws of the pictures of the optimum: joint density, weight decay, units, read back as drawn."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.path import Path

import bayesreg as br
from bayesreg.verbs.demonstrate.weight_decay import descend


@pytest.fixture(scope="module")
def data():
    return br.load_dataset("diabetes")


def ridge(data, scale=25.0):
    model = br.Model(br.Normal(scale), br.Gaussian(54.0))
    return model.condition(data.X, data.y, standardize=True)


def lasso(data, scale=12.0, columns=None):
    model = br.Model(br.Laplace(scale), br.Gaussian(54.0))
    return model.condition(data.X[columns] if columns else data.X, data.y, standardize=True)


def regions(panel):
    """The filled regions of a contour plot, as one path."""
    filled, *_ = [one for one in panel.collections if getattr(one, "filled", False)]
    return Path.make_compound_path(*filled.get_paths())


@pytest.mark.parametrize("level", [0.5, 0.9])
def test_the_drawn_region_holds_its_share_of_the_exact_posterior(data, level):
    """Of two columns with σ known the density is exp(−J/σ²), here on a grid."""
    problem = lasso(data, 3.0, ["age", "bmi"])
    found = br.demonstrate.joint(problem, level=level, seed=1)
    region = regions(br.plot_joint(found)[0])
    i = [problem.features.index(name) for name in found.pair]
    side = np.linspace(-20, 60, 401)
    points = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    b = np.empty_like(points)
    b[:, i] = points
    log = -0.5 * problem.quadratic.residual_square(b) / 54.0**2 - np.sum(np.abs(b), axis=1) / 3.0
    mass = np.exp(log - log.max())
    mass /= mass.sum()

    assert abs(mass[region.contains_points(points)].sum() - level) < 0.03
    assert abs(mass[region.contains_points(points + np.array([8.0, 0.0]))].sum() - level) > 0.1, (
        "control"
    )
    for k in (60, 90, 110):
        for j in (0, 1):
            exact = mass[np.abs(points[:, j]) < found.epsilon[k]].sum()
            assert abs(found.near[k, j] - exact) < 4 * found.near_se[k, j] + 0.004


def test_mode_and_mean_are_where_fits_put_them_and_only_the_mode_has_zeros(data):
    problem = lasso(data)
    found = br.demonstrate.joint(problem, seed=1)
    panels = br.plot_joint(found)
    fit, post = br.fit_map(problem), br.sample(problem, seed=1)
    names = list(found.pair)
    mean, mode = (
        np.ravel(line.get_xydata()) for line in panels[0].get_lines() if len(line.get_xdata()) == 1
    )

    np.testing.assert_allclose(mode, fit.standardized[names], rtol=1e-12)
    np.testing.assert_allclose(mean, (post.beta * problem.column_sd)[names], rtol=1e-10)
    assert mode[0] == 0.0
    assert mean[0] != 0.0
    draws, modes = (line.get_ydata() for line in panels[2].get_lines()[:2])
    assert modes[0] == found.zeros_of_mode == np.sum(fit.beta == 0) > 0
    assert draws[0] < 0.01
    assert found.zeros_of_draws == 0
    first, second = (line.get_ydata() for line in panels[1].get_lines()[:2])
    assert np.all(np.diff(first) >= 0)
    assert np.all(first >= second)
    assert first[0] < 0.01
    assert first[-1] == second[-1] == 1.0


def test_a_prior_without_a_mode_has_none_drawn(data):
    post = br.sample(
        br.Model(br.Horseshoe(1.0)).condition(data.X, data.y, standardize=True), draws=200, seed=1
    )
    found = br.demonstrate.joint(post)
    panels = br.plot_joint(found)

    assert found.mode is None
    assert found.zeros_of_mode is None
    assert "no MAP" in found.says
    assert [t.get_text() for t in panels[0].get_legend().get_texts()] == ["mean"]
    assert len(found.draws) == 800
    assert found.summary()["mode"].isna().all()


def test_without_a_penalty_all_coefficients_are_counted(data):
    found = br.demonstrate.joint(br.Model(br.Flat()).condition(data.X[["bmi", "bp"]], data.y))
    assert (found.count, found.zeros_of_mode) == (2, 0)


def test_gradient_descent_is_weight_decay_and_adam_is_not(data):
    found = br.demonstrate.weight_decay(ridge(data), steps=400)
    lines = br.plot_weight_decay(found)[1].get_lines()
    plain, batches, adam = (line.get_ydata() for line in lines)

    assert max(plain.max(), batches.max()) < 1e-13
    assert adam[2:].min() > 1e-4, "control: the same comparison, and they part"
    sgd = [found.steps[f"SGD, {way}"] for way in ("λb in the slope", "weight decay")]
    assert np.max(np.abs(sgd[0][-1] - found.optimum)) > 1e-3, "batches were drawn"
    table = found.summary()
    assert table.loc["AdamW, weight decay", "from the MAP"] > 0.1
    assert table["from the other way"].iloc[:4].max() < 1e-13


def test_descent_on_a_quadratic_has_its_closed_form():
    """b_t = (I − (I − ηA)^t) b* for slope Hb − c and A = H + δI."""
    rng = np.random.default_rng(1)
    root = rng.standard_normal((9, 4))
    h, c, delta, rate = root.T @ root, rng.standard_normal(4), 0.7, 0.02
    d, v = np.linalg.eigh(h + delta * np.eye(4))
    for coupled in (True, False):
        steps = descend(lambda b, t: h @ b - c, np.zeros(4), delta, np.full(50, rate),
                        coupled=coupled)  # fmt: skip
        for t in (1, 7, 50):
            exact = v @ ((1 - (1 - rate * d) ** t) / d * (v.T @ c))
            np.testing.assert_allclose(steps[t], exact, rtol=1e-10)
    assert not np.allclose(steps[50], np.linalg.solve(h, c), rtol=0.01), "control: without δ"


def test_adam_moves_by_its_rate_and_does_not_see_the_size_of_the_loss():
    """Kingma & Ba (2015), §2.1: the first step is η·sign(g); all are the same for 1000·L."""
    target, rates = np.array([1.0, -2.0, 30.0]), np.full(60, 0.1)

    def steps(size, **how):
        return descend(lambda b, t: size * (b - target), np.zeros(3), 0.5, rates, adaptive=True,
                       **how)  # fmt: skip

    apart = steps(1.0, coupled=False)
    np.testing.assert_allclose(apart[1], 0.1 * np.sign(target), rtol=1e-7)
    np.testing.assert_allclose(apart, steps(1000.0, coupled=False), rtol=1e-5, atol=1e-6)
    together = steps(1.0, coupled=True)
    assert not np.allclose(together, steps(1000.0, coupled=True), rtol=0.01), "control: δ is seen"


@pytest.mark.parametrize("lam, held", [(60.0, False), (1500.0, True)])
def test_adam_has_the_map_as_its_limit_and_adamw_the_box(data, lam, held):
    """Near its bound b_j takes 1/((1 − β₂)(1 − δ²b_j²)) steps, while v forgets the first slopes."""
    model = br.Model(br.Normal.from_lam(lam), br.Gaussian(54.0))
    problem = model.condition(data.X, data.y, standardize=True)
    found = br.demonstrate.weight_decay(problem, steps=8000, rate=0.02)
    fit, bound = br.fit_map(problem), problem.n / lam
    unit = float(np.std(data.y))

    assert found.lam == pytest.approx(lam, rel=1e-12)
    np.testing.assert_allclose(found.optimum * unit, fit.b, rtol=1e-10)
    assert found.distance["Adam, λb in the slope"][-1] < 1e-6
    assert found.distance["gradient descent, weight decay"][-1] < 1e-4
    assert bool(np.max(np.abs(found.box)) >= bound * (1 - 1e-9)) == held
    size = np.linalg.norm(found.box - found.optimum)
    short = br.demonstrate.weight_decay(problem, steps=2000, rate=0.02)
    last, before = (
        np.linalg.norm(one.steps["AdamW, weight decay"][-1] - found.box) for one in (found, short)
    )
    assert last < min(0.25 * size, 0.5 * before), "AdamW goes to the box"
    assert found.distance["AdamW, weight decay"][-1] > 0.1, "control: and not at the MAP"
    assert ("within" in found.says.split("nears")[1]) == held


def test_where_least_squares_is_not_one_point_no_box_is_named():
    wide = br.simulate(n=20, p=40, seed=1)
    problem = br.Model(br.Normal(1.0), br.Gaussian(1.0)).condition(wide.X, wide.y)
    found = br.demonstrate.weight_decay(problem, steps=200)

    assert found.box is None
    assert "nears" not in found.says
    assert found.parted["SGD"].max() < 1e-13 < found.parted["Adam"].max()


def test_the_curve_over_units_is_that_of_the_data_in_these_units(data):
    problem = lasso(data)
    found = br.demonstrate.units(problem, "bp", factors=[0.01, 0.2, 7.0])
    left, right = br.plot_units(found)
    raw, converted, standardised = (line.get_ydata() for line in left.get_lines()[:3])
    model = br.Model(br.Laplace(12.0), br.Gaussian(54.0))

    for k, c in enumerate(found.factor):
        X = data.X.assign(bp=c * data.X["bp"])
        for curve, standardize in ((raw, False), (standardised, True)):
            with pytest.warns(br.BayesregWarning) if not standardize else _quiet():
                again = model.condition(X, data.y, standardize=standardize)
            effect = br.fit_map(again).standardized["bp"]
            np.testing.assert_allclose(curve[k], effect, rtol=1e-7, atol=1e-7)
    assert np.ptp(converted) < 1e-8
    assert np.ptp(standardised) < 1e-8
    assert np.ptp(raw) > 1.0, "control: the unit is seen"
    first, second = (line.get_xdata() for line in right.get_lines()[:2])
    np.testing.assert_allclose(first, np.sort(problem.column_sd)[::-1])
    np.testing.assert_allclose(second, first**2)
    assert found.least_squares == pytest.approx(
        np.linalg.lstsq(np.column_stack([np.ones(442), data.X]), data.y, rcond=None)[0][4]
        * data.X["bp"].std(ddof=0)
    )


def _quiet():
    import contextlib

    return contextlib.nullcontext()


REFUSED = [
    ("joint", {"columns": ["bmi", "weight"]}, "two of the columns"),
    ("joint", {"level": 90}, "level"),
    ("weight_decay", {"steps": 1}, "steps"),
    ("weight_decay", {"batch": 0}, "batch"),
    ("weight_decay", {"rate": -1.0}, "rate"),
    ("units", {"column": "weight"}, "penalised columns"),
    ("units", {"factors": [1.0, -1.0]}, "factors"),
]


@pytest.mark.parametrize("name, arguments, message", REFUSED)
def test_what_means_nothing_is_refused(data, name, arguments, message):
    with pytest.raises(br.BadArgument, match=message):
        getattr(br.demonstrate, name)(ridge(data), **arguments)


def test_what_cannot_be_served_is_refused(data):
    with pytest.raises(br.NotSupported, match="Normal"):
        br.demonstrate.weight_decay(lasso(data))
    rowless = br.Model(br.Normal(1.0), br.Gaussian(1.0)).condition(
        br.Moments.of(data.X, data.y), standardize=True
    )
    for name in ("weight_decay", "units"):
        with pytest.raises(br.NotSupported, match="needs rows"):
            getattr(br.demonstrate, name)(rowless)
    grouped = br.Model(br.Laplace(1.0, groups=[["s1", "s2"]]), br.Gaussian(54.0))
    with pytest.raises(br.NotSupported, match="one norm"):
        br.demonstrate.units(grouped.condition(data.X, data.y, standardize=True))
    about = br.Model(br.Normal(1.0, loc=0.5), br.Gaussian(54.0))
    with pytest.raises(br.NotSupported, match="loc=0"):
        br.demonstrate.units(about.condition(data.X, data.y, standardize=True))
    with pytest.raises(br.BadArgument, match="two columns"):
        br.demonstrate.joint(lasso(data, columns=["bmi"]))
