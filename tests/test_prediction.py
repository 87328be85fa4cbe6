"""Predictions with intervals: exact quantiles of what the draws, the closed form, the noise say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import bayesreg as br
from bayesreg.data.known import Points
from bayesreg.estimators import BayesRegressor, MapRegressor
from bayesreg.results.mixture import Component, Mixture

RNG = np.random.default_rng(8)
X = pd.DataFrame(RNG.normal(size=(40, 3)), columns=["a", "b", "c"])
Y = 1.0 + X.to_numpy() @ [1.0, -2.0, 0.0] + RNG.normal(size=40)
NEW = pd.DataFrame(RNG.normal(size=(7, 3)), columns=["c", "a", "b"], index=list("stuvwxy"))
NORMAL = br.Normal(1.0, unit="sigma")


@pytest.fixture(scope="module")
def fits() -> Any:
    priors = {"ridge": NORMAL, "tight": br.Normal(0.05, unit="sigma"), "flat": br.Flat()}
    return br.compare(priors, X, Y, seed=3)


def test_an_interval_is_a_quantile_of_the_predictive(fits: Any) -> None:
    """The mixture's distribution function at the bounds is what was asked for, by brute force."""
    post = fits["ridge"].post
    found = post.predict(NEW, level=0.8)
    assert list(found.columns) == ["mean", "eti80_lb", "eti80_ub"]
    assert list(found.index) == list(NEW.index)
    draws, rows = post.draws, NEW[["a", "b", "c"]].to_numpy()
    eta = draws.beta.reshape(-1, 3) @ rows.T + draws.intercept.reshape(-1, 1)
    from scipy.stats import norm

    for bound, share in (("eti80_lb", 0.1), ("eti80_ub", 0.9)):
        below = norm.cdf(found[bound].to_numpy(), eta, draws.sigma.reshape(-1, 1)).mean(axis=0)
        assert np.allclose(below, share, rtol=0, atol=1e-11)
    assert np.allclose(found["mean"], post.predict(NEW), rtol=1e-12)


def test_the_closed_form_and_draws_agree_on_intervals(fits: Any) -> None:
    exact = br.closed_form(fits["ridge"].problem).predict(NEW, level=0.9, return_std=True)
    drawn = fits["ridge"].post.predict(NEW, level=0.9, return_std=True)
    assert list(exact.columns) == list(drawn.columns) == ["mean", "sd", "eti90_lb", "eti90_ub"]
    assert np.all(np.abs(exact - drawn).to_numpy() < 0.12)  # 4000 draws: an error of .02 sd or so
    tight = fits["tight"].post.predict(NEW, level=0.9)
    assert np.any(np.abs(exact[tight.columns] - tight).to_numpy() > 0.5)


def test_an_optimum_has_the_interval_of_its_noise(fits: Any) -> None:
    fit = fits["ridge"].fit
    found = fit.predict(NEW, level=0.9)
    half = 1.6448536269514722 * fit.sigma
    assert np.allclose(found["eti90_ub"] - found["mean"], half, rtol=1e-12)
    assert np.allclose(found["mean"] - found["eti90_lb"], half, rtol=1e-12)
    with pytest.raises(br.NotSupported, match=r"br\.sample"):
        fit.predict(NEW, level=0.9, kind="linear")


def test_intervals_of_eta_leave_the_noise_out(fits: Any) -> None:
    post = fits["ridge"].post
    eta = post.draws.beta @ NEW[["a", "b", "c"]].to_numpy().T + post.draws.intercept[..., None]
    found = post.predict(NEW, level=0.9, kind="linear")
    wanted = np.quantile(eta.reshape(-1, len(NEW)), [0.05, 0.95], axis=0)
    assert np.allclose(found[["eti90_lb", "eti90_ub"]].T, wanted, rtol=1e-12)


def test_a_probability_has_an_interval_inside_zero_and_one() -> None:
    post = br.sample(br.Model(br.Normal(1.0), br.Bernoulli()).condition(X, Y > 1), seed=1)
    found = post.predict(NEW, level=0.95)
    assert np.all((found["eti95_lb"] > 0) & (found["eti95_ub"] < 1))
    assert np.all((found["eti95_lb"] < found["mean"]) & (found["mean"] < found["eti95_ub"]))
    fit = br.fit_map(post.problem)
    with pytest.raises(br.NotSupported, match=r"br\.sample"):
        fit.predict(NEW, level=0.95)


