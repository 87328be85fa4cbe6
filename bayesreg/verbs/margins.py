"""predictions, comparisons, slopes: what a fit says at rows, averaged over them, draw by draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bayesreg.data.population import Population
from bayesreg.language.arguments import Array, check_level
from bayesreg.language.errors import BadArgument
from bayesreg.language.misnamed import explained
from bayesreg.results.margins import Margins
from bayesreg.verbs.changes import DIFFERENCE, KINDS_OF_COMPARISON, Change, changes_of, slope_of
from bayesreg.verbs.response import Response, Split

LARGEST = 2e9  # bytes of draws that one answer may hold


@explained
def predictions(
    post: Any,
    variables: Any = None,
    newdata: Any = None,
    *,
    by: Any = None,
    at: Mapping[str, Any] | None = None,
    weights: Any = None,
    level: float = 0.95,
    kind: str = "mean",
) -> Margins:
    r"""Adjusted predictions: E(y) at rows or averaged over them, with what is unknown about it.

    For each draw ŷ = Σ wᵢ μ(β₀ + xᵢ'β) / Σ wᵢ, with xᵢ the i-th row after `at` and `variables`
    have replaced some of its values; no noise of a new y is in it.

    Parameters
    ----------
    post : Posterior or MapFit
        An optimum has estimates and no intervals.
    variables : str, list of str or mapping, optional
        Variables to run through: a factor through its levels, a number through 50 values over its
        range (all, where there are at most 10); a mapping gives the values.
    newdata : data frame, array or "mean", optional
        Rows to ask at; the fit's own unless given, and their weights. ``"mean"`` is one row: the
        mean of each number and the commonest level of each factor.
    by : str, list of str, bool, optional
        Average within the groups of these variables; None or True over all rows; False not at all.
    at : mapping, optional
        Variable to value, or list of values: every row gets them, one copy of the rows for each
        combination.
    weights : array (m,), series or column of newdata, optional
        How often each row of `newdata` counts.
    level : float, default 0.95
        Probability inside the equal-tailed interval.
    kind : {"mean", "linear"}
        The mean of y (a probability under Bernoulli(), averaged over draws), or η.

    Returns
    -------
    Margins
        ``.table``, ``.draws``, ``.plot()``.

    Raises
    ------
    BadArgument
        If a variable is unknown, or an argument is none of these.
    BadData
        If `newdata` lacks a variable or has a level that the fit never saw.
    NotSupported
        If the fit has no rows.

    References
    ----------
    Arel-Bundock, Greifer & Heiss (2024), "How to interpret statistical models using
    marginaleffects", Journal of Statistical Software 111(9), https://doi.org/10.18637/jss.v111.i09.

    Examples
    --------
    >>> import numpy as np, pandas as pd, bayesreg as br
    >>> frame = pd.DataFrame({"x": np.arange(12.0), "g": list("aab") * 4})
    >>> frame["y"] = 2 * frame.x + 5 * (frame.g == "b") + np.tile([1.0, -1.0], 6)
    >>> fit = br.fit_map(br.Model(br.Flat()).condition_formula("y ~ x + g", frame))
    >>> br.predictions(fit, variables="g").table["estimate"].round(6).tolist()
    [11.0, 16.0]
    """
    response, split = Response.of(post, kind), Split.of(by)
    population = Population.of(response.problem.design, newdata, weights)
    asked = {**_through(population, variables), **_fixed(population, at)}
    population.check(asked, "variables or at")
    rows = _Rows(response, split)
    for cell in population.combinations(asked):
        there = population.at(cell)
        rows.add(response.averages(split, there, [there.X()]), {}, cell, there)
    return rows.margins("predictions", tuple(asked), level)


@explained
def comparisons(
    post: Any,
    variables: Any = None,
    newdata: Any = None,
    *,
    by: Any = None,
    at: Mapping[str, Any] | None = None,
    comparison: str = DIFFERENCE,
    weights: Any = None,
    level: float = 0.95,
    kind: str = "mean",
) -> Margins:
    r"""Contrasts of predictions: what changing a variable changes, all else as it is in each row.

    For each draw Σ wᵢ {μ(ηᵢ with the new value) − μ(ηᵢ with the old)} / Σ wᵢ, through factors,
    interactions and transformations, because each row is coded anew.

    Parameters
    ----------
    post : Posterior or MapFit
        An optimum has estimates and no intervals.
    variables : str, list of str or mapping, optional
        What to change; all variables unless given. A factor: each level against the reference (the
        formula's, or the first), or "pairwise", "sequential", or (from, to). A number: by +1, or by
        another step, or (from, to), or "sd" (about its value), "iqr", "minmax"; one that is only
        ever 0 and 1: from 0 to 1.
    newdata, by, at, weights, level, kind
        As in :func:`predictions`.
    comparison : {"difference", "ratio"}
        The ratio is taken row by row and then averaged.

    Returns
    -------
    Margins

    Raises
    ------
    BadArgument
        If a variable or level is unknown, or an argument is none of these.
    BadData
        If `newdata` lacks a variable or has a level that the fit never saw.
    NotSupported
        If the fit has no rows.

    References
    ----------
    Arel-Bundock, Greifer & Heiss (2024), Journal of Statistical Software 111(9).

    Examples
    --------
    >>> import numpy as np, pandas as pd, bayesreg as br
    >>> frame = pd.DataFrame({"x": np.arange(12.0), "g": list("aab") * 4})
    >>> frame["y"] = 2 * frame.x + 5 * (frame.g == "b") + np.tile([1.0, -1.0], 6)
    >>> fit = br.fit_map(br.Model(br.Flat()).condition_formula("y ~ x + g", frame))
    >>> br.comparisons(fit).table[["term", "contrast", "estimate"]].round(6).values.tolist()
    [['g', 'b − a', 5.0], ['x', '+1', 2.0]]
    """
    if comparison not in KINDS_OF_COMPARISON:
        raise BadArgument(
            f"comparison must be one of {', '.join(KINDS_OF_COMPARISON)}, not {comparison!r}"
        )
    response, split = Response.of(post, kind), Split.of(by)
    population = Population.of(response.problem.design, newdata, weights)
    at = _fixed(population, at)
    asked = list(changes_of(population, variables, response.problem.effects))
    rows = _Rows(response, split)
    for change in asked:
        _compare(rows, population, change, at, comparison)
    what = "comparisons" if comparison == DIFFERENCE else "ratios"
    return rows.margins(what, tuple(at), level)


@explained
def slopes(
    post: Any,
    variables: Any = None,
    newdata: Any = None,
    *,
    by: Any = None,
    at: Mapping[str, Any] | None = None,
    eps: float | None = None,
    weights: Any = None,
    level: float = 0.95,
    kind: str = "mean",
) -> Margins:
    r"""Marginal effects: the derivative of the prediction in each number; factors are compared.

    For each draw Σ wᵢ μ′(ηᵢ)·∂ηᵢ/∂v / Σ wᵢ. The derivative of the columns in v is exact where they
    are linear in it, and elsewhere the central difference {x(v + h) − x(v − h)}/2h.

    Parameters
    ----------
    post : Posterior or MapFit
        An optimum has estimates and no intervals.
    variables : str or list of str, optional
        Of which; all unless given.
    newdata, by, at, weights, level, kind
        As in :func:`predictions`.
    eps : float, optional
        The step h, in the unit of the variable; 1e-5 of its sd unless given. A given step is used
        for linear columns as well.

    Returns
    -------
    Margins

    Raises
    ------
    BadArgument
        If a variable is unknown, or an argument is none of these.
    BadData
        If `newdata` lacks a variable, or a transformation has no value next to a row.
    NotSupported
        If the fit has no rows.

    References
    ----------
    Arel-Bundock, Greifer & Heiss (2024), Journal of Statistical Software 111(9).

    Examples
    --------
    >>> import numpy as np, pandas as pd, bayesreg as br
    >>> frame = pd.DataFrame({"x": np.linspace(0, 3, 13)})
    >>> frame["y"] = frame.x**2
    >>> fit = br.fit_map(br.Model(br.Flat()).condition_formula("y ~ x + I(x**2)", frame))
    >>> br.slopes(fit, at={"x": [0.0, 2.0]}).table["estimate"].round(6).tolist()
    [0.0, 4.0]
    """
    response, split = Response.of(post, kind), Split.of(by)
    population = Population.of(response.problem.design, newdata, weights)
    at = _fixed(population, at)
    if isinstance(variables, Mapping):
        raise BadArgument("slopes takes names of variables; comparisons takes changes of them")
    rows = _Rows(response, split)
    for change in changes_of(population, variables, response.problem.effects):
        if change.variable in population.levels:
            _compare(rows, population, change, at, DIFFERENCE)
            continue
        label = {"term": change.variable, "contrast": "dy/dx"}
        for cell in population.combinations(at):
            there = population.at(cell)
            along = slope_of(there, change.variable, eps)
            rows.add(response.slopes(split, there, there.X(), along), label, cell, there)
    return rows.margins("slopes", tuple(at), level)


class _Rows:
    """The rows of a table as they are computed, and their draws."""

    def __init__(self, response: Response, split: Split) -> None:
        self.response, self.split = response, split
        self.labels: list[dict[str, Any]] = []
        self.draws: list[Array] = []

    def add(
        self, values: Array, label: Mapping[str, Any], cell: Mapping[str, Any], there: Population
    ) -> None:
        """Draws (groups, S) of one cell of the grid."""
        held = sum(one.nbytes for one in self.draws) + values.nbytes
        if held > LARGEST:
            raise BadArgument(
                f"these are more than {LARGEST / 1e9:g} GB of draws; average them (by=None, or by "
                "a variable), or ask at fewer rows"
            )
        self.draws.append(values)
        for group in self.split.labels(there):
            self.labels.append({**label, **cell, **group})

    def margins(self, what: str, grid: Sequence[str], level: float) -> Margins:
        """The result."""
        draws = np.concatenate(self.draws) if self.draws else np.zeros((0, self.response.size))
        keys = list(dict.fromkeys(key for label in self.labels for key in label))
        return Margins(
            what=what,
            labels={key: tuple(label.get(key) for label in self.labels) for key in keys},
            values=self.response.shaped(draws.T),
            grid=tuple(grid),
            by=self.split.names,
            unit=self.response.words,
            level=check_level(level),
            sampled=self.response.sampled,
        )


def _compare(
    rows: _Rows,
    population: Population,
    change: Change,
    at: Mapping[str, Any],
    comparison: str,
) -> None:
    """Add one change of a variable in every cell of the grid."""
    label = {"term": change.variable, "contrast": change.label(comparison)}
    for cell in population.combinations(at):
        there = population.at(cell)
        pair = [there.moved(change.variable, values).X() for values in change.ends(there)]
        rows.add(rows.response.averages(rows.split, there, pair, comparison), label, cell, there)


def _fixed(population: Population, at: Mapping[str, Any] | None) -> dict[str, Any]:
    """The values that variables are held at."""
    population.check({} if at is None else at, "at")
    return {} if at is None else dict(at)


def _through(population: Population, variables: Any) -> dict[str, Any]:
    """The values of the variables to run through."""
    if variables is None:
        return {}
    if isinstance(variables, Mapping):
        return dict(variables)
    names = [variables] if isinstance(variables, str) else variables
    population.check(names, "variables")
    return {name: population.values(name) for name in names}
