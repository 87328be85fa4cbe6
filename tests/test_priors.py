"""Laws of the priors: density, penalty, prox, mixture and PyMC node say the same thing."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad

import bayesreg as br
from bayesreg.language import families
from bayesreg.language.errors import BadArgument, NotSupported
from bayesreg.priors import HyperPrior, Majorised, Penalised, Power, Prior, ScaleMixture
from bayesreg.priors.horseshoe import log_scaled_exp1
from tests.cases import PRIORS as TABLE
from tests.cases import priors

PRIORS = priors()
HYPERS = [
    (br.HalfCauchy(1.7), stats.halfcauchy(scale=1.7)),
    (br.HalfNormal(0.6), stats.halfnorm(scale=0.6)),
    (br.HalfStudentT(3.5, 1.2), stats.t(3.5, scale=1.2)),
    (br.Exponential(2.5), stats.expon(scale=1 / 2.5)),
    (br.Uniform(0.5, 2.5), stats.uniform(0.5, 2.0)),
    (br.InverseGammaSquared(2.2, 1.3), None),
    (br.BetaPrimeSquared(1.6, 0.7), None),
    (br.BetaPrimeSquared(0.5, 0.5), stats.halfcauchy()),
    (br.BetaPrimeSquared(0.5, 0.5, 2.5), stats.halfcauchy(scale=2.5)),
    (br.Gamma(2.3, 0.4), stats.gamma(2.3, scale=1 / 0.4)),
    (br.HalfNormalInverseRoot(0.8), stats.invgamma(0.5, scale=0.5 / 0.8**2)),
]
ids = [repr(p) for p in PRIORS]


def side(prior: Prior, scale: float, upto: float = math.inf) -> float:
    """∫ of the density over 0 < b − loc < upto, by trapezoids in log(b − loc).

    There the integrand is analytic and vanishes at both ends, pole or not, so that they are exact;
    an upper end in the middle costs 1e-3.
    """
    w = np.arange(-100.0, min(math.log(upto), 45.0), 0.1)
    centred = dataclasses.replace(prior, loc=0.0)  # loc + e^w would round
    return 0.1 * float(np.exp(centred.log_density(np.exp(w), scale) + w).sum())


def total(prior: Prior, scale: float) -> float:
    """∫ density, which is even about loc."""
    u = np.array([0.03, 0.7, 5.0])
    left, right = (prior.log_density(prior.loc + sign * u, scale) for sign in (-1.0, 1.0))
    centred = dataclasses.replace(prior, loc=0.0).log_density(u, scale)
    np.testing.assert_allclose(left, right, rtol=1e-12)
    np.testing.assert_allclose(right, centred, rtol=1e-12)
    return 2.0 * side(prior, scale)


def test_the_table_has_every_prior():
    """A prior that is not in the table is not tested: add its row."""
    assert set(TABLE) == set(families.PRIORS) - {"Flat"}
    for name, (kind, row) in TABLE.items():
        for prior in row:
            assert type(prior).__name__ == name
            assert isinstance(prior, ScaleMixture)
            assert isinstance(prior, Penalised) == (kind == "penalised")
            assert isinstance(prior, Majorised) == (kind != "mixture")


@pytest.mark.parametrize("prior", PRIORS, ids=ids)
def test_density_integrates_to_one(prior):
    """At a scale other than its own, so that nothing hard-coded passes."""
    assert abs(total(prior, 1.9) - 1.0) < 1e-8


def test_a_density_without_its_constant_is_caught():
    """Negative control: a forgotten log 2 is far outside the tolerance."""
    prior = br.Laplace(2.3, 0.4)
    assert abs(2 * total(prior, 1.9) - 1.0) > 0.5


@pytest.mark.parametrize("prior", [p for p in PRIORS if isinstance(p, Penalised)], ids=repr)
@pytest.mark.parametrize("sigma", [0.7, 3.1])
def test_penalty_is_minus_log_density(prior, sigma):
    """σ²·(log p(loc) − log p(b)) = λ₁|b − loc| + ½λ₂(b − loc)²."""
    b = np.array([-2.3, -0.1, 0.0, 0.9, 4.2])
    effective = prior.scale * (sigma if prior.unit == "sigma" else 1.0)
    drop = prior.log_density(prior.loc, effective) - prior.log_density(b, effective)
    u = b - prior.loc
    penalty = prior.l1(sigma) * np.abs(u) + 0.5 * prior.l2(sigma) * u * u
    np.testing.assert_allclose(sigma**2 * drop, penalty, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("prior", [p for p in PRIORS if isinstance(p, Penalised)], ids=repr)
def test_prox_is_the_brute_force_minimiser(prior):
    """Against a fine grid around the answer."""
    sigma, step = 1.3, 0.6
    for u in (-2.0, -0.3, 0.25, 1.7):
        grid = np.linspace(-3, 3, 600_001)
        v = grid - prior.loc
        value = 0.5 * (grid - u) ** 2 + step * (
            prior.l1(sigma) * np.abs(v) + 0.5 * prior.l2(sigma) * v * v
        )
        assert abs(float(prior.prox(u, step, sigma)) - grid[np.argmin(value)]) < 2e-5


@pytest.mark.parametrize("prior", PRIORS, ids=ids)
def test_mixture_has_the_density_as_marginal(prior):
    """sd·z, z ~ N(0, 1), has the prior's distribution function, and so have its own draws."""
    rng = np.random.default_rng(3)
    scale, size = 1.9, 20_000
    groups = np.ones(getattr(prior, "parts", 1), dtype=np.intp)
    sd = prior.sample_sds(rng, np.full(size, scale), groups)[:, -1]
    mixed = prior.loc + sd * rng.standard_normal(size)
    direct = prior.sample(rng, size, scale)
    assert stats.ks_2samp(mixed, direct).pvalue > 1e-4
    probe = np.array([-3.0, -0.7, 0.3, 1.1, 3.5])
    exact = [_cdf(prior, x, scale) for x in probe]
    for draws in (mixed, direct):
        empirical = np.mean(draws[:, None] <= probe, axis=0)
        np.testing.assert_allclose(empirical, exact, atol=1e-3 + 5 * 0.5 / math.sqrt(size))


