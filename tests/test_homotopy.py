"""Laws of the exact lasso path: every knot, ties and duplicates included, against other routes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import lars_path_gram

import bayesreg as br
from bayesreg.data.moments import Moments
from bayesreg.language.errors import BadArgument, NotSupported
from bayesreg.solvers import by_name, closed_form, coordinate_descent, homotopy
from bayesreg.solvers.certificate import certify
from tests.cases import CASES, Case

Array = NDArray[np.float64]
# Seeds whose directions have a component of zero: a column enters and stays where it is.
DEGENERATE = (141, 199, 274)
# Zero columns, and raw columns of very unequal sds, are what some of these tests are about.
pytestmark = pytest.mark.filterwarnings("ignore::bayesreg.language.errors.BayesregWarning")


def lasso(X: object, y: object, **options: object) -> br.Problem:
    """A lasso with σ known, so that no shape of data is refused."""
    return br.Model(br.Laplace(1.0), br.Gaussian(1.0)).condition(X, y, **options)


def diabetes(name: str = "diabetes", **options: object) -> br.Problem:
    data = br.load_dataset(name)
    return lasso(data.X, data.y, standardize=True, **options)


def descended(problem: br.Problem, lam: float, l2: float = 0.0) -> Array:
    """b by coordinate descent from zero, at a λ per unit `relative`."""
    unit, w = problem.quadratic.unit, 1.0 / problem.blocks[0].relative
    u, _, _ = coordinate_descent.minimise(
        unit, *unit.penalty(lam * w, l2 * w * w), np.zeros(len(unit.kept))
    )
    return unit.restore(u)


def objective(problem: br.Problem, lam: float, b: Array) -> tuple[float, float]:
    """J/‖y‖² and the stationarity residual on unit-norm columns."""
    unit = problem.quadratic.unit
    l1, l2 = unit.penalty(np.full(problem.p, lam), np.zeros(problem.p))
    u = unit.reduce(b)
    g = unit.fine_gradient(u, l2)
    off = np.where(u != 0.0, np.abs(g - l1 * np.sign(u)), np.maximum(np.abs(g) - l1, 0.0))
    return 0.5 * unit.residual_square(u) + float(l1 @ np.abs(u)), float(np.max(off, initial=0.0))


def difference(problem: br.Problem, b: Array, other: Array, *, fit: bool = False) -> float:
    """‖Δb‖∞/‖b‖∞ on unit-norm columns; of X̃'X̃b where b is not unique."""
    if fit:
        change, whole = (float(np.max(np.abs(problem.gram @ v))) for v in (b - other, other))
        return change / whole
    norms = problem.quadratic.norms
    return float(np.max(np.abs(b - other) * norms) / np.max(np.abs(other) * norms))


@pytest.mark.parametrize("name, count", [("diabetes", 13), ("diabetes64", 105)])
def test_every_knot_is_that_of_coordinate_descent(name: str, count: int) -> None:
    problem = diabetes(name)
    path = homotopy.knots(problem)
    assert len(path.lam) == count
    assert path.complete
    assert np.all(path.kkt <= 1e-2)
    assert not np.any(path.b[0])
    for lam, b in zip(path.lam[1:-1], path.b[1:-1], strict=True):
        assert difference(problem, b, descended(problem, lam)) <= 1e-10
    flat = br.Model(br.Normal(1e12), br.Gaussian(1.0)).condition(
        problem.design, standardize=True
    )  # λ₂ = 1e-24: least squares to the last digit
    least = closed_form.solve(flat).b
    assert path.lam[-1] == 0.0
    assert difference(problem, path.b[-1], least) <= 1e-8  # what least squares itself keeps


def test_knots_are_those_of_lars() -> None:
    """scikit-learn's LARS shares no code with this, and has the same knots on diabetes."""
    problem = diabetes()
    alphas, _, coefs = lars_path_gram(
        problem.xy, problem.gram, n_samples=1, method="lasso", alpha_min=0.0
    )
    path = homotopy.knots(problem)
    assert len(alphas) == len(path.lam)
    assert np.max(np.abs(alphas - path.lam)) <= 1e-9 * path.lam[0]
    assert np.max(np.abs(coefs.T - path.b)) <= 1e-9 * np.max(np.abs(path.b))


