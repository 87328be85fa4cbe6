"""Laws of optima under a loss that is not one quadratic: certificate, gap, references, path."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.optimize import bisect
from scipy.special import expit

import bayesreg as br
from bayesreg.language.errors import NotConverged, NotSupported
from bayesreg.solvers import damped_newton, loss_gaps, newton
from bayesreg.solvers.base import lams_at
from bayesreg.solvers.certificate import certify
from bayesreg.solvers.objective import penalty_value
from tests.cases import LIKELIHOODS, Case, priors, responding
from tests.test_model import condition

pytestmark = pytest.mark.filterwarnings("ignore::bayesreg.language.errors.BayesregWarning")

TOUCHED = [name for name, kind in LIKELIHOODS.items() if name != "Gaussian"]
CASES = [(name, case) for name in TOUCHED for case in responding(name)]
BERNOULLI = {case.name: case for case in responding("Bernoulli")}

# λ₁ and λ₂ by column, with locations, mixtures and Flat columns; a group lasso; all other shapes.
BY_COLUMN = [
    *(one for one in priors("penalised") if one.unit != "sigma"),
    {"c1": br.Flat(), ...: br.Normal(0.7)},
    {"c0": br.Normal(0.4, 0.3), ...: br.Laplace(0.7)},
]
GROUPED = br.Laplace(0.7, groups=[("c0", "c2")])
OTHERS = [one for one in priors("majorised") if one.unit != "sigma"]


def label(prior):
    """Short names that differ."""
    parts = prior.items() if isinstance(prior, dict) else [("", prior)]
    return " ".join(f"{'' if k is ... else k}{p!r}".replace(", unit='y'", "") for k, p in parts)


def table(priors, one_in=5):
    """Cases × priors: under Bernoulli every other pair, else one in four, of all priors.

    Some by default, the rest when slow; every likelihood and every prior is among them.
    """
    rows = []
    for i, (name, case) in enumerate(CASES):
        for j, prior in enumerate(priors):
            whole = name == "Bernoulli"
            if (i + j) % (2 if whole else 4):
                continue
            # From several starts an optimum takes several times as long.
            share = 2 * one_in if whole else 4 * one_in * (1 if LIKELIHOODS[name].convex else 2)
            marks = [pytest.mark.slow] if (i + j) % share else []
            rows.append(
                pytest.param(name, case, prior, id=f"{name} {case} {label(prior)}", marks=marks)
            )
    return pytest.mark.parametrize("name, case, prior", rows)


def problem_of(name, case, prior):
    """A case under a prior; skipped where the posterior does not exist, which has its own laws."""
    try:
        return condition(case, br.Model(prior, LIKELIHOODS[name].likelihood))
    except br.BadData as error:
        assert case.X.shape[1] > len(case.y)
        pytest.skip(str(error)[:60])


def objective(problem, b):
    """J at b, the rest at its best."""
    return problem.loss.at(b).value + penalty_value(problem, b)


def rows_objective(case, beta, intercept, penalty):
    """J of a logistic model by its definition."""
    w = np.ones(len(case.y)) if case.weights is None else case.weights
    eta = intercept + case.X @ beta
    return w @ (np.logaddexp(0.0, eta) - case.y * eta) + penalty


# --- the certificate -------------------------------------------------------------------------


@table([*BY_COLUMN, GROUPED])
def test_the_optimum_is_certified_and_a_moved_one_is_not(name, case, prior):
    """1e-4 of the conditional sd of each coefficient, either way, is refused."""
    problem = problem_of(name, case, prior)
    fit = br.fit_map(problem)
    assert fit.certificate.ok
    omega, _ = problem.loss.working(problem.loss.at(fit.b))
    norms = np.sqrt(omega @ np.square(problem.loss.proper))
    l2 = np.broadcast_to(problem.penalty.l2, (problem.p,))
    for j in np.flatnonzero(np.any(problem.loss.proper, axis=0))[:6]:
        for side in (-1e-4, 1e-4):
            moved = fit.b.copy()
            moved[j] += side / np.sqrt(norms[j] ** 2 + l2[j])
            assert not certify(problem, moved).ok


@table(OTHERS, one_in=8)
def test_other_penalties_are_certified_as_local_optima(name, case, prior):
    """No step of 1e-3 sd lowers J; one coefficient moved by 1e-2 sd is refused."""
    problem = problem_of(name, case, prior)
    fit = br.fit_map(problem)
    assert fit.certificate.ok
    best = objective(problem, fit.b)
    omega, _ = problem.loss.working(problem.loss.at(fit.b))
    norms = np.sqrt(omega @ np.square(problem.loss.proper))
    rng = np.random.default_rng(3)
    live = norms > 0.0
    for _ in range(20):
        step = 1e-3 * rng.standard_normal(problem.p) * live / np.where(live, norms, 1.0)
        assert objective(problem, fit.b + step) >= best - 1e-12 * (1.0 + abs(best))
    moved = fit.b.copy()
    j = int(np.argmax(np.abs(fit.b) * norms))
    moved[j] += 1e-2 / norms[j]
    assert not certify(problem, moved).ok


@table([*BY_COLUMN, GROUPED, br.Bridge(1.0, 0.8)], one_in=6)
def test_the_gap_bounds_what_can_be_gained(name, case, prior):
    """J(b) − min J ≤ gap for any b: near, at the scale of the posterior, and far out."""
    problem = problem_of(name, case, prior)
    fit = br.fit_map(problem)
    if not LIKELIHOODS[name].convex:
        assert fit.certificate.gap is None
        return
    best = fit.b
    least = objective(problem, best)
    rng = np.random.default_rng(4)
    live = np.any(problem.loss.proper, axis=0)
    size = np.abs(best + problem.loss.loc).max() + 1.0 / np.maximum(problem.column_sd.min(), 0.1)
    size = live * size / np.where(live, np.maximum(1.0, problem.loss.proper.std(0)), 1.0)
    for spread in (1e-6, 1e-3, 0.1, 3.0, 300.0):
        for b in (best + spread * size * rng.standard_normal(problem.p), spread * best):
            gain = objective(problem, b) - least
            gap = certify(problem, b).gap
            assert gap >= gain - 1e-12 * (1.0 + abs(gain) + abs(least))


@pytest.mark.parametrize("name, case", CASES[:4], ids=[f"{n} {c}" for n, c in CASES[:4]])
def test_the_gap_of_ridge_falls_as_what_can_be_gained(name, case):
    """At least as the square of the distance; where it is small, the first point serves."""
    problem = problem_of(name, case, br.Normal(0.8))
    best = br.fit_map(problem).b
    step = np.random.default_rng(1).standard_normal(problem.p)
    ratios, plain = [], []
    for size in (1e-2, 1e-3, 1e-4, 1e-5):
        b = best + size * step
        ratios.append(certify(problem, b).gap / size**2)
        lams = lams_at(problem, b)
        plain.append(loss_gaps.gap(problem.loss, problem.loss.at(b), *lams) / size**2)
    np.testing.assert_allclose(plain, plain[-1], rtol=0.2)
    assert np.all(np.array(ratios) <= np.array(plain) * (1.0 + 1e-9))
    gained = objective(problem, best + 1e-2 * step) - objective(problem, best)
    assert ratios[0] >= gained / 1e-4 * (1.0 - 1e-6) > 0.0


@table([*BY_COLUMN[:3], GROUPED, *OTHERS[:4]], one_in=9)
def test_every_route_leads_to_the_same_optimum(name, case, prior):
    fit = br.fit_map(problem_of(name, case, prior))
    assert fit.correspondence.ok, fit.correspondence


def test_a_wrong_optimum_does_not_correspond():
    """Negative control: 1e-6 off."""
    from bayesreg.solvers.correspondence import correspond

    problem = condition(BERNOULLI["tall"], br.Model(br.Laplace(0.5), br.Bernoulli()))
    b = br.fit_map(problem).b
    assert correspond(problem, b, "newton").ok
    assert not correspond(problem, b * (1.0 + 1e-6), "newton").ok


@pytest.mark.parametrize("prior", [br.Normal(0.7), br.Laplace(0.7), GROUPED], ids=label)
def test_a_certificate_of_what_is_no_optimum_says_so(prior):
    """Not finite, of another length, or beside a zero column: words, never an exception."""
    case = BERNOULLI["twins and zeros"]
    problem = condition(case, br.Model(prior, br.Bernoulli()))
    b = br.fit_map(problem).b
    for wrong, text in (
        (b[:-1], "shape"),
        (np.where(np.arange(len(b)) == 1, np.nan, b), "nan"),
        (np.where(np.arange(len(b)) == 2, np.inf, b), "inf"),
        (np.where(np.arange(len(b)) == len(b) - 1, 1.0, b), "the column is zero"),
    ):
        certificate = certify(problem, wrong)
        assert not certificate.ok
        assert text in certificate.why


# --- references ------------------------------------------------------------------------------


def by_scikit(case, problem):
    """β and β₀ of scikit-learn at the arguments that the penalty converts to."""
    from sklearn.linear_model import LogisticRegression

    z = (case.X - case.X.mean(0)) / (case.X.std(0) if case.standardize else 1.0)
    z = z if case.intercept else case.X
    arguments = problem.penalty.to("sklearn.LogisticRegression")
    assert arguments.needs == ("StandardScaler" if case.standardize else None)
    found = LogisticRegression(**arguments, tol=1e-13, max_iter=200_000, random_state=0)
    found.fit(z, case.y, sample_weight=case.weights)
    sd = case.X.std(0) if case.standardize else np.ones(case.X.shape[1])
    beta = found.coef_[0] / sd
    centre = case.X.mean(0) if case.intercept else np.zeros(len(beta))
    return beta, float(found.intercept_[0]) - float(beta @ centre) if case.intercept else 0.0


@pytest.mark.parametrize("standardize", [False, True], ids=["raw", "standardised"])
def test_the_optimum_of_counts_is_that_of_scikit_learn(standardize):
    """alpha = λ₂/Σw, since PoissonRegressor averages the loss and halves the penalty."""
    from sklearn.linear_model import PoissonRegressor

    case = next(one for one in responding("Poisson") if one.name == "weighted")
    model = br.Model(br.Normal(0.4), br.Poisson())
    problem = model.condition(case.X, case.y, weights=case.weights, standardize=standardize)
    arguments = problem.penalty.to("sklearn.PoissonRegressor")
    assert arguments == {"alpha": pytest.approx(1 / 0.4**2 / case.weights.sum())}
    mean = np.average(case.X, axis=0, weights=case.weights)
    sd = np.sqrt(np.average((case.X - mean) ** 2, axis=0, weights=case.weights))
    sd = sd if standardize else np.ones(len(sd))
    peer = PoissonRegressor(**arguments, tol=1e-12, max_iter=10_000, solver="newton-cholesky")
    peer.fit((case.X - mean) / sd, case.y, sample_weight=case.weights)
    fit = br.fit_map(problem)
    np.testing.assert_allclose(fit.beta * sd, peer.coef_, rtol=1e-6, atol=1e-8)
    # The control: without the halves, or in sums, it is another optimum.
    for wrong in (2 * arguments["alpha"], 1 / 0.4**2):
        other = PoissonRegressor(alpha=wrong, tol=1e-12, max_iter=10_000)
        other.fit((case.X - mean) / sd, case.y, sample_weight=case.weights)
        assert np.abs(other.coef_ - fit.beta * sd).max() > 1e-3


def test_counts_with_an_exposure_are_rates_with_weights_elsewhere():
    """scikit-learn has no offset: y/E with weights E is the same likelihood, and the advice."""
    from sklearn.linear_model import PoissonRegressor

    case = next(one for one in responding("Poisson") if one.name == "tall")
    size = np.random.default_rng(3).uniform(0.5, 4.0, len(case.y))
    model = br.Model(br.Normal(0.4), br.Poisson())
    problem = model.condition(case.X, case.y, exposure=size)
    with pytest.raises(NotSupported, match=r"y/E with sample_weight=E"):
        problem.penalty.to("sklearn.PoissonRegressor")
    peer = PoissonRegressor(alpha=1 / 0.4**2 / size.sum(), tol=1e-12, max_iter=10_000)
    peer.fit(case.X - case.X.mean(0), case.y / size, sample_weight=size)
    np.testing.assert_allclose(br.fit_map(problem).beta, peer.coef_, rtol=1e-6, atol=1e-7)
    assert np.isnan(br.path(problem, [1.0]).summary()["sklearn"]).all()
    plain = br.path(model.condition(case.X, case.y), [1.0, 2.0])
    np.testing.assert_allclose(plain.summary()["sklearn"], plain.lam / len(case.y))


@pytest.mark.parametrize(
    "prior, likelihood, target, message",
    [
        (br.Laplace(1.0), br.Poisson(), "sklearn.PoissonRegressor", "has no λ₁, and here it is 1:"),
        (br.Normal(1.0), br.Poisson(), "sklearn.Ridge", "use sklearn.PoissonRegressor"),
        (br.Normal(1.0), br.NegativeBinomial(2.0), "sklearn.PoissonRegressor", "use statsmodels"),
    ],
)
def test_what_no_library_minimises_is_refused(prior, likelihood, target, message):
    problem = br.Model(prior, likelihood).condition([[0.0], [1.0], [3.0]], [1.0, 2.0, 4.0])
    with pytest.raises(NotSupported, match=message):
        problem.penalty.to(target)
    assert (br.path(problem, [1.0]).sklearn_lam is None) == (
        message != "use sklearn.PoissonRegressor"
    )


@pytest.mark.parametrize("which", ["tall", "tall standardised", "no intercept", "wide"])
@pytest.mark.parametrize(
    "prior", [br.Normal(0.7), br.Laplace(0.6), br.ElasticNet(0.8, 0.4)], ids=label
)
def test_the_optimum_is_that_of_scikit_learn(prior, which):
    """To 1e-6 of a coefficient, where scikit-learn goes so far; J is never higher than its own."""
    case = BERNOULLI[which]
    problem = condition(case, br.Model(prior, br.Bernoulli()))
    fit = br.fit_map(problem)
    beta, intercept = by_scikit(case, problem)
    np.testing.assert_allclose(fit.beta, beta, rtol=1e-6, atol=2e-6 * np.abs(beta).max())
    assert fit.intercept == pytest.approx(intercept, rel=1e-6, abs=1e-5)

    sd = case.X.std(0) if case.standardize else np.ones(case.X.shape[1])
    l1, l2 = problem.penalty.l1, problem.penalty.l2

    def whole(beta, intercept):
        b = beta * sd
        penalty = l1 * np.abs(b).sum() + 0.5 * l2 * b @ b
        return rows_objective(case, beta, intercept, penalty)

    mine, other = whole(fit.beta.to_numpy(), fit.intercept), whole(beta, intercept)
    assert mine <= other * (1.0 + 1e-13)
    assert other - mine <= 1e-9 * mine
    assert whole(1.001 * fit.beta.to_numpy(), fit.intercept) - mine > 1e-9 * mine  # it can fail


def by_newton(X, y, w, l2):
    """Ridge or maximum likelihood on [1, X] by Newton's method in NumPy; l2 by column of it."""
    beta = np.zeros(X.shape[1])
    for _ in range(100):
        p = expit(X @ beta)
        g = X.T @ (w * (p - y)) + l2 * beta
        step = np.linalg.solve(X.T @ ((w * p * (1 - p))[:, None] * X) + np.diag(l2), g)
        beta = beta - step / max(1.0, np.abs(X @ step).max())
        if np.abs(step).max() < 1e-14 * np.abs(beta).max():
            break
    return beta


