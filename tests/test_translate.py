"""Laws of the translator: every record's objective is a multiple of J, both ways, or a refusal.

The objectives of the libraries are written out here once more, as they are published; what a record
says in its formulae must make them c·J + constant at any point. So their minima are those of J.
"""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.special import gammaln

import bayesreg as br
from bayesreg.conventions import CONVENTIONS, NAMES, REFUSED, named
from bayesreg.language.errors import BadArgument, BadData, NotSupported, UnknownArgument
from bayesreg.model.conversion import alternatives

SIGMA, SHAPE, N, P = 1.7, 2.5, 40, 3
RNG = np.random.default_rng(13)
X = RNG.normal(size=(N, P)) * [0.5, 2.0, 3.0] + [0.0, 4.0, -1.0]
ETA = (X - X.mean(0)) @ [0.8, -0.3, 0.2] + 0.4
Y = {
    "Gaussian": ETA + 3.0 * RNG.normal(size=N) + 5.0,
    "Bernoulli": (RNG.uniform(size=N) < 1 / (1 + np.exp(-ETA))).astype(float),
    "Poisson": RNG.poisson(np.exp(ETA)).astype(float),
}
Y |= {"NegativeBinomial": Y["Poisson"], "Binomial": np.minimum(Y["Poisson"], 5.0)}
Y |= {"StudentTNoise": Y["Gaussian"], "LaplaceNoise": Y["Gaussian"]}
LIKELIHOODS = {
    "Gaussian": br.Gaussian(SIGMA),
    "Bernoulli": br.Bernoulli(),
    "Poisson": br.Poisson(),
    "NegativeBinomial": br.NegativeBinomial(shape=SHAPE),
    "Binomial": br.Binomial(),
    "StudentTNoise": br.StudentTNoise(df=4.0, sigma=SIGMA),
    "LaplaceNoise": br.LaplaceNoise(sigma=SIGMA),
}
PRIORS = {
    "ridge": br.Normal(0.6),
    "lasso": br.Laplace(0.4),
    "elastic net": br.ElasticNet(0.5, mix=0.3),
}
SD = X.std(0)
SIZES = {"raw": 1.0, "sd": SD, "sd1": X.std(0, ddof=1), "norm": SD * np.sqrt(N)}


def minus_log_likelihood(name, y, eta):
    """−log p(y | η) up to what does not depend on η, in sums."""
    r = y - eta
    log_mean = eta - np.log(SHAPE + np.exp(eta))
    rows = {
        "Gaussian": r**2 / (2 * SIGMA**2),
        "Bernoulli": np.logaddexp(0, eta) - y * eta,
        "Poisson": np.exp(eta) - y * eta,
        "NegativeBinomial": -gammaln(y + SHAPE) - SHAPE * (log_mean - eta) - y * log_mean,
        "Binomial": 5 * np.logaddexp(0, eta) - y * eta,
        "StudentTNoise": 2.5 * np.log1p(r**2 / (4 * SIGMA**2)),
        "LaplaceNoise": np.abs(r) / SIGMA,
    }
    return rows[name].sum()


def at(name, beta, level, *, first_scaled=False):
    """What published objectives are made of, at one point; columns may have been scaled before."""
    y, eta = Y[name], level + X @ beta
    values = SimpleNamespace(
        rss=float(np.sum((y - eta) ** 2)), nll=minus_log_likelihood(name, y, eta), n=N, level=level
    )
    values.unit = values.rss / 2 if name == "Gaussian" else values.nll  # −log L at σ = 1
    values.deviation = float(np.abs(y - eta).sum())
    values.beta, values.sd_y = beta, float(np.std(y))
    for size, factor in (SIZES | {"raw": SD} if first_scaled else SIZES).items():
        scaled = factor * beta
        setattr(values, f"l1_{size}", float(np.abs(scaled).sum()))
        setattr(values, f"l2_{size}", float(scaled @ scaled))
    return values


