"""Every solver and engine × likelihood × prior: it serves, or says what is missing and who does."""

from __future__ import annotations

import re

import numpy as np
import pytest

import bayesreg as br
from bayesreg.engines import ENGINES, base, engine_named
from bayesreg.language.errors import BadArgument, NotSupported
from bayesreg.solvers.by_name import SOLVERS, default_solver
from bayesreg.verbs.fit import default_engine
from tests.cases import LIKELIHOODS, PRIORS, responding
from tests.test_model import condition

pytestmark = pytest.mark.filterwarnings("ignore::bayesreg.language.errors.BayesregWarning")

# One instance of every family with a known scale, and what a prior can be beside that.
KNOWN = {name: row[0] for name, (_, row) in PRIORS.items()}
KNOWN |= {
    "Flat": br.Flat(),
    "Flat and Laplace": {"c1": br.Flat(), ...: br.Laplace(0.8)},
    "Normal and Laplace": {"c0": br.Normal(0.8), ...: br.Laplace(0.5)},
    "groups": br.Laplace(0.8, groups=[("c0", "c2")]),
    "groups without a penalty": br.Horseshoe(0.8, groups=[("c0", "c2")]),
    "per column": br.Laplace([0.5, 0.8, 1.1]),
}
MODELS = [(name, prior) for name in LIKELIHOODS for prior in KNOWN]
TABLE = pytest.mark.parametrize("likelihood, prior", MODELS)
# A graph of PyMC is a prior's beside a likelihood's: each of both is in a third of the pairs.
THIRD = [
    (name, prior)
    for i, name in enumerate(LIKELIHOODS)
    for j, prior in enumerate(KNOWN)
    if (i + j) % 3 == 0
]


def problem_of(likelihood, prior):
    """Weighted rows of three columns; under Gaussian noise σ is known, so that λ is."""
    case = next(c for c in responding(likelihood) if c.name == "weighted")
    return condition(case, br.Model(KNOWN[prior], LIKELIHOODS[likelihood].likelihood))


@TABLE
def test_each_solver_serves_or_names_one_that_does(likelihood, prior):
    problem = problem_of(likelihood, prior)
    optima, refusals = {}, []
    for name in SOLVERS:
        try:
            optima[name] = br.fit_map(problem, solver=name).b
        except NotSupported as error:
            refusals.append(str(error))
    if problem.penalty.why_no_map is not None:
        assert not optima
        assert all("no MAP" in text or "has a group penalty" in text for text in refusals)
        assert all("use sample" in text for text in refusals)
        return
    for text in refusals:
        better = re.search(r"use (?:solver=')?(\w+)", text)
        assert better, text
        assert better[1] in optima, text
    first = optima[default_solver(problem)]
    for b in optima.values():
        np.testing.assert_allclose(b, first, rtol=1e-7, atol=1e-9)


@TABLE
def test_each_engine_serves_or_names_one_that_does(likelihood, prior):
    """Draws are asked of all but NUTS, whose compilation takes seconds."""
    problem = problem_of(likelihood, prior)
    served = 0
    for name in ENGINES:
        reason = engine_named(name).supports(problem)
        if reason is None:
            served += 1
            if name == "nuts":
                continue
            draws = base.run(engine_named(name), problem, draws=4, chains=1, tune=4, seed=1)
            assert np.isfinite(draws.beta).all()
            assert draws.beta.shape == (1, 4, 3)
            continue
        with pytest.raises(NotSupported) as caught:
            br.sample(problem, engine=name, draws=4)
        assert reason in str(caught.value)
        better = re.search(r"use engine='(\w+)'", str(caught.value))
        assert better, caught.value
        assert engine_named(better[1]).supports(problem) is None
    assert served
    assert engine_named(default_engine(problem)[0]).supports(problem) is None


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("likelihood, prior", THIRD)
def test_nuts_serves_every_prior_and_likelihood(likelihood, prior):
    problem = problem_of(likelihood, prior)
    draws = br.sample(problem, engine="nuts", draws=20, tune=20, chains=1, seed=1).draws
    assert np.isfinite(draws.beta).all()


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_unknown_names_are_refused_with_those_there_are(likelihood):
    problem = problem_of(likelihood, "Normal")
    with pytest.raises(BadArgument, match=r"closed_form.*newton"):
        br.fit_map(problem, solver="newtn")
    with pytest.raises(BadArgument, match=r"gibbs.*nuts"):
        br.sample(problem, engine="gibs")


@pytest.mark.parametrize("name", [n for n, k in LIKELIHOODS.items() if n != "Gaussian"])
def test_what_is_for_gaussian_noise_says_so(name):
    """Closed forms, evidence and the quadratic itself; Moments keep no rows."""
    problem = problem_of(name, "Normal")
    unknown = condition(
        next(c for c in responding(name) if c.name == "weighted"),
        br.Model(br.Laplace(), LIKELIHOODS[name].likelihood),
    )
    if unknown.likelihood.self_concordant and not unknown.unknown:  # of the quadratic that touches
        assert br.fit_map(unknown, hyper="evidence").certificate.ok
    else:
        with pytest.raises(NotSupported, match="use hyper='cv'"):
            br.fit_map(unknown, hyper="evidence")
    for ask in (
        lambda: br.closed_form(problem),
        lambda: br.fit_map(unknown, hyper="joint"),
        lambda: problem.gram,
        lambda: problem.yy,
        lambda: br.Model(br.Normal(1.0), LIKELIHOODS[name].likelihood).condition(problem.moments),
    ):
        with pytest.raises(NotSupported, match=r"use |condition on|is for|touching"):
            ask()


def test_a_refusal_that_names_nobody_would_be_seen():
    """Negative control of the two laws above: their pattern is not met by any message."""
    assert not re.search(r"use (?:solver=')?(\w+)", "solver 'homotopy' cannot serve: it is slow")