@pytest.mark.parametrize("which", ["tall", "weighted", "offsets"])
def test_flat_columns_are_not_penalised(which):
    """All Flat: maximum likelihood; two Flat beside ridge: zeros among its λ's."""
    case = BERNOULLI[which]
    w = np.ones(len(case.y)) if case.weights is None else case.weights
    kept = w > 0
    z = (case.X - np.average(case.X, 0, w))[kept]
    sd = np.sqrt(np.average(np.square(z), axis=0, weights=w[kept])) if case.standardize else 1.0
    z = np.column_stack([np.ones(len(z)), z / sd])
    scale = 0.6
    for prior, penalised in (
        (br.Flat(), []),
        ({"c0": br.Flat(), "c1": br.Flat(), ...: br.Normal(scale)}, range(2, case.X.shape[1])),
    ):
        fit = br.fit_map(condition(case, br.Model(prior, br.Bernoulli())))
        l2 = np.zeros(z.shape[1])
        l2[[j + 1 for j in penalised]] = scale**-2
        beta = by_newton(z, case.y[kept], w[kept], l2)
        np.testing.assert_allclose(fit.beta * sd, beta[1:], rtol=1e-8)
        assert not np.allclose(fit.beta * sd, by_newton(z, case.y[kept], w[kept], l2 + 0.01)[1:])


