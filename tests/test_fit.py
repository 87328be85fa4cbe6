"""Laws of the verbs: MAP, closed form and path agree with each other and with definitions."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import bayesreg as br
from bayesreg.language.errors import BadArgument, NotConverged, NotSupported
from bayesreg.solvers.certificate import certify
from tests.cases import CASES
from tests.test_model import condition

pytestmark = pytest.mark.filterwarnings("ignore::bayesreg.language.errors.BayesregWarning")

PRIORS = [br.Normal(0.6), br.Laplace(0.4), br.ElasticNet(0.5, 0.6), br.Normal(0.5, 0.3)]
# Duplicate columns: the lasso's optimum is not unique in b, only in the fit.
UNIQUE = [c for c in CASES if "twins" not in c.name]


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("prior", PRIORS, ids=repr)
def test_every_optimum_is_certified(case, prior):
    """On tall, wide, collinear, weighted and badly scaled data."""
    fit = br.fit_map(condition(case, br.Model(prior, br.Gaussian(1.4))))
    assert fit.certificate.ok, fit.certificate.why


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("prior", PRIORS, ids=repr)
def test_all_routes_meet(case, prior):
    """Closed form, two scipy formulations and coordinate descent: 1e-10 own, 1e-8 scipy."""
    fit = br.fit_map(condition(case, br.Model(prior, br.Gaussian(1.4))))
    assert fit.correspondence.ok, fit.correspondence


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize(
    "prior", [br.Normal(25.0), br.Laplace(25.0), br.ElasticNet(25.0)], ids=repr
)
def test_all_routes_meet_on_diabetes(prior, standardize):
    """The data of the README, in both coordinates."""
    data = br.load_dataset("diabetes")
    model = br.Model(prior, br.Gaussian(54.0))
    fit = br.fit_map(model.condition(data.X, data.y, standardize=standardize))
    assert fit.certificate.ok
    assert fit.correspondence.ok, fit.correspondence


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("prior", PRIORS[:3], ids=repr)
def test_the_certificate_refuses_a_small_error(case, prior):
    """One coefficient moved by 1e-4 of its posterior sd is not an optimum."""
    problem = condition(case, br.Model(prior, br.Gaussian(1.4)))
    fit = br.fit_map(problem)
    curvature = problem.quadratic.norms**2 + problem.l2
    j = int(np.argmax(problem.quadratic.norms))
    b = fit.b.copy()
    b[j] += 1e-4 * 1.4 / np.sqrt(max(curvature[j], 1e-300))
    assert certify(problem, fit.b).ok
    assert not certify(problem, b).ok


@pytest.mark.parametrize("case", CASES, ids=str)
def test_conjugate_mean_is_the_ridge(case):
    """Posterior mean under known σ, and under a σ-scaled prior with σ unknown, to 1e-10."""
    for model in (
        br.Model(br.Normal(0.6), br.Gaussian(1.4)),
        br.Model(br.Normal(0.4, unit="sigma")),
    ):
        problem = condition(case, model)
        fit, closed = br.fit_map(problem), br.closed_form(problem)
        size = problem.column_sd
        largest = np.abs(fit.beta * size).max()
        assert (np.abs(fit.beta - closed.mean) * size).max() <= 1e-10 * largest


def test_orthogonal_lasso_is_the_soft_threshold():
    """X'X = nI: b_j = S(x_j'y, λ)/n."""
    rng = np.random.default_rng(0)
    Q = np.linalg.qr(rng.standard_normal((50, 4)) - 0.0)[0]
    Q = np.linalg.qr(Q - Q.mean(0))[0] * np.sqrt(50)
    y = 2.0 + Q @ [3.0, -0.2, 0.05, 1.0] + rng.standard_normal(50)
    lam = 15.0
    fit = br.fit_map(
        br.Model(br.Laplace.from_lam(lam, sigma=1.0), br.Gaussian(1.0)).condition(Q, y)
    )
    xy = Q.T @ (y - y.mean())
    expected = np.sign(xy) * np.maximum(np.abs(xy) - lam, 0) / 50
    np.testing.assert_allclose(fit.beta, expected, atol=1e-12)
    assert (fit.beta == 0).sum() == (expected == 0).sum()


@pytest.mark.parametrize("case", UNIQUE, ids=str)
def test_lambda_max_is_where_everything_is_zero(case):
    """Exactly zero at λ_max, and not just below it."""
    problem = condition(case, br.Model(br.Laplace(1.0), br.Gaussian(1.4)))
    top = float(np.abs(problem.xy).max())
    path = br.path(problem, [top * (1 + 1e-9), top * 0.99])
    assert np.all(path.beta.iloc[0] == 0)
    assert np.any(path.beta.iloc[1] != 0)


@pytest.mark.parametrize(
    "prior", [br.Normal(1.0), br.Laplace(1.0), br.ElasticNet(1.0, 0.3)], ids=repr
)
@pytest.mark.parametrize("case", [CASES[0], CASES[3], CASES[5], CASES[7]], ids=str)
def test_path_points_are_the_fits(case, prior):
    """In the order given, each certified, and equal to fit_map at the scale that it names."""
    problem = condition(case, br.Model(prior, br.Gaussian(1.4)))
    lams = [3.0, 40.0, 0.7]
    path = br.path(problem, lams)
    assert path.beta.index.tolist() == lams
    assert all(c.ok for c in path.certificates)
    for k, scale in enumerate(path.scale):
        model = br.Model(dataclasses.replace(prior, scale=float(scale)), br.Gaussian(1.4))
        fit = br.fit_map(condition(case, model))
        size = problem.column_sd
        if "twins" not in case.name:
            difference = np.abs(fit.beta.to_numpy() - path.beta.iloc[k].to_numpy()) * size
            assert difference.max() <= 1e-8 * max(np.abs(fit.beta * size).max(), 1e-12)


@pytest.mark.parametrize("lams", [[-1.0], [0.0], [np.nan], [], "x", [[1.0]]])
def test_bad_lambdas(lams):
    """Named with their position."""
    problem = condition(CASES[0], br.Model(br.Laplace(1.0), br.Gaussian(1.0)))
    with pytest.raises(BadArgument, match="lams"):
        br.path(problem, lams)


def test_horseshoe_has_no_map_and_no_path():
    """The reason and the way out are in the message."""
    problem = condition(CASES[0], br.Model(br.Horseshoe(), br.Gaussian(1.0)))
    with pytest.raises(NotSupported, match=r"unbounded at 0.*sample"):
        br.fit_map(problem)
    with pytest.raises(NotSupported, match="unbounded"):
        br.path(problem)


def test_evidence_reaches_the_published_optimum():
    """Diabetes on unit-norm columns, ν = 441: λ = 0.0336959, σ = 54.21416."""
    data = br.load_dataset("diabetes")
    fit = br.fit_map(br.Model().condition(data.X, data.y, standardize=True))
    # A column of sd 1 has norm √442, so λ on unit-norm columns is λ/442.
    assert fit.penalty.lam / 442 == pytest.approx(0.0336959, rel=1e-5)
    assert fit.sigma == pytest.approx(54.21416, rel=1e-6)


def test_evidence_is_the_maximum_of_the_closed_form():
    """log_evidence at the chosen (σ, scale) beats its neighbours."""
    problem = condition(CASES[1], br.Model())
    fit = br.fit_map(problem)

    def value(sigma, scale):
        return br.closed_form(problem.at(sigma=sigma, scale=scale)).log_evidence

    best = value(fit.sigma, fit.scale)
    for ds, dc in ((1.05, 1), (0.95, 1), (1, 1.05), (1, 0.95)):
        assert value(fit.sigma * ds, fit.scale * dc) < best


def test_pure_noise_has_its_evidence_at_zero_and_says_so():
    """A maximum at scale = 0 gives β = 0."""
    rng = np.random.default_rng(1)
    X = rng.standard_normal((60, 4))
    y = rng.standard_normal(60)
    y -= X @ np.linalg.lstsq(X - X.mean(0), y - y.mean(), rcond=None)[0] * 0.999
    fit = br.fit_map(br.Model().condition(X, y))
    assert "scale = 0" in fit.hyper
    assert np.abs(fit.beta).max() < 1e-100


@pytest.mark.parametrize("exponent, sigma", [(1.0, 53.640886)])
def test_joint_mode_of_the_scaled_lasso(exponent, sigma):
    """Diabetes at λ = .237 on unit-norm columns: the mode over (β, log σ)."""
    data = br.load_dataset("diabetes")
    model = br.Model(br.Laplace(1 / 0.237 / np.sqrt(442), unit="sigma"))
    fit = br.fit_map(model.condition(data.X, data.y, standardize=True))
    assert fit.sigma == pytest.approx(sigma, rel=1e-7)
    assert "joint mode" in fit.hyper


def test_joint_mode_is_a_maximum_of_the_joint_density():
    """Against brute force over log σ, in both units and with a proper prior of σ."""
    case = CASES[1]
    for prior, likelihood in (
        (br.Laplace(0.3), br.Gaussian()),
        (br.Laplace(0.4, unit="sigma"), br.Gaussian(br.HalfNormal(0.5))),
        (br.ElasticNet(0.4, 0.4), br.Gaussian(br.InverseGammaSquared(3.0, 2.0))),
    ):
        problem = condition(case, br.Model(prior, likelihood))
        fit = br.fit_map(problem, hyper="joint")

        def joint(t, problem=problem, prior=prior):
            fixed = problem.at(sigma=float(np.exp(t)))
            b = br.fit_map(fixed).b
            r2 = problem.yy - 2 * b @ problem.xy + b @ problem.gram @ b
            block = problem.blocks[0]
            scale = fixed.effective_scale(block, np.exp(t))
            density = -problem.nu * t - 0.5 * r2 * np.exp(-2 * t)
            density += float(prior.log_density(b, scale).sum())
            return density + float(problem.sigma_prior.log_density(np.exp(t))) + t

        t = np.log(fit.sigma)
        assert joint(t) > max(joint(t + 0.003), joint(t - 0.003))


def test_joint_mode_over_the_scale_is_refused():
    """Degenerate, and the reason is given."""
    with pytest.raises(NotSupported, match="unbounded"):
        br.fit_map(condition(CASES[0], br.Model(br.Laplace())), hyper="joint")


def test_cross_validation_is_what_scikit_learn_finds():
    """Same folds, same curve, same λ (scikit-learn's alpha is λ/N of the fit on all rows)."""
    problem = condition(CASES[0], br.Model(br.Laplace()))
    fit = br.fit_map(problem, seed=3)
    assert "cross-validation" in fit.hyper
    assert fit.scale == pytest.approx(fit.sigma / fit.penalty.lam)
    again = br.fit_map(problem, seed=3)
    assert fit.beta.equals(again.beta)


def test_plugging_in_a_posterior():
    """hyper=post uses its medians."""
    problem = condition(CASES[0], br.Model())
    post = br.sample(problem, seed=1)
    fit = br.fit_map(problem, hyper=post)
    assert fit.sigma == post.sigma
    assert fit.scale == pytest.approx(post.scale)
    with pytest.raises(BadArgument, match="hyper"):
        br.fit_map(problem, hyper="guess")


def test_an_uncertified_result_is_raised_with_what_it_reached():
    """Nothing computed is lost, and nothing uncertified is returned."""
    import bayesreg.verbs.fit as room

    problem = condition(CASES[0], br.Model(br.Normal(0.5), br.Gaussian(1.0)))
    with pytest.raises(NotConverged, match="did not reach") as caught:
        room._finish(problem, np.ones(5), 1.0, "closed_form", "given")
    assert caught.value.result.beta.shape == (5,)


@pytest.mark.parametrize("case", [CASES[0], CASES[1], CASES[6]], ids=str)
def test_equivariance_of_the_map(case):
    """Shift and rescale X and y, permute columns: β follows."""
    prior = br.Laplace(0.4, unit="sigma")
    base = br.fit_map(condition(case, br.Model(prior, br.Gaussian(1.4))))
    rng = np.random.default_rng(2)
    order = rng.permutation(case.X.shape[1])
    permuted = dataclasses.replace(case, X=case.X[:, order])
    moved = br.fit_map(condition(permuted, br.Model(prior, br.Gaussian(1.4))))
    np.testing.assert_allclose(moved.beta, base.beta.to_numpy()[order], rtol=1e-9, atol=1e-12)
    shifted = dataclasses.replace(case, X=case.X + 7.0, y=3.0 * case.y - 2.0)
    scaled = br.fit_map(condition(shifted, br.Model(prior, br.Gaussian(3 * 1.4))))
    np.testing.assert_allclose(scaled.beta, 3 * base.beta, rtol=1e-8, atol=1e-12)


def test_closed_form_refuses_by_naming_an_engine():
    """NotSupported says which engine serves."""
    with pytest.raises(NotSupported, match="tilted"):
        br.closed_form(condition(CASES[0], br.Model(br.Laplace(1.0), br.Gaussian(1.0))))
    with pytest.raises(NotSupported, match="direct"):
        br.closed_form(condition(CASES[0], br.Model()))


def test_evidence_without_a_maximum_is_refused():
    """p ≥ ν with σ and scale unknown: σ → 0 interpolates, so the default is cross-validation."""
    problem = condition(CASES[3], br.Model())
    with pytest.raises(NotSupported, match="no maximum"):
        br.fit_map(problem, hyper="evidence")
    fit = br.fit_map(problem)
    assert "cross-validation" in fit.hyper
    assert fit.sigma > 0.1