@cache
def points(name, first_scaled, intercept):
    """A dozen points at random."""
    rng = np.random.default_rng(0)
    level = 1.0 if intercept else 0.0
    drawn = [(0.3 * rng.normal(size=P), level * rng.normal()) for _ in range(12)]
    return [at(name, *one, first_scaled=first_scaled) for one in drawn]


def net(one, size, strength, share, ridge=1.0):
    """The elastic net's penalty: strength·[share·‖·‖₁ + ½(1 − share)·ridge·‖·‖²]."""
    l1, l2 = getattr(one, f"l1_{size}"), getattr(one, f"l2_{size}")
    return strength * (share * l1 + (1 - share) / 2 * ridge * l2)


# As published: (arguments, point) to value.
SKLEARN = {
    "Ridge": lambda a, v: v.rss + a["alpha"] * v.l2_raw,
    "Lasso": lambda a, v: v.rss / (2 * N) + a["alpha"] * v.l1_raw,
    "LassoLars": lambda a, v: v.rss / (2 * N) + a["alpha"] * v.l1_raw,
    "ElasticNet": lambda a, v: v.rss / (2 * N) + net(v, "raw", a["alpha"], a["l1_ratio"]),
    "BayesianRidge": lambda a, v: a["alpha_"] / 2 * v.rss + a["lambda_"] / 2 * v.l2_raw,
    "ARDRegression": lambda a, v: a["alpha_"] / 2 * v.rss + a["lambda_"] @ v.beta**2 / 2,
    "LogisticRegression": lambda a, v: a["C"] * v.nll + net(v, "raw", 1.0, a["l1_ratio"]),
    "PoissonRegressor": lambda a, v: v.nll / N + a["alpha"] / 2 * v.l2_raw,
    "TweedieRegressor": lambda a, v: v.unit / N + a["alpha"] / 2 * v.l2_raw,
    # Inside epsilon H(z) = z², so that Σ[σ + H(r/σ)σ] is RSS/σ and a constant.
    "HuberRegressor": lambda a, v: v.rss / a["scale_"] + a["alpha"] * v.l2_raw,
    "QuantileRegressor": lambda a, v: v.deviation / 2 / N + a["alpha"] * v.l1_raw,
    "SGDRegressor": lambda a, v: v.rss / (2 * N) + net(v, "raw", a["alpha"], sgd(a)),
    "SGDClassifier": lambda a, v: v.nll / N + net(v, "raw", a["alpha"], sgd(a)),
}


def sgd(a):
    """The share of L1 that SGD's `penalty` says."""
    return {"l2": 0.0, "l1": 1.0}.get(a["penalty"], a.get("l1_ratio"))


def size_of(a, name, off, size):
    """The size of columns: `size`, or raw where argument `name` is `off`."""
    return "raw" if a.get(name) is off else size


def dask(a, v, loss):
    """Loss + lamduh·(½‖β‖² or ‖β‖₁); the level is 0, since it would be penalised."""
    assert v.level == 0.0
    strength = a["lamduh"] if "lamduh" in a else 1 / a["C"]
    kind = a.get("regularizer", a.get("penalty"))
    size = size_of(a.get("solver_kwargs", {}), "normalize", False, "sd")
    norm = getattr(v, f"{kind}_{size}")
    return loss + strength * (norm / 2 if kind == "l2" else norm)


def glmnet(a, v, lam, ridge):
    """RSS/2n or −log L/n + λ[½(1 − α)‖β‖²·ridge + α‖β‖₁]."""
    return v.unit / N + net(v, size_of(a, "standardize", False, "sd"), lam, a["alpha"], ridge)


def spark(a, v, loss, ridge):
    size = size_of(a, "standardization", False, "sd1")
    return loss + net(v, size, a["regParam"], a["elasticNetParam"], ridge)


def rstanarm(a, v, name, power):
    """Scales of an autoscaled prior are multiplied by sd(y)/sd(x), with divisor n − 1."""
    size = "sd1" if a["autoscale"] else "raw"
    gaussian = a["autoscale"] and name == "Gaussian"
    scale = a["scale"] * (np.std(Y[name], ddof=1) if gaussian else 1.0)
    return v.nll + (getattr(v, f"l2_{size}") / (2 * scale**2) if power == 2 else v.l1_raw / scale)


