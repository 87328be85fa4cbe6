"""Laws of Model, Problem and Penalty: projection, conventions, propriety, conversions."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

import bayesreg as br
from bayesreg.language.errors import BadArgument, BadData, BayesregWarning, NotSupported
from tests.cases import CASES, LIKELIHOODS, Case

pytestmark = pytest.mark.filterwarnings("ignore::bayesreg.language.errors.BayesregWarning")


def condition(case: Case, model: br.Model) -> br.Problem:
    """The case under a model; what counts successes does so among the trials of `LIKELIHOODS`."""
    trials = LIKELIHOODS["Binomial"].theta["trials"] if model.likelihood.takes_trials else None
    return model.condition(
        case.frame,
        pd.Series(case.y, name="y"),
        standardize=case.standardize,
        intercept=case.intercept,
        weights=case.weights,
        trials=None if trials is None else np.full(len(case.y), trials),
    )


def objective(case: Case, beta, intercept, l1, l2):
    """J by its definition, on rows."""
    w = np.ones(len(case.y)) if case.weights is None else case.weights
    sd = np.sqrt(np.average((case.X - np.average(case.X, 0, w)) ** 2, axis=0, weights=w))
    b = beta * np.where(sd > 0, sd, 1.0) if case.standardize else beta
    r = case.y - intercept - case.X @ beta
    return 0.5 * np.sum(w * r * r) + l1 * np.abs(b).sum() + 0.5 * l2 * np.sum(b * b)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_projected_objective_is_j(case):
    """½‖ỹ − X̃b‖² plus penalty is J with β₀ optimised out, at any b."""
    model = br.Model(br.ElasticNet(0.7, 0.3), br.Gaussian(1.3))
    problem = condition(case, model)
    rng = np.random.default_rng(8)
    for _ in range(3):
        b = rng.standard_normal(problem.p)
        beta, intercept = problem.restore(b)
        expected = objective(case, beta, intercept, problem.penalty.l1, problem.penalty.l2)
        l1, l2 = problem.l1, problem.l2
        quadratic = 0.5 * (problem.yy - 2 * b @ problem.xy + b @ problem.gram @ b)
        value = quadratic + l1 @ np.abs(b) + 0.5 * l2 @ (b * b)
        assert value == pytest.approx(expected, rel=1e-9)


def test_intercept_is_optimal_and_flat_columns_are_least_squares():
    """Restored Flat coefficients and intercept make the residual orthogonal to both."""
    case = CASES[0]
    prior = {"c1": br.Flat(), "c3": br.Flat(), ...: br.Normal(0.8)}
    problem = condition(case, br.Model(prior, br.Gaussian(1.0)))
    assert problem.nu == len(case.y) - 3
    beta, intercept = problem.restore(np.array([0.3, -1.0, 2.0]))
    r = case.y - intercept - case.X @ beta
    assert abs(r.sum()) < 1e-9
    assert np.abs(case.X[:, [1, 3]].T @ r).max() < 1e-8


@pytest.mark.parametrize("loc", [0.0, 0.7])
def test_location_is_a_shift(loc):
    """The ridge about loc solves (X'X + λ)β = X'y + λ·loc."""
    case = CASES[0]
    problem = condition(case, br.Model(br.Normal(0.5, loc), br.Gaussian(1.2)))
    fit = br.fit_map(problem)
    Z = case.X - case.X.mean(0)
    lam = 1.2**2 / 0.5**2
    expected = np.linalg.solve(Z.T @ Z + lam * np.eye(5), Z.T @ case.y + lam * loc)
    np.testing.assert_allclose(fit.beta, expected, rtol=1e-10)


def test_lambda_in_both_units():
    """The table of units: σ²/s², 1/s²; σ²/s, σ/s; and the elastic net's four."""
    s, sigma, rho = 0.7, 1.9, 0.3
    case = CASES[1]
    table = [
        (br.Normal(s), 0.0, sigma**2 / s**2),
        (br.Normal(s, unit="sigma"), 0.0, 1 / s**2),
        (br.Laplace(s), sigma**2 / s, 0.0),
        (br.Laplace(s, unit="sigma"), sigma / s, 0.0),
        (br.ElasticNet(s, rho), rho * sigma**2 / s, (1 - rho) * sigma**2 / s**2),
        (br.ElasticNet(s, rho, unit="sigma"), rho * sigma / s, (1 - rho) / s**2),
    ]
    for prior, l1, l2 in table:
        penalty = condition(case, br.Model(prior, br.Gaussian(sigma))).penalty
        assert penalty.l1 == pytest.approx(l1, rel=1e-15)
        assert penalty.l2 == pytest.approx(l2, rel=1e-15)


def test_the_readme_penalty():
    """The example of the design, to the digit."""
    data = br.load_dataset("diabetes")
    model = br.Model(prior=br.Laplace(scale=25.0), likelihood=br.Gaussian(sigma=54.0))
    penalty = model.condition(data.X, data.y, standardize=True).penalty
    assert repr(penalty) == (
        "lasso: ½‖y − β₀ − Zb‖² + λ‖b‖₁ with λ = σ²/scale = 116.64, b = sd(x)·β"
    )
    to = penalty.to("sklearn.Lasso")
    assert round(to["alpha"], 4) == 0.2639
    assert to.needs == "StandardScaler"
    assert "alpha" in to.objective
    with pytest.raises(NotSupported, match=r"sklearn\.Lasso"):
        penalty.to("sklearn.Ridge")
    with pytest.raises(BadArgument, match="Lasso"):
        penalty.to("sklearn.Laso")


def test_unknown_lambda_asks_for_what_it_needs():
    """λ that depends on an unknown is refused, and `.at` settles it."""
    case = CASES[1]
    penalty = condition(case, br.Model(br.Laplace())).penalty
    with pytest.raises(NotSupported, match="at"):
        _ = penalty.lam
    assert penalty.at(sigma=2.0, scale=0.5).lam == pytest.approx(4.0)
    with pytest.raises(BadArgument, match="scale"):
        penalty.at(sigma=2.0, scale=[0.5, 0.5])
    # λ₂ = 1/scale² needs no σ at all.
    assert condition(case, br.Model(br.Normal(0.5, unit="sigma"))).penalty.lam == 4.0


@pytest.mark.parametrize("case", [c for c in CASES if c.name != "scales 1e-12 to 1e12"], ids=str)
@pytest.mark.parametrize(
    "prior, target",
    [
        (br.Normal(0.6), "Ridge"),
        (br.Laplace(0.4), "Lasso"),
        (br.ElasticNet(0.5, 0.6), "ElasticNet"),
    ],
    ids=["Ridge", "Lasso", "ElasticNet"],
)
def test_scikit_learn_minimises_the_same_objective(case, prior, target):
    """Fitting with the converted arguments gives the same J, to the peer's own accuracy."""
    from sklearn import linear_model
    from sklearn.preprocessing import StandardScaler

    problem = condition(case, br.Model(prior, br.Gaussian(1.4)))
    arguments = problem.penalty.to(f"sklearn.{target}")
    extra = {} if target == "Ridge" else {"tol": 1e-13, "max_iter": 200_000}
    peer = getattr(linear_model, target)(**arguments, **extra)
    keep = case.X if case.weights is None else case.X[case.weights > 0]
    y = case.y if case.weights is None else case.y[case.weights > 0]
    w = None if case.weights is None else case.weights[case.weights > 0]
    scaler = None
    if arguments.needs:
        scaler = StandardScaler().fit(keep, sample_weight=w)
        keep = scaler.transform(keep)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer.fit(keep, y, sample_weight=w)
    sd = np.ones(case.X.shape[1]) if scaler is None else scaler.scale_
    mean = np.zeros(case.X.shape[1]) if scaler is None else scaler.mean_
    beta = peer.coef_ / sd
    intercept = float(np.ravel(peer.intercept_)[0]) - mean @ beta if case.intercept else 0.0
    ours = br.fit_map(problem)
    l1, l2 = problem.penalty.l1, problem.penalty.l2
    theirs = objective(case, beta, intercept, l1, l2)
    best = objective(case, ours.beta.to_numpy(), ours.intercept, l1, l2)
    assert best <= theirs * (1 + 1e-12)
    assert theirs == pytest.approx(best, rel=1e-8)


def test_a_wrong_conversion_is_caught():
    """Negative control: alpha without its 1/N changes J by far more than the tolerance."""
    from sklearn.linear_model import Lasso

    case = CASES[0]
    problem = condition(case, br.Model(br.Laplace(0.4), br.Gaussian(1.4)))
    l1 = problem.penalty.l1
    peer = Lasso(alpha=l1).fit(case.X, case.y)
    ours = br.fit_map(problem)
    wrong = objective(case, peer.coef_, peer.intercept_, l1, 0.0)
    right = objective(case, ours.beta.to_numpy(), ours.intercept, l1, 0.0)
    assert wrong > right * 1.01


def _y(n, p, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, p)), rng.standard_normal(n)