@pytest.mark.parametrize("which", ["tall", "correlated", "weighted", "wide"])
def test_a_group_lasso_is_stationary_by_its_definition(which):
    """‖Z_g'u‖ ≤ λ where the group is 0, and Z_g'u = −λ b_g/‖b_g‖ elsewhere; 1'u = 0."""
    case = BERNOULLI[which]
    zero, moving = 0, 0
    for scale in (0.02, 0.15, 0.7):
        groups = [("c0", "c1"), ("c2",)]
        prior = br.Laplace(scale, groups=groups)
        problem = condition(case, br.Model(prior, br.Bernoulli()))
        fit = br.fit_map(problem)
        w = np.ones(len(case.y)) if case.weights is None else case.weights
        u = w * (expit(fit.intercept + case.X @ fit.beta.to_numpy()) - case.y)
        v = (case.X / problem.x_sd).T @ u - 0.0
        v = v - (u.sum() * problem.x_mean / problem.x_sd)
        assert abs(u.sum()) <= 1e-9 * w.sum()
        blocks = problem.blocks[0]
        for g in range(len(blocks.sizes)):
            columns = np.flatnonzero(blocks.group == g)
            norm = float(np.linalg.norm(fit.b[columns]))
            lam = float(np.linalg.norm(np.atleast_1d(problem.penalty.l1).max()))
            pull = v[columns]
            relative = blocks.relative[columns][0]
            lam = 1.0 / (scale * relative)
            if norm == 0.0:
                zero += 1
                assert np.linalg.norm(pull) <= lam * (1.0 + 1e-9)
            else:
                moving += len(columns) > 1
                np.testing.assert_allclose(pull, -lam * fit.b[columns] / norm, rtol=1e-7, atol=1e-7)
    assert zero
    assert moving


