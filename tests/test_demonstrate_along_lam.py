"""Laws of the pictures along λ: conditioning, bias and variance, grouping, read back as drawn."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from scipy.stats import norm

import bayesreg as br
from bayesreg.plots import canvas
from tests.report_standin import HOSTILE


@pytest.fixture(scope="module")
def data():
    return br.load_dataset("diabetes")


def asked(data, prior, **how):
    return br.Model(prior, **how).condition(data.X, data.y, standardize=True)


def drawn(panel, count=None):
    """The y's of the lines of a panel that have one for each λ, in the order drawn."""
    lines = [line.get_xydata() for line in panel.get_lines() if len(line.get_xydata()) > 2]
    return np.array([line[:, 1] for line in lines[:count]])


def test_conditioning_is_that_of_the_columns_written_out(data):
    """The second column replaced in the rows: condition number, optimum, variance of estimates."""
    found = br.demonstrate.conditioning(asked(data, br.Normal()), ["bmi", "bp"])
    panels = br.plot_conditioning(found)
    z = ((data.X - data.X.mean()) / data.X.std(ddof=0)).to_numpy()
    y = (data.y - data.y.mean()).to_numpy()
    i, j = (list(data.X).index(name) for name in found.pair)
    r = np.corrcoef(z[:, i], z[:, j])[0, 1]
    rest = z[:, j] - r * z[:, i]
    rest /= rest.std()

    for k, left in enumerate((1.0, 0.1, 0.01, 0.0)):
        moved, t = z.copy(), left * np.sqrt(1 - r**2)
        moved[:, j] = np.sqrt(1 - t**2) * z[:, i] + t * rest
        for at in (0, 60, 120):
            lam = found.lams[at]
            a = moved.T @ moved + lam * np.eye(z.shape[1])
            hat = np.linalg.solve(a, moved.T)
            number = drawn(panels[0], 4)[k, at]
            np.testing.assert_allclose(number, np.linalg.cond(a), rtol=1e-6)
            double = np.linalg.cond(a + lam * np.eye(len(a)))
            assert abs(number / double - 1) > 1e-4, "control: another λ"
            inflation = drawn(panels[1], 8)[2 * k : 2 * k + 2, at]
            np.testing.assert_allclose(
                inflation, len(z) * np.sum(hat[[i, j]] ** 2, axis=1), rtol=1e-5
            )
            coefficients = drawn(panels[2], 8)[2 * k : 2 * k + 2, at]
            np.testing.assert_allclose(coefficients, (hat @ y)[[i, j]], rtol=1e-4, atol=1e-6)
    assert np.isinf(found.number_at_zero[-1])
    assert np.all(np.isfinite(found.number))
    assert abs(found.correlation[-1]) == 1.0
    assert found.summary().shape == (4, 12)


def test_columns_that_are_opposites_become_mirror_images(data):
    X = data.X[["bmi", "bp"]].assign(less=-data.X["bmi"] + 0.1 * data.X["s5"])
    problem = br.Model(br.Normal()).condition(X, data.y, standardize=True)
    found = br.demonstrate.conditioning(problem)

    assert found.pair == ("bmi", "less")
    assert found.correlation[-1] == -1.0
    np.testing.assert_allclose(found.coefficient[-1, :, 0], -found.coefficient[-1, :, 1], rtol=1e-6)


def test_ridge_decomposes_as_the_hat_matrix_does(data):
    """Bias² ‖(H − I)f‖²/n and variance tr(HH')/n, with a Flat column and an intercept."""
    X = data.X[["age", "bmi", "bp", "s5"]]
    beta, sigma = np.array([0.3, 5.0, 1.0, 40.0]), 55.0
    model = br.Model({"age": br.Flat(), ...: br.Normal()}, br.Gaussian(sigma))
    problem = model.condition(X, data.y, standardize=True)
    found = br.demonstrate.bias_variance(problem, beta, lams=[3.0, 300.0])
    bias2, variance, error = drawn_parts(br.plot_bias_variance(found)[0])
    z = ((X - X.mean()) / X.std(ddof=0)).to_numpy()
    rows, f = np.column_stack([np.ones(len(z)), z]), X.to_numpy() @ beta

    def parts(lam):
        hat = rows @ np.linalg.solve(rows.T @ rows + lam * np.diag([0, 0, 1, 1, 1]), rows.T)
        return np.mean((hat @ f - f) ** 2) / sigma**2, np.sum(hat**2) / len(z)

    for k, lam in enumerate(found.lams):
        np.testing.assert_allclose([bias2[k], variance[k]], parts(lam), rtol=1e-9)
        assert abs(variance[k] / parts(2 * lam)[1] - 1) > 1e-3, "control: another λ"
    np.testing.assert_allclose(bias2 + variance, error, rtol=1e-14)
    assert found.least_squares == pytest.approx(5 / len(z))
    table = found.summary()
    np.testing.assert_allclose(table["error"], table["bias2"] + table["variance"])


