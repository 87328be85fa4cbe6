"""Priors of one coefficient, each at a scale: what two pictures are asked about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bayesreg.gaussian.normal_means import scale_of_median
from bayesreg.language import families
from bayesreg.language.arguments import Array, is_number
from bayesreg.language.errors import BadArgument, NotSupported
from bayesreg.model.problem import Problem
from bayesreg.priors import Flat, Prior
from bayesreg.priors.base import Majorised
from bayesreg.priors.written import prior_of
from bayesreg.verbs.demonstrate.subject import asked
from bayesreg.verbs.fit import fit_map

PARTS = 10  # among how many coefficients R2D2 divides its variance, where no columns say it


@dataclass(frozen=True, eq=False)
class Placed:
    """One prior with its scale.

    Attributes
    ----------
    name : str
    prior : Prior
    scale : float
        In its declared unit.
    unit : float
        What that unit is, σ or 1, in the unit of the coefficient.
    matched : bool
        Whether the scale was chosen here, so that half of the mass lies where it was asked.
    """

    name: str
    prior: Prior
    scale: float
    unit: float = 1.0
    matched: bool = False

    @property
    def effective(self) -> float:
        """The scale in the unit of the coefficient."""
        return self.scale * self.unit

    def log_density(self, size: Array) -> Array:
        """Log density of b = loc ± size."""
        density = self.prior.log_density(self.prior.loc + size / self.unit, self.scale)
        return np.asarray(density - np.log(self.unit), dtype=float)

    def force(self, size: Array) -> Array:
        """−d log p/db at b = loc + size, size > 0; by the penalty where there is one.

        Elsewhere by the central difference of order 4 in log(size), steps of 1/1000 (Abramowitz &
        Stegun 1964, 25.3.6).
        """
        if isinstance(self.prior, Majorised):
            return np.asarray(self.prior.slope(size, 1.0, self.effective), dtype=float)
        if isinstance(self.prior, Flat):
            return np.zeros(len(size))
        h = 1e-3
        far, near = (
            self.log_density(size * np.exp(k * h)) - self.log_density(size * np.exp(-k * h))
            for k in (2, 1)
        )
        return np.asarray(-(8.0 * near - far) / (12.0 * h) / size)


def placed(data: Any, half: float) -> tuple[Placed, ...]:
    """Each prior that `data` speaks of, at its scale, or at that whose median |b| is `half`.

    Parameters
    ----------
    data : None, Problem, MapFit, Posterior, Prior, str, sequence or mapping
        None: every proper family of the package. A problem: its blocks, settled by
        :func:`fit_map` where a scale or σ is unknown.
    half : float
        Within what distance of loc half of the prior's probability lies, where no scale is given.

    Raises
    ------
    BadArgument
        If something is no prior, has several scales, or none that suits `half`.
    NotSupported
        If a problem's scale is unknown, and its prior has no optimum that would settle it; or its
        columns are in groups.
    """
    data = asked(data)
    if isinstance(data, Problem):
        return _blocks(settled(data))
    if data is None:
        data = [families.snake(name) for name in families.PRIORS if name != Flat.__name__]
    return tuple(_at(name, one, half) for name, one in named(data).items())


def settled(problem: Problem) -> Problem:
    """The problem with σ and every scale known, by the MAP where they are not."""
    if not (problem.unknown_scales or problem.unknown_sigma):
        return problem
    for block in problem.blocks:
        if block.prior.why_no_map:
            raise NotSupported(
                f"a scale or σ is unknown, and {type(block.prior).__name__} has no optimum that "
                "would settle them; give them: problem.given(scale=…, sigma=…)"
            )
    return fit_map(problem).problem


def _blocks(problem: Problem) -> tuple[Placed, ...]:
    """One per block, at its median relative factor."""
    if not problem.blocks:
        raise BadArgument("no column has a proper prior here, so there is none to draw")
    found = []
    for block in problem.blocks:
        if block.grouped:
            raise NotSupported(
                f"{block.label!r} shares local scales within groups, so that no coefficient has a "
                "penalty of its own; demonstrate.geometry and demonstrate.grouping show groups"
            )
        assert block.scale is not None
        unit = float(problem.sigma or 1.0) if block.prior.unit == "sigma" else 1.0
        scale = block.scale * float(np.median(block.relative))
        name = block.label if len(problem.blocks) > 1 else type(block.prior).__name__
        found.append(Placed(name, block.prior, scale, unit))
    return tuple(found)


def named(data: Any) -> dict[str, Prior]:
    """Priors by name; of a sequence the names of the classes, numbered where they recur."""
    if isinstance(data, Mapping):
        return {str(name): prior_of(one) for name, one in data.items()}
    several = isinstance(data, Iterable) and not isinstance(data, str)
    priors = [prior_of(one) for one in (data if several else [data])]
    if not priors:
        raise BadArgument("there are no priors; give one, several, or none for every family")
    names = [type(one).__name__ for one in priors]
    counts = [names[:k].count(name) + 1 for k, name in enumerate(names)]
    return {
        name if names.count(name) == 1 else f"{name} {count}": one
        for name, count, one in zip(names, counts, priors, strict=True)
    }


def _at(name: str, prior: Prior, half: float) -> Placed:
    """The prior at its number, or with half of its mass within `half`."""
    if isinstance(prior, Flat):
        return Placed(name, prior, 1.0)
    prior = prior.among(np.ones(PARTS, dtype=np.intp))[0]
    if is_number(prior.scale):
        return Placed(name, prior, float(prior.scale))
    if np.ndim(prior.scale) > 0:
        raise BadArgument(
            f"{name}: one coefficient has one scale, not {len(prior.scale)}; give a number"
        )
    try:
        return Placed(name, prior, scale_of_median(prior, half), matched=True)
    except ValueError as error:  # of the search: its ends are on one side
        raise BadArgument(
            f"{name}: no scale puts half of its probability within {half:g}; give a scale"
        ) from error
