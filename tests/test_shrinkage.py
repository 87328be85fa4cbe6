"""Laws of what a prior did: κ, m_eff, λ, sizes and signs, and what is taken from an estimate."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.integrate import quad

import bayesreg as br
from bayesreg.gaussian.normal_means import NormalMeans
from bayesreg.language.errors import BadArgument, NotSupported
from bayesreg.results import LamPosterior, Quantity, Shrinkage, Significance
from tests.cases import CASES
from tests.synthetic_draws import synthetic
from tests.test_model import condition

pytestmark = pytest.mark.filterwarnings("ignore::bayesreg.language.errors.BayesregWarning")

NORMAL = [
    ("known scale", CASES[0], br.Model(br.Normal(0.6), br.Gaussian(1.4))),
    ("unit sigma", CASES[1], br.Model(br.Normal(0.6, unit="sigma"))),
    ("unknown", CASES[6], br.Model(br.Normal())),
    ("by column", CASES[0], br.Model(br.Normal([0.1, 0.5, 1.0, 2.0, 9.0]), br.Gaussian(1.4))),
    ("flat", CASES[4], br.Model({"c2": br.Flat(), ...: br.Normal()})),
    ("wide", CASES[3], br.Model(br.Normal(0.3), br.Gaussian(1.0))),
]


def run(case, model, **options):
    """Draws without their record of κ, and with it."""
    post = br.sample(condition(case, model), seed=3, **options)
    return dataclasses.replace(post.draws, kappa=None), post.draws


@pytest.mark.parametrize("case, model", [pytest.param(*row, id=name) for name, *row in NORMAL])
def test_kappa_of_a_normal_prior_is_its_formula(case, model):
    """1/(1 + G_jj s²/σ²) from each draw's σ and scale, recorded or not."""
    bare, kept = run(case, model, draws=50)
    problem = kept.problem
    s = np.empty((*kept.sigma.shape, problem.p))
    for block in problem.blocks:
        scale = block.scale if block.scale is not None else kept.scale
        s[..., block.columns] = scale * block.relative
        if block.prior.unit == "sigma":
            s[..., block.columns] *= kept.sigma[..., None]
    information = np.diag(problem.gram)
    expected = 1 / (1 + information * np.square(s / kept.sigma[..., None]))

    for draws in (bare, kept):
        found = Shrinkage.of(draws)
        np.testing.assert_allclose(found.kappa, expected, rtol=1e-9)
        m_eff = found.effective
        assert np.all((m_eff.draws >= 0) & (m_eff.draws <= problem.p))
        assert float(m_eff) == pytest.approx(np.sum(1 - expected.mean((0, 1))))
        assert found.mean.notna().sum() == problem.p
    # Negative control: with sd for variance the same comparison fails.
    wrong = 1 / (1 + information * s / kept.sigma[..., None])
    assert not np.allclose(wrong, expected, rtol=1e-3)


MIXTURES = {"laplace": br.Laplace(), "net": br.ElasticNet(mix=0.3), "horseshoe": br.Horseshoe()}


def far(bare, kept):
    """Largest |z| of the difference between κ drawn beside the coefficients and κ kept."""
    difference = Shrinkage.of(bare).kappa - kept.kappa
    flat = difference.reshape(-1, difference.shape[-1])
    return float(np.max(np.abs(flat.mean(0)) / (flat.std(0) / np.sqrt(len(flat)))))


@pytest.mark.parametrize("name", MIXTURES)
def test_kappa_drawn_beside_coefficients_is_that_of_the_sampler(name):
    """Given (b, σ, s) both have one law, so means agree: 5 standard errors for 5 columns."""
    bare, kept = run(CASES[1], br.Model(MIXTURES[name]), draws=2000, engine="gibbs")
    found = Shrinkage.of(bare)

    assert far(bare, kept) < 5
    assert np.all((found.kappa > 0) & (found.kappa < 1))
    assert "drawn" in found.source
    assert np.array_equal(found.kappa, Shrinkage.of(bare).kappa)
    # Negative control: a scale that is wrong by half is caught; under heavy tails t makes up for
    # most of it.
    assert far(dataclasses.replace(bare, scale=1.5 * bare.scale), kept) > 5


