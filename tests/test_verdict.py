"""A verdict tested like an engine: over simulated data of known truth, how often is it wrong?

Ridge regressions with σ known, whose leave-one-out densities and whose expected log density on new
rows are sums: two priors, one tight and one wide, on effects of random size and number.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import re

import numpy as np
import pytest
from scipy import stats

import bayesreg as br
from bayesreg.diagnostics import compare_elpd
from bayesreg.diagnostics.judgement import clear, doubt, p_worse
from bayesreg.verbs import verdict

NEW = 600  # new x by which a prior is really judged, over all their y
# rows, columns, sds of the two priors, and sd of effects about which they predict alike.
DESIGNS = {
    30: (30, 12, (0.3, 3.0), 0.6),
    60: (60, 30, (0.2, 2.0), 0.32),
    150: (150, 30, (0.1, 1.0), 0.2),
    400: (400, 30, (0.05, 0.5), 0.1),
}
Trial = tuple[np.ndarray, np.ndarray]  # log p(y_i | y_-i) by prior, true elpd of as many new rows


def ridge(X, y, sd):
    """Mean, covariance and leave-one-out densities under N(0, sd²) and noise of sd 1."""
    cov = np.linalg.inv(X.T @ X + np.eye(X.shape[1]) / sd**2)
    mean = cov @ (X.T @ y)
    left = 1.0 - np.sum((X @ cov) * X, axis=1)
    return mean, cov, stats.norm.logpdf((y - X @ mean) / left, scale=1 / np.sqrt(left))


def trial(rng, rows, columns, sds, effects) -> Trial:
    """One data set: what leaving rows out says of each prior, and the truth."""
    beta = np.where(rng.random(columns) < rng.random(), rng.normal(0, effects, columns), 0.0)
    X, new = rng.standard_normal((rows, columns)), rng.standard_normal((NEW, columns))
    y = X @ beta + rng.standard_normal(rows)
    left, truth = [], []
    for sd in sds:
        mean, cov, densities = ridge(X, y, sd)
        variance = 1.0 + np.sum((new @ cov) * new, axis=1)
        square = 1.0 + np.square(new @ (mean - beta))  # expected, of a new y
        left.append(densities)
        truth.append(-0.5 * rows * np.mean(np.log(2 * np.pi * variance) + square / variance))
    return np.array(left), np.array(truth)


@functools.cache
def population(design: int, count: int):
    """Estimated difference (≤ 0), its standard error and the true one, of many data sets."""
    rng, out = np.random.default_rng([design, 8]), []
    rows, columns, sds, same = DESIGNS[design]
    for k in range(count):
        # Half of the truths are such that the priors predict alike, where errors are easily made.
        size = same if k % 2 else same * rng.choice([0.2, 0.5, 2.0, 4.0])
        left, truth = trial(rng, rows, columns, sds, size)
        best = int(np.argmax(left.sum(1)))
        gap = left[1 - best] - left[best]
        out.append((gap.sum(), math.sqrt(rows) * gap.std(), truth[1 - best] - truth[best]))
    return np.array(out).T


def too_often(wrong: int, count: int, rate: float) -> bool:
    """Whether more are wrong than a rate allows, at a false-alarm rate of 1e-3."""
    return wrong > stats.binom.ppf(0.999, count, rate)


def wrong_claims(design, count, rule) -> int:
    """How often a prior that is called clearly worse is not worse."""
    gap, se, truth = population(design, count)
    called = np.array([rule(g, s, design) for g, s in zip(gap, se, strict=True)])
    return int(np.sum(called & (truth >= 0)))


@pytest.mark.parametrize("design", DESIGNS)
def test_what_is_called_clearly_worse_is_worse(design):
    """In all but 1 % of data sets; with the order alone it would be wrong in many."""
    count = 600
    assert not too_often(wrong_claims(design, count, clear), count, 0.01)
    # The control: to call the lower score worse.
    assert too_often(wrong_claims(design, count, lambda gap, *_: gap < 0), count, 0.01)


@pytest.mark.slow
@pytest.mark.parametrize("design", DESIGNS)
def test_what_is_called_clearly_worse_is_worse_in_many_data_sets(design):
    assert not too_often(wrong_claims(design, 3000, clear), 3000, 0.01)


@pytest.mark.parametrize("design", DESIGNS)
def test_clear_differences_are_called_clear(design):
    """A rule that never speaks is never wrong: what is ten nats and eight errors away is said."""
    gap, se, truth = population(design, 600)
    plain = (truth < -10.0) & (-gap > 8 * se)
    called = np.array([clear(g, s, design) for g, s in zip(gap, se, strict=True)])
    assert np.all(called[plain])


def test_the_old_words_were_wrong():
    """ "Equally well for practical purposes" of what is not clear: it often is not."""
    gap, se, truth = population(60, 600)
    equal = ~((-gap > 4.0) & (-gap > 2 * se))
    assert np.mean(truth[equal] < -4.0) > 0.3


@pytest.mark.parametrize("design", DESIGNS)
def test_a_probability_is_given_where_the_standard_error_covers(design):
    """(estimate − truth)/se has an sd below 1.6 there, and above where none is given."""
    gap, se, truth = population(design, 600)
    given = np.array([not doubt(g, design) for g in gap])
    z = (gap - truth) / se
    if design < 100:
        assert not given.any()
        assert np.std(z) > 1.6
    else:
        assert given.sum() > 150
        assert np.std(z[given]) < 1.6


def elpd(densities, khat=0.1):
    """ArviZ's object of log densities by row."""
    from arviz_stats.utils import ELPDDataLOO
    from xarray import DataArray

    return ELPDDataLOO(
        elpd=float(densities.sum()), se=1.0, p=3.0, n_samples=4000, n_data_points=len(densities),
        scale="log", warning=False, good_k=0.7, elpd_i=DataArray(densities, dims="obs_id"),
        pareto_k=DataArray(np.full(len(densities), khat), dims="obs_id"),
    )  # fmt: skip


