"""Whole paths of logistic and Poisson regressions: ``python -m tests.benchmarks glm``.

Lasso, ridge, and the elastic net's ray λ₁ = λ₂ = λ/2: 100 values of λ, standardised columns and an
intercept. Ours is timed from arrays: `condition`, the path, and every certificate. Each peer is run
at the loosest of its tolerances at which its worst suboptimality over the path, J less the J that
our certificates prove lowest, is at most 1e-9 of half the null deviance; one that does not come so
far in its time is shown as far as it came. Beside them stand two passes over X for each λ, without
which no path is certified. All run in turn in one process, in CPU seconds; peers that are not
installed are left out.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

import bayesreg as br

Array = NDArray[np.float64]
Solve = Callable[["Case", Array, Array, Array, float], tuple[Array, Array]]

TARGET = 1e-9  # worst suboptimality of a peer, of half the null deviance
TOLERANCES = 10.0 ** -np.arange(2.0, 12.1, 1.0)
COUNT = 100


@dataclass(frozen=True)
class Case:
    """One data set.

    Attributes
    ----------
    n, p : int
    rho : float or None
        Correlation of neighbouring columns; None for the diabetes data, y above its median or not.
    counts : bool
        Poisson in place of Bernoulli.
    share : float
        λ₁ = share·λ and λ₂ = (1 − share)·λ: 1 is the lasso, 0 ridge.
    """

    n: int
    p: int
    rho: float | None = 0.5
    counts: bool = False
    share: float = 1.0

    @property
    def name(self) -> str:
        """As on the command line."""
        rho = "" if self.rho in (None, 0.5) else f"@{self.rho:g}"
        penalty = "" if self.share == 1.0 else " net" if self.share else " ridge"
        return f"{self.n}x{self.p}{rho}{' counts' if self.counts else ''}{penalty}"

    @property
    def model(self) -> br.Model:
        """Ours."""
        prior = br.Laplace() if self.share else br.Normal()
        return br.Model(prior, br.Poisson() if self.counts else br.Bernoulli())

    def arrays(self) -> tuple[Array, Array]:
        """X (n, p) of unit variance, and y (n,)."""
        if self.rho is None:
            data = br.load_dataset("diabetes")
            X, y = data.X.to_numpy(), data.y.to_numpy()
            return (X - X.mean(axis=0)) / X.std(axis=0), (y > np.median(y)).astype(float)
        rng = np.random.default_rng(0)
        X = rng.standard_normal((self.n, self.p))
        for j in range(1, self.p):
            X[:, j] = self.rho * X[:, j - 1] + np.sqrt(1.0 - self.rho**2) * X[:, j]
        beta = np.zeros(self.p)
        beta[:: self.p // 10][:10] = np.linspace(-1.0, 1.0, 10)
        eta = X @ beta
        X = (X - X.mean(axis=0)) / X.std(axis=0)
        if self.counts:
            return X, rng.poisson(np.exp(0.5 * eta)).astype(float)
        return X, (rng.random(self.n) < 1.0 / (1.0 + np.exp(-eta))).astype(float)


CASES = {
    case.name: case
    for case in (
        Case(442, 10, None),
        Case(10_000, 100),
        Case(10_000, 100, 0.95),
        Case(10_000, 100, counts=True),
        Case(1000, 1000),
        Case(1000, 1000, 0.95),
        Case(200, 5000),
        Case(200, 5000, counts=True),
        Case(442, 10, None, share=0.5),
        Case(10_000, 100, share=0.5),
        Case(1000, 1000, share=0.5),
        Case(200, 5000, share=0.5),
        Case(442, 10, None, share=0.0),
        Case(10_000, 100, share=0.0),
        Case(1000, 1000, share=0.0),
        Case(200, 5000, share=0.0),
    )
}


def sklearn_path(case: Case, X: Array, y: Array, lams: Array, tol: float) -> tuple[Array, Array]:
    """liblinear with a large constant column, whose weight is hardly felt; saga; Newton's method.

    Ridge starts each λ from the one before, by factorisations or where p is large by L-BFGS.
    """
    from sklearn.linear_model import LogisticRegression

    b, free = [], []
    if case.share < 1.0:
        ridge = "newton-cholesky" if case.p < case.n else "lbfgs"
        model = LogisticRegression(
            l1_ratio=case.share, solver="saga" if case.share else ridge, tol=tol,
            max_iter=100_000, warm_start=True, random_state=0,
        )  # fmt: skip
        for lam in lams:
            model.set_params(C=1.0 / lam).fit(X, y)
            b.append(model.coef_[0].copy())
            free.append(model.intercept_[0])
        return np.array(b), np.array(free)
    for lam in lams:
        one = LogisticRegression(
            C=1.0 / lam, l1_ratio=1.0, solver="liblinear", tol=tol, max_iter=100_000,
            intercept_scaling=1e4, random_state=0,
        ).fit(X, y)  # fmt: skip
        b.append(one.coef_[0])
        free.append(one.intercept_[0])
    return np.array(b), np.array(free)


def glum_path(case: Case, X: Array, y: Array, lams: Array, tol: float) -> tuple[Array, Array]:
    """glum's coordinate descent inside IRLS."""
    from glum import GeneralizedLinearRegressor

    model = GeneralizedLinearRegressor(
        family="poisson" if case.counts else "binomial", l1_ratio=case.share, alpha_search=True,
        alphas=lams / len(y), gradient_tol=tol, max_iter=10_000, scale_predictors=False,
    ).fit(X, y)  # fmt: skip
    return np.asarray(model.coef_path_), np.asarray(model.intercept_path_)