def test_a_mixture_of_another_law_is_caught():
    """Negative control: the horseshoe's local scales under the density of the horseshoe+."""
    rng = np.random.default_rng(3)
    sd = br.Horseshoe(1.0).sample_sds(rng, np.full(20_000, 1.9), np.ones(1, dtype=np.intp))[:, 0]
    share = np.mean(sd * rng.standard_normal(20_000) <= -3.0)
    assert abs(share - _cdf(br.HorseshoePlus(1.0), -3.0, 1.9)) > 1e-3 + 5 * 0.5 / math.sqrt(20_000)


def _cdf(prior: Prior, x: float, scale: float) -> float:
    return 0.5 + math.copysign(side(prior, scale, abs(x - prior.loc)), x - prior.loc)


def test_scaled_exponential_integral():
    """Against quadrature of ∫ e^(−xη)/(1 + η) dη, across the switch at 50."""
    for x in (1e-6, 0.1, 1.0, 20.0, 49.9, 50.1, 700.0):
        value = quad(lambda v, x=x: math.exp(-v) / (x + v), 0, 60, epsrel=1e-12, limit=500)[0]
        tail = 0.0 if x > 1 else quad(lambda v, x=x: math.exp(-v) / (x + v), 60, 90)[0]
        assert abs(float(log_scaled_exp1(x)) - math.log(value + tail)) < 1e-9


@pytest.mark.parametrize("hyper, reference", HYPERS, ids=lambda h: repr(h)[:40])
def test_hyperprior_density_and_draws(hyper: HyperPrior, reference):
    """The density integrates to 1 and is that of the draws, and scipy's where it has one."""
    top = 2.5 if isinstance(hyper, br.Uniform) else np.inf
    low = 0.5 if isinstance(hyper, br.Uniform) else 0.0
    area = quad(lambda x: float(np.exp(hyper.log_density(x))), low, top, limit=300)[0]
    assert abs(area - 1.0) < 1e-7
    draws = hyper.sample(np.random.default_rng(2), 20_000)
    median = float(np.median(draws))
    below = quad(lambda x: float(np.exp(hyper.log_density(x))), low, median, limit=300)[0]
    assert abs(below - 0.5) < 5 * 0.5 / math.sqrt(20_000)
    for x in (0.6, 1.3, 2.4):
        assert hyper.log_density_of_log(math.log(x)) == pytest.approx(
            float(hyper.log_density(x)) + math.log(x), rel=1e-12
        )
    if reference is not None:
        fold = math.log(2.0) if isinstance(hyper, br.HalfStudentT) else 0.0
        np.testing.assert_allclose(hyper.log_density(1.3), reference.logpdf(1.3) + fold, rtol=1e-12)


@pytest.mark.parametrize("hyper", [br.InverseGammaSquared(2.2, 1.3), Power(1.0), Power(0.0)])
def test_inverse_gamma_form_is_the_density(hyper):
    """(a, b) of x² with the Jacobian 2x gives the density of x, up to a constant."""
    a, b = hyper.inverse_gamma
    x = np.array([0.3, 1.1, 2.7])
    form = -(a + 1) * np.log(x**2) - b / x**2 + np.log(2 * x)
    assert np.ptp(hyper.log_density(x) - form) < 1e-12


