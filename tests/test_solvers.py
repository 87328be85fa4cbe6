"""Laws of the solvers: they meet each other, scikit-learn, exact arithmetic and known answers."""

from __future__ import annotations

import dataclasses
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

import bayesreg as br
from bayesreg.language.errors import NotSupported
from bayesreg.solvers import closed_form, coordinate_descent, scipy_routes
from bayesreg.solvers.certificate import certify
from tests.cases import CASES
from tests.test_model import condition

pytestmark = pytest.mark.filterwarnings("ignore::bayesreg.language.errors.BayesregWarning")

SIGMA = 1.4
RIDGE = br.Normal(0.6)
PENALTIES = [RIDGE, br.Laplace(0.4), br.ElasticNet(0.5, 0.6)]
ROUTES = [coordinate_descent.solve, scipy_routes.lbfgsb, scipy_routes.newton_cg]
ALL = [closed_form.solve, *ROUTES]


def name(solve):
    """The name that a solver gives to its solutions."""
    room = solve.__module__.rsplit(".", maxsplit=1)[-1]
    return room if solve.__name__ == "solve" else solve.__name__


def given(X, y, prior, sigma=SIGMA, **kwargs):
    """A problem with λ known."""
    return br.Model(prior, br.Gaussian(sigma)).condition(X, y, **kwargs)


def difference(problem, a, b):
    """‖a − b‖∞/‖b‖∞ on unit-sd columns."""
    size = problem.quadratic.norms
    return float(np.max(np.abs(a - b) * size) / np.max(np.abs(b) * size))


def columns(n, p, seed=0, rho=0.5):
    """Correlated columns with offsets and unequal sds, and y with five effects."""
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((n, p)) + rho * rng.standard_normal((n, 1))
    y = 7.0 + z[:, :5].sum(axis=1) + SIGMA * rng.standard_normal(n)
    return z * rng.uniform(0.5, 2.0, p) + rng.normal(0.0, 3.0, p), y


def nearly_collinear(n, p, gap):
    """Column 1 is column 0 and noise of relative size `gap`."""
    X, y = columns(n, p)
    X[:, 1] = X[:, 0] + gap * np.random.default_rng(9).standard_normal(n)
    return X, y


def lasso_at(X, y, share, **kwargs):
    """A lasso problem at a share of λ_max."""
    xy = given(X, y, br.Laplace(1.0), **kwargs).xy
    lam = share * float(np.max(np.abs(xy)))
    return given(X, y, br.Laplace.from_lam(lam, sigma=SIGMA), **kwargs)


def plain_descent(problem, epochs):
    """Textbook coordinate descent on the Gram matrix: the reference of the fast one."""
    G, c, b = problem.gram, problem.xy, np.zeros(problem.p)
    for _ in range(epochs):
        for j in range(problem.p):
            z = c[j] - G[j] @ b + G[j, j] * b[j]
            b[j] = np.sign(z) * max(abs(z) - problem.l1[j], 0.0) / (G[j, j] + problem.l2[j])
    return b


def exact_ridge(problem):
    """The ridge of the stored root or Gram matrix in rational arithmetic."""
    p = problem.p
    if problem.root is not None:
        rows = [[Fraction(float(v)) for v in row] for row in problem.root]
        table = [[sum(r[i] * r[j] for r in rows) for j in range(p + 1)] for i in range(p)]
    else:
        both = np.column_stack([problem.gram, problem.xy])
        table = [[Fraction(float(v)) for v in row] for row in both]
    for i in range(p):
        table[i][i] += Fraction(float(problem.l2[i]))
    for i in range(p):  # Gauss–Jordan; a positive definite matrix needs no pivoting
        table[i] = [v / table[i][i] for v in table[i]]
        for k in range(p):
            if k != i:
                table[k] = [a - table[k][i] * b for a, b in zip(table[k], table[i], strict=True)]
    return np.array([float(row[p]) for row in table])


@pytest.mark.parametrize("gap", [1.0, 1e-3, 1e-5, 1e-8])
@pytest.mark.parametrize("scale", [0.5, 50.0, 5000.0])
@pytest.mark.parametrize("shape", [(40, 4), (8, 12)], ids=str)
def test_ridge_is_exact_on_collinear_columns(gap, scale, shape):
    """Closed form and coordinate descent against rational arithmetic; λ down to 1e-9 of X'X."""
    X, y = nearly_collinear(*shape, gap)
    problem = given(X, y, br.Normal(scale))
    truth = exact_ridge(problem)
    for solve in (closed_form.solve, coordinate_descent.solve):
        assert difference(problem, solve(problem).b, truth) < 1e-10


