"""The page to play with: its script computes what the package does, and people can use it."""

from __future__ import annotations

import json
import math
import re

import numpy as np
import pytest
from scipy.special import gammaln

import bayesreg as br
from bayesreg.language.errors import BadArgument, BadData, NotSupported
from bayesreg.report.demo import script
from tests.page_script import browser, evaluated, in_browser, in_quickjs
from tests.test_report import HOSTILE, Checker

POWERS = (0.3, 0.5, 0.8, 1.0, 1.05, 1.3, 1.7, 2.0)
PAIRS = (("bmi", "s5"), ("s1", "s2"), ("age", "s3"))  # correlations 0.45, 0.90 and −0.08
SHARES = (0.03, 0.6, 3.0)  # of the penalty of the least-squares estimate in the rise of the loss
CLOSE = 1e-9
POINTS = [-3.0, -0.5, 0.0, 1e-3, 4.0, 21.0]
LEVELS = (0.5, 0.8, 0.95)


pytestmark = pytest.mark.filterwarnings(
    "ignore:the columns under .* have sds", "ignore:some columns are exact linear"
)


@pytest.fixture(scope="module")
def data():
    return br.load_dataset("diabetes")


def prior_of(power, scale):
    """The package's prior ∝ exp(−|b/s|^q)."""
    if power == 2.0:
        return br.Normal(scale / math.sqrt(2.0))
    return br.Laplace(scale) if power == 1.0 else br.Bridge(power, scale)


def cases_of(data, powers=POWERS, pairs=PAIRS, shares=SHARES, **more):
    """Settings for the script, each with the problem that the package has for it."""
    cases, problems = [], []
    for pair, standardize in zip(pairs, (True, True, False), strict=False):
        whole = br.Model(br.Laplace(), br.Gaussian()).condition(
            data.X[list(pair)], data.y, standardize=standardize
        )
        made = br.demonstrate.page(whole).data
        sigma, hat = made["start"]["sigma"], np.linalg.solve(whole.gram, whole.xy)
        rise = 0.5 * hat @ whole.xy
        for power in powers:
            for share in shares:
                k = share * rise / np.sum(np.abs(hat) ** power)
                scale = (sigma**2 / k) ** (1.0 / power)
                setting = {"sigma": sigma, "scale": scale, "power": power}
                cases.append({"data": made, "setting": setting, "points": POINTS, **more})
                problems.append(whole.given(prior=prior_of(power, scale), sigma=sigma))
    return cases, problems


def apart(found, expected, size=None):
    """The largest difference, relative to the size of what is expected."""
    found, expected = np.asarray(found, dtype=float), np.asarray(expected, dtype=float)
    size = np.max(np.abs(expected)) if size is None else size
    return float(np.max(np.abs(found - expected)) / size)


def coordinates(problem, beta):
    return np.asarray(beta) * problem.x_sd


def objective(problem, b):
    """J, by the package's moments and the prior's own cost."""
    (block,) = problem.blocks
    loss = problem.yy - 2.0 * b @ problem.xy + b @ problem.gram @ b
    return 0.5 * loss + np.sum(block.prior.cost(b, problem.sigma, block.scale))


def of_modes(answers, problems):
    """How far the script's modes and objectives are from `fit_map`'s."""
    worst = 0.0
    for answer, problem in zip(answers, problems, strict=True):
        fit = br.fit_map(problem)
        mode = coordinates(problem, fit.beta)
        size = np.max(np.abs(answer["hat"]))
        worst = max(
            worst,
            apart(answer["mode"], mode, size),
            apart(answer["path"][1], mode, size),
            abs(answer["objective"] / objective(problem, mode) - 1.0),
        )
    return worst


def of_closed_forms(answers, problems):
    """How far quadrature and formula are from the conjugate posterior, evidence included."""
    worst = 0.0
    for answer, problem in zip(answers, problems, strict=True):
        closed, sigma, n = br.closed_form(problem), problem.sigma, problem.n
        mean, sd = (coordinates(problem, one) for one in (closed.mean, closed.sd))
        scale = problem.blocks[0].scale
        evidence = (
            answer["logTotal"]
            - answer["objective"] / sigma**2
            - 0.5 * n * math.log(2 * math.pi * sigma**2)
            + 0.5 * math.log(2 * math.pi * sigma**2 / n)
            - math.log(2 * math.pi * scale**2)
            # densities of b, and the package's evidence is one too: no unit to change
        )
        worst = max(
            worst,
            apart(answer["mean"], mean, np.max(sd)),
            apart(answer["closed"]["mean"], mean, np.max(sd)),
            apart(answer["sd"], sd),
            apart(np.sqrt(np.array(answer["closed"]["cov"])[[0, 2]]), sd),
            apart(answer["marginal"], normal(POINTS, mean, sd)),
            abs(evidence - closed.log_evidence) / abs(evidence),
        )
    return worst


