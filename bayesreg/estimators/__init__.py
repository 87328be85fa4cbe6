"""scikit-learn shells around the verbs: no mathematics here."""

from bayesreg.estimators.bayes_regressor import BayesRegressor
from bayesreg.estimators.classifiers import BayesClassifier, MapClassifier
from bayesreg.estimators.map_regressor import MapRegressor, MapRegressorCV

__all__ = ["BayesClassifier", "BayesRegressor", "MapClassifier", "MapRegressor", "MapRegressorCV"]
