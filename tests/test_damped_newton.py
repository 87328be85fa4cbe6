"""Laws of paths on kept moments: dual points, digits, zeros, invariances, and criteria on them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import expit

import bayesreg as br
from bayesreg.criteria import cross_validate
from bayesreg.criteria.curvature_criteria import curvature_criteria
from bayesreg.language.errors import BadData, NotSupported
from bayesreg.solvers import damped_newton, loss_gaps, newton_in_step
from bayesreg.solvers.certificate import certify
from bayesreg.solvers.kept_curvature import Columns, Curvature
from bayesreg.solvers.path import Ray

pytestmark = pytest.mark.filterwarnings("ignore::bayesreg.language.errors.BayesregWarning")

KINDS = ("Bernoulli", "Binomial", "Poisson", "NegativeBinomial")


@pytest.fixture(autouse=True)
def _one_after_another(monkeypatch):
    """The problems here are small enough to be solved in step, which has tests of its own."""
    monkeypatch.setattr(newton_in_step, "ROWS", 0)


def data(kind, n=80, p=6, seed=0):
    """X, y, the likelihood and what else `condition` takes: offsets, and trials where they are."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p)) + 0.6 * rng.standard_normal((n, 1))
    offset = 0.3 * rng.standard_normal(n)
    eta = offset + X[:, 0] - 0.7 * X[:, -1] * (p > 1)
    known = {"offset": offset}
    if kind == "Bernoulli":
        return X, (rng.random(n) < expit(eta)).astype(float), br.Bernoulli(), known
    if kind == "Binomial":
        trials = rng.integers(1, 9, n).astype(float)
        y = rng.binomial(trials.astype(int), expit(eta)).astype(float)
        return X, y, br.Binomial(), known | {"trials": trials}
    y = rng.poisson(np.exp(0.5 * eta)).astype(float)
    return X, y, br.Poisson() if kind == "Poisson" else br.NegativeBinomial(2.0), known


def problem_of(kind, prior=None, *, standardize=True, **sizes):
    X, y, likelihood, known = data(kind, **sizes)
    model = br.Model(prior or br.Laplace(), likelihood)
    return model.condition(X, y, standardize=standardize, **known)


def objective(problem, lam, b):
    """J of a lasso, the rest at its best."""
    return problem.loss.at(b).value + lam * np.abs(b).sum()


# --- the dual point that a step predicts -------------------------------------------------------


def predicted(problem, lam, b, h_of=None):
    """b after a lasso about b on moments at η (or elsewhere), and the gap at the predicted u⁺."""
    loss = problem.loss
    at = loss.at(b)
    u, h = loss.bends(at.eta if h_of is None else h_of)
    columns = Columns.of(loss.proper, loss.free, np.full((1, len(b)), lam))
    curve = Curvature(columns, np.arange(len(b)), h, np.zeros(loss.free.shape[1]))
    rest = columns.smooth @ u
    slope = columns.kinked @ u - curve.along.T @ rest
    H = curve.gram * np.outer(curve.norms, curve.norms)
    root = np.linalg.cholesky(H).T
    target = np.linalg.solve(root.T, H @ b - slope)
    square = br.Model(br.Laplace(1.0 / lam), br.Gaussian(1.0)).condition(
        root, target, intercept=False
    )
    new = br.fit_map(square).b
    step = -curve.solved(rest + curve.cross @ (new - b))
    move = (new - b) @ columns.kinked + step @ columns.smooth
    point = u + curve.h * move
    gap = loss.weights @ loss.likelihood.fenchel_young(
        loss.y, at.eta + move, point / loss.weights, loss.theta
    )
    return new, at.eta + move, point, float(gap)


