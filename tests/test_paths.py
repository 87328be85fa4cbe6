"""Paths: every point against fit_map and scikit-learn, certificates, and what may go wrong."""

import dataclasses

import numpy as np
import pytest
from sklearn.linear_model import enet_path, lasso_path

import bayesreg as br
from bayesreg.language.errors import BadArgument, NotSupported
from bayesreg.solvers import continuation, coordinate_descent
from bayesreg.solvers.certificate import certify
from bayesreg.solvers.path import Ray, default_lams, solve_path
from bayesreg.solvers.path_certificate import certify_path

LASSO = br.Model(br.Laplace(1.0), br.Gaussian(1.3))


def synthetic(n, p, rho=0.5, seed=0, active=0.2):
    """AR(ρ) columns of unequal scales and means; a fifth of them at work."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p))
    for j in range(1, p):
        X[:, j] = rho * X[:, j - 1] + np.sqrt(1.0 - rho**2) * X[:, j]
    beta = np.where(rng.random(p) < active, rng.standard_normal(p), 0.0)
    y = 7.0 + X @ beta + rng.standard_normal(n)
    return 3.0 + X * np.exp(0.3 * rng.standard_normal(p)), y


def unit_difference(problem, a, b):
    """Largest difference on columns of norm one, relative to the largest coefficient."""
    norms = problem.quadratic.norms
    return np.max(np.abs(a - b) * norms) / max(np.max(np.abs(b) * norms), 1e-300)


SHAPES = [(60, 5, 0.5), (200, 60, 0.9), (150, 140, 0.0), (40, 120, 0.5), (30, 31, 0.95)]


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("n, p, rho", SHAPES)
def test_every_point_is_fit_map(n, p, rho, standardize):
    """To 1e-10, where fit_map refines in extended precision each optimum by itself."""
    X, y = synthetic(n, p, rho)
    problem = LASSO.condition(X, y, standardize=standardize)
    path = br.path(problem, n=25)
    assert all(one.ok for one in path.certificates)
    for k in range(0, 25, 3):
        fit = br.fit_map(path.ray.at(path.lam[k]))
        assert unit_difference(problem, path.b[k], fit.b) < 1e-10
        assert np.array_equal(path.b[k] != 0, fit.b != 0)


@pytest.mark.parametrize("l1_ratio", [0.05, 0.5, 0.95])
@pytest.mark.parametrize("n, p, rho", SHAPES)
def test_rays_are_fit_map(n, p, rho, l1_ratio):
    """λ₁ = rλ and λ₂ = (1 − r)λ, whichever penalised prior the problem has."""
    X, y = synthetic(n, p, rho)
    problem = LASSO.condition(X, y)
    path = br.path(problem, n=9, l1_ratio=l1_ratio)
    assert not np.any(path.b[0])
    assert all(one.ok and one.unique for one in path.certificates)
    for k in (3, 8):
        one = path.ray.at(path.lam[k])
        np.testing.assert_allclose(one.l1, l1_ratio * path.lam[k], rtol=1e-13)
        np.testing.assert_allclose(one.l2, (1 - l1_ratio) * path.lam[k], rtol=1e-13)
        assert unit_difference(problem, path.b[k], br.fit_map(one).b) < 1e-10


def test_scale_family_of_the_elastic_net():
    """λ₂ = (1 − ρ)λ²/(ρσ)²: the prior's own, and the same in either unit."""
    X, y = synthetic(80, 12)
    for unit in ("y", "sigma"):
        prior = br.ElasticNet(1.0, 0.4, unit=unit)
        problem = br.Model(prior, br.Gaussian(1.3)).condition(X, y)
        path = br.path(problem, [50.0, 5.0, 20.0])
        for lam, scale, b in zip(path.lam, path.scale, path.b, strict=True):
            model = br.Model(dataclasses.replace(prior, scale=float(scale)), br.Gaussian(1.3))
            one = model.condition(X, y)
            assert one.penalty.l1 == pytest.approx(lam)
            assert one.penalty.l2 == pytest.approx(0.6 * (lam / (0.4 * 1.3)) ** 2)
            assert unit_difference(problem, b, br.fit_map(one).b) < 1e-10


