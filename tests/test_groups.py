"""Laws of shared local scales: who shares, what their prior draws and PyMC models look like."""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bayesreg as br
from bayesreg.cli.priorspec import parse_priors
from bayesreg.engines import base, nuts
from bayesreg.engines.prior import prior_draws
from bayesreg.estimators import MapRegressor
from bayesreg.language.errors import BadArgument, BayesregWarning, NotSupported
from bayesreg.priors import PRIORS, Majorised
from bayesreg.storage.records import model_from_json, model_to_json
from tests.cases import others

SIZE = 20_000
GROUPED = [["x", "z"]]
# Each family with a known scale or its own hyperprior, and columns x and z in one group.
FAMILIES = [
    br.Laplace(0.7, groups=GROUPED),
    br.StudentT(3.0, 0.7, groups=GROUPED),
    br.Bridge(0.6, 0.7, groups=GROUPED),
    br.Horseshoe(0.7, groups=GROUPED),
    br.HorseshoePlus(0.7, groups=GROUPED),
    br.RegularizedHorseshoe(0.7, groups=GROUPED),
    br.NormalGamma(0.5, 0.7, groups=GROUPED),
    br.R2D2(groups=GROUPED),
]
MORE = others([br.Normal(), br.ElasticNet(), br.Cauchy(), *FAMILIES], scale=0.7, groups=GROUPED)
NO_POLE = FAMILIES[:3] + [prior for prior in MORE if isinstance(prior, Majorised)]
FAMILIES[-1:-1] = MORE
families = [prior.family for prior in FAMILIES]


def frame(n: int = 60) -> pd.DataFrame:
    """Two numeric columns of unequal sds, a factor of four levels, and y."""
    rng = np.random.default_rng(4)
    x, z = rng.normal(size=n), 3.0 * rng.normal(size=n)
    y = 5.0 + x - 0.2 * z + rng.normal(size=n)
    return pd.DataFrame({"y": y, "x": x, "z": z, "g": rng.choice(list("abcd"), n)})


def problem(prior: object, **options: object) -> br.Problem:
    """y ~ x + z + C(g), standardised, σ known."""
    model = br.Model(prior, br.Gaussian(1.3))
    return model.condition_formula("y ~ x + z + C(g)", frame(), standardize=True, **options)


def test_the_columns_of_a_factor_share_unless_the_prior_is_a_penalty():
    for prior in (br.Horseshoe(), br.HorseshoePlus(), br.RegularizedHorseshoe(), br.NormalGamma()):
        assert problem(prior).blocks[0].group.tolist() == [0, 1, 2, 2, 2, 2]
    for prior in (br.Laplace(), br.StudentT(), br.Cauchy(), br.Bridge(), br.Normal()):
        assert problem(prior).blocks[0].group.tolist() == [0, 1, 2, 3, 4, 5]
    assert problem(br.Horseshoe(groups=None)).blocks[0].group.tolist() == [0, 1, 2, 3, 4, 5]
    assert problem(br.Laplace(groups="factors")).blocks[0].group.tolist() == [0, 1, 2, 2, 2, 2]


def test_groups_by_name():
    """By columns or terms, in lists or a mapping; what is not named stays alone."""
    names = problem(br.Normal()).features
    assert names[2:] == ("C(g)[a]", "C(g)[b]", "C(g)[c]", "C(g)[d]")
    by_list = br.Horseshoe(groups=[["z", "C(g)[b]"]])
    assert problem(by_list).blocks[0].group.tolist() == [0, 1, 2, 1, 3, 4]
    by_name = br.Laplace(groups={"numbers": ["x", "z"], "factor": ["C(g)"]})
    assert problem(by_name).blocks[0].group.tolist() == [0, 0, 1, 1, 1, 1]
    mapped = {"x": br.Flat(), ...: br.Horseshoe()}
    assert problem(mapped).blocks[0].group.tolist() == [0, 1, 1, 1, 1]