# --- invariances -----------------------------------------------------------------------------


def changed(case, **changes):
    """The case with other data."""
    return dataclasses.replace(case, **changes)


@pytest.mark.parametrize("prior", [br.Normal(0.6), br.Laplace(0.4), br.StudentT(3, 0.5)], ids=label)
def test_units_and_order_of_columns_do_not_matter(prior):
    """Shift, rescale, reverse and permute rows, with standardised columns."""
    case = BERNOULLI["tall standardised"]
    model = br.Model(prior, br.Bernoulli())
    fit = br.fit_map(condition(case, model))
    a, shift = np.array([1e-3, 2.0, -5.0, 1e4, 0.7]), np.array([1e3, -4.0, 0.0, 7.0, -1e3])
    other = br.fit_map(condition(changed(case, X=case.X * a + shift), model))
    np.testing.assert_allclose(other.beta * a, fit.beta, rtol=1e-7, atol=1e-10)
    np.testing.assert_allclose(other.predict(case.X * a + shift), fit.predict(case.X), rtol=1e-7)

    order, rows = np.array([3, 0, 4, 1, 2]), np.random.default_rng(0).permutation(len(case.y))
    turned = br.fit_map(condition(changed(case, X=case.X[rows][:, order], y=case.y[rows]), model))
    np.testing.assert_allclose(turned.beta.to_numpy(), fit.beta.to_numpy()[order], rtol=1e-9)

    # Without standardisation a unit matters: the comparison can fail.
    raw = br.fit_map(condition(changed(case, standardize=False), model))
    moved = br.fit_map(condition(changed(case, X=case.X * a, standardize=False), model))
    assert not np.allclose(moved.beta * a, raw.beta, rtol=1e-3)


