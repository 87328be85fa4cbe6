"""Validation: engines that are right pass, and every seeded fault is caught with known power.

A fault is seeded by drawing the truth from one model and fitting another, or by wrapping an engine:
nothing inside is patched.
"""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray
from scipy import stats

import bayesreg as br
from bayesreg.cli import main
from bayesreg.engines.kernel import Independent
from bayesreg.engines.prior import prior_draws
from bayesreg.gaussian import exact
from bayesreg.plots.canvas import png
from bayesreg.validation.bands import band, pvalue
from bayesreg.validation.recovery import LEVELS
from bayesreg.validation.trials import prepare
from bayesreg.verbs.validate import CHECKS
from tests.cases import others

Array = NDArray[np.float64]
IG = br.InverseGammaSquared(3.0, 2.0)
LEVEL = 1e-3  # the default false-alarm rate of a verdict
SIMULATIONS, DRAWS = 600, 100  # the defaults that the power below is for


def model(prior: Any, sigma: Any = IG) -> br.Model:
    return br.Model(prior, br.Gaussian(sigma))


# --- bands and p-values ----------------------------------------------------------------------


def test_band_holds_as_many_uniform_samples_as_it_says() -> None:
    """Coverage within 4 binomial standard errors; ArviZ's simulated level gives the same band."""
    z, lower, upper = band(200, 0.9)
    rng = np.random.default_rng(1)
    inside = 0
    for _ in range(1500):
        ecdf = np.searchsorted(np.sort(rng.random(200)), z, side="right") / 200
        inside += bool(np.all((ecdf >= lower) & (ecdf <= upper)))
    # Counts are whole, so that a band cannot have exactly the coverage asked for.
    assert 0.9 - 4 * 0.0077 < inside / 1500 < 0.94

    from arviz_stats import ecdf_utils

    points = z[1:-1]
    level = ecdf_utils.simulate_confidence_bands(200, 1, points, 0.9, 600, rng)
    low, high = ecdf_utils.get_pointwise_confidence_band(level, 200, points)
    assert np.max(np.abs(low - lower[1:-1])) <= 0.015
    assert np.max(np.abs(high - upper[1:-1])) <= 0.015
    assert np.max(np.abs(high - band(200, 0.5)[2][1:-1])) > 0.015


def test_p_values_of_uniform_samples_are_uniform() -> None:
    rng = np.random.default_rng(2)
    p = np.array([pvalue(rng.random(40)) for _ in range(150)])
    # Discrete, hence never below its level too often: 4 binomial standard errors.
    for level in (0.01, 0.1, 0.5):
        assert np.mean(p <= level) <= level + 4 * math.sqrt(level * (1 - level) / 150)
        assert np.mean(p <= level) >= 0.7 * level - 4 * math.sqrt(level / 150)


@pytest.mark.parametrize("power", [0.7, 1.5], ids=["low", "high"])
def test_p_values_control(power: float) -> None:
    assert pvalue(np.random.default_rng(3).random(500) ** power) < 1e-8


# --- power: how many simulations catch which fault ---------------------------------------------


def conjugate_ranks(truth: float, fitted: float, count: int, seed: int = 0) -> dict[str, Array]:
    """Ranks of calibration for Normal(fitted) on data of Normal(truth), by the closed form.

    Unit "sigma", σ² ~ IG(3, 2), on the default design: NumPy alone, no engine.
    """
    one = model(br.Normal(truth, unit="sigma"))
    X = prepare(one, one, 10, 8, None, standardize=False, seed=0).X
    rng, (n, p) = np.random.default_rng(seed), X.shape
    X = X - X.mean(0)
    sigma = np.sqrt(2.0 / rng.standard_gamma(3.0, count))
    b = truth * sigma[:, None] * rng.standard_normal((count, p))
    y = b @ X.T + sigma[:, None] * rng.standard_normal((count, n))
    y -= y.mean(1, keepdims=True)
    precision = X.T @ X + np.eye(p) / fitted**2
    mean = y @ X @ np.linalg.inv(precision)
    s = np.sum(y**2, 1) - np.einsum("ij,jk,ik->i", mean, precision, mean)
    gamma = rng.standard_gamma(3.0 + 0.5 * (n - 1), (count, DRAWS))
    sd = np.sqrt((2.0 + 0.5 * s[:, None]) / gamma)
    root = np.linalg.inv(np.linalg.cholesky(precision))
    draws = mean[:, None] + sd[..., None] * (rng.standard_normal((count, DRAWS, p)) @ root)

    def quantities(b: Array, sd: Array, y: Array) -> dict[str, Array]:
        u = b / (fitted * sd[..., None])
        rss = np.sum((y - b @ X.T) ** 2, -1)
        return {
            "norm": np.linalg.norm(b, axis=-1),
            "scales": np.sum(np.log1p(u**2), -1),
            "log sigma": np.log(sd),
            "log likelihood": -n * np.log(sd) - 0.5 * rss / sd**2,
        }

    true, found = quantities(b, sigma, y), quantities(draws, sd, y[:, None])
    return {k: (np.sum(found[k] < true[k][:, None], 1) + rng.random(count)) / 101 for k in true}


