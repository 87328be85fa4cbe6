"""A prior at a multiple of its scale, whatever says the scale: a number, a law, or an R²."""

from __future__ import annotations

import dataclasses
from typing import Any

from bayesreg.language.errors import NotSupported
from bayesreg.priors.base import Prior
from bayesreg.priors.hyper import HyperPrior
from bayesreg.priors.r2d2 import R2D2

# What becomes of each number of the law of x in that of f·x: f to this power.
_POWERS = {
    "HalfCauchy": {"scale": 1},
    "HalfNormal": {"scale": 1},
    "HalfStudentT": {"scale": 1},
    "Exponential": {"rate": -1},
    "Uniform": {"lower": 1, "upper": 1},
    "InverseGammaSquared": {"rate": 2},
}


def times(law: HyperPrior, factor: float) -> HyperPrior:
    """The law of f·x, x having this one.

    Raises
    ------
    NotSupported
        If the law is none of ours.

    Examples
    --------
    >>> from bayesreg.priors.hyper import Exponential
    >>> times(Exponential(2.0), 4.0)
    Exponential(rate=0.5)
    """
    powers = _POWERS.get(type(law).__name__)
    if powers is None:
        raise NotSupported(
            f"{law!r} cannot be multiplied by a number; give the scale as one of "
            f"{', '.join(_POWERS)}, or as a number"
        )
    changed = {name: getattr(law, name) * factor**power for name, power in powers.items()}
    found: HyperPrior = dataclasses.replace(law, **changed)  # type: ignore[type-var]
    return found


def rescaled(
    prior: Prior, factor: float, *, unit: str | None = None, hyper: HyperPrior | None = None
) -> Prior:
    """The prior with its scale times a factor; R2D2 with the odds of its mean R² times its square.

    Parameters
    ----------
    prior : Prior
        Not Flat.
    factor : float
        Above 0.
    unit : {"y", "sigma"}, optional
        What the scale is then measured in; as it was unless said.
    hyper : HyperPrior, optional
        What `expected_nonzero` is for these data, in whose place the scale stands.

    Raises
    ------
    NotSupported
        If the scale has a law that cannot be multiplied.

    Examples
    --------
    >>> from bayesreg.priors import Laplace
    >>> rescaled(Laplace(2.0), 3.0), rescaled(R2D2(0.5), 2.0).mean
    (Laplace(scale=6.0, unit='y'), 0.8)
    """
    if isinstance(prior, R2D2):
        odds = factor * factor * prior.mean / (1.0 - prior.mean)
        return dataclasses.replace(prior, mean=odds / (1.0 + odds))
    changed: dict[str, Any] = {"unit": unit or str(prior.unit)}
    if prior.expected_nonzero is not None:
        changed |= {"expected_nonzero": None}
    law: Any = hyper if prior.expected_nonzero is not None else prior.scale
    if isinstance(law, HyperPrior):
        changed["scale"] = times(law, factor)
    elif isinstance(law, tuple):
        changed["scale"] = tuple(factor * one for one in law)
    else:
        changed["scale"] = factor * law
    found: Prior = dataclasses.replace(prior, **changed)  # type: ignore[type-var]
    return found
