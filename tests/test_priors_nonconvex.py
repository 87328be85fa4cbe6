"""Laws of priors whose penalty is not convex: densities, majorisers, optima, certificates."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad
from scipy.optimize import minimize

import bayesreg as br
from bayesreg.language.errors import BadArgument, NotSupported
from bayesreg.priors.bridge import tilted_stable
from bayesreg.solvers import reweighting
from bayesreg.solvers.certificate import certify
from bayesreg.solvers.objective import Objective, solve_positive
from tests.cases import CASES, others, priors

PRIORS = priors("majorised")
# Of the majorised priors, those that the tables below do not have for reasons of their own.
MORE = others([br.StudentT(), br.Cauchy(), br.Bridge()], "majorised", scale=1.0, unit="y")
ids = [repr(prior) for prior in PRIORS]
# What `condition` warns of in these tables is tested elsewhere.
pytestmark = pytest.mark.filterwarnings("ignore::bayesreg.language.errors.BayesregWarning")
every = pytest.mark.parametrize("prior", PRIORS, ids=ids)


def fitted(prior, X, y, sigma=1.5, **options):
    """The problem and its MAP."""
    problem = br.Model(prior, br.Gaussian(sigma)).condition(X, y, **options)
    return problem, br.fit_map(problem)


def objective(problem, b):
    """J from rows and the prior's own log density: nothing of the solver's."""
    design = problem.design
    beta, intercept = problem.restore(b)
    w = np.ones(len(design.y)) if design.weights is None else design.weights
    total = 0.5 * np.sum(w * np.square(design.y - intercept - design.X @ beta))
    for block in problem.blocks:
        scale = problem.effective_scale(block, problem.sigma)
        at, mode = (
            block.prior.log_density(v, scale)
            for v in (b[block.columns] + block.prior.loc, block.prior.loc)
        )
        total -= problem.sigma**2 * np.sum(at - mode)
    return float(total)


def energy(problem, prior):
    """J of a problem with one block and σ = 1.5, and its gradient, from its moments."""

    def value(b):
        image = problem.gram @ b
        fit = 0.5 * b @ image - b @ problem.xy + prior.cost(b, 1.5, prior.scale).sum()
        return fit, image - problem.xy + np.sign(b) * prior.slope(b, 1.5, prior.scale)

    return value


@pytest.fixture(scope="module")
def random_problems():
    """Twenty data sets of one or two columns, some of them nearly collinear."""
    out = []
    for k in range(24, 44):
        rng = np.random.default_rng(k)
        n, p = int(rng.integers(3, 12)), 1 + k % 2
        X = rng.standard_normal((n, p))
        if p == 2:
            X[:, 1] = 0.9 * X[:, 0] + 0.4 * X[:, 1]
        out.append((X, 3.0 * rng.standard_normal(n) + X @ rng.normal(0, 2, p)))
    return out


# The densities


@every
def test_density_integrates_to_one(prior):
    """At a scale other than its own, in pieces split at the mode."""
    density = lambda b: float(np.exp(prior.log_density(b, 1.9)))  # noqa: E731
    edges = [-np.inf, prior.loc - 4.0, prior.loc, prior.loc + 4.0, np.inf]
    total = sum(quad(density, a, b, limit=500)[0] for a, b in itertools.pairwise(edges))
    assert abs(total - 1.0) < 1e-7
    assert abs(1.01 * total - 1.0) > 1e-3, "negative control: a constant that is 1 % off"


@every
def test_draws_have_the_density(prior):
    """`sample`, and √t·z with t from `sample_sds`, against the distribution function."""
    rng, scale, size = np.random.default_rng(11), 1.9, 20_000
    grid = prior.loc + np.sinh(np.linspace(-14, 14, 40_001)) * 1e-2
    density = np.exp(prior.log_density(grid, scale))
    steps = 0.5 * (density[1:] + density[:-1]) * np.diff(grid)
    tail = 0.5 * (1.0 - steps.sum())
    cdf = lambda x: np.interp(x, grid, tail + np.concatenate([[0], np.cumsum(steps)]))  # noqa: E731
    sds = prior.sample_sds(rng, np.full(size, scale), np.array([1]))[:, 0]
    mixed = prior.loc + sds * rng.standard_normal(size)
    for draws in (prior.sample(rng, size, scale), mixed):
        assert stats.kstest(draws, cdf).pvalue > 1e-4
    assert stats.kstest(1.25 * mixed, cdf).pvalue < 1e-4, "negative control: too wide"


@pytest.mark.parametrize("prior", [br.StudentT(0.7), br.Bridge(0.9), br.Bridge(1.0)], ids=repr)
def test_a_group_has_a_spherical_density(prior):
    """‖u‖ of three columns that share t: F for Student-t, a power of a gamma for the bridge."""
    rng, size, m = np.random.default_rng(12), 20_000, 3
    sds = prior.sample_sds(rng, np.ones(size), np.array([m, 1]))
    assert sds.shape == (size, 2)
    radius = np.linalg.norm(sds[:, :1] * rng.standard_normal((size, m)), axis=1)
    law, (parameter,) = prior.mixing.law, prior.mixing.parameters
    if law == "stable":
        assert stats.kstest(radius**parameter, stats.gamma(m / parameter).cdf).pvalue > 1e-4
    else:
        assert stats.kstest(radius**2 / m, stats.f(m, parameter).cdf).pvalue > 1e-4


@pytest.mark.parametrize("index", [0.05, 0.25, 0.5, 0.9])
def test_tilted_stable_moments(index):
    """E x^(−r) under tilt k is m(k + r)/m(k), m(s) = Γ(1 + s/a)/Γ(1 + s) the stable's moments."""
    from scipy.special import gammaln

    rng, tilt, r = np.random.default_rng(3), 0.5, 0.3 * index
    log_x = tilted_stable(index, np.full(40_000, tilt), rng)
    moment = lambda s: gammaln(1 + s / index) - gammaln(1 + s)  # noqa: E731
    exact = np.exp(moment(tilt + r) - moment(tilt))
    values = np.exp(-r * log_x)
    assert abs(values.mean() - exact) < 5 * values.std() / np.sqrt(len(values))


