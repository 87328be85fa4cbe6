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
# # The geometry of penalties
#
# A penalised fit is a bargain between a loss and the size of the coefficients. In two dimensions the
# bargain can be drawn: the loss is a family of ellipses, the penalty is a region about 0, and the solution
# is where one touches the other. This notebook draws that picture on real data, says what holds at the
# point of touching, and counts how often a corner makes a coefficient exactly zero.

# %%
# %matplotlib inline
import numpy as np
import pandas as pd

import bayesreg as br

data = br.load_dataset("diabetes")
problem = br.Model().condition(data.X, data.y, standardize=True)

# %% [markdown]
# ## What a norm is
#
# Size is measured by $\lVert b\rVert_p=(\sum_j|b_j|^p)^{1/p}$, and by $\max_j|b_j|$ at $p=\infty$. A norm
# has four properties. It is not negative. It is 0 at 0 alone. It grows in proportion,
# $\lVert ab\rVert=|a|\lVert b\rVert$. And it obeys the triangle inequality,
# $\lVert b+c\rVert\le\lVert b\rVert+\lVert c\rVert$.
#
# The unit ball is the set where the norm is at most 1. The triangle inequality says that it is convex.

# %%
br.demonstrate.norms()

# %% [markdown]
# A cell that ends in such a record shows its picture, with `.alt` as its alternative text. `print` shows
# its sentence, and `br.plot_norms(…, ax=…)` draws on axes of your own.
#
# For $p=1$ the ball is a diamond with corners on the axes, for $p=2$ a circle, for $p=\infty$ a square.
# For $p<1$ it is a star. The line between two of its tips is outside, so that $\lVert\cdot\rVert_{1/2}$ is
# no norm. Here is each property, tried on two thousand pairs of vectors:

# %%
br.demonstrate.norms().summary()

# %% [markdown]
# The last column but one is how far the triangle inequality is broken. For $p<1$ the worst pair are two unit
# vectors: $\lVert e_1+e_2\rVert_p=2^{1/p}$ and $\lVert e_1\rVert_p+\lVert e_2\rVert_p=2$.
#
# The right panel has the reason why norms matter for priors. If coefficients are independent with density
# proportional to $\exp(-|b|^p)$, then $-\log p(b)=\lVert b\rVert_p^p$ and a constant. The balls on the left
# are the contours of the prior on the right.
#
# ## Where the two touch
#
# The ellipses below are contours of the squared error in the coefficients of two columns, body mass index
# and the blood serum measurement s3. Their centre, the cross, is the least-squares solution. Each panel has
# another penalty, as the region of all coefficients within a budget $t$. The penalties are set so that every
# region touches the same ellipse: all four solutions fit the data equally well.

# %%
found = br.demonstrate.geometry(problem, ["bmi", "s3"])
found

# %%
found.summary().round(2)

# %% [markdown]
# The lasso's solution has a coefficient that is exactly zero. Ridge fits as well with two that are not.
#
# ## Why a budget is a penalty
#
# Two problems have the same solutions: least squares within a budget, $P(b)\le t$, and least squares with a
# price, $\tfrac12\lVert y-Xb\rVert^2+\lambda P(b)$. At a solution of either, a small step that lowers the
# loss must raise $P$. In symbols, with $g=X'(y-Xb)$ the direction of steepest descent,
#
# $$ g\in\lambda\,\partial P(b). $$
#
# This is the condition of Karush, Kuhn and Tucker. The set on the right is made of the outward normals of
# the region at $b$ (Rockafellar, 1970, §23). The arrow in each panel is $g$, and the shaded part is the cone
# of normals. On a smooth boundary there is one normal, and the arrow must lie on it.

# %%
ridge = found.panels[1]
pd.DataFrame({"steepest descent": ridge.pull, "λ·b": ridge.lam * ridge.point}, index=["bmi", "s3"])

# %% [markdown]
# ## Why the corner catches the solution
#
# A corner has many normals. At $(t,0)$ the diamond's fill a wedge of 90°, between $(1,-1)$ and $(1,1)$. The
# condition for $b_2=0$ is therefore not an equation but an inequality: $|x_2'(y-Xb)|\le\lambda$. Data that
# are a little different still satisfy it. On the circle a zero is an equation, and a coincidence.

# %%
print(found)

# %% [markdown]
# Turn the response a little, by adding a part of s3 to it. The lasso's zero stays, ridge's coefficient moves
# at once:

# %%
z3 = (data.X["s3"] - data.X["s3"].mean()) / data.X["s3"].std(ddof=0)
lam = found.panels[0].lam
moved = {}
for step in (-6.0, -3.0, 0.0, 3.0, 6.0):
    turned = br.Model().condition(data.X, data.y + step * z3, standardize=True)
    panels = br.demonstrate.geometry(turned, ["bmi", "s3"], lam=lam).panels
    moved[step] = {one.kind: one.point[1] for one in panels[:2]}
pd.DataFrame(moved).T.rename_axis("s3 times").round(3)

