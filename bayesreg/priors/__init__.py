"""Priors on coefficients, one file per family, and the distributions of their scales."""

from bayesreg.priors.base import Majorised, Penalised, Prior, ScaleMixture
from bayesreg.priors.bridge import Bridge
from bayesreg.priors.elastic_net import ElasticNet
from bayesreg.priors.flat import Flat
from bayesreg.priors.horseshoe import Horseshoe, HorseshoePlus
from bayesreg.priors.hyper import (
    Exponential,
    HalfCauchy,
    HalfNormal,
    HalfStudentT,
    HyperPrior,
    InverseGammaSquared,
    Power,
    Uniform,
)
from bayesreg.priors.laplace import Laplace
from bayesreg.priors.normal import Normal
from bayesreg.priors.normal_gamma import NormalGamma
from bayesreg.priors.r2d2 import R2D2, BetaPrimeSquared
from bayesreg.priors.regularized_horseshoe import RegularizedHorseshoe
from bayesreg.priors.student_t import Cauchy, StudentT

__all__ = [
    "PRIORS",
    "R2D2",
    "BetaPrimeSquared",
    "Bridge",
    "Cauchy",
    "ElasticNet",
    "Exponential",
    "Flat",
    "HalfCauchy",
    "HalfNormal",
    "HalfStudentT",
    "Horseshoe",
    "HorseshoePlus",
    "HyperPrior",
    "InverseGammaSquared",
    "Laplace",
    "Majorised",
    "Normal",
    "NormalGamma",
    "Penalised",
    "Power",
    "Prior",
    "RegularizedHorseshoe",
    "ScaleMixture",
    "StudentT",
    "Uniform",
]

# The families on coefficients, by the names that users write.
PRIORS = (
    "Normal", "Laplace", "ElasticNet", "StudentT", "Cauchy", "Bridge", "Horseshoe",
    "HorseshoePlus", "RegularizedHorseshoe", "NormalGamma", "R2D2", "Flat",
)  # fmt: skip
