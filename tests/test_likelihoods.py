"""Laws of a likelihood by itself: density, derivatives, dual, moments, draws, and its response."""

from __future__ import annotations

import dataclasses
import warnings
from functools import partial

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import optimize, stats
from scipy.special import expit

import bayesreg as br
from bayesreg.language.errors import BadArgument, BadData
from bayesreg.likelihoods import ConstantCurvature, NormalMixture
from tests.cases import LIKELIHOODS, PRIORS

KINDS = pytest.mark.parametrize("kind", LIKELIHOODS.values(), ids=list(LIKELIHOODS))
CONVEX = {name: kind for name, kind in LIKELIHOODS.items() if kind.convex}
CONVEX_KINDS = pytest.mark.parametrize("kind", CONVEX.values(), ids=list(CONVEX))
ETA = np.array([-30.0, -4.0, -0.7, 0.0, 0.02, 1.0, 2.5, 17.0])
HEAVY = ("StudentTNoise", "LaplaceNoise")  # touched from above, not by their curvature


def responses(kind):
    """Values of y that this likelihood can have."""
    return np.unique(kind.draw(np.random.default_rng(3), np.repeat([-1.5, 0.4, 2.0], 8)).round(2))


def is_whole(kind):
    """Whether y has whole values."""
    return kind.likelihood.counts or kind.likelihood.takes_labels


def support(kind):
    """Whole values of y beyond which there is no probability to speak of."""
    top = int(kind.theta.get("trials", 1 if kind.likelihood.takes_labels else 4000))
    return np.arange(top + 1.0)


def loss(kind, y, eta):
    """φ·(−log p), which `derivatives` and `fenchel_young` speak of."""
    phi = float(kind.likelihood.dispersion(kind.theta))
    return -phi * kind.likelihood.log_density(y, eta, kind.theta)


def least(kind, y, u):
    """min over η of the loss − uη, by bisection and parabolas."""
    found = optimize.minimize_scalar(
        lambda v: float(loss(kind, y, v)) - u * v,
        bounds=(-60, 60),
        method="bounded",
        options={"xatol": 1e-9},
    )
    return found.fun


def expected(kind, eta, of):
    """E of a function of y, by a sum or by quadrature over the quantiles."""
    if is_whole(kind):
        y = support(kind)
        return float(np.exp(kind.likelihood.log_density(y, eta, kind.theta)) @ of(y))
    nodes, weights = np.polynomial.legendre.leggauss(400)
    total = 0.0
    for low, high in ((-1e4, -60.0), (-60.0, 0.0), (0.0, 60.0), (60.0, 1e4)):
        y = eta + 0.5 * (low + high) + 0.5 * (high - low) * nodes
        density = np.exp(kind.likelihood.log_density(y, eta, kind.theta))
        total += 0.5 * (high - low) * float(weights @ (density * of(y)))
    return total


# --- density, derivatives, dual --------------------------------------------------------------


def nbinom(y, eta, theta):
    """scipy's, whose p is r/(r + μ)."""
    r = theta["shape"]
    return stats.nbinom.logpmf(y, r, expit(np.log(r) - eta))


SCIPY = {
    "Gaussian": lambda y, eta, theta: stats.norm.logpdf(y, eta, theta["sigma"]),
    "Bernoulli": lambda y, eta, theta: stats.bernoulli.logpmf(y.astype(int), expit(eta)),
    "Binomial": lambda y, eta, theta: stats.binom.logpmf(y, theta["trials"], expit(eta)),
    "Poisson": lambda y, eta, theta: stats.poisson.logpmf(y, np.exp(eta)),
    "NegativeBinomial": nbinom,
    "StudentTNoise": lambda y, eta, theta: stats.t.logpdf(y, theta["df"], eta, theta["sigma"]),
    "LaplaceNoise": lambda y, eta, theta: stats.laplace.logpdf(y, eta, theta["sigma"]),
}


def test_each_likelihood_is_in_the_table():
    """A new one fails here until it is."""
    assert set(LIKELIHOODS) == set(br.likelihoods.__all__) & set(SCIPY)
    known = {"AbsoluteDeviation", "ConstantCurvature", "Likelihood", "NormalMixture"}
    assert set(br.likelihoods.__all__) - known == set(LIKELIHOODS)


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_density_is_that_of_scipy_and_sums_to_one(name):
    kind = LIKELIHOODS[name]
    for y in responses(kind):
        mine = kind.likelihood.log_density(np.full(len(ETA), y), ETA, kind.theta)
        other = SCIPY[name](np.full(len(ETA), y), ETA, kind.theta)
        near = np.abs(ETA) < 16.0  # beyond it scipy's 1 − p has lost its digits
        np.testing.assert_allclose(mine[near], other[near], rtol=1e-9, atol=1e-12)
    for eta in (-3.0, 0.2, 1.9):
        total = expected(kind, eta, np.ones_like)
        assert total == pytest.approx(1.0, abs=1e-6 if name == "StudentTNoise" else 1e-9)