@pytest.mark.slow
@every
def test_pymc_node_is_the_density(prior):
    """logp of the node, and its draws."""
    import pymc as pm

    b, scale = np.array([-2.3, -0.1, 0.7, 4.2]), np.array([0.4, 1.0, 1.9, 2.2])
    with pm.Model():
        node = prior.node("b", scale, None)
    np.testing.assert_allclose(
        pm.logp(node, b).eval(), prior.log_density(b, scale), rtol=1e-8
    )  # PyMC's log Γ is good to 4e-9
    assert pm.draw(node, 3, random_seed=1).shape == (3, 4)


@pytest.mark.slow
@every
def test_sd_node_has_the_density_as_marginal(prior):
    """∫ N(u; 0, sd²) p(node's variables) over a grid, against the density, up to constants."""
    import pymc as pm

    with pm.Model() as model:
        sd = prior.sd_node("t", 1.3, np.array([1]))
        pm.Deterministic("sd", sd)
    free = [v.name for v in model.value_vars]
    axes = [np.linspace(-30, 30, 601) if len(free) == 1 else np.linspace(-24, 14, 381)] * len(free)
    # In the unconstrained variables that NUTS sees: log or logit, with their Jacobians.
    logp = model.compile_fn(model.logp(), inputs=model.value_vars, point_fn=False)
    value = model.compile_fn(
        model.replace_rvs_by_values([model["sd"]])[0], inputs=model.value_vars, point_fn=False
    )
    mesh = np.meshgrid(*axes, indexing="ij")
    points = [np.array(point) for point in zip(*(m.ravel() for m in mesh), strict=True)]
    weights = np.array([float(np.sum(logp(*(np.array([x]) for x in point)))) for point in points])
    sds = np.array([float(value(*(np.array([x]) for x in point))[0]) for point in points])
    keep = np.isfinite(weights) & (weights > np.nanmax(weights) - 45)
    u = np.array([0.05, 0.4, 1.0, 2.5, 6.0])
    inner = weights[keep] - np.log(sds[keep]) - 0.5 * np.square(u[:, None] / sds[keep])
    found = np.logaddexp.reduce(inner, axis=1)
    exact = prior.log_density(prior.loc + u, 1.3)
    np.testing.assert_allclose(found - found[1], exact - exact[1], atol=2e-3)


