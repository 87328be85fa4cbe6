"""Posteriors of likelihoods × priors as PyMC has them: written out by hand, summarised, stored.

``python -m tests.reference_pymc ['Poisson Normal' …]`` samples them anew, a minute each; what the
tests read is `saved/pymc.json`, of runs without a divergence and with R̂ ≤ 1.01. The models share no
line with the library's: columns standardised here, priors in their textbook forms, frequencies by
rows written out. An engine's draws are set against the stored means, variances and 5, 50 and 95 %
points with :func:`strays`.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.optimize import minimize
from scipy.special import expit

import bayesreg as br
from bayesreg.engines.draws import array_stats
from tests.cases import LIKELIHOODS, Case

Array = NDArray[np.float64]
FILE = Path(__file__).parent / "saved" / "pymc.json"
LEVELS = (0.05, 0.5, 0.95)
CHAINS, DRAWS, TUNE = 4, 1500, 1000
MOST_RHAT = 1.01

HALF = br.HalfNormal(0.8)
PRIORS: dict[str, Any] = {
    "Normal": br.Normal(HALF, unit="y"),
    "Laplace": br.Laplace(HALF),
    "StudentT": br.StudentT(3.0, HALF, unit="y"),
    "Horseshoe": br.Horseshoe(HALF),
    "R2D2": br.R2D2(0.4, 4.0),
}
# Whose own unknowns are unknown, under the priors that they have by default.
UNKNOWN: dict[str, Any] = {
    "Gaussian": br.Gaussian(),
    "NegativeBinomial": br.NegativeBinomial(),
    "StudentTNoise": br.StudentTNoise(),
    "LaplaceNoise": br.LaplaceNoise(),
}
TRIALS = 7.0
NAMES = [f"{likelihood} {prior}" for likelihood in LIKELIHOODS for prior in PRIORS]


def rows(likelihood: str, n: int = 70, p: int = 3) -> tuple[Case, Array]:
    """Columns of unequal size and mean, frequencies, an offset, and y for effects in two of them.

    Drawn with the first instance of the likelihood in the table of cases.
    """
    rng = np.random.default_rng([11, list(LIKELIHOODS).index(likelihood)])
    X = rng.standard_normal((n, p)) @ [[1.0, 0.4, 0.0], [0.0, 0.7, 0.3], [0.0, 0.0, 1.4]] + 0.5
    offset = np.linspace(-0.4, 0.4, n)
    y = LIKELIHOODS[likelihood].draw(rng, offset + X @ [0.7, 0.0, -0.4] + 0.3)
    return Case(likelihood, X, y, weights=rng.integers(1, 3, n).astype(float)), offset


def problem_of(name: str) -> Any:
    """The problem of a name, ``Poisson Laplace``, conditioned as users do."""
    likelihood, prior = name.split()
    case, offset = rows(likelihood)
    model = br.Model(PRIORS[prior], UNKNOWN.get(likelihood, LIKELIHOODS[likelihood].likelihood))
    trials = np.full(len(offset), TRIALS) if likelihood == "Binomial" else None
    return model.condition(
        case.X, case.y, standardize=True, weights=case.weights, offset=offset, trials=trials
    )


def digest(likelihood: str) -> str:
    """Of the rows: a stored posterior is of these and no others."""
    case, offset = rows(likelihood)
    arrays = (case.X, case.y, case.weights, offset)
    return hashlib.sha256(b"".join(np.asarray(a).round(9).tobytes() for a in arrays)).hexdigest()


# --- written out for PyMC ------------------------------------------------------------------------


def model_of(name: str) -> Any:
    """The model by hand; deterministic nodes are named as the unknowns of draws are."""
    import pymc as pm

    likelihood, prior = name.split()
    case, offset = rows(likelihood)
    assert case.weights is not None
    again = np.repeat(np.arange(len(case.y)), case.weights.astype(int))
    X, y, offset = case.X[again], case.y[again], offset[again]
    mean, sd = X.mean(axis=0), X.std(axis=0)
    with pm.Model() as model:
        level = pm.Flat("level", initval=0.0)
        sigma = None
        if likelihood in ("Gaussian", "StudentTNoise", "LaplaceNoise"):
            log_sigma = pm.Flat("log sigma", initval=float(np.log(y.std())))  # p(σ²) ∝ 1/σ²
            sigma = pm.math.exp(log_sigma)
        Z = (X - mean) / sd
        tangent = _tangent(likelihood, Z, y, offset)
        b = _coefficients(prior, X.shape[1], sigma, _pseudo_sigma(likelihood, y), tangent)
        eta = offset + level + Z @ b
        for j in range(X.shape[1]):
            pm.Deterministic(f"beta[x{j + 1}]", b[j] / sd[j])
        pm.Deterministic("intercept", level - pm.math.sum(b * (mean / sd)))
        _observe(likelihood, y, eta, sigma)
    return model


def _pseudo_sigma(likelihood: str, y: Array) -> float:
    """What stands for σ under R2D2: one over the root of a row's information at a constant fit."""
    n, mean = len(y), y.mean()
    if likelihood in ("Bernoulli", "Binomial"):
        trials = TRIALS if likelihood == "Binomial" else 1.0
        share = (y.sum() + 0.5) / (n * trials + 1.0)
        return float(1.0 / np.sqrt(trials * share * (1.0 - share)))
    # Of negative binomial counts the shape that their variance says: 1/mean + 1/shape.
    more = max(y.var() - mean, 0.0) / mean**2 if likelihood == "NegativeBinomial" else 0.0
    return float(np.sqrt(1.0 / mean + more))