@pytest.mark.parametrize("n, p", [(100, 20), (50, 90)])
@pytest.mark.parametrize("l1_ratio", [None, 0.7])
def test_objective_is_not_above_scikit_learn(n, p, l1_ratio):
    """At every λ, its alpha as printed: never higher, and lower by at most its tolerance."""
    X, y = synthetic(n, p)
    path = br.path(LASSO.condition(X, y), n=30, l1_ratio=l1_ratio)
    table = path.summary()
    Z, v = X - X.mean(axis=0), y - y.mean()
    options = {"alphas": table["sklearn"].to_numpy(), "tol": 1e-10, "max_iter": 100_000}
    r = 1.0 if l1_ratio is None else l1_ratio
    ran = lasso_path(Z, v, **options) if r == 1.0 else enet_path(Z, v, l1_ratio=r, **options)
    coefficients = ran[1].T
    theirs = (
        0.5 * np.sum((v - coefficients @ Z.T) ** 2, axis=1)
        + r * path.lam * np.abs(coefficients).sum(axis=1)
        + 0.5 * (1 - r) * path.lam * np.sum(coefficients**2, axis=1)
    )
    assert np.all(table["objective"] <= theirs + 1e-12 * (v @ v))
    np.testing.assert_allclose(table["objective"], theirs, rtol=1e-8)


def test_batched_certificates_are_those_of_one():
    """Same verdict, and a bound that is no smaller than the careful one; and it can fail."""
    X, y = synthetic(90, 30)
    wide = LASSO.condition(*synthetic(30, 70))
    for problem in (LASSO.condition(X, y), wide):
        lams = default_lams(problem, 12)
        ray = Ray.of(problem, 1.3)
        b, _ = solve_path(problem, lams, 1.3)
        l1, l2 = ray.penalties(lams)
        off = b.copy()
        off[5, np.argmax(np.abs(b[5]))] *= 1.0 + 1e-6
        off[7, 2] = np.nan
        for rows, bad in ((b, set()), (off, {5, 7})):
            found = certify_path(problem, l1, l2, rows, at=lambda k, at=ray.at, g=lams: at(g[k]))
            assert {k for k, one in enumerate(found) if not one.ok} == bad
            for k in (0, 3, 11):
                one = certify(ray.at(lams[k]), rows[k])
                assert one.kkt <= found[k].kkt <= one.kkt + 1e-12 * lams[0]
                assert (one.gap_limit, one.kkt_limit) == pytest.approx(
                    (found[k].gap_limit, found[k].kkt_limit)
                )


def test_ridge_path_is_certified_at_every_lambda():
    """Also where the bound ½g'Λ₂⁻¹g is too weak, and the exact one is taken."""
    for n, p in ((100, 20), (20, 50)):
        problem = br.Model(br.Normal(1.0), br.Gaussian(1.0)).condition(*synthetic(n, p))
        path = br.path(problem)
        assert all(one.ok for one in path.certificates)
        again = br.path(LASSO.condition(*synthetic(n, p)), path.lam, l1_ratio=0.0)
        np.testing.assert_allclose(again.b, path.b, rtol=1e-9, atol=1e-12)


def test_unsorted_and_repeated_lams_keep_their_order():
    """Rows follow the λ's given; equal λ's give equal rows."""
    problem = LASSO.condition(*synthetic(80, 15))
    lams = [3.0, 40.0, 0.7, 40.0, 1e9]
    path = br.path(problem, lams)
    assert path.lam.tolist() == lams == path.beta.index.tolist()
    assert np.array_equal(path.b[1], path.b[3])
    assert not np.any(path.b[4])
    for k, lam in enumerate(lams[:3]):
        assert unit_difference(problem, path.b[k], br.path(problem, [lam]).b[0]) < 1e-11


def test_exact_zeros_from_lambda_max_up():
    """At λ_max and above every coefficient is exactly 0; just below, one is not."""
    problem = LASSO.condition(*synthetic(80, 15))
    top = float(np.abs(problem.xy).max())
    path = br.path(problem, [2 * top, top * (1 + 1e-12), 0.999 * top])
    assert np.count_nonzero(path.b, axis=1).tolist() == [0, 0, 1]
    assert path.df.tolist() == [0, 0, 1]


def awkward():
    """Data that break a path, by name."""
    X, y = synthetic(40, 6)
    twins, zero, constant, signed = X.copy(), X.copy(), X.copy(), X.copy()
    twins[:, 3] = twins[:, 1]
    zero[:, 2] = 0.0
    constant[:, 4] = 5.0
    signed[:, 5] = -2.0 * signed[:, 0]
    rank = X @ np.random.default_rng(1).standard_normal((6, 9))
    return {
        "twins": (twins, y),
        "zero column": (zero, y),
        "constant column": (constant, y),
        "opposite": (signed, y),
        "collinear": (rank, y),
        "p = 1": (X[:, :1], y),
        "n = 2": (X[:2], y[:2]),
        "n = 2, p = 1": (X[:2, :1], y[:2]),
        "y = 0": (X, np.zeros(40)),
        "y constant": (X, np.full(40, 3.0)),
        "all zero": (np.zeros((40, 3)), y),
        "no noise": (X, X @ np.arange(6.0)),
        "tiny": (X * 1e-120, y * 1e-100),
        "wide twins": (np.hstack([X[:5], X[:5]]), y[:5]),
        "mixed scales": (X * np.logspace(-9, 9, 6), y),
    }


