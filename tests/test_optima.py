"""Laws of the optimum under every likelihood and penalty: J, its routes, unknowns beside it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import brentq, linprog

import bayesreg as br
from bayesreg.solvers.certificate import certify
from bayesreg.solvers.objective import penalty_slope, penalty_value
from bayesreg.solvers.path import default_lams, solve_path
from tests.cases import LIKELIHOODS, priors, responding
from tests.test_model import condition

pytestmark = pytest.mark.filterwarnings("ignore::bayesreg.language.errors.BayesregWarning")

NOISES = ["StudentTNoise", "LaplaceNoise"]


def of(name, which="tall"):
    """One case of a likelihood."""
    return next(case for case in responding(name) if case.name == which)


def log_posterior(problem, b):
    """log p(y | η, θ) + log p(b) without what b does not change, by its definition."""
    loss = problem.loss
    at = loss.at(b)
    total = loss.weights @ loss.likelihood.log_density(loss.y, at.eta, loss.theta)
    for block in problem.blocks:
        scale = problem.effective_scale(block, problem.sigma)
        part = b[block.columns] + block.prior.loc
        total += np.sum(block.prior.log_density(part, scale))
    return total


# --- J ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, prior",
    [
        pytest.param(name, prior, id=f"{name}-{prior!r}")
        for name in LIKELIHOODS
        for prior in priors("penalised", "majorised")
        if name != "Gaussian" and (prior.unit != "sigma" or LIKELIHOODS[name].likelihood.has_sigma)
    ],
)
def test_the_objective_over_phi_is_minus_the_log_posterior(name, prior):
    """Between any two b, in either unit; and the slope of the penalty is that of its value."""
    likelihood = LIKELIHOODS[name].likelihood
    problem = condition(of(name, "weighted"), br.Model(prior, likelihood))
    first, second = np.random.default_rng(8).standard_normal((2, problem.p))
    phi = problem.penalty.phi
    found, wanted, other = [], [], []
    for b in (first, second):
        loss, cost = problem.loss.at(b).value, float(penalty_value(problem, b))
        found.append((loss + cost) / phi)
        other.append(loss / phi + 1.01 * cost / phi)
        wanted.append(-log_posterior(problem, b))
    assert found[1] - found[0] == pytest.approx(wanted[1] - wanted[0], rel=1e-9)
    assert other[1] - other[0] != pytest.approx(wanted[1] - wanted[0], rel=1e-6)
    step, size = 1e-6 * np.eye(problem.p), 2e-6
    slopes = (penalty_value(problem, first + step) - penalty_value(problem, first - step)) / size
    np.testing.assert_allclose(penalty_slope(problem, first), slopes, rtol=1e-5)
    if problem.penalty.linear_quadratic:
        cost = problem.l1 @ np.abs(first) + 0.5 * problem.l2 @ np.square(first)
        assert penalty_value(problem, first) == pytest.approx(cost, rel=1e-12)


@pytest.mark.parametrize(
    "prior, words, value",
    [
        (br.Laplace(0.5), "σ/scale", 1.3 / 0.5),
        (br.Laplace(0.5, unit="sigma"), "1/scale", 1.0 / 0.5),
        (br.Normal(0.5), "σ/scale²", 1.3 / 0.25),
        (br.Normal(0.5, unit="sigma"), "1/(σ·scale²)", 1.0 / 1.3 / 0.25),
    ],
    ids=repr,
)
def test_the_lam_of_laplace_noise_is_in_sigma_and_not_its_square(prior, words, value):
    problem = condition(of("LaplaceNoise"), br.Model(prior, br.LaplaceNoise(1.3)))
    assert problem.penalty.lam == pytest.approx(value, rel=1e-12)
    assert f"λ = {words}" in problem.penalty.objective
    assert "‖y − β₀ − Xβ‖₁" in problem.penalty.objective
    unknown = condition(of("LaplaceNoise"), br.Model(prior, br.LaplaceNoise()))
    assert unknown.penalty.known is ("σ" not in words)
    assert "φ = 1" not in problem.penalty.objective


def test_the_scale_of_a_lam_gives_that_lam_back():
    """Under φ = σ and φ = σ², in both units, for every shape."""
    from bayesreg.solvers.path import Ray

    for name in NOISES:
        for prior in priors("penalised"):
            problem = condition(of(name), br.Model(prior, LIKELIHOODS[name].likelihood))
            ray = Ray.of(problem, problem.sigma)
            l1, l2 = ray.penalties(np.array([2.5]))
            at = ray.at(2.5)
            np.testing.assert_allclose(at.l1, l1[0], rtol=1e-12)
            np.testing.assert_allclose(at.l2, l2[0], rtol=1e-12)
            half = Ray.of(problem, problem.sigma, 0.3).at(2.5)
            np.testing.assert_allclose(half.l1, 0.75, rtol=1e-12)
            np.testing.assert_allclose(half.l2, 1.75, rtol=1e-12)


# --- absolute deviations ---------------------------------------------------------------------


def by_simplex(X, y, w, l1):
    """β₀, β and J of least absolute deviations with λ₁ by column, by HiGHS."""
    (n, p), one = X.shape, np.eye(len(y))
    found = linprog(
        np.concatenate([[0.0], l1, l1, w, w]),
        A_eq=np.hstack([np.ones((n, 1)), X, -X, one, -one]),
        b_eq=y,
        bounds=[(None, None)] + [(0.0, None)] * (2 * (p + n)),
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )
    return found.x[0], found.x[1 : p + 1] - found.x[p + 1 : 2 * p + 1], found.fun


@pytest.mark.parametrize("which", ["tall", "weighted", "correlated", "unequal scales", "wide"])
@pytest.mark.parametrize("scale", [0.02, 0.3, 3.0])
def test_least_absolute_deviations_are_the_linear_programme(which, scale):
    """To 1e-9 of the largest effect, with the same zeros; as many rows are met as are free."""
    case = of("LaplaceNoise", which)
    problem = condition(case, br.Model(br.Laplace(scale), br.LaplaceNoise(1.3)))
    fit = br.fit_map(problem)
    w = np.ones(len(case.y)) if case.weights is None else case.weights
    sd = problem.x_sd if case.standardize else np.ones(case.X.shape[1])
    kept = w > 0
    X = (case.X - case.X.mean(0))[kept] / sd
    _, b, least = by_simplex(X, case.y[kept], w[kept], np.full(len(sd), problem.penalty.lam))
    value = w @ np.abs(case.y - fit.predict(case.X)) + problem.penalty.lam * np.abs(fit.b).sum()
    assert value == pytest.approx(least, rel=1e-12)
    size = np.abs(b).max() + 1e-300
    np.testing.assert_allclose(fit.b / size, b / size, atol=1e-9)
    np.testing.assert_array_equal(fit.b == 0.0, np.abs(b) < 1e-10 * size)
    met = np.abs(case.y - fit.predict(case.X))[kept] < 1e-11 * np.abs(case.y).max()
    assert met.sum() in (np.sum(fit.b != 0.0), 1 + np.sum(fit.b != 0.0))
    assert fit.certificate.unique is not False or not np.any(fit.b)  # a median of an even number
    wrong = by_simplex(X, case.y[kept], w[kept], np.full(len(sd), 20.0 * problem.penalty.lam))
    assert scale == 0.02 or not np.allclose(wrong[1] / size, b / size, atol=1e-9)


def test_a_foreign_optimum_of_absolute_deviations_is_certified_from_b_alone():
    """That of HiGHS passes; 1e-4 sd off it fails; 1e-9 off, its gap is still as small."""
    case = of("LaplaceNoise")
    problem = condition(case, br.Model(br.Laplace(0.5), br.LaplaceNoise(1.3)))
    X, l1 = case.X - case.X.mean(0), np.full(5, problem.penalty.lam)
    _, b, _ = by_simplex(X, case.y, np.ones(len(case.y)), l1)
    assert certify(problem, np.where(np.abs(b) < 1e-9, 0.0, b)).ok
    scale = 1.3 / np.sqrt(np.sum(np.square(X), axis=0))
    for j in range(5):
        moved = np.where(np.arange(5) == j, b + 1e-4 * scale, b)
        one = certify(problem, moved)
        assert not one.ok
        assert one.gap > 0.0
        near = certify(problem, np.where((np.arange(5) == j) & (b != 0.0), b + 1e-9 * scale, b))
        assert near.gap < 1e-7


@pytest.mark.parametrize(
    "prior", [br.Laplace(1.0), br.Normal(1.0), br.Laplace(1.0, groups=[("c0", "c1")])], ids=repr
)
def test_ties_constants_and_duplicates_have_a_certified_optimum(prior):
    """Rounded data, y that is one number, a column twice, more columns than rows."""
    rng = np.random.default_rng(5)
    X = np.round(2.0 * rng.standard_normal((30, 4)))
    y = np.round(X[:, 0] + 2.0 * rng.standard_normal(30))
    twice = np.column_stack([X, X[:, 0]])
    wide = rng.standard_normal((6, 12))
    tables = {
        "ties": (X, y),
        "constant": (X, np.full(30, 7.0)),
        "twice": (twice, y),
        "wide": (wide, y[:6]),
        "two rows": (X[:2], y[:2]),
    }
    for name, (table, response) in tables.items():
        frame = pd.DataFrame(table, columns=[f"c{j}" for j in range(table.shape[1])])
        fit = br.fit_map(br.Model(prior, br.LaplaceNoise(1.0)).condition(frame, response))
        assert fit.certificate.ok, name
        if name == "constant":
            assert np.abs(fit.b).max() < 1e-14
            assert fit.intercept == pytest.approx(7.0, rel=1e-14)


def test_an_optimum_of_absolute_deviations_that_is_not_unique_says_so():
    """The median of an even number of values; of an odd number it is one of them."""
    model = br.Model(br.Laplace(1e-6), br.LaplaceNoise(1.0))
    x = np.array([0.3, -0.2, 0.1, 0.5])
    even = br.fit_map(model.condition(x[:, None], [1.0, 2.0, 4.0, 9.0]))
    assert even.certificate.ok
    assert even.certificate.unique is False
    assert even.intercept == 3.0
    odd = br.fit_map(model.condition(x[:3, None], [1.0, 2.0, 9.0]))
    assert odd.certificate.unique is True
    assert odd.intercept == 2.0
    assert even.correspondence.ok
    assert even.correspondence.table["difference"].max() < 1e-12


@pytest.mark.parametrize("prior", [br.Laplace(0.7), br.Normal(0.7), br.Cauchy(0.7)], ids=repr)
def test_flat_columns_and_offsets_of_absolute_deviations(prior):
    """An offset is y less it; without it the optimum is another."""
    case = of("LaplaceNoise")
    likelihood, shift = br.LaplaceNoise(1.3), np.random.default_rng(1).normal(0.0, 5.0, 60)
    mapping = {"c1": br.Flat(), "c3": br.Flat(), ...: prior}
    one = br.fit_map(br.Model(mapping, likelihood).condition(case.frame, case.y, offset=shift))
    other = br.fit_map(br.Model(mapping, likelihood).condition(case.frame, case.y - shift))
    np.testing.assert_allclose(one.beta, other.beta, rtol=1e-9, atol=1e-12)
    assert one.certificate.ok
    assert other.correspondence.ok
    without = br.fit_map(condition(case, br.Model(mapping, likelihood)))
    assert not np.allclose(one.beta, without.beta)


# --- Student-t noise -------------------------------------------------------------------------


def in_extended_precision(problem, b):
    """∇J = 0 on the coefficients that are not 0, by Newton's method in long double."""
    loss, (sigma, df) = problem.loss, (problem.known["sigma"], problem.known["df"])
    k = loss.free.shape[1]
    face = np.concatenate([np.arange(k), k + np.flatnonzero(b)])
    rows = loss.columns[:, face].astype(np.longdouble)
    l1 = np.concatenate([np.zeros(k), np.broadcast_to(problem.penalty.l1, problem.p)])[face]
    l2 = np.concatenate([np.zeros(k), np.broadcast_to(problem.penalty.l2, problem.p)])[face]
    x = np.concatenate([loss.at(b).free, b])[face].astype(np.longdouble)
    sign = np.sign(x)
    for _ in range(8):
        r = loss.target - rows @ x
        room = df * np.longdouble(sigma) ** 2 + r * r
        omega = loss.weights * (df + 1) * np.longdouble(sigma) ** 2 / room
        bend = omega * (2 * df * np.longdouble(sigma) ** 2 / room - 1)
        g = -(rows.T @ (omega * r)) + l1 * sign + l2 * x
        hessian = (rows.T @ (bend[:, None] * rows)).astype(float) + np.diag(l2)
        x = x - np.linalg.solve(hessian, g.astype(float))
    out = np.zeros(k + problem.p, dtype=np.longdouble)
    out[face] = x
    return out[k:]


