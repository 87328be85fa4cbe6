"""How the response varies about its linear predictor."""

from bayesreg.likelihoods.base import ConstantCurvature, Likelihood, NormalMixture
from bayesreg.likelihoods.bernoulli import Bernoulli
from bayesreg.likelihoods.gaussian import Gaussian

__all__ = ["Bernoulli", "ConstantCurvature", "Gaussian", "Likelihood", "NormalMixture"]
