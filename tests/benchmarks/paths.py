"""Whole lasso paths at equal verified accuracy: ``python -m tests.benchmarks paths``.

100 values of λ from λ_max to λ_max/100. Ours is timed from rows (the moments included), from a
`Problem` (the path alone), every certificate included, and `condition` without a path; beside it
stands what it cannot do without, centring and one product. Each peer is run at the loosest of its
tolerances at which its worst relative duality gap over the path, by our certificate, is at most
1e-6, on centred columns and without an intercept, so that nothing but the path is timed. All run in
turn in one process; peers that are not installed are left out.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import bayesreg as br
from bayesreg.solvers.path import Ray
from bayesreg.solvers.path_certificate import certify_path
from tests.benchmarks.harness import columns
from tests.benchmarks.path_speeds import PathSpeed, PathSpeeds, print_head, print_row

Array = NDArray[np.float64]
Solve = Callable[[Array, Array, Array, float], Array]

TARGET = 1e-6  # worst relative duality gap of a peer
TOLERANCES = 10.0 ** -np.arange(3.0, 13.1, 0.5)
COUNT, RATIO = 100, 0.01
MODEL = br.Model(br.Laplace(1.0), br.Gaussian(1.0))


@dataclass(frozen=True)
class Case:
    """One data set.

    Attributes
    ----------
    n, p : int
        Rows and columns.
    rho : float or None
        Correlation of neighbouring columns; None for the diabetes data.
    """

    n: int
    p: int
    rho: float | None = 0.5

    @property
    def name(self) -> str:
        """As on the command line."""
        return f"{self.n}x{self.p}" + ("" if self.rho in (None, 0.5) else f"@{self.rho:g}")

    def arrays(self) -> tuple[Array, Array]:
        """X (n, p), of sd about one, and y (n,)."""
        if self.rho is None:
            data = br.load_dataset("diabetes")
            X = data.X.to_numpy()
            return (X - X.mean(axis=0)) / X.std(axis=0), data.y.to_numpy()
        return columns(self.n, self.p, self.rho)


CASES = {
    case.name: case
    for case in (
        Case(442, 10, None),
        Case(1000, 200),
        Case(10_000, 500),
        Case(500, 5000),
        Case(1000, 200, 0.95),
        Case(10_000, 500, 0.95),
        Case(500, 5000, 0.95),
        Case(100_000, 1000),
        Case(200, 20_000),
    )
}


def sklearn_path(X: Array, y: Array, lams: Array, tol: float) -> Array:
    """scikit-learn's coordinate descent, on the Gram matrix where n > p."""
    from sklearn.linear_model import lasso_path

    alphas = lams / len(y)
    return lasso_path(X, y, alphas=alphas, tol=tol, max_iter=1_000_000)[1].T


def celer_path(X: Array, y: Array, lams: Array, tol: float) -> Array:
    """celer's working sets with dual extrapolation."""
    from celer import celer_path as path

    return path(X, y, "lasso", alphas=lams / len(y), tol=tol, max_iter=10_000)[1].T


def skglm_path(X: Array, y: Array, lams: Array, tol: float) -> Array:
    """skglm's working sets with Anderson acceleration."""
    from skglm import Lasso

    model = Lasso(fit_intercept=False, max_iter=10_000, tol=tol, warm_start=True)
    return model.path(X, y, lams / len(y), return_n_iter=False)[1].T


PEERS: dict[str, Solve] = {"sklearn": sklearn_path, "celer": celer_path, "skglm": skglm_path}


def worst_gap(problem: br.Problem, lams: Array, b: Array) -> float:
    """The largest duality gap over the path, relative to ½‖ỹ‖², by our certificate."""
    ray = Ray.of(problem, 1.0)
    found = certify_path(problem, *ray.penalties(lams), b, at=lambda k: ray.at(lams[k]))
    return max(one.gap for one in found) / (0.5 * problem.yy)


