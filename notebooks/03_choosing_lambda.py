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
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

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
BIAS, VARIANCE, ERROR = "#0072B2", "#D55E00", "#20242A"
plain = FuncFormatter(lambda value, _: f"{value:g}")
figure = Figure(figsize=(10, 7), layout="constrained")
panels = figure.subplots(2, 2, sharey=True)
for panel, ((truth, prior), (bias2, variance, errors, scale)) in zip(
    panels.flat, results.items(), strict=True
):
    error = errors.mean(axis=0)
    lam, best = grids[prior], int(np.argmin(error))
    panel.plot(lam, bias2, color=BIAS, label="bias²")
    panel.plot(lam, variance, color=VARIANCE, label="variance", linestyle="--")
    panel.plot(lam, error, color=ERROR, label="error", linewidth=2)
    panel.axhline(0.21, color="#999999", linewidth=0.8, linestyle=":")
    panel.plot(lam[best], error[best], "o", color=ERROR)
    panel.annotate(
        f"λ = {lam[best]:.3g}, scale {scale[best]:.2g}\nerror {error[best]:.3f}",
        (lam[best], error[best]), xytext=(0, 60), textcoords="offset points", ha="center",
        arrowprops={"arrowstyle": "-", "color": "#999999"},
    )  # fmt: skip
    panel.set(xscale="log", ylim=(0, 0.5), title=f"{truth}, {prior}", xlabel="λ")
    panel.xaxis.set_major_formatter(plain)
    power = 2 if prior == "ridge" else 1  # λ₂ = σ²/scale², λ₁ = σ²/scale
    top = panel.secondary_xaxis(
        "top",
        functions=(
            lambda v, k=power: (sigma**2 / np.maximum(v, 1e-9)) ** (1 / k),
            lambda v, k=power: sigma**2 / np.maximum(v, 1e-9) ** k,
        ),
    )
    top.set_xlabel("scale of the prior")
    top.xaxis.set_major_formatter(plain)
    panel.spines["right"].set_visible(False)
panels[0, 0].set_ylabel("over σ², per row")
panels[1, 0].set_ylabel("over σ², per row")
panels[0, 0].legend(frameon=False, loc="upper left")
figure.savefig("../figures/bias_variance.png", dpi=150, metadata={"Software": None})
figure

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
figure = Figure(figsize=(10, 4.6), layout="constrained")
panels = figure.subplots(1, 2)
costs = {}
for panel, ((truth, prior), lams) in zip(panels, picks.items(), strict=True):
    _, _, errors, _ = results[truth, prior]
    errors, grid = errors[:ASKED], grids[prior]
    panel.plot(grid, errors.mean(axis=0), color=ERROR, linewidth=2)
    rows = []
    for k, (rule, chosen) in enumerate(lams.items()):
        height = -0.05 * (k + 1)
        low, middle, high = np.quantile(chosen, [0.1, 0.5, 0.9])
        panel.plot(chosen, np.full(ASKED, height), "|", color=BIAS, alpha=0.4, markersize=9)
        panel.plot([low, high], [height, height], color=VARIANCE, linewidth=1.5)
        panel.plot(middle, height, "o", color=VARIANCE)
        nearest = np.abs(np.log(grid)[:, None] - np.log(chosen.to_numpy())).argmin(axis=0)
        paid = errors[np.arange(ASKED), nearest]
        panel.annotate(
            f"{rule}: {paid.mean():.3f}", (1.01, height), xycoords=("axes fraction", "data"),
            va="center", fontsize=9,
        )  # fmt: skip
        rows.append((rule, middle, paid.mean(), paid.std(ddof=1) / np.sqrt(ASKED)))
    least = errors.min(axis=1).mean()
    rows.append(("the best λ, had we known", np.nan, least, np.nan))
    columns = ["rule", "median λ", "mean error", "standard error"]
    costs[f"{truth}, {prior}"] = pd.DataFrame(rows, columns=columns).set_index("rule")
    panel.axhline(0, color="#999999", linewidth=0.8)
    panel.axvline(grid[errors.mean(axis=0).argmin()], color="#999999", linewidth=0.8)
    panel.set(xscale="log", ylim=(-0.3, 0.5), title=f"{truth}, {prior}", xlabel="λ")
    panel.set_yticks([0, 0.1, 0.2, 0.3, 0.4, 0.5])
    panel.xaxis.set_major_formatter(plain)
    panel.spines[["top", "right"]].set_visible(False)
panels[0].set_ylabel("error over σ², per row")
figure

# %%
pd.concat(costs).round(3)

# %% [markdown]
# The rules that aim at prediction land near the best λ and cost little more than it; for ridge the
# evidence scatters least. The one-standard-error rule and the BIC family aim at few columns, and pay for
# it in error. No rule finds the λ that is best for its own data: that λ depends on the truth.
#
# ## On real data
#
# The diabetes data: σ and the scale are unknown, and so is the truth. One figure: λ below, the scale of
# the prior that it is above, every criterion on the same axis, and where each rule says to stop.

# %%
data = br.load_dataset("diabetes")
problem = br.Model(br.Laplace()).condition(data.X, data.y, standardize=True)
choice = br.choose(problem, seed=1)
choice.table

# %%
axes = np.ravel(choice.plot())
axes[0].figure.savefig("../figures/choosing_lambda.png", dpi=150, metadata={"Software": None})
axes[0].figure

# %%
print("\n\n".join(choice.why))

# %% [markdown]
# A rule is not a result yet. `choice.model` is the model with that scale fixed, ready for the optimum
# and for the posterior:

# %%
fixed = choice.model("cv-1se").condition(data.X, data.y, standardize=True)
br.fit_map(fixed)

# %%
br.sample(fixed, seed=1).summary().round(2)

# %% [markdown]
# Shrinkage that selects also biases. The relaxed refit keeps the columns and drops the penalty:

# %%
choice.relaxed("cv-1se")

# %% [markdown]
# ## The whole posterior along the path
#
# A path of optima says nothing of uncertainty. Below it, the posterior mean and interval at each scale
# of the prior; shaded, where the posterior of the scale lies.

# %%
walk = br.bayesian_path(problem, seed=1)
axes = np.ravel(walk.plot())
axes[0].figure.savefig("../figures/bayesian_path.png", dpi=150, metadata={"Software": None})
axes[0].figure