@pytest.mark.parametrize("prior", [*BY_COLUMN[:3], GROUPED, br.Cauchy(0.6)], ids=label)
@pytest.mark.parametrize("standardize", [False, True], ids=["raw", "standardised"])
def test_a_frequency_is_rows_written_out(prior, standardize):
    """Fit, certificate, loss and path; half the frequencies are another problem."""
    case = changed(BERNOULLI["weighted"], standardize=standardize)
    rows = np.repeat(np.arange(len(case.y)), case.weights.astype(int))
    written = changed(case, X=case.X[rows], y=case.y[rows], weights=None)
    halved = changed(case, weights=0.5 * case.weights)
    model = br.Model(prior, br.Bernoulli())
    one, other, half = (br.fit_map(condition(c, model)) for c in (case, written, halved))

    np.testing.assert_allclose(one.beta, other.beta, rtol=1e-8, atol=1e-12)
    assert one.intercept == pytest.approx(other.intercept, rel=1e-8)
    assert not np.allclose(half.beta, other.beta, rtol=1e-3)
    b = np.linspace(-0.5, 0.4, one.problem.p)
    first, second = (certify(fit.problem, b) for fit in (one, other))
    assert objective(one.problem, b) == pytest.approx(objective(other.problem, b), rel=1e-12)
    assert first.kkt == pytest.approx(second.kkt, rel=1e-9)
    assert first.kkt_limit == pytest.approx(second.kkt_limit, rel=1e-9)
    if first.gap is not None:
        assert first.gap == pytest.approx(second.gap, rel=1e-9)
    if one.problem.penalty.linear_quadratic and prior is BY_COLUMN[1]:
        lams = [0.5, 5.0]
        paths = [br.path(fit.problem, lams) for fit in (one, other)]
        np.testing.assert_allclose(paths[0].b, paths[1].b, rtol=1e-7, atol=1e-12)
        np.testing.assert_allclose(paths[0].df, paths[1].df, rtol=1e-7)