def prior(a, v, power):
    """−log posterior under Normal(0, s²) or Laplace(s)."""
    (scale,) = (value for value in a.values() if isinstance(value, float))
    return v.nll + (v.l2_raw / (2 * scale**2) if power == 2 else v.l1_raw / scale)


def published(name, likelihood):
    """The objective of a library's function."""
    home, _, last = name.partition(".")
    if home == "sklearn":
        return SKLEARN[last]
    if home == "statsmodels":
        if last.startswith(("Logit", "Poisson")):
            return lambda a, v: v.nll + a["alpha"] * v.l1_raw
        # GLM divides −log L at scale 1 by n, as OLS does RSS/2.
        return lambda a, v: v.unit / N + net(v, "raw", a["alpha"], a["L1_wt"])
    if home in ("dask_glm", "dask_ml"):
        return lambda a, v: dask(a, v, v.rss if likelihood == "Gaussian" else v.nll)
    ridge_scale = float(np.std(Y[likelihood]))
    table = {
        "celer.Lasso": SKLEARN["Lasso"],
        "skglm.Lasso": SKLEARN["Lasso"],
        "celer.ElasticNet": SKLEARN["ElasticNet"],
        "skglm.ElasticNet": SKLEARN["ElasticNet"],
        "celer.LogisticRegression": lambda a, v: v.nll + v.l1_raw / a["C"],
        "skglm.SparseLogisticRegression": lambda a, v: (
            v.nll / N + net(v, "raw", a["alpha"], a["l1_ratio"])
        ),
        "glum.GeneralizedLinearRegressor": lambda a, v: (
            v.unit / N + net(v, "raw", a["alpha"], a["l1_ratio"])
        ),
        "pybiglasso.BiglassoClassifier": lambda a, v: (
            v.nll / N + net(v, "sd", a["alpha"], a["l1_ratio"])
        ),
        "adelie.grpnet": lambda a, v: v.unit / N + net(v, "raw", a["lmda_path"][0], a["alpha"]),
        "xgboost.gblinear": lambda a, v: (
            v.unit / N + a["lambda"] / 2 * v.l2_raw + a["alpha"] * v.l1_raw
        ),
        "abess.LinearRegression": lambda a, v: v.rss / 2 + a["alpha"] / 2 * v.l2_sd,
        "abess.LogisticRegression": lambda a, v: v.nll + a["alpha"] * v.l2_sd,
        "abess.PoissonRegression": lambda a, v: v.nll + a["alpha"] * v.l2_sd,
        "fastridge.RidgeLOOCV": lambda a, v: (
            v.rss + a["alphas"][0] * getattr(v, "l2_" + size_of(a, "normalize", False, "sd"))
        ),
        "fastridge.RidgeEM": lambda a, v: v.rss + a["alpha_"] * v.l2_sd,
        "torch.optim.SGD": lambda a, v: (
            (v.rss if likelihood == "Gaussian" else v.nll) / N + a["weight_decay"] / 2 * v.l2_raw
        ),
        "keras.regularizers.L1L2": lambda a, v: (
            (v.rss if likelihood == "Gaussian" else v.nll) / N
            + a["l1"] * v.l1_raw
            + a["l2"] * v.l2_raw
        ),
        # The C++ code divides the ridge part by sd(y): it fits y/sd(y) at λ/sd(y).
        "glmnet": lambda a, v: glmnet(
            a, v, a["lambda"], 1 / ridge_scale if a["family"] == "gaussian" else 1.0
        ),
        "glmstar.GaussNet": lambda a, v: glmnet(a, v, a["lambda_values"][0], 1 / ridge_scale),
        "glmstar.LogNet": lambda a, v: glmnet(a, v, a["lambda_values"][0], 1.0),
        "glmstar.FishNet": lambda a, v: glmnet(a, v, a["lambda_values"][0], 1.0),
        "MASS.lm.ridge": lambda a, v: v.rss + a["lambda"] * v.l2_sd,
        "R.bayesreg.ridge": lambda a, v: v.nll + v.l2_norm / (2 * SIGMA**2 * a["tau"] ** 2),
        # λ_j² ~ Exp(1) with variance σ²τ²λ_j²: Laplace of scale στ/√2.
        "R.bayesreg.lasso": lambda a, v: v.nll + v.l1_norm / (SIGMA * a["tau"] / np.sqrt(2)),
        "monomvn.blasso": lambda a, v: (
            v.nll
            + np.sqrt(a["lambda2"])
            / SIGMA
            * getattr(v, "l1_" + size_of(a, "normalize", False, "norm"))
        ),
        "bayesreg.ElasticNet": lambda a, v: (
            v.nll
            + a["mix"] / a["scale"] * v.l1_raw
            + (1 - a["mix"]) / (2 * a["scale"] ** 2) * v.l2_raw
        ),
        "brms.default": lambda a, v: v.nll,
        "bambi.default": lambda a, v: v.nll + v.l2_sd / (2 * (2.5 * ridge_scale) ** 2),
        "rstanarm.normal": lambda a, v: rstanarm(a, v, likelihood, 2),
        "rstanarm.laplace": lambda a, v: rstanarm(a, v, likelihood, 1),
        "matlab.lasso": lambda a, v: (
            v.rss / (2 * N)
            + net(v, size_of(a, "Standardize", False, "sd"), a["Lambda"], a["Alpha"])
        ),
        "matlab.lassoglm": lambda a, v: (
            v.nll / N + net(v, size_of(a, "Standardize", False, "sd"), a["Lambda"], a["Alpha"])
        ),
        "matlab.ridge": lambda a, v: v.rss + a["k"] * v.l2_sd1,
        "stata.elasticnet": lambda a, v: v.rss / (2 * N) + net(v, "sd", a["lambda"], a["alpha"]),
        "stata.lasso": lambda a, v: v.rss / (2 * N) + a["lambda"] * v.l1_sd,
        "stata.lasso2": lambda a, v: (
            v.rss + net(v, size_of(a, "unitloadings", True, "sd"), a["lambda"], a["alpha"])
        ),
        "spark.LinearRegression": lambda a, v: spark(
            a, v, v.rss / (2 * N), 1 / float(np.std(Y[likelihood], ddof=1))
        ),
        "spark.LogisticRegression": lambda a, v: spark(a, v, v.nll / N, 1.0),
    }
    table["torch.optim.Adam"] = table["torch.optim.SGD"]
    for one in ("bayesreg.Normal", "pymc.Normal", "brms.normal", "bambi.Normal"):
        table[one] = lambda a, v: prior(a, v, 2)
    for one in ("bayesreg.Laplace", "pymc.Laplace", "brms.double_exponential", "bambi.Laplace"):
        table[one] = lambda a, v: prior(a, v, 1)
    return table[name]


