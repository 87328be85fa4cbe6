"""Laws of the group lasso: its penalty, its certificate, and its optimum by other routes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy import stats
from scipy.integrate import quad

import bayesreg as br
from bayesreg.language.errors import NotSupported
from bayesreg.solvers import coordinate_descent, group_descent
from bayesreg.solvers.certificate import certify
from bayesreg.solvers.groups import Groups
from tests.cases import CASES, Case

Array = NDArray[np.float64]
SIGMA = 54.0
GROUPS = [["age", "sex", "bmi"], ["s1", "s2", "s3", "s4"]]
# Zero columns, and raw columns of very unequal sds, are what some of these tests are about.
pytestmark = pytest.mark.filterwarnings("ignore::bayesreg.language.errors.BayesregWarning")


def diabetes(prior: Any = None, sigma: float | None = SIGMA, **options: Any) -> br.Problem:
    data = br.load_dataset("diabetes")
    prior = br.Laplace(**{"scale": 5.0, "groups": GROUPS} | options) if prior is None else prior
    return br.Model(prior, br.Gaussian(sigma)).condition(data.X, data.y, standardize=True)


def in_pairs(case: Case, scale: float) -> br.Problem:
    """A case whose columns are grouped two by two, the first with the last."""
    names = list(case.frame.columns)
    pairs = [[names[j], names[-1 - j]] for j in range(len(names) // 2)]
    model = br.Model(br.Laplace(scale, groups=pairs), br.Gaussian(1.0))
    return model.condition(
        case.frame,
        case.y,
        weights=case.weights,
        standardize=case.standardize,
        intercept=case.intercept,
    )


def objective(problem: br.Problem, b: Array) -> float:
    """J from its definition, on products of the data."""
    (block,) = problem.blocks
    l1 = np.broadcast_to(problem.penalty.l1, (problem.p,))
    norms = [np.linalg.norm((l1 * b)[block.columns[block.group == g]]) for g in set(block.group)]
    return 0.5 * float(problem.yy - 2 * problem.xy @ b + b @ problem.gram @ b) + float(sum(norms))


def proximal(problem: br.Problem, steps: int = 5_000) -> Array:
    """The optimum by accelerated proximal gradients, restarted (Beck & Teboulle 2009)."""
    (block,) = problem.blocks
    level, rate = problem.penalty.lam, 1.0 / np.linalg.eigvalsh(problem.gram)[-1]
    b = last = np.zeros(problem.p)
    momentum = 1.0
    for _ in range(steps):
        following = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * momentum**2))
        ahead = b + (momentum - 1.0) / following * (b - last)
        move = ahead + rate * (problem.xy - problem.gram @ ahead)
        norm = np.sqrt(np.bincount(block.group, np.square(move)))[block.group]
        new = move * np.maximum(1.0 - rate * level / np.maximum(norm, 1e-300), 0.0)
        momentum = 1.0 if (ahead - new) @ (new - b) > 0.0 else following
        b, last = new, b
    return b


@pytest.mark.parametrize("m", [1, 2, 5])
def test_the_density_of_a_group_is_that_of_its_norm(m: int) -> None:
    """∫ N(u; 0, tI) Gamma(t; (m+1)/2, ½) dt ∝ e^(−‖u‖): what engines draw is what J penalises."""

    def log_density(x: float, shape: float) -> float:
        law = stats.gamma(shape, scale=2.0)
        total, _ = quad(
            lambda y: np.exp(-0.5 * m * y - 0.5 * x * x * np.exp(-y) + law.logpdf(np.exp(y)) + y),
            -40.0, 12.0, limit=400, epsabs=0.0, epsrel=1e-10,
        )  # fmt: skip
        return float(np.log(total))

    x = np.array([0.3, 1.0, 2.0, 4.0])
    exact = np.array([log_density(one, 0.5 * (m + 1)) for one in x])
    assert np.ptp(exact + x) < 1e-8
    if m > 1:  # negative control: an exponential t has a density of another shape
        assert np.ptp(np.array([log_density(one, 1.0) for one in x]) + x) > 0.1
    sds = br.Laplace().sample_sds(np.random.default_rng(1), np.ones(20_000), np.array([m]))
    assert stats.kstest(sds[:, 0] ** 2, stats.gamma(0.5 * (m + 1), scale=2.0).cdf).pvalue > 1e-4


def test_the_objective_is_said_in_words() -> None:
    penalty = diabetes().penalty
    assert penalty.kind == "group lasso"
    assert penalty.lam == pytest.approx(SIGMA**2 / 5.0)
    assert "λ Σ_g‖b_g‖₂ with λ = σ²/scale = 583.2" in penalty.objective
    weighted = diabetes(relative=np.linspace(1.0, 2.0, 10)).penalty
    assert "λ Σ_g‖b_g/relative_g‖₂ with λ = σ²/scale = 583.2" in weighted.objective
    with pytest.raises(NotSupported, match="norms of groups"):
        penalty.to("sklearn.Lasso")


def test_groups_of_one_are_the_lasso() -> None:
    problem = diabetes(groups=None)
    lasso = coordinate_descent.solve(problem).b
    b = group_descent.solve(problem).b
    assert np.max(np.abs(b - lasso)) <= 1e-12 * np.max(np.abs(lasso))
    assert np.array_equal(b == 0.0, lasso == 0.0)


def test_orthonormal_groups_are_shrunk_along_themselves() -> None:
    """X'X = N I: b_g = (1 − λ/‖c_g‖)₊ c_g/N (Yuan & Lin 2006, eq. 2.4)."""
    two = np.array([[1.0, 1.0], [1.0, -1.0]])
    X = pd.DataFrame(np.kron(np.kron(two, two), two)[:, 1:], columns=list("abcdefg"))
    y = X @ np.array([3.0, 1.0, 0.2, -0.1, 2.0, 0.0, -2.0])
    model = br.Model(br.Laplace(0.5, groups=[["a", "b"], ["c", "d"], ["e", "f", "g"]]),
                     br.Gaussian(1.0))  # fmt: skip
    b = group_descent.solve(model.condition(X, y)).b
    c = X.to_numpy().T @ y.to_numpy()
    for part in (slice(0, 2), slice(2, 4), slice(4, 7)):
        shrunk = max(1.0 - 2.0 / float(np.linalg.norm(c[part])), 0.0) * c[part] / 8.0
        assert np.max(np.abs(b[part] - shrunk)) <= 1e-14
    assert not np.any(b[2:4])


