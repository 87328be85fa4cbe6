r"""The exact lasso path: every λ at which a column enters or leaves, and b there.

With λ₁ⱼ = λwⱼ and λ₂ fixed, b is linear in λ between *knots*: on a face A with signs s,

    H_A b_A = c_A − λ(ws)_A,    ξ = c − Hb,    |ξ_j| ≤ λw_j off the face,    H = X'X + Λ₂, c = X'y.

From a knot down, the direction d = −db/dλ minimises ½d'Hd − (ws)'d over all columns with
|ξ_j| = λw_j, those at zero held to s_j d_j ≥ 0: with one column at zero that is the usual rule of
entering and leaving, and with several (ties, exact duplicates, columns that leave as others enter)
it is the rule that is left. Columns that depend on those already moving have nothing to add, and
stay out: of duplicates, the first in order is kept.

Directions only propose where the next knot is. There b is solved on its face anew, refined in
extended precision, and the knot moved to where these exact points say that it lies, so that no
error is carried from one knot to the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadArgument, NotSupported
from bayesreg.model.blocks import only_block
from bayesreg.model.unit_data import UnitData
from bayesreg.priors import Penalised
from bayesreg.solvers import coordinate_descent
from bayesreg.solvers.base import Solution
from bayesreg.solvers.tracing import Trace

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem

MOST = 20  # knots per column or row, whichever are fewer; typical paths have 1 to 3


@dataclass(frozen=True, eq=False)
class Knots:
    """The exact path, from the λ above which every coefficient is zero.

    Attributes
    ----------
    lam : ndarray (K,)
        The knots, from large to small; the last is where the path was asked to end, or the last
        of `most`.
    b : ndarray (K, p)
        Optima there, in the coordinates of the penalty; linear in λ in between.
    active : ndarray (K,) of int
        Number of columns on the face below each knot: the degrees of freedom of the lasso there.
    kkt : ndarray (K,)
        Stationarity residual at each knot, as a multiple of its limit (see
        :class:`~bayesreg.solvers.certificate.Certificate`): at most 1, or the path is not returned.
    complete : bool
        Whether the path reached its end; False where `most` knots were passed before.
    """

    lam: Array
    b: Array
    active: NDArray[np.intp]
    kkt: Array
    complete: bool
    _problem: Problem
    _l2: Array
    _weights: Array

    def at(self, lams: Array) -> Array:
        """Optima b (L, p) at any λ, in the order given: between two knots their weighted mean.

        Below the last knot of a path that is not complete, by coordinate descent from there.

        Raises
        ------
        BadArgument
            If a λ is not finite and positive (or zero), or lies below the end of the path.
        """
        lams = np.atleast_1d(np.asarray(lams, dtype=float))
        if not np.all(np.isfinite(lams) & (lams >= 0.0)):
            raise BadArgument(f"lams must be finite and not negative, not {lams}")
        below = lams < self.lam[-1]
        if self.complete and np.any(below):
            raise BadArgument(
                f"this path was followed down to λ = {self.lam[-1]:.6g}, and {lams[below][0]:.6g} "
                "is below that; ask for knots(problem, lowest=) as low"
            )
        right = np.clip(np.searchsorted(-self.lam, -lams), 1, max(len(self.lam) - 1, 1))
        right = np.minimum(right, len(self.lam) - 1)
        left = np.maximum(right - 1, 0)
        width = np.where(right > left, self.lam[left] - self.lam[right], 1.0)
        share = np.clip((self.lam[left] - lams) / width, 0.0, 1.0)[:, None]
        b = (1.0 - share) * self.b[left] + share * self.b[right]
        for k in np.flatnonzero(below):
            unit = self._problem.quadratic.unit
            l1, l2 = unit.penalty(lams[k] * self._weights, self._l2)
            u, _, _ = coordinate_descent.minimise(unit, l1, l2, unit.reduce(self.b[-1]))
            b[k] = unit.restore(u)
        return b

    def __repr__(self) -> str:
        """How many knots, and their range."""
        end = "" if self.complete else ", not complete"
        return f"{len(self.lam)} knots from λ = {self.lam[0]:.6g} to {self.lam[-1]:.6g}{end}"


def knots(
    problem: Problem, *, l2: float = 0.0, lowest: float = 0.0, most: int | None = None
) -> Knots:
    r"""Follow the lasso from λ_max down, through every change of its support.

    Parameters
    ----------
    problem : Problem
        One prior whose penalty by column has an ℓ₁ part; its own scale and σ are not used.
    l2 : float, default 0.0
        λ₂ of ½λ₂‖b‖², the same all along: an elastic net. (Where λ₂ moves with λ the path is not
        linear between knots.) Columns with `relative` factors have λ/relative and λ₂/relative².
    lowest : float, default 0.0
        Where to end; at 0 the path ends with least squares, or where the columns interpolate y.
    most : int, optional
        How many knots at most; unsaid, 20·min(p, rows) + 100. The count can grow as 3^p in the
        worst case, and beyond this `Knots.at` continues by coordinate descent.

    Returns
    -------
    Knots

    Raises
    ------
    NotSupported
        If there is not one penalty by column with an ℓ₁ part.
    NotConverged
        If a knot fails its stationarity conditions.
    BadArgument
        If a number is negative or not finite, or `most` not positive.

    References
    ----------
    Osborne, Presnell & Turlach (2000), "A new approach to variable selection in least squares
    problems", IMA Journal of Numerical Analysis 20(3); Efron, Hastie, Johnstone & Tibshirani
    (2004), "Least angle regression", Annals of Statistics 32(2), §3.1,
    https://doi.org/10.1214/009053604000000067; Mairal & Yu (2012), "Complexity analysis of the
    lasso regularization path", ICML (3^p).

    Examples
    --------
    >>> import bayesreg as br
    >>> from bayesreg.solvers import homotopy
    >>> data = br.load_dataset("diabetes")
    >>> problem = br.Model(br.Laplace()).condition(data.X, data.y, standardize=True)
    >>> path = homotopy.knots(problem)
    >>> path
    13 knots from λ = 19960.7 to 0
    >>> path.active.tolist()
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 9, 10, 10]
    """
    for name, value in (("l2", l2), ("lowest", lowest)):
        if not (np.isfinite(value) and value >= 0.0):
            raise BadArgument(f"{name} must be finite and not negative, not {value!r}")
    if most is not None and most < 1:
        raise BadArgument(f"most must be a positive number of knots, not {most!r}")
    weights, ridge = _weights(problem), np.zeros(problem.p)
    ridge += l2 * weights * weights
    unit = problem.quadratic.unit
    w, ridge_of_u = unit.penalty(weights, ridge)
    trace = Trace.start(unit, w, ridge_of_u)
    cap = MOST * min(len(w), _rows(unit)) + 100 if most is None else int(most)
    while trace.t > lowest and len(trace.knots) < cap:
        trace.advance(lowest)
    points = trace.knots
    return Knots(
        np.array([point.t for point in points]),
        np.array([unit.restore(point.u) for point in points]).reshape(len(points), unit.size),
        np.array([point.active for point in points], dtype=np.intp),
        np.array([point.kkt for point in points]),
        trace.t <= lowest,
        problem,
        ridge,
        weights,
    )


def solve(problem: Problem) -> Solution:
    """Minimise J of a lasso or elastic net by following its path down to its λ₁.

    Parameters
    ----------
    problem : Problem
        With λ known; columns without λ₁ are free from the start.

    Returns
    -------
    Solution
        `iterations` counts knots.

    Raises
    ------
    NotSupported
        If λ depends on an unknown.
    NotConverged
        If a knot fails its stationarity conditions.

    Examples
    --------
    >>> import bayesreg as br
    >>> from bayesreg.solvers import homotopy
    >>> model = br.Model(prior=br.Laplace(1.0), likelihood=br.Gaussian(sigma=1.0))
    >>> problem = model.condition([[1.0, 1.0], [-1.0, 1.0], [0.0, -2.0]], [3.0, -1.0, 0.0])
    >>> homotopy.solve(problem).b
    array([1.5       , 0.16666667])
    """
    unit = problem.quadratic.unit
    l1, l2 = unit.penalty(problem.l1, problem.l2)
    largest = float(np.max(l1, initial=0.0))
    trace = Trace.start(unit, l1 / (largest or 1.0), l2)
    while trace.t > largest:
        trace.advance(largest)
    u, count = trace.knots[-1].u, len(trace.knots)
    return Solution(unit.restore(u), "homotopy", count, f"{count} knot(s) down to this λ")


def _weights(problem: Problem) -> Array:
    """w with λ₁ⱼ = λwⱼ: one over `relative`."""
    block = only_block(problem.blocks, "knots are those of one λ")
    prior = block.prior
    if not (isinstance(prior, Penalised) and prior.kinked and block.separable):
        raise NotSupported(
            f"{type(prior).__name__} has no path with knots here: they are where an ℓ₁ penalty by "
            "column lets a coefficient enter or leave; use Laplace without groups"
        )
    return 1.0 / problem.relative


def _rows(unit: UnitData) -> int:
    """Rows that the columns have at most."""
    return len(unit.kept) if unit.X is None else len(unit.X)
