"""Laws of the pictures of priors: densities, penalties, forces and shrinkage, read back."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad

import bayesreg as br
from bayesreg.priors import ScaleMixture
from tests.cases import CASES

DATA = br.load_dataset("diabetes")


def curves(panel):
    """The unlabelled lines of a panel, one per prior, at b > 0."""
    lines = [line.get_xydata() for line in panel.get_lines() if line.get_label() != "_effect"]
    return [points[points[:, 0] > 0.0] for points in lines]


@pytest.fixture(scope="module")
def every():
    return br.demonstrate.penalties()


def test_drawn_densities_have_half_of_their_mass_within_half(every):
    """By another rule, on the drawn points beyond `half`, and what lies within by the density."""
    _, _, drawn = (curves(panel) for panel in br.plot_penalties(every))
    assert len(drawn) == len(every.priors) == 12
    for one in every.priors:
        inside = quad(
            lambda t, one=one: np.exp(t + float(one.log_density(np.exp([t]))[0])),
            -120,
            0,
            limit=300,
        )[0]
        assert 2.0 * inside == pytest.approx(0.5, abs=1e-8), one.name
    wrong = every.priors[0].log_density(np.array([2.0])) - every.log_density[0, 100]
    assert abs(wrong[0]) > 0.1, "control: another b has another density"


def test_the_drawn_force_is_the_slope_of_the_drawn_penalty(every):
    """Penalty differences equal the integral of the force between them (Simpson, 0.5 to 4)."""
    densities, penalties, forces = (curves(panel) for panel in br.plot_penalties(every))

    for density, penalty, force in zip(densities, penalties, forces, strict=True):
        np.testing.assert_allclose(np.exp(-penalty[:, 1]), density[:, 1], rtol=1e-12)
        f, b = force[49:, 1], force[49:, 0]
        f, b = (f, b) if len(f) % 2 else (f[:-1], b[:-1])
        area = (b[1] - b[0]) / 3.0 * (f[0] + f[-1] + 4.0 * f[1::2].sum() + 2.0 * f[2:-1:2].sum())
        rise = penalty[49 + len(b) - 1, 1] - penalty[49, 1]
        assert area == pytest.approx(rise, rel=1e-6)
        assert area != pytest.approx(rise + 0.01, rel=1e-6), "control"


def test_the_force_of_a_mixture_is_its_mean_precision(every):
    """−d log p/db = b·E(1/(s²t) | b), by the mixing law, which the density was not made of."""
    y = np.linspace(-60.0, 60.0, 24_001)
    for k, one in enumerate(every.priors):
        if not isinstance(one.prior, ScaleMixture):
            continue
        try:
            log_mixing = one.prior.log_mixing(y)
        except NotImplementedError:
            continue
        s2 = one.effective**2
        for g in (20, 399):
            b = every.b[g]
            log_weight = log_mixing - 0.5 * y - 0.5 * b * b / (s2 * np.exp(y))
            weight = np.exp(log_weight - log_weight.max())
            expected = b * np.sum(weight * np.exp(-y)) / np.sum(weight) / s2
            assert every.force[k, g] == pytest.approx(expected, rel=2e-5), one.name


def test_next_to_zero_a_force_is_none_finite_or_without_bound(every):
    at_zero = dict(zip(every.names, every.at_zero, strict=True))

    assert at_zero["Normal"] == at_zero["StudentT"] == at_zero["Cauchy"] == 0.0
    assert at_zero["Laplace"] == pytest.approx(np.log(2.0))  # half within 1: e^(−1/s) = ½
    assert all(np.isinf(at_zero[name]) for name in ("Bridge", "Horseshoe", "NormalGamma", "R2D2"))
    assert "grows without bound under Bridge" in every.says


def test_a_problem_s_priors_are_drawn_at_their_scales():
    """In units of σ too; a Flat column pulls nowhere; what MAP settles is what is drawn."""
    prior = {"bmi": br.Normal(0.5, unit="sigma"), "age": br.Flat(), ...: br.Laplace(25.0)}
    model = br.Model(prior, br.Gaussian(54.0))
    found = br.demonstrate.penalties(model.condition(DATA.X, DATA.y, standardize=True))
    lasso = br.Model(br.Laplace()).condition(DATA.X, DATA.y, standardize=True)
    fit = br.fit_map(lasso)

    np.testing.assert_allclose(found.force[0], found.b / 27.0**2, rtol=1e-12)
    np.testing.assert_allclose(found.force[1], 1.0 / 25.0, rtol=1e-12)
    pulled = fit.sigma**2 * br.demonstrate.penalties(lasso).force[0, 0]
    assert pulled == pytest.approx(fit.penalty.lam, rel=1e-9)
    assert br.demonstrate.penalties([br.Flat(), br.Normal(1.0)]).force[0].tolist() == [0.0] * 400


FUNCTIONS = {
    "normal": (br.Normal(0.8), lambda b: -0.5 * (b / 0.8) ** 2),
    "laplace": (br.Laplace(0.8), lambda b: -np.abs(b) / 0.8),
    "student": (br.StudentT(3.0, 0.8), lambda b: -2.0 * np.log1p((b / 0.8) ** 2 / 3.0)),
    "bridge": (br.Bridge(0.6, 0.8), lambda b: -(np.abs(b / 0.8) ** 0.6)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_drawn_means_medians_and_modes_are_those_of_the_posterior(name):
    """By adaptive quadrature of the density written out, and by a fine grid for the mode."""
    prior, log_density = FUNCTIONS[name]
    panels = br.plot_shrinkage_functions({name: prior}, reach=5.0)
    (mean,), (median,), (mode,) = (curves(panel) for panel in panels)

    for at in (6, 24, 90):  # of 120 points beyond 0
        observed = mean[at, 0]

        def integral(low, high, power=0, observed=observed):
            inside = lambda b: b**power * np.exp(-0.5 * (observed - b) ** 2 + log_density(b))  # noqa: E731
            ends = sorted({low, high, *(x for x in (0.0, 1.0, observed) if low < x < high)})
            return sum(quad(inside, *pair, epsabs=1e-14, limit=400)[0] for pair in pairwise(ends))

        total = integral(-12.0, 18.0)
        assert mean[at, 1] == pytest.approx(integral(-12.0, 18.0, 1) / total, rel=1e-8)
        assert integral(-12.0, median[at, 1]) / total == pytest.approx(0.5, abs=1e-8)
        assert integral(-12.0, 1.01 * median[at, 1]) / total > 0.5 + 1e-5, "control"
        grid = np.concatenate([[0.0], np.geomspace(1e-6, 8.0, 40_001)])
        cost = 0.5 * (observed - grid) ** 2 - log_density(grid)
        drawn = mode[np.searchsorted(mode[:, 0], observed - 1e-9), 1]
        assert drawn == pytest.approx(grid[np.argmin(cost)], rel=5e-4, abs=1e-12)


def test_only_modes_are_exactly_zero():
    found = br.demonstrate.shrinkage_functions()
    inside = found.observed > 0.0
    zeros = dict(zip(found.names, np.any(found.mode[:, inside] == 0.0, axis=1), strict=True))

    assert np.all(found.mean[:, inside] > 0.0)
    assert np.all(found.median[:, inside] > 0.0)
    assert {n for n, yes in zeros.items() if yes} == {
        "Laplace",
        "ElasticNet",
        "Bridge",
        "DoublePareto",
    }
    assert all(name in found.says for name, yes in zeros.items() if yes)
    laplace = br.demonstrate.shrinkage_functions(br.Laplace(1 / 1.32))
    assert laplace.zero_until.tolist() == [1.3], "the threshold se²/s, on a grid of twentieths"


@pytest.mark.parametrize("case", [CASES[1], CASES[3], CASES[4]], ids=str)
def test_ridge_along_drawn_directions_is_the_ridge_optimum(case):
    """The norms of β̂ and of its shrunken coordinates agree; factors are read off the artists."""
    problem = br.Model(br.Normal(0.7), br.Gaussian(1.5)).condition(
        case.frame, case.y, standardize=case.standardize
    )
    found = br.demonstrate.shrinkage_functions(problem)
    panel = found.plot()[3]
    (points,) = [line.get_xydata() for line in panel.get_lines() if line.get_marker() == "o"]
    fit = br.fit_map(problem)

    lam = 1.5**2 / 0.7**2
    singular = np.sqrt(np.linalg.eigvalsh(problem.gram)[::-1][: len(points)])
    np.testing.assert_allclose(points[:, 0], singular, rtol=1e-5)
    np.testing.assert_allclose(points[:, 1], singular**2 / (singular**2 + lam), rtol=1e-5)
    np.testing.assert_allclose(np.sum(found.directions.shrunk**2), np.sum(fit.b**2), rtol=1e-9)
    assert np.sum(found.directions.estimate**2) > 1.001 * np.sum(fit.b**2), "control: least squares"


REFUSED = [
    ("penalties", (br.Normal([1.0, 2.0]),), {}, "one coefficient has one scale"),
    ("penalties", ([],), {}, "no priors"),
    ("penalties", ("ridg",), {}, "ridge"),
    ("penalties", (br.Normal(1.0),), {"half": 0.0}, "half must be positive"),
    ("penalties", (br.RegularizedHorseshoe(slab_scale=0.1),), {}, "no scale puts half"),
    ("shrinkage_functions", (br.Flat(),), {}, "Flat"),
    ("shrinkage_functions", (br.Normal(1.0),), {"reach": -1.0}, "reach must be positive"),
]


@pytest.mark.parametrize("name, data, options, words", REFUSED)
def test_what_is_no_prior_of_one_coefficient_is_refused(name, data, options, words):
    with pytest.raises(br.BadArgument, match=words):
        getattr(br, f"plot_{name}")(*data, **options)


@pytest.mark.parametrize("name", ["penalties", "shrinkage_functions"])
def test_a_scale_that_nothing_settles_is_asked_for(name):
    problem = br.Model(br.Horseshoe()).condition(DATA.X, DATA.y, standardize=True)

    with pytest.raises(br.NotSupported, match=r"given\(scale"):
        getattr(br.demonstrate, name)(problem)
    found = getattr(br.demonstrate, name)(problem.given(scale=0.1, sigma=54.0))
    assert len(found.names) == 1


def test_a_fit_and_a_posterior_speak_of_their_problem():
    problem = br.Model(br.Laplace(25.0), br.Gaussian(54.0)).condition(
        DATA.X, DATA.y, standardize=True
    )
    fit, post = br.fit_map(problem), br.sample(problem, draws=20, chains=2, seed=1)
    for name in ("penalties", "shrinkage_functions", "geometry"):
        pictures = [repr(getattr(br.demonstrate, name)(one)) for one in (problem, fit, post)]
        assert len(set(pictures)) == 1, name


def test_groups_have_no_penalty_of_one_coefficient():
    prior = br.Laplace(20.0, groups=[["bmi", "bp"]])
    problem = br.Model(prior, br.Gaussian(54.0)).condition(DATA.X, DATA.y, standardize=True)
    for name in ("penalties", "shrinkage_functions"):
        with pytest.raises(br.NotSupported, match="within groups"):
            getattr(br.demonstrate, name)(problem)
    assert br.demonstrate.geometry(problem).panels[3].kind == "group"


def test_without_a_proper_prior_there_is_nothing_to_draw():
    problem = br.Model(br.Flat()).condition(DATA.X, DATA.y)
    for name in ("penalties", "shrinkage_functions"):
        with pytest.raises(br.BadArgument, match="no column has a proper prior"):
            getattr(br.demonstrate, name)(problem)
