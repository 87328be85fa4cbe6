"""Random tables, hostile in part: every outcome is a finite certified answer, or advice of ours.

Nothing else: no error of another library, no warning of NumPy's, no number that is none.
"""

from __future__ import annotations

import warnings
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

import bayesreg as br
from bayesreg.data.moments import Moments
from bayesreg.language.errors import BadArgument, BadData, BayesregWarning, NotSupported

OURS = (BadData, BadArgument, NotSupported)
HOSTILE = [Decimal("sNaN"), Decimal("NaN"), Decimal("1e400"), Decimal("-Infinity"), 10**400, 1e308]
HOSTILE += [Fraction(10**400), np.longdouble("1e400"), np.nan, -np.inf, None, pd.NA, pd.NaT, 2**63]
HOSTILE += [True, 1 + 2j, "1.5", b"2", Decimal("1e-400"), np.float16(3), "x"]


def column(rng, n):
    """One column of a random kind."""
    x = rng.standard_normal(n)
    kinds = [
        lambda: x * 10.0 ** rng.integers(-200, 200),
        lambda: rng.integers(-5, 5, n),
        lambda: np.array([Decimal(repr(float(v))) for v in x], dtype=object),
        lambda: np.array([Fraction(int(v * 100), 7) for v in x], dtype=object),
        lambda: np.array([int(v * 1e3) * 10 ** int(rng.integers(0, 40)) for v in x], dtype=object),
        lambda: x > 0,
        lambda: np.full(n, rng.standard_normal() * 10.0 ** rng.integers(-10, 10)),
        lambda: x + 10.0 ** rng.integers(0, 16),
        lambda: pd.array([int(v * 10) for v in x], dtype="Int64"),
        lambda: pd.Categorical(rng.integers(0, 3, n)),
        lambda: x.astype(np.float32),
        lambda: x.astype(np.longdouble),
        lambda: (x * 100).astype("m8[D]"),
    ]
    return kinds[rng.integers(len(kinds))]()


def table(rng):
    """X and y: half of them plain but for a cell, a column or a copy."""
    n, p = int(rng.choice([0, 1, 2, 3, 5, 8, 20, 20, 40])), int(rng.choice([0, 1, 2, 3, 5, 12, 40]))
    plain = rng.random() < 0.7
    columns = {
        f"c{j}": rng.standard_normal(n) * 10.0 ** rng.integers(-3, 3)
        if plain or rng.random() < 0.6
        else column(rng, n)
        for j in range(p)
    }
    X = pd.DataFrame(columns, index=range(n))
    if n and p and rng.random() < 0.15:
        X = X.astype(object)
        X.iloc[rng.integers(n), rng.integers(p)] = HOSTILE[rng.integers(len(HOSTILE))]
    if p > 1 and rng.random() < 0.1:
        X["c0"] = X["c1"]
    return X, column(rng, n) if rng.random() < 0.1 else rng.standard_normal(n)


PRIORS = [br.Normal(), br.Laplace(), br.Normal(1.0), br.Laplace(0.5), br.Flat(), br.ElasticNet()]
NOISES = [br.Gaussian(), br.Gaussian(1.0), br.Gaussian(br.HalfNormal(1.0))]


def answer(seed):
    """The numbers that one verb gives on one random table."""
    rng = np.random.default_rng(seed)
    X, y = table(rng)
    model = br.Model(PRIORS[rng.integers(len(PRIORS))], NOISES[rng.integers(len(NOISES))])
    weights = rng.integers(0, 3, len(y)) if rng.random() < 0.2 else None
    said = {"standardize": bool(rng.random() < 0.5), "intercept": bool(rng.random() < 0.8)}
    verb = rng.integers(5)
    if verb == 0:
        problem = model.condition(Moments.of(X, y, weights), **said)
    else:
        problem = model.condition(X, y, weights=weights, **said)
    if verb < 2:
        fit = br.fit_map(problem)
        assert fit.certificate.ok
        return [fit.beta, fit.intercept, fit.sigma]
    if verb == 2:
        found = br.closed_form(problem)
        # A t law of one degree of freedom has no mean, and of two no variance.
        moments = [found.mean, found.sd, found.intercept] if problem.nu > 2 else []
        return [found.interval(0.9), *moments]
    if verb == 3:
        walk = br.path(problem, n=5)
        assert all(c.ok for c in walk.certificates)
        return [walk.beta, walk.lam]
    if model.prior != br.Normal(1.0):
        return [br.choose(problem, n=5, folds=3, repeats=1).path.beta]
    return [br.sample(problem, draws=30, chains=2, seed=1).summary()["mean"]]


def outcome(seed):
    """What came of one table: "answer", or the name of our error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", BayesregWarning)
        try:
            numbers = answer(seed)
        except OURS as error:
            return type(error).__name__
    for found in numbers:
        assert np.all(np.isfinite(np.asarray(found, dtype=float)))
    return "answer"


def test_every_outcome_is_an_answer_or_advice():
    found = [outcome(seed) for seed in range(60)]
    assert 12 < found.count("answer") < 55


@pytest.mark.slow
def test_every_outcome_is_an_answer_or_advice_at_length():
    for seed in range(60, 260):
        outcome(seed)


def test_what_is_no_outcome_is_seen(monkeypatch):
    """The control: a number that is none, and an error or a warning that is not ours."""

    def divided(_):
        return [np.zeros(1) / np.zeros(1)]

    monkeypatch.setitem(globals(), "answer", lambda _: [np.nan])
    with pytest.raises(AssertionError):
        outcome(0)
    monkeypatch.setitem(globals(), "answer", divided)
    with pytest.raises(RuntimeWarning, match="invalid value"):
        outcome(0)
    monkeypatch.setitem(globals(), "answer", lambda _: [float("1")] * (1 // 0))
    with pytest.raises(ZeroDivisionError):
        outcome(0)
