"""Paths where rows are read in passes: each λ from the curvature that the one before has left.

A pass brings what no prior changes, so that the optimum at the next λ begins with the quadratic at
the last one, solved at its own λ: two or three passes certify it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from bayesreg.language.arguments import Array
from bayesreg.model.touching import touched
from bayesreg.priors import Laplace
from bayesreg.solvers import newton
from bayesreg.solvers.degrees import df_of

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem

NOTHING = 1e-12  # of a Laplace scale, in sds of a column: b is exactly 0


def find_zero(problem: Problem) -> None:
    """Pass over the rows until γ is at its best beside b = 0, which λ_max and its like ask for."""
    if problem.in_passes.found(np.zeros(problem.p)) is not None or not problem.p:
        return
    sd = problem.column_sd[problem.proper] / problem.x_sd[problem.proper]
    scale = NOTHING / max(float(np.max(sd)), 1e-300) / float(np.max(problem.relative))
    loc = problem.blocks[0].prior.loc
    newton.solve(problem.given(prior=Laplace(scale, loc=loc, unit="y")))


def minimise(problems: Callable[[int], Problem], count: int) -> tuple[Array, Array]:
    """Optima b (L, p) of problems that differ in λ, from no effects downwards, and their df."""
    b, df = [], np.zeros(count)
    for k in range(count):
        one = problems(k)
        b.append(newton.solve(one).b)
        met = one.in_passes.found(b[-1])
        assert met is not None
        df[k] = df_of(one, touched(one, one.in_passes.moments(met)), b[-1])
    return np.array(b), df
