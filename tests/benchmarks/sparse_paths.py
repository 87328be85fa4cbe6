"""Lasso on a wide sparse X at equal verified accuracy: ``python -m tests.benchmarks scale sparse``.

20 000 rows and 50 000 columns that are as uneven as words of texts are, 1.04e6 cells not zero (all
cells: 8 GB). At each λ every contender starts from nothing, at the loosest of its tolerances at
which its duality gap, by our certificate on centred columns, is at most 1e-9 of ½‖ỹ‖². CPU seconds,
the best of three in turn; ours from a `Problem`, certificate included, whose making is told apart.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

import bayesreg as br
from bayesreg.model.problem import Problem
from bayesreg.solvers.path import Ray
from bayesreg.solvers.sparse_certificate import judge

Array = NDArray[np.float64]
Fit = Callable[[float], Array]

SHARES = (5, 20, 100, 400, 1000)  # λ_max over λ
TARGET = 1e-9
TOLERANCES = (1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-11, 1e-12)
REPEATS = 3
PATIENCE = 60.0  # seconds, beyond which a contender is not asked again


def table(
    n: int = 20_000, p: int = 50_000, cells: float = 1.03e6, seed: int = 0
) -> tuple[sparse.csc_array, Array]:
    """Columns of Zipf's popularity, 200 effects among the common ones, an R² of 0.92."""
    rng = np.random.default_rng(seed)
    popular = np.arange(1, p + 1) ** -0.8
    popular = np.minimum(popular * cells / popular.sum(), 0.3 * n)
    counts = np.clip(rng.poisson(1.05 * popular), 1, n)
    rows = np.concatenate([np.sort(rng.choice(n, k, replace=False)) for k in counts])
    index = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    values = 1.0 + rng.exponential(size=len(rows))
    X = sparse.csc_array((values, rows.astype(np.int32), index), shape=(n, p))
    beta = np.zeros(p)
    beta[rng.choice(2_000, 200, replace=False)] = rng.standard_t(3, size=200)
    mean = X @ beta
    return X, mean + 0.3 * mean.std() * rng.standard_normal(n) + 3.0


def peers(X: sparse.csc_array, y: Array) -> dict[str, Callable[[float], Fit]]:
    """By name: from a tolerance to what fits at a λ of J."""
    n, matrix = len(y), sparse.csc_matrix(X)
    found: dict[str, Callable[[float], Fit]] = {}

    def sklearn(tolerance: float) -> Fit:
        from sklearn.linear_model import Lasso

        return lambda lam: Lasso(lam / n, tol=tolerance, max_iter=100_000).fit(matrix, y).coef_

    def celer(tolerance: float) -> Fit:
        from celer import Lasso

        return lambda lam: Lasso(lam / n, tol=tolerance, max_iter=500).fit(matrix, y).coef_

    found["scikit-learn"] = sklearn
    if find_spec("celer") is not None:
        found["celer"] = celer
    return found


def cpu(run: Callable[[], Array]) -> tuple[float, Array]:
    """CPU seconds of the best of some runs, and what the last one gave."""
    best, out = np.inf, np.empty(0)
    for _ in range(REPEATS):
        start = time.process_time()
        out = run()
        best = min(best, time.process_time() - start)
        if best > 1.0:
            break
    return best, out


def gap_of(problem: Problem, lam: float, beta: Array) -> float:
    """Duality gap of β over ½‖ỹ‖²."""
    quadratic = problem.quadratic
    same = np.full(problem.p, lam)
    return 2.0 * judge(quadratic, same, np.zeros(problem.p), beta * quadratic.divisor).gap


def loosest(
    make: Callable[[float], Fit], problem: Problem, lam: float
) -> tuple[float, float] | None:
    """CPU seconds and gap at the loosest tolerance that reaches the target; None if none does."""
    for tolerance in TOLERANCES:
        fit = make(tolerance)
        seconds, beta = cpu(lambda fit=fit: fit(lam))
        gap = gap_of(problem, lam, beta)
        if gap <= TARGET:
            return seconds, gap
        if seconds > PATIENCE:
            return None
    return None


def main(words: list[str]) -> None:
    """Print one line per λ."""
    del words
    X, y = table()
    model = br.Model(br.Laplace(1.0), br.Gaussian(1.0))
    start = time.process_time()
    problem = model.condition(X, y)
    made = time.process_time() - start
    top = float(np.max(np.abs(problem.xy)))
    ray, others = Ray.of(problem, 1.0), peers(X, y)
    br.fit_map(ray.at(top / 2))  # compiled once
    print(f"{X.shape[0]} × {X.shape[1]}, {X.nnz} cells not zero; condition {made:.2f} CPU-s")
    names = "".join(f"{name:>14s} ÷ ours, gap" for name in others)
    print(f"{'λ_max/':>7s} {'support':>8s} {'ours CPU-s':>11s} {'gap':>8s}{names}")
    for share in SHARES:
        lam = top / share
        seconds, b = cpu(lambda lam=lam: br.fit_map(ray.at(lam)).b)
        line = f"{share:7d} {np.count_nonzero(b):8d} {seconds:11.3f}"
        line += f" {gap_of(problem, lam, b / problem.quadratic.divisor):8.0e}"
        for make in others.values():
            found = loosest(make, problem, lam)
            text = "–" if found is None else f"{found[0] / seconds:.1f}, {found[1]:.0e}"
            line += f"{text:>26s}"
        print(line, flush=True)


if __name__ == "__main__":
    main([])