@pytest.mark.parametrize("scale", [50.0, 5.0, 0.4])
def test_the_optimum_is_that_of_proximal_gradients(scale: float) -> None:
    problem = diabetes(scale=scale)
    b, other = group_descent.solve(problem).b, proximal(problem)
    assert np.max(np.abs(b - other)) <= 1e-8 * np.max(np.abs(b))  # first order, in products


@pytest.mark.parametrize("relative", [None, [1, 2, 3, 1, 1, 0.5, 1, 4, 1, 1]], ids=["even", "own"])
@pytest.mark.parametrize("scale", [500.0, 5.0, 0.5])
def test_three_routes_agree(scale: float, relative: Any) -> None:
    fit = br.fit_map(diabetes(scale=scale, relative=relative))
    assert fit.solver == "group_descent"
    assert fit.certificate.ok
    assert fit.correspondence.ok, fit.correspondence
    assert len(fit.correspondence.table) == 3


@pytest.mark.parametrize("scale", [500.0, 25.0, 5.0, 0.5])
def test_the_certificate_refuses_one_coefficient_moved(scale: float) -> None:
    """By 1e-4 of σ/√N: its sd given the others, no more than that of its posterior."""
    problem = diabetes(scale=scale)
    b = group_descent.solve(problem).b
    held = certify(problem, b)
    assert held.ok
    assert held.unique
    for j in range(10):
        moved = b.copy()
        moved[j] += 1e-4 * SIGMA / np.sqrt(442.0)
        refused = certify(problem, moved)
        assert not refused.ok
        assert refused.kkt > refused.kkt_limit


