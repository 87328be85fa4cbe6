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
# # Shrinkage and sparsity
#
# A prior on a coefficient pulls its estimate towards zero. Priors differ in how much they take, and from
# which effects. This notebook looks at that one coefficient at a time, where everything is exact. It then
# asks what "zero" means: for a mode, for a draw, and for the reader of a report.

# %%
# %matplotlib inline
import numpy as np
import pandas as pd

import bayesreg as br

data = br.load_dataset("diabetes")
ridge = br.Model(br.Normal()).condition(data.X, data.y, standardize=True)
lasso = br.Model(br.Laplace()).condition(data.X, data.y, standardize=True)

# %% [markdown]
# ## A prior is a penalty, and its slope is a force
#
# The mode of the posterior minimises $-\log p(y\mid\beta)-\log p(\beta)$. The second part is the penalty.
# Its slope, $-\frac{d}{db}\log p(b)$, is the force with which the prior pulls at $b$. The data must
# match it.
#
# Three priors that everybody meets, and one with heavy tails. Each has half of its probability within ±1.

# %%
few = {
    "ridge": br.Normal(),
    "lasso": br.Laplace(),
    "t(3)": br.StudentT(3),
    "horseshoe": br.Horseshoe(),
}
br.demonstrate.penalties(few)

# %% [markdown]
# The normal prior pulls in proportion to $b$: large effects are pulled hardest, and next to zero there is
# no force at all. The Laplace prior has one force everywhere, up to zero itself. The force of Student's t
# grows at first and then falls: a large effect is hardly pulled. The horseshoe has both: a force without
# bound next to zero, and less and less beyond (Carvalho, Polson and Scott, 2010).
#
# Every prior of the package, on the right side of zero:

# %%
br.demonstrate.penalties()

# %%
br.demonstrate.penalties().summary().round(3)

# %% [markdown]
# ## What is left of an observed effect
#
# Suppose that least squares says $\hat b$, with standard error 1. All that the data say of $b$ is
# $\hat b\sim N(b,1)$. The posterior is that times the prior, and its mean, median and mode are functions of
# $\hat b$. Here they are, by quadrature.

# %%
br.demonstrate.shrinkage_functions(few)

# %% [markdown]
# Under the normal prior, of sd $s$, all three are $\hat b\,s^2/(s^2+1)$: every effect keeps the same share.
#
# Under the Laplace prior of scale $s$ the mode is the soft threshold, $(|\hat b|-1/s)_+$ with the sign of
# $\hat b$. It takes the same amount from every effect, and all of a small one. The mean does so only far
# out. Near zero it shrinks, and is not zero.
#
# The mean under the horseshoe bends. It takes most of a small effect and next to nothing of a large one. Its
# density has no maximum but the pole at zero, so there is no mode worth the name.

# %%
print(br.demonstrate.shrinkage_functions(few))

# %% [markdown]
# ## Only a mode is ever exactly zero
#
# The mode is zero where the force at zero is larger than the pull of the data. Under Laplace(s) that is
# $|\hat b|\le 1/s$, an interval of positive length. The mean is an average of values on both sides of zero.
# It is zero only if both sides weigh the same, which they do at $\hat b=0$ alone. The same holds for the
# median.
#
# Which modes have a threshold? Those of priors with a kink or a cusp at zero:

# %%
every = br.demonstrate.shrinkage_functions()
every.summary().round(2)

# %% [markdown]
# ## Ridge, along the singular directions of the data
#
# With several columns, ridge is easiest in the right coordinates. Let $X=UDV'$. Along the $k$-th column of
# $V$ ridge keeps the share
#
# $$\frac{d_k^2}{d_k^2+\lambda}$$
#
# of the least-squares coordinate (Hastie, Tibshirani and Friedman, 2009, eq. 3.47). Directions in which the
# data vary much are left alone. Directions in which they hardly vary are what ridge gives up.

# %%
found = br.demonstrate.shrinkage_functions(ridge)
found

# %%
directions = found.directions
pd.DataFrame({"d": directions.singular, "kept": directions.factor}).round(3)

