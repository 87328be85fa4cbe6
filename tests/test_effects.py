"""Laws of effects: factors answer with contrasts, the same whatever coding the fit used."""

from __future__ import annotations

import functools
import warnings

import numpy as np
import pandas as pd
import pytest

import bayesreg as br
from bayesreg.language.errors import BadArgument, BayesregWarning

RNG = np.random.default_rng(14)
N = 90
FRAME = pd.DataFrame(
    {
        "x": RNG.normal(2.0, 1.5, N),
        "z": RNG.normal(size=N),
        "g": RNG.permutation(list("pqqrrr") * 15),
        "h": RNG.permutation(["u", "v", "v"] * 30),
    }
)
FRAME["y"] = (
    1.0
    + FRAME["x"] * (1.0 + (FRAME["g"] == "q"))
    + 2.0 * (FRAME["g"] == "r") * (FRAME["h"] == "v")
    - (FRAME["h"] == "v")
    + RNG.normal(size=N)
)

FACTORS = {
    "main": "{g} + x + h",
    "slopes": "x*{g} + h",
    "cells": "{g}*h",
    "both": "x*{g} + {g}:h + h",
}
SPELLINGS = {
    "plain": "g",
    "C": "C(g)",
    "treatment": "C(g, Treatment('q'))",
    "treatment, a level by number": "C(g, contr.treatment('r'))",
    "sum": "C(g, contr.sum)",
    "helmert": "C(g, contr.helmert)",
    "poly": "C(g, contr.poly)",
}
REFERENCES = [{"g": "p", "h": "u"}, {"g": "r", "h": "v"}, "mean"]


def quiet(formula, frame, prior=None, likelihood=None, **how):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BayesregWarning)
        model = br.Model(prior or br.Flat(), likelihood or br.Gaussian(1.0))
        return model.condition_formula(formula, frame, **how)


@functools.cache
def flat_fit(formula):
    return br.fit_map(quiet(formula, FRAME))


def least_squares(right, frame, reference):
    """Contrasts from dummies made by hand: the truth, with no formula and no coding."""
    g = {k: (frame["g"] == k).to_numpy(float) for k in "pqr" if k != reference["g"]}
    h = {k: (frame["h"] == k).to_numpy(float) for k in "uv" if k != reference["h"]}
    x = frame["x"].to_numpy()
    made = {"": np.ones(len(frame))}
    made |= {f"g: {k} − {reference['g']}": c for k, c in g.items()}
    if "x" in right:
        made["x"] = x
    if "h" in right:
        made |= {f"h: {k} − {reference['h']}": c for k, c in h.items()}
    if "x*" in right:
        made |= {f"x × g: {k} − {reference['g']}": x * c for k, c in g.items()}
    if "*h" in right or ":h" in right:
        made |= {
            f"g: {k} − {reference['g']} × h: {m} − {reference['h']}": c * d
            for k, c in g.items() for m, d in h.items()
        }  # fmt: skip
    found = np.linalg.lstsq(np.column_stack(list(made.values())), frame["y"])[0]
    return dict(zip(made, found, strict=True))


def bare(name):
    """An effect's name without the place at which it is taken."""
    return name.split(" at ")[0]


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
@pytest.mark.parametrize("right", FACTORS.values(), ids=FACTORS)
def test_under_flat_contrasts_are_those_of_least_squares_under_every_coding(right, spelling):
    fit = flat_fit("y ~ " + right.format(g=spelling))
    for reference in REFERENCES[:2]:
        found = fit.effects(reference)
        expected = least_squares(right, FRAME, reference)
        assert {bare(name) for name in found.index} == set(expected) - {""}
        for name, value in found["estimate"].items():
            assert value == pytest.approx(expected[bare(name)], rel=1e-9, abs=1e-9), name


