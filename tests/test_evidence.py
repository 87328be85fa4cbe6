"""Laws of the evidence maximised by draws: against closed forms, quadrature and its own error."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

import bayesreg as br
from bayesreg.criteria.evidence_by_draws import Search, maximise_by_draws
from bayesreg.gaussian.evidence import maximise_evidence
from bayesreg.language.errors import NotSupported
from tests.cases import CASES, others
from tests.test_criteria import log_density
from tests.test_model import condition

pytestmark = pytest.mark.filterwarnings("ignore::bayesreg.language.errors.BayesregWarning")

TABLE = [
    (case, unit, likelihood)
    for case in CASES
    for unit in ("sigma", "y")
    for likelihood in (br.Gaussian(), br.Gaussian(1.1))
    if not (case.name == "wide" and likelihood.sigma != 1.1)
]


def errors(found, sigma, scale):
    """Standardised differences of log σ (where unknown) and log scale."""
    z = [np.log(found.sigma / sigma) / found.sigma_error] if found.sigma_error else []
    return z + list(np.log(found.scale / scale) / found.scale_error)


def test_draws_find_the_maximum_of_a_normal_prior():
    """Every case, unit and σ: within five standard errors, which are neither large nor vain."""
    z = []
    for k, (case, unit, likelihood) in enumerate(TABLE):
        problem = condition(case, br.Model(br.Normal(unit=unit), likelihood))
        exact, found = maximise_evidence(problem), maximise_by_draws(problem, seed=k)
        assert found.at_zero == exact.at_zero
        if exact.at_zero:
            assert found.sigma == pytest.approx(exact.sigma, rel=1e-9)
            continue
        assert found.gain > 1.0
        assert max(found.sigma_error, *found.scale_error) <= 0.005
        z += errors(found, exact.sigma, exact.scale)
    z = np.array(z)
    assert len(z) > 30
    assert np.max(np.abs(z)) < 5.0
    # Mean of some 40 squares of N(0, 1): sd √(2/40) = .22; units and cases share draws, hence 1.
    assert 0.3 < np.mean(z * z) < 2.0


def test_a_maximum_two_per_cent_off_is_found_out():
    """Negative control: the error is small enough to tell, at a tenth of the tolerance."""
    problem = condition(CASES[1], br.Model(br.Normal()))
    exact = maximise_evidence(problem)
    found = maximise_by_draws(problem, seed=1, tolerance=0.0005)
    assert max(map(abs, errors(found, exact.sigma, exact.scale))) < 5.0
    assert max(map(abs, errors(found, exact.sigma, 1.02 * exact.scale))) > 5.0


def test_slope_and_information_are_those_of_the_evidence():
    """Fisher's and Louis's identities away from the maximum, against differences of a formula."""
    problem = condition(CASES[1], br.Model(br.Normal()))
    look = Search.of(problem, 5).look(np.log([1.4, 0.3]), 200_000)

    def value(x, y):
        return log_density(problem, np.exp(x), np.exp(y))

    x, y, h = *look.theta, 1e-3
    slope = [
        (value(x + h, y) - value(x - h, y)) / (2 * h),
        (value(x, y + h) - value(x, y - h)) / (2 * h),
    ]
    bend = np.empty((2, 2))
    bend[0, 0] = (value(x + h, y) - 2 * value(x, y) + value(x - h, y)) / h**2
    bend[1, 1] = (value(x, y + h) - 2 * value(x, y) + value(x, y - h)) / h**2
    corners = value(x + h, y + h) - value(x + h, y - h) - value(x - h, y + h) + value(x - h, y - h)
    bend[0, 1] = bend[1, 0] = corners / (4 * h * h)
    z = (look.slope - slope) / np.sqrt(np.diagonal(look.noise))
    assert np.max(np.abs(z)) < 5.0
    size = np.sqrt(np.outer(np.diagonal(look.complete), np.diagonal(look.complete)))
    assert np.max(np.abs(look.information + bend) / size) < 0.02
    assert np.max(np.abs(look.complete + bend) / size) > 0.05  # control: EM's is another


def orthonormal(p):
    """X'X = 50·I with an intercept, and y with one strong, one weak and further null effects."""
    rng = np.random.default_rng(3)
    columns = np.column_stack([np.ones(50), rng.standard_normal((50, p))])
    X = np.linalg.qr(columns)[0][:, 1:] * np.sqrt(50)
    return X, 2.0 + X @ np.array([1.0, -0.5, 0.1, 0.0])[:p] + rng.standard_normal(50)


