"""The posterior along the scale of its prior: each scale against its own posterior, and the MAP."""

from __future__ import annotations

import numpy as np
import pytest

import bayesreg as br

SCALES = [3.0, 0.1, 0.5]  # not sorted: rows come back in this order


def small(prior, likelihood=None, **options):
    """40 rows of three correlated columns, one without effect."""
    rng = np.random.default_rng(5)
    X = rng.normal(size=(40, 3)) * [1.0, 2.0, 0.5] + rng.normal(size=(40, 1))
    y = 1.0 + X @ [0.8, -0.5, 0.0] + rng.normal(size=40)
    return br.Model(prior, likelihood or br.Gaussian()).condition(X, y, **options)


@pytest.mark.parametrize("sigma", [None, 1.1])
def test_normal_is_closed(sigma):
    likelihood = br.Gaussian(sigma)
    found = br.bayesian_path(small(br.Normal(), likelihood, standardize=True), SCALES)

    assert found.engine == "closed form"
    assert not np.any(found.error)
    for k, scale in enumerate(SCALES):
        one = small(br.Normal(scale, unit="sigma"), likelihood, standardize=True)
        exact = br.closed_form(one)
        np.testing.assert_allclose(found.mean[k], exact.mean, rtol=1e-12)
        np.testing.assert_allclose(found.low[k], exact.interval().iloc[:, 0], rtol=1e-12)
        np.testing.assert_allclose(found.optimum[k], exact.mean, rtol=1e-8)  # ridge: mode = mean
        draws = br.sample(one, draws=4000, seed=1)
        above = (draws.draws.beta > 0).mean(axis=(0, 1))
        np.testing.assert_allclose(found.positive[k], above, atol=4 * 0.5 / np.sqrt(16000))
        np.testing.assert_allclose(found.kappa[k], draws.shrinkage.mean, rtol=1e-10)


@pytest.mark.parametrize(
    "prior", [br.Normal(1.0), br.Laplace(), br.ElasticNet(), br.Horseshoe()], ids=lambda p: p.family
)
def test_each_scale_is_its_own_posterior(prior):
    unit = prior.unit
    found = br.bayesian_path(small(prior), [0.5], seed=1)
    one = small(type(prior)(0.5, unit=unit))
    post = br.sample(one, draws=4000, seed=2)
    mean = post.draws.beta.mean(axis=(0, 1))
    error = np.hypot(found.error[0], post.draws.beta.std(axis=(0, 1)) / np.sqrt(1000))

    assert np.all(np.abs(found.mean[0] - mean) < 4 * error)
    np.testing.assert_allclose(found.kappa[0], post.shrinkage.mean, atol=0.06)
    # The control: twice the scale is another posterior, as κ sees.
    wide = br.sample(small(type(prior)(1.0, unit=unit)), draws=2000, seed=2)
    assert np.max(np.abs(found.kappa[0] - wide.shrinkage.mean)) > 0.06


def test_optimum_is_fit_map():
    problem = small(br.Laplace(), br.Gaussian(1.0), standardize=True)
    found = br.bayesian_path(problem, SCALES)
    for k, scale in enumerate(SCALES):
        fit = br.fit_map(problem.at(scale=scale))
        np.testing.assert_allclose(found.optimum[k], fit.beta, rtol=1e-7, atol=1e-9)
        assert found.lams[k] == pytest.approx(fit.penalty.lam, rel=1e-12)


def test_posterior_of_the_scale():
    problem = small(br.Laplace())
    found = br.bayesian_path(problem, n=3, seed=4)
    draws = br.sample(problem, seed=4).draws.scale[..., 0]

    np.testing.assert_array_equal(found.posterior.draws, draws)
    low, high = found.posterior.interval()
    assert found.scales[0] > high > low > found.scales[-1]
    assert br.bayesian_path(small(br.Laplace(1.0)), n=2).posterior is None


def test_no_map_is_said():
    found = br.bayesian_path(small(br.Horseshoe()), [1.0, 0.1])

    assert found.optimum is None
    assert "no MAP" in found.why_no_map
    assert np.all(np.isnan(found.lams))
    panels = found.plot()
    assert len(panels) == 1
    assert "no MAP" in panels[0].get_xlabel()


def test_student_t_has_a_map_without_lambda():
    problem = small(br.StudentT(3.0, 1.0), br.Gaussian(1.0))
    found = br.bayesian_path(problem, [1.0, 0.3])
    fit = br.fit_map(problem)

    assert np.all(np.isnan(found.lams))
    np.testing.assert_allclose(found.optimum[0], fit.beta, rtol=1e-6)
    assert len(found.plot()) == 2


def test_flat_columns_and_moments():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 3))
    y = X[:, 0] + rng.normal(size=30)
    names = br.Design.of(X, y).names
    prior = {names[1]: br.Flat(), ...: br.Normal()}
    problem = br.Model(prior).condition(br.Moments.of(X, y, names=names))
    found = br.bayesian_path(problem, [1.0])

    assert np.isnan(found.kappa[0, 1])
    assert np.all(np.isfinite(found.mean))


def test_frame_and_figure():
    found = br.bayesian_path(small(br.Normal()), SCALES, level=0.8)
    frame = found.summary()

    assert frame.loc[(0.1, found.problem.features[2]), "mean"] == found.mean[1, 2]
    assert {"eti80_lb", "eti80_ub"} <= set(frame.columns)
    assert found.sign.to_numpy().min() >= 0.5
    panels = found.plot()
    low, high = panels[0].get_xlim()
    assert (low, high) == pytest.approx((found.lams.min(), found.lams.max()))
    assert "eti80" in panels[1].get_title(loc="left")
    assert "closed form" in repr(found)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"scales": [1.0, -1.0]}, "scales"),
        ({"n": 0}, "n must be"),
        ({"level": 1.0}, "level"),
        ({"engine": "fast"}, "engine"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(br.BadArgument, match=message):
        br.bayesian_path(small(br.Normal()), **arguments)


def test_several_priors_have_no_one_scale():
    names = small(br.Normal()).features
    with pytest.raises(br.NotSupported, match="2 priors"):
        br.bayesian_path(small({names[0]: br.Laplace(), ...: br.Normal()}))


def test_a_table_has_the_names_that_users_know() -> None:
    """``to_frame``, ``table`` and the ends of an interval say what ``summary`` says."""
    data = br.load_dataset("diabetes")
    problem = br.Model(br.Normal(), br.Gaussian()).condition(data.X, data.y, standardize=True)
    post = br.sample(problem, draws=50, seed=1)
    path = br.path(problem)
    assert path.to_frame().equals(path.summary())
    assert post.lam.table.equals(post.lam.summary())
    assert post.shrinkage.table.equals(post.shrinkage.summary())
    contrast = post.contrast({"bmi": 1, "bp": -1})
    assert (contrast.lower, contrast.upper) == contrast.interval(0.95)
    assert (contrast.lower, contrast.upper) != contrast.interval(0.9)
