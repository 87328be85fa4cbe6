"""Every route to one optimum: our own solver, scipy.optimize twice, a closed form if any."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from bayesreg.language.arguments import Array
from bayesreg.language.text import html_table, plain
from bayesreg.model.touching import touched_at
from bayesreg.solvers import (
    closed_form,
    coordinate_descent,
    interior_point,
    local_routes,
    loss_routes,
    newton,
    scipy_routes,
)
from bayesreg.solvers.base import Solution
from bayesreg.solvers.certificate import certify

if TYPE_CHECKING:
    import pandas as pd

    from bayesreg.model.problem import Problem

# ‖Δb‖∞/‖b‖∞ on unit-sd columns that each kind of route must reach.
OWN, SCIPY = 1e-10, 1e-8


@dataclass(frozen=True, eq=False)
class Correspondence:
    """How far each route to the optimum is from the one reported.

    Attributes
    ----------
    table : DataFrame
        One row per route: formulation, difference ‖Δb‖∞/‖b‖∞ on unit-sd columns, limit, ok.
    ok : bool
        Whether every route is within its limit.
    why : str
        The verdict in words.
    """

    table: pd.DataFrame
    ok: bool
    why: str

    @property
    def max_difference(self) -> float:
        """The largest difference of all routes."""
        return float(self.table["difference"].max())

    def __repr__(self) -> str:
        """The verdict and the table."""
        return f"{self.why}\n{plain(self.table).to_string(float_format=lambda v: f'{v:.2g}')}"

    def _repr_html_(self) -> str:
        """The table, escaped."""
        return html_table(self.table, "{:.2g}")


def correspond(problem: Problem, b: Array, solver: str) -> Correspondence:
    """Solve by every other route and compare with `b`.

    Parameters
    ----------
    problem : Problem
        With λ known.
    b : ndarray (p,)
        The optimum reported, in penalised coordinates.
    solver : str
        Which solver found it.

    Returns
    -------
    Correspondence

    Notes
    -----
    For ridge "our iterative solver" is coordinate descent without its Newton step, so that the
    closed form is not compared with itself. Penalties that are not λ₁|b| + ½λ₂b² may have several
    optima, so that scipy's routes start 1 % from this one. Where a lasso optimum is not unique
    (active columns are collinear) all optima share the fit X̃b, and that is compared instead of b;
    under absolute deviations they may share no more than J. Where rows are read in passes the
    routes minimise the quadratic that touches the loss at b, which has its optimum there too.
    """
    import pandas as pd

    if problem.stream is not None and not problem.exact:
        problem = touched_at(problem, b)
    routes = _routes(problem, b)
    biggest, distance = _measure(problem, b)
    rows = {}
    for name, what, solve, limit in routes:
        other = b if name == solver else solve().b
        gap = distance(other)
        difference = gap / biggest if biggest > 0 else gap
        rows[name] = {
            "formulation": what,
            "difference": difference,
            "limit": limit,
            "ok": bool(difference <= limit),
            "reported": name == solver,
        }
    table = pd.DataFrame.from_dict(rows, orient="index")
    bad = table.index[~table["ok"]].tolist()
    largest = float(table["difference"].max())
    extent = f": largest difference {largest:.1g}" if largest > 0 else " to the last bit"
    why = (
        f"{len(table)} routes agree{extent}"
        if not bad
        else "routes that differ by more than their limit: " + ", ".join(map(str, bad))
    )
    return Correspondence(table, not bad, why)


def _routes(problem: Problem, b: Array) -> list[tuple[str, str, Callable[[], Solution], float]]:
    """Name, formulation, how to solve, and limit of each route to this optimum."""
    if not problem.exact and problem.loss.kinked:
        return _deviation_routes(problem, b)
    if not problem.exact:
        one = problem.penalty.linear_quadratic and problem.likelihood.convex
        form = "from 0" if one else "from 1 % away"
        name = "newton" if problem.likelihood.convex else "irls"
        first = partial(loss_routes.lbfgsb, problem, start=b)
        second = partial(loss_routes.hybrid, problem, start=b)
        return [
            (name, "our Newton on quadratics", partial(newton.solve, problem, start=b), OWN),
            ("lbfgsb", f"scipy.optimize, first order, {form}", first, SCIPY),
            ("hybrid", "scipy.optimize, second order, from 1 % away", second, SCIPY),
        ]
    if not problem.penalty.linear_quadratic:
        own = "group_descent" if problem.penalty.in_groups else "reweighting"
        first = partial(local_routes.lbfgsb, problem, start=b)
        second = partial(local_routes.hybrid, problem, start=b)
        return [
            (own, f"our {own.replace('_', ' ')}", partial(Solution, b, own, 0, ""), OWN),
            ("lbfgsb", "scipy.optimize, first order, from 1 % away", first, SCIPY),
            ("hybrid", "scipy.optimize, second order, from 1 % away", second, SCIPY),
        ]
    routes: list[tuple[str, str, Callable[[], Solution], float]] = [
        (
            "coordinate_descent",
            "our iterative solver",
            partial(coordinate_descent.solve, problem),
            OWN,
        ),
        ("lbfgsb", "scipy.optimize, first order", partial(scipy_routes.lbfgsb, problem), SCIPY),
        (
            "newton_cg",
            "scipy.optimize, second order",
            partial(scipy_routes.newton_cg, problem),
            SCIPY,
        ),
    ]
    if not np.any(problem.l1):
        routes.insert(0, ("closed_form", "closed form", partial(closed_form.solve, problem), OWN))
    return routes


def _deviation_routes(
    problem: Problem, b: Array
) -> list[tuple[str, str, Callable[[], Solution], float]]:
    """The same under absolute deviations."""
    own = partial(interior_point.solve, problem, start=b)
    second = partial(loss_routes.hybrid_on_rows, problem, start=b)
    routes: list[tuple[str, str, Callable[[], Solution], float]] = [
        ("interior_point", "our interior point", own, OWN),
        ("hybrid", "scipy.optimize, rows met and stationary, from 1 % away", second, SCIPY),
    ]
    if problem.penalty.linear_quadratic and not np.any(problem.penalty.l2):
        first = partial(loss_routes.highs, problem)
        routes.insert(1, ("highs", "scipy.optimize, linear programme", first, SCIPY))
    return routes


def _measure(problem: Problem, b: Array) -> tuple[float, Callable[[Array], float]]:
    """The size of b, and how far another is from it: by ‖·‖∞ on columns of norm one, or by X̃b.

    X̃b where b is not unique; J where optima of absolute deviations may differ in all else.
    """
    unique = certify(problem, b).unique
    if not problem.exact and problem.loss.kinked and unique is not True:
        least = newton.objective(problem, problem.loss.at(b))
        return abs(least), lambda other: abs(
            newton.objective(problem, problem.loss.at(other)) - least
        )
    size = _norm(problem, unique=unique is not False)
    return size(b), lambda other: size(other - b)


def _norm(problem: Problem, *, unique: bool) -> Callable[[Array], float]:
    """‖·‖∞ on columns of norm one, or ‖X̃·‖."""
    if unique:
        norms = problem.least_squares.norms
        return lambda v: float(np.max(np.abs(v) * norms, initial=0.0))
    if not problem.exact:
        return lambda v: float(np.linalg.norm(problem.loss.proper @ v))
    if problem.root is not None:
        rows = problem.root[:, :-1]
        return lambda v: float(np.linalg.norm(rows @ v))
    gram = problem.gram
    return lambda v: math.sqrt(max(float(v @ gram @ v), 0.0))