def _coefficients(
    prior: str, p: int, sigma: Any, pseudo: float, tangent: tuple[Array, Array]
) -> Any:
    """b of standardised columns, and ``log scale``, under a prior of the table."""
    import pymc as pm

    if prior == "R2D2":
        share = pm.Beta("R2", 0.4 * 4.0, 0.6 * 4.0)
        ratio = pm.math.sqrt(share / (1.0 - share))
        scale = ratio * (pseudo if sigma is None else 1.0)
        part = pm.Gamma("part", 0.5, 1.0, size=p)  # shares of these have Dirichlet's law
        phi = part / pm.math.sum(part)
        effective = ratio * (pseudo if sigma is None else sigma) * pm.math.sqrt(phi)
    else:
        scale = pm.HalfNormal("scale", 0.8)
        relative = sigma is not None and prior in ("Laplace", "Horseshoe")
        effective = scale * sigma if relative else scale
    pm.Deterministic("log scale", pm.math.log(scale))
    # Centred: the data say enough of two of the columns to keep the scale away from 0.
    if prior == "Normal":
        return pm.Normal("b", 0.0, effective, size=p)
    if prior == "Laplace":
        return pm.Laplace("b", 0.0, effective, size=p)
    if prior == "StudentT":
        return pm.StudentT("b", nu=3.0, mu=0.0, sigma=effective, size=p)
    if prior == "Horseshoe":
        effective = effective * pm.HalfCauchy("local", 1.0, size=p)
    return _normal_along(effective, *tangent)


def _normal_along(sd: Any, centre: Array, precision: Array) -> Any:
    """b ~ N(0, sd²) in coordinates without a funnel, whatever the sds, large or small.

    b = A⁻¹Hc + L⁻ᵀz with A = H + diag(1/sd²) = LL', and z flat: the density of b and |∂b/∂z| are
    all there is to it, so that every c and H give one posterior. Near those of the likelihood, z is
    about standard normal given any sd.
    """
    import pymc as pm
    import pytensor.tensor as pt

    half = pt.linalg.cholesky(pt.constant(precision) + pt.diag(sd**-2.0))
    solve = pt.linalg.solve_triangular
    z = pm.Flat("z", size=len(centre), initval=np.zeros(len(centre)))
    level = solve(half, pt.constant(precision @ centre), lower=True)
    b = solve(half.T, level + z, lower=False)
    size = pt.sum(pt.log(sd) + pt.log(pt.diag(half)))
    pm.Potential("prior of b", -0.5 * pt.sum((b / sd) ** 2) - size)
    return b


def _tangent(likelihood: str, X: Array, y: Array, offset: Array) -> tuple[Array, Array]:
    """Where the likelihood of b has its mode, about, and its precision there, about."""
    laws: dict[str, Any] = {
        "Bernoulli": lambda eta: stats.bernoulli.logpmf(y, expit(eta)),
        "Binomial": lambda eta: stats.binom.logpmf(y, int(TRIALS), expit(eta)),
        "Poisson": lambda eta: stats.poisson.logpmf(y, np.exp(eta)),
        "NegativeBinomial": lambda eta: stats.nbinom.logpmf(y, 2.0, 2.0 / (2.0 + np.exp(eta))),
    }
    noise = 0.7 * float(np.std(y))
    law = laws.get(likelihood, lambda eta: stats.t.logpdf(y, 4.0, eta, noise))
    found = minimize(lambda b: -law(offset + b[0] + X @ b[1:]).sum(), np.zeros(X.shape[1] + 1))
    return found.x[1:], np.linalg.inv(found.hess_inv[1:, 1:])


