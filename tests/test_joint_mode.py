"""Laws of the joint mode of (β, log σ): concave in units of σ and certified; searched elsewhere."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import bayesreg as br
from bayesreg.criteria.joint_mode import _Curve, _dual_gap, joint_mode
from bayesreg.language.errors import NotSupported
from bayesreg.solvers import closed_form, coordinate_descent
from tests.cases import CASES
from tests.test_model import condition

pytestmark = pytest.mark.filterwarnings("ignore::bayesreg.language.errors.BayesregWarning")

SIGMAS = [
    br.Gaussian(),
    br.Gaussian(br.HalfNormal(0.5)),
    br.Gaussian(br.HalfCauchy(0.3)),
    br.Gaussian(br.HalfStudentT(3.0, 2.0)),
    br.Gaussian(br.Exponential(0.7)),
    br.Gaussian(br.Uniform(0.1, 20.0)),
    br.Gaussian(br.InverseGammaSquared(3.0, 2.0)),
]
PRIORS = [
    br.Laplace(0.4, unit="sigma"),
    br.ElasticNet(0.4, 0.4, unit="sigma"),
    br.Normal(0.4, unit="sigma"),
]


class Counted:
    """The solver for known σ, counting its calls."""

    def __init__(self):
        self.calls = 0

    def __call__(self, problem, start):
        self.calls += 1
        if not np.any(problem.l1):
            return closed_form.solve(problem).b
        return coordinate_descent.solve(problem, start=start).b


def log_joint(problem, b, t):
    """log p(b, log σ | y) up to a constant, from rows and densities alone."""
    sigma = np.exp(t)
    if problem.root is not None:
        r = problem.root[:, -1] - problem.root[:, :-1] @ b
        rss = r @ r
    else:
        rss = problem.yy - 2 * b @ problem.xy + b @ problem.gram @ b
    value = -problem.nu * t - 0.5 * rss / sigma**2 + problem.sigma_prior.log_density_of_log(t)
    for block in problem.blocks:
        scale = problem.effective_scale(block, sigma)
        value += float(block.prior.log_density(b[block.columns] + block.prior.loc, scale).sum())
    return float(value)


@pytest.mark.parametrize("case", [c for c in CASES if "1e-12" not in c.name], ids=str)
@pytest.mark.parametrize("prior", PRIORS, ids=lambda p: p.family)
def test_mode_is_certified_and_nothing_near_or_far_is_higher(case, prior):
    """Stationary to rounding, a gap below 1e-9 nats, and random points in (φ, ρ) are all lower."""
    rng = np.random.default_rng(0)
    for likelihood in SIGMAS:
        problem, solve = condition(case, br.Model(prior, likelihood)), Counted()
        mode = joint_mode(problem, solve)
        assert solve.calls <= 8
        assert abs(mode.slope) <= 1e-12 * (problem.nu + problem.p)
        assert mode.gap <= 1e-9
        assert mode.modes == 1
        t, top = np.log(mode.sigma), log_joint(problem, mode.b, np.log(mode.sigma))
        for size in 10.0 ** np.arange(-6.0, 0.5):
            phi = mode.b / mode.sigma + size * rng.standard_normal(problem.p) * prior.scale
            here = t + size * rng.standard_normal()
            assert log_joint(problem, phi * np.exp(here), here) <= top + 1e-9


def test_a_wrong_sigma_is_found_out():
    """Negative control: one per cent off, and a higher point, a slope and a gap are seen."""
    problem, solve = condition(CASES[1], br.Model(PRIORS[0])), Counted()
    mode, curve = joint_mode(problem, solve), _Curve.of(problem, solve)
    wrong = curve.at(np.log(mode.sigma) + 0.01, None)
    deficit = log_joint(problem, mode.b, np.log(mode.sigma)) - log_joint(problem, wrong.b, wrong.t)
    assert deficit > 1e-3
    assert abs(curve.slope(wrong)) > 0.1
    assert _dual_gap(curve, wrong) >= deficit


@pytest.mark.parametrize("prior", PRIORS, ids=lambda p: p.family)
def test_gap_bounds_the_deficit_of_any_point(prior):
    """Wherever φ and σ are, the optimum is higher by no more than the gap there."""
    rng = np.random.default_rng(3)
    for likelihood in SIGMAS:
        problem, solve = condition(CASES[4], br.Model(prior, likelihood)), Counted()
        mode, curve = joint_mode(problem, solve), _Curve.of(problem, solve)
        top = log_joint(problem, mode.b, np.log(mode.sigma))
        for size in (1e-4, 1e-2, 0.3):
            b = mode.b * (1.0 + size * rng.standard_normal(problem.p))
            t = np.log(mode.sigma) + size * rng.standard_normal()
            moved = _Curve.of(problem, lambda one, start, b=b: b).at(t, None)
            deficit = top - log_joint(problem, b, t)
            assert 0.0 <= deficit <= _dual_gap(curve, moved) + 1e-10


def concavity(problem, rng, pairs):
    """Smallest of F(middle) − mean of F(ends) over random pairs of points (φ, ρ)."""

    def F(phi, rho):
        # In (φ, ρ) the density of (β, log σ): no Jacobian, so that its mode is the same point.
        return log_joint(problem, phi / rho, -np.log(rho))

    worst = np.inf
    for _ in range(pairs):
        phi, rho = rng.standard_normal((2, problem.p)), np.exp(rng.normal(0.0, 1.5, 2))
        ends = 0.5 * (F(phi[0], rho[0]) + F(phi[1], rho[1]))
        worst = min(worst, F(phi.mean(0), rho.mean()) - ends)
    return worst


@pytest.mark.parametrize("likelihood", SIGMAS, ids=repr)
def test_density_is_concave_in_units_of_sigma(likelihood):
    """F at the middle of two points is at least its mean there, for every prior of σ."""
    rng = np.random.default_rng(1)
    for prior in PRIORS:
        assert concavity(condition(CASES[0], br.Model(prior, likelihood)), rng, 200) >= 0.0


def bimodal(scale):
    """Few rows and small noise under a scale in the unit of y."""
    rng = np.random.default_rng(0)
    z = rng.standard_normal((12, 8))
    y = z @ rng.normal(0, 3, 8) + 0.05 * rng.standard_normal(12)
    return br.Model(br.Laplace(scale)).condition(z, y, standardize=True)


def test_density_is_not_concave_in_the_unit_of_y():
    """Negative control: half-way between two modes the density is lower than at both."""
    problem, solve = bimodal(0.3), Counted()
    ends = []
    for t in (np.log(0.034), np.log(9.0)):
        b = solve(problem.at(sigma=float(np.exp(t))), None)
        ends.append((b / np.exp(t), np.exp(-t), log_joint(problem, b, t)))
    phi, rho = 0.5 * (ends[0][0] + ends[1][0]), 0.5 * (ends[0][1] + ends[1][1])
    middle = log_joint(problem, phi / rho, -np.log(rho))
    assert middle < 0.5 * (ends[0][2] + ends[1][2]) - 1.0


@pytest.mark.parametrize("rho", [0.0, 0.999])
@pytest.mark.parametrize("scale", [0.01, 0.3, 10.0])
def test_few_solves_when_columns_almost_reach_the_rows(rho, scale):
    """p = n − 2, correlated or not: the secant still ends in a handful of lassos."""
    rng = np.random.default_rng(0)
    z = rng.standard_normal((60, 58))
    for j in range(1, 58):
        z[:, j] = rho * z[:, j - 1] + np.sqrt(1 - rho**2) * z[:, j]
    y = z[:, :5].sum(axis=1) + rng.standard_normal(60)
    prior = br.Laplace(scale, unit="sigma")
    problem, solve = br.Model(prior).condition(z, y, standardize=True), Counted()
    mode = joint_mode(problem, solve)
    assert solve.calls <= 9
    assert abs(mode.slope) < 1e-11
    assert mode.gap < 1e-6


def test_end_of_the_support_of_sigma():
    """A uniform prior that ends below the mode: σ̂ is its end, and the gap knows it."""
    problem = condition(CASES[1], br.Model(PRIORS[0], br.Gaussian(br.Uniform(0.1, 0.5))))
    mode = joint_mode(problem, Counted())
    assert mode.sigma == pytest.approx(0.5, rel=1e-12)
    assert mode.slope > 1.0
    assert mode.gap < 1e-9


def test_highest_of_two_modes_in_the_unit_of_y():
    """Few rows and small noise: a mode near least squares and one near β = 0; both are seen."""
    taken = set()
    for scale in (0.1, 0.3, 3.0):
        problem = bimodal(scale)
        solve = Counted()
        fit = br.fit_map(problem, hyper="joint")
        grid = np.linspace(-6.0, 4.0, 801)
        values = [
            log_joint(problem, solve(problem.at(sigma=float(np.exp(t))), None), t) for t in grid
        ]
        top = log_joint(problem, fit.b, np.log(fit.sigma))
        assert top >= max(values) - 1e-9
        peaks = sum(a < b > c for a, b, c in zip(values, values[1:], values[2:], strict=False))
        assert ("2 local modes" in fit.hyper) == (peaks == 2)
        taken.add((peaks, fit.sigma > 1.0))
    assert len(taken) >= 2


def test_unbounded_density_is_refused():
    """Columns in the unit of y that interpolate it, under a prior of σ that allows σ → 0."""
    model = br.Model(br.Laplace(1.0), br.Gaussian(br.HalfNormal(1.0)))
    problem = condition(next(c for c in CASES if c.name == "wide"), model)
    with pytest.raises(NotSupported, match="unbounded as σ → 0"):
        br.fit_map(problem, hyper="joint")
    bounded = br.Model(br.Laplace(1.0), br.Gaussian(br.InverseGammaSquared(20.0, 2.0)))
    problem = condition(next(c for c in CASES if c.name == "wide"), bounded)
    assert br.fit_map(problem, hyper="joint").sigma > 0.01


def test_rescaling_y_rescales_the_mode():
    """Equivariance in units of σ, over nine orders of magnitude."""
    case = CASES[1]
    base = br.fit_map(condition(case, br.Model(PRIORS[0])), hyper="joint")
    for factor in (1e-5, 1e4):
        scaled = dataclasses.replace(case, y=case.y * factor)
        fit = br.fit_map(condition(scaled, br.Model(PRIORS[0])), hyper="joint")
        assert fit.sigma == pytest.approx(base.sigma * factor, rel=1e-12)
        np.testing.assert_allclose(fit.b, base.b * factor, rtol=1e-9)
        assert "concave" in fit.hyper
