"""The PyMC model has the names of its posterior, so that PyMC predicts from our draws."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

import bayesreg as br
from bayesreg.language.errors import NotSupported

quiet = pytest.mark.filterwarnings("ignore::bayesreg.language.errors.BayesregWarning")

# Every form of prior, of scale and of σ: by density or by local scales, grouped, coupled, mapped.
MIXED = {"a": br.Flat(), "b": br.Normal(br.Uniform(0.1, 5.0)), ...: br.Laplace()}
FORMS = {
    "ridge, known σ and scale": (br.Normal(0.7, loc=0.3), br.Gaussian(1.1)),
    "lasso": (br.Laplace(), br.Gaussian()),
    "several blocks": (MIXED, br.Gaussian(br.InverseGammaSquared(2.0, 2.0))),
    "horseshoe": (br.Horseshoe(), br.Gaussian(br.HalfNormal(2.0))),
    "r2d2, weighted": (br.R2D2(), br.Gaussian()),
    "elastic net, flat σ": (br.ElasticNet(br.HalfNormal(1.0), 0.3), br.Gaussian(br.Flat())),
    "grouped": (br.Laplace(0.7, groups=[["a", "b"]]), br.Gaussian()),
    "only Flat": (br.Flat(), br.Gaussian()),
    "labels, weighted": (br.Normal(1.0), br.Bernoulli()),
}
SLOW = set(FORMS) - {"lasso", "horseshoe"}
EVERY = [
    pytest.param(name, id=name, marks=[pytest.mark.slow] if name in SLOW else []) for name in FORMS
]


def frame(n: int, seed: int) -> pd.DataFrame:
    """Four columns far from centred and of unequal sds, under compound labels."""
    X = np.random.default_rng(seed).standard_normal((n, 4)) * [1, 3, 1, 0.2] + [5, 0, 2, 0]
    index = pd.MultiIndex.from_arrays([list("xy") * (n // 2), range(n)])
    return pd.DataFrame(X, columns=list("abcd"), index=index)


def problem(name: str, **options: object) -> br.Problem:
    """60 rows under the form's prior and likelihood."""
    prior, likelihood = FORMS[name]
    X = frame(60, 0)
    y = 1.0 + X["a"] - 0.5 * X["b"] + np.random.default_rng(2).standard_normal(60)
    if isinstance(likelihood, br.Bernoulli):
        y = y > y.mean()
    weights = np.arange(60) % 3 + 1.0 if "weighted" in name else None
    return br.Model(prior, likelihood).condition(
        X, y.rename("y"), standardize=True, weights=weights, **options
    )


def predicted(one: br.Problem, post: br.Posterior, new: pd.DataFrame, **options):
    """PyMC's predictions of new rows from our draws."""
    import pymc as pm

    with one.to_pymc(), warnings.catch_warnings():
        warnings.simplefilter("error")
        # Of local scales PyMC remarks that no draws of them are there, unless told.
        frozen = [v for v in ("beta", "intercept") if v in post.tree["posterior"]]
        pm.set_data({"X": new.to_numpy()}, coords={"obs_id": range(len(new))})
        return pm.sample_posterior_predictive(
            post.tree,
            predictions=True,
            freeze_vars=frozen if len(one.proper) else None,
            progressbar=False,
            random_seed=1,
            **options,
        )["predictions"]