def _observe(likelihood: str, y: Array, eta: Any, sigma: Any) -> None:
    import pymc as pm

    if likelihood == "Gaussian":
        pm.Normal("y", eta, sigma, observed=y)
    elif likelihood == "Bernoulli":
        pm.Bernoulli("y", logit_p=eta, observed=y.astype(int))
    elif likelihood == "Binomial":
        pm.Binomial("y", n=int(TRIALS), logit_p=eta, observed=y.astype(int))
    elif likelihood == "Poisson":
        pm.Poisson("y", pm.math.exp(eta), observed=y.astype(int))
    elif likelihood == "NegativeBinomial":
        root = pm.HalfNormal("root", 1.0)  # 1/√shape
        pm.Deterministic("log shape", -2.0 * pm.math.log(root))
        pm.NegativeBinomial("y", mu=pm.math.exp(eta), alpha=root**-2.0, observed=y.astype(int))
    elif likelihood == "StudentTNoise":
        df = pm.Gamma("df", 2.0, 0.1)
        pm.Deterministic("log df", pm.math.log(df))
        pm.StudentT("y", nu=df, mu=eta, sigma=sigma, observed=y)
    else:
        pm.Laplace("y", eta, sigma, observed=y)


# --- summaries -----------------------------------------------------------------------------------


def summary(draws: Array) -> dict[str, Any]:
    """Mean, variance and quantiles of draws (chain, draw), each with what its error follows from.

    An error of a mean is its sd over √ESS; of a quantile the ESS of the share below it is kept,
    and quantiles are compared as shares, whose sampling has no tails.
    """
    mean = float(draws.mean())
    square = np.square(draws - mean)
    points = np.quantile(draws, LEVELS)
    below = [effective((draws <= q).astype(float)) for q in points]
    return {
        "mean": [mean, _error(draws)],
        "variance": [float(square.mean()), _error(square)],
        "quantiles": points.tolist(),
        "effective": below,
    }


def effective(draws: Array) -> float:
    """ESS of a mean."""
    size = float(array_stats().ess(draws, chain_axis=0, draw_axis=1, method="mean"))
    return min(size, 1.5 * draws.size)


def _rhat(draws: Array) -> float:
    return float(array_stats().rhat(draws, chain_axis=0, draw_axis=1))


def _error(draws: Array) -> float:
    return float(draws.std() / np.sqrt(effective(draws)))


def strays(stored: dict[str, Any], draws: Array) -> Array:
    """z of mean, variance and the three quantiles of draws (chain, draw) beside a summary."""
    mean, mean_error = stored["mean"]
    variance, variance_error = stored["variance"]
    square = np.square(draws - mean)
    found = [
        (draws.mean() - mean) / np.hypot(_error(draws), mean_error),
        (square.mean() - variance) / np.hypot(_error(square), variance_error),
    ]
    for q, level, size in zip(stored["quantiles"], LEVELS, stored["effective"], strict=True):
        below = (draws <= q).astype(float)
        error = np.sqrt(level * (1.0 - level) * (1.0 / effective(below) + 1.0 / size))
        found.append((below.mean() - level) / error)
    return np.array(found)


def sampled(name: str) -> dict[str, Any]:
    """NUTS's summaries by unknown, the divergences that it met, and the largest R̂."""
    import pymc as pm

    with model_of(name):
        tree = pm.sample(
            DRAWS, tune=TUNE, chains=CHAINS, cores=1, random_seed=20, progressbar=False,
            target_accept=0.97 if name.endswith(("Horseshoe", "R2D2")) else 0.9,
        )  # fmt: skip
    posterior = tree["posterior"]
    kept = [v for v in posterior.data_vars if v.startswith(("beta[", "intercept", "log "))]
    return {
        "digest": digest(name.split(maxsplit=1)[0]),
        "pymc": pm.__version__,
        "divergences": int(tree["sample_stats"]["diverging"].sum()),
        "rhat": max(_rhat(np.asarray(posterior[v])) for v in kept),
        "unknowns": {v: summary(np.asarray(posterior[v])) for v in kept},
    }


def stored() -> dict[str, Any]:
    """What the file has, by name."""
    found: dict[str, Any] = json.loads(FILE.read_text()) if FILE.exists() else {}
    return found


def _rounded(value: Any) -> Any:
    """Numbers to seven digits: errors are a hundredth of what they belong to."""
    if isinstance(value, float):
        return float(f"{value:.7g}")
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    return {k: _rounded(v) for k, v in value.items()} if isinstance(value, dict) else value


def fit_to_keep(found: dict[str, Any]) -> bool:
    """Whether a run may be a reference."""
    return found["divergences"] == 0 and found["rhat"] <= MOST_RHAT


def main(names: list[str]) -> None:
    """Sample and store, one after another, so that nothing is lost when it is stopped."""
    for name in names:
        found = sampled(name)
        if fit_to_keep(found):
            kept = stored() | {name: _rounded(found)}
            lines = [f"{json.dumps(k)}: {json.dumps(kept[k])}" for k in NAMES if k in kept]
            FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")
        said = f"{found['divergences']} divergences, R̂ up to {found['rhat']:.4f}"
        sys.stdout.write(f"{name}: {said}, {'stored' if fit_to_keep(found) else 'left out'}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:] or NAMES)
