"""Likelihoods: how y varies about its linear predictor."""

from bayesreg.likelihoods.gaussian import Gaussian

__all__ = ["Gaussian"]