# The penalties


@every
@pytest.mark.parametrize("sigma", [0.7, 3.1])
def test_cost_is_minus_log_density(prior, sigma):
    """And slope and bend are its derivatives (central differences)."""
    u, scale, h = np.array([0.02, 0.7, 2.1, 9.0]), 1.9, 1e-5
    drop = prior.log_density(prior.loc, scale) - prior.log_density(prior.loc + u, scale)
    np.testing.assert_allclose(prior.cost(-u, sigma, scale), sigma**2 * drop, rtol=1e-9)
    cost = lambda v: prior.cost(v, sigma, scale)  # noqa: E731
    slope = lambda v: prior.slope(v, sigma, scale)  # noqa: E731
    rise, turn = (cost(u + h) - cost(u - h)) / (2 * h), (slope(u + h) - slope(u - h)) / (2 * h)
    np.testing.assert_allclose(slope(u), rise, rtol=1e-6)
    np.testing.assert_allclose(prior.bend(u, sigma, scale), turn, rtol=1e-5, atol=1e-8)


@every
def test_majoriser_touches_and_lies_above(prior):
    """λ₁|v| + ½λ₂v² + constant at every v, equal at ±u."""
    rng, sigma, scale = np.random.default_rng(4), 1.3, 0.8
    v = scale * np.sinh(np.linspace(-8, 8, 2001))
    for u in scale * np.exp(rng.normal(0, 2, 30)):
        l1, l2 = prior.majoriser(u, sigma, scale)
        bound = lambda x: l1 * np.abs(x) + 0.5 * l2 * x * x  # noqa: B023, E731
        above = bound(v) - bound(u) + prior.cost(u, sigma, scale) - prior.cost(v, sigma, scale)
        size = 1.0 + np.abs(bound(v))
        assert np.all(above >= -1e-12 * size)
        shrunk = 0.9 * (bound(v) - bound(u)) + prior.cost(u, sigma, scale)
        assert np.any(shrunk < prior.cost(v, sigma, scale) - 1e-9), "negative control"


@every
@pytest.mark.parametrize("radius", [0.1, 1.0, 5.0, np.inf])
def test_least_bend_is_the_least(prior, radius):
    """Against a fine grid of (0, radius]."""
    sigma, scale = 1.3, 0.8
    grid = scale * np.geomspace(1e-9, 1e6, 400_001)
    grid = np.append(grid[grid <= radius], min(radius, 1e6 * scale))
    lowest = float(np.min(prior.bend(grid, sigma, scale)))
    claimed = float(prior.least_bend(radius, sigma, scale))
    if np.isinf(claimed):
        assert lowest < -1e5
        return
    assert claimed <= lowest + 1e-12 * abs(lowest)
    assert abs(claimed - lowest) < 1e-6 * max(abs(lowest), 1e-3) or (claimed == 0.0 and radius > 9)


def test_student_t_concavity():
    """−(df + 1)σ²/(8·df·s²), reached at s√(3df)."""
    df, s, sigma = 3.5, 0.7, 1.9
    prior = br.StudentT(df, s)
    kappa = (df + 1) * sigma**2 / (8 * df * s**2)
    np.testing.assert_allclose(prior.least_bend(np.inf, sigma, s), -kappa, rtol=1e-12)
    np.testing.assert_allclose(prior.bend(s * np.sqrt(3 * df), sigma, s), -kappa, rtol=1e-12)


def test_limits_are_known_priors():
    """df = 1 is Cauchy, large df Normal, q = 1 Laplace."""
    b = np.array([-2.0, 0.3, 5.0])
    close = np.testing.assert_allclose
    close(br.StudentT(1, 1.7).log_density(b, 1.7), br.Cauchy(1.7).log_density(b, 1.7), rtol=1e-12)
    close(br.StudentT(1e9, 2.0).log_density(b, 2.0), br.Normal(2.0).log_density(b, 2.0), rtol=1e-6)
    close(br.Bridge(1.0, 2.0).log_density(b, 2.0), br.Laplace(2.0).log_density(b, 2.0), rtol=1e-12)