@pytest.mark.parametrize("which", ["tall", "weighted", "offsets", "wide"])
@pytest.mark.parametrize("prior", [br.Normal(0.7), br.Laplace(0.4), br.ElasticNet(0.6, 0.4)])
def test_the_optimum_under_student_t_noise_is_that_of_extended_precision(prior, which):
    """To 1e-10 of the largest coefficient; the reference is one, and 1e-4 off is refused."""
    problem = condition(of("StudentTNoise", which), br.Model(prior, br.StudentTNoise(4.5, 1.3)))
    fit = br.fit_map(problem)
    b = in_extended_precision(problem, fit.b)
    assert np.max(np.abs(fit.b - b)) <= 1e-10 * np.max(np.abs(b))
    away = in_extended_precision(problem, fit.b * (1.0 + 1e-3))
    assert np.max(np.abs(away - b)) <= 1e-10 * np.max(np.abs(b))
    assert fit.certificate.gap is None
    assert "1 distinct optimum seen" in fit.certificate.why
    assert not certify(problem, fit.b * (1.0 + 1e-4)).ok


def test_several_optima_of_student_t_noise_are_seen_and_the_lowest_is_returned():
    """Two groups of y a hundred σ apart: an optimum in each; halfway J falls on either side."""
    y = np.concatenate([np.linspace(-51.0, -49.0, 8), np.linspace(49.0, 51.0, 6)])
    X = np.random.default_rng(2).standard_normal((14, 1))
    problem = br.Model(br.Normal(0.1), br.StudentTNoise(1.5, 1.0)).condition(X, y)
    fit = br.fit_map(problem)
    assert fit.intercept == pytest.approx(-50.0, abs=1.0)
    assert "J is not convex" in fit.certificate.why
    assert fit.certificate.gap is None
    other = br.fit_map(br.Model(br.Normal(0.1), br.StudentTNoise(1.5, 1.0)).condition(X, -y))
    assert other.intercept == pytest.approx(50.0, abs=1.0)
    np.testing.assert_allclose(other.beta, -fit.beta, rtol=1e-8)