@quiet
@pytest.mark.parametrize("name", EVERY)
def test_pymc_predicts_from_our_draws(name):
    """Mean and sd of y are those of `predict`; η is that of each draw, to rounding."""
    one, new = problem(name), frame(8, 5)
    post = br.sample(one, draws=500, seed=1)
    found = predicted(one, post, new, var_names=["mu", "y"])
    draws = post.draws
    np.testing.assert_allclose(
        found["mu"], draws.beta @ new.to_numpy().T + draws.intercept[..., None], atol=1e-9
    )
    y = found["y"].to_numpy().astype(float).reshape(-1, len(new))
    if isinstance(one.likelihood, br.Bernoulli):
        mean = post.predict(new)
        sd = np.sqrt(mean * (1.0 - mean))
    else:
        mean, sd = post.predict(new, return_std=True)
    error = sd / np.sqrt(len(y))
    assert np.max(np.abs(y.mean(0) - mean) / error) < 5.0
    tails = np.mean(((y - mean) / sd) ** 4, axis=0)
    assert np.max(np.abs(y.std(0) / sd - 1.0) / np.sqrt((tails - 1.0) / (4 * len(y)))) < 5.0
    # Negative control: the rows next to them.
    assert np.max(np.abs(y.mean(0) - np.roll(mean, 1)) / error) > 5.0


@quiet
@pytest.mark.parametrize("name", FORMS)
def test_the_model_has_the_names_and_coords_of_the_tree(name):
    one = problem(name)
    model, tree = one.to_pymc(), br.sample(one, draws=20, chains=1, seed=1).tree
    free = {variable.name for variable in model.free_RVs}
    posterior = tree["posterior"].to_dataset()
    assert set(posterior.data_vars) <= free
    local = free - set(posterior.data_vars)
    assert all(label.startswith("b_") for label in local)
    assert bool(local) == any(
        not block.separable or isinstance(block.prior, br.Horseshoe) for block in one.blocks
    )
    assert not model.potentials
    for label, values in posterior.data_vars.items():
        assert tuple(model.named_vars_to_dims.get(label, ())) == values.dims[2:]
    for dim in ("feature", "obs_id", "block"):
        if dim in model.coords or dim in posterior.dims:
            known = tree["observed_data"] if dim == "obs_id" else posterior
            assert list(model.coords[dim]) == known[dim].to_numpy().tolist()


@quiet
def test_an_extended_model_predicts_too():
    """Another variable on the named η: its own prior where the tree has no draws of it."""
    import pymc as pm

    one, new = problem("lasso"), frame(6, 5)
    post = br.sample(one, draws=300, seed=1)
    with one.to_pymc() as model, warnings.catch_warnings():
        warnings.simplefilter("error")
        pm.Normal("shifted", model["mu"] + 100.0, 0.01, dims="obs_id")
        pm.set_data({"X": new.to_numpy()}, coords={"obs_id": range(6)})
        found = pm.sample_posterior_predictive(
            post.tree, var_names=["shifted"], predictions=True, progressbar=False, random_seed=1
        )["predictions"]["shifted"]
    linear = post.draws.beta @ new.to_numpy().T + post.draws.intercept[..., None]
    assert np.max(np.abs(found - linear - 100.0)) < 0.1


@quiet
@pytest.mark.slow
def test_rows_that_count_w_times_have_w_times_their_density():
    """The log likelihood of weighted rows is that of the rows written out."""
    for name in ("r2d2, weighted", "labels, weighted"):
        one = problem(name)
        times = np.repeat(np.arange(60), one.design.weights.astype(int))
        y = one.design.y.astype(bool) if name.startswith("labels") else one.design.y
        two = br.Model(*FORMS[name]).condition(one.design.X[times], y[times], standardize=True)
        gaps = []
        for each in (one, two):
            model = each.to_pymc()
            point = {k: np.full_like(v, 0.2) for k, v in model.initial_point().items()}
            likelihood = model.compile_logp(vars=[model["y"]], mode="FAST_COMPILE")
            gaps.append(float(likelihood(point)))
        assert gaps[0] == pytest.approx(gaps[1], rel=1e-10)


@pytest.mark.filterwarnings("ignore:Numba will use object mode")
def test_what_is_flat_is_not_drawn_from_the_prior():
    import pymc as pm

    model = problem("only Flat").to_pymc()
    for label in ("intercept", "beta", "sigma"):
        with pytest.raises(NotSupported, match="nothing can be drawn from it"):
            pm.draw(model[label], mode="FAST_COMPILE")
