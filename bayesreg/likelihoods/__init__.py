"""How the response varies about its linear predictor: one file per family, as for priors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bayesreg.language import families
from bayesreg.likelihoods.base import (
    AbsoluteDeviation,
    ConstantCurvature,
    Likelihood,
    NormalMixture,
)

if TYPE_CHECKING:  # what mypy must know of the families that the package itself uses
    from bayesreg.likelihoods.bernoulli import Bernoulli as Bernoulli
    from bayesreg.likelihoods.gaussian import Gaussian as Gaussian

_CLASSES = families.classes(__name__, families.LIKELIHOODS)
globals().update(_CLASSES)

__all__ = [  # noqa: PLE0604  (names of classes, from the one list)
    "AbsoluteDeviation",
    "ConstantCurvature",
    "Likelihood",
    "NormalMixture",
    *_CLASSES,
]
