"""Laws of the ridge criteria: leave-one-out against refitting, evidence and GCV by definition."""

from __future__ import annotations

import numpy as np
import pytest

import bayesreg as br
from bayesreg.gaussian import leverages
from bayesreg.gaussian.evidence import log_evidence
from bayesreg.gaussian.ridge import ridge_criteria
from bayesreg.language.errors import BadArgument, NotSupported
from bayesreg.solvers.path import solve_path
from tests.cases import CASES
from tests.test_criteria import log_density
from tests.test_model import condition

pytestmark = pytest.mark.filterwarnings("ignore::bayesreg.language.errors.BayesregWarning")

LAMS = np.array([0.3, 300.0, 5.0])
FLAT = {"c1": br.Flat(), ...: br.Normal()}


def priors():
    """Cases under one Normal prior, with and without Flat columns, a location and proportions."""
    for case in CASES:
        yield pytest.param(case, br.Normal(), id=str(case))
    yield pytest.param(CASES[0], FLAT, id="flat column")
    yield pytest.param(CASES[3], FLAT, id="wide with a flat column")
    yield pytest.param(CASES[6], FLAT, id="weighted with a flat column")
    yield pytest.param(CASES[1], br.Normal(1.0, loc=0.7), id="location")
    pattern = br.Normal(relative=[0.2, 1.0, 3.0, 0.5, 2.0])
    yield pytest.param(CASES[0], pattern, id="proportions")
    wide = br.Normal(relative=np.geomspace(0.1, 9.0, 40).tolist())
    yield pytest.param(CASES[3], wide, id="wide with proportions")


class Rows:
    """Ridge on rows by augmented least squares: nothing is shared with what it checks."""

    def __init__(self, problem):
        design, coordinates = problem.design, problem.coordinates
        w = np.ones(design.n) if design.weights is None else design.weights
        self.w, self.y = w, design.y.copy()
        self.X = design.X / coordinates.x_sd
        (block,) = problem.blocks
        self.penalty = np.zeros(self.X.shape[1] + problem.intercept)
        columns = problem.proper[block.columns] + int(problem.intercept)
        self.penalty[columns] = 1.0 / np.broadcast_to(block.relative, len(columns))
        self.y -= self.X[:, problem.proper] @ coordinates.loc
        # The level of the columns is immaterial with an intercept, and costs digits.
        if problem.intercept:
            self.X = np.column_stack([np.ones(design.n), self.X - np.average(self.X, 0, w)])

    def fit(self, lam, w):
        """Coefficients under the weights w."""
        root = np.sqrt(w)
        left = np.vstack([self.X * root[:, None], np.diag(np.sqrt(lam) * self.penalty)])
        right = np.concatenate([self.y * root, np.zeros(len(self.penalty))])
        size = np.linalg.norm(left, axis=0)
        size[size == 0.0] = 1.0
        return np.linalg.lstsq(left / size, right, rcond=1e-15)[0] / size

    def left_out(self, lam):
        """Mean squared error of each row under the fit without one copy of it."""
        total = 0.0
        for i, w in enumerate(self.w):
            rest = self.w.copy()
            rest[i] -= min(w, 1.0)
            total += w * (self.y[i] - self.X[i] @ self.fit(lam, rest)) ** 2
        return total / self.w.sum()


@pytest.mark.parametrize("case, prior", list(priors()))
def test_leave_one_out_is_refitting(case, prior):
    """Every row left out in turn, by least squares on augmented rows."""
    problem = condition(case, br.Model(prior))
    found, rows = ridge_criteria(problem, LAMS), Rows(problem)
    # lstsq on columns whose sizes span 1e24 keeps fewer digits than the closed form.
    exact = 1e-5 if "1e-12" in case.name else 1e-8
    for k, lam in enumerate(LAMS):
        residual = rows.y - rows.X @ rows.fit(lam, rows.w)
        assert found.rss[k] == pytest.approx(rows.w @ residual**2, rel=exact)
        assert found.loo[k] == pytest.approx(rows.left_out(lam), rel=exact)