def said(gaps, rows, spread=1.0, khat=0.1):
    """The sentences on priors that are so many nats behind the first, and the table."""
    rng = np.random.default_rng(5)
    base = rng.normal(-1.0, 0.3, rows)
    models = {"first": elpd(base)}
    for k, gap in enumerate(gaps):
        noise = rng.standard_normal(rows)
        noise = spread * (noise - noise.mean()) / (noise.std() * math.sqrt(rows))
        models[f"prior{k}"] = elpd(base - gap / rows + noise, khat)
    table = compare_elpd(models)
    return " ".join(verdict.prediction(table, "the data", rows)), table


# gaps, rows, standard error, k̂: what is said, what is not, whether P(worse) and weights are given.
WORDS = {
    "too small": ([1.5, 2.5], 442, 1.0, 0.1, "too little to judge with 442 rows", "P(worse) 0"),
    "clear": ([20.0], 442, 3.0, 0.1, "first predicts best: prior0 is 20.0 behind", "cannot be"),
    "one clear": (
        [2.0, 20.0], 442, 3.0, 0.1,
        "first and prior0 cannot be told apart with these data: first and prior0 are within 4 nats",
        "predicts best",
    ),
    "not clear": (
        [6.4], 442, 3.5, 0.1, "behind first (standard error 3.5, P(worse) 0.97: not clear",
        "clearly",
    ),
    "few rows": ([6.4], 30, 3.5, 0.1, "fewer than 100 rows", "P(worse) 0"),
    "few rows, clear": ([20.0], 30, 3.5, 0.1, "clearly worse", "P(worse) 0"),
    "bad k̂": ([20.0], 442, 3.0, 0.9, "cannot be told apart", "clearly"),
}  # fmt: skip


@pytest.mark.parametrize("name", WORDS)
def test_words_say_what_the_rows_can_judge(name):
    gaps, rows, se, khat, here, nowhere = WORDS[name]
    text, table = said(gaps, rows, se, khat)

    assert here in text
    assert nowhere not in text
    assert "equally well" not in text
    assert "too small to matter" not in text
    told = clear(gaps[-1], se, rows, khat)
    assert table["weight"].notna().all() == (told and len(gaps) == 1)
    assert ("pseudo-BMA+" in text) == table["weight"].isna().any()
    assert ("any weights will do" in text) == (gaps[0] < 4.0)
    missing = table["p_worse"].iloc[1:].isna()
    assert ("P(worse) is left out" in text) == missing.any()
    assert missing.any() == any(doubt(gap, rows, khat) != "" for gap in gaps)


def test_a_probability_near_one_is_not_rounded_to_one():
    text, table = said([8.7], 442, 3.0)
    assert 0.995 < table["p_worse"].iloc[1] < 0.9999
    assert "P(worse) > 0.99" in text