@pytest.mark.filterwarnings("ignore::bayesreg.language.errors.BayesregWarning")
@pytest.mark.parametrize("l1_ratio", [None, 0.5])
@pytest.mark.parametrize("name", awkward())
def test_awkward_data(name, l1_ratio):
    """Certified at every λ; a column that does not vary is exactly zero."""
    X, y = awkward()[name]
    problem = LASSO.condition(X, y)
    path = br.path(problem, n=15, l1_ratio=l1_ratio)
    assert path.b.shape == (15, X.shape[1])
    assert all(one.ok for one in path.certificates), [str(one) for one in path.certificates]
    assert not np.any(path.b[:, np.ptp(X, axis=0) == 0])
    for k in (4, 14):
        fit = br.fit_map(path.ray.at(path.lam[k]))
        assert path.objective[k] <= path.at(path.lam[k]).certificate.gap_limit + (
            _objective(fit) * (1 + 1e-9)
        )


def _objective(fit):
    """J of a fit, on the rows."""
    problem = fit.problem
    residual = problem.yy - 2 * fit.b @ problem.xy + fit.b @ problem.gram @ fit.b
    return 0.5 * residual + problem.l1 @ np.abs(fit.b) + 0.5 * problem.l2 @ fit.b**2


def test_weights_flat_columns_relative_scales_and_locations():
    """A path is one of the problem as it is: frequencies, Flat columns, λ per column, loc."""
    X, y = synthetic(60, 8)
    weights = np.random.default_rng(2).integers(0, 4, 60)
    prior = {"x1": br.Flat(), ...: br.Laplace(1.0, loc=0.3, relative=[1, 2, 3, 4, 5, 6, 7.0])}
    path = br.path(br.Model(prior, br.Gaussian(1.0)).condition(X, y, weights=weights), n=12)
    again = br.Model(prior, br.Gaussian(1.0)).condition(
        np.repeat(X, weights, axis=0), np.repeat(y, weights)
    )
    other = br.path(again, path.lam)
    np.testing.assert_allclose(other.beta, path.beta, rtol=1e-8, atol=1e-10)
    assert all(one.ok for one in path.certificates)
    assert path.summary()["sklearn"].isna().all()
    fit = br.fit_map(path.ray.at(path.lam[6]))
    np.testing.assert_allclose(path.beta.iloc[6], fit.beta, rtol=1e-9, atol=1e-12)


@pytest.mark.filterwarnings("ignore::bayesreg.language.errors.BayesregWarning")
def test_degrees_of_freedom():
    """The rank of the active columns; on a ray the trace of the hat matrix on them."""
    X, y = synthetic(70, 9)
    X[:, 8] = X[:, 0]
    problem = LASSO.condition(X, y)
    path = br.path(problem, n=20)
    rank = [np.linalg.matrix_rank(problem.gram[np.ix_(A, A)]) if any(A) else 0 for A in path.b != 0]
    assert path.df.tolist() == rank
    ray = br.path(problem, [5.0], l1_ratio=0.5)
    A = np.flatnonzero(ray.b[0])
    G = problem.gram[np.ix_(A, A)]
    expected = np.trace(np.linalg.solve(G + 2.5 * np.eye(len(A)), G))
    assert ray.df[0] == pytest.approx(expected, rel=1e-10)


def test_a_guide_changes_the_way_and_not_the_result():
    """A good one, a useless one, and one that is wrong in every sign."""
    for shape in ((100, 30), (30, 80)):
        problem = LASSO.condition(*synthetic(*shape))
        lams = default_lams(problem, 20)
        b, _ = solve_path(problem, lams, 1.3)
        noise = np.random.default_rng(0).standard_normal(b.shape)
        for guide in (b, -b, noise, np.zeros_like(b)):
            again, _ = solve_path(problem, lams, 1.3, guide=guide)
            assert unit_difference(problem, again, b) < 1e-10


