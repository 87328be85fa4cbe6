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
# other; then three priors on the same data, as `bayesreg compare diabetes` has them.

# %%
# %matplotlib inline
import matplotlib.pyplot as plt

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
#
# Which of the engines that are exact for it is the fastest, and why, it says itself. A summary prints as
# a page and is a data frame.

# %%
post = br.sample(problem, seed=1)
post.why_engine

# %%
print(post.summary())

# %%
post.probability("bmi > 0"), post.probability("|s3| < 0.5"), post.contrast({"s1": 1, "s2": 1})

# %% [markdown]
# The mode is no mean: two coefficients of the optimum are 0, and the posterior puts no probability on
# that. How far apart are they, in posterior sds, at one and the same λ? And does any draw have a higher
# density than the optimum? (`farthest`, and at which `effect`; `margin`, the nats by which the optimum's
# log density is above that of every draw.)

# %%
fits = br.compare({"lasso": model}, data.X, data.y, standardize=True, seed=1)
fits.at_same_lam()

# %% [markdown]
# ## The closed form, where there is one
#
# Under a normal prior given σ and scale the three are one: the posterior is normal, its mean the optimum.

# %%
ridge = br.Model(br.Normal(25.0), br.Gaussian(54.0)).condition(data.X, data.y, standardize=True)
closed, optimum, drawn = br.closed_form(ridge), br.fit_map(ridge), br.sample(ridge, seed=1)
closed.summary().assign(optimum=optimum.beta, drawn=drawn.beta).iloc[1:].round(3)

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
fits.brief()

# %% [markdown]
# Those are the answers; below, what they rest on: the ranking, why no weights are given where the data
# do not tell the priors apart, and which checks were made.

# %%
fits

# %% alt="A row for each of ten columns with the 95 % intervals, posterior means and optima under ridge, lasso and horseshoe: s5, bmi and bp lie right of 0 and sex left of it under all three, and the three agree within their intervals everywhere."
fits.plot("forest")
plt.savefig("../figures/three_priors.png", dpi=150, metadata={"Software": None})

# %% [markdown]
# What each prior did to each coefficient: κ = 1 is all prior, κ = 0 all data.

# %% alt="The shrinkage factor of each column under the three priors, from 0, left alone, to 1, where the prior decides: the same small one for every column under ridge; under lasso and horseshoe from near 0 for s5 to a wide interval about a third for age."
fits.plot("shrinkage")
plt.savefig("../figures/shrinkage.png", dpi=150, metadata={"Software": None})

# %% [markdown]
# The MAP at the posterior's own λ, beside the posterior mean. A horseshoe has no MAP, and no row:

# %%
fits.at_same_lam()

# %% [markdown]
# The page to send around:

# %%
page = fits.report("report.html", title="Three priors on the diabetes data")
print(page.name, f"{page.stat().st_size / 1e6:.1f} MB")

# %% [markdown]
# What to ask of a posterior next (predictions, factors, effects, whether the model fits) is the subject
# of [04_asking_a_posterior](04_asking_a_posterior.ipynb).