def timed(run: Callable[[], object], repeats: int) -> tuple[float, float, object]:
    """Median seconds of the clock, the least of the processor, and the result."""
    wall, cpu, result = [], [], None
    for _ in range(repeats):
        start = time.perf_counter(), time.process_time()
        result = run()
        wall.append(time.perf_counter() - start[0])
        cpu.append(time.process_time() - start[1])
    return statistics.median(wall), min(cpu), result


def ours(case: Case, problem: br.Problem, X: Array, y: Array, repeats: int) -> Iterator[PathSpeed]:
    """Our path from a problem, and from rows."""
    for who, run in (
        ("bayesreg", lambda: br.path(problem, n=COUNT, ratio=RATIO)),
        ("bayesreg, from rows", lambda: br.path(MODEL.condition(X, y), n=COUNT, ratio=RATIO)),
    ):
        run()
        wall, cpu, path = timed(run, repeats)
        gap = max(one.gap for one in path.certificates) / (0.5 * problem.yy)
        said = "certified" if all(one.ok for one in path.certificates) else "NOT CERTIFIED"
        yield PathSpeed(case.name, who, wall, cpu, gap, None, said)
    wall, cpu, _ = timed(lambda: MODEL.condition(X, y), repeats)
    yield PathSpeed(case.name, "condition alone", wall, cpu, None, None, "")


def peer(
    case: Case, who: str, problem: br.Problem, data: tuple[Array, Array], limits: tuple[int, float]
) -> Iterator[PathSpeed]:
    """A peer at tighter and tighter tolerances, until its worst gap is small enough."""
    Z, v = data
    repeats, patience = limits
    lams = np.geomspace(1.0, RATIO, COUNT) * float(np.abs(problem.xy).max())
    begin = time.perf_counter()
    for tol in TOLERANCES:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            b = PEERS[who](Z, v, lams, tol)
            wall, cpu, b = timed(lambda tol=tol: PEERS[who](Z, v, lams, tol), repeats)
        gap = worst_gap(problem, lams, np.asarray(b))
        reached = gap <= TARGET
        late = time.perf_counter() - begin > patience
        said = "" if reached else "given up" if late else "not yet"
        yield PathSpeed(case.name, who, wall, cpu, gap, float(tol), said)
        if reached or late:
            return


def limits(case: Case, X: Array, Z: Array, repeats: int) -> Iterator[PathSpeed]:
    """What no path can do without, and what a path of ridge costs."""
    tall = case.n > case.p
    product = "X'X" if tall else "XX'"

    def form(columns: Array) -> Array:
        return columns.T @ columns if tall else columns @ columns.T

    gram = form(Z)
    for name, run in (
        (f"centring and {product}", lambda: form(X - X.mean(axis=0))),
        (product, lambda: form(Z)),
        ("eigendecomposition", lambda: np.linalg.eigh(gram)),
    ):
        wall, cpu, _ = timed(run, min(repeats, 3))
        yield PathSpeed(case.name, f"limit: {name}", wall, cpu, None, None, "")


def main(words: list[str]) -> None:
    """Measure the cases named, or all; write them beside the figures, and draw."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks paths")
    parser.add_argument("cases", nargs="*", metavar="CASE", help=", ".join(CASES))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--patience", type=float, default=300.0, help="seconds per peer and case")
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[2] / "figures")
    given = parser.parse_args(words)
    speeds = PathSpeeds.read(given.out)
    print_head()
    for name in given.cases or CASES:
        case = CASES[name]
        X, y = case.arrays()
        problem = MODEL.condition(X, y)
        found = list(ours(case, problem, X, y, given.repeats))
        for one in found:
            print_row(one, found[0])
        Z, v = np.asfortranarray(X - X.mean(axis=0)), y - y.mean()
        for who in (who for who in PEERS if find_spec(who)):
            found += peer(case, who, problem, (Z, v), (given.repeats, given.patience))
            print_row(found[-1], found[0])
        for one in limits(case, X, Z, given.repeats):
            found.append(one)
            print_row(one, found[0])
        speeds.keep(found, list(CASES))
    speeds.draw()
