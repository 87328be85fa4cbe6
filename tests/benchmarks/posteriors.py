"""Effective draws per second of the worst unknown: our engines, PyMC, nutpie and NumPyro.

``python -m tests.benchmarks posteriors [--quick] [--peers …] [--problems …]``

What is measured. The same posterior on all sides: a linear regression on standardised columns, σ
and the prior's scale unknown, under a Laplace or horseshoe prior. Its rate is the smallest
effective sample size (ArviZ, bulk or tail) among all β, log σ and log scale, of two chains, per
second of wall time from arrays X, y to draws: conditioning or model building, set-up and warm-up
included; imports and diagnostics excluded.

* Ours: runs of at least a second and of 400 effective draws where that takes under
  eight seconds; the median of several, each with a seed of its own. The default engine is called
  without a name, its choice included.
* Peers: on rows, as their users run them (1000 draws after the default warm-up), once, in a
  process of their own, cut off after ten minutes. "nuts" is our own engine, which runs PyMC's.
* Compilation: all are timed in a later call of a process, which for ours compiles nothing, and for
  a peer includes what it compiles anew for each model ("compile"; "sampling" is the rate without
  that and without model building). What the first call in a fresh process with empty caches takes
  besides is shown apart ("first s"; "first call" is the rate with that).
* Verified: means, sds and quantiles agree with those of another sampler (``br.agreement``), of a
  peer's longest sound run if there is one. A run that disagrees has rate 0, however fast.
* The limit: independent draws at 2p² flops (4np where p > n) and p normals each, at the rates of
  the BLAS and of NumPy's generator in two threads, measured here.
* With 1e6x50: the time of the moments, and of a draw once they are there, against 10⁴ rows.

Results go to ``figures/posterior_speed.json``, ``.csv`` and ``.png`` (``--out``) after every run,
beside those of problems that were not run again; ``--redraw`` draws the figure from them.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import bayesreg as br
from bayesreg.diagnostics.checks import TAIL
from bayesreg.diagnostics.run import Run, run_of_draws, run_of_tree
from bayesreg.engines import engine_named
from bayesreg.engines.draws import array_stats
from bayesreg.verbs.fit import default_engine
from tests.benchmarks import worker
from tests.benchmarks.limits import per_draw, scaling
from tests.benchmarks.problems import CHAINS, DATA, Array, Data, draw
from tests.benchmarks.speeds import Speed, Speeds, print_head, print_row

ROOT = Path(__file__).parents[2]
OURS = ("gibbs", "tilted")


@dataclass(frozen=True)
class Effort:
    """How long to measure."""

    seconds: float = 1.0  # least of a run of ours
    ess: float = 400.0  # its least effective draws,
    most: float = 8.0  # unless it takes longer than this
    repeats: int = 5
    cut: float = 600.0  # of a peer


QUICK = Effort(seconds=0.05, ess=200.0, most=1.0, repeats=1, cut=60.0)


@dataclass
class Sampled:
    """One run that is kept to be judged: its speed, and its draws as `br.agreement` takes them."""

    speed: Speed
    draws: Any = None
    peer: bool = False
    sound: bool = field(default=False)  # passed its own checks


def least_ess(run: Run) -> tuple[float, str]:
    """The smallest bulk or tail ESS among β, log σ and log scale, and whose it is."""
    names = [name for name in run.values if name != "intercept"]
    values = np.stack([run.values[name] for name in names])
    stats = array_stats()
    ess = np.minimum(stats.ess(values, method="bulk"), stats.ess(values, method="tail", prob=TAIL))
    ess = np.nan_to_num(ess, nan=0.0)
    worst = int(np.argmin(ess))
    return float(ess[worst]), names[worst]


# --- ours -------------------------------------------------------------------------------------


def timed(
    data: Data, prior: str, engine: str | None, arrays: tuple[Array, Array], draws: int, seed: int
) -> tuple[Speed, Any]:
    """One run from arrays to draws, and its worst unknown."""
    begin = time.perf_counter()
    problem = data.condition(prior, *arrays)
    conditioned = time.perf_counter() - begin
    drawn = draw(problem, engine, draws, seed)
    wall = time.perf_counter() - begin
    ess, worst = least_ess(run_of_draws(drawn))
    who = f"{drawn.engine} (default)" if engine is None else drawn.engine
    speed = Speed(data.name, prior, who, draws=draws, ess=ess, worst=worst)
    return replace(speed, wall=wall, setup=conditioned), drawn


def ours(
    data: Data, prior: str, engine: str | None, arrays: tuple[Array, Array], effort: Effort
) -> Sampled:
    """The median of runs that are long enough to be measured."""
    draws, most = 1000, int(1e9 / (16 * (data.p + 3)))
    timed(data, prior, engine, arrays, 10, seed=0)  # compiles, where nothing is compiled yet
    while True:
        speed, drawn = timed(data, prior, engine, arrays, draws, seed=1)
        sampling = speed.wall - speed.setup
        enough = sampling >= effort.seconds and speed.ess >= effort.ess
        if enough or sampling >= effort.most or draws == most:
            break
        short = max(effort.seconds / sampling, effort.ess / max(speed.ess, 1.0))
        short = min(max(1.3 * short, 1.5), 16.0, 1.3 * effort.most / sampling)
        draws = min(1000 * int(np.ceil(draws * short / 1000)), most)
    runs = [
        timed(data, prior, engine, arrays, draws, seed=2 + k)
        for k in range(effort.repeats if sampling < 3.0 else min(effort.repeats, 3))
    ]
    speed, drawn = sorted(runs, key=lambda one: one[0].rate)[len(runs) // 2]
    first = first_call(prior, drawn.engine, data.wide)
    return Sampled(replace(speed, first=first, repeats=len(runs)), drawn)


@cache
def first_call(prior: str, engine: str, wide: bool) -> float | None:
    """What a first call in a fresh process takes besides, on the smallest data of that shape."""
    data = min((d for d in DATA.values() if d.wide == wide), key=lambda d: d.n * d.p)
    back = worker.run("first", data, prior, 120.0, engine)
    if back.failed:
        print(f"# first call, {engine}, {prior}, {data.label}: {back.failed}")
        return None
    first, later = back.numbers["first"], back.numbers["later"]
    print(f"# first call, {engine}, {prior}, {data.label}: {first:.2f} s, later {later:.3f} s")
    return first - later


# --- peers ------------------------------------------------------------------------------------


def peer(problem: br.Problem, data: Data, prior: str, name: str, effort: Effort) -> Sampled:
    """One run of a peer, or how it failed."""
    blank = Speed(data.name, prior, name, draws=worker.DRAWS, ours=False)
    print(f"# {name} on {data.name}, {prior}: at most {worker.length(effort.cut)}", flush=True)
    back = worker.run(name, data, prior, effort.cut)
    if back.failed:
        bound = CHAINS * worker.DRAWS / effort.cut if back.cut else None
        return Sampled(replace(blank, said=back.failed, bound=bound), peer=True)
    tree = as_tree(back.arrays, problem.features)
    ess, worst = least_ess(run_of_tree(tree))
    numbers = back.numbers
    numbers["first"] = max(numbers["first"] - numbers["compile"], 0.0)
    speed = replace(blank, ess=ess, worst=worst, **numbers)
    return Sampled(speed, tree, peer=True)


def as_tree(arrays: dict[str, Array], features: tuple[str, ...]) -> Any:
    """A DataTree of a peer's draws, columns named as ours are."""
    import xarray as xr

    where = ("chain", "draw")
    posterior = {
        name: (where if name != "beta" else (*where, "feature"), arrays[name])
        for name in ("beta", "intercept", "sigma", "scale")
    }
    named = xr.Dataset(posterior, coords={"feature": list(features)})
    stats = xr.Dataset({"diverging": (where, arrays["diverging"])})
    return xr.DataTree.from_dict({"posterior": named, "sample_stats": stats})