def test_p_worse_is_arvizs_where_it_is_given():
    import arviz_stats as azs

    rng = np.random.default_rng(0)
    models = {"a": elpd(rng.normal(-1, 0.3, 200)), "b": elpd(rng.normal(-1.1, 0.3, 200))}
    ours, theirs = compare_elpd(models), azs.compare(models, round_to="none")
    assert ours["p_worse"].iloc[1] == pytest.approx(float(theirs["p_worse"].iloc[1]), rel=1e-9)
    assert np.isnan(p_worse(-3.0, 1.0, 500))
    assert np.isnan(p_worse(-30.0, 1.0, 50))


def test_mixtures_that_gain_have_weights_though_neither_model_leads():
    """Two models of one score, each right on half of the rows: not tied, the mixture is better."""
    half = np.where(np.arange(400) % 2, -1.0, -3.0)
    table = compare_elpd({"even": elpd(half), "odd": elpd(-4.0 - half)})
    assert table["weight"].round(2).tolist() == [0.5, 0.5]
    assert table["pseudo_bma"].sum() == pytest.approx(1.0)


@pytest.mark.parametrize("likelihood", [br.Gaussian(), br.Bernoulli()], ids=repr)
def test_a_certificate_says_what_it_holds_fixed(likelihood):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 3))
    y = X[:, 0] + rng.standard_normal(60)
    problem = br.Model(br.Laplace(0.3), likelihood).condition(
        X, y if likelihood.has_sigma else y > 0
    )
    given = "given σ and scale, no b" if likelihood.has_sigma else "given the scale, no b"
    fit = br.fit_map(problem)
    for text in (fit.certificate.why, str(fit.certificate), repr(fit), fit._repr_html_()):
        assert given in text


def test_a_verdict_certifies_given_sigma_and_scale():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 3))
    fits = br.compare({"lasso": br.Laplace()}, X, X[:, 0] + rng.standard_normal(60), seed=1)
    assert any(
        "given σ and scale, no β has a log posterior higher" in said for said in fits.verdict
    )


def test_a_local_optimum_is_not_ticked():
    from bayesreg.report import tables, trust

    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 3))
    priors = {"student": br.StudentT(1.0, 0.05), "lasso": br.Laplace(1.0)}
    fits = br.compare(priors, X, X[:, 0] + rng.standard_normal(60), seed=1, draws=100)
    assert fits["student"].fit.certificate.gap is None
    for table, column in ((tables.held(fits), 1), (trust.certificates(fits), 8)):
        marks = [table.text(k, next(j for j, c in enumerate(table.columns) if c.kind == "flag"))
                 for k in range(2)]  # fmt: skip
        assert marks == ["stationary, local", "held"], column


def sentences_of(*arguments) -> str:
    """What the shell says above its tables, numbers masked, each prior's line where it is."""
    from click.testing import CliRunner

    from bayesreg.cli import main

    result = CliRunner().invoke(main, ["compare", *map(str, arguments), "--no-verify", "--quiet"])
    assert result.exit_code == 0, result.output
    text = result.stdout.split("\nPredictive comparison")[0]
    return re.sub(r"\d+(\.\d+)?(e[-−]?\d+)?", "#", text)


FEWER = ["--priors", "normal,laplace", "--draws", 300]


def test_two_seeds_say_the_same_and_one_of_them_is_the_shells_own():
    unasked, other = sentences_of("diabetes", *FEWER), sentences_of("diabetes", *FEWER, "--seed", 2)
    assert unasked == other
    assert "Seed #" in other
    # The control: other columns, other sentences.
    assert sentences_of("diabetes", *FEWER, "--drop", "age") != other


@pytest.mark.slow
def test_six_seeds_say_the_same_of_three_priors():
    """Horseshoe and lasso are within half a nat: which is first, and its weight, change."""
    assert len({sentences_of("diabetes", "--seed", seed) for seed in range(1, 7)}) == 1


def test_some_priors_of_a_comparison_are_verified_on_their_own(monkeypatch):
    """As the shell does, one by one, whichever prior predicts best."""
    from bayesreg.verbs import verification as room

    data = br.load_dataset("diabetes")
    fits = br.compare(["ridge", "lasso"], data.X, data.y, standardize=True, seed=1, draws=300)
    monkeypatch.setattr(
        room, "sample", lambda problem, engine, seed: br.sample(problem, engine="gibbs", seed=seed)
    )
    for name in fits.names:
        alone = room.verified(dataclasses.replace(fits, entries={name: fits[name]}))
        *before, last = alone.verdict
        assert tuple(before) == fits.verdict
        assert last.startswith("Against PyMC's NUTS")
        assert f"{name} ({fits[name].post.engine}) agrees" in last
