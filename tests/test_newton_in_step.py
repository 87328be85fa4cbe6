"""Laws of paths in step: those of one λ after the other, from any start, and lassos by faces."""

from __future__ import annotations

import numpy as np
import pytest

import bayesreg as br
from bayesreg.criteria import cross_validate
from bayesreg.solvers import loss_gaps, newton, newton_in_step
from bayesreg.solvers.base import distance
from bayesreg.solvers.certificate import certify
from bayesreg.solvers.groups import group_sums, members_of
from bayesreg.solvers.path import default_lams
from tests.test_damped_newton import KINDS, problem_of

pytestmark = pytest.mark.filterwarnings("ignore::bayesreg.language.errors.BayesregWarning")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("prior", [br.Laplace(), br.Normal(), br.ElasticNet()])
def test_in_step_is_one_after_another(kind, prior, monkeypatch):
    """The same optima, zeros and degrees of freedom, all certified."""
    problem = problem_of(kind, {"x1": br.Flat(), ...: prior}, standardize=kind != "Poisson")
    assert newton_in_step.serves(problem.loss, 20)
    found = br.path(problem, n=20)
    monkeypatch.setattr(newton_in_step, "ROWS", 0)
    other = br.path(problem, n=20)
    assert all(one.ok for one in found.certificates)
    np.testing.assert_array_equal(found.b == 0.0, other.b == 0.0)
    np.testing.assert_allclose(found.b, other.b, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(found.df, other.df, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(found.intercept, other.intercept, rtol=1e-8, atol=1e-9)


def test_a_rough_path_needs_no_guide():
    """From the optima of other rows and from b = 0 within what is left open; rough, not exact."""
    problem = problem_of("Bernoulli")
    lams = default_lams(problem, 10)
    l1, l2 = np.repeat(lams[:, None], problem.p, axis=1), np.zeros((10, problem.p))
    best = newton_in_step.minimise(problem.loss, l1, l2, None, enough=None)
    far = np.full((10, 1 + problem.p), 5.0)
    open_ = 1e-6 * problem.loss.null_gap
    for start in (None, far, best.x):
        found = newton_in_step.minimise(problem.loss, l1, l2, start, enough=open_)
        assert found.rested.all()
        J = [
            [problem.loss.beside(x[1:], x[:1]).value + lam * np.abs(x[1:]).sum() for x in one]
            for one, lam in zip(np.stack([found.x, best.x], axis=1), lams, strict=True)
        ]
        more = np.subtract(*np.transpose(J))
        assert np.all(more >= -1e-12 * np.abs(J).max())
        assert np.all(more <= open_)


def test_lassos_by_faces_are_optima():
    """The conditions of optimality hold at each, and not at one that was moved."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((30, 12, 8)) + rng.standard_normal((30, 12, 1))
    system, right = np.swapaxes(X, 1, 2) @ X, 10.0 * rng.standard_normal((30, 8))
    l1 = np.repeat(np.geomspace(0.1, 20.0, 30)[:, None], 8, axis=1)
    l1[:, 0] = 0.0
    z, found = newton_in_step.lassos(system, right, l1, rng.standard_normal((30, 8)))

    def left(z):
        return np.max(distance(right - np.einsum("lij,lj->li", system, z), l1, z), axis=1)

    assert found.all()
    assert np.any(z == 0.0)
    assert np.all(left(z) < 1e-10)
    assert np.all(left(z + 1e-6) > 1e-8)


def test_folds_find_what_a_certified_path_would():
    """Deviances of cross-validation in step are those of optima at rounding."""
    problem = problem_of("Poisson", n=60)
    lams = default_lams(problem, 8)
    found = cross_validate(problem, lams, 1.0, folds=3)
    for fold, errors in zip(found.folds, found.fold_error, strict=True):
        train = problem.on_rows(np.setdiff1d(np.arange(60), fold))
        walk = br.path(train, lams)
        test = problem.design.take(fold)
        eta, facts = test.points.under(walk.beta.to_numpy(), walk.intercept.to_numpy(), {}, axis=-1)
        density = problem.likelihood.log_density(test.y, eta, facts | problem.known)
        np.testing.assert_allclose(errors, -2.0 * density.mean(axis=1), rtol=1e-5)


def test_a_path_without_convexity_says_that_it_follows_one_optimum():
    """Rows of two lines: `fit_map` sees both optima, a path says that it follows one."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((40, 1))
    y = np.where(np.arange(40) < 16, -3.0, 3.0) * x[:, 0] + 0.2 * rng.standard_normal(40)
    problem = br.Model(br.Laplace(1.0), br.StudentTNoise(df=2, sigma=0.2)).condition(x, y)
    walk = br.path(problem, [0.01, 0.1])
    words = "one optimum is followed"
    assert all(one.ok and words in one.why for one in walk.certificates)
    assert words in walk.at(0.05).certificate.why
    assert "one local optimum followed" in repr(walk)
    assert "2 distinct optima seen" in br.fit_map(problem).certificate.why
    assert words not in br.path(problem_of("Bernoulli"), [1.0]).certificates[0].why


@pytest.mark.parametrize("kind", KINDS)
def test_a_group_lasso_path_is_each_of_its_problems(kind):
    """Solved and certified together as one by one; one that is moved is refused."""
    prior = br.Laplace(groups=[["x1", "x2", "x3"], ["x4", "x5"]])
    problem = problem_of(kind, prior)
    walk = br.path(problem, n=8)
    assert all(one.ok for one in walk.certificates)
    for k, lam in enumerate(walk.lam):
        alone = walk.ray.at(lam)
        one = newton.solve(alone)
        np.testing.assert_allclose(walk.b[k], one.b, atol=1e-8)
        np.testing.assert_array_equal(walk.b[k] == 0.0, one.b == 0.0)
    moved = walk.b + 1e-4 * np.std(walk.b)
    l1, l2 = walk.ray.penalties(walk.lam)
    members = members_of(problem.blocks[0])
    eta, *bends = problem.loss.settled(moved)
    found = loss_gaps.gaps(problem.loss, moved, eta, tuple(bends), l1, l2, members)
    for k, lam in enumerate(walk.lam):
        alone = problem.loss.at(moved[k])
        more = alone.value + lam * group_sums(problem, moved[[k]])[0] - walk.objective[k]
        assert found[k] >= more > 0.0
        np.testing.assert_allclose(
            found[k], loss_gaps.gap(problem.loss, alone, l1[k], l2[k], members), rtol=1e-5
        )
        assert not certify(walk.ray.at(lam), moved[k]).ok


def test_an_elastic_net_of_groups_is_certified():
    """λ₁ of norms of groups beside λ₂."""
    prior = br.Laplace(groups=[["x1", "x2", "x3"], ["x4", "x5"]])
    walk = br.path(problem_of("Bernoulli", prior), n=6, l1_ratio=0.5)
    assert all(one.ok for one in walk.certificates)


@pytest.mark.parametrize("likelihood", [br.Bernoulli(), br.Poisson()], ids=repr)
def test_indicators_of_every_level_leave_no_point_without_degrees_of_freedom(likelihood):
    """Columns that add up to the intercept: every λ is reached, and its df are a rank."""
    rng = np.random.default_rng(5)
    two, three = rng.integers(0, 2, 120), rng.integers(0, 3, 120)
    levels = [two == 0, two == 1, three == 0, three == 1, three == 2]
    X = np.column_stack([*levels, rng.standard_normal(120)]).astype(float)
    y = (rng.random(120) < 1.0 / (1.0 + np.exp(-(2 * two - 1 + X[:, 5])))).astype(float)
    problem = br.Model(br.Laplace(), likelihood).condition(X, y, standardize=True)
    path = br.path(problem)
    assert all(one.ok for one in path.certificates)
    kept = [np.linalg.matrix_rank(np.column_stack([np.ones(120), X[:, b != 0.0]])) for b in path.b]
    np.testing.assert_array_equal(path.df, np.array(kept) - 1.0)
    in_step = newton_in_step.minimise(
        problem.loss, *path.ray.penalties(path.lam), None, enough=None
    )
    assert in_step.rested.all()
    assert np.max(np.count_nonzero(path.b, axis=1)) == 4  # a level of each factor stays out
    assert br.choose(problem, by="bic")["bic"].lam < np.max(path.lam) / 2.0