def drawn_parts(panel):
    return [line.get_ydata() for line in panel.get_lines()[:3]]


@pytest.mark.parametrize("part", ["bias2", "variance", "error"])
def test_simulation_is_within_its_error_of_the_exact_decomposition(data, part):
    problem, beta = asked(data, br.Normal()), np.linspace(-1, 1, 10)
    how = {"lams": [1.0, 50.0, 2000.0]}
    exact = br.demonstrate.bias_variance(problem, beta, 55.0, **how)
    found = br.demonstrate.bias_variance(
        problem, beta, 55.0, simulated=True, replications=300, seed=2, **how
    )
    other = br.demonstrate.bias_variance(problem, 1.5 * beta, 55.0, **how)
    off = (getattr(found, part) - getattr(exact, part)) / getattr(found, f"{part}_se")
    assert np.max(np.abs(off)) < 4
    if part != "variance":
        off = (getattr(found, part) - getattr(other, part)) / getattr(found, f"{part}_se")
        assert np.max(np.abs(off)) > 6, "control: another truth"
    np.testing.assert_allclose(found.bias2 + found.variance, found.error, rtol=1e-12)


def test_lasso_of_orthogonal_columns_has_the_moments_of_soft_thresholding():
    """Each coefficient is a soft-thresholded normal, whose mean and variance are integrals."""
    n, sigma, beta = 64, 2.0, np.array([0.0, 0.3, 1.0, -0.6])
    columns = np.linalg.qr(
        np.column_stack([np.ones(n), np.random.default_rng(3).standard_normal((n, 4))])
    )[0][:, 1:] * np.sqrt(n)  # fmt: skip
    problem = br.Model(br.Laplace(), br.Gaussian(sigma)).condition(columns, columns @ beta)
    lams = np.array([4.0, 20.0, 60.0])
    found = br.demonstrate.bias_variance(problem, beta, lams=lams, replications=400, seed=1)

    def moments(b, lam):
        def soft(z):
            return np.sign(z) * max(abs(z) - lam / n, 0.0)

        sd = sigma / np.sqrt(n)
        points = [-lam / n, lam / n]
        first, second = (
            quad(
                lambda z, k=k: soft(z) ** k * norm.pdf(z, b, sd),
                b - 9 * sd,
                b + 9 * sd,
                points=points,
            )
            for k in (1, 2)
        )
        return first[0] - b, second[0] - first[0] ** 2

    for k, lam in enumerate(lams):
        off, variance = np.transpose([moments(b, lam) for b in beta])
        exact = np.sum(off**2) / sigma**2, (np.sum(variance) + sigma**2 / n) / sigma**2
        assert abs(found.bias2[k] - exact[0]) < 4 * found.bias2_se[k]
        assert abs(found.variance[k] - exact[1]) < 4 * found.variance_se[k]
    wrong = np.sum([moments(b, 2 * lams[1])[0] ** 2 for b in beta]) / sigma**2
    assert abs(found.bias2[1] - wrong) > 6 * found.bias2_se[1], "control: another λ"


def test_a_weight_is_so_many_rows(data):
    few = data.X.iloc[:60]
    weights = np.tile([1.0, 2.0, 3.0], 20)
    rows = np.repeat(np.arange(60), weights.astype(int))
    model, beta = br.Model(br.Laplace(), br.Gaussian(55.0)), np.linspace(-1, 1, 10)
    weighted = model.condition(few, data.y[:60], standardize=True, weights=weights)
    written = model.condition(few.iloc[rows], data.y.iloc[rows].to_numpy(), standardize=True)
    how = {"lams": [300.0, 3000.0], "replications": 150}
    one = br.demonstrate.bias_variance(weighted, beta, seed=1, **how)
    other = br.demonstrate.bias_variance(written, beta, seed=2, **how)

    off = (one.error - other.error) / np.hypot(one.error_se, other.error_se)
    assert np.max(np.abs(off)) < 4
    plain = br.demonstrate.bias_variance(
        model.condition(few, data.y[:60], standardize=True), beta, seed=1, **how
    )
    assert np.max(np.abs((one.error - plain.error) / plain.error_se)) > 5, "control: unweighted"