@pytest.mark.parametrize(
    "groups, words",
    [
        ([["x", "zz"]], "names 'zz', which is no column or term; did you mean 'z'"),
        ([["x"], ["z", "x"]], "names column 'x' twice"),
        ([["C(g)", "C(g)[a]"]], r"names column 'C\(g\)\[a\]' twice"),
    ],
)
def test_bad_groups_are_named(groups, words):
    with pytest.raises(BadArgument, match=words):
        problem(br.Horseshoe(groups=groups))


def test_a_group_stays_within_its_prior():
    with pytest.raises(BadArgument, match="names column 'x', which has another prior"):
        problem({"x": br.Laplace(), ...: br.Horseshoe(groups=[["x", "z"]])})


@pytest.mark.parametrize(
    "prior",
    [br.R2D2(0.3, 4.0, groups={"numbers": ["x", "z"]}), *FAMILIES, br.NormalGamma(0.2),
     br.Horseshoe(expected_nonzero=2, groups=None)],
    ids=repr,
)  # fmt: skip
def test_a_model_is_saved_and_loaded(prior):
    model = br.Model(prior)
    assert model_from_json(model_to_json(model)) == model


@pytest.mark.parametrize("prior", FAMILIES, ids=families)
def test_columns_of_a_group_share_their_sd(prior):
    """b_x/b_z is a ratio of two normals with one sd: standard Cauchy, whatever the mixture."""
    draws, _ = prior_draws(problem(prior), SIZE, 7)
    b = draws["beta"] * problem(prior).x_sd
    assert stats.kstest(b[:, 0] / b[:, 1], "cauchy").pvalue > 1e-4
    # Negative control: x and the factor's first level are in different groups.
    assert stats.kstest(b[:, 0] / b[:, 2], "cauchy").pvalue < 1e-4


@pytest.mark.parametrize("groups", [None, "factors", [["x", "C(g)"]]], ids=str)
def test_r2_has_the_prior_that_was_asked_for(groups):
    """Var(x'b | s, φ) = σ²s² with unit columns: R² ~ Beta(mean·precision, (1 − mean)·precision)."""
    one = problem(br.R2D2(0.3, 5.0, groups=groups))
    block, spread = one.blocks[0], np.diagonal(one.gram) / one.n
    rng = np.random.default_rng(11)
    scale = block.hyper.sample(rng, SIZE)
    sd = block.prior.sample_sds(rng, scale, block.sizes)[:, block.group]
    explained = np.square(sd * block.relative) @ spread
    found = stats.kstest(explained / (1.0 + explained), stats.beta(1.5, 3.5).cdf)
    assert found.pvalue > 1e-4
    if block.grouped:  # negative control: a group's φ given to each of its columns in full
        counted = np.square(sd) @ spread
        assert stats.kstest(counted / (1.0 + counted), stats.beta(1.5, 3.5).cdf).pvalue < 1e-6


def test_the_scale_of_expected_nonzero():
    """HalfCauchy(m/((p − m)√N)) in units of σ for every sparse prior; told where sds are not 1."""
    data, y = frame()[["x", "z"]], frame()["y"]
    for family in (
        br.Laplace, br.StudentT, br.Cauchy, br.Bridge, br.Horseshoe, br.HorseshoePlus,
        br.RegularizedHorseshoe, br.NormalGamma,
    ):  # fmt: skip
        model = br.Model(family(expected_nonzero=0.5))
        block = model.condition(data, y, standardize=True).blocks[0]
        assert block.hyper == br.HalfCauchy(0.5 / 1.5 / np.sqrt(60.0))
        assert block.prior.unit == "sigma"
        assert block.scale is None
    with pytest.warns(BayesregWarning, match="counts effects per sd of a column"):
        br.Model(br.Horseshoe(expected_nonzero=0.5)).condition(data, y)


