"""Laws of the evidence: its maximum against brute force."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import solve_triangular

import bayesreg as br
from bayesreg.gaussian.evidence import maximise_evidence
from bayesreg.language.errors import NotSupported
from tests.cases import CASES
from tests.test_model import condition

pytestmark = pytest.mark.filterwarnings("ignore::bayesreg.language.errors.BayesregWarning")

# Where p ≥ ν and nothing is known of σ the evidence may grow as σ → 0; there σ is given below.
TALL = [c for c in CASES if c.name not in ("wide", "twins and zeros", "scales 1e-12 to 1e12")]
WIDE = next(c for c in CASES if c.name == "wide")


def log_density(problem, sigma, scale):
    """log p(ỹ | σ, scale) up to a constant: a normal on the root's rows, without its algebra."""
    root = problem.root if problem.root is not None else np.linalg.cholesky(cross(problem)).T
    X, y = root[:, :-1], root[:, -1]
    sd = scale * (sigma if problem.blocks[0].prior.unit == "sigma" else 1.0)
    cov = sigma**2 * np.eye(len(y)) + sd**2 * X @ X.T
    half = np.linalg.cholesky(cov)
    extra = problem.nu - len(y)  # degrees of freedom that products have squeezed out of the rows
    fit = np.sum(np.square(solve_triangular(half, y, lower=True)))
    return -np.log(np.diagonal(half)).sum() - 0.5 * fit - extra * np.log(sigma)


def cross(problem):
    """Cross-products of the projected [X y]."""
    return np.block([[problem.gram, problem.xy[:, None]], [problem.xy, problem.yy]])


def test_diabetes_target():
    """Unit-norm columns: λ = .0336959, σ = 54.21416, τ = 295.3412 (ν = 441)."""
    data = br.load_dataset("diabetes")
    X = data.X.to_numpy(float)
    X = (X - X.mean(0)) / np.linalg.norm(X - X.mean(0), axis=0)
    for unit in ("y", "sigma"):
        best = maximise_evidence(br.Model(br.Normal(unit=unit)).condition(X, data.y))
        tau = best.scale * (best.sigma if unit == "sigma" else 1.0)
        assert best.sigma == pytest.approx(54.21416, rel=1e-7)
        assert tau == pytest.approx(295.3412, rel=1e-6)
        assert (best.sigma / tau) ** 2 == pytest.approx(0.0336959, rel=1e-5)
        assert best.at_zero is False


@pytest.mark.parametrize("case", TALL, ids=str)
@pytest.mark.parametrize("unit", ["y", "sigma"])
def test_maximum_beats_every_point_of_a_grid(case, unit):
    """Both unknown: no point on a coarse or a fine grid has a higher density."""
    problem = condition(case, br.Model(br.Normal(unit=unit)))
    best = maximise_evidence(problem)
    assert not best.at_zero
    top = log_density(problem, best.sigma, best.scale)
    for span in (np.log(30.0), 1e-3):
        for ds in np.linspace(-span, span, 9):
            for dc in np.linspace(-span, span, 9):
                here = log_density(problem, best.sigma * np.exp(ds), best.scale * np.exp(dc))
                assert here <= top + 1e-9


@pytest.mark.parametrize("case", [*TALL, WIDE], ids=str)
def test_one_unknown_is_maximised_given_the_other(case):
    """σ known, or the scale in either unit: the best of a fine line of values."""
    steps = np.exp(np.linspace(-6.0, 6.0, 4001))
    for unit in ("y", "sigma"):
        problem = condition(case, br.Model(br.Normal(unit=unit), br.Gaussian(1.1)))
        best = maximise_evidence(problem)
        assert best.sigma == 1.1
        values = [log_density(problem, 1.1, best.scale * f) for f in steps[::40]]
        assert log_density(problem, 1.1, best.scale) >= max(values) - 1e-9
        if case is WIDE and unit == "y":
            continue  # refused: σ unknown and y in the span of X
        problem = condition(case, br.Model(br.Normal(0.7, unit=unit)))
        best = maximise_evidence(problem)
        assert best.scale is None
        values = [log_density(problem, best.sigma * f, 0.7) for f in steps[::40]]
        assert log_density(problem, best.sigma, 0.7) >= max(values) - 1e-9


def test_highest_of_two_maxima_is_taken():
    """One strong column of large norm and many weak ones of small norm: ℓ has two maxima."""
    rng = np.random.default_rng(0)
    q, _ = np.linalg.qr(np.column_stack([np.ones(80), rng.standard_normal((80, 30))]))
    found = set()
    for strength in (1.0, 30.0):
        X = q[:, 1:31] * np.r_[300.0, np.full(29, 0.3)]
        y = 3.0 * q[:, 1] + strength * q[:, 2:31].sum(1) + q[:, 0] + 0.3 * rng.standard_normal(80)
        problem = br.Model(br.Normal(unit="y"), br.Gaussian(0.3)).condition(X, y)
        grid = np.exp(np.linspace(-12.0, 9.0, 400))
        values = np.array([log_density(problem, 0.3, s) for s in grid])
        peaks = np.flatnonzero((values[1:-1] > values[:-2]) & (values[1:-1] >= values[2:])) + 1
        best = maximise_evidence(problem)
        assert log_density(problem, 0.3, best.scale) >= values.max() - 1e-9
        found.add(len(peaks))
    assert 2 in found


@pytest.mark.parametrize("shape", [(60, 4), (20, 40)], ids=str)
def test_maximum_at_zero_is_said(shape):
    """y orthogonal to every column: no effects; and with an effect it is not said."""
    rng = np.random.default_rng(1)
    X = rng.standard_normal(shape)
    if shape[1] > shape[0]:
        X[shape[0] // 2 :] = 0.0
    y = rng.standard_normal(shape[0])
    one = np.column_stack([np.ones(len(y)), X])
    y -= one @ np.linalg.lstsq(one, y, rcond=None)[0]
    for likelihood in (br.Gaussian(), br.Gaussian(1.0)):
        problem = br.Model(br.Normal(), likelihood).condition(X, y)
        best = maximise_evidence(problem)
        assert best.at_zero
        assert best.scale == 0.0
        wanted = problem.sigma or np.sqrt(problem.yy / problem.nu)
        assert best.sigma == pytest.approx(wanted, rel=1e-9)
        louder = br.Model(br.Normal(), likelihood).condition(X, y + 5.0 * X[:, 0])
        assert not maximise_evidence(louder).at_zero


@pytest.mark.parametrize(
    "prior", [br.Laplace(), {"c0": br.Normal(), ...: br.Normal()}], ids=["Laplace", "two scales"]
)
def test_evidence_without_a_closed_form_is_refused(prior):
    """Only Normal priors with one unknown factor have it."""
    with pytest.raises(NotSupported, match="use hyper"):
        maximise_evidence(condition(CASES[0], br.Model(prior)))
