"""Effective draws per CPU second under every likelihood: ours, and PyMC, nutpie and NumPyro.

``python -m tests.benchmarks glm posteriors [CASE ...] [--peers]``

The worst effective sample size (ArviZ, bulk) among all β, β₀, log scale and the logarithms of the
likelihood's own unknowns, of four chains, per CPU second from arrays X, y to draws: conditioning,
reference point, pilot and warm-up included. CPU seconds are those of this process and of its
children. A peer runs 1000 draws after 1000 of warm-up on `problem.to_pymc()`; what a later call
takes for one draw is told apart as "compile" and taken off. With ``--peers`` each case is verified
against PyMC by `br.agreement`; a run that disagrees has rate 0.
"""

from __future__ import annotations

import importlib.util
import resource
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

import bayesreg as br
from bayesreg.diagnostics import agreement
from bayesreg.engines.draws import array_stats

HALF = br.HalfNormal(1.0)
NORMAL, HORSESHOE = br.Normal(HALF, unit="y"), br.Horseshoe(HALF, unit="y")
PEERS = ("pymc", "nutpie", "numpyro")
LENGTH, SEED = 4000, 1


@dataclass(frozen=True)
class Case:
    """Rows and columns, how y is drawn of η, and the model; `goal` in effective draws a second."""

    n: int
    p: int
    likelihood: Any
    prior: Any
    y: Callable[[np.random.Generator, Any], Any]
    goal: float
    draws: int = LENGTH

    def problem(self) -> br.Problem:
        """Of arrays that are drawn, effects of sd 0.4."""
        rng = np.random.default_rng(0)
        X = rng.standard_normal((self.n, self.p))
        eta = X @ rng.normal(0.0, 0.4, self.p) + 0.3
        model = br.Model(self.prior, self.likelihood)
        return model.condition(X, self.y(rng, eta), standardize=True)


def _rare(rng: np.random.Generator, eta: Any, events: float = 49.0) -> Any:
    low, high = -30.0, 10.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        many = np.sum(1.0 / (1.0 + np.exp(-eta - middle))) > events
        low, high = (low, middle) if many else (middle, high)
    return _yes_no(rng, eta + middle)


def _yes_no(rng: np.random.Generator, eta: Any) -> Any:
    return (rng.random(len(eta)) < 1.0 / (1.0 + np.exp(-eta))).astype(float)


def _poisson(rng: np.random.Generator, eta: Any) -> Any:
    return rng.poisson(np.exp(eta))


def _negative_binomial(rng: np.random.Generator, eta: Any) -> Any:
    return rng.poisson(np.exp(eta) * rng.gamma(1.7, 1.0 / 1.7, len(eta)))


def _t(rng: np.random.Generator, eta: Any) -> Any:
    return eta + 1.3 * rng.standard_t(4.5, len(eta))


def _laplace(rng: np.random.Generator, eta: Any) -> Any:
    return eta + rng.laplace(scale=1.3, size=len(eta))


YES_NO, COUNTS = br.Bernoulli(), br.Poisson()
CASES = {
    "logistic 768x8": Case(768, 8, YES_NO, NORMAL, _yes_no, 2e4),
    "logistic 768x8 horseshoe": Case(768, 8, YES_NO, HORSESHOE, _yes_no, 5e3),
    "logistic 10000x50": Case(10_000, 50, YES_NO, NORMAL, _yes_no, 1e3),
    "logistic 10000x50 horseshoe": Case(10_000, 50, YES_NO, HORSESHOE, _yes_no, 350),
    "logistic 10000x10 rare": Case(10_000, 10, YES_NO, NORMAL, _rare, 500),
    "logistic 1000000x20": Case(10**6, 20, YES_NO, NORMAL, _yes_no, 80, 1000),
    "logistic 1000x200": Case(1000, 200, YES_NO, NORMAL, _yes_no, 60, 400),
    "poisson 768x8": Case(768, 8, COUNTS, NORMAL, _poisson, 4e4),
    "poisson 10000x50": Case(10_000, 50, COUNTS, NORMAL, _poisson, 1.8e3),
    "negative binomial 768x8": Case(768, 8, br.NegativeBinomial(), NORMAL, _negative_binomial, 1e4),
    "student t 442x10": Case(442, 10, br.StudentTNoise(4.5), NORMAL, _t, 3e4),
    "student t, df unknown 442x10": Case(442, 10, br.StudentTNoise(), NORMAL, _t, 3e4),
    "laplace noise 442x10": Case(442, 10, br.LaplaceNoise(), NORMAL, _laplace, 4e3),
}