@pytest.mark.parametrize("shape", [(442, 10), (90, 40), (30, 90)], ids=str)
@pytest.mark.parametrize("gap", [1e-2, 1e-4, 1e-8])
@pytest.mark.parametrize("scale", [0.3, 30.0])
def test_ridge_routes_meet_on_collinear_columns(shape, gap, scale):
    """Descent shares no factorisation with the closed form: 1e-10; scipy 1e-8."""
    problem = given(*nearly_collinear(*shape, gap), br.Normal(scale))
    b = closed_form.solve(problem).b
    for solve, limit in zip(ROUTES, (1e-10, 1e-8, 1e-8), strict=True):
        assert difference(problem, solve(problem).b, b) < limit


@pytest.mark.parametrize("shape", [(60, 8), (25, 60)], ids=str)
@pytest.mark.parametrize("gap", [1.0, 1e-4])
@pytest.mark.parametrize("share", [0.5, 0.1, 1e-2])
@pytest.mark.parametrize("ridge", [False, True])
def test_lasso_routes_meet(shape, gap, share, ridge):
    """Descent on the Gram, the split by L-BFGS-B, and the dual by NNLS; lasso and elastic net."""
    X, y = nearly_collinear(*shape, gap)
    problem = lasso_at(X, y, share)
    if ridge:
        l1 = float(problem.l1[0])
        prior = br.ElasticNet.from_scales(laplace=SIGMA**2 / l1, normal=SIGMA / np.sqrt(0.1 * l1))
        problem = given(X, y, prior)
    b = coordinate_descent.solve(problem).b
    assert certify(problem, b).ok
    for solve in (scipy_routes.lbfgsb, scipy_routes.newton_cg):
        assert difference(problem, solve(problem).b, b) < 1e-8


@pytest.mark.parametrize("prior", PENALTIES, ids=repr)
def test_descent_is_the_plain_one(prior):
    """The textbook loop arrives at the same point, and after one epoch it has not arrived."""
    problem = given(*columns(50, 6), prior)
    b = coordinate_descent.solve(problem).b
    assert difference(problem, plain_descent(problem, 4000), b) < 1e-12
    early = plain_descent(problem, 1)
    assert difference(problem, early, b) > 1e-6
    assert not certify(problem, early).ok


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("shape", [(100, 7), (20, 50)], ids=str)
@pytest.mark.parametrize("prior", PENALTIES, ids=repr)
def test_scikit_learn_minimises_the_same(prior, shape, standardize):
    """With the arguments that the penalty names, to that library's own tolerance."""
    from sklearn.linear_model import ElasticNet, Lasso, Ridge
    from sklearn.preprocessing import StandardScaler

    X, y = columns(*shape)
    problem = given(X, y, prior, standardize=standardize)
    if standardize:
        X = StandardScaler().fit_transform(X)
    cls = {"normal": Ridge, "laplace": Lasso, "elastic_net": ElasticNet}[prior.family]
    extra = {} if cls is Ridge else {"tol": 1e-14, "max_iter": 1_000_000}
    other = cls(**problem.penalty.to(f"sklearn.{cls.__name__}"), **extra).fit(X, y)
    b = coordinate_descent.solve(problem).b
    assert difference(problem, other.coef_, b) < (1e-9 if cls is Ridge else 1e-5)


@pytest.mark.parametrize("solve", ROUTES, ids=name)
def test_orthogonal_lasso_is_soft_thresholding(solve):
    """On orthogonal columns b_j = S(x_j'y, λ)/‖x_j‖²."""
    rng = np.random.default_rng(3)
    q, _ = np.linalg.qr(np.column_stack([np.ones(30), rng.standard_normal((30, 5))]))
    X, y = q[:, 1:] * [1.0, 2.0, 0.5, 3.0, 1.0], rng.standard_normal(30) + 4.0
    problem = lasso_at(X, y, 0.4)
    c = X.T @ y
    wanted = np.sign(c) * np.maximum(np.abs(c) - problem.l1, 0.0) / np.sum(X * X, axis=0)
    b = solve(problem).b
    assert np.array_equal(b == 0.0, wanted == 0.0)
    assert difference(problem, b, wanted) < 1e-12


@pytest.mark.parametrize("shape", [(60, 8), (20, 40)], ids=str)
def test_everything_is_zero_from_lambda_max(shape):
    """Exactly zero at and above max|x_j'y|, and not just below it."""
    X, y = columns(*shape)
    for share, zero in ((2.0, True), (1.0 + 1e-12, True), (1.0 - 1e-6, False)):
        problem = lasso_at(X, y, share)
        for solve in ROUTES:
            assert (not np.any(solve(problem).b)) == zero
        assert certify(problem, coordinate_descent.solve(problem).b).ok


