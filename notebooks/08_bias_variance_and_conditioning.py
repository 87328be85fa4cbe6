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
# # Conditioning, bias and variance
#
# Least squares fails in two ways. Where columns are nearly the same, its equations are nearly singular.
# Where there are many columns, its predictions follow the noise. A penalty answers both, and its price
# is bias. This notebook shows the cure and the price, on real data, and ends with two things that decide
# what a penalty does: the units of the columns, and which columns are alike.

# %%
# %matplotlib inline
import numpy as np
import pandas as pd

import bayesreg as br

data = br.load_dataset("diabetes")
ridge = br.Model(br.Normal()).condition(data.X, data.y, standardize=True)
lasso = br.Model(br.Laplace()).condition(data.X, data.y, standardize=True)

# %% [markdown]
# ## X'X + λI always has an inverse
#
# Let $d_1\ge\dots\ge d_p\ge 0$ be the eigenvalues of $X'X$. Those of $X'X+\lambda I$ are $d_k+\lambda$.
# None of them is 0 if $\lambda>0$, so the ridge equations $(X'X+\lambda I)\,b=X'y$ have one solution,
# whatever the columns (Hoerl and Kennard, 1970).
#
# The condition number, $(d_1+\lambda)/(d_p+\lambda)$, says by how much an error of the data may be
# enlarged in the solution. Two of the blood serum measurements, s1 and s2, are nearly the same. In the
# picture s2 is turned towards s1, in four steps, until it is s1.

# %%
found = br.demonstrate.conditioning(ridge)
found

# %%
print(found)

# %% [markdown]
# At the top, each line is flat until λ reaches the smallest eigenvalue, and falls from there on. The last
# one, of two equal columns, would go on to infinity at λ = 0. At every λ > 0 it is finite.
#
# In the middle is the variance of each estimate, over that of the same column if it were alone. At λ = 0
# this is the variance inflation factor, $1/(1-R_j^2)$ with $R_j^2$ of the column on the others. Under
# ridge it is the diagonal of $(X'X+\lambda I)^{-1}X'X(X'X+\lambda I)^{-1}$ times $\lVert x_j\rVert^2$
# (Marquardt, 1970).
#
# At the bottom are the two coefficients. With little penalty they are large and of opposite sign: only
# their sum is known, and their difference fits noise. As λ grows they come together. Of two equal columns
# each has half of the effect at every λ.
#
# The inflation of s1 in the data, as λ → 0, by the formula of textbooks:

# %%
z = (data.X - data.X.mean()) / data.X.std(ddof=0)
others = z.drop(columns="s1")
residual = z["s1"] - others @ np.linalg.lstsq(others, z["s1"], rcond=None)[0]
found = br.demonstrate.conditioning(ridge, ["s1", "s2"], lams=[1e-6])
pd.Series({"1/(1 − R²)": 1 / np.mean(residual**2), "the picture's": found.inflation[0, 0, 0]})

# %% [markdown]
# ## Bias and variance
#
# Suppose that β and σ were known, and the noise drawn again and again. The fitted values
# $\hat f_\lambda$ miss the true $f=\beta_0+X\beta$ by
#
# $$\underbrace{\tfrac1N\,E\lVert\hat f_\lambda-f\rVert^2}_{\text{error}}
# =\underbrace{\tfrac1N\,\lVert E\hat f_\lambda-f\rVert^2}_{\text{bias}^2}
# +\underbrace{\tfrac1N\,E\lVert\hat f_\lambda-E\hat f_\lambda\rVert^2}_{\text{variance}} .$$
#
# For ridge all three are exact: $\hat f_\lambda$ is linear in y. With $v_k$ the eigenvectors of $X'X$,
#
# $$\text{bias}^2=\frac1N\sum_k d_k\Bigl(\frac{\lambda}{d_k+\lambda}\Bigr)^2(v_k'b)^2,\qquad
# \text{variance}=\frac{\sigma^2}{N}\Bigl[1+\sum_k\Bigl(\frac{d_k}{d_k+\lambda}\Bigr)^2\Bigr].$$
#
# Bias grows along each direction as variance falls. At λ = 0 the derivative of bias² is 0 and that of the
# variance is not, so *some* λ > 0 is always better than least squares (Hoerl and Kennard, 1970, §4).
#
# The diabetes data with all squares and products have 64 columns and 442 rows. The truth that the left
# panel supposes is the optimum of the real y. The right panel supposes nothing.

