"""The fitted line of one column with its interval, all others held."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from bayesreg.data.population import Population
from bayesreg.language.arguments import Array, check_level, integer
from bayesreg.language.errors import BadArgument, BadData, NotSupported
from bayesreg.language.misnamed import explained
from bayesreg.language.text import percent, shortened
from bayesreg.model.problem import Problem
from bayesreg.results.map_fit import MapFit
from bayesreg.results.posterior import Posterior
from bayesreg.verbs.demonstrate.record import Record
from bayesreg.verbs.fit import sample
from bayesreg.verbs.margins import predictions, slopes

if TYPE_CHECKING:
    import pandas as pd

POINTS = 61  # of the line
MOST = 2000  # rows that are drawn


@dataclass(frozen=True, eq=False, repr=False)
class FittedLine(Record):
    """E(y) over one variable with its interval, the interval of a new y, and the rows.

    Attributes
    ----------
    column, response : str
    grid : ndarray (G,)
        Values of the column, over its range.
    mean, low, high : ndarray (G,)
        Posterior mean of E(y) there and its equal-tailed interval, all other variables held at
        `held`.
    new : ndarray (2, G) or None
        The interval of a new y, noise included; None of a yes/no y.
    x, y : ndarray (m,)
        Rows: the column, and y as it would be expected with the other variables at `held` (y_i less
        the fit of row i, plus the line at x_i); of a yes/no y just y.
    rows : int
        How many there are; at most 2000, evenly spaced, are in `x`.
    held : dict of str to object
        The other variables: the mean of a number, the commonest level of a factor.
    level : float
    """

    picture: ClassVar[str] = "fitted_line"

    column: str
    response: str
    grid: Array
    mean: Array
    low: Array
    high: Array
    new: Array | None
    x: Array
    y: Array
    rows: int
    held: dict[str, Any]
    level: float

    def summary(self) -> pd.DataFrame:
        """The line and its intervals, one row for each value of the column."""
        import pandas as pd

        index = pd.Index(self.grid, name=self.column)
        table = pd.DataFrame({"mean": self.mean, "low": self.low, "high": self.high}, index=index)
        return (
            table if self.new is None else table.assign(new_low=self.new[0], new_high=self.new[1])
        )

    @property
    def says(self) -> str:
        """The line at both ends with its interval, and how far a new y is from it."""
        name, y = shortened(self.column), shortened(self.response)
        ends = [
            f"{self.mean[k]:.4g} ({self.low[k]:.4g} to {self.high[k]:.4g}) at {self.grid[k]:.4g}"
            for k in (0, -1)
        ]
        others = "With all other variables held, e" if self.held else "E"
        said = (
            f"{others}xpected {y} goes from {ends[0]} to {ends[1]} of {name}, "
            f"{percent(self.level)} intervals in brackets"
        )
        if self.new is None:
            return f"{said}."
        k = len(self.grid) // 2
        return (
            f"{said}; at {self.grid[k]:.4g} the line is known within "
            f"{self.high[k] - self.low[k]:.3g}, and a new {y} within "
            f"{self.new[1, k] - self.new[0, k]:.3g}."
        )

    @property
    def alt(self) -> str:
        """The picture for who does not see it."""
        k = len(self.grid) // 2
        way = "rises" if self.mean[-1] > self.mean[0] else "falls"
        beyond = "" if self.new is None else ", and dashed lines far from it for a new y"
        wide = self.high - self.low
        return (
            f"A line of expected {shortened(self.response)} over {shortened(self.column)} {way} "
            f"from {self.mean[0]:.4g} to {self.mean[-1]:.4g} among {len(self.x)} dots; its "
            f"{percent(self.level)} band is {wide[0]:.3g} wide at the left, {wide[k]:.3g} in the "
            f"middle and {wide[-1]:.3g} at the right{beyond}."
        )


@explained
def fitted_line(
    data: Any, column: str | None = None, *, level: float = 0.95, seed: int = 0
) -> FittedLine:
    r"""E(y | x) over one variable with its posterior interval, all other variables held.

    Under noise the rows are drawn where the model has them once the others are held at x̄: at
    :math:`y_i - E(y \mid x_i) + E(y \mid x_{ij}, \bar x_{-j})`, the component plus residual, about
    which a curve where there should be a line shows.

    Parameters
    ----------
    data : Posterior or Problem
        A problem is sampled first, with `seed`.
    column : str, optional
        A variable that is a number; unsaid, that whose standard deviation has the largest effect.
    level : float, default 0.95
        Probability inside the intervals.
    seed : int, default 0

    Returns
    -------
    FittedLine

    Raises
    ------
    BadArgument
        If this is neither, the variable is unknown or a factor, or `level` is no probability.
    BadData
        If the variable does not vary.
    NotSupported
        If y is neither a number nor yes/no, or rows have offsets: ``br.predictions`` serves there.

    References
    ----------
    James, Witten, Hastie & Tibshirani (2021), *An Introduction to Statistical Learning*, 2nd ed.,
    §3.1 and §3.2 (both intervals); Larsen & McCleary (1972), "The use of partial residual plots in
    regression analysis", Technometrics 14(3), https://doi.org/10.1080/00401706.1972.10488966.

    Examples
    --------
    >>> import bayesreg as br
    >>> data = br.load_dataset("diabetes")
    >>> problem = br.Model(br.Normal()).condition(data.X, data.y, standardize=True)
    >>> found = fitted_line(problem, "bmi")
    >>> found.grid[[0, -1]].tolist(), len(found.x)
    ([18.0, 42.2], 442)
    """
    level = check_level(level)
    post = _posterior(data, seed)
    problem, whole = post.problem, Population.of(post.problem.design)
    if problem.likelihood.link != "identity" and problem.classes_ is None:
        raise NotSupported(
            f"{problem.likelihood.noun} has a line of means for each exposure or number of trials; "
            "br.predictions(post, variables=…).plot() draws it"
        )
    assert problem.design is not None  # a population has rows
    if problem.design.offset is not None:
        raise NotSupported(
            "rows have offsets here; br.predictions(post, variables=…).plot() draws the line"
        )
    name = _largest(post, whole) if column is None else _variable(whole, column)
    values = np.asarray(whole.column(name), dtype=float)
    if not np.ptp(values) > 0:
        raise BadData(f"{name!r} does not vary, so that there is no line over it")
    grid = np.linspace(values.min(), values.max(), POINTS)
    line = predictions(post, {name: grid}, "mean", level=level).table
    low, high = line.columns[-2:]
    typical = whole.typical()
    noisy = problem.likelihood.link == "identity"
    new = None
    if noisy:
        beyond = post.predict(_held(typical, name, grid), level=level)
        new = beyond.iloc[:, -2:].to_numpy(float).T
    shown = np.unique(np.linspace(0, len(values) - 1, min(len(values), MOST)).astype(int))
    y = np.asarray(problem.design.y, dtype=float)[shown]
    if noisy:
        fitted = post.predict(whole.frame.iloc[shown])
        y = y - np.asarray(fitted) + np.asarray(post.predict(_held(typical, name, values[shown])))
    held = {key: typical.frame[key].iloc[0] for key in typical.predictors if key != name}
    response = _response(problem)
    return FittedLine(
        name, response, grid, line["estimate"].to_numpy(float), line[low].to_numpy(float),
        line[high].to_numpy(float), new, values[shown], y, len(values), held, level,
    )  # fmt: skip


def _posterior(data: Any, seed: int) -> Posterior:
    """The posterior itself, or that of a problem."""
    if isinstance(data, Posterior):
        return data
    if isinstance(data, Problem):
        return sample(data, seed=integer(seed, "seed", 0))
    of = ": an optimum has no interval; give fit.problem" if isinstance(data, MapFit) else ""
    raise BadArgument(
        "fitted_line takes a Posterior, from br.sample(problem), or a problem, not "
        f"{type(data).__name__}{of}"
    )


def _variable(whole: Population, name: Any) -> str:
    """A variable that is a number."""
    whole.check([name], "column")
    if name in whole.levels:
        raise BadArgument(
            f"column: {name!r} is a factor, over which there is no line; "
            f"br.predictions(post, variables={name!r}).plot() has a row for each level"
        )
    return str(name)


def _largest(post: Posterior, whole: Population) -> str:
    """The number whose standard deviation has the largest effect, the others held."""
    numbers = [name for name in whole.predictors if name not in whole.levels]
    if not numbers:
        raise BadArgument("there is no variable that is a number, and so no line")
    table = slopes(post, numbers, "mean").table.set_index("term")["estimate"]
    spread = [float(np.std(np.asarray(whole.column(name), dtype=float))) for name in table.index]
    return str(table.index[int(np.argmax(np.abs(table.to_numpy(float)) * spread))])


def _held(typical: Population, name: str, values: Array) -> pd.DataFrame:
    """Typical rows, one for each value of the variable."""
    frame = typical.frame.iloc[np.zeros(len(values), dtype=int)].reset_index(drop=True)
    return frame.assign(**{name: values})


def _response(problem: Problem) -> str:
    """What the axis of y is."""
    assert problem.design is not None
    name = problem.design.y_name
    return name if problem.classes_ is None else f"P({name} = {problem.classes_[1]})"
