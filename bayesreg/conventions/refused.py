"""Functions with a λ or a C that no λ₁ and λ₂ are: asked for, and refused with the reason."""

from __future__ import annotations

_MARGIN = "its loss is −log L of no likelihood; sklearn.LogisticRegression has one"
_BAND = "its ε-insensitive loss is −log L of no likelihood here; sklearn.Ridge has one"
_TOGETHER = (
    "it penalises the coefficients of several responses together, and here there is one response"
)
_GROUPS = "it penalises groups of columns by one norm each, which no λ₁ and λ₂ are"
_GAMMA = "no likelihood here is Gamma"
_FOLDED = "its penalty is not convex, and no λ₁ and λ₂ are it"


def _chooses(function: str, argument: str, found: str) -> str:
    return f"it chooses its λ when it is fitted: say {function} with {argument}= its {found}"


REFUSED = {
    "xgboost.gbtree": "its lambda and alpha penalise the leaves of trees, and there are no "
    "coefficients; xgboost.gblinear has some",
    "xgboost.XGBRegressor": "it grows trees; with booster='gblinear' it is xgboost.gblinear, whose "
    "lambda and alpha are its reg_lambda and reg_alpha",
    "xgboost.XGBClassifier": "it grows trees; with booster='gblinear' it is xgboost.gblinear at "
    "objective='binary:logistic', whose lambda and alpha are its reg_lambda and reg_alpha",
    "torch.optim.AdamW": "its weight decay is decoupled from the loss (Loshchilov & Hutter 2019), "
    "so that no objective with a penalty is minimised; torch.optim.Adam has one",
    "sklearn.LinearRegression": "it has no penalty, and so no λ to convert; its prior is br.Flat()",
    "sklearn.RidgeClassifier": "it is ridge regression of y = −1 and 1, and no loss of yes/no "
    "outcomes: say sklearn.Ridge with such a y",
    "sklearn.RidgeClassifierCV": "it is ridge regression of y = −1 and 1, and no loss of yes/no "
    "outcomes: say sklearn.Ridge with such a y and alpha= its alpha_",
    "sklearn.LinearSVC": "its hinge loss is −log L of no likelihood; use "
    "sklearn.LogisticRegression",
    "sklearn.SVC": _MARGIN,
    "sklearn.Perceptron": _MARGIN,
    "sklearn.PassiveAggressiveClassifier": _MARGIN,
    "sklearn.SVR": _BAND,
    "sklearn.LinearSVR": _BAND,
    "sklearn.PassiveAggressiveRegressor": _BAND,
    "sklearn.GammaRegressor": _GAMMA,
    "abess.GammaRegression": _GAMMA,
    "sklearn.KernelRidge": "its penalty is one of a function, and not of coefficients of columns",
    "sklearn.Lars": "it stops after a number of steps, and has no λ; sklearn.LassoLars has one",
    "sklearn.MultiTaskLasso": _TOGETHER,
    "sklearn.MultiTaskElasticNet": _TOGETHER,
    "sklearn.MultiTaskLassoCV": _TOGETHER,
    "sklearn.MultiTaskElasticNetCV": _TOGETHER,
    "celer.MultiTaskLasso": _TOGETHER,
    "celer.MultiTaskLassoCV": _TOGETHER,
    "skglm.MultiTaskLasso": _TOGETHER,
    "celer.GroupLasso": _GROUPS,
    "celer.GroupLassoCV": _GROUPS,
    "skglm.GroupLasso": _GROUPS,
    "skglm.MCPRegression": _FOLDED,
    "skglm.WeightedLasso": "it has a weight for each column: divide each column by its weight, and "
    "say skglm.Lasso",
    "sklearn.RidgeCV": _chooses("sklearn.Ridge", "alpha", "alpha_"),
    "sklearn.LassoCV": _chooses("sklearn.Lasso", "alpha", "alpha_"),
    "sklearn.LassoLarsCV": _chooses("sklearn.LassoLars", "alpha", "alpha_"),
    "sklearn.LassoLarsIC": _chooses("sklearn.LassoLars", "alpha", "alpha_"),
    "sklearn.ElasticNetCV": _chooses("sklearn.ElasticNet", "alpha", "alpha_"),
    "sklearn.LogisticRegressionCV": _chooses("sklearn.LogisticRegression", "C", "C_"),
    "celer.LassoCV": _chooses("celer.Lasso", "alpha", "alpha_"),
    "celer.ElasticNetCV": _chooses("celer.ElasticNet", "alpha", "alpha_"),
    "glum.GeneralizedLinearRegressorCV": _chooses(
        "glum.GeneralizedLinearRegressor", "alpha", "alpha_"
    ),
    "glmnet.cv.glmnet": _chooses("glmnet", "lambda", "lambda.min"),
}