def celer_path(case: Case, X: Array, y: Array, lams: Array, tol: float) -> tuple[Array, Array]:
    """celer's working sets with dual extrapolation; it has no intercept, and is judged as such."""
    from celer import celer_path as path

    found = path(X, 2.0 * y - 1.0, "logreg", alphas=lams, tol=tol, max_iter=1000)
    return found[1].T, np.zeros(len(lams))


def skglm_path(case: Case, X: Array, y: Array, lams: Array, tol: float) -> tuple[Array, Array]:
    """skglm's working sets with Anderson acceleration; prox-Newton for counts."""
    from skglm import GeneralizedLinearEstimator
    from skglm.datafits import Logistic, Poisson
    from skglm.penalties import L1_plus_L2
    from skglm.solvers import AndersonCD, ProxNewton

    solver = ProxNewton if case.counts else AndersonCD
    model = GeneralizedLinearEstimator(
        Poisson() if case.counts else Logistic(),
        L1_plus_L2(1.0, case.share),
        solver(tol=tol, max_iter=1000, warm_start=True, fit_intercept=True),
    )
    b, free = [], []
    for lam in lams:
        model.penalty.alpha = lam / len(y)
        model.fit(X, y if case.counts else 2.0 * y - 1.0)
        b.append(np.ravel(model.coef_).copy())
        free.append(float(np.ravel(model.intercept_)[0]))
    return np.array(b), np.array(free)


PEERS: dict[str, Solve] = {
    "sklearn": sklearn_path,
    "glum": glum_path,
    "celer": celer_path,
    "skglm": skglm_path,
}


def objectives(case: Case, X: Array, y: Array, lams: Array, b: Array, free: Array) -> Array:
    """J (L,) of foreign coefficients, by its definition."""
    eta = b @ X.T + free[:, None]
    loss = np.exp(np.minimum(eta, 700.0)) if case.counts else np.logaddexp(0.0, eta)
    first, second = np.abs(b).sum(axis=1), 0.5 * np.square(b).sum(axis=1)
    return np.sum(loss - y * eta, axis=1) + lams * (
        case.share * first + (1.0 - case.share) * second
    )


def ours(case: Case, X: Array, y: Array, *, intercept: bool = True) -> br.Path:
    """Our path, from arrays."""
    problem = case.model.condition(X, y, standardize=True, intercept=intercept)
    return br.path(problem, n=COUNT, l1_ratio=case.share if 0.0 < case.share < 1.0 else None)


def timed(run: Callable[[], object], repeats: int) -> tuple[float, object]:
    """The least CPU seconds, and the result."""
    seconds, result = [], None
    for _ in range(repeats):
        start = time.process_time()
        result = run()
        seconds.append(time.process_time() - start)
    return min(seconds), result


