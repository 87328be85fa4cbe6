"""A law of every input: a finite answer or advice, and NumPy never speaks instead of us."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import bayesreg as br
from bayesreg.language.errors import BayesregWarning, NotConverged

OURS = (br.BadData, br.BadArgument, br.NotSupported, NotConverged)
PRIORS = (br.Normal, br.Laplace, br.ElasticNet, br.Cauchy, br.StudentT, br.Bridge)
SIGMAS = (1.0, None, br.HalfStudentT(3, 1.0), br.HalfNormal(1.0))


def column(rng, first, n):
    """Ordinary, or in one of the ways in which columns of tables are not."""
    x = rng.standard_normal(n)
    kind = rng.integers(12)
    if kind == 0:
        x *= 10.0 ** rng.uniform(-140.0, 140.0)
    elif kind == 1:
        x += 10.0 ** rng.uniform(0.0, 14.0)
    elif kind == 2:
        x = rng.integers(0, 2, n).astype(float)
    elif kind == 3 and first is not None:
        x = first.copy()
    elif kind == 4 and first is not None:
        x = first * (1.0 + 1e-12 * x)
    elif kind == 5:
        x[:] = 0.0 if rng.random() < 0.5 else 3.0
    elif kind == 6:
        x = rng.standard_cauchy(n)
    return x


def table(rng):
    """X and y of few rows and columns, or none."""
    n, p = (int(rng.choice(sizes)) for sizes in ([1, 2, 3, 5, 8, 25], [0, 1, 2, 5, 8]))
    columns: list[np.ndarray] = []
    for _ in range(p):
        columns.append(column(rng, columns[0] if columns else None, n))
    X = np.column_stack(columns) if columns else np.empty((n, 0))
    y = rng.standard_normal(n)
    kind = rng.integers(8)
    if kind == 0:
        y *= 10.0 ** rng.uniform(-140.0, 140.0)
    elif kind == 1:
        y += 10.0 ** rng.uniform(0.0, 14.0)
    elif kind == 2:
        y = np.round(y)
    elif kind == 3 and p and np.max(np.abs(X)) < 1e100:
        y = X.sum(axis=1)
    return X, y


def model(rng):
    """Any penalty, in either unit, of any size; σ known or with any kind of prior."""
    sigma = SIGMAS[rng.integers(len(SIGMAS))]
    likelihood = br.Gaussian() if sigma is None else br.Gaussian(sigma)
    if rng.random() < 0.1:
        return br.Model(br.Flat(), likelihood)
    family = PRIORS[rng.integers(len(PRIORS))]
    kind = {"q": float(rng.choice([0.5, 0.8, 1.62]))} if family is br.Bridge else {}
    scale = float(rng.choice([1e-6, 1.0, 50.0, 1e6, 1e12]))
    return br.Model(family(scale=scale, unit=str(rng.choice(["y", "sigma"])), **kind), likelihood)


def finite(*values):
    """Whether every number is one."""
    return all(np.all(np.isfinite(np.asarray(v, dtype=float))) for v in values)


def optimum(problem):
    """The MAP, read in every way."""
    fit = br.fit_map(problem)
    repr(fit), fit.summary()
    return fit.certificate.ok and finite(fit.beta, fit.intercept, fit.sigma)


def along(problem):
    """The path, every λ judged."""
    path = br.path(problem, n=8)
    repr(path)
    return finite(path.beta) and len(path.certificates) == 8


def chosen(problem):
    """λ by folds and by what needs none."""
    choice = br.choose(problem, ["cv", "bic"], n=8, folds=3)
    return finite(choice.table["lam"]) and bool(repr(choice))


def closed(problem):
    """The conjugate posterior."""
    found = br.closed_form(problem)
    return not np.any(np.isnan(found.interval(0.9))) and np.isfinite(found.log_evidence)


VERBS = (optimum, along, chosen, closed)


def said(seed):
    """What one table and one verb come to: nothing if all is well, else the fault."""
    rng = np.random.default_rng(seed)
    X, y = table(rng)
    asked, verb = model(rng), VERBS[rng.integers(len(VERBS))]
    how = {"standardize": bool(rng.random() < 0.5), "intercept": bool(rng.random() < 0.6)}
    if rng.random() < 0.2:
        how["weights"] = rng.integers(0, 4, len(y)).astype(float)
    what = f"seed {seed}: {verb.__name__} of {asked} on {X.shape}, {how}"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", BayesregWarning)
        try:
            good = verb(asked.condition(X, y, **how))
        except OURS as error:
            good = len(str(error)) > 20
        except Exception as error:  # noqa: BLE001, whatever it is, it is the fault looked for
            return f"{what}: {type(error).__name__}: {error}"
    return "" if good else f"{what}: neither an answer nor advice"


def faults(seeds):
    """All that went wrong."""
    return [fault for seed in seeds if (fault := said(seed))]


def test_extreme_tables_are_answered_or_advised():
    assert not (found := faults(range(6, 66))), "\n".join(found)


@pytest.mark.slow
def test_many_extreme_tables_are_answered_or_advised():
    assert not (found := faults(range(66, 110))), "\n".join(found)