@pytest.mark.parametrize("df", [0.0, -1.0, np.nan, np.inf, True, "3", [1.0, 2.0]], ids=repr)
def test_bad_degrees_of_freedom(df):
    """One positive number."""
    with pytest.raises(BadArgument, match="df"):
        br.StudentT(df)


@pytest.mark.parametrize("q", [0.0, -0.5, 2.0, np.inf, np.nan, None, [0.5]], ids=repr)
def test_bad_powers(q):
    """One number above 0 and below 2."""
    with pytest.raises(BadArgument, match="q"):
        br.Bridge(q)


# The optimum


@pytest.mark.parametrize("case", CASES, ids=str)
@every
def test_every_map_is_certified(case, prior):
    """Stationary, its routes agree, and no random start of scipy's goes lower."""
    options = {"standardize": case.standardize, "intercept": case.intercept}
    _, fit = fitted(prior, case.X, case.y, weights=case.weights, **options)
    assert fit.certificate.ok
    assert fit.solver == "reweighting"
    assert fit.certificate.kkt <= fit.certificate.kkt_limit
    assert ("seen" in fit.certificate.why) == (fit.certificate.gap is None)


@pytest.mark.parametrize("case", CASES[:2] + CASES[3:7], ids=str)
@pytest.mark.parametrize(
    "prior",
    [
        *(br.StudentT(3, 0.4), br.Cauchy(0.1), br.Bridge(0.5, 0.1), br.Bridge(1.5, 0.4)),
        *MORE,
    ],
    ids=repr,
)
def test_routes_agree(case, prior):
    """scipy twice, from 1 % away; a b that is off is noticed."""
    _, fit = fitted(prior, case.X, case.y, weights=case.weights, standardize=case.standardize)
    routes = fit.correspondence
    assert routes.ok, routes
    assert list(routes.table.index) == ["reweighting", "lbfgsb", "hybrid"]


@pytest.mark.parametrize(
    "prior",
    [
        br.StudentT(2.0, 0.3),
        br.Cauchy(0.2),
        br.Cauchy(1.0),
        br.Bridge(0.5, 0.2),
        br.Bridge(0.9, 0.2),
        br.Bridge(1.5, 0.5),
        *MORE,
    ],
    ids=repr,
)
def test_the_best_of_a_grid_is_not_better(prior, random_problems):
    """Brute force on p ≤ 2."""
    unique = 0
    for X, y in random_problems:
        problem, fit = fitted(prior, X, y)
        best = objective(problem, fit.b)
        reach = 1.5 * np.max(np.abs(np.linalg.lstsq(X - X.mean(0), y - y.mean(), rcond=None)[0]))
        axis = np.linspace(-reach, reach, 2001 if problem.p == 1 else 161)
        points = np.stack(np.meshgrid(*[axis] * problem.p, indexing="ij"), -1)
        points = points.reshape(-1, problem.p)
        fits = 0.5 * problem.yy - points @ problem.xy
        fits += 0.5 * np.einsum("ij,jk,ik->i", points, problem.gram, points)
        lowest = float(np.min(fits + prior.cost(points, 1.5, prior.scale).sum(1)))
        assert best <= lowest + 1e-9 * abs(lowest)
        unique += fit.certificate.gap is not None
    assert unique > 0 or prior.least_bend(np.inf, 1.0, 1.0) == -np.inf


@pytest.mark.parametrize(
    "prior", [br.StudentT(2.0, 0.5), br.Cauchy(0.7), br.StudentT(5.0, 0.3)], ids=repr
)
def test_unique_means_unique(prior):
    """Wherever the certificate says so, every descent from 8 random starts ends there."""
    said = 0
    for k in range(16):
        rng = np.random.default_rng(100 + k)
        n, p = int(rng.integers(6, 40)), int(rng.integers(2, 5))
        X = rng.standard_normal((n, p))
        y = X @ rng.normal(0, 2, p) + rng.standard_normal(n)
        problem, fit = fitted(prior, X, y)
        if not fit.certificate.unique:
            continue
        said += 1
        for _ in range(8):
            other = minimize(
                energy(problem, prior),
                4 * rng.standard_normal(p),
                method="BFGS",
                jac=True,
                tol=1e-9,
            ).x
            np.testing.assert_allclose(other, fit.b, atol=1e-4 * np.max(np.abs(fit.b)))
    assert 3 <= said < 16, "the table must hold problems of both kinds"


