"""Ridge and lasso at one λ: ours certified, scikit-learn's judged by the same certificate."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from sklearn.linear_model import Lasso, Ridge

import bayesreg as br
from bayesreg.estimators import MapRegressor
from bayesreg.solvers.certificate import certify
from tests.benchmarks.harness import Contender, Row, columns


def _gap(problem: br.Problem, beta: np.ndarray) -> str:
    certificate = certify(problem, beta[problem.proper] * problem.x_sd[problem.proper])
    return f"relative gap {certificate.gap / (0.5 * problem.yy):.1e}"


def rows() -> Iterator[Row]:
    """Diabetes by estimator, then sizes with rows to one certified optimum."""
    data = br.load_dataset("diabetes")
    X, y = data.X.to_numpy(), data.y.to_numpy()
    yield Row(
        "estimator fit, 442 × 10",
        (
            Contender("MapRegressor().fit", lambda: MapRegressor().fit(X, y), repeats=51),
            Contender("Ridge().fit", lambda: Ridge().fit(X, y), repeats=51),
        ),
    )
    for n, p in ((10_000, 500), (500, 5000)):
        X, y = columns(n, p)
        yield _row("ridge", n, p, X, y, br.Normal(0.1))
        yield _row("lasso", n, p, X, y, br.Laplace(0.02))


def _row(
    kind: str, n: int, p: int, X: np.ndarray, y: np.ndarray, prior: br.Normal | br.Laplace
) -> Row:
    model = br.Model(prior, br.Gaussian(1.0))
    problem = model.condition(X, y)
    arguments = problem.penalty.to("sklearn.Ridge" if kind == "ridge" else "sklearn.Lasso")
    peer = (
        Ridge(**arguments)
        if kind == "ridge"
        else Lasso(**arguments, precompute=n > p, tol=1e-9, max_iter=100_000)
    )
    Z = X - X.mean(0)
    return Row(
        f"{kind}, {n} × {p}, rows to optimum",
        (
            Contender(
                "bayesreg fit_map",
                lambda: br.fit_map(model.condition(X, y)),
                lambda fit: _gap(problem, fit.beta.to_numpy()),
            ),
            Contender(
                f"scikit-learn {type(peer).__name__}",
                lambda: peer.fit(X, y),
                lambda fit: _gap(problem, fit.coef_),
            ),
        ),
        limit=(lambda: Z.T @ Z) if n > p else (lambda: Z @ Z.T),
        limit_name="the product X'X" if n > p else "the product XX'",
    )
