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
# # A prior is a penalty
#
# With a Gaussian likelihood, minus the log posterior times σ² is
#
# $$J(\beta_0,\beta)=\tfrac12\sum_i w_i(y_i-\beta_0-x_i'\beta)^2+\lambda_1\lVert\beta\rVert_1+\tfrac12\lambda_2\lVert\beta\rVert^2 .$$
#
# A normal prior with sd $s$ contributes $\sigma^2\beta^2/2s^2$, so $\lambda_2=\sigma^2/s^2$: ridge.
# A Laplace prior with scale $s$ contributes $\sigma^2|\beta|/s$, so $\lambda_1=\sigma^2/s$: the lasso.
# Nothing here needs PyMC, and no cell takes a second.

# %%
# %matplotlib inline
import numpy as np
from matplotlib.figure import Figure

import bayesreg as br

data = br.load_dataset("diabetes")
print(data.source)
data.X.describe().round(1)

# %% [markdown]
# ## Ridge
#
# Suppose we know the noise sd, 54, and believe that one standard deviation of any column moves the
# outcome by about 25 units.

# %%
ridge = br.Model(prior=br.Normal(scale=25.0), likelihood=br.Gaussian(sigma=54.0))
problem = ridge.condition(data.X, data.y, standardize=True)
problem.penalty

# %%
fit = br.fit_map(problem)
fit

# %% [markdown]
# The same numbers by every route we have, and by scikit-learn:

# %%
fit.correspondence

# %%
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

arguments = problem.penalty.to("sklearn.Ridge")
peer = make_pipeline(StandardScaler(), Ridge(**arguments)).fit(data.X, data.y)
print(arguments, arguments.objective)
print("largest difference:", np.abs(peer[-1].coef_ - fit.standardized.to_numpy()).max())

# %% [markdown]
# The posterior under known σ is normal, and its mean is the same vector:

# %%
closed = br.closed_form(problem)
print("posterior mean − ridge:", np.abs(closed.mean - fit.beta).max())
closed.summary().round(3)

# %% [markdown]
# ## Lasso
#
# Swap the normal for a Laplace prior and the optimum has exact zeros. The posterior does not: it puts
# no mass on any single point. The zero is a property of the mode.

# %%
lasso = br.Model(prior=br.Laplace(scale=12.0), likelihood=br.Gaussian(sigma=54.0))
problem = lasso.condition(data.X, data.y, standardize=True)
fit = br.fit_map(problem)
fit

# %%
fit.certificate

# %% [markdown]
# The certificate is a statement about the posterior: no coefficient vector whatever has a log posterior
# higher than ours by more than this many nats.

# %%
path = br.path(problem)
figure = Figure(figsize=(11, 4.2), layout="constrained")
left, right = figure.subplots(1, 2)
beta = np.linspace(-40, 40, 801)
for prior, colour in (
    (br.Normal(12.0), "#0072B2"),
    (br.Laplace(12.0), "#D55E00"),
    (br.Horseshoe(12.0), "#009E73"),
):
    with np.errstate(divide="ignore"):
        left.plot(
            beta, -prior.log_density(beta, 12.0), color=colour, label=repr(prior).split("(")[0]
        )
left.set_xlabel("coefficient of one standard deviation")
left.set_ylabel("− log prior density")
left.set_title("Three priors as penalties (scale 12)", loc="left")
left.legend(frameon=False)
left.spines[["top", "right"]].set_visible(False)
path.plot(right)
figure.savefig("../figures/prior_is_penalty.png", dpi=150, metadata={"Software": None})
figure

# %% [markdown]
# ## Which λ is that elsewhere?
#
# λ means nothing without its objective. The same lasso in scikit-learn's terms:

# %%
conversion = problem.penalty.to("sklearn.Lasso")
print(dict(conversion), "minimises", conversion.objective, "and needs", conversion.needs)

# %% [markdown]
# A horseshoe prior is no penalty at all. Its density is unbounded at zero, so a "MAP" would be zero
# whatever the data; bayesreg says so instead of returning one.

# %%
try:
    br.fit_map(
        br.Model(br.Horseshoe(12.0), br.Gaussian(54.0)).condition(data.X, data.y, standardize=True)
    )
except br.NotSupported as error:
    print(error)