def show(case: Case, who: str, cpu: float, first: float, worst: float | None, said: str) -> None:
    """One line."""
    accuracy = "" if worst is None else f"{worst:.1e}"
    print(
        f"{case.name:20s} {who:24s} {cpu:9.3f} {cpu / first:8.2f} {accuracy:>9s}  {said}",
        flush=True,
    )


def peer(
    case: Case, who: str, data: tuple[Array, Array], path: br.Path, limits: tuple[int, float]
) -> tuple[float, float, str]:
    """CPU seconds, suboptimality and what to say of a peer at the loosest tolerance that serves."""
    X, y = data
    repeats, patience = limits
    lams, loss = path.lam, path.problem.loss
    least = objectives(case, X, y, lams, *_coefficients(path))
    begin = time.perf_counter()
    for tol in TOLERANCES:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                cpu, found = timed(lambda tol=tol: PEERS[who](case, X, y, lams, tol), 1)
            except (ValueError, FloatingPointError, np.linalg.LinAlgError) as error:
                return np.nan, np.nan, f"failed at tol {tol:.0e}: {type(error).__name__}"
            worst = float(np.max(objectives(case, X, y, lams, *found) - least)) / loss.null_gap
            if worst <= TARGET:
                if repeats > 1:
                    again, _ = timed(lambda tol=tol: PEERS[who](case, X, y, lams, tol), repeats - 1)
                    cpu = min(cpu, again)
                return cpu, worst, f"tol {tol:.0e}"
        if time.perf_counter() - begin > patience:
            return cpu, worst, f"given up at tol {tol:.0e}"
    return cpu, worst, "not reached at any tolerance"


def _coefficients(path: br.Path) -> tuple[Array, Array]:
    """β and β₀ of our path on the columns as they are."""
    return path.beta.to_numpy(), path.intercept.to_numpy()


def measure(
    case: Case, repeats: int, patience: float
) -> Iterator[tuple[str, float, float | None, str]]:
    """Ours, the peers that serve the case, and the limit: name, CPU, accuracy, words."""
    X, y = case.arrays()
    ours(case, X, y)
    cpu, path = timed(lambda: ours(case, X, y), repeats)
    ok = all(one.ok for one in path.certificates)
    proved = max(one.gap for one in path.certificates) / path.problem.loss.null_gap
    yield "bayesreg", cpu, proved, "certified" if ok else "NOT CERTIFIED"
    for who in (one for one in PEERS if find_spec(one)):
        if case.counts and who in ("sklearn", "celer"):
            continue  # no Poisson lasso
        if (case.share < 1.0 and who == "celer") or (case.share == 0.0 and who == "skglm"):
            continue  # no such penalty
        against = path
        if who == "celer":  # without an intercept, as ours for that comparison
            cpu, against = timed(lambda: ours(case, X, y, intercept=False), repeats)
            gap = max(one.gap for one in against.certificates) / against.problem.loss.null_gap
            yield "bayesreg, no intercept", cpu, gap, ""
        yield who, *peer(case, who, (np.asfortranarray(X), y), against, (repeats, patience))
    u = np.zeros(len(y))
    b = np.zeros(X.shape[1])

    def passes() -> None:
        for _ in range(COUNT):
            np.dot(X.T, u)
            np.dot(X, b)

    passes()
    cpu, _ = timed(passes, repeats)
    yield "limit: two passes a λ", cpu, None, ""


def main(words: list[str]) -> None:
    """Measure the cases named, or all."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks glm")
    parser.add_argument("cases", nargs="*", metavar="CASE", help=", ".join(CASES))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--patience", type=float, default=60.0, help="seconds per peer and case")
    given = parser.parse_args(words)
    print(f"{'case':20s} {'who':24s} {'cpu s':>9s} {'÷ ours':>8s} {'gap ÷ D₀':>9s}")
    with threadpool_limits(1):
        for name in given.cases or CASES:
            first = None
            for who, cpu, worst, said in measure(CASES[name], given.repeats, given.patience):
                first = first or cpu
                show(CASES[name], who, cpu, first, worst, said)