def test_gap_bounds_what_is_left():
    """J(b) − J(b*) ≤ gap at points around the optimum, where the bound is claimed."""
    rng = np.random.default_rng(8)
    X = rng.standard_normal((40, 3))
    y = X @ [2.0, -1.0, 0.0] + rng.standard_normal(40)
    for prior in (br.StudentT(3, 0.5), br.Cauchy(0.8), br.Bridge(1.4, 0.5)):
        problem, fit = fitted(prior, X, y)
        claimed = 0
        for size in (1e-6, 1e-3, 0.05, 0.2):
            b = fit.b + size * rng.standard_normal(3)
            certificate = certify(problem, b)
            if certificate.gap is None:
                continue
            claimed += 1
            left = objective(problem, b) - objective(problem, fit.b)
            assert left <= certificate.gap + 1e-12 * problem.yy
            assert left >= 0.05 * certificate.gap - 1e-12 * problem.yy, "and it is not vacuous"
        assert claimed >= 2


@every
def test_reweighting_descends(prior):
    """Each step of reweighting alone lowers J."""
    case = CASES[4]
    problem = br.Model(prior, br.Gaussian(1.5)).condition(case.X, case.y, standardize=True)
    target = Objective.of(problem)
    u = np.random.default_rng(1).standard_normal(target.size)
    values = []
    for _ in range(12):
        values.append(target.value(u))
        u = reweighting.majorised(target, u)
    assert np.all(np.diff(values) <= 1e-13 * np.abs(values[:-1]))
    assert values[-1] < values[0]


@pytest.mark.parametrize("case", [CASES[1], CASES[3], CASES[4], CASES[6]], ids=str)
@every
def test_a_moved_optimum_is_refused(case, prior):
    """One coefficient by 1e-4 of its posterior sd, from the curvature of J."""
    problem, fit = fitted(prior, case.X, case.y, weights=case.weights, standardize=True)
    target = Objective.of(problem)
    u = target.unit.reduce(fit.b)
    face = target.face(u)
    j = int(face[np.argmax(np.abs(u[face]))])
    unit = (face == j).astype(float)
    inverse = solve_positive(target.unit, face, target.bend(u)[face], unit)
    moved = u.copy()
    moved[j] += 1e-4 * problem.sigma / target.unit.y_norm * np.sqrt(inverse @ unit)
    assert certify(problem, fit.b).ok
    assert not certify(problem, target.unit.restore(moved)).ok


def test_a_saddle_is_refused_and_left():
    """Of two equal columns one takes all: the even split is stationary, and a saddle."""
    x = np.array([1.0, -1.0, 2.0, -2.0])
    X, y = np.column_stack([x, x]), 5.0 * x
    problem, fit = fitted(br.Cauchy(0.3), X, y, sigma=1.0)
    total = reweighting.local(problem, np.array([2.5, 2.5]))
    even = total.sum() / 2
    for _ in range(200):  # Newton's method on the even split
        slope = br.Cauchy(0.3).slope(even, 1.0, 0.3) + 2 * problem.gram[0, 0] * even - problem.xy[0]
        even -= slope / (2 * problem.gram[0, 0] + br.Cauchy(0.3).bend(even, 1.0, 0.3))
    judged = certify(problem, np.array([even, even]))
    assert judged.kkt <= judged.kkt_limit
    assert not judged.ok
    assert "saddle" in judged.why
    assert np.min(np.abs(fit.b)) < 0.1 < np.max(np.abs(fit.b))
    assert "optima seen" in fit.certificate.why


def test_several_optima_are_said():
    """A t prior against one strong observation: pulled in, or let alone."""
    _, fit = fitted(br.Cauchy(0.1), [[1.0], [-1.0]], [4.0, -4.0], sigma=1.0)
    assert "2 distinct optima seen" in fit.certificate.why
    assert fit.certificate.ok
    assert fit.certificate.gap is None
    assert fit.certificate.nats is None
    assert "stationary" in repr(fit)