@pytest.mark.parametrize("share", [0.3, 1e-2, 1e-3, 1e-6])
@pytest.mark.parametrize("kind", ["general", "twins", "sum of two"])
@pytest.mark.parametrize("shape", [(20, 60), (60, 9)], ids=str)
def test_dependent_columns_and_small_lambda(share, kind, shape):
    """Descent ends, is certified, and has no more than n − 1 non-zero coefficients."""
    X, y = columns(*shape)
    if kind == "twins":
        X[:, 1] = X[:, 0]
    if kind == "sum of two":
        X[:, 2] = X[:, 0] + X[:, 1]
    problem = lasso_at(X, y, share)
    b = coordinate_descent.solve(problem).b
    certificate = certify(problem, b)
    assert certificate.ok, certificate.why
    assert np.count_nonzero(b) <= min(shape[0] - 1, shape[1])
    if kind == "twins":
        assert b[0] == 0.0 or b[1] == 0.0
        assert certificate.unique == (not np.any(b[:2]))


def test_ridge_splits_twins_equally_and_leaves_zero_columns_at_zero():
    """A duplicate column shares the coefficient; a zero column has none."""
    X, y = columns(40, 5)
    X[:, 1], X[:, 2] = X[:, 0], 0.0
    problem = given(X, y, RIDGE)
    for solve in ALL:
        b = solve(problem).b
        assert b[0] == pytest.approx(b[1], rel=1e-12)
        assert b[2] == 0.0


@pytest.mark.parametrize("prior", [br.Normal, br.Laplace], ids=lambda c: c.__name__)
@pytest.mark.parametrize("shape", [(60, 6), (12, 30)], ids=str)
def test_units_of_columns_do_not_matter(prior, shape):
    """Columns in units from 1e-12 to 1e12, each with its prior in that unit: the same fit."""
    X, y = columns(*shape)
    factors = 10.0 ** np.linspace(-12, 12, shape[1])
    problem = given(X, y, prior(np.full(shape[1], 0.5)))
    scaled = given((X - X.mean(0)) * factors, y, prior(0.5 / factors))
    for solve in (closed_form.solve, coordinate_descent.solve):
        if solve is closed_form.solve and prior is br.Laplace:
            continue
        a, b = solve(problem).b, solve(scaled).b
        assert difference(problem, b * factors, a) < 1e-9
        assert certify(scaled, b).ok


@pytest.mark.parametrize("shape", [(60, 6), (12, 30)], ids=str)
@pytest.mark.parametrize("prior", PENALTIES, ids=repr)
def test_one_scale_over_columns_of_every_size_is_certified(shape, prior):
    """One prior scale for columns from 1e-12 to 1e12: a penalty from nothing to everything."""
    X, y = columns(*shape)
    problem = given(X * 10.0 ** np.linspace(-12, 12, shape[1]), y, prior)
    solve = closed_form.solve if prior is RIDGE else coordinate_descent.solve
    certificate = certify(problem, solve(problem).b)
    assert certificate.ok, certificate.why


@pytest.mark.parametrize("shape", [(60, 9), (20, 40)], ids=str)
def test_mixed_priors_meet(shape):
    """Normal on some columns and Laplace on the others, by descent, L-BFGS-B and NNLS."""
    X, y = columns(*shape)
    frame = {f"c{j}": X[:, j] for j in range(shape[1])}
    prior = {"c0": br.Normal(3.0), "c4": br.Normal(0.3), ...: br.Laplace(0.4)}
    problem = br.Model(prior, br.Gaussian(SIGMA)).condition(pd.DataFrame(frame), y)
    b = coordinate_descent.solve(problem).b
    assert certify(problem, b).ok
    for solve in ROUTES[1:]:
        assert difference(problem, solve(problem).b, b) < 1e-8
    with pytest.raises(NotSupported, match="coordinate_descent"):
        closed_form.solve(problem)


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("prior", PENALTIES, ids=repr)
def test_start_does_not_matter(case, prior):
    """From zero, from a wild point, and from the optimum: the same value of J, certified."""
    problem = condition(case, br.Model(prior, br.Gaussian(SIGMA)))
    cold = coordinate_descent.solve(problem).b
    wild = np.random.default_rng(1).standard_normal(problem.p) * (np.abs(cold).max() + 1.0)
    for start in (cold, wild):
        certificate = certify(problem, coordinate_descent.solve(problem, start=start).b)
        assert certificate.ok, certificate.why