def test_shrinkage_reads_easily():
    """By name, as a table with named intervals, as text; Flat columns have none."""
    post = br.sample(condition(CASES[0], br.Model({"c2": br.Flat(), ...: br.Laplace()})), seed=1)
    found = post.shrinkage
    table = found.summary(0.9)

    assert found is post.shrinkage
    assert isinstance(found["c0"], Quantity)
    assert float(found["c0"]) == pytest.approx(found.mean["c0"], rel=1e-12)
    assert found.mean["c0"] == pytest.approx(table.loc["c0", "mean"], rel=1e-12)
    assert found["c0"].interval(0.9) == tuple(table.loc["c0", ["eti90_lb", "eti90_ub"]])
    assert np.all(np.isnan(table.loc["c2"]))
    assert "m_eff" in repr(found)
    assert "eti95" in repr(found.effective)
    assert "<table" in found._repr_html_()
    for name, words in (("c2", "Flat"), ("c9", "c9")):
        with pytest.raises(BadArgument, match=words):
            found[name]
    with pytest.raises(BadArgument, match="between 0 and 1"):
        found.summary(95)


def test_what_is_not_available_says_so():
    """Under a slab the coefficients do not tell their local scales: no number is made up."""
    draws = synthetic(condition(CASES[0], br.Model(br.RegularizedHorseshoe())))
    found = Shrinkage.of(draws)

    assert not found.known
    assert np.all(np.isnan(found.mean))
    assert np.all(np.isnan(found.summary()))
    assert "engine='gibbs'" in repr(found)
    for ask in (lambda: found.effective, lambda: found["c0"]):
        with pytest.raises(NotSupported, match="RegularizedHorseshoe"):
            ask()


LAMBDAS = [
    ("laplace in sigma", br.Laplace(), {"λ": lambda d, s: d.sigma / s}),
    ("laplace in y", br.Laplace(br.HalfNormal(2.0), unit="y"), {"λ": lambda d, s: d.sigma**2 / s}),
    ("laplace known", br.Laplace(2.0), {"λ": lambda d, s: d.sigma**2 / 2.0}),
    ("normal", br.Normal(), {"λ": lambda d, s: 1 / s**2}),
    (
        "elastic net",
        br.ElasticNet(mix=0.3),
        {"λ₁": lambda d, s: 0.3 * d.sigma / s, "λ₂": lambda d, s: 0.7 / s**2},
    ),
    ("horseshoe", br.Horseshoe(), {"scale": lambda d, s: s}),
    ("bridge", br.Bridge(0.5), {"scale": lambda d, s: s}),
]


@pytest.mark.parametrize("prior, expected", [pytest.param(*row, id=name) for name, *row in LAMBDAS])
def test_lambda_is_its_formula_draw_by_draw(prior, expected):
    """As `Penalty.at` has it at single draws; where no λ exists it is the scale, and said."""
    draws = synthetic(condition(CASES[0], br.Model(prior)))
    found = LamPosterior.of(draws)
    scale = draws.scale[..., 0] if draws.scale.shape[-1] else None

    assert [q.name for q in found.quantities] == list(expected)
    for name, formula in expected.items():
        np.testing.assert_allclose(found[name].draws, formula(draws, scale), rtol=1e-14)
    if "scale" in expected:
        assert "has no λ" in found.notes[0]
        return
    assert not found.notes
    for chain, draw in ((0, 0), (2, 17)):
        unknown = None if scale is None else scale[chain, draw]
        penalty = draws.problem.penalty.at(sigma=draws.sigma[chain, draw], scale=unknown)
        for name in expected:
            one = penalty.l2 if name == "λ₂" else penalty.l1 if name == "λ₁" else penalty.lam
            assert found[name].draws[chain, draw] == pytest.approx(one, rel=1e-13)
    # Negative control: the scale itself is not λ.
    assert scale is None or not np.allclose(found.quantities[0].draws, scale)


def test_lambda_of_a_mapping_is_named_by_block():
    """Each block has its own; a name that is not there is refused with those that are."""
    mapping = {"c0": br.Normal(2.0), "c1": br.Horseshoe(), ...: br.Laplace()}
    found = LamPosterior.of(synthetic(condition(CASES[0], br.Model(mapping, br.Gaussian(1.0)))))

    assert [q.name for q in found.quantities] == ["λ[c0]", "scale[c1]", "λ[rest]"]
    assert found["λ[c0]"].known
    assert not found["λ[rest]"].known
    assert found.summary().loc["λ[c0]", ["mean", "median"]].tolist() == [0.25, 0.25]
    with pytest.raises(BadArgument, match=r"λ\[rest\]"):
        found["λ"]


