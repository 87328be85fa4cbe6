"""Laws of the optima along the scale of a prior whose penalty is not convex."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import bayesreg as br
from bayesreg.language.errors import BadArgument, NotSupported
from bayesreg.solvers import closed_form, coordinate_descent, reweighting
from bayesreg.solvers.certificate import certify
from bayesreg.solvers.objective import Objective
from bayesreg.solvers.scale_path import solve_scales

SIGMA = 54.0
SCALES = np.array([0.3, 30.0, 1.0, 5.0])  # in no order
PRIORS = [br.StudentT(3.0), br.Cauchy(), br.Bridge(0.5, unit="y")]


def diabetes(prior: Any) -> br.Problem:
    data = br.load_dataset("diabetes")
    return br.Model(prior, br.Gaussian(SIGMA)).condition(data.X, data.y, standardize=True)


def in_unit(prior: Any) -> np.ndarray:
    return SCALES if prior.unit == "y" else SCALES / SIGMA


@pytest.mark.parametrize("prior", PRIORS, ids=repr)
def test_every_scale_is_certified_and_as_low_as_many_starts_find(prior: Any) -> None:
    """Multi-start at one scale costs ten times as much, and is what fit_map does."""
    b, seen, problems = solve_scales(diabetes(prior), in_unit(prior), SIGMA)
    several = 0
    for row, count, problem in zip(b, seen, problems, strict=True):
        certificate = certify(problem, row, seen=int(count))
        assert certificate.ok, certificate.why
        objective = Objective.of(problem)
        value = objective.value(objective.unit.reduce(row))
        best = reweighting.solve(problem)
        assert value <= objective.value(objective.unit.reduce(best.b)) * (1.0 + 1e-9)
        assert best.unique == (certificate.unique is True)
        several += count > 1
        # Negative control: with one coefficient moved it is no optimum.
        moved = row.copy()
        moved[2] += 1e-4 * SIGMA / np.sqrt(442.0)
        assert not certify(problem, moved).ok
    assert several >= 1


def test_a_sweep_down_alone_is_not_as_low() -> None:
    """Negative control of the second direction, and of starts of one's own at each scale."""
    prior = br.Bridge(0.5, unit="y")
    scales = np.geomspace(100.0, 1e-3, 15)
    b, _, problems = solve_scales(diabetes(prior), scales, SIGMA)
    follower, worse = None, 0
    for row, problem in zip(b, problems, strict=True):
        follower = reweighting.local(problem, follower)
        objective = Objective.of(problem)
        values = [objective.value(objective.unit.reduce(one)) for one in (row, follower)]
        assert values[0] <= values[1] * (1.0 + 1e-12)
        worse += values[1] > values[0] * (1.0 + 1e-6)
    assert worse > 0


def test_where_the_penalty_is_ridge_or_lasso_in_the_limit() -> None:
    """A Student-t of 1e10 degrees of freedom is a normal, and a bridge of q = 1 a Laplace."""
    for prior, limit, solver, tolerance in (
        (br.StudentT(1e10, unit="y"), br.Normal, closed_form, 1e-8),
        (br.Bridge(1.0, unit="y"), br.Laplace, coordinate_descent, 1e-10),
    ):
        b, seen, _ = solve_scales(diabetes(prior), SCALES, SIGMA)
        assert np.all(seen == 1)
        for row, scale in zip(b, SCALES, strict=True):
            other = solver.solve(diabetes(limit(scale))).b
            assert np.max(np.abs(row - other)) <= tolerance * np.max(np.abs(other), initial=1e-300)


@pytest.mark.parametrize(
    "prior, scales, error, words",
    [
        (br.Cauchy(), [1.0, 0.0], BadArgument, "scales must be positive"),
        (br.Cauchy(), [np.nan], BadArgument, "scales must be positive"),
        (br.Horseshoe(), [1.0], NotSupported, "Horseshoe has no path over its scale"),
        (br.StudentT(3.0, groups=[["bmi", "bp"]]), [1.0], NotSupported, "group"),
        ({"bmi": br.Cauchy(), ...: br.StudentT(3.0)}, [1.0], NotSupported, "2 priors"),
    ],
    ids=["zero", "nan", "a pole", "groups", "two priors"],
)
def test_what_has_no_such_path(prior: Any, scales: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        solve_scales(diabetes(prior), np.array(scales), SIGMA)