def test_elastic_net_scales_round_trip():
    """λ₁ = σ²/b and λ₂ = σ²/τ² come back to 1e-14 over forty decades of b/τ."""
    for ratio in 10.0 ** np.arange(-20, 21, 5):
        b, tau, sigma = 1.3 * ratio, 0.7, 2.1
        prior = br.ElasticNet.from_scales(laplace=b, normal=tau)
        assert abs(prior.l1(sigma) * b / sigma**2 - 1) < 1e-14
        assert abs(prior.l2(sigma) * tau**2 / sigma**2 - 1) < 1e-14
        assert dataclasses.replace(prior, mix=0.4) == br.ElasticNet(prior.scale, 0.4)


BAD = [
    (lambda: br.Normal(-1.0), "positive"),
    (lambda: br.Normal(0.0), "positive"),
    (lambda: br.Laplace(float("nan")), "finite"),
    (lambda: br.Laplace(float("inf")), "finite"),
    (lambda: br.Laplace("2"), "number"),
    (lambda: br.Laplace(True), "number"),
    (lambda: br.Laplace([1.0, -2.0]), r"scale\[1\]"),
    (lambda: br.Laplace(1.0, unit="Y"), "unit"),
    (lambda: br.Normal(1.0, loc=float("nan")), "loc"),
    (lambda: br.ElasticNet(1.0, 1.0), "mix"),
    (lambda: br.ElasticNet(1.0, -0.2), "mix"),
    (lambda: br.HalfCauchy(0.0), "scale"),
    (lambda: br.HalfStudentT(-1.0), "df"),
    (lambda: br.Uniform(2.0, 1.0), "lower < upper"),
    (lambda: br.Gaussian(0.0), "sigma"),
    (lambda: br.Gaussian([1.0, 2.0]), "one number"),
    (lambda: br.Normal(Power(1.0)), "proper"),
    (lambda: br.R2D2(scale=1.0), "takes no scale"),
    (lambda: br.R2D2(unit="y"), "unit is always 'sigma'"),
    (lambda: br.R2D2(1.0), "mean is the prior mean of R²"),
    (lambda: br.R2D2(precision=0.0), "precision must be positive"),
    (lambda: br.R2D2(concentration=float("nan")), "concentration must be positive"),
    (lambda: br.R2D2().log_density(1.0, 1.0), "among how many"),
    (lambda: br.RegularizedHorseshoe(slab_scale=0.0), "slab_scale must be positive and finite"),
    (lambda: br.RegularizedHorseshoe(slab_df=float("inf")), "slab_df must be positive and finite"),
    (lambda: br.RegularizedHorseshoe(slab_scale=[1.0, 2.0]), "slab_scale must be one number"),
    (lambda: br.NormalGamma(-1.0), "shape must be positive"),
    (lambda: br.NormalGamma(True), "shape must be a positive number"),
    (lambda: br.Horseshoe(1.0, expected_nonzero=2), "not both"),
    (lambda: br.Laplace(br.HalfCauchy(), expected_nonzero=2), "not both"),
    (lambda: br.HorseshoePlus(unit="y", expected_nonzero=2), "unit must be 'sigma'"),
    (lambda: br.NormalGamma(expected_nonzero=-1), "expected_nonzero must be positive"),
    (lambda: br.Horseshoe(groups="factor"), "list of lists of column names"),
    (lambda: br.Horseshoe(groups=["a", "b"]), "list of lists of column names"),
    (lambda: br.Horseshoe(groups=[[]]), "list of lists of column names"),
    (lambda: br.BetaPrimeSquared(1.0, 0.0), "b must be positive"),
    (lambda: br.Model("regularised_horseshoe()"), "did you mean 'regularized_horseshoe'"),
    (lambda: br.Model("horseshoe+"), r"cannot be read; write a name, .*'laplace\(scale=25\)'"),
    (lambda: br.Model("laplce"), "did you mean 'laplace'"),
    (lambda: br.Model({"a": "flt"}), "did you mean 'flat'"),
    (lambda: br.Model(br.Normal(), likelihood="gauss"), "likelihood"),
]


@pytest.mark.parametrize("build, words", BAD, ids=[str(k) for k in range(len(BAD))])
def test_bad_arguments_are_named(build, words):
    """Fault 55–57: the message names the argument and what is allowed."""
    with pytest.raises(BadArgument, match=words):
        build()


def test_improper_priors_draw_nothing():
    """Flat and Power refuse, and say what to do."""
    with pytest.raises(NotSupported, match="improper"):
        br.Flat().sample(np.random.default_rng(0), 3)
    with pytest.raises(NotSupported, match="improper"):
        Power().sample(np.random.default_rng(0), 3)


def test_unit_is_settled_and_printed():
    """A number is in "y", a hyperprior in "sigma", and every repr says so."""
    assert br.Laplace(2.0).unit == "y"
    assert br.Laplace().unit == "sigma"
    assert "unit='y'" in repr(br.Laplace(2.0))
    assert "unit='sigma'" in repr(br.Horseshoe())