def quadrature(problem, sigma, scale):
    """log p(y | σ, scale) for X'X = n·I: a product of one-dimensional integrals."""
    prior, n = problem.blocks[0].prior, problem.gram[0, 0]
    size = scale * (sigma if prior.unit == "sigma" else 1.0)
    centre, sd = problem.xy / n, sigma / np.sqrt(n)
    # u = ±e^x: smooth in x whatever kink or pole the density has at 0, and negligible at the ends.
    x = np.linspace(np.log(size) - 40.0, np.log(np.abs(centre).max() + 10.0 * sd), 6001)
    u = np.exp(x)
    weight = np.exp(prior.log_density(u, size)) * u * (x[1] - x[0])
    value = -(problem.nu - problem.p) * np.log(sigma) - 0.5 * problem.quadratic.rss0 / sigma**2
    for b in centre:
        near = np.exp(-0.5 * ((u - b) / sd) ** 2) + np.exp(-0.5 * ((u + b) / sd) ** 2)
        value += np.log(near @ weight) - np.log(sd)
    return value


def best_by_quadrature(problem, sigma):
    """The maximum of `quadrature` over log scale, and log σ where that is unknown."""

    def loss(theta):
        return -quadrature(problem, np.exp(theta[1]) if len(theta) > 1 else sigma, np.exp(theta[0]))

    start = np.log([0.3]) if sigma else np.log([0.3, 1.0])
    options = {"xatol": 1e-6, "fatol": 1e-10}
    best = np.exp(minimize(loss, start, method="Nelder-Mead", options=options).x)
    return (best[1] if len(best) > 1 else sigma), best[0]


def agrees(prior, p, likelihood):
    """Draws against quadrature, and (control) not against the scale that a larger σ would have."""
    X, y = orthonormal(p)
    problem = br.Model(prior, likelihood).condition(X, y)
    found = maximise_by_draws(problem, seed=2)
    sigma, scale = best_by_quadrature(problem, problem.sigma)
    assert max(found.sigma_error, *found.scale_error) <= 0.005
    assert max(map(abs, errors(found, sigma, scale))) < 5.0
    _, other = best_by_quadrature(problem, 1.5 * sigma)
    assert max(map(abs, errors(found, sigma, other))) > 5.0


@pytest.mark.parametrize(
    "prior, p, likelihood",
    [
        pytest.param(br.Laplace(), 3, br.Gaussian(), id="Laplace"),
        pytest.param(br.Laplace(unit="y"), 1, br.Gaussian(1.0), id="one column"),
    ],
)
def test_draws_meet_quadrature(prior, p, likelihood):
    """Laplace with orthonormal columns and σ unknown, and with one column."""
    agrees(prior, p, likelihood)


@pytest.mark.slow
@pytest.mark.parametrize("likelihood", [br.Gaussian(), br.Gaussian(1.0)], ids=["σ unknown", "σ"])
@pytest.mark.parametrize(
    "prior",
    [
        br.Laplace(unit="y"),
        br.ElasticNet(mix=0.3),
        br.StudentT(3.0),
        br.Cauchy(),
        br.Bridge(0.5),
        br.Horseshoe(),
        br.HorseshoePlus(),
        br.NormalGamma(0.5),
        *others([br.StudentT(), br.Cauchy(), br.Bridge()], "majorised", scale=None, unit=None),
    ],
    ids=lambda p: f"{p.family} {p.unit}",
)
def test_draws_meet_quadrature_for_every_family(prior, likelihood):
    """Every prior whose coefficients are independent given the scale."""
    agrees(prior, 4, likelihood)


def test_several_scales():
    """Two Normal blocks and σ: the maximum of the joint normal density of y."""
    case = CASES[1]
    names = {"c0": br.Normal(), ...: br.Normal()}
    problem = br.Model(names).condition(case.frame, case.y, standardize=True)
    root = np.linalg.cholesky(
        np.block([[problem.gram, problem.xy[:, None]], [problem.xy, problem.yy]])
    ).T
    X, y = root[:, :-1], root[:, -1]

    def loss(theta):
        sd = np.exp(np.where(np.arange(problem.p) == 0, theta[1], theta[2]))
        half = np.linalg.cholesky(np.eye(len(y)) + (X * sd**2) @ X.T)
        fit = np.sum(np.square(np.linalg.solve(half, y))) * np.exp(-2 * theta[0])
        return np.log(np.diagonal(half)).sum() + 0.5 * fit + problem.nu * theta[0]

    options = {"xatol": 1e-7, "fatol": 1e-11, "maxiter": 4000}
    best = np.exp(minimize(loss, np.zeros(3), method="Nelder-Mead", options=options).x)
    found = maximise_by_draws(problem, seed=4)
    assert max(map(abs, errors(found, best[0], best[1:]))) < 5.0
    assert max(map(abs, errors(found, best[0], best[:0:-1]))) > 5.0  # control: exchanged
    fit = br.fit_map(problem, seed=4)
    assert fit.scale.to_numpy() == pytest.approx(found.scale)
    assert fit.hyper.count("log scale ±") == 2