def seconds() -> float:
    """CPU seconds of this process and its children."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    used = [resource.getrusage(kind) for kind in kinds]
    return sum(one.ru_utime + one.ru_stime for one in used)


def worst(unknowns: dict[str, Any]) -> tuple[str, float]:
    """The unknown with the fewest effective draws, of (chain, draw)."""
    found = {name: float(array_stats().ess(v, method="bulk")) for name, v in unknowns.items()}
    name = min(found, key=lambda one: found[one])
    return name, found[name]


def ours(case: Case) -> tuple[Any, float]:
    """Draws, and CPU seconds from the arrays."""
    from bayesreg.engines import base, engine_named
    from bayesreg.verbs.fit import default_engine

    begin = seconds()
    problem = case.problem()
    engine = engine_named(default_engine(problem)[0])
    draws = base.run(engine, problem, draws=case.draws, seed=SEED, thin=1, progress=False)
    return draws, seconds() - begin


def of_peer(name: str, case: Case) -> tuple[dict[str, Any], float, float] | None:
    """Unknowns, CPU seconds without compiling, and those of compiling; None if not installed."""
    if importlib.util.find_spec(name) is None:
        return None
    import pymc as pm

    taken, trace, free = [], None, set()
    for draws, tune in ((1, 1), (1, 1), (1000, 1000)):  # the first fills the caches
        begin = seconds()
        with case.problem().to_pymc() as model:
            free = {variable.name for variable in model.free_RVs}
            trace = pm.sample(
                draws,
                tune=tune,
                chains=4,
                cores=1,
                random_seed=SEED,
                nuts_sampler=name,
                progressbar=False,
                quiet=True,
                compute_convergence_checks=False,
            )
        taken.append(seconds() - begin)
    assert trace is not None
    unknowns = {}
    for key in free:
        values = trace.posterior[key]
        flat = np.asarray(values).reshape(4, values.shape[1], -1)
        for j in range(flat.shape[2]):
            positive = key in ("scale", "sigma", "shape", "df")
            unknowns[f"{key}[{j}]"] = np.log(flat[..., j]) if positive else flat[..., j]
    return unknowns, max(taken[2] - taken[1], 1e-3), taken[1]


def rows(names: list[str], *, peers: bool) -> Iterator[tuple[str, ...]]:
    """Case, who, engine, worst unknown, rate, goal, compile seconds, verdict."""
    for label in names:
        case = CASES[label]
        draws, taken = ours(case)
        values = {
            k: np.log(one.values) if one.positive else one.values
            for k, one in draws.unknowns.items()
        }
        name, ess = worst(values)
        verdict = ""
        if peers:
            nuts = br.sample(case.problem(), engine="nuts", draws=1000, seed=2).draws
            found = agreement(draws, nuts)
            verdict = f"max |z| {found.max_z:.1f} of {found.limit:.1f}"
            ess = ess if found.ok is not False else 0.0
        rate = f"{ess / taken:,.0f}"
        yield label, "bayesreg", draws.engine, name, rate, f"{case.goal:,.0f}", "0", verdict
        for peer in PEERS if peers else ():
            run = of_peer(peer, case)
            if run is not None:
                name, ess = worst(run[0])
                rates = f"{ess / run[1]:,.0f}", f"{ess / (run[1] + run[2]):,.0f} with compile"
                yield label, peer, "nuts", name, rates[0], rates[1], f"{run[2]:.0f}", ""


def main(words: list[str]) -> None:
    """Print a table of the cases named, or of all."""
    warnings.simplefilter("ignore")
    peers = "--peers" in words
    names = [word for word in words if word != "--peers"] or list(CASES)
    print(f"{'case':30} {'who':9} {'engine':8} {'worst':14} {'ESS/CPU s':>10} {'goal':>10} compile")
    for row in rows(names, peers=peers):
        print("{:30} {:9} {:8} {:14} {:>10} {:>10} {:>4} {}".format(*row), flush=True)