def test_the_gap_bounds_what_can_be_gained() -> None:
    """From anywhere, groups at zero or not; and it shrinks on the way to the optimum."""
    problem = diabetes(relative=np.linspace(0.5, 2.0, 10))
    best = group_descent.solve(problem).b
    least, rng, gaps = objective(problem, best), np.random.default_rng(3), []
    for size in np.geomspace(1e-3, 30.0, 40):
        b = best + size * rng.standard_normal(10) * (rng.random(10) < 0.7)
        b[:3] *= rng.random() < 0.8
        gap = certify(problem, b).gap
        gain = objective(problem, b) - least
        assert gap is not None
        assert gain <= gap * (1.0 + 1e-9)
        gaps.append(gap)
    assert gaps[0] < 1e-3 * gaps[-1]


@pytest.mark.parametrize("share", [1.1, 0.9, 0.2, 1e-3])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_asymmetric_data(case: Case, share: float) -> None:
    """Wide, collinear, zero, and of unequal scales: certified, and zero from λ_max on."""
    top = group_descent.largest_lam(in_pairs(case, 1.0))
    problem = in_pairs(case, 1.0 / (share * top))
    b = group_descent.solve(problem).b
    certificate = certify(problem, b)
    assert certificate.ok, certificate.why
    assert np.any(b) == (share < 1.0)
    (block,) = problem.blocks
    alive = problem.quadratic.norms > 0.0
    for g in range(len(block.sizes)):  # a group is there as a whole or not at all
        members = np.flatnonzero((block.group == g) & alive)
        assert len({bool(b[j]) for j in members}) <= 1
    assert not np.any(b[~alive])


def test_duplicates_of_a_group_are_said_to_be_not_unique() -> None:
    data = br.load_dataset("diabetes").X
    X = data[["bmi", "bp", "s5"]].join(data[["bmi", "bp"]].add_suffix("_again"))
    groups = [["bmi", "bp"], ["bmi_again", "bp_again"]]
    y = br.load_dataset("diabetes").y
    model = br.Model(br.Laplace(5.0, groups=groups), br.Gaussian(SIGMA))
    fit = br.fit_map(model.condition(X, y, standardize=True))
    assert fit.certificate.ok
    assert fit.certificate.unique is False
    # Copies within one group share b between them, and that is unique.
    model = br.Model(br.Laplace(5.0, groups=[["bmi", "bmi_again"]]), br.Gaussian(SIGMA))
    fit = br.fit_map(model.condition(X.drop(columns="bp_again"), y, standardize=True))
    assert fit.certificate.unique
    assert fit.beta["bmi"] == pytest.approx(fit.beta["bmi_again"], rel=1e-12)


def test_beside_other_penalties() -> None:
    """Flat, ridge, elastic net and a group lasso in one model."""
    prior = {
        "age": br.Flat(),
        "sex": br.Normal(9.0),
        "bmi": br.ElasticNet(9.0),
        ...: br.Laplace(4.0, groups=[["s1", "s2", "s3"]]),
    }
    problem = diabetes(prior)
    fit = br.fit_map(problem)
    assert fit.certificate.ok
    assert fit.correspondence.ok
    for j in range(problem.p):
        moved = fit.b.copy()
        moved[j] += 1e-4 * SIGMA / np.sqrt(442.0)
        assert not certify(problem, moved).ok
    with pytest.raises(NotSupported, match="solver='group_descent'"):
        br.fit_map(problem, solver="coordinate_descent")


