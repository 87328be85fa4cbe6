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
# # A report on real data
#
# The other notebooks explain. This one is what is handed in: one analysis from the question to the
# conclusion, in the order of the Bayesian workflow (Gelman and others, 2020).
#
# ## The question
#
# Of 442 patients with diabetes, ten measurements were taken at the start, and a year later how far the
# disease had progressed (Efron and others, 2004). A clinic asks two things. Which measurements go with
# progression, and by how much? How well is the progression of a new patient foretold?
#
# Settled before the data were fitted: effects are reported with 95 % intervals, each beside the other nine
# columns. An effect is called clear if its interval leaves out 0 under every prior and every variant of
# the last section but one.

# %%
# %matplotlib inline
import warnings

import matplotlib.pyplot as plt
import pandas as pd

import bayesreg as br

data = br.load_dataset("diabetes")
print(data.description)
data.X.assign(progression=data.y).describe().T.drop(columns="count").round(1)

# %% [markdown]
# No value is missing, and none is out of its range. But columns overlap: s1 is total cholesterol, s2 a part
# of it and s4 a ratio of it. What such columns share cannot be divided among them by any method.

# %%
data.X[["s1", "s2", "s3", "s4", "s5"]].corr().round(2)

# %% [markdown]
# ## The model, and priors with their reasons
#
# Progression is a measurement on a continuous scale, so the noise is Gaussian at first, and the checks below
# look at that. Columns are standardised, so that one prior suits all of them. Intercept and σ have the usual
# flat priors, and the scale of each prior is learnt from the data.
#
# Three priors stand for three beliefs. *Ridge*: every measurement matters a little. *Lasso*: most matter
# little and some more. *Horseshoe*, regularised: about four matter and the rest hardly (Piironen and Vehtari,
# 2017). None of them is known to be right, so all three are fitted.
#
# What does each say before the data are seen?

# %%
priors = {
    "ridge": br.Normal(),
    "lasso": br.Laplace(),
    "horseshoe": br.RegularizedHorseshoe(expected_nonzero=4),
}
problem = br.Model(priors["ridge"]).condition(data.X, data.y, standardize=True)
br.demonstrate.before_data(problem, priors)

# %% [markdown]
# Ridge and lasso expect the columns to explain most of the variance, the horseshoe expects little; each
# leaves R² wide open, and effects from a tenth of σ to several σ. That is weak, as intended: no size of an
# effect was known beforehand. The last panel says where that matters: the data will outweigh a prior along all
# directions but the last two, where the overlapping columns differ.
#
# ## The fits

# %%
fits = br.compare(priors, data.X, data.y, standardize=True, seed=1)
fits.brief()

# %% [markdown]
# ## Checks
#
# First the computation. Draws of ridge and lasso are exact or nearly independent, those of the horseshoe are
# of a Markov chain; every optimum has a certificate.

# %%
for name in fits.names:
    print(f"{name:10}", fits[name].post.checks.why)

# %% [markdown]
# Then the model. Each question below has an answer that could have been no.

# %%
post = fits["ridge"].post
post.adequacy

# %% [markdown]
# One answer is a yes with a remark: residuals are about half as wide again where fitted values are high. So an
# interval for a new patient is too wide at low and too narrow at high progression. Replicated data show
# what else the model does not know: it would have some progressions below 0, and there are none, and its single
# peak stands where the data have a slope between a peak near 80 and a shoulder near 260.

# %% alt="Density of the observed progression among 40 replications by the model: the replications have one peak near 150 and reach below 0, the observed has a higher peak near 80, a shoulder near 260, and nothing below 0."
post.plot("ppc")
plt.show()

# %% [markdown]
# ## Comparison
#
# Patients are left out one by one, and each prior is judged by the density it gave them (Vehtari, Gelman and
# Gabry, 2017).

# %%
fits.table[["elpd", "elpd_diff", "dse"]].round(2)

# %% [markdown]
# The differences are a fraction of their standard errors: the data do not choose among these priors. Nor is
# there a need to. The effects are nearly the same.

# %% alt="A row for each of ten columns with the 95 % intervals, posterior means and optima under ridge, lasso and horseshoe: s5, bmi and bp lie right of 0 and sex left of it, and the three priors nearly agree."
fits.plot("forest")
plt.show()

# %% [markdown]
# As an optimum with one λ: the error of patients left out is flat from the smallest λ to about 1000, and rises
# when the penalty takes the large effects.

# %%
lasso = br.Model(br.Laplace()).condition(data.X, data.y, standardize=True)
br.demonstrate.cross_validation(lasso)

# %% [markdown]
# ## What the clinic asked
#
# Which measurements, and by how much: per unit of the measurement, and per standard deviation.

# %%
table = post.effects()[["mean", "eti95_lb", "eti95_ub", "p_positive"]]
table.assign(per_sd=table["mean"] * data.X.std(ddof=0)).round(2)

# %% [markdown]
# A body mass index higher by one goes with a progression higher by 5.5, all else equal. Is it at least 4,
# which the clinic calls relevant?

# %%
post.probability("bmi > 4")

# %%
br.demonstrate.fitted_line(post, "bmi")

# %% [markdown]
# The line is known well, and a patient is not. The dashed lines are the answer to the second question: about
# ±107 about the line, where progression itself runs from 25 to 346. For three patients:

# %%
new = data.X.iloc[[0, 1, 2]]
new[["bmi", "bp", "s5"]].join(post.predict(new, level=0.9).round(0))

# %% [markdown]
# ## Sensitivity
#
# What if something that was chosen had been chosen otherwise? Half and twice the scale that was learnt, 0.28 σ;
# noise with heavy tails; without two of the overlapping columns; with squares and products of all columns.


# %%
def fitted(prior, X=data.X, likelihood="gaussian"):
    """The posterior of one variant."""
    problem = br.Model(prior, likelihood).condition(X, data.y, standardize=True)
    return br.sample(problem, seed=1)


wide = br.load_dataset("diabetes64")
variants = {
    "as reported": post,
    "half the scale": fitted(br.Normal(0.14, unit="sigma")),
    "twice the scale": fitted(br.Normal(0.56, unit="sigma")),
    "Student-t noise": fitted(br.Normal(), likelihood="student_t(df=4)"),
    "without s1, s2": fitted(br.Normal(), data.X.drop(columns=["s1", "s2"])),
    "64 columns": fitted(br.RegularizedHorseshoe(expected_nonzero=8), wide.X),
}


# %%
def said(post, name):
    """Mean and interval of one effect."""
    row = post.effects().loc[name]
    return f"{row['mean']:.1f} ({row['eti95_lb']:.1f} to {row['eti95_ub']:.1f})"


names = ["bmi", "bp", "s5", "sex"]
rows = {key: [said(one, name) for name in names] for key, one in variants.items()}
table = pd.DataFrame(rows, index=names).T
table.assign(elpd=[round(one.loo().elpd, 1) for one in variants.values()])

# %% [markdown]
# bmi, bp and s5 keep their signs and nearly their sizes. The effect of s5 moves most, by a fifth at twice the
# scale, because it overlaps with s1 to s4. That of sex has an interval with 0 in it once products of columns
# are there. Heavy tails predict worse by 15 nats: the noise is not of that kind.
#
# ## Conclusion
#
# * A higher body mass index, blood pressure and s5 (the logarithm of triglycerides) go with more progression,
#   clearly by the rule that was set. Per standard deviation: about 24, 15 and 25 of a scale whose own sd is 77.
# * Sex has a clear effect in five of six variants, so by the rule it is not called clear. Of age, s1, s2, s3, s4
#   and s6 not even the sign is known beside the others. That is no proof that they do not matter: s1 to s4 share
#   what they know.
# * About half of the variance is explained. A new patient's progression is foretold to ±110, too wide for low and
#   too narrow for high values. That may sort patients into groups; it does not decide about one.
# * The prior does not matter here, and the choice of columns matters more.
# * Patients were observed, not treated: what would happen if a body mass index were lowered is another question.
#
# `fits.report("diabetes.html")` writes the same with all tables on one page, and versions and seeds below.
#
# ## Exercises
#
# 1. A colleague measures bmi in pounds per square inch (1 lb/in² = 703.07 kg/m²). Which numbers of this report
#    change?
# 2. Somebody drops the six columns whose intervals hold 0 and reports the rest by least squares. What changes
#    for s5, and what of the report does not hold any more?
# 3. Had there been only the first 50 patients, how much wider were the intervals, and would the prior matter?
#
# ## Answers
#
# 1. The coefficient of bmi is 703.07 times as large, with its interval. All else stays: columns are
#    standardised, so prior, λ, other effects and predictions are the same.

# %%
pounds = fitted(br.Normal(), data.X.assign(bmi=data.X["bmi"] / 703.07))
(pounds.effects()["mean"] / fitted(br.Normal()).effects()["mean"])[["bmi", "bp", "s5"]].round(2)

# %% [markdown]
# 2. The interval of s5 is narrower by two fifths. It is the effect of another question, s5 beside three columns and
#    not nine. And it is too narrow: the columns were chosen with the same y, which the interval does not know.

# %%
kept = fitted(br.Flat(), data.X[names])
pd.Series({"ten columns": said(post, "s5"), "four, chosen by y": said(kept, "s5")})

# %% [markdown]
# 3. About √(442/50) ≈ 3 times as wide; those of s5 twice. Then the prior shows: the horseshoe draws bmi, bp and
#    sex nearer to 0 than ridge does, and under it bmi is not clear any more.

# %%
with warnings.catch_warnings():
    warnings.simplefilter("ignore", br.BayesregWarning)
    few = br.compare(priors, data.X[:50], data.y[:50], standardize=True, seed=1)
pd.DataFrame(
    {name: [said(few[name].post, one) for one in names] for name in few.names}, index=names
)

# %% [markdown]
# ## Sources
#
# Efron, B., Hastie, T., Johnstone, I. and Tibshirani, R. (2004), Least angle regression, *Annals of Statistics* 32(2)
# (the data). Gelman, A. and others (2020), Bayesian workflow, arXiv:2011.01808. Piironen, J. and Vehtari, A. (2017),
# Sparsity information and regularization in the horseshoe and other shrinkage priors, *Electronic Journal of
# Statistics* 11(2). Vehtari, A., Gelman, A. and Gabry, J. (2017), Practical Bayesian model evaluation using
# leave-one-out cross-validation and WAIC, *Statistics and Computing* 27. Gabry, J. and others (2019), Visualization
# in Bayesian workflow, *JRSS A* 182(2).