def test_an_effect_with_two_optima_is_reported_as_two():
    """Rows of two slopes: each is an optimum, and the one of more rows is the lower."""
    x = np.linspace(-3.0, 3.0, 21)
    y = np.where(np.arange(21) % 3 == 0, -20.0, 20.0) * x
    model = br.Model(br.Normal(1e3), br.StudentTNoise(1.0, 0.3))
    fit = br.fit_map(model.condition(x[:, None], y, intercept=False))
    assert fit.beta.iloc[0] == pytest.approx(20.0, abs=0.1)
    assert "2 distinct optima seen" in fit.certificate.why
    assert fit.certificate.ok
    problem = fit.problem
    saddle = brentq(lambda b: problem.loss.slope(problem.loss.at(np.array([b])))[0], -15.0, 15.0)
    one = certify(problem, np.array([saddle]))
    assert not one.ok
    assert "saddle" in one.why


def test_student_t_noise_tends_to_a_gaussian():
    """As df → ∞, with an error of 1/df."""
    case = of("StudentTNoise")
    errors = []
    normal = br.fit_map(condition(case, br.Model(br.Laplace(0.4), br.Gaussian(1.3))))
    for df in (1e3, 1e5, 1e7):
        heavy = br.Model(br.Laplace(0.4), br.StudentTNoise(df, 1.3))
        fit = br.fit_map(condition(case, heavy))
        errors.append(np.abs(fit.beta - normal.beta).max())
    assert errors[2] < 1e-5
    np.testing.assert_allclose(np.divide(errors[:2], errors[1:]), 100.0, rtol=0.1)