# --- the accuracy gate ------------------------------------------------------------------------


def judge(samples: list[Sampled]) -> list[Speed]:
    """Every run's speed with a verdict: does it agree with the longest sound run of another?"""
    ran = [one for one in samples if one.draws is not None]
    for one in ran:
        one.sound = soundness(one) == ""
    return [_judged(one, [o for o in ran if o is not one]) for one in samples]


def soundness(one: Sampled) -> str:
    """Why a run failed its own checks; nothing where it passed."""
    from bayesreg.diagnostics.checks import examine

    checks = examine(run_of_tree(one.draws) if one.peer else run_of_draws(one.draws))
    return "" if checks.ok else checks.why


def _judged(one: Sampled, others: list[Sampled]) -> Speed:
    """Against a sound run of the other side, peers or ours, before one of the same side."""
    if one.draws is None or not others:
        return replace(one.speed, said=one.speed.said or "unverified: nothing to compare with")
    best = max(others, key=lambda o: (o.sound, o.peer != one.peer, o.speed.ess))
    found = br.agreement(one.draws, best.draws)
    against = f"{best.speed.who}: max |z| {found.max_z:.1f} of {found.limit:.1f}"
    if found.ok is None:
        why = found.why.removeprefix("no verdict, because ").split(";")[0]
        return replace(one.speed, verified=None, said=f"no verdict against {against}; {why[:90]}")
    word = "agrees with" if found.ok else "DISAGREES with"
    return replace(one.speed, verified=found.ok, said=f"{word} {against}")