def test_the_path_is_linear_between_knots_and_bends_at_each() -> None:
    problem = diabetes()
    path = homotopy.knots(problem)
    middle = 0.5 * (path.lam[:-1] + path.lam[1:])
    between = path.at(middle[::-1])[::-1]  # in the order given
    for k, (lam, b) in enumerate(zip(middle, between, strict=True)):
        assert difference(problem, b, descended(problem, lam)) <= 1e-10
        assert np.count_nonzero(b) == path.active[k]
    # Negative control: across a knot the mean of its neighbours is not the optimum.
    for k in range(1, len(path.lam) - 1):
        share = (path.lam[k - 1] - path.lam[k]) / (path.lam[k - 1] - path.lam[k + 1])
        chord = (1.0 - share) * path.b[k - 1] + share * path.b[k + 1]
        assert objective(problem, path.lam[k], chord)[1] > 1e-6


@pytest.mark.parametrize("l2", [0.0, 0.3])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_asymmetric_data(case: Case, l2: float) -> None:
    problem = lasso(
        case.frame,
        case.y,
        weights=case.weights,
        standardize=case.standardize,
        intercept=case.intercept,
    )
    path = homotopy.knots(problem, l2=l2)
    assert path.complete
    twins = case.name == "twins and zeros" and l2 == 0.0
    for lam, b in zip(path.lam[1:-1], path.b[1:-1], strict=True):
        assert difference(problem, b, descended(problem, lam, l2), fit=twins) <= 1e-10
    if case.name == "wide" and l2 == 0.0:  # the residual ends at zero
        assert objective(problem, 0.0, path.b[-1])[0] < 1e-20


def test_weights_by_column() -> None:
    data = br.load_dataset("diabetes")
    relative = np.linspace(0.2, 3.0, 10)
    model = br.Model(br.Laplace(1.0, relative=relative), br.Gaussian(54.0))
    problem = model.condition(data.X, data.y, standardize=True)
    for l2 in (0.0, 2.0):
        path = homotopy.knots(problem, l2=l2)
        assert path.lam[0] == pytest.approx(np.max(np.abs(problem.xy) * relative), rel=1e-13)
        for lam, b in zip(path.lam[1:-1], path.b[1:-1], strict=True):
            assert difference(problem, b, descended(problem, lam, l2)) <= 1e-10


def test_of_duplicates_the_first_is_kept() -> None:
    """Copies and negated copies of diabetes' columns, and a zero column, in front and behind."""
    data = br.load_dataset("diabetes64")
    X = data.X.to_numpy()[:, :20]
    alone = homotopy.knots(lasso(X, data.y, standardize=True))
    problem = lasso(np.column_stack([X, X, -X[:, 5:10], np.zeros(442)]), data.y, standardize=True)
    path = homotopy.knots(problem)
    assert np.max(np.abs(path.lam - alone.lam)) <= 1e-11 * alone.lam[0]
    assert np.max(np.abs(path.b[:, :20] - alone.b)) <= 1e-10 * np.max(np.abs(alone.b))
    assert not np.any(path.b[:, 20:])
    for lam, b in zip(path.lam[1:-1], path.b[1:-1], strict=True):
        assert difference(problem, b, descended(problem, lam), fit=True) <= 1e-10


def test_columns_that_join_at_one_knot() -> None:
    """Orthogonal columns of equal correlation: b_j = S(c_j, λ)/N, whoever shares a knot."""
    two = np.array([[1.0, 1.0], [1.0, -1.0]])
    X = np.kron(np.kron(two, two), two)
    effect = np.array([0.0, 3.0, 3.0, -3.0, 1.0, 1.0, 0.0, 2.0])
    path = homotopy.knots(lasso(X, X @ effect, intercept=False))
    assert path.lam == pytest.approx([24.0, 16.0, 8.0, 0.0], abs=1e-13)
    assert path.active.tolist() == [3, 4, 6, 6]
    exact = np.sign(effect) * np.maximum(np.abs(effect) - path.lam[:, None] / 8.0, 0.0)
    assert np.max(np.abs(path.b - exact)) <= 1e-14
    assert path.at(np.array([12.0]))[0] == pytest.approx([0, 1.5, 1.5, -1.5, 0, 0, 0, 0.5])


def test_ties_of_every_kind() -> None:
    """Columns of −1, 0, 1 and whole y: duplicates, dependent columns, several events at a knot."""
    bends = 0
    for seed in (*range(60), *DEGENERATE):
        rng = np.random.default_rng(seed)
        n, p = rng.integers(2, 10), rng.integers(1, 12)
        X = rng.integers(-1, 2, size=(n, p)).astype(float)
        y = rng.integers(-2, 3, size=n).astype(float)
        problem = lasso(X, y, intercept=bool(seed % 2))
        path = homotopy.knots(problem)
        assert path.complete
        middle = 0.5 * (path.lam[:-1] + path.lam[1:])
        for lam in (*path.lam[path.lam > 0.0], *middle):
            value, off = objective(problem, lam, path.at(lam)[0])
            assert off <= 1e-13
            assert abs(value - objective(problem, lam, descended(problem, lam))[0]) <= 1e-13
        bends += len(middle)
    assert bends > 150