@pytest.mark.parametrize(
    "prior, likelihood, n, p, words",
    [
        (br.Normal(1.0), br.Gaussian(), 10, 9, "zero residual variance"),
        (br.Laplace(1.0), br.Gaussian(), 10, 30, "unit='sigma'"),
        (br.Flat(), br.Gaussian(), 10, 9, "n <= p"),
        (br.Flat(), br.Gaussian(), 5, 9, "n <= p"),
        (br.Normal(1.0, unit="sigma"), br.Gaussian(), 1, 1, "too few rows"),
        (br.Normal(1.0), br.Gaussian(br.Flat()), 2, 1, "too few rows"),
    ],
)
def test_improper_posteriors_are_refused(prior, likelihood, n, p, words):
    """Before anything runs, with the cure."""
    X, y = _y(n, p)
    with pytest.raises(BadData, match=words):
        br.Model(prior, likelihood).condition(X, y)


@pytest.mark.parametrize(
    "prior, likelihood, n, p",
    [
        (br.Normal(1.0), br.Gaussian(br.HalfNormal(1.0)), 10, 30),
        (br.Normal(1.0), br.Gaussian(0.5), 1, 3),
        (br.Normal(1.0), br.Gaussian(br.HalfCauchy(1.0)), 1, 3),
        (br.Normal(1.0, unit="sigma"), br.Gaussian(), 10, 30),
        (br.Laplace(), br.Gaussian(), 10, 30),
        (br.Normal(1.0, unit="sigma"), br.Gaussian(), 10, 9),
    ],
)
def test_proper_posteriors_pass(prior, likelihood, n, p):
    """The neighbours of the refused ones: the rule must not refuse too much."""
    X, y = _y(n, p)
    br.Model(prior, likelihood).condition(X, y)