def normal(points, mean, sd):
    z = (np.array(points) - mean[:, None]) / sd[:, None]
    return np.exp(-0.5 * z * z) / (math.sqrt(2 * math.pi) * sd[:, None])


def graded(low, high, cells=60, order=10):
    """Gauss–Legendre nodes on cells that halve towards 0, and are short elsewhere."""
    edges = np.linspace(low, high, cells)
    for end in (low, high):
        edges = np.concatenate([edges, end * 0.5 ** np.arange(1, 60)])
    edges = np.unique(np.append(edges[(edges >= low) & (edges <= high)], 0.0))
    edges = edges[(edges >= low) & (edges <= high)]
    u, w = np.polynomial.legendre.leggauss(order)
    half = 0.5 * np.diff(edges)[:, None]
    return ((edges[1:] + edges[:-1])[:, None] / 2 + half * u).ravel(), (half * w).ravel()


def log_density(answer, problem, x, y):
    """Log posterior density on a grid, up to a constant, by the prior's own density."""
    (block,), gram = problem.blocks, problem.gram
    u, v = x - answer["hat"][0], y - answer["hat"][1]
    loss = 0.5 * gram[0, 0] * u[:, None] ** 2 + 0.5 * gram[1, 1] * v**2
    loss += gram[0, 1] * u[:, None] * v
    px, py = (block.prior.log_density(one, block.scale) for one in (x, y))
    return px[:, None] + py - loss / problem.sigma**2


def by_brute_force(answer, problem):
    """Mean, sd, and mass within the regions, from the package's densities."""
    # Tails of the prior are exponential for q = 1, and longer below, where all may be at 0.
    reach = (30.0 if any(answer["mode"]) else 200.0) * np.array(answer["sd"])
    axes = [graded(m - r, m + r) for m, r in zip(answer["mean"], reach, strict=True)]
    (x, wx), (y, wy) = axes
    peak = log_density(answer, problem, *np.array(answer["mode"])[:, None])[0, 0]
    mass = np.exp(log_density(answer, problem, x, y) - peak) * wx[:, None] * wy
    total = mass.sum()
    mass /= total
    mx, my = mass.sum(1) @ x, mass.sum(0) @ y
    sd = [math.sqrt(mass.sum(1) @ (x - mx) ** 2), math.sqrt(mass.sum(0) @ (y - my) ** 2)]
    # Whether a point is within is yes or no: there the finer grid is better, and not the order.
    axes = [graded(m - 7.0 * s, m + 7.0 * s, 700, 2) for m, s in zip((mx, my), sd, strict=True)]
    (x, wx), (y, wy) = axes
    down = peak - log_density(answer, problem, x, y)
    mass = np.exp(-down) * wx[:, None] * wy / total
    within = [mass[down < v].sum() for v in answer["region"]]
    return np.array([mx, my]), np.array(sd), within


# ------------------------------------------------------------------------------ the arithmetic


def test_modes_are_those_of_fit_map(data):
    cases, problems = cases_of(data, shares=SHARES[1:])

    assert of_modes(in_quickjs(cases, ask="modes"), problems) < CLOSE


def test_modes_of_another_penalty_are_not(data):
    """The control: a penalty without its exponent is seen at once."""
    cases, problems = cases_of(data, powers=(0.5, 1.3))
    wrong = script().replace("const p = q - 1, kq = k * q;", "const p = q - 1, kq = k;")

    assert wrong != script()
    assert of_modes(in_quickjs(cases, wrong, "modes"), problems) > 1e-3


def test_quadrature_and_formula_are_the_conjugate_posterior(data):
    cases, problems = cases_of(data, powers=(2.0,))

    assert of_closed_forms(in_quickjs(cases), problems) < CLOSE


