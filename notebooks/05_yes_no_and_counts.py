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
# # Yes or no, and counts
#
# Most outcomes are no measurements. The same objective serves, with another likelihood in the first place,
#
# $$J(\beta_0,\beta)=\sum_i w_i\,(-\log p(y_i\mid\eta_i))+\lambda_1\lVert\beta\rVert_1+\tfrac12\lambda_2\lVert\beta\rVert^2,
# \qquad \eta_i=\text{offset}_i+\beta_0+x_i'\beta ,$$
#
# and so do the three answers. A normal prior with scale $s$ is $\lambda_2=1/s^2$, a Laplace prior is
# $\lambda_1=1/s$: there is no σ, and $s$ is in log-odds or in logs of the mean.

# %%
# %matplotlib inline
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

import bayesreg as br

data = br.load_dataset("endometrial")
print(data.description)
data.X.assign(high_grade=data.y).groupby("high_grade").describe().T.filter(
    regex="mean|min|max", axis=0
)

# %% [markdown]
# ## C is 1/λ is a prior
#
# First the optimum, which every library computes and each calls by another name. Here is all of it: a
# gradient step on the loss, then each coefficient is pulled towards zero by what the penalty takes. The
# intercept is not penalised.


# %%
def logistic(X, y, l1=0.0, l2=0.0, steps=20_000):
    """β₀ and β that minimise Σ[log(1 + e^η) − yη] + l1·‖β‖₁ + ½·l2·‖β‖²."""
    A = np.column_stack([np.ones(len(X)), X])
    step = 1.0 / (np.linalg.norm(A, 2) ** 2 / 4 + l2)  # the loss curves by ¼‖A‖² at most
    b = np.zeros(A.shape[1])
    for _ in range(steps):
        b = b - step * (A.T @ (expit(A @ b) - y) + l2 * np.r_[0.0, b[1:]])
        b[1:] = np.sign(b[1:]) * np.maximum(np.abs(b[1:]) - step * l1, 0.0)
    return b


# %% [markdown]
# Beside it the same optimum by bayesreg and by scikit-learn, under a Laplace prior with scale ½ (so λ₁ = 2)
# and a normal prior with scale 2 (so λ₂ = ¼). scikit-learn weighs the loss and not the penalty: its C is
# 1/λ, that is $s$ of the Laplace and $s^2$ of the normal prior.

# %%
Z = StandardScaler().fit_transform(data.X)
yes = (data.y == "yes").to_numpy(float)

warnings.simplefilter("ignore", br.BayesregWarning)  # of separation: it has a section of its own
columns = {}
for name, prior, lam in (
    ("L1", br.Laplace(0.5), {"l1": 2.0}),
    ("L2", br.Normal(2.0), {"l2": 0.25}),
):
    problem = br.Model(prior, "bernoulli").condition(data.X, data.y, standardize=True)
    arguments = problem.penalty.to("sklearn.LogisticRegression")
    print(name, problem.penalty, "\n   LogisticRegression:", arguments)
    peer = LogisticRegression(**arguments, tol=1e-10, max_iter=100_000).fit(Z, yes)
    columns[name, "ten lines"] = logistic(Z, yes, **lam)[1:]
    columns[name, "bayesreg"] = br.fit_map(problem).standardized.to_numpy()
    columns[name, "scikit-learn"] = peer.coef_[0]
pd.DataFrame(columns, index=data.X.columns).round(6)

# %% [markdown]
# Only one of the three says how near it is. Divided by nothing, as φ = 1, the gap is in nats:

# %%
br.fit_map(problem).certificate

# %% [markdown]
# As C shrinks, so does the scale of the prior, and coefficients enter one by one. Every point of the path
# below is certified; the axis above is the prior that each λ is.

# %% alt="Three coefficients along λ, with the scale of the prior on an axis above: neovascularisation grows without levelling off as λ falls; pulsatility and height level off; all are 0 at the largest λ."
br.path(br.Model(br.Laplace(), "bernoulli").condition(data.X, data.y, standardize=True)).plot()
plt.show()

# %% [markdown]
# ## Separation
#
# All 13 patients with neovascularisation have a high grade. So the larger its coefficient, the better the
# fit, without end: maximum likelihood has no finite answer, and most programs return whatever number the
# last iteration had. A flat prior is maximum likelihood, and is refused by name:

# %%
try:
    br.Model(br.Flat(), "bernoulli").condition(data.X, data.y)
except br.BadData as error:
    print(error)

# %% [markdown]
# Under a proper prior there is an answer. But how large the effect is, the prior alone says: the data tell
# that it is not small, and nothing more. Here are all three log-odds per standard deviation, optimum and
# 95 % interval, under normal priors whose scale falls from 8 at the left to ½ at the right. Of height the
# data do know something.