# %% [markdown]
# The shares add up to the effective number of parameters:

# %%
float(directions.factor.sum())

# %% [markdown]
# ## The mode against the posterior
#
# Back to the lasso, with all ten columns of the data. Its mode has exact zeros. What does the posterior say
# of these coefficients?

# %%
post = br.sample(lasso, seed=1)
joint = br.demonstrate.joint(post)
joint

# %%
print(joint)

# %% [markdown]
# A Laplace prior has a density, and so has the posterior. The probability that a coefficient is *exactly*
# zero is 0, before the data and after. No draw has a zero, and no interval shrinks to a point. The zeros of
# the mode are a property of where the density is highest, and not a statement about what is probable (Park
# and Casella, 2008).
#
# ## What to ask instead
#
# A reader who wants to know "is it zero?" mostly wants to know "is it small?". That has an answer once
# "small" has a size. Take 5 points of the score per standard deviation of a column:

# %%
post.significance(5.0, standardized=True).table.round(3)

# %% [markdown]
# The lasso drops age and s2. Age is almost surely small. Of s2 nobody knows: its sign is as good as unknown,
# and so is its size. Of those that are kept, s6 is probably small. Selection by a mode is a decision with no
# probability attached.
#
# ## Exercises
#
# 1. Under Laplace(s), by how much is the posterior mean of a very large $\hat b$ smaller than $\hat b$? Show
#    it from $E(b\mid\hat b)=\hat b+\frac{d}{d\hat b}\log m(\hat b)$ (Efron, 2011), and check it.
# 2. Two priors have the same variance, 1: Normal(1) and Laplace(√½). Which shrinks an effect of half a
#    standard error more, and which one of five? Where do the two means cross?
# 3. The bridge prior with $q=0.5$ has a cusp. Find the largest $\hat b$ whose mode is zero for scale 1, and
#    the value to which the mode then jumps. Why can it not be smaller?
#
# ## Answers
#
# 1. Far out the marginal density $m(\hat b)$ falls like the prior, $e^{-\hat b/s}$, so that the mean is
#    $\hat b-1/s$. It is the soft threshold again:

# %%
far = br.demonstrate.shrinkage_functions(br.Laplace(0.5), reach=12.0)
far.observed[-1] - far.mean[0, -1]

# %% [markdown]
# 2. The Laplace prior takes more of the small effect and less of the large one.

# %%
both = br.demonstrate.shrinkage_functions([br.Normal(1.0), br.Laplace(np.sqrt(0.5))], reach=5.0)
table = pd.DataFrame(both.mean.T, index=both.observed.round(3), columns=both.names)
print("they cross near", table.index[(table["Laplace"] > table["Normal"]) & (table.index > 0)][0])
table.loc[[0.5, 5.0]].round(3)

# %% [markdown]
# 3. The mode jumps because the penalty $\sqrt{b}$ is concave. Between 0 and the place where its curvature,
#    $\tfrac14b^{-3/2}$, has fallen to that of the loss, 1, there can be no minimum. That is
#    $b=4^{-2/3}=0.40$, so the jump goes at least that far. At the threshold both minima have the same value,
#    which gives $b=1$ and $\hat b=\tfrac32$:

# %%
fine = br.demonstrate.shrinkage_functions(br.Bridge(0.5, 1.0), reach=3.0)
first = np.flatnonzero(fine.mode[0] > 0)[0]
pd.Series({"zero until": fine.zero_until[0], "then": fine.mode[0, first]}).round(3)

# %% [markdown]
# ## Sources
#
# Carvalho, C. M., Polson, N. G. and Scott, J. G. (2010), The horseshoe estimator for sparse signals,
# *Biometrika* 97(2). Efron, B. (2011), Tweedie's formula and selection bias, *JASA* 106. Hastie, T.,
# Tibshirani, R. and Friedman, J. (2009), *The Elements of Statistical Learning*, 2nd ed., §3.4. Park, T. and
# Casella, G. (2008), The Bayesian lasso, *JASA* 103. Tibshirani, R. (1996), Regression shrinkage and
# selection via the lasso, *JRSS B* 58(1).
