"""Default priors bounded where their posterior would not exist, or would interpolate."""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np

from bayesreg.data.arrival import Held
from bayesreg.language.errors import BayesregWarning, Separated
from bayesreg.model.model import Model
from bayesreg.model.problem import Problem
from bayesreg.model.propriety import interpolates
from bayesreg.priors import R2D2, HalfCauchy, Normal, Prior


def condition_bounded(
    model: Model, source: Held, *, standardize: bool, intercept: bool
) -> tuple[Problem, list[str]]:
    """Condition one model, bounding default priors where they would interpolate."""
    notes = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BayesregWarning)
        prior = model.prior
        try:
            problem = model.condition(source, standardize=standardize, intercept=intercept)
        except Separated as error:
            lighter = prior.lighter if isinstance(prior, Prior) else None
            if lighter is None or prior != Model(type(prior)(), model.likelihood).prior:
                raise
            model = Model(lighter, model.likelihood)
            notes.append(f"{type(prior).__name__}() was replaced by {model.prior!r}: {error}")
            prior = model.prior
            problem = model.condition(source, standardize=standardize, intercept=intercept)
        if (
            isinstance(prior, Prior)
            and prior == type(prior)()
            and not isinstance(prior, R2D2)  # whose scale is what R² says; `problem` warns
            and interpolates(problem)
        ):
            bounded, m = _bounded(prior, problem)
            notes.append(
                f"p = {problem.p} columns reach ν = {problem.nu:g}, where a default scale lets the "
                f"posterior interpolate y: {type(prior).__name__}() was given the scale of "
                f"expected_nonzero={m:g}"
            )
            model = Model(bounded, model.likelihood)
            problem = model.condition(source, standardize=standardize, intercept=intercept)
    return problem, notes + list(problem.warnings)


def _bounded(prior: Prior, problem: Problem) -> tuple[Prior, float]:
    """The default prior with the scale of about ν/10 expected effects (at least one)."""
    m = float(max(1, min(problem.p // 2, round(problem.nu / 10))))
    if isinstance(prior, Normal) or "expected_nonzero" not in _fields(prior):
        tau = m / (problem.p - m) / np.sqrt(problem.n)
        return dataclasses.replace(prior, scale=HalfCauchy(float(tau))), m  # type: ignore[type-var]
    return dataclasses.replace(prior, scale=None, expected_nonzero=m), m  # type: ignore[type-var]


def _fields(prior: Prior) -> set[str]:
    return {f.name for f in dataclasses.fields(prior)}  # type: ignore[arg-type]
