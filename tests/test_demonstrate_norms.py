"""Laws of the picture of norms, read back from what is drawn."""

from __future__ import annotations

import math

import numpy as np
import pytest

import bayesreg as br

EXPONENTS = (0.3, 0.5, 1.0, 1.5, 2.0, 7.0, math.inf)


def curves(axes):
    """The labelled lines of axes, as arrays of points."""
    return [line.get_xydata() for line in axes.get_lines() if not line.get_label().startswith("_")]


def test_drawn_balls_have_norm_one_and_close():
    balls = curves(br.plot_norms(EXPONENTS)[0])

    def sizes(points, p):
        return np.max(np.abs(points), axis=1) if math.isinf(p) else np.sum(
            np.abs(points) ** p, axis=1
        ) ** (1 / p)  # fmt: skip

    for p, points in zip(EXPONENTS, balls, strict=True):
        np.testing.assert_allclose(sizes(points, p), 1.0, rtol=1e-12)
        np.testing.assert_allclose(points[0], points[-1], atol=1e-15)
        turns = np.unwrap(np.arctan2(points[:, 1], points[:, 0]))
        np.testing.assert_allclose(turns[-1] - turns[0], 2 * math.pi, rtol=1e-12)
    assert np.max(np.abs(sizes(balls[2], 2.0) - 1.0)) > 0.2, "control: a diamond is no circle"


def test_drawn_densities_are_those_of_the_bridge_and_the_normal():
    panels = br.plot_norms((0.5, 1.0, 1.5, 2.0))
    half, laplace, between, normal = curves(panels[1])

    for points, prior, scale in [
        (half, br.Bridge(0.5), 1.0),
        (laplace, br.Laplace(), 1.0),
        (between, br.Bridge(1.5), 1.0),
        (normal, br.Normal(), math.sqrt(0.5)),
    ]:
        b, density = points.T
        np.testing.assert_allclose(density, np.exp(prior.log_density(b, scale)), rtol=1e-12)
    b, density = normal.T
    assert np.max(np.abs(density - np.exp(br.Normal().log_density(b, 1.0)))) > 0.1, "control"


@pytest.mark.parametrize("dimension", [2, 9])
def test_below_one_the_triangle_inequality_fails_by_the_known_factor(dimension):
    """At two unit vectors by 2^(1/p − 1), which no other pair exceeds."""
    found = br.demonstrate.norms(EXPONENTS, dimension=dimension)

    assert found.is_norm == (False, False, True, True, True, True, True)
    np.testing.assert_allclose(found.triangle[:2], [2 ** (1 / 0.3 - 1) - 1, 1.0], rtol=1e-12)
    assert list(found.summary()["norm"]) == list(found.is_norm)
    assert "p = 0.3" in found.says


@pytest.mark.parametrize("p", [0.0, -1.0, [], "two", [1.0, math.nan], True, [1, None]])
def test_what_is_no_exponent_is_refused(p):
    with pytest.raises(br.BadArgument, match=r"^p "):
        br.demonstrate.norms(p)