@KINDS
def test_derivatives_are_those_of_the_loss(kind):
    """Central differences away from kinks; and the second is that of the first."""
    h = 1e-5
    eta = ETA[np.abs(ETA) < 10]
    for y in responses(kind):
        eta = eta[np.abs(eta - y) > 1e-3] if not is_whole(kind) else eta
        slope, bend = kind.likelihood.derivatives(y, eta, kind.theta)
        up, down = (kind.likelihood.derivatives(y, eta + s * h, kind.theta)[0] for s in (1, -1))
        rise = (loss(kind, y, eta + h) - loss(kind, y, eta - h)) / (2 * h)
        np.testing.assert_allclose(slope, rise, rtol=1e-6, atol=1e-9 * (1.0 + y))
        np.testing.assert_allclose(bend, (up - down) / (2 * h), rtol=1e-6, atol=1e-9)
        assert not np.allclose(slope, 1.01 * rise, rtol=1e-6)  # the comparison can fail


@KINDS
@pytest.mark.parametrize("size", [40.0, 700.0, 800.0, 1e5])
def test_nothing_overflows_far_out(kind, size):
    """Finite everywhere without a warning, the gradient between its limits."""
    eta = np.array([-size, size])
    rng = np.random.default_rng(0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for y in responses(kind):
            slope, bend = kind.likelihood.derivatives(y, eta, kind.theta)
            omega, z = kind.likelihood.expand(y, eta, kind.theta)
            u = np.array([0.0, 0.3 * slope[1]])
            found = [
                kind.likelihood.log_density(y, eta, kind.theta),
                slope,
                bend,
                omega * (z - eta),
                kind.likelihood.mean(eta, kind.theta),
                kind.likelihood.mean_slope(eta, kind.theta),
                kind.likelihood.variance(eta, kind.theta),
                kind.likelihood.sample(rng, eta, kind.theta),
                kind.likelihood.ppf(0.3, eta, kind.theta),
                kind.likelihood.cdf(y, eta, kind.theta),
            ]
            if kind.convex:
                found.append(kind.likelihood.fenchel_young(y, eta, slope, kind.theta))
                found.append(kind.likelihood.fenchel_young(y, eta, u, kind.theta))
            assert all(np.isfinite(one).all() for one in found)
            assert np.all(omega > 0.0)


@pytest.mark.parametrize("name", [name for name in LIKELIHOODS if name not in HEAVY])
def test_the_quadratic_touches(name):
    """½ω(z − η)² has the slope and the curvature of the loss at η."""
    kind = LIKELIHOODS[name]
    for y in responses(kind):
        slope, bend = kind.likelihood.derivatives(y, ETA, kind.theta)
        omega, z = kind.likelihood.expand(y, ETA, kind.theta)
        np.testing.assert_allclose(omega * (ETA - z), slope, rtol=1e-9)
        np.testing.assert_allclose(omega, bend, rtol=1e-12)


@pytest.mark.parametrize("name", HEAVY)
def test_the_quadratic_lies_nowhere_below_a_heavy_tailed_loss(name):
    """It touches at η, with the slope, and majorises; with 0.9 of its curvature it does not."""
    kind = LIKELIHOODS[name]
    grid = np.concatenate([-np.geomspace(1e-6, 1e6, 400), np.geomspace(1e-6, 1e6, 400)])
    for y in responses(kind):
        for eta in ETA:
            slope, _ = kind.likelihood.derivatives(y, eta, kind.theta)
            omega, z = kind.likelihood.expand(y, eta, kind.theta)
            assert float(omega * (eta - z)) == pytest.approx(float(slope), rel=1e-12, abs=1e-300)
            assert z == y
            step = np.concatenate([grid, [2.0 * (y - eta)]])
            rise = loss(kind, y, eta + step) - loss(kind, y, eta)
            above = slope * step + 0.5 * omega * step**2 - rise
            assert np.all(above >= -1e-9 * (1.0 + np.abs(rise) + np.abs(slope * step)))
            below = slope * step + 0.45 * omega * step**2 - rise
            assert np.any(below < -1e-9)


@CONVEX_KINDS
def test_the_dual_gap_is_fenchel_youngs(kind):
    """At least 0, 0 at u = f′(η), and f(η) + sup_v(uv − f(v)) − uη by brute force."""
    for y in responses(kind):
        slope, _ = kind.likelihood.derivatives(y, ETA, kind.theta)
        at_slope = kind.likelihood.fenchel_young(y, ETA, slope, kind.theta)
        assert np.all(np.abs(at_slope) <= 1e-15 * (1.0 + np.abs(loss(kind, y, ETA))))
        others, _ = kind.likelihood.derivatives(y, np.array([-3.0, -0.5, 0.1, 2.0]), kind.theta)
        others = np.append(others, 0.37 * others)
        for eta in ETA[np.abs(ETA) < 5]:
            gaps = kind.likelihood.fenchel_young(y, eta, others, kind.theta)
            assert np.all(gaps >= 0.0)
            for u, gap in zip(others, gaps, strict=True):
                brute = float(loss(kind, y, eta)) - u * eta - least(kind, y, u)
                assert gap == pytest.approx(brute, rel=1e-6, abs=1e-7 * (1.0 + y * y))


@pytest.mark.parametrize("name", [name for name in CONVEX if name not in HEAVY])
def test_the_dual_gap_is_exact_however_near(name):
    """½Δ²·f″ to leading order: what a difference of losses would lose to rounding."""
    kind = LIKELIHOODS[name]
    for y in responses(kind):
        for eta in (-12.0, -1.0, 0.3, 6.0):
            for step in (1e-3, 1e-6, 1e-9, 1e-12):
                u, _ = kind.likelihood.derivatives(y, eta + step, kind.theta)
                _, bend = kind.likelihood.derivatives(y, eta, kind.theta)
                gap = float(kind.likelihood.fenchel_young(y, eta, u, kind.theta))
                digits = 2e-16 * max(1.0, abs(float(u))) / (step * float(bend))  # of f′ itself
                assert gap == pytest.approx(0.5 * step**2 * bend, rel=2 * step + 4 * digits)


def test_the_dual_gap_beside_a_kink_is_exact():
    """|ρ| + uρ: linear in both, and 0 on either side for the slope of that side."""
    like, theta = br.LaplaceNoise(1.3), {"sigma": 1.3}
    for rest in (-3.0, -1e-12, 0.0, 1e-9, 4.0):
        for u in (-1.0, -0.4, 0.0, 1.0):
            gap = float(like.fenchel_young(rest, 0.0, u, theta))
            assert gap == pytest.approx(abs(rest) + u * rest, rel=1e-15, abs=0.0)
    assert like.fenchel_young(1.0, 0.0, 1.0 + 1e-9, theta) == np.inf


def test_a_loss_without_a_dual_says_so():
    """No finite gap, so that nothing certifies a Student-t optimum as the global one."""
    kind = LIKELIHOODS["StudentTNoise"]
    assert not kind.convex
    assert kind.likelihood.convex is False
    assert np.all(kind.likelihood.fenchel_young(1.0, ETA, 0.0, kind.theta) == np.inf)
    _, bend = kind.likelihood.derivatives(30.0, ETA[:1], kind.theta)
    assert bend[0] < 0.0


def test_outside_the_domain_of_the_conjugate_the_gap_is_infinite():
    """s = u + y is a mean of y, or nothing."""
    for name, pairs in {
        "Bernoulli": ((0.0, -0.1), (0.0, 1.1), (1.0, 0.1), (1.0, -1.1)),
        "Binomial": ((0.0, -0.1), (0.0, 7.1), (4.0, 3.1), (4.0, -4.1)),
        "Poisson": ((0.0, -0.1), (3.0, -3.1)),
        "NegativeBinomial": ((0.0, -0.1), (3.0, 1.8), (3.0, -3.1)),
        "LaplaceNoise": ((0.0, 1.1), (3.0, -1.1)),
    }.items():
        kind = LIKELIHOODS[name]
        for y, u in pairs:
            assert kind.likelihood.fenchel_young(y, 0.3, u, kind.theta) == np.inf
            inside, _ = kind.likelihood.derivatives(y, -0.2, kind.theta)
            assert np.isfinite(kind.likelihood.fenchel_young(y, 0.3, inside, kind.theta))


@pytest.mark.parametrize("name", ["Binomial", "Poisson", "NegativeBinomial"])
def test_a_huge_count_keeps_its_digits(name):
    """At 1e12 the log density is that of a normal at a count's own sd, which terms of 1e13 hide."""
    y = np.array([1e12])
    like, theta = {
        "Binomial": (br.Binomial(), {"trials": 3e12}),
        "Poisson": (br.Poisson(), {}),
        "NegativeBinomial": (br.NegativeBinomial(5e12), {"shape": 5e12}),
    }[name]
    eta = np.log(0.5) if name == "Binomial" else np.log(1e12)
    variance = float(like.variance(eta, theta))
    slope = float(like.mean_slope(eta, theta))
    for sds in (0.0, 1.5, -3.0):
        at = eta + sds * np.sqrt(variance) / slope
        normal = stats.norm.logpdf(sds) - 0.5 * np.log(variance)
        assert float(like.log_density(y, at, theta)[0]) == pytest.approx(normal, abs=2e-5)


def test_a_count_that_hides_its_shape_keeps_the_shape_s_digits():
    """Of 1e15 + 3.3 float64 keeps two digits of 3.3: r is what is passed on, not y + r."""
    y, r, apart = np.array([1e12, 1e15]), 3.3, 0.4
    eta, theta = np.log(y) + apart, {"shape": r}
    wanted = r * -np.expm1(-apart)  # r(μ − y)/(μ + r), r beside μ being below all digits
    slope, bend = br.NegativeBinomial(r).derivatives(y, eta, theta)
    np.testing.assert_allclose(slope, wanted, rtol=1e-10)
    np.testing.assert_allclose(bend, r * np.exp(-apart), rtol=1e-10)
    gap = br.NegativeBinomial(r).fenchel_young(y, eta, 0.0, theta)
    np.testing.assert_allclose(gap, r * (apart + np.expm1(-apart)), rtol=1e-10)


def test_sums_of_many_trials_keep_their_digits():
    """Of 4e16 trials terms of 1e16 would differ by whole nats where the sum itself does not."""
    rng = np.random.default_rng(0)
    m, eta = np.full(40, 1e15), rng.standard_normal(40)
    y = np.round(m * expit(eta))
    total = br.Binomial().summed(y, np.ones(40), {"trials": m})
    step = 1e-8 * rng.standard_normal(40)
    up, at = total(np.vstack([eta + step, eta]), {})
    quadratic = -0.5 * np.sum(m * expit(eta) * expit(-eta) * step**2)
    slope = np.sum((y - m * expit(eta)) * step)
    assert up - at == pytest.approx(quadratic + slope, rel=1e-3)


@KINDS
def test_mean_variance_and_draws(kind):
    """By the density, and by 40 000 draws within 5 standard errors; a mean 0.04 sd off is seen."""
    rng, size = np.random.default_rng(8), 40_000
    for eta in (-2.0, 0.1, 1.3):
        mean = kind.likelihood.mean(eta, kind.theta)
        variance = kind.likelihood.variance(eta, kind.theta)
        tail = 1e-2 if kind.likelihood.link == "identity" else 1e-9  # of a heavy tail, beyond 1e4
        assert expected(kind, eta, lambda y: y) == pytest.approx(mean, rel=1e-6, abs=1e-6)
        second = expected(kind, eta, lambda y, m=mean: np.square(y - m))
        assert second == pytest.approx(float(variance), rel=tail)
        drawn = kind.likelihood.sample(rng, np.full(size, eta), kind.theta)
        se = np.sqrt(variance / size)
        assert abs(drawn.mean() - mean) < 5.0 * se
        assert abs(drawn.mean() - mean - 0.04 * np.sqrt(variance)) > 3.0 * se
        if is_whole(kind):
            spread = np.square(drawn - mean)
            assert abs(spread.mean() - variance) < 5.0 * spread.std() / np.sqrt(size)
            assert set(np.unique(drawn)) <= set(support(kind))


def test_a_variance_that_is_infinite_is_said_to_be():
    """Student-t noise with ν ≤ 2; its centre stays what η is."""
    like = br.StudentTNoise(1.5, 2.0)
    for df in (0.7, 2.0):
        assert np.all(like.variance(ETA, {"df": df, "sigma": 2.0}) == np.inf)
    assert like.variance(0.0, {"df": 3.0, "sigma": 2.0}) == pytest.approx(12.0)
    assert np.array_equal(like.mean(ETA, {"df": 0.7, "sigma": 2.0}), ETA)


@KINDS
def test_the_slope_of_the_mean(kind):
    """By central differences; under the negative binomial it is no curvature of the loss."""
    h = 1e-6
    like, eta = kind.likelihood, ETA[np.abs(ETA) < 10]
    rise = (like.mean(eta + h, kind.theta) - like.mean(eta - h, kind.theta)) / (2 * h)
    np.testing.assert_allclose(like.mean_slope(eta, kind.theta), rise, rtol=1e-7, atol=1e-9)
    if "shape" in kind.theta:
        _, bend = like.derivatives(0.0, eta, kind.theta)
        assert not np.allclose(bend, rise, rtol=0.1)


@KINDS
def test_cdf_quantiles_and_draws_agree(kind):
    """cdf by the density, ppf its inverse, and draws uniform through it; at η + ¼ not."""
    rng, like = np.random.default_rng(12), kind.likelihood
    for eta in (-1.0, 0.3, 1.6):
        for prob in (0.003, 0.2, 0.5, 0.93):
            y = float(like.ppf(prob, eta, kind.theta))
            reached = float(like.cdf(y, eta, kind.theta))
            below = float(like.cdf(y - (0.5 if is_whole(kind) else 1e-7), eta, kind.theta))
            assert below <= prob + 1e-12
            assert reached >= prob - 1e-12
            if is_whole(kind):
                assert y in support(kind)
                direct = np.exp(like.log_density(np.arange(y + 1), eta, kind.theta)).sum()
                assert reached == pytest.approx(direct, rel=1e-10)
            else:
                assert reached == pytest.approx(prob, rel=1e-9)
        drawn = like.sample(rng, np.full(4000, eta), kind.theta)
        for off, agree in ((0.0, True), (0.25, False)):
            low = like.cdf(drawn - (1.0 if is_whole(kind) else 0.0), eta + off, kind.theta)
            high = like.cdf(drawn, eta + off, kind.theta)
            through = low + rng.random(4000) * (high - low)
            assert bool(stats.kstest(through, "uniform").pvalue > 1e-4) is agree


@KINDS
def test_the_constant_fit(kind):
    """`first_guess` is the optimum of a constant η, near enough where the loss has no one form."""
    rng = np.random.default_rng(4)
    y = kind.draw(rng, np.full(50, 0.8))
    w = rng.integers(1, 4, 50).astype(float)
    guess = kind.likelihood.first_guess(y, w, kind.theta)

    def total(eta):
        return float(w @ loss(kind, y, np.full(50, eta)))

    slope, _ = kind.likelihood.derivatives(y, np.full(50, guess), kind.theta)
    if not kind.convex:
        found = optimize.minimize_scalar(total, bounds=(-20, 20), method="bounded")
        assert abs(guess - found.x) < 3.0 * 1.3 / np.sqrt(w.sum())
    elif kind.likelihood.link == "identity" and kind.likelihood.dispersion(kind.theta) == 1.3:
        at_kink = w @ (y == guess)
        assert abs(w @ slope) <= at_kink
    else:
        assert w @ slope == pytest.approx(0.0, abs=1e-9 * w.sum())
    assert total(guess) <= min(total(guess + 0.3), total(guess - 0.3))


@KINDS
def test_the_information_of_a_row(kind):
    """`unit_sd` is one over the root of E(score²), in units of σ where there is one."""
    rng = np.random.default_rng(4)
    y = kind.draw(rng, np.full(3000, 0.8))
    w = rng.integers(1, 4, 3000).astype(float)
    like = kind.likelihood
    phi = float(like.dispersion(kind.theta))
    score = lambda y: np.square(like.derivatives(y, 0.8, kind.theta)[0] / phi)  # noqa: E731
    information = expected(kind, 0.8, score) * kind.theta.get("sigma", 1.0) ** 2
    assert like.unit_sd(y, w, kind.theta) == pytest.approx(1 / np.sqrt(information), rel=0.05)
    assert np.isfinite(like.unit_sd(y, w, like.unknowns | {"trials": 7.0}))


def test_nothing_but_zeros_or_ones_still_has_a_first_guess():
    for name in ("Bernoulli", "Binomial", "Poisson", "NegativeBinomial"):
        kind = LIKELIHOODS[name]
        for y in (np.zeros(4), np.full(4, kind.theta.get("trials", 1.0))):
            assert np.isfinite(kind.likelihood.first_guess(y, np.ones(4), kind.theta))
            assert np.isfinite(kind.likelihood.unit_sd(y, np.ones(4), kind.theta))


def test_limits_of_shape_and_df():
    """The negative binomial tends to Poisson as 1/shape, Student-t noise to a Gaussian as 1/df."""
    y, eta = np.arange(30.0), 1.7
    poisson = br.Poisson().log_density(y, eta, {})
    z = np.linspace(-4.0, 4.0, 41)
    gaussian = br.Gaussian(1.3).log_density(z, 0.2, {"sigma": 1.3})
    for large in (1e4, 1e6, 1e8, 1e12):
        other = br.NegativeBinomial(large).log_density(y, eta, {"shape": large})
        far = np.max(np.abs(other - poisson))
        assert far < 400.0 / large + 1e-11
        assert far > 10.0 / large or large > 1e9
        noise = br.StudentTNoise(large, 1.3).log_density(z, 0.2, {"sigma": 1.3, "df": large})
        assert np.max(np.abs(noise - gaussian)) < 40.0 / large + 1e-12


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("weighted", [False, True], ids=["rows", "frequencies"])
@KINDS
def test_the_node_is_the_density(kind, weighted):
    """Up to a constant, frequencies included: its change between two values of a shift of η."""
    import pymc as pm

    rng = np.random.default_rng(5)
    eta = rng.normal(0.0, 2.0, 12)
    y = kind.draw(rng, eta)
    w = rng.integers(1, 5, 12).astype(float)
    with pm.Model() as model:
        shift = pm.Normal("shift", 0.0, 1.0)
        kind.likelihood.node("y", y, eta + shift, kind.theta, w if weighted else None)
    log = model.compile_logp()
    counts = w if weighted else np.ones(12)

    def mine(at):
        density = kind.likelihood.log_density(y, eta + at, kind.theta)
        return counts @ density + stats.norm.logpdf(at)

    change = float(log({"shift": 0.9})) - float(log({"shift": -0.3}))
    assert change == pytest.approx(mine(0.9) - mine(-0.3), rel=1e-9)
    assert change != pytest.approx(mine(0.9) - mine(-0.29), rel=1e-3)


# --- the response ----------------------------------------------------------------------------

CODES = [0, 1, 1, 0, 1, 0, 0, 1]
TRUTH = np.array(CODES, dtype=bool)
TEXT = np.where(TRUTH, "yes", "no")

# What y may look like, and its labels in order.
RESPONSES = {
    "floats": (np.array(CODES, dtype=float), (0.0, 1.0)),
    "integers": (np.array(CODES), (0, 1)),
    "list": (CODES, (0, 1)),
    "tuple of bools": (tuple(TRUTH.tolist()), (False, True)),
    "bools": (TRUTH, (False, True)),
    "one and two": (np.array(CODES) + 1, (1, 2)),
    "minus one and one": (2.0 * TRUTH - 1.0, (-1.0, 1.0)),
    "text": (TEXT, ("no", "yes")),
    "list of np.str_": (list(TEXT), ("no", "yes")),
    "objects": (TEXT.astype(object), ("no", "yes")),
    "column": (TRUTH[:, None].astype(float), (0.0, 1.0)),
    "pandas": (pd.Series(TEXT, name="sick", index=range(7, 15)), ("no", "yes")),
    "pandas categorical": (pd.Series(pd.Categorical(TEXT)), ("no", "yes")),
    "pandas nullable": (pd.Series(CODES, dtype="Int64"), (0, 1)),
    "pandas boolean": (pd.Series(TRUTH, dtype="boolean"), (False, True)),
    "pandas frame": (pd.DataFrame({"sick": TEXT}), ("no", "yes")),
    "polars": (pl.Series("sick", TEXT.tolist()), ("no", "yes")),
    "polars boolean": (pl.Series("sick", TRUTH.tolist()), (False, True)),
    "polars categorical": (pl.Series("sick", TEXT.tolist(), dtype=pl.Categorical), ("no", "yes")),
    "arrow": (pa.chunked_array([TEXT.tolist()]), ("no", "yes")),
    "arrow boolean": (pa.chunked_array([TRUTH.tolist()]), (False, True)),
}
COLUMNS = np.column_stack([np.arange(8.0) % 5, np.cos(np.arange(8.0))])


def fitted(y, **more):
    """A fit to these labels."""
    problem = br.Model(br.Normal(1.0), br.Bernoulli(**more)).condition(COLUMNS, y)
    return problem, br.fit_map(problem)


@pytest.mark.parametrize("name", RESPONSES)
def test_any_two_labels_are_a_response(name):
    """The same y, the same fit, and the labels kept as Python values."""
    y, classes = RESPONSES[name]
    problem, fit = fitted(y)
    _, plain = fitted(np.array(CODES, dtype=float))

    assert problem.classes_ == classes
    assert [type(v) for v in problem.classes_] == [type(v) for v in classes]
    assert np.array_equal(problem.design.y, np.array(CODES, dtype=float))
    assert np.array_equal(fit.b, plain.b)
    assert problem.likelihood.classes_ == classes
    assert repr(classes) in repr(problem.likelihood)


@pytest.mark.parametrize("name", [k for k, (_, c) in RESPONSES.items() if c[0] == "no"])
def test_the_positive_label_is_the_one_asked_for(name):
    """The other way round: every sign changes, to the last bit."""
    y, _ = RESPONSES[name]
    _, fit = fitted(y)
    for asked, sign in (("yes", 1.0), ("no", -1.0)):
        problem, other = fitted(y, positive=asked)
        assert problem.classes_[1] == asked
        np.testing.assert_allclose(other.b, sign * fit.b, rtol=1e-12)
        assert other.intercept == pytest.approx(sign * fit.intercept, rel=1e-10)


def test_a_series_keeps_its_name_and_index():
    y = RESPONSES["pandas"][0]
    coded, learnt = br.Bernoulli().read(y)
    assert isinstance(coded, pd.Series)
    assert coded.name == "sick"
    assert coded.index.equals(y.index)
    assert learnt.classes_ == ("no", "yes")
    design = fitted(y)[0].design
    assert design.y_name == "sick"


def test_one_class_known_to_be_of_two_is_read():
    """A training set may lack a class; the labels are those of the whole."""
    likelihood = br.Bernoulli(classes=("no", "yes"))
    coded, same = likelihood.read(["yes", "yes"])
    assert list(coded) == [1.0, 1.0]
    assert same.classes_ == ("no", "yes")


BAD = {
    "three labels": (["a", "b", "c", "a"] * 2, BadData, "3 different values"),
    "proportions": ([0.0, 0.5, 1.0, 1.0] * 2, BadData, "0.5.*proportions"),
    "measurements": (np.linspace(0.1, 3.0, 8), BadData, "measurements are Gaussian"),
    "counts": ([0, 1, 2, 5] * 2, BadData, "4 different values"),
    "missing float": ([0.0, 1.0, np.nan, 1.0] * 2, BadData, "missing in row 2"),
    "missing object": (["no", None, "yes", "no"] * 2, BadData, "missing in row 1"),
    "missing pandas": (pd.Series([0, 1, None, 1] * 2, dtype="Int64"), BadData, "missing in row 2"),
    "missing polars": (pl.Series("y", [True, None] * 4), BadData, "missing in row 1"),
    "mixed types": ([1, "a"] * 4, BadData, "different types"),
    "one label": (["yes"] * 8, BadData, "1 different value "),
    "all ones": (np.ones(8), BadData, "one class"),
    "all false": ([False] * 8, BadData, "one class"),
    "two columns": (np.ones((8, 2)), BadData, "shape"),
    "too few": ([0, 1, 1], BadData, "3"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_response_is_refused_with_advice(name):
    y, error, text = BAD[name]
    with pytest.raises(error, match=text):
        fitted(y)


def test_trials_said_twice_are_refused():
    """A y of successes and failures says them, and trials= says them again."""
    X, y = np.arange(8.0)[:, None], np.tile([[2, 1], [0, 3]], (4, 1))
    with pytest.raises(BadData, match=r"two columns, .* which say the trials already; leave out"):
        br.Model(br.Normal(1.0), br.Binomial()).condition(X, y, trials=y.sum(axis=1))


def test_an_unknown_positive_label_is_refused():
    with pytest.raises(BadArgument, match=r"'maybe' is no label of y.*'no' and 'yes'"):
        fitted(TEXT, positive="maybe")
    with pytest.raises(BadArgument, match="disagree"):
        br.Bernoulli(positive="no", classes=("no", "yes"))
    with pytest.raises(BadArgument, match="two labels"):
        br.Bernoulli(classes=("a", "b", "c"))
    with pytest.raises(BadData, match=r"labels other than the 'no' and 'yes'.*'perhaps'"):
        br.Bernoulli(classes=("no", "yes")).read(["no", "perhaps"])


# --- units -----------------------------------------------------------------------------------

# Every family with a scale; two have a parameter of shape that must be said.
SCALED = [
    partial(type(row[0]), **{k: v for k, v in (("df", 4.0), ("q", 0.8)) if hasattr(row[0], k)})
    for name, (_, row) in PRIORS.items()
    if name not in {"R2D2", "Cauchy", "RegularizedHorseshoe"}
] + [br.Cauchy, br.RegularizedHorseshoe]
FAMILIES = pytest.mark.parametrize("family", SCALED, ids=lambda f: getattr(f, "func", f).__name__)


@FAMILIES
def test_no_unit_of_sigma(family):
    """Declared it is refused; undeclared it is that of η, and an undeclared scale has a tail."""
    with pytest.raises(BadArgument, match="unit='sigma'"):
        br.Model(family(scale=0.7, unit="sigma"), br.Bernoulli())
    with pytest.raises(BadArgument, match="unit='sigma'"):
        br.Model({"a": family(scale=0.7, unit="sigma"), ...: br.Normal(1.0)}, br.Bernoulli())
    undeclared = br.Model(family(), br.Bernoulli())
    assert undeclared.prior.hyper == br.HalfStudentT(3.0, 1.0)
    assert undeclared.prior.unit == "y"
    assert br.Model(family(scale=0.7), br.Bernoulli()).prior.scale == 0.7
    # Under Gaussian noise the same words still mean the half-Cauchy in units of σ.
    assert br.Model(family()).prior.hyper == br.HalfCauchy(1.0)


@FAMILIES
def test_the_default_scale_survives_copies(family):
    """``dataclasses.replace`` of prior or model, and a second conditioning."""
    model = br.Model(family(), br.Bernoulli())
    moved = dataclasses.replace(model, prior=dataclasses.replace(model.prior, loc=0.3))
    again = br.Model(model.prior, br.Bernoulli())
    for one in (moved, again, dataclasses.replace(model, likelihood=br.Bernoulli("yes"))):
        assert one.prior.hyper == br.HalfStudentT(3.0, 1.0)
        assert one.prior.unit == "y"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", br.BayesregWarning)
        problem = model.condition(COLUMNS, TEXT)
        again = br.Model.of(problem).condition(COLUMNS, TEXT)
        assert again.blocks[0].hyper == problem.blocks[0].hyper


def test_a_problem_given_its_own_rows_again_is_the_same():
    """Rows that were read once are not read as labels again, whatever the labels are."""
    for y, more in ((TEXT, {"positive": "no"}), (np.array(CODES), {"positive": 0}), (TRUTH, {})):
        problem, fit = fitted(y, **more)
        again = br.Model.of(problem).condition(problem.design)
        assert again.classes_ == problem.classes_
        assert np.array_equal(br.fit_map(again).b, fit.b)


def test_the_default_scale_survives_a_file(tmp_path):
    model = br.Model(br.Laplace(), br.Bernoulli(positive="no"))
    fit = br.fit_map(model.condition(COLUMNS, TEXT).at(scale=1.2))
    fit.save(tmp_path / "fit.bayesreg")
    back = br.load(tmp_path / "fit.bayesreg")

    assert back.problem.classes_ == ("yes", "no")
    assert back.problem.likelihood == fit.problem.likelihood
    assert back.problem.prior.hyper == br.HalfStudentT(3.0, 1.0)
    assert np.array_equal(back.b, fit.b)
    assert np.array_equal(back.beta, fit.beta)
    assert back.certificate.ok


@pytest.mark.filterwarnings("ignore::bayesreg.language.errors.BayesregWarning")
def test_a_number_of_effects_is_a_scale_in_units_of_eta():
    """m/(p − m)·σ̃/√N with σ̃ = 1/√(ȳ(1 − ȳ)) (Piironen & Vehtari 2017, §3), weights counted."""
    rng = np.random.default_rng(2)
    X, y = rng.normal(size=(30, 10)), (rng.random(30) < 0.2).astype(float)
    for w in (None, rng.integers(1, 4, 30).astype(float)):
        model = br.Model(br.RegularizedHorseshoe(expected_nonzero=3.0), br.Bernoulli())
        problem = model.condition(X, y, weights=w, standardize=True)
        v = np.ones(30) if w is None else w
        share = (v @ y + 0.5) / (v.sum() + 1.0)
        expected = 3.0 / 7.0 / np.sqrt(share * (1 - share)) / np.sqrt(v.sum())
        hyper = problem.blocks[0].hyper
        assert isinstance(hyper, br.HalfStudentT)
        assert hyper.scale == pytest.approx(expected, rel=1e-12)
    gaussian = br.Model(br.Horseshoe(expected_nonzero=3.0)).condition(X, y, standardize=True)
    assert isinstance(gaussian.blocks[0].hyper, br.HalfCauchy)


def test_capabilities_are_types():
    """What solvers and engines ask of a likelihood."""
    assert isinstance(br.Gaussian(), ConstantCurvature)
    assert isinstance(br.Bernoulli(), NormalMixture)
    assert not isinstance(br.Bernoulli(), ConstantCurvature)
    assert br.Bernoulli().why_not_augmented(np.array([1.0, 2.0]), {}) is None
    assert "whole" in br.Bernoulli().why_not_augmented(np.array([1.0, 2.5]), {})
    few, many = {"trials": np.array([3.0, 5.0])}, {"trials": np.array([3.0, 500.0])}
    assert br.Binomial().why_not_augmented(np.array([1.0, 2.0]), few) is None
    assert "sums" in br.Binomial().why_not_augmented(None, many)
    assert "whole" in br.Binomial().why_not_augmented(np.array([0.5, 1.0]), few)
