"""BayesianPath: the whole posterior of the coefficients as a function of the prior's scale."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.language.arguments import Array, interval_names
from bayesreg.language.misnamed import explained_throughout
from bayesreg.model.problem import Problem
from bayesreg.results.quantity import Quantity

if TYPE_CHECKING:
    import pandas as pd


@explained_throughout
@dataclass(frozen=True, eq=False)
class BayesianPath:
    r"""Posterior mean, interval, P(> 0) and shrinkage at each scale of the prior, beside the MAP.

    Everything is conditional on the scale and averages over an unknown σ, but for the MAP, which
    takes one value of σ. Arrays are in the order of `scales`, coefficients per unit of the original
    columns.

    Attributes
    ----------
    problem : Problem
        What was asked about.
    scales : ndarray (S,)
        Scales of the prior, in its declared unit.
    mean, low, high : ndarray (S, P)
        Posterior means, and equal-tailed intervals of probability `level`.
    positive : ndarray (S, P)
        P(β_j > 0 | y, scale).
    kappa : ndarray (S, P)
        Posterior mean of the shrinkage factor: 1 is all prior, 0 all data; NaN for Flat columns and
        where the engine does not tell.
    optimum : ndarray (S, P) or None
        The MAP at σ = `sigma`; None where the prior has none, and `why_no_map` says why.
    level : float
        Of the intervals.
    sigma : float
        For the MAP, and to say each scale as a λ.
    sigma_source : str
        Where that σ comes from.
    lams : ndarray (S,)
        The λ (λ₂ for Normal, else λ₁) of each scale at `sigma`; NaN where the prior has none.
    posterior : Quantity or None
        Posterior draws of the scale under its hyperprior; None where it is given.
    engine : str
        What computed the posteriors.
    error : ndarray (S, P)
        Monte Carlo standard errors of `mean`; zeros in closed form.
    why_no_map : str or None
        In words.
    own : str
        In words, what the likelihood has of its own where the MAP is taken; empty under a Gaussian.

    References
    ----------
    Park & Casella (2008), "The Bayesian lasso", JASA 103, fig. 2,
    https://doi.org/10.1198/016214508000000337.

    Examples
    --------
    >>> import bayesreg as br
    >>> data = br.load_dataset("diabetes")
    >>> problem = br.Model(br.Normal()).condition(data.X, data.y, standardize=True)
    >>> found = br.bayesian_path(problem, scales=[1.0, 0.1])
    >>> found.engine, found.sign.loc[0.1, "bmi"].round(3)
    ('closed form', np.float64(1.0))
    """

    problem: Problem
    scales: Array
    mean: Array
    low: Array
    high: Array
    positive: Array
    kappa: Array
    optimum: Array | None
    level: float
    sigma: float
    sigma_source: str
    lams: Array
    posterior: Quantity | None
    engine: str
    error: Array
    why_no_map: str | None
    own: str = ""

    @cached_property
    def sign(self) -> pd.DataFrame:
        """Probability of the likelier sign: one row per scale, one column per coefficient."""
        return self._frame(np.maximum(self.positive, 1.0 - self.positive))

    @cached_property
    def beta(self) -> pd.DataFrame:
        """Posterior means: one row per scale, one column per coefficient."""
        return self._frame(self.mean)

    @cached_property
    def shrinkage(self) -> pd.DataFrame:
        """Posterior means of κ: one row per scale, one column per coefficient."""
        return self._frame(self.kappa)

    def summary(self) -> pd.DataFrame:
        """One row per scale and feature: λ, MAP, mean and its error, interval, P(> 0), κ."""
        import pandas as pd

        low, high = interval_names(self.level)
        missing = np.full_like(self.mean, np.nan)
        columns = {
            "lam": np.broadcast_to(self.lams[:, None], self.mean.shape),
            "map": missing if self.optimum is None else self.optimum,
            "mean": self.mean,
            "mcse_mean": self.error,
            low: self.low,
            high: self.high,
            "p_positive": self.positive,
            "kappa": self.kappa,
        }
        index = pd.MultiIndex.from_product(
            [self.scales, list(self.problem.features)], names=["scale", "feature"]
        )
        return pd.DataFrame({name: value.ravel() for name, value in columns.items()}, index=index)

    def to_frame(self) -> pd.DataFrame:
        """`summary`, under the name that pandas has for it."""
        return self.summary()

    def plot(self, ax: Any = None) -> Any:
        """Draw the MAP above, posterior mean and interval below, and where the scale lies."""
        from bayesreg.plots import plot_bayesian_path

        return plot_bayesian_path(self, ax)

    def _frame(self, values: Array) -> pd.DataFrame:
        import pandas as pd

        index = pd.Index(self.scales, name="scale")
        return pd.DataFrame(values, index=index, columns=list(self.problem.features))

    def __repr__(self) -> str:
        """Range, engine, and where the scale lies."""
        head = (
            f"posterior at {len(self.scales)} scales from {self.scales.max():.4g} to "
            f"{self.scales.min():.4g}, by {self.engine}"
        )
        if self.own and self.optimum is not None:
            head += f"; its optima at {self.own}, posterior medians"
        where = "" if self.posterior is None else f"\n{self.posterior!r}"
        return f"{head}{where}"
