"""Laws of the homotopies in step: the optimum at every λ, and a plain no where there is doubt."""

from __future__ import annotations

import numpy as np
import pytest

import bayesreg as br
from bayesreg.solvers import lockstep
from bayesreg.solvers.path import solve_path

pytestmark = pytest.mark.filterwarnings("ignore::bayesreg.language.errors.BayesregWarning")

LAMS = np.geomspace(200.0, 0.05, 40)


def problems(count, n, p, seed=0, rho=0.6):
    """Gram matrices and products of AR(ρ) columns of unequal sizes: leaving columns are certain."""
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((count, n, p))
    for j in range(1, p):
        z[..., j] = rho * z[..., j - 1] + np.sqrt(1 - rho**2) * z[..., j]
    z *= rng.uniform(0.3, 3.0, p)
    y = z @ rng.standard_normal(p) + 3.0 * rng.standard_normal((count, n))
    return z, y, z.swapaxes(1, 2) @ z, np.einsum("kij,ki->kj", z, y)


@pytest.mark.parametrize("n, p, rho", [(80, 1, 0.0), (80, 7, 0.6), (60, 25, 0.95)])
def test_every_lam_is_that_of_the_path(n, p, rho):
    """Problems of their own pace, λ's in any order and each problem its own."""
    X, y, gram, c = problems(6, n, p, rho=rho)
    lams = np.array([np.random.default_rng(k).permutation(LAMS) * (1 + k) for k in range(6)])
    b, ok = lockstep.solve(gram, c, lams)
    assert np.all(ok)
    model = br.Model(br.Laplace(), br.Gaussian(1.0))
    for k in range(6):
        right = solve_path(model.condition(X[k], y[k], intercept=False), lams[k], 1.0)[0]
        assert b[k] == pytest.approx(right, rel=1e-9, abs=1e-10 * np.abs(right).max())
        assert np.array_equal(b[k] == 0.0, right == 0.0)


def test_columns_leave_and_return():
    """Among the knots of these problems are some at which a column leaves."""
    _, _, gram, c = problems(6, 60, 25, rho=0.95)
    b, ok = lockstep.solve(gram, c, np.tile(LAMS, (6, 1)))
    active = b[ok] != 0.0
    assert np.any(active[:, :-1] & ~active[:, 1:])


def test_zero_columns_and_no_effect():
    """A column without variation stays at 0, all do without products with y or above λ_max."""
    _, _, gram, c = problems(3, 50, 4)
    gram[0, 2], gram[0, :, 2], c[0, 2] = 0.0, 0.0, 0.0
    c[1] = 0.0
    lams = np.tile([1e9, 5.0, 0.1], (3, 1))
    b, ok = lockstep.solve(gram, c, lams)
    assert np.all(ok)
    assert np.all(b[0, :, 2] == 0.0)
    assert np.all(b[1] == 0.0)
    assert np.all(b[:, 0] == 0.0)


def test_doubt_is_said_and_spoils_no_other():
    """Twins, whose second column has no pivot: right or refused, and its neighbour untouched."""
    _, _, gram, c = problems(2, 50, 4)
    alone, _ = lockstep.solve(gram, c, np.tile(LAMS, (2, 1)))
    gram[0, 3], gram[0, :, 3], c[0, 3] = gram[0, 1], gram[0, :, 1], c[0, 1]
    gram[0, 3, 3] = gram[0, 1, 1]
    gram[0, 1, 3] = gram[0, 3, 1] = gram[0, 1, 1]
    b, ok = lockstep.solve(gram, c, np.tile(LAMS, (2, 1)))
    assert ok[1]
    assert np.array_equal(b[1], alone[1])
    if ok[0]:
        g = c[0] - b[0] @ gram[0]
        assert np.all(np.abs(g) <= LAMS[:, None] * (1 + 1e-9))


def test_verification_sees_a_wrong_optimum():
    """Negative control: one coefficient moved by 1e-6 of itself is not an optimum."""
    _, _, gram, c = problems(2, 50, 4)
    lams = np.tile(LAMS, (2, 1))
    b, ok = lockstep.solve(gram, c, lams)
    assert ok.all()
    b[1, -1, 2] *= 1.0 + 1e-6
    assert lockstep._hold(gram, c, lams, b).tolist() == [True, False]


def test_problem_that_is_given_up_is_not_ok(monkeypatch):
    """Too few knots allowed: those who need more say so."""
    _, _, gram, c = problems(3, 50, 25, rho=0.9)
    monkeypatch.setattr(lockstep, "KNOTS", 0)
    _, ok = lockstep.solve(gram, c, np.tile(LAMS, (3, 1)))
    assert not np.any(ok)