def power_of_calibration(truth: float, fitted: float, runs: int, family: int = 20) -> float:
    """Share of runs of 600 simulations that leave the band of level LEVEL ÷ family."""
    z, lower, upper = band(SIMULATIONS, 1.0 - LEVEL / family)
    caught = 0
    for seed in range(runs):
        ranks = conjugate_ranks(truth, fitted, SIMULATIONS, seed)
        ecdfs = (np.searchsorted(np.sort(u), z, side="right") / SIMULATIONS for u in ranks.values())
        caught += any(bool(np.any((e < lower) | (e > upper))) for e in ecdfs)
    return caught / runs


def power_of_recovery(shift: Any, ess: float, family: int = 20) -> float:
    """Power of the largest of five z-scores, for shares `shift(q)` below the prior's q-quantile."""
    limit = stats.norm.isf(LEVEL / family / len(LEVELS) / 2)
    powers = []
    for q in LEVELS:
        share = shift(q)
        z = abs(share - q) / math.sqrt(q * (1 - q) / ess)
        spread = math.sqrt(share * (1 - share) / (q * (1 - q)))
        powers.append(stats.norm.sf((limit - z) / spread))
    return float(max(powers))


@pytest.mark.slow
@pytest.mark.parametrize(
    "truth, fitted", [(1.0, 1.1), (1.0, 0.9), (1.5, 2.25)], ids=["+10%", "-10%", "variance for sd"]
)
def test_calibration_of_600_data_sets_has_the_power(truth: float, fitted: float) -> None:
    """At least .99 for a scale off by 10 %, over 400 runs; hardly an alarm in 200 right ones."""
    found = power_of_calibration(truth, fitted, 400)
    # A share of .99 shows as at least .97 in all but one set of 400 runs in 10 000.
    assert found > 0.97
    assert power_of_calibration(truth, truth, 200) <= 0.01


def test_recovery_has_the_power() -> None:
    """With 1 000 effective draws: a scale off by 10 %, and a Jacobian left out of σ or of a scale.

    p(σ)/σ in the place of p(σ) takes IG(a, b) on σ² to IG(a + ½, b).
    """
    chi2, gamma = stats.chi2(8), stats.invgamma
    size = power_of_recovery(lambda q: chi2.cdf(chi2.ppf(q) / 1.21), 1000)
    jacobian = power_of_recovery(
        lambda q: gamma.cdf(gamma.ppf(q, 3.0, scale=2.0), 3.5, scale=2.0), 1000
    )
    assert size > 0.99
    assert jacobian > 0.99
    assert power_of_recovery(lambda q: q, 1000) < LEVEL


# --- the verb ----------------------------------------------------------------------------------