@pytest.mark.parametrize(
    "X, y",
    [
        (np.eye(4)[:, :2], np.array([0.0, 0.0, 1.0, 1.0])),  # X'y = 0
        (np.eye(4)[:, :2], np.zeros(4)),
        (np.zeros((4, 2)), np.arange(4.0)),
    ],
    ids=["orthogonal y", "zero y", "zero columns"],
)
def test_nothing_to_enter(X: Array, y: Array) -> None:
    path = homotopy.knots(lasso(X, y, intercept=False))
    assert path.lam.tolist() == [0.0]
    assert not np.any(path.at(np.array([0.0, 1.0])))


def test_one_column() -> None:
    x, y = np.array([1.0, 2.0, 4.0]), np.array([1.0, 0.0, 5.0])
    path = homotopy.knots(lasso(x[:, None], y))
    top = float((x - x.mean()) @ y)
    assert path.lam == pytest.approx([top, 0.0])
    half = top / 2.0 / float(np.sum((x - x.mean()) ** 2))
    assert path.at(np.array([top / 2.0]))[0, 0] == pytest.approx(half, rel=1e-14)


def test_from_moments_alone() -> None:
    data = br.load_dataset("diabetes")
    sums = lasso(Moments.of(data.X, data.y), None, standardize=True)
    whole = homotopy.knots(diabetes())
    assert homotopy.knots(sums).lam == pytest.approx(whole.lam, rel=1e-9, abs=1e-9)


def test_past_the_cap_coordinate_descent_goes_on() -> None:
    problem = diabetes("diabetes64")
    path = homotopy.knots(problem, most=20)
    assert len(path.lam) == 20
    assert not path.complete
    assert "not complete" in repr(path)
    lams = np.array([path.lam[-1] / 3.0, path.lam[3]])
    below, known = path.at(lams)
    assert difference(problem, below, descended(problem, lams[0])) <= 1e-10
    assert np.array_equal(known, path.b[3])


def test_an_end_above_zero() -> None:
    problem = diabetes()
    path = homotopy.knots(problem, lowest=100.0)
    assert path.lam[-1] == 100.0
    assert difference(problem, path.b[-1], descended(problem, 100.0)) <= 1e-10
    with pytest.raises(BadArgument, match="followed down to λ = 100"):
        path.at(np.array([99.0]))


@pytest.mark.parametrize("options", [{"l2": -1.0}, {"lowest": np.nan}, {"most": 0}], ids=str)
def test_bad_numbers_are_named(options: dict[str, Any]) -> None:
    with pytest.raises(BadArgument, match=next(iter(options))):
        homotopy.knots(diabetes(), **options)


@pytest.mark.parametrize(
    "prior, words",
    [
        (br.Normal(1.0), "Normal has no path with knots"),
        (br.StudentT(3.0, 1.0), "StudentT has no path with knots"),
        (br.Laplace(1.0, groups=[["bmi", "bp"]]), "Laplace without groups"),
        ({"bmi": br.Normal(1.0), ...: br.Laplace(1.0)}, "2 priors have their own"),
    ],
    ids=["ridge", "non-convex", "groups", "two priors"],
)
def test_paths_without_knots_are_refused(prior: object, words: str) -> None:
    data = br.load_dataset("diabetes")
    problem = br.Model(prior, br.Gaussian(54.0)).condition(data.X, data.y, standardize=True)
    with pytest.raises(NotSupported, match=words):
        homotopy.knots(problem)


@pytest.mark.parametrize(
    "prior",
    [
        br.Laplace(25.0),
        br.Laplace(1e-3),
        br.ElasticNet(25.0, mix=0.4),
        br.Normal(25.0),
        {"bmi": br.Flat(), "age": br.Normal(3.0), "s5": br.ElasticNet(9.0), ...: br.Laplace(20.0)},
    ],
    ids=repr,
)
def test_as_a_solver_of_one_problem(prior: object) -> None:
    """λ's by column, and columns without λ₁ that move all along."""
    data = br.load_dataset("diabetes")
    problem = br.Model(prior, br.Gaussian(54.0)).condition(data.X, data.y, standardize=True)
    fit = homotopy.solve(problem)
    assert np.array_equal(fit.b, by_name.minimise(problem, "homotopy", 0).b)
    kinked = np.any(problem.l1)
    other = (coordinate_descent if kinked else closed_form).solve(problem)
    assert certify(problem, fit.b).ok
    assert np.max(np.abs(fit.b - other.b)) <= 1e-10 * max(np.max(np.abs(other.b)), 1e-300)
    assert np.array_equal(fit.b == 0.0, other.b == 0.0)
