"""Laws of the information criteria: definitions on rows, scikit-learn, and what has no maximum."""

from __future__ import annotations

import math

import numpy as np
import pytest

import bayesreg as br
from bayesreg.criteria import information_criteria
from bayesreg.solvers.path import default_lams, solve_path
from tests.cases import CASES
from tests.test_model import condition

pytestmark = pytest.mark.filterwarnings("ignore::bayesreg.language.errors.BayesregWarning")


@pytest.mark.parametrize("sigma", [None, 1.4])
@pytest.mark.parametrize("case", [CASES[0], CASES[2], CASES[4], CASES[6]], ids=str)
def test_definitions_on_rows(case, sigma):
    """−2 log L of the rows at the fitted values, with k and the number of subsets counted."""
    likelihood = br.Gaussian() if sigma is None else br.Gaussian(sigma)
    problem = condition(case, br.Model({"c1": br.Flat(), ...: br.Laplace()}, likelihood))
    lams = np.array([3.0, 30.0, 0.3])
    b, df = solve_path(problem, lams, 1.0)
    found = information_criteria(problem, lams, b, df)
    beta, intercept = problem.restore(b)
    w = np.ones(len(case.y)) if case.weights is None else case.weights
    residual = case.y - intercept[:, None] - beta @ case.X.T
    rss, n = np.square(residual) @ w, w.sum()
    s2 = rss / n if sigma is None else sigma**2
    deviance = n * np.log(2 * np.pi * s2) + rss / s2
    k = df + 1 + case.intercept + (sigma is None)
    sizes = np.minimum(np.count_nonzero(b, axis=1), problem.p // 2)
    subsets = [math.log(math.comb(problem.p, int(s))) for s in sizes]
    assert found.rss == pytest.approx(rss, rel=1e-8)
    assert found.aic == pytest.approx(deviance + 2 * k, rel=1e-9)
    assert found.bic == pytest.approx(deviance + np.log(n) * k, rel=1e-9)
    assert found.ebic == pytest.approx(found.bic + 2 * np.array(subsets), rel=1e-9)
    # Negative control: without the count of Flat columns the level is another.
    assert not np.allclose(found.bic, deviance + np.log(n) * (k - 1), rtol=1e-4)


def test_differences_are_those_of_scikit_learn():
    """LassoLarsIC at a known σ counts coefficients alone: a constant less than k does."""
    from sklearn.linear_model import LassoLarsIC

    data = br.load_dataset("diabetes")
    X, y = data.X.to_numpy(float), data.y.to_numpy(float)
    X = (X - X.mean(0)) / X.std(0)
    problem = br.Model(br.Laplace(), br.Gaussian(54.0)).condition(X, y)
    for name in ("aic", "bic"):
        peer = LassoLarsIC(criterion=name, noise_variance=54.0**2).fit(X, y)
        lams = peer.alphas_[:-1] * 442  # the last is 0
        # At a knot one coefficient is zero: below it, it has entered, or above it, not yet left.
        below, df = solve_path(problem, lams * (1 - 1e-9), 54.0)
        above, _ = solve_path(problem, lams * (1 + 1e-9), 54.0)
        found = information_criteria(problem, lams, below, df)
        step = 2.0 if name == "aic" else np.log(442)
        difference = (getattr(found, name) - peer.criterion_[:-1]) / step
        entered, left = np.count_nonzero(below, axis=1), np.count_nonzero(above, axis=1)
        assert difference == pytest.approx(1 + entered - np.minimum(entered, left), abs=1e-4)


def sparse(seed, n=40, p=25):
    """Three large effects among 25 columns of 40 rows, where nearly all columns fit nearly all."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p))
    y = X @ np.resize([2.0, -2.0, 1.5] + [0.0] * (p - 3), p) + rng.standard_normal(n)
    return br.Model(br.Laplace()).condition(X, y, standardize=True)


def test_a_sparse_truth_is_found_by_ebic_and_not_by_its_unbounded_form():
    """In 20 tables EBIC keeps the three effects and few other columns."""
    kept, old, covered = [], [], []
    for seed in range(20, 40):
        problem = sparse(seed)
        lams = default_lams(problem, 60)
        b, df = solve_path(problem, lams, 1.0)
        found = information_criteria(problem, lams, b, df)
        size = np.count_nonzero(b, axis=1)
        k = int(np.argmin(found.ebic))
        kept.append(size[k])
        covered.append(np.all(b[k, :3] != 0.0))
        unbounded = [2.0 * math.log(math.comb(problem.p, int(s))) for s in size]
        old.append(size[np.argmin(found.bic + unbounded)])
        assert found.ebic[size == problem.p] == pytest.approx(
            found.bic[size == problem.p] + 2.0 * math.log(math.comb(25, 12)), rel=1e-12
        )
    assert np.mean(covered) >= 0.95
    assert np.median(kept) <= 5
    assert sum(size > 12 for size in kept) <= 1  # of 20; none of them all columns
    assert max(kept) < 25
    # The control: without the bound the model of all columns is free, and is taken.
    assert sum(size == 25 for size in old) >= 5


def test_ridge_has_no_extended_criterion():
    """No column is selected, so no subset is counted."""
    problem = condition(CASES[0], br.Model(br.Normal()))
    lams = default_lams(problem, 5)
    found = information_criteria(problem, lams, *solve_path(problem, lams, 1.0))
    assert found.ebic is None
    assert np.all(np.isfinite(found.bic))


def test_saturated_fit_with_unknown_sigma_has_no_likelihood():
    """p > n and λ → 0: NaN, and finite with a known σ; y = 0 likewise."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((12, 30)), rng.standard_normal(12)
    lams = np.array([1.0, 1e-13])
    for likelihood, missing in ((br.Gaussian(), True), (br.Gaussian(1.0), False)):
        problem = br.Model(br.Laplace(), likelihood).condition(X, y)
        found = information_criteria(problem, lams, *solve_path(problem, lams, 1.0))
        assert np.isnan(found.aic).tolist() == [False, missing]
        assert np.isnan(found.ebic).tolist() == [False, missing]
    problem = br.Model(br.Laplace(), br.Gaussian(br.InverseGammaSquared(2.0, 1.0))).condition(
        X, 0.0 * y
    )
    found = information_criteria(problem, lams, *solve_path(problem, lams, 1.0))
    assert np.all(np.isnan(found.bic))