def test_leverage_of_the_intercept_is_seen(monkeypatch):
    """Negative control: without it the errors of 60 rows differ by about 1/60, twice."""
    problem = condition(CASES[0], br.Model(br.Normal()))
    right = ridge_criteria(problem, LAMS).loo
    whole = leverages.projected

    def without(*args):
        x, y, leverage = whole(*args)
        return x, y, 0.0 * leverage

    monkeypatch.setattr(leverages, "projected", without)
    wrong = ridge_criteria(problem, LAMS).loo
    assert np.all(np.abs(wrong / right - 1.0) > 1e-2)


def test_repeated_rows_are_weights():
    """Weights 3 and three copies: the same curves, because one copy is left out."""
    case = CASES[6]
    weighted = ridge_criteria(condition(case, br.Model(br.Normal())), LAMS)
    many = np.repeat(np.arange(len(case.y)), case.weights.astype(int))
    model = br.Model(br.Normal())
    copies = ridge_criteria(model.condition(case.X[many], case.y[many], standardize=True), LAMS)
    for name in ("df", "rss", "gcv", "loo", "log_evidence", "sigma"):
        assert getattr(weighted, name) == pytest.approx(getattr(copies, name), rel=1e-10)


def test_whole_row_is_left_out_where_its_weight_is_a_fraction():
    """Weight ½: no more than that can be left out; refitted without the row."""
    rng = np.random.default_rng(3)
    X, y, w = rng.standard_normal((12, 3)), rng.standard_normal(12), np.tile([0.5, 1.0, 2.5], 4)
    problem = br.Model(br.Normal()).condition(X, y, weights=w)
    found, rows = ridge_criteria(problem, LAMS), Rows(problem)
    assert found.loo == pytest.approx([rows.left_out(lam) for lam in LAMS], rel=1e-9)


@pytest.mark.parametrize("case, prior", list(priors()))
def test_path_gcv_and_evidence_by_definition(case, prior):
    """df is that of the path, GCV its formula, and the evidence the curve made from an SVD."""
    problem = condition(case, br.Model(prior))
    found = ridge_criteria(problem, LAMS)
    _, df = solve_path(problem, LAMS, 1.0)
    exact = 1e-6 if "1e-12" in case.name else 1e-9
    assert found.df == pytest.approx(df, rel=exact)
    free = problem.n - df - problem.intercept - len(problem.flat)
    assert found.gcv == pytest.approx(problem.n * found.rss / free**2, rel=exact)
    assert found.log_evidence == pytest.approx(log_evidence(problem, LAMS), rel=exact)
    bare = br.Model(prior).condition(
        problem.moments, standardize=case.standardize, intercept=case.intercept
    )
    moments = ridge_criteria(bare, LAMS)
    assert moments.loo is None
    for name in ("df", "rss", "gcv", "log_evidence", "sigma"):
        assert getattr(moments, name) == pytest.approx(getattr(found, name), rel=1e-6)


@pytest.mark.parametrize("sigma", [None, 1.3])
def test_evidence_is_the_density_of_y(sigma):
    """Differences along λ equal those of the normal density of y; an unknown σ is at its best."""
    likelihood = br.Gaussian() if sigma is None else br.Gaussian(sigma)
    problem = condition(CASES[0], br.Model(br.Normal(unit="sigma"), likelihood))
    found, scales = ridge_criteria(problem, LAMS), 1.0 / np.sqrt(LAMS)

    def direct(factor):
        pairs = zip(found.sigma * factor, scales, strict=True)
        return np.array([log_density(problem, sigma, scale) for sigma, scale in pairs])

    assert np.diff(found.log_evidence) == pytest.approx(np.diff(direct(1.0)), rel=1e-9)
    if sigma is None:
        assert np.all(direct(1.0) > np.maximum(direct(0.99), direct(1.01)))
    given = log_evidence(problem, LAMS, sigma=2.0)
    assert not np.allclose(np.diff(given), np.diff(found.log_evidence), rtol=1e-3)