# --- unknowns beside β -----------------------------------------------------------------------

OWN = {
    "LaplaceNoise": br.LaplaceNoise(),
    "StudentTNoise": br.StudentTNoise(),
    "StudentTNoise, df known": br.StudentTNoise(4.0),
    "StudentTNoise, sigma known": br.StudentTNoise(sigma=1.1),
    "NegativeBinomial": br.NegativeBinomial(),
}


def joint_density(problem, theta):
    """Log p(y, β, log θ) at θ and the β that is best beside it, by its definition."""
    fixed = problem.at(**theta)
    b = br.fit_map(fixed).b
    total = log_posterior(fixed, b)
    for name, prior in problem.unknown.items():
        total += prior.log_density_of_log(np.log(theta[name]))
    return total


OWN_MODES = [
    pytest.param(name, prior, id=f"{name} {prior!r}", marks=[pytest.mark.slow] * (slow and k > 0))
    for name, slow in zip(OWN, (False, True, True, True, False), strict=True)
    for k, prior in enumerate((br.Normal(0.7), br.Laplace(0.5, unit="sigma")))
]


@pytest.mark.parametrize("name, prior", OWN_MODES)
def test_unknowns_of_a_likelihood_are_at_the_joint_mode(name, prior):
    """A step of 1 % or of 20 % in any of them is lower; said, reported, at a certified optimum."""
    likelihood = OWN[name]
    if prior.unit == "sigma" and not likelihood.has_sigma:
        prior = br.Laplace(0.5)
    case = of(name.split(",")[0])
    problem = condition(case, br.Model(prior, likelihood))
    fit = br.fit_map(problem)
    assert fit.certificate.ok
    theta = {k: float(v[0]) for k, v in fit.theta.items() if k in problem.unknown}
    best = joint_density(problem, theta)
    for one, value in theta.items():
        for factor in (0.8, 0.99, 1.01, 1.25):
            assert joint_density(problem, theta | {one: value * factor}) < best
        assert f"{'σ' if one == 'sigma' else one} = {value:.6g}" in repr(fit)
    assert "at the joint mode of (β, log" in fit.hyper
    assert fit.problem.known == pytest.approx({**problem.known, **theta})
    # The comparison sees what is not the mode.
    far, nearer = ({k: f * v for k, v in theta.items()} for f in (1.05, 1.04))
    assert joint_density(problem, nearer) > joint_density(problem, far)