def test_where_the_map_lies_in_the_posterior_of_lambda():
    """The MAP's λ, and the share of draws below it."""
    problem = condition(CASES[1], br.Model(br.Laplace()))
    post, fit = br.sample(problem, seed=1, draws=300), br.fit_map(problem)
    row = post.lam.beside(fit).summary(0.9).loc["λ"]

    assert row["map"] == pytest.approx(fit.penalty.lam, rel=1e-12)
    assert row["p_below"] == np.mean(post.lam["λ"].draws < fit.penalty.lam)
    assert row["eti90_lb"] < row["median"] < row["eti90_ub"]
    assert "map" not in post.lam.summary()


@pytest.fixture(scope="module")
def drawn():
    """Draws with coefficients near ε, so that probabilities are none of 0 and 1."""
    about = condition(CASES[0], br.Model())
    return synthetic(about, beta=np.random.default_rng(1).normal(0.05, 0.1, (4, 500, 5)))


def test_significance_is_the_share_of_draws(drawn):
    """P(|β| > ε) is the event's probability; P(direction) that of the likelier sign."""
    post = br.results.Posterior(drawn, "synthetic")
    eps = dict(zip(drawn.problem.features, (0.0, 0.02, 0.1, 0.2, 9.0), strict=True))
    found = post.significance(eps)
    sd = drawn.problem.column_sd

    for j, (name, one) in enumerate(eps.items()):
        assert found[name] == post.probability(f"|{name}| > {one}")
        positive = post.probability(f"{name} > 0")
        assert found.table.loc[name, "p_direction"] == max(positive, 1 - positive)
        assert found.table.loc[name, "sign"] == ("+" if positive >= 0.5 else "−")
        alone = post.significance(0.1, standardized=True)[name]
        assert alone == np.mean(np.abs(sd[j] * drawn.beta[..., j]) > 0.1)
    assert found.p_larger[0] == 1.0
    assert found.p_larger[-1] == 0.0
    # Negative control: per unit and per sd are different questions.
    assert np.any(found.p_larger != post.significance(list(eps.values()), True).p_larger)


def test_significance_at_a_tenth_is_said_in_words(drawn):
    """ε is a tenth of sd(y), and both the number and its meaning are in the words."""
    found = Significance.of_tenth(drawn)

    assert np.all(found.eps == 0.1 * drawn.problem.moments.y_sd)
    assert found.standardized
    assert f"{found.eps[0]:.4g}, a tenth of sd(y) per sd of the column" in repr(found)


@pytest.mark.parametrize(
    "eps, words",
    [
        (-1.0, "at least 0"),
        (np.nan, "finite"),
        ("0.1", "one number"),
        (None, "one number"),
        (True, "one number"),
        ([0.1, 0.2], r"per column \(5\)"),
        ({"c0": 1.0}, "'c1' has no ε"),
        ({"bmi": 1.0}, "'bmi' is no column"),
    ],
)
def test_bad_sizes_are_refused(drawn, eps, words):
    """ε has no default and no guess."""
    with pytest.raises(BadArgument, match=words):
        Significance.of(drawn, eps)


PROFILED = {
    "normal": (br.Normal(0.8), lambda b: -0.5 * (b / 0.8) ** 2),
    "laplace": (br.Laplace(0.8), lambda b: -np.abs(b) / 0.8),
    "student": (br.StudentT(3.0, 0.8), lambda b: -2.0 * np.log1p((b / 0.8) ** 2 / 3.0)),
}


@pytest.mark.parametrize("name", PROFILED)
def test_profile_is_the_posterior_mean_by_quadrature(name):
    """E(b | b̂) by another rule, from the density written out."""
    prior, log_density = PROFILED[name]
    estimate, se = np.array([0.0, 0.3, 1.0, 2.5, 6.0]), 0.7

    def integral(power, at):
        inside = lambda b: b**power * np.exp(-0.5 * (at - b / se) ** 2 + log_density(b))  # noqa: E731
        return sum(quad(inside, *ends, epsabs=1e-13)[0] for ends in ((-15, 0), (0, 15)))

    expected = np.array([integral(1, at) / integral(0, at) / se for at in estimate])
    found = NormalMeans(prior, 0.8, 1.0, se).mean(estimate)
    in_sigma = NormalMeans(prior, 0.4, 2.0, se).mean(estimate)

    np.testing.assert_allclose(found, expected, atol=1e-10)
    np.testing.assert_allclose(in_sigma, expected, atol=1e-10)
    # Negative control: a scale that is wrong by 2 % is outside the tolerance.
    assert np.max(np.abs(NormalMeans(prior, 0.816, 1.0, se).mean(estimate) - expected)) > 2e-4