def test_copies_have_their_correlation_and_the_paths_their_equations(data):
    problem = asked(data, br.Laplace())
    found = br.demonstrate.grouping(problem, "bmi", rho=0.9)
    moments = found.problem.moments
    gram = moments.cross / np.sqrt(np.outer(*2 * [np.diagonal(moments.cross)]))
    i, j, k = found.places
    np.testing.assert_allclose(gram[[i, i, j], [j, k, k]], [0.9, 0.9, 0.81], rtol=1e-10)
    others = [m for m in range(len(gram)) if m not in (i, j, k)]  # y is the last
    np.testing.assert_allclose(gram[j, others], 0.9 * gram[i, others], rtol=1e-8, atol=1e-10)

    quadratic = found.problem.quadratic
    b = {name: np.array(effects) for name, effects in found.effects.items()}  # sd(x)·β = b
    for at in (5, 30, 55):
        for name, l1, l2 in (
            ("lasso", found.lams["lasso"][at], 0.0),
            ("ridge", 0.0, found.lams["ridge"][at]),
            ("elastic net", found.lams["elastic net"][at], found.l2),
        ):
            slope = -quadratic.gradient(b[name][at]) - l2 * b[name][at]
            live = b[name][at] != 0
            size = 1e-6 * np.max(np.abs(quadratic.xy))
            assert np.all(np.abs(slope - l1 * np.sign(b[name][at]))[live] < size)
            assert np.all(np.abs(slope[~live]) < l1 + size)
            other = slope - l2 * b[name][at] - 2 * l1 * np.sign(b[name][at])
            assert np.max(np.abs(other[live])) > 10 * size, "control: another λ"


def test_columns_alike_are_as_near_as_the_theorem_says(data):
    """Zou & Hastie (2005), theorem 1; the lasso keeps one of them alone."""
    found = br.demonstrate.grouping(asked(data, br.Laplace()), "bmi", rho=0.99, l2=600.0)
    panels = br.plot_grouping(found)
    colours = {line.get_color() for line in panels[0].get_lines()}
    lines = {
        kind: np.array([line.get_ydata() for line in panel.get_lines() if line.get_zorder() == 3])
        for kind, panel in zip(found.effects, panels, strict=True)
    }

    assert len(colours) == 5, "three members, the others, and the axis at 0"
    for kind in ("ridge", "elastic net"):
        apart = np.ptp(lines[kind], axis=0)
        np.testing.assert_allclose(apart, found.apart[kind], rtol=1e-10, atol=1e-10)
        assert np.all(apart <= found.bound[kind])
    assert np.any(np.ptp(lines["lasso"], axis=0) > found.bound["elastic net"]), "control"
    assert np.all(lines["lasso"][1:] == 0)
    assert np.any(lines["lasso"][0] != 0)
    none = lines["group lasso"] == 0
    assert np.array_equal(none.any(axis=0), none.all(axis=0))
    assert none.any()
    assert list(found.shares) == list(lines)
    assert found.shares["lasso"] == 1.0
    assert found.summary().loc["lasso", "share"] == 1.0


def test_levels_of_a_factor_are_a_group_of_their_own():
    ships = br.load_dataset("ships").frame
    ships["rate"] = np.log1p(ships["incidents"])
    problem = br.Model(br.Laplace()).condition_formula("rate ~ type + operated", ships)
    levels = [name for name in problem.features if name.startswith("type")]
    found = br.demonstrate.grouping(problem, levels)

    assert found.rho is None
    assert found.members == tuple(levels)
    entered = found.effects["group lasso"][:, found.places] != 0
    assert np.array_equal(entered.any(axis=1), entered.all(axis=1))
    alone = found.effects["lasso"][:, found.places] != 0
    assert not np.array_equal(alone.any(axis=1), alone.all(axis=1)), "control"


