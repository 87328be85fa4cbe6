"""Units: what standardising does to each penalty, and the same data in another unit."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from bayesreg.data.moments import Moments
from bayesreg.language.arguments import Array
from bayesreg.language.errors import BadArgument, BadData, NotSupported
from bayesreg.language.misnamed import explained
from bayesreg.language.text import shortened
from bayesreg.solvers.path import Ray, one_block, solve_path
from bayesreg.verbs.demonstrate.record import Record
from bayesreg.verbs.demonstrate.subject import subject
from bayesreg.verbs.fit import fit_map
from bayesreg.verbs.hyper import lam_of

if TYPE_CHECKING:
    import pandas as pd

    from bayesreg.model.problem import Problem
    from bayesreg.results import MapFit, Posterior

FACTORS = np.geomspace(1e-3, 1e3, 31)


@dataclass(frozen=True, eq=False, repr=False)
class Units(Record):
    """One column in K units: its effect under one and the same λ, and under the same belief.

    Attributes
    ----------
    problem : Problem
        With σ and scale at the values used.
    column : str
        The one that changes its unit.
    lam : float
        λ of all fits: λ₂ for Normal, else λ₁.
    factor : ndarray (K,)
        What the column is multiplied by: 1000 turns kilometres into metres.
    raw : ndarray (K,)
        Effect of one standard deviation, the columns as they are, under λ: the wrong one, whose
        answer depends on the unit.
    converted : ndarray (K,)
        The same where the column's prior scale is converted with its unit.
    standardised : ndarray (K,)
        The same where columns are divided by their sds first.
    least_squares : float
        Without a penalty; NaN where there is none.
    sd : ndarray (p,)
        Of the penalised columns as given: standardising multiplies λ₁ by it, and λ₂ by its square.
    """

    picture: ClassVar[str] = "units"

    problem: Problem
    column: str
    lam: float
    factor: Array
    raw: Array
    converted: Array
    standardised: Array
    least_squares: float
    sd: Array

    def summary(self) -> pd.DataFrame:
        """One row for each unit: the effect of one standard deviation, wrong and right."""
        import pandas as pd

        columns = {name: getattr(self, name) for name in ("raw", "converted", "standardised")}
        return pd.DataFrame(columns, index=pd.Index(self.factor, name="factor"))

    @property
    def says(self) -> str:
        """The picture in one sentence."""
        name, one = shortened(self.column), self.standardised[0]
        small, large = self.raw[0], self.raw[-1]
        return (
            f"Under one λ on columns as they are, one standard deviation of {name} is worth "
            f"{small:.3g} with its numbers multiplied by {self.factor[0]:g}, and {large:.3g} with "
            f"them multiplied by {self.factor[-1]:g}; standardised it is worth {one:.3g} in "
            "any unit, because the penalty on one original unit of β_j is then λ₁s_j|β_j| or "
            f"½λ₂s_j²β_j², where s_j runs from {self.sd.min():.3g} to {self.sd.max():.3g} here."
        )

    @property
    def alt(self) -> str:
        """The picture for who does not see it."""
        return (
            "Two panels. Left, the effect of one standard deviation of "
            f"{shortened(self.column)} against the factor of its unit: a curve that runs from "
            f"{self.raw[0]:.3g} to {self.raw[-1]:.3g} for columns as they are, and two level lines "
            "where the prior's scale is converted with the unit or the columns are standardised. "
            "Right, for each column, by what standardising multiplies λ₁, its sd, and λ₂, its "
            "variance."
        )


@explained
def units(
    problem: Problem | MapFit | Posterior, column: str | None = None, factors: Any = None
) -> Units:
    r"""The effect of one column as its unit changes, under one λ, wrong and right.

    In a unit that makes the numbers of a column c times as large, its coefficient is β_j/c. A
    penalty that stays :math:`\lambda|\beta_j/c|` or :math:`\tfrac12\lambda(\beta_j/c)^2` is another
    prior; one of scale s/c, or on :math:`s_j\beta_j` with s_j the column's sd, is the same.

    Parameters
    ----------
    problem : Problem, or a fit or posterior of one
        One penalised prior under a Gaussian likelihood, on rows; what of σ and scale is unknown is
        as `fit_map` settles it, and that λ is kept in all units, standardised or not.
    column : str, optional
        A penalised column; unsaid, the one with the largest effect.
    factors : sequence of float, optional
        Positive; unsaid, 31 from 0.001 to 1000.

    Returns
    -------
    Units

    Raises
    ------
    BadArgument
        If there is no such column, or a factor is not positive and finite.
    BadData
        If the column does not vary.
    NotSupported
        If the likelihood is not Gaussian, the priors are several, not by column or not about 0, or
        there are no rows.

    References
    ----------
    Hastie, Tibshirani & Friedman (2009), *The Elements of Statistical Learning*, 2nd ed., §3.4.1;
    Gelman (2008), "Scaling regression inputs by dividing by two standard deviations", Statistics in
    Medicine 27(15), https://doi.org/10.1002/sim.3107.

    Examples
    --------
    >>> import bayesreg as br
    >>> data = br.load_dataset("diabetes")
    >>> model = br.Model(br.Laplace(12.0), br.Gaussian(54.0))
    >>> problem = model.condition(data.X, data.y, standardize=True)
    >>> found = units(problem, "bmi", factors=[0.001, 1.0, 1000.0])
    >>> found.raw.round(2).tolist(), found.standardised.round(2).tolist()
    ([0.0, 25.35, 25.54], [24.97, 24.97, 24.97])
    """
    problem = subject(problem, "units", quadratic=True)
    block = one_block(problem)
    if problem.design is None:
        raise NotSupported(f"units needs rows, and {problem.rowless}")
    if block.grouped:
        raise NotSupported("a group of columns has one norm, and no unit of a single column")
    if block.prior.loc != 0:
        raise NotSupported(
            f"the prior is about {block.prior.loc:g}, which has a unit as well; units takes loc=0"
        )
    fit = fit_map(problem)
    fixed = fit.problem
    j = _column(fixed, column, fit.standardized.to_numpy(float))
    factor = FACTORS if factors is None else _factors(factors)
    lam = lam_of(fixed.given(sigma=fit.sigma))
    found = {
        name: np.array([_effect(fixed, j, c, lam, fit.sigma, *how) for c in factor])
        for name, how in {
            "raw": (False, False),
            "converted": (False, True),
            "standardised": (True, False),
        }.items()
    }
    sd = fixed.column_sd[fixed.proper]
    return Units(
        fixed, fixed.features[j], lam, factor, found["raw"], found["converted"],
        found["standardised"], _unpenalised(fixed, j), sd,
    )  # fmt: skip


def _column(problem: Problem, column: str | None, effects: Array) -> int:
    """The position of the column among all."""
    if column is None:
        return int(problem.proper[np.argmax(np.abs(effects[problem.proper]))])
    known = {problem.features[k]: int(k) for k in problem.proper}
    if column not in known:
        raise BadArgument(f"column must be one of the penalised columns, not {column!r}")
    if not problem.column_sd[known[column]] > 0:
        raise BadData(f"column {column!r} does not vary, so that no unit of it has an effect")
    return known[column]


def _factors(factors: Any) -> Array:
    """Positive numbers, ascending."""
    try:
        values = np.sort(np.atleast_1d(np.asarray(factors, dtype=float)))
    except (TypeError, ValueError) as error:
        raise BadArgument(f"factors must be positive numbers, not {factors!r}") from error
    if values.ndim != 1 or not len(values) or not np.all(np.isfinite(values) & (values > 0)):
        raise BadArgument(f"factors must be positive and finite, not {factors!r}")
    return values


def _effect(
    problem: Problem, j: int, c: float, lam: float, sigma: float, standardize: bool, convert: bool
) -> float:
    """sd(x_j)·β_j with column j multiplied by c, at λ."""
    design = problem.design
    assert design is not None
    X = np.array(design.X, dtype=float)
    X[:, j] *= c
    moments = Moments.of(X, design.target, design.frequencies, problem.features, warn=False)
    again = dataclasses.replace(problem, standardize=standardize).on(moments)
    if convert:
        again = _converted(again, j, 1.0 / c)
    b, _ = solve_path(again, np.array([lam]), Ray.of(again, sigma).sigma)
    return float(again.restore(b[0])[0][j] * moments.x_sd[j])


def _converted(problem: Problem, j: int, factor: float) -> Problem:
    """The same with the prior scale of one column multiplied by a factor."""
    (block,) = problem.blocks
    relative = np.array(block.relative, dtype=float)
    relative[np.flatnonzero(problem.proper == j)] *= factor
    return dataclasses.replace(problem, blocks=(dataclasses.replace(block, relative=relative),))


def _unpenalised(problem: Problem, j: int) -> float:
    """The least-squares effect; NaN where it is not the only one."""
    square = problem.quadratic
    if square.rank < square.p:
        return float("nan")
    rows = square.rows
    b = np.linalg.lstsq(rows.x, rows.y, rcond=None)[0]
    return float(problem.restore(b)[0][j] * problem.column_sd[j])