def test_interpolation_is_warned_of_and_both_cures_silence_it():
    """p ≥ ν with an improper σ and a hyperprior in units of σ."""
    X, y = _y(20, 40)
    with pytest.warns(BayesregWarning, match="expected_nonzero"):
        br.Model(br.Horseshoe()).condition(X, y, standardize=True)
    for model in (
        br.Model(br.Horseshoe(expected_nonzero=3)),
        br.Model(br.Laplace(), br.Gaussian(br.HalfNormal(1.0))),
    ):
        problem = model.condition(X, y, standardize=True)
        assert not any("interpolates" in text for text in problem.warnings)


def test_expected_nonzero_is_piironen_and_vehtari():
    """τ₀ = m/((p − m)√N), half-Cauchy, in units of σ."""
    X, y = _y(25, 7)
    block = br.Model(br.Horseshoe(expected_nonzero=2)).condition(X, y).blocks[0]
    assert block.hyper == br.HalfCauchy(2 / (5 * 5.0))
    assert block.prior.unit == "sigma"
    with pytest.raises(BadArgument, match="expected_nonzero"):
        br.Model(br.Horseshoe(expected_nonzero=7)).condition(X, y)


@pytest.mark.parametrize(
    "prior, words",
    [
        ({"c9": br.Flat(), ...: br.Normal(1.0)}, "c9"),
        ({"c1": br.Flat()}, "has no prior"),
        (br.Normal([1.0, 2.0]), "2 values"),
        (br.Laplace(1.0, relative=[1.0]), "1 values"),
    ],
)
def test_bad_assignments_are_named(prior, words):
    """A mapping's keys and lengths are checked against the columns."""
    with pytest.raises(BadArgument, match=words):
        condition(CASES[0], br.Model(prior, br.Gaussian(1.0)))


def test_raw_columns_of_unequal_size_warn():
    """More than tenfold sds under one scale; none when standardised or told apart."""
    X, y = _y(30, 2)
    X = X * [1.0, 20.0]
    with pytest.warns(BayesregWarning, match="share one scale"):
        br.Model(br.Normal(1.0), br.Gaussian(1.0)).condition(X, y)
    quiet = br.Model(br.Normal(1.0), br.Gaussian(1.0)).condition(X, y, standardize=True)
    assert not quiet.warnings
    relative = br.Normal(1.0, relative=[1.0, 0.05])
    assert not br.Model(relative, br.Gaussian(1.0)).condition(X, y).warnings


