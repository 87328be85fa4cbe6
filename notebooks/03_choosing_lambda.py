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
# effects, or twenty. The noise is drawn anew again and again, the path computed each time. What it
# predicts for the rows of the design, $\hat f_\lambda = \hat\beta_0 + X\hat\beta_\lambda$, misses the
# truth $f$ by
#
# $$\underbrace{\tfrac1n\,E\lVert\hat f_\lambda-f\rVert^2}_{\text{error}}
# =\underbrace{\tfrac1n\,\lVert E\hat f_\lambda-f\rVert^2}_{\text{bias}^2}
# +\underbrace{\tfrac1n\,E\lVert\hat f_\lambda-E\hat f_\lambda\rVert^2}_{\text{variance}},$$
#
# here in units of σ². Least squares has no bias and the variance $(p+1)/n = 0.21$.

# %%
REPLICATIONS = 100
simulated = br.simulate(n=100, p=20, n_nonzero=4, rho=0.5, snr=1.0, seed=1)
X, sigma = simulated.X, simulated.sigma
rng = np.random.default_rng(2)
few = simulated.beta.to_numpy()
many = rng.normal(size=X.shape[1])
many *= np.std(X @ few) / np.std(X @ many)
truths = {"four effects": 3 + X.to_numpy() @ few, "twenty effects": 3 + X.to_numpy() @ many}
noise = sigma * rng.standard_normal((REPLICATIONS, len(X)))
priors = {"ridge": br.Normal(1.0), "lasso": br.Laplace(1.0)}
grids = {"ridge": np.geomspace(2e3, 0.5, 40), "lasso": np.geomspace(3e2, 0.5, 40)}


def conditioned(truth, prior, replication):
    """The problem of one replication, σ known."""
    model = br.Model(priors[prior], br.Gaussian(sigma))
    return model.condition(X, truths[truth] + noise[replication])


def decomposed(truth, prior):
    """Bias², variance and error of the fitted values at each λ, over σ²; errors by replication."""
    fitted = []
    for r in range(REPLICATIONS):
        path = br.path(conditioned(truth, prior, r), grids[prior])
        fitted.append(path.beta.to_numpy() @ X.to_numpy().T + path.intercept.to_numpy()[:, None])
    fitted = np.array(fitted) / sigma
    mean, f = fitted.mean(axis=0), truths[truth] / sigma
    bias2 = np.mean((mean - f) ** 2, axis=1)
    variance = np.mean((fitted - mean) ** 2, axis=(0, 2))
    errors = np.mean((fitted - f) ** 2, axis=2)
    np.testing.assert_allclose(bias2 + variance, errors.mean(axis=0), rtol=1e-10)
    return bias2, variance, errors, path.scale


results = {(truth, prior): decomposed(truth, prior) for truth in truths for prior in priors}

# %%
curves = {
    key: pd.DataFrame(
        {"bias²": bias2, "variance": variance, "error": errors.mean(axis=0)}, index=grids[key[1]]
    )
    for key, (bias2, variance, errors, _) in results.items()
}
figure, panels = plt.subplots(2, 2, figsize=(10, 7), sharey=True, layout="constrained")
for panel, (key, curve) in zip(panels.flat, curves.items(), strict=True):
    curve.plot(ax=panel, logx=True, ylim=(0, 0.5), title=", ".join(key), xlabel="λ",
               ylabel="over σ², per row", legend=panel is panels[0, 0],
               color=["#0072B2", "#D55E00", "#20242A"])  # fmt: skip
    panel.axhline(0.21, color="#999999", linewidth=0.8, linestyle=":")  # least squares
    panel.plot(curve["error"].idxmin(), curve["error"].min(), "o", color="#20242A")
figure.savefig("../figures/bias_variance.png", dpi=150, metadata={"Software": None})

# %% [markdown]
# Three things to see. Bias grows and variance falls along every path, and the best λ is where the two
# slopes cancel. The lasso gains most where there are few effects; where there are twenty, it gains no
# more than ridge. And the best λ is a statement about the truth: as a prior, its scale is close to the
# size that the effects really have (their root mean square for a normal prior, their mean absolute
# value for a Laplace prior, the scales that fit them best).

# %%
sizes = {
    truth: {"ridge": np.sqrt(np.mean(beta**2)), "lasso": np.mean(np.abs(beta))}
    for truth, beta in (("four effects", few), ("twenty effects", many))
}
pd.DataFrame(
    [
        (truth, prior, scale[errors.mean(axis=0).argmin()], sizes[truth][prior])
        for (truth, prior), (_, _, errors, scale) in results.items()
    ],
    columns=["truth", "prior", "scale of least error", "size of the true effects"],
).round(2)

# %% [markdown]
# ## What the rules pick, where the truth is known
#
# None of the rules knows the truth. `br.choose` asks each of them, on the same path, for every
# replication. Below the error, what they picked; in the table, what it cost them.

# %%
RULES = {
    ("four effects", "lasso"): ["cv", "cv-1se", "aic", "bic", "ebic"],
    ("twenty effects", "ridge"): ["evidence", "loo", "gcv", "cv", "cv-1se"],
}
ASKED = 60  # replications


def picked(truth, prior):
    """The λ that each rule picks in each replication."""
    rows = []
    for r in range(ASKED):
        problem = conditioned(truth, prior, r)
        choice = br.choose(problem, by=RULES[truth, prior], lams=grids[prior], seed=r)
        rows.append(choice.table["lam"])
    return pd.DataFrame(rows, index=range(ASKED))[RULES[truth, prior]]


picks = {key: picked(*key) for key in RULES}


# %%
def paid(truth, prior):
    """For each rule: its median λ, and the error of what it picked, over the replications."""
    errors, grid = results[truth, prior][2][:ASKED], grids[prior]
    cost = {
        rule: errors[np.arange(ASKED), abs(np.log(grid[:, None] / lams.to_numpy())).argmin(axis=0)]
        for rule, lams in picks[truth, prior].items()
    }
    table = pd.DataFrame(cost).agg(["mean", "sem"]).T
    table.insert(0, "median λ", picks[truth, prior].median())
    table.loc["the best λ, had we known"] = [np.nan, errors.min(axis=1).mean(), np.nan]
    return table


pd.concat({", ".join(key): paid(*key) for key in RULES}).round(3)

# %% [markdown]
# The rules that aim at prediction land near the best λ and cost little more than it; for ridge the
# evidence costs least. The one-standard-error rule and the BIC family aim at few columns, and pay for
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

# %%
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

# %%
br.bayesian_path(problem, seed=1).plot()
plt.savefig("../figures/bayesian_path.png", dpi=150, metadata={"Software": None})

# %% [markdown]
# ## To try
#
# 1. `br.choose(problem, seed=1)`: which λ's move, by how much, and what does `choice.why` say of that?
# 2. The same with `br.Normal()`: which rules are exact now that needed simulation or folds before?
# 3. With `n=400` rows in the simulation above: do the rules come closer to each other, or to the truth?
