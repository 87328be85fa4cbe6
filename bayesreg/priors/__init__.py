"""Priors on coefficients, one file per family, and the distributions of their scales."""

from bayesreg.priors.base import Penalised, Prior, ScaleMixture
from bayesreg.priors.elastic_net import ElasticNet
from bayesreg.priors.flat import Flat
from bayesreg.priors.horseshoe import Horseshoe
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

__all__ = [
    "ElasticNet",
    "Exponential",
    "Flat",
    "HalfCauchy",
    "HalfNormal",
    "HalfStudentT",
    "Horseshoe",
    "HyperPrior",
    "InverseGammaSquared",
    "Laplace",
    "Normal",
    "Penalised",
    "Power",
    "Prior",
    "ScaleMixture",
    "Uniform",
]
