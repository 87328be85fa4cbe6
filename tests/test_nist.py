"""NIST StRD least squares through Flat(): correct digits of coefficients and standard errors."""

from __future__ import annotations

import numpy as np
import pytest

import bayesreg as br
from tests import nist

pytestmark = pytest.mark.filterwarnings("ignore::bayesreg.language.errors.BayesregWarning")

# Digits that must be reached; the powers of a polynomial are stored rounded, which bounds Filip.
DIGITS = {
    "Norris": 11,
    "Pontius": 11,
    "NoInt1": 13,
    "NoInt2": 13,
    "Filip": 6.5,
    "Longley": 11,
    "Wampler1": 9,
    "Wampler2": 11,
    "Wampler3": 9,
    "Wampler4": 7.5,
    "Wampler5": 5.5,
}
PERFECT = {"Wampler1", "Wampler2"}  # residual sd 0: no posterior under an unknown σ


def _fit(case, likelihood):
    model = br.Model(br.Flat(), likelihood)
    return model.condition(case["X"], case["y"], intercept=case["intercept"])


@pytest.mark.parametrize("name", DIGITS)
def test_coefficients(name):
    """Intercept included; by fit_map and by the closed form."""
    case = nist.case(name)
    fit = br.fit_map(_fit(case, br.Gaussian()))
    estimate = np.r_[[fit.intercept] if case["intercept"] else [], fit.beta]
    assert fit.certificate.ok
    assert nist.digits(estimate, case["coef"]).min() >= DIGITS[name]
    closed = br.closed_form(_fit(case, br.Gaussian(1.0)))
    slopes = case["coef"][int(case["intercept"]) :]
    assert nist.digits(closed.mean, slopes).min() >= DIGITS[name]


@pytest.mark.parametrize("name", [n for n in DIGITS if n not in PERFECT])
def test_standard_errors(name):
    """The posterior is Student-t with n − p df: sd·√((df − 2)/df) is the certified error."""
    case = nist.case(name)
    closed = br.closed_form(_fit(case, br.Gaussian()))
    assert closed.df == len(case["y"]) - len(case["coef"])
    certified = case["se"][int(case["intercept"]) :]
    width = np.diff(closed.interval(0.5).to_numpy())[:, 0]
    from scipy.stats import t

    error = width / (2 * t.ppf(0.75, closed.df))
    assert nist.digits(error, certified).min() >= DIGITS[name] - 1


def test_wrong_data_lose_the_digits():
    """Negative control: one y moved by a millionth costs all but a few digits."""
    case = nist.case("Norris")
    case["y"][3] *= 1 + 1e-6
    fit = br.fit_map(_fit(case, br.Gaussian()))
    assert nist.digits(np.r_[fit.intercept, fit.beta], case["coef"]).min() < 8