# %% alt="Two panels over the scale of a normal prior, falling to the right: above, the three optima; below, posterior means with 95 % bands. The effect of neovascularisation and its band grow without end towards the left, those of height and pulsatility level off."
scales = np.geomspace(0.5, 8.0, 9)
problem = br.Model(br.Normal(), "bernoulli").condition(data.X, data.y, standardize=True)
br.bayesian_path(problem, scales, seed=1).plot()
plt.savefig("../figures/separation.png", dpi=150, metadata={"Software": None})

# %% [markdown]
# So report the probability that it is positive, or a lower bound, and name the prior. A half-Cauchy on the
# scale would not even be proper here: its tail lets the effect run away. That is why an unknown scale is
# `HalfStudentT(3)` without being asked.
#
# ## From the question to the report
#
# Which prior predicts, how well, which effects are clear, can the numbers be trusted? The scores are of
# patients left out one by one.

# %%
fits = br.compare(
    ["ridge", "lasso", "horseshoe"], data.X, data.y, likelihood="bernoulli", standardize=True, seed=1,
    draws=4000,
)  # fmt: skip
fits.brief()

# %% [markdown]
# Odds ratios stand beside the coefficients, the probability of new rows comes with an interval, and
# `fits.report("endometrial.html")` writes all of it on one page.

# %%
post = fits["ridge"].post
post.effects()[["mean", "odds_ratio", "odds_ratio_eti95_lb", "odds_ratio_eti95_ub", "p_positive"]]

# %%
new = pd.DataFrame(
    {"neovascularisation": [0, 0, 1], "pulsatility": [17, 17, 17], "height": [2.5, 1.0, 1.0]}
)
new.join(post.predict(new, level=0.9).round(3))

# %% [markdown]
# ## Counts, with an exposure
#
# Damage to cargo ships by waves (McCullagh & Nelder 1989). A ship that is at sea twice as long has twice the
# incidents: the months of service are an *exposure*, whose log is added to η with coefficient one. Columns
# of text are factors, and a formula codes them. What matters first? Say, the type of the ship.

# %%
ships = br.load_dataset("ships")
ships.frame.head()


# %%
def compared(formula):
    """Both likelihoods of a formula on the ships, their service the exposure."""
    models = {
        name: br.Model(br.Normal(), name.replace(" ", "_"))
        for name in ("poisson", "negative binomial")
    }
    return br.compare(
        models, formula=formula, data=ships.frame, exposure="service", standardize=True, seed=1,
        draws=2000,
    )  # fmt: skip


by_type = compared("incidents ~ type")
by_type["poisson"].post.adequacy

# %% [markdown]
# A Poisson count has a variance equal to its mean. These vary far more, so that every interval is too
# narrow. A negative binomial has the variance μ + μ²/shape, with the shape to be estimated; as it grows, the
# likelihood tends to Poisson's.

# %%
negative = by_type["negative binomial"].post
negative.adequacy

# %% alt="Four types of ships against type A, with 95 % intervals under Poisson and negative binomial: those of the negative binomial are about twice as wide and all hold 0, where under Poisson those of B and C do not."
by_type.plot("forest")
plt.savefig("../figures/overdispersion.png", dpi=150, metadata={"Software": None})

# %% [markdown]
# What it costs to trust the wrong one: under Poisson type B clearly has fewer incidents than A, under the
# negative binomial the data are not so sure. Which of them predicts groups of ships that it has not seen?
# Both are densities of the same counts, so that their scores may be compared.

# %%
by_type.table[["elpd", "elpd_diff", "dse"]].round(1)

# %% [markdown]
# Overdispersion is often a column that was left out. With the years of building and of operation the
# counts vary less beyond Poisson's, and the two likelihoods nearly agree:

# %%
with_years = compared("incidents ~ type + built + operated")
with_years.table[["elpd", "elpd_diff", "dse"]].round(1)

# %%
with_years["negative binomial"].post.effects()[
    ["rate_ratio", "rate_ratio_eti95_lb", "rate_ratio_eti95_ub"]
].round(2)

# %% [markdown]
# ## To try
#
# 1. Give neovascularisation a Laplace prior and the other columns none:
#    `{"neovascularisation": br.Laplace(1.0), ...: br.Flat()}`. Which column is it that needs one?
# 2. `PoissonRegressor` of scikit-learn has no offset. `problem.penalty.to("sklearn.PoissonRegressor")` says
#    what to give it instead; check that the coefficients are the same.
# 3. `negative.plot("rootogram")`: which counts are more frequent than the model has them, and is that more
#    than chance?
# 4. `br.Model(br.Normal(), "student_t(df=4)")` on `log(incidents + 1)`: what does its `adequacy` say of
#    such a shortcut?