def test_columns_that_are_nearly_the_same_lose_no_digits():
    """Nearly at the largest correlation that is taken; and where y is far more than noise."""
    rng = np.random.default_rng(3)
    x, z, noise = rng.normal(size=(3, 300))
    for other, y in ((x + 0.05 * z, x + noise), (z, 300.0 * x + noise)):
        model = br.Model(br.Normal(0.7), br.Gaussian(1.0))
        problem = model.condition(np.c_[x, other], y, standardize=True)
        made = br.demonstrate.page(problem).data
        case = {"data": made, "setting": made["start"], "points": POINTS}
        (answer,) = in_quickjs([case])

        assert answer["settled"]
        assert of_closed_forms([answer], [problem]) < CLOSE


def test_one_step_of_the_quadrature_is_not(data):
    """The control: a rule that is too coarse, and is not refined, is seen."""
    cases, problems = cases_of(data, powers=(2.0,))
    wrong = re.sub(r"const STEPS = \[[^]]*\]", "const STEPS = [1.6]", script())

    assert wrong != script()
    assert of_closed_forms(in_quickjs(cases, wrong), problems) > 1e-6


def test_posteriors_without_a_formula_are_integrals_of_the_densities(data):
    """Against Gauss–Legendre on cells that halve towards the cusps; regions hold their share."""
    cases, problems = cases_of(data, (0.5, 1.0, 1.3), PAIRS[1:2], (0.6, 3.0), region=True)
    for answer, problem in zip(in_quickjs(cases), problems, strict=True):
        mean, sd, within = by_brute_force(answer, problem)

        assert answer["settled"]
        assert apart(answer["mean"], mean, np.max(sd)) < CLOSE
        assert apart(answer["sd"], sd) < CLOSE
        np.testing.assert_allclose(within, LEVELS, atol=2e-3)


def test_regions_of_a_normal_are_those_of_chi_square(data):
    cases, _ = cases_of(data, (2.0,), region=True)
    for answer in in_quickjs(cases):
        held = -np.expm1(-np.array(answer["region"]))
        np.testing.assert_allclose(held, LEVELS, atol=2e-3)
        np.testing.assert_allclose(answer["closed"]["region"], -np.log1p(-np.array(LEVELS)))


@pytest.mark.slow
def test_draws_of_the_lasso_have_the_mean_of_the_script(data):
    cases, problems = cases_of(data, (1.0,), PAIRS[1:2], (3.0,))
    (answer,), (problem,) = in_quickjs(cases), problems
    post = br.sample(problem, draws=4000, chains=2, seed=1)
    draws = np.asarray(post.tree.posterior["beta"]).reshape(-1, 2) * problem.x_sd
    error = draws.std(axis=0) / math.sqrt(len(draws))
    z = (draws.mean(axis=0) - answer["mean"]) / error

    assert np.max(np.abs(z)) < 4.5
    assert np.max(np.abs((draws.mean(axis=0) - answer["mode"]) / error)) > 10  # the control


def test_lam_is_that_of_the_penalty_and_of_other_libraries(data):
    """λ, and each library's own objective is stationary at the mode for what it is called there."""
    cases, problems = cases_of(data, powers=(1.0, 2.0), pairs=PAIRS[:2])
    for answer, problem in zip(in_quickjs(cases), problems, strict=True):
        ridge = problem.penalty.kind == "ridge"
        target = "sklearn.Ridge" if ridge else "sklearn.Lasso"

        assert answer["lam"] == pytest.approx(problem.penalty.lam, rel=1e-12)
        assert answer["converted"]["sklearn"] == pytest.approx(
            problem.penalty.to(target)["alpha"], rel=1e-12
        )
        assert answer["calls"][0][1].startswith(f"{target.split('.')[1]}(alpha=")
        assert answer["spoken"] == pytest.approx(problem.blocks[0].scale, rel=1e-12)
        told = {
            "glmnet": br.translate(problem, "glmnet")["lambda"],
            "statsmodels": br.translate(problem, "statsmodels.OLS.fit_regularized")["alpha"],
        }
        if ridge:
            told["torch"] = br.translate(problem, "torch.optim.SGD")["weight_decay"]
        found = {name: answer["converted"][name] for name in told}
        assert found == pytest.approx(told, rel=1e-12)
        for name, gradient in gradients(answer, problem, ridge).items():
            assert np.max(np.abs(gradient)) < 1e-9 * np.max(np.abs(problem.xy)), name