def test_errors_on_the_real_y_are_those_of_the_path(data):
    """The rows fitted: mean squared residuals; rows left out: never below, here."""
    problem = asked(data, br.Laplace(), likelihood=br.Gaussian(54.0))
    lams = [30.0, 300.0, 3000.0]
    found = br.demonstrate.bias_variance(problem, lams=lams, replications=5)
    seen, left = (line.get_ydata() for line in br.plot_bias_variance(found)[1].get_lines()[:2])
    path = br.path(problem, lams)
    fitted = path.beta.to_numpy() @ data.X.to_numpy().T + path.intercept.to_numpy()[:, None]
    error = np.mean((data.y.to_numpy() - fitted) ** 2, axis=1) / 54.0**2

    np.testing.assert_allclose(seen, error, rtol=1e-9)
    assert np.all(np.diff(seen) > 0)
    assert np.all(left > seen), "control: another quantity"


@pytest.mark.slow
def test_hostile_names_are_drawn_as_text():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.standard_normal((60, len(HOSTILE))), columns=list(HOSTILE))
    X += rng.standard_normal((60, 1))
    problem = br.Model(br.Normal(1.0), br.Gaussian(1.0)).condition(
        X, X.iloc[:, 7] + X.iloc[:, 1] + rng.standard_normal(60), standardize=True
    )
    for name in ("joint", "conditioning", "bias_variance", "weight_decay", "units", "grouping"):
        found = getattr(br.demonstrate, name)(problem)
        with canvas.style():
            figure = np.ravel(found.plot())[0].figure
            canvas.settle(figure)
            drawn = canvas.svg(figure)
        assert "mathdefault" not in drawn
        for words in (drawn, found.says, found.alt):
            assert not any(c in words for c in "\x00\x1b\u202e"), name


REFUSED = [
    ("conditioning", {"columns": "bmi"}, "two of the penalised columns"),
    ("conditioning", {"columns": ["bmi", "bmi"]}, "two of the penalised columns"),
    ("conditioning", {"lams": [0.0]}, "positive"),
    ("bias_variance", {"beta": [1.0]}, "10 columns"),
    ("bias_variance", {"sigma": -1.0}, "sigma"),
    ("bias_variance", {"simulated": True, "replications": 1}, "replications"),
    ("grouping", {"columns": "weight"}, "penalised columns"),
    ("grouping", {"columns": []}, "penalised columns"),
    ("grouping", {"rho": 1.0}, "rho"),
    ("grouping", {"copies": 0}, "copies"),
    ("grouping", {"l2": 0.0}, "l2"),
]


@pytest.mark.parametrize("name, arguments, message", REFUSED)
def test_what_means_nothing_is_refused(data, name, arguments, message):
    with pytest.raises(br.BadArgument, match=message):
        getattr(br.demonstrate, name)(asked(data, br.Normal()), **arguments)


@pytest.mark.parametrize("name", ["conditioning", "bias_variance", "grouping"])
def test_another_likelihood_is_refused(name):
    data = br.load_dataset("diabetes")
    model = br.Model(br.Normal(1.0), br.Bernoulli())
    problem = model.condition(data.X, data.y > 140.0, standardize=True)
    with pytest.raises(br.NotSupported, match=r"Gaussian\(\)"):
        getattr(br.demonstrate, name)(problem)


@pytest.mark.parametrize("name", ["bias_variance", "grouping"])
def test_without_rows_it_is_refused(data, name):
    problem = br.Model(br.Normal()).condition(br.Moments.of(data.X, data.y), standardize=True)
    with pytest.raises(br.NotSupported, match="needs rows"):
        getattr(br.demonstrate, name)(problem)


def test_too_few_columns_or_rows_are_refused(data):
    one = br.Model(br.Normal()).condition(data.X[["bmi"]], data.y)
    with pytest.raises(br.BadData, match="two penalised columns"):
        br.demonstrate.conditioning(one)
    model = br.Model(br.Normal(1.0), br.Gaussian(1.0))
    short = model.condition(data.X[:12], data.y[:12], standardize=True)
    with pytest.raises(br.BadData, match="at least 14 rows"):
        br.demonstrate.grouping(short)
    assert br.demonstrate.grouping(one).members[0] == "bmi"