# %%
wide = br.load_dataset("diabetes64")
of_64 = br.Model(br.Normal()).condition(wide.X, wide.y, standardize=True)
br.demonstrate.bias_variance(of_64)

# %% [markdown]
# The right panel is what a reader of one data set can see. On the rows that were fitted, the error falls
# as λ does, to the end: least squares is the best fit to them. On rows that were left out it falls and
# rises again. To the left of its lowest point the fit *overfits*: it follows noise that other rows do
# not have. To the right it *underfits*: it misses effects that all rows share. The lowest point is near
# that of the left panel, which knows why.
#
# For the lasso no formula is known for a general X. Here y is simulated anew 200 times and the whole
# path computed each time; the bands are two Monte Carlo standard errors.

# %%
lasso_64 = br.Model(br.Laplace()).condition(wide.X, wide.y, standardize=True)
br.demonstrate.bias_variance(lasso_64)

# %% [markdown]
# Which penalty has the least error depends on the truth. Two truths of 20 coefficients, over the same
# columns and with the same share of signal: four effects, and twenty. In units of σ² per row, where least
# squares has $(p+1)/N$:

# %%
simulated = br.simulate(n=100, p=20, n_nonzero=4, rho=0.5, snr=1.0, seed=1)
few = simulated.beta.to_numpy()
many = np.random.default_rng(2).normal(size=20)
many *= np.std(simulated.X @ few) / np.std(simulated.X @ many)


def least_error(prior, beta):
    """The smallest error along the path of this prior, were β the truth."""
    problem = br.Model(prior, br.Gaussian(simulated.sigma)).condition(simulated.X, simulated.y)
    found = br.demonstrate.bias_variance(problem, beta)
    return found.error[found.best]


pd.DataFrame(
    {
        name: [least_error(prior, beta) for beta in (few, many)]
        for name, prior in {"ridge": br.Normal(), "lasso": br.Laplace()}.items()
    },
    index=["four effects", "twenty effects"],
).assign(**{"least squares": (20 + 1) / 100}).round(3)

# %% [markdown]
# The lasso gains most where there are few effects. Where there are twenty, it gains no more than ridge.
#
# ## The same data in other units
#
# A penalty counts the size of a coefficient, and that depends on the unit of its column. If the numbers
# of a column are c times as large, its coefficient is β/c, and $\lambda|\beta/c|$ is another penalty: as
# a prior it is another belief. There are two ways to say the same in every unit. One is to convert the
# prior's scale with the unit. The other is to standardise, so that the penalty sees $s_j\beta_j$.

# %%
br.demonstrate.units(lasso)

# %% [markdown]
# Left, the same λ on body mass index in units from 1000 kg/m² to g/m²: the columns as they are, where the
# answer runs from "no effect" to nearly no penalty at all, and the two right ways, which are level. Right,
# what standardising does to each penalty: λ₁ of one original unit is multiplied by the sd of its column,
# and λ₂ by the square of the sd. That is why ridge is the more sensitive of the two to units.
#
# ## Columns that are alike
#
# Body mass index and two copies of it with noise, correlated with it at 0.95. The copies know nothing of y
# that bmi itself does not.

# %%
found = br.demonstrate.grouping(lasso, "bmi")
found

# %%
print(found)

# %% [markdown]
# The lasso takes one and leaves the rest. Ridge shares among all, the more evenly the larger λ₂ is. The
# elastic net has the zeros of the one and the sharing of the other. Zou and Hastie (2005, theorem 1) bound
# how far apart two coefficients can be which enter with one sign: $\lambda_2|b_i-b_j|\le
# \lVert x_i-x_j\rVert\,\lVert y\rVert$, and $\lVert x_i-x_j\rVert^2=2N(1-r)$ for standardised columns.
# The group penalty, $\lambda_1\sqrt m\,\lVert(b_1,\dots,b_m)\rVert$ (Yuan and Lin, 2006), takes all or none.
#
# The bound for the most distant pair of the three, and the largest difference along the elastic net's path:

# %%
pd.Series({"bound": found.bound["elastic net"][0], "largest": found.apart["elastic net"].max()})

# %% [markdown]
# A factor is a group by nature: its levels are one variable. Ships of five types and two periods of
# operation; the lasso brings in some types before others, the group lasso the variable as a whole.

# %%
ships = br.load_dataset("ships").frame.assign(log_incidents=lambda frame: np.log1p(frame.incidents))
problem = br.Model(br.Laplace()).condition_formula("log_incidents ~ type + operated", ships)
br.demonstrate.grouping(problem, [name for name in problem.features if name.startswith("type")])

# %% [markdown]
# ## Exercises
#
# 1. For two standardised columns with correlation r, what are the eigenvalues of $X'X$, and which λ makes
#    the condition number 10 if r = 0.99?
# 2. In the picture of bias and variance the best λ on the left is where two slopes cancel. Show that for
#    one column with $\lVert x\rVert^2=d$ it is λ = σ²/b², the λ of a normal prior with scale |b|.
# 3. Twenty effects of equal size, or one that is twenty times as large: which does the penalty $\lambda\lVert
#    b\rVert_1$ prefer, which $\tfrac12\lambda\lVert b\rVert^2$, and what follows for equal columns?
#
# ## Answers
#
# 1. $N(1+r)$ and $N(1-r)$. The condition number is $(N(1+r)+\lambda)/(N(1-r)+\lambda)=10$ at
#    $\lambda=N\,[(1+r)-10(1-r)]/9=0.21N$. The picture says so too:

# %%
n = len(data.X)
pair = pd.DataFrame({"a": z["bmi"], "b": 0.99 * z["bmi"]})
rest = z["bp"] - np.mean(z["bp"] * z["bmi"]) * z["bmi"]
pair["b"] += np.sqrt(1 - 0.99**2) * rest / rest.std(ddof=0)
two = br.Model(br.Normal()).condition(pair, data.y, standardize=True)
br.demonstrate.conditioning(two, lams=[n * (1.99 - 10 * 0.01) / 9]).number[0]

# %% [markdown]
# 2. bias² + variance, times N, is $[d\lambda^2b^2+\sigma^2d^2]/(d+\lambda)^2$ beside what does not depend on
#    λ. Its derivative is proportional to $\lambda b^2-\sigma^2$. So the least error is at the λ of the prior
#    whose scale is the size of the effect. One column and its optimum:

# %%
one = br.Model(br.Normal(), br.Gaussian(55.0)).condition(z[["bmi"]], data.y)
near = 55.0**2 / 20.0**2 * np.linspace(0.5, 1.5, 1001)
found = br.demonstrate.bias_variance(one, [20.0], lams=near)
pd.Series({"σ²/b²": 55.0**2 / 20.0**2, "least error at": found.lams[found.best]})

# %% [markdown]
# 3. $\lVert b\rVert_1$ is the same for both: the lasso does not care how an effect is divided, so that of
#    equal columns any division is optimal. $\lVert b\rVert^2$ is twenty times smaller for twenty equal parts,
#    so ridge divides evenly.
#
# ## Sources
#
# Hoerl, A. E. and Kennard, R. W. (1970), Ridge regression: biased estimation for nonorthogonal problems,
# *Technometrics* 12(1). Marquardt, D. W. (1970), Generalized inverses, ridge regression, biased linear
# estimation, and nonlinear estimation, *Technometrics* 12(3). Hastie, T., Tibshirani, R. and Friedman, J.
# (2009), *The Elements of Statistical Learning*, 2nd ed., §3.4 and §7.3. Zou, H. and Hastie, T. (2005),
# Regularization and variable selection via the elastic net, *JRSS B* 67(2). Yuan, M. and Lin, Y. (2006),
# Model selection and estimation in regression with grouped variables, *JRSS B* 68(1).