def gradients(answer, problem, ridge, factor=1.0):
    """Of N times the documented objectives, by rows, at the mode; 0 where a subgradient is."""
    b, n = np.array(answer["mode"]), problem.n
    design = problem.design
    z = (design.X - problem.x_mean) / problem.x_sd
    y = design.y - design.y.mean()
    pull = z.T @ (z @ b - y)
    told = {name: factor * v for name, v in answer["converted"].items() if v is not None}
    if not ridge:
        shift = {name: n * v for name, v in told.items()}
        # |b_j| has the slopes [−1, 1] at 0, and sign(b_j) elsewhere.
        return {
            name: np.where(b == 0, np.maximum(np.abs(pull) - k, 0.0), pull + k * np.sign(b))
            for name, k in shift.items()
        }
    return {
        "sklearn": pull + told["sklearn"] * b,  # ½ of ‖y − Xb‖² + alpha‖b‖²
        "glmnet": pull + n * told["glmnet"] / y.std() * b,  # RSS/2n + λ/(2 sd(y))·‖b‖²
        "statsmodels": pull + n * told["statsmodels"] * b,  # RSS/2n + ½alpha‖b‖²
        "torch": pull + 0.5 * n * told["torch"] * b,  # half of RSS + ½n·wd‖b‖²
    }


def test_another_lam_is_not_stationary(data):
    cases, problems = cases_of(data, powers=(2.0,), pairs=PAIRS[:1], shares=(0.6,))
    (answer,), (problem,) = in_quickjs(cases), problems
    found = gradients(answer, problem, ridge=True, factor=1.001)

    assert all(np.max(np.abs(g)) > 1e-6 * np.max(np.abs(problem.xy)) for g in found.values())


def test_prior_densities_are_the_package_s(data):
    cases, problems = cases_of(data, pairs=PAIRS[:1], shares=(0.6,))
    for case, answer, problem in zip(cases, in_quickjs(cases), problems, strict=True):
        prior, scale = problem.blocks[0].prior, problem.blocks[0].scale
        assert apart(answer["prior"], np.exp(prior.log_density(POINTS, scale))) < 1e-11
        assert answer["again"] == pytest.approx(case["setting"]["scale"], rel=1e-9)


def test_the_logarithm_of_gamma_is_scipy_s():
    points = [0.3, 0.5, 1.0, 3.3, 10.0, 41.0]
    found = evaluated(f"{points}.map(logGamma)")

    np.testing.assert_allclose(found, gammaln(points), rtol=0, atol=1e-13)


@pytest.mark.parametrize("size", [1e-9, 0.004, 0.3, 1.0, 44.0, 999.0, 1e3, 2.7e6, 8e11])
def test_numbers_on_axes_are_short_and_their_unit_is_said(size):
    """The margin holds six characters; the numbers times the unit are where the ticks are."""
    low, high = -0.3 * size, size
    power = evaluated(f"exponent({low}, {high})")
    at = evaluated(f"ticks({low}, {high})")
    said = evaluated(f"ticks({low}, {high}).map((x) => shown(x / Math.pow(10, {power})))")

    assert max(map(len, said)) <= 6
    back = [float(one.replace("−", "-")) * 10.0**power for one in said]
    np.testing.assert_allclose(back, at, rtol=1e-3, atol=1e-12 * size)
    assert (evaluated(f"inUnits('b', {power})") == "b") == (power == 0)
    assert (power == 0) == (0.01 <= size < 1000.0)


def test_no_point_of_the_plane_is_below_the_mode(data):
    """Brute force for q < 1, where J has several optima and every axis may hold one."""
    cases, problems = cases_of(data, powers=(0.3, 0.5, 0.8), shares=(0.3, 0.6, 0.9, 1.2))
    for answer, problem, case in zip(in_quickjs(cases, ask="modes"), problems, cases, strict=True):
        hat, q, k = np.array(answer["hat"]), case["setting"]["power"], answer["k"]
        grid = np.append(np.linspace(-2.0, 2.0, 801), 0.0) * np.max(np.abs(hat))
        x, y = grid[:, None], grid
        u, v, gram = x - hat[0], y - hat[1], problem.gram
        J = 0.5 * gram[0, 0] * u**2 + gram[0, 1] * u * v + 0.5 * gram[1, 1] * v**2
        J = J + k * (np.abs(x) ** q + np.abs(y) ** q)
        best = np.unravel_index(np.argmin(J), J.shape)

        assert answer["floor"] <= J.min() * (1 + 1e-12)
        assert np.max(np.abs(grid[list(best)] - answer["mode"])) < 0.02 * np.max(np.abs(hat))