@pytest.mark.parametrize("kind", KINDS)
def test_the_gap_at_the_predicted_dual_point_bounds_what_is_left(kind):
    """From anywhere, with moments of anywhere; of fourth order in the distance from the optimum."""
    problem = problem_of(kind)
    lam = 0.2 * float(np.abs(problem.pull).max())
    best = br.path(problem, [lam]).b[0]
    least = objective(problem, lam, best)
    rng = np.random.default_rng(1)
    away, loss = rng.standard_normal(len(best)), problem.loss
    gaps = []
    for size in (1.0, 0.1, 0.01):
        elsewhere = loss.at(best + size * rng.standard_normal(len(best))).eta
        for h_of in (None, elsewhere):
            new, eta, point, gap = predicted(problem, lam, best + size * away, h_of)
            at = -loss.likelihood.log_density(loss.y, eta, loss.theta) @ loss.weights
            gain = at + lam * np.abs(new).sum() - least
            assert gap >= gain - 1e-11 * (1.0 + abs(least))
            # u⁺ is feasible: γ at its best, and no slope beyond λ.
            assert np.all(np.abs(loss.free.T @ point) <= 1e-9 * np.abs(point).sum())
            assert np.max(np.abs(loss.proper.T @ point)) <= lam * (1.0 + 1e-9)
            gaps += [gap] if h_of is None else []
    assert gaps[2] < 1e-3 * gaps[1]  # a tenth of the distance; of second order it would be 1e-2
    # Negative control: the slopes at the new η have no gap to it, and are no point of the dual.
    new, eta, _, gap = predicted(problem, lam, best + away)
    slopes, _ = loss.bends(eta)
    assert np.max(np.abs(loss.proper.T @ slopes)) > lam * (1.0 + 1e-6)
    assert min(objective(problem, lam, new) - least, gap) > 1e-9


@pytest.mark.parametrize("kind", KINDS)
def test_the_gap_at_the_point_of_the_dual_beside_any_b_is_a_bound(kind):
    """`beside`: near, far, and with a wrong column; sharper than what scaling leaves."""
    problem = problem_of(kind)
    lam = 0.2 * float(np.abs(problem.pull).max())
    best = br.path(problem, [lam]).b[0]
    least = objective(problem, lam, best)
    rng = np.random.default_rng(2)
    l1, l2 = np.full(len(best), lam), np.zeros(len(best))
    for size in (1e-8, 1e-4, 1e-2, 1.0):
        b = best + size * rng.standard_normal(len(best))
        gain = objective(problem, lam, b) - least
        bound = loss_gaps.beside(problem.loss, problem.loss.at(b), l1, l2)
        assert bound >= gain - 1e-11 * least
    near = problem.loss.at(best * (1.0 + 1e-6))
    sharp, plain = (one(problem.loss, near, l1, l2) for one in (loss_gaps.beside, loss_gaps.gap))
    assert sharp < 0.1 * plain


