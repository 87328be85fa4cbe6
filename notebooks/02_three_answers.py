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
# # One model, three answers
#
# The penalised optimum, the closed form and the full posterior of one model, checked against each
# other; then three priors on the same data.

# %%
# %matplotlib inline
import numpy as np
from matplotlib.figure import Figure

import bayesreg as br

data = br.load_dataset("diabetes")
model = br.Model(prior=br.Laplace(scale=25.0), likelihood=br.Gaussian(sigma=54.0))
problem = model.condition(data.X, data.y, standardize=True)
problem

# %% [markdown]
# ## The optimum, with its certificate

# %%
fit = br.fit_map(problem)
fit

# %% [markdown]
# ## The posterior, by a sampler built for it

# %%
post = br.sample(problem, seed=1)
post

# %%
post.probability("bmi > 0"), post.probability("|s3| < 0.5"), post.contrast({"s1": 1, "s2": 1})

# %% [markdown]
# ## The same posterior by PyMC, and whether they agree
#
# PyMC compiles for a while. Every mean, sd and quantile of every unknown is compared, each difference
# over its Monte Carlo error.

# %%
nuts = br.sample(problem, engine="nuts", seed=2)
verdict = br.agreement(post, nuts)
verdict

# %% [markdown]
# ## Unknown σ and scale, three priors
#
# In practice neither the noise nor the prior's scale is known. Both get priors, and the three shapes
# compete on equal terms, judged by leave-one-out prediction.

# %%
priors = {"ridge": br.Normal(), "lasso": br.Laplace(), "horseshoe": br.Horseshoe()}
fits = br.compare(priors, data.X, data.y, standardize=True, seed=1, dataset="diabetes")
fits

# %%
figure = Figure(figsize=(9, 6), layout="constrained")
fits.plot("forest", figure.subplots())
figure.savefig("../figures/three_priors.png", dpi=150, metadata={"Software": None})
figure

# %% [markdown]
# What each prior did to each coefficient: κ = 1 is all prior, κ = 0 all data.

# %%
figure = Figure(figsize=(9, 4.5), layout="constrained")
fits.plot("shrinkage", figure.subplots())
figure.savefig("../figures/shrinkage.png", dpi=150, metadata={"Software": None})
figure

# %% [markdown]
# Prediction carries the noise with it, and says so:

# %%
mean, sd = fits["lasso"].post.predict(data.X.head(3), return_std=True)
np.round(mean, 1), np.round(sd, 1)

# %%
fits["lasso"].post.loo()