def test_the_path_is_certified_and_enters_by_groups() -> None:
    problem = diabetes()
    lams = np.geomspace(2.2e4, 1e-3, 30)[::-1]
    path = br.path(problem, lams)
    assert all(one.ok for one in path.certificates)
    assert path.scale == pytest.approx(SIGMA**2 / lams)
    assert np.all(np.diff(path.df) < 1e-9)  # given from small λ to large
    assert path.df[0] == pytest.approx(10.0, abs=1e-3)
    entered = path.b != 0.0
    for names in GROUPS:
        at = [list(path.beta.columns).index(name) for name in names]
        assert np.all(entered[:, at].any(axis=1) == entered[:, at].all(axis=1))
    for k in (0, 12, 29):
        fixed = diabetes(scale=float(path.scale[k]))
        assert path.objective[k] == pytest.approx(objective(fixed, path.b[k]), rel=1e-9)
        assert np.max(np.abs(path.at(lams[k]).b - path.b[k])) <= 1e-10 * np.max(np.abs(path.b))
    # Negative control: zero is the lasso's optimum below this λ_max, and not that of groups.
    zero = certify(diabetes(scale=SIGMA**2 / 2.0e4), np.zeros(10))
    assert not zero.ok
    assert np.max(np.abs(problem.xy)) < 2.0e4
    top = br.path(problem, n=3)
    assert not np.any(top.b[0])
    assert np.any(br.path(problem, [top.lam[0] * (1.0 - 1e-6)]).b)


def test_degrees_of_freedom_are_the_divergence_of_the_fit() -> None:
    """tr ∂ŷ/∂y by central differences of y (Stein), with one group out."""
    data = br.load_dataset("diabetes")
    X, y = data.X.to_numpy()[:60], data.y.to_numpy()[:60]
    names = list(data.X.columns)
    model = br.Model(br.Laplace(4.0, groups=[names[:3], names[4:8]]), br.Gaussian(SIGMA))

    def fitted(y: Array) -> Array:
        frame = pd.DataFrame(X, columns=names)
        return br.fit_map(model.condition(frame, y, standardize=True)).predict(frame)

    problem = model.condition(pd.DataFrame(X, columns=names), y, standardize=True)
    groups, b = Groups.of(problem), group_descent.solve(problem).b
    assert 0 < np.count_nonzero(b) < 10
    step, total = 1e-3, 0.0
    for i in range(60):
        e = step * (np.arange(60) == i)
        total += (fitted(y + e)[i] - fitted(y - e)[i]) / (2.0 * step)
    assert total - 1.0 == pytest.approx(groups.df(groups.unit.reduce(b)), rel=1e-6)


@pytest.mark.parametrize("unit", ["y", "sigma"])
def test_sigma_at_the_joint_mode(unit: str) -> None:
    """F(σ) = J/σ² + m log σ, m = ν (+ p in units of σ): lower nowhere near."""
    problem = diabetes(sigma=None, scale=20.0 if unit == "y" else 0.3, unit=unit)
    fit = br.fit_map(problem)
    assert "joint mode" in fit.hyper
    count = problem.nu + (problem.p if unit == "sigma" else 0)

    def energy(sigma: float) -> float:
        fixed = problem.at(sigma=sigma)
        least = objective(fixed, group_descent.solve(fixed).b)
        return float(least / sigma**2 + count * np.log(sigma))

    for factor in (0.999, 1.001):
        assert energy(fit.sigma) < energy(factor * fit.sigma)


def test_an_unknown_scale_is_chosen_by_cross_validation() -> None:
    fit = br.fit_map(diabetes(sigma=None, scale=br.HalfCauchy(1.0)))
    assert "cross-validation" in fit.hyper
    assert fit.certificate.ok
    assert 45.0 < fit.sigma < 65.0


@pytest.mark.parametrize(
    "prior",
    [
        br.StudentT(3.0, 1.0, groups=GROUPS),
        {"bp": br.StudentT(3.0, 1.0), ...: br.Laplace(1.0, groups=GROUPS)},
    ],
    ids=["no norm", "beside a non-convex one"],
)
def test_other_penalties_on_groups_are_refused(prior: Any) -> None:
    with pytest.raises(NotSupported, match="group penalty"):
        br.fit_map(diabetes(prior))