def test_conditioning_on_moments_equals_rows():
    """The same problem from Moments, and from chunks; without rows it says so."""
    case = CASES[0]
    model = br.Model(br.Laplace(0.5), br.Gaussian(1.0))
    rows = condition(case, model)
    half = br.Moments.of(case.X[:31], case.y[:31]) + br.Moments.of(case.X[31:], case.y[31:])
    merged = model.condition(half)
    np.testing.assert_allclose(merged.gram, rows.gram, rtol=1e-11)
    np.testing.assert_allclose(
        br.fit_map(merged).beta.to_numpy(), br.fit_map(rows).beta.to_numpy(), rtol=1e-9
    )
    with pytest.raises(NotSupported, match="Moments"):
        merged.to_pymc()


@pytest.mark.parametrize(
    "prior, likelihood",
    [
        (br.Laplace(0.7), br.Gaussian()),
        (
            {"c1": br.Flat(), ...: br.ElasticNet(br.HalfNormal(1.0), 0.3)},
            br.Gaussian(br.HalfNormal(2.0)),
        ),
        (
            {"c0": br.Normal(0.4, 0.3), ...: br.Laplace()},
            br.Gaussian(br.InverseGammaSquared(2.0, 3.0)),
        ),
    ],
    ids=["laplace", "flat and elastic net", "two blocks"],
)
@pytest.mark.parametrize("case", [CASES[0], CASES[6]], ids=str)
def test_pymc_density_is_the_moments_form(case, prior, likelihood):
    """log p(y, β | …) on rows minus the moments form is one constant over random points."""
    problem = condition(case, br.Model(prior, likelihood))
    model = problem.to_pymc()
    compiled = model.compile_logp(mode="FAST_COMPILE", jacobian=False)
    rng = np.random.default_rng(4)
    gaps = []
    for _ in range(4):
        point = {k: rng.normal(0.3, 0.4, np.shape(v)) for k, v in model.initial_point().items()}
        gaps.append(float(compiled(point)) - _moments_form(problem, point))
    assert np.ptp(gaps) < 1e-8 * max(1.0, np.abs(gaps).max())


def _moments_form(problem: br.Problem, point: dict) -> float:
    """Log density of the point from cross-products alone, per dσ, d scale, db and dβ₀ at x = 0."""
    value = lambda name: np.asarray(point[name], dtype=float)  # noqa: E731
    sigma = np.exp(float(value("sigma_log__")))
    total = float(problem.sigma_prior.log_density(sigma))
    b = value("beta_penalised__")
    for block in problem.blocks:
        scale = block.scale
        if block.hyper is not None:
            scale = np.exp(float(value("scale_log__")))
            total += float(block.hyper.log_density(scale))
        effective = problem.effective_scale(block, sigma, scale)
        total += block.prior.log_density(b[problem.proper[block.columns]], effective).sum()
    cross = problem.moments.cross
    full = np.append(-b / problem.x_sd, 1.0)
    centre = float(value("intercept_at_mean__")) - problem.moments.y_mean
    rss = full @ cross @ full + problem.n * centre**2
    return total - problem.n * np.log(sigma) - 0.5 * rss / sigma**2


