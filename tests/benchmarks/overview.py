"""README's table of what runs how fast against whom: ``python -m tests.benchmarks overview``.

CPU seconds (user and system) with one thread for linear algebra, so that a machine at work on other
things gives the same table; the least of a few runs where they are short. Everything is timed from
arrays to the answer, and everything is judged: optima by our certificate, a path at the loosest
tolerance of scikit-learn at which its worst duality gap is 1e-6 of ½‖ỹ‖², posteriors by whether
both sides agree in every mean, sd and quantile. PyMC gets the model that its users would write, and
compiles once before it is timed.
"""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

import bayesreg as br
from bayesreg.diagnostics.run import run_of_draws, run_of_tree
from tests.benchmarks import worker
from tests.benchmarks.optima import rows as optima
from tests.benchmarks.paths import CASES, COUNT, MODEL, RATIO, TOLERANCES, sklearn_path, worst_gap
from tests.benchmarks.posteriors import as_tree, least_ess
from tests.benchmarks.problems import CHAINS, DATA, draw

PATHS = ("1000x200", "500x5000")
DRAWS = 20_000  # of ours, per chain


@dataclass(frozen=True)
class Line:
    """One row: CPU seconds of ours and of a peer, and how it was judged."""

    what: str
    ours: float
    theirs: float
    peer: str
    judged: str

    def __str__(self) -> str:
        """As Markdown."""
        ratio = self.theirs / self.ours
        shown = f"{ratio:.0f}" if ratio >= 10 else f"{ratio:.1f}"
        what = f"{self.what[0].upper()}{self.what[1:]}"
        cells = (what, f"{self.ours:.2g}", f"{self.theirs:.2g}", self.peer, shown, self.judged)
        return f"| {' | '.join(cells)} |"


def spent() -> float:
    """CPU seconds of this process, and of those that it started and that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def cpu(run: Callable[[], Any], repeats: int = 1) -> tuple[float, Any]:
    """The least CPU seconds of some runs, and what the last returned."""
    taken, result = [], None
    for _ in range(repeats):
        before = spent()
        result = run()
        taken.append(spent() - before)
    return min(taken), result


def single_optima() -> Iterator[Line]:
    """Ridge and lasso at one λ."""
    for row in optima():
        ours, peer = row.contenders
        if not row.problem.startswith(("ridge", "lasso")):
            continue
        ours.run(), peer.run()
        (mine, fit), (theirs, other) = cpu(ours.run, 5), cpu(peer.run, 5)
        judged = f"{ours.accuracy(fit)}; {peer.accuracy(other).split()[-1]}"
        yield Line(row.problem.replace(", rows to", ","), mine, theirs, "scikit-learn", judged)


def whole_paths() -> Iterator[Line]:
    """The lasso at 100 values of λ."""
    for name in PATHS:
        X, y = CASES[name].arrays()
        problem = MODEL.condition(X, y)
        Z, centred = X - X.mean(axis=0), y - y.mean()

        def ours(X: Any = X, y: Any = y) -> br.Path:
            return br.path(MODEL.condition(X, y), n=COUNT, ratio=RATIO)

        mine, path = cpu(ours, 4)
        lams = path.lam
        for tolerance in TOLERANCES:
            theirs, b = cpu(lambda t=tolerance: sklearn_path(Z, centred, lams, t))  # noqa: B023
            gap = worst_gap(problem, lams, b)
            if gap <= 1e-6:
                break
        own = max(one.gap for one in path.certificates) / (0.5 * problem.yy)
        judged = f"worst relative gap {own:.1e}; {gap:.1e}"
        yield Line(f"lasso path, {CASES[name].n} × {CASES[name].p}, {COUNT} λ", mine, theirs,
                   "scikit-learn", judged)  # fmt: skip


def posteriors() -> Iterator[Line]:
    """CPU seconds per 1000 effective draws of the worst unknown; σ and scale unknown."""
    data = DATA["diabetes"]
    X, y = data.arrays()
    for prior, (peer, sampled) in PEERS.items():
        problem = data.condition(prior, X, y)
        draw(problem, None, DRAWS, 0)  # compiles, where anything is compiled
        mine, drawn = cpu(lambda p=prior: draw(data.condition(p, X, y), None, DRAWS, 1), 2)
        theirs, other, run = sampled(prior, X, y, problem)
        mine *= 1000 / least_ess(run_of_draws(drawn))[0]
        theirs *= 1000 / least_ess(run)[0]
        found = br.agreement(drawn, other)
        word = {True: "agree", False: "DISAGREE", None: "no verdict"}[found.ok]
        judged = f"{word}: max \\|z\\| {found.max_z:.1f} of {found.limit:.1f}"
        what = f"{prior} posterior, {data.n} × {data.p}, 1000 effective draws"
        yield Line(f"{what} ({drawn.engine})", mine, theirs, peer, judged)


def nuts(prior: str, X: Any, y: Any, problem: br.Problem) -> tuple[float, Any, Any]:
    """CPU seconds of PyMC's NUTS as our engine has it, and its draws."""
    draw(problem, "nuts", 1, 1, tune=1)
    seconds, drawn = cpu(lambda: draw(problem, "nuts", worker.DRAWS, 1))
    return seconds, drawn, run_of_draws(drawn)


def pymc(prior: str, X: Any, y: Any, problem: br.Problem) -> tuple[float, Any, Any]:
    """CPU seconds of PyMC's NUTS on a user's model, and its draws in the original units."""
    import pymc as pm

    mean, sd = X.mean(axis=0), X.std(axis=0)
    options = worker.QUIET | {"cores": 1, "chains": CHAINS, "draws": worker.DRAWS}

    def run(**more: Any) -> Any:
        with worker.pymc_model((X - mean) / sd, y, prior, 1.0):
            return pm.sample(**options | more)

    run(draws=1, tune=1)
    seconds, tree = cpu(run)
    kept = {name: tree["posterior"][name].to_numpy() for name in ("sigma", "scale", "centre", "b")}
    beta = kept.pop("b") / sd
    kept |= {"beta": beta, "intercept": kept.pop("centre") - beta @ mean}
    kept["diverging"] = np.asarray(tree["sample_stats"]["diverging"])
    drawn = as_tree(kept, problem.features)
    return seconds, drawn, run_of_tree(drawn)


PEERS = {"laplace": ("PyMC", pymc), "horseshoe": ('PyMC, by `engine="nuts"`', nuts)}


def main(words: list[str]) -> None:
    """Print the table, a line as soon as it is known."""
    parts = {"optima": single_optima, "paths": whole_paths, "posteriors": posteriors}
    print("| what | bayesreg, CPU s | peer, CPU s | peer | times | judged (ours; peer's) |")
    print("|---|--:|--:|---|--:|---|")
    with threadpool_limits(1):
        for name in words or parts:
            for line in parts[name]():
                print(line, flush=True)