def test_where_faces_do_not_lead_coordinate_descent_goes_on(monkeypatch):
    """Every other λ refused: the same path."""
    problem = LASSO.condition(*synthetic(60, 12))
    unit, lams = problem.quadratic.unit, default_lams(problem, 20)
    l1, l2 = unit.penalties(*Ray.of(problem, 1.3).penalties(lams))
    expected, _ = continuation.solve(unit, l1, l2)
    settle, calls, descents = continuation.settle, [], []
    minimise = coordinate_descent.minimise

    def refuse(face, one):
        calls.append(1)
        return settle(face, one) if len(calls) % 2 else None

    def descend(*args):
        descents.append(1)
        return minimise(*args)

    monkeypatch.setattr(continuation, "settle", refuse)
    monkeypatch.setattr(coordinate_descent, "minimise", descend)
    again, df = continuation.solve(unit, l1, l2)
    np.testing.assert_allclose(again, expected, atol=1e-12)
    assert len(descents) == np.isnan(df).sum() > 2


def test_at_is_the_certified_optimum_between_points():
    """Equal to fit_map there, under the prior that this λ is; bad λ's are named."""
    problem = LASSO.condition(*synthetic(60, 12))
    for ratio in (None, 0.5, 0.0):
        path = br.path(problem, n=5, l1_ratio=ratio)
        lam = float(np.sqrt(path.lam[2] * path.lam[3]))
        fit = path.at(lam)
        assert fit.certificate.ok
        assert unit_difference(problem, fit.b, br.fit_map(fit.problem).b) < 1e-11
        for bad in (0.0, -1.0, np.nan, "x"):
            with pytest.raises(BadArgument, match="lams"):
                path.at(bad)


def test_knots_lie_between_the_points():
    """The path is their interpolation; where λ₂ moves with λ there are none."""
    problem = LASSO.condition(*synthetic(60, 12))
    path = br.path(problem, n=30)
    np.testing.assert_allclose(path.knots.at(path.lam), path.b, atol=1e-10 * np.abs(path.b).max())
    with pytest.raises(NotSupported, match="linear between knots"):
        _ = br.path(problem, n=5, l1_ratio=0.5).knots


def test_frame_says_what_each_lambda_means():
    """Scale, scikit-learn's alpha, and one column per coefficient, whatever its name."""
    X, y = synthetic(60, 3)
    import pandas as pd

    frame = pd.DataFrame(X, columns=["gap", "df", "scale"])
    path = br.path(LASSO.condition(frame, y, standardize=True), n=4)
    table = path.summary()
    assert list(table.columns)[-3:] == ["beta[gap]", "beta[df]", "beta[scale]"]
    np.testing.assert_allclose(table["sklearn"], path.lam / 60)
    np.testing.assert_allclose(table["scale"], 1.3**2 / path.lam)
    assert table["certified"].all()
    assert table["nonzero"].tolist() == (path.b != 0).sum(axis=1).tolist()


def test_scale_needs_sigma():
    """NaN where σ is unknown and λ = σ²/scale; a Normal prior in units of σ does without."""
    X, y = synthetic(60, 3)
    assert np.isnan(br.path(br.Model(br.Laplace()).condition(X, y), n=3).scale).all()
    ridge = br.path(br.Model(br.Normal()).condition(X, y), [4.0])
    assert ridge.scale.tolist() == [0.5]
    assert np.isnan(br.path(br.Model(br.Normal()).condition(X, y), [4.0], l1_ratio=0.5).scale[0])


@pytest.mark.parametrize(
    "arguments, named",
    [
        ({"lams": [1.0, -2.0]}, r"lams\[1\] = -2"),
        ({"lams": [0.0]}, "lams"),
        ({"lams": [np.nan]}, "lams"),
        ({"lams": []}, "lams"),
        ({"n": 0}, "n must"),
        ({"ratio": 0.0}, "ratio"),
        ({"ratio": 1.0}, "ratio"),
        ({"ratio": "a"}, "ratio"),
        ({"lams": [1.0], "ratio": 0.1}, "ratio"),
        ({"l1_ratio": 1.5}, "l1_ratio"),
        ({"l1_ratio": -0.1}, "l1_ratio"),
        ({"l1_ratio": True}, "l1_ratio"),
    ],
)
def test_bad_arguments_are_named(arguments, named):
    with pytest.raises(BadArgument, match=named):
        br.path(LASSO.condition(*synthetic(20, 3)), **arguments)


def test_ratio_is_the_smallest_over_the_largest():
    path = br.path(LASSO.condition(*synthetic(40, 5)), n=7, ratio=0.05)
    assert path.lam[-1] / path.lam[0] == pytest.approx(0.05)