def test_the_scale_of_laplace_noise_is_the_mean_absolute_deviation():
    """Σw|y − η̂|/N, the maximum under p(log σ) ∝ 1 and a Flat prior; not the root mean square."""
    case = of("LaplaceNoise", "weighted")
    fit = br.fit_map(condition(case, br.Model(br.Flat(), br.LaplaceNoise())))
    rest = case.y - fit.predict(case.X)
    assert fit.sigma == pytest.approx(case.weights @ np.abs(rest) / case.weights.sum(), rel=1e-9)
    assert fit.sigma != pytest.approx(np.sqrt(np.average(rest**2, weights=case.weights)), rel=0.05)


def test_counts_without_overdispersion_have_poissons_fit():
    """Said so, with Poisson's coefficients; overdispersed counts have a finite shape."""
    case = of("Poisson")
    y = np.round(np.exp(0.8 + 0.3 * (case.X - case.X.mean(0))[:, 0]))  # hardly vary at all
    X, prior = case.X, br.Normal(0.7)
    fit = br.fit_map(br.Model(prior, br.NegativeBinomial()).condition(X, y))
    poisson = br.fit_map(br.Model(prior, br.Poisson()).condition(X, y))
    np.testing.assert_allclose(fit.beta, poisson.beta, rtol=1e-6)
    assert "no overdispersion" in fit.hyper
    assert "shape = ∞" in fit.hyper
    assert fit.certificate.ok
    over = br.fit_map(condition(of("NegativeBinomial"), br.Model(prior, br.NegativeBinomial())))
    assert "overdispersion" not in over.hyper
    assert float(over.theta["shape"][0]) < 10.0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["LaplaceNoise", "NegativeBinomial"])