def test_gcv_and_loo_meet_scikit_learn():
    """RidgeCV with one row left out, on centred columns, has the same errors."""
    from sklearn.linear_model import RidgeCV

    data = br.load_dataset("diabetes")
    X = data.X.to_numpy(float)
    X = (X - X.mean(0)) / X.std(0)
    y = data.y.to_numpy(float)
    lams = np.geomspace(1e4, 1e-2, 30)
    found = ridge_criteria(br.Model(br.Normal()).condition(X, y), lams)
    peer = RidgeCV(alphas=lams, store_cv_results=True).fit(X, y)
    assert found.loo == pytest.approx(peer.cv_results_.mean(axis=0), rel=1e-9)
    assert lams[np.argmin(found.loo)] == peer.alpha_


def test_rows_and_products_agree(monkeypatch):
    """The route through rows × rows, through columns × columns, and through an SVD."""
    rng = np.random.default_rng(5)
    X, y = rng.standard_normal((40, 60)) * rng.uniform(0.5, 3.0, 60) + 4.0, rng.standard_normal(40)
    problem = br.Model(br.Normal()).condition(X, y)
    rows = ridge_criteria(problem, LAMS)
    monkeypatch.setattr(leverages, "MAX_RATIO", 1.0)
    by_svd = ridge_criteria(problem, LAMS)
    for name in ("df", "rss", "gcv", "loo", "log_evidence"):
        assert getattr(rows, name) == pytest.approx(getattr(by_svd, name), rel=1e-8)


def test_interpolation_keeps_its_digits():
    """p > n and λ → 0: e and 1 − h vanish together, and their ratio tends to that of K⁻¹."""
    rng = np.random.default_rng(2)
    X, y = rng.standard_normal((15, 40)), rng.standard_normal(15)
    problem = br.Model(br.Normal()).condition(X, y, intercept=False)
    found = ridge_criteria(problem, [1e-12])
    K = np.linalg.inv(X @ X.T)
    assert found.loo[0] == pytest.approx(np.mean((K @ y / np.diagonal(K)) ** 2), rel=1e-9)


@pytest.mark.parametrize(
    "X, y",
    [
        ([[1.0], [2.0]], [1.0, 4.0]),
        ([[1.0, 5.0], [2.0, 5.0], [4.0, 5.0]], [0.0, 0.0, 0.0]),
        ([[0.0], [0.0], [0.0]], [1.0, 2.0, 4.0]),
        ([[1.0], [1.0], [1.0], [3.0]], [2.0, 2.0, 2.0, 2.0]),
    ],
    ids=["n = 2", "y = 0", "zero column", "constant y"],
)
def test_faults(X, y):
    """Small and empty data: the definition holds, without warnings."""
    problem = br.Model(br.Normal(), br.Gaussian(1.0)).condition(X, y)
    found, rows = ridge_criteria(problem, LAMS), Rows(problem)
    expected = [rows.left_out(lam) for lam in LAMS]
    assert found.loo == pytest.approx(expected, rel=1e-9, abs=1e-20)
    assert np.all(np.isfinite(found.gcv))
    assert np.all(np.isfinite(found.log_evidence))


def test_row_that_alone_identifies_a_flat_column_has_no_leave_one_out():
    """A dummy of one row, unpenalised: without it there is no fit."""
    X = np.column_stack([np.arange(8.0), np.r_[1.0, np.zeros(7)]])
    model = br.Model({"x2": br.Flat(), ...: br.Normal()})
    found = ridge_criteria(model.condition(X, np.arange(8.0) ** 2), LAMS)
    assert np.all(np.isnan(found.loo))
    assert np.all(np.isfinite(found.gcv))


def test_refusals():
    """Other priors, and λ's that are none."""
    with pytest.raises(NotSupported, match="Normal"):
        ridge_criteria(condition(CASES[0], br.Model(br.Laplace())), LAMS)
    with pytest.raises(NotSupported, match="Normal"):
        log_evidence(condition(CASES[0], br.Model(br.Laplace())), LAMS)
    problem = condition(CASES[0], br.Model(br.Normal()))
    for lams in ([-1.0], [0.0], [np.nan], []):
        with pytest.raises(BadArgument, match="lams"):
            ridge_criteria(problem, lams)
