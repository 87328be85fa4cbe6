"""Laws of LOO given the scales: refits, quadrature, tails of gross outliers, and stated errors."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.special import logsumexp

import bayesreg as br
from bayesreg.diagnostics import refit
from bayesreg.engines import base, engine_named
from bayesreg.engines.draws import Sample
from bayesreg.engines.factors import with_factors
from bayesreg.gaussian import integrated_loo

quiet = pytest.mark.filterwarnings("ignore::bayesreg.language.errors.BayesregWarning")


def sparse():
    """Few strong effects among many columns, little more than half as many as rows."""
    rng = np.random.default_rng(20)
    X = rng.standard_normal((40, 25))
    return X, X[:, :3] @ [2.0, -2.0, 1.5] + rng.standard_normal(40)


def log_evidence(X, y, log_scale, log_sigma, unit):
    """Log p(y | s, σ) with b ~ N(0, s²) or N(0, s²σ²) and a flat intercept, arrays of s and σ."""
    n = len(y)
    basis = np.linalg.qr(np.column_stack([np.ones(n), np.eye(n)[:, 1:]]))[0][:, 1:]
    d, v = np.linalg.eigh(basis.T @ X @ X.T @ basis)
    square = np.square(v.T @ basis.T @ y)
    sigma2 = np.exp(2.0 * log_sigma)[..., None]
    own = np.exp(2.0 * log_scale)[..., None] * (sigma2 if unit == "sigma" else 1.0)
    variance = sigma2 + own * np.maximum(d, 0.0)
    log = np.log(2.0 * np.pi * variance) + square / variance
    return -0.5 * (log.sum(axis=-1) + np.log(n))


def brute_force(X, y, row, unit, log_prior):
    """Log p(y_row | the others) by quadrature over log s and log σ on rows."""
    log_s, log_sigma = np.meshgrid(np.linspace(-8.0, 14.0, 221), np.linspace(-3.0, 9.0, 289))
    prior = log_prior(log_s, log_sigma)
    others = np.arange(len(y)) != row

    def total(X, y):
        return logsumexp(log_evidence(X, y, log_s, log_sigma, unit) + prior)

    return total(X, y) - total(X[others], y[others])


@quiet
@pytest.mark.parametrize("away", [0.0, 10.0, 1000.0])
@pytest.mark.parametrize("noise", [None, br.HalfNormal(30.0)], ids=str)
@pytest.mark.parametrize("unit", ["sigma", "y"])
def test_a_row_however_far_out_has_its_density_by_quadrature(unit, noise, away):
    rng = np.random.default_rng(3)
    X = rng.standard_normal((12, 2))
    y = X @ [1.0, -1.0] + rng.standard_normal(12)
    y[0] += away
    hyper = br.HalfCauchy(1.0)
    model = br.Model(br.Normal(hyper, unit=unit), br.Gaussian(noise))
    post = br.sample(model.condition(X, y), seed=1)

    def log_prior(s, v):
        # p(σ²) ∝ 1/σ² is flat in log σ.
        of_sigma = 0.0 if noise is None else noise.log_density(np.exp(v)) + v
        return hyper.log_density(np.exp(s)) + s + of_sigma

    found = post.loo()
    exactly = brute_force(X, y, 0, unit, log_prior)
    assert float(found.elpd_i[0]) == pytest.approx(exactly, abs=0.05 + 3 * found.elpd_i.mcse)
    assert found.warning is False
    if away:
        # Negative control: normal densities at draws of σ have no such tail.
        plain = post.loo("psis")
        assert abs(float(plain.elpd_i[0]) - exactly) > 1.0


@quiet
def test_a_known_scale_in_the_unit_of_y_leaves_nothing_to_chance():
    """Neither a closed form nor draws: σ summed over is exact, as one-dimensional quadrature is."""
    rng = np.random.default_rng(5)
    X = rng.standard_normal((9, 2))
    y = X @ [1.0, 0.5] + rng.standard_normal(9)
    post = br.sample(br.Model(br.Normal(0.7), br.Gaussian()).condition(X, y), seed=1, draws=200)
    found = post.loo()
    assert found.elpd_i.mcse < 1e-9

    log_sigma = np.linspace(-4.0, 5.0, 4001)
    log_s = np.full(4001, np.log(0.7))
    for row in (0, 4):
        others = np.arange(9) != row
        exactly = logsumexp(log_evidence(X, y, log_s, log_sigma, "y"))
        exactly -= logsumexp(log_evidence(X[others], y[others], log_s, log_sigma, "y"))
        assert float(found.elpd_i[row]) == pytest.approx(exactly, abs=1e-8)


# Forty posteriors without a row each, 12 000 draws of `gibbs` each, y_i predicted given the scales:
# what `refits_of` computes. Its Monte Carlo error is the second number.
SPARSE = (-66.187, 0.018)


def refits_of(problem, draws, engine="gibbs"):
    """Σ log p(y_i | y_-i) by brute force, and its Monte Carlo error."""
    total, square = 0.0, 0.0
    for row in range(problem.design.n):
        rows = np.array([row])
        train = refit.without(problem, rows)
        # Many short runs of one kernel, which is compiled once for all.
        short = base.run(
            engine_named(engine), train, draws=draws, seed=row, progress=False, compiled=True
        )
        sample = Sample.of(with_factors(short), r_eff=1.0)
        values = integrated_loo.predicting(train, problem.design, sample, rows)[0]
        weight = np.exp(values - values.max())
        total += values.max() + np.log(weight.mean())
        square += weight.var() / weight.mean() ** 2 / len(values)
    return total, float(np.sqrt(square))


@quiet
@pytest.mark.slow
def test_the_stated_error_covers_the_error_whatever_the_engine():
    problem = br.Model(br.Laplace()).condition(*sparse())
    truth, noise = SPARSE
    z, control = [], []
    for engine, seed in (("tilted", 1), ("tilted", 2), ("tilted", 3), ("gibbs", 4)):
        post = br.sample(problem, engine=engine, seed=seed)
        found, plain = post.loo(), post.loo("psis")
        assert found.elpd_i.mcse < 0.15
        z.append((found.elpd - truth) / np.hypot(found.elpd_i.mcse, noise))
        control.append((plain.elpd - truth) / np.hypot(plain.elpd_i.mcse, noise))
    assert np.abs(z).max() < 3.0
    # Negative control: importance sampling of β is too high by more than it says.
    assert np.max(control) > 3.0


@quiet
@pytest.mark.slow
@pytest.mark.parametrize("prior", [br.Normal(), br.Laplace(), br.Horseshoe()], ids=str)
def test_no_prior_is_favoured_by_its_engine(prior):
    """Errors against brute-force refits, over data sets and seeds: within three stated errors."""
    z = []
    for data in range(2):
        rng = np.random.default_rng([24, data])
        X = rng.standard_normal((24, 12))
        y = X[:, :2] @ [1.5, -1.5] + rng.standard_normal(24)
        problem = br.Model(prior).condition(X, y)
        truth, noise = refits_of(problem, 1500)
        for seed in range(3):
            found = br.sample(problem, seed=seed).loo()
            z.append((found.elpd - truth) / np.hypot(found.elpd_i.mcse, noise))
    assert np.abs(z).max() < 3.5
    assert abs(np.mean(z)) < 1.5


def test_an_error_shared_by_rows_is_counted_once_for_each():
    """Five copies of a row share their draws: five times the error, not √5 times."""
    rng = np.random.default_rng(7)
    X = rng.standard_normal((30, 3))
    y = X @ [1.0, -1.0, 0.5] + rng.standard_normal(30)
    w = np.ones(30)
    model = br.Model(br.Laplace())
    one = br.sample(model.condition(X, y, weights=w), seed=1, draws=400)
    values = one.loo()
    five = dataclasses.replace(one.draws, problem=model.condition(X, y, weights=5 * w))
    # The same draws: only how often a row counts in the sum differs.
    from bayesreg.diagnostics.leave_one_out import _psis

    a = _psis(one.problem.design, Sample.of(one.draws, r_eff=1.0), None)
    b = _psis(five.problem.design, Sample.of(five, r_eff=1.0), None)
    assert b.mcse == pytest.approx(5 * a.mcse, rel=1e-9)
    assert values.elpd_i.mcse > 0.0


@pytest.mark.parametrize("tight", [1.0, 1e-4, 1e-8, 1e-12])
def test_leverages_of_rows_that_are_interpolated_keep_their_digits(tight):
    """1 − h is Σ U²/(1 + d²v/σ²) by singular values, however near 0; given v it cancels nothing."""
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(20, 60)), rng.normal(size=20)
    problem = br.Model(br.Normal(1.0, unit="sigma"), br.Gaussian(sigma=1.0)).condition(
        x, y, intercept=False
    )
    kappa = tight * rng.uniform(0.5, 1.0) * np.ones((1, 60))
    rows, _, _ = integrated_loo.projected(problem.coordinates, x, y)
    unit = x / np.linalg.norm(x, axis=0)
    left, size, _ = np.linalg.svd(unit, full_matrices=False)
    ratio = (1.0 - kappa[0, 0]) / kappa[0, 0]
    rest = np.square(left) @ (1.0 / (1.0 + ratio * size**2))
    found = integrated_loo._solve(problem, kappa, integrated_loo._Rows.of(problem, rows))[1][0]
    assert np.max(np.abs(1.0 - found - rest)) < 1e-13
    held = integrated_loo._Rows.of(problem, rng.normal(size=(3, 60)))
    assert held.made is None  # new rows are no combinations of those that were fitted
    across = np.linalg.svd(unit, full_matrices=False)[2] @ held.v.T
    square = np.square(size)[:, None]
    apart = np.sum(np.square(held.v.T), axis=0) - np.sum(np.square(across), axis=0)
    brute = ratio * (apart + np.sum(np.square(across) / (1.0 + ratio * square), axis=0))
    # Their own spread is all that cancels, to 1/κ of the digits.
    near = max(1e-12, 1e-14 / tight)
    assert integrated_loo._solve(problem, kappa, held)[1][0] == pytest.approx(brute, rel=near)