def quiet(rows=60):
    """Columns, and y all but orthogonal to every one of them."""
    rng = np.random.default_rng(5)
    X, y = rng.standard_normal((rows, 4)), rng.standard_normal(rows)
    one = np.column_stack([np.ones(rows), X])
    return X, y - 0.999 * one @ np.linalg.lstsq(one, y, rcond=None)[0]


def test_maximum_at_zero_is_said():
    """No effects: scale = 0, β = 0 and σ̂² = ‖ỹ‖²/ν; with an effect it is not said."""
    X, y = quiet()
    problem = br.Model(br.Laplace()).condition(X, y)
    fit = br.fit_map(problem, hyper="evidence")
    assert "scale = 0" in fit.hyper
    assert np.all(fit.beta == 0.0)
    assert fit.sigma == pytest.approx(np.sqrt(problem.yy / problem.nu))
    louder = br.Model(br.Normal(unit="y")).condition(X, y + X[:, 0])
    assert not maximise_by_draws(louder).at_zero


def test_one_of_two_scales_at_zero():
    """A block without effects gets scale 0 and keeps the other one's."""
    X, y = quiet()
    prior = {"x1": br.Normal(), ...: br.Normal()}
    problem = br.Model(prior).condition(X, y + 2.0 * X[:, 0])
    found = maximise_by_draws(problem)
    assert found.scale[0] > 0.1
    assert found.scale[1] == 0.0
    assert not found.at_zero
    fit = br.fit_map(problem)
    assert "scale = 0 for 'rest'" in fit.hyper
    assert np.abs(fit.beta.to_numpy()[1:]).max() < 1e-100


def test_lasso_by_evidence_says_its_error():
    """fit_map by name: λ = σ̂/scale, the error in words, the same for the same seed."""
    problem = condition(CASES[0], br.Model(br.Laplace()))
    fit = br.fit_map(problem, hyper="evidence", seed=3)
    assert "by Monte Carlo (log σ ± " in fit.hyper
    assert "log scale ± 0.00" in fit.hyper
    assert fit.penalty.lam == pytest.approx(fit.sigma / fit.scale)
    assert br.fit_map(problem, hyper="evidence", seed=3).beta.equals(fit.beta)
    assert "cross-validation" in br.fit_map(problem).hyper


def test_without_rows_the_default_is_the_evidence():
    """Moments have no folds to leave out, and draws need none."""
    problem = condition(CASES[0], br.Model(br.Laplace()))
    bare = br.Model(br.Laplace()).condition(problem.moments)
    assert "Monte Carlo" in br.fit_map(bare).hyper


def test_other_seeds_differ_by_their_error():
    """Seeds change the estimate by about what it claims, over thirty of them."""
    problem = condition(CASES[2], br.Model(br.Normal()))
    found = [maximise_by_draws(problem, seed=seed) for seed in range(30)]
    scale = np.log([one.scale[0] for one in found])
    claimed = np.sqrt(np.mean([one.scale_error[0] ** 2 for one in found]))
    assert np.array_equal(maximise_by_draws(problem, seed=0).scale, found[0].scale)
    assert 0.6 < scale.std(ddof=1) / claimed < 1.5  # an sd of 30 values has a relative error of .13


def test_highest_of_two_maxima_is_taken():
    """One strong column of large norm, many weak ones of small norm: the higher maximum."""
    rng = np.random.default_rng(0)
    q, _ = np.linalg.qr(np.column_stack([np.ones(80), rng.standard_normal((80, 30))]))
    for strength in (1.0, 30.0):
        X = q[:, 1:31] * np.r_[300.0, np.full(29, 0.3)]
        y = 3.0 * q[:, 1] + strength * q[:, 2:31].sum(1) + q[:, 0] + 0.3 * rng.standard_normal(80)
        problem = br.Model(br.Normal(unit="y"), br.Gaussian(0.3)).condition(X, y)
        assert len(Search.of(problem, 0).starts) >= 1
        exact, found = maximise_evidence(problem), maximise_by_draws(problem)
        assert max(map(abs, errors(found, 0.3, exact.scale))) < 5.0


@pytest.mark.parametrize(
    "prior, case, match",
    [
        pytest.param(br.Laplace(), "wide", "no maximum", id="p beyond ν"),
        pytest.param(br.RegularizedHorseshoe(), "tall", "share local scales", id="slab"),
    ],
)
def test_refusals(prior, case, match):
    """Where there is no maximum, or no product of densities."""
    problem = condition(next(c for c in CASES if c.name == case), br.Model(prior))
    with pytest.raises(NotSupported, match=match):
        maximise_by_draws(problem)