@cache
def condition(name, kind, standardize, intercept=True):
    model = br.Model(PRIORS[kind], LIKELIHOODS[name])
    trials = {"trials": np.full(N, 5)} if name == "Binomial" else {}
    return model.condition(X, Y[name], standardize=standardize, intercept=intercept, **trials)


def not_affine(name, objective, arguments, given, factor=1.0, *, first_scaled=False):
    """How far an objective is from c·J + constant, at random points, relative to how it varies."""
    sigma = SIGMA if LIKELIHOODS[name].has_sigma else 1.0
    phi = float(LIKELIHOODS[name].dispersion({"sigma": sigma}))
    theirs, ours = [], []
    for v in points(name, first_scaled, given.intercept):
        b = v.beta * (SD if given.standardize else 1.0)
        j = phi * v.nll + factor * (
            np.sum(given.l1 * np.abs(b)) + 0.5 * np.sum(given.l2 * np.square(b))
        )
        theirs.append(objective(arguments, v))
        ours.append(j)
    design = np.column_stack([ours, np.ones(len(ours))])
    residual = theirs - design @ np.linalg.lstsq(design, np.array(theirs), rcond=None)[0]
    return float(np.abs(residual).max() / np.ptp(theirs))


KINDS = {"ridge": (False, True), "lasso": (True, False), "elastic net": (True, True)}