def test_labels_swapped_change_every_sign():
    for prior in (br.Normal(0.6), br.Laplace(0.3), br.Cauchy(0.5)):
        case = BERNOULLI["tall"]
        one = br.fit_map(condition(case, br.Model(prior, br.Bernoulli())))
        other = br.fit_map(condition(changed(case, y=1 - case.y), br.Model(prior, br.Bernoulli())))
        np.testing.assert_allclose(other.beta, -one.beta, rtol=1e-9, atol=1e-13)
        assert other.intercept == pytest.approx(-one.intercept, rel=1e-9)


# --- paths -----------------------------------------------------------------------------------


@table([br.Laplace(), br.ElasticNet(mix=0.6), GROUPED])
def test_nothing_moves_at_the_largest_lam_and_something_below_it(name, case, prior):
    problem = problem_of(name, case, prior)
    top = float(br.path(problem, n=1).lam[0])
    if prior is not GROUPED:
        assert top == pytest.approx(np.max(np.abs(problem.pull)), rel=1e-9)
    path = br.path(problem, [top, 0.99 * top])
    assert not np.any(path.b[0])
    assert np.any(path.b[1])
    assert all(one.ok for one in path.certificates)


@pytest.mark.parametrize("likelihood", [br.Poisson(), br.NegativeBinomial(1e10)], ids=repr)
def test_the_intercept_comes_to_rest_beside_counts_whose_terms_are_large(likelihood):
    """Values of such a loss know the last step from none by rounding alone; slopes know it."""
    rng = np.random.default_rng(4)
    X = rng.standard_normal((40, 3))
    y = np.where(np.arange(40) % 5 == 0, np.round(np.exp(9.0 + 2.0 * X[:, 0])), np.arange(40) % 3)
    loss = br.Model(br.Normal(1.0), likelihood).condition(X, y).loss
    for b in 0.3 * rng.standard_normal((60, 3)):
        u = loss.residual(loss.at(b))
        assert abs(u.sum()) <= 1e-12 * np.abs(u).sum()


def test_the_joint_mode_is_found_at_a_shape_of_ten_millions():
    """Counts that vary a little more than a Poisson's: the shape is large, and not at its limit."""
    rng = np.random.default_rng(1)
    X = rng.standard_normal((40, 2))
    apart = rng.standard_normal(40)
    apart *= 1.05e-3 / np.sqrt(np.mean(apart**2))
    y = np.round(1e6 * np.exp(X @ [0.03, -0.05] + apart))
    fit = br.fit_map(br.Model(br.Normal(1.0), br.NegativeBinomial()).condition(X, y))
    assert fit.certificate.ok
    assert 4e6 < fit.theta["shape"][0] < 1e9