def test_profile_of_a_pole_is_that_of_its_draws():
    """A horseshoe's, by weighting draws from the prior: 5 standard errors."""
    prior, estimate = br.Horseshoe(1.0), np.array([0.5, 2.0, 4.0])
    b = prior.sample(np.random.default_rng(2), 200_000, 1.0)
    weight = np.exp(-0.5 * (estimate[:, None] - b) ** 2)
    expected = weight @ b / weight.sum(axis=1)
    error = np.sqrt(np.sum((weight * (b - expected[:, None])) ** 2, axis=1)) / weight.sum(axis=1)

    assert np.all(np.abs(NormalMeans(prior, 1.0, 1.0, 1.0).mean(estimate) - expected) < 5 * error)


def test_profile_of_the_map():
    """Soft threshold for a Laplace prior; for a bridge the best of all b, zero included."""
    estimate, se = np.linspace(0, 6, 61), 0.5
    lasso = NormalMeans(br.Laplace(2.0), 2.0, 1.0, se).mode(estimate)
    np.testing.assert_allclose(lasso, np.maximum(estimate - se / 2.0, 0.0), atol=1e-12)

    bridge = br.Bridge(0.5, 1.0)
    found = NormalMeans(bridge, 1.0, 1.0, se).mode(estimate)
    grid = np.linspace(0, 6, 60_001)
    cost = 0.5 * (estimate[:, None] - grid) ** 2 + np.sqrt(se * grid)
    np.testing.assert_allclose(found, grid[np.argmin(cost, axis=1)], atol=2e-3)
    assert np.any(found == 0.0)


def test_closed_form_summary_has_intercept_and_sigma():
    """Against i.i.d. draws: means and intervals of β₀ and σ within 5 standard errors."""
    problem = condition(CASES[1], br.Model(br.Normal(0.6, unit="sigma")))
    closed, post = br.closed_form(problem), br.sample(problem, draws=5000, seed=2)
    table, drawn = closed.summary(0.9), post.summary(0.9)

    assert table.index.tolist() == ["intercept", *problem.features, "sigma"]
    for name in ("intercept", "sigma"):
        error = table.loc[name, "sd"] / np.sqrt(20_000)
        assert abs(table.loc[name, "mean"] - drawn.loc[name, "mean"]) < 5 * error
        assert table.loc[name, "sd"] == pytest.approx(drawn.loc[name, "sd"], rel=0.05)
        for bound in ("eti90_lb", "eti90_ub"):
            # The sd of a 5 % quantile of a normal is 2.1 times that of its mean.
            assert abs(table.loc[name, bound] - drawn.loc[name, bound]) < 5 * 2.2 * error
    known = br.closed_form(condition(CASES[2], br.Model(br.Normal(0.6), br.Gaussian(2.0))))
    assert known.summary().index.tolist() == list(known.problem.features)
    assert known.sigma_interval() == (2.0, 2.0)


def test_compare_tells_what_each_prior_did():
    """Tables by prior are those of each posterior; the verdict says m_eff with its interval."""
    case = CASES[1]
    priors = {"ridge": br.Normal(), "lasso": br.Laplace(), "hs": br.Horseshoe()}
    fits = br.compare(priors, case.frame, case.y, standardize=True, seed=1, draws=200)
    post = fits["lasso"].post

    assert fits.shrinkage(0.9).loc["lasso"].equals(post.shrinkage.summary(0.9))
    assert fits.effective().loc["lasso", "mean"] == float(post.shrinkage.effective)
    assert fits.significance(0.1).loc["lasso"].equals(post.significance(0.1).table)
    lam = fits.lam()
    assert lam.loc[("lasso", "λ"), "map"] == pytest.approx(fits["lasso"].fit.penalty.lam)
    assert np.isnan(lam.loc[("hs", "scale"), "map"])
    assert np.all(fits.effective()[["eti95_lb", "eti95_ub"]].stack().between(0, 5))
    said = next(text for text in fits.verdict if text.startswith("lasso: m_eff"))
    low, high = post.shrinkage.effective.interval()
    assert f"eti95 {low:.1f} to {high:.1f})" in said
    for kind in ("shrinkage", "effective", "scale", "profile", "significance"):
        assert len(np.ravel(fits.plot(kind))) >= 1
    for kind in ("shrinkage", "effective", "scale", "significance"):
        assert len(np.ravel(post.plot(kind))) >= 1