class TestGiven:
    """The same data under another scale, prior or σ, known here or not."""

    X, y = np.array([[1.0, 0.5], [2.0, -1.0], [4.0, 0.0], [7.0, 3.0]]), [1.0, 2.0, 2.0, 5.0]

    def test_what_is_known_changes_by_given_and_not_by_at(self):
        known = br.Model(br.Laplace(2.0), br.Gaussian(sigma=1.0)).condition(self.X, self.y)
        again = br.Model(br.Laplace(3.0), br.Gaussian(sigma=0.5)).condition(self.X, self.y)
        np.testing.assert_array_equal(known.given(scale=3.0, sigma=0.5).l1, again.l1)
        with pytest.raises(br.BadArgument, match=r"1 value\(s\), and 0 scale\(s\) are unknown"):
            known.at(scale=3.0)

    @pytest.mark.parametrize("flat", [False, True])
    def test_another_prior_is_as_if_conditioned_on_it(self, flat):
        def under(prior):
            return br.Model({"x1": br.Flat(), ...: prior} if flat else prior)

        new = br.Normal(0.5, loc=1.5)
        given = under(br.Laplace(2.0)).condition(self.X, self.y).given(prior=new)
        direct = under(new).condition(self.X, self.y)
        np.testing.assert_array_equal(given.xy, direct.xy)
        assert repr(given) == repr(direct)

    def test_factors_and_groups_stay_with_their_columns(self):
        old = br.Laplace(1.0, relative=(1.0, 3.0), groups=[["x1", "x2"]])
        problem = br.Model(old).condition(self.X, self.y)
        (block,) = problem.given(prior=br.Laplace(2.0)).blocks
        assert block.scale == 2.0
        np.testing.assert_array_equal(block.relative, problem.blocks[0].relative)
        np.testing.assert_array_equal(block.group, problem.blocks[0].group)
        with pytest.raises(br.BadArgument, match="relative and groups stay"):
            problem.given(prior=old)

    @pytest.mark.parametrize("new", [br.Horseshoe(), br.R2D2(), br.NormalGamma()], ids=repr)
    @pytest.mark.parametrize("old", [br.Normal(), br.R2D2(0.3), br.Horseshoe()], ids=repr)
    def test_factors_are_grouped_as_another_prior_does(self, old, new):
        frame = pd.DataFrame({"x": self.X[:, 0], "g": list("abca"), "y": self.y})

        def under(prior):
            mixed = {"x": br.Flat(), ...: prior}
            return br.Model(mixed).condition_formula("y ~ x + g", frame)

        (given,), (direct,) = under(old).given(prior=new).blocks, under(new).blocks
        np.testing.assert_array_equal(given.group, direct.group)
        np.testing.assert_array_equal(given.relative, direct.relative)
        assert (given.prior, given.hyper) == (direct.prior, direct.hyper)

    def test_a_hyperprior_makes_a_scale_unknown(self):
        problem = br.Model(br.Normal(1.0)).condition(self.X, self.y)
        assert problem.given(scale=br.HalfCauchy(2.0)).unknown_scales == ("normal",)

    def test_scales_are_one_per_unknown_or_one_per_block(self):
        prior = {"x1": br.Normal(1.0), "x2": br.Normal()}
        problem = br.Model(prior).condition(self.X, self.y)
        assert [b.scale for b in problem.given(scale=4.0).blocks] == [1.0, 4.0]
        assert [b.scale for b in problem.given(scale=[3.0, 4.0]).blocks] == [3.0, 4.0]
        with pytest.raises(br.BadArgument, match="3 value"):
            problem.given(scale=[1.0, 2.0, 3.0])


# Columns, hyperprior, and which columns have a posterior without a variance.
TAILS = {
    "twins": ("xx", br.HalfCauchy(), ("x1", "x2")),
    "twins, light hyperprior": ("xx", br.HalfNormal(1.0), ()),
    "twins beside another": ("xxz", br.HalfCauchy(), ()),
    "twins, a tail of x^-2.5": ("xx", br.HalfStudentT(1.5), ()),
    "a zero column": ("x0", br.HalfCauchy(), ("x2",)),
    "a zero column beside two": ("xz0", br.HalfCauchy(), ()),
    "one column": ("x", br.HalfCauchy(), ()),
}


@pytest.mark.parametrize("name", TAILS)
def test_a_posterior_without_variance_is_said_to_have_none(name):
    """E s² over the posterior of the scale, by quadrature, grows without end or does not."""
    columns, hyper, without = TAILS[name]
    rng = np.random.default_rng(0)
    x, z = rng.standard_normal((2, 30))
    X = np.column_stack([{"x": x, "z": z, "0": 0 * x}[letter] for letter in columns])
    model = br.Model(br.Normal(hyper, unit="y"), br.Gaussian(1.0))
    y = x + rng.standard_normal(30)
    problem = model.condition(X, y)
    (said,) = [text for text in problem.warnings if "no variance" in text] or [""]
    assert all(repr(feature) in said for feature in without)
    assert bool(said) == bool(without)
    u, d, _ = np.linalg.svd(X - X.mean(0), full_matrices=False)
    t = np.linspace(np.log(1e-3), np.log(1e9), 1500)
    spread = 1.0 + np.square(np.exp(t)[:, None] * d * (d > 1e-9 * d[0]))
    evidence = -0.5 * np.sum(np.log(spread) + np.square(u.T @ y) / spread, axis=1)
    density = np.exp(evidence - evidence.max() + hyper.log_density(np.exp(t)) + t)
    square = np.cumsum(density * np.exp(2 * t))
    grows = square[-1] > 1.1 * square[1250]  # from 1e7 to 1e9
    silent = np.sum(d > 1e-9 * d[0]) < len(columns)
    assert bool(without) == (grows and silent)
