"""Scores: how rows left out were predicted, in the numbers that people know."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.diagnostics.accuracy import rmse_of_groups
from bayesreg.engines.draws import rows_of
from bayesreg.language.arguments import Array
from bayesreg.language.text import html_table, plain

if TYPE_CHECKING:
    import pandas as pd

    from bayesreg.data.design import Design
    from bayesreg.likelihoods import Likelihood

FARTHEST = 700.0  # of η, beyond which its exponential is no number


@dataclass(frozen=True)
class Score:
    """One score of the rows left out.

    Attributes
    ----------
    name : str
    value, se : float
        And its standard error over rows; NaN where there is none.
    alone : float
        The same of the mean of y alone, whatever the columns; NaN where that says nothing.
    better : {"higher", "lower"}
    says : str
        What it is, in words.
    """

    name: str
    value: float
    se: float
    alone: float
    better: str
    says: str


@dataclass(frozen=True, eq=False)
class Scores:
    r"""Scores of rows left out: each row predicted from the others.

    * ``log score``: mean log p(y_i | y_-i), which is elpd/N.
    * yes/no: Brier's score, the mean of (y_i − P_i)², and the AUC, the probability that of a yes
      and a no the yes has the higher P_i, with the standard error of DeLong et al.
    * counts, and successes among trials: the mean deviance 2(f(η_i) − min f), f = −log p, at the
      predicted mean; and the share of the deviance of the mean alone that it is below.
    * measurements: the root of the mean squared error, and the mean absolute error, which outliers
      move less.

    A row counts w times.

    Attributes
    ----------
    rows : tuple of Score

    References
    ----------
    Gneiting & Raftery (2007), "Strictly proper scoring rules, prediction, and estimation", JASA
    102(477), https://doi.org/10.1198/016214506000001437; DeLong, DeLong & Clarke-Pearson (1988),
    Biometrics 44(3), https://doi.org/10.2307/2531595; McCullagh & Nelder (1989), *Generalized
    Linear Models*, 2nd ed., §2.3.

    Examples
    --------
    >>> import bayesreg as br
    >>> data = br.load_dataset("diabetes")
    >>> model = br.Model(br.Normal(1.0), br.Bernoulli())
    >>> post = br.sample(model.condition(data.X, data.y > 140, standardize=True), seed=1)
    >>> post.scores()["value"].round(1).to_dict()
    {'log score': -0.5, 'Brier score': 0.2, 'AUC': 0.8}
    """

    rows: tuple[Score, ...]

    @classmethod
    def of(cls, post: Any, loo: Any = None) -> Scores:
        """Of a posterior on rows, and its leave-one-out densities where they are known already."""
        here = post.at_hand
        return cls(tuple(_scores(here, rows_of(here.problem), post.loo() if loo is None else loo)))

    @property
    def table(self) -> pd.DataFrame:
        """One row per score: value, se, that of the mean alone, which is better, what it says."""
        import pandas as pd

        columns = ["value", "se", "alone", "better", "says"]
        found = [[getattr(one, name) for name in columns] for one in self.rows]
        index = pd.Index([one.name for one in self.rows], name="score")
        return pd.DataFrame(found, index=index, columns=columns)

    def __getitem__(self, name: str) -> Score:
        """One score by its name."""
        return next(one for one in self.rows if one.name == name)

    def __repr__(self) -> str:
        """The table."""
        return str(plain(self.table.round(4)).to_string())

    def _repr_html_(self) -> str:
        """The same, escaped."""
        return html_table(self.table)


def _scores(post: Any, design: Design, loo: Any) -> Iterator[Score]:
    """The scores that mean something of such a response."""
    likelihood, w = post.problem.likelihood, design.frequencies
    total = post.problem.n
    error = np.asarray(post.left_out, dtype=float)
    alone = math.nan
    if likelihood.takes_labels:
        share = float(w @ design.y) / float(w.sum())
        alone = -_entropy(share)
    says = "mean log predictive density of a row, in nats"
    yield Score("log score", float(loo.elpd) / total, float(loo.se) / total, alone, "higher", says)
    if likelihood.takes_labels:
        yield from _of_labels(design, error)
    elif likelihood.discrete:
        yield from _of_counts(post, design, likelihood, error)
    else:
        yield from _of_measurements(design, error, getattr(loo, "groups", None))


def _of_labels(design: Design, error: Array) -> Iterator[Score]:
    y, w = design.y, design.frequencies
    share = float(np.average(y, weights=w))
    mean, se = _mean(np.square(error), w)
    says = "mean squared distance of the probability from yes or no"
    yield Score("Brier score", mean, se, share * (1.0 - share), "lower", says)
    area, se = auc(y - error, y > 0.5, w)
    says = "probability that of a yes and a no the yes has the higher probability"
    yield Score("AUC", area, se, 0.5, "higher", says)


def _of_counts(post: Any, design: Design, likelihood: Likelihood, error: Array) -> Iterator[Score]:
    w = design.frequencies
    theta: dict[str, Any] = {k: float(np.median(v)) for k, v in post.draws.theta.items()}
    theta |= design.known.facts(-1)
    trials = np.ones(design.n) if design.trials is None else design.trials
    found = deviance(likelihood, design.y, (design.y - error) / trials, theta)
    flat = deviance(likelihood, design.y, _constant(design, likelihood) / trials, theta)
    mean, se = _mean(found, w)
    null, _ = _mean(flat, w)
    says = "mean of twice the log likelihood that the predicted mean loses to the count itself"
    yield Score("deviance", mean, se, null, "lower", says)
    if null > 0.0:
        _, se = _mean(found - mean / null * flat, w)
        says = "share of the deviance of the mean alone that the columns take away"
        yield Score("deviance explained", 1.0 - mean / null, se / null, 0.0, "higher", says)


def _of_measurements(design: Design, error: Array, groups: Array | None) -> Iterator[Score]:
    y, w = design.y, design.frequencies
    if groups is None:
        centre = y - np.average(y, weights=w)
        mean, se = _mean(np.square(error), w)
        root = math.sqrt(mean)
        se = se / (2.0 * root) if root > 0.0 else 0.0
        null = math.sqrt(float(np.average(np.square(centre), weights=w)))
    else:
        size, _, first, second, _, square, *_ = groups.sum(axis=1)
        root, se = math.sqrt(square / size), float(rmse_of_groups(groups, left_out=True).std())
        null = math.sqrt(second / size - (first / size) ** 2)
    says = "root of the mean squared error, in the unit of y"
    yield Score("RMSE", root, se, null, "lower", says)
    mean, se = _mean(np.abs(error), w)
    order = np.argsort(y, kind="stable")
    median = y[order][np.searchsorted(np.cumsum(w[order]), 0.5 * w.sum())]
    null = float(np.average(np.abs(y - median), weights=w))
    says = "mean absolute error, in the unit of y; alone: of the median"
    yield Score("MAE", mean, se, null, "lower", says)


def deviance(likelihood: Likelihood, y: Array, mean: Array, theta: Any) -> Array:
    """2(f(η) − min f) by row, at the mean of a count, or of one trial: the gap of a dual of 0."""
    with np.errstate(divide="ignore"):
        eta = np.log(mean) if likelihood.link == "log" else np.log(mean) - np.log1p(-mean)
    eta = np.clip(eta, -FARTHEST, FARTHEST)
    return 2.0 * likelihood.fenchel_young(y, eta, np.zeros_like(eta), theta)


def auc(score: Array, yes: Any, weights: Array) -> tuple[float, float]:
    """The area under the ROC curve and its standard error, rows of weight w as w rows.

    Ties count half. NaN where one of the classes is missing, or (the error) is a single row.

    Examples
    --------
    >>> area, se = auc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1]) == 1, np.ones(4))
    >>> round(area, 6), round(se, 6)
    (0.75, 0.353553)
    """
    _, at = np.unique(score, return_inverse=True)
    one, two = (np.bincount(at, weights * side, int(at.max()) + 1) for side in (yes, ~yes))
    ones, twos = float(one.sum()), float(two.sum())
    if not (ones > 0.0 and twos > 0.0):
        return math.nan, math.nan
    below = (np.cumsum(two) - 0.5 * two) / twos
    above = 1.0 - (np.cumsum(one) - 0.5 * one) / ones
    area = float(one @ below) / ones
    if not (ones > 1.0 and twos > 1.0):
        return area, math.nan
    first = float(one @ np.square(below - area)) / (ones - 1.0) / ones
    second = float(two @ np.square(above - area)) / (twos - 1.0) / twos
    return area, math.sqrt(first + second)


def _constant(design: Design, likelihood: Likelihood) -> Array:
    """The mean of y without columns: one rate, or one share of trials."""
    w = design.frequencies
    size = np.ones(design.n) if design.trials is None else design.trials
    if likelihood.link == "log" and design.offset is not None:
        size = np.exp(design.offset)
    return np.asarray(size * (float(w @ design.y) / float(w @ size)))


def _mean(values: Array, weights: Array) -> tuple[float, float]:
    """A weighted mean and its standard error, a row of weight w being w rows."""
    total = float(weights.sum())
    mean = float(weights @ values) / total
    spread = float(weights @ np.square(values - mean)) / max(total - 1.0, 1.0)
    return mean, math.sqrt(spread / total)


def _entropy(share: float) -> float:
    return -sum(p * math.log(p) for p in (share, 1.0 - share) if p > 0.0)