def rows():
    """Every record that can be written, with each likelihood whose loss it has."""
    for place, record in enumerate(CONVENTIONS):
        for name in () if record.one_way else record.likelihoods:
            yield pytest.param(record, name, id=f"{place}-{record.name}-{name}")


def alone(arguments):
    """Arguments, λ's out of their lists."""
    return {key: value[0] if type(value) is list else value for key, value in arguments.items()}


@pytest.mark.parametrize("standardize", [False, True], ids=["raw", "sd"])
@pytest.mark.parametrize("record, name", list(rows()))
def test_every_objective_is_ours_times_a_constant(record, name, standardize):
    """The published objective at the arguments is c·J + constant; and the arguments say J again."""
    intercept = record.intercept == "free" or bool(record.spare)
    facts = {"sd_y": np.std(Y[name]), "rms_y": np.sqrt(np.mean(Y[name] ** 2))}
    kin = [one for one in named(record.name) if name in one.likelihoods]
    first_scaled = standardize and all(one.columns == "raw" for one in kin)
    objective = published(record.name, name)
    for kind in (kind for kind, wanted in KINDS.items() if not record.lacks(*wanted)):
        penalty = condition(name, kind, standardize, intercept).penalty
        if kind == "ridge" and record.never_ridge:
            with pytest.raises(NotSupported, match="needs a λ₁"):
                penalty.to(record.name, **facts)
            continue
        if not standardize and all(one.columns != "raw" and one.raw is None for one in kin):
            with pytest.raises(NotSupported, match="weight for each column"):
                penalty.to(record.name, **facts)
            continue
        arguments = penalty.to(record.name, **facts)
        assert ("StandardScaler" in (arguments.needs or "")) == first_scaled
        how = {"first_scaled": first_scaled}
        assert not_affine(name, objective, arguments, penalty, **how) < 1e-12
        for factor in (2.0, N, 1 / N, np.std(Y["Gaussian"])):  # the control: λ off by so much
            assert not_affine(name, objective, arguments, penalty, factor, **how) > 1e-4
        returns(record, name, penalty, arguments, facts)


def returns(record, name, penalty, arguments, facts):
    """The arguments say the same λ's again, and those the same arguments."""
    settled = {
        "likelihood": LIKELIHOODS[name],
        "standardize": penalty.standardize,
        "intercept": penalty.intercept,
        "sigma": SIGMA if LIKELIHOODS[name].has_sigma else None,
        "n": N,
    }
    back = br.Penalty.from_(record.name, **(settled | facts | arguments))
    assert (back.l1, back.l2) == pytest.approx((penalty.l1, penalty.l2), rel=1e-12, abs=1e-13)
    again = back.to(record.name)
    assert list(again) == list(arguments)
    for key, value in alone(arguments).items():
        same = pytest.approx(value, rel=1e-12, abs=1e-14) if type(value) is float else value
        assert alone(again)[key] == same
    assert arguments.objective == again.objective == back.stated.rpartition(" minimises ")[2]


ONE_WAY = {
    "sklearn.BayesianRidge": {"alpha_": 0.4, "lambda_": 3.0},
    "sklearn.ARDRegression": {"alpha_": 0.4, "lambda_": np.array([3.0, 1.0, 0.2])},
    "sklearn.HuberRegressor": {"alpha": 0.3, "scale_": 1.4},
    "fastridge.RidgeEM": {"alpha_": 0.8},
    "R.bayesreg.ridge": {"tau": 0.3},
    "R.bayesreg.lasso": {"tau": 0.3},
    "bambi.default": {},
    "brms.default": {},
}


