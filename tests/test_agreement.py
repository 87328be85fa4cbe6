"""Laws of agreement: equal posteriors agree, an error of a tenth is caught, and what is refused."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

import bayesreg as br
from bayesreg.diagnostics import agreement, check, to_tree
from bayesreg.diagnostics.two_runs import limit_for
from bayesreg.language.errors import BadArgument
from tests.synthetic_draws import CHAINS, LENGTH, problem, synthetic


def other(seed=1, **changes):
    """Draws of another engine."""
    return synthetic(seed=seed, **({"engine": "nuts"} | changes))


def test_equal_posteriors_agree():
    result = agreement(synthetic(), other())

    assert result.ok is True
    assert result.max_z < result.limit
    assert 0.4 < result.mean_z2 < 1.8
    assert len(result.table) == 6 * 5
    assert list(result.table.columns) == ["unknown", "statistic", "a", "b", "mcse", "z"]
    assert set(result.table["statistic"]) == {"mean", "sd", "q5", "q50", "q95"}
    assert "30 statistics" in result.why
    assert "0.001" in result.why
    assert repr(result).startswith("agree")


@pytest.mark.parametrize(
    "wrong",
    [
        {"stretch": 1.1},
        {"stretch": 0.9},
        {"shift": 0.2},
        {"sigma": 1.05},
        {"scale": 1.2},
        {"intercept": 0.2},
    ],
    ids=str,
)
def test_an_error_of_a_tenth_is_caught(wrong):
    """10 % of an sd, or a fifth of an sd in a mean, in 4000 draws: the negative control."""
    about = problem(p=10)
    draws = other(about=about)
    if "sigma" in wrong:
        draws = dataclasses.replace(draws, sigma=draws.sigma * wrong["sigma"])
    elif "scale" in wrong:
        draws = dataclasses.replace(draws, scale=draws.scale * wrong["scale"])
    elif "intercept" in wrong:
        draws = dataclasses.replace(draws, intercept=draws.intercept + wrong["intercept"])
    else:
        draws = other(about=about, **wrong)
    result = agreement(synthetic(about), draws)

    assert result.ok is False
    assert result.max_z > result.limit
    assert "beyond Monte Carlo error" in result.why
    assert "DISAGREE" in repr(result)


@pytest.mark.slow
def test_false_alarms_are_rare_and_z_is_calibrated():
    """30 pairs × 30 statistics: 0.03 alarms expected, two or more with probability 5e-4.

    E z² = 1; the mean over 30 runs of 6 independent unknowns has sd 0.1 or so.
    """
    about = problem()
    results = [agreement(synthetic(about, 2 * k), other(2 * k + 1, about=about)) for k in range(30)]

    assert sum(r.ok is not True for r in results) <= 1
    assert 0.75 < np.mean([r.mean_z2 for r in results]) < 1.3


def test_the_limit_grows_with_the_number_of_statistics():
    assert limit_for(1) < limit_for(30) < limit_for(5000)
    assert 4.5 < limit_for(30) < 6.0


def test_posteriors_and_draws_and_trees_are_taken_alike():
    a, b = synthetic(), other()
    post = SimpleNamespace(draws=a, checks=check(a))

    assert agreement(post, b).max_z == agreement(a, b).max_z
    assert agreement(a, to_tree(b)).max_z == agreement(a, b).max_z
    assert agreement(to_tree(a), to_tree(b)).ok is True


def test_a_tree_without_feature_names_goes_by_position():
    from arviz_base import from_dict

    b = other()
    tree = from_dict(
        {
            "posterior": {
                "beta": b.beta,
                "intercept": b.intercept,
                "sigma": b.sigma,
                "scale": b.scale[..., 0],
            }
        }
    )

    assert agreement(synthetic(), tree).max_z == agreement(synthetic(), b).max_z


def test_features_in_another_order_are_matched_by_name():
    b = other(shift=np.array([0.0, 5.0, 9.0]))
    a = synthetic(shift=np.array([0.0, 5.0, 9.0]))
    tree = to_tree(b)
    turned = tree["posterior"].to_dataset().isel(feature=[2, 0, 1])
    tree["posterior"] = turned

    assert agreement(a, tree).ok is True


def diverging(draws):
    flags = np.zeros((CHAINS, LENGTH), bool)
    flags[0, 0] = True
    return dataclasses.replace(draws, stats={"diverging": flags})


def nan(draws):
    sigma = draws.sigma.copy()
    sigma[0, 0] = np.nan
    return dataclasses.replace(draws, sigma=sigma)


@pytest.mark.parametrize(
    "spoil",
    [
        diverging,
        nan,
        lambda d: dataclasses.replace(d, complete=False),
        lambda d: other(chains=1),
        lambda d: other(length=3),
        lambda d: to_tree(diverging(d)),
    ],
    ids=["divergences", "nan", "interrupted", "one chain", "three draws", "diverging tree"],
)
def test_a_failed_run_gives_no_verdict(spoil):
    result = agreement(synthetic(), spoil(other()))

    assert result.ok is None
    assert "no verdict, because the second run" in result.why


def test_noise_in_common_gives_no_verdict():
    """Two engines on one random stream differ by less than their Monte Carlo errors say."""
    a, b = synthetic(), other()
    mixed = dataclasses.replace(
        b, intercept=5.0 + 0.7 * (a.intercept - 5) + 0.7 * (b.intercept - 5)
    )
    result = agreement(a, mixed)

    assert result.ok is None
    assert "both runs draw intercept from the same random numbers" in result.why


def test_known_quantities_are_skipped_and_said():
    about = problem(sigma=1.5, prior=br.Normal(1.0))
    result = agreement(synthetic(about), other(about=about))

    assert result.ok is True
    assert result.skipped == ("log sigma",)
    assert "known, hence not compared: log sigma" in result.why


def no_tree():
    return SimpleNamespace(posterior=1)


REFUSED = [
    ("same run", lambda: (synthetic(), synthetic()), "same draws"),
    ("same arrays", lambda: (synthetic(), synthetic(engine="x")), "same draws"),
    ("same tree", lambda: (synthetic(), to_tree(synthetic())), "same draws"),
    ("features", lambda: (synthetic(), other(about=problem(p=2, n=40))), "different data|has no"),
    (
        "sigma known in one",
        lambda: (synthetic(), other(about=problem(sigma=1.0))),
        "log sigma is unknown in one run and known in the second",
    ),
    (
        "sigma known differently",
        lambda: (
            synthetic(problem(sigma=1.0)),
            other(about=problem(sigma=2.0)),
        ),
        "log sigma is known as 0 in one run and as 0.69",
    ),
    ("data", lambda: (synthetic(), other(about=problem(n=41))), "different data"),
    (
        "units",
        lambda: (
            synthetic(),
            other(about=problem(prior=br.Laplace(br.HalfCauchy(1.0), unit="y"))),
        ),
        "different units",
    ),
    (
        "scale missing",
        lambda: (synthetic(), other(about=problem(prior=br.Laplace(1.0, unit="sigma")))),
        "units|has no log scale",
    ),
    ("no tree", lambda: (synthetic(), no_tree()), "needs draws"),
]


@pytest.mark.parametrize("runs, message", [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_what_cannot_be_compared_is_refused(runs, message):
    with pytest.raises(BadArgument, match=message):
        agreement(*runs())


def test_one_engine_with_two_seeds_may_be_compared():
    assert agreement(synthetic(), synthetic(seed=1)).ok is True