# --- the command ------------------------------------------------------------------------------


def regression(data: Data, prior: str, peers: list[str], effort: Effort, kept: Speeds) -> None:
    """All contenders on one posterior; results are kept after each, and printed at the end."""
    arrays = data.arrays()
    problem = data.condition(prior, *arrays)
    chosen = default_engine(problem)[0]
    samples: list[Sampled] = []
    refused: list[str] = []
    for engine in (chosen, *(name for name in OURS if name != chosen)):
        reason = engine_named(engine).supports(problem)
        if reason is None:
            named = None if engine == chosen else engine
            samples.append(ours(data, prior, named, arrays, effort))
        else:
            refused.append(f"{data.label}, {prior}: {engine} does not serve: {reason}")
    del arrays  # a million rows, which peers make for themselves
    limit = per_draw(data.n, data.p)
    for name in peers:
        kept.keep([replace(one.speed, said="not judged", limit=1.0 / limit) for one in samples])
        samples.append(peer(problem, data, prior, name, effort))
    speeds = [replace(one, limit=1.0 / limit) for one in judge(samples)]
    kept.keep(speeds)
    for speed in speeds:
        print_row(speed, speeds[0])
    for line in refused:
        print(f"# {line}", flush=True)


def installed(peers: list[str]) -> list[str]:
    """Those peers that can be run; the others are named."""
    there = []
    for name in peers:
        if importlib.util.find_spec("pymc" if name == "nuts" else name) is None:
            print(f"# {name} is not installed: skipped")
        else:
            there.append(name)
    return there


def main(words: list[str]) -> None:
    """Parse the command's words, measure, and draw."""
    options = parse(words)
    kept = Speeds.read(options.out)
    if not options.redraw:
        effort = QUICK if options.quick else Effort()
        effort = replace(effort, cut=options.cut or effort.cut)
        peers = installed(options.peers)
        print_head()
        for name in options.problems:
            for prior in DATA[name].priors:
                if prior in options.priors:
                    regression(DATA[name], prior, peers, effort, kept)
            if DATA[name].moments:
                kept.keep_scaling(scaling(DATA[name], options.priors, quick=options.quick))
    kept.draw()


def parse(words: list[str]) -> argparse.Namespace:
    """The options, checked."""

    def names(known: tuple[str, ...]) -> Any:
        def read(text: str) -> list[str]:
            chosen = [word for word in text.split(",") if word not in ("", "none")]
            unknown = [word for word in chosen if word not in known]
            if unknown:
                raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(known)}")
            return chosen

        return read

    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks posteriors")
    add = parser.add_argument
    add("--quick", action="store_true", help="one short run of each; results under build/")
    add("--peers", type=names(worker.PEERS), default=["pymc", "nutpie", "numpyro"],
        help=f"some of {', '.join(worker.PEERS)}, or none")  # fmt: skip
    add("--problems", type=names(tuple(DATA)), default=list(DATA), help=", ".join(DATA))
    priors = ("laplace", "horseshoe")
    add("--priors", type=names(priors), default=list(priors), help=", ".join(priors))
    add("--cut", type=float, help="seconds after which a peer is cut off: 600, quick 60")
    add("--out", type=Path, help="folder of results: figures")
    add("--redraw", action="store_true", help="only draw what was measured")
    options = parser.parse_args(words)
    if options.out is None:
        options.out = ROOT / ("build/benchmarks" if options.quick else "figures")
    return options


if __name__ == "__main__":
    main(sys.argv[1:])