def test_weights_are_repetition():
    """Integer weights and repeated rows have one optimum, to 1e-10."""
    X, y = columns(40, 5)
    w = np.random.default_rng(2).integers(1, 4, 40)
    for prior in PENALTIES:
        weighted = given(X, y, prior, weights=w.astype(float), standardize=True)
        repeated = given(np.repeat(X, w, axis=0), np.repeat(y, w), prior, standardize=True)
        a, b = coordinate_descent.solve(weighted).b, coordinate_descent.solve(repeated).b
        assert difference(repeated, a, b) < 1e-10


@pytest.mark.parametrize("shape", [(60, 8), (20, 40)], ids=str)
def test_path_is_its_points(shape):
    """Warm starts change nothing, in whatever order the λ's come."""
    X, y = columns(*shape)
    shares = np.array([0.1, 0.9, 1e-2, 0.5])
    points = [lasso_at(X, y, share) for share in shares]
    rows = coordinate_descent.path(points[0], [(one.l1, one.l2) for one in points])
    assert rows.shape == (4, shape[1])
    for row, one in zip(rows, points, strict=True):
        assert difference(one, row, coordinate_descent.solve(one).b) < 1e-11


@pytest.mark.parametrize("factors", ["equal", "graded"])
@pytest.mark.parametrize("shape", [(60, 6), (12, 30)], ids=str)
def test_ridge_path_is_its_points(shape, factors):
    """One eigendecomposition against one solve per λ; df is the trace of the smoother."""
    X, y = columns(*shape)
    if factors == "graded":
        X = X * 10.0 ** np.linspace(-3, 3, shape[1])
    lams = np.array([10.0, 1e-2, 1e3])
    weights = np.linspace(0.5, 2.0, shape[1])
    problem = given(X, y, RIDGE)
    b, df = closed_form.path(problem, lams, weights)
    z = X - X.mean(0)
    for k, lam in enumerate(lams):
        one = given(X, y, br.Normal(SIGMA / np.sqrt(lam * weights)))
        assert difference(one, b[k], closed_form.solve(one).b) < 1e-9
        rows = np.vstack([z, np.diag(np.sqrt(lam * weights))])
        q, _ = np.linalg.qr(rows / np.linalg.norm(rows, axis=0))
        assert df[k] == pytest.approx(np.sum(q[: shape[0]] ** 2), rel=1e-8)


@pytest.mark.parametrize("solve", ROUTES, ids=name)
@pytest.mark.parametrize("prior", PENALTIES, ids=repr)
def test_nothing_to_explain(solve, prior):
    """y = 0 has the optimum 0, and no proper column has the empty one."""
    X, _ = columns(30, 4)
    problem = given(X, np.zeros(30), prior)
    assert not np.any(solve(problem).b)
    assert certify(problem, solve(problem).b).ok
    flat = given(X, np.arange(30.0), br.Flat())
    assert solve(flat).b.shape == (0,)
    assert certify(flat, solve(flat).b).ok


@pytest.mark.parametrize("solve", ALL, ids=name)
def test_unknown_penalty_is_refused_with_advice(solve):
    """A λ that depends on an unknown is no number to minimise with."""
    problem = br.Model(br.Normal()).condition(*columns(30, 4))
    with pytest.raises(NotSupported, match=r"problem\.at\(sigma=, scale=\)"):
        solve(problem)


@pytest.mark.parametrize("scale", [1e-150, 1e150])
@pytest.mark.parametrize("prior", [br.Normal, br.Laplace], ids=lambda c: c.__name__)
@pytest.mark.parametrize("shape", [(60, 6), (12, 30)], ids=str)
def test_extreme_scales_do_not_overflow(prior, scale, shape):
    """A prior that pins everything to 0, and one that says nothing, both certified."""
    problem = given(*columns(*shape), prior(scale))
    smooth = prior is br.Normal
    b = (closed_form.solve if smooth else coordinate_descent.solve)(problem).b
    assert certify(problem, b).ok
    assert np.all(np.abs(b) < 1e-100) == (scale < 1.0)


def test_solutions_are_described():
    """Solver, iterations and how, in words."""
    problem = given(*columns(30, 4), RIDGE)
    for solve in ALL:
        solution = solve(problem)
        assert solution.solver == name(solve)
        assert solution.iterations >= 0
        assert solution.message
        with pytest.raises(dataclasses.FrozenInstanceError):
            solution.solver = "other"