@table([br.Normal(), br.Laplace(), br.ElasticNet(mix=0.6)], one_in=4)
def test_a_path_is_certified_and_each_point_is_the_single_fit(name, case, prior):
    problem = problem_of(name, case, prior)
    path = br.path(problem, n=12)
    assert all(one.ok for one in path.certificates), [one.why for one in path.certificates]
    # Not where a coefficient may return to 0, nor where df counts the rows that are met.
    rises = np.all(np.diff(path.df[np.argsort(-path.lam)]) > -1e-6)
    assert rises or prior.kinked or problem.loss.kinked
    for k in (3, 11):
        alone = br.fit_map(problem.given(scale=path.scale[k]))
        # Columns that are alike share an effect in many ways, all of one fit.
        eta, other = (problem.loss.proper @ b for b in (alone.b, path.b[k]))
        assert np.max(np.abs(eta - other)) <= 1e-6 * (np.max(np.abs(eta)) + 1e-6)


def test_degrees_of_freedom_of_ridge_are_a_trace():
    """tr H(H + λI)⁻¹, H = X'ωX about its weighted means; a constant weight would be another."""
    case = BERNOULLI["few of one class"]
    problem = condition(case, br.Model(br.Normal(), br.Bernoulli()))
    path = br.path(problem, [0.5, 4.0])
    z = (case.X - case.X.mean(0)) / case.X.std(0)
    for k, lam in enumerate((0.5, 4.0)):
        p = expit(path.intercept.iloc[k] + case.X @ path.beta.iloc[k].to_numpy())
        for omega, same in ((p * (1 - p), True), (np.full(len(p), 0.25), False)):
            centred = z - np.average(z, 0, omega)
            H = centred.T @ (omega[:, None] * centred)
            df = np.trace(np.linalg.solve(H + lam * np.eye(5), H))
            assert bool(abs(path.df[k] - df) < 1e-8 * df) is same


# --- a loss that happens to be one quadratic ---------------------------------------------------


@pytest.mark.parametrize(
    "prior",
    [br.Normal(0.6, 0.2), br.Laplace(0.4), br.ElasticNet(0.5, 0.6), br.Cauchy(0.5)],
    ids=label,
)
@pytest.mark.parametrize("case", responding("Gaussian")[:8], ids=str)
def test_under_gaussian_noise_it_is_the_gaussian_result(case, prior):
    """`Loss` with a Gaussian likelihood: value, slope, gap and working response at any b."""
    problem = condition(case, br.Model(prior, br.Gaussian(1.0)))
    rng = np.random.default_rng(5)
    size = 1.0 / np.maximum(problem.least_squares.norms, 1.0)
    for b in (np.zeros(problem.p), size * rng.standard_normal(problem.p)):
        loss = problem.loss
        at = loss.at(b)
        np.testing.assert_allclose(
            loss.slope(at), problem.gram @ b - problem.xy, rtol=1e-6, atol=1e-7 * problem.yy**0.5
        )
        half = 0.5 * (problem.yy - 2 * b @ problem.xy + b @ problem.gram @ b)
        n = np.sum(loss.weights)
        assert at.value == pytest.approx(half + 0.5 * n * np.log(2 * np.pi), rel=1e-9)
        beta, intercept = problem.restore_free(b, at.free)
        expected = problem.restore(b)
        np.testing.assert_allclose(beta, expected[0], rtol=1e-9, atol=1e-12)
        assert float(intercept) == pytest.approx(float(expected[1]), rel=1e-6, abs=1e-6)
        omega, z = loss.working(at)
        np.testing.assert_allclose(omega, loss.weights)
        np.testing.assert_allclose(z, loss.y, rtol=1e-9, atol=1e-9)
        if problem.penalty.linear_quadratic:
            l1, l2 = (
                np.broadcast_to(v, problem.p) for v in (problem.penalty.l1, problem.penalty.l2)
            )
            best = br.fit_map(problem).b
            gain = objective(problem, b) - objective(problem, best)
            assert loss_gaps.gap(loss, at, l1, l2) >= gain - 1e-11 * (1.0 + abs(at.value))
            assert loss_gaps.gap(loss, loss.at(best), l1, l2) <= 1e-9 * problem.yy