def test_zero_is_always_an_optimum_of_a_cusp():
    """b = 0 is certified as stationary for q < 1 whatever y; and says that it may not be lowest."""
    problem, fit = fitted(br.Bridge(0.5, 1.0), CASES[0].X, CASES[0].y)
    zero = certify(problem, np.zeros(problem.p))
    assert zero.ok
    assert zero.gap is None
    assert "nothing bounds" in zero.why
    assert objective(problem, fit.b) < objective(problem, np.zeros(problem.p))


def test_limits_of_the_map():
    """q = 1 is the lasso's optimum; a very large df ridge's."""
    case = CASES[4]
    _, bridge = fitted(br.Bridge(1.0, 0.3), case.X, case.y, standardize=True)
    _, lasso = fitted(br.Laplace(0.3), case.X, case.y, standardize=True)
    np.testing.assert_allclose(bridge.b, lasso.b, atol=1e-12)
    assert np.array_equal(bridge.b == 0, lasso.b == 0)
    _, student = fitted(br.StudentT(1e12, 0.3), case.X, case.y, standardize=True)
    _, ridge = fitted(br.Normal(0.3), case.X, case.y, standardize=True)
    np.testing.assert_allclose(student.b, ridge.b, rtol=1e-9)


@pytest.mark.parametrize(
    "prior",
    [
        *(br.StudentT(3, 0.3, 0.4), br.Cauchy(0.3), br.Bridge(0.5, 0.2), br.Bridge(1.5, 0.4, -0.2)),
        *MORE,
    ],
    ids=repr,
)
def test_equivariance(prior):
    """Units of X and y, weights as copies, loc as a shift, order of columns."""
    rng = np.random.default_rng(2)
    X, w = rng.standard_normal((30, 3)), np.tile([1.0, 2.0, 3.0], 10)
    y = X @ [3.0, 0.0, -1.0] + rng.standard_normal(30)
    _, fit = fitted(prior, X, y, weights=w)
    close = {"rtol": 1e-9, "atol": 1e-12}
    factor = np.array([1e-3, 1.0, 40.0])
    scale, loc = prior.scale, prior.loc
    other = dataclasses.replace(prior, scale=list(7.0 * scale * factor), loc=0.0)
    shifted = 7.0 * (y - X @ np.full(3, loc))
    _, unit = fitted(other, X / factor, shifted, sigma=7.0 * 1.5, weights=w)
    np.testing.assert_allclose(unit.beta / factor / 7.0 + loc, fit.beta, **close)
    rows = np.repeat(np.arange(30), w.astype(int))
    _, copies = fitted(prior, X[rows], y[rows])
    np.testing.assert_allclose(copies.beta, fit.beta, **close)
    _, turned = fitted(prior, X[:, ::-1], y, weights=w)
    np.testing.assert_allclose(turned.beta.to_numpy()[::-1], fit.beta, **close)


@every
@pytest.mark.parametrize("scale", [1e-300, 1e-150, 1e-50, 1e150, 1e300])
def test_extreme_scales(prior, scale):
    """No overflow: everything at `loc`, or least squares, or an error that says so."""
    case = CASES[0]
    extreme = dataclasses.replace(prior, scale=scale, unit="y")
    if scale == 1e-300:
        with pytest.raises(NotSupported, match="so small"):
            fitted(extreme, case.X, case.y)
        return
    _, fit = fitted(extreme, case.X, case.y)
    whole = np.column_stack([case.X, np.ones(len(case.y))])
    least_squares = np.linalg.lstsq(whole, case.y, rcond=None)[0][:-1] - prior.loc
    kept = np.abs(fit.b) > 1e-6
    if scale < 1 and prior.mixing.law == "stable":
        assert not np.any(kept)
    # Under polynomial tails a whole effect may survive log(1/scale) nats.
    expected = least_squares if scale > 1 else np.where(kept, fit.b, 0.0)
    np.testing.assert_allclose(fit.b, expected, rtol=1e-6, atol=1e-9)


