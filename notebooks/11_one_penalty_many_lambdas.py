# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # One penalty, many lambdas
#
# Every library has its own λ: some divide the squares by N, some by 2N, some not at all; some
# standardise; one divides by sd(y). So "the same" λ gives different fits, and different numbers give
# the same one. Everything is said here by way of one objective,
#
# $$J(\beta_0,\beta)=\tfrac12\lVert y-\beta_0-X\beta\rVert^2+\lambda_1\lVert\beta\rVert_1+\tfrac12\lambda_2\lVert\beta\rVert^2 .$$
#
# The columns have sd 1 to begin with, so that standardising is not what differs.

# %%
# %matplotlib inline
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import bayesreg as br
from bayesreg.plots import canvas

data = br.load_dataset("diabetes")
X = ((data.X - data.X.mean()) / data.X.std(ddof=0)).to_numpy()
y, names = data.y.to_numpy(), list(data.X.columns)
N, P = X.shape
warnings.simplefilter("ignore")  # other libraries' own


# %% [markdown]
# ## Nine functions of eight libraries
#
# One function each, from arguments to coefficients. PyTorch's is a loop that does what its SGD does
# with `weight_decay`.


# %%
def sklearn(kind):
    from sklearn import linear_model

    tight = {} if kind == "Ridge" else {"tol": 1e-14, "max_iter": 100_000}
    return lambda given: getattr(linear_model, kind)(**tight, **given).fit(X, y).coef_


def statsmodels(given):
    import statsmodels.api as sm

    given = dict(given)
    spared = np.r_[0.0, np.full(P, given.pop("alpha"))]  # as `needs` says
    tight = {"maxiter": 5000, "cnvrg_tol": 1e-13, "zero_tol": 1e-11}
    return sm.OLS(y, sm.add_constant(X)).fit_regularized(alpha=spared, **given, **tight).params[1:]


def glum(given):
    from glum import GeneralizedLinearRegressor

    return GeneralizedLinearRegressor(**given, gradient_tol=1e-10, max_iter=5000).fit(X, y).coef_


def xgboost(given):
    import json

    import xgboost

    given = {**given, "updater": "coord_descent", "eta": 1.0, "tolerance": 0.0, "base_score": 0.0}
    found = xgboost.train(given, xgboost.DMatrix(X, y), 4000).save_raw("json")
    return np.array(json.loads(found)["learner"]["gradient_booster"]["model"]["weights"][:-1])


def abess(given):
    from abess import LinearRegression

    return LinearRegression(**given, support_size=P).fit(X, y).coef_


def fastridge(given):
    from fastridge import RidgeLOOCV

    return RidgeLOOCV(**(given | {"alphas": np.array(given["alphas"])})).fit(X, y).coef_


def skglm(given):
    from skglm import ElasticNet

    return ElasticNet(**given, tol=1e-12).fit(X, y).coef_


def gradient_descent(given):
    """What SGD does with weight_decay, on all rows at once; y and X are centred."""
    beta = np.zeros(P)
    for _ in range(20_000):
        error = X @ beta - (y - y.mean())
        beta -= 0.1 * (2 * X.T @ error / N + given["weight_decay"] * beta)
    return beta


# The words in which each says how strong a ridge is.
RIDGE = {
    "sklearn.Ridge": (sklearn("Ridge"), "alpha"),
    "sklearn.TweedieRegressor": (sklearn("TweedieRegressor"), "alpha"),
    "statsmodels.OLS.fit_regularized": (statsmodels, "alpha"),
    "glum.GeneralizedLinearRegressor": (glum, "alpha"),
    "xgboost.gblinear": (xgboost, "lambda"),
    "abess.LinearRegression": (abess, "alpha"),
    "fastridge.RidgeLOOCV": (fastridge, "alphas"),
    "skglm.ElasticNet": (skglm, "alpha"),
    "torch.optim.SGD": (gradient_descent, "weight_decay"),
}

# %% [markdown]
# ## All at λ = 0.1
#
# Nine functions are all told to fit a ridge at 0.1. The mapping that `to` returns has the argument's name
# and whatever else makes the fit a ridge; only the number is put in its place.

# %%
problem = br.Model(br.Normal(1.0), br.Gaussian(6.0)).condition(X, y)
truth = br.fit_map(problem).beta.to_numpy()
problem.penalty


# %%
def arguments(name, penalty):
    """The columns have sd 1 already, so that standardising them changes nothing."""
    return br.translate("sklearn.Ridge", name, alpha=penalty.l2, data=problem, standardize=True)


same = {}
for name, (fit, word) in RIDGE.items():
    given = dict(arguments(name, problem.penalty))
    given[word] = [0.1] if isinstance(given[word], list) else 0.1
    same[name] = fit(given)
pd.DataFrame(same, index=names).T[["bmi", "s1", "s3", "s5"]].round(2)

# %% [markdown]
# ## Translated
#
# Now each has its own number for one penalty, λ₂ = 36: the prior Normal(1) under σ = 6.

# %%
translated = {name: arguments(name, problem.penalty) for name in RIDGE}
found = {name: fit(dict(translated[name])) for name, (fit, _) in RIDGE.items()}
table = pd.DataFrame(
    {
        "its number": {name: translated[name][word] for name, (_, word) in RIDGE.items()},
        "bmi": {name: beta[2] for name, beta in found.items()},
        "s1": {name: beta[4] for name, beta in found.items()},
        "largest difference": {
            name: np.abs(beta - truth).max() / np.abs(truth).max() for name, beta in found.items()
        },
    }
)
assert (table["largest difference"] < 1e-6).all()
table