def test_lam_and_own_unknowns_are_chosen_in_turn(name):
    """λ minimises the deviance left out at the θ that the fit has; a second run is the same."""
    problem = condition(of(name), br.Model(br.Laplace(), OWN[name]))
    fit = br.fit_map(problem, seed=3)
    assert fit.certificate.ok
    assert "cross-validation of the deviance" in fit.hyper
    assert "given the fit" in fit.hyper
    assert not fit.problem.unknown
    assert not fit.problem.unknown_scales
    again = br.fit_map(problem, seed=3)
    np.testing.assert_array_equal(again.b, fit.b)
    assert again.hyper == fit.hyper


@pytest.mark.parametrize("name", [n for n in OWN if n != "StudentTNoise, df known"])
def test_what_was_settled_is_saved_and_loaded(name, tmp_path):
    problem = condition(of(name.split(",")[0]), br.Model(br.Normal(0.7), OWN[name]))
    fit = br.fit_map(problem)
    fit.save(tmp_path / "fit.zip")
    back = br.load(tmp_path / "fit.zip")
    assert back.theta == fit.theta
    assert back.sigma == fit.sigma
    assert back.hyper == fit.hyper
    assert back.problem.known == fit.problem.known
    np.testing.assert_array_equal(back.b, fit.b)
    # The certificate is made anew, by which no other optimum is seen.
    assert repr(back).split("certificate")[0] == repr(fit).split("certificate")[0]
    assert back.certificate.ok


def test_ways_that_do_not_serve_an_unknown_say_which_does():
    problem = condition(of("LaplaceNoise"), br.Model(br.Laplace(), br.LaplaceNoise()))
    with pytest.raises(br.NotSupported, match="degenerate"):
        br.fit_map(problem, hyper="joint")
    with pytest.raises(br.NotSupported, match="use hyper='cv'"):
        br.fit_map(problem, hyper="evidence")
    given = condition(of("LaplaceNoise"), br.Model(br.Laplace(0.5), br.LaplaceNoise()))
    assert "no λ to choose" in br.fit_map(given, hyper="cv").hyper
    cauchy = condition(of("NegativeBinomial"), br.Model(br.Cauchy(), br.NegativeBinomial()))
    with pytest.raises(br.NotSupported, match="give the scale"):
        br.fit_map(cauchy)


@pytest.mark.parametrize("name", ["StudentTNoise", "NegativeBinomial"])
def test_medians_of_a_posterior_are_plugged_in(name):
    """Of every unknown; a posterior of another model is refused."""
    problem = condition(of(name), br.Model(br.Normal(0.7), OWN[name]))
    post = br.sample(problem, draws=200, chains=2, seed=1)
    fit = br.fit_map(problem, hyper=post)
    for one in problem.unknown:
        median = float(np.median(post.draws.theta[one]))
        assert float(fit.theta[one][0]) == pytest.approx(median, rel=1e-12)
    assert fit.certificate.ok
    known = condition(of(name), br.Model(br.Normal(), LIKELIHOODS[name].likelihood))
    with pytest.raises(br.BadArgument, match="other un"):
        br.fit_map(known, hyper=post)


