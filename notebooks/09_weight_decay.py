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
# # Weight decay
#
# Neural networks are trained with *weight decay*: at every step each weight shrinks by a small share of
# itself. For gradient descent that is a ridge penalty, and so a normal prior. For Adam it is not. This
# notebook shows both on a loss whose optimum is known exactly, so that every distance can be measured.

# %%
# %matplotlib inline
import numpy as np
import pandas as pd

import bayesreg as br

data = br.load_dataset("diabetes")
problem = br.Model(br.Normal()).condition(data.X, data.y, standardize=True)
br.fit_map(problem)

# %% [markdown]
# ## One step, written twice
#
# Training minimises a mean over rows, $L(b)=\frac1{2N}\lVert y-Xb\rVert^2$. The penalised loss is
# $L(b)+\tfrac12\delta\lVert b\rVert^2$ with $\delta=\lambda/N$. A step of gradient descent on it, at rate η, is
#
# $$b-\eta\,[\nabla L(b)+\delta b]\;=\;(1-\eta\delta)\,b-\eta\,\nabla L(b).$$
#
# On the left λb is in the slope. On the right the weights decay, and the step is that of the loss alone.
# The two sides are one number, at every step and every rate. Nothing changes if $\nabla L$ is that of a
# batch of rows, as in stochastic gradient descent (SGD).
#
# Adam (Kingma and Ba, 2015) divides each slope by a running measure of its size, so that each weight moves
# by about η whatever the slope. Then the two sides are two algorithms. With λb in the slope, the penalty is
# divided too. Loshchilov and Hutter (2019) put the decay beside the step again, and called that AdamW.

# %%
found = br.demonstrate.weight_decay(problem)
found

# %%
print(found)

# %% [markdown]
# Below, the distance between the two sides. For gradient descent and SGD it is rounding error, from the
# first step to the last. For Adam it is as large as the optimum itself.
#
# Above, the distance from the MAP. Gradient descent goes there, and so does Adam with λb in the slope: where
# all slopes of the penalised loss are 0, Adam stands still too. SGD stays at the distance that the noise of
# its batches keeps it, less and less as its rate falls. AdamW goes elsewhere.
#
# ## Where AdamW goes
#
# When all rows are used at every step and slopes have settled, Adam's step is $g/(|g|+\epsilon)$ with g the
# slope of the loss alone. AdamW stands still where
#
# $$\frac{g_j}{|g_j|+\epsilon}=-\delta\,b_j .$$
#
# If $|b_j|<1/\delta$, then $g_j\approx 0$: no slope is left, and the weight is at its least-squares value. If
# not, $b_j$ is held at $\pm1/\delta$. So AdamW minimises the *unpenalised* loss within a box, $\max_j|b_j|\le
# 1/\delta$ (Xie and Li, 2024). As a prior that is uniform on the box. It is no normal prior, and here, where
# least squares is inside the box, it is no penalty at all.

# %%
least_squares = br.fit_map(br.Model(br.Flat()).condition(data.X, data.y, standardize=True))
unit = data.y.std(ddof=0)  # the pictures have y in units of its sd
away = np.linalg.norm(least_squares.standardized / unit - found.optimum)
pd.Series(
    {
        "AdamW, from the MAP": found.distance["AdamW, weight decay"][-1],
        "least squares, from the MAP": away / np.linalg.norm(found.optimum),
        "half side of the box": problem.n / found.lam,
        "largest |b| of least squares": np.abs(least_squares.standardized).max() / unit,
    }
).round(3)

# %% [markdown]
# A stronger decay makes the box smaller than least squares needs, and then it holds. The limit is still not
# the MAP. Weights near the wall are slow, because Adam remembers the large slopes of its first steps for
# $1/(1-\beta_2)=1000$ steps and more.

# %%
strong = br.Model(br.Normal.from_lam(1500.0), br.Gaussian(54.0))
boxed = strong.condition(data.X, data.y, standardize=True)
held = br.demonstrate.weight_decay(boxed, steps=10_000, rate=0.02)
held

# %%
print(held)

# %% [markdown]
# The bursts of Adam with λb in the slope are its own. Once it has forgotten how large slopes were, it divides
# by almost nothing, and a step is longer than the curvature bears; the slope grows, and it remembers again.
#
# With batches slopes never settle. Adam then divides by $\sqrt{v_j}$, the size of their noise, and AdamW stands
# still where $g_j=-\delta\sqrt{v_j}\,b_j$: a ridge penalty with another λ for each weight, which the noise, the
# batch and the data set.
#
# What to remember: a *penalty* is part of the loss and has a prior; *decay* is part of an algorithm, and has
# the same prior only where the algorithm's step is linear in the slope. AdamW may well generalise better, as
# its authors report. Its weights are not the mode of a posterior under a normal prior.
#
# ## Exercises
#
# 1. A framework's SGD has `weight_decay=0.01`, and the loss is the mean of $\tfrac12(y-\hat y)^2$ over N rows, with
#    σ = 1. Which λ, and which scale of a normal prior, is that?
# 2. Gradient descent that is stopped early, without any penalty, from b = 0: how much of the coefficient along
#    an eigenvector with eigenvalue d of $X'X/N$ is there after t steps, and how does ridge compare?
# 3. Multiply the loss by 1000. What happens to the limits of SGD, Adam with λb in the slope, and AdamW, all
#    with the same δ?
#
# ## Answers
#
# 1. $\delta=\lambda/N=0.01$, so λ = 0.01·N, and the scale is $\sigma/\sqrt\lambda=10/\sqrt N$: the same
#    `weight_decay` is a narrower prior the more rows there are.

# %%
pd.Series({"scale": br.Normal.from_lam(0.01 * 442).scale, "10/√N": 10 / np.sqrt(442)})

# %% [markdown]
# 2. The share $1-(1-\eta d)^t$; ridge has $d/(d+\delta)$. Both take directions of large d first, so early
#    stopping is close to ridge with $\delta\approx1/(\eta t)$ (Hastie, Tibshirani and Friedman, 2009, §11.5.2, on
#    stopping early as a way to regularise). At η = 0.1 and t = 100:

# %%
d = np.array([0.01, 0.1, 1.0, 4.0])
pd.DataFrame({"stopped": 1 - (1 - 0.1 * d) ** 100, "ridge": d / (d + 0.1)}, index=d).round(3)

# %% [markdown]
# 3. For the first two λ is as good as divided by 1000: the MAP of a wider prior. AdamW does not see the size of
#    the loss at all, because $g/(|g|+\epsilon)$ has none: same steps, same limit.
#
# ## Sources
#
# Kingma, D. P. and Ba, J. (2015), Adam: a method for stochastic optimization, *ICLR*. Loshchilov, I. and Hutter,
# F. (2019), Decoupled weight decay regularization, *ICLR*. Xie, S. and Li, Z. (2024), Implicit bias of AdamW: ℓ∞
# norm constrained optimization, *ICML*. Hastie, T., Tibshirani, R. and Friedman, J. (2009), *The Elements of
# Statistical Learning*, 2nd ed., §11.5.