@pytest.mark.parametrize("size, weight", [(1e8, 1.0), (1.0, 1e12)], ids=["columns", "weights"])
@pytest.mark.parametrize("name", ["Poisson", "NegativeBinomial", "Bernoulli", "LaplaceNoise"])
def test_a_penalty_beside_which_slopes_are_large_is_certified(name, size, weight):
    """The limit in which a prior says nothing; slopes a hundred times those allowed are refused."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 3))
    eta = 0.5 + X @ [0.8, -0.5, 0.0]
    y, likelihood = {
        "Poisson": (rng.poisson(np.exp(eta)), br.Poisson()),
        "NegativeBinomial": (rng.poisson(np.exp(eta)), br.NegativeBinomial(2.0)),
        "Bernoulli": ((rng.random(60) < 0.5) * 1.0, br.Bernoulli()),
        "LaplaceNoise": (eta + rng.laplace(size=60), br.LaplaceNoise(1.0)),
    }[name]
    flat = br.fit_map(br.Model(br.Flat(), likelihood).condition(X, y))
    for prior in (br.Normal(1.0), br.Laplace(1.0)):
        problem = br.Model(prior, likelihood).condition(X * size, y, weights=np.full(60, weight))
        fit = br.fit_map(problem)
        assert fit.certificate.ok
        np.testing.assert_allclose(fit.beta * size, flat.beta, rtol=1e-6, atol=1e-6)
        assert not certify(problem, fit.b * (1.0 + 1e-8)).ok


# --- digits ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("prior", [br.Laplace(), br.ElasticNet(mix=0.5), br.Normal()], ids=repr)
def test_a_path_is_its_single_fits(kind, prior):
    """1e-9 of a coefficient, the zeros identical; every point certified."""
    problem = problem_of(kind, prior)
    path = br.path(problem, n=25)
    assert all(one.ok for one in path.certificates)
    for k in (2, 9, 17, 24):
        alone = br.fit_map(problem.given(scale=path.scale[k]))
        np.testing.assert_array_equal(alone.b == 0.0, path.b[k] == 0.0)
        np.testing.assert_allclose(path.b[k], alone.b, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n, p", [(80, 6), (30, 60)], ids=["tall", "wide"])
def test_zeros_and_digits_are_those_of_extended_precision(kind, n, p):
    """Newton's method in long double on the support; no other column's slope reaches λ."""
    problem = problem_of(kind, n=n, p=p)
    path = br.path(problem, n=12, ratio=0.05)
    loss = problem.loss
    assert all(one.ok for one in path.certificates)
    for lam, b in zip(path.lam[3::3], path.b[3::3], strict=True):
        active = np.flatnonzero(b)
        M = np.hstack([loss.free, loss.proper[:, active]]).astype(np.longdouble)
        signs = np.concatenate([[0.0], lam * np.sign(b[active])])
        x = np.concatenate([loss.at(b).free, b[active]]).astype(np.longdouble)
        for _ in range(6):
            eta = loss.offset + M @ x
            u, h = loss.bends(eta)
            system = (M.T @ (h[:, None] * M)).astype(float)
            x -= np.linalg.solve(system, (M.T @ u + signs).astype(float))
        np.testing.assert_allclose(b[active], x[1:].astype(float), rtol=1e-8, atol=1e-10)
        assert np.all(np.sign(x[1:]) == np.sign(b[active]))
        rest = np.abs(loss.proper.T @ u.astype(float))
        rest[active] = 0.0
        assert rest.max() <= lam * (1.0 + 1e-9)


def test_a_step_short_is_not_certified(monkeypatch):
    """Negative control: without polishing slopes are left, and the certificates see them."""
    problem = problem_of("Bernoulli")
    l1, l2 = Ray.of(problem, 1.0).penalties(np.array([4.0, 1.0]))
    rough = damped_newton.minimise(problem.loss, l1, l2, fine=False)
    from bayesreg.solvers.path_certificate import certify_loss_path

    ray = Ray.of(problem, 1.0)
    judged = certify_loss_path(problem, l1, l2, 1.001 * rough.b, at=lambda k: ray.at([4.0, 1.0][k]))
    assert not any(one.ok for one in judged)


# --- invariances -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_units_order_and_copies_do_not_matter(kind):
    """Shifted, rescaled and permuted columns; rows written out for weights."""
    X, y, likelihood, known = data(kind)
    model = br.Model(br.Laplace(), likelihood)
    plain = model.condition(X, y, standardize=True, **known)
    lams = np.geomspace(0.5, 0.02, 6) * float(np.abs(plain.pull).max())
    path = br.path(plain, lams)
    a, shift = np.array([1e-4, 3.0, -2.0, 1e5, 1.0, 0.3]), np.array([1e3, 0, -5, 1e6, 2, 0.0])
    moved = br.path(model.condition(X * a + shift, y, standardize=True, **known), lams)
    np.testing.assert_allclose(moved.beta * a, path.beta, rtol=1e-7, atol=1e-10)
    order = np.array([4, 2, 0, 5, 1, 3])
    turned = br.path(model.condition(X[:, order], y, standardize=True, **known), lams)
    np.testing.assert_allclose(turned.b, path.b[:, order], rtol=1e-9, atol=1e-12)

    weights = np.random.default_rng(3).integers(1, 4, len(y)).astype(float)
    rows = np.repeat(np.arange(len(y)), weights.astype(int))
    heavy = br.path(model.condition(X, y, standardize=True, weights=weights, **known), lams)
    written = {key: value[rows] for key, value in known.items()}
    copies = br.path(model.condition(X[rows], y[rows], standardize=True, **written), lams)
    np.testing.assert_allclose(heavy.b, copies.b, rtol=1e-8, atol=1e-11)
    assert not np.allclose(heavy.b, path.b, rtol=1e-3)


@pytest.mark.parametrize("prior", [br.Laplace(), br.Normal()], ids=repr)
def test_huge_counts_are_certified(prior):
    """Counts of 1e12 beside counts of one."""
    rng = np.random.default_rng(4)
    X = rng.standard_normal((40, 3))
    y = np.floor(np.exp(14.0 + 6.0 * X[:, 0] + rng.standard_normal(40)))
    y[0] = 1e12
    path = br.path(br.Model(prior, br.Poisson()).condition(X, y, standardize=True), n=15)
    assert all(one.ok for one in path.certificates), [one.why for one in path.certificates]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("prior", [br.Laplace(), br.Normal(), br.ElasticNet(mix=0.4)], ids=repr)
@pytest.mark.parametrize("p", [5, 60])
def test_whatever_the_lams_and_the_columns_a_path_is_certified(kind, prior, p):
    """λ's rising, one far down, duplicate columns, sds from 1e-4 to 1e4, offsets of 1e3."""
    X, y, likelihood, known = data(kind, n=40, p=p)
    model, down = br.Model(prior, likelihood), np.geomspace(20.0, 0.05, 8)
    far = known | {"offset": known["offset"] + 1e3}
    for columns, lams, facts, same in (
        (X, [1e-2, 1.0, 100.0, 1e9, 0.5], known, True),
        (X, [1e-3], known, True),
        (np.hstack([X, X[:, :2]]), down, known, True),
        (X * np.geomspace(1e-4, 1e4, p), down, known, False),
        (X, down, far, True),
    ):
        problem = model.condition(columns, y, standardize=same, **facts)
        path = br.path(problem, lams)
        assert all(one.ok for one in path.certificates), [one.why for one in path.certificates]