@pytest.mark.parametrize("right", FACTORS.values(), ids=FACTORS)
def test_under_flat_no_coding_changes_what_is_reported(right):
    tables = [
        flat_fit("y ~ " + right.format(g=spelling)).effects("mean")["estimate"]
        for spelling in SPELLINGS.values()
    ]
    for one in tables[1:]:
        assert sorted(one.index) == sorted(tables[0].index)
        assert np.allclose(one[tables[0].index], tables[0], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("right", FACTORS.values(), ids=FACTORS)
def test_relabelled_and_reordered_levels_give_the_same_contrasts(right):
    names = {"p": "w", "q": "a", "r": "k"}
    other = FRAME.assign(g=pd.Categorical(FRAME["g"].map(names), categories=list("kwa")))
    formula = "y ~ " + right.format(g="g")
    one = br.fit_map(quiet(formula, FRAME)).effects({"g": "q"})
    two = br.fit_map(quiet(formula, other)).effects({"g": "a"})
    assert list(two["level"].dropna()[two["term"] == "g"]) == ["k", "w"]
    for name, value in one["estimate"].items():
        new = name.replace("p − q", "w − a").replace("r − q", "k − a").replace("g = q", "g = a")
        assert two.loc[new, "estimate"] == pytest.approx(value, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("reference", REFERENCES, ids=str)
@pytest.mark.parametrize("right", FACTORS.values(), ids=FACTORS)
@pytest.mark.parametrize("standardize", [False, True])
def test_given_sigma_and_scale_mean_and_sd_are_exact(right, reference, standardize):
    prior, noise = br.Normal(3.0), br.Gaussian(1.3)
    problem = quiet("y ~ " + right.format(g="g"), FRAME, prior, noise, standardize=standardize)
    X = problem.design.X - problem.design.X.mean(axis=0)
    b_sd = X.std(axis=0) if standardize else 1.0
    precision = X.T @ X / 1.3**2 + np.diag(np.square(b_sd * np.ones(problem.p)) / 9.0)
    cov = np.linalg.inv(precision)
    mean = cov @ X.T @ FRAME["y"].to_numpy() / 1.3**2
    found = br.closed_form(problem).effects(reference)
    weights = br.fit_map(problem).problem.effects.read(problem.effects.columns, reference).weights
    assert np.allclose(found["mean"], weights @ mean, rtol=1e-10, atol=1e-10)
    sd = np.sqrt(np.einsum("ij,jk,ik->i", weights, cov, weights))
    assert np.allclose(found["sd"], sd, rtol=1e-10, atol=0)
    assert np.allclose(br.fit_map(problem).effects(reference)["estimate"], found["mean"],
                       rtol=1e-9, atol=1e-9)  # fmt: skip
    draws = br.sample(problem, draws=4000, chains=1, seed=3).effects(reference)
    assert np.all(np.abs(draws["mean"] - found["mean"]) < 5 * sd / np.sqrt(4000))
    assert np.all(np.abs(draws["sd"] / found["sd"] - 1) < 5 / np.sqrt(8000))


def test_a_level_of_two_is_reported_as_least_squares_knows_it():
    rng = np.random.default_rng(1)
    n = 400
    frame = pd.DataFrame({"student": rng.choice(["No", "Yes"], n, p=[0.9, 0.1])})
    frame["income"] = rng.gamma(2.0, 20.0, n)
    yes = (frame["student"] == "Yes").to_numpy(float)
    frame["balance"] = 425.0 * yes + 6.0 * frame["income"] + 100.0 * rng.normal(size=n)
    fit = np.linalg.lstsq(np.column_stack([np.ones(n), yes, frame["income"]]), frame["balance"])[0]
    problem = quiet("balance ~ student + income", frame, br.Normal(1e5), br.Gaussian())
    post = br.sample(problem, seed=1)
    row = post.effects().loc["student: Yes − No"]
    assert row["sd"] == pytest.approx(17.0, rel=0.2)
    assert abs(row["mean"] - fit[1]) < 3 * row["sd"] / np.sqrt(4000)
    assert row["p_positive"] == 1.0
    assert tuple(row[["term", "level", "reference"]]) == ("student", "Yes", "No")
    # the control: a level's own coefficient is its prior, and no table of effects shows it
    assert post.summary().loc["student[Yes]", "sd"] > 1e3
    assert not any("[" in name for name in post.effects().index)


def test_effects_are_sums_of_the_raw_draws():
    post = br.sample(quiet("y ~ x*g + h", FRAME, br.Normal(2.0)), draws=200, seed=2)
    found = post.effects(level=0.8)
    for name, weights in {
        "g: q − p at x = 0": {"g[q]": 1, "g[p]": -1},
        "x × g: r − p": {"x:g[r]": 1, "x:g[p]": -1},
        "x at g = p": {"x": 1, "x:g[p]": 1},
    }.items():
        one = post.contrast(weights)
        assert found.loc[name, "mean"] == pytest.approx(one.mean, rel=1e-12)
        assert found.loc[name, "sd"] == pytest.approx(one.sd, rel=1e-12)
        assert found.loc[name, ["eti80_lb", "eti80_ub"]].tolist() == pytest.approx(
            one.interval(0.8)
        )


def test_numbers_alone_are_reported_as_they_are():
    post = br.sample(quiet("y ~ x + z", FRAME), seed=1)
    assert post.problem.effects.plain
    found = post.effects()
    assert found["mean"].tolist() == pytest.approx(post.beta.tolist(), rel=1e-12)
    moments = br.Model(br.Normal(1.0), br.Gaussian(1.0)).condition(post.problem.moments)
    assert moments.effects.names == ("x", "z")


def test_an_effect_per_sd_is_per_sd_of_the_number_and_whole_between_levels():
    problem = quiet("y ~ x*g", FRAME, br.Normal(2.0))
    sd = dict(zip(problem.effects.names, problem.effects.sd, strict=True))
    assert sd["g: q − p at x = 0"] == 1.0
    for name in ("x at g = p", "x × g: q − p"):
        assert sd[name] == pytest.approx(FRAME["x"].std(ddof=0), rel=1e-12)
    alone = quiet("y ~ x:g", FRAME, br.Normal(2.0)).effects
    assert np.allclose(alone.sd, FRAME["x"].std(ddof=0), rtol=1e-12)


def test_the_intercept_at_the_anchor_is_the_mean_of_the_reference():
    fit = br.fit_map(quiet("y ~ g*h", FRAME, br.Normal(1e4)))
    found = fit.problem.effects.at_anchor(fit.intercept, fit.beta.to_numpy())
    cell = FRAME[(FRAME["g"] == "p") & (FRAME["h"] == "u")]["y"].mean()
    assert float(found) == pytest.approx(cell, rel=1e-6)
    assert fit.problem.effects.anchor == "g = p, h = u"


def test_zeros_are_of_contrasts_and_not_of_an_arbitrary_level():
    rng = np.random.default_rng(6)
    frame = pd.DataFrame({"g": list("abcd") * 50, "s": rng.choice(["no", "yes"], 200)})
    frame["y"] = 3.0 * (frame["g"] == "d") + rng.normal(size=200)
    fit = br.fit_map(quiet("y ~ g + s", frame, br.Laplace.from_lam(40.0, sigma=1.0)))
    raw, found = fit.beta, fit.effects()
    assert list(found.index[found["zero"]]) == ["g: b − a", "g: c − a", "s: yes − no"]
    assert not found.loc["g: d − a", "zero"]
    weak = br.fit_map(quiet("y ~ s", frame, br.Laplace.from_lam(0.5, sigma=1.0)))
    assert (weak.beta == 0).sum() == 1  # a level is zero: which one is no answer
    assert not weak.effects()["zero"].any()
    assert raw.shape == (6,)


def test_counted_together_a_factor_keeps_no_more_than_its_differences():
    for right, most in {"g": 2, "g + h": 3, "x*g": 5, "g*h": 5, "x + h": 2, "0 + g": 3}.items():
        problem = quiet(f"y ~ {right}", FRAME, br.Normal(50.0))
        shrinkage = br.sample(problem, draws=50, seed=1).shrinkage
        assert shrinkage.directions == most == len(problem.effects.rows)
        assert most - 0.05 < float(shrinkage.effective) <= most
    tight = quiet("y ~ g", FRAME, br.Normal(0.3), standardize=True)
    gram = tight.quadratic.gram
    exact = np.trace(gram @ np.linalg.inv(gram + np.eye(3) / 0.09))
    assert float(br.sample(tight, draws=20, seed=1).shrinkage.effective) == pytest.approx(exact)
    # the control: column by column, a factor of three keeps nearly three
    wide = br.sample(quiet("y ~ g", FRAME, br.Normal(50.0)), draws=50, seed=1).shrinkage
    assert float(np.sum(1 - wide.mean)) > 2.9


@pytest.mark.parametrize("formula", ["y ~ g*h", "y ~ C(g, contr.sum) + x", "y ~ x*g"])
def test_an_event_compares_levels(formula):
    post = br.sample(quiet(formula, FRAME, br.Normal(2.0)), draws=300, seed=4)
    effects = post.problem.effects
    for level, other in [("q", "p"), ("r", "q"), ("p", "r")]:
        row = effects.between("g", level, other)
        value = post.draws.beta[..., list(row.columns)] @ np.array(row.weights)
        assert post.probability(f"g: {level} > {other}") == np.mean(value > 0)
        assert post.probability(f"g: {level} < {other}") == np.mean(value < 0)
    with pytest.raises(BadArgument, match="g: q > t"):
        post.probability("g: q > t")


@pytest.mark.parametrize(
    "reference, message",
    [
        ({"G": "p"}, "did you mean 'g'"),
        ({"g": "w"}, "no level of 'g'"),
        ("p", "mapping of factors to levels"),
        (["p"], "mapping of factors to levels"),
        ({"x": "p"}, "no factor"),
    ],
)
def test_an_unknown_reference_is_refused_with_what_there_is(reference, message):
    fit = br.fit_map(quiet("y ~ x*g + h", FRAME))
    with pytest.raises(BadArgument, match=message):
        fit.effects(reference)


def test_a_comparison_speaks_of_contrasts_and_keeps_the_columns():
    problem = quiet("y ~ g + x", FRAME)
    priors = {"ridge": br.Normal(), "lasso": br.Laplace(), "horseshoe": br.Horseshoe()}
    fits = br.compare(priors, problem.design, seed=1, draws=300)
    names = ["g: q − p", "g: r − p", "x"]
    assert list(fits.coefficients().loc["ridge"].index) == names
    assert list(fits.coefficients(raw=True).loc["ridge"].index) == list(problem.features)
    table = fits.effects({"g": "q"}, standardized=True)
    assert list(table.loc["lasso"].index) == ["g: p − q", "g: r − q", "x"]
    assert table.loc["horseshoe", "map"].isna().all()
    assert list(fits.significance(0.1).loc["ridge"].index) == names
    assert fits.effective()["columns"].tolist() == [3, 3, 3]
    for kind in ("forest", "densities", "significance"):
        fits.plot(kind)
    drawn = [t.get_text() for t in fits.plot("forest").get_yticklabels()]
    assert sorted(drawn) == sorted(names)
    for result in (fits["ridge"].post, fits["ridge"].fit):
        assert "g against p" in repr(result)
        assert "g against q" in repr(result.effects({"g": "q"}))
        assert "g against q" in result.effects({"g": "q"})._repr_html_()


def test_a_published_table_has_the_contrasts_of_every_result():
    problem = quiet("y ~ g + x", FRAME, br.Normal(2.0), br.Gaussian(1.0))
    fit, closed, post = br.fit_map(problem), br.closed_form(problem), br.sample(problem, seed=3)
    names = ["Intercept at g = p", "g: q − p", "g: r − p", "x"]
    tables = [one.__maketables_coef_table__ for one in (fit, closed, post)]
    for table in tables:
        assert list(table.index) == names
        assert {"b", "se", "t", "p"} <= set(table.columns)
    assert tables[0]["b"].tolist() == pytest.approx(tables[1]["b"].tolist(), rel=1e-9)
    errors = tables[1]["se"] / np.sqrt(4000)
    assert (np.abs(tables[2]["b"] - tables[1]["b"]) < 5 * errors).all()
    assert np.allclose(tables[2]["se"], tables[1]["se"], rtol=0.1)
    assert np.allclose(tables[2]["ci95u"], tables[1]["ci95u"], atol=0.1)
