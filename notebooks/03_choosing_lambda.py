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
# # Choosing λ
#
# A path has an optimum for every λ. Which one? First on simulated data, where the truth is known and
# the error of every point of the path can be taken apart; then on real data, where it is not, and each
# rule argues for a λ of its own.

# %%
# %matplotlib inline
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import bayesreg as br

# %% [markdown]
# ## Bias and variance along the path
#
# One design of 100 rows and 20 correlated columns, and two truths that explain equally much of y: four
# effects, or twenty. The noise is drawn anew again and again. What a path predicts for the rows of the
# design, $\hat f_\lambda = \hat\beta_0 + X\hat\beta_\lambda$, misses the truth $f$ by
#
# $$\underbrace{\tfrac1n\,E\lVert\hat f_\lambda-f\rVert^2}_{\text{error}}
# =\underbrace{\tfrac1n\,\lVert E\hat f_\lambda-f\rVert^2}_{\text{bias}^2}
# +\underbrace{\tfrac1n\,E\lVert\hat f_\lambda-E\hat f_\lambda\rVert^2}_{\text{variance}},$$
#
# here in units of σ². For ridge that is exact, for the lasso simulated. Least squares has no bias and the
# variance $(p+1)/n = 0.21$.

# %%
simulated = br.simulate(n=100, p=20, n_nonzero=4, rho=0.5, snr=1.0, seed=1)
X, sigma = simulated.X, simulated.sigma
few = simulated.beta.to_numpy()
many = np.random.default_rng(2).normal(size=X.shape[1])
many *= np.std(X @ few) / np.std(X @ many)
truths = {"four effects": few, "twenty effects": many}
priors = {"ridge": br.Normal(1.0), "lasso": br.Laplace(1.0)}
noise = sigma * np.random.default_rng(3).standard_normal((60, len(X)))


def conditioned(truth, prior, replication=0):
    """The problem of one replication, σ known."""
    y = 3 + X @ truths[truth] + noise[replication]
    return br.Model(priors[prior], br.Gaussian(sigma)).condition(X, y)


parts = {
    (truth, prior): br.demonstrate.bias_variance(conditioned(truth, prior), truths[truth])
    for truth in truths
    for prior in priors
}

# %%
parts["four effects", "ridge"]

# %%
parts["four effects", "lasso"]

# %% [markdown]
# Left, what can be known where the truth is; right, what the first of the simulated data show by
# themselves. Bias grows and variance falls along every path, and the best λ is where the two slopes
# cancel. The lasso gains most where there are few effects; where there are twenty, it gains no more than
# ridge. And the best λ is a statement about the truth: as a prior, its scale is close to the size that
# the effects really have (their root mean square for a normal prior, their mean absolute value for a
# Laplace prior, the scales that fit them best).

# %%
sizes = {
    truth: {"ridge": np.sqrt(np.mean(beta**2)), "lasso": np.mean(np.abs(beta))}
    for truth, beta in truths.items()
}
rows = []
for (truth, prior), found in parts.items():
    scale = br.path(conditioned(truth, prior), [found.lams[found.best]]).scale[0]
    rows.append((truth, prior, found.error[found.best], scale, sizes[truth][prior]))
columns = ["truth", "prior", "least error", "its scale", "size of the true effects"]
pd.DataFrame(rows, columns=columns).round(3)

# %% [markdown]
# ## What the rules pick, where the truth is known
#
# None of the rules knows the truth. `br.choose` asks each of them, on the same path, for every
# replication. In the table, what they picked, and what it cost them.

# %%
RULES = {
    ("four effects", "lasso"): ["cv", "cv-1se", "aic", "bic", "ebic"],
    ("twenty effects", "ridge"): ["evidence", "loo", "gcv", "cv", "cv-1se"],
}


