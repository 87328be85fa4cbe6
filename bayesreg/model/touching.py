"""The Gaussian problem that touches another at a point, from the moments of its least squares."""

from __future__ import annotations

import dataclasses
from typing import Any, cast

import numpy as np

from bayesreg.data.moments import Moments
from bayesreg.language.arguments import Array
from bayesreg.likelihoods import Gaussian
from bayesreg.model.blocks import by_unit
from bayesreg.model.quadratic import Quadratic


def touched[P](problem: P, moments: Moments) -> P:
    """A problem with σ = √φ and ½‖ỹ − X̃b‖² of these moments in place of its loss.

    Priors, coordinates and divisors stay; σ of a prior in units of it does too.
    """
    it: Any = problem  # a Problem, which imports this module
    root = it.penalty.root or 1.0
    least_squares = Quadratic.of(
        moments, it.flat, it.x_sd, it.coordinates.loc, intercept=it.intercept
    )
    touching = dataclasses.replace(
        it,
        likelihood=Gaussian(root), own={"sigma": root},
        blocks=by_unit(it.blocks, (it.sigma or 1.0) / root),
        design=None, stream=None, moments=moments, least_squares=least_squares, warnings=(),
    )  # fmt: skip
    return cast(P, touching)


def touched_at[P](problem: P, b: Array) -> P:
    """The one that touches at b; where rows are read in passes, at the optimum nearest to it."""
    it: Any = problem
    if it.stream is not None:
        return touched(problem, it.in_passes.moments(it.in_passes.nearest(b)))
    return cast(P, it.touching(it.loss.at(b)))


def touched_at_zero[P](problem: P) -> P:
    """The one that touches at b = 0, the rest at its best there."""
    it: Any = problem
    if it.stream is not None:
        return touched(problem, it.in_passes.moments(it.in_passes.at_zero))
    return cast(P, it.touching(it.loss.start))


def pull_at_zero(problem: Any) -> Array:
    """−∂L/∂b (p,) at b = 0, the rest at its best there."""
    if problem.stream is not None:
        return np.asarray(-problem.in_passes.at_zero.sums.slope[1 + problem.proper])
    return np.asarray(-problem.loss.slope(problem.loss.start))