@pytest.mark.parametrize("name", NOISES)
def test_values_far_out_do_not_spoil_an_optimum(name):
    """One y of 1e15, all about 1e9, offsets of 1e3: certified; β is that without the far row."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((40, 3))
    y = X[:, 0] + rng.standard_t(2, 40)
    far = np.concatenate([[1e15], y[1:]])
    model = br.Model(br.Laplace(0.3), LIKELIHOODS[name].likelihood)
    shift = 1e3 * rng.standard_normal(40)
    high = br.fit_map(model.condition(X, y + 1e9))
    plain = br.fit_map(model.condition(X, y))
    np.testing.assert_allclose(high.beta, plain.beta, atol=1e-5)
    for fit in (
        br.fit_map(model.condition(X, far)),
        br.fit_map(model.condition(X, y, offset=shift)),
    ):
        assert fit.certificate.ok
        assert np.abs(fit.beta).max() < 3.0 or fit.problem.design.offset is not None


@pytest.mark.parametrize("name", NOISES)
def test_a_wrong_optimum_of_noise_does_not_correspond(name):
    """Negative control of the routes: 1e-6 off."""
    from bayesreg.solvers.correspondence import correspond

    problem = condition(of(name), br.Model(br.Laplace(0.5), LIKELIHOODS[name].likelihood))
    fit = br.fit_map(problem)
    assert fit.correspondence.ok
    assert not correspond(problem, fit.b * (1.0 + 1e-6), fit.solver).ok


@pytest.mark.parametrize(
    "prior, sigma",
    [
        (br.Laplace(0.5), None),
        (br.Normal(1.0), 1.0),
        (br.Laplace(0.5), 1.0),
        (br.ElasticNet(0.5), 1.0),
    ],
)
def test_a_level_of_y_or_of_its_offset_moves_the_intercept_alone(prior, sigma):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((80, 4))
    y = X @ [1.0, -0.5, 0.0, 2.0] + rng.standard_t(3, 80)
    model = br.Model(prior, br.StudentTNoise(4.0, sigma))
    plain = br.fit_map(model.condition(X, y))
    for level in (1e3, -1e3):
        raised = br.fit_map(model.condition(X, level + y))
        shifted = br.fit_map(model.condition(X, y, offset=np.full(80, level)))
        for fit, sign in ((raised, 1.0), (shifted, -1.0)):
            assert fit.certificate.ok
            assert np.max(np.abs(fit.beta - plain.beta)) < 1e-7
            assert abs(fit.intercept - sign * level - plain.intercept) < 1e-7


def test_a_path_and_a_fold_under_student_t_noise_look_for_no_start_twice(monkeypatch):
    """The intercept goes with the coefficients: only ends and certificates look for it anew."""
    rng = np.random.default_rng(1)
    X = rng.standard_normal((100, 3))
    y = X @ [1.0, -0.5, 0.0] + rng.standard_t(3, 100)
    problem = br.Model(br.Laplace(), br.StudentTNoise(4.0, 1.0)).condition(X, y)
    looked = []
    whole = type(problem.loss)._lowest

    def counted(loss, offset):
        looked.append(0)
        return whole(loss, offset)

    monkeypatch.setattr(type(problem.loss), "_lowest", counted)
    solve_path(problem, default_lams(problem, 30), 1.0, enough=1e-4)
    assert 1 <= len(looked) <= 2


@pytest.mark.parametrize("size", [1e12, 1e15])
@pytest.mark.parametrize("prior", [br.Normal(1.0), br.ElasticNet(0.5)])
def test_absolute_deviations_a_prior_holds_far_below_them_are_certified(prior, size):
    """Every coefficient is small beside y: only the signs of y − β₀ are left of the loss."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((81, 4))
    y = size * (X @ [1.0, -0.5, 0.0, 2.0] + rng.standard_t(3, 81))
    problem = br.Model(prior, br.LaplaceNoise(1.0)).condition(X, y)
    fit = br.fit_map(problem)
    assert fit.certificate.ok
    # β₀ meets the median, so that the slope of that row is what makes u sum to 0: −Σ of the others.
    sign = np.sign(y - np.median(y))
    pull = (X - X[np.argsort(y)[40]]).T @ sign
    l1, l2 = (np.broadcast_to(v, 4) for v in (problem.penalty.l1, problem.penalty.l2))
    wanted = np.sign(pull) * np.maximum(np.abs(pull) - l1, 0.0) / l2
    assert fit.beta.to_numpy() == pytest.approx(wanted, rel=1e-9)
