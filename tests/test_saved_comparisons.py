"""Laws of saved comparisons: after loading, every question has the answer that it had before."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

import bayesreg as br

RNG = np.random.default_rng(8)
N = 40
FRAME = pd.DataFrame(
    {
        "x": RNG.normal(size=N),
        "z": RNG.normal(3.0, 2.0, size=N),
        "g": RNG.permutation(list("abcd") * (N // 4)),
    }
)
FRAME["y"] = FRAME["x"] + (FRAME["g"] == "b") + RNG.normal(size=N)
FRAME["won"] = np.where(FRAME["y"] > 0.2, "yes", "no")
FRAME["count"] = RNG.integers(1, 4, size=N)
BOTH = {"ridge": br.Normal(), "lasso": br.Laplace()}
HOW = {"seed": 3, "draws": 60, "chains": 2}


def by_formula():
    return br.compare(BOTH, formula="y ~ C(g)*scale(x) + z", data=FRAME, standardize=True, **HOW)


def with_weights():
    return br.compare(
        BOTH, FRAME[["x", "z"]], FRAME["y"], weights=FRAME["count"], dataset="trial", **HOW
    )


def of_labels():
    priors = {"mine": {"x": br.Normal(1.0), ...: br.Normal(2.0)}}
    X, y = FRAME[["x", "z"]], FRAME["won"]
    return br.compare(priors, X, y, likelihood=br.Bernoulli(), **HOW)


def of_labels_by_formula():
    model = br.Model({"x": br.Normal(1.0), ...: br.Normal(2.0)}, br.Bernoulli(positive="no"))
    return br.compare({"mine": model}, formula="won ~ C(g) + x", data=FRAME, **HOW)


def of_labels_with_a_path():
    X, y = FRAME[["x", "z"]], FRAME["won"]
    return br.compare(BOTH, X, y, likelihood=br.Bernoulli(), **HOW)


def of_moments():
    return br.compare(BOTH, br.Moments.of(FRAME[["x", "z"]], FRAME["y"]), **HOW)


def without_optimum():
    priors = {
        "own": br.Horseshoe(),
        "each": {"x": br.Flat(), ...: br.Normal(1.0)},
        "two": {"x": br.Normal(), ...: br.Laplace()},
    }
    return br.compare(priors, FRAME[["x", "z"]], FRAME["y"], **HOW)


KINDS = [by_formula, with_weights, of_labels, of_labels_by_formula, of_moments, without_optimum]
SLOW = [pytest.param(of_labels_with_a_path, marks=pytest.mark.slow)]  # 20 s, most to choose λ


@pytest.fixture(scope="module", params=[*KINDS, *SLOW], ids=lambda kind: kind.__name__)
def pair(request, tmp_path_factory):
    """A comparison before and after."""
    path = tmp_path_factory.mktemp("saved") / "fits.breg"
    before = request.param()
    before.save(path)
    return before, br.load(path)


def same(one, two):
    """Frames, arrays, texts, numbers and records of these, to the last bit."""
    if isinstance(one, pd.DataFrame | pd.Series):
        return one.equals(two)
    if isinstance(one, np.ndarray):
        return one.dtype == two.dtype and np.array_equal(one, two, equal_nan=one.dtype.kind == "f")
    return repr(one) == repr(two)


def answers(fits):
    """What may be asked of a comparison, by question."""
    found = {
        "repr": fits,
        "table": fits.table,
        "verdict": fits.verdict,
        "warnings": fits.warnings,
        "provenance": dict(fits.provenance),
        "timing": dict(fits.timing),
        "dataset": fits.dataset,
        "ok": fits.ok,
        "adequacy": fits.adequacy,
        "choice": fits.choice,
        "path": None if fits.path is None else fits.path.beta,
        "coefficients": fits.coefficients(),
        "effects": fits.effects(),
        "lam": fits.lam(),
        "effective": fits.effective(),
        "at_same_lam": fits.at_same_lam(),
    }
    new = fits.data is not None and (FRAME if fits.data.spec else FRAME[["x", "z"]]).iloc[:5]
    for name, entry in fits.entries.items():
        found |= {
            f"{name}.repr": entry,
            f"{name}.post": entry.post,
            f"{name}.beta": entry.post.draws.beta,
            f"{name}.checks": entry.post.checks,
            f"{name}.fit": entry.fit,
            f"{name}.closed": entry.closed,
            f"{name}.prior": (entry.problem.prior, entry.problem.likelihood),
            f"{name}.blocks": [(b.label, b.scale, b.hyper) for b in entry.problem.blocks],
            f"{name}.warned": entry.problem.warnings,
            f"{name}.classes": entry.problem.classes_,
            f"{name}.loo": entry.loo,
            f"{name}.elpd_i": None if entry.loo is None else entry.loo.elpd_i.to_series(),
            f"{name}.attrs": None if entry.loo is None else entry.loo.elpd_i.attrs,
        }
        if fits.data is not None:
            found[f"{name}.predict"] = entry.post.predict(new, level=0.8)
    if fits.data is not None:
        found["predict"] = fits.predict(new, level=0.9)
        found["equal"] = fits.predict(new, return_std=True, weights="equal")[1]
        found["r2"] = fits[fits.names[0]].post.r2()
    return found


def test_a_loaded_comparison_answers_as_before(pair):
    before, after = pair
    one, two = answers(before), answers(after)
    assert not [name for name in one if not same(one[name], two[name])]


def test_other_draws_are_other_answers():
    """The negative control: what is compared above can see a difference."""
    one = answers(br.compare(BOTH, FRAME[["x", "z"]], FRAME["y"], **HOW))
    two = answers(br.compare(BOTH, FRAME[["x", "z"]], FRAME["y"], **(HOW | {"seed": 4})))
    differ = {name for name in one if not same(one[name], two[name])}
    assert {"table", "ridge.beta", "predict", "coefficients", "lasso.elpd_i", "r2"} <= differ
    assert "ridge.fit" not in differ


def test_a_loaded_comparison_is_saved_as_the_same_bytes(pair, tmp_path):
    before, after = pair
    before.save(tmp_path / "one.breg")
    after.save(tmp_path / "two.breg")
    assert (tmp_path / "one.breg").read_bytes() == (tmp_path / "two.breg").read_bytes()


@pytest.mark.slow
def test_a_loaded_comparison_reports_the_same_page(tmp_path):
    before = with_weights()
    before.save(tmp_path / "fits.breg")
    br.load(tmp_path / "fits.breg").report(tmp_path / "after.json")
    before.report(tmp_path / "before.json")
    assert (tmp_path / "after.json").read_text() == (tmp_path / "before.json").read_text()


@pytest.mark.filterwarnings("ignore:Pareto")
def test_every_way_of_leaving_out_comes_back(tmp_path):
    """Folds, and rows by importance sampling, are kept as what they are."""
    before = with_weights()
    for method in ("psis", "kfold"):
        entries = {
            name: dataclasses.replace(entry, loo=entry.post.loo(method, folds=4))
            for name, entry in before.entries.items()
        }
        given = dataclasses.replace(before, entries=entries)
        given.save(tmp_path / "fits.breg", overwrite=True)
        after = br.load(tmp_path / "fits.breg")
        for name in before:
            one, two = given[name].loo, after[name].loo
            assert type(one) is type(two)
            assert one.elpd_i.identical(two.elpd_i)
            assert repr(one) == repr(two)


FIXED_LATER = {
    "known σ, another": lambda p: p.given(sigma=3.0),
    "another scale": lambda p: p.given(scale=0.25),
    "a hyperprior": lambda p: p.given(scale=br.HalfNormal(0.5)),
    "another prior": lambda p: p.given(prior=br.Laplace(0.5), sigma=2.0),
    "another prior beside factors": lambda p: p.given(prior=br.StudentT(4.0, scale=0.5)),
}


@pytest.mark.parametrize("change", FIXED_LATER.values(), ids=FIXED_LATER)
@pytest.mark.parametrize(
    "prior",
    [
        br.Normal(1.0),
        br.Normal([1.0, 2.0]),
        br.Laplace(relative=[1.0, 0.1]),
        {"x": br.Flat(), ...: br.Normal(1.0)},
    ],
    ids=repr,
)
def test_what_was_fixed_after_conditioning_is_kept(prior, change, tmp_path):
    """A problem that was given another scale, prior or σ is the one that comes back."""
    problem = br.Model(prior, br.Gaussian(1.0)).condition(FRAME[["x", "z"]], FRAME["y"])
    problem = change(problem)
    post = br.sample(problem, seed=1, draws=20, chains=1)
    post.save(tmp_path / "post.breg")
    after = br.load(tmp_path / "post.breg").problem

    assert after.sigma == problem.sigma
    assert (after.prior, after.likelihood) == (problem.prior, problem.likelihood)
    for one, two in zip(problem.blocks, after.blocks, strict=True):
        assert (one.label, one.prior, one.scale, one.hyper) == (
            two.label, two.prior, two.scale, two.hyper,
        )  # fmt: skip
        assert np.array_equal(one.relative, two.relative)
        assert np.array_equal(one.columns, two.columns)
        assert np.array_equal(one.group, two.group)
    assert np.array_equal(after.xy, problem.xy)


def test_a_problem_given_a_prior_is_the_model_with_that_prior():
    """The scale is named after the prior that it is of, so that both can be compared."""
    X, y = FRAME[["x", "z"]], FRAME["y"]
    ours = br.Model(br.Normal()).condition(X, y).given(prior=br.Laplace())
    fresh = br.Model(br.Laplace()).condition(X, y)
    assert ours.unknown_scales == fresh.unknown_scales
    assert br.agreement(br.sample(ours, seed=1), br.sample(fresh, seed=2)).ok
    mixed = {"x": br.Flat(), ...: br.Normal()}
    with_flat = br.Model(mixed).condition(X, y).given(prior=br.Laplace())
    assert with_flat.unknown_scales == br.Model(mixed).condition(X, y).unknown_scales


@pytest.mark.parametrize(
    "asked", ["expected_nonzero=1", pytest.param("r2=0.4", marks=pytest.mark.slow)]
)
def test_what_priors_agree_on_is_kept(asked, tmp_path):
    """On what, at which value, and what still differs."""
    before = br.compare(BOTH, FRAME[["x", "z"]], FRAME["y"], calibrate=asked, **HOW)
    before.save(tmp_path / "even.breg")
    one, two = before.footing, br.load(tmp_path / "even.breg").footing
    assert (one.agreed, one.target, one.delta, one.quantity) == (
        two.agreed,
        two.target,
        two.delta,
        two.quantity,
    )
    assert one.models == two.models
    assert one.reached == pytest.approx(two.reached, rel=1e-9)
    pd.testing.assert_frame_equal(one.table, two.table, rtol=1e-3)
    without = br.compare(BOTH, FRAME[["x", "z"]], FRAME["y"], **HOW)
    without.save(tmp_path / "plain.breg")
    assert br.load(tmp_path / "plain.breg").footing is None