def test_setting_one_way_to_say_a_scale_drops_the_other():
    """In scikit-learn's words, so that a grid may hold either."""
    shell = MapRegressor(br.Laplace())
    assert shell.set_params(prior__expected_nonzero=3).prior == br.Laplace(expected_nonzero=3)
    assert shell.set_params(prior__scale=2.0).prior == br.Laplace(2.0)


def test_the_shell_knows_every_prior():
    for name in PRIORS:
        assert any(type(one).__name__ == name for one in parse_priors(name).values())
    given = parse_priors("r2d2(mean=.3), horseshoe-plus(expected_nonzero=3), normal_gamma(0.2)")
    assert list(given.values()) == [
        br.R2D2(0.3), br.HorseshoePlus(expected_nonzero=3), br.NormalGamma(0.2)
    ]  # fmt: skip
    with pytest.raises(BadArgument, match="did you mean 'regularized_horseshoe'"):
        parse_priors("regularised_horseshoe")
    with pytest.raises(BadArgument, match="no argument 'parts'"):
        parse_priors("r2d2(parts=3)")


@pytest.mark.parametrize("prior", [p for p in FAMILIES if p not in NO_POLE], ids=repr)
def test_no_map_where_there_is_a_pole(prior):
    """The reason is the prior's own, and the message names what to use instead."""
    with pytest.raises(NotSupported, match=r"(unbounded at 0|add up)[\s\S]*sample\(problem"):
        br.fit_map(problem(prior))


def test_no_map_with_groups_that_have_no_norm():
    with pytest.raises(NotSupported, match="group"):
        br.fit_map(problem(br.StudentT(3.0, 0.7, groups=GROUPED)))


def test_cross_validation_keeps_terms():
    """Other rows of a formula's columns have no terms; the blocks stay as they were."""
    one = problem({"C(g)": br.Horseshoe(), ...: br.Laplace(groups=[["x", "z"]])})
    again = one.on(one.moments)
    assert again.blocks is one.blocks
    np.testing.assert_array_equal(again.gram, one.gram)


