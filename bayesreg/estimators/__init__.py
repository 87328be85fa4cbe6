"""scikit-learn shells around the verbs: no mathematics here."""

from bayesreg.estimators.bayes_regressor import BayesRegressor
from bayesreg.estimators.map_regressor import MapRegressor
from bayesreg.estimators.map_regressor_cv import MapRegressorCV

__all__ = ["BayesRegressor", "MapRegressor", "MapRegressorCV"]