@pytest.mark.parametrize("name", ONE_WAY)
def test_what_is_only_read_is_read_right(name):
    """Rows whose λ is estimated, or is one number for ever."""
    y = Y["Gaussian"]
    given = br.Penalty.from_(name, y=y, sigma=SIGMA, **ONE_WAY[name])
    objective = published(name, "Gaussian")
    assert not_affine("Gaussian", objective, ONE_WAY[name], given) < 1e-12
    if name != "brms.default":
        assert not_affine("Gaussian", objective, ONE_WAY[name], given, 2.0) > 1e-6
    with pytest.raises(NotSupported, match=f"nothing converts to {name}"):
        condition("Gaussian", "ridge", True).penalty.to(name, sd_y=1.0)


def test_every_row_is_under_test():
    """Each name has a published objective here, and a source; there are more than twenty-five."""
    written = {row.values[0].name for row in rows()}
    assert written | set(ONE_WAY) | {"sklearn.LogisticRegression"} == set(NAMES)
    assert len(NAMES) > 60
    assert all(one.source.startswith("https://") for one in CONVENTIONS)


@pytest.mark.parametrize("penalty, ratio", [("l1", 1.0), ("l2", 0.0), ("elasticnet", 0.7)])
def test_the_older_words_of_logistic_regression(penalty, ratio):
    """penalty= said what l1_ratio says now."""
    old = br.Penalty.from_("sklearn.LogisticRegression", C=0.2, penalty=penalty, l1_ratio=ratio)
    new = br.Penalty.from_("sklearn.LogisticRegression", C=0.2, l1_ratio=ratio)
    assert (old.l1, old.l2) == (new.l1, new.l2)


# --- by the public door --------------------------------------------------------------------------


def test_the_first_example_prints_both_objectives():
    """What a reader sees: both objectives, J between them, what to do first, how it is known."""
    text = repr(br.translate("sklearn.Lasso", "glmnet", alpha=0.1, n=100))
    for part in (
        "sklearn.Lasso(alpha=0.1) minimises ‖y − β₀ − Xβ‖²/(2N) + alpha·‖β‖₁",
        "J = ½‖y − β₀ − Xβ‖² + λ₁‖β‖₁ with λ₁ = N·alpha = 10",
        "glmnet(x, y, lambda=0.1, alpha=1.0, family='gaussian', standardize=FALSE) minimises",
        "checked, source: the library was run",
        "checked: read in the library's source",
    ):
        assert part in text
    conversion = br.translate("glmnet", "sklearn.Lasso", lambda_=0.1, n=100)
    assert conversion == {"alpha": pytest.approx(0.1)}
    assert conversion.needs == "StandardScaler"
    assert "columns at sd 1 (divisor N)" in conversion.source_objective
    shown = conversion._repr_latex_()
    assert shown.startswith("$$")
    assert shown.count("{") == shown.count("}")
    assert r"\lVert y - \beta_0 - X\beta\rVert^2/(2N)" in shown


def test_facts_come_from_numbers_arrays_data_sets_and_problems():
    """The same λ whichever way the data are given; weights count as rows."""
    data = br.load_dataset("diabetes")
    y = data.y.to_numpy()
    sigma = 54.0
    problem = br.Model(br.Normal(3.0), br.Gaussian(sigma)).condition(data.X / data.X.std(), y)
    said = [
        {"n": len(y), "sd_y": y.std()},
        {"data": data},
        {"X": data.X, "y": y},
        {"data": problem},
    ]
    found = [br.translate("sklearn.Ridge", "glmnet", alpha=3.0, **one)["lambda"] for one in said]
    assert found == pytest.approx([found[0]] * 4, rel=1e-12)
    # A row with weight 2 is two rows.
    w = np.where(np.arange(len(y)) < 10, 2.0, 1.0)
    twice = np.r_[y, y[:10]]
    one = br.translate("sklearn.Ridge", "glmnet", alpha=3.0, y=y, weights=w)
    other = br.translate("sklearn.Ridge", "glmnet", alpha=3.0, y=twice)
    assert one["lambda"] == pytest.approx(other["lambda"], rel=1e-12)
    assert one["lambda"] != pytest.approx(found[0], rel=1e-4)
    # A problem is a source too, and so are its penalty and what was read.
    by_problem = br.translate(problem, "glmnet")
    by_penalty = br.translate(problem.penalty, "glmnet", sd_y=y.std())
    read = br.Penalty.from_("sklearn.Ridge", alpha=problem.penalty.lam, data=data)
    assert by_problem == by_penalty == pytest.approx(br.translate(read, "glmnet"))
    with pytest.raises(BadArgument, match="likelihood= is settled by the Penalty"):
        br.translate(problem.penalty, "glmnet", likelihood="poisson", sd_y=1.0)


