"""Priors on coefficients, one file per family, and the distributions of their scales."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bayesreg.language import families
from bayesreg.priors.base import Majorised, Penalised, Prior, ScaleMixture
from bayesreg.priors.hyper import HyperPrior, Power

if TYPE_CHECKING:  # what mypy must know of the families that the package itself uses
    from bayesreg.priors.elastic_net import ElasticNet as ElasticNet
    from bayesreg.priors.flat import Flat as Flat
    from bayesreg.priors.hyper import HalfCauchy as HalfCauchy
    from bayesreg.priors.hyper import HalfStudentT as HalfStudentT
    from bayesreg.priors.hyper import InverseGammaSquared as InverseGammaSquared
    from bayesreg.priors.laplace import Laplace as Laplace
    from bayesreg.priors.normal import Normal as Normal
    from bayesreg.priors.r2d2 import R2D2 as R2D2

PRIORS = tuple(families.PRIORS)  # the families on coefficients
_CLASSES = families.classes(__name__, families.PRIORS | families.HYPERPRIORS)
globals().update(_CLASSES)

__all__ = [  # noqa: PLE0604  (names of classes, from the one list)
    "PRIORS",
    "HyperPrior",
    "Majorised",
    "Penalised",
    "Power",
    "Prior",
    "ScaleMixture",
    *_CLASSES,
]