def test_nothing_to_estimate():
    """y = 0, a zero column, no column with a prior of this kind."""
    X = np.column_stack([[1.0, -1.0, 2.0, 0.5], np.zeros(4)])
    for prior in (br.StudentT(3, 1.0), br.Bridge(0.5, 1.0), br.Bridge(1.5, 1.0)):
        _, fit = fitted(prior, X, np.zeros(4))
        assert fit.certificate.ok
        assert np.all(fit.b == 0)
        _, fit = fitted(prior, X[:, 1:], [1.0, 2.0, 3.0, 4.0])
        assert fit.b.tolist() == [0.0]


def test_mixed_priors():
    """Each block under its own penalty; zeros under Laplace, none under Student-t."""
    case = CASES[1]
    prior = {
        "c0": br.StudentT(3, 0.5),
        "c1": br.Flat(),
        "c2": br.Normal(1.0),
        ...: br.Laplace(0.05),
    }
    problem, fit = fitted(prior, case.frame, case.y, standardize=True)
    assert fit.certificate.ok
    assert fit.beta["c0"] != 0
    assert problem.penalty.kind == "mixed penalty"
    assert "log(1 + b_c0_j²" in problem.penalty.objective
    assert fit.correspondence.ok


# Hyperparameters


@pytest.mark.parametrize(
    "prior",
    [
        br.StudentT(3, 0.3, unit="sigma"),
        br.StudentT(3, 0.5),
        br.Bridge(0.5, 0.05, unit="sigma"),
        br.Cauchy(0.4),
        *MORE,
    ],
    ids=repr,
)
@pytest.mark.parametrize("noise", [None, br.HalfNormal(2.0)], ids=["default", "half-normal"])
def test_joint_mode_is_a_mode(prior, noise):
    """−log p(β, log σ) rises in every direction of (b, log σ)."""
    case = CASES[1]
    likelihood = br.Gaussian() if noise is None else br.Gaussian(noise)
    problem = br.Model(prior, likelihood).condition(case.X, case.y, standardize=True)
    fit = br.fit_map(problem, hyper="joint")
    assert "joint mode" in fit.hyper

    def energy(b, t):
        sigma = np.exp(t)
        rss = problem.yy - 2 * b @ problem.xy + b @ problem.gram @ b
        scale = problem.effective_scale(problem.blocks[0], sigma)
        value = problem.nu * t + 0.5 * rss / sigma**2 - prior.log_density(b, scale).sum()
        return value - problem.sigma_prior.log_density_of_log(t)

    best, t = energy(fit.b, np.log(fit.sigma)), np.log(fit.sigma)
    rng = np.random.default_rng(0)
    for size in (1e-3, 1e-2):
        for _ in range(20):
            step = size * rng.standard_normal(problem.p + 1)
            moved = fit.b + np.where(fit.b == 0, 0.01, 1.0) * step[1:]
            assert energy(moved, t + step[0]) > best
    h = 1e-4
    assert abs(energy(fit.b, t + h) - energy(fit.b, t - h)) / (2 * h) < 1e-4


@pytest.mark.slow
def test_cross_validated_scale():
    """Deterministic, equivariant in y, and near the ridge's prediction error or better."""
    case = CASES[1]
    for prior in (br.StudentT(3), br.Bridge(0.5)):
        problem = br.Model(prior).condition(case.X, case.y, standardize=True)
        fit = br.fit_map(problem, hyper="cv", seed=3)
        assert fit.certificate.ok
        assert "cross-validation" in fit.hyper
        again = br.Model(prior).condition(case.X, 100.0 * case.y, standardize=True)
        scaled = br.fit_map(again, hyper="cv", seed=3)
        np.testing.assert_allclose(scaled.sigma, 100 * fit.sigma, rtol=1e-6)
        np.testing.assert_allclose(scaled.scale, fit.scale, rtol=1e-9)
        np.testing.assert_allclose(scaled.beta, 100 * fit.beta, rtol=1e-6, atol=1e-9)
    known = br.Model(br.StudentT(3, 1.0)).condition(case.X, case.y)
    with pytest.raises(NotSupported, match="joint"):
        br.fit_map(known, hyper="cv")