def test_without_an_intercept_glmnet_has_another_divisor():
    """√(Σy²/n) stands where sd(y) stood."""
    y = Y["Gaussian"]
    one = br.translate("sklearn.Ridge", "glmnet", alpha=3.0, fit_intercept=False, y=y)
    assert one["lambda"] == pytest.approx(3.0 * np.sqrt(np.mean(y**2)) / N)
    assert one["intercept"] is False
    with pytest.raises(BadArgument, match="rms_y"):
        br.translate("sklearn.Ridge", "glmnet", alpha=3.0, fit_intercept=False, n=N, sd_y=1.0)


@pytest.mark.parametrize(
    "source, target, given, error, message",
    [
        ("sklearn.Laso", "glmnet", {}, BadArgument, "did you mean 'sklearn.Lasso'"),
        ("Lasso", "glmnet", {}, BadArgument, "several libraries"),
        ("nothing at all", "glmnet", {}, BadArgument, "Known are functions of sklearn, "),
        (3, "glmnet", {}, BadArgument, "source must be"),
        ("sklearn.Lasso", "glmnt", {"alpha": 1, "n": 9}, BadArgument, "did you mean 'glmnet'"),
        ("sklearn.Lasso", "glmnet", {"alpa": 1}, UnknownArgument, "did you mean 'alpha'"),
        ("sklearn.Lasso", "glmnet", {"tol": 1}, UnknownArgument, "bears on its objective"),
        ("sklearn.Lasso", "glmnet", {"alpha": "x", "n": 9}, BadArgument, "must be a number"),
        ("sklearn.Lasso", "glmnet", {"alpha": True, "n": 9}, BadArgument, "must be a number"),
        ("sklearn.Lasso", "glmnet", {"alpha": -1, "n": 9}, BadArgument, "must not be negative"),
        ("sklearn.Lasso", "glmnet", {"alpha": 1, "n": -9}, BadArgument, "n must be positive"),
        ("sklearn.Lasso", "glmnet", {"alpha": 1}, BadArgument, r"needs n \(the number of rows"),
        ("sklearn.Ridge", "glmnet", {"n": 9}, BadArgument, r"needs sd_y \(sd of y"),
        ("sklearn.Ridge", "brms.normal", {}, BadArgument, r"needs sigma \(sd of the noise"),
        ("dask_glm.LinearRegression", "glmnet", {}, NotSupported, "penalises the intercept"),
        ("sklearn.LogisticRegression", "dask_glm.LogisticRegression", {}, NotSupported,
         "penalises the intercept and cannot stop"),
        ("sklearn.LogisticRegression", "celer.LogisticRegression", {"l1_ratio": 1.0}, NotSupported,
         "has no intercept"),
        ("sklearn.LogisticRegression", "glmnet", {"solver": "liblinear"}, NotSupported,
         "liblinear penalises the intercept"),
        ("sklearn.Ridge", "matlab.ridge", {"n": 9}, NotSupported, "a weight for each column"),
        ("sklearn.Ridge", "sklearn.Lasso", {"n": 9}, NotSupported, "has no λ₂"),
        ("sklearn.Ridge", "sklearn.LogisticRegression", {}, NotSupported, "minimises the loss of"),
        ("sklearn.Ridge", "R.bayesreg.ridge", {}, NotSupported, "it draws tau"),
        ("sklearn.SGDClassifier", "glmnet", {"n": 9}, BadArgument, "say loss='log_loss'"),
        ("sklearn.QuantileRegressor", "glmnet", {"quantile": 0.9, "n": 9}, NotSupported,
         "other quantiles"),
        ("glmnet", "sklearn.Lasso", {"lambda_": 1, "family": "cox", "n": 9}, NotSupported,
         "no objective here with family='cox'"),
        ("sklearn.Lasso", "pymc.Laplace", {"alpha": 0, "n": 9, "sigma": 1}, NotSupported,
         "no penalty here"),
        ("sklearn.Lasso", "glmnet", {"data": 3, "alpha": 1}, BadArgument, "data must be"),
        ("sklearn.Lasso", "glmnet", {"y": [1.0, np.nan]}, BadData, "not a finite number"),
        ("sklearn.Lasso", "glmnet", {"y": [1.0, 2.0], "weights": [1.0]}, BadData, "rows"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said_plainly(source, target, given, error, message):
    """Unknown names get the nearest, missing facts are named, and what has no equal is refused."""
    with pytest.raises(error, match=message):
        br.translate(source, target, **given)


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_penalty_on_coefficients_is_refused(name):
    """Weight decay beside Adam's moments, leaves of trees, losses that are no likelihood's."""
    with pytest.raises(NotSupported, match=f"no conversion for {name}"):
        br.translate("sklearn.Ridge", name)


def test_rows_that_nobody_ran_say_so():
    """An unverified row warns on either side."""
    doubtful = [one for one in CONVENTIONS if one.checked == "unverified"]
    assert {"stata.lasso", "matlab.lassoglm"} <= {one.name for one in doubtful}
    there = br.translate("sklearn.Lasso", "stata.lasso", n=9, standardize=True)
    back = br.translate("stata.lasso", "sklearn.Lasso", lambda_=1.0, n=9)
    assert "NOT VERIFIED" in repr(there)
    assert "NOT VERIFIED" in repr(back)
    assert "NOT VERIFIED" not in repr(br.translate("sklearn.Lasso", "celer.Lasso", n=9))


def test_what_was_assumed_is_a_prior():
    """Its penalty is the one that was read: with σ, or in units of σ where none is needed."""
    for name, given in (
        ("sklearn.Ridge", {"alpha": 2.0}),
        ("sklearn.Lasso", {"alpha": 0.2}),
        ("sklearn.ElasticNet", {"alpha": 0.2, "l1_ratio": 0.3}),
    ):
        read = br.Penalty.from_(name, n=N, **given)
        model = br.Model(read.prior(sigma=SIGMA), br.Gaussian(SIGMA))
        penalty = model.condition(X, Y["Gaussian"]).penalty
        assert (penalty.l1, penalty.l2) == pytest.approx((read.l1, read.l2), rel=1e-12)
        assert penalty.kind == read.kind
    ridge = br.Penalty.from_("sklearn.Ridge", alpha=2.0)
    own = br.Model(ridge.prior(), br.Gaussian(SIGMA)).condition(X, Y["Gaussian"]).penalty
    assert own.l2 == pytest.approx(2.0)
    with pytest.raises(BadArgument, match="once σ is known"):
        br.Penalty.from_("sklearn.Lasso", alpha=2.0, n=N).prior()
    logit = br.Penalty.from_("sklearn.LogisticRegression", C=0.25)
    assert logit.prior() == br.Normal(0.5)
    median = br.Penalty.from_("sklearn.QuantileRegressor", alpha=0.1, n=N)
    own = br.Model(median.prior(), br.LaplaceNoise(SIGMA)).condition(X, Y["Gaussian"]).penalty
    assert own.l1 == pytest.approx(median.l1, rel=1e-12)
    assert br.Penalty.from_("sklearn.Ridge", alpha=0.0).prior() == br.Flat()
    with pytest.raises(NotSupported, match="both"):
        _ = br.Penalty.from_("sklearn.ElasticNet", n=N).lam


def test_alternatives_are_named_by_loss():
    """An error that says which functions would do."""
    assert alternatives(br.Poisson(), 0.0, 1.0)[0] == "sklearn.PoissonRegressor"
    assert "glum.GeneralizedLinearRegressor" in alternatives(br.NegativeBinomial(), 1.0, 1.0)