@pytest.mark.parametrize("prior", [br.Laplace(), br.Normal(), br.ElasticNet(mix=0.4)], ids=repr)
def test_flat_columns_weights_and_no_intercept(prior):
    """Certified at every λ, with a Flat column's slope at rest."""
    X, y, likelihood, known = data("Bernoulli")
    weights = np.linspace(0.5, 3.0, len(y))
    named = {"x1": br.Flat(), ...: prior}
    problem = br.Model(named, likelihood).condition(X, y, weights=weights, **known)
    path = br.path(problem, n=10)
    assert all(one.ok for one in path.certificates)
    eta = known["offset"][:, None] + X @ path.beta.to_numpy().T + path.intercept.to_numpy()
    slopes = np.column_stack([np.ones(len(y)), X[:, 0]]).T @ (
        weights[:, None] * (expit(eta) - y[:, None])
    )
    assert np.abs(slopes).max() <= 1e-8 * weights.sum()
    bare = br.Model(prior, likelihood).condition(X, y, intercept=False, **known)
    assert all(one.ok for one in br.path(bare, n=10).certificates)


# --- criteria ----------------------------------------------------------------------------------


def test_leave_one_out_to_first_order_is_nearly_exact():
    """Ridge against a refit without each row: much nearer than the fit to the row itself."""
    problem = problem_of("Bernoulli", br.Normal(), standardize=False)
    lams = np.array([2.0, 10.0])
    path = br.path(problem, lams)
    found = curvature_criteria(problem, *path.ray.penalties(lams), path.b).loo
    exact = cross_validate(problem, lams, 1.0, folds=[[i] for i in range(80)]).error
    inside = [2.0 * problem.loss.at(b).value / 80 for b in path.b]
    assert np.all(np.abs(found - exact) < 0.05 * np.abs(exact - inside))


@pytest.mark.parametrize("kind", KINDS)
def test_laplace_evidence_is_the_integral(kind):
    """One column, no intercept: against quadrature; more rows, nearer."""
    errors = []
    for n in (30, 480):
        X, y, likelihood, known = data(kind, n=n, p=1)
        problem = br.Model(br.Normal(), likelihood).condition(X, y, intercept=False, **known)
        lams = np.array([0.5, 20.0])
        path = br.path(problem, lams)
        found = curvature_criteria(problem, *path.ray.penalties(lams), path.b).log_evidence
        for lam, b, value in zip(lams, path.b[:, 0], found, strict=True):

            def joint(x, lam=lam, problem=problem):
                half = 0.5 * np.log(lam / (2.0 * np.pi)) - 0.5 * lam * x * x
                return -problem.loss.at(np.array([x])).value + half

            top, wide = joint(b), 12.0 / np.sqrt(lam + 0.05 * n)
            area = quad(lambda x, top=top: np.exp(joint(x) - top), b - wide, b + wide, limit=200)
            errors.append(abs(value - top - np.log(area[0])))
    assert max(errors[:2]) < 0.1
    assert max(errors[2:]) < 0.01