# %% [markdown]
# The two tables as one picture: on the left what a number means, on the right that it need not.

# %% alt="Ten coefficients as nine libraries fit them. Left, all with 0.1 as their argument: the marks of a column are far apart, those of s1 from −38 to −2. Right, each with its own number for λ₂ = 36: the nine marks of every column are level."
with canvas.style():
    figure, axes = plt.subplots(1, 2, figsize=(10, 4.2), sharey=True, layout="constrained")
    order = np.argsort(truth)
    for ax, shown, title in (
        (axes[0], same, "all at 0.1"),
        (axes[1], found, "each at its own number for λ₂ = 36"),
    ):
        for beside, (name, marker) in zip(
            np.linspace(-0.36, 0.36, 9), zip(RIDGE, "osD^v<>PX", strict=True), strict=True
        ):
            label = name.split(".")[0] + "." + name.split(".")[-1]
            ax.plot(np.arange(P) + beside, shown[name][order], marker, ms=4, label=label)
        for edge in np.arange(P - 1) + 0.5:
            ax.axvline(edge, lw=0.6, color="0.85")
        ax.axhline(0, lw=0.8, color="0.6")
        ax.set_xlim(-0.5, P - 0.5)
        ax.set_xticks(range(P), [names[j] for j in order])
        ax.set_title(title)
    axes[0].set_ylabel("coefficient per sd")
    axes[1].legend(fontsize=7, loc="upper left")
    figure.savefig("../figures/one_penalty_many_lambdas.png", dpi=110)

# %% [markdown]
# Both objectives of any pair are printed, and what was done to know that they are one:

# %%
br.translate("sklearn.Ridge", "glmnet", alpha=36.0, data=problem)

# %% [markdown]
# ## Five questions, three lines each
#
# **1. "I have a Laplace(b) prior in PyMC; which `alpha` of scikit-learn's `Lasso` is that? The formula
# 2σ²/b never agrees."** (stats.stackexchange.com/questions/566832.) It lacks N and has a 2 too many:
# alpha = σ²/(N·b).

# %%
lasso = br.translate("pymc.Laplace", "sklearn.Lasso", b=2.0, sigma=54.0, n=N)
own = br.Model(br.Laplace(2.0), br.Gaussian(54.0)).condition(X, y)
print(lasso, np.abs(sklearn("Lasso")(lasso) - br.fit_map(own).beta.to_numpy()).max())

# %% [markdown]
# **2. "Ridge of statsmodels and of scikit-learn differ at the same alpha, and the lasso agrees."**
# (stackoverflow.com/questions/72260808.) scikit-learn divides by N in `Lasso` and not in `Ridge`;
# statsmodels does in both.

# %%
print(br.translate("sklearn.Lasso", "statsmodels.OLS.fit_regularized", alpha=0.1, n=N)["alpha"])
print(br.translate("sklearn.Ridge", "statsmodels.OLS.fit_regularized", alpha=0.1, n=N)["alpha"])
print(0.1 / N)

# %% [markdown]
# **3. "glmnet's ridge is not the closed form (X'X + λI)⁻¹X'y."** (stats.stackexchange.com/questions/129179.)
# It is, at λ·N/sd(y), since its C++ code fits y/sd(y).

# %%
ridge = br.Penalty.from_("glmnet", lambda_=0.5, alpha=0, standardize=False, data=problem)
beta = np.linalg.solve(X.T @ X + ridge.l2 * np.eye(P), X.T @ y)
print(ridge.l2, 0.5 * N / y.std(), np.abs(sklearn("Ridge")(ridge.to("sklearn.Ridge")) - beta).max())

# %% [markdown]
# **4. "Is alpha = 1/C, or 1/(2C)?"** (scikit-learn issues 4666, 6819, 16288.) `LogisticRegression` weighs
# the loss with C, and halves the ridge: λ₂ = 1/C, a Normal prior with sd √C. Its neighbours that take a mean
# have alpha = 1/(N·C).

# %%
logit = br.Penalty.from_("sklearn.LogisticRegression", C=0.25, n=N)
print(logit.l2, logit.prior(), logit.to("glum.GeneralizedLinearRegressor")["alpha"], 4 / N)
print(logit.to("sklearn.SGDClassifier"))

# %% [markdown]
# **5. "BayesianRidge has an alpha and a lambda; which is the alpha of Ridge?"**
# (stats.stackexchange.com/questions/459732.) Neither: it is lambda_/alpha_, the noise variance over that of
# the prior.

# %%
from sklearn.linear_model import BayesianRidge

est = BayesianRidge(tol=1e-12, max_iter=5000).fit(X, y)
alpha = br.translate(
    "sklearn.BayesianRidge", "sklearn.Ridge", alpha_=est.alpha_, lambda_=est.lambda_
)
print(alpha, np.abs(sklearn("Ridge")(alpha) - est.coef_).max())

# %% [markdown]
# And where no number is the same, that is what is said:

# %%
for source, target, given in (
    ("sklearn.Ridge", "dask_glm.LinearRegression", {}),
    ("sklearn.Ridge", "matlab.ridge", {"n": N}),
    ("sklearn.Ridge", "torch.optim.AdamW", {}),
):
    try:
        br.translate(source, target, **given)
    except br.NotSupported as error:
        print(error, end="\n\n")
