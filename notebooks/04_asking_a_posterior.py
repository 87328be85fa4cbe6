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
# # Asking a posterior
#
# A posterior is an answer to every question about the coefficients. Here are those that come first: what
# will a new row be, what does a level of a factor change, what does a unit of a column change, does the
# model fit at all?

# %%
# %matplotlib inline
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import bayesreg as br

data = br.load_dataset("diabetes")
groups = ["under 40", "40 to 59", "60 and over"]
frame = data.X.assign(
    progression=data.y,
    age_group=pd.cut(data.X["age"], [0, 40, 60, 100], labels=groups, right=False),
)
formula = "progression ~ bmi + age_group + bp + s5"
problem = br.Model(br.Normal()).condition_formula(formula, frame, standardize=True)
post = br.sample(problem, seed=1)
post

# %% [markdown]
# ## What will a new row be?
#
# The mean of new rows, and the interval that holds a new *y* with probability 0.9, noise included. A new
# frame is coded as the first was: the same levels, the same means and sds.

# %%
new = frame.loc[:2, ["bmi", "age_group", "bp", "s5"]]
new.assign(observed=frame["progression"]).join(post.predict(new, level=0.9).round(1))

# %% [markdown]
# Do such intervals hold what they say? In the rows themselves, nine of ten:

# %%
interval = post.predict(frame, level=0.9)
inside = frame["progression"].between(interval["eti90_lb"], interval["eti90_ub"])
print(f"{inside.mean():.3f} of {len(frame)} rows")

# %% [markdown]
# ## A factor, read as contrasts
#
# Under a proper prior every level has a coefficient of its own, which beside an intercept says little: what
# all levels have in common, the intercept may take or leave, and the sds below are mostly of that.
# `post.effects()` has what was asked, each level against the first; `reference="mean"` sets each against
# the mean of all.

# %%
post.summary().filter(like="age_group[", axis=0)[["mean", "sd"]]

# %%
post.effects()

# %% [markdown]
# ## What does a unit change?
#
# Where effects depend on each other no single coefficient says it. With `bmi * age_group` a contrast "at
# bmi = 0" is about nobody. For the people that there are, every row is predicted with each level in turn,
# all else as it is:

# %%
formula = "progression ~ bmi * age_group + bp + s5"
problem = br.Model(br.Normal()).condition_formula(formula, frame, standardize=True)
post = br.sample(problem, seed=1)
br.comparisons(post, "age_group")

# %% [markdown]
# The slope in `bmi`, averaged over the rows of each age group; and the prediction as `bmi` runs over a
# grid, with its band.

# %%
br.slopes(post, "bmi", by="age_group")

# %% alt="Expected progression over bmi from 18 to 42: a line that rises from about 100 to about 255, with a 95 % band that is narrow in the middle."
br.predictions(post, at={"bmi": np.linspace(18, 42, 25)}).plot()
plt.savefig("../figures/effect_of_bmi.png", dpi=150, metadata={"Software": None})

# %% [markdown]
# ## How much does it explain?
#
# R² of the rows seen, and of each row left out in turn; a typical error in units of y.

# %%
post.r2(), post.r2("loo"), post.rmse("loo")

# %% [markdown]
# ## Does the model describe the data?
#
# `post.checks` says whether the posterior was computed correctly, `post.adequacy` whether it is the
# posterior of a model worth having. Here nothing is found against it:

# %%
post.adequacy

# %% [markdown]
# Now a response on the wrong scale: a cost that grows exponentially with progression. The sampler is as
# correct as before; the model is not, and each finding says what was seen and what to do.

# %%
frame["cost"] = np.exp(frame["progression"] / 80)
wrong = br.Model(br.Normal()).condition_formula("cost ~ bmi + bp + s5", frame, standardize=True)
wrong = br.sample(wrong, seed=1)
print(wrong.checks.ok)
wrong.adequacy

# %% alt="Panels of residuals of a model that is wrong: the outcome against predictions left out bends upwards, the size of residuals rises with fitted values, normal quantiles bend in the upper tail, LOO-PIT has a high last bar, and residuals over bmi, s5 and bp have a curve."
wrong.plot("adequacy")
plt.show()
# %% [markdown]
# The advice taken. The formula remembers the logarithm, so that new rows are transformed alike:

# %%
right = br.Model(br.Normal()).condition_formula(
    "log(cost) ~ bmi + bp + s5", frame, standardize=True
)
br.sample(right, seed=1).adequacy

# %% [markdown]
# ## Several priors at once
#
# `br.compare` takes a formula too, and priors as text; `fits.predict` averages over them.

# %%
formula = "progression ~ bmi + age_group + bp + s5"
priors = ["ridge", "lasso", "horseshoe"]
fits = br.compare(priors, formula=formula, data=frame, standardize=True, seed=1)
fits.brief()

# %%
fits.predict(new, level=0.9).round(1)

# %% [markdown]
# ## To try
#
# 1. `progression ~ poly(bmi, 2) + bp + s5`: what do `br.slopes(post, "bmi", at={"bmi": [20, 30, 40]})`
#    say that no coefficient does?
# 2. `C(age_group, Sum)`: which numbers of `post.effects()` change, and which of `br.comparisons`?
# 3. Add a column that is the response plus a little noise. What does `post.adequacy` call it?