@pytest.mark.parametrize(
    "prior",
    [br.Normal(0.6), br.Laplace(0.4), br.Laplace(0.4, groups=[("c0", "c1")]), br.Cauchy(0.5)],
)
def test_newton_on_one_quadratic_is_the_solver_of_that_quadratic(prior):
    problem = condition(responding("Gaussian")[0], br.Model(prior, br.Gaussian(1.3)))
    found = newton.solve(problem)
    assert found.iterations == 1
    np.testing.assert_allclose(found.b, br.fit_map(problem).b, rtol=1e-9)
    assert certify(problem, found.b).ok


def test_the_quadratic_at_a_point_has_the_slope_and_curvature_of_the_loss():
    """∇ and ∇² of L(b) with γ at its best, by finite differences."""
    problem = condition(
        BERNOULLI["tall"], br.Model({"c1": br.Flat(), ...: br.Normal(0.7)}, br.Bernoulli())
    )
    b = np.array([0.3, -0.2, 0.1, 0.4])
    touching = problem.touching(problem.loss.at(b))
    slope = lambda b: problem.loss.slope(problem.loss.at(b))  # noqa: E731
    h = 1e-5
    numeric = np.array([(slope(b + h * e) - slope(b - h * e)) / (2 * h) for e in np.eye(4)])
    np.testing.assert_allclose(touching.gram, numeric, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(touching.gram @ b - touching.xy, slope(b), rtol=1e-9, atol=1e-9)
    far = problem.touching(problem.loss.at(b + 0.5))
    assert not np.allclose(far.gram, numeric, rtol=1e-3)


def test_a_point_does_not_depend_on_where_its_flat_part_is_sought_from():
    """γ found from 0 and from a far point are one, also where every row is saturated."""
    case = BERNOULLI["unequal scales"]
    problem = condition(case, br.Model(br.Normal(1.0, 0.4), br.Bernoulli()))
    loss = problem.loss
    for b in (np.zeros(5), -loss.loc, np.array([0.0, 1e4, -3.0, 7.0, 1e3])):
        one, other = loss.at(b), loss.at(b, near=loss.at(-loss.loc))
        assert np.isfinite(one.value)
        u = loss.residual(one)
        assert abs(u.sum()) <= 1e-9 * np.abs(u).sum() + 1e-12 * loss.rounding(one)
        assert one.value == pytest.approx(other.value, rel=1e-9, abs=1e-12)


def test_not_converged_carries_what_was_reached(monkeypatch):
    """An optimum that is not certified is raised with its result, never returned."""
    problem = condition(BERNOULLI["tall"], br.Model(br.Laplace(0.5), br.Bernoulli()))
    monkeypatch.setattr(damped_newton, "STEPS", 1)
    monkeypatch.setattr(newton, "STEPS", 1)
    with pytest.raises(NotConverged) as caught:
        br.fit_map(problem)
    assert not caught.value.result.certificate.ok


def test_case_table_is_what_it_says():
    """Both classes, p > n, weights, and few of one class are among the cases."""
    by = BERNOULLI
    assert all(0.0 < case.y.mean() < 1.0 for case in by.values())
    assert by["few of one class"].y.mean() < 0.15
    assert by["wide"].X.shape[1] > len(by["wide"].y)
    assert isinstance(by["weighted"], Case)
    assert np.abs(by["offsets"].X.mean(0)).max() > 500.0


@pytest.mark.parametrize("seed", [3, 10, 12, 13])
def test_a_row_that_counts_1e12_leaves_the_others_their_say(seed):
    """Its curvature is 1e12 times theirs, and theirs alone says where the line turns about it."""
    x = np.random.default_rng(seed).normal(size=5)
    y = np.r_[10**12, np.ones(4, dtype=int)]
    fit = br.fit_map(br.Model(br.Flat(), "poisson").condition(x[:, None], y))
    assert fit.certificate.ok
    # β₀ as it is best for the first row leaves one equation in β, solved to its last digits.
    away = x[1:] - x[0]

    def slope(beta):
        return float(away @ (1e12 * np.exp(np.minimum(away * beta, 600.0)) - 1.0))

    assert fit.beta.iloc[0] == pytest.approx(bisect(slope, -200.0, 200.0, xtol=1e-13), rel=1e-9)