RIGHT = {
    "conjugate": (model(br.Normal(1.0, unit="sigma")), "exact"),
    "known sigma, offset": (model(br.Normal(1.0, loc=2.0), 0.7), "exact"),
    "unknown scale": (model(br.Normal(IG)), "direct"),
}
# What is drawn, what is fitted, and which tests see it.
FAULTS = {
    "scale +10%": (br.Normal(1.0, unit="sigma"), br.Normal(1.1, unit="sigma"), "recovery"),
    "scale -10%": (br.Normal(1.0, unit="sigma"), br.Normal(0.9, unit="sigma"), "recovery"),
    "variance for sd": (br.Normal(1.5, unit="sigma"), br.Normal(2.25, unit="sigma"), "recovery"),
    "sd for variance": (br.Normal(2.25, unit="sigma"), br.Normal(1.5, unit="sigma"), "recovery"),
    "relative factors": (
        br.Normal(1.0, unit="sigma", relative=[1.0] * 7 + [2.0]),
        br.Normal(1.0, unit="sigma", relative=[2.0] + [1.0] * 7),
        "recovery",
    ),
    "unit": (br.Normal(1.0, unit="y"), br.Normal(1.0, unit="sigma"), "recovery"),
    "loc": (br.Normal(1.0, unit="sigma"), br.Normal(1.0, 0.3, unit="sigma"), "recovery"),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_engines_pass(name: str) -> None:
    one, engine = RIGHT[name]
    found = br.validate(one, engine, simulations=50, draws=40, seed=11)
    assert found.ok, found.why
    assert len(found.ranks) >= 7


@pytest.mark.parametrize("name", FAULTS)
def test_wrong_priors_are_caught(name: str) -> None:
    truth, fitted, check = FAULTS[name]
    sigma = 1.3 if fitted.unit != truth.unit else IG
    if name == "unit":
        sigma = IG
    engine = "direct" if name == "unit" else "exact"
    found = br.validate(
        model(fitted, sigma), engine, truth=model(truth, sigma), checks=check, seed=12
    )
    assert not found.ok
    assert check in found.why


def test_jacobian_left_out_of_sigma_is_caught() -> None:
    fitted = br.InverseGammaSquared(3.5, 2.0)
    prior = br.Normal(1.0, unit="sigma")
    found = br.validate(model(prior, fitted), truth=model(prior), checks="recovery", seed=13)
    assert not found.ok
    assert "log sigma" in found.why


def wrapped(engine: Any, kernel: Any) -> Any:
    """An engine with another kernel: what a faulty engine would look like from outside."""
    return SimpleNamespace(NAME=engine.NAME, supports=engine.supports, KERNEL=kernel)


class IgnoresData(Independent):
    """Draws from the prior, whatever the data."""

    def prepare(self, problem: Any) -> Any:
        return problem

    def draw(self, setup: Any, rng: np.random.Generator, size: int) -> dict[str, Array]:
        found, _ = prior_draws(setup, size, int(rng.integers(2**62)))
        scale = found.get("scale", np.zeros((size, 0)))
        return {"b": found["beta"] * setup.x_sd, "sigma": found["sigma"], "scale": scale}


class HalfTheData(Independent):
    """The posterior given X'y and the rest halved: too little is learnt."""

    def prepare(self, problem: Any) -> Any:
        design = problem.design
        half = br.Design.of(design.X[::2], design.y[::2])
        return exact.KERNEL.prepare(br.Model.of(problem).condition(half))

    def draw(self, setup: Any, rng: np.random.Generator, size: int) -> dict[str, Array]:
        return exact.KERNEL.draw(setup, rng, size)


class NotFinite(IgnoresData):
    """NaN for σ."""

    def draw(self, setup: Any, rng: np.random.Generator, size: int) -> dict[str, Array]:
        return {**super().draw(setup, rng, size), "sigma": np.full(size, np.nan)}


def test_an_engine_that_ignores_the_data_is_caught_by_the_likelihood_alone() -> None:
    """Ranks of single unknowns cannot see it (Modrák et al. 2023), nor can prior recovery."""
    one = model(br.Normal(1.0, unit="sigma"))
    found = br.validate(one, wrapped(exact, IgnoresData()), simulations=100, seed=14)
    assert not found.ok
    blind = found.table["ok"].drop(("calibration", "intercept"))
    assert list(blind[~blind].index) == [("calibration", "log likelihood")]


def test_an_engine_that_takes_half_the_data_is_caught() -> None:
    one = model(br.Normal(1.0, unit="sigma"))
    found = br.validate(
        one, wrapped(exact, HalfTheData()), checks="calibration", simulations=200, seed=15
    )
    assert not found.ok


def test_draws_that_are_not_finite_are_no_ranks() -> None:
    one = model(br.Normal(1.0, unit="sigma"))
    found = br.validate(one, wrapped(exact, NotFinite()), simulations=20, seed=16)
    assert not found.ok
    assert "failed in 20 of 20 simulations" in found.why
    assert "recovery broke down" in found.why


def test_units_of_y_change_nothing() -> None:
    """A model in grams and one in kilograms have the same ranks: the design follows the prior."""
    small, large = (model(br.Normal(k, unit="y"), 2.0 * k) for k in (1.0, 1000.0))
    one, two = (
        br.validate(m, simulations=40, checks="calibration", seed=3) for m in (small, large)
    )
    for name in one.ranks:
        assert np.allclose(one.ranks[name], two.ranks[name])


def test_designs_of_ones_own_flat_columns_and_standardising() -> None:
    X = np.random.default_rng(4).normal([1.0, 5.0, -2.0], [1.0, 3.0, 0.5], (15, 3))
    import pandas as pd

    frame = pd.DataFrame(X, columns=["age", "bmi", "dose"])
    prior = {"age": br.Flat(), ...: br.Normal(0.5, unit="sigma")}
    one = br.Model(prior, br.Gaussian(IG))
    found = br.validate(
        one, "exact", design=frame, standardize=True, simulations=150, draws=40, seed=5
    )
    assert found.ok, found.why
    assert {"beta[age]", "beta[bmi]", "beta[dose]", "intercept"} <= set(found.ranks)
    assert any("recovery left out" in note for note in found.notes)


def test_same_seed_same_verdict() -> None:
    one = model(br.Normal(1.0, unit="sigma"))
    a, b = (br.validate(one, simulations=20, draws=20, seed=6) for _ in range(2))
    assert a.table.equals(b.table)
    c = br.validate(one, simulations=20, draws=20)
    again = br.validate(one, simulations=20, draws=20, seed=c.seed)
    assert c.table.equals(again.table)


def test_a_prior_alone_gets_a_proper_sigma_and_says_so() -> None:
    found = br.validate(br.Normal(1.0, unit="sigma"), simulations=20, draws=20, seed=7)
    assert "σ was given InverseGammaSquared(shape=3.0, rate=2.0): it must be proper" in found.notes


REFUSED = {
    "improper": ((br.Model(br.Normal(1.0)),), {}, br.NotSupported, "use a proper one"),
    "flat sigma": ((model(br.Normal(1.0), br.Flat()),), {}, br.NotSupported, "improper"),
    "no model": (("lasso",), {}, br.BadArgument, "model must be a Model or a prior"),
    "engine": ((model(br.Normal(1.0)), "gibs"), {}, br.BadArgument, "engine must be one of"),
    "cannot": ((model(br.Laplace(1.0)), "exact"), {}, br.NotSupported, "use engine='"),
    "checks": ((model(br.Normal(1.0)),), {"checks": "sbc"}, br.BadArgument, "calibration, rec"),
    "simulations": ((model(br.Normal(1.0)),), {"simulations": 3}, br.BadArgument, "at least 20"),
    "unknowns": (
        (model(br.Normal(1.0)),),
        {"truth": model(br.Normal(IG))},
        br.BadArgument,
        "same unknowns",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_say_what_to_do(name: str) -> None:
    arguments, options, error, text = REFUSED[name]
    with pytest.raises(error, match=text):
        br.validate(*arguments, **options)


@pytest.fixture(scope="module")
def failed() -> br.Validation:
    """A validation that fails, for everything that shows it."""
    return br.validate(
        model(br.Normal(2.0, unit="sigma")),
        truth=model(br.Normal(1.0, unit="sigma")),
        simulations=100,
        draws=40,
        seed=8,
    )


def test_verdict_in_words(failed: br.Validation) -> None:
    assert not failed.ok
    assert "recovery, " in failed.why
    assert "after correction over" in failed.why
    assert repr(failed).startswith("NOT VALIDATED: engine 'exact' on Normal(scale=2.0")
    page = failed._repr_html_()
    assert page.count("<svg") == 1
    assert "NOT VALIDATED" in page
    assert set(failed.table.columns) == {"p", "p_adjusted", "ok", "seen"}
    assert bool(np.all(failed.table["p_adjusted"] >= failed.table["p"]))
    assert "too large" in failed.table.loc[("calibration", "b in scales"), "seen"]


def test_rank_plots(failed: br.Validation) -> None:
    panels = failed.plot()
    assert len(panels) == len(failed.ranks)
    assert png(panels[0].figure, 50)[:4] == b"\x89PNG"
    without = br.validate(
        model(br.Normal(1.0, unit="sigma")), checks=["recovery"], draws=20, seed=9
    )
    with pytest.raises(br.BadArgument, match="no ranks"):
        without.plot()
    assert "<svg" not in without._repr_html_()


# --- the shell ---------------------------------------------------------------------------------


def test_shell(tmp_path: Any) -> None:
    arguments = "validate --priors normal(scale=1,unit=sigma)"
    folder = tmp_path / "ranks"
    result = CliRunner().invoke(main, [*arguments.split(), "--quick", "--out", str(folder)])
    assert result.exit_code == 0, result.output
    assert "Validation, 150 simulations each" in result.stdout
    assert "every posterior is calibrated" in result.stdout
    assert {path.suffix for path in folder.iterdir()} == {".svg", ".png"}


def test_shell_skips_what_an_engine_cannot_serve_and_refuses_the_unknown() -> None:
    arguments = "validate --priors normal(scale=1,unit=sigma)"
    result = CliRunner().invoke(main, [*arguments.split(), "--engines", "gibs"])
    assert result.exit_code == 2
    assert "no engine is called 'gibs'" in result.stderr
    result = CliRunner().invoke(
        main, ["validate", "--priors", "laplace(1)", "--quick", "--engines", "exact"]
    )
    assert result.exit_code == 1
    assert "was left out" in result.stderr
    assert "nothing was validated" in result.stderr


def test_shell_exits_with_3_when_a_check_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    import bayesreg.verbs.validate

    wrong, validate = model(br.Normal(3.0, unit="sigma")), br.validate

    def fits_another(one: Any, engine: Any, **options: Any) -> Any:
        return validate(wrong, "exact", truth=one, **options)

    monkeypatch.setattr(bayesreg.verbs.validate, "validate", fits_another)
    arguments = "validate --priors normal(scale=1,unit=sigma)"
    result = CliRunner().invoke(main, [*arguments.split(), "--quick"])
    assert result.exit_code == 3
    assert "1 of 1 NOT validated" in result.stdout
    assert "FAILED" in result.stdout


# --- all priors and engines (slow) --------------------------------------------------------------

HALF, NOISE = br.HalfNormal(1.0), br.HalfNormal(1.5)
GROUPS = [["x1", "x2", "x3"], ["x6", "x7"]]
# engine, prior, σ, rows, columns: more columns than rows, and fewer, take different ways.
TABLE: dict[str, tuple[str, Any, Any, int, int]] = {
    "exact": ("exact", br.Normal(1.0, unit="sigma"), IG, 10, 8),
    "exact, wide": ("exact", br.Normal(1.0, unit="sigma"), IG, 6, 9),
    "exact, known sigma": ("exact", br.Normal(1.0, 0.5), 0.8, 10, 8),
    "direct": ("direct", br.Normal(HALF), IG, 10, 8),
    "direct, fixed scale": ("direct", br.Normal(1.0), IG, 10, 8),
    "direct, known sigma": ("direct", br.Normal(HALF, unit="y"), 0.8, 10, 8),
    "normal": ("gibbs", br.Normal(HALF), NOISE, 24, 3),
    "laplace": ("gibbs", br.Laplace(HALF), NOISE, 24, 3),
    "laplace, narrow": ("gibbs", br.Laplace(HALF), IG, 24, 3),
    "laplace, unit y": ("gibbs", br.Laplace(HALF, unit="y"), NOISE, 24, 3),
    "laplace, unit y, narrow": ("gibbs", br.Laplace(HALF, unit="y"), IG, 24, 3),
    "laplace, fixed scale": ("gibbs", br.Laplace(1.0), IG, 10, 8),
    "laplace, known sigma": ("gibbs", br.Laplace(HALF), 0.8, 10, 8),
    "laplace, grouped": ("gibbs", br.Laplace(HALF, groups=GROUPS), IG, 10, 8),
    "tilted": ("tilted", br.Laplace(HALF), IG, 24, 3),
    "tilted, unit y": ("tilted", br.Laplace(HALF, unit="y"), NOISE, 24, 3),
    "tilted, known sigma": ("tilted", br.Laplace(1.0), 0.8, 24, 3),
    "tilted, elastic net": ("tilted", br.ElasticNet(HALF, mix=0.6), IG, 24, 3),
    "elastic net": ("gibbs", br.ElasticNet(HALF, mix=0.3), NOISE, 24, 3),
    "elastic net, unit y": ("gibbs", br.ElasticNet(HALF, mix=0.7, unit="y"), IG, 10, 8),
    "student t": ("gibbs", br.StudentT(3.0, HALF), NOISE, 24, 3),
    "student t, unit y": ("gibbs", br.StudentT(4.0, HALF, unit="y"), IG, 24, 3),
    "cauchy": ("gibbs", br.Cauchy(HALF), IG, 10, 8),
    "horseshoe": ("gibbs", br.Horseshoe(HALF), NOISE, 24, 3),
    "horseshoe, narrow": ("gibbs", br.Horseshoe(HALF), IG, 24, 3),
    "horseshoe, unit y": ("gibbs", br.Horseshoe(HALF, unit="y"), IG, 10, 8),
    "horseshoe, grouped": ("gibbs", br.Horseshoe(HALF, groups=GROUPS), IG, 10, 8),
    "horseshoe, expected": ("gibbs", br.Horseshoe(expected_nonzero=2), IG, 10, 8),
    "horseshoe plus": ("gibbs", br.HorseshoePlus(HALF), IG, 10, 8),
    "regularized": ("gibbs", br.RegularizedHorseshoe(HALF), IG, 10, 8),
    "regularized, unit y": ("gibbs", br.RegularizedHorseshoe(HALF, unit="y"), IG, 24, 3),
    "normal gamma": ("gibbs", br.NormalGamma(0.5, HALF), IG, 10, 8),
    "r2d2": ("gibbs", br.R2D2(0.4, 4.0), IG, 10, 8),
    "bridge": ("gibbs", br.Bridge(0.5, HALF), NOISE, 24, 3),
}
for prior in others([row[1] for row in TABLE.values()], scale=HALF, unit=None):
    TABLE[prior.family] = ("gibbs", prior, NOISE, 24, 3)


@pytest.mark.slow
@pytest.mark.parametrize("name", TABLE)
def test_every_prior_under_its_engine(name: str) -> None:
    engine, prior, sigma, n, p = TABLE[name]
    found = br.validate(model(prior, sigma), engine, n=n, p=p, simulations=150, draws=60, seed=21)
    assert found.ok, found.why


@pytest.mark.slow
@pytest.mark.parametrize("name", ["laplace", "regularized"])
def test_sigma_that_is_not_conjugate_among_many_columns(name: str) -> None:
    """There σ is integrated out by a table, which takes longer to prepare than all the rest."""
    prior = TABLE[name][1]
    sizes: dict[str, Any] = {"simulations": 100, "checks": CHECKS[:2]}
    found = br.validate(model(prior, NOISE), "gibbs", n=10, p=8, seed=23, **sizes)
    assert found.ok, found.why


@pytest.mark.slow
@pytest.mark.parametrize("fitted", [0.9, 1.1])
def test_a_scale_off_by_a_tenth_is_caught_by_calibration_alone(fitted: float) -> None:
    truth = model(br.Normal(1.0, unit="sigma"))
    one = model(br.Normal(fitted, unit="sigma"))
    found = br.validate(one, "exact", truth=truth, checks="calibration", seed=12)
    assert not found.ok


@pytest.mark.slow
@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("family", ["laplace", "horseshoe"])
def test_seeded_faults_of_the_sampler_are_caught(family: str, check: str) -> None:
    """Scale off by 10 %, and a Jacobian left out of a scale, where each test has the power."""
    prior = {"laplace": br.Laplace, "horseshoe": br.Horseshoe}[family]
    wrong = br.InverseGammaSquared(3.5, 2.0)
    if check == "joint":  # autocorrelated: it is there for what the others cannot see
        fault = br.validate(
            model(prior(IG)), "gibbs", truth=model(prior(br.InverseGammaSquared(8.0, 2.0))),
            checks=check, seed=22,
        )  # fmt: skip
    else:
        fault = br.validate(
            model(prior(wrong)), "gibbs", truth=model(prior(IG)), checks=check, seed=22,
            simulations=1000, draws=60,
        )  # fmt: skip
    assert not fault.ok


def test_table_has_every_prior() -> None:
    """A prior that is not in the table is not validated: add its row."""
    from bayesreg.cli.priorspec import parse_priors
    from bayesreg.cli.validation import PRIORS as VALIDATED
    from bayesreg.priors.written import PRIORS

    every = set(PRIORS.values()) - {br.Flat}
    assert {type(row[1]) for row in TABLE.values()} >= every
    assert {type(prior) for prior in parse_priors(VALIDATED).values()} == every
