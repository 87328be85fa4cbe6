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
# Nothing here needs PyMC, and no cell takes more than a second or two.

# %%
# %matplotlib inline
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

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
# The certificate is a statement about the posterior *given σ and scale*: no coefficient vector whatever
# has a log posterior higher than ours by more than this many nats.
#
# Left, minus the log density of three priors: two are penalties, and the horseshoe's falls without bound
# at 0. It does so as slowly as a logarithm of a logarithm, so the arrow stands for what no axis can show.
# Right, where the lasso leads: every optimum from λ_max down.

# %% alt="Left, minus the log density of three priors over a coefficient: a parabola for Normal, a V for Laplace, and a cusp for the horseshoe that falls without bound at 0. Right, the ten coefficients of the lasso along λ, which shrink and reach 0 one after another; a dashed line marks the λ of the prior."
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
side = np.geomspace(1e-6, 40, 2000)
beta = np.concatenate([-side[::-1], side])
for prior, colour in (
    (br.Normal(12.0), "#0072B2"),
    (br.Laplace(12.0), "#D55E00"),
    (br.Horseshoe(12.0), "#009E73"),
):
    left.plot(beta, -prior.log_density(beta, 12.0), color=colour, label=type(prior).__name__)
left.annotate("", (0, -1.0), (0, 1.2), arrowprops={"arrowstyle": "->", "color": "#009E73"})
left.annotate("−∞ at 0", (0.8, -0.8), color="#009E73")
left.set(xlabel="coefficient of one standard deviation", ylabel="− log prior density", ylim=(-1, 9))
left.set_title("Two penalties, and a prior that is none (scale 12)", loc="left")
left.legend(frameon=False, loc="upper center")
left.spines[["top", "right"]].set_visible(False)
br.path(problem).plot(right)
figure.savefig("../figures/prior_is_penalty.png", dpi=150, metadata={"Software": None})

# %% [markdown]
# ## What each does to one estimate
#
# Where columns are uncorrelated, every coefficient is shrunk on its own, so the whole of a penalty is one
# curve: the optimum $b$ against the least-squares estimate $\hat b$. With $N$ rows and unit sds,
#
# $$\text{ridge: } b=\frac{N}{N+\lambda_2}\,\hat b,\qquad
# \text{lasso: } b=\operatorname{sign}(\hat b)\,\max(|\hat b|-\lambda_1/N,\,0).$$
#
# Ridge takes a share of everything; the lasso takes the same amount from everything that it leaves.

# %% alt="The optimum over the least-squares value of one coefficient: a line of lower slope for ridge; for the lasso a line that is 0 around 0 and beyond that one constant step nearer to 0."
n, sigma, scale = 8, 1.0, 0.35
column = np.tile([-1.0, 1.0], n // 2)  # mean 0, sd 1
least_squares = np.linspace(-2, 2, 81)
shrunk = {}
for name, prior in {"ridge": br.Normal(scale), "lasso": br.Laplace(scale)}.items():
    model = br.Model(prior, br.Gaussian(sigma))
    fits = [br.fit_map(model.condition(column[:, None], b * column)) for b in least_squares]
    shrunk[name] = [fit.beta.iloc[0] for fit in fits]
shrunk = pd.DataFrame(shrunk, index=pd.Index(least_squares, name="least squares"))
by_hand = {
    "ridge": n / (n + sigma**2 / scale**2) * least_squares,
    "lasso": np.sign(least_squares) * np.maximum(abs(least_squares) - sigma**2 / scale / n, 0),
}
print("largest difference:", np.abs(shrunk - pd.DataFrame(by_hand, index=shrunk.index)).max().max())
ax = shrunk.plot(figsize=(5, 4), color=["#0072B2", "#D55E00"], ylabel="optimum")
ax.axline((0, 0), slope=1, color="#999999", linewidth=0.8)
plt.show()
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

# %% [markdown]
# ## Where least squares fails
#
# A column twice, or more columns than rows: least squares has no single answer, and a flat prior no
# posterior. A proper prior has both. Ridge shares an effect between two copies of a column; the lasso's
# optimum is not unique there, and the certificate is about the value of the objective, which is.

# %%
twice = data.X[["bmi"]].assign(copy=data.X["bmi"])
try:
    br.fit_map(br.Model(br.Flat()).condition(twice, data.y))
except ValueError as error:
    print(error)
with warnings.catch_warnings(record=True) as said:  # shown below, without the place in this file
    problem = ridge.condition(twice, data.y, standardize=True)
print(said[0].message)
br.fit_map(problem).beta

# %%
wide = br.simulate(n=40, p=200, n_nonzero=4, snr=4.0, seed=1)
model = br.Model(br.Laplace(), br.Gaussian(wide.sigma))
fit = br.fit_map(model.condition(wide.X, wide.y, standardize=True), hyper="cv")
print("truly not zero:", *wide.beta.index[wide.beta != 0])
print(f"kept, {fit.hyper}:", *fit.beta.index[fit.beta != 0])
fit.certificate

# %% [markdown]
# ## To try
#
# 1. `br.ElasticNet(scale=12.0, mix=0.5)` in the place of the lasso: which λ₁ and λ₂ is that, and what is
#    its curve of the one estimate?
# 2. `br.Bridge(0.5, scale=12.0)` is a penalty that is not convex. What does its certificate still claim?
# 3. Halve `sigma`. Which λ moves by four, which by two in `unit="sigma"`, and which not at all?