def test_bounds_are_found_where_components_are_far_apart() -> None:
    """Far tails, wide gaps, and sds that differ by ten powers of ten."""
    eta = np.array([-1e6, 0.0, 1.0, 1e9])
    sigma = np.array([1e-3, 1.0, 1e3, 1e-5])
    part = Component(br.Gaussian(), np.zeros((4, 1)), eta, {"sigma": sigma})
    for level in (0.01, 0.3, 0.5, 0.9, 0.999):
        low, high = Mixture((part,)).interval(Points(np.zeros((1, 1))), level, "mean")[:, 0]
        for y, share in ((low, 0.5 - level / 2), (high, 0.5 + level / 2)):
            reached = br.Gaussian().cdf(y, eta, {"sigma": sigma}).mean()
            step = br.Gaussian().cdf(np.nextafter(y, np.inf), eta, {"sigma": sigma}).mean()
            assert abs(reached - share) < 1e-9 + abs(step - reached)


def test_averages_weigh_the_priors(fits: Any) -> None:
    one = fits.predict(NEW, weights={"tight": 2.0})
    assert np.allclose(one, fits["tight"].post.predict(NEW), rtol=1e-12)
    means = {name: fits[name].post.predict(NEW) for name in fits}
    equal = fits.predict(NEW, weights="equal")
    assert np.allclose(equal, np.mean(list(means.values()), axis=0), rtol=1e-12)
    mean, sd = fits.predict(NEW, return_std=True, weights={"tight": 1.0, "flat": 3.0})
    assert np.allclose(mean, 0.25 * means["tight"] + 0.75 * means["flat"], rtol=1e-12)
    sds = {name: fits[name].post.predict(NEW, return_std=True)[1] for name in fits}
    second = 0.25 * (sds["tight"] ** 2 + means["tight"] ** 2)
    second += 0.75 * (sds["flat"] ** 2 + means["flat"] ** 2)
    assert np.allclose(sd, np.sqrt(second - mean**2), rtol=1e-9)


def test_an_averaged_interval_holds_what_it_says(fits: Any) -> None:
    from scipy.stats import norm

    found = fits.predict(NEW, weights={"tight": 1.0, "flat": 3.0}, level=0.9)
    rows, below = NEW[["a", "b", "c"]].to_numpy(), 0.0
    for name, w in (("tight", 0.25), ("flat", 0.75)):
        draws = fits[name].post.draws
        eta = draws.beta.reshape(-1, 3) @ rows.T + draws.intercept.reshape(-1, 1)
        bound = found["eti90_ub"].to_numpy()
        below += w * norm.cdf(bound, eta, draws.sigma.reshape(-1, 1)).mean(axis=0)
    assert np.allclose(below, 0.95, rtol=0, atol=1e-11)


@pytest.mark.parametrize(
    "weights, words",
    [
        ("stacked", "'stacking', 'equal'"),
        ({"riddge": 1.0}, "no prior named 'riddge'"),
        ({"ridge": -1.0}, "at least 0"),
        ({"ridge": 0.0}, "all 0"),
        ({"ridge": True}, "at least 0"),
    ],
)
def test_weights_that_mean_nothing_are_refused(fits: Any, weights: Any, words: str) -> None:
    with pytest.raises(br.BadArgument, match=words):
        fits.predict(NEW, weights=weights)


@pytest.mark.parametrize("level", [0, 1, 1.5, 95, True, "0.9"])
def test_levels_that_mean_nothing_are_refused(fits: Any, level: Any) -> None:
    doors = [fits, fits["ridge"].post, fits["ridge"].fit, br.closed_form(fits["ridge"].problem)]
    for door in doors:
        with pytest.raises(br.BadArgument, match="level"):
            door.predict(NEW, level=level)


@pytest.mark.parametrize("cls", [MapRegressor, BayesRegressor])
def test_estimators_give_intervals_too(cls: Any) -> None:
    model = cls(NORMAL, random_state=1).fit(X, Y)
    new = NEW[["a", "b", "c"]]
    found = model.predict(new, level=0.9)
    assert list(found.index) == list(new.index)
    assert np.allclose(found["mean"], model.predict(new), rtol=1e-12)
    assert np.allclose(found, model.result_.predict(new.to_numpy(), level=0.9), rtol=1e-12)
    assert np.all(found["eti90_lb"] < found["eti90_ub"])