def test_curves_are_where_they_say(data):
    """Constraint, ellipses and contours, read back; the constraint touches the ellipse."""
    (case,), (problem,) = cases_of(data, (1.3,), PAIRS[:1], (0.6,))
    moments = json.dumps(case["data"]["moments"])
    ball = np.abs(np.array(evaluated("ball(7, 1.3)")))
    np.testing.assert_allclose((ball**1.3).sum(axis=1), 7.0, rtol=1e-12)
    hat = np.array(evaluated(f"leastSquares({moments})"))
    off = np.array(evaluated(f"ellipse({moments}, 1e5)")) - hat
    np.testing.assert_allclose(0.5 * np.einsum("ij,jk,ik->i", off, problem.gram, off), 1e5)

    loops = evaluated(
        "(() => { const xs = line(-2, 2, 101, [0]), ys = line(-1, 1, 81); const f = ys.flatMap((y)"
        " => xs.map((x) => Math.min((x - 1) ** 2, (x + 1) ** 2) + y * y));"
        " return contour(xs, ys, f, 0.25); })()"
    )
    assert len(loops) == 2  # one about each of two wells
    for loop in map(np.array, loops):
        np.testing.assert_allclose(np.hypot(np.abs(loop[:, 0]) - 1, loop[:, 1]), 0.5, atol=1e-3)
    edge = evaluated("contour([0, 1, 2], [0, 1, 2], [9, 0, 0, 9, 0, 0, 9, 0, 0], 1).flat()")
    assert np.max(edge) == 2  # closed along the border


# ------------------------------------------------------------------------------ the record


def test_page_starts_where_the_problem_says(data):
    X, y = data.X[["bmi", "bp"]], data.y
    known = br.Model(br.Normal(25.0), br.Gaussian(54.0)).condition(X, y, standardize=True)
    start = br.demonstrate.page(known).data["start"]
    assert start == {"sigma": 54.0, "scale": pytest.approx(25.0 * math.sqrt(2.0)), "power": 2.0}

    in_sigma = br.Model(br.Laplace(0.5, unit="sigma"), br.Gaussian(54.0)).condition(X, y)
    assert br.demonstrate.page(in_sigma).data["start"]["scale"] == pytest.approx(27.0)

    unknown = br.Model(br.Bridge(0.5)).condition(X, y, standardize=True)
    made = br.demonstrate.page(unknown)
    residual = y - br.fit_map(unknown.given(prior=br.Normal(1e6), sigma=54.0)).predict(X)
    assert made.data["start"]["sigma"] == pytest.approx(
        math.sqrt(float(residual @ residual) / (len(y) - 3)), rel=1e-7
    )
    k = evaluated(f"strength({json.dumps(made.data['start'])})")
    assert k == pytest.approx(evaluated(f"even({json.dumps(made.data['moments'])}, 0.5)"))


def test_unsaid_columns_are_those_most_correlated_with_y(data):
    problem = br.Model(br.Laplace()).condition(data.X, data.y)
    tied = data.X.corrwith(data.y).abs().nlargest(2).index

    assert set(br.demonstrate.page(problem).data["names"]) == set(tied)
    assert br.demonstrate.page(problem, ["s1", "age"]).data["names"] == ["s1", "age"]


def test_columns_are_told_apart_and_moments_are_enough(data):
    """From Moments alone, rows of a weight, and names that are long and alike."""
    problem = br.Model(br.Laplace()).condition(br.Moments.of(data.X, data.y), standardize=True)
    made = br.demonstrate.page(problem, ["bmi", "bp"])
    assert made.data["moments"]["a"] == pytest.approx(442.0)

    long = data.X[["bmi", "bp"]].set_axis(["x" * 90 + "1", "x" * 90 + "2"], axis=1)
    weights = np.full(442, 2.0)
    twice = br.Model(br.Laplace()).condition(long, data.y, standardize=True, weights=weights)
    made = br.demonstrate.page(twice).data
    assert len(set(made["names"])) == 2
    assert made["weighted"]
    assert made["n"] == 884


