"""Effective draws per second of Bayesian ridge with σ and scale unknown: `direct` against PyMC."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pymc as pm

import bayesreg as br
from bayesreg.diagnostics.checks import Checks, examine
from bayesreg.diagnostics.run import run_of_tree
from tests.benchmarks.harness import Contender, Row

SIZE = 100_000


def _rate(checks: Checks, wall: float) -> str:
    """Effective draws of the worst of all β, β₀, log σ and log scale."""
    ess = float(np.nanmin(checks.table[["ess_bulk", "ess_tail"]].to_numpy()))
    return f"min ESS {ess:.0f}, {ess / wall:.3g} per second of wall time"


def _pymc(problem: br.Problem) -> str:
    """PyMC as its users run it: on rows, compilation included."""
    start = time.perf_counter()
    with problem.to_pymc():
        tree = pm.sample(
            1000, chains=4, cores=2, nuts_sampler="pymc", random_seed=1, progressbar=False
        )
    wall = time.perf_counter() - start
    return _rate(examine(run_of_tree(tree)), wall)


def rows() -> Iterator[Row]:
    """Diabetes, the same prior and unknowns on both sides."""
    data = br.load_dataset("diabetes")
    problem = br.Model().condition(data.X, data.y, standardize=True)
    p = problem.p
    rng = np.random.default_rng(0)
    rotation = np.linalg.qr(rng.standard_normal((p, p)))[0]
    yield Row(
        f"ridge posterior, 442 × 10, {4 * SIZE} draws",
        (
            Contender(
                "direct",
                lambda: br.sample(problem, draws=SIZE, seed=1),
                lambda post: _rate(post.checks, post.draws.wall),
                repeats=5,
            ),
            Contender("PyMC NUTS, compilation included", lambda: _pymc(problem), str, repeats=1),
        ),
        limit=lambda: rng.standard_normal((4 * SIZE, p)) @ rotation,
        limit_name="normals and one product",
    )