def _node_sds(prior, scale: float, sizes: np.ndarray, size: int) -> np.ndarray:
    """Draws of sd_node in a model of its own."""
    import pymc as pm

    with pm.Model(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # draws of a CustomDist run in Python
        node = prior.sd_node("a", scale, sizes)
        full = pm.Deterministic("sds", node * np.ones(len(sizes)))
        return pm.draw(full, draws=size, random_seed=5)


@pytest.mark.slow
@pytest.mark.parametrize(
    "prior",
    [
        br.Horseshoe(), br.HorseshoePlus(), br.RegularizedHorseshoe(slab_scale=0.8, slab_df=5.0),
        br.NormalGamma(0.3), br.NormalGamma(2.0), br.R2D2(), br.R2D2(concentration=1.4),
        br.Laplace(), br.StudentT(3.5), br.Bridge(0.7), *MORE,
    ],
    ids=repr,
)  # fmt: skip
def test_sd_node_has_the_law_of_sample_sds(prior):
    """Each group's sd, and the ratio and product of two, which see what couples groups."""
    sizes, scale, size = np.array([1, 3, 2]), 1.7, 4000
    node = np.log(_node_sds(prior, scale, sizes, size))
    rng = np.random.default_rng(9)
    direct = np.log(prior.sample_sds(rng, np.full(size, scale), sizes))
    for form in (lambda s: s[:, 0], lambda s: s[:, 1], lambda s: s[:, 0] - s[:, 1],
                 lambda s: s[:, 0] + s[:, 2]):  # fmt: skip
        assert stats.ks_2samp(form(node), form(direct)).pvalue > 1e-4


@pytest.mark.slow
def test_sd_node_of_another_law_is_caught():
    """Negative control: the slab missing, and a scale that is 10 % off."""
    prior, sizes = br.RegularizedHorseshoe(slab_scale=0.8, slab_df=5.0), np.array([1, 3, 2])
    node = _node_sds(prior, 1.7, sizes, 4000)[:, 0]
    rng = np.random.default_rng(9)
    without = br.Horseshoe().sample_sds(rng, np.full(4000, 1.7), sizes)[:, 0]
    assert stats.ks_2samp(node, without).pvalue < 1e-6
    short = 0.8 * prior.sample_sds(rng, np.full(4000, 1.7), sizes)[:, 0]
    assert stats.ks_2samp(node, short).pvalue < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("prior", FAMILIES, ids=families)
def test_to_pymc_has_the_prior_of_prior_draws(prior):
    """The rows' model draws β from the same prior, grouped or coupled: two columns and a ratio."""
    import pymc as pm

    one = problem(prior)
    with one.to_pymc(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        node = pm.draw(pm.modelcontext(None)["beta"], draws=3000, random_seed=3)
    direct = prior_draws(one, 3000, 5)[0]["beta"]
    for form in (lambda b: b[:, 0], lambda b: b[:, 3], lambda b: np.log(np.abs(b[:, 0] / b[:, 1])),
                 lambda b: np.log(np.abs(b[:, 0] * b[:, 3]))):  # fmt: skip
        assert stats.ks_2samp(form(node), form(direct)).pvalue > 1e-4


@pytest.mark.slow
@pytest.mark.parametrize(
    "prior", [br.Normal(1.3, 0.2), br.Laplace(0.7, -0.1), br.ElasticNet(0.9, 0.4),
              br.StudentT(3.5, 0.8, 0.1), br.Cauchy(0.6), br.Bridge(0.7, 0.9),
              *(dataclasses.replace(p, groups=None) for p in MORE if isinstance(p, Majorised))],
    ids=repr
)  # fmt: skip
def test_node_has_the_density(prior):
    """Where coefficients are independent the PyMC node is the density itself.

    To 1e-8: the log-gammas that PyTensor folds from constants are exact to 3e-9 only.
    """
    import pymc as pm

    at = np.array([-2.0, -0.4, 0.3, 1.9])
    with pm.Model():
        node = prior.node("b", np.full(4, 1.9), None)
    np.testing.assert_allclose(pm.logp(node, at).eval(), prior.log_density(at, 1.9), rtol=1e-8)
    with pytest.raises(AssertionError):  # negative control
        np.testing.assert_allclose(pm.logp(node, at).eval(), prior.log_density(at, 1.8), rtol=1e-8)


SERVED = [
    br.Horseshoe(), br.HorseshoePlus(), br.RegularizedHorseshoe(), br.NormalGamma(), br.R2D2(),
    br.Laplace(groups=[["bmi", "bp"], ["s1", "s2", "s3"]]), br.Horseshoe(expected_nonzero=3),
    br.StudentT(), br.Cauchy(), br.Bridge(), *(type(prior)() for prior in MORE),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("prior", SERVED, ids=repr)
def test_nuts_samples_diabetes_without_divergences(prior):
    """n = 442, p = 10, σ and scale unknown: none diverges, and R̂ and ESS are fit to be a judge."""
    import arviz as az

    data = br.load_dataset("diabetes")
    one = br.Model(prior).condition(data.X, data.y, standardize=True)
    draws = base.run(nuts, one, draws=500, chains=2, tune=1000, seed=3, progress=False)
    assert draws.stats["diverging"].sum() == 0
    unknowns = [draws.beta[..., j] for j in range(10)]
    unknowns += [np.log(draws.sigma), np.log(draws.scale[..., 0])]
    assert all(float(az.rhat(u)) < 1.02 for u in unknowns)
    assert min(float(az.ess(u)) for u in unknowns) > 200


def _posterior_of_one(prior, scale: float, unit: float, fit: float, se: float) -> np.ndarray:
    """Mean and 5, 50 and 95 % points of b for N(fit; b, se²) by quadrature of the density."""
    grid = np.concatenate([-np.geomspace(30.0, 1e-9, 20_000), np.geomspace(1e-9, 30.0, 20_000)])
    log = prior.log_density(grid / unit, scale) - 0.5 * np.square((grid - fit) / se)
    width = np.gradient(grid)
    weight = np.exp(log - log.max()) * width
    below = np.cumsum(weight) / weight.sum()
    mean = float(grid @ weight / weight.sum())
    return np.array([mean, *np.interp([0.05, 0.5, 0.95], below, grid)])


@pytest.mark.slow
@pytest.mark.parametrize(
    "prior", [p for p in FAMILIES[:-1] if not isinstance(p, Majorised)] + FAMILIES[:1], ids=repr
)  # fmt: skip
def test_nuts_meets_quadrature_for_one_column(prior):
    """p = 1, σ and scale given: mean and quantiles within 5 Monte Carlo standard errors."""
    import arviz as az

    prior = dataclasses.replace(prior, groups=None, scale=0.4, unit="sigma")
    x = np.linspace(-1.0, 1.0, 40)
    y = 0.35 * x + np.random.default_rng(1).normal(size=40)
    one = br.Model(prior, br.Gaussian(1.2)).condition(x[:, None], y, standardize=True)
    draws = base.run(nuts, one, draws=2000, chains=2, seed=2, progress=False)
    assert draws.stats["diverging"].sum() == 0
    b = draws.beta[..., 0] * one.x_sd[0]
    exact = _posterior_of_one(prior, 0.4, 1.2, one.xy[0] / one.gram[0, 0], 1.2 / 40**0.5)
    found = np.array([b.mean(), *np.quantile(b, [0.05, 0.5, 0.95])])
    errors = [float(az.mcse(b, method="mean"))]
    errors += [float(az.mcse(b, method="quantile", prob=q)) for q in (0.05, 0.5, 0.95)]
    assert np.all(np.abs(found - exact) < 5 * np.array(errors))
    wrong = _posterior_of_one(prior, 0.4, 1.2 * 2, one.xy[0] / one.gram[0, 0], 1.2 / 40**0.5)
    assert np.any(np.abs(found - wrong) > 5 * np.array(errors))  # negative control


@pytest.mark.slow
def test_nuts_meets_quadrature_for_r2d2():
    """Two orthogonal columns, σ known: E b_j and E log scale from a grid over (φ, scale)."""
    import arviz as az

    rng = np.random.default_rng(6)
    x = np.column_stack([np.tile([1.0, -1.0], 16), np.repeat([1.0, -1.0], 16)])
    y = x @ [0.9, 0.1] + rng.normal(size=32)
    one = br.Model(br.R2D2(0.4, 3.0), br.Gaussian(1.0)).condition(x, y, standardize=True)
    draws = base.run(nuts, one, draws=2000, chains=2, seed=2, progress=False)
    fit = one.xy / np.diagonal(one.gram)
    # φ = logistic(v), scale = e^w: both integrands vanish at the ends.
    v, w = np.meshgrid(np.linspace(-60, 60, 2401), np.linspace(-20, 20, 801))
    log_share = np.stack([-np.logaddexp(0, -v), -np.logaddexp(0, v)])
    prior = 0.5 * log_share.sum(axis=0) + np.vectorize(one.blocks[0].hyper.log_density_of_log)(w)
    variance = np.exp(2 * w + log_share)
    total = variance + 1.0 / 32
    target = fit[:, None, None]
    log = prior - 0.5 * np.sum(np.log(total) + target**2 / total, axis=0)
    weight = np.exp(log - log.max())
    shrunk = variance / total * target
    exact = [np.sum(weight * q) / weight.sum() for q in (shrunk[0], shrunk[1], w)]
    unknowns = [draws.beta[..., 0], draws.beta[..., 1], np.log(draws.scale[..., 0])]
    for value, u in zip(exact, unknowns, strict=True):
        assert abs(u.mean() - value) < 5 * float(az.mcse(u, method="mean"))
    assert draws.stats["diverging"].sum() == 0