def test_evidence_of_more_columns_than_rows_is_that_of_all_columns():
    """Row space or not: by the determinant in full."""
    problem = problem_of("Bernoulli", br.Normal(), n=20, p=30)
    lams = np.array([1.0, 8.0])
    path = br.path(problem, lams)
    found = curvature_criteria(problem, *path.ray.penalties(lams), path.b)
    loss = problem.loss
    for lam, b, value in zip(lams, path.b, found.log_evidence, strict=True):
        at = loss.at(b)
        M = np.hstack([loss.free, loss.proper])
        H = M.T @ (loss.bends(at.eta)[1][:, None] * M) + np.diag([0.0] + [lam] * 30)
        density = -at.value + 15.0 * np.log(lam) - 0.5 * lam * b @ b + 0.5 * np.log(2.0 * np.pi)
        assert value == pytest.approx(density - 0.5 * np.linalg.slogdet(H)[1], rel=1e-9)


def test_bic_counts_trials():
    """Grouped rows of trials and their expansion have one BIC but for log C(m, y)."""
    X, y, likelihood, known = data("Binomial", n=30)
    grouped = br.Model(br.Laplace(), likelihood).condition(X, y, standardize=False, **known)
    m = known["trials"].astype(int)
    rows = np.repeat(np.arange(30), m)
    ones = np.concatenate([np.arange(k) < s for k, s in zip(m, y, strict=True)]).astype(float)
    single = br.Model(br.Laplace(), br.Bernoulli()).condition(
        X[rows], ones, offset=known["offset"][rows]
    )
    lams = np.array([1.0, 3.0])
    both = []
    for problem in (grouped, single):
        path = br.path(problem, lams)
        from bayesreg.criteria import information_criteria

        found = information_criteria(problem, lams, path.b, path.df)
        both.append(found.bic - found.deviance)
    np.testing.assert_allclose(both[0], both[1], rtol=1e-9)


@pytest.mark.parametrize("kind", ["Bernoulli", "Poisson"])
def test_folds_hold_every_kind_of_row(kind):
    """Classes, and zero and positive counts, are spread over the folds of every repeat."""
    problem = problem_of(kind)
    found = cross_validate(problem, [1.0, 5.0], 1.0, folds=8, repeats=2, seed=1)
    few = problem.design.y > 0.0
    counts = [int(few[rows].sum()) for rows in found.folds]
    assert len(counts) == 16
    assert max(counts) - min(counts) <= 1
    sizes = [len(rows) for rows in found.folds]
    assert max(sizes) - min(sizes) <= 1
    assert found.lam_1se >= found.lam


def test_a_training_set_of_one_class_is_refused():
    X, y, likelihood, known = data("Bernoulli")
    problem = br.Model(br.Laplace(), likelihood).condition(X, y, **known)
    with pytest.raises(BadData, match="training set of split 0"):
        cross_validate(problem, [1.0], 1.0, folds=[np.flatnonzero(y == 1.0), [0, 1]])


def test_a_path_needs_what_the_loss_depends_on():
    X, y, _, _ = data("NegativeBinomial")
    problem = br.Model(br.Laplace(), br.NegativeBinomial()).condition(X, y)
    with pytest.raises(NotSupported, match=r"problem.at\(shape="):
        Ray.of(problem, 1.0)
    assert all(one.ok for one in br.path(problem.at(shape=2.0), n=5).certificates)


def test_choose_weighs_what_applies():
    """Laplace's evidence and ALO by name for Normal; neither evidence for the lasso."""
    few = {"n": 15, "folds": 4, "repeats": 2}
    ridge = br.choose(problem_of("Poisson", br.Normal(1.0)), **few)
    assert {"evidence", "loo", "cv", "cv-1se", "aic", "bic"} <= set(ridge.rules)
    assert "Laplace" in ridge.rules["evidence"].optimises
    assert "first order" in ridge.rules["loo"].optimises
    lasso = br.choose(problem_of("Poisson", br.Laplace(1.0)), **few)
    assert {"loo", "cv", "aic", "bic", "ebic"} <= set(lasso.rules)
    assert "Laplace's approximation" in lasso.left_out["evidence"]


def test_the_case_table_has_what_it_says():
    assert [type(data(kind)[2]).__name__ for kind in KINDS] == list(KINDS)
    assert dataclasses.is_dataclass(damped_newton.Optima)
