"""Laws of ridge paths by conjugate gradients: those of a factorisation for each λ."""

from __future__ import annotations

import numpy as np
import pytest

import bayesreg as br
from bayesreg.solvers import newton_cg, newton_in_step
from tests.test_damped_newton import KINDS, problem_of

pytestmark = pytest.mark.filterwarnings("ignore::bayesreg.language.errors.BayesregWarning")


@pytest.mark.parametrize("kind, p", [(kind, 12) for kind in KINDS] + [("Bernoulli", 60)])
def test_gradients_find_what_factorisations_find(kind, p, monkeypatch):
    """The same optima and degrees of freedom, all certified; scales that differ, a flat column."""
    monkeypatch.setattr(newton_in_step, "ROWS", 0)
    relative = tuple(np.geomspace(0.5, 2.0, p - 1))
    prior = {"x1": br.Flat(), ...: br.Normal(relative=relative)}
    problem = problem_of(kind, prior, n=40, p=p, standardize=kind != "Poisson")
    other = br.path(problem, n=16)
    monkeypatch.setattr(newton_cg, "COLUMNS", 0)
    found = br.path(problem, n=16)
    assert np.isnan(found.counted).all()
    assert np.isfinite(other.counted).all()
    assert all(one.ok for one in found.certificates)
    size = np.abs(other.b).max()
    np.testing.assert_allclose(found.b, other.b, atol=1e-8 * size)
    np.testing.assert_allclose(found.df, other.df, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(found.intercept, other.intercept, atol=1e-8)


def test_a_stale_decomposition_still_leads_there(monkeypatch):
    """Any positive h̄ serves; and without rounds nothing is said to be at rest."""
    problem = problem_of("Poisson", br.Normal())
    lams = np.geomspace(10.0, 0.1, 9)
    best = newton_cg.minimise(problem.loss, lams, enough=None)
    rng = np.random.default_rng(0)
    whole = newton_cg._Walk._decomposed

    def other(self, h):
        return whole(self, h * rng.uniform(0.2, 5.0, h.shape))

    monkeypatch.setattr(newton_cg._Walk, "_decomposed", other)
    found = newton_cg.minimise(problem.loss, lams, enough=None)
    assert best.rested.all()
    assert found.rested.all()
    np.testing.assert_allclose(found.x, best.x, rtol=1e-9, atol=1e-10)
    monkeypatch.setattr(newton_cg, "ROUNDS", 1)
    assert not newton_cg.minimise(problem.loss, lams, enough=None).rested.any()
