"""Effective draws per CPU second under every likelihood: ours, and PyMC, nutpie and NumPyro.

``python -m tests.benchmarks glm posteriors [CASE ...] [--peers]``; nutpie and NumPyro are peers of
this benchmark alone: ``uv run --extra nutpie --with numpyro python -m tests.benchmarks …``. One
that is not installed has a row that says so.

The worst effective sample size (ArviZ, bulk) among all β, β₀, log scale and the logarithms of the
likelihood's own unknowns, of four chains, per CPU second from arrays X, y to draws: conditioning,
reference point, pilot and warm-up included; the best of three runs, or of as many as take ten
seconds, each with a seed of its own, after one of a few draws that loads and compiles. CPU seconds
are those of this process and of its children. A peer runs its draws after as many of warm-up on
`problem.to_pymc()`, once; what a later call takes for one draw is told apart as "compile", and in
brackets what the first one took, with caches that held nothing before the first case. The last
column is our rate ÷ a peer's with its compilation, of a later model and of that one. With
``--peers`` each case is verified against PyMC by `br.agreement`; a run that disagrees has rate 0.
"""

from __future__ import annotations

import importlib.util
import os
import resource
import tempfile
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
LAPLACE = br.Laplace(HALF, unit="y")
SPARSE = br.Horseshoe(br.HalfNormal(0.01), unit="y")  # τ₀ = p₀/(p − p₀)·σ̃/√n, p₀ about 5
PEERS = ("pymc", "nutpie", "numpyro")
INSTALL = {"pymc": "", "nutpie": "--extra nutpie", "numpyro": "--with numpyro"}
LENGTH, SEED = 4000, 1
LINE = "{:30} {:9} {:12} {:14} {:>10} {:>10} {:>7} {}"
FEW = 5  # effects that are not 0 where columns are more than rows


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
    of_peer: int = 1000  # draws of a peer; 0 where they would take hours

    def arrays(self) -> tuple[Any, Any]:
        """X and y, effects of sd 0.4: all, or the first few."""
        rng = np.random.default_rng(0)
        X = rng.standard_normal((self.n, self.p))
        beta = rng.normal(0.0, 0.4, self.p)
        beta[FEW:] *= self.p < self.n
        eta = X @ beta + 0.3
        return X, self.y(rng, eta)

    def problem(self, arrays: tuple[Any, Any] | None = None) -> br.Problem:
        """Of these arrays."""
        X, y = self.arrays() if arrays is None else arrays
        return br.Model(self.prior, self.likelihood).condition(X, y, standardize=True)


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
    "logistic 1000000x20": Case(10**6, 20, YES_NO, NORMAL, _yes_no, 80, 1000, 0),
    "logistic 1000x200": Case(1000, 200, YES_NO, NORMAL, _yes_no, 60, 1000, 300),
    "logistic 200x1000": Case(200, 1000, YES_NO, NORMAL, _yes_no, 1, 1000, 300),
    "logistic 200x1000 laplace": Case(200, 1000, YES_NO, LAPLACE, _yes_no, 1, 1000, 0),
    "logistic 200x1000 horseshoe": Case(200, 1000, YES_NO, SPARSE, _yes_no, 1, 1000, 0),
    "poisson 200x1000": Case(200, 1000, COUNTS, NORMAL, _poisson, 1, 1000, 300),
    "poisson 200x1000 horseshoe": Case(200, 1000, COUNTS, SPARSE, _poisson, 1, 1000, 0),
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


def ours(case: Case, draws: int, seed: int) -> tuple[Any, float]:
    """Draws, and CPU seconds from the arrays."""
    from bayesreg.engines import base, engine_named
    from bayesreg.verbs.fit import default_engine

    arrays = case.arrays()
    begin = seconds()
    problem = case.problem(arrays)
    engine = engine_named(default_engine(problem)[0])
    found = base.run(engine, problem, draws=draws, seed=seed, progress=False)
    return found, seconds() - begin


def best(case: Case) -> tuple[Any, str, float]:
    """The run of the highest rate of the worst unknown; that unknown, and the rate."""
    if case.n < 10**5:
        ours(case, 10, 0)
    runs, spent = [], 0.0
    for seed in range(SEED, SEED + 3):
        draws, taken = ours(case, case.draws, seed)
        values = {
            k: np.log(one.values) if one.positive else one.values
            for k, one in draws.unknowns.items()
        }
        name, ess = worst(values)
        runs.append((ess / taken, name, draws))
        spent += taken
        if spent > 10.0:
            break
    rate, name, draws = max(runs, key=lambda one: one[0])
    return draws, name, rate


def of_peer(name: str, case: Case) -> tuple[dict[str, Any], float, tuple[float, float]] | str:
    """Unknowns, CPU seconds without compiling, and those of compiling; or why it did not run.

    Compiling is told of a model of which all code is in the caches, and of the first one.
    """
    if importlib.util.find_spec(name) is None:
        return f"not installed: uv run {INSTALL[name]} python -m tests.benchmarks …"
    if not case.of_peer:
        return "not run: it would take hours"
    import pymc as pm

    taken, trace, free = [], None, set()
    for draws, tune in ((1, 1), (1, 1), (case.of_peer, case.of_peer)):  # the first fills the caches
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
    return unknowns, max(taken[2] - taken[1], 1e-3), (taken[1], taken[0])


def rows(names: list[str], *, peers: bool) -> Iterator[tuple[str, ...]]:
    """Case, who, engine, worst unknown, rate, goal, compile seconds, verdict or ratio."""
    for label in names:
        case = CASES[label]
        runs = {peer: of_peer(peer, case) for peer in PEERS} if peers else {}  # before our nuts
        draws, name, rate = best(case)
        verdict = "below its goal" if rate < case.goal else ""
        if peers and case.of_peer:
            nuts = br.sample(case.problem(), engine="nuts", draws=case.of_peer, seed=2).draws
            found = agreement(draws, nuts)
            verdict += f" max |z| {found.max_z:.1f} of {found.limit:.1f}"
            rate = rate if found.ok is not False else 0.0
        yield label, "bayesreg", draws.engine, name, figures(rate), figures(case.goal), "0", verdict
        for peer, run in runs.items():
            if isinstance(run, str):
                yield label, peer, "nuts", "", "", "", "", run
                continue
            name, ess = worst(run[0])
            later, first = (ess / (run[1] + spent) for spent in run[2])
            ratio = (
                f"ours ÷ {figures(later)} with compile: {figures(rate / later)}, "
                f"÷ {figures(first)} of a first model: {figures(rate / first)}"
            )
            compiled = f"{run[2][0]:.0f} ({run[2][1]:.0f})"
            yield label, peer, "nuts", name, figures(ess / run[1]), "", compiled, ratio


def figures(value: float) -> str:
    """Three of them."""
    return f"{value:,.0f}" if value >= 100.0 else f"{value:.3g}"


def main(words: list[str]) -> None:
    """Print a table of the cases named, or of all."""
    warnings.simplefilter("ignore")
    peers = "--peers" in words
    names = [word for word in words if word != "--peers"] or list(CASES)
    print(
        f"{'case':30} {'who':9} {'engine':12} {'worst':14} {'ESS/CPU s':>10} {'goal':>10} compile"
    )
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        if peers:  # before anything that compiles is loaded
            os.environ |= {"NUMBA_CACHE_DIR": place, "PYTENSOR_FLAGS": f"base_compiledir={place}"}
        for row in rows(names, peers=peers):
            print(LINE.format(*row), flush=True)
