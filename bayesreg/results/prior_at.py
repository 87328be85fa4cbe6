"""The model that a λ is: the prior of its penalised columns at one scale, the rest as it was."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from bayesreg.model.model import Model
from bayesreg.paths import Ray, one_block
from bayesreg.priors import Flat


def model_at(ray: Ray, lam: float) -> Model:
    """The model of a ray's problem with the scale that λ means; Flat columns stay Flat.

    Parameters
    ----------
    ray : Ray
        Of a problem with one penalised prior, at the σ that translates λ.
    lam : float
        λ as the ray counts it.
    """
    given: Any = ray.problem.prior
    asked: Any = one_block(ray.problem).prior
    prior: Any = ray.prior(lam)
    if isinstance(asked.scale, tuple):  # a scale per column: λ is that of a factor 1
        prior = dataclasses.replace(prior, scale=tuple(prior.scale * one for one in asked.scale))
    if isinstance(given, Mapping):
        prior = {key: one if isinstance(one, Flat) else prior for key, one in given.items()}
    return dataclasses.replace(Model.of(ray.problem), prior=prior)


def needs_sigma(ray: Ray) -> bool:
    """Whether λ and the scale are tied by σ: all but ridge in units of σ."""
    unit: Any = one_block(ray.problem).prior.unit
    return not (ray.smooth and unit == "sigma")