def refusals(data):
    X, y = data.X, data.y
    gaussian = br.Model(br.Laplace(), br.Gaussian(54.0))
    whole = gaussian.condition(X, y)
    yes = br.Model(br.Laplace(), br.Bernoulli()).condition(X, y > 150)
    flat = br.Model({"age": br.Flat(), ...: br.Laplace()}).condition(X, y)
    mixed = br.Model({"age": br.Normal(), ...: br.Laplace()}).condition(X, y)
    twins = gaussian.condition(X.assign(twin=X["bmi"] + 1e-4 * X["age"]), y)
    perfect = br.Model(br.Normal(1.0, unit="y"), br.Gaussian(br.InverseGammaSquared(2.0, 1.0)))
    exact = perfect.condition(X[["bmi", "bp"]], X["bmi"] + X["bp"])
    with pytest.warns(br.BayesregWarning, match="'one' is constant"):
        constant = gaussian.condition(X.assign(one=1.0), y)
    horseshoe = br.Model(br.Horseshoe()).condition(X, y)
    located = br.Model(br.Laplace(1.0, loc=2.0)).condition(X, y)
    return [
        (whole, ["bmi", "agee"], BadArgument, "did you mean 'age'"),
        (whole, ["bmi"], BadArgument, "two different names"),
        (whole, ["bmi", "bmi"], BadArgument, "two different names"),
        (whole, "bmi", BadArgument, "two different names"),
        (gaussian.condition(X[["bmi"]], y), None, BadArgument, "needs two columns"),
        (twins, ["bmi", "twin"], BadData, "nearly the same"),
        (constant, ["bmi", "one"], BadData, "'one' does not vary"),
        (exact, None, BadData, "say it: Gaussian"),
        (yes, None, NotSupported, "Bernoulli"),
        (flat, None, NotSupported, "'age' is Flat"),
        (mixed, None, NotSupported, "one of them for all columns"),
        (horseshoe, None, NotSupported, "Normal\\(\\), Laplace\\(\\) or Bridge\\(\\)"),
        (located, None, NotSupported, "leave out loc="),
        (gaussian.condition(X, y, offset=y * 0.1), None, NotSupported, "subtract it from y"),
    ]


def test_what_no_page_can_show_is_refused_with_advice(data):
    for problem, columns, kind, message in refusals(data):
        with pytest.raises(kind, match=message):
            br.demonstrate.page(problem, columns)


def test_page_is_one_file_that_loads_nothing(data, tmp_path):
    """Whatever the columns are called; and the same file every time."""
    hostile = data.X[["bmi", "bp"]].set_axis(HOSTILE[:2], axis=1)
    y = data.y.rename("</script><script>alert(1)</script>")
    problem = br.Model(br.Laplace()).condition(hostile, y, standardize=True)
    made = br.demonstrate.page(problem, title="</title><b>")
    found = Checker(made.html)

    assert [problem for problem in found.problems if problem not in ALLOWED] == []
    assert sum(problem == "a script that runs" for problem in found.problems) == 1
    assert "://" not in made.html
    assert made.html.count("<script") == 2
    assert made.save(tmp_path / "a.html").read_text(encoding="utf-8") == made.html
    assert made.save(tmp_path / "a.html")  # one of ours is replaced
    other = tmp_path / "b.html"
    other.write_text("mine")
    with pytest.raises(BadArgument, match="exists and is no report"):
        made.save(other)
    with pytest.raises(BadArgument, match=r"ends in \.html"):
        made.save(tmp_path / "a.pdf")


# Its own script, and an icon that is empty so that none is asked for.
ALLOWED = {"a script that runs", "address 'data:,'", *(f"foreign element <{tag}>" for tag in (
    "form", "label", "input", "button", "noscript", "b"))}  # fmt: skip


# ------------------------------------------------------------------------------ in a browser

needs_browser = pytest.mark.skipif(browser() is None, reason="no Chromium on this machine")


@pytest.fixture(scope="module")
def shown(data):
    problem = br.Model(br.Laplace()).condition(data.X, data.y, standardize=True)
    return br.demonstrate.page(problem, ["bmi", "bp"])


