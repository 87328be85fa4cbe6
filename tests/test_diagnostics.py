"""Laws of the checks: good draws pass, every kind of bad draws fails; the DataTree is ArviZ's."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest

import bayesreg as br
from bayesreg.diagnostics import check, to_tree
from tests.synthetic_draws import CHAINS, LENGTH, problem, synthetic


def with_sigma(draws, change):
    """The draws with σ changed in place by a function of a copy."""
    sigma = draws.sigma.copy()
    change(sigma)
    return dataclasses.replace(draws, sigma=sigma)


def autocorrelated(rho, shape, seed=3):
    """AR(1) with unit variance."""
    e = np.random.default_rng(seed).normal(size=shape)
    x = e.copy()
    for t in range(1, shape[-1]):
        x[..., t] = rho * x[..., t - 1] + np.sqrt(1 - rho**2) * e[..., t]
    return x


def test_good_draws_pass_and_say_how_good():
    checks = check(synthetic())

    assert checks.ok is True
    assert checks.failures == ()
    assert checks.why.startswith("R-hat at most 1.01")
    assert list(checks.table.index) == [
        "beta[x1]", "beta[x2]", "beta[x3]", "intercept", "log sigma", "log scale"
    ]  # fmt: skip
    assert (checks.table["rhat"] < 1.01).all()
    assert "passed" in repr(checks)


def test_the_numbers_are_arvizs_own():
    import arviz_stats as azs

    draws = synthetic()
    table = check(draws).table
    log_sigma = np.log(draws.sigma)

    assert table.loc["log sigma", "rhat"] == azs.rhat(log_sigma)
    assert table.loc["log sigma", "ess_bulk"] == azs.ess(log_sigma)
    assert table.loc["log sigma", "ess_tail"] == azs.ess(
        log_sigma, method="tail", prob=(0.05, 0.95)
    )
    assert table.loc["log sigma", "mcse_mean"] == azs.mcse(log_sigma)


def test_rank_based_numbers_hold_for_sigma_as_for_its_logarithm():
    import arviz_stats as azs

    draws = synthetic()
    by_unknown = check(draws).by_unknown()

    assert list(by_unknown.index) == ["x1", "x2", "x3", "intercept", "sigma", "scale"]
    assert by_unknown.loc["sigma", "ess_bulk"] == pytest.approx(azs.ess(draws.sigma), rel=1e-12)
    assert by_unknown.loc["sigma", "rhat"] == pytest.approx(azs.rhat(draws.sigma), rel=1e-12)


def nan_draw(d):
    return with_sigma(d, lambda s: s.__setitem__((2, 7), np.nan))


def infinite_draw(d):
    return with_sigma(d, lambda s: s.__setitem__((0, 3), np.inf))


def negative_sigma(d):
    return with_sigma(d, lambda s: s.__setitem__((1, 0), -1.0))


def constant(d):
    return with_sigma(d, lambda s: s.fill(2.0))


def stuck_chain(d):
    return with_sigma(d, lambda s: s.__setitem__(3, 1.1))


def held_state(d):
    beta, intercept, sigma, scale = (a.copy() for a in (d.beta, d.intercept, d.sigma, d.scale))
    for array in (beta, intercept, sigma, scale):
        array[1, 100:400] = array[1, 100]
    return dataclasses.replace(d, beta=beta, intercept=intercept, sigma=sigma, scale=scale)


def identical_chains(d):
    fields = {k: getattr(d, k).copy() for k in ("beta", "intercept", "sigma", "scale")}
    for array in fields.values():
        array[2] = array[0]
    return dataclasses.replace(d, **fields)


def shifted_chain(d):
    return with_sigma(d, lambda s: s.__setitem__(0, s[0] * 1.1))


def slow_chain(d):
    return dataclasses.replace(d, sigma=np.exp(0.1 * autocorrelated(0.995, d.sigma.shape)))


def few_draws(d):
    return synthetic(length=60)


def three_draws(d):
    return synthetic(length=3)


def one_chain(d):
    return synthetic(chains=1, length=4000)


def interrupted(d):
    return dataclasses.replace(d, complete=False)


def diverging(d):
    flags = np.zeros(d.sigma.shape, bool)
    flags[0, 5] = True
    return dataclasses.replace(d, stats={"diverging": flags})


def deep_trees(d):
    flags = np.zeros(d.sigma.shape, bool)
    flags[2, :100] = True
    return dataclasses.replace(d, stats={"reached_max_treedepth": flags})


def low_energy(d):
    return dataclasses.replace(d, stats={"energy": autocorrelated(0.95, d.sigma.shape)})


BAD = [
    (nan_draw, r"1 draws are not finite, in log sigma .*chain 2, draw 7"),
    (infinite_draw, r"1 draws are not finite.*chain 0, draw 3"),
    (negative_sigma, r"1 draws are not finite.*chain 1, draw 0"),
    (constant, r"log sigma never changed"),
    (stuck_chain, r"chain 3 is stuck: log sigma never moved"),
    (held_state, r"chain 1 was stuck for 299 of its 1000 draws"),
    (identical_chains, r"chains 0 and 2 are identical"),
    (shifted_chain, r"R-hat is above 1.01 for 1 of 6 unknowns \(largest .*, log sigma\)"),
    (slow_chain, r"bulk ESS is below 400"),
    (few_draws, r"ESS is below 400"),
    (three_draws, r"3 draws per chain are too few"),
    (one_chain, r"R-hat is not available: one chain"),
    (interrupted, r"interrupted: 1000 draws per chain"),
    (diverging, r"1 divergent transitions"),
    (deep_trees, r"10% of the draws of a chain reached the depth limit"),
    (low_energy, r"E-BFMI is 0\.\d+, below 0.3"),
]


@pytest.mark.parametrize("spoil, message", BAD, ids=[spoil.__name__ for spoil, _ in BAD])
def test_bad_draws_fail_with_the_reason(spoil, message):
    checks = check(spoil(synthetic()))

    assert checks.ok is False
    assert any(re.search(message, text) for text in checks.failures), checks.why
    assert "FAILED" in repr(checks)


@pytest.mark.parametrize(
    "spoil", [nan_draw, infinite_draw, constant, stuck_chain, held_state, identical_chains]
)
def test_bad_draws_fail_for_independent_engines_too(spoil):
    draws = dataclasses.replace(synthetic(), independent=True)

    assert check(draws).ok is True
    assert check(spoil(draws)).ok is False


def test_independent_draws_count_in_full():
    draws = dataclasses.replace(synthetic(chains=1, length=500), independent=True)
    checks = check(draws)

    assert checks.ok is True
    assert "R-hat does not apply" in checks.why
    assert (checks.table["ess_bulk"] == 500).all()
    assert checks.table.loc["intercept", "mcse_mean"] == pytest.approx(
        draws.intercept.std(ddof=1) / np.sqrt(500), rel=1e-12
    )
    assert checks.table["rhat"].isna().all()


def test_a_rejecting_sampler_is_not_called_stuck():
    """One proposal in ten accepted: repeats are many, none of them long."""
    rng = np.random.default_rng(1)
    d = synthetic()
    accepted = rng.random(d.sigma.shape) < 0.1
    accepted[:, 0] = True
    last = np.maximum.accumulate(np.where(accepted, np.arange(LENGTH), 0), axis=1)
    rows = np.arange(CHAINS)[:, None]
    fields = {k: getattr(d, k)[rows, last] for k in ("beta", "intercept", "sigma", "scale")}

    assert not any("stuck" in text for text in check(dataclasses.replace(d, **fields)).failures)


def test_sampler_statistics_that_are_fine_are_said():
    rng = np.random.default_rng(2)
    stats = {
        "diverging": np.zeros((CHAINS, LENGTH), bool),
        "reached_max_treedepth": np.zeros((CHAINS, LENGTH), bool),
        "energy": rng.normal(size=(CHAINS, LENGTH)),
    }
    checks = check(dataclasses.replace(synthetic(), stats=stats))

    assert checks.ok is True
    assert checks.divergences == 0
    assert "no divergences" in checks.why
    assert "E-BFMI at least 0.3" in checks.why


def test_what_is_known_is_not_checked():
    draws = synthetic(problem(sigma=2.0, prior=br.Normal(1.0)))

    assert list(check(draws).table.index) == ["beta[x1]", "beta[x2]", "beta[x3]", "intercept"]


@pytest.mark.filterwarnings("ignore::bayesreg.language.errors.BayesregWarning")
def test_tree_follows_arvizs_schema():
    prior = {"x1": br.Normal(), "x2": br.Laplace(), ...: br.Normal(2.0)}
    about = problem(prior=prior)
    stats = {"energy": np.zeros((CHAINS, LENGTH))}
    tree = to_tree(synthetic(about, stats=stats))

    groups = {"posterior", "sample_stats", "log_prior", "observed_data", "constant_data"}
    assert set(tree.children) == groups
    posterior = tree["posterior"]
    assert posterior["beta"].dims == ("chain", "draw", "feature")
    assert list(posterior["beta"].coords["feature"].values) == ["x1", "x2", "x3"]
    assert posterior["scale"].dims == ("chain", "draw", "block")
    assert list(posterior["scale"].coords["block"].values) == list(about.unknown_scales)
    assert tree["constant_data"]["X"].dims == ("obs_id", "feature")
    assert float(tree["constant_data"]["given_scale"]) == 2.0
    assert tree["observed_data"]["y"].dims == ("obs_id",)
    assert tree.attrs["inference_library"] == "bayesreg"
    assert tree.attrs["engine"] == "gibbs"
    assert tree.attrs["scale_unit"] == "by block"
    assert all(isinstance(v, str | int | float) for v in tree.attrs.values())


def test_known_quantities_are_constant_data():
    tree = to_tree(synthetic(problem(sigma=2.0, prior=br.Normal(1.0))))

    assert set(tree["posterior"].data_vars) == {"beta", "intercept"}
    assert float(tree["constant_data"]["sigma"]) == 2.0
    assert float(tree["constant_data"]["scale"]) == 1.0
    assert tree.attrs["scale_unit"] == "y"


def test_arviz_reads_the_tree():
    import arviz_stats as azs

    tree = to_tree(synthetic())
    summary = azs.summary(tree, round_to="none")

    assert summary.loc["intercept", "mean"] == pytest.approx(5.0, abs=0.1)
    assert "beta[x2]" in summary.index


def test_a_tree_from_moments_has_no_rows():
    about = problem()
    design = about.design
    moments = br.Moments.of(design.X, design.y)
    tree = to_tree(synthetic(br.Model(br.Laplace()).condition(moments)))

    assert "observed_data" not in tree.children
    assert "X" not in tree.children.get("constant_data", {})


def test_lp_is_the_joint_density_on_rows():
    about = problem(prior=br.Laplace())
    draws = synthetic(about)
    tree = to_tree(draws)

    beta, sigma, scale = draws.beta[1, 2], draws.sigma[1, 2], draws.scale[1, 2, 0]
    r = about.design.y - draws.intercept[1, 2] - about.design.X @ beta
    likelihood = -len(r) * np.log(sigma) - 0.5 * len(r) * np.log(2 * np.pi) - 0.5 * r @ r / sigma**2
    s = scale * sigma
    expected = {
        "beta": -np.abs(beta * about.x_sd).sum() / s - len(beta) * np.log(2 * s),
        "sigma": np.log(2 / sigma),
        "scale": np.log(2 / np.pi / (1 + scale**2)),
    }
    for name, value in expected.items():
        assert float(tree["log_prior"][name][1, 2].sum()) == pytest.approx(value)
    total = likelihood + sum(expected.values())
    assert float(tree["sample_stats"]["lp"][1, 2]) == pytest.approx(total)