# %% [markdown]
# ## Further along the path
#
# At a smaller λ the budget is larger, and the solution has left the corner. It slides along an edge, where
# the diamond too has one normal, $(1,-1)$. Both coefficients are now pulled by the same λ.

# %%
br.demonstrate.geometry(problem, ["bmi", "s3"], lam=4000.0, penalties=["lasso", "elastic_net"])

# %% [markdown]
# The elastic net, $\lVert b\rVert_1+\lVert b\rVert^2/(2s)$, keeps the corners and rounds the edges (Zou and
# Hastie, 2005). The cone of its corner is 90° wide where $b$ is small
# beside $s$, and narrower further out.
#
# The group lasso, $\lVert b\rVert_2$ without the square, is round inside the group (Yuan and Lin, 2006). Its
# only corner is the point 0, where the ball is empty. So the two columns enter together, at
# $\lambda=\lVert X'y\rVert_2$, and never one alone.
#
# ## How often is a zero exact?
#
# Thousands of losses now, each with its own minimum and its own curvature: two columns of norm 1, whose
# correlation is anything from −0.95 to 0.95, and new noise each time. On the left is where the minima lie.
# On the right is how often the second coefficient is put to zero, by how far from the axis they lie.

# %%
br.demonstrate.corners()

# %% [markdown]
# The squares are frequencies with two Monte Carlo errors, and the curve through them is the probability
# itself. It is known because the optimality conditions of the lasso are linear on each side of zero, and the
# noise is normal. Under L2 the solution is a linear function of the noise. It has a density, and the
# probability of any single value is 0. Of 44 000 losses not one gave an exact zero:

# %%
br.demonstrate.corners().summary().round(4)

# %% [markdown]
# The same with the curvature of two columns of the data, and noise as large as theirs:

# %%
print(br.demonstrate.corners(problem, ["bmi", "s3"]))

# %% [markdown]
# ## Exercises
#
# 1. For two orthogonal columns of norm 1, where must the least-squares solution lie for the lasso to have
#    $b_2=0$? Draw the region for a given λ, and for a given budget $t$.
# 2. At which budget does the ridge solution of the picture have the same $\lVert b\rVert_1$ as the lasso's,
#    and which of the two fits better there? Why must it be so?
# 3. The corner of the elastic net at $(b_1,0)$ has the normals between $(1+b_1/s,-1)$ and $(1+b_1/s,1)$. How
#    wide is it in degrees for $b_1=s$? Check it.
#
# ## Answers
#
# 1. Given λ: $|\hat b_2|\le\lambda$, a band along the axis of $b_1$, whatever $\hat b_1$ is. Given $t$: the
#    wedge of normals at the corner, $|\hat b_1|-|\hat b_2|\ge t$. The two differ because λ depends on the
#    data when $t$ is given. On a hundred thousand minima:

# %%
minima = np.random.default_rng(1).uniform(-4, 4, (100_000, 2))
soft = np.sign(minima) * np.maximum(np.abs(minima) - 1.5, 0.0)
bool(np.array_equal(soft[:, 1] == 0.0, np.abs(minima[:, 1]) <= 1.5))

# %% [markdown]
# 2. The lasso fits better. Its solution has the least loss of all $b$ with that $\lVert b\rVert_1$, and
#    ridge's is one of these $b$.

# %%
pair, lasso = found.pair, found.panels[0]
size = np.abs(lasso.point).sum()
lams = np.geomspace(100, 100_000, 4001)
paths = np.array([np.linalg.solve(pair.gram + lam * np.eye(2), pair.xy) for lam in lams])
same = paths[np.argmin(np.abs(np.abs(paths).sum(axis=1) - size))]
pd.Series(pair.rise(np.array([lasso.point, same])), index=["lasso", "ridge"]).round(0)

# %% [markdown]
# 3. Half of the angle has the tangent $1/(1+b_1/s)=\tfrac12$, so the corner is 53° wide. Age and body mass
#    index are such a case. Age says little, and the elastic net sits in its corner where the lasso does:

# %%
_, corner = br.demonstrate.geometry(
    problem, ["bmi", "age"], penalties=["lasso", "elastic_net"]
).panels
pd.Series({"degrees": corner.width, "predicted": 2 * np.degrees(np.arctan(0.5))})

# %% [markdown]
# ## Sources
#
# Efron, B., Hastie, T., Johnstone, I. and Tibshirani, R. (2004), Least angle regression, *Annals of
# Statistics* 32(2). Hastie, T., Tibshirani, R. and Friedman, J. (2009), *The Elements of Statistical
# Learning*, 2nd ed., §3.4. Pötscher, B. M. and Leeb, H. (2009), On the distribution of penalized maximum
# likelihood estimators, *Journal of Multivariate Analysis* 100(9). Rockafellar, R. T. (1970), *Convex
# Analysis*. Tibshirani, R. (1996), Regression shrinkage and selection via the lasso, *JRSS B* 58(1). Yuan, M.
# and Lin, Y. (2006), Model selection and estimation in regression with grouped variables, *JRSS B* 68(1). Zou,
# H. and Hastie, T. (2005), Regularization and variable selection via the elastic net, *JRSS B* 67(2).