@pytest.mark.slow
@needs_browser
def test_chromium_computes_what_the_package_does(data, shown, tmp_path):
    cases, problems = cases_of(data)
    answers = in_browser(shown.html, f"return {json.dumps(cases)}.map(asked);", tmp_path)
    normals = [i for i, case in enumerate(cases) if case["setting"]["power"] == 2.0]

    assert of_modes(answers, problems) < CLOSE
    assert of_closed_forms([answers[i] for i in normals], [problems[i] for i in normals]) < CLOSE
    for answer, other in zip(answers, in_quickjs(cases), strict=True):
        assert apart(answer["mean"], other["mean"], np.max(other["sd"])) < CLOSE
        assert apart(answer["sd"], other["sd"]) < CLOSE


@pytest.mark.slow
@needs_browser
@pytest.mark.parametrize("width", [390, 1200])
def test_page_fits_and_everything_moves(data, tmp_path, width):
    """No scrolling to the side, also with long names; sliders, numbers and buttons are one."""
    names = ["a_column_whose_name_is_" + "very_" * 12 + "long", "another column of some length"]
    X = data.X[["bmi", "bp"]].set_axis(names, axis=1)
    problem = br.Model(br.Laplace()).condition(X, data.y, standardize=True)
    code = """
      const fits = () => document.documentElement.scrollWidth <= innerWidth;
      const state = () => ({
        fits: fits(),
        sound: !/NaN|Infinity|undefined/.test(document.querySelector("main").outerHTML),
        lam: get("lam").textContent, letter: get("letter").textContent,
        scale: get("scale").value, path: get("path").innerHTML.length > 1000,
        optimum: get("optimum").querySelector(".constraint").getAttribute("d"),
        region: get("posterior").querySelector(".region").getAttribute("d"),
        agreement: get("agreement").textContent, trouble: get("trouble").textContent,
        rows: get("libraries").querySelectorAll("tbody tr").length,
      });
      const type = (id, text) => {
        get(id).value = text;
        get(id).dispatchEvent(new Event("input", {bubbles: true}));
      };
      const states = [state()];
      document.querySelector("[data-power='2']").click();
      await pause(100); states.push(state());
      type("scale", "25"); type("sigma", "54");
      await pause(100); states.push(state());
      get("scale-slider").value = 900;
      get("scale-slider").dispatchEvent(new Event("input", {bubbles: true}));
      await pause(100); states.push(state());
      type("power", "3");
      await pause(100); states.push(state());
      type("power", "0.5");
      await pause(600); states.push(state());
      get("again").click();
      await pause(100); states.push(state());
      const reached = [...document.querySelectorAll("input, button")].every((one) => {
        one.focus();
        return document.activeElement === one && one.getClientRects().length > 0;
      });
      const named = [...document.querySelectorAll("input")].every(
        (one) => one.labels.length || one.getAttribute("aria-label"));
      const drawn = [...document.querySelectorAll("figure > svg")].every((one) =>
        [one.getAttribute("aria-labelledby"), one.getAttribute("aria-describedby")].every(
          (id) => get(id).textContent.length > 5));
      return {states, reached, named, drawn, width: innerWidth, said: get("said").textContent};
    """
    found = in_browser(br.demonstrate.page(problem).html, code, tmp_path, width)
    first, ridge, typed, slid, refused, bridge, again = found["states"]

    assert found["width"] == width
    assert all(state["fits"] and state["path"] and state["sound"] for state in found["states"])
    assert found["reached"]
    assert found["named"]
    assert found["drawn"]
    assert (first["letter"], ridge["letter"], bridge["letter"]) == ("b", "τ", "s")
    assert ridge["agreement"].startswith("The three answers are one point")
    assert typed["lam"] == f"λ = σ²/τ² = {54**2 / 25**2:.4g}"
    assert typed["region"] != slid["region"]
    assert typed["optimum"] != slid["optimum"]
    assert refused["trouble"].startswith("The exponent is a number from 0.2")
    assert refused["lam"] == slid["lam"]
    assert (first["rows"], ridge["rows"], bridge["rows"]) == (3, 4, 0)
    assert {**again, "trouble": ""} == first
    assert found["said"].startswith("Bridge, λ = σ²/s^q = ")
