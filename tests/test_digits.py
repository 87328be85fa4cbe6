"""Laws of digits: answers meet rational arithmetic where products would have lost them."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import bayesreg as br
from bayesreg.data.moments import Moments

pytestmark = pytest.mark.filterwarnings("ignore::bayesreg.language.errors.BayesregWarning")


class Rows(NamedTuple):
    """A ridge problem, λ = 1 on the columns that are not flat, σ = 1."""

    X: np.ndarray
    y: np.ndarray
    weights: np.ndarray | None = None
    flat: tuple[int, ...] = ()
    standardize: bool = False
    intercept: bool = False

    @property
    def frequencies(self):
        """How often each row counts."""
        return np.ones(len(self.y)) if self.weights is None else self.weights

    @property
    def lams(self):
        """λ₂ per original column."""
        lam = np.ones(self.X.shape[1])
        if self.standardize:
            mean = np.average(self.X, axis=0, weights=self.frequencies)
            lam = np.average(np.square(self.X - mean), axis=0, weights=self.frequencies)
        lam[list(self.flat)] = 0.0
        return lam

    def problem(self, prior=None):
        """The same, conditioned."""
        frame = pd.DataFrame(self.X, columns=[f"c{j}" for j in range(self.X.shape[1])])
        prior = br.Normal(1.0) if prior is None else prior
        if self.flat:
            prior = {**{f"c{j}": br.Flat() for j in self.flat}, ...: prior}
        return br.Model(prior, br.Gaussian(1.0)).condition(
            frame,
            self.y,
            weights=self.weights,
            standardize=self.standardize,
            intercept=self.intercept,
        )


def rational(A, c):
    """A⁻¹c by elimination in fractions."""
    rows = [[*map(Fraction, row), Fraction(v)] for row, v in zip(A, c, strict=True)]
    for i in range(len(rows)):
        k = next(k for k in range(i, len(rows)) if rows[k][i] != 0)
        rows[i], rows[k] = rows[k], rows[i]
        for k, row in enumerate(rows):
            if k != i and row[i] != 0:
                ratio = row[i] / rows[i][i]
                rows[k] = [a - ratio * b for a, b in zip(row, rows[i], strict=True)]
    return [row[-1] / row[i] for i, row in enumerate(rows)]


def truth(data):
    """β, and the intercept last, as the floats that the data are mean it."""
    X = data.X if not data.intercept else np.column_stack([data.X, np.ones(len(data.y))])
    Z = [[Fraction(float(v)) for v in row] for row in X]
    y = [Fraction(float(v)) for v in data.y]
    w = [Fraction(float(v)) for v in data.frequencies]
    lam = [*map(Fraction, map(float, data.lams)), Fraction(0)]
    p = X.shape[1]
    A = [
        [sum(v * z[i] * z[j] for v, z in zip(w, Z, strict=True)) for j in range(p)]
        for i in range(p)
    ]
    for i in range(p):
        A[i][i] += lam[i]
    c = [sum(v * z[i] * t for v, z, t in zip(w, Z, y, strict=True)) for i in range(p)]
    return np.array([float(v) for v in rational(A, c)])


def members(offset):
    """Columns whose means are large beside their sds, in every position that they can have."""
    rng = np.random.default_rng(20)
    X = rng.normal(size=(25, 3))
    y = X @ [1.0, -2.0, 0.5] + rng.normal(size=25)
    w = rng.integers(1, 4, 25).astype(float)
    far = X + offset
    return {
        "all": Rows(far, y),
        "one": Rows(np.add(X, [offset, 0.0, 0.0]), y),
        "two": Rows(np.add(X, [offset, 0.0, -offset]), y),
        "y as well": Rows(far, y + offset),
        "y alone": Rows(X, y + offset),
        "weights": Rows(far, y, w),
        "one flat": Rows(far, y, flat=(1,)),
        "two flat, weights": Rows(far, y, w, flat=(0, 2)),
        "standardised": Rows(far, y, standardize=True),
        "standardised, flat, weights": Rows(far, y, w, flat=(2,), standardize=True),
        "other units": Rows(far * [1.0, 1e-3, 1e5], y),
        "as many rows": Rows(far[:3], y[:3]),
        "few rows, flat": Rows(far[:3], y[:3], flat=(1,)),
        "intercept": Rows(far, y, w, intercept=True),
        "intercept, flat": Rows(far, y, flat=(0,), intercept=True),
    }


OFFSETS = [1e3, 1e6, 1e7, 1e8]


@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize("name", list(members(0.0)))
def test_large_means_cost_no_digits(name, offset):
    """fit_map, closed_form and path against fractions; an intercept of 1e8 has its own ulp."""
    data = members(offset)[name]
    problem = data.problem()
    want = truth(data)[: data.X.shape[1]]
    size = np.max(np.abs(want))
    fit = br.fit_map(problem)
    for found in (fit.beta, br.closed_form(problem).mean, br.path(problem, [1.0]).beta.iloc[0]):
        assert np.max(np.abs(np.asarray(found) - want)) < 1e-12 * size
    assert fit.certificate.ok


@pytest.mark.parametrize("name", ["all", "y as well", "weights", "two"])
def test_moments_of_large_means_keep_what_rows_do(name):
    """Moments are all that is read: in one piece or as a sum."""
    data = members(1e7)[name]
    w = data.frequencies
    whole = Moments.of(data.X, data.y, data.weights)
    parts = Moments.of(data.X[:9], data.y[:9], w[:9]) + Moments.of(data.X[9:], data.y[9:], w[9:])
    want = truth(data)
    for moments in (whole, parts):
        problem = br.Model(br.Normal(1.0), br.Gaussian(1.0)).condition(moments, intercept=False)
        assert br.fit_map(problem).b == pytest.approx(want, rel=1e-11)


def test_products_about_zero_would_lose_them():
    """Negative control: the normal equations of the same rows, in double precision."""
    data = members(1e7)["all"]
    A = data.X.T @ data.X + np.eye(3)
    found = np.linalg.solve(A, data.X.T @ data.y)
    assert np.max(np.abs(found - truth(data))) > 1e-4


def turned(frame, y, seed):
    """The same rows in another order, whose sums round otherwise."""
    order = np.random.default_rng(seed).permutation(len(y))
    return frame.iloc[order], y.iloc[order]


@pytest.mark.parametrize(
    "prior, likelihood",
    [
        (br.Normal(1.0), "gaussian"),
        (br.Normal(1.0, unit="sigma"), "gaussian"),
        (br.Normal(), "gaussian"),
        ({"bmi": br.Normal(2.0, unit="sigma"), ...: br.Normal(1.0)}, "gaussian"),
        (br.Normal(1.0), "bernoulli"),
        (br.Laplace(1.0), "bernoulli"),
    ],
    ids=repr,
)
def test_draws_move_with_the_data_as_the_posterior_does(prior, likelihood):
    """No draw hangs on the sign that rounding gave to an eigenvector or to a row of a triangle."""
    data = br.load_dataset("diabetes")
    y = data.y if likelihood == "gaussian" else (data.y > 140).astype(int)
    model = br.Model(prior, likelihood)
    draws = [
        br.sample(model.condition(*turned(data.X, y, k), standardize=True), draws=50, seed=seed)
        for k, seed in ((1, 1), (2, 1), (2, 2))
    ]
    one, same, other = (np.asarray(post.draws.beta) for post in draws)
    sd = one.std(axis=(0, 1))
    assert np.abs((one - same) / sd).max() < 1e-9
    assert np.abs((one - other) / sd).max() > 1.0, "the control drew the same"


def levels(constant):
    """Indicators of all levels of two factors, which depend, a number, and a constant perhaps."""
    rng, n = np.random.default_rng(2), 120
    one, two, v = np.eye(4)[rng.integers(0, 4, n)], np.eye(3)[rng.integers(0, 3, n)], rng.random(n)
    X = np.column_stack([one, two, v, *([np.full(n, 3.0)] * constant)])
    return X, X[:, 0] - X[:, 5] + v + rng.normal(size=n)


@pytest.mark.parametrize(
    "prior, sigma",
    [
        (br.Normal(1.0), 1.0),
        (br.Normal(1.0), None),
        (br.Normal(), None),
        pytest.param(br.Laplace(0.3), None, marks=pytest.mark.slow),
    ],
    ids=repr,
)
@pytest.mark.parametrize("constant", [False, True])
def test_draws_move_with_the_data_where_columns_depend(prior, sigma, constant):
    """Nor on the rows that rounding finds of as many as are independent; sparse X is dense X."""
    X, y = levels(constant)
    likelihood = br.Gaussian() if sigma is None else br.Gaussian(sigma)
    model, order = br.Model(prior, likelihood), np.random.default_rng(3).permutation(len(y))
    given = (X, y), (X[order], y[order]), (sparse.csr_array(X), y)
    draws = [
        br.sample(model.condition(*one), draws=50, seed=seed).draws.beta
        for one, seed in [*((one, 1) for one in given), (given[0], 2)]
    ]
    sd = draws[0].std(axis=(0, 1)).max()
    assert max(np.abs(one - draws[0]).max() for one in draws[1:3]) / sd < 1e-9
    assert np.abs(draws[3] - draws[0]).max() / sd > 1.0, "the control drew the same"