def paid(truth, prior):
    """For each rule: its median λ, and the error of what it picked, over the replications."""
    lams, rules = parts[truth, prior].lams, RULES[truth, prior]
    picks, cost, least = [], [], []
    for r in range(len(noise)):
        problem = conditioned(truth, prior, r)
        path = br.path(problem, lams)
        fitted = path.beta.to_numpy() @ X.to_numpy().T + path.intercept.to_numpy()[:, None]
        errors = np.mean((fitted - 3 - (X @ truths[truth]).to_numpy()) ** 2, axis=1) / sigma**2
        lam = br.choose(problem, by=rules, lams=lams, seed=r).table["lam"][rules]
        picks.append(lam)
        cost.append(errors[abs(np.log(lams[:, None] / lam.to_numpy())).argmin(axis=0)])
        least.append(errors.min())
    table = pd.DataFrame(cost, columns=rules).agg(["mean", "sem"]).T
    table.insert(0, "median λ", pd.DataFrame(picks).median())
    table.loc["the best λ, had we known"] = [np.nan, np.mean(least), np.nan]
    return table


pd.concat({", ".join(key): paid(*key) for key in RULES}).round(3)

# %% [markdown]
# The rules that aim at prediction land near the best λ and cost little more than it; for ridge the
# evidence and they cost the same. The one-standard-error rule and the BIC family aim at few columns, and pay for
# it in error. No rule finds the λ that is best for its own data: that λ depends on the truth.
#
# ## On real data
#
# The diabetes data: σ and the scale are unknown, and so is the truth. One figure: λ below, the scale of
# the prior that it is above, every criterion on the same axis, and where each rule says to stop.

# %%
data = br.load_dataset("diabetes")
problem = br.Model(br.Laplace()).condition(data.X, data.y, standardize=True)
choice = br.choose(problem)
choice.table

# %% alt="Five panels over one axis of λ: the λ of each criterion as a dot with its scale and the number of columns kept; the evidence and the posterior of λ, one peak; cross-validated error, flat and then rising; AIC, BIC and EBIC, ragged curves; and the coefficients, which reach 0 one after another."
choice.plot()
plt.savefig("../figures/choosing_lambda.png", dpi=150, metadata={"Software": None})

# %%
print("\n\n".join(choice.why))

# %% [markdown]
# Which to take depends on what for:

# %%
print("\n\n".join(choice.advice))

# %% [markdown]
# A rule is not a result yet. `choice.problem` is the problem with exactly that λ, ready for the optimum
# and for the posterior. σ is then given too, because λ and the scale of the prior are tied by it:
# λ = σ/scale, in units of σ.

# %%
chosen = choice.problem("cv-1se")
br.fit_map(chosen)

# %%
print(br.sample(chosen, seed=1).summary())

# %% [markdown]
# Shrinkage that selects also biases. The relaxed refit keeps the columns and drops the penalty. Beside
# it, as "penalised", stands the optimum above, number for number:

# %%
choice.relaxed("cv-1se")

# %% [markdown]
# `choice.model` is less: the model with that *scale*, for any data. Its σ is unknown again, and
# `br.fit_map` estimates it anew, together with β. Shrunk coefficients leave larger residuals, so σ̂ is
# larger, and with it λ = σ̂/scale:

# %%
again = br.fit_map(choice.model("cv-1se").condition(data.X, data.y, standardize=True))
table = {"sigma": [chosen.sigma, again.sigma], "lam": [chosen.penalty.lam, again.penalty.lam]}
pd.DataFrame(table, index=["choice.problem", "choice.model"])

# %% [markdown]
# ## The whole posterior along the path
#
# A path of optima says nothing of uncertainty. Below it, the posterior mean and interval at each scale
# of the prior; shaded, where the posterior of the scale lies.

# %% alt="Two panels over λ: above, the coefficients of the mode, of which one after another is 0; below, posterior means with their 95 % bands, which narrow smoothly towards 0 and never reach it. The posterior of the scale is shaded."
br.bayesian_path(problem, seed=1).plot()
plt.savefig("../figures/bayesian_path.png", dpi=150, metadata={"Software": None})

# %% [markdown]
# ## To try
#
# 1. `br.choose(problem, seed=1)`: which λ's move, by how much, and what does `choice.why` say of that?
# 2. The same with `br.Normal()`: which rules are exact now that needed simulation or folds before?
# 3. With `n=400` rows in the simulation above: do the rules come closer to each other, or to the truth?