@pytest.mark.slow
def test_wide_data_have_a_cross_validated_scale():
    """p > n: σ from the lasso, so that nothing interpolates."""
    rng = np.random.default_rng(5)
    X = rng.standard_normal((40, 60))
    y = X[:, :2] @ [3.0, -2.0] + rng.standard_normal(40)
    problem = br.Model(br.StudentT(3, expected_nonzero=4)).condition(X, y, standardize=True)
    fit = br.fit_map(problem, hyper="cv")
    assert fit.certificate.ok
    assert 0.5 < fit.sigma < 2.0


def test_a_joint_mode_that_does_not_exist_is_refused():
    """Columns in the unit of y that interpolate it."""
    rng = np.random.default_rng(6)
    X = rng.standard_normal((6, 9))
    likelihood = br.Gaussian(br.HalfCauchy(1.0))
    problem = br.Model(br.StudentT(3, 1.0), likelihood).condition(X, rng.standard_normal(6))
    with pytest.raises(NotSupported, match="unbounded"):
        br.fit_map(problem, hyper="joint")


# What else must know of them


@pytest.mark.parametrize(
    "prior, kind",
    [
        (br.StudentT(3, 1.0), "Student-t"),
        (br.Cauchy(1.0), "Cauchy"),
        (br.Bridge(0.5, 1.0), "bridge"),
        *((dataclasses.replace(one, scale=1.0), one.family.replace("_", " ")) for one in MORE),
    ],
    ids=repr,
)
def test_the_penalty_has_words_and_no_lam(prior, kind):
    problem = br.Model(prior, br.Gaussian(1.0)).condition(CASES[0].X, CASES[0].y)
    penalty = problem.penalty
    assert penalty.kind == kind
    assert "Σ" in penalty.objective
    assert "scale = 1" in penalty.objective
    for what in ("l1", "l2", "lam"):
        with pytest.raises(NotSupported, match="no multiple of one norm"):
            getattr(penalty, what)
    with pytest.raises(NotSupported):
        penalty.to("sklearn.Lasso")
    with pytest.raises(NotSupported, match="no λ"):
        br.path(problem)
    with pytest.raises(NotSupported, match="reweighting"):
        br.fit_map(problem, solver="coordinate_descent")
    with pytest.raises(BadArgument, match="solver must be"):
        br.fit_map(problem, solver="magic")


def test_a_group_penalty_is_refused():
    case = CASES[0]
    for prior in (
        br.StudentT(3, 1.0, groups=[["c0", "c1"]]),
        br.Bridge(1.0, 1.0, groups=[["c0", "c1"]]),
        {"c4": br.StudentT(3, 1.0), ...: br.Laplace(1.0, groups=[["c0", "c1"]])},
    ):
        problem = br.Model(prior, br.Gaussian(1.0)).condition(case.frame, case.y)
        with pytest.raises(NotSupported, match=r"group penalty.*sample\(problem\)"):
            br.fit_map(problem)


def test_reweighting_serves_ridge_and_lasso_too():
    """One step, and the usual certificate."""
    case = CASES[4]
    for prior in (br.Normal(0.4), br.Laplace(0.3), br.ElasticNet(0.4, 0.5)):
        problem, fit = fitted(prior, case.X, case.y, standardize=True)
        other = br.fit_map(problem, solver="reweighting")
        np.testing.assert_allclose(other.b, fit.b, rtol=1e-9, atol=1e-12)


def test_estimator():
    """MapRegressor takes them like any prior."""
    from bayesreg.estimators import MapRegressor

    case = CASES[0]
    model = MapRegressor(br.StudentT(3, 1.0), sigma=1.5).fit(case.X, case.y)
    assert model.result_.certificate.ok
    model.set_params(prior__df=1.0)
    np.testing.assert_allclose(
        model.fit(case.X, case.y).coef_,
        MapRegressor(br.Cauchy(1.0), sigma=1.5).fit(case.X, case.y).coef_,
        rtol=1e-12,
    )


def test_saved_and_loaded(tmp_path):
    """A fit round-trips with its certificate's missing gap."""
    _, fit = fitted(br.Bridge(0.5, 0.2), CASES[0].X, CASES[0].y)
    fit.save(tmp_path / "fit.bayesreg")
    again = br.load(tmp_path / "fit.bayesreg")
    assert np.array_equal(again.b, fit.b)
    assert again.certificate.gap is None
